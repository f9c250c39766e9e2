// The vector type of an instruction set and what is done with it: the flags of simd_<isa>.cpp decide what V is.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace neve::kernels::native {
namespace {

#define NEVE_INLINE inline __attribute__((always_inline))
#define NEVE_INLINED __attribute__((always_inline))  // of a lambda

// load_some and store_some: the first n lanes, 0 < n < lanes; the others are 0.
#if defined(__AVX512F__) && defined(__AVX512DQ__)
using V = __m512;
constexpr int64_t lanes = 16;
constexpr int tile_rows = 6;
constexpr int tallest_tile[] = {0, 16, 12, 8, 6};  // by vectors: the sums fit into the registers
NEVE_INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
NEVE_INLINE void store(float* p, V x) { _mm512_storeu_ps(p, x); }
NEVE_INLINE V all(float x) { return _mm512_set1_ps(x); }
NEVE_INLINE V load_some(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p); }
NEVE_INLINE void store_some(float* p, V x, int64_t n) { _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), x); }
NEVE_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
NEVE_INLINE V least(V a, V b) { return _mm512_min_ps(a, b); }
NEVE_INLINE V most(V a, V b) { return _mm512_max_ps(a, b); }
NEVE_INLINE V if_less(V a, V b, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
NEVE_INLINE V if_equal(V a, V b, V yes, V no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), no, yes);
}
NEVE_INLINE V magnitude(V x) { return _mm512_and_ps(x, _mm512_castsi512_ps(_mm512_set1_epi32(0x7fffffff))); }
NEVE_INLINE V sign_of(V x) { return _mm512_and_ps(x, _mm512_castsi512_ps(_mm512_set1_epi32(int(0x80000000u)))); }
NEVE_INLINE V or_bits(V a, V b) { return _mm512_or_ps(a, b); }
NEVE_INLINE V root(V x) { return _mm512_sqrt_ps(x); }
NEVE_INLINE V nearest(V x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
NEVE_INLINE V times_power(V x, V n) { return _mm512_scalef_ps(x, n); }
/// Numbers of lanes, and the lanes of x in their order.
using Lanes = __m512i;
NEVE_INLINE Lanes lanes_of(const int32_t* p) { return _mm512_loadu_si512(p); }
NEVE_INLINE Lanes next_lanes(Lanes n) { return _mm512_add_epi32(n, _mm512_set1_epi32(1)); }
NEVE_INLINE V permute(V x, Lanes n) { return _mm512_permutexvar_ps(n, x); }
/// 1 / x to two of the last bits, x >= 1: an estimate and a step of Newton's, half the time of a division.
NEVE_INLINE V inverse(V x) {
  const V y = _mm512_rcp14_ps(x);
  const V better = _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.f)), y);
  return if_equal(x, all(__builtin_inff()), y, better);  // infinity times 0 is none
}
/// 2^x; of x beyond 20 some of the last bits are those of its rounding.
#define NEVE_HAS_EXP2
NEVE_INLINE V exp2_of(V x) {
  const V r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);  // x - floor(x); 0 for infinities
  V p = all(1.867130050e-3f);
  p = fma(p, r, all(9.017030708e-3f));
  p = fma(p, r, all(5.579991266e-2f));
  p = fma(p, r, all(2.401644439e-1f));
  p = fma(p, r, all(6.931512952e-1f));
  return _mm512_scalef_ps(fma(p, r, all(1.f)), x);  // which takes the floor of x
}
#elif defined(__AVX2__)
using V = __m256;
constexpr int64_t lanes = 8;
constexpr int tile_rows = 3;
constexpr int tallest_tile[] = {0, 8, 6, 4, 3};
NEVE_INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
NEVE_INLINE void store(float* p, V x) { _mm256_storeu_ps(p, x); }
NEVE_INLINE V all(float x) { return _mm256_set1_ps(x); }
NEVE_INLINE __m256i first_lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NEVE_INLINE V load_some(const float* p, int64_t n) { return _mm256_maskload_ps(p, first_lanes(n)); }
NEVE_INLINE void store_some(float* p, V x, int64_t n) { _mm256_maskstore_ps(p, first_lanes(n), x); }
NEVE_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
NEVE_INLINE V least(V a, V b) { return _mm256_min_ps(a, b); }
NEVE_INLINE V most(V a, V b) { return _mm256_max_ps(a, b); }
NEVE_INLINE V if_less(V a, V b, V yes, V no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
NEVE_INLINE V if_equal(V a, V b, V yes, V no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
NEVE_INLINE V magnitude(V x) { return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }
NEVE_INLINE V sign_of(V x) { return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(int(0x80000000u)))); }
NEVE_INLINE V or_bits(V a, V b) { return _mm256_or_ps(a, b); }
NEVE_INLINE V root(V x) { return _mm256_sqrt_ps(x); }
NEVE_INLINE V nearest(V x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
using Lanes = __m256i;
NEVE_INLINE Lanes lanes_of(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
NEVE_INLINE Lanes next_lanes(Lanes n) { return _mm256_add_epi32(n, _mm256_set1_epi32(1)); }
NEVE_INLINE V permute(V x, Lanes n) { return _mm256_permutevar8x32_ps(x, n); }
NEVE_INLINE V power(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
NEVE_INLINE V times_power(V x, V n) {  // in two steps: 2^n itself may be no normal number
  const __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1);
  return x * power(half) * power(_mm256_sub_epi32(i, half));
}
#else
using V = __m128;
constexpr int64_t lanes = 4;
constexpr int tile_rows = 3;
constexpr int tallest_tile[] = {0, 8, 6, 4, 3};
NEVE_INLINE V load(const float* p) { return _mm_loadu_ps(p); }
NEVE_INLINE void store(float* p, V x) { _mm_storeu_ps(p, x); }
NEVE_INLINE V all(float x) { return _mm_set1_ps(x); }
NEVE_INLINE V load_some(const float* p, int64_t n) {
  float room[4] = {};
  for (int64_t i = 0; i < n; ++i) room[i] = p[i];
  return _mm_loadu_ps(room);
}
NEVE_INLINE void store_some(float* p, V x, int64_t n) {
  float room[4];
  _mm_storeu_ps(room, x);
  for (int64_t i = 0; i < n; ++i) p[i] = room[i];
}
NEVE_INLINE V fma(V a, V b, V c) { return a * b + c; }
NEVE_INLINE V least(V a, V b) { return _mm_min_ps(a, b); }
NEVE_INLINE V most(V a, V b) { return _mm_max_ps(a, b); }
NEVE_INLINE V if_less(V a, V b, V yes, V no) { return _mm_blendv_ps(no, yes, _mm_cmplt_ps(a, b)); }
NEVE_INLINE V if_equal(V a, V b, V yes, V no) { return _mm_blendv_ps(no, yes, _mm_cmpeq_ps(a, b)); }
NEVE_INLINE V magnitude(V x) { return _mm_and_ps(x, _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff))); }
NEVE_INLINE V sign_of(V x) { return _mm_and_ps(x, _mm_castsi128_ps(_mm_set1_epi32(int(0x80000000u)))); }
NEVE_INLINE V or_bits(V a, V b) { return _mm_or_ps(a, b); }
NEVE_INLINE V root(V x) { return _mm_sqrt_ps(x); }
NEVE_INLINE V nearest(V x) { return _mm_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
using Lanes = __m128i;  // of bytes, four for each lane
NEVE_INLINE Lanes lanes_of(const int32_t* p) {
  const __m128i n = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm_add_epi32(_mm_mullo_epi32(n, _mm_set1_epi32(0x04040404)), _mm_set1_epi32(0x03020100));
}
NEVE_INLINE Lanes next_lanes(Lanes n) { return _mm_add_epi32(n, _mm_set1_epi32(0x04040404)); }
NEVE_INLINE V permute(V x, Lanes n) { return _mm_castsi128_ps(_mm_shuffle_epi8(_mm_castps_si128(x), n)); }
NEVE_INLINE V power(__m128i n) { return _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(n, _mm_set1_epi32(127)), 23)); }
NEVE_INLINE V times_power(V x, V n) {
  const __m128i i = _mm_cvtps_epi32(n), half = _mm_srai_epi32(i, 1);
  return x * power(half) * power(_mm_sub_epi32(i, half));
}
#endif

#ifndef NEVE_HAS_EXP2
NEVE_INLINE V inverse(V x) { return all(1.f) / x; }
#endif

template <int N>
struct Index {
  static constexpr int value = N;
};
/// f(0), f(1), ... f(N - 1), each with its number as a constant.
template <int N, class F>
NEVE_INLINE void unroll(F&& f) {
  if constexpr (N > 0) {
    unroll<N - 1>(f);
    f(Index<N - 1>{});
  }
}

/// Brings a part of a row that is soon written, or read, into the first cache.
template <int Vectors, bool Written>
NEVE_INLINE void bring(const float* row) {
  constexpr int line = 16;
  unroll<(Vectors * lanes + line - 1) / line>(
      [&](auto i) NEVE_INLINED { __builtin_prefetch(row + i.value * line, Written, 3); });
}

/// f with the number of vectors of a panel as a constant: 1 to 4.
template <class F>
NEVE_INLINE void with_vectors(int vectors, F&& f) {
  switch (vectors) {
    case 1:
      return f(Index<1>{});
    case 2:
      return f(Index<2>{});
    case 3:
      return f(Index<3>{});
    default:
      return f(Index<4>{});
  }
}

}  // namespace
}  // namespace neve::kernels::native
