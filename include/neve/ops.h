// Every op of the registry as a function: strict about dtypes, recorded for gradients.
// Made by tools/gen_cpp_ops.py from docs/ops. Do not edit. Long because it is read as a list.
// clang-format off
#pragma once
#include <neve/tensor.h>

#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace neve {

/// Inputs come first, attributes last: one as a parameter, several as a struct whose members have the op's defaults:
/// `ops::conv(x, w, {}, {.strides = {2, 2}, .pads = {1, 1, 1, 1}})`. An optional input that is left out is an undefined
/// Tensor, {}. Optional results that were not asked for are undefined. Dtypes must fit: the functions of
/// neve/functions.h promote.
/// @throws Error of the op's type rule: dtypes, shapes, and what would be right
namespace ops {
// Not here: ops with regions and those that only a graph has: constant, fused, if, loop, scan, weight.

/// The absolute value of x
/// Source: ONNX Abs-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `abs`.
Tensor abs(const Tensor& x);

/// The arc cosine of x
/// Source: ONNX Acos-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `acos`.
Tensor acos(const Tensor& x);

/// The inverse hyperbolic cosine of x
/// Source: ONNX Acosh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `acosh`.
Tensor acosh(const Tensor& x);

/// Mean over windows that cut each spatial axis into output_size parts.
/// Source: torch.nn.functional.adaptive_avg_pool2d. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @return y  [n, c, output_size...]
/// @param output_size  Spatial sizes of y.
Tensor adaptive_avg_pool(const Tensor& x, const std::vector<int64_t>& output_size = {});

/// The gradient of adaptive_avg_pool by x.
/// Source: adjoint of torch.nn.functional.adaptive_avg_pool2d. Kind: primitive. Has a gradient.
/// @param dy  [n, c, ...]
/// @param shape  of x, i64
/// @return dx  [n, c, ...]
Tensor adaptive_avg_pool_grad(const Tensor& dy, const Tensor& shape);

/// a + b
/// Source: ONNX Add-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `add`.
Tensor add(const Tensor& a, const Tensor& b);

/// The grid of places that an affine map takes the points of an image to.
/// Source: ONNX AffineGrid-20; torch.nn.functional.affine_grid. Kind: composite: lowered to other ops where no kernel takes it.
/// @param theta  [n, 2, 3] or [n, 3, 4]
/// @param size  i64, [n, c, h, w] or [n, c, d, h, w]
/// @return grid  [n, h, w, 2] or [n, d, h, w, 3]
/// @param align_corners  -1 and 1 are the centres of the outer pixels, not their edges.
Tensor affine_grid(const Tensor& theta, const Tensor& size, bool align_corners = false);

/// a and b
/// Source: ONNX And-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_and`.
Tensor and_(const Tensor& a, const Tensor& b);

struct ArgMaxOptions {
  int64_t axis = 0;  ///< Axis to search, in [-rank, rank).
  bool keepdims = true;  ///< Keep the axis with size 1.
  bool select_last_index = false;  ///< Of equal elements the last, not the first.
  bool operator==(const ArgMaxOptions&) const = default;
};
/// Index of the largest element along an axis; a NaN counts as largest.
/// Source: ONNX ArgMax-13. Kind: primitive. Public name: `argmax`.
Tensor arg_max(const Tensor& data, const ArgMaxOptions& options = {});

struct ArgMinOptions {
  int64_t axis = 0;  ///< Axis to search, in [-rank, rank).
  bool keepdims = true;  ///< Keep the axis with size 1.
  bool select_last_index = false;  ///< Of equal elements the last, not the first.
  bool operator==(const ArgMinOptions&) const = default;
};
/// Index of the smallest element along an axis; a NaN counts as smallest.
/// Source: ONNX ArgMin-13. Kind: primitive. Public name: `argmin`.
Tensor arg_min(const Tensor& data, const ArgMinOptions& options = {});

/// Elements of the last axis by index.
/// Source: ONNX ai.onnx.ml ArrayFeatureExtractor-1. Kind: composite: lowered to other ops where no kernel takes it.
/// @param Y  i64; all its elements count as one list
Tensor array_feature_extractor(const Tensor& X, const Tensor& Y);

/// The arc sine of x
/// Source: ONNX Asin-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `asin`.
Tensor asin(const Tensor& x);

/// The inverse hyperbolic sine of x
/// Source: ONNX Asinh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `asinh`.
Tensor asinh(const Tensor& x);

/// The arc tangent of x
/// Source: ONNX Atan-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atan`.
Tensor atan(const Tensor& x);

/// Angle of the point (b, a): arctan(a / b) in the right quadrant
/// Source: numpy.arctan2. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atan2`.
Tensor atan2(const Tensor& a, const Tensor& b);

/// The inverse hyperbolic tangent of x
/// Source: ONNX Atanh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atanh`.
Tensor atanh(const Tensor& x);

struct AttentionOptions {
  bool is_causal = false;  ///< Query i sees the past and keys up to i.
  int64_t q_num_heads = 0;  ///< Heads of q, for inputs of rank 3.
  int64_t kv_num_heads = 0;  ///< Heads of k and v, for inputs of rank 3.
  double scale = 0.0;  ///< Factor of the scores; 0: 1 / sqrt(head size).
  double softcap = 0.0;  ///< Bound c of the scores, by c * tanh(x / c); 0: none.
  std::string softmax_precision = "";  ///< dtype of the softmax; empty: that of q.
  int64_t qk_matmul_output_mode = 0;  ///< What the fourth result is: 0 the product, 1 with mask, 2 after softcap, 3 after softmax.
  int64_t outputs = 1;  ///< Number of results, 1 to 4.
  bool operator==(const AttentionOptions&) const = default;
};
/// Scaled dot product attention over heads, with a mask, a cache of past keys and values, and padding.
/// Source: ONNX Attention-24. Kind: composite: lowered to other ops where no kernel takes it.
/// @param q  [b, h, s, d] or [b, s, h * d]
/// @param k  [b, g, t, d] or [b, t, g * d]
/// @param v  [b, g, t, e] or [b, t, g * e]
/// @param attn_mask  optional, bool or float, broadcasts to [b, h, s, past + t]; may end early
/// @param past_key  optional, [b, g, past, d]
/// @param past_value  optional, [b, g, past, e]
/// @param nonpad_kv_seqlen  optional, i64 [b]: how many keys are no padding
/// @return y  of the rank of q
/// @return present_key  optional, [b, g, past + t, d]
/// @return present_value  optional, [b, g, past + t, e]
/// @return qk_matmul_output  optional, [b, h, s, past + t]
std::tuple<Tensor, Tensor, Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& attn_mask = {}, const Tensor& past_key = {}, const Tensor& past_value = {}, const Tensor& nonpad_kv_seqlen = {}, const AttentionOptions& options = {});

struct AveragePoolOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  bool count_include_pad = false;  ///< Divide by all positions in the padded input.
  bool operator==(const AveragePoolOptions&) const = default;
};
/// Mean over each window; padding counts (as zeros) if count_include_pad.
/// Source: ONNX AveragePool-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @return y  [n, c, ...]
Tensor average_pool(const Tensor& x, const AveragePoolOptions& options = {});

struct AveragePoolGradOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  bool count_include_pad = false;  ///< As in average_pool.
  bool operator==(const AveragePoolGradOptions&) const = default;
};
/// The gradient of average_pool by x: dy / count, spread over each window.
/// Source: adjoint of ONNX AveragePool-22. Kind: primitive. Has a gradient.
/// @param dy  of the shape of average_pool(x)
/// @param shape  of x, i64
/// @return dx  [n, c, ...]
Tensor average_pool_grad(const Tensor& dy, const Tensor& shape, const AveragePoolGradOptions& options = {});

struct BatchNormalizationOptions {
  double epsilon = 1e-05;  ///< Added to the variance.
  double momentum = 0.9;  ///< running = running * momentum + current * (1 - momentum).
  bool training_mode = false;  ///< Use statistics of x and return three results.
  bool operator==(const BatchNormalizationOptions&) const = default;
};
/// y = (x - mean) / sqrt(var + epsilon) * scale + bias for each channel; in training mode mean and var are those of x, and the running ones are moved.
/// Source: ONNX BatchNormalization-15. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param x  [n, c, ...] or [n]
/// @param scale  [c]
/// @param bias  [c]
/// @param input_mean  [c]
/// @param input_var  [c]
/// @return running_mean  optional, training mode only
/// @return running_var  optional, training mode only
std::tuple<Tensor, Tensor, Tensor> batch_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, const Tensor& input_mean, const Tensor& input_var, const BatchNormalizationOptions& options = {});

/// 1 with the probability that x gives, else 0.
/// Source: ONNX Bernoulli-22, dtype always given; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.
/// @param input  probabilities
/// @param key  i64, one element: the seed
/// @param counter  i64, one element: the number of the draw
/// @param dtype  Of the result.
Tensor bernoulli(const Tensor& input, const Tensor& key, const Tensor& counter, DType dtype = DType::f32);

/// How often each of 0, 1, 2, ... stands in x.
/// Source: numpy.bincount. Kind: primitive.
/// @param x  integers of rank 1, 0 or more
/// @return counts  i64 [max(x) + 1, at least minlength]
/// @param minlength  Smallest length of the result.
Tensor bincount(const Tensor& x, int64_t minlength = 0);

/// The bytes of x, read as another dtype of the same width.
/// Source: ONNX BitCast-26; numpy.ndarray.view. Kind: primitive.
/// @param to  The dtype; as many bytes as that of input.
Tensor bit_cast(const Tensor& input, DType to = DType::f32);

/// The bits of a moved by b places; signed integers shift right arithmetically
/// Source: ONNX BitShift-11, signed integers as numpy.right_shift. Kind: elementwise, with NumPy's broadcasting.
/// @param direction  LEFT or RIGHT.
Tensor bit_shift(const Tensor& a, const Tensor& b, const std::string& direction = "LEFT");

/// The bits set in a and in b
/// Source: ONNX BitwiseAnd-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_and`.
Tensor bitwise_and(const Tensor& a, const Tensor& b);

/// All bits of x turned
/// Source: ONNX BitwiseNot-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_invert`.
Tensor bitwise_not(const Tensor& x);

/// The bits set in a or in b
/// Source: ONNX BitwiseOr-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_or`.
Tensor bitwise_or(const Tensor& a, const Tensor& b);

/// The bits set in one of a and b
/// Source: ONNX BitwiseXor-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_xor`.
Tensor bitwise_xor(const Tensor& a, const Tensor& b);

struct BlackmanWindowOptions {
  bool periodic = true;  ///< Of a periodic signal: one period, without its end.
  DType output_datatype = DType::f32;  ///< Of the result.
  bool operator==(const BlackmanWindowOptions&) const = default;
};
/// 0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N), N = size, or size - 1 if not periodic.
/// Source: ONNX BlackmanWindow-17. Kind: primitive.
/// @param size  one integer
Tensor blackman_window(const Tensor& size, const BlackmanWindowOptions& options = {});

struct CastOptions {
  DType to = DType::f32;  ///< The dtype.
  bool saturate = false;  ///< To integers: round half to even, clamp what is out of range, NaN gives 0.
  bool operator==(const CastOptions&) const = default;
};
/// x in another dtype; float to integer truncates
/// Source: ONNX Cast-19; saturate as numpy.clip before it, rounding half to even. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `astype`.
Tensor cast(const Tensor& x, const CastOptions& options = {});

/// The smallest integer not below x
/// Source: ONNX Ceil-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `ceil`.
Tensor ceil(const Tensor& x);

/// max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
/// Source: ONNX Celu-12. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param alpha  Scale below 0; not 0.
Tensor celu(const Tensor& x, double alpha = 1.0);

