// Types of regions: what their parameters are, and how sizes that a loop changes become symbols.
#pragma once
#include <span>
#include <vector>

#include "base/threads.h"
#include "op/def.h"

namespace neve {

/// Parameters of a region, as the node's inputs give them.
struct RegionSignature {
  std::vector<TensorType> parameters;
  std::vector<Facts> facts;  ///< per parameter; unknown for what changes from one iteration to the next
  size_t first_carried = 0;  ///< parameters [first_carried, first_carried + carried) take the results of the
  size_t carried = 0;        ///< iteration before,
  size_t first_result = 0;   ///< which stand at [first_result, first_result + carried) of the region's results
};

/// The signature of region k of a node. For ops that are not `if`, `loop` or `scan`: all inputs in order.
/// @throws Error{invalid_argument | type_mismatch} when the inputs cannot be those of the op.
RegionSignature region_signature(const OpDef& op, const Attrs& attrs, size_t k, std::span<const TensorType* const> in,
                                 std::span<const Facts> facts);

/// Makes each size of carried value number `carried` a fresh symbol that an iteration changes, once: `widened` says
/// which have been, by axis. Returns whether there was one. @throws Error{type_mismatch} if dtypes or ranks differ.
bool widen(const OpDef& op, size_t carried, TensorType& before, const TensorType& after, std::vector<bool>& widened);

/// Calls `results` (which makes the region for the signature given and returns its result types) until the sizes of
/// carried values are fixed: a size that an iteration changes becomes a fresh symbol. Returns the last result types;
/// s.parameters are final.
/// @throws Error{type_mismatch} if an iteration changes a dtype or rank.
std::vector<TensorType> widen_region(const OpDef& op, RegionSignature& s,
                                     FunctionRef<std::vector<TensorType>(const RegionSignature&)> results);

/// Result types of a region function, with ops inferred and nothing computed.
std::vector<TensorType> infer_region(const RegionFn& region, const RegionSignature& s);

/// Everything infer() says of one node whose regions are functions.
struct NodeTypes {
  std::vector<TensorType> out;
  std::vector<Facts> facts;  ///< per result
  std::vector<Constraint> constraints;
};
/// in[i] null: absent. `facts` may be shorter.
NodeTypes infer_node(const OpDef& op, const Attrs& attrs, std::span<const TensorType* const> in,
                     std::span<const Facts> facts, std::span<const RegionFn> regions = {});

}  // namespace neve
