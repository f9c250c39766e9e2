// Pooling through oneDNN, in whatever layout the input has.
#include "kernels/cpu/onednn/common.h"
#include "op/spatial.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

struct PoolPlan {
  dnnl::algorithm algorithm = dnnl::algorithm::pooling_max;
  bool global = false, ceil_mode = false;
  std::vector<int64_t> kernel, strides, dilations, pads;
  std::string auto_pad;
  Layout layout;
  DType dtype = DType::f32;
  std::string impl;
};

dnnl::pooling_forward::primitive_desc make(const PoolPlan& p, const Sizes& x, const Sizes& y) {
  const size_t spatial = x.size() - 2;
  memory::dims kernel, strides, dilations, begin, end;
  if (p.global) {
    kernel.assign(x.begin() + 2, x.end());
    strides = kernel;
    dilations.assign(spatial, 0), begin.assign(spatial, 0), end.assign(spatial, 0);
  } else {
    WindowSpec spec;
    for (int64_t k : p.kernel) spec.kernel.push_back(Dim(k));
    spec.strides = p.strides, spec.dilations = p.dilations, spec.pads = p.pads;
    spec.auto_pad = p.auto_pad, spec.ceil_mode = p.ceil_mode;
    std::vector<Dim> in;
    for (size_t i = 0; i < spatial; ++i) in.push_back(Dim(x[2 + i]));
    const Window w = slide(spec, in);
    for (size_t i = 0; i < spatial; ++i) {
      kernel.push_back(p.kernel[i]);
      strides.push_back(spec.stride(i));
      dilations.push_back(spec.dilation(i) - 1);
      begin.push_back(w.pad_begin[i].value());
      end.push_back((y[2 + i] - 1) * spec.stride(i) + (p.kernel[i] - 1) * spec.dilation(i) + 1 - begin.back() -
                    x[2 + i]);
    }
  }
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto src = *describe(p.dtype, x, p.layout), dst = *describe(p.dtype, y, p.layout);
  return {
      cpu_engine(), dnnl::prop_kind::forward_inference, p.algorithm, src, dst, strides, kernel, dilations, begin, end,
      attr};
}

class PoolKernel final : public Kernel {
 public:
  explicit PoolKernel(PoolPlan p) : p_(std::move(p)) {}
  std::string description() const override { return "oneDNN " + p_.impl; }
  Layout input_layout(size_t) const override { return p_.layout; }
  Layout output_layout(size_t) const override { return p_.layout; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      if (is_empty(sizes.in[0]) && !is_empty(sizes.out[0])) return "x is empty, the result is not";
      const auto pd = make(p_, sizes.in[0], sizes.out[0]);
      const auto scratch = pd.scratchpad_desc();
      std::vector<Argument> args{{DNNL_ARG_SRC, pd.src_desc(), Argument::input, 0},
                                 {DNNL_ARG_DST, pd.dst_desc(), Argument::output, 0},
                                 {DNNL_ARG_SCRATCHPAD, scratch, Argument::scratch, 0}};
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<BoundPrimitive>(dnnl::pooling_forward(pd), std::move(args), scratch.get_size()));
    });
  }

 private:
  PoolPlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same primitive";
  const SubgraphNode& n = g.nodes[0];
  if (g.outputs.size() != 1 || g.outputs[0] != n.out[0]) return "the indices are wanted";
  const TensorType& t = g.types[size_t(n.in[0])];
  if (t.dtype != DType::f32) return str("only f32 so far, x is ", t);
  if (t.rank() < 3 || t.rank() > 5) return str("1 to 3 spatial axes, x is ", t);
  PoolPlan p;
  const std::string_view op = n.op->info.name;
  p.global = op.starts_with("global");
  const bool max = op.find("max") != std::string_view::npos;
  p.algorithm = max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  if (!p.global) {
    p.kernel = n.attrs.get_ints("kernel_shape");
    p.strides = n.attrs.get_ints("strides");
    p.dilations = n.attrs.get_ints("dilations");
    p.pads = n.attrs.get_ints("pads");
    p.auto_pad = n.attrs.get_string("auto_pad");
    p.ceil_mode = n.attrs.get_bool("ceil_mode");
    if (!max && n.attrs.get_bool("count_include_pad")) {
      if (p.ceil_mode) return "padding counts, and a window may hang over the end: what hangs over does not count";
      p.algorithm = dnnl::algorithm::pooling_avg_include_padding;
    }
    if (p.ceil_mode && !max)
      for (int64_t d : p.dilations)
        if (d != 1) return "dilated windows that may hang over the end";
  }
  const Sizes x = r.sizes[size_t(n.in[0])], y = r.sizes[size_t(n.out[0])];
  for (const Sizes* s : {&x, &y})
    for (int64_t d : *s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  p.layout = r.plain_only ? Layout{} : r.offered[0];
  if (!describe(p.dtype, x, p.layout)) p.layout = {};
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    p.impl = make(p, x, y).impl_info_str();
    return std::shared_ptr<const Kernel>(std::make_shared<PoolKernel>(p));
  });
}

}  // namespace

std::vector<Entry> pool_entries() { return {{"onednn.pool", accept}}; }

}  // namespace neve::kernels::onednn
