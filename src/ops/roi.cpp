// Pooling of regions of interest: roi_align, max_roi_pool.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"

namespace neve::ops {
namespace {

/// Weights of bilinear interpolation at one point of a plane.
template <class T>
struct Bilinear {
  int64_t at[4] = {0, 0, 0, 0};
  T weight[4] = {0, 0, 0, 0};
};
template <class T>
Bilinear<T> bilinear(T y, T x, int64_t height, int64_t width) {
  Bilinear<T> p;
  if (y < -1 || y > T(height) || x < -1 || x > T(width)) return p;
  y = std::max(y, T(0)), x = std::max(x, T(0));
  int64_t y0 = int64_t(y), x0 = int64_t(x), y1 = y0 + 1, x1 = x0 + 1;
  if (y0 >= height - 1) y0 = y1 = height - 1, y = T(y0);
  if (x0 >= width - 1) x0 = x1 = width - 1, x = T(x0);
  const T fy = y - T(y0), fx = x - T(x0);
  p.at[0] = y0 * width + x0, p.at[1] = y0 * width + x1, p.at[2] = y1 * width + x0, p.at[3] = y1 * width + x1;
  p.weight[0] = (1 - fy) * (1 - fx), p.weight[1] = (1 - fy) * fx, p.weight[2] = fy * (1 - fx), p.weight[3] = fy * fx;
  return p;
}

struct RoiAlign {
  std::string coordinate_transformation_mode = "half_pixel", mode = "avg";
  int64_t output_height = 1, output_width = 1, sampling_ratio = 0;
  double spatial_scale = 1;

