// Scaled dot product attention, some queries and some keys at a time: the scores are never whole in memory. Transposes
// around it are read and written through strides.
#include <xmmintrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/threads.h"
#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_queries = 48;   // of a tile: a multiple of every tile_rows
constexpr int64_t most_keys = 256;     // of a block: a multiple of every panel's width
constexpr int64_t direct_queries = 2;  // so few queries do not pay for packing keys and values
constexpr float lowest = -std::numeric_limits<float>::infinity();
using Strides = std::array<int64_t, 4>;  // of [batch, heads, rows, columns]

/// An operand: the piece's input or output, and which of its axes is which of the four.
struct Operand {
  size_t number = 0;
  std::array<int, 4> axis{0, 1, 2, 3};
};

struct AttentionPlan {
  Operand q, k, v, y;
  int mask = -1;
  bool boolean_mask = false;
  float scale = 0;
  enum Causal : uint8_t { none, upper_left, lower_right } causal = none;
  Isa isa = Isa::baseline;
};

struct AttentionSizes {
  int64_t batch, heads, groups, rows, columns, d, e;
  Strides q, k, v, y, mask{};
};

Strides strides_of(const Operand& o, const Sizes& sizes) {
  Strides memory, s;
  int64_t n = 1;
  for (size_t a = 4; a-- > 0; n *= sizes[a]) memory[a] = n;
  for (size_t a = 0; a < 4; ++a) s[a] = memory[size_t(o.axis[a])];
  return s;
}

int64_t size_of_axis(const Operand& o, const Sizes& sizes, size_t a) { return sizes[size_t(o.axis[a])]; }

class BoundAttention final : public BoundKernel {
 public:
  BoundAttention(const AttentionPlan& p, const AttentionSizes& s, int threads)
      : p_(p), s_(s), simd_(simd_for(p.isa)), threads_(threads) {
    width_ = 4 * simd_.lanes;
    vectors_ = 4;
    for (int v = 3; v >= 1; --v)
      if (round_up(s.e, v * simd_.lanes) < round_up(s.e, vectors_ * simd_.lanes)) vectors_ = v;
    direct_ = s.rows <= direct_queries && s.k[3] == 1;
    value_width_ = vectors_ * simd_.lanes;
    value_panels_ = (s.e + value_width_ - 1) / value_width_;
    // Few heads: smaller tiles, so that every thread has one.
    queries_ = std::min(most_queries, s.rows);
    while (queries_ > 12 && s.batch * s.heads * ((s.rows + queries_ - 1) / queries_) < 2 * threads)
      queries_ = (queries_ + 1) / 2;
    queries_ = std::max<int64_t>(queries_, 1);
    tiles_ = (s.rows + queries_ - 1) / queries_;
    key_floats_ = round_up(s.columns, width_) * s.d;
    value_floats_ = s.columns * value_panels_ * value_width_;
    ScratchPlan scratch;
    if (!direct_) {
      keys_at_ = scratch.add_of<float>(s.batch * s.groups * key_floats_);
      values_at_ = scratch.add_of<float>(s.batch * s.groups * value_floats_);
    }
    const size_t before = scratch.size();
    scores_at_ = scratch.add_of<float>(queries_ * most_keys);
    product_at_ = scratch.add_of<float>(queries_ * value_panels_ * value_width_) - before;
    sums_at_ = scratch.add_of<float>(queries_ * value_panels_ * value_width_) - before;
    mask_at_ = scratch.add_of<float>(most_keys) - before;
    part_bytes_ = scratch.size() - before;
    parts_at_ = before;
    bytes_ = before + part_bytes_ * size_t(threads);
  }

  size_t scratch_bytes() const override { return bytes_; }

