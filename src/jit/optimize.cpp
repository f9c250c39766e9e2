// The whole way: ranges, passes, prepare, compile, gate, report.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <set>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/thread_limit.h"
#include "base/threads.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "jit/model.h"
#include "kernels/list.h"
#include "op/registry.h"

namespace neve::jit {
using Clock = std::chrono::steady_clock;

namespace {

double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

/// A tactic that a user names: an entry, and maybe one of its variants.
struct NamedTactic {
  std::string entry;
  int variant = -1;
};

NamedTactic parse_tactic(const std::string& text) {
  const size_t dot = text.rfind('.');
  const std::string digits = dot == std::string::npos ? "" : text.substr(dot + 1);
  const bool number = !digits.empty() && digits.size() < 4 && digits.find_first_not_of("0123456789") == digits.npos;
  return number ? NamedTactic{text.substr(0, dot), std::stoi(digits)} : NamedTactic{text};
}

void check_tactic(const OptimizeOptions& o) {
  if (o.tactic.empty()) return;
  const std::string name = parse_tactic(o.tactic).entry;
  std::vector<std::string> names = kernels::kernel_names();
  names.insert(names.end(), {"loop", "reference"});
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string all;
    for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
    fail(ErrorCode::not_found, "optimize: no tactic is named '", o.tactic, "' (there are: ", all,
         "; NAME.1 is the second variant of one)");
  }
  for (const std::string& off : {name, name.substr(0, name.find('.'))})
    if (o.disable_kernels.count(off))
      fail(ErrorCode::invalid_argument, "optimize: tactic '", o.tactic, "' is forced, and disable_kernels names '", off,
           "' (one of them would do)");
}

// A kernel or the part before its dot.
void check_kernel(const std::string& name) {
  std::string all = "loop";
  bool known = name == "loop";
  for (const std::string& k : kernels::kernel_names()) {
    known = known || k == name || k.substr(0, k.find('.')) == name;
    all += ", " + k;
  }
  if (!known) fail(ErrorCode::not_found, "optimize: no kernel or family is named '", name, "' (there are: ", all, ")");
}

void check_options(const OptimizeOptions& o) {
  if (o.precision != "fp32" && o.precision != "auto")
    fail(ErrorCode::unsupported, "optimize: precision '", o.precision, "' is not built yet (use \"fp32\")");
  if (!o.calib_data.empty())
    fail(ErrorCode::unsupported, "optimize: calibration data is of use for int8 only, which is not built yet");
  for (const std::string& op : o.disable_ops) find_op(op);
  for (const std::string& op : o.float_ops) find_op(op);
  for (const std::string& kernel : o.disable_kernels) check_kernel(kernel);
  check_tactic(o);
  if (o.threads < 0 || o.threads > 4096)
    fail(ErrorCode::invalid_argument, "optimize: ", o.threads, " threads (1 to 4096, or 0: affinity and quota)");
  if (o.min_region < 1) fail(ErrorCode::invalid_argument, "optimize: min_region ", o.min_region, " (1 or more)");
  if (o.memory_budget < 0)
    fail(ErrorCode::invalid_argument, "optimize: memory_budget ", o.memory_budget, " bytes (0: no bound)");
  if (!(o.tolerance.relative >= 0) || !(o.tolerance.absolute >= 0))
    fail(ErrorCode::invalid_argument, "optimize: tolerance ", o.tolerance.relative, " relative, ", o.tolerance.absolute,
         " absolute (0 or more)");
}

// Ranges that cover every size seen in warm-up data.
std::vector<Range> learned_ranges(const std::vector<NamedTensors>& data) {
  Range r;
  for (const NamedTensors& sample : data) {
    NamedSizes opt;
    for (const auto& [name, t] : sample) {
      opt[name] = t.shape();
      auto [lo, fresh] = r.min.try_emplace(name, t.shape());
      auto hi = r.max.try_emplace(name, t.shape()).first;
      for (size_t a = 0; a < t.shape().size() && a < lo->second.size(); ++a) {
        lo->second[a] = std::min(lo->second[a], t.shape()[a]);
        hi->second[a] = std::max(hi->second[a], t.shape()[a]);
      }
    }
    if (std::find(r.opts.begin(), r.opts.end(), opt) == r.opts.end() && r.opts.size() < 8) r.opts.push_back(opt);
  }
  return {r};
}

ir::Graph graph_for(const LoadedModel& model, const ResolvedRanges& ranges, ir::Module& storage,
                    const ir::Weights** weights) {
  const ir::Graph& g = model.module.methods.find("forward")->second;
  *weights = model.module.weights.get();
  bool same = true;
  for (size_t i = 0; i < ranges.types.size(); ++i) same = same && ranges.types[i] == g.type(g.inputs()[i]);
  if (same) return g.clone();
  if (model.reload) {
    std::map<std::string, TensorType, std::less<>> types;
    for (size_t i = 0; i < ranges.types.size(); ++i) types[g.name(g.inputs()[i])] = ranges.types[i];
    storage = model.reload(types);
    *weights = storage.weights.get();
    return std::move(storage.methods.find("forward")->second);
  }
  return g.with_input_types(ranges.types);
}

std::vector<runtime::Port> core_ports(const ir::Graph& g, bool outputs) {
  std::vector<runtime::Port> ports;
  const auto& values = outputs ? g.outputs() : g.inputs();
  for (size_t i = 0; i < values.size(); ++i) {
    const TensorType& t = g.type(values[i]);
    ports.push_back({outputs ? g.output_name(i) : g.name(values[i]), t.dtype, to_string(t.shape), t.rank()});
  }
  return ports;
}

}  // namespace

