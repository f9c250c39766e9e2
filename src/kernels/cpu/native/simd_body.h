// The functions of Simd, written once over a vector type: included by simd_<isa>.cpp, whose flags decide what V is.
// Nothing here calls inline functions of the standard library: a copy compiled for a newer CPU could be linked for all.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's own _mm512_undefined_ps() (GCC bug 105593)
#endif
#include "kernels/cpu/native/simd_activation.h"
#include "kernels/cpu/native/simd_depthwise.h"
#include "kernels/cpu/native/simd_finished.h"
#include "kernels/cpu/native/simd_grouped.h"
#include "kernels/cpu/native/simd_product.h"
#include "kernels/cpu/native/simd_transpose.h"

namespace neve::kernels::native {
namespace {

NEVE_INLINE V bounded(float clip, V x) { return clip > 0 ? least(all(clip), most(all(-clip), x)) : x; }

// ---- recurrent cells ----

void lstm(const LstmStep& s) {
  for (int64_t m = 0; m < s.rows; ++m) {
    const float *x = s.input[m], *p = s.product + m * 4 * lanes;
    if (!x) {
      store(s.h + m * s.stride, load(s.h_before + m * s.stride));
      continue;
    }
    float* at = s.c + m * s.stride;
    V c = load(at);
    V i = load(x) + load(p), o = load(x + lanes) + load(p + lanes), f = load(x + 2 * lanes) + load(p + 2 * lanes);
    const V g = load(x + 3 * lanes) + load(p + 3 * lanes);
    if (s.peephole[0]) {
      i = fma(load(s.peephole[0]), c, i);
      f = fma(load(s.peephole[2]), c, f);
    }
    i = apply(s.f, bounded(s.clip, i));
    f = s.input_forget ? all(1.f) - i : apply(s.f, bounded(s.clip, f));
    const V candidate = apply(s.g, bounded(s.clip, g));
    c = fma(f, c, i * candidate);
    if (s.peephole[0]) o = fma(load(s.peephole[1]), c, o);
    o = apply(s.f, bounded(s.clip, o));
    store(at, c);
    store(s.h + m * s.stride, o * apply(s.out, c));
    if (!s.gates) continue;
    float* to = s.gates + m * s.gates_stride;
    store(to, i);
    store(to + s.gate_stride, o);
    store(to + 2 * s.gate_stride, f);
    store(to + 3 * s.gate_stride, candidate);
  }
}

void lstm_grad(const LstmGradStep& s) {
  const V one = all(1.f);
  const int64_t n = s.units;
  for (int64_t m = 0; m < s.rows; ++m) {
    const float* gate = s.gates + m * 4 * n;
    float* to = s.d_gates + m * 4 * n;
    for (int64_t j = 0; j < n; j += lanes) {
      // The last units of a row that is no multiple of the vector go through a copy.
      const int64_t count = n - j < lanes ? n - j : lanes, at = m * n + j;
      float room[5][16];
      auto take = [&](const float* p) {
        if (count == lanes) return load(p);
        for (int64_t k = 0; k < lanes; ++k) room[4][k] = k < count ? p[k] : 0.f;
        return load(room[4]);
      };
      const V i = take(gate + j), o = take(gate + n + j), f = take(gate + 2 * n + j), g = take(gate + 3 * n + j);
      const V t = apply({Activation::tanh, 0, 0}, take(s.cell + at));
      const V dh = s.dy ? take(s.dh + at) + take(s.dy + at) : take(s.dh + at);
      const V dc = fma(dh * o, one - t * t, take(s.dc + at));
      const V results[5] = {dc * g * i * (one - i), dh * t * o * (one - o),
                            dc * take(s.cell_before + at) * f * (one - f), dc * i * (one - g * g), dc * f};
      if (count == lanes) {
        for (int k = 0; k < 4; ++k) store(to + k * n + j, results[k]);
        store(s.dc + at, results[4]);
        continue;
      }
      for (int k = 0; k < 5; ++k) {
        store(room[k], results[k]);
        float* p = k < 4 ? to + k * n + j : s.dc + at;
        for (int64_t l = 0; l < count; ++l) p[l] = room[k][l];
      }
    }
  }
}

void gru_gates(const GruGates& s) {
  for (int64_t m = 0; m < s.rows; ++m) {
    const float *x = s.input[m], *p = s.product + m * s.product_stride;
    const int64_t at = m * s.stride;
    if (!x) {
      store(s.z + at, all(0.f));
      store(s.gated + at, all(0.f));
      continue;
    }
    store(s.z + at, apply(s.f, bounded(s.clip, load(x) + load(p))));
    store(s.gated + at, apply(s.f, bounded(s.clip, load(x + lanes) + load(p + lanes))) * load(s.h_before + at));
  }
}

void gru_state(const GruState& s) {
  for (int64_t m = 0; m < s.rows; ++m) {
    const float *x = s.input[m], *p = s.product + m * s.product_stride;
    const int64_t at = m * s.stride;
    const V before = load(s.h_before + at);
    if (!x) {
      store(s.h + at, before);
      continue;
    }
    V z, v;
    if (s.linear_before_reset) {
      z = apply(s.f, bounded(s.clip, load(x) + load(p)));
      const V r = apply(s.f, bounded(s.clip, load(x + lanes) + load(p + lanes)));
      v = r * (load(p + 2 * lanes) + load(s.recurrent_bias));
    } else {
      z = load(s.z + at);
      v = load(p);
    }
    const V n = apply(s.g, bounded(s.clip, load(x + 2 * lanes) + v));
    store(s.h + at, fma(z, before, (all(1.f) - z) * n));
  }
}

void rnn(const RnnStep& s) {
  for (int64_t m = 0; m < s.rows; ++m) {
    const float* x = s.input[m];
    const int64_t at = m * s.stride;
    store(s.h + at, x ? apply(s.f, bounded(s.clip, load(x) + load(s.product + m * lanes))) : load(s.h_before + at));
  }
}

void blend(const float* a, const float* b, float wa, float wb, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, load(a + i) * all(wa) + load(b + i) * all(wb));
  for (; i < n; ++i) y[i] = a[i] * wa + b[i] * wb;
}

// ---- attention ----

NEVE_INLINE float sum_of(V x) {
  float a[lanes], s = 0;
  store(a, x);
  for (int64_t i = 0; i < lanes; ++i) s += a[i];
  return s;
}

float softmax_row(SoftmaxRow& r) {
  const float lowest = -__builtin_inff();
  const V scale = all(r.scale);
  V top = all(r.max);
  int64_t i = 0;
  for (; i + lanes <= r.n; i += lanes) {
    V x = load(r.x + i) * scale;
    if (r.mask) x = x + load(r.mask + i);
    store(r.x + i, x);
    top = most(top, x);
  }
  for (int64_t j = i; j < r.n; ++j) r.x[j] = r.x[j] * r.scale + (r.mask ? r.mask[j] : 0.f);
  for (int64_t j = r.n; j < r.width; ++j) r.x[j] = lowest;
  for (; i < r.n; i += lanes) top = most(top, load(r.x + i));
  float a[lanes], max = r.max;
  store(a, top);
  for (int64_t j = 0; j < lanes; ++j) max = a[j] > max ? a[j] : max;
  // Nothing seen so far: the exponentials are 0 whatever is subtracted.
  const V base = all(max == lowest ? 0.f : max);
  V sum0 = all(0.f), sum1 = all(0.f);
  const int64_t end = (r.n + lanes - 1) / lanes * lanes;
  for (i = 0; i + 2 * lanes <= end; i += 2 * lanes) {
    const V x = normal_exp_of(load(r.x + i) - base), y = normal_exp_of(load(r.x + i + lanes) - base);
    store(r.x + i, x);
    store(r.x + i + lanes, y);
    sum0 = sum0 + x;
    sum1 = sum1 + y;
  }
  for (; i < end; i += lanes) {
    const V x = normal_exp_of(load(r.x + i) - base);
    store(r.x + i, x);
    sum0 = sum0 + x;
  }
  for (; i < r.width; i += lanes) store(r.x + i, all(0.f));
  float factor = 0;
  if (r.max != lowest) {
    store(a, normal_exp_of(all(r.max) - base));
    factor = r.max == max ? 1.f : a[0];
  }
  r.sum = r.sum * factor + sum_of(sum0 + sum1);
  r.max = max;
  return factor;
}

void dot_rows(const float* q, const float* k, int64_t stride, int64_t n, int64_t d, float* y) {
  for (int64_t j = 0; j < n; ++j, k += stride) {
    V s0 = all(0.f), s1 = all(0.f), s2 = all(0.f), s3 = all(0.f);
    int64_t i = 0;
    for (; i + 4 * lanes <= d; i += 4 * lanes) {
      s0 = fma(load(q + i), load(k + i), s0);
      s1 = fma(load(q + i + lanes), load(k + i + lanes), s1);
      s2 = fma(load(q + i + 2 * lanes), load(k + i + 2 * lanes), s2);
      s3 = fma(load(q + i + 3 * lanes), load(k + i + 3 * lanes), s3);
    }
    for (; i + lanes <= d; i += lanes) s0 = fma(load(q + i), load(k + i), s0);
    float s = sum_of((s0 + s1) + (s2 + s3));
    for (; i < d; ++i) s += q[i] * k[i];
    y[j] = s;
  }
}

// R rows of a with N of w: every vector is loaded once for R or N products. Ahead: the next N rows of w are asked for.
template <int R, int N, bool Ahead>
NEVE_INLINE void dots_of(const float* a, const float* w, int64_t d, float* y, int64_t y_stride) {
  V s[R][N];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) s[r][j] = all(0.f);
  int64_t i = 0;
  for (; i + lanes <= d; i += lanes) {
    V x[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) x[r] = load(a + r * d + i);
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const V z = load(w + j * d + i);
      if constexpr (Ahead) __builtin_prefetch(w + (j + N) * d + i, 0, 2);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) s[r][j] = fma(x[r], z, s[r][j]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      float sum = sum_of(s[r][j]);
      for (int64_t k = i; k < d; ++k) sum += a[r * d + k] * w[j * d + k];
      y[r * y_stride + j] = sum;
    }
}

