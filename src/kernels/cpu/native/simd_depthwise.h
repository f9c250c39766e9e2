// Depthwise convolutions with channels last: neighbouring results of a row, channels in vectors.
#pragma once
#include "kernels/cpu/native/simd_activation.h"

namespace neve::kernels::native {
namespace {

// Each pixel is read once a row of taps and goes into every sum that it belongs to.
template <int Width, int Stride, int Columns, bool InRows>
NEVE_INLINE void depthwise_vector(const Depthwise& d, int64_t c) {
  constexpr int pixels = (Columns - 1) * Stride + Width;
  V sum[Columns];
  const V bias = d.bias ? load(d.bias + c) : all(0.f);
  unroll<Columns>([&](auto j) NEVE_INLINED { sum[j.value] = bias; });
  const float* w = d.w + c;
  const float* const* row = d.pixels;
  for (int64_t i = 0; i < d.height; ++i, row += InRows ? 1 : pixels) {
    V tap[Width];
    unroll<Width>([&](auto k) NEVE_INLINED { tap[k.value] = load(w), w += d.channels; });
    const float* next = InRows ? *row + c : nullptr;
    unroll<pixels>([&](auto p) NEVE_INLINED {
      const V x = load(InRows ? next : row[p.value] + c);
      if constexpr (InRows) next += d.apart;
      unroll<Width>([&](auto k) NEVE_INLINED {
        constexpr int from = p.value - k.value, j = from / Stride;
        if constexpr (from >= 0 && from % Stride == 0 && j < Columns) sum[j] = fma(x, tap[k.value], sum[j]);
      });
    });
  }
  put_short(d.f, [&](auto&& f) NEVE_INLINED {
    unroll<Columns>([&](auto j) NEVE_INLINED { store(d.y + j.value * d.channels + c, f(sum[j.value])); });
  });
}

// The last vector lies over the one before where the channels are no multiple.
template <int Width, int Stride, int Columns, bool InRows>
void depthwise_of(const Depthwise& d) {
  int64_t c = 0;
  for (; c + lanes <= d.channels; c += lanes) depthwise_vector<Width, Stride, Columns, InRows>(d, c);
  if (c < d.channels) depthwise_vector<Width, Stride, Columns, InRows>(d, d.channels - lanes);
}

template <int Width, int Stride, int Columns>
void depthwise_by(const Depthwise& d) {
  d.apart ? depthwise_of<Width, Stride, Columns, true>(d) : depthwise_of<Width, Stride, Columns, false>(d);
}

template <int Width, int Stride>
void depthwise_columns(const Depthwise& d) {
  switch (d.columns) {
    case 8:
      return depthwise_by<Width, Stride, 8>(d);
    case 7:
      return depthwise_by<Width, Stride, 7>(d);
    case 4:
      return depthwise_by<Width, Stride, 4>(d);
    default:
      return depthwise_by<Width, Stride, 1>(d);
  }
}

template <int Width>
void depthwise_stride(const Depthwise& d) {
  d.stride == 1 ? depthwise_columns<Width, 1>(d) : depthwise_columns<Width, 2>(d);
}

void depthwise(const Depthwise& d) {
  switch (d.width) {
    case 3:
      return depthwise_stride<3>(d);
    case 5:
      return depthwise_stride<5>(d);
    default:
      return depthwise_stride<7>(d);
  }
}

}  // namespace
}  // namespace neve::kernels::native
