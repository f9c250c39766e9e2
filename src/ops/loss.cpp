// Losses: negative log likelihood, softmax cross entropy.
#include <limits>

#include "op/def.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

constexpr int64_t kNoIndex = std::numeric_limits<int64_t>::min();

struct LossAttrs {
  std::string reduction = "mean";
  int64_t ignore_index = kNoIndex;
};
constexpr auto loss_fields =
    std::tuple{attr("reduction", &LossAttrs::reduction, "none, sum or mean (over the applied weights)."),
               attr("ignore_index", &LossAttrs::ignore_index, "Class that does not count; the smallest i64: none.")};

/// Checks x [n, c, ...], target [n, ...], weight [c]; gives the type of the loss.
TensorType infer_loss(Inferring& t, const LossAttrs& a) {
  t.require_float(0);
  const TensorType &x = t.in(0), &target = t.in(1);
  t.require_type(target.dtype == DType::i64 || target.dtype == DType::i32, t.input_name(1), " is ", target,
                 " (expected i64 or i32)");
  t.require_shape(x.rank() >= 2, t.input_name(0), " is ", x, " (expected [n, classes, ...])");
  require_rank(t, 1, x.rank() - 1);
  t.require_equal(x.shape[0], target.shape[0], "batches must agree");
  for (size_t i = 2; i < x.shape.size(); ++i)
    t.require_equal(x.shape[i], target.shape[i - 1], "spatial sizes must agree");
  if (t.has(2)) {
    t.require_same_dtype(0, 2);
    require_rank(t, 2, 1);
    t.require_equal(t.in(2).shape[0], x.shape[1], "there must be one weight for each class");
  }
  t.require(a.reduction == "none" || a.reduction == "sum" || a.reduction == "mean", "reduction is '", a.reduction,
            "' (expected none, sum or mean)");
  return {x.dtype, a.reduction == "none" ? target.shape : Shape{}};
}

/// The loss from log probabilities.
Value likelihood(Builder& b, const LossAttrs& a, Value x, Value target, Value weight) {
  const DType t = b.dtype(x);
  Value labels = b.cast(target, DType::i64), ignored;
  if (a.ignore_index != kNoIndex) {  // ignored labels may be no classes: look at class 0 instead
    ignored = b.call("equal", {labels, b.constant(Tensor::scalar_int(DType::i64, a.ignore_index))});
    labels = b.call("where", {ignored, b.scalar(DType::i64, 0), labels});
  }
  const Value picked = b.call("gather_elements", {x, unsqueeze(b, labels, {1})}, {{"axis", int64_t(1)}});
  Value loss = b.call("neg", {squeeze(b, picked, {1})}), w;
  if (weight.valid()) w = b.call("gather", {weight, labels}, {{"axis", int64_t(0)}});
  if (ignored.valid()) w = b.call("where", {ignored, b.scalar(t, 0), w.valid() ? w : b.scalar(t, 1)});
  if (w.valid()) loss = mul(b, loss, w);
  if (a.reduction == "none") return loss;
  const std::vector<int64_t> all = axes_from(0, b.rank(loss));
  if (a.reduction == "sum") return reduce_sum(b, loss, all, false);
  if (!w.valid()) return reduce_mean(b, loss, all, false);
  return div(b, reduce_sum(b, loss, all, false), reduce_sum(b, w, all, false));
}

SampleInput labels(std::initializer_list<int64_t> shape, std::initializer_list<double> values) {
  return given(Tensor::of(DType::i64, Sizes(shape), values));
}

struct NegativeLogLikelihoodLoss : LossAttrs {
  static constexpr OpInfo info{.name = "negative_log_likelihood_loss",
                               .summary = "loss = -x[target] * weight[target], reduced.",
                               .source = "ONNX NegativeLogLikelihoodLoss-22",
                               .inputs = {{"x", "log probabilities [n, classes, ...]"},
                                          {"target", "i64 or i32 [n, ...]"},
                                          {"weight", "[classes]", Arity::optional}},
                               .outputs = {{"loss"}}};
  static constexpr auto attrs = loss_fields;

  void infer(Inferring& t) const { t.result(infer_loss(t, *this)); }
  Value lower(Builder& b, std::span<const Value> v) const {
    return likelihood(b, *this, v[0], v[1], optional_input(v, 2));
  }

  static std::vector<Sample> samples() {
    using N = NegativeLogLikelihoodLoss;
    return {sample(N{}, {in({3, 4}), labels({3}, {1, 0, 3})}),
            sample(N{{.reduction = "none"}}, {in({2, 3, 2}), labels({2, 2}, {1, 0, 2, 2}), in({3}, 0.5, 1)}),
            sample(N{{.reduction = "sum", .ignore_index = -7}}, {in({2, 3, 2}), labels({2, 2}, {1, -7, 2, 2})}),
            sample(N{{.ignore_index = 9}}, {in({3, 4}), labels({3}, {1, 9, 3}), in({4}, 0.5, 1)})};
  }
};

struct SoftmaxCrossEntropyLoss : LossAttrs {
  int64_t outputs = 1;

  static constexpr OpInfo info{.name = "softmax_cross_entropy_loss",
                               .summary = "negative_log_likelihood_loss of log_softmax(scores).",
                               .source = "ONNX SoftmaxCrossEntropyLoss-13",
                               .inputs = {{"scores", "[n, classes, ...]"},
                                          {"labels", "i64 or i32 [n, ...]"},
                                          {"weights", "[classes]", Arity::optional}},
                               .outputs = {{"loss"}, {"log_prob", "log_softmax(scores)", Arity::optional}}};
  static constexpr auto attrs = std::tuple_cat(
      loss_fields, std::tuple{attr("outputs", &SoftmaxCrossEntropyLoss::outputs, "Number of results: 1 or 2.")});

  void infer(Inferring& t) const {
    t.require(outputs == 1 || outputs == 2, "outputs is ", outputs, " (expected 1 or 2)");
    t.result(infer_loss(t, *this));
    if (outputs == 2) t.result(t.in(0));
  }
  Values lower(Builder& b, std::span<const Value> v) const {
    const Value log_prob = b.call("log_softmax", {v[0]}, {{"axis", int64_t(1)}});
    Values r{likelihood(b, *this, log_prob, v[1], optional_input(v, 2))};
    if (outputs == 2) r.push_back(log_prob);
    return r;
  }

  static std::vector<Sample> samples() {
    using S = SoftmaxCrossEntropyLoss;
    return {sample(S{}, {in({3, 4}), labels({3}, {1, 0, 3})}),
            sample(S{{.reduction = "none"}, 2}, {in({2, 3, 2}), labels({2, 2}, {1, 0, 2, 2}), in({3}, 0.5, 1)}),
            sample(S{{.reduction = "sum", .ignore_index = 0}}, {in({2, 3, 2}), labels({2, 2}, {1, 0, 2, 2})})};
  }
};

}  // namespace

OpList loss() { return {def<NegativeLogLikelihoodLoss>(), def<SoftmaxCrossEntropyLoss>()}; }

}  // namespace neve::ops
