// The tactic cache.
#include "compile/tactics.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "kernels/list.h"
#include "op/reference.h"

namespace neve::compile {
using nlohmann::json;

namespace {
constexpr int format = 5;
constexpr std::string_view gap = " | ";

std::string machine_digits(std::string_view text) { return sha256_hex(text).substr(0, 8); }

std::string shortened(std::string s, size_t most) {
  if (s.size() > most) s = s.substr(0, most - 3) + "...";
  return s;
}

/// A key of TacticKeys without its fourth and fifth part.
std::string without_machine(const std::string& key) {
  size_t from = 0;
  for (int i = 0; i < 3 && from != std::string::npos; ++i) from = key.find(gap, i ? from + gap.size() : 0);
  const size_t to = key.rfind(gap);
  return from == std::string::npos || to <= from ? key : key.substr(0, from) + key.substr(to);
}
}  // namespace

TacticCache::TacticCache(std::string path, size_t most) : path_(std::move(path)), most_(most) {
  if (path_.empty()) return;
  try {
    const json j = json::parse(read_file(path_), nullptr, false);
    if (!j.is_object() || j.value("format", 0) != format || !j.contains("tactics") || !j["tactics"].is_array()) return;
    if (j.contains("machines") && j["machines"].is_object())
      for (const auto& [digits, text] : j["machines"].items())
        if (text.is_string()) machines_[digits] = text.get<std::string>();
    for (const json& e : j["tactics"]) {
      if (!e.is_array() || e.size() != 2 || !e[0].is_string() || !e[1].is_number()) continue;
      if (entries_.size() >= most_) break;
      entries_[e[0].get<std::string>()] = {e[1].get<double>(), ++clock_, false};
    }
  } catch (const std::exception&) {  // no file yet, or not one of ours: start empty
  }
}

TacticCache::~TacticCache() {
  try {
    flush();
  } catch (const std::exception&) {
  }
}

std::optional<double> TacticCache::find(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto it = entries_.find(key);
  const bool here = it != entries_.end();
  const auto other = here || !frozen_ ? elsewhere_.end() : elsewhere_.find(without_machine(key));
  const bool found = here || other != elsewhere_.end();
  if (CacheTrace* trace = CacheTrace::current())
    trace->note({path_.empty() ? "kernel times in the archive" : "kernel times", parts(key),
                 found ? KeyParts{} : nearest(key), found});
  if (!found) return {};
  if (!here) return other->second;
  it->second.stamp = ++clock_;
  it->second.used = true;
  return it->second.milliseconds;
}

void TacticCache::set_frozen(bool frozen) {
  std::lock_guard lock(mutex_);
  frozen_ = frozen;
  elsewhere_.clear();
  if (frozen)
    for (const auto& [key, e] : entries_) elsewhere_.emplace(without_machine(key), e.milliseconds);
}

KeyParts TacticCache::parts(const std::string& key) const {
  static constexpr const char* names[] = {"ops", "sizes", "kernel", "threads", "machine", "layouts and attributes"};
  KeyParts out;
  size_t at = 0;
  for (const char* name : names) {
    const size_t end = std::min(key.find(gap, at), key.size());
    std::string value = key.substr(at, end - at);
    if (name == names[4]) {
      const auto words = machines_.find(value);
      const std::string here = machine_text(cpu_info().isa);
      // "CPU ..., instruction set ..., oneDNN ..., Neve ..." is parts of its own.
      if (words != machines_.end() || value == machine_digits(here)) {
        const KeyParts own = parse_key(words != machines_.end() ? words->second : here);
        out.insert(out.end(), own.begin(), own.end());
      } else {
        out.emplace_back(name, std::move(value));
      }
    } else {
      out.emplace_back(name, std::move(value));
    }
    if (end == key.size()) break;
    at = end + gap.size();
  }
  return out;
}

// Among the entries for the same ops: the one with most parts in common.
KeyParts TacticCache::nearest(const std::string& key) const {
  const std::string ops = key.substr(0, std::min(key.find(gap), key.size())) + std::string(gap);
  const KeyParts wanted = parts(key);
  KeyParts best;
  size_t most = 0;
  for (auto it = entries_.lower_bound(ops); it != entries_.end() && it->first.starts_with(ops); ++it) {
    KeyParts other = parts(it->first);
    const size_t same = parts_in_common(wanted, other);
    if (same > most) best = std::move(other), most = same;
  }
  return best;
}

void TacticCache::put(const std::string& key, double milliseconds) {
  std::lock_guard lock(mutex_);
  entries_[key] = {milliseconds, ++clock_, true};
  dirty_ = true;
}

size_t TacticCache::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<std::pair<std::string, double>> TacticCache::used() const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, double>> v;
  for (const auto& [k, e] : entries_)
    if (e.used) v.emplace_back(k, e.milliseconds);
  return v;
}

