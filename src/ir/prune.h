// Takes out of branches and loops what is computed for nothing.
#pragma once
#include "ir/graph.h"

namespace neve::ir {

/// Results of `if` and `loop` that nothing uses, with what a loop carries only for them, and operands that no region
/// reads. Returns how many results and operands went; dead nodes stay for erase_dead().
size_t prune_regions(Graph& g);

}  // namespace neve::ir
