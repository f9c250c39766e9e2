// Attention of several heads, and transformers.
#include <neve/nn.h>

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// What is added to the scores [n, heads, s, t + extra]; undefined for nothing. `extra`: positions at the end that all
// may see.
Tensor added(const AttentionMasks& masks, int64_t n, int64_t heads, int64_t s, int64_t t, int64_t extra, DType dtype) {
  const char* call = "MultiheadAttention";
  auto as_float = [&](const char* name, const Tensor& m) {
    if (m.dtype() != DType::boolean && !is_float(m.dtype()))
      fail(ErrorCode::type_mismatch, call, ": the mask ", name, " is ", type_text(m),
           " (bool: true may not be seen; or a float that is added)");
    if (m.dtype() != DType::boolean) return m.to(dtype);
    return where(m, full({}, -infinity, dtype), full({}, 0.0, dtype));
  };
  Tensor sum;
  auto put = [&](const Tensor& m) {
    const Tensor wide = extra ? pad(m, {0, extra}) : m;
    sum = sum.defined() ? sum + wide : wide;
  };
  if (const Tensor& m = masks.attention; m.defined()) {
    if (masks.causal) fail(ErrorCode::invalid_argument, call, ": there is a mask, and causal is true (one of them)");
    if (m.shape() != Sizes{s, t} && m.shape() != Sizes{n * heads, s, t})
      fail(ErrorCode::shape_mismatch, call, ": attention is ", type_text(m), " ([", s, ", ", t, "] or [", n * heads,
           ", ", s, ", ", t, "])");
    put(as_float("attention", m.rank() == 2 ? m : m.reshape({n, heads, s, t})));
  }
  if (masks.causal) {
    const Tensor seen = arange(t).reshape({1, t}) <= arange(s).reshape({s, 1});
    put(where(seen, full({}, 0.0, dtype), full({}, -infinity, dtype)));
  }
  if (const Tensor& m = masks.padding; m.defined()) {
    if (m.shape() != Sizes{n, t} && !(n == 1 && m.shape() == Sizes{t}))
      fail(ErrorCode::shape_mismatch, call, ": padding is ", type_text(m), " ([", n, ", ", t, "])");
    put(as_float("padding", m.reshape({n, 1, 1, t})));
  }
  return sum;
}

}  // namespace

MultiheadAttention::MultiheadAttention(int64_t size, int64_t heads, const AttentionOptions& o)
    : Module("MultiheadAttention"),
      size_(size),
      heads_(heads),
      options_(o),
      out_proj(size, size, {.bias = o.bias, .dtype = o.dtype}) {
  check_positive("MultiheadAttention", "heads", heads);
  if (size % heads)
    fail(ErrorCode::invalid_argument, "MultiheadAttention: size is ", size, " and heads ", heads,
         " (heads divides size)");
  if (!(o.dropout >= 0 && o.dropout <= 1))
    fail(ErrorCode::invalid_argument, "MultiheadAttention: dropout is ", o.dropout, " (a probability from 0 to 1)");
  for (int64_t* n : {&options_.kdim, &options_.vdim}) {
    if (*n < 0)
      fail(ErrorCode::invalid_argument, "MultiheadAttention: ", n == &options_.kdim ? "kdim" : "vdim", " is ", *n,
           " (features; 0: those of query)");
    if (!*n) *n = size;
  }
  auto weight = [&](const char* name, const Sizes& shape) { return add_parameter(name, zeros(shape, o.dtype)); };
  if (options_.kdim == size && options_.vdim == size) {
    in_proj_weight = weight("in_proj_weight", {3 * size, size});
  } else {
    q_proj_weight = weight("q_proj_weight", {size, size});
    k_proj_weight = weight("k_proj_weight", {size, options_.kdim});
    v_proj_weight = weight("v_proj_weight", {size, options_.vdim});
  }
  if (o.bias) in_proj_bias = weight("in_proj_bias", {3 * size});
  add("out_proj", out_proj);
  if (o.add_bias_kv) {
    bias_k = weight("bias_k", {1, 1, size});
    bias_v = weight("bias_v", {1, 1, size});
  }
  for (const Tensor& w : {in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight})
    if (w.defined()) init::xavier_uniform(w);
  if (o.bias) init::constant(out_proj.bias, 0);
  for (const Tensor& b : {bias_k, bias_v})
    if (b.defined()) init::xavier_normal(b);
}

