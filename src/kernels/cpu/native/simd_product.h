// Products with a packed panel of columns: sums of a tile in registers, stored or added where they go.
#pragma once
#include "kernels/cpu/native/simd.h"
#include "kernels/cpu/native/simd_vector.h"

namespace neve::kernels::native {
namespace {

/// What is done while a tile is multiplied: some of what a Product asks for.
struct Meanwhile {
  const char* at = nullptr;
  int64_t lines = 0;
  const Product::Sum* sum = nullptr;
  int64_t first = 0, vectors = 0;  ///< of the sum

  NEVE_INLINE void fetch() {
    _mm_prefetch(at, _MM_HINT_T1);
    at += 64;
  }
  NEVE_INLINE void add() {
    V x = load(sum->part[0] + first) * all(sum->sign[0]);
    for (int t = 1; t < sum->terms; ++t) x = fma(load(sum->part[t] + first), all(sum->sign[t]), x);
    store(sum->to + first, x);
    first += lanes;
  }
};

/// sum[r][v] of one tile over k positions. Few sums walk two positions at a time, so that they do not wait for each
/// other.
template <int Rows, int Vectors>
NEVE_INLINE void multiply(int64_t k, const float* const* a, const float* b, V (&total)[Rows][Vectors],
                          Meanwhile meanwhile) {
  constexpr int sets = Rows * Vectors <= 4 ? 2 : 1;
  V sum[sets][Rows][Vectors];
  unroll<sets>([&](auto s) {
    unroll<Rows>([&](auto r) { unroll<Vectors>([&](auto v) { sum[s.value][r.value][v.value] = all(0.f); }); });
  });
  const float* row[Rows];
  unroll<Rows>([&](auto r) { row[r.value] = a[r.value]; });
  auto add = [&](auto s, int64_t i) NEVE_INLINED {
    V w[Vectors];
    unroll<Vectors>([&](auto v) NEVE_INLINED { w[v.value] = load(b + (i * Vectors + v.value) * lanes); });
    unroll<Rows>([&](auto r) NEVE_INLINED {
      const V x = all(row[r.value][i]);
      unroll<Vectors>([&](auto v) NEVE_INLINED {
        sum[s.value][r.value][v.value] = fma(x, w[v.value], sum[s.value][r.value][v.value]);
      });
    });
  };
  constexpr int64_t step = 4;
  const int64_t steps = k / step;
  // As many a step as it takes, until all are done: a regular pattern, which branches follow.
  const int64_t lines = steps ? (meanwhile.lines + steps - 1) / steps : 0;
  const int64_t vectors = steps ? (meanwhile.vectors + steps - 1) / steps : 0;
  int64_t i = 0;
  for (; i + step <= k; i += step) {
    if (meanwhile.lines > 0) {
      meanwhile.lines -= lines;
      for (int64_t n = 0; n < lines; ++n) meanwhile.fetch();
    }
    if (meanwhile.vectors > 0) {
      const int64_t count = vectors < meanwhile.vectors ? vectors : meanwhile.vectors;
      meanwhile.vectors -= count;
      for (int64_t n = 0; n < count; ++n) meanwhile.add();
    }
    unroll<int(step)>([&](auto u) NEVE_INLINED { add(Index<u.value % sets>{}, i + u.value); });
  }
  for (; i < k; ++i) add(Index<0>{}, i);
  unroll<Rows>([&](auto r) {
    unroll<Vectors>([&](auto v) {
      total[r.value][v.value] = sum[0][r.value][v.value];
      if constexpr (sets == 2) total[r.value][v.value] = total[r.value][v.value] + sum[1][r.value][v.value];
    });
  });
}

/// The same of a panel that comes from memory: it is read at several places at once, each with sums of its own, since
/// a core keeps more lines on their way in several pages than in one (59 GB/s instead of 56 with two cores).
template <int Rows, int Vectors, int Ahead, int Places>
NEVE_INLINE void multiply_from(int64_t k, const float* const* a, const float* b, V (&total)[Rows][Vectors]) {
  V sum[Places][Rows][Vectors];
  unroll<Places>([&](auto s) {
    unroll<Rows>([&](auto r) { unroll<Vectors>([&](auto v) { sum[s.value][r.value][v.value] = all(0.f); }); });
  });
  const float* row[Rows];
  unroll<Rows>([&](auto r) { row[r.value] = a[r.value]; });
  auto add = [&](auto s, int64_t i) NEVE_INLINED {
    const float* from = b + i * Vectors * lanes;
    V w[Vectors];
    unroll<(Vectors * lanes + 15) / 16>([&](auto n) NEVE_INLINED {
      _mm_prefetch(reinterpret_cast<const char*>(from) + n.value * 64 + Ahead, _MM_HINT_T0);
    });
    unroll<Vectors>([&](auto v) NEVE_INLINED { w[v.value] = load(from + v.value * lanes); });
    unroll<Rows>([&](auto r) NEVE_INLINED {
      const V x = all(row[r.value][i]);
      unroll<Vectors>([&](auto v) NEVE_INLINED {
        sum[s.value][r.value][v.value] = fma(x, w[v.value], sum[s.value][r.value][v.value]);
      });
    });
  };
  const int64_t each = k / Places;
  for (int64_t i = 0; i < each; ++i) unroll<Places>([&](auto s) NEVE_INLINED { add(s, s.value * each + i); });
  for (int64_t i = each * Places; i < k; ++i) add(Index<0>{}, i);
  unroll<Rows>([&](auto r) {
    unroll<Vectors>([&](auto v) {
      total[r.value][v.value] = sum[0][r.value][v.value];
      unroll<Places - 1>(
          [&](auto s) { total[r.value][v.value] = total[r.value][v.value] + sum[s.value + 1][r.value][v.value]; });
    });
  });
}

/// f(r, v, sum) for the sums of a tile.
template <int Rows, int Vectors, class F>
NEVE_INLINE void each(const V (&sum)[Rows][Vectors], F&& f) {
  unroll<Rows>([&](auto r) { unroll<Vectors>([&](auto v) { f(r.value, v.value * lanes, sum[r.value][v.value]); }); });
}

/// Where the sums of a tile go: to one place.
struct Place {
  float* c;
  int64_t stride;
  template <int Rows, int Vectors>
  NEVE_INLINE void take(const V (&sum)[Rows][Vectors], int64_t row) const {
    each(sum, [&](int64_t r, int64_t at, V x) { store(c + (row + r) * stride + at, x); });
  }
};

/// Or to the targets of a product.
struct Targets {
  const Product& p;
  template <int Rows, int Vectors>
  NEVE_INLINE void take(const V (&sum)[Rows][Vectors], int64_t row) const {
    for (int t = 0; t < p.targets; ++t) {
      float* c = p.to[t].c + row * p.c_stride;
      auto put = [&](auto f) {
        each(sum, [&](int64_t r, int64_t at, V x) {
          float* to = c + r * p.c_stride + at;
          store(to, f(to, x));
        });
      };
      switch (p.to[t].mode) {
        case Product::set:
          put([](const float*, V x) { return x; });
          break;
        case Product::add:
          put([](const float* to, V x) { return load(to) + x; });
          break;
        case Product::set_minus:
          put([](const float*, V x) { return all(0.f) - x; });
          break;
        case Product::subtract:
          put([](const float* to, V x) { return load(to) - x; });
          break;
      }
    }
  }
};

template <int Rows, int Vectors, int Ahead = 0, class To>
void tile(int64_t k, const float* const* a, const float* b, const To& to, int64_t row, const Meanwhile& meanwhile) {
  V sum[Rows][Vectors];
  if constexpr (Ahead > 0) {
    constexpr int most = (lanes == 16 ? 16 : 8) / (Rows * Vectors);  // half of the registers for sums
    multiply_from<Rows, Vectors, Ahead, (most >= 4 ? 4 : most >= 2 ? 2 : 1)>(k, a, b, sum);
  } else {
    multiply<Rows, Vectors>(k, a, b, sum, meanwhile);
  }
  to.take(sum, row);
}

template <int Rows, int Vectors, int Ahead = 0, class To>
NEVE_INLINE void some_rows(int64_t rows, int64_t k, const float* const* a, const float* b, const To& to, int64_t row,
                           const Meanwhile& meanwhile) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return tile<Rows, Vectors, Ahead>(k, a, b, to, row, meanwhile);
    some_rows<Rows - 1, Vectors, Ahead>(rows, k, a, b, to, row, meanwhile);
  }
}

