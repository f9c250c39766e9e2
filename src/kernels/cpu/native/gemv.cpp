// Products of a few rows with a weight packed by blocks of columns, with what follows applied while a block is in
// registers or L1. Also convolutions of images of a single point, which are the same.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/helper.h"
#include "base/threads.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_rows = 16;  // at the point tuned for: above, the blocking of a real product pays
constexpr int64_t least_halved = int64_t(1) << 14;  // multiplications, with the helper: half a microsecond

class BoundGemv final : public BoundKernel {
 public:
  BoundGemv(const PackedProduct& p, int64_t rows, int threads)
      : p_(p),
        simd_(simd_for(p.isa)),
        multiply_(p.from_memory ? simd_.panel_from_memory : simd_.panel),
        rows_(rows),
        threads_(threads) {}
  bool has_halves() const override { return threads_ == 1 && p_.panels() > 1 && p_.k * p_.n * rows_ >= least_halved; }
  void run(const RunArgs& args) const override {
    if (threads_ == 1 && has_halves())
      return run_halves([&](int half) {
        const int64_t middle = (p_.panels() + 1) / 2;
        for (int64_t i = half ? middle : 0; i < (half ? p_.panels() : middle); ++i) panel(args, i);
      });
    parallel_pieces({.items = p_.panels(), .grain = p_.worth_waking(rows_)}, threads_,
                    [&](const Piece& p) { panel(args, p.begin + p.index); });
  }

 private:
  void panel(const RunArgs& args, int64_t index) const {
    const float* a = static_cast<const float*>(args.in[p_.a]);
    const int64_t width = p_.width(), first = index * width, columns = std::min(width, p_.n - first);
    const float* b = static_cast<const float*>(args.in[p_.b]) + first * p_.k;
    alignas(64) float sums[rows_at_once * most_panel_width];
    std::array<const float*, rows_at_once> row;
    for (int64_t m = 0; m < rows_; m += rows_at_once) {
      const int64_t count = std::min(rows_at_once, rows_ - m);
      for (int64_t r = 0; r < count; ++r) row[size_t(r)] = a + (m + r) * p_.k;
      multiply_(p_.vectors, count, p_.k, row.data(), b, sums, width);
      for (const Step& s : p_.steps)
        apply(s, simd_, args, {sums, count, width, first, columns, m * p_.n + first, p_.n});
      float* y = static_cast<float*>(args.out[0]) + m * p_.n + first;
      for (int64_t r = 0; r < count; ++r) std::memcpy(y + r * p_.n, sums + r * width, size_t(columns) * sizeof(float));
    }
  }

  PackedProduct p_;
  const Simd& simd_;
  decltype(Simd::panel) multiply_;
  int64_t rows_;
  int threads_;
};

class GemvKernel final : public PackedProductKernel {
 public:
  using PackedProductKernel::PackedProductKernel;
  std::string description() const override { return str("native gemv ", p_.isa); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundGemv>(p_, rows_of(sizes), sizes.threads));
  }
};

/// A few rows with a second factor that lies [..., n, k] and is not packed: eager execution's weights, which may
/// change, and the keys of one query's attention. Batches have a factor each.
class BoundDots final : public BoundKernel {
 public:
  BoundDots(const PackedProduct& p, int64_t batches, int64_t rows, int threads)
      : p_(p), simd_(simd_for(p.isa)), batches_(batches), rows_(rows), threads_(threads) {}
  void run(const RunArgs& args) const override {
    const int64_t blocks = (p_.n + width - 1) / width, bytes = p_.k * std::min(width, p_.n) * int64_t(sizeof(float));
    const int64_t grain = std::max<int64_t>(1, bytes_of_waking / std::max<int64_t>(1, bytes));
    parallel_pieces({.items = batches_ * blocks, .grain = grain}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index;
      columns(args, i / blocks, i % blocks * width);
    });
  }

 private:
  static constexpr int64_t width = 32;
  void columns(const RunArgs& args, int64_t batch, int64_t first) const {
    const float* a = static_cast<const float*>(args.in[p_.a]) + batch * rows_ * p_.k;
    const float* b = static_cast<const float*>(args.in[p_.b]) + batch * p_.n * p_.k;
    const int64_t count = std::min(width, p_.n - first);
    alignas(64) float sums[rows_at_once * width];
    for (int64_t m = 0; m < rows_; m += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, rows_ - m), at = (batch * rows_ + m) * p_.n + first;
      simd_.dots(a + m * p_.k, rows, b + first * p_.k, count, p_.k, sums, width);
      for (const Step& s : p_.steps) apply(s, simd_, args, {sums, rows, width, first, count, at, p_.n});
      float* y = static_cast<float*>(args.out[0]) + at;
      for (int64_t r = 0; r < rows; ++r) std::memcpy(y + r * p_.n, sums + r * width, size_t(count) * sizeof(float));
    }
  }

  PackedProduct p_;
  const Simd& simd_;
  int64_t batches_, rows_;
  int threads_;
};

