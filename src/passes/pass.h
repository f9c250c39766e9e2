// A pass: graph to graph, documented, named, timed. pipeline.cpp is the list.
#pragma once
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ir/rewrite.h"

namespace neve::passes {

struct PassContext {
  ir::RewriteOptions rewrite;
  int threads = 1;
};

struct Pass {
  std::string_view name;  ///< as in --disable-pass
  std::string_view doc;
  /// Returns the number of changes. Recurses into regions itself or through the rewrite driver.
  int64_t (*run)(ir::Graph& g, PassContext& context);
};

/// All passes by name, and the order in which optimisation runs them.
std::span<const Pass> all_passes();
const Pass& find_pass(std::string_view name);  ///< @throws Error{not_found} listing the names

struct PassResult {
  std::string name;
  int64_t count = 0;
  double milliseconds = 0;
  bool skipped = false;  ///< disabled by the user
};
struct PipelineOptions {
  std::set<std::string, std::less<>> disabled;  ///< pass names. @throws Error{not_found} for an unknown one
  bool fuse = true;                             ///< false: the baseline: cleaned, but nothing fused
  bool verify = false;
  int min_region = 1;                                                         ///< loops of fewer nodes stay single ops
  std::function<void(const std::string& pass, const ir::Graph&)> after_each;  ///< IR dumps
};
std::vector<PassResult> run_pipeline(ir::Graph& g, const PipelineOptions& options);

}  // namespace neve::passes
