// Convolution, its gradients as ops of their own, and its quantised forms.
#include "ops/detail/conv.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/conv_attrs.h"
#include "ops/detail/float_io.h"

namespace neve::ops {

void check_conv(Inferring& t, const ConvAttrs& a, size_t xi, size_t wi) {
  const TensorType &x = t.in(xi), &w = t.in(wi);
  t.require_shape(x.rank() >= 3 && x.rank() <= 5, t.input_name(xi), " is ", x,
                  " (expected [batch, channels, ...] with 1 to 3 spatial axes)");
  t.require_shape(w.rank() == x.rank(), t.input_name(wi), " is ", w, " (expected rank ", x.rank(), ", like ",
                  t.input_name(xi), " of type ", x, ")");
  t.require(a.group >= 1, "group is ", a.group, " (expected 1 or more)");
  check_window(t, a.spec(w.shape), size_t(x.rank() - 2), true);
  if (a.kernel_shape.empty()) return;
  t.require(int64_t(a.kernel_shape.size()) == x.rank() - 2, "kernel_shape has ", a.kernel_shape.size(),
            " values (expected ", x.rank() - 2, ")");
  for (size_t i = 0; i < a.kernel_shape.size(); ++i)
    t.require_equal(w.shape[2 + i], a.kernel_shape[i], "kernel_shape must agree with the weight");
}

TensorType conv_type(Inferring& t, const ConvAttrs& a, size_t xi, size_t wi, DType dtype) {
  check_conv(t, a, xi, wi);
  const Shape &x = t.in(xi).shape, &w = t.in(wi).shape;
  t.require_equal(x[1], w[1] * a.group, "channels of the input must be group times those of the weight");
  t.require_divides(a.group, w[0], "group must divide the output channels");
  Shape y{x[0], w[0]};
  const Window window = infer_window(t, a.spec(w), std::span(x.begin() + 2, x.end()));
  y.append(window.out.begin(), window.out.end());
  return {dtype, y};
}

void check_bias(Inferring& t, size_t bias, size_t x, Dim channels) {
  if (!t.has(bias)) return;
  t.require_same_dtype(x, bias);
  t.require_shape(t.in(bias).rank() == 1, t.input_name(bias), " is ", t.in(bias), " (expected rank 1)");
  t.require_equal(t.in(bias).shape[0], channels, "the bias must have one value for each output channel");
}

double conv_flops(const TensorType& w, const TensorType& y) {
  double taps = 2;
  for (size_t i = 1; i < w.shape.size(); ++i) taps *= double(w.shape[i].value());
  return taps * elements(y);
}

namespace {

Shape shape_of_sizes(const Sizes& s) { return Shape(s.begin(), s.end()); }

ConvGeometry geometry(const ConvAttrs& a, const Sizes& x, const Sizes& w, const Sizes& y) {
  const WindowSpec spec = a.spec(w);
  const Shape in = shape_of_sizes(x);
  return conv_geometry(spec, slide(spec, std::span(in.begin() + 2, in.end())), x, w, y);
}

struct Conv : ConvAttrs {
  static constexpr OpInfo info{.name = "conv",
                               .summary =
                                   "Cross-correlation: y[n, m] = bias[m] + sum over c and taps of w[m, c] * x[n, c], "
                                   "over 1 to 3 spatial axes.",
                               .source = "ONNX Conv-22",
                               .inputs = {{"x", "[n, c, ...]; i32 is for quantised forms"},
                                          {"w", "[m, c / group, kernel...]"},
                                          {"bias", "[m]", Arity::optional}},
                               .outputs = {{"y", "[n, m, ...]"}}};
  static constexpr auto attrs = conv_attr_fields;

  void infer(Inferring& t) const {
    const DType d = t.in(0).dtype;
    t.require_type(is_float(d) || d == DType::i32, "x is ", t.in(0), " (expected a float or i32)");
    t.require_same_dtype(0, 1);
    const TensorType y = conv_type(t, *this, 0, 1, d);
    check_bias(t, 2, 0, y.shape[1]);
    t.result(y);
  }

  void eval(Evaluating& e) const {
    const ConvGeometry g = geometry(*this, e.in[0].shape(), e.in[1].shape(), e.out(0).shape());
    auto run = [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      conv_forward<T>(g, in[0].data_as<T>(), in[1].data_as<T>(), e.has(2) ? in[2].data_as<T>() : nullptr,
                      out[0].data_as<T>(), e.threads);
    };
    if (e.in[0].dtype() == DType::i32) return run.template operator()<uint32_t>(e.in, e.out_);
    eval_float(e, run);
  }