class DotsKernel final : public Kernel {
 public:
  explicit DotsKernel(PackedProduct p) : p_(std::move(p)) {}
  std::string description() const override { return str("native dots ", p_.isa); }
  bool weights_from_memory() const override { return true; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    PackedProduct p = p_;
    const Sizes& b = sizes.in[p.b];
    p.n = b[b.size() - 2], p.k = b[b.size() - 1];
    int64_t rows = 1, batches = 1;
    for (size_t i = 0; i + 1 < sizes.out[0].size(); ++i) rows *= sizes.out[0][i];
    for (size_t i = 0; i + 2 < b.size(); ++i) batches *= b[i];
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundDots>(p, batches, batches ? rows / batches : 0, sizes.threads));
  }

 private:
  PackedProduct p_;
};

std::optional<std::string> few_rows(int64_t rows) {
  if (rows < 0) return "the sizes at the point are not known";
  if (rows > most_rows) return str(rows, " rows at the point (", most_rows, " or fewer)");
  return {};
}

// A convolution whose images have one point, and whose kernel too.
Result<Kernel> accept_conv(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_fixed_conv(g, c)) return *why;
  if (c.groups != 1) return str(c.groups, " groups");
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])], &y = g.types[size_t(n.out[0])];
  for (const TensorType* t : {&x, &w, &y})
    for (size_t a = 2; a < t->shape.size(); ++a)
      if (!t->shape[a].is(1)) return str("images or a kernel of more than one point: ", x, " and ", w);
  for (int64_t pad : n.attrs.get_ints("pads"))
    if (pad != 0) return "padding";
  if (auto why = few_rows(r.sizes[size_t(n.out[0])][0])) return *why;
  PackedProduct p;
  p.from_memory = r.cold_weights;
  p.a = c.x, p.b = c.w, p.turned = true, p.isa = r.isa;
  p.n = c.outputs, p.k = c.channels;
  p.steps = std::move(c.steps);
  p.vectors = panel_vectors(p.n, p.isa);
  return std::shared_ptr<const Kernel>(std::make_shared<GemvKernel>(std::move(p)));
}

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  PackedProduct p;
  int64_t rows = 0;
  if (auto why = read_product(r, p, rows)) return *why;
  if (auto why = few_rows(rows)) return *why;
  return std::shared_ptr<const Kernel>(std::make_shared<GemvKernel>(std::move(p)));
}

Result<Kernel> accept_dots(const Request& r, int variant) {
  if (variant) return "no more variants";
  PackedProduct p;
  int64_t batches = 0, rows = 0;
  if (auto why = read_unpacked_product(r, p, batches, rows)) return *why;
  if (!p.turned) return "b does not lie transposed";
  if (p.a == p.b) return "both operands are one tensor";
  if (auto why = few_rows(rows)) return *why;
  const int64_t depth = r.sizes[size_t(r.graph->inputs[p.b])].back();
  if (const int64_t most = most_rows_of_dots(depth); rows > most)
    return str(rows, " rows of ", depth, " at the point (", most, " or fewer)");
  return std::shared_ptr<const Kernel>(std::make_shared<DotsKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> dots_entries() { return {{"native.dots", accept_dots, true}}; }
std::vector<Entry> gemv_conv_entries() { return {{"native.gemv_conv", accept_conv}}; }
std::vector<Entry> gemv_entries() { return {{"native.gemv", accept}}; }

}  // namespace neve::kernels::native
