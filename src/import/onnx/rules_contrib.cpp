// Operators of com.microsoft that exporters and optimisers write often.
#include "import/onnx/rules.h"

namespace neve::import {
namespace {

constexpr std::string_view microsoft = "com.microsoft";

Value transposed(OnnxNode& n, Value v) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < n.g.rank(v); ++i) perm.push_back(i);
  if (perm.size() > 1) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return n.call("transpose", {v}, {{"perm", perm}});
}

Values fused_matmul(OnnxNode& n) {
  Value a = n.in(0), b = n.in(1);
  if (n.attr_bool("transBatchA", false) || n.attr_bool("transBatchB", false))
    n.fail(ErrorCode::unsupported, "transBatchA, transBatchB");
  if (n.attr_bool("transA", false)) a = transposed(n, a);
  if (n.attr_bool("transB", false)) b = transposed(n, b);
  Value y = n.call("matmul", {a, b});
  const double alpha = n.attr_float("alpha", 1);
  return {alpha == 1 ? y : n.call("mul", {y, n.g.scalar(n.g.dtype(y), alpha)})};
}

Values gelu(OnnxNode& n) {
  Value x = n.in(0);
  if (n.has(1)) x = n.call("add", {x, n.in(1)});
  const bool fast = n.type_name() == "FastGelu";
  return {n.call("gelu", {x}, {{"approximate", std::string(fast ? "tanh" : "none")}})};
}

Values quick_gelu(OnnxNode& n) {
  const Value x = n.in(0);
  const Value scaled = n.call("mul", {x, n.g.scalar(n.g.dtype(x), n.attr_float("alpha", 1.702))});
  return {n.call("mul", {x, n.call("sigmoid", {scaled})})};
}

/// y = normalise(input + skip + bias); the sum is a further output.
Values skip_normalization(OnnxNode& n) {
  const bool rms = n.type_name() == "SkipSimplifiedLayerNormalization";
  Value x = n.call("add", {n.in(0), n.in(1)});
  const size_t bias = rms ? 3 : 4;
  if (n.has(bias)) x = n.call("add", {x, n.in(bias)});
  if (n.wants(1) || n.wants(2)) n.fail(ErrorCode::unsupported, "outputs mean and inv_std_var");
  const AttrList attrs{{"axis", int64_t(-1)}, {"epsilon", n.attr_float("epsilon", 1e-12)}};
  const Value y = rms                        ? n.call("rms_normalization", {x, n.in(2)}, attrs)
                  : n.optional_in(3).valid() ? n.call("layer_normalization", {x, n.in(2), n.in(3)}, attrs)
                                             : n.call("layer_normalization", {x, n.in(2)}, attrs);
  return {y, Value{}, Value{}, x};
}

Values simplified_normalization(OnnxNode& n) {
  if (n.wants(1)) n.fail(ErrorCode::unsupported, "output inv_std_var");
  return n.mechanical("rms_normalization", {n.in(0), n.in(1)});
}

Values embed_normalization(OnnxNode& n) {
  // input_ids, segment_ids, word, position, segment, gamma, beta, mask, position_ids
  const Value ids = n.in(0), word = n.in(2), position = n.in(3);
  Value x = n.call("gather", {word, ids}, {{"axis", int64_t(0)}});
  if (n.has(8)) {
    x = n.call("add", {x, n.call("gather", {position, n.in(8)}, {{"axis", int64_t(0)}})});
  } else {
    const Value length = n.call("shape", {ids}, {{"start", int64_t(1)}, {"end", int64_t(2)}});
    x = n.call("add", {x, n.call("slice", {position, n.g.ints({0}), length, n.g.ints({0})})});
  }
  if (n.has(1) && n.has(4)) x = n.call("add", {x, n.call("gather", {n.in(4), n.in(1)}, {{"axis", int64_t(0)}})});
  const Value y = n.call("layer_normalization", {x, n.in(5), n.in(6)},
                         {{"axis", int64_t(-1)}, {"epsilon", n.attr_float("epsilon", 1e-12)}});
  Value mask{};
  if (n.wants(1)) {
    const Value counted =
        n.has(7) ? n.g.cast(n.in(7), DType::i32) : n.call("expand", {n.g.scalar(DType::i32, 0), n.g.shape_of(ids)});
    mask = n.call("reduce_sum", {counted}, {{"axes", std::vector<int64_t>{1}}, {"keepdims", false}});
  }
  return {y, mask, x};
}

Values as_given(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

constexpr Rule rules[] = {
    {"FusedMatMul", "matmul transpose mul", fused_matmul, nullptr, microsoft},
    {"Gelu", "gelu", gelu, nullptr, microsoft},
    {"BiasGelu", "gelu add", gelu, nullptr, microsoft},
    {"FastGelu", "gelu add", gelu, nullptr, microsoft},
    {"QuickGelu", "mul sigmoid", quick_gelu, nullptr, microsoft},
    {"SkipLayerNormalization", "layer_normalization add", skip_normalization, nullptr, microsoft},
    {"SkipSimplifiedLayerNormalization", "rms_normalization add", skip_normalization, nullptr, microsoft},
    {"SimplifiedLayerNormalization", "rms_normalization", simplified_normalization},
    {"EmbedLayerNormalization", "layer_normalization gather add slice", embed_normalization, nullptr, microsoft},
    {"DequantizeLinear", "dequantize_linear", as_given, nullptr, microsoft},
    {"QuantizeLinear", "quantize_linear", as_given, nullptr, microsoft},
};

}  // namespace

std::span<const Rule> contrib_rules() { return rules; }

}  // namespace neve::import
