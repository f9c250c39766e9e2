// Elementwise arithmetic of two operands with NumPy broadcasting, and what goes with it: mod, where, cast, clip.
#include <algorithm>

#include "op/def.h"
#include "ops/detail/elementwise.h"
#include "ops/detail/expr.h"

namespace neve::ops {
namespace {

// ---- two operands ---------------------------------------------------------------------------------------------
struct Pair {
  Value a, b;
};
struct BinarySpec {
  std::string_view name, summary, source, public_name;
  Takes takes;
  Scalar (*scalar)(Scalar, Scalar);
  ContentRule content;                            // null: never known
  Pair (*grad)(Expr a, Expr b, Expr y, Expr dy);  // null: none
  double lo = -1.5, hi = 1.5;                     // of the samples
};

using Dims = std::span<const Dim>;
using Known = std::optional<Dim>;

bool natural(Dim d) { return proven(at_least(d, 0)); }
bool positive(Dim d) { return proven(at_least(d, 1)); }

// Truncation is floor only where nothing is negative.
Known divide(Dims d) {
  if (d[0].is_constant() && d[1].is_constant() && !d[1].is(0)) return Dim(d[0].value() / d[1].value());
  if (natural(d[0]) && positive(d[1])) return floordiv(d[0], d[1]);
  return {};
}
Known power(Dims d) {
  if (!d[0].is_constant() || !d[1].is_constant() || d[1].value() < 0 || d[1].value() > 62) return {};
  Dim r = 1;
  for (int64_t i = 0; i < d[1].value(); ++i) r = r * d[0];
  return r;
}
// Where two operands tie, each gets half.
Expr share(Expr wins, Expr ties, Expr dy) { return dy * where(wins, 1.0, where(ties, dy.number(0.5), 0.0)); }

constexpr BinarySpec binary_table[] = {
    {"add", "a + b", "ONNX Add-14", "add", Takes::numbers, [](Scalar a, Scalar b) { return a + b; },
     [](Dims d) -> Known { return d[0] + d[1]; }, [](Expr, Expr, Expr, Expr dy) -> Pair { return {dy, dy}; }},
    {"sub", "a - b", "ONNX Sub-14", "subtract", Takes::numbers, [](Scalar a, Scalar b) { return a - b; },
     [](Dims d) -> Known { return d[0] - d[1]; }, [](Expr, Expr, Expr, Expr dy) -> Pair { return {dy, -dy}; }},
    {"mul", "a * b", "ONNX Mul-14", "multiply", Takes::numbers, [](Scalar a, Scalar b) { return a * b; },
     [](Dims d) -> Known { return d[0] * d[1]; },
     [](Expr a, Expr b, Expr, Expr dy) -> Pair { return {dy * b, dy * a}; }},
    {"div", "a / b; integers truncate towards zero, by 0 give 0", "ONNX Div-14", "divide", Takes::numbers,
     [](Scalar a, Scalar b) { return a / b; }, divide,
     [](Expr, Expr b, Expr y, Expr dy) -> Pair {
       const Expr da = dy / b;
       return {da, -(da * y)};
     },
     0.5, 2},
    {"pow", "a to the power b; for integers b must not be negative", "ONNX Pow-15 with one dtype", "pow",
     Takes::numbers, [](Scalar a, Scalar b) { return pow(a, b); }, power,
     [](Expr a, Expr b, Expr y, Expr dy) -> Pair {
       const Expr da = where(equals(b, 0), 0.0, b * a.call("pow", b - 1.0));  // no 0 * inf where b is 0
       const Expr base = greater(a, 0);
       return {dy * da, dy * where(base, y * where(base, a, 1.0).call("log"), 0.0)};
     },
     0.5, 2},
    {"min", "The smaller of a and b; NaN if either is", "ONNX Min-13 of two", "minimum", Takes::numbers,
     [](Scalar a, Scalar b) { return min(a, b); }, [](Dims d) -> Known { return min(d[0], d[1]); },
     [](Expr a, Expr b, Expr, Expr dy) -> Pair {
       const Expr ties = equals(a, b);
       return {share(less(a, b), ties, dy), share(less(b, a), ties, dy)};
     }},
    {"max", "The larger of a and b; NaN if either is", "ONNX Max-13 of two", "maximum", Takes::numbers,
     [](Scalar a, Scalar b) { return max(a, b); }, [](Dims d) -> Known { return max(d[0], d[1]); },
     [](Expr a, Expr b, Expr, Expr dy) -> Pair {
       const Expr ties = equals(a, b);
       return {share(greater(a, b), ties, dy), share(greater(b, a), ties, dy)};
     }},
    {"atan2", "Angle of the point (b, a): arctan(a / b) in the right quadrant", "numpy.arctan2", "atan2", Takes::floats,
     [](Scalar a, Scalar b) { return binary(ScalarOp::atan2, a, b); }, nullptr,
     [](Expr a, Expr b, Expr, Expr dy) -> Pair {
       const Expr d = dy / (a * a + b * b);
       return {d * b, -(d * a)};
     },
     0.5, 2},
};

// Gradients of a and b, summed back to their shapes.
Values pair_gradient(const Gradient& g, Pair (*rule)(Expr, Expr, Expr, Expr)) {
  const Pair p = rule({&g.b, g.in[0]}, {&g.b, g.in[1]}, {&g.b, g.out[0]}, {&g.b, g.dy()});
  return {g.needs[0] ? sum_to_shape_of(g.b, p.a, g.in[0]) : Value{},
          g.needs[1] ? sum_to_shape_of(g.b, p.b, g.in[1]) : Value{}};
}

template <size_t I>
struct Binary {
  static constexpr const BinarySpec& spec = binary_table[I];
  static constexpr OpInfo info{.name = spec.name,
                               .summary = spec.summary,
                               .source = spec.source,
                               .inputs = {{"a"}, {"b"}},
                               .outputs = {{"y"}},
                               .public_name = spec.public_name};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, spec.takes);
    t.require_same_dtype(0, 1);
    t.result(t.in(0).dtype, broadcast_inputs(t));
    fold_content(t, spec.content);
  }
  Scalar scalar(std::span<const Scalar> x) const { return spec.scalar(x[0], x[1]); }
  Values grad(const Gradient& g) const { return pair_gradient(g, spec.grad); }
  static std::vector<Sample> samples() {
    const double lo = spec.lo, hi = spec.hi;
    std::vector<Sample> s = {
        sample(Binary{}, {in({2, 3}, lo, hi), in({2, 3}, lo, hi)}),
        sample(Binary{}, {in({2, 1, 3}, lo, hi), in({4, 1}, lo, hi)}),
        sample(Binary{}, {in({}, lo, hi), in({3, 0}, lo, hi)}),
        sample(Binary{}, {in(DType::f16, {5}, lo, hi), in(DType::f16, {1}, lo, hi)}, 1e-3, "f16 holds 11 bits")};
    if (takes(spec.takes, DType::i64)) {
      s.push_back(sample(Binary{}, {in(DType::i64, {2, 3}, 1, 5), in(DType::i64, {3}, 1, 4)}));
      s.push_back(sample(Binary{}, {in(DType::u8, {4}, 1, 15), in(DType::u8, {4}, 1, 2)}));
      s.push_back(sample(Binary{}, {given_ints({7, 0, 9}), given_ints({2})}));
    }
    return s;
  }
};

