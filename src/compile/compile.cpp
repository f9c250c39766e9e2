// One walk over the graph: every node becomes nothing (a view, a shape computation), or an instruction with a kernel.
#include "compile/compile.h"

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "compile/compiler.h"

namespace neve::compile {
using ir::Graph;
using ir::Node;
using plan::Instr;
using plan::Place;
using plan::PlanValue;

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
  instr.location = to_string(n.loc);
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

void Compiler::visit(Node& n) {
  if (n.is("constant") || n.is("weight")) return;
  if (is_view(n) && !defines_sizes(n))
    visit_view(n);
  else if (!n.regions.empty() && !n.is("fused"))
    visit_control(n);
  else
    visit_kernel(n);
}

// Results are memory of their own, row-major but where the caller takes any layout: an arena value becomes the output
// itself, anything else is copied.
void Compiler::place_outputs() {
  for (size_t k = 0; k < g_.outputs().size(); ++k) {
    const Value v = g_.outputs()[k];
    const bool free = !outer_ && k < options_.free_outputs.size() && options_.free_outputs[k];
    int32_t value = free ? base_value(v) : value_in(v, Layout{});
    const PlanValue& r = plan_->values[size_t(root(value))];
    if (r.place != Place::arena && r.place != Place::dynamic)
      value = add_reorder(value, plan_->values[size_t(value)].layout);
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
  plan_->reuse_memory = options_.reuse_memory;
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
    const bool stated = !outer_ && i < options_.input_layouts.size();
    const int32_t p =
        new_value(g_.type(v), Place::input, int32_t(i), stated ? options_.input_layouts[i] : Layout{}, g_.name(v));
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
    check_interrupt();
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
