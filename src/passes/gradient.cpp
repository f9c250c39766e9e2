// Reverse mode over graphs with regions, and the cut between what runs forward and what runs backward.
#include "passes/gradient.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "op/differentiate.h"
#include "op/registry.h"
#include "passes/gradient_cut.h"
#include "passes/pass.h"
#include "passes/simplify.h"

namespace neve::passes {
namespace {

using ir::Graph;
using ir::Node;

bool differentiable(DType t) { return is_float(t) || is_complex(t); }

/// x with the sizes of `as`, which are the same numbers otherwise said.
Value with_sizes_of(Graph& g, Value x, Value as) {
  if (g.type(x).shape == g.type(as).shape) return x;
  return g.call("reshape", {x, g.shape_of(as)}, {{"allowzero", true}});
}
Value zeros_like(Graph& g, Value x) {
  const Value zero = g.scalar(g.dtype(x), 0);
  return g.rank(x) == 0 ? zero : g.call("expand", {zero, g.shape_of(x)});
}
Value at(Graph& g, Value stack, Value index) { return g.call("gather", {stack, index}, {{"axis", int64_t(0)}}); }

/// Values that depend on `from`, through floats.
std::unordered_set<uint32_t> dependent(const Graph& g, std::span<const Value> from) {
  std::unordered_set<uint32_t> active;
  for (Value v : from) active.insert(v.id);
  for (Node* n = g.first(); n; n = n->next) {
    if (n->is("stop_gradient") && n->attrs.get_string("refusal").empty()) continue;
    if (std::any_of(n->in.begin(), n->in.end(), [&](Value v) { return v.valid() && active.count(v.id); }))
      for (Value v : n->out)
        if (v.valid() && differentiable(g.dtype(v))) active.insert(v.id);
  }
  return active;
}

/// Gradients of the outputs of one graph (or region), emitted at its end.
class Reverse {
 public:
  explicit Reverse(Graph& g) : g_(g) {}

  /// `dout`: per output of the graph; invalid where none comes. Returns one Value for each in `wanted`; invalid: none.
  Values run(std::span<const Value> wanted, const std::function<Value(size_t)>& dout) {
    lower_composites(wanted);
    active_ = dependent(g_, wanted);
    Node* n = g_.last();
    for (size_t k = 0; k < g_.outputs().size(); ++k)
      if (active_.count(g_.outputs()[k].id))
        if (const Value d = dout(k); d.valid()) add(g_.outputs()[k], with_sizes_of(g_, d, g_.outputs()[k]));
    while (n) {
      Node* const before = n->prev;
      visit(n);
      n = before;
    }
    Values result;
    for (Value v : wanted) {
      const auto it = gradient_.find(v.id);
      result.push_back(it == gradient_.end() ? Value{} : it->second);
    }
    return result;
  }

 private:
  // What has no gradient of its own has that of what it consists of, which is then shared with the forward graph.
  void lower_composites(std::span<const Value> wanted) {
    std::unordered_set<uint32_t> active;
    for (Value v : wanted) active.insert(v.id);
    for (Node* n = g_.first(); n;) {
      const bool any =
          std::any_of(n->in.begin(), n->in.end(), [&](Value v) { return v.valid() && active.count(v.id); });
      if (any && n->op->lower && !n->op->grad) {
        Node* const before = n->prev;
        Node* const insertion = g_.insertion_point();
        g_.location = n->loc;
        g_.insert_before(n);
        const Values out = n->op->lower(n->attrs.object(), g_, n->in);
        g_.insert_before(insertion);
        for (size_t k = 0; k < n->out.size(); ++k)
          if (n->out[k].valid()) g_.replace(n->out[k], out[k]);
        g_.erase(n);
        n = before ? before->next : g_.first();
        continue;
      }
      if (any)
        for (Value v : n->out)
          if (v.valid() && differentiable(g_.dtype(v))) active.insert(v.id);
      n = n->next;
    }
  }

  void add(Value v, Value d) {
    if (!v.valid() || !d.valid() || !active_.count(v.id)) return;
    const auto [it, fresh] = gradient_.try_emplace(v.id, d);
    if (!fresh) it->second = g_.call("add", {it->second, d});
  }