void TacticCache::reset_used() {
  std::lock_guard lock(mutex_);
  for (auto& [k, e] : entries_) e.used = false;
}

void TacticCache::know_machine(const std::string& text) {
  std::lock_guard lock(mutex_);
  machines_[machine_digits(text)] = text;
}

void TacticCache::flush() {
  std::lock_guard lock(mutex_);
  if (!dirty_ || path_.empty() || CacheTrace::current()) return;
  std::vector<std::pair<std::string, Entry>> all(entries_.begin(), entries_.end());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second.stamp > b.second.stamp; });
  if (all.size() > most_) all.resize(most_);
  json list = json::array();
  for (const auto& [k, e] : all) list.push_back({k, e.milliseconds});
  json machines = machines_;
  const std::string here = machine_text(cpu_info().isa);
  machines[machine_digits(here)] = here;
  write_file(path_, json{{"format", format}, {"machines", std::move(machines)}, {"tactics", std::move(list)}}.dump());
  dirty_ = false;
}

TacticCache& TacticCache::standard() {
  static const std::string path = [] {
    const std::string folder = cache_directory();
    return folder.empty() ? std::string() : folder + "/tactics.json";
  }();
  static TacticCache cache(path);
  return cache;
}

namespace {
void text_of(std::string& s, const Subgraph& g, const std::vector<Sizes>* sizes) {
  for (size_t v = 0; v < g.types.size(); ++v) {
    s += to_string(g.types[v].dtype);
    if (sizes)
      s += str((*sizes)[v]);
    else
      s += to_string(g.types[v].shape);
    s += ';';
  }
  for (size_t i = 0; i < g.inputs.size(); ++i)
    s += str(g.inputs[i], ":", int(g.roles.size() > i ? g.roles[i] : InputRole::activation), ",");
  for (const SubgraphNode& n : g.nodes) {
    s += str("\n", n.op->info.name, "@", n.op->info.version, n.in, n.out);
    for (const AttrInfo& a : n.op->attrs) s += str(" ", a.name, "=", to_string(a.get(n.attrs.object())));
    for (const auto& r : n.regions) text_of(s, *r, nullptr);
  }
  s += str("\n", g.outputs);
}
}  // namespace

bool same_bytes(const TensorType& t, const Layout& a, const Layout& b) {
  if (!a.blocks.empty() || !b.blocks.empty()) return a == b;
  auto long_axes = [&](const Layout& l) {
    std::vector<int> axes;
    for (size_t k = 0; k < t.shape.size(); ++k) {
      const int axis = l.order.empty() ? int(k) : int(l.order[k]);
      if (!t.shape[size_t(axis)].is(1)) axes.push_back(axis);
    }
    return axes;
  };
  return long_axes(a) == long_axes(b);
}

std::string machine_text(Isa isa) {
  return key_text({{"CPU", cpu_info().model},
                   {"instruction set", to_string(isa)},
                   {"oneDNN", kernels::onednn_version()},
                   {"Neve", NEVE_VERSION}});
}

TacticKeys::TacticKeys(const kernels::Request& r) {
  const Subgraph& g = *r.graph;
  std::string all = str("plain ", r.plain_only, "\n");
  for (const Layout& l : r.offered) all += to_string(l) + ",";
  for (bool b : r.may_overwrite) all += b ? '1' : '0';
  text_of(all, g, &r.sizes);
  std::string ops, sizes;
  for (const SubgraphNode& n : g.nodes) ops += str(ops.empty() ? "" : "+", n.op->info.name);
  for (int32_t v : g.inputs) {
    sizes += str(sizes.empty() ? "" : " ", to_string(g.types[size_t(v)].dtype), r.sizes[size_t(v)]);
    if (sizes.size() > 80) break;
  }
  static const std::string machines[] = {machine_digits(machine_text(Isa::baseline)),
                                         machine_digits(machine_text(Isa::avx2)),
                                         machine_digits(machine_text(Isa::avx512))};
  before_ = str(shortened(std::move(ops), 60), gap, shortened(std::move(sizes), 80), gap);
  after_ = str(gap, r.threads, r.cold_weights ? " cold" : "", gap, machines[size_t(r.isa)], gap,
               sha256_hex(all).substr(0, 16));
}

std::string TacticKeys::of(std::string_view entry, int variant) const {
  return str(before_, entry, ".", variant, after_);
}

}  // namespace neve::compile
