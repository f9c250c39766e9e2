// What a call refuses, and in which words; the engine works on afterwards.
#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {

struct Gelu {
  Model m = text_model(gelu_block);
  Engine e;
  explicit Gelu(OptimizeOptions o = quiet()) : e(optimize(m, o)) {}
  void expect_works() {
    Session s = e.session();
    const auto in = draw_inputs(m, {{2, 3, 16}});
    expect_close(s.run(in), m.run_reference(in), 2e-5, "after the error");
  }
};

TEST(RunErrors, NumberOfInputs) {
  Gelu g;
  Session s = g.e.session();
  EXPECT_EQ(message_of([&] { s.run(std::vector<Tensor>{}); }),
            "run: 0 inputs given (the model takes 1: x: f32[b, s, 16])");
}

TEST(RunErrors, DtypeRankAndMissing) {
  Gelu g;
  Session s = g.e.session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f64, {2, 3, 16})}); }),
            "run: input 'x' is f64[2, 3, 16] (must be f32[b, s, 16])");
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {3, 16})}); }),
            "run: input 'x' is f32[3, 16] (must be f32[b, s, 16])");
  EXPECT_EQ(message_of([&] { s.run({Tensor()}); }), "run: input 'x' is missing (must be f32[b, s, 16])");
  const auto in = draw_inputs(g.m, {{2, 3, 16}});
  expect_close(s.run(in), g.m.run_reference(in), 2e-5, "after the errors");
}

TEST(RunErrors, Names) {
  Gelu g;
  Session s = g.e.session();
  const Tensor x = Tensor::zeros(DType::f32, {2, 3, 16});
  EXPECT_EQ(message_of([&] { s.run(NamedTensors{{"input", x}}); }),
            "run: no input 'x' was given (given were: 'input')");
  EXPECT_EQ(message_of([&] { s.run(NamedTensors{{"x", x}, {"mask", x}}); }),
            "run: 'mask' is not an input (the model's inputs: 'x')");
  EXPECT_EQ(s.run(NamedTensors{{"0", x}})[0].shape(), (Sizes{2, 3, 24}));
}

TEST(RunErrors, AFixedAxis) {
  Gelu g;
  Session s = g.e.session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {2, 3, 17})}); }),
            "run: sizes x=2x3x17 are outside every range (the engine was made for x=0x0x16..32x256x16)");
  g.expect_works();
}

TEST(RunErrors, OutsideTheOpenRangeOfTheModel) {
  const Model m = text_model("graph main(%x: f32[n, 2]) { %y: f32[n, 2] = exp(%x) return %y \"y\" }");
  Session s = optimize(m, quiet()).session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {2, 3})}); }),
            "run: sizes x=2x3 are outside every range (the engine was made for x=0x2..*x2)");
}

TEST(RunErrors, OutsideEveryRange) {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x1x16..2x64x16..4x128x16"), parse_range("x=8x1x16..8x16x16")};
  Gelu g(o);
  Session s = g.e.session();
  EXPECT_EQ(
      message_of([&] { s.run({Tensor::zeros(DType::f32, {6, 3, 16})}); }),
      "run: sizes x=6x3x16 are outside every range (the engine was made for x=1x1x16..4x128x16 or x=8x1x16..8x16x16)");
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {8, 16, 16})})[0].shape(), (Sizes{8, 16, 24}));
  EXPECT_EQ(
      message_of([&] { s.run({Tensor::zeros(DType::f32, {8, 17, 16})}); }),
      "run: sizes x=8x17x16 are outside every range (the engine was made for x=1x1x16..4x128x16 or x=8x1x16..8x16x16)");
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {4, 128, 16})})[0].shape(), (Sizes{4, 128, 24}));
  EXPECT_EQ(
      message_of([&] { s.warm({{{"x", {6, 3, 16}}}}); }),
      "run: sizes x=6x3x16 are outside every range (the engine was made for x=1x1x16..4x128x16 or x=8x1x16..8x16x16)");
}

TEST(RunErrors, SymbolsWithDivisors) {
  const Model m = text_model("graph main(%x: f32[n]) where n in 4..64 by 4 { %y: f32[n] = exp(%x) return %y \"y\" }");
  Session s = optimize(m, quiet()).session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {6})}); }),
            "run: input 'x' axis 0 is 6 (n must be in 4..64 and a multiple of 4)");
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {8})})[0].shape(), Sizes{8});
}

TEST(RunErrors, AxesThatMustAgree) {
  const Model m =
      text_model("graph main(%x: f32[n, 2], %y: f32[n, 2]) { %z: f32[n, 2] = add(%x, %y) return %z \"z\" }");
  Session s = optimize(m, quiet()).session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {3, 2}), Tensor::zeros(DType::f32, {4, 2})}); }),
            "run: input 'y' axis 0 is 4 (must be 3, tied to another axis in the model)");
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {4, 2}), Tensor::zeros(DType::f32, {4, 2})})[0].shape(), (Sizes{4, 2}));
}

