// Comparisons, logic on bools, and bits of integers.
#include <cmath>
#include <limits>

#include "op/def.h"
#include "ops/detail/elementwise.h"

namespace neve::ops {
namespace {

using Dims = std::span<const Dim>;
using Known = std::optional<Dim>;

Known known(Proof p) { return p == Proof::unknown ? Known() : Known(Dim(p == Proof::yes)); }
Known negated(Known k) { return k ? Known(Dim(1) - *k) : k; }
Known at_least_known(Dim a, Dim b) { return known(at_least(a, b)); }

struct LogicSpec {
  std::string_view name, summary, source, public_name;
  Takes takes;
  ScalarOp op;
  bool gives_bool;
  ContentRule content;
};

constexpr LogicSpec logic_table[] = {
    {"equal", "a == b", "ONNX Equal-19", "equal", Takes::real, ScalarOp::eq, true,
     [](Dims d) { return known(equal(d[0], d[1])); }},
    {"not_equal", "a != b", "numpy.not_equal", "not_equal", Takes::real, ScalarOp::ne, true,
     [](Dims d) { return negated(known(equal(d[0], d[1]))); }},
    {"less", "a < b", "ONNX Less-13", "less", Takes::real, ScalarOp::lt, true,
     [](Dims d) { return negated(at_least_known(d[0], d[1])); }},
    {"less_or_equal", "a <= b", "ONNX LessOrEqual-16", "less_equal", Takes::real, ScalarOp::le, true,
     [](Dims d) { return at_least_known(d[1], d[0]); }},
    {"greater", "a > b", "ONNX Greater-13", "greater", Takes::real, ScalarOp::gt, true,
     [](Dims d) { return negated(at_least_known(d[1], d[0])); }},
    {"greater_or_equal", "a >= b", "ONNX GreaterOrEqual-16", "greater_equal", Takes::real, ScalarOp::ge, true,
     [](Dims d) { return at_least_known(d[0], d[1]); }},
    {"and", "a and b", "ONNX And-7", "logical_and", Takes::booleans, ScalarOp::logical_and, true,
     [](Dims d) -> Known {
       if (d[0].is(0) || d[1].is(0)) return Dim(0);
       return d[0].is(1) ? Known(d[1]) : d[1].is(1) ? Known(d[0]) : Known();
     }},
    {"or", "a or b", "ONNX Or-7", "logical_or", Takes::booleans, ScalarOp::logical_or, true,
     [](Dims d) -> Known {
       if (d[0].is(1) || d[1].is(1)) return Dim(1);
       return d[0].is(0) ? Known(d[1]) : d[1].is(0) ? Known(d[0]) : Known();
     }},
    {"xor", "Either a or b", "ONNX Xor-7", "logical_xor", Takes::booleans, ScalarOp::logical_xor, true,
     [](Dims d) { return negated(known(equal(d[0], d[1]))); }},
    {"bitwise_and", "The bits set in a and in b", "ONNX BitwiseAnd-18", "bitwise_and", Takes::integers,
     ScalarOp::bit_and, false, nullptr},
    {"bitwise_or", "The bits set in a or in b", "ONNX BitwiseOr-18", "bitwise_or", Takes::integers, ScalarOp::bit_or,
     false, nullptr},
    {"bitwise_xor", "The bits set in one of a and b", "ONNX BitwiseXor-18", "bitwise_xor", Takes::integers,
     ScalarOp::bit_xor, false, nullptr},
};

template <size_t I>
struct Logic {
  static constexpr const LogicSpec& spec = logic_table[I];
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
    t.result(spec.gives_bool ? DType::boolean : t.in(0).dtype, broadcast_inputs(t));
    fold_content(t, spec.content);
  }
  Scalar scalar(std::span<const Scalar> x) const { return binary(spec.op, x[0], x[1]); }
  static std::vector<Sample> samples() {
    if (spec.takes == Takes::booleans)
      return {sample(Logic{}, {in(DType::boolean, {2, 1}, 0, 1), in(DType::boolean, {3}, 0, 1)}),
              sample(Logic{}, {given(Tensor::of(DType::boolean, {4}, {0, 0, 1, 1})),
                               given(Tensor::of(DType::boolean, {4}, {0, 1, 0, 1}))})};
    std::vector<Sample> s = {sample(Logic{}, {in(DType::i64, {2, 1, 4}, -3, 3), in(DType::i64, {3, 1}, -3, 3)}),
                             sample(Logic{}, {in(DType::u8, {6}, 0, 255), in(DType::u8, {}, 0, 255)}),
                             sample(Logic{}, {given_ints({1, 2, 3}), given_ints({2})})};
    if (takes(spec.takes, DType::f32)) {
      s.push_back(sample(Logic{}, {in({2, 3}), in({2, 3})}));
      s.push_back(sample(Logic{}, {in(DType::f16, {5}, -1, 1), in(DType::f16, {5}, -1, 1)}));
    }
    return s;
  }
};

struct Not {
  static constexpr OpInfo info{.name = "not",
                               .summary = "Not x",
                               .source = "ONNX Not-1",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = "logical_not"};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::booleans);
    t.result(t.in(0));
    fold_content(t, [](Dims d) -> Known { return Dim(1) - d[0]; });
  }
  Scalar scalar(std::span<const Scalar> x) const { return unary(ScalarOp::logical_not, x[0]); }
  static std::vector<Sample> samples() {
    return {sample(Not{}, {in(DType::boolean, {2, 3}, 0, 1)}),
            sample(Not{}, {given(Tensor::of(DType::boolean, {2}, {0, 1}))})};
  }
};

