// neve run, neve bench
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {
using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point t) { return std::chrono::duration<double, std::milli>(Clock::now() - t).count(); }

struct RunOptions {
  std::string model, method = "forward", output;
  std::vector<std::string> inputs;
  int threads = 0;
};

void run(const RunOptions& o) {
  const Model model = load(o.model);
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
  std::vector<Tensor> out;
  if (model.has_engine()) {
    out = model.engine().session().run(in);
  } else {
    // One engine for just these sizes; the gate would take longer than the run.
    Range r;
    for (size_t i = 0; i < in.size(); ++i)
      r.min[model.inputs()[i].name] = r.max[model.inputs()[i].name] = in[i].shape();
    OptimizeOptions x;
    x.ranges = {r};
    x.gate = false;
    x.tune = false;
    x.threads = o.threads;
    x.progress = progress_bar(false);
    out = optimize(model, x).session().run(in);
  }
  for (size_t k = 0; k < out.size(); ++k) {
    std::string name = model.outputs()[k].name;
    if (o.output.empty()) {
      std::printf("%s: %s\n%s\n", name.c_str(), type_text(out[k]).c_str(), to_string(out[k]).c_str());
      continue;
    }
    std::replace(name.begin(), name.end(), '/', '_');
    std::filesystem::create_directories(o.output);
    write_npy(o.output + "/" + name + ".npy", out[k]);
  }
}

struct BenchOptions {
  std::string model, compare, json;
  std::vector<std::string> shapes;
  int threads = 0;
  double seconds = 2;
  bool profile = false;
};

// x=1x3x224x224;mask=1x16: one flag is one measurement.
NamedSizes parse_shape(const std::string& text) {
  NamedSizes out;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(';', at), text.size());
    const auto [name, sizes] = split_pair(text.substr(at, end - at), "--shape");
    out[name] = parse_sizes(sizes);
    at = end + 1;
  }
  return out;
}

void print_profile(Session& session, const std::vector<Tensor>& in, double median) {
  auto timings = session.profile(in, 10);
  double total = 0;
  for (const auto& t : timings) total += t.milliseconds;
  std::sort(timings.begin(), timings.end(),
            [](const auto& a, const auto& b) { return a.milliseconds > b.milliseconds; });
  std::printf("  %8s %6s  %-34s %-44s %s\n", "ms", "share", "kernel", "ops", "node");
  double library = 0;
  std::map<std::string, std::pair<double, int>> by_op;
  for (const auto& t : timings) {
    const std::string first = t.ops.substr(0, t.ops.find('+'));
    auto& sum = by_op[first == "conv" || first == "matmul" || first == "conv_transpose" ? first : "other: " + first];
    sum.first += t.milliseconds;
    ++sum.second;
    if (first == "conv" || first == "matmul" || first == "conv_transpose") library += t.milliseconds;
  }
  for (size_t i = 0; i < timings.size(); ++i) {
    const auto& t = timings[i];
    std::printf("  %8.4f %5.1f%%  %-34.34s %-44.44s %s\n", t.milliseconds, 100 * t.milliseconds / total,
                t.kernel.c_str(), t.ops.c_str(), t.name.c_str());
  }
  std::printf("  by op:\n");
  for (const auto& [op, sum] : by_op)
    std::printf("  %8.4f %5.1f%%  %s (%d)\n", sum.first, 100 * sum.first / total, op.c_str(), sum.second);
  std::printf(
      "  outside convolution and matmul: %.1f%%; sum of instructions %.3f ms, median of the whole call %.3f ms\n",
      100 * (total - library) / total, total, median);
}

