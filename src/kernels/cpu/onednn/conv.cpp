// Convolution and transposed convolution through oneDNN, with bias, activation and residual as post-ops.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "kernels/cpu/onednn/conv_shape.h"

namespace neve::kernels::onednn {
namespace {
using dnnl::memory;

/// A constant weight in another packing than the plan's: made in the first call that needs it, then kept.
struct Repacking {
  explicit Repacking(memory::desc to) : md(std::move(to)), bytes(md.get_size() + 63) {}
  const void* data() const { return align(bytes.data()); }
  /// Through row-major: oneDNN has fast code for each half, and none for the whole way.
  void fill(const memory::desc& from_md, const memory::desc& plain_md, const void* from) const {
    std::call_once(filled, [&] {
      std::vector<std::byte> plain(plain_md.get_size());
      copy(from_md, from, plain_md, plain.data());
      copy(plain_md, plain.data(), md, const_cast<void*>(data()));
    });
  }
  static const void* align(const std::byte* p) { return p + (64 - reinterpret_cast<uintptr_t>(p) % 64) % 64; }
  memory::desc md;
  std::vector<std::byte> bytes;
  mutable std::once_flag filled;
};

/// A convolution whose weight is taken from a Repacking.
class BoundRepacked final : public BoundKernel {
 public:
  BoundRepacked(std::shared_ptr<const BoundPrimitive> conv, std::shared_ptr<const Repacking> weight, size_t input,
                size_t inputs, memory::desc from, memory::desc plain)
      : conv_(std::move(conv)),
        weight_(std::move(weight)),
        input_(input),
        inputs_(inputs),
        from_(std::move(from)),
        plain_(std::move(plain)) {}
  size_t scratch_bytes() const override { return conv_->scratch_bytes(); }
  std::unique_ptr<RunState> make_state() const override { return conv_->make_state(); }
  void run(const RunArgs& args) const override {
    weight_->fill(from_, plain_, args.in[input_]);
    std::array<const void*, most_inputs> in;
    std::copy_n(args.in, inputs_, in.begin());
    in[input_] = weight_->data();
    RunArgs a = args;
    a.in = in.data();
    conv_->run(a);
  }
  size_t bytes() const override { return conv_->bytes() + weight_->bytes.size(); }
  static constexpr size_t most_inputs = 32;

