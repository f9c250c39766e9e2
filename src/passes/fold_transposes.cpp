// Products read an operand the other way round instead of waiting for a copy that lies so.
#include <unordered_set>

#include "passes/fuse.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

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

// Regions stay as they are: their weights come as inputs, and transposed ones are made before the first call, too.
int64_t fold_transposes(Graph& g, PassContext& c) {
  int64_t count = 0;
  std::unordered_set<uint32_t> prepared;  // what depends on weights and constants alone
  for (Node* n : g.nodes()) {
    bool fixed = n->is("weight") || n->is("constant") || (!n->in.empty() && n->regions.empty() && !n->op->info.random);
    for (Value v : n->in) fixed = fixed && (!v.valid() || prepared.count(v.id));
    for (Value v : n->out)
      if (fixed) prepared.insert(v.id);
    if (!n->is("matmul") || fixed || !is_float(g.dtype(n->out[0])) || count >= c.rewrite.stop_after) continue;
    Values in = n->in;
    bool turned[2] = {n->attrs.get_bool("transpose_a"), n->attrs.get_bool("transpose_b")};
    for (size_t i = 0; i < 2; ++i) {
      const Node* t = g.def(in[i]);
      if (!t || !t->is("transpose") || !swaps_last_two(g, *t) || prepared.count(in[i].id)) continue;
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
