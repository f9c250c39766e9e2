// Normalisations: batch, layer, group, instance, root mean square, local response, and by norm.
#include "op/def.h"
#include "op/differentiate.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

/// The dtype that statistics of x are computed in: the wider of x's and the one asked for.
DType stage_dtype(DType x, DType stash) { return size_of(stash) > size_of(x) ? stash : x; }

/// A vector of one value a channel, so that it broadcasts against x of this rank along axis 1.
Value per_channel(Builder& b, Value v, int64_t rank) { return unsqueeze(b, v, axes_from(1, rank < 2 ? 1 : rank - 1)); }

/// x - mean(x) and the mean of its square over `axes`.
struct Moments {
  Value centred, mean, variance;
};
/// `reduce` of f32 values, added up in `sums`: with f64, in which the sum is exact but for its last rounding, it does
/// not depend on the order of the values.
Value reduce_in(Builder& b, DType sums, const char* reduction, Value x, const std::vector<int64_t>& axes) {
  return b.cast(reduce(b, reduction, b.cast(x, stage_dtype(b.dtype(x), sums)), axes, true), b.dtype(x));
}
Moments moments(Builder& b, Value x, const std::vector<int64_t>& axes, DType sums = DType::f32) {
  Moments m;
  m.mean = reduce_in(b, sums, "reduce_mean", x, axes);
  m.centred = sub(b, x, m.mean);
  m.variance = reduce_in(b, sums, "reduce_mean", mul(b, m.centred, m.centred), axes);
  return m;
}

Value inverse_deviation(Builder& b, Value variance, double epsilon);

/// The gradient of (x - mean) / sqrt(var + epsilon) by x, given `d`, that of the result `n`, and both means over
/// `axes`.
Value normalised_grad(Builder& b, Value d, Value n, Value inverse, Value mean_d, Value mean_dn) {
  return mul(b, inverse, sub(b, sub(b, d, mean_d), mul(b, n, mean_dn)));
}

Value inverse_deviation(Builder& b, Value variance, double epsilon) {
  return b.call("reciprocal", {b.call("sqrt", {add(b, variance, epsilon)})});
}

void require_channels(Inferring& t, size_t i, Dim channels) {
  t.require_float(i);
  require_rank(t, i, 1);
  t.require_equal(t.in(i).shape[0], channels, "there must be one value for each channel");
}

struct BatchNormalization {
  double epsilon = 1e-5, momentum = 0.9;
  bool training_mode = false;

  static constexpr OpInfo info{.name = "batch_normalization",
                               .summary =
                                   "y = (x - mean) / sqrt(var + epsilon) * scale + bias for each channel; in training "
                                   "mode mean and var are those "
                                   "of x, and the running ones are moved.",
                               .source = "ONNX BatchNormalization-15",
                               .inputs = {{"x", "[n, c, ...] or [n]"},
                                          {"scale", "[c]"},
                                          {"bias", "[c]"},
                                          {"input_mean", "[c]"},
                                          {"input_var", "[c]"}},
                               .outputs = {{"y"},
                                           {"running_mean", "training mode only", Arity::optional},
                                           {"running_var", "training mode only", Arity::optional}}};
  static constexpr auto attrs = std::tuple{
      attr("epsilon", &BatchNormalization::epsilon, "Added to the variance."),
      attr("momentum", &BatchNormalization::momentum, "running = running * momentum + current * (1 - momentum)."),
      attr("training_mode", &BatchNormalization::training_mode, "Use statistics of x and return three results.")};

