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

struct PoolWindow {
  memory::dims kernel, strides, dilations, begin, end;
};

PoolWindow window_of(const PoolPlan& p, const Sizes& x, const Sizes& y) {
  const size_t spatial = x.size() - 2;
  PoolWindow window;
  auto& [kernel, strides, dilations, begin, end] = window;
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
  return window;
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::pooling_forward::primitive_desc make(const PoolPlan& p, const Sizes& x, const Sizes& y,
                                           dnnl::prop_kind kind = dnnl::prop_kind::forward_inference) {
  const PoolWindow w = window_of(p, x, y);
  const auto src = *describe(p.dtype, x, p.layout), dst = *describe(p.dtype, y, p.layout);
  return {cpu_engine(), kind,  p.algorithm,      src, dst, w.strides, w.kernel, w.dilations,
          w.begin,      w.end, user_scratchpad()};
}

dnnl::pooling_backward::primitive_desc make_backward(const PoolPlan& p, const Sizes& x, const Sizes& y,
                                                     const dnnl::pooling_forward::primitive_desc& forward) {
  const PoolWindow w = window_of(p, x, y);
  const auto src = *describe(p.dtype, x, p.layout), dst = *describe(p.dtype, y, p.layout);
  return {cpu_engine(), p.algorithm, src,   dst,     w.strides,        w.kernel,
          w.dilations,  w.begin,     w.end, forward, user_scratchpad()};
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

// Attributes of a pool; a refusal in words where oneDNN means something else by them.
std::string read_plan(const SubgraphNode& n, PoolPlan& p) {
  const std::string_view op = n.op->info.name;
  p.global = op.starts_with("global");
  const bool max = op.find("max") != std::string_view::npos;
  p.algorithm = max ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding;
  if (p.global) return "";
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
  return "";
}

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
  if (const std::string why = read_plan(n, p); !why.empty()) return why;
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

/// Gradient of max pooling: the forward pass once more, for the places of the maxima, then back, in the layout of x.
class MaxPoolGradKernel final : public Kernel {
 public:
  explicit MaxPoolGradKernel(PoolPlan p) : p_(std::move(p)) {}
  std::string description() const override { return "oneDNN " + p_.impl; }
  Layout input_layout(size_t i) const override { return i < 2 ? p_.layout : Layout{}; }
  Layout output_layout(size_t) const override { return p_.layout; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Sizes &x = sizes.in[0], &y = sizes.in[1];
      const auto forward = make(p_, x, y, dnnl::prop_kind::forward_training);
      const auto backward = make_backward(p_, x, y, forward);
      size_t at = 0;
      auto place = [&](const memory::desc& md) {
        const size_t here = at;
        at += (md.get_size() + 63) / 64 * 64;
        return here;
      };
      const size_t own_y = place(forward.dst_desc()), places = place(forward.workspace_desc());
      const size_t scratch = std::max(forward.scratchpad_desc().get_size(), backward.scratchpad_desc().get_size());
      const size_t scratch_at = at;
      at += scratch;
      std::vector<Argument> f{{DNNL_ARG_SRC, forward.src_desc(), Argument::input, 0},
                              {DNNL_ARG_DST, forward.dst_desc(), Argument::scratch, own_y},
                              {DNNL_ARG_WORKSPACE, forward.workspace_desc(), Argument::scratch, places},
                              {DNNL_ARG_SCRATCHPAD, forward.scratchpad_desc(), Argument::scratch, scratch_at}};
      std::vector<Argument> b{{DNNL_ARG_DIFF_DST, backward.diff_dst_desc(), Argument::input, 1},
                              {DNNL_ARG_DIFF_SRC, backward.diff_src_desc(), Argument::output, 0},
                              {DNNL_ARG_WORKSPACE, forward.workspace_desc(), Argument::scratch, places},
                              {DNNL_ARG_SCRATCHPAD, backward.scratchpad_desc(), Argument::scratch, scratch_at}};
      std::vector<std::shared_ptr<const BoundPrimitive>> parts{
          std::make_shared<BoundPrimitive>(dnnl::pooling_forward(forward), std::move(f), 0),
          std::make_shared<BoundPrimitive>(dnnl::pooling_backward(backward), std::move(b), 0)};
      return std::shared_ptr<const BoundKernel>(std::make_shared<BoundSequence>(std::move(parts), at));
    });
  }

 private:
  PoolPlan p_;
};

Result<Kernel> accept_max_grad(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (g.nodes.size() != 1) return "nothing may follow in the same primitive";
  const SubgraphNode& n = g.nodes[0];
  const TensorType& t = g.types[size_t(n.in[0])];
  if (t.dtype != DType::f32) return str("only f32 so far, x is ", t);
  if (n.in[0] == n.in[1]) return "x is dy";
  PoolPlan p;
  if (const std::string why = read_plan(n, p); !why.empty()) return why;
  const Sizes x = r.sizes[size_t(n.in[0])], y = r.sizes[size_t(n.in[1])];
  for (const Sizes* s : {&x, &y})
    for (int64_t d : *s)
      if (d <= 0) return "the sizes at the point are not known or empty";
  p.layout = r.plain_only ? Layout{} : r.offered[0].plain() ? r.offered[1] : r.offered[0];
  if (!describe(p.dtype, x, p.layout)) p.layout = {};
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    const auto forward = make(p, x, y, dnnl::prop_kind::forward_training);
    p.impl = make_backward(p, x, y, forward).impl_info_str();
    return std::shared_ptr<const Kernel>(std::make_shared<MaxPoolGradKernel>(p));
  });
}

}  // namespace

std::vector<Entry> max_pool_grad_entries() { return {{"onednn.max_pool_grad", accept_max_grad}}; }
std::vector<Entry> pool_entries() { return {{"onednn.pool", accept}}; }

}  // namespace neve::kernels::onednn
