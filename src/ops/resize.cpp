// Resize in all modes, its gradient, and the older upsample.
#include <algorithm>
#include <cmath>

#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/resize.h"

namespace neve::ops {
namespace {

/// `scale` as a fraction with a small denominator that rounds to the same f32; 0 / 0 if there is none.
struct Fraction {
  int64_t top = 0, bottom = 0;
};
Fraction fraction(double scale) {
  for (int64_t q = 1; q <= 1024; ++q) {
    const double p = std::round(scale * double(q));
    if (p >= 1 && float(p / double(q)) == float(scale)) return {int64_t(p), q};
  }
  return {};
}

/// floor(size * scale), taking a scale such as f32(0.7) as 7 / 10.
Dim scaled_size(Inferring& t, Dim size, double scale) {
  const Fraction f = fraction(scale);
  if (f.bottom) return floordiv(size * f.top, f.bottom);
  if (size.is_constant()) return Dim(int64_t(std::floor(float(scale) * float(size.value()))));
  return t.fresh("resized");
}
int64_t scaled_size(int64_t size, double scale) {
  const Fraction f = fraction(scale);
  return f.bottom ? size * f.top / f.bottom : int64_t(std::floor(float(scale) * float(size)));
}

struct ResizeAttrs {
  std::string mode = "nearest", coordinate_transformation_mode = "half_pixel", nearest_mode = "round_prefer_floor";
  std::string keep_aspect_ratio_policy = "stretch";
  double cubic_coeff_a = -0.75, extrapolation_value = 0;
  bool antialias = false, exclude_outside = false;
  std::vector<int64_t> axes = {};
  std::vector<double> scale_factors = {};

  AttrList list() const {
    return {{"mode", mode},
            {"coordinate_transformation_mode", coordinate_transformation_mode},
            {"nearest_mode", nearest_mode},
            {"keep_aspect_ratio_policy", keep_aspect_ratio_policy},
            {"cubic_coeff_a", cubic_coeff_a},
            {"extrapolation_value", extrapolation_value},
            {"antialias", antialias},
            {"exclude_outside", exclude_outside},
            {"axes", axes},
            {"scale_factors", scale_factors}};
  }
  std::vector<int64_t> resized_axes(int64_t rank) const {
    std::vector<int64_t> a = axes.empty() ? axes_from(0, rank) : axes;
    for (int64_t& x : a) x += x < 0 ? rank : 0;
    return a;
  }
  bool crops() const { return coordinate_transformation_mode == "tf_crop_and_resize"; }

  /// One table for each axis that changes. `x` and `y` are the shapes; inputs as in resize.
  std::vector<AxisWeights> weights(const Sizes& x, const Sizes& y, const Tensor& roi,
                                   std::span<const double> scales) const {
    const Resampling r{mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a, antialias, exclude_outside};
    const std::vector<int64_t> where = resized_axes(int64_t(x.size()));
    std::vector<AxisWeights> w;
    for (size_t k = 0; k < where.size(); ++k) {
      const size_t a = size_t(where[k]);
      const double scale = scales[k];
      if (x[a] == y[a] && scale == 1 && !crops()) continue;
      const double begin = crops() ? roi.item(int64_t(k)) : 0, end = crops() ? roi.item(int64_t(k + where.size())) : 1;
      w.push_back(axis_weights(r, int64_t(a), x[a], y[a], scale, begin, end));
    }
    return w;
  }

  /// The scale of each resized axis, from the attribute, the scales input or the sizes input.
  std::vector<double> scales(const Sizes& x, const Tensor& scales_in, const Tensor& sizes_in) const {
    if (!scale_factors.empty()) return scale_factors;
    std::vector<double> s;
    if (scales_in.defined() && scales_in.element_count() > 0) {
      for (int64_t i = 0; i < scales_in.element_count(); ++i) s.push_back(scales_in.item(i));
      return s;
    }
    const std::vector<int64_t> where = resized_axes(int64_t(x.size()));
    for (size_t k = 0; k < where.size(); ++k)
      s.push_back(double(sizes_in.item_int(int64_t(k))) / double(x[size_t(where[k])]));
    if (keep_aspect_ratio_policy == "not_larger") s.assign(s.size(), *std::min_element(s.begin(), s.end()));
    if (keep_aspect_ratio_policy == "not_smaller") s.assign(s.size(), *std::max_element(s.begin(), s.end()));
    return s;
  }

