// Graph: values, nodes, uses, regions.
#include "ir/graph.h"

#include <algorithm>
#include <utility>

#include "op/constant.h"
#include "op/reference.h"
#include "op/regions.h"
#include "op/registry.h"

namespace neve::ir {

std::string to_string(const LocationRef& l) {
  if (!l) return "";
  std::string s;
  if (!l->file.empty()) s = l->line ? str('"', l->file, "\":", l->line) : str('"', l->file, '"');
  if (!l->name.empty()) s += str(s.empty() ? "" : " ", "'", l->name, "'");
  return s;
}

Graph::Graph() = default;
Graph::~Graph() {
  for (Node* n = first_; n;) delete std::exchange(n, n->next);
}
Graph::Graph(Graph&& o) noexcept { *this = std::move(o); }
Graph& Graph::operator=(Graph&& o) noexcept {
  if (this == &o) return *this;
  for (Node* n = first_; n;) delete std::exchange(n, n->next);
  values_ = std::move(o.values_);
  inputs_ = std::move(o.inputs_);
  outputs_ = std::move(o.outputs_);
  output_names_ = std::move(o.output_names_);
  location = std::move(o.location);
  constraints = std::move(o.constraints);
  first_ = std::exchange(o.first_, nullptr);
  last_ = std::exchange(o.last_, nullptr);
  insertion_ = std::exchange(o.insertion_, nullptr);
  node_count_ = std::exchange(o.node_count_, 0);
  return *this;
}

Value Graph::new_value(TensorType t, Facts f, Node* def, uint32_t index) {
  check(values_.size() < Value::none, "graph: too many values");
  values_.push_back({std::move(t), std::move(f), def, index, {}, {}});
  return {uint32_t(values_.size() - 1)};
}

Value Graph::add_input(std::string name, TensorType type, Facts facts) {
  const Value v = new_value(std::move(type), std::move(facts), nullptr, uint32_t(inputs_.size()));
  values_[v.id].name = std::move(name);
  inputs_.push_back(v);
  return v;
}

void Graph::add_output(std::string name, Value v) {
  check(v.valid() && v.id < values_.size(), "graph: output '", name, "' is not a value");
  outputs_.push_back(v);
  output_names_.push_back(std::move(name));
}
void Graph::set_output(size_t i, Value v) { outputs_.at(i) = v; }
void Graph::remove_output(size_t i) {
  outputs_.erase(outputs_.begin() + std::ptrdiff_t(i));
  output_names_.erase(output_names_.begin() + std::ptrdiff_t(i));
}
void Graph::remove_input(size_t i) {
  check(use_count(inputs_.at(i)) == 0, "graph: input ", i, " is still used");
  inputs_.erase(inputs_.begin() + std::ptrdiff_t(i));
  for (size_t k = i; k < inputs_.size(); ++k) values_[inputs_[k].id].index = uint32_t(k);
}
bool Graph::is_output(Value v) const { return std::find(outputs_.begin(), outputs_.end(), v) != outputs_.end(); }
size_t Graph::use_count(Value v) const {
  return values_[v.id].uses.size() + size_t(std::count(outputs_.begin(), outputs_.end(), v));
}

void Graph::refine(Value v, TensorType t) {
  TensorType& old = values_[v.id].type;
  check(old.dtype == t.dtype && old.rank() == t.rank(), "refine: ", old, " cannot become ", t);
  old = std::move(t);
}

std::vector<Node*> Graph::nodes() const {
  std::vector<Node*> v;
  v.reserve(node_count_);
  for (Node* n = first_; n; n = n->next) v.push_back(n);
  return v;
}

void Graph::link(Node* n) {
  Node* before = insertion_;
  n->next = before;
  n->prev = before ? before->prev : last_;
  (n->prev ? n->prev->next : first_) = n;
  (before ? before->prev : last_) = n;
  ++node_count_;
}

void Graph::add_uses(Node* n) {
  for (uint32_t i = 0; i < n->in.size(); ++i)
    if (n->in[i].valid()) values_[n->in[i].id].uses.push_back({n, i});
}

void Graph::drop_use(Value v, Node* n, uint32_t operand) {
  if (!v.valid()) return;
  auto& uses = values_[v.id].uses;
  const auto it =
      std::find_if(uses.begin(), uses.end(), [&](const Use& u) { return u.node == n && u.operand == operand; });
  check(it != uses.end(), "graph: use list of a value lost an entry");
  *it = uses.back();
  uses.pop_back();
}

void Graph::add_constraint(Constraint c) {
  if (prove(c) == Proof::yes) return;
  for (const Constraint& k : constraints)
    if (k.kind == c.kind && k.a == c.a && k.b == c.b) return;
  constraints.push_back(std::move(c));
}

void Graph::infer_into(Inferring& t, const OpDef& op, const Attrs& attrs) {
  try {
    infer(op, attrs, t);
  } catch (const Error& e) {
    const std::string where = to_string(location);
    throw where.empty() ? e : e.with("  at " + where);
  }
  for (Constraint& c : t.constraints) {
    if (location && !location->name.empty()) c.reason += str(" (node '", location->name, "')");
    add_constraint(std::move(c));
  }
}

Values Graph::emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in, std::span<const RegionFn> regions) {
  std::vector<std::unique_ptr<Graph>> built;
  for (size_t k = 0; k < regions.size(); ++k) built.push_back(build_region(op, attrs, k, in, regions[k]));
  return emit_node(op, attrs, in, std::move(built))->out;
}