  void run(const RunArgs& args) const override {
    const int64_t heads = s_.batch * s_.heads;
    if (!direct_)
      parallel_for(s_.batch * s_.groups, 1, threads_, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) pack_head(args, i);
      });
    const int64_t work = std::max<int64_t>(1, queries_ * s_.columns * (s_.d + s_.e));
    // Few queries multiply what they read once only: the time is that of keys and values, which each core has half of.
    const int64_t grain = std::max<int64_t>(1, (int64_t(1) << (direct_ ? 14 : 17)) / work);
    parallel_pieces({.items = heads * tiles_, .grain = grain}, threads_, [&](const Piece& p) {
      const int64_t i = p.begin + p.index;
      tile(args, i / tiles_, i % tiles_ * queries_, args.scratch + parts_at_ + size_t(p.part) * part_bytes_);
    });
  }

 private:
  void pack_head(const RunArgs& args, int64_t index) const {
    const int64_t b = index / s_.groups, h = index % s_.groups;
    const float* k = static_cast<const float*>(args.in[p_.k.number]) + b * s_.k[0] + h * s_.k[1];
    const float* v = static_cast<const float*>(args.in[p_.v.number]) + b * s_.v[0] + h * s_.v[1];
    float* keys = reinterpret_cast<float*>(args.scratch + keys_at_) + index * key_floats_;
    float* values = reinterpret_cast<float*>(args.scratch + values_at_) + index * value_floats_;
    for (int64_t t = 0; t < s_.columns; t += width_)
      pack_transposed(k + t * s_.k[2], s_.k[2], s_.k[3], std::min(width_, s_.columns - t), s_.d, width_, width_,
                      keys + t * s_.d);
    for (int64_t p = 0; p < value_panels_; ++p) {
      const int64_t first = p * value_width_, n = std::min(value_width_, s_.e - first);
      float* to = values + p * s_.columns * value_width_;
      for (int64_t t = 0; t < s_.columns; ++t, to += value_width_) {
        std::memcpy(to, v + t * s_.v[2] + first, size_t(n) * sizeof(float));
        std::fill(to + n, to + value_width_, 0.f);
      }
    }
  }

  /// The mask of one query for `n` keys, as what is added; null: none.
  const float* mask_row(const RunArgs& args, int64_t b, int64_t h, int64_t row, int64_t key, int64_t n,
                        float* made) const {
    if (p_.mask < 0) return nullptr;
    const int64_t at = b * s_.mask[0] + h * s_.mask[1] + row * s_.mask[2] + key * s_.mask[3];
    const int64_t step = s_.mask[3];
    if (p_.boolean_mask) {
      const uint8_t* m = static_cast<const uint8_t*>(args.in[p_.mask]) + at;
      for (int64_t j = 0; j < n; ++j) made[j] = m[j * step] ? 0.f : lowest;
      return made;
    }
    const float* m = static_cast<const float*>(args.in[p_.mask]) + at;
    if (step == 1) return m;
    std::fill(made, made + n, *m);
    return made;
  }

  /// How many keys query `row` may see.
  int64_t visible(int64_t row) const {
    if (p_.causal == AttentionPlan::none) return s_.columns;
    const int64_t offset = p_.causal == AttentionPlan::lower_right ? s_.columns - s_.rows : 0;
    return std::clamp<int64_t>(row + offset + 1, 0, s_.columns);
  }

  void tile(const RunArgs& args, int64_t head, int64_t first, std::byte* scratch) const {
    const int64_t b = head / s_.heads, h = head % s_.heads, group = h / (s_.heads / s_.groups);
    const int64_t count = std::min(queries_, s_.rows - first), padded = value_panels_ * value_width_;
    float* scores = reinterpret_cast<float*>(scratch);
    float* product = reinterpret_cast<float*>(scratch + product_at_);
    float* sums = reinterpret_cast<float*>(scratch + sums_at_);
    float* made = reinterpret_cast<float*>(scratch + mask_at_);
    const float* q = static_cast<const float*>(args.in[p_.q.number]) + b * s_.q[0] + h * s_.q[1] + first * s_.q[2];
    std::array<const float*, most_queries> query, weight;
    std::array<SoftmaxRow, most_queries> state;
    for (int64_t m = 0; m < count; ++m) {
      query[size_t(m)] = q + m * s_.q[2];
      weight[size_t(m)] = scores + m * most_keys;
      state[size_t(m)] = {scores + m * most_keys, 0, 0, p_.scale, nullptr, lowest, 0.f};
    }
    std::fill(sums, sums + count * padded, 0.f);
    const int64_t end = visible(first + count - 1);
    for (int64_t t = 0; t < end; t += most_keys) {
      const int64_t n = std::min(most_keys, end - t), whole = round_up(n, direct_ ? simd_.lanes : width_);
      multiply_keys(args, b, group, t, n, count, query.data(), scores);
      const float* mask = nullptr;
      for (int64_t m = 0; m < count; ++m) {
        SoftmaxRow& r = state[size_t(m)];
        r.n = std::clamp<int64_t>(visible(first + m) - t, 0, n);
        r.width = whole;
        if (m == 0 || s_.mask[2] != 0) mask = mask_row(args, b, h, first + m, t, n, made);
        r.mask = mask;
        const float factor = simd_.softmax_row(r);
        float* y = sums + m * padded;
        if (direct_)
          simd_.add_rows(r.x, values_of(args, b, group) + t * s_.v[2], s_.v[2], r.n, s_.e, factor, y);
        else if (t && factor != 1.f)
          for (int64_t i = 0; i < padded; ++i) y[i] *= factor;
      }
      if (direct_) continue;
      const float* values = reinterpret_cast<const float*>(args.scratch + values_at_) +
                            (b * s_.groups + group) * value_floats_ + t * value_width_;
      for (int64_t p = 0; p < value_panels_; ++p)
        simd_.panel(vectors_, count, n, weight.data(), values + p * s_.columns * value_width_,
                    (t ? product : sums) + p * value_width_, padded);
      if (t)
        for (int64_t i = 0; i < count * padded; ++i) sums[i] += product[i];
    }
    float* y = static_cast<float*>(args.out[0]) + b * s_.y[0] + h * s_.y[1] + first * s_.y[2];
    for (int64_t m = 0; m < count; ++m) {
      // A query that sees no key has 0 / 0, as the formula has.
      const float factor = 1.f / state[size_t(m)].sum;
      for (int64_t i = 0; i < s_.e; ++i) y[m * s_.y[2] + i] = sums[m * padded + i] * factor;
    }
  }

  const float* values_of(const RunArgs& args, int64_t b, int64_t group) const {
    return static_cast<const float*>(args.in[p_.v.number]) + b * s_.v[0] + group * s_.v[1];
  }

  void multiply_keys(const RunArgs& args, int64_t b, int64_t group, int64_t t, int64_t n, int64_t count,
                     const float* const* query, float* scores) const {
    if (direct_) {
      const float* k = static_cast<const float*>(args.in[p_.k.number]) + b * s_.k[0] + group * s_.k[1];
      for (int64_t m = 0; m < count; ++m)
        simd_.dot_rows(query[m], k + t * s_.k[2], s_.k[2], n, s_.d, scores + m * most_keys);
      return;
    }
    const float* keys =
        reinterpret_cast<const float*>(args.scratch + keys_at_) + (b * s_.groups + group) * key_floats_ + t * s_.d;
    for (int64_t j = 0; j < n; j += width_) simd_.panel(4, count, s_.d, query, keys + j * s_.d, scores + j, most_keys);
  }

  AttentionPlan p_;
  AttentionSizes s_;
  const Simd& simd_;
  int threads_, vectors_ = 4;
  bool direct_ = false;
  int64_t width_, value_width_, value_panels_, queries_, tiles_, key_floats_, value_floats_;
  size_t keys_at_ = 0, values_at_ = 0, scores_at_ = 0, product_at_, sums_at_, mask_at_, part_bytes_, parts_at_, bytes_;
};

