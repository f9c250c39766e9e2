// Activation functions: one expression each, so that they fuse, with their gradients.
#include "op/def.h"
#include "ops/detail/elementwise.h"
#include "ops/detail/expr.h"

namespace neve::ops {
namespace {

constexpr double inv_sqrt_2 = 0.70710678118654752, inv_sqrt_2_pi = 0.39894228040143268,
                 sqrt_2_over_pi = 0.79788456080286536;

constexpr OpInfo describe(std::string_view name, std::string_view summary, std::string_view source) {
  return {.name = name, .summary = summary, .source = source, .inputs = {{"x"}}};
}

/// Base of op structs with f(x) -> y and df(x, y, dy) -> dx.
template <class Op>
struct Activation {
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(t.in(0));
  }
  Scalar scalar(std::span<const Scalar> x) const { return static_cast<const Op*>(this)->f(x[0]); }
  Values grad(const Gradient& g) const {
    return {static_cast<const Op*>(this)->df(Expr{&g.b, g.in[0]}, Expr{&g.b, g.out[0]}, Expr{&g.b, g.dy()})};
  }
  static std::vector<Sample> samples() { return samples_of(Op{}); }
  static std::vector<Sample> samples_of(const Op& op) {
    return {sample(op, {in({2, 3}, -4, 4)}), sample(op, {in({}, -4, 4)}), sample(op, {in({3, 0})}),
            sample(op, {in(DType::f16, {7}, -4, 4)}, 2e-3, "f16 holds 11 bits")};
  }
};

Scalar softplus_of(Scalar x) { return max(x, 0.0) + unary(ScalarOp::log1p, exp(-abs(x))); }

struct Relu : Activation<Relu> {
  static constexpr OpInfo info = describe("relu", "max(x, 0)", "ONNX Relu-14");
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::signed_numbers);
    t.result(t.in(0));
  }
  Scalar f(Scalar x) const { return max(x, 0.0); }
  Expr df(Expr, Expr y, Expr dy) const { return where(greater(y, 0), dy, 0.0); }
};

struct LeakyRelu : Activation<LeakyRelu> {
  double alpha = 0.01;
  static constexpr OpInfo info = describe("leaky_relu", "x, times alpha below 0", "ONNX LeakyRelu-16");
  static constexpr auto attrs = std::tuple{attr("alpha", &LeakyRelu::alpha, "Slope below 0.")};
  Scalar f(Scalar x) const { return select(x < 0.0, x * alpha, x); }
  Expr df(Expr x, Expr, Expr dy) const { return where(less(x, 0), dy * alpha, dy); }
};

struct Elu : Activation<Elu> {
  double alpha = 1;
  static constexpr OpInfo info = describe("elu", "x, alpha * (exp(x) - 1) below 0", "ONNX Elu-6");
  static constexpr auto attrs = std::tuple{attr("alpha", &Elu::alpha, "Scale below 0.")};
  Scalar f(Scalar x) const { return select(x < 0.0, unary(ScalarOp::expm1, x) * alpha, x); }
  Expr df(Expr x, Expr y, Expr dy) const { return where(less(x, 0), dy * (y + alpha), dy); }
};

struct Selu : Activation<Selu> {
  double alpha = 1.67326319217681884765625, gamma = 1.05070102214813232421875;
  static constexpr OpInfo info = describe("selu", "gamma * (x, alpha * (exp(x) - 1) below 0)", "ONNX Selu-6");
  static constexpr auto attrs =
      std::tuple{attr("alpha", &Selu::alpha, "Scale below 0."), attr("gamma", &Selu::gamma, "Scale of all.")};
  Scalar f(Scalar x) const { return select(x < 0.0, unary(ScalarOp::expm1, x) * alpha, x) * gamma; }
  Expr df(Expr x, Expr y, Expr dy) const { return dy * where(less(x, 0), y + alpha * gamma, gamma); }
};

struct Celu : Activation<Celu> {
  double alpha = 1;
  static constexpr OpInfo info = describe("celu", "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))", "ONNX Celu-12");
  static constexpr auto attrs = std::tuple{attr("alpha", &Celu::alpha, "Scale below 0; not 0.")};
  void infer(Inferring& t) const {
    t.require(alpha != 0, "alpha is 0 (it must not be)");
    Activation::infer(t);
  }
  Scalar f(Scalar x) const { return max(x, 0.0) + min(unary(ScalarOp::expm1, x / alpha) * alpha, 0.0); }
  Expr df(Expr x, Expr y, Expr dy) const { return where(less(x, 0), dy * (y / alpha + 1.0), dy); }
};

struct Softplus : Activation<Softplus> {
  static constexpr OpInfo info = describe("softplus", "log(1 + exp(x)), without overflow", "ONNX Softplus-1");
  Scalar f(Scalar x) const { return softplus_of(x); }
  Expr df(Expr x, Expr, Expr dy) const { return dy * x.call("sigmoid"); }
};

