// Winograd's convolutions against the definition, with what follows them in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;

struct Tail {
  bool bias = true, residual = false, relu = true;
};

Subgraph piece(int64_t c, int64_t m, const AttrList& attrs, Tail tail) {
  Piece p;
  Values in{p.input(DType::f32, {n, c, h, w}), p.weight(DType::f32, {m, c, 3, 3})};
  if (tail.bias) in.push_back(p.weight(DType::f32, {m}));
  Value y = p.call("conv", in, attrs)[0];
  if (tail.residual) y = p.call("add", {y, p.input(DType::f32, p.graph.type(y).shape)})[0];
  if (tail.relu) y = p.call("relu", {y})[0];
  p.output(y);
  return p.subgraph();
}

TEST(Winograd, AgreesWithTheDefinition) {
  const AttrList same{{"pads", std::vector<int64_t>(4, 1)}}, uneven{{"pads", std::vector<int64_t>{0, 2, 1, 0}}};
  const AttrList automatic{{"auto_pad", std::string("SAME_UPPER")}};
  Asked how;
  how.tolerance = 2e-4;
  for (const char* entry : {"native.winograd4", "native.winograd2"}) {
    const auto sizes = sizes_of({{2, 13, 10}, {1, 6, 23}, {3, 8, 8}, {1, 3, 5}});
    expect_reference(entry, piece(32, 40, same, {true, true, true}), sizes, how);
    expect_reference(entry, piece(16, 100, uneven, {true, false, true}), sizes, how);
    expect_reference(entry, piece(16, 9, automatic, {false, false, false}), sizes, how);
    expect_reference(entry, piece(24, 24, same, {true, true, true}), sizes, how);
  }
}

// Large filters, for which the cores share the frequencies; and many tiles, which are taken in chunks.
TEST(Winograd, SharesTheWorkEitherWay) {
  const AttrList same{{"pads", std::vector<int64_t>(4, 1)}};
  Asked how;
  how.tolerance = 5e-4;
  how.isa = std::min(how.isa, Isa::avx2);
  expect_reference("native.winograd4", piece(128, 192, same, {}), sizes_of({{1, 14, 14}, {2, 20, 20}}), how);
  expect_reference("native.winograd2", piece(16, 16, same, {}), sizes_of({{1, 14, 14}, {1, 90, 90}}), how);
}

TEST(Winograd, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  const auto why = [&](int64_t c, const AttrList& attrs) {
    return refusal("native.winograd4", piece(c, 32, attrs, {}), at);
  };
  EXPECT_EQ(why(32, {}), "");
  EXPECT_EQ(why(32, {{"strides", std::vector<int64_t>{1, 2}}}), "strides");
  EXPECT_EQ(why(32, {{"dilations", std::vector<int64_t>{2, 2}}}), "dilations");
  EXPECT_EQ(why(3, {}), "3 channels are no multiple of the vector");
  Asked strict;
  strict.most_error = 1e-9;
  EXPECT_NE(
      refusal("native.winograd2", piece(32, 32, {}, {}), at, strict).find("of the largest result (1e-09 would do)"),
      std::string::npos);
}

}  // namespace
}  // namespace neve::test
