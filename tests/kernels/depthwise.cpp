// native.depthwise against the definition, with what follows it in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;

Subgraph piece(int64_t c, int64_t height, int64_t width, AttrList attrs, bool bias, std::vector<const char*> follow) {
  Piece p;
  Values in{p.input(DType::f32, {n, c, h, w}), p.weight(DType::f32, {c, 1, height, width})};
  if (bias) in.push_back(p.weight(DType::f32, {c}));
  attrs.emplace_back("group", c);
  Value y = p.call("conv", in, attrs)[0];
  for (const char* op : follow) y = p.call(op, {y})[0];
  p.output(y);
  return p.subgraph();
}

// Rows of results that one block of columns takes, that blocks share, and that are narrower than any; channels that are
// no multiple of the vector.
TEST(Depthwise, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 13, 11}, {1, 7, 7}, {1, 9, 30}, {3, 3, 4}, {1, 14, 16}});
  for (int64_t stride : {1, 2})
    for (int64_t k : {3, 5, 7}) {
      SCOPED_TRACE(str("stride ", stride, ", taps ", k));
      const AttrList same{{"pads", std::vector<int64_t>(4, k / 2)}, {"strides", std::vector<int64_t>(2, stride)}};
      expect_reference("native.depthwise", piece(32, k, k, same, true, {"swish"}), sizes);
      expect_reference("native.depthwise", piece(11, k, k, same, true, {"relu"}), sizes);
      expect_reference("native.depthwise", piece(37, k, k, same, false, {"hard_swish", "abs"}), sizes);
    }
}

TEST(Depthwise, TakesAnyPadding) {
  const auto sizes = sizes_of({{2, 8, 9}, {1, 5, 23}, {1, 1, 1}});
  const AttrList uneven{{"pads", std::vector<int64_t>{4, 3, 5, 2}}, {"strides", std::vector<int64_t>{3, 2}}};
  const AttrList automatic{{"auto_pad", std::string("SAME_LOWER")}, {"strides", std::vector<int64_t>{2, 1}}};
  expect_reference("native.depthwise", piece(20, 2, 3, uneven, true, {}), sizes);
  expect_reference("native.depthwise", piece(16, 4, 5, automatic, true, {"relu"}), sizes);
  Asked how;
  how.threads = 3;
  expect_reference("native.depthwise", piece(48, 3, 3, automatic, false, {}), sizes_of({{1, 33, 20}}), how);
}

TEST(Depthwise, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  const auto why = [&](int64_t c, int64_t k, AttrList attrs) {
    return refusal("native.depthwise", piece(c, k, k, std::move(attrs), true, {}), at);
  };
  EXPECT_EQ(why(32, 3, {}), "");
  EXPECT_EQ(why(3, 3, {}), "3 channels are fewer than a vector has");
  EXPECT_EQ(why(32, 1, {}), "no code for w f32[32, 1, 1, 1]");
  EXPECT_EQ(why(32, 3, {{"strides", std::vector<int64_t>{1, 3}}}), "a stride of 3");
  EXPECT_EQ(why(32, 3, {{"dilations", std::vector<int64_t>{2, 2}}}), "dilations");
  Piece p;
  const Value x = p.input(DType::f32, {n, 32, h, w}), k = p.weight(DType::f32, {32, 2, 3, 3});
  p.output(p.call("conv", {x, k}, {{"group", int64_t(16)}})[0]);
  EXPECT_EQ(refusal("native.depthwise", p.subgraph(), at), "not every channel is a group of its own");
}

// A convolution of one tap before it: the rows that it makes in the ring are those of the definition, also where a
// thread begins in the middle of an image, where images are narrow, and where rows are skipped.
Subgraph chain(int64_t channels, int64_t wide, int64_t k, int64_t stride, std::vector<const char*> between) {
  Piece p;
  Value y = p.call("conv", {p.input(DType::f32, {n, channels, h, w}), p.weight(DType::f32, {wide, channels, 1, 1}),
                            p.weight(DType::f32, {wide})})[0];
  for (const char* op : between) y = p.call(op, {y})[0];
  y = p.call(
      "conv", {y, p.weight(DType::f32, {wide, 1, k, k}), p.weight(DType::f32, {wide})},
      {{"group", wide}, {"pads", std::vector<int64_t>(4, k / 2)}, {"strides", std::vector<int64_t>(2, stride)}})[0];
  p.output(p.call("relu", {y})[0]);
  return p.subgraph();
}

TEST(ExpandDepthwise, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 13, 11}, {1, 7, 7}, {3, 5, 30}, {1, 2, 4}, {2, 33, 70}, {0, 5, 7}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    for (int64_t stride : {1, 2}) {
      expect_reference("native.expand_depthwise", chain(5, 40, 3, stride, {"swish"}), sizes, how);
      expect_reference("native.expand_depthwise", chain(24, 37, 5, stride, {}), sizes, how);
    }
    expect_reference("native.expand_depthwise", chain(16, 160, 3, 2, {"hard_swish"}), sizes, how);
  }
}

TEST(ExpandDepthwise, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  EXPECT_EQ(refusal("native.expand_depthwise", piece(32, 3, 3, {}, true, {}), at), "no depthwise convolution follows");
  EXPECT_EQ(refusal("native.expand_depthwise", chain(32, 64, 3, 3, {}), at), "a stride of 3");
  EXPECT_EQ(refusal("native.expand_depthwise", chain(32, 3, 3, 1, {}), at), "3 channels are fewer than a vector has");
  EXPECT_EQ(refusal("native.expand_depthwise", chain(32, 4096, 3, 1, {}), at),
            "the rows that are kept do not fit into the cache");
}

