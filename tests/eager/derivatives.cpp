// Derivatives of functions: jacobian, hessian, checks against differences, checkpoints.
#include <gtest/gtest.h>
#include <neve/neve.h>
#include <neve/nn.h>

#include <functional>
#include <string>
#include <vector>

#include "support/message.h"

namespace neve::test {
namespace {

using Tensors = std::vector<Tensor>;
using D = std::initializer_list<double>;

Tensor leaf(D values, DType dtype = DType::f64) { return tensor(values, dtype).set_requires_grad(); }
std::vector<float> numbers(const Tensor& t) { return to_vector(t.detach()); }
using V = std::vector<float>;

TEST(Derivatives, Jacobian) {
  const Tensor x = tensor({1, 2, 3});
  const Tensor j = autograd::jacobian([](const Tensor& v) { return concat({v * v, v.sum().reshape({1})}); }, x);
  EXPECT_EQ(type_text(j), "f32[4, 3]");
  EXPECT_EQ(numbers(j), (V{2, 0, 0, 0, 4, 0, 0, 0, 6, 1, 1, 1}));
  EXPECT_FALSE(j.requires_grad());
  EXPECT_FALSE(x.requires_grad());
  const Tensor turned = autograd::jacobian([](const Tensor& v) { return v.transpose({1, 0}) * 2; }, x.reshape({1, 3}));
  EXPECT_EQ(type_text(turned), "f32[3, 1, 1, 3]");
  EXPECT_EQ(numbers(turned), (V{2, 0, 0, 0, 2, 0, 0, 0, 2}));
  const Tensor w = leaf({1});
  EXPECT_EQ(numbers(autograd::jacobian([&](const Tensor&) { return w * 2; }, x)), (V{0, 0, 0}));  // not of x
  EXPECT_EQ(type_text(autograd::jacobian([](const Tensor& v) { return v.slice(0, 0, 0); }, x)), "f32[0, 3]");
  EXPECT_EQ(message_of([&] { autograd::jacobian([](const Tensor&) { return ones({1}); }, x); }).substr(0, 75),
            "invalid_argument: backward: f32[1] was not computed from a tensor that asks");
}

TEST(Derivatives, JacobianIsRecorded) {
  const Tensor x = leaf({1, 2});
  const Tensor j = autograd::jacobian([](const Tensor& v) { return v * v * v; }, x, true);
  j.sum().backward();
  EXPECT_EQ(numbers(x.grad()), (V{6, 12}));
  const NoGrad off;  // it records for itself
  EXPECT_EQ(numbers(autograd::jacobian([](const Tensor& v) { return v * v; }, x)), (V{2, 0, 0, 4}));
}

TEST(Derivatives, Hessian) {
  const Tensor x = tensor({1, 2}), q = tensor({3, 1, 1, 2}).reshape({2, 2});
  EXPECT_EQ(numbers(autograd::hessian([](const Tensor& v) { return (v * v * v).sum(); }, x)), (V{6, 0, 0, 12}));
  const Tensor h = autograd::hessian([&](const Tensor& v) { return v.dot(q.matmul(v)); }, x);
  EXPECT_EQ(type_text(h), "f32[2, 2]");
  EXPECT_EQ(numbers(h), (V{6, 2, 2, 4}));
  EXPECT_EQ(message_of([&] { autograd::hessian([](const Tensor& v) { return v * v; }, x); }),
            "shape_mismatch: hessian: the function gave f32[2] (one element)");
}

Tensors product(std::span<const Tensor> in) { return {in[0].matmul(in[1]).tanh(), in[0].sum() * 2}; }
Tensor squared(const Tensor& x) {
  const NoGrad off;
  return x * x;
}
// x^2, said to have the gradient 3 g.
Tensors wrong(std::span<const Tensor> in) {
  return autograd::custom("wrong", in, {squared(in[0])}, [](std::span<const Tensor> g) { return Tensors{g[0] * 3}; });
}

TEST(Derivatives, Gradcheck) {
  const Tensors in{leaf({0.5, -1, 2, 0.1}).reshape({2, 2}), leaf({1, -0.5, 0.25, 2}).reshape({2, 2})};
  EXPECT_TRUE(autograd::gradcheck(product, in));
  EXPECT_TRUE(autograd::gradgradcheck(product, in));
  const Tensors one{leaf({0.5, 1}), tensor({2, 3}, DType::f64)};  // the second does not ask
  EXPECT_TRUE(autograd::gradcheck([](std::span<const Tensor> v) { return Tensors{v[0] * v[1], (v[1] > 2)}; }, one));
  EXPECT_EQ(numbers(one[0]), (V{0.5, 1}));  // inputs stay as they are
  EXPECT_FALSE(one[0].grad().defined());
}

TEST(Derivatives, GradcheckSeesWrongGradients) {
  const Tensors x{leaf({2})};
  EXPECT_FALSE(autograd::gradcheck(wrong, x, {.raise = false}));
  EXPECT_EQ(message_of([&] { autograd::gradcheck(wrong, x); }).substr(0, 91),
            "invalid_argument: gradcheck: output 0[0] by input 0[0]: the gradient is 3, differences give");
  // The slope of this is right, its own slope is not: x^2 with the gradient 2 x, taken as a constant.
  auto flat = [](std::span<const Tensor> v) {
    return autograd::custom("flat", v, {squared(v[0])},
                            [x = v[0].detach()](std::span<const Tensor> g) { return Tensors{g[0] * x * 2}; });
  };
  EXPECT_TRUE(autograd::gradcheck(flat, x));
  EXPECT_FALSE(autograd::gradgradcheck(flat, x, {.raise = false}));
  // A place where the tape gives nothing and the differences do not vanish.
  auto cut = [](std::span<const Tensor> v) { return Tensors{v[0].detach() * v[0]}; };
  EXPECT_FALSE(autograd::gradcheck(cut, x, {.raise = false}));
  const Tensors root{leaf({0})};
  EXPECT_FALSE(autograd::gradcheck([](std::span<const Tensor> v) { return Tensors{v[0].sqrt()}; }, root,
                                   {.raise = false}));  // differences are NaN
}

TEST(Derivatives, GradcheckErrors) {
  const Tensors plain{tensor({1})}, narrow{leaf({1}, DType::f32)};
  auto f = [](std::span<const Tensor> v) { return Tensors{v[0] * 2}; };
  EXPECT_EQ(message_of([&] { autograd::gradcheck(f, plain); }),
            "invalid_argument: gradcheck: no input asks for gradients (set_requires_grad() before the check)");
  EXPECT_EQ(message_of([&] { autograd::gradcheck(f, narrow); }),
            "type_mismatch: gradcheck: input 0 is f32[1] (f64: differences need its precision)");
}

TEST(Derivatives, CheckpointComputesAgain) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4});
  int calls = 0;
  auto f = [&](std::span<const Tensor> v) {
    ++calls;
    return Tensors{v[0] * w * w};
  };
  const Tensors in{x};
  autograd::checkpoint(f, in)[0].sum().backward();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(numbers(x.grad()), (V{9, 16}));
  EXPECT_EQ(numbers(w.grad()), (V{6, 16}));
  // No input asks for gradients: what f holds does.
  const Tensors data{tensor({1, 2}, DType::f64)};
  w.set_grad({});
  autograd::checkpoint(f, data)[0].sum().backward();
  EXPECT_EQ(numbers(w.grad()), (V{6, 16}));
  const NoGrad off;
  EXPECT_FALSE(autograd::checkpoint(f, in)[0].requires_grad());
}

TEST(Derivatives, CheckpointDrawsAgain) {
  const Tensor x = tensor({1, 1, 1, 1, 1, 1, 1, 1}).set_requires_grad();
  auto f = [](std::span<const Tensor> v) { return Tensors{nn::dropout(v[0], 0.5)}; };
  const Tensors in{x};
  manual_seed(5);
  const Tensor y = autograd::checkpoint(f, in)[0];
  const auto state = random_state();
  y.sum().backward();
  EXPECT_EQ(numbers(x.grad()), numbers(y));  // the mask of the first run
  EXPECT_EQ(random_state(), state);
  x.set_grad({});
  const Tensor anew = autograd::checkpoint(f, in, false)[0];
  anew.sum().backward();
  EXPECT_NE(numbers(x.grad()), numbers(anew));
  EXPECT_NE(random_state().second, state.second);
}

}  // namespace
}  // namespace neve::test
