// Padding, resizing, and layers that move pixels.
#include <neve/nn.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

// ---- padding -----------------------------------------------------------------------------------------------------

namespace {

Tensor padded(const char* call, const Tensor& x, const Sizes& pads, PadMode mode, double value) {
  check_defined(call, "input", x);
  const int64_t n = int64_t(pads.size()) / 2;
  if (pads.size() % 2 || n > x.rank())
    fail(ErrorCode::invalid_argument, call, ": pads are ", pads, " and the input ", type_text(x),
         " (pairs of before and after, for at most ", x.rank(), " axes)");
  Sizes axes, all;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t axis = x.rank() - 1 - i, most = std::max(pads[size_t(2 * i)], pads[size_t(2 * i + 1)]);
    const bool bounded = mode == PadMode::reflect || mode == PadMode::circular;
    const int64_t limit = bounded ? x.size(axis) - (mode == PadMode::reflect ? 1 : 0) : most;
    if (most > limit)
      fail(ErrorCode::invalid_argument, call, ": pads are ", pads, " and the input ", type_text(x), " (",
           mode == PadMode::reflect ? "reflect" : "circular", " pads axis ", axis, " by at most ", limit, ")");
    axes.push_back(axis);
  }
  for (size_t k = 0; k < 2; ++k)
    for (size_t i = k; i < pads.size(); i += 2) all.push_back(pads[i]);
  const char* names[] = {"constant", "reflect", "edge", "wrap"};
  const Tensor fill = mode == PadMode::constant && value != 0 ? Tensor::scalar(x.dtype(), value) : Tensor();
  return ops::pad(x, ints(all), fill, ints(axes), names[size_t(mode)]);
}

}  // namespace

Tensor pad(const Tensor& x, const Sizes& pads, PadMode mode, double value) {
  return padded("pad", x, pads, mode, value);
}

Padding::Padding(std::string type, int64_t axes, PadMode mode, const Each& pads, double value)
    : Layer(std::move(type)), axes_(axes), mode_(mode), value_(value) {
  for (int64_t n : pads.of(this->type().c_str(), "pads", 2 * axes, std::numeric_limits<int32_t>::min()))
    pads_.push_back(n);
}
Tensor Padding::forward(const Tensor& x) const {
  const char* call = type().c_str();
  batched(call, x, axes_);
  return padded(call, x, pads_, mode_, value_);
}

// ---- resizing ----------------------------------------------------------------------------------------------------

Tensor interpolate(const Tensor& x, const UpsampleOptions& o, const char* call) {
  check_float(call, "input", x);
  const std::string& mode = o.mode;
  const int64_t n = x.rank() - 2;
  const int64_t rank = mode == "linear" ? 3 : mode == "bilinear" || mode == "bicubic" ? 4 : mode == "trilinear" ? 5 : 0;
  const bool nearest = mode == "nearest" || mode == "nearest-exact", area = mode == "area";
  if (!rank && !nearest && !area)
    fail(ErrorCode::invalid_argument, call, ": mode is '", mode,
         "' (nearest, nearest-exact, linear, bilinear, bicubic, trilinear or area)");
  if (n < 1 || n > 3 || (rank && rank != x.rank()))
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and mode '", mode, "' (",
         rank ? str(rank) : std::string("3 to 5"), " axes: [batch, channels, ...])");
  if (o.size.empty() == o.scale.empty())
    fail(ErrorCode::invalid_argument, call, ": size is ", o.size, " and scale ", o.scale, " (one of them)");
  if (o.align_corners && !rank)
    fail(ErrorCode::invalid_argument, call, ": align_corners and mode '", mode,
         "' (it is for linear, bilinear, bicubic and trilinear)");
  std::vector<double> scale = o.scale;
  if (scale.size() == 1) scale.assign(size_t(n), o.scale[0]);
  bool right = o.size.empty() ? int64_t(scale.size()) == n : int64_t(o.size.size()) == n;
  for (double f : scale) right = right && f > 0;
  for (int64_t k : o.size) right = right && k > 0;
  if (!right)
    fail(ErrorCode::invalid_argument, call, ": size is ", o.size, " and scale ", o.scale, " (", n,
         " positive numbers, or one scale)");
  std::vector<int64_t> sizes(o.size.begin(), o.size.end()), axes;
  if (sizes.empty())
    for (size_t i = 0; i < size_t(n); ++i) sizes.push_back(int64_t(double(x.size(int64_t(i) + 2)) * scale[i]));
  for (int64_t i = 2; i < x.rank(); ++i) axes.push_back(i);
  if (area) return adaptive_avg_pool(x, sizes);
  ops::ResizeOptions r{.mode = nearest             ? "nearest"
                               : mode == "bicubic" ? "cubic"
                                                   : "linear",
                       .coordinate_transformation_mode = mode == "nearest" ? "asymmetric" : "half_pixel",
                       .nearest_mode = mode == "nearest" ? "floor" : "round_prefer_ceil",
                       .axes = axes};
  if (o.align_corners) r.coordinate_transformation_mode = "align_corners";
  if (o.size.empty() && !o.align_corners) {
    r.scale_factors = scale;
    return resize(x, {}, {}, {}, r);
  }
  return resize(x, {}, {}, ints(Sizes(sizes.begin(), sizes.end())), r);
}