std::unique_ptr<Graph> Graph::build_region(const OpDef& op, const Attrs& attrs, size_t k, std::span<const Value> in,
                                           const RegionFn& fn) {
  std::vector<const TensorType*> types;
  std::vector<Facts> known;
  for (Value v : in) {
    types.push_back(v.valid() ? &type(v) : nullptr);
    known.push_back(v.valid() ? facts(v) : Facts{});
  }
  RegionSignature signature = region_signature(op, attrs, k, types, known);
  std::unique_ptr<Graph> region;
  widen_region(op, signature, [&](const RegionSignature& s) {
    region = std::make_unique<Graph>();
    region->location = location;
    std::vector<Value> parameters;
    for (size_t i = 0; i < s.parameters.size(); ++i)
      parameters.push_back(region->add_input("", s.parameters[i], i < s.facts.size() ? s.facts[i] : Facts{}));
    std::vector<TensorType> results;
    for (Value v : fn(*region, parameters)) {
      region->add_output("", v);
      results.push_back(region->type(v));
    }
    return results;
  });
  return region;
}

Node* Graph::emit_node(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
                       std::vector<std::unique_ptr<Graph>> regions) {
  std::vector<const TensorType*> types;
  std::vector<TensorType> copies;  // values_ may move while infer makes symbols: keep the types apart
  copies.reserve(in.size());
  for (Value v : in) copies.push_back(v.valid() ? type(v) : TensorType{});
  for (size_t i = 0; i < in.size(); ++i) types.push_back(in[i].valid() ? &copies[i] : nullptr);
  Inferring t(op.info, types);
  for (Value v : in) t.in_facts.push_back(v.valid() ? facts(v) : Facts{});
  for (const auto& r : regions) {
    std::vector<TensorType> results;
    for (Value v : r->outputs()) results.push_back(r->type(v));
    t.regions_.push_back(std::move(results));
  }
  infer_into(t, op, attrs);
  Node* n = emit_typed(op, attrs, in, std::move(t.out), std::move(regions));
  for (size_t k = 0; k < n->out.size() && k < t.out_content.size(); ++k)
    if (t.out_content[k]) values_[n->out[k].id].facts = Facts::of(*t.out_content[k]);
  return n;
}

