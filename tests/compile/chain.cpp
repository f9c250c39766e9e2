// A convolution of one tap and the depthwise one after it, a depthwise one and one of one tap, factors of channels and
// a convolution of one tap, a convolution and a quantisation with its inverse: they become one instruction where that
// is known to be faster, or forced.
#include <gtest/gtest.h>

#include <array>
#include <tuple>

#include "base/cpu.h"
#include "compile/compile.h"
#include "ir/text.h"
#include "passes/pass.h"

namespace neve::test {
namespace {
using compile::Compiled;
using compile::TacticCache;

// The second pair is none: somebody else reads what stands between.
constexpr std::string_view two_pairs = R"(graph forward(%x: f32[n, 8, 12, 12]) where n in 1..4 {
  %e: f32[32, 8, 1, 1] = weight() {name="e", shape=[32, 8, 1, 1]}
  %d: f32[32, 1, 3, 3] = weight() {name="d", shape=[32, 1, 3, 3]}
  %p: f32[8, 32, 1, 1] = weight() {name="p", shape=[8, 32, 1, 1]}
  %0: f32[n, 32, 12, 12] = conv(%x, %e)
  %1: f32[n, 32, 12, 12] = conv(%0, %d) {pads=[1, 1, 1, 1], group=32}
  %2: f32[n, 8, 12, 12] = conv(%1, %p)
  %3: f32[n, 32, 12, 12] = conv(%2, %e)
  %4: f32[n, 32, 12, 12] = conv(%3, %d) {pads=[1, 1, 1, 1], group=32}
  return %4 "y", %3 "z"
})";

// The second factors are none: somebody else reads what they make.
constexpr std::string_view two_factors = R"(graph forward(%x: f32[n, 8, 12, 12], %s: f32[n, 8, 1, 1]) where n in 1..4 {
  %e: f32[32, 8, 1, 1] = weight() {name="e", shape=[32, 8, 1, 1]}
  %p: f32[8, 32, 1, 1] = weight() {name="p", shape=[8, 32, 1, 1]}
  %0: f32[n, 8, 12, 12] = mul(%x, %s)
  %1: f32[n, 32, 12, 12] = conv(%0, %e)
  %2: f32[n, 8, 12, 12] = conv(%1, %p)
  %3: f32[n, 8, 12, 12] = mul(%2, %s)
  %4: f32[n, 32, 12, 12] = conv(%3, %e)
  return %4 "y", %3 "z"
})";

// Behind the second somebody else reads the integers.
constexpr std::string_view two_quantized = R"(graph forward(%x: f32[n, 8, 12, 12]) where n in 1..4 {
  %e: f32[32, 8, 1, 1] = weight() {name="e", shape=[32, 8, 1, 1]}
  %p: f32[8, 32, 1, 1] = weight() {name="p", shape=[8, 32, 1, 1]}
  %scale: f32[] = constant() {value=f32[]{0.5}}
  %0: f32[n, 32, 12, 12] = conv(%x, %e)
  %1: f32[n, 32, 12, 12] = relu(%0)
  %2: u8[n, 32, 12, 12] = quantize_linear(%1, %scale)
  %3: f32[n, 32, 12, 12] = dequantize_linear(%2, %scale)
  %4: f32[n, 8, 12, 12] = conv(%3, %p)
  %5: u8[n, 8, 12, 12] = quantize_linear(%4, %scale)
  %6: f32[n, 8, 12, 12] = dequantize_linear(%5, %scale)
  return %6 "y", %5 "q"
})";

Compiled compiled(TacticCache* tactics, std::string tactic = "", compile::Options options = {},
                  std::string_view graph = two_pairs) {
  auto weights = std::make_shared<ir::Weights>();
  (*weights)["e"] = Tensor::zeros(DType::f32, {32, 8, 1, 1});
  (*weights)["d"] = Tensor::zeros(DType::f32, {32, 1, 3, 3});
  (*weights)["p"] = Tensor::zeros(DType::f32, {8, 32, 1, 1});
  options.isa = cpu_info().isa;
  options.tactics = tactics;
  options.tactic = std::move(tactic);
  return compile::compile_graph(ir::parse(graph), std::make_shared<runtime::WeightPool>(std::move(weights)), {},
                                options);
}

constexpr std::string_view chain_entries[] = {"native.expand_depthwise", "native.depthwise_pointwise",
                                              "native.inverted_residual"};

// Instructions that are convolutions, and how many of them are two or three, by each of these.
std::array<int, 4> all_convolutions(const Compiled& c) {
  std::array<int, 4> counts{};
  for (const plan::Instr& i : c.program->plan().instrs) {
    if (i.choice == "reorder") continue;
    ++counts[0];
    for (size_t k = 0; k < 3; ++k) counts[k + 1] += i.choice == chain_entries[k];
  }
  return counts;
}
std::tuple<int, int, int> convolutions(const Compiled& c) {
  const auto counts = all_convolutions(c);
  EXPECT_EQ(counts[3], 0);
  return {counts[0], counts[1], counts[2]};
}

// Compiled where the chains of two take `expand` and `shrink` milliseconds, that of three `three` and all else 1.
Compiled compiled_with(double expand, double shrink, double three) {
  // What is asked depends on what was chosen before it: given times go in until nothing else is asked.
  TacticCache known("");
  for (int round = 0; round < 6; ++round) {
    compiled(&known);
    for (const auto& [key, ms] : known.used()) {
      const auto is = [&](std::string_view entry) { return key.find(entry) != std::string::npos; };
      known.put(key, is(chain_entries[0]) ? expand : is(chain_entries[1]) ? shrink : is(chain_entries[2]) ? three : 1);
    }
  }
  known.set_frozen(true);
  return compiled(&known);
}

