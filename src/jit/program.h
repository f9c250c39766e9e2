// From a captured program to a model.
#pragma once
#include "capture/capture.h"
#include "jit/model.h"

namespace neve::jit {

/// Replaces symbols of the inputs by what the program's relations say they are (n = 3, n = m), types inferred anew.
void settle_symbols(ir::Graph& g);
/// One step of that, for types alone. Whether anything changed.
bool settle_types(std::vector<TensorType>& types, std::span<const Constraint> relations);

/// Whether the first inputs may have these sizes: constants, bounds and the relations over them.
bool accepts(const ir::Graph& g, std::span<const Sizes> sizes);

/// The program as a model with the method "forward"; symbols are settled first.
LoadedModel model_of(capture::Program& p, const std::string& name);

}  // namespace neve::jit
