// Ten thousand steps of training keep the memory where it was; what they lose, the address sanitizer reports at the
// end.
#include <gtest/gtest.h>
#include <malloc.h>
#include <neve/neve.h>

namespace neve::test {
namespace {

struct Net : nn::Module {
  nn::Linear in = add("in", nn::Linear(4, 16));
  nn::LayerNorm norm = add("norm", nn::LayerNorm(16));
  nn::Linear out = add("out", nn::Linear(16, 2));
  Tensor forward(const Tensor& x) const { return out(gelu(norm(in(x)))); }
};

TEST(LongRun, TenThousandStepsKeepTheirMemory) {
  manual_seed(3);
  Net net;
  optim::AdamW optimiser(net.parameters(), {.lr = 1e-3});
  const Tensor x = randn({8, 4}), target = concat({sum(x, {1}, true), max(x, {1}, true)}, 1);
  int hooked = 0;
  const auto step = [&] {
    optimiser.zero_grad();
    const Tensor hidden = net.forward(x);
    hidden.register_hook([&](const Tensor&) {
      ++hooked;
      return Tensor();
    });
    const Tensor loss = nn::mse_loss(hidden, target);
    loss.backward();
    optimiser.step();
    return loss.item();
  };
  constexpr int steps = 10000;
  const double first = step();
  double last = first;
  size_t early = 0;
  for (int i = 1; i < steps; ++i) {
    last = step();
    if (i == 500) early = mallinfo2().uordblks;
  }
  EXPECT_EQ(hooked, steps);
  EXPECT_LT(last, first / 10);
  // Under a sanitizer both are 0: there the leaks themselves are reported.
  EXPECT_LT(mallinfo2().uordblks, early + (64 << 10));
}

}  // namespace
}  // namespace neve::test