constexpr int bytes_ahead = 2048;       // what a core reads while memory answers
constexpr int64_t most_rows_ahead = 4;  // beyond, the multiplications leave memory the time that it takes

template <int Vectors, int Ahead>
void panel_of(int64_t rows, int64_t k, const float* const* a, const float* b, float* c, int64_t ldc) {
  const Place to{c, ldc};
  int64_t m = 0;
  if constexpr (Ahead > 0)
    if (rows <= most_rows_ahead) return some_rows<most_rows_ahead, Vectors, Ahead>(rows, k, a, b, to, 0, {});
  for (; m + tile_rows <= rows; m += tile_rows) tile<tile_rows, Vectors>(k, a + m, b, to, m, {});
  some_rows<tile_rows - 1, Vectors>(rows - m, k, a + m, b, to, m, {});
}

template <int Ahead>
NEVE_INLINE void any_panel(int vectors, int64_t rows, int64_t k, const float* const* a, const float* b, float* c,
                           int64_t ldc) {
  with_vectors(vectors, [&](auto v) { panel_of<v.value, Ahead>(rows, k, a, b, c, ldc); });
}

void panel(int vectors, int64_t rows, int64_t k, const float* const* a, const float* b, float* c, int64_t ldc) {
  any_panel<0>(vectors, rows, k, a, b, c, ldc);
}
void panel_from_memory(int vectors, int64_t rows, int64_t k, const float* const* a, const float* b, float* c,
                       int64_t ldc) {
  any_panel<bytes_ahead>(vectors, rows, k, a, b, c, ldc);
}

