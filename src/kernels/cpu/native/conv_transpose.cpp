// Transposed convolutions whose windows lie beside each other (the stride is the kernel): every pixel of the image
// times the weight is a block of the result, so that the whole is one product, cut up.
#include <algorithm>
#include <array>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_pixels = 64, block_floats = 4096;  // made at once: in the first cache

struct TransposePlan {
  PackedProduct product;  ///< columns: row of taps, tap, channel of the result
  int64_t height = 0, width = 0, outputs = 0;
  int64_t padded() const { return product.panels() * product.width(); }
};

class BoundTranspose final : public BoundKernel {
 public:
  BoundTranspose(const TransposePlan& p, const Sizes& x, int threads)
      : p_(p), simd_(simd_for(p.product.isa)), rows_(x[0] * x[2]), columns_(x[3]), threads_(threads) {
    pixels_ = std::clamp<int64_t>(block_floats / p_.padded(), 1, std::clamp<int64_t>(columns_, 1, most_pixels));
    block_bytes_ = size_t(pixels_ * p_.padded()) * sizeof(float);
    for (const Step& s : p_.product.steps) operands_ += is_spread(s);
  }
  size_t scratch_bytes() const override { return block_bytes_ * (size_t(threads_) + operands_); }
  void run(const RunArgs& args) const override {
    const int64_t line = p_.width * p_.outputs;  // of a row of taps, in floats
    spread(args);
    parallel_for(rows_, 1, threads_, [&](int64_t begin, int64_t end, int part) {
      float* block = reinterpret_cast<float*>(args.scratch + block_bytes_ * (operands_ + size_t(part)));
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = 0; j < columns_; j += pixels_) {
          const int64_t count = std::min(pixels_, columns_ - j);
          multiply(args, i * columns_ + j, count, block);
          for (int64_t a = 0; a < p_.height; ++a) {
            float* y = static_cast<float*>(args.out[0]) + ((i * p_.height + a) * columns_ + j) * line;
            const float* from = block + a * line;
            for (int64_t k = 0; k < count; ++k, from += p_.padded(), y += line)
              for (int64_t c = 0; c < line; ++c) y[c] = from[c];
          }
        }
    });
  }

 private:
  static bool is_spread(const Step& s) { return s.kind != Step::activation && s.operand == Step::channel; }
  float* operand(const RunArgs& args, size_t number) const {
    return reinterpret_cast<float*>(args.scratch + block_bytes_ * number);
  }

  /// One element a channel becomes a block as the product gives it.
  void spread(const RunArgs& args) const {
    size_t number = 0;
    for (const Step& s : p_.product.steps) {
      if (!is_spread(s)) continue;
      float* to = operand(args, number++);
      const float* from = static_cast<const float*>(args.in[s.input]);
      std::fill(to, to + pixels_ * p_.padded(), 1.f);
      for (int64_t k = 0; k < pixels_; ++k)
        for (int64_t c = 0; c < p_.product.n; ++c) to[k * p_.padded() + c] = from[c % p_.outputs];
    }
  }

  void multiply(const RunArgs& args, int64_t pixel, int64_t count, float* block) const {
    const PackedProduct& e = p_.product;
    for (int64_t j = 0; j < e.panels(); ++j) {
      Product p{};
      p.vectors = e.vectors, p.rows = count, p.k = e.k, p.a_stride = e.k, p.c_stride = p_.padded(), p.targets = 1;
      p.a = static_cast<const float*>(args.in[e.a]) + pixel * e.k;
      p.b = static_cast<const float*>(args.in[e.b]) + j * e.k * e.width();
      p.to[0] = {block + j * e.width(), Product::set};
      simd_.product(p);
    }
    size_t number = 0;
    const int64_t n = count * p_.padded();
    for (const Step& s : e.steps)
      if (is_spread(s))
        simd_.combine(s.op, block, operand(args, number++), n);
      else
        apply(s, simd_, args, {block, count, p_.padded(), 0, p_.padded(), 0, p_.padded()});
  }

  TransposePlan p_;
  const Simd& simd_;
  int64_t rows_, columns_, pixels_;
  int threads_;
  size_t block_bytes_, operands_ = 0;
};

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(TransposePlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native transposed convolution ", p_.product.isa); }
  Layout input_layout(size_t i) const override { return i == p_.product.a && p_.product.k > 1 ? last_ : Layout{}; }
  Layout output_layout(size_t) const override { return p_.outputs > 1 ? last_ : Layout{}; }
  std::string packing_key(size_t i) const override {
    return i == p_.product.b ? str(panels_key(p_.product), ", ", p_.outputs, " channels last") : "";
  }
  size_t packed_bytes(size_t i) const override { return i == p_.product.b ? panels_bytes(p_.product) : 0; }
  void pack(size_t, const Tensor& weight, void* packed, int threads) const override {
    const float* w = weight.data_as<float>();
    const int64_t taps = p_.height * p_.width;
    const Tensor columns = Tensor::empty(DType::f32, {p_.product.k, p_.product.n});
    float* to = columns.data_as<float>();
    for (int64_t c = 0; c < p_.product.k; ++c)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t o = 0; o < p_.outputs; ++o) *to++ = w[(c * p_.outputs + o) * taps + t];
    pack_panels(p_.product, columns.data_as<float>(), static_cast<float*>(packed), threads);
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
  if (auto why = read_fixed_conv(g, c)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.rank() != 4) return str("two spatial axes, x is ", x);
  if (c.groups != 1) return str(c.groups, " groups");
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
  for (const Step& s : c.steps)
    if (s.kind != Step::activation && s.operand == Step::full) return "what follows takes another image";
  for (int64_t d : r.sizes[size_t(g.outputs[0])])
    if (d <= 0) return "the sizes at the point are not known or empty";
  p.product.a = c.x, p.product.b = c.w, p.product.steps = std::move(c.steps), p.product.isa = r.isa;
  p.product.k = c.channels, p.product.n = p.height * p.width * p.outputs;
  p.product.vectors = panel_vectors(p.product.n, r.isa);
  return std::shared_ptr<const Kernel>(std::make_shared<TransposeKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> conv_transpose_entries() { return {{"native.conv_transpose", accept}}; }

}  // namespace neve::kernels::native
