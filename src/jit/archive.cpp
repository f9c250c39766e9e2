// The .neve archive: manifest, text IR, weights, golden samples, choices; checked on every load.
#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>

#include "base/cache_trace.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread_limit.h"
#include "base/threads.h"
#include "core/safetensors.h"
#include "ir/text.h"
#include "jit/manifest.h"
#include "jit/model.h"
#include "jit/verified.h"
#include "jit/zip.h"
#include "op/registry.h"

namespace neve::jit {
using nlohmann::json;

namespace {

constexpr int format_version = 1;

json ranges_to_json(const ResolvedRanges& r) {
  json list = json::array();
  for (const ResolvedRange& x : r.ranges) list.push_back({{"min", x.min}, {"max", x.max}, {"opts", x.opts}});
  return {{"open", r.open}, {"widened", r.widened}, {"ranges", std::move(list)}};
}

std::vector<Sizes> sizes_from(const json& j, const ir::Graph& g) {
  std::vector<Sizes> s = j.get<std::vector<Sizes>>();
  if (s.size() != g.inputs().size())
    fail(ErrorCode::corrupt_file, "load: a range has ", s.size(), " inputs for ", g.inputs().size());
  for (size_t i = 0; i < s.size(); ++i)
    if (int64_t(s[i].size()) != g.rank(g.inputs()[i]))
      fail(ErrorCode::corrupt_file, "load: a range has another rank than input ", i);
  return s;
}

ResolvedRanges ranges_from_json(const json& j, const ir::Graph& g) {
  ResolvedRanges r;
  r.open = j.at("open");
  r.widened = j.at("widened").get<std::vector<std::string>>();
  for (const json& x : j.at("ranges")) {
    ResolvedRange range;
    range.min = sizes_from(x.at("min"), g);
    range.max = sizes_from(x.at("max"), g);
    for (const json& o : x.at("opts")) range.opts.push_back(sizes_from(o, g));
    if (range.opts.empty() || range.opts.size() > 64)
      fail(ErrorCode::corrupt_file, "load: a range has ", range.opts.size(), " opts");
    r.ranges.push_back(std::move(range));
  }
  if (r.ranges.empty() || r.ranges.size() > 64) fail(ErrorCode::corrupt_file, "load: ", r.ranges.size(), " ranges");
  return r;
}

std::string digest_text(std::string_view s) { return sha256_hex(s); }
std::string_view text_of(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

}  // namespace

// The machine remembers which archives passed the whole check: a file named by the digest of these parts, which it
// holds.
KeyParts verified_parts(const std::string& manifest_digest) {
  return {{"archive", manifest_digest},
          {"CPU", cpu_info().model},
          {"instruction set", to_string(cpu_info().isa)},
          {"Neve", version()}};
}

static std::string verified_folder() {
  const std::string folder = cache_directory();
  return folder.empty() ? "" : folder + "/verified";
}

bool is_verified(const KeyParts& parts) {
  const std::string folder = verified_folder();
  const std::string own = sha256_hex(key_text(parts)).substr(0, 32);
  std::error_code error;
  const bool found = !folder.empty() && std::filesystem::exists(folder + "/" + own, error);
  if (CacheTrace* trace = CacheTrace::current()) {
    CacheLookup lookup{"self-test", parts, {}, found};
    if (!found && !folder.empty())
      for (const auto& e : std::filesystem::directory_iterator(folder, error)) {
        KeyParts other = parse_key(read_file(e.path().string()));
        if (!other.empty() && other[0] == parts[0]) lookup.nearest = std::move(other);
      }
    trace->note(std::move(lookup));
  }
  return found;
}

void remember_verified(const KeyParts& parts) {
  const std::string folder = verified_folder();
  if (folder.empty() || CacheTrace::current()) return;
  try {
    std::filesystem::create_directories(folder);
    write_file(folder + "/" + sha256_hex(key_text(parts)).substr(0, 32), key_text(parts));
  } catch (const std::exception&) {  // only a convenience
  }
}

bool is_archive(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto b = file->bytes();
  constexpr unsigned char magic[4] = {'P', 'K', 3, 4};
  if (b.size() < 4 || std::memcmp(b.data(), magic, 4) != 0) return false;
  return text_of(b.subspan(0, std::min<size_t>(b.size(), 256))).find("manifest.json") != std::string_view::npos ||
         path.ends_with(".neve");
}

void save_archive(const OptimizedModel& m, const std::string& path) {
  AtomicFile file(path);
  const std::string graph = ir::print(m.graph, "forward");
  const std::string weights = write_safetensors(*m.weights, 64);
  json plan = {{"isa", to_string(cpu_info().isa)},
               {"cpu", cpu_info().model},
               {"machine", compile::machine_text(cpu_info().isa)},
               {"threads", m.options.threads},
               {"ranges", ranges_to_json(m.ranges)},
               {"tactics", m.tactics}};
  const std::string plan_text = plan.dump();
  std::map<std::string, Tensor, std::less<>> golden;
  for (size_t k = 0; k < m.golden.size(); ++k) {
    for (size_t i = 0; i < m.golden[k].first.size(); ++i) golden[str(k, ".in.", i)] = m.golden[k].first[i];
    for (size_t i = 0; i < m.golden[k].second.size(); ++i) golden[str(k, ".out.", i)] = m.golden[k].second[i];
  }
  const std::string golden_bytes = write_safetensors(golden, 64);
  json versions = json::object();
  for (const OpDef* op : all_ops())
    if (op->info.version != 1) versions[std::string(op->info.name)] = op->info.version;
  const std::string plan_name = str("plans/", to_string(cpu_info().isa), ".plan");
  json members = {{"graphs/forward.nir", digest_text(graph)},
                  {"weights.safetensors", digest_text(weights)},
                  {"golden/samples.safetensors", digest_text(golden_bytes)},
                  {plan_name, digest_text(plan_text)},
                  {"report.json", digest_text(m.report)}};
  json manifest = {
      {"format", "neve"},
      {"format_version", format_version},
      {"neve", version()},
      {"op_versions", versions},
      {"methods", {"forward"}},
      {"sha256", members},
      {"golden", m.golden.size()},
      {"source",
       {{"path", std::filesystem::path(m.model_path).filename().string()},
        {"format", m.model_format},
        {"sha256", m.model_sha256}}},
      {"accuracy", !m.gate.ran     ? "not run"
                   : m.gate.passed ? "pass"
                                   : "fail, accepted by the user"},
      {"tolerance", {{"relative", m.options.tolerance.relative}, {"absolute", m.options.tolerance.absolute}}},
      {"disable_kernels", m.options.disable_kernels},
      {"disable_ops", m.options.disable_ops}};
  if (!m.options.tactic.empty()) manifest["tactic"] = m.options.tactic;
  ZipWriter zip(file);
  zip.add("manifest.json", manifest.dump(2));
  zip.add("graphs/forward.nir", graph);
  zip.add("weights.safetensors", weights);
  zip.add("golden/samples.safetensors", golden_bytes);
  zip.add(plan_name, plan_text);
  zip.add("report.json", m.report);
  zip.finish();
  file.commit();
}

namespace {

void self_test(const OptimizedModel& m, const std::string& path) {
  runtime::SessionCore session(m.core);
  for (size_t k = 0; k < m.golden.size(); ++k) {
    std::vector<Tensor> y;
    session.run(m.golden[k].first, y);
    for (size_t i = 0; i < y.size(); ++i) {
      const OutputVerdict v =
          compare(y[i], m.golden[k].second[i], {m.options.tolerance.relative * 2, m.options.tolerance.absolute * 2});
      if (!v.ok)
        fail(ErrorCode::internal, "load: '", path, "': the self-test fails on this machine: output '",
             m.core->outputs[i].name, "' differs by ", v.max_difference, " at element ", v.worst_index, ": ", v.got,
             " for ", v.expected, " (at most ", v.allowed, " is allowed)");
    }
  }
}

}  // namespace

// The manifest, of a version that can be read.
static json manifest_of(std::string_view text, const std::string& path) {
  json manifest = parse_manifest(text);
  const bool is_one = manifest.is_object() && manifest.contains("format") && manifest["format"] == "neve" &&
                      manifest.contains("format_version") && manifest["format_version"].is_number_integer() &&
                      !(manifest.contains("golden") && has_fraction(manifest["golden"]));
  if (!is_one) fail(ErrorCode::corrupt_file, "load: '", path, "': its manifest is not one of a .neve archive");
  const auto found = manifest["format_version"].get<int64_t>();
  if (found > format_version)
    fail(ErrorCode::unsupported, "load: '", path, "' has format version ", found, " (this Neve reads up to ",
         format_version, "; a newer one wrote it)");
  return manifest;
}

std::shared_ptr<OptimizedModel> load_archive(const std::string& path) {
  const ReleaseThreads at_the_end;
  const ZipReader zip(MappedFile::open(path));
  auto corrupt = [&](const std::string& what) -> void { fail(ErrorCode::corrupt_file, "load: '", path, "': ", what); };
  const std::string_view manifest_text = text_of(zip.get("manifest.json"));
  const json manifest = manifest_of(manifest_text, path);
  const KeyParts mark = verified_parts(sha256_hex(manifest_text));
  const bool verified = is_verified(mark);
  auto m = std::make_shared<OptimizedModel>();
  std::string machine;
  const auto check_digest = [&](const std::string& name, const std::string& digest) {
    if (digest_text(text_of(zip.get(name))) != digest)
      corrupt(str("member '", name, "' is not what the manifest says (its SHA-256 differs)"));
  };
  std::vector<std::pair<std::string, std::string>> later;
  std::future<void> digesting;  // joins when this call is left
  try {
    const json& digests = manifest.at("sha256");
    for (const auto& [name, digest] : digests.items()) {
      const bool always = name.starts_with("graphs/") || name.starts_with("plans/");
      if (always)
        check_digest(name, digest.get<std::string>());
      else if (!verified)
        later.emplace_back(name, digest.get<std::string>());
    }
    // The large members are digested while the engine is built; nothing is handed over before both are done. What they
    // hold is checked as it is read, whatever their digests say.
    if (!later.empty())
      digesting = std::async(std::launch::async, [&] {
        for (const auto& [name, digest] : later) check_digest(name, digest);
      });
    for (const std::string& name : zip.names())
      if (name != "manifest.json" && !digests.contains(name))
        corrupt(str("member '", name, "' is not in the manifest"));
    m->graph = ir::parse(text_of(zip.get("graphs/forward.nir")));
    m->weights = std::make_shared<ir::Weights>(
        read_safetensors(zip.get("weights.safetensors"), zip.file(), str("load: '", zip.file()->path(), "': weights")));
    for (Value v : m->graph.inputs()) m->input_types.push_back(m->graph.type(v));
    std::string plan_name;
    for (const std::string& name : zip.names())
      if (name.starts_with("plans/") &&
          (plan_name.empty() || name == str("plans/", to_string(cpu_info().isa), ".plan")))
        plan_name = name;
    if (plan_name.empty()) corrupt("it has no plan");
    const json plan = parse_manifest(text_of(zip.get(plan_name)));
    if (has_fraction(plan.at("ranges"))) corrupt("a size in its plan is no whole number");
    m->ranges = ranges_from_json(plan.at("ranges"), m->graph);
    machine = plan.value("machine", "");
    m->tactics = plan.at("tactics").get<std::vector<std::pair<std::string, double>>>();
    m->options.threads = available_threads();
    m->options.tolerance.relative = manifest.at("tolerance").at("relative");
    m->options.tolerance.absolute = manifest.at("tolerance").at("absolute");
    m->options.disable_kernels = manifest.at("disable_kernels").get<std::set<std::string, std::less<>>>();
    m->options.disable_ops = manifest.at("disable_ops").get<std::set<std::string, std::less<>>>();
    m->options.tactic = manifest.value("tactic", "");
    const auto golden = read_safetensors(zip.get("golden/samples.safetensors"), zip.file(),
                                         str("load: '", zip.file()->path(), "': golden samples"));
    for (size_t k = 0; k < manifest.value("golden", size_t(0)) && k < 64; ++k) {
      auto& [in, out] = m->golden.emplace_back();
      for (size_t i = 0; i < m->graph.inputs().size(); ++i) in.push_back(golden.at(str(k, ".in.", i)));
      for (size_t i = 0; i < m->graph.outputs().size(); ++i) out.push_back(golden.at(str(k, ".out.", i)));
    }
    m->report = std::string(text_of(zip.get("report.json")));
    m->model_path = path;
    m->model_format = "neve";
  } catch (const json::exception& e) {
    corrupt(str("its manifest or plan is not as it should be: ", e.what()));
  } catch (const std::out_of_range&) {
    corrupt("a golden sample is missing");
  }
  // The choices that were measured when the archive was made; what is not among them takes the first kernel that
  // accepts.
  compile::TacticCache tactics("");
  for (const auto& [key, ms] : m->tactics) tactics.put(key, ms);
  tactics.know_machine(machine);
  tactics.set_frozen(true);
  build_engine(*m, m->tactics.empty() ? nullptr : &tactics, {});
  if (digesting.valid()) digesting.get();
  if (!verified) {
    self_test(*m, path);
    remember_verified(mark);
  }
  // Packed copies of the weights exist now: the originals need not stay in memory as well.
  zip.file()->release_pages();
  malloc_trim(0);
  return m;
}

}  // namespace neve::jit
