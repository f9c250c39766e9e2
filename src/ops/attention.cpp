// Attention: ONNX Attention, the scaled dot product at its heart, and rotary position embedding.
#include <cmath>
#include <limits>

#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"

namespace neve::ops {
namespace {

/// What the scaled dot product is asked to do.
struct DotProduct {
  double scale = 0;                // 0: 1 / sqrt(head size)
  double softcap = 0;              // 0: none
  std::string causal = "none";     // none, upper_left, lower_right
  std::string softmax_dtype = "";  // empty: that of q
};

/// The scores at each stage, [batch, heads, q, kv].
struct Scores {
  Value product, masked, capped, softmax;
};

Value scalar_of(Builder& b, Dim d, std::span<const Value> sources) {
  return squeeze(b, b.dims(std::span(&d, 1), sources), {0});
}
/// To a shape whose symbols are sizes of `sources`.
Value reshape_from(Builder& b, Value x, const Shape& shape, std::span<const Value> sources) {
  return b.call("reshape", {x, b.dims(shape, sources)}, {{"allowzero", true}});
}
Value count_up(Builder& b, Dim n, std::span<const Value> sources) {
  return b.call("range", {b.scalar(DType::i64, 0), scalar_of(b, n, sources), b.scalar(DType::i64, 1)});
}

/// bool [rows, columns]: row i may see column j where j <= i + offset; no offset is 0.
Value causal_mask(Builder& b, Dim rows, Dim columns, Value offset, std::span<const Value> sources) {
  Value i = count_up(b, rows, sources);
  if (offset.valid()) i = add(b, i, offset);
  return b.call("greater_or_equal", {unsqueeze(b, i, {1}), count_up(b, columns, sources)});
}

/// A bool mask as one to be added: 0 where true, minus infinity where false.
Value additive(Builder& b, Value mask, DType t) {
  if (b.dtype(mask) != DType::boolean) return mask;
  return b.call("where", {mask, b.scalar(t, 0), b.scalar(t, -std::numeric_limits<double>::infinity())});
}
/// Both masks at once; either may be invalid.
Value both(Builder& b, Value x, Value y, DType t) {
  if (!x.valid() || !y.valid()) return x.valid() ? x : y;
  if (b.dtype(x) == DType::boolean && b.dtype(y) == DType::boolean) return b.call("and", {x, y});
  return add(b, additive(b, x, t), additive(b, y, t));
}

/// The formula. q: [b, h, s, d], k: [b, g, t, d], v: [b, g, t, e] with g dividing h; mask broadcasts to [b, h, s, t].
Value dot_product(Builder& b, const DotProduct& o, Value q, Value k, Value v, Value mask, Scores* scores) {
  const TensorType tq = b.type(q), tk = b.type(k), tv = b.type(v);
  const Dim batch = tq.shape[0], heads = tq.shape[1], groups = tk.shape[1], rows = tq.shape[2], columns = tk.shape[2];
  // Where the heads of k are not known, infer asked for as many as q has.
  const bool grouped = groups.is_constant() && !proven(equal(heads, groups));
  const Dim repeat = grouped ? floordiv(heads, groups) : Dim(1);
  const std::initializer_list<Value> sources_list = {q, k, v};
  const std::span<const Value> sources(sources_list.begin(), sources_list.size());

  Value scale;
  if (o.scale != 0) {
    scale = b.scalar(tq.dtype, o.scale);
  } else if (tq.shape[3].is_constant()) {
    scale = b.scalar(tq.dtype, 1 / std::sqrt(double(tq.shape[3].value())));
  } else {
    scale = b.call("reciprocal", {b.call("sqrt", {b.cast(scalar_of(b, tq.shape[3], sources), tq.dtype)})});
  }
  Value scaled = mul(b, q, scale), keys = swap_last(b, k), values = v;
  if (grouped) {  // the heads that share keys stand beside one another
    scaled = reshape_from(b, scaled, Shape{batch, groups, repeat, rows, tq.shape[3]}, sources);
    keys = unsqueeze(b, keys, {2});
    values = unsqueeze(b, values, {2});
  }
  Value s = b.call("matmul", {scaled, keys});
  if (grouped) s = reshape_from(b, s, Shape{batch, heads, rows, columns}, sources);
  if (scores) scores->product = s;
  if (o.causal != "none") {
    // The difference of the sizes is taken of values: each may be a sum, whose terms no source has.
    Value offset;
    if (o.causal == "lower_right") offset = sub(b, scalar_of(b, columns, sources), scalar_of(b, rows, sources));
    mask = both(b, mask, causal_mask(b, rows, columns, offset, sources), tq.dtype);
  }
  if (mask.valid()) s = add(b, s, additive(b, mask, tq.dtype));
  if (scores) scores->masked = s;
  if (o.softcap != 0) s = mul(b, b.call("tanh", {mul(b, s, 1 / o.softcap)}), o.softcap);
  if (scores) scores->capped = s;
  DType precision = tq.dtype;
  if (!o.softmax_dtype.empty()) parse_dtype(o.softmax_dtype, precision);
  const Value p = b.cast(b.call("softmax", {b.cast(s, precision)}, {{"axis", int64_t(-1)}}), tv.dtype);
  if (scores) scores->softmax = b.cast(p, tq.dtype);
  const Value weights = grouped ? reshape_from(b, p, Shape{batch, groups, repeat, rows, columns}, sources) : p;
  Value y = b.call("matmul", {weights, values});
  if (grouped) y = reshape_from(b, y, Shape{batch, heads, rows, tv.shape[3]}, sources);
  return b.cast(y, tq.dtype);
}

void check_precision(const Inferring& t, const std::string& name) {
  DType d;
  t.require(name.empty() || (parse_dtype(name, d) && is_float(d)), "softmax_precision is '", name,
            "' (expected a float dtype or "
            "nothing)");
}

/// q, k, v of rank 4 whose sizes fit together; returns the type of the result.
TensorType infer_dot_product(Inferring& t, const Shape& q, const Shape& k, const Shape& v) {
  t.require_equal(q[0], k[0], "batches of q and k must agree");
  t.require_equal(q[0], v[0], "batches of q and v must agree");
  t.require_equal(k[1], v[1], "heads of k and v must agree");
  t.require_equal(k[2], v[2], "lengths of k and v must agree");
  t.require_equal(q[3], k[3], "head sizes of q and k must agree");
  if (k[1].is_constant() && k[1].value() >= 1)
    t.require_divides(k[1].value(), q[1], "the heads of k must divide those of q");
  else
    t.require_equal(q[1], k[1], "heads of q and k must agree where they are not known");
  return {t.in(0).dtype, Shape{q[0], q[1], q[2], v[3]}};
}

void require_mask(Inferring& t, size_t i, const Shape& scores, bool shorter) {
  if (!t.has(i)) return;
  const TensorType& m = t.in(i);
  t.require_type(m.dtype == DType::boolean || m.dtype == t.in(0).dtype, t.input_name(i), " is ", m,
                 " (expected bool or ", t.in(0).dtype, ")");
  t.require_shape(m.rank() >= 1 && m.rank() <= 4, t.input_name(i), " is ", m, " (expected rank 1 to 4)");
  const size_t skip = 4 - m.shape.size();
  for (size_t k = 0; k < m.shape.size(); ++k) {
    if (shorter && k + 1 == m.shape.size())
      t.require_at_least(scores[3], m.shape[k], "the last axis of the mask must not be longer than the keys");
    else if (!m.shape[k].is(1))
      t.broadcast(m.shape[k], scores[skip + k]);
  }
}

double attention_flops(const Shape& q, const Shape& k, const Shape& v) {
  auto n = [](Dim d) { return double(d.value()); };
  return 2 * n(q[0]) * n(q[1]) * n(q[2]) * n(k[2]) * (n(q[3]) + n(v[3]));
}

struct ScaledDotProductAttention {
  double scale = 0, softcap = 0;
  std::string causal = "none", softmax_precision = "";