  Values grad(const Gradient& g) const {
    Values d(g.in.size());
    if (g.needs[0]) d[0] = g.b.call("conv_input_grad", {g.dy(), g.in[1], g.b.shape_of(g.in[0])}, list());
    if (g.needs[1]) d[1] = g.b.call("conv_weight_grad", {g.in[0], g.dy(), g.b.shape_of(g.in[1])}, list());
    if (g.in.size() > 2 && g.in[2].valid() && g.needs[2]) {
      std::vector<int64_t> axes = axes_from(1, g.b.rank(g.dy()));
      axes[0] = 0;
      d[2] = reduce_sum(g.b, g.dy(), axes, false);
    }
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType> out) const {
    return conv_flops(in[1], out[0]);
  }

  static std::vector<Sample> samples() {
    return {
        sample(Conv{}, {in({1, 2, 7}), in({3, 2, 3}), in({3})}),
        sample(Conv{}, {in({2, 3, 4, 5}), in({4, 3, 1, 1})}),
        sample(Conv{{.strides = {2, 2}, .pads = {1, 1, 1, 1}}}, {in({1, 2, 5, 6}), in({3, 2, 3, 3}), in({3})}),
        sample(Conv{{.kernel_shape = {3, 2}, .pads = {0, 1, 2, 0}, .dilations = {1, 2}, .group = 2}},
               {in({2, 4, 5, 5}), in({6, 2, 3, 2})}),
        sample(Conv{{.strides = {2, 1}, .auto_pad = "SAME_UPPER"}}, {in({1, 1, 5, 4}), in({5, 1, 3, 2})}),
        sample(Conv{{.strides = {2, 3}, .auto_pad = "SAME_LOWER"}}, {in({1, 1, 6, 4}), in({1, 1, 3, 2})}),
        sample(Conv{{.auto_pad = "VALID"}}, {in({1, 3, 4, 4}), in({3, 3, 2, 2})}),
        sample(Conv{{.group = 3}}, {in({1, 3, 4, 4}), in({3, 1, 2, 2}), in({3})}),
        sample(Conv{{.strides = {1, 2, 1}, .pads = {1, 0, 1, 0, 1, 1}}}, {in({1, 2, 3, 4, 4}), in({2, 2, 2, 2, 3})}),
        sample(Conv{}, {in({0, 2, 7}), in({3, 2, 3})})};
  }
};

/// The result shape of the gradient ops: `known` in front, then what is known of the content of input `i`.
Shape shape_from_input(Inferring& t, size_t i, const Shape& known, int64_t rank) {
  const TensorType& s = t.in(i);
  t.require_type(s.dtype == DType::i64 && s.rank() == 1, t.input_name(i), " is ", s, " (expected i64[", rank, "])");
  t.require_equal(s.shape[0], rank, "the shape input must have one value for each axis");
  Shape y = known;
  const Shape* content = t.content(i);
  for (size_t k = y.size(); k < size_t(rank); ++k)
    y.push_back(content ? (*content)[k] : t.fresh(str(t.op.name, "_", k)));
  return y;
}

struct ConvInputGrad : ConvAttrs {
  static constexpr OpInfo info{
      .name = "conv_input_grad",
      .summary = "The gradient of conv(x, w) by x, given that of its result.",
      .source = "adjoint of ONNX Conv-22",
      .inputs = {{"dy", "[n, m, ...]"}, {"w", "[m, c / group, kernel...]"}, {"shape", "of x, i64"}},
      .outputs = {{"dx", "[n, c, ...]"}}};
  static constexpr auto attrs = conv_attr_fields;

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    check_conv(t, *this, 0, 1);
    t.require_equal(t.in(0).shape[1], t.in(1).shape[0], "channels of dy and the first axis of w must agree");
    const int64_t rank = t.in(0).rank();
    t.result(t.in(0).dtype, shape_from_input(t, 2, {t.in(0).shape[0], t.in(1).shape[1] * group}, rank));
  }

  void eval(Evaluating& e) const {
    const Sizes x = e.in[2].to_ints();
    e.allocate(0, x);
    const ConvGeometry g = geometry(*this, x, e.in[1].shape(), e.in[0].shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      conv_backward_input<T>(g, in[0].data_as<T>(), in[1].data_as<T>(), nullptr, out[0].data_as<T>(), e.threads);
    });
  }

