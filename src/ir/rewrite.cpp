// The rewrite driver.
#include "ir/rewrite.h"

#include "ir/verify.h"

namespace neve::ir {
namespace {

struct Driver {
  std::span<const Rule> rules;
  const RewriteOptions& options;
  std::vector<RewriteCount> counts;
  int64_t total = 0;

  bool exhausted() const { return total >= options.stop_after; }

  // Removes n if nothing uses it, and what only it used, going backwards.
  static void sweep(Graph& g, Node* n) {
    for (Value v : n->out)
      if (g.use_count(v)) return;
    const Values in = n->in;
    g.erase(n);
    for (Value v : in)
      if (v.valid())
        if (Node* d = g.def(v)) sweep(g, d);
  }

  bool apply(Graph& g, Node* n, size_t r) {
    const Rule& rule = rules[r];
    g.insert_before(n);
    g.location = n->loc;
    const Node* before = n->prev;
    const Values with = rule.apply(g, *n);
    if (with.empty()) {
      // A rule that looked and emitted, then gave up, must leave nothing behind.
      while (n->prev != before) g.erase(n->prev);
      g.insert_before(nullptr);
      return false;
    }
    check(with.size() == n->out.size(), "rule ", rule.name, " gave ", with.size(), " values for ", n->out.size(),
          " results of ", n->op->info.name);
    for (size_t k = 0; k < with.size(); ++k) {
      if (!with[k].valid()) continue;
      const TensorType &a = g.type(n->out[k]), &b = g.type(with[k]);
      bool same = a.dtype == b.dtype && a.rank() == b.rank();
      for (size_t d = 0; same && d < a.shape.size(); ++d) same = equal(a.shape[d], b.shape[d]) != Proof::no;
      check(same, "rule ", rule.name, " turned ", a, " into ", b);
      g.replace(n->out[k], with[k]);
    }
    g.insert_before(nullptr);
    ++total, ++counts[r].count;
    sweep(g, n);
    if (options.verify_each) verify(g, Level::fused);
    return true;
  }

  bool sweep_once(Graph& g) {
    bool changed = false;
    for (Node* n = g.first(); n && !exhausted();) {
      for (auto& region : n->regions) changed |= run(*region);
      // A rule may remove n and nodes before it, never nodes after it.
      Node* next = n->next;
      for (size_t r = 0; r < rules.size() && !exhausted(); ++r)
        if (apply(g, n, r)) {
          changed = true;
          break;
        }
      n = next;
    }
    return changed;
  }

  bool run(Graph& g) {
    bool any = false;
    for (int round = 0; round < 32 && !exhausted(); ++round) {
      if (!sweep_once(g)) break;
      any = true;
    }
    return any;
  }
};

}  // namespace

std::vector<RewriteCount> rewrite(Graph& g, std::span<const Rule> rules, const RewriteOptions& options) {
  Driver d{rules, options, {}, 0};
  for (const Rule& r : rules) d.counts.push_back({std::string(r.name), 0});
  d.run(g);
  return std::move(d.counts);
}

}  // namespace neve::ir
