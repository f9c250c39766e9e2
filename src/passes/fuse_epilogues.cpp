// Bias, activation and residual into the convolution or product before them: one `fused` node with a body. A
// quantisation and its inverse behind it become one of their own.
#include <algorithm>
#include <map>
#include <optional>

#include "op/registry.h"
#include "passes/fuse.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

bool is_anchor(const Node& n) {
  return (n.is("conv") || n.is("conv_transpose") || n.is("matmul")) && n.out.size() == 1;
}

bool is_activation(const Node& n) {
  constexpr std::string_view names[] = {"relu",         "leaky_relu", "sigmoid", "tanh", "clip", "hard_swish",
                                        "hard_sigmoid", "gelu",       "elu",     "mish", "abs",  "swish"};
  return std::any_of(std::begin(names), std::end(names), [&](std::string_view s) { return n.is(s); });
}
bool is_binary(const Node& n) { return n.is("add") || n.is("mul") || n.is("sub") || n.is("max") || n.is("min"); }

// One value a channel, or one in all: cheap to read again and again.
bool narrow(const Graph& g, Value v, const TensorType& result, int64_t channel_axis) {
  const Shape& s = g.type(v).shape;
  const int64_t shift = result.rank() - int64_t(s.size());
  if (shift < 0) return false;
  for (size_t a = 0; a < s.size(); ++a)
    if (!s[a].is(1) && !(int64_t(a) + shift == channel_axis && s[a] == result.shape[size_t(channel_axis)]))
      return false;
  return true;
}

struct Chain {
  std::vector<Node*> nodes;
};

// The ops that follow `anchor`, each the only reader of the one before, none changing the type.
Chain follow(const Graph& g, Node* anchor) {
  Chain c{{anchor}};
  const TensorType result = g.type(anchor->out[0]);
  const int64_t channel_axis = anchor->is("matmul") ? result.rank() - 1 : 1;
  bool residual = false;
  Value current = anchor->out[0];
  while (c.nodes.size() < 6 && g.use_count(current) == 1 && !g.is_output(current)) {
    Node* n = g.uses(current)[0].node;
    if (n->out.size() != 1 || !(g.type(n->out[0]) == result)) break;
    if (is_activation(*n) && n->in[0] == current) {
      for (size_t i = 1; i < n->in.size(); ++i)
        if (n->in[i].valid() && !g.constant_of(n->in[i])) return c;
    } else if (is_binary(*n)) {
      const size_t mine = n->in[0] == current ? 0 : 1;
      const Value other = n->in[1 - mine];
      if (other == current || (mine == 1 && n->is("sub"))) break;
      if (!narrow(g, other, result, channel_axis)) {
        if (residual || !n->is("add") || !(g.type(other) == result)) break;
        residual = true;
      }
    } else {
      break;
    }
    c.nodes.push_back(n);
    current = n->out[0];
  }
  return c;
}

// A quantisation of `v` with numbers that are known, and back with the same: these two, if nothing else reads what is
// between.
Chain requantization(const Graph& g, Value v) {
  const auto reader = [&](Value x, std::string_view op) -> Node* {
    if (g.use_count(x) != 1 || g.is_output(x)) return nullptr;
    Node* n = g.uses(x)[0].node;
    return n->is(op) && n->in[0] == x ? n : nullptr;
  };
  Node* q = reader(v, "quantize_linear");
  Node* d = q ? reader(q->out[0], "dequantize_linear") : nullptr;
  if (!d || !(g.type(d->out[0]) == g.type(v))) return {};
  const auto number = [&](const Node* n, size_t i) -> std::optional<double> {
    if (n->in.size() <= i || !n->in[i].valid()) return i == 2 ? std::optional(0.0) : std::nullopt;  // no zero point
    const Tensor* c = g.constant_of(n->in[i]);
    return c && c->element_count() == 1 ? std::optional(c->item()) : std::nullopt;
  };
  for (size_t i : {1, 2})
    if (!number(q, i) || number(q, i) != number(d, i)) return {};
  return {{q, d}};
}

/// The node that takes their place.
Node* make_fused(Graph& g, const Chain& c, std::string_view kind) {
  Node* last = c.nodes.back();
  Values inputs;
  for (Node* n : c.nodes)
    for (Value v : n->in) {
      const bool inside =
          std::any_of(c.nodes.begin(), c.nodes.end(), [&](Node* m) { return v.valid() && g.def(v) == m; });
      if (v.valid() && !inside && std::find(inputs.begin(), inputs.end(), v) == inputs.end()) inputs.push_back(v);
    }
  auto body = std::make_unique<Graph>();
  std::map<uint32_t, Value> map;
  for (Value v : inputs) map[v.id] = body->add_input(g.name(v), g.type(v), g.facts(v));
  for (Node* n : c.nodes) {
    Values in;
    for (Value v : n->in) in.push_back(v.valid() ? map.at(v.id) : Value{});
    body->location = n->loc;
    std::vector<TensorType> types;
    for (Value v : n->out) types.push_back(g.type(v));
    const Values out = body->emit_typed(*n->op, n->attrs, in, types)->out;
    for (size_t k = 0; k < out.size(); ++k) map[n->out[k].id] = out[k];
  }
  body->add_output("", map.at(last->out[0].id));
  const OpDef& fused = find_op("fused");
  g.insert_before(last);
  g.location = c.nodes[0]->loc;
  std::vector<std::unique_ptr<Graph>> regions;
  regions.push_back(std::move(body));
  Node* n = g.emit_typed(fused, fused.defaults().with({{"kind", std::string(kind)}}), inputs, {g.type(last->out[0])},
                         std::move(regions));
  g.insert_before(nullptr);
  g.replace(last->out[0], n->out[0]);
  for (size_t i = c.nodes.size(); i-- > 0;) g.erase(c.nodes[i]);
  return n;
}

}  // namespace

int64_t fuse_epilogues(Graph& g, PassContext& c) {
  int64_t count = 0;
  // An anchor never follows another one in a chain, so fusing one leaves the others in place.
  std::vector<Node*> anchors;
  for (Node* n : g.nodes()) {
    PassContext inner = c;
    for (auto& r : n->regions) {
      if (n->is("fused")) break;
      inner.rewrite.stop_after = c.rewrite.stop_after - count;
      count += fuse_epilogues(*r, inner);
    }
    if (is_anchor(*n) && is_float(g.dtype(n->out[0]))) anchors.push_back(n);
  }
  for (Node* n : anchors) {
    if (count >= c.rewrite.stop_after) break;
    const Chain chain = follow(g, n);
    Value result = n->out[0];
    if (chain.nodes.size() >= 2) {
      result = make_fused(g, chain, "epilogue")->out[0];
      ++count;
    }
    // A node of its own: the compiler joins the two where that is measured to pay.
    if (const Chain pair = requantization(g, result); !pair.nodes.empty() && count < c.rewrite.stop_after) {
      make_fused(g, pair, "requantize");
      ++count;
    }
  }
  return count;
}

}  // namespace neve::passes
