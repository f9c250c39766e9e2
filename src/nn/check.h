// Checks of arguments that layers and losses share.
#pragma once
#include <neve/tensor.h>

#include <string>

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

}  // namespace neve::nn
