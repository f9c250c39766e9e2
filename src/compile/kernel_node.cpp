// A node that a kernel runs: the piece it stands for, the kernel chosen, the places of its results; or its parts
// instead.
#include <algorithm>

#include "base/error.h"
#include "compile/compiler.h"
#include "op/constant.h"

namespace neve::compile {
using ir::Node;
using kernels::Kernel;
using plan::Instr;
using plan::Place;
using plan::PlanValue;

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

namespace {

// Kernels for two convolutions.
constexpr std::string_view chains_of_two[] = {"native.expand_depthwise", "native.depthwise_pointwise"};

// Two pieces as one, the second of which reads `between`, the result of the first. `inputs`: of the whole.
Subgraph joined(const Subgraph& first, const std::vector<Value>& first_in, const Subgraph& second,
                const std::vector<Value>& second_in, Value between, std::vector<Value>& inputs) {
  Subgraph s = first;
  inputs = first_in;
  std::vector<int32_t> number(second.types.size(), -1);
  for (size_t i = 0; i < second_in.size(); ++i) {
    int32_t& mine = number[size_t(second.inputs[i])];
    const auto it = std::find(inputs.begin(), inputs.end(), second_in[i]);
    if (second_in[i] == between) {
      mine = first.outputs[0];
    } else if (it != inputs.end()) {
      mine = s.inputs[size_t(it - inputs.begin())];
    } else {
      mine = s.add_value(second.types[size_t(second.inputs[i])]);
      s.facts.push_back(second.facts[size_t(second.inputs[i])]);
      s.inputs.push_back(mine);
      s.roles.push_back(second.roles[i]);
      s.constants.push_back(second.constants[i]);
      inputs.push_back(second_in[i]);
    }
  }
  for (size_t v = 0; v < number.size(); ++v)
    if (number[v] < 0) {
      number[v] = s.add_value(second.types[v]);
      s.facts.push_back(second.facts[v]);
    }
  for (SubgraphNode n : second.nodes) {
    for (auto* list : {&n.in, &n.out})
      for (int32_t& v : *list)
        if (v >= 0) v = number[size_t(v)];
    s.nodes.push_back(std::move(n));
  }
  s.outputs.clear();
  for (int32_t v : second.outputs) s.outputs.push_back(number[size_t(v)]);
  return s;
}

}  // namespace

int32_t Compiler::weight_operand(Value v, const Kernel& kernel, size_t operand) {
  const std::string packing = kernel.packing_key(operand);
  if (packing.empty()) return base_value(v);
  const std::string& name = weight_attrs(g_.def(v)->attrs).name;
  const auto [w, fresh] = weight_index_.try_emplace({name, packing}, int32_t(plan_->weights.size()));
  if (fresh) plan_->weights.push_back({name, packing, int32_t(plan_->instrs.size()), int32_t(operand)});
  return new_value(g_.type(v), Place::weight, w->second, {}, name);
}

// What the entries are asked: the piece, its sizes at the point and at the ends of the ranges, the layouts offered.
// `pending` (if valid): an input that no instruction makes yet, and that nobody else will read.
kernels::Request Compiler::request_for(const Subgraph& graph, const std::vector<Value>& inputs, Value pending,
                                       const Layout& pending_layout) {
  kernels::Request request;
  request.graph = &graph;
  request.threads = options_.threads;
  request.isa = options_.isa;
  request.plain_only = options_.plain_layouts;
  request.cold_weights = options_.cold_weights;
  request.most_error = options_.most_error;
  for (const TensorType& t : graph.types) request.sizes.push_back(guess(t));
  for (At end : {At::low, At::high}) {
    std::vector<Sizes> sizes;
    bool usable = true;
    for (const TensorType& t : graph.types) {
      sizes.push_back(guess(t, end));
      for (int64_t n : sizes.back()) usable = usable && n > 0;
    }
    if (usable && sizes != request.sizes) request.ends.push_back(std::move(sizes));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == pending) {
      request.offered.push_back(pending_layout);
      request.may_overwrite.push_back(true);
      continue;
    }
    const bool activation = graph.roles[i] == InputRole::activation;
    const int32_t base = activation ? base_value(inputs[i]) : -1;
    request.offered.push_back(activation ? plan_->values[size_t(base)].layout : Layout{});
    request.may_overwrite.push_back(activation && last_use(inputs[i], base));
  }
  return request;
}