/// The middle of x in the given size: cut where x is larger, padded with zeros where it is smaller.
/// Source: ONNX CenterCropPad-18. Kind: primitive. Has a gradient.
/// @param shape  i64, one size for each axis
/// @param axes  Axes that get a size; empty: all.
Tensor center_crop_pad(const Tensor& input_data, const Tensor& shape, const std::vector<int64_t>& axes = {});

/// The lower triangular l with l l^T = (x + x^T) / 2, positive definite; in f64.
/// Source: array API linalg.cholesky. Kind: primitive. Has a gradient.
/// @param x  [.., n, n]
Tensor cholesky(const Tensor& x);

/// min(max(x, low), high), each where given
/// Source: ONNX Clip-13. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param low  optional, one value
/// @param high  optional, one value
Tensor clip(const Tensor& x, const Tensor& low = {}, const Tensor& high = {});

struct Col2imOptions {
  std::vector<int64_t> strides = {};  ///< Step between blocks; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding of the image: begins, then ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance within a block; empty: 1.
  bool operator==(const Col2imOptions&) const = default;
};
/// Adds columns of blocks into an image, each at its place; the adjoint of taking blocks from an image.
/// Source: ONNX Col2Im-18; torch.nn.Fold. Kind: primitive. Has a gradient.
/// @param x  [n, c * product(block), blocks]
/// @param image_shape  i64, spatial sizes
/// @param block_shape  i64, kernel sizes
/// @return y  [n, c, image...]
Tensor col2im(const Tensor& x, const Tensor& image_shape, const Tensor& block_shape, const Col2imOptions& options = {});

/// The slices of x along an axis where the condition holds; what the condition does not reach is dropped.
/// Source: ONNX Compress-11. Kind: primitive. Has a gradient.
/// @param condition  bool [n], n <= size of the axis
/// @param axis  Axis, in [-rank, rank); the smallest integer (the default): x is flattened first.
Tensor compress(const Tensor& input, const Tensor& condition, int64_t axis = std::numeric_limits<int64_t>::min());

/// Inputs one after another along an axis.
/// Source: ONNX Concat-13. Kind: primitive. Has a gradient.
/// @param inputs  any number, one dtype, one rank; equal sizes but for the axis
/// @param axis  Axis to join, in [-rank, rank).
Tensor concat(const std::vector<Tensor>& inputs, int64_t axis = 0);

/// A tensor of the given shape with one value everywhere.
/// Source: ONNX ConstantOfShape-25. Kind: primitive. Public name: `full`.
/// @param input  i64 [rank]: the shape
/// @param value  One element; its dtype is that of the result.
Tensor constant_of_shape(const Tensor& input, const Tensor& value = {});

struct ConvOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool operator==(const ConvOptions&) const = default;
};
/// Cross-correlation: y[n, m] = bias[m] + sum over c and taps of w[m, c] * x[n, c], over 1 to 3 spatial axes.
/// Source: ONNX Conv-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]; i32 is for quantised forms
/// @param w  [m, c / group, kernel...]
/// @param bias  optional, [m]
/// @return y  [n, m, ...]
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const ConvOptions& options = {});

struct ConvInputGradOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool operator==(const ConvInputGradOptions&) const = default;
};
/// The gradient of conv(x, w) by x, given that of its result.
/// Source: adjoint of ONNX Conv-22. Kind: primitive. Has a gradient.
/// @param dy  [n, m, ...]
/// @param w  [m, c / group, kernel...]
/// @param shape  of x, i64
/// @return dx  [n, c, ...]
Tensor conv_input_grad(const Tensor& dy, const Tensor& w, const Tensor& shape, const ConvInputGradOptions& options = {});

struct ConvIntegerOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool operator==(const ConvIntegerOptions&) const = default;
};
/// conv(x - x_zero_point, w - w_zero_point), in 32-bit integers.
/// Source: ONNX ConvInteger-10. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  u8 or i8 [n, c, ...]
/// @param w  u8 or i8 [m, c / group, kernel...]
/// @param x_zero_point  optional, scalar
/// @param w_zero_point  optional, scalar or [m]
/// @return y  i32 [n, m, ...]
Tensor conv_integer(const Tensor& x, const Tensor& w, const Tensor& x_zero_point = {}, const Tensor& w_zero_point = {}, const ConvIntegerOptions& options = {});

struct ConvTransposeOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  std::vector<int64_t> output_padding = {};  ///< Extra size at the end of each spatial axis of y.
  std::vector<int64_t> output_shape = {};  ///< Spatial sizes of y; then pads follow from them.
  bool operator==(const ConvTransposeOptions&) const = default;
};
/// Transposed convolution: every element of x adds its multiple of the kernel to y; the adjoint of conv.
/// Source: ONNX ConvTranspose-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @param w  [c, m / group, kernel...]
/// @param bias  optional, [m]
/// @return y  [n, m, ...]
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const ConvTransposeOptions& options = {});

struct ConvWeightGradOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool operator==(const ConvWeightGradOptions&) const = default;
};
/// The gradient of conv(x, w) by w, given that of its result.
/// Source: adjoint of ONNX Conv-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @param dy  [n, m, ...]
/// @param shape  of w, i64
/// @return dw  [m, c / group, kernel...]
Tensor conv_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& shape, const ConvWeightGradOptions& options = {});

/// The cosine of x
/// Source: ONNX Cos-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `cos`.
Tensor cos(const Tensor& x);

/// The hyperbolic cosine of x
/// Source: ONNX Cosh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `cosh`.
Tensor cosh(const Tensor& x);

struct CumProdOptions {
  int64_t axis = 0;  ///< Axis to run along, in [-rank, rank).
  bool exclusive = false;  ///< Leave out the element itself: the first result is that of nothing.
  bool reverse = false;  ///< Run from the end.
  bool operator==(const CumProdOptions&) const = default;
};
/// Running products along an axis.
/// Source: ONNX CumProd-26, axis as an attribute. Kind: primitive. Has a gradient. Public name: `cumulative_prod`.
Tensor cum_prod(const Tensor& x, const CumProdOptions& options = {});

struct CumSumOptions {
  int64_t axis = 0;  ///< Axis to run along, in [-rank, rank).
  bool exclusive = false;  ///< Leave out the element itself: the first result is that of nothing.
  bool reverse = false;  ///< Run from the end.
  bool operator==(const CumSumOptions&) const = default;
};
/// Running sums along an axis.
/// Source: ONNX CumSum-14, axis as an attribute. Kind: primitive. Has a gradient. Public name: `cumulative_sum`.
Tensor cum_sum(const Tensor& x, const CumSumOptions& options = {});

struct DeformConvOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  int64_t offset_group = 1;  ///< Groups of channels that share offsets.
  bool operator==(const DeformConvOptions&) const = default;
};
/// Convolution whose taps are moved by offsets and scaled by a mask, with linear interpolation.
/// Source: ONNX DeformConv-22. Kind: primitive.
/// @param x  [n, c, ...]
/// @param w  [m, c / group, kernel...]
/// @param offset  [n, offset_group * taps * axes, out...]
/// @param bias  optional, [m]
/// @param mask  optional, [n, offset_group * taps, out...]
/// @return y  [n, m, out...]
Tensor deform_conv(const Tensor& x, const Tensor& w, const Tensor& offset, const Tensor& bias = {}, const Tensor& mask = {}, const DeformConvOptions& options = {});

struct DepthToSpaceOptions {
  int64_t blocksize = 1;  ///< b.
  std::string mode = "DCR";  ///< DCR: the block is the outer part of C; CRD: the inner part.
  bool operator==(const DepthToSpaceOptions&) const = default;
};
/// Channels spread over blocks of space: [N, C, H, W] to [N, C / b^2, H b, W b].
/// Source: ONNX DepthToSpace-13. Kind: composite: lowered to other ops where no kernel takes it.
/// @param input  [N, C, H, W]
Tensor depth_to_space(const Tensor& input, const DepthToSpaceOptions& options = {});

struct DequantizeLinearOptions {
  int64_t axis = 1;  ///< Axis of the scales, unless there is one alone.
  int64_t block_size = 0;  ///< Elements along axis that share a scale; 0: not blocked.
  std::string output_dtype = "";  ///< dtype of y; empty: that of x_scale.
  bool operator==(const DequantizeLinearOptions&) const = default;
};
/// y = (x - x_zero_point) * x_scale.
/// Source: ONNX DequantizeLinear-25. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  u8, i8, u16, i16 or i32
/// @param x_scale  scalar, [size of axis], or blocked
/// @param x_zero_point  optional, of the dtype of x and the shape of x_scale
/// @return y  a float
Tensor dequantize_linear(const Tensor& x, const Tensor& x_scale, const Tensor& x_zero_point = {}, const DequantizeLinearOptions& options = {});

/// Determinants of square matrices, by elimination in f64.
/// Source: ONNX Det-22. Kind: primitive. Has a gradient.
/// @param X  [.., n, n]
Tensor det(const Tensor& X);

struct DftOptions {
  int64_t axis = -2;  ///< Axis to transform; not the last one.
  bool inverse = false;  ///< The inverse transform.
  bool onesided = false;  ///< Only the floor(N / 2) + 1 first frequencies: of the result, or of the input of an inverse, which then is real.
  bool operator==(const DftOptions&) const = default;
};
/// Discrete Fourier transform along an axis: y[k] = sum of x[n] exp(-2 pi i k n / N); inverse: + and / N.
/// Source: ONNX DFT-20, axis as an attribute; onesided inverse as numpy.fft.irfft. Kind: primitive. Has a gradient.
/// @param input  [.., n, .., 1 or 2]
/// @param dft_length  optional, N, one integer; default: n, or 2 (n - 1) for a onesided inverse
Tensor dft(const Tensor& input, const Tensor& dft_length = {}, const DftOptions& options = {});

/// a / b; integers truncate towards zero, by 0 give 0
/// Source: ONNX Div-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `divide`.
Tensor div(const Tensor& a, const Tensor& b);

/// In training, elements zeroed with probability ratio and the others scaled by 1 / (1 - ratio); otherwise x. The mask tells what was kept.
/// Source: ONNX Dropout-22; generator: Philox4x32-10. Kind: composite: lowered to other ops where no kernel takes it.
/// @param ratio  optional, one float, default 0.5
/// @param training_mode  optional, one bool, default false
/// @param key  optional, i64, one element; needed where training_mode may hold
/// @param counter  optional, i64, one element
/// @return mask  bool
std::tuple<Tensor, Tensor> dropout(const Tensor& data, const Tensor& ratio = {}, const Tensor& training_mode = {}, const Tensor& key = {}, const Tensor& counter = {});

/// Quantises to u8 with the scale and zero point that cover the range of x and 0.
/// Source: ONNX DynamicQuantizeLinear-11. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  f32
/// @return y  u8
/// @return y_scale  f32 scalar
/// @return y_zero_point  u8 scalar
std::tuple<Tensor, Tensor, Tensor> dynamic_quantize_linear(const Tensor& x);

/// (x + x^T) / 2 = v diag(w) v^T with the eigenvalues w rising; in f64.
/// Source: array API linalg.eigh. Kind: primitive. Has a gradient.
/// @param x  [.., n, n]
/// @return w  [.., n]
/// @return v  [.., n, n], columns are eigenvectors
std::tuple<Tensor, Tensor> eigh(const Tensor& x);

/// Products of inputs, summed over the labels that the result does not have.
/// Source: ONNX Einsum-12; numpy.einsum. Kind: composite: lowered to other ops where no kernel takes it.
/// @param Inputs  any number, one dtype
/// @param equation  'ij,jk->ik': a letter an axis, '...' for the rest; without '->' the letters that stand once, in order.
Tensor einsum(const std::vector<Tensor>& Inputs, const std::string& equation = "");

/// x, alpha * (exp(x) - 1) below 0
/// Source: ONNX Elu-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param alpha  Scale below 0.
Tensor elu(const Tensor& x, double alpha = 1.0);

