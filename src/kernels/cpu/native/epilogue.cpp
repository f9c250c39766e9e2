// Reading and applying what follows a product or a convolution in the same kernel.
#include "kernels/cpu/native/epilogue.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "op/spatial.h"

namespace neve::kernels::native {
namespace {

// Whether a shape is that of one element for each channel of the result.
bool is_channel(const Shape& s, const Shape& result, size_t channel_axis) {
  if (s.size() > result.size()) return false;
  const size_t shift = result.size() - s.size();
  if (shift > channel_axis) return false;
  for (size_t a = 0; a < s.size(); ++a)
    if (a + shift == channel_axis ? s[a] != result[channel_axis] : !s[a].is(1)) return false;
  return true;
}

std::optional<float> scalar(const Subgraph& g, int32_t value) {
  const Tensor* t = constant_input(g, value);
  if (!t || t->element_count() != 1) return {};
  return float(t->item());
}

std::optional<Activation> activation_of(const Subgraph& g, const SubgraphNode& n) {
  const std::string_view op = n.op->info.name;
  auto number = [&](std::string_view name) { return float(n.attrs.get_float(name)); };
  if (op == "relu") return Activation{Activation::relu};
  if (op == "tanh") return Activation{Activation::tanh};
  if (op == "sigmoid") return Activation{Activation::sigmoid};
  if (op == "exp") return Activation{Activation::exp};
  if (op == "abs") return Activation{Activation::abs};
  if (op == "sqrt") return Activation{Activation::sqrt};
  if (op == "softsign") return Activation{Activation::softsign};
  if (op == "swish") return Activation{Activation::swish, number("alpha")};
  if (op == "gelu")
    return Activation{n.attrs.get_string("approximate") == "tanh" ? Activation::gelu_tanh : Activation::gelu};
  if (op == "elu") return Activation{Activation::elu, number("alpha")};
  if (op == "leaky_relu") return Activation{Activation::leaky_relu, number("alpha")};
  if (op == "hard_sigmoid") return Activation{Activation::hard_sigmoid, number("alpha"), number("beta")};
  if (op == "hard_swish") return Activation{Activation::hard_swish, 1.f / 6, 0.5f};
  if (op != "clip") return {};
  constexpr float infinity = std::numeric_limits<float>::infinity();
  auto bound = [&](size_t i, float none) {
    return n.in.size() > i && n.in[i] >= 0 ? scalar(g, n.in[i]) : std::optional(none);
  };
  const auto lo = bound(1, -infinity), hi = bound(2, infinity);
  if (!lo || !hi) return {};
  return Activation{Activation::clip, *lo, *hi};
}

// Nodes i and i + 1 as integers and back with one scale and one zero point.
std::optional<Activation> requantize_of(const Subgraph& g, size_t i) {
  if (i + 1 >= g.nodes.size()) return {};
  const SubgraphNode &q = g.nodes[i], &d = g.nodes[i + 1];
  if (q.op->info.name != "quantize_linear" || d.op->info.name != "dequantize_linear" || d.in[0] != q.out[0]) return {};
  const DType integer = g.types[size_t(q.out[0])].dtype;
  const auto zero_of = [&](const SubgraphNode& n) {
    return n.in.size() > 2 && n.in[2] >= 0 ? scalar(g, n.in[2]) : std::optional(0.f);
  };
  const auto scale = scalar(g, q.in[1]), zero = zero_of(q);
  if (!scale || !zero || scalar(g, d.in[1]) != scale || zero_of(d) != zero) return {};
  if (g.types[size_t(d.out[0])] != g.types[size_t(q.in[0])]) return {};
  if (g.types[size_t(q.in[1])].dtype != DType::f32 || !q.attrs.get_string("precision").empty()) return {};
  const bool is_signed = integer == DType::i8 || integer == DType::i16;
  const float levels = size_of(integer) == 1 ? 256 : 65536;
  Activation f{Activation::requantize, *scale, *zero};
  f.low = is_signed ? -levels / 2 : 0, f.high = f.low + levels - 1;
  return f;
}

// What bounds the numbers before bounds the integers.
bool bounded(const Activation& before, Activation& f) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const bool clip = before.kind == Activation::clip;
  if (!clip && before.kind != Activation::relu) return false;
  const auto integer = [&](float x) { return std::clamp(std::nearbyint(x / f.alpha) + f.beta, f.low, f.high); };
  const float low = integer(clip ? before.alpha : 0), high = integer(clip ? before.beta : infinity);
  if (!(f.alpha > 0) || !(low <= high)) return false;
  f.low = low, f.high = high;
  return true;
}

}  // namespace

