// From a traced piece to the stages and accesses of one part of a loop nest.
#include "loop/build.h"

#include <algorithm>

#include "base/error.h"
#include "loop/schedule.h"

namespace neve::loop {
namespace {

constexpr int scratch_worth = 6;  // cost from which a value of the row is kept instead of computed again

class PartBuilder {
 public:
  PartBuilder(const Subgraph& g, const LoopLayout& layout, Trace& trace, Entries& entries, LoopNest& nest)
      : g_(g), layout_(layout), trace_(trace), entries_(entries), nest_(nest), instances_(trace.instances()) {}

  LoopPart run() {
    order_axes();
    place_stores();
    make_stages();
    for (size_t i = 0; i < outer_.size(); ++i)
      part_.outer.push_back(entries_.of(trace_.axes()[size_t(outer_[i])].extent));
    for (size_t i = 0; i < inner_.size(); ++i)
      part_.inner.push_back(entries_.of(trace_.axes()[size_t(inner_[i])].extent));
    choose_tile();
    return std::move(part_);
  }

 private:
  struct Reach {
    Dim stride = 0;
    bool conditional = false;
    Dim size = 0;
  };
  /// Stride of a buffer along an axis of the nest.
  Reach reach(const Map& map, const Shape& strides, int axis) const {
    Reach r;
    bool first = true;
    for (size_t d = 0; d < map.size(); ++d)
      for (const IndexTerm& t : map[d].terms) {
        if (t.axis != axis) continue;
        if (!first && (t.conditional != r.conditional || (t.conditional && t.size != r.size)))
          throw Refused{"one axis reaches a buffer in two ways"};
        first = false;
        r.stride += t.coefficient * strides[d];
        r.conditional = t.conditional;
        r.size = t.size;
      }
    if (r.stride.is(0)) r.conditional = false;
    return r;
  }

  // ---- axes ----
  Shape input_shape(int32_t input) const {
    const Shape& s = g_.types[size_t(g_.inputs[size_t(input)])].shape;
    if (size_t(input) >= layout_.inputs.size()) return s;
    return trace_.physical(Map(s.size()), s, layout_.inputs[size_t(input)]).second;
  }

  /// The lanes run along the axis that most accesses are contiguous in.
  void order_axes() {
    const int n = int(trace_.axes().size());
    std::vector<double> score(size_t(n), 0);
    // What moves along few axes is small, and hardly matters.
    const auto count = [&](const Map& map, const Shape& shape, double weight) {
      const Shape strides = row_major(shape);
      double moved = 0, all = 0;
      for (int a = 0; a < n; ++a) {
        if (trace_.axes()[size_t(a)].extent.is(1)) continue;
        ++all;
        moved += !reach(map, strides, a).stride.is(0);
      }
      weight *= moved * moved / (all * all + 1);
      for (int a = 0; a < n; ++a) {
        const Reach r = reach(map, strides, a);
        if (r.stride.is(1)) score[size_t(a)] += r.conditional ? weight / 2 : weight;
      }
    };
    for (const Instance& i : instances_)
      if (i.kind == Instance::load) count(i.map, input_shape(i.input), 1);
    for (size_t k = 0; k < g_.outputs.size(); ++k) {
      if (!traced(k)) continue;
      const auto [map, shape] = output_map(k);
      count(map, shape, 1.6);
    }
    int lane = -1;
    for (int a = 0; a < n; ++a) {
      if (trace_.axes()[size_t(a)].extent.is(1)) continue;
      if (lane < 0 || score[size_t(a)] > score[size_t(lane)] || (score[size_t(a)] == score[size_t(lane)])) lane = a;
    }
    for (int a = 0; a < n; ++a) {
      if (trace_.axes()[size_t(a)].extent.is(1) || a == lane) continue;
      (trace_.is_inner(a) ? inner_ : outer_).push_back(a);
    }
    if (lane >= 0) {
      part_.lanes_inner = trace_.is_inner(lane);
      (part_.lanes_inner ? inner_ : outer_).push_back(lane);
    }
  }
  bool traced(size_t k) const { return trace_.outputs()[k].instance >= 0; }
  std::pair<Map, Shape> output_map(size_t k) const {
    const Shape& s = g_.types[size_t(g_.outputs[k])].shape;
    if (k >= layout_.outputs.size()) return {trace_.outputs()[k].map, s};
    return trace_.physical(trace_.outputs()[k].map, s, layout_.outputs[k]);
  }

