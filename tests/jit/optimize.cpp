// optimize: the report, cancelling, options, the accuracy gate.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "import/model_writer.h"
#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

TEST(Report, HasEverySection) {
  OptimizeOptions o = quiet();
  o.gate = true;
  o.ranges = {parse_range("x=1x3x8x8..2x3x8x8..4x3x8x8")};
  o.disable_passes = {"merge_matmuls"};
  const Engine e = optimize(text_model(conv_block), o);
  const json r = json::parse(e.report_json());
  EXPECT_EQ(r.at("schema"), "neve.report/1");
  for (const char* section : {"software", "hardware", "model", "options", "ranges", "optimizations", "partition",
                              "accuracy", "memory", "build", "runs", "warnings"})
    EXPECT_TRUE(r.contains(section)) << section;
  EXPECT_EQ(r["model"]["inputs"][0]["name"], "x");
  EXPECT_EQ(r["model"]["outputs"][0]["name"], "y");
  EXPECT_EQ(r["ranges"]["open"], false);
  EXPECT_EQ(r["ranges"]["ranges"][0]["max"]["x"], json({4, 3, 8, 8}));
  EXPECT_EQ(r["accuracy"]["verdict"], "pass");
  EXPECT_GE(r["accuracy"]["outputs"].size(), 3u);
  for (const json& v : r["accuracy"]["outputs"]) {
    EXPECT_EQ(v["verdict"], "pass");
    EXPECT_LE(v["value"].get<double>(), v["threshold"].get<double>());
    EXPECT_GT(v["max_abs_value"].get<double>(), 0);
  }
  bool skipped = false, folded = false;
  for (const json& p : r["optimizations"]) {
    skipped =
        skipped || (p["name"] == "merge_matmuls" && p["status"] == "skipped" && p["reason"] == "disabled by the user");
    folded = folded || (p["name"] == "fold_into_conv" && p["status"] == "effective" && p["count"] == 1);
  }
  EXPECT_TRUE(skipped);
  EXPECT_TRUE(folded);
  EXPECT_GE(r["runs"].size(), 3u);
  EXPECT_GT(r["memory"]["planned"][0]["arena_bytes"].get<int64_t>(), 0);
  EXPECT_GT(r["build"]["seconds"]["total"].get<double>(), 0);
  EXPECT_EQ(r["partition"]["share_compiled"], 1.0) << r["partition"]["fallbacks"].dump();
  const std::string page = e.report_html();
  EXPECT_NE(page.find("<html"), std::string::npos);
  EXPECT_EQ(page.find("src=\"http"), std::string::npos) << "the page loads something from elsewhere";
  EXPECT_NE(e.plan_text().find("range 0 point 0"), std::string::npos);
}

TEST(Report, NamesTheReasonOfEveryFallback) {
  OptimizeOptions o = quiet();
  o.disable_ops = {"softmax"};
  const json r = json::parse(optimize(text_model(pooled), o).report_json());
  bool named = false;
  for (const json& f : r["partition"]["fallbacks"]) {
    EXPECT_FALSE(f["reason"].get<std::string>().empty());
    named = named || (f["op"] == "softmax" && f["reason"].get<std::string>().find("disabled") != std::string::npos);
  }
  EXPECT_TRUE(named) << r["partition"]["fallbacks"].dump(1);
}

TEST(Cancel, AnywhereIsClean) {
  const Model m = text_model(conv_block);
  int calls = 0;
  for (int at = 0; at < 200; ++at) {
    OptimizeOptions o = quiet();
    o.gate = true;
    calls = 0;
    o.progress = [&](double done, const std::string& phase) {
      EXPECT_GE(done, 0);
      EXPECT_LE(done, 1);
      EXPECT_FALSE(phase.empty());
      return calls++ < at;
    };
    try {
      const Engine e = optimize(m, o);
      EXPECT_LE(calls, at);
      EXPECT_GE(at, 6) << "progress is hardly ever told";
      return;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::cancelled) << e.message();
      EXPECT_EQ(e.message().substr(0, 27), "optimize: cancelled during ");
    }
  }
  FAIL() << "200 calls did not do";
}

