// One walk over the graph: every node becomes nothing (a view, a shape computation), or an instruction with a kernel.
#include "compile/compile.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/threads.h"
#include "compile/candidates.h"
#include "op/constant.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::compile {
using ir::Graph;
using ir::Node;
using kernels::Kernel;
using plan::Instr;
using plan::Place;
using plan::Plan;
using plan::PlanValue;

namespace {

// Ops that move no element: their result is their first input under another shape.
bool is_view(const Node& n) {
  return n.is("reshape") || n.is("squeeze") || n.is("unsqueeze") || n.is("flatten") || n.is("identity");
}

class Compiler {
 public:
  Compiler(Graph& g, std::shared_ptr<runtime::WeightPool> weights, const Point& point, const Options& options,
           Compiler* outer)
      : g_(g), weights_(std::move(weights)), point_(point), options_(options), outer_(outer) {}

  std::shared_ptr<runtime::Program> run(std::vector<NodeReport>& reports, size_t& timed, size_t& cached);

 private:
  // ---- shape program ----
  int32_t symbol_index(const Symbol& s);
  int32_t step(Dim d);
  bool known(Dim d) const;
  void add_constraints();
  enum class At { point, low, high };
  int64_t guess(Dim d, At at = At::point) const;
  Sizes guess(const TensorType& t, At at = At::point) const;

  // ---- values ----
  int32_t new_value(const TensorType& t, Place place, int32_t index, Layout layout = {}, std::string name = "");
  int32_t base_value(Value v);  // the value as its producer left it
  int32_t value_in(Value v, const Layout& layout);
  int32_t root(int32_t v) const;
  bool last_use(Value v, int32_t plan_value) const;
  void remember(Value v, int32_t plan_value);
  std::optional<Tensor> known_content(Value v) const;

  // ---- nodes ----
  void find_needed();
  void find_stated();
  void visit(Node& n);
  void visit_view(Node& n);
  void visit_control(Node& n);
  void visit_kernel(Node& n);
  bool expand(Node& n, const std::vector<std::string>& refusals);
  bool defines_sizes(const Node& n) const;
  void close_segment();
  void finish_dynamic(Instr& instr, const Node& n);
  Subgraph piece(const Node& n, std::vector<Value>& inputs, const Values& outputs) const;
  int32_t weight_operand(Value v, const Kernel& kernel, size_t operand);
  void place_outputs();
  int32_t add_reorder(int32_t from, const Layout& to);

  Graph& g_;  ///< a private copy: what no kernel takes whole is expanded in it
  std::shared_ptr<runtime::WeightPool> weights_;
  const Point& point_;
  std::map<uint32_t, int64_t> stated_;  // of symbols that the point does not know
  const Options& options_;
  Compiler* outer_;

  std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::vector<std::shared_ptr<const Kernel>> kernels_;
  std::vector<std::vector<std::shared_ptr<runtime::Program>>> regions_;
  std::vector<NodeReport>* reports_ = nullptr;
  size_t timed_ = 0, cached_ = 0;

