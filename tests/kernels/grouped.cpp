// native.grouped against the definition, with what follows it in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;
using Ints = std::vector<int64_t>;

Subgraph piece(int64_t groups, int64_t channels, int64_t outputs, Ints taps, AttrList attrs,
               std::vector<const char*> follow = {}, bool bias = true, bool residual = false) {
  Piece p;
  Values in{p.input(DType::f32, {n, groups * channels, h, w}),
            p.weight(DType::f32, {groups * outputs, channels, taps[0], taps[1]})};
  if (bias) in.push_back(p.weight(DType::f32, {groups * outputs}));
  attrs.emplace_back("group", groups);
  Value y = p.call("conv", in, attrs)[0];
  if (residual) y = p.call("add", {y, p.input(DType::f32, p.graph.type(y).shape)})[0];
  for (const char* op : follow) y = p.call(op, {y})[0];
  p.output(y);
  return p.subgraph();
}

// Groups that fill vectors and that do not, that go together, strides, dilations, padding of any side.
TEST(Grouped, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{1, 16, 16}, {2, 13, 11}, {1, 7, 70}, {3, 9, 8}, {0, 9, 8}});
  const Ints all{1, 1, 1, 1};
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    SCOPED_TRACE(str(threads, " threads"));
    const auto agrees = [&](const Subgraph& g) { expect_reference("native.grouped", g, sizes, how); };
    agrees(piece(8, 4, 4, {3, 3}, {{"pads", all}}, {"relu"}));
    agrees(piece(4, 8, 8, {3, 3}, {{"pads", all}, {"strides", Ints{2, 2}}}, {"hard_swish"}));
    agrees(piece(3, 16, 16, {3, 3}, {{"pads", all}}, {"relu"}, true, true));
    agrees(piece(2, 24, 24, {3, 3}, {{"pads", all}}, {"sigmoid"}, false));
    agrees(piece(3, 5, 20, {3, 2}, {{"pads", Ints{0, 3, 4, 0}}, {"dilations", Ints{2, 3}}}));
    agrees(piece(2, 32, 80, {1, 1}, {}, {"gelu"}));
    agrees(piece(5, 12, 72, {5, 3}, {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2, 1}}}, {}, false, true));
    agrees(piece(10, 3, 3, {3, 3}, {{"pads", all}, {"strides", Ints{1, 2}}}, {"tanh"}, true, true));
    agrees(piece(4, 6, 20, {1, 3}, {{"pads", Ints{0, 1, 0, 1}}, {"strides", Ints{2, 2}}}, {"relu"}));
    agrees(piece(16, 1, 2, {3, 3}, {{"pads", Ints{2, 2, 2, 2}}, {"dilations", Ints{2, 2}}}, {"relu"}));
  }
}

TEST(Grouped, WideImages) {
  const auto sizes = sizes_of({{1, 9, 40}, {1, 4, 3000}});
  expect_reference("native.grouped", piece(2, 32, 32, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}, {"relu"}), sizes);
  expect_reference("native.grouped", piece(4, 8, 8, {5, 5}, {{"pads", Ints{1, 1, 1, 1}}}), sizes);
}

TEST(Grouped, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  EXPECT_EQ(refusal("native.grouped", piece(4, 8, 8, {3, 3}, {}), at), "");
  EXPECT_EQ(refusal("native.grouped", piece(1, 8, 8, {3, 3}, {}), at), "one group");
  EXPECT_EQ(refusal("native.grouped", piece(11, 3, 3, {5, 5}, {}), at), "11 groups of 3 results");
  EXPECT_EQ(refusal("native.grouped", piece(4, 8, 8, {3, 3}, {{"pads", Ints{-1, 0, 0, 0}}}), at), "negative padding");
  EXPECT_EQ(refusal("native.grouped", piece(4, 8, 8, {3, 3}, {}, {"relu", "sigmoid"}), at),
            "something follows the activation");
}

}  // namespace
}  // namespace neve::test