  static constexpr OpInfo info{
      .name = "roi_align",
      .summary = "Pools each region of interest to a fixed size, sampling with bilinear interpolation.",
      .source = "ONNX RoiAlign-22",
      .inputs = {{"x", "[n, c, h, w]"}, {"rois", "[r, 4]: x1, y1, x2, y2"}, {"batch_indices", "i64 [r]"}},
      .outputs = {{"y", "[r, c, output_height, output_width]"}}};
  static constexpr auto attrs = std::tuple{
      attr("coordinate_transformation_mode", &RoiAlign::coordinate_transformation_mode,
           "half_pixel or output_half_pixel."),
      attr("mode", &RoiAlign::mode, "avg or max."),
      attr("output_height", &RoiAlign::output_height, "Height of y."),
      attr("output_width", &RoiAlign::output_width, "Width of y."),
      attr("sampling_ratio", &RoiAlign::sampling_ratio, "Samples along each side of a bin; 0: as many as elements."),
      attr("spatial_scale", &RoiAlign::spatial_scale, "From the coordinates of regions to those of x.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    require_rank(t, 0, 4);
    require_rank(t, 1, 2);
    require_rank(t, 2, 1);
    require_dtype(t, 2, DType::i64);
    t.require_equal(t.in(1).shape[1], 4, "rois must be [r, 4]");
    t.require_equal(t.in(1).shape[0], t.in(2).shape[0], "there must be one batch index for each region");
    t.require(mode == "avg" || mode == "max", "mode is '", mode, "' (expected avg or max)");
    t.require(coordinate_transformation_mode == "half_pixel" || coordinate_transformation_mode == "output_half_pixel",
              "coordinate_transformation_mode is '", coordinate_transformation_mode,
              "' (expected half_pixel or output_half_pixel)");
    t.require(output_height >= 1 && output_width >= 1, "the output is ", output_height, " x ", output_width,
              " (expected 1 or more each)");
    t.require(sampling_ratio >= 0, "sampling_ratio is ", sampling_ratio, " (expected 0 or more)");
    for (size_t i : {2, 3}) t.require_at_least(t.in(0).shape[i], 1, "x must not be empty");
    t.result(t.in(0).dtype, Shape{t.in(1).shape[0], t.in(0).shape[1], output_height, output_width});
  }

  void eval(Evaluating& e) const {
    for (int64_t i = 0; i < e.in[2].element_count(); ++i) {
      const int64_t n = e.in[2].data_as<int64_t>()[i];
      if (n < 0 || n >= e.in[0].shape()[0])
        fail(ErrorCode::invalid_argument, "roi_align: batch index ", n, " is out of range (x has a batch of ",
             e.in[0].shape()[0], ")");
    }
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      parallel_for(in[1].shape()[0], 1, e.threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = begin; r < end; ++r)
          region(in[0], in[1].data_as<T>() + r * 4, in[2].data_as<int64_t>()[r],
                 out[0].data_as<T>() + r * out[0].shape()[1] * output_height * output_width);
      });
    });
  }

  template <class T>
  void region(const Tensor& x, const T* roi, int64_t batch, T* y) const {
    const int64_t channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
    const bool half = coordinate_transformation_mode == "half_pixel";
    const T shift = half ? T(0.5) : T(0), scale = T(spatial_scale);
    const T x0 = roi[0] * scale - shift, y0 = roi[1] * scale - shift;
    T w = roi[2] * scale - shift - x0, h = roi[3] * scale - shift - y0;
    if (!half) w = std::max(w, T(1)), h = std::max(h, T(1));
    const T bin_h = h / T(output_height), bin_w = w / T(output_width);
    const int64_t rows = sampling_ratio ? sampling_ratio : std::max<int64_t>(0, int64_t(std::ceil(bin_h)));
    const int64_t columns = sampling_ratio ? sampling_ratio : std::max<int64_t>(0, int64_t(std::ceil(bin_w)));
    const T count = T(std::max<int64_t>(rows * columns, 1));
    const T* planes = x.data_as<T>() + batch * channels * height * width;
    for (int64_t o = 0; o < output_height * output_width; ++o) {
      for (int64_t c = 0; c < channels; ++c) y[c * output_height * output_width + o] = 0;
      for (int64_t s = 0; s < rows * columns; ++s) {
        const int64_t row = o / output_width, part = s / columns;
        const T py = y0 + (T(row) + (T(part) + T(0.5)) / T(rows)) * bin_h;
        const T px = x0 + (T(o % output_width) + (T(s % columns) + T(0.5)) / T(columns)) * bin_w;
        const Bilinear<T> p = bilinear(py, px, height, width);
        for (int64_t c = 0; c < channels; ++c) {
          const T* plane = planes + c * height * width;
          T v[4];
          for (int k = 0; k < 4; ++k) v[k] = p.weight[k] * plane[p.at[k]];
          T& to = y[c * output_height * output_width + o];
          if (mode == "avg") {
            to += (v[0] + v[1] + v[2] + v[3]) / count;
          } else {  // ONNX takes the largest of the weighted elements, not of their sums
            const T m = std::max(std::max(v[0], v[1]), std::max(v[2], v[3]));
            to = s == 0 ? m : std::max(to, m);
          }
        }
      }
    }
  }

  static std::vector<Sample> samples() {
    const SampleInput rois = given(Tensor::of(DType::f32, {2, 4}, {0.5, 0.2, 4.1, 3.3, 1, 1, 2.5, 4}));
    const SampleInput batch = given(Tensor::of(DType::i64, {2}, {1, 0}));
    return {sample(RoiAlign{.output_height = 2, .output_width = 3}, {in({2, 3, 5, 6}), rois, batch}),
            sample(RoiAlign{.coordinate_transformation_mode = "output_half_pixel",
                            .mode = "max",
                            .output_height = 2,
                            .sampling_ratio = 2,
                            .spatial_scale = 0.5},
                   {in({2, 3, 5, 6}), rois, batch})};
  }
};

struct MaxRoiPool {
  std::vector<int64_t> pooled_shape = {};
  double spatial_scale = 1;