// And one of one tap after it: strips that are not full, images narrower than a strip, the image itself added.
Subgraph strips(int64_t channels, int64_t out, int64_t k, int64_t stride, std::vector<const char*> between,
                bool residual) {
  Piece p;
  const Value x = p.input(DType::f32, {n, channels, h, w});
  Value y = p.call(
      "conv", {x, p.weight(DType::f32, {channels, 1, k, k}), p.weight(DType::f32, {channels})},
      {{"group", channels}, {"pads", std::vector<int64_t>(4, k / 2)}, {"strides", std::vector<int64_t>(2, stride)}})[0];
  for (const char* op : between) y = p.call(op, {y})[0];
  y = p.call("conv", {y, p.weight(DType::f32, {out, channels, 1, 1}), p.weight(DType::f32, {out})})[0];
  if (residual) y = p.call("add", {y, x})[0];
  p.output(p.call("relu", {y})[0]);
  return p.subgraph();
}

TEST(DepthwisePointwise, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 13, 11}, {1, 7, 7}, {3, 5, 30}, {1, 2, 4}, {2, 33, 70}, {0, 5, 7}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    for (int64_t stride : {1, 2}) {
      expect_reference("native.depthwise_pointwise", strips(40, 5, 3, stride, {"swish"}, false), sizes, how);
      expect_reference("native.depthwise_pointwise", strips(37, 24, 5, stride, {}, false), sizes, how);
    }
    expect_reference("native.depthwise_pointwise", strips(32, 160, 3, 2, {"hard_swish"}, false), sizes, how);
    expect_reference("native.depthwise_pointwise", strips(72, 72, 3, 1, {"relu"}, true), sizes, how);
  }
}

TEST(DepthwisePointwise, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  EXPECT_EQ(refusal("native.depthwise_pointwise", piece(32, 3, 3, {}, true, {}), at), "no convolution follows");
  EXPECT_EQ(refusal("native.depthwise_pointwise", strips(32, 64, 3, 3, {}, false), at), "a stride of 3");
  EXPECT_EQ(refusal("native.depthwise_pointwise", strips(2048, 64, 3, 1, {}, false), at),
            "a strip does not fit into the cache");
  EXPECT_EQ(refusal("native.depthwise_pointwise", chain(32, 64, 3, 1, {}), at),
            "not every channel is a group of its own");
}

// All three: strips that go on from the ring of the one before, and that begin anew; the image itself added.
Subgraph block(int64_t channels, int64_t wide, int64_t out, int64_t k, int64_t stride, const char* between,
               bool residual, int64_t last_taps = 1) {
  Piece p;
  const Value x = p.input(DType::f32, {n, channels, h, w});
  Value y = p.call("conv", {x, p.weight(DType::f32, {wide, channels, 1, 1}), p.weight(DType::f32, {wide})})[0];
  y = p.call(between, {y})[0];
  y = p.call(
      "conv", {y, p.weight(DType::f32, {wide, 1, k, k}), p.weight(DType::f32, {wide})},
      {{"group", wide}, {"pads", std::vector<int64_t>(4, k / 2)}, {"strides", std::vector<int64_t>(2, stride)}})[0];
  y = p.call(between, {y})[0];
  y = p.call("conv", {y, p.weight(DType::f32, {out, wide, last_taps, last_taps}), p.weight(DType::f32, {out})},
             {{"pads", std::vector<int64_t>(4, last_taps / 2)}})[0];
  if (residual) y = p.call("add", {y, x})[0];
  p.output(y);
  return p.subgraph();
}

TEST(InvertedResidual, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 13, 11}, {1, 7, 7}, {3, 5, 30}, {1, 2, 4}, {2, 33, 70}, {1, 40, 40}, {0, 5, 7}});
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    for (int64_t stride : {1, 2}) {
      expect_reference("native.inverted_residual", block(5, 40, 9, 3, stride, "swish", false), sizes, how);
      expect_reference("native.inverted_residual", block(24, 37, 72, 5, stride, "relu", false), sizes, how);
    }
    expect_reference("native.inverted_residual", block(16, 96, 16, 3, 1, "hard_swish", true), sizes, how);
  }
}

TEST(InvertedResidual, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  const auto why = [&](const Subgraph& g) { return refusal("native.inverted_residual", g, at); };
  EXPECT_EQ(why(chain(32, 64, 3, 1, {})), "not a chain of three convolutions");
  EXPECT_EQ(why(block(8, 32, 8, 3, 3, "relu", false)), "a stride of 3");
  EXPECT_EQ(why(block(8, 32, 8, 3, 1, "relu", false, 3)), "the third has other taps than one");
  EXPECT_EQ(why(block(8, 2048, 8, 3, 1, "relu", false)), "the rows that are kept do not fit into the cache");
  EXPECT_EQ(refusal("native.expand_depthwise", block(8, 32, 8, 3, 1, "relu", false), at), "more than two convolutions");
  EXPECT_EQ(refusal("native.depthwise_pointwise", block(8, 32, 8, 3, 1, "relu", false), at),
            "more than two convolutions");
}

}  // namespace
}  // namespace neve::test
