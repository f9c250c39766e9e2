// Convolutions with large weights and few points, and their gradients, as one product with the unfolded image: the
// weight is read, or its gradient written, as it lies. Every other way copies the weight to a packing and back, which
// takes longer than the arithmetic where the weight comes from memory and serves few points.
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/onednn/conv_shape.h"
#include "kernels/cpu/unfolding.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

enum class Role : uint8_t { forward, by_input, by_weight };

struct UnfoldPlan {
  ConvShape shape;
  Role role = Role::forward;
  size_t bias = size_t(-1);  ///< input of the piece; forward only
  Layout layout;             ///< of x and y: row-major or channels last
};

/// The sizes of x, w and y: which operand of the piece each is.
struct Operands {
  Sizes x, w, y;
};
Operands operands_of(Role role, const std::vector<Sizes>& in, const std::vector<Sizes>& out) {
  switch (role) {
    case Role::forward:
      return {in[0], in[1], out[0]};
    case Role::by_input:
      return {out[0], in[1], in[0]};
    default:
      return {in[0], out[0], in[1]};
  }
}

Unfolding::Windows windows(const Geometry& g) {
  Unfolding::Windows w{g.strides, g.dilations, g.pad_begin};
  for (int64_t& d : w.dilations) ++d;  // oneDNN counts what is left out
  return w;
}

void product(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
             int64_t ldb, float beta, float* c, int64_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(trans_a, trans_b, m, n, k, 1.f, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) fail(ErrorCode::internal, "oneDNN: sgemm failed with status ", int(status));
}