// Where the results go: over an input that nobody reads later, where the kernel allows it, else into the arena.
std::vector<std::pair<Place, int32_t>> Compiler::choose_places(Instr& instr, const Subgraph& graph,
                                                               const Kernel& kernel, const std::vector<Value>& inputs,
                                                               const Values& outputs) {
  const int accumulates = kernel.accumulates();
  std::vector<std::pair<Place, int32_t>> places;
  for (size_t k = 0; k < outputs.size(); ++k) {
    Place place = Place::arena;
    int32_t index = -1;
    int over = k == 0 && accumulates >= 0 ? accumulates : options_.in_place ? kernel.in_place(k) : -1;
    if (over >= 0) {
      if (graph.roles[size_t(over)] == InputRole::weight) {  // never written over; its operand comes last
        places.push_back({place, index});
        continue;
      }
      int32_t& in = instr.in[size_t(over)];
      const PlanValue& x = plan_->values[size_t(in)];
      bool fits = last_use(inputs[size_t(over)], in) && x.dtype == g_.type(outputs[k]).dtype &&
                  x.layout == kernel.output_layout(k) && x.dims.size() == g_.type(outputs[k]).shape.size();
      for (size_t a = 0; fits && a < x.dims.size(); ++a) fits = x.dims[a] == step(g_.type(outputs[k]).shape[a]);
      if (!fits && k == 0 && over == accumulates) {
        in = add_reorder(in, kernel.input_layout(size_t(over)));  // a private copy
        fits = true;
      }
      for (size_t j = 0; fits && j < k; ++j)
        fits = places[j].first != Place::alias || root(places[j].second) != root(in);
      if (fits) place = Place::alias, index = in;
    }
    places.push_back({place, index});
  }
  return places;
}

void Compiler::visit_kernel(Node& n) {
  if (visit_chain(n)) return;
  std::vector<Value> inputs;
  const bool dynamic = defines_sizes(n);
  // Results that nothing reads (the indices of a pool, the final states of an LSTM) are not asked for.
  Values outputs;
  for (Value v : n.out)
    if (dynamic || n.is("fused") || g_.use_count(v)) outputs.push_back(v);
  auto graph = std::make_shared<Subgraph>(piece(n, inputs, outputs));
  const kernels::Request request = request_for(*graph, inputs);
  Candidate chosen =
      dynamic ? reference_candidate(*graph) : choose_kernel(request, n, options_, [&](Dim d) { return guess(d); });
  timed_ += chosen.timed;
  cached_ += chosen.cached;
  if (!dynamic && chosen.entry == "reference" && !chosen.keep && expand(n)) return;
  add_kernel(n, chosen, request, graph, inputs, outputs);
}

// Pieces of which each alone reads the one before: one kernel, where that is measured to be faster than those. A
// convolution of one tap, a depthwise one and one of one tap; the first two of them, or the last two; factors of
// channels and a convolution of one tap; a convolution or product and a quantisation with its inverse.
bool Compiler::visit_chain(Node& n) {
  if (n.is("mul")) return visit_chain(n, "native.pointwise");
  return visit_chain(n, "native.inverted_residual", 3) || visit_chain(n, chains_of_two[0]) ||
         visit_chain(n, chains_of_two[1]) || visit_requantize(n);
}

namespace {

bool begins_with(const Node& n, std::initializer_list<std::string_view> ops) {
  const Node* first = n.is("fused") ? n.regions[0]->first() : &n;
  return first && std::any_of(ops.begin(), ops.end(), [&](std::string_view op) { return first->is(op); });
}

// What alone reads the one result of a node, or null.
Node* only_reader(const ir::Graph& g, const Node& n) {
  if (n.out.size() != 1 || g.use_count(n.out[0]) != 1 || g.is_output(n.out[0])) return nullptr;
  return g.uses(n.out[0])[0].node;
}

}  // namespace

bool Compiler::visit_chain(Node& n, std::string_view entry, size_t length) {
  if (!n.is("mul") && !begins_with(n, {"conv"})) return false;
  std::vector<Node*> nodes = {&n};
  while (nodes.size() < length) {
    Node* next = only_reader(g_, *nodes.back());
    if (!next || !begins_with(*next, {"conv"})) return false;
    nodes.push_back(next);
  }
  return join(nodes, entry);
}

// A convolution or product, and a quantisation and its inverse behind it: any kernel that takes both.
bool Compiler::visit_requantize(Node& n) {
  if (!begins_with(n, {"conv", "conv_transpose", "matmul"})) return false;
  Node* next = only_reader(g_, n);
  return next && next->is("fused") && begins_with(*next, {"quantize_linear"}) && join({&n, next}, "");
}

namespace {

/// A node of a chain, and what would run it alone.
struct Part {
  std::shared_ptr<const Subgraph> graph;
  std::vector<Value> in;
  Value before, out;  ///< of the node before it, if there is one; its own
  kernels::Request request;
  Candidate alone;
};

Part joined(const Part& first, const Part& second) {
  Part both;
  both.before = first.before, both.out = second.out;
  both.graph = std::make_shared<Subgraph>(joined(*first.graph, first.in, *second.graph, second.in, first.out, both.in));
  return both;
}

}  // namespace