 private:
  std::shared_ptr<const BoundPrimitive> conv_;
  std::shared_ptr<const Repacking> weight_;
  size_t input_, inputs_;
  memory::desc from_, plain_;
};

struct ConvPlan {
  ConvShape shape;
  bool weight_is_fixed = false;  ///< else other weights in every call: they come row-major and are reordered each time
  PostOps post;
  DType dtype = DType::f32;
  size_t x = 0, w = 1, bias = size_t(-1);  ///< inputs of the subgraph
  Layout x_layout, y_layout;
  memory::desc w_md;
  std::string impl;
};

struct Made {
  dnnl::primitive primitive;
  memory::desc src, weights, dst, scratch;
  std::string impl;
};

dnnl::primitive_attr make_attr(const PostOps& post, const std::vector<std::pair<size_t, memory::desc>>& operands,
                               int sum_index) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops ops;
  size_t next = 0;
  for (const PostOps::Step& s : post.steps) switch (s.kind) {
      case PostOps::Step::eltwise:
        ops.append_eltwise(s.algorithm, s.alpha, s.beta);
        break;
      case PostOps::Step::sum:
        ops.append_sum(1.f);
        break;
      case PostOps::Step::binary:
        ops.append_binary(s.algorithm, operands[next++].second);
        break;
    }
  (void)sum_index;
  attr.set_post_ops(ops);
  return attr;
}

std::vector<std::pair<size_t, memory::desc>> binary_operands(const PostOps& post, const Sizes& y,
                                                             const std::optional<memory::desc>& y_md, DType dtype) {
  std::vector<std::pair<size_t, memory::desc>> out;
  for (const PostOps::Step& s : post.steps) {
    if (s.kind != PostOps::Step::binary) continue;
    if (s.same_shape) {
      memory::dims dims(y.begin(), y.end());
      out.emplace_back(s.input, y_md ? *y_md : memory::desc(dims, *data_type(dtype), memory::format_tag::any));
      continue;
    }
    Sizes sizes(y.size(), 1);
    if (!s.scalar) sizes[1] = y[1];
    out.emplace_back(s.input, *describe(DType::f32, sizes, Layout{}));
  }
  return out;
}

// `generate`: with code; else only what it would be (asking is cheap, code takes time and memory).
Made make_primitive(const ConvPlan& p, const Geometry& g, const memory::desc& src, const memory::desc& weights,
                    const memory::desc& dst, const Sizes& y, bool generate) {
  const dnnl::engine& engine = cpu_engine();
  const memory::desc bias = p.bias == size_t(-1) ? memory::desc() : *describe(p.dtype, {y[1]}, Layout{});
  std::optional<memory::desc> y_md;
  if (dst.get_format_kind() != memory::format_kind::any) y_md = dst;
  const auto attr = make_attr(p.post, binary_operands(p.post, y, y_md, p.dtype), 0);
  Made m;
  if (p.shape.transposed) {
    dnnl::deconvolution_forward::primitive_desc pd(engine, dnnl::prop_kind::forward_inference,
                                                   dnnl::algorithm::deconvolution_direct, src, weights, bias, dst,
                                                   g.strides, g.dilations, g.pad_begin, g.pad_end, attr);
    m = {generate ? dnnl::primitive(dnnl::deconvolution_forward(pd)) : dnnl::primitive(),
         pd.src_desc(),
         pd.weights_desc(),
         pd.dst_desc(),
         pd.scratchpad_desc(),
         pd.impl_info_str()};
  } else {
    dnnl::convolution_forward::primitive_desc pd(engine, dnnl::prop_kind::forward_inference,
                                                 dnnl::algorithm::convolution_direct, src, weights, bias, dst,
                                                 g.strides, g.dilations, g.pad_begin, g.pad_end, attr);
    m = {generate ? dnnl::primitive(dnnl::convolution_forward(pd)) : dnnl::primitive(),
         pd.src_desc(),
         pd.weights_desc(),
         pd.dst_desc(),
         pd.scratchpad_desc(),
         pd.impl_info_str()};
  }
  return m;
}

// One channel lies alike in both orders, and is called row-major here; oneDNN's code for channels last wants to be told
// that it is that.
memory::desc image_of(const ConvPlan& p, const Sizes& x) {
  const Layout last = channels_last(x.size());
  return *describe(p.dtype, x, x[1] == 1 && p.y_layout == last ? last : p.x_layout);
}

class ConvKernel final : public Kernel {
 public:
  ConvKernel(ConvPlan plan, Sizes weight_sizes) : p_(std::move(plan)), weight_sizes_(std::move(weight_sizes)) {}
  std::string description() const override { return "oneDNN " + p_.impl; }
  Layout input_layout(size_t i) const override {
    if (i == p_.x) return p_.x_layout;
    for (const PostOps::Step& s : p_.post.steps)
      if (s.same_shape && s.input == i) return p_.y_layout;
    return {};
  }
  Layout output_layout(size_t) const override { return p_.y_layout; }
  std::string packing_key(size_t i) const override { return i == p_.w && p_.weight_is_fixed ? key_of(p_.w_md) : ""; }
  size_t packed_bytes(size_t i) const override { return i == p_.w ? p_.w_md.get_size() : 0; }
  void pack(size_t, const Tensor& weight, void* packed, int) const override {
    copy(plain_weight(p_.shape, weight_sizes_, *data_type(p_.dtype)), weight.data(), p_.w_md, packed);
  }
  int accumulates() const override {
    for (const PostOps::Step& s : p_.post.steps)
      if (s.kind == PostOps::Step::sum) return int(s.input);
    return -1;
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const Sizes &x = sizes.in[p_.x], &y = sizes.out[0];
      if (is_empty(x) && !is_empty(y)) return "x is empty, the result is not";
      const Geometry g = geometry(p_.shape, x, weight_sizes_, y);
      const auto src = image_of(p_, x), dst = *describe(p_.dtype, y, p_.y_layout);
      const memory::desc any(p_.w_md.get_dims(), *data_type(p_.dtype), memory::format_tag::any);
      Made m = make_primitive(p_, g, src, p_.weight_is_fixed ? p_.w_md : any, dst, y, true);
      // The packing that was fixed does not suit these sizes. Another one is far better than the slow way: kept where
      // the weight is constant, else made in every call.
      bool repack = !p_.weight_is_fixed && m.weights != p_.w_md;
      if (is_slow(m.impl) && p_.weight_is_fixed) {
        Made other = make_primitive(p_, g, src, any, dst, y, true);
        repack = !is_slow(other.impl);
        if (repack) m = std::move(other);
      }
      const bool keep = repack && p_.weight_is_fixed && sizes.in.size() <= BoundRepacked::most_inputs;
      const size_t weight_at = (m.scratch.get_size() + 63) / 64 * 64;
      std::vector<Argument> args{{DNNL_ARG_SRC, src, Argument::input, p_.x},
                                 {DNNL_ARG_WEIGHTS, m.weights, repack && !keep ? Argument::scratch : Argument::input,
                                  repack && !keep ? weight_at : p_.w},
                                 {DNNL_ARG_DST, dst, Argument::output, 0},
                                 {DNNL_ARG_SCRATCHPAD, m.scratch, Argument::scratch, 0}};
      if (p_.bias != size_t(-1))
        args.push_back({DNNL_ARG_BIAS, *describe(p_.dtype, {y[1]}, Layout{}), Argument::input, p_.bias});
      const auto operands = binary_operands(p_.post, y, dst, p_.dtype);
      size_t next = 0;
      for (size_t k = 0; k < p_.post.steps.size(); ++k)
        if (p_.post.steps[k].kind == PostOps::Step::binary) {
          args.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(k)) | DNNL_ARG_SRC_1, operands[next].second,
                          Argument::input, operands[next].first});
          ++next;
        }
      auto conv = std::make_shared<BoundPrimitive>(m.primitive, std::move(args), m.scratch.get_size());
      if (!repack) return std::shared_ptr<const BoundKernel>(std::move(conv));
      if (keep)
        return std::shared_ptr<const BoundKernel>(
            std::make_shared<BoundRepacked>(std::move(conv), repacking(m.weights), p_.w, sizes.in.size(), p_.w_md,
                                            plain_weight(p_.shape, weight_sizes_, *data_type(p_.dtype))));
      const size_t reorder_at = weight_at + (m.weights.get_size() + 63) / 64 * 64;
      dnnl::primitive_attr attr;
      attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      const dnnl::reorder::primitive_desc pd(cpu_engine(), p_.w_md, cpu_engine(), m.weights, attr);
      std::vector<Argument> moves{{DNNL_ARG_FROM, p_.w_md, Argument::input, p_.w},
                                  {DNNL_ARG_TO, m.weights, Argument::scratch, weight_at},
                                  {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), Argument::scratch, reorder_at}};
      auto reorder = std::make_shared<BoundPrimitive>(dnnl::reorder(pd), std::move(moves), 0);
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<BoundSequence>(std::vector<std::shared_ptr<const BoundPrimitive>>{reorder, conv},
                                          reorder_at + pd.scratchpad_desc().get_size()));
    });
  }

 private:
  /// Shared by all sizes that want this packing, as long as one of them is bound.
  std::shared_ptr<const Repacking> repacking(const memory::desc& md) const {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const Repacking>& known = repackings_[key_of(md)];
    std::shared_ptr<const Repacking> r = known.lock();
    if (!r) known = r = std::make_shared<Repacking>(md);
    return r;
  }

  ConvPlan p_;
  Sizes weight_sizes_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::weak_ptr<const Repacking>> repackings_;
};

