// The passes in the order in which they run. Read this first.
#include <chrono>

#include "base/error.h"
#include "base/interrupt.h"
#include "ir/verify.h"
#include "passes/fuse.h"
#include "passes/pass.h"
#include "passes/simplify.h"

namespace neve::passes {
namespace {

/// `cleans` passes also run for the baseline, which is cleaned but not fused.
struct Stage {
  Pass pass;
  bool cleans;
};

constexpr Stage stages[] = {
    {{"remove_dead", "Nodes that nothing uses; results of branches and what loops carry for nothing.", remove_dead},
     true},
    {{"canonicalize", "One form for what can be said in several; identities and reshapes that do nothing go.",
      canonicalize},
     true},
    {{"fold_constants", "What depends on constants alone, shape arithmetic included.", fold_constants}, true},
    {{"remove_common", "Equal nodes become one.", remove_common}, false},
    {{"fold_into_conv", "Batch normalisation and channel factors into convolution weights.", fold_into_conv}, false},
    {{"merge_matmuls", "Products that share their left side (Q, K, V) become one.", merge_matmuls}, false},
    {{"canonicalize_again", "What the folds left behind.", canonicalize}, false},
    {{"fuse_attention", "softmax(q k^T) v and the transposes around it into one attention.", fuse_attention}, false},
    {{"fold_transposes", "Products read an operand the other way round instead of a copy.", fold_transposes}, false},
    {{"fuse_epilogues", "Bias, activation and residual into convolutions and products.", fuse_epilogues}, false},
    {{"remove_dead_again", "What the fusions left behind.", remove_dead}, false},
};

const std::vector<Pass>& passes() {
  static const std::vector<Pass> list = [] {
    std::vector<Pass> p;
    for (const Stage& s : stages) p.push_back(s.pass);
    return p;
  }();
  return list;
}

}  // namespace

std::span<const Pass> all_passes() { return passes(); }

const Pass& find_pass(std::string_view name) {
  std::string names;
  for (const Pass& p : passes()) {
    if (p.name == name) return p;
    names += str(names.empty() ? "" : ", ", p.name);
  }
  fail(ErrorCode::not_found, "passes: no pass is named '", name, "' (there are: ", names, ", fuse_loops)");
}

std::vector<PassResult> run_pipeline(ir::Graph& g, const PipelineOptions& options) {
  for (const std::string& name : options.disabled)
    if (name != "fuse_loops") find_pass(name);
  std::vector<PassResult> results;
  for (const Stage& s : stages) {
    if (!options.fuse && !s.cleans) continue;
    PassResult r{std::string(s.pass.name)};
    r.skipped = options.disabled.count(s.pass.name) > 0;
    if (!r.skipped) {
      check_interrupt();
      const auto start = std::chrono::steady_clock::now();
      PassContext context;
      r.count = s.pass.run(g, context);
      r.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      if (options.verify) ir::verify(g, ir::Level::fused);
      if (options.after_each) options.after_each(r.name, g);
    }
    results.push_back(std::move(r));
  }
  return results;
}

}  // namespace neve::passes
