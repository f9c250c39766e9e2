// What gradients of data movement share: shapes of other values, zeros, and summing what was broadcast.
#pragma once
#include "op/builder.h"

namespace neve::ops {

inline Value reshape_to(Builder& b, Value x, Value shape) {
  return b.call("reshape", {x, shape}, {{"allowzero", true}});
}
/// x with the shape of `like`; both have the same number of elements.
inline Value reshape_like(Builder& b, Value x, Value like) {
  if (b.type(x).shape == b.type(like).shape) return x;
  return reshape_to(b, x, b.shape_of(like));
}
inline Value expand_like(Builder& b, Value x, Value like) {
  if (b.type(x).shape == b.type(like).shape) return x;
  return b.call("expand", {x, b.shape_of(like)});
}
inline Value full_like(Builder& b, Value like, double value) {
  return expand_like(b, b.scalar(b.dtype(like), value), like);
}
inline Value zeros_like(Builder& b, Value like) { return full_like(b, like, 0); }
/// Sums x over the axes along which `like` was broadcast to it.
inline Value sum_to_like(Builder& b, Value x, Value like) {
  if (b.type(x).shape == b.type(like).shape) return x;
  return b.call("sum_to", {x, b.shape_of(like)});
}
/// `x` spread over positions `index` (i64, rank 1) of axis `axis` of zeros of the shape of `like`, adding up repeats:
/// the gradient of gather(like, index, axis).
Value scatter_add_axis(Builder& b, Value x, Value index, int64_t axis, Value like);

}  // namespace neve::ops
