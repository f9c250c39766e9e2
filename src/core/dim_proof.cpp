// Bounds and proofs about Dims, by interval arithmetic on canonical differences.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "core/dim.h"
#include "core/dim_internal.h"

namespace neve {
namespace {

constexpr int64_t inf = Interval::infinite;

int64_t saturate(int128 v) { return v >= inf ? inf : v <= -inf ? -inf : int64_t(v); }

/// Product of two bounds; a bound of 0 wins, as infinite stands for any large finite value.
int64_t bound_product(int64_t a, int64_t b) { return saturate(int128(a) * b); }

/// floor(a / b) of finite a and a bound b >= 1.
int64_t bound_quotient(int64_t a, int64_t b) {
  if (b == inf) return a < 0 ? -1 : 0;
  return floor_div(a, b);
}

Interval negate(Interval a) { return {-a.hi, -a.lo}; }

Interval range_of_floordiv(Interval a, Interval b) {
  if (b.hi < 0) return range_of_floordiv(negate(a), negate(b));
  if (b.lo < 0) {  // either sign: no larger in size than a
    const int64_t m = std::max(std::max(a.hi, -a.hi), std::max(a.lo, -a.lo));
    return {-m, m};
  }
  b.lo = std::max<int64_t>(b.lo, 1);  // 0 has no value
  if (b.hi < b.lo) return {};
  Interval r;
  if (a.lo > -inf) r.lo = bound_quotient(a.lo, a.lo >= 0 ? b.hi : b.lo);
  if (a.hi < inf) r.hi = bound_quotient(a.hi, a.hi >= 0 ? b.lo : b.hi);
  return r;
}

Interval range_of_mod(Interval a, Interval b) {
  Interval r{0, 0};
  if (b.hi > 0) r.hi = b.hi == inf ? inf : b.hi - 1;
  if (b.lo < 0) r.lo = b.lo == -inf ? -inf : b.lo + 1;
  if (b.lo == 0 && b.hi == 0) return {};
  if (b.lo >= 0 && a.lo >= 0) r.hi = std::min(r.hi, a.hi);
  if (b.hi <= 0 && a.hi <= 0) r.lo = std::max(r.lo, a.lo);
  return r;
}

}  // namespace

// -infinite as a lower bound and infinite as an upper one mean "no bound" and stay. A lower bound of +infinite is the
// number 2^62, which is sound, if not tight, for anything above; so is an upper bound of -infinite.
Interval add(Interval a, Interval b) {
  Interval r;
  r.lo = a.lo == -inf || b.lo == -inf ? -inf : saturate(int128(a.lo) + b.lo);
  r.hi = a.hi == inf || b.hi == inf ? inf : saturate(int128(a.hi) + b.hi);
  return r;
}

Interval multiply(Interval a, Interval b) {
  const int64_t c[] = {bound_product(a.lo, b.lo), bound_product(a.lo, b.hi), bound_product(a.hi, b.lo),
                       bound_product(a.hi, b.hi)};
  return {*std::min_element(c, c + 4), *std::max_element(c, c + 4)};
}

Interval range_of(Dim d) {
  if (!d.is_constant()) return node_of(d).range;
  return {saturate(d.value()), saturate(d.value())};
}

Interval range_of(const Poly& p) {
  Interval sum{0, 0};
  for (const Term& t : p) {
    Interval product{saturate(t.coefficient), saturate(t.coefficient)};
    for (Dim d : t.atoms) product = multiply(product, range_of(d));
    sum = add(sum, product);
  }
  return sum;
}

Interval range_of_function(DimKind kind, const SmallVector<Dim, 2>& args) {
  Interval r = range_of(args[0]);
  if (kind == DimKind::floordiv) return range_of_floordiv(r, range_of(args[1]));
  if (kind == DimKind::mod) return range_of_mod(r, range_of(args[1]));
  for (Dim d : args) {
    const Interval x = range_of(d);
    r.lo = kind == DimKind::max ? std::max(r.lo, x.lo) : std::min(r.lo, x.lo);
    r.hi = kind == DimKind::min ? std::min(r.hi, x.hi) : std::max(r.hi, x.hi);
  }
  return r;
}

namespace {

Poly without(const Poly& p, const SmallVector<Dim, 4>& atoms) {
  Poly out = p;
  for (Term& t : out)
    for (Dim d : atoms) t.atoms.erase(std::find(t.atoms.begin(), t.atoms.end(), d));
  normalize(out);
  return out;
}

SmallVector<Dim, 4> common_atoms(const Poly& p) {
  SmallVector<Dim, 4> common = p[0].atoms;
  for (const Term& t : p) {
    SmallVector<Dim, 4> both, left = t.atoms;
    for (Dim d : common) {
      const auto at = std::find(left.begin(), left.end(), d);
      if (at == left.end()) continue;
      both.push_back(d);
      left.erase(at);
    }
    common = both;
  }
  return common;
}

/// Bounds of p after replacing each atom by its lower bound plus something not negative: n*m - n is not negative where
/// m >= 1.
Interval shifted_range(const Poly& p) {
  Poly shifted;
  for (const Term& t : p) {
    Poly product{{t.coefficient, {}}};
    for (Dim d : t.atoms) {
      const int64_t lo = range_of(d).lo;
      if (lo == -inf || product.size() > 64) return {};
      for (size_t i = 0, n = product.size(); i < n; ++i) {
        if (lo != 0) product.push_back({checked_mul(product[i].coefficient, lo), product[i].atoms});
        product[i].atoms.push_back(d);  // t.atoms is sorted, so these are
      }
    }
    shifted.insert(shifted.end(), product.begin(), product.end());
  }
  merge_terms(shifted);
  Interval sum{0, 0};
  for (const Term& t : shifted) {
    Interval product{saturate(t.coefficient), saturate(t.coefficient)};
    for (Dim d : t.atoms) {
      const Interval r = range_of(d);
      product = multiply(product, {0, r.hi == inf ? inf : saturate(int128(r.hi) - r.lo)});
    }
    sum = add(sum, product);
  }
  return sum;
}

/// p = factor * atom + rest, where the atom is in no term twice.
struct Linear {
  Poly factor, rest;
};
bool linear_in(const Poly& p, Dim atom, Linear& out) {
  for (const Term& t : p) {
    const auto n = std::count(t.atoms.begin(), t.atoms.end(), atom);
    if (n > 1) return false;
    (n ? out.factor : out.rest).push_back(t);
  }
  out.factor = without(out.factor, {atom});
  return true;
}

/// Is p >= 0? Intervals first; then functions in p are replaced by what bounds them, a few levels deep.
class Prover {
 public:
  Proof not_negative(const Poly& p, int depth = 4) {
    const Interval r = range_of(p);
    if (r.lo >= 0) return Proof::yes;
    if (r.hi < 0) return Proof::no;
    if (depth == 0 || (budget_ -= int(p.size())) < 0) return Proof::unknown;
    const SmallVector<Dim, 4> common = common_atoms(p);
    if (!common.empty()) {
      const Interval g = range_of(Poly{{1, common}});
      if (g.lo >= 0) {
        const Proof rest = not_negative(without(p, common), depth);
        if (g.lo > 0 || rest == Proof::yes) return rest;
      }
    }
    if (p[0].atoms.size() > 1) {
      const Interval tight = shifted_range(p);
      if (tight.lo >= 0) return Proof::yes;
      if (tight.hi < 0) return Proof::no;
    }
    return by_functions(p, depth);
  }

