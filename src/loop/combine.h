// Joins partial results of reductions.
#pragma once
#include <cstddef>

#include "op/def.h"

namespace neve::loop {

/// total[i] = reduce(total[i], part[i]) for n elements of dtype t, as registers hold them (f16 and bf16 as f32).
void combine(DType t, ReduceKind kind, std::byte* total, const std::byte* part, int64_t n);

}  // namespace neve::loop
