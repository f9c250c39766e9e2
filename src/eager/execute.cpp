// Finds how an op is run for operands of this kind, keeps it, and runs it.
#include "eager/execute.h"

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <unordered_map>

#include "base/memory.h"
#include "base/thread_limit.h"
#include "op/differentiate.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::eager {
namespace {

std::atomic<bool> deterministic{false};
struct {
  std::atomic<uint64_t> small{0}, views{0}, pieces{0}, references{0}, compiled{0};
} counts;

void count(std::atomic<uint64_t>& c) { c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

/// What makes two calls alike. Sizes are symbols where code serves all of them: equal sizes are then one symbol.
struct Key {
  const OpDef* op = nullptr;
  Attrs attrs;
  uint64_t needs = 0, given = 0;  ///< gradients only
  std::vector<int64_t> pattern;
  uint64_t hash = 0;
  bool operator==(const Key& o) const {
    return op == o.op && hash == o.hash && needs == o.needs && given == o.given && pattern == o.pattern &&
           (attrs.object() == o.attrs.object() || attrs == o.attrs);
  }
};
struct KeyHash {
  size_t operator()(const Key& k) const { return k.hash; }
};

uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 12) + (h >> 4);
  return h * 0xff51afd7ed558ccdull;
}

/// Symbols of eager pieces: one set for all of them. A size that is a symbol is at least 2.
constexpr size_t most_symbols = 32;
Dim symbol(size_t i) {
  static const std::vector<Dim> dims = [] {
    std::vector<Dim> d;
    for (size_t k = 0; k < most_symbols; ++k) d.push_back(Dim::symbol(str("n", k), 2));
    return d;
  }();
  return dims[i];
}

/// The operands of a call as parameters of a piece.
class Pattern {
 public:
  explicit Pattern(bool symbols) : symbols_(symbols) {}
  void absent() { words_.push_back(-1); }
  void add(const Tensor& t, bool content) {
    words_.push_back(int64_t(t.dtype()) | t.rank() << 8 | int64_t(content) << 16);
    for (int64_t n : t.shape()) words_.push_back(symbols_ && n >= 2 ? -2 - int64_t(symbol_of(n)) : n);
    if (content)
      for (int64_t k = 0; k < t.element_count(); ++k) words_.push_back(t.item_int(k));
  }
  std::vector<int64_t> words() && { return std::move(words_); }
  bool overflow() const { return sizes_.size() > most_symbols; }

  TensorType type(const Tensor& t) const {
    TensorType y{t.dtype(), {}};
    for (int64_t n : t.shape()) y.shape.push_back(symbols_ && n >= 2 ? symbol(find(n)) : Dim(n));
    return y;
  }
  std::vector<std::pair<Dim, int64_t>> sizes() const {
    std::vector<std::pair<Dim, int64_t>> s;
    for (size_t i = 0; i < sizes_.size(); ++i) s.emplace_back(symbol(i), sizes_[i]);
    return s;
  }

 private:
  size_t find(int64_t n) const { return size_t(std::find(sizes_.begin(), sizes_.end(), n) - sizes_.begin()); }
  size_t symbol_of(int64_t n) {
    const size_t i = find(n);
    if (i == sizes_.size()) sizes_.push_back(n);
    return i;
  }
  bool symbols_;
  std::vector<int64_t> words_, sizes_;
};

/// How one kind of call is run.
struct Plan {
  std::shared_ptr<const Piece> piece;  ///< null: by the reference
};

/// A bounded table of plans; the least recently made goes first.
class Table {
 public:
  std::shared_ptr<const Plan> find(const Key& k) {
    std::shared_lock lock(mutex_);
    const auto it = plans_.find(k);
    return it == plans_.end() ? nullptr : it->second;
  }
  void clear() {
    std::unique_lock lock(mutex_);
    plans_.clear();
    order_.clear();
  }
  void put(const Key& k, std::shared_ptr<const Plan> p) {
    std::unique_lock lock(mutex_);
    if (!plans_.emplace(k, std::move(p)).second) return;
    order_.push_back(k);
    if (order_.size() > most) {
      plans_.erase(order_.front());
      order_.pop_front();
    }
  }

 private:
  static constexpr size_t most = 4096;
  std::shared_mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<const Plan>, KeyHash> plans_;
  std::list<Key> order_;
};
Table& table() {
  static Table t;
  return t;
}

