// Scalar programs: sharing of steps, and the meaning of every step on the values where implementations go wrong.
#include "op/scalar.h"

#include <gtest/gtest.h>
#include <neve/tensor.h>

#include <cmath>
#include <limits>

#include "op/scalar_runner.h"

namespace neve::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t lowest = INT64_MIN, highest = INT64_MAX;

Tensor run(const std::vector<Tensor>& in, Scalar (*make)(std::span<const Scalar>)) {
  ScalarProgram p;
  std::vector<Scalar> x;
  std::vector<const void*> from;
  std::vector<int64_t> stride;
  int64_t n = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    x.push_back({&p, p.add({.op = ScalarOp::input, .dtype = in[i].dtype(), .a = int32_t(i)})});
    from.push_back(in[i].data());
    stride.push_back(in[i].rank() ? 1 : 0);
    n = std::max(n, in[i].element_count());
  }
  const Scalar y = make(x);
  p.results = {y.id()};
  const Tensor out = Tensor::empty(y.dtype(), {n});
  void* to[] = {out.data()};
  run_scalar_program(p, n, from, stride, to);
  return out;
}

template <ScalarOp op>
Scalar one(std::span<const Scalar> x) {
  return unary(op, x[0]);
}
template <ScalarOp op>
Scalar two(std::span<const Scalar> x) {
  return binary(op, x[0], x[1]);
}
Tensor floats(DType t, const std::vector<double>& v) { return Tensor::of(t, {int64_t(v.size())}, v); }
Tensor ints(DType t, const std::vector<int64_t>& v) { return Tensor::of_ints(t, {int64_t(v.size())}, v); }

void expect_floats(const Tensor& y, const std::vector<double>& wanted) {
  ASSERT_EQ(y.element_count(), int64_t(wanted.size()));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double v = y.item(int64_t(i));
    if (wanted[i] != wanted[i])
      EXPECT_NE(v, v) << "element " << i;
    else
      EXPECT_EQ(v, wanted[i]) << "element " << i;
  }
}
void expect_ints(const Tensor& y, const std::vector<int64_t>& wanted) { EXPECT_EQ(y.to_ints(), wanted); }

TEST(ScalarProgram, EqualStepsAreShared) {
  ScalarProgram p;
  const Scalar x(&p, p.add({.op = ScalarOp::input, .dtype = DType::f32, .a = 0}));
  const Scalar a = x * 2.0 + 1.0, b = x * 2.0 + 1.0;
  EXPECT_EQ(a.id(), b.id());
  EXPECT_EQ(p.nodes.size(), 5u);  // x, 2, *, 1, +
  EXPECT_NE(x.constant(0.0).id(), x.constant(-0.0).id());
}

TEST(ScalarProgram, DtypesAreChecked) {
  ScalarProgram p;
  const Scalar x(&p, p.add({.op = ScalarOp::input, .dtype = DType::f32, .a = 0}));
  const Scalar k(&p, p.add({.op = ScalarOp::input, .dtype = DType::i64, .a = 1}));
  EXPECT_THROW(x + k, Error);
  EXPECT_THROW(k.constant(0.5), Error);
  EXPECT_THROW(select(x, x, x), Error);
  EXPECT_EQ((x < 0.0).dtype(), DType::boolean);
  EXPECT_EQ(cast(x, DType::f32).id(), x.id());
  p.results = {binary(ScalarOp::bit_and, x, x).id()};
  EXPECT_THROW(ScalarRunner{p}, Error);
}

TEST(ScalarSteps, FloatMinMaxAndNan) {
  for (DType t : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const Tensor a = floats(t, {1, nan, 2, -inf, nan}), b = floats(t, {2, 1, nan, inf, nan});
    expect_floats(run({a, b}, two<ScalarOp::min>), {1, nan, nan, -inf, nan});
    expect_floats(run({a, b}, two<ScalarOp::max>), {2, nan, nan, inf, nan});
    expect_ints(run({a, b}, two<ScalarOp::lt>), {1, 0, 0, 1, 0});
    expect_ints(run({a, b}, two<ScalarOp::ne>), {1, 1, 1, 1, 1});
    expect_ints(run({a}, one<ScalarOp::is_nan>), {0, 1, 0, 0, 1});
    expect_ints(run({a}, one<ScalarOp::is_inf>), {0, 0, 0, 1, 0});
    expect_floats(run({a}, one<ScalarOp::sign>), {1, nan, 1, -1, nan});
  }
}

