// Literals of sizes that the caller has opened: what to make of [1, 512] when 1 was the batch.
#pragma once
#include "import/onnx/importer.h"

namespace neve::import {

/// reshape(x, target) where target was written for the old size of a widened dim: the entry that stood for it becomes
/// the new size, where the element counts leave no other reading. Nothing when no dim is concerned.
/// @throws Error{shape_mismatch} naming what cannot be.
std::optional<Value> widen_reshape(OnnxNode& n, Value x, Value target, bool allowzero);

/// Repeats inputs of a concat that have the old size where others have the new one (a learned token for a batch of 1).
void widen_concat(OnnxNode& n, Values& in, int64_t axis);

/// The same for one value: size `old` on `axis` becomes `with` by repetition, where the file had equal sizes.
Value widen_to(OnnxNode& n, Value v, int64_t axis, Dim with);

/// Sizes of a target (of a resize) with those that equal the old sizes of x replaced by the new ones.
std::optional<Shape> widen_sizes(OnnxNode& n, const Shape& x, const Shape& target);

}  // namespace neve::import
