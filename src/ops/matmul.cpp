// Matrix products: matmul, gemm and their quantised forms.
#include <algorithm>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/gemm.h"
#include "ops/support/gradients.h"

namespace neve::ops {
namespace {

/// The last two axes, as they are read.
template <class S>
S turned(S s, bool transpose) {
  if (transpose) std::swap(s[s.size() - 1], s[s.size() - 2]);
  return s;
}

/// Types of a NumPy matrix product; vectors are taken as a row or a column and lose that axis again.
Shape matmul_shape(Inferring& t, const Shape& a, const Shape& b) {
  t.require_shape(!a.empty() && !b.empty(), "a is ", t.in(0), " and b is ", t.in(1), " (both need rank 1 or more)");
  const Dim ka = a.back(), kb = b.size() == 1 ? b[0] : b[b.size() - 2];
  t.require_equal(ka, kb, "the last axis of a and the one before last of b must agree");
  const Shape batch_a(a.begin(), a.end() - std::min<size_t>(a.size(), 2)),
      batch_b(b.begin(), b.end() - std::min<size_t>(b.size(), 2));
  Shape y = t.broadcast(batch_a, batch_b);
  if (a.size() > 1) y.push_back(a[a.size() - 2]);
  if (b.size() > 1) y.push_back(b.back());
  return y;
}

template <class T>
void matmul_typed(const Tensor& a, const Tensor& b, const Tensor& y, bool turned_a, bool turned_b, int threads) {
  const Sizes sa = turned(a.shape(), turned_a), sb = turned(b.shape(), turned_b);
  const size_t ra = sa.size(), rb = sb.size();
  const int64_t m = ra > 1 ? sa[ra - 2] : 1, k = sa.back(), n = rb > 1 ? sb[rb - 1] : 1;
  const size_t ba = ra > 2 ? ra - 2 : 0, bb = rb > 2 ? rb - 2 : 0, rank = std::max(ba, bb);
  // Element offsets of the matrices of a and b, batch by batch.
  Sizes size(rank), step_a(rank), step_b(rank);
  int64_t run_a = m * k, run_b = k * n, batches = 1;
  for (size_t i = rank; i-- > 0;) {
    const int64_t da = i + ba >= rank ? sa[i + ba - rank] : 1, db = i + bb >= rank ? sb[i + bb - rank] : 1;
    size[i] = da == 1 ? db : da;
    step_a[i] = da == 1 ? 0 : run_a;
    step_b[i] = db == 1 ? 0 : run_b;
    run_a *= da, run_b *= db, batches *= size[i];
  }
  const T *pa = a.data_as<T>(), *pb = b.data_as<T>();
  T* py = y.data_as<T>();
  auto one = [&](int64_t batch, int inner_threads) {
    int64_t rest = batch, oa = 0, ob = 0;
    for (size_t i = rank; i-- > 0;) {
      const int64_t at = rest % size[i];
      rest /= size[i];
      oa += at * step_a[i], ob += at * step_b[i];
    }
    const Matrix<const T> x{pa + oa, turned_a ? 1 : k, turned_a ? m : 1},
        z{pb + ob, turned_b ? 1 : n, turned_b ? k : 1};
    gemm<T>(m, n, k, x, z, {py + batch * m * n, n, 1}, false, inner_threads);
  };
  if (batches < threads || m * n * k > 1 << 22) {
    for (int64_t i = 0; i < batches; ++i) one(i, threads);
  } else {
    parallel_for(batches, std::max<int64_t>(1, 65536 / (m * n * k + 1)), threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) one(i, 1);
    });
  }
}

struct Matmul {
  bool transpose_a = false, transpose_b = false;

  static constexpr OpInfo info{
      .name = "matmul",
      .summary = "Matrix product of the last two axes, broadcasting the others; a vector is a row (a) or a column (b).",
      .source = "ONNX MatMul-13; numpy.matmul",
      .inputs = {{"a", "[..., m, k] or [k]; [..., k, m] if transpose_a"},
                 {"b", "[..., k, n] or [k]; [..., n, k] if transpose_b"}},
      .outputs = {{"y", "[..., m, n]"}},
      .public_name = "matmul"};
  static constexpr auto attrs =
      std::tuple{attr("transpose_a", &Matmul::transpose_a, "The last two axes of a are read the other way round."),
                 attr("transpose_b", &Matmul::transpose_b, "The last two axes of b are read the other way round.")};

