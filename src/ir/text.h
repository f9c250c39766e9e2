// Text form of graphs: prints and parses exactly.
#pragma once
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace neve::ir {

/// Prints a graph:
///
///     graph main(%x: f32[batch, 3, 224, 224]) where batch in 1..64 {
///       %w: f32[64, 3, 7, 7] = weight() {name="conv1.weight", ...}
///       %1: f32[batch, 64, 112, 112] = conv(%x, %w) {strides=[2, 2], pads=[3, 3, 3, 3]} loc("model.py":41)
///       return %2
///     }
///
/// Attributes equal to their default are left out. Symbols that share a name get a numbered suffix. Facts are not
/// printed; they are inferred again. Absent inputs print as `_`. Outputs print as `return %2 as "y"`. Constraints print
/// as `require batch == n "reason"`. Op versions other than 1 print as `conv@2`.
std::string print(const Graph& g, std::string_view name = "main");

/// Parses what print() prints, and hand-written text. Types are checked against infer. @throws Error{corrupt_file} with
/// line and column, what was found and what was expected; bounded depth and size, safe on hostile text.
Graph parse(std::string_view text, std::string* name = nullptr);

}  // namespace neve::ir
