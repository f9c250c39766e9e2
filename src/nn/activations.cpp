// Activations with parameters or draws, distances, dropout of all kinds.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

// ---- activations -------------------------------------------------------------------------------------------------

Tensor GLU::forward(const Tensor& x) const {
  check_float("GLU", "input", x);
  if (axis < -x.rank() || axis >= x.rank() || x.size(axis) % 2)
    fail(ErrorCode::shape_mismatch, "GLU: input is ", type_text(x), " and axis ", axis, " (an axis of even size)");
  const std::vector<Tensor> halves = ops::split(x, {.axis = axis, .num_outputs = 2});
  return halves[0] * sigmoid(halves[1]);
}

PReLU::PReLU(int64_t slopes, double initial, DType dtype) : Layer("PReLU") {
  check_positive("PReLU", "slopes", slopes);
  weight = add_parameter("weight", full({slopes}, initial, dtype));
}
Tensor PReLU::forward(const Tensor& x) const {
  check_float("PReLU", "input", x);
  const int64_t n = weight.size(0);
  if (n != 1 && (x.rank() < 2 || x.size(1) != n))
    fail(ErrorCode::shape_mismatch, "PReLU: input is ", type_text(x), " and weight ", type_text(weight),
         " (one slope, or one for each channel of axis 1)");
  check_one_dtype("PReLU", x, weight);
  Sizes shape{n};
  for (int64_t i = 2; n != 1 && i < x.rank(); ++i) shape.push_back(1);
  return prelu(x, weight.reshape(shape));
}

Tensor RReLU::forward(const Tensor& x) const {
  check_float("RReLU", "input", x);
  if (!is_training()) return leaky_relu(x, (low + high) / 2);
  return where(x < 0.0, x * uniform(low, high, x.shape(), x.dtype()), x);
}

// ---- distances ---------------------------------------------------------------------------------------------------

namespace {
Tensor length(const Tensor& x, double p, int64_t axis, bool keepdims) {
  if (p == 2) return reduce_l2(x, {.axes = {axis}, .keepdims = keepdims});
  if (p == 1) return reduce_l1(x, {.axes = {axis}, .keepdims = keepdims});
  return norm(x, p, {axis}, keepdims);
}
}  // namespace

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t axis, double eps) {
  check_float("cosine_similarity", "x1", x1);
  check_float("cosine_similarity", "x2", x2);
  const Tensor n1 = maximum(length(x1, 2, axis, false), eps), n2 = maximum(length(x2, 2, axis, false), eps);
  return sum(x1 * x2, {axis}) / (n1 * n2);
}
Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdims) {
  check_float("pairwise_distance", "x1", x1);
  check_float("pairwise_distance", "x2", x2);
  return length(x1 - x2 + eps, p, -1, keepdims);
}
Tensor normalize(const Tensor& x, double p, int64_t axis, double eps) {
  check_float("normalize", "x", x);
  return x / maximum(length(x, p, axis, true), eps);
}

// ---- dropout -----------------------------------------------------------------------------------------------------

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

ChannelDropout::ChannelDropout(std::string type, int64_t axes, double p) : Layer(std::move(type)), p(p), axes_(axes) {
  check_probability(this->type().c_str(), p);
}
Tensor ChannelDropout::forward(const Tensor& x) const {
  const char* call = type().c_str();
  check_float(call, "input", x);
  batched(call, x, axes_);
  if (!is_training() || p == 0) return x;
  Sizes shape = x.shape();
  for (int64_t i = x.rank() - axes_; i < x.rank(); ++i) shape[size_t(i)] = 1;
  return x * nn::dropout(ones(shape, x.dtype()), p);
}

AlphaDropout::AlphaDropout(std::string type, double p, bool channels)
    : Layer(std::move(type)), p(p), channels_(channels) {
  check_probability(this->type().c_str(), p);
}
Tensor AlphaDropout::forward(const Tensor& x) const {
  check_float(type().c_str(), "input", x);
  if (!is_training() || p == 0) return x;
  if (p == 1) return x * 0.0;
  Sizes shape = x.shape();
  for (size_t i = 2; channels_ && i < shape.size(); ++i) shape[i] = 1;
  const double low = -1.6732632423543772 * 1.0507009873554805;  // what SELU makes of minus infinity
  const double a = 1 / std::sqrt((1 - p) * (1 + p * low * low));
  return where(uniform(0, 1, shape) >= p, x, low) * a + (-a * low * p);
}

}  // namespace neve::nn
