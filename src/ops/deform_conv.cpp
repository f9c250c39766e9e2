// Deformable convolution: every tap of the kernel looks at a place of its own.
#include <cmath>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/conv_attrs.h"
#include "ops/detail/float_io.h"
#include "ops/detail/gemm.h"

namespace neve::ops {
namespace {

/// Sizes with spatial axes padded in front to 3.
struct Deform {
  int64_t n, channels, dims, taps, points, area, offset_group;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0};

  /// Linear interpolation in a plane, zero outside.
  template <class T>
  T at(const T* plane, const T p[3]) const {
    int64_t low[3];
    T f[3];
    for (int i = 0; i < 3; ++i) {
      if (!(p[i] > T(-1) && p[i] < T(in[i]))) return 0;
      const T base = std::floor(p[i]);
      low[i] = int64_t(base), f[i] = p[i] - base;
    }
    T sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
      T w = 1;
      int64_t offset = 0;
      bool inside = true;
      for (int i = 0; i < 3; ++i) {
        const int64_t up = corner >> i & 1, q = low[i] + up;
        w *= up ? f[i] : 1 - f[i];
        inside = inside && q >= 0 && q < in[i];
        offset = offset * in[i] + q;
      }
      if (inside && w != T(0)) sum += w * plane[offset];
    }
    return sum;
  }

  /// The samples of one channel of one image for all taps: [taps, points].
  template <class T>
  void column(const T* plane, const T* offset, const T* mask, T* to) const {
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t tap[3] = {k / (kernel[1] * kernel[2]), k / kernel[2] % kernel[1], k % kernel[2]};
      for (int64_t o = 0; o < points; ++o) {
        const int64_t place[3] = {o / (out[1] * out[2]), o / out[2] % out[1], o % out[2]};
        T p[3];
        for (int i = 0; i < 3; ++i) {
          p[i] = T(place[i] * stride[i] + tap[i] * dilation[i] - pad[i]);
          if (i >= 3 - dims) p[i] += offset[(k * dims + i - (3 - dims)) * points + o];
        }
        to[k * points + o] = at(plane, p) * (mask ? mask[k * points + o] : T(1));
      }
    }
  }
};

struct DeformConv : ConvAttrs {
  int64_t offset_group = 1;