TEST(Options, WhatIsUnknownIsRefused) {
  const Model m = text_model(gelu_block);
  auto refusal = [&](const std::function<void(OptimizeOptions&)>& change) {
    OptimizeOptions o = quiet();
    change(o);
    return message_of([&] { optimize(m, o); });
  };
  EXPECT_EQ(refusal([](auto& o) { o.precision = "int4"; }),
            "optimize: precision 'int4' is not built yet (use \"fp32\")");
  EXPECT_EQ(refusal([](auto& o) { o.disable_passes = {"fuse"}; }).substr(0, 50),
            "passes: no pass is named 'fuse' (there are: remove");
  EXPECT_NE(refusal([](auto& o) { o.disable_ops = {"konv"}; }).find("konv"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.float_ops = {"konv"}; }).find("konv"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.disable_kernels = {"onednn.konv"}; }).find("onednn.konv"), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.tactic = "onednn.konv"; }).find("native.gemv, "), std::string::npos);
  EXPECT_NE(refusal([](auto& o) { o.tactic = "loop", o.disable_kernels = {"loop"}; }).find("one of them"),
            std::string::npos);
  EXPECT_EQ(refusal([](auto& o) { o.calib_data = {{{"x", Tensor::zeros(DType::f32, {1, 1, 16})}}}; }),
            "optimize: calibration data is of use for int8 only, which is not built yet");
  EXPECT_NE(refusal([](auto& o) {
              o.memory_budget = 100, o.ranges = {parse_range("x=1x1x16..4x4x16")};
            }).find("memory budget"),
            std::string::npos);
}

TEST(Options, ATacticIsTakenWhereItAccepts) {
  const Model m = text_model(conv_block);
  const auto with = [&](const std::string& tactic, bool tune = false) {
    OptimizeOptions o = quiet();
    o.gate = true;
    o.tune = tune, o.use_tactic_cache = false;
    o.tactic = tactic;
    return optimize(m, o);
  };
  const auto told = [](const Engine& e) { return json::parse(e.report_json())["partition"]["tactic"]; };
  const json all = told(with("reference"));
  EXPECT_EQ(all["name"], "reference");
  EXPECT_GE(all["taken"].size(), 2u);
  EXPECT_TRUE(all["refused"].empty());

  const Engine conv = with("onednn.conv.0", true);
  ASSERT_EQ(told(conv)["taken"].size(), 2u) << told(conv).dump(1);
  EXPECT_EQ(told(conv)["taken"][0]["op"].get<std::string>().substr(0, 4), "conv");
  const std::string path = (fs::temp_directory_path() / "neve_test_tactic.neve").string();
  conv.save(path);
  EXPECT_EQ(load(path).engine().plan_text(), conv.plan_text()) << "the choice did not come back";
  fs::remove(path);

  const json loop = told(with("loop"));  // has no convolution: there the usual choice
  EXPECT_FALSE(loop["refused"].empty());
  for (const json& n : loop["refused"]) EXPECT_EQ(n["reason"].get<std::string>().substr(0, 6), "loop: ");
  const json none = told(with("onednn.conv.15"));
  EXPECT_TRUE(none["taken"].empty());
  EXPECT_NE(none["refused"][0]["reason"].get<std::string>().find("variants"), std::string::npos) << none.dump(1);
  EXPECT_TRUE(told(with("native.rnn"))["refused"].empty()) << "an op that it does not have";
  EXPECT_FALSE(json::parse(with("").report_json())["partition"].contains("tactic"));
}

