// Direct convolution: a row of outputs of four channels is accumulated at once; rows are shared between threads.
#include "ops/detail/conv.h"

#include <algorithm>

#include "base/threads.h"
#include "ops/detail/gemm.h"

namespace neve::ops {
namespace {

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

constexpr int64_t kChannels = 4;

/// y[i] += w[c] * x[i * stride] for the rows of `count` channels, `step` apart.
template <class T>
void add_row(int64_t n, const T* x, int64_t stride, const T* w, int64_t count, T* y, int64_t step) {
  if (count == kChannels) {
    T *y0 = y, *y1 = y + step, *y2 = y1 + step, *y3 = y2 + step;
    const T w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
    for (int64_t i = 0; i < n; ++i) {
      const T v = x[i * stride];
      y0[i] += w0 * v, y1[i] += w1 * v, y2[i] += w2 * v, y3[i] += w3 * v;
    }
    return;
  }
  for (int64_t c = 0; c < count; ++c)
    for (int64_t i = 0; i < n; ++i) y[c * step + i] += w[c] * x[i * stride];
}

/// One output row (od, oh) of channels [c0, c0 + count) of group gi.
template <class T>
void forward_row(const ConvGeometry& g, const T* x, const T* w, int64_t gi, int64_t c0, int64_t count, int64_t od,
                 int64_t oh, T* y) {
  const int64_t ks = g.kernel_size(), step = g.out_size();
  for (int64_t ci = 0; ci < g.cin; ++ci)
    for (int64_t kd = 0; kd < g.kernel[0]; ++kd) {
      const int64_t id = od * g.stride[0] + kd * g.dilation[0] - g.pad[0];
      if (id < 0 || id >= g.in[0]) continue;
      for (int64_t kh = 0; kh < g.kernel[1]; ++kh) {
        const int64_t ih = oh * g.stride[1] + kh * g.dilation[1] - g.pad[1];
        if (ih < 0 || ih >= g.in[1]) continue;
        const T* row = x + ((ci * g.in[0] + id) * g.in[1] + ih) * g.in[2];
        for (int64_t kw = 0; kw < g.kernel[2]; ++kw) {
          int64_t first, last;
          g.range(2, kw, first, last);
          if (first >= last) continue;
          T weights[kChannels];
          for (int64_t c = 0; c < count; ++c)
            weights[c] = w[((gi * g.cout + c0 + c) * g.cin + ci) * ks + (kd * g.kernel[1] + kh) * g.kernel[2] + kw];
          add_row(last - first, row + first * g.stride[2] + kw * g.dilation[2] - g.pad[2], g.stride[2], weights, count,
                  y + first, step);
        }
      }
    }
}

/// One input row (id, ih) of channel ci of group gi.
template <class T>
void backward_row(const ConvGeometry& g, const T* dy, const T* w, int64_t gi, int64_t ci, int64_t id, int64_t ih,
                  T* dx) {
  const int64_t ks = g.kernel_size();
  for (int64_t co = 0; co < g.cout; ++co)
    for (int64_t kd = 0; kd < g.kernel[0]; ++kd) {
      const int64_t pd = id + g.pad[0] - kd * g.dilation[0];
      if (pd < 0 || pd % g.stride[0] || pd / g.stride[0] >= g.out[0]) continue;
      for (int64_t kh = 0; kh < g.kernel[1]; ++kh) {
        const int64_t ph = ih + g.pad[1] - kh * g.dilation[1];
        if (ph < 0 || ph % g.stride[1] || ph / g.stride[1] >= g.out[1]) continue;
        const T* row = dy + ((co * g.out[0] + pd / g.stride[0]) * g.out[1] + ph / g.stride[1]) * g.out[2];
        const T* taps = w + ((gi * g.cout + co) * g.cin + ci) * ks + (kd * g.kernel[1] + kh) * g.kernel[2];
        for (int64_t kw = 0; kw < g.kernel[2]; ++kw) {
          int64_t first, last;
          g.range(2, kw, first, last);
          T* to = dx + kw * g.dilation[2] - g.pad[2];
          const T v = taps[kw];
          for (int64_t o = first; o < last; ++o) to[o * g.stride[2]] += v * row[o];
        }
      }
    }
}

/// The gradient of one tap: the sum over all positions of x times dy.
template <class T>
T weight_tap(const ConvGeometry& g, const T* x, const T* dy, int64_t kd, int64_t kh, int64_t kw) {
  T sum = 0;
  int64_t d0, d1, h0, h1, w0, w1;
  g.range(0, kd, d0, d1);
  g.range(1, kh, h0, h1);
  g.range(2, kw, w0, w1);
  for (int64_t od = d0; od < d1; ++od)
    for (int64_t oh = h0; oh < h1; ++oh) {
      const int64_t id = od * g.stride[0] + kd * g.dilation[0] - g.pad[0];
      const int64_t ih = oh * g.stride[1] + kh * g.dilation[1] - g.pad[1];
      const T* a = x + (id * g.in[1] + ih) * g.in[2] + kw * g.dilation[2] - g.pad[2];
      const T* b = dy + (od * g.out[1] + oh) * g.out[2];
      T row = 0;
      for (int64_t o = w0; o < w1; ++o) row += a[o * g.stride[2]] * b[o];
      sum += row;
    }
  return sum;
}

bool is_pointwise(const ConvGeometry& g) {
  for (int i = 0; i < 3; ++i)
    if (g.kernel[i] != 1 || g.stride[i] != 1 || g.pad[i] != 0 || g.in[i] != g.out[i]) return false;
  return true;
}

}  // namespace

void ConvGeometry::range(int i, int64_t k, int64_t& first, int64_t& last) const {
  const int64_t offset = pad[i] - k * dilation[i];  // the input position is o * stride - offset
  first = std::max<int64_t>(0, -floor_div(-offset, stride[i]));
  last = std::min(out[i], floor_div(in[i] - 1 + offset, stride[i]) + 1);
}

ConvGeometry conv_geometry(const WindowSpec& spec, const Window& window, const Sizes& x, const Sizes& w,
                           const Sizes& y) {
  ConvGeometry g;
  const size_t spatial = x.size() - 2, lead = 3 - spatial;
  g.n = x[0];
  g.cin = w[1];
  g.groups = g.cin ? x[1] / g.cin : 1;
  g.cout = g.groups ? w[0] / g.groups : 0;
  for (size_t i = 0; i < spatial; ++i) {
    g.in[lead + i] = x[2 + i];
    g.out[lead + i] = y[2 + i];
    g.kernel[lead + i] = w[2 + i];
    g.stride[lead + i] = spec.stride(i);
    g.dilation[lead + i] = spec.dilation(i);
    g.pad[lead + i] = window.pad_begin[i].value();
  }
  return g;
}

template <class T>
void conv_forward(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y, int threads) {
  const int64_t channels = g.groups * g.cout, area = g.out_size();
  for (int64_t i = 0; i < g.n * channels; ++i) std::fill_n(y + i * area, area, bias ? bias[i % channels] : T(0));
  if (is_pointwise(g)) {
    for (int64_t i = 0; i < g.n * g.groups; ++i)
      gemm<T>(g.cout, area, g.cin, {w + i % g.groups * g.cout * g.cin, g.cin, 1}, {x + i * g.cin * area, area, 1},
              {y + i * g.cout * area, area, 1}, true, threads);
    return;
  }
  const int64_t blocks = (g.cout + kChannels - 1) / kChannels, rows = g.out[0] * g.out[1];
  const int64_t work = g.cin * g.kernel_size() * g.out[2] * kChannels;
  parallel_for(g.n * g.groups * blocks * rows, std::max<int64_t>(1, 32768 / (work + 1)), threads,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t row = i % rows, block = i / rows % blocks, image = i / rows / blocks;
                   const int64_t gi = image % g.groups, c0 = block * kChannels;
                   forward_row(g, x + image * g.cin * g.in_size(), w, gi, c0, std::min(kChannels, g.cout - c0),
                               row / g.out[1], row % g.out[1], y + (image * g.cout + c0) * area + row * g.out[2]);
                 }
               });
}

