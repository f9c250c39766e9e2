// Convolutions of one tap with channels last: the pixels are the rows of a product, and bias, residual and activation
// follow while the sums are in registers. What its channels are multiplied with before (squeeze and excitation) is part
// of it: the scaled pixels of a block stay in the cache.
#include <algorithm>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t first_cache = 24 << 10;  // bytes of it that a weight may take
constexpr int64_t block_rows = 256;        // whose channels stay in the second cache while the panels go by
constexpr int64_t short_block_rows = 48;   // the same, where the weight stays in the first one
constexpr int64_t least_block_rows = 24;
constexpr int64_t line_floats = 16;
constexpr int64_t scaled_floats = 24 << 10;  // of a block of scaled rows

struct PointwisePlan {
  PackedProduct product;
  int scale = -1;           ///< input of the piece, [images or 1, channels]; -1: none
  bool scale_each = false;  ///< an image has factors of its own
  ProductEnd end;
};

class BoundPointwise final : public BoundKernel {
 public:
  BoundPointwise(const PointwisePlan& p, int64_t images, int64_t rows, int threads)
      : p_(p),
        simd_(simd_for(p.product.isa)),
        rows_(rows),
        pixels_(images ? std::max<int64_t>(1, rows / images) : 1),
        threads_(threads) {
    const PackedProduct& w = p_.product;
    panels_ = w.panels();
    stays_ = int64_t(panels_bytes(w)) <= first_cache;
    // What is larger is read by one thread only: the weight where the threads share its columns, else the rows.
    by_columns_ = threads_ > 1 && rows_ < w.n && panels_ > 1 && rows_ < 2 * block_rows;
    int64_t rows_a_block = stays_ ? short_block_rows : block_rows;
    if (p_.scale >= 0) rows_a_block = std::clamp<int64_t>(scaled_floats / w.k, 24, rows_a_block);
    blocks_ = by_columns_ ? 1 : std::max<int64_t>(1, (rows_ + rows_a_block - 1) / rows_a_block);
    // Few pieces are too coarse to be shared evenly by cores that are not of one speed.
    if (const int64_t enough = pieces_a_thread * threads_; threads_ > 1 && blocks_ * pieces_of_block() < enough)
      blocks_ = std::clamp((enough + pieces_of_block() - 1) / pieces_of_block(), blocks_,
                           std::max<int64_t>(blocks_, rows_ / least_block_rows));
    scaled_ = p_.scale < 0 ? 0 : line_floats + round_up((rows_ + blocks_ - 1) / blocks_ * w.k, line_floats);
  }
  size_t scratch_bytes() const override { return size_t(scaled_ * threads_) * sizeof(float); }
  void run(const RunArgs& args) const override {
    const PackedProduct& w = p_.product;
    const int64_t items = by_columns_ ? panels_ * blocks_ : blocks_, each = by_columns_ ? 1 : pieces_of_block();
    for (int t = 0; scaled_ && t < threads_; ++t) now(args, t) = -1;
    const int64_t work = std::max<int64_t>(1, rows_ * w.k * w.n / std::max<int64_t>(1, items)),
                  grain = by_columns_ ? w.worth_waking(rows_ / blocks_) : std::max<int64_t>(1, work_of_waking / work);
    parallel_pieces({.items = items, .each = each, .grain = grain}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index / each, block = by_columns_ ? i % blocks_ : i;
      const float* a = static_cast<const float*>(args.in[w.a]) + first_row(block) * w.k;
      if (scaled_) {
        float* scaled = reinterpret_cast<float*>(args.scratch) + p.part * scaled_ + line_floats;
        if (now(args, p.part) != block) scale(args, block, a, scaled), now(args, p.part) = block;
        a = scaled;
      }
      if (by_columns_) return multiply(args, a, block, i / blocks_, (i + 1) / blocks_);
      const int64_t panel = p.index % each;
      for (int64_t j = panel; j < (each == 1 ? panels_ : panel + 1); ++j) multiply(args, a, block, j, j + 1);
    });
  }

 private:
  /// The block whose scaled rows a part has: in the line before them.
  int64_t& now(const RunArgs& args, int part) const {
    return *reinterpret_cast<int64_t*>(reinterpret_cast<float*>(args.scratch) + part * scaled_);
  }
  /// Pieces that a block is cut into: a weight that is in the first cache is used as a whole.
  int64_t pieces_of_block() const { return stays_ && !by_columns_ ? 1 : panels_; }
  int64_t first_row(int64_t block) const { return rows_ * block / blocks_; }

  void scale(const RunArgs& args, int64_t block, const float* a, float* scaled) const {
    const float* factors = static_cast<const float*>(args.in[size_t(p_.scale)]);
    const int64_t k = p_.product.k, first = first_row(block), count = first_row(block + 1) - first;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t image = p_.scale_each ? (first + i) / pixels_ : 0;
      simd_.multiply(a + i * k, factors + image * k, scaled + i * k, k);
    }
  }

  /// A block of rows and a panel of columns; meanwhile the panel `next` comes nearer.
  void multiply(const RunArgs& args, const float* a, int64_t block, int64_t panel, int64_t next) const {
    const PackedProduct& w = p_.product;
    const float* weight = static_cast<const float*>(args.in[w.b]);
    const int64_t row = first_row(block);
    FinishedProduct p = panel_of(w, p_.end, args, panel);
    p.rows = first_row(block + 1) - row, p.a = a;
    place(p, w, p_.end, args, row * w.n + w.first(panel));
    if (!stays_ && next > panel && next < panels_) {
      p.ahead = reinterpret_cast<const char*>(weight + w.first(next) * w.k);
      p.ahead_lines = (w.first(next + 1) - w.first(next)) * w.k / line_floats;
    }
    simd_.finished_product(p);
  }

  PointwisePlan p_;
  const Simd& simd_;
  int64_t rows_, pixels_;  // of all images, of one
  int threads_;
  int64_t panels_, blocks_, scaled_ = 0;
  bool stays_, by_columns_;
};

