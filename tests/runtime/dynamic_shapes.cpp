// One engine, many sizes: every result is that of the reference.
#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {

struct ShapeCase {
  const char* name;
  std::string_view text;
  std::vector<std::vector<Sizes>> sizes;
};

const ShapeCase cases[] = {
    {"conv_block",
     conv_block,
     {{{1, 3, 8, 8}}, {{5, 3, 7, 11}}, {{2, 3, 3, 3}}, {{0, 3, 8, 8}}, {{1, 3, 8, 8}}, {{16, 3, 5, 4}}}},
    {"pooled", pooled, {{{1, 4, 4, 9}}, {{3, 4, 5, 9}}, {{8, 4, 40, 9}}, {{1, 4, 4, 9}}}},
    {"gelu_block",
     gelu_block,
     {{{1, 1, 16}}, {{3, 17, 16}}, {{0, 4, 16}}, {{2, 0, 16}}, {{32, 2, 16}}, {{1, 256, 16}}}},
    {"attention",
     attention,
     {{{1, 1, 12}, {1, 1}}, {{2, 9, 12}, {2, 9}}, {{8, 3, 12}, {8, 3}}, {{1, 64, 12}, {1, 64}}, {{2, 9, 12}, {2, 9}}}},
    {"softmaxes",
     softmaxes,
     {{{1, 1, 1}}, {{2, 3, 5}}, {{0, 3, 5}}, {{2, 0, 5}}, {{2, 3, 0}}, {{7, 1, 33}}, {{1, 64, 2}}}},
    {"norms", norms, {{{1, 1, 10}}, {{3, 7, 10}}, {{0, 2, 10}}, {{64, 1, 10}}}},
    {"shape_arithmetic",
     shape_arithmetic,
     {{{2, 3, 4}, {5, 4}}, {{0, 3, 4}, {1, 4}}, {{1, 1, 4}, {0, 4}}, {{32, 1, 4}, {2, 4}}, {{0, 1, 4}, {0, 4}}}},
    {"picked", picked, {{{4, 5}}, {{1, 1}}, {{0, 3}}, {{3, 0}}, {{32, 31}}, {{4, 5}}}},
    {"branches", branches, {{{}, {3, 4}, {3, 4}}, {{}, {1, 4}, {1, 4}}, {{}, {0, 4}, {0, 4}}, {{}, {32, 4}, {32, 4}}}},
    {"either_size", either_size, {{{}, {3, 2}}, {{}, {1, 2}}, {{}, {0, 2}}, {{}, {3, 2}}}},
    {"empty_sums", empty_sums, {{{4, 3}}, {{4, 0}}, {{4, 64}}, {{4, 0}}}},
    {"own_input", own_input, {{{2, 2, 2, 4}}, {{1, 2, 1, 4}}, {{0, 2, 3, 4}}, {{5, 2, 33, 4}}}},
    {"joined_axes", joined_axes, {{{2, 4, 5, 5}}, {{1, 4, 3, 3}}, {{0, 4, 8, 8}}, {{3, 4, 64, 64}}}},
    {"scanned", scanned, {{{4}, {5, 4}, {4}}, {{4}, {1, 4}, {4}}, {{4}, {0, 4}, {4}}, {{4}, {32, 4}, {4}}}},
};

class DynamicShapes : public ::testing::TestWithParam<ShapeCase> {};

TEST_P(DynamicShapes, AgreeWithTheReference) {
  const ShapeCase& c = GetParam();
  const Model m = text_model(c.text);
  Session s = optimize(m, quiet()).session();
  for (uint64_t seed : {1, 2, 3})
    for (const auto& sizes : c.sizes) {
      const std::vector<Tensor> in = draw_inputs(m, sizes, seed * 10);
      std::string what = c.name;
      for (const Tensor& t : in) what += " " + type_text(t);
      expect_close(s.run(in), m.run_reference(in), 2e-5, what);
    }
}
INSTANTIATE_TEST_SUITE_P(Models, DynamicShapes, ::testing::ValuesIn(cases), [](const auto& i) { return i.param.name; });

