// Short names for the moves of axes that lowerings and gradients are made of.
#pragma once
#include <initializer_list>
#include <numeric>
#include <vector>

#include "op/def.h"

namespace neve::ops {

/// Input i of a lowering; invalid where it is absent.
inline Value optional_input(std::span<const Value> v, size_t i) { return i < v.size() ? v[i] : Value{}; }

inline void require_8bit(const Inferring& t, size_t i) {
  const DType d = t.in(i).dtype;
  t.require_type(d == DType::u8 || d == DType::i8, t.input_name(i), " is ", t.in(i), " (expected u8 or i8)");
}
inline void require_dtype(const Inferring& t, size_t i, DType d) {
  t.require_type(t.in(i).dtype == d, t.input_name(i), " is ", t.in(i), " (expected ", d, ")");
}
inline void require_rank(const Inferring& t, size_t i, int64_t rank) {
  t.require_shape(t.in(i).rank() == rank, t.input_name(i), " is ", t.in(i), " (expected rank ", rank, ")");
}

inline Value unsqueeze(Builder& b, Value x, std::vector<int64_t> axes) {
  return axes.empty() ? x : b.call("unsqueeze", {x}, {{"axes", std::move(axes)}});
}
inline Value squeeze(Builder& b, Value x, std::vector<int64_t> axes) {
  return axes.empty() ? x : b.call("squeeze", {x}, {{"axes", std::move(axes)}});
}
inline Value transpose(Builder& b, Value x, std::vector<int64_t> perm) {
  return b.call("transpose", {x}, {{"perm", std::move(perm)}});
}
/// Transposes the last two axes.
inline Value swap_last(Builder& b, Value x) {
  std::vector<int64_t> perm(size_t(b.rank(x)));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return transpose(b, x, std::move(perm));
}

inline Value add(Builder& b, Value x, Value y) { return b.call("add", {x, y}); }
inline Value sub(Builder& b, Value x, Value y) { return b.call("sub", {x, y}); }
inline Value mul(Builder& b, Value x, Value y) { return b.call("mul", {x, y}); }
inline Value div(Builder& b, Value x, Value y) { return b.call("div", {x, y}); }
inline Value add(Builder& b, Value x, double y) { return b.call("add", {x, b.scalar(b.dtype(x), y)}); }
inline Value mul(Builder& b, Value x, double y) { return b.call("mul", {x, b.scalar(b.dtype(x), y)}); }

inline Value reduce(Builder& b, const char* op, Value x, std::vector<int64_t> axes, bool keepdims) {
  return b.call(op, {x}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
}
inline Value reduce_sum(Builder& b, Value x, std::vector<int64_t> axes, bool keepdims) {
  return reduce(b, "reduce_sum", x, std::move(axes), keepdims);
}
inline Value reduce_mean(Builder& b, Value x, std::vector<int64_t> axes, bool keepdims) {
  return reduce(b, "reduce_mean", x, std::move(axes), keepdims);
}
/// All axes from `first` on.
inline std::vector<int64_t> axes_from(int64_t first, int64_t rank) {
  std::vector<int64_t> a(size_t(rank - first));
  std::iota(a.begin(), a.end(), first);
  return a;
}

}  // namespace neve::ops