TEST(RunErrors, RecordedConstraints) {
  const Model m = text_model(R"(graph main(%x: f32[n, 2], %y: f32[m, 2]) {
    %z: f32[broadcast(n, m), 2] = mul(%x, %y)
    return %z "z"
  })");
  Session s = optimize(m, quiet()).session();
  const std::string e =
      message_of([&] { s.run({Tensor::zeros(DType::f32, {3, 2}), Tensor::zeros(DType::f32, {4, 2})}); });
  EXPECT_EQ(e.substr(0, 5), "run: ") << e;
  EXPECT_NE(e.find("mul"), std::string::npos) << e;
  EXPECT_NE(e.find("(here 3 and 4)"), std::string::npos) << e;
  for (const auto& [a, b, c] :
       std::vector<std::array<int64_t, 3>>{{3, 3, 3}, {1, 4, 4}, {4, 1, 4}, {1, 0, 0}, {0, 0, 0}, {3, 3, 3}}) {
    const std::vector<Tensor> in{draw(DType::f32, {a, 2}, 1), draw(DType::f32, {b, 2}, 2)};
    expect_close(s.run(in), m.run_reference(in), 0, str(a, " and ", b));
  }
}

TEST(RunErrors, StatedRequirements) {
  const Model m = text_model(R"(graph main(%x: f32[n], %y: f32[m]) {
    require n >= m "x must be as long as y"
    %z: f32[n + m] = concat(%x, %y) {axis=0}
    return %z "z"
  })");
  Session s = optimize(m, quiet()).session();
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {3}), Tensor::zeros(DType::f32, {4})}); }),
            "run: x must be as long as y (here 3 and 4)");
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {4}), Tensor::zeros(DType::f32, {3})})[0].shape(), Sizes{7});
}

TEST(RunErrors, WithoutExceptions) {
  Gelu g;
  Session s = g.e.session();
  std::vector<Tensor> out;
  Error error(ErrorCode::internal, "");
  EXPECT_FALSE(s.try_run({Tensor::zeros(DType::f64, {2, 3, 16})}, out, error));
  EXPECT_EQ(error.code(), ErrorCode::type_mismatch);
  EXPECT_EQ(error.message(), "run: input 'x' is f64[2, 3, 16] (must be f32[b, s, 16])");
  EXPECT_TRUE(s.try_run(draw_inputs(g.m, {{2, 3, 16}}), out, error));
  EXPECT_EQ(out[0].shape(), (Sizes{2, 3, 24}));
}

TEST(RunErrors, IndicesOutOfBoundsAreFoundOrSafe) {
  const Model m = text_model(R"(graph main(%x: f32[n, 4], %i: i64[k]) {
    %y: f32[k, 4] = gather(%x, %i) {axis=0}
    return %y "y"
  })");
  Session s = optimize(m, quiet()).session();
  const Tensor x = draw(DType::f32, {5, 4}, 1);
  const std::vector<Tensor> good{x, Tensor::of(DType::i64, {3}, {4, 0, -1})};
  expect_close(s.run(good), m.run_reference(good), 0, "inside");
  const std::vector<Tensor> bad{x, Tensor::of(DType::i64, {2}, {5, 1000000000000.0})};
  const std::string e = message_of([&] { s.run(bad); });
  EXPECT_EQ(e, "gather: an index is out of range (indices lie in [-size, size) of the axis)");
  EXPECT_EQ(message_of([&] { (void)m.run_reference(bad); }),
            "gather: index 5 is out of range for axis 0 of size 5 (valid: -5..4)");
  expect_close(s.run(good), m.run_reference(good), 0, "after the error");
}

TEST(Warm, PreparesWithoutRunning) {
  Gelu g;
  g.e.warm({{{"x", {2, 3, 16}}}, {{"0", {4, 1, 16}}}});
  Session s = g.e.session();
  s.warm({{{"x", {2, 3, 16}}}});
  EXPECT_GT(s.arena_bytes(), 0);
  const auto in = draw_inputs(g.m, {{2, 3, 16}});
  expect_close(s.run(in), g.m.run_reference(in), 2e-5, "after warm");
  EXPECT_EQ(message_of([&] { s.warm({{{"y", {2, 3, 16}}}}); }), "warm: no sizes for input 'x'");
  EXPECT_EQ(message_of([&] { s.warm({{{"x", {2, 3}}}}); }), "warm: input 'x' got 2 sizes (the model has [b, s, 16])");
  expect_close(s.run(in), g.m.run_reference(in), 2e-5, "after errors of warm");
}

TEST(Warm, BetweenRuns) {
  Gelu g;
  Session s = g.e.session();
  const auto small = draw_inputs(g.m, {{1, 1, 16}}), large = draw_inputs(g.m, {{8, 8, 16}});
  for (int i = 0; i < 2; ++i) {
    expect_close(s.run(small), g.m.run_reference(small), 2e-5, "small");
    s.warm({{{"x", {8, 8, 16}}}, {{"x", {3, 3, 16}}}});
    expect_close(s.run(small), g.m.run_reference(small), 2e-5, "small again");
    expect_close(s.run(large), g.m.run_reference(large), 2e-5, "large");
  }
}

}  // namespace
}  // namespace neve::test
