// A convolution of one tap and the depthwise one that reads it, depth first: the rows of the first that the second
// needs next are made in a ring that stays in the cache, so that what is widest in a mobile network never goes to
// memory.
#include "base/threads.h"
#include "kernels/cpu/native/depthwise_chain.h"

namespace neve::kernels::native {
namespace {

struct ChainPlan {
  PointPlan expand;
  DepthwisePlan depthwise;
};

class BoundChain final : public BoundKernel {
 public:
  BoundChain(const ChainPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), rows_(p.expand, p.depthwise, x, y), images_(x[0]), threads_(threads) {
    ScratchPlan own;
    rows_.add_to(own);
    own_bytes_ = own.size();
  }
  size_t own_bytes() const { return own_bytes_; }
  size_t scratch_bytes() const override { return own_bytes_ * size_t(threads_); }
  void run(const RunArgs& args) const override {
    // Every thread has rows that follow each other: only the first of an image, or of what a thread takes over, have no
    // ring to go on from.
    const auto own = [&](int part) { return args.scratch + size_t(part) * own_bytes_; };
    for (int t = 0; t < threads_; ++t) rows_.begin(own(t));
    const DepthwiseRows& rows = rows_.rows();
    parallel_pieces({.items = images_ * rows.out_rows(), .least = 2 * p_.depthwise.height}, threads_,
                    [&](const Piece& p) {
                      const int64_t i = p.begin + p.index;
                      rows_.row(args, own(p.part), i,
                                static_cast<float*>(args.out[0]) + i * rows.out_columns() * p_.depthwise.channels);
                    });
  }

 private:
  ChainPlan p_;
  ExpandedRows rows_;
  int64_t images_;
  int threads_;
  size_t own_bytes_;
};

class ChainKernel final : public DepthwiseChainKernel {
 public:
  explicit ChainKernel(ChainPlan p) : p_(std::move(p)) {}
  std::string description() const override {
    return str("native depth first: a point and a depthwise one, ", p_.depthwise.isa);
  }
  Layout input_layout(size_t i) const override { return i == p_.expand.product.a ? last_ : Layout{}; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundChain>(p_, sizes.in[p_.expand.product.a], sizes.out[0], sizes.threads));
  }

 private:
  const DepthwisePlan& depthwise() const override { return p_.depthwise; }
  std::vector<const PackedProduct*> products() const override { return {&p_.expand.product}; }

  ChainPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  const std::vector<Subgraph> parts = convolutions_of(g);
  if (parts.size() < 2) return "no depthwise convolution follows";
  if (parts.size() > 2) return "more than two convolutions";
  if (r.plain_only) return "channels are last";
  ChainPlan p;
  FixedConv c;
  if (auto why = read_fixed_conv(parts[0], c)) return *why;
  if (auto why = read_depthwise(parts[1], r.isa, p.depthwise)) return *why;
  if (auto why = read_point(parts[0], c, "the first", r.isa, p.expand)) return *why;
  if (p.expand.end.residual >= 0) return "the first takes another image";
  if (p.depthwise.x != g.inputs.size()) return "the depthwise convolution does not read the first one";
  p.expand.product.a = c.x;
  const Sizes &in = r.sizes[size_t(g.nodes[0].in[0])], &out = r.sizes[size_t(g.outputs[0])];
  for (const Sizes& s : {in, out})
    for (int64_t d : s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  if (BoundChain(p, in, out, 1).own_bytes() > most_ring_bytes)
    return "the rows that are kept do not fit into the cache";
  return std::shared_ptr<const Kernel>(std::make_shared<ChainKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> expand_depthwise_entries() { return {{"native.expand_depthwise", accept}}; }

}  // namespace neve::kernels::native