template <class T>
void conv_backward_input(const ConvGeometry& g, const T* dy, const T* w, const T* bias, T* dx, int threads) {
  const int64_t rows = g.in[0] * g.in[1], work = g.cout * g.kernel_size() * g.out[2];
  parallel_for(g.n * g.groups * g.cin * rows, std::max<int64_t>(1, 32768 / (work + 1)), threads,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t row = i % rows, ci = i / rows % g.cin, image = i / rows / g.cin, gi = image % g.groups;
                   T* to = dx + i * g.in[2];
                   std::fill_n(to, g.in[2], bias ? bias[gi * g.cin + ci] : T(0));
                   backward_row(g, dy + image * g.cout * g.out_size(), w, gi, ci, row / g.in[1], row % g.in[1], to);
                 }
               });
}

template <class T>
void conv_backward_weight(const ConvGeometry& g, const T* x, const T* dy, T* dw, int threads) {
  const int64_t ks = g.kernel_size();
  parallel_for(g.groups * g.cout * g.cin, 1, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t ci = i % g.cin, co = i / g.cin, gi = co / g.cout;
      for (int64_t k = 0; k < ks; ++k) {
        T sum = 0;
        for (int64_t n = 0; n < g.n; ++n)
          sum += weight_tap(g, x + ((n * g.groups + gi) * g.cin + ci) * g.in_size(),
                            dy + (n * g.groups * g.cout + co) * g.out_size(), k / (g.kernel[1] * g.kernel[2]),
                            k / g.kernel[2] % g.kernel[1], k % g.kernel[2]);
        dw[i * ks + k] = sum;
      }
    }
  });
}

template void conv_forward(const ConvGeometry&, const float*, const float*, const float*, float*, int);
template void conv_forward(const ConvGeometry&, const double*, const double*, const double*, double*, int);
template void conv_forward(const ConvGeometry&, const uint32_t*, const uint32_t*, const uint32_t*, uint32_t*, int);
template void conv_backward_input(const ConvGeometry&, const float*, const float*, const float*, float*, int);
template void conv_backward_input(const ConvGeometry&, const double*, const double*, const double*, double*, int);
template void conv_backward_weight(const ConvGeometry&, const float*, const float*, float*, int);
template void conv_backward_weight(const ConvGeometry&, const double*, const double*, double*, int);

}  // namespace neve::ops
