// Any text as a size expression: parsed or refused with an Error, and what is parsed prints, reads back and evaluates.
#include "core/dim.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "core/layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace neve;
  static const Dim symbols[] = {Dim::symbol("n"), Dim::symbol("m", 1, 64), Dim::symbol("k", 0, Dim::unbounded, 32)};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Layout layout;
  if (parse_layout(text, layout)) {
    Layout back;
    if (!parse_layout(to_string(layout), back) || !(back == layout)) std::abort();
  }
  if (size > 400) return 0;  // the table of expressions never shrinks
  const auto lookup = [](std::string_view name) {
    for (Dim d : symbols)
      if (d.as_symbol().name == name) return d;
    fail(ErrorCode::not_found, "no such symbol");
  };
  try {
    const Dim d = parse_dim(text, lookup);
    if (!(parse_dim(to_string(d), lookup) == d)) std::abort();
    const int64_t v = evaluate(d, [](const Symbol& s) { return s.name == "k" ? 64 : 7; });
    if (v < lower_bound(d) && v > -Dim::unbounded) std::abort();
    if (v > upper_bound(d) && v < Dim::unbounded) std::abort();
  } catch (const Error& e) {
    if (e.code() == ErrorCode::internal) std::abort();
  }
  return 0;
}
