// neve optimize
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {

struct Options : CommonOptions, ModelOptions {
  std::string output, precision = "fp32", test_data, calib_data, report, html, dump_ir;
  std::vector<std::string> float_ops;
  std::vector<double> tolerance;
  int64_t memory_budget = 0;
  bool no_tune = false, no_cache = false, no_gate = false, accept = false, quiet = false;
};

void run(const Options& o) {
  OptimizeOptions x;
  apply(o, x);
  x.precision = o.precision;
  if (!o.test_data.empty()) x.test_data = read_samples(o.test_data);
  if (!o.calib_data.empty()) x.calib_data = read_samples(o.calib_data);
  x.float_ops.insert(o.float_ops.begin(), o.float_ops.end());
  x.memory_budget = o.memory_budget;
  x.tune = !o.no_tune;
  x.use_tactic_cache = !o.no_cache;
  x.gate = !o.no_gate;
  x.accept_inaccurate = o.accept;
  x.dump_ir = o.dump_ir;
  if (!o.tolerance.empty()) x.tolerance.relative = o.tolerance[0];
  if (o.tolerance.size() > 1) x.tolerance.absolute = o.tolerance[1];
  x.progress = progress_bar(o.quiet);
  // An output that cannot be written is found before the work, not after it.
  for (const std::string& path : {o.output, o.report, o.html})
    if (!path.empty()) AtomicFile probe(path);
  const Model model = load_model(o);
  for (const std::string& w : model.warnings()) std::fprintf(stderr, "neve: warning: %s\n", w.c_str());
  const Engine e = optimize(model, x);
  const std::string report = e.report_json();
  if (!o.output.empty()) e.save(o.output);
  if (!o.report.empty()) write_file(o.report, report);
  if (!o.html.empty()) write_file(o.html, e.report_html());
  if (o.quiet) return;
  const auto j = nlohmann::json::parse(report);
  std::printf("%s: %d instructions, %.0f %% compiled, accuracy %s, %.1f s\n", o.model.c_str(),
              int(j["partition"]["instructions"]), 100 * double(j["partition"]["share_compiled"]),
              j["accuracy"]["verdict"].get<std::string>().c_str(), double(j["build"]["seconds"]["total"]));
  for (const auto& r : j["memory"]["planned"])
    std::printf("  memory at %s: %.1f MB arena a session, %.1f MB packed weights shared\n", r["max"].dump().c_str(),
                double(r["arena_bytes"]) / 1e6, double(j["memory"]["packed_weight_bytes"]) / 1e6);
  for (const auto& f : j["partition"]["fallbacks"])
    std::printf("  reference: %s %s (%s)\n", f["op"].get<std::string>().c_str(), f["name"].get<std::string>().c_str(),
                f["reason"].get<std::string>().c_str());
  std::printf("%s", tactic_text(e).c_str());
  for (const auto& r : j["runs"])
    std::printf("  %-40s %9.3f ms, unfused %9.3f ms, %.2fx\n", r["sizes"].dump().c_str(), double(r["p50_ms"]),
                double(r["baseline_p50_ms"]), double(r["speedup"]));
  for (const auto& w : j["warnings"]) std::fprintf(stderr, "neve: warning: %s\n", w.get<std::string>().c_str());
  if (!o.output.empty()) std::printf("  written: %s\n", o.output.c_str());
}

}  // namespace

void add_common(CLI::App& c, CommonOptions& o) {
  c.add_option("--range", o.ranges,
               "NAME=MIN..MAX or NAME=MIN..OPT[,OPT...]..MAX, inputs apart by ';'; one flag is one range")
      ->allow_extra_args(false);
  c.add_option("--disable-pass", o.passes, "A pass to leave out")->allow_extra_args(false);
  c.add_option("--disable-op", o.ops, "An op that the reference shall run")->allow_extra_args(false);
  c.add_option("--disable-kernel", o.kernels, "A kernel (onednn.conv) or family (onednn, loop) to leave out")
      ->allow_extra_args(false);
  add_tactic(c, o.tactic);
  c.add_option("--min-region", o.min_region, "Fused loops of fewer ops stay single")->check(at_least(1));
  c.add_option("--threads", o.threads, "Threads (0: affinity and quota)")->check(at_least(0));
}

void apply(const CommonOptions& o, OptimizeOptions& x) {
  for (const std::string& r : o.ranges) x.ranges.push_back(parse_range(r));
  x.disable_passes.insert(o.passes.begin(), o.passes.end());
  x.disable_ops.insert(o.ops.begin(), o.ops.end());
  x.disable_kernels.insert(o.kernels.begin(), o.kernels.end());
  x.tactic = o.tactic;
  x.min_region = o.min_region;
  x.threads = o.threads;
}

void add_optimize(CLI::App& app, int&) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand("optimize", "Make a checked, fast engine and write it as one archive");
  add_model(*c, *o, "The model: .onnx");
  c->add_option("-o,--output", o->output, "The archive to write: .neve");
  add_common(*c, *o);
  c->add_option("--precision", o->precision, "fp32, bf16, fp16, int8 or auto")
      ->check(CLI::IsMember({"fp32", "bf16", "fp16", "int8", "auto"}));
  c->add_option("--float-op", o->float_ops, "An op that stays in f32")->allow_extra_args(false);
  c->add_option("--test-data", o->test_data, "Folder or .npz of inputs that the gate runs too");
  c->add_option("--calib-data", o->calib_data, "Folder or .npz of inputs for int8");
  c->add_option("--tolerance", o->tolerance, "RELATIVE [ABSOLUTE] difference that the gate allows")
      ->expected(1, 2)
      ->check(at_least(0, true));
  c->add_option("--memory-budget", o->memory_budget, "Bytes for packed weights and arena")->check(at_least(0));
  c->add_option("--report", o->report, "Write the report as JSON");
  c->add_option("--html", o->html, "Write the report as a page");
  c->add_option("--dump-ir", o->dump_ir, "Folder for the graph's text after each pass");
  c->add_flag("--no-tune", o->no_tune, "Take the first kernel that accepts, time nothing");
  c->add_flag("--no-tactic-cache", o->no_cache, "Time every kernel anew");
  c->add_flag("--no-gate", o->no_gate, "Do not check accuracy");
  c->add_flag("--accept-inaccurate", o->accept, "Write the archive even if the accuracy check fails; recorded in it");
  c->add_flag("-q,--quiet", o->quiet, "Print errors and warnings only");
  c->callback([o] { run(*o); });
}

}  // namespace neve::cli
