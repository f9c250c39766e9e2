// Convolutions of any taps as products: a row of results is its windows times the weight, and the windows are read
// where they lie. Channels are last in the result; an image of few channels, the first of a network, comes as planes.
#include <algorithm>
#include <limits>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"
#include "op/spatial.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_planes = 4;
constexpr int64_t most_floats = 1 << 17;   // of the rows under a row of results: they and the weight stay in a cache
constexpr int64_t worth_waking = 1 << 17;  // multiplications

struct DirectPlan {
  PackedProduct product;  ///< positions: row of taps, tap, channel; of planes: channel, row of taps, tap
  ProductEnd end;
  bool planes = false;
  int64_t channels = 0, height = 0, width = 0;
  std::vector<int64_t> strides, dilations, pads;
  std::string auto_pad;
  int64_t pixel() const { return planes ? 1 : channels; }  ///< floats from one pixel of a row to the next
  int64_t rows() const { return height * (planes ? channels : 1); }
};

class BoundDirect final : public BoundKernel {
 public:
  BoundDirect(const DirectPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p),
        simd_(simd_for(p.product.isa)),
        images_(x[0]),
        in_h_(x[2]),
        in_w_(x[3]),
        out_h_(y[2]),
        out_w_(y[3]),
        threads_(threads) {
    WindowSpec spec;
    spec.kernel = {Dim(p_.height), Dim(p_.width)};
    spec.strides = p_.strides, spec.dilations = p_.dilations, spec.pads = p_.pads, spec.auto_pad = p_.auto_pad;
    const Dim in[] = {Dim(in_h_), Dim(in_w_)};
    const Window window = slide(spec, in);
    top_ = window.pad_begin[0].value(), left_ = window.pad_begin[1].value();
    under_ = out_w_ ? (out_w_ - 1) * p_.strides[1] + (p_.width - 1) * p_.dilations[1] + 1 : 0;
    for (int64_t row = 0; row < p_.rows(); ++row)
      for (int64_t k = 0; k < p_.width; ++k)
        for (int64_t c = 0; c < p_.pixel(); ++c)
          taps_.push_back(int32_t((row * under_ + k * p_.dilations[1]) * p_.pixel() + c));
    rows_bytes_ = size_t(round_up(p_.rows() * under_ * p_.pixel(), most_lanes)) * sizeof(float);
  }
  size_t scratch_bytes() const override { return rows_bytes_ * size_t(threads_); }
  void run(const RunArgs& args) const override {
    const PackedProduct& w = p_.product;
    const int64_t work = std::max<int64_t>(1, out_w_ * w.k * w.n);
    parallel_for(images_ * out_h_, std::max<int64_t>(1, worth_waking / work), threads_,
                 [&](int64_t begin, int64_t end, int part) {
                   float* rows = reinterpret_cast<float*>(args.scratch + rows_bytes_ * size_t(part));
                   for (int64_t i = begin; i < end; ++i) {
                     gather(args, i / out_h_, i % out_h_ * p_.strides[0] - top_, rows);
                     for (int64_t j = 0; j < w.panels(); ++j) multiply(args, i * out_w_ * w.n, j, rows);
                   }
                 });
  }

 private:
  /// The rows of the image under a row of results, from row `first` on, with zeros around the image.
  void gather(const RunArgs& args, int64_t image, int64_t first, float* to) const {
    const int64_t pixel = p_.pixel(), planes = p_.planes ? p_.channels : 1, line = under_ * pixel;
    const float* x = static_cast<const float*>(args.in[p_.product.a]) + image * p_.channels * in_h_ * in_w_;
    const int64_t begin = std::clamp<int64_t>(left_, 0, under_), end = std::clamp(left_ + in_w_, begin, under_);
    for (int64_t c = 0; c < planes; ++c)
      for (int64_t k = 0; k < p_.height; ++k, to += line) {
        const int64_t row = first + k * p_.dilations[0];
        if (row < 0 || row >= in_h_) {
          std::fill(to, to + line, 0.f);
          continue;
        }
        const float* from = x + ((c * in_h_ + row) * in_w_ - left_) * pixel;
        std::fill(to, to + begin * pixel, 0.f);
        std::copy(from + begin * pixel, from + end * pixel, to + begin * pixel);
        std::fill(to + end * pixel, to + line, 0.f);
      }
  }

