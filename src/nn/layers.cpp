// Layers of products, convolution and pooling; dropout; initialisers.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

// ---- initialisers ------------------------------------------------------------------------------------------------

namespace {

struct Fans {
  double in, out;
};
Fans fans(const char* call, const Tensor& t) {
  if (t.rank() < 2)
    fail(ErrorCode::shape_mismatch, call, ": the tensor is ", type_text(t),
         " (fans need at least 2 axes: [out, in, ...])");
  double field = 1;
  for (int64_t i = 2; i < t.rank(); ++i) field *= double(t.size(i));
  return {double(t.size(1)) * field, double(t.size(0)) * field};
}
void set(const Tensor& t, const Tensor& value) {
  const NoGrad off;
  copy_into(t, value);
}
DType drawn(const Tensor& t) { return t.dtype() == DType::f64 ? DType::f64 : DType::f32; }
double kaiming(const char* call, const Tensor& t, double slope) {
  const double fan = fans(call, t).in;
  return fan > 0 ? std::sqrt(2 / (1 + slope * slope)) / std::sqrt(fan) : 0.0;
}

}  // namespace

void init::uniform(const Tensor& t, double low, double high) { set(t, neve::uniform(low, high, t.shape(), drawn(t))); }
void init::normal(const Tensor& t, double mean, double deviation) {
  set(t, neve::normal(mean, deviation, t.shape(), drawn(t)));
}
void init::constant(const Tensor& t, double value) {
  const NoGrad off;
  fill(t, value);
}
void init::xavier_uniform(const Tensor& t, double gain) {
  const Fans f = fans("xavier_uniform", t);
  const double a = gain * std::sqrt(6 / (f.in + f.out));
  uniform(t, -a, a);
}
void init::kaiming_uniform(const Tensor& t, double slope) {
  const double bound = std::sqrt(3.0) * kaiming("kaiming_uniform", t, slope);
  uniform(t, -bound, bound);
}
void init::kaiming_normal(const Tensor& t, double slope) { normal(t, 0, kaiming("kaiming_normal", t, slope)); }

namespace {

// The weights of linear layers and convolutions begin as those of torch.
void reset(const Tensor& weight, const Tensor& bias) {
  init::kaiming_uniform(weight, std::sqrt(5.0));
  if (bias.defined()) {
    const double bound = 1 / std::sqrt(fans("bias", weight).in);
    init::uniform(bias, -bound, bound);
  }
}

}  // namespace

// ---- products ----------------------------------------------------------------------------------------------------

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const char* call) {
  check_float(call, "input", x);
  check_float(call, "weight", weight);
  if (x.rank() == 0 || weight.rank() != 2 || x.size(-1) != weight.size(1))
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and weight ", type_text(weight),
         " (the last axis of the input must be ", weight.rank() == 2 ? str(weight.size(1)) : "that of weight [out, in]",
         ")");
  check_one_dtype(call, x, weight);
  // Products of rows are one matrix product, also where gradients are computed; the weight in order in memory, since
  // products with few rows are several times faster than through a view.
  const Tensor rows = x.rank() > 2 ? x.reshape({-1, weight.size(1)}) : x;
  const Tensor turned = weight.transpose({1, 0}).contiguous();
  Tensor y = ops::matmul(rows, turned);
  if (bias.defined()) y = ops::add(y, bias);
  if (x.rank() <= 2) return y;
  Sizes shape = x.shape();
  shape.back() = weight.size(0);
  return y.reshape(shape);
}

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& o) : Layer("Linear") {
  check_positive("Linear", "in_features", in_features);
  check_positive("Linear", "out_features", out_features);
  weight = add_parameter("weight", zeros({out_features, in_features}, o.dtype));
  if (o.bias) bias = add_parameter("bias", zeros({out_features}, o.dtype));
  reset(weight, bias);
}
Tensor Linear::forward(const Tensor& x) const { return linear(x, weight, bias, "Linear"); }

Embedding::Embedding(int64_t count, int64_t size, DType dtype) : Layer("Embedding") {
  check_positive("Embedding", "count", count);
  check_positive("Embedding", "size", size);
  weight = add_parameter("weight", zeros({count, size}, dtype));
  init::normal(weight);
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
  return gather(weight, indices, 0);
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

namespace {

// x with a batch, and whether it had none.
std::pair<Tensor, bool> batched(const char* call, const Tensor& x, int64_t axes, int64_t channels = -1) {
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

}  // namespace

Conv::Conv(std::string type, int64_t axes, bool transposed, int64_t in, int64_t out, const Each& kernel,
           const ConvOptions& o)
    : Layer(std::move(type)), axes_(axes), in_(in), groups_(o.groups), transposed_(transposed) {
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
  padding_ = o.padding.of(call, "padding", axes);
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
  const auto [in, single] = batched(call, x, axes_, in_);
  check_one_dtype(call, x, weight);
  Tensor y;
  if (transposed_) {
    y = conv_transpose(in, weight, bias,
                       {.strides = stride_,
                        .pads = twice(padding_),
                        .dilations = dilation_,
                        .group = groups_,
                        .output_padding = output_padding_});
  } else {
    for (size_t i = 0; i < size_t(axes_); ++i) {
      const int64_t room = in.size(int64_t(i) + 2) + 2 * padding_[i], reach = dilation_[i] * (kernel_[i] - 1);
      if (room <= reach)
        fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), ": axis ", i + 2, " has ", room,
             " elements with padding and the kernel reaches over ", reach + 1, " (a larger input, or padding)");
    }
    y = conv(in, weight, bias, {.strides = stride_, .pads = twice(padding_), .dilations = dilation_, .group = groups_});
  }
  return single ? squeeze(y, {0}) : y;
}

