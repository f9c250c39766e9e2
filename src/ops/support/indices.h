// Index tensors: reading them, and the positions they mean.
#pragma once
#include <neve/tensor.h>

#include <string_view>
#include <vector>

namespace neve::ops {

/// The elements of an i64 or i32 tensor as positions in [0, size): negative ones count from the end. @throws
/// Error{invalid_argument} naming the first that is out of range.
std::vector<int64_t> positions(std::string_view op, const Tensor& indices, int64_t size, int64_t axis);

/// Walks the coordinates of a shape in row-major order and keeps the offset that given strides make of them.
class Walk {
 public:
  Walk(const Sizes& shape, const Sizes& strides, int64_t start = 0)
      : shape_(shape), strides_(strides), at_(shape.size()) {
    for (size_t i = shape.size(); i-- > 0 && start;) {
      at_[i] = start % shape[i];
      start /= shape[i];
      offset_ += at_[i] * strides[i];
    }
  }
  int64_t offset() const { return offset_; }
  int64_t at(size_t axis) const { return at_[axis]; }
  void next() {
    for (size_t i = shape_.size(); i-- > 0;) {
      offset_ += strides_[i];
      if (++at_[i] < shape_[i]) return;
      offset_ -= at_[i] * strides_[i];
      at_[i] = 0;
    }
  }

 private:
  const Sizes &shape_, &strides_;
  Sizes at_;
  int64_t offset_ = 0;
};

}  // namespace neve::ops
