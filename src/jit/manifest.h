// What archives say of themselves, as JSON that is safe to walk through.
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace neve::jit {

/// Discarded where it is no JSON, or deeper than 64: walks through it are recursive.
inline nlohmann::json parse_manifest(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > 64) return nlohmann::json(nlohmann::json::value_t::discarded);
  }
  return nlohmann::json::parse(text, nullptr, false);
}

/// Whether a number in it is not whole: taken as a whole one it would be any number.
inline bool has_fraction(const nlohmann::json& j) {
  return j.is_number_float() || (j.is_structured() && std::any_of(j.begin(), j.end(), has_fraction));
}

}  // namespace neve::jit
