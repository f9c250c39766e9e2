// Transposed convolutions whose windows lie beside each other (the stride is the kernel): every pixel of the image
// times the weight is a block of the result. A row of taps is a product whose results lie side by side in memory.
#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t block_pixels = 192;   // at least, that go by a panel of the weight
constexpr int64_t block_floats = 4096;  // made before they are cut up: in the first cache

/// A row of the image and a row of taps make a row of the result, whose columns are: tap, channel.
struct TransposePlan {
  PackedProduct product;  ///< of a row of taps; of all of them where one row would leave most of a vector empty
  int64_t height = 0, width = 0, outputs = 0;
  bool cut = false;  ///< the product is of all taps
  ProductEnd end;
  int64_t line() const { return width * outputs; }  ///< of a pixel, in a row of the result
  int64_t products() const { return cut ? 1 : height; }
};

class BoundTranspose final : public BoundKernel {
 public:
  BoundTranspose(const TransposePlan& p, const Sizes& x, int threads)
      : p_(p), simd_(simd_for(p.product.isa)), rows_(x[0] * x[2]), columns_(x[3]), threads_(threads) {
    const PackedProduct& w = p_.product;
    rows_a_block_ = p_.cut ? 1 : std::max<int64_t>(1, block_pixels / std::max<int64_t>(1, columns_));
    blocks_ = (rows_ + rows_a_block_ - 1) / rows_a_block_;
    // Few rows of the image: the threads share the weight instead.
    pieces_ = p_.cut || blocks_ >= threads_ ? 1 : w.panels() * p_.products();
    pixels_ = std::clamp<int64_t>(block_floats / w.n, 1, std::max<int64_t>(1, columns_));
    ScratchPlan scratch;
    bias_at_ = scratch.add_of<float>(w.n);
    cut_at_ = scratch.size();
    if (p_.cut) scratch.add_of<float>(pixels_ * w.n);
    cut_bytes_ = scratch.size() - cut_at_;
    bytes_ = cut_at_ + cut_bytes_ * size_t(threads_);
  }
  size_t scratch_bytes() const override { return bytes_; }
  void run(const RunArgs& args) const override {
    if (p_.end.bias >= 0) {
      const float* from = static_cast<const float*>(args.in[size_t(p_.end.bias)]);
      float* to = reinterpret_cast<float*>(args.scratch + bias_at_);
      for (int64_t c = 0; c < p_.product.n; ++c) to[c] = from[c % p_.outputs];
    }
    parallel_pieces({.items = blocks_ * pieces_}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index, panels = p_.product.panels();
      const int64_t first = i / pieces_ * rows_a_block_, last = std::min(rows_, first + rows_a_block_);
      const int64_t from = pieces_ == 1 ? 0 : i % pieces_, to = pieces_ == 1 ? panels * p_.products() : from + 1;
      if (p_.cut)
        cut_row(args, first, reinterpret_cast<float*>(args.scratch + cut_at_ + cut_bytes_ * size_t(p.part)));
      else
        for (int64_t j = from; j < to; ++j)
          for (int64_t row = first; row < last; ++row)
            multiply(args, row * columns_, columns_, j / panels, j % panels, result(args, row, j / panels));
    });
  }

 private:
  /// The row of the result that a row of all images and a row of taps make.
  float* result(const RunArgs& args, int64_t row, int64_t taps) const {
    return static_cast<float*>(args.out[0]) + (row * p_.height + taps) * columns_ * p_.line();
  }

  /// Pixels times a panel of one of the products, to rows of its n columns.
  void multiply(const RunArgs& args, int64_t pixel, int64_t count, int64_t taps, int64_t panel, float* y) const {
    const PackedProduct& w = p_.product;
    const int64_t first = w.first(panel), floats = int64_t(panels_bytes(w) / sizeof(float));
    FinishedProduct p{};
    p.vectors = w.vectors_of(panel), p.columns = std::min(w.n, w.first(panel + 1)) - first;
    p.rows = count, p.k = w.k;
    p.a = static_cast<const float*>(args.in[w.a]) + pixel * w.k, p.a_stride = w.k;
    p.b = static_cast<const float*>(args.in[w.b]) + taps * floats + first * w.k;
    if (p_.end.bias >= 0) p.bias = reinterpret_cast<const float*>(args.scratch + bias_at_) + first;
    if (!p_.cut) p.f = p_.end.f;
    p.c = y + first, p.c_stride = w.n;
    simd_.finished_product(p);
  }

  /// All rows of the result that a row of the image makes.
  void cut_row(const RunArgs& args, int64_t row, float* block) const {
    const PackedProduct& w = p_.product;
    const int64_t line = p_.line();
    for (int64_t j = 0; j < columns_; j += pixels_) {
      const int64_t count = std::min(pixels_, columns_ - j);
      for (int64_t panel = 0; panel < w.panels(); ++panel) multiply(args, row * columns_ + j, count, 0, panel, block);
      for (int64_t a = 0; a < p_.height; ++a) {
        float* y = result(args, row, a) + j * line;
        const float* from = block + a * line;
        if (line == 2)
          for (int64_t k = 0; k < count; ++k) std::memcpy(y + 2 * k, from + k * w.n, 2 * sizeof(float));
        else
          for (int64_t k = 0; k < count; ++k, from += w.n, y += line)
            for (int64_t c = 0; c < line; ++c) y[c] = from[c];
      }
    }
    if (p_.end.f.kind == Activation::none) return;
    for (int64_t a = 0; a < p_.height; ++a) activate(p_.end.f, simd_, result(args, row, a), columns_ * line);
  }

  TransposePlan p_;
  const Simd& simd_;
  int64_t rows_, columns_;  // of all images
  int threads_;
  int64_t rows_a_block_, blocks_, pieces_, pixels_;
  size_t bias_at_, cut_at_, cut_bytes_, bytes_;
};

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(TransposePlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native transposed convolution ", p_.product.isa); }
  Layout input_layout(size_t i) const override { return i == p_.product.a && p_.product.k > 1 ? last_ : Layout{}; }
  Layout output_layout(size_t) const override { return p_.outputs > 1 ? last_ : Layout{}; }
  std::string packing_key(size_t i) const override {
    return i == p_.product.b ? str(panels_key(p_.product), ", ", p_.outputs, " channels of ", p_.products(),
                                   " rows of taps, channels last")
                             : "";
  }
  size_t packed_bytes(size_t i) const override {
    return i == p_.product.b ? panels_bytes(p_.product) * size_t(p_.products()) : 0;
  }
  void pack(size_t, const Tensor& weight, void* packed, int threads) const override {
    const float* w = weight.data_as<float>();
    const int64_t all = p_.height * p_.width, taps = all / p_.products();
    const Tensor columns = Tensor::empty(DType::f32, {p_.product.k, p_.product.n});
    for (int64_t a = 0; a < p_.products(); ++a) {
      float* to = columns.data_as<float>();
      for (int64_t c = 0; c < p_.product.k; ++c)
        for (int64_t t = a * taps; t < (a + 1) * taps; ++t)
          for (int64_t o = 0; o < p_.outputs; ++o) *to++ = w[(c * p_.outputs + o) * all + t];
      pack_panels(p_.product, columns.data_as<float>(),
                  static_cast<float*>(packed) + a * int64_t(panels_bytes(p_.product) / sizeof(float)), threads);
    }
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundTranspose>(p_, sizes.in[p_.product.a], sizes.threads));
  }

 private:
  TransposePlan p_;
  Layout last_ = channels_last(4);
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_image_conv(g, c)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& w = g.types[size_t(n.in[1])];
  TransposePlan p;
  p.height = w.shape[2].value(), p.width = w.shape[3].value(), p.outputs = c.outputs;
  std::vector<int64_t> strides = n.attrs.get_ints("strides");
  if (strides.empty()) strides = {1, 1};
  if (strides[0] != p.height || strides[1] != p.width) return "windows overlap, or leave gaps";
  for (const char* name : {"pads", "output_padding"})
    for (int64_t pad : n.attrs.get_ints(name))
      if (pad) return name;
  for (int64_t d : n.attrs.get_ints("dilations"))
    if (d != 1) return "dilations";
  if (!n.attrs.get_ints("output_shape").empty()) return "output_shape";
  if (const std::string pad = n.attrs.get_string("auto_pad"); pad != "NOTSET" && pad != "VALID") return pad;
  if (auto why = read_end(c.steps, p.end)) return *why;
  if (p.end.residual >= 0) return "what follows takes another image";
  for (int64_t d : r.sizes[size_t(g.outputs[0])])
    if (d <= 0) return "the sizes at the point are not known or empty";
  const int64_t lanes = simd_for(r.isa).lanes, line = p.line();
  p.cut = line < lanes && round_up(line, lanes) * p.height > round_up(line * p.height, lanes);
  p.product.a = c.x, p.product.b = c.w, p.product.mixed = true, p.product.isa = r.isa;
  p.product.k = c.channels, p.product.n = p.cut ? line * p.height : line;
  if (!p.product.n || !p.product.k) return "no channels";
  return std::shared_ptr<const Kernel>(std::make_shared<TransposeKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> conv_transpose_entries() { return {{"native.conv_transpose", accept}}; }

}  // namespace neve::kernels::native