  std::unordered_map<uint32_t, int32_t> symbols_;  // symbol id -> plan symbol
  std::unordered_set<uint32_t> known_symbols_;
  std::unordered_map<int64_t, int32_t> steps_;  // Dim rep -> step
  std::vector<bool> constraint_done_;
  std::unordered_map<uint32_t, std::vector<int32_t>> of_;            // graph value -> plan values, the producer's first
  std::unordered_map<int32_t, std::vector<uint32_t>> graph_values_;  // plan root -> graph values that lie there
  std::unordered_map<const Node*, int64_t> position_;  ///< in order; expanded nodes lie between the old numbers
  std::unordered_set<const Node*> needed_;
  int64_t now_ = 0;
  int64_t expansion_room_ = int64_t(1) << 31;
  int32_t segment_first_ = 0;
  std::map<std::pair<std::string, std::string>, int32_t> weight_index_;
};

// ---- shape program --------------------------------------------------------------------------------------------

int32_t Compiler::symbol_index(const Symbol& s) {
  const auto it = symbols_.find(s.id);
  if (it != symbols_.end()) return it->second;
  check(outer_, "compile: symbol '", s.name, "' (", s.origin, ") is used before it is defined");
  plan::PlanSymbol p{s.name, s.lo, s.hi, s.divisor, -1, -1, outer_->symbol_index(s)};
  plan_->symbols.push_back(p);
  const int32_t index = int32_t(plan_->symbols.size()) - 1;
  symbols_[s.id] = index;
  known_symbols_.insert(s.id);
  return index;
}

int32_t Compiler::step(Dim d) {
  const auto it = steps_.find(d.rep());
  if (it != steps_.end()) return it->second;
  const int32_t i = compile_dim(d, plan_->dim_code, [&](const Symbol& s) { return symbol_index(s); });
  steps_[d.rep()] = i;
  return i;
}

bool Compiler::known(Dim d) const {
  std::vector<Dim> symbols;
  collect_symbols(d, symbols);
  for (Dim s : symbols) {
    if (known_symbols_.count(s.as_symbol().id)) continue;
    if (!(outer_ && !symbols_.count(s.as_symbol().id) && outer_->known(s))) return false;
  }
  return true;
}

void Compiler::add_constraints() {
  constraint_done_.resize(g_.constraints.size());
  for (size_t i = 0; i < g_.constraints.size(); ++i) {
    const Constraint& c = g_.constraints[i];
    if (constraint_done_[i] || !known(c.a) || !known(c.b)) continue;
    constraint_done_[i] = true;
    plan_->constraints.push_back({c.kind, step(c.a), step(c.b), c.reason});
  }
}

// Sizes that arise inside, where a relation of the graph says what they must be: the channels of a convolution's input.
void Compiler::find_stated() {
  for (const Constraint& c : g_.constraints) {
    if (c.kind != Constraint::equal) continue;
    const Dim difference = c.a - c.b;
    std::vector<Dim> symbols;
    collect_symbols(difference, symbols);
    if (symbols.size() != 1 || point_.count(symbols[0].as_symbol().id)) continue;
    const Dim less = symbols[0] - difference, more = symbols[0] + difference;
    for (Dim n : {less, more})
      if (n.is_constant() && n.value() >= symbols[0].as_symbol().lo)
        stated_.emplace(symbols[0].as_symbol().id, n.value());
  }
}

int64_t Compiler::guess(Dim d, At at) const {
  return evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = point_.find(s.id);
    if (it == point_.end()) {
      if (const auto stated = stated_.find(s.id); stated != stated_.end()) return stated->second;
      // A size that arises inside: large enough to be more than one after the strides of a backbone.
      const int64_t wanted = std::max<int64_t>(s.lo, std::min<int64_t>(s.hi, 64));
      return std::max<int64_t>(s.lo, wanted / s.divisor * s.divisor);
    }
    if (at == At::low) return std::max<int64_t>(s.lo, std::min<int64_t>(1, s.hi));
    if (at == At::high && s.hi < Dim::unbounded) return s.hi;
    return it->second;
  });
}

Sizes Compiler::guess(const TensorType& t, At at) const {
  Sizes s;
  for (Dim d : t.shape) {
    try {
      s.push_back(guess(d, at));
    } catch (const Error&) {
      s.push_back(-1);
    }
  }
  return s;
}

// ---- values ---------------------------------------------------------------------------------------------------

int32_t Compiler::new_value(const TensorType& t, Place place, int32_t index, Layout layout, std::string name) {
  PlanValue v;
  v.dtype = t.dtype;
  for (Dim d : t.shape) v.dims.push_back(step(d));
  v.layout = std::move(layout);
  v.place = place;
  v.index = index;
  v.name = std::move(name);
  plan_->values.push_back(std::move(v));
  return int32_t(plan_->values.size()) - 1;
}

int32_t Compiler::root(int32_t v) const {
  while (plan_->values[size_t(v)].place == Place::alias) v = plan_->values[size_t(v)].index;
  return v;
}

void Compiler::remember(Value v, int32_t plan_value) {
  of_[v.id].push_back(plan_value);
  graph_values_[root(plan_value)].push_back(v.id);
}