std::vector<PortInfo> ports_of(const ir::Graph& g, bool outputs) {
  std::vector<PortInfo> ports;
  const auto& values = outputs ? g.outputs() : g.inputs();
  for (size_t i = 0; i < values.size(); ++i) {
    PortInfo p{outputs ? g.output_name(i) : g.name(values[i]), g.type(values[i]).dtype, {}};
    for (Dim d : g.type(values[i]).shape) p.shape.push_back(to_string(d));
    ports.push_back(std::move(p));
  }
  return ports;
}

namespace {

// An engine of one range, compiled for one point without the tactics' timing.
std::shared_ptr<runtime::EngineCore> engine_of(const ir::Graph& g, std::shared_ptr<ir::Weights> weights,
                                               const compile::Point& point, compile::Options options, int threads) {
  options.threads = threads;
  options.isa = cpu_info().isa;
  auto core = std::make_shared<runtime::EngineCore>();
  core->inputs = core_ports(g, false);
  core->outputs = core_ports(g, true);
  core->threads = threads;
  core->weights = std::make_shared<runtime::WeightPool>(std::move(weights));
  runtime::Range range;
  range.programs.push_back(compile::compile_graph(g, core->weights, point, options).program);
  core->ranges.push_back(std::move(range));
  return core;
}

}  // namespace

std::shared_ptr<runtime::EngineCore> build_baseline(const ir::Graph& g, const ir::Weights& weights, int threads,
                                                    const compile::Point& point) {
  ir::Graph plain = g.clone();
  passes::PipelineOptions pipeline;
  pipeline.fuse = false;
  passes::run_pipeline(plain, pipeline);
  compile::Options options;
  options.plain_layouts = true;
  return engine_of(plain, std::make_shared<ir::Weights>(weights), point, options, threads);
}

std::shared_ptr<runtime::EngineCore> build_at(ir::Graph g, ir::Weights weights, int threads,
                                              const std::vector<Sizes>& sizes, const BuildOptions& build,
                                              HandOver ends) {
  std::vector<TensorType> types;
  for (Value v : g.inputs()) types.push_back(g.type(v));
  passes::PipelineOptions pipeline;
  pipeline.disabled = build.disable_passes;
  passes::run_pipeline(g, pipeline);
  compile::prepare(g, weights, threads);
  if (!build.disable_passes.count("fuse_loops")) {
    compile::fuse_loops(g, 1, {});
    compile::prepare(g, weights, threads);
  }
  compile::flush_subnormal(g, weights, threads);
  compile::Options options;
  options.reuse_memory = build.reuse_memory;
  options.in_place = build.in_place;
  options.input_layouts = std::move(ends.input_layouts);
  options.free_outputs = std::move(ends.free_outputs);
  return engine_of(g, std::make_shared<ir::Weights>(std::move(weights)), point_of(types, sizes), options, threads);
}

