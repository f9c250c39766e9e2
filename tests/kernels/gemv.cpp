// native.gemv against the definitions.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "base/cpu.h"
#include "kernels/cpu/native/simd.h"
#include "kernels/support.h"

namespace neve::test {
namespace {

using Tail = std::function<Value(Piece&, Value y, Dim rows, int64_t n)>;

void expect_product(int64_t k, int64_t n, const Tail& tail, double tolerance = 2e-5) {
  const Dim m = Dim::symbol("m");
  Piece p;
  const Value x = p.input(DType::f32, {m, k});
  const Value w = p.weight(DType::f32, {k, n});
  p.output(tail(p, p.call("matmul", {x, w})[0], m, n));
  Asked how;
  how.tolerance = tolerance;
  for (const bool cold : {false, true}) {
    how.cold_weights = cold;
    expect_reference("native.gemv", p.subgraph(),
                     {{{id(m), 1}}, {{id(m), 2}}, {{id(m), 3}}, {{id(m), 5}}, {{id(m), 0}}, {{id(m), 71}}}, how);
  }
}

Value plain(Piece&, Value y, Dim, int64_t) { return y; }

TEST(Gemv, Sizes) {
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{1, 1},
                             {7, 3},
                             {154, 29},
                             {64, 64},
                             {33, 65},
                             {300, 128},
                             {1024, 512},
                             {5, 0},
                             {0, 5}}) {
    SCOPED_TRACE(str(k, "x", n));
    expect_product(k, n, plain, 1e-4);
  }
}

// A convolution of images of one point, with bias, activation and the shape that squeeze-and-excitation has.
TEST(Gemv, ConvolutionsOfAPoint) {
  const Dim n = Dim::symbol("n");
  for (const auto& [c, m] : {std::pair<int64_t, int64_t>{16, 64}, {37, 9}, {240, 960}, {1, 1}}) {
    SCOPED_TRACE(str(c, " to ", m));
    Piece p;
    const Value x = p.input(DType::f32, {n, c, 1, 1}), w = p.weight(DType::f32, {m, c, 1, 1});
    const Value y = p.call("conv", {x, w, p.weight(DType::f32, {m})})[0];
    p.output(p.call("mul", {p.call("hard_sigmoid", {y})[0], p.weight(DType::f32, {m, 1, 1})})[0]);
    Asked how;
    how.tolerance = 1e-4;
    expect_reference("native.gemv_conv", p.subgraph(), {{{id(n), 1}}, {{id(n), 7}}, {{id(n), 40}}, {{id(n), 0}}}, how);
  }
  Piece p;
  const Value x = p.input(DType::f32, {n, 8, 2, 1}), w = p.weight(DType::f32, {4, 8, 1, 1});
  p.output(p.call("conv", {x, w})[0]);
  EXPECT_EQ(refusal("native.gemv_conv", p.subgraph(), {{id(n), 1}}),
            "images or a kernel of more than one point: f32[n, 8, 2, 1] and f32[4, 8, 1, 1]");
}

TEST(Gemv, Epilogues) {
  for (const char* op : {"relu", "tanh", "sigmoid", "exp", "abs", "softsign", "elu", "leaky_relu", "hard_sigmoid",
                         "hard_swish", "swish"}) {
    SCOPED_TRACE(op);
    expect_product(9, 37, [&](Piece& p, Value y, Dim, int64_t n) {
      return p.call(op, {p.call("add", {y, p.weight(DType::f32, {n})})[0]})[0];
    });
  }
  expect_product(9, 70, [&](Piece& p, Value y, Dim m, int64_t n) {  // residual, after an activation
    y = p.call("add", {y, p.weight(DType::f32, {n})})[0];
    y = p.call("elu", {y}, {{"alpha", 0.7}})[0];
    y = p.call("mul", {y, p.constant(Tensor::scalar(DType::f32, 1.5))})[0];
    return p.call("add", {p.input(DType::f32, {m, n}), y})[0];
  });
  expect_product(9, 70, [&](Piece& p, Value y, Dim, int64_t n) {
    y = p.call("sub", {y, p.weight(DType::f32, {1, n})})[0];
    y = p.call("max", {y, p.constant(Tensor::scalar(DType::f32, -0.5))})[0];
    y = p.call("min", {y, p.constant(Tensor::scalar(DType::f32, 0.75))})[0];
    return p.call("clip",
                  {y, p.constant(Tensor::scalar(DType::f32, -0.25)), p.constant(Tensor::scalar(DType::f32, 0.5))})[0];
  });
}

