// A fixed number of random graphs; NEVE_FUZZ_SEEDS=FROM..TO runs others, ./dev fuzz graphs goes on as long as wanted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "support/random_graph_check.h"

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

// What the graphs are made of: a generator that no longer reaches an op would test less without a word.
TEST(RandomGraphs, ReachMostKindsOfOps) {
  std::set<std::string> ops, dtypes;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    const ir::Graph g = GraphMaker(seed, DType::f32).make();
    for (const ir::Node* n = g.first(); n; n = n->next) {
      ops.insert(std::string(n->op->info.name));
      for (Value v : n->out) dtypes.insert(str(g.type(v).dtype));
    }
  }
  std::string all;
  for (const std::string& op : ops) all += op + " ";
  RecordProperty("ops", all);
  if (std::getenv("NEVE_FUZZ_SEEDS")) std::printf("%zu ops: %s\n", ops.size(), all.c_str());
  EXPECT_GE(ops.size(), 115u) << all;
  for (const char* t : {"f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"})
    EXPECT_TRUE(dtypes.count(t)) << t;
}

TEST(RandomGraphs, AreTheSameForTheSameSeed) {
  for (uint64_t seed : {1, 2, 3}) {
    ir::Graph a = GraphMaker(seed, DType::f32).make(), b = GraphMaker(seed, DType::f32).make();
    EXPECT_EQ(ir::print(a), ir::print(b));
  }
}

}  // namespace
}  // namespace neve::test