// Small integer tensors whose content is known as plain numbers.
std::optional<Tensor> Compiler::known_content(Value v) const {
  const Facts f = g_.facts(v);
  const TensorType& t = g_.type(v);
  if (!f.known || !is_constant(f.content) || !is_constant(t.shape)) return {};
  std::vector<int64_t> values;
  for (Dim d : f.content) values.push_back(d.value());
  Sizes sizes;
  for (Dim d : t.shape) sizes.push_back(d.value());
  return Tensor::of_ints(t.dtype, sizes, values);
}

int32_t Compiler::base_value(Value v) {
  const auto it = of_.find(v.id);
  if (it != of_.end()) return it->second.front();
  const TensorType& t = g_.type(v);
  int32_t made = -1;
  auto constant = [&](const Tensor& c) {
    plan_->constants.push_back(c.contiguous());
    return new_value(t, Place::constant, int32_t(plan_->constants.size()) - 1, {}, g_.name(v));
  };
  if (const Tensor* c = g_.constant_of(v)) {
    made = constant(*c);
  } else if (auto c = known_content(v)) {
    made = constant(*c);
  } else if (g_.is_weight(v)) {
    const std::string& name = weight_attrs(g_.def(v)->attrs).name;
    const auto [w, fresh] = weight_index_.try_emplace({name, ""}, int32_t(plan_->weights.size()));
    if (fresh) plan_->weights.push_back({name, "", -1, -1});
    made = new_value(t, Place::weight, w->second, {}, name);
  } else if (g_.facts(v).known) {
    made = new_value(t, Place::content, -1, {}, g_.name(v));
    std::vector<int32_t> content;
    for (Dim d : g_.facts(v).content) content.push_back(step(d));
    plan_->values[size_t(made)].content = std::move(content);
  }
  check(made >= 0, "compile: value '", g_.name(v), "' of type ", t, " was not computed (",
        g_.def(v) ? g_.def(v)->op->info.name : "input", ")");
  remember(v, made);
  return made;
}

int32_t Compiler::add_reorder(int32_t from, const Layout& to) {
  const PlanValue source = plan_->values[size_t(from)];
  PlanValue v = source;
  v.layout = to;
  v.place = Place::arena;
  v.index = -1;
  v.content.clear();
  plan_->values.push_back(v);
  const int32_t made = int32_t(plan_->values.size()) - 1;
  Instr instr;
  instr.in = {from};
  instr.out = {made};
  instr.choice = "reorder";
  instr.layouts = {source.layout, to};
  auto kernel = kernels::make_reorder(source.dtype, source.dims.size(), source.layout, to);
  instr.description = kernel->description();
  instr.name = source.name;
  plan_->instrs.push_back(std::move(instr));
  kernels_.push_back(std::move(kernel));
  regions_.emplace_back();
  if (reports_)
    reports_->push_back(
        {source.name, "reorder", "reorder", str(to_string(source.layout), " -> ", to_string(to)), {}, {}, false, ""});
  return made;
}

// Layouts that order only axes of size 1 differently lay the same bytes.
bool same_bytes(const TensorType& t, const Layout& a, const Layout& b) {
  if (!a.blocks.empty() || !b.blocks.empty()) return a == b;
  auto long_axes = [&](const Layout& l) {
    std::vector<int> axes;
    for (size_t k = 0; k < t.shape.size(); ++k) {
      const int axis = l.order.empty() ? int(k) : int(l.order[k]);
      if (!t.shape[size_t(axis)].is(1)) axes.push_back(axis);
    }
    return axes;
  };
  return long_axes(a) == long_axes(b);
}

int32_t Compiler::value_in(Value v, const Layout& layout) {
  base_value(v);
  for (int32_t p : of_[v.id])
    if (plan_->values[size_t(p)].layout == layout) return p;
  for (int32_t p : of_[v.id])
    if (same_bytes(g_.type(v), plan_->values[size_t(p)].layout, layout)) {
      const int32_t made = new_value(g_.type(v), Place::alias, p, layout, g_.name(v));
      remember(v, made);
      return made;
    }
  const int32_t made = add_reorder(of_[v.id].front(), layout);
  remember(v, made);
  return made;
}

