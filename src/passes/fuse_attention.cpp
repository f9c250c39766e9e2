// softmax(scale q k^T + mask) v, as exporters write it, becomes one attention with the transposes around it: a `fused`
// node.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "op/registry.h"
#include "passes/fuse.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

// What a `where` puts in place of a hidden score: so far below every score that adding it is the same.
constexpr double hides = -1e9;

std::optional<double> number(const Graph& g, Value v) {
  const Tensor* c = g.constant_of(v);
  if (!c || c->element_count() != 1) return {};
  return c->item();
}

// v = x * c or x / c of one type: x, and c goes into scale.
Value peel_scale(const Graph& g, Value v, double& scale) {
  for (;;) {
    const Node* n = g.def(v);
    if (!n || !(n->is("mul") || n->is("div"))) return v;
    std::optional<double> c = number(g, n->in[1]);
    Value x = n->in[0];
    if (!c && n->is("mul")) c = number(g, n->in[0]), x = n->in[1];
    if (!c || !(*c > 0) || !std::isfinite(*c) || !(g.type(x) == g.type(v))) return v;
    scale *= n->is("mul") ? *c : 1 / *c;
    v = x;
  }
}

std::vector<int64_t> permutation(const Graph& g, const Node& n) {
  std::vector<int64_t> p = n.attrs.get_ints("perm");
  if (p.empty())
    for (int64_t a = g.rank(n.out[0]); a-- > 0;) p.push_back(a);
  return p;
}

struct Match {
  Value q, k;  ///< k as the product reads it: [b, h, d, t]
  Value v;
  std::vector<Value> masks;  ///< that are added
  double scale = 1;
  std::vector<std::pair<Value, Value>> where;  ///< condition and the number where it does not hold
  std::vector<bool> hidden_where_true;
  /// Masks of windows of an image, and the scores' sizes where they are added: the batch is images and windows there.
  std::vector<std::pair<Value, Shape>> windows;
};

// reshape(add(reshape(s), mask)) with s and the result of one type [images * windows, h, q, k] and [images, windows, h,
// q, k] between: s, or no value.
Value match_windows(const Graph& g, const Node& n, Match& m) {
  const TensorType& type = g.type(n.out[0]);
  const Node* sum = g.def(n.in[0]);
  if (type.rank() != 4 || !sum || !sum->is("add") || g.use_count(n.in[0]) != 1) return {};
  const Shape& wide = g.type(n.in[0]).shape;
  if (wide.size() != 5 || !std::equal(wide.begin() + 2, wide.end(), type.shape.begin() + 1)) return {};
  for (size_t mine : {0, 1}) {
    const Node* d = g.def(sum->in[mine]);
    const TensorType& mask = g.type(sum->in[1 - mine]);
    if (!d || !d->is("reshape") || g.use_count(sum->in[mine]) != 1 || !(g.type(d->in[0]) == type) ||
        g.type(sum->in[mine]).shape != wide || mask.rank() > 5 || mask.dtype != DType::f32)
      continue;
    m.windows.push_back({sum->in[1 - mine], wide});
    return d->in[0];
  }
  return {};
}

// Whether a value of the scores' type comes from a product, with masks on the way.
bool from_product(const Graph& g, Value v, const TensorType& type, int depth = 4) {
  double unused = 1;
  if (!depth || !(g.type(v) == type)) return false;
  const Node* d = g.def(peel_scale(g, v, unused));
  if (!d) return false;
  if (d->is("add")) return from_product(g, d->in[0], type, depth - 1) || from_product(g, d->in[1], type, depth - 1);
  return d->is("matmul") || d->is("where");
}

// From the scores down to the product: masks, then the scale.
bool match_scores(const Graph& g, Value s, Match& m) {
  const TensorType type = g.type(s);
  bool scaled = false;
  for (int depth = 0; depth < 6; ++depth) {
    Node* n = g.def(s);
    if (!n || g.use_count(s) != 1 || !(g.type(s) == type)) return false;
    if (n->is("matmul")) {
      m.q = n->in[0], m.k = n->in[1];
      return true;
    }
    if (n->is("reshape") && m.windows.empty() && m.masks.empty() && !scaled) {
      s = match_windows(g, *n, m);
      if (!s.valid()) return false;
    } else if (n->is("add") && !scaled) {
      // The scores are the side that a product makes.
      const size_t mine = from_product(g, n->in[0], type) ? 0 : 1;
      if (!from_product(g, n->in[mine], type)) return false;
      m.masks.push_back(n->in[1 - mine]);
      s = n->in[mine];
    } else if (n->is("where") && m.where.empty() && !scaled) {
      const auto no = number(g, n->in[2]), yes = number(g, n->in[1]);
      const bool flipped = yes && *yes <= hides;
      if (!flipped && !(no && *no <= hides)) return false;
      m.where.push_back({n->in[0], n->in[flipped ? 1 : 2]});
      m.hidden_where_true.push_back(flipped);
      s = n->in[flipped ? 2 : 1];
    } else {
      // A scale over masked scores would scale the mask too: only below the masks.
      const Value below = peel_scale(g, s, m.scale);
      if (below == s) return false;
      s = below, scaled = true;
    }
  }
  return false;
}

