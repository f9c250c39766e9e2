// The vector code of one part of a loop nest: loops, addresses, loads, stores, accumulators.
// Long because all of it shares the state of one emitter: what is loaded, where the addresses stand, which values are
// registers.
#include "loop/llvm/part.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "loop/llvm/math.h"
#include "loop/llvm/scalar.h"
#include "loop/llvm/transpose.h"
#include "loop/schedule.h"

namespace neve::loop {
namespace {

using llvm::Value;
constexpr int64_t sum_chunk =
    64;  // steps that one accumulator adds before it is added to the total: keeps long f32 sums exact enough

/// What varies along the lanes, per operand of a stage.
class Variation {
 public:
  explicit Variation(const LoopPart& part) : part_(part) {}

  size_t lane_position() const {
    return part_.lanes_inner ? part_.outer.size() + part_.inner.size() - 1 : part_.outer.size() - 1;
  }
  bool access_varies(const LoopAccess& a) const {
    if (part_.lanes_inner || !part_.outer.empty())
      if (a.strides[lane_position()].kind != LoopStride::zero) return true;
    return index_varies(a);
  }
  bool index_varies(const LoopAccess& a) const {
    for (const LoopIndirect& g : a.indirect)
      if (access_varies(part_.accesses[size_t(g.access)])) return true;
    return false;
  }
  /// Per step of a stage's program: whether its value differs between lanes.
  std::vector<bool> steps(const LoopStage& s) const {
    std::vector<bool> v(s.program.nodes.size());
    for (size_t i = 0; i < v.size(); ++i) {
      const ScalarNode& n = s.program.nodes[i];
      if (n.op == ScalarOp::input) {
        const LoopOperand& o = s.operands[size_t(n.a)];
        if (o.kind == LoopOperand::access)
          v[i] = access_varies(part_.accesses[size_t(o.index)]) && (s.inner || !part_.lanes_inner);
        if (o.kind == LoopOperand::reg) v[i] = !part_.lanes_inner;
        if (o.kind == LoopOperand::scratch) v[i] = true;
        continue;
      }
      const int32_t arg[] = {n.a, n.b, n.c};
      for (int k = 0; k < operand_count(n.op); ++k) v[i] = v[i] || v[size_t(arg[k])];
    }
    return v;
  }

 private:
  const LoopPart& part_;
};

class PartEmitter {
 public:
  PartEmitter(llvm::Module& module, const LoopNest& nest, const LoopPart& part, Isa isa)
      : nest_(nest),
        part_(part),
        slots_(part),
        variation_(part),
        builder_(module.getContext()),
        e_{module, builder_, isa},
        b_(builder_),
        widths_(widths_of(part, isa)) {
    for (const LoopStage& s : part.stages) varies_.push_back(variation_.steps(s));
  }

  void rows(const std::string& name) {
    begin(name);
    prelude_tiles();
    e_.loop(e_.i64(0), extent_[0], 1, [&](Value* r) {
      fetch_gathered(r);
      std::vector<Value*> at = base_;
      step(at, 0, r);
      for (const auto& [a, memory] : tile_)
        at[size_t(a)] = b_.CreateGEP(memory_type(a), memory, b_.CreateMul(r, e_.i64(tile_lanes)));
      whole_row(at);
    });
    b_.CreateRetVoid();
  }

  void stage(size_t s, const std::string& name) {
    begin(name);
    if (part_.lanes_inner) {
      Lanes one;
      load_registers(one);
      run_stage(s, base_, one);
      store_registers(s, one);
    } else {
      // The call has at most `main` lanes.
      const auto block = [&](Lanes l) {
        load_registers(l);
        run_stage(s, base_, l);
        store_registers(s, l);
      };
      Value* full = b_.CreateICmpSGE(extent_[1], e_.i64(widths_.main));
      e_.branch(
          full, [&] { block({widths_.main, nullptr, e_.i64(0), nullptr}); },
          [&] { block(masked(widths_.main, e_.i64(0), extent_[1])); });
    }
    b_.CreateRetVoid();
  }

 private:
  /// The lanes in work: `width` of them from lane `first`; `mask` null: all of them.
  struct Lanes {
    unsigned width = 1;
    Value* mask = nullptr;
    Value* first = nullptr;   // null: not over a lane axis (one value a row)
    Value* active = nullptr;  // number of lanes under the mask
  };