std::vector<Layout> output_layouts(const runtime::EngineCore& core) {
  const plan::Plan& p = core.ranges.front().programs.front()->plan();
  std::vector<Layout> layouts;
  for (const plan::PlanPort& o : p.outputs) layouts.push_back(p.values[size_t(o.value)].layout);
  return layouts;
}

void build_engine(OptimizedModel& m, compile::TacticCache* tactics,
                  std::function<void(double, const std::string&)> progress) {
  auto core = std::make_shared<runtime::EngineCore>();
  core->inputs = core_ports(m.graph, false);
  core->outputs = core_ports(m.graph, true);
  core->threads = m.options.threads;
  core->weights = std::make_shared<runtime::WeightPool>(m.weights);
  compile::Options options;
  options.threads = m.options.threads;
  options.isa = cpu_info().isa;
  options.disabled_kernels = m.options.disable_kernels;
  options.disabled_ops = m.options.disable_ops;
  const NamedTactic tactic = parse_tactic(m.options.tactic);
  options.tactic = tactic.entry, options.tactic_variant = tactic.variant;
  options.tactics = tactics;
  int64_t weight_bytes = 0;
  for (const auto& [name, w] : *m.weights) weight_bytes += w.bytes();
  // Half of it: activations want their share, and often other programs do.
  options.cold_weights = weight_bytes > cpu_info().l3_share / 2;
  // Errors of layers add up, and the accuracy check wants the whole within its tolerance.
  options.most_error = m.options.tolerance.relative / 10;
  size_t points = 0, done = 0;
  for (const ResolvedRange& r : m.ranges.ranges) points += r.opts.size();
  for (const ResolvedRange& r : m.ranges.ranges) {
    runtime::Range range;
    range.min = r.min;
    range.max = r.max;
    range.opts = r.opts;
    for (const auto& opt : r.opts) {
      options.progress = [&](double f, const std::string& what) {
        if (progress) progress((double(done) + f) / double(points), what);
      };
      compile::Compiled c = compile::compile_graph(m.graph, core->weights, point_of(m.input_types, opt), options);
      m.tactics_timed += c.tactics_timed;
      m.tactics_cached += c.tactics_cached;
      if (m.nodes.empty()) m.nodes = std::move(c.nodes);
      range.programs.push_back(std::move(c.program));
      ++done;
    }
    core->ranges.push_back(std::move(range));
  }
  m.core = std::move(core);
}

namespace {

void warm_if_legal(runtime::SessionCore& session, const std::vector<Sizes>& sizes) {
  check_interrupt();
  try {
    session.warm(sizes);
  } catch (const Error&) {  // sizes that the model refuses
  }
}

// What sessions need at the max of each closed range. Sizes that the model refuses there, or that are known only while
// running, are left out.
std::vector<OptimizedModel::RangeMemory> arenas_at_max(const OptimizedModel& m) {
  std::vector<OptimizedModel::RangeMemory> out;
  for (const ResolvedRange& r : m.ranges.ranges) {
    bool closed = true;
    for (const Sizes& s : r.max)
      for (int64_t n : s) closed = closed && n < Dim::unbounded;
    if (!closed) continue;
    try {
      check_interrupt();
      runtime::SessionCore session(m.core);
      // A session that meets every tuned point has their scratch as well.
      for (const auto& opt : r.opts) warm_if_legal(session, opt);
      warm_if_legal(session, r.min);
      session.warm(r.max);
      out.push_back({r.max, session.arena_bytes()});
    } catch (const Error&) {
    }
  }
  return out;
}

int64_t bytes_needed(const OptimizedModel& m) {
  int64_t arena = 0;
  for (const auto& r : m.memory) arena = std::max(arena, r.arena_bytes);
  return arena + int64_t(m.core->weights->packed_bytes());
}

}  // namespace

