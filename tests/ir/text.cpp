// The text form: round trips over the samples of all ops, and errors with their place.
#include "ir/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ir/verify.h"
#include "op/registry.h"

namespace neve::test {
namespace {
using ir::Graph;

std::string parse_error(std::string_view text) {
  try {
    ir::parse(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::corrupt_file) << e.message();
    return e.message();
  }
  return "(nothing was thrown)";
}

// Printed, parsed and printed again: the same text, and a graph that the verifier takes.
void expect_round_trip(const Graph& g, const std::string& what) {
  const std::string text = ir::print(g, "forward");
  try {
    std::string name;
    const Graph back = ir::parse(text, &name);
    EXPECT_EQ(name, "forward");
    EXPECT_EQ(ir::print(back, name), text) << what;
    ir::verify(back, ir::Level::imported);
    ASSERT_EQ(back.constraints.size(), g.constraints.size()) << what << "\n" << text;
  } catch (const Error& e) {
    ADD_FAILURE() << what << ": " << e.message() << "\n" << text;
  }
}

// A graph of one node; inputs that must keep their sizes, and given ones, are constants.
Graph graph_of(const OpDef& op, const Sample& s, bool symbolic) {
  Graph g;
  Values in;
  for (const SampleInput& i : s.in) {
    if (i.absent) {
      in.push_back({});
    } else if (i.value.defined()) {
      in.push_back(g.constant(i.value));
    } else {
      TensorType t = i.type;
      if (symbolic && i.symbolic)
        for (Dim& d : t.shape) d = Dim::symbol("n", 0, d.value() + 3);
      in.push_back(g.add_input(str("in \"", in.size(), "\""), t));
    }
  }
  g.location = std::make_shared<ir::Location>(ir::Location{"a \"b\"\\c.py", 12, "line\nbreak"});
  const Values y = g.emit(op, s.attrs, in);
  for (size_t k = 0; k < y.size(); ++k) g.add_output(str("out ", k), y[k]);
  return g;
}

TEST(Text, SamplesOfAllOpsComeBack) {
  size_t graphs = 0, symbolic = 0;
  for (const OpDef* op : all_ops()) {
    const auto samples = op->samples();
    for (size_t k = 0; k < samples.size(); ++k) {
      const std::string what = str(op->info.name, " sample ", k);
      expect_round_trip(graph_of(*op, samples[k], false), what);
      ++graphs;
      Graph g;
      try {
        g = graph_of(*op, samples[k], true);
      } catch (const Error&) {
        continue;  // sizes that mean nothing when they differ
      }
      expect_round_trip(g, what + " with symbols");
      ++symbolic;
    }
  }
  EXPECT_GT(graphs, 400u);
  EXPECT_GT(symbolic, 300u);
}

TEST(Text, RegionsConstraintsAndNamesComeBack) {
  const std::string text =
      R"(graph main(%0: bool[] "c", %1: f32[batch, 4] "x", %2: f32[batch, 4] "odd name\x01") where batch in 1..64 by 2 {
  require batch >= 2 "the head needs two"
  %3: f32[batch, 4] "joined" = if(%0, %1, %2) loc("net.py":3 "branch")
    region(%4: f32[batch, 4], %5: f32[batch, 4]) {
      %6: f32[batch, 4] = add(%4, %5)
      return %6 "sum"
    }
    region(%7: f32[batch, 4], %8: f32[batch, 4]) {
      return %7
    }
  return %3 "y", %1
}
)";
  EXPECT_EQ(ir::print(ir::parse(text)), text);
}

TEST(Text, FloatsKeepTheirBits) {
  const std::string head = "graph main() {\n  %0: f64[6] = constant() {value=f64[6]{";
  const double values[] = {0.1, -0.0, INFINITY, -INFINITY, 1e-320, 1.0 / 3};
  Graph g;
  g.add_output("y", g.constant(Tensor::of(DType::f64, {6}, values)));
  const Graph back = ir::parse(ir::print(g));
  const Tensor* t = back.constant_of(back.outputs()[0]);
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(std::memcmp(t->data(), values, sizeof values), 0) << ir::print(g);
  EXPECT_EQ(ir::print(g).substr(0, head.size()), head);
}

