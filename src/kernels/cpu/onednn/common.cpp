// Shared parts of the oneDNN kernels.
#include "kernels/cpu/onednn/common.h"

#include <array>

#include "kernels/list.h"
#include "op/reference.h"

namespace neve::kernels::onednn {
using dnnl::memory;
using tag = memory::format_tag;

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

const dnnl::stream& thread_stream() {
  thread_local const dnnl::stream stream(cpu_engine());
  return stream;
}

std::optional<memory::data_type> data_type(DType t) {
  switch (t) {
    case DType::f32:
      return memory::data_type::f32;
    case DType::bf16:
      return memory::data_type::bf16;
    case DType::f16:
      return memory::data_type::f16;
    case DType::i32:
      return memory::data_type::s32;
    case DType::i8:
      return memory::data_type::s8;
    case DType::u8:
      return memory::data_type::u8;
    default:
      return {};
  }
}

std::optional<memory::desc> describe(DType t, const Sizes& sizes, const Layout& layout) {
  const auto type = data_type(t);
  if (!type || sizes.empty() || sizes.size() > 5) return {};
  const memory::dims dims(sizes.begin(), sizes.end());
  if (layout.blocks.empty()) {
    memory::dims strides(sizes.size());
    int64_t stride = 1;
    for (size_t k = sizes.size(); k-- > 0;) {
      const size_t axis = layout.order.empty() ? k : size_t(layout.order[k]);
      strides[axis] = stride;
      stride *= std::max<int64_t>(sizes[axis], 1);
    }
    return memory::desc(dims, *type, strides);
  }
  for (size_t k = 0; k < layout.order.size(); ++k)
    if (layout.order[k] != int8_t(k)) return {};
  if (layout.blocks.size() != 1 || layout.blocks[0].axis != 1 || sizes.size() < 3) return {};
  constexpr std::array<tag, 3> by16{tag::aBc16b, tag::aBcd16b, tag::aBcde16b},
      by8{tag::aBc8b, tag::aBcd8b, tag::aBcde8b}, by4{tag::aBc4b, tag::aBcd4b, tag::aBcde4b};
  const size_t i = sizes.size() - 3;
  switch (layout.blocks[0].size) {
    case 16:
      return memory::desc(dims, *type, by16[i]);
    case 8:
      return memory::desc(dims, *type, by8[i]);
    case 4:
      return memory::desc(dims, *type, by4[i]);
    default:
      return {};
  }
}

std::optional<Layout> layout_of(const memory::desc& md) {
  if (md.get_format_kind() != memory::format_kind::blocked) return {};
  const auto dims = md.get_dims(), padded = md.get_padded_dims(), strides = md.get_strides();
  const auto blocks = md.get_inner_blks(), axes = md.get_inner_idxs();
  Layout l;
  std::vector<int64_t> block(dims.size(), 1);
  for (size_t i = 0; i < blocks.size(); ++i) {
    l.blocks.push_back({int32_t(axes[i]), int32_t(blocks[i])});
    block[size_t(axes[i])] *= blocks[i];
  }
  std::vector<size_t> order(dims.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const bool one_a = padded[a] / block[a] == 1, one_b = padded[b] / block[b] == 1;
    if (strides[a] != strides[b]) return strides[a] > strides[b];
    return !one_a && one_b ? false : one_a && !one_b;
  });
  // Only layouts without gaps, padded no further than the block asks.
  int64_t stride = 1;
  for (const auto& b : l.blocks) stride *= b.size;
  for (size_t k = order.size(); k-- > 0;) {
    const size_t a = order[k];
    if (padded[a] != (dims[a] + block[a] - 1) / block[a] * block[a]) return {};
    const int64_t outer = padded[a] / block[a];
    if (outer > 1 && strides[a] != stride) return {};
    stride *= outer;
  }
  // An axis of size 1 can stand anywhere: prefer the natural order, so that one layout has one name.
  std::vector<size_t> natural;
  for (size_t i = 0; i < order.size(); ++i) natural.push_back(i);
  int64_t s = 1;
  for (const auto& b : l.blocks) s *= b.size;
  bool fits = true;
  for (size_t a = natural.size(); a-- > 0;) {
    const int64_t outer = padded[a] / block[a];
    if (outer > 1 && strides[a] != s) fits = false;
    s *= outer;
  }
  if (!fits)
    for (size_t a : order) l.order.push_back(int8_t(a));
  else if (!l.blocks.empty())
    for (size_t a : natural) l.order.push_back(int8_t(a));
  return l;
}

