// Products that share their left side become one.
#include <algorithm>
#include <map>

#include "passes/fuse.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

// A product with a fixed [k, n] right side.
bool mergeable(const Graph& g, const Node& n) {
  if (!n.is("matmul") || !g.is_weight(n.in[1])) return false;
  const TensorType &a = g.type(n.in[0]), &w = g.type(n.in[1]);
  return is_float(a.dtype) && a.rank() >= 2 && w.rank() == 2 && is_constant(w.shape);
}

}  // namespace

int64_t merge_matmuls(Graph& g, PassContext& c) {
  int64_t count = 0;
  std::map<uint32_t, std::vector<Node*>> by_left;
  for (Node* n : g.nodes()) {
    PassContext inner = c;
    for (auto& r : n->regions) {
      inner.rewrite.stop_after = c.rewrite.stop_after - count;
      count += merge_matmuls(*r, inner);
    }
    if (mergeable(g, *n)) by_left[n->in[0].id].push_back(n);
  }
  for (auto& [left, group] : by_left) {
    if (group.size() < 2 || count >= c.rewrite.stop_after) continue;
    Values weights;
    std::vector<int64_t> widths;
    for (Node* n : group) {
      weights.push_back(n->in[1]);
      widths.push_back(g.type(n->in[1]).shape[1].value());
    }
    // Weight nodes of later members may stand after the first product.
    g.insert_before(group[0]);
    for (Node* n : group) {
      Node* w = g.def(n->in[1]);
      bool after = false;
      for (Node* m = group[0]; m; m = m->next) after = after || m == w;
      if (after) g.move_before(w, group[0]);
    }
    g.location = group[0]->loc;
    const Value joined = g.call("concat", weights, {{"axis", int64_t(1)}});
    const Value product = g.call("matmul", {group[0]->in[0], joined});
    // Slices, not one split: each reader's loop can take its own.
    int64_t at = 0;
    for (size_t i = 0; i < group.size(); ++i) {
      const Value part =
          g.call("slice", {product, g.ints({at}), g.ints({at + widths[i]}), g.ints({g.rank(product) - 1})});
      at += widths[i];
      g.replace(group[i]->out[0], part);
    }
    g.insert_before(nullptr);
    for (Node* n : group) g.erase(n);
    ++count;
  }
  return count;
}

}  // namespace neve::passes
