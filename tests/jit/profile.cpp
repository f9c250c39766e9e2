// Profiles, rooflines and traces: what is counted, and what is told of a run.
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "compile/cost.h"
#include "op/registry.h"
#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {
using compile::Cost;
using nlohmann::json;

// The cost of a whole graph in text form, at sizes of its inputs and outputs.
Cost cost(std::string_view text, std::vector<Sizes> in, std::vector<Sizes> out) {
  return compile::cost_of(to_subgraph(ir::parse(text)), in, out);
}

TEST(Cost, CountsMultiplyAddsAsTwo) {
  const Cost conv = cost(R"(graph g(%x: f32[n, 3, 8, 8], %w: f32[4, 3, 3, 3]) {
    %y: f32[n, 4, 8, 8] = conv(%x, %w) {pads=[1, 1, 1, 1]}
    %z: f32[n, 4, 8, 8] = relu(%y)
    return %z
  })",
                         {{2, 3, 8, 8}, {4, 3, 3, 3}}, {{2, 4, 8, 8}});
  EXPECT_TRUE(conv.exact);
  EXPECT_EQ(conv.flops, 2.0 * 2 * 4 * 64 * 27 + 2 * 4 * 64);
  EXPECT_EQ(conv.bytes, 4.0 * (2 * 3 * 64 + 4 * 27 + 2 * 4 * 64));
  EXPECT_EQ(conv.weight_bytes, 0);
  const Cost product = cost(R"(graph g(%x: f32[b, 5, 6], %w: f32[6, 7]) {
    %y: f32[b, 5, 7] = matmul(%x, %w)
    return %y
  })",
                            {{3, 5, 6}, {6, 7}}, {{3, 5, 7}});
  EXPECT_EQ(product.flops, 2.0 * 3 * 5 * 6 * 7);
}

TEST(Cost, ElementwiseAndReductions) {
  const Cost c = cost(R"(graph g(%x: f32[n, 10], %y: f32[10]) {
    %0: f32[n, 10] = mul(%x, %y)
    %1: f32[n, 10] = exp(%0)
    %2: f32[n, 1] = reduce_sum(%1) {axes=[1]}
    return %2
  })",
                      {{4, 10}, {10}}, {{4, 1}});
  EXPECT_EQ(c.flops, 40 + 40 + 40);
  EXPECT_EQ(c.bytes, 4.0 * (40 + 10 + 4));
}

TEST(Cost, CompositesAreTheSumOfTheirParts) {
  const Cost c = cost(R"(graph g(%x: f32[n, 10]) {
    %0: f32[n, 10] = softmax(%x) {axis=-1}
    return %0
  })",
                      {{4, 10}}, {{4, 10}});
  EXPECT_TRUE(c.exact);
  EXPECT_EQ(c.flops, 5 * 40);  // the largest, the difference, exp, the sum, the quotient
}

TEST(Cost, ReadsOnlyWhatIsLookedAt) {
  const Cost rows = cost(R"(graph g(%x: f32[1000, 8], %i: i64[n]) {
    %y: f32[n, 8] = gather(%x, %i)
    return %y
  })",
                         {{1000, 8}, {3}}, {{3, 8}});
  EXPECT_EQ(rows.bytes, 4.0 * 3 * 8 + 8 * 3 + 4 * 3 * 8);
  const Cost both = cost(R"(graph g(%x: f32[1000, 8], %i: i64[n]) {
    %y: f32[n, 8] = gather(%x, %i)
    %z: f32[1000, 8] = exp(%x)
    return %y, %z
  })",
                         {{1000, 8}, {3}}, {{3, 8}, {1000, 8}});
  EXPECT_EQ(both.bytes, 4.0 * 8000 + 8 * 3 + 4 * 3 * 8 + 4.0 * 8000);
}