/// a == b
/// Source: ONNX Equal-19. Kind: elementwise, with NumPy's broadcasting. Public name: `equal`.
Tensor equal(const Tensor& a, const Tensor& b);

/// The error function of x
/// Source: ONNX Erf-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor erf(const Tensor& x);

/// e to the power x
/// Source: ONNX Exp-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `exp`.
Tensor exp(const Tensor& x);

/// x broadcast with a tensor of the given shape (a size 1 in it leaves x as it is).
/// Source: ONNX Expand-13. Kind: primitive. Has a gradient. Public name: `broadcast_to`.
/// @param shape  i64 [n]
Tensor expand(const Tensor& input, const Tensor& shape);

/// exp(x) - 1, exact near 0
/// Source: numpy.expm1. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `expm1`.
Tensor expm1(const Tensor& x);

struct EyeLikeOptions {
  int64_t k = 0;  ///< Diagonal: above the main one if positive.
  DType dtype = DType::f32;  ///< Of the result.
  bool operator==(const EyeLikeOptions&) const = default;
};
/// A matrix of the shape of x with ones on a diagonal and zeros elsewhere.
/// Source: ONNX EyeLike-22; dtype is always given. Kind: primitive.
/// @param input  a matrix
Tensor eye_like(const Tensor& input, const EyeLikeOptions& options = {});

struct FailOptions {
  std::string message = "";  ///< What the error says.
  DType dtype = DType::f32;  ///< Element type the result is said to have.
  bool operator==(const FailOptions&) const = default;
};
/// Raises an error with the message when it is run; never has a result.
/// Source: Neve. Kind: primitive. Random: never folded or merged.
/// @param shape  i64 [rank]: sizes that the result is said to have
Tensor fail(const Tensor& shape, const FailOptions& options = {});

/// A matrix: axes before `axis` joined, the others joined.
/// Source: ONNX Flatten-25. Kind: primitive. Has a gradient.
/// @param axis  First axis of the columns, in [-rank, rank].
Tensor flatten(const Tensor& input, int64_t axis = 1);

/// The largest integer not above x
/// Source: ONNX Floor-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `floor`.
Tensor floor(const Tensor& x);

/// Slices of x along an axis by index: y[.., i.., ..] = x[.., indices[i..], ..].
/// Source: ONNX Gather-13. Kind: primitive. Has a gradient. Public name: `take`.
/// @param indices  i64 or i32; negative counts from the end
/// @param axis  Axis to index, in [-rank, rank).
Tensor gather(const Tensor& data, const Tensor& indices, int64_t axis = 0);

/// y[i][j][k] = x[indices[i][j][k]][j][k] for axis 0, and so on.
/// Source: ONNX GatherElements-13. Kind: primitive. Has a gradient. Public name: `take_along_axis`.
/// @param indices  i64 or i32; rank of data
/// @param axis  Axis to index, in [-rank, rank).
Tensor gather_elements(const Tensor& data, const Tensor& indices, int64_t axis = 0);

/// Slices of x by tuples of indices, which are the last axis of `indices`.
/// Source: ONNX GatherND-13. Kind: primitive. Has a gradient.
/// @param indices  i64 [.., k]; negative counts from the end
/// @param batch_dims  Leading axes that data and indices share.
Tensor gather_nd(const Tensor& data, const Tensor& indices, int64_t batch_dims = 0);

/// 0.5 * x * (1 + erf(x / sqrt(2))), or its approximation with tanh
/// Source: ONNX Gelu-20. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param approximate  none or tanh.
Tensor gelu(const Tensor& x, const std::string& approximate = "none");

struct GemmOptions {
  double alpha = 1.0;  ///< Factor of the product.
  double beta = 1.0;  ///< Factor of c.
  bool transA = false;  ///< Transpose a.
  bool transB = false;  ///< Transpose b.
  bool operator==(const GemmOptions&) const = default;
};
/// y = alpha * a' b' + beta * c, with a and b transposed on request and c broadcast.
/// Source: ONNX Gemm-13. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param a  [m, k], or [k, m] if transA
/// @param b  [k, n], or [n, k] if transB
/// @param c  optional, broadcasts to [m, n]
/// @return y  [m, n]
Tensor gemm(const Tensor& a, const Tensor& b, const Tensor& c = {}, const GemmOptions& options = {});

/// Mean over all spatial axes, kept with size 1.
/// Source: ONNX GlobalAveragePool-22. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
/// @return y  [n, c, 1, ...]
Tensor global_average_pool(const Tensor& x);

/// Lp norm over all spatial axes, kept with size 1.
/// Source: ONNX GlobalLpPool-22. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
/// @return y  [n, c, 1, ...]
/// @param p  Order of the norm.
Tensor global_lp_pool(const Tensor& x, int64_t p = 2);

/// Maximum over all spatial axes, kept with size 1.
/// Source: ONNX GlobalMaxPool-22. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
/// @return y  [n, c, 1, ...]
Tensor global_max_pool(const Tensor& x);

/// a > b
/// Source: ONNX Greater-13. Kind: elementwise, with NumPy's broadcasting. Public name: `greater`.
Tensor greater(const Tensor& a, const Tensor& b);

/// a >= b
/// Source: ONNX GreaterOrEqual-16. Kind: elementwise, with NumPy's broadcasting. Public name: `greater_equal`.
Tensor greater_or_equal(const Tensor& a, const Tensor& b);

struct GridSampleOptions {
  std::string mode = "linear";  ///< linear, nearest or cubic.
  std::string padding_mode = "zeros";  ///< Outside of x: zeros, border (repeat) or reflection.
  bool align_corners = false;  ///< -1 and 1 are the centres of the outer pixels, not their edges.
  bool operator==(const GridSampleOptions&) const = default;
};
/// Samples x at the places that grid names, in coordinates from -1 to 1.
/// Source: ONNX GridSample-22; torch.nn.functional.grid_sample. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @param grid  [n, ..., coordinates, innermost axis first]
/// @return y  [n, c, ...]
Tensor grid_sample(const Tensor& x, const Tensor& grid, const GridSampleOptions& options = {});

struct GridSampleGradOptions {
  std::string mode = "linear";  ///< linear, nearest or cubic.
  std::string padding_mode = "zeros";  ///< Outside of x: zeros, border (repeat) or reflection.
  bool align_corners = false;  ///< -1 and 1 are the centres of the outer pixels, not their edges.
  bool operator==(const GridSampleGradOptions&) const = default;
};
/// The gradients of grid_sample by x and by grid.
/// Source: derivative of ONNX GridSample-22. Kind: primitive.
/// @param dy  of the shape of grid_sample(x, grid)
std::tuple<Tensor, Tensor> grid_sample_grad(const Tensor& x, const Tensor& grid, const Tensor& dy, const GridSampleGradOptions& options = {});

struct GroupNormalizationOptions {
  int64_t num_groups = 1;  ///< Number of groups; divides c.
  double epsilon = 1e-05;  ///< Added to the variance.
  DType stash_type = DType::f32;  ///< Least precision of the statistics.
  bool operator==(const GroupNormalizationOptions&) const = default;
};
/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each group of channels.
/// Source: ONNX GroupNormalization-21. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
/// @param scale  [c]
/// @param bias  [c]
Tensor group_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, const GroupNormalizationOptions& options = {});

struct GruOptions {
  int64_t hidden_size = 0;  ///< Number of units; 0: as r tells.
  std::string direction = "forward";  ///< forward, reverse or bidirectional.
  std::vector<std::string> activations = {};  ///< Names of the activations of each direction; empty: the usual ones.
  std::vector<double> activation_alpha = {};  ///< First parameters of the activations that have one, in order.
  std::vector<double> activation_beta = {};  ///< Second parameters, in order.
  double clip = 0.0;  ///< Bound on the inputs of activations; 0: none.
  int64_t layout = 0;  ///< 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
  int64_t outputs = 1;  ///< Number of results.
  bool linear_before_reset = false;  ///< Multiply by the reset gate after the recurrent product of the hidden gate.
  bool operator==(const GruOptions&) const = default;
};
/// Gated recurrent unit: z, r = f(x w^T + h r^T); n = g(x w^T + (r * h) r^T); h = (1 - z) * n + z * h.
/// Source: ONNX GRU-22. Kind: primitive. Has a gradient.
/// @param x  [sequence, batch, inputs]
/// @param w  [directions, 3 * hidden, inputs], gates z r h
/// @param r  [directions, 3 * hidden, hidden]
/// @param b  optional, [directions, 6 * hidden]
/// @param sequence_lens  optional, i32 [batch]
/// @param initial_h  optional, [directions, batch, hidden]
/// @return y  [sequence, directions, batch, hidden]
/// @return y_h  optional, [directions, batch, hidden]
std::tuple<Tensor, Tensor> gru(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b = {}, const Tensor& sequence_lens = {}, const Tensor& initial_h = {}, const GruOptions& options = {});

struct HammingWindowOptions {
  bool periodic = true;  ///< Of a periodic signal: one period, without its end.
  DType output_datatype = DType::f32;  ///< Of the result.
  bool operator==(const HammingWindowOptions&) const = default;
};
/// 25/46 - 21/46 cos(2 pi i / N), N = size, or size - 1 if not periodic.
/// Source: ONNX HammingWindow-17. Kind: primitive.
/// @param size  one integer
Tensor hamming_window(const Tensor& size, const HammingWindowOptions& options = {});

struct HannWindowOptions {
  bool periodic = true;  ///< Of a periodic signal: one period, without its end.
  DType output_datatype = DType::f32;  ///< Of the result.
  bool operator==(const HannWindowOptions&) const = default;
};
/// sin^2(pi i / N), N = size, or size - 1 if not periodic.
/// Source: ONNX HannWindow-17. Kind: primitive.
/// @param size  one integer
Tensor hann_window(const Tensor& size, const HannWindowOptions& options = {});

struct HardSigmoidOptions {
  double alpha = 0.2;  ///< Slope.
  double beta = 0.5;  ///< Value at 0.
  bool operator==(const HardSigmoidOptions&) const = default;
};
/// max(0, min(1, alpha * x + beta))
/// Source: ONNX HardSigmoid-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor hard_sigmoid(const Tensor& x, const HardSigmoidOptions& options = {});

/// x * max(0, min(1, x / 6 + 0.5))
/// Source: ONNX HardSwish-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor hard_swish(const Tensor& x);

struct HardTanhOptions {
  double min_val = -1.0;  ///< Least result.
  double max_val = 1.0;  ///< Largest result.
  bool operator==(const HardTanhOptions&) const = default;
};
/// min(max(x, min_val), max_val)
/// Source: torch.nn.functional.hardtanh. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor hard_tanh(const Tensor& x, const HardTanhOptions& options = {});

/// 1 at the first maximum along one axis, 0 elsewhere.
/// Source: ONNX Hardmax-13. Kind: composite: lowered to other ops where no kernel takes it.
/// @param axis  Axis of the maximum, in [-rank, rank).
Tensor hardmax(const Tensor& x, int64_t axis = -1);

/// y = x.
/// Source: ONNX Identity-16. Kind: primitive. Has a gradient.
Tensor identity(const Tensor& x);

struct Im2colOptions {
  std::vector<int64_t> dilations = {};  ///< Between the pixels of a window; empty: 1.
  std::vector<int64_t> pads = {};  ///< Before each axis, then after each; empty: 0.
  std::vector<int64_t> strides = {};  ///< Between windows; empty: 1.
  bool operator==(const Im2colOptions&) const = default;
};
/// The pixels of each window of an image as a column; 0 outside of it.
/// Source: torch.nn.Unfold; the reverse of ONNX Col2Im. Kind: primitive. Has a gradient.
/// @param input  [N, C, image..]
/// @param block_shape  i64 [n]
/// @return output  [N, C prod(block), L]
Tensor im2col(const Tensor& input, const Tensor& block_shape, const Im2colOptions& options = {});

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each plane.
/// Source: ONNX InstanceNormalization-22. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
/// @param scale  [c]
/// @param bias  [c]
/// @param epsilon  Added to the variance.
Tensor instance_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias, double epsilon = 1e-05);

