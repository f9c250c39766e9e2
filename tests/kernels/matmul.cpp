// native.matmul, native.strassen, native.amx and native.unpacked_matmul against the definitions.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>

#include "kernels/support.h"

namespace neve::test {
namespace {

using Tail = std::function<Value(Piece&, Value y, Dim rows, int64_t n)>;

Value plain(Piece&, Value y, Dim, int64_t) { return y; }

Subgraph product(Dim m, int64_t k, int64_t n, const Tail& tail = plain) {
  Piece p;
  const Value x = p.input(DType::f32, {m, k});
  const Value w = p.weight(DType::f32, {k, n});
  p.output(tail(p, p.call("matmul", {x, w})[0], m, n));
  return p.subgraph();
}

std::vector<SymbolValues> rows(Dim m, std::initializer_list<int64_t> counts) {
  std::vector<SymbolValues> all;
  for (int64_t n : counts) all.push_back({{id(m), n}});
  return all;
}

TEST(Matmul, Sizes) {
  const Dim m = Dim::symbol("m");
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{1, 1},
                             {7, 3},
                             {154, 29},
                             {64, 64},
                             {33, 65},
                             {300, 128},
                             {1600, 70},
                             {5, 0},
                             {0, 5}}) {
    SCOPED_TRACE(str(k, "x", n));
    Asked how;
    how.tolerance = 1e-4;
    expect_reference("native.matmul", product(m, k, n), rows(m, {17, 71, 1, 0, 300}), how);
  }
}

// Fewer panels than threads, and more rows than columns: the threads share the rows.
TEST(Matmul, Tall) {
  const Dim m = Dim::symbol("m");
  expect_reference("native.matmul", product(m, 24, 20), rows(m, {500, 31, 32, 33, 129}));
  Asked how;
  how.threads = 3;
  expect_reference("native.matmul", product(m, 24, 200), rows(m, {500, 47, 48, 49, 7}), how);
}

Value with_all_steps(Piece& p, Value y, Dim m, int64_t n) {
  y = p.call("add", {y, p.weight(DType::f32, {n})})[0];
  y = p.call("elu", {y}, {{"alpha", 0.7}})[0];
  y = p.call("mul", {y, p.constant(Tensor::scalar(DType::f32, 1.5))})[0];
  y = p.call("max", {y, p.weight(DType::f32, {1, n})})[0];
  return p.call("add", {p.input(DType::f32, {m, n}), y})[0];
}

TEST(Matmul, Epilogues) {
  const Dim m = Dim::symbol("m");
  for (const char* op : {"relu", "gelu", "hard_swish", "swish"}) {
    SCOPED_TRACE(op);
    const auto g = product(m, 9, 37, [&](Piece& p, Value y, Dim, int64_t n) {
      return p.call(op, {p.call("add", {y, p.weight(DType::f32, {n})})[0]})[0];
    });
    expect_reference("native.matmul", g, rows(m, {20, 150}));
  }
  const auto tanh_form = product(m, 9, 37, [&](Piece& p, Value y, Dim, int64_t) {
    return p.call("gelu", {y}, {{"approximate", std::string("tanh")}})[0];
  });
  Asked wide;  // where both ends of gelu are reached
  wide.spread = 1.5;
  wide.tolerance = 1e-5;
  expect_reference("native.matmul", tanh_form, rows(m, {20, 150}), wide);
  expect_reference("native.matmul",
                   product(m, 9, 37, [&](Piece& p, Value y, Dim, int64_t) { return p.call("gelu", {y})[0]; }),
                   rows(m, {20, 150}), wide);
  Asked over;
  over.may_overwrite = true;
  expect_reference("native.matmul", product(m, 9, 70, with_all_steps), rows(m, {20, 150}), over);
}

TEST(Matmul, Batches) {
  const Dim b = Dim::symbol("b");
  Piece p;
  const Value y = p.call("matmul", {p.input(DType::f32, {b, 9, 20}), p.weight(DType::f32, {20, 17})})[0];
  p.output(p.call("add", {y, p.input(DType::f32, {b, 9, 17})})[0]);
  expect_reference("native.matmul", p.subgraph(), {{{id(b), 3}}, {{id(b), 0}}, {{id(b), 12}}});
}

TEST(Matmul, Refusals) {
  const Dim m = Dim::symbol("m");
  EXPECT_EQ(refusal("native.matmul", product(m, 8, 4), {{id(m), 400}}), "");
  EXPECT_EQ(refusal("native.matmul", product(m, 8, 4), {{id(m), 16}}), "16 rows at the point (17 or more)");
  Piece q;
  q.output(q.call("matmul", {q.input(DType::f32, {m, 8}), q.input(DType::f32, {8, 4})})[0]);
  EXPECT_EQ(refusal("native.matmul", q.subgraph(), {{id(m), 40}}), "b is f32[8, 4] (a weight of fixed sizes would do)");
}