  static constexpr OpInfo info{.name = "max_roi_pool",
                               .summary = "Maximum over the bins that each region of interest is cut into.",
                               .source = "ONNX MaxRoiPool-22",
                               .inputs = {{"x", "[n, c, h, w]"}, {"rois", "[r, 5]: batch, x1, y1, x2, y2"}},
                               .outputs = {{"y", "[r, c, pooled_shape...]"}}};
  static constexpr auto attrs =
      std::tuple{attr("pooled_shape", &MaxRoiPool::pooled_shape, "Height and width of y."),
                 attr("spatial_scale", &MaxRoiPool::spatial_scale, "From the coordinates of regions to those of x.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    require_rank(t, 0, 4);
    require_rank(t, 1, 2);
    t.require_equal(t.in(1).shape[1], 5, "rois must be [r, 5]");
    t.require(pooled_shape.size() == 2 && pooled_shape[0] >= 1 && pooled_shape[1] >= 1, "pooled_shape is ",
              pooled_shape, " (expected two sizes of 1 or more)");
    t.result(t.in(0).dtype, Shape{t.in(1).shape[0], t.in(0).shape[1], pooled_shape[0], pooled_shape[1]});
  }

  void eval(Evaluating& e) const {
    for (int64_t r = 0; r < e.in[1].shape()[0]; ++r) {
      const double n = e.in[1].item(r * 5);
      if (!(n >= 0 && n < double(e.in[0].shape()[0])))
        fail(ErrorCode::invalid_argument, "max_roi_pool: batch index ", n, " is out of range (x has a batch of ",
             e.in[0].shape()[0], ")");
    }
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const int64_t channels = in[0].shape()[1], bins = pooled_shape[0] * pooled_shape[1];
      parallel_for(in[1].shape()[0] * channels, 1, e.threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
          region(in[0], in[1].data_as<T>() + i / channels * 5, i % channels, out[0].data_as<T>() + i * bins);
      });
    });
  }

  template <class T>
  void region(const Tensor& x, const T* roi, int64_t channel, T* y) const {
    const int64_t height = x.shape()[2], width = x.shape()[3];
    const T scale = T(spatial_scale);
    const int64_t x0 = std::lround(roi[1] * scale), y0 = std::lround(roi[2] * scale);
    const T bin_w = T(std::max<int64_t>(std::lround(roi[3] * scale) - x0 + 1, 1)) / T(pooled_shape[1]);
    const T bin_h = T(std::max<int64_t>(std::lround(roi[4] * scale) - y0 + 1, 1)) / T(pooled_shape[0]);
    const T* plane = x.data_as<T>() + (int64_t(roi[0]) * x.shape()[1] + channel) * height * width;
    auto bound = [](T v, int64_t from, int64_t size) { return std::clamp<int64_t>(int64_t(v) + from, 0, size); };
    for (int64_t ph = 0; ph < pooled_shape[0]; ++ph)
      for (int64_t pw = 0; pw < pooled_shape[1]; ++pw) {
        const int64_t h0 = bound(std::floor(T(ph) * bin_h), y0, height),
                      h1 = bound(std::ceil(T(ph + 1) * bin_h), y0, height);
        const int64_t w0 = bound(std::floor(T(pw) * bin_w), x0, width),
                      w1 = bound(std::ceil(T(pw + 1) * bin_w), x0, width);
        T best = h1 > h0 && w1 > w0 ? plane[h0 * width + w0] : T(0);
        for (int64_t h = h0; h < h1; ++h)
          for (int64_t w = w0; w < w1; ++w) best = std::max(best, plane[h * width + w]);
        *y++ = best;
      }
  }

  static std::vector<Sample> samples() {
    const SampleInput rois = given(Tensor::of(DType::f32, {2, 5}, {1, 0.5, 0.2, 4.1, 3.3, 0, 1, 1, 2.5, 4}));
    return {sample(MaxRoiPool{.pooled_shape = {2, 3}}, {in({2, 3, 5, 6}), rois}),
            sample(MaxRoiPool{.pooled_shape = {1, 1}, .spatial_scale = 0.5}, {in({2, 1, 5, 6}), rois})};
  }
};

}  // namespace

OpList roi() { return {def<RoiAlign>(), def<MaxRoiPool>()}; }

}  // namespace neve::ops