  void multiply(const RunArgs& args, int64_t at, int64_t panel, const float* rows) const {
    const PackedProduct& w = p_.product;
    const int64_t first = w.first(panel);
    FinishedProduct p{};
    p.vectors = w.vectors_of(panel), p.columns = std::min(w.n, w.first(panel + 1)) - first;
    p.rows = out_w_, p.k = w.k;
    p.a = rows, p.a_stride = p_.strides[1] * p_.pixel(), p.taps = taps_.data();
    p.b = static_cast<const float*>(args.in[w.b]) + first * w.k;
    if (p_.end.bias >= 0) p.bias = static_cast<const float*>(args.in[size_t(p_.end.bias)]) + first;
    if (p_.end.residual >= 0) p.residual = static_cast<const float*>(args.in[size_t(p_.end.residual)]) + at + first;
    p.f = p_.end.f;
    p.c = static_cast<float*>(args.out[0]) + at + first, p.c_stride = w.n;
    simd_.finished_product(p);
  }

  DirectPlan p_;
  const Simd& simd_;
  int64_t images_, in_h_, in_w_, out_h_, out_w_;
  int threads_;
  int64_t top_, left_, under_;  // under_: pixels under a row of results, padding included
  std::vector<int32_t> taps_;
  size_t rows_bytes_;
};

class DirectKernel final : public PackedProductKernel {
 public:
  explicit DirectKernel(DirectPlan p) : PackedProductKernel(p.product), p_(std::move(p)) {}
  std::string description() const override { return str("native direct convolution ", p_.product.isa); }
  Layout input_layout(size_t i) const override {
    return (i == p_.product.a && !p_.planes) || int(i) == p_.end.residual ? last_ : Layout{};
  }
  /// Over the residual, unless other rows read it as the image.
  int in_place(size_t) const override { return p_.end.residual == int(p_.product.a) ? -1 : p_.end.residual; }
  Layout output_layout(size_t) const override { return last_; }
  std::string packing_key(size_t i) const override {
    if (i != p_.product.b || p_.planes) return PackedProductKernel::packing_key(i);
    return str(panels_key(p_.product), ", ", p_.height, "x", p_.width, " taps, channels last");
  }
  void pack(size_t input, const Tensor& weight, void* packed, int threads) const override {
    if (p_.planes) return PackedProductKernel::pack(input, weight, packed, threads);
    const Tensor turned = Tensor::empty(DType::f32, {p_.product.n, p_.product.k});
    const float* from = weight.data_as<float>();
    const int64_t taps = p_.height * p_.width;
    float* to = turned.data_as<float>();
    for (int64_t o = 0; o < p_.product.n; ++o, from += p_.product.k)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t c = 0; c < p_.channels; ++c) *to++ = from[c * taps + t];
    PackedProductKernel::pack(input, turned, packed, threads);
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &x = sizes.in[p_.product.a], &y = sizes.out[0];
    const int64_t floats = p_.rows() * p_.pixel() * (y[3] * p_.strides[1] + p_.width * p_.dilations[1]);
    if (floats > most_floats) return str("rows of ", x[3], " pixels");
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundDirect>(p_, x, y, sizes.threads));
  }

 private:
  DirectPlan p_;
  Layout last_ = channels_last(4);
};

std::vector<int64_t> pair_of(const SubgraphNode& n, const char* name) {
  std::vector<int64_t> v = n.attrs.get_ints(name);
  if (v.empty()) v = {1, 1};
  return v;
}

// The second variant: vectors of half the size, where fewer columns are to spare then.
Result<Kernel> accept(const Request& r, int variant) {
  if (variant > 1) return "no more variants";
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_image_conv(g, c)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& w = g.types[size_t(n.in[1])];
  DirectPlan p;
  if (auto why = read_end(c.steps, p.end)) return *why;
  p.channels = c.channels, p.planes = c.channels <= most_planes;
  if (p.planes && p.end.residual == int(c.x)) return "the image is added too";
  p.height = w.shape[2].value(), p.width = w.shape[3].value();
  p.strides = pair_of(n, "strides"), p.dilations = pair_of(n, "dilations");
  p.pads = n.attrs.get_ints("pads"), p.auto_pad = n.attrs.get_string("auto_pad");
  if (p.height * p.width == 1 && !p.planes && p.strides == std::vector<int64_t>{1, 1}) return "a single tap";
  for (int64_t pad : p.pads)
    if (pad < 0) return "negative padding";
  PackedProduct& product = p.product;
  product.a = c.x, product.b = c.w, product.turned = true, product.mixed = true, product.isa = r.isa;
  product.n = c.outputs, product.k = c.channels * p.height * p.width;
  if (!product.n || !product.k) return "no channels";
  if (variant && !halved(product)) return "no more variants";
  return std::shared_ptr<const Kernel>(std::make_shared<DirectKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> direct_entries() { return {{"native.direct", accept}}; }

}  // namespace neve::kernels::native