Node* Graph::emit_typed(const OpDef& op, const Attrs& attrs, std::span<const Value> in, std::vector<TensorType> out,
                        std::vector<std::unique_ptr<Graph>> regions) {
  auto owned = std::make_unique<Node>();
  Node* n = owned.get();
  n->op = &op;
  n->attrs = attrs;
  n->in.assign(in.begin(), in.end());
  n->regions = std::move(regions);
  n->loc = location;
  for (Value v : in)
    check(!v.valid() || v.id < values_.size(), op.info.name, ": an input is not a value of this graph");
  for (uint32_t k = 0; k < out.size(); ++k) n->out.push_back(new_value(std::move(out[k]), {}, n, k));
  link(owned.release());
  add_uses(n);
  return n;
}

void Graph::replace(Value old, Value with) {
  if (old == with) return;
  const TensorType &a = type(old), &b = type(with);
  check(a.dtype == b.dtype && a.rank() == b.rank(), "replace: a value of type ", a, " by one of type ", b);
  for (const Use& u : values_[old.id].uses) {
    u.node->in[u.operand] = with;
    values_[with.id].uses.push_back(u);
  }
  values_[old.id].uses.clear();
  for (Value& v : outputs_)
    if (v == old) v = with;
  if (values_[with.id].name.empty()) values_[with.id].name = values_[old.id].name;
  if (!values_[with.id].facts.known) values_[with.id].facts = values_[old.id].facts;
}

void Graph::set_input(Node* n, size_t i, Value v) {
  drop_use(n->in.at(i), n, uint32_t(i));
  n->in[i] = v;
  if (v.valid()) values_[v.id].uses.push_back({n, uint32_t(i)});
}

void Graph::erase(Node* n) {
  for (Value v : n->out) check(use_count(v) == 0, "erase: a result of ", n->op->info.name, " is still used");
  for (uint32_t i = 0; i < n->in.size(); ++i) drop_use(n->in[i], n, i);
  for (Value v : n->out) values_[v.id].def = nullptr;
  (n->prev ? n->prev->next : first_) = n->next;
  (n->next ? n->next->prev : last_) = n->prev;
  if (insertion_ == n) insertion_ = n->next;
  --node_count_;
  delete n;
}

void Graph::move_before(Node* n, Node* at) {
  if (n == at || n->next == at) return;
  (n->prev ? n->prev->next : first_) = n->next;
  (n->next ? n->next->prev : last_) = n->prev;
  n->next = at;
  n->prev = at ? at->prev : last_;
  (n->prev ? n->prev->next : first_) = n;
  (at ? at->prev : last_) = n;
}

size_t Graph::erase_dead() {
  size_t count = 0;
  for (Node* n = last_; n;) {
    Node* before = n->prev;
    const bool dead = std::all_of(n->out.begin(), n->out.end(), [&](Value v) { return use_count(v) == 0; });
    if (dead) {
      erase(n);
      ++count;
    } else {
      for (auto& r : n->regions) count += r->erase_dead();
    }
    n = before;
  }
  return count;
}

const Tensor* Graph::constant_of(Value v) const {
  static const OpDef& constant_op = find_op("constant");
  const Node* n = def(v);
  if (!n || n->op != &constant_op) return nullptr;
  return &constant_tensor(n->attrs);
}

bool Graph::is_weight(Value v) const {
  const Node* n = def(v);
  return n && n->is("weight");
}

std::vector<Dim> Graph::symbols() const {
  std::vector<Dim> out;
  for (Value v : inputs_)
    for (Dim d : type(v).shape) collect_symbols(d, out);
  for (Node* n = first_; n; n = n->next)
    for (Value v : n->out)
      for (Dim d : type(v).shape) collect_symbols(d, out);
  for (const Constraint& c : constraints) {
    collect_symbols(c.a, out);
    collect_symbols(c.b, out);
  }
  return out;
}

Graph Graph::clone() const {
  Graph g;
  std::map<uint32_t, Value> map;
  for (Value v : inputs_) map[v.id] = g.add_input(name(v), type(v), facts(v));
  g.constraints = constraints;
  copy_nodes(*this, g, map, false);
  for (size_t i = 0; i < outputs_.size(); ++i) g.add_output(output_names_[i], map.at(outputs_[i].id));
  g.location = location;
  return g;
}

