// What compile_graph works with: one walk over the graph that makes a plan and its kernels.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compile/candidates.h"

namespace neve::compile {

/// Ops that move no element: their result is their first input under another shape.
inline bool is_view(const ir::Node& n) {
  return n.is("reshape") || n.is("squeeze") || n.is("unsqueeze") || n.is("flatten") || n.is("identity");
}

/// Compiles one graph; a region of a control op gets a compiler of its own, whose `outer` is the one around it.
class Compiler {
 public:
  Compiler(ir::Graph& g, std::shared_ptr<runtime::WeightPool> weights, const Point& point, const Options& options,
           Compiler* outer)
      : g_(g), weights_(std::move(weights)), point_(point), options_(options), outer_(outer) {}

  std::shared_ptr<runtime::Program> run(std::vector<NodeReport>& reports, size_t& timed, size_t& cached);

 private:
  // ---- shape program ----
  int32_t symbol_index(const Symbol& s);
  int32_t step(Dim d);
  bool known(Dim d) const;
  void add_constraints();
  enum class At { point, low, high };
  int64_t guess(Dim d, At at = At::point) const;
  Sizes guess(const TensorType& t, At at = At::point) const;

  // ---- values ----
  int32_t new_value(const TensorType& t, plan::Place place, int32_t index, Layout layout = {}, std::string name = "");
  int32_t base_value(Value v);  // the value as its producer left it
  int32_t value_in(Value v, const Layout& layout);
  int32_t root(int32_t v) const;
  bool last_use(Value v, int32_t plan_value) const;
  void remember(Value v, int32_t plan_value);
  std::optional<Tensor> known_content(Value v) const;

  // ---- nodes ----
  void find_needed();
  void find_stated();
  void visit(ir::Node& n);
  void visit_view(ir::Node& n);
  void visit_control(ir::Node& n);
  void visit_kernel(ir::Node& n);
  bool visit_chain(ir::Node& n);
  bool visit_chain(ir::Node& n, std::string_view entry, size_t length = 2);
  bool visit_requantize(ir::Node& n);
  bool join(const std::vector<ir::Node*>& nodes, std::string_view entry);
  void add_kernel(ir::Node& n, Candidate& chosen, const kernels::Request& request,
                  std::shared_ptr<const Subgraph> graph, const std::vector<Value>& inputs, const Values& outputs);
  bool expand(ir::Node& n);
  bool defines_sizes(const ir::Node& n) const;
  void close_segment();
  void finish_dynamic(plan::Instr& instr, const ir::Node& n);
  Subgraph piece(const ir::Node& n, std::vector<Value>& inputs, const Values& outputs) const;
  kernels::Request request_for(const Subgraph& graph, const std::vector<Value>& inputs, Value pending = {},
                               const Layout& pending_layout = {});
  std::vector<std::pair<plan::Place, int32_t>> choose_places(plan::Instr& instr, const Subgraph& graph,
                                                             const kernels::Kernel& kernel,
                                                             const std::vector<Value>& inputs, const Values& outputs);
  int32_t weight_operand(Value v, const kernels::Kernel& kernel, size_t operand);
  void place_outputs();
  int32_t add_reorder(int32_t from, Layout to);

  ir::Graph& g_;  ///< a private copy: what no kernel takes whole is expanded in it
  std::shared_ptr<runtime::WeightPool> weights_;
  const Point& point_;
  std::map<uint32_t, int64_t> stated_;  // of symbols that the point does not know
  const Options& options_;
  Compiler* outer_;

  std::shared_ptr<plan::Plan> plan_ = std::make_shared<plan::Plan>();
  std::vector<std::shared_ptr<const kernels::Kernel>> kernels_;
  std::vector<std::vector<std::shared_ptr<runtime::Program>>> regions_;
  std::vector<NodeReport>* reports_ = nullptr;
  size_t timed_ = 0, cached_ = 0;

  std::unordered_map<uint32_t, int32_t> symbols_;  // symbol id -> plan symbol
  std::unordered_set<uint32_t> known_symbols_;
  std::unordered_map<int64_t, int32_t> steps_;  // Dim rep -> step
  std::vector<bool> constraint_done_;
  std::unordered_map<uint32_t, std::vector<int32_t>> of_;            // graph value -> plan values, the producer's first
  std::unordered_map<int32_t, std::vector<uint32_t>> graph_values_;  // plan root -> graph values that lie there
  std::unordered_map<const ir::Node*, int64_t> position_;  ///< in order; expanded nodes lie between the old numbers
  std::unordered_set<const ir::Node*> needed_;
  int64_t now_ = 0;
  int64_t expansion_room_ = int64_t(1) << 31;
  int32_t segment_first_ = 0;
  std::map<std::pair<std::string, std::string>, int32_t> weight_index_;
};

}  // namespace neve::compile
