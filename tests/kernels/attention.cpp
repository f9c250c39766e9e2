// native.attention against the definitions.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

struct Heads {
  int64_t heads = 3, groups = 3, d = 8, e = 8;
  bool turned = false;  ///< [b, s, h, d] in memory
  std::string causal = "none";
  double scale = 0;
  int mask = 0;  ///< 0: none; 1: f32 [t]; 2: bool [b, 1, s, t]; 3: f32 [b, h, s, t]; 4: f32 [s, 1]
};

// Sizes: queries and keys.
using Lengths = std::vector<std::pair<int64_t, int64_t>>;

void expect_attention(const Heads& o, const Lengths& lengths) {
  const Dim b = Dim::symbol("b"), s = Dim::symbol("s"), t = Dim::symbol("t");
  Piece p;
  auto operand = [&](Dim rows, int64_t heads, int64_t size, std::vector<int64_t> perm) {
    if (!o.turned) return p.input(DType::f32, {b, heads, rows, size});
    return p.call("transpose", {p.input(DType::f32, {b, rows, heads, size})}, {{"perm", perm}})[0];
  };
  Values in{operand(s, o.heads, o.d, {0, 2, 1, 3}), operand(t, o.groups, o.d, {0, 2, 1, 3}),
            operand(t, o.groups, o.e, {0, 2, 1, 3})};
  if (o.mask == 1) in.push_back(p.input(DType::f32, {t}));
  if (o.mask == 2) in.push_back(p.input(DType::boolean, {b, 1, s, t}));
  if (o.mask == 3) in.push_back(p.input(DType::f32, {b, o.heads, s, t}));
  if (o.mask == 4) in.push_back(p.input(DType::f32, {s, 1}));
  Value y = p.call("scaled_dot_product_attention", in, {{"causal", o.causal}, {"scale", o.scale}})[0];
  if (o.turned) y = p.call("transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}})[0];
  p.output(y);
  std::vector<SymbolValues> sizes;
  for (const auto& [rows, columns] : lengths) sizes.push_back({{id(b), 2}, {id(s), rows}, {id(t), columns}});
  sizes.push_back({{id(b), 0}, {id(s), 3}, {id(t), 3}});
  Asked how;
  how.spread = 1;
  how.tolerance = 1e-4;
  expect_reference("native.attention", p.subgraph(), sizes, how);
}

TEST(Attention, Lengths) {
  expect_attention({}, {{1, 1}, {1, 77}, {2, 300}, {5, 3}, {48, 64}, {49, 65}, {130, 257}, {7, 600}});
}

TEST(Attention, HeadSizes) {
  for (const auto& [d, e] : {std::pair<int64_t, int64_t>{1, 1}, {64, 64}, {5, 80}, {33, 17}, {128, 130}}) {
    SCOPED_TRACE(str(d, " ", e));
    expect_attention({.d = d, .e = e}, {{1, 9}, {20, 70}});
  }
}

TEST(Attention, ThroughTransposes) {
  expect_attention({.heads = 4, .groups = 2, .turned = true, .mask = 1}, {{1, 30}, {9, 30}, {60, 300}});
}

TEST(Attention, Masks) {
  for (int mask : {1, 2, 3, 4})
    for (bool turned : {false, true}) {
      SCOPED_TRACE(str(mask, turned));
      expect_attention({.turned = turned, .scale = 0.5, .mask = mask}, {{1, 20}, {7, 20}, {50, 270}});
    }
}

TEST(Attention, Causal) {
  for (const char* causal : {"upper_left", "lower_right"})
    for (int mask : {0, 3}) {
      SCOPED_TRACE(str(causal, mask));
      expect_attention({.causal = causal, .mask = mask}, {{1, 1}, {1, 20}, {20, 20}, {9, 300}, {300, 300}, {60, 7}});
    }
}

TEST(Attention, Groups) {
  expect_attention({.heads = 6, .groups = 2}, {{1, 40}, {17, 40}});
  expect_attention({.heads = 6, .groups = 1}, {{1, 40}, {17, 40}});
}

TEST(Attention, KeysReadInAnyOrder) {
  const Dim s = Dim::symbol("s");
  Piece p;
  const Value q = p.input(DType::f32, {1, 2, s, 9}), k = p.input(DType::f32, {1, 2, 9, s});
  const Value turned = p.call("transpose", {k}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}})[0];
  p.output(p.call("scaled_dot_product_attention", {q, turned, p.input(DType::f32, {1, 2, s, 9})})[0]);
  expect_reference("native.attention", p.subgraph(), {{{id(s), 1}}, {{id(s), 70}}});
}

TEST(Attention, Refusals) {
  auto why = [](DType t, const AttrList& attrs) {
    Piece p;
    const Shape shape{1, 2, 5, 8};
    p.output(
        p.call("scaled_dot_product_attention", {p.input(t, shape), p.input(t, shape), p.input(t, shape)}, attrs)[0]);
    return refusal("native.attention", p.subgraph(), {});
  };
  EXPECT_EQ(why(DType::f32, {}), "");
  EXPECT_EQ(why(DType::f16, {}), "only f32, here f16[1, 2, 5, 8]");
  EXPECT_EQ(why(DType::f32, {{"softcap", 2.0}}), "softcap is set (0 would do)");
  EXPECT_EQ(why(DType::f32, {{"softmax_precision", std::string("f64")}}), "a softmax in f64");
}

}  // namespace
}  // namespace neve::test
