// The interned table of Dims, and polynomial arithmetic on it.
#include "core/dim.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "base/error.h"
#include "core/dim_internal.h"

namespace neve {
namespace {

constexpr size_t max_terms = 256, max_factors = 64;
constexpr uint32_t max_size = 20000;  // of the text: shared parts would make it exponential
constexpr uint32_t max_depth = 1000;  // printing and evaluating recurse

constexpr uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15ull;
  return h ^ (h >> 29);
}

/// Entries in chunks that are made once and never move: reading needs no lock.
class Table {
 public:
  static Table& instance() {
    static Table* table = new Table;  // never destroyed: Dims in static objects may outlive it otherwise
    return *table;
  }

  const DimNode& at(uint32_t i) const {
    return chunks_[i >> chunk_bits].load(std::memory_order_acquire)[i & chunk_mask];
  }

  uint32_t intern(DimNode&& n) {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(n); found != index_.end()) return *found;
    if (count_ == max_nodes) fail(ErrorCode::out_of_memory, "dim: the table of size expressions is full");
    const uint32_t i = count_;
    std::atomic<DimNode*>& chunk = chunks_[i >> chunk_bits];
    if (!chunk.load(std::memory_order_relaxed)) chunk.store(new DimNode[chunk_mask + 1], std::memory_order_release);
    chunk.load(std::memory_order_relaxed)[i & chunk_mask] = std::move(n);
    index_.insert(i);
    ++count_;
    return i;
  }

 private:
  static constexpr uint32_t chunk_bits = 12, chunk_mask = (1u << chunk_bits) - 1, max_nodes = 1u << 28;

  struct Hash {
    using is_transparent = void;
    const Table* table;
    size_t operator()(uint32_t i) const { return table->at(i).hash; }
    size_t operator()(const DimNode& n) const { return n.hash; }
  };
  struct Same {
    using is_transparent = void;
    const Table* table;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const DimNode& b) const { return same(table->at(a), b); }
    bool operator()(const DimNode& a, uint32_t b) const { return same(a, table->at(b)); }
    static bool same(const DimNode& a, const DimNode& b) {
      return a.hash == b.hash && a.kind == b.kind && a.kind != DimKind::symbol && a.args == b.args &&
             std::equal(
                 a.terms.begin(), a.terms.end(), b.terms.begin(), b.terms.end(),
                 [](const Term& x, const Term& y) { return x.coefficient == y.coefficient && x.atoms == y.atoms; });
    }
  };

  std::array<std::atomic<DimNode*>, (max_nodes >> chunk_bits)> chunks_{};
  std::mutex mutex_;
  uint32_t count_ = 0;
  std::unordered_set<uint32_t, Hash, Same> index_{64, Hash{this}, Same{this}};
};

uint64_t hash_of(const DimNode& n) {
  uint64_t h = mix(0, uint64_t(n.kind));
  if (n.symbol) h = mix(h, n.symbol->id);
  for (Dim d : n.args) h = mix(h, d.hash());
  for (const Term& t : n.terms) {
    h = mix(h, uint64_t(t.coefficient));
    for (Dim d : t.atoms) h = mix(h, d.hash());
  }
  return h;
}

void measure(DimNode& n) {
  const auto count = [&](Dim d) {
    ++n.size;
    if (d.is_constant()) return;
    const DimNode& part = node_of(d);
    n.size += part.size;  // each part is at most max_size, and there are few enough parts
    n.depth = std::max(n.depth, part.depth + 1);
    if (n.size > max_size || n.depth > max_depth)
      fail(ErrorCode::unsupported, "dim: an expression of more than ", max_size, " parts or nested more than ",
           max_depth, " deep");
  };
  for (Dim d : n.args) count(d);
  for (const Term& t : n.terms) {
    if (t.atoms.size() > max_factors)
      fail(ErrorCode::unsupported, "dim: a product of ", t.atoms.size(), " factors (at most ", max_factors, ")");
    ++n.size;
    for (Dim d : t.atoms) count(d);
  }
}

int64_t divisor_of_node(const DimNode& n) {
  int64_t g = 0;
  switch (n.kind) {
    case DimKind::symbol:
      return n.symbol->divisor;
    case DimKind::poly:
      for (const Term& t : n.terms) g = std::gcd(g, divisor_of(t));
      return g;
    case DimKind::floordiv:
      return n.exact ? divisor_of(n.args[0]) / n.args[1].value() : 1;
    case DimKind::mod:
    case DimKind::min:
    case DimKind::max:
    case DimKind::broadcast:
      for (Dim d : n.args) g = std::gcd(g, divisor_of(d));
      return g == 0 ? 1 : g;
  }
  return 1;
}