  Values grad(const Gradient& g) const {
    Values d(3);
    if (g.needs[0]) d[0] = g.b.call("conv", {g.dy(), g.in[1]}, list());
    if (g.needs[1]) d[1] = g.b.call("conv_weight_grad", {g.dy(), g.in[0], g.b.shape_of(g.in[1])}, list());
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const { return conv_flops(in[1], in[0]); }

  static std::vector<Sample> samples() {
    return {sample(ConvInputGrad{{.strides = {2, 2}, .pads = {1, 1, 1, 1}}},
                   {in({1, 3, 3, 3}), in({3, 2, 3, 3}), given_ints({1, 2, 5, 6})}),
            sample(ConvInputGrad{{.group = 2}}, {in({2, 4, 3}), in({4, 1, 2}), given_ints({2, 2, 4})})};
  }
};

struct ConvWeightGrad : ConvAttrs {
  static constexpr OpInfo info{.name = "conv_weight_grad",
                               .summary = "The gradient of conv(x, w) by w, given that of its result.",
                               .source = "adjoint of ONNX Conv-22",
                               .inputs = {{"x", "[n, c, ...]"}, {"dy", "[n, m, ...]"}, {"shape", "of w, i64"}},
                               .outputs = {{"dw", "[m, c / group, kernel...]"}}};
  static constexpr auto attrs = conv_attr_fields;

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    const TensorType &x = t.in(0), &dy = t.in(1);
    t.require_shape(x.rank() >= 3 && x.rank() <= 5 && dy.rank() == x.rank(), "x is ", x, " and dy is ", dy,
                    " (expected equal ranks with 1 to 3 spatial axes)");
    t.require_equal(x.shape[0], dy.shape[0], "batches of x and dy must agree");
    t.require(group >= 1, "group is ", group, " (expected 1 or more)");
    t.require_divides(group, x.shape[1], "group must divide the input channels");
    t.result(x.dtype, shape_from_input(t, 2, {dy.shape[1], floordiv(x.shape[1], group)}, x.rank()));
  }

  void eval(Evaluating& e) const {
    const Sizes w = e.in[2].to_ints();
    e.allocate(0, w);
    const ConvGeometry g = geometry(*this, e.in[0].shape(), w, e.in[1].shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      conv_backward_weight<T>(g, in[0].data_as<T>(), in[1].data_as<T>(), out[0].data_as<T>(), e.threads);
    });
  }

  Values grad(const Gradient& g) const {
    Values d(3);
    if (g.needs[0]) d[0] = g.b.call("conv_input_grad", {g.in[1], g.dy(), g.b.shape_of(g.in[0])}, list());
    if (g.needs[1]) d[1] = g.b.call("conv", {g.in[0], g.dy()}, list());
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType> out) const {
    return conv_flops(out[0], in[1]);
  }

  static std::vector<Sample> samples() {
    return {sample(ConvWeightGrad{{.strides = {2, 2}, .pads = {1, 1, 1, 1}}},
                   {in({1, 2, 5, 6}), in({1, 3, 3, 3}), given_ints({3, 2, 3, 3})}),
            sample(ConvWeightGrad{{.group = 2}}, {in({2, 2, 4}), in({2, 4, 3}), given_ints({4, 1, 2})})};
  }
};

/// A scalar, or a value for each output channel, so that it broadcasts along `axis` of a tensor of rank `rank`.
Value along(Builder& b, Value v, int64_t axis, int64_t rank) {
  if (b.rank(v) == 0) return v;
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis) axes.push_back(i);
  return unsqueeze(b, v, axes);
}

/// conv((x - x_zero_point), (w - w_zero_point)) in i32.
Value integer_conv(Builder& b, const ConvAttrs& a, Value x, Value x_zero, Value w, Value w_zero, Value bias) {
  const int64_t rank = b.rank(x);
  Value xi = b.cast(x, DType::i32), wi = b.cast(w, DType::i32);
  if (x_zero.valid()) {
    const Value z = b.cast(x_zero, DType::i32);
    xi = sub(b, xi, b.rank(z) ? squeeze(b, z, {0}) : z);
  }
  if (w_zero.valid()) wi = sub(b, wi, along(b, b.cast(w_zero, DType::i32), 0, rank));
  return bias.valid() ? b.call("conv", {xi, wi, bias}, a.list()) : b.call("conv", {xi, wi}, a.list());
}