/// The points are taken in chunks whose unfolded rows stay in cache.
class BoundUnfold final : public BoundKernel {
 public:
  BoundUnfold(const UnfoldPlan& p, const Geometry& g, const Operands& o)
      : role_(p.role),
        bias_(p.bias),
        rows_last_(!p.layout.plain()),
        unfolding_(windows(g), {o.x, o.w, o.y}, rows_last_),
        images_(o.x[0]),
        outputs_(o.w[0]) {
    const int64_t row = std::max<int64_t>(unfolding_.columns(), 1) * int64_t(sizeof(float));
    const int64_t all = images_ * unfolding_.points();
    chunk_ = std::clamp<int64_t>((4 << 20) / row, 64, std::max<int64_t>(all, 64));
    if (all <= chunk_ + chunk_ / 2) chunk_ = std::max<int64_t>(all, 1);
    if (role_ == Role::forward) {
      // The weight is the second operand, turned; oneDNN's matmul is quicker at that than its gemm.
      for (int64_t rows : {chunk_, all % chunk_}) {
        if (rows == 0) continue;
        const memory::dim k = unfolding_.columns(), n = outputs_;
        dnnl::primitive_attr attr;
        attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
        const memory::desc a({rows, k}, memory::data_type::f32, memory::dims{k, 1}),
            b({k, n}, memory::data_type::f32, memory::dims{1, k}),
            c({rows, n}, memory::data_type::f32, memory::dims{n, 1});
        const dnnl::matmul::primitive_desc pd(cpu_engine(), a, b, c, attr);
        const size_t scratch = pd.scratchpad_desc().get_size();
        products_.push_back(std::make_shared<BoundPrimitive>(
            dnnl::matmul(pd),
            std::vector<Argument>{{DNNL_ARG_SRC, a, Argument::input, 0},
                                  {DNNL_ARG_WEIGHTS, b, Argument::input, 1},
                                  {DNNL_ARG_DST, c, Argument::output, 0},
                                  {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), Argument::scratch, 0}},
            scratch));
        product_scratch_ = std::max(product_scratch_, (scratch + 63) / 64 * 64);
      }
    }
  }

  size_t scratch_bytes() const override {
    return product_scratch_ + (padded(chunk_ * unfolding_.columns()) + padded(chunk_ * outputs_)) * sizeof(float);
  }
  std::unique_ptr<RunState> make_state() const override {
    auto s = std::make_unique<States>();
    for (const auto& p : products_) s->of.push_back(p->make_state());
    return s;
  }
  size_t bytes() const override { return 512 + products_.size() * (64 << 10); }

  void run(const RunArgs& args) const override {
    const float* a = static_cast<const float*>(args.in[0]);
    const float* b = static_cast<const float*>(args.in[1]);
    float* out = static_cast<float*>(args.out[0]);
    float* columns = reinterpret_cast<float*>(args.scratch + product_scratch_);
    float* turned = columns + padded(chunk_ * unfolding_.columns());
    const int64_t all = images_ * unfolding_.points(), k = unfolding_.columns();
    if (role_ == Role::by_input)
      parallel_for(unfolding_.columns() / taps(), 1, args.threads,
                   [&](int64_t first, int64_t last, int) { unfolding_.clear(images_, first, last, out); });
    if (role_ == Role::by_weight && all == 0) std::memset(out, 0, size_t(outputs_ * k) * sizeof(float));
    for (int64_t begin = 0; begin < all; begin += chunk_) {
      const int64_t rows = std::min(chunk_, all - begin);
      switch (role_) {
        case Role::forward: {
          const float* unfolded = unfold(a, begin, rows, columns, args.threads);
          multiply(args, unfolded, b, rows_last_ ? out + begin * outputs_ : turned, rows);
          finish(args, begin, rows, turned, out);
          break;
        }
        case Role::by_input:
          product('N', 'N', rows, k, outputs_, by_points(a, begin, rows, turned, args.threads), outputs_, b, k, 0.f,
                  columns, k);
          parallel_for(k / taps(), 1, args.threads, [&](int64_t first, int64_t last, int) {
            for (int64_t m = 0; m < rows; ++m) unfolding_.fold(columns + m * k, begin + m, first, last, out);
          });
          break;
        case Role::by_weight:
          product('T', 'N', outputs_, k, rows, by_points(b, begin, rows, turned, args.threads), outputs_,
                  unfold(a, begin, rows, columns, args.threads), k, begin ? 1.f : 0.f, out, k);
          break;
      }
    }
  }

 private:
  struct States final : RunState {
    std::vector<std::unique_ptr<RunState>> of;
  };
  static int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }
  int64_t taps() const { return unfolding_.taps(); }

  const float* unfold(const float* x, int64_t begin, int64_t rows, float* columns, int threads) const {
    const int64_t k = unfolding_.columns();
    if (unfolding_.is_itself()) return x + begin * k;
    parallel_for(rows, std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(k, 1)), threads,
                 [&](int64_t first, int64_t last, int) {
                   for (int64_t m = first; m < last; ++m) unfolding_.unfold(x, begin + m, columns + m * k);
                 });
    return columns;
  }

  void multiply(const RunArgs& args, const float* unfolded, const float* w, float* y, int64_t rows) const {
    const size_t which = rows == chunk_ ? 0 : products_.size() - 1;
    const void* in[2] = {unfolded, w};
    void* out[1] = {y};
    products_[which]->run({in, out, args.scratch, args.threads, static_cast<States&>(*args.state).of[which].get()});
  }

  // [point, channel] <-> [image, channel, point], rows of points each.
  template <class F>
  void each_run(int64_t begin, int64_t rows, F&& body) const {
    const int64_t points = unfolding_.points();
    for (int64_t m = 0; m < rows;) {
      const int64_t n = (begin + m) / points, p = (begin + m) % points, run = std::min(points - p, rows - m);
      body(m, run, n * outputs_ * points + p);
      m += run;
    }
  }

  /// dy with the channels of a point side by side.
  const float* by_points(const float* dy, int64_t begin, int64_t rows, float* turned, int threads) const {
    if (rows_last_) return dy + begin * outputs_;
    const int64_t points = unfolding_.points();
    parallel_for(outputs_, 16, threads, [&](int64_t first, int64_t last, int) {
      each_run(begin, rows, [&](int64_t m, int64_t run, int64_t at) {
        for (int64_t i = 0; i < run; ++i)
          for (int64_t o = first; o < last; ++o) turned[(m + i) * outputs_ + o] = dy[at + o * points + i];
      });
    });
    return turned;
  }

  /// Bias, and the way back to row-major.
  void finish(const RunArgs& args, int64_t begin, int64_t rows, const float* turned, float* y) const {
    const float* bias = bias_ == size_t(-1) ? nullptr : static_cast<const float*>(args.in[bias_]);
    if (rows_last_) {
      if (!bias) return;
      parallel_for(rows, std::max<int64_t>(1, (1 << 14) / outputs_), args.threads,
                   [&](int64_t first, int64_t last, int) {
                     for (int64_t m = begin + first; m < begin + last; ++m)
                       for (int64_t o = 0; o < outputs_; ++o) y[m * outputs_ + o] += bias[o];
                   });
      return;
    }
    const int64_t points = unfolding_.points();
    parallel_for(outputs_, 16, args.threads, [&](int64_t first, int64_t last, int) {
      each_run(begin, rows, [&](int64_t m, int64_t run, int64_t at) {
        for (int64_t o = first; o < last; ++o)
          for (int64_t i = 0; i < run; ++i)
            y[at + o * points + i] = turned[(m + i) * outputs_ + o] + (bias ? bias[o] : 0.f);
      });
    });
  }

  Role role_;
  size_t bias_;
  bool rows_last_;
  Unfolding unfolding_;
  int64_t images_, outputs_, chunk_ = 1;
  std::vector<std::shared_ptr<const BoundPrimitive>> products_;  ///< of a whole chunk, of the last one
  size_t product_scratch_ = 0;
};