std::string key_of(const memory::desc& md) {
  std::string s = str("dnnl", int(md.get_data_type()), ":");
  for (auto d : md.get_padded_dims()) s += str(d, ",");
  s += "/";
  if (md.get_format_kind() == memory::format_kind::blocked) {
    for (auto d : md.get_strides()) s += str(d, ",");
    const auto blocks = md.get_inner_blks(), axes = md.get_inner_idxs();
    for (size_t i = 0; i < blocks.size(); ++i) s += str(axes[i], "x", blocks[i], ",");
  } else {
    s += str("opaque", md.get_size());
  }
  return s;
}

void copy(const memory::desc& from_md, const void* from, const memory::desc& to_md, void* to) {
  memory a(from_md, cpu_engine(), const_cast<void*>(from)), b(to_md, cpu_engine(), to);
  dnnl::reorder(a, b).execute(thread_stream(), a, b);
  dnnl::stream(thread_stream()).wait();
}

namespace {
class State final : public RunState {
 public:
  explicit State(const std::vector<Argument>& arguments) {
    for (const Argument& a : arguments) {
      memories_.emplace_back(a.md, cpu_engine(), nullptr);
      args_.push_back({a.id, memories_.back().get()});
    }
  }
  std::vector<memory> memories_;
  std::vector<dnnl_exec_arg_t> args_;
};
}  // namespace

std::unique_ptr<RunState> BoundPrimitive::make_state() const { return std::make_unique<State>(arguments_); }

void BoundPrimitive::run(const RunArgs& args) const {
  State& state = static_cast<State&>(*args.state);
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const Argument& a = arguments_[i];
    void* p = a.source == Argument::input    ? const_cast<void*>(args.in[a.index])
              : a.source == Argument::output ? args.out[a.index]
                                             : static_cast<void*>(args.scratch + a.index);
    dnnl_memory_set_data_handle(state.memories_[i].get(), p);
  }
  const dnnl_status_t status =
      dnnl_primitive_execute(primitive_.get(), thread_stream().get(), int(state.args_.size()), state.args_.data());
  if (status != dnnl_success) fail(ErrorCode::internal, "oneDNN: execution failed with status ", int(status));
}

namespace {
class SequenceState final : public RunState {
 public:
  std::vector<std::unique_ptr<RunState>> states;
};
}  // namespace

std::unique_ptr<RunState> BoundSequence::make_state() const {
  auto s = std::make_unique<SequenceState>();
  for (const auto& p : parts_) s->states.push_back(p->make_state());
  return s;
}

void BoundSequence::run(const RunArgs& args) const {
  RunArgs a = args;
  for (size_t i = 0; i < parts_.size(); ++i) {
    a.state = static_cast<SequenceState&>(*args.state).states[i].get();
    parts_[i]->run(a);
  }
}

// ---- post-ops ---------------------------------------------------------------------------------------------------

std::optional<double> scalar_constant(const Subgraph& g, int32_t value) {
  for (size_t i = 0; i < g.inputs.size(); ++i)
    if (g.inputs[i] == value && g.roles[i] == InputRole::constant && g.constants[i].defined() &&
        g.constants[i].element_count() == 1)
      return g.constants[i].item();
  return {};
}

