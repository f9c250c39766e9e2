// Gradients of convolutions through oneDNN: by the input and by the weight, in the layouts that the operands come in.
#include <cstring>

#include "kernels/cpu/onednn/conv_shape.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

/// One gradient: what it is by, and how its activations lie. The weight, or its gradient, is row-major outside.
struct GradPlan {
  ConvShape shape;
  bool by_input = false;
  Layout x, y;
  std::string impl;
};

/// The sizes of a convolution's tensors: which operand of the gradient each is.
struct Roles {
  Sizes x, w, y;
};
Roles roles_of(bool by_input, const std::vector<Sizes>& in, const std::vector<Sizes>& out) {
  return by_input ? Roles{out[0], in[1], in[0]} : Roles{in[0], out[0], in[1]};
}

/// A primitive that is not made yet, and the descriptors of its three tensors.
struct Described {
  dnnl::convolution_backward_data::primitive_desc by_input;
  dnnl::convolution_backward_weights::primitive_desc by_weight;
  memory::desc x, w, y, scratchpad;
  std::string impl;
};

// oneDNN wants the forward convolution as a hint. x and y: descriptors, or "any".
Described describe_gradient(const GradPlan& p, const Roles& r, const Geometry& g, const memory::desc& x,
                            const memory::desc& y) {
  const memory::desc w(weight_dims(p.shape, r.w), memory::data_type::f32, memory::format_tag::any);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::engine& engine = cpu_engine();
  const auto direct = dnnl::algorithm::convolution_direct;
  const dnnl::convolution_forward::primitive_desc hint(engine, dnnl::prop_kind::forward_training, direct, x, w,
                                                       memory::desc(), y, g.strides, g.dilations, g.pad_begin,
                                                       g.pad_end, attr);
  Described d;
  if (p.by_input) {
    d.by_input = {engine, direct, x, w, y, g.strides, g.dilations, g.pad_begin, g.pad_end, hint, attr};
    d.x = d.by_input.diff_src_desc(), d.w = d.by_input.weights_desc(), d.y = d.by_input.diff_dst_desc();
    d.scratchpad = d.by_input.scratchpad_desc(), d.impl = d.by_input.impl_info_str();
  } else {
    d.by_weight = {engine, direct, x, w, y, g.strides, g.dilations, g.pad_begin, g.pad_end, hint, attr};
    d.x = d.by_weight.src_desc(), d.w = d.by_weight.diff_weights_desc(), d.y = d.by_weight.diff_dst_desc();
    d.scratchpad = d.by_weight.scratchpad_desc(), d.impl = d.by_weight.impl_info_str();
  }
  return d;
}

memory::desc any_layout(const Sizes& s) {
  return {memory::dims(s.begin(), s.end()), memory::data_type::f32, memory::format_tag::any};
}

/// The gradient by the weight where there is nothing to sum over.
class BoundZeros final : public BoundKernel {
 public:
  explicit BoundZeros(size_t bytes) : bytes_(bytes) {}
  void run(const RunArgs& args) const override { std::memset(args.out[0], 0, bytes_); }

 private:
  size_t bytes_;
};

class ConvGradKernel final : public Kernel {
 public:
  explicit ConvGradKernel(GradPlan plan) : p_(std::move(plan)) {}
  std::string description() const override { return "oneDNN " + p_.impl; }
  Layout input_layout(size_t i) const override {
    if (p_.by_input) return i == 0 ? p_.y : Layout{};
    return i == 0 ? p_.x : i == 1 ? p_.y : Layout{};  // the sizes of the weight come last
  }
  Layout output_layout(size_t) const override { return p_.by_input ? p_.x : Layout{}; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Roles r = roles_of(p_.by_input, sizes.in, sizes.out);
      if (is_empty(r.x) || is_empty(r.y) || is_empty(r.w)) {
        const Sizes& out = sizes.out[0];
        return std::shared_ptr<const BoundKernel>(std::make_shared<BoundZeros>(
            size_t(padded_elements(output_layout(0), out.data(), out.size())) * sizeof(float)));
      }
      const Geometry g = geometry(p_.shape, r.x, r.w, r.y);
      if (!g.fits) return "negative padding";
      const memory::desc x = *describe(DType::f32, r.x, p_.x), y = *describe(DType::f32, r.y, p_.y),
                         w = plain_weight(p_.shape, r.w, memory::data_type::f32);
      Described d = describe_gradient(p_, r, g, x, y);
      if (is_slow(d.impl)) d = describe_gradient(p_, r, g, any_layout(r.x), any_layout(r.y));
      if (p_.by_input)
        return with_reorders(dnnl::convolution_backward_data(d.by_input),
                             {{DNNL_ARG_DIFF_DST, d.y, y, Argument::input, 0},
                              {DNNL_ARG_WEIGHTS, d.w, w, Argument::input, 1},
                              {DNNL_ARG_DIFF_SRC, d.x, x, Argument::output, 0}},
                             d.scratchpad);
      return with_reorders(dnnl::convolution_backward_weights(d.by_weight),
                           {{DNNL_ARG_SRC, d.x, x, Argument::input, 0},
                            {DNNL_ARG_DIFF_DST, d.y, y, Argument::input, 1},
                            {DNNL_ARG_DIFF_WEIGHTS, d.w, w, Argument::output, 0}},
                           d.scratchpad);
    });
  }

 private:
  GradPlan p_;
};