// Nothing after this node reads the bytes of a plan value, and they are ours to overwrite.
bool Compiler::last_use(Value v, int32_t plan_value) const {
  const int32_t r = root(plan_value);
  if (plan_->values[size_t(r)].place != Place::arena) return false;
  const auto it = graph_values_.find(r);
  if (it == graph_values_.end()) return false;
  for (uint32_t id : it->second) {
    const Value x{id};
    if (g_.is_output(x)) return false;
    for (const ir::Use& u : g_.uses(x))
      if (needed_.count(u.node) && position_.at(u.node) > now_) return false;
    // A value that is read twice by this very node is not one that it can overwrite.
    size_t here = 0;
    for (const ir::Use& u : g_.uses(x)) here += position_.at(u.node) == now_;
    if (here > 1 || (here == 1 && x.id != v.id)) return false;
  }
  return true;
}

// ---- nodes ----------------------------------------------------------------------------------------------------

// Backwards from the outputs: a value whose content is known needs no producer, a view needs only its first input.
void Compiler::find_needed() {
  std::vector<Value> work = g_.outputs();
  std::unordered_set<uint32_t> seen;
  while (!work.empty()) {
    const Value v = work.back();
    work.pop_back();
    if (!v.valid() || !seen.insert(v.id).second) continue;
    Node* n = g_.def(v);
    if (!n || g_.facts(v).known) continue;
    needed_.insert(n);
    if (is_view(*n) && !defines_sizes(*n)) {
      work.push_back(n->in[0]);
    } else {
      work.insert(work.end(), n->in.begin(), n->in.end());
    }
  }
  // What defines a size that someone needs must run, even if its elements are not read.
  std::unordered_set<uint32_t> symbols;
  auto note = [&](const Shape& s) {
    for (Dim d : s) {
      std::vector<Dim> used;
      collect_symbols(d, used);
      for (Dim x : used) symbols.insert(x.as_symbol().id);
    }
  };
  for (Value v : g_.outputs()) note(g_.type(v).shape), note(g_.facts(v).content);
  for (Node* n = g_.last(); n; n = n->prev) {
    bool defines = false;
    for (Value v : n->out)
      for (Dim d : g_.type(v).shape) defines |= d.is_symbol() && symbols.count(d.as_symbol().id) && defines_sizes(*n);
    if (!needed_.count(n) && !defines) continue;
    if (!needed_.count(n)) {
      needed_.insert(n);
      std::vector<Value> more(n->in.begin(), n->in.end());
      while (!more.empty()) {
        const Value v = more.back();
        more.pop_back();
        if (!v.valid()) continue;
        Node* d = g_.def(v);
        if (!d || g_.facts(v).known || !needed_.insert(d).second) continue;
        more.insert(more.end(), d->in.begin(), d->in.end());
      }
    }
    for (Value v : n->out) note(g_.type(v).shape), note(g_.facts(v).content);
    for (Value v : n->in)
      if (v.valid()) note(g_.type(v).shape), note(g_.facts(v).content);
  }
}

// Whether a result has a symbol that no input has: a size known only when the node has run.
bool Compiler::defines_sizes(const Node& n) const {
  for (Value v : n.out)
    for (Dim d : g_.type(v).shape) {
      if (!d.is_symbol()) continue;
      const Symbol& s = d.as_symbol();
      bool from_input = false;
      for (Value g : g_.inputs())
        for (Dim x : g_.type(g).shape) from_input |= depends_on(x, s);
      for (Value i : n.in) {
        if (!i.valid()) continue;
        for (Dim x : g_.type(i).shape) from_input |= depends_on(x, s);
        for (Dim x : g_.facts(i).content) from_input |= depends_on(x, s);
      }
      if (!from_input && !(outer_ && outer_->known(d)) && !known_symbols_.count(s.id)) return true;
    }
  return false;
}