TEST(Cost, SizesThatDependOnData) {
  const Cost c = cost(R"(graph g(%x: f32[n]) {
    %y: i64[1, k] = non_zero(%x)
    return %y
  })",
                      {{10}}, {{1, 4}});
  EXPECT_EQ(c.bytes, 4.0 * 10 + 8 * 4);
}

TEST(MachinePeak, IsSound) {
  const MachinePeak m = machine_peak(2);
  EXPECT_EQ(m.threads, 2);
  EXPECT_GT(m.gflops_one, 0.1);
  EXPECT_GT(m.gflops, 0.1);
  ASSERT_FALSE(m.levels.empty());
  EXPECT_EQ(m.levels.back().bytes, 0);
  EXPECT_EQ(m.levels.back().name, "memory");
  for (size_t i = 0; i + 1 < m.levels.size(); ++i) {
    EXPECT_GT(m.levels[i].bytes, 0);
    EXPECT_EQ(m.bandwidth(double(m.levels[i].bytes)), m.levels[i].gb_per_s * 1e9);
  }
  EXPECT_EQ(m.bandwidth(1e15), m.levels.back().gb_per_s * 1e9);
  EXPECT_GT(m.triad_gb_per_s, 0);
  // A second question is answered from memory.
  EXPECT_EQ(machine_peak(2).gflops, m.gflops);
  EXPECT_EQ(json::parse(to_json(m)).at("gflops"), m.gflops);
  EXPECT_EQ(message_of([] { machine_peak(-1); }), "machine_peak: -1 threads (0: those there are)");
}

TEST(Profile, CountsTheWholeModel) {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x3x8x8..4x3x16x16")};
  const Engine e = optimize(text_model(conv_block), o);
  const Tensor x = Tensor::zeros(DType::f32, {2, 3, 16, 16});
  const auto timings = e.session().profile({x}, 3);
  double flops = 0;
  std::set<std::string> names;
  for (const auto& t : timings) {
    EXPECT_EQ(t.calls, 3);
    EXPECT_TRUE(t.exact) << t.ops;
    EXPECT_GT(t.bytes, 0) << t.ops;
    EXPECT_GT(t.best_milliseconds, 0) << t.ops;
    EXPECT_GE(t.threads, 1);
    EXPECT_FALSE(t.kernel.empty());
    flops += t.flops;
  }
  const double convs = 2.0 * 2 * 8 * 256 * (27 + 72);
  EXPECT_GE(flops, convs);
  EXPECT_LE(flops, convs + 2 * 8 * 256 * 5);  // bias, relu, the sum
  const json j = json::parse(to_json(timings));
  ASSERT_EQ(j.size(), timings.size());
  EXPECT_EQ(j[0]["flops"], timings[0].flops);
  EXPECT_EQ(e.profile({}, 1).size(), timings.size());
  EXPECT_EQ(message_of([&] { e.profile({{"x", {1, 3}}}); }),
            "profile: input 'x' got 2 sizes (the model has [n, 3, h, w])");
  EXPECT_EQ(message_of([&] { e.session().profile({x}, 0); }), "profile: 0 runs (1 or more)");
}

TEST(Profile, TellsTheTacticsThatWereCompared) {
  OptimizeOptions o = quiet();
  o.tune = true;
  o.ranges = {parse_range("x=2x3x16x16..2x3x16x16")};
  const Engine e = optimize(text_model(conv_block), o);
  bool compared = false;
  for (const auto& t : e.profile({}, 1)) {
    for (size_t i = 1; i < t.tactics.size(); ++i) {
      EXPECT_LE(t.tactics[i - 1].milliseconds, t.tactics[i].milliseconds);
      EXPECT_GE(t.margin(), 1);
      compared = true;
    }
    if (t.tactics.size() < 2) {
      EXPECT_EQ(t.margin(), 0);
    }
  }
  EXPECT_TRUE(compared);
}

