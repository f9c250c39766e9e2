// native.rnn against the definitions of rnn, gru and lstm.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

struct Layer {
  std::string op;
  int64_t gates, units, inputs;
  std::string direction = "forward";
  AttrList attrs = {};
  int64_t outputs = 1;
  bool bias = true, lengths = false, state = false, peepholes = false, batch_first = false;
  bool weights = true;           // else the matrices come with each call
  std::vector<int> wanted = {};  // outputs of the piece; empty: all
};

struct Built {
  Subgraph graph;
  Dim steps = Dim(0), batch = Dim(0);
  SymbolValues at(int64_t t, int64_t b) const { return {{id(steps), t}, {id(batch), b}}; }
};

Built build(const Layer& l) {
  Piece p;
  Built built;
  built.steps = Dim::symbol("steps");
  built.batch = Dim::symbol("batch");
  const int64_t d = l.direction == "bidirectional" ? 2 : 1, h = l.units;
  auto matrix = [&](Shape s) { return l.weights ? p.weight(DType::f32, s) : p.input(DType::f32, s); };
  const Shape states = l.batch_first ? Shape{built.batch, d, h} : Shape{d, built.batch, h};
  Values in{p.input(DType::f32, l.batch_first ? Shape{built.batch, built.steps, l.inputs}
                                              : Shape{built.steps, built.batch, l.inputs}),
            matrix({d, l.gates * h, l.inputs}),
            matrix({d, l.gates * h, h}),
            l.bias ? p.weight(DType::f32, {d, 2 * l.gates * h}) : Value{},
            l.lengths ? p.input(DType::i32, {built.batch}) : Value{},
            l.state ? p.input(DType::f32, states) : Value{}};
  if (l.op == "lstm") {
    in.push_back(l.state ? p.input(DType::f32, states) : Value{});
    in.push_back(l.peepholes ? p.weight(DType::f32, {d, 3 * h}) : Value{});
  }
  AttrList attrs = l.attrs;
  attrs.push_back({"direction", l.direction});
  attrs.push_back({"outputs", l.outputs});
  attrs.push_back({"layout", int64_t(l.batch_first)});
  const Values out = p.call(l.op, in, attrs);
  if (l.wanted.empty())
    for (Value v : out) p.output(v);
  for (int k : l.wanted) p.output(out[size_t(k)]);
  built.graph = p.subgraph();
  return built;
}

void expect_layer(const Layer& l, Asked how = {}) {
  const Built b = build(l);
  how.below = 8, how.low = -1;  // lengths: too short and too long ones among them
  expect_reference("native.rnn", b.graph,
                   {b.at(5, 3), b.at(1, 1), b.at(7, 1), b.at(33, 2), b.at(0, 2), b.at(3, 0), b.at(2, 17)}, how);
}

using Strings = std::vector<std::string>;
using Floats = std::vector<double>;

TEST(Recurrent, Lstm) {
  expect_layer({"lstm", 4, 20, 7});
  expect_layer({"lstm", 4, 16, 3, "reverse", {}, 3, true, false, true});
  expect_layer({"lstm", 4, 5, 4, "bidirectional", {}, 3, true, true, true, true});
  expect_layer({"lstm", 4, 33, 1, "bidirectional", {}, 2, false, false, true, false, true});
  expect_layer({"lstm", 4, 6, 3, "forward", {{"clip", 0.4}, {"input_forget", true}}, 3, true, false, true, true});
  expect_layer({"lstm", 4, 6, 3, "bidirectional", {}, 3, true, true, true, false, true, false});
}

TEST(Recurrent, OnlyWhatIsWanted) {
  Layer l{"lstm", 4, 9, 4, "bidirectional", {}, 3, true, true};
  for (const std::vector<int>& wanted : {std::vector<int>{2}, {1}, {0}, {2, 1}}) {
    l.wanted = wanted;
    expect_layer(l);
  }
}

TEST(Recurrent, Gru) {
  expect_layer({"gru", 3, 20, 7});
  for (bool before : {false, true}) {
    const AttrList attrs{{"linear_before_reset", before}};
    expect_layer({"gru", 3, 8, 5, "bidirectional", attrs, 2, true, true, true});
    expect_layer({"gru", 3, 17, 5, "reverse", attrs, 2, false, false, true, false, true});
    expect_layer({"gru",
                  3,
                  7,
                  2,
                  "forward",
                  {{"linear_before_reset", before}, {"clip", 0.5}},
                  2,
                  true,
                  false,
                  false,
                  false,
                  false,
                  false});
  }
}

TEST(Recurrent, Rnn) {
  expect_layer({"rnn", 1, 20, 7});
  expect_layer({"rnn", 1, 5, 4, "bidirectional", {}, 2, true, true, true});
  expect_layer({"rnn", 1, 5, 4, "reverse", {}, 2, false, false, true, false, true});
}