TEST(Options, DumpsTheGraphAfterEveryPass) {
  std::string folder = (fs::temp_directory_path() / "neve-dump-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  OptimizeOptions o = quiet();
  o.dump_ir = folder + "/ir";
  optimize(text_model(gelu_block), o);
  size_t files = 0;
  for (const auto& f : fs::directory_iterator(o.dump_ir)) {
    ++files;
    std::ifstream in(f.path());
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    EXPECT_EQ(ir::print(ir::parse(text)), text) << f.path();
  }
  EXPECT_EQ(files, passes::all_passes().size() + 1);
  fs::remove_all(folder);
}

TEST(Optimize, AModelOfWeightsAlone) {
  const Model m = text_model(
      "graph main() { %w: f32[3] = weight() {name=\"w\", shape=[3]}\n %y: f32[3] = add(%w, %w) return %y \"y\" }");
  const std::vector<Tensor> y = m({});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(optimize(m, quiet()).session().run({})[0].item(2), y[0].item(2));
}

TEST(Optimize, ChannelsThatOnlyTheConvolutionStates) {  // behind a padding whose widths are computed
  const std::string path = (fs::temp_directory_path() / "neve_test_padded.onnx").string();
  const std::vector<float> w(8 * 4 * 9, 0.1f);
  const std::string bytes = model(graph(
      {.nodes = {node("Pad", {"x", "p"}, {"q"}), node("Concat", {"x1", "q"}, {"c"}, {int_attr("axis", 1)}),
                 node("Conv", {"c", "w"}, {"y"})},
       .inputs = {value("x", f32, {"b", "3", "h", "w"}), value("x1", f32, {"b", "1", "", ""}), value("p", i64, {"8"})},
       .outputs = {value("y", f32, {})},
       .initializers = {floats("w", {8, 4, 3, 3}, w)}}));
  std::ofstream(path, std::ios::binary) << bytes;
  const Model m = load(path);
  const Engine e = optimize(m, quiet());
  const json r = json::parse(e.report_json());
  for (const json& f : r["partition"]["fallbacks"]) EXPECT_NE(f["op"], "conv") << f["reason"];
  const std::vector<Tensor> in{draw(DType::f32, {1, 3, 6, 5}, 1), draw(DType::f32, {1, 1, 8, 6}, 2),
                               Tensor::of_ints(DType::i64, {8}, std::vector<int64_t>{0, 0, 1, 0, 0, 0, 1, 1})};
  const Tensor y = e.session().run(in)[0], y0 = m(in)[0];
  EXPECT_TRUE(jit::compare(y, y0, {1e-5, 1e-6}).ok);
  fs::remove(path);
}

TEST(Gate, GivenDataIsRun) {
  OptimizeOptions o = quiet();
  o.gate = true;
  o.test_data = {{{"x", draw(DType::f32, {3, 5, 16}, 1)}}, {{"0", draw(DType::f32, {1, 2, 16}, 2)}}};
  const json r = json::parse(optimize(text_model(gelu_block), o).report_json());
  size_t given = 0;
  for (const json& v : r["accuracy"]["outputs"]) given += v["source"].get<std::string>().rfind("test data", 0) == 0;
  EXPECT_EQ(given, 2u);
  o.test_data = {{{"y", draw(DType::f32, {3, 5, 16}, 1)}}};
  EXPECT_EQ(message_of([&] { optimize(text_model(gelu_block), o); }),
            "optimize: test data 0 has no input 'x' (it has: 'y')");
}

TEST(Gate, RefusesWhatDiffersAndRecordsAnOverride) {
  OptimizeOptions o = quiet();
  o.gate = true;
  o.tolerance = {0, 0};  // nothing is that close
  const Model m = text_model(gelu_block);
  const std::string refusal = message_of([&] { optimize(m, o); });
  EXPECT_NE(refusal.find("optimize: the engine does not agree with the unfused model: output 'y'"), std::string::npos)
      << refusal;
  EXPECT_NE(refusal.find("hint: accept_inaccurate"), std::string::npos) << refusal;
  o.accept_inaccurate = true;
  const json r = json::parse(optimize(m, o).report_json());
  EXPECT_EQ(r["accuracy"]["verdict"], "fail");
  EXPECT_EQ(r["warnings"].size(), 1u);
}

// Strassen's sums mix columns of the weight: those of small numbers have few digits left beside large ones.
TEST(Gate, KernelsThatRoundTooMuchAreLeftOut) {
  constexpr const char* model = R"(graph main(%x: f32[n, 512]) {
    %w: f32[512, 256] = weight() {name="w", shape=[512, 256]}
    %c: f32[] = constant() {value=f32[]{3000}}
    %h: i64[1] = constant() {value=i64[1]{256}}
    %e: i64[1] = constant() {value=i64[1]{512}}
    %a: i64[1] = constant() {value=i64[1]{1}}
    %l: f32[512, 256] = mul(%w, %c)
    %v: f32[512, 512] = concat(%l, %w) {axis=1}
    %0: f32[n, 512] = matmul(%x, %v)
    %1: f32[n, 256] = slice(%0, %h, %e, %a)
    return %1 "y"
  })";
  OptimizeOptions o = quiet();
  o.gate = true;
  o.ranges = {parse_range("x=256x512..256x512")};
  o.disable_kernels = {"onednn.matmul", "native.matmul", "native.amx"};  // Strassen's is left, and the reference
  const Engine e = optimize(text_model(model), o);
  const json r = json::parse(e.report_json());
  EXPECT_EQ(r["accuracy"]["verdict"], "pass") << r["accuracy"];
  ASSERT_EQ(r["warnings"].size(), 1u) << r["warnings"];
  const std::string warning = r["warnings"][0];
  EXPECT_TRUE(
      warning.starts_with("without native.strassen: what they round adds up to more than the tolerance here: "
                          "output 'y'"))
      << warning;
  EXPECT_EQ(e.plan_text().find("strassen."), std::string::npos) << e.plan_text();
  // Nor does an archive of it take them up again.
  const std::string path = (fs::temp_directory_path() / "rounded.neve").string();
  e.save(path);
  EXPECT_EQ(load(path).engine().plan_text().find("strassen."), std::string::npos);
  fs::remove(path);
  o.tactic = "native.strassen";  // asked for by name
  EXPECT_NE(message_of([&] { optimize(text_model(model), o); }).find("does not agree"), std::string::npos);
}

