// Matrix products, convolution, pooling, recurrent layers, attention, resampling, detection, losses.
#include <algorithm>

#include "import/onnx/rules.h"
#include "import/onnx/widen.h"

namespace neve::import {
namespace {

Values as_given(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

/// Before operator set 7, the bias of Gemm broadcast on request, and was required.
Values gemm(OnnxNode& n) {
  n.ignore_attr("broadcast");  // newer sets broadcast always
  return n.mechanical("gemm", n.all_in());
}

/// Operator set 1 rounds p to a float and calls the default padding otherwise.
Values lp_pool(OnnxNode& n) {
  const auto* p = n.find_attr("p");
  const int64_t order = !p ? 2 : p->type() == pb::AttributeProto::FLOAT ? int64_t(p->f()) : p->i();
  return n.mechanical(n.op(), {n.in(0)}, {{"p", order}});
}

/// RNN, GRU and LSTM.
Values recurrent(OnnxNode& n) {
  n.ignore_attr("output_sequence");  // operator sets 1 to 6: whether y is wanted; the outputs tell
  Values in = n.all_in();
  const int64_t layout = n.attr_int("layout", 0);
  const Dim batch = n.g.type(in[0]).shape.size() == 3 ? n.g.type(in[0]).shape[layout ? 0 : 1] : Dim(0);
  for (size_t i = 5; i < std::min<size_t>(in.size(), 7); ++i)  // initial states, written for a batch that was opened
    if (in[i].valid() && n.g.rank(in[i]) == 3) in[i] = widen_to(n, in[i], layout ? 0 : 1, batch);
  return n.mechanical(n.op(), in, {{"layout", layout}});
}

// ---- resampling ----------------------------------------------------------------------------------------------------

constexpr const char* resize_ops = "resize";

/// The scales in input i where they are known: then sizes follow from them before anything runs.
std::vector<double> known_scales(OnnxNode& n, size_t i) {
  std::vector<double> s;
  if (const auto content = n.content(i))
    for (int64_t k = 0; k < content->element_count(); ++k) s.push_back(content->item(k));
  return s;
}

Values upsample(OnnxNode& n) {
  const Value x = n.in(0);
  std::vector<double> factors;
  if (n.opset >= 9)
    factors = known_scales(n, 1);
  else if (n.opset >= 7)
    factors = n.attr_floats("scales");
  else
    factors = {1, 1, n.attr_float("height_scale", 1), n.attr_float("width_scale", 1)};
  const Value scales = factors.empty() ? n.in(1) : Value{};
  std::string mode = n.attr_string("mode", "nearest");
  if (mode == "bilinear") mode = "linear";
  return {n.call("resize", {x, Value{}, scales},
                 {{"mode", mode},
                  {"scale_factors", factors},
                  {"coordinate_transformation_mode", std::string("asymmetric")},
                  {"nearest_mode", std::string("floor")}})};
}

/// An input that is there but empty (how operator set 11 left one out).
bool given(OnnxNode& n, size_t i) {
  if (!n.has(i)) return false;
  const TensorType t = n.type(i);
  return !(t.rank() == 1 && t.shape[0].is(0));
}

Values resize(OnnxNode& n) {
  const Value x = n.in(0);
  if (n.opset < 11) {
    const std::vector<double> factors = known_scales(n, 1);
    return n.mechanical("resize", {x, Value{}, factors.empty() ? n.in(1) : Value{}},
                        {{"coordinate_transformation_mode", std::string("asymmetric")},
                         {"nearest_mode", std::string("floor")},
                         {"scale_factors", factors}});
  }
  Value roi = given(n, 1) ? n.constant_in(1) : Value{}, scales = given(n, 2) ? n.constant_in(2) : Value{},
        sizes = given(n, 3) ? n.constant_in(3) : Value{};
  if (n.attr_string("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize") roi = {};
  if (sizes.valid() && !n.has_attr("axes"))
    if (const auto known = n.sizes(3))
      if (const auto wide = widen_sizes(n, n.g.type(x).shape, *known)) {
        const Value sources[] = {x};
        sizes = n.g.dims(std::span<const Dim>(wide->data(), wide->size()), sources);
      }
  std::vector<double> factors;
  if (scales.valid()) factors = known_scales(n, 2);
  if (!factors.empty()) scales = {};
  Values in{x, roi, scales, sizes};
  while (!in.back().valid()) in.pop_back();
  return n.mechanical(
      "resize", in,
      {{"coordinate_transformation_mode", n.attr_string("coordinate_transformation_mode", "half_pixel")},
       {"scale_factors", factors}});
}

Values grid_sample(OnnxNode& n) {
  std::string mode = n.attr_string("mode", n.opset < 20 ? "bilinear" : "linear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  return n.mechanical(n.op(), {n.in(0), n.in(1)}, {{"mode", mode}});
}

Values roi_align(OnnxNode& n) {
  const std::string mode =
      n.attr_string("coordinate_transformation_mode", n.opset < 16 ? "output_half_pixel" : "half_pixel");
  return n.mechanical(n.op(), n.all_in(), {{"coordinate_transformation_mode", mode}});
}

Values attention(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

constexpr Rule rules[] = {
    {"MatMul", "matmul"},
    {"Gemm", "gemm", gemm},
    {"Conv", "conv"},
    {"ConvTranspose", "conv_transpose"},
    {"DeformConv", "deform_conv", as_given},
    {"Col2Im", "col2im"},
    {"MaxPool", "max_pool"},
    {"MaxUnpool", "max_unpool", as_given},
    {"AveragePool", "average_pool"},
    {"LpPool", "lp_pool", lp_pool},
    {"GlobalAveragePool", "global_average_pool"},
    {"GlobalMaxPool", "global_max_pool"},
    {"GlobalLpPool", "global_lp_pool", lp_pool},
    {"RNN", "rnn", recurrent},
    {"GRU", "gru", recurrent},
    {"LSTM", "lstm", recurrent},
    {"Attention", "attention", attention},
    {"RotaryEmbedding", "rotary_embedding", as_given},
    {"Upsample", resize_ops, upsample},
    {"Resize", resize_ops, resize},
    {"GridSample", "grid_sample", grid_sample},
    {"AffineGrid", "affine_grid", as_given},
    {"RoiAlign", "roi_align", roi_align},
    {"MaxRoiPool", "max_roi_pool", as_given},
    {"NonMaxSuppression", "non_max_suppression", as_given},
    {"NegativeLogLikelihoodLoss", "negative_log_likelihood_loss", as_given},
    {"SoftmaxCrossEntropyLoss", "softmax_cross_entropy_loss", as_given},
};

}  // namespace

std::span<const Rule> network_rules() { return rules; }

}  // namespace neve::import
