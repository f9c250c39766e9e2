// Attributes, paddings and weights of convolutions as oneDNN wants them: for the forward kernels and the gradients.
#pragma once
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/onednn/common.h"

namespace neve::kernels::onednn {

struct ConvShape {
  std::vector<int64_t> strides, dilations, pads, kernel;
  int64_t group = 1;
  std::string auto_pad;
  std::vector<int64_t> output_padding, output_shape;
  bool transposed = false;
};
ConvShape read_attrs(const SubgraphNode& n, bool transposed);

struct Geometry {
  dnnl::memory::dims strides, dilations, pad_begin, pad_end;
  bool fits = true;
};
/// Paddings for concrete sizes; for a transposed convolution the end padding follows from the output size.
Geometry geometry(const ConvShape& c, const Sizes& x, const Sizes& w, const Sizes& y);

/// ONNX: [m, c / group, k...], transposed: [c, m / group, k...]; oneDNN: [g, m / g, c / g, k...], without g for one
/// group.
dnnl::memory::dims weight_dims(const ConvShape& c, const Sizes& w);
/// How the weight lies in the file, seen in oneDNN's dims.
dnnl::memory::desc plain_weight(const ConvShape& c, const Sizes& w, dnnl::memory::data_type t);

/// The name of a layout that will be met at other sizes too: where the spatial axes happen to be 1 it has several, and
/// the strides tell which one is meant. `shape`: as the graph states it.
std::optional<Layout> name_of(const dnnl::memory::desc& md, const Shape& shape);

/// Convolutions of one point as products of matrices: asked before the others.
Entry conv_point_entry();
Entry conv_point_grad_entry();
/// Convolutions of few points with large weights: asked next.
Entry conv_unfold_entry();
Entry conv_input_grad_unfold_entry();
Entry conv_weight_grad_unfold_entry();

}  // namespace neve::kernels::onednn