/// Inverses of square matrices, by elimination in f64; not finite where a matrix is singular.
/// Source: numpy.linalg.inv. Kind: primitive. Has a gradient. Public name: `inv`.
/// @param x  [.., n, n]
Tensor inverse(const Tensor& x);

struct IsInfOptions {
  bool detect_negative = true;  ///< Whether -inf counts.
  bool detect_positive = true;  ///< Whether inf counts.
  bool operator==(const IsInfOptions&) const = default;
};
/// Whether x is infinite, of a sign that is asked for
/// Source: ONNX IsInf-10. Kind: elementwise, with NumPy's broadcasting. Public name: `isinf`.
Tensor is_inf(const Tensor& x, const IsInfOptions& options = {});

/// Whether x is NaN
/// Source: ONNX IsNaN-13. Kind: elementwise, with NumPy's broadcasting. Public name: `isnan`.
Tensor is_nan(const Tensor& x);

struct LayerNormalizationOptions {
  int64_t axis = -1;  ///< First axis to normalise over.
  double epsilon = 1e-05;  ///< Added to the variance.
  DType stash_type = DType::f32;  ///< Least precision of the statistics.
  int64_t outputs = 1;  ///< Number of results, 1 to 3.
  bool operator==(const LayerNormalizationOptions&) const = default;
};
/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over the axes from `axis` on.
/// Source: ONNX LayerNormalization-17. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param scale  broadcasts to x
/// @param bias  optional, broadcasts to x
/// @return mean  optional, of stash_type
/// @return inv_std_dev  optional, of stash_type
std::tuple<Tensor, Tensor, Tensor> layer_normalization(const Tensor& x, const Tensor& scale, const Tensor& bias = {}, const LayerNormalizationOptions& options = {});

/// x, times alpha below 0
/// Source: ONNX LeakyRelu-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param alpha  Slope below 0.
Tensor leaky_relu(const Tensor& x, double alpha = 0.01);

/// a < b
/// Source: ONNX Less-13. Kind: elementwise, with NumPy's broadcasting. Public name: `less`.
Tensor less(const Tensor& a, const Tensor& b);

/// a <= b
/// Source: ONNX LessOrEqual-16. Kind: elementwise, with NumPy's broadcasting. Public name: `less_equal`.
Tensor less_or_equal(const Tensor& a, const Tensor& b);

/// The natural logarithm of x; NaN below 0
/// Source: ONNX Log-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `log`.
Tensor log(const Tensor& x);

/// log(1 + x), exact near 0
/// Source: numpy.log1p. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `log1p`.
Tensor log1p(const Tensor& x);

/// log(sigmoid(x)), without overflow
/// Source: torch.nn.functional.logsigmoid. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor log_sigmoid(const Tensor& x);

/// Logarithm of the softmax along one axis: y = x - log(sum(exp(x))).
/// Source: ONNX LogSoftmax-13; torch.nn.functional.log_softmax. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param axis  Axis to normalise over, in [-rank, rank).
Tensor log_softmax(const Tensor& x, int64_t axis = -1);

struct LpNormalizationOptions {
  int64_t axis = -1;  ///< Axis of the norm.
  int64_t p = 2;  ///< Order of the norm: 1 or 2.
  bool operator==(const LpNormalizationOptions&) const = default;
};
/// y = x / Lp norm of x along one axis; zero where the norm is zero.
/// Source: ONNX LpNormalization-22. Kind: composite: lowered to other ops where no kernel takes it.
Tensor lp_normalization(const Tensor& x, const LpNormalizationOptions& options = {});

struct LpPoolOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  int64_t p = 2;  ///< Order of the norm.
  bool operator==(const LpPoolOptions&) const = default;
};
/// Lp norm of each window: (sum |x|^p)^(1/p).
/// Source: ONNX LpPool-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @return y  [n, c, ...]
Tensor lp_pool(const Tensor& x, const LpPoolOptions& options = {});

struct LpPoolGradOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  int64_t p = 2;  ///< Order of the norm.
  bool operator==(const LpPoolGradOptions&) const = default;
};
/// The gradient of y = lp_pool(x) by x: sum over windows of dy * sign(x) * (|x| / y)^(p-1).
/// Source: derivative of ONNX LpPool-22. Kind: primitive.
/// @param x  [n, c, ...]
/// @param y  lp_pool(x)
/// @param dy  of the shape of y
/// @return dx  [n, c, ...]
Tensor lp_pool_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const LpPoolGradOptions& options = {});

struct LrnOptions {
  int64_t size = 1;  ///< Number of channels to sum over.
  double alpha = 1e-04;  ///< Scale of the sum.
  double beta = 0.75;  ///< Exponent.
  double bias = 1.0;  ///< Added to the sum.
  bool operator==(const LrnOptions&) const = default;
};
/// y = x / (bias + alpha / size * sum(x^2 over `size` neighbouring channels))^beta.
/// Source: ONNX LRN-13. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [n, c, ...]
Tensor lrn(const Tensor& x, const LrnOptions& options = {});

struct LstmOptions {
  int64_t hidden_size = 0;  ///< Number of units; 0: as r tells.
  std::string direction = "forward";  ///< forward, reverse or bidirectional.
  std::vector<std::string> activations = {};  ///< Names of the activations of each direction; empty: the usual ones.
  std::vector<double> activation_alpha = {};  ///< First parameters of the activations that have one, in order.
  std::vector<double> activation_beta = {};  ///< Second parameters, in order.
  double clip = 0.0;  ///< Bound on the inputs of activations; 0: none.
  int64_t layout = 0;  ///< 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
  int64_t outputs = 1;  ///< Number of results.
  bool input_forget = false;  ///< The forget gate is 1 - the input gate.
  bool operator==(const LstmOptions&) const = default;
};
/// Long short-term memory: i, o, f = f(x w^T + h r^T + p * c); c = f * c + i * g(...); h = o * h(c).
/// Source: ONNX LSTM-22. Kind: primitive. Has a gradient.
/// @param x  [sequence, batch, inputs]
/// @param w  [directions, 4 * hidden, inputs], gates i o f c
/// @param r  [directions, 4 * hidden, hidden]
/// @param b  optional, [directions, 8 * hidden]
/// @param sequence_lens  optional, i32 [batch]
/// @param initial_h  optional, [directions, batch, hidden]
/// @param initial_c  optional, [directions, batch, hidden]
/// @param p  optional, [directions, 3 * hidden], gates i o f
/// @return y  [sequence, directions, batch, hidden]
/// @return y_h  optional, [directions, batch, hidden]
/// @return y_c  optional, [directions, batch, hidden]
/// @return gates  optional, [sequence, directions, batch, 4 * hidden], for lstm_grad: i o f c after their activations
/// @return cells  optional, [sequence, directions, batch, hidden], for lstm_grad: the cell after each step
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> lstm(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b = {}, const Tensor& sequence_lens = {}, const Tensor& initial_h = {}, const Tensor& initial_c = {}, const Tensor& p = {}, const LstmOptions& options = {});

/// The gradient of lstm (one direction, the usual activations, whole sequences) by the sums inside its gates and by its first state.
/// Source: adjoint of ONNX LSTM-22. Kind: primitive.
/// @param gates  [sequence, batch, 4 * hidden], i o f c: as lstm gives them
/// @param cells  [sequence, batch, hidden]: as lstm gives them
/// @param r  [4 * hidden, hidden]
/// @param initial_c  [batch, hidden]
/// @param dy  optional, [sequence, batch, hidden]
/// @param dy_h  optional, [batch, hidden]
/// @param dy_c  optional, [batch, hidden]
/// @return d_gates  [sequence, batch, 4 * hidden]: by the sums, before the activations
/// @return d_initial_h  [batch, hidden]
/// @return d_initial_c  [batch, hidden]
std::tuple<Tensor, Tensor, Tensor> lstm_grad(const Tensor& gates, const Tensor& cells, const Tensor& r, const Tensor& initial_c, const Tensor& dy = {}, const Tensor& dy_h = {}, const Tensor& dy_c = {});

struct MatmulOptions {
  bool transpose_a = false;  ///< The last two axes of a are read the other way round.
  bool transpose_b = false;  ///< The last two axes of b are read the other way round.
  bool operator==(const MatmulOptions&) const = default;
};
/// Matrix product of the last two axes, broadcasting the others; a vector is a row (a) or a column (b).
/// Source: ONNX MatMul-13; numpy.matmul. Kind: primitive. Has a gradient. Public name: `matmul`.
/// @param a  [..., m, k] or [k]; [..., k, m] if transpose_a
/// @param b  [..., k, n] or [k]; [..., n, k] if transpose_b
/// @return y  [..., m, n]
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});

/// y = (a - a_zero_point) (b - b_zero_point), in 32-bit integers.
/// Source: ONNX MatMulInteger-10. Kind: composite: lowered to other ops where no kernel takes it.
/// @param a  u8 or i8 [..., m, k]
/// @param b  u8 or i8 [..., k, n]
/// @param a_zero_point  optional, scalar, [m] or [..., m, 1]
/// @param b_zero_point  optional, scalar, [n] or [..., 1, n]
/// @return y  i32 [..., m, n]
Tensor matmul_integer(const Tensor& a, const Tensor& b, const Tensor& a_zero_point = {}, const Tensor& b_zero_point = {});

/// The larger of a and b; NaN if either is
/// Source: ONNX Max-13 of two. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `maximum`.
Tensor max(const Tensor& a, const Tensor& b);

struct MaxPoolOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  int64_t storage_order = 0;  ///< Spatial part of indices: 0 row-major, 1 column-major.
  int64_t outputs = 1;  ///< Number of results: 1 (y) or 2 (y, indices).
  bool operator==(const MaxPoolOptions&) const = default;
};
/// Maximum over each window; padding does not count.
/// Source: ONNX MaxPool-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...], a float, i8 or u8
/// @return y  [n, c, ...]
/// @return indices  optional, i64, of the maxima in the flattened x
std::tuple<Tensor, Tensor> max_pool(const Tensor& x, const MaxPoolOptions& options = {});

struct MaxPoolGradOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Size of the window for each spatial axis.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of window elements for each spatial axis; empty: 1.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool ceil_mode = false;  ///< Keep a last window that hangs over the end.
  bool operator==(const MaxPoolGradOptions&) const = default;
};
/// The gradient of max_pool by x: dy goes to the place of each maximum.
/// Source: adjoint of ONNX MaxPool-22. Kind: primitive. Has a gradient.
/// @param x  [n, c, ...]
/// @param dy  of the shape of max_pool(x)
/// @return dx  [n, c, ...]
Tensor max_pool_grad(const Tensor& x, const Tensor& dy, const MaxPoolGradOptions& options = {});

struct MaxRoiPoolOptions {
  std::vector<int64_t> pooled_shape = {};  ///< Height and width of y.
  double spatial_scale = 1.0;  ///< From the coordinates of regions to those of x.
  bool operator==(const MaxRoiPoolOptions&) const = default;
};
/// Maximum over the bins that each region of interest is cut into.
/// Source: ONNX MaxRoiPool-22. Kind: primitive.
/// @param x  [n, c, h, w]
/// @param rois  [r, 5]: batch, x1, y1, x2, y2
/// @return y  [r, c, pooled_shape...]
Tensor max_roi_pool(const Tensor& x, const Tensor& rois, const MaxRoiPoolOptions& options = {});