void plan_memory(OptimizedModel& m, compile::TacticCache* tactics) {
  m.memory = arenas_at_max(m);
  const int64_t budget = m.options.memory_budget;
  if (budget <= 0 || bytes_needed(m) <= budget) return;
  // Kernels for several points may want several packings of one weight: one point a range needs one.
  bool fewer = false;
  for (ResolvedRange& r : m.ranges.ranges)
    if (r.opts.size() > 1) r.opts.resize(1), fewer = true;
  if (fewer) {
    m.nodes.clear();
    build_engine(m, tactics, {});
    m.memory = arenas_at_max(m);
    m.warnings.push_back("the memory budget allows kernels for one point of each range only");
  }
  if (bytes_needed(m) <= budget) return;
  int64_t arena = 0;
  for (const auto& r : m.memory) arena = std::max(arena, r.arena_bytes);
  fail(ErrorCode::out_of_memory, "optimize: the engine needs ", bytes_needed(m), " bytes (",
       m.core->weights->packed_bytes(), " for packed weights, ", arena,
       " for the arena at the largest sizes), the memory budget is ", budget,
       " (a smaller max in the ranges, or a larger budget would do)");
}

namespace {

// Median and tails of both engines at the points of each range, in turn.
void time_shapes(OptimizedModel& m, std::shared_ptr<runtime::EngineCore> baseline) {
  runtime::SessionCore fast(m.core), plain(std::move(baseline));
  // Large models are timed for as long as small ones: fewer runs of each point, and no further points.
  constexpr double most_seconds = 1.5, most_of_a_point = 0.4;
  const auto start_of_all = Clock::now();
  size_t left_out = 0;
  for (const ResolvedRange& range : m.ranges.ranges) {
    std::vector<std::vector<Sizes>> points = range.opts;
    if (!m.ranges.open) points.push_back(range.min), points.push_back(range.max);
    for (const auto& sizes : points) {
      if (std::any_of(m.timings.begin(), m.timings.end(), [&](const ShapeTiming& t) { return t.sizes == sizes; }))
        continue;
      if (!m.timings.empty() && since(start_of_all) > most_seconds) {
        ++left_out;
        continue;
      }
      ShapeTiming t;
      t.sizes = sizes;
      const std::vector<Tensor> in = generate_inputs(m.graph, sizes, 7);
      std::vector<Tensor> y, y0;
      const auto first = Clock::now();
      let_stop(fast), let_stop(plain);
      try {
        fast.run(in, y);
        plain.run(in, y0);
      } catch (const Error&) {
        continue;
      }
      // Where a run is long, a look at the clock after each instruction changes no figure.
      if (since(first) < 0.1) fast.observe({}), plain.observe({});
      std::vector<double> a, b;
      const auto begin = Clock::now();
      while (a.size() < 5 || (a.size() < 100 && since(begin) < 0.25)) {
        auto start = Clock::now();
        fast.run(in, y);
        a.push_back(since(start) * 1e3);
        start = Clock::now();
        plain.run(in, y0);
        b.push_back(since(start) * 1e3);
        check_interrupt();
        if (since(begin) > most_of_a_point) break;
      }
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      auto at = [](const std::vector<double>& v, double q) {
        return v[std::min(v.size() - 1, size_t(q * double(v.size())))];
      };
      t.n = int64_t(a.size());
      t.p50 = at(a, 0.5), t.p90 = at(a, 0.9), t.p99 = at(a, 0.99);
      t.baseline_p50 = at(b, 0.5), t.baseline_p90 = at(b, 0.9), t.baseline_p99 = at(b, 0.99);
      t.arena_bytes = fast.arena_bytes();
      m.timings.push_back(std::move(t));
    }
  }
  if (left_out > 0)
    m.warnings.push_back("a run takes long: " + std::to_string(left_out) +
                         " of the ranges' points were checked, but not timed");
}

namespace {

/// All that fewer digits come from, if any of it was chosen.
std::set<std::string> rounded_kernels(const OptimizedModel& m) {
  const auto rounds = [](const std::string& name) {
    const kernels::Entry* e = kernels::find_entry(name);
    return e && e->rounded;
  };
  std::set<std::string> names;
  for (const auto& range : m.core->ranges)
    for (const auto& program : range.programs)
      for (const plan::Instr& i : program->plan().instrs)
        if (rounds(i.choice)) names.insert(i.choice);
  return names;
}

std::string first_fault(const GateResult& gate) {
  for (const OutputVerdict& v : gate.outputs)
    if (!v.ok)
      return str("output '", v.output, "' (", v.source, ") differs by ", v.max_difference, " at element ",
                 v.worst_index, ": ", v.got, " for ", v.expected, " (at most ", v.allowed, " is allowed)");
  return "";
}

}  // namespace

}  // namespace

