// Attention of several heads, and transformers.
#include <neve/nn.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// What is added to the scores [n, heads, s, t]; undefined for nothing.
Tensor added(const AttentionMasks& masks, int64_t n, int64_t heads, int64_t s, int64_t t, DType dtype) {
  const char* call = "MultiheadAttention";
  auto as_float = [&](const char* name, const Tensor& m) {
    if (m.dtype() != DType::boolean && !is_float(m.dtype()))
      fail(ErrorCode::type_mismatch, call, ": the mask ", name, " is ", type_text(m),
           " (bool: true may not be seen; or a float that is added)");
    if (m.dtype() != DType::boolean) return m.to(dtype);
    return where(m, full({}, -infinity, dtype), full({}, 0.0, dtype));
  };
  Tensor sum;
  auto put = [&](const Tensor& m) { sum = sum.defined() ? sum + m : m; };
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
    if (m.shape() != Sizes{n, t})
      fail(ErrorCode::shape_mismatch, call, ": padding is ", type_text(m), " ([", n, ", ", t, "])");
    put(as_float("padding", m.reshape({n, 1, 1, t})));
  }
  return sum;
}

}  // namespace

MultiheadAttention::MultiheadAttention(int64_t size, int64_t heads, const AttentionOptions& o)
    : Module("MultiheadAttention"),
      in_proj_weight(add_parameter("in_proj_weight",
                                   zeros({std::max<int64_t>(3 * size, 0), std::max<int64_t>(size, 0)}, o.dtype))),
      in_proj_bias(o.bias ? add_parameter("in_proj_bias", zeros({std::max<int64_t>(3 * size, 0)}, o.dtype)) : Tensor()),
      size_(size),
      heads_(heads),
      options_(o),
      out_proj(add("out_proj", Linear(size, size, {.bias = o.bias, .dtype = o.dtype}))) {
  check_positive("MultiheadAttention", "heads", heads);
  if (size % heads)
    fail(ErrorCode::invalid_argument, "MultiheadAttention: size is ", size, " and heads ", heads,
         " (heads divides size)");
  if (!(o.dropout >= 0 && o.dropout <= 1))
    fail(ErrorCode::invalid_argument, "MultiheadAttention: dropout is ", o.dropout, " (a probability from 0 to 1)");
  init::xavier_uniform(in_proj_weight);
  if (o.bias) init::constant(out_proj.bias, 0);
}

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMasks& masks) const {
  const char* call = "MultiheadAttention";
  for (const auto& [name, t] : {std::pair("query", &query), std::pair("key", &key), std::pair("value", &value)}) {
    check_float(call, name, *t);
    if (t->rank() != 3 || t->size(2) != size_)
      fail(ErrorCode::shape_mismatch, call, ": ", name, " is ", type_text(*t), " ([",
           options_.batch_first ? "batch, sequence" : "sequence, batch", ", ", size_, "])");
  }
  auto batch_first = [&](const Tensor& t) { return options_.batch_first ? t : t.transpose({1, 0, 2}); };
  const Tensor q = batch_first(query), k = key.is(query) ? q : batch_first(key),
               v = value.is(key) ? k : batch_first(value);
  if (k.size(0) != q.size(0) || k.size(0) != v.size(0) || k.size(1) != v.size(1))
    fail(ErrorCode::shape_mismatch, call, ": query is ", type_text(query), ", key ", type_text(key), " and value ",
         type_text(value), " (one batch; key and value of one length)");
  const int64_t n = q.size(0), s = q.size(1), t = k.size(1), d = size_ / heads_;
  std::vector<Tensor> projected;
  if (k.is(q) && v.is(q)) {
    projected = ops::split(linear(q, in_proj_weight, in_proj_bias, call), {.axis = 2, .num_outputs = 3});
  } else {
    const std::vector<Tensor> w = ops::split(in_proj_weight, {.num_outputs = 3});
    const std::vector<Tensor> b =
        in_proj_bias.defined() ? ops::split(in_proj_bias, {.num_outputs = 3}) : std::vector<Tensor>(3);
    projected = {linear(q, w[0], b[0], call), linear(k, w[1], b[1], call), linear(v, w[2], b[2], call)};
  }
  for (Tensor& p : projected) p = p.reshape({n, -1, heads_, d}).transpose({0, 2, 1, 3});
  const Tensor mask = added(masks, n, heads_, s, t, projected[0].dtype());
  Tensor y;
  if (options_.dropout == 0 || !is_training()) {
    y = scaled_dot_product_attention(projected[0], projected[1], projected[2], mask);
  } else {
    Tensor scores = matmul(projected[0] * (1 / std::sqrt(double(d))), swap_axes(projected[1], -1, -2));
    if (mask.defined()) scores = scores + mask;
    y = matmul(dropout(softmax(scores, -1), options_.dropout), projected[2]);
  }
  return batch_first(linear(y.transpose({0, 2, 1, 3}).reshape({n, s, size_}), out_proj.weight, out_proj.bias, call));
}

TransformerEncoderLayer::TransformerEncoderLayer(int64_t size, int64_t heads, const TransformerOptions& o)
    : Layer("TransformerEncoderLayer"),
      options_(o),
      self_attn(
          add("self_attn",
              MultiheadAttention(size, heads, {.dropout = o.dropout, .batch_first = o.batch_first, .dtype = o.dtype}))),
      linear1(add("linear1", Linear(size, o.feedforward, {.dtype = o.dtype}))),
      dropout(add("dropout", Dropout(o.dropout))),
      linear2(add("linear2", Linear(o.feedforward, size, {.dtype = o.dtype}))),
      norm1(add("norm1", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype}))),
      norm2(add("norm2", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype}))),
      dropout1(add("dropout1", Dropout(o.dropout))),
      dropout2(add("dropout2", Dropout(o.dropout))) {}

Tensor TransformerEncoderLayer::feed(const Tensor& x) const {
  const Tensor y = linear1(x);
  return linear2(dropout(options_.gelu ? gelu(y) : relu(y)));
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
      self_attn(
          add("self_attn",
              MultiheadAttention(size, heads, {.dropout = o.dropout, .batch_first = o.batch_first, .dtype = o.dtype}))),
      multihead_attn(
          add("multihead_attn",
              MultiheadAttention(size, heads, {.dropout = o.dropout, .batch_first = o.batch_first, .dtype = o.dtype}))),
      linear1(add("linear1", Linear(size, o.feedforward, {.dtype = o.dtype}))),
      dropout(add("dropout", Dropout(o.dropout))),
      linear2(add("linear2", Linear(o.feedforward, size, {.dtype = o.dtype}))),
      norm1(add("norm1", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype}))),
      norm2(add("norm2", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype}))),
      norm3(add("norm3", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype}))),
      dropout1(add("dropout1", Dropout(o.dropout))),
      dropout2(add("dropout2", Dropout(o.dropout))),
      dropout3(add("dropout3", Dropout(o.dropout))) {}

Tensor TransformerDecoderLayer::feed(const Tensor& x) const {
  const Tensor y = linear1(x);
  return linear2(dropout(options_.gelu ? gelu(y) : relu(y)));
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
  if (norm) norm_.push_back(add("norm", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype})));
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
  if (norm) norm_.push_back(add("norm", LayerNorm(size, {.eps = o.eps, .dtype = o.dtype})));
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