TEST(Profile, RegionsAreTimedOnce) {
  const Engine e = optimize(text_model(looped), quiet());
  const std::vector<Tensor> in{Tensor::scalar_int(DType::i64, 5), Tensor::zeros(DType::f32, {4, 3}),
                               Tensor::zeros(DType::f32, {3})};
  Session s = e.session();
  const auto start = std::chrono::steady_clock::now();
  const auto timings = s.profile(in, 4);
  const double all = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  double sum = 0;
  bool control = false, inside = false;
  for (const auto& t : timings) {
    sum += t.milliseconds * 4;
    if (t.ops == "loop") {
      control = true;
      EXPECT_EQ(t.calls, 4);
      EXPECT_FALSE(t.exact);
      EXPECT_TRUE(inside) << "what runs inside comes first";
    } else if (t.calls == 20) {
      inside = true;
    }
  }
  EXPECT_TRUE(control);
  EXPECT_LE(sum, all);
}

// Every event that a viewer needs, and that they lie in each other as they should.
void expect_trace(const json& trace, size_t runs, size_t steps) {
  std::map<int64_t, std::string> names;
  std::vector<const json*> spans, steps_found, of_caller;
  int64_t caller = -1;
  for (const json& e : trace.at("traceEvents")) {
    ASSERT_TRUE(e.at("pid").is_number_integer());
    ASSERT_TRUE(e.at("tid").is_number_integer());
    if (e.at("ph") == "M") {
      if (e["name"] == "thread_name") names[e["tid"]] = e.at("args").at("name");
      if (e["name"] == "thread_name" && e["args"]["name"] == "caller") caller = e["tid"];
      continue;
    }
    ASSERT_EQ(e.at("ph"), "X");
    ASSERT_TRUE(e.at("ts").is_number() && e["ts"] >= 0);
    ASSERT_TRUE(e.at("dur").is_number() && e["dur"] >= 0);
    ASSERT_TRUE(e.at("args").is_object());
    ASSERT_FALSE(e.at("name").get<std::string>().empty());
    (e.at("cat") == "run" ? spans : steps_found).push_back(&e);
  }
  ASSERT_EQ(spans.size(), runs);
  for (const json* s : steps_found) {
    EXPECT_TRUE(names.count((*s)["tid"])) << "a track without a name: " << *s;
    if ((*s)["cat"] == "part") continue;
    EXPECT_FALSE(s->at("args").at("kernel").get<std::string>().empty());
    if ((*s)["tid"] == caller) of_caller.push_back(s);
  }
  EXPECT_EQ(of_caller.size(), runs * steps);
  for (const json* s : of_caller) {
    bool inside = false;
    for (const json* r : spans)
      inside = inside || (s->at("ts") >= r->at("ts") && s->at("ts").get<double>() + s->at("dur").get<double>() <=
                                                            r->at("ts").get<double>() + r->at("dur").get<double>());
    EXPECT_TRUE(inside) << *s;
  }
}

TEST(Trace, HasATrackForEveryThread) {
  OptimizeOptions o = quiet();
  o.disable_kernels = {"onednn"};  // what is split by ourselves tells its parts
  const Engine e = optimize(text_model(softmaxes), o);
  Session s = e.session();
  std::vector<Tensor> in;
  for (const PortInfo& p : e.inputs()) {
    Sizes sizes;
    for (const std::string& d : p.shape) sizes.push_back(std::isdigit(d[0]) ? std::stoll(d) : 64);
    in.push_back(Tensor::zeros(p.dtype, sizes));
  }
  const size_t steps = s.profile(in, 1).size();
  expect_trace(json::parse(s.trace(in, 2)), 2, steps);
  EXPECT_EQ(message_of([&] { s.trace(in, 0); }), "trace: 0 runs (1 or more)");
  // Nothing is left behind: the session runs as before.
  EXPECT_EQ(s.run(in).size(), e.outputs().size());
}

}  // namespace
}  // namespace neve::test
