// native.pointwise against the definition, with what follows it in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;

struct Follow {
  bool bias = true, residual = false;
  std::vector<const char*> activations;
};

Subgraph piece(int64_t channels, int64_t outputs, const Follow& follow, AttrList attrs = {}) {
  Piece p;
  Values in{p.input(DType::f32, {n, channels, h, w}), p.weight(DType::f32, {outputs, channels, 1, 1})};
  if (follow.bias) in.push_back(p.weight(DType::f32, {outputs}));
  Value y = p.call("conv", in, attrs)[0];
  if (follow.residual) y = p.call("add", {p.input(DType::f32, {n, outputs, h, w}), y})[0];
  for (const char* op : follow.activations) y = p.call(op, {y})[0];
  p.output(y);
  return p.subgraph();
}

// Tiles of every height and width, panels that differ by a vector, columns that do not fill the last vector; images
// whose rows the threads share and such whose columns they do.
TEST(Pointwise, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 13, 11}, {1, 1, 1}, {1, 7, 7}, {3, 5, 30}, {1, 2, 4}, {1, 23, 30}, {0, 5, 7}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    for (int64_t outputs : {1, 24, 72, 200}) {
      SCOPED_TRACE(str(outputs, " channels, ", threads, " threads"));
      expect_reference("native.pointwise", piece(5, outputs, {}), sizes, how);
      expect_reference("native.pointwise", piece(18, outputs, {true, true, {"relu"}}), sizes, how);
      expect_reference("native.pointwise", piece(7, outputs, {false, false, {"swish"}}), sizes, how);
      expect_reference("native.pointwise", piece(3, outputs, {false, true, {"hard_swish"}}), sizes, how);
    }
    expect_reference("native.pointwise", piece(160, 600, {true, false, {"hard_swish"}}), sizes, how);
    expect_reference("native.pointwise", piece(900, 83, {true, true, {"sigmoid"}}), sizes, how);
  }
}

// Where the exponential overflows or vanishes.
TEST(Pointwise, ActivationsTakeLargeValues) {
  Asked how;
  for (const double spread : {4.0, 40.0, 1e18}) {
    how.spread = spread;
    for (const char* op : {"swish", "sigmoid", "tanh", "hard_swish"})
      expect_reference("native.pointwise", piece(3, 40, {false, false, {op}}), sizes_of({{1, 9, 11}}), how);
  }
}

// Factors of channels before it: the same for all images or not, on either side.
Subgraph scaled(int64_t channels, int64_t outputs, Dim factors, bool first, bool residual) {
  Piece p;
  const Value x = p.input(DType::f32, {n, channels, h, w}), s = p.input(DType::f32, {factors, channels, 1, 1});
  const Value k = p.weight(DType::f32, {outputs, channels, 1, 1}), b = p.weight(DType::f32, {outputs});
  Value y = p.call("conv", {p.call("mul", first ? Values{s, x} : Values{x, s})[0], k, b})[0];
  if (residual) y = p.call("add", {y, p.input(DType::f32, {n, outputs, h, w})})[0];
  p.output(y);
  return p.subgraph();
}

TEST(Pointwise, ScalesChannelsBefore) {
  const auto sizes = sizes_of({{2, 13, 11}, {3, 7, 7}, {1, 2, 4}, {2, 20, 30}, {0, 5, 7}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    expect_reference("native.pointwise", scaled(40, 24, n, false, true), sizes, how);
    expect_reference("native.pointwise", scaled(33, 90, 1, true, false), sizes, how);
    expect_reference("native.pointwise", scaled(1200, 83, n, true, false), sizes, how);
  }
}

TEST(Pointwise, MayWriteOverTheResidual) {
  Asked how;
  how.may_overwrite = true;
  expect_reference("native.pointwise", piece(40, 56, {true, true, {}}), sizes_of({{2, 9, 11}, {1, 3, 3}}), how);
}

// Of one point the factors may be the residual too: what is written over them is read by nobody else.
TEST(Pointwise, KeepsFactorsThatAreTheResidual) {
  Piece p;
  const Value x = p.input(DType::f32, {n, 300, 1, 1}), s = p.input(DType::f32, {n, 300, 1, 1});
  const Value m = p.call("mul", {x, s})[0];
  p.output(p.call("add", {p.call("conv", {m, p.weight(DType::f32, {300, 300, 1, 1})})[0], s})[0]);
  Asked how;
  how.may_overwrite = true;
  expect_reference("native.pointwise", p.subgraph(), sizes_of({{7, 1, 1}, {1, 1, 1}, {400, 1, 1}}), how);
}

TEST(Pointwise, TakesOneAndThreeSpatialAxes) {
  for (const Shape& space : {Shape{h}, Shape{h, w, Dim(3)}}) {
    Piece p;
    Shape x{n, 20}, k{33, 20};
    for (Dim d : space) x.push_back(d), k.push_back(1);
    p.output(p.call("relu", {p.call("conv", {p.input(DType::f32, x), p.weight(DType::f32, k)})[0]})[0]);
    expect_reference("native.pointwise", p.subgraph(), sizes_of({{2, 9, 11}, {1, 30, 2}}));
  }
}

TEST(Pointwise, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  const auto why = [&](const Follow& follow, AttrList attrs = {}) {
    return refusal("native.pointwise", piece(8, 16, follow, std::move(attrs)), at);
  };
  EXPECT_EQ(why({}), "");
  EXPECT_EQ(why({}, {{"strides", std::vector<int64_t>{1, 2}}}), "a stride");
  EXPECT_EQ(why({}, {{"pads", std::vector<int64_t>{0, 1, 0, 0}}}), "padding");
  EXPECT_EQ(why({true, false, {"relu", "abs"}}), "something follows the activation");
  Asked plain;
  plain.plain_only = true;
  EXPECT_EQ(refusal("native.pointwise", piece(8, 16, {}), at, plain), "channels are last");
  Piece taps;
  const Value x = taps.input(DType::f32, {n, 8, h, w});
  taps.output(taps.call("conv", {x, taps.weight(DType::f32, {16, 8, 1, 3})})[0]);
  EXPECT_EQ(refusal("native.pointwise", taps.subgraph(), at), "more taps than one: f32[16, 8, 1, 3]");
  Piece columns;
  const Value i = columns.input(DType::f32, {n, 8, h, w}), j = columns.input(DType::f32, {n, 8, 1, w});
  columns.output(columns.call("conv", {columns.call("mul", {i, j})[0], columns.weight(DType::f32, {8, 8, 1, 1})})[0]);
  EXPECT_EQ(refusal("native.pointwise", columns.subgraph(), at),
            "the factors are f32[n, 8, 1, w] (one a channel would do)");
  Piece twice;
  const Value z = twice.input(DType::f32, {n, 8, h, w}), f = twice.input(DType::f32, {n, 8, 1, 1}),
              m = twice.call("mul", {z, f})[0];
  twice.output(twice.call("add", {twice.call("conv", {m, twice.weight(DType::f32, {8, 8, 1, 1})})[0], m})[0]);
  EXPECT_NE(refusal("native.pointwise", twice.subgraph(), at), "");
  Piece groups;
  const Value y = groups.input(DType::f32, {n, 8, h, w}), k = groups.weight(DType::f32, {16, 4, 1, 1});
  groups.output(groups.call("conv", {y, k}, {{"group", int64_t(2)}})[0]);
  EXPECT_EQ(refusal("native.pointwise", groups.subgraph(), at), "2 groups");
}

}  // namespace
}  // namespace neve::test
