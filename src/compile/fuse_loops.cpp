// Grows clusters of ops that one loop nest can do, and makes each a `fused` node. make_loop_nest is the judge.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "compile/compile.h"
#include "loop/analyse.h"
#include "op/registry.h"
#include "passes/simplify.h"

namespace neve::compile {
using ir::Graph;
using ir::Node;

namespace {

// Views cost nothing as an alias: a cluster of them alone gains nothing, and none is a cluster's edge by choice.
bool is_free(const Node& n) {
  return n.is("reshape") || n.is("squeeze") || n.is("unsqueeze") || n.is("flatten") || n.is("identity");
}

// Whether a result has a size that no input states: it is known when the node has run, which a loop with sizes given
// ahead cannot be.
bool defines_sizes(const Graph& g, const Node& n) {
  std::vector<Dim> made, known;
  for (Value v : n.out)
    for (Dim d : g.type(v).shape) collect_symbols(d, made);
  if (made.empty()) return false;
  for (Value v : n.in) {
    if (!v.valid()) continue;
    for (Dim d : g.type(v).shape) collect_symbols(d, known);
    for (Dim d : g.facts(v).content) collect_symbols(d, known);
  }
  for (Value v : g.inputs())
    for (Dim d : g.type(v).shape) collect_symbols(d, known);
  return std::any_of(made.begin(), made.end(),
                     [&](Dim d) { return std::find(known.begin(), known.end(), d) == known.end(); });
}

bool loopable(const Graph& g, const Node& n) {
  if (!n.regions.empty() || n.op->info.random || n.is("constant") || n.is("weight")) return false;
  if (loop_role(*n.op) == LoopRole::none || defines_sizes(g, n)) return false;
  // Shape arithmetic is the shape program's.
  for (Value v : n.out)
    if (!g.facts(v).known) return true;
  return false;
}

class Clusters {
 public:
  explicit Clusters(Graph& g) : g_(g) {}
  int64_t run(int min_region);

 private:
  struct Cluster {
    std::vector<Node*> nodes;  ///< in graph order
    bool alive = true;
  };
  size_t of(const Node* n) const { return cluster_of_.at(n); }
  bool depends(size_t from, size_t on, size_t except) const;
  bool try_merge(size_t a, size_t b);
  bool suits(const std::vector<Node*>& nodes) const;
  void boundary(const std::vector<Node*>& nodes, Values& inputs, Values& outputs) const;
  void sort();
  void emit(const Cluster& c);

