// Layers of products and convolution.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

namespace {

// The weights of linear layers and convolutions begin as those of torch.
void reset(const Tensor& weight, const Tensor& bias) {
  init::kaiming_uniform(weight, std::sqrt(5.0));
  if (bias.defined()) {
    double fan_in = 1;
    for (int64_t i = 1; i < weight.rank(); ++i) fan_in *= double(weight.size(i));
    const double bound = 1 / std::sqrt(fan_in);
    init::uniform(bias, -bound, bound);
  }
}

}  // namespace

// ---- products ----------------------------------------------------------------------------------------------------

Tensor linear(const Tensor& x_given, const Tensor& weight_given, const Tensor& bias_given, const char* call) {
  check_float(call, "input", x_given);
  check_float(call, "weight", weight_given);
  const Tensor x = lowered(x_given), weight = lowered(weight_given), bias = lowered(bias_given);
  if (x.rank() == 0 || weight.rank() != 2 || x.size(-1) != weight.size(1))
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and weight ", type_text(weight),
         " (the last axis of the input must be ", weight.rank() == 2 ? str(weight.size(1)) : "that of weight [out, in]",
         ")");
  check_one_dtype(call, x, weight);
  if (x.is_captured()) {  // which keeps the sizes open
    const Tensor y = ops::matmul(x, weight, {.transpose_b = true});
    return bias.defined() ? ops::add(y, bias) : y;
  }
  // Rows are one matrix product, also where gradients are computed.
  const int64_t k = weight.size(1), n = weight.size(0);
  const bool joins = !bias.defined() || (bias.dtype() == weight.dtype() && bias.rank() <= 1);
  Sizes shape = x.shape();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  shape.back() = n;
  Tensor y = ops::gemm(x.rank() == 2 ? x : x.reshape({rows, k}), weight, joins ? bias : Tensor{}, {.transB = true});
  if (!joins) y = ops::add(y, bias);
  return x.rank() == 2 ? y : y.reshape(shape);
}

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& o) : Layer("Linear") {
  check_positive("Linear", "in_features", in_features);
  check_positive("Linear", "out_features", out_features);
  weight = add_parameter("weight", zeros({out_features, in_features}, o.dtype));
  if (o.bias) bias = add_parameter("bias", zeros({out_features}, o.dtype));
  reset(weight, bias);
}
Tensor Linear::forward(const Tensor& x) const { return linear(x, weight, bias, "Linear"); }

Bilinear::Bilinear(int64_t in1, int64_t in2, int64_t out, const LinearOptions& o) : Module("Bilinear") {
  check_positive("Bilinear", "in1", in1);
  check_positive("Bilinear", "in2", in2);
  check_positive("Bilinear", "out", out);
  weight = add_parameter("weight", zeros({out, in1, in2}, o.dtype));
  if (o.bias) bias = add_parameter("bias", zeros({out}, o.dtype));
  const double bound = 1 / std::sqrt(double(in1));
  init::uniform(weight, -bound, bound);
  if (o.bias) init::uniform(bias, -bound, bound);
}
Tensor Bilinear::forward(const Tensor& x1, const Tensor& x2) const {
  check_float("Bilinear", "x1", x1);
  check_float("Bilinear", "x2", x2);
  const int64_t out = weight.size(0), in1 = weight.size(1), in2 = weight.size(2);
  bool fits = x1.rank() > 0 && x1.rank() == x2.rank() && x1.size(-1) == in1 && x2.size(-1) == in2;
  for (int64_t i = 0; fits && i + 1 < x1.rank(); ++i) fits = x1.size(i) == x2.size(i);
  if (!fits)
    fail(ErrorCode::shape_mismatch, "Bilinear: inputs are ", type_text(x1), " and ", type_text(x2), " ([..., ", in1,
         "] and [..., ", in2, "], with the same axes before)");
  const Tensor a = lowered(x1), b = lowered(x2), w = lowered(weight);
  check_one_dtype("Bilinear", a, w);
  check_one_dtype("Bilinear", b, w);
  const Tensor left = ops::matmul(a.reshape({-1, in1}), w.transpose({1, 0, 2}).reshape({in1, out * in2}));
  Tensor y = sum(left.reshape({-1, out, in2}) * b.reshape({-1, 1, in2}), {2});
  if (bias.defined()) y = y + lowered(bias);
  Sizes shape = x1.shape();
  shape.back() = out;
  return y.reshape(shape);
}

