// Moving elements between strided layouts: the one loop behind transpose, concat, slice, pad, expand and their kin.
#pragma once
#include <neve/tensor.h>

#include <span>

#include "op/def.h"

namespace neve::ops {

/// Copies a box of elements between two layouts that do not overlap. Strides are in elements; those of the source may
/// be 0 (repeats) or negative. Cost: one read and one write an element; rows of unit stride go by memcpy, transposes in
/// blocks. Uses up to `threads` threads.
void strided_copy(int64_t element_size, std::span<const int64_t> shape, std::byte* to,
                  std::span<const int64_t> to_strides, const std::byte* from, std::span<const int64_t> from_strides,
                  int threads);

/// Writes `count` copies of the element at `value`.
void fill_elements(int64_t element_size, std::byte* to, int64_t count, const std::byte* value, int threads);

/// Output k with these sizes: the planned one where it fits, else a new one.
const Tensor& output(Evaluating& e, size_t k, const Sizes& shape);

/// Copies the elements of a contiguous tensor into another of the same size in bytes.
void copy_flat(const Tensor& from, const Tensor& to, int threads);

/// Product of sizes [from, to).
int64_t product(std::span<const int64_t> sizes, size_t from, size_t to);

}  // namespace neve::ops
