// Engine and Session.
#include "api/impl.h"
#include "base/error.h"
#include "ir/text.h"
#include "jit/profile.h"

namespace neve {

Engine optimize(const Model& model, const OptimizeOptions& options) {
  auto e = std::make_shared<Engine::Impl>();
  e->optimized = jit::optimize(of(model.impl(), "Model").loaded, options);
  e->inputs = jit::ports_of(e->optimized->graph, false);
  e->outputs = jit::ports_of(e->optimized->graph, true);
  return Engine(std::move(e));
}

namespace {

// Sizes by position; `what` begins the errors.
std::vector<Sizes> sizes_of(const runtime::EngineCore& core, const NamedSizes& named, const char* what) {
  std::vector<Sizes> sizes;
  for (size_t i = 0; i < core.inputs.size(); ++i) {
    auto it = named.find(core.inputs[i].name);
    if (it == named.end()) it = named.find(str(i));
    if (it == named.end()) fail(ErrorCode::not_found, what, ": no sizes for input '", core.inputs[i].name, "'");
    if (int64_t(it->second.size()) != core.inputs[i].rank)
      fail(ErrorCode::shape_mismatch, what, ": input '", core.inputs[i].name, "' got ", it->second.size(),
           " sizes (the model has ", core.inputs[i].shape, ")");
    sizes.push_back(it->second);
  }
  return sizes;
}

const std::vector<Sizes>& first_point(const jit::OptimizedModel& m) { return m.ranges.ranges.at(0).opts.at(0); }

std::string sizes_text(const runtime::EngineCore& core, const std::vector<Sizes>& sizes) {
  std::string s;
  for (size_t i = 0; i < sizes.size(); ++i) s += str(i ? ", " : "", core.inputs[i].name, " ", sizes[i]);
  return s;
}

}  // namespace

const std::vector<PortInfo>& Engine::inputs() const { return of(impl_, "Engine").inputs; }
const std::vector<PortInfo>& Engine::outputs() const { return of(impl_, "Engine").outputs; }
int Engine::threads() const { return of(impl_, "Engine").optimized->core->threads; }
Session Engine::session() const { return Session(std::make_shared<Session::Impl>(of(impl_, "Engine").optimized)); }
std::string Engine::report_json() const { return of(impl_, "Engine").optimized->report; }
std::string Engine::report_html() const {
  const jit::OptimizedModel& m = *of(impl_, "Engine").optimized;
  std::string roofline;
  try {
    roofline = jit::roofline_json(profile(), machine_peak(threads()), sizes_text(*m.core, first_point(m)));
  } catch (const Error& e) {
    if (e.code() == ErrorCode::cancelled) throw;  // sizes that generated inputs cannot serve: the page goes without
  }
  return jit::report_html(m.report, roofline);
}
std::string Engine::graph_text() const { return ir::print(of(impl_, "Engine").optimized->graph); }
void Engine::save(const std::string& path) const { jit::save_archive(*of(impl_, "Engine").optimized, path); }
void Engine::warm(const std::vector<NamedSizes>& shapes) const { session().warm(shapes); }

Warming Engine::warm_in_background(const std::vector<NamedSizes>& shapes) const {
  Impl& engine = of(impl_, "Engine");
  std::vector<std::vector<Sizes>> points;
  for (const NamedSizes& named : shapes) points.push_back(sizes_of(*engine.optimized->core, named, "warm"));
  const Warming started = start_warming(engine.optimized->core, std::move(points));
  const std::lock_guard lock(engine.mutex);
  std::erase_if(engine.warming, [](const Warming& w) { return w.done(); });
  engine.warming.push_back(started);
  return started;
}

std::vector<Session::Timing> Engine::profile(const NamedSizes& sizes, int runs) const {
  const jit::OptimizedModel& m = *of(impl_, "Engine").optimized;
  const std::vector<Sizes> at = sizes.empty() ? first_point(m) : sizes_of(*m.core, sizes, "profile");
  runtime::SessionCore session(m.core);
  return jit::profile(session, jit::generate_inputs(m.graph, at, 11), runs);
}

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
  for (const NamedSizes& named : shapes) impl_->core.warm(sizes_of(core, named, "warm"));
}
int64_t Session::arena_bytes() const { return impl_->core.arena_bytes(); }

std::vector<Session::Timing> Session::profile(const std::vector<Tensor>& in, int runs) {
  return jit::profile(impl_->core, in, runs);
}
std::string Session::trace(const std::vector<Tensor>& in, int runs) { return jit::trace_text(impl_->core, in, runs); }

}  // namespace neve
