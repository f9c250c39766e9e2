// The interned table behind Dim, and polynomials over it; only the files that implement dim.h include this.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "core/dim.h"

namespace neve {

__extension__ typedef __int128 int128;

/// Bounds of an expression, rounded outward; -infinite and infinite stand for "not bounded".
struct Interval {
  static constexpr int64_t infinite = int64_t(1) << 62;
  int64_t lo = -infinite, hi = infinite;
};

enum class DimKind : uint8_t { symbol, floordiv, mod, min, max, broadcast, poly };

/// coefficient * product of atoms; an atom is a symbol or a function, never a constant or a sum.
struct Term {
  int64_t coefficient = 0;
  SmallVector<Dim, 4> atoms;  ///< sorted by compare()
};
/// A sum of terms in canonical order: by degree, highest first, then by atoms. No two terms have the same atoms, none
/// is 0.
using Poly = std::vector<Term>;

/// An entry of the table. Never moves and never changes.
struct DimNode {
  DimKind kind = DimKind::symbol;
  bool exact = false;  ///< a floordiv by a constant that divides without remainder
  uint32_t depth = 1;  ///< nesting
  uint32_t size = 1;   ///< of the text, in nodes
  uint64_t hash = 0;
  Interval range;
  int64_t divisor = 1;  ///< always divides the value
  std::unique_ptr<const Symbol> symbol;
  SmallVector<Dim, 2> args;  ///< of functions
  Poly terms;                ///< of polynomials
};

struct DimTable {
  static const DimNode& node(Dim d);
  /// The one Dim for this node, which must be canonical already; fills in what follows from its operands.
  static Dim intern(DimNode&& node);
};

inline const DimNode& node_of(Dim d) { return DimTable::node(d); }
/// A total order that depends on structure and on the order in which symbols were made, not on addresses or threads.
int compare(Dim a, Dim b);
/// True if x comes before y in a polynomial; degree first.
int compare_atoms(const SmallVector<Dim, 4>& x, const SmallVector<Dim, 4>& y);

Poly poly_of(Dim d);
/// Sorts, merges and reduces the terms; @throws Error{unsupported} if too many.
void normalize(Poly& p);
void merge_terms(Poly& p);  ///< sorts and merges only, as if atoms were unknowns
Dim dim_of(Poly p);         ///< normalizes
Poly multiply(const Poly& a, const Poly& b);
void add_scaled(Poly& to, const Poly& p, int64_t factor);  ///< to += factor * p, not normalized
Dim function_of(DimKind kind, SmallVector<Dim, 2> args);   ///< as it is, without simplification

Interval range_of(Dim d);
Interval range_of(const Poly& p);
Interval range_of_function(DimKind kind, const SmallVector<Dim, 2>& args);
int64_t divisor_of(Dim d);  ///< 0 for the constant 0
int64_t divisor_of(const Term& t);
/// t / c where the known divisors of t's factors show that nothing remains.
std::optional<Term> exact_quotient(Term t, int64_t c);

Interval add(Interval a, Interval b);
Interval multiply(Interval a, Interval b);

/// Product and sum that throw Error{invalid_argument} where the result does not fit.
int64_t checked_add(int64_t a, int64_t b);
int64_t checked_mul(int64_t a, int64_t b);
inline int64_t floor_div(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }
inline int64_t floor_mod(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r;
}

[[noreturn]] void fail_division(const char* what, int64_t a);
[[noreturn]] void fail_broadcast(int64_t a, int64_t b);

/// Results of recent operations of this thread. Sound because Dims never change.
enum class DimOp : uint32_t { add, sub, mul, floordiv, mod, min, max, broadcast, equal, at_least, divides };
struct DimMemo {
  static bool find(DimOp op, Dim a, Dim b, Dim& out);
  static void put(DimOp op, Dim a, Dim b, Dim out);
};

}  // namespace neve
