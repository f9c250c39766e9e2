// The helper: every half runs once whoever runs it, for several callers at a time and in a child process; and it does
// help where calls come closely.
#include "base/helper.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>
#include <vector>

namespace neve {
namespace {

// Some calls of some pieces of work each; how many halves ran elsewhere, -1 if one did not run once.
int call(int times) {
  int elsewhere = 0;
  for (int i = 0; i < times; ++i) {
    const HelperScope scope(true);
    const HelperScope inner(true);
    for (int piece = 0; piece < 4; ++piece) {
      std::array<int, 2> ran{};
      std::array<std::thread::id, 2> by;
      run_halves([&](int half) {
        ++ran[size_t(half)];
        by[size_t(half)] = std::this_thread::get_id();
      });
      if (ran != std::array<int, 2>{1, 1} || by[0] != std::this_thread::get_id()) return -1;
      elsewhere += by[1] != by[0];
    }
  }
  return elsewhere;
}

TEST(HelperThread, EveryHalfRunsOnce) {
  for (int round = 0; round < 20; ++round) {
    std::array<int, 3> got{};
    std::vector<std::thread> callers;
    for (int& g : got) callers.emplace_back([&] { g = call(2000); });
    for (std::thread& t : callers) t.join();
    for (int g : got) ASSERT_GE(g, 0);
  }
}

TEST(HelperThread, HelpsCloseCalls) {
  if (available_threads() < 2) GTEST_SKIP() << "one core";
  int elsewhere = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (elsewhere == 0 && std::chrono::steady_clock::now() - begin < std::chrono::seconds(60)) elsewhere = call(1000);
  EXPECT_GT(elsewhere, 0);
}

TEST(HelperThread, IsNotThereForSingleCallsAndWithoutAScope) {
  call(1000);
  run_halves([id = std::this_thread::get_id()](int) { EXPECT_EQ(std::this_thread::get_id(), id); });
  const HelperScope unwanted(false);
  run_halves([id = std::this_thread::get_id()](int) { EXPECT_EQ(std::this_thread::get_id(), id); });
}

TEST(HelperThread, AChildProcessHasItsOwn) {
  ASSERT_GE(call(1000), 0);
  const HelperScope scope(true);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int ran = 0;
    run_halves([&](int) { ++ran; });
    _exit(ran == 2 && call(1000) >= 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace neve