namespace {
Values map_inputs(const Node& n, const std::map<uint32_t, Value>& map) {
  Values in;
  for (Value v : n.in) in.push_back(v.valid() ? map.at(v.id) : Value{});
  return in;
}
RegionFn replay(const Graph& region) {
  return [&region](Builder& b, std::span<const Value> parameters) -> Values {
    Graph& to = dynamic_cast<Graph&>(b);
    return inline_graph(region, to, parameters);
  };
}
}  // namespace

void copy_nodes(const Graph& from, Graph& to, std::map<uint32_t, Value>& map, bool reinfer) {
  for (Node* n = from.first(); n; n = n->next) {
    to.location = n->loc;
    const Values in = map_inputs(*n, map);
    Values out;
    if (reinfer) {
      std::vector<RegionFn> regions;
      for (const auto& r : n->regions) regions.push_back(replay(*r));
      out = to.emit(*n->op, n->attrs, in, regions);
    } else {
      std::vector<TensorType> types;
      for (Value v : n->out) types.push_back(from.type(v));
      std::vector<std::unique_ptr<Graph>> regions;
      for (const auto& r : n->regions) regions.push_back(std::make_unique<Graph>(r->clone()));
      out = to.emit_typed(*n->op, n->attrs, in, std::move(types), std::move(regions))->out;
      for (size_t k = 0; k < out.size(); ++k) to.set_facts(out[k], from.facts(n->out[k]));
    }
    for (size_t k = 0; k < out.size(); ++k) {
      to.set_name(out[k], from.name(n->out[k]));
      map[n->out[k].id] = out[k];
    }
  }
}

Values inline_graph(const Graph& from, Graph& to, std::span<const Value> arguments) {
  check(arguments.size() == from.inputs().size(), "inline_graph: ", arguments.size(), " arguments for ",
        from.inputs().size(), " parameters");
  std::map<uint32_t, Value> map;
  for (size_t i = 0; i < arguments.size(); ++i) map[from.inputs()[i].id] = arguments[i];
  copy_nodes(from, to, map, true);
  Values out;
  for (Value v : from.outputs()) out.push_back(map.at(v.id));
  return out;
}

// Relations over the sizes of inputs that no node states (decisions taken while capturing) hold for the new types too.
static void carry_constraints(const Graph& from, std::span<const TensorType> types, Graph& to) {
  std::map<uint32_t, Dim> now;
  for (size_t i = 0; i < types.size(); ++i) {
    const Shape& old = from.type(from.inputs()[i]).shape;
    for (size_t a = 0; a < old.size(); ++a)
      if (old[a].is_symbol()) now.emplace(old[a].as_symbol().id, types[i].shape[a]);
  }
  for (const Constraint& c : from.constraints) {
    bool of_inputs = true;
    const auto with = [&](const Symbol& s) -> std::optional<Dim> {
      const auto it = now.find(s.id);
      of_inputs = of_inputs && it != now.end();
      return it == now.end() ? std::nullopt : std::optional<Dim>(it->second);
    };
    const Constraint moved{c.kind, substitute(c.a, with), substitute(c.b, with), c.reason};
    if (!of_inputs) continue;  // of sizes that arise inside: made anew with their nodes
    if (prove(moved) == Proof::no)
      fail(ErrorCode::shape_mismatch, c.reason, ": it must be that ", to_string(c), ", and the new sizes are ", moved.a,
           " and ", moved.b);
    to.add_constraint(moved);
  }
}

Graph Graph::with_input_types(std::span<const TensorType> types) const {
  check(types.size() == inputs_.size(), "with_input_types: ", types.size(), " types for ", inputs_.size(), " inputs");
  Graph g;
  std::map<uint32_t, Value> map;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const TensorType& old = type(inputs_[i]);
    if (old.dtype != types[i].dtype || old.rank() != types[i].rank())
      fail(ErrorCode::type_mismatch, "input '", name(inputs_[i]), "': ", types[i], " given for ", old);
    map[inputs_[i].id] = g.add_input(name(inputs_[i]), types[i], old == types[i] ? facts(inputs_[i]) : Facts{});
  }
  copy_nodes(*this, g, map, true);
  for (size_t i = 0; i < outputs_.size(); ++i) g.add_output(output_names_[i], map.at(outputs_[i].id));
  carry_constraints(*this, types, g);
  return g;
}

