// Copies in which every element of the result comes from one place of the source, axis by axis: padding, nearest
// resampling.
#pragma once
#include <neve/tensor.h>

#include <cstddef>
#include <vector>

namespace neve::kernels::native {

/// y[i, j, ...] = x[map[0][i], map[1][j], ...]; -1: the fill value.
class MapCopy {
 public:
  /// @param x     sizes of the source
  /// @param maps  per axis, as long as that axis of the result
  /// @param element  bytes of one element: 1, 2, 4, 8 or 16
  MapCopy(const Sizes& x, std::vector<std::vector<int64_t>> maps, int64_t element);
  /// @param fill  one element; null: zeros. Allocates nothing.
  void run(const std::byte* x, std::byte* y, const std::byte* fill, int threads) const;
  size_t bytes() const;

 private:
  /// `count` blocks in a row, from `from` on (-1: filled).
  struct Run {
    int64_t to, from, count;
  };
  void rows(int64_t begin, int64_t end, const std::byte* x, std::byte* y, const std::byte* fill) const;
  void make_row(const std::byte* x, std::byte* y, const std::byte* fill) const;

  int64_t element_, block_, row_ = 1, outer_ = 1;  // block: bytes of what no map changes, at the end; row: blocks
  std::vector<std::vector<int64_t>> maps_;         // of the axes before the row: offset in the source in bytes, or -1
  std::vector<Run> runs_;
  std::vector<int64_t> gather_;  // instead of runs where they would be short: blocks
};

/// Writes n elements of `element` bytes; `value` null: zeros.
void fill_elements(std::byte* to, int64_t n, int64_t element, const std::byte* value);

}  // namespace neve::kernels::native