struct MaxUnpoolOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Window of the pool.
  std::vector<int64_t> strides = {};  ///< Strides of the pool; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding of the pool; empty: 0.
  bool operator==(const MaxUnpoolOptions&) const = default;
};
/// Puts each value at the place its index tells, zeros elsewhere: a partial inverse of max_pool.
/// Source: ONNX MaxUnpool-22. Kind: primitive.
/// @param x  [n, c, ...]
/// @param indices  i64, in the flattened input of the pool
/// @param output_shape  optional, i64, sizes of y
/// @return y  [n, c, ...]
Tensor max_unpool(const Tensor& x, const Tensor& indices, const Tensor& output_shape = {}, const MaxUnpoolOptions& options = {});

/// y = (x - mean) / (sqrt(var) + 1e-9), over the given axes.
/// Source: ONNX MeanVarianceNormalization-13. Kind: composite: lowered to other ops where no kernel takes it.
/// @param axes  Axes of mean and variance.
Tensor mean_variance_normalization(const Tensor& x, const std::vector<int64_t>& axes = {0, 2, 3});

/// Triangular filters, even on the mel scale, that turn a spectrum into mel bins.
/// Source: ONNX MelWeightMatrix-17. Kind: primitive.
/// @param num_mel_bins  one integer
/// @param dft_length  one integer
/// @param sample_rate  one integer
/// @param lower_edge_hertz  one float
/// @param upper_edge_hertz  one float
/// @return output  [floor(dft_length / 2) + 1, num_mel_bins]
/// @param output_datatype  Of the result.
Tensor mel_weight_matrix(const Tensor& num_mel_bins, const Tensor& dft_length, const Tensor& sample_rate, const Tensor& lower_edge_hertz, const Tensor& upper_edge_hertz, DType output_datatype = DType::f32);

/// The smaller of a and b; NaN if either is
/// Source: ONNX Min-13 of two. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `minimum`.
Tensor min(const Tensor& a, const Tensor& b);

/// x * tanh(softplus(x))
/// Source: ONNX Mish-18. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor mish(const Tensor& x);

/// Remainder of a / b: sign of b, or sign of a with fmod
/// Source: ONNX Mod-13, floats also without fmod (numpy.remainder). Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `remainder`.
/// @param fmod  The sign of the result is that of a, as C has it.
Tensor mod(const Tensor& a, const Tensor& b, bool fmod = false);

/// a * b
/// Source: ONNX Mul-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `multiply`.
Tensor mul(const Tensor& a, const Tensor& b);

struct MultinomialOptions {
  int64_t sample_size = 1;  ///< Number of draws for each row.
  DType dtype = DType::i32;  ///< i32 or i64.
  bool operator==(const MultinomialOptions&) const = default;
};
/// Classes drawn with the probabilities softmax(x), for each row.
/// Source: ONNX Multinomial-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.
/// @param input  [batch, classes]: logarithms of probabilities, up to a constant
/// @param key  i64, one element: the seed
/// @param counter  i64, one element: the number of the draw
/// @return output  [batch, sample_size]
Tensor multinomial(const Tensor& input, const Tensor& key, const Tensor& counter, const MultinomialOptions& options = {});

/// -x
/// Source: ONNX Neg-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `negative`.
Tensor neg(const Tensor& x);

struct NegativeLogLikelihoodLossOptions {
  std::string reduction = "mean";  ///< none, sum or mean (over the applied weights).
  int64_t ignore_index = std::numeric_limits<int64_t>::min();  ///< Class that does not count; the smallest i64: none.
  bool operator==(const NegativeLogLikelihoodLossOptions&) const = default;
};
/// loss = -x[target] * weight[target], reduced.
/// Source: ONNX NegativeLogLikelihoodLoss-22. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  log probabilities [n, classes, ...]
/// @param target  i64 or i32 [n, ...]
/// @param weight  optional, [classes]
Tensor negative_log_likelihood_loss(const Tensor& x, const Tensor& target, const Tensor& weight = {}, const NegativeLogLikelihoodLossOptions& options = {});

/// Picks boxes by falling score, leaving out those that overlap one picked before by more than the threshold.
/// Source: ONNX NonMaxSuppression-11. Kind: primitive.
/// @param boxes  a float [batch, boxes, 4]
/// @param scores  [batch, classes, boxes]
/// @param max_output_boxes_per_class  optional, one i64; absent: 0, which picks none
/// @param iou_threshold  optional, one value; absent: 0
/// @param score_threshold  optional, one value; absent: every score will do
/// @return selected_indices  i64 [picked, 3]: batch, class, box
/// @param center_point_box  Boxes are x centre, y centre, width, height; else two corners y, x, y, x.
Tensor non_max_suppression(const Tensor& boxes, const Tensor& scores, const Tensor& max_output_boxes_per_class = {}, const Tensor& iou_threshold = {}, const Tensor& score_threshold = {}, bool center_point_box = false);

/// Coordinates of the elements that are not 0, in row-major order, one column each.
/// Source: ONNX NonZero-13. Kind: primitive.
/// @return Y  i64 [rank, n]
Tensor non_zero(const Tensor& X);

/// Not x
/// Source: ONNX Not-1. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_not`.
Tensor not_(const Tensor& x);

/// a != b
/// Source: numpy.not_equal. Kind: elementwise, with NumPy's broadcasting. Public name: `not_equal`.
Tensor not_equal(const Tensor& a, const Tensor& b);

/// A new axis of length depth that holds values[1] at the index and values[0] elsewhere.
/// Source: ONNX OneHot-11. Kind: primitive. Has a gradient.
/// @param indices  numbers; outside [-depth, depth): all off
/// @param depth  one number
/// @param values  [2]: off, on
/// @param axis  Place of the new axis in the result, in [-rank - 1, rank].
Tensor one_hot(const Tensor& indices, const Tensor& depth, const Tensor& values, int64_t axis = -1);

/// a or b
/// Source: ONNX Or-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_or`.
Tensor or_(const Tensor& a, const Tensor& b);

/// x with elements added before and after its axes, or cut off where a pad is negative.
/// Source: ONNX Pad-25. Kind: primitive. Has a gradient.
/// @param pads  i64 [2 n]: before each axis, then after each
/// @param constant_value  optional, one element, default 0
/// @param axes  optional, i64 [n], default all
/// @param mode  What is added: constant, reflect (mirrored, the border once), edge (the border), wrap (from the other side).
Tensor pad(const Tensor& data, const Tensor& pads, const Tensor& constant_value = {}, const Tensor& axes = {}, const std::string& mode = "constant");

/// a to the power b; for integers b must not be negative
/// Source: ONNX Pow-15 with one dtype. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `pow`.
Tensor pow(const Tensor& a, const Tensor& b);

/// x, times slope below 0; slope broadcasts to x
/// Source: ONNX PRelu-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor prelu(const Tensor& x, const Tensor& slope);

struct QlinearConvOptions {
  std::vector<int64_t> kernel_shape = {};  ///< Kernel sizes; may be left out, the weight tells them.
  std::vector<int64_t> strides = {};  ///< Step of the window for each spatial axis; empty: 1.
  std::vector<int64_t> pads = {};  ///< Padding: all begins, then all ends; empty: 0.
  std::vector<int64_t> dilations = {};  ///< Distance of kernel elements for each spatial axis; empty: 1.
  int64_t group = 1;  ///< Number of groups of channels.
  std::string auto_pad = "NOTSET";  ///< NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
  bool operator==(const QlinearConvOptions&) const = default;
};
/// Convolution of quantised tensors, requantised.
/// Source: ONNX QLinearConv-10. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  u8 or i8 [n, c, ...]
/// @param x_scale  scalar
/// @param x_zero_point  scalar
/// @param w  u8 or i8 [m, c / group, kernel...]
/// @param w_scale  scalar or [m]
/// @param w_zero_point  scalar or [m]
/// @param y_scale  scalar
/// @param y_zero_point  scalar
/// @param bias  optional, i32 [m], of scale x_scale * w_scale
/// @return y  [n, m, ...]
Tensor qlinear_conv(const Tensor& x, const Tensor& x_scale, const Tensor& x_zero_point, const Tensor& w, const Tensor& w_scale, const Tensor& w_zero_point, const Tensor& y_scale, const Tensor& y_zero_point, const Tensor& bias = {}, const QlinearConvOptions& options = {});

/// Matrix product of quantised tensors, requantised: y = quantise(dequantise(a) dequantise(b)).
/// Source: ONNX QLinearMatMul-21. Kind: composite: lowered to other ops where no kernel takes it.
/// @param a  u8 or i8 [..., m, k]
/// @param a_scale  scalar, [m] or [..., m, 1]
/// @param b  u8 or i8 [..., k, n]
/// @param b_scale  scalar, [n] or [..., 1, n]
/// @return y  [..., m, n]
Tensor qlinear_matmul(const Tensor& a, const Tensor& a_scale, const Tensor& a_zero_point, const Tensor& b, const Tensor& b_scale, const Tensor& b_zero_point, const Tensor& y_scale, const Tensor& y_zero_point);

/// x = q r: q with orthonormal columns, r upper triangular, by Householder reflections in f64.
/// Source: array API linalg.qr (mode reduced). Kind: primitive. Has a gradient.
/// @param x  [.., m, n]
/// @return q  [.., m, min(m, n)]
/// @return r  [.., min(m, n), n]
std::tuple<Tensor, Tensor> qr(const Tensor& x);

struct QuantizeLinearOptions {
  int64_t axis = 1;  ///< Axis of the scales, unless there is one alone.
  int64_t block_size = 0;  ///< Elements along axis that share a scale; 0: not blocked.
  std::string output_dtype = "";  ///< dtype of y; empty: that of y_zero_point, else u8.
  std::string precision = "";  ///< dtype of the division; empty: that of y_scale.
  bool operator==(const QuantizeLinearOptions&) const = default;
};
/// y = saturate(round(x / y_scale) + y_zero_point), rounding half to even.
/// Source: ONNX QuantizeLinear-25. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  a float or i32
/// @param y_scale  scalar, [size of axis], or blocked
/// @param y_zero_point  optional, of the shape of y_scale
/// @return y  u8, i8, u16 or i16
Tensor quantize_linear(const Tensor& x, const Tensor& y_scale, const Tensor& y_zero_point = {}, const QuantizeLinearOptions& options = {});

struct RandomNormalOptions {
  double mean = 0.0;  ///< Mean.
  double scale = 1.0;  ///< Standard deviation.
  DType dtype = DType::f32;  ///< A float dtype.
  bool operator==(const RandomNormalOptions&) const = default;
};
/// Normally distributed numbers (Box-Muller).
/// Source: ONNX RandomNormal-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.
/// @param key  i64, one element: the seed
/// @param counter  i64, one element: the number of the draw
/// @param shape  i64 [rank]
Tensor random_normal(const Tensor& key, const Tensor& counter, const Tensor& shape, const RandomNormalOptions& options = {});

struct RandomUniformOptions {
  double low = 0.0;  ///< Smallest value.
  double high = 1.0;  ///< Bound that is not reached (but for rounding).
  DType dtype = DType::f32;  ///< A float dtype.
  bool operator==(const RandomUniformOptions&) const = default;
};
/// Numbers spread evenly over [low, high).
/// Source: ONNX RandomUniform-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.
/// @param key  i64, one element: the seed
/// @param counter  i64, one element: the number of the draw
/// @param shape  i64 [rank]
Tensor random_uniform(const Tensor& key, const Tensor& counter, const Tensor& shape, const RandomUniformOptions& options = {});

/// start, start + delta, ... up to limit (exclusive): max(ceil((limit - start) / delta), 0) elements.
/// Source: ONNX Range-11. Kind: primitive. Public name: `arange`.
/// @param start  one number
/// @param limit  the same dtype
/// @param delta  the same dtype, not 0
Tensor range(const Tensor& start, const Tensor& limit, const Tensor& delta);