  void visit(Node* n) {
    Values given(n->out.size());
    bool any = false;
    for (size_t k = 0; k < n->out.size(); ++k) {
      const auto it = n->out[k].valid() ? gradient_.find(n->out[k].id) : gradient_.end();
      if (it == gradient_.end()) continue;
      given[k] = it->second;
      any = true;
    }
    if (!any) return;
    std::vector<char> needed(n->in.size());
    for (size_t i = 0; i < n->in.size(); ++i)
      needed[i] = n->in[i].valid() && active_.count(n->in[i].id) && differentiable(g_.dtype(n->in[i]));
    if (std::none_of(needed.begin(), needed.end(), [](char c) { return c; })) return;
    g_.location = n->loc;
    const Values in = n->in;  // a loop is replaced while it is visited
    Values d;
    try {
      if (n->is("if")) {
        d = of_if(*n, given, needed);
      } else if (n->is("loop")) {
        d = of_loop(n, given, needed);
      } else if (!n->regions.empty()) {
        fail(ErrorCode::unsupported, "gradient: '", n->op->info.name, "' has none");
      } else {
        static_assert(sizeof(bool) == sizeof(char));
        const Values out = n->out;
        const Gradient g{g_, in, out, given, {reinterpret_cast<const bool*>(needed.data()), needed.size()}};
        d = gradient_of(*n->op, n->attrs, g);
      }
    } catch (const Error& e) {
      const std::string place = to_string(n->loc);
      throw place.empty() || e.message().find(place) != std::string::npos ? e : e.with("  at " + place);
    }
    for (size_t i = 0; i < d.size() && i < in.size(); ++i)
      if (needed[i]) add(in[i], d[i]);
  }

  // if c then f(x) else g(x): if c then f'(x, dy) else g'(x, dy).
  Values of_if(const Node& n, const Values& given, const std::vector<char>& needed) {
    Values operands = n.in;
    std::vector<size_t> results;
    for (size_t k = 0; k < given.size(); ++k)
      if (given[k].valid()) results.push_back(k), operands.push_back(given[k]);
    std::vector<std::unique_ptr<Graph>> regions;
    for (const auto& region : n.regions) {
      auto r = std::make_unique<Graph>();
      std::map<uint32_t, Value> map;
      Values captures, gradients, wanted;
      for (size_t i = 1; i < n.in.size(); ++i) {
        captures.push_back(r->add_input("", g_.type(n.in[i]), g_.facts(n.in[i])));
        map[region->inputs()[i - 1].id] = captures.back();
        if (needed[i]) wanted.push_back(captures.back());
      }
      for (size_t k : results) gradients.push_back(r->add_input("", g_.type(given[k])));
      ir::copy_nodes(*region, *r, map, false);
      r->constraints = region->constraints;
      for (size_t k : results) r->add_output("", map.at(region->outputs()[k].id));
      const Values d = Reverse(*r).run(wanted, [&](size_t k) { return gradients[k]; });
      while (!r->outputs().empty()) r->remove_output(r->outputs().size() - 1);
      for (size_t i = 0; i < wanted.size(); ++i)
        r->add_output("", d[i].valid() ? with_sizes_of(*r, d[i], wanted[i]) : zeros_like(*r, wanted[i]));
      r->erase_dead();
      regions.push_back(std::move(r));
    }
    const Values out = g_.emit_node(*n.op, n.attrs, operands, std::move(regions))->out;
    Values d(n.in.size());
    for (size_t i = 1, k = 0; i < n.in.size(); ++i)
      if (needed[i]) d[i] = out[k++];
    return d;
  }

  /// A loop as its gradient sees it.
  struct LoopParts {
    size_t carried = 0, scans = 0, captures = 0;
    std::vector<size_t> active_carried, active_captures;
    std::vector<size_t> given_scans;
    Values given;  ///< per result of the node
  };
  /// What one pass of the gradient does, and which carried values it reads.
  struct LoopBody {
    std::unique_ptr<Graph> graph;
    std::vector<size_t> kept;
  };

