// Decompositions and equations of matrices: cholesky, qr, svd, eigh, solve, solve_triangular, slogdet.
#include <atomic>

#include "base/threads.h"
#include "op/def.h"
#include "ops/eigen/dense.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

// ---- shared
// -----------------------------------------------------------------------------------------------------------

void require_matrices(Inferring& t, size_t i, bool square) {
  t.require_float(i);
  const TensorType& x = t.in(i);
  t.require_type(x.rank() >= 2, t.input_name(i), " must be ", square ? "square matrices" : "matrices", ", got ", x);
  if (square)
    t.require_equal(x.shape[size_t(x.rank()) - 1], x.shape[size_t(x.rank()) - 2], "number of columns and of rows");
}

/// The shape of x with other sizes in the place of its last two.
Shape with_last(const TensorType& x, std::initializer_list<Dim> last) {
  Shape s(x.shape.begin(), x.shape.end() - 2);
  for (const auto& n : last) s.push_back(n);
  return s;
}
Sizes with_last(const Tensor& x, std::initializer_list<int64_t> last) {
  Sizes s(x.shape().begin(), x.shape().end() - 2);
  for (const auto& n : last) s.push_back(n);
  return s;
}

int64_t rows_of(const Tensor& x) { return x.shape()[size_t(x.rank()) - 2]; }
int64_t columns_of(const Tensor& x) { return x.shape()[size_t(x.rank()) - 1]; }
int64_t count_of(const Tensor& x) { return product(x.shape(), 0, size_t(x.rank()) - 2); }

/// f(matrix) for each of `count`, in parallel; the first for which it is false is an error with these words.
template <class F>
void each(const Evaluating& e, std::string_view op, int64_t count, std::string_view what, F f) {
  std::atomic<int64_t> failed{count};
  parallel_for(count, 1, e.threads, [&](int64_t b, int64_t end, int) {
    for (int64_t i = b; i < end; ++i) {
      if (f(i)) continue;
      int64_t before = failed;
      while (i < before && !failed.compare_exchange_weak(before, i)) {
      }
    }
  });
  if (failed < count)
    fail(ErrorCode::invalid_argument, op, ": matrix ", failed.load(), " of ", type_text(e.in[0]), " ", what);
}

constexpr std::string_view not_finite = "has elements that are not finite, or its iteration did not converge";

Tensor wide(const Tensor& x) { return x.to(DType::f64); }
Tensor wide_result(const Sizes& s) { return Tensor::empty(DType::f64, s); }
void put(Evaluating& e, size_t k, const Tensor& y) {
  const Tensor& out = output(e, k, y.shape());
  out.copy_from(y.to(out.dtype()));
}