/// 1 / x
/// Source: ONNX Reciprocal-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `reciprocal`.
Tensor reciprocal(const Tensor& x);

/// The gradient of a recurrence by its states: d_h[t] = dy[t] + d_h[t + 1] * keep[t + 1] + (d_h[t + 1] * factors[t + 1]) r, each gate with its factors.
/// Source: adjoint of ONNX RNN-22 and GRU-22. Kind: primitive.
/// @param factors  [sequence, batch, gates * hidden]: the slope of a step's state by its gates' sums
/// @param r  [gates * hidden, hidden]
/// @param keep  optional, [sequence, batch, hidden]: what a step takes over of the state before it
/// @param dy  optional, [sequence, batch, hidden]
/// @param dy_h  optional, [batch, hidden]
/// @return d_h  [sequence, batch, hidden]: by the state after each step
/// @return d_initial_h  [batch, hidden]
std::tuple<Tensor, Tensor> recurrent_grad(const Tensor& factors, const Tensor& r, const Tensor& keep = {}, const Tensor& dy = {}, const Tensor& dy_h = {});

struct ReduceL1Options {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceL1Options&) const = default;
};
/// L1 norm over axes: sum(|x|).
/// Source: ONNX ReduceL1-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
Tensor reduce_l1(const Tensor& data, const ReduceL1Options& options = {});

struct ReduceL2Options {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceL2Options&) const = default;
};
/// L2 norm over axes: sqrt(sum(x^2)).
/// Source: ONNX ReduceL2-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
Tensor reduce_l2(const Tensor& data, const ReduceL2Options& options = {});

struct ReduceLogSumOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceLogSumOptions&) const = default;
};
/// log(sum(x)) over axes.
/// Source: ONNX ReduceLogSum-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
Tensor reduce_log_sum(const Tensor& data, const ReduceLogSumOptions& options = {});

struct ReduceLogSumExpOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceLogSumExpOptions&) const = default;
};
/// log(sum(exp(x))) over axes, without overflow.
/// Source: ONNX ReduceLogSumExp-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
Tensor reduce_log_sum_exp(const Tensor& data, const ReduceLogSumExpOptions& options = {});

struct ReduceMaxOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool operator==(const ReduceMaxOptions&) const = default;
};
/// Largest value over axes (of bools: any); NaN if one is NaN; of nothing: -inf, or the smallest integer.
/// Source: ONNX ReduceMax-20. Kind: reduction. Has a gradient. Public name: `max`.
Tensor reduce_max(const Tensor& data, const ReduceMaxOptions& options = {});

struct ReduceMeanOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceMeanOptions&) const = default;
};
/// Mean over axes: sum(x) / n; small floats are summed in f32.
/// Source: ONNX ReduceMean-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient. Public name: `mean`.
Tensor reduce_mean(const Tensor& data, const ReduceMeanOptions& options = {});

struct ReduceMinOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool operator==(const ReduceMinOptions&) const = default;
};
/// Smallest value over axes (of bools: all); NaN if one is NaN; of nothing: inf, or the largest integer.
/// Source: ONNX ReduceMin-20. Kind: reduction. Has a gradient. Public name: `min`.
Tensor reduce_min(const Tensor& data, const ReduceMinOptions& options = {});

struct ReduceProdOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool operator==(const ReduceProdOptions&) const = default;
};
/// Product over axes; of nothing: 1.
/// Source: ONNX ReduceProd-18. Kind: reduction. Has a gradient. Public name: `prod`.
Tensor reduce_prod(const Tensor& data, const ReduceProdOptions& options = {});

struct ReduceSumOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool operator==(const ReduceSumOptions&) const = default;
};
/// Sum over axes; of nothing: 0.
/// Source: ONNX ReduceSum-13. Kind: reduction. Has a gradient. Public name: `sum`.
Tensor reduce_sum(const Tensor& data, const ReduceSumOptions& options = {});

struct ReduceSumSquareOptions {
  std::vector<int64_t> axes = {};  ///< Axes to reduce, in [-rank, rank); empty: all.
  bool keepdims = true;  ///< Keep reduced axes with size 1.
  bool noop_with_empty_axes = false;  ///< No axes means none: every element is its own group.
  bool operator==(const ReduceSumSquareOptions&) const = default;
};
/// sum(x^2) over axes.
/// Source: ONNX ReduceSumSquare-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
Tensor reduce_sum_square(const Tensor& data, const ReduceSumSquareOptions& options = {});

/// max(x, 0)
/// Source: ONNX Relu-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor relu(const Tensor& x);

/// The elements of x in row-major order under another shape; one -1 is inferred, 0 copies the size of x.
/// Source: ONNX Reshape-25. Kind: primitive. Has a gradient.
/// @param shape  i64 [rank of the result]
/// @param allowzero  0 means size 0, as in NumPy, instead of the size of x.
Tensor reshape(const Tensor& data, const Tensor& shape, bool allowzero = false);

struct ResizeOptions {
  std::string mode = "nearest";  ///< nearest, linear or cubic.
  std::string coordinate_transformation_mode = "half_pixel";  ///< half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize.
  std::string nearest_mode = "round_prefer_floor";  ///< round_prefer_floor, round_prefer_ceil, floor or ceil.
  std::string keep_aspect_ratio_policy = "stretch";  ///< Of sizes: stretch, not_larger or not_smaller.
  double cubic_coeff_a = -0.75;  ///< Coefficient of the cubic kernel.
  double extrapolation_value = 0.0;  ///< Value outside of x, for tf_crop_and_resize.
  bool antialias = false;  ///< Widen the linear or cubic filter when the output is smaller.
  bool exclude_outside = false;  ///< Leave positions outside of x out, instead of repeating its edge.
  std::vector<int64_t> axes = {};  ///< Axes that roi, scales and sizes tell of; empty: all.
  std::vector<double> scale_factors = {};  ///< Scales known beforehand, instead of inputs scales and sizes.
  bool operator==(const ResizeOptions&) const = default;
};
/// Resamples x along axes, by nearest, linear or cubic interpolation.
/// Source: ONNX Resize-19. Kind: primitive. Has a gradient.
/// @param roi  optional, starts, then ends, normalised; for tf_crop_and_resize
/// @param scales  optional, f32, one for each axis
/// @param sizes  optional, i64, one for each axis
Tensor resize(const Tensor& x, const Tensor& roi = {}, const Tensor& scales = {}, const Tensor& sizes = {}, const ResizeOptions& options = {});

struct ResizeGradOptions {
  std::string mode = "nearest";  ///< nearest, linear or cubic.
  std::string coordinate_transformation_mode = "half_pixel";  ///< half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize.
  std::string nearest_mode = "round_prefer_floor";  ///< round_prefer_floor, round_prefer_ceil, floor or ceil.
  std::string keep_aspect_ratio_policy = "stretch";  ///< Of sizes: stretch, not_larger or not_smaller.
  double cubic_coeff_a = -0.75;  ///< Coefficient of the cubic kernel.
  double extrapolation_value = 0.0;  ///< Value outside of x, for tf_crop_and_resize.
  bool antialias = false;  ///< Widen the linear or cubic filter when the output is smaller.
  bool exclude_outside = false;  ///< Leave positions outside of x out, instead of repeating its edge.
  std::vector<int64_t> axes = {};  ///< Axes that roi, scales and sizes tell of; empty: all.
  std::vector<double> scale_factors = {};  ///< Scales known beforehand, instead of inputs scales and sizes.
  bool operator==(const ResizeGradOptions&) const = default;
};
/// The gradient of resize by x.
/// Source: adjoint of ONNX Resize-19. Kind: primitive.
/// @param dy  of the shape of resize(x)
/// @param shape  of x, i64
/// @param roi  optional
/// @param scales  optional
/// @param sizes  optional
Tensor resize_grad(const Tensor& dy, const Tensor& shape, const Tensor& roi = {}, const Tensor& scales = {}, const Tensor& sizes = {}, const ResizeGradOptions& options = {});

struct ReverseSequenceOptions {
  int64_t batch_axis = 1;  ///< 0 or 1.
  int64_t time_axis = 0;  ///< 1 or 0.
  bool operator==(const ReverseSequenceOptions&) const = default;
};
/// The first sequence_lens[i] steps of each sample i reversed.
/// Source: ONNX ReverseSequence-10. Kind: primitive. Has a gradient.
/// @param input  rank of 2 or more
/// @param sequence_lens  i64 [batch]
Tensor reverse_sequence(const Tensor& input, const Tensor& sequence_lens, const ReverseSequenceOptions& options = {});

struct RmsNormalizationOptions {
  int64_t axis = -1;  ///< First axis to normalise over.
  double epsilon = 1e-05;  ///< Added to the mean square.
  DType stash_type = DType::f32;  ///< Least precision of the mean.
  bool operator==(const RmsNormalizationOptions&) const = default;
};
/// y = x / sqrt(mean(x^2) + epsilon) * scale, with the mean over the axes from `axis` on.
/// Source: ONNX RMSNormalization-23. Kind: composite: lowered to other ops where no kernel takes it.
/// @param scale  broadcasts to x; its dtype is that of y
Tensor rms_normalization(const Tensor& x, const Tensor& scale, const RmsNormalizationOptions& options = {});

struct RnnOptions {
  int64_t hidden_size = 0;  ///< Number of units; 0: as r tells.
  std::string direction = "forward";  ///< forward, reverse or bidirectional.
  std::vector<std::string> activations = {};  ///< Names of the activations of each direction; empty: the usual ones.
  std::vector<double> activation_alpha = {};  ///< First parameters of the activations that have one, in order.
  std::vector<double> activation_beta = {};  ///< Second parameters, in order.
  double clip = 0.0;  ///< Bound on the inputs of activations; 0: none.
  int64_t layout = 0;  ///< 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
  int64_t outputs = 1;  ///< Number of results.
  bool operator==(const RnnOptions&) const = default;
};
/// Simple recurrent layer: h = f(x w^T + h r^T + biases) at each step.
/// Source: ONNX RNN-22. Kind: primitive. Has a gradient.
/// @param x  [sequence, batch, inputs]
/// @param w  [directions, hidden, inputs]
/// @param r  [directions, hidden, hidden]
/// @param b  optional, [directions, 2 * hidden]
/// @param sequence_lens  optional, i32 [batch]
/// @param initial_h  optional, [directions, batch, hidden]
/// @return y  [sequence, directions, batch, hidden]
/// @return y_h  optional, [directions, batch, hidden]
std::tuple<Tensor, Tensor> rnn(const Tensor& x, const Tensor& w, const Tensor& r, const Tensor& b = {}, const Tensor& sequence_lens = {}, const Tensor& initial_h = {}, const RnnOptions& options = {});

struct RoiAlignOptions {
  std::string coordinate_transformation_mode = "half_pixel";  ///< half_pixel or output_half_pixel.
  std::string mode = "avg";  ///< avg or max.
  int64_t output_height = 1;  ///< Height of y.
  int64_t output_width = 1;  ///< Width of y.
  int64_t sampling_ratio = 0;  ///< Samples along each side of a bin; 0: as many as elements.
  double spatial_scale = 1.0;  ///< From the coordinates of regions to those of x.
  bool operator==(const RoiAlignOptions&) const = default;
};
/// Pools each region of interest to a fixed size, sampling with bilinear interpolation.
/// Source: ONNX RoiAlign-22. Kind: primitive.
/// @param x  [n, c, h, w]
/// @param rois  [r, 4]: x1, y1, x2, y2
/// @param batch_indices  i64 [r]
/// @return y  [r, c, output_height, output_width]
Tensor roi_align(const Tensor& x, const Tensor& rois, const Tensor& batch_indices, const RoiAlignOptions& options = {});

