// native.direct against the definition, with what follows it in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;

Subgraph piece(int64_t channels, int64_t outputs, std::vector<int64_t> taps, AttrList attrs,
               std::vector<const char*> follow = {}, bool bias = true, bool residual = false) {
  Piece p;
  Values in{p.input(DType::f32, {n, channels, h, w}), p.weight(DType::f32, {outputs, channels, taps[0], taps[1]})};
  if (bias) in.push_back(p.weight(DType::f32, {outputs}));
  Value y = p.call("conv", in, attrs)[0];
  if (residual) y = p.call("add", {y, p.input(DType::f32, p.graph.type(y).shape)})[0];
  for (const char* op : follow) y = p.call(op, {y})[0];
  p.output(y);
  return p.subgraph();
}

using Ints = std::vector<int64_t>;

// Strides, dilations, padding that is wider than the image and of any side, panels that are not full.
TEST(Direct, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{1, 32, 32}, {2, 13, 11}, {1, 7, 70}, {3, 9, 8}, {0, 9, 8}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    SCOPED_TRACE(str(threads, " threads"));
    const AttrList two{{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}};
    expect_reference("native.direct", piece(3, 16, {3, 3}, two, {"hard_swish"}), sizes, how);
    expect_reference("native.direct", piece(3, 8, {3, 3}, two, {"relu"}), sizes, how);
    expect_reference("native.direct", piece(3, 64, {7, 7}, {{"strides", Ints{2, 2}}, {"pads", Ints{3, 3, 3, 3}}}),
                     sizes, how);
    expect_reference("native.direct", piece(1, 5, {5, 2}, {{"pads", Ints{0, 3, 4, 0}}}, {"sigmoid"}, false), sizes,
                     how);
    expect_reference("native.direct", piece(4, 72, {3, 3}, {{"dilations", Ints{2, 3}}, {"pads", Ints{9, 9, 9, 9}}}),
                     sizes, how);
    expect_reference("native.direct", piece(24, 24, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}, {"relu"}), sizes, how);
    expect_reference("native.direct", piece(24, 40, {3, 3}, {{"pads", Ints{1, 1, 1, 1}}}, {"relu"}, true, true), sizes,
                     how);
    expect_reference("native.direct", piece(3, 20, {3, 3}, two, {}, false, true), sizes, how);
    expect_reference("native.direct", piece(7, 50, {3, 3}, two, {"tanh"}), sizes, how);
    expect_reference("native.direct", piece(5, 130, {2, 5}, {{"dilations", Ints{3, 1}}, {"pads", Ints{2, 0, 1, 4}}}),
                     sizes, how);
    expect_reference("native.direct", piece(16, 16, {1, 1}, {{"strides", Ints{2, 3}}}), sizes, how);
    expect_reference("native.direct", piece(2, 40, {1, 1}, {{"strides", Ints{3, 1}}}, {"swish"}), sizes, how);
    expect_reference("native.direct", piece(3, 24, {3, 4}, {{"auto_pad", "SAME_UPPER"}, {"strides", Ints{2, 2}}}),
                     sizes, how);
  }
}

// Rows that are longer than the cache go in parts: an engine that was tuned for a small image takes a wide one, too.
TEST(Direct, WideImages) {
  const auto sizes = sizes_of({{1, 9, 40}, {1, 4, 1500}, {2, 3, 777}});
  const Ints all{1, 1, 1, 1};
  Asked how;
  how.tolerance = 1e-4;
  for (int threads : {1, 3}) {
    how.threads = threads;
    expect_reference("native.direct", piece(64, 24, {3, 3}, {{"pads", all}}, {"relu"}, true, true), sizes, how);
    expect_reference("native.direct", piece(64, 24, {3, 3}, {{"strides", Ints{2, 2}}, {"pads", all}}), sizes, how);
    expect_reference("native.direct", piece(40, 16, {3, 3}, {{"dilations", Ints{2, 3}}, {"pads", Ints{2, 5, 2, 1}}}),
                     sizes, how);
  }
}

// Weights of more than a megabyte go by panels, cut into chunks where a panel is large; images that no window leaves
// are read where they lie.
TEST(Direct, LargeWeightsGoByPanels) {
  const auto sizes = sizes_of({{1, 7, 7}, {2, 9, 14}, {3, 5, 4}, {0, 7, 7}});
  Asked how;
  how.tolerance = 1e-4;  // sums of thousands
  for (int threads : {1, 3}) {
    how.threads = threads;
    SCOPED_TRACE(str(threads, " threads"));
    const Ints all{1, 1, 1, 1};
    expect_reference("native.direct", piece(256, 200, {3, 3}, {{"pads", all}}, {"relu"}), sizes, how);
    expect_reference("native.direct", piece(256, 200, {3, 3}, {{"pads", all}}, {"tanh"}, true, true), sizes, how);
    expect_reference("native.direct", piece(256, 136, {3, 3}, {{"strides", Ints{2, 2}}, {"pads", all}}), sizes, how);
    expect_reference("native.direct", piece(160, 256, {3, 3}, {{"dilations", Ints{2, 2}}, {"pads", Ints{2, 2, 2, 2}}}),
                     sizes, how);
    expect_reference("native.direct", piece(130, 256, {3, 3}, {}, {"relu"}, false, true), sizes, how);
    expect_reference("native.direct", piece(1300, 208, {1, 1}, {{"strides", Ints{2, 2}}}, {"relu"}), sizes, how);
    expect_reference("native.direct", piece(2700, 100, {1, 1}, {{"strides", Ints{2, 1}}}), sizes, how);
    expect_reference("native.direct", piece(1000, 40, {1, 7}, {{"pads", Ints{0, 3, 0, 3}}}), sizes, how);
  }
}

TEST(Direct, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  EXPECT_EQ(refusal("native.direct", piece(3, 8, {3, 3}, {}), at), "");
  EXPECT_EQ(refusal("native.direct", piece(5, 8, {1, 1}, {}), at), "a single tap");
  EXPECT_EQ(refusal("native.direct", piece(3, 8, {3, 3}, {{"pads", Ints{-1, 0, 0, 0}}}), at), "negative padding");
}

}  // namespace
}  // namespace neve::test