/// What is known of an op, beside its definition.
struct OpFacts {
  Way way = Way::reference;
  std::atomic<uint64_t> content{0};  ///< inputs whose content the type rule has asked for
};
OpFacts& facts_of(const OpDef& op) {
  static std::shared_mutex mutex;
  static std::unordered_map<const OpDef*, std::unique_ptr<OpFacts>> all;
  thread_local std::pair<const OpDef*, OpFacts*> last{nullptr, nullptr};
  if (last.first == &op) return *last.second;
  {
    std::shared_lock lock(mutex);
    const auto it = all.find(&op);
    if (it != all.end()) return last = {&op, it->second.get()}, *it->second;
  }
  std::unique_lock lock(mutex);
  auto& f = all[&op];
  if (!f) {
    f = std::make_unique<OpFacts>();
    f->way = piece_compiler().way(op);
  }
  last = {&op, f.get()};
  return *f;
}

bool may_be_content(const Tensor& t) {
  return t.defined() && t.rank() <= 1 && t.element_count() <= 64 && (is_int(t.dtype()) || t.dtype() == DType::boolean);
}

// Which inputs' content decides the result types: they are part of the key. @throws Error of the type rule
uint64_t content_reads(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<TensorType> types(in.size());
  std::vector<const TensorType*> pointers(in.size());
  std::vector<Facts> facts(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined()) continue;
    types[i] = type_of(in[i]);
    pointers[i] = &types[i];
    facts[i] = neve::facts_of(in[i]);
  }
  Inferring whole(op.info, pointers);
  whole.in_facts = facts;
  infer(op, attrs, whole);
  uint64_t decide = 0;
  for (size_t i = 0; i < in.size() && i < 64; ++i) {
    if (!(whole.content_read >> i & 1) || !may_be_content(in[i])) continue;
    Inferring without(op.info, pointers);
    without.in_facts = facts;
    without.in_facts[i] = {};
    try {
      infer(op, attrs, without);
      if (without.out == whole.out) continue;
    } catch (const Error&) {
    }
    decide |= uint64_t(1) << i;
  }
  return decide;
}

Key make_key(const OpDef& op, const Attrs& attrs, std::vector<int64_t> pattern, uint64_t needs = 0,
             uint64_t given = 0) {
  Key k{&op, attrs, needs, given, std::move(pattern), 0};
  uint64_t h = mix(mix(mix(reinterpret_cast<uint64_t>(&op), attrs.hash()), needs), given);
  for (int64_t w : k.pattern) h = mix(h, uint64_t(w));
  k.hash = h;
  return k;
}

bool has_empty(std::span<const Tensor> in) {
  for (const Tensor& t : in)
    if (t.defined() && t.element_count() == 0) return true;
  return false;
}

std::shared_ptr<const Plan> compile_plan(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                                         const Pattern& pattern, uint64_t content) {
  std::vector<Parameter> parameters;
  for (size_t i = 0; i < in.size(); ++i) {
    Parameter p;
    p.absent = !in[i].defined();
    if (!p.absent) p.type = pattern.type(in[i]);
    if (!p.absent && (content >> i & 1) && may_be_content(in[i])) {
      p.type = type_of(in[i]);
      p.content = in[i].clone();
    }
    parameters.push_back(std::move(p));
  }
  auto plan = std::make_shared<Plan>();
  plan->piece = piece_compiler().compile(parameters, pattern.sizes(),
                                         [&](Builder& b, std::span<const Value> v) { return b.emit(op, attrs, v); });
  count(counts.compiled);
  return plan;
}

void run_piece(const Piece& piece, std::span<const Tensor> in, std::vector<Tensor>& out) {
  std::array<Tensor, 8> few;
  std::vector<Tensor> many;
  bool plain = true;
  for (size_t i = 0; i < in.size(); ++i)
    plain = plain && (!in[i].defined() || !piece.reads(i) || in[i].is_contiguous());
  if (plain) return piece.run(in, out, threads());
  many.assign(in.begin(), in.end());
  for (size_t i = 0; i < many.size(); ++i)
    if (many[i].defined() && piece.reads(i)) many[i] = many[i].contiguous();
  piece.run(many, out, threads());
}

/// How a product says that it reads an operand the other way round; null: it is none.
struct Turning {
  std::string_view a, b;
};
const Turning* turning_of(const OpDef& op) {
  static const OpDef *matmul = &find_op("matmul"), *gemm = &find_op("gemm");
  static const Turning of_matmul{"transpose_a", "transpose_b"}, of_gemm{"transA", "transB"};
  return &op == matmul ? &of_matmul : &op == gemm ? &of_gemm : nullptr;
}

