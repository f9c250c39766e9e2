// Subnormal numbers in weights become zeros where they are only multiplied with and summed up, and nowhere else.
#include <gtest/gtest.h>

#include "compile/compile.h"
#include "ir/text.h"

namespace neve::test {
namespace {

constexpr float tiny = 1e-40f;

Tensor floats(std::vector<float> values, Sizes shape) {
  const Tensor t = Tensor::empty(DType::f32, shape);
  std::copy(values.begin(), values.end(), t.data_as<float>());
  return t;
}

std::vector<float> values(const Tensor& t) { return {t.data_as<float>(), t.data_as<float>() + t.bytes() / 4}; }

TEST(FlushSubnormal, WhatIsOnlySummedUp) {
  ir::Graph g = ir::parse(R"(graph forward(%x: f32[n, 2, 5, 5]) where n in 1..4 {
  %k: f32[2, 2, 1, 1] = weight() {name="k", shape=[2, 2, 1, 1]}
  %b: f32[2] = weight() {name="b", shape=[2]}
  %0: f32[n, 2, 5, 5] = conv(%x, %k, %b)
  return %0 "y"
})");
  const Tensor k = floats({1, tiny, -tiny, 2}, {2, 2, 1, 1});
  ir::Weights weights{{"k", k}, {"b", floats({tiny, 3}, {2})}};
  EXPECT_EQ(compile::flush_subnormal(g, weights, 2), 2u);
  EXPECT_EQ(values(k), (std::vector<float>{1, tiny, -tiny, 2})) << "the caller's own numbers changed";
  ASSERT_EQ(weights.size(), 2u) << "the old ones are kept though nothing reads them";
  EXPECT_EQ(values(weights.at("k#normal")), (std::vector<float>{1, 0, 0, 2}));
  EXPECT_EQ(values(weights.at("b#normal")), (std::vector<float>{0, 3}));
  EXPECT_EQ(compile::flush_subnormal(g, weights, 2), 0u);
}

TEST(FlushSubnormal, WhatIsReadOtherwiseStays) {
  ir::Graph g = ir::parse(R"(graph forward(%x: f32[n, 2]) where n in 1..4 {
  %k: f32[2, 2] = weight() {name="k", shape=[2, 2]}
  %e: f32[2] = weight() {name="e", shape=[2]}
  %0: f32[n, 2] = matmul(%x, %k)
  %1: f32[2, 2] = log(%k)
  %2: f32[n, 2] = add(%x, %e)
  return %0 "y", %1 "z", %2 "u"
})");
  ir::Weights weights{{"k", floats({1, tiny, 1, 1}, {2, 2})}, {"e", floats({tiny, tiny}, {2})}};
  EXPECT_EQ(compile::flush_subnormal(g, weights, 1), 0u);
  EXPECT_EQ(weights.size(), 2u);
}

}  // namespace
}  // namespace neve::test