  /// Reads that are contiguous along another outer axis than the lanes are blocked with it.
  void choose_tile() {
    if (part_.lanes_inner || !inner_.empty() || outer_.size() < 2) return;
    std::vector<int> count(outer_.size(), 0);
    for (size_t i = 0; i < part_.accesses.size(); ++i) {
      const LoopAccess& a = part_.accesses[i];
      if (nest_.buffers[size_t(a.buffer)].output || !a.indirect.empty() || is_index(part_, int32_t(i))) continue;
      const LoopStride& lane = a.strides[outer_.size() - 1];
      if (lane.kind != LoopStride::value || lane.unless_one != -1) continue;
      for (size_t k = 0; k + 1 < outer_.size(); ++k)
        if (a.strides[k].kind == LoopStride::one && a.strides[k].unless_one == -1) ++count[k];
    }
    const auto most = std::max_element(count.begin(), count.end());
    if (*most > 0) part_.tile_axis = int32_t(most - count.begin());
  }

  // ---- accesses ----
  int32_t access(int32_t buffer, const Map& map, const Shape& shape) {
    LoopAccess a;
    a.buffer = buffer;
    const Shape strides = row_major(shape);
    Dim offset = 0;
    for (size_t d = 0; d < map.size(); ++d) {
      offset += map[d].constant * strides[d];
      if (!map[d].read) continue;
      LoopIndirect g;
      const Instance& index = instances_[size_t(map[d].read->instance)];
      g.access = load_access(index);
      g.stride = known_stride(strides[d] * map[d].read->scale);
      g.extent = entries_.of(map[d].read->extent);
      a.indirect.push_back(g);
    }
    if (!offset.is(0)) a.offset = entries_.of(offset);
    for (const std::vector<int>* list : {&outer_, &inner_})
      for (int axis : *list) {
        const Reach r = reach(map, strides, axis);
        LoopStride s = known_stride(r.stride);
        if (r.conditional && s.kind != LoopStride::zero) s.unless_one = entries_.of(r.size);
        a.strides.push_back(s);
      }
    nest_.buffers[size_t(buffer)].used = true;
    const auto same = std::find(part_.accesses.begin(), part_.accesses.end(), a);
    if (same != part_.accesses.end()) return int32_t(same - part_.accesses.begin());
    part_.accesses.push_back(std::move(a));
    return int32_t(part_.accesses.size()) - 1;
  }
  LoopStride known_stride(Dim d) {
    LoopStride s;
    if (d.is(0)) return s;
    if (d.is(1)) {
      s.kind = LoopStride::one;
      return s;
    }
    s.kind = LoopStride::value;
    s.stride = entries_.of(d);
    return s;
  }
  int32_t load_access(const Instance& i) { return access(i.input, i.map, input_shape(i.input)); }

  void place_stores() {
    for (size_t k = 0; k < g_.outputs.size(); ++k) {
      stores_.push_back(-1);
      if (!traced(k)) continue;
      const auto [map, shape] = output_map(k);
      stores_.back() = access(int32_t(g_.inputs.size() + k), map, shape);
    }
  }

  // ---- stages ----
  const Instance& at(int i) const { return instances_[size_t(i)]; }
  bool is_leaf(int i) const {
    return at(i).kind == Instance::constant || at(i).kind == Instance::size || at(i).kind == Instance::load;
  }

