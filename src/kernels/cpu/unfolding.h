// The image of a convolution unfolded: a row for every point of the result, with all it is made of.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>

#include "neve/sizes.h"

namespace neve::kernels {

/// Where the elements of one tap of one point lie, for up to three spatial axes.
class Unfolding {
 public:
  /// For each spatial axis; pads: before the first element.
  struct Windows {
    std::vector<int64_t> strides, dilations, pads;
  };
  /// Of the image, the weight and the result, all of them with batch and channels first.
  struct Operands {
    const Sizes &x, &w, &y;
  };
  Unfolding(const Windows& g, const Operands& o, bool channels_last) {
    channels_ = o.x[1];
    const size_t spatial = o.x.size() - 2, missing = 3 - spatial;
    for (size_t i = 0; i < spatial; ++i) {
      const size_t a = missing + i;
      x_[a] = o.x[2 + i], y_[a] = o.y[2 + i], k_[a] = o.w[2 + i];
      stride_[a] = g.strides[i], dilation_[a] = g.dilations[i], pad_[a] = g.pads[i];
    }
    points_ = y_[0] * y_[1] * y_[2], pixels_ = x_[0] * x_[1] * x_[2], taps_ = k_[0] * k_[1] * k_[2];
    step_ = channels_last ? 1 : pixels_;
    pixel_ = channels_last ? channels_ : 1;
  }
  int64_t points() const { return points_; }
  int64_t taps() const { return taps_; }
  int64_t columns() const { return channels_ * taps_; }
  int64_t image() const { return channels_ * pixels_; }
  /// Whether row m of the unfolded image is pixel m of x as it lies.
  bool is_itself() const {
    return pixel_ == channels_ && taps_ == 1 && points_ == pixels_ && stride_[0] * stride_[1] * stride_[2] == 1 &&
           pad_[0] + pad_[1] + pad_[2] == 0;
  }

  /// body(tap, offset of the pixel in x, or -1) for every tap of point m.
  template <class F>
  void each_tap(int64_t m, F&& body) const {
    const int64_t n = m / points_, p = m % points_;
    const int64_t at[3] = {p / (y_[1] * y_[2]) * stride_[0] - pad_[0], p / y_[2] % y_[1] * stride_[1] - pad_[1],
                           p % y_[2] * stride_[2] - pad_[2]};
    int64_t tap = 0;
    for (int64_t a = 0; a < k_[0]; ++a)
      for (int64_t b = 0; b < k_[1]; ++b)
        for (int64_t c = 0; c < k_[2]; ++c, ++tap) {
          const int64_t i = at[0] + a * dilation_[0], j = at[1] + b * dilation_[1], k = at[2] + c * dilation_[2];
          const bool inside = i >= 0 && i < x_[0] && j >= 0 && j < x_[1] && k >= 0 && k < x_[2];
          body(tap, inside ? n * image() + ((i * x_[1] + j) * x_[2] + k) * pixel_ : int64_t(-1));
        }
  }

  /// Row m: every channel, and of each every tap, as a weight lies.
  void unfold(const float* x, int64_t m, float* row) const {
    each_tap(m, [&](int64_t tap, int64_t offset) {
      float* to = row + tap;
      if (offset < 0) {
        for (int64_t c = 0; c < channels_; ++c) to[c * taps_] = 0;
      } else if (const float* from = x + offset; step_ == 1 && taps_ == 1) {
        std::memcpy(to, from, size_t(channels_) * sizeof(float));
      } else {
        for (int64_t c = 0; c < channels_; ++c) to[c * taps_] = from[c * step_];
      }
    });
  }

  /// Adds channels [first, last) of row m to dx.
  void fold(const float* row, int64_t m, int64_t first, int64_t last, float* dx) const {
    each_tap(m, [&](int64_t tap, int64_t offset) {
      if (offset < 0) return;
      float* to = dx + offset;
      for (int64_t c = first; c < last; ++c) to[c * step_] += row[c * taps_ + tap];
    });
  }

  void clear(int64_t images, int64_t first, int64_t last, float* dx) const {
    for (int64_t n = 0; n < images; ++n, dx += image())
      for (int64_t p = 0; p < pixels_; ++p)
        for (int64_t c = first; c < last; ++c) dx[p * pixel_ + c * step_] = 0;
  }

 private:
  int64_t channels_ = 0, points_ = 0, pixels_ = 0, taps_ = 0, step_ = 1, pixel_ = 1;
  int64_t x_[3] = {1, 1, 1}, y_[3] = {1, 1, 1}, k_[3] = {1, 1, 1}, stride_[3] = {1, 1, 1}, dilation_[3] = {1, 1, 1},
          pad_[3] = {0, 0, 0};
};

}  // namespace neve::kernels