  Sizes output_sizes(const Sizes& x, const Tensor& roi, std::span<const double> scale, const Tensor& sizes_in) const {
    const std::vector<int64_t> where = resized_axes(int64_t(x.size()));
    Sizes y = x;
    for (size_t k = 0; k < where.size(); ++k) {
      int64_t& n = y[size_t(where[k])];
      if (sizes_in.defined() && sizes_in.element_count() > 0) {
        n = keep_aspect_ratio_policy == "stretch" ? sizes_in.item_int(int64_t(k))
                                                  : int64_t(std::floor(scale[k] * double(n) + 0.5));
      } else if (crops()) {
        const double extent = roi.item(int64_t(k + where.size())) - roi.item(int64_t(k));
        n = int64_t(std::floor(double(n) * extent * scale[k]));
      } else {
        n = scaled_size(n, scale[k]);
      }
    }
    return y;
  }
};

constexpr auto resize_fields = std::tuple{
    attr("mode", &ResizeAttrs::mode, "nearest, linear or cubic."),
    attr("coordinate_transformation_mode", &ResizeAttrs::coordinate_transformation_mode,
         "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize."),
    attr("nearest_mode", &ResizeAttrs::nearest_mode, "round_prefer_floor, round_prefer_ceil, floor or ceil."),
    attr("keep_aspect_ratio_policy", &ResizeAttrs::keep_aspect_ratio_policy,
         "Of sizes: stretch, not_larger or not_smaller."),
    attr("cubic_coeff_a", &ResizeAttrs::cubic_coeff_a, "Coefficient of the cubic kernel."),
    attr("extrapolation_value", &ResizeAttrs::extrapolation_value, "Value outside of x, for tf_crop_and_resize."),
    attr("antialias", &ResizeAttrs::antialias, "Widen the linear or cubic filter when the output is smaller."),
    attr("exclude_outside", &ResizeAttrs::exclude_outside,
         "Leave positions outside of x out, instead of repeating its edge."),
    attr("axes", &ResizeAttrs::axes, "Axes that roi, scales and sizes tell of; empty: all."),
    attr("scale_factors", &ResizeAttrs::scale_factors, "Scales known beforehand, instead of inputs scales and sizes.")};

bool one_of(std::string_view v, std::initializer_list<std::string_view> of) {
  return std::find(of.begin(), of.end(), v) != of.end();
}

void check_attrs(const Inferring& t, const ResizeAttrs& a) {
  t.require(one_of(a.mode, {"nearest", "linear", "cubic"}), "mode is '", a.mode,
            "' (expected nearest, linear or cubic)");
  t.require(one_of(a.coordinate_transformation_mode, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                                      "align_corners", "asymmetric", "tf_crop_and_resize"}),
            "coordinate_transformation_mode is '", a.coordinate_transformation_mode,
            "', which is unknown (expected half_pixel, "
            "half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize)");
  t.require(one_of(a.nearest_mode, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}), "nearest_mode is '",
            a.nearest_mode, "' (expected round_prefer_floor, round_prefer_ceil, floor or ceil)");
  t.require(one_of(a.keep_aspect_ratio_policy, {"stretch", "not_larger", "not_smaller"}),
            "keep_aspect_ratio_policy is '", a.keep_aspect_ratio_policy,
            "' (expected stretch, not_larger or not_smaller)");
  for (double s : a.scale_factors) t.require(s > 0, "a scale is ", s, " (expected more than 0)");
}

bool given_input(const Inferring& t, size_t i) { return t.has(i) && !t.in(i).shape.empty() && !t.in(i).shape[0].is(0); }

