// Coordinates and weights of resampling, and their application along one axis.
#include "ops/detail/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/threads.h"

namespace neve::ops {
namespace {

/// Where output i lies in the input. In f32, as others do: with more digits, a scale such as f32(2.3) would miss the
/// half way points that its decimal form hits.
float source(const Resampling& r, int64_t i, float in, float out, float scale, float begin, float end) {
  const float x = float(i);
  if (r.coordinates == "half_pixel") return (x + 0.5f) / scale - 0.5f;
  if (r.coordinates == "asymmetric") return x / scale;
  if (r.coordinates == "align_corners") return out == 1 ? 0.0f : x * (in - 1) / (out - 1);
  if (r.coordinates == "pytorch_half_pixel") return out == 1 ? 0.0f : (x + 0.5f) / scale - 0.5f;
  if (r.coordinates == "half_pixel_symmetric") return in / 2 * (1 - out / (scale * in)) + (x + 0.5f) / scale - 0.5f;
  check(r.coordinates == "tf_crop_and_resize", "coordinates '", r.coordinates, "' were not refused by infer");
  const float step = out == 1 ? 0.5f : x / (out - 1);
  return begin * (in - 1) + step * (end - begin) * (in - 1);
}

double cubic(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}
double triangle(double x) { return std::max(0.0, 1 - std::abs(x)); }

int64_t nearest(const Resampling& r, double x) {
  if (r.nearest_mode == "floor") return int64_t(std::floor(x));
  if (r.nearest_mode == "ceil") return int64_t(std::ceil(x));
  if (r.nearest_mode == "round_prefer_ceil") return int64_t(std::floor(x + 0.5));
  return int64_t(std::ceil(x - 0.5));
}

/// outer x size x inner, the axis in the middle.
struct Split {
  int64_t outer = 1, inner = 1;
};
Split split(const Sizes& s, int64_t axis) {
  Split r;
  for (size_t i = 0; i < s.size(); ++i) (int64_t(i) < axis ? r.outer : r.inner) *= int64_t(i) == axis ? 1 : s[i];
  return r;
}
Sizes resized(Sizes s, int64_t axis, int64_t n) {
  s[size_t(axis)] = n;
  return s;
}

}  // namespace

AxisWeights axis_weights(const Resampling& r, int64_t axis, int64_t in, int64_t out, double scale, double roi_begin,
                         double roi_end) {
  AxisWeights w;
  w.axis = axis, w.in = in, w.out = out;
  const bool cubic_mode = r.mode == "cubic", crop = r.coordinates == "tf_crop_and_resize";
  // An antialiasing filter is as much wider as the output is smaller.
  const double shrink = r.antialias && r.mode != "nearest" ? std::min(scale, 1.0) : 1.0;
  const double reach = (cubic_mode ? 2.0 : 1.0) / shrink;
  const int64_t first = int64_t(std::floor(-reach)) + 1;
  w.taps = r.mode == "nearest" ? 1 : 2 - 2 * first;
  if (crop) w.outside.assign(size_t(out), false);
  std::vector<double> weight(static_cast<size_t>(w.taps));
  for (int64_t i = 0; i < out; ++i) {
    const double x = source(r, i, float(in), float(out), float(scale), float(roi_begin), float(roi_end));
    if (crop && (x < 0 || x > double(in - 1))) w.outside[size_t(i)] = true;
    if (r.mode == "nearest") {
      w.index.push_back(std::clamp<int64_t>(nearest(r, x), 0, in - 1));
      w.weight.push_back(1);
      continue;
    }
    const int64_t base = int64_t(std::floor(x)) + first;
    double sum = 0;
    for (int64_t k = 0; k < w.taps; ++k) {
      const double distance = (double(base + k) - x) * shrink;
      double& v = weight[size_t(k)];
      v = cubic_mode ? cubic(distance, r.cubic_a) : triangle(distance);
      if (r.exclude_outside && (base + k < 0 || base + k >= in)) v = 0;
      sum += v;
    }
    const double norm = (r.exclude_outside || r.antialias) && sum != 0 ? 1 / sum : 1;
    for (int64_t k = 0; k < w.taps; ++k) {
      w.index.push_back(std::clamp<int64_t>(base + k, 0, in - 1));
      w.weight.push_back(weight[size_t(k)] * norm);
    }
  }
  return w;
}

template <class T>
Tensor resample(const Tensor& x, const AxisWeights& w, int threads) {
  const Tensor y = Tensor::empty(x.dtype(), resized(x.shape(), w.axis, w.out));
  const Split s = split(x.shape(), w.axis);
  const T* from = x.data_as<T>();
  T* to = y.data_as<T>();
  const int64_t work = s.inner * w.taps + 1;
  parallel_for(s.outer * w.out, std::max<int64_t>(1, 16384 / work), threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t o = row / w.out, i = row % w.out;
      T* out = to + row * s.inner;
      std::fill_n(out, s.inner, T(0));
      for (int64_t k = i * w.taps; k < (i + 1) * w.taps; ++k) {
        const T v = T(w.weight[size_t(k)]);
        if (v == T(0)) continue;
        const T* in = from + (o * w.in + w.index[size_t(k)]) * s.inner;
        for (int64_t j = 0; j < s.inner; ++j) out[j] += v * in[j];
      }
    }
  });
  return y;
}

template <class T>
Tensor resample_adjoint(const Tensor& dy, const AxisWeights& w, int threads) {
  const Tensor dx = Tensor::zeros(dy.dtype(), resized(dy.shape(), w.axis, w.in));
  const Split s = split(dy.shape(), w.axis);
  const T* from = dy.data_as<T>();
  T* to = dx.data_as<T>();
  parallel_for(s.outer, std::max<int64_t>(1, 16384 / (w.out * w.taps * s.inner + 1)), threads,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t o = begin; o < end; ++o)
                   for (int64_t k = 0; k < w.out * w.taps; ++k) {
                     const T v = T(w.weight[size_t(k)]);
                     const T* in = from + (o * w.out + k / w.taps) * s.inner;
                     T* out = to + (o * w.in + w.index[size_t(k)]) * s.inner;
                     for (int64_t j = 0; j < s.inner; ++j) out[j] += v * in[j];
                   }
               });
  return dx;
}

Tensor pick(const Tensor& x, const AxisWeights& w) {
  const Tensor y = Tensor::empty(x.dtype(), resized(x.shape(), w.axis, w.out));
  const Split s = split(x.shape(), w.axis);
  const size_t bytes = size_t(s.inner * size_of(x.dtype()));
  for (int64_t o = 0; o < s.outer; ++o)
    for (int64_t i = 0; i < w.out; ++i)
      std::memcpy(y.data() + size_t(o * w.out + i) * bytes, x.data() + size_t(o * w.in + w.index[size_t(i)]) * bytes,
                  bytes);
  return y;
}

template Tensor resample<float>(const Tensor&, const AxisWeights&, int);
template Tensor resample<double>(const Tensor&, const AxisWeights&, int);
template Tensor resample_adjoint<float>(const Tensor&, const AxisWeights&, int);
template Tensor resample_adjoint<double>(const Tensor&, const AxisWeights&, int);

}  // namespace neve::ops