std::optional<PostOps::Step> eltwise_of(const Subgraph& g, const SubgraphNode& n) {
  using alg = dnnl::algorithm;
  const std::string_view op = n.op->info.name;
  auto make = [](alg a, double alpha = 0, double beta = 0) {
    return PostOps::Step{PostOps::Step::eltwise, a, float(alpha), float(beta)};
  };
  if (op == "relu") return make(alg::eltwise_relu);
  if (op == "leaky_relu") return make(alg::eltwise_relu, n.attrs.get_float("alpha"));
  if (op == "elu") return make(alg::eltwise_elu, n.attrs.get_float("alpha"));
  if (op == "sigmoid") return make(alg::eltwise_logistic);
  if (op == "tanh") return make(alg::eltwise_tanh);
  if (op == "abs") return make(alg::eltwise_abs);
  if (op == "sqrt") return make(alg::eltwise_sqrt);
  if (op == "exp") return make(alg::eltwise_exp);
  if (op == "hard_swish") return make(alg::eltwise_hardswish, 1.0 / 6, 0.5);
  if (op == "hard_sigmoid")
    return make(alg::eltwise_hardsigmoid, n.attrs.get_float("alpha"), n.attrs.get_float("beta"));
  if (op == "mish") return make(alg::eltwise_mish);
  if (op == "swish") return make(alg::eltwise_swish, n.attrs.get_float("alpha"));
  if (op == "gelu")
    return make(n.attrs.get_string("approximate") == "tanh" ? alg::eltwise_gelu_tanh : alg::eltwise_gelu_erf);
  if (op == "clip") {
    const auto lo =
        n.in.size() > 1 && n.in[1] >= 0 ? scalar_constant(g, n.in[1]) : std::optional<double>(-3.4028234663852886e38);
    const auto hi =
        n.in.size() > 2 && n.in[2] >= 0 ? scalar_constant(g, n.in[2]) : std::optional<double>(3.4028234663852886e38);
    if (lo && hi) return make(alg::eltwise_clip_v2, *lo, *hi);
  }
  return {};
}

namespace {

size_t input_of(const Subgraph& g, int32_t value) {
  for (size_t i = 0; i < g.inputs.size(); ++i)
    if (g.inputs[i] == value) return i;
  return size_t(-1);
}

bool all_ones_but(const Shape& s, size_t rank, int64_t axis, Dim size) {
  const int64_t shift = int64_t(rank) - int64_t(s.size());
  if (shift < 0) return false;
  for (size_t a = 0; a < s.size(); ++a) {
    if (int64_t(a) + shift == axis ? !(s[a] == size || s[a].is(1)) : !s[a].is(1)) return false;
  }
  return true;
}

}  // namespace

PostOps read_post_ops(const Request& request, size_t channel_axis, bool allow_sum) {
  const Subgraph& g = *request.graph;
  PostOps p;
  auto refuse = [&](std::string why) {
    p.refusal = std::move(why);
    return p;
  };
  int32_t current = g.nodes[0].out[0];
  const TensorType& result = g.types[size_t(current)];
  bool summed = false;
  for (size_t k = 1; k < g.nodes.size(); ++k) {
    const SubgraphNode& n = g.nodes[k];
    if (n.out.size() != 1 || n.in.empty()) return refuse(str(n.op->info.name, " cannot follow in the same primitive"));
    const TensorType& t = g.types[size_t(n.out[0])];
    if (t != result) return refuse(str(n.op->info.name, " changes the type from ", result, " to ", t));
    if (n.in[0] == current) {
      if (auto step = eltwise_of(g, n)) {
        p.steps.push_back(*step);
        current = n.out[0];
        continue;
      }
    }
    using alg = dnnl::algorithm;
    const std::string_view op = n.op->info.name;
    const bool commutes = op == "add" || op == "mul" || op == "max" || op == "min";
    const alg a = op == "add"   ? alg::binary_add
                  : op == "mul" ? alg::binary_mul
                  : op == "sub" ? alg::binary_sub
                  : op == "div" ? alg::binary_div
                  : op == "max" ? alg::binary_max
                  : op == "min" ? alg::binary_min
                                : alg::undef;
    if (a == alg::undef || n.in.size() != 2) return refuse(str("oneDNN has no post-op ", op));
    const bool first = n.in[0] == current;
    if (!first && !(commutes && n.in[1] == current)) return refuse(str(op, " takes the result as its second operand"));
    const int32_t other = n.in[first ? 1 : 0];
    if (other == current) return refuse(str(op, " of the result with itself"));
    const size_t input = input_of(g, other);
    if (input == size_t(-1)) return refuse(str(op, " takes an intermediate of the piece"));
    const TensorType& o = g.types[size_t(other)];
    if (o.dtype != DType::f32 && o.dtype != result.dtype) return refuse(str(op, " with an operand of type ", o));
    PostOps::Step step{PostOps::Step::binary, a};
    step.input = input;
    if (o.shape == result.shape) {
      step.same_shape = true;
      // A value that the piece reads elsewhere too (the image itself as residual) must not be written over.
      size_t reads = 0;
      for (const SubgraphNode& m : g.nodes) reads += size_t(std::count(m.in.begin(), m.in.end(), g.inputs[input]));
      if (allow_sum && reads == 1 && op == "add" && !summed && input < request.may_overwrite.size() &&
          g.roles[input] == InputRole::activation) {
        step.kind = PostOps::Step::sum;
        summed = true;
      }
    } else if (all_ones_but(o.shape, result.shape.size(), int64_t(channel_axis), result.shape[channel_axis])) {
      step.scalar = element_count(o.shape).is(1);
      if (p.steps.empty() && p.bias == size_t(-1) && op == "add" && !step.scalar && o.dtype == DType::f32) {
        p.bias = input;
        current = n.out[0];
        continue;
      }
    } else {
      return refuse(
          str(op, " with an operand of type ", o, " (per channel, scalar or the shape of the result would do)"));
    }
    p.steps.push_back(step);
    current = n.out[0];
  }
  if (g.outputs.size() != 1 || g.outputs[0] != current) return refuse("an intermediate of the piece is a result too");
  return p;
}

