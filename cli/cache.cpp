// neve cache
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/cache_trace.h"
#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {
namespace fs = std::filesystem;

struct File {
  fs::path path;
  uintmax_t bytes;
  fs::file_time_type time;
};

// Newest first.
std::vector<File> cache_files() {
  const std::string folder = cache_directory();
  std::vector<File> out;
  if (folder.empty()) return out;
  std::error_code e;  // another process may delete while we look
  for (fs::recursive_directory_iterator i(folder, fs::directory_options::skip_permission_denied, e), end;
       !e && i != end; i.increment(e)) {
    std::error_code gone;
    if (!i->is_regular_file(gone)) continue;
    const File f{i->path(), i->file_size(gone), i->last_write_time(gone)};
    if (!gone) out.push_back(f);
  }
  std::sort(out.begin(), out.end(), [](const File& a, const File& b) { return a.time > b.time; });
  return out;
}

std::string folder_text() {
  const std::string folder = cache_directory();
  return folder.empty() ? "no cache folder (none can be made; NEVE_CACHE_DIR names one)" : folder;
}

void list() {
  const auto files = cache_files();
  uintmax_t total = 0;
  for (const File& f : files) {
    std::printf("%10ju  %s\n", f.bytes, f.path.c_str());
    total += f.bytes;
  }
  std::printf("%10ju  bytes in %zu files in %s\n", total, files.size(), folder_text().c_str());
}

// What is wrong with a file of the cache, or "".
std::string damage(const File& f) {
  const std::string name = f.path.filename().string();
  if (f.path.extension() == ".tmp") return "left over from a write that was interrupted";
  const std::string content = read_file(f.path.string());
  if (name == "tactics.json") {
    const auto j = nlohmann::json::parse(content, nullptr, false);
    return j.is_object() && j.contains("tactics") && j["tactics"].is_array() ? "" : "not JSON of kernel times";
  }
  if (name == "machine.json") {
    const auto j = nlohmann::json::parse(content, nullptr, false);
    return j.is_object() && j.contains("machines") && j["machines"].is_object() ? "" : "not JSON of measured peaks";
  }
  if (f.path.extension() == ".o") {
    const size_t line = content.find('\n'), text_end = content.find("\n\n");
    if (line == std::string::npos || text_end == std::string::npos || line + 66 > text_end) return "cut off";
    const std::string key = f.path.stem().string();
    return content.compare(line + 1, 64, sha256_hex(key + content.substr(text_end + 2))) == 0 ? ""
                                                                                              : "its digest differs";
  }
  if (f.path.parent_path().filename() == "verified")
    return sha256_hex(content).substr(0, 32) == name ? "" : "not named by its content";
  return "";
}

void verify(int& status) {
  size_t count = 0, bad = 0;
  for (const File& f : cache_files()) {
    std::string what;
    try {
      what = damage(f);
    } catch (const Error& e) {
      what = e.message();
    }
    ++count;
    if (what.empty()) continue;
    std::printf("%s: %s\n", f.path.c_str(), what.c_str());
    ++bad;
  }
  std::printf("%zu files, %zu damaged%s in %s\n", count, bad, bad ? " (safe to delete)" : "", folder_text().c_str());
  status = bad ? 1 : 0;
}

void collect(int64_t keep_mb) {
  uintmax_t kept = 0, freed = 0;
  const auto an_hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const File& f : cache_files()) {
    const bool left_over = f.path.extension() == ".tmp" && f.time < an_hour_ago;
    if (!left_over && kept + f.bytes <= uintmax_t(keep_mb) << 20) {
      kept += f.bytes;
      continue;
    }
    std::error_code e;
    if (fs::remove(f.path, e)) freed += f.bytes;
  }
  std::printf("%ju bytes freed, %ju kept in %s\n", freed, kept, folder_text().c_str());
}

struct WhyOptions : CommonOptions, ModelOptions {
  bool all = false;
  std::string regions;
};

// What compiled regions of Python programs looked for in a folder and did not find, as they wrote it down.
void why_regions(const std::string& folder) {
  const std::string path = folder + "/misses.jsonl";
  if (!fs::exists(path)) {
    std::printf("%s: no region has missed anything here\n", folder.c_str());
    return;
  }
  const std::string content = read_file(path);
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size());
    const auto j = nlohmann::json::parse(content.substr(at, end - at), nullptr, false);
    at = end + 1;
    if (!j.is_object() || !j.contains("region") || !j["region"].is_string() || !j.contains("why")) continue;
    const bool dated = j.contains("time") && j["time"].is_string();
    std::printf("%s  %s\n", dated ? j["time"].get<std::string>().c_str() : "", j["region"].get<std::string>().c_str());
    for (const auto& w : j["why"])
      if (w.is_string()) std::printf("    %s\n", w.get<std::string>().c_str());
  }
}

