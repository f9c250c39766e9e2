// Matrix multiplication for the reference: blocked and threaded, right for every numeric dtype.
#pragma once
#include <cstdint>

namespace neve::ops {

/// A matrix in memory: element (i, j) is at data[i * row + j * column].
template <class T>
struct Matrix {
  T* data;
  int64_t row, column;
};

/// c = a * b, or c += a * b if `accumulate`. a is m x k, b is k x n, c is m x n with column stride 1. Integers wrap.
/// Made for float, double, uint32_t and uint64_t (signed integers: their unsigned twins). Does not throw but for lack
/// of memory.
template <class T>
void gemm(int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b, Matrix<T> c, bool accumulate,
          int threads);

extern template void gemm(int64_t, int64_t, int64_t, Matrix<const float>, Matrix<const float>, Matrix<float>, bool,
                          int);
extern template void gemm(int64_t, int64_t, int64_t, Matrix<const double>, Matrix<const double>, Matrix<double>, bool,
                          int);
extern template void gemm(int64_t, int64_t, int64_t, Matrix<const uint32_t>, Matrix<const uint32_t>, Matrix<uint32_t>,
                          bool, int);
extern template void gemm(int64_t, int64_t, int64_t, Matrix<const uint64_t>, Matrix<const uint64_t>, Matrix<uint64_t>,
                          bool, int);

}  // namespace neve::ops
