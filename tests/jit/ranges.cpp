// Ranges: their text, what does not fit a model, which one a call takes.
#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {

constexpr const char* example = " (e.g. x=1x3x224x224..5x3x224x224;mask=1x16..2x64,8x256..8x512)";

TEST(RangeText, ComesBack) {
  for (const char* text : {"x=1x3..8x3", "x=1x3..2x3..8x3", "x=1x3..2x3,4x3..8x3", "mask=1x2..4x2;x=1..4..9"})
    EXPECT_EQ(to_string(parse_range(text)), text);
  EXPECT_EQ(to_string(parse_range("x=4x3")), "x=4x3..4x3");
  const Range r = parse_range("a=1..2,3..9;b=1..5..9");
  ASSERT_EQ(r.opts.size(), 2u);
  EXPECT_EQ(r.opts[1].at("a"), Sizes{3});
  EXPECT_EQ(r.opts[1].at("b"), Sizes{5});
  EXPECT_EQ(parse_range("c=scalar").min.at("c"), Sizes{});  // a scalar
}

TEST(RangeText, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "range: '': an empty input"},
      {"x", "range: 'x': 'x' has no NAME="},
      {"=1x2", "range: '=1x2': '=1x2' has no NAME="},
      {"x=1xa..2", "range: 'x=1xa..2': '1xa' is no list of sizes"},
      {"x=1x-2", "range: 'x=1x-2': '1x-2' is no list of sizes"},
      {"x=1..2;x=3", "range: 'x=1..2;x=3': input 'x' stands twice"},
      {"x=1..2..3..4", "range: 'x=1..2..3..4': 'x=1..2..3..4' has more than MIN..OPT..MAX"},
      {"x=99999999999999999999", "range: 'x=99999999999999999999': '99999999999999999999' is no list of sizes"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(message_of([&] { parse_range(text); }), std::string(message) + example);
}

std::string refusal(std::string_view model, std::vector<Range> ranges) {
  OptimizeOptions o = quiet();
  o.ranges = std::move(ranges);
  return message_of([&] { optimize(text_model(model), o); });
}

TEST(Ranges, WhatDoesNotFitTheModel) {
  EXPECT_EQ(refusal(gelu_block, {parse_range("y=1x1x16..2x2x16")}),
            "range: 'y' is not an input (the model's inputs: 'x')");
  EXPECT_EQ(refusal(gelu_block, {parse_range("x=1x16..2x16")}),
            "range: min of input 'x' has 2 sizes (the model declares f32[b, s, 16])");
  EXPECT_EQ(refusal(gelu_block, {parse_range("x=5x1x16..4x1x16")}), "range: input 'x' axis 0: min 5 is above max 4");
  EXPECT_EQ(refusal(gelu_block, {parse_range("x=1x1x16..9x1x16..4x1x16")}),
            "range: input 'x' axis 0: opt 9 is above max 4");
  EXPECT_EQ(refusal(gelu_block, {parse_range("x=2x1x16..1x1x16..4x1x16")}),
            "range: input 'x' axis 0: opt 1 is below min 2");
  Range negative;
  negative.min["x"] = {-1, 1, 16};
  EXPECT_EQ(refusal(gelu_block, {negative}), "range: min of input 'x' has a negative size -1");
}

TEST(Ranges, AxesThatTheModelTiesTogether) {
  const std::string m =
      refusal("graph main(%x: f32[n, 2], %y: f32[n, 2]) { %z: f32[n, 2] = add(%x, %y) return %z \"z\" }",
              {parse_range("x=1x2..2x2..8x2;y=1x2..3x2..8x2")});
  EXPECT_EQ(m, "range: opt has 2 for input 'x' axis 0 and 3 for 'y' axis 0 (the model says both are n)");
}

