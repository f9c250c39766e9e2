// Reading a product with a fixed weight, and packing the weight.
#include "kernels/cpu/native/packed_product.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"

namespace neve::kernels::native {

std::optional<std::string> read_product(const Request& r, PackedProduct& p, int64_t& rows) {
  const Subgraph& g = *r.graph;
  const SubgraphNode& n = g.nodes[0];
  if (n.op->info.name != "matmul") return "the piece does not begin with the product";
  if (n.attrs.get_bool("transpose_a") || n.attrs.get_bool("transpose_b")) return "an operand is transposed";
  const TensorType &a = g.types[size_t(n.in[0])], &b = g.types[size_t(n.in[1])], &y = g.types[size_t(n.out[0])];
  if (a.dtype != DType::f32) return str("only f32, a is ", a);
  const int an = input_number(g, n.in[0]), bn = input_number(g, n.in[1]);
  if (an < 0 || bn < 0) return "an operand is made inside the piece";
  if (b.rank() != 2 || !is_constant(b.shape) || g.roles[size_t(bn)] != InputRole::weight)
    return str("b is ", b, " (a weight of fixed sizes would do)");
  if (an == bn) return "both operands are one tensor";
  if (a.rank() < 1 || y.rank() != a.rank()) return str("a is ", a);
  p.a = size_t(an), p.b = size_t(bn);
  p.k = b.shape[0].value(), p.n = b.shape[1].value();
  p.isa = r.isa;
  p.from_memory = r.cold_weights;
  p.vectors = panel_vectors(p.n, p.isa);
  rows = 1;
  const Sizes& sizes = r.sizes[size_t(n.out[0])];
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (sizes[i] < 0) return "the sizes at the point are not known";
    rows *= sizes[i];
  }
  return read_steps(g, size_t(y.rank() - 1), p.steps);
}

std::optional<std::string> read_unpacked_product(const Request& r, PackedProduct& p, int64_t& batches, int64_t& rows) {
  const Subgraph& g = *r.graph;
  const SubgraphNode& n = g.nodes[0];
  if (n.op->info.name != "matmul") return "the piece does not begin with the product";
  if (n.attrs.get_bool("transpose_a")) return "a is transposed";
  const TensorType &a = g.types[size_t(n.in[0])], &b = g.types[size_t(n.in[1])], &y = g.types[size_t(n.out[0])];
  if (a.dtype != DType::f32) return str("only f32, a is ", a);
  const int an = input_number(g, n.in[0]), bn = input_number(g, n.in[1]);
  if (an < 0 || bn < 0) return "an operand is made inside the piece";
  const bool batched = b.rank() > 2;
  if (b.rank() < 2 || a.rank() < 1 ||
      (batched && (a.rank() != b.rank() || !std::equal(b.shape.begin(), b.shape.end() - 2, a.shape.begin()))))
    return str("a is ", a, " and b ", b, " (b of rank 2, or with the batches of a)");
  p.a = size_t(an), p.b = size_t(bn), p.isa = r.isa, p.turned = n.attrs.get_bool("transpose_b");
  batches = rows = 1;
  const Sizes& sizes = r.sizes[size_t(n.out[0])];
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    int64_t& count = int64_t(i) < b.rank() - 2 ? batches : rows;
    count = sizes[i] < 0 || count < 0 ? -1 : count * sizes[i];
  }
  return read_steps(g, size_t(y.rank() - 1), p.steps);
}

std::optional<std::string> read_end(const std::vector<Step>& steps, ProductEnd& end) {
  for (const Step& s : steps) {
    const bool adds = s.kind == Step::combination && s.op == Combination::add;
    if (end.f.kind != Activation::none) return "something follows the activation";
    if (s.kind == Step::activation)
      end.f = s.f;
    else if (adds && s.operand == Step::channel && end.bias < 0 && end.residual < 0)
      end.bias = int(s.input);
    else if (adds && s.operand == Step::full && end.residual < 0)
      end.residual = int(s.input);
    else
      return "only a bias, a residual and an activation may follow, in this order";
  }
  return {};
}

FinishedProduct panel_of(const PackedProduct& p, const ProductEnd& end, const RunArgs& args, int64_t panel) {
  const int64_t first = p.first(panel);
  FinishedProduct f{};
  f.vectors = p.vectors_of(panel), f.columns = std::min(p.n, p.first(panel + 1)) - first;
  f.k = f.a_stride = p.k;
  f.b = static_cast<const float*>(args.in[p.b]) + first * p.k;
  if (end.bias >= 0) f.bias = static_cast<const float*>(args.in[size_t(end.bias)]) + first;
  f.f = end.f;
  return f;
}

