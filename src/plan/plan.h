// The compiled form of a graph as data: what the run-time executes. Knows nothing of graphs, passes or LLVM.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/layout.h"
#include "core/tensor_type.h"
#include "op/subgraph.h"
#include "plan/loop_nest.h"

namespace neve::plan {

/// Where the bytes of a value are.
enum class Place : uint8_t {
  input,     ///< graph input `index`: the caller's memory (or a row-major copy of it)
  output,    ///< graph output `index`: given back to the caller
  arena,     ///< planned memory of the segment that defines it
  weight,    ///< entry `index` of Plan::weights
  constant,  ///< entry `index` of Plan::constants
  content,   ///< a small integer tensor that the shape program computes: see `content`
  dynamic,   ///< made while running, by an instruction whose output sizes are known only then
  alias,     ///< the bytes of value `index`: a view under another type, or a result written over it
};

struct PlanValue {
  DType dtype = DType::f32;
  std::vector<int32_t> dims;     ///< per axis: step of Plan::dim_code that gives the size
  std::vector<int32_t> content;  ///< Place::content: steps that give the elements
  Layout layout;
  Place place = Place::arena;
  int32_t index = -1;
  std::string name;
};

/// A weight as one kernel wants it. Two entries with the same source and packing are one.
struct PlanWeight {
  std::string source;   ///< name in the engine's weights
  std::string packing;  ///< Kernel::packing_key; "" = row-major
  int32_t instr = -1;   ///< an instruction whose kernel packs it
  int32_t operand = -1;
};

struct Plan;

/// One of the ways to run an instruction that were compared at the sizes it was tuned for.
struct Tactic {
  std::string kernel;
  double milliseconds;
};

struct Instr {
  enum Kind : uint8_t {
    kernel,   ///< graph run by the kernel `choice`
    dynamic,  ///< the same, output sizes known afterwards; ends a segment
    control,  ///< if, loop, scan: runs `regions`; ends a segment
  } kind = kernel;
  std::shared_ptr<const Subgraph> graph;
  std::vector<int32_t> in, out;  ///< values, for graph->inputs and graph->outputs; control: node inputs (-1: absent)
  std::string choice;            ///< kernel entry: "onednn.conv", "loop", "reference", "reorder"
  int32_t variant = 0;
  std::vector<Layout> layouts;  ///< offered layouts when the kernel was chosen
  bool plain_only = false;
  std::vector<int32_t> shape_values;     ///< steps that give Kernel::shape_values
  std::shared_ptr<const LoopNest> nest;  ///< choice "loop"
  std::vector<std::shared_ptr<const Plan>> regions;
  /// Fresh symbols this instruction defines: symbol = size of axis `axis` of output `output`.
  struct Defines {
    int32_t symbol, output, axis;
  };
  std::vector<Defines> defines;
  std::string name;                   ///< source names of its nodes
  std::string description;            ///< of the kernel, for reports
  std::vector<std::string> refusals;  ///< "entry: why" of the kernels asked before
  std::vector<Tactic> tactics;        ///< where several accepted and their times are known
  std::string location;               ///< source line of its first node
};

struct PlanSymbol {
  std::string name;
  int64_t lo = 0, hi = 0, divisor = 1;
  /// Where its value is read: an input's axis, or a symbol of the plan around this region; neither: an instruction
  /// defines it.
  int32_t input = -1, axis = -1, outer = -1;
};

struct PlanConstraint {
  Constraint::Kind kind;
  int32_t a, b;      ///< steps of the dim code
  std::string text;  ///< for the error
};

/// A run of instructions whose sizes are all known when the first one starts. The last one may be dynamic or control.
struct Segment {
  int32_t first = 0, count = 0;
  int32_t steps = 0;  ///< steps of the dim code that can be computed at its start
};

struct PlanPort {
  std::string name;
  int32_t value = -1;
};

struct Plan {
  bool reuse_memory = true;  ///< of how it is run here, not of what is stored
  std::vector<PlanSymbol> symbols;
  std::vector<DimCode> dim_code;  ///< straight-line; steps over symbols
  std::vector<PlanValue> values;
  std::vector<PlanPort> inputs, outputs;
  std::vector<PlanWeight> weights;
  std::vector<Tensor> constants;
  std::vector<Instr> instrs;      ///< in order; segments end after dynamic and control ones
  std::vector<Segment> segments;  ///< cover instrs, in order
  std::vector<PlanConstraint> constraints;
  std::vector<int64_t> tuned;  ///< symbol values of the point it was tuned for (-1: unknown)
  int threads = 1;
};

}  // namespace neve::plan