TEST(Ranges, AxesThatWereLeftOutFollowTheirSymbol) {
  constexpr const char* model =
      "graph main(%x: f32[n, 2], %a: f32[n, n]) { %y: f32[n, 2] = matmul(%a, %x) return %y \"y\" }";
  OptimizeOptions o = quiet();
  o.gate = true;
  for (const bool open : {true, false}) {
    if (!open) o.ranges = {parse_range("x=1x2..3x2..8x2")};
    Session e = optimize(text_model(model), o).session();
    const Tensor x = draw(DType::f32, {5, 2}, 1), a = draw(DType::f32, {5, 5}, 2);
    EXPECT_EQ(e.run({x, a})[0].shape(), (Sizes{5, 2})) << open;
    if (!open) {
      EXPECT_NE(message_of([&] { e.run({draw(DType::f32, {9, 2}, 1), draw(DType::f32, {9, 9}, 2)}); }), "");
    }
  }
}

TEST(Ranges, AFixedAxisIsWidenedOrTheNodeIsNamed) {
  const Model ok = text_model("graph main(%x: f32[1, 3]) { %y: f32[1, 3] = exp(%x) return %y \"y\" }");
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x3..8x3")};
  Session s = optimize(ok, o).session();
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {5, 3})})[0].shape(), (Sizes{5, 3}));
  const std::string m = refusal(R"(graph main(%x: f32[1, 6]) {
    %k: i64[2] = constant() {value=i64[2]{2, 3}}
    %y: f32[2, 3] = reshape(%x, %k) loc("net.py":7 "flat")
    return %y "y"
  })",
                                {parse_range("x=1x6..8x6")});
  EXPECT_TRUE(m.starts_with("range: x axis 0, which the model fixes, cannot have other sizes: reshape: ")) << m;
  EXPECT_NE(m.find("(node 'flat')"), std::string::npos) << m;
}

runtime::Choice chosen(const Engine& e, Sizes x) {
  return runtime::choose(*e.impl()->optimized->core, std::vector<Sizes>{std::move(x)});
}

TEST(Ranges, TheNearestOptWins) {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x1x16..1x8x16,8x8x16..16x64x16"), parse_range("x=4x1x16..16x128x16..16x256x16")};
  const Model m = text_model(gelu_block);
  const Engine e = optimize(m, o);
  auto expect = [&](Sizes x, size_t range, size_t point) {
    const runtime::Choice c = chosen(e, x);
    EXPECT_EQ(c.range, range) << type_text(Tensor::empty(DType::f32, x));
    EXPECT_EQ(c.point, point) << type_text(Tensor::empty(DType::f32, x));
  };
  expect({1, 8, 16}, 0, 0);
  expect({2, 9, 16}, 0, 0);
  expect({8, 8, 16}, 0, 1);
  expect({12, 12, 16}, 0, 1);
  expect({16, 64, 16}, 1, 0);   // in both: nearer to the second one's
  expect({16, 200, 16}, 1, 0);  // in the second alone
  Session s = e.session();
  for (const Sizes& x :
       {Sizes{1, 8, 16}, Sizes{8, 8, 16}, Sizes{16, 64, 16}, Sizes{16, 200, 16}, Sizes{1, 1, 16}, Sizes{8, 8, 16}}) {
    const auto in = draw_inputs(m, {x});
    expect_close(s.run(in), m.run_reference(in), 2e-5, type_text(in[0]));
  }
}

TEST(Ranges, OfTwoEquallyNearTheFirstDeclared) {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x1x16..2x2x16..8x8x16"), parse_range("x=1x1x16..2x2x16..16x16x16")};
  const Engine e = optimize(text_model(gelu_block), o);
  EXPECT_EQ(chosen(e, {3, 3, 16}).range, 0u);
  EXPECT_EQ(chosen(e, {9, 9, 16}).range, 1u);
}

TEST(Ranges, LearnedFromWarmUpData) {
  OptimizeOptions o = quiet();
  o.warmup_data = {{{"x", Tensor::zeros(DType::f32, {2, 3, 16})}}, {{"x", Tensor::zeros(DType::f32, {4, 1, 16})}}};
  Session s = optimize(text_model(gelu_block), o).session();
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {3, 2, 16})})[0].shape(), (Sizes{3, 2, 24}));
  EXPECT_EQ(message_of([&] { s.run({Tensor::zeros(DType::f32, {5, 2, 16})}); }),
            "run: sizes x=5x2x16 are outside every range (the engine was made for x=2x1x16..4x3x16)");
}

}  // namespace
}  // namespace neve::test