TEST(ScalarSteps, Remainders) {
  for (DType t : {DType::f32, DType::f64}) {
    const Tensor a = floats(t, {7, -7, 7, -7, 1, 6}), b = floats(t, {3, 3, -3, -3, 0, 3});
    expect_floats(run({a, b}, two<ScalarOp::rem>), {1, -1, 1, -1, nan, 0});
    expect_floats(run({a, b}, two<ScalarOp::floor_mod>), {1, 2, -2, -1, nan, 0});
  }
  for (DType t : {DType::i64, DType::i32, DType::i8}) {
    const Tensor a = ints(t, {7, -7, 7, -7, 1, 6}), b = ints(t, {3, 3, -3, -3, 0, -1});
    expect_ints(run({a, b}, two<ScalarOp::rem>), {1, -1, 1, -1, 0, 0});
    expect_ints(run({a, b}, two<ScalarOp::floor_mod>), {1, 2, -2, -1, 0, 0});
    expect_ints(run({a, b}, two<ScalarOp::div>), {2, -2, -2, 2, 0, -6});
  }
  expect_ints(run({ints(DType::u64, {-1, 9}), ints(DType::u64, {10, -1})}, two<ScalarOp::rem>), {5, 9});
}

TEST(ScalarSteps, RoundingGoesToEven) {
  expect_floats(run({floats(DType::f32, {0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 1e30})}, one<ScalarOp::round>),
                {0, 2, 2, 0, -2, 2, double(1e30f)});
  expect_floats(run({floats(DType::f32, {-1.5, 1.5})}, one<ScalarOp::floor>), {-2, 1});
  expect_floats(run({floats(DType::f32, {-1.5, 1.5})}, one<ScalarOp::ceil>), {-1, 2});
  expect_floats(run({floats(DType::f32, {-1.5, 1.5})}, one<ScalarOp::trunc>), {-1, 1});
}

TEST(ScalarSteps, SigmoidDoesNotOverflow) {
  expect_floats(run({floats(DType::f32, {-1000, 0, 1000, inf, -inf, nan})}, one<ScalarOp::sigmoid>),
                {0, 0.5, 1, 1, 0, nan});
  EXPECT_GT(run({floats(DType::f64, {-700})}, one<ScalarOp::sigmoid>).item(), 0.0);
}

TEST(ScalarSteps, IntegersWrap) {
  expect_ints(run({ints(DType::i8, {127, -128, 100}), ints(DType::i8, {1, -1, 100})}, two<ScalarOp::add>),
              {-128, 127, -56});
  expect_ints(run({ints(DType::u8, {255, 0}), ints(DType::u8, {1, 0})}, two<ScalarOp::add>), {0, 0});
  expect_ints(run({ints(DType::u8, {0, 5}), ints(DType::u8, {1, 5})}, two<ScalarOp::sub>), {255, 0});
  expect_ints(run({ints(DType::i32, {INT32_MAX}), ints(DType::i32, {2})}, two<ScalarOp::mul>), {-2});
  expect_ints(run({ints(DType::i64, {highest, lowest}), ints(DType::i64, {1, -1})}, two<ScalarOp::add>),
              {lowest, highest});
  expect_ints(run({ints(DType::i64, {lowest}), ints(DType::i64, {-1})}, two<ScalarOp::div>), {lowest});
  expect_ints(run({ints(DType::i64, {lowest})}, one<ScalarOp::neg>), {lowest});
  expect_ints(run({ints(DType::i8, {-128})}, one<ScalarOp::abs>), {-128});
  expect_ints(run({ints(DType::u8, {0})}, one<ScalarOp::bit_not>), {255});
  expect_ints(run({ints(DType::u64, {-1}), ints(DType::u64, {1})}, two<ScalarOp::gt>), {1});
}

TEST(ScalarSteps, Powers) {
  expect_ints(
      run({ints(DType::i64, {2, -3, 0, 1, -1, 5}), ints(DType::i64, {10, 3, 0, -2, -3, -1})}, two<ScalarOp::pow>),
      {1024, -27, 1, 1, -1, 0});
  expect_ints(run({ints(DType::i32, {3}), ints(DType::i32, {40})}, two<ScalarOp::pow>),
              {689956897});  // 3^40 in 32 bits
  expect_floats(run({floats(DType::f64, {2, 0, -8}), floats(DType::f64, {0.5, 0, 1.0 / 3})}, two<ScalarOp::pow>),
                {std::sqrt(2.0), 1, nan});
}

TEST(ScalarSteps, Shifts) {
  expect_ints(run({ints(DType::u8, {1, 255, 3}), ints(DType::u8, {7, 4, 8})}, two<ScalarOp::shift_left>),
              {128, 240, 0});
  expect_ints(run({ints(DType::u8, {255, 255}), ints(DType::u8, {4, 9})}, two<ScalarOp::shift_right>), {15, 0});
  expect_ints(run({ints(DType::i8, {-128, -1, 64}), ints(DType::i8, {3, 100, 8})}, two<ScalarOp::shift_right>),
              {-16, -1, 0});
  expect_ints(run({ints(DType::i64, {1, -1}), ints(DType::i64, {63, 64})}, two<ScalarOp::shift_left>), {lowest, 0});
}

