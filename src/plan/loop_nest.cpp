// Checks and questions about loop nests.
#include "plan/loop_nest.h"

#include <algorithm>

#include "base/error.h"

namespace neve {
namespace {

template <class... T>
[[noreturn]] void bad(const T&... what) {
  fail(ErrorCode::corrupt_file, "loop nest: ", what...);
}
template <class... T>
void require(bool ok, const T&... what) {
  if (!ok) bad(what...);
}

bool is_comparison(ScalarOp op) {
  return (op >= ScalarOp::eq && op <= ScalarOp::ge) || op == ScalarOp::is_nan || op == ScalarOp::is_inf;
}
bool is_float_only(ScalarOp op) { return op == ScalarOp::atan2 || (op >= ScalarOp::sqrt && op <= ScalarOp::sigmoid); }
bool is_int_only(ScalarOp op) { return op >= ScalarOp::bit_and && op <= ScalarOp::shift_right; }
bool is_logical(ScalarOp op) { return op >= ScalarOp::logical_and && op <= ScalarOp::logical_not; }

void check_node(const ScalarProgram& p, size_t i, size_t operands) {
  const ScalarNode& n = p.nodes[i];
  require(n.op <= ScalarOp::is_inf && n.dtype <= DType::boolean, "step ", i, " has an unknown operation or dtype");
  if (n.op == ScalarOp::input)
    return require(n.a >= 0 && size_t(n.a) < operands, "step ", i, " reads operand ", n.a, " of ", operands);
  const int count = operand_count(n.op);
  const int32_t arg[] = {n.a, n.b, n.c};
  for (int k = 0; k < count; ++k) require(arg[k] >= 0 && size_t(arg[k]) < i, "step ", i, " uses step ", arg[k]);
  const auto type = [&](int k) { return p.nodes[size_t(arg[k])].dtype; };
  const auto needs = [&](bool ok) {
    require(ok, "step ", i, " (", to_string(n.op), ") has operands or a result of the wrong dtype");
  };
  if (count == 0 || n.op == ScalarOp::cast || n.op == ScalarOp::cast_saturate) return;
  if (n.op == ScalarOp::select) return needs(type(0) == DType::boolean && type(1) == n.dtype && type(2) == n.dtype);
  if (is_comparison(n.op)) return needs(n.dtype == DType::boolean && (count == 1 || type(0) == type(1)));
  for (int k = 0; k < count; ++k) needs(type(k) == n.dtype);
  needs(!is_logical(n.op) || n.dtype == DType::boolean);
  needs(!is_float_only(n.op) || is_float(n.dtype));
  needs(!is_int_only(n.op) || !is_float(n.dtype));
}

struct PartCheck {
  const LoopNest& nest;
  const LoopPart& part;
  std::vector<bool> reg_known, scratch_known;

