// A fixed number of random graphs; NEVE_FUZZ_SEEDS=FROM..TO runs others, ./dev fuzz fuzz_graphs goes on for as long as
// wanted.
#include <gtest/gtest.h>

#include <cstdlib>

#include "fuzz/fuzz_graphs.h"

namespace neve::test {
namespace {

TEST(RandomGraphs, AgreeWithTheReference) {
  uint64_t from = 1, to = 150;
  if (const char* seeds = std::getenv("NEVE_FUZZ_SEEDS")) {
    char* rest = nullptr;
    from = std::strtoull(seeds, &rest, 10);
    to = std::strtoull(rest + 2, nullptr, 10);
  }
  int failed = 0;
  for (uint64_t seed = from; seed <= to && failed < 10; ++seed) {
    const std::string wrong = check_random_graph(seed);
    if (wrong.empty()) continue;
    ++failed;
    ADD_FAILURE() << wrong;
  }
}

TEST(RandomGraphs, AreTheSameForTheSameSeed) {
  for (uint64_t seed : {1, 2, 3}) {
    ir::Graph a = GraphMaker(seed, DType::f32).make(), b = GraphMaker(seed, DType::f32).make();
    EXPECT_EQ(ir::print(a), ir::print(b));
  }
}

}  // namespace
}  // namespace neve::test
