// Convolutions in groups of few channels: a vector of results, neighbours along a row at once. An input that is read is
// multiplied with all taps that it is under.
#pragma once
#include "kernels/cpu/native/simd_finished.h"

namespace neve::kernels::native {
namespace {

constexpr int most_neighbours = lanes == 16 ? 14 : 8;  // the sums fit into the registers, beside the taps

template <int Columns, int Stride, bool Spread>
void grouped_columns(const GroupedRow& g, int64_t column) {
  constexpr int width = 3, pixels = (Columns - 1) * Stride + width;
  const FinishedProduct& p = g.p;
  FinishedTile<Columns, 1, 0> t{p, column, {}};
  t.bring_rows(g.height * width * p.k);
  t.begin();
  const float *row = p.a + column * Stride * p.a_stride, *w = p.b;
  for (int64_t i = 0; i < g.height; ++i, row += g.line) {
    [[maybe_unused]] Lanes from{};
    if constexpr (Spread) from = lanes_of(g.spread);
    for (int64_t c = 0; c < p.k; ++c, w += width * lanes) {
      V tap[width];
      unroll<width>([&](auto k) NEVE_INLINED { tap[k.value] = load(w + k.value * lanes); });
      const float* pixel = row;
      unroll<pixels>([&](auto n) NEVE_INLINED {
        V x;
        if constexpr (Spread)
          x = permute(load(pixel), from);
        else
          x = all(pixel[c]);
        pixel += p.a_stride;
        unroll<width>([&](auto k) NEVE_INLINED {
          constexpr int first = n.value - k.value, j = first / Stride;
          if constexpr (first >= 0 && first % Stride == 0 && j < Columns)
            t.sum[j][0] = fma(x, tap[k.value], t.sum[j][0]);
        });
      });
      if constexpr (Spread) from = next_lanes(from);
    }
  }
  write_tile(t);
}

// As many at once as there are left, in the fewest steps of these sizes.
template <int Stride, bool Spread>
void grouped_row_of(const GroupedRow& g) {
  int64_t column = 0;
  const auto take = [&](auto columns) {
    if constexpr (columns.value <= most_neighbours)
      for (; g.p.rows - column >= columns.value; column += columns.value)
        grouped_columns<columns.value, Stride, Spread>(g, column);
  };
  take(Index<14>{}), take(Index<8>{}), take(Index<7>{}), take(Index<4>{}), take(Index<2>{}), take(Index<1>{});
}

template <bool Spread>
void grouped_row_by(const GroupedRow& g) {
  g.stride == 1 ? grouped_row_of<1, Spread>(g) : grouped_row_of<2, Spread>(g);
}

void grouped_row(const GroupedRow& g) { g.spread ? grouped_row_by<true>(g) : grouped_row_by<false>(g); }

}  // namespace
}  // namespace neve::kernels::native