class AttentionKernel final : public Kernel {
 public:
  explicit AttentionKernel(AttentionPlan p) : p_(p) {}
  std::string description() const override { return str("native attention ", p_.isa); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &q = sizes.in[p_.q.number], &k = sizes.in[p_.k.number], &v = sizes.in[p_.v.number];
    AttentionSizes s{};
    s.batch = size_of_axis(p_.q, q, 0), s.heads = size_of_axis(p_.q, q, 1), s.rows = size_of_axis(p_.q, q, 2);
    s.d = size_of_axis(p_.q, q, 3), s.groups = size_of_axis(p_.k, k, 1), s.columns = size_of_axis(p_.k, k, 2);
    s.e = size_of_axis(p_.v, v, 3);
    s.q = strides_of(p_.q, q), s.k = strides_of(p_.k, k), s.v = strides_of(p_.v, v);
    s.y = strides_of(p_.y, sizes.out[0]);
    if (p_.mask >= 0) {
      const Sizes& m = sizes.in[size_t(p_.mask)];
      int64_t n = 1;
      for (size_t a = m.size(); a-- > 0; n *= m[a]) s.mask[4 - m.size() + a] = m[a] == 1 ? 0 : n;
    }
    if (s.groups < 1 || s.heads < 1 || s.heads % s.groups) return str(s.heads, " heads of q over ", s.groups, " of k");
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundAttention>(p_, s, sizes.threads));
  }

 private:
  AttentionPlan p_;
};

