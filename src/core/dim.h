// A size that may be symbolic: a constant, or an interned canonical expression over symbols.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/small_vector.h"

namespace neve {

/// Answer of a proof: `yes` holds for all values, `no` for none.
enum class Proof { no, unknown, yes };

/// A symbol: a name for a number that is fixed when the model runs. Immutable once made.
struct Symbol {
  uint32_t id;
  std::string name;     ///< as users see it; need not be unique
  int64_t lo = 0, hi;   ///< inclusive bounds; hi = Dim::unbounded when open
  int64_t divisor = 1;  ///< the value is a multiple of it
  std::string origin;   ///< where it came from: "input 'x' axis 0", "nonzero at node 'n7'"
};

/// 8 bytes: a constant, or a handle into the process-wide table of interned expressions over symbols, kept in canonical
/// polynomial form. Two Dims with equal canonical form are the same handle: == is one comparison. Making and comparing
/// is thread-safe. All arithmetic is on mathematical integers that must fit int64; overflow of constants throws
/// Error{invalid_argument}.
class Dim {
 public:
  static constexpr int64_t unbounded = int64_t(1) << 46;
  static constexpr int64_t max_constant = int64_t(1) << 62;

  constexpr Dim() = default;
  /// @throws Error{invalid_argument} for the 2^32 smallest numbers, which stand for expressions.
  constexpr Dim(int64_t v) : rep_(v > handle_end ? v : fail_constant(v)) {}  // NOLINT: implicit on purpose
  /// A new symbol, different from all others. Bounds of +-unbounded and beyond are open. @throws
  /// Error{invalid_argument} if no multiple of divisor (>= 1) lies in [lo, hi].
  static Dim symbol(std::string name, int64_t lo = 0, int64_t hi = unbounded, int64_t divisor = 1,
                    std::string origin = "");

  bool is_constant() const { return rep_ > handle_end; }
  /// The constant. @pre is_constant()
  int64_t value() const {
    if (!is_constant()) fail_value();
    return rep_;
  }
  bool is(int64_t v) const { return rep_ == v; }
  bool is_symbol() const;           ///< a bare symbol
  const Symbol& as_symbol() const;  ///< @pre is_symbol()
  friend constexpr bool operator==(const Dim& a, const Dim& b) { return a.rep_ == b.rep_; }

  friend Dim operator+(Dim a, Dim b);
  friend Dim operator-(Dim a, Dim b);
  friend Dim operator*(Dim a, Dim b);
  Dim& operator+=(Dim b) { return *this = *this + b; }
  Dim& operator*=(Dim b) { return *this = *this * b; }

  uint64_t hash() const { return uint64_t(rep_) * 0x9e3779b97f4a7c15ull; }
  int64_t rep() const { return rep_; }  ///< for tables keyed by Dim

