// Immediate execution, gradients with hooks and captures in several threads at once, over shared parameters.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <atomic>
#include <functional>
#include <thread>

#include "capture/capture.h"
#include "eager/autograd.h"
#include "ir/text.h"

namespace neve::test {
namespace {

using eager::call1;

// Runs f(number of the thread) in `count` threads that begin together; an exception fails the test.
void together(int count, const std::function<void(int)>& f) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      ++ready;
      while (ready < count) std::this_thread::yield();
      try {
        f(t);
      } catch (const std::exception& e) {
        ADD_FAILURE() << "thread " << t << ": " << e.what();
      }
    });
  for (std::thread& t : threads) t.join();
}

Tensor pattern(const Sizes& sizes, int seed) {
  Tensor t = Tensor::empty(DType::f32, sizes);
  float* p = t.data_as<float>();
  for (int64_t i = 0; i < t.element_count(); ++i) p[i] = float((i * 7 + seed * 5) % 23) / 8 - 1;
  return t;
}

struct Weights {
  Tensor w = pattern({5, 6}, 1), b = pattern({6}, 2);
  Weights() { w.set_requires_grad(), b.set_requires_grad(); }
};

Tensor loss_of(const Weights& p, const Tensor& x) {
  const Tensor h = call1("relu", {call1("add", {call1("matmul", {x, p.w}), p.b})});
  return call1("reduce_sum", {call1("mul", {h, call1("sigmoid", {h})})}, {{"keepdims", false}});
}

TEST(ConcurrentEager, SameOpsOfManySizes) {
  const Weights p;
  std::vector<Tensor> x, expected;
  for (int i = 0; i < 6; ++i) x.push_back(pattern({1 + i * 9, 5}, i)), expected.push_back(loss_of(p, x.back()));
  std::atomic<int> wrong{0};
  together(4, [&](int t) {
    for (int r = 0; r < 12; ++r) {
      const size_t i = size_t(t + r) % x.size();
      wrong += loss_of(p, x[i]).item() != expected[i].item();
    }
  });
  EXPECT_EQ(wrong, 0);
}

// Kinds of calls that nobody compiled before: several threads want the same piece at the same time.
TEST(ConcurrentEager, NewKindsOfCallsAreCompiledOnce) {
  std::atomic<int> wrong{0};
  together(4, [&](int) {
    for (int64_t rank = 1; rank < 5; ++rank) {
      const Tensor x = pattern(Sizes(size_t(rank), 7), int(rank));
      const Tensor y = call1("tanh", {call1("mul", {x, x})}), z = call1("reduce_max", {y}, {{"keepdims", false}});
      wrong += !(z.item() > 0 && z.item() <= 1);
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(ConcurrentEager, GradientsAndHooks) {
  const Weights p;
  const Tensor x = pattern({9, 5}, 3);
  const Tensor first = loss_of(p, x);
  const std::vector<Tensor> leaves{p.w, p.b};
  const std::vector<Tensor> expected = autograd::grad(std::span(&first, 1), leaves);
  std::atomic<int> hooked{0}, wrong{0};
  constexpr int threads = 4, rounds = 15;
  together(threads, [&](int) {
    for (int r = 0; r < rounds; ++r) {
      const Tensor h = call1("add", {call1("matmul", {x, p.w}), p.b});
      h.register_hook([&](const Tensor&) {
        ++hooked;
        return Tensor();
      });
      const Tensor a = call1("relu", {h});
      const Tensor y = call1("reduce_sum", {call1("mul", {a, call1("sigmoid", {a})})}, {{"keepdims", false}});
      const std::vector<Tensor> g = autograd::grad(std::span(&y, 1), leaves);
      wrong += to_string(g[0]) != to_string(expected[0]) || to_string(g[1]) != to_string(expected[1]);
    }
  });
  EXPECT_EQ(hooked, threads * rounds);
  EXPECT_EQ(wrong, 0);
}

TEST(ConcurrentCapture, GraphsOfManyThreads) {
  const Weights p;
  const auto text = [&] {
    const NoGrad plain;
    capture::Capture c;
    const Tensor x = c.input("x", {DType::f32, {Dim::symbol("n", 1, 100), 5}}, {4, 5});
    const Tensor y = loss_of(p, x);
    const std::vector<std::string> names{"y"};
    return c.finish(std::span(&y, 1), names);
  };
  const size_t nodes = text().graph.nodes().size();
  std::atomic<int> wrong{0};
  together(4, [&](int) {
    for (int r = 0; r < 8; ++r) {
      const capture::Program program = text();
      wrong += program.graph.nodes().size() != nodes || program.weights->size() != 2;
      wrong += ir::print(program.graph).empty();
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace neve::test
