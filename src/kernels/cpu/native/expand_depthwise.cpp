// A convolution of one tap and the depthwise one that reads it, depth first: the rows of the first that the second
// needs next are made in a ring that stays in the cache, so that what is widest in a mobile network never goes to
// memory.
#include <algorithm>
#include <array>

#include "base/threads.h"
#include "kernels/cpu/native/depthwise_pair.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t pixels_at_once = 64;  // of a panel of weights, before the next one is read
constexpr int64_t piece_floats = 4096;  // stay in the first cache
constexpr size_t most_bytes = 3 << 18;  // of the ring: it stays in the second cache

struct ChainPlan {
  PackedProduct expand;  ///< its `a` is the image, `b` the weight
  ProductEnd between;
  DepthwisePlan depthwise;
  Isa isa = Isa::baseline;
  int64_t apart() const { return expand.first(expand.panels()); }  ///< of pixels in the ring, in floats
};

class BoundChain final : public BoundKernel {
 public:
  BoundChain(const ChainPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), simd_(simd_for(p.isa)), rows_(p.depthwise, x, y), images_(x[0]), threads_(threads) {
    batch_ = std::clamp<int64_t>(pixels_at_once / std::max<int64_t>(1, rows_.in_columns()), 1,
                                 std::max<int64_t>(1, rows_.in_rows()));
    ring_ = p_.depthwise.height + batch_ - 1;
    ScratchPlan own;
    outside_at_ = own.add_of<float>(p_.apart());
    ring_at_ = own.add_of<float>(ring_ * line());
    state_at_ = own.add_of<Ring>(1);
    own_bytes_ = own.size();
  }
  size_t ring_bytes() const { return own_bytes_; }
  size_t scratch_bytes() const override { return own_bytes_ * size_t(threads_); }
  void run(const RunArgs& args) const override {
    // Every thread has rows that follow each other: only the first of an image, or of what a thread takes over, have no
    // ring to go on from.
    for (int t = 0; t < threads_; ++t) {
      std::byte* own = args.scratch + size_t(t) * own_bytes_;
      std::fill_n(reinterpret_cast<float*>(own + outside_at_), p_.apart(), 0.f);
      *reinterpret_cast<Ring*>(own + state_at_) = {-1, 0};
    }
    parallel_pieces(
        {.items = images_ * rows_.out_rows(), .least = 2 * p_.depthwise.height}, threads_, [&](const Piece& p) {
          std::byte* own = args.scratch + size_t(p.part) * own_bytes_;
          Ring& state = *reinterpret_cast<Ring*>(own + state_at_);
          float* ring = reinterpret_cast<float*>(own + ring_at_);
          const int64_t i = p.begin + p.index, image = i / rows_.out_rows(), r = i % rows_.out_rows(),
                        first = rows_.first(r), last = std::min(first + p_.depthwise.height, rows_.in_rows());
          if (i != state.next || r == 0) state.made = 0;
          state.next = i + 1;
          state.made = std::max({state.made, first, int64_t(0)});
          while (state.made < last) {
            const int64_t count = std::min(batch_, rows_.in_rows() - state.made);
            expand(args, image, state.made, count, ring);
            state.made += count;
          }
          std::array<const float*, DepthwiseRows::most_taps> at{};
          for (int64_t k = std::max<int64_t>(0, -first); first + k < last; ++k)
            at[size_t(k)] = ring + (first + k) % ring_ * line();
          rows_.row(args, at.data(), p_.apart(), reinterpret_cast<float*>(own + outside_at_),
                    static_cast<float*>(args.out[0]) + i * rows_.out_columns() * p_.depthwise.channels);
        });
  }

 private:
  /// What the ring of a part holds.
  struct Ring {
    int64_t next;  ///< row of all results that may go on from it
    int64_t made;  ///< rows of the image before this one are in it, or are needed no more
  };
  int64_t line() const { return rows_.in_columns() * p_.apart(); }  ///< a row in the ring, in floats