std::optional<std::string> read_steps(const Subgraph& g, size_t channel_axis, std::vector<Step>& steps) {
  int32_t current = g.nodes[0].out[0];
  const TensorType& result = g.types[size_t(current)];
  for (size_t i = 1; i < g.nodes.size(); ++i) {
    const SubgraphNode& n = g.nodes[i];
    const std::string_view op = n.op->info.name;
    if (n.out.size() != 1 || n.in.empty()) return str(op, " cannot follow");
    if (auto f = n.in[0] == current ? requantize_of(g, i) : std::nullopt) {
      if (!steps.empty() && steps.back().kind == Step::activation && bounded(steps.back().f, *f)) steps.pop_back();
      steps.emplace_back().f = *f;
      current = g.nodes[++i].out[0];
      continue;
    }
    if (g.types[size_t(n.out[0])] != result) return str(op, " changes the type to ", g.types[size_t(n.out[0])]);
    Step s;
    if (const auto f = n.in[0] == current ? activation_of(g, n) : std::nullopt) {
      s.f = *f;
    } else {
      constexpr std::pair<std::string_view, Combination> known[] = {
          {"add", Combination::add}, {"sub", Combination::sub}, {"mul", Combination::mul},
          {"div", Combination::div}, {"max", Combination::max}, {"min", Combination::min}};
      const auto it = std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return k.first == op; });
      if (it == std::end(known) || n.in.size() != 2) return str("no step for ", op);
      s.kind = Step::combination, s.op = it->second;
      const bool first = n.in[0] == current, commutes = s.op != Combination::sub && s.op != Combination::div;
      if (!first && !(commutes && n.in[1] == current)) return str(op, " takes the result as its second operand");
      const int32_t other = n.in[first ? 1 : 0];
      const int input = input_number(g, other);
      if (input < 0) return str(op, " takes an intermediate of the piece");
      const TensorType& o = g.types[size_t(other)];
      s.input = size_t(input);
      if (o.dtype != DType::f32) return str(op, " with an operand of type ", o);
      if (o.shape == result.shape)
        s.operand = Step::full;
      else if (element_count(o.shape).is(1) && o.rank() <= result.rank())
        s.operand = Step::scalar;
      else if (is_channel(o.shape, result.shape, channel_axis))
        s.operand = Step::channel;
      else
        return str(op, " with an operand of type ", o,
                   " (one element a channel, one element or the shape of the result would do)");
    }
    steps.push_back(s);
    current = n.out[0];
  }
  if (g.outputs.size() != 1 || g.outputs[0] != current) return "an intermediate of the piece is a result too";
  return {};
}

std::optional<std::string> read_fixed_conv(const Subgraph& g, FixedConv& c) {
  const SubgraphNode& n = g.nodes[0];
  const bool transposed = n.op->info.name == "conv_transpose";
  if (!transposed && n.op->info.name != "conv") return "the piece does not begin with the convolution";
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.dtype != DType::f32) return str("only f32, x is ", x);
  const int xn = input_number(g, n.in[0]), wn = input_number(g, n.in[1]);
  if (xn < 0 || wn < 0 || xn == wn) return "an operand is made inside the piece";
  if (!is_constant(w.shape) || g.roles[size_t(wn)] != InputRole::weight) return "the weight is not fixed";
  c.x = size_t(xn), c.w = size_t(wn);
  c.groups = n.attrs.get_int("group");
  c.outputs = w.shape[transposed ? 1 : 0].value() * (transposed ? c.groups : 1);
  c.channels = w.shape[transposed ? 0 : 1].value() / (transposed ? c.groups : 1);
  if (n.in.size() > 2 && n.in[2] >= 0) {
    const int bias = input_number(g, n.in[2]);
    if (bias < 0) return "the bias is made inside the piece";
    Step s;
    s.kind = Step::combination, s.op = Combination::add, s.input = size_t(bias), s.operand = Step::channel;
    c.steps.push_back(s);
  }
  return read_steps(g, 1, c.steps);
}