void sort_atoms(Term& t) {
  std::sort(t.atoms.begin(), t.atoms.end(), [](Dim a, Dim b) { return compare(a, b) < 0; });
}

bool has_exact(const Poly& p) {
  for (const Term& t : p)
    for (Dim d : t.atoms)
      if (node_of(d).exact) return true;
  return false;
}

/// Merges neighbours with the same atoms and drops zeros.
void merge_sorted(Poly& p) {
  size_t kept = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (kept > 0 && p[kept - 1].atoms == p[i].atoms) {
      p[kept - 1].coefficient = checked_add(p[kept - 1].coefficient, p[i].coefficient);
      continue;
    }
    if (kept > 0 && p[kept - 1].coefficient == 0) --kept;
    if (kept != i) p[kept] = std::move(p[i]);
    ++kept;
  }
  if (kept > 0 && p[kept - 1].coefficient == 0) --kept;
  p.resize(kept);
}

}  // namespace

const DimNode& DimTable::node(Dim d) { return Table::instance().at(uint32_t(uint64_t(d.rep_))); }

Dim DimTable::intern(DimNode&& n) {
  measure(n);
  n.hash = hash_of(n);
  if (n.kind == DimKind::floordiv && n.args[1].is_constant() && n.args[1].value() > 0)
    n.exact = divisor_of(n.args[0]) % n.args[1].value() == 0;
  n.divisor = divisor_of_node(n);
  if (n.kind == DimKind::poly)
    n.range = range_of(n.terms);
  else if (n.kind != DimKind::symbol)
    n.range = range_of_function(n.kind, n.args);
  Dim d;
  d.rep_ = INT64_MIN + int64_t(Table::instance().intern(std::move(n)));
  return d;
}

void fail_division(const char* what, int64_t a) {
  fail(ErrorCode::shape_mismatch, what, ": ", a, " divided by 0 (the divisor must not be 0)");
}
void fail_broadcast(int64_t a, int64_t b) {
  fail(ErrorCode::shape_mismatch, "broadcast: sizes ", a, " and ", b,
       " do not fit (they must be equal, or one of them 1)");
}
int64_t checked_add(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r) || r == INT64_MIN)
    fail(ErrorCode::invalid_argument, "dim: ", a, " + ", b, " does not fit 64 bits");
  return r;
}
int64_t checked_mul(int64_t a, int64_t b) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r) || r == INT64_MIN)
    fail(ErrorCode::invalid_argument, "dim: ", a, " * ", b, " does not fit 64 bits");
  return r;
}

int compare(Dim a, Dim b) {
  if (a == b) return 0;
  if (a.is_constant() || b.is_constant()) {
    if (a.is_constant() != b.is_constant()) return a.is_constant() ? 1 : -1;
    return a.value() < b.value() ? -1 : 1;
  }
  const DimNode &x = node_of(a), &y = node_of(b);
  if (x.kind != y.kind) return x.kind < y.kind ? -1 : 1;
  if (x.kind == DimKind::symbol) return x.symbol->id < y.symbol->id ? -1 : 1;
  for (size_t i = 0; i < x.args.size() && i < y.args.size(); ++i)
    if (const int c = compare(x.args[i], y.args[i])) return c;
  if (x.args.size() != y.args.size()) return x.args.size() < y.args.size() ? -1 : 1;
  for (size_t i = 0; i < x.terms.size() && i < y.terms.size(); ++i) {
    if (const int c = compare_atoms(x.terms[i].atoms, y.terms[i].atoms)) return c;
    if (x.terms[i].coefficient != y.terms[i].coefficient)
      return x.terms[i].coefficient < y.terms[i].coefficient ? -1 : 1;
  }
  return x.terms.size() < y.terms.size() ? -1 : 1;
}

int compare_atoms(const SmallVector<Dim, 4>& x, const SmallVector<Dim, 4>& y) {
  if (x.size() != y.size()) return x.size() > y.size() ? -1 : 1;
  for (size_t i = 0; i < x.size(); ++i)
    if (const int c = compare(x[i], y[i])) return c;
  return 0;
}