struct BitwiseNot {
  static constexpr OpInfo info{.name = "bitwise_not",
                               .summary = "All bits of x turned",
                               .source = "ONNX BitwiseNot-18",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = "bitwise_invert"};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_takes(t, 0, Takes::integers);
    t.result(t.in(0));
  }
  Scalar scalar(std::span<const Scalar> x) const { return unary(ScalarOp::bit_not, x[0]); }
  static std::vector<Sample> samples() {
    return {sample(BitwiseNot{}, {in(DType::i32, {2, 3}, -9, 9)}), sample(BitwiseNot{}, {in(DType::u8, {4}, 0, 255)})};
  }
};

struct BitShift {
  std::string direction = "LEFT";

  static constexpr OpInfo info{.name = "bit_shift",
                               .summary = "The bits of a moved by b places; signed integers shift right arithmetically",
                               .source = "ONNX BitShift-11, signed integers as numpy.right_shift",
                               .inputs = {{"a"}, {"b"}}};
  static constexpr auto attrs = std::tuple{attr("direction", &BitShift::direction, "LEFT or RIGHT.")};
  void infer(Inferring& t) const {
    t.require(direction == "LEFT" || direction == "RIGHT", "direction is \"", direction,
              "\" (it must be LEFT or RIGHT)");
    require_takes(t, 0, Takes::integers);
    t.require_same_dtype(0, 1);
    t.result(t.in(0).dtype, broadcast_inputs(t));
  }
  Scalar scalar(std::span<const Scalar> x) const {
    return binary(direction == "LEFT" ? ScalarOp::shift_left : ScalarOp::shift_right, x[0], x[1]);
  }
  static std::vector<Sample> samples() {
    return {sample(BitShift{}, {in(DType::u8, {6}, 0, 255), in(DType::u8, {6}, 0, 9)}),
            sample(BitShift{"RIGHT"}, {in(DType::i32, {2, 3}, -99, 99), in(DType::i32, {3}, 0, 5)}),
            sample(BitShift{"RIGHT"}, {in(DType::u64, {3}, 0, 1000), in(DType::u64, {1}, 0, 5)})};
  }
};

struct IsNan {
  static constexpr OpInfo info{.name = "is_nan",
                               .summary = "Whether x is NaN",
                               .source = "ONNX IsNaN-13",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = "isnan"};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(DType::boolean, t.in(0).shape);
  }
  Scalar scalar(std::span<const Scalar> x) const { return unary(ScalarOp::is_nan, x[0]); }
  static std::vector<Sample> samples() {
    return {sample(IsNan{}, {given(Tensor::of(DType::f32, {3}, {0, NAN, INFINITY}))}), sample(IsNan{}, {in({2, 3})})};
  }
};

struct IsInf {
  bool detect_negative = true, detect_positive = true;

  static constexpr OpInfo info{.name = "is_inf",
                               .summary = "Whether x is infinite, of a sign that is asked for",
                               .source = "ONNX IsInf-10",
                               .inputs = {{"x"}},
                               .outputs = {{"y"}},
                               .public_name = "isinf"};
  static constexpr auto attrs = std::tuple{attr("detect_negative", &IsInf::detect_negative, "Whether -inf counts."),
                                           attr("detect_positive", &IsInf::detect_positive, "Whether inf counts.")};
  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(DType::boolean, t.in(0).shape);
  }
  Scalar scalar(std::span<const Scalar> x) const {
    constexpr double inf = std::numeric_limits<double>::infinity();
    if (detect_negative && detect_positive) return unary(ScalarOp::is_inf, x[0]);
    if (detect_negative) return x[0] == -inf;
    if (detect_positive) return x[0] == inf;
    return x[0].constant(0, DType::boolean);
  }
  static std::vector<Sample> samples() {
    const auto x = [] { return given(Tensor::of(DType::f32, {4}, {0, -INFINITY, NAN, INFINITY})); };
    return {sample(IsInf{}, {x()}), sample(IsInf{true, false}, {x()}), sample(IsInf{false, true}, {x()}),
            sample(IsInf{false, false}, {x()})};
  }
};

template <size_t... I>
OpList tabled(std::index_sequence<I...>) {
  return {def<Logic<I>>()...};
}

}  // namespace

OpList logic() {
  OpList ops = tabled(std::make_index_sequence<std::size(logic_table)>{});
  for (const OpDef* d : {def<Not>(), def<BitwiseNot>(), def<BitShift>(), def<IsNan>(), def<IsInf>()}) ops.push_back(d);
  return ops;
}

}  // namespace neve::ops
