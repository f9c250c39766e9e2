// Depthwise convolutions, channels last: a few neighbouring results at a time, and the activation while they are in the
// cache.
#include <algorithm>
#include <array>

#include "base/threads.h"
#include "kernels/cpu/native/epilogue.h"
#include "op/spatial.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_taps = 7, most_columns = 8, most_pixels = (most_columns - 1) * 2 + most_taps;

struct DepthwisePlan {
  size_t x = 0, w = 1;
  int bias = -1;  ///< input of the piece
  int64_t channels = 0, height = 0, width = 0;
  std::vector<int64_t> strides, pads;
  std::string auto_pad;
  std::vector<Activation> follow;
  Layout layout;
  Isa isa = Isa::baseline;
};

/// Results of a row that are made at once: as many as give the least work, with those that two blocks share counted
/// twice.
int columns_of(int64_t out_w, int64_t width, int64_t stride) {
  int best = 1;
  int64_t least = -1;
  for (int columns : {8, 7, 4, 1}) {
    if (columns > out_w) continue;
    // Loads of taps and pixels, and the multiply-adds.
    const int64_t block = columns * width + (columns - 1) * stride + 2 * width,
                  cost = (out_w + columns - 1) / columns * block;
    if (least < 0 || cost < least) best = columns, least = cost;
  }
  return best;
}

class BoundDepthwise final : public BoundKernel {
 public:
  BoundDepthwise(const DepthwisePlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), simd_(simd_for(p.isa)), threads_(threads) {
    images_ = x[0], in_h_ = x[2], in_w_ = x[3], out_h_ = y[2], out_w_ = y[3];
    WindowSpec spec;
    spec.kernel = {Dim(p_.height), Dim(p_.width)};
    spec.strides = p_.strides, spec.pads = p_.pads, spec.auto_pad = p_.auto_pad;
    const Dim in[] = {Dim(in_h_), Dim(in_w_)};
    const Window window = slide(spec, in);
    top_ = window.pad_begin[0].value(), left_ = window.pad_begin[1].value();
    columns_ = columns_of(out_w_, p_.width, p_.strides[1]);
  }
  size_t scratch_bytes() const override { return size_t(p_.channels) * sizeof(float); }
  void run(const RunArgs& args) const override {
    float* outside = reinterpret_cast<float*>(args.scratch);  // the pixel that stands beyond every edge
    std::fill(outside, outside + p_.channels, 0.f);
    // Some rows of an image at a time, so that two threads rarely read the same ones.
    const int64_t chunk = std::max<int64_t>(1, std::min<int64_t>(out_h_ / 2, 8));
    parallel_for(images_ * out_h_, chunk, threads_, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) row(args, i / out_h_, i % out_h_, outside);
    });
  }

 private:
  void row(const RunArgs& args, int64_t image, int64_t r, const float* outside) const {
    const float* x = static_cast<const float*>(args.in[p_.x]) + image * in_h_ * in_w_ * p_.channels;
    float* y = static_cast<float*>(args.out[0]) + (image * out_h_ + r) * out_w_ * p_.channels;
    const int64_t first = r * p_.strides[0] - top_, begin = std::max<int64_t>(0, -first),
                  end = std::min<int64_t>(p_.height, in_h_ - first), pixels = (columns_ - 1) * p_.strides[1] + p_.width;
    std::array<const float*, most_taps * most_pixels> at;
    Depthwise d{};
    d.width = int(p_.width), d.stride = int(p_.strides[1]), d.columns = columns_, d.channels = p_.channels;
    d.height = std::max<int64_t>(0, end - begin), d.pixels = at.data();
    d.w = static_cast<const float*>(args.in[p_.w]) + begin * p_.width * p_.channels;
    d.bias = p_.bias < 0 ? nullptr : static_cast<const float*>(args.in[size_t(p_.bias)]);
    for (int64_t j = 0; j < out_w_; j += columns_) {
      const int64_t column = std::min(j, out_w_ - columns_);  // the last block lies over the one before
      for (int64_t i = 0; i < d.height; ++i)
        for (int64_t k = 0; k < pixels; ++k) {
          const int64_t c = column * p_.strides[1] - left_ + k;
          at[size_t(i * pixels + k)] =
              c >= 0 && c < in_w_ ? x + ((first + begin + i) * in_w_ + c) * p_.channels : outside;
        }
      d.y = y + column * p_.channels;
      simd_.depthwise(d);
      for (const Activation& f : p_.follow) activate(f, d.y, columns_ * p_.channels);
    }
  }
  void activate(const Activation& f, float* y, int64_t n) const {
    const int64_t whole = n / simd_.lanes * simd_.lanes;
    simd_.activate(f, y, whole);
    if (whole == n) return;
    float rest[64] = {};
    std::copy(y + whole, y + n, rest);
    simd_.activate(f, rest, simd_.lanes);
    std::copy(rest, rest + (n - whole), y + whole);
  }

  DepthwisePlan p_;
  const Simd& simd_;
  int threads_, columns_;
  int64_t images_, in_h_, in_w_, out_h_, out_w_, top_, left_;
};

