// Which sums of parts of two matrices are multiplied, and to which parts of the result each product goes.
#pragma once
#include <cstdint>
#include <vector>

namespace neve::kernels::native {

/// A part of a matrix that is cut into 2^levels by 2^levels, and its sign.
struct Part {
  int row, column;
  float sign;
};
struct PartProduct {
  std::vector<Part> a, b, c;  ///< (sum of a) times (sum of b), added to each of c
};

/// Level 0: one product. Each level more takes 7 products for 8 (Strassen, 1969). At most 2 levels.
const std::vector<PartProduct>& part_products(int levels);

}  // namespace neve::kernels::native