struct Resize : ResizeAttrs {
  static constexpr OpInfo info{
      .name = "resize",
      .summary = "Resamples x along axes, by nearest, linear or cubic interpolation.",
      .source = "ONNX Resize-19",
      .inputs = {{"x"},
                 {"roi", "starts, then ends, normalised; for tf_crop_and_resize", Arity::optional},
                 {"scales", "f32, one for each axis", Arity::optional},
                 {"sizes", "i64, one for each axis", Arity::optional}},
      .outputs = {{"y"}}};
  static constexpr auto attrs = resize_fields;

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(!is_complex(x.dtype) && (x.dtype != DType::boolean || mode == "nearest"), "x is ", x,
                   " (expected real numbers, or bool with mode nearest)");
    check_attrs(t, *this);
    t.axes(axes, x.rank());
    const std::vector<int64_t> where = resized_axes(x.rank());
    const int64_t n = int64_t(where.size());
    const bool by_scales = given_input(t, 2), by_sizes = given_input(t, 3);
    t.require(int(by_scales) + int(by_sizes) + int(!scale_factors.empty()) == 1,
              "exactly one of scales, sizes and scale_factors must be given");
    t.require(!crops() || given_input(t, 1), "roi is missing (tf_crop_and_resize needs it)");
    if (crops()) t.require_equal(t.in(1).shape[0], 2 * n, "roi must have a start and an end for each axis");
    t.require(scale_factors.empty() || int64_t(scale_factors.size()) == n, "scale_factors has ", scale_factors.size(),
              " values (expected ", n, ")");
    if (by_scales) t.require_equal(t.in(2).shape[0], n, "scales must have one value for each axis");
    if (by_sizes) {
      require_dtype(t, 3, DType::i64);
      t.require_equal(t.in(3).shape[0], n, "sizes must have one value for each axis");
    }
    TensorType y = x;
    if (!scale_factors.empty() && !crops()) {
      for (size_t k = 0; k < where.size(); ++k) {
        Dim& d = y.shape[size_t(where[k])];
        d = scaled_size(t, d, scale_factors[k]);
      }
    } else if (const Shape* sizes = by_sizes ? t.content(3) : nullptr; sizes && keep_aspect_ratio_policy == "stretch") {
      for (size_t k = 0; k < where.size(); ++k) y.shape[size_t(where[k])] = (*sizes)[k];
    } else if (!keeps_aspect(t, by_sizes, where, y.shape)) {
      for (int64_t a : where) y.shape[size_t(a)] = t.fresh(str("resized_", a));
    }
    t.result(y);
  }

  /// The sizes under a policy that keeps the aspect ratio, where all that they depend on is known.
  bool keeps_aspect(const Inferring& t, bool by_sizes, const std::vector<int64_t>& where, Shape& y) const {
    if (!by_sizes || !t.ints(3)) return false;
    Sizes x;
    for (size_t i = 0; i < y.size(); ++i) {
      const bool resized = std::find(where.begin(), where.end(), int64_t(i)) != where.end();
      if (resized && (!y[i].is_constant() || y[i].is(0))) return false;
      x.push_back(y[i].is_constant() ? y[i].value() : 1);
    }
    const Tensor sizes = Tensor::of_ints(DType::i64, {int64_t(where.size())}, *t.ints(3));
    const Sizes result = output_sizes(x, Tensor(), scales(x, Tensor(), sizes), sizes);
    for (int64_t a : where) y[size_t(a)] = result[size_t(a)];
    return true;
  }

  void eval(Evaluating& e) const {
    auto input = [&](size_t i) { return e.has(i) ? e.in[i] : Tensor(); };
    const Tensor& x = e.in[0];
    const std::vector<double> s = scales(x.shape(), input(2), input(3));
    const Sizes y = output_sizes(x.shape(), input(1), s, input(3));
    e.allocate(0, y);
    if (e.out(0).element_count() == 0) return;
    for (size_t i = 0; i < y.size(); ++i)
      if (x.shape()[i] == 0)
        fail(ErrorCode::shape_mismatch, "resize: axis ", i, " of x is empty and cannot grow to ", y[i]);
    const std::vector<AxisWeights> w = weights(x.shape(), y, input(1), s);
    if (mode == "nearest") {
      Tensor v = x;
      for (const AxisWeights& a : w) v = pick(v, a);
      e.out(0).copy_from(v);
      return extrapolate(w, e.out(0));
    }
    const DType t = x.dtype();
    const bool wide = t == DType::f64 || (is_int(t) && size_of(t) >= 4);
    Tensor v = x.to(wide ? DType::f64 : DType::f32);
    for (const AxisWeights& a : w) v = wide ? resample<double>(v, a, e.threads) : resample<float>(v, a, e.threads);
    e.out(0).copy_from(v.to(t));
    extrapolate(w, e.out(0));
  }

  /// Sets what was taken from outside of x.
  void extrapolate(const std::vector<AxisWeights>& tables, const Tensor& y) const {
    for (const AxisWeights& w : tables) {
      if (w.outside.empty()) continue;
      for (int64_t i = 0; i < w.out; ++i) {
        if (!w.outside[size_t(i)]) continue;
        const Tensor part = y.slice(w.axis, i, i + 1);
        const Tensor value = Tensor::scalar(y.dtype(), extrapolation_value);
        part.copy_from(Tensor::view(value.storage(), y.dtype(), part.shape(), Sizes(part.shape().size(), 0)));
      }
    }
  }

  Values grad(const Gradient& g) const {
    Values args{g.dy(), g.b.shape_of(g.in[0])};
    for (size_t i = 1; i < g.in.size(); ++i) args.push_back(g.in[i]);
    Values d(g.in.size());
    if (g.needs[0]) d[0] = g.b.call("resize_grad", args, list());
    return d;
  }

  static std::vector<Sample> samples() {
    const SampleInput roi = given(Tensor::of(DType::f32, {4}, {0.2, -0.3, 0.8, 1.1}));
    const SampleInput scales = given(Tensor::of(DType::f32, {4}, {1, 1, 2, 0.6}));
    return {
        sample(Resize{{.scale_factors = {1, 1, 2, 3}}}, {in({1, 2, 3, 2})}),
        sample(Resize{{.mode = "linear"}}, {in({1, 2, 4, 3}), absent(), absent(), given_ints({1, 2, 7, 2})}),
        sample(Resize{{.mode = "linear", .coordinate_transformation_mode = "align_corners"}},
               {in({1, 1, 4, 3}), absent(), scales}, 1e-5, "sizes are no smooth function of scales", false),
        sample(Resize{{.mode = "linear", .coordinate_transformation_mode = "align_corners", .scale_factors = {2, 0.6}}},
               {in({4, 3})}),
        sample(Resize{{.mode = "cubic", .exclude_outside = true, .scale_factors = {1, 1, 0.5, 1.5}}},
               {in({1, 1, 6, 4})}),
        sample(Resize{{.mode = "cubic", .antialias = true, .axes = {2, 3}, .scale_factors = {0.6, 0.6}}},
               {in({1, 1, 6, 5})}),
        sample(Resize{{.mode = "linear", .antialias = true, .axes = {-1}}},
               {in({2, 7}), absent(), absent(), given_ints({3})}),
        sample(Resize{{.mode = "linear",
                       .coordinate_transformation_mode = "tf_crop_and_resize",
                       .extrapolation_value = 4,
                       .axes = {0, 1}}},
               {in({4, 5}), roi, absent(), given_ints({3, 4})}),
        sample(Resize{{.nearest_mode = "ceil", .keep_aspect_ratio_policy = "not_larger", .axes = {2, 1}}},
               {in({1, 2, 4}), absent(), absent(), given_ints({7, 8})}),
        sample(
            Resize{
                {.mode = "linear", .coordinate_transformation_mode = "half_pixel_symmetric", .scale_factors = {0.45}}},
            {in({9})}),
        sample(
            Resize{{.coordinate_transformation_mode = "asymmetric", .nearest_mode = "floor", .scale_factors = {1, 2}}},
            {in(DType::u8, {2, 3}, 0, 255)}, 0, "exact")};
  }
};

