// Depthwise convolutions with channels last, a row of results at a time: what the kernel for one alone and the kernel
// that makes its input on the way share.
#pragma once
#include "kernels/cpu/native/epilogue.h"

namespace neve::kernels::native {

struct DepthwisePlan : ImageTaps {
  size_t x = 0, w = 1;  ///< inputs of the piece
  int bias = -1;        ///< the same; -1: none
  int64_t channels = 0;
  std::vector<Activation> follow;
  Isa isa = Isa::baseline;
};

/// Reads such a convolution and what follows it, or refuses.
std::optional<std::string> read_depthwise(const Subgraph& g, Isa isa, DepthwisePlan& p);
/// Taps, channels.
void pack_taps(const DepthwisePlan& p, const Tensor& weight, float* packed);
inline size_t packed_taps(const DepthwisePlan& p) { return size_t(p.height * p.width * p.channels) * sizeof(float); }
constexpr std::string_view packed_taps_key = "native.depthwise channels last";

class DepthwiseRows {
 public:
  DepthwiseRows(const DepthwisePlan& p, const Sizes& x, const Sizes& y);
  static constexpr int64_t most_taps = 7;

  int64_t in_rows() const { return in_h_; }
  int64_t in_columns() const { return in_w_; }
  int64_t out_rows() const { return out_h_; }
  int64_t out_columns() const { return out_w_; }
  /// The first row of the image under row r of the results; it may lie before the image.
  int64_t first(int64_t r) const { return r * p_.strides[0] - top_; }
  /// Row r of the results. rows: the rows of the image from first(r) on, one for each row of taps, null outside;
  /// pixels lie `apart` floats from each other. outside: [channels], zeros.
  void row(const RunArgs& args, const float* const* rows, int64_t apart, const float* outside, float* y) const;

 private:
  DepthwisePlan p_;
  const Simd& simd_;
  int columns_;
  int64_t in_h_, in_w_, out_h_, out_w_, top_, left_;
};

}  // namespace neve::kernels::native