  // ---- the function and its arguments ----
  void begin(const std::string& name) {
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {e_.ptr()}, false);
    e_.function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, &e_.module);
    e_.function->addFnAttr(llvm::Attribute::NoUnwind);
    e_.function->addFnAttr("prefer-vector-width", e_.isa == Isa::avx512 ? "512" : "256");
    e_.function->addFnAttr("min-legal-vector-width", "512");
    auto* entry = llvm::BasicBlock::Create(e_.context(), "entry", e_.function);
    auto* start = llvm::BasicBlock::Create(e_.context(), "start", e_.function);
    b_.SetInsertPoint(entry);
    b_.CreateBr(start);
    b_.SetInsertPoint(start);
    Value* args = e_.function->getArg(0);
    const auto field = [&](unsigned i) { return b_.CreateLoad(e_.ptr(), b_.CreateConstGEP1_32(e_.ptr(), args, i)); };
    Value *bases = field(0), *strides = field(1), *extents = field(2), *scratch = field(4);
    values_ = field(3);
    status_ = field(5);
    registers_ = field(6);
    const int n = slots_.count();
    for (size_t a = 0; a < part_.accesses.size(); ++a) {
      base_.push_back(b_.CreateLoad(e_.ptr(), b_.CreateConstGEP1_32(e_.ptr(), bases, unsigned(a))));
      for (int s = 0; s < n; ++s) {
        const bool none = slot_kind(int(a), s) == LoopStride::zero && !dynamic(int(a), s);
        stride_.push_back(
            none ? nullptr
                 : b_.CreateLoad(e_.i64(), b_.CreateConstGEP1_32(e_.i64(), strides, unsigned(int(a) * n + s))));
      }
    }
    for (int s = 0; s < n; ++s)
      extent_.push_back(b_.CreateLoad(e_.i64(), b_.CreateConstGEP1_32(e_.i64(), extents, unsigned(s))));
    for (size_t i = 0; i < part_.scratch.size(); ++i)
      scratch_.push_back(b_.CreateLoad(e_.ptr(), b_.CreateConstGEP1_32(e_.ptr(), scratch, unsigned(i))));
    for (int a = 0; a < int(part_.accesses.size()); ++a)
      if (const int t = tile_of(nest_, part_, a); t >= 0)
        tile_[a] = b_.CreateLoad(e_.ptr(), b_.CreateConstGEP1_32(e_.ptr(), scratch, unsigned(t)));
  }

  /// What is known of the stride of an access along a slot. The row slot and joined inner slots may stand for any axis.
  LoopStride::Kind slot_kind(int a, int slot) const {
    const std::vector<LoopStride>& s = part_.accesses[size_t(a)].strides;
    if (slot == slots_.lane()) {
      if (!part_.lanes_inner && part_.outer.empty()) return LoopStride::zero;
      const LoopStride& x = s[variation_.lane_position()];
      return x.unless_one != -1 ? LoopStride::value : x.kind;
    }
    const size_t outer = part_.outer.size();
    const size_t from = slot >= slots_.first_inner() ? outer : 0, to = slot >= slots_.first_inner() ? s.size() : outer;
    for (size_t i = from; i < to; ++i)
      if (s[i].kind != LoopStride::zero) return LoopStride::value;
    return LoopStride::zero;
  }
  bool dynamic(int a, int slot) const { return slot_kind(a, slot) == LoopStride::value; }
  Value* stride(int a, int slot) const { return stride_[size_t(a) * size_t(slots_.count()) + size_t(slot)]; }
  llvm::Type* memory_type(int a) const { return e_.memory_type(dtype(a)); }
  DType dtype(int a) const { return nest_.buffers[size_t(part_.accesses[size_t(a)].buffer)].dtype; }

  /// Moves all addresses by i along a slot.
  void step(std::vector<Value*>& at, int slot, Value* i) const {
    for (int a = 0; a < int(at.size()); ++a)
      if (stride(a, slot)) at[size_t(a)] = e_.offset(at[size_t(a)], b_.CreateMul(i, stride(a, slot)));
  }