namespace {
int64_t checked_row(int64_t row, int64_t count) {
  if (row < -count || row >= count)
    fail(ErrorCode::invalid_argument, "Embedding: padding_idx is ", row, " (an index of ", count, " embeddings)");
  return row < 0 ? row + count : row;
}
}  // namespace

Embedding::Embedding(const Tensor& given, const EmbeddingOptions& o) : Layer("Embedding"), max_norm_(o.max_norm) {
  if (o.padding_idx) padding_ = checked_row(*o.padding_idx, given.size(0));
  weight = add_parameter("weight", given);
}
Embedding::Embedding(int64_t count, int64_t size, const EmbeddingOptions& o)
    : Embedding(zeros({std::max<int64_t>(count, 0), std::max<int64_t>(size, 0)}, o.dtype), o) {
  check_positive("Embedding", "count", count);
  check_positive("Embedding", "size", size);
  init::normal(weight);
  if (padding_) init::constant(weight.detach()[*padding_], 0);
}
Embedding Embedding::from_pretrained(const Tensor& rows, bool freeze, const EmbeddingOptions& o) {
  check_float("Embedding::from_pretrained", "rows", rows);
  if (rows.rank() != 2)
    fail(ErrorCode::shape_mismatch, "Embedding::from_pretrained: rows are ", type_text(rows), " ([count, size])");
  if (o.dtype != DType::f32 && o.dtype != rows.dtype())
    fail(ErrorCode::type_mismatch, "Embedding::from_pretrained: rows are ", type_text(rows), " and dtype is ", o.dtype,
         " (their dtype, or none)");
  Embedding made(rows, o);
  made.weight.set_requires_grad(!freeze);
  return made;
}
Tensor Embedding::forward(const Tensor& indices) const {
  if (!indices.defined() || (indices.dtype() != DType::i64 && indices.dtype() != DType::i32))
    fail(ErrorCode::type_mismatch, "Embedding: input is ", text_of(indices),
         " (indices: i64 or i32; to(DType::i64) converts)");
  if (!indices.is_captured() && indices.element_count()) {  // captured: the op checks it when it runs
    const int64_t n = weight.size(0), low = min(indices).item_int(), high = max(indices).item_int();
    if (low < 0 || high >= n)
      fail(ErrorCode::invalid_argument, "Embedding: input holds ", low < 0 ? low : high, " (indices of ", n,
           " embeddings lie in 0..", n - 1, ")");
  }
  if (max_norm_) {
    const NoGrad off;
    const Tensor rows = weight.detach(), size = norm(rows, 2, {1}, true), flat = ravel(indices);
    const Tensor used = scatter(zeros({weight.size(0)}), 0, flat, ones(flat.shape())) > 0;
    const Tensor large = logical_and(unsqueeze(used, 1), size > *max_norm_);
    copy_into(rows, rows * where(large, *max_norm_ / (size + 1e-7), 1.0));
  }
  const Tensor y = gather(weight, indices, 0);
  return padding_ && y.requires_grad() ? where(unsqueeze(indices == *padding_, -1), y.detach(), y) : y;
}

// ---- convolution -------------------------------------------------------------------------------------------------

std::vector<int64_t> Each::of(const char* call, const char* name, int64_t axes, int64_t least) const {
  std::vector<int64_t> v = values_;
  if (v.size() == 1) v.assign(size_t(axes), values_[0]);
  bool right = int64_t(v.size()) == axes;
  for (int64_t n : v) right = right && n >= least;
  if (!right)
    fail(ErrorCode::invalid_argument, call, ": ", name, " is ", values_, " (sizes of ", least,
         " or more, one or one for each of ", axes, " axes)");
  return v;
}

std::pair<Tensor, bool> batched(const char* call, const Tensor& x, int64_t axes, int64_t channels) {
  check_defined(call, "input", x);
  if (x.rank() != axes + 1 && x.rank() != axes + 2)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([batch, channels, ",
         axes == 1 ? std::string("1 spatial axis") : str(axes, " spatial axes"), "], or without batch)");
  const bool single = x.rank() == axes + 1;
  const Tensor y = single ? unsqueeze(x, 0) : x;
  if (channels >= 0 && y.size(1) != channels)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " with ", y.size(1), " channels on axis 1 (",
         channels, " channels)");
  return {y, single};
}
std::vector<int64_t> twice(std::vector<int64_t> v) {
  const size_t n = v.size();
  for (size_t i = 0; i < n; ++i) v.push_back(v[i]);
  return v;
}

