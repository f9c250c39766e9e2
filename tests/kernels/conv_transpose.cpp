// native.conv_transpose against the definition, with what follows it in the same kernel.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;

Subgraph piece(int64_t channels, int64_t outputs, int64_t height, int64_t width, AttrList attrs, bool bias,
               std::vector<const char*> follow) {
  Piece p;
  Values in{p.input(DType::f32, {n, channels, h, w}), p.weight(DType::f32, {channels, outputs, height, width})};
  if (bias) in.push_back(p.weight(DType::f32, {outputs}));
  Value y = p.call("conv_transpose", in, attrs)[0];
  for (const char* op : follow) y = p.call(op, {y})[0];
  p.output(y);
  return p.subgraph();
}

TEST(ConvTranspose, AgreesWithTheDefinition) {
  const auto sizes = sizes_of({{2, 5, 7}, {1, 1, 1}, {1, 3, 100}, {3, 8, 64}, {0, 5, 7}, {1, 3, 0}});
  const AttrList two{{"strides", std::vector<int64_t>{2, 2}}}, uneven{{"strides", std::vector<int64_t>{3, 1}}};
  Asked how;
  for (int threads : {1, 3}) {
    how.threads = threads;
    expect_reference("native.conv_transpose", piece(24, 1, 2, 2, two, true, {"sigmoid"}), sizes, how);
    expect_reference("native.conv_transpose", piece(9, 33, 2, 2, two, true, {"relu"}), sizes, how);
    expect_reference("native.conv_transpose", piece(3, 48, 2, 2, two, false, {"tanh"}), sizes, how);
    expect_reference("native.conv_transpose", piece(6, 3, 2, 2, two, true, {}), sizes, how);
    expect_reference("native.conv_transpose", piece(1, 5, 3, 1, uneven, false, {}), sizes, how);
  }
}

TEST(ConvTranspose, RefusesOthers) {
  const auto at = sizes_of({{1, 16, 16}})[0];
  const auto why = [&](int64_t k, AttrList attrs, std::vector<const char*> follow = {}) {
    return refusal("native.conv_transpose", piece(8, 8, k, k, std::move(attrs), true, std::move(follow)), at);
  };
  const std::pair<std::string_view, AttrValue> two{"strides", std::vector<int64_t>{2, 2}};
  EXPECT_EQ(why(2, {two}), "");
  EXPECT_EQ(why(2, {two}, {"relu", "abs"}), "something follows the activation");
  EXPECT_EQ(why(3, {two}), "windows overlap, or leave gaps");
  EXPECT_EQ(why(2, {two, {"pads", std::vector<int64_t>{0, 1, 0, 0}}}), "pads");
  EXPECT_EQ(why(2, {two, {"output_padding", std::vector<int64_t>{1, 0}}}), "output_padding");
  EXPECT_EQ(why(2, {two, {"dilations", std::vector<int64_t>{2, 2}}}), "dilations");
}

}  // namespace
}  // namespace neve::test
