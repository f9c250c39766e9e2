// Moving elements between strided layouts.
#include "ops/support/strided.h"

#include <algorithm>
#include <cstring>

#include "base/small_vector.h"
#include "base/threads.h"

namespace neve::ops {
namespace {

struct Element16 {
  uint64_t a, b;
};

struct Axis {
  int64_t n, to, from;
};
using Axes = SmallVector<Axis, 8>;

/// Drops axes of size 1 and joins neighbours that are one run in both layouts. False if the box is empty.
bool simplify(std::span<const int64_t> shape, std::span<const int64_t> to, std::span<const int64_t> from, Axes& out) {
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return false;
    if (shape[i] == 1) continue;
    const Axis axis{shape[i], to[i], from[i]};
    if (!out.empty()) {
      Axis& last = out.back();
      if (last.to == axis.to * axis.n && last.from == axis.from * axis.n) {
        last = {last.n * axis.n, axis.to, axis.from};
        continue;
      }
    }
    out.push_back(axis);
  }
  return true;
}

/// Offsets of box number `index` over the first `count` axes.
void offsets(const Axes& axes, size_t count, int64_t index, int64_t& to, int64_t& from) {
  to = from = 0;
  for (size_t i = count; i-- > 0;) {
    const int64_t k = index % axes[i].n;
    index /= axes[i].n;
    to += k * axes[i].to;
    from += k * axes[i].from;
  }
}

template <class T>
void copy_row(T* to, int64_t to_stride, const T* from, int64_t from_stride, int64_t n) {
  if (to_stride == 1 && from_stride == 1) {
    std::memcpy(to, from, size_t(n) * sizeof(T));
  } else if (to_stride == 1 && from_stride == 0) {
    std::fill(to, to + n, *from);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  }
}

constexpr int64_t grain_bytes = 1 << 15;

template <class T>
void copy_rows(const Axes& axes, T* to, const T* from, int threads) {
  const size_t outer_axes = axes.size() - 1;
  const Axis row = axes.back();
  int64_t outer = 1;
  for (size_t i = 0; i < outer_axes; ++i) outer *= axes[i].n;
  if (outer == 1) {  // one long row: split it
    parallel_for(row.n, grain_bytes / int64_t(sizeof(T)), threads, [&](int64_t b, int64_t e, int) {
      copy_row(to + b * row.to, row.to, from + b * row.from, row.from, e - b);
    });
    return;
  }
  const int64_t grain = std::max<int64_t>(1, grain_bytes / (row.n * int64_t(sizeof(T))));
  parallel_for(outer, grain, threads, [&](int64_t b, int64_t e, int) {
    for (int64_t i = b; i < e; ++i) {
      int64_t t, f;
      offsets(axes, outer_axes, i, t, f);
      copy_row(to + t, row.to, from + f, row.from, row.n);
    }
  });
}

/// The last axis is the unit one of the target, `unit` that of the source: blocks keep both in cache.
template <class T>
void copy_blocks(Axes axes, size_t unit, T* to, const T* from, int threads) {
  constexpr int64_t block = 32;
  const Axis column = axes[unit], row = axes.back();
  axes.erase(axes.begin() + unit);
  axes.pop_back();
  int64_t outer = 1;
  for (const Axis& a : axes) outer *= a.n;
  const int64_t stripes = (column.n + block - 1) / block;
  const int64_t grain = std::max<int64_t>(1, grain_bytes / (row.n * block * int64_t(sizeof(T))));
  parallel_for(outer * stripes, grain, threads, [&](int64_t b, int64_t e, int) {
    for (int64_t i = b; i < e; ++i) {
      int64_t t, f;
      offsets(axes, axes.size(), i / stripes, t, f);
      const int64_t c0 = (i % stripes) * block, c1 = std::min(c0 + block, column.n);
      for (int64_t r0 = 0; r0 < row.n; r0 += block) {
        const int64_t r1 = std::min(r0 + block, row.n);
        for (int64_t c = c0; c < c1; ++c) {
          T* d = to + t + c * column.to;
          const T* s = from + f + c * column.from;
          for (int64_t r = r0; r < r1; ++r) d[r * row.to] = s[r * row.from];
        }
      }
    }
  });
}

template <class T>
void copy_typed(const Axes& axes, std::byte* to, const std::byte* from, int threads) {
  T* d = reinterpret_cast<T*>(to);
  const T* s = reinterpret_cast<const T*>(from);
  if (axes.empty()) {
    *d = *s;
    return;
  }
  if (axes.size() >= 2 && axes.back().from != 1 && axes.back().from != 0)
    for (size_t i = 0; i + 1 < axes.size(); ++i)
      if (axes[i].from == 1 && axes[i].n >= 4) return copy_blocks(axes, i, d, s, threads);
  copy_rows(axes, d, s, threads);
}

template <class T>
void fill_typed(std::byte* to, int64_t count, const std::byte* value, int threads) {
  T v;
  std::memcpy(&v, value, sizeof v);
  T* d = reinterpret_cast<T*>(to);
  parallel_for(count, grain_bytes / int64_t(sizeof(T)), threads,
               [&](int64_t b, int64_t e, int) { std::fill(d + b, d + e, v); });
}

}  // namespace

void strided_copy(int64_t element_size, std::span<const int64_t> shape, std::byte* to,
                  std::span<const int64_t> to_strides, const std::byte* from, std::span<const int64_t> from_strides,
                  int threads) {
  Axes axes;
  if (!simplify(shape, to_strides, from_strides, axes)) return;
  switch (element_size) {
    case 1:
      return copy_typed<uint8_t>(axes, to, from, threads);
    case 2:
      return copy_typed<uint16_t>(axes, to, from, threads);
    case 4:
      return copy_typed<uint32_t>(axes, to, from, threads);
    case 8:
      return copy_typed<uint64_t>(axes, to, from, threads);
    case 16:
      return copy_typed<Element16>(axes, to, from, threads);
    default:
      fail(ErrorCode::internal, "strided_copy: element of ", element_size, " bytes");
  }
}

void fill_elements(int64_t element_size, std::byte* to, int64_t count, const std::byte* value, int threads) {
  switch (element_size) {
    case 1:
      return fill_typed<uint8_t>(to, count, value, threads);
    case 2:
      return fill_typed<uint16_t>(to, count, value, threads);
    case 4:
      return fill_typed<uint32_t>(to, count, value, threads);
    case 8:
      return fill_typed<uint64_t>(to, count, value, threads);
    case 16:
      return fill_typed<Element16>(to, count, value, threads);
    default:
      fail(ErrorCode::internal, "fill_elements: element of ", element_size, " bytes");
  }
}

const Tensor& output(Evaluating& e, size_t k, const Sizes& shape) {
  if (e.out(k).defined() && e.out(k).shape() == shape) return e.out(k);
  return e.allocate(k, shape);
}

void copy_flat(const Tensor& from, const Tensor& to, int threads) {
  const std::byte* s = from.data();
  std::byte* d = to.data();
  parallel_for(from.bytes(), grain_bytes, threads,
               [&](int64_t b, int64_t e, int) { std::memcpy(d + b, s + b, size_t(e - b)); });
}

int64_t product(std::span<const int64_t> sizes, size_t from, size_t to) {
  int64_t n = 1;
  for (size_t i = from; i < to; ++i) n *= sizes[i];
  return n;
}

}  // namespace neve::ops