// Rows that cannot be halved, blocks of them, and columns that end inside a panel.
TEST(Strassen, Sizes) {
  const Dim m = Dim::symbol("m");
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{256, 128}, {260, 127}, {512, 255}, {1536, 256}}) {
    SCOPED_TRACE(str(k, "x", n));
    Asked how;
    how.tolerance = 1e-4;
    expect_reference("native.strassen", product(m, k, n), rows(m, {512, 301, 453, 97, 66, 1, 0}), how);
  }
}

TEST(Strassen, Epilogues) {
  const Dim m = Dim::symbol("m");
  Asked over;
  over.may_overwrite = true;
  over.tolerance = 1e-4;
  expect_reference("native.strassen", product(m, 512, 255, with_all_steps), rows(m, {512, 301}), over);
}

TEST(Strassen, Refusals) {
  const Dim m = Dim::symbol("m");
  Asked how;
  how.isa = Isa::baseline;  // panels of the same width everywhere
  EXPECT_EQ(refusal("native.strassen", product(m, 512, 256), {{id(m), 256}}, how), "");
  EXPECT_EQ(refusal("native.strassen", product(m, 512, 256), {{id(m), 95}}, how), "95 rows at the point (96 or more)");
  EXPECT_EQ(refusal("native.strassen", product(m, 513, 256), {{id(m), 256}}, how), "sums over 513 positions");
  EXPECT_EQ(refusal("native.strassen", product(m, 512, 48), {{id(m), 256}}, how),
            "3 panels of columns cannot be cut into 2 parts");
  how.most_error = 1e-8;
  const std::string why = refusal("native.strassen", product(m, 512, 256), {{id(m), 256}}, how);
  EXPECT_TRUE(why.starts_with("the error is ") && why.ends_with(" of the largest result (1e-08 would do)")) << why;
}

// Blocks of rows and columns, and positions, that are not full; several strips of rows. Both variants.
TEST(Amx, AgreesWithTheDefinition) {
  const Dim m = Dim::symbol("m");
  if (const std::string why = refusal("native.amx", product(m, 64, 64), {{id(m), 64}}); !why.empty())
    GTEST_SKIP() << why;
  Asked how;
  how.isa_alone = true;
  how.tolerance = 1e-4;
  for (const auto& [k, n] : {std::pair<int64_t, int64_t>{64, 64}, {1, 1}, {33, 65}, {300, 129}, {1600, 70}}) {
    SCOPED_TRACE(str(k, "x", n));
    how.most_error = k < 64 ? 1e-4 : 1e-5;
    expect_reference("native.amx", product(m, k, n), rows(m, {32, 17, 71, 1, 0, 300, 600}), how);
  }
  how.may_overwrite = true, how.threads = 3;
  expect_reference("native.amx", product(m, 512, 255, with_all_steps), rows(m, {512, 301}), how);
}

// Numbers of any size; what is infinite or none spoils its own row alone.
TEST(Amx, TakesAnyNumber) {
  const Dim m = Dim::symbol("m");
  const Subgraph g = product(m, 64, 32);
  const SymbolValues at = {{id(m), 32}};
  if (const std::string why = refusal("native.amx", g, at); !why.empty()) GTEST_SKIP() << why;
  constexpr float largest = 3.4e38f;  // its nearest bf16 is infinite
  const Tensor x = Tensor::zeros(DType::f32, {32, 64}), w = Tensor::zeros(DType::f32, {64, 32});
  const float given[] = {INFINITY, -INFINITY, NAN, std::nanf("1"), largest, 1e-30f, 1.f + 0x1p-23f, -largest};
  for (int i = 0; i < 8; ++i) x.data_as<float>()[i * 64 + i] = given[i];
  for (int i = 0; i < 64; ++i) w.data_as<float>()[i * 32] = 1;
  for (const int variant : {0, 1}) {
    Asked how;
    how.most_error = 1e-4;
    const Tensor y = result_of("native.amx", variant, g, at, {x, w}, how);
    const float* column = y.data_as<float>();
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(std::isfinite(column[i * 32])) << given[i];
    for (int i = 4; i < 8; ++i) EXPECT_NEAR(column[i * 32] / given[i], 1, variant ? 1e-4 : 2e-7) << given[i];
    for (int i = 8; i < 32; ++i) EXPECT_EQ(column[i * 32], 0);
  }
}