struct RollOptions {
  std::vector<int64_t> shifts = {};  ///< By how many positions, one for each axis.
  std::vector<int64_t> axes = {};  ///< Axes; empty: x as if it were flat, with one shift.
  bool operator==(const RollOptions&) const = default;
};
/// Elements moved along axes; what leaves at one end comes in at the other.
/// Source: numpy.roll, torch.roll. Kind: primitive. Has a gradient.
Tensor roll(const Tensor& x, const RollOptions& options = {});

struct RotaryEmbeddingOptions {
  bool interleaved = false;  ///< Pairs are neighbours, not halves.
  int64_t num_heads = 0;  ///< Heads, for x of rank 3.
  int64_t rotary_embedding_dim = 0;  ///< Elements r of a head that are rotated; 0: all.
  bool operator==(const RotaryEmbeddingOptions&) const = default;
};
/// Rotates pairs of elements of each head by the angle of its position: (x1, x2) -> (c x1 - s x2, s x1 + c x2).
/// Source: ONNX RotaryEmbedding-23. Kind: composite: lowered to other ops where no kernel takes it.
/// @param x  [b, heads, s, d] or [b, s, heads * d]
/// @param cos_cache  [positions, r / 2] or [b, s, r / 2]
/// @param sin_cache  of the shape of cos_cache
/// @param position_ids  optional, i64 [b, s]
Tensor rotary_embedding(const Tensor& x, const Tensor& cos_cache, const Tensor& sin_cache, const Tensor& position_ids = {}, const RotaryEmbeddingOptions& options = {});

/// The nearest integer, halves to even
/// Source: ONNX Round-11. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `round`.
Tensor round(const Tensor& x);

/// 1 / sqrt(x)
/// Source: torch.rsqrt. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor rsqrt(const Tensor& x);

struct ScaledDotProductAttentionOptions {
  double scale = 0.0;  ///< Factor of the scores; 0: 1 / sqrt(d).
  double softcap = 0.0;  ///< Bound c of the scores, by c * tanh(x / c); 0: none.
  std::string causal = "none";  ///< none; upper_left: query i sees keys up to i; lower_right: up to i + t - s.
  std::string softmax_precision = "";  ///< dtype of the softmax; empty: that of q.
  bool operator==(const ScaledDotProductAttentionOptions&) const = default;
};
/// y = softmax(softcap(scale * q k^T + mask)) v, where several heads of q may share one of k and v.
/// Source: torch.nn.functional.scaled_dot_product_attention; ONNX Attention-24. Kind: composite: lowered to other ops where no kernel takes it.
/// @param q  [b, h, s, d]
/// @param k  [b, g, t, d], g divides h
/// @param v  [b, g, t, e]
/// @param mask  optional, bool (true: may be seen) or of the dtype of q (added); broadcasts to [b, h, s, t]
/// @return y  [b, h, s, e]
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask = {}, const ScaledDotProductAttentionOptions& options = {});

struct ScatterElementsOptions {
  int64_t axis = 0;  ///< Axis to index, in [-rank, rank).
  std::string reduction = "none";  ///< What joins an update with what is there: none (replace), add, mul, max or min.
  bool operator==(const ScatterElementsOptions&) const = default;
};
/// x with y[indices[i][j]][j] = updates[i][j] for axis 0, and so on.
/// Source: ONNX ScatterElements-18; repeated indices with reduction none: the last wins. Kind: primitive. Has a gradient.
/// @param indices  i64 or i32; rank of data
/// @param updates  shape of indices
Tensor scatter_elements(const Tensor& data, const Tensor& indices, const Tensor& updates, const ScatterElementsOptions& options = {});

/// x with slices, named by the tuples on the last axis of `indices`, replaced by or joined with updates.
/// Source: ONNX ScatterND-18; repeated indices with reduction none: the last wins. Kind: primitive. Has a gradient.
/// @param indices  i64 [.., k]; negative counts from the end
/// @param updates  indices.shape[:-1] + data.shape[k:]
/// @param reduction  What joins an update with what is there: none (replace), add, mul, max or min.
Tensor scatter_nd(const Tensor& data, const Tensor& indices, const Tensor& updates, const std::string& reduction = "none");

/// Where each value would go into a sorted vector so that it stays sorted.
/// Source: numpy.searchsorted; torch.searchsorted. Kind: primitive.
/// @param sorted  [n], ascending
/// @param values  dtype of sorted
/// @return index  i64, shape of values
/// @param right  Behind equal elements, not before them.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right = false);

struct SeluOptions {
  double alpha = 1.6732631921768188;  ///< Scale below 0.
  double gamma = 1.0507010221481323;  ///< Scale of all.
  bool operator==(const SeluOptions&) const = default;
};
/// gamma * (x, alpha * (exp(x) - 1) below 0)
/// Source: ONNX Selu-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor selu(const Tensor& x, const SeluOptions& options = {});

struct ShapeOptions {
  int64_t start = 0;  ///< First axis; negative counts from the end; clamped.
  int64_t end = std::numeric_limits<int64_t>::max();  ///< Axis after the last; negative counts from the end; clamped.
  bool operator==(const ShapeOptions&) const = default;
};
/// The sizes of x as an i64 vector, or those of the axes start..end.
/// Source: ONNX Shape-25. Kind: primitive.
Tensor shape(const Tensor& data, const ShapeOptions& options = {});

struct ShrinkOptions {
  double bias = 0.0;  ///< What is taken off.
  double lambd = 0.5;  ///< Threshold.
  bool operator==(const ShrinkOptions&) const = default;
};
/// x + bias below -lambd, x - bias above lambd, else 0
/// Source: ONNX Shrink-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor shrink(const Tensor& x, const ShrinkOptions& options = {});

/// 1 / (1 + exp(-x)), without overflow
/// Source: ONNX Sigmoid-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor sigmoid(const Tensor& x);

/// -1, 0 or 1 as the sign of x
/// Source: ONNX Sign-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sign`.
Tensor sign(const Tensor& x);

/// The sine of x
/// Source: ONNX Sin-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sin`.
Tensor sin(const Tensor& x);

/// The hyperbolic sine of x
/// Source: ONNX Sinh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sinh`.
Tensor sinh(const Tensor& x);

/// The number of elements of x, i64 of rank 0.
/// Source: ONNX Size-25. Kind: primitive.
Tensor size(const Tensor& data);

/// Every step-th position from start to end (exclusive) of each axis named; negative bounds count from the end, bounds are clamped.
/// Source: ONNX Slice-13. Kind: primitive. Has a gradient.
/// @param starts  i64 or i32 [n]
/// @param ends  [n]
/// @param axes  optional, [n], default 0..n-1
/// @param steps  optional, [n], not 0, default 1
Tensor slice(const Tensor& data, const Tensor& starts, const Tensor& ends, const Tensor& axes = {}, const Tensor& steps = {});

/// x with the slice (as `slice` takes it) replaced by `update`.
/// Source: torch.slice_scatter, bounds as ONNX Slice-13. Kind: primitive. Has a gradient.
/// @param update  shape of the slice
/// @param axes  optional
/// @param steps  optional
Tensor slice_scatter(const Tensor& x, const Tensor& update, const Tensor& starts, const Tensor& ends, const Tensor& axes = {}, const Tensor& steps = {});

/// Sign and logarithm of the size of determinants, by elimination in f64; 0 and -infinity where singular.
/// Source: array API linalg.slogdet. Kind: primitive. Has a gradient.
/// @param x  [.., n, n]
/// @return sign  [..]
/// @return logabsdet  [..]
std::tuple<Tensor, Tensor> slogdet(const Tensor& x);

/// Normalised exponential along one axis: y = exp(x) / sum(exp(x)).
/// Source: ONNX Softmax-13; torch.nn.functional.softmax. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.
/// @param axis  Axis to normalise over, in [-rank, rank).
Tensor softmax(const Tensor& x, int64_t axis = -1);

struct SoftmaxCrossEntropyLossOptions {
  std::string reduction = "mean";  ///< none, sum or mean (over the applied weights).
  int64_t ignore_index = std::numeric_limits<int64_t>::min();  ///< Class that does not count; the smallest i64: none.
  int64_t outputs = 1;  ///< Number of results: 1 or 2.
  bool operator==(const SoftmaxCrossEntropyLossOptions&) const = default;
};
/// negative_log_likelihood_loss of log_softmax(scores).
/// Source: ONNX SoftmaxCrossEntropyLoss-13. Kind: composite: lowered to other ops where no kernel takes it.
/// @param scores  [n, classes, ...]
/// @param labels  i64 or i32 [n, ...]
/// @param weights  optional, [classes]
/// @return log_prob  optional, log_softmax(scores)
std::tuple<Tensor, Tensor> softmax_cross_entropy_loss(const Tensor& scores, const Tensor& labels, const Tensor& weights = {}, const SoftmaxCrossEntropyLossOptions& options = {});

/// log(1 + exp(x)), without overflow
/// Source: ONNX Softplus-1. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor softplus(const Tensor& x);

/// x / (1 + |x|)
/// Source: ONNX Softsign-1. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor softsign(const Tensor& x);

/// x of a x = b, by elimination with pivots in f64.
/// Source: array API linalg.solve. Kind: primitive. Has a gradient.
/// @param a  [.., n, n], not singular
/// @param b  [.., n, k]
/// @return x  [.., n, k]
Tensor solve(const Tensor& a, const Tensor& b);

struct SolveTriangularOptions {
  bool lower = true;  ///< a is lower triangular, else upper.
  bool unit = false;  ///< The diagonal is taken to be 1 and is not read.
  bool operator==(const SolveTriangularOptions&) const = default;
};
/// x of a x = b where a is triangular; not finite where a is singular. In f64.
/// Source: torch.linalg.solve_triangular. Kind: primitive. Has a gradient.
/// @param a  [.., n, n]; the other triangle is not read
/// @param b  [.., n, k]
/// @return x  [.., n, k]
Tensor solve_triangular(const Tensor& a, const Tensor& b, const SolveTriangularOptions& options = {});

struct SortOptions {
  int64_t axis = -1;  ///< Axis, in [-rank, rank).
  bool descending = false;  ///< From the largest on.
  bool operator==(const SortOptions&) const = default;
};
/// x in order along an axis, and where each element was; stable; NaN is largest.
/// Source: torch.sort(stable=True). Kind: composite: lowered to other ops where no kernel takes it.
/// @return indices  i64
std::tuple<Tensor, Tensor> sort(const Tensor& x, const SortOptions& options = {});

struct SpaceToDepthOptions {
  int64_t blocksize = 1;  ///< b.
  std::string mode = "DCR";  ///< DCR: the block is the outer part of the channels; CRD: the inner part.
  bool operator==(const SpaceToDepthOptions&) const = default;
};
/// Blocks of space moved into channels: [N, C, H, W] to [N, C b^2, H / b, W / b].
/// Source: ONNX SpaceToDepth-13; mode as DepthToSpace. Kind: composite: lowered to other ops where no kernel takes it.
/// @param input  [N, C, H, W]
Tensor space_to_depth(const Tensor& input, const SpaceToDepthOptions& options = {});

struct SplitOptions {
  int64_t axis = 0;  ///< Axis to cut, in [-rank, rank).
  std::vector<int64_t> split = {};  ///< Sizes of the parts; empty: equal parts.
  int64_t num_outputs = 0;  ///< Number of equal parts, of which the last may be smaller.
  bool operator==(const SplitOptions&) const = default;
};
/// x cut along an axis, into the given sizes or into equal parts.
/// Source: ONNX Split-18. Kind: primitive. Has a gradient.
/// @return outputs  any number
std::vector<Tensor> split(const Tensor& input, const SplitOptions& options = {});

/// The square root of x; NaN below 0
/// Source: ONNX Sqrt-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sqrt`.
Tensor sqrt(const Tensor& x);

