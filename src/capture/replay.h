// Running a graph again, op by op: at once, or as part of the program that this thread captures.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor_type.h"
#include "ir/graph.h"

namespace neve::capture {

/// The tensor that a weight of the graph is.
using WeightOf = std::function<Tensor(const std::string& name)>;

/// Runs the graph on tensors. Outside of a capture its ops run at once as those of a program do, recorded for
/// gradients, those of the branch that is taken or of each pass of a loop; inside of one they become nodes of the outer
/// graph, with sizes inferred anew, and weights are the tensors that `weight` gives. What the graph requires of the
/// sizes of its inputs is required of these.
/// @param in  as many as the graph's inputs, none undefined
/// @throws Error{type_mismatch | shape_mismatch} for inputs that the graph does not take; those of the ops
/// @cost  outside of a capture that of eager execution: for gradients and for building larger programs, not for speed
std::vector<Tensor> replay(const ir::Graph& g, const WeightOf& weight, std::span<const Tensor> in);

}  // namespace neve::capture
