// Which positions of an axis a slice takes.
#include "ops/support/slicing.h"

#include <algorithm>

#include "ops/support/dims.h"

namespace neve::ops {
namespace {

constexpr int64_t far = Dim::unbounded;

/// start or end of a forward slice, clamped to [0, size].
std::optional<Dim> forward_bound(Dim v, Dim size) {
  if (v.is_constant() && v.value() >= far) return size;
  if (v.is_constant() && v.value() <= -far) return Dim(0);
  if (lower_bound(v) >= 0) return min(v, size);
  if (upper_bound(v) < 0) return max(v + size, 0);
  if (v == size) return size;
  return {};
}

/// The same of a backward slice, clamped to [lowest, size - 1].
std::optional<Dim> backward_bound(Dim v, Dim size, int64_t lowest) {
  if (v.is_constant() && v.value() >= far) return size - 1;
  if (v.is_constant() && v.value() <= -far) return Dim(lowest);
  if (v.is(-1)) return size - 1;  // no clamp: an empty axis then gives an empty slice
  if (lower_bound(v) >= 0) return min(v, size - 1);
  if (upper_bound(v) < 0) return max(v + size, lowest);
  return {};
}

/// Position in `axes` (or the order of the axes) of each axis of the tensor; -1: not sliced.
std::vector<int64_t> which(std::string_view op, const std::vector<int64_t>& axes, int64_t rank) {
  std::vector<int64_t> at(size_t(rank), -1);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t a = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (a < 0 || a >= rank)
      fail(ErrorCode::invalid_argument, op, ": axis ", axes[i], " is out of range for a tensor of rank ", rank,
           " (valid: ", -rank, "..", rank - 1, ")");
    if (at[size_t(a)] >= 0)
      fail(ErrorCode::invalid_argument, op, ": axis ", a, " is given twice in axes ", axes, " (once each)");
    at[size_t(a)] = int64_t(i);
  }
  return at;
}

std::vector<int64_t> first_axes(int64_t n) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < n; ++i) axes.push_back(i);
  return axes;
}

}  // namespace

SliceRange slice_range(int64_t size, int64_t start, int64_t end, int64_t step) {
  if (start < 0) start += size;
  if (end < 0) end += size;
  step = std::clamp(step, -far, far);
  SliceRange r{0, step, 0};
  if (size == 0) return r;
  if (step > 0) {
    r.start = std::clamp(start, int64_t(0), size);
    r.count = std::max<int64_t>(0, (std::clamp(end, int64_t(0), size) - r.start + step - 1) / step);
  } else {
    r.start = std::clamp(start, int64_t(0), size - 1);
    r.count = std::max<int64_t>(0, (r.start - std::clamp(end, int64_t(-1), size - 1) - step - 1) / -step);
  }
  return r;
}

std::optional<Dim> slice_count(Dim size, Dim start, Dim end, int64_t step) {
  step = std::clamp(step, -far, far);
  if (step > 0) {
    const auto s = forward_bound(start, size), e = forward_bound(end, size);
    if (!s || !e) return {};
    if (step == 1 && s->is(0)) return e;
    return max(ceildiv(*e - *s, step), 0);
  }
  const auto s = backward_bound(start, size, 0), e = backward_bound(end, size, -1);
  if (!s || !e) return {};
  const Dim n = max(ceildiv(*s - *e, -step), 0);
  const bool may_exceed = !start.is(-1) && upper_bound(start) < 0 && lower_bound(size) < 1;
  return may_exceed ? min(n, size) : n;
}

std::vector<SliceRange> slice_ranges(std::string_view op, const Sizes& shape, const Tensor& starts, const Tensor& ends,
                                     const Tensor& axes, const Tensor& steps) {
  const std::vector<int64_t> s = starts.to_ints(), e = ends.to_ints();
  const std::vector<int64_t> k = steps.defined() ? steps.to_ints() : std::vector<int64_t>(s.size(), 1);
  const std::vector<int64_t> at =
      which(op, axes.defined() ? axes.to_ints() : first_axes(int64_t(s.size())), int64_t(shape.size()));
  std::vector<SliceRange> out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (at[i] < 0) {
      out.push_back({0, 1, shape[i]});
      continue;
    }
    const size_t j = size_t(at[i]);
    if (k[j] == 0) fail(ErrorCode::invalid_argument, op, ": steps is ", k, " (a step is not 0)");
    out.push_back(slice_range(shape[i], s[j], e[j], k[j]));
  }
  return out;
}

Shape sliced_shape(Inferring& t, const Shape& x, size_t first) {
  require_index_vector(t, first);
  const int64_t n = known_length(t, first);
  for (size_t i = first + 1; i < first + 4; ++i) {
    if (!t.has(i)) continue;
    require_index_vector(t, i);
    t.require_equal(t.in(i).shape[0], n,
                    str("length of ", t.input_name(i), ", which must be that of ", t.input_name(first), ","));
  }
  const Shape *starts = t.content(first), *ends = t.content(first + 1);
  auto axes = t.has(first + 2) ? t.ints(first + 2) : std::optional(first_axes(n));
  auto steps = t.has(first + 3) ? t.ints(first + 3) : std::optional(std::vector<int64_t>(size_t(n), 1));
  Shape y;
  if (!axes) {  // any axis may be cut
    for (size_t i = 0; i < x.size(); ++i) y.push_back(t.fresh(str("slice", i), 0, upper_bound(x[i])));
    return y;
  }
  const std::vector<int64_t> at = which(t.op.name, *axes, int64_t(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    if (at[i] < 0) {
      y.push_back(x[i]);
      continue;
    }
    const size_t j = size_t(at[i]);
    std::optional<Dim> count;
    if (steps) t.require((*steps)[j] != 0, "steps is ", *steps, " (a step is not 0)");
    if (starts && ends && steps) count = slice_count(x[i], (*starts)[j], (*ends)[j], (*steps)[j]);
    y.push_back(count ? *count : t.fresh(str("slice", i), 0, upper_bound(x[i])));
  }
  return y;
}

}  // namespace neve::ops