bool fits(const Graph& g, const Match& m, const TensorType& scores, const TensorType& y) {
  const TensorType &q = g.type(m.q), &k = g.type(m.k), &v = g.type(m.v);
  for (const TensorType* t : {&q, &k, &v, &y})
    if (t->rank() != 4 || t->dtype != DType::f32) return false;
  const Shape &a = q.shape, &b = k.shape, &c = v.shape;
  if (!(a[0] == b[0] && a[1] == b[1] && a[3] == b[2] && b[0] == c[0] && b[1] == c[1] && b[3] == c[2])) return false;
  auto may_mask = [&](Value mask, bool boolean) {
    const TensorType& t = g.type(mask);
    if (t.rank() < 1 || t.rank() > 4 || t.dtype != (boolean ? DType::boolean : DType::f32)) return false;
    for (size_t i = 0; i < t.shape.size(); ++i)
      if (!t.shape[i].is(1) && !(t.shape[i] == scores.shape[4 - t.shape.size() + i])) return false;
    return true;
  };
  for (Value mask : m.masks)
    if (!may_mask(mask, false)) return false;
  for (const auto& w : m.where)
    if (!may_mask(w.first, true)) return false;
  return true;
}

// v transposed by p; two transposes become one, none is left where they cancel.
Value transposed(Graph& g, Value v, std::vector<int64_t> p) {
  if (const Node* n = g.def(v); n && n->is("transpose")) {
    const std::vector<int64_t> inner = permutation(g, *n);
    for (int64_t& a : p) a = inner[size_t(a)];
    v = n->in[0];
  }
  if (std::is_sorted(p.begin(), p.end())) return v;
  return g.call("transpose", {v}, {{"perm", p}});
}

// Scales on the operand or under its transpose go into m.scale.
Value operand(Graph& g, Value v, bool swap_last, double& scale) {
  v = peel_scale(g, v, scale);
  std::vector<int64_t> p{0, 1, 2, 3};
  if (swap_last) std::swap(p[2], p[3]);
  if (const Node* n = g.def(v); n && n->is("transpose")) {
    const std::vector<int64_t> inner = permutation(g, *n);
    for (int64_t& a : p) a = inner[size_t(a)];
    v = peel_scale(g, n->in[0], scale);
  }
  return transposed(g, v, p);
}

using MaskKey = std::pair<uint32_t, uint32_t>;
/// What a `where` became, and sums of masks: layers share them.
struct MasksMade {
  std::map<MaskKey, Value> where, sums;
};

// One mask to be added.
Value mask_of(Graph& g, const Match& m, MasksMade& made) {
  Value mask;
  const auto add = [&](Value x) {
    if (!mask.valid()) {
      mask = x;
      return;
    }
    Value& sum = made.sums[{mask.id, x.id}];
    mask = sum = sum.valid() ? sum : g.call("add", {mask, x});
  };
  for (Value x : m.masks) add(x);
  for (size_t i = 0; i < m.where.size(); ++i) {
    const auto [condition, hidden] = m.where[i];
    Value& x = made.where[{condition.id, uint32_t(m.hidden_where_true[i])}];
    if (!x.valid() || number(g, g.def(x)->in[m.hidden_where_true[i] ? 1 : 2]) != number(g, hidden)) {
      const Value zero = g.scalar(DType::f32, 0), low = g.scalar(DType::f32, *number(g, hidden));
      x = m.hidden_where_true[i] ? g.call("where", {condition, low, zero}) : g.call("where", {condition, zero, low});
    }
    add(x);
  }
  for (const auto& [window, wide] : m.windows) {
    // One for each image and window; heads, queries and keys as they come.
    const Shape& own = g.type(window).shape;
    Shape shape(5 - own.size(), Dim(1));
    for (Dim d : own) shape.push_back(d);
    Value x = own.size() == 5 ? window : g.reshape(window, shape);
    shape[0] = wide[0], shape[1] = wide[1];
    const Value sources[] = {m.q};
    x = g.call("expand", {x, g.dims(shape, sources)});
    x = g.reshape(x, Shape{shape[0] * shape[1], shape[2], shape[3], shape[4]});
    add(x);
  }
  return mask;
}

