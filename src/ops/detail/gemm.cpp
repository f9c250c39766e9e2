// Matrix multiplication for the reference: panels of both operands are packed, a small tile of c stays in registers.
#include "ops/detail/gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/threads.h"

namespace neve::ops {
namespace {

constexpr int64_t kRows = 4;     // tile of c: kRows x (2 vectors)
constexpr int64_t kDepth = 256;  // k is taken in slices, so that packed panels stay in cache
constexpr int64_t kWidth = 512;  // and n in slices of this many columns

template <class T>
using Vec __attribute__((vector_size(16))) = T;
template <class T>
constexpr int64_t kLanes = 16 / int64_t(sizeof(T));
template <class T>
constexpr int64_t kCols = 2 * kLanes<T>;

template <class T>
Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// tile[kRows][kCols] = panel of a (depth x kRows) times panel of b (depth x kCols).
template <class T>
void tile_product(int64_t depth, const T* a, const T* b, T* tile) {
  Vec<T> acc[kRows][2] = {};
  for (int64_t p = 0; p < depth; ++p, a += kRows, b += kCols<T>) {
    const Vec<T> b0 = load(b), b1 = load(b + kLanes<T>);
    for (int64_t i = 0; i < kRows; ++i) {
      acc[i][0] += b0 * a[i];
      acc[i][1] += b1 * a[i];
    }
  }
  std::memcpy(tile, acc, sizeof acc);
}

/// Packs rows [first, first + kRows) of a, zero padded.
template <class T>
void pack_rows(Matrix<const T> a, int64_t first, int64_t m, int64_t depth0, int64_t depth, T* to) {
  for (int64_t p = 0; p < depth; ++p)
    for (int64_t i = 0; i < kRows; ++i)
      *to++ = first + i < m ? a.data[(first + i) * a.row + (depth0 + p) * a.column] : T(0);
}

template <class T>
void pack_columns(Matrix<const T> b, int64_t first, int64_t n, int64_t depth0, int64_t depth, T* to) {
  for (int64_t p = 0; p < depth; ++p) {
    const T* row = b.data + (depth0 + p) * b.row;
    for (int64_t j = 0; j < kCols<T>; ++j) *to++ = first + j < n ? row[(first + j) * b.column] : T(0);
  }
}

/// For few rows packing costs more than it saves.
template <class T>
void few_rows(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c, bool accumulate,
              int threads) {
  parallel_for(n, std::max<int64_t>(1, 16384 / (m * k + 1)), threads, [&](int64_t j0, int64_t j1, int) {
    for (int64_t i = 0; i < m; ++i) {
      T* y = c.data + i * c.row;
      const T* x = a.data + i * a.row;
      if (b.column == 1) {
        if (!accumulate) std::fill(y + j0, y + j1, T(0));
        for (int64_t p = 0; p < k; ++p) {
          const T v = x[p * a.column];
          const T* row = b.data + p * b.row;
          for (int64_t j = j0; j < j1; ++j) y[j] += v * row[j];
        }
      } else {
        for (int64_t j = j0; j < j1; ++j) {
          const T* column = b.data + j * b.column;
          T s[4] = {};  // four sums, so that additions do not wait for one another
          int64_t p = 0;
          for (; p + 4 <= k; p += 4)
            for (int64_t q = 0; q < 4; ++q) s[q] += x[(p + q) * a.column] * column[(p + q) * b.row];
          for (; p < k; ++p) s[0] += x[p * a.column] * column[p * b.row];
          const T sum = (s[0] + s[1]) + (s[2] + s[3]);
          y[j] = accumulate ? y[j] + sum : sum;
        }
      }
    }
  });
}

template <class T>
void add_tile(const T* tile, T* c, int64_t row, int64_t rows, int64_t cols, bool accumulate) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      const T v = tile[i * kCols<T> + j];
      c[i * row + j] = accumulate ? c[i * row + j] + v : v;
    }
}

}  // namespace

template <class T>
void gemm(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c, bool accumulate,
          int threads) {
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    if (!accumulate)
      for (int64_t i = 0; i < m; ++i) std::fill_n(c.data + i * c.row, n, T(0));
    return;
  }
  if (m < kRows) return few_rows(m, n, k, a, b, c, accumulate, threads);
  const int64_t depth_max = std::min(k, kDepth), width_max = std::min(n, kWidth);
  const int64_t panels_max = (width_max + kCols<T> - 1) / kCols<T>;
  std::vector<T> packed(size_t(panels_max * kCols<T> * depth_max));
  const int64_t row_panels = (m + kRows - 1) / kRows;
  for (int64_t j0 = 0; j0 < n; j0 += kWidth)
    for (int64_t p0 = 0; p0 < k; p0 += kDepth) {
      const int64_t width = std::min(kWidth, n - j0), depth = std::min(kDepth, k - p0);
      const int64_t panels = (width + kCols<T> - 1) / kCols<T>;
      const bool add = accumulate || p0 > 0;
      for (int64_t q = 0; q < panels; ++q)
        pack_columns(b, j0 + q * kCols<T>, n, p0, depth, packed.data() + q * depth * kCols<T>);
      const int64_t grain = std::max<int64_t>(1, 65536 / (depth * width * kRows + 1));
      parallel_for(row_panels, grain, threads, [&](int64_t begin, int64_t end, int) {
        T rows[kRows * kDepth];
        T tile[kRows * kCols<T>];
        for (int64_t r = begin; r < end; ++r) {
          const int64_t i0 = r * kRows, height = std::min(kRows, m - i0);
          pack_rows(a, i0, m, p0, depth, rows);
          for (int64_t q = 0; q < panels; ++q) {
            tile_product(depth, rows, packed.data() + q * depth * kCols<T>, tile);
            const int64_t j = j0 + q * kCols<T>;
            add_tile(tile, c.data + i0 * c.row + j, c.row, height, std::min(kCols<T>, n - j), add);
          }
        }
      });
    }
}

template void gemm(int64_t, int64_t, int64_t, Matrix<const float>, Matrix<const float>, Matrix<float>, bool, int);
template void gemm(int64_t, int64_t, int64_t, Matrix<const double>, Matrix<const double>, Matrix<double>, bool, int);
template void gemm(int64_t, int64_t, int64_t, Matrix<const uint32_t>, Matrix<const uint32_t>, Matrix<uint32_t>, bool,
                   int);
template void gemm(int64_t, int64_t, int64_t, Matrix<const uint64_t>, Matrix<const uint64_t>, Matrix<uint64_t>, bool,
                   int);

}  // namespace neve::ops