template <int N>
NEVE_INLINE void dots_with(const float* a, int64_t rows, const float* w, int64_t d, float* y, int64_t y_stride) {
  constexpr int most = N == 8 ? 1 : lanes == 16 ? 4 : 2;  // sums in registers
  int64_t r = 0;
  if (rows >= most) dots_of<most, N, true>(a, w, d, y, y_stride), r = most;
  for (; r + most <= rows; r += most) dots_of<most, N, false>(a + r * d, w, d, y + r * y_stride, y_stride);
  if (most > 2 && r + 2 <= rows) dots_of<2, N, false>(a + r * d, w, d, y + r * y_stride, y_stride), r += 2;
  for (; r < rows; ++r) dots_of<1, N, false>(a + r * d, w, d, y + r * y_stride, y_stride);
}

void dots(const float* a, int64_t rows, const float* w, int64_t n, int64_t d, float* y, int64_t y_stride) {
  int64_t j = 0;
  for (; rows < 2 && j + 8 <= n; j += 8) dots_with<8>(a, rows, w + j * d, d, y + j, y_stride);
  for (; j + 4 <= n; j += 4) dots_with<4>(a, rows, w + j * d, d, y + j, y_stride);
  for (; j < n; ++j) dots_with<1>(a, rows, w + j * d, d, y + j, y_stride);
}