  LoopParts parts_of(const Node& n, const Values& given, const std::vector<char>& needed) {
    LoopParts p;
    p.carried = size_t(n.attrs.get_int("carried")), p.scans = size_t(n.attrs.get_int("scan_outputs"));
    p.captures = n.in.size() - 2 - p.carried;
    p.given = given;
    const Graph& body = *n.regions[0];
    std::set<size_t> active;  // operands, from 2 on
    for (size_t i = 2; i < n.in.size(); ++i)
      if (needed[i]) active.insert(i);
    for (bool changed = true; changed;) {
      Values from;
      for (size_t i : active) from.push_back(body.inputs()[i]);
      const auto reached = dependent(body, from);
      changed = false;
      for (size_t j = 0; j < p.carried; ++j)
        if (reached.count(body.outputs()[1 + j].id) && differentiable(body.type(body.inputs()[2 + j]).dtype))
          changed = active.insert(2 + j).second || changed;
    }
    for (size_t i : active)
      i < 2 + p.carried ? p.active_carried.push_back(i - 2) : p.active_captures.push_back(i - 2 - p.carried);
    for (size_t k = 0; k < p.scans; ++k)
      if (given[p.carried + k].valid()) p.given_scans.push_back(k);
    return p;
  }

  // Parameters: pass, go on, gradients of the carried values, sums for the captures; trips, kept values of all passes,
  // captures, gradients of the scan outputs. `stacks`: types of the kept values, per carried value; of rank 0 where the
  // first use is to be found.
  LoopBody loop_body(const Node& n, const LoopParts& p, const std::vector<TensorType>& stacks) {
    const Graph& body = *n.regions[0];
    auto r = std::make_unique<Graph>();
    r->location = n.loc;
    const Value pass = r->add_input("", {DType::i64, {}});
    r->add_input("", {DType::boolean, {}});
    Values carried_gradient, sums;
    for (size_t j : p.active_carried) carried_gradient.push_back(r->add_input("", g_.type(n.in[2 + j])));
    for (size_t m : p.active_captures) sums.push_back(r->add_input("", g_.type(n.in[2 + p.carried + m])));
    const Value trips = r->add_input("", {DType::i64, {}});
    Values stack(p.carried);
    for (size_t j = 0; j < p.carried; ++j)
      if (stacks[j].dtype != DType::i64 || !stacks[j].shape.empty()) stack[j] = r->add_input("", stacks[j]);
    Values captures, scan_gradient;
    for (size_t m = 0; m < p.captures; ++m) {
      const Value v = n.in[2 + p.carried + m];
      captures.push_back(r->add_input("", g_.type(v), g_.facts(v)));
    }
    for (size_t k : p.given_scans) scan_gradient.push_back(r->add_input("", g_.type(p.given[p.carried + k])));

    const auto one = [&](int64_t v) { return r->constant(Tensor::of_ints(DType::i64, {}, std::span(&v, 1))); };
    const Value index = r->call("sub", {r->call("sub", {trips, one(1)}), pass});
    const Value go = r->constant(Tensor::scalar_int(DType::boolean, 1));
    std::map<uint32_t, Value> map;
    map[body.inputs()[0].id] = index;
    map[body.inputs()[1].id] = go;
    Values now;
    for (size_t j = 0; j < p.carried; ++j) {
      // One that is not kept is not read in the end either: what computes with it goes.
      now.push_back(stack[j].valid() ? at(*r, stack[j], index) : r->add_input("", body.type(body.inputs()[2 + j])));
      map[body.inputs()[2 + j].id] = now[j];
    }
    for (size_t m = 0; m < p.captures; ++m) map[body.inputs()[2 + p.carried + m].id] = captures[m];
    ir::copy_nodes(body, *r, map, false);
    r->constraints = body.constraints;
    Values wanted, gradients;
    for (size_t j : p.active_carried) wanted.push_back(now[j]);
    for (size_t m : p.active_captures) wanted.push_back(captures[m]);
    for (size_t a = 0; a < p.active_carried.size(); ++a) {
      r->add_output("", map.at(body.outputs()[1 + p.active_carried[a]].id));
      gradients.push_back(carried_gradient[a]);
    }
    for (size_t a = 0; a < p.given_scans.size(); ++a) {
      r->add_output("", map.at(body.outputs()[1 + p.carried + p.given_scans[a]].id));
      gradients.push_back(at(*r, scan_gradient[a], index));
    }
    const Values d = Reverse(*r).run(wanted, [&](size_t k) { return gradients[k]; });
    while (!r->outputs().empty()) r->remove_output(r->outputs().size() - 1);
    r->add_output("", go);
    for (size_t a = 0; a < p.active_carried.size(); ++a)
      r->add_output("",
                    d[a].valid() ? with_sizes_of(*r, d[a], carried_gradient[a]) : zeros_like(*r, carried_gradient[a]));
    for (size_t a = 0; a < sums.size(); ++a) {
      const Value x = d[p.active_carried.size() + a];
      r->add_output(
          "", x.valid() ? r->call("add", {sums[a], with_sizes_of(*r, x, sums[a])}) : r->call("identity", {sums[a]}));
    }
    r->erase_dead();
    for (size_t j = 0; j < p.carried; ++j) {
      if (stack[j].valid()) continue;
      const auto& in = r->inputs();
      r->remove_input(size_t(std::find(in.begin(), in.end(), now[j]) - in.begin()));
    }
    LoopBody made{std::move(r), {}};
    for (size_t j = 0; j < p.carried; ++j)
      if (stack[j].valid() && !made.graph->uses(stack[j]).empty()) made.kept.push_back(j);
    return made;
  }

