// Gradients of convolutions through oneDNN: by the input and by the weight. Row-major outside.
#include "kernels/cpu/onednn/conv_shape.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

memory::desc any_of(const memory::desc& md) { return {md.get_dims(), md.get_data_type(), memory::format_tag::any}; }

/// The three tensors of a convolution: which operand of the gradient each is.
struct Roles {
  bool by_input;
  Sizes x, w, y;
};
Roles roles_of(bool by_input, const std::vector<Sizes>& in, const std::vector<Sizes>& out) {
  if (by_input) return {true, out[0], in[1], in[0]};
  return {false, in[0], out[0], in[1]};
}

struct Chosen {
  std::shared_ptr<const BoundKernel> bound;
  std::string impl;
};

// Geometry and primitive for concrete sizes. oneDNN wants the forward convolution as a hint.
Chosen make(const ConvShape& shape, const Roles& r) {
  const Geometry g = geometry(shape, r.x, r.w, r.y);
  if (!g.fits) return {nullptr, ""};
  const auto type = memory::data_type::f32;
  const memory::desc x = *describe(DType::f32, r.x, Layout{}), y = *describe(DType::f32, r.y, Layout{}),
                     w = plain_weight(shape, r.w, type);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::engine& engine = cpu_engine();
  const dnnl::convolution_forward::primitive_desc hint(
      engine, dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, any_of(x), any_of(w),
      memory::desc(), any_of(y), g.strides, g.dilations, g.pad_begin, g.pad_end, attr);
  if (r.by_input) {
    const dnnl::convolution_backward_data::primitive_desc pd(engine, dnnl::algorithm::convolution_direct, any_of(x),
                                                             any_of(w), any_of(y), g.strides, g.dilations, g.pad_begin,
                                                             g.pad_end, hint, attr);
    return {with_reorders(dnnl::convolution_backward_data(pd),
                          {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), y, Argument::input, 0},
                           {DNNL_ARG_WEIGHTS, pd.weights_desc(), w, Argument::input, 1},
                           {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), x, Argument::output, 0}},
                          pd.scratchpad_desc()),
            pd.impl_info_str()};
  }
  const dnnl::convolution_backward_weights::primitive_desc pd(engine, dnnl::algorithm::convolution_direct, any_of(x),
                                                              any_of(w), any_of(y), g.strides, g.dilations, g.pad_begin,
                                                              g.pad_end, hint, attr);
  return {with_reorders(dnnl::convolution_backward_weights(pd),
                        {{DNNL_ARG_SRC, pd.src_desc(), x, Argument::input, 0},
                         {DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), y, Argument::input, 1},
                         {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), w, Argument::output, 0}},
                        pd.scratchpad_desc()),
          pd.impl_info_str()};
}

class ConvGradKernel final : public Kernel {
 public:
  ConvGradKernel(ConvShape shape, bool by_input, std::string impl)
      : shape_(std::move(shape)), by_input_(by_input), impl_(std::move(impl)) {}
  std::string description() const override { return "oneDNN " + impl_; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      Chosen c = make(shape_, roles_of(by_input_, sizes.in, sizes.out));
      if (!c.bound) return "negative padding";
      return std::move(c.bound);
    });
  }

 private:
  ConvShape shape_;
  bool by_input_;
  std::string impl_;
};

Result<Kernel> accept(const Request& r, int variant, bool by_input) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same primitive";
  const SubgraphNode& n = g.nodes[0];
  const TensorType& t = g.types[size_t(n.in[0])];
  if (t.dtype != DType::f32) return str("only f32 so far, ", by_input ? "dy" : "x", " is ", t);
  std::vector<Sizes> in, out;
  for (int32_t v : n.in) in.push_back(r.sizes[size_t(v)]);
  for (int32_t v : n.out) out.push_back(r.sizes[size_t(v)]);
  for (const auto& list : {in, out})
    for (const Sizes& s : list)
      for (int64_t d : s)
        if (d <= 0) return "the sizes at the point are not known or empty";
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    const ConvShape shape = read_attrs(n, false);
    const Chosen c = make(shape, roles_of(by_input, in, out));
    if (!c.bound) return "negative padding";
    return std::shared_ptr<const Kernel>(std::make_shared<ConvGradKernel>(shape, by_input, c.impl));
  });
}

}  // namespace

std::vector<Entry> conv_input_grad_entries() {
  return {conv_point_grad_entry(),
          {"onednn.conv_input_grad", [](const Request& r, int variant) { return accept(r, variant, true); }}};
}
std::vector<Entry> conv_weight_grad_entries() {
  return {{"onednn.conv_weight_grad", [](const Request& r, int variant) { return accept(r, variant, false); }}};
}

}  // namespace neve::kernels::onednn
