// The functions of neve/ops.h: each finds its op once, and keeps the attributes of its last call.
// Made by tools/gen_cpp_ops.py from docs/ops. Do not edit. Long because it is read as a list.
// clang-format off
#include <neve/ops.h>

#include "eager/autograd.h"
#include "eager/promote.h"

namespace neve::ops {
namespace {

using eager::Operator;

// The attributes of the last call of this thread are kept: calls in a loop make them once.
template <class Key, class List>
Attrs kept(const Operator& o, const Key& key, List list) {
  thread_local Key last;
  thread_local Attrs attrs = o.attrs;
  if (!(key == last)) {
    attrs = o.attrs.with(list(key));
    last = key;
  }
  return attrs;
}

template <size_t n>
std::vector<Tensor> run(const Operator& o, const Attrs& attrs, const Tensor (&in)[n]) {
  return eager::call(o.op, attrs, in);
}
template <size_t n>
Tensor run1(const Operator& o, const Attrs& attrs, const Tensor (&in)[n]) {
  return eager::call1(o.op, attrs, in);
}
Tensor result(std::vector<Tensor>& y, size_t k) { return k < y.size() ? std::move(y[k]) : Tensor(); }

}  // namespace

Tensor abs(const Tensor& x) {
  static const Operator o("abs");
  return run1(o, o.attrs, {x});
}
Tensor acos(const Tensor& x) {
  static const Operator o("acos");
  return run1(o, o.attrs, {x});
}
Tensor acosh(const Tensor& x) {
  static const Operator o("acosh");
  return run1(o, o.attrs, {x});
}
Tensor adaptive_avg_pool(const Tensor& x, const std::vector<int64_t>& output_size) {
  static const Operator o("adaptive_avg_pool");
  struct Key {
    std::vector<int64_t> value = {};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{output_size}, [](const Key& k) -> AttrList { return {{"output_size", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor adaptive_avg_pool_grad(const Tensor& dy, const Tensor& shape) {
  static const Operator o("adaptive_avg_pool_grad");
  return run1(o, o.attrs, {dy, shape});
}
Tensor add(const Tensor& a, const Tensor& b) {
  static const Operator o("add");
  return run1(o, o.attrs, {a, b});
}
Tensor affine_grid(const Tensor& theta, const Tensor& size, bool align_corners) {
  static const Operator o("affine_grid");
  struct Key {
    bool value = false;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{align_corners}, [](const Key& k) -> AttrList { return {{"align_corners", k.value}}; });
  return run1(o, attrs, {theta, size});
}
Tensor and_(const Tensor& a, const Tensor& b) {
  static const Operator o("and");
  return run1(o, o.attrs, {a, b});
}
Tensor arg_max(const Tensor& data, const ArgMaxOptions& options) {
  static const Operator o("arg_max");
  const Attrs attrs = kept(o, options, [](const ArgMaxOptions& k) -> AttrList { return {{"axis", k.axis}, {"keepdims", k.keepdims}, {"select_last_index", k.select_last_index}}; });
  return run1(o, attrs, {data});
}
Tensor arg_min(const Tensor& data, const ArgMinOptions& options) {
  static const Operator o("arg_min");
  const Attrs attrs = kept(o, options, [](const ArgMinOptions& k) -> AttrList { return {{"axis", k.axis}, {"keepdims", k.keepdims}, {"select_last_index", k.select_last_index}}; });
  return run1(o, attrs, {data});
}
Tensor array_feature_extractor(const Tensor& X, const Tensor& Y) {
  static const Operator o("array_feature_extractor");
  return run1(o, o.attrs, {X, Y});
}
Tensor asin(const Tensor& x) {
  static const Operator o("asin");
  return run1(o, o.attrs, {x});
}
Tensor asinh(const Tensor& x) {
  static const Operator o("asinh");
  return run1(o, o.attrs, {x});
}
Tensor atan(const Tensor& x) {
  static const Operator o("atan");
  return run1(o, o.attrs, {x});
}
Tensor atan2(const Tensor& a, const Tensor& b) {
  static const Operator o("atan2");
  return run1(o, o.attrs, {a, b});
}
Tensor atanh(const Tensor& x) {
  static const Operator o("atanh");
  return run1(o, o.attrs, {x});
}
std::tuple<Tensor, Tensor, Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& attn_mask, const Tensor& past_key, const Tensor& past_value, const Tensor& nonpad_kv_seqlen, const AttentionOptions& options) {
  static const Operator o("attention");
  const Attrs attrs = kept(o, options, [](const AttentionOptions& k) -> AttrList { return {{"is_causal", k.is_causal}, {"q_num_heads", k.q_num_heads}, {"kv_num_heads", k.kv_num_heads}, {"scale", k.scale}, {"softcap", k.softcap}, {"softmax_precision", k.softmax_precision}, {"qk_matmul_output_mode", k.qk_matmul_output_mode}, {"outputs", k.outputs}}; });
  std::vector<Tensor> y = run(o, attrs, {q, k, v, attn_mask, past_key, past_value, nonpad_kv_seqlen});
  return {result(y, 0), result(y, 1), result(y, 2), result(y, 3)};
}
Tensor average_pool(const Tensor& x, const AveragePoolOptions& options) {
  static const Operator o("average_pool");
  const Attrs attrs = kept(o, options, [](const AveragePoolOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}, {"count_include_pad", k.count_include_pad}}; });
  return run1(o, attrs, {x});
}
Tensor average_pool_grad(const Tensor& dy, const Tensor& shape, const AveragePoolGradOptions& options) {
  static const Operator o("average_pool_grad");
  const Attrs attrs = kept(o, options, [](const AveragePoolGradOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}, {"count_include_pad", k.count_include_pad}}; });
  return run1(o, attrs, {dy, shape});
}
std::tuple<Tensor, Tensor, Tensor> batch_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, const Tensor& input_mean, const Tensor& input_var, const BatchNormalizationOptions& options) {
  static const Operator o("batch_normalization");
  const Attrs attrs = kept(o, options, [](const BatchNormalizationOptions& k) -> AttrList { return {{"epsilon", k.epsilon}, {"momentum", k.momentum}, {"training_mode", k.training_mode}}; });
  std::vector<Tensor> y = run(o, attrs, {x, scale, bias, input_mean, input_var});
  return {result(y, 0), result(y, 1), result(y, 2)};
}
Tensor bernoulli(const Tensor& input, const Tensor& key, const Tensor& counter, DType dtype) {
  static const Operator o("bernoulli");
  struct Key {
    DType value = DType::f32;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{dtype}, [](const Key& k) -> AttrList { return {{"dtype", k.value}}; });
  return run1(o, attrs, {input, key, counter});
}
Tensor bincount(const Tensor& x, int64_t minlength) {
  static const Operator o("bincount");
  struct Key {
    int64_t value = 0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{minlength}, [](const Key& k) -> AttrList { return {{"minlength", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor bit_cast(const Tensor& input, DType to) {
  static const Operator o("bit_cast");
  struct Key {
    DType value = DType::f32;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{to}, [](const Key& k) -> AttrList { return {{"to", k.value}}; });
  return run1(o, attrs, {input});
}
Tensor bit_shift(const Tensor& a, const Tensor& b, const std::string& direction) {
  static const Operator o("bit_shift");
  struct Key {
    std::string value = "LEFT";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{direction}, [](const Key& k) -> AttrList { return {{"direction", k.value}}; });
  return run1(o, attrs, {a, b});
}
Tensor bitwise_and(const Tensor& a, const Tensor& b) {
  static const Operator o("bitwise_and");
  return run1(o, o.attrs, {a, b});
}
Tensor bitwise_not(const Tensor& x) {
  static const Operator o("bitwise_not");
  return run1(o, o.attrs, {x});
}
Tensor bitwise_or(const Tensor& a, const Tensor& b) {
  static const Operator o("bitwise_or");
  return run1(o, o.attrs, {a, b});
}
Tensor bitwise_xor(const Tensor& a, const Tensor& b) {
  static const Operator o("bitwise_xor");
  return run1(o, o.attrs, {a, b});
}
Tensor blackman_window(const Tensor& size, const BlackmanWindowOptions& options) {
  static const Operator o("blackman_window");
  const Attrs attrs = kept(o, options, [](const BlackmanWindowOptions& k) -> AttrList { return {{"periodic", k.periodic}, {"output_datatype", k.output_datatype}}; });
  return run1(o, attrs, {size});
}
Tensor cast(const Tensor& x, const CastOptions& options) {
  static const Operator o("cast");
  const Attrs attrs = kept(o, options, [](const CastOptions& k) -> AttrList { return {{"to", k.to}, {"saturate", k.saturate}}; });
  return run1(o, attrs, {x});
}
Tensor ceil(const Tensor& x) {
  static const Operator o("ceil");
  return run1(o, o.attrs, {x});
}
Tensor celu(const Tensor& x, double alpha) {
  static const Operator o("celu");
  struct Key {
    double value = 1.0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{alpha}, [](const Key& k) -> AttrList { return {{"alpha", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor center_crop_pad(const Tensor& input_data, const Tensor& shape, const std::vector<int64_t>& axes) {
  static const Operator o("center_crop_pad");
  struct Key {
    std::vector<int64_t> value = {};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axes}, [](const Key& k) -> AttrList { return {{"axes", k.value}}; });
  return run1(o, attrs, {input_data, shape});
}
Tensor cholesky(const Tensor& x) {
  static const Operator o("cholesky");
  return run1(o, o.attrs, {x});
}
Tensor clip(const Tensor& x, const Tensor& low, const Tensor& high) {
  static const Operator o("clip");
  return run1(o, o.attrs, {x, low, high});
}
Tensor col2im(const Tensor& x, const Tensor& image_shape, const Tensor& block_shape, const Col2imOptions& options) {
  static const Operator o("col2im");
  const Attrs attrs = kept(o, options, [](const Col2imOptions& k) -> AttrList { return {{"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}}; });
  return run1(o, attrs, {x, image_shape, block_shape});
}
Tensor compress(const Tensor& input, const Tensor& condition, int64_t axis) {
  static const Operator o("compress");
  struct Key {
    int64_t value = std::numeric_limits<int64_t>::min();
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {input, condition});
}
Tensor concat(const std::vector<Tensor>& inputs, int64_t axis) {
  static const Operator o("concat");
  struct Key {
    int64_t value = 0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return eager::call1(o.op, attrs, inputs);
}
Tensor constant_of_shape(const Tensor& input, const Tensor& value) {
  static const Operator o("constant_of_shape");
  const Attrs attrs = value.defined() ? o.attrs.with({{"value", value}}) : o.attrs;
  return run1(o, attrs, {input});
}
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvOptions& options) {
  static const Operator o("conv");
  const Attrs attrs = kept(o, options, [](const ConvOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}}; });
  return run1(o, attrs, {x, w, bias});
}
Tensor conv_input_grad(const Tensor& dy, const Tensor& w, const Tensor& shape, const ConvInputGradOptions& options) {
  static const Operator o("conv_input_grad");
  const Attrs attrs = kept(o, options, [](const ConvInputGradOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}}; });
  return run1(o, attrs, {dy, w, shape});
}
Tensor conv_integer(const Tensor& x, const Tensor& w, const Tensor& x_zero_point, const Tensor& w_zero_point, const ConvIntegerOptions& options) {
  static const Operator o("conv_integer");
  const Attrs attrs = kept(o, options, [](const ConvIntegerOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}}; });
  return run1(o, attrs, {x, w, x_zero_point, w_zero_point});
}
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvTransposeOptions& options) {
  static const Operator o("conv_transpose");
  const Attrs attrs = kept(o, options, [](const ConvTransposeOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}, {"output_padding", k.output_padding}, {"output_shape", k.output_shape}}; });
  return run1(o, attrs, {x, w, bias});
}
Tensor conv_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& shape, const ConvWeightGradOptions& options) {
  static const Operator o("conv_weight_grad");
  const Attrs attrs = kept(o, options, [](const ConvWeightGradOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}}; });
  return run1(o, attrs, {x, dy, shape});
}
Tensor cos(const Tensor& x) {
  static const Operator o("cos");
  return run1(o, o.attrs, {x});
}
Tensor cosh(const Tensor& x) {
  static const Operator o("cosh");
  return run1(o, o.attrs, {x});
}
Tensor cum_prod(const Tensor& x, const CumProdOptions& options) {
  static const Operator o("cum_prod");
  const Attrs attrs = kept(o, options, [](const CumProdOptions& k) -> AttrList { return {{"axis", k.axis}, {"exclusive", k.exclusive}, {"reverse", k.reverse}}; });
  return run1(o, attrs, {x});
}
Tensor cum_sum(const Tensor& x, const CumSumOptions& options) {
  static const Operator o("cum_sum");
  const Attrs attrs = kept(o, options, [](const CumSumOptions& k) -> AttrList { return {{"axis", k.axis}, {"exclusive", k.exclusive}, {"reverse", k.reverse}}; });
  return run1(o, attrs, {x});
}
Tensor deform_conv(const Tensor& x, const Tensor& w, const Tensor& offset, const Tensor& bias, const Tensor& mask, const DeformConvOptions& options) {
  static const Operator o("deform_conv");
  const Attrs attrs = kept(o, options, [](const DeformConvOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}, {"offset_group", k.offset_group}}; });
  return run1(o, attrs, {x, w, offset, bias, mask});
}
Tensor depth_to_space(const Tensor& input, const DepthToSpaceOptions& options) {
  static const Operator o("depth_to_space");
  const Attrs attrs = kept(o, options, [](const DepthToSpaceOptions& k) -> AttrList { return {{"blocksize", k.blocksize}, {"mode", k.mode}}; });
  return run1(o, attrs, {input});
}
Tensor dequantize_linear(const Tensor& x, const Tensor& x_scale, const Tensor& x_zero_point, const DequantizeLinearOptions& options) {
  static const Operator o("dequantize_linear");
  const Attrs attrs = kept(o, options, [](const DequantizeLinearOptions& k) -> AttrList { return {{"axis", k.axis}, {"block_size", k.block_size}, {"output_dtype", k.output_dtype}}; });
  return run1(o, attrs, {x, x_scale, x_zero_point});
}
Tensor det(const Tensor& X) {
  static const Operator o("det");
  return run1(o, o.attrs, {X});
}
Tensor dft(const Tensor& input, const Tensor& dft_length, const DftOptions& options) {
  static const Operator o("dft");
  const Attrs attrs = kept(o, options, [](const DftOptions& k) -> AttrList { return {{"axis", k.axis}, {"inverse", k.inverse}, {"onesided", k.onesided}}; });
  return run1(o, attrs, {input, dft_length});
}
Tensor div(const Tensor& a, const Tensor& b) {
  static const Operator o("div");
  return run1(o, o.attrs, {a, b});
}
std::tuple<Tensor, Tensor> dropout(const Tensor& data, const Tensor& ratio, const Tensor& training_mode, const Tensor& key, const Tensor& counter) {
  static const Operator o("dropout");
  std::vector<Tensor> y = run(o, o.attrs, {data, ratio, training_mode, key, counter});
  return {result(y, 0), result(y, 1)};
}
std::tuple<Tensor, Tensor, Tensor> dynamic_quantize_linear(const Tensor& x) {
  static const Operator o("dynamic_quantize_linear");
  std::vector<Tensor> y = run(o, o.attrs, {x});
  return {result(y, 0), result(y, 1), result(y, 2)};
}
std::tuple<Tensor, Tensor> eigh(const Tensor& x) {
  static const Operator o("eigh");
  std::vector<Tensor> y = run(o, o.attrs, {x});
  return {result(y, 0), result(y, 1)};
}
Tensor einsum(const std::vector<Tensor>& Inputs, const std::string& equation) {
  static const Operator o("einsum");
  struct Key {
    std::string value = "";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{equation}, [](const Key& k) -> AttrList { return {{"equation", k.value}}; });
  return eager::call1(o.op, attrs, Inputs);
}
Tensor elu(const Tensor& x, double alpha) {
  static const Operator o("elu");
  struct Key {
    double value = 1.0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{alpha}, [](const Key& k) -> AttrList { return {{"alpha", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor equal(const Tensor& a, const Tensor& b) {
  static const Operator o("equal");
  return run1(o, o.attrs, {a, b});
}
Tensor erf(const Tensor& x) {
  static const Operator o("erf");
  return run1(o, o.attrs, {x});
}
Tensor exp(const Tensor& x) {
  static const Operator o("exp");
  return run1(o, o.attrs, {x});
}
Tensor expand(const Tensor& input, const Tensor& shape) {
  static const Operator o("expand");
  return run1(o, o.attrs, {input, shape});
}
Tensor expm1(const Tensor& x) {
  static const Operator o("expm1");
  return run1(o, o.attrs, {x});
}
Tensor eye_like(const Tensor& input, const EyeLikeOptions& options) {
  static const Operator o("eye_like");
  const Attrs attrs = kept(o, options, [](const EyeLikeOptions& k) -> AttrList { return {{"k", k.k}, {"dtype", k.dtype}}; });
  return run1(o, attrs, {input});
}
Tensor fail(const Tensor& shape, const FailOptions& options) {
  static const Operator o("fail");
  const Attrs attrs = kept(o, options, [](const FailOptions& k) -> AttrList { return {{"message", k.message}, {"dtype", k.dtype}}; });
  return run1(o, attrs, {shape});
}
Tensor flatten(const Tensor& input, int64_t axis) {
  static const Operator o("flatten");
  struct Key {
    int64_t value = 1;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {input});
}
Tensor floor(const Tensor& x) {
  static const Operator o("floor");
  return run1(o, o.attrs, {x});
}
Tensor gather(const Tensor& data, const Tensor& indices, int64_t axis) {
  static const Operator o("gather");
  struct Key {
    int64_t value = 0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {data, indices});
}
Tensor gather_elements(const Tensor& data, const Tensor& indices, int64_t axis) {
  static const Operator o("gather_elements");
  struct Key {
    int64_t value = 0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {data, indices});
}
Tensor gather_nd(const Tensor& data, const Tensor& indices, int64_t batch_dims) {
  static const Operator o("gather_nd");
  struct Key {
    int64_t value = 0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{batch_dims}, [](const Key& k) -> AttrList { return {{"batch_dims", k.value}}; });
  return run1(o, attrs, {data, indices});
}
Tensor gelu(const Tensor& x, const std::string& approximate) {
  static const Operator o("gelu");
  struct Key {
    std::string value = "none";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{approximate}, [](const Key& k) -> AttrList { return {{"approximate", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor gemm(const Tensor& a, const Tensor& b, const Tensor& c, const GemmOptions& options) {
  static const Operator o("gemm");
  const Attrs attrs = kept(o, options, [](const GemmOptions& k) -> AttrList { return {{"alpha", k.alpha}, {"beta", k.beta}, {"transA", k.transA}, {"transB", k.transB}}; });
  return run1(o, attrs, {a, b, c});
}
Tensor global_average_pool(const Tensor& x) {
  static const Operator o("global_average_pool");
  return run1(o, o.attrs, {x});
}
Tensor global_lp_pool(const Tensor& x, int64_t p) {
  static const Operator o("global_lp_pool");
  struct Key {
    int64_t value = 2;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{p}, [](const Key& k) -> AttrList { return {{"p", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor global_max_pool(const Tensor& x) {
  static const Operator o("global_max_pool");
  return run1(o, o.attrs, {x});
}
Tensor greater(const Tensor& a, const Tensor& b) {
  static const Operator o("greater");
  return run1(o, o.attrs, {a, b});
}
Tensor greater_or_equal(const Tensor& a, const Tensor& b) {
  static const Operator o("greater_or_equal");
  return run1(o, o.attrs, {a, b});
}
Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampleOptions& options) {
  static const Operator o("grid_sample");
  const Attrs attrs = kept(o, options, [](const GridSampleOptions& k) -> AttrList { return {{"mode", k.mode}, {"padding_mode", k.padding_mode}, {"align_corners", k.align_corners}}; });
  return run1(o, attrs, {x, grid});
}
std::tuple<Tensor, Tensor> grid_sample_grad(const Tensor& x, const Tensor& grid, const Tensor& dy, const GridSampleGradOptions& options) {
  static const Operator o("grid_sample_grad");
  const Attrs attrs = kept(o, options, [](const GridSampleGradOptions& k) -> AttrList { return {{"mode", k.mode}, {"padding_mode", k.padding_mode}, {"align_corners", k.align_corners}}; });
  std::vector<Tensor> y = run(o, attrs, {x, grid, dy});
  return {result(y, 0), result(y, 1)};
}
Tensor group_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, const GroupNormalizationOptions& options) {
  static const Operator o("group_normalization");
  const Attrs attrs = kept(o, options, [](const GroupNormalizationOptions& k) -> AttrList { return {{"num_groups", k.num_groups}, {"epsilon", k.epsilon}, {"stash_type", k.stash_type}}; });
  return run1(o, attrs, {x, scale, bias});
}
std::tuple<Tensor, Tensor> gru(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b, const Tensor& sequence_lens, const Tensor& initial_h, const GruOptions& options) {
  static const Operator o("gru");
  const Attrs attrs = kept(o, options, [](const GruOptions& k) -> AttrList { return {{"hidden_size", k.hidden_size}, {"direction", k.direction}, {"activations", k.activations}, {"activation_alpha", k.activation_alpha}, {"activation_beta", k.activation_beta}, {"clip", k.clip}, {"layout", k.layout}, {"outputs", k.outputs}, {"linear_before_reset", k.linear_before_reset}}; });
  std::vector<Tensor> y = run(o, attrs, {x, w, r, b, sequence_lens, initial_h});
  return {result(y, 0), result(y, 1)};
}
Tensor hamming_window(const Tensor& size, const HammingWindowOptions& options) {
  static const Operator o("hamming_window");
  const Attrs attrs = kept(o, options, [](const HammingWindowOptions& k) -> AttrList { return {{"periodic", k.periodic}, {"output_datatype", k.output_datatype}}; });
  return run1(o, attrs, {size});
}
Tensor hann_window(const Tensor& size, const HannWindowOptions& options) {
  static const Operator o("hann_window");
  const Attrs attrs = kept(o, options, [](const HannWindowOptions& k) -> AttrList { return {{"periodic", k.periodic}, {"output_datatype", k.output_datatype}}; });
  return run1(o, attrs, {size});
}
Tensor hard_sigmoid(const Tensor& x, const HardSigmoidOptions& options) {
  static const Operator o("hard_sigmoid");
  const Attrs attrs = kept(o, options, [](const HardSigmoidOptions& k) -> AttrList { return {{"alpha", k.alpha}, {"beta", k.beta}}; });
  return run1(o, attrs, {x});
}
Tensor hard_swish(const Tensor& x) {
  static const Operator o("hard_swish");
  return run1(o, o.attrs, {x});
}
Tensor hard_tanh(const Tensor& x, const HardTanhOptions& options) {
  static const Operator o("hard_tanh");
  const Attrs attrs = kept(o, options, [](const HardTanhOptions& k) -> AttrList { return {{"min_val", k.min_val}, {"max_val", k.max_val}}; });
  return run1(o, attrs, {x});
}
Tensor hardmax(const Tensor& x, int64_t axis) {
  static const Operator o("hardmax");
  struct Key {
    int64_t value = -1;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor identity(const Tensor& x) {
  static const Operator o("identity");
  return run1(o, o.attrs, {x});
}
Tensor im2col(const Tensor& input, const Tensor& block_shape, const Im2colOptions& options) {
  static const Operator o("im2col");
  const Attrs attrs = kept(o, options, [](const Im2colOptions& k) -> AttrList { return {{"dilations", k.dilations}, {"pads", k.pads}, {"strides", k.strides}}; });
  return run1(o, attrs, {input, block_shape});
}
Tensor instance_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, double epsilon) {
  static const Operator o("instance_normalization");
  struct Key {
    double value = 1e-05;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{epsilon}, [](const Key& k) -> AttrList { return {{"epsilon", k.value}}; });
  return run1(o, attrs, {x, scale, bias});
}
Tensor inverse(const Tensor& x) {
  static const Operator o("inverse");
  return run1(o, o.attrs, {x});
}
Tensor is_inf(const Tensor& x, const IsInfOptions& options) {
  static const Operator o("is_inf");
  const Attrs attrs = kept(o, options, [](const IsInfOptions& k) -> AttrList { return {{"detect_negative", k.detect_negative}, {"detect_positive", k.detect_positive}}; });
  return run1(o, attrs, {x});
}
Tensor is_nan(const Tensor& x) {
  static const Operator o("is_nan");
  return run1(o, o.attrs, {x});
}
std::tuple<Tensor, Tensor, Tensor> layer_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, const LayerNormalizationOptions& options) {
  static const Operator o("layer_normalization");
  const Attrs attrs = kept(o, options, [](const LayerNormalizationOptions& k) -> AttrList { return {{"axis", k.axis}, {"epsilon", k.epsilon}, {"stash_type", k.stash_type}, {"outputs", k.outputs}}; });
  std::vector<Tensor> y = run(o, attrs, {x, scale, bias});
  return {result(y, 0), result(y, 1), result(y, 2)};
}
Tensor leaky_relu(const Tensor& x, double alpha) {
  static const Operator o("leaky_relu");
  struct Key {
    double value = 0.01;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{alpha}, [](const Key& k) -> AttrList { return {{"alpha", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor less(const Tensor& a, const Tensor& b) {
  static const Operator o("less");
  return run1(o, o.attrs, {a, b});
}
Tensor less_or_equal(const Tensor& a, const Tensor& b) {
  static const Operator o("less_or_equal");
  return run1(o, o.attrs, {a, b});
}
Tensor log(const Tensor& x) {
  static const Operator o("log");
  return run1(o, o.attrs, {x});
}
Tensor log1p(const Tensor& x) {
  static const Operator o("log1p");
  return run1(o, o.attrs, {x});
}
Tensor log_sigmoid(const Tensor& x) {
  static const Operator o("log_sigmoid");
  return run1(o, o.attrs, {x});
}
Tensor log_softmax(const Tensor& x, int64_t axis) {
  static const Operator o("log_softmax");
  struct Key {
    int64_t value = -1;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor lp_normalization(const Tensor& x, const LpNormalizationOptions& options) {
  static const Operator o("lp_normalization");
  const Attrs attrs = kept(o, options, [](const LpNormalizationOptions& k) -> AttrList { return {{"axis", k.axis}, {"p", k.p}}; });
  return run1(o, attrs, {x});
}
Tensor lp_pool(const Tensor& x, const LpPoolOptions& options) {
  static const Operator o("lp_pool");
  const Attrs attrs = kept(o, options, [](const LpPoolOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}, {"p", k.p}}; });
  return run1(o, attrs, {x});
}
Tensor lp_pool_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const LpPoolGradOptions& options) {
  static const Operator o("lp_pool_grad");
  const Attrs attrs = kept(o, options, [](const LpPoolGradOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}, {"p", k.p}}; });
  return run1(o, attrs, {x, y, dy});
}
Tensor lrn(const Tensor& x, const LrnOptions& options) {
  static const Operator o("lrn");
  const Attrs attrs = kept(o, options, [](const LrnOptions& k) -> AttrList { return {{"size", k.size}, {"alpha", k.alpha}, {"beta", k.beta}, {"bias", k.bias}}; });
  return run1(o, attrs, {x});
}
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lstm(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b, const Tensor& sequence_lens, const Tensor& initial_h, const Tensor& initial_c, const Tensor& p, const LstmOptions& options) {
  static const Operator o("lstm");
  const Attrs attrs = kept(o, options, [](const LstmOptions& k) -> AttrList { return {{"hidden_size", k.hidden_size}, {"direction", k.direction}, {"activations", k.activations}, {"activation_alpha", k.activation_alpha}, {"activation_beta", k.activation_beta}, {"clip", k.clip}, {"layout", k.layout}, {"outputs", k.outputs}, {"input_forget", k.input_forget}}; });
  std::vector<Tensor> y = run(o, attrs, {x, w, r, b, sequence_lens, initial_h, initial_c, p});
  return {result(y, 0), result(y, 1), result(y, 2), result(y, 3), result(y, 4)};
}
std::tuple<Tensor, Tensor, Tensor> lstm_grad(const Tensor& gates, const Tensor& cells, const Tensor& r, const Tensor& initial_c, const Tensor& dy, const Tensor& dy_h, const Tensor& dy_c) {
  static const Operator o("lstm_grad");
  std::vector<Tensor> y = run(o, o.attrs, {gates, cells, r, initial_c, dy, dy_h, dy_c});
  return {result(y, 0), result(y, 1), result(y, 2)};
}
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  static const Operator o("matmul");
  const Attrs attrs = kept(o, options, [](const MatmulOptions& k) -> AttrList { return {{"transpose_a", k.transpose_a}, {"transpose_b", k.transpose_b}}; });
  return run1(o, attrs, {a, b});
}
Tensor matmul_integer(const Tensor& a, const Tensor& b, const Tensor& a_zero_point, const Tensor& b_zero_point) {
  static const Operator o("matmul_integer");
  return run1(o, o.attrs, {a, b, a_zero_point, b_zero_point});
}
Tensor max(const Tensor& a, const Tensor& b) {
  static const Operator o("max");
  return run1(o, o.attrs, {a, b});
}
std::tuple<Tensor, Tensor> max_pool(const Tensor& x, const MaxPoolOptions& options) {
  static const Operator o("max_pool");
  const Attrs attrs = kept(o, options, [](const MaxPoolOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}, {"storage_order", k.storage_order}, {"outputs", k.outputs}}; });
  std::vector<Tensor> y = run(o, attrs, {x});
  return {result(y, 0), result(y, 1)};
}
Tensor max_pool_grad(const Tensor& x, const Tensor& dy, const MaxPoolGradOptions& options) {
  static const Operator o("max_pool_grad");
  const Attrs attrs = kept(o, options, [](const MaxPoolGradOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"auto_pad", k.auto_pad}, {"ceil_mode", k.ceil_mode}}; });
  return run1(o, attrs, {x, dy});
}
Tensor max_roi_pool(const Tensor& x, const Tensor& rois, const MaxRoiPoolOptions& options) {
  static const Operator o("max_roi_pool");
  const Attrs attrs = kept(o, options, [](const MaxRoiPoolOptions& k) -> AttrList { return {{"pooled_shape", k.pooled_shape}, {"spatial_scale", k.spatial_scale}}; });
  return run1(o, attrs, {x, rois});
}
Tensor max_unpool(const Tensor& x, const Tensor& indices, const Tensor& output_shape, const MaxUnpoolOptions& options) {
  static const Operator o("max_unpool");
  const Attrs attrs = kept(o, options, [](const MaxUnpoolOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}}; });
  return run1(o, attrs, {x, indices, output_shape});
}
Tensor mean_variance_normalization(const Tensor& x, const std::vector<int64_t>& axes) {
  static const Operator o("mean_variance_normalization");
  struct Key {
    std::vector<int64_t> value = {0, 2, 3};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axes}, [](const Key& k) -> AttrList { return {{"axes", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor mel_weight_matrix(const Tensor& num_mel_bins, const Tensor& dft_length, const Tensor& sample_rate, const Tensor& lower_edge_hertz, const Tensor& upper_edge_hertz, DType output_datatype) {
  static const Operator o("mel_weight_matrix");
  struct Key {
    DType value = DType::f32;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{output_datatype}, [](const Key& k) -> AttrList { return {{"output_datatype", k.value}}; });
  return run1(o, attrs, {num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz});
}
Tensor min(const Tensor& a, const Tensor& b) {
  static const Operator o("min");
  return run1(o, o.attrs, {a, b});
}
Tensor mish(const Tensor& x) {
  static const Operator o("mish");
  return run1(o, o.attrs, {x});
}
Tensor mod(const Tensor& a, const Tensor& b, bool fmod) {
  static const Operator o("mod");
  struct Key {
    bool value = false;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{fmod}, [](const Key& k) -> AttrList { return {{"fmod", k.value}}; });
  return run1(o, attrs, {a, b});
}
Tensor mul(const Tensor& a, const Tensor& b) {
  static const Operator o("mul");
  return run1(o, o.attrs, {a, b});
}
Tensor multinomial(const Tensor& input, const Tensor& key, const Tensor& counter, const MultinomialOptions& options) {
  static const Operator o("multinomial");
  const Attrs attrs = kept(o, options, [](const MultinomialOptions& k) -> AttrList { return {{"sample_size", k.sample_size}, {"dtype", k.dtype}}; });
  return run1(o, attrs, {input, key, counter});
}
Tensor neg(const Tensor& x) {
  static const Operator o("neg");
  return run1(o, o.attrs, {x});
}
Tensor negative_log_likelihood_loss(const Tensor& x, const Tensor& target, const Tensor& weight, const NegativeLogLikelihoodLossOptions& options) {
  static const Operator o("negative_log_likelihood_loss");
  const Attrs attrs = kept(o, options, [](const NegativeLogLikelihoodLossOptions& k) -> AttrList { return {{"reduction", k.reduction}, {"ignore_index", k.ignore_index}}; });
  return run1(o, attrs, {x, target, weight});
}
Tensor non_max_suppression(const Tensor& boxes, const Tensor& scores, const Tensor& max_output_boxes_per_class, const Tensor& iou_threshold, const Tensor& score_threshold, bool center_point_box) {
  static const Operator o("non_max_suppression");
  struct Key {
    bool value = false;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{center_point_box}, [](const Key& k) -> AttrList { return {{"center_point_box", k.value}}; });
  return run1(o, attrs, {boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold});
}
Tensor non_zero(const Tensor& X) {
  static const Operator o("non_zero");
  return run1(o, o.attrs, {X});
}
Tensor not_(const Tensor& x) {
  static const Operator o("not");
  return run1(o, o.attrs, {x});
}
Tensor not_equal(const Tensor& a, const Tensor& b) {
  static const Operator o("not_equal");
  return run1(o, o.attrs, {a, b});
}
Tensor one_hot(const Tensor& indices, const Tensor& depth, const Tensor& values, int64_t axis) {
  static const Operator o("one_hot");
  struct Key {
    int64_t value = -1;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {indices, depth, values});
}
Tensor or_(const Tensor& a, const Tensor& b) {
  static const Operator o("or");
  return run1(o, o.attrs, {a, b});
}
Tensor pad(const Tensor& data, const Tensor& pads, const Tensor& constant_value, const Tensor& axes, const std::string& mode) {
  static const Operator o("pad");
  struct Key {
    std::string value = "constant";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{mode}, [](const Key& k) -> AttrList { return {{"mode", k.value}}; });
  return run1(o, attrs, {data, pads, constant_value, axes});
}
Tensor pow(const Tensor& a, const Tensor& b) {
  static const Operator o("pow");
  return run1(o, o.attrs, {a, b});
}
Tensor prelu(const Tensor& x, const Tensor& slope) {
  static const Operator o("prelu");
  return run1(o, o.attrs, {x, slope});
}
Tensor qlinear_conv(const Tensor& x, const Tensor& x_scale, const Tensor& x_zero_point, const Tensor& w, const Tensor& w_scale, const Tensor& w_zero_point, const Tensor& y_scale, const Tensor& y_zero_point, const Tensor& bias, const QlinearConvOptions& options) {
  static const Operator o("qlinear_conv");
  const Attrs attrs = kept(o, options, [](const QlinearConvOptions& k) -> AttrList { return {{"kernel_shape", k.kernel_shape}, {"strides", k.strides}, {"pads", k.pads}, {"dilations", k.dilations}, {"group", k.group}, {"auto_pad", k.auto_pad}}; });
  return run1(o, attrs, {x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias});
}
Tensor qlinear_matmul(const Tensor& a, const Tensor& a_scale, const Tensor& a_zero_point, const Tensor& b, const Tensor& b_scale, const Tensor& b_zero_point, const Tensor& y_scale, const Tensor& y_zero_point) {
  static const Operator o("qlinear_matmul");
  return run1(o, o.attrs, {a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point});
}
std::tuple<Tensor, Tensor> qr(const Tensor& x) {
  static const Operator o("qr");
  std::vector<Tensor> y = run(o, o.attrs, {x});
  return {result(y, 0), result(y, 1)};
}
Tensor quantize_linear(const Tensor& x, const Tensor& y_scale, const Tensor& y_zero_point, const QuantizeLinearOptions& options) {
  static const Operator o("quantize_linear");
  const Attrs attrs = kept(o, options, [](const QuantizeLinearOptions& k) -> AttrList { return {{"axis", k.axis}, {"block_size", k.block_size}, {"output_dtype", k.output_dtype}, {"precision", k.precision}}; });
  return run1(o, attrs, {x, y_scale, y_zero_point});
}
Tensor random_normal(const Tensor& key, const Tensor& counter, const Tensor& shape, const RandomNormalOptions& options) {
  static const Operator o("random_normal");
  const Attrs attrs = kept(o, options, [](const RandomNormalOptions& k) -> AttrList { return {{"mean", k.mean}, {"scale", k.scale}, {"dtype", k.dtype}}; });
  return run1(o, attrs, {key, counter, shape});
}
Tensor random_uniform(const Tensor& key, const Tensor& counter, const Tensor& shape, const RandomUniformOptions& options) {
  static const Operator o("random_uniform");
  const Attrs attrs = kept(o, options, [](const RandomUniformOptions& k) -> AttrList { return {{"low", k.low}, {"high", k.high}, {"dtype", k.dtype}}; });
  return run1(o, attrs, {key, counter, shape});
}
Tensor range(const Tensor& start, const Tensor& limit, const Tensor& delta) {
  static const Operator o("range");
  return run1(o, o.attrs, {start, limit, delta});
}
Tensor reciprocal(const Tensor& x) {
  static const Operator o("reciprocal");
  return run1(o, o.attrs, {x});
}
std::tuple<Tensor, Tensor> recurrent_grad(const Tensor& factors, const Tensor& r, const Tensor& keep, const Tensor& dy, const Tensor& dy_h) {
  static const Operator o("recurrent_grad");
  std::vector<Tensor> y = run(o, o.attrs, {factors, r, keep, dy, dy_h});
  return {result(y, 0), result(y, 1)};
}
Tensor reduce_l1(const Tensor& data, const ReduceL1Options& options) {
  static const Operator o("reduce_l1");
  const Attrs attrs = kept(o, options, [](const ReduceL1Options& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_l2(const Tensor& data, const ReduceL2Options& options) {
  static const Operator o("reduce_l2");
  const Attrs attrs = kept(o, options, [](const ReduceL2Options& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_log_sum(const Tensor& data, const ReduceLogSumOptions& options) {
  static const Operator o("reduce_log_sum");
  const Attrs attrs = kept(o, options, [](const ReduceLogSumOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_log_sum_exp(const Tensor& data, const ReduceLogSumExpOptions& options) {
  static const Operator o("reduce_log_sum_exp");
  const Attrs attrs = kept(o, options, [](const ReduceLogSumExpOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_max(const Tensor& data, const ReduceMaxOptions& options) {
  static const Operator o("reduce_max");
  const Attrs attrs = kept(o, options, [](const ReduceMaxOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_mean(const Tensor& data, const ReduceMeanOptions& options) {
  static const Operator o("reduce_mean");
  const Attrs attrs = kept(o, options, [](const ReduceMeanOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_min(const Tensor& data, const ReduceMinOptions& options) {
  static const Operator o("reduce_min");
  const Attrs attrs = kept(o, options, [](const ReduceMinOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_prod(const Tensor& data, const ReduceProdOptions& options) {
  static const Operator o("reduce_prod");
  const Attrs attrs = kept(o, options, [](const ReduceProdOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_sum(const Tensor& data, const ReduceSumOptions& options) {
  static const Operator o("reduce_sum");
  const Attrs attrs = kept(o, options, [](const ReduceSumOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}}; });
  return run1(o, attrs, {data});
}
Tensor reduce_sum_square(const Tensor& data, const ReduceSumSquareOptions& options) {
  static const Operator o("reduce_sum_square");
  const Attrs attrs = kept(o, options, [](const ReduceSumSquareOptions& k) -> AttrList { return {{"axes", k.axes}, {"keepdims", k.keepdims}, {"noop_with_empty_axes", k.noop_with_empty_axes}}; });
  return run1(o, attrs, {data});
}
Tensor relu(const Tensor& x) {
  static const Operator o("relu");
  return run1(o, o.attrs, {x});
}
Tensor reshape(const Tensor& data, const Tensor& shape, bool allowzero) {
  static const Operator o("reshape");
  struct Key {
    bool value = false;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{allowzero}, [](const Key& k) -> AttrList { return {{"allowzero", k.value}}; });
  return run1(o, attrs, {data, shape});
}
Tensor resize(const Tensor& x, const Tensor& roi, const Tensor& scales, const Tensor& sizes, const ResizeOptions& options) {
  static const Operator o("resize");
  const Attrs attrs = kept(o, options, [](const ResizeOptions& k) -> AttrList { return {{"mode", k.mode}, {"coordinate_transformation_mode", k.coordinate_transformation_mode}, {"nearest_mode", k.nearest_mode}, {"keep_aspect_ratio_policy", k.keep_aspect_ratio_policy}, {"cubic_coeff_a", k.cubic_coeff_a}, {"extrapolation_value", k.extrapolation_value}, {"antialias", k.antialias}, {"exclude_outside", k.exclude_outside}, {"axes", k.axes}, {"scale_factors", k.scale_factors}}; });
  return run1(o, attrs, {x, roi, scales, sizes});
}
Tensor resize_grad(const Tensor& dy, const Tensor& shape, const Tensor& roi, const Tensor& scales, const Tensor& sizes, const ResizeGradOptions& options) {
  static const Operator o("resize_grad");
  const Attrs attrs = kept(o, options, [](const ResizeGradOptions& k) -> AttrList { return {{"mode", k.mode}, {"coordinate_transformation_mode", k.coordinate_transformation_mode}, {"nearest_mode", k.nearest_mode}, {"keep_aspect_ratio_policy", k.keep_aspect_ratio_policy}, {"cubic_coeff_a", k.cubic_coeff_a}, {"extrapolation_value", k.extrapolation_value}, {"antialias", k.antialias}, {"exclude_outside", k.exclude_outside}, {"axes", k.axes}, {"scale_factors", k.scale_factors}}; });
  return run1(o, attrs, {dy, shape, roi, scales, sizes});
}
Tensor reverse_sequence(const Tensor& input, const Tensor& sequence_lens, const ReverseSequenceOptions& options) {
  static const Operator o("reverse_sequence");
  const Attrs attrs = kept(o, options, [](const ReverseSequenceOptions& k) -> AttrList { return {{"batch_axis", k.batch_axis}, {"time_axis", k.time_axis}}; });
  return run1(o, attrs, {input, sequence_lens});
}
Tensor rms_normalization(const Tensor& x, const Tensor& scale, const RmsNormalizationOptions& options) {
  static const Operator o("rms_normalization");
  const Attrs attrs = kept(o, options, [](const RmsNormalizationOptions& k) -> AttrList { return {{"axis", k.axis}, {"epsilon", k.epsilon}, {"stash_type", k.stash_type}}; });
  return run1(o, attrs, {x, scale});
}
std::tuple<Tensor, Tensor> rnn(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b, const Tensor& sequence_lens, const Tensor& initial_h, const RnnOptions& options) {
  static const Operator o("rnn");
  const Attrs attrs = kept(o, options, [](const RnnOptions& k) -> AttrList { return {{"hidden_size", k.hidden_size}, {"direction", k.direction}, {"activations", k.activations}, {"activation_alpha", k.activation_alpha}, {"activation_beta", k.activation_beta}, {"clip", k.clip}, {"layout", k.layout}, {"outputs", k.outputs}}; });
  std::vector<Tensor> y = run(o, attrs, {x, w, r, b, sequence_lens, initial_h});
  return {result(y, 0), result(y, 1)};
}
Tensor roi_align(const Tensor& x, const Tensor& rois, const Tensor& batch_indices, const RoiAlignOptions& options) {
  static const Operator o("roi_align");
  const Attrs attrs = kept(o, options, [](const RoiAlignOptions& k) -> AttrList { return {{"coordinate_transformation_mode", k.coordinate_transformation_mode}, {"mode", k.mode}, {"output_height", k.output_height}, {"output_width", k.output_width}, {"sampling_ratio", k.sampling_ratio}, {"spatial_scale", k.spatial_scale}}; });
  return run1(o, attrs, {x, rois, batch_indices});
}
Tensor roll(const Tensor& x, const RollOptions& options) {
  static const Operator o("roll");
  const Attrs attrs = kept(o, options, [](const RollOptions& k) -> AttrList { return {{"shifts", k.shifts}, {"axes", k.axes}}; });
  return run1(o, attrs, {x});
}
Tensor rotary_embedding(const Tensor& x, const Tensor& cos_cache, const Tensor& sin_cache, const Tensor& position_ids, const RotaryEmbeddingOptions& options) {
  static const Operator o("rotary_embedding");
  const Attrs attrs = kept(o, options, [](const RotaryEmbeddingOptions& k) -> AttrList { return {{"interleaved", k.interleaved}, {"num_heads", k.num_heads}, {"rotary_embedding_dim", k.rotary_embedding_dim}}; });
  return run1(o, attrs, {x, cos_cache, sin_cache, position_ids});
}
Tensor round(const Tensor& x) {
  static const Operator o("round");
  return run1(o, o.attrs, {x});
}
Tensor rsqrt(const Tensor& x) {
  static const Operator o("rsqrt");
  return run1(o, o.attrs, {x});
}
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, const ScaledDotProductAttentionOptions& options) {
  static const Operator o("scaled_dot_product_attention");
  const Attrs attrs = kept(o, options, [](const ScaledDotProductAttentionOptions& k) -> AttrList { return {{"scale", k.scale}, {"softcap", k.softcap}, {"causal", k.causal}, {"softmax_precision", k.softmax_precision}}; });
  return run1(o, attrs, {q, k, v, mask});
}
Tensor scatter_elements(const Tensor& data, const Tensor& indices, const Tensor& updates, const ScatterElementsOptions& options) {
  static const Operator o("scatter_elements");
  const Attrs attrs = kept(o, options, [](const ScatterElementsOptions& k) -> AttrList { return {{"axis", k.axis}, {"reduction", k.reduction}}; });
  return run1(o, attrs, {data, indices, updates});
}
Tensor scatter_nd(const Tensor& data, const Tensor& indices, const Tensor& updates, const std::string& reduction) {
  static const Operator o("scatter_nd");
  struct Key {
    std::string value = "none";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{reduction}, [](const Key& k) -> AttrList { return {{"reduction", k.value}}; });
  return run1(o, attrs, {data, indices, updates});
}
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
  static const Operator o("searchsorted");
  struct Key {
    bool value = false;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{right}, [](const Key& k) -> AttrList { return {{"right", k.value}}; });
  return run1(o, attrs, {sorted, values});
}
Tensor selu(const Tensor& x, const SeluOptions& options) {
  static const Operator o("selu");
  const Attrs attrs = kept(o, options, [](const SeluOptions& k) -> AttrList { return {{"alpha", k.alpha}, {"gamma", k.gamma}}; });
  return run1(o, attrs, {x});
}
Tensor shape(const Tensor& data, const ShapeOptions& options) {
  static const Operator o("shape");
  const Attrs attrs = kept(o, options, [](const ShapeOptions& k) -> AttrList { return {{"start", k.start}, {"end", k.end}}; });
  return run1(o, attrs, {data});
}
Tensor shrink(const Tensor& x, const ShrinkOptions& options) {
  static const Operator o("shrink");
  const Attrs attrs = kept(o, options, [](const ShrinkOptions& k) -> AttrList { return {{"bias", k.bias}, {"lambd", k.lambd}}; });
  return run1(o, attrs, {x});
}
Tensor sigmoid(const Tensor& x) {
  static const Operator o("sigmoid");
  return run1(o, o.attrs, {x});
}
Tensor sign(const Tensor& x) {
  static const Operator o("sign");
  return run1(o, o.attrs, {x});
}
Tensor sin(const Tensor& x) {
  static const Operator o("sin");
  return run1(o, o.attrs, {x});
}
Tensor sinh(const Tensor& x) {
  static const Operator o("sinh");
  return run1(o, o.attrs, {x});
}
Tensor size(const Tensor& data) {
  static const Operator o("size");
  return run1(o, o.attrs, {data});
}
Tensor slice(const Tensor& data, const Tensor& starts, const Tensor& ends, const Tensor& axes, const Tensor& steps) {
  static const Operator o("slice");
  return run1(o, o.attrs, {data, starts, ends, axes, steps});
}
Tensor slice_scatter(const Tensor& x, const Tensor& update, const Tensor& starts, const Tensor& ends, const Tensor& axes, const Tensor& steps) {
  static const Operator o("slice_scatter");
  return run1(o, o.attrs, {x, update, starts, ends, axes, steps});
}
std::tuple<Tensor, Tensor> slogdet(const Tensor& x) {
  static const Operator o("slogdet");
  std::vector<Tensor> y = run(o, o.attrs, {x});
  return {result(y, 0), result(y, 1)};
}
Tensor softmax(const Tensor& x, int64_t axis) {
  static const Operator o("softmax");
  struct Key {
    int64_t value = -1;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axis}, [](const Key& k) -> AttrList { return {{"axis", k.value}}; });
  return run1(o, attrs, {x});
}
std::tuple<Tensor, Tensor> softmax_cross_entropy_loss(const Tensor& scores, const Tensor& labels, const Tensor& weights, const SoftmaxCrossEntropyLossOptions& options) {
  static const Operator o("softmax_cross_entropy_loss");
  const Attrs attrs = kept(o, options, [](const SoftmaxCrossEntropyLossOptions& k) -> AttrList { return {{"reduction", k.reduction}, {"ignore_index", k.ignore_index}, {"outputs", k.outputs}}; });
  std::vector<Tensor> y = run(o, attrs, {scores, labels, weights});
  return {result(y, 0), result(y, 1)};
}
Tensor softplus(const Tensor& x) {
  static const Operator o("softplus");
  return run1(o, o.attrs, {x});
}
Tensor softsign(const Tensor& x) {
  static const Operator o("softsign");
  return run1(o, o.attrs, {x});
}
Tensor solve(const Tensor& a, const Tensor& b) {
  static const Operator o("solve");
  return run1(o, o.attrs, {a, b});
}
Tensor solve_triangular(const Tensor& a, const Tensor& b, const SolveTriangularOptions& options) {
  static const Operator o("solve_triangular");
  const Attrs attrs = kept(o, options, [](const SolveTriangularOptions& k) -> AttrList { return {{"lower", k.lower}, {"unit", k.unit}}; });
  return run1(o, attrs, {a, b});
}
std::tuple<Tensor, Tensor> sort(const Tensor& x, const SortOptions& options) {
  static const Operator o("sort");
  const Attrs attrs = kept(o, options, [](const SortOptions& k) -> AttrList { return {{"axis", k.axis}, {"descending", k.descending}}; });
  std::vector<Tensor> y = run(o, attrs, {x});
  return {result(y, 0), result(y, 1)};
}
Tensor space_to_depth(const Tensor& input, const SpaceToDepthOptions& options) {
  static const Operator o("space_to_depth");
  const Attrs attrs = kept(o, options, [](const SpaceToDepthOptions& k) -> AttrList { return {{"blocksize", k.blocksize}, {"mode", k.mode}}; });
  return run1(o, attrs, {input});
}
std::vector<Tensor> split(const Tensor& input, const SplitOptions& options) {
  static const Operator o("split");
  const Attrs attrs = kept(o, options, [](const SplitOptions& k) -> AttrList { return {{"axis", k.axis}, {"split", k.split}, {"num_outputs", k.num_outputs}}; });
  return run(o, attrs, {input});
}
Tensor sqrt(const Tensor& x) {
  static const Operator o("sqrt");
  return run1(o, o.attrs, {x});
}
Tensor squeeze(const Tensor& data, const std::vector<int64_t>& axes) {
  static const Operator o("squeeze");
  struct Key {
    std::vector<int64_t> value = {};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axes}, [](const Key& k) -> AttrList { return {{"axes", k.value}}; });
  return run1(o, attrs, {data});
}
Tensor stft(const Tensor& signal, const Tensor& frame_step, const Tensor& window, const Tensor& frame_length, bool onesided) {
  static const Operator o("stft");
  struct Key {
    bool value = true;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{onesided}, [](const Key& k) -> AttrList { return {{"onesided", k.value}}; });
  return run1(o, attrs, {signal, frame_step, window, frame_length});
}
Tensor stop_gradient(const Tensor& x, const std::vector<Tensor>& on, const std::string& refusal) {
  static const Operator o("stop_gradient");
  struct Key {
    std::string value = "";
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{refusal}, [](const Key& k) -> AttrList { return {{"refusal", k.value}}; });
  std::vector<Tensor> in{x};
  in.insert(in.end(), on.begin(), on.end());
  return eager::call1(o.op, attrs, in);
}
Tensor sub(const Tensor& a, const Tensor& b) {
  static const Operator o("sub");
  return run1(o, o.attrs, {a, b});
}
Tensor sum_to(const Tensor& x, const Tensor& shape) {
  static const Operator o("sum_to");
  return run1(o, o.attrs, {x, shape});
}
std::tuple<Tensor, Tensor, Tensor> svd(const Tensor& x) {
  static const Operator o("svd");
  std::vector<Tensor> y = run(o, o.attrs, {x});
  return {result(y, 0), result(y, 1), result(y, 2)};
}
Tensor swish(const Tensor& x, double alpha) {
  static const Operator o("swish");
  struct Key {
    double value = 1.0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{alpha}, [](const Key& k) -> AttrList { return {{"alpha", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor tan(const Tensor& x) {
  static const Operator o("tan");
  return run1(o, o.attrs, {x});
}
Tensor tanh(const Tensor& x) {
  static const Operator o("tanh");
  return run1(o, o.attrs, {x});
}
Tensor tensor_scatter(const Tensor& past_cache, const Tensor& update, const Tensor& write_indices, const TensorScatterOptions& options) {
  static const Operator o("tensor_scatter");
  const Attrs attrs = kept(o, options, [](const TensorScatterOptions& k) -> AttrList { return {{"axis", k.axis}, {"mode", k.mode}}; });
  return run1(o, attrs, {past_cache, update, write_indices});
}
Tensor thresholded_relu(const Tensor& x, double alpha) {
  static const Operator o("thresholded_relu");
  struct Key {
    double value = 1.0;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{alpha}, [](const Key& k) -> AttrList { return {{"alpha", k.value}}; });
  return run1(o, attrs, {x});
}
Tensor tile(const Tensor& input, const Tensor& repeats) {
  static const Operator o("tile");
  return run1(o, o.attrs, {input, repeats});
}
std::tuple<Tensor, Tensor> top_k(const Tensor& X, const Tensor& K, const TopKOptions& options) {
  static const Operator o("top_k");
  const Attrs attrs = kept(o, options, [](const TopKOptions& k) -> AttrList { return {{"axis", k.axis}, {"largest", k.largest}, {"sorted", k.sorted}}; });
  std::vector<Tensor> y = run(o, attrs, {X, K});
  return {result(y, 0), result(y, 1)};
}
Tensor transpose(const Tensor& data, const std::vector<int64_t>& perm) {
  static const Operator o("transpose");
  struct Key {
    std::vector<int64_t> value = {};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{perm}, [](const Key& k) -> AttrList { return {{"perm", k.value}}; });
  return run1(o, attrs, {data});
}
Tensor trilu(const Tensor& input, const Tensor& k, bool upper) {
  static const Operator o("trilu");
  struct Key {
    bool value = true;
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{upper}, [](const Key& k) -> AttrList { return {{"upper", k.value}}; });
  return run1(o, attrs, {input, k});
}
Tensor trunc(const Tensor& x) {
  static const Operator o("trunc");
  return run1(o, o.attrs, {x});
}
std::tuple<Tensor, Tensor, Tensor, Tensor> unique(const Tensor& X, const UniqueOptions& options) {
  static const Operator o("unique");
  const Attrs attrs = kept(o, options, [](const UniqueOptions& k) -> AttrList { return {{"axis", k.axis}, {"sorted", k.sorted}}; });
  std::vector<Tensor> y = run(o, attrs, {X});
  return {result(y, 0), result(y, 1), result(y, 2), result(y, 3)};
}
Tensor unsqueeze(const Tensor& data, const std::vector<int64_t>& axes) {
  static const Operator o("unsqueeze");
  struct Key {
    std::vector<int64_t> value = {};
    bool operator==(const Key&) const = default;
  };
  const Attrs attrs = kept(o, Key{axes}, [](const Key& k) -> AttrList { return {{"axes", k.value}}; });
  return run1(o, attrs, {data});
}
Tensor upsample(const Tensor& x, const Tensor& scales, const UpsampleOptions& options) {
  static const Operator o("upsample");
  const Attrs attrs = kept(o, options, [](const UpsampleOptions& k) -> AttrList { return {{"mode", k.mode}, {"scale_factors", k.scale_factors}}; });
  return run1(o, attrs, {x, scales});
}
Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  static const Operator o("where");
  return run1(o, o.attrs, {condition, x, y});
}
Tensor xor_(const Tensor& a, const Tensor& b) {
  static const Operator o("xor");
  return run1(o, o.attrs, {a, b});
}

}  // namespace neve::ops
