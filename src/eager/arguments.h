// Checks of arguments that the functions of several files share: axes, undefined tensors.
#pragma once
#include <neve/tensor.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "eager/autograd.h"

namespace neve::eager {

inline std::vector<int64_t> list(const Sizes& s) { return {s.begin(), s.end()}; }

inline std::string text(const Tensor& t) { return t.defined() ? type_text(t) : std::string("an undefined tensor"); }

inline void require(const char* call, const Tensor& t) {
  if (!t.defined()) fail(ErrorCode::invalid_argument, call, ": x is an undefined tensor (a tensor)");
}

inline int64_t one_axis(const char* call, int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    fail(ErrorCode::invalid_argument, call, ": axis is ", axis, " for a tensor of rank ", rank,
         rank ? str(" (it must lie in [", -rank, ", ", rank, "))") : std::string(" (a tensor of rank 0 has no axes)"));
  return axis < 0 ? axis + rank : axis;
}

inline std::vector<int64_t> many_axes(const char* call, const Sizes& axes, int64_t rank) {
  std::vector<int64_t> all;
  if (axes.empty())
    for (int64_t i = 0; i < rank; ++i) all.push_back(i);
  for (int64_t a : axes) {
    a = one_axis(call, a, rank);
    if (std::find(all.begin(), all.end(), a) != all.end())
      fail(ErrorCode::invalid_argument, call, ": axes are ", list(axes), " (each axis once)");
    all.push_back(a);
  }
  return all;
}

inline Tensor reduce(const char* op, const Tensor& x, const std::vector<int64_t>& axes, bool keepdims) {
  if (axes.empty()) return x;  // rank 0: the ops take no axes as all
  return call1(op, {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

}  // namespace neve::eager
