// The loops of the reference: scalar programs over broadcast tensors, and reductions.
#pragma once
#include <span>
#include <vector>

#include "op/def.h"
#include "op/scalar.h"

namespace neve {

/// Runs p over `out` (contiguous, all of one shape), `in` being contiguous tensors that broadcast to it by NumPy's
/// rule.
void run_elementwise(const ScalarProgram& p, std::span<const Tensor> in, std::span<const Tensor> out, int threads);

/// Reduces contiguous x over the axes marked, into contiguous y (whose axes of size 1 may be dropped). Floats
/// accumulate in f64, integers in 64 bits, wrapped when stored; bool as 0 and 1 (max is any, min is all). Empty: sum 0,
/// prod 1, max the lowest value, min the highest.
void run_reduce(ReduceKind kind, const Tensor& x, const std::vector<bool>& reduced, const Tensor& y, int threads);

}  // namespace neve