class UnfoldKernel final : public Kernel {
 public:
  explicit UnfoldKernel(UnfoldPlan p) : p_(std::move(p)) {}
  std::string description() const override { return "oneDNN product with the unfolded image"; }
  Layout input_layout(size_t i) const override {
    const bool activation = i == 0 || (i == 1 && p_.role == Role::by_weight);
    return activation ? p_.layout : Layout{};
  }
  Layout output_layout(size_t) const override { return p_.role == Role::by_weight ? Layout{} : p_.layout; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Operands o = operands_of(p_.role, sizes.in, sizes.out);
      if (is_empty(o.w)) return "the weight is empty";
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<BoundUnfold>(p_, geometry(p_.shape, o.x, o.w, o.y), o));
    });
  }

 private:
  UnfoldPlan p_;
};

// What packing the weight costs beside unfolding: worth it where there are fewer points than output channels, and the
// weight is too large to stay in cache until it is used again.
constexpr int64_t least_weight_bytes = 512 << 10;

Result<Kernel> accept(const Request& r, int variant, Role role) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same product";
  const SubgraphNode& n = g.nodes[0];
  const TensorType& t = g.types[size_t(n.in[0])];
  if (t.dtype != DType::f32) return str("only f32, the first operand is ", t);
  if (t.rank() < 3 || t.rank() > 5) return str("1 to 3 spatial axes, the first operand is ", t);
  if (n.in[0] == n.in[1] || g.inputs.size() < 2 || g.inputs[0] != n.in[0] || g.inputs[1] != n.in[1])
    return "the operands are not the first inputs of the piece";
  if (g.roles[role == Role::by_weight ? 0 : 1] == InputRole::weight) return "the weight is fixed";
  UnfoldPlan p;
  p.role = role;
  p.shape = read_attrs(n, false);
  if (p.shape.group != 1) return str(p.shape.group, " groups");
  if (role == Role::forward && n.in.size() > 2 && n.in[2] >= 0) {
    p.bias = 2;
    if (g.inputs.size() != 3 || g.inputs[2] != n.in[2]) return "the bias is another operand too";
  }
  std::vector<Sizes> in, out;
  for (int32_t v : n.in)
    if (v >= 0) in.push_back(r.sizes[size_t(v)]);
  for (int32_t v : n.out) out.push_back(r.sizes[size_t(v)]);
  for (const auto& list : {in, out})
    for (const Sizes& s : list)
      for (int64_t d : s)
        if (d <= 0) return "the sizes at the point are not known or empty";
  const Operands o = operands_of(role, in, out);
  int64_t points = o.y[0], weights = 1;
  for (size_t a = 2; a < o.y.size(); ++a) points *= o.y[a];
  for (int64_t d : o.w) weights *= d;
  if (points > o.w[0])
    return str(points, " points share the packing of the weight (few would be at most ", o.w[0], ")");
  if (weights * int64_t(sizeof(float)) < least_weight_bytes) return "the weight is small";
  p.layout = r.plain_only ? Layout{} : channels_last(o.x.size());
  return std::shared_ptr<const Kernel>(std::make_shared<UnfoldKernel>(std::move(p)));
}

}  // namespace

Entry conv_unfold_entry() {
  return {"onednn.conv_unfold", [](const Request& r, int variant) { return accept(r, variant, Role::forward); }};
}
Entry conv_input_grad_unfold_entry() {
  return {"onednn.conv_input_grad_unfold",
          [](const Request& r, int variant) { return accept(r, variant, Role::by_input); }};
}
Entry conv_weight_grad_unfold_entry() {
  return {"onednn.conv_weight_grad_unfold",
          [](const Request& r, int variant) { return accept(r, variant, Role::by_weight); }};
}

}  // namespace neve::kernels::onednn