std::optional<std::string> read_image_conv(const Subgraph& g, FixedConv& c) {
  if (auto why = read_fixed_conv(g, c)) return why;
  if (c.groups != 1) return str(c.groups, " groups");
  const TensorType& x = g.types[size_t(g.nodes[0].in[0])];
  if (x.rank() != 4) return str("two spatial axes, x is ", x);
  return {};
}

ImageTaps image_taps(const Subgraph& g) {
  const SubgraphNode& n = g.nodes[0];
  const TensorType& w = g.types[size_t(n.in[1])];
  ImageTaps t;
  t.height = w.shape[2].value(), t.width = w.shape[3].value();
  t.strides = n.attrs.get_ints("strides"), t.dilations = n.attrs.get_ints("dilations");
  for (auto* steps : {&t.strides, &t.dilations})
    if (steps->empty()) *steps = {1, 1};
  t.pads = n.attrs.get_ints("pads"), t.auto_pad = n.attrs.get_string("auto_pad");
  return t;
}

std::pair<int64_t, int64_t> padding_before(const ImageTaps& taps, int64_t height, int64_t width) {
  WindowSpec spec;
  spec.kernel = {Dim(taps.height), Dim(taps.width)};
  spec.strides = taps.strides, spec.dilations = taps.dilations, spec.pads = taps.pads, spec.auto_pad = taps.auto_pad;
  const Dim in[] = {Dim(height), Dim(width)};
  const Window window = slide(spec, in);
  return {window.pad_begin[0].value(), window.pad_begin[1].value()};
}

Subgraph part_of(const Subgraph& g, size_t begin, size_t end) {
  Subgraph part = g;
  part.nodes.assign(g.nodes.begin() + std::ptrdiff_t(begin), g.nodes.begin() + std::ptrdiff_t(end));
  if (end < g.nodes.size()) part.outputs = {g.nodes[end - 1].out[0]};
  if (begin) {
    part.inputs.push_back(g.nodes[begin - 1].out[0]);
    part.roles.push_back(InputRole::activation);
    part.constants.emplace_back();
  }
  return part;
}

int residual_of(const std::vector<Step>& steps, size_t x) {
  for (const Step& s : steps)
    if (s.kind != Step::activation && s.operand == Step::full && s.input != x) return int(s.input);
  return -1;
}

void activate(const Activation& f, const Simd& simd, float* x, int64_t n) {
  const int64_t whole = n / simd.lanes * simd.lanes;
  simd.activate(f, x, whole);
  if (whole == n) return;
  float rest[most_lanes] = {};
  std::copy(x + whole, x + n, rest);
  simd.activate(f, rest, simd.lanes);
  std::copy(rest, rest + (n - whole), x + whole);
}

void apply(const Step& s, const Simd& simd, const RunArgs& args, const Block& b) {
  if (s.kind == Step::activation) return simd.activate(s.f, b.x, b.rows * b.width);
  const float* y = static_cast<const float*>(args.in[s.input]);
  if (s.operand == Step::full) y += b.at;
  if (s.operand == Step::channel) y += b.first;
  float room[64];
  const int64_t some = std::min<int64_t>(b.columns, std::size(room));
  if (s.operand == Step::scalar) std::fill(room, room + some, *y);
  for (int64_t m = 0; m < b.rows; ++m) {
    float* x = b.x + m * b.width;
    if (s.operand == Step::scalar)
      for (int64_t j = 0; j < b.columns; j += some) simd.combine(s.op, x + j, room, std::min(some, b.columns - j));
    else
      simd.combine(s.op, x, s.operand == Step::full ? y + m * b.stride : y, b.columns);
  }
}

}  // namespace neve::kernels::native
