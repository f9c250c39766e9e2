// Blocks that are kept for the next request. None of them is written to, so they take no memory.
#include "base/memory.h"

#include <gtest/gtest.h>

namespace neve {
namespace {

constexpr size_t mib = size_t(1) << 20;

size_t use(size_t bytes, void** where = nullptr) {
  size_t taken = 0;
  void* block = allocate_block(bytes, taken);
  EXPECT_NE(block, nullptr);
  if (where) *where = block;
  free_block(block, taken);
  return taken;
}

class Blocks : public testing::Test {
 protected:
  void SetUp() override {
    keep_blocks(size_t(4) << 30);
    use(mib);
    if (!kept_block_bytes()) GTEST_SKIP() << "the address sanitizer is to see every block's end";
    release_kept_blocks();
  }
  void TearDown() override { keep_blocks(0); }
};

TEST_F(Blocks, AreUsedAgain) {
  void *first = nullptr, *second = nullptr;
  use(64 * mib, &first);
  EXPECT_EQ(kept_block_bytes(), 64 * mib);
  use(64 * mib, &second);
  EXPECT_EQ(first, second);
  use(44 * mib, &second);  // two thirds of it and more
  EXPECT_EQ(first, second);
  EXPECT_EQ(kept_block_bytes(), 64 * mib);
}

/// Of every size one, the least first: none serves for the next.
TEST_F(Blocks, AreKeptToABound) {
  for (const size_t size : {64, 80, 96}) use(size * mib);
  EXPECT_EQ(kept_block_bytes(), 240 * mib) << "all of them";
  use(112 * mib);
  EXPECT_EQ(kept_block_bytes(), 288 * mib) << "256 MiB and half of what was in use at once; the first one is gone";
  keep_blocks(100 * mib);
  use(128 * mib);
  EXPECT_EQ(kept_block_bytes(), 288 * mib) << "a block of more than the limit is not kept";
  use(48 * mib);
  EXPECT_LE(kept_block_bytes(), 100 * mib);
  keep_blocks(0);
  EXPECT_EQ(kept_block_bytes(), 0u);
}

}  // namespace
}  // namespace neve
