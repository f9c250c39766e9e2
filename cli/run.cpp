// neve run, neve bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "cli.h"
#include "peer.h"
#include "profile.h"

namespace neve::cli {
namespace {
using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

struct RunOptions : ModelOptions {
  std::string method = "forward", output, trace, tactic;
  std::vector<std::string> inputs;
  int threads = 0;
};

void make_folder(const std::string& path) {
  std::error_code e;
  std::filesystem::create_directories(path, e);
  if (e || !std::filesystem::is_directory(path, e))
    fail(ErrorCode::io, "run: --output-dir '", path, "': ", e ? e.message() : "is no folder");
}

void run(const RunOptions& o) {
  if (!o.output.empty()) make_folder(o.output);
  if (!o.trace.empty()) AtomicFile probe(o.trace);
  const Model model = load_model(o);
  if (o.method != "forward")
    fail(ErrorCode::not_found, "run: the model has no method '", o.method, "' (it has: forward)");
  NamedTensors given;
  for (const std::string& s : o.inputs) {
    const auto [name, path] = split_pair(s, "--input");
    given[name] = read_npy(path);
  }
  std::vector<Tensor> in;
  for (const PortInfo& p : model.inputs()) {
    const auto it = given.find(p.name);
    if (it == given.end()) {
      std::string names;
      for (const PortInfo& q : model.inputs()) names += str(names.empty() ? "" : ", ", "'", q.name, "'");
      fail(ErrorCode::not_found, "run: --input ", p.name, "=FILE.npy is missing (the model's inputs: ", names, ")");
    }
    in.push_back(it->second);
    given.erase(it);
  }
  if (!given.empty()) fail(ErrorCode::not_found, "run: '", given.begin()->first, "' is not an input of the model");
  std::optional<Engine> engine;
  if (model.has_engine()) {
    engine = engine_for(model, 0, {}, true, o.tactic);
  } else {
    // One engine for just these sizes; the gate would take longer than the run.
    Range r;
    for (size_t i = 0; i < in.size(); ++i)
      r.min[model.inputs()[i].name] = r.max[model.inputs()[i].name] = in[i].shape();
    OptimizeOptions x;
    x.ranges = {r};
    x.gate = false;
    x.tune = false;
    x.tactic = o.tactic;
    x.threads = o.threads;
    x.progress = progress_bar(false);
    engine = optimize(model, x);
    std::fprintf(stderr, "%s", tactic_text(*engine).c_str());
  }
  Session session = engine->session();
  const std::vector<Tensor> out = session.run(in);
  if (!o.trace.empty()) write_file(o.trace, session.trace(in));
  for (size_t k = 0; k < out.size(); ++k) {
    std::string name = model.outputs()[k].name;
    if (o.output.empty()) {
      std::printf("%s: %s\n%s\n", name.c_str(), type_text(out[k]).c_str(), to_string(out[k]).c_str());
      continue;
    }
    std::replace(name.begin(), name.end(), '/', '_');
    write_npy(o.output + "/" + name + ".npy", out[k]);
  }
}

struct BenchOptions : ModelOptions {
  std::string compare, json, python, peer_model, trace, tactic;
  std::vector<std::string> shapes;
  int threads = 0;
  double seconds = 2;
  bool profile = false, tactics = false, measure = false;
};

// Range over the points, with a kernel choice at each.
Range range_over(const std::vector<PortInfo>& inputs, const std::vector<std::vector<Sizes>>& points) {
  Range r;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = inputs[i].name;
    r.min[name] = r.max[name] = points[0][i];
    for (const auto& p : points)
      for (size_t a = 0; a < p[i].size(); ++a) {
        r.min[name][a] = std::min(r.min[name][a], p[i][a]);
        r.max[name][a] = std::max(r.max[name][a], p[i][a]);
      }
  }
  for (const auto& p : points) {
    NamedSizes opt;
    for (size_t i = 0; i < p.size(); ++i) opt[inputs[i].name] = p[i];
    r.opts.push_back(opt);
  }
  return r;
}

struct Times {
  double first = 0;
  std::vector<double> ms;
  double at(double q) const { return ms[std::min(ms.size() - 1, size_t(q * double(ms.size())))]; }
  nlohmann::json json() const {
    return {{"n", ms.size()},       {"first_ms", first}, {"min_ms", ms[0]},
            {"median_ms", at(0.5)}, {"p90_ms", at(0.9)}, {"p99_ms", at(0.99)}};
  }
  void print(const std::string& what) const {
    std::printf("%-40s %6zu %10.3f %10.3f %10.3f %10.3f %10.3f\n", what.c_str(), ms.size(), first, ms[0], at(0.5),
                at(0.9), at(0.99));
  }
};

// Runs for a while, at least a few times.
void time_runs(Session& session, const std::vector<Tensor>& in, double seconds, Times& t) {
  std::vector<Tensor> out;
  auto start = Clock::now();
  session.run(in, out);
  if (t.ms.empty()) t.first = ms_since(start);
  for (int i = 0; i < 2; ++i) session.run(in, out);
  const auto begin = Clock::now();
  for (int n = 0; n < 5 || (ms_since(begin) < seconds * 1e3 && n < 100000); ++n) {
    start = Clock::now();
    check_interrupt();
    session.run(in, out);
    t.ms.push_back(ms_since(start));
  }
}

std::unique_ptr<Peer> make_peer(const BenchOptions& o, const Model& model, int threads) {
  if (o.compare.empty()) return nullptr;
  if (o.compare != "onnxruntime")
    fail(ErrorCode::invalid_argument, "bench: --compare ", o.compare, " is not known (onnxruntime is)");
  const std::string file = !o.peer_model.empty() ? o.peer_model : o.model;
  if (o.peer_model.empty() && model.has_engine())
    fail(ErrorCode::invalid_argument, "bench: --compare needs the model that the archive '", o.model,
         "' was made from (--peer-model MODEL.onnx)");
  return std::make_unique<Peer>(o.python, file, threads);
}

// What --profile, --tactics and --trace ask for beside the times; their figures go into `run`.
void look_inside(const BenchOptions& o, Session& session, const std::vector<Tensor>& in, double median, int threads,
                 nlohmann::json& run) {
  if (o.profile || o.tactics) {
    const std::vector<Session::Timing> timings = session.profile(in, 10);
    if (o.profile) print_profile(timings, machine_peak(threads), median);
    if (o.tactics) print_tactics(timings);
    run["profile"] = nlohmann::json::parse(to_json(timings));
  }
  if (!o.trace.empty()) write_file(o.trace, session.trace(in, 3));
}

void bench(const BenchOptions& o) {
  if (!o.json.empty()) AtomicFile probe(o.json);
  if (!o.trace.empty()) AtomicFile probe(o.trace);
  if (!o.trace.empty() && o.shapes.size() > 1)
    fail(ErrorCode::invalid_argument, "bench: --trace with ", o.shapes.size(), " --shape (a trace is of one)");
  const Model model = load_model(o);
  std::vector<NamedSizes> shapes;
  for (const std::string& s : o.shapes) shapes.push_back(parse_shape(s));
  if (shapes.empty()) shapes.push_back({});
  std::vector<std::vector<Sizes>> points;
  for (const NamedSizes& s : shapes) points.push_back(sizes_for(model.inputs(), s));
  const int threads = model.has_engine() ? model.engine().threads() : o.threads > 0 ? o.threads : available_threads();
  if (model.has_engine() && o.threads > 0 && o.threads != threads)
    fail(ErrorCode::unsupported, "bench: --threads ", o.threads, " for an archive, which runs with ", threads,
         " here (bench the model it was made from, or limit the threads of the process: taskset)");
  if (o.measure) machine_peak(threads, true);
  const std::unique_ptr<Peer> peer = make_peer(o, model, threads);
  const Engine engine = engine_for(model, threads, {range_over(model.inputs(), points)}, false, o.tactic);
  std::printf("%s", tactic_text(engine).c_str());
  Session session = engine.session();
  nlohmann::json runs = nlohmann::json::array();
  std::printf("%-40s %6s %10s %10s %10s %10s %10s\n", "shape", "n", "first ms", "min", "median", "p90", "p99");
  for (const auto& sizes : points) {
    const std::vector<Tensor> in = random_inputs(engine.inputs(), sizes);
    Times own, other;
    if (peer) peer->set_inputs(engine.inputs(), in);
    const int slices = peer ? 4 : 1;  // in turn: while one process runs, the other waits for it
    for (int k = 0; k < slices; ++k) {
      time_runs(session, in, o.seconds / slices, own);
      if (peer) peer->time_runs(o.seconds / slices, other.first, other.ms);
    }
    std::sort(own.ms.begin(), own.ms.end());
    nlohmann::json shape = nlohmann::json::object();
    std::string text;
    for (size_t i = 0; i < sizes.size(); ++i) {
      shape[engine.inputs()[i].name] = sizes[i];
      text += str(i ? ";" : "", engine.inputs()[i].name, "=", sizes_text(sizes[i]));
    }
    own.print(text);
    nlohmann::json run = own.json();
    run["shape"] = shape;
    if (peer) {
      std::sort(other.ms.begin(), other.ms.end());
      other.print("  " + peer->name());
      std::printf("  Neve is %.2f times as fast\n", other.at(0.5) / own.at(0.5));
      run["peer"] = other.json();
      run["peer"]["name"] = peer->name();
      run["ratio"] = other.at(0.5) / own.at(0.5);
    }
    look_inside(o, session, in, own.at(0.5), threads, run);
    runs.push_back(std::move(run));
  }
  if (!o.json.empty()) {
    const CpuInfo& c = cpu_info();
    nlohmann::json j = {{"runs", runs},
                        {"machine",
                         {{"cpu", c.model},
                          {"isa", to_string(c.isa)},
                          {"cores", c.cores},
                          {"threads", engine.threads()},
                          {"neve", version()}}}};
    if (o.profile || o.tactics) j["machine"]["peak"] = nlohmann::json::parse(to_json(machine_peak(threads)));
    write_file(o.json, j.dump(1));
  }
}

}  // namespace

