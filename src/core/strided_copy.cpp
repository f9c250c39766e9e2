// Copying between two strided layouts: axes are merged where both allow, then runs are copied whole, transposes in
// tiles.
#include "core/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "base/small_vector.h"
#include "base/threads.h"

namespace neve {
namespace {

struct Axis {
  int64_t n, out, in;  // strides in bytes
};
using Axes = SmallVector<Axis, 8>;

/// Axes ordered by the stride of the output, largest first, merged where they continue each other. Size-1 axes go.
Axes merged_axes(const std::vector<int64_t>& out_strides, const std::vector<int64_t>& in_strides,
                 const std::vector<int64_t>& shape, int64_t element_size) {
  Axes axes;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != 1) axes.push_back({shape[i], out_strides[i] * element_size, in_strides[i] * element_size});
  std::sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) {
    return std::abs(a.out) != std::abs(b.out) ? std::abs(a.out) > std::abs(b.out) : std::abs(a.in) > std::abs(b.in);
  });
  Axes merged;
  for (const Axis& a : axes) {
    if (!merged.empty() && merged.back().out == a.out * a.n && merged.back().in == a.in * a.n)
      merged.back() = {merged.back().n * a.n, a.out, a.in};
    else
      merged.push_back(a);
  }
  return merged;
}

struct Bytes16 {
  uint64_t a, b;
};

/// memcpy of a constant size: elements may lie at any address.
template <class T>
void copy_element(std::byte* out, const std::byte* in) {
  std::memcpy(out, in, sizeof(T));
}

template <class T>
void copy_row(std::byte* out, const std::byte* in, const Axis a) {
  if (a.out == int64_t(sizeof(T)) && a.in == int64_t(sizeof(T))) {
    std::memcpy(out, in, size_t(a.n) * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < a.n; ++i) copy_element<T>(out + i * a.out, in + i * a.in);
}

/// The two innermost axes: the output is dense along `inner`, the input along `outer`. In tiles of whole cache lines,
/// and within a tile along the axis in which the side that jumps farther is dense: its lines would push each other out
/// of the cache.
template <class T>
void copy_plane(std::byte* out, const std::byte* in, const Axis& outer, const Axis& inner) {
  constexpr int64_t tile = std::max<int64_t>(64 / int64_t(sizeof(T)), 8);
  const bool along_outer = std::abs(inner.in) > std::abs(outer.out);
  const Axis slow = along_outer ? inner : outer,
             fast = along_outer ? outer : inner;  // copies: what is written may alias references
  for (int64_t s0 = 0; s0 < slow.n; s0 += tile) {
    const int64_t s1 = std::min(s0 + tile, slow.n);
    for (int64_t f0 = 0; f0 < fast.n; f0 += tile) {
      const int64_t f1 = std::min(f0 + tile, fast.n);
      for (int64_t s = s0; s < s1; ++s)
        for (int64_t f = f0; f < f1; ++f)
          copy_element<T>(out + s * slow.out + f * fast.out, in + s * slow.in + f * fast.in);
    }
  }
}

template <class T>
void copy_axes(std::byte* out, const std::byte* in, Axes axes) {
  if (axes.empty()) return copy_element<T>(out, in);
  const bool tiled = axes.size() >= 2 && axes.back().in != int64_t(sizeof(T));
  if (tiled) {  // next to the innermost comes the axis along which the input is dense
    const auto dense = std::min_element(axes.begin(), axes.end() - 1,
                                        [](const Axis& a, const Axis& b) { return std::abs(a.in) < std::abs(b.in); });
    std::rotate(dense, dense + 1, axes.end() - 1);
  }
  const size_t looped = axes.size() - (tiled ? 2 : 1);
  SmallVector<int64_t, 8> index(looped);
  for (;;) {
    if (tiled)
      copy_plane<T>(out, in, axes[looped], axes.back());
    else
      copy_row<T>(out, in, axes.back());
    size_t i = looped;
    for (;; --i) {
      if (i == 0) return;
      Axis& a = axes[i - 1];
      out += a.out, in += a.in;
      if (++index[i - 1] < a.n) break;
      out -= a.out * a.n, in -= a.in * a.n;
      index[i - 1] = 0;
    }
  }
}

}  // namespace

namespace {
void copy_all(std::byte* out, const std::byte* in, const Axes& axes, int64_t element_size) {
  switch (element_size) {
    case 1:
      return copy_axes<uint8_t>(out, in, axes);
    case 2:
      return copy_axes<uint16_t>(out, in, axes);
    case 4:
      return copy_axes<uint32_t>(out, in, axes);
    case 8:
      return copy_axes<uint64_t>(out, in, axes);
    default:
      return copy_axes<Bytes16>(out, in, axes);
  }
}
}  // namespace

void strided_copy(std::byte* out, const std::vector<int64_t>& out_strides, const std::byte* in,
                  const std::vector<int64_t>& in_strides, const std::vector<int64_t>& shape, int64_t element_size) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return;
  const Axes axes = merged_axes(out_strides, in_strides, shape, element_size);
  int64_t bytes = element_size;
  for (const Axis& a : axes) bytes *= a.n;
  constexpr int64_t least = 1 << 17;  // of a thread: a few times what waking it costs
  if (bytes < 2 * least || axes.front().n < 2) return copy_all(out, in, axes, element_size);
  const Axis first = axes.front();
  parallel_for(first.n, std::max<int64_t>(1, least * first.n / bytes), copy_threads(),
               [&](int64_t begin, int64_t end, int) {
                 Axes part = axes;
                 part[0].n = end - begin;
                 copy_all(out + begin * first.out, in + begin * first.in, part, element_size);
               });
}

}  // namespace neve