  void infer(Inferring& t) const {
    t.require_same_dtype(0, 1);
    const DType d = t.in(0).dtype;
    t.require_type(is_float(d) || d == DType::i32 || d == DType::i64 || d == DType::u32 || d == DType::u64, "a is ",
                   t.in(0), " (expected a float, or 32 or 64 bit integers)");
    t.require_shape(!transpose_a || t.in(0).rank() > 1, "a is ", t.in(0), " (transpose_a needs rank 2 or more)");
    t.require_shape(!transpose_b || t.in(1).rank() > 1, "b is ", t.in(1), " (transpose_b needs rank 2 or more)");
    t.result(d, matmul_shape(t, turned(t.in(0).shape, transpose_a), turned(t.in(1).shape, transpose_b)));
  }

  void eval(Evaluating& e) const {
    switch (e.in[0].dtype()) {
      case DType::i32:
      case DType::u32:
        return matmul_typed<uint32_t>(e.in[0], e.in[1], e.out(0), transpose_a, transpose_b, e.threads);
      case DType::i64:
      case DType::u64:
        return matmul_typed<uint64_t>(e.in[0], e.in[1], e.out(0), transpose_a, transpose_b, e.threads);
      default:
        eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
          matmul_typed<T>(in[0], in[1], out[0], transpose_a, transpose_b, e.threads);
        });
    }
  }

  /// da = dy b^T, db = a^T dy, of transposed operands the transposed, summed over the axes that were broadcast; vectors
  /// by way of matrices.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const int64_t ra = b.rank(g.in[0]), rb = b.rank(g.in[1]);
    Value a2 = g.in[0], b2 = g.in[1], dy = g.dy();
    if (ra == 1) a2 = unsqueeze(b, a2, {0});
    if (rb == 1) b2 = unsqueeze(b, b2, {1});
    if (rb == 1) dy = unsqueeze(b, dy, {-1});
    if (ra == 1) dy = unsqueeze(b, dy, {-2});
    auto product = [&](Value x, bool turned_x, Value z, bool turned_z) {
      return b.call("matmul", {turned_x ? swap_last(b, x) : x, turned_z ? swap_last(b, z) : z});
    };
    Values d(2);
    if (g.needs[0]) {
      d[0] = transpose_a ? product(b2, transpose_b, dy, true) : product(dy, false, b2, !transpose_b);
      d[0] = sum_to_like(b, d[0], a2);
      if (ra == 1) d[0] = squeeze(b, d[0], {0});
    }
    if (g.needs[1]) {
      d[1] = transpose_b ? product(dy, true, a2, transpose_a) : product(a2, !transpose_a, dy, false);
      d[1] = sum_to_like(b, d[1], b2);
      if (rb == 1) d[1] = squeeze(b, d[1], {1});
    }
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType> out) const {
    return 2 * elements(out[0]) * double(turned(in[0].shape, transpose_a).back().value());
  }

  static std::vector<Sample> samples() {
    return {sample(Matmul{}, {in({3, 4}), in({4, 5})}),
            sample(Matmul{}, {in({2, 3, 4}), in({2, 4, 5})}),
            sample(Matmul{}, {in({2, 3, 4}), in({4, 5})}),
            sample(Matmul{}, {in({3, 4}), in({2, 4, 5})}),
            sample(Matmul{}, {in({2, 1, 3, 4}), in({3, 4, 2})}),
            sample(Matmul{}, {in({4}), in({4})}),
            sample(Matmul{}, {in({4}), in({2, 4, 3})}),
            sample(Matmul{}, {in({2, 3, 4}), in({4})}),
            sample(Matmul{}, {in({17, 300}), in({300, 23})}),
            sample(Matmul{}, {in({0, 4}), in({4, 5})}),
            sample(Matmul{}, {in({3, 0}), in({0, 5})}),
            sample(Matmul{}, {in(DType::i32, {5, 4}, -9, 9), in(DType::i32, {4, 3}, -9, 9)}),
            sample(Matmul{.transpose_b = true}, {in({3, 4}), in({5, 4})}),
            sample(Matmul{.transpose_b = true}, {in({2, 6, 33}), in({17, 33})}),
            sample(Matmul{.transpose_b = true}, {in({33}), in({17, 33})}),
            sample(Matmul{.transpose_a = true}, {in({2, 4, 3}), in({4, 5})}),
            sample(Matmul{.transpose_a = true}, {in({40, 20}), in({40, 5})}),
            sample(Matmul{.transpose_a = true, .transpose_b = true}, {in({2, 1, 4, 3}), in({3, 5, 4})}),
            sample(Matmul{.transpose_a = true, .transpose_b = true},
                   {in(DType::i32, {4, 3}, -9, 9), in(DType::i32, {2, 5, 4}, -9, 9)})};
  }
};

struct Gemm {
  double alpha = 1, beta = 1;
  bool transA = false, transB = false;

