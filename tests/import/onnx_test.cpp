// The ONNX reader on small models written here: names, literals, control flow, functions, opened sizes.
#include "import/onnx.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "import/model_writer.h"

namespace neve::test {
namespace {

ir::Module read(const std::string& bytes, const import::OnnxOptions& options = {}) {
  return import::parse_onnx(std::as_bytes(std::span(bytes.data(), bytes.size())), options);
}
std::vector<Tensor> run(const ir::Module& m, std::vector<Tensor> in) {
  return ir::run_reference(m.methods.at("forward"), *m.weights, in);
}
std::vector<double> values(const Tensor& t) {
  std::vector<double> v;
  for (int64_t i = 0; i < t.element_count(); ++i) v.push_back(t.item(i));
  return v;
}
using V = std::vector<double>;

TEST(Onnx, EveryRuleNamesOpsThatExist) {
  for (const auto& o : import::onnx_operators())
    EXPECT_TRUE(o.available) << o.name << " becomes " << ::testing::PrintToString(o.ops);
}

TEST(Onnx, KeepsNamesAndDims) {
  const auto m = read(model(graph({.nodes = {node("Relu", {"x"}, {"h"}), node("Add", {"h", "y"}, {"z"})},
                                   .inputs = {value("x", f32, {"batch", "3"}), value("y", f32, {"batch", ""})},
                                   .outputs = {value("z", f32, {})}})));
  const ir::Graph& g = m.methods.at("forward");
  ASSERT_EQ(g.inputs().size(), 2u);
  const Shape x = g.type(g.inputs()[0]).shape, y = g.type(g.inputs()[1]).shape;
  EXPECT_EQ(to_string(x[0]), "batch");
  EXPECT_EQ(x[0], y[0]);
  EXPECT_TRUE(x[1].is(3));
  EXPECT_EQ(to_string(y[1]), "y_1");
  EXPECT_EQ(g.output_name(0), "z");
  EXPECT_EQ(g.name(g.outputs()[0]), "z");
  EXPECT_EQ(g.def(g.outputs()[0])->loc->name, "Add_node");
  EXPECT_EQ(values(run(m, {Tensor::of(DType::f32, {1, 3}, {-1, 2, 3}), Tensor::of(DType::f32, {1, 1}, {10})})[0]),
            (V{10, 12, 13}));
}

TEST(Onnx, LiteralsAreWeightsOrConstants) {
  const auto m = read(model(graph(
      {.nodes = {node("Mul", {"x", "w"}, {"a"}), node("Add", {"a", "one"}, {"b"}), node("Reshape", {"b", "s"}, {"y"})},
       .inputs = {value("x", f32, {"2"}), value("w", f32, {"2"})},
       .outputs = {value("y", f32, {})},
       .initializers = {floats("w", {2}, {2, 3}), floats("one", {1}, {1}), ints("s", {2, 1}),
                        floats("unused", {2}, {0, 0})}})));
  ASSERT_EQ(m.weights->size(), 1u) << "single numbers and integers are constants, what is unused is left out";
  EXPECT_EQ(m.weights->begin()->first, "w");
  EXPECT_EQ(m.methods.at("forward").inputs().size(), 1u) << "an initializer that is also an input is a default";
  const auto y = run(m, {Tensor::of(DType::f32, {2}, {1, 1})})[0];
  EXPECT_EQ(y.shape(), (Sizes{2, 1}));
  EXPECT_EQ(values(y), (V{3, 4}));
}

TEST(Onnx, NodesOutOfOrderAreSorted) {
  const auto m = read(model(graph({.nodes = {node("Neg", {"a"}, {"y"}), node("Neg", {"x"}, {"a"})},
                                   .inputs = {value("x", f32, {"1"})},
                                   .outputs = {value("y", f32, {})}})));
  EXPECT_EQ(values(run(m, {Tensor::of(DType::f32, {1}, {5})})[0]), V{5});
}

TEST(Onnx, IfCapturesAndWeightsInBranches) {
  const auto branch = [](const char* op, const char* w, std::vector<float> data) {
    return graph(
        {.nodes = {node("Constant", {}, {w}, {tensor_attr("value", floats(w, {2}, data))}), node(op, {"h", w}, {"r"})},
         .outputs = {value("r", f32, {})}});
  };
  const auto m = read(
      model(graph({.nodes = {node("Neg", {"x"}, {"h"}), node("If", {"c"}, {"y"},
                                                             {graph_attr("then_branch", branch("Add", "w", {1, 2})),
                                                              graph_attr("else_branch", branch("Mul", "w", {3, 4}))})},
                   .inputs = {value("c", boolean, {}), value("x", f32, {"2"})},
                   .outputs = {value("y", f32, {})}})));
  EXPECT_EQ(m.weights->size(), 2u) << "two weights called w keep apart";
  const Tensor x = Tensor::of(DType::f32, {2}, {10, 20});
  EXPECT_EQ(values(run(m, {Tensor::scalar(DType::boolean, 1), x})[0]), (V{-9, -18}));
  EXPECT_EQ(values(run(m, {Tensor::scalar(DType::boolean, 0), x})[0]), (V{-30, -80}));
}

TEST(Onnx, IfOverSizesIsDecidedAndBecomesAConstraint) {
  // if shape(x)[0] == 1 then squeeze(x) else x: the ranks differ.
  const auto m = read(model(graph(
      {.nodes = {node("Shape", {"x"}, {"s"}), node("Gather", {"s", "zero"}, {"d"}), node("Equal", {"d", "one"}, {"c"}),
                 node("If", {"c"}, {"y"},
                      {graph_attr("then_branch", graph({.nodes = {node("Squeeze", {"x", "axes"}, {"a"})},
                                                        .outputs = {value("a", f32, {})}})),
                       graph_attr("else_branch", graph({.nodes = {node("Identity", {"x"}, {"b"})},
                                                        .outputs = {value("b", f32, {})}}))})},
       .inputs = {value("x", f32, {"n", "2"})},
       .outputs = {value("y", f32, {})},
       .initializers = {tensor<int64_t>("zero", i64, {}, {0}), tensor<int64_t>("one", i64, {}, {1}),
                        ints("axes", {0})}})));
  const ir::Graph& g = m.methods.at("forward");
  EXPECT_EQ(g.type(g.outputs()[0]).rank(), 1);
  ASSERT_FALSE(g.constraints.empty());
  EXPECT_EQ(to_string(g.constraints[0]), "n == 1");
}

TEST(Onnx, IfBranchThatDoesNotFitTheSizesFailsWhenItIsTaken) {
  // if c then x (3, n) @ a (4, 2) else x @ b (n, 2): only one of them fits.
  const auto branch = [](const char* w) {
    return graph({.nodes = {node("MatMul", {"x", w}, {"r"})}, .outputs = {value("r", f32, {})}});
  };
  const auto m = read(model(graph(
      {.nodes = {node("If", {"c"}, {"y"},
                      {graph_attr("then_branch", branch("a")), graph_attr("else_branch", branch("b"))})},
       .inputs = {value("c", boolean, {}), value("x", f32, {"rows", "3"})},
       .outputs = {value("y", f32, {})},
       .initializers = {floats("a", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), floats("b", {3, 2}, {1, 2, 3, 4, 5, 6})}})));
  ASSERT_EQ(m.warnings.size(), 1u);
  EXPECT_NE(m.warnings[0].find("If: its then branch does not fit"), std::string::npos) << m.warnings[0];
  const ir::Graph& g = m.methods.at("forward");
  EXPECT_EQ(to_string(g.type(g.outputs()[0])), "f32[rows, 2]");
  const Tensor x = Tensor::of(DType::f32, {1, 3}, {1, 0, 0});
  EXPECT_EQ(values(run(m, {Tensor::scalar(DType::boolean, 0), x})[0]), (V{1, 2}));
  try {
    run(m, {Tensor::scalar(DType::boolean, 1), x});
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("If: its then branch does not fit"), std::string::npos) << e.message();
  }
}

TEST(Onnx, LoopCarriesAndStacks) {
  const auto body = graph(
      {.nodes = {node("Add", {"v", "x"}, {"w"}), node("Identity", {"c"}, {"c2"}), node("Identity", {"w"}, {"scan"})},
       .inputs = {value("i", i64, {}), value("c", boolean, {}), value("v", f32, {"1"})},
       .outputs = {value("c2", boolean, {}), value("w", f32, {}), value("scan", f32, {})}});
  const auto m =
      read(model(graph({.nodes = {node("Loop", {"n", "", "zero"}, {"last", "all"}, {graph_attr("body", body)})},
                        .inputs = {value("n", i64, {}), value("x", f32, {"1"})},
                        .outputs = {value("last", f32, {}), value("all", f32, {})},
                        .initializers = {floats("zero", {1}, {0})}})));
  const auto out = run(m, {Tensor::scalar_int(DType::i64, 3), Tensor::of(DType::f32, {1}, {2})});
  EXPECT_EQ(values(out[0]), V{6});
  EXPECT_EQ(out[1].shape(), (Sizes{3, 1}));
  EXPECT_EQ(values(out[1]), (V{2, 4, 6}));
}

Message function(std::string_view name, Names in, Names out, Names attrs, std::initializer_list<Message> nodes) {
  Message f;
  f.text(1, name);
  for (auto s : in) f.text(4, s);
  for (auto s : out) f.text(5, s);
  for (auto s : attrs) f.text(6, s);
  for (const auto& n : nodes) f.message(7, n);
  return f.message(9, Message().text(1, "").number(2, 17)).text(10, "my");
}

TEST(Onnx, FunctionsAreInlinedWithTheirAttributes) {
  const auto inner =
      function("Scaled", {"a"}, {"b"}, {"slope"}, {node("LeakyRelu", {"a"}, {"b"}, {ref_attr("alpha", "slope", 1)})});
  const auto outer = function("Twice", {"a"}, {"b"}, {"s"},
                              {node("Scaled", {"a"}, {"t"}, {ref_attr("slope", "s", 1)}, "my"),
                               node("Scaled", {"t"}, {"b"}, {ref_attr("slope", "s", 1)}, "my")});
  const auto m = read(model(graph({.nodes = {node("Twice", {"x"}, {"y"}, {float_attr("s", 0.5)}, "my")},
                                   .inputs = {value("x", f32, {"2"})},
                                   .outputs = {value("y", f32, {})}}),
                            17, {inner, outer}, {"my"}));
  EXPECT_EQ(values(run(m, {Tensor::of(DType::f32, {2}, {-8, 8})})[0]), (V{-2, 8}));
}

TEST(Onnx, SequencesAreResolved) {
  const auto m = read(model(graph(
      {.nodes = {node("SequenceConstruct", {"x", "x"}, {"s"}), node("Neg", {"x"}, {"n"}),
                 node("SequenceInsert", {"s", "n", "one"}, {"t"}),
                 node("ConcatFromSequence", {"t"}, {"y"}, {int_attr("axis", 0)}), node("SequenceLength", {"t"}, {"l"})},
       .inputs = {value("x", f32, {"1"})},
       .outputs = {value("y", f32, {}), value("l", i64, {}), value("t", f32, {})},
       .initializers = {tensor<int64_t>("one", i64, {}, {1})}})));
  const auto out = run(m, {Tensor::of(DType::f32, {1}, {4})});
  ASSERT_EQ(out.size(), 5u) << "a sequence of three becomes three outputs";
  EXPECT_EQ(values(out[0]), (V{4, -4, 4}));
  EXPECT_EQ(out[1].item_int(), 3);
  EXPECT_EQ(m.methods.at("forward").output_name(3), "t.1");
}

TEST(Onnx, OldFormsAreUpgraded) {
  // Operator set 6: axis and broadcast of Add, attributes of Clip, softmax over a flattened matrix.
  const auto m =
      read(model(graph({.nodes = {node("Add", {"x", "b"}, {"a"}, {int_attr("broadcast", 1), int_attr("axis", 1)}),
                                  node("Clip", {"a"}, {"c"}, {float_attr("max", 5)}), node("Softmax", {"c"}, {"y"})},
                        .inputs = {value("x", f32, {"1", "2", "2"})},
                        .outputs = {value("y", f32, {}), value("c", f32, {})},
                        .initializers = {floats("b", {2}, {10, -1})}}),
                 6));
  const auto out = run(m, {Tensor::of(DType::f32, {1, 2, 2}, {1, 2, 3, 4})});
  EXPECT_EQ(values(out[1]), (V{5, 5, 2, 3}));
  double sum = 0;
  for (double v : values(out[0])) sum += v;
  EXPECT_NEAR(sum, 1, 1e-6) << "over both axes together";
}

// Exporters that fold nothing join the scales of a resize out of two constants: sizes must not become unknown by it.
TEST(Onnx, ScalesThatAreJoinedAreKnown) {
  const auto m = read(model(graph({.nodes = {node("Concat", {"ones", "twos"}, {"scales"}, {int_attr("axis", 0)}),
                                             node("Resize", {"x", "", "scales"}, {"y"})},
                                   .inputs = {value("x", f32, {"n", "3", "h", "w"})},
                                   .outputs = {value("y", f32, {})},
                                   .initializers = {floats("ones", {2}, {1, 1}), floats("twos", {2}, {2, 2})}})));
  const ir::Graph& g = m.methods.at("forward");
  EXPECT_EQ(to_string(g.type(g.outputs()[0])), "f32[n, 3, 2*h, 2*w]");
}

TEST(Onnx, NoOpsetMeansOne) {
  const auto m = read(model(graph({.nodes = {node("Reshape", {"x"}, {"y"}, {ints_attr("shape", {2, -1})})},
                                   .inputs = {value("x", f32, {"4"})},
                                   .outputs = {value("y", f32, {})}}),
                            0));
  EXPECT_EQ(run(m, {Tensor::zeros(DType::f32, {4})})[0].shape(), (Sizes{2, 2}));
}

// ---- opened sizes -------------------------------------------------------------------------------------------------

std::string literal_batch(std::vector<int64_t> to) {
  return model(graph({.nodes = {node("Reshape", {"x", "s"}, {"y"})},
                      .inputs = {value("x", f32, {"1", "4", "6"})},
                      .outputs = {value("y", f32, {})},
                      .initializers = {ints("s", to)}}));
}

std::string widened(std::vector<int64_t> to) {
  const Dim n = Dim::symbol("n");
  const auto m = read(literal_batch(to), {.input_shapes = {{"x", {n, 4, 6}}}});
  const ir::Graph& g = m.methods.at("forward");
  return to_string(g.type(g.outputs()[0]).shape);
}

TEST(Onnx, LiteralBatchesFollowTheOpenedSize) {
  EXPECT_EQ(widened({1, 24}), "[n, 24]");
  EXPECT_EQ(widened({1, -1}), "[n, 24]");
  EXPECT_EQ(widened({-1, 6}), "[4*n, 6]");
  EXPECT_EQ(widened({4, 6}), "[4*n, 6]");
  EXPECT_EQ(widened({1, 2, 2, 6}), "[n, 2, 2, 6]");
  EXPECT_EQ(widened({1, 6, 4}), "[n, 6, 4]");
  EXPECT_EQ(widened({0, 0, -1}), "[n, 4, 6]");
}

TEST(Onnx, LearnedTokensAndStatesAreRepeatedForTheOpenedBatch) {
  const auto bytes =
      model(graph({.nodes = {node("Concat", {"token", "x"}, {"y"}, {int_attr("axis", 1)}),
                             node("Transpose", {"x"}, {"t"}, {ints_attr("perm", {1, 0, 2})}),
                             node("RNN", {"t", "w", "r", "", "", "h"}, {"", "z"}, {int_attr("hidden_size", 1)})},
                   .inputs = {value("x", f32, {"1", "2", "2"})},
                   .outputs = {value("y", f32, {}), value("z", f32, {})},
                   .initializers = {floats("token", {1, 1, 2}, {7, 8}), floats("w", {1, 1, 2}, {0, 0}),
                                    floats("r", {1, 1, 1}, {1}), floats("h", {1, 1, 1}, {0})}}));
  const Dim n = Dim::symbol("n");
  const auto m = read(bytes, {.input_shapes = {{"x", {n, 2, 2}}}});
  const auto out = run(m, {Tensor::of(DType::f32, {2, 2, 2}, {1, 2, 3, 4, 5, 6, 9, 0})});
  EXPECT_EQ(values(out[0]), (V{7, 8, 1, 2, 3, 4, 7, 8, 5, 6, 9, 0}));
  EXPECT_EQ(out[1].shape(), (Sizes{1, 2, 1}));
}

TEST(Onnx, WhatForbidsAnOpenedSizeIsNamed) {
  const auto bytes = model(graph({.nodes = {node("MatMul", {"x", "w"}, {"y"})},
                                  .inputs = {value("x", f32, {"1", "2"})},
                                  .outputs = {value("y", f32, {})},
                                  .initializers = {floats("w", {2, 2}, {1, 2, 3, 4})}}));
  try {
    read(bytes, {.input_shapes = {{"x", {1, Dim::symbol("k")}}}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::shape_mismatch);
    EXPECT_NE(e.message().find("input 'x' axis 1 cannot be other than 2"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("MatMul_node"), std::string::npos) << e.message();
  }
}

TEST(Onnx, InputsCanBeGivenAsValues) {
  const auto bytes = model(graph({.nodes = {node("ReduceSum", {"x", "axes"}, {"y"}, {int_attr("keepdims", 0)})},
                                  .inputs = {value("x", f32, {"2", "3"}), value("axes", i64, {"1"})},
                                  .outputs = {value("y", f32, {})}}));
  const Tensor x = Tensor::of(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const auto fixed = read(bytes, {.input_values = {{"axes", Tensor::of(DType::i64, {1}, {1})}}});
  EXPECT_EQ(values(run(fixed, {x})[0]), (V{6, 15}));
  EXPECT_EQ(values(run(read(bytes), {x, Tensor::of(DType::i64, {1}, {-2})})[0]), (V{5, 7, 9}))
      << "axes computed at run time";
}

TEST(Onnx, SequencesOfPartsWhoseSizesAreComputed) {
  const auto bytes = model(
      graph({.nodes = {node("SplitToSequence", {"x", "sizes"}, {"s"}), node("SequenceAt", {"s", "second"}, {"y"})},
             .inputs = {value("x", f32, {"n"}), value("sizes", i64, {"2"})},
             .outputs = {value("y", f32, {})},
             .initializers = {tensor<int64_t>("second", i64, {}, {1})}}));
  const Tensor x = Tensor::of(DType::f32, {5}, {1, 2, 3, 4, 5});
  EXPECT_EQ(values(run(read(bytes), {x, Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{2, 3})})[0]),
            (V{3, 4, 5}));
}

TEST(Onnx, SliceByScalars) {
  const auto bytes =
      model(graph({.nodes = {node("Slice", {"x", "one", "three", "zero"}, {"y"})},
                   .inputs = {value("x", f32, {"n"})},
                   .outputs = {value("y", f32, {})},
                   .initializers = {tensor<int64_t>("one", i64, {}, {1}), tensor<int64_t>("three", i64, {}, {3}),
                                    tensor<int64_t>("zero", i64, {}, {0})}}));
  EXPECT_EQ(values(run(read(bytes), {Tensor::of(DType::f32, {4}, {1, 2, 3, 4})})[0]), (V{2, 3}));
}

TEST(Onnx, StftOfASignalWithoutTheAxisOfParts) {
  const auto of = [](std::vector<std::string> shape) {
    return model(
        graph({.nodes = {node("STFT", {"x", "step", "", "length"}, {"y"})},
               .inputs = {value("x", f32, shape)},
               .outputs = {value("y", f32, {})},
               .initializers = {tensor<int64_t>("step", i64, {}, {2}), tensor<int64_t>("length", i64, {}, {4})}}));
  };
  const Tensor x = Tensor::of(DType::f32, {1, 8}, {1, 2, 3, 4, 5, 6, 7, 9});
  const Tensor y = run(read(of({"1", "t"})), {x})[0];
  EXPECT_EQ(y.shape(), (Sizes{1, 3, 3, 2}));
  EXPECT_EQ(values(y), values(run(read(of({"1", "t", "1"})), {x.reshape({1, 8, 1})})[0]));
}

}  // namespace
}  // namespace neve::test