TEST(Chain, IsTakenWhereItIsFaster) {
  const auto with = [](double expand, double shrink) { return convolutions(compiled_with(expand, shrink, 3.5)); };
  EXPECT_EQ(with(1.5, 2.5), std::tuple(4, 1, 0));
  EXPECT_EQ(with(2.5, 1.5), std::tuple(4, 0, 1));
  EXPECT_EQ(with(2.5, 2.5), std::tuple(5, 0, 0));
}

// Of three: faster than each alone is not enough where two of them are one kernel.
TEST(Chain, OfThreeIsTakenWhereItIsFasterThanTwoAndOne) {
  const auto with = [](double expand, double shrink, double three) {
    return all_convolutions(compiled_with(expand, shrink, three));
  };
  using Counts = std::array<int, 4>;
  EXPECT_EQ(with(2.5, 2.5, 2.5), (Counts{3, 0, 0, 1}));
  EXPECT_EQ(with(2.5, 2.5, 3.5), (Counts{5, 0, 0, 0}));
  EXPECT_EQ(with(1.2, 2.5, 2.5), (Counts{4, 1, 0, 0}));
  EXPECT_EQ(with(2.5, 1.2, 2.5), (Counts{4, 0, 1, 0}));
  EXPECT_EQ(with(1.2, 1.2, 2.1), (Counts{3, 0, 0, 1}));
}

TEST(Chain, CanBeForced) {
  EXPECT_EQ(all_convolutions(compiled(nullptr, "native.inverted_residual")), (std::array<int, 4>{3, 0, 0, 1}));
  EXPECT_EQ(convolutions(compiled(nullptr, "native.expand_depthwise")), std::tuple(4, 1, 0));
  EXPECT_EQ(convolutions(compiled(nullptr, "native.depthwise_pointwise")), std::tuple(4, 0, 1));
  EXPECT_EQ(convolutions(compiled(nullptr)), std::tuple(5, 0, 0));
  TacticCache timed("");
  EXPECT_EQ(convolutions(compiled(&timed, "onednn.conv")), std::tuple(5, 0, 0));
  compile::Options options;
  options.tactic_variant = 1;
  EXPECT_EQ(convolutions(compiled(nullptr, "native.expand_depthwise", options)), std::tuple(5, 0, 0))
      << "it has one only";
}

// Instructions that begin with factors: of convolutions, and alone.
std::pair<int, int> factors(const Compiled& c) {
  int chains = 0, alone = 0;
  for (const plan::Instr& i : c.program->plan().instrs)
    if (i.graph && !i.graph->nodes.empty() && i.graph->nodes[0].op->info.name == "mul")
      ++(i.graph->nodes.size() > 1 ? chains : alone);
  return {chains, alone};
}

TEST(Chain, FactorsOfChannelsBelongToTheConvolution) {
  EXPECT_EQ(factors(compiled(nullptr, "native.pointwise", {}, two_factors)), std::pair(1, 1));
  EXPECT_EQ(factors(compiled(nullptr, "", {}, two_factors)), std::pair(0, 2));
  TacticCache timed("");
  compiled(&timed, "", {}, two_factors);
  for (const bool faster : {true, false}) {
    TacticCache known("");
    for (const auto& [key, ms] : timed.used())
      known.put(key, key.find("native.pointwise") == std::string::npos ? 1 : faster ? 0.5 : 2.5);
    known.set_frozen(true);
    EXPECT_EQ(factors(compiled(&known, "", {}, two_factors)), faster ? std::pair(1, 1) : std::pair(0, 2));
  }
}

// Instructions of convolutions with a quantisation behind them, and quantisations alone: loops, which are lowered.
std::pair<int, int> quantized(const Compiled& c) {
  int chains = 0, alone = 0;
  for (const plan::Instr& i : c.program->plan().instrs)
    for (size_t k = 0; i.graph && k < i.graph->nodes.size(); ++k) {
      chains += i.graph->nodes[k].op->info.name == "quantize_linear";
      alone += i.graph->nodes[k].op->info.name == "round";
    }
  return {chains, alone};
}

TEST(Chain, QuantisationsBelongToTheConvolution) {
  const auto of = [&](TacticCache* tactics, std::string tactic) {
    ir::Graph g = ir::parse(two_quantized);
    passes::run_pipeline(g, {});
    return quantized(compiled(tactics, std::move(tactic), {}, ir::print(g)));
  };
  EXPECT_EQ(of(nullptr, "native.pointwise"), std::pair(1, 1));
  EXPECT_EQ(of(nullptr, ""), std::pair(0, 2));
  TacticCache timed("");
  of(&timed, "");
  for (const bool faster : {true, false}) {
    TacticCache known("");
    for (const auto& [key, ms] : timed.used())
      known.put(key, key.find("quantize") == std::string::npos || key.find("conv") == std::string::npos ? 1
                     : faster                                                                           ? 0.5
                                                                                                        : 2.5);
    known.set_frozen(true);
    EXPECT_EQ(of(&known, ""), faster ? std::pair(1, 1) : std::pair(0, 2));
  }
}

TEST(Chain, IsNoneOfWhatIsDisabled) {
  compile::Options no_op, no_kernel;
  no_op.disabled_ops = {"conv"};
  no_kernel.disabled_kernels = {"native.expand_depthwise"};
  EXPECT_EQ(convolutions(compiled(nullptr, "native.expand_depthwise", no_op)), std::tuple(5, 0, 0));
  EXPECT_EQ(convolutions(compiled(nullptr, "native.expand_depthwise", no_kernel)), std::tuple(5, 0, 0));
}

}  // namespace
}  // namespace neve::test
