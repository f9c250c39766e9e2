// Elements in memory to and from the blocks that scalar programs compute in: float for f32, f16 and bf16, double for
// f64, 64 bits for integers and bool.
#pragma once
#include <neve/dtype.h>

#include <cstdint>

namespace neve {

/// n elements of dtype t at `from`, `stride` elements apart, into the block r.
void load_elements(DType t, void* r, const void* from, int64_t stride, int64_t n);
/// n elements of the block r to `to`, contiguous, as dtype t; values already fit.
void store_elements(DType t, void* to, const void* r, int64_t n);

}  // namespace neve