// Small weights where a layer could otherwise enlarge a difference in the last digit from step to step.
TEST(Recurrent, Activations) {
  Asked how;
  how.spread = 0.2;
  for (const char* name : {"Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
                           "HardSigmoid", "Elu", "Softsign"}) {
    SCOPED_TRACE(name);
    Layer l{"rnn", 1, 9, 3, "bidirectional", {{"activations", Strings{name, "LeakyRelu"}}}};
    if (std::string(name) != "ThresholdedRelu") {  // a jump at the threshold has no tolerance
      expect_layer(l, how);
      l.attrs.push_back({"activation_alpha", Floats{0.3, 0.2}});
      l.attrs.push_back({"activation_beta", Floats{0.7}});
      expect_layer(l, how);
    }
  }
  expect_layer({"lstm", 4, 9, 3, "forward", {{"activations", Strings{"HardSigmoid", "Softsign", "Relu"}}}, 3}, how);
  expect_layer({"gru", 3, 9, 3, "forward", {{"activations", Strings{"HardSigmoid", "ScaledTanh"}}}, 2}, how);
}

TEST(Recurrent, LongSequencesInBlocks) {
  const Built b = build({"lstm", 4, 64, 8, "bidirectional", {}, 3, true, true});
  Asked how;
  how.below = 700;
  how.spread = 0.08;
  expect_reference("native.rnn", b.graph, {b.at(600, 2), b.at(513, 5)}, how);
}

// The product with the inputs of a block of steps is made during the block before: blocks of all lengths, inputs that
// are cut into parts and ones that are not, and sequences that end inside a block.
TEST(Recurrent, RowsWhoseWeightsStayInNoCache) {
  Asked how;
  how.below = 70;
  how.spread = 0.08;
  const auto expect = [&](const Layer& l) {
    const Built b = build(l);
    expect_reference("native.rnn", b.graph,
                     {b.at(10, 1), b.at(11, 1), b.at(15, 1), b.at(32, 1), b.at(54, 1), b.at(61, 1), b.at(62, 2)}, how);
  };
  expect({"lstm", 4, 64, 150, "bidirectional", {}, 3, true, true, true});
  expect({"lstm", 4, 70, 7, "reverse", {}, 3, false, false, true, true, true});
  expect({"gru", 3, 80, 200, "bidirectional", {{"linear_before_reset", true}}, 2, true, true, true});
  expect({"gru", 3, 80, 9, "bidirectional", {}, 2, true, true, true});
  expect({"rnn", 1, 130, 65, "bidirectional", {}, 2, true, true, true});
}

TEST(Recurrent, Refusals) {
  const Built b = build({"rnn", 1, 4, 3, "forward", {{"activations", Strings{"Softplus"}}}});
  EXPECT_EQ(refusal("native.rnn", b.graph, b.at(2, 1)), "no vector code for activation 'softplus'");
  Piece p;
  const Values out =
      p.call("rnn", {p.input(DType::f64, {2, 1, 3}), p.input(DType::f64, {1, 4, 3}), p.input(DType::f64, {1, 4, 4})});
  p.output(out[0]);
  EXPECT_EQ(refusal("native.rnn", p.subgraph(), {}), "only f32, x is f64[2, 1, 3]");
}

TEST(NativeRnn, LstmKeepsItsGates) {
  expect_layer({"lstm", 4, 20, 7, "forward", {}, 5, true, false, true});
  expect_layer({"lstm", 4, 5, 4, "bidirectional", {}, 5, true, true, true, true, true});
}

TEST(NativeLstmGrad, AgreesWithItsDefinition) {
  for (int64_t units : {5, 16, 67}) {
    Piece p;
    const Dim steps = Dim::symbol("steps"), batch = Dim::symbol("batch");
    const bool all = units != 16;
    auto state = [&] { return p.input(DType::f32, {batch, units}); };
    const Value gates = p.input(DType::f32, {steps, batch, 4 * units}),
                cells = p.input(DType::f32, {steps, batch, units}), r = p.input(DType::f32, {4 * units, units}),
                c = state();
    const Value dy = all ? p.input(DType::f32, {steps, batch, units}) : Value{}, dy_h = state(),
                dy_c = all ? state() : Value{};
    for (Value v : p.call("lstm_grad", {gates, cells, r, c, dy, dy_h, dy_c}, {})) p.output(v);
    auto at = [&](int64_t t, int64_t b) { return SymbolValues{{id(steps), t}, {id(batch), b}}; };
    expect_reference("native.lstm_grad", p.subgraph(), {at(5, 3), at(1, 1), at(3, 17), at(0, 2), at(3, 0)});
  }
}

}  // namespace
}  // namespace neve::test
