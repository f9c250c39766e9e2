// Engine and Session.
#include <map>

#include "api/impl.h"
#include "base/error.h"
#include "ir/text.h"

namespace neve {

Engine optimize(const Model& model, const OptimizeOptions& options) {
  auto e = std::make_shared<Engine::Impl>();
  e->optimized = jit::optimize(of(model.impl(), "Model").loaded, options);
  e->inputs = jit::ports_of(e->optimized->graph, false);
  e->outputs = jit::ports_of(e->optimized->graph, true);
  return Engine(std::move(e));
}

const std::vector<PortInfo>& Engine::inputs() const { return of(impl_, "Engine").inputs; }
const std::vector<PortInfo>& Engine::outputs() const { return of(impl_, "Engine").outputs; }
int Engine::threads() const { return of(impl_, "Engine").optimized->core->threads; }
Session Engine::session() const { return Session(std::make_shared<Session::Impl>(of(impl_, "Engine").optimized)); }
std::string Engine::report_json() const { return of(impl_, "Engine").optimized->report; }
std::string Engine::report_html() const { return jit::report_html(of(impl_, "Engine").optimized->report); }
std::string Engine::graph_text() const { return ir::print(of(impl_, "Engine").optimized->graph); }
void Engine::save(const std::string& path) const { jit::save_archive(*of(impl_, "Engine").optimized, path); }
void Engine::warm(const std::vector<NamedSizes>& shapes) const { session().warm(shapes); }

std::string Engine::plan_text() const {
  std::string s;
  const auto& ranges = of(impl_, "Engine").optimized->core->ranges;
  for (size_t r = 0; r < ranges.size(); ++r)
    for (size_t k = 0; k < ranges[r].programs.size(); ++k) {
      const plan::Plan& p = ranges[r].programs[k]->plan();
      s += str("range ", r, " point ", k, ": ", p.instrs.size(), " instructions, ", p.segments.size(), " segments, ",
               p.weights.size(), " weights\n");
      for (size_t i = 0; i < p.instrs.size(); ++i) {
        const plan::Instr& n = p.instrs[i];
        s += str("  ", i, " ", n.choice, ".", n.variant, " [", n.description, "] ", n.name, " (");
        for (size_t j = 0; j < n.in.size(); ++j) s += str(j ? " " : "", "%", n.in[j]);
        s += ") -> (";
        for (size_t j = 0; j < n.out.size(); ++j) {
          const plan::PlanValue& v = p.values[size_t(n.out[j])];
          s += str(j ? " " : "", "%", n.out[j], " ", to_string(v.layout),
                   v.place == plan::Place::alias ? str(" over %", v.index) : "",
                   v.place == plan::Place::output ? " output" : "");
        }
        s += ")";
        if (n.graph) {
          s += " {";
          for (const SubgraphNode& m : n.graph->nodes) s += str(" ", m.op->info.name);
          s += " }";
        }
        s += "\n";
        for (const std::string& why : n.refusals) s += str("      not ", why, "\n");
      }
    }
  return s;
}

namespace {
std::vector<Tensor> by_position(const runtime::EngineCore& core, const NamedTensors& in) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < core.inputs.size(); ++i) {
    auto it = in.find(core.inputs[i].name);
    if (it == in.end()) it = in.find(str(i));
    if (it == in.end()) {
      std::string names;
      for (const auto& [n, t] : in) names += str(names.empty() ? "" : ", ", "'", n, "'");
      fail(ErrorCode::not_found, "run: no input '", core.inputs[i].name, "' was given (given were: ", names, ")");
    }
    out.push_back(it->second);
  }
  for (const auto& [name, t] : in) {
    bool known = false;
    for (size_t i = 0; i < core.inputs.size(); ++i) known = known || core.inputs[i].name == name || str(i) == name;
    if (!known) {
      std::string names;
      for (const auto& p : core.inputs) names += str(names.empty() ? "" : ", ", "'", p.name, "'");
      fail(ErrorCode::not_found, "run: '", name, "' is not an input (the model's inputs: ", names, ")");
    }
  }
  return out;
}
}  // namespace

std::vector<Tensor> Session::run(const std::vector<Tensor>& in) {
  std::vector<Tensor> out;
  impl_->core.run(in, out);
  return out;
}
std::vector<Tensor> Session::run(const NamedTensors& in) { return run(by_position(impl_->core.engine(), in)); }
void Session::run(const std::vector<Tensor>& in, std::vector<Tensor>& out) { impl_->core.run(in, out); }
bool Session::try_run(const std::vector<Tensor>& in, std::vector<Tensor>& out, Error& error) noexcept {
  try {
    run(in, out);
    return true;
  } catch (const Error& e) {
    error = e;
  } catch (const std::bad_alloc&) {
    error = Error(ErrorCode::out_of_memory, "run: out of memory");
  } catch (const std::exception& e) {
    error = Error(ErrorCode::internal, str("run: ", e.what()));
  }
  return false;
}
void Session::warm(const std::vector<NamedSizes>& shapes) {
  const runtime::EngineCore& core = impl_->core.engine();
  for (const NamedSizes& named : shapes) {
    std::vector<Sizes> sizes;
    for (size_t i = 0; i < core.inputs.size(); ++i) {
      auto it = named.find(core.inputs[i].name);
      if (it == named.end()) it = named.find(str(i));
      if (it == named.end()) fail(ErrorCode::not_found, "warm: no sizes for input '", core.inputs[i].name, "'");
      if (int64_t(it->second.size()) != core.inputs[i].rank)
        fail(ErrorCode::shape_mismatch, "warm: input '", core.inputs[i].name, "' got ", it->second.size(),
             " sizes (the model has ", core.inputs[i].shape, ")");
      sizes.push_back(it->second);
    }
    impl_->core.warm(sizes);
  }
}
int64_t Session::arena_bytes() const { return impl_->core.arena_bytes(); }

std::vector<Session::Timing> Session::profile(const std::vector<Tensor>& in, int runs) {
  struct Key {
    const runtime::Program* program;
    int32_t instr;
    bool operator<(const Key& o) const { return std::tie(program, instr) < std::tie(o.program, o.instr); }
  };
  std::map<Key, Timing> times;
  std::vector<Tensor> out;
  impl_->core.run(in, out);
  impl_->core.observe([&](const runtime::Program& p, int32_t i, int64_t ns) {
    Timing& t = times[{&p, i}];
    const plan::Instr& n = p.plan().instrs[size_t(i)];
    if (t.calls == 0) {
      t.name = n.name;
      t.kernel = n.description;
      if (n.graph)
        for (const SubgraphNode& m : n.graph->nodes) t.ops += str(t.ops.empty() ? "" : "+", m.op->info.name);
      else
        t.ops = n.choice;
    }
    t.milliseconds += double(ns) * 1e-6;
    ++t.calls;
  });
  for (int r = 0; r < runs; ++r) impl_->core.run(in, out);
  impl_->core.observe({});
  std::vector<Timing> list;
  for (auto& [k, t] : times) {
    t.milliseconds /= std::max(runs, 1);
    list.push_back(std::move(t));
  }
  return list;
}

}  // namespace neve