TEST(DynamicShapes, LoopsOfAnyNumberOfTrips) {
  const Model m = text_model(looped);
  Session s = optimize(m, quiet()).session();
  for (int64_t trips : {3, 0, 1, 7, 3})
    for (int64_t n : {2, 1, 0, 32}) {
      const std::vector<Tensor> in{Tensor::scalar_int(DType::i64, trips), draw(DType::f32, {n, 3}, 1),
                                   draw(DType::f32, {3}, 2)};
      expect_close(s.run(in), m.run_reference(in), 2e-5, str("trips ", trips, " n ", n));
    }
}

// The same without loops, without library kernels, with every pass off: the ways must agree.
TEST(DynamicShapes, EveryWayToRunAgrees) {
  for (const ShapeCase& c : cases) {
    const Model m = text_model(c.text);
    for (int way = 0; way < 4; ++way) {
      OptimizeOptions o = quiet();
      if (way == 0) o.disable_kernels = {"loop"};
      if (way == 1) o.disable_kernels = {"onednn"};
      if (way == 2)
        o.disable_passes = {"fuse_loops", "fuse_epilogues", "fold_into_conv", "merge_matmuls", "remove_common"};
      if (way == 3) o.threads = 1;
      Session s = optimize(m, o).session();
      for (const auto& sizes : c.sizes) {
        const std::vector<Tensor> in = draw_inputs(m, sizes);
        expect_close(s.run(in), m.run_reference(in), 2e-5, str(c.name, " way ", way, " ", type_text(in.back())));
      }
    }
  }
}

TEST(DynamicShapes, StridedInputsAreRead) {
  const Model m = text_model(gelu_block);
  Session s = optimize(m, quiet()).session();
  const Tensor wide = draw(DType::f32, {3, 16, 5}, 4);
  const std::vector<Tensor> turned{wide.transpose({0, 2, 1})}, plain{turned[0].contiguous()};
  ASSERT_FALSE(turned[0].is_contiguous());
  const std::vector<Tensor> a = s.run(turned), b = s.run(plain);
  EXPECT_TRUE(same_bits(a[0], b[0]));
}

TEST(DynamicShapes, ResultsAreTheCallers) {
  const Model m = text_model(gelu_block);
  Session s = optimize(m, quiet()).session();
  const auto in = draw_inputs(m, {{2, 3, 16}}, 1), other = draw_inputs(m, {{2, 3, 16}}, 9);
  const std::vector<Tensor> first = s.run(in);
  const Tensor kept = first[0].clone();
  const std::vector<Tensor> second = s.run(other);
  EXPECT_TRUE(same_bits(first[0], kept)) << "a later call wrote over an earlier result";
  EXPECT_NE(first[0].data(), second[0].data());
}

TEST(DynamicShapes, AnInputThatIsAnOutputIsCopied) {
  const Model m = text_model(R"(graph main(%x: f32[n, 3]) {
    %k: f32[2] = constant() {value=f32[2]{1, 2}}
    %w: f32[2] = weight() {name="w", shape=[2]}
    %s: i64[2] = shape(%x)
    %r: i64[1] = constant() {value=i64[1]{-1}}
    %f: f32[3*n] = reshape(%x, %r)
    return %x "same", %k "constant", %w "weight", %s "shape", %f "flat", %x "again"
  })");
  Session s = optimize(m, quiet()).session();
  for (int64_t n : {2, 0, 5}) {
    const auto in = draw_inputs(m, {{n, 3}});
    const auto y = s.run(in);
    expect_close(y, m.run_reference(in), 0, "as they came");
    if (n) {
      EXPECT_NE(y[0].data(), in[0].data());
      EXPECT_NE(y[0].data(), y[5].data());
    }
  }
}

TEST(DynamicShapes, ManyOutputsOfOneValue) {
  const Model m = text_model(R"(graph main(%x: f32[n, 3]) {
    %a: f32[n, 3] = exp(%x)
    %r: i64[1] = constant() {value=i64[1]{-1}}
    %f: f32[3*n] = reshape(%a, %r)
    return %a "a", %a "b", %f "c"
  })");
  Session s = optimize(m, quiet()).session();
  for (int64_t n : {2, 5, 1}) {
    const auto in = draw_inputs(m, {{n, 3}});
    const auto y = s.run(in);
    expect_close(y, m.run_reference(in), 1e-6, "three names");
    EXPECT_NE(y[0].data(), y[1].data());
    EXPECT_NE(y[0].data(), y[2].data());
  }
}

}  // namespace
}  // namespace neve::test