void bench(const BenchOptions& o) {
  if (!o.compare.empty() && o.compare != "onnxruntime")
    fail(ErrorCode::invalid_argument, "bench: --compare ", o.compare, " is not known (onnxruntime is)");
  if (!o.compare.empty())
    fail(ErrorCode::unsupported,
         "bench: --compare onnxruntime needs Python and its package: use ./dev bench --peers, which alternates "
         "processes");
  const Model model = load(o.model);
  std::vector<NamedSizes> shapes;
  for (const std::string& s : o.shapes) shapes.push_back(parse_shape(s));
  if (shapes.empty()) shapes.push_back({});
  std::vector<std::vector<Sizes>> points;
  for (const NamedSizes& s : shapes) points.push_back(sizes_for(model.inputs(), s));
  std::vector<Range> ranges;
  if (!model.has_engine()) {
    Range r;
    for (size_t i = 0; i < model.inputs().size(); ++i) {
      const std::string& name = model.inputs()[i].name;
      r.min[name] = r.max[name] = points[0][i];
      for (const auto& p : points)
        for (size_t a = 0; a < p[i].size(); ++a) {
          r.min[name][a] = std::min(r.min[name][a], p[i][a]);
          r.max[name][a] = std::max(r.max[name][a], p[i][a]);
        }
    }
    for (const auto& p : points) {
      NamedSizes opt;
      for (size_t i = 0; i < p.size(); ++i) opt[model.inputs()[i].name] = p[i];
      r.opts.push_back(opt);
    }
    ranges.push_back(r);
  }
  const Engine engine = engine_for(model, o.threads, ranges, false);
  Session session = engine.session();
  nlohmann::json runs = nlohmann::json::array();
  std::printf("%-40s %6s %10s %10s %10s %10s %10s\n", "shape", "n", "first ms", "min", "median", "p90", "p99");
  for (const auto& sizes : points) {
    const std::vector<Tensor> in = random_inputs(engine.inputs(), sizes);
    std::vector<Tensor> out;
    auto start = Clock::now();
    session.run(in, out);
    const double first = ms_since(start);
    for (int i = 0; i < 2; ++i) session.run(in, out);
    std::vector<double> times;
    const auto begin = Clock::now();
    while (times.size() < 5 || (ms_since(begin) < o.seconds * 1e3 && times.size() < 100000)) {
      start = Clock::now();
      session.run(in, out);
      times.push_back(ms_since(start));
    }
    std::sort(times.begin(), times.end());
    auto at = [&](double q) { return times[std::min(times.size() - 1, size_t(q * double(times.size())))]; };
    nlohmann::json shape = nlohmann::json::object();
    std::string text;
    for (size_t i = 0; i < sizes.size(); ++i) {
      shape[engine.inputs()[i].name] = sizes[i];
      text += str(i ? ";" : "", engine.inputs()[i].name, "=", sizes_text(sizes[i]));
    }
    std::printf("%-40s %6zu %10.3f %10.3f %10.3f %10.3f %10.3f\n", text.c_str(), times.size(), first, times[0], at(0.5),
                at(0.9), at(0.99));
    runs.push_back({{"shape", shape},
                    {"n", times.size()},
                    {"first_ms", first},
                    {"min_ms", times[0]},
                    {"median_ms", at(0.5)},
                    {"p90_ms", at(0.9)},
                    {"p99_ms", at(0.99)}});
    if (o.profile) print_profile(session, in, at(0.5));
  }
  if (!o.json.empty()) {
    const CpuInfo& c = cpu_info();
    const nlohmann::json j = {{"runs", runs},
                              {"machine",
                               {{"cpu", c.model},
                                {"isa", to_string(c.isa)},
                                {"cores", c.cores},
                                {"threads", engine.threads()},
                                {"neve", version()}}}};
    write_file(o.json, j.dump(1));
  }
}

}  // namespace

void add_run(CLI::App& app, int&) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* c = app.add_subcommand("run", "Run a model or an archive on .npy files");
  c->add_option("model", o->model, "The model (.onnx) or archive (.neve)")->required();
  c->add_option("--input", o->inputs, "NAME=FILE.npy; the name ends at the last '='")->allow_extra_args(false);
  c->add_option("--method", o->method, "Method to call");
  c->add_option("--output-dir", o->output, "Write each output as NAME.npy (with / as _); else they are printed");
  c->add_option("--threads", o->threads, "Threads (0: affinity and quota)")->check(CLI::NonNegativeNumber);
  c->callback([o] { run(*o); });
}

void add_bench(CLI::App& app, int&) {
  auto o = std::make_shared<BenchOptions>();
  CLI::App* c = app.add_subcommand("bench", "Time a model or an archive");
  c->add_option("model", o->model, "The model (.onnx) or archive (.neve)")->required();
  c->add_option("--shape", o->shapes, "NAME=1x3x224x224[;NAME=...]: one flag is one measurement")
      ->allow_extra_args(false);
  c->add_option("--compare", o->compare, "onnxruntime");
  c->add_option("--json", o->json, "Write the figures as JSON");
  c->add_option("--seconds", o->seconds, "Time for each shape")->check(CLI::PositiveNumber);
  c->add_option("--threads", o->threads, "Threads (0: affinity and quota)")->check(CLI::NonNegativeNumber);
  c->add_flag("--profile", o->profile, "Time of every instruction");
  c->callback([o] { bench(*o); });
}

}  // namespace neve::cli
