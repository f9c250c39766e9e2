// Graph -> Plan: values placed, layouts propagated, a kernel chosen for every node, weights and memory laid out.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compile/tactics.h"
#include "ir/graph.h"
#include "runtime/program.h"

namespace neve::compile {

struct Options {
  int threads = 1;
  Isa isa = Isa::baseline;
  std::set<std::string, std::less<>> disabled_kernels;  ///< entry names, "onednn" for all of a family, "loop"
  std::set<std::string, std::less<>> disabled_ops;      ///< ops that the reference runs
  std::string tactic;                                   ///< entry taken wherever it accepts, "" for none
  int tactic_variant = -1;                              ///< of its variants only this one, -1 for all
  bool reuse_memory = true;                             ///< values that are not alive at the same time share the arena
  bool in_place = true;                                 ///< results may go over operands that nobody reads later
  bool plain_layouts = false;                           ///< row-major everywhere: the baseline
  bool cold_weights = false;                            ///< as in Request
  double most_error = 1e-5;                             ///< as in Request
  std::vector<Layout> input_layouts;                    ///< per graph input, as it comes; missing: row-major
  std::vector<bool> free_outputs;                       ///< per graph output: left in the layout that it was made in
  TacticCache* tactics = nullptr;                       ///< null: the first kernel that accepts, nothing is timed
  std::function<void(double done, const std::string& what)> progress;  ///< done in 0..1; may throw Error{cancelled}
};

/// What became of a tactic that the user forces, at one node: it is not of the node's op, was taken, or refused.
enum class Forced { no, taken, refused };

/// What compile decided for one instruction.
struct NodeReport {
  std::string name, ops, kernel, description;
  std::vector<std::string> refusals;  ///< "entry: reason"
  std::vector<plan::Tactic> tactics;  ///< where several were timed, or known from the cache
  bool fallback = false;              ///< runs by the reference
  std::string location;
  Forced forced = Forced::no;  ///< what became of options.tactic
};

struct Compiled {
  std::shared_ptr<runtime::Program> program;
  std::vector<NodeReport> nodes;
  size_t tactics_timed = 0, tactics_cached = 0;
};

/// Values of symbols at the point that kernels are chosen for. Symbols not in it get a guess inside their bounds.
using Point = std::map<uint32_t, int64_t>;

/// Compiles a graph whose weight nodes are all in `weights`. @throws Error
Compiled compile_graph(const ir::Graph& g, std::shared_ptr<runtime::WeightPool> weights, const Point& point,
                       const Options& options);

/// Joins elementwise, reducing and data-moving ops into `fused` nodes that one loop nest does each. Composites are
/// lowered first, but for those that a library kernel takes and `keep_ops`. Returns the number of fused nodes.
int64_t fuse_loops(ir::Graph& g, int min_region, const std::set<std::string, std::less<>>& keep_ops);

/// Moves what depends on weights and constants alone out of the graph: evaluates it once, through the reference, and
/// puts new weights in its place. Returns the number of nodes evaluated.
size_t prepare(ir::Graph& g, ir::Weights& weights, int threads);

/// Forgets the weights that no node of the graph or of its regions names.
void drop_unused(const ir::Graph& g, ir::Weights& weights);

/// Puts copies without subnormal numbers (f32 below 1.2e-38) in the place of weights that are only multiplied with and
/// summed up. Returns how many.
size_t flush_subnormal(ir::Graph& g, ir::Weights& weights, int threads);

}  // namespace neve::compile
