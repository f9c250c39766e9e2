// What of a forward computation is kept for its gradient, and what is computed anew there.
#pragma once
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/graph.h"

namespace neve::passes {

/// Decides, for what the gradient reads of the forward computation, whether it is kept or computed anew. Of a graph
/// that holds both: `inputs` of the forward computation come first, then gradients that are given; `outputs` likewise.
class Cut {
 public:
  Cut(const ir::Graph& joint, size_t inputs, size_t outputs);
  /// @param recompute  false: everything is kept
  void decide(bool recompute);

  /// Depends on gradients that are given.
  bool is_late(const ir::Node& n) const { return !n.out.empty() && late_.count(n.out[0].id); }
  /// To be computed once more.
  bool is_anew(const ir::Node& n) const { return anew_.count(&n); }
  bool reads_input(Value v) const { return read_inputs_.count(v.id); }
  /// In the order of the decisions.
  const std::vector<Value>& kept() const { return kept_order_; }
  /// A shape that follows from the sizes of the inputs: no need of what it is the shape of.
  bool sizes_follow(const ir::Node& n) const;

 private:
  bool is_free(Value v) const;
  static bool is_light(const ir::Node& n);
  bool is_made(Value v) const;
  double bytes(Value v) const;
  double cost_anew(Value v) const;
  void keep(Value v);
  void anew(Value v);
  void state_sizes();

  const ir::Graph& g_;
  size_t outputs_;
  std::unordered_set<uint32_t> late_, kept_, read_inputs_;
  std::vector<Value> kept_order_;
  std::unordered_set<const ir::Node*> forward_, anew_;
  std::set<uint32_t> stated_;
};

}  // namespace neve::passes
