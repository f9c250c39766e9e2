// Scalar programs as vector code, and the functions that this code calls.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "loop/llvm/vector.h"
#include "op/scalar.h"

namespace neve::loop {

/// One step on values in their compute types (all of one width). `from`: dtype of the first operand.
llvm::Value* emit_step(const Emit& e, const ScalarNode& n, DType from, llvm::Value* a, llvm::Value* b, llvm::Value* c);
/// A constant of a program, `lanes` wide.
llvm::Value* emit_constant(const Emit& e, const ScalarNode& n, unsigned lanes);

/// From the type in memory to the one computed in, and back (rounding f16 and bf16).
llvm::Value* emit_unpack(const Emit& e, DType t, llvm::Value* stored);
llvm::Value* emit_pack(const Emit& e, DType t, llvm::Value* value);

/// Rough cost of a step in vector instructions.
int step_cost(const ScalarNode& n);

/// Functions of the C library that generated code may call, by the name it uses.
const std::vector<std::pair<std::string, void*>>& scalar_functions();

}  // namespace neve::loop