  // The passes in reverse: each takes its carried values as they were, computes the pass anew and goes back through it.
  Values of_loop(Node*& n, const Values& given, const std::vector<char>& needed) {
    const LoopParts p = parts_of(*n, given, needed);
    const Graph& body = *n->regions[0];
    // Which carried values a pass needs shows when it is made; sizes that the loop changes cannot be kept in one
    // tensor.
    std::vector<TensorType> stacks;
    const Dim passes = Dim::symbol("trips", 0, Dim::unbounded, 1, "passes of a loop");
    for (size_t j = 0; j < p.carried; ++j) {
      TensorType t = body.type(body.inputs()[2 + j]);
      t.shape.insert(t.shape.begin(), passes);
      stacks.push_back(std::move(t));
    }
    const std::vector<size_t> kept = loop_body(*n, p, stacks).kept;
    std::set<size_t> read(kept.begin(), kept.end());
    read.insert(p.active_carried.begin(), p.active_carried.end());
    for (size_t j : read)
      if (g_.type(n->in[2 + j]) != body.type(body.inputs()[2 + j]) || g_.type(n->out[j]) != g_.type(n->in[2 + j]))
        fail(ErrorCode::unsupported, "gradient: carried value ", j, " of a loop is ", g_.type(n->in[2 + j]),
             " before it and ", g_.type(n->out[j]), " after it (sizes that change from pass to pass have no gradient)");

    // The loop once more, with what is kept as further results.
    auto region = std::make_unique<Graph>(body.clone());
    for (size_t j : kept) region->add_output("", region->call("identity", {region->inputs()[2 + j]}));
    if (kept.empty()) region->add_output("", region->call("identity", {region->inputs()[0]}));
    const size_t more = std::max<size_t>(1, kept.size());
    std::vector<std::unique_ptr<Graph>> regions;
    regions.push_back(std::move(region));
    Node* const insertion = g_.insertion_point();
    g_.insert_before(n);
    Node* const forward =
        g_.emit_node(*n->op, n->attrs.with({{"scan_outputs", int64_t(p.scans + more)}}), n->in, std::move(regions));
    g_.insert_before(insertion);

    const Value any = forward->out[p.carried + p.scans];
    const int64_t zero = 0;
    const Value trips = at(g_, g_.shape_of(any), g_.constant(Tensor::of_ints(DType::i64, {}, std::span(&zero, 1))));
    std::fill(stacks.begin(), stacks.end(), TensorType{DType::i64, {}});
    Values operands{trips, Value{}};
    for (size_t j : p.active_carried)
      operands.push_back(given[j].valid() ? with_sizes_of(g_, given[j], n->in[2 + j]) : zeros_like(g_, n->in[2 + j]));
    for (size_t m : p.active_captures) operands.push_back(zeros_like(g_, n->in[2 + p.carried + m]));
    const size_t sums = operands.size() - 2;
    operands.push_back(trips);
    for (size_t a = 0; a < kept.size(); ++a) {
      operands.push_back(forward->out[p.carried + p.scans + a]);
      stacks[kept[a]] = g_.type(operands.back());
    }
    for (size_t m = 0; m < p.captures; ++m) operands.push_back(n->in[2 + p.carried + m]);
    for (size_t k : p.given_scans) operands.push_back(given[p.carried + k]);
    std::vector<std::unique_ptr<Graph>> backward;
    backward.push_back(loop_body(*n, p, stacks).graph);
    const OpDef& op = *n->op;
    const Values out =
        g_.emit_node(op, op.defaults().with({{"carried", int64_t(sums)}}), operands, std::move(backward))->out;
    Values d(n->in.size());
    for (size_t a = 0; a < p.active_carried.size(); ++a) d[2 + p.active_carried[a]] = out[a];
    for (size_t a = 0; a < p.active_captures.size(); ++a)
      d[2 + p.carried + p.active_captures[a]] = out[p.active_carried.size() + a];
    for (size_t k = 0; k < n->out.size(); ++k) {
      const Value now = forward->out[k];
      if (active_.count(n->out[k].id)) active_.insert(now.id);
      g_.replace(n->out[k], now);
    }
    g_.erase(n);
    n = forward;
    return d;
  }