void add_rows(const float* p, const float* v, int64_t stride, int64_t n, int64_t e, float factor, float* y) {
  int64_t i = 0;
  // A factor of 0 belongs to a y that holds nothing yet.
  auto start = [&](const float* at) { return factor == 0 ? all(0.f) : load(at) * all(factor); };
  for (; i + 4 * lanes <= e; i += 4 * lanes) {
    V s0 = start(y + i), s1 = start(y + i + lanes), s2 = start(y + i + 2 * lanes), s3 = start(y + i + 3 * lanes);
    for (int64_t j = 0; j < n; ++j) {
      const float* x = v + j * stride + i;
      const V w = all(p[j]);
      s0 = fma(w, load(x), s0);
      s1 = fma(w, load(x + lanes), s1);
      s2 = fma(w, load(x + 2 * lanes), s2);
      s3 = fma(w, load(x + 3 * lanes), s3);
    }
    store(y + i, s0);
    store(y + i + lanes, s1);
    store(y + i + 2 * lanes, s2);
    store(y + i + 3 * lanes, s3);
  }
  for (; i + lanes <= e; i += lanes) {
    V s = start(y + i);
    for (int64_t j = 0; j < n; ++j) s = fma(all(p[j]), load(v + j * stride + i), s);
    store(y + i, s);
  }
  for (; i < e; ++i) {
    float s = factor == 0 ? 0.f : y[i] * factor;
    for (int64_t j = 0; j < n; ++j) s += p[j] * v[j * stride + i];
    y[i] = s;
  }
}

// ---- Winograd's transforms: of the lines of a tile, then of its columns ----

template <int M>
NEVE_INLINE void input_line(const V* d, V* t) {
  if constexpr (M == 2) {
    t[0] = d[0] - d[2], t[1] = d[1] + d[2], t[2] = d[2] - d[1], t[3] = d[1] - d[3];
  } else {
    const V two = all(2.f), four = all(4.f), five = all(5.f);
    const V a = d[4] - four * d[2], b = d[3] - four * d[1], e = d[4] - d[2], f = two * (d[3] - d[1]);
    t[0] = fma(four, d[0], d[4]) - five * d[2];
    t[1] = a + b, t[2] = a - b, t[3] = e + f, t[4] = e - f;
    t[5] = fma(four, d[1], d[5]) - five * d[3];
  }
}