std::vector<Tensor> MultiheadAttention::project(const Tensor& q, const Tensor& k, const Tensor& v) const {
  const char* call = "MultiheadAttention";
  if (in_proj_weight.defined() && k.is(q) && v.is(q))
    return ops::split(linear(q, in_proj_weight, in_proj_bias, call), {.axis = 2, .num_outputs = 3});
  const std::vector<Tensor> w = in_proj_weight.defined() ? ops::split(in_proj_weight, {.num_outputs = 3})
                                                         : std::vector{q_proj_weight, k_proj_weight, v_proj_weight};
  const std::vector<Tensor> b =
      in_proj_bias.defined() ? ops::split(in_proj_bias, {.num_outputs = 3}) : std::vector<Tensor>(3);
  return {linear(q, w[0], b[0], call), linear(k, w[1], b[1], call), linear(v, w[2], b[2], call)};
}

// With `weights` they are kept: [n, heads, s, t]; without the second of the pair is undefined.
std::pair<Tensor, Tensor> MultiheadAttention::attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                                     const AttentionMasks& masks, bool weights) const {
  const char* call = "MultiheadAttention";
  const std::tuple<const char*, const Tensor*, int64_t> inputs[] = {
      {"query", &query, size_}, {"key", &key, options_.kdim}, {"value", &value, options_.vdim}};
  for (const auto& [name, t, features] : inputs) {
    check_float(call, name, *t);
    if ((t->rank() != 2 && t->rank() != 3) || t->size(-1) != features)
      fail(ErrorCode::shape_mismatch, call, ": ", name, " is ", type_text(*t), " ([",
           options_.batch_first ? "batch, sequence" : "sequence, batch", ", ", features, "], or without batch)");
    if (t->rank() != query.rank())
      fail(ErrorCode::shape_mismatch, call, ": query is ", type_text(query), " and ", name, " ", type_text(*t),
           " (all with a batch, or all without)");
  }
  const bool single = query.rank() == 2;
  auto batch_first = [&](const Tensor& t) {
    return single ? unsqueeze(t, 0) : options_.batch_first ? t : t.transpose({1, 0, 2});
  };
  const Tensor q = batch_first(query), k = key.is(query) ? q : batch_first(key),
               v = value.is(key) ? k : batch_first(value);
  if (k.size(0) != q.size(0) || k.size(0) != v.size(0) || k.size(1) != v.size(1))
    fail(ErrorCode::shape_mismatch, call, ": query is ", type_text(query), ", key ", type_text(key), " and value ",
         type_text(value), " (one batch; key and value of one length)");
  const int64_t n = q.size(0), s = q.size(1), t = k.size(1), d = size_ / heads_;
  std::vector<Tensor> projected = project(q, k, v);
  auto longer = [&](Tensor& p, const Tensor& more) { p = concat({p, expand(more, {n, 1, size_}).to(p.dtype())}, 1); };
  if (bias_k.defined()) longer(projected[1], bias_k), longer(projected[2], bias_v);
  if (options_.add_zero_attn)
    for (Tensor* p : {&projected[1], &projected[2]}) longer(*p, zeros({1, 1, 1}));
  for (Tensor& p : projected) p = p.reshape({n, -1, heads_, d}).transpose({0, 2, 1, 3});
  const int64_t extra = int64_t(bias_k.defined()) + int64_t(options_.add_zero_attn);
  const Tensor mask = added(masks, n, heads_, s, t, extra, projected[0].dtype());
  const bool drops = options_.dropout != 0 && is_training();
  Tensor y, seen;
  if (!drops && !weights) {
    y = scaled_dot_product_attention(projected[0], projected[1], projected[2], mask);
  } else {
    Tensor scores = matmul(projected[0] * (1 / std::sqrt(double(d))), swap_axes(projected[1], -1, -2));
    if (mask.defined()) scores = scores + mask;
    seen = softmax(scores, -1);
    y = matmul(drops ? nn::dropout(seen, options_.dropout) : seen, projected[2]);
  }
  y = linear(y.transpose({0, 2, 1, 3}).reshape({n, s, size_}), out_proj.weight, out_proj.bias, call);
  if (single) return {squeeze(y, {0}), weights ? seen : Tensor()};
  return {options_.batch_first ? y : y.transpose({1, 0, 2}), weights ? seen : Tensor()};
}

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMasks& masks) const {
  return attend(query, key, value, masks, false).first;
}
std::pair<Tensor, Tensor> MultiheadAttention::forward_with_weights(const Tensor& query, const Tensor& key,
                                                                   const Tensor& value, const AttentionMasks& masks,
                                                                   bool average) const {
  auto [y, seen] = attend(query, key, value, masks, true);
  if (average) seen = mean(seen, {1});
  return {y, query.rank() == 2 ? squeeze(seen, {0}) : seen};
}