void Compiler::close_segment() {
  const int32_t end = int32_t(plan_->instrs.size());
  plan_->segments.push_back({segment_first_, end - segment_first_, int32_t(plan_->dim_code.size())});
  segment_first_ = end;
}

// The results of a dynamic or control instruction: each defines the symbols that appear first in its shape.
void Compiler::finish_dynamic(Instr& instr, const Node& n) {
  struct Pending {
    int32_t output, axis;
    const Symbol* symbol;
  };
  std::vector<Pending> pending;
  for (size_t k = 0; k < n.out.size(); ++k) {
    const TensorType& t = g_.type(n.out[k]);
    for (size_t a = 0; a < t.shape.size(); ++a) {
      const Dim d = t.shape[a];
      if (known(d) || !d.is_symbol()) continue;
      const Symbol& s = d.as_symbol();
      if (symbols_.count(s.id)) continue;
      plan_->symbols.push_back({s.name, s.lo, s.hi, s.divisor, -1, -1, -1});
      symbols_[s.id] = int32_t(plan_->symbols.size()) - 1;
      instr.defines.push_back({symbols_[s.id], int32_t(k), int32_t(a)});
      pending.push_back({int32_t(k), int32_t(a), &s});
    }
  }
  // Sizes that are known before it runs are there for it.
  for (Value v : n.out)
    for (Dim d : g_.type(v).shape)
      if (known(d)) step(d);
  const bool control = instr.kind == Instr::control;
  plan_->instrs.push_back(std::move(instr));
  const size_t at = plan_->instrs.size() - 1;
  if (!control) regions_.emplace_back();
  close_segment();
  for (const Pending& p : pending) known_symbols_.insert(p.symbol->id);
  for (Value v : n.out) {
    const int32_t value = new_value(g_.type(v), Place::dynamic, -1, {}, g_.name(v));
    plan_->instrs[at].out.push_back(value);
    remember(v, value);
  }
  add_constraints();
}

void Compiler::visit_view(Node& n) {
  const int32_t in = value_in(n.in[0], Layout{});
  const int32_t out = new_value(g_.type(n.out[0]), Place::alias, in, {}, g_.name(n.out[0]));
  remember(n.out[0], out);
}

void Compiler::visit_control(Node& n) {
  Instr instr;
  instr.kind = Instr::control;
  instr.choice = "control";
  instr.name = n.loc ? n.loc->name : "";
  auto s = std::make_shared<Subgraph>();
  s->nodes.push_back({n.op, n.attrs, {}, {}, {}, instr.name});
  instr.graph = s;
  instr.description = std::string(n.op->info.name);
  for (Value v : n.in) instr.in.push_back(v.valid() ? value_in(v, Layout{}) : -1);
  std::vector<std::shared_ptr<runtime::Program>> programs;
  for (const auto& r : n.regions) {
    Graph copy = r->clone();
    Compiler inner(copy, weights_, point_, options_, this);
    programs.push_back(inner.run(*reports_, timed_, cached_));
    instr.regions.push_back(programs.back()->plan_ptr());
  }
  reports_->push_back({instr.name, std::string(n.op->info.name), "control", "", {}, {}, false, to_string(n.loc)});
  kernels_.push_back(nullptr);
  regions_.push_back(std::move(programs));
  finish_dynamic(instr, n);
}

// The node as a piece of its own: for a fused node its body, with the roles of what comes in from outside.
Subgraph Compiler::piece(const Node& n, std::vector<Value>& inputs, const Values& outputs) const {
  Subgraph s;
  if (n.is("fused")) {
    s = to_subgraph(*n.regions[0]);
    inputs = n.in;
  } else {
    for (Value v : n.in)
      if (v.valid() && std::find(inputs.begin(), inputs.end(), v) == inputs.end()) inputs.push_back(v);
    Node* one = const_cast<Node*>(&n);
    s = to_subgraph(g_, std::span<Node* const>(&one, 1), inputs, outputs);
  }
  s.facts.resize(s.types.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    s.facts[size_t(s.inputs[i])] = g_.facts(inputs[i]);
    const Tensor* c = g_.constant_of(inputs[i]);
    std::optional<Tensor> content = c ? std::optional<Tensor>(*c) : known_content(inputs[i]);
    s.roles[i] = content ? InputRole::constant : g_.is_weight(inputs[i]) ? InputRole::weight : InputRole::activation;
    s.constants[i] = content ? *content : Tensor{};
  }
  return s;
}