template <int M>
NEVE_INLINE void output_line(const V* t, V* y) {
  if constexpr (M == 2) {
    y[0] = t[0] + t[1] + t[2], y[1] = t[1] - t[2] - t[3];
  } else {
    const V a = t[1] + t[2], b = t[1] - t[2], c = t[3] + t[4], d = t[3] - t[4];
    y[0] = t[0] + a + c, y[1] = fma(all(2.f), d, b), y[2] = fma(all(4.f), c, a), y[3] = fma(all(8.f), d, b) + t[5];
  }
}

template <int M>
void tile_in(const float* const* pixels, int64_t n, float* v, int64_t step) {
  constexpr int size = M + 2;
  for (int64_t c = 0; c < n; c += lanes) {
    V half[size][size];  // [column][frequency of the rows]
    unroll<size>([&](auto j) {
      V d[size];
      unroll<size>([&](auto i) {
        const float* p = pixels[i.value * size + j.value];
        d[i.value] = p ? load(p + c) : all(0.f);
      });
      input_line<M>(d, half[j.value]);
    });
    unroll<size>([&](auto i) {
      V d[size], t[size];
      unroll<size>([&](auto j) { d[j.value] = half[j.value][i.value]; });
      input_line<M>(d, t);
      unroll<size>([&](auto j) { store(v + (i.value * size + j.value) * step + c, t[j.value]); });
    });
  }
}

template <int M>
void tile_out(const float* p, int64_t step, int64_t n, float* y) {
  constexpr int size = M + 2;
  for (int64_t c = 0; c < n; c += lanes) {
    V half[size][M];  // [column frequency][row]
    unroll<size>([&](auto j) {
      V t[size];
      unroll<size>([&](auto i) { t[i.value] = load(p + (i.value * size + j.value) * step + c); });
      output_line<M>(t, half[j.value]);
    });
    unroll<M>([&](auto i) {
      V t[size], out[M];
      unroll<size>([&](auto j) { t[j.value] = half[j.value][i.value]; });
      output_line<M>(t, out);
      unroll<M>([&](auto j) { store(y + (i.value * M + j.value) * n + c, out[j.value]); });
    });
  }
}

void winograd_input(int m, const float* const* pixels, int64_t n, float* v, int64_t step) {
  m == 2 ? tile_in<2>(pixels, n, v, step) : tile_in<4>(pixels, n, v, step);
}
void winograd_output(int m, const float* p, int64_t step, int64_t n, float* y) {
  m == 2 ? tile_out<2>(p, step, n, y) : tile_out<4>(p, step, n, y);
}

// As many chains as hide the latency of a multiply-add and leave registers for the factors.
constexpr int chains = 12;

float first_of(V x) {
  float all_lanes[lanes];
  store(all_lanes, x);
  return all_lanes[0];
}

float multiply_adds(int64_t rounds, float x) {
  V s[chains];
  for (int k = 0; k < chains; ++k) s[k] = all(x + float(k));
  const V a = all(x), b = all(1 - x);
  for (int64_t i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (int k = 0; k < chains; ++k) s[k] = fma(s[k], a, b);
  V total = s[0];
  for (int k = 1; k < chains; ++k) total = fma(s[k], a, total);
  return first_of(total);
}

float sum_of(const float* x, int64_t n) {
  constexpr int ways = 8;
  V s[ways];
  for (int k = 0; k < ways; ++k) s[k] = all(0.f);
  for (int64_t i = 0; i < n; i += ways * lanes)
#pragma GCC unroll 8
    for (int k = 0; k < ways; ++k) s[k] = s[k] + load(x + i + k * lanes);
  V total = s[0];
  for (int k = 1; k < ways; ++k) total = total + s[k];
  return first_of(total);
}

void triad(float* a, const float* b, const float* c, float s, int64_t n) {
  const V factor = all(s);
  for (int64_t i = 0; i < n; i += lanes) store(a + i, fma(factor, load(c + i), load(b + i)));
}

constexpr Simd functions{lanes,       panel,         panel_from_memory, product,
                         rows_beside, row_and_tile,  finished_product,  transpose,
                         signed_sum,  multiply_rows, combine,           activate,
                         lstm,        lstm_grad,     gru_gates,         gru_state,
                         rnn,         blend,         softmax_row,       dot_rows,
                         dots,        add_rows,      winograd_input,    winograd_output,
                         depthwise,   grouped_row,   2 * chains* lanes, multiply_adds,
                         sum_of,      triad};

}  // namespace
}  // namespace neve::kernels::native