class PointwiseKernel final : public PackedProductKernel {
 public:
  PointwiseKernel(PointwisePlan p, size_t rank)
      : PackedProductKernel(p.product), p_(std::move(p)), last_(channels_last(rank)) {}
  std::string description() const override { return str("native pointwise ", p_.product.isa); }
  Layout input_layout(size_t i) const override {
    return i == p_.product.a || int(i) == p_.end.residual ? last_ : Layout{};
  }
  Layout output_layout(size_t) const override { return last_; }
  /// Over the residual, unless other blocks read it as something else.
  int in_place(size_t) const override {
    const int r = p_.end.residual;
    return r == int(p_.product.a) || r == p_.scale ? -1 : r;
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundPointwise>(p_, sizes.out[0][0], rows_of(sizes), sizes.threads));
  }

 private:
  PointwisePlan p_;
  Layout last_;
};

/// An image times one number for each channel.
std::optional<std::string> read_scale(const Subgraph& g, PointwisePlan& p, int& image) {
  const SubgraphNode& n = g.nodes[0];
  if (g.nodes.size() < 2 || n.in.size() != 2) return "no convolution follows";
  const TensorType& y = g.types[size_t(n.out[0])];
  const size_t which = g.types[size_t(n.in[0])] == y ? 0 : 1;
  const TensorType &x = g.types[size_t(n.in[which])], &s = g.types[size_t(n.in[1 - which])];
  image = input_number(g, n.in[which]), p.scale = input_number(g, n.in[1 - which]);
  if (image < 0 || p.scale < 0 || x != y || y.dtype != DType::f32 || y.rank() < 3) return "no image is scaled";
  bool channels = s.rank() == y.rank() && s.dtype == DType::f32 && s.shape[1] == x.shape[1];
  for (size_t a = 2; channels && a < s.shape.size(); ++a) channels = s.shape[a].is(1);
  p.scale_each = channels && !s.shape[0].is(1);
  if (!channels || (p.scale_each && s.shape[0] != x.shape[0]))
    return str("the factors are ", s, " (one a channel would do)");
  return {};
}

// The second variant: vectors of half the size, where fewer columns are to spare then. A CPU that does a long vector in
// two halves is as fast with these.
Result<Kernel> accept(const Request& r, int variant) {
  if (variant > 1) return "no more variants";
  if (r.plain_only) return "channels are last";
  PointwisePlan p;
  int image = -1;
  const bool scaled = r.graph->nodes[0].op->info.name == "mul";
  if (scaled)
    if (auto why = read_scale(*r.graph, p, image)) return *why;
  const Subgraph after = scaled ? part_of(*r.graph, 1, r.graph->nodes.size()) : Subgraph();
  const Subgraph& g = scaled ? after : *r.graph;
  FixedConv c;
  if (auto why = read_fixed_conv(g, c)) return *why;
  if (c.groups != 1) return str(c.groups, " groups");
  if (scaled) {
    if (c.x + 1 != g.inputs.size()) return "the convolution does not read the scaled image";
    c.x = size_t(image);
  }
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.rank() < 3) return "no spatial axis";
  for (size_t a = 2; a < w.shape.size(); ++a)
    if (!w.shape[a].is(1)) return str("more taps than one: ", w);
  for (int64_t s : n.attrs.get_ints("strides"))
    if (s != 1) return "a stride";
  for (int64_t pad : n.attrs.get_ints("pads"))
    if (pad != 0) return "padding";
  if (auto why = read_end(c.steps, p.end)) return *why;
  PackedProduct& product = p.product;
  product.a = c.x, product.b = c.w, product.turned = true, product.mixed = true, product.isa = r.isa;
  product.n = c.outputs, product.k = c.channels, product.from_memory = r.cold_weights;
  if (!product.n || !product.k) return "no channels";
  if (variant && !halved(product)) return "no more variants";
  if (p.end.residual >= int(r.graph->inputs.size())) return "the scaled image is added too";
  return std::shared_ptr<const Kernel>(std::make_shared<PointwiseKernel>(std::move(p), x.rank()));
}

}  // namespace

std::vector<Entry> pointwise_entries() { return {{"native.pointwise", accept}}; }

}  // namespace neve::kernels::native
