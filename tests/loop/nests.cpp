// Loop nests of known shapes of work against the reference, several sizes through one compiled nest.
#include <gtest/gtest.h>

#include "support.h"

namespace neve::test {
namespace {

const Dim b = Dim::symbol("b"), n = Dim::symbol("n"), m = Dim::symbol("m");

std::vector<SymbolValues> sizes2(Dim x, Dim y) {
  std::vector<SymbolValues> s;
  for (auto [p, q] : std::initializer_list<std::pair<int64_t, int64_t>>{{2, 3}, {1, 1}, {0, 5}, {5, 0}, {7, 64}, {3, 129}, {33, 100}, {1, 1000}, {300, 17}})
    s.push_back({{id(x), p}, {id(y), q}});
  return s;
}

TEST(Loop, ElementwiseWithBias) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), bias = p.input(DType::f32, {n}), s = p.input(DType::f32, {b, 1});
  p.output(p.call("relu", {p.call("mul", {p.call("add", {x, bias}), s})}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, Gelu) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("gelu", {x}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, MaybeBroadcast) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, m});
  p.output(p.call("add", {x, y}));
  const Subgraph g = p.primitives();
  std::vector<SymbolValues> s;
  for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{{3, 5, 5}, {3, 5, 1}, {3, 1, 70}, {2, 1, 1}, {2, 0, 1}, {40, 300, 300}})
    s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(g, s);
}

TEST(Loop, SumLast) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_sum", {p.call("mul", {x, x})}, {{"axes", std::vector<int64_t>{-1}}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, SumFirst) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_max", {x}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}}));
  p.output(p.call("reduce_sum", {x}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, MeanMiddle) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n, 5, m});
  p.output(p.call("relu", {p.call("reduce_mean", {x}, {{"axes", std::vector<int64_t>{1, 2}}, {"keepdims", false}})}));
  expect_reference(p.primitives(), {{{id(b), 2}, {id(n), 3}, {id(m), 7}}, {{id(b), 1}, {id(n), 1}, {id(m), 100}}, {{id(b), 4}, {id(n), 9}, {id(m), 1}}});
}

TEST(Loop, SumAll) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_sum", {x}, {{"keepdims", false}}));
  auto s = sizes2(b, n);
  s.push_back({{id(b), 300}, {id(n), 1000}});
  expect_reference(p.primitives(), s, 1e-4);
}

TEST(Loop, SoftmaxLast) {
  Piece p;
  p.output(p.call("softmax", {p.input(DType::f32, {b, n})}, {{"axis", int64_t(-1)}}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, SoftmaxMiddle) {
  Piece p;
  p.output(p.call("softmax", {p.input(DType::f32, {2, b, n})}, {{"axis", int64_t(1)}}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, LogSoftmax) {
  Piece p;
  p.output(p.call("log_softmax", {p.input(DType::f32, {b, n})}, {{"axis", int64_t(-1)}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, LayerNorm) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, n}), g = p.input(DType::f32, {n}), h = p.input(DType::f32, {n});
  p.output(p.call_many_first("layer_normalization", {p.call("add", {x, y}), g, h}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-4);
}

TEST(Loop, GroupNorm) {
  Piece p;
  const Value x = p.input(DType::f32, {b, 12, n, m}), g = p.input(DType::f32, {12}), h = p.input(DType::f32, {12});
  p.output(p.call_many_first("group_normalization", {x, g, h}, {{"num_groups", int64_t(3)}}));
  expect_reference(p.primitives(), {{{id(b), 2}, {id(n), 3}, {id(m), 7}}, {{id(b), 1}, {id(n), 1}, {id(m), 1}}, {{id(b), 1}, {id(n), 100}, {id(m), 130}}}, 1e-4);
}

TEST(Loop, Transpose) {
  for (DType t : {DType::f32, DType::u8, DType::f64, DType::i16, DType::f16}) {
    Piece p;
    const Value x = p.input(t, {b, n, m});
    p.output(p.call("transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}}));
    std::vector<SymbolValues> s;
    for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{{2, 3, 5}, {1, 64, 64}, {3, 100, 37}, {1, 1, 70}, {2, 33, 0}, {1, 300, 200}})
      s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
    expect_reference(p.primitives(), s, 1e-6);
  }
}

TEST(Loop, AttentionHeads) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n, 24}), bias = p.input(DType::f32, {24});
  const Value y = p.graph.reshape(p.call("add", {x, bias}), std::vector<Dim>{b, n, 4, 6});
  p.output(p.call("transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, HeadsBack) {
  Piece p;
  const Value x = p.input(DType::f32, {b, 4, n, 6});
  const Value y = p.call("transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  p.output(p.graph.reshape(y, std::vector<Dim>{b, n, 24}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, ConcatOfPieces) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, 3}), z = p.input(DType::f32, {b, m});
  p.output(p.call("mul", {p.call("concat", {x, p.call("neg", {y}), z}, {{"axis", int64_t(1)}}), p.scalar(DType::f32, 2)}));
  std::vector<SymbolValues> s;
  for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{{2, 3, 5}, {1, 64, 64}, {3, 0, 37}, {1, 1, 0}}) s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(p.primitives(), s);
}

TEST(Loop, Slices) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  const Value y = p.call("slice", {x, p.graph.ints({1}), p.graph.ints({1000000}), p.graph.ints({1}), p.graph.ints({2})});
  const Value z = p.call("slice", {y, p.graph.ints({-1}), p.graph.ints({-1000000}), p.graph.ints({0}), p.graph.ints({-1})});
  p.output(p.call("exp", {z}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, Pads) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("relu", {p.call("pad", {x, p.graph.ints({1, 0, 2, 3}), p.scalar(DType::f32, 9)})}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, Embedding) {
  Piece p;
  const Value table = p.input(DType::f32, {5, m}), index = p.input(DType::i64, {b, n}), position = p.input(DType::f32, {n, m});
  p.output(p.call("add", {p.call("gather", {table, index}), position}));
  std::vector<SymbolValues> s;
  for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{{2, 3, 5}, {1, 64, 100}, {3, 0, 37}, {1, 1, 0}, {4, 7, 1}}) s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(p.primitives(), s);
}

TEST(Loop, GatherLast) {
  Piece p;
  const Value table = p.input(DType::f32, {b, 5}), index = p.input(DType::i32, {n});
  p.output(p.call("gather", {table, index}, {{"axis", int64_t(1)}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, IndexOutOfRange) {
  Piece p;
  const Value table = p.input(DType::f32, {5, m}), index = p.input(DType::i64, {n});
  p.output(p.call("gather", {table, index}));
  const CompiledPiece c(p.primitives());
  const SymbolValues s = {{id(m), 3}, {id(n), 2}};
  const std::vector<Tensor> bad = {Tensor::zeros(DType::f32, {5, 3}), Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{1, 5})};
  EXPECT_THROW(c.run(bad, s), Error);
  const std::vector<Tensor> good = {Tensor::zeros(DType::f32, {5, 3}), Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{-5, 4})};
  EXPECT_NO_THROW(c.run(good, s));
}

}  // namespace
}  // namespace neve::test
