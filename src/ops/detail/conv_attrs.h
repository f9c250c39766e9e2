// The attributes that all convolutions share, and what follows from them.
#pragma once
#include <string>
#include <tuple>
#include <vector>

#include "op/def.h"
#include "op/spatial.h"

namespace neve::ops {

struct ConvAttrs {
  std::vector<int64_t> kernel_shape = {}, strides = {}, pads = {}, dilations = {};
  int64_t group = 1;
  std::string auto_pad = "NOTSET";

  /// `w` is the shape of the weight, [_, _, kernel...]. Points into this struct.
  WindowSpec spec(const Shape& w) const {
    WindowSpec s;
    s.kernel = Shape(w.begin() + 2, w.end());
    s.strides = strides, s.dilations = dilations, s.pads = pads, s.auto_pad = auto_pad;
    return s;
  }
  WindowSpec spec(const Sizes& w) const { return spec(Shape(w.begin(), w.end())); }

  /// These values, for Builder::call; with other pads if given.
  AttrList list() const {
    return {{"kernel_shape", kernel_shape}, {"strides", strides}, {"pads", pads},
            {"dilations", dilations},       {"group", group},     {"auto_pad", auto_pad}};
  }
};

inline constexpr auto conv_attr_fields =
    std::tuple{attr("kernel_shape", &ConvAttrs::kernel_shape, "Kernel sizes; may be left out, the weight tells them."),
               attr("strides", &ConvAttrs::strides, "Step of the window for each spatial axis; empty: 1."),
               attr("pads", &ConvAttrs::pads, "Padding: all begins, then all ends; empty: 0."),
               attr("dilations", &ConvAttrs::dilations, "Distance of kernel elements for each spatial axis; empty: 1."),
               attr("group", &ConvAttrs::group, "Number of groups of channels."),
               attr("auto_pad", &ConvAttrs::auto_pad, "NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.")};

/// Checks what input, weight and attributes of a convolution have in common: ranks, dtypes, groups. `x` and `w` are
/// inputs.
void check_conv(Inferring& t, const ConvAttrs& a, size_t x, size_t w);
/// The type of conv(x, w), with all requirements.
TensorType conv_type(Inferring& t, const ConvAttrs& a, size_t x, size_t w, DType dtype);
/// Bias (if present) is [channels] of the dtype of input x.
void check_bias(Inferring& t, size_t bias, size_t x, Dim channels);
/// 2 * outputs * multiplications an output.
double conv_flops(const TensorType& w, const TensorType& y);

}  // namespace neve::ops
