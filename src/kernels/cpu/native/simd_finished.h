// Products with a packed panel of columns that are stored where they belong, with bias, residual and activation applied
// while the sums are in registers.
#pragma once
#include "kernels/cpu/native/simd_activation.h"

namespace neve::kernels::native {
namespace {

/// Rows [row, row + Rows) of a block. Step: 0: the positions of a row lie in runs, one behind the other; else there are
/// taps, with rows at as many floats, so that they need no registers, or at p.a_stride (-1).
template <int Rows, int Vectors, int Step>
struct FinishedTile {
  const FinishedProduct& p;
  int64_t row;
  V sum[Rows][Vectors];

  /// f(vector, lanes of it that exist; 0: all).
  template <class F>
  NEVE_INLINE void each_vector_of_row(F&& f) {
    const int64_t some = p.columns % lanes;
    if (some == 0) {
      unroll<Vectors>([&](auto v) NEVE_INLINED { f(v, Index<0>{}, int64_t(0)); });
    } else {
      unroll<Vectors - 1>([&](auto v) NEVE_INLINED { f(v, Index<0>{}, int64_t(0)); });
      f(Index<Vectors - 1>{}, Index<1>{}, some);
    }
  }

  /// The rows that are added and written at the end. Where they lie apart nothing else fetches them, and asked for then
  /// they would come later than the next sums are done.
  NEVE_INLINE void bring_rows(int64_t positions) {
    constexpr int64_t worth_it = 32;  // their multiplications take longer than memory
    if (positions < worth_it || p.c_stride <= Vectors * lanes) return;
    unroll<Rows>([&](auto r) NEVE_INLINED {
      const int64_t at = (row + r.value) * p.c_stride;
      bring<Vectors, true>(p.c + at);
      if (p.residual && p.residual != p.c) bring<Vectors, false>(p.residual + at);
    });
  }

  NEVE_INLINE void begin() {
    if (!p.bias) {
      unroll<Rows>([&](auto r) NEVE_INLINED {
        unroll<Vectors>([&](auto v) NEVE_INLINED { sum[r.value][v.value] = all(0.f); });
      });
      return;
    }
    each_vector_of_row([&](auto v, auto part, int64_t some) NEVE_INLINED {
      const V bias = read<part.value>(p.bias + v.value * lanes, some);
      unroll<Rows>([&](auto r) NEVE_INLINED { sum[r.value][v.value] = bias; });
    });
  }

  NEVE_INLINE void multiply(const char* ahead, int64_t lines) {
    const float* a = p.a + row * p.a_stride;
    if constexpr (Step) return multiply_run(a, p.b, ahead, lines);
    const int64_t runs = p.run_at ? p.runs : 1;
    for (int64_t i = 0; i < runs; ++i) {
      const int64_t share = lines / (runs - i);
      multiply_run(a + (p.run_at ? p.run_at[i] : 0), p.b + i * p.k * Vectors * lanes, ahead, share);
      lines -= share, ahead += share * 64;
    }
  }

  NEVE_INLINE void multiply_run(const float* a, const float* b, const char* ahead, int64_t lines) {
    const int64_t stride = Step > 0 ? Step : p.a_stride;
    auto add = [&](int64_t i) NEVE_INLINED {
      V w[Vectors];
      unroll<Vectors>([&](auto v) NEVE_INLINED { w[v.value] = load(b + (i * Vectors + v.value) * lanes); });
      const int64_t at = Step ? p.taps[i] : i;
      unroll<Rows>([&](auto r) NEVE_INLINED {
        const V x = all(a[r.value * stride + at]);
        unroll<Vectors>([&](auto v)
                            NEVE_INLINED { sum[r.value][v.value] = fma(x, w[v.value], sum[r.value][v.value]); });
      });
    };
    constexpr int64_t step = 4;
    const int64_t steps = p.k / step, each = steps ? (lines + steps - 1) / steps : 0;
    int64_t i = 0;
    for (; i + step <= p.k; i += step) {
      for (int64_t n = 0; n < each && lines > 0; ++n, --lines, ahead += 64) _mm_prefetch(ahead, _MM_HINT_T1);
      unroll<int(step)>([&](auto u) NEVE_INLINED { add(i + u.value); });
    }
    for (; i < p.k; ++i) add(i);
  }

