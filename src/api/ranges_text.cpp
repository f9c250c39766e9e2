// The text form of ranges.
#include <charconv>

#include "api/impl.h"
#include "base/error.h"

namespace neve {
namespace {

[[noreturn]] void bad(const std::string& text, const std::string& what) {
  fail(ErrorCode::invalid_argument, "range: '", text, "': ", what,
       " (e.g. x=1x3x224x224..5x3x224x224;mask=1x16..2x64,8x256..8x512)");
}

std::vector<std::string> split(const std::string& s, const std::string& by) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (true) {
    const size_t next = s.find(by, at);
    parts.push_back(s.substr(at, next - at));
    if (next == std::string::npos) return parts;
    at = next + by.size();
  }
}

Sizes sizes_of(const std::string& all, const std::string& s) {
  Sizes out;
  if (s == "scalar") return out;
  if (s.empty()) bad(all, "sizes are missing");
  for (const std::string& part : split(s, "x")) {
    int64_t v = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), v);
    if (error != std::errc() || end != part.data() + part.size() || v < 0)
      bad(all, str("'", s, "' is no list of sizes"));
    out.push_back(v);
  }
  return out;
}

}  // namespace

Range parse_range(const std::string& text) {
  Range r;
  std::vector<NamedSizes> opts;
  for (const std::string& item : split(text, ";")) {
    if (item.empty()) bad(text, "an empty input");
    const size_t eq = item.rfind('=');
    if (eq == std::string::npos || eq == 0) bad(text, str("'", item, "' has no NAME="));
    const std::string name = item.substr(0, eq);
    if (r.min.count(name)) bad(text, str("input '", name, "' stands twice"));
    const auto parts = split(item.substr(eq + 1), "..");
    if (parts.size() > 3) bad(text, str("'", item, "' has more than MIN..OPT..MAX"));
    r.min[name] = sizes_of(text, parts.front());
    r.max[name] = sizes_of(text, parts.back());
    if (parts.size() < 3) continue;
    const auto points = split(parts[1], ",");
    for (size_t k = 0; k < points.size(); ++k) {
      if (opts.size() <= k) opts.resize(k + 1);
      opts[k][name] = sizes_of(text, points[k]);
    }
  }
  // An input with fewer points than others repeats its last one; one without any takes its max.
  for (size_t k = 1; k < opts.size(); ++k)
    for (const auto& [name, s] : opts[k - 1]) opts[k].try_emplace(name, s);
  r.opts = std::move(opts);
  return r;
}

std::string to_string(const Range& r) {
  auto text = [](const Sizes& s) {
    std::string t;
    for (size_t i = 0; i < s.size(); ++i) t += str(i ? "x" : "", s[i]);
    return t.empty() ? "scalar" : t;
  };
  std::string s;
  for (const auto& [name, min] : r.min) {
    s += str(s.empty() ? "" : ";", name, "=", text(min), "..");
    std::string points;
    for (const NamedSizes& o : r.opts)
      if (const auto it = o.find(name); it != o.end()) points += (points.empty() ? "" : ",") + text(it->second);
    if (!points.empty()) s += points + "..";
    const auto max = r.max.find(name);
    s += text(max == r.max.end() ? min : max->second);
  }
  return s;
}

}  // namespace neve
