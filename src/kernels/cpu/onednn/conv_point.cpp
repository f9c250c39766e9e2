// Convolutions of one point (kernels of 1, strides of 1, no padding) and their gradients by the input as products of
// matrices, image by image: row-major data stays where it is. For weights that come with each call; fixed ones are
// packed, and layers that follow each other share a blocked layout.
#include <algorithm>

#include "kernels/cpu/onednn/conv_shape.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

struct PointPlan {
  bool by_input = false;  ///< dx = w^T dy; else y = w x
  size_t data = 0, w = 1;
  std::string impl;
};

Sizes rows_of(const Sizes& s) {
  int64_t points = 1;
  for (size_t i = 2; i < s.size(); ++i) points *= s[i];
  return {s[0], s[1], points};
}

/// `data`: x or dy.
dnnl::matmul::primitive_desc make(bool by_input, const Sizes& data, const Sizes& w, const Sizes& result) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const memory::dims a = by_input ? memory::dims{1, w[1], w[0]} : memory::dims{1, w[0], w[1]},
                     strides = by_input ? memory::dims{w[0] * w[1], 1, w[1]} : memory::dims{w[0] * w[1], w[1], 1};
  return {cpu_engine(), memory::desc(a, memory::data_type::f32, strides),
          *describe(DType::f32, rows_of(data), Layout{}), *describe(DType::f32, rows_of(result), Layout{}), attr};
}

class PointKernel final : public Kernel {
 public:
  explicit PointKernel(PointPlan p) : p_(std::move(p)) {}
  std::string description() const override { return "oneDNN " + p_.impl + " of each image"; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Sizes &data = sizes.in[p_.data], &w = sizes.in[p_.w], &result = sizes.out[0];
      if ((is_empty(data) || is_empty(w)) && !is_empty(result)) return "the sums are over no elements";
      const auto pd = make(p_.by_input, data, w, result);
      const auto scratch = pd.scratchpad_desc();
      std::vector<Argument> arguments{{DNNL_ARG_SRC, pd.src_desc(), Argument::input, p_.w},
                                      {DNNL_ARG_WEIGHTS, pd.weights_desc(), Argument::input, p_.data},
                                      {DNNL_ARG_DST, pd.dst_desc(), Argument::output, 0},
                                      {DNNL_ARG_SCRATCHPAD, scratch, Argument::scratch, 0}};
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<BoundPrimitive>(dnnl::matmul(pd), std::move(arguments), scratch.get_size()));
    });
  }

 private:
  PointPlan p_;
};

size_t input_number(const Subgraph& g, int32_t value) {
  return size_t(std::find(g.inputs.begin(), g.inputs.end(), value) - g.inputs.begin());
}

Result<Kernel> accept(const Request& r, int variant, bool by_input) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same product";
  const SubgraphNode& n = g.nodes[0];
  const TensorType& t = g.types[size_t(n.in[0])];
  if (t.dtype != DType::f32) return str("only f32, ", by_input ? "dy" : "x", " is ", t);
  if (!by_input && n.in.size() > 2 && n.in[2] >= 0) return "there is a bias";
  PointPlan p;
  p.by_input = by_input;
  p.data = input_number(g, n.in[0]);
  p.w = input_number(g, n.in[1]);
  if (p.data == g.inputs.size() || p.w == g.inputs.size() || p.data == p.w)
    return "an operand is no input of the piece";
  if (g.roles[p.w] == InputRole::weight) return "the weight is fixed";
  const Sizes &data = r.sizes[size_t(n.in[0])], &w = r.sizes[size_t(n.in[1])], &result = r.sizes[size_t(n.out[0])];
  for (const Sizes* s : {&data, &w, &result})
    for (int64_t d : *s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  const ConvShape shape = read_attrs(n, false);
  if (shape.group != 1) return str(shape.group, " groups");
  for (size_t i = 2; i < w.size(); ++i)
    if (!g.types[size_t(n.in[1])].shape[i].is(1)) return "the kernel may be larger than one point";
  for (int64_t s : shape.strides)
    if (s != 1) return "strides";
  if (data.size() < 3 || !std::equal(data.begin() + 2, data.end(), result.begin() + 2)) return "padding";
  for (int64_t s : shape.pads)
    if (s != 0) return "padding";
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    p.impl = make(by_input, data, w, result).impl_info_str();
    if (is_slow(p.impl)) return "no fast code: " + p.impl;
    return std::shared_ptr<const Kernel>(std::make_shared<PointKernel>(p));
  });
}

}  // namespace

Entry conv_point_entry() {
  return {"onednn.conv_point", [](const Request& r, int variant) { return accept(r, variant, false); }};
}
Entry conv_point_grad_entry() {
  return {"onednn.conv_point_grad", [](const Request& r, int variant) { return accept(r, variant, true); }};
}

}  // namespace neve::kernels::onednn
