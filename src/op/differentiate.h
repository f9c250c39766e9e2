// The gradient of a composition, from the gradients of the ops that it consists of.
#pragma once
#include <functional>
#include <span>

#include "op/builder.h"
#include "op/def.h"

namespace neve {

/// Emits `forward` once more into `b` and then the gradients of its results by its inputs (reverse mode). What of the
/// forward computation the gradients do not need is left without a use.
/// @param dout  gradients of the results; invalid where a result has no influence
/// @param needs  per input
/// @return one Value an input; invalid where there is none or none was needed
/// @throws Error{unsupported} naming an op without a gradient
Values differentiate(Builder& b, const std::function<Values(Builder&, std::span<const Value>)>& forward,
                     std::span<const Value> in, std::span<const Value> dout, std::span<const bool> needs);

/// The gradient of an op: its own, or that of its lowering.
Values gradient_of(const OpDef& op, const Attrs& attrs, const Gradient& g);

}  // namespace neve
