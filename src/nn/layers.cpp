// Layers of products, convolution and pooling; initialisers.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

constinit thread_local bool draws_weights = true;

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

void init::uniform(const Tensor& t, double low, double high) {
  if (draws_weights) set(t, neve::uniform(low, high, t.shape(), drawn(t)));
}
void init::normal(const Tensor& t, double mean, double deviation) {
  if (draws_weights) set(t, neve::normal(mean, deviation, t.shape(), drawn(t)));
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

Tensor linear(const Tensor& x_given, const Tensor& weight_given, const Tensor& bias_given, const char* call) {
  check_float(call, "input", x_given);
  check_float(call, "weight", weight_given);
  const Tensor x = lowered(x_given), weight = lowered(weight_given), bias = lowered(bias_given);
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
  const auto [given, single] = batched(call, x, axes_, in_);
  const Tensor in = lowered(given), weight = lowered(this->weight), bias = lowered(this->bias);
  check_one_dtype(call, in, weight);
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

std::tuple<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Each& window, const PoolOptions& o) {
  const char* call = "max_pool_with_indices";
  check_defined(call, "input", x);
  const int64_t axes = x.rank() - 2;
  if (axes < 1 || axes > 3)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([batch, channels, 1 to 3 spatial axes])");
  const std::vector<int64_t> size = window.of(call, "window", axes, 1), padding = o.padding.of(call, "padding", axes);
  std::vector<int64_t> stride = o.stride.of(call, "stride", axes);
  for (size_t i = 0; i < size.size(); ++i) stride[i] = stride[i] ? stride[i] : size[i];
  auto [y, places] = max_pool(
      x, {.kernel_shape = size, .strides = stride, .pads = twice(padding), .ceil_mode = o.ceil_mode, .outputs = 2});
  // The op counts through the whole tensor, unpooling within each plane.
  int64_t plane = 1;
  for (int64_t i = 2; i < x.rank(); ++i) plane *= x.size(i);
  return {y, remainder(places, std::max<int64_t>(plane, 1))};
}

LPPool::LPPool(std::string type, int64_t axes, double p, const Each& window, const Each& stride)
    : Layer(std::move(type)), axes_(axes), p_(p) {
  const char* call = this->type().c_str();
  if (!(p > 0)) fail(ErrorCode::invalid_argument, call, ": p is ", p, " (above 0)");
  window_ = window.of(call, "window", axes, 1);
  stride_ = stride.of(call, "stride", axes);
  for (size_t i = 0; i < size_t(axes); ++i) stride_[i] = stride_[i] ? stride_[i] : window_[i];
}
Tensor LPPool::forward(const Tensor& x) const {
  const char* call = type().c_str();
  check_float(call, "input", x);
  const auto [in, single] = batched(call, x, axes_);
  double size = 1;
  for (size_t i = 0; i < size_t(axes_); ++i) {
    size *= double(window_[i]);
    if (in.size(int64_t(i) + 2) < window_[i])
      fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), ": axis ", i + 2,
           " is smaller than the window of ", window_[i], " (a larger input, or a smaller window)");
  }
  Tensor y;
  if (p_ == 2) {
    y = lp_pool(in, {.kernel_shape = window_, .strides = stride_, .p = 2});
  } else {
    const Tensor mean = average_pool(pow(in, p_), {.kernel_shape = window_, .strides = stride_});
    y = pow(sign(mean.detach()) * relu(abs(mean)) * size, 1 / p_);
  }
  return single ? squeeze(y, {0}) : y;
}

