// Methods of Tensor, and the functions of neve/array.h: values made by hand, gradients in place, errors.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <cmath>

#include "support/message.h"

namespace neve::test {
namespace {

using V = std::vector<float>;
using I = std::vector<int64_t>;

void expect_near(const Tensor& a, const V& want) {
  const V have = to_vector(a);
  ASSERT_EQ(have.size(), want.size()) << to_string(a);
  for (size_t i = 0; i < want.size(); ++i)
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(have[i])) << i;
    else
      EXPECT_NEAR(have[i], want[i], 1e-5) << i;
}

TEST(Methods, ChainsReadFromLeftToRight) {
  const Tensor x = arange(6).to(DType::f32).reshape({2, 3});
  EXPECT_EQ(x.sum().item<int>(), 15);
  EXPECT_EQ(x.mean({0}).max().item<float>(), 3.5f);
  expect_near(x.add(1).mul(x).sub(2).div(2).sum({1}), {1, 28});
  expect_near(x.softmax(0).sum({0}), {1, 1, 1});
  EXPECT_EQ(type_text(x.unsqueeze(0).permute({2, 0, 1}).flatten()), "f32[6]");
  expect_near(x[1], {3, 4, 5});
  EXPECT_EQ(x.ge(3).sum().item<int64_t>(), 3);
  expect_near(x.index({rest, -1}), {2, 5});
  expect_near(x.matmul(x.swap_axes(0, 1)).diagonal(), {5, 50});
}

TEST(Methods, InPlace) {
  const Tensor x = tensor({-1, 4, 9});
  EXPECT_TRUE(x.relu_().is(x));
  x.add_(1).sqrt_().clamp_(0, 3);
  expect_near(x, {1, std::sqrt(5.f), 3});
  x.index_put_({0}, 7);
  x.index_put_({x > 6.5}, tensor({8}));
  expect_near(x, {8, std::sqrt(5.f), 3});
  EXPECT_EQ(message_of([] { ints({1, 2}).div_(2); }),
            "type_mismatch: div_: the result is f32, which i64[2] cannot hold in place");
  EXPECT_EQ(message_of([] { ones({2}).add_(ones({3, 2})); }).substr(0, 21), "shape_mismatch: add_:");
}

// The operands that gradients keep are not written over; a result that one keeps is named when it is.
TEST(Methods, InPlaceIsRecorded) {
  const Tensor w = tensor({0.5, -1, 2});
  w.set_requires_grad();
  const Tensor y = w.clone();
  y.sin_().mul_(w).sum().backward();
  expect_near(w.grad(), to_vector(w.cos() * w + w.sin()));
  w.set_grad({});
  const Tensor z = w.sin();
  z.mul_(z).sum().backward();  // the operand is the tensor itself
  expect_near(w.grad(), to_vector(w.sin() * w.cos() * 2));
  const Tensor kept = w.exp();
  kept.mul_(2);
  EXPECT_EQ(
      message_of([&] { kept.sum().backward(); }),
      "invalid_argument: backward: the result of 'exp', f32[3], was changed in place by 'mul_' after it was saved "
      "for the gradient (version 1, saved at version 0; change a copy: clone())");
  EXPECT_EQ(message_of([&] { w.relu_(); }).substr(0, 33), "invalid_argument: relu_: f32[3] i");
}

TEST(Methods, CopyFromIsRecorded) {
  const Tensor w = tensor({1, 2}), b = tensor({5, 6});
  w.set_requires_grad();
  const Tensor y = b * 1;
  y.copy_from(w * 3);
  (y * y).sum().backward();
  expect_near(w.grad(), {18, 36});
  w.set_grad({});
  // Into a view: what it is a view of goes on with the change, and what stood there has no gradient.
  const Tensor v = w * 2, part = v.slice(0, 0, 1);
  part.copy_from(b.slice(0, 0, 1));
  expect_near(v, {5, 4});
  (v * v).sum().backward();
  expect_near(w.grad(), {0, 16});
  EXPECT_EQ(message_of([&] { w.copy_from(b); }).substr(0, 37), "invalid_argument: copy_from: f32[2] i");
  const NoGrad off;
  w.copy_from(b);
  expect_near(w, {5, 6});
}

TEST(Array, Elementwise) {
  const Tensor nan = tensor({NAN, 1}), a = tensor({3, -2}), b = tensor({2, 4});
  expect_near(fmax(nan, b), {2, 4});
  expect_near(hypot(tensor({3, 0}), tensor({4, 0})), {5, 0});
  expect_near(logaddexp(tensor({0, 1}), tensor({0, 1})), {std::log(2.f), 1 + std::log(2.f)});
  expect_near(copysign(tensor({1, 2}), tensor({-0.0, 3})), {-1, 2});
  expect_near(fmod(a, b), {1, -2});
  expect_near(floor_divide(a, b), {1, -1});
  expect_near(xlogy(tensor({0, 2}), tensor({0, 1})), {0, 0});
  expect_near(heaviside(tensor({-1, 0}), tensor({3, 0.5})), {0, 0.5});
  expect_near(a.lerp(b, 0.5), {2.5, 1});
  expect_near(a.addcmul(b, b, 2), {11, 30});
  expect_near(tensor({0, 0.5}).sinc(), {1, 0.6366198});
  expect_near(tensor({NAN, INFINITY}).nan_to_num(1, 5), {1, 5});
  expect_near(tensor({8, 100}).log2(), {3, 6.643856});
  EXPECT_EQ(to_int_vector(tensor({NAN, INFINITY, 1}).isfinite()), (I{0, 0, 1}));
  EXPECT_EQ(to_int_vector(ints({1, 2}).isnan()), (I{0, 0}));
  EXPECT_TRUE(allclose(a, a + 1e-9));
  EXPECT_FALSE(a.allclose(b));
}

TEST(Array, Reductions) {
  const Tensor x = tensor({3, 1, 2, 4, 6, 5}).reshape({2, 3});
  expect_near(x.prod({1}), {6, 120});
  expect_near(x.norm(), {std::sqrt(91.f)});
  expect_near(x.norm(1, {0}), {7, 7, 7});
  expect_near(x.median(), {3.5});
  expect_near(x.quantile(0.25, 1), {1.5, 4.5});
  expect_near(x.cumsum(1), {3, 4, 6, 4, 10, 15});
  expect_near(x.diff(), {-2, 1, 2, -1});
  expect_near(x.std({1}, 1), {1, 1});
  expect_near(x.logsumexp({1}), {3.407606f, 6.407606f});
  EXPECT_EQ(x.any().item<bool>(), true);
  EXPECT_EQ(to_int_vector((x > 2).all({1})), (I{0, 1}));
  expect_near(tensor({NAN, 2, 4}).nanmean(), {3});
  expect_near(tensor({NAN, 2, 4}).nanmin(), {2});
  EXPECT_EQ(message_of([&] { x.quantile(2); }), "invalid_argument: quantile: q is 2 (a share from 0 to 1)");
  EXPECT_EQ(message_of([&] { x.cumsum(2); }),
            "invalid_argument: cumsum: axis is 2 for a tensor of rank 2 (it must lie in [-2, 2))");
}

TEST(Array, ShapesAndIndices) {
  const Tensor x = arange(6).reshape({2, 3});
  EXPECT_EQ(to_int_vector(x.flip({1})), (I{2, 1, 0, 5, 4, 3}));
  EXPECT_EQ(to_int_vector(x.rot90()), (I{2, 5, 1, 4, 0, 3}));
  EXPECT_EQ(to_int_vector(x.repeat_interleave(2, 0)), (I{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5}));
  EXPECT_EQ(type_text(x.tile({2, 1, 2})), "i64[2, 2, 6]");
  EXPECT_EQ(x.chunk(2, 1).size(), 2u);
  EXPECT_EQ(x.unbind(1).size(), 3u);
  EXPECT_EQ(to_int_vector(x.take(ints({5, 0}))), (I{5, 0}));
  EXPECT_EQ(to_int_vector(x.index_select(1, ints({2, 2}))), (I{2, 2, 5, 5}));
  EXPECT_EQ(
      to_int_vector(zeros({2, 2}, DType::i64).scatter(1, ints({1, 0}).reshape({2, 1}), ints({7, 8}).reshape({2, 1}))),
      (I{0, 7, 8, 0}));
  EXPECT_EQ(to_int_vector(x.index_add(0, ints({1, 1}), x)), (I{0, 1, 2, 6, 9, 12}));
  EXPECT_EQ(to_int_vector(x.masked_fill(x > 3, -1)), (I{0, 1, 2, 3, -1, -1}));
  EXPECT_EQ(to_int_vector(x.masked_select(x > 3)), (I{4, 5}));
  EXPECT_EQ(to_int_vector(x.argwhere()), (I{0, 1, 0, 2, 1, 0, 1, 1, 1, 2}));
  const auto [values, places] = x.topk(2);
  EXPECT_EQ(to_int_vector(values), (I{2, 1, 5, 4}));
  EXPECT_EQ(to_int_vector(places), (I{2, 1, 2, 1}));
  EXPECT_EQ(to_int_vector(tensor({3, 1, 2}).argsort(0, true)), (I{0, 2, 1}));
  EXPECT_EQ(x.narrow(1, 0, 2).trace().item_int(), 4);
  EXPECT_EQ(to_int_vector(ones({2, 2}).tril()), (I{1, 0, 1, 1}));
  EXPECT_EQ(to_int_vector(ints({1, 2}).outer(ints({3, 4}))), (I{3, 4, 6, 8}));
  EXPECT_EQ(message_of([&] { x.narrow(1, 2, 2); }),
            "invalid_argument: narrow: begin is 2 and length 2 for axis 1 of i64[2, 3] (a part of 3 elements)");
  EXPECT_EQ(message_of([&] { x.scatter(1, ints({1}), x); }),
            "shape_mismatch: scatter: x is i64[2, 3], index i64[1] and source i64[2, 3] (one rank, source as large as "
            "index)");
  EXPECT_EQ(message_of([&] { x.masked_fill(x, 1); }), "type_mismatch: masked_fill: mask is i64[2, 3] (bool)");
}

// The numbers are NumPy's.
TEST(Array, BitsAndPowers) {
  EXPECT_EQ(to_int_vector(ints({1, 5}).bitwise_left_shift(ints({2, 1}))), (I{4, 10}));
  EXPECT_EQ(to_int_vector(ints({-9, 9}).bitwise_right_shift(1)), (I{-5, 4}));
  const Tensor x = ints({1, 5});
  x.bitwise_left_shift_(1);
  EXPECT_EQ(to_int_vector(x), (I{2, 10}));
  expect_near(tensor({1.5, -3}).ldexp(ints({3, -1})), {12, -1.5});
  EXPECT_EQ(type_text(ints({2, 3}).float_power(0.5)), "f64[2]");
  expect_near(ints({2, 3}).float_power(0.5), {1.41421356f, 1.73205081f});
  EXPECT_EQ(message_of([] { ones({2}).bitwise_left_shift(1); }).substr(0, 14), "type_mismatch:");
}

TEST(Array, AxesAndParts) {
  const Tensor x = arange(24).reshape({2, 3, 4});
  EXPECT_EQ(type_text(zeros({1, 2, 3, 4}).moveaxis({0, 1}, {-1, 0})), "f32[2, 3, 4, 1]");
  EXPECT_EQ(type_text(x.movedim(0, -1)), "i64[3, 4, 2]");
  EXPECT_EQ(to_int_vector(x.movedim(0, -1)), to_int_vector(x.transpose({1, 2, 0})));
  EXPECT_EQ(type_text(x.reshape_as(zeros({4, 6}))), "i64[4, 6]");
  EXPECT_EQ(to_int_vector(x.diagonal(1, 0, 2)), (I{1, 14, 5, 18, 9, 22}));
  EXPECT_EQ(to_int_vector(x.diagonal(-1, 2, 1)), (I{1, 6, 11, 13, 18, 23}));
  EXPECT_EQ(type_text(x.diagonal(4, 0, 2)), "i64[3, 0]");
  EXPECT_EQ(to_int_vector(x.trace(1, 0, 2)), (I{15, 23, 31}));
  auto sizes = [](const std::vector<Tensor>& parts) {
    I all;
    for (const Tensor& t : parts) all.push_back(t.size(0));
    return all;
  };
  EXPECT_EQ(sizes(arange(7).array_split(3)), (I{3, 2, 2}));
  EXPECT_EQ(sizes(arange(7).tensor_split({2, -2, 1})), (I{2, 3, 0, 6}));
  EXPECT_EQ(to_int_vector(arange(7).array_split({2, -2, 1})[3]), (I{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(message_of([&] { x.array_split(0); }), "invalid_argument: array_split: parts is 0 (1 or more)");
  EXPECT_EQ(message_of([&] { x.moveaxis({0, 1}, {0}); }),
            "invalid_argument: moveaxis: [0, 1] to [0] (as many axes as places)");
}

TEST(Array, Products) {
  const Tensor a = arange(6).to(DType::f32).reshape({2, 3}), p = tensor({2, 1, 0.5, 1}).reshape({2, 2});
  EXPECT_EQ(to_int_vector(ints({1, 2}).kron(ints({3, 4, 5, 6}).reshape({2, 2}))), (I{3, 4, 6, 8, 5, 6, 10, 12}));
  EXPECT_EQ(to_int_vector(ints({1, 2, 3}).cross(ints({4, 5, 7}))), (I{-1, 5, -3}));
  const Tensor columns = a.transpose({1, 0});
  expect_near(columns.cross(columns * columns, 0), {2, 20, 0, -30, 0, 12});
  expect_near(p.matrix_power(5), {58.5, 42.75, 21.375, 15.75});
  expect_near(p.matrix_power(-2), {2 / 3.f, -4 / 3.f, -2 / 3.f, 2});
  expect_near(p.matrix_power(0), {1, 0, 0, 1});
  expect_near(a.inner(arange(12).reshape({2, 2, 3})), {5, 14, 23, 32, 14, 50, 86, 122});
  EXPECT_EQ(type_text(a.inner(arange(12).reshape({2, 2, 3}))), "f32[2, 2, 2]");
  EXPECT_EQ(type_text(tensor({1, 2}).inner(tensor({3, 4}))), "f32[]");
  expect_near(a.vdot(a.flatten()), {55});
  expect_near(p.addmm(p, p, 2, 0.5), {6.25, 3.5, 1.75, 2.75});
  const Tensor batch = stack({p, p + p});
  expect_near(batch.baddbmm(batch, batch, 0, 1)[1], to_vector(p.matmul(p) * 4));
  expect_near(batch.baddbmm(batch, batch)[0], to_vector(p.matmul(p) + p));
  EXPECT_EQ(message_of([&] { a.inner(p); }),
            "shape_mismatch: inner: a is f32[2, 3] and b f32[2, 2] (last axes of one size)");
  EXPECT_EQ(message_of([&] { p.cross(p); }),
            "shape_mismatch: cross: a is f32[2, 2] and b f32[2, 2] (size 3 along axis -1)");
  EXPECT_EQ(message_of([&] { a.matrix_power(2); }),
            "shape_mismatch: matrix_power: x is f32[2, 3] (square matrices: [.., n, n])");
}

}  // namespace
}  // namespace neve::test
