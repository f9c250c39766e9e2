// Runs tests/passes/cases/*.nir: text in, passes of its RUN line, expected text out. NEVE_UPDATE=1 writes what came
// out.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.h"
#include "compile/compile.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "op/constant.h"
#include "passes/pass.h"

namespace neve::test {
namespace {
namespace fs = std::filesystem;

struct Case {
  std::string head, input, expected;
  std::vector<std::string> passes;
  int64_t stop_after = std::numeric_limits<int64_t>::max();
};

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream s;
  s << in.rdbuf();
  return s.str();
}

std::vector<std::string> words(const std::string& s, char by) {
  std::vector<std::string> out;
  std::istringstream in(s);
  for (std::string w; std::getline(in, w, by);)
    if (!w.empty()) out.push_back(w);
  return out;
}

Case read_case(const fs::path& path) {
  Case c;
  const std::string text = read(path), mark = "// EXPECT\n", run = "// RUN:";
  const size_t expect = text.find(mark), begin = text.find("graph main(");
  if (expect != std::string::npos) c.expected = text.substr(expect + mark.size());
  c.head = text.substr(0, begin);
  c.input = text.substr(begin, expect == std::string::npos ? expect : expect - begin);
  const size_t at = c.head.find(run);
  if (at == std::string::npos) throw std::runtime_error("no RUN line");
  const auto args = words(c.head.substr(at + run.size(), c.head.find('\n', at) - at - run.size()), ' ');
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    if (args[i] == "--pass") {
      c.passes = words(args[i + 1], ',');
    } else if (args[i] == "--stop-after") {
      c.stop_after = std::stoll(args[i + 1]);
    } else {
      throw std::runtime_error("unknown word in the RUN line: " + args[i]);
    }
  }
  return c;
}

int64_t run_passes(ir::Graph& g, const Case& c) {
  int64_t room = c.stop_after, all = 0;
  for (const std::string& name : c.passes) {
    passes::PassContext context;
    context.rewrite.stop_after = room;
    context.rewrite.verify_each = true;
    const int64_t n = name == "fuse_loops" ? compile::fuse_loops(g, 1, {}) : passes::find_pass(name).run(g, context);
    ir::verify(g, ir::Level::fused);
    room -= n, all += n;
  }
  return all;
}

// Values that are exact in f32 whatever the order of sums, so that before and after can be compared closely.
Tensor draw(const TensorType& t, uint64_t seed) {
  Sizes shape;
  for (Dim d : t.shape) shape.push_back(evaluate(d, [](const Symbol& s) { return std::max<int64_t>(s.lo, 3); }));
  Tensor x = Tensor::empty(DType::f64, shape);
  for (int64_t k = 0; k < x.element_count(); ++k) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    x.data_as<double>()[k] = is_float(t.dtype) ? double((seed >> 33) % 17) / 8 - 0.75 : double((seed >> 33) % 2);
  }
  return x.to(t.dtype);
}

void find_weights(const ir::Graph& g, ir::Weights& weights) {
  for (ir::Node* n = g.first(); n; n = n->next) {
    if (n->is("weight")) {
      const std::string name = n->attrs.get_string("name");
      Tensor w = draw(g.type(n->out[0]), weights.size() + 77);
      // Variances are not negative.
      if (name.find("var") != std::string::npos)
        for (int64_t k = 0; k < w.element_count(); ++k) w.data_as<float>()[k] = float(k + 1) / 2;
      weights[name] = w;
    }
    for (const auto& r : n->regions) find_weights(*r, weights);
  }
}

// What the passes left means what was there before.
void expect_same_meaning(const ir::Graph& before, const ir::Graph& after) {
  ir::Weights weights;
  find_weights(before, weights);
  std::vector<Tensor> in;
  for (Value v : before.inputs()) in.push_back(draw(before.type(v), in.size() + 1));
  const auto y0 = ir::run_reference(before, weights, in), y = ir::run_reference(after, weights, in);
  // A sum of products may round to a zero of either sign.
  bool sums = false;
  for (ir::Node* n = before.first(); n; n = n->next)
    sums = sums || n->is("conv") || n->is("conv_transpose") || n->is("matmul");
  ASSERT_EQ(y0.size(), y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    ASSERT_EQ(y0[i].shape(), y[i].shape());
    ASSERT_EQ(y0[i].dtype(), y[i].dtype());
    for (int64_t k = 0; k < y[i].element_count(); ++k) {
      const double a = y0[i].item(k), b = y[i].item(k);
      const bool close = std::isnan(a) ? std::isnan(b) : std::abs(a - b) <= 1e-4 * (1 + std::abs(a));
      const bool signs = sums || a != 0 || b != 0 || std::signbit(a) == std::signbit(b);
      EXPECT_TRUE(close && signs) << "output " << i << " element " << k << ": " << b << " for " << a;
    }
  }
}

class PassText : public ::testing::TestWithParam<std::string> {};

TEST_P(PassText, GivesTheExpectedText) {
  const fs::path path = fs::path(NEVE_TEST_DIR) / "passes/cases" / (GetParam() + ".nir");
  Case c = read_case(path);
  try {
    std::string name;
    ir::Graph g = ir::parse(c.input, &name);
    ir::verify(g, ir::Level::fused);
    const ir::Graph before = g.clone();
    const int64_t changes = run_passes(g, c);
    const std::string got = ir::print(g, name);
    EXPECT_EQ(changes == 0, got == ir::print(before, name))
        << "the number of changes, " << changes << ", is not what happened";
    EXPECT_EQ(ir::print(ir::parse(got), name), got) << "the result does not come back from its text";
    expect_same_meaning(before, g);
    if (std::getenv("NEVE_UPDATE")) {
      std::ofstream(path) << c.head << c.input << "// EXPECT\n" << got;
      return;
    }
    EXPECT_EQ(got, c.expected);
  } catch (const Error& e) {
    FAIL() << path << ": " << e.message();
  }
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& e : fs::directory_iterator(fs::path(NEVE_TEST_DIR) / "passes/cases"))
    if (e.path().extension() == ".nir") names.push_back(e.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Cases, PassText, ::testing::ValuesIn(case_names()), [](const auto& i) { return i.param; });

TEST(Passes, EveryOneHasACase) {
  std::map<std::string, int> seen;
  for (const std::string& name : case_names())
    for (const std::string& p : read_case(fs::path(NEVE_TEST_DIR) / "passes/cases" / (name + ".nir")).passes) ++seen[p];
  for (const passes::Pass& p : passes::all_passes()) {
    if (p.name.ends_with("_again")) continue;
    EXPECT_GE(seen[std::string(p.name)], 2) << p.name;
  }
  EXPECT_GE(seen["fuse_loops"], 2);
}

TEST(Passes, UnknownNameListsThemAll) {
  try {
    passes::find_pass("fold_everything");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::not_found);
    EXPECT_EQ(e.message(),
              "passes: no pass is named 'fold_everything' (there are: remove_dead, canonicalize, fold_constants, "
              "remove_common, "
              "fold_into_conv, merge_matmuls, canonicalize_again, fuse_attention, fold_transposes, fuse_epilogues, "
              "remove_dead_again, "
              "fuse_loops)");
  }
}

}  // namespace
}  // namespace neve::test