MaxUnpool::MaxUnpool(std::string type, int64_t axes, const Each& window, const Each& stride, const Each& padding)
    : Module(std::move(type)), axes_(axes) {
  const char* call = this->type().c_str();
  window_ = window.of(call, "window", axes, 1);
  stride_ = stride.of(call, "stride", axes);
  padding_ = padding.of(call, "padding", axes);
  for (size_t i = 0; i < size_t(axes); ++i) stride_[i] = stride_[i] ? stride_[i] : window_[i];
}
Tensor MaxUnpool::forward(const Tensor& x, const Tensor& indices, const Sizes& output) const {
  const char* call = type().c_str();
  const auto [in, single] = batched(call, x, axes_);
  if (!indices.defined() || indices.dtype() != DType::i64 || indices.shape() != x.shape())
    fail(ErrorCode::type_mismatch, call, ": input is ", type_text(x), " and indices ", text_of(indices),
         " (i64 of the shape of the input, as max_pool_with_indices gives them)");
  if (!output.empty() && int64_t(output.size()) != axes_)
    fail(ErrorCode::invalid_argument, call, ": output is ", output, " (", axes_, " spatial sizes)");
  Sizes shape{in.size(0), in.size(1)};
  int64_t plane = 1;
  for (size_t i = 0; i < size_t(axes_); ++i) {
    const int64_t reach = (in.size(int64_t(i) + 2) - 1) * stride_[i] - 2 * padding_[i] + window_[i];
    shape.push_back(output.empty() ? reach : output[i]);
    plane *= shape.back();
  }
  if (const int64_t last = indices.element_count() ? max(indices).item_int() : 0; last >= std::max<int64_t>(plane, 1))
    fail(ErrorCode::invalid_argument, call, ": indices reach ", last, " and the output has ", shape,
         " (a larger output)");
  const Sizes flat{in.size(0), in.size(1), -1};
  const Tensor y =
      scatter(zeros({in.size(0), in.size(1), plane}, x.dtype()), 2, indices.reshape(flat), in.reshape(flat));
  return single ? squeeze(y.reshape(shape), {0}) : y.reshape(shape);
}

namespace {

// Maxima of parts of unequal size: the places of each part in the plane, the last one repeated.
Tensor uneven_maxima(const Tensor& x, const std::vector<int64_t>& output) {
  std::vector<int64_t> places{0};
  int64_t parts = 1;
  for (size_t i = 0; i < output.size(); ++i) {
    const int64_t n = x.size(int64_t(i) + 2), out = output[i];
    const int64_t longest = (n + out - 1) / out + 1;
    std::vector<int64_t> next;
    const int64_t inner = int64_t(places.size()) / parts;
    for (int64_t p = 0; p < parts; ++p)
      for (int64_t o = 0; o < out; ++o) {
        const int64_t from = o * n / out, to = ((o + 1) * n + out - 1) / out;
        for (int64_t k = 0; k < inner; ++k)
          for (int64_t j = 0; j < longest; ++j)
            next.push_back(places[size_t(p * inner + k)] * n + std::min(from + j, to - 1));
      }
    places = std::move(next);
    parts *= out;
  }
  const Tensor at = from_vector(places, {parts, int64_t(places.size()) / parts});
  const Tensor values = gather(x.reshape({x.size(0), x.size(1), -1}), at, 2);
  const Tensor best = argmax(values.detach(), -1, true);
  Sizes shape{x.size(0), x.size(1)};
  for (int64_t n : output) shape.push_back(n);
  return gather_elements(values, best, 3).reshape(shape);
}

}  // namespace

AdaptivePool::AdaptivePool(std::string type, int64_t axes, bool maximum, const Each& output)
    : Layer(std::move(type)), axes_(axes), maximum_(maximum) {
  output_ = output.of(this->type().c_str(), "output", axes, 1);
}

Tensor AdaptivePool::forward(const Tensor& x) const {
  const char* call = type().c_str();
  if (!maximum_) check_float(call, "input", x);
  const auto [in, single] = batched(call, x, axes_);
  bool even = true, one = true;
  std::vector<int64_t> window;
  for (size_t i = 0; i < size_t(axes_); ++i) {
    const int64_t n = in.size(int64_t(i) + 2);
    if (n == 0)
      fail(ErrorCode::shape_mismatch, call, ": axis ", i + 2, " of ", type_text(x), " is empty (one element or more)");
    even = even && n % output_[i] == 0;
    one = one && output_[i] == 1;
    window.push_back(n / output_[i]);
  }
  Tensor y;
  if (maximum_)
    y = even ? std::get<0>(max_pool(in, {.kernel_shape = window, .strides = window, .outputs = 1}))
             : uneven_maxima(in, output_);
  else
    y = one ? global_average_pool(in) : adaptive_avg_pool(in, output_);
  return single ? squeeze(y, {0}) : y;
}

}  // namespace neve::nn
