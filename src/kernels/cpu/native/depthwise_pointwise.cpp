// A depthwise convolution and the one of one tap that reads it, depth first: the first one's results of a strip of rows
// stay in the cache while the panels of the second go by, and are never written to memory.
#include <algorithm>
#include <array>

#include "base/threads.h"
#include "kernels/cpu/native/depthwise_chain.h"

namespace neve::kernels::native {
namespace {

struct StripPlan {
  DepthwisePlan depthwise;
  PointPlan point;
};

class BoundStrips final : public BoundKernel {
 public:
  BoundStrips(const StripPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), point_(p.point), rows_(p.depthwise, x, y), images_(x[0]), threads_(threads) {
    height_ = strip_height(rows_);
    strips_ = (rows_.out_rows() + height_ - 1) / height_;
    ScratchPlan own;
    outside_at_ = own.add_of<float>(p_.depthwise.channels);
    strip_at_ = own.add_of<float>(strip_floats());
    own_bytes_ = own.size();
  }
  int64_t strip_floats() const { return height_ * rows_.out_columns() * p_.depthwise.channels; }
  size_t scratch_bytes() const override { return own_bytes_ * size_t(threads_); }

  void run(const RunArgs& args) const override {
    for (int t = 0; t < threads_; ++t)  // the pixel that stands beyond every edge
      std::fill_n(outside(args, t), p_.depthwise.channels, 0.f);
    const PackedProduct& w = p_.point.product;
    const int64_t work = std::max<int64_t>(1, height_ * rows_.out_columns() * w.k * w.n);
    parallel_pieces({.items = images_ * strips_, .grain = std::max<int64_t>(1, work_of_waking / work)}, threads_,
                    [&](const Piece& p) {
                      const int64_t i = p.begin + p.index;
                      strip(args, i / strips_, i % strips_ * height_, p.part);
                    });
  }

 private:
  float* outside(const RunArgs& args, int part) const {
    return reinterpret_cast<float*>(args.scratch + size_t(part) * own_bytes_ + outside_at_);
  }

  void strip(const RunArgs& args, int64_t image, int64_t first, int part) const {
    const int64_t channels = p_.depthwise.channels, in_h = rows_.in_rows(), line = rows_.in_columns() * channels;
    const int64_t count = std::min(height_, rows_.out_rows() - first), columns = rows_.out_columns();
    const float* x = static_cast<const float*>(args.in[p_.depthwise.x]) + image * in_h * line;
    float* pixels = reinterpret_cast<float*>(args.scratch + size_t(part) * own_bytes_ + strip_at_);
    for (int64_t r = 0; r < count; ++r) {
      const int64_t top = rows_.first(first + r);
      std::array<const float*, DepthwiseRows::most_taps> at{};
      for (int64_t k = 0; k < p_.depthwise.height; ++k)
        if (top + k >= 0 && top + k < in_h) at[size_t(k)] = x + (top + k) * line;
      rows_.row(args, at.data(), channels, outside(args, part), pixels + r * columns * channels);
    }
    point_.run(args, pixels, (image * rows_.out_rows() + first) * columns, count * columns);
  }

  StripPlan p_;
  PointStrip point_;
  DepthwiseRows rows_;
  int64_t images_, height_, strips_;
  int threads_;
  size_t outside_at_, strip_at_, own_bytes_;
};

class StripKernel final : public DepthwiseChainKernel {
 public:
  explicit StripKernel(StripPlan p) : p_(std::move(p)) {}
  std::string description() const override {
    return str("native depth first: a depthwise one and a point, ", p_.depthwise.isa);
  }
  Layout input_layout(size_t i) const override {
    return i == p_.depthwise.x || int(i) == p_.point.end.residual ? last_ : Layout{};
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundStrips>(p_, sizes.in[p_.depthwise.x], sizes.out[0], sizes.threads));
  }

 private:
  const DepthwisePlan& depthwise() const override { return p_.depthwise; }
  std::vector<const PackedProduct*> products() const override { return {&p_.point.product}; }

  StripPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  const std::vector<Subgraph> parts = convolutions_of(g);
  if (parts.size() < 2) return "no convolution follows";
  if (parts.size() > 2) return "more than two convolutions";
  if (r.plain_only) return "channels are last";
  StripPlan p;
  FixedConv c;
  if (auto why = read_depthwise(parts[0], r.isa, p.depthwise)) return *why;
  if (auto why = read_fixed_conv(parts[1], c)) return *why;
  if (c.x != g.inputs.size()) return "the second does not read the depthwise convolution";
  if (auto why = read_point(parts[1], c, "the second", r.isa, p.point)) return *why;
  if (p.point.end.residual >= int(g.inputs.size())) return "what lies between is added too";
  const Sizes &in = r.sizes[size_t(g.nodes[0].in[0])], &out = r.sizes[size_t(g.outputs[0])];
  for (const Sizes& s : {in, out})
    for (int64_t d : s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  if (BoundStrips(p, in, out, 1).strip_floats() > most_strip_floats) return "a strip does not fit into the cache";
  return std::shared_ptr<const Kernel>(std::make_shared<StripKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> depthwise_pointwise_entries() { return {{"native.depthwise_pointwise", accept}}; }

}  // namespace neve::kernels::native
