// Recording and walking back: every op's gradient through the tape, and the rules of leaves, hooks and freed graphs.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <cmath>
#include <random>

#include "eager/autograd.h"
#include "eager/index.h"
#include "op/registry.h"
#include "ops/sample_run.h"

namespace neve::test {
namespace {

using eager::call1;

Tensor leaf(const Sizes& shape, std::initializer_list<double> v) {
  Tensor t = Tensor::of(DType::f32, shape, v);
  t.set_requires_grad();
  return t;
}

TEST(Autograd, ProductAndSum) {
  const Tensor a = leaf({3}, {1, 2, 3}), b = leaf({3}, {4, 5, 6});
  const Tensor y = call1("reduce_sum", {call1("mul", {a, b})}, {{"keepdims", false}});
  EXPECT_EQ(y.item(), 32);
  y.backward();
  EXPECT_EQ(to_string(a.grad()), to_string(Tensor::of(DType::f32, {3}, {4, 5, 6})));
  EXPECT_EQ(to_string(b.grad()), to_string(Tensor::of(DType::f32, {3}, {1, 2, 3})));
}

TEST(Autograd, GradientsAddUp) {
  const Tensor a = leaf({2}, {1, 2});
  for (int i = 0; i < 2; ++i) call1("reduce_sum", {call1("add", {a, a})}, {{"keepdims", false}}).backward();
  EXPECT_EQ(a.grad().item(0), 4);
}

TEST(Autograd, SecondDerivative) {
  const Tensor x = leaf({2}, {2, 3});
  const Tensor y = call1("reduce_sum", {call1("mul", {call1("mul", {x, x}), x})}, {{"keepdims", false}});
  const std::vector<Tensor> g = autograd::grad(std::span(&y, 1), std::span(&x, 1), {}, {{.create_graph = true}});
  EXPECT_EQ(g[0].item(1), 27);
  const Tensor s = call1("reduce_sum", {g[0]}, {{"keepdims", false}});
  EXPECT_EQ(autograd::grad(std::span(&s, 1), std::span(&x, 1))[0].item(1), 18);
}

TEST(Autograd, ViewsAreWalkedBack) {
  const Tensor x = leaf({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor y = x.transpose({1, 0}).reshape({6}).slice(0, 1, 3);
  EXPECT_EQ(y.item(0), 4);
  y.backward(Tensor::of(DType::f32, {2}, {1, 10}));
  EXPECT_EQ(to_string(x.grad()), to_string(Tensor::of(DType::f32, {2, 3}, {0, 10, 0, 1, 0, 0})));
}

TEST(Autograd, ChangesThroughViews) {
  const Tensor a = leaf({3}, {1, 2, 3}), b = leaf({1}, {10});
  const Tensor x = call1("mul", {a, Tensor::of(DType::f32, {3}, {2, 2, 2})}), other = x.slice(0, 0, 2);
  eager::assign(x.slice(0, 1, 2), b, "assign");
  EXPECT_EQ(other.item(1), 10);
  call1("reduce_sum", {call1("mul", {x, x})}, {{"keepdims", false}}).backward(Tensor{}, true);
  EXPECT_EQ(to_string(a.grad()), to_string(Tensor::of(DType::f32, {3}, {8, 0, 24})));
  EXPECT_EQ(b.grad().item(), 20);
  call1("reduce_sum", {other}, {{"keepdims", false}}).backward();  // a view of what x is now
  EXPECT_EQ(to_string(a.grad()), to_string(Tensor::of(DType::f32, {3}, {10, 0, 24})));
  EXPECT_EQ(b.grad().item(), 21);
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Autograd, FreedGraph) {
  const Tensor x = leaf({}, {2});
  const Tensor y = call1("mul", {x, x});
  y.backward();
  EXPECT_EQ(message([&] { y.backward(); }),
            "backward: the graph of 'mul' was freed by an earlier backward (retain_graph=true keeps it)");
}

TEST(Autograd, ChangedInPlace) {
  const Tensor x = leaf({2}, {2, 3});
  const Tensor y = call1("exp", {x});
  y.detach().copy_from(Tensor::zeros(DType::f32, {2}));
  EXPECT_EQ(
      message([&] { y.backward(Tensor::of(DType::f32, {2}, {1, 1})); }),
      "backward: the result of 'exp', f32[2], was changed in place after it was saved for the gradient (version 1, "
      "saved at version 0; change a copy: clone())");
}

TEST(Autograd, HooksReplace) {
  const Tensor x = leaf({2}, {2, 3});
  const Tensor y = call1("mul", {x, x});
  int seen = 0;
  y.register_hook([&](const Tensor& g) {
    ++seen;
    return call1("add", {g, g});
  });
  const int64_t n = x.register_hook([&](const Tensor&) {
    ++seen;
    return Tensor{};
  });
  y.backward(Tensor::of(DType::f32, {2}, {1, 1}), true);
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(x.grad().item(0), 8);
  x.remove_hook(n);
  y.backward(Tensor::of(DType::f32, {2}, {1, 1}));
  EXPECT_EQ(seen, 3);
}

TEST(Autograd, NoGradRecordsNothing) {
  const Tensor x = leaf({2}, {2, 3});
  const NoGrad off;
  EXPECT_FALSE(call1("mul", {x, x}).requires_grad());
}

TEST(Autograd, LongChainsAreFreed) {
  Tensor y = leaf({1}, {1});
  const Tensor one = Tensor::of(DType::f32, {1}, {1});
  for (int i = 0; i < 200000; ++i) y = call1("add", {y, one});
  EXPECT_EQ(y.item(), 200001);
}

// Every sample of every op with a gradient: the tape against central differences in f64.
class EveryGradient : public testing::TestWithParam<const OpDef*> {};

double product_of(const Tensor& a, const Tensor& b) {
  double s = 0;
  for (int64_t k = 0; k < a.element_count(); ++k) s += a.item(k) * b.item(k);
  return s;
}

Tensor random_like(const Tensor& t, uint64_t seed) {
  std::mt19937_64 r(seed);
  std::uniform_real_distribution<double> d(-1, 1);
  std::vector<double> v(size_t(t.element_count()));
  for (double& x : v) x = d(r);
  return Tensor::of(t.dtype(), t.shape(), v);
}

TEST_P(EveryGradient, AgreesWithCentralDifferences) {
  const OpDef& op = *GetParam();
  const std::vector<Sample> samples = op.samples();
  for (size_t s = 0; s < samples.size(); ++s) {
    if (!samples[s].gradient) continue;
    SampleRun run = make_run(op, samples, s);
    SCOPED_TRACE(run.text);
    std::vector<Tensor> in;
    bool any = false;
    for (const Tensor& t : run.in) {
      in.push_back(t.defined() && t.dtype() == DType::f32 ? t.to(DType::f64) : t.defined() ? t.clone() : t);
      if (in.back().defined() && in.back().dtype() == DType::f64) {
        in.back().set_requires_grad();
        any = true;
      }
    }
    if (!any) continue;
    std::vector<Tensor> y;
    Attrs attrs = samples[s].attrs;
    try {
      for (const AttrInfo& a : op.attrs)  // f32 inside would be what the differences show
        if (a.name == "stash_type") attrs = attrs.with({{"stash_type", DType::f64}});
      y = eager::call(op, attrs, in);
    } catch (const Error&) {
      continue;  // not in f64
    }
    std::vector<Tensor> outputs, weights;
    for (size_t k = 0; k < y.size(); ++k) {
      if (!y[k].requires_grad()) continue;
      outputs.push_back(y[k]);
      weights.push_back(random_like(y[k].detach(), k + 7));
    }
    if (outputs.empty()) continue;
    try {
      autograd::backward(outputs, weights);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::unsupported) continue;
      FAIL() << e.what();
    }
    auto loss = [&] {
      const NoGrad off;
      const std::vector<Tensor> now = eager::call(op, attrs, in);
      double l = 0;
      size_t k = 0;
      for (size_t o = 0; o < y.size(); ++o)
        if (y[o].requires_grad()) l += product_of(now[o], weights[k++]);
      return l;
    };
    for (size_t i = 0; i < in.size(); ++i) {
      if (!in[i].defined() || !in[i].requires_grad()) continue;
      const Tensor g = in[i].grad();
      if (!g.defined()) continue;  // the op states that there is none (sizes, regions of interest)
      for (int64_t k = 0; k < in[i].element_count(); k += 1 + in[i].element_count() / 5) {
        double* x = in[i].data_as<double>() + k;
        const double kept = *x, h = 1e-6;
        *x = kept + h;
        const double up = loss();
        *x = kept - h;
        const double down = loss();
        *x = kept;
        const double expected = (up - down) / (2 * h), got = g.item(k);
        EXPECT_NEAR(got, expected, 1e-4 * (1 + std::abs(expected))) << "input " << i << " element " << k;
      }
    }
  }
}

std::vector<const OpDef*> with_gradient() {
  std::vector<const OpDef*> ops;
  for (const OpDef* op : all_ops())
    if ((op->grad || op->lower) && !op->info.random && !op->info.regions) ops.push_back(op);
  return ops;
}
INSTANTIATE_TEST_SUITE_P(Ops, EveryGradient, testing::ValuesIn(with_gradient()),
                         [](const auto& i) { return std::string(i.param->info.name); });

}  // namespace
}  // namespace neve::test
