// What the pools and their gradients share: attributes, types, and a walk over windows.
#pragma once
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "base/threads.h"
#include "op/def.h"
#include "op/spatial.h"

namespace neve::ops {

struct PoolAttrs {
  std::vector<int64_t> kernel_shape = {}, strides = {}, pads = {}, dilations = {};
  std::string auto_pad = "NOTSET";
  bool ceil_mode = false;

  /// Points into this struct.
  WindowSpec spec() const {
    WindowSpec s;
    s.kernel = Shape(kernel_shape.begin(), kernel_shape.end());
    s.strides = strides, s.dilations = dilations, s.pads = pads, s.auto_pad = auto_pad;
    s.ceil_mode = ceil_mode && auto_pad != "VALID";  // ONNX's formula for VALID comes to the same in both modes
    return s;
  }
  AttrList list() const {
    return {{"kernel_shape", kernel_shape}, {"strides", strides},   {"pads", pads},
            {"dilations", dilations},       {"auto_pad", auto_pad}, {"ceil_mode", ceil_mode}};
  }
};

inline constexpr auto pool_attr_fields =
    std::tuple{attr("kernel_shape", &PoolAttrs::kernel_shape, "Size of the window for each spatial axis."),
               attr("strides", &PoolAttrs::strides, "Step of the window for each spatial axis; empty: 1."),
               attr("pads", &PoolAttrs::pads, "Padding: all begins, then all ends; empty: 0."),
               attr("dilations", &PoolAttrs::dilations, "Distance of window elements for each spatial axis; empty: 1."),
               attr("auto_pad", &PoolAttrs::auto_pad, "NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER."),
               attr("ceil_mode", &PoolAttrs::ceil_mode, "Keep a last window that hangs over the end.")};

/// Requires x to have 1 to 3 spatial axes and gives the shape of the pooled tensor.
Shape pool_shape(Inferring& t, const PoolAttrs& a, size_t x);

/// Windows over planes of up to 3 axes; missing ones are 1 in front.
struct PoolGeometry {
  int64_t planes = 0;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
  int64_t pad[3] = {0, 0, 0}, pad_end[3] = {0, 0, 0};

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  /// Number of taps of the window at `o` inside of the padded input.
  int64_t padded_taps(const int64_t o[3]) const {
    int64_t n = 1;
    for (int i = 0; i < 3; ++i) {
      int64_t inside = 0;
      for (int64_t k = 0; k < kernel[i]; ++k) {
        const int64_t p = o[i] * stride[i] + k * dilation[i] - pad[i];
        inside += p >= -pad[i] && p < in[i] + pad_end[i];
      }
      n *= inside;
    }
    return n;
  }
  /// Calls f(offset in the plane) for each tap inside of the input of the window at o.
  template <class F>
  void taps(const int64_t o[3], F&& f) const {
    int64_t first[3], count[3];
    for (int i = 0; i < 3; ++i) {
      const int64_t start = o[i] * stride[i] - pad[i];
      const int64_t skip = start < 0 ? (-start + dilation[i] - 1) / dilation[i] : 0;
      const int64_t left = in[i] - start;  // taps k with k * dilation < left
      const int64_t end = left <= 0 ? 0 : std::min(kernel[i], (left + dilation[i] - 1) / dilation[i]);
      first[i] = start + skip * dilation[i];
      count[i] = std::max<int64_t>(0, end - skip);
    }
    for (int64_t a = 0; a < count[0]; ++a)
      for (int64_t b = 0; b < count[1]; ++b) {
        const int64_t row = ((first[0] + a * dilation[0]) * in[1] + first[1] + b * dilation[1]) * in[2] + first[2];
        for (int64_t c = 0; c < count[2]; ++c) f(row + c * dilation[2]);
      }
  }
  /// Calls f(plane, index of the window in the plane, o) for all windows, planes shared between threads.
  template <class F>
  void windows(int threads, F&& f) const {
    parallel_for(planes, 1, threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t p = begin; p < end; ++p) {
        int64_t index = 0, o[3];
        for (o[0] = 0; o[0] < out[0]; ++o[0])
          for (o[1] = 0; o[1] < out[1]; ++o[1])
            for (o[2] = 0; o[2] < out[2]; ++o[2]) f(p, index++, o);
      }
    });
  }
};

PoolGeometry pool_geometry(const PoolAttrs& a, const Sizes& x, const Sizes& y);

}  // namespace neve::ops
