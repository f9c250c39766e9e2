// Reductions, softmax and normalisations.
#include <algorithm>
#include <numeric>

#include "import/onnx/rules.h"

namespace neve::import {
namespace {

std::vector<int64_t> all_axes(int64_t rank) {
  std::vector<int64_t> a(static_cast<size_t>(rank));
  std::iota(a.begin(), a.end(), 0);
  return a;
}

Value one_of(OnnxNode& n, Value v, int64_t at) {
  return n.call("gather", {v, n.g.constant(Tensor::scalar_int(DType::i64, at))}, {{"axis", int64_t(0)}});
}

/// bool [rank]: which axes a run-time list names.
Value axis_mask(OnnxNode& n, Value axes, int64_t rank) {
  // (axes + rank) % rank == [0, 1, ...], any over the list
  const Value list = n.call("unsqueeze", {n.g.cast(axes, DType::i64)}, {{"axes", std::vector<int64_t>{1}}});
  const Value size = n.g.constant(Tensor::scalar_int(DType::i64, rank));
  const Value wrapped = n.call("mod", {n.call("add", {list, size}), size});
  const Value hit = n.g.cast(n.call("equal", {wrapped, n.g.ints(all_axes(rank))}), DType::i32);
  return n.g.cast(
      n.call("reduce_max",
             {n.call("concat", {hit, n.g.constant(Tensor::zeros(DType::i32, {1, rank}))}, {{"axis", int64_t(0)}})},
             {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}}),
      DType::boolean);
}

/// Axes that are computed at run time: each axis in turn is reduced, or not. Right for every reduction of the family
/// but the ones with an outer function (the square root of l2, the logarithm of log_sum), which is applied at the end.
Values reduce_at_run_time(OnnxNode& n, Value x, Value axes, bool keepdims, bool noop) {
  const TensorType t = n.g.type(axes);
  if (t.rank() != 1 || !t.shape[0].is_constant()) n.constant(1);  // says that it must be known
  const int64_t rank = n.g.rank(x), count = t.shape[0].value();
  std::string op(n.op());
  std::string_view before, after;
  if (op == "reduce_l2" || op == "reduce_sum_square")
    before = "square", after = op == "reduce_l2" ? "sqrt" : "", op = "reduce_sum";
  if (op == "reduce_l1") before = "abs", op = "reduce_sum";
  if (op == "reduce_log_sum") after = "log", op = "reduce_sum";
  if (count == 0 && noop) return n.g.call_many("identity", {x});
  const Value mask = count ? axis_mask(n, axes, rank)
                           : n.g.constant(Tensor::of(DType::boolean, {rank}, std::vector<double>(size_t(rank), 1.0)));
  const Value sizes = n.g.shape_of(x);
  Value y = before == "square" ? n.call("mul", {x, x}) : before.empty() ? x : n.call(before, {x});
  for (int64_t a = 0; a < rank; ++a) {
    const RegionFn then = [&op, a](Builder& b, std::span<const Value> p) -> Values {
      return {b.call(op, {p[0]}, {{"axes", std::vector<int64_t>{a}}, {"keepdims", true}})};
    };
    const RegionFn otherwise = [](Builder& b, std::span<const Value> p) -> Values {
      return {b.call("identity", {p[0]})};
    };
    const RegionFn regions[] = {then, otherwise};
    const Value in[] = {one_of(n, mask, a), y};
    y = n.g.call_many("if", in, {}, regions)[0];
  }
  if (!after.empty()) y = n.call(after, {y});
  if (keepdims) return {y};
  // Drop the reduced axes: their number is known, which they are is not.
  const Value kept = n.call("compress", {sizes, n.call("not", {mask})}, {{"axis", int64_t(0)}});
  const int64_t left = count ? rank - count : 0;
  return {n.call("reshape", {y, n.g.reshape(kept, Shape{Dim(left)})}, {{"allowzero", true}})};
}

Values reduce(OnnxNode& n) {
  const Value x = n.in(0);
  const bool keepdims = n.attr_bool("keepdims", true), noop = n.attr_bool("noop_with_empty_axes", false);
  std::vector<int64_t> axes = n.attr_ints("axes");
  if (n.has(1)) {
    if (!n.content(1)) return reduce_at_run_time(n, x, n.in(1), keepdims, noop);
    axes = n.ints(1);
  }
  // With no axes and the flag, the inner function still applies (the square of sum_square): axes of nothing, one by
  // one.
  if (axes.empty() && noop) {
    const std::string_view op = n.op();
    if (op == "reduce_l1") return {n.call("abs", {x})};
    if (op == "reduce_l2") return {n.call("abs", {x})};
    if (op == "reduce_sum_square") return {n.call("mul", {x, x})};
    if (op == "reduce_log_sum") return {n.call("log", {x})};
    return {n.call("identity", {x})};
  }
  if (n.g.rank(x) == 0) axes.clear();
  return {n.call(n.op(), {x}, {{"axes", axes}, {"keepdims", keepdims}})};
}

/// Running sums and products. An axis that is computed at run time: each in turn is summed along, or not.
Values cumulative(OnnxNode& n) {
  const Value x = n.in(0);
  const AttrList flags{{"exclusive", n.attr_bool("exclusive", false)}, {"reverse", n.attr_bool("reverse", false)}};
  const auto along = [&](int64_t axis) {
    AttrList a = flags;
    a.emplace_back("axis", axis);
    return a;
  };
  if (n.content(1)) {
    const auto axis = n.ints(1);
    n.require(axis.size() == 1, axis.size(), " axes (one is right)");
    return {n.call(n.op(), {x}, along(axis[0]))};
  }
  const int64_t rank = n.g.rank(x);
  const Value size = n.g.constant(Tensor::scalar_int(DType::i64, rank));
  const Value axis = n.g.reshape(n.g.cast(n.in(1), DType::i64), {});
  const Value wrapped = n.call("mod", {n.call("add", {axis, size}), size});
  Value y = x;
  for (int64_t a = 0; a < rank; ++a) {
    const RegionFn then = [&, a](Builder& b, std::span<const Value> p) -> Values {
      return {b.call(n.op(), {p[1]}, along(a))};
    };
    const RegionFn otherwise = [](Builder& b, std::span<const Value> p) -> Values {
      return {b.call("identity", {p[0]})};
    };
    const RegionFn regions[] = {then, otherwise};
    const Value in[] = {n.call("equal", {wrapped, n.g.constant(Tensor::scalar_int(DType::i64, a))}), y, x};
    y = n.g.call_many("if", in, {}, regions)[0];
  }
  return {y};
}

Values arg_reduce(OnnxNode& n) { return n.mechanical(n.op(), {n.in(0)}); }

/// Before operator set 13, softmax and its like worked on a matrix: all axes from `axis` on together.
Values softmax(OnnxNode& n) {
  const Value x = n.in(0);
  const int64_t rank = n.g.rank(x);
  if (n.opset >= 13) {
    const int64_t axis = n.attr_int("axis", -1);
    return {n.call(n.op(), {x}, {{"axis", axis}})};
  }
  int64_t axis = n.attr_int("axis", 1);
  n.require(axis >= -rank && axis <= rank, "axis ", axis, " of rank ", rank);
  if (axis < 0) axis += rank;
  if (rank > 0 && axis == rank - 1) return {n.call(n.op(), {x}, {{"axis", axis}})};
  const Shape shape = n.g.type(x).shape;
  const Value flat = n.call("flatten", {x}, {{"axis", axis}});
  return {n.g.reshape(n.call(n.op(), {flat}, {{"axis", int64_t(1)}}), std::span(shape.data(), shape.size()))};
}

Values batch_normalization(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");  // an optimiser's note of operator set 1
  const Value x = n.in(0);
  const bool spatial = n.attr_bool("spatial", true);
  bool training = n.opset >= 14 && n.attr_bool("training_mode", false);
  const double epsilon = n.attr_float("epsilon", 1e-5), momentum = n.attr_float("momentum", 0.9);
  if (n.opset < 7) training = !n.attr_bool("is_test", false) && n.wants(1);
  if (n.opset >= 7 && n.opset < 14) training = n.wants(1);
  if (training && n.opset < 14)
    n.fail(ErrorCode::unsupported, "training outputs in the form of operator set ", n.opset, " (14 or newer is read)");
  const AttrList attrs{{"epsilon", epsilon}, {"momentum", momentum}, {"training_mode", training}};
  if (spatial) {
    // Statistics may be wider than x (f32 for f16): then it is computed in their dtype.
    const DType own = n.g.dtype(x), wide = n.g.dtype(n.in(3));
    Values in;
    for (size_t i = 0; i < 5; ++i) in.push_back(n.g.cast(n.in(i), wide));
    Values out = n.g.call_many(n.op(), in, attrs);
    out[0] = n.g.cast(out[0], own);
    return out;
  }
  // One statistic per element of a sample: the sample as channels.
  const Shape shape = n.g.type(x).shape;
  const Value flat = n.call("flatten", {x}, {{"axis", int64_t(1)}});
  Values in{flat};
  for (size_t i = 1; i < 5; ++i) in.push_back(n.call("reshape", {n.in(i), n.g.ints({-1})}));
  return {n.g.reshape(n.g.call(n.op(), in, attrs), std::span(shape.data(), shape.size()))};
}

/// Before operator set 21, scale and bias were per group.
Values group_normalization(OnnxNode& n) {
  if (n.opset >= 21) return n.mechanical(n.op(), n.all_in());
  const int64_t groups = n.attr_int("num_groups", 1);
  const Dim channels = n.type(0).shape.size() > 1 ? n.type(0).shape[1] : Dim(0);
  if (!channels.is_constant() || groups < 1 || channels.value() % groups)
    n.fail(ErrorCode::shape_mismatch, channels, " channels in ", groups, " groups");
  const int64_t each = channels.value() / groups;
  const auto per_channel = [&](Value v) {
    const Value column = n.call("unsqueeze", {v}, {{"axes", std::vector<int64_t>{1}}});
    return n.call("reshape", {n.call("expand", {column, n.g.ints({groups, each})}), n.g.ints({groups * each})});
  };
  return n.mechanical(n.op(), {n.in(0), per_channel(n.in(1)), per_channel(n.in(2))}, {{"num_groups", groups}});
}

Values with_outputs(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

Values instance_normalization(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  return n.mechanical(n.op(), n.all_in());
}

constexpr Rule rules[] = {
    {"ReduceSum", "reduce_sum", reduce},
    {"ReduceProd", "reduce_prod", reduce},
    {"ReduceMax", "reduce_max", reduce},
    {"ReduceMin", "reduce_min", reduce},
    {"ReduceMean", "reduce_mean", reduce},
    {"ReduceL1", "reduce_l1", reduce},
    {"ReduceL2", "reduce_l2", reduce},
    {"ReduceLogSum", "reduce_log_sum", reduce},
    {"ReduceLogSumExp", "reduce_log_sum_exp", reduce},
    {"ReduceSumSquare", "reduce_sum_square", reduce},
    {"ArgMax", "arg_max", arg_reduce},
    {"ArgMin", "arg_min", arg_reduce},
    {"Softmax", "softmax", softmax},
    {"LogSoftmax", "log_softmax", softmax},
    {"Hardmax", "hardmax", softmax},
    {"BatchNormalization", "batch_normalization", batch_normalization},
    {"InstanceNormalization", "instance_normalization", instance_normalization},
    {"LayerNormalization", "layer_normalization", with_outputs},
    {"RMSNormalization", "rms_normalization", with_outputs},
    {"GroupNormalization", "group_normalization", group_normalization},
    {"LRN", "lrn"},
    {"MeanVarianceNormalization", "mean_variance_normalization"},
    {"LpNormalization", "lp_normalization"},
    {"CumSum", "cum_sum", cumulative},
    {"CumProd", "cum_prod", cumulative},
};

}  // namespace

std::span<const Rule> reduction_rules() { return rules; }

}  // namespace neve::import
