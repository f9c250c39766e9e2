// Graphs: mutation, use lists, inlining, regions, other input types.
#include "ir/graph.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "op/registry.h"

namespace neve::test {
namespace {
using ir::Graph;
using ir::Node;

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "(nothing was thrown)";
}

struct Small {
  Graph g;
  Dim n = Dim::symbol("n", 1, 64);
  Value x = g.add_input("x", {DType::f32, {n, 4}});
  Value a = g.call("exp", {x}), b = g.call("neg", {a}), c = g.call("add", {a, b});
  Small() { g.add_output("y", c); }
};

TEST(Graph, UseListsFollowEveryChange) {
  Small s;
  EXPECT_EQ(s.g.uses(s.a).size(), 2u);
  EXPECT_EQ(s.g.use_count(s.c), 1u);
  EXPECT_TRUE(s.g.is_output(s.c));
  s.g.set_input(s.g.def(s.c), 1, s.a);
  EXPECT_EQ(s.g.uses(s.a).size(), 3u);
  EXPECT_EQ(s.g.uses(s.b).size(), 0u);
  s.g.set_input(s.g.def(s.c), 0, s.x);
  EXPECT_EQ(s.g.uses(s.a).size(), 2u);
  EXPECT_EQ(s.g.uses(s.x).size(), 2u);
  ir::verify(s.g, ir::Level::imported);
}

TEST(Graph, ReplaceMovesUsesAndOutputs) {
  Small s;
  const Value r = s.g.call("relu", {s.x});
  s.g.move_before(s.g.def(r), s.g.first());
  s.g.replace(s.a, r);
  EXPECT_EQ(s.g.uses(s.a).size(), 0u);
  EXPECT_EQ(s.g.uses(r).size(), 2u);
  s.g.replace(s.c, r);
  EXPECT_EQ(s.g.outputs()[0], r);
  ir::verify(s.g, ir::Level::imported);
  const Value whole = s.g.call("cast", {s.x}, {{"to", DType::i32}});
  EXPECT_EQ(message_of([&] { s.g.replace(r, whole); }),
            "internal: replace: a value of type f32[n, 4] by one of type i32[n, 4]");
}

TEST(Graph, EraseRefusesWhatIsUsed) {
  Small s;
  EXPECT_EQ(message_of([&] { s.g.erase(s.g.def(s.a)); }), "internal: erase: a result of exp is still used");
  EXPECT_EQ(message_of([&] { s.g.erase(s.g.def(s.c)); }), "internal: erase: a result of add is still used");
  s.g.set_output(0, s.a);
  s.g.erase(s.g.def(s.c));
  s.g.erase(s.g.def(s.b));
  EXPECT_EQ(s.g.node_count(), 1u);
  EXPECT_EQ(s.g.first(), s.g.last());
  ir::verify(s.g, ir::Level::imported);
}

TEST(Graph, EraseDeadTakesWholeChains) {
  Small s;
  s.g.call("tanh", {s.g.call("sqrt", {s.c})});
  EXPECT_EQ(s.g.erase_dead(), 2u);
  EXPECT_EQ(s.g.erase_dead(), 0u);
  s.g.set_output(0, s.x);
  EXPECT_EQ(s.g.erase_dead(), 3u);
  EXPECT_EQ(s.g.first(), nullptr);
  EXPECT_EQ(s.g.last(), nullptr);
}

TEST(Graph, InsertionPointAndMoves) {
  Small s;
  s.g.insert_before(s.g.def(s.b));
  const Value z = s.g.call("abs", {s.a});
  s.g.insert_before(nullptr);
  EXPECT_EQ(s.g.def(z)->next, s.g.def(s.b));
  EXPECT_EQ(s.g.def(z)->prev, s.g.def(s.a));
  // Erasing the insertion point moves it to the next node.
  s.g.insert_before(s.g.def(z));
  s.g.erase(s.g.def(z));
  EXPECT_EQ(s.g.insertion_point(), s.g.def(s.b));
  s.g.move_before(s.g.def(s.b), nullptr);
  EXPECT_EQ(s.g.last(), s.g.def(s.b));
  EXPECT_NE(message_of([&] { ir::verify(s.g, ir::Level::imported); }).find("rule 1"), std::string::npos);
  s.g.move_before(s.g.def(s.b), s.g.def(s.c));
  ir::verify(s.g, ir::Level::imported);
  EXPECT_EQ(s.g.nodes().size(), s.g.node_count());
}

TEST(Graph, InputsAndOutputsCanGo) {
  Small s;
  const Value y = s.g.add_input("unused", {DType::i64, {}});
  const Value z = s.g.add_input("z", {DType::f32, {}});
  EXPECT_EQ(message_of([&] { s.g.remove_input(0); }), "internal: graph: input 0 is still used");
  s.g.remove_input(1);
  ASSERT_EQ(s.g.inputs().size(), 2u);
  EXPECT_EQ(s.g.inputs()[1], z);
  EXPECT_EQ(s.g.result_index(z), 1u);
  EXPECT_EQ(s.g.use_count(y), 0u);
  s.g.add_output("mid", s.a);
  EXPECT_EQ(s.g.output_name(1), "mid");
  s.g.remove_output(0);
  EXPECT_EQ(s.g.output_name(0), "mid");
  EXPECT_EQ(s.g.outputs().size(), 1u);
}

TEST(Graph, CloneIsApart) {
  Small s;
  const std::string text = ir::print(s.g);
  Graph copy = s.g.clone();
  EXPECT_EQ(ir::print(copy), text);
  copy.set_output(0, copy.inputs()[0]);
  copy.erase_dead();
  EXPECT_EQ(ir::print(s.g), text);
  Graph moved = std::move(s.g);
  EXPECT_EQ(ir::print(moved), text);
  EXPECT_EQ(s.g.first(), nullptr);  // NOLINT: a moved graph is empty
}

TEST(Graph, InlineRenamesNothingAndInfersAnew) {
  Small s;
  Graph to;
  const Value x = to.add_input("left", {DType::f32, {Dim(2), Dim(4)}});
  const Values y = ir::inline_graph(s.g, to, std::span(&x, 1));
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(str(to.type(y[0])), "f32[2, 4]");
  EXPECT_EQ(to.node_count(), 3u);
  ir::verify(to, ir::Level::imported);
  EXPECT_NE(message_of([&] { ir::inline_graph(s.g, to, {}); }).find("0 arguments for 1 parameters"), std::string::npos);
}

TEST(Graph, OtherInputTypes) {
  Small s;
  const TensorType wide{DType::f32, {Dim::symbol("m", 0, 9), Dim::symbol("k", 1, 5)}};
  const Graph g = s.g.with_input_types(std::span(&wide, 1));
  EXPECT_EQ(str(g.type(g.outputs()[0])), "f32[m, k]");
  EXPECT_EQ(g.name(g.inputs()[0]), "x");
  EXPECT_EQ(g.output_name(0), "y");
  const TensorType other{DType::f64, {Dim(1), Dim(4)}}, flat{DType::f32, {Dim(1)}};
  EXPECT_EQ(message_of([&] { (void)s.g.with_input_types(std::span(&other, 1)); }),
            "input 'x': f64[1, 4] given for f32[n, 4]");
  EXPECT_EQ(message_of([&] { (void)s.g.with_input_types(std::span(&flat, 1)); }),
            "input 'x': f32[1] given for f32[n, 4]");
}

TEST(Graph, OtherInputTypesNameTheNodeThatForbidsThem) {
  const Graph g = ir::parse(R"(graph main(%x: f32[1, 6]) {
    %s: i64[2] = constant() {value=i64[2]{2, 3}} loc("net.py":4 "shape")
    %y: f32[2, 3] = reshape(%x, %s) loc("net.py":7 "flat")
    return %y
  })");
  const TensorType t{DType::f32, {Dim::symbol("batch", 2, 8), Dim(6)}};
  const std::string m = message_of([&] { (void)g.with_input_types(std::span(&t, 1)); });
  EXPECT_NE(m.find("reshape"), std::string::npos) << m;
  EXPECT_NE(m.find("\n  at \"net.py\":7 'flat'"), std::string::npos) << m;
}

