// The prepare program: what depends on weights and constants alone is computed once.
#include <unordered_set>

#include "base/error.h"
#include "compile/compile.h"
#include "ir/prune.h"
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

// Weights and constants that a region takes from outside become its own: its kernels pack them once.
void sink_leaves(Graph& g) {
  for (Node* n : g.nodes()) {
    const bool loop = n->is("loop");
    if (!loop && !n->is("if")) continue;
    const size_t first = loop ? 2 + size_t(n->attrs.get_int("carried")) : 1;
    for (size_t i = first; i < n->in.size(); ++i) {
      const Node* leaf = n->in[i].valid() ? g.def(n->in[i]) : nullptr;
      if (!leaf || !is_leaf(*leaf)) continue;
      for (auto& r : n->regions) {
        const Value input = r->inputs()[loop ? i : i - 1];
        if (r->uses(input).empty()) continue;
        r->insert_before(r->first());
        r->location = leaf->loc;
        Node* own = r->emit_typed(*leaf->op, leaf->attrs, {}, {g.type(n->in[i])});
        r->insert_before(nullptr);
        r->set_name(own->out[0], g.name(n->in[i]));
        r->set_facts(own->out[0], g.facts(n->in[i]));
        r->replace(input, own->out[0]);
      }
    }
    for (auto& r : n->regions) sink_leaves(*r);
  }
}

// Of this graph and of its regions.
size_t evaluate_prepared(Graph& g, ir::Weights& weights, int threads) {
  size_t inner = 0;
  for (Node* n : g.nodes())
    if (!n->is("fused"))
      for (auto& r : n->regions) inner += evaluate_prepared(*r, weights, threads);
  const std::vector<Node*> nodes = find_prepared(g);
  if (nodes.empty()) return inner;
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
  return inner + nodes.size();
}

}  // namespace

void drop_unused(const Graph& g, ir::Weights& weights) {
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
}

size_t prepare(Graph& g, ir::Weights& weights, int threads) {
  sink_leaves(g);
  if (ir::prune_regions(g)) g.erase_dead();
  const size_t count = evaluate_prepared(g, weights, threads);
  if (count == 0) return 0;
  drop_unused(g, weights);
  return count;
}

}  // namespace neve::compile
