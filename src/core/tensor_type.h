// The type of a value in a graph: dtype and shape, nothing else.
#pragma once
#include <neve/dtype.h>

#include <string>

#include "core/dim.h"

namespace neve {

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  int64_t rank() const { return int64_t(shape.size()); }
  friend bool operator==(const TensorType&, const TensorType&) = default;
};
std::string to_string(const TensorType& t);  ///< "f32[batch, 3, 224, 224]"

/// What is known of a value beyond its type: the content of a small integer or bool tensor (rank 0 or 1), as Dims.
/// Holds at most 64 elements.
struct Facts {
  bool known = false;
  Shape content;
  static Facts of(Shape content) { return {true, std::move(content)}; }
};

}  // namespace neve
