// The rewrite driver: refusals, counts, the limit, regions, what a rule leaves behind.
#include "ir/rewrite.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace neve::test {
namespace {
using ir::Graph;
using ir::Node;
using ir::Rule;

constexpr Rule exp_to_tanh{"exp_to_tanh", "exp -> tanh", [](Graph& g, Node& n) -> Values {
                             return n.is("exp") ? Values{g.call("tanh", {n.in[0]})} : Values{};
                           }};
constexpr Rule drop_neg{"drop_neg", "neg(neg(x)) -> x", [](Graph& g, Node& n) -> Values {
                          const Node* d = n.is("neg") ? g.def(n.in[0]) : nullptr;
                          return d && d->is("neg") ? Values{d->in[0]} : Values{};
                        }};

Graph three() {
  return ir::parse(R"(graph main(%x: f32[n]) {
    %a: f32[n] = exp(%x)
    %b: f32[n] = exp(%a)
    %c: f32[n] = exp(%b)
    return %c
  })");
}

std::string text(const Graph& g) {
  std::string s;
  for (Node* n = g.first(); n; n = n->next) {
    s += str(s.empty() ? "" : " ", n->op->info.name);
    for (const auto& r : n->regions) s += "(" + text(*r) + ")";
  }
  return s;
}

TEST(Rewrite, CountsByRule) {
  Graph g = three();
  const Rule rules[] = {drop_neg, exp_to_tanh};
  const auto counts = ir::rewrite(g, rules);
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].rule, "drop_neg");
  EXPECT_EQ(counts[0].count, 0);
  EXPECT_EQ(counts[1].count, 3);
  EXPECT_EQ(text(g), "tanh tanh tanh");
  ir::verify(g, ir::Level::imported);
}

TEST(Rewrite, StopsAfterN) {
  for (int64_t n = 0; n <= 4; ++n) {
    Graph g = three();
    EXPECT_EQ(ir::rewrite(g, std::span(&exp_to_tanh, 1), {.stop_after = n})[0].count, std::min<int64_t>(n, 3));
    EXPECT_EQ(text(g), n == 0 ? "exp exp exp" : n == 1 ? "tanh exp exp" : n == 2 ? "tanh tanh exp" : "tanh tanh tanh");
  }
}

TEST(Rewrite, ReachesTheFixedPoint) {
  Graph g = ir::parse(R"(graph main(%x: f32[n]) {
    %a: f32[n] = neg(%x)
    %b: f32[n] = neg(%a)
    %c: f32[n] = neg(%b)
    %d: f32[n] = neg(%c)
    %e: f32[n] = neg(%d)
    return %e
  })");
  EXPECT_EQ(ir::rewrite(g, std::span(&drop_neg, 1), {.verify_each = true})[0].count, 2);
  EXPECT_EQ(text(g), "neg");
}

TEST(Rewrite, GoesIntoRegions) {
  Graph g = ir::parse(R"(graph main(%c: bool[], %x: f32[n]) {
    %y: f32[n] = if(%c, %x)
      region(%a: f32[n]) {
        %p: f32[n] = exp(%a)
        return %p
      }
      region(%b: f32[n]) {
        %q: f32[n] = exp(%b)
        return %q
      }
    %z: f32[n] = exp(%y)
    return %z
  })");
  EXPECT_EQ(ir::rewrite(g, std::span(&exp_to_tanh, 1))[0].count, 3);
  EXPECT_EQ(text(g), "if(tanh)(tanh) tanh");
  ir::verify(g, ir::Level::imported);
}

std::string refusal(Graph g, const Rule& rule) {
  try {
    ir::rewrite(g, std::span(&rule, 1));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::internal);
    return e.message();
  }
  return "(nothing)";
}

TEST(Rewrite, RefusesAnotherType) {
  EXPECT_EQ(refusal(three(), {"widen", "",
                              [](Graph& g, Node& n) -> Values {
                                return n.is("exp") ? Values{g.cast(n.in[0], DType::f64)} : Values{};
                              }}),
            "internal: rule widen turned f32[n] into f64[n]");
  EXPECT_EQ(refusal(three(), {"grow", "",
                              [](Graph& g, Node& n) -> Values {
                                return n.is("exp") ? Values{g.reshape(
                                                         n.in[0], std::vector<Dim>{Dim(1), g.type(n.in[0]).shape[0]})}
                                                   : Values{};
                              }}),
            "internal: rule grow turned f32[n] into f32[1, n]");
  EXPECT_EQ(
      refusal(three(), {"longer", "",
                        [](Graph& g, Node& n) -> Values {
                          return n.is("exp")
                                     ? Values{g.call("concat", {n.in[0], g.constant(Tensor::zeros(DType::f32, {1}))},
                                                     {{"axis", int64_t(0)}})}
                                     : Values{};
                        }}),
      "internal: rule longer turned f32[n] into f32[n + 1]");
}

TEST(Rewrite, RefusesAnotherNumberOfResults) {
  EXPECT_EQ(
      refusal(three(), {"pair", "",
                        [](Graph&, Node& n) -> Values { return n.is("exp") ? Values{n.in[0], n.in[0]} : Values{}; }}),
      "internal: rule pair gave 2 values for 1 results of exp");
}

TEST(Rewrite, ARuleThatGivesUpLeavesNothing) {
  const Rule shy{"shy", "", [](Graph& g, Node& n) -> Values {
                   g.call("tanh", {g.call("sqrt", {n.out.empty() ? Value{} : g.inputs()[0]})});
                   return {};
                 }};
  Graph g = three();
  const std::string before = ir::print(g);
  EXPECT_EQ(ir::rewrite(g, std::span(&shy, 1))[0].count, 0);
  EXPECT_EQ(ir::print(g), before);
}

TEST(Rewrite, AnAbsentValueKeepsTheResult) {
  Graph g = ir::parse(R"(graph main(%x: f32[n, 4]) {
    %k: i64[1] = constant() {value=i64[1]{2}}
    %v: f32[n, 2], %i: i64[n, 2] = top_k(%x, %k) {axis=1}
    return %v, %i
  })");
  const Rule values{"values", "", [](Graph& g, Node& n) -> Values {
                      if (!n.is("top_k") || !g.use_count(n.out[0])) return {};
                      return {g.call("slice", {g.inputs()[0], g.ints({0}), g.ints({2}), g.ints({1})}), Value{}};
                    }};
  EXPECT_EQ(ir::rewrite(g, std::span(&values, 1))[0].count, 1);
  EXPECT_TRUE(g.def(g.outputs()[1])->is("top_k"));
  EXPECT_TRUE(g.def(g.outputs()[0])->is("slice"));
  ir::verify(g, ir::Level::imported);
}

TEST(Rewrite, ARuleThatNeverEndsIsStopped) {
  const Rule turn{"turn", "", [](Graph& g, Node& n) -> Values {
                    if (n.is("exp")) return {g.call("tanh", {n.in[0]})};
                    return n.is("tanh") ? Values{g.call("exp", {n.in[0]})} : Values{};
                  }};
  Graph g = three();
  EXPECT_LT(ir::rewrite(g, std::span(&turn, 1))[0].count, 1000);
  ir::verify(g, ir::Level::imported);
}

TEST(Rewrite, LocationsStay) {
  Graph g = ir::parse(R"(graph main(%x: f32[n]) {
    %a: f32[n] = exp(%x) loc("net.py":7 "act")
    return %a
  })");
  ir::rewrite(g, std::span(&exp_to_tanh, 1));
  EXPECT_EQ(ir::to_string(g.first()->loc), "\"net.py\":7 'act'");
}

}  // namespace
}  // namespace neve::test
