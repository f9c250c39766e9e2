// The measured peak of the machine, kept in the cache folder.
#include <neve/machine.h>
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/cache_trace.h"
#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "kernels/machine.h"

namespace neve {
using nlohmann::json;

namespace {
constexpr int format = 1;

std::string cache_path() {
  const std::string folder = cache_directory();
  return folder.empty() ? "" : folder + "/machine.json";
}

std::string key_of(int threads) {
  return str(cpu_info().model, " | ", to_string(cpu_info().isa), " | ", threads, " threads");
}

json json_of(const MachinePeak& m) {
  json levels = json::array();
  for (const MachinePeak::Level& l : m.levels)
    levels.push_back({{"name", l.name}, {"bytes", l.bytes}, {"gb_per_s", l.gb_per_s}, {"gb_one", l.gb_one}});
  return {{"cpu", m.cpu},
          {"isa", m.isa},
          {"threads", m.threads},
          {"gflops", m.gflops},
          {"gflops_one", m.gflops_one},
          {"levels", std::move(levels)},
          {"triad_gb_per_s", m.triad_gb_per_s},
          {"measured", m.measured},
          {"disturbed", m.disturbed}};
}

// False where the file does not hold what it should: then it is measured again.
bool from_json(const json& j, MachinePeak& m) {
  try {
    m.cpu = j.at("cpu"), m.isa = j.at("isa"), m.threads = j.at("threads");
    m.gflops = j.at("gflops"), m.gflops_one = j.at("gflops_one"), m.triad_gb_per_s = j.at("triad_gb_per_s");
    m.measured = j.at("measured"), m.disturbed = j.value("disturbed", false);
    for (const json& l : j.at("levels"))
      m.levels.push_back({l.at("name"), l.at("bytes"), l.at("gb_per_s"), l.at("gb_one")});
  } catch (const json::exception&) {
    return false;
  }
  auto sound = [](double v) { return std::isfinite(v) && v > 0; };
  bool good = sound(m.gflops) && sound(m.gflops_one) && sound(m.triad_gb_per_s) && m.threads > 0 && !m.levels.empty();
  for (const MachinePeak::Level& l : m.levels) good = good && sound(l.gb_per_s) && sound(l.gb_one) && l.bytes >= 0;
  return good && m.levels.back().bytes == 0;
}

json read_all(const std::string& path) {
  try {
    json j = json::parse(read_file(path), nullptr, false);
    if (j.is_object() && j.value("format", json()) == format && j.contains("machines") && j["machines"].is_object())
      return j["machines"];
  } catch (const Error&) {  // no file yet
  }
  return json::object();
}

void keep(const std::string& path, const MachinePeak& m) {
  if (path.empty() || CacheTrace::current()) return;
  json all = read_all(path);
  all[key_of(m.threads)] = json_of(m);
  try {
    write_file(path, json{{"format", format}, {"machines", std::move(all)}}.dump(1) + "\n");
  } catch (const Error&) {  // a convenience: the next process measures again
  }
}

/// How often others took this process's cores away since it was made.
class Interruptions {
 public:
  /// More than a machine's own housekeeping takes: somebody else wants the cores.
  bool many() const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    return double(switches() - before_) > 10 + 20 * seconds;
  }

 private:
  static long switches() {
    rusage use{};
    return getrusage(RUSAGE_SELF, &use) == 0 ? use.ru_nivcsw : 0;
  }
  long before_ = switches();
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Whether a disturbed measurement has been kept for long enough: the others may be gone.
bool is_stale(const MachinePeak& m) {
  constexpr double most_seconds = 600;
  std::tm parts{};
  if (!m.disturbed) return false;
  if (!strptime(m.measured.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return true;
  return std::abs(std::difftime(std::time(nullptr), timegm(&parts))) > most_seconds;
}

std::string utc_now() {
  const std::time_t t = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

double MachinePeak::bandwidth(double bytes) const {
  for (const Level& l : levels)
    if (l.bytes == 0 || bytes <= double(l.bytes)) return l.gb_per_s * 1e9;
  return levels.empty() ? 0 : levels.back().gb_per_s * 1e9;
}

std::string to_json(const MachinePeak& m) { return json_of(m).dump(); }

MachinePeak machine_peak(int threads, bool again) {
  static std::mutex mutex;
  static std::map<std::string, MachinePeak> known;
  if (threads < 0) fail(ErrorCode::invalid_argument, "machine_peak: ", threads, " threads (0: those there are)");
  if (threads == 0) threads = available_threads();
  const std::string key = key_of(threads), path = cache_path();
  const std::lock_guard lock(mutex);
  if (!again) {
    if (const auto it = known.find(key); it != known.end()) return it->second;
    MachinePeak kept;
    const json all = path.empty() ? json::object() : read_all(path);
    if (all.contains(key) && from_json(all[key], kept) && kept.threads == threads && !is_stale(kept))
      return known[key] = kept;
  }
  const Interruptions before;
  MachinePeak m = kernels::measure_machine(threads, cpu_info().isa);
  m.measured = utc_now();
  m.disturbed = before.many();
  keep(path, m);
  return known[key] = std::move(m);
}

}  // namespace neve