Value transposed(Builder& b, Value x) {
  std::vector<int64_t> perm;
  for (int64_t i = 0; i < b.rank(x); ++i) perm.push_back(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return b.call("transpose", {x}, {{"perm", perm}});
}
Value times(Builder& b, Value x, Value y) { return b.call("matmul", {x, y}); }
Value triangle(Builder& b, Value x, bool upper, int64_t k = 0) {
  if (!k) return b.call("trilu", {x}, {{"upper", upper}});
  return b.call("trilu", {x, b.constant(Tensor::scalar_int(DType::i64, k))}, {{"upper", upper}});
}
Value without_diagonal(Builder& b, Value x) {
  return b.call("add", {triangle(b, x, true, 1), triangle(b, x, false, -1)});
}
Value scaled(Builder& b, Value x, double f) { return b.call("mul", {x, b.scalar(b.dtype(x), f)}); }
Value symmetric(Builder& b, Value x) { return scaled(b, b.call("add", {x, transposed(b, x)}), 0.5); }
/// A vector as a row (axis -2) or a column (axis -1) that broadcasts over matrices.
Value lifted(Builder& b, Value v, bool row) {
  const int64_t rank = b.rank(v);
  return b.call("unsqueeze", {v}, {{"axes", std::vector<int64_t>{row ? rank - 1 : rank}}});
}
/// x[i, j] / (v[j] - v[i]) off the diagonal of x, where x must be 0.
Value over_differences(Builder& b, Value x, Value v) {
  const Value e = b.call("sub", {lifted(b, v, true), lifted(b, v, false)});
  const Value ones = full_like(b, e, 1);
  return b.call("div", {x, b.call("add", {e, triangle(b, triangle(b, ones, true), false)})});
}
Value plus(Builder& b, Value x, Value y) { return !x.valid() ? y : !y.valid() ? x : b.call("add", {x, y}); }

// ---- the ops
// ----------------------------------------------------------------------------------------------------------

struct Cholesky {
  static constexpr OpInfo info{
      .name = "cholesky",
      .summary = "The lower triangular l with l l^T = (x + x^T) / 2, positive definite; in f64.",
      .source = "array API linalg.cholesky",
      .inputs = {{"x", "[.., n, n]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_matrices(t, 0, true);
    t.result(t.in(0));
  }
  void eval(Evaluating& e) const {
    const Tensor x = wide(e.in[0]), y = wide_result(x.shape());
    const int64_t n = columns_of(x);
    each(e, "cholesky", n ? count_of(x) : 0, "is not positive definite", [&](int64_t i) {
      const double* a = x.data_as<double>() + i * n * n;
      std::vector<double> s(static_cast<size_t>(n * n));
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < n; ++c) s[size_t(r * n + c)] = (a[r * n + c] + a[c * n + r]) / 2;
      return dense::all_finite(s.data(), n * n) && dense::cholesky(s.data(), y.data_as<double>() + i * n * n, n);
    });
    put(e, 0, y);
  }
  /// dX = sym(l^-T phi(l^T dl) l^-1), phi: the lower triangle with half of the diagonal.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value l = g.out[0], lt = transposed(b, l), p = times(b, lt, g.dy());
    const Value phi = scaled(b, b.call("add", {triangle(b, p, false), triangle(b, p, false, -1)}), 0.5);
    const Value left = b.call("solve_triangular", {lt, phi}, {{"lower", false}});  // l^-T phi
    const Value right = b.call("solve_triangular", {lt, transposed(b, left)}, {{"lower", false}});
    return {symmetric(b, right)};
  }
  static std::vector<Sample> samples() {
    const Tensor a = Tensor::of(DType::f64, {2, 2, 2}, {4, 1, 1, 3, 2, -0.5, -0.5, 1});
    return {sample(Cholesky{}, {given(a)}),
            sample(Cholesky{}, {given(Tensor::of(DType::f32, {3, 3}, {4, 1, 0.5, 1, 3, -1, 0.5, -1, 2}))})};
  }
};

struct Qr {
  static constexpr OpInfo info{
      .name = "qr",
      .summary = "x = q r: q with orthonormal columns, r upper triangular, by Householder reflections in f64.",
      .source = "array API linalg.qr (mode reduced)",
      .inputs = {{"x", "[.., m, n]"}},
      .outputs = {{"q", "[.., m, min(m, n)]"}, {"r", "[.., min(m, n), n]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_matrices(t, 0, false);
    const TensorType& x = t.in(0);
    const Dim m = x.shape[size_t(x.rank()) - 2], n = x.shape[size_t(x.rank()) - 1], k = min(m, n);
    t.result(x.dtype, with_last(x, {m, k}));
    t.result(x.dtype, with_last(x, {k, n}));
  }
  void eval(Evaluating& e) const {
    const Tensor x = wide(e.in[0]);
    const int64_t m = rows_of(x), n = columns_of(x), k = std::min(m, n);
    const Tensor q = wide_result(with_last(x, {m, k})), r = wide_result(with_last(x, {k, n}));
    each(e, "qr", k ? count_of(x) : 0, not_finite, [&](int64_t i) {
      const double* a = x.data_as<double>() + i * m * n;
      dense::qr(a, q.data_as<double>() + i * m * k, r.data_as<double>() + i * k * n, m, n);
      return true;
    });
    put(e, 0, q);
    put(e, 1, r);
  }
  /// With x = [a, y], r = [r1, r2], a = q r1 square or tall: dY = q dR2, dQ' = dQ + y dR2^T,
  /// M = r1 dR1^T - dQ'^T q, dA = (dQ' + q copyltu(M)) r1^-T. r1 must be invertible.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value q = g.out[0], r = g.out[1];
    Value dq = g.dout[0], dr = g.dout[1], r1 = r, dr1 = dr, dy;
    const size_t last = size_t(b.rank(r)) - 1;
    const bool tall = b.type(r).shape[last] == b.type(r).shape[last - 1];
    if (!tall) {
      auto part = [&](Value x, bool first) {
        const Value k = b.call("slice", {b.shape_of(q), b.ints({int64_t(last)}), b.ints({int64_t(last) + 1})});
        const Value n = b.call("slice", {b.shape_of(x), b.ints({int64_t(last)}), b.ints({int64_t(last) + 1})});
        return b.call("slice", {x, first ? b.ints({0}) : k, first ? k : n, b.ints({int64_t(last)})});
      };
      r1 = part(r, true);
      if (dr.valid()) {
        const Value dr2 = part(dr, false);
        dr1 = part(dr, true);
        dy = times(b, q, dr2);
        dq = plus(b, dq, times(b, part(g.in[0], false), transposed(b, dr2)));
      } else {
        dy = zeros_like(b, part(g.in[0], false));
      }
    }
    Value m = dr1.valid() ? times(b, r1, transposed(b, dr1)) : Value{};
    if (dq.valid()) m = plus(b, m, scaled(b, times(b, transposed(b, dq), q), -1));
    const Value low = b.call("add", {triangle(b, m, false), transposed(b, triangle(b, m, false, -1))});
    const Value sum = plus(b, dq, times(b, q, low));
    const Value da = transposed(b, b.call("solve_triangular", {r1, transposed(b, sum)}, {{"lower", false}}));
    return {tall ? da : b.call("concat", {da, dy}, {{"axis", int64_t(last)}})};
  }
  static std::vector<Sample> samples() {
    return {sample(Qr{}, {given(Tensor::of(DType::f64, {3, 2}, {1, 2, 0.5, -1, 2, 0.25}))}),
            sample(Qr{}, {given(Tensor::of(DType::f64, {2, 2, 2}, {1, 2, 0.5, -1, 2, 0.25, -1, 1}))}),
            sample(Qr{}, {given(Tensor::of(DType::f32, {2, 4}, {1, 2, 0.5, -1, 2, 0.25, -1, 1}))})};
  }
};

struct Svd {
  static constexpr OpInfo info{
      .name = "svd",
      .summary = "x = u diag(s) vh with k = min(m, n) singular values, falling; in f64.",
      .source = "array API linalg.svd (full_matrices=False)",
      .inputs = {{"x", "[.., m, n]"}},
      .outputs = {{"u", "[.., m, k], orthonormal columns"}, {"s", "[.., k]"}, {"vh", "[.., k, n], orthonormal rows"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_matrices(t, 0, false);
    const TensorType& x = t.in(0);
    const Dim m = x.shape[size_t(x.rank()) - 2], n = x.shape[size_t(x.rank()) - 1], k = min(m, n);
    t.result(x.dtype, with_last(x, {m, k}));
    t.result(x.dtype, with_last(x, {k}));
    t.result(x.dtype, with_last(x, {k, n}));
  }
  void eval(Evaluating& e) const {
    const Tensor x = wide(e.in[0]);
    const int64_t m = rows_of(x), n = columns_of(x), k = std::min(m, n);
    const Tensor u = wide_result(with_last(x, {m, k})), s = wide_result(with_last(x, {k})),
                 vh = wide_result(with_last(x, {k, n}));
    each(e, "svd", k ? count_of(x) : 0, not_finite, [&](int64_t i) {
      const double* a = x.data_as<double>() + i * m * n;
      return dense::all_finite(a, m * n) && dense::svd(a, u.data_as<double>() + i * m * k, s.data_as<double>() + i * k,
                                                       vh.data_as<double>() + i * k * n, m, n);
    });
    put(e, 0, u);
    put(e, 1, s);
    put(e, 2, vh);
  }
  /// Of s alone: u diag(ds) vh. With u and vh: not finite where singular values are equal.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value u = g.out[0], s = g.out[1], vh = g.out[2], v = transposed(b, vh), ut = transposed(b, u);
    const Value row = lifted(b, s, true), column = lifted(b, s, false);
    Value sum;
    if (g.dout[1].valid()) sum = times(b, u, b.call("mul", {lifted(b, g.dout[1], false), vh}));
    auto skew = [&](Value x) {
      return over_differences(b, b.call("sub", {x, transposed(b, x)}), b.call("mul", {s, s}));
    };
    if (const Value du = g.dout[0]; du.valid()) {
      const Value inner = times(b, ut, du);
      const Value core = b.call("mul", {skew(inner), row});
      const Value rest = b.call("div", {b.call("sub", {du, times(b, u, inner)}), row});
      sum = plus(b, sum, times(b, b.call("add", {times(b, u, core), rest}), vh));
    }
    if (const Value dvh = g.dout[2]; dvh.valid()) {
      const Value inner = times(b, dvh, v);  // (v^T dv)^T
      const Value core = b.call("mul", {column, skew(transposed(b, inner))});
      const Value rest = b.call("div", {b.call("sub", {dvh, times(b, inner, vh)}), column});
      sum = plus(b, sum, times(b, u, b.call("add", {times(b, core, vh), rest})));
    }
    return {sum};
  }
  static std::vector<Sample> samples() {
    return {sample(Svd{}, {given(Tensor::of(DType::f64, {3, 2}, {1, 2, 0.5, -1, 2, 0.25}))}),
            sample(Svd{}, {given(Tensor::of(DType::f64, {2, 2, 2}, {1, 2, 0.5, -1, 2, 0.25, -1, 1}))}),
            sample(Svd{}, {given(Tensor::of(DType::f32, {2, 4}, {1, 2, 0.5, -1, 2, 0.25, -1, 1}))})};
  }
};

struct Eigh {
  static constexpr OpInfo info{.name = "eigh",
                               .summary = "(x + x^T) / 2 = v diag(w) v^T with the eigenvalues w rising; in f64.",
                               .source = "array API linalg.eigh",
                               .inputs = {{"x", "[.., n, n]"}},
                               .outputs = {{"w", "[.., n]"}, {"v", "[.., n, n], columns are eigenvectors"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_matrices(t, 0, true);
    const TensorType& x = t.in(0);
    t.result(x.dtype, with_last(x, {x.shape[size_t(x.rank()) - 1]}));
    t.result(x);
  }
  void eval(Evaluating& e) const {
    const Tensor x = wide(e.in[0]);
    const int64_t n = columns_of(x);
    const Tensor w = wide_result(with_last(x, {n})), v = wide_result(x.shape());
    each(e, "eigh", n ? count_of(x) : 0, not_finite, [&](int64_t i) {
      const double* a = x.data_as<double>() + i * n * n;
      std::vector<double> s(static_cast<size_t>(n * n));
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < n; ++c) s[size_t(r * n + c)] = (a[r * n + c] + a[c * n + r]) / 2;
      return dense::all_finite(s.data(), n * n) &&
             dense::eigh(s.data(), w.data_as<double>() + i * n, v.data_as<double>() + i * n * n, n);
    });
    put(e, 0, w);
    put(e, 1, v);
  }
  /// dX = sym(v (diag(dw) + (v^T dv) / (w_j - w_i)) v^T); not finite where eigenvalues are equal and v is used.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value w = g.out[0], v = g.out[1], vt = transposed(b, v);
    Value sum;
    if (g.dout[0].valid()) sum = times(b, b.call("mul", {v, lifted(b, g.dout[0], true)}), vt);
    if (g.dout[1].valid()) {
      const Value inner = over_differences(b, without_diagonal(b, times(b, vt, g.dout[1])), w);
      sum = plus(b, sum, times(b, times(b, v, inner), vt));
    }
    return {symmetric(b, sum)};
  }
  static std::vector<Sample> samples() {
    const Tensor a = Tensor::of(DType::f64, {2, 2, 2}, {4, 1, 1, 3, 2, -0.5, -0.5, 1});
    return {sample(Eigh{}, {given(a)}),
            sample(Eigh{}, {given(Tensor::of(DType::f32, {3, 3}, {4, 1, 0.5, 1, 3, -1, 0.5, -1, 0}))})};
  }
};

/// Of a [.., n, n] and b [.., n, k] with the same leading sizes.
void infer_solve(Inferring& t) {
  require_matrices(t, 0, true);
  require_matrices(t, 1, false);
  t.require_same_dtype(0, 1);
  const TensorType &a = t.in(0), &b = t.in(1);
  t.require_type(a.rank() == b.rank(), t.input_name(0), " and ", t.input_name(1), " must have the same rank, got ", a,
                 " and ", b);
  for (size_t i = 0; i + 2 < size_t(a.rank()); ++i) t.require_equal(a.shape[i], b.shape[i], "leading sizes");
  t.require_equal(a.shape[size_t(a.rank()) - 1], b.shape[size_t(b.rank()) - 2], "columns of a and rows of b");
  t.result(b);
}

struct Solve {
  static constexpr OpInfo info{.name = "solve",
                               .summary = "x of a x = b, by elimination with pivots in f64.",
                               .source = "array API linalg.solve",
                               .inputs = {{"a", "[.., n, n], not singular"}, {"b", "[.., n, k]"}},
                               .outputs = {{"x", "[.., n, k]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const { infer_solve(t); }
  void eval(Evaluating& e) const {
    const Tensor a = wide(e.in[0]), b = wide(e.in[1]), x = wide_result(b.shape());
    const int64_t n = columns_of(a), k = columns_of(b);
    each(e, "solve", n && k ? count_of(a) : 0, "is singular", [&](int64_t i) {
      return dense::solve(a.data_as<double>() + i * n * n, b.data_as<double>() + i * n * k,
                          x.data_as<double>() + i * n * k, n, k);
    });
    put(e, 0, x);
  }
  /// dB = a^-T dX; dA = -dB x^T.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value db = b.call("solve", {transposed(b, g.in[0]), g.dy()});
    return {scaled(b, times(b, db, transposed(b, g.out[0])), -1), db};
  }
  static std::vector<Sample> samples() {
    const Tensor a = Tensor::of(DType::f64, {2, 2, 2}, {1, 2, 0.5, -1, 0, 2, -1, 1});
    return {sample(Solve{}, {given(a), in(DType::f64, {2, 2, 3})}),
            sample(Solve{}, {given(Tensor::of(DType::f32, {2, 2}, {1, 2, 0.5, -1})), in({2, 1})})};
  }
};

struct SolveTriangular {
  bool lower = true, unit = false;

  static constexpr OpInfo info{.name = "solve_triangular",
                               .summary = "x of a x = b where a is triangular; not finite where a is singular. In f64.",
                               .source = "torch.linalg.solve_triangular",
                               .inputs = {{"a", "[.., n, n]; the other triangle is not read"}, {"b", "[.., n, k]"}},
                               .outputs = {{"x", "[.., n, k]"}}};
  static constexpr auto attrs =
      std::tuple{attr("lower", &SolveTriangular::lower, "a is lower triangular, else upper."),
                 attr("unit", &SolveTriangular::unit, "The diagonal is taken to be 1 and is not read.")};

  void infer(Inferring& t) const { infer_solve(t); }
  void eval(Evaluating& e) const {
    const Tensor a = wide(e.in[0]), b = wide(e.in[1]), x = wide_result(b.shape());
    const int64_t n = columns_of(a), k = columns_of(b);
    each(e, "solve_triangular", n && k ? count_of(a) : 0, "", [&](int64_t i) {
      dense::solve_triangular(a.data_as<double>() + i * n * n, b.data_as<double>() + i * n * k,
                              x.data_as<double>() + i * n * k, n, k, lower, unit);
      return true;
    });
    put(e, 0, x);
  }
  /// dB = a^-T dX; dA = -dB x^T within the triangle.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value db = b.call("solve_triangular", {transposed(b, g.in[0]), g.dy()}, {{"lower", !lower}, {"unit", unit}});
    const Value da = scaled(b, times(b, db, transposed(b, g.out[0])), -1);
    return {triangle(b, da, !lower, unit ? (lower ? -1 : 1) : 0), db};
  }
  static std::vector<Sample> samples() {
    const Tensor a = Tensor::of(DType::f64, {2, 2, 2}, {1, 2, 0.5, -1, 0.75, 2, -1, 1});
    const SolveTriangular upper{.lower = false}, unit{.lower = true, .unit = true};
    return {sample(SolveTriangular{}, {given(a), in(DType::f64, {2, 2, 3})}),
            sample(upper, {given(a), in(DType::f64, {2, 2, 3})}),
            sample(unit, {given(Tensor::of(DType::f32, {2, 2}, {1, 2, 0.5, -1})), in({2, 2})})};
  }
};

struct Slogdet {
  static constexpr OpInfo info{
      .name = "slogdet",
      .summary =
          "Sign and logarithm of the size of determinants, by elimination in f64; 0 and -infinity where singular.",
      .source = "array API linalg.slogdet",
      .inputs = {{"x", "[.., n, n]"}},
      .outputs = {{"sign", "[..]"}, {"logabsdet", "[..]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_matrices(t, 0, true);
    for (int k = 0; k < 2; ++k) t.result(t.in(0).dtype, with_last(t.in(0), {}));
  }
  void eval(Evaluating& e) const {
    const Tensor x = wide(e.in[0]), sign = wide_result(with_last(x, {})), log = wide_result(with_last(x, {}));
    const int64_t n = columns_of(x);
    each(e, "slogdet", count_of(x), "", [&](int64_t i) {
      dense::slogdet(x.data_as<double>() + i * n * n, sign.data_as<double>() + i, log.data_as<double>() + i, n);
      return true;
    });
    put(e, 0, sign);
    put(e, 1, log);
  }
  /// dX = dlog inverse(x)^T; the sign is constant.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    if (!g.dout[1].valid()) return {zeros_like(b, g.in[0])};
    const int64_t rank = b.rank(g.in[0]);
    const Value d = b.call("unsqueeze", {g.dout[1]}, {{"axes", std::vector<int64_t>{rank - 2, rank - 1}}});
    return {b.call("mul", {d, transposed(b, b.call("inverse", {g.in[0]}))})};
  }
  static std::vector<Sample> samples() {
    const Tensor a = Tensor::of(DType::f64, {2, 2, 2}, {1, 2, 0.5, -1, 0.75, 2, -1, 1});
    return {sample(Slogdet{}, {given(a)}),
            sample(Slogdet{}, {given(Tensor::of(DType::f32, {3, 3}, {0, 2, 1, 1, 0, 3, 2, 1, 0}))})};
  }
};

}  // namespace

OpList decompositions() {
  return {def<Cholesky>(), def<Qr>(), def<Svd>(), def<Eigh>(), def<Solve>(), def<SolveTriangular>(), def<Slogdet>()};
}

}  // namespace neve::ops