std::shared_ptr<const BoundKernel> with_reorders(const dnnl::primitive& primitive,
                                                 const std::vector<PlainArgument>& arguments,
                                                 const dnnl::memory::desc& scratchpad) {
  auto rounded = [](size_t n) { return (n + 63) / 64 * 64; };
  size_t at = rounded(scratchpad.get_size());
  std::vector<Argument> own{{DNNL_ARG_SCRATCHPAD, scratchpad, Argument::scratch, 0}};
  std::vector<std::shared_ptr<const BoundPrimitive>> before, behind;
  for (const PlainArgument& a : arguments) {
    if (a.wanted == a.plain) {
      own.push_back({a.id, a.plain, a.source, a.index});
      continue;
    }
    const size_t place = at;
    at += rounded(a.wanted.get_size());
    own.push_back({a.id, a.wanted, Argument::scratch, place});
    const bool in = a.source == Argument::input;
    const dnnl::memory::desc &from = in ? a.plain : a.wanted, &to = in ? a.wanted : a.plain;
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(cpu_engine(), from, cpu_engine(), to, attr);
    std::vector<Argument> moves{{DNNL_ARG_FROM, from, in ? Argument::input : Argument::scratch, in ? a.index : place},
                                {DNNL_ARG_TO, to, in ? Argument::scratch : Argument::output, in ? place : a.index},
                                {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc(), Argument::scratch, at}};
    at += rounded(pd.scratchpad_desc().get_size());
    (in ? before : behind).push_back(std::make_shared<BoundPrimitive>(dnnl::reorder(pd), std::move(moves), 0));
  }
  before.push_back(std::make_shared<BoundPrimitive>(primitive, std::move(own), 0));
  before.insert(before.end(), behind.begin(), behind.end());
  return std::make_shared<BoundSequence>(std::move(before), at);
}

}  // namespace neve::kernels::onednn

namespace neve::kernels {

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return str(v->major, ".", v->minor, ".", v->patch);
}

std::vector<OpEntries> onednn_entries() {
  return {{"conv", onednn::conv_entries()},
          {"conv_transpose", onednn::deconv_entries()},
          {"conv_input_grad", onednn::conv_input_grad_entries()},
          {"conv_weight_grad", onednn::conv_weight_grad_entries()},
          {"matmul", onednn::matmul_entries()},
          {"max_pool", onednn::pool_entries()},
          {"average_pool", onednn::pool_entries()},
          {"global_average_pool", onednn::pool_entries()},
          {"max_pool_grad", onednn::max_pool_grad_entries()},
          {"global_max_pool", onednn::pool_entries()}};
}

}  // namespace neve::kernels