// ---- ops with attributes --------------------------------------------------------------------------------------
struct Mod {
  bool fmod = false;

  static constexpr OpInfo info{.name = "mod",
                               .summary = "Remainder of a / b: sign of b, or sign of a with fmod",
                               .source = "ONNX Mod-13, floats also without fmod (numpy.remainder)",
                               .inputs = {{"a"}, {"b"}},
                               .outputs = {{"y"}},
                               .public_name = "remainder"};
  static constexpr auto attrs =
      std::tuple{attr("fmod", &Mod::fmod, "The sign of the result is that of a, as C has it.")};
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::numbers);
    t.require_same_dtype(0, 1);
    t.result(t.in(0).dtype, broadcast_inputs(t));
    if (fmod)
      fold_content(t, [](Dims d) -> Known {
        if (d[0].is_constant() && d[1].is_constant() && !d[1].is(0)) return Dim(d[0].value() % d[1].value());
        return natural(d[0]) && positive(d[1]) ? Known(neve::mod(d[0], d[1])) : Known();
      });
    else
      fold_content(t, [](Dims d) -> Known {
        if (d[0].is_constant() && d[1].is_constant() && !d[1].is(0)) {
          const int64_t r = d[0].value() % d[1].value();
          return Dim(r != 0 && (r < 0) != (d[1].value() < 0) ? r + d[1].value() : r);
        }
        return positive(d[1]) ? Known(neve::mod(d[0], d[1])) : Known();
      });
  }
  Scalar scalar(std::span<const Scalar> x) const {
    return binary(fmod ? ScalarOp::rem : ScalarOp::floor_mod, x[0], x[1]);
  }
  Values grad(const Gradient& g) const {
    const Expr a{&g.b, g.in[0]}, b{&g.b, g.in[1]}, dy{&g.b, g.dy()};
    Values d(2);
    if (g.needs[0]) d[0] = sum_to_shape_of(g.b, dy, g.in[0]);
    if (g.needs[1]) d[1] = sum_to_shape_of(g.b, -(dy * (a / b).call(fmod ? "trunc" : "floor")), g.in[1]);
    return d;
  }
  static std::vector<Sample> samples() {
    std::vector<Sample> s;
    for (bool c : {false, true}) {
      s.push_back(sample(Mod{c}, {in({3, 1}, -7, 7), in({2}, 2.1, 2.9)}));
      s.push_back(sample(Mod{c}, {in(DType::i32, {12}, -9, 9), in(DType::i32, {1}, 3, 4)}));
      s.push_back(sample(Mod{c}, {given_ints({-7, 7, 6}), given_ints({3, -3, 0})}));
    }
    return s;
  }
};