  static constexpr OpInfo info{
      .name = "gemm",
      .summary = "y = alpha * a' b' + beta * c, with a and b transposed on request and c broadcast.",
      .source = "ONNX Gemm-13",
      .inputs = {{"a", "[m, k], or [k, m] if transA"},
                 {"b", "[k, n], or [n, k] if transB"},
                 {"c", "broadcasts to [m, n]", Arity::optional}},
      .outputs = {{"y", "[m, n]"}}};
  static constexpr auto attrs =
      std::tuple{attr("alpha", &Gemm::alpha, "Factor of the product."), attr("beta", &Gemm::beta, "Factor of c."),
                 attr("transA", &Gemm::transA, "Transpose a."), attr("transB", &Gemm::transB, "Transpose b.")};

  void infer(Inferring& t) const {
    t.require_same_dtype(0, 1);
    const TensorType &a = t.in(0), &b = t.in(1);
    t.require_shape(a.rank() == 2 && b.rank() == 2, "a is ", a, " and b is ", b, " (expected matrices)");
    t.require_equal(a.shape[transA ? 0 : 1], b.shape[transB ? 1 : 0], "the inner axes of a and b must agree");
    Shape y{a.shape[transA ? 1 : 0], b.shape[transB ? 0 : 1]};
    if (t.has(2)) {
      t.require_same_dtype(0, 2);
      const Shape& c = t.in(2).shape;
      t.require_shape(c.size() <= 2, "c is ", t.in(2), " (expected rank 2 or less)");
      for (size_t i = 0; i < c.size(); ++i)
        if (!c[i].is(1)) y[2 - c.size() + i] = t.broadcast(y[2 - c.size() + i], c[i]);
    }
    t.result(a.dtype, y);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const DType t = b.dtype(v[0]);
    Value y = b.call("matmul", {transA ? swap_last(b, v[0]) : v[0], transB ? swap_last(b, v[1]) : v[1]});
    if (alpha != 1) y = b.call("mul", {y, b.scalar(t, alpha)});
    if (v.size() < 3 || !v[2].valid() || beta == 0) return y;
    return b.call("add", {y, beta == 1 ? v[2] : b.call("mul", {v[2], b.scalar(t, beta)})});
  }

  /// dc = beta dy, summed over the axes that were broadcast; with s = alpha dy, da = s b'^T and db = a'^T s, transposed
  /// where the operand is.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value dy = g.dy();
    const DType t = b.dtype(dy);
    auto times = [&](Value v, double f) { return f == 1 ? v : b.call("mul", {v, b.scalar(t, f)}); };
    const Value s = times(dy, alpha);
    auto product = [&](Value x, bool tx, Value z, bool tz) {
      return b.call("matmul", {tx ? swap_last(b, x) : x, tz ? swap_last(b, z) : z});
    };
    Values d(g.in.size());
    if (g.needs[0]) d[0] = transA ? product(g.in[1], transB, s, true) : product(s, false, g.in[1], !transB);
    if (g.needs[1]) d[1] = transB ? product(s, true, g.in[0], transA) : product(g.in[0], !transA, s, false);
    if (g.in.size() > 2 && g.in[2].valid() && g.needs[2])
      d[2] = beta == 0 ? zeros_like(b, g.in[2]) : sum_to_like(b, times(dy, beta), g.in[2]);
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType> out) const {
    return 2 * elements(out[0]) * double(in[0].shape[transA ? 0 : 1].value());
  }

  static std::vector<Sample> samples() {
    return {sample(Gemm{}, {in({3, 4}), in({4, 5}), in({5})}),
            sample(Gemm{.alpha = 0.5, .beta = 2, .transA = true}, {in({4, 3}), in({4, 5}), in({3, 1})}),
            sample(Gemm{.transB = true}, {in({3, 4}), in({5, 4})}),
            sample(Gemm{.beta = 0.25, .transA = true, .transB = true}, {in({4, 3}), in({5, 4}), in({})}),
            sample(Gemm{}, {in({3, 4}), in({4, 5}), in({1, 5})})};
  }
};

/// x - zero_point in i32; a vector zero point of a matrix operand stands along `axis` (-2: rows, -1: columns).
Value centred(Builder& b, Value x, Value zero_point, int64_t axis) {
  Value y = b.cast(x, DType::i32);
  if (!zero_point.valid()) return y;
  Value z = b.cast(zero_point, DType::i32);
  if (axis == -2 && b.rank(z) == 1 && b.rank(x) > 1) z = unsqueeze(b, z, {1});
  return b.call("sub", {y, z});
}

