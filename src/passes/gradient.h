// Reverse mode over a whole graph: the graph that trains and the graph of its gradients.
#pragma once
#include <span>
#include <vector>

#include "ir/graph.h"

namespace neve::passes {

/// A graph and its gradient. What the gradient reads of the forward computation is an output of the forward graph, but
/// for cheap things, which it computes anew.
struct Differentiated {
  ir::Graph forward;   ///< inputs and outputs as before, then what is kept for the backward graph
  ir::Graph backward;  ///< gradients of the inputs in `wanted`
  struct Argument {
    enum Kind : uint8_t { input, kept, gradient } kind = input;
    size_t index = 0;  ///< of the forward graph's inputs; of its outputs; of the original outputs
  };
  std::vector<Argument> arguments;  ///< of the backward graph's inputs
  std::vector<size_t> wanted;       ///< input that each output of the backward graph is the gradient of
  std::vector<bool> active;         ///< per original output: whether it depends on an input that is differentiated
  size_t outputs = 0;               ///< of the forward graph, before what is kept
};

/// Differentiates outputs of `g` by inputs (reverse mode). Regions of `if` and `loop` are computed once more in the
/// gradient; what goes round in a loop is kept of every pass.
/// @param needs   per input: whether its gradient is wanted
/// @param given   per output: whether a gradient of it will come; only of floats
/// @throws Error{unsupported} naming an op without a gradient, with its place in the source
/// @param recompute  false: everything that the gradient reads is kept
Differentiated differentiate(const ir::Graph& g, const std::vector<bool>& needs, const std::vector<bool>& given,
                             bool recompute = true);

}  // namespace neve::passes
