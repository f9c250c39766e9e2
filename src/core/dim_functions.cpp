// floordiv, ceildiv, mod, min, max and broadcast of Dims, simplified as far as can be proven.
#include <algorithm>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "core/dim.h"
#include "core/dim_internal.h"

namespace neve {
namespace {

bool proven_nonzero(Dim d) {
  const Interval r = range_of(d);
  return r.lo > 0 || r.hi < 0;
}
bool proven_positive(Dim d) { return range_of(d).lo > 0; }

/// p as `whole * c + rest + constant`, the coefficients of rest smaller than c in size and of the sign they had.
struct Split {
  Poly whole, rest;
  int64_t constant = 0;
};
Split split(const Poly& p, int64_t c) {
  Split s;
  for (const Term& t : p) {
    if (t.atoms.empty()) {
      s.constant = t.coefficient;
      continue;
    }
    const int64_t q = t.coefficient / c, r = t.coefficient % c;
    if (q != 0) s.whole.push_back({q, t.atoms});
    if (r == 0) continue;
    if (auto exact = exact_quotient({r, t.atoms}, c))
      s.whole.push_back(std::move(*exact));
    else
      s.rest.push_back({r, t.atoms});
  }
  return s;
}

Poly with_constant(Poly p, int64_t constant) {
  if (constant != 0) p.push_back({constant, {}});
  return p;
}

/// The b of an atom floordiv(x, b) with constant b > 0, else 0.
int64_t constant_divisor(Dim d) {
  if (d.is_constant()) return 0;
  const DimNode& n = node_of(d);
  return n.kind == DimKind::floordiv && n.args[1].is_constant() && n.args[1].value() > 0 ? n.args[1].value() : 0;
}

Dim floordiv_constant(Dim a, int64_t c) {
  if (c == 1) return a;
  Split s = split(poly_of(a), c);
  int64_t g = c;
  for (const Term& t : s.rest) g = std::gcd(g, t.coefficient);
  for (Term& t : s.rest) t.coefficient /= g;
  s.constant = floor_div(s.constant, g), c /= g;  // floor((g*x + k) / (g*c)) = floor((x + floor(k/g)) / c)
  s.whole.push_back({floor_div(s.constant, c), {}});
  s.constant = floor_mod(s.constant, c);
  if (s.rest.empty()) return dim_of(std::move(s.whole));
  int64_t sign = 1;
  if (s.rest[0].coefficient < 0) {  // floor(x / c) = -floor((-x + c - 1) / c)
    for (Term& t : s.rest) t.coefficient = -t.coefficient;
    s.constant = c - 1 - s.constant, sign = -1;
  }
  const Dim number = dim_of(with_constant(s.rest, s.constant));
  const Interval r = range_of(number);
  Dim quotient;
  int64_t product, offset;
  if (r.lo > -Interval::infinite && r.hi < Interval::infinite && floor_div(r.lo, c) == floor_div(r.hi, c)) {
    quotient = floor_div(r.lo, c);
  } else if (const int64_t b = s.rest.size() == 1 && s.rest[0].coefficient == 1 && s.rest[0].atoms.size() == 1
                                   ? constant_divisor(s.rest[0].atoms[0])
                                   : 0;
             b != 0 && !__builtin_mul_overflow(b, c, &product) && !__builtin_mul_overflow(b, s.constant, &offset) &&
             product < Dim::max_constant) {
    quotient = floordiv(node_of(s.rest[0].atoms[0]).args[0] + Dim(offset), product);  // floor((floor(x/b) + k) / c)
  } else {
    quotient = function_of(DimKind::floordiv, {number, Dim(c)});
  }
  add_scaled(s.whole, poly_of(quotient), sign);
  return dim_of(std::move(s.whole));
}

/// Factors that every term of both has: taken out of both; they are not 0 where b is not. Returns what was taken.
Term take_common(Poly& a, Poly& b) {
  Term common{0, b[0].atoms};
  for (const Poly* p : {&a, &b}) {
    for (const Term& t : *p) {
      common.coefficient = std::gcd(common.coefficient, t.coefficient);
      SmallVector<Dim, 4> both, left = t.atoms;
      for (Dim d : common.atoms) {
        const auto at = std::find(left.begin(), left.end(), d);
        if (at == left.end()) continue;
        both.push_back(d);
        left.erase(at);
      }
      common.atoms = both;
    }
  }
  for (Poly* p : {&a, &b}) {
    for (Term& t : *p) {
      t.coefficient /= common.coefficient;
      for (Dim d : common.atoms) t.atoms.erase(std::find(t.atoms.begin(), t.atoms.end(), d));
    }
    normalize(*p);
  }
  return common;
}

std::optional<Term> divide_term(const Term& a, const Term& b) {
  if (a.coefficient % b.coefficient != 0) return std::nullopt;
  Term q{a.coefficient / b.coefficient, a.atoms};
  for (Dim d : b.atoms) {
    const auto at = std::find(q.atoms.begin(), q.atoms.end(), d);
    if (at == q.atoms.end()) return std::nullopt;
    q.atoms.erase(at);
  }
  return q;
}

/// a = quotient * b + remainder by long division on leading terms.
struct Division {
  Poly quotient, remainder;
};
Division divide(Poly a, const Poly& b) {
  Division d;
  for (int steps = 0; !a.empty(); ++steps) {
    const auto q = steps < 64 ? divide_term(a[0], b[0]) : std::nullopt;
    if (!q) {
      d.remainder.push_back(a[0]);
      a.erase(a.begin());
      continue;
    }
    Poly product = multiply({*q}, b);
    d.quotient.push_back(*q);
    add_scaled(a, product, -1);
    normalize(a);
  }
  normalize(d.quotient);
  normalize(d.remainder);
  return d;
}

bool proven_remainder(Dim r, Dim b) { return range_of(r).lo >= 0 && proven(at_least(b, r + 1)); }

/// floordiv where b is no constant and never 0.
Dim floordiv_symbolic(Dim a, Dim b) {
  if (a == b) return 1;
  if (a.is(0)) return 0;
  Poly p = poly_of(a), q = poly_of(b);
  const Term common = take_common(p, q);
  if (common.coefficient != 1 || !common.atoms.empty()) return floordiv(dim_of(std::move(p)), dim_of(std::move(q)));
  if (range_of(b).hi < 0) return floordiv(-1 * a, -1 * b);
  Division d = divide(p, q);
  const Dim remainder = dim_of(d.remainder);
  if (proven_remainder(remainder, b)) return dim_of(std::move(d.quotient));
  if (q.size() == 1 && !d.quotient.empty()) return dim_of(std::move(d.quotient)) + floordiv(remainder, b);
  if (p[0].coefficient < 0) return -1 * floordiv(-1 * a - 1, b) - 1;  // floor(-x/b) = -floor((x-1)/b) - 1
  if (p.size() == 1 && p[0].coefficient == 1 && p[0].atoms.size() == 1) {
    const DimNode& n = node_of(a);
    if (n.kind == DimKind::floordiv && proven_positive(n.args[1])) return floordiv(n.args[0], n.args[1] * b);
  }
  return function_of(DimKind::floordiv, {a, b});
}

Dim mod_constant(Dim a, int64_t c) {
  if (c == 1) return 0;
  Split s = split(poly_of(a), c);
  Poly rest;
  bool again = false;
  for (Term& t : s.rest) {  // coefficients in (-c/2, c/2]
    int64_t k = floor_mod(t.coefficient, c);
    if (k > c / 2) k -= c;
    const DimNode* n = t.atoms.size() == 1 ? &node_of(t.atoms[0]) : nullptr;
    int64_t lost;
    if (n && n->kind == DimKind::mod && n->args[1].is_constant() &&
        !__builtin_mul_overflow(k, n->args[1].value(), &lost) && lost % c == 0) {
      add_scaled(rest, poly_of(n->args[0]), k);  // mod(x, b) is x less a multiple of b
      again = true;
    } else {
      rest.push_back({k, t.atoms});
    }
  }
  if (again) return mod(dim_of(with_constant(std::move(rest), s.constant)), c);
  int64_t g = c;
  for (const Term& t : rest) g = std::gcd(g, t.coefficient);
  const int64_t low = floor_mod(s.constant, g);  // mod(g*x + low, g*c) = g*mod(x, c) + low
  c /= g;
  s.constant = floor_mod(floor_div(s.constant, g), c);
  for (Term& t : rest) t.coefficient /= g;
  const Dim number = dim_of(with_constant(std::move(rest), s.constant));
  const Interval r = range_of(number);
  if (number.is_constant()) return g * floor_mod(number.value(), c) + low;
  if (r.lo > -Interval::infinite && r.hi < Interval::infinite && floor_div(r.lo, c) == floor_div(r.hi, c))
    return g * (number - floor_div(r.lo, c) * c) + low;
  return g * function_of(DimKind::mod, {number, Dim(c)}) + low;
}

/// mod where b is no constant and never 0.
Dim mod_symbolic(Dim a, Dim b) {
  if (a == b || a.is(0)) return 0;
  Poly p = poly_of(a), q = poly_of(b);
  const Term common = take_common(p, q);
  if (common.coefficient != 1 || !common.atoms.empty())
    return dim_of({common}) * mod(dim_of(std::move(p)), dim_of(std::move(q)));
  if (range_of(b).hi < 0) return -1 * mod(-1 * a, -1 * b);
  const Division d = divide(p, q);
  const Dim remainder = dim_of(d.remainder);
  if (proven_remainder(remainder, b)) return remainder;
  if (q.size() == 1 && !d.quotient.empty()) return mod(remainder, b);
  return function_of(DimKind::mod, {a, b});
}

/// The operands of nested uses of one associative function, sorted, without repeats.
SmallVector<Dim, 2> flatten(DimKind kind, Dim a, Dim b) {
  SmallVector<Dim, 2> args;
  for (Dim d : {a, b}) {
    if (!d.is_constant() && node_of(d).kind == kind)
      args.append(node_of(d).args.begin(), node_of(d).args.end());
    else
      args.push_back(d);
  }
  std::sort(args.begin(), args.end(), [](Dim x, Dim y) { return compare(x, y) < 0; });
  args.resize(size_t(std::unique(args.begin(), args.end()) - args.begin()));
  return args;
}

/// min or max: operands that another one always covers go.
Dim extreme(DimKind kind, Dim a, Dim b) {
  SmallVector<Dim, 2> args = flatten(kind, a, b);
  for (size_t i = 0; i < args.size();) {
    bool covered = false;
    for (size_t j = 0; j < args.size() && !covered; ++j)
      covered = i != j && proven(kind == DimKind::max ? at_least(args[j], args[i]) : at_least(args[i], args[j]));
    if (covered)
      args.erase(args.begin() + i);
    else
      ++i;
  }
  return args.size() == 1 ? args[0] : function_of(kind, std::move(args));
}

Dim broadcast_symbolic(Dim a, Dim b) {
  SmallVector<Dim, 2> args = flatten(DimKind::broadcast, a, b);
  std::optional<Dim> constant, never_one;
  SmallVector<Dim, 2> kept;
  for (Dim d : args) {
    const Proof one = equal(d, 1);
    if (one == Proof::yes) continue;
    if (d.is_constant()) {
      if (constant) fail_broadcast(constant->value(), d.value());
      constant = d;
    } else if (one == Proof::no && !never_one) {
      never_one = d;
    }
    kept.push_back(d);
  }
  if (constant) return *constant;
  if (never_one) return *never_one;
  if (kept.empty()) return 1;
  return kept.size() == 1 ? kept[0] : function_of(DimKind::broadcast, std::move(kept));
}

template <class F>
Dim remembered(DimOp op, Dim a, Dim b, F&& make) {
  Dim r;
  if (DimMemo::find(op, a, b, r)) return r;
  r = make();
  DimMemo::put(op, a, b, r);
  return r;
}

}  // namespace

Dim floordiv(Dim a, Dim b) {
  if (b.is_constant()) {
    if (a.is_constant()) {
      if (b.is(0)) fail_division("floordiv", a.value());
      return floor_div(a.value(), b.value());
    }
    if (b.value() < 0) return floordiv(-1 * a, -b.value());
  }
  return remembered(DimOp::floordiv, a, b, [&] {
    if (b.is_constant() && !b.is(0)) return floordiv_constant(a, b.value());
    return proven_nonzero(b) ? floordiv_symbolic(a, b) : function_of(DimKind::floordiv, {a, b});
  });
}

Dim ceildiv(Dim a, Dim b) {
  if (a.is_constant() && b.is(0)) fail_division("ceildiv", a.value());
  return -1 * floordiv(-1 * a, b);
}

Dim mod(Dim a, Dim b) {
  if (b.is_constant()) {
    if (a.is_constant()) {
      if (b.is(0)) fail_division("mod", a.value());
      return floor_mod(a.value(), b.value());
    }
    if (b.value() < 0) return -1 * mod(-1 * a, -b.value());
  }
  return remembered(DimOp::mod, a, b, [&] {
    if (b.is_constant() && !b.is(0)) return mod_constant(a, b.value());
    return proven_nonzero(b) ? mod_symbolic(a, b) : function_of(DimKind::mod, {a, b});
  });
}

Dim min(Dim a, Dim b) {
  if (a == b) return a;
  if (a.is_constant() && b.is_constant()) return std::min(a.value(), b.value());
  return remembered(DimOp::min, a, b, [&] { return extreme(DimKind::min, a, b); });
}

Dim max(Dim a, Dim b) {
  if (a == b) return a;
  if (a.is_constant() && b.is_constant()) return std::max(a.value(), b.value());
  return remembered(DimOp::max, a, b, [&] { return extreme(DimKind::max, a, b); });
}

Dim broadcast(Dim a, Dim b) {
  if (a == b || b.is(1)) return a;
  if (a.is(1)) return b;
  if (a.is_constant() && b.is_constant()) fail_broadcast(a.value(), b.value());
  return remembered(DimOp::broadcast, a, b, [&] { return broadcast_symbolic(a, b); });
}

}  // namespace neve