// Sums in another order, rounded to integers, are a whole step off here and there: so is the unfused model itself where
// its inputs change in their last digits, and more than that is not asked.
TEST(Gate, StepsOfAQuantisedModelAreNoFault) {
  constexpr const char* model = R"(graph main(%x: f32[n, 512]) {
    %w: f32[512, 512] = weight() {name="w", shape=[512, 512]}
    %s: f32[] = constant() {value=f32[]{0.05}}
    %z: i16[] = constant() {value=i16[]{0}}
    %0: f32[n, 512] = matmul(%x, %w)
    %1: f32[n, 512] = relu(%0)
    %2: i16[n, 512] = quantize_linear(%1, %s, %z)
    %3: f32[n, 512] = dequantize_linear(%2, %s, %z)
    %4: f32[n, 512] = matmul(%3, %w)
    %5: i16[n, 512] = quantize_linear(%4, %s, %z)
    %6: f32[n, 512] = dequantize_linear(%5, %s, %z)
    return %6 "y"
  })";
  OptimizeOptions o = quiet();
  o.gate = true;
  o.ranges = {parse_range("x=256x512..256x512")};
  o.tolerance = {2e-5, 0};       // a tenth of a step
  o.tactic = "native.strassen";  // which adds up in another order than the baseline
  const json r = json::parse(optimize(text_model(model), o).report_json());
  EXPECT_EQ(r["accuracy"]["verdict"], "pass") << r["accuracy"];
}

TEST(Gate, NumbersThatTheModelIsNotDefinedForAreReplaced) {
  constexpr const char* model =
      "graph main(%x: f32[n, 4]) { %r: f32[n, 4] = sqrt(%x)\n %y: f32[n, 4] = relu(%r) return %y \"y\" }";
  OptimizeOptions o = quiet();
  o.gate = true;
  const json r = json::parse(optimize(text_model(model), o).report_json());
  EXPECT_EQ(r["accuracy"]["verdict"], "pass") << r["accuracy"];
  const Tensor a = Tensor::of(DType::f32, {3}, {1, NAN, 2}), b = Tensor::of(DType::f32, {3}, {1, 0, 2}),
               c = Tensor::of(DType::f32, {3}, {1, 0, 3});
  EXPECT_TRUE(jit::compare(b, a, {}, true).ok);
  EXPECT_FALSE(jit::compare(c, a, {}, true).ok);
  EXPECT_FALSE(jit::compare(a, b, {}, true).ok);
}

TEST(Gate, ComparesNotANumberAndInfinity) {
  const Tensor a = Tensor::of(DType::f32, {4}, {1, NAN, INFINITY, -2}),
               b = Tensor::of(DType::f32, {4}, {1, 0, INFINITY, -2}),
               c = Tensor::of(DType::f32, {4}, {1, NAN, -INFINITY, -2});
  EXPECT_TRUE(jit::compare(a, a, {}).ok);
  EXPECT_FALSE(jit::compare(b, a, {}).ok);
  EXPECT_FALSE(jit::compare(a, b, {}).ok);
  EXPECT_EQ(jit::compare(c, a, {}).worst_index, 2);
  EXPECT_FALSE(jit::compare(Tensor::zeros(DType::f32, {2}), Tensor::zeros(DType::f32, {3}), {}).ok);
  EXPECT_FALSE(jit::compare(Tensor::of(DType::i64, {1}, {3}), Tensor::of(DType::i64, {1}, {4}), {}).ok);
}

}  // namespace
}  // namespace neve::test