  /// Rows [first, first + count) of an image. A panel of weights is read once for short rows together; of long ones a
  /// piece is in the first cache while the panels go by.
  void expand(const RunArgs& args, int64_t image, int64_t first, int64_t count, float* ring) const {
    const int64_t columns = rows_.in_columns(), piece = std::max<int64_t>(8, piece_floats / p_.apart());
    const float* x =
        static_cast<const float*>(args.in[p_.expand.a]) + (image * rows_.in_rows() + first) * columns * p_.expand.k;
    const auto row = [&](int64_t i) { return ring + (first + i) % ring_ * line(); };
    if (count == 1) {
      for (int64_t c = 0; c < columns; c += piece)
        for (int64_t j = 0; j < p_.expand.panels(); ++j)
          multiply(args, x + c * p_.expand.k, std::min(piece, columns - c), j, row(0) + c * p_.apart());
      return;
    }
    for (int64_t j = 0; j < p_.expand.panels(); ++j)
      for (int64_t i = 0; i < count; ++i) multiply(args, x + i * columns * p_.expand.k, columns, j, row(i));
  }
  void multiply(const RunArgs& args, const float* x, int64_t pixels, int64_t panel, float* to) const {
    const PackedProduct& e = p_.expand;
    const int64_t first = e.first(panel);
    FinishedProduct p{};
    p.vectors = e.vectors_of(panel), p.columns = std::min(e.n, e.first(panel + 1)) - first;
    p.rows = pixels, p.k = e.k;
    p.a = x, p.a_stride = e.k;
    p.b = static_cast<const float*>(args.in[e.b]) + first * e.k;
    if (p_.between.bias >= 0) p.bias = static_cast<const float*>(args.in[size_t(p_.between.bias)]) + first;
    p.f = p_.between.f;
    p.c = to + first, p.c_stride = p_.apart();
    simd_.finished_product(p);
  }

  ChainPlan p_;
  const Simd& simd_;
  DepthwiseRows rows_;
  int64_t images_, batch_, ring_;
  int threads_;
  size_t outside_at_, ring_at_, state_at_, own_bytes_;
};

class ChainKernel final : public DepthwisePairKernel {
 public:
  explicit ChainKernel(ChainPlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native depth first: a point and a depthwise one, ", p_.isa); }
  Layout input_layout(size_t i) const override { return i == p_.expand.a ? last_ : Layout{}; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundChain>(p_, sizes.in[p_.expand.a], sizes.out[0], sizes.threads));
  }

 private:
  const DepthwisePlan& depthwise() const override { return p_.depthwise; }
  const PackedProduct& product() const override { return p_.expand; }

  ChainPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  size_t second = 1;
  while (second < g.nodes.size() && g.nodes[second].op->info.name != "conv") ++second;
  if (second >= g.nodes.size()) return "no depthwise convolution follows";
  if (r.plain_only) return "channels are last";
  ChainPlan p;
  p.isa = r.isa;
  FixedConv c;
  const Subgraph before = part_of(g, 0, second), after = part_of(g, second, g.nodes.size());
  if (auto why = read_fixed_conv(before, c)) return *why;
  if (auto why = read_depthwise(after, r.isa, p.depthwise)) return *why;
  if (auto why = read_point(before, c, "the first", r.isa, p.expand, p.between)) return *why;
  if (p.between.residual >= 0) return "the first takes another image";
  if (p.depthwise.x != g.inputs.size()) return "the depthwise convolution does not read the first one";
  p.expand.a = c.x;
  const Sizes &in = r.sizes[size_t(g.nodes[0].in[0])], &out = r.sizes[size_t(g.outputs[0])];
  for (const Sizes& s : {in, out})
    for (int64_t d : s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  if (BoundChain(p, in, out, 1).ring_bytes() > most_bytes) return "the rows that are kept do not fit into the cache";
  return std::shared_ptr<const Kernel>(std::make_shared<ChainKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> expand_depthwise_entries() { return {{"native.expand_depthwise", accept}}; }

}  // namespace neve::kernels::native