struct ResizeGrad : ResizeAttrs {
  static constexpr OpInfo info{.name = "resize_grad",
                               .summary = "The gradient of resize by x.",
                               .source = "adjoint of ONNX Resize-19",
                               .inputs = {{"dy", "of the shape of resize(x)"},
                                          {"shape", "of x, i64"},
                                          {"roi", "", Arity::optional},
                                          {"scales", "", Arity::optional},
                                          {"sizes", "", Arity::optional}},
                               .outputs = {{"dx"}}};
  static constexpr auto attrs = resize_fields;

  void infer(Inferring& t) const {
    t.require_float(0);
    check_attrs(t, *this);
    const TensorType& dy = t.in(0);
    t.axes(axes, dy.rank());
    require_dtype(t, 1, DType::i64);
    require_rank(t, 1, 1);
    t.require_equal(t.in(1).shape[0], dy.rank(), "shape must have one value for each axis of dy");
    TensorType dx = dy;
    const Shape* content = t.content(1);
    for (int64_t a : resized_axes(dy.rank()))
      dx.shape[size_t(a)] = content ? (*content)[size_t(a)] : t.fresh(str("resize_grad_", a));
    t.result(dx);
  }

  void eval(Evaluating& e) const {
    auto input = [&](size_t i) { return e.has(i) ? e.in[i] : Tensor(); };
    const Sizes x = e.in[1].to_ints();
    const std::vector<AxisWeights> w = weights(x, e.in[0].shape(), input(2), scales(x, input(3), input(4)));
    e.allocate(0, x);
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      Tensor v = in[0].clone();
      for (const AxisWeights& a : w)
        for (int64_t i = 0; i < a.out && !a.outside.empty(); ++i)
          if (a.outside[size_t(i)])
            v.slice(a.axis, i, i + 1).copy_from(Tensor::zeros(v.dtype(), v.slice(a.axis, i, i + 1).shape()));
      for (const AxisWeights& a : w) v = resample_adjoint<T>(v, a, e.threads);
      out[0].copy_from(v);
    });
  }

  static std::vector<Sample> samples() {
    return {sample(ResizeGrad{{.mode = "cubic", .scale_factors = {1, 1, 2, 0.5}}},
                   {in({1, 1, 4, 2}), given_ints({1, 1, 2, 4})})};
  }
};

