// Separable resampling: for each axis, which inputs make an output, and with what weights.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <neve/tensor.h>

namespace neve::ops {

/// How one axis is resampled.
struct Resampling {
  std::string mode = "nearest";            // nearest, linear, cubic
  std::string coordinates = "half_pixel";  // ONNX coordinate_transformation_mode
  std::string nearest_mode = "round_prefer_floor";
  double cubic_a = -0.75;
  bool antialias = false, exclude_outside = false;
};

/// Weights of one axis: output i is the sum over k < taps of weight[i * taps + k] * x[index[i * taps + k]].
struct AxisWeights {
  int64_t axis = 0, in = 0, out = 0, taps = 0;
  std::vector<int64_t> index;
  std::vector<double> weight;
  std::vector<bool> outside;  ///< outputs that get the extrapolation value; empty: none
};

/// @param scale  the size asked for is scale * in; out is that, rounded.
/// @param roi_begin, roi_end  normalised; only for tf_crop_and_resize
AxisWeights axis_weights(const Resampling& r, int64_t axis, int64_t in, int64_t out, double scale, double roi_begin,
                         double roi_end);

/// x resampled along one axis; T is the element type of x and the result (float or double).
template <class T>
Tensor resample(const Tensor& x, const AxisWeights& w, int threads);
/// The adjoint: from a tensor of the size of the result to one of the size of x.
template <class T>
Tensor resample_adjoint(const Tensor& dy, const AxisWeights& w, int threads);
/// Picks by index, for tables of one tap and any dtype.
Tensor pick(const Tensor& x, const AxisWeights& w);

}  // namespace neve::ops
