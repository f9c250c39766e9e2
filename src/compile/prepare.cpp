// The prepare program: what depends on weights and constants alone is computed once.
#include <unordered_set>

#include "base/error.h"
#include "compile/compile.h"
#include "op/constant.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::compile {
using ir::Graph;
using ir::Node;

namespace {

bool is_leaf(const Node& n) { return n.is("weight") || n.is("constant"); }

// Nodes whose inputs are all weights, constants or other such nodes, with at least one weight among them.
std::vector<Node*> find_prepared(const Graph& g) {
  std::unordered_set<uint32_t> fixed, weighted;
  std::vector<Node*> found;
  for (Node* n = g.first(); n; n = n->next) {
    if (is_leaf(*n)) {
      fixed.insert(n->out[0].id);
      if (n->is("weight")) weighted.insert(n->out[0].id);
      continue;
    }
    bool all = !n->in.empty() && n->regions.empty() && !n->op->info.random, any = false;
    for (Value v : n->in) {
      if (!v.valid()) continue;
      all = all && fixed.count(v.id);
      any = any || weighted.count(v.id);
    }
    for (Value v : n->out) all = all && is_constant(g.type(v).shape);
    if (!all || !any) continue;
    found.push_back(n);
    for (Value v : n->out) fixed.insert(v.id), weighted.insert(v.id);
  }
  return found;
}

}  // namespace

size_t prepare(Graph& g, ir::Weights& weights, int threads) {
  const std::vector<Node*> nodes = find_prepared(g);
  if (nodes.empty()) return 0;
  std::unordered_set<const Node*> inside(nodes.begin(), nodes.end());
  std::vector<Value> inputs, outputs;
  std::vector<Tensor> arguments;
  std::unordered_set<uint32_t> seen;
  for (const Node* n : nodes) {
    for (Value v : n->in) {
      if (!v.valid() || !is_leaf(*g.def(v)) || !seen.insert(v.id).second) continue;
      inputs.push_back(v);
      if (const Tensor* c = g.constant_of(v)) {
        arguments.push_back(*c);
      } else {
        const std::string& name = weight_attrs(g.def(v)->attrs).name;
        const auto it = weights.find(name);
        if (it == weights.end()) fail(ErrorCode::not_found, "prepare: the model has no weight named '", name, "'");
        arguments.push_back(it->second);
      }
    }
    for (Value v : n->out) {
      bool leaves = g.is_output(v);
      for (const ir::Use& u : g.uses(v)) leaves = leaves || !inside.count(u.node);
      if (leaves) outputs.push_back(v);
    }
  }
  const std::vector<Tensor> results = evaluate(to_subgraph(g, nodes, inputs, outputs), arguments, threads);
  for (size_t k = 0; k < outputs.size(); ++k) {
    // Named for the weight it comes from, so that profiles stay readable; made unique.
    std::string name = g.name(outputs[k]).empty() ? std::string("prepared") : g.name(outputs[k]);
    for (int i = 0; weights.count(name); ++i) name = str(g.name(outputs[k]), "#", i);
    Sizes shape = results[k].shape();
    weights[name] = results[k].contiguous();
    g.insert_before(g.def(outputs[k]));
    g.location = g.def(outputs[k])->loc;
    const Value w = g.call("weight", {}, {{"name", name}, {"dtype", results[k].dtype()}, {"shape", shape}});
    g.insert_before(nullptr);
    g.replace(outputs[k], w);
  }
  g.erase_dead();
  // Weights that nothing uses any more need not be kept.
  std::unordered_set<std::string> used;
  std::vector<const Graph*> all{&g};
  while (!all.empty()) {
    const Graph* x = all.back();
    all.pop_back();
    for (Node* n = x->first(); n; n = n->next) {
      if (n->is("weight")) used.insert(weight_attrs(n->attrs).name);
      for (const auto& r : n->regions) all.push_back(r.get());
    }
  }
  std::erase_if(weights, [&](const auto& w) { return !used.count(w.first); });
  return nodes.size();
}

}  // namespace neve::compile