struct Upsample {
  std::string mode = "nearest";
  std::vector<double> scale_factors = {};

  static constexpr OpInfo info{.name = "upsample",
                               .summary = "Enlarges x by scales, repeating (nearest) or interpolating (linear).",
                               .source = "ONNX Upsample-10",
                               .inputs = {{"x"}, {"scales", "f32, one for each axis", Arity::optional}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{attr("mode", &Upsample::mode, "nearest or linear."),
                                           attr("scale_factors", &Upsample::scale_factors, "Scales known beforehand.")};

  void infer(Inferring& t) const {
    t.require(mode == "nearest" || mode == "linear", "mode is '", mode, "' (expected nearest or linear)");
    t.require(scale_factors.empty() == given_input(t, 1), "exactly one of scales and scale_factors must be given");
    TensorType y = t.in(0);
    t.require(scale_factors.empty() || scale_factors.size() == y.shape.size(), "scale_factors has ",
              scale_factors.size(), " values (expected ", y.shape.size(), ")");
    for (double s : scale_factors) t.require(s > 0, "a scale is ", s, " (expected more than 0)");
    for (size_t i = 0; i < y.shape.size(); ++i)
      y.shape[i] = scale_factors.empty() ? t.fresh(str("upsampled_", i)) : scaled_size(t, y.shape[i], scale_factors[i]);
    t.result(y);
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    return b.call("resize", {v[0], Value{}, optional_input(v, 1)},
                  {{"mode", mode},
                   {"coordinate_transformation_mode", std::string("asymmetric")},
                   {"nearest_mode", std::string("floor")},
                   {"scale_factors", scale_factors}});
  }
  static std::vector<Sample> samples() {
    return {sample(Upsample{.scale_factors = {1, 1, 2, 3}}, {in({1, 1, 2, 2})}),
            sample(Upsample{.mode = "linear"}, {in({2, 3}), given(Tensor::of(DType::f32, {2}, {2, 1.5}))})};
  }
};

}  // namespace

OpList resize() { return {def<Resize>(), def<ResizeGrad>(), def<Upsample>()}; }

}  // namespace neve::ops
