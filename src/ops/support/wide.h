// Arithmetic on any dtype with four loops instead of fourteen: elements widen to float, double, int64 or uint64.
#pragma once
#include <neve/tensor.h>

#include "base/error.h"

namespace neve::ops {

/// The dtype that a dtype's elements are computed in, without loss: f32 for the small floats, i64 for the small
/// integers and bool.
inline DType wide_dtype(DType t) {
  switch (t) {
    case DType::f64:
    case DType::u64:
      return t;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return DType::f32;
    default:
      return DType::i64;
  }
}

/// Calls `f` with a null pointer to the C++ type of wide_dtype(t). @throws Error{unsupported} for complex dtypes.
template <class F>
void visit_wide(std::string_view op, DType t, F&& f) {
  if (is_complex(t)) fail(ErrorCode::unsupported, op, ": is not built for ", t, " (use a real dtype)");
  switch (wide_dtype(t)) {
    case DType::f64:
      return f(static_cast<double*>(nullptr));
    case DType::f32:
      return f(static_cast<float*>(nullptr));
    case DType::u64:
      return f(static_cast<uint64_t*>(nullptr));
    default:
      return f(static_cast<int64_t*>(nullptr));
  }
}

/// A tensor in its wide dtype (itself where it has it). Contiguous.
inline Tensor widened(const Tensor& x) { return x.to(wide_dtype(x.dtype())).contiguous(); }

/// A place to compute output `y` in its wide dtype: `y` itself where it has it.
inline Tensor wide_target(const Tensor& y) {
  const DType w = wide_dtype(y.dtype());
  return w == y.dtype() ? y : Tensor::empty(w, y.shape());
}
/// Stores what was computed in wide_target(y).
inline void store_wide(const Tensor& wide, const Tensor& y) {
  if (wide.data() != y.data()) y.copy_from(wide.to(y.dtype()));
}

}  // namespace neve::ops
