// What an archive knows of its kernels' times decides which are made, and the others are not.
#include <gtest/gtest.h>

#include "base/cpu.h"
#include "compile/compile.h"
#include "ir/text.h"

namespace neve::test {
namespace {
using compile::Compiled;
using compile::TacticCache;

constexpr std::string_view one_conv = R"(graph forward(%x: f32[n, 8, 12, 12]) where n in 1..4 {
  %k: f32[16, 8, 3, 3] = weight() {name="k", shape=[16, 8, 3, 3]}
  %0: f32[n, 16, 12, 12] = conv(%x, %k) {pads=[1, 1, 1, 1]}
  return %0 "y"
})";

Compiled compiled(TacticCache* tactics, int threads = 1, bool cold = false) {
  const ir::Graph g = ir::parse(one_conv);
  auto weights = std::make_shared<ir::Weights>();
  (*weights)["k"] = Tensor::zeros(DType::f32, {16, 8, 3, 3});
  compile::Options options;
  options.isa = cpu_info().isa;
  options.tactics = tactics;
  options.threads = threads, options.cold_weights = cold;
  return compile::compile_graph(g, std::make_shared<runtime::WeightPool>(std::move(weights)), {}, options);
}

std::string chosen(const Compiled& c) {
  for (const plan::Instr& i : c.program->plan().instrs)
    if (i.choice != "reorder") return str(i.choice, ".", i.variant);
  return "none";
}

TEST(KnownTimes, TheFastestIsMadeAndNoOther) {
  TacticCache timed("");
  const Compiled first = compiled(&timed);
  ASSERT_GE(first.tactics_timed, 2u) << "one candidate only: nothing to choose from";
  const auto known = timed.used();
  ASSERT_EQ(known.size(), first.tactics_timed);
  for (const auto& [fastest, ms] : known) {
    TacticCache archive("");
    for (const auto& [key, other] : known) archive.put(key, key == fastest ? 1.0 : 2.0);
    archive.set_frozen(true);
    const Compiled again = compiled(&archive);
    EXPECT_NE(fastest.find(" " + chosen(again) + " "), std::string::npos) << chosen(again) << " for " << fastest;
    EXPECT_EQ(again.tactics_timed, 0u);
    EXPECT_EQ(again.tactics_cached, 1u);
  }
}

TEST(KnownTimes, OfOtherThreadsOrAnotherMachineAreTheBestGuess) {
  TacticCache timed("");
  compiled(&timed);
  for (const auto& [fastest, ms] : timed.used()) {
    TacticCache archive("");
    for (auto [key, other] : timed.used()) {
      const double known = key == fastest ? 1.0 : 2.0;
      const size_t digest = key.rfind(" | "), machine = key.rfind(" | ", digest - 1);
      archive.put(key.replace(machine, digest - machine, " | 01234567"), known);
    }
    EXPECT_EQ(chosen(compiled(nullptr)), chosen(compiled(nullptr, 2)));
    archive.set_frozen(true);
    for (const int threads : {1, 2})
      for (const bool cold : {false, true}) {
        const std::string again = chosen(compiled(&archive, threads, cold));
        EXPECT_NE(fastest.find(" " + again + " "), std::string::npos) << again << " for " << fastest;
      }
    archive.set_frozen(false);
    EXPECT_GE(compiled(&archive).tactics_timed, 2u) << "here they are timed";
  }
}

TEST(KnownTimes, WithoutThemTheFirstThatAccepts) {
  TacticCache archive("");
  archive.put("something else", 1.0);
  archive.set_frozen(true);
  EXPECT_EQ(chosen(compiled(&archive)), chosen(compiled(nullptr)));
}

}  // namespace
}  // namespace neve::test