struct Where {
  static constexpr OpInfo info{.name = "where",
                               .summary = "x where the condition holds, else y",
                               .source = "ONNX Where-16",
                               .inputs = {{"condition"}, {"x"}, {"y"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::booleans);
    require_takes(t, 1, Takes::real);
    t.require_same_dtype(1, 2);
    t.result(t.in(1).dtype, broadcast_inputs(t));
    fold_content(t, [](Dims d) -> Known {
      if (d[0].is_constant()) return d[0].is(0) ? d[2] : d[1];
      return d[1] == d[2] ? Known(d[1]) : Known();
    });
  }
  Scalar scalar(std::span<const Scalar> x) const { return select(x[0], x[1], x[2]); }
  Values grad(const Gradient& g) const {
    const Expr c{&g.b, g.in[0]}, dy{&g.b, g.dy()};
    Values d(3);
    if (g.needs[1]) d[1] = sum_to_shape_of(g.b, where(c, dy, 0.0), g.in[1]);
    if (g.needs[2]) d[2] = sum_to_shape_of(g.b, where(c, 0.0, dy), g.in[2]);
    return d;
  }
  static std::vector<Sample> samples() {
    return {
        sample(Where{}, {in(DType::boolean, {2, 3}, 0, 1), in({2, 3}), in({3})}),
        sample(Where{}, {in(DType::boolean, {2, 1}, 0, 1), in({}), in({4, 1, 3})}),
        sample(Where{}, {given(Tensor::of(DType::boolean, {3}, {1, 0, 1})), given_ints({1, 2, 3}), given_ints({7})})};
  }
};

struct Cast {
  DType to = DType::f32;
  bool saturate = false;