size_t input_number(const Subgraph& g, int32_t value) {
  for (size_t i = 0; i < g.inputs.size(); ++i)
    if (g.inputs[i] == value) return i;
  return size_t(-1);
}

// A packing that is fast at the point and at the ends of the range: what the point prefers, if the ends take it, else
// what an end prefers, if all others take that.
memory::desc packing_for_range(const ConvPlan& p, const Request& r, const SubgraphNode& n,
                               const memory::desc& preferred) {
  std::vector<const std::vector<Sizes>*> points{&r.sizes};
  for (const auto& e : r.ends) points.push_back(&e);
  auto made = [&](const std::vector<Sizes>& sizes, const memory::desc& w) {
    const Sizes &x = sizes[size_t(n.in[0])], &y = sizes[size_t(n.out[0])];
    return make_primitive(p, geometry(p.shape, x, sizes[size_t(n.in[1])], y), image_of(p, x), w,
                          *describe(p.dtype, y, p.y_layout), y, false);
  };
  std::vector<memory::desc> candidates{preferred};
  const memory::desc any(preferred.get_dims(), *data_type(p.dtype), memory::format_tag::any);
  for (size_t k = 0; k <= r.ends.size(); ++k) {
    bool all = true;
    for (const auto* sizes : points) all = all && !is_slow(made(*sizes, candidates[k]).impl);
    if (all) return candidates[k];
    if (k < r.ends.size()) candidates.push_back(made(r.ends[k], any).weights);
  }
  return preferred;
}