/// Removes axes of size 1.
/// Source: ONNX Squeeze-25. Kind: primitive. Has a gradient.
/// @param axes  Axes to remove, in [-rank, rank); empty: all of size 1.
Tensor squeeze(const Tensor& data, const std::vector<int64_t>& axes = {});

/// Fourier transforms of windowed frames of a signal.
/// Source: ONNX STFT-17. Kind: primitive. Has a gradient.
/// @param signal  [batch, length, 1 or 2]
/// @param frame_step  one integer
/// @param window  optional, [frame_length], default ones
/// @param frame_length  optional, one integer, default that of window, or of the signal
/// @return output  [batch, frames, frequencies, 2]
/// @param onesided  Only the first floor(frame_length / 2) + 1 frequencies; for real signals.
Tensor stft(const Tensor& signal, const Tensor& frame_step, const Tensor& window = {}, const Tensor& frame_length = {}, bool onesided = true);

/// y = x, whose gradient is none.
/// Source: TensorFlow StopGradient; JAX lax.stop_gradient. Kind: primitive. Has a gradient.
/// @param on  any number, what y depends on besides
/// @param refusal  Not empty: asking for a gradient is an error, which says this.
Tensor stop_gradient(const Tensor& x, const std::vector<Tensor>& on, const std::string& refusal = "");

/// a - b
/// Source: ONNX Sub-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `subtract`.
Tensor sub(const Tensor& a, const Tensor& b);

/// x summed over the axes along which the given shape was broadcast to it: the reverse of expand.
/// Source: JAX _unbroadcast; torch.Tensor.sum_to_size. Kind: primitive. Has a gradient.
/// @param shape  i64 [n], n <= rank of x; broadcasts to the shape of x
Tensor sum_to(const Tensor& x, const Tensor& shape);

/// x = u diag(s) vh with k = min(m, n) singular values, falling; in f64.
/// Source: array API linalg.svd (full_matrices=False). Kind: primitive. Has a gradient.
/// @param x  [.., m, n]
/// @return u  [.., m, k], orthonormal columns
/// @return s  [.., k]
/// @return vh  [.., k, n], orthonormal rows
std::tuple<Tensor, Tensor, Tensor> svd(const Tensor& x);

/// x * sigmoid(alpha * x)
/// Source: ONNX Swish-24; torch.nn.functional.silu. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param alpha  Scale inside the sigmoid.
Tensor swish(const Tensor& x, double alpha = 1.0);

/// The tangent of x
/// Source: ONNX Tan-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `tan`.
Tensor tan(const Tensor& x);

/// The hyperbolic tangent of x
/// Source: ONNX Tanh-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `tanh`.
Tensor tanh(const Tensor& x);

struct TensorScatterOptions {
  int64_t axis = -2;  ///< Sequence axis; not 0.
  std::string mode = "linear";  ///< linear, or circular: positions wrap around.
  bool operator==(const TensorScatterOptions&) const = default;
};
/// A cache with `update` written along its sequence axis, for each sample from its own position on.
/// Source: ONNX TensorScatter-24. Kind: primitive.
/// @param past_cache  [batch, .., max_sequence, ..]
/// @param update  [batch, .., sequence, ..]
/// @param write_indices  optional, i64 [batch], default 0
Tensor tensor_scatter(const Tensor& past_cache, const Tensor& update, const Tensor& write_indices = {}, const TensorScatterOptions& options = {});

/// x above alpha, else 0
/// Source: ONNX ThresholdedRelu-10. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
/// @param alpha  Threshold.
Tensor thresholded_relu(const Tensor& x, double alpha = 1.0);

/// x repeated along each axis.
/// Source: ONNX Tile-13. Kind: primitive. Has a gradient.
/// @param repeats  i64 [rank of input]
Tensor tile(const Tensor& input, const Tensor& repeats);

struct TopKOptions {
  int64_t axis = -1;  ///< Axis to search, in [-rank, rank).
  bool largest = true;  ///< The largest, else the smallest.
  bool sorted = true;  ///< Results in order; otherwise any order is right (and this one is in order as well).
  bool operator==(const TopKOptions&) const = default;
};
/// The k largest (or smallest) elements along an axis and where they are; of equal ones the first; NaN is largest.
/// Source: ONNX TopK-24. Kind: primitive. Has a gradient.
/// @param K  i64, one element
/// @return Indices  i64
std::tuple<Tensor, Tensor> top_k(const Tensor& X, const Tensor& K, const TopKOptions& options = {});

/// Axis i of the result is axis perm[i] of x.
/// Source: ONNX Transpose-25. Kind: primitive. Has a gradient. Public name: `permute_dims`.
/// @param perm  A permutation of the axes; empty: reversed.
Tensor transpose(const Tensor& data, const std::vector<int64_t>& perm = {});

/// The upper or lower triangle of matrices; zeros elsewhere.
/// Source: ONNX Trilu-14. Kind: primitive. Has a gradient.
/// @param input  [.., rows, columns]
/// @param k  optional, i64, one element, default 0: which diagonal; above the main one if positive
/// @param upper  Keep the diagonal k and what is above it, else below it.
Tensor trilu(const Tensor& input, const Tensor& k = {}, bool upper = true);

/// x without its fraction
/// Source: numpy.trunc. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `trunc`.
Tensor trunc(const Tensor& x);

struct UniqueOptions {
  int64_t axis = std::numeric_limits<int64_t>::min();  ///< Axis, in [-rank, rank); the smallest integer (the default): x is flattened first.
  bool sorted = true;  ///< Ascending; otherwise in order of first appearance.
  bool operator==(const UniqueOptions&) const = default;
};
/// The distinct elements (or slices along an axis), where each was first, which one each element is, and how often.
/// Source: ONNX Unique-11. Kind: primitive.
/// @return indices  i64 [n]
/// @return inverse_indices  i64 [elements or slices of X]
/// @return counts  i64 [n]
std::tuple<Tensor, Tensor, Tensor, Tensor> unique(const Tensor& X, const UniqueOptions& options = {});

/// Inserts axes of size 1.
/// Source: ONNX Unsqueeze-25. Kind: primitive. Has a gradient. Public name: `expand_dims`.
/// @param axes  Where the new axes are in the result, in [-rank, rank) of the result.
Tensor unsqueeze(const Tensor& data, const std::vector<int64_t>& axes = {});

struct UpsampleOptions {
  std::string mode = "nearest";  ///< nearest or linear.
  std::vector<double> scale_factors = {};  ///< Scales known beforehand.
  bool operator==(const UpsampleOptions&) const = default;
};
/// Enlarges x by scales, repeating (nearest) or interpolating (linear).
/// Source: ONNX Upsample-10. Kind: composite: lowered to other ops where no kernel takes it.
/// @param scales  optional, f32, one for each axis
Tensor upsample(const Tensor& x, const Tensor& scales = {}, const UpsampleOptions& options = {});

/// x where the condition holds, else y
/// Source: ONNX Where-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.
Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y);

/// Either a or b
/// Source: ONNX Xor-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_xor`.
Tensor xor_(const Tensor& a, const Tensor& b);

}  // namespace ops

// Ops whose public meaning is the op's own; the others are in neve/functions.h.
using ops::abs;
using ops::acos;
using ops::acosh;
using ops::adaptive_avg_pool;
using ops::adaptive_avg_pool_grad;
using ops::affine_grid;
using ops::and_;
using ops::arg_max;
using ops::arg_min;
using ops::array_feature_extractor;
using ops::asin;
using ops::asinh;
using ops::atan;
using ops::atan2;
using ops::atanh;
using ops::attention;
using ops::average_pool;
using ops::average_pool_grad;
using ops::batch_normalization;
using ops::bernoulli;
using ops::bincount;
using ops::bit_cast;
using ops::bit_shift;
using ops::bitwise_and;
using ops::bitwise_not;
using ops::bitwise_or;
using ops::bitwise_xor;
using ops::blackman_window;
using ops::ceil;
using ops::celu;
using ops::center_crop_pad;
using ops::cholesky;
using ops::col2im;
using ops::compress;
using ops::constant_of_shape;
using ops::conv;
using ops::conv_input_grad;
using ops::conv_integer;
using ops::conv_transpose;
using ops::conv_weight_grad;
using ops::cos;
using ops::cosh;
using ops::cum_prod;
using ops::cum_sum;
using ops::deform_conv;
using ops::depth_to_space;
using ops::dequantize_linear;
using ops::det;
using ops::dft;
using ops::dropout;
using ops::dynamic_quantize_linear;
using ops::eigh;
using ops::einsum;
using ops::elu;
using ops::erf;
using ops::exp;
using ops::expm1;
using ops::eye_like;
using ops::floor;
using ops::gather;
using ops::gather_elements;
using ops::gather_nd;
using ops::gelu;
using ops::gemm;
using ops::global_average_pool;
using ops::global_lp_pool;
using ops::global_max_pool;
using ops::grid_sample;
using ops::grid_sample_grad;
using ops::group_normalization;
using ops::gru;
using ops::hamming_window;
using ops::hann_window;
using ops::hard_sigmoid;
using ops::hard_swish;
using ops::hard_tanh;
using ops::hardmax;
using ops::im2col;
using ops::instance_normalization;
using ops::inverse;
using ops::is_inf;
using ops::is_nan;
using ops::layer_normalization;
using ops::leaky_relu;
using ops::log;
using ops::log1p;
using ops::log_sigmoid;
using ops::log_softmax;
using ops::lp_normalization;
using ops::lp_pool;
using ops::lp_pool_grad;
using ops::lrn;
using ops::lstm;
using ops::lstm_grad;
using ops::matmul_integer;
using ops::max_pool;
using ops::max_pool_grad;
using ops::max_roi_pool;
using ops::max_unpool;
using ops::mean_variance_normalization;
using ops::mel_weight_matrix;
using ops::mish;
using ops::multinomial;
using ops::neg;
using ops::negative_log_likelihood_loss;
using ops::non_max_suppression;
using ops::non_zero;
using ops::not_;
using ops::one_hot;
using ops::or_;
using ops::pad;
using ops::prelu;
using ops::qlinear_conv;
using ops::qlinear_matmul;
using ops::qr;
using ops::quantize_linear;
using ops::random_normal;
using ops::random_uniform;
using ops::reciprocal;
using ops::recurrent_grad;
using ops::reduce_l1;
using ops::reduce_l2;
using ops::reduce_log_sum;
using ops::reduce_log_sum_exp;
using ops::reduce_max;
using ops::reduce_mean;
using ops::reduce_min;
using ops::reduce_prod;
using ops::reduce_sum;
using ops::reduce_sum_square;
using ops::relu;
using ops::resize;
using ops::resize_grad;
using ops::reverse_sequence;
using ops::rms_normalization;
using ops::rnn;
using ops::roi_align;
using ops::roll;
using ops::rotary_embedding;
using ops::round;
using ops::rsqrt;
using ops::scaled_dot_product_attention;
using ops::scatter_elements;
using ops::scatter_nd;
using ops::searchsorted;
using ops::selu;
using ops::shrink;
using ops::sigmoid;
using ops::sign;
using ops::sin;
using ops::sinh;
using ops::slice_scatter;
using ops::slogdet;
using ops::softmax;
using ops::softmax_cross_entropy_loss;
using ops::softplus;
using ops::softsign;
using ops::solve;
using ops::solve_triangular;
using ops::sort;
using ops::space_to_depth;
using ops::sqrt;
using ops::stft;
using ops::stop_gradient;
using ops::sum_to;
using ops::svd;
using ops::swish;
using ops::tan;
using ops::tanh;
using ops::tensor_scatter;
using ops::thresholded_relu;
using ops::tile;
using ops::top_k;
using ops::trilu;
using ops::trunc;
using ops::unique;
using ops::upsample;
using ops::xor_;

}  // namespace neve
