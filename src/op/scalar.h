// Scalar expressions: what an elementwise op does to one element, written once and used by the reference, by eager
// execution and by the loop compiler.
#pragma once
#include <neve/dtype.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace neve {

/// One step. Operands and result have one dtype, except where said. Integer arithmetic wraps to the width of its dtype;
/// f16 and bf16 are computed in f32 and rounded when stored (after each op of the graph, not after each step).
enum class ScalarOp : uint8_t {
  input,     ///< element of operand number `a`
  constant,  ///< `value` (float) or `ivalue` (integer and bool)
  add,
  sub,
  mul,
  div,        ///< float: IEEE; integer: truncates towards zero; integer division by 0 gives 0
  rem,        ///< sign of the dividend (C's fmod and %); by 0: NaN or 0
  floor_mod,  ///< sign of the divisor (Python's %)
  pow,        ///< float, or integer to a non-negative integer
  min,
  max,  ///< NaN if either is NaN
  atan2,
  neg,
  abs,
  sign,
  sqrt,
  rsqrt,
  exp,
  expm1,
  log,
  log1p,
  erf,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  sigmoid,  ///< 1 / (1 + exp(-x)), without overflow
  floor,
  ceil,
  trunc,
  round,  ///< half to even
  eq,
  ne,
  lt,
  le,
  gt,
  ge,  ///< result bool
  logical_and,
  logical_or,
  logical_xor,
  logical_not,  ///< bool
  bit_and,
  bit_or,
  bit_xor,
  bit_not,
  shift_left,
  shift_right,  ///< logical for unsigned, arithmetic for signed; counts >= width give 0 (or -1)
  select,       ///< a (bool) ? b : c
  cast,  ///< from the operand's dtype; float to integer truncates (out of range: undefined value, never a trap); to
         ///< bool: != 0
  cast_saturate,  ///< as cast, out of range clamps, NaN gives 0; rounds half to even from float
  is_nan,
  is_inf  ///< result bool
};
const char* to_string(ScalarOp op);
/// Number of operands (constant and input: 0).
int operand_count(ScalarOp op);

struct ScalarNode {
  ScalarOp op;
  DType dtype;  ///< of the result
  int32_t a = -1, b = -1, c = -1;
  double value = 0;
  int64_t ivalue = 0;
  bool operator==(const ScalarNode&) const = default;
};

/// A straight-line program in SSA form; equal steps are shared. Small.
struct ScalarProgram {
  std::vector<ScalarNode> nodes;
  std::vector<int32_t> results;  ///< usually one
  int32_t add(ScalarNode n);
};

/// A value of a program under construction; arithmetic on it appends steps. A number mixed in takes the dtype of the
/// other side: `x * 2.0 + 1.0`.
class Scalar {
 public:
  Scalar() = default;
  Scalar(ScalarProgram* p, int32_t id) : program_(p), id_(id) {}
  ScalarProgram& program() const { return *program_; }
  int32_t id() const { return id_; }
  DType dtype() const { return program_->nodes[size_t(id_)].dtype; }
  Scalar constant(double v) const { return constant(v, dtype()); }
  Scalar constant(double v, DType t) const;
  Scalar constant_int(int64_t v) const;  ///< exact for 64-bit integers

 private:
  ScalarProgram* program_ = nullptr;
  int32_t id_ = -1;
};

Scalar unary(ScalarOp op, Scalar x);
Scalar binary(ScalarOp op, Scalar x, Scalar y);  ///< @throws Error{internal} if dtypes differ
Scalar select(Scalar condition, Scalar yes, Scalar no);
Scalar cast(Scalar x, DType to);
Scalar cast_saturate(Scalar x, DType to);

#define NEVE_SCALAR_BINARY(name, op)                                                        \
  inline Scalar name(Scalar x, Scalar y) { return binary(ScalarOp::op, x, y); }             \
  inline Scalar name(Scalar x, double y) { return binary(ScalarOp::op, x, x.constant(y)); } \
  inline Scalar name(double x, Scalar y) { return binary(ScalarOp::op, y.constant(x), y); }
NEVE_SCALAR_BINARY(operator+, add)
NEVE_SCALAR_BINARY(operator-, sub)
NEVE_SCALAR_BINARY(operator*, mul)
NEVE_SCALAR_BINARY(operator/, div)
NEVE_SCALAR_BINARY(operator==, eq)
NEVE_SCALAR_BINARY(operator!=, ne)
NEVE_SCALAR_BINARY(operator<, lt)
NEVE_SCALAR_BINARY(operator<=, le)
NEVE_SCALAR_BINARY(operator>, gt)
NEVE_SCALAR_BINARY(operator>=, ge)
NEVE_SCALAR_BINARY(min, min)
NEVE_SCALAR_BINARY(max, max)
NEVE_SCALAR_BINARY(pow, pow)
#undef NEVE_SCALAR_BINARY
inline Scalar operator-(Scalar x) { return unary(ScalarOp::neg, x); }
#define NEVE_SCALAR_UNARY(name) \
  inline Scalar name(Scalar x) { return unary(ScalarOp::name, x); }
NEVE_SCALAR_UNARY(abs)
NEVE_SCALAR_UNARY(sqrt)
NEVE_SCALAR_UNARY(exp)
NEVE_SCALAR_UNARY(log)
NEVE_SCALAR_UNARY(erf)
NEVE_SCALAR_UNARY(tanh)
NEVE_SCALAR_UNARY(sigmoid)
NEVE_SCALAR_UNARY(floor)
NEVE_SCALAR_UNARY(sin)
NEVE_SCALAR_UNARY(cos)
#undef NEVE_SCALAR_UNARY

/// Runs a program over n elements: `in[i]` points at the elements of operand i with `stride[i]` (in elements; 0 repeats
/// one), results are stored contiguously in out[k]. Dtypes as in the program. The meaning that every other
/// implementation must agree with.
void run_scalar_program(const ScalarProgram& p, int64_t n, std::span<const void* const> in,
                        std::span<const int64_t> stride, std::span<void* const> out);

}  // namespace neve