std::shared_ptr<OptimizedModel> optimize(const LoadedModel& model, const OptimizeOptions& given) {
  const ReleaseThreads at_the_end;
  auto m = std::make_shared<OptimizedModel>();
  m->options = given;
  check_options(given);
  if (m->options.threads <= 0) m->options.threads = available_threads();
  std::string phase = "types";
  double done = 0;
  bool stopped = false;
  auto ask = [&] {
    stopped = stopped || (given.progress && !given.progress(done, phase));
    if (stopped) fail(ErrorCode::cancelled, "optimize: cancelled during ", phase);
  };
  const InterruptScope interrupt(ask);
  auto progress = [&](double now, const std::string& what) {
    done = now, phase = what;
    ask();
  };
  const auto start = Clock::now();
  const auto method = model.module.methods.find("forward");
  if (method == model.module.methods.end()) fail(ErrorCode::not_found, "optimize: the model has no method 'forward'");
  m->model_path = model.module.path;
  m->model_format = model.module.format;
  m->model_sha256 = model.module.sha256;
  m->warnings = model.module.warnings;
  std::vector<Range> ranges = given.ranges;
  if (ranges.empty() && !given.warmup_data.empty()) ranges = learned_ranges(given.warmup_data);
  m->ranges = resolve_ranges(method->second, ranges);
  progress(0.01, "types");
  ir::Module storage;
  const ir::Weights* weights = nullptr;
  ir::Graph source = graph_for(model, m->ranges, storage, &weights);
  check_widened(source, m->ranges);
  m->input_types.clear();
  for (Value v : source.inputs()) m->input_types.push_back(source.type(v));
  m->seconds["types"] = since(start);

  auto t = Clock::now();
  progress(0.03, "passes");
  m->graph = source.clone();
  passes::PipelineOptions pipeline;
  pipeline.disabled = given.disable_passes;
  pipeline.min_region = given.min_region;
  if (!given.dump_ir.empty()) {
    std::filesystem::create_directories(given.dump_ir);
    pipeline.after_each = [&, n = 0](const std::string& pass, const ir::Graph& g) mutable {
      char number[16];
      std::snprintf(number, sizeof number, "%02d-", n++);
      write_file(given.dump_ir + "/" + number + pass + ".nir", ir::print(g));
    };
  }
  m->passes = passes::run_pipeline(m->graph, pipeline);
  m->seconds["passes"] = since(t);

  t = Clock::now();
  progress(0.08, "prepare");
  m->weights = std::make_shared<ir::Weights>(*weights);
  m->prepared_nodes = compile::prepare(m->graph, *m->weights, m->options.threads);
  m->seconds["prepare"] = since(t);

  t = Clock::now();
  passes::PassResult loops{"fuse_loops"};
  loops.skipped = given.disable_passes.count("fuse_loops") > 0;
  if (!loops.skipped) {
    loops.count = compile::fuse_loops(m->graph, given.min_region, given.disable_ops);
    // Lowering composites may have left arithmetic on weights alone.
    m->prepared_nodes += compile::prepare(m->graph, *m->weights, m->options.threads);
    if (pipeline.after_each) pipeline.after_each("fuse_loops", m->graph);
  }
  m->prepared_nodes += compile::flush_subnormal(m->graph, *m->weights, m->options.threads);
  m->seconds["fuse_loops"] = since(t);
  loops.milliseconds = m->seconds["fuse_loops"] * 1e3;
  m->passes.push_back(loops);

  t = Clock::now();
  std::shared_ptr<runtime::EngineCore> baseline;
  if (given.gate || given.accept_inaccurate) {
    progress(0.1, "baseline");
    baseline =
        build_baseline(source, *weights, m->options.threads, point_of(m->input_types, m->ranges.ranges[0].opts[0]));
    settle_open_sizes(*m, *baseline);
  }
  m->seconds["baseline"] = since(t);

  t = Clock::now();
  compile::TacticCache memory("");
  compile::TacticCache* tactics = !given.tune              ? nullptr
                                  : given.use_tactic_cache ? &compile::TacticCache::standard()
                                                           : &memory;
  const auto compile_all = [&] {
    if (tactics) tactics->reset_used();
    m->nodes.clear();
    build_engine(*m, tactics, [&](double f, const std::string& what) { progress(0.15 + 0.55 * f, "compile " + what); });
    progress(0.7, "memory");
    plan_memory(*m, tactics);
    if (tactics) m->tactics = tactics->used();
  };
  compile_all();
  m->seconds["compile"] = since(t);

  if (baseline) {
    t = Clock::now();
    progress(0.78, "accuracy");
    m->gate = run_gate(*m, *baseline);
    if (!m->gate.passed && given.tactic.empty()) {
      const std::set<std::string> rounded = rounded_kernels(*m);
      if (!rounded.empty()) {
        std::string names;
        for (const std::string& k : rounded) names += (names.empty() ? "" : ", ") + k;
        const std::string was = first_fault(m->gate);
        m->options.disable_kernels.insert(rounded.begin(), rounded.end());
        compile_all();
        m->gate = run_gate(*m, *baseline);
        if (m->gate.passed)
          m->warnings.push_back(str("without ", names, ": what they round adds up to more than the tolerance here",
                                    was.empty() ? "" : ": ", was));
      }
    }
    m->seconds["accuracy"] = since(t);
    t = Clock::now();
    progress(0.9, "timing");
    time_shapes(*m, baseline);
    m->seconds["timing"] = since(t);
    if (!m->gate.passed) {
      const std::string worst = first_fault(m->gate);
      const std::string text =
          worst.empty() ? m->gate.message : str("the engine does not agree with the unfused model: ", worst);
      if (!given.accept_inaccurate)
        fail(ErrorCode::internal, "optimize: ", text,
             "\n  hint: accept_inaccurate hands the engine over all the same and records it; dump_ir and "
             "disable_passes help to find the pass");
      m->warnings.push_back(text);
    }
  }
  if (tactics) {
    try {
      tactics->flush();
    } catch (const Error& e) {
      m->warnings.push_back("the tactic cache was not written: " + e.message());
    }
  }
  // The archive's self-test: what this engine gave at its smallest sizes, so that the first load is not long.
  try {
    const ResolvedRange& r = m->ranges.ranges[0];
    const bool none = std::any_of(r.min.begin(), r.min.end(),
                                  [](const Sizes& s) { return std::find(s.begin(), s.end(), 0) != s.end(); });
    const std::vector<Tensor> in = generate_inputs(m->graph, m->ranges.open || none ? r.opts[0] : r.min, 11);
    int64_t bytes = 0;
    for (const Tensor& x : in) bytes += x.bytes();
    if (bytes <= (int64_t(16) << 20)) {
      runtime::SessionCore session(m->core);
      let_stop(session);
      std::vector<Tensor> y;
      session.run(in, y);
      for (Tensor& x : y) x = x.clone();
      m->golden.emplace_back(in, y);
    }
  } catch (const Error&) {  // sizes that the model refuses: no sample of this point
  }
  m->seconds["total"] = since(start);
  m->report = report_json(*m);
  progress(1, "done");
  return m;
}

}  // namespace neve::jit
