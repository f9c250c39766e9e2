// Products by AMX tiles. Nothing here calls inline functions of the standard library: a copy compiled for a newer CPU
// could be linked for all.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's own _mm512_undefined_ps() (GCC bug 105593)
#endif
#include <immintrin.h>

#include "kernels/cpu/native/tiles.h"

namespace neve::kernels::native {
namespace {

/// Memory layout of the CPU's tile configuration.
struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};

/// The nearest bf16 of each, in the upper halves; where that is infinite and x is not, the one before it.
__m512i nearest_bf16(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x), exponent = _mm512_set1_epi32(0x7f800000);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __mmask16 beyond = _mm512_cmpeq_epi32_mask(_mm512_and_si512(up, exponent), exponent),
                  special = _mm512_cmpeq_epi32_mask(_mm512_and_si512(bits, exponent), exponent),
                  nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  __m512i best = _mm512_mask_mov_epi32(up, beyond | special, bits);
  best = _mm512_mask_or_epi32(best, nan, best, _mm512_set1_epi32(0x400000));  // the bits that stay may all be zero
  return _mm512_and_si512(best, _mm512_set1_epi32(int(0xffff0000)));
}

/// The parts of 16 numbers, in upper halves. What is infinite or no number has one part.
struct Parts {
  __m512i of[3];
};
Parts split(__m512 x, int parts) {
  Parts p{};
  for (int i = 0; i < parts; ++i) {
    p.of[i] = nearest_bf16(x);
    const __m512 part = _mm512_castsi512_ps(p.of[i]);
    const __mmask16 finite = _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(3.402823466e38f), _CMP_LE_OQ);
    x = _mm512_maskz_sub_ps(finite, x, part);
  }
  return p;
}

__mmask16 first(int64_t n) { return n >= 16 ? __mmask16(0xffff) : n <= 0 ? __mmask16(0) : __mmask16((1u << n) - 1); }

/// Lines [begin, end) of the two that each of the rows has of a panel.
void fetch_rows(const TileProducts& p, int64_t panel, int64_t begin, int64_t end) {
  for (int64_t n = begin; n < end && n / 2 < p.y_rows; ++n) {
    const int64_t at = n / 2 * p.y_stride + panel * block_side + n % 2 * 16;
    __builtin_prefetch(p.y + at, 1, 2);
    if (p.residual && p.residual != p.y) __builtin_prefetch(p.residual + at, 0, 2);
  }
}

template <int Parts>
void multiply_panel(const TileProducts& p, int64_t panel) {
  const uint16_t *a = p.a, *b = p.b + panel * p.b_panel;
  float* c = p.c + panel * block_side;
  const char* next = reinterpret_cast<const char*>(p.next_b ? p.next_b : p.b) + panel * p.b_panel * int64_t(sizeof *b);
  constexpr int64_t tile = tile_elements, row = 64;  // bytes of a row
  const int64_t stride = p.c_stride * int64_t(sizeof(float));
  float* under = c + tile_rows * p.c_stride;
  if (p.add) {
    _tile_loadd(0, c, stride);
    _tile_loadd(1, c + tile_rows, stride);
    _tile_loadd(2, under, stride);
    _tile_loadd(3, under + tile_rows, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const auto load_a = [&](int part) __attribute__((always_inline)) {
    _tile_loadd(4, a + 2 * part * tile, row);
    _tile_loadd(5, a + (2 * part + 1) * tile, row);
  };
  const auto load_b = [&](int part) __attribute__((always_inline)) {
    _tile_loadd(6, b + 2 * part * tile, row);
    _tile_loadd(7, b + (2 * part + 1) * tile, row);
  };
  const auto multiply = [&]() __attribute__((always_inline)) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  };
  for (int64_t i = 0; i < p.depth; ++i, a += block_elements(Parts), b += block_elements(Parts)) {
    for (int64_t n = p.next_begin; n < p.next_end; ++n) _mm_prefetch(next + n * 64, _MM_HINT_T1);
    next += lines_of_block(Parts) * 64;
    if (p.y) fetch_rows(p, panel, 64 * i / p.depth, 64 * (i + 1) / p.depth);
    const char* soon = reinterpret_cast<const char*>(b + block_elements(Parts));
    const auto bring = [&](int lines_of_part) __attribute__((always_inline)) {
      for (int n = 0; n < lines_of_part; ++n, soon += 64) _mm_prefetch(soon, _MM_HINT_T0);
    };
    // Of each pair of parts those whose product is not below the last digits, the smaller first where that is free.
    load_b(0);
    if constexpr (Parts == 3) {
      load_a(2);
      multiply();
      bring(32);
    }
    load_a(1);
    multiply();
    bring(32);
    load_a(0);
    multiply();
    bring(32);
    load_b(1);
    multiply();
    if constexpr (Parts == 3) {
      load_a(1);
      multiply();
      load_b(2);
      load_a(0);
      multiply();
    }
  }
  _tile_stored(0, c, stride);
  _tile_stored(1, c + tile_rows, stride);
  _tile_stored(2, under, stride);
  _tile_stored(3, under + tile_rows, stride);
}

}  // namespace

void split_rows_amx(const float* x, int64_t stride, int64_t rows, int64_t k, int parts, uint16_t* block) {
  for (int64_t i = 0; i < k; i += tile_depth, block += block_elements(parts))
    for (int64_t r = 0; r < block_side; ++r) {
      const float* from = x + r * stride + i;
      const int64_t n = r < rows ? k - i : 0;
      const Parts low = split(_mm512_maskz_loadu_ps(first(n), from), parts),
                  high = split(_mm512_maskz_loadu_ps(first(n - 16), from + 16), parts);
      for (int p = 0; p < parts; ++p) {
        uint16_t* to = block + (2 * p + r / tile_rows) * tile_elements + r % tile_rows * tile_depth;
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(_mm512_srli_epi32(low.of[p], 16)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 16),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(high.of[p], 16)));
      }
    }
}

// A row of a tile has two positions of 16 columns, one beside the other.
void split_columns_amx(const float* w, int64_t stride, int64_t columns, int64_t k, int parts, uint16_t* panel) {
  for (int64_t i = 0; i < k; i += tile_depth, panel += block_elements(parts))
    for (int64_t r = 0; r < tile_rows; ++r)
      for (int64_t t = 0; t < 2; ++t) {
        const float* from = w + (i + 2 * r) * stride + t * 16;
        const __mmask16 some = first(columns - t * 16);
        const Parts even = split(_mm512_maskz_loadu_ps(i + 2 * r < k ? some : __mmask16(0), from), parts),
                    odd = split(_mm512_maskz_loadu_ps(i + 2 * r + 1 < k ? some : __mmask16(0), from + stride), parts);
        for (int p = 0; p < parts; ++p)
          _mm512_storeu_si512(panel + (2 * p + t) * tile_elements + r * 32,
                              _mm512_or_si512(odd.of[p], _mm512_srli_epi32(even.of[p], 16)));
      }
}

// g++ 12 does not see that the instruction reads all of it, and would leave out what is written just before.
void begin_tiles_amx() {
  static const TileConfig all = {1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&all);
}
void end_tiles_amx() { _tile_release(); }

void tile_products_amx(const TileProducts& p) {
  for (int64_t j = 0; j < p.panels; ++j) p.parts == 2 ? multiply_panel<2>(p, j) : multiply_panel<3>(p, j);
}

}  // namespace neve::kernels::native