  static constexpr OpInfo info{
      .name = "scaled_dot_product_attention",
      .summary = "y = softmax(softcap(scale * q k^T + mask)) v, where several heads of q may share one of k and v.",
      .source = "torch.nn.functional.scaled_dot_product_attention; ONNX Attention-24",
      .inputs = {{"q", "[b, h, s, d]"},
                 {"k", "[b, g, t, d], g divides h"},
                 {"v", "[b, g, t, e]"},
                 {"mask", "bool (true: may be seen) or of the dtype of q (added); broadcasts to [b, h, s, t]",
                  Arity::optional}},
      .outputs = {{"y", "[b, h, s, e]"}}};
  static constexpr auto attrs = std::tuple{
      attr("scale", &ScaledDotProductAttention::scale, "Factor of the scores; 0: 1 / sqrt(d)."),
      attr("softcap", &ScaledDotProductAttention::softcap, "Bound c of the scores, by c * tanh(x / c); 0: none."),
      attr("causal", &ScaledDotProductAttention::causal,
           "none; upper_left: query i sees keys up to i; lower_right: up to i + t - s."),
      attr("softmax_precision", &ScaledDotProductAttention::softmax_precision,
           "dtype of the softmax; empty: that of q.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    t.require_float(2);
    for (size_t i : {0, 1, 2}) require_rank(t, i, 4);
    t.require(causal == "none" || causal == "upper_left" || causal == "lower_right", "causal is '", causal,
              "' (expected none, upper_left or lower_right)");
    t.require(softcap >= 0, "softcap is ", softcap, " (expected 0 or more)");
    check_precision(t, softmax_precision);
    const TensorType y = infer_dot_product(t, t.in(0).shape, t.in(1).shape, t.in(2).shape);
    require_mask(t, 3, Shape{y.shape[0], y.shape[1], y.shape[2], t.in(1).shape[2]}, false);
    t.result(y);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    return dot_product(b, {scale, softcap, causal, softmax_precision}, v[0], v[1], v[2], optional_input(v, 3), nullptr);
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const {
    return attention_flops(in[0].shape, in[1].shape, in[2].shape);
  }

  static std::vector<Sample> samples() {
    using S = ScaledDotProductAttention;
    SampleInput shared = in({2, 2, 5, 4});
    shared.symbolic = false;
    return {
        sample(S{}, {in({2, 3, 4, 5}), in({2, 3, 6, 5}), in({2, 3, 6, 7})}),
        sample(S{.causal = "upper_left"}, {in({1, 2, 4, 3}), in({1, 2, 4, 3}), in({1, 2, 4, 3}), in({4, 4})}),
        sample(S{.scale = 0.3, .softcap = 2, .causal = "lower_right"},
               {in({1, 2, 3, 4}), in({1, 2, 5, 4}), in({1, 2, 5, 4})}),
        sample(S{}, {in({2, 4, 3, 4}), shared, shared, given(Tensor::of(DType::boolean, {1, 5}, {1, 1, 0, 1, 0}))})};
  }
};

struct Attention {
  bool is_causal = false;
  int64_t q_num_heads = 0, kv_num_heads = 0, qk_matmul_output_mode = 0, outputs = 1;
  double scale = 0, softcap = 0;
  std::string softmax_precision = "";

  static constexpr OpInfo info{
      .name = "attention",
      .summary = "Scaled dot product attention over heads, with a mask, a cache of past keys and values, and padding.",
      .source = "ONNX Attention-24",
      .inputs = {{"q", "[b, h, s, d] or [b, s, h * d]"},
                 {"k", "[b, g, t, d] or [b, t, g * d]"},
                 {"v", "[b, g, t, e] or [b, t, g * e]"},
                 {"attn_mask", "bool or float, broadcasts to [b, h, s, past + t]; may end early", Arity::optional},
                 {"past_key", "[b, g, past, d]", Arity::optional},
                 {"past_value", "[b, g, past, e]", Arity::optional},
                 {"nonpad_kv_seqlen", "i64 [b]: how many keys are no padding", Arity::optional}},
      .outputs = {{"y", "of the rank of q"},
                  {"present_key", "[b, g, past + t, d]", Arity::optional},
                  {"present_value", "[b, g, past + t, e]", Arity::optional},
                  {"qk_matmul_output", "[b, h, s, past + t]", Arity::optional}}};
  static constexpr auto attrs =
      std::tuple{attr("is_causal", &Attention::is_causal, "Query i sees the past and keys up to i."),
                 attr("q_num_heads", &Attention::q_num_heads, "Heads of q, for inputs of rank 3."),
                 attr("kv_num_heads", &Attention::kv_num_heads, "Heads of k and v, for inputs of rank 3."),
                 attr("scale", &Attention::scale, "Factor of the scores; 0: 1 / sqrt(head size)."),
                 attr("softcap", &Attention::softcap, "Bound c of the scores, by c * tanh(x / c); 0: none."),
                 attr("softmax_precision", &Attention::softmax_precision, "dtype of the softmax; empty: that of q."),
                 attr("qk_matmul_output_mode", &Attention::qk_matmul_output_mode,
                      "What the fourth result is: 0 the product, 1 with mask, 2 after softcap, 3 after softmax."),
                 attr("outputs", &Attention::outputs, "Number of results, 1 to 4.")};

  static Shape split(const Shape& s, int64_t heads) {
    return s.size() == 4 ? s : Shape{s[0], heads, s[1], floordiv(s[2], heads)};
  }

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    t.require_float(2);
    const int64_t rank = t.in(0).rank();
    t.require_shape(rank == 3 || rank == 4, "q is ", t.in(0), " (expected rank 3 or 4)");
    for (size_t i : {1, 2}) require_rank(t, i, rank);
    if (rank == 3) {
      t.require(q_num_heads >= 1 && kv_num_heads >= 1, "q_num_heads is ", q_num_heads, " and kv_num_heads is ",
                kv_num_heads, " (inputs of rank 3 need both)");
      t.require_divides(q_num_heads, t.in(0).shape[2], "q_num_heads must divide the last axis of q");
      for (size_t i : {1, 2})
        t.require_divides(kv_num_heads, t.in(i).shape[2], "kv_num_heads must divide the last axis");
    }
    t.require(outputs >= 1 && outputs <= 4, "outputs is ", outputs, " (expected 1 to 4)");
    t.require(qk_matmul_output_mode >= 0 && qk_matmul_output_mode <= 3, "qk_matmul_output_mode is ",
              qk_matmul_output_mode, " (expected 0 to 3)");
    t.require(softcap >= 0, "softcap is ", softcap, " (expected 0 or more)");
    t.require(t.has(4) == t.has(5), "past_key and past_value must be given together");
    t.require(!t.has(4) || !t.has(6), "nonpad_kv_seqlen is given beside past_key (expected one of them)");
    check_precision(t, softmax_precision);
    const Shape q = split(t.in(0).shape, q_num_heads);
    Shape k = split(t.in(1).shape, kv_num_heads), v = split(t.in(2).shape, kv_num_heads);
    if (t.has(4)) {
      join_past(t, 4, k);
      join_past(t, 5, v);
    }
    const TensorType y = infer_dot_product(t, q, k, v);
    const Shape scores{q[0], q[1], q[2], k[2]};
    require_mask(t, 3, scores, true);
    if (t.has(6)) {
      require_dtype(t, 6, DType::i64);
      require_rank(t, 6, 1);
      t.require_equal(t.in(6).shape[0], q[0], "nonpad_kv_seqlen must have one value for each element of the batch");
    }
    t.result(y.dtype, rank == 4 ? y.shape : Shape{q[0], q[2], y.shape[1] * y.shape[3]});
    if (outputs > 1) t.result(t.in(1).dtype, k);
    if (outputs > 2) t.result(t.in(2).dtype, v);
    if (outputs > 3) t.result(y.dtype, scores);
  }

  static void join_past(Inferring& t, size_t i, Shape& s) {
    t.require_same_dtype(i - 3, i);
    require_rank(t, i, 4);
    const Shape& past = t.in(i).shape;
    for (size_t k : {0, 1, 3})
      t.require_equal(past[k], s[k], "the cache must have the sizes of what is added, but for axis 2");
    s[2] += past[2];
  }

  Value heads_of(Builder& b, Value x, int64_t heads) const {
    const Shape s = b.type(x).shape;
    if (s.size() == 4) return x;
    return transpose(b, b.reshape(x, Shape{s[0], s[1], heads, floordiv(s[2], heads)}), {0, 2, 1, 3});
  }

  /// The mask with its last axis filled up to `columns` with what hides. `keys` and `past_key` (if any) have the sizes.
  static Value filled(Builder& b, Value mask, Dim columns, Value keys, Value past_key) {
    const TensorType m = b.type(mask);
    const Dim missing = columns - m.shape.back();
    if (missing.is(0)) return mask;
    Shape rest = m.shape;
    rest.back() = missing;
    const Value hidden =
        m.dtype == DType::boolean ? b.scalar(m.dtype, 0) : b.scalar(m.dtype, -std::numeric_limits<double>::infinity());
    Values sources{mask, keys};
    if (past_key.valid()) sources.push_back(past_key);
    return b.call("concat", {mask, b.call("expand", {hidden, b.dims(rest, sources)})}, {{"axis", m.rank() - 1}});
  }

  Values lower(Builder& b, std::span<const Value> in) const {
    const Value q = heads_of(b, in[0], q_num_heads);
    Value k = heads_of(b, in[1], kv_num_heads), v = heads_of(b, in[2], kv_num_heads);
    const Dim added = b.type(k).shape[2], rows = b.type(q).shape[2];
    const Value past_key = optional_input(in, 4), past_value = optional_input(in, 5);
    const Value new_key = k;
    DotProduct o{scale, softcap, is_causal ? "upper_left" : "none", softmax_precision};
    if (past_key.valid()) {
      k = b.call("concat", {past_key, k}, {{"axis", int64_t(2)}});
      v = b.call("concat", {past_value, v}, {{"axis", int64_t(2)}});
    }
    const DType type = b.dtype(q);
    const Dim columns = b.type(k).shape[2];
    Value mask = optional_input(in, 3);
    if (mask.valid()) mask = filled(b, mask, columns, new_key, past_key);
    const Value sources[] = {q, k};
    if (const Value lengths = optional_input(in, 6); lengths.valid())
      mask = both(b, mask, b.call("less", {count_up(b, columns, sources), unsqueeze(b, lengths, {1, 2, 3})}), type);
    if (is_causal && past_key.valid()) {
      if (proven(equal(added, rows))) {
        o.causal = "lower_right";
      } else {
        const Value all[] = {q, k, past_key};
        mask = both(b, mask, causal_mask(b, rows, columns, scalar_of(b, b.type(past_key).shape[2], all), all), type);
        o.causal = "none";
      }
    }
    Scores scores;
    Value y;
    if (outputs == 4) {
      y = dot_product(b, o, q, k, v, mask, &scores);
    } else {
      Values args{q, k, v};
      if (mask.valid()) args.push_back(mask);
      y = b.call(
          "scaled_dot_product_attention", args,
          {{"scale", scale}, {"softcap", softcap}, {"causal", o.causal}, {"softmax_precision", softmax_precision}});
    }
    if (b.rank(in[0]) == 3) {
      const Shape s = b.type(y).shape;
      y = b.reshape(transpose(b, y, {0, 2, 1, 3}), Shape{s[0], s[2], s[1] * s[3]});
    }
    const Value chosen[] = {scores.product, scores.masked, scores.capped, scores.softmax};
    Values r{y, k, v, chosen[qk_matmul_output_mode]};
    r.resize(size_t(outputs));
    return r;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const {
    Shape k = split(in[1].shape, kv_num_heads);
    if (in.size() > 4 && in[4].rank() == 4) k[2] += in[4].shape[2];
    return attention_flops(split(in[0].shape, q_num_heads), k, split(in[2].shape, kv_num_heads));
  }

  static std::vector<Sample> samples() {
    auto fixed = [](std::initializer_list<int64_t> s) {
      SampleInput x = in(s);
      x.symbolic = false;
      return x;
    };
    return {
        sample(Attention{}, {in({2, 3, 4, 8}), in({2, 3, 6, 8}), in({2, 3, 6, 8})}),
        sample(Attention{.is_causal = true, .q_num_heads = 3, .kv_num_heads = 3, .softcap = 2},
               {fixed({2, 4, 24}), fixed({2, 6, 24}), fixed({2, 6, 30}), in({4, 6})}),
        sample(Attention{.outputs = 4}, {fixed({2, 6, 4, 8}), fixed({2, 3, 5, 8}), fixed({2, 3, 5, 8}), fixed({4, 5})}),
        sample(Attention{.is_causal = true, .qk_matmul_output_mode = 3, .outputs = 4},
               {in({2, 3, 4, 8}), in({2, 3, 6, 8}), in({2, 3, 6, 8}), in({4, 9}), in({2, 3, 5, 8}), in({2, 3, 5, 8})},
               1e-5, "", false),
        sample(Attention{}, {in({2, 3, 4, 8}), in({2, 3, 6, 8}), in({2, 3, 6, 8}), in({2, 3, 4, 4}), absent(), absent(),
                             given_ints({3, 4})})};
  }
};

struct RotaryEmbedding {
  bool interleaved = false;
  int64_t num_heads = 0, rotary_embedding_dim = 0;

  static constexpr OpInfo info{.name = "rotary_embedding",
                               .summary =
                                   "Rotates pairs of elements of each head by the angle of its position: (x1, x2) -> "
                                   "(c x1 - s x2, s x1 + c x2).",
                               .source = "ONNX RotaryEmbedding-23",
                               .inputs = {{"x", "[b, heads, s, d] or [b, s, heads * d]"},
                                          {"cos_cache", "[positions, r / 2] or [b, s, r / 2]"},
                                          {"sin_cache", "of the shape of cos_cache"},
                                          {"position_ids", "i64 [b, s]", Arity::optional}},
                               .outputs = {{"y"}}};
  static constexpr auto attrs =
      std::tuple{attr("interleaved", &RotaryEmbedding::interleaved, "Pairs are neighbours, not halves."),
                 attr("num_heads", &RotaryEmbedding::num_heads, "Heads, for x of rank 3."),
                 attr("rotary_embedding_dim", &RotaryEmbedding::rotary_embedding_dim,
                      "Elements r of a head that are rotated; 0: all.")};

  Dim head_size(const Shape& x) const { return x.size() == 4 ? x[3] : floordiv(x[2], num_heads); }

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() == 3 || x.rank() == 4, "x is ", x, " (expected rank 3 or 4)");
    t.require(x.rank() == 4 || num_heads >= 1, "num_heads is ", num_heads, " (x of rank 3 needs it)");
    if (x.rank() == 3) t.require_divides(num_heads, x.shape[2], "num_heads must divide the last axis of x");
    t.require(rotary_embedding_dim >= 0 && rotary_embedding_dim % 2 == 0, "rotary_embedding_dim is ",
              rotary_embedding_dim, " (expected an even number)");
    const Dim d = head_size(x.shape), r = rotary_embedding_dim ? Dim(rotary_embedding_dim) : d;
    t.require_divides(2, r, "the rotated size must be even");
    t.require_at_least(d, r, "rotary_embedding_dim must not be larger than the head");
    for (size_t i : {1, 2}) {
      t.require_same_dtype(0, i);
      require_rank(t, i, t.has(3) ? 2 : 3);
      t.require_equal(t.in(i).shape.back(), floordiv(r, 2),
                      "the last axis of the caches must be half of the rotated size");
    }
    const Dim batch = x.shape[0], sequence = x.shape[x.rank() == 4 ? 2 : 1];
    const size_t place = t.has(3) ? 3 : 1;
    if (t.has(3)) {
      require_dtype(t, 3, DType::i64);
      require_rank(t, 3, 2);
    }
    t.require_equal(t.in(place).shape[0], batch, "positions must have the batch of x");
    t.require_equal(t.in(place).shape[1], sequence, "positions must have the length of x");
    t.result(x);
  }

