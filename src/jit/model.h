// What stands behind a Model and an Engine.
#pragma once
#include <neve/engine.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "compile/compile.h"
#include "ir/graph.h"
#include "passes/pass.h"
#include "runtime/session.h"

namespace neve::jit {

/// Reads the model again with other input types (a fixed batch made symbolic). Keyed by input name.
using Reload = std::function<ir::Module(const std::map<std::string, TensorType, std::less<>>&)>;

struct LoadedModel {
  ir::Module module;
  Reload reload;  ///< empty: types are changed by inferring the graph again
};

/// One range with everything resolved against the model: sizes per input and axis.
struct ResolvedRange {
  std::vector<Sizes> min, max;
  std::vector<std::vector<Sizes>> opts;
};
struct ResolvedRanges {
  std::vector<TensorType> types;      ///< input types with bounded symbols
  std::vector<ResolvedRange> ranges;  ///< one at least
  std::vector<std::string> widened;   ///< "x axis 0" that the file fixed
  bool open = false;                  ///< no range was given
};
/// @throws Error{not_found | shape_mismatch | invalid_argument} naming the input and axis
ResolvedRanges resolve_ranges(const ir::Graph& g, const std::vector<Range>& ranges);
/// Gives axes that the model declares as an expression of others ("past + sequence") its value at these sizes; inputs
/// in `named` are left alone.
void compute_expressions(const ir::Graph& g, const NamedSizes& named, std::vector<Sizes>& sizes);
/// Values of symbols; nothing for those that are unknown.
using ValueOf = std::function<std::optional<int64_t>(const Symbol&)>;
/// Whether a relation does not hold there. Relations over sizes that arise inside are passed over.
bool is_broken(const Constraint& c, const ValueOf& value);
/// Refuses a widened axis where a relation that a node needs then fails at a point of a range.
/// @throws Error{shape_mismatch} with the relation and its node
void check_widened(const ir::Graph& g, const ResolvedRanges& ranges);
/// Values of the symbols of `types` where the inputs have these sizes.
compile::Point point_of(std::span<const TensorType> types, std::span<const Sizes> sizes);

/// One check of the gate.
struct OutputVerdict {
  std::string output, source;  ///< source: "generated at min", "test data 0"
  std::vector<Sizes> sizes;    ///< of the inputs
  double max_difference = 0, max_value = 0, allowed = 0;
  int64_t worst_index = -1, elements = 0;
  double expected = 0, got = 0;
  bool ok = true;
};
struct GateResult {
  bool ran = false, passed = true;
  std::vector<OutputVerdict> outputs;
  std::string message;  ///< why it failed or could not run; what was allowed beyond the tolerance
};

struct ShapeTiming {
  std::vector<Sizes> sizes;
  int64_t n = 0;
  double p50 = 0, p90 = 0, p99 = 0, baseline_p50 = 0, baseline_p90 = 0, baseline_p99 = 0;
  int64_t arena_bytes = 0;
};

/// Everything about an optimised model: what runs, and what is told of it.
struct OptimizedModel {
  std::shared_ptr<runtime::EngineCore> core;
  ir::Graph graph;                       ///< optimised, prepared
  std::shared_ptr<ir::Weights> weights;  ///< of `graph`
  std::vector<TensorType> input_types;
  ResolvedRanges ranges;
  OptimizeOptions options;
  std::vector<compile::NodeReport> nodes;  ///< of the first tuned point
  std::vector<passes::PassResult> passes;
  GateResult gate;
  std::vector<ShapeTiming> timings;
  std::map<std::string, double> seconds;  ///< per phase
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, double>> tactics;                      ///< that the choices rest on, for archives
  std::vector<std::pair<std::vector<Tensor>, std::vector<Tensor>>> golden;  ///< inputs and outputs of the self-test
  std::string model_path, model_format, model_sha256;
  struct RangeMemory {
    std::vector<Sizes> max;   ///< sizes of the inputs
    int64_t arena_bytes = 0;  ///< that a session needs there
  };
  std::vector<RangeMemory> memory;  ///< per closed range, planned before anything runs
  size_t tactics_timed = 0, tactics_cached = 0, prepared_nodes = 0;
  std::string report;  ///< JSON
};

/// Runs the whole optimisation.
std::shared_ptr<OptimizedModel> optimize(const LoadedModel& model, const OptimizeOptions& options);

/// Builds the engine of a graph whose passes are done, for every tuned point.
void build_engine(OptimizedModel& m, compile::TacticCache* tactics,
                  std::function<void(double, const std::string&)> progress);

/// How captured programs are built.
struct BuildOptions {
  std::set<std::string, std::less<>> disable_passes;
  bool reuse_memory = true, in_place = true;  ///< as compile::Options
  bool recompute = true;                      ///< as passes::differentiate
};
/// Where two engines hand values to each other, these lie as is best for them (compile::Options has the same names).
struct HandOver {
  std::vector<Layout> input_layouts;
  std::vector<bool> free_outputs;
};
/// An engine for any sizes without checks, tuning or report, kernels chosen for `sizes` of the inputs.
std::shared_ptr<runtime::EngineCore> build_at(ir::Graph g, ir::Weights weights, int threads,
                                              const std::vector<Sizes>& sizes, const BuildOptions& options = {},
                                              HandOver ends = {});
/// In which layouts the outputs of an engine of build_at lie.
std::vector<Layout> output_layouts(const runtime::EngineCore& core);

/// Plans the arena at the max of every closed range; with a budget, gives up tuned points and then refuses.
/// @throws Error{out_of_memory} naming what is needed
void plan_memory(OptimizedModel& m, compile::TacticCache* tactics);

/// The baseline: the graph cleaned but unfused, on library kernels, row-major.
std::shared_ptr<runtime::EngineCore> build_baseline(const ir::Graph& g, const ir::Weights& weights, int threads,
                                                    const compile::Point& point);

/// Inputs for checks: seeded, in ranges that suit the dtype (small non-negative integers for indices); floats in
/// [-1, 1), or [0, 1) if `positive`.
std::vector<Tensor> generate_inputs(const ir::Graph& g, std::span<const Sizes> sizes, uint64_t seed,
                                    bool positive = false);
/// Where the user named no range and the unfused model refuses the opt (sizes of one input that must be the sum of two
/// others, and no node says so): takes sizes that it runs with as the opt, if some are found.
void settle_open_sizes(OptimizedModel& m, const runtime::EngineCore& baseline);
/// Compares the engine with the baseline on generated inputs at min, opt and max of each range and on the test data.
GateResult run_gate(const OptimizedModel& m, const runtime::EngineCore& baseline);
/// Runs of this session ask check_interrupt() after every instruction.
void let_stop(runtime::SessionCore& session);
/// y against y0 under the tolerance; `skip_nan`: where y0 is not a number, y may be anything.
OutputVerdict compare(const Tensor& y, const Tensor& y0, const Tolerance& t, bool skip_nan = false);

std::string report_json(const OptimizedModel& m);
/// `roofline` of roofline_json(), or empty.
std::string report_html(const std::string& report_json, const std::string& roofline = "");

/// Writes the archive. Atomic.
void save_archive(const OptimizedModel& m, const std::string& path);
/// Reads one; checks digests of graph and plan, and everything else once a machine. @throws Error{corrupt_file}
std::shared_ptr<OptimizedModel> load_archive(const std::string& path);
bool is_archive(const std::string& path);

std::vector<PortInfo> ports_of(const ir::Graph& g, bool outputs);

}  // namespace neve::jit
