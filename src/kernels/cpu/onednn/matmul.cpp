// Matrix products through oneDNN, with bias, activation and residual as post-ops.
#include <numeric>

#include "kernels/cpu/onednn/common.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

// Leading axes of the first operand folded into rows when the second is one matrix; else batches, aligned from the
// right.
struct Folding {
  bool fold = false;
  size_t rank = 2;
};

struct MatmulPlan {
  PostOps post;
  DType dtype = DType::f32;
  size_t a = 0, b = 1;
  bool turned_a = false, turned_b = false;  ///< the last two axes lie the other way round
  Folding folding;
  bool packed = false;
  memory::desc b_md;
  std::string impl;
};

Sizes folded(const Sizes& s, const Folding& f) {
  if (f.fold) {
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < s.size(); ++i) rows *= s[i];
    return {rows, s.back()};
  }
  Sizes out(f.rank - s.size(), 1);
  out.insert(out.end(), s.begin(), s.end());
  return out;
}

// Of a plain tensor of these (folded) sizes, read as the product reads it.
memory::desc operand(const MatmulPlan& p, const Sizes& s, bool turned) {
  const memory::desc md = *describe(p.dtype, s, Layout{});
  if (!turned) return md;
  std::vector<int> axes(s.size());
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  return md.permute_axes(axes);
}
memory::desc left(const MatmulPlan& p, const Sizes& a) { return operand(p, folded(a, p.folding), p.turned_a); }
memory::desc right(const MatmulPlan& p, const Sizes& b) {
  return operand(p, folded(b, {false, p.folding.rank}), p.turned_b);
}

struct Operand {
  size_t input;
  memory::desc md;
};

// Descriptors of the post-op operands in the folded shape of the result.
std::vector<Operand> binary_operands(const MatmulPlan& p, const Sizes& y) {
  std::vector<Operand> out;
  for (const PostOps::Step& s : p.post.steps) {
    if (s.kind != PostOps::Step::binary) continue;
    Sizes sizes(y.size(), 1);
    if (s.same_shape)
      sizes = y;
    else if (!s.scalar)
      sizes.back() = y.back();
    out.push_back({s.input, *describe(s.same_shape ? p.dtype : DType::f32, sizes, Layout{})});
  }
  return out;
}

dnnl::matmul::primitive_desc make(const MatmulPlan& p, const memory::desc& a, const memory::desc& b,
                                  const memory::desc& y, const Sizes& ys) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops ops;
  const auto operands = binary_operands(p, ys);
  size_t next = 0;
  for (const PostOps::Step& s : p.post.steps) switch (s.kind) {
      case PostOps::Step::eltwise:
        ops.append_eltwise(s.algorithm, s.alpha, s.beta);
        break;
      case PostOps::Step::sum:
        ops.append_sum(1.f);
        break;
      case PostOps::Step::binary:
        ops.append_binary(s.algorithm, operands[next++].md);
        break;
    }
  attr.set_post_ops(ops);
  if (p.post.bias == size_t(-1)) return {cpu_engine(), a, b, y, attr};
  Sizes sizes(ys.size(), 1);
  sizes.back() = ys.back();
  return {cpu_engine(), a, b, *describe(DType::f32, sizes, Layout{}), y, attr};
}

class MatmulKernel final : public Kernel {
 public:
  explicit MatmulKernel(MatmulPlan p) : p_(std::move(p)) {}
  std::string description() const override { return "oneDNN " + p_.impl; }
  std::string packing_key(size_t i) const override { return p_.packed && i == p_.b ? key_of(p_.b_md) : ""; }
  size_t packed_bytes(size_t i) const override { return i == p_.b ? p_.b_md.get_size() : 0; }
  void pack(size_t, const Tensor& weight, void* packed, int) const override {
    copy(right(p_, weight.shape()), weight.data(), p_.b_md, packed);
  }
  int accumulates() const override {
    for (const PostOps::Step& s : p_.post.steps)
      if (s.kind == PostOps::Step::sum) return int(s.input);
    return -1;
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Sizes a = folded(sizes.in[p_.a], p_.folding), y = folded(sizes.out[0], p_.folding);
      if (is_empty(a) && !is_empty(y)) return "the sums are over no elements";
      const auto a_md = left(p_, sizes.in[p_.a]), y_md = *describe(p_.dtype, y, Layout{});
      const auto b_md = p_.packed ? p_.b_md : right(p_, sizes.in[p_.b]);
      const auto pd = make(p_, a_md, b_md, y_md, y);
      const auto scratch = pd.scratchpad_desc();
      std::vector<Argument> args{{DNNL_ARG_SRC, a_md, Argument::input, p_.a},
                                 {DNNL_ARG_WEIGHTS, b_md, Argument::input, p_.b},
                                 {DNNL_ARG_DST, y_md, Argument::output, 0},
                                 {DNNL_ARG_SCRATCHPAD, scratch, Argument::scratch, 0}};
      if (p_.post.bias != size_t(-1)) {
        Sizes s(y.size(), 1);
        s.back() = y.back();
        args.push_back({DNNL_ARG_BIAS, *describe(DType::f32, s, Layout{}), Argument::input, p_.post.bias});
      }
      const auto operands = binary_operands(p_, y);
      size_t next = 0;
      for (size_t k = 0; k < p_.post.steps.size(); ++k)
        if (p_.post.steps[k].kind == PostOps::Step::binary) {
          args.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(k)) | DNNL_ARG_SRC_1, operands[next].md, Argument::input,
                          operands[next].input});
          ++next;
        }
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<BoundPrimitive>(dnnl::matmul(pd), std::move(args), scratch.get_size()));
    });
  }

 private:
  MatmulPlan p_;
};