// "threads: 2 wanted, 4 kept", for the parts that differ; sizes and details without values, so that like misses stand
// together.
std::string differences(const CacheLookup& l) {
  if (l.nearest.empty()) return l.cache == "self-test" ? "this archive was not tested yet" : "nothing like it is kept";
  std::string text;
  bool sizes = false, details = false;
  for (const auto& [name, value] : l.parts) {
    const auto other = std::find_if(l.nearest.begin(), l.nearest.end(), [&](const auto& p) { return p.first == name; });
    if (other != l.nearest.end() && other->second == value) continue;
    if (name == "sizes") {
      sizes = true;
    } else if (name == "layouts and attributes") {
      details = true;
    } else {
      text += str(text.empty() ? "" : "; ", name, ": ", value, " wanted, ",
                  other == l.nearest.end() ? "nothing" : other->second, " kept");
    }
  }
  if (sizes) text += str(text.empty() ? "" : "; ", "kept for other sizes");
  if (details && text.empty()) text = "kept for other layouts or attributes";
  return text.empty() ? "the kept entry is damaged" : text;
}

std::string subject(const CacheLookup& l) {
  std::string text;
  for (const char* name : {"ops", "sizes", "kernel", "nest", "archive"})
    for (const auto& [n, v] : l.parts)
      if (n == name) text += (text.empty() ? "" : " ") + (v.size() == 64 ? v.substr(0, 16) : v);
  return text;
}

void why_miss(const WhyOptions& o) {
  OptimizeOptions x;
  apply(o, x);
  x.gate = false;
  x.progress = progress_bar(false);
  CacheTrace trace;
  const Model model = load_model(o);
  if (!model.has_engine()) optimize(model, x);
  std::map<std::string, std::vector<CacheLookup>> by_cache;
  for (CacheLookup& l : trace.take()) {
    auto& list = by_cache[l.cache];
    const bool again = std::any_of(list.begin(), list.end(), [&](const CacheLookup& k) { return k.parts == l.parts; });
    if (!again) list.push_back(std::move(l));
  }
  std::printf("%s, caches in %s\n", o.model.c_str(), folder_text().c_str());
  if (by_cache.empty()) std::printf("nothing is looked up for this model\n");
  for (const auto& [cache, lookups] : by_cache) {
    const auto found = std::count_if(lookups.begin(), lookups.end(), [](const CacheLookup& l) { return l.found; });
    std::printf("%s: %td of %zu found\n", cache.c_str(), found, lookups.size());
    std::map<std::string, std::vector<const CacheLookup*>> reasons;
    for (const CacheLookup& l : lookups)
      if (!l.found) reasons[differences(l)].push_back(&l);
    for (const auto& [reason, list] : reasons) {
      std::printf("  %zu missed: %s\n", list.size(), reason.c_str());
      const size_t shown = o.all ? list.size() : std::min<size_t>(list.size(), 3);
      for (size_t i = 0; i < shown; ++i) std::printf("    %s\n", subject(*list[i]).c_str());
      if (shown < list.size()) std::printf("    and %zu more (--all shows them)\n", list.size() - shown);
    }
  }
}

}  // namespace

void add_cache(CLI::App& app, int& status) {
  CLI::App* c = app.add_subcommand("cache", "The cache of kernel times, loop code and passed self-tests");
  c->require_subcommand(1);
  c->add_subcommand("ls", "List the files")->callback([] { list(); });
  c->add_subcommand("verify", "Check the files; exit code 1 when one is damaged")->callback([&status] {
    verify(status);
  });
  auto keep = std::make_shared<int64_t>(256);
  CLI::App* gc = c->add_subcommand("gc", "Delete the oldest files");
  gc->add_option("--keep-mb", *keep, "Megabytes to keep")->check(at_least(0));
  gc->callback([keep] { collect(*keep); });
  auto o = std::make_shared<WhyOptions>();
  CLI::App* why = c->add_subcommand(
      "why-miss", "What optimize (or loading an archive) would look for, and why it is not there; changes nothing");
  add_model(*why, *o);
  add_common(*why, *o);
  why->add_flag("--all", o->all, "Every miss, not the first three of each reason");
  why->get_option("model")->required(false);
  why->add_option("--regions", o->regions,
                  "Instead of a model: the folder where regions keep their engines (\"\" for that of the cache)");
  why->callback([o, why] {
    if (why->count("--regions")) return why_regions(o->regions.empty() ? cache_directory() + "/regions" : o->regions);
    if (o->model.empty()) throw CLI::RequiredError("model (or --regions)");
    why_miss(*o);
  });
}

}  // namespace neve::cli