  Graph& g_;
  std::vector<Cluster> clusters_;
  std::unordered_map<const Node*, size_t> cluster_of_;
  std::unordered_map<const Node*, size_t> position_;
};

// Whether cluster `from` reads, over any path that leaves `except` directly, something that cluster `on` makes.
bool Clusters::depends(size_t from, size_t on, size_t except) const {
  const size_t floor = position_.at(clusters_[on].nodes.front());
  std::vector<size_t> work{from};
  std::unordered_set<size_t> seen{from};
  bool direct = true;
  while (!work.empty()) {
    const size_t c = work.back();
    work.pop_back();
    for (const Node* n : clusters_[c].nodes)
      for (Value v : n->in) {
        if (!v.valid()) continue;
        const Node* d = g_.def(v);
        if (!d) continue;
        const size_t x = of(d);
        if (direct && c == from && x == except) continue;
        if (x == on) return true;
        if (position_.at(clusters_[x].nodes.back()) < floor) continue;
        if (seen.insert(x).second) work.push_back(x);
      }
    direct = true;
  }
  return false;
}

void Clusters::boundary(const std::vector<Node*>& nodes, Values& inputs, Values& outputs) const {
  const std::unordered_set<const Node*> inside(nodes.begin(), nodes.end());
  for (const Node* n : nodes) {
    for (Value v : n->in)
      if (v.valid() && !(g_.def(v) && inside.count(g_.def(v))) &&
          std::find(inputs.begin(), inputs.end(), v) == inputs.end())
        inputs.push_back(v);
    for (Value v : n->out) {
      bool leaves = g_.is_output(v);
      for (const ir::Use& u : g_.uses(v)) leaves = leaves || !inside.count(u.node);
      if (leaves) outputs.push_back(v);
    }
  }
}

bool Clusters::suits(const std::vector<Node*>& nodes) const {
  Values inputs, outputs;
  boundary(nodes, inputs, outputs);
  if (outputs.empty() || outputs.size() > 4 || inputs.size() > 16 || nodes.size() > 64) return false;
  Subgraph s = to_subgraph(g_, nodes, inputs, outputs);
  s.facts.resize(s.types.size());
  for (size_t i = 0; i < inputs.size(); ++i) s.facts[size_t(s.inputs[i])] = g_.facts(inputs[i]);
  return make_loop_nest(s).nest.has_value();
}

bool Clusters::try_merge(size_t a, size_t b) {
  // b reads a. Merging must not close a circle through a third cluster.
  if (depends(b, a, a)) return false;
  std::vector<Node*> nodes = clusters_[a].nodes;
  nodes.insert(nodes.end(), clusters_[b].nodes.begin(), clusters_[b].nodes.end());
  std::sort(nodes.begin(), nodes.end(), [&](Node* x, Node* y) { return position_.at(x) < position_.at(y); });
  if (!suits(nodes)) return false;
  for (Node* n : clusters_[b].nodes) cluster_of_[n] = a;
  clusters_[a].nodes = std::move(nodes);
  clusters_[b].alive = false;
  clusters_[b].nodes.clear();
  return true;
}

// Order of nodes such that clusters are contiguous; merging kept the contracted graph free of circles.
void Clusters::sort() {
  std::vector<Node*> order;
  std::unordered_set<size_t> done;
  std::function<void(size_t)> place = [&](size_t c) {
    if (!done.insert(c).second) return;
    for (const Node* n : clusters_[c].nodes)
      for (Value v : n->in)
        if (v.valid() && g_.def(v) && of(g_.def(v)) != c) place(of(g_.def(v)));
    order.insert(order.end(), clusters_[c].nodes.begin(), clusters_[c].nodes.end());
  };
  for (Node* n : g_.nodes()) place(of(n));
  for (Node* n : order) g_.move_before(n, nullptr);
}

void Clusters::emit(const Cluster& c) {
  Values inputs, outputs;
  boundary(c.nodes, inputs, outputs);
  auto body = std::make_unique<Graph>();
  std::map<uint32_t, Value> map;
  for (Value v : inputs) map[v.id] = body->add_input(g_.name(v), g_.type(v), g_.facts(v));
  for (Node* n : c.nodes) {
    Values in;
    for (Value v : n->in) in.push_back(v.valid() ? map.at(v.id) : Value{});
    body->location = n->loc;
    std::vector<TensorType> types;
    for (Value v : n->out) types.push_back(g_.type(v));
    const Values out = body->emit_typed(*n->op, n->attrs, in, types)->out;
    for (size_t k = 0; k < out.size(); ++k) {
      map[n->out[k].id] = out[k];
      body->set_facts(out[k], g_.facts(n->out[k]));
    }
  }
  std::vector<TensorType> types;
  for (Value v : outputs) {
    body->add_output(g_.name(v), map.at(v.id));
    types.push_back(g_.type(v));
  }
  static const OpDef& fused = find_op("fused");
  std::vector<std::unique_ptr<Graph>> regions;
  regions.push_back(std::move(body));
  g_.insert_before(c.nodes.back());
  // The location of the op that does most: the last one that is not a mere view.
  g_.location = c.nodes.back()->loc;
  for (Node* n : c.nodes)
    if (!is_free(*n)) g_.location = n->loc;
  Node* made =
      g_.emit_typed(fused, fused.defaults().with({{"kind", std::string("loop")}}), inputs, types, std::move(regions));
  g_.insert_before(nullptr);
  for (size_t k = 0; k < outputs.size(); ++k) {
    g_.set_facts(made->out[k], g_.facts(outputs[k]));
    g_.replace(outputs[k], made->out[k]);
  }
  for (size_t i = c.nodes.size(); i-- > 0;) g_.erase(c.nodes[i]);
}

int64_t Clusters::run(int min_region) {
  const auto nodes = g_.nodes();
  for (size_t i = 0; i < nodes.size(); ++i) {
    position_[nodes[i]] = i;
    cluster_of_[nodes[i]] = clusters_.size();
    clusters_.push_back({{nodes[i]}});
  }
  // Twice: what could not join a half-grown cluster, whose every value still left it, may join the whole one.
  for (const bool grown : {false, true}) {
    std::set<std::pair<size_t, size_t>> tried;
    for (Node* n : nodes) {
      if (!loopable(g_, *n)) continue;
      // Producers, nearest first.
      std::vector<Node*> producers;
      for (Value v : n->in)
        if (v.valid() && g_.def(v) && loopable(g_, *g_.def(v))) producers.push_back(g_.def(v));
      std::sort(producers.begin(), producers.end(),
                [&](Node* a, Node* b) { return position_.at(a) > position_.at(b); });
      for (Node* p : producers) {
        const size_t a = of(p), b = of(n);
        if (a == b || (grown && !tried.insert({a, b}).second)) continue;
        try_merge(a, b);
      }
    }
  }
  sort();
  int64_t count = 0;
  for (const Cluster& c : clusters_) {
    if (!c.alive || c.nodes.size() < 2 || int(c.nodes.size()) < min_region) continue;
    if (std::all_of(c.nodes.begin(), c.nodes.end(), [](Node* n) { return is_free(*n); })) continue;
    if (!loopable(g_, *c.nodes.front())) continue;
    emit(c);
    ++count;
  }
  return count;
}

// Composites of which nothing but loops is made: lowered, so that they can join their neighbours.
int64_t lower_composites(Graph& g, const std::function<bool(const Node&)>& keep) {
  int64_t count = 0;
  for (int round = 0; round < 8; ++round) {
    bool changed = false;
    for (Node* n : g.nodes()) {
      if (!n->op->lower || keep(*n)) continue;
      bool shapes = false;
      for (Value v : n->out) shapes = shapes || g.facts(v).known;
      if (shapes) continue;
      g.insert_before(n);
      g.location = n->loc;
      const Values results = n->op->lower(n->attrs.object(), g, n->in);
      g.insert_before(nullptr);
      for (size_t k = 0; k < n->out.size() && k < results.size(); ++k)
        if (results[k].valid()) g.replace(n->out[k], results[k]);
      g.erase(n);
      changed = true;
      ++count;
    }
    if (!changed) break;
  }
  g.erase_dead();
  return count;
}

// Sizes that are known from elsewhere are no reason to make a value: they are asked of the first that has them and is
// made anyhow.
void ask_early_for_sizes(Graph& g) {
  std::map<std::string, Value> first;
  const auto note = [&](Value v) {
    if (v.valid() && !g.type(v).shape.empty()) first.emplace(to_string(g.type(v).shape), v);
  };
  for (Value v : g.inputs()) note(v);
  for (Node* n : g.nodes()) {
    if ((n->is("shape") || n->is("size")) && g.facts(n->out[0]).known) {
      const Shape& shape = g.type(n->in[0]).shape;
      const auto it = first.find(to_string(shape));  // two symbols may share a name
      if (it != first.end() && it->second != n->in[0] && g.type(it->second).shape == shape)
        g.set_input(n, 0, it->second);
    }
    if (!loopable(g, *n) && !n->is("constant") && !n->is("weight"))
      for (Value v : n->out) note(v);
  }
}

}  // namespace

int64_t fuse_loops(Graph& g, int min_region, const std::set<std::string, std::less<>>& keep_ops) {
  int64_t count = 0;
  for (Node* n : g.nodes())
    if (!n->is("fused"))
      for (auto& r : n->regions) count += fuse_loops(*r, min_region, keep_ops);
  lower_composites(g, [&](const Node& n) {
    if (keep_ops.count(n.op->info.name) || defines_sizes(g, n)) return true;
    for (const kernels::Entry& e : kernels::kernels_for(*n.op))
      if (e.name != "reference") return true;
    return false;
  });
  // Composites that have become loops may share their parts: the mean of a normalisation and that of its gradient.
  ask_early_for_sizes(g);
  passes::PassContext context;
  passes::remove_common(g, context);
  g.erase_dead();
  return count + Clusters(g).run(min_region);
}

}  // namespace neve::compile
