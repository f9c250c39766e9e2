// Elementwise functions of one operand.
#include "op/def.h"
#include "ops/detail/elementwise.h"
#include "ops/detail/expr.h"

namespace neve::ops {
namespace {

struct UnarySpec {
  std::string_view name, summary, source, public_name;
  Takes takes;
  Scalar (*scalar)(Scalar);
  Expr (*grad)(Expr x, Expr y, Expr dy);  // null: zero everywhere it exists
  double lo = -1.5, hi = 1.5;             // of the samples
  ContentRule content = nullptr;
};

template <ScalarOp op>
Scalar step(Scalar x) {
  return unary(op, x);
}
using Dims = std::span<const Dim>;
using Known = std::optional<Dim>;

constexpr double two_over_sqrt_pi = 1.1283791670955126;

constexpr UnarySpec unary_table[] = {
    {"neg", "-x", "ONNX Neg-13", "negative", Takes::signed_numbers, step<ScalarOp::neg>,
     [](Expr, Expr, Expr dy) { return -dy; }, -1.5, 1.5, [](Dims d) -> Known { return Dim(0) - d[0]; }},
    {"abs", "The absolute value of x", "ONNX Abs-13", "abs", Takes::numbers, step<ScalarOp::abs>,
     [](Expr x, Expr, Expr dy) { return dy * x.call("sign"); }, -1.5, 1.5,
     [](Dims d) -> Known {
       if (proven(at_least(d[0], 0))) return d[0];
       return proven(at_least(0, d[0])) ? Known(Dim(0) - d[0]) : Known();
     }},
    {"sign", "-1, 0 or 1 as the sign of x", "ONNX Sign-13", "sign", Takes::numbers, step<ScalarOp::sign>, nullptr, -1.5,
     1.5,
     [](Dims d) -> Known {
       if (d[0].is_constant()) return Dim((d[0].value() > 0) - (d[0].value() < 0));
       return proven(at_least(d[0], 1)) ? Known(1) : Known();
     }},
    {"sqrt", "The square root of x; NaN below 0", "ONNX Sqrt-13", "sqrt", Takes::floats, step<ScalarOp::sqrt>,
     [](Expr, Expr y, Expr dy) { return dy * 0.5 / y; }, 0.2, 2},
    {"rsqrt", "1 / sqrt(x)", "torch.rsqrt", "", Takes::floats, step<ScalarOp::rsqrt>,
     [](Expr x, Expr y, Expr dy) { return dy * -0.5 * y / x; }, 0.2, 2},
    {"reciprocal", "1 / x", "ONNX Reciprocal-13", "reciprocal", Takes::floats, [](Scalar x) { return 1.0 / x; },
     [](Expr, Expr y, Expr dy) { return -(dy * y * y); }, 0.3, 2},
    {"exp", "e to the power x", "ONNX Exp-13", "exp", Takes::floats, step<ScalarOp::exp>,
     [](Expr, Expr y, Expr dy) { return dy * y; }},
    {"expm1", "exp(x) - 1, exact near 0", "numpy.expm1", "expm1", Takes::floats, step<ScalarOp::expm1>,
     [](Expr, Expr y, Expr dy) { return dy * (y + 1.0); }},
    {"log", "The natural logarithm of x; NaN below 0", "ONNX Log-13", "log", Takes::floats, step<ScalarOp::log>,
     [](Expr x, Expr, Expr dy) { return dy / x; }, 0.2, 2},
    {"log1p", "log(1 + x), exact near 0", "numpy.log1p", "log1p", Takes::floats, step<ScalarOp::log1p>,
     [](Expr x, Expr, Expr dy) { return dy / (x + 1.0); }, -0.7, 2},
    {"erf", "The error function of x", "ONNX Erf-13", "", Takes::floats, step<ScalarOp::erf>,
     [](Expr x, Expr, Expr dy) { return dy * (-(x * x)).call("exp") * two_over_sqrt_pi; }},
    {"sin", "The sine of x", "ONNX Sin-7", "sin", Takes::floats, step<ScalarOp::sin>,
     [](Expr x, Expr, Expr dy) { return dy * x.call("cos"); }},
    {"cos", "The cosine of x", "ONNX Cos-7", "cos", Takes::floats, step<ScalarOp::cos>,
     [](Expr x, Expr, Expr dy) { return -(dy * x.call("sin")); }},
    {"tan", "The tangent of x", "ONNX Tan-7", "tan", Takes::floats, step<ScalarOp::tan>,
     [](Expr, Expr y, Expr dy) { return dy * (y * y + 1.0); }, -1.2, 1.2},
    {"asin", "The arc sine of x", "ONNX Asin-7", "asin", Takes::floats, step<ScalarOp::asin>,
     [](Expr x, Expr, Expr dy) { return dy / (1.0 - x * x).call("sqrt"); }, -0.9, 0.9},
    {"acos", "The arc cosine of x", "ONNX Acos-7", "acos", Takes::floats, step<ScalarOp::acos>,
     [](Expr x, Expr, Expr dy) { return -(dy / (1.0 - x * x).call("sqrt")); }, -0.9, 0.9},
    {"atan", "The arc tangent of x", "ONNX Atan-7", "atan", Takes::floats, step<ScalarOp::atan>,
     [](Expr x, Expr, Expr dy) { return dy / (x * x + 1.0); }},
    {"sinh", "The hyperbolic sine of x", "ONNX Sinh-9", "sinh", Takes::floats, step<ScalarOp::sinh>,
     [](Expr x, Expr, Expr dy) { return dy * x.call("cosh"); }},
    {"cosh", "The hyperbolic cosine of x", "ONNX Cosh-9", "cosh", Takes::floats, step<ScalarOp::cosh>,
     [](Expr x, Expr, Expr dy) { return dy * x.call("sinh"); }},
    {"tanh", "The hyperbolic tangent of x", "ONNX Tanh-13", "tanh", Takes::floats, step<ScalarOp::tanh>,
     [](Expr, Expr y, Expr dy) { return dy * (1.0 - y * y); }},
    {"asinh", "The inverse hyperbolic sine of x", "ONNX Asinh-9", "asinh", Takes::floats, step<ScalarOp::asinh>,
     [](Expr x, Expr, Expr dy) { return dy * (x * x + 1.0).call("rsqrt"); }},
    {"acosh", "The inverse hyperbolic cosine of x", "ONNX Acosh-9", "acosh", Takes::floats, step<ScalarOp::acosh>,
     [](Expr x, Expr, Expr dy) { return dy * (x * x - 1.0).call("rsqrt"); }, 1.2, 3},
    {"atanh", "The inverse hyperbolic tangent of x", "ONNX Atanh-9", "atanh", Takes::floats, step<ScalarOp::atanh>,
     [](Expr x, Expr, Expr dy) { return dy / (1.0 - x * x); }, -0.9, 0.9},
    {"sigmoid", "1 / (1 + exp(-x)), without overflow", "ONNX Sigmoid-13", "", Takes::floats, step<ScalarOp::sigmoid>,
     [](Expr, Expr y, Expr dy) { return dy * y * (1.0 - y); }},
    {"floor", "The largest integer not above x", "ONNX Floor-13", "floor", Takes::floats, step<ScalarOp::floor>,
     nullptr},
    {"ceil", "The smallest integer not below x", "ONNX Ceil-13", "ceil", Takes::floats, step<ScalarOp::ceil>, nullptr},
    {"trunc", "x without its fraction", "numpy.trunc", "trunc", Takes::floats, step<ScalarOp::trunc>, nullptr},
    {"round", "The nearest integer, halves to even", "ONNX Round-11", "round", Takes::floats, step<ScalarOp::round>,
     nullptr},
};

template <size_t I>
struct Unary {
  static constexpr const UnarySpec& spec = unary_table[I];
  static constexpr OpInfo info{.name = spec.name,
                               .summary = spec.summary,
                               .source = spec.source,
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = spec.public_name};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, spec.takes);
    t.result(t.in(0));
    fold_content(t, spec.content);
  }
  Scalar scalar(std::span<const Scalar> x) const { return spec.scalar(x[0]); }
  Values grad(const Gradient& g) const {
    constexpr auto rule = spec.grad;
    if constexpr (rule == nullptr)
      return {Value{}};
    else
      return {rule({&g.b, g.in[0]}, {&g.b, g.out[0]}, {&g.b, g.dy()})};
  }
  static std::vector<Sample> samples() {
    const double lo = spec.lo, hi = spec.hi;
    std::vector<Sample> s = {sample(Unary{}, {in({2, 3}, lo, hi)}), sample(Unary{}, {in({}, lo, hi)}),
                             sample(Unary{}, {in({0, 2}, lo, hi)}), sample(Unary{}, {in(DType::f64, {17}, lo, hi)}),
                             sample(Unary{}, {in(DType::bf16, {5}, lo, hi)}, 1e-2, "bf16 holds 8 bits")};
    if (takes(spec.takes, DType::i32)) {
      s.push_back(sample(Unary{}, {in(DType::i32, {7}, -5, 5)}));
      s.push_back(sample(Unary{}, {given_ints({3, 0, -4})}));
    }
    return s;
  }
};

template <size_t... I>
OpList unaries(std::index_sequence<I...>) {
  return {def<Unary<I>>()...};
}

}  // namespace

OpList unary() { return unaries(std::make_index_sequence<std::size(unary_table)>{}); }

}  // namespace neve::ops
