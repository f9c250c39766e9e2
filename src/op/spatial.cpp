// Sizes and padding of sliding windows.
#include "op/spatial.h"

#include "op/def.h"

namespace neve {
namespace {

bool is_same(const WindowSpec& s) { return s.auto_pad == "SAME_UPPER" || s.auto_pad == "SAME_LOWER"; }

Dim output_size(const WindowSpec& s, size_t i, Dim in, Dim begin, Dim end) {
  const int64_t stride = s.stride(i);
  if (!s.ceil_mode) return floordiv(in + begin + end - s.extent(i), stride) + 1;
  // A window that would start behind the input and its leading padding is left out.
  return min(ceildiv(in + begin + end - s.extent(i), stride) + 1, ceildiv(in + begin, stride));
}

}  // namespace

Window slide(const WindowSpec& s, std::span<const Dim> in) {
  Window w;
  const size_t n = in.size();
  for (size_t i = 0; i < n; ++i) {
    Dim begin = 0, end = 0, out;
    if (is_same(s)) {
      out = ceildiv(in[i], s.stride(i));
      const Dim total = max((out - 1) * s.stride(i) + s.extent(i) - in[i], 0);
      const Dim half = floordiv(total, 2);
      begin = s.auto_pad == "SAME_UPPER" ? half : total - half;
      end = total - begin;
    } else {
      if (s.auto_pad != "VALID" && !s.pads.empty()) begin = s.pads[i], end = s.pads[n + i];
      out = output_size(s, i, in[i], begin, end);
    }
    w.out.push_back(out);
    w.pad_begin.push_back(begin);
    w.pad_end.push_back(end);
  }
  return w;
}

Window slide_transposed(const WindowSpec& s, std::span<const Dim> in, std::span<const int64_t> output_padding,
                        std::span<const int64_t> output_shape) {
  Window w;
  const size_t n = in.size();
  for (size_t i = 0; i < n; ++i) {
    const Dim extra = output_padding.empty() ? 0 : output_padding[i];
    const Dim full = (in[i] - 1) * s.stride(i) + extra + s.extent(i);
    Dim begin = 0, end = 0, out;
    if (!output_shape.empty() || is_same(s)) {
      out = output_shape.empty() ? in[i] * s.stride(i) : Dim(output_shape[i]);
      const Dim total = full - out;
      const Dim half = floordiv(total, 2);
      // The odd element goes to the end for SAME_UPPER, else to the beginning.
      begin = s.auto_pad == "SAME_UPPER" ? half : total - half;
      end = total - begin;
    } else {
      if (s.auto_pad != "VALID" && !s.pads.empty()) begin = s.pads[i], end = s.pads[n + i];
      out = full - begin - end;
    }
    w.out.push_back(out);
    w.pad_begin.push_back(begin);
    w.pad_end.push_back(end);
  }
  return w;
}

void check_window(const Inferring& t, const WindowSpec& s, size_t spatial, bool negative_pads) {
  auto check = [&](std::span<const int64_t> v, std::string_view name, size_t want, int64_t least) {
    t.require(v.empty() || v.size() == want, name, " has ", v.size(), " values (expected ", want, " for ", spatial,
              " spatial axes)");
    for (int64_t x : v) t.require(x >= least, name, " has the value ", x, " (expected ", least, " or more)");
  };
  t.require(s.kernel.size() == spatial, "kernel_shape has ", s.kernel.size(), " values (expected ", spatial,
            ", one for each spatial axis)");
  for (Dim k : s.kernel)
    t.require(!k.is_constant() || k.value() >= 1, "kernel_shape has the value ", k, " (expected 1 or more)");
  check(s.strides, "strides", spatial, 1);
  check(s.dilations, "dilations", spatial, 1);
  check(s.pads, "pads", 2 * spatial, negative_pads ? INT64_MIN : 0);
  t.require(s.auto_pad == "NOTSET" || s.auto_pad == "VALID" || is_same(s), "auto_pad is '", s.auto_pad,
            "' (expected NOTSET, VALID, SAME_UPPER or SAME_LOWER)");
}

Window infer_window(Inferring& t, const WindowSpec& s, std::span<const Dim> in) {
  Window w = slide(s, in);
  if (is_same(s)) return w;
  for (size_t i = 0; i < in.size(); ++i)
    t.require_at_least(in[i] + w.pad_begin[i] + w.pad_end[i], s.extent(i),
                       "the padded input must be at least as large as the dilated kernel");
  return w;
}

}  // namespace neve
