// Finds scale and offset by what a Dim is at 0 and 1.
#include "core/dim_linear.h"

#include "base/error.h"

namespace neve {

std::optional<Linear> linear_in(Dim d, Dim symbol) {
  if (d == symbol) return Linear{};
  const Symbol& s = symbol.as_symbol();
  if (d.is_constant() || !depends_on(d, s)) return {};
  const auto at = [&](int64_t x) {
    return substitute(d, [&](const Symbol& y) -> std::optional<Dim> {
      if (y.id == s.id) return Dim(x);
      return {};
    });
  };
  Dim offset, scale;
  try {
    offset = at(0), scale = at(1) - offset;
  } catch (const Error&) {  // a division by 0 there
    return {};
  }
  if (!offset.is_constant() || !scale.is_constant() || scale.is(0) || scale * symbol + offset != d) return {};
  return Linear{scale.value(), offset.value()};
}

}  // namespace neve