  Lanes masked(unsigned width, Value* first, Value* end) const {
    Value* active = b_.CreateSub(end, first);
    llvm::SmallVector<llvm::Constant*, 64> index;
    for (unsigned i = 0; i < width; ++i) index.push_back(b_.getInt32(i));
    Value* limit =
        b_.CreateTrunc(b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, active, e_.i64(width)), b_.getInt32Ty());
    Value* mask = width == 1 ? b_.CreateICmpSGT(active, e_.i64(0))
                             : b_.CreateICmpULT(llvm::ConstantVector::get(index), e_.splat(limit, width));
    return {width, mask, first, b_.CreateZExt(limit, e_.i64())};
  }

  // ---- rows ----
  void whole_row(const std::vector<Value*>& at) {
    if (part_.lanes_inner) {
      Lanes one;
      for (size_t s = 0; s < part_.stages.size(); ++s) run_stage(s, at, one);
      return;
    }
    load_uniform(at);
    Value* n = extent_[1];
    Value* main_end = b_.CreateAnd(n, e_.i64(-int64_t(widths_.main)));
    const auto block = [&](const Lanes& l) {
      for (size_t s = 0; s < part_.stages.size(); ++s) run_stage(s, at, l);
    };
    e_.loop(e_.i64(0), main_end, widths_.main, [&](Value* l) { block({widths_.main, nullptr, l, nullptr}); });
    e_.loop(main_end, n, widths_.vector, [&](Value* l) { block(masked(widths_.vector, l, n)); });
    uniform_.clear();
  }

  /// Where lanes are outer: what is the same for all lanes and moves along no inner axis is read once a row.
  void load_uniform(const std::vector<Value*>& at) {
    for (int a = 0; a < int(at.size()); ++a) {
      const LoopAccess& x = part_.accesses[size_t(a)];
      if (nest_.buffers[size_t(x.buffer)].output || variation_.access_varies(x) || follows_inner(x)) continue;
      if (is_read(a)) uniform_[a] = load_one(a, address(a, at));
    }
  }
  bool follows_inner(const LoopAccess& x) const {
    for (size_t i = part_.outer.size(); i < x.strides.size(); ++i)
      if (x.strides[i].kind != LoopStride::zero) return true;
    for (const LoopIndirect& g : x.indirect)
      if (follows_inner(part_.accesses[size_t(g.access)])) return true;
    return false;
  }
  bool is_read(int a) const {
    for (const LoopStage& s : part_.stages)
      for (const LoopOperand& o : s.operands)
        if (o.kind == LoopOperand::access && o.index == a) return true;
    return false;
  }

  // ---- stages ----
  void run_stage(size_t s, const std::vector<Value*>& at, const Lanes& lanes) {
    const LoopStage& stage = part_.stages[s];
    if (!stage.inner) {
      const std::vector<Value*> r = program(s, at, lanes, nullptr);
      for (size_t k = 0; k < r.size(); ++k) {
        if (stage.results[k].kind == LoopResult::store)
          store(stage.results[k].index, at, lanes, r[k]);
        else
          registers_now_[stage.results[k].index] = r[k];
      }
      return;
    }
    stage_uniform_.clear();
    if (part_.lanes_inner)
      inner_lanes(s, at);
    else
      inner_loops(s, at, lanes);
    stage_uniform_.clear();
  }

  struct Accumulator {
    size_t result;  // of the stage
    ReduceKind kind;
    DType dtype;
    bool chunked;
    Value *part, *total;  // variables; part only where chunked
  };
  std::vector<Accumulator> accumulators(size_t s, unsigned width) {
    std::vector<Accumulator> list;
    const LoopStage& stage = part_.stages[s];
    for (size_t k = 0; k < stage.results.size(); ++k) {
      if (stage.results[k].kind != LoopResult::accumulate) continue;
      const DType t = part_.registers[size_t(stage.results[k].index)];
      llvm::Type* type = Emit::vec(e_.compute_type(t), width);
      const bool chunked = stage.results[k].reduce == ReduceKind::sum && is_float(t) && t != DType::f64;
      Accumulator a{k, stage.results[k].reduce, t, chunked, chunked ? e_.variable(type) : nullptr, e_.variable(type)};
      b_.CreateStore(identity(t, a.kind, width), a.total);
      list.push_back(a);
    }
    return list;
  }
  Value* identity(DType t, ReduceKind kind, unsigned width) const {
    llvm::Type* type = e_.compute_type(t);
    const unsigned bits = type->isIntegerTy() ? type->getIntegerBitWidth() : 0;
    llvm::Constant* c = nullptr;
    switch (kind) {
      case ReduceKind::sum:
        c = llvm::Constant::getNullValue(type);
        break;
      case ReduceKind::prod:
        c = is_float(t) ? llvm::ConstantFP::get(type, 1.0) : llvm::ConstantInt::get(type, 1);
        break;
      case ReduceKind::max:
      case ReduceKind::min: {
        const bool max = kind == ReduceKind::max;
        if (is_float(t))
          c = llvm::ConstantFP::getInfinity(type, max);
        else if (is_signed_int(t))
          c = llvm::ConstantInt::get(type,
                                     max ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getSignedMaxValue(bits));
        else
          c = llvm::ConstantInt::get(type, max ? llvm::APInt::getMinValue(bits) : llvm::APInt::getMaxValue(bits));
      }
    }
    return e_.splat(c, width);
  }
  Value* reduce(DType t, ReduceKind kind, Value* x, Value* acc) const {
    const ScalarOp op = kind == ReduceKind::sum    ? ScalarOp::add
                        : kind == ReduceKind::prod ? ScalarOp::mul
                        : kind == ReduceKind::max  ? ScalarOp::max
                                                   : ScalarOp::min;
    return emit_step(e_, ScalarNode{op, t}, t, x, acc, nullptr);
  }
  void accumulate(const Accumulator& a, Value* x, const Lanes& lanes) const {
    Value* to = a.chunked ? a.part : a.total;
    // Under a mask, lanes without an element add nothing. Where lanes are outer they are never stored.
    if (lanes.mask && part_.lanes_inner) x = b_.CreateSelect(lanes.mask, x, identity(a.dtype, a.kind, lanes.width));
    b_.CreateStore(reduce(a.dtype, a.kind, x, b_.CreateLoad(x->getType(), to)), to);
  }
  void open_chunk(const std::vector<Accumulator>& list, unsigned width) const {
    for (const Accumulator& a : list)
      if (a.chunked) b_.CreateStore(identity(a.dtype, a.kind, width), a.part);
  }
  void close_chunk(const std::vector<Accumulator>& list, unsigned width) const {
    for (const Accumulator& a : list) {
      if (!a.chunked) continue;
      llvm::Type* type = Emit::vec(e_.compute_type(a.dtype), width);
      b_.CreateStore(reduce(a.dtype, a.kind, b_.CreateLoad(type, a.part), b_.CreateLoad(type, a.total)), a.total);
    }
  }
  static bool any_chunked(const std::vector<Accumulator>& list) {
    return std::any_of(list.begin(), list.end(), [](const Accumulator& a) { return a.chunked; });
  }

  /// [from, to) in steps, in chunks where sums want that.
  void chunked_loop(Value* from, Value* to, int64_t step_by, const std::vector<Accumulator>& acc, unsigned width,
                    const std::function<void(Value*)>& body) const {
    if (!any_chunked(acc)) return e_.loop(from, to, step_by, body);
    e_.loop(from, to, step_by * sum_chunk, [&](Value* c) {
      open_chunk(acc, width);
      Value* end = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b_.CreateAdd(c, e_.i64(step_by * sum_chunk)), to);
      e_.loop(c, end, step_by, body);
      close_chunk(acc, width);
    });
  }

  /// Lanes along an outer axis: plain loops over the inner axes, accumulators by lane.
  void inner_loops(size_t s, const std::vector<Value*>& at, const Lanes& lanes) {
    const std::vector<Accumulator> acc = accumulators(s, lanes.width);
    load_stage_invariant(s, at, lanes, slots_.first_inner());
    const std::function<void(int, std::vector<Value*>, Value*)> nest = [&](int slot, std::vector<Value*> here,
                                                                           Value* linear) {
      const bool last = slot + 1 == slots_.count();
      const auto body = [&](Value* i) {
        std::vector<Value*> p = here;
        step(p, slot, i);
        Value* k = b_.CreateAdd(b_.CreateMul(linear, extent_[size_t(slot)]), i);
        if (!last) return nest(slot + 1, p, k);
        finish_point(s, p, lanes, k, acc);
      };
      if (last)
        chunked_loop(e_.i64(0), extent_[size_t(slot)], 1, acc, lanes.width, body);
      else
        e_.loop(e_.i64(0), extent_[size_t(slot)], 1, body);
    };
    nest(slots_.first_inner(), at, e_.i64(0));
    for (const Accumulator& a : acc)
      registers_now_[part_.stages[s].results[a.result].index] =
          b_.CreateLoad(Emit::vec(e_.compute_type(a.dtype), lanes.width), a.total);
  }

  /// Lanes along the last inner axis.
  void inner_lanes(size_t s, const std::vector<Value*>& at) {
    const std::vector<Accumulator> wide = accumulators(s, widths_.main);
    const std::vector<Accumulator> tail = widths_.main == widths_.vector ? wide : accumulators(s, widths_.vector);
    const int lane = slots_.lane();
    const std::function<void(int, std::vector<Value*>, Value*)> nest = [&](int slot, std::vector<Value*> here,
                                                                           Value* linear) {
      load_stage_invariant(s, here, {}, slot);
      if (slot != lane) {
        return e_.loop(e_.i64(0), extent_[size_t(slot)], 1, [&](Value* i) {
          std::vector<Value*> p = here;
          step(p, slot, i);
          nest(slot + 1, p, b_.CreateAdd(b_.CreateMul(linear, extent_[size_t(slot)]), i));
        });
      }
      Value* n = extent_[size_t(lane)];
      Value* line = b_.CreateMul(linear, n);
      Value* main_end = b_.CreateAnd(n, e_.i64(-int64_t(widths_.main)));
      chunked_loop(e_.i64(0), main_end, widths_.main, wide, widths_.main,
                   [&](Value* l) { finish_point(s, here, {widths_.main, nullptr, l, nullptr}, line, wide); });
      chunked_loop(main_end, n, widths_.vector, tail, widths_.vector,
                   [&](Value* l) { finish_point(s, here, masked(widths_.vector, l, n), line, tail); });
    };
    nest(slots_.first_inner(), at, e_.i64(0));
    for (size_t i = 0; i < wide.size(); ++i) {
      const Accumulator &a = wide[i], &t = tail[i];
      Value* v = fold(a, b_.CreateLoad(Emit::vec(e_.compute_type(a.dtype), widths_.main), a.total), widths_.vector);
      if (t.total != a.total) v = reduce(a.dtype, a.kind, v, b_.CreateLoad(v->getType(), t.total));
      registers_now_[part_.stages[s].results[a.result].index] = fold(a, v, 1);
    }
  }
  /// Halves a vector of partial results until `width` is left.
  Value* fold(const Accumulator& a, Value* v, unsigned width) const {
    while (Emit::lanes(v) > width) {
      const unsigned half = Emit::lanes(v) / 2;
      v = reduce(a.dtype, a.kind, e_.slice(v, 0, half), e_.slice(v, half, half));
    }
    return v;
  }

  void finish_point(size_t s, const std::vector<Value*>& at, const Lanes& lanes, Value* linear,
                    const std::vector<Accumulator>& acc) {
    const LoopStage& stage = part_.stages[s];
    const std::vector<Value*> r = program(s, at, lanes, linear);
    for (size_t k = 0; k < r.size(); ++k) {
      const LoopResult& to = stage.results[k];
      if (to.kind == LoopResult::store) store(to.index, at, lanes, r[k]);
      if (to.kind == LoopResult::scratch) store_scratch(to.index, lanes, linear, r[k]);
    }
    for (const Accumulator& a : acc) accumulate(a, r[a.result], lanes);
  }

  /// Reads, before the loop over `slot`, what does not move in it nor further inside.
  void load_stage_invariant(size_t s, const std::vector<Value*>& at, const Lanes& lanes, int slot) {
    for (const LoopOperand& o : part_.stages[s].operands) {
      if (o.kind != LoopOperand::access || uniform_.count(o.index) || stage_uniform_.count(o.index)) continue;
      if (moves_from(part_.accesses[size_t(o.index)], o.index, slot)) continue;
      if (part_.lanes_inner)
        stage_uniform_[o.index] = load_one(o.index, address(o.index, at));
      else
        stage_uniform_[o.index] = load(o.index, at, lanes);
    }
  }
  bool moves_from(const LoopAccess& x, int a, int slot) const {
    for (int k = slot; k < slots_.count(); ++k)
      if (stride(a, k)) return true;
    for (const LoopIndirect& g : x.indirect)
      if (moves_from(part_.accesses[size_t(g.access)], g.access, slot)) return true;
    return false;
  }
  // ---- programs ----
  /// Whether a value is rounded or compared somewhere: there the last bit of a quotient becomes a whole step.
  static bool has_steps(const LoopPart& part) {
    for (const LoopStage& stage : part.stages)
      for (const ScalarNode& n : stage.program.nodes) {
        const bool whole = n.op == ScalarOp::floor || n.op == ScalarOp::ceil || n.op == ScalarOp::trunc ||
                           n.op == ScalarOp::round || n.op == ScalarOp::rem || n.op == ScalarOp::floor_mod ||
                           (n.op >= ScalarOp::eq && n.op <= ScalarOp::ge);
        if (whole || ((n.op == ScalarOp::cast || n.op == ScalarOp::cast_saturate) && !is_float(n.dtype))) return true;
      }
    return false;
  }

  /// Results of a stage's program, each as wide as `lanes`.
  std::vector<Value*> program(size_t s, const std::vector<Value*>& at, const Lanes& lanes, Value* linear) {
    const LoopStage& stage = part_.stages[s];
    std::vector<Value*> v(stage.program.nodes.size());
    // Steps that are the same for all lanes are computed once.
    const auto width = [&](size_t i) { return varies_[s][i] ? lanes.width : 1u; };
    for (size_t i = 0; i < v.size(); ++i) {
      const ScalarNode& n = stage.program.nodes[i];
      if (n.op == ScalarOp::input) {
        v[i] = operand(stage.operands[size_t(n.a)], at, lanes, linear);
        if (!varies_[s][i] && Emit::lanes(v[i]) > 1) v[i] = e_.slice(v[i], 0, 1);
        continue;
      }
      if (n.op == ScalarOp::constant) {
        v[i] = emit_constant(e_, n, 1);
        continue;
      }
      if (n.op == ScalarOp::div && is_float(n.dtype) && varies_[s][i] && !varies_[s][size_t(n.b)] && !steps_) {
        v[i] = divide_by_uniform(n.dtype, v[size_t(n.a)], v[size_t(n.b)], lanes.width);
        continue;
      }
      const int32_t id[] = {n.a, n.b, n.c};
      Value* arg[3] = {};
      for (int k = 0; k < operand_count(n.op); ++k) {
        arg[k] = v[size_t(id[k])];
        if (Emit::lanes(arg[k]) == 1) arg[k] = e_.splat(arg[k], width(i));
      }
      v[i] = emit_step(e_, n, stage.program.nodes[size_t(n.a)].dtype, arg[0], arg[1], arg[2]);
    }
    std::vector<Value*> results;
    for (int32_t id : stage.program.results)
      results.push_back(Emit::lanes(v[size_t(id)]) == 1 ? e_.splat(v[size_t(id)], lanes.width) : v[size_t(id)]);
    return results;
  }

  /// x / y with one y for all lanes: by two factors, whose product is 1 / y. The second one is 1 unless 1 / y is no
  /// normal number.
  Value* divide_by_uniform(DType t, Value* x, Value* y, unsigned width) const {
    llvm::Type* type = y->getType();
    const auto c = [&](double v) { return e_.constant(type, v); };
    const double least = t == DType::f64 ? 0x1p-1000 : 0x1p-120, step = t == DType::f64 ? 0x1p512 : 0x1p64;
    Value* size = e_.intrinsic(llvm::Intrinsic::fabs, y);
    Value* tiny = b_.CreateAnd(b_.CreateFCmpOLT(size, c(least)), b_.CreateFCmpOGT(size, c(0)));
    Value* huge = b_.CreateAnd(b_.CreateFCmpOGT(size, c(1 / least)),
                               b_.CreateFCmpOLT(size, c(std::numeric_limits<double>::infinity())));
    Value* second = b_.CreateSelect(tiny, c(step), b_.CreateSelect(huge, c(1 / step), c(1)));
    Value* first = b_.CreateFDiv(c(1), b_.CreateFMul(y, second));
    if (Emit::lanes(x) == 1) x = e_.splat(x, width);
    return b_.CreateFMul(b_.CreateFMul(x, e_.splat(first, width)), e_.splat(second, width));
  }

  Value* operand(const LoopOperand& o, const std::vector<Value*>& at, const Lanes& lanes, Value* linear) {
    switch (o.kind) {
      case LoopOperand::access: {
        if (const auto u = uniform_.find(o.index); u != uniform_.end()) return u->second;
        if (const auto u = stage_uniform_.find(o.index); u != stage_uniform_.end()) return u->second;
        return load(o.index, at, lanes);
      }
      case LoopOperand::reg:
        return registers_now_.at(o.index);
      case LoopOperand::scratch:
        return load_scratch(o.index, lanes, linear);
      case LoopOperand::size:
        return b_.CreateLoad(e_.i64(), b_.CreateConstGEP1_32(e_.i64(), values_, unsigned(o.index)));
    }
    return nullptr;
  }

  // ---- memory ----
  /// Address of an access without its lane, what gathers add included where it is the same for all lanes.
  Value* address(int a, const std::vector<Value*>& at) {
    Value* p = at[size_t(a)];
    const LoopAccess& x = part_.accesses[size_t(a)];
    if (variation_.index_varies(x)) return p;
    for (const LoopIndirect& g : x.indirect) p = e_.offset(p, index_bytes(a, g, load_index(g, at[size_t(g.access)])));
    return p;
  }
  /// Rows that an index picks lie anywhere: the first lines of the one that comes a few rows later are asked for, since
  /// memory takes longer to answer than a short row to compute.
  void fetch_gathered(Value* r) {
    constexpr int64_t rows_ahead = 8, most_lines = 4, line = 64;
    const auto picks_rows = [&](int a) {
      const LoopAccess& x = part_.accesses[size_t(a)];
      return !x.indirect.empty() && !variation_.index_varies(x) &&
             std::any_of(x.indirect.begin(), x.indirect.end(), [&](const auto& g) { return stride(g.access, 0); });
    };
    std::vector<int> gathered;
    for (int a = 0; a < int(part_.accesses.size()); ++a)
      if (picks_rows(a) && slot_kind(a, slots_.lane()) == LoopStride::one) gathered.push_back(a);
    if (gathered.empty()) return;
    Value* later = b_.CreateAdd(r, e_.i64(rows_ahead));
    e_.branch(b_.CreateICmpSLT(later, extent_[0]), [&] {
      std::vector<Value*> at = base_;
      step(at, 0, later);
      for (int a : gathered) {
        Value* from = address(a, at);
        Value* bytes = b_.CreateMul(extent_[size_t(slots_.lane())], e_.i64(size_of(dtype(a))));
        bytes = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, bytes, e_.i64(most_lines * line));
        e_.loop(e_.i64(0), bytes, line, [&](Value* i) {
          b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {e_.ptr()},
                             {e_.offset(from, i), b_.getInt32(0), b_.getInt32(3), b_.getInt32(1)});
        });
      }
    });
  }
  Value* load_index(const LoopIndirect& g, Value* p) const {
    return b_.CreateSExtOrTrunc(b_.CreateAlignedLoad(memory_type(g.access), p, llvm::Align(1)), e_.i64());
  }
  /// Bytes that an index adds; out of range: 0, and the status is set.
  Value* index_bytes(int a, const LoopIndirect& g, Value* index) const {
    const auto entry = [&](int32_t i) {
      return b_.CreateLoad(e_.i64(), b_.CreateConstGEP1_32(e_.i64(), values_, unsigned(i)));
    };
    Value* extent = entry(g.extent);
    index = b_.CreateSelect(b_.CreateICmpSLT(index, e_.i64(0)), b_.CreateAdd(index, extent), index);
    Value* good = b_.CreateICmpULT(index, extent);
    e_.branch(good, [] {}, [&] { b_.CreateStore(e_.i64(1), status_); });
    index = b_.CreateSelect(good, index, e_.i64(0));
    if (g.stride.kind == LoopStride::zero) return e_.i64(0);
    Value* by = g.stride.kind == LoopStride::one ? e_.i64(1) : entry(g.stride.stride);
    return b_.CreateMul(b_.CreateMul(index, by), e_.i64(size_of(dtype(a))));
  }
  Value* load_one(int a, Value* p) const {
    return emit_unpack(e_, dtype(a), b_.CreateAlignedLoad(memory_type(a), p, align(a)));
  }
  llvm::Align align(int a) const { return llvm::Align(uint64_t(size_of(dtype(a)))); }

  Value* load(int a, const std::vector<Value*>& at, const Lanes& lanes) {
    Value* p = address(a, at);
    if (!lanes.first) return load_one(a, p);
    llvm::Type* scalar = memory_type(a);
    llvm::Type* type = Emit::vec(scalar, lanes.width);
    if (variation_.index_varies(part_.accesses[size_t(a)])) return load_by_lane(a, at, lanes);
    const int slot = slots_.lane();
    const LoopStride::Kind kind = tile_.count(a) ? LoopStride::one : slot_kind(a, slot);
    const auto contiguous = [&] {
      Value* q = b_.CreateGEP(scalar, p, lanes.first);
      if (!lanes.mask) return static_cast<Value*>(b_.CreateAlignedLoad(type, q, align(a)));
      if (lanes.width == 1) return static_cast<Value*>(b_.CreateAlignedLoad(type, q, align(a)));
      return static_cast<Value*>(
          b_.CreateMaskedLoad(type, q, align(a), lanes.mask, llvm::Constant::getNullValue(type)));
    };
    if (kind == LoopStride::zero) return e_.splat(load_one(a, p), lanes.width);
    if (kind == LoopStride::one) return emit_unpack(e_, dtype(a), contiguous());
    // Known only now: contiguous, all the same, or apart.
    Value* memory = e_.variable(type);
    Value* by = stride(a, slot);
    e_.branch(
        b_.CreateICmpEQ(by, e_.i64(size_of(dtype(a)))), [&] { b_.CreateStore(contiguous(), memory); },
        [&] {
          e_.branch(
              b_.CreateICmpEQ(by, e_.i64(0)),
              [&] { b_.CreateStore(e_.splat(b_.CreateAlignedLoad(scalar, p, align(a)), lanes.width), memory); },
              [&] {
                if (lanes.mask) b_.CreateStore(llvm::Constant::getNullValue(type), memory);
                Value* start = e_.offset(p, b_.CreateMul(lanes.first, by));
                e_.loop(e_.i64(0), lanes.mask ? lanes.active : e_.i64(lanes.width), 1, [&](Value* i) {
                  Value* x = b_.CreateAlignedLoad(scalar, e_.offset(start, b_.CreateMul(i, by)), align(a));
                  b_.CreateStore(x, b_.CreateGEP(scalar, memory, i));
                });
              });
        });
    return emit_unpack(e_, dtype(a), b_.CreateLoad(type, memory));
  }

  /// A gather whose index differs between lanes.
  Value* load_by_lane(int a, const std::vector<Value*>& at, const Lanes& lanes) {
    llvm::Type* scalar = memory_type(a);
    llvm::Type* type = Emit::vec(scalar, lanes.width);
    Value* memory = e_.variable(type);
    const int slot = slots_.lane();
    if (lanes.mask) b_.CreateStore(llvm::Constant::getNullValue(type), memory);
    const auto lane_at = [&](int x, Value* i) {
      Value* p = at[size_t(x)];
      return stride(x, slot) ? e_.offset(p, b_.CreateMul(b_.CreateAdd(lanes.first, i), stride(x, slot))) : p;
    };
    e_.loop(e_.i64(0), lanes.mask ? lanes.active : e_.i64(lanes.width), 1, [&](Value* i) {
      Value* p = lane_at(a, i);
      for (const LoopIndirect& g : part_.accesses[size_t(a)].indirect)
        p = e_.offset(p, index_bytes(a, g, load_index(g, lane_at(g.access, i))));
      b_.CreateStore(b_.CreateAlignedLoad(scalar, p, align(a)), b_.CreateGEP(scalar, memory, i));
    });
    return emit_unpack(e_, dtype(a), b_.CreateLoad(type, memory));
  }

  void store(int a, const std::vector<Value*>& at, const Lanes& lanes, Value* v) {
    v = emit_pack(e_, dtype(a), v);
    Value* p = at[size_t(a)];
    llvm::Type* scalar = memory_type(a);
    if (!lanes.first) {
      b_.CreateAlignedStore(v, p, align(a));
      return;
    }
    const int slot = slots_.lane();
    const auto contiguous = [&] {
      Value* q = b_.CreateGEP(scalar, p, lanes.first);
      if (lanes.mask && lanes.width > 1)
        b_.CreateMaskedStore(v, q, align(a), lanes.mask);
      else
        b_.CreateAlignedStore(v, q, align(a));
    };
    if (slot_kind(a, slot) == LoopStride::one) return contiguous();
    Value* by = stride(a, slot) ? stride(a, slot) : e_.i64(0);
    e_.branch(b_.CreateICmpEQ(by, e_.i64(size_of(dtype(a)))), contiguous, [&] {
      Value* memory = e_.variable(v->getType());
      b_.CreateStore(v, memory);
      Value* start = e_.offset(p, b_.CreateMul(lanes.first, by));
      e_.loop(e_.i64(0), lanes.mask ? lanes.active : e_.i64(lanes.width), 1, [&](Value* i) {
        b_.CreateAlignedStore(b_.CreateLoad(scalar, b_.CreateGEP(scalar, memory, i)),
                              e_.offset(start, b_.CreateMul(i, by)), align(a));
      });
    });
  }

  // Scratch keeps compute types; bool as bytes.
  llvm::Type* scratch_type(DType t) const { return t == DType::boolean ? b_.getInt8Ty() : e_.compute_type(t); }
  Value* scratch_address(int i, const Lanes& lanes, Value* linear) const {
    Value* index = part_.lanes_inner ? b_.CreateAdd(linear, lanes.first) : b_.CreateMul(linear, e_.i64(widths_.main));
    return b_.CreateGEP(scratch_type(part_.scratch[size_t(i)]), scratch_[size_t(i)], index);
  }
  Value* load_scratch(int i, const Lanes& lanes, Value* linear) const {
    const DType t = part_.scratch[size_t(i)];
    llvm::Type* type = Emit::vec(scratch_type(t), lanes.width);
    Value* p = scratch_address(i, lanes, linear);
    const llvm::Align al{uint64_t(scratch_element(t))};
    Value* v =
        lanes.mask && lanes.width > 1 && part_.lanes_inner
            ? static_cast<Value*>(b_.CreateMaskedLoad(type, p, al, lanes.mask, llvm::Constant::getNullValue(type)))
            : static_cast<Value*>(b_.CreateAlignedLoad(type, p, al));
    return t == DType::boolean ? emit_unpack(e_, t, v) : v;
  }
  void store_scratch(int i, const Lanes& lanes, Value* linear, Value* v) const {
    const DType t = part_.scratch[size_t(i)];
    if (t == DType::boolean) v = emit_pack(e_, t, v);
    Value* p = scratch_address(i, lanes, linear);
    const llvm::Align al{uint64_t(scratch_element(t))};
    if (lanes.mask && lanes.width > 1 && part_.lanes_inner)
      b_.CreateMaskedStore(v, p, al, lanes.mask);
    else
      b_.CreateAlignedStore(v, p, al);
  }

  // ---- registers in memory (stage kernels) ----
  void load_registers(const Lanes& lanes) {
    for (size_t r = 0; r < part_.registers.size(); ++r) {
      const DType t = part_.registers[r];
      llvm::Type* type = Emit::vec(scratch_type(t), lanes.width);
      Value* v =
          b_.CreateAlignedLoad(type, e_.offset(registers_, e_.i64(int64_t(r) * register_stride)), llvm::Align(1));
      registers_now_[int32_t(r)] = t == DType::boolean ? emit_unpack(e_, t, v) : v;
    }
  }
  void store_registers(size_t s, const Lanes&) {
    for (const LoopResult& r : part_.stages[s].results) {
      if (r.kind != LoopResult::reg && r.kind != LoopResult::accumulate) continue;
      const DType t = part_.registers[size_t(r.index)];
      Value* v = registers_now_.at(r.index);
      if (t == DType::boolean) v = emit_pack(e_, t, v);
      b_.CreateAlignedStore(v, e_.offset(registers_, e_.i64(int64_t(r.index) * register_stride)), llvm::Align(1));
    }
  }

  // ---- tiles ----
  void prelude_tiles() {
    for (const auto& [a, memory] : tile_) {
      const TileCopy t{base_[size_t(a)], stride(a, 1),      memory,    extent_[0], extent_[1],
                       memory_type(a),   size_of(dtype(a)), tile_lanes};
      emit_tile(e_, t);
    }
  }

  const LoopNest& nest_;
  const LoopPart& part_;
  Slots slots_;
  Variation variation_;
  llvm::IRBuilder<> builder_;
  Emit e_;
  llvm::IRBuilder<>& b_;
  Widths widths_;
  std::vector<std::vector<bool>> varies_;
  bool steps_ = has_steps(part_);
  Value *values_ = nullptr, *status_ = nullptr, *registers_ = nullptr;
  std::vector<Value*> base_, stride_, extent_, scratch_;
  std::map<int, Value*> tile_;           // access -> memory of its tile
  std::map<int, Value*> uniform_;        // access -> value of the row
  std::map<int, Value*> stage_uniform_;  // access -> value read before a loop of the stage
  std::map<int32_t, Value*> registers_now_;
};

}  // namespace

