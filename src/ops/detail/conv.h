// Convolution for the reference: direct loops over rows, forward and both ways back.
#pragma once
#include <cstdint>

#include "op/spatial.h"

#include <neve/tensor.h>

namespace neve::ops {

/// A convolution of up to 3 spatial axes; missing ones are 1 in front. Channels are per group.
struct ConvGeometry {
  int64_t n = 0, groups = 1, cin = 0, cout = 0;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0};

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// First and one past last output position along axis i whose tap k lies inside of the input.
  void range(int i, int64_t k, int64_t& first, int64_t& last) const;
};

/// x: [n, groups * cin, in...], w: [groups * cout, cin, kernel...], y: [n, groups * cout, out...]; sizes from the
/// tensors.
ConvGeometry conv_geometry(const WindowSpec& spec, const Window& window, const Sizes& x, const Sizes& w,
                           const Sizes& y);

/// y = conv(x, w) + bias; bias may be null. T: float, double, uint32_t (for i32).
template <class T>
void conv_forward(const ConvGeometry& g, const T* x, const T* w, const T* bias, T* y, int threads);
/// dx = the gradient of conv_forward by x, given dy; plus bias for each channel of dx (null: none): a transposed
/// convolution.
template <class T>
void conv_backward_input(const ConvGeometry& g, const T* dy, const T* w, const T* bias, T* dx, int threads);
/// dw = the gradient of conv_forward by w, given dy.
template <class T>
void conv_backward_weight(const ConvGeometry& g, const T* x, const T* dy, T* dw, int threads);

}  // namespace neve::ops
