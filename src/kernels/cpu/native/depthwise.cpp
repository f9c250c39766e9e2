// Depthwise convolutions, channels last: a few neighbouring results at a time, and the activation while they are in the
// cache.
#include "kernels/cpu/native/depthwise.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_columns = 8, most_pixels = (most_columns - 1) * 2 + DepthwiseRows::most_taps;

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

}  // namespace

std::optional<std::string> read_depthwise(const Subgraph& g, Isa isa, DepthwisePlan& p) {
  FixedConv c;
  if (auto why = read_fixed_conv(g, c)) return *why;
  if (c.groups != c.outputs || c.channels != 1) return "not every channel is a group of its own";
  const TensorType &x = g.types[size_t(g.nodes[0].in[0])], &w = g.types[size_t(g.nodes[0].in[1])];
  if (x.rank() != 4) return str("two spatial axes, x is ", x);
  p.x = c.x, p.w = c.w, p.isa = isa, p.channels = c.outputs;
  static_cast<ImageTaps&>(p) = image_taps(g);
  if ((p.width != 3 && p.width != 5 && p.width != 7) || p.height > DepthwiseRows::most_taps)
    return str("no code for w ", w);
  if (isa == Isa::avx512 && p.channels < simd_for(isa).lanes) p.isa = Isa::avx2;
  if (p.channels < simd_for(p.isa).lanes) return str(p.channels, " channels are fewer than a vector has");
  for (int64_t d : p.dilations)
    if (d != 1) return "dilations";
  if (p.strides[1] > 2) return str("a stride of ", p.strides[1]);
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
  return {};
}

void pack_taps(const DepthwisePlan& p, const Tensor& weight, float* packed) {
  const float* w = weight.data_as<float>();
  const int64_t taps = p.height * p.width;
  for (int64_t c = 0; c < p.channels; ++c)
    for (int64_t k = 0; k < taps; ++k) packed[k * p.channels + c] = w[c * taps + k];
}

DepthwiseRows::DepthwiseRows(const DepthwisePlan& p, const Sizes& x, const Sizes& y) : p_(p), simd_(simd_for(p.isa)) {
  in_h_ = x[2], in_w_ = x[3], out_h_ = y[2], out_w_ = y[3];
  std::tie(top_, left_) = padding_before(p_, in_h_, in_w_);
  columns_ = columns_of(out_w_, p_.width, p_.strides[1]);
}

void DepthwiseRows::row(const RunArgs& args, const float* const* rows, int64_t apart, const float* outside,
                        float* y) const {
  int64_t begin = 0, end = p_.height;
  while (begin < end && !rows[begin]) ++begin;
  while (end > begin && !rows[end - 1]) --end;
  const int64_t pixels = (columns_ - 1) * p_.strides[1] + p_.width;
  std::array<const float*, most_taps * most_pixels> at;
  Depthwise d{};
  d.width = int(p_.width), d.stride = int(p_.strides[1]), d.columns = columns_, d.channels = p_.channels;
  d.height = end - begin, d.pixels = at.data();
  d.w = static_cast<const float*>(args.in[p_.w]) + begin * p_.width * p_.channels;
  d.bias = p_.bias < 0 ? nullptr : static_cast<const float*>(args.in[size_t(p_.bias)]);
  const bool at_once = !p_.follow.empty() && p_.follow[0].is_short();
  if (at_once) d.f = p_.follow[0];
  for (int64_t j = 0; j < out_w_; j += columns_) {
    const int64_t column = std::min(j, out_w_ - columns_);  // the last block lies over the one before
    const int64_t first = column * p_.strides[1] - left_;
    d.apart = first >= 0 && first + pixels <= in_w_ ? apart : 0;
    for (int64_t i = 0; i < d.height; ++i) {
      if (d.apart) {
        at[size_t(i)] = rows[begin + i] + first * apart;
        continue;
      }
      for (int64_t k = 0; k < pixels; ++k) {
        const int64_t c = first + k;
        at[size_t(i * pixels + k)] = c >= 0 && c < in_w_ ? rows[begin + i] + c * apart : outside;
      }
    }
    d.y = y + column * p_.channels;
    simd_.depthwise(d);
    for (size_t i = at_once; i < p_.follow.size(); ++i) activate(p_.follow[i], simd_, d.y, columns_ * p_.channels);
  }
}

namespace {

class BoundDepthwise final : public BoundKernel {
 public:
  BoundDepthwise(const DepthwisePlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), rows_(p, x, y), images_(x[0]), threads_(threads) {}
  size_t scratch_bytes() const override { return size_t(p_.channels) * sizeof(float); }
  void run(const RunArgs& args) const override {
    float* outside = reinterpret_cast<float*>(args.scratch);  // the pixel that stands beyond every edge
    std::fill(outside, outside + p_.channels, 0.f);
    const int64_t out_h = rows_.out_rows(), in_h = rows_.in_rows(), line = rows_.in_columns() * p_.channels;
    parallel_pieces({.items = images_ * out_h}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index;
      const float* x = static_cast<const float*>(args.in[p_.x]) + i / out_h * in_h * line;
      const int64_t first = rows_.first(i % out_h);
      std::array<const float*, DepthwiseRows::most_taps> at{};
      for (int64_t k = 0; k < p_.height; ++k)
        if (first + k >= 0 && first + k < in_h) at[size_t(k)] = x + (first + k) * line;
      rows_.row(args, at.data(), p_.channels, outside,
                static_cast<float*>(args.out[0]) + i * rows_.out_columns() * p_.channels);
    });
  }

 private:
  DepthwisePlan p_;
  DepthwiseRows rows_;
  int64_t images_;
  int threads_;
};

class DepthwiseKernel final : public Kernel {
 public:
  explicit DepthwiseKernel(DepthwisePlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native depthwise ", p_.isa); }
  Layout input_layout(size_t i) const override { return i == p_.x ? last_ : Layout{}; }
  Layout output_layout(size_t) const override { return last_; }
  std::string packing_key(size_t i) const override { return i == p_.w ? std::string(packed_taps_key) : ""; }
  size_t packed_bytes(size_t i) const override { return i == p_.w ? packed_taps(p_) : 0; }
  void pack(size_t, const Tensor& weight, void* packed, int) const override {
    pack_taps(p_, weight, static_cast<float*>(packed));
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundDepthwise>(p_, sizes.in[p_.x], sizes.out[0], sizes.threads));
  }

 private:
  DepthwisePlan p_;
  Layout last_ = channels_last(4);
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  if (r.plain_only) return "channels are last";
  DepthwisePlan p;
  if (auto why = read_depthwise(*r.graph, r.isa, p)) return *why;
  for (int64_t d : r.sizes[size_t(r.graph->outputs[0])])
    if (d <= 0) return "the sizes at the point are not known or empty";
  return std::shared_ptr<const Kernel>(std::make_shared<DepthwiseKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> depthwise_entries() { return {{"native.depthwise", accept}}; }

}  // namespace neve::kernels::native
