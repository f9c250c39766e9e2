// Windows that slide over spatial axes: how kernel, stride, dilation and padding of convolutions and pools give sizes.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dim.h"

namespace neve {

class Inferring;

/// The attributes of a sliding window as ONNX names them. Empty vectors stand for ones (strides, dilations) and zeros
/// (pads).
struct WindowSpec {
  Shape kernel;  ///< per spatial axis
  std::span<const int64_t> strides, dilations;
  std::span<const int64_t> pads;         ///< all begins, then all ends; used if auto_pad is NOTSET
  std::string_view auto_pad = "NOTSET";  ///< NOTSET, VALID, SAME_UPPER, SAME_LOWER
  bool ceil_mode = false;                ///< the last window may hang over the end, if it starts inside

  int64_t stride(size_t i) const { return strides.empty() ? 1 : strides[i]; }
  int64_t dilation(size_t i) const { return dilations.empty() ? 1 : dilations[i]; }
  /// Size of the dilated kernel.
  Dim extent(size_t i) const { return (kernel[i] - 1) * dilation(i) + 1; }
};

/// What a spec comes to for input sizes: output sizes and the padding in effect, per spatial axis.
struct Window {
  Shape out, pad_begin, pad_end;
};

/// Sliding a window over `in`. Exact for symbolic sizes: with constant ones every result is a constant. No checks.
Window slide(const WindowSpec& spec, std::span<const Dim> in);

/// The inverse, of a transposed convolution: output sizes and the padding that is cut off. `output_shape` (empty: not
/// given) overrides pads; `output_padding` may be empty.
Window slide_transposed(const WindowSpec& spec, std::span<const Dim> in, std::span<const int64_t> output_padding,
                        std::span<const int64_t> output_shape);

/// Raises errors for a spec that has attributes of wrong length or sign for `spatial` axes.
void check_window(const Inferring& t, const WindowSpec& spec, size_t spatial, bool negative_pads = false);
/// slide(), after requiring that the padded input holds the window at least once.
Window infer_window(Inferring& t, const WindowSpec& spec, std::span<const Dim> in);

}  // namespace neve