#ifdef __AVX512F__
constexpr int64_t rows_beside = 5;  // 20 sums and those of the row

template <int Vectors>
void row_and_tile_of(const RowAndTile& p) {
  constexpr int rows = rows_beside, step = 4;  // positions of the row at a time
  constexpr int64_t width = Vectors * lanes;
  V sum[rows][Vectors], total[Vectors];
  const float* row[rows];
  unroll<rows>([&](auto r) NEVE_INLINED {
    row[r.value] = p.a[r.value];
    const float* from = p.start ? p.start : p.c + r.value * p.c_stride;
    unroll<Vectors>([&](auto v) NEVE_INLINED { sum[r.value][v.value] = load(from + v.value * lanes); });
  });
  unroll<Vectors>([&](auto v) NEVE_INLINED { total[v.value] = all(0.f); });
  const float *b = p.b, *panel = p.panel;
  auto tile_position = [&](int64_t i) NEVE_INLINED {
    V w[Vectors];
    unroll<Vectors>([&](auto v) NEVE_INLINED { w[v.value] = load(b + v.value * lanes); });
    unroll<rows>([&](auto r) NEVE_INLINED {
      const V x = all(row[r.value][i]);
      unroll<Vectors>([&](auto v) NEVE_INLINED { sum[r.value][v.value] = fma(x, w[v.value], sum[r.value][v.value]); });
    });
    b += width;
  };
  auto row_position = [&](int64_t i) NEVE_INLINED {
    const V x = all(p.row[i]);
    unroll<Vectors>([&](auto v)
                        NEVE_INLINED { total[v.value] = fma(x, load(panel + v.value * lanes), total[v.value]); });
    panel += width;
  };
  const int64_t steps = p.k / step, share = steps ? (p.positions + steps - 1) / steps : 0;
  int64_t done = 0, i = 0;
  for (; i + step <= p.k; i += step) {
    const int64_t end = done + share < p.positions ? done + share : p.positions;
    for (; done < end; ++done) tile_position(done);
    unroll<step>([&](auto u) NEVE_INLINED { row_position(i + u.value); });
  }
  for (; i < p.k; ++i) row_position(i);
  for (; done < p.positions; ++done) tile_position(done);
  unroll<Vectors>([&](auto v) NEVE_INLINED { store(p.y + v.value * lanes, total[v.value]); });
  unroll<rows>([&](auto r) NEVE_INLINED {
    float* to = p.c + r.value * p.c_stride;
    unroll<Vectors>([&](auto v) NEVE_INLINED { store(to + v.value * lanes, sum[r.value][v.value]); });
  });
}