TEST(Graph, RegionsGetOtherTypesToo) {
  const Graph g = ir::parse(R"(graph main(%c: bool[], %x: f32[3, 4]) {
    %y: f32[3, 4] = if(%c, %x)
      region(%a: f32[3, 4]) {
        %p: f32[3, 4] = exp(%a)
        return %p
      }
      region(%b: f32[3, 4]) {
        return %b
      }
    return %y
  })");
  const std::vector<TensorType> t{{DType::boolean, {}}, {DType::f32, {Dim::symbol("n"), Dim(4)}}};
  const Graph w = g.with_input_types(t);
  EXPECT_EQ(str(w.type(w.outputs()[0])), "f32[n, 4]");
  const Graph& region = *w.first()->regions[0];
  EXPECT_EQ(str(region.type(region.outputs()[0])), "f32[n, 4]");
  ir::verify(w, ir::Level::imported);
}

TEST(Graph, ALoopWhoseValueGrowsGetsAnOpenSize) {
  Graph g;
  const Value trips = g.constant(Tensor::scalar_int(DType::i64, 3));
  const Value x = g.add_input("x", {DType::f32, {Dim(2)}});
  const RegionFn grow = [](Builder& b, std::span<const Value> p) -> Values {
    return {p[1], b.call("concat", {p[2], p[2]}, {{"axis", int64_t(0)}})};
  };
  const Values y = g.emit(find_op("loop"), find_op("loop").defaults().with({{"carried", int64_t(1)}}),
                          std::vector<Value>{trips, Value{}, x}, std::span(&grow, 1));
  g.add_output("y", y[0]);
  EXPECT_FALSE(is_constant(g.type(y[0]).shape));
  ir::verify(g, ir::Level::imported);
  const std::vector<Tensor> out = ir::run_reference(g, {}, std::vector<Tensor>{Tensor::of(DType::f32, {2}, {1, 2})});
  EXPECT_EQ(out[0].shape(), Sizes{16});
}

TEST(Graph, ConstraintsAreKeptOnceAndOnlyWhereNeeded) {
  Graph g;
  const Dim n = Dim::symbol("n", 1, 8), m = Dim::symbol("m", 1, 8);
  g.add_constraint({Constraint::equal, n, m, "first"});
  g.add_constraint({Constraint::equal, n, m, "second"});
  g.add_constraint({Constraint::equal, n, n, "proven"});
  g.add_constraint({Constraint::at_least, n, Dim(1), "proven"});
  ASSERT_EQ(g.constraints.size(), 1u);
  EXPECT_EQ(g.constraints[0].reason, "first");
}

TEST(Graph, ReferenceNamesTheMissingWeight) {
  const Graph g = ir::parse(R"(graph main() {
    %w: f32[2] = weight() {name="head.bias", shape=[2]}
    return %w
  })");
  EXPECT_EQ(message_of([&] { ir::run_reference(g, {}, {}); }), "run: the model has no weight named 'head.bias'");
}

}  // namespace
}  // namespace neve::test
