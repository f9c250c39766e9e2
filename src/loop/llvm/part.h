// The vector code of one part of a loop nest.
#pragma once
#include <string>

#include "loop/llvm/vector.h"
#include "plan/loop_nest.h"

namespace neve::loop {

/// Lanes of a full vector register for the widest type that varies by lane, and of the main loop (several registers).
struct Widths {
  unsigned vector = 1, main = 1;
};
Widths widths_of(const LoopPart& part, Isa isa);

/// Adds `void name(const KernelArgs*)`, which runs the rows [0, extents[0]) of the part.
void emit_rows(llvm::Module& module, const LoopNest& nest, const LoopPart& part, Isa isa, const std::string& name);
/// Adds the function that runs one stage of one row, registers in memory.
void emit_stage(llvm::Module& module, const LoopNest& nest, const LoopPart& part, size_t stage, Isa isa,
                const std::string& name);

}  // namespace neve::loop