struct LogSigmoid : Activation<LogSigmoid> {
  static constexpr OpInfo info =
      describe("log_sigmoid", "log(sigmoid(x)), without overflow", "torch.nn.functional.logsigmoid");
  Scalar f(Scalar x) const { return -softplus_of(-x); }
  Expr df(Expr x, Expr, Expr dy) const { return dy * (-x).call("sigmoid"); }
};

struct Softsign : Activation<Softsign> {
  static constexpr OpInfo info = describe("softsign", "x / (1 + |x|)", "ONNX Softsign-1");
  Scalar f(Scalar x) const { return x / (abs(x) + 1.0); }
  Expr df(Expr x, Expr, Expr dy) const {
    const Expr d = x.call("abs") + 1.0;
    return dy / (d * d);
  }
};

struct HardSigmoid : Activation<HardSigmoid> {
  double alpha = 0.2, beta = 0.5;
  static constexpr OpInfo info = describe("hard_sigmoid", "max(0, min(1, alpha * x + beta))", "ONNX HardSigmoid-6");
  static constexpr auto attrs =
      std::tuple{attr("alpha", &HardSigmoid::alpha, "Slope."), attr("beta", &HardSigmoid::beta, "Value at 0.")};
  Scalar f(Scalar x) const { return max(min(x * alpha + beta, 1.0), 0.0); }
  Expr df(Expr, Expr y, Expr dy) const { return where(greater(y, 0).call("and", less(y, 1)), dy * alpha, 0.0); }
};

struct HardSwish : Activation<HardSwish> {
  static constexpr OpInfo info = describe("hard_swish", "x * max(0, min(1, x / 6 + 0.5))", "ONNX HardSwish-14");
  Scalar f(Scalar x) const { return x * max(min(x / 6.0 + 0.5, 1.0), 0.0); }
  Expr df(Expr x, Expr, Expr dy) const {
    return where(less(x, -3), 0.0, where(greater(x, 3), dy, dy * (x / 3.0 + 0.5)));
  }
};

struct Mish : Activation<Mish> {
  static constexpr OpInfo info = describe("mish", "x * tanh(softplus(x))", "ONNX Mish-18");
  Scalar f(Scalar x) const { return x * tanh(softplus_of(x)); }
  Expr df(Expr x, Expr, Expr dy) const {
    const Expr t = x.call("softplus").call("tanh");
    return dy * (t + x * (1.0 - t * t) * x.call("sigmoid"));
  }
};

struct Swish : Activation<Swish> {
  double alpha = 1;
  static constexpr OpInfo info = describe("swish", "x * sigmoid(alpha * x)", "ONNX Swish-24; torch.nn.functional.silu");
  static constexpr auto attrs = std::tuple{attr("alpha", &Swish::alpha, "Scale inside the sigmoid.")};
  Scalar f(Scalar x) const { return x * sigmoid(x * alpha); }
  Expr df(Expr x, Expr y, Expr dy) const {
    const Expr s = (x * alpha).call("sigmoid");
    return dy * (s + y * (1.0 - s) * alpha);
  }
};

struct Gelu : Activation<Gelu> {
  std::string approximate = "none";
  static constexpr OpInfo info =
      describe("gelu", "0.5 * x * (1 + erf(x / sqrt(2))), or its approximation with tanh", "ONNX Gelu-20");
  static constexpr auto attrs = std::tuple{attr("approximate", &Gelu::approximate, "none or tanh.")};
  static constexpr double cubic = 0.044715;
  bool exact() const { return approximate == "none"; }
  void infer(Inferring& t) const {
    t.require(exact() || approximate == "tanh", "approximate is \"", approximate, "\" (it must be none or tanh)");
    Activation::infer(t);
  }
  Scalar f(Scalar x) const {
    if (exact()) return x * 0.5 * (erf(x * inv_sqrt_2) + 1.0);
    return x * 0.5 * (tanh((x * x * cubic + 1.0) * x * sqrt_2_over_pi) + 1.0);
  }
  Expr df(Expr x, Expr, Expr dy) const {
    if (exact()) {
      const Expr cdf = ((x * inv_sqrt_2).call("erf") + 1.0) * 0.5, pdf = (x * x * -0.5).call("exp") * inv_sqrt_2_pi;
      return dy * (cdf + x * pdf);
    }
    const Expr xx = x * x, t = ((xx * cubic + 1.0) * x * sqrt_2_over_pi).call("tanh");
    return dy * ((t + 1.0) * 0.5 + x * (1.0 - t * t) * (xx * (3 * cubic) + 1.0) * (0.5 * sqrt_2_over_pi));
  }
  static std::vector<Sample> samples() {
    std::vector<Sample> s = samples_of(Gelu{});
    for (Sample& other : samples_of(Gelu{{}, "tanh"})) s.push_back(std::move(other));
    return s;
  }
};