const SubgraphNode* maker(const Subgraph& g, int32_t value) {
  for (const SubgraphNode& n : g.nodes)
    for (int32_t v : n.out)
      if (v == value) return &n;
  return nullptr;
}

std::optional<std::array<int, 4>> permutation(const SubgraphNode& n) {
  if (n.op->info.name != "transpose") return {};
  const std::vector<int64_t> perm = n.attrs.get_ints("perm");
  if (perm.size() != 4) return {};
  std::array<int, 4> axis;
  for (size_t a = 0; a < 4; ++a) axis[a] = int(perm[a]);
  return axis;
}

/// The input that is this value, as it is or transposed; or why it is none.
std::optional<std::string> read_operand(const Subgraph& g, int32_t value, Operand& o) {
  if (const SubgraphNode* n = maker(g, value)) {
    const auto axis = permutation(*n);
    if (!axis) return str("an operand is made by ", n->op->info.name, " (a transpose would do)");
    o.axis = *axis;
    value = n->in[0];
  }
  const int i = input_number(g, value);
  if (i < 0) return "an operand is made inside the piece";
  o.number = size_t(i);
  return {};
}

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  const SubgraphNode& n = anchor(g);
  AttentionPlan p;
  p.isa = r.isa;
  for (size_t i = 0; i < 3; ++i)
    if (const TensorType& t = g.types[size_t(n.in[i])]; t.dtype != DType::f32) return str("only f32, here ", t);
  if (n.attrs.get_float("softcap") != 0) return "softcap is set (0 would do)";
  const std::string precision = n.attrs.get_string("softmax_precision");
  if (!precision.empty() && precision != "f32" && precision != "float32") return str("a softmax in ", precision);
  const std::string causal = n.attrs.get_string("causal");
  p.causal = causal == "upper_left"    ? AttentionPlan::upper_left
             : causal == "lower_right" ? AttentionPlan::lower_right
                                       : AttentionPlan::none;
  p.scale = float(n.attrs.get_float("scale"));
  if (p.scale == 0) {
    const Dim d = g.types[size_t(n.in[0])].shape[3];
    if (!d.is_constant()) return str("the head size is ", d, " (a number, or a scale, would do)");
    p.scale = float(1 / std::sqrt(double(d.value())));
  }
  Operand* operands[] = {&p.q, &p.k, &p.v};
  for (size_t i = 0; i < 3; ++i)
    if (auto why = read_operand(g, n.in[i], *operands[i])) return *why;
  if (p.q.axis[3] != 3 || p.v.axis[3] != 3) return "q or v has its last axis elsewhere in memory";
  size_t used = 1;
  for (size_t i = 0; i < 3; ++i)
    used += maker(g, n.in[i]) != nullptr && std::find(&n.in[0], &n.in[0] + i, n.in[i]) == &n.in[0] + i;
  if (n.in.size() > 3 && n.in[3] >= 0) {
    p.mask = input_number(g, n.in[3]);
    if (p.mask < 0) return "the mask is made inside the piece";
    p.boolean_mask = g.types[size_t(n.in[3])].dtype == DType::boolean;
  }
  int32_t result = n.out[0];
  for (const SubgraphNode& m : g.nodes)
    if (m.in[0] == result)
      if (const auto axis = permutation(m)) {
        // The piece's axis a is ours axis[a].
        for (size_t a = 0; a < 4; ++a) p.y.axis[size_t((*axis)[a])] = int(a);
        result = m.out[0];
        ++used;
        break;
      }
  if (g.outputs.size() != 1 || g.outputs[0] != result) return "an intermediate of the piece is a result";
  if (used != g.nodes.size()) return "more than transposes around the attention";
  if (p.y.axis[3] != 3) return "the result has its last axis elsewhere in memory";
  return std::shared_ptr<const Kernel>(std::make_shared<AttentionKernel>(p));
}

}  // namespace

std::vector<Entry> attention_entries() { return {{"native.attention", accept}}; }

}  // namespace neve::kernels::native