TEST(Text, SymbolsOfOneNameAreToldApart) {
  Graph g;
  const Value x = g.add_input("x", {DType::f32, {Dim::symbol("n", 1, 4)}}),
              y = g.add_input("y", {DType::f32, {Dim::symbol("n", 2, 9)}});
  g.add_output("a", x);
  g.add_output("b", y);
  EXPECT_EQ(ir::print(g), R"(graph main(%0: f32[n] "x", %1: f32[n_1] "y") where n in 1..4, n_1 in 2..9 {
  return %0 "a", %1 "b"
}
)");
}

TEST(Text, HandWrittenTextMayLeaveThingsOut) {
  const Graph g = ir::parse("graph g(%x: f32[n, 2]) { // a remark\n %y: f32[n, 2] = relu(%x) return %y }");
  EXPECT_EQ(g.name(g.inputs()[0]), "x");
  EXPECT_EQ(str(g.type(g.outputs()[0])), "f32[n, 2]");
}

struct Wrong {
  const char *text, *message;
};

TEST(Text, ErrorsSayWhere) {
  const Wrong cases[] = {
      {"", "parse: line 1 column 1: the text ends (expected 'graph')"},
      {"grape main() { return }", "parse: line 1 column 1: 'grape main()' (expected 'graph')"},
      {"graph main() { return", "parse: line 1 column 22: the text ends (expected '%')"},
      {"graph main(%x: f32[2]) {\n  %y: f32[2] = reul(%x)\n  return %y\n}",
       "parse: line 2 column 16: no op is named 'reul' (expected an op of the registry)"},
      {"graph main(%x: f32[2]) {\n  %y: f32[2] = relu(%z)\n  return %y\n}",
       "parse: line 2 column 23: %z (expected a value that is defined before)"},
      {"graph main(%x: f32[2]) {\n  %y: f32[3] = relu(%x)\n  return %y\n}",
       "parse: line 3 column 3: type f32[3] (expected the inferred type f32[2])"},
      {"graph main(%x: f32[2]) {\n  %x: f32[2] = relu(%x)\n  return %x\n}",
       "parse: line 3 column 3: %x a second time (expected another name)"},
      {"graph main(%x: f23[2]) { return %x }", "parse: line 1 column 19: 'f23' (expected a dtype)"},
      {"graph main(%x: f32[2]) {\n  %y: f32[2] = relu(%x) {slope=1}\n  return %y\n}",
       "parse: line 2 column 31: relu has no attribute 'slope' (expected one of its attributes)"},
      {"graph main(%x: f32[n]) where n in 4..2 { return %x }",
       "parse: line 1 column 40: bounds 4..2 by 1 (expected 0 <= lo <= hi and a divisor of 1 or more)"},
      {"graph main(%x: f32[n]) where n in 1..2, n in 1..3 { return %x }",
       "parse: line 1 column 51: 'n' a second time (expected another name)"},
      {"graph main(%x: f32[2]) { return %x } tail", "parse: line 1 column 38: text after the graph (expected the end)"},
  };
  for (const Wrong& w : cases) EXPECT_EQ(parse_error(w.text), w.message) << w.text;
}

TEST(Text, AnOpThatRefusesSaysWhere) {
  const std::string m = [] {
    try {
      ir::parse("graph main(%x: f32[2], %y: f32[3]) {\n  %z: f32[2] = add(%x, %y)\n  return %z\n}");
    } catch (const Error& e) {
      return e.message();
    }
    return std::string();
  }();
  EXPECT_EQ(
      m,
      "add: shapes [2] and [3] do not broadcast: sizes 2 and 3 of axis -1 (they must be equal, or one of them 1)\n"
      "  in the text: line 2 column 16");
}

TEST(Text, NewerOpsAndDeepRegionsAreRefused) {
  EXPECT_EQ(
      [] {
        try {
          ir::parse("graph main(%x: f32[2]) {\n  %y: f32[2] = relu@9(%x)\n  return %y\n}");
        } catch (const Error& e) {
          return e.message();
        }
        return std::string();
      }(),
      "parse: relu of version 9 (this Neve has version 1; a newer one wrote this file)");
  std::string deep = "graph main(%c: bool[]) {\n", end = "return %c }";
  for (int i = 0; i < 40; ++i) deep += "%y: bool[] = if(%c, %c) region(%c: bool[]) {\n";
  EXPECT_NE(parse_error(deep).find("regions too deep (expected at most 32)"), std::string::npos);
}

}  // namespace
}  // namespace neve::test