int32_t Compiler::weight_operand(Value v, const Kernel& kernel, size_t operand) {
  const std::string packing = kernel.packing_key(operand);
  if (packing.empty()) return base_value(v);
  const std::string& name = weight_attrs(g_.def(v)->attrs).name;
  const auto [w, fresh] = weight_index_.try_emplace({name, packing}, int32_t(plan_->weights.size()));
  if (fresh) plan_->weights.push_back({name, packing, int32_t(plan_->instrs.size()), int32_t(operand)});
  return new_value(g_.type(v), Place::weight, w->second, {}, name);
}

void Compiler::visit_kernel(Node& n) {
  std::vector<Value> inputs;
  const bool dynamic = defines_sizes(n);
  // Results that nothing reads (the indices of a pool, the final states of an LSTM) are not asked for.
  Values outputs;
  for (Value v : n.out)
    if (dynamic || n.is("fused") || g_.use_count(v)) outputs.push_back(v);
  auto graph = std::make_shared<Subgraph>(piece(n, inputs, outputs));
  kernels::Request request;
  request.graph = graph.get();
  request.threads = options_.threads;
  request.isa = options_.isa;
  request.plain_only = options_.plain_layouts;
  for (const TensorType& t : graph->types) request.sizes.push_back(guess(t));
  for (At end : {At::low, At::high}) {
    std::vector<Sizes> sizes;
    bool usable = true;
    for (const TensorType& t : graph->types) {
      sizes.push_back(guess(t, end));
      for (int64_t n : sizes.back()) usable = usable && n > 0;
    }
    if (usable && sizes != request.sizes) request.ends.push_back(std::move(sizes));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool activation = graph->roles[i] == InputRole::activation;
    const int32_t base = activation ? base_value(inputs[i]) : -1;
    request.offered.push_back(activation ? plan_->values[size_t(base)].layout : Layout{});
    request.may_overwrite.push_back(activation && last_use(inputs[i], base));
  }
  Candidate chosen =
      dynamic ? reference_candidate(*graph) : choose_kernel(request, n, options_, [&](Dim d) { return guess(d); });
  timed_ += chosen.timed;
  cached_ += chosen.cached;
  if (!dynamic && chosen.entry == "reference" && !chosen.forced && expand(n, chosen.refusals)) return;

  Instr instr;
  instr.kind = dynamic ? Instr::dynamic : Instr::kernel;
  instr.choice = chosen.entry;
  instr.variant = chosen.variant;
  instr.layouts = request.offered;
  instr.plain_only = request.plain_only;
  instr.nest = chosen.nest;
  instr.name = n.loc ? n.loc->name : "";
  instr.description = chosen.kernel->description();
  instr.refusals = chosen.refusals;
  instr.graph = chosen.graph ? chosen.graph : graph;
  instr.in.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (graph->roles[i] != InputRole::weight) instr.in[i] = value_in(inputs[i], chosen.kernel->input_layout(i));
  NodeReport report{instr.name,
                    chosen.ops,
                    chosen.entry,
                    instr.description,
                    chosen.refusals,
                    chosen.tactics,
                    chosen.entry == "reference",
                    to_string(n.loc)};
  reports_->push_back(std::move(report));

  // After all reorders: a packing names the instruction whose kernel makes it.
  auto weights = [&] {
    for (size_t i = 0; i < inputs.size(); ++i)
      if (graph->roles[i] == InputRole::weight) instr.in[i] = weight_operand(inputs[i], *chosen.kernel, i);
  };
  if (dynamic) {
    weights();
    kernels_.push_back(chosen.kernel);
    finish_dynamic(instr, n);
    return;
  }
  for (Dim d : chosen.kernel->shape_values()) instr.shape_values.push_back(step(d));
  const int accumulates = chosen.kernel->accumulates();
  std::vector<std::pair<Place, int32_t>> places;
  for (size_t k = 0; k < outputs.size(); ++k) {
    Place place = Place::arena;
    int32_t index = -1;
    int over = k == 0 && accumulates >= 0 ? accumulates : chosen.kernel->in_place(k);
    if (over >= 0) {
      if (graph->roles[size_t(over)] == InputRole::weight) {  // never written over; its operand comes last
        places.push_back({place, index});
        continue;
      }
      int32_t& in = instr.in[size_t(over)];
      const PlanValue& x = plan_->values[size_t(in)];
      bool fits = last_use(inputs[size_t(over)], in) && x.dtype == g_.type(outputs[k]).dtype &&
                  x.layout == chosen.kernel->output_layout(k) && x.dims.size() == g_.type(outputs[k]).shape.size();
      for (size_t a = 0; fits && a < x.dims.size(); ++a) fits = x.dims[a] == step(g_.type(outputs[k]).shape[a]);
      if (!fits && k == 0 && over == accumulates) {
        in = add_reorder(in, chosen.kernel->input_layout(size_t(over)));  // a private copy
        fits = true;
      }
      for (size_t j = 0; fits && j < k; ++j)
        fits = places[j].first != Place::alias || root(places[j].second) != root(in);
      if (fits) place = Place::alias, index = in;
    }
    places.push_back({place, index});
  }
  weights();
  for (size_t k = 0; k < outputs.size(); ++k) {
    const int32_t v = new_value(g_.type(outputs[k]), places[k].first, places[k].second, chosen.kernel->output_layout(k),
                                g_.name(outputs[k]));
    instr.out.push_back(v);
    remember(outputs[k], v);
  }
  plan_->instrs.push_back(std::move(instr));
  kernels_.push_back(chosen.kernel);
  regions_.emplace_back();
}