  NEVE_INLINE void add_residual() {
    const float* x = p.residual + row * p.c_stride;
    each_vector_of_row([&](auto v, auto part, int64_t some) NEVE_INLINED {
      unroll<Rows>([&](auto r) NEVE_INLINED {
        sum[r.value][v.value] =
            sum[r.value][v.value] + read<part.value>(x + r.value * p.c_stride + v.value * lanes, some);
      });
    });
  }

  template <class F>
  NEVE_INLINE void put(F&& f) {
    float* c = p.c + row * p.c_stride;
    each_vector_of_row([&](auto v, auto part, int64_t some) NEVE_INLINED {
      unroll<Rows>([&](auto r) NEVE_INLINED {
        float* to = c + r.value * p.c_stride + v.value * lanes;
        if constexpr (part.value)
          store_some(to, f(sum[r.value][v.value]), some);
        else
          store(to, f(sum[r.value][v.value]));
      });
    });
  }

 private:
  template <int Part>
  NEVE_INLINE static V read(const float* x, int64_t some) {
    if constexpr (Part)
      return load_some(x, some);
    else
      return load(x);
  }
};

/// What follows the sums, and where they go.
template <int Rows, int Vectors, int Step>
NEVE_INLINE void write_tile(FinishedTile<Rows, Vectors, Step>& t) {
  const FinishedProduct& p = t.p;
  if (p.residual) t.add_residual();
  put_short(p.f, [&](auto&& f) NEVE_INLINED { t.put(f); });
  if (p.f.is_short()) return;
  const int64_t whole = p.columns / lanes * lanes, some = p.columns % lanes;
  for (int64_t r = t.row; r < t.row + Rows; ++r) {
    float* c = p.c + r * p.c_stride;
    activate(p.f, c, whole);
    if (!some) continue;
    float rest[lanes];
    store(rest, load_some(c + whole, some));
    activate(p.f, rest, lanes);
    store_some(c + whole, load(rest), some);
  }
}

template <int Rows, int Vectors, int Step>
void finished_tile(const FinishedProduct& p, int64_t row, const char* ahead, int64_t lines) {
  FinishedTile<Rows, Vectors, Step> t{p, row, {}};
  t.bring_rows(p.k / 2);
  t.begin();
  t.multiply(ahead, lines);
  write_tile(t);
}

template <int Rows, int Vectors, int Step>
NEVE_INLINE void finish_rows(int64_t rows, const FinishedProduct& p, int64_t row, const char* ahead, int64_t lines) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return finished_tile<Rows, Vectors, Step>(p, row, ahead, lines);
    finish_rows<Rows - 1, Vectors, Step>(rows, p, row, ahead, lines);
  }
}

// Rows in tiles of equal height, so that none is left with too few sums to hide the latency of a multiply-add.
template <int Vectors, int Step>
void finished_product_of(const FinishedProduct& p) {
  constexpr int64_t tallest = tallest_tile[Vectors];
  const int64_t tiles = (p.rows + tallest - 1) / tallest;
  int64_t begin = 0, lines = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t end = p.rows * (i + 1) / tiles, fetched = p.ahead_lines * (i + 1) / tiles;
    finish_rows<int(tallest), Vectors, Step>(end - begin, p, begin, p.ahead + lines * 64, fetched - lines);
    begin = end, lines = fetched;
  }
}

void finished_product(const FinishedProduct& p) {
  with_vectors(p.vectors, [&](auto v) {
    if (!p.taps) return finished_product_of<v.value, 0>(p);
    if constexpr (v.value <= 2) {  // else the rows of a tile are few
      if (p.a_stride == 1) return finished_product_of<v.value, 1>(p);
      if (p.a_stride == 2) return finished_product_of<v.value, 2>(p);
    }
    finished_product_of<v.value, -1>(p);
  });
}

}  // namespace
}  // namespace neve::kernels::native