namespace {
Tensor activated(const Tensor& y, const TransformerOptions& o) {
  return o.activation ? o.activation(y) : o.gelu ? gelu(y) : relu(y);
}
}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(int64_t size, int64_t heads, const TransformerOptions& o)
    : Layer("TransformerEncoderLayer"),
      options_(o),
      self_attn(add(
          "self_attn",
          MultiheadAttention(size, heads,
                             {.dropout = o.dropout, .bias = o.bias, .batch_first = o.batch_first, .dtype = o.dtype}))),
      linear1(add("linear1", Linear(size, o.feedforward, {.bias = o.bias, .dtype = o.dtype}))),
      dropout(add("dropout", Dropout(o.dropout))),
      linear2(add("linear2", Linear(o.feedforward, size, {.bias = o.bias, .dtype = o.dtype}))),
      norm1(add("norm1", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype}))),
      norm2(add("norm2", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype}))),
      dropout1(add("dropout1", Dropout(o.dropout))),
      dropout2(add("dropout2", Dropout(o.dropout))) {}

Tensor TransformerEncoderLayer::feed(const Tensor& x) const {
  const Tensor y = linear1(x);
  return linear2(dropout(activated(y, options_)));
}

Tensor TransformerEncoderLayer::forward(const Tensor& x, const AttentionMasks& masks) const {
  if (options_.norm_first) {
    const Tensor in = norm1(x), y = x + dropout1(self_attn(in, in, in, masks));
    return y + dropout2(feed(norm2(y)));
  }
  const Tensor y = norm1(x + dropout1(self_attn(x, x, x, masks)));
  return norm2(y + dropout2(feed(y)));
}

TransformerDecoderLayer::TransformerDecoderLayer(int64_t size, int64_t heads, const TransformerOptions& o)
    : Module("TransformerDecoderLayer"),
      options_(o),
      self_attn(add(
          "self_attn",
          MultiheadAttention(size, heads,
                             {.dropout = o.dropout, .bias = o.bias, .batch_first = o.batch_first, .dtype = o.dtype}))),
      multihead_attn(add(
          "multihead_attn",
          MultiheadAttention(size, heads,
                             {.dropout = o.dropout, .bias = o.bias, .batch_first = o.batch_first, .dtype = o.dtype}))),
      linear1(add("linear1", Linear(size, o.feedforward, {.bias = o.bias, .dtype = o.dtype}))),
      dropout(add("dropout", Dropout(o.dropout))),
      linear2(add("linear2", Linear(o.feedforward, size, {.bias = o.bias, .dtype = o.dtype}))),
      norm1(add("norm1", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype}))),
      norm2(add("norm2", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype}))),
      norm3(add("norm3", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype}))),
      dropout1(add("dropout1", Dropout(o.dropout))),
      dropout2(add("dropout2", Dropout(o.dropout))),
      dropout3(add("dropout3", Dropout(o.dropout))) {}