// ---- pooling -----------------------------------------------------------------------------------------------------

Pool::Pool(std::string type, int64_t axes, bool maximum, const Each& window, const PoolOptions& o)
    : Layer(std::move(type)),
      axes_(axes),
      maximum_(maximum),
      ceil_mode_(o.ceil_mode),
      count_include_pad_(o.count_include_pad) {
  const char* call = this->type().c_str();
  window_ = window.of(call, "window", axes, 1);
  stride_ = o.stride.of(call, "stride", axes);
  padding_ = o.padding.of(call, "padding", axes);
  for (size_t i = 0; i < size_t(axes); ++i) {
    if (!stride_[i]) stride_[i] = window_[i];
    if (2 * padding_[i] > window_[i])
      fail(ErrorCode::invalid_argument, call, ": padding is ", padding_, " and the window ", window_,
           " (padding of at most half the window)");
  }
}

Tensor Pool::forward(const Tensor& x) const {
  const char* call = type().c_str();
  if (!maximum_) check_float(call, "input", x);
  const auto [in, single] = batched(call, x, axes_);
  for (size_t i = 0; i < size_t(axes_); ++i)
    if (in.size(int64_t(i) + 2) + 2 * padding_[i] < window_[i])
      fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), ": axis ", i + 2, " has ",
           in.size(int64_t(i) + 2) + 2 * padding_[i], " elements with padding and the window reaches over ", window_[i],
           " (a larger input, or a smaller window)");
  Tensor y;
  if (maximum_)
    y = std::get<0>(max_pool(
        in,
        {.kernel_shape = window_, .strides = stride_, .pads = twice(padding_), .ceil_mode = ceil_mode_, .outputs = 1}));
  else
    y = average_pool(in, {.kernel_shape = window_,
                          .strides = stride_,
                          .pads = twice(padding_),
                          .ceil_mode = ceil_mode_,
                          .count_include_pad = count_include_pad_});
  return single ? squeeze(y, {0}) : y;
}

AdaptivePool::AdaptivePool(std::string type, int64_t axes, bool maximum, const Each& output)
    : Layer(std::move(type)), axes_(axes), maximum_(maximum) {
  output_ = output.of(this->type().c_str(), "output", axes, 1);
}

Tensor AdaptivePool::forward(const Tensor& x) const {
  const char* call = type().c_str();
  if (!maximum_) check_float(call, "input", x);
  const auto [in, single] = batched(call, x, axes_);
  Tensor y;
  if (maximum_) {
    std::vector<int64_t> window;
    for (size_t i = 0; i < size_t(axes_); ++i) {
      const int64_t n = in.size(int64_t(i) + 2);
      if (n % output_[i])
        fail(ErrorCode::unsupported, call, ": axis ", i + 2, " of ", type_text(x), " has ", n, " elements and output ",
             output_[i], " (an output that divides it, or AdaptiveAvgPool)");
      window.push_back(n / output_[i]);
    }
    y = std::get<0>(max_pool(in, {.kernel_shape = window, .strides = window, .outputs = 1}));
  } else {
    bool one = true;
    for (int64_t n : output_) one = one && n == 1;
    y = one ? global_average_pool(in) : adaptive_avg_pool(in, output_);
  }
  return single ? squeeze(y, {0}) : y;
}

// ---- dropout -----------------------------------------------------------------------------------------------------

namespace {
void check_probability(const char* call, double p) {
  if (!(p >= 0 && p <= 1)) fail(ErrorCode::invalid_argument, call, ": p is ", p, " (a probability from 0 to 1)");
}
}  // namespace

Tensor dropout(const Tensor& x, double p, bool training) {
  check_probability("dropout", p);
  if (!training || p == 0) return x;
  check_float("dropout", "input", x);
  if (p == 1) return x * 0.0;
  const auto [key, counter] = next_draw();
  return std::get<0>(
      ops::dropout(x, Tensor::scalar(DType::f32, p), Tensor::scalar_int(DType::boolean, 1), key, counter));
}
Dropout::Dropout(double p) : Layer("Dropout"), p(p) { check_probability("Dropout", p); }
Tensor Dropout::forward(const Tensor& x) const { return nn::dropout(x, p, is_training()); }

}  // namespace neve::nn