struct ThresholdedRelu : Activation<ThresholdedRelu> {
  double alpha = 1;
  static constexpr OpInfo info = describe("thresholded_relu", "x above alpha, else 0", "ONNX ThresholdedRelu-10");
  static constexpr auto attrs = std::tuple{attr("alpha", &ThresholdedRelu::alpha, "Threshold.")};
  Scalar f(Scalar x) const { return select(x > alpha, x, x.constant(0)); }
  Expr df(Expr x, Expr, Expr dy) const { return where(greater(x, alpha), dy, 0.0); }
};

struct Shrink : Activation<Shrink> {
  double bias = 0, lambd = 0.5;
  static constexpr OpInfo info =
      describe("shrink", "x + bias below -lambd, x - bias above lambd, else 0", "ONNX Shrink-9");
  static constexpr auto attrs =
      std::tuple{attr("bias", &Shrink::bias, "What is taken off."), attr("lambd", &Shrink::lambd, "Threshold.")};
  Scalar f(Scalar x) const { return select(x < -lambd, x + bias, select(x > lambd, x - bias, x.constant(0))); }
  Expr df(Expr x, Expr, Expr dy) const { return where(greater(x.call("abs"), lambd), dy, 0.0); }
  static std::vector<Sample> samples() {
    std::vector<Sample> s = samples_of(Shrink{});
    for (Sample& other : samples_of(Shrink{{}, 1.5, 1.5})) s.push_back(std::move(other));
    return s;
  }
};

struct HardTanh : Activation<HardTanh> {
  double min_val = -1, max_val = 1;
  static constexpr OpInfo info = describe("hard_tanh", "min(max(x, min_val), max_val)", "torch.nn.functional.hardtanh");
  static constexpr auto attrs = std::tuple{attr("min_val", &HardTanh::min_val, "Least result."),
                                           attr("max_val", &HardTanh::max_val, "Largest result.")};
  Scalar f(Scalar x) const { return min(max(x, min_val), max_val); }
  Expr df(Expr x, Expr, Expr dy) const { return where(greater(x, min_val).call("and", less(x, max_val)), dy, 0.0); }
};

struct PRelu {
  static constexpr OpInfo info{.name = "prelu",
                               .summary = "x, times slope below 0; slope broadcasts to x",
                               .source = "ONNX PRelu-16",
                               .inputs = {{"x"}, {"slope"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    const Shape &x = t.in(0).shape, &slope = t.in(1).shape;
    const auto fits = [&] {
      if (slope.size() > x.size()) return false;
      for (size_t i = 1; i <= slope.size(); ++i)
        if (!slope[slope.size() - i].is(1) && equal(slope[slope.size() - i], x[x.size() - i]) == Proof::no)
          return false;
      return true;
    };
    t.require_shape(fits(), "slope is ", t.in(1), " for x of type ", t.in(0), " (each size must be that of x or 1)");
    for (size_t i = 1; i <= slope.size(); ++i) {
      const Dim n = x[x.size() - i], m = slope[slope.size() - i];
      if (m.is_constant() && !m.is(1))
        t.require_equal(n, m, "slope's sizes must be those of x or 1");
      else
        t.broadcast(n, m);
    }
    t.result(t.in(0));
  }
  Scalar scalar(std::span<const Scalar> x) const { return select(x[0] < 0.0, x[0] * x[1], x[0]); }
  Values grad(const Gradient& g) const {
    const Expr x{&g.b, g.in[0]}, slope{&g.b, g.in[1]}, dy{&g.b, g.dy()};
    const Expr below = less(x, 0);
    Values d(2);
    if (g.needs[0]) d[0] = where(below, dy * slope, dy);
    if (g.needs[1]) d[1] = sum_to_shape_of(g.b, where(below, dy * x, 0.0), g.in[1]);
    return d;
  }
  static std::vector<Sample> samples() {
    return {sample(PRelu{}, {in({2, 3, 4}), in({3, 1})}), sample(PRelu{}, {in({5}), in({5})}),
            sample(PRelu{}, {in({2, 3}), in({1})})};
  }
};

}  // namespace

OpList activation() {
  return {def<Relu>(),       def<LeakyRelu>(),       def<Elu>(),         def<Selu>(),      def<Celu>(), def<Softplus>(),
          def<LogSigmoid>(), def<Softsign>(),        def<HardSigmoid>(), def<HardSwish>(), def<Mish>(), def<Swish>(),
          def<Gelu>(),       def<ThresholdedRelu>(), def<Shrink>(),      def<HardTanh>(),  def<PRelu>()};
}

}  // namespace neve::ops