TEST(Gemv, Batches) {
  const Dim b = Dim::symbol("b");
  Piece p;
  const Value y = p.call("matmul", {p.input(DType::f32, {b, 3, 20}), p.weight(DType::f32, {20, 17})})[0];
  p.output(p.call("add", {y, p.input(DType::f32, {b, 3, 17})})[0]);
  expect_reference("native.gemv", p.subgraph(), {{{id(b), 1}}, {{id(b), 0}}, {{id(b), 12}}});
}

// The second factor by rows, as eager execution's weights lie: any depth, batches, what follows.
TEST(Dots, Sizes) {
  const Dim m = Dim::symbol("m"), n = Dim::symbol("n"), k = Dim::symbol("k"), b = Dim::symbol("b");
  std::vector<SymbolValues> sizes;
  for (const auto& [rows, columns, depth] : {std::array<int64_t, 3>{1, 33, 70},
                                             {1, 1, 1},
                                             {2, 64, 64},
                                             {3, 5, 300},
                                             {4, 31, 17},
                                             {7, 40, 256},
                                             {8, 100, 90},
                                             {40, 9, 33},
                                             {0, 4, 8},
                                             {3, 0, 8},
                                             {3, 4, 0}})
    sizes.push_back({{id(m), rows}, {id(n), columns}, {id(k), depth}, {id(b), 3}});
  sizes.push_back({{id(m), 2}, {id(n), 300}, {id(k), 130}, {id(b), 0}});
  sizes.push_back({{id(m), 4}, {id(n), 700}, {id(k), 130}, {id(b), 5}});
  const AttrList turned{{"transpose_b", true}};
  Asked how;
  how.tolerance = 1e-4;
  Piece p;
  p.output(p.call("matmul", {p.input(DType::f32, {m, k}), p.input(DType::f32, {n, k})}, turned)[0]);
  expect_reference("native.dots", p.subgraph(), sizes, how);
  Piece q;  // a layer with an activation and a residual
  Value y = q.call("matmul", {q.input(DType::f32, {m, k}), q.input(DType::f32, {n, k})}, turned)[0];
  y = q.call("relu", {q.call("add", {y, q.input(DType::f32, {n})})[0]})[0];
  q.output(q.call("add", {y, q.input(DType::f32, {m, n})})[0]);
  expect_reference("native.dots", q.subgraph(), sizes, how);
  Piece r;  // scores of attention, scaled
  y = r.call("matmul", {r.input(DType::f32, {b, 2, m, k}), r.input(DType::f32, {b, 2, n, k})}, turned)[0];
  r.output(r.call("mul", {y, r.constant(Tensor::scalar(DType::f32, 0.125))})[0]);
  expect_reference("native.dots", r.subgraph(), sizes, how);
}

TEST(Dots, Refusals) {
  const Dim m = Dim::symbol("m");
  const AttrList turned{{"transpose_b", true}};
  Piece p;
  p.output(p.call("matmul", {p.input(DType::f32, {m, 8}), p.input(DType::f32, {4, 8})}, turned)[0]);
  EXPECT_EQ(refusal("native.dots", p.subgraph(), {{id(m), 4}}), "");
  EXPECT_EQ(refusal("native.dots", p.subgraph(), {{id(m), 5}}), "5 rows of 8 at the point (4 or fewer)");
  EXPECT_EQ(refusal("native.gemv", p.subgraph(), {{id(m), 4}}), "an operand is transposed");
  Piece q;
  q.output(q.call("matmul", {q.input(DType::f32, {m, 8}), q.input(DType::f32, {8, 4})})[0]);
  EXPECT_EQ(refusal("native.dots", q.subgraph(), {{id(m), 4}}), "b does not lie transposed");
  Piece r;
  r.output(r.call("matmul", {r.input(DType::f32, {m, 1, 8}), r.input(DType::f32, {m, 4, 8})}, turned)[0]);
  EXPECT_EQ(refusal("native.dots", r.subgraph(), {{id(m), 2}}), "");
  Piece t;
  t.output(t.call("matmul", {t.input(DType::f32, {1, 2, 8}), t.input(DType::f32, {m, 4, 8})}, turned)[0]);
  EXPECT_EQ(refusal("native.dots", t.subgraph(), {{id(m), 2}}),
            "a is f32[1, 2, 8] and b f32[m, 4, 8] (b of rank 2, or with the batches of a)");
}

