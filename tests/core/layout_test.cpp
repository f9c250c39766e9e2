// Layouts: text, and the room they take.
#include "core/layout.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace neve {
namespace {

TEST(Layout, TextReadsBack) {
  const Layout plain{}, nhwc{{0, 2, 3, 1}, {}}, blocked{{0, 1, 2, 3}, {{1, 16}}},
      weights{{0, 1, 2, 3}, {{1, 16}, {0, 16}}}, vnni{{1, 0}, {{1, 16}, {0, 64}, {1, 4}}};
  EXPECT_EQ(to_string(plain), "plain");
  EXPECT_EQ(to_string(nhwc), "acdb");
  EXPECT_EQ(to_string(blocked), "aBcd16b");
  EXPECT_EQ(to_string(weights), "ABcd16b16a");
  EXPECT_EQ(to_string(vnni), "BA16b64a4b");
  for (const Layout& l : {plain, nhwc, blocked, weights, vnni}) {
    Layout back;
    ASSERT_TRUE(parse_layout(to_string(l), back)) << to_string(l);
    EXPECT_EQ(back, l);
  }
}

TEST(Layout, OtherTextIsRefused) {
  Layout l;
  for (const char* text : {"", "nchw", "aa", "ac", "aBcd", "abcd16b", "aBcd16", "aBcd16e", "aBcd1b", "aBcd-16b",
                           "aBcd16B", "16b", "aBcd99999999999b", "abcdefghijklm", "aBcd16b "})
    EXPECT_FALSE(parse_layout(text, l)) << text;
  EXPECT_TRUE(l.plain());
}

TEST(Layout, PaddingCounts) {
  const int64_t sizes[] = {2, 17, 5, 0};
  EXPECT_EQ(padded_elements({}, sizes, 3), 2 * 17 * 5);
  EXPECT_EQ(padded_elements({{0, 1, 2}, {{1, 16}}}, sizes, 3), 2 * 32 * 5);
  EXPECT_EQ(padded_elements({{0, 1, 2}, {{1, 4}, {0, 8}, {1, 4}}}, sizes, 3), 8 * 32 * 5);
  EXPECT_EQ(padded_elements({{0, 1, 2, 3}, {{3, 16}}}, sizes, 4), 0);
  EXPECT_EQ(padded_elements({}, nullptr, 0), 1);
  const int64_t huge[] = {int64_t(1) << 40, int64_t(1) << 40};
  EXPECT_THROW(padded_elements({}, huge, 2), Error);
}

}  // namespace
}  // namespace neve