// A fused piece or composite that no kernel takes whole: its parts take its place, each with kernels of its own.
bool Compiler::expand(Node& n, const std::vector<std::string>& refusals) {
  const bool fused = n.is("fused");
  if (!fused && !n.op->is_composite()) return false;
  const Node* before = n.prev;
  g_.insert_before(&n);
  g_.location = n.loc;
  const Values results = fused ? inline_graph(*n.regions[0], g_, n.in) : n.op->lower(n.attrs.object(), g_, n.in);
  g_.insert_before(nullptr);
  const int64_t start = now_;
  std::vector<Node*> made;
  for (Node* m = before ? before->next : g_.first(); m != &n; m = m->next) made.push_back(m);
  for (size_t k = 0; k < n.out.size() && k < results.size(); ++k) {
    g_.replace(n.out[k], results[k]);
  }
  // Between this node and the next there is room for 2^32 numbers; nested expansions share what their parent left.
  const int64_t room = std::max<int64_t>(int64_t(1), expansion_room_ / int64_t(made.size() + 1));
  for (size_t i = 0; i < made.size(); ++i) position_[made[i]] = start + int64_t(i + 1) * room;
  position_[&n] = start;
  needed_.erase(&n);
  std::vector<Node*> useful;
  for (size_t i = made.size(); i-- > 0;) {
    bool used = false;
    for (Value v : made[i]->out) {
      used = used || g_.is_output(v);
      for (const ir::Use& u : g_.uses(v)) used = used || needed_.count(u.node);
    }
    const bool known = made[i]->out.size() == 1 && g_.facts(made[i]->out[0]).known;
    if (used && !known) {
      needed_.insert(made[i]);
      useful.push_back(made[i]);
    }
  }
  (void)refusals;
  const int64_t outer_room = std::exchange(expansion_room_, room);
  for (size_t i = useful.size(); i-- > 0;) {
    now_ = position_.at(useful[i]);
    visit(*useful[i]);
  }
  expansion_room_ = outer_room;
  now_ = start;
  return true;
}

