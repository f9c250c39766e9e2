// Square matrices: det and inverse.
#include <cmath>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

void require_square(Inferring& t) {
  t.require_float(0);
  const TensorType& x = t.in(0);
  t.require_type(x.rank() >= 2, t.input_name(0), " must be square matrices, got ", x);
  t.require_equal(x.shape[size_t(x.rank()) - 1], x.shape[size_t(x.rank()) - 2], "number of columns and of rows");
}

Value transposed(Builder& b, Value x) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < b.rank(x); ++i) perm.push_back(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return b.call("transpose", {x}, {{"perm", perm}});
}

/// The row at or below k with the largest element in column k.
int64_t pivot(const double* a, int64_t n, int64_t k) {
  int64_t p = k;
  for (int64_t r = k + 1; r < n; ++r)
    if (std::abs(a[r * n + k]) > std::abs(a[p * n + k])) p = r;
  return p;
}

double determinant(double* a, int64_t n) {
  double det = 1;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t p = pivot(a, n, k);
    if (p != k) {
      std::swap_ranges(a + p * n, a + p * n + n, a + k * n);
      det = -det;
    }
    det *= a[k * n + k];
    if (a[k * n + k] == 0) return det;
    for (int64_t r = k + 1; r < n; ++r) {
      const double f = a[r * n + k] / a[k * n + k];
      for (int64_t c = k + 1; c < n; ++c) a[r * n + c] -= f * a[k * n + c];
    }
  }
  return det;
}

/// Gauss-Jordan; a is destroyed.
void invert(double* a, double* y, int64_t n) {
  for (int64_t i = 0; i < n * n; ++i) y[i] = i % (n + 1) == 0;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t p = pivot(a, n, k);
    std::swap_ranges(a + p * n, a + p * n + n * (p != k), a + k * n);
    std::swap_ranges(y + p * n, y + p * n + n * (p != k), y + k * n);
    const double f = 1 / a[k * n + k];  // infinite where the matrix is singular
    for (int64_t c = 0; c < n; ++c) a[k * n + c] *= f, y[k * n + c] *= f;
    for (int64_t r = 0; r < n; ++r) {
      const double g = a[r * n + k];
      if (r == k || g == 0) continue;
      for (int64_t c = 0; c < n; ++c) a[r * n + c] -= g * a[k * n + c], y[r * n + c] -= g * y[k * n + c];
    }
  }
}

struct Det {
  static constexpr OpInfo info{.name = "det",
                               .summary = "Determinants of square matrices, by elimination in f64.",
                               .source = "ONNX Det-22",
                               .inputs = {{"X", "[.., n, n]"}},
                               .outputs = {{"Y"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_square(t);
    const Shape& x = t.in(0).shape;
    t.result(t.in(0).dtype, Shape(x.begin(), x.end() - 2));
  }
  void eval(Evaluating& e) const {
    const Tensor x = e.in[0].to(DType::f64).clone();
    const int64_t n = x.shape().back();
    const Tensor& out = output(e, 0, {x.shape().begin(), x.shape().end() - 2});
    const Tensor y = Tensor::empty(DType::f64, out.shape());
    parallel_for(y.element_count(), 1, e.threads, [&](int64_t b, int64_t end, int) {
      for (int64_t i = b; i < end; ++i) y.data_as<double>()[i] = determinant(x.data_as<double>() + i * n * n, n);
    });
    out.copy_from(y.to(out.dtype()));
  }
  /// dX = dy det(X) inverse(X)^T; not finite where X is singular.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const int64_t rank = b.rank(g.in[0]);
    const Value scale =
        b.call("unsqueeze", {b.call("mul", {g.dy(), g.out[0]})}, {{"axes", std::vector<int64_t>{rank - 2, rank - 1}}});
    return {b.call("mul", {scale, transposed(b, b.call("inverse", {g.in[0]}))})};
  }
  static std::vector<Sample> samples() {
    return {sample(Det{}, {in({3, 3})}), sample(Det{}, {in({2, 2, 2})}),
            sample(Det{}, {given(Tensor::of(DType::f32, {2, 2}, {0, 2, 3, 0}))}),
            sample(Det{}, {in(DType::f64, {4, 4})})};
  }
};

struct Inverse {
  static constexpr OpInfo info{
      .name = "inverse",
      .summary = "Inverses of square matrices, by elimination in f64; not finite where a matrix is singular.",
      .source = "numpy.linalg.inv",
      .inputs = {{"x", "[.., n, n]"}},
      .public_name = "inv"};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_square(t);
    t.result(t.in(0));
  }
  void eval(Evaluating& e) const {
    const Tensor x = e.in[0].to(DType::f64).clone(), y = Tensor::empty(DType::f64, x.shape());
    const int64_t n = x.shape().back(), matrices = n ? x.element_count() / (n * n) : 0;
    parallel_for(matrices, 1, e.threads, [&](int64_t b, int64_t end, int) {
      for (int64_t i = b; i < end; ++i) invert(x.data_as<double>() + i * n * n, y.data_as<double>() + i * n * n, n);
    });
    const Tensor& out = output(e, 0, x.shape());
    out.copy_from(y.to(out.dtype()));
  }
  /// dX = -Y^T dY Y^T.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value yt = transposed(b, g.out[0]);
    return {b.call("neg", {b.call("matmul", {b.call("matmul", {yt, g.dy()}), yt})})};
  }
  static std::vector<Sample> samples() {
    const Tensor m = Tensor::of(DType::f32, {2, 2, 2}, {2, 0.5, -1, 1.5, 0, 1, 2, 0.25});
    return {sample(Inverse{}, {given(m)}),
            sample(Inverse{}, {given(Tensor::of(DType::f64, {3, 3}, {0, 2, 1, 1, 0, 3, 2, 1, 0}))})};
  }
};

}  // namespace

OpList linalg() { return {def<Det>(), def<Inverse>()}; }

}  // namespace neve::ops
