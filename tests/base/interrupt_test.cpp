// Work that can be stopped: who is asked, what stays stopped, what is left behind.
#include "base/interrupt.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace neve {
namespace {

void stop() { fail(ErrorCode::cancelled, "stopped"); }

TEST(Interrupt, NobodyIsAskedWithoutAScope) { EXPECT_NO_THROW(check_interrupt()); }

TEST(Interrupt, TheInnermostScopeIsAsked) {
  int outer = 0, inner = 0;
  const InterruptScope a([&] { ++outer; });
  {
    const InterruptScope b([&] { ++inner; });
    check_interrupt();
  }
  EXPECT_EQ(inner, 1);
  EXPECT_EQ(outer, 0);
  check_interrupt();
  EXPECT_EQ(outer, 1);
}

TEST(Interrupt, WhatIsStoppedStaysStopped) {
  const InterruptScope scope(stop);
  EXPECT_THROW(check_interrupt(), Error);
  EXPECT_THROW(check_interrupt(), Error);  // at once, not after the pause between two questions
}

TEST(Interrupt, OtherThreadsAreNotAsked) {
  const InterruptScope scope(stop);
  std::thread other([] { EXPECT_NO_THROW(check_interrupt()); });
  other.join();
}

TEST(Interrupt, AWriteThatIsStoppedLeavesNothing) {
  const auto folder = std::filesystem::temp_directory_path() / "neve_interrupt_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  {
    const InterruptScope scope(stop);
    EXPECT_THROW(write_file((folder / "out").string(), "text"), Error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace neve