/// Operands that are transposed views are read as they lie: a copy would often cost more than the product.
bool turn(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, std::vector<Tensor>& as_they_lie,
          Attrs& turned) {
  const Turning* names = turning_of(op);
  if (!names) return false;
  bool any = false;
  for (size_t i = 0; i < 2; ++i) {
    if (in[i].rank() < 2 || in[i].is_contiguous()) continue;
    std::vector<int64_t> axes(size_t(in[i].rank()));
    std::iota(axes.begin(), axes.end(), 0);
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    const Tensor t = in[i].transpose(axes);
    // Where it must be copied anyhow, rows are copied as they lie.
    if (!t.is_contiguous() && (t.strides().back() != 1 || in[i].strides().back() == 1)) continue;
    if (!any) as_they_lie.assign(in.begin(), in.end()), turned = attrs;
    any = true;
    as_they_lie[i] = t;
    const std::string_view name = i ? names->b : names->a;
    turned = turned.with({{std::string(name), !attrs.get_bool(name)}});
  }
  return any;
}

}  // namespace

int threads() { return deterministic.load(std::memory_order_relaxed) ? deterministic_parts : thread_setting(); }

// Kept where copies, which are below this layer, read it too.
int thread_setting() { return copy_threads(); }
void set_threads(int n) {
  if (n < 1) fail(ErrorCode::invalid_argument, "set_threads: ", n, " (1 or more)");
  set_copy_threads(n);
  if (is_deterministic()) limit_threads(n);
}

bool is_deterministic() { return deterministic.load(std::memory_order_relaxed); }
void set_deterministic(bool on) {
  if (deterministic.exchange(on) == on) return;
  table().clear();  // kernels are chosen for a number of threads
  limit_threads(on ? thread_setting() : 0);
}

ExecuteCounts execute_counts() {
  return {counts.small, counts.views, counts.pieces, counts.references, counts.compiled};
}

void execute(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, std::vector<Tensor>& out) {
  [[maybe_unused]] static const bool keeps = (keep_blocks(size_t(4) << 30), true);
  if (op.scalar) {
    Tensor y;
    if (run_small(op, attrs, in, y)) {
      out.clear();
      out.push_back(std::move(y));
      return count(counts.small);
    }
  }
  if (make_view(op, attrs, in, out)) return count(counts.views);
  std::vector<Tensor> as_they_lie;
  Attrs turned;
  if (turn(op, attrs, in, as_they_lie, turned)) return execute(op, turned, as_they_lie, out);
  OpFacts& facts = facts_of(op);
  // Nothing to compute, or nothing faster: the definition.
  if (facts.way == Way::reference || op.info.random || op.info.regions || has_empty(in)) {
    count(counts.references);
    std::vector<Tensor> contiguous;
    for (const Tensor& t : in) contiguous.push_back(t.defined() ? t.contiguous() : Tensor{});
    out = evaluate(op, attrs, contiguous, threads());
    return;
  }
  for (int attempt = 0;; ++attempt) {
    const uint64_t content = facts.content.load(std::memory_order_relaxed);
    Pattern pattern(facts.way == Way::symbols && attempt == 0);
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i].defined())
        pattern.add(in[i], (content >> i & 1) && may_be_content(in[i]));
      else
        pattern.absent();
    }
    const Pattern types = pattern;
    const Key key = make_key(op, attrs, std::move(pattern).words());
    std::shared_ptr<const Plan> plan = table().find(key);
    if (!plan) {
      const uint64_t reads = content_reads(op, attrs, in);  // also: the errors of the type rule, with plain sizes
      if (reads & ~content) {
        facts.content.fetch_or(reads);
        --attempt;
        continue;
      }
      try {
        plan = compile_plan(op, attrs, in, types, content);
      } catch (const Error&) {
        if (facts.way == Way::symbols && attempt == 0) {  // not for all sizes: for these
          table().put(key, std::make_shared<Plan>());
          continue;
        }
        plan = std::make_shared<Plan>();
      }
      table().put(key, plan);
    }
    if (!plan->piece && facts.way == Way::symbols && attempt == 0) continue;
    if (!plan->piece) {
      count(counts.references);
      std::vector<Tensor> contiguous;
      for (const Tensor& t : in) contiguous.push_back(t.defined() ? t.contiguous() : Tensor{});
      out = evaluate(op, attrs, contiguous, threads());
      return;
    }
    count(counts.pieces);
    return run_piece(*plan->piece, in, out);
  }
}

