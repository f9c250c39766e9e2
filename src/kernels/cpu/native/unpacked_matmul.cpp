// Products of many rows with a matrix that nobody has packed before: what is computed op by op, and products of two
// results. Every thread packs the panel of columns that it is at, and uses it for its rows while it is in its cache.
// What a thread has not done is taken over by a faster one, which a library's equal parts do not allow.
#include <algorithm>

#include "base/threads.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t block_rows = 128;       // of a piece of work
constexpr int64_t least_block_rows = 48;  // where there are few panels
constexpr int64_t line_floats = 16;
// At the point tuned for, fewer rows do not pay for packing, and of little work a library's parts are equal enough.
constexpr int64_t least_rows = 128, least_work = int64_t(1) << 26;

struct UnpackedPlan {
  PackedProduct product;
  ProductEnd end;
};

class BoundUnpacked final : public BoundKernel {
 public:
  BoundUnpacked(const UnpackedPlan& p, int64_t batches, int64_t rows, int threads)
      : p_(p),
        simd_(simd_for(p.product.isa)),
        rows_(rows),
        threads_(threads),
        batch_panels_(p.product.panels()),
        panels_(batches * batch_panels_) {
    const PackedProduct& w = p_.product;
    // A panel is packed by one thread, unless they are too few to be shared: then the rows are.
    by_rows_ = panels_ < 2 * threads_ && batches == 1 && rows_ >= block_rows / 2 * threads_;
    blocks_ = std::max<int64_t>(1, (rows_ + block_rows - 1) / block_rows);
    if (const int64_t enough = pieces_a_thread * threads_; threads_ > 1 && panels_ && blocks_ * panels_ < enough)
      blocks_ =
          std::clamp((enough + panels_ - 1) / panels_, blocks_, std::max<int64_t>(blocks_, rows_ / least_block_rows));
    floats_ = line_floats + round_up(w.width() * w.k, line_floats);
  }
  size_t scratch_bytes() const override { return size_t(floats_ * threads_) * sizeof(float); }

  void run(const RunArgs& args) const override {
    const PackedProduct& w = p_.product;
    for (int t = 0; t < threads_; ++t) packed(args, t) = -1;
    const int64_t items = by_rows_ ? blocks_ : panels_,
                  work = std::max<int64_t>(1, rows_ * w.k * w.width() * (by_rows_ ? panels_ : blocks_) / blocks_);
    parallel_pieces(
        {.items = items, .each = by_rows_ ? panels_ : blocks_, .grain = std::max<int64_t>(1, work_of_waking / work)},
        threads_, [&](const Piece& p) {
          const int64_t share = by_rows_ ? p.end - p.begin : blocks_, panel = p.index / share, block = p.index % share;
          if (by_rows_)
            multiply(args, p.part, p.begin + block, panel);
          else
            multiply(args, p.part, block, p.begin + panel);
        });
  }

 private:
  /// The panel that a part has packed: in the line before it.
  int64_t& packed(const RunArgs& args, int part) const {
    return *reinterpret_cast<int64_t*>(reinterpret_cast<float*>(args.scratch) + part * floats_);
  }
  int64_t first_row(int64_t block) const { return rows_ * block / blocks_; }
  int64_t columns_of(int64_t panel) const {
    const PackedProduct& w = p_.product;
    return std::min(w.n, w.first(panel + 1)) - w.first(panel);
  }

  /// A block of rows and a panel of columns, counted through all batches; meanwhile what the next panel is packed from
  /// comes nearer.
  void multiply(const RunArgs& args, int part, int64_t block, int64_t at) const {
    const PackedProduct& w = p_.product;
    const int64_t batch = at / batch_panels_, panel = at % batch_panels_;
    const float* b = static_cast<const float*>(args.in[w.b]) + batch * w.k * w.n;
    float* to = reinterpret_cast<float*>(args.scratch) + part * floats_ + line_floats;
    if (packed(args, part) != at) pack_panel(w, panel, b, to), packed(args, part) = at;
    const int64_t row = first_row(block), of_all = batch * rows_ + row;
    FinishedProduct p = panel_of(w, p_.end, args, panel);
    p.rows = first_row(block + 1) - row;
    p.a = static_cast<const float*>(args.in[w.a]) + of_all * w.k;
    p.b = to;
    place(p, w, p_.end, args, of_all * w.n + w.first(panel));
    if (w.turned && at + 1 < panels_ && p.rows) {  // it lies behind this one; every block fetches its part
      const int64_t lines = columns_of((at + 1) % batch_panels_) * w.k / line_floats, begin = lines * row / rows_,
                    end = lines * (row + p.rows) / rows_;
      p.ahead = reinterpret_cast<const char*>(b + (w.first(panel) + p.columns) * w.k + begin * line_floats);
      p.ahead_lines = end - begin;
    }
    simd_.finished_product(p);
  }

  UnpackedPlan p_;
  const Simd& simd_;
  int64_t rows_;  ///< of a batch
  int threads_;
  int64_t batch_panels_, panels_, blocks_, floats_;
  bool by_rows_;
};

class UnpackedKernel final : public Kernel {
 public:
  explicit UnpackedKernel(UnpackedPlan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native unpacked matmul ", p_.product.isa); }
  int in_place(size_t) const override {
    const int r = p_.end.residual;
    return r == int(p_.product.a) || r == int(p_.product.b) ? -1 : r;
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    UnpackedPlan p = p_;
    const Sizes &a = sizes.in[p.product.a], &b = sizes.in[p.product.b], &y = sizes.out[0];
    p.product.k = a.back(), p.product.n = y.back();
    p.product.vectors = panel_vectors(p.product.n, p.product.isa);
    if (!p.product.n || !p.product.k) return "sums of nothing";
    int64_t batches = 1, rows = 1;
    for (size_t i = 0; i + 2 < b.size(); ++i) batches *= b[i];
    for (size_t i = b.size() - 2; i + 1 < y.size(); ++i) rows *= y[i];
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundUnpacked>(p, batches, rows, sizes.threads));
  }

 private:
  UnpackedPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  UnpackedPlan p;
  int64_t batches = 0, rows = 0;
  if (auto why = read_unpacked_product(r, p.product, batches, rows)) return *why;
  if (auto why = read_end(p.product.steps, p.end)) return *why;
  const Subgraph& g = *r.graph;
  if (g.roles[p.product.b] == InputRole::weight && is_constant(g.types[size_t(g.inputs[p.product.b])].shape))
    return "a weight is packed once and for all";
  const int64_t depth = r.sizes[size_t(g.inputs[p.product.a])].back(),
                columns = r.sizes[size_t(g.nodes[0].out[0])].back();
  if (batches < 0 || rows < 0 || depth < 0 || columns < 0) return "the sizes at the point are not known";
  if (rows < least_rows) return str(rows, " rows at the point (", least_rows, " or more)");
  if (batches * rows * columns < least_work / std::max<int64_t>(1, depth))
    return str(batches * rows, " rows of ", depth, " by ", columns, " columns at the point (", least_work,
               " multiplications or more)");
  p.product.mixed = true;
  return std::shared_ptr<const Kernel>(std::make_shared<UnpackedKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> unpacked_matmul_entries() { return {{"native.unpacked_matmul", accept, true}}; }

}  // namespace neve::kernels::native