void Compiler::visit(Node& n) {
  if (n.is("constant") || n.is("weight")) return;
  if (is_view(n) && !defines_sizes(n))
    visit_view(n);
  else if (!n.regions.empty() && !n.is("fused"))
    visit_control(n);
  else
    visit_kernel(n);
}

// Results are row-major memory of their own: an arena value becomes the output itself, anything else is copied.
void Compiler::place_outputs() {
  for (size_t k = 0; k < g_.outputs().size(); ++k) {
    const Value v = g_.outputs()[k];
    int32_t value = value_in(v, Layout{});
    const PlanValue& r = plan_->values[size_t(root(value))];
    if (r.place != Place::arena && r.place != Place::dynamic) value = add_reorder(value, Layout{});
    PlanValue& target = plan_->values[size_t(root(value))];
    if (target.place == Place::arena) {
      target.place = Place::output;
      target.index = int32_t(k);
    }
    plan_->outputs.push_back({g_.output_name(k), value});
  }
}

std::shared_ptr<runtime::Program> Compiler::run(std::vector<NodeReport>& reports, size_t& timed, size_t& cached) {
  reports_ = &reports;
  plan_->threads = options_.threads;
  for (size_t i = 0; i < g_.inputs().size(); ++i) {
    const TensorType& t = g_.type(g_.inputs()[i]);
    for (size_t a = 0; a < t.shape.size(); ++a) {
      if (!t.shape[a].is_symbol()) continue;
      const Symbol& s = t.shape[a].as_symbol();
      if (symbols_.count(s.id) || (outer_ && outer_->known(t.shape[a]))) continue;
      plan_->symbols.push_back({s.name, s.lo, s.hi, s.divisor, int32_t(i), int32_t(a), -1});
      symbols_[s.id] = int32_t(plan_->symbols.size()) - 1;
      known_symbols_.insert(s.id);
    }
  }
  for (size_t i = 0; i < g_.inputs().size(); ++i) {
    const Value v = g_.inputs()[i];
    for (Dim d : g_.type(v).shape)
      if (!known(d))
        fail(ErrorCode::unsupported, "compile: input '", g_.name(v), "' has the size ", d,
             ", which no input axis states by itself (give the symbol an axis of its own)");
    const int32_t p = new_value(g_.type(v), Place::input, int32_t(i), {}, g_.name(v));
    plan_->inputs.push_back({g_.name(v), p});
    remember(v, p);
  }
  find_stated();
  find_needed();
  add_constraints();
  const auto nodes = g_.nodes();
  for (size_t i = 0; i < nodes.size(); ++i) position_[nodes[i]] = int64_t(i + 1) << 32;
  for (size_t i = 0; i < nodes.size(); ++i) {
    now_ = int64_t(i + 1) << 32;
    if (!needed_.count(nodes[i])) continue;
    const ir::LocationRef loc = nodes[i]->loc;
    if (options_.progress && !outer_) options_.progress(double(i) / double(nodes.size()), loc ? loc->name : "");
    try {
      visit(*nodes[i]);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::cancelled) throw;
      const std::string where = to_string(loc);
      throw where.empty() || e.message().find(where) != std::string::npos ? e : e.with("  at " + where);
    }
  }
  now_ = INT64_MAX;
  place_outputs();
  close_segment();
  for (size_t t = 0; t < plan_->symbols.size(); ++t) plan_->tuned.push_back(-1);
  for (const auto& [id, index] : symbols_) {
    const auto it = point_.find(id);
    if (it != point_.end()) plan_->tuned[size_t(index)] = it->second;
  }
  timed += timed_;
  cached += cached_;
  return std::make_shared<runtime::Program>(plan_, kernels_, regions_, weights_);
}

}  // namespace

Compiled compile_graph(const Graph& g, std::shared_ptr<runtime::WeightPool> weights, const Point& point,
                       const Options& options) {
  const ThreadScope scope(options.threads);
  Compiled c;
  Graph copy = g.clone();
  Compiler compiler(copy, std::move(weights), point, options, nullptr);
  c.program = compiler.run(c.nodes, c.tactics_timed, c.tactics_cached);
  return c;
}

}  // namespace neve::compile