  /// Statistics of a batch and their gradients: one value out of many thousands, on which every element after depends.
  /// However the loops around are fused and cut, and in every layout, the same value comes out.
  static constexpr DType sums = DType::f64;

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() >= 1, "x is ", x, " (expected rank 1 or more)");
    const Dim channels = x.rank() > 1 ? x.shape[1] : Dim(1);
    for (size_t i = 1; i < 5; ++i) require_channels(t, i, channels);
    t.require_same_dtype(1, 2);
    t.require_same_dtype(3, 4);
    t.result(x);
    if (!training_mode) return;
    t.result(t.in(3));
    t.result(t.in(4));
  }

  Values lower(Builder& b, std::span<const Value> v) const {
    const int64_t rank = b.rank(v[0]);
    const DType out = b.dtype(v[0]), d = stage_dtype(stage_dtype(out, b.dtype(v[1])), b.dtype(v[3]));
    const DType stage = stage_dtype(d, DType::f32);
    const Value x = b.cast(v[0], stage), scale = b.cast(v[1], stage), bias = b.cast(v[2], stage);
    if (!training_mode) {
      const Value factor = mul(b, scale, inverse_deviation(b, b.cast(v[4], stage), epsilon));
      const Value centred = sub(b, x, per_channel(b, b.cast(v[3], stage), rank));
      const Value y = add(b, mul(b, centred, per_channel(b, factor, rank)), per_channel(b, bias, rank));
      return {b.cast(y, out)};
    }
    std::vector<int64_t> axes{0};
    for (int64_t i = 2; i < rank; ++i) axes.push_back(i);
    const Moments m = moments(b, x, axes, sums);
    const Value normal = mul(b, m.centred, inverse_deviation(b, m.variance, epsilon));
    const Value y = add(b, mul(b, normal, per_channel(b, scale, rank)), per_channel(b, bias, rank));
    auto moved = [&](Value old, Value now) {
      if (rank > 1) now = squeeze(b, now, axes);
      const DType t = b.dtype(old);
      return add(b, mul(b, old, momentum), mul(b, b.cast(now, t), 1 - momentum));
    };
    return {b.cast(y, out), moved(v[3], m.mean), moved(v[4], m.variance)};
  }

  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    Values d(5);
    bool statistics = false;
    for (size_t k = 1; k < g.dout.size(); ++k) statistics = statistics || g.dout[k].valid();
    if (statistics) {  // they have a part in the loss: by the definition
      auto forward = [this](Builder& to, std::span<const Value> in) { return lower(to, in); };
      return differentiate(b, forward, g.in, g.dout, g.needs);
    }
    if (!g.dy().valid()) return d;
    const int64_t rank = b.rank(g.in[0]);
    const DType stage =
        stage_dtype(stage_dtype(stage_dtype(b.dtype(g.in[0]), b.dtype(g.in[1])), b.dtype(g.in[3])), DType::f32);
    const Value x = b.cast(g.in[0], stage), dy = b.cast(g.dy(), stage),
                scale = per_channel(b, b.cast(g.in[1], stage), rank);
    std::vector<int64_t> axes{0};
    for (int64_t i = 2; i < rank; ++i) axes.push_back(i);
    auto by_channel = [&](Value v, size_t i) { return b.cast(rank > 1 ? squeeze(b, v, axes) : v, b.dtype(g.in[i])); };
    Moments m;
    if (training_mode) {
      m = moments(b, x, axes, sums);
    } else {
      m.mean = per_channel(b, b.cast(g.in[3], stage), rank);
      m.variance = per_channel(b, b.cast(g.in[4], stage), rank);
      m.centred = sub(b, x, m.mean);
    }
    const Value inverse = inverse_deviation(b, m.variance, epsilon), n = mul(b, m.centred, inverse);
    const Value sum_d = reduce_in(b, sums, "reduce_sum", dy, axes),
                sum_dn = reduce_in(b, sums, "reduce_sum", mul(b, dy, n), axes);
    if (g.needs[0]) {
      if (training_mode) {
        const Value size = b.cast(b.call("size", {x}), stage);
        const Value count = div(b, size, b.cast(b.call("size", {scale}), stage));
        d[0] = normalised_grad(b, dy, n, mul(b, inverse, scale), div(b, sum_d, count), div(b, sum_dn, count));
      } else {
        d[0] = mul(b, dy, mul(b, inverse, scale));
      }
      d[0] = b.cast(d[0], b.dtype(g.in[0]));
    }
    if (g.needs[1]) d[1] = by_channel(sum_dn, 1);
    if (g.needs[2]) d[2] = by_channel(sum_d, 2);
    if (!training_mode && g.needs[3]) d[3] = by_channel(mul(b, sum_d, mul(b, mul(b, inverse, scale), -1.0)), 3);
    if (!training_mode && g.needs[4])
      d[4] = by_channel(mul(b, sum_dn, mul(b, mul(b, mul(b, inverse, inverse), scale), -0.5)), 4);
    return d;
  }

  static std::vector<Sample> samples() {
    auto c = [] { return in({3}, 0.5, 1.5); };
    return {sample(BatchNormalization{}, {in({2, 3, 4, 2}), c(), c(), c(), c()}),
            sample(BatchNormalization{.epsilon = 0.1}, {in({4, 3}), c(), c(), c(), c()}),
            sample(BatchNormalization{.training_mode = true}, {in({2, 3, 4}), c(), c(), c(), c()}, 1e-4,
                   "the variance loses digits")};
  }
};

