// Which positions of an axis a slice takes: the ONNX rule, for numbers and for symbolic sizes.
#pragma once
#include <optional>
#include <vector>

#include "op/def.h"

namespace neve::ops {

/// Positions start, start + step, ... of one axis.
struct SliceRange {
  int64_t start = 0, step = 1, count = 0;
};
/// ONNX Slice-13: negative bounds count from the end, then bounds are clamped to what the direction allows. @pre step
/// != 0
SliceRange slice_range(int64_t size, int64_t start, int64_t end, int64_t step);
/// The number of positions for symbolic sizes; nothing where it depends on the sign of an unknown bound.
std::optional<Dim> slice_count(Dim size, Dim start, Dim end, int64_t step);

/// The ranges of all axes of a tensor of this shape; `axes` and `steps` may be undefined. @throws
/// Error{invalid_argument}
std::vector<SliceRange> slice_ranges(std::string_view op, const Sizes& shape, const Tensor& starts, const Tensor& ends,
                                     const Tensor& axes, const Tensor& steps);
/// The shape of the slice of `x` by inputs `first`.. (starts, ends, axes, steps) of the op.
Shape sliced_shape(Inferring& t, const Shape& x, size_t first);

}  // namespace neve::ops
