// The Builder of eager execution: gradients and compositions, written once over a Builder, run at once on tensors.
#include "eager/autograd.h"
#include "op/reference.h"

namespace neve::eager {

Value EagerBuilder::put(Tensor t) {
  auto type = std::make_unique<TensorType>(type_of(t));
  values_.push_back({std::move(t), std::move(type)});
  return {uint32_t(values_.size()) - 1};
}

Facts EagerBuilder::facts(Value v) const { return facts_of(get(v)); }

Values EagerBuilder::emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
                          std::span<const RegionFn> regions) {
  std::vector<Tensor> operands;
  for (Value v : in) operands.push_back(v.valid() ? get(v) : Tensor{});
  std::vector<Tensor> results;
  if (regions.empty()) {
    results = eager::call(op, attrs, operands);
  } else {
    for (Tensor& t : operands)
      if (t.defined()) t = t.contiguous();
    results = evaluate(op, attrs, operands, threads(), regions);
  }
  Values out;
  for (Tensor& t : results) out.push_back(put(std::move(t)));
  return out;
}

}  // namespace neve::eager
