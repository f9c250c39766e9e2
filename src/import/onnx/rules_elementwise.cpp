// Elementwise operators: mostly mechanical; older forms of broadcasting, bounds as attributes, mixed dtypes.
#include <algorithm>

#include "import/onnx/rules.h"

namespace neve::import {
namespace {

/// Before operator set 7, broadcasting was asked for: b lies at `axis` of a, or at its end.
Value legacy_broadcast(OnnxNode& n, Value a, Value b) {
  n.ignore_attr("consumed_inputs");  // an optimiser's note of operator set 1
  if (n.opset >= 7 || !n.attr_bool("broadcast", false)) {
    if (n.opset < 7) n.ignore_attr("axis");  // without meaning unless broadcast is set
    return b;
  }
  if (!n.has_attr("axis")) return b;
  const int64_t rank = n.g.rank(a), own = n.g.rank(b), given = n.attr_int("axis", 0),
                axis = given < 0 ? given + rank : given;
  n.require(axis >= 0 && axis + own <= rank, "axis ", given, " for ", n.g.type(b), " on ", n.g.type(a));
  std::vector<int64_t> after;
  for (int64_t i = own; i < rank - axis; ++i) after.push_back(i);
  return after.empty() ? b : n.call("unsqueeze", {b}, {{"axes", after}});
}

Values binary(OnnxNode& n) {
  const Value a = n.in(0), b = legacy_broadcast(n, a, n.in(1));
  return n.mechanical(n.op(), {a, b});
}

/// ONNX gives the dtype of the base to the result; with another exponent it is computed in a float.
Values pow(OnnxNode& n) {
  const Value x = n.in(0), y = legacy_broadcast(n, x, n.in(1));
  const DType base = n.g.dtype(x), exponent = n.g.dtype(y);
  if (base == exponent) return {n.call("pow", {x, y})};
  const DType in = is_float(base) ? base : is_float(exponent) ? DType::f64 : base;
  return {n.g.cast(n.call("pow", {n.g.cast(x, in), n.g.cast(y, in)}), base)};
}

Values variadic(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  n.require(n.inputs() >= 1, "no inputs");
  const bool mean = n.type_name() == "Mean";
  Value y = n.in(0);
  for (size_t i = 1; i < n.inputs(); ++i) y = n.call(n.op(), {y, n.in(i)});
  if (mean) y = n.call("div", {y, n.g.scalar(n.g.dtype(y), double(n.inputs()))});
  return {n.inputs() == 1 && !mean ? n.call("identity", {y}) : y};
}

Values unary(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  return n.mechanical(n.op(), {n.in(0)});
}

Values clip(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  const Value x = n.in(0);
  const DType t = n.g.dtype(x);
  Value low, high;
  if (n.opset >= 11) {
    low = n.optional_in(1), high = n.optional_in(2);
  } else {
    if (n.has_attr("min")) low = n.g.scalar(t, n.attr_float("min", 0));
    if (n.has_attr("max")) high = n.g.scalar(t, n.attr_float("max", 0));
  }
  return {n.call("clip", {x, low, high})};
}

/// To 2 or 4 bits, which are held in 8: the low bits count.
Value narrowed(OnnxNode& n, Value x, int type) {
  const bool is_signed = type == pb::TensorProto::INT4 || type == pb::TensorProto::INT2;
  const double top = type == pb::TensorProto::INT4 || type == pb::TensorProto::UINT4 ? 8 : 2;
  const Value wide = n.g.cast(x, DType::i32);
  const Value low = n.call("bitwise_and", {wide, n.g.scalar(DType::i32, 2 * top - 1)});
  if (!is_signed) return n.g.cast(low, DType::u8);
  const Value sign = n.g.scalar(DType::i32, top);
  return n.g.cast(n.call("sub", {n.call("bitwise_xor", {low, sign}), sign}), DType::i8);
}

Items cast(OnnxNode& n) {
  const Item& item = n.item(0);
  const Value x = n.in(0);
  DType to = DType::f32;
  int type = 0;
  if (n.type_name() == "CastLike") {
    to = n.g.dtype(n.in(1));
    type = n.item(1).narrow;
  } else if (n.opset < 6) {
    const std::string name = n.attr_string("to", "");
    pb::TensorProto::DataType t;
    n.require(pb::TensorProto::DataType_Parse(name, &t), "attribute to is '", name, "'");
    type = t;
  } else {
    type = int(n.attr_int("to", 0));
  }
  if (n.type_name() == "Cast") to = require_onnx_dtype(type, n.type_name());
  n.ignore_attr("saturate");  // concerns 8-bit floats alone, as does the next
  n.ignore_attr("round_mode");
  const int narrow = narrow_type(type);
  if (narrow == item.narrow && n.g.dtype(x) == to) return {item};
  if (narrow) return {Item::of(narrowed(n, x, narrow), narrow)};
  return {n.g.dtype(x) == to ? Item::of(x) : Item::of(n.g.cast(x, to))};
}

/// PRelu's slope broadcasts to x; before operator set 7 it could be one number a channel.
Values prelu(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  const Value x = n.in(0);
  Value slope = n.in(1);
  const int64_t rank = n.g.rank(x);
  if (n.opset < 7 && n.g.rank(slope) == 1 && rank > 2 && !n.g.type(slope).shape[0].is(1)) {
    std::vector<int64_t> after;
    for (int64_t i = 1; i < rank - 1; ++i) after.push_back(i);
    slope = n.call("unsqueeze", {slope}, {{"axes", after}});
  }
  return n.mechanical(n.op(), {x, slope});
}

/// Dropout of a model that is read for inference: nothing is dropped, unless the file insists on training.
Values dropout(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  n.ignore_attr("ratio");    // without meaning when nothing is dropped
  n.ignore_attr("is_test");  // so is this, of operator sets before 7
  n.ignore_attr("seed");
  const Value x = n.in(0);
  if (n.opset >= 12 && n.has(2)) {
    const auto mode = n.content(2);
    if (!mode || mode->item() != 0) {
      n.importer.warn("random operators draw the same numbers in every call");
      const int64_t key = n.has_attr("seed") ? n.attr_int("seed", 0) : 0;
      const Value ratio = n.optional_in(1);
      return n.g.call_many("dropout", {x, ratio, n.in(2), n.g.constant(Tensor::scalar_int(DType::i64, key)),
                                       n.g.constant(Tensor::scalar_int(DType::i64, 0))});
    }
  }
  Values out{n.call("identity", {x})};
  if (n.wants(1)) {
    const DType t = n.opset >= 10 ? DType::boolean : n.g.dtype(x);
    out.push_back(n.call("expand", {n.g.scalar(t, 1), n.g.shape_of(x)}));
  }
  return out;
}

Items pass_on(OnnxNode& n) { return {n.item(0)}; }

/// Scale of operator set 1 and other activations whose defaults older sets changed.
Values hard_sigmoid(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  return n.mechanical(n.op(), {n.in(0)}, {{"alpha", n.attr_float("alpha", 0.2)}, {"beta", n.attr_float("beta", 0.5)}});
}

Values selu(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  const bool old = n.opset < 6;
  return n.mechanical(n.op(), {n.in(0)},
                      {{"alpha", n.attr_float("alpha", old ? 1.6732 : 1.67326319217681884765625)},
                       {"gamma", n.attr_float("gamma", old ? 1.0507 : 1.05070102214813232421875)}});
}

Values bit_shift(OnnxNode& n) {
  n.require(n.has_attr("direction"), "attribute direction is missing");
  return n.mechanical(n.op(), {n.in(0), n.in(1)});
}

constexpr Rule rules[] = {
    {"Add", "add", binary},
    {"Sub", "sub", binary},
    {"Mul", "mul", binary},
    {"Div", "div", binary},
    {"Pow", "pow", pow},
    {"Mod", "mod", binary},
    {"And", "and", binary},
    {"Or", "or", binary},
    {"Xor", "xor", binary},
    {"Equal", "equal", binary},
    {"Less", "less", binary},
    {"Greater", "greater", binary},
    {"LessOrEqual", "less_or_equal", binary},
    {"GreaterOrEqual", "greater_or_equal", binary},
    {"BitwiseAnd", "bitwise_and"},
    {"BitwiseOr", "bitwise_or"},
    {"BitwiseXor", "bitwise_xor"},
    {"BitwiseNot", "bitwise_not"},
    {"BitShift", "bit_shift", bit_shift},
    {"Max", "max", variadic},
    {"Min", "min", variadic},
    {"Sum", "add", variadic},
    {"Mean", "add div", variadic},
    {"Not", "not"},
    {"Where", "where"},
    {"Cast", "cast", nullptr, cast},
    {"CastLike", "cast", nullptr, cast},
    {"Clip", "clip", clip},
    {"Identity", "identity", nullptr, pass_on},
    {"Dropout", "dropout identity", dropout},
    {"Abs", "abs", unary},
    {"Neg", "neg", unary},
    {"Sign", "sign", unary},
    {"Floor", "floor", unary},
    {"Ceil", "ceil", unary},
    {"Round", "round", unary},
    {"Sqrt", "sqrt", unary},
    {"Exp", "exp", unary},
    {"Log", "log", unary},
    {"Reciprocal", "reciprocal", unary},
    {"Erf", "erf", unary},
    {"Sin", "sin", unary},
    {"Cos", "cos", unary},
    {"Tan", "tan", unary},
    {"Asin", "asin", unary},
    {"Acos", "acos", unary},
    {"Atan", "atan", unary},
    {"Sinh", "sinh", unary},
    {"Cosh", "cosh", unary},
    {"Tanh", "tanh", unary},
    {"Asinh", "asinh", unary},
    {"Acosh", "acosh", unary},
    {"Atanh", "atanh", unary},
    {"Sigmoid", "sigmoid", unary},
    {"Relu", "relu", unary},
    {"LeakyRelu", "leaky_relu", unary},
    {"ThresholdedRelu", "thresholded_relu", unary},
    {"Elu", "elu", unary},
    {"Celu", "celu", unary},
    {"Selu", "selu", selu},
    {"PRelu", "prelu", prelu},
    {"HardSigmoid", "hard_sigmoid", hard_sigmoid},
    {"HardSwish", "hard_swish", unary},
    {"Softplus", "softplus", unary},
    {"Softsign", "softsign", unary},
    {"Mish", "mish", unary},
    {"Gelu", "gelu", unary},
    {"Swish", "swish", unary},
    {"Shrink", "shrink", unary},
    {"IsNaN", "is_nan", unary},
    {"IsInf", "is_inf", unary},
    {"BitCast", "bit_cast"},
};

}  // namespace

std::span<const Rule> elementwise_rules() { return rules; }

}  // namespace neve::import