// ---- pixels ------------------------------------------------------------------------------------------------------

Tensor pixel_shuffle(const Tensor& x, int64_t r) {
  check_positive("pixel_shuffle", "factor", r);
  check_defined("pixel_shuffle", "input", x);
  const int64_t k = x.rank();
  if (k < 3 || x.size(k - 3) % (r * r))
    fail(ErrorCode::shape_mismatch, "pixel_shuffle: input is ", type_text(x), " and factor ", r,
         " ([..., channels, h, w], channels divisible by ", r * r, ")");
  Sizes shape = x.shape();
  const int64_t c = shape[size_t(k - 3)], h = shape[size_t(k - 2)], w = shape[size_t(k - 1)];
  const Tensor y = depth_to_space(x.reshape({-1, c, h, w}), {.blocksize = r, .mode = "CRD"});
  shape[size_t(k - 3)] = c / (r * r);
  shape[size_t(k - 2)] = h * r;
  shape[size_t(k - 1)] = w * r;
  return y.reshape(shape);
}
Tensor pixel_unshuffle(const Tensor& x, int64_t r) {
  check_positive("pixel_unshuffle", "factor", r);
  check_defined("pixel_unshuffle", "input", x);
  const int64_t k = x.rank();
  if (k < 3 || x.size(k - 2) % r || x.size(k - 1) % r)
    fail(ErrorCode::shape_mismatch, "pixel_unshuffle: input is ", type_text(x), " and factor ", r,
         " ([..., channels, h, w], h and w divisible by ", r, ")");
  Sizes shape = x.shape();
  const int64_t c = shape[size_t(k - 3)], h = shape[size_t(k - 2)], w = shape[size_t(k - 1)];
  const Tensor y = space_to_depth(x.reshape({-1, c, h, w}), {.blocksize = r, .mode = "CRD"});
  shape[size_t(k - 3)] = c * r * r;
  shape[size_t(k - 2)] = h / r;
  shape[size_t(k - 1)] = w / r;
  return y.reshape(shape);
}
Tensor channel_shuffle(const Tensor& x, int64_t groups) {
  check_positive("channel_shuffle", "groups", groups);
  check_defined("channel_shuffle", "input", x);
  if (x.rank() < 2 || x.size(1) % groups)
    fail(ErrorCode::shape_mismatch, "channel_shuffle: input is ", type_text(x), " and groups ", groups,
         " ([batch, channels, ...], channels divisible by groups)");
  return x.unflatten(1, {groups, -1}).swap_axes(1, 2).reshape(x.shape());
}

Unfold::Unfold(const Each& kernel, const WindowOptions& o)
    : Layer("Unfold"),
      kernel_(kernel.of("Unfold", "kernel", 2, 1)),
      dilation_(o.dilation.of("Unfold", "dilation", 2, 1)),
      padding_(o.padding.of("Unfold", "padding", 2)),
      stride_(o.stride.of("Unfold", "stride", 2, 1)) {}
Tensor Unfold::forward(const Tensor& x) const {
  const auto [in, single] = batched("Unfold", x, 2);
  const Tensor y =
      im2col(in, ints({kernel_[0], kernel_[1]}), {.dilations = dilation_, .pads = twice(padding_), .strides = stride_});
  return single ? squeeze(y, {0}) : y;
}

Fold::Fold(const Each& output, const Each& kernel, const WindowOptions& o)
    : Layer("Fold"),
      output_(output.of("Fold", "output", 2, 1)),
      kernel_(kernel.of("Fold", "kernel", 2, 1)),
      dilation_(o.dilation.of("Fold", "dilation", 2, 1)),
      padding_(o.padding.of("Fold", "padding", 2)),
      stride_(o.stride.of("Fold", "stride", 2, 1)) {}
Tensor Fold::forward(const Tensor& x) const {
  const auto [in, single] = batched("Fold", x, 1);
  const Tensor y = col2im(in, ints({output_[0], output_[1]}), ints({kernel_[0], kernel_[1]}),
                          {.strides = stride_, .pads = twice(padding_), .dilations = dilation_});
  return single ? squeeze(y, {0}) : y;
}

}  // namespace neve::nn
