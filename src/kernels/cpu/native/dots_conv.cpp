// Convolutions of a few points whose weight comes with each call (eager execution): sums over the unfolded image, with
// the weight read where it lies. Every other way packs the weight first, which takes longer than the arithmetic.
#include <algorithm>

#include "base/threads.h"
#include "kernels/cpu/native/packed_product.h"
#include "kernels/cpu/unfolding.h"
#include "op/spatial.h"

namespace neve::kernels::native {
namespace {

struct Plan {
  std::vector<int64_t> strides, dilations, pads;
  std::string auto_pad;
  bool has_bias = false;  ///< the inputs are x, w and this
  Isa isa = Isa::baseline;
};

Unfolding::Windows windows(const Plan& p, const Sizes& x, const Sizes& w) {
  WindowSpec spec;
  std::vector<Dim> in;
  for (size_t i = 2; i < x.size(); ++i) spec.kernel.push_back(Dim(w[i])), in.push_back(Dim(x[i]));
  spec.strides = p.strides, spec.dilations = p.dilations, spec.pads = p.pads, spec.auto_pad = p.auto_pad;
  const Window window = slide(spec, in);
  Unfolding::Windows u;
  for (size_t i = 0; i < in.size(); ++i) {
    u.strides.push_back(spec.stride(i));
    u.dilations.push_back(spec.dilation(i));
    u.pads.push_back(window.pad_begin[i].value());
  }
  return u;
}

class BoundDotsConv final : public BoundKernel {
 public:
  BoundDotsConv(const Plan& p, const BindSizes& s)
      : has_bias_(p.has_bias),
        simd_(simd_for(p.isa)),
        unfolding_(windows(p, s.in[0], s.in[1]), {s.in[0], s.in[1], s.out[0]}, false),
        rows_(s.in[0][0] * unfolding_.points()),
        outputs_(s.in[1][0]),
        threads_(s.threads) {}
  size_t scratch_bytes() const override { return size_t(rows_ * unfolding_.columns()) * sizeof(float); }

  void run(const RunArgs& args) const override {
    const float* x = static_cast<const float*>(args.in[0]);
    const int64_t k = unfolding_.columns(), blocks = (outputs_ + width - 1) / width;
    float* unfolded = reinterpret_cast<float*>(args.scratch);
    if (!unfolding_.is_itself()) {
      parallel_pieces({.items = rows_, .grain = grain(k)}, threads_, [&](const Piece& p) {
        const int64_t m = p.begin + p.index;
        unfolding_.unfold(x, m, unfolded + m * k);
      });
      x = unfolded;
    }
    parallel_pieces({.items = blocks, .grain = grain(k * std::min(width, outputs_))}, threads_,
                    [&](const Piece& p) { columns(args, x, (p.begin + p.index) * width); });
  }

 private:
  static constexpr int64_t width = 32;
  /// Items of `elements` that are worth waking another thread for.
  static int64_t grain(int64_t elements) {
    return std::max<int64_t>(1, bytes_of_waking / std::max<int64_t>(1, elements * int64_t(sizeof(float))));
  }

  void columns(const RunArgs& args, const float* rows, int64_t first) const {
    const int64_t k = unfolding_.columns(), points = unfolding_.points(), count = std::min(width, outputs_ - first);
    alignas(64) float sums[rows_at_once * width];
    for (int64_t m = 0; m < rows_; m += rows_at_once) {
      const int64_t n = std::min(rows_at_once, rows_ - m);
      simd_.dots(rows + m * k, n, static_cast<const float*>(args.in[1]) + first * k, count, k, sums, width);
      for (int64_t r = 0; r < n; ++r) {
        const int64_t image = (m + r) / points, point = (m + r) % points;
        float* y = static_cast<float*>(args.out[0]) + (image * outputs_ + first) * points + point;
        const float* bias = has_bias_ ? static_cast<const float*>(args.in[2]) + first : nullptr;
        for (int64_t o = 0; o < count; ++o) y[o * points] = sums[r * width + o] + (bias ? bias[o] : 0.f);
      }
    }
  }

  bool has_bias_;
  const Simd& simd_;
  Unfolding unfolding_;
  int64_t rows_, outputs_;
  int threads_;
};

class DotsConvKernel final : public Kernel {
 public:
  explicit DotsConvKernel(Plan p) : p_(std::move(p)) {}
  std::string description() const override { return str("native dots with the unfolded image ", p_.isa); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundDotsConv>(p_, sizes));
  }

 private:
  Plan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (auto why = not_single(g)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& x = g.types[size_t(n.in[0])];
  if (x.dtype != DType::f32) return str("only f32, x is ", x);
  Plan p;
  p.has_bias = n.in.size() > 2 && n.in[2] >= 0;
  p.isa = r.isa;
  for (size_t i = 0; i < size_t(p.has_bias ? 3 : 2); ++i)
    if (input_number(g, n.in[i]) != int(i)) return "the operands are not the inputs of the piece, in order";
  if (g.roles[1] == InputRole::weight) return "the weight is fixed";
  if (const int64_t groups = n.attrs.get_int("group"); groups != 1) return str(groups, " groups");
  int64_t rows = 1, depth = 1;
  const Sizes &w = r.sizes[size_t(n.in[1])], &y = r.sizes[size_t(n.out[0])];
  for (const Sizes* s : {&r.sizes[size_t(n.in[0])], &w, &y})
    for (int64_t d : *s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  for (size_t i = 0; i < y.size(); ++i)
    if (i != 1) rows *= y[i];
  for (size_t i = 1; i < w.size(); ++i) depth *= w[i];
  if (const int64_t most = most_rows_of_dots(depth); rows > most)
    return str(rows, " points with ", depth, " elements at the point (", most, " or fewer)");
  p.strides = n.attrs.get_ints("strides"), p.dilations = n.attrs.get_ints("dilations");
  p.pads = n.attrs.get_ints("pads"), p.auto_pad = n.attrs.get_string("auto_pad");
  return std::shared_ptr<const Kernel>(std::make_shared<DotsConvKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> dots_conv_entries() { return {{"native.dots_conv", accept, true}}; }

}  // namespace neve::kernels::native