namespace {
// What keeps the sizes: where the kernel reaches over an odd number, more at the end.
std::vector<int64_t> same_pads(const char* call, const std::vector<int64_t>& padding,
                               const std::vector<int64_t>& kernel, const std::vector<int64_t>& stride,
                               const std::vector<int64_t>& dilation) {
  std::vector<int64_t> pads(padding.size());
  const size_t n = kernel.size();
  for (size_t i = 0; i < n; ++i) {
    if (stride[i] != 1 || padding[i])
      fail(ErrorCode::invalid_argument, call, ": same_padding with stride ", stride, " and padding ",
           std::vector<int64_t>(padding.begin(), padding.begin() + int64_t(n)), " (stride 1 and padding 0)");
    const int64_t reach = dilation[i] * (kernel[i] - 1);
    pads[i] = reach / 2;
    pads[n + i] = reach - reach / 2;
  }
  return pads;
}
}  // namespace

Conv::Conv(std::string type, int64_t axes, bool transposed, int64_t in, int64_t out, const Each& kernel,
           const ConvOptions& o)
    : Layer(std::move(type)),
      axes_(axes),
      in_(in),
      groups_(o.groups),
      transposed_(transposed),
      padding_mode_(o.padding_mode) {
  const char* call = this->type().c_str();
  check_positive(call, "in_channels", in);
  check_positive(call, "out_channels", out);
  check_positive(call, "groups", o.groups);
  for (const auto& [name, n] : {std::pair("in_channels", in), std::pair("out_channels", out)})
    if (n % o.groups)
      fail(ErrorCode::invalid_argument, call, ": ", name, " is ", n, " and groups ", o.groups,
           " (groups divides the channels)");
  kernel_ = kernel.of(call, "kernel", axes, 1);
  stride_ = o.stride.of(call, "stride", axes, 1);
  dilation_ = o.dilation.of(call, "dilation", axes, 1);
  pads_ = twice(o.padding.of(call, "padding", axes));
  if (o.same_padding) pads_ = same_pads(call, pads_, kernel_, stride_, dilation_);
  if (transposed && (o.same_padding || o.padding_mode != PadMode::constant))
    fail(ErrorCode::unsupported, call, ": ", o.same_padding ? "same_padding" : "padding_mode",
         " of a transposed convolution (padding, with zeros)");
  output_padding_ = o.output_padding.of(call, "output_padding", axes);
  for (size_t i = 0; i < size_t(axes); ++i)
    if (output_padding_[i] && (!transposed || output_padding_[i] >= std::max(stride_[i], dilation_[i])))
      fail(ErrorCode::invalid_argument, call, ": output_padding is ", output_padding_,
           " (0, or of a transposed convolution less than stride or dilation)");
  Sizes shape = transposed ? Sizes{in, out / o.groups} : Sizes{out, in / o.groups};
  for (int64_t k : kernel_) shape.push_back(k);
  weight = add_parameter("weight", zeros(shape, o.dtype));
  if (o.bias) bias = add_parameter("bias", zeros({out}, o.dtype));
  reset(weight, bias);
}

Tensor Conv::forward(const Tensor& x) const {
  const char* call = type().c_str();
  check_float(call, "input", x);
  const auto [given, single] = batched(call, x, axes_, in_);
  const Tensor weight = lowered(this->weight), bias = lowered(this->bias);
  Tensor in = lowered(given), y;
  check_one_dtype(call, in, weight);
  if (transposed_) {
    y = conv_transpose(in, weight, bias,
                       {.strides = stride_,
                        .pads = pads_,
                        .dilations = dilation_,
                        .group = groups_,
                        .output_padding = output_padding_});
  } else {
    for (size_t i = 0; i < size_t(axes_) && !in.is_captured(); ++i) {  // of a capture the op itself looks
      const int64_t room = in.size(int64_t(i) + 2) + pads_[i] + pads_[size_t(axes_) + i],
                    reach = dilation_[i] * (kernel_[i] - 1);
      if (room <= reach)
        fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), ": axis ", i + 2, " has ", room,
             " elements with padding and the kernel reaches over ", reach + 1, " (a larger input, or padding)");
    }
    std::vector<int64_t> pads = pads_;
    if (padding_mode_ != PadMode::constant) {
      Sizes sides;
      for (size_t i = size_t(axes_); i-- > 0;)
        for (const size_t k : {i, size_t(axes_) + i}) sides.push_back(std::exchange(pads[k], 0));
      in = pad(in, sides, padding_mode_);
    }
    y = conv(in, weight, bias, {.strides = stride_, .pads = pads, .dilations = dilation_, .group = groups_});
  }
  return single ? squeeze(y, {0}) : y;
}

}  // namespace neve::nn