  void entry(int32_t e) const { require(e >= 0 && e < nest.values, "entry ", e, " of ", nest.values); }
  void stride(const LoopStride& s) const {
    require(s.kind <= LoopStride::value, "stride kind");
    if (s.kind == LoopStride::value)
      entry(s.stride);
    else
      require(s.stride == -1, "a known stride names an entry");
    if (s.unless_one != -1) entry(s.unless_one), require(s.kind != LoopStride::zero, "stride 0 has a condition");
  }
  void access(const LoopAccess& a) const {
    require(a.buffer >= 0 && size_t(a.buffer) < nest.buffers.size(), "buffer ", a.buffer, " of ", nest.buffers.size());
    require(nest.buffers[size_t(a.buffer)].used, "an access to unused buffer ", a.buffer);
    if (a.offset != -1) entry(a.offset);
    require(a.strides.size() == part.outer.size() + part.inner.size(), "an access has ", a.strides.size(), " strides");
    for (const LoopStride& s : a.strides) stride(s);
    for (const LoopIndirect& g : a.indirect) {
      require(g.access >= 0 && size_t(g.access) < part.accesses.size(), "index access ", g.access);
      const LoopAccess& from = part.accesses[size_t(g.access)];
      require(from.buffer >= 0 && size_t(from.buffer) < nest.buffers.size() && from.indirect.empty(), "index access ",
              g.access);
      const DType t = nest.buffers[size_t(from.buffer)].dtype;
      require(t == DType::i32 || t == DType::i64, "indices of dtype ", to_string(t));
      stride(g.stride);
      require(g.stride.unless_one == -1, "the stride of an index has a condition");
      entry(g.extent);
    }
  }
  DType operand(const LoopStage& stage, const LoopOperand& o) const {
    switch (o.kind) {
      case LoopOperand::access:
        require(o.index >= 0 && size_t(o.index) < part.accesses.size(), "operand access ", o.index);
        require(!nest.buffers[size_t(part.accesses[size_t(o.index)].buffer)].output, "an output is read");
        if (!stage.inner) flat(part.accesses[size_t(o.index)]);
        return nest.buffers[size_t(part.accesses[size_t(o.index)].buffer)].dtype;
      case LoopOperand::reg:
        require(o.index >= 0 && size_t(o.index) < part.registers.size() && reg_known[size_t(o.index)], "register ",
                o.index, " is read before it is set");
        return part.registers[size_t(o.index)];
      case LoopOperand::scratch:
        require(stage.inner && o.index >= 0 && size_t(o.index) < part.scratch.size() && scratch_known[size_t(o.index)],
                "scratch ", o.index, " is read before it is set");
        return part.scratch[size_t(o.index)];
      case LoopOperand::size:
        entry(o.index);
        return DType::i64;
    }
    bad("operand kind");
  }
  /// A row stage must not follow inner axes.
  void flat(const LoopAccess& a) const {
    for (size_t i = part.outer.size(); i < a.strides.size(); ++i)
      require(a.strides[i].kind == LoopStride::zero, "a row stage moves along inner axes");
    for (const LoopIndirect& g : a.indirect) flat(part.accesses[size_t(g.access)]);
  }
  void result(const LoopStage& stage, const LoopResult& r, DType t) {
    switch (r.kind) {
      case LoopResult::store: {
        require(r.index >= 0 && size_t(r.index) < part.accesses.size(), "store access ", r.index);
        const LoopAccess& a = part.accesses[size_t(r.index)];
        require(nest.buffers[size_t(a.buffer)].output && a.indirect.empty(),
                "a store to an input, or through an index");
        require(nest.buffers[size_t(a.buffer)].dtype == t, "a store of ", to_string(t), " to ",
                to_string(nest.buffers[size_t(a.buffer)].dtype));
        if (!stage.inner) flat(a);
        return;
      }
      case LoopResult::scratch:
        require(
            stage.inner && r.index >= 0 && size_t(r.index) < part.scratch.size() && part.scratch[size_t(r.index)] == t,
            "scratch result ", r.index);
        scratch_known[size_t(r.index)] = true;
        return;
      case LoopResult::accumulate:
        require(stage.inner && r.reduce <= ReduceKind::min, "accumulation in a row stage");
        [[fallthrough]];
      case LoopResult::reg:
        require((r.kind == LoopResult::accumulate) == stage.inner, "a register is set in an inner stage");
        require(r.index >= 0 && size_t(r.index) < part.registers.size() && part.registers[size_t(r.index)] == t,
                "register result ", r.index);
        require(!reg_known[size_t(r.index)], "register ", r.index, " is set twice");
        reg_known[size_t(r.index)] = true;
        return;
    }
    bad("result kind");
  }
  void stage(const LoopStage& s) {
    require(!s.inner || !part.inner.empty(), "an inner stage without inner axes");
    std::vector<DType> types;
    for (const LoopOperand& o : s.operands) types.push_back(operand(s, o));
    for (size_t i = 0; i < s.program.nodes.size(); ++i) {
      check_node(s.program, i, types.size());
      const ScalarNode& n = s.program.nodes[i];
      if (n.op == ScalarOp::input)
        require(types[size_t(n.a)] == n.dtype, "operand ", n.a, " is ", to_string(types[size_t(n.a)]), ", not ",
                to_string(n.dtype));
    }
    require(s.results.size() == s.program.results.size(), "results of a stage");
    for (size_t k = 0; k < s.results.size(); ++k) {
      const int32_t id = s.program.results[k];
      require(id >= 0 && size_t(id) < s.program.nodes.size(), "result step ", id);
      result(s, s.results[k], s.program.nodes[size_t(id)].dtype);
    }
  }
};

}  // namespace

void validate(const LoopNest& nest) {
  require(nest.values >= 0, "value table");
  require(nest.buffers.size() < 4096 && nest.parts.size() < 4096, "too large");
  for (const LoopBuffer& b : nest.buffers) {
    require(b.dtype <= DType::boolean, "buffer of dtype ", to_string(b.dtype));
    if (b.used) require(b.elements >= 0 && b.elements < nest.values, "buffer size entry ", b.elements);
  }
  for (const LoopPart& part : nest.parts) {
    PartCheck c{nest, part, std::vector<bool>(part.registers.size()), std::vector<bool>(part.scratch.size())};
    require(part.outer.size() + part.inner.size() <= 32, "too many axes");
    for (int32_t e : part.outer) c.entry(e);
    for (int32_t e : part.inner) c.entry(e);
    for (DType t : part.registers) require(t <= DType::boolean, "register dtype");
    for (DType t : part.scratch) require(t <= DType::boolean, "scratch dtype");
    require(!part.lanes_inner || !part.inner.empty(), "lanes along inner axes that are not there");
    require(part.tile_axis == -1 || (part.tile_axis >= 0 && size_t(part.tile_axis) + 1 < part.outer.size() &&
                                     !part.lanes_inner && part.inner.empty()),
            "tile axis");
    for (const LoopAccess& a : part.accesses) c.access(a);
    for (const LoopStage& s : part.stages) c.stage(s);
  }
}

bool may_share_memory(const LoopNest& nest, int32_t input, int32_t output) {
  const LoopBuffer& in = nest.buffers[size_t(input)];
  const LoopBuffer& out = nest.buffers[size_t(output)];
  if (in.output || !out.output || !in.used || size_of(in.dtype) != size_of(out.dtype) || in.elements != out.elements)
    return false;
  if (nest.parts.size() != 1) return false;
  const LoopPart& part = nest.parts[0];
  const LoopAccess* store = nullptr;
  size_t stored_at = 0;
  for (size_t s = 0; s < part.stages.size(); ++s)
    for (const LoopResult& r : part.stages[s].results)
      if (r.kind == LoopResult::store && part.accesses[size_t(r.index)].buffer == output) {
        if (store) return false;
        store = &part.accesses[size_t(r.index)], stored_at = s;
      }
  if (!store) return false;
  for (const LoopStride& s : store->strides)
    if (s.kind == LoopStride::zero || s.unless_one != -1)
      return false;  // row results: their elements are read by others of the row
  for (const LoopAccess& a : part.accesses) {
    if (a.buffer != input) continue;
    if (a.strides != store->strides || a.offset != store->offset || !a.indirect.empty()) return false;
  }
  // Later stages read again what the storing stage has overwritten.
  for (size_t s = stored_at + 1; s < part.stages.size(); ++s)
    for (const LoopOperand& o : part.stages[s].operands)
      if (o.kind == LoopOperand::access && part.accesses[size_t(o.index)].buffer == input) return false;
  for (const LoopAccess& a : part.accesses)
    for (const LoopIndirect& g : a.indirect)
      if (part.accesses[size_t(g.access)].buffer == input) return false;
  return part.tile_axis == -1;
}

}  // namespace neve