Tensor execute1(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Tensor> out;
  execute(op, attrs, in, out);
  check(out.size() == 1, op.info.name, ": ", out.size(), " results where one was expected");
  return std::move(out[0]);
}

namespace {

std::shared_ptr<const Piece> compile_gradient(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                                              std::span<const Tensor> out, uint64_t needs, uint64_t given,
                                              const Pattern& pattern) {
  std::vector<Parameter> parameters;
  auto add = [&](const Tensor& t, bool present, bool content = false) {
    Parameter p;
    p.absent = !present || !t.defined();
    if (!p.absent) p.type = pattern.type(t);
    if (!p.absent && content && may_be_content(t)) {
      p.type = type_of(t);
      p.content = t.clone();
    }
    parameters.push_back(std::move(p));
  };
  const uint64_t content = facts_of(op).content.load(std::memory_order_relaxed);
  for (size_t i = 0; i < in.size(); ++i) add(in[i], true, content >> i & 1);
  for (const Tensor& t : out) add(t, true);
  for (size_t k = 0; k < out.size(); ++k) add(out[k], given >> k & 1);
  std::vector<char> needed(in.size());
  for (size_t i = 0; i < in.size(); ++i) needed[i] = needs >> i & 1;
  static_assert(sizeof(bool) == sizeof(char));
  auto piece =
      piece_compiler().compile(parameters, pattern.sizes(), [&](Builder& b, std::span<const Value> v) -> Values {
        const auto x = v.subspan(0, in.size()), y = v.subspan(in.size(), out.size()),
                   dy = v.subspan(in.size() + out.size());
        Values d =
            gradient_of(op, attrs, Gradient{b, x, y, dy, {reinterpret_cast<const bool*>(needed.data()), in.size()}});
        d.resize(in.size());
        for (size_t i = 0; i < in.size(); ++i)
          if (!needed[i]) d[i] = {};
        return d;
      });
  count(counts.compiled);
  return piece;
}

}  // namespace

bool recorded_whole(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  // The ranks and attributes decide; the sizes stay out of the key.
  static std::shared_mutex mutex;
  static std::unordered_map<Key, bool, KeyHash> known;
  std::vector<int64_t> ranks;
  for (const Tensor& t : in) ranks.push_back(t.defined() ? t.rank() : -1);
  const Key key = make_key(op, attrs, std::move(ranks));
  {
    std::shared_lock lock(mutex);
    const auto it = known.find(key);
    if (it != known.end()) return it->second;
  }
  std::vector<Parameter> operands;
  for (const Tensor& t : in) {
    Parameter p;
    p.absent = !t.defined();
    if (!p.absent) p.type = type_of(t);
    if (!p.absent && may_be_content(t)) p.content = t.clone();
    operands.push_back(std::move(p));
  }
  const bool light = piece_compiler().is_light(op, attrs, operands);
  std::unique_lock lock(mutex);
  if (known.size() > 4096) known.clear();
  known[key] = light;
  return light;
}

GradientPiece gradient_piece(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                             std::span<const Tensor> out, uint64_t needs, uint64_t given) {
  if (!op.grad && !op.lower) return {};
  OpFacts& facts = facts_of(op);
  const bool symbols = facts.way != Way::sizes && !has_empty(in) && !has_empty(out);
  for (bool symbolic : {true, false}) {
    if (symbolic && !symbols) continue;
    Pattern pattern(symbolic);
    const uint64_t content = facts.content.load(std::memory_order_relaxed);
    for (size_t i = 0; i < in.size() + out.size(); ++i) {
      const Tensor& t = i < in.size() ? in[i] : out[i - in.size()];
      if (t.defined())
        pattern.add(t, i < in.size() && (content >> i & 1) && may_be_content(t));
      else
        pattern.absent();
    }
    const Pattern types = pattern;
    if (types.overflow()) continue;
    const Key key = make_key(op, attrs, std::move(pattern).words(), needs, given | uint64_t(1) << 63);
    std::shared_ptr<const Plan> plan = table().find(key);
    if (!plan) {
      auto made = std::make_shared<Plan>();
      try {
        made->piece = compile_gradient(op, attrs, in, out, needs, given, types);
      } catch (const Error&) {
        if (!symbolic) throw;
      }
      plan = made;
      table().put(key, plan);
    }
    if (plan->piece) return {plan->piece, in.size(), out.size()};
  }
  return {};
}

}  // namespace neve::eager
