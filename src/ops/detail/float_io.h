// Evaluation of float ops: f32 and f64 run as they are, the 16-bit floats through f32.
#pragma once
#include <span>
#include <utility>
#include <vector>

#include "op/def.h"
#include "ops/support/dims.h"

namespace neve::ops {

/// Runs body.operator()<T>(in, out) with T float or double after the dtype of input 0. 16-bit float inputs are given as
/// f32 copies, 16-bit float outputs are filled from f32 ones; inputs of other kinds (indices, masks) are given as they
/// are.
/// @pre all output sizes are known.
template <class Body>
void eval_float(Evaluating& e, Body&& body) {
  const DType t = e.in[0].dtype();
  if (t == DType::f64) return body.template operator()<double>(e.in, std::span<const Tensor>(e.out_));
  if (t == DType::f32) return body.template operator()<float>(e.in, std::span<const Tensor>(e.out_));
  auto half = [](const Tensor& x) { return x.defined() && (x.dtype() == DType::f16 || x.dtype() == DType::bf16); };
  std::vector<Tensor> in, out;
  for (const Tensor& x : e.in) in.push_back(half(x) ? x.to(DType::f32) : x);
  for (const Tensor& y : e.out_) out.push_back(half(y) ? Tensor::empty(DType::f32, y.shape()) : y);
  body.template operator()<float>(std::span<const Tensor>(in), std::span<const Tensor>(out));
  for (size_t k = 0; k < out.size(); ++k)
    if (half(e.out_[k])) e.out_[k].copy_from(out[k].to(e.out_[k].dtype()));
}

/// Product of sizes [begin, end).
inline int64_t product(const Sizes& s, size_t begin, size_t end) {
  int64_t n = 1;
  for (size_t i = begin; i < end; ++i) n *= s[i];
  return n;
}
inline int64_t product(const Sizes& s) { return product(s, 0, s.size()); }

}  // namespace neve::ops
