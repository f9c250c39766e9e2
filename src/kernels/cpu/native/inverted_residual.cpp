// The block of mobile networks as one kernel, depth first: a convolution of one tap, the depthwise one that reads it,
// and one of one tap that reads that. What lies between them, several times as wide as the image, is a few rows at a
// time in the cache.
#include <algorithm>

#include "base/threads.h"
#include "kernels/cpu/native/depthwise_chain.h"

namespace neve::kernels::native {
namespace {

struct BlockPlan {
  PointPlan expand;
  DepthwisePlan depthwise;
  PointPlan project;
};

class BoundBlock final : public BoundKernel {
 public:
  BoundBlock(const BlockPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), rows_(p.expand, p.depthwise, x, y), project_(p.project), images_(x[0]), threads_(threads) {
    const DepthwiseRows& rows = rows_.rows();
    // Of short images one for each thread, at least: a strip that begins anew makes the rows around it again.
    height_ = std::min(strip_height(rows), std::max<int64_t>(1, (images_ * rows.out_rows() + threads - 1) / threads));
    strips_ = (rows.out_rows() + height_ - 1) / height_;
    ScratchPlan own;
    rows_.add_to(own);
    ring_bytes_ = own.size();
    strip_at_ = own.add_of<float>(strip_floats());
    own_bytes_ = own.size();
  }
  size_t ring_bytes() const { return ring_bytes_; }
  int64_t strip_floats() const { return height_ * rows_.rows().out_columns() * p_.depthwise.channels; }
  size_t scratch_bytes() const override { return own_bytes_ * size_t(threads_); }

  void run(const RunArgs& args) const override {
    const auto own = [&](int part) { return args.scratch + size_t(part) * own_bytes_; };
    for (int t = 0; t < threads_; ++t) rows_.begin(own(t));
    const int64_t height = rows_.rows().out_rows(), columns = rows_.rows().out_columns(),
                  line = columns * p_.depthwise.channels;
    const int64_t least = std::max<int64_t>(1, 2 * p_.depthwise.height / height_);
    parallel_pieces({.items = images_ * strips_, .least = least}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index, first = i / strips_ * height + i % strips_ * height_,
                    count = std::min(height_, (i / strips_ + 1) * height - first);
      float* pixels = reinterpret_cast<float*>(own(p.part) + strip_at_);
      for (int64_t r = 0; r < count; ++r) rows_.row(args, own(p.part), first + r, pixels + r * line);
      project_.run(args, pixels, first * columns, count * columns);
    });
  }

 private:
  BlockPlan p_;
  ExpandedRows rows_;
  PointStrip project_;
  int64_t images_, height_, strips_;
  int threads_;
  size_t ring_bytes_, strip_at_, own_bytes_;
};

class BlockKernel final : public DepthwiseChainKernel {
 public:
  explicit BlockKernel(BlockPlan p) : p_(std::move(p)) {}
  std::string description() const override {
    return str("native depth first: a point, a depthwise one and a point, ", p_.depthwise.isa);
  }
  Layout input_layout(size_t i) const override {
    return i == p_.expand.product.a || int(i) == p_.project.end.residual ? last_ : Layout{};
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundBlock>(p_, sizes.in[p_.expand.product.a], sizes.out[0], sizes.threads));
  }

 private:
  const DepthwisePlan& depthwise() const override { return p_.depthwise; }
  std::vector<const PackedProduct*> products() const override { return {&p_.expand.product, &p_.project.product}; }

  BlockPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  const std::vector<Subgraph> parts = convolutions_of(g);
  if (parts.size() != 3) return "not a chain of three convolutions";
  if (r.plain_only) return "channels are last";
  BlockPlan p;
  FixedConv first, last;
  if (auto why = read_fixed_conv(parts[0], first)) return *why;
  if (auto why = read_depthwise(parts[1], r.isa, p.depthwise)) return *why;
  if (auto why = read_fixed_conv(parts[2], last)) return *why;
  if (auto why = read_point(parts[0], first, "the first", r.isa, p.expand)) return *why;
  if (auto why = read_point(parts[2], last, "the third", r.isa, p.project)) return *why;
  if (p.expand.end.residual >= 0) return "the first takes another image";
  if (p.depthwise.x != g.inputs.size()) return "the depthwise convolution does not read the first one";
  if (last.x != g.inputs.size()) return "the third does not read the depthwise convolution";
  if (p.project.end.residual >= int(g.inputs.size())) return "what lies between is added too";
  p.expand.product.a = first.x;
  const Sizes &in = r.sizes[size_t(g.nodes[0].in[0])], &out = r.sizes[size_t(g.outputs[0])];
  for (const Sizes& s : {in, out})
    for (int64_t d : s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  const BoundBlock bound(p, in, out, 1);
  if (bound.ring_bytes() > most_ring_bytes) return "the rows that are kept do not fit into the cache";
  if (bound.strip_floats() > most_strip_floats) return "a strip does not fit into the cache";
  return std::shared_ptr<const Kernel>(std::make_shared<BlockKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> inverted_residual_entries() { return {{"native.inverted_residual", accept}}; }

}  // namespace neve::kernels::native