TEST(ScalarSteps, Casts) {
  const Tensor x = floats(DType::f32, {1.9, -1.9, 300, -300, 2.5, nan, inf});
  const auto to = []<DType t>() { return [](std::span<const Scalar> v) { return cast(v[0], t); }; };
  const auto clamped = []<DType t>() { return [](std::span<const Scalar> v) { return cast_saturate(v[0], t); }; };
  const Tensor y = run({x}, to.operator()<DType::i32>());
  EXPECT_EQ(y.dtype(), DType::i32);
  EXPECT_EQ(y.item_int(0), 1);
  EXPECT_EQ(y.item_int(1), -1);
  EXPECT_EQ(y.item_int(4), 2);
  expect_ints(run({x}, to.operator()<DType::boolean>()), {1, 1, 1, 1, 1, 1, 1});
  expect_ints(run({x}, clamped.operator()<DType::u8>()), {2, 0, 255, 0, 2, 0, 255});
  expect_ints(run({x}, clamped.operator()<DType::i8>()), {2, -2, 127, -128, 2, 0, 127});
  expect_ints(run({x}, clamped.operator()<DType::i64>()), {2, -2, 300, -300, 2, 0, highest});
  expect_ints(run({ints(DType::i64, {300, -1, 7})}, to.operator()<DType::u8>()), {44, 255, 7});
  expect_ints(run({ints(DType::i64, {300, -1, 7})}, clamped.operator()<DType::u8>()), {255, 0, 7});
  expect_ints(run({ints(DType::u64, {-1, 7})}, clamped.operator()<DType::i64>()), {highest, 7});
  expect_floats(run({ints(DType::u64, {-1})}, to.operator()<DType::f64>()), {18446744073709551616.0});
  expect_floats(run({floats(DType::f64, {0.1, 65520, 1e-8})}, to.operator()<DType::f16>()), {0.0999755859375, inf, 0});
  expect_floats(run({floats(DType::f32, {1.00390625})}, to.operator()<DType::bf16>()), {1.0});  // tie: to even
}

TEST(ScalarSteps, NarrowFloatsRoundWhenStoredOrCast) {
  // 1 + 2^-11 is lost in f16, so the cast between must be seen.
  const Tensor x = floats(DType::f16, {1});
  expect_floats(run({x}, [](std::span<const Scalar> v) { return (v[0] + 0.00048828125) - 1.0; }), {0.00048828125});
  expect_floats(
      run({floats(DType::f32, {1})},
          [](std::span<const Scalar> v) { return cast(cast(v[0] + 0.00048828125, DType::f16), DType::f32) - 1.0; }),
      {0});
}

TEST(ScalarSteps, LogicAndSelect) {
  const Tensor a = ints(DType::boolean, {0, 0, 1, 1}), b = ints(DType::boolean, {0, 1, 0, 1});
  expect_ints(run({a, b}, two<ScalarOp::logical_and>), {0, 0, 0, 1});
  expect_ints(run({a, b}, two<ScalarOp::logical_or>), {0, 1, 1, 1});
  expect_ints(run({a, b}, two<ScalarOp::logical_xor>), {0, 1, 1, 0});
  expect_ints(run({a}, one<ScalarOp::logical_not>), {1, 1, 0, 0});
  for (DType t : {DType::f32, DType::f64, DType::i16, DType::u64, DType::boolean})
    expect_ints(run({a, ints(t, {1, 1, 1, 1}), ints(t, {0, 0, 0, 0})},
                    [](std::span<const Scalar> v) { return select(v[0], v[1], v[2]); }),
                {0, 0, 1, 1});
}

TEST(ScalarRunner, LongRunsStridesAndReuse) {
  // More than a block, a repeated operand, a strided one, and registers that are used again.
  constexpr int64_t n = 1337;
  std::vector<float> a(size_t(3 * n)), y(n);
  std::vector<int32_t> z(n);
  for (size_t i = 0; i < a.size(); ++i) a[i] = float(i % 101) - 50;
  const float b = 3;
  ScalarProgram p;
  const Scalar x(&p, p.add({.op = ScalarOp::input, .dtype = DType::f32, .a = 0}));
  const Scalar k(&p, p.add({.op = ScalarOp::input, .dtype = DType::f32, .a = 1}));
  const Scalar s = ((x + k) * (x - k) + x * x) * 0.5;
  p.results = {s.id(), cast(select(x < 0.0, -s, s), DType::i32).id()};
  ScalarRunner runner(p);
  const void* in[] = {a.data(), &b};
  const int64_t stride[] = {3, 0};
  void* out[] = {y.data(), z.data()};
  for (int64_t count : {int64_t(1), int64_t(5), n}) {
    std::fill(y.begin(), y.end(), -1.f);
    runner.run(count, in, stride, out);
    for (int64_t i = 0; i < count; ++i) {
      const float v = a[size_t(3 * i)], wanted = ((v + b) * (v - b) + v * v) * 0.5f;
      ASSERT_EQ(y[size_t(i)], wanted) << i;
      ASSERT_EQ(z[size_t(i)], int32_t(v < 0 ? -wanted : wanted)) << i;
    }
    if (count < n) {
      EXPECT_EQ(y[size_t(count)], -1.f);
    }
  }
}

}  // namespace
}  // namespace neve::test