struct LayerNormalization {
  int64_t axis = -1;
  double epsilon = 1e-5;
  DType stash_type = DType::f32;
  int64_t outputs = 1;

  static constexpr OpInfo info{
      .name = "layer_normalization",
      .summary = "y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over the axes from `axis` on.",
      .source = "ONNX LayerNormalization-17",
      .inputs = {{"x"}, {"scale", "broadcasts to x"}, {"bias", "broadcasts to x", Arity::optional}},
      .outputs = {
          {"y"}, {"mean", "of stash_type", Arity::optional}, {"inv_std_dev", "of stash_type", Arity::optional}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &LayerNormalization::axis, "First axis to normalise over."),
                 attr("epsilon", &LayerNormalization::epsilon, "Added to the variance."),
                 attr("stash_type", &LayerNormalization::stash_type, "Least precision of the statistics."),
                 attr("outputs", &LayerNormalization::outputs, "Number of results, 1 to 3.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require(outputs >= 1 && outputs <= 3, "outputs is ", outputs, " (expected 1 to 3)");
    const TensorType& x = t.in(0);
    const int64_t first = t.axis(axis, x.rank());
    for (size_t i : {1, 2}) {
      if (!t.has(i)) continue;
      t.require_same_dtype(0, i);
      t.require_shape(t.in(i).rank() <= x.rank(), t.input_name(i), " is ", t.in(i), " and must broadcast to x of type ",
                      x);
      t.broadcast(x.shape, t.in(i).shape);
    }
    t.result(x);
    Shape s = x.shape;
    for (size_t i = size_t(first); i < s.size(); ++i) s[i] = 1;
    for (int64_t k = 1; k < outputs; ++k) t.result(stash_type, s);
  }

  Values lower(Builder& b, std::span<const Value> v) const {
    const DType out = b.dtype(v[0]);
    const int64_t rank = b.rank(v[0]), first = axis < 0 ? axis + rank : axis;
    const Value x = b.cast(v[0], stage_dtype(out, stash_type));
    const Moments m = moments(b, x, axes_from(first, rank));
    const Value inverse = inverse_deviation(b, m.variance, epsilon);
    Value y = mul(b, b.cast(mul(b, m.centred, inverse), out), v[1]);
    if (const Value bias = optional_input(v, 2); bias.valid()) y = add(b, y, bias);
    Values r{y};
    if (outputs > 1) r.push_back(b.cast(m.mean, stash_type));
    if (outputs > 2) r.push_back(b.cast(inverse, stash_type));
    return r;
  }

  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    for (size_t k = 1; k < g.dout.size(); ++k)
      if (g.dout[k].valid()) {  // the statistics have a part in the loss: by the definition
        auto forward = [this](Builder& to, std::span<const Value> in) { return lower(to, in); };
        return differentiate(b, forward, g.in, g.dout, g.needs);
      }
    Values d(g.in.size());
    if (!g.dy().valid()) return d;
    const DType out = b.dtype(g.in[0]), stage = stage_dtype(out, stash_type);
    const int64_t rank = b.rank(g.in[0]), first = axis < 0 ? axis + rank : axis;
    const std::vector<int64_t> axes = axes_from(first, rank);
    const Moments m = moments(b, b.cast(g.in[0], stage), axes);
    const Value inverse = inverse_deviation(b, m.variance, epsilon), n = mul(b, m.centred, inverse);
    auto sum_to = [&](Value v, size_t i) { return b.call("sum_to", {v, b.shape_of(g.in[i])}); };
    if (g.needs[0]) {
      const Value dn = b.cast(mul(b, g.dy(), g.in[1]), stage);
      d[0] = b.cast(
          normalised_grad(b, dn, n, inverse, reduce_mean(b, dn, axes, true), reduce_mean(b, mul(b, dn, n), axes, true)),
          out);
    }
    if (g.needs[1]) d[1] = sum_to(mul(b, g.dy(), b.cast(n, out)), 1);
    if (g.in.size() > 2 && g.in[2].valid() && g.needs[2]) d[2] = sum_to(g.dy(), 2);
    return d;
  }

