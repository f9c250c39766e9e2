// onednn.conv against the definition, at sizes that want another packing of the weight than the one tuned for.
#include <gtest/gtest.h>

#include <array>

#include "kernels/support.h"

namespace neve::test {
namespace {

void expect_conv(int64_t c, int64_t m, int64_t kernel, int64_t group, std::array<int64_t, 3> tuned = {2, 6, 6}) {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h"), w = Dim::symbol("w");
  Piece p;
  const Value x = p.input(DType::f32, {n, c, h, w});
  const Value weight = p.weight(DType::f32, {m, c / group, kernel, kernel}), bias = p.weight(DType::f32, {m});
  const std::vector<int64_t> pads(4, kernel / 2);
  p.output(p.call("relu", {p.call("conv", {x, weight, bias}, {{"group", group}, {"pads", pads}})[0]})[0]);
  Asked how;
  how.tolerance = 2e-4;
  std::vector<SymbolValues> sizes;
  for (const auto& [b, y, z] : {std::array<int64_t, 3>{tuned}, {1, 8, 8}, {1, 1, 3}, {1, 16, 9}})
    sizes.push_back({{id(n), b}, {id(h), y}, {id(w), z}});
  expect_reference("onednn.conv", p.subgraph(), sizes, how);
}

TEST(Conv, SizesThatWantAnotherPacking) {
  expect_conv(256, 512, 1, 1);
  expect_conv(96, 80, 3, 1);
  expect_conv(64, 64, 3, 16);
  expect_conv(32, 32, 3, 32);
}

TEST(Conv, TunedWhereLayoutsCoincide) {
  expect_conv(64, 48, 1, 1, {1, 1, 1});
  expect_conv(64, 64, 3, 64, {1, 1, 1});
}

// Convolutions of one point with weights that come with each call, and their gradients by the input.
TEST(ConvPoint, AgreesWithTheDefinition) {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h"), w = Dim::symbol("w");
  std::vector<SymbolValues> sizes;
  for (const auto& [b, y, z] : {std::array<int64_t, 3>{2, 6, 6}, {1, 7, 5}, {3, 1, 1}, {0, 4, 4}})
    sizes.push_back({{id(n), b}, {id(h), y}, {id(w), z}});
  Asked how;
  how.tolerance = 2e-4;
  Piece forward;
  const Value x = forward.input(DType::f32, {n, 33, h, w}), weight = forward.input(DType::f32, {20, 33, 1, 1});
  forward.output(forward.call("conv", {x, weight}, {})[0]);
  expect_reference("onednn.conv_point", forward.subgraph(), sizes, how);
}

TEST(ConvPoint, RefusesOthers) {
  auto why = [](std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads, bool fixed) {
    Piece p;
    const Shape shape{4, 3, kernel[0], kernel[1]};
    const Value x = p.input(DType::f32, {1, 3, 8, 8});
    const Value weight = fixed ? p.weight(DType::f32, shape) : p.input(DType::f32, shape);
    p.output(p.call("conv", {x, weight}, {{"strides", strides}, {"pads", pads}})[0]);
    return refusal("onednn.conv_point", p.subgraph(), {});
  };
  EXPECT_EQ(why({1, 1}, {1, 1}, {0, 0, 0, 0}, true), "the weight is fixed");
  EXPECT_EQ(why({1, 1}, {2, 2}, {0, 0, 0, 0}, false), "strides");
  EXPECT_EQ(why({1, 1}, {1, 1}, {1, 1, 1, 1}, false), "padding");
  EXPECT_EQ(why({3, 1}, {1, 1}, {1, 0, 1, 0}, false), "the kernel may be larger than one point");
}

}  // namespace
}  // namespace neve::test