 private:
  Proof by_functions(const Poly& p, int depth) {
    std::vector<Dim> seen;
    for (const Term& t : p) {
      for (Dim atom : t.atoms) {
        if (node_of(atom).kind == DimKind::symbol || std::find(seen.begin(), seen.end(), atom) != seen.end()) continue;
        seen.push_back(atom);
        Linear l;
        if (!linear_in(p, atom, l)) continue;
        if (const Proof r = without_atom(l, node_of(atom), depth - 1); r != Proof::unknown) return r;
      }
    }
    return Proof::unknown;
  }

  Proof without_atom(const Linear& l, const DimNode& n, int depth) {
    if (n.kind == DimKind::floordiv) return without_floordiv(l, n, depth);
    if (n.kind == DimKind::mod) return without_mod(l, n, depth);
    return without_choice(l, n, depth);
  }

  static Poly combine(const Poly& a, const Poly& b, const Poly& c, const Poly& d) {  // a*b + c*d
    Poly p = multiply(a, b);
    add_scaled(p, multiply(c, d), 1);
    normalize(p);
    return p;
  }

  /// min, max and broadcast are one of their operands.
  Proof without_choice(const Linear& l, const DimNode& n, int depth) {
    const Interval sign = range_of(l.factor);
    const bool up = sign.lo >= 0, down = sign.hi <= 0;
    const bool any_yes = (n.kind == DimKind::max && up) || (n.kind == DimKind::min && down);
    const bool any_no = (n.kind == DimKind::max && down) || (n.kind == DimKind::min && up);
    bool all_yes = true, all_no = true;
    for (Dim d : n.args) {
      const Proof r = not_negative(combine(l.factor, poly_of(d), {{1, {}}}, l.rest), depth);
      if ((r == Proof::yes && any_yes) || (r == Proof::no && any_no)) return r;
      all_yes &= r == Proof::yes;
      all_no &= r == Proof::no;
    }
    return all_yes ? Proof::yes : all_no ? Proof::no : Proof::unknown;
  }