struct MatmulInteger {
  static constexpr OpInfo info{.name = "matmul_integer",
                               .summary = "y = (a - a_zero_point) (b - b_zero_point), in 32-bit integers.",
                               .source = "ONNX MatMulInteger-10",
                               .inputs = {{"a", "u8 or i8 [..., m, k]"},
                                          {"b", "u8 or i8 [..., k, n]"},
                                          {"a_zero_point", "scalar, [m] or [..., m, 1]", Arity::optional},
                                          {"b_zero_point", "scalar, [n] or [..., 1, n]", Arity::optional}},
                               .outputs = {{"y", "i32 [..., m, n]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_8bit(t, 0);
    require_8bit(t, 1);
    if (t.has(2)) t.require_same_dtype(0, 2);
    if (t.has(3)) t.require_same_dtype(1, 3);
    t.result(DType::i32, matmul_shape(t, t.in(0).shape, t.in(1).shape));
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    return b.call("matmul", {centred(b, v[0], optional_input(v, 2), -2), centred(b, v[1], optional_input(v, 3), -1)});
  }

  static std::vector<Sample> samples() {
    const SampleInput a = in(DType::u8, {3, 4}, 0, 255), b = in(DType::i8, {4, 5}, -128, 127);
    return {sample(MatmulInteger{}, {a, b}, 0, "exact"),
            sample(MatmulInteger{}, {a, b, in(DType::u8, {}, 0, 255), in(DType::i8, {}, -9, 9)}, 0, "exact"),
            sample(MatmulInteger{}, {a, b, in(DType::u8, {3}, 0, 255), in(DType::i8, {5}, -9, 9)}, 0, "exact"),
            sample(MatmulInteger{},
                   {in(DType::u8, {2, 3, 4}, 0, 255), in(DType::u8, {2, 4, 2}, 0, 255),
                    in(DType::u8, {2, 3, 1}, 0, 255), absent()},
                   0, "exact")};
  }
};

struct QlinearMatmul {
  static constexpr OpInfo info{
      .name = "qlinear_matmul",
      .summary = "Matrix product of quantised tensors, requantised: y = quantise(dequantise(a) dequantise(b)).",
      .source = "ONNX QLinearMatMul-21",
      .inputs = {{"a", "u8 or i8 [..., m, k]"},
                 {"a_scale", "scalar, [m] or [..., m, 1]"},
                 {"a_zero_point"},
                 {"b", "u8 or i8 [..., k, n]"},
                 {"b_scale", "scalar, [n] or [..., 1, n]"},
                 {"b_zero_point"},
                 {"y_scale"},
                 {"y_zero_point"}},
      .outputs = {{"y", "[..., m, n]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_8bit(t, 0);
    require_8bit(t, 3);
    require_8bit(t, 7);
    t.require_same_dtype(0, 2);
    t.require_same_dtype(3, 5);
    t.require_float(1);
    t.require_same_dtype(1, 4);
    t.require_same_dtype(1, 6);
    const Shape &a = t.in(0).shape, &b = t.in(3).shape;
    t.require_shape(a.size() >= 2 && b.size() >= 2, "a is ", t.in(0), " and b is ", t.in(3),
                    " (expected rank 2 or more)");
    t.require_equal(a.back(), b[b.size() - 2], "the last axis of a and the one before last of b must agree");
    Shape y = t.broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    y.push_back(a[a.size() - 2]);
    y.push_back(b.back());
    t.result(t.in(7).dtype, y);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const Value product = b.call("matmul", {centred(b, v[0], v[2], -2), centred(b, v[3], v[5], -1)});
    Value sa = b.cast(v[1], DType::f32), sb = b.cast(v[4], DType::f32);
    if (b.rank(sa) == 1) sa = unsqueeze(b, sa, {1});
    const Value real = b.call("mul", {b.cast(product, DType::f32), b.call("mul", {sa, sb})});
    return b.call("quantize_linear", {real, b.cast(v[6], DType::f32), v[7]});
  }

  static std::vector<Sample> samples() {
    auto scale = [] { return in({}, 0.01, 0.02); };
    return {sample(QlinearMatmul{},
                   {in(DType::u8, {2, 4}, 0, 255), scale(), in(DType::u8, {}, 0, 255), in(DType::u8, {4, 3}, 0, 255),
                    scale(), in(DType::u8, {}, 0, 255), in({}, 0.2, 0.3), in(DType::u8, {}, 0, 255)},
                   1, "one step where the quotient is half way between two"),
            sample(QlinearMatmul{},
                   {in(DType::i8, {2, 2, 4}, -9, 9), scale(), in(DType::i8, {}, -9, 9), in(DType::i8, {2, 4, 3}, -9, 9),
                    scale(), in(DType::i8, {}, -9, 9), in({}, 0.2, 0.3), in(DType::i8, {}, -9, 9)},
                   1, "one step where the quotient is half way between two")};
  }
};

}  // namespace

OpList matmul() { return {def<Matmul>(), def<Gemm>(), def<MatmulInteger>(), def<QlinearMatmul>()}; }

}  // namespace neve::ops
