// Quantised forms.
#include "import/onnx/rules.h"

namespace neve::import {
namespace {

Values as_given(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

/// 2- and 4-bit results are held in 8: quantised to 8 bits, then bounded, which rounds and saturates alike.
Items quantize(OnnxNode& n) {
  n.ignore_attr("saturate");  // concerns 8-bit floats alone
  AttrList extra;
  const int type = int(n.attr_int("output_dtype", 0));
  if (type) extra.emplace_back("output_dtype", to_string(require_onnx_dtype(type, "QuantizeLinear")));
  const Value y = n.mechanical(n.op(), n.all_in(), extra)[0];
  const int narrow = type ? narrow_type(type) : n.has(2) ? n.item(2).narrow : 0;
  if (!narrow) return {Item::of(y)};
  const bool is_signed = narrow == pb::TensorProto::INT4 || narrow == pb::TensorProto::INT2;
  const double levels = narrow == pb::TensorProto::INT4 || narrow == pb::TensorProto::UINT4 ? 16 : 4;
  const DType t = n.g.dtype(y);
  const Value low = n.g.scalar(t, is_signed ? -levels / 2 : 0),
              high = n.g.scalar(t, is_signed ? levels / 2 - 1 : levels - 1);
  return {Item::of(n.call("clip", {y, low, high}), narrow)};
}

Values dequantize(OnnxNode& n) {
  AttrList extra;
  if (const int64_t type = n.attr_int("output_dtype", 0))
    extra.emplace_back("output_dtype", to_string(require_onnx_dtype(int(type), "DequantizeLinear")));
  return n.mechanical(n.op(), n.all_in(), extra);
}

constexpr Rule rules[] = {
    {"QuantizeLinear", "quantize_linear", nullptr, quantize},
    {"DequantizeLinear", "dequantize_linear", dequantize},
    {"DynamicQuantizeLinear", "dynamic_quantize_linear"},
    {"QLinearMatMul", "qlinear_matmul", as_given},
    {"QLinearConv", "qlinear_conv", as_given},
    {"MatMulInteger", "matmul_integer", as_given},
    {"ConvInteger", "conv_integer", as_given},
};

}  // namespace

std::span<const Rule> quant_rules() { return rules; }

}  // namespace neve::import
