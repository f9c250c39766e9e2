// Layers of pooling, and its reverse.
#include <neve/nn.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

Pool::Pool(std::string type, int64_t axes, bool maximum, const Each& window, const PoolOptions& o)
    : Layer(std::move(type)),
      axes_(axes),
      maximum_(maximum),
      ceil_mode_(o.ceil_mode),
      count_include_pad_(o.count_include_pad),
      divisor_override_(o.divisor_override) {
  const char* call = this->type().c_str();
  window_ = window.of(call, "window", axes, 1);
  stride_ = o.stride.of(call, "stride", axes);
  padding_ = o.padding.of(call, "padding", axes);
  dilation_ = o.dilation.of(call, "dilation", axes, 1);
  if (maximum && o.divisor_override)
    fail(ErrorCode::invalid_argument, call, ": divisor_override is ", o.divisor_override, " (0: it is for means)");
  if (!maximum && dilation_ != std::vector<int64_t>(size_t(axes), 1))
    fail(ErrorCode::invalid_argument, call, ": dilation is ", dilation_, " (1: others are for maxima)");
  if (o.divisor_override && o.ceil_mode)
    fail(ErrorCode::unsupported, call, ": divisor_override with ceil_mode (one of them)");
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
  for (size_t i = 0; i < size_t(axes_); ++i) {
    const int64_t room = in.size(int64_t(i) + 2) + 2 * padding_[i], reach = dilation_[i] * (window_[i] - 1) + 1;
    if (room < reach)
      fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), ": axis ", i + 2, " has ", room,
           " elements with padding and the window reaches over ", reach, " (a larger input, or a smaller window)");
  }
  Tensor y;
  if (maximum_) {
    y = std::get<0>(max_pool(in, {.kernel_shape = window_,
                                  .strides = stride_,
                                  .pads = twice(padding_),
                                  .dilations = dilation_,
                                  .ceil_mode = ceil_mode_,
                                  .outputs = 1}));
  } else {
    y = average_pool(in, {.kernel_shape = window_,
                          .strides = stride_,
                          .pads = twice(padding_),
                          .ceil_mode = ceil_mode_,
                          .count_include_pad = count_include_pad_ || divisor_override_});
    double size = 1;
    for (int64_t n : window_) size *= double(n);
    if (divisor_override_) y = y * (size / double(divisor_override_));
  }
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
  auto [y, places] = max_pool(x, {.kernel_shape = size,
                                  .strides = stride,
                                  .pads = twice(padding),
                                  .dilations = o.dilation.of(call, "dilation", axes, 1),
                                  .ceil_mode = o.ceil_mode,
                                  .outputs = 2});
  // The op counts through the whole tensor, unpooling within each plane.
  int64_t plane = 1;
  for (int64_t i = 2; i < x.rank(); ++i) plane *= x.size(i);
  return {y, remainder(places, std::max<int64_t>(plane, 1))};
}

LPPool::LPPool(std::string type, int64_t axes, double p, const Each& window, const Each& stride, bool ceil_mode)
    : Layer(std::move(type)), axes_(axes), p_(p), ceil_mode_(ceil_mode) {
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
  if (p_ == 2 && !ceil_mode_) {
    y = lp_pool(in, {.kernel_shape = window_, .strides = stride_, .p = 2});
  } else {
    const Tensor mean =
        average_pool(pow(in, p_), {.kernel_shape = window_, .strides = stride_, .ceil_mode = ceil_mode_});
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

// Maxima of parts of unequal size, and where they are: the places of each part in the plane, the last one repeated.
std::pair<Tensor, Tensor> uneven_maxima(const Tensor& x, const std::vector<int64_t>& output) {
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
  const Tensor all = expand(at.reshape({1, 1, at.size(0), at.size(1)}), values.shape());
  return {gather_elements(values, best, 3).reshape(shape), gather_elements(all, best, 3).reshape(shape)};
}

struct Parts {
  std::vector<int64_t> output, window;  ///< of each spatial axis: how many, and their size where they are even
  bool even = true, one = true;
};
// The parts of the spatial axes of x; an output of 0 keeps the size.
Parts parts_of(const char* call, const Tensor& x, std::vector<int64_t> output) {
  Parts p{std::move(output), {}};
  for (size_t i = 0; i < p.output.size(); ++i) {
    const int64_t n = x.size(int64_t(i) + 2);
    if (n == 0)
      fail(ErrorCode::shape_mismatch, call, ": axis ", i + 2, " of ", type_text(x), " is empty (one element or more)");
    int64_t& parts = p.output[i];
    parts = parts ? parts : n;
    p.even = p.even && n % parts == 0;
    p.one = p.one && parts == 1;
    p.window.push_back(n / parts);
  }
  return p;
}

}  // namespace

std::tuple<Tensor, Tensor> adaptive_max_pool_with_indices(const Tensor& x, const Each& output) {
  const char* call = "adaptive_max_pool_with_indices";
  check_defined(call, "input", x);
  const int64_t axes = x.rank() - 2;
  if (axes < 1 || axes > 3)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([batch, channels, 1 to 3 spatial axes])");
  const Parts p = parts_of(call, x, output.of(call, "output", axes));
  if (p.even) return max_pool_with_indices(x, p.window);
  return uneven_maxima(x, p.output);
}

AdaptivePool::AdaptivePool(std::string type, int64_t axes, bool maximum, const Each& output)
    : Layer(std::move(type)), axes_(axes), maximum_(maximum) {
  output_ = output.of(this->type().c_str(), "output", axes);
}

Tensor AdaptivePool::forward(const Tensor& x) const {
  const char* call = type().c_str();
  if (!maximum_) check_float(call, "input", x);
  const auto [in, single] = batched(call, x, axes_);
  const Parts p = parts_of(call, in, output_);
  Tensor y;
  if (maximum_)
    y = p.even ? std::get<0>(max_pool(in, {.kernel_shape = p.window, .strides = p.window, .outputs = 1}))
               : uneven_maxima(in, p.output).first;
  else
    y = p.one ? global_average_pool(in) : adaptive_avg_pool(in, p.output);
  return single ? squeeze(y, {0}) : y;
}

}  // namespace neve::nn
