// Dims that are linear in a symbol: from such a size the symbol itself can be had.
#pragma once
#include <optional>

#include "core/dim.h"

namespace neve {

struct Linear {
  int64_t scale = 1, offset = 0;
};
/// d as scale * symbol + offset with scale other than 0; nothing where it is not of that form.
std::optional<Linear> linear_in(Dim d, Dim symbol);

}  // namespace neve
