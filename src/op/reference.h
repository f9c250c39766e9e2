// The reference: every op run by its own definition. Slow and right; everything else is compared with it.
#pragma once
#include <deque>
#include <span>
#include <vector>

#include "op/builder.h"
#include "op/def.h"
#include "op/subgraph.h"

namespace neve {

/// A Builder that computes at once. Values live as long as it does.
class ReferenceBuilder : public Builder {
 public:
  explicit ReferenceBuilder(int threads = 1) : threads_(threads) {}
  Value put(Tensor t);
  const Tensor& get(Value v) const { return tensors_[v.id]; }
  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions = {}) override;
  const TensorType& type(Value v) const override { return types_[v.id]; }
  Facts facts(Value v) const override;

 private:
  int threads_;
  std::vector<Tensor> tensors_;
  std::deque<TensorType> types_;  // references stay valid while values are added
};

/// Runs one op. Absent optional inputs are undefined tensors. @throws Error of infer or eval.
std::vector<Tensor> evaluate(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, int threads = 1,
                             std::span<const RegionFn> regions = {});
/// Runs a subgraph node by node, freeing what is no longer needed.
std::vector<Tensor> evaluate(const Subgraph& g, std::span<const Tensor> in, int threads = 1);
/// Content of a small integer tensor as Facts (rank <= 1, <= 64 elements); unknown otherwise. Values below -2^63 +
/// 2^32, which no Dim can hold (they stand for "from the very start"), are given as that bound.
Facts facts_of(const Tensor& t);
/// The concrete type of a tensor.
TensorType type_of(const Tensor& t);

}  // namespace neve