  /// x - b + 1 <= b * floordiv(x, b) <= x for b >= 1.
  Proof without_floordiv(const Linear& l, const DimNode& n, int depth) {
    const Dim x = n.args[0], b = n.args[1];
    const Interval sign = range_of(l.factor);
    if (range_of(b).lo < 1 || (sign.lo < 0 && sign.hi > 0 && !n.exact)) return Proof::unknown;
    const Poly high = combine(l.factor, poly_of(x), poly_of(b), l.rest);
    if (n.exact) return not_negative(high, depth);
    const Poly low = combine(l.factor, poly_of(x - b + 1), poly_of(b), l.rest);
    const bool up = sign.lo >= 0;
    if (not_negative(up ? low : high, depth) == Proof::yes) return Proof::yes;
    return not_negative(up ? high : low, depth) == Proof::no ? Proof::no : Proof::unknown;
  }

  /// mod(x, b) = x - b*floordiv(x, b), at most x where x >= 0.
  Proof without_mod(const Linear& l, const DimNode& n, int depth) {
    const Dim x = n.args[0], b = n.args[1];
    if (range_of(b).lo < 1) return Proof::unknown;
    const Interval sign = range_of(l.factor);
    if (range_of(x).lo >= 0) {
      const Proof r = not_negative(combine(l.factor, poly_of(x), {{1, {}}}, l.rest), depth);
      if ((r == Proof::yes && sign.hi <= 0) || (r == Proof::no && sign.lo >= 0)) return r;
    }
    return not_negative(combine(l.factor, poly_of(x - b * floordiv(x, b)), {{1, {}}}, l.rest), depth);
  }

  int budget_ = 200;  // terms looked at: a proof costs microseconds, not more
};

Poly scaled(const Poly& p, int64_t factor, int64_t offset) {
  Poly out;
  add_scaled(out, p, factor);
  if (offset != 0) out.push_back({offset, {}});
  normalize(out);
  return out;
}

/// No value of the other terms, which are multiples of g, makes the sum 0.
bool never_zero_modulo(const Poly& p) {
  int64_t g = 0, constant = 0;
  for (const Term& t : p) {
    if (t.atoms.empty())
      constant = t.coefficient;
    else
      g = std::gcd(g, divisor_of(t));
  }
  return g != 0 && constant % g != 0;
}

Proof equal_to_zero(const Poly& p) {
  if (never_zero_modulo(p)) return Proof::no;
  const Proof up = Prover().not_negative(p), down = Prover().not_negative(scaled(p, -1, 0));
  if (up == Proof::no || down == Proof::no) return Proof::no;
  if (up == Proof::yes && down == Proof::yes) return Proof::yes;
  if (Prover().not_negative(scaled(p, 1, -1)) == Proof::yes) return Proof::no;
  if (Prover().not_negative(scaled(p, -1, -1)) == Proof::yes) return Proof::no;
  return Proof::unknown;
}

Poly difference(Dim a, Dim b) {
  Poly p = poly_of(a);
  add_scaled(p, poly_of(b), -1);
  normalize(p);
  return p;
}

/// What needs numbers beyond 64 bits to decide is not known.
template <class F>
Proof guarded(DimOp op, Dim a, Dim b, F&& f) {
  Dim kept;
  if (DimMemo::find(op, a, b, kept)) return Proof(kept.value());
  Proof r = Proof::unknown;
  try {
    r = f();
  } catch (const Error&) {
  }
  DimMemo::put(op, a, b, int64_t(r));
  return r;
}

}  // namespace

Proof equal(Dim a, Dim b) {
  if (a == b) return Proof::yes;
  if (a.is_constant() && b.is_constant()) return Proof::no;
  return guarded(DimOp::equal, a, b, [&] { return equal_to_zero(difference(a, b)); });
}

Proof at_least(Dim a, Dim b) {
  if (a == b) return Proof::yes;
  if (a.is_constant() && b.is_constant()) return a.value() >= b.value() ? Proof::yes : Proof::no;
  return guarded(DimOp::at_least, a, b, [&] { return Prover().not_negative(difference(a, b)); });
}

Proof divides(int64_t d, Dim a) {
  if (d == 0) return equal(a, 0);
  if (a.is_constant()) return a.value() % d == 0 ? Proof::yes : Proof::no;
  return guarded(DimOp::divides, a, d, [&] { return equal(mod(a, d < 0 ? -d : d), 0); });
}

int64_t lower_bound(Dim d) { return std::clamp(range_of(d).lo, -Dim::unbounded, Dim::unbounded); }
int64_t upper_bound(Dim d) { return std::clamp(range_of(d).hi, -Dim::unbounded, Dim::unbounded); }

Proof prove(const Constraint& c) {
  switch (c.kind) {
    case Constraint::equal:
      return equal(c.a, c.b);
    case Constraint::at_least:
      return at_least(c.a, c.b);
    case Constraint::divides:
      return divides(c.b.value(), c.a);
    case Constraint::broadcastable: {
      const Proof proofs[] = {equal(c.a, c.b), equal(c.a, 1), equal(c.b, 1)};
      bool all_no = true;
      for (Proof p : proofs) {
        if (p == Proof::yes) return p;
        all_no &= p == Proof::no;
      }
      return all_no ? Proof::no : Proof::unknown;
    }
  }
  return Proof::unknown;
}

}  // namespace neve