enum class Format { any, channels_last, plain };

Result<Kernel> accept_conv(const Request& r, int variant, bool transposed) {
  const Subgraph& g = *r.graph;
  const SubgraphNode& n = g.nodes.front();
  if (n.op->info.name != (transposed ? "conv_transpose" : "conv"))
    return "the piece does not begin with the convolution";
  const TensorType& xt = g.types[size_t(n.in[0])];
  if (xt.dtype != DType::f32) return str("only f32 so far, x is ", xt);
  if (xt.rank() < 3 || xt.rank() > 5) return str("1 to 3 spatial axes, x is ", xt);
  ConvPlan p;
  p.shape = read_attrs(n, transposed);
  p.x = input_number(g, n.in[0]);
  p.w = input_number(g, n.in[1]);
  if (p.x == size_t(-1) || p.w == size_t(-1)) return "x or w is made inside the piece";
  if (p.x == p.w) return "x is w";
  if (!is_constant(g.types[size_t(n.in[1])].shape)) return str("w has symbolic sizes: ", g.types[size_t(n.in[1])]);
  const Sizes x = r.sizes[size_t(n.in[0])], w = r.sizes[size_t(n.in[1])], y = r.sizes[size_t(n.out[0])];
  for (int64_t s : x)
    if (s <= 0) return "the sizes at the point are not known or empty";
  for (int64_t s : y)
    if (s <= 0) return "the result is empty at the point";
  // One variant a format that has fast code; row-major only has one.
  const bool one_d = xt.rank() == 3;
  std::vector<Format> formats{Format::any, Format::channels_last, Format::plain};
  if (one_d) formats.erase(formats.begin() + 1);
  if (r.plain_only) formats = {Format::plain};
  if (variant >= int(formats.size())) return "no more variants";
  bool may_sum = false;
  p.post = read_post_ops(r, 1, true);
  for (PostOps::Step& s : p.post.steps)
    if (s.kind == PostOps::Step::sum) {
      // The result must not grow over what is still being read: a block that adds its own input.
      may_sum = r.may_overwrite[s.input] && s.input != p.x && s.input != p.w;
      if (!may_sum) s.kind = PostOps::Step::binary;
    }
  if (!p.post.refusal.empty()) return p.post.refusal;
  if (n.in.size() > 2 && n.in[2] >= 0) {
    p.bias = input_number(g, n.in[2]);
    if (p.bias == size_t(-1)) return "the bias is made inside the piece";
    if (p.post.bias != size_t(-1)) {  // a second one: as binary
      PostOps::Step s{PostOps::Step::binary, dnnl::algorithm::binary_add};
      s.input = p.post.bias;
      p.post.steps.insert(p.post.steps.begin(), s);
    }
  } else {
    p.bias = p.post.bias;
  }
  p.dtype = xt.dtype;
  return refuse_errors("oneDNN", [&]() -> Result<Kernel> {
    const Geometry geo = geometry(p.shape, x, w, y);
    if (!geo.fits) return "negative padding";
    const auto type = *data_type(p.dtype);
    auto activation = [&](Format format, const Sizes& s, const Layout& offered) {
      const memory::dims dims(s.begin(), s.end());
      if (format == Format::plain) return *describe(p.dtype, s, Layout{});
      if (format == Format::any) {
        // The first layer reads what comes: its few channels would be padded fourfold and more by blocking.
        if (&s == &x && offered.plain() && x[1] / p.shape.group < 8 && p.shape.group == 1 && s.size() == 4)
          return *describe(p.dtype, s, Layout{});
        return memory::desc(dims, type, memory::format_tag::any);
      }
      return *describe(p.dtype, s, channels_last(s.size()));
    };
    const memory::desc weights = memory::desc(weight_dims(p.shape, w), type, memory::format_tag::any);
    const bool weight_is_fixed = g.roles[p.w] == InputRole::weight;
    const auto made = [&](Format f) {
      Made m = make_primitive(p, geo, activation(f, x, r.offered[p.x]), weights, activation(f, y, Layout{}), y, false);
      // An input has one layout: a block that adds its own input gives its result in the same.
      for (const PostOps::Step& s : p.post.steps)
        if (s.same_shape && s.input == p.x && m.src != m.dst)
          m = make_primitive(p, geo, m.src, weights, m.src, y, false);
      return m;
    };
    Made m;
    int fast = 0;  // formats so far that have fast code
    for (size_t k = 0; k < formats.size() && fast <= variant; ++k) {
      Made next = made(formats[k]);
      if (!is_slow(next.impl) && fast++ == variant) m = std::move(next);
    }
    if (fast <= variant) {
      if (variant > 0) return "no more variants";
      m = made(formats[0]);
    }
    const auto xl = name_of(m.src, xt.shape), yl = name_of(m.dst, g.types[size_t(n.out[0])].shape);
    if (!xl || !yl || !describe(p.dtype, x, *xl) || !describe(p.dtype, y, *yl))
      return "a layout of " + m.impl + " has no name here";
    p.x_layout = *xl;
    p.y_layout = *yl;
    p.weight_is_fixed = weight_is_fixed;
    p.w_md = weight_is_fixed ? packing_for_range(p, r, n, m.weights) : plain_weight(p.shape, w, type);
    p.impl = m.impl;
    return std::shared_ptr<const Kernel>(std::make_shared<ConvKernel>(p, w));
  });
}

}  // namespace

std::vector<Entry> conv_entries() {
  return {conv_point_entry(), conv_unfold_entry(), {"onednn.conv", [](const Request& r, int variant) {
                                                      return accept_conv(r, variant, false);
                                                    }}};
}
std::vector<Entry> deconv_entries() {
  return {{"onednn.deconv", [](const Request& r, int variant) { return accept_conv(r, variant, true); }}};
}

}  // namespace neve::kernels::onednn