// The same for convolutions of few points: images, axes, strides, dilations and padding.
TEST(Dots, Convolutions) {
  const Dim b = Dim::symbol("b"), l = Dim::symbol("l"), o = Dim::symbol("o");
  Asked how;
  how.tolerance = 1e-4;
  auto at = [&](int64_t images, int64_t length, int64_t outputs) {
    return SymbolValues{{id(b), images}, {id(l), length}, {id(o), outputs}};
  };
  Piece p;
  p.output(p.call("conv", {p.input(DType::f32, {b, 5, l}), p.input(DType::f32, {o, 5, 3}), p.input(DType::f32, {o})},
                  {{"strides", std::vector<int64_t>{2}}, {"pads", std::vector<int64_t>{1, 1}}})[0]);
  expect_reference("native.dots_conv", p.subgraph(),
                   {at(1, 4, 33), at(1, 1, 4), at(2, 3, 64), at(3, 50, 7), at(0, 4, 8), at(1, 4, 0)}, how);
  Piece q;  // a kernel of one element over an image of one
  q.output(q.call("conv", {q.input(DType::f32, {b, 300, 1, l}), q.input(DType::f32, {o, 300, 1, 1})})[0]);
  expect_reference("native.dots_conv", q.subgraph(), {at(8, 1, 70), at(1, 1, 300), at(2, 3, 5)}, how);
  Piece r;  // two axes, holes, padding on one side
  r.output(r.call("conv", {r.input(DType::f32, {b, 3, l, 6}), r.input(DType::f32, {o, 3, 2, 3})},
                  {{"dilations", std::vector<int64_t>{2, 3}}, {"pads", std::vector<int64_t>{0, 2, 1, 0}}})[0]);
  expect_reference("native.dots_conv", r.subgraph(), {at(1, 3, 20), at(2, 2, 9), at(1, 9, 9)}, how);
}

// Packing takes the widest vectors that there are: every set is asked here.
TEST(Simd, Transpose) {
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > cpu_info().isa) continue;
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{16, 4}, {37, 23}, {4, 3}, {3, 9}, {0, 5}, {7, 0}}) {
      const int64_t row = columns + 2, stride = rows + 3;
      std::vector<float> from(size_t(rows * row + 1)), to(size_t(columns * stride + 1), -1.f);
      for (size_t i = 0; i < from.size(); ++i) from[i] = float(i);
      kernels::native::simd_for(isa).transpose(from.data(), row, rows, columns, to.data(), stride);
      for (int64_t i = 0; i < columns; ++i)
        for (int64_t j = 0; j < stride; ++j)
          ASSERT_EQ(to[size_t(i * stride + j)], j < rows ? from[size_t(j * row + i)] : -1.f)
              << to_string(isa) << " " << rows << "x" << columns << " at " << j << ", " << i;
    }
  }
}

TEST(Dots, RefusalsOfConvolutions) {
  const Dim b = Dim::symbol("b");
  Piece p;
  p.output(p.call("conv", {p.input(DType::f32, {b, 4, 1}), p.input(DType::f32, {6, 4, 1})})[0]);
  EXPECT_EQ(refusal("native.dots_conv", p.subgraph(), {{id(b), 4}}), "");
  EXPECT_EQ(refusal("native.dots_conv", p.subgraph(), {{id(b), 5}}),
            "5 points with 4 elements at the point (4 or fewer)");
  Piece q;
  q.output(q.call("conv", {q.input(DType::f32, {b, 4, 1}), q.weight(DType::f32, {6, 4, 1})})[0]);
  EXPECT_EQ(refusal("native.dots_conv", q.subgraph(), {{id(b), 4}}), "the weight is fixed");
  Piece r;
  r.output(
      r.call("conv", {r.input(DType::f32, {b, 4, 1}), r.input(DType::f32, {6, 2, 1})}, {{"group", int64_t(2)}})[0]);
  EXPECT_EQ(refusal("native.dots_conv", r.subgraph(), {{id(b), 4}}), "2 groups");
}

TEST(Gemv, Refusals) {
  const Dim m = Dim::symbol("m");
  Piece p;
  p.output(p.call("matmul", {p.input(DType::f32, {m, 8}), p.weight(DType::f32, {8, 4})})[0]);
  EXPECT_EQ(refusal("native.gemv", p.subgraph(), {{id(m), 4}}), "");
  EXPECT_EQ(refusal("native.gemv", p.subgraph(), {{id(m), 400}}), "400 rows at the point (16 or fewer)");
  Piece q;
  q.output(q.call("matmul", {q.input(DType::f32, {m, 8}), q.input(DType::f32, {8, 4})})[0]);
  EXPECT_EQ(refusal("native.gemv", q.subgraph(), {{id(m), 4}}), "b is f32[8, 4] (a weight of fixed sizes would do)");
}

}  // namespace
}  // namespace neve::test