 private:
  friend struct DimTable;
  [[noreturn]] void fail_value() const;
  [[noreturn]] static int64_t fail_constant(int64_t v);
  static Dim add(Dim a, Dim b);
  static Dim subtract(Dim a, Dim b);
  static Dim multiply(Dim a, Dim b);
  // Constants are > handle_end; handles are INT64_MIN + index.
  static constexpr int64_t handle_end = INT64_MIN + (int64_t(1) << 32);
  int64_t rep_ = 0;
};

inline Dim operator+(Dim a, Dim b) {
  int64_t r;
  const bool plain = a.is_constant() && b.is_constant() && !__builtin_add_overflow(a.rep_, b.rep_, &r);
  return plain && r > Dim::handle_end ? Dim(r) : Dim::add(a, b);
}
inline Dim operator-(Dim a, Dim b) {
  int64_t r;
  const bool plain = a.is_constant() && b.is_constant() && !__builtin_sub_overflow(a.rep_, b.rep_, &r);
  return plain && r > Dim::handle_end ? Dim(r) : Dim::subtract(a, b);
}
inline Dim operator*(Dim a, Dim b) {
  int64_t r;
  const bool plain = a.is_constant() && b.is_constant() && !__builtin_mul_overflow(a.rep_, b.rep_, &r);
  return plain && r > Dim::handle_end ? Dim(r) : Dim::multiply(a, b);
}

/// floor(a / b) and a - b * floor(a / b): Python's // and %. b == 0 evaluates to an error at run time.
/// Simplified where provable: floordiv(6*n + 4, 2) = 3*n + 2, floordiv(n*c, c) = n where c >= 1 is provable. ceildiv is
/// written with floordiv: ceildiv(n, 2) = floordiv(n + 1, 2). @throws Error{shape_mismatch} for a constant divided by
/// the constant 0, and for constants that do not broadcast.
Dim floordiv(Dim a, Dim b);
Dim ceildiv(Dim a, Dim b);
Dim mod(Dim a, Dim b);
Dim min(Dim a, Dim b);
Dim max(Dim a, Dim b);
/// The size of broadcasting a with b: equal, or one of them is 1 (0 with 1 gives 0). Symbolic when not provable;
/// evaluating it with sizes that do not broadcast is an error. Where one side is provably not 1 it is the answer,
/// without the check that the other fits: whoever builds it records the constraint.
Dim broadcast(Dim a, Dim b);

/// @throws by all that makes Dims: Error{unsupported} for an expression of absurd size (1024 terms, 20000 nodes of
/// text).

/// Proofs over all values that the symbols' bounds and divisors allow. Sound; not complete (unknown is always allowed).
Proof equal(Dim a, Dim b);
Proof at_least(Dim a, Dim b);     ///< a >= b
Proof divides(int64_t d, Dim a);  ///< d | a
inline bool proven(Proof p) { return p == Proof::yes; }
int64_t lower_bound(Dim d);  ///< may be -Dim::unbounded
int64_t upper_bound(Dim d);  ///< may be Dim::unbounded

/// Text in infix form: `batch`, `2*n + 1`, `floordiv(n, 2)`, `max(a, 3)`, `broadcast(a, b)`; constants in decimal. Two
/// different symbols of one name print alike; print with a naming function to tell them apart. A name that is not made
/// of letters, digits, `_` and `.` is printed in double quotes, with \" and \\ escaped.
std::string to_string(Dim d);
std::string to_string(Dim d, const std::function<std::string(const Symbol&)>& name);
/// Parses what to_string prints; `lookup` gives the Dim of a name (without quotes). @throws Error{invalid_argument}
/// with the column.
Dim parse_dim(std::string_view text, const std::function<Dim(std::string_view)>& lookup);

/// The value of d, `value(symbol)` giving each symbol's. @throws Error{shape_mismatch} for a broadcast or division that
/// cannot be and for overflow, Error{invalid_argument} where a symbol has no value (nullopt).
int64_t evaluate(Dim d, const std::function<std::optional<int64_t>(const Symbol&)>& value);
/// d with every symbol replaced by what `with` returns (return nullopt to keep it), canonical again.
Dim substitute(Dim d, const std::function<std::optional<Dim>(const Symbol&)>& with);
/// Appends each distinct symbol of d to out (as Dims), in first-use order, unless it is already there.
void collect_symbols(Dim d, std::vector<Dim>& out);
bool depends_on(Dim d, const Symbol& s);

/// A step of a shape program: straight-line integer code that computes Dims from symbol values.
struct DimCode {
  enum Op : uint8_t { constant, symbol, add, mul, floordiv, ceildiv, mod, min, max, broadcast };
  Op op;
  int32_t a = 0, b = 0;  ///< operands: indices of earlier steps (symbol: index into the symbol list)
  int64_t value = 0;     ///< constant
  bool operator==(const DimCode&) const = default;
};
/// Appends code computing d to `code` (sharing equal earlier steps); returns the index of its result. `symbol_index`
/// maps symbols.
int32_t compile_dim(Dim d, std::vector<DimCode>& code, const std::function<int32_t(const Symbol&)>& symbol_index);
/// Runs the code: values[i] is the result of step i. values must have code.size() elements. No allocation.
/// @throws Error{shape_mismatch} for a division by zero, an overflow or a broadcast that cannot be.
void run_dim_code(std::span<const DimCode> code, std::span<const int64_t> symbols, std::span<int64_t> values);

using Shape = SmallVector<Dim, 6>;
std::string to_string(const Shape& s);  ///< "[batch, 3, 224]"
Dim element_count(const Shape& s);
bool is_constant(const Shape& s);

/// A relation between sizes that could not be proven and is checked when an engine is called.
struct Constraint {
  enum Kind : uint8_t {
    equal,
    at_least,
    divides,
    broadcastable
  } kind;  ///< a == b; a >= b; b divides a (b constant); a, b broadcast
  Dim a, b;
  std::string reason;  ///< "add 'n12': dims 1 of a and b must be equal or 1"
};
std::string to_string(const Constraint& c);
/// @returns yes/no where provable
Proof prove(const Constraint& c);

}  // namespace neve

template <>
struct std::hash<neve::Dim> {
  size_t operator()(neve::Dim d) const { return d.hash(); }
};