namespace {
struct SubgraphMaker {
  const Graph& g;
  Subgraph s;
  std::map<uint32_t, int32_t> number;

  int32_t value(Value v) {
    const auto [it, made] = number.try_emplace(v.id, 0);
    if (made) {
      it->second = s.add_value(g.type(v));
      s.facts.resize(s.types.size());
      s.facts.back() = g.facts(v);
    }
    return it->second;
  }
  void input(Value v) {
    s.inputs.push_back(value(v));
    const Tensor* c = g.constant_of(v);
    s.roles.push_back(c ? InputRole::constant : g.is_weight(v) ? InputRole::weight : InputRole::activation);
    s.constants.push_back(c ? *c : Tensor{});
  }
  void node(const Node& n) {
    SubgraphNode m{n.op, n.attrs, {}, {}, {}, n.loc ? n.loc->name : ""};
    for (Value v : n.in) m.in.push_back(v.valid() ? value(v) : -1);
    for (Value v : n.out) m.out.push_back(value(v));
    for (const auto& r : n.regions) m.regions.push_back(std::make_shared<Subgraph>(to_subgraph(*r)));
    s.nodes.push_back(std::move(m));
  }
};
}  // namespace

Subgraph to_subgraph(const Graph& g, std::span<Node* const> nodes, std::span<const Value> inputs,
                     std::span<const Value> outputs) {
  SubgraphMaker m{g, {}, {}};
  for (Value v : inputs) m.input(v);
  for (const Node* n : nodes) m.node(*n);
  for (Value v : outputs) m.s.outputs.push_back(m.value(v));
  return std::move(m.s);
}

Subgraph to_subgraph(const Graph& g) {
  const auto nodes = g.nodes();
  return to_subgraph(g, nodes, g.inputs(), g.outputs());
}

namespace {
bool has_inner_weights(const Graph& g, bool inner) {
  for (Node* n = g.first(); n; n = n->next) {
    if (inner && n->is("weight")) return true;
    for (const auto& r : n->regions)
      if (has_inner_weights(*r, true)) return true;
  }
  return false;
}

const Tensor& find_weight(const Weights& weights, const Node& n) {
  const std::string name = n.attrs.get_string("name");
  const auto it = weights.find(name);
  if (it == weights.end()) fail(ErrorCode::not_found, "run: the model has no weight named '", name, "'");
  return it->second;
}

// Weights inside of regions become constants: a region is handed parameters only.
void supply_inner_weights(Graph& g, const Weights& weights, bool inner) {
  for (Node* n : g.nodes()) {
    for (auto& r : n->regions) supply_inner_weights(*r, weights, true);
    if (!inner || !n->is("weight")) continue;
    g.insert_before(n);
    g.replace(n->out[0], g.constant(find_weight(weights, *n)));
    g.insert_before(nullptr);
    g.erase(n);
  }
}
}  // namespace

std::vector<Tensor> run_reference(const Graph& g, const Weights& weights, std::span<const Tensor> in, int threads) {
  if (has_inner_weights(g, false)) {
    Graph copy = g.clone();
    supply_inner_weights(copy, weights, false);
    return run_reference(copy, weights, in, threads);
  }
  // Weight nodes become inputs of the piece that is evaluated.
  std::vector<Node*> nodes;
  std::vector<Value> inputs = g.inputs();
  std::vector<Tensor> arguments(in.begin(), in.end());
  for (Node* n = g.first(); n; n = n->next) {
    if (!n->is("weight")) {
      nodes.push_back(n);
      continue;
    }
    inputs.push_back(n->out[0]);
    arguments.push_back(find_weight(weights, *n));
  }
  return evaluate(to_subgraph(g, nodes, inputs, g.outputs()), arguments, threads);
}

}  // namespace neve::ir