Result<Kernel> accept(const Request& r, int variant, bool by_input) {
  if (variant > 1 || (variant && r.plain_only)) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same primitive";
  const SubgraphNode& n = g.nodes[0];
  const TensorType &first = g.types[size_t(n.in[0])], &result = g.types[size_t(n.out[0])];
  if (first.dtype != DType::f32) return str("only f32 so far, ", by_input ? "dy" : "x", " is ", first);
  if (n.in[0] == n.in[1]) return "both operands are one tensor";
  std::vector<Sizes> in, out;
  for (int32_t v : n.in) in.push_back(r.sizes[size_t(v)]);
  for (int32_t v : n.out) out.push_back(r.sizes[size_t(v)]);
  for (const auto& list : {in, out})
    for (const Sizes& s : list)
      for (int64_t d : s)
        if (d <= 0) return "the sizes at the point are not known or empty";
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    GradPlan p;
    p.shape = read_attrs(n, false);
    p.by_input = by_input;
    const Roles roles = roles_of(by_input, in, out);
    const Geometry geo = geometry(p.shape, roles.x, roles.w, roles.y);
    if (!geo.fits) return "negative padding";
    // First as the operands come, where they come in a layout of their own, and as the forward convolution would like
    // them, in which the captured program has them: eager steps and captured ones then agree to the last bit. Else as
    // oneDNN likes it best.
    const dnnl::convolution_forward::primitive_desc forward(
        cpu_engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, any_layout(roles.x),
        memory::desc(weight_dims(p.shape, roles.w), memory::data_type::f32, memory::format_tag::any), memory::desc(),
        any_layout(roles.y), geo.strides, geo.dilations, geo.pad_begin, geo.pad_end);
    const auto wanted = [&](const Sizes& s, const Layout& offered, const memory::desc& of_forward) {
      if (variant) return any_layout(s);
      const auto as_offered = describe(DType::f32, s, offered);
      return offered.plain() || !as_offered ? of_forward : *as_offered;
    };
    const Layout &x_offered = r.offered[0], &y_offered = r.offered[by_input ? 0 : 1];
    Described d = describe_gradient(p, roles, geo, wanted(roles.x, x_offered, forward.src_desc()),
                                    wanted(roles.y, y_offered, forward.dst_desc()));
    if (is_slow(d.impl) && !variant) d = describe_gradient(p, roles, geo, forward.src_desc(), forward.dst_desc());
    if (is_slow(d.impl)) d = describe_gradient(p, roles, geo, any_layout(roles.x), any_layout(roles.y));
    const auto x = name_of(d.x, by_input ? result.shape : first.shape),
               y = name_of(d.y, by_input ? first.shape : g.types[size_t(n.in[1])].shape);
    // Without a name, or where row-major is asked for, the kernel reorders by itself.
    if (!r.plain_only && x && describe(DType::f32, roles.x, *x)) p.x = *x;
    if (!r.plain_only && y && describe(DType::f32, roles.y, *y)) p.y = *y;
    p.impl = d.impl;
    return std::shared_ptr<const Kernel>(std::make_shared<ConvGradKernel>(std::move(p)));
  });
}

}  // namespace

std::vector<Entry> conv_input_grad_entries() {
  return {conv_point_grad_entry(),
          conv_input_grad_unfold_entry(),
          {"onednn.conv_input_grad", [](const Request& r, int variant) { return accept(r, variant, true); }}};
}
std::vector<Entry> conv_weight_grad_entries() {
  return {conv_weight_grad_unfold_entry(),
          {"onednn.conv_weight_grad", [](const Request& r, int variant) { return accept(r, variant, false); }}};
}

}  // namespace neve::kernels::onednn
