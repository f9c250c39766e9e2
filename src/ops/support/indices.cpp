// Index tensors.
#include "ops/support/indices.h"

#include "base/error.h"

namespace neve::ops {

std::vector<int64_t> positions(std::string_view op, const Tensor& indices, int64_t size, int64_t axis) {
  std::vector<int64_t> p = indices.to_ints();
  for (int64_t& i : p) {
    if (i < -size || i >= size)
      fail(ErrorCode::invalid_argument, op, ": index ", i, " is out of range for axis ", axis, " of size ", size,
           " (valid: ", -size, "..", size - 1, ")");
    i = i < 0 ? i + size : i;
  }
  return p;
}

}  // namespace neve::ops