struct ConvInteger : ConvAttrs {
  static constexpr OpInfo info{.name = "conv_integer",
                               .summary = "conv(x - x_zero_point, w - w_zero_point), in 32-bit integers.",
                               .source = "ONNX ConvInteger-10",
                               .inputs = {{"x", "u8 or i8 [n, c, ...]"},
                                          {"w", "u8 or i8 [m, c / group, kernel...]"},
                                          {"x_zero_point", "scalar", Arity::optional},
                                          {"w_zero_point", "scalar or [m]", Arity::optional}},
                               .outputs = {{"y", "i32 [n, m, ...]"}}};
  static constexpr auto attrs = conv_attr_fields;

  void infer(Inferring& t) const {
    require_8bit(t, 0);
    require_8bit(t, 1);
    if (t.has(2)) t.require_same_dtype(0, 2);
    if (t.has(3)) t.require_same_dtype(1, 3);
    t.result(conv_type(t, *this, 0, 1, DType::i32));
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    return integer_conv(b, *this, v[0], optional_input(v, 2), v[1], optional_input(v, 3), {});
  }

  static std::vector<Sample> samples() {
    const SampleInput x = in(DType::u8, {1, 2, 4, 4}, 0, 255), w = in(DType::u8, {2, 2, 2, 2}, 0, 255);
    return {sample(ConvInteger{}, {x, w}, 0, "exact"),
            sample(ConvInteger{{.pads = {1, 1, 1, 1}}}, {x, w, in(DType::u8, {}, 0, 255), in(DType::u8, {2}, 0, 255)},
                   0, "exact")};
  }
};

struct QlinearConv : ConvAttrs {
  static constexpr OpInfo info{.name = "qlinear_conv",
                               .summary = "Convolution of quantised tensors, requantised.",
                               .source = "ONNX QLinearConv-10",
                               .inputs = {{"x", "u8 or i8 [n, c, ...]"},
                                          {"x_scale", "scalar"},
                                          {"x_zero_point", "scalar"},
                                          {"w", "u8 or i8 [m, c / group, kernel...]"},
                                          {"w_scale", "scalar or [m]"},
                                          {"w_zero_point", "scalar or [m]"},
                                          {"y_scale", "scalar"},
                                          {"y_zero_point", "scalar"},
                                          {"bias", "i32 [m], of scale x_scale * w_scale", Arity::optional}},
                               .outputs = {{"y", "[n, m, ...]"}}};
  static constexpr auto attrs = conv_attr_fields;

  void infer(Inferring& t) const {
    require_8bit(t, 0);
    require_8bit(t, 3);
    require_8bit(t, 7);
    t.require_same_dtype(0, 2);
    t.require_same_dtype(3, 5);
    t.require_float(1);
    t.require_same_dtype(1, 4);
    t.require_same_dtype(1, 6);
    const TensorType y = conv_type(t, *this, 0, 3, t.in(7).dtype);
    if (t.has(8)) {
      t.require_type(t.in(8).dtype == DType::i32 && t.in(8).rank() == 1, "bias is ", t.in(8), " (expected i32[m])");
      t.require_equal(t.in(8).shape[0], y.shape[1], "the bias must have one value for each output channel");
    }
    t.result(y);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const Value y = integer_conv(b, *this, v[0], v[2], v[3], v[5], optional_input(v, 8));
    auto scalar = [&](Value s) { return b.rank(s) ? squeeze(b, s, {0}) : s; };
    const Value scale = along(b, mul(b, scalar(v[1]), v[4]), 1, b.rank(v[0]));
    return b.call("quantize_linear", {mul(b, b.cast(y, b.dtype(scale)), scale), scalar(v[6]), scalar(v[7])});
  }

  static std::vector<Sample> samples() {
    auto zero = [](DType t) { return in(t, {}, 100, 140); };
    return {sample(QlinearConv{{.pads = {1, 1, 1, 1}}},
                   {in(DType::u8, {1, 2, 4, 4}, 0, 255), in({}, 0.01, 0.02), zero(DType::u8),
                    in(DType::u8, {2, 2, 3, 3}, 0, 255), in({2}, 0.01, 0.02), in(DType::u8, {2}, 100, 140),
                    in({}, 0.2, 0.3), zero(DType::u8), in(DType::i32, {2}, -99, 99)},
                   1, "one step where the quotient is half way between two")};
  }
};

}  // namespace

OpList conv() {
  return {def<Conv>(), def<ConvInputGrad>(), def<ConvWeightGrad>(), def<ConvInteger>(), def<QlinearConv>()};
}

}  // namespace neve::ops
