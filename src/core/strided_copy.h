// Copying between two strided layouts of one shape.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace neve {

/// out[i] = in[i] for every index of `shape`; strides in elements, element_size 1, 2, 4, 8 or 16 bytes. The two do not
/// overlap.
void strided_copy(std::byte* out, const std::vector<int64_t>& out_strides, const std::byte* in,
                  const std::vector<int64_t>& in_strides, const std::vector<int64_t>& shape, int64_t element_size);

}  // namespace neve