class DepthwiseKernel final : public Kernel {
 public:
  explicit DepthwiseKernel(DepthwisePlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native depthwise ", p_.isa); }
  Layout input_layout(size_t i) const override { return i == p_.x ? p_.layout : Layout{}; }
  Layout output_layout(size_t) const override { return p_.layout; }
  std::string packing_key(size_t i) const override { return i == p_.w ? "native.depthwise channels last" : ""; }
  size_t packed_bytes(size_t i) const override {
    return i == p_.w ? size_t(p_.height * p_.width * p_.channels) * sizeof(float) : 0;
  }
  void pack(size_t, const Tensor& weight, void* packed, int) const override {
    const float* w = weight.data_as<float>();
    float* to = static_cast<float*>(packed);
    const int64_t taps = p_.height * p_.width;
    for (int64_t c = 0; c < p_.channels; ++c)
      for (int64_t k = 0; k < taps; ++k) to[k * p_.channels + c] = w[c * taps + k];
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundDepthwise>(p_, sizes.in[p_.x], sizes.out[0], sizes.threads));
  }

 private:
  DepthwisePlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_fixed_conv(g, c)) return *why;
  if (c.groups != c.outputs || c.channels != 1) return "not every channel is a group of its own";
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.rank() != 4) return str("two spatial axes, x is ", x);
  DepthwisePlan p;
  p.x = c.x, p.w = c.w, p.isa = r.isa, p.channels = c.outputs;
  p.height = w.shape[2].value(), p.width = w.shape[3].value();
  if ((p.width != 3 && p.width != 5 && p.width != 7) || p.height > most_taps) return str("no code for w ", w);
  if (p.channels < simd_for(r.isa).lanes) return str(p.channels, " channels are fewer than a vector has");
  for (int64_t d : n.attrs.get_ints("dilations"))
    if (d != 1) return "dilations";
  p.strides = n.attrs.get_ints("strides");
  if (p.strides.empty()) p.strides = {1, 1};
  if (p.strides[1] > 2) return str("a stride of ", p.strides[1]);
  p.pads = n.attrs.get_ints("pads"), p.auto_pad = n.attrs.get_string("auto_pad");
  for (int64_t pad : p.pads)
    if (pad < 0) return "negative padding";
  for (size_t i = 0; i < c.steps.size(); ++i) {
    const Step& s = c.steps[i];
    if (s.kind == Step::activation)
      p.follow.push_back(s.f);
    else if (i == 0 && s.op == Combination::add && s.operand == Step::channel)
      p.bias = int(s.input);
    else
      return "only a bias and activations may follow";
  }
  for (int64_t d : r.sizes[size_t(n.out[0])])
    if (d <= 0) return "the sizes at the point are not known or empty";
  p.layout.order = {0, 2, 3, 1};
  return std::shared_ptr<const Kernel>(std::make_shared<DepthwiseKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> depthwise_entries() { return {{"native.depthwise", accept}}; }

}  // namespace neve::kernels::native
