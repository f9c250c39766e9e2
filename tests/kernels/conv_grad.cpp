// The gradients of convolutions, and convolutions with large weights that come with each call, against their
// definitions: in every layout that the operands may come in.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {
using namespace images;

struct Shapes {
  int64_t c, m, kernel, stride = 1, dilation = 1;
};

AttrList attributes(const Shapes& s) {
  return {{"strides", std::vector<int64_t>(2, s.stride)},
          {"dilations", std::vector<int64_t>(2, s.dilation)},
          {"pads", std::vector<int64_t>(4, s.dilation * (s.kernel / 2))}};
}

Shape result_shape(Piece& p, const Shapes& s) {
  const Value x = p.graph.add_input("", {DType::f32, {n, s.c, h, w}}),
              k = p.graph.add_input("", {DType::f32, {s.m, s.c, s.kernel, s.kernel}});
  return p.graph.type(p.graph.call_many("conv", {x, k}, attributes(s))[0]).shape;
}

Subgraph forward(const Shapes& s, bool bias) {
  Piece p;
  Values in{p.input(DType::f32, {n, s.c, h, w}), p.input(DType::f32, {s.m, s.c, s.kernel, s.kernel})};
  if (bias) in.push_back(p.input(DType::f32, {s.m}));
  p.output(p.call("conv", in, attributes(s))[0]);
  return p.subgraph();
}

Subgraph by_input(const Shapes& s) {
  Piece shapes, p;
  const Value dy = p.input(DType::f32, result_shape(shapes, s)),
              k = p.input(DType::f32, {s.m, s.c, s.kernel, s.kernel}), shape = p.content({n, s.c, h, w});
  p.output(p.call("conv_input_grad", {dy, k, shape}, attributes(s))[0]);
  return p.subgraph();
}

Subgraph by_weight(const Shapes& s) {
  Piece shapes, p;
  const Value x = p.input(DType::f32, {n, s.c, h, w}), dy = p.input(DType::f32, result_shape(shapes, s)),
              shape = p.ints({s.m, s.c, s.kernel, s.kernel});
  p.output(p.call("conv_weight_grad", {x, dy, shape}, attributes(s))[0]);
  return p.subgraph();
}

Layout channels_last() {
  Layout l;
  l.order = {0, 2, 3, 1};
  return l;
}
Layout by_16() {
  Layout l;
  l.order = {0, 1, 2, 3};
  l.blocks = {{1, 16}};
  return l;
}

// Every way in which the operands may come; the sizes of the last operand are always row-major.
std::vector<Asked> ways(size_t inputs) {
  std::vector<Asked> all;
  for (const Layout& a : {Layout{}, channels_last(), by_16()})
    for (const Layout& b : {Layout{}, channels_last(), by_16()}) {
      Asked how;
      how.tolerance = 3e-4;
      how.offered = {a, b};
      how.offered.resize(inputs);
      all.push_back(how);
    }
  Asked plain;
  plain.tolerance = 3e-4;
  plain.plain_only = true;
  all.push_back(plain);
  return all;
}

TEST(ConvGrad, AgreesWithTheDefinition) {
  for (const Shapes& s : {Shapes{20, 33, 3}, {3, 16, 5, 2}, {16, 16, 3, 1, 2}, {16, 24, 1, 2}}) {
    const auto sizes = sizes_of({{2, 9, 8}, {1, 5, 7}, {3, 11, 11}, {0, 6, 6}});
    for (Asked how : ways(3)) {
      if (!how.offered.empty()) how.offered[1] = Layout{};  // the weight comes row-major
      expect_reference("onednn.conv_input_grad", by_input(s), sizes, how);
    }
    for (const Asked& how : ways(3)) expect_reference("onednn.conv_weight_grad", by_weight(s), sizes, how);
  }
}

// Tuned for few points, met with none, and with so many that they are taken in parts.
TEST(ConvUnfold, AgreesWithTheDefinition) {
  for (const Shapes& s : {Shapes{64, 240, 3}, {80, 240, 3, 2}, {40, 150, 5, 1, 2}, {300, 440, 1, 2}, {300, 440, 1}}) {
    const auto sizes = sizes_of({{2, 7, 6}, {1, 3, 9}, {5, 1, 1}, {0, 6, 6}});
    for (const bool plain : {false, true}) {
      Asked how;
      how.tolerance = 3e-4;
      how.plain_only = plain;
      how.isa = Isa::baseline;
      for (const bool bias : {false, true}) expect_reference("onednn.conv_unfold", forward(s, bias), sizes, how);
      expect_reference("onednn.conv_input_grad_unfold", by_input(s), sizes, how);
      expect_reference("onednn.conv_weight_grad_unfold", by_weight(s), sizes, how);
    }
  }
}

TEST(ConvUnfold, TakesManyPointsInParts) {
  const Shapes s{400, 40, 3};
  const auto sizes = sizes_of({{1, 6, 6}, {2, 15, 15}});
  Asked how;
  how.tolerance = 2e-3;
  how.isa = Isa::baseline;  // oneDNN looks for itself: once is enough
  for (const bool plain : {false, true}) {
    how.plain_only = plain;
    expect_reference("onednn.conv_unfold", forward(s, true), sizes, how);
    expect_reference("onednn.conv_input_grad_unfold", by_input(s), sizes, how);
    expect_reference("onednn.conv_weight_grad_unfold", by_weight(s), sizes, how);
  }
}

TEST(ConvUnfold, RefusesOthers) {
  const auto sizes = sizes_of({{2, 6, 6}, {2, 16, 16}});
  const Shapes large{64, 240, 3};
  EXPECT_EQ(refusal("onednn.conv_unfold", forward(large, false), sizes[0]), "");
  EXPECT_EQ(refusal("onednn.conv_unfold", forward(large, false), sizes[1]),
            "512 points share the packing of the weight (few would be at most 240)");
  EXPECT_EQ(refusal("onednn.conv_unfold", forward({16, 80, 3}, false), sizes[0]), "the weight is small");
  Piece p;
  const Value x = p.input(DType::f32, {n, 64, h, w}), k = p.weight(DType::f32, {240, 64, 3, 3});
  p.output(p.call("conv", {x, k}, {})[0]);
  EXPECT_EQ(refusal("onednn.conv_unfold", p.subgraph(), sizes[0]), "the weight is fixed");
}

}  // namespace
}  // namespace neve::test