/// A product of two results; b comes as [n, k] where it is turned.
Subgraph of_results(Dim m, int64_t k, int64_t n, bool turned, const Tail& tail = plain) {
  Piece p;
  const Value x = p.input(DType::f32, {m, k});
  const Value w = p.input(DType::f32, turned ? Shape{n, k} : Shape{k, n});
  p.output(tail(p, p.call("matmul", {x, w}, {{"transpose_b", turned}})[0], m, n));
  return p.subgraph();
}

// Fewer panels than threads and more, which end inside a vector, and fewer rows than it was tuned for.
TEST(UnpackedMatmul, Sizes) {
  const Dim m = Dim::symbol("m");
  for (const auto& [tuned, k, n] : {std::array<int64_t, 3>{9000, 300, 25}, {2000, 250, 135}, {300, 400, 600}})
    for (const bool turned : {false, true}) {
      SCOPED_TRACE(str(k, "x", n, turned ? " turned" : ""));
      Asked how;
      how.tolerance = 1e-4;
      how.threads = 3;
      expect_reference("native.unpacked_matmul", of_results(m, k, n, turned), rows(m, {tuned, 71, 1, 0}), how);
    }
}

TEST(UnpackedMatmul, Epilogues) {
  const Dim m = Dim::symbol("m");
  Asked over;
  over.may_overwrite = true;
  over.tolerance = 1e-4;
  const auto g = of_results(m, 300, 700, true, [](Piece& p, Value y, Dim rows, int64_t n) {
    y = p.call("add", {y, p.input(DType::f32, {n})})[0];
    return p.call("relu", {p.call("add", {y, p.input(DType::f32, {rows, n})})[0]})[0];
  });
  expect_reference("native.unpacked_matmul", g, rows(m, {330, 33}), over);
}

// Batches that are more rows of one product, and such that each have a matrix of their own.
TEST(UnpackedMatmul, Batches) {
  const Dim b = Dim::symbol("b"), m = Dim::symbol("m");
  Asked how;
  how.tolerance = 1e-4;
  Piece one;
  one.output(one.call("matmul", {one.input(DType::f32, {b, 50, 300}), one.input(DType::f32, {300, 500})})[0]);
  expect_reference("native.unpacked_matmul", one.subgraph(), {{{id(b), 9}}, {{id(b), 0}}, {{id(b), 2}}}, how);
  for (const bool turned : {false, true}) {
    Piece each;
    const Value x = each.input(DType::f32, {b, 3, m, 130}),
                w = each.input(DType::f32, turned ? Shape{b, 3, 75, 130} : Shape{b, 3, 130, 75});
    const Value y = each.call("matmul", {x, w}, {{"transpose_b", turned}})[0];
    each.output(each.call("relu", {each.call("add", {y, each.input(DType::f32, {75})})[0]})[0]);
    const std::vector<SymbolValues> sizes = {
        {{id(b), 5}, {id(m), 500}}, {{id(b), 1}, {id(m), 37}}, {{id(b), 0}, {id(m), 4}}};
    expect_reference("native.unpacked_matmul", each.subgraph(), sizes, how);
  }
}

TEST(UnpackedMatmul, Refusals) {
  const Dim m = Dim::symbol("m");
  const char* name = "native.unpacked_matmul";
  EXPECT_EQ(refusal(name, of_results(m, 1024, 512, true), {{id(m), 128}}), "");
  EXPECT_EQ(refusal(name, of_results(m, 1024, 1024, true), {{id(m), 127}}), "127 rows at the point (128 or more)");
  EXPECT_EQ(refusal(name, of_results(m, 1024, 511, true), {{id(m), 128}}),
            "128 rows of 1024 by 511 columns at the point (67108864 multiplications or more)");
  EXPECT_EQ(refusal(name, product(m, 1024, 512), {{id(m), 128}}), "a weight is packed once and for all");
  const auto added = of_results(m, 1024, 512, true, [](Piece& p, Value y, Dim, int64_t n) {
    return p.call("add", {p.call("relu", {y})[0], p.input(DType::f32, {n})})[0];
  });
  EXPECT_EQ(refusal(name, added, {{id(m), 128}}), "something follows the activation");
  Piece p;
  p.output(p.call("matmul", {p.input(DType::f32, {4, 500, 300}), p.input(DType::f32, {1, 300, 500})})[0]);
  EXPECT_EQ(refusal(name, p.subgraph(), {}),
            "a is f32[4, 500, 300] and b f32[1, 300, 500] (b of rank 2, or with the batches of a)");
}

}  // namespace
}  // namespace neve::test
