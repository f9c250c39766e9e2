// Making and throwing errors: `fail(code, parts...)`, and `str(parts...)` which joins values into a text.
#pragma once
#include <neve/error.h>
#include <neve/sizes.h>

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace neve {

std::string format_double(double v);  ///< shortest text that reads back to the same value

namespace detail {
inline void append(std::string& s, std::string_view v) { s += v; }
inline void append(std::string& s, const char* v) { s += v; }
inline void append(std::string& s, const std::string& v) { s += v; }
inline void append(std::string& s, char v) { s += v; }
inline void append(std::string& s, bool v) { s += v ? "true" : "false"; }
template <std::integral T>
void append(std::string& s, T v) {
  char buffer[24];
  s.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
}
template <std::floating_point T>
void append(std::string& s, T v) {
  s += format_double(double(v));
}
template <class T>
  requires(!std::is_arithmetic_v<T>) && requires(const T& v) {
    { to_string(v) } -> std::convertible_to<std::string>;
  }
void append(std::string& s, const T& v) {
  s += to_string(v);
}
template <class T>
void append(std::string& s, const std::vector<T>& v) {
  s += '[';
  for (size_t i = 0; i < v.size(); ++i) {
    if (i) s += ", ";
    append(s, T(v[i]));
  }
  s += ']';
}
}  // namespace detail

/// Joins the texts of its arguments: strings, numbers, vectors, and whatever has a to_string.
template <class... T>
std::string str(const T&... parts) {
  std::string s;
  (detail::append(s, parts), ...);
  return s;
}

/// Throws Error{code} with the joined text.
template <class... T>
[[noreturn]] void fail(ErrorCode code, const T&... parts) {
  throw Error(code, str(parts...));
}

/// Throws Error{internal} unless ok: for states that only a defect of Neve can reach.
template <class... T>
void check(bool ok, const T&... parts) {
  if (!ok) fail(ErrorCode::internal, "internal: ", parts...);
}

}  // namespace neve