  Graph& g_;
  std::unordered_set<uint32_t> active_;
  std::unordered_map<uint32_t, Value> gradient_;
};

/// Where one node gives what another gives and more (the gates of an lstm, which its gradient asked for), it takes its
/// place.
void merge_outputs(Graph& g) {
  const auto outputs_of = [](const Node& n) {
    for (const AttrInfo& a : n.op->attrs)
      if (a.name == "outputs") return n.attrs.get_int("outputs");
    return int64_t(-1);
  };
  for (Node* n : g.nodes()) {
    const int64_t few = outputs_of(*n);
    if (few < 0) continue;
    for (Node* m = n->next; m; m = m->next) {
      if (m->op != n->op || m->in != n->in || outputs_of(*m) < few) continue;
      if (n->attrs.with({{"outputs", outputs_of(*m)}}) != m->attrs) continue;
      g.move_before(m, n);
      for (size_t k = 0; k < n->out.size(); ++k) g.replace(n->out[k], m->out[k]);
      g.erase(n);
      break;
    }
  }
}

}  // namespace

Differentiated differentiate(const ir::Graph& g, const std::vector<bool>& needs, const std::vector<bool>& given,
                             bool recompute) {
  Graph joint = g.clone();
  const size_t inputs = joint.inputs().size(), outputs = joint.outputs().size();
  check(needs.size() == inputs && given.size() == outputs, "differentiate: ", needs.size(), " inputs and ",
        given.size(), " outputs for a graph with ", inputs, " and ", outputs);
  Differentiated r;
  r.outputs = outputs;
  Values wanted, dout(outputs);
  std::vector<size_t> wanted_index;
  for (size_t i = 0; i < inputs; ++i)
    if (needs[i]) wanted.push_back(joint.inputs()[i]), wanted_index.push_back(i);
  const auto reached = dependent(joint, wanted);
  r.active.assign(outputs, false);
  std::vector<size_t> given_outputs;
  for (size_t k = 0; k < outputs; ++k) {
    r.active[k] = given[k] && reached.count(joint.outputs()[k].id) && differentiable(joint.dtype(joint.outputs()[k]));
    if (!r.active[k]) continue;
    dout[k] = joint.add_input(str("gradient.", joint.output_name(k)), joint.type(joint.outputs()[k]));
    given_outputs.push_back(k);
  }
  const Values d = Reverse(joint).run(wanted, [&](size_t k) { return k < outputs ? dout[k] : Value{}; });
  for (size_t i = 0; i < d.size(); ++i) {
    if (!d[i].valid()) continue;
    r.wanted.push_back(wanted_index[i]);
    joint.location = nullptr;
    joint.add_output("gradient." + joint.name(wanted[i]),
                     joint.call("identity", {with_sizes_of(joint, d[i], wanted[i])}));
  }
  PassContext context;
  joint.erase_dead();
  canonicalize(joint, context);
  fold_constants(joint, context);
  remove_common(joint, context);
  merge_outputs(joint);
  joint.erase_dead();

  Cut cut(joint, inputs, outputs);
  cut.decide(recompute);
  Graph& b = r.backward;
  std::map<uint32_t, Value> map;
  Values sources;
  const auto argument = [&](Value v, const std::string& name, Differentiated::Argument a) {
    map[v.id] = b.add_input(name, joint.type(v), joint.facts(v));
    sources.push_back(map[v.id]);
    r.arguments.push_back(a);
  };
  for (size_t i = 0; i < inputs; ++i) {
    const Value v = joint.inputs()[i];
    if (cut.reads_input(v) || !is_constant(joint.type(v).shape))
      argument(v, joint.name(v), {Differentiated::Argument::input, i});
  }
  for (size_t k = 0; k < cut.kept().size(); ++k) {
    const Value v = cut.kept()[k];
    const auto& o = joint.outputs();
    size_t place = size_t(std::find(o.begin(), o.begin() + int64_t(outputs), v) - o.begin());
    argument(v, str("kept.", k), {Differentiated::Argument::kept, place < outputs ? place : SIZE_MAX});
  }
  for (size_t k = 0; k < given_outputs.size(); ++k)
    argument(joint.inputs()[inputs + k], joint.name(joint.inputs()[inputs + k]),
             {Differentiated::Argument::gradient, given_outputs[k]});
  for (Node* n = joint.first(); n; n = n->next) {
    if (!cut.is_late(*n) && !cut.is_anew(*n)) continue;
    if (n->out.empty() || map.count(n->out[0].id)) continue;
    b.location = n->loc;
    if (!cut.is_late(*n) && cut.sizes_follow(*n)) {
      map[n->out[0].id] = b.dims(joint.facts(n->out[0]).content, sources);
      continue;
    }
    Values in;
    for (Value v : n->in) in.push_back(v.valid() ? map.at(v.id) : Value{});
    std::vector<TensorType> types;
    for (Value v : n->out) types.push_back(joint.type(v));
    std::vector<std::unique_ptr<Graph>> regions;
    for (const auto& region : n->regions) regions.push_back(std::make_unique<Graph>(region->clone()));
    const Values out = b.emit_typed(*n->op, n->attrs, in, std::move(types), std::move(regions))->out;
    for (size_t k = 0; k < out.size(); ++k) {
      b.set_facts(out[k], joint.facts(n->out[k]));
      map[n->out[k].id] = out[k];
    }
  }
  for (size_t k = outputs; k < joint.outputs().size(); ++k) {
    Value v = map.at(joint.outputs()[k].id);
    if (!b.def(v) || b.is_output(v) || b.constant_of(v)) v = b.call("identity", {v});
    b.add_output(joint.output_name(k), v);
  }
  b.erase_dead();

  while (joint.outputs().size() > outputs) joint.remove_output(joint.outputs().size() - 1);
  for (size_t k = 0; k < cut.kept().size(); ++k)
    for (Differentiated::Argument& a : r.arguments)
      if (a.kind == Differentiated::Argument::kept && a.index == SIZE_MAX) {
        a.index = joint.outputs().size();
        const size_t number = size_t(&a - r.arguments.data());
        Value kept{};
        for (Value v : cut.kept())
          if (map.at(v.id) == b.inputs()[number]) kept = v;
        joint.add_output(str("kept.", number), kept);
        break;
      }
  joint.erase_dead();
  while (joint.inputs().size() > inputs) joint.remove_input(joint.inputs().size() - 1);
  r.forward = std::move(joint);
  return r;
}

}  // namespace neve::passes