void place(FinishedProduct& panel, const PackedProduct& p, const ProductEnd& end, const RunArgs& args, int64_t at) {
  if (end.residual >= 0) panel.residual = static_cast<const float*>(args.in[size_t(end.residual)]) + at;
  panel.c = static_cast<float*>(args.out[0]) + at, panel.c_stride = p.n;
}

bool halved(PackedProduct& p) {
  const int64_t half = simd_avx2().lanes;
  if (p.isa != Isa::avx512 || round_up(p.n, half) == round_up(p.n, simd_for(p.isa).lanes)) return false;
  p.isa = Isa::avx2;
  return true;
}

void pack_panel(const PackedProduct& p, int64_t panel, const float* from, float* to) {
  const int64_t first = p.first(panel), width = p.first(panel + 1) - first, columns = std::min(width, p.n - first);
  if (p.turned) return pack_transposed(from + first * p.k, p.k, 1, columns, p.k, width, width, to);
  for (int64_t k = 0; k < p.k; ++k, to += width) {
    std::memcpy(to, from + k * p.n + first, size_t(columns) * sizeof(float));
    std::fill(to + columns, to + width, 0.f);
  }
}

void pack_panels(const PackedProduct& p, const float* from, float* to, int threads) {
  parallel_for(p.panels(), 1, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) pack_panel(p, i, from, to + p.first(i) * p.k);
  });
}

std::string panels_key(const PackedProduct& p) {
  return str("native panels of ", p.mixed ? "up to " : "", p.width(), " columns, ", p.k, "x", p.n,
             p.turned ? " turned" : "");
}
size_t panels_bytes(const PackedProduct& p) { return size_t(p.first(p.panels()) * p.k) * sizeof(float); }

void finish_rows(const PackedProduct& p, const Simd& simd, const RunArgs& args, int64_t row, int64_t count,
                 int64_t first, int64_t width, float* x) {
  constexpr int64_t at_a_time = 8;  // in the first cache
  const int64_t columns = std::min(width, p.n - first);
  for (int64_t m = 0; m < count; m += at_a_time) {
    const int64_t some = std::min(at_a_time, count - m), at = (row + m) * p.n + first;
    float* from = x + m * width;
    for (const Step& s : p.steps) apply(s, simd, args, {from, some, width, first, columns, at, p.n});
    float* y = static_cast<float*>(args.out[0]) + at;
    for (int64_t i = 0; i < some; ++i) std::memcpy(y + i * p.n, from + i * width, size_t(columns) * sizeof(float));
  }
}

double product_error(const PackedProduct& p, int64_t rows, const BoundKernel& bound, const Tensor& packed,
                     const std::function<void(const float*)>& pack) {
  Noise random;
  std::vector<float> a(size_t(rows * p.k)), b(size_t(p.k * p.n)), y(size_t(rows * p.n));
  for (float& v : a) v = random();
  for (float& v : b) v = random();
  pack(b.data());
  const Tensor scratch = Tensor::empty(DType::u8, {int64_t(bound.scratch_bytes())});
  const void* in[] = {a.data(), packed.data()};
  void* out[] = {y.data()};
  bound.run({in, out, scratch.data(), 1});
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < p.k; ++k) sum += double(a[size_t(i * p.k + k)]) * double(b[size_t(k * p.n + j)]);
      worst = std::max(worst, std::fabs(sum - double(y[size_t(i * p.n + j)])));
      largest = std::max(largest, std::fabs(sum));
    }
  return worst / largest;
}

std::string PackedProductKernel::packing_key(size_t i) const { return i == p_.b ? panels_key(p_) : ""; }
size_t PackedProductKernel::packed_bytes(size_t i) const { return i == p_.b ? panels_bytes(p_) : 0; }

void PackedProductKernel::pack(size_t, const Tensor& weight, void* packed, int threads) const {
  pack_panels(p_, weight.data_as<float>(), static_cast<float*>(packed), threads);
}

int64_t PackedProductKernel::rows_of(const BindSizes& sizes) const {
  int64_t rows = 1;
  for (int64_t s : sizes.out[0]) rows *= s;
  return p_.n ? rows / p_.n : 0;
}

}  // namespace neve::kernels::native
