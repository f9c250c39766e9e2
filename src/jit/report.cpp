// The report as typed JSON: "neve.report/1".
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "base/error.h"
#include "jit/model.h"

namespace neve::jit {
using nlohmann::json;

namespace {

json sizes_json(const std::vector<runtime::Port>& ports, const std::vector<Sizes>& sizes) {
  json j = json::object();
  for (size_t i = 0; i < sizes.size() && i < ports.size(); ++i) {
    json s = json::array();
    for (int64_t n : sizes[i]) s.push_back(n >= Dim::unbounded ? json(nullptr) : json(n));
    j[ports[i].name] = std::move(s);
  }
  return j;
}

json number(double v) { return std::isfinite(v) ? json(v) : json(nullptr); }

json hardware() {
  const CpuInfo& c = cpu_info();
  return {{"cpu", c.model},   {"isa", to_string(c.isa)}, {"vnni", c.vnni},   {"bf16", c.bf16},  {"amx", c.amx},
          {"cores", c.cores}, {"l1d_bytes", c.l1d},      {"l2_bytes", c.l2}, {"l3_bytes", c.l3}};
}

json model_json(const OptimizedModel& m) {
  json j = {{"path", m.model_path}, {"format", m.model_format}, {"sha256", m.model_sha256}};
  for (bool outputs : {false, true}) {
    json ports = json::array();
    for (const PortInfo& p : ports_of(m.graph, outputs))
      ports.push_back({{"name", p.name}, {"dtype", to_string(p.dtype)}, {"shape", p.shape}});
    j[outputs ? "outputs" : "inputs"] = std::move(ports);
  }
  j["methods"] = {"forward"};
  j["nodes"] = m.graph.node_count();
  int64_t bytes = 0;
  for (const auto& [name, t] : *m.weights) bytes += t.bytes();
  j["weight_bytes"] = bytes;
  return j;
}

json options_json(const OptimizeOptions& o) {
  return {{"precision", o.precision},
          {"threads", o.threads},
          {"tune", o.tune},
          {"use_tactic_cache", o.use_tactic_cache},
          {"gate", o.gate},
          {"accept_inaccurate", o.accept_inaccurate},
          {"min_region", o.min_region},
          {"memory_budget", o.memory_budget},
          {"disable_passes", o.disable_passes},
          {"disable_ops", o.disable_ops},
          {"float_ops", o.float_ops},
          {"disable_kernels", o.disable_kernels},
          {"tactic", o.tactic},
          {"tolerance", {{"relative", o.tolerance.relative}, {"absolute", o.tolerance.absolute}}}};
}

// Where a tactic that the user forces was taken, and why it refused elsewhere.
json tactic_json(const OptimizedModel& m) {
  json taken = json::array(), refused = json::array();
  for (const compile::NodeReport& n : m.nodes) {
    json node = {{"op", n.ops}, {"name", n.name}, {"location", n.location}};
    if (n.forced == compile::Forced::taken) taken.push_back(std::move(node));
    if (n.forced != compile::Forced::refused) continue;
    node["reason"] = n.refusals.front();
    refused.push_back(std::move(node));
  }
  return {{"name", m.options.tactic}, {"taken", std::move(taken)}, {"refused", std::move(refused)}};
}

json partition_json(const OptimizedModel& m) {
  json nodes = json::array(), fallbacks = json::array();
  size_t compiled = 0, all = 0;
  for (const compile::NodeReport& n : m.nodes) {
    json tactics = json::array();
    for (const auto& t : n.tactics) tactics.push_back({{"kernel", t.kernel}, {"ms", number(t.milliseconds)}});
    nodes.push_back({{"name", n.name},
                     {"ops", n.ops},
                     {"kernel", n.kernel},
                     {"description", n.description},
                     {"location", n.location},
                     {"refusals", n.refusals},
                     {"tactics", std::move(tactics)}});
    if (n.kernel == "reorder") continue;
    ++all;
    if (!n.fallback) {
      ++compiled;
      continue;
    }
    std::string why;
    for (const std::string& r : n.refusals) why += str(why.empty() ? "" : "; ", r);
    fallbacks.push_back({{"op", n.ops},
                         {"name", n.name},
                         {"location", n.location},
                         {"reason", why.empty() ? "sizes that are known only when it has run" : why}});
  }
  json j = {{"instructions", all},
            {"compiled", compiled},
            {"share_compiled", all ? double(compiled) / double(all) : 1.0},
            {"fallbacks", std::move(fallbacks)},
            {"nodes", std::move(nodes)}};
  if (!m.options.tactic.empty()) j["tactic"] = tactic_json(m);
  return j;
}

json accuracy_json(const OptimizedModel& m) {
  json outputs = json::array();
  for (const OutputVerdict& v : m.gate.outputs)
    outputs.push_back({{"output", v.output},
                       {"source", v.source},
                       {"sizes", sizes_json(m.core->inputs, v.sizes)},
                       {"metric", "max_abs_difference"},
                       {"value", number(v.max_difference)},
                       {"threshold", number(v.allowed)},
                       {"max_abs_value", number(v.max_value)},
                       {"worst_index", v.worst_index},
                       {"expected", number(v.expected)},
                       {"got", number(v.got)},
                       {"elements", v.elements},
                       {"verdict", v.ok ? "pass" : "fail"}});
  return {{"ran", m.gate.ran},
          {"verdict", !m.gate.ran     ? "not run"
                      : m.gate.passed ? "pass"
                                      : "fail"},
          {"message", m.gate.message},
          {"baseline", "the same model unfused, op by op on library kernels"},
          {"outputs", std::move(outputs)}};
}

}  // namespace

std::string report_json(const OptimizedModel& m) {
  json passes = json::array();
  for (const passes::PassResult& p : m.passes)
    passes.push_back({{"name", p.name},
                      {"status", p.skipped ? "skipped"
                                 : p.count ? "effective"
                                           : "neutral"},
                      {"reason", p.skipped ? "disabled by the user"
                                 : p.count ? ""
                                           : "nothing in this model suits it"},
                      {"count", p.count},
                      {"build_ms", p.milliseconds}});
  if (m.prepared_nodes)
    passes.push_back({{"name", "prepare"},
                      {"status", "effective"},
                      {"reason", "arithmetic on weights alone, done once"},
                      {"count", m.prepared_nodes},
                      {"build_ms", m.seconds.count("prepare") ? m.seconds.at("prepare") * 1e3 : 0}});
  json ranges = json::array();
  for (const ResolvedRange& r : m.ranges.ranges) {
    json opts = json::array();
    for (const auto& o : r.opts) opts.push_back(sizes_json(m.core->inputs, o));
    ranges.push_back({{"min", sizes_json(m.core->inputs, r.min)},
                      {"max", sizes_json(m.core->inputs, r.max)},
                      {"opts", std::move(opts)}});
  }
  json runs = json::array(), arenas = json::array();
  for (const ShapeTiming& t : m.timings) {
    runs.push_back({{"sizes", sizes_json(m.core->inputs, t.sizes)},
                    {"n", t.n},
                    {"p50_ms", t.p50},
                    {"p90_ms", t.p90},
                    {"p99_ms", t.p99},
                    {"baseline_p50_ms", t.baseline_p50},
                    {"baseline_p90_ms", t.baseline_p90},
                    {"baseline_p99_ms", t.baseline_p99},
                    {"speedup", t.p50 > 0 ? t.baseline_p50 / t.p50 : 0}});
    arenas.push_back({{"sizes", sizes_json(m.core->inputs, t.sizes)}, {"arena_bytes", t.arena_bytes}});
  }
  json planned = json::array();
  for (const auto& r : m.memory)
    planned.push_back({{"max", sizes_json(m.core->inputs, r.max)}, {"arena_bytes", r.arena_bytes}});
  json constraints = json::array();
  for (const Constraint& c : m.graph.constraints)
    constraints.push_back({{"relation", to_string(c)}, {"reason", c.reason}});
  const json j = {
      {"schema", "neve.report/1"},
      {"software", {{"neve", version()}, {"onednn", "3.2"}, {"llvm", "19"}}},
      {"hardware", hardware()},
      {"model", model_json(m)},
      {"options", options_json(m.options)},
      {"ranges",
       {{"open", m.ranges.open},
        {"widened", m.ranges.widened},
        {"ranges", std::move(ranges)},
        {"constraints", std::move(constraints)}}},
      {"optimizations", std::move(passes)},
      {"partition", partition_json(m)},
      {"accuracy", accuracy_json(m)},
      {"memory",
       {{"packed_weight_bytes", m.core->weights->packed_bytes()},
        {"planned", std::move(planned)},
        {"arenas", std::move(arenas)}}},
      {"build", {{"seconds", m.seconds}, {"tactics_timed", m.tactics_timed}, {"tactics_cached", m.tactics_cached}}},
      {"runs", std::move(runs)},
      {"warnings", m.warnings},
  };
  return j.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace neve::jit