// Nodes of which each alone reads the one before: all by the entry (empty: by whichever takes them), where that is
// faster or forced.
bool Compiler::join(const std::vector<Node*>& nodes, std::string_view entry) {
  const bool any = entry.empty();
  bool forced = !any && options_.tactic == entry && options_.tactic_variant <= 0;
  if ((!options_.tactic.empty() && !forced && !any) || (!options_.tactics && !forced && options_.tactic.empty()) ||
      options_.plain_layouts)
    return false;
  for (const Node* m : nodes)
    if (defines_sizes(*m) || (m != nodes[0] && (m->out.size() != 1 || !needed_.count(m)))) return false;

  const auto at = [&](Dim d) { return guess(d); };
  std::vector<Part> parts;
  for (const Node* m : nodes) {
    Part p;
    if (!parts.empty()) p.before = parts.back().out;
    p.out = m->out[0];
    p.graph = std::make_shared<Subgraph>(piece(*m, p.in, m->out));
    for (size_t i = 0; p.before.valid() && i < p.in.size(); ++i)  // what else it reads may not be there yet
      if (p.graph->roles[i] == InputRole::activation && p.in[i] != p.before && !of_.contains(p.in[i].id)) return false;
    parts.push_back(std::move(p));
  }
  Part all = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) all = joined(all, parts[i]);
  all.request = request_for(*all.graph, all.in);
  Candidate chain =
      any ? choose_kernel(all.request, *nodes[0], options_, at) : candidate_of(entry, all.request, options_);
  if (!chain.kernel || chain.entry == "reference" || chain.entry == "loop") return false;
  if (any) {
    forced = chain.forced == Forced::taken;
    if (!forced && !options_.tactics) return false;
  }
  if (forced) {
    chain.forced = Forced::taken;
  } else {
    Layout layout;
    std::vector<Link> links;
    std::string names;
    for (size_t i = 0; i < parts.size(); ++i) {
      Part& p = parts[i];
      p.request = request_for(*p.graph, p.in, p.before, layout);
      p.alone = choose_kernel(p.request, *nodes[i], options_, at);
      layout = p.alone.kernel->output_layout(0);
      links.push_back({p.request, p.alone});
      names += str(names.empty() ? "apart: " : ", ", p.alone.entry);
    }
    const auto times = chain_times(chain, all.request, links, options_, at);
    for (const Part& p : parts) timed_ += p.alone.timed;
    timed_ += chain.timed;
    if (!times || times->together >= times->apart)
      return false;     // the others are asked again, and their times are found in the cache
    double gained = 0;  // by the best two of more, where they are one kernel
    for (size_t i = 0; parts.size() > 2 && i + 1 < parts.size(); ++i) {
      Part two = joined(parts[i], parts[i + 1]);
      two.request =
          request_for(*two.graph, two.in, two.before, i ? parts[i - 1].alone.kernel->output_layout(0) : Layout{});
      for (std::string_view other : chains_of_two) {
        Candidate c = candidate_of(other, two.request, options_);
        const auto pair = c.kernel ? chain_times(c, two.request, {links[i], links[i + 1]}, options_, at) : std::nullopt;
        timed_ += c.timed;
        if (!pair || pair->apart - pair->together <= gained) continue;
        gained = pair->apart - pair->together;
        names = "two of them by " + c.entry;
      }
    }
    if (times->together >= times->apart - gained) return false;
    cached_ += chain.cached;
    for (const Part& p : parts) cached_ += p.alone.cached;
    chain.tactics = {{str(chain.entry, ".", chain.variant, " ", chain.kernel->description()), times->together},
                     {names, times->apart - gained}};
  }
  for (size_t i = 1; i < nodes.size(); ++i) needed_.erase(nodes[i]);
  add_kernel(*nodes[0], chain, all.request, all.graph, all.in, nodes.back()->out);
  return true;
}

// The instruction of a kernel that was chosen for a piece.
void Compiler::add_kernel(Node& n, Candidate& chosen, const kernels::Request& request,
                          std::shared_ptr<const Subgraph> graph, const std::vector<Value>& inputs,
                          const Values& outputs) {
  const bool dynamic = defines_sizes(n);
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
  instr.location = to_string(n.loc);
  for (const plan::Tactic& t : chosen.tactics)
    if (t.milliseconds < 1e29) instr.tactics.push_back(t);
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
                    to_string(n.loc),
                    chosen.forced};
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
  const auto places = choose_places(instr, *graph, *chosen.kernel, inputs, outputs);
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
bool Compiler::expand(Node& n) {
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
  const int64_t outer_room = std::exchange(expansion_room_, room);
  for (size_t i = useful.size(); i-- > 0;) {
    now_ = position_.at(useful[i]);
    visit(*useful[i]);
  }
  expansion_room_ = outer_room;
  now_ = start;
  return true;
}

}  // namespace neve::compile
