// Transposes in registers.
#pragma once
#include "kernels/cpu/native/simd_vector.h"

namespace neve::kernels::native {
namespace {

/// 4 rows by 4 columns.
NEVE_INLINE void transpose_4(const float* from, int64_t row, float* to, int64_t stride) {
  __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + row), c = _mm_loadu_ps(from + 2 * row),
         d = _mm_loadu_ps(from + 3 * row);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(to, a);
  _mm_storeu_ps(to + stride, b);
  _mm_storeu_ps(to + 2 * stride, c);
  _mm_storeu_ps(to + 3 * stride, d);
}

#ifdef __AVX512F__
/// 16 rows by 4 columns: a quarter of a vector has 4 columns of a row, of every fourth row.
NEVE_INLINE void transpose_16(const float* from, int64_t row, float* to, int64_t stride) {
  __m512 x[4];
  unroll<4>([&](auto i) NEVE_INLINED {
    const float* at = from + i.value * row;
    x[i.value] = _mm512_castps128_ps512(_mm_loadu_ps(at));
    x[i.value] = _mm512_insertf32x4(x[i.value], _mm_loadu_ps(at + 4 * row), 1);
    x[i.value] = _mm512_insertf32x4(x[i.value], _mm_loadu_ps(at + 8 * row), 2);
    x[i.value] = _mm512_insertf32x4(x[i.value], _mm_loadu_ps(at + 12 * row), 3);
  });
  const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(x[0], x[1])),
                b = _mm512_castps_pd(_mm512_unpackhi_ps(x[0], x[1])),
                c = _mm512_castps_pd(_mm512_unpacklo_ps(x[2], x[3])),
                d = _mm512_castps_pd(_mm512_unpackhi_ps(x[2], x[3]));
  store(to, _mm512_castpd_ps(_mm512_unpacklo_pd(a, c)));
  store(to + stride, _mm512_castpd_ps(_mm512_unpackhi_pd(a, c)));
  store(to + 2 * stride, _mm512_castpd_ps(_mm512_unpacklo_pd(b, d)));
  store(to + 3 * stride, _mm512_castpd_ps(_mm512_unpackhi_pd(b, d)));
}
#endif

void transpose(const float* from, int64_t row, int64_t rows, int64_t columns, float* to, int64_t stride) {
  int64_t j = 0;
  auto columns_of = [&](auto height, auto&& four) NEVE_INLINED {
    for (; j + height.value <= rows; j += height.value) {
      const float* x = from + j * row;
      int64_t i = 0;
      for (; i + 4 <= columns; i += 4) four(x + i, to + i * stride + j);
      for (; i < columns; ++i)
        for (int64_t l = 0; l < height.value; ++l) to[i * stride + j + l] = x[l * row + i];
    }
  };
#ifdef __AVX512F__
  columns_of(Index<16>{}, [&](const float* x, float* y) NEVE_INLINED { transpose_16(x, row, y, stride); });
#endif
  columns_of(Index<4>{}, [&](const float* x, float* y) NEVE_INLINED { transpose_4(x, row, y, stride); });
  columns_of(Index<1>{}, [&](const float* x, float* y) NEVE_INLINED {
    unroll<4>([&](auto i) NEVE_INLINED { y[i.value * stride] = x[i.value]; });
  });
}

}  // namespace
}  // namespace neve::kernels::native