  void make_stages() {
    register_of_.assign(instances_.size(), -1);
    scratch_of_.assign(instances_.size(), -1);
    computed_in_.assign(instances_.size(), -1);
    int levels = 0;
    for (const TracedOutput& o : trace_.outputs())
      if (o.instance >= 0) levels = std::max(levels, at(o.instance).level);
    // Roots by level: what a row stage or an inner stage must produce.
    for (int l = 0; l <= levels; ++l) {
      row_stage(l);
      if (trace_.has_inner()) inner_stage(l);
    }
  }

  std::vector<int> reductions(int level) const {
    std::vector<int> r;
    for (size_t i = 0; i < instances_.size(); ++i)
      if (at(int(i)).kind == Instance::reduce && at(int(i)).level == level + 1 && needed_.count(int(i)))
        r.push_back(int(i));
    return r;
  }

  /// Fills needed_ with everything that the outputs depend on.
  void need(int i) {
    if (!needed_.insert(i).second) return;
    for (int k = 0; k < 3 && at(i).arg[k] >= 0; ++k) need(at(i).arg[k]);
  }

  /// Steps outside of the inner axes whose values inner stages or later row stages read: they become registers.
  std::vector<int> row_roots(int level) {
    if (needed_.empty())
      for (const TracedOutput& o : trace_.outputs())
        if (o.instance >= 0) need(o.instance);
    std::set<int> roots;
    for (int i : needed_) {
      const Instance& x = at(i);
      for (int k = 0; k < 3 && x.arg[k] >= 0; ++k) {
        const Instance& a = at(x.arg[k]);
        const bool crosses = x.inner || x.kind == Instance::reduce || x.level > level;
        if (crosses && !a.inner && a.kind == Instance::step && a.level == level) roots.insert(x.arg[k]);
      }
    }
    if (trace_.has_inner())
      for (size_t k = 0; k < stores_.size(); ++k) {
        if (!traced(k)) continue;
        const int i = trace_.outputs()[k].instance;
        if (stores_inner(k) && !at(i).inner && at(i).kind == Instance::step && at(i).level == level) roots.insert(i);
      }
    return {roots.begin(), roots.end()};
  }
  /// An output over the whole space.
  bool stores_inner(size_t k) const {
    for (size_t s = outer_.size(); s < outer_.size() + inner_.size(); ++s)
      if (part_.accesses[size_t(stores_[k])].strides[s].kind != LoopStride::zero) return true;
    return false;
  }

  void row_stage(int level) {
    const std::vector<int> roots = row_roots(level);
    StageMaker m(*this, false);
    for (int i : roots) {
      const int32_t value = m.value(i);
      register_of_[size_t(i)] = int32_t(part_.registers.size());
      part_.registers.push_back(at(i).node.dtype);
      m.result(value, {LoopResult::reg, register_of_[size_t(i)], ReduceKind::sum});
    }
    for (size_t k = 0; k < stores_.size(); ++k) {
      if (!traced(k)) continue;
      const TracedOutput& o = trace_.outputs()[k];
      if (at(o.instance).level == level && !(trace_.has_inner() && stores_inner(k)))
        m.result(m.value(o.instance), {LoopResult::store, stores_[k], ReduceKind::sum});
    }
    m.finish();
  }

  void inner_stage(int level) {
    StageMaker m(*this, true);
    const int number = int(part_.stages.size());
    for (int i : reductions(level)) {
      const int32_t value = m.value(at(i).arg[0]);
      register_of_[size_t(i)] = int32_t(part_.registers.size());
      part_.registers.push_back(at(i).node.dtype);
      m.result(value, {LoopResult::accumulate, register_of_[size_t(i)], at(i).reduction});
    }
    for (size_t k = 0; k < stores_.size(); ++k) {
      if (!traced(k)) continue;
      const TracedOutput& o = trace_.outputs()[k];
      if (at(o.instance).level == level && stores_inner(k))
        m.result(m.value(o.instance), {LoopResult::store, stores_[k], ReduceKind::sum});
    }
    for (int i : m.evaluated)
      if (computed_in_[size_t(i)] < 0) computed_in_[size_t(i)] = number;
    m.finish();
  }

