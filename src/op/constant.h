// The attributes of `constant` and `weight`: the two ops that every layer knows.
#pragma once
#include <neve/tensor.h>

#include <string>
#include <vector>

#include "op/attrs.h"

namespace neve {

/// Attribute struct base of `constant`; the op in src/ops/core.cpp derives from it.
struct ConstantAttrs {
  Tensor value;
};
/// Attribute struct base of `weight`: a parameter that the executor supplies.
struct WeightAttrs {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
};
/// @pre attrs are those of a `constant` node
inline const Tensor& constant_tensor(const Attrs& attrs) { return attrs.as<ConstantAttrs>().value; }
inline const WeightAttrs& weight_attrs(const Attrs& attrs) { return attrs.as<WeightAttrs>(); }

}  // namespace neve
