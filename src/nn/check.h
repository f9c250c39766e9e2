// What layers and losses share: checks of arguments, the dtypes of autocast, windows over spatial axes.
#pragma once
#include <neve/amp.h>
#include <neve/tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace neve::nn {

inline std::string text_of(const Tensor& t) { return t.defined() ? type_text(t) : std::string("an undefined tensor"); }
inline void check_defined(const char* call, const char* name, const Tensor& t) {
  if (!t.defined()) fail(ErrorCode::invalid_argument, call, ": ", name, " is an undefined tensor (a tensor)");
}
inline void check_float(const char* call, const char* name, const Tensor& t) {
  check_defined(call, name, t);
  if (!is_float(t.dtype()))
    fail(ErrorCode::type_mismatch, call, ": ", name, " is ", type_text(t), " (a float dtype; to(DType::f32) converts)");
}
inline void check_one_dtype(const char* call, const Tensor& x, const Tensor& weight) {
  if (x.dtype() != weight.dtype())
    fail(ErrorCode::type_mismatch, call, ": input is ", type_text(x), " and weight ", type_text(weight),
         " (one dtype: to(DType::", to_string(weight.dtype()), ") of the input, or of the module)");
}
inline void check_positive(const char* call, const char* name, int64_t n) {
  if (n <= 0) fail(ErrorCode::invalid_argument, call, ": ", name, " is ", n, " (a positive integer)");
}

inline void check_probability(const char* call, double p) {
  if (!(p >= 0 && p <= 1)) fail(ErrorCode::invalid_argument, call, ": p is ", p, " (a probability from 0 to 1)");
}

/// An operand of a product in the dtype of the autocast in force; f64 and integers stay as they are.
inline Tensor lowered(const Tensor& t) {
  const std::optional<DType> to = amp::autocast_dtype();
  const bool small =
      to && t.defined() && (t.dtype() == DType::f32 || t.dtype() == DType::f16 || t.dtype() == DType::bf16);
  return small ? t.to(*to) : t;
}
/// An operand of what is sensitive to precision (losses, norms): f32 while autocast is in force.
inline Tensor raised(const Tensor& t) {
  const bool low = amp::autocast_dtype() && t.defined() && (t.dtype() == DType::f16 || t.dtype() == DType::bf16);
  return low ? t.to(DType::f32) : t;
}

/// x with a batch, and whether it had none.
std::pair<Tensor, bool> batched(const char* call, const Tensor& x, int64_t axes, int64_t channels = -1);
std::vector<int64_t> twice(std::vector<int64_t> v);

/// While false, layers that are made draw no weights: copies of layers, whose weights are set afterwards.
extern constinit thread_local bool draws_weights;

}  // namespace neve::nn