Tensor TransformerDecoderLayer::feed(const Tensor& x) const {
  const Tensor y = linear1(x);
  return linear2(dropout(activated(y, options_)));
}

Tensor TransformerDecoderLayer::forward(const Tensor& x, const Tensor& memory, const AttentionMasks& masks,
                                        const AttentionMasks& memory_masks) const {
  if (options_.norm_first) {
    const Tensor in = norm1(x), y = x + dropout1(self_attn(in, in, in, masks));
    const Tensor z = y + dropout2(multihead_attn(norm2(y), memory, memory, memory_masks));
    return z + dropout3(feed(norm3(z)));
  }
  const Tensor y = norm1(x + dropout1(self_attn(x, x, x, masks)));
  const Tensor z = norm2(y + dropout2(multihead_attn(y, memory, memory, memory_masks)));
  return norm3(z + dropout3(feed(z)));
}

namespace {

// Copies of a layer: they draw nothing, and begin with its weights.
template <class L>
void fill_with_copies(const char* call, ModuleList<L> list, int64_t count, int64_t size, int64_t heads,
                      const TransformerOptions& o) {
  check_positive(call, "layers", count);
  list.push_back(L(size, heads, o));
  const NamedTensors first = list[0].state_dict();
  draws_weights = false;
  try {
    for (int64_t i = 1; i < count; ++i) list.push_back(L(size, heads, o));
  } catch (...) {
    draws_weights = true;
    throw;
  }
  draws_weights = true;
  for (size_t i = 1; i < list.size(); ++i) list[i].load_state_dict(first);
}

}  // namespace

TransformerEncoder::TransformerEncoder(int64_t size, int64_t heads, int64_t count, const TransformerOptions& o,
                                       bool norm)
    : Layer("TransformerEncoder") {
  fill_with_copies("TransformerEncoder", layers, count, size, heads, o);
  if (norm) norm_.push_back(add("norm", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype})));
}
Tensor TransformerEncoder::forward(const Tensor& x, const AttentionMasks& masks) const {
  Tensor y = x;
  for (const TransformerEncoderLayer& layer : layers) y = layer(y, masks);
  return norm_.empty() ? y : norm_[0](y);
}

TransformerDecoder::TransformerDecoder(int64_t size, int64_t heads, int64_t count, const TransformerOptions& o,
                                       bool norm)
    : Module("TransformerDecoder") {
  fill_with_copies("TransformerDecoder", layers, count, size, heads, o);
  if (norm) norm_.push_back(add("norm", LayerNorm(size, {.eps = o.eps, .bias = o.bias, .dtype = o.dtype})));
}
Tensor TransformerDecoder::forward(const Tensor& x, const Tensor& memory, const AttentionMasks& masks,
                                   const AttentionMasks& memory_masks) const {
  Tensor y = x;
  for (const TransformerDecoderLayer& layer : layers) y = layer(y, memory, masks, memory_masks);
  return norm_.empty() ? y : norm_[0](y);
}

Transformer::Transformer(int64_t size, int64_t heads, int64_t encoder_layers, int64_t decoder_layers,
                         const TransformerOptions& o)
    : Module("Transformer"),
      encoder(add("encoder", TransformerEncoder(size, heads, encoder_layers, o, true))),
      decoder(add("decoder", TransformerDecoder(size, heads, decoder_layers, o, true))) {
  for (const Tensor& p : parameters())
    if (p.rank() > 1) init::xavier_uniform(p);
}
Tensor Transformer::forward(const Tensor& source, const Tensor& target, const Masks& masks) const {
  return decoder(target, encoder(source, masks.source), masks.target, masks.memory);
}

}  // namespace neve::nn
