// Layers of normalisation.
#include <neve/nn.h>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

BatchNorm::BatchNorm(std::string type, int64_t channels, int64_t least_rank, int64_t most_rank,
                     const BatchNormOptions& o)
    : Layer(std::move(type)),
      channels_(channels),
      least_(least_rank),
      most_(most_rank),
      eps_(o.eps),
      momentum_(o.momentum) {
  check_positive(this->type().c_str(), "channels", channels);
  if (o.affine) {
    weight = add_parameter("weight", ones({channels}, o.dtype));
    bias = add_parameter("bias", zeros({channels}, o.dtype));
  }
  if (o.track_running_stats) {
    running_mean = add_buffer("running_mean", zeros({channels}, o.dtype));
    running_var = add_buffer("running_var", ones({channels}, o.dtype));
    num_batches_tracked = add_buffer("num_batches_tracked", zeros({}, DType::i64));
  }
}

Tensor BatchNorm::forward(const Tensor& given) const {
  const char* call = type().c_str();
  check_float(call, "input", given);
  const Tensor x = raised(given);
  if (x.rank() < least_ || x.rank() > most_ || x.size(1) != channels_)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " (rank ", least_,
         most_ != least_ ? str(" or ", most_) : std::string(), ": [batch, ", channels_, ", ...])");
  const Tensor scale = weight.defined() ? weight.to(x.dtype()) : ones({channels_}, x.dtype());
  const Tensor shift = bias.defined() ? bias.to(x.dtype()) : zeros({channels_}, x.dtype());
  if (!is_training() && running_mean.defined())
    return std::get<0>(
        batch_normalization(x, scale, shift, running_mean.to(x.dtype()), running_var.to(x.dtype()), {.epsilon = eps_}));
  const int64_t n = x.element_count() / channels_;
  if (n == 1)
    fail(ErrorCode::invalid_argument, call, ": input is ", type_text(x),
         " in training: one value for each channel has no variance (a larger batch, or eval())");
  const Tensor zero = zeros({channels_}, x.dtype());
  const auto [y, mean, var] =
      batch_normalization(x, scale, shift, zero, zero, {.epsilon = eps_, .momentum = 0.0, .training_mode = true});
  if (!running_mean.defined()) return y;
  const NoGrad off;
  num_batches_tracked += 1;
  if (!n) return y;
  auto follow = [&](const Tensor& running, const Tensor& now, const auto& share, double scale_by) {
    running *= 1 - share;
    running += (now.detach() * (share * scale_by)).to(running.dtype());
  };
  auto both = [&](const auto& share) {
    follow(running_mean, mean, share, 1);
    follow(running_var, var, share, double(n) / double(n - 1));
  };
  if (momentum_)
    both(*momentum_);
  else if (num_batches_tracked.is_captured())
    both(1 / num_batches_tracked.to(DType::f32));  // a number of each call
  else
    both(1 / double(num_batches_tracked.item_int()));
  return y;
}

InstanceNorm::InstanceNorm(std::string type, int64_t axes, int64_t channels, const InstanceNormOptions& o)
    : Layer(std::move(type)), axes_(axes), channels_(channels), eps_(o.eps), momentum_(o.momentum) {
  check_positive(this->type().c_str(), "channels", channels);
  if (o.affine) {
    weight = add_parameter("weight", ones({channels}, o.dtype));
    bias = add_parameter("bias", zeros({channels}, o.dtype));
  }
  if (o.track_running_stats) {
    running_mean = add_buffer("running_mean", zeros({channels}, o.dtype));
    running_var = add_buffer("running_var", ones({channels}, o.dtype));
    num_batches_tracked = add_buffer("num_batches_tracked", zeros({}, DType::i64));
  }
}

Tensor InstanceNorm::forward(const Tensor& given) const {
  const char* call = type().c_str();
  check_float(call, "input", given);
  const auto [in, single] = batched(call, given, axes_, channels_);
  const Tensor x = raised(in);
  const Tensor scale = weight.defined() ? weight.to(x.dtype()) : ones({channels_}, x.dtype());
  const Tensor shift = bias.defined() ? bias.to(x.dtype()) : zeros({channels_}, x.dtype());
  Tensor y;
  if (running_mean.defined() && !is_training()) {
    y = std::get<0>(
        batch_normalization(x, scale, shift, running_mean.to(x.dtype()), running_var.to(x.dtype()), {.epsilon = eps_}));
  } else {
    const int64_t planes = std::max<int64_t>(x.size(0) * channels_, 1), n = x.element_count() / planes;
    if (n == 1)
      fail(ErrorCode::invalid_argument, call, ": input is ", type_text(given),
           ": one value for each plane has no variance (a larger plane)");
    if (running_mean.defined() && x.element_count()) {
      const NoGrad off;
      Sizes planar, across{0};
      for (int64_t i = 2; i < x.rank(); ++i) planar.push_back(i);
      const Tensor d = x.detach(), m = mean(d, planar), v = var(d, planar, n > 1 ? 1 : 0);
      for (const auto& [running, now] : {std::pair(running_mean, m), std::pair(running_var, v)}) {
        running *= 1 - momentum_;
        running += (mean(now, across) * momentum_).to(running.dtype());
      }
    }
    y = instance_normalization(x, scale, shift, eps_);
  }
  return single ? squeeze(y, {0}) : y;
}

