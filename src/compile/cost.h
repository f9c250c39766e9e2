// What a piece of a graph costs at known sizes: arithmetic and memory traffic, from the definitions of its ops.
#pragma once
#include <span>

#include "core/tensor_type.h"
#include "op/subgraph.h"

namespace neve::compile {

struct Cost {
  /// As OpDef::flops says; composites as the sum of their parts; elementwise ops one for every step of their
  /// expression and element; reductions one for every element read; others (moving data, sorting) none.
  double flops = 0;
  double bytes = 0;         ///< every input read once (as far as OpDef::reads says), every output written once
  double weight_bytes = 0;  ///< of them: weights and constants
  bool exact = true;        ///< false: some op's sizes could not be told, or it has regions; its flops are missing
};

/// `in`, `out`: sizes of the inputs and outputs of `g`. Never throws for a graph that runs at these sizes.
Cost cost_of(const Subgraph& g, std::span<const Sizes> in, std::span<const Sizes> out);

}  // namespace neve::compile