Poly poly_of(Dim d) {
  Poly p;
  if (d.is_constant()) {
    if (!d.is(0)) p.push_back({d.value(), {}});
  } else if (node_of(d).kind == DimKind::poly) {
    p = node_of(d).terms;
  } else {
    p.push_back({1, {d}});
  }
  return p;
}

void merge_terms(Poly& p) {
  std::sort(p.begin(), p.end(), [](const Term& a, const Term& b) { return compare_atoms(a.atoms, b.atoms) < 0; });
  merge_sorted(p);
}

std::optional<Term> exact_quotient(Term t, int64_t c) {
  const int64_t common = std::gcd(t.coefficient, c);
  t.coefficient /= common, c /= common;
  for (Dim& atom : t.atoms) {
    const int64_t g = std::gcd(c, divisor_of(atom));
    if (g <= 1) continue;
    const DimNode& n = node_of(atom);
    atom = n.exact ? function_of(DimKind::floordiv, {n.args[0], Dim(checked_mul(n.args[1].value(), g))})
                   : function_of(DimKind::floordiv, {atom, Dim(g)});
    c /= g;
  }
  if (c != 1) return std::nullopt;
  sort_atoms(t);
  return t;
}

namespace {

/// Terms with quotients that leave no remainder, merged as fractions: with 4 | n, n - 2*floordiv(n, 4) is 2*floordiv(n,
/// 4).
void merge_exact(Poly& p) {
  struct Fraction {
    Term term;  // without exact quotients
    int64_t denominator = 1;
  };
  std::vector<Fraction> sum;
  for (Term& t : p) {
    Fraction f{std::move(t)};
    for (Dim& atom : f.term.atoms) {
      const DimNode& n = node_of(atom);
      if (!n.exact) continue;
      f.denominator = checked_mul(f.denominator, n.args[1].value());
      atom = n.args[0];
    }
    sort_atoms(f.term);
    const auto like =
        std::find_if(sum.begin(), sum.end(), [&](const Fraction& o) { return o.term.atoms == f.term.atoms; });
    if (like == sum.end()) {
      sum.push_back(std::move(f));
      continue;
    }
    const int64_t g = std::gcd(like->denominator, f.denominator);
    like->term.coefficient = checked_add(checked_mul(like->term.coefficient, f.denominator / g),
                                         checked_mul(f.term.coefficient, like->denominator / g));
    like->denominator = checked_mul(like->denominator / g, f.denominator);
  }
  p.clear();
  for (Fraction& f : sum) {
    if (f.term.coefficient == 0) continue;
    auto whole = exact_quotient(std::move(f.term), f.denominator);
    check(whole.has_value(), "dim: a quotient that was exact is not");
    p.push_back(std::move(*whole));
  }
  merge_terms(p);
}

}  // namespace

void normalize(Poly& p) {
  merge_terms(p);
  if (has_exact(p)) merge_exact(p);
  if (p.size() > max_terms)
    fail(ErrorCode::unsupported, "dim: a sum of ", p.size(), " terms (at most ", max_terms, ")");
}

Dim dim_of(Poly p) {
  normalize(p);
  if (p.empty()) return 0;
  if (p.size() == 1 && p[0].atoms.empty()) {
    return p[0].coefficient;
  }
  if (p.size() == 1 && p[0].coefficient == 1 && p[0].atoms.size() == 1) return p[0].atoms[0];
  DimNode n;
  n.kind = DimKind::poly;
  n.terms = std::move(p);
  return DimTable::intern(std::move(n));
}

Poly multiply(const Poly& a, const Poly& b) {
  Poly p;
  if (a.size() * b.size() > 64 * max_terms)
    fail(ErrorCode::unsupported, "dim: a product of ", a.size(), " and ", b.size(), " terms");
  p.reserve(a.size() * b.size());
  for (const Term& x : a) {
    for (const Term& y : b) {
      Term t{checked_mul(x.coefficient, y.coefficient), x.atoms};
      t.atoms.append(y.atoms.begin(), y.atoms.end());
      if (!x.atoms.empty() && !y.atoms.empty()) sort_atoms(t);
      p.push_back(std::move(t));
    }
  }
  normalize(p);
  return p;
}

void add_scaled(Poly& to, const Poly& p, int64_t factor) {
  for (const Term& t : p) to.push_back({checked_mul(t.coefficient, factor), t.atoms});
}

Dim function_of(DimKind kind, SmallVector<Dim, 2> args) {
  DimNode n;
  n.kind = kind;
  n.args = std::move(args);
  return DimTable::intern(std::move(n));
}