  static constexpr OpInfo info{.name = "cast",
                               .summary = "x in another dtype; float to integer truncates",
                               .source = "ONNX Cast-19; saturate as numpy.clip before it, rounding half to even",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = "astype"};
  static constexpr auto attrs = std::tuple{
      attr("to", &Cast::to, "The dtype."),
      attr("saturate", &Cast::saturate, "To integers: round half to even, clamp what is out of range, NaN gives 0.")};
  void infer(Inferring& t) const {
    t.require_type(!is_complex(to) && !is_complex(t.in(0).dtype), "from ", t.in(0).dtype, " to ", to,
                   " (complex numbers are not cast)");
    t.result(to, t.in(0).shape);
    if (to == DType::boolean)
      fold_content(t, [](Dims d) -> Known {
        if (d[0].is_constant()) return Dim(!d[0].is(0));
        return positive(d[0]) ? Known(1) : Known();
      });
    else
      fold_content(t, [](Dims d) -> Known { return d[0]; });
  }
  Scalar scalar(std::span<const Scalar> x) const { return saturate ? cast_saturate(x[0], to) : neve::cast(x[0], to); }
  Values grad(const Gradient& g) const {
    const DType from = g.b.dtype(g.in[0]);
    return {is_float(from) && is_float(to) ? g.b.cast(g.dy(), from) : Value{}};
  }
  static std::vector<Sample> samples() {
    return {sample(Cast{DType::f64}, {in({2, 3})}),
            sample(Cast{DType::i32}, {in({2, 3}, -9, 9)}, 1e-5, "integers have no gradient", false),
            sample(Cast{DType::f32}, {in(DType::i64, {4}, -100, 100)}),
            sample(Cast{DType::boolean}, {in(DType::i32, {4}, -1, 2)}),
            sample(Cast{DType::u8, true}, {in({8}, -300, 600)}, 1e-5, "integers have no gradient", false),
            sample(Cast{DType::f16}, {in({5})}, 1e-3, "f16 holds 11 bits", false),
            sample(Cast{DType::i32}, {given_ints({3, 4})})};
  }
};

struct Clip {
  static constexpr OpInfo info{
      .name = "clip",
      .summary = "min(max(x, low), high), each where given",
      .source = "ONNX Clip-13",
      .inputs = {{"x"}, {"low", "one value", Arity::optional}, {"high", "one value", Arity::optional}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::numbers);
    for (size_t i : {1, 2}) {
      if (!t.has(i)) continue;
      t.require_same_dtype(0, i);
      t.require_shape(element_count(t.in(i).shape).is(1) && t.in(i).rank() <= 1, t.input_name(i), " is ", t.in(i),
                      " (it must be one value)");
    }
    t.result(t.in(0));
  }
  // A bound of shape [1] must not raise the rank of a scalar.
  static Value bound(Builder& b, Value v) { return b.rank(v) ? b.reshape(v, {}) : v; }
  Value lower(Builder& b, std::span<const Value> in) const {
    Value y = in[0];
    if (in.size() > 1 && in[1].valid()) y = b.call("max", {y, bound(b, in[1])});
    if (in.size() > 2 && in[2].valid()) y = b.call("min", {y, bound(b, in[2])});
    return y == in[0] ? b.call("identity", {y}) : y;
  }
  Values grad(const Gradient& g) const {
    const Expr x{&g.b, g.in[0]}, dy{&g.b, g.dy()};
    const auto has = [&](size_t i) { return i < g.in.size() && g.in[i].valid(); };
    Values d(g.in.size());
    Expr inside = dy, below, above;
    if (has(1)) below = less(x, {&g.b, bound(g.b, g.in[1])});
    if (has(2)) above = greater(x, {&g.b, bound(g.b, g.in[2])});
    if (has(1)) inside = where(below, 0.0, inside);
    if (has(2)) inside = where(above, 0.0, inside);
    if (g.needs[0]) d[0] = inside;
    const auto to_bound = [&](size_t i, Expr mask) {
      return g.b.call("sum_to", {where(mask, dy, 0.0), g.b.shape_of(g.in[i])});
    };
    if (has(1) && g.needs[1]) d[1] = to_bound(1, below);
    if (has(2) && g.needs[2]) d[2] = to_bound(2, above);
    return d;
  }
  static std::vector<Sample> samples() {
    return {
        sample(Clip{}, {in({2, 3}), given(Tensor::scalar(DType::f32, -0.5)), given(Tensor::scalar(DType::f32, 0.75))}),
        sample(Clip{}, {in({2, 3}), absent(), given(Tensor::of(DType::f32, {1}, {0.25}))}),
        sample(Clip{}, {in(DType::i64, {6}, -9, 9), given(Tensor::scalar(DType::i64, -2))}), sample(Clip{}, {in({4})})};
  }
};

template <size_t... I>
OpList binaries(std::index_sequence<I...>) {
  return {def<Binary<I>>()...};
}

}  // namespace

OpList elementwise() {
  OpList ops = binaries(std::make_index_sequence<std::size(binary_table)>{});
  for (const OpDef* d : {def<Mod>(), def<Where>(), def<Cast>(), def<Clip>()}) ops.push_back(d);
  return ops;
}

}  // namespace neve::ops
