// Products read an operand the other way round instead of waiting for a copy that lies so.
#include <map>

#include "passes/fuse.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

/// What depends on weights and constants alone is computed when the graph is prepared: a copy then costs nothing.
class Prepared {
 public:
  explicit Prepared(const Graph& g) : g_(g) {}
  bool operator()(Value v) {
    if (const auto it = known_.find(v.id); it != known_.end()) return it->second;
    const Node* n = g_.def(v);
    bool yes = n && n->regions.empty() && !n->op->info.random;
    if (yes && !g_.is_weight(v) && !g_.constant_of(v)) {
      yes = !n->in.empty();
      for (Value x : n->in) yes = yes && (!x.valid() || (*this)(x));
    }
    return known_[v.id] = yes;
  }

 private:
  const Graph& g_;
  std::map<uint32_t, bool> known_;
};

bool swaps_last_two(const Graph& g, const Node& n) {
  const int64_t rank = g.rank(n.in[0]);
  if (rank < 2) return false;
  const auto perm = n.attrs.get_ints("perm");
  if (perm.empty()) return rank == 2;
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t from = perm[size_t(i)] < 0 ? perm[size_t(i)] + rank : perm[size_t(i)];
    if (from != (i < rank - 2 ? i : 2 * rank - 3 - i)) return false;
  }
  return true;
}

}  // namespace

int64_t fold_transposes(Graph& g, PassContext& c) {
  int64_t count = 0;
  Prepared prepared(g);
  for (Node* n : g.nodes()) {
    PassContext inner = c;
    for (auto& r : n->regions) {
      if (n->is("fused")) break;
      inner.rewrite.stop_after = c.rewrite.stop_after - count;
      count += fold_transposes(*r, inner);
    }
    if (!n->is("matmul") || !is_float(g.dtype(n->out[0])) || count >= c.rewrite.stop_after) continue;
    Values in = n->in;
    bool turned[2] = {n->attrs.get_bool("transpose_a"), n->attrs.get_bool("transpose_b")};
    for (size_t i = 0; i < 2; ++i) {
      const Node* t = g.def(in[i]);
      if (!t || !t->is("transpose") || !swaps_last_two(g, *t) || prepared(in[i])) continue;
      in[i] = t->in[0];
      turned[i] = !turned[i];
    }
    if (in == n->in) continue;
    g.insert_before(n);
    g.location = n->loc;
    const Value y = g.call("matmul", in, {{"transpose_a", turned[0]}, {"transpose_b", turned[1]}});
    g.insert_before(nullptr);
    g.replace(n->out[0], y);
    g.erase(n);
    ++count;
  }
  g.erase_dead();
  return count;
}

}  // namespace neve::passes
