// The verifier: one broken graph for each rule.
#include "ir/verify.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/text.h"
#include "op/registry.h"

namespace neve::test {
namespace {
using ir::Graph;
using ir::Node;

std::string complaint(const Graph& g, ir::Level level = ir::Level::fused) {
  try {
    ir::verify(g, level);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::internal);
    return e.message();
  }
  return "(nothing)";
}

Graph chain() {
  return ir::parse(R"(graph main(%x: f32[n, 4]) {
    %a: f32[n, 4] = exp(%x) loc("net.py":1 "first")
    %b: f32[n, 4] = neg(%a) loc("net.py":2 "second")
    return %b
  })");
}
Value emit_typed(Graph& g, const char* op, Values in, std::vector<TensorType> out) {
  return g.emit_typed(find_op(op), find_op(op).defaults(), in, std::move(out))->out[0];
}

TEST(Verify, AWholeGraphPasses) { EXPECT_EQ(complaint(chain(), ir::Level::imported), "(nothing)"); }

TEST(Verify, Rule1UseBeforeDefinition) {
  Graph g = chain();
  g.move_before(g.last(), g.first());
  EXPECT_EQ(complaint(g), "verify: rule 1: neg at \"net.py\":2 'second': an input is not defined before");
}

TEST(Verify, Rule1TwoDefinitions) {
  Graph g = chain();
  Node* second = g.last();
  const Value own = second->out[0];
  second->out[0] = g.first()->out[0];
  EXPECT_EQ(complaint(g), "verify: rule 1: neg at \"net.py\":2 'second': a result is defined twice");
  second->out[0] = own;
}

TEST(Verify, Rule1OutputOfNothing) {
  Graph g = chain();
  g.set_output(0, Value{99});
  EXPECT_EQ(complaint(g), "verify: rule 1: an output is not defined");
}

TEST(Verify, Rule2UseLists) {
  Graph g = chain();
  const Value a = g.last()->in[0];
  g.last()->in[0] = g.inputs()[0];
  EXPECT_EQ(complaint(g).substr(0, 38), "verify: rule 2: the use list of value ");
  g.last()->in[0] = a;
  EXPECT_EQ(complaint(g), "(nothing)");
}

TEST(Verify, Rule3InferRefuses) {
  Graph h;
  const Value y = h.add_input("y", {DType::f32, {Dim(3), Dim(4)}});
  h.add_output("z", emit_typed(h, "matmul", {y, y}, {{DType::f32, {Dim(3), Dim(4)}}}));
  EXPECT_EQ(complaint(h).substr(0, 37), "verify: rule 3: matmul: infer refuses");
}

TEST(Verify, Rule3NumberOfResults) {
  Graph g;
  const Value x = g.add_input("x", {DType::f32, {Dim(3)}});
  emit_typed(g, "relu", {x}, {g.type(x), g.type(x)});
  EXPECT_EQ(complaint(g), "verify: rule 3: relu: 2 results, infer gives 1");
}

TEST(Verify, Rule4ResultType) {
  Graph g;
  const Value x = g.add_input("x", {DType::f32, {Dim(3)}});
  emit_typed(g, "relu", {x}, {{DType::f32, {Dim(4)}}});
  EXPECT_EQ(complaint(g), "verify: rule 4: relu: result 0 has type f32[4], infer gives f32[3]");
  Graph h;
  const Value y = h.add_input("y", {DType::f32, {Dim(3)}});
  emit_typed(h, "relu", {y}, {{DType::f64, {Dim(3)}}});
  EXPECT_EQ(complaint(h), "verify: rule 4: relu: result 0 has type f64[3], infer gives f32[3]");
}

TEST(Verify, Rule5TheListOfNodes) {
  Graph g = chain();
  Node* const before = g.last()->prev;
  g.last()->prev = nullptr;
  EXPECT_EQ(complaint(g), "verify: rule 5: neg at \"net.py\":2 'second': the list of nodes is broken");
  g.last()->prev = before;
}

Graph fused(const TensorType& parameter) {
  Graph g;
  const Value x = g.add_input("x", {DType::f32, {Dim(3)}});
  auto body = std::make_unique<Graph>();
  const Value p = body->add_input("p", parameter);
  body->add_output("", body->call("relu", {p}));
  const TensorType result = body->type(body->outputs()[0]);
  std::vector<std::unique_ptr<Graph>> regions;
  regions.push_back(std::move(body));
  Node* n =
      g.emit_typed(find_op("fused"), find_op("fused").defaults(), std::vector<Value>{x}, {result}, std::move(regions));
  g.add_output("y", n->out[0]);
  return g;
}

TEST(Verify, Rule6BodiesOfFusedNodes) {
  EXPECT_EQ(complaint(fused({DType::f32, {Dim(3)}})), "(nothing)");
  EXPECT_EQ(complaint(fused({DType::f64, {Dim(3)}})),
            "verify: rule 6: fused: parameter 0 has another type than the input");
  EXPECT_EQ(complaint(fused({DType::f32, {Dim(2)}})),
            "verify: rule 6: fused: parameter 0 has another type than the input");
}

TEST(Verify, Rule7FusedNodesOnlyAfterFusion) {
  EXPECT_EQ(complaint(fused({DType::f32, {Dim(3)}}), ir::Level::imported),
            "verify: rule 7: fused: a fused node in a graph that was just imported");
}

TEST(Verify, RegionsAreLookedInto) {
  Graph g = ir::parse(R"(graph main(%c: bool[], %x: f32[n]) {
    %y: f32[n] = if(%c, %x)
      region(%a: f32[n]) {
        %p: f32[n] = exp(%a)
        %q: f32[n] = neg(%p)
        return %q
      }
      region(%b: f32[n]) {
        return %b
      }
    return %y
  })");
  Graph& r = *g.first()->regions[0];
  r.move_before(r.last(), r.first());
  EXPECT_EQ(complaint(g), "verify: rule 1: neg: an input is not defined before");
}

}  // namespace
}  // namespace neve::test