  static constexpr OpInfo info{
      .name = "deform_conv",
      .summary = "Convolution whose taps are moved by offsets and scaled by a mask, with linear interpolation.",
      .source = "ONNX DeformConv-22",
      .inputs = {{"x", "[n, c, ...]"},
                 {"w", "[m, c / group, kernel...]"},
                 {"offset", "[n, offset_group * taps * axes, out...]"},
                 {"bias", "[m]", Arity::optional},
                 {"mask", "[n, offset_group * taps, out...]", Arity::optional}},
      .outputs = {{"y", "[n, m, out...]"}}};
  static constexpr auto attrs = std::tuple_cat(
      conv_attr_fields,
      std::tuple{attr("offset_group", &DeformConv::offset_group, "Groups of channels that share offsets.")});

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    t.require_same_dtype(0, 2);
    const TensorType y = conv_type(t, *this, 0, 1, t.in(0).dtype);
    const Shape& w = t.in(1).shape;
    t.require(offset_group >= 1, "offset_group is ", offset_group, " (expected 1 or more)");
    t.require_divides(offset_group, t.in(0).shape[1], "offset_group must divide the channels of x");
    Dim taps = offset_group;
    for (size_t i = 2; i < w.size(); ++i) taps *= w[i];
    auto check_map = [&](size_t i, Dim channels) {
      require_rank(t, i, y.rank());
      t.require_equal(t.in(i).shape[0], y.shape[0], "batches must agree");
      t.require_equal(t.in(i).shape[1], channels,
                      "there must be a channel for each tap (and axis) of each offset group");
      for (size_t k = 2; k < y.shape.size(); ++k)
        t.require_equal(t.in(i).shape[k], y.shape[k], "spatial sizes must be those of the result");
    };
    check_map(2, taps * (y.rank() - 2));
    check_bias(t, 3, 0, y.shape[1]);
    if (t.has(4)) {
      t.require_same_dtype(0, 4);
      check_map(4, taps);
    }
    t.result(y);
  }

  Deform sizes(const Sizes& x, const Sizes& w, const Sizes& y) const {
    Deform d;
    const WindowSpec s = spec(w);
    const Shape in(x.begin() + 2, x.end());
    const Window win = slide(s, in);
    d.n = x[0], d.channels = x[1], d.dims = int64_t(x.size()) - 2, d.offset_group = offset_group;
    d.taps = product(w, 2, w.size()), d.points = product(y, 2, y.size()), d.area = product(x, 2, x.size());
    for (size_t i = 0; i < in.size(); ++i) {
      const size_t k = 3 - in.size() + i;
      d.in[k] = x[2 + i], d.out[k] = y[2 + i], d.kernel[k] = w[2 + i];
      d.stride[k] = s.stride(i), d.dilation[k] = s.dilation(i), d.pad[k] = win.pad_begin[i].value();
    }
    return d;
  }

  /// Image by image: samples of all channels as columns, then a matrix product for each group.
  void eval(Evaluating& e) const {
    const Sizes &w = e.in[1].shape(), &y = e.out(0).shape();
    const Deform d = sizes(e.in[0].shape(), w, y);
    const int64_t cin = w[1], cout = w[0] / group;
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      std::vector<T> columns(size_t(d.channels * d.taps * d.points));
      for (int64_t n = 0; n < d.n; ++n) {
        const T* x = in[0].data_as<T>() + n * d.channels * d.area;
        const T* offset = in[2].data_as<T>() + n * d.offset_group * d.taps * d.dims * d.points;
        const T* mask = e.has(4) ? in[4].data_as<T>() + n * d.offset_group * d.taps * d.points : nullptr;
        parallel_for(d.channels, 1, e.threads, [&](int64_t begin, int64_t end, int) {
          for (int64_t c = begin; c < end; ++c) {
            const int64_t g = c / (d.channels / d.offset_group);
            d.column(x + c * d.area, offset + g * d.taps * d.dims * d.points,
                     mask ? mask + g * d.taps * d.points : nullptr, columns.data() + c * d.taps * d.points);
          }
        });
        T* to = out[0].data_as<T>() + n * w[0] * d.points;
        for (int64_t m = 0; m < w[0]; ++m)
          std::fill_n(to + m * d.points, d.points, e.has(3) ? in[3].data_as<T>()[m] : T(0));
        for (int64_t g = 0; g < group; ++g)
          gemm<T>(cout, d.points, cin * d.taps, {in[1].data_as<T>() + g * cout * cin * d.taps, cin * d.taps, 1},
                  {columns.data() + g * cin * d.taps * d.points, d.points, 1}, {to + g * cout * d.points, d.points, 1},
                  true, e.threads);
      }
    });
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType> out) const {
    return conv_flops(in[1], out[0]);
  }

  static std::vector<Sample> samples() {
    auto fixed = [](std::initializer_list<int64_t> s) {
      SampleInput x = in(s);
      x.symbolic = false;
      return x;
    };
    return {sample(DeformConv{}, {fixed({1, 2, 4, 4}), fixed({3, 2, 2, 2}), fixed({1, 8, 3, 3})}),
            sample(DeformConv{{.strides = {2, 1}, .pads = {1, 0, 1, 0}, .group = 2}, 2},
                   {fixed({1, 4, 4, 3}), fixed({2, 2, 2, 2}), fixed({1, 16, 3, 2}), fixed({2}), fixed({1, 8, 3, 2})}),
            sample(DeformConv{}, {fixed({1, 1, 5}), fixed({1, 1, 3}), fixed({1, 3, 3})})};
  }
};

}  // namespace

OpList deform_conv() { return {def<DeformConv>()}; }

}  // namespace neve::ops
