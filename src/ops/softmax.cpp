// Softmax, log-softmax and hardmax.
#include "op/def.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

/// All three: x: float[...] -> y: the type of x.
void infer_along(Inferring& t, int64_t axis) {
  t.require_float(0);
  t.axis(axis, t.in(0).rank());
  t.result(t.in(0));
}

struct Softmax {
  int64_t axis = -1;

  static constexpr OpInfo info{.name = "softmax",
                               .summary = "Normalised exponential along one axis: y = exp(x) / sum(exp(x)).",
                               .source = "ONNX Softmax-13; torch.nn.functional.softmax",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Softmax::axis, "Axis to normalise over, in [-rank, rank).")};

  void infer(Inferring& t) const { infer_along(t, axis); }

  /// Subtracts the maximum first, so no finite input overflows.
  Value lower(Builder& b, std::span<const Value> v) const {
    const Value e = b.call("exp", {sub(b, v[0], reduce(b, "reduce_max", v[0], {axis}, true))});
    return div(b, e, reduce_sum(b, e, {axis}, true));
  }

  /// dx = y * (dy - sum(y * dy)).
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value y = g.out[0], dot = reduce_sum(b, mul(b, y, g.dy()), {axis}, true);
    return {mul(b, y, sub(b, g.dy(), dot))};
  }

  static std::vector<Sample> samples() {
    return {sample(Softmax{}, {in({2, 3})}), sample(Softmax{.axis = 0}, {in({4, 2})}),
            sample(Softmax{.axis = 1}, {in({2, 5, 3}, -30, 30)}), sample(Softmax{}, {in({0, 3})})};
  }
};

struct LogSoftmax {
  int64_t axis = -1;

  static constexpr OpInfo info{.name = "log_softmax",
                               .summary = "Logarithm of the softmax along one axis: y = x - log(sum(exp(x))).",
                               .source = "ONNX LogSoftmax-13; torch.nn.functional.log_softmax",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &LogSoftmax::axis, "Axis to normalise over, in [-rank, rank).")};

  void infer(Inferring& t) const { infer_along(t, axis); }

  Value lower(Builder& b, std::span<const Value> v) const {
    const Value shifted = sub(b, v[0], reduce(b, "reduce_max", v[0], {axis}, true));
    return sub(b, shifted, b.call("log", {reduce_sum(b, b.call("exp", {shifted}), {axis}, true)}));
  }

  /// dx = dy - exp(y) * sum(dy).
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    return {sub(b, g.dy(), mul(b, b.call("exp", {g.out[0]}), reduce_sum(b, g.dy(), {axis}, true)))};
  }

  static std::vector<Sample> samples() {
    return {sample(LogSoftmax{}, {in({2, 3})}), sample(LogSoftmax{.axis = 0}, {in({4, 2})}),
            sample(LogSoftmax{.axis = 1}, {in({2, 5, 3}, -30, 30)})};
  }
};

struct Hardmax {
  int64_t axis = -1;

  static constexpr OpInfo info{.name = "hardmax",
                               .summary = "1 at the first maximum along one axis, 0 elsewhere.",
                               .source = "ONNX Hardmax-13",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Hardmax::axis, "Axis of the maximum, in [-rank, rank).")};

  void infer(Inferring& t) const { infer_along(t, axis); }

  Value lower(Builder& b, std::span<const Value> v) const {
    const TensorType x = b.type(v[0]);  // a copy: the calls below may move what type() refers to
    const int64_t a = axis < 0 ? axis + x.rank() : axis;
    const Value best = b.call("arg_max", {v[0]}, {{"axis", a}, {"keepdims", true}});
    const Dim n = x.shape[size_t(a)];
    const Value count = squeeze(b, b.dims(std::span(&n, 1), v.subspan(0, 1)), {0});
    Value places = b.call("range", {b.scalar(DType::i64, 0), count, b.scalar(DType::i64, 1)});
    places = unsqueeze(b, places, axes_from(1, x.rank() - a));
    return b.cast(b.call("equal", {places, best}), b.dtype(v[0]));
  }

  /// Constant but for jumps.
  static std::vector<Sample> samples() {
    return {sample(Hardmax{}, {in({2, 3})}, 0, "exact"), sample(Hardmax{.axis = 0}, {in({4, 2, 3})}, 0, "exact"),
            sample(Hardmax{.axis = 1}, {given(Tensor::of(DType::f32, {1, 4}, {3, 3, 1, 3}))}, 0, "exact; ties", false)};
  }
};

}  // namespace

OpList softmax() { return {def<Softmax>(), def<LogSoftmax>(), def<Hardmax>()}; }

}  // namespace neve::ops
