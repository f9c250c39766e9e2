// Checks that a graph is well formed.
#pragma once
#include "ir/graph.h"

namespace neve::ir {

/// What may stand in a graph at a stage.
enum class Level {
  imported,  ///< every op of the registry
  fused,     ///< + `fused` nodes
  lowered,   ///< composites only where a kernel took them (inside plans)
};

/// Checks def before use, types against infer (dims may be refined), use lists, arity, regions (closed; parameter and
/// result types), no duplicated definitions. @throws Error{internal} naming node and rule number.
void verify(const Graph& g, Level level);

}  // namespace neve::ir
