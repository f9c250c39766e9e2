// The vector forms of the random generator against its definition.
#include "ops/support/philox.h"

#include <gtest/gtest.h>

namespace neve::ops {
namespace {

TEST(Philox, WordsAreThoseOfTheBlocks) {
  const uint64_t many = 0x0123456789abcdefull;
  for (uint64_t key : {uint64_t(0), uint64_t(7), many})
    for (uint64_t first : {uint64_t(0), uint64_t(8), uint64_t(0xfffffffc), many}) {
      std::array<uint32_t, 16> words{};
      philox_words(key, ~key, first, words);
      for (uint64_t i = 0; i < 8; ++i) {
        const auto block = philox(key, ~key, first + i);
        EXPECT_EQ(words[2 * i], block[0]) << key << " " << first << " " << i;
        EXPECT_EQ(words[2 * i + 1], block[2]) << key << " " << first << " " << i;
      }
    }
}

// The first block of the authors' known answers: key and counter 0.
TEST(Philox, KnownAnswer) {
  const std::array<uint32_t, 4> expected = {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u};
  EXPECT_EQ(philox(0, 0, 0), expected);
}

}  // namespace
}  // namespace neve::ops
