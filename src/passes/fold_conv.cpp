// Batch normalisation and per-channel factors into convolution weights. The arithmetic is on weights alone: it moves
// into the prepare program and runs once.
#include "passes/fuse.h"
#include "passes/simplify.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;
using ir::Rule;

namespace {

bool fixed(const Graph& g, Value v, int depth = 0) {
  const Node* n = g.def(v);
  if (!n) return false;
  if (n->is("weight") || n->is("constant")) return true;
  if (depth > 16 || n->in.empty() || !n->regions.empty() || n->op->info.random) return false;
  for (Value x : n->in)
    if (x.valid() && !fixed(g, x, depth + 1)) return false;
  return true;
}

struct ConvParts {
  Node* node;
  bool transposed;
  int64_t channels;
};

// A convolution whose result only this use reads and whose weights are fixed.
bool match_conv(const Graph& g, Value v, ConvParts& c) {
  Node* n = g.def(v);
  if (!n || !(n->is("conv") || n->is("conv_transpose")) || g.use_count(v) != 1) return false;
  if (!is_float(g.dtype(v)) || !fixed(g, n->in[1])) return false;
  if (n->in.size() > 2 && n->in[2].valid() && !fixed(g, n->in[2])) return false;
  c.node = n;
  c.transposed = n->is("conv_transpose");
  if (c.transposed && n->attrs.get_int("group") != 1) return false;
  const Dim channels = g.type(v).shape[1];
  if (!channels.is_constant()) return false;
  c.channels = channels.value();
  return true;
}

Value as_vector(Graph& g, Value v, int64_t channels) { return g.reshape(v, std::vector<Dim>{Dim(channels)}); }

// conv(x, w * factor, bias * factor + shift); factor and shift are [channels] or absent.
Value rebuild(Graph& g, const ConvParts& c, Value factor, Value shift) {
  Node* n = c.node;
  Value w = n->in[1], bias = n->in.size() > 2 ? n->in[2] : Value{};
  if (factor.valid()) {
    std::vector<Dim> shape(size_t(g.rank(w)), Dim(1));
    shape[c.transposed ? 1 : 0] = Dim(c.channels);
    w = g.call("mul", {w, g.reshape(factor, shape)});
    if (bias.valid()) bias = g.call("mul", {bias, factor});
  }
  if (shift.valid()) bias = bias.valid() ? g.call("add", {bias, shift}) : shift;
  Values in{n->in[0], w};
  if (bias.valid()) in.push_back(bias);
  return g.emit(*n->op, n->attrs, in)[0];
}

// Whether v is one value a channel, or one in all, for a result of rank `rank` (channel axis 1).
bool per_channel(const Graph& g, Value v, int64_t rank, int64_t channels) {
  const Shape& s = g.type(v).shape;
  const int64_t shift = rank - int64_t(s.size());
  if (shift < 0) return false;
  for (size_t a = 0; a < s.size(); ++a) {
    const bool channel = int64_t(a) + shift == 1;
    if (!(s[a].is(1) || (channel && s[a].is(channels)))) return false;
  }
  return true;
}

Value spread(Graph& g, Value v, int64_t channels) {
  if (element_count(g.type(v).shape).is(channels)) return as_vector(g, v, channels);
  const Value one = g.reshape(v, std::vector<Dim>{Dim(1)});
  return g.call("expand", {one, g.ints({channels})});
}

Values fold_batch_norm(Graph& g, Node& n) {
  ConvParts c;
  if (!n.is("batch_normalization") || n.attrs.get_bool("training_mode") || !match_conv(g, n.in[0], c)) return {};
  for (size_t i = 1; i < 5; ++i)
    if (!fixed(g, n.in[i]) || g.dtype(n.in[i]) != g.dtype(n.in[0])) return {};
  const DType t = g.dtype(n.in[0]);
  const Value deviation = g.call("sqrt", {g.call("add", {n.in[4], g.scalar(t, n.attrs.get_float("epsilon"))})});
  const Value factor = g.call("div", {n.in[1], deviation});
  const Value shift = g.call("sub", {n.in[2], g.call("mul", {n.in[3], factor})});
  return {rebuild(g, c, factor, shift)};
}

Values fold_scale(Graph& g, Node& n) {
  if (!(n.is("mul") || n.is("div") || n.is("add") || n.is("sub")) || n.in.size() != 2) return {};
  for (size_t i = 0; i < 2; ++i) {
    if (i == 1 && !(n.is("mul") || n.is("add"))) break;
    ConvParts c;
    const Value other = n.in[1 - i];
    if (!match_conv(g, n.in[i], c) || !fixed(g, other) || !(g.type(n.in[i]) == g.type(n.out[0]))) continue;
    if (!per_channel(g, other, g.rank(n.out[0]), c.channels)) continue;
    Value v = spread(g, other, c.channels);
    const DType t = g.dtype(v);
    if (n.is("div")) v = g.call("div", {g.scalar(t, 1), v});
    if (n.is("sub")) v = g.call("neg", {v});
    const bool factor = n.is("mul") || n.is("div");
    return {rebuild(g, c, factor ? v : Value{}, factor ? Value{} : v)};
  }
  return {};
}

constexpr Rule rules[] = {
    {"batch_norm_into_conv",
     "batch_normalization(conv(x, w, b)) -> conv(x, w', b'), when nothing else reads the convolution", fold_batch_norm},
    {"scale_into_conv", "conv(x, w, b) * s + t with s, t per channel and fixed -> conv(x, w', b')", fold_scale},
};

}  // namespace

int64_t fold_into_conv(Graph& g, PassContext& c) { return total(ir::rewrite(g, rules, c.rewrite)); }

}  // namespace neve::passes
