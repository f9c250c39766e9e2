// Known content of small integer tensors: it must flow through shape arithmetic, and never be wrong.
#include <gtest/gtest.h>

#include "op/reference.h"
#include "op/regions.h"

namespace neve::test {
namespace {

// Runs `body` on a Builder that only infers, with one parameter of the given type.
void with_input(const TensorType& x, const std::function<void(Builder&, Value)>& body) {
  RegionSignature s;
  s.parameters = {x};
  infer_region(
      [&](Builder& b, std::span<const Value> p) {
        body(b, p[0]);
        return Values{};
      },
      s);
}

std::string content(Builder& b, Value v) {
  const Facts f = b.facts(v);
  return f.known ? to_string(f.content) : "unknown";
}

TEST(Facts, ShapeArithmeticStaysSymbolic) {
  const Dim n = Dim::symbol("n", 1), m = Dim::symbol("m");
  with_input({DType::f32, {n, m, 8}}, [&](Builder& b, Value x) {
    const Value s = b.shape_of(x);
    EXPECT_EQ(content(b, s), "[n, m, 8]");
    const Value two = b.ints({2});
    EXPECT_EQ(content(b, b.call("mul", {s, two})), "[2*n, 2*m, 16]");
    EXPECT_EQ(content(b, b.call("div", {b.call("mul", {s, two}), two})), "[n, m, 8]");
    EXPECT_EQ(content(b, b.call("add", {s, b.ints({1, 2, 3})})), "[n + 1, m + 2, 11]");
    EXPECT_EQ(content(b, b.call("neg", {s})), "[-n, -m, -8]");
    EXPECT_EQ(content(b, b.call("abs", {b.call("neg", {s})})), "[n, m, 8]");
    EXPECT_EQ(content(b, b.cast(b.cast(s, DType::i32), DType::i64)), "[n, m, 8]");
    EXPECT_EQ(content(b, b.cast(s, DType::i8)), "unknown");  // may not fit
    EXPECT_EQ(content(b, b.cast(b.cast(s, DType::f32), DType::i64)), "unknown");
    // The usual test for -1 in a target shape is decided by the bounds.
    const Value minus = b.call("equal", {s, b.ints({-1})});
    EXPECT_EQ(content(b, minus), "[0, 0, 0]");
    EXPECT_EQ(content(b, b.call("where", {minus, b.ints({5}), s})), "[n, m, 8]");
    EXPECT_EQ(content(b, b.call("greater", {s, b.ints({0, -1, 9})})), "[1, 1, 0]");
    EXPECT_EQ(content(b, b.call("greater", {s, b.ints({0})})), "unknown");  // m may be 0
    EXPECT_EQ(content(b, b.call("mod", {b.call("mul", {s, two}), two})), "[0, 0, 0]");
    EXPECT_EQ(content(b, b.call("sign", {b.call("shape", {x}, {{"end", int64_t(1)}})})), "[1]");
  });
}

TEST(Facts, DivisionIsFloorOnlyWhereNothingIsNegative) {
  const Dim n = Dim::symbol("n");
  with_input({DType::f32, {n}}, [&](Builder& b, Value x) {
    const Value s = b.shape_of(x);
    EXPECT_EQ(content(b, b.call("div", {s, b.ints({2})})), "[floordiv(n, 2)]");
    EXPECT_EQ(content(b, b.call("div", {b.call("sub", {s, b.ints({3})}), b.ints({2})})), "unknown");
    EXPECT_EQ(content(b, b.call("div", {b.ints({-7}), b.ints({2})})), "[-3]");
    EXPECT_EQ(content(b, b.call("div", {b.ints({7}), b.ints({0})})), "unknown");
    EXPECT_EQ(content(b, b.call("mod", {b.ints({-7}), b.ints({2})})), "[1]");
    EXPECT_EQ(content(b, b.call("mod", {b.ints({-7}), b.ints({2})}, {{"fmod", true}})), "[-1]");
  });
}

TEST(Facts, OverflowIsNotKnown) {
  with_input({DType::f32, {2}}, [&](Builder& b, Value) {
    const Value big = b.ints({INT64_MAX});
    EXPECT_EQ(content(b, b.call("add", {big, big})), "unknown");
    const Value small = b.constant(Tensor::of_ints(DType::i8, {1}, std::vector<int64_t>{100}));
    EXPECT_EQ(content(b, b.call("add", {small, small})), "unknown");
  });
}

TEST(Facts, OfTensors) {
  EXPECT_TRUE(facts_of(Tensor::of(DType::i64, {64}, std::vector<double>(64, 1))).known);
  EXPECT_FALSE(facts_of(Tensor::of(DType::i64, {65}, std::vector<double>(65, 1))).known);
  EXPECT_FALSE(facts_of(Tensor::of(DType::i64, {1, 1}, {1})).known);
  EXPECT_FALSE(facts_of(Tensor::of(DType::f32, {1}, {1})).known);
  EXPECT_FALSE(facts_of(Tensor::scalar_int(DType::u64, -1)).known);
  EXPECT_TRUE(facts_of(Tensor::scalar_int(DType::i64, INT64_MIN)).content[0].is_constant());
}

// ---- Builder::dims --------------------------------------------------------------------------------------------
TEST(BuilderDims, ComputesSizesFromShapes) {
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m", 1);
  with_input({DType::f32, {n, m, 2 * n + 1, 4}}, [&](Builder& b, Value x) {
    const Value sources[] = {x};
    const auto check_dims = [&](const Shape& wanted) {
      const Value v = b.dims(wanted, sources);
      EXPECT_EQ(b.type(v), (TensorType{DType::i64, {Dim(int64_t(wanted.size()))}}));
      EXPECT_EQ(content(b, v), to_string(wanted));
    };
    check_dims({n, m, 2 * n + 1, 4});
    check_dims({n, m});
    check_dims({3, m, 2 * n + 1, 7, n});
    check_dims({n * m, 4});
    check_dims({floordiv(n, 2), mod(m, 3), min(n, m), max(n, 5)});
    check_dims({ceildiv(n, 3)});
    check_dims({n * n * m - 3 * m + 1});
    EXPECT_THROW(b.dims(Shape{Dim::symbol("k")}, sources), Error);
  });
}

TEST(BuilderDims, SolvesForASizeThatNoAxisHas) {
  const Dim n = Dim::symbol("n");
  with_input({DType::f32, {3 * n + 2}}, [&](Builder& b, Value x) {
    const Value sources[] = {x};
    EXPECT_EQ(content(b, b.dims(Shape{n, 2}, sources)), "[n, 2]");
  });
}

TEST(BuilderDims, ReshapeHasTheSymbolicType) {
  const Dim n = Dim::symbol("n");
  with_input({DType::f32, {n, 6}}, [&](Builder& b, Value x) {
    EXPECT_EQ(to_string(b.type(b.reshape(x, Shape{n, 2, 3}))), "f32[n, 2, 3]");
    EXPECT_EQ(to_string(b.type(b.reshape(x, Shape{6 * n}))), "f32[6*n]");
    EXPECT_EQ(b.reshape(x, Shape{n, 6}), x);
  });
}

}  // namespace
}  // namespace neve::test
