// A fused piece traced from its outputs to its inputs.
#include "loop/trace.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "op/def.h"
#include "op/reference.h"

namespace neve::loop {
namespace {

constexpr size_t most_instances = 600;
constexpr int most_depth = 400;

int cost_of(const ScalarNode& n) {
  switch (n.op) {
    case ScalarOp::input:
    case ScalarOp::constant:
      return 0;
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::mul:
    case ScalarOp::neg:
    case ScalarOp::abs:
    case ScalarOp::select:
    case ScalarOp::cast:
      return 1;
    case ScalarOp::min:
    case ScalarOp::max:
      return 2;
    default:
      return n.op >= ScalarOp::eq && n.op <= ScalarOp::ge ? 1 : 8;
  }
}

}  // namespace

int32_t Entries::of(Dim d) {
  const auto at = std::find(values.begin(), values.end(), d);
  if (at != values.end()) return int32_t(at - values.begin());
  values.push_back(d);
  return int32_t(values.size()) - 1;
}

Trace::Trace(const Subgraph& g, const LoopLayout& layout, Space& space, Entries& entries)
    : g_(g), layout_(layout), space_(space), entries_(entries) {
  for (size_t i = 0; i < g.inputs.size(); ++i) input_number_.emplace(g.inputs[i], i);
  for (const SubgraphNode& n : g.nodes)
    for (size_t k = 0; k < n.out.size(); ++k) producer_.emplace(n.out[k], std::pair(&n, k));
  flatten_axes();
}

void Trace::flatten_axes() {
  axes_.clear();
  for (const auto* list : {&space_.output, &space_.reduced})
    for (const Space::Base& b : *list) axes_.insert(axes_.end(), b.axes.begin(), b.axes.end());
}

void Trace::refuse(std::string reason) const {
  if (!at_) throw Refused{std::move(reason)};
  throw Refused{str(at_->op->info.name, at_->name.empty() ? "" : " '" + at_->name + "'", ": ", reason)};
}

void Trace::run(size_t main_output, const std::vector<size_t>& others) {
  // The index along each axis of the main output, from the axes it was refined into.
  Map identity;
  int number = 0;
  for (const Space::Base& b : space_.output) {
    Index whole;
    Dim stride = 1;
    for (size_t k = b.axes.size(); k-- > 0;) {
      const Index own = index_of(b.axes[k], number + int(k));
      whole = *sum(whole, own * stride);
      stride *= b.axes[k].full;
    }
    number += int(b.axes.size());
    identity.push_back(whole);
  }
  outputs_.resize(g_.outputs.size());
  outputs_[main_output] = {visit(g_.outputs[main_output], identity), identity};
  for (size_t k : others) attach(k, main_output, identity);
}

/// Takes in an output that is over the axes of the main one: of its shape, or reached by it at each element once.
bool Trace::attach(size_t k, size_t main_output, const Map& identity) {
  const int32_t v = g_.outputs[k];
  if (shape(v) == shape(g_.outputs[main_output])) {
    outputs_[k] = {visit(v, identity), identity};
    return true;
  }
  const auto seen = visited_.find(v);
  if (seen == visited_.end()) return false;
  for (const auto& [map, instance] : seen->second) {
    std::set<int> used;
    bool plain = true;
    for (size_t d = 0; d < map.size() && plain; ++d) {
      if (map[d].read) plain = false;
      if (map[d].terms.empty()) {
        plain = plain && shape(v)[d].is(1);
        continue;
      }
      const IndexTerm& t = map[d].terms[0];
      plain = plain && map[d].terms.size() == 1 && t.coefficient.is(1) && !t.conditional && used.insert(t.axis).second;
      plain = plain && map[d].constant == axes_[size_t(t.axis)].offset && axes_[size_t(t.axis)].full == shape(v)[d];
    }
    for (int a = 0; a < int(axes_.size()) && plain; ++a)
      if (!extent(a).is(1) && !used.count(a)) plain = is_inner(a) && !instances_[size_t(instance)].inner;
    if (!plain) continue;
    outputs_[k] = {instance, map};
    return true;
  }
  return false;
}

// ---- instances ------------------------------------------------------------------------------------------------------

int Trace::add(Instance i) {
  for (int k = 0; k < 3 && i.arg[k] >= 0; ++k) {
    const Instance& a = instances_[size_t(i.arg[k])];
    i.level = std::max(i.level, a.level);
    i.inner = i.inner || a.inner;
    i.cost += a.cost;
  }
  if (i.kind == Instance::step) i.cost += cost_of(i.node);
  if (i.kind == Instance::load) i.cost = 2;
  if (i.kind == Instance::reduce) i.level += 1, i.inner = false, i.cost = 0;
  for (size_t k = 0; k < instances_.size(); ++k) {
    const Instance& o = instances_[k];
    if (o.kind == i.kind && o.node == i.node && std::equal(o.arg, o.arg + 3, i.arg) && o.entry == i.entry &&
        o.input == i.input && o.map == i.map && o.reduction == i.reduction)
      return int(k);
  }
  if (instances_.size() >= most_instances) refuse(str("the piece has more than ", most_instances, " steps"));
  instances_.push_back(std::move(i));
  return int(instances_.size()) - 1;
}

int Trace::constant(DType t, double value, int64_t ivalue) {
  Instance i;
  i.kind = Instance::constant;
  i.node = ScalarNode{ScalarOp::constant, t};
  if (is_float(t))
    i.node.value = value;
  else
    i.node.ivalue = ivalue;
  return add(i);
}

const Shape* Trace::content(int32_t v) const {
  if (v < 0) return nullptr;
  if (size_t(v) < g_.facts.size() && g_.facts[size_t(v)].known) return &g_.facts[size_t(v)].content;
  if (const auto it = known_content_.find(v); it != known_content_.end())
    return it->second.known ? &it->second.content : nullptr;
  Tensor t;
  if (const auto i = input_number_.find(v); i != input_number_.end()) {
    if (i->second < g_.roles.size() && g_.roles[i->second] == InputRole::constant) t = g_.constants[i->second];
  } else if (const auto p = producer_.find(v); p != producer_.end() && p->second.first->op->info.name == "constant") {
    t = std::get<Tensor>(p->second.first->attrs.get("value"));
  }
  if (!t.defined() || is_float(t.dtype()) || is_complex(t.dtype())) return nullptr;
  const Facts& kept = known_content_.emplace(v, facts_of(t)).first->second;
  return kept.known ? &kept.content : nullptr;
}

/// A value of one element that is known, else -1.
int Trace::known(int32_t v) {
  const TensorType& type = g_.types[size_t(v)];
  if (const Shape* c = content(v); c && c->size() == 1 && !is_float(type.dtype)) {
    if ((*c)[0].is_constant()) return constant(type.dtype, 0, (*c)[0].value());
    Instance i;
    i.kind = Instance::size;
    i.node = ScalarNode{ScalarOp::input, DType::i64};
    i.entry = entries_.of((*c)[0]);
    const int id = add(i);
    if (type.dtype == DType::i64) return id;
    Instance cast;
    cast.kind = Instance::step;
    cast.node = ScalarNode{ScalarOp::cast, type.dtype};
    cast.arg[0] = id;
    return add(cast);
  }
  Tensor t;
  if (const auto i = input_number_.find(v); i != input_number_.end()) {
    if (i->second < g_.roles.size() && g_.roles[i->second] == InputRole::constant) t = g_.constants[i->second];
  } else if (const auto p = producer_.find(v); p != producer_.end() && p->second.first->op->info.name == "constant") {
    t = std::get<Tensor>(p->second.first->attrs.get("value"));
    if (t.element_count() != 1)
      refuse("a constant of several elements stands inside of the piece (it must be an input)");
  }
  if (!t.defined() || t.element_count() != 1 || is_complex(t.dtype())) return -1;
  return is_float(t.dtype()) ? constant(t.dtype(), t.item(), 0) : constant(t.dtype(), 0, t.item_int());
}

int Trace::visit(int32_t v, const Map& map) {
  for (const auto& [m, instance] : visited_[v])
    if (m == map) return instance;
  if (++depth_ > most_depth) refuse("the piece is too deep");
  const int instance = visit_new(v, map);
  --depth_;
  visited_[v].push_back({map, instance});
  return instance;
}

int Trace::visit_new(int32_t v, const Map& map) {
  if (is_complex(g_.types[size_t(v)].dtype)) refuse("complex numbers");
  if (const int k = known(v); k >= 0) return k;
  if (const auto i = input_number_.find(v); i != input_number_.end()) return visit_input(i->second, map);
  const auto p = producer_.find(v);
  if (p == producer_.end()) refuse("a value has no origin");
  const auto [node, result] = p->second;
  const SubgraphNode* before = at_;
  at_ = node;
  int r;
  if (node->op->is_elementwise())
    r = visit_elementwise(*node, map);
  else if (node->op->reduce)
    r = visit_reduction(*node, map);
  else
    r = visit_movement(*node, result, map);
  at_ = before;
  return r;
}

std::pair<Map, Shape> Trace::physical(const Map& map, const Shape& shape, const Layout& layout) {
  if (layout.plain()) return {map, shape};
  // Split the blocked axes (a reshape), then permute.
  const size_t rank = shape.size();
  Shape split;
  std::vector<std::vector<size_t>> at(rank);
  for (size_t d = 0; d < rank; ++d) {
    std::vector<int64_t> sizes;
    Dim outer = shape[d];
    for (const Layout::Block& b : layout.blocks) {
      if (size_t(b.axis) != d) continue;
      if (!proven(divides(b.size, outer)))
        refuse(str("layout ", to_string(layout), ": axis ", d, " of size ", to_string(shape[d]), " has padding"));
      outer = floordiv(outer, b.size);
      sizes.push_back(b.size);
    }
    at[d].push_back(split.size());
    split.push_back(outer);
    for (int64_t s : sizes) at[d].push_back(split.size()), split.push_back(s);
  }
  const Map m = split == shape ? map : reshape(map, shape, split);
  std::vector<size_t> used(rank, 1);
  Map out;
  Shape sizes;
  for (size_t i = 0; i < rank; ++i) {
    const size_t d = layout.order.empty() ? i : size_t(layout.order[i]);
    out.push_back(m[at[d][0]]);
    sizes.push_back(split[at[d][0]]);
  }
  for (const Layout::Block& b : layout.blocks) {
    const size_t k = at[size_t(b.axis)][used[size_t(b.axis)]++];
    out.push_back(m[k]);
    sizes.push_back(split[k]);
  }
  return {out, sizes};
}

int Trace::visit_input(size_t input, const Map& map) {
  Instance i;
  i.kind = Instance::load;
  i.input = int32_t(input);
  const TensorType& type = g_.types[size_t(g_.inputs[input])];
  i.node = ScalarNode{ScalarOp::input, type.dtype};
  i.map = input < layout_.inputs.size() ? physical(map, type.shape, layout_.inputs[input]).first : map;
  for (const Index& x : i.map) {
    i.inner = i.inner || uses_inner(x);
    if (x.read && instances_[size_t(x.read->instance)].inner) i.inner = true;
  }
  return add(i);
}

bool Trace::uses_inner(const Index& i) const {
  return std::any_of(i.terms.begin(), i.terms.end(), [&](const IndexTerm& t) { return is_inner(t.axis); });
}

std::set<int> Trace::axes_of(const Map& m) const {
  std::set<int> s;
  for (const Index& i : m) {
    for (const IndexTerm& t : i.terms) s.insert(t.axis);
    if (i.read)
      for (const int a : axes_of(instances_[size_t(i.read->instance)].map)) s.insert(a);
  }
  return s;
}

// ---- elementwise and reductions
// ---------------------------------------------------------------------------------------

/// Map of an operand of shape `from` that is broadcast to `to`.
Map Trace::broadcast(const Map& map, const Shape& from, const Shape& to) {
  Map m;
  if (from.size() > to.size()) refuse("an operand has more axes than the result");
  const size_t lead = to.size() - from.size();
  for (size_t d = 0; d < from.size(); ++d) {
    const Dim x = from[d], y = to[lead + d];
    Index i = map[lead + d];
    if (x.is(1)) {
      m.push_back({});
      continue;
    }
    if (x == y || proven(equal(x, y)) || lower_bound(x) > 1) {
      m.push_back(std::move(i));
      continue;
    }
    // Equal or 1: known when it runs.
    if (!i.constant.is(0) || i.read)
      refuse(str("size ", to_string(x), " may be broadcast to ", to_string(y), " under an offset"));
    for (IndexTerm& t : i.terms) {
      if (t.conditional && t.size != y) refuse("a size that may be broadcast was reshaped");
      t.conditional = true;
      t.size = x;
    }
    m.push_back(std::move(i));
  }
  return m;
}

int Trace::visit_elementwise(const SubgraphNode& n, const Map& map) {
  ScalarProgram p;
  std::vector<Scalar> scalars;
  std::vector<int> args;
  for (size_t k = 0; k < n.in.size(); ++k) {
    if (n.in[k] < 0) refuse("an absent operand");
    const TensorType& type = g_.types[size_t(n.in[k])];
    ScalarNode node{ScalarOp::input, type.dtype};
    node.a = int32_t(k);
    scalars.push_back(Scalar(&p, p.add(node)));
    args.push_back(visit(n.in[k], broadcast(map, type.shape, shape(n.out[0]))));
  }
  const Scalar result = n.op->scalar(n.attrs.object(), scalars);
  std::vector<int> id(p.nodes.size(), -1);
  for (size_t s = 0; s < p.nodes.size(); ++s) {
    const ScalarNode& node = p.nodes[s];
    if (node.op == ScalarOp::input) {
      id[s] = args[size_t(node.a)];
    } else if (node.op == ScalarOp::constant) {
      id[s] = constant(node.dtype, node.value, node.ivalue);
    } else {
      Instance i;
      i.kind = Instance::step;
      i.node = ScalarNode{node.op, node.dtype};
      const int32_t operand[] = {node.a, node.b, node.c};
      for (int k = 0; k < operand_count(node.op); ++k) i.arg[k] = id[size_t(operand[k])];
      id[s] = add(i);
    }
  }
  return finish_op(*n.op, id[size_t(result.id())]);
}

/// Small floats are rounded after each op.
int Trace::finish_op(const OpDef&, int instance) {
  const Instance& last = instances_[size_t(instance)];
  const DType t = last.node.dtype;
  if ((t != DType::f16 && t != DType::bf16) || last.kind != Instance::step || last.node.op == ScalarOp::cast ||
      last.node.op == ScalarOp::select)
    return instance;
  Instance round;
  round.kind = Instance::step;
  round.node = ScalarNode{ScalarOp::cast, t};
  round.arg[0] = instance;
  return add(round);
}

int Trace::visit_reduction(const SubgraphNode& n, const Map& map) {
  const int32_t x = n.in[0];
  const Shape& from = shape(x);
  const int64_t rank = int64_t(from.size());
  std::vector<int64_t> axes = n.attrs.get_ints("axes");
  const bool keep = n.attrs.get_bool("keepdims");
  std::vector<bool> reduced(size_t(rank), axes.empty());
  for (int64_t a : axes) reduced[size_t(a < 0 ? a + rank : a)] = true;
  if (rank == 0 || std::none_of(reduced.begin(), reduced.end(), [](bool b) { return b; })) return visit(x, map);

  Map operand(size_t(rank), Index{});
  Map kept;
  Shape gone;
  size_t next = 0;
  for (size_t d = 0; d < size_t(rank); ++d) {
    if (reduced[d]) {
      gone.push_back(from[d]);
      next += keep;
    } else {
      operand[d] = map[next++];
      kept.push_back(operand[d]);
    }
  }
  const std::set<int> used = axes_of(kept);
  // The axes that run here: those of the space that the result does not depend on, or new ones.
  std::set<int> inner;
  Map over;
  Shape extents;
  for (int a = 0; a < int(axes_.size()); ++a) {
    if (used.count(a) || extent(a).is(1)) continue;
    inner.insert(a);
    SpaceAxis plain = axes_[size_t(a)];
    if (!plain.offset.is(0)) refuse("it reduces over an axis along which a concatenation or padding is cut");
    over.push_back(index_of(plain, a));
    extents.push_back(extent(a));
  }
  if (inner.empty()) {
    if (reduces_) refuse("its result depends on all axes, but others are reduced");
    for (Dim d : gone) {
      if (d.is(1)) continue;
      space_.reduced.push_back({{SpaceAxis{d}}});
      axes_.push_back(SpaceAxis{d});
      const int a = int(axes_.size()) - 1;
      inner.insert(a);
      over.push_back(index_of(axes_.back(), a));
      extents.push_back(d);
    }
    if (inner.empty()) return visit(x, operand);  // all sizes are 1
  }
  if (reduces_ && inner != inner_) refuse("it reduces over other axes than another reduction of the piece");
  if (!reduces_) {
    reduces_ = true;
    inner_ = inner;
    // What was visited before was judged without inner axes.
    for (Instance& i : instances_) {
      if (i.kind == Instance::load)
        for (const Index& k : i.map)
          i.inner = i.inner || uses_inner(k) || (k.read && instances_[size_t(k.read->instance)].inner);
      for (int k = 0; k < 3 && i.arg[k] >= 0; ++k)
        i.inner = i.inner || (i.kind != Instance::reduce && instances_[size_t(i.arg[k])].inner);
    }
  }
  if (!proven(equal(element_count(extents), element_count(gone))))
    refuse(str("it reduces ", to_string(gone), ", but the axes of the piece that it does not keep are ",
               to_string(extents)));
  const Reshaped r = reshape_map(over, extents, gone, axes_);
  if (r.refine) throw MustRefine{*r.refine};
  if (!r.problem.empty()) refuse(r.problem);
  for (size_t d = 0, k = 0; d < size_t(rank); ++d)
    if (reduced[d]) operand[d] = r.map[k++];

  int arg = visit(x, operand);
  const DType t = g_.types[size_t(x)].dtype;
  const bool small = t == DType::f16 || t == DType::bf16;
  if (small) {
    Instance wide;
    wide.kind = Instance::step;
    wide.node = ScalarNode{ScalarOp::cast, DType::f32};
    wide.arg[0] = arg;
    arg = add(wide);
  }
  Instance i;
  i.kind = Instance::reduce;
  i.node = ScalarNode{ScalarOp::input, small ? DType::f32 : t};
  i.arg[0] = arg;
  i.reduction = n.op->reduce(n.attrs.object());
  const int result = add(i);
  if (!small) return result;
  Instance narrow;
  narrow.kind = Instance::step;
  narrow.node = ScalarNode{ScalarOp::cast, t};
  narrow.arg[0] = result;
  return add(narrow);
}

}  // namespace neve::loop