size_t input_number(const Subgraph& g, int32_t value) {
  for (size_t i = 0; i < g.inputs.size(); ++i)
    if (g.inputs[i] == value) return i;
  return size_t(-1);
}

Result<Kernel> accept(const Request& r, int variant) {
  const Subgraph& g = *r.graph;
  const SubgraphNode& n = g.nodes.front();
  if (variant > 0) return "no more variants";
  if (n.op->info.name != "matmul") return "the piece does not begin with the product";
  const TensorType &at = g.types[size_t(n.in[0])], &bt = g.types[size_t(n.in[1])];
  if (at.dtype != DType::f32) return str("only f32 so far, a is ", at);
  if (at.rank() < 2 || bt.rank() < 2) return str("a is ", at, " and b ", bt, " (matrices or batches of them would do)");
  MatmulPlan p;
  p.a = input_number(g, n.in[0]);
  p.b = input_number(g, n.in[1]);
  if (p.a == size_t(-1) || p.b == size_t(-1)) return "an operand is made inside the piece";
  p.turned_a = n.attrs.get_bool("transpose_a"), p.turned_b = n.attrs.get_bool("transpose_b");
  p.folding.fold = bt.rank() == 2 && !(p.turned_a && at.rank() > 2);
  p.folding.rank = p.folding.fold ? 2 : size_t(std::max(at.rank(), bt.rank()));
  if (p.folding.rank > 5) return "more than three batch axes";
  // A batch axis that may be 1 or equal decides the primitive: only where each is one of the two for certain.
  if (!p.folding.fold)
    for (int64_t k = 3; k <= std::min(at.rank(), bt.rank()); ++k) {
      const Dim x = at.shape[size_t(at.rank() - k)], y = bt.shape[size_t(bt.rank() - k)];
      if (!(x == y) && !x.is(1) && !y.is(1)) return str("batch axes ", x, " and ", y, " may be equal or 1");
    }
  const int32_t out = n.out[0];
  p.post = read_post_ops(r, g.types[size_t(out)].shape.size() - 1, true);
  if (!p.post.refusal.empty()) return p.post.refusal;
  for (PostOps::Step& s : p.post.steps)
    if (s.kind == PostOps::Step::sum && (!r.may_overwrite[s.input] || s.input == p.a || s.input == p.b))
      s.kind = PostOps::Step::binary;
  const Sizes a = r.sizes[size_t(n.in[0])], b = r.sizes[size_t(n.in[1])], y = r.sizes[size_t(out)];
  for (const Sizes* s : {&a, &b, &y})
    for (int64_t d : *s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  p.packed = p.folding.fold && g.roles[p.b] == InputRole::weight && is_constant(bt.shape);
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    const Sizes fy = folded(y, p.folding);
    auto b_md = right(p, b);
    if (p.packed) b_md = memory::desc(b_md.get_dims(), *data_type(p.dtype), memory::format_tag::any);
    const auto pd = make(p, left(p, a), b_md, *describe(p.dtype, fy, Layout{}), fy);
    p.b_md = pd.weights_desc();
    p.impl = pd.impl_info_str();
    return std::shared_ptr<const Kernel>(std::make_shared<MatmulKernel>(p));
  });
}

}  // namespace

std::vector<Entry> matmul_entries() { return {{"onednn.matmul", accept}}; }

}  // namespace neve::kernels::onednn