LocalResponseNorm::LocalResponseNorm(int64_t size, double alpha, double beta, double k)
    : Layer("LocalResponseNorm"), size_(size), alpha_(alpha), beta_(beta), k_(k) {
  check_positive("LocalResponseNorm", "size", size);
}
Tensor LocalResponseNorm::forward(const Tensor& x) const {
  check_float("LocalResponseNorm", "input", x);
  if (x.rank() < 3)
    fail(ErrorCode::shape_mismatch, "LocalResponseNorm: input is ", type_text(x),
         " ([batch, channels, spatial axes...])");
  if (size_ % 2) return lrn(x, {.size = size_, .alpha = alpha_, .beta = beta_, .bias = k_});
  const Tensor padded = ops::pad(x * x, ints({size_ / 2, (size_ - 1) / 2}), {}, ints({1}));
  Tensor total = narrow(padded, 1, 0, x.size(1));
  for (int64_t i = 1; i < size_; ++i) total = total + narrow(padded, 1, i, x.size(1));
  return x / pow(total * (alpha_ / double(size_)) + k_, beta_);
}

namespace {

void check_last_axes(const char* call, const Tensor& x, const Sizes& shape) {
  check_float(call, "input", x);
  bool ends = x.rank() >= int64_t(shape.size());
  for (size_t i = 0; ends && i < shape.size(); ++i)
    ends = x.size(x.rank() - int64_t(shape.size()) + int64_t(i)) == shape[i];
  if (!ends)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and the normalised shape ", shape,
         " (the input ends in ", shape, ")");
}

}  // namespace

LayerNorm::LayerNorm(const Sizes& shape, const NormOptions& o) : Layer("LayerNorm"), shape_(shape), eps_(o.eps) {
  if (!o.affine) return;
  weight = add_parameter("weight", ones(shape, o.dtype));
  if (o.bias) bias = add_parameter("bias", zeros(shape, o.dtype));
}
Tensor LayerNorm::forward(const Tensor& given) const {
  check_last_axes("LayerNorm", given, shape_);
  const Tensor x = raised(given);
  const Tensor scale = weight.defined() ? weight.to(x.dtype()) : ones(shape_, x.dtype());
  return std::get<0>(layer_normalization(x, scale, bias.defined() ? bias.to(x.dtype()) : bias,
                                         {.axis = -int64_t(shape_.size()), .epsilon = eps_}));
}

RMSNorm::RMSNorm(const Sizes& shape, double eps, DType dtype, bool affine)
    : Layer("RMSNorm"), shape_(shape), eps_(eps) {
  if (affine) weight = add_parameter("weight", ones(shape, dtype));
}
Tensor RMSNorm::forward(const Tensor& given) const {
  check_last_axes("RMSNorm", given, shape_);
  const Tensor x = raised(given);
  const Tensor scale = weight.defined() ? weight.to(x.dtype()) : ones(shape_, x.dtype());
  return rms_normalization(x, scale, {.axis = -int64_t(shape_.size()), .epsilon = eps_});
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, const NormOptions& o)
    : Layer("GroupNorm"), groups_(groups), channels_(channels), eps_(o.eps) {
  check_positive("GroupNorm", "groups", groups);
  if (channels <= 0 || channels % groups)
    fail(ErrorCode::invalid_argument, "GroupNorm: channels is ", channels, " and groups ", groups,
         " (groups divides the channels)");
  if (!o.affine) return;
  weight = add_parameter("weight", ones({channels}, o.dtype));
  bias = add_parameter("bias", zeros({channels}, o.dtype));
}
Tensor GroupNorm::forward(const Tensor& given) const {
  check_float("GroupNorm", "input", given);
  const Tensor x = raised(given);
  if (x.rank() < 2 || x.size(1) != channels_)
    fail(ErrorCode::shape_mismatch, "GroupNorm: input is ", type_text(x), " ([batch, ", channels_, ", ...])");
  const Tensor scale = weight.defined() ? weight.to(x.dtype()) : ones({channels_}, x.dtype());
  const Tensor shift = bias.defined() ? bias.to(x.dtype()) : zeros({channels_}, x.dtype());
  const Tensor in = x.rank() == 2 ? unsqueeze(x, 2) : x;
  const Tensor y = group_normalization(in, scale, shift, {.num_groups = groups_, .epsilon = eps_});
  return x.rank() == 2 ? squeeze(y, {2}) : y;
}

}  // namespace neve::nn