int64_t divisor_of(Dim d) {
  if (!d.is_constant()) return node_of(d).divisor;
  return d.value() < 0 ? -d.value() : d.value();
}

int64_t divisor_of(const Term& t) {
  int64_t product = t.coefficient < 0 ? -t.coefficient : t.coefficient;
  for (Dim d : t.atoms) {
    int64_t next;
    if (__builtin_mul_overflow(product, divisor_of(d), &next)) break;  // a divisor of the divisor
    product = next;
  }
  return product;
}

namespace {
struct MemoEntry {
  uint64_t op = ~uint64_t(0);
  int64_t a = 0, b = 0;
  Dim out;
};
thread_local std::array<MemoEntry, 256> memo;

MemoEntry& memo_slot(DimOp op, Dim a, Dim b) {
  const uint64_t h = mix(mix(uint64_t(op), a.hash()), b.hash());
  return memo[(h >> 32) % memo.size()];
}
}  // namespace

bool DimMemo::find(DimOp op, Dim a, Dim b, Dim& out) {
  const MemoEntry& e = memo_slot(op, a, b);
  if (e.op != uint64_t(op) || e.a != a.rep() || e.b != b.rep()) return false;
  out = e.out;
  return true;
}
void DimMemo::put(DimOp op, Dim a, Dim b, Dim out) { memo_slot(op, a, b) = {uint64_t(op), a.rep(), b.rep(), out}; }

Dim Dim::symbol(std::string name, int64_t lo, int64_t hi, int64_t divisor, std::string origin) {
  static std::atomic<uint32_t> next{0};
  if (divisor < 1) fail(ErrorCode::invalid_argument, "dim: symbol '", name, "' has divisor ", divisor, " (at least 1)");
  Interval range{-Interval::infinite, Interval::infinite};
  if (lo > -unbounded) range.lo = checked_mul(-floor_div(-lo, divisor), divisor);
  if (hi < unbounded) range.hi = checked_mul(floor_div(hi, divisor), divisor);
  if (lo > hi || range.lo > range.hi)
    fail(ErrorCode::invalid_argument, "dim: symbol '", name, "' has no value: no multiple of ", divisor, " in ", lo,
         "..", hi);
  DimNode n;
  const uint32_t id = next.fetch_add(1);
  if (name.empty()) name = str("s", id);
  n.symbol = std::make_unique<const Symbol>(Symbol{id, std::move(name), lo, hi, divisor, std::move(origin)});
  n.range = range;
  return DimTable::intern(std::move(n));
}

bool Dim::is_symbol() const { return !is_constant() && node_of(*this).kind == DimKind::symbol; }

const Symbol& Dim::as_symbol() const {
  check(is_symbol(), "dim: ", to_string(*this), " is not a symbol");
  return *node_of(*this).symbol;
}

void Dim::fail_value() const { fail(ErrorCode::internal, "internal: dim: ", to_string(*this), " is not a constant"); }

int64_t Dim::fail_constant(int64_t v) { fail(ErrorCode::invalid_argument, "dim: ", v, " is too small for a size"); }

Dim Dim::add(Dim a, Dim b) {
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  Dim r;
  if (DimMemo::find(DimOp::add, a, b, r)) return r;
  Poly p = poly_of(a);
  add_scaled(p, poly_of(b), 1);
  r = dim_of(std::move(p));
  DimMemo::put(DimOp::add, a, b, r);
  return r;
}

Dim Dim::subtract(Dim a, Dim b) {
  if (b.is(0)) return a;
  if (a == b) return 0;
  Dim r;
  if (DimMemo::find(DimOp::sub, a, b, r)) return r;
  Poly p = poly_of(a);
  add_scaled(p, poly_of(b), -1);
  r = dim_of(std::move(p));
  DimMemo::put(DimOp::sub, a, b, r);
  return r;
}

Dim Dim::multiply(Dim a, Dim b) {
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  if (a.is(0) || b.is(0)) return 0;
  Dim r;
  if (DimMemo::find(DimOp::mul, a, b, r)) return r;
  r = dim_of(neve::multiply(poly_of(a), poly_of(b)));
  DimMemo::put(DimOp::mul, a, b, r);
  return r;
}

Dim element_count(const Shape& s) {
  Dim n = 1;
  for (Dim d : s) n *= d;
  return n;
}

bool is_constant(const Shape& s) {
  return std::all_of(s.begin(), s.end(), [](Dim d) { return d.is_constant(); });
}

}  // namespace neve
