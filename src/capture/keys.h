// What makes two handles names of one tensor.
#pragma once
#include <neve/tensor.h>

#include <cstdint>
#include <vector>

namespace neve::capture {

inline std::vector<int64_t> key_of(const Tensor& t) {
  std::vector<int64_t> k{int64_t(reinterpret_cast<intptr_t>(t.storage().get())), t.byte_offset(), int64_t(t.dtype())};
  k.insert(k.end(), t.shape().begin(), t.shape().end());
  k.insert(k.end(), t.strides().begin(), t.strides().end());
  return k;
}

}  // namespace neve::capture