void row_and_tile(const RowAndTile& p) {
  with_vectors(p.vectors, [&](auto v) { row_and_tile_of<v.value>(p); });
}
#else
constexpr int64_t rows_beside = 0;  // 16 registers are too few
constexpr void (*row_and_tile)(const RowAndTile&) = nullptr;
#endif

void signed_sum(int terms, const float* const* x, const float* signs, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    V sum = load(x[0] + i) * all(signs[0]);
    for (int t = 1; t < terms; ++t) sum = fma(load(x[t] + i), all(signs[t]), sum);
    store(y + i, sum);
  }
  for (; i < n; ++i) {
    float sum = 0;
    for (int t = 0; t < terms; ++t) sum += x[t][i] * signs[t];
    y[i] = sum;
  }
}

// Rows in tiles of equal height, so that none is left with too few sums to hide the latency of a multiply-add. What is
// left of the sum (a product of fewer than 4 positions adds nothing) comes at the end.
template <int Vectors>
void product_of(const Product& p) {
  const int64_t tiles = (p.rows + tile_rows - 1) / tile_rows, vectors = p.k >= 4 ? p.sum.n / lanes : 0;
  int64_t begin = 0, lines = 0, added = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const auto share = [&](int64_t n) { return n * (i + 1) / tiles; };
    const int64_t end = share(p.rows);
    const float* row[tile_rows];
    for (int64_t r = begin; r < end; ++r) {
      row[r - begin] = p.a + r * p.a_stride;
      if (p.next_written) bring<Vectors, true>(p.next_written + r * p.next_stride);
      if (p.next_read) bring<Vectors, false>(p.next_read + r * p.next_stride);
    }
    const Meanwhile meanwhile{p.ahead + lines * 64, share(p.ahead_lines) - lines, &p.sum, added * lanes,
                              share(vectors) - added};
    some_rows<tile_rows, Vectors>(end - begin, p.k, row, p.b, Targets{p}, begin, meanwhile);
    begin = end, lines = share(p.ahead_lines), added = share(vectors);
  }
  if (added * lanes < p.sum.n) {
    const float* part[Product::most_terms];
    for (int t = 0; t < p.sum.terms; ++t) part[t] = p.sum.part[t] + added * lanes;
    signed_sum(p.sum.terms, part, p.sum.sign, p.sum.to + added * lanes, p.sum.n - added * lanes);
  }
}

void product(const Product& p) {
  with_vectors(p.vectors, [&](auto v) { product_of<v.value>(p); });
}

void multiply_rows(const float* x, const float* y, float* z, int64_t n) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(z + i, load(x + i) * load(y + i));
  for (; i < n; ++i) z[i] = x[i] * y[i];
}

template <class F>
NEVE_INLINE void combine_rows(float* x, const float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(x + i, f(load(x + i), load(y + i)));
  if (i == n) return;
  float room[2][lanes] = {};
  for (int64_t j = i; j < n; ++j) room[0][j - i] = x[j], room[1][j - i] = y[j];
  store(room[0], f(load(room[0]), load(room[1])));
  for (int64_t j = i; j < n; ++j) x[j] = room[0][j - i];
}

void combine(Combination c, float* x, const float* y, int64_t n) {
  switch (c) {
    case Combination::add:
      return combine_rows(x, y, n, [](V u, V v) { return u + v; });
    case Combination::sub:
      return combine_rows(x, y, n, [](V u, V v) { return u - v; });
    case Combination::mul:
      return combine_rows(x, y, n, [](V u, V v) { return u * v; });
    case Combination::div:
      return combine_rows(x, y, n, [](V u, V v) { return u / v; });
    case Combination::max:
      return combine_rows(x, y, n, [](V u, V v) { return if_equal(u, u, if_less(v, u, u, v), u); });
    case Combination::min:
      return combine_rows(x, y, n, [](V u, V v) { return if_equal(u, u, if_less(u, v, u, v), u); });
  }
}

}  // namespace
}  // namespace neve::kernels::native
