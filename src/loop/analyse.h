// From a fused piece of the graph to a loop nest, or to the reason why not.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/dim.h"
#include "core/layout.h"
#include "op/subgraph.h"
#include "plan/loop_nest.h"

namespace neve {

/// What an op is to a loop nest. The attributes and shapes decide in the end: make_loop_nest is the judge.
enum class LoopRole : uint8_t {
  none,         ///< never part of a nest
  elementwise,  ///< has a scalar meaning
  reduction,    ///< OpDef::reduce
  view,      ///< moves no element by itself: reshape, squeeze, unsqueeze, flatten, identity, transpose, slice, expand,
             ///< split
  movement,  ///< chooses elements: concat, pad, gather
};
LoopRole loop_role(const OpDef& op);

/// Memory layouts of the inputs and outputs of a piece; lists may be shorter (row-major). A blocked axis must be
/// provably divisible by its block.
struct LoopLayout {
  std::vector<Layout> inputs, outputs;
};

struct LoopAnalysis {
  std::optional<LoopNest> nest;
  std::vector<Dim> values;  ///< what each entry of the value table is; goes into the shape program
  std::string refusal;      ///< why there is no nest: "reduce_sum 'n12': ..."
};

/// Makes the nest of a piece whose nodes are primitives. Costs some tens of microseconds; never throws for a piece that
/// does not suit.
///
/// What suits: elementwise ops with any broadcasting; reductions, all over the same axes of one space (a softmax, a
/// normalisation, with what feeds and follows them); reshapes that split or join axes; transposes, slices, splits,
/// expands, tiles; concatenations and constant paddings along axes that are not reduced; gathers whose indices are
/// inputs. Outputs over one space share loops; one over another space gets parts of its own, which compute again what
/// they need. Values with known content (Facts) of one element, and constants of one element, become part of the
/// programs; other inputs are buffers.
LoopAnalysis make_loop_nest(const Subgraph& g, const LoopLayout& layout = {});

}  // namespace neve
