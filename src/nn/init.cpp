// Initialisers of weights.
#include <neve/nn.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {

constinit thread_local bool draws_weights = true;

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

double kaiming(const char* call, const Tensor& t, double slope, init::Fan which, const std::string& nonlinearity) {
  const Fans f = fans(call, t);
  const double fan = which == init::Fan::in ? f.in : f.out;
  return fan > 0 ? init::gain(nonlinearity, slope) / std::sqrt(fan) : 0.0;
}

// Winitzki's approximation, then Newton's steps on erf.
double inverse_erf(double p) {
  p = std::clamp(p, -1 + 1e-15, 1 - 1e-15);
  const double log = std::log((1 - p) * (1 + p)), half = 2 / (std::numbers::pi * 0.147) + log / 2;
  double x = std::copysign(std::sqrt(std::sqrt(half * half - log / 0.147) - half), p);
  for (int k = 0; k < 3; ++k) x -= (std::erf(x) - p) * (std::sqrt(std::numbers::pi) / 2) * std::exp(x * x);
  return x;
}

// The columns of a [rows, columns], rows >= columns, made orthonormal in their order: twice, against rounding.
void orthonormalise(std::vector<double>& a, int64_t rows, int64_t columns) {
  auto at = [&](int64_t i, int64_t j) -> double& { return a[size_t(i * columns + j)]; };
  auto product = [&](int64_t j, int64_t k) {
    double s = 0;
    for (int64_t i = 0; i < rows; ++i) s += at(i, j) * at(i, k);
    return s;
  };
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t k = 0; k < 2 * j; ++k) {
      const double s = product(j, k % j);
      for (int64_t i = 0; i < rows; ++i) at(i, j) -= s * at(i, k % j);
    }
    const double size = std::sqrt(product(j, j));
    for (int64_t i = 0; i < rows; ++i) at(i, j) /= size;
  }
}

}  // namespace

double init::gain(const std::string& nonlinearity, double slope) {
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + slope * slope));
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "selu") return 0.75;
  for (const char* one :
       {"linear", "sigmoid", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
    if (nonlinearity == one) return 1;
  fail(ErrorCode::invalid_argument, "gain: nonlinearity is '", nonlinearity,
       "' (linear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, sigmoid, tanh, relu, "
       "leaky_relu or selu)");
}

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
void init::trunc_normal(const Tensor& t, double mean, double deviation, double low, double high) {
  if (!(low < high) || !(deviation > 0))
    fail(ErrorCode::invalid_argument, "trunc_normal: low is ", low, ", high ", high, " and deviation ", deviation,
         " (low < high and deviation > 0)");
  if (!draws_weights) return;
  // By the inverse of the distribution: erf of the bounds are where the even numbers end.
  const double scale = deviation * std::numbers::sqrt2;
  const double first = std::erf((low - mean) / scale), last = std::erf((high - mean) / scale);
  const Tensor x = neve::uniform(first, last, t.shape(), DType::f64);
  for (double& v : std::span(x.data_as<double>(), size_t(x.element_count())))
    v = std::clamp(inverse_erf(v) * scale + mean, low, high);
  set(t, x);
}
void init::xavier_uniform(const Tensor& t, double gain) {
  const Fans f = fans("xavier_uniform", t);
  const double a = gain * std::sqrt(6 / (f.in + f.out));
  uniform(t, -a, a);
}
void init::xavier_normal(const Tensor& t, double gain) {
  const Fans f = fans("xavier_normal", t);
  normal(t, 0, gain * std::sqrt(2 / (f.in + f.out)));
}
void init::kaiming_uniform(const Tensor& t, double slope, Fan fan, const std::string& nonlinearity) {
  const double bound = std::sqrt(3.0) * kaiming("kaiming_uniform", t, slope, fan, nonlinearity);
  uniform(t, -bound, bound);
}
void init::kaiming_normal(const Tensor& t, double slope, Fan fan, const std::string& nonlinearity) {
  normal(t, 0, kaiming("kaiming_normal", t, slope, fan, nonlinearity));
}

void init::eye(const Tensor& t) {
  if (t.rank() != 2) fail(ErrorCode::shape_mismatch, "eye: the tensor is ", type_text(t), " (a matrix)");
  const int64_t rows = t.size(0), columns = t.size(1);
  set(t, (unsqueeze(arange(rows), 1) == unsqueeze(arange(columns), 0)).to(t.dtype()));
}
void init::dirac(const Tensor& t, int64_t groups) {
  if (t.rank() < 3 || t.rank() > 5)
    fail(ErrorCode::shape_mismatch, "dirac: the tensor is ", type_text(t), " (3 to 5 axes: [out, in, kernel...])");
  if (groups <= 0 || t.size(0) % groups)
    fail(ErrorCode::invalid_argument, "dirac: groups is ", groups, " and the tensor ", type_text(t),
         " (groups divides the first axis)");
  int64_t field = 1, middle = 0;
  for (int64_t i = 2; i < t.rank(); ++i) {
    field *= t.size(i);
    middle = middle * t.size(i) + t.size(i) / 2;
  }
  std::vector<float> values(size_t(t.element_count()));
  const int64_t each = t.size(0) / groups, in = t.size(1);
  for (int64_t g = 0; g < groups && field; ++g)
    for (int64_t d = 0; d < std::min(each, in); ++d) values[size_t(((g * each + d) * in + d) * field + middle)] = 1;
  set(t, from_vector(values, t.shape()));
}
void init::orthogonal(const Tensor& t, double gain) {
  if (t.rank() < 2) fail(ErrorCode::shape_mismatch, "orthogonal: the tensor is ", type_text(t), " (at least 2 axes)");
  if (!draws_weights || !t.element_count()) return;
  const int64_t rows = t.size(0), columns = t.element_count() / rows;
  const int64_t most = std::max(rows, columns), least = std::min(rows, columns);
  const Tensor drawn = neve::normal(0, 1, {most, least}, DType::f64);
  std::vector<double> a(drawn.data_as<double>(), drawn.data_as<double>() + drawn.element_count());
  orthonormalise(a, most, least);
  const Tensor q = from_vector(a, {most, least});
  set(t, (rows < columns ? q.transpose({1, 0}) : q).reshape(t.shape()) * gain);
}
void init::sparse(const Tensor& t, double sparsity, double deviation) {
  if (t.rank() != 2) fail(ErrorCode::shape_mismatch, "sparse: the tensor is ", type_text(t), " (a matrix)");
  if (!(sparsity >= 0 && sparsity <= 1))
    fail(ErrorCode::invalid_argument, "sparse: sparsity is ", sparsity, " (a share from 0 to 1)");
  if (!draws_weights) return;
  const Tensor order = argsort(neve::uniform(0, 1, t.shape()), 0);
  const Tensor values = neve::normal(0, deviation, t.shape());
  const Tensor zeroed = narrow(order, 0, 0, int64_t(std::ceil(sparsity * double(t.size(0)))));
  set(t, scatter(values, 0, zeroed, zeros({})));
}

}  // namespace neve::nn