void add_run(CLI::App& app, int&) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* c = app.add_subcommand("run", "Run a model or an archive on .npy files");
  add_model(*c, *o);
  c->add_option("--input", o->inputs, "NAME=FILE.npy; the name ends at the last '='")->allow_extra_args(false);
  c->add_option("--method", o->method, "Method to call");
  c->add_option("--output-dir", o->output, "Write each output as NAME.npy (with / as _); else they are printed");
  c->add_option("--trace", o->trace, "Write what every thread does in one more run, for Perfetto (JSON)");
  c->add_option("--threads", o->threads, "Threads (0: affinity and quota)")->check(at_least(0));
  add_tactic(*c, o->tactic);
  c->callback([o] { run(*o); });
}

void add_bench(CLI::App& app, int&) {
  auto o = std::make_shared<BenchOptions>();
  CLI::App* c = app.add_subcommand("bench", "Time a model or an archive");
  add_model(*c, *o);
  c->add_option("--shape", o->shapes, "NAME=1x3x224x224[;NAME=...]: one flag is one measurement")
      ->allow_extra_args(false);
  c->add_option("--compare", o->compare, "onnxruntime: time it too, in a process of its own, in turn with Neve");
  c->add_option("--python", o->python,
                "The Python that has the peer (default: $NEVE_PEERS_PYTHON, else python3 in PATH)");
  c->add_option("--peer-model", o->peer_model, "For an archive: the .onnx file that the peer runs");
  c->add_option("--json", o->json, "Write the figures as JSON");
  c->add_option("--seconds", o->seconds, "Time for each shape")->check(at_least(0.001, true));
  c->add_option("--threads", o->threads, "Threads (0: affinity and quota)")->check(at_least(0));
  c->add_flag("--profile", o->profile,
              "Time of every instruction, its rate, its share of what this machine can reach, its kernel and by what "
              "margin it was chosen");
  add_tactic(*c, o->tactic);
  c->add_flag("--tactics", o->tactics, "All kernels that were tried for every instruction, with times and refusals");
  c->add_option("--trace", o->trace, "Write what every thread does in three runs, for Perfetto (JSON)");
  c->add_flag("--measure-machine", o->measure, "Measure the machine's peak anew instead of taking it from the cache");
  c->callback([o] { bench(*o); });
}

}  // namespace neve::cli