Widths widths_of(const LoopPart& part, Isa isa) {
  const Variation variation(part);
  int64_t widest = 1;
  int cost = 0;
  const auto bytes = [](DType t) { return t == DType::f16 || t == DType::bf16 ? int64_t(4) : size_of(t); };
  for (const LoopStage& s : part.stages) {
    if (part.lanes_inner && !s.inner) continue;
    const std::vector<bool> varies = variation.steps(s);
    int here = int(s.results.size());
    for (size_t i = 0; i < varies.size(); ++i) {
      if (!varies[i]) continue;
      const ScalarNode& n = s.program.nodes[i];
      widest = std::max(widest, bytes(n.dtype));
      here += step_cost(n) + (n.op == ScalarOp::input);
    }
    cost = std::max(cost, here);
  }
  for (DType t : part.registers) widest = std::max(widest, bytes(t));
  const int64_t register_bytes = isa == Isa::avx512 ? 64 : isa == Isa::avx2 ? 32 : 16;
  const unsigned vector = unsigned(std::max<int64_t>(1, register_bytes / widest));
  // Vectors side by side hide what one of them waits for; there are 32 registers with AVX-512, 16 without.
  unsigned unroll = cost <= 8 ? 4 : cost <= (isa == Isa::avx512 ? 80 : 40) ? 2 : 1;
  while (unroll > 1 && vector * unroll > 64) unroll /= 2;
  return {vector, vector * unroll};
}

void emit_rows(llvm::Module& module, const LoopNest& nest, const LoopPart& part, Isa isa, const std::string& name) {
  PartEmitter(module, nest, part, isa).rows(name);
}
void emit_stage(llvm::Module& module, const LoopNest& nest, const LoopPart& part, size_t stage, Isa isa,
                const std::string& name) {
  PartEmitter(module, nest, part, isa).stage(stage, name);
}

}  // namespace neve::loop
