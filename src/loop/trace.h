// A fused piece traced from its outputs to its inputs: every value at the indices at which it is needed.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "loop/analyse.h"
#include "loop/index.h"
#include "op/subgraph.h"

namespace neve::loop {

/// The axes of one part: those of the main output, then those that only reductions have. Each was one axis, or is
/// refined into several.
struct Space {
  struct Base {
    std::vector<SpaceAxis> axes;
  };
  std::vector<Base> output;   ///< per axis of the main output
  std::vector<Base> reduced;  ///< made by reductions, in the order met
};

/// A value at an index map, as a node of the program that is being formed.
struct Instance {
  enum Kind : uint8_t { constant, size, load, step, reduce } kind = constant;
  ScalarNode node{};  ///< step, constant: without operands; size, load, reduce: its dtype
  int arg[3] = {-1, -1, -1};
  int32_t entry = -1;  ///< size: of the value table
  int32_t input = -1;  ///< load: of the subgraph
  Map map;             ///< load: of the physical axes
  ReduceKind reduction = ReduceKind::sum;
  bool inner = false;  ///< differs between points of the inner axes
  int level = 0;       ///< reductions that must be done before
  int cost = 0;        ///< of computing it with all that it needs
};

/// Why a trace ended before its end.
struct Refused {
  std::string reason;
};
struct MustRefine {
  Refine refine;
};
/// Axis `axis` must be cut: [0, extents[0]), [extents[0], ...).
struct MustCut {
  int axis;
  std::vector<Dim> extents;
};

struct TracedOutput {
  int instance = -1;  ///< -1: not part of this trace
  Map map;            ///< of the logical axes
};

/// What the whole nest shares.
struct Entries {
  std::vector<Dim> values;
  int32_t of(Dim d);
};

class Trace {
 public:
  Trace(const Subgraph& g, const LoopLayout& layout, Space& space, Entries& entries);
  /// Traces the main output, and those of `others` that are over the same axes. Throws Refused, MustRefine or MustCut.
  void run(size_t main_output, const std::vector<size_t>& others);

  const std::vector<SpaceAxis>& axes() const { return axes_; }
  const std::vector<Instance>& instances() const { return instances_; }
  const std::vector<TracedOutput>& outputs() const { return outputs_; }
  bool is_inner(int axis) const { return inner_.count(axis) != 0; }
  bool has_inner() const { return reduces_; }
  /// Map of the physical axes of a value with a layout, from that of its logical ones, and the physical sizes.
  std::pair<Map, Shape> physical(const Map& map, const Shape& shape, const Layout& layout);

 private:
  int visit(int32_t value, const Map& map);
  int visit_new(int32_t value, const Map& map);
  int visit_input(size_t input, const Map& map);
  int visit_elementwise(const SubgraphNode& n, const Map& map);
  int visit_reduction(const SubgraphNode& n, const Map& map);
  int visit_movement(const SubgraphNode& n, size_t result, const Map& map);
  int visit_slice(const SubgraphNode& n, const Map& map);
  int visit_gather(const SubgraphNode& n, const Map& map);
  int visit_concat(const SubgraphNode& n, const Map& map);
  int visit_pad(const SubgraphNode& n, const Map& map);
  bool attach(size_t output, size_t main_output, const Map& identity);
  Index piece_of(Index at, const std::vector<Dim>& extents, size_t& which);
  Map broadcast(const Map& map, const Shape& from, const Shape& to);
  Map reshape(const Map& map, const Shape& from, const Shape& to);

  int add(Instance i);
  int constant(DType t, double value, int64_t ivalue);
  int known(int32_t value);
  int finish_op(const OpDef& op, int instance);
  const Shape& shape(int32_t value) const { return g_.types[size_t(value)].shape; }
  const Shape* content(int32_t value) const;
  Dim extent(int axis) const { return axes_[size_t(axis)].extent; }
  void flatten_axes();
  bool uses_inner(const Index& i) const;
  std::set<int> axes_of(const Map& m) const;
  [[noreturn]] void refuse(std::string reason) const;

  const Subgraph& g_;
  const LoopLayout& layout_;
  Space& space_;
  Entries& entries_;
  std::vector<SpaceAxis> axes_;
  std::vector<Instance> instances_;
  std::vector<TracedOutput> outputs_;
  std::map<int32_t, std::vector<std::pair<Map, int>>> visited_;
  std::map<int32_t, std::pair<const SubgraphNode*, size_t>> producer_;
  std::map<int32_t, size_t> input_number_;
  mutable std::map<int32_t, Facts> known_content_;
  std::set<int> inner_;
  bool reduces_ = false;
  const SubgraphNode* at_ = nullptr;  // for messages
  int depth_ = 0;
};

}  // namespace neve::loop