  static Value part(Builder& b, Value x, Dim begin, Dim end, int64_t step = 1) {
    const Value sources[] = {x};
    return b.call("slice", {x, b.dims(std::span(&begin, 1), sources), b.dims(std::span(&end, 1), sources),
                            b.ints({b.rank(x) - 1}), b.ints({step})});
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const TensorType type = b.type(v[0]);
    const bool flat = type.rank() == 3;
    const Dim d = head_size(type.shape), r = rotary_embedding_dim ? Dim(rotary_embedding_dim) : d;
    const Value x = flat ? b.reshape(v[0], Shape{type.shape[0], type.shape[1], num_heads, d}) : v[0];
    auto angle = [&](Value cache) {
      if (const Value at = optional_input(v, 3); at.valid())
        cache = b.call("gather", {cache, at}, {{"axis", int64_t(0)}});
      return unsqueeze(b, cache, {flat ? 2 : 1});
    };
    const Value c = angle(v[1]), s = angle(v[2]), turned = d == r ? x : part(b, x, 0, r);
    const Value x1 = interleaved ? part(b, turned, 0, r, 2) : part(b, turned, 0, floordiv(r, 2));
    const Value x2 = interleaved ? part(b, turned, 1, r, 2) : part(b, turned, floordiv(r, 2), r);
    Value real = sub(b, mul(b, c, x1), mul(b, s, x2)), imaginary = add(b, mul(b, s, x1), mul(b, c, x2));
    if (interleaved) real = unsqueeze(b, real, {4}), imaginary = unsqueeze(b, imaginary, {4});
    Value y = b.call("concat", {real, imaginary}, {{"axis", int64_t(interleaved ? 4 : 3)}});
    if (interleaved) y = b.reshape(y, b.type(turned).shape);
    if (d != r) y = b.call("concat", {y, part(b, x, r, d)}, {{"axis", int64_t(3)}});
    return flat ? b.reshape(y, type.shape) : y;
  }

  static std::vector<Sample> samples() {
    const SampleInput at = given(Tensor::of(DType::i64, {2, 3}, {0, 4, 2, 1, 1, 3}));
    auto fixed = [](std::initializer_list<int64_t> s) {
      SampleInput x = in(s);
      x.symbolic = false;
      return x;
    };
    return {sample(RotaryEmbedding{}, {fixed({2, 4, 3, 8}), fixed({5, 4}), fixed({5, 4}), at}),
            sample(RotaryEmbedding{.interleaved = true}, {fixed({2, 4, 3, 8}), fixed({2, 3, 4}), fixed({2, 3, 4})}),
            sample(RotaryEmbedding{.num_heads = 2, .rotary_embedding_dim = 4},
                   {fixed({2, 3, 12}), fixed({5, 2}), fixed({5, 2}), at}),
            sample(RotaryEmbedding{.interleaved = true, .rotary_embedding_dim = 4},
                   {fixed({2, 4, 3, 8}), fixed({5, 2}), fixed({5, 2}), at})};
  }
};

}  // namespace

OpList attention() { return {def<ScaledDotProductAttention>(), def<Attention>(), def<RotaryEmbedding>()}; }

}  // namespace neve::ops