// The attention and the transposes that only it reads, or that alone read it, as one node.
void wrap(Graph& g, Node* attention) {
  std::vector<Node*> nodes;
  for (size_t i = 0; i < 3; ++i) {
    Node* n = g.def(attention->in[i]);
    const bool new_one = std::find(nodes.begin(), nodes.end(), n) == nodes.end();
    if (n && n->is("transpose") && g.use_count(n->out[0]) == 1 && new_one && (i == 1 || permutation(g, *n).back() == 3))
      nodes.push_back(n);
  }
  nodes.push_back(attention);
  Value y = attention->out[0];
  if (g.use_count(y) == 1 && !g.is_output(y))
    if (Node* n = g.uses(y)[0].node; n->is("transpose") && permutation(g, *n).back() == 3) {
      nodes.push_back(n);
      y = n->out[0];
    }
  if (nodes.size() == 1) return;
  Values inputs;
  std::map<uint32_t, Value> map;
  auto body = std::make_unique<Graph>();
  for (Node* n : nodes)
    for (Value v : n->in) {
      const bool inside = v.valid() && std::find(nodes.begin(), nodes.end(), g.def(v)) != nodes.end();
      if (!v.valid() || inside || map.count(v.id)) continue;
      inputs.push_back(v);
      map[v.id] = body->add_input(g.name(v), g.type(v), g.facts(v));
    }
  for (Node* n : nodes) {
    Values in;
    for (Value v : n->in) in.push_back(v.valid() ? map.at(v.id) : Value{});
    body->location = n->loc;
    map[n->out[0].id] = body->emit_typed(*n->op, n->attrs, in, {g.type(n->out[0])})->out[0];
  }
  body->add_output("", map.at(y.id));
  const OpDef& fused = find_op("fused");
  g.insert_before(nodes.back());
  g.location = attention->loc;
  std::vector<std::unique_ptr<Graph>> regions;
  regions.push_back(std::move(body));
  Node* made = g.emit_typed(fused, fused.defaults().with({{"kind", std::string("attention")}}), inputs, {g.type(y)},
                            std::move(regions));
  g.insert_before(nullptr);
  g.replace(y, made->out[0]);
  for (size_t i = nodes.size(); i-- > 0;) g.erase(nodes[i]);
}

// `last` is the product with v. The attention takes its place.
bool fuse(Graph& g, Node* last, MasksMade& masks) {
  Node* softmax = g.def(last->in[0]);
  if (!softmax || !softmax->is("softmax") || g.use_count(last->in[0]) != 1) return false;
  const int64_t axis = softmax->attrs.get_int("axis");
  const TensorType scores = g.type(softmax->out[0]), y = g.type(last->out[0]);
  if (axis != -1 && axis != scores.rank() - 1) return false;
  Match m;
  m.v = last->in[1];
  if (!match_scores(g, softmax->in[0], m) || !fits(g, m, scores, y)) return false;
  g.insert_before(last);
  g.location = softmax->loc;
  Values in{operand(g, m.q, false, m.scale), operand(g, m.k, true, m.scale), m.v};
  const Value mask = mask_of(g, m, masks);
  if (mask.valid()) in.push_back(mask);
  const Value made = g.call("scaled_dot_product_attention", in, {{"scale", m.scale}});
  g.insert_before(nullptr);
  g.replace(last->out[0], made);
  g.erase(last);
  g.erase(softmax);
  g.erase_dead();
  return true;
}

}  // namespace

int64_t fuse_attention(Graph& g, PassContext& c) {
  int64_t count = 0;
  std::vector<Node*> products;
  for (Node* n : g.nodes()) {
    PassContext inner = c;
    for (auto& r : n->regions) {
      if (n->is("fused")) break;
      inner.rewrite.stop_after = c.rewrite.stop_after - count;
      count += fuse_attention(*r, inner);
    }
    if (n->is("matmul")) {
      const Node* d = g.def(n->in[0]);
      if (d && d->is("softmax")) products.push_back(n);
    }
  }
  MasksMade masks;
  for (Node* n : products) {
    if (count >= c.rewrite.stop_after) break;
    count += fuse(g, n, masks);
  }
  if (!count) return 0;
  std::vector<Node*> attentions;  // wrapping takes nodes away
  for (Node* n : g.nodes())
    if (n->is("scaled_dot_product_attention") && g.dtype(n->out[0]) == DType::f32) attentions.push_back(n);
  for (Node* n : attentions) wrap(g, n);
  return count;
}

}  // namespace neve::passes
