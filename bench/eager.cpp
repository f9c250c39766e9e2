// Overhead of one small eager operation: `a + b` on 4 elements, with and without recording, and of a small layer.
#include <neve/neve.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "eager/autograd.h"
#include "nanoseconds.h"
#include "op/registry.h"

int main() {
  using namespace neve;
  const OpDef& add = find_op("add");
  const Attrs attrs = add.defaults();
  auto plus = [&](const Tensor& a, const Tensor& b) {
    const Tensor in[2] = {a, b};
    return eager::call1(add, attrs, in);
  };
  for (int64_t n : {4, 1000, 100000}) {
    Tensor a = Tensor::zeros(DType::f32, {n}), b = Tensor::zeros(DType::f32, {n});
    std::printf("add %lld: %.0f ns\n", (long long)n, nanoseconds([&] { plus(a, b); }));
    a.set_requires_grad();
    std::printf("add %lld recorded: %.0f ns\n", (long long)n, nanoseconds([&] { plus(a, b); }));
  }
  const Tensor t = Tensor::zeros(DType::f32, {4});
  // As a user writes it.
  const Tensor u = Tensor::zeros(DType::f32, {4});
  std::printf("a + b: %.0f ns\n", nanoseconds([&] { (void)(t + u); }));
  std::printf("a + 1: %.0f ns\n", nanoseconds([&] { (void)(t + 1); }));
  std::printf("relu(a): %.0f ns\n", nanoseconds([&] { (void)relu(t); }));
  std::printf("softmax(a, 0): %.0f ns\n", nanoseconds([&] { (void)softmax(t, 0); }));
  const nn::Linear layer(4, 4);
  const Tensor x = Tensor::zeros(DType::f32, {1, 4});
  std::printf("Linear(4, 4), recorded: %.0f ns\n", nanoseconds([&] { (void)layer(x); }));
  const NoGrad off;
  std::printf("Linear(4, 4): %.0f ns\n", nanoseconds([&] { (void)layer(x); }));
  std::printf("empty: %.0f ns\n", nanoseconds([&] { Tensor::empty(DType::f32, {4}); }));
  std::printf("detach: %.0f ns\n", nanoseconds([&] { t.detach(); }));
}