  static std::vector<Sample> samples() {
    return {sample(LayerNormalization{}, {in({2, 3, 5}), in({5}), in({5})}, 1e-4, "the variance loses digits"),
            sample(LayerNormalization{.axis = 1, .epsilon = 0.1}, {in({2, 3, 4}), in({3, 4})}),
            sample(LayerNormalization{.axis = -2, .outputs = 3}, {in({2, 3, 4}), in({4}), in({3, 1})}, 1e-4,
                   "the variance loses digits")};
  }
};

struct RmsNormalization {
  int64_t axis = -1;
  double epsilon = 1e-5;
  DType stash_type = DType::f32;

  static constexpr OpInfo info{
      .name = "rms_normalization",
      .summary = "y = x / sqrt(mean(x^2) + epsilon) * scale, with the mean over the axes from `axis` on.",
      .source = "ONNX RMSNormalization-23",
      .inputs = {{"x"}, {"scale", "broadcasts to x; its dtype is that of y"}},
      .outputs = {{"y"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &RmsNormalization::axis, "First axis to normalise over."),
                 attr("epsilon", &RmsNormalization::epsilon, "Added to the mean square."),
                 attr("stash_type", &RmsNormalization::stash_type, "Least precision of the mean.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_float(1);
    const TensorType& x = t.in(0);
    t.axis(axis, x.rank());
    t.require_shape(t.in(1).rank() <= x.rank(), "scale is ", t.in(1), " and must broadcast to x of type ", x);
    t.broadcast(x.shape, t.in(1).shape);
    t.result(t.in(1).dtype, x.shape);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const DType in = b.dtype(v[0]), out = b.dtype(v[1]);
    const int64_t rank = b.rank(v[0]), first = axis < 0 ? axis + rank : axis;
    const Value x = b.cast(v[0], stage_dtype(in, stash_type));
    const Value square = reduce_mean(b, mul(b, x, x), axes_from(first, rank), true);
    const Value normal = b.cast(div(b, x, b.call("sqrt", {add(b, square, epsilon)})), in);
    return mul(b, b.cast(normal, out), v[1]);
  }

  static std::vector<Sample> samples() {
    return {sample(RmsNormalization{}, {in({2, 3, 5}), in({5})}),
            sample(RmsNormalization{.axis = 1, .epsilon = 0.1}, {in({2, 3, 4}), in({3, 4})})};
  }
};

struct GroupNormalization {
  int64_t num_groups = 1;
  double epsilon = 1e-5;
  DType stash_type = DType::f32;

  static constexpr OpInfo info{
      .name = "group_normalization",
      .summary = "y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each group of channels.",
      .source = "ONNX GroupNormalization-21",
      .inputs = {{"x", "[n, c, ...]"}, {"scale", "[c]"}, {"bias", "[c]"}},
      .outputs = {{"y"}}};
  static constexpr auto attrs =
      std::tuple{attr("num_groups", &GroupNormalization::num_groups, "Number of groups; divides c."),
                 attr("epsilon", &GroupNormalization::epsilon, "Added to the variance."),
                 attr("stash_type", &GroupNormalization::stash_type, "Least precision of the statistics.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() >= 2, "x is ", x, " (expected [n, c, ...])");
    t.require(num_groups >= 1, "num_groups is ", num_groups, " (expected 1 or more)");
    t.require_divides(num_groups, x.shape[1], "num_groups must divide the channels");
    for (size_t i : {1, 2}) {
      t.require_same_dtype(0, i);
      require_channels(t, i, x.shape[1]);
    }
    t.result(x);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const TensorType type = b.type(v[0]);
    Shape split{type.shape[0], num_groups, floordiv(type.shape[1], num_groups)};
    split.append(type.shape.begin() + 2, type.shape.end());
    const Value x = b.reshape(b.cast(v[0], stage_dtype(type.dtype, stash_type)), split);
    const Moments m = moments(b, x, axes_from(2, int64_t(split.size())));
    const Value normal = mul(b, m.centred, inverse_deviation(b, m.variance, epsilon));
    const Value y = b.cast(b.reshape(normal, type.shape, v[0]), type.dtype);
    return add(b, mul(b, y, per_channel(b, v[1], type.rank())), per_channel(b, v[2], type.rank()));
  }

  static std::vector<Sample> samples() {
    return {sample(GroupNormalization{.num_groups = 2}, {in({2, 4, 3}), in({4}), in({4})}, 1e-4,
                   "the variance loses digits"),
            sample(GroupNormalization{.num_groups = 3, .epsilon = 0.1}, {in({1, 3, 2, 2}), in({3}), in({3})})};
  }
};

struct InstanceNormalization {
  double epsilon = 1e-5;

  static constexpr OpInfo info{
      .name = "instance_normalization",
      .summary = "y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each plane.",
      .source = "ONNX InstanceNormalization-22",
      .inputs = {{"x", "[n, c, ...]"}, {"scale", "[c]"}, {"bias", "[c]"}},
      .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{attr("epsilon", &InstanceNormalization::epsilon, "Added to the variance.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() >= 3, "x is ", x, " (expected [n, c, ...] with 1 spatial axis or more)");
    for (size_t i : {1, 2}) {
      t.require_same_dtype(0, i);
      require_channels(t, i, x.shape[1]);
    }
    t.result(x);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const DType out = b.dtype(v[0]), stage = stage_dtype(out, DType::f32);
    const int64_t rank = b.rank(v[0]);
    const Moments m = moments(b, b.cast(v[0], stage), axes_from(2, rank));
    const Value normal = mul(b, m.centred, inverse_deviation(b, m.variance, epsilon));
    const Value y =
        add(b, mul(b, normal, per_channel(b, b.cast(v[1], stage), rank)), per_channel(b, b.cast(v[2], stage), rank));
    return b.cast(y, out);
  }

  static std::vector<Sample> samples() {
    return {sample(InstanceNormalization{}, {in({2, 3, 4}), in({3}), in({3})}, 1e-4, "the variance loses digits"),
            sample(InstanceNormalization{.epsilon = 0.1}, {in({1, 2, 3, 2}), in({2}), in({2})})};
  }
};

struct Lrn {
  int64_t size = 1;
  double alpha = 1e-4, beta = 0.75, bias = 1;

  static constexpr OpInfo info{
      .name = "lrn",
      .summary = "y = x / (bias + alpha / size * sum(x^2 over `size` neighbouring channels))^beta.",
      .source = "ONNX LRN-13",
      .inputs = {{"x", "[n, c, ...]"}},
      .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{
      attr("size", &Lrn::size, "Number of channels to sum over."), attr("alpha", &Lrn::alpha, "Scale of the sum."),
      attr("beta", &Lrn::beta, "Exponent."), attr("bias", &Lrn::bias, "Added to the sum.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_shape(t.in(0).rank() >= 2, "x is ", t.in(0), " (expected [n, c, ...])");
    t.require(size >= 1, "size is ", size, " (expected 1 or more)");
    t.result(t.in(0));
  }

  /// The mean over channels is an average pool of the planes laid flat, with padding that counts.
  Value lower(Builder& b, std::span<const Value> v) const {
    const TensorType type = b.type(v[0]);
    Dim area = 1;
    for (size_t i = 2; i < type.shape.size(); ++i) area *= type.shape[i];
    const Shape flat{type.shape[0], 1, type.shape[1], area};
    const Value square = b.reshape(mul(b, v[0], v[0]), flat);
    const int64_t before = (size - 1) / 2;
    const Value mean = b.call("average_pool", {square},
                              {{"kernel_shape", std::vector<int64_t>{size, 1}},
                               {"pads", std::vector<int64_t>{before, 0, size - 1 - before, 0}},
                               {"count_include_pad", true}});
    const Value base = add(b, mul(b, b.reshape(mean, type.shape, v[0]), alpha), bias);
    return div(b, v[0], b.call("pow", {base, b.scalar(type.dtype, beta)}));
  }

  static std::vector<Sample> samples() {
    return {sample(Lrn{.size = 3}, {in({2, 5, 2, 2})}),
            sample(Lrn{.size = 4, .alpha = 0.5, .beta = 0.5, .bias = 2}, {in({1, 3, 2})})};
  }
};

struct MeanVarianceNormalization {
  std::vector<int64_t> axes = {0, 2, 3};

  static constexpr OpInfo info{.name = "mean_variance_normalization",
                               .summary = "y = (x - mean) / (sqrt(var) + 1e-9), over the given axes.",
                               .source = "ONNX MeanVarianceNormalization-13",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs =
      std::tuple{attr("axes", &MeanVarianceNormalization::axes, "Axes of mean and variance.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.axes(axes, t.in(0).rank());
    t.result(t.in(0));
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    const Moments m = moments(b, v[0], axes);
    return div(b, m.centred, add(b, b.call("sqrt", {m.variance}), 1e-9));
  }
  static std::vector<Sample> samples() {
    return {sample(MeanVarianceNormalization{}, {in({2, 3, 2, 2})}, 1e-4, "the variance loses digits"),
            sample(MeanVarianceNormalization{.axes = {-1}}, {in({2, 5})}, 1e-4, "the variance loses digits")};
  }
};

struct LpNormalization {
  int64_t axis = -1, p = 2;

  static constexpr OpInfo info{.name = "lp_normalization",
                               .summary = "y = x / Lp norm of x along one axis; zero where the norm is zero.",
                               .source = "ONNX LpNormalization-22",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &LpNormalization::axis, "Axis of the norm."),
                                           attr("p", &LpNormalization::p, "Order of the norm: 1 or 2.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.axis(axis, t.in(0).rank());
    t.require(p == 1 || p == 2, "p is ", p, " (expected 1 or 2)");
    t.result(t.in(0));
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    const Value x = v[0], power = p == 1 ? b.call("abs", {x}) : mul(b, x, x);
    Value norm = reduce_sum(b, power, {axis}, true);
    if (p == 2) norm = b.call("sqrt", {norm});
    const DType t = b.dtype(x);
    const Value zero = b.call("equal", {norm, b.scalar(t, 0)});
    return div(b, x, b.call("where", {zero, b.scalar(t, 1), norm}));
  }
  static std::vector<Sample> samples() {
    return {
        sample(LpNormalization{}, {in({2, 3}, 0.5, 1.5)}),
        sample(LpNormalization{.axis = 0, .p = 1}, {in({3, 2}, 0.5, 1.5)}),
        sample(LpNormalization{}, {given(Tensor::zeros(DType::f32, {2, 3}))}, 1e-5, "the norm has a kink at 0", false)};
  }
};

}  // namespace

OpList norm() {
  return {def<BatchNormalization>(),        def<LayerNormalization>(),    def<RmsNormalization>(),
          def<GroupNormalization>(),        def<InstanceNormalization>(), def<Lrn>(),
          def<MeanVarianceNormalization>(), def<LpNormalization>()};
}

}  // namespace neve::ops
