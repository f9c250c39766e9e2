// What follows a product or a convolution in the same kernel: steps applied to a block of results while it is in
// registers or L1.
#pragma once
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {

/// One step, in order.
struct Step {
  enum Kind : uint8_t { activation, combination } kind = activation;
  Activation f;
  Combination op = Combination::add;
  size_t input = 0;  ///< of the piece
  /// Its shape: the result's, one element for each channel, one element.
  enum Operand : uint8_t { full, channel, scalar } operand = full;
};

/// The steps of nodes[1..], or a refusal. `channel_axis`: of the result.
std::optional<std::string> read_steps(const Subgraph& g, size_t channel_axis, std::vector<Step>& steps);

/// A convolution in f32, transposed or not, with a fixed weight, and what follows it: the bias is the first step.
struct FixedConv {
  size_t x = 0, w = 0;                            ///< inputs of the piece
  int64_t channels = 0, outputs = 0, groups = 1;  ///< channels: of a group
  std::vector<Step> steps;
};
/// Reads such a piece, or refuses.
std::optional<std::string> read_fixed_conv(const Subgraph& g, FixedConv& c);
/// The same, of one group and over two spatial axes.
std::optional<std::string> read_image_conv(const Subgraph& g, FixedConv& c);

/// The taps of a convolution over two spatial axes, and how they go over an image.
struct ImageTaps {
  int64_t height = 0, width = 0;
  std::vector<int64_t> strides, dilations, pads;
  std::string auto_pad;
  /// Pixels under so many neighbouring results along an axis.
  int64_t covered(size_t axis, int64_t results) const {
    const int64_t taps = axis ? width : height;
    return results ? (results - 1) * strides[axis] + (taps - 1) * dilations[axis] + 1 : 0;
  }
};
ImageTaps image_taps(const Subgraph& g);
/// The rows and columns of zeros before an image of these sizes.
std::pair<int64_t, int64_t> padding_before(const ImageTaps& taps, int64_t height, int64_t width);

/// A convolution over images of these sizes.
class BoundImages : public BoundKernel {
 protected:
  BoundImages(const ImageTaps& taps, const Sizes& x, const Sizes& y, int threads)
      : images_(x[0]), in_h_(x[2]), in_w_(x[3]), out_h_(y[2]), out_w_(y[3]), threads_(threads) {
    std::tie(top_, left_) = padding_before(taps, in_h_, in_w_);
    under_ = taps.covered(1, out_w_);
  }
  int64_t images_, in_h_, in_w_, out_h_, out_w_;
  int threads_;
  int64_t top_, left_;  ///< rows and columns of zeros before an image
  int64_t under_;       ///< pixels under a row of results, padding included
};

/// The nodes from `begin` on as a piece of their own; what an earlier one makes becomes its last input.
Subgraph part_of(const Subgraph& g, size_t begin, size_t end);

/// The input that is added (or so) element by element, other than `x`, or -1. The result may lie over it: a block reads
/// its part of it before it is written, and nothing else reads that part.
int residual_of(const std::vector<Step>& steps, size_t x);

/// A block of results: `rows` rows of `columns` channels from `first` on. Memory: rows at `width`, a multiple of the
/// vector's lanes.
struct Block {
  float* x;
  int64_t rows, width, first, columns;
  int64_t at;      ///< where the first row begins in the whole result, in elements
  int64_t stride;  ///< between rows there
};
/// Applies an activation to any number of elements.
void activate(const Activation& f, const Simd& simd, float* x, int64_t n);
/// Applies a step; full operands lie as the result does.
void apply(const Step& s, const Simd& simd, const RunArgs& args, const Block& b);

}  // namespace neve::kernels::native
