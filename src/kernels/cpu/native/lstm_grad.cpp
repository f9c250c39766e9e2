// The gradient of an LSTM through time: each thread takes rows of the batch through all steps, so that nobody waits.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {
namespace {

struct LstmGradPlan {
  std::array<int, 7> in{};   // gates cells r initial_c dy dy_h dy_c: inputs of the piece, -1: absent
  std::array<int, 3> out{};  // d_gates d_initial_h d_initial_c, -1: nobody reads it
  Isa isa = Isa::baseline;
};

class BoundLstmGrad final : public BoundKernel {
 public:
  BoundLstmGrad(const LstmGradPlan& p, const BindSizes& sizes)
      : p_(p), simd_(simd_for(p.isa)), threads_(std::max(1, sizes.threads)) {
    const Sizes& cells = sizes.in[size_t(p.in[1])];
    steps_ = cells[0], batch_ = cells[1], units_ = cells[2];
    width_ = most_vectors * simd_.lanes;
    panels_ = (units_ + width_ - 1) / width_;
    chunk_ = std::max<int64_t>(1, (batch_ + threads_ - 1) / threads_);
    at_weights_ = scratch_.add_of<float>(panels_ * width_ * 4 * units_);
    at_h_ = scratch_.add_of<float>(batch_ * panels_ * width_);
    at_dense_ = scratch_.add_of<float>(batch_ * units_);
    at_c_ = scratch_.add_of<float>(batch_ * units_);
    at_gates_ = scratch_.add_of<float>(p.out[0] < 0 ? batch_ * 4 * units_ : 0);
    at_rows_ = scratch_.add_of<const float*>(batch_);
  }
  size_t scratch_bytes() const override { return scratch_.size(); }
  size_t bytes() const override { return sizeof(*this) + 256; }

  void run(const RunArgs& args) const override {
    pack(args);
    parallel_for((batch_ + chunk_ - 1) / chunk_, 1, threads_, [&](int64_t begin, int64_t end, int) {
      for (int64_t k = begin; k < end; ++k) rows(args, k * chunk_, std::min(chunk_, batch_ - k * chunk_));
    });
  }

 private:
  static constexpr int most_vectors = 4;

  const float* input(const RunArgs& args, size_t i) const {
    return p_.in[i] < 0 ? nullptr : static_cast<const float*>(args.in[size_t(p_.in[i])]);
  }
  float* floats(const RunArgs& args, size_t at) const { return reinterpret_cast<float*>(args.scratch + at); }

  // Columns of r, panel by panel; columns behind the last are zeros.
  void pack(const RunArgs& args) const {
    const float* r = input(args, 2);
    float* to = floats(args, at_weights_);
    const int64_t k = 4 * units_;
    parallel_for(panels_, 1, threads_, [&](int64_t begin, int64_t end, int) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t count = std::min(width_, units_ - p * width_);
        for (int64_t i = 0; i < k; ++i) {
          float* row = to + (p * k + i) * width_;
          std::memcpy(row, r + i * units_ + p * width_, size_t(count) * sizeof(float));
          std::memset(row + count, 0, size_t(width_ - count) * sizeof(float));
        }
      }
    });
  }

  void rows(const RunArgs& args, int64_t first, int64_t count) const {
    const int64_t state = batch_ * units_, k = 4 * units_, padded = panels_ * width_, at = first * units_;
    const size_t row_bytes = size_t(units_) * sizeof(float);
    float *h = floats(args, at_h_) + first * padded, *dense = floats(args, at_dense_) + at,
          *c = floats(args, at_c_) + at;
    const float** pointers = reinterpret_cast<const float**>(args.scratch + at_rows_) + first;
    auto start = [&](size_t i, float* to) {
      if (const float* from = input(args, i))
        std::memcpy(to, from + at, size_t(count) * row_bytes);
      else
        std::memset(to, 0, size_t(count) * row_bytes);
    };
    start(5, dense);
    start(6, c);
    const float *gates = input(args, 0), *cells = input(args, 1), *dy = input(args, 4);
    float* d = p_.out[0] < 0 ? nullptr : static_cast<float*>(args.out[size_t(p_.out[0])]);
    for (int64_t t = steps_; t-- > 0;) {
      float* to = d ? d + (t * batch_ + first) * k : floats(args, at_gates_) + first * k;
      const float* before = t ? cells + (t - 1) * state : input(args, 3);
      simd_.lstm_grad({count, units_, gates + (t * batch_ + first) * k, cells + t * state + at, before + at,
                       dy ? dy + t * state + at : nullptr, dense, c, to});
      for (int64_t b = 0; b < count; ++b) pointers[b] = to + b * k;
      for (int64_t p = 0; p < panels_; ++p)
        simd_.panel(most_vectors, count, k, pointers, floats(args, at_weights_) + p * k * width_, h + p * width_,
                    padded);
      for (int64_t b = 0; b < count; ++b) std::memcpy(dense + b * units_, h + b * padded, row_bytes);
    }
    auto save = [&](size_t o, const float* from) {
      if (p_.out[o] >= 0)
        std::memcpy(static_cast<float*>(args.out[size_t(p_.out[o])]) + at, from, size_t(count) * row_bytes);
    };
    save(1, dense);
    save(2, c);
  }

  LstmGradPlan p_;
  const Simd& simd_;
  int threads_;
  int64_t steps_, batch_, units_, width_, panels_, chunk_;
  ScratchPlan scratch_;
  size_t at_weights_, at_h_, at_dense_, at_c_, at_gates_, at_rows_;
};

class LstmGradKernel final : public Kernel {
 public:
  explicit LstmGradKernel(const LstmGradPlan& p) : p_(p) {}
  std::string description() const override { return str("native recurrent gradient ", p_.isa); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundLstmGrad>(p_, sizes));
  }

 private:
  LstmGradPlan p_;
};

Result<Kernel> accept(const Request& request, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *request.graph;
  if (auto why = not_single(g)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& gates = g.types[size_t(n.in[0])];
  if (gates.dtype != DType::f32) return str("only f32, gates is ", gates);
  LstmGradPlan p;
  p.isa = request.isa;
  for (size_t i = 0; i < p.in.size(); ++i) p.in[i] = i < n.in.size() ? input_number(g, n.in[i]) : -1;
  for (size_t k = 0; k < p.out.size(); ++k) p.out[k] = k < n.out.size() ? output_number(g, n.out[k]) : -1;
  return std::shared_ptr<const Kernel>(std::make_shared<LstmGradKernel>(p));
}

}  // namespace

std::vector<Entry> lstm_grad_entries() { return {{"native.lstm_grad", accept}}; }

}  // namespace neve::kernels::native