  /// The program of one stage under construction.
  struct StageMaker {
    StageMaker(PartBuilder& builder, bool inner) : b(builder) { stage.inner = inner; }

    int32_t operand(LoopOperand o, DType t) {
      auto found = std::find(stage.operands.begin(), stage.operands.end(), o);
      const int32_t k = int32_t(found - stage.operands.begin());
      if (found == stage.operands.end()) stage.operands.push_back(o);
      ScalarNode n{ScalarOp::input, t};
      n.a = k;
      return stage.program.add(n);
    }
    int32_t value(int i) {
      if (const auto it = known.find(i); it != known.end()) return it->second;
      const int32_t v = make(i);
      known[i] = v;
      return v;
    }
    int32_t make(int i) {
      const Instance& x = b.at(i);
      switch (x.kind) {
        case Instance::constant:
          return stage.program.add(x.node);
        case Instance::size:
          return operand({LoopOperand::size, x.entry}, DType::i64);
        case Instance::load:
          return operand({LoopOperand::access, b.load_access(x)}, x.node.dtype);
        case Instance::reduce:
          return operand({LoopOperand::reg, b.register_of_[size_t(i)]}, x.node.dtype);
        case Instance::step:
          break;
      }
      if (b.register_of_[size_t(i)] >= 0) return operand({LoopOperand::reg, b.register_of_[size_t(i)]}, x.node.dtype);
      if (stage.inner && b.computed_in_[size_t(i)] >= 0 && x.inner && x.cost >= scratch_worth)
        return operand({LoopOperand::scratch, b.keep(i)}, x.node.dtype);
      ScalarNode n = x.node;
      int32_t* arg[] = {&n.a, &n.b, &n.c};
      for (int k = 0; k < 3 && x.arg[k] >= 0; ++k) *arg[k] = value(x.arg[k]);
      evaluated.push_back(i);
      return stage.program.add(n);
    }
    void result(int32_t value, LoopResult r) {
      stage.program.results.push_back(value);
      stage.results.push_back(r);
    }
    void finish() {
      b.values_.push_back(known);
      b.part_.stages.push_back(std::move(stage));
    }
    PartBuilder& b;
    LoopStage stage;
    std::map<int, int32_t> known;
    std::vector<int> evaluated;
  };

  /// The scratch array of a value of the row; the stage that computes it first writes it.
  int32_t keep(int i) {
    int32_t& s = scratch_of_[size_t(i)];
    if (s >= 0) return s;
    s = int32_t(part_.scratch.size());
    part_.scratch.push_back(at(i).node.dtype);
    LoopStage& first = part_.stages[size_t(computed_in_[size_t(i)])];
    first.program.results.push_back(values_[size_t(computed_in_[size_t(i)])].at(i));
    first.results.push_back({LoopResult::scratch, s, ReduceKind::sum});
    return s;
  }

  const Subgraph& g_;
  const LoopLayout& layout_;
  Trace& trace_;
  Entries& entries_;
  LoopNest& nest_;
  const std::vector<Instance>& instances_;
  LoopPart part_;
  std::vector<int> outer_, inner_;  // numbers of axes
  std::vector<int32_t> stores_;     // access per output
  std::set<int> needed_;
  std::vector<int32_t> register_of_, scratch_of_;
  std::vector<int> computed_in_;                // the stage that computes a value of the row first
  std::vector<std::map<int, int32_t>> values_;  // per stage: step of each instance
};

}  // namespace

LoopPart build_part(const Subgraph& g, const LoopLayout& layout, Trace& trace, Entries& entries, LoopNest& nest) {
  LoopPart part = PartBuilder(g, layout, trace, entries, nest).run();
  // Stages that do nothing.
  part.stages.erase(
      std::remove_if(part.stages.begin(), part.stages.end(), [](const LoopStage& s) { return s.results.empty(); }),
      part.stages.end());
  return part;
}

}  // namespace neve::loop
