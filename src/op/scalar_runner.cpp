// The block interpreter of scalar programs: the meaning that every other implementation must agree with.
#include "op/scalar_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "core/half.h"
#include "op/scalar_memory.h"

namespace neve {
namespace {

constexpr int64_t max_block = 512;
constexpr int64_t lanes = 16;  // blocks are rounded up to it, so that the compiler vectorises loops without tails

// Class of arithmetic: f16 and bf16 compute as f32; all integers but u64, and bool, as i64, wrapped after each step.
enum class Class : uint8_t { f32, f64, i64, u64 };
Class class_of(DType t) {
  if (t == DType::f64) return Class::f64;
  if (is_float(t)) return Class::f32;
  return t == DType::u64 ? Class::u64 : Class::i64;
}

template <class R, class A, class F>
inline void map(R* __restrict r, const A* __restrict a, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += lanes)
    for (int64_t j = 0; j < lanes; ++j) r[i + j] = f(a[i + j]);
}
// Operands may be the same block, results never share one with them.
template <class R, class A, class F>
inline void map(R* __restrict r, const A* a, const A* b, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += lanes)
    for (int64_t j = 0; j < lanes; ++j) r[i + j] = f(a[i + j], b[i + j]);
}

template <class T>
T pow_int(T base, T exponent) {
  if (std::is_signed_v<T> && exponent < 0)
    return base == T(1) ? T(1) : base == T(-1) ? (exponent & 1 ? T(-1) : T(1)) : T(0);
  uint64_t r = 1, b = uint64_t(base);
  for (uint64_t e = uint64_t(exponent); e; e >>= 1, b *= b)
    if (e & 1) r *= b;
  return T(r);
}
template <class T>
T div_int(T a, T b) {
  if (b == 0) return 0;
  if (std::is_signed_v<T> && b == T(-1)) return T(0 - uint64_t(a));
  return T(a / b);
}
template <class T>
T rem_int(T a, T b) {
  return b == 0 || b == T(-1) ? (std::is_signed_v<T> || b == 0 ? T(0) : T(a % b)) : T(a % b);
}
template <class T>
T floor_mod_int(T a, T b) {
  const T r = rem_int(a, b);
  return r != 0 && ((r < 0) != (b < 0)) ? T(r + b) : r;
}
template <class T>
T floor_mod_float(T a, T b) {
  const T r = std::fmod(a, b);
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r == 0 ? std::copysign(T(0), b) : r;
}
template <class T>
T sigmoid_of(T x) {
  const T e = std::exp(-std::fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

template <class T>
void float_step(const ScalarNode& s, T* r, const T* a, const T* b, int64_t n) {
  switch (s.op) {
    case ScalarOp::add:
      return map(r, a, b, n, [](T x, T y) { return x + y; });
    case ScalarOp::sub:
      return map(r, a, b, n, [](T x, T y) { return x - y; });
    case ScalarOp::mul:
      return map(r, a, b, n, [](T x, T y) { return x * y; });
    case ScalarOp::div:
      return map(r, a, b, n, [](T x, T y) { return x / y; });
    case ScalarOp::rem:
      return map(r, a, b, n, [](T x, T y) { return std::fmod(x, y); });
    case ScalarOp::floor_mod:
      return map(r, a, b, n, [](T x, T y) { return floor_mod_float(x, y); });
    case ScalarOp::pow:
      return map(r, a, b, n, [](T x, T y) { return std::pow(x, y); });
    case ScalarOp::min:
      return map(r, a, b, n, [](T x, T y) { return x < y || x != x ? x : y; });
    case ScalarOp::max:
      return map(r, a, b, n, [](T x, T y) { return x > y || x != x ? x : y; });
    case ScalarOp::atan2:
      return map(r, a, b, n, [](T x, T y) { return std::atan2(x, y); });
    case ScalarOp::neg:
      return map(r, a, n, [](T x) { return -x; });
    case ScalarOp::abs:
      return map(r, a, n, [](T x) { return std::fabs(x); });
    case ScalarOp::sign:
      return map(r, a, n, [](T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x; });
    case ScalarOp::sqrt:
      return map(r, a, n, [](T x) { return std::sqrt(x); });
    case ScalarOp::rsqrt:
      return map(r, a, n, [](T x) { return 1 / std::sqrt(x); });
    case ScalarOp::exp:
      return map(r, a, n, [](T x) { return std::exp(x); });
    case ScalarOp::expm1:
      return map(r, a, n, [](T x) { return std::expm1(x); });
    case ScalarOp::log:
      return map(r, a, n, [](T x) { return std::log(x); });
    case ScalarOp::log1p:
      return map(r, a, n, [](T x) { return std::log1p(x); });
    case ScalarOp::erf:
      return map(r, a, n, [](T x) { return std::erf(x); });
    case ScalarOp::sin:
      return map(r, a, n, [](T x) { return std::sin(x); });
    case ScalarOp::cos:
      return map(r, a, n, [](T x) { return std::cos(x); });
    case ScalarOp::tan:
      return map(r, a, n, [](T x) { return std::tan(x); });
    case ScalarOp::asin:
      return map(r, a, n, [](T x) { return std::asin(x); });
    case ScalarOp::acos:
      return map(r, a, n, [](T x) { return std::acos(x); });
    case ScalarOp::atan:
      return map(r, a, n, [](T x) { return std::atan(x); });
    case ScalarOp::sinh:
      return map(r, a, n, [](T x) { return std::sinh(x); });
    case ScalarOp::cosh:
      return map(r, a, n, [](T x) { return std::cosh(x); });
    case ScalarOp::tanh:
      return map(r, a, n, [](T x) { return std::tanh(x); });
    case ScalarOp::asinh:
      return map(r, a, n, [](T x) { return std::asinh(x); });
    case ScalarOp::acosh:
      return map(r, a, n, [](T x) { return std::acosh(x); });
    case ScalarOp::atanh:
      return map(r, a, n, [](T x) { return std::atanh(x); });
    case ScalarOp::sigmoid:
      return map(r, a, n, [](T x) { return sigmoid_of(x); });
    case ScalarOp::floor:
      return map(r, a, n, [](T x) { return std::floor(x); });
    case ScalarOp::ceil:
      return map(r, a, n, [](T x) { return std::ceil(x); });
    case ScalarOp::trunc:
      return map(r, a, n, [](T x) { return std::trunc(x); });
    case ScalarOp::round:
      return map(r, a, n, [](T x) { return std::nearbyint(x); });
    default:
      break;  // the constructor refused what has no meaning for floats
  }
}

template <class T>
void int_step(const ScalarNode& s, T* r, const T* a, const T* b, int64_t n, unsigned width) {
  using U = uint64_t;
  switch (s.op) {
    case ScalarOp::add:
      return map(r, a, b, n, [](T x, T y) { return T(U(x) + U(y)); });
    case ScalarOp::sub:
      return map(r, a, b, n, [](T x, T y) { return T(U(x) - U(y)); });
    case ScalarOp::mul:
      return map(r, a, b, n, [](T x, T y) { return T(U(x) * U(y)); });
    case ScalarOp::div:
      return map(r, a, b, n, [](T x, T y) { return div_int(x, y); });
    case ScalarOp::rem:
      return map(r, a, b, n, [](T x, T y) { return rem_int(x, y); });
    case ScalarOp::floor_mod:
      return map(r, a, b, n, [](T x, T y) { return floor_mod_int(x, y); });
    case ScalarOp::pow:
      return map(r, a, b, n, [](T x, T y) { return pow_int(x, y); });
    case ScalarOp::min:
      return map(r, a, b, n, [](T x, T y) { return x < y ? x : y; });
    case ScalarOp::max:
      return map(r, a, b, n, [](T x, T y) { return x > y ? x : y; });
    case ScalarOp::neg:
      return map(r, a, n, [](T x) { return T(0 - U(x)); });
    case ScalarOp::abs:
      return map(r, a, n, [](T x) { return x < 0 ? T(0 - U(x)) : x; });
    case ScalarOp::sign:
      return map(r, a, n, [](T x) { return T((x > 0) - (x < 0)); });
    case ScalarOp::floor:
    case ScalarOp::ceil:
    case ScalarOp::trunc:
    case ScalarOp::round:
      return map(r, a, n, [](T x) { return x; });
    case ScalarOp::logical_and:
    case ScalarOp::bit_and:
      return map(r, a, b, n, [](T x, T y) { return T(x & y); });
    case ScalarOp::logical_or:
    case ScalarOp::bit_or:
      return map(r, a, b, n, [](T x, T y) { return T(x | y); });
    case ScalarOp::logical_xor:
    case ScalarOp::bit_xor:
      return map(r, a, b, n, [](T x, T y) { return T(x ^ y); });
    case ScalarOp::logical_not:
      return map(r, a, n, [](T x) { return T(x ^ 1); });
    case ScalarOp::bit_not:
      return map(r, a, n, [](T x) { return T(~x); });
    case ScalarOp::shift_left:
      return map(r, a, b, n, [width](T x, T y) { return U(y) >= width ? T(0) : T(U(x) << y); });
    case ScalarOp::shift_right:
      return map(r, a, b, n, [width](T x, T y) { return U(y) >= width ? T(x < 0 ? -1 : 0) : T(x >> y); });
    default:
      break;
  }
}

// After a step of 64-bit arithmetic: back to the width of the dtype.
void wrap(DType t, int64_t* r, int64_t n) {
  const auto each = [&](auto f) {
    for (int64_t i = 0; i < n; ++i) r[i] = f(r[i]);
  };
  switch (t) {
    case DType::i32:
      return each([](int64_t x) { return int64_t(int32_t(x)); });
    case DType::i16:
      return each([](int64_t x) { return int64_t(int16_t(x)); });
    case DType::i8:
      return each([](int64_t x) { return int64_t(int8_t(x)); });
    case DType::u8:
      return each([](int64_t x) { return int64_t(uint8_t(x)); });
    case DType::u16:
      return each([](int64_t x) { return int64_t(uint16_t(x)); });
    case DType::u32:
      return each([](int64_t x) { return int64_t(uint32_t(x)); });
    case DType::boolean:
      return each([](int64_t x) { return int64_t(x & 1); });
    default:
      return;
  }
}

template <class T>
void compare_step(ScalarOp op, int64_t* r, const T* a, const T* b, int64_t n) {
  switch (op) {
    case ScalarOp::eq:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x == y); });
    case ScalarOp::ne:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x != y); });
    case ScalarOp::lt:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x < y); });
    case ScalarOp::le:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x <= y); });
    case ScalarOp::gt:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x > y); });
    case ScalarOp::ge:
      return map(r, a, b, n, [](T x, T y) { return int64_t(x >= y); });
    case ScalarOp::is_nan:
      return map(r, a, n, [](T x) { return int64_t(x != x); });
    case ScalarOp::is_inf:
      return map(r, a, n, [](T x) {
        return int64_t(x == std::numeric_limits<T>::infinity() || x == -std::numeric_limits<T>::infinity());
      });
    default:
      break;
  }
}

template <class T>
void select_step(T* __restrict r, const int64_t* c, const T* a, const T* b, int64_t n) {
  for (int64_t i = 0; i < n; i += lanes)
    for (int64_t j = 0; j < lanes; ++j) r[i + j] = c[i + j] ? a[i + j] : b[i + j];
}

struct IntRange {
  double lo, hi;     // both representable; hi rounded down
  int64_t ilo, ihi;  // for integers in the i64 class
};
IntRange range_of(DType t) {
  switch (t) {
    case DType::i32:
      return {-2147483648.0, 2147483647.0, INT32_MIN, INT32_MAX};
    case DType::i16:
      return {-32768, 32767, INT16_MIN, INT16_MAX};
    case DType::i8:
      return {-128, 127, INT8_MIN, INT8_MAX};
    case DType::u8:
      return {0, 255, 0, UINT8_MAX};
    case DType::u16:
      return {0, 65535, 0, UINT16_MAX};
    case DType::u32:
      return {0, 4294967295.0, 0, UINT32_MAX};
    case DType::boolean:
      return {0, 1, 0, 1};
    default:
      return {-9223372036854775808.0, 9223372036854774784.0, INT64_MIN, INT64_MAX};
  }
}

int64_t float_to_int(double x) {
  if (x >= -9223372036854775808.0 && x < 9223372036854775808.0) return int64_t(x);
  return x != x ? 0 : x < 0 ? INT64_MIN : INT64_MAX;
}
uint64_t float_to_uint(double x) {
  if (x >= 9223372036854775808.0) return x < 18446744073709551616.0 ? uint64_t(x) : UINT64_MAX;
  return uint64_t(float_to_int(x));
}

void round_to(DType t, float* r, int64_t n) {
  if (t == DType::f16)
    for (int64_t i = 0; i < n; ++i) r[i] = half_to_float(float_to_half(r[i]));
  else if (t == DType::bf16)
    for (int64_t i = 0; i < n; ++i) r[i] = bf16_to_float(float_to_bf16(r[i]));
}

template <class A>
void cast_from_float(const ScalarNode& s, void* r, const A* a, int64_t n) {
  const bool saturate = s.op == ScalarOp::cast_saturate;
  switch (class_of(s.dtype)) {
    case Class::f32:
      map(static_cast<float*>(r), a, n, [](A x) { return float(x); });
      return round_to(s.dtype, static_cast<float*>(r), n);
    case Class::f64:
      return map(static_cast<double*>(r), a, n, [](A x) { return double(x); });
    case Class::u64:
      if (!saturate) return map(static_cast<uint64_t*>(r), a, n, [](A x) { return float_to_uint(double(x)); });
      return map(static_cast<uint64_t*>(r), a, n,
                 [](A x) { return x > 0 ? float_to_uint(std::nearbyint(double(x))) : uint64_t(0); });
    case Class::i64:
      break;
  }
  auto* y = static_cast<int64_t*>(r);
  if (s.dtype == DType::boolean) return map(y, a, n, [](A x) { return int64_t(x != 0); });
  if (!saturate) {
    map(y, a, n, [](A x) { return float_to_int(double(x)); });
    return wrap(s.dtype, y, n);
  }
  const IntRange range = range_of(s.dtype);
  map(y, a, n, [range](A v) {
    const double x = std::nearbyint(double(v));
    return x != x ? int64_t(0) : x <= range.lo ? range.ilo : x > range.hi ? range.ihi : int64_t(x);
  });
}

template <class A>
void cast_from_int(const ScalarNode& s, void* r, const A* a, int64_t n) {
  const bool saturate = s.op == ScalarOp::cast_saturate;
  switch (class_of(s.dtype)) {
    case Class::f32:
      map(static_cast<float*>(r), a, n, [](A x) { return float(x); });
      return round_to(s.dtype, static_cast<float*>(r), n);
    case Class::f64:
      return map(static_cast<double*>(r), a, n, [](A x) { return double(x); });
    case Class::u64:
      return map(static_cast<uint64_t*>(r), a, n,
                 [saturate](A x) { return saturate && x < 0 ? uint64_t(0) : uint64_t(x); });
    case Class::i64:
      break;
  }
  auto* y = static_cast<int64_t*>(r);
  if (s.dtype == DType::boolean) return map(y, a, n, [](A x) { return int64_t(x != 0); });
  if (!saturate) {
    map(y, a, n, [](A x) { return int64_t(x); });
    return wrap(s.dtype, y, n);
  }
  const IntRange range = range_of(s.dtype);
  map(y, a, n, [range](A x) {
    if constexpr (std::is_unsigned_v<A>)
      return x > uint64_t(range.ihi) ? range.ihi : int64_t(x);
    else
      return x < range.ilo ? range.ilo : x > range.ihi ? range.ihi : int64_t(x);
  });
}

void fill_constant(const ScalarNode& s, void* r, int64_t n) {
  switch (class_of(s.dtype)) {
    case Class::f32: {
      float v = float(s.value);
      round_to(s.dtype, &v, 1);
      std::fill_n(static_cast<float*>(r), n, v);
      return;
    }
    case Class::f64:
      std::fill_n(static_cast<double*>(r), n, s.value);
      return;
    default: {
      int64_t v = s.ivalue;
      wrap(s.dtype, &v, 1);
      std::fill_n(static_cast<int64_t*>(r), n, v);
    }
  }
}

void step(const ScalarNode& s, DType from, void* r, const void* a, const void* b, const void* c, int64_t n) {
  const Class in = class_of(from);
  const auto typed = [&](auto f) {
    switch (in) {
      case Class::f32:
        return f(static_cast<const float*>(a), static_cast<const float*>(b));
      case Class::f64:
        return f(static_cast<const double*>(a), static_cast<const double*>(b));
      case Class::i64:
        return f(static_cast<const int64_t*>(a), static_cast<const int64_t*>(b));
      case Class::u64:
        return f(static_cast<const uint64_t*>(a), static_cast<const uint64_t*>(b));
    }
  };
  switch (s.op) {
    case ScalarOp::select:
      if (class_of(s.dtype) == Class::f32)
        return select_step(static_cast<float*>(r), static_cast<const int64_t*>(a), static_cast<const float*>(b),
                           static_cast<const float*>(c), n);
      return select_step(static_cast<uint64_t*>(r), static_cast<const int64_t*>(a), static_cast<const uint64_t*>(b),
                         static_cast<const uint64_t*>(c), n);
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::gt:
    case ScalarOp::ge:
      return typed([&](auto* x, auto* y) { compare_step(s.op, static_cast<int64_t*>(r), x, y, n); });
    case ScalarOp::is_nan:
    case ScalarOp::is_inf:
      if (in == Class::f32) return compare_step(s.op, static_cast<int64_t*>(r), static_cast<const float*>(a), {}, n);
      if (in == Class::f64) return compare_step(s.op, static_cast<int64_t*>(r), static_cast<const double*>(a), {}, n);
      std::fill_n(static_cast<int64_t*>(r), n, 0);
      return;
    case ScalarOp::cast:
    case ScalarOp::cast_saturate:
      return typed([&](auto* x, auto*) {
        if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(*x)>>)
          cast_from_float(s, r, x, n);
        else
          cast_from_int(s, r, x, n);
      });
    default:
      break;
  }
  const unsigned width = unsigned(size_of(s.dtype)) * 8;
  switch (in) {
    case Class::f32:
      return float_step(s, static_cast<float*>(r), static_cast<const float*>(a), static_cast<const float*>(b), n);
    case Class::f64:
      return float_step(s, static_cast<double*>(r), static_cast<const double*>(a), static_cast<const double*>(b), n);
    case Class::u64:
      return int_step(s, static_cast<uint64_t*>(r), static_cast<const uint64_t*>(a), static_cast<const uint64_t*>(b), n,
                      width);
    case Class::i64:
      int_step(s, static_cast<int64_t*>(r), static_cast<const int64_t*>(a), static_cast<const int64_t*>(b), n, width);
      return wrap(s.dtype, static_cast<int64_t*>(r), n);
  }
}

// Whether elements lie in memory as they do in a register.
bool is_register_type(DType t) { return t == DType::f32 || t == DType::f64 || t == DType::i64 || t == DType::u64; }

bool needs_float(ScalarOp op) { return op == ScalarOp::atan2 || (op >= ScalarOp::sqrt && op <= ScalarOp::sigmoid); }
bool needs_int(ScalarOp op) { return op >= ScalarOp::logical_and && op <= ScalarOp::shift_right; }

}  // namespace

ScalarRunner::ScalarRunner(const ScalarProgram& p) : program_(p), slot_(p.nodes.size()) {
  const size_t count = p.nodes.size();
  std::vector<size_t> last(count, 0);
  for (size_t i = 0; i < count; ++i) {
    const ScalarNode& s = p.nodes[i];
    if (is_complex(s.dtype))
      fail(ErrorCode::unsupported, "scalar program: dtype ", s.dtype, " (complex numbers have no scalar steps)");
    const int32_t operands[] = {s.a, s.b, s.c};
    for (int k = 0; k < operand_count(s.op); ++k) {
      check(operands[k] >= 0 && size_t(operands[k]) < i, "scalar program: step ", i, " (", to_string(s.op),
            ") reads step ", operands[k]);
      last[size_t(operands[k])] = i;
    }
    if (operand_count(s.op)) {
      const DType t = p.nodes[size_t(s.op == ScalarOp::select ? s.b : s.a)].dtype;
      check(is_float(t) ? !needs_int(s.op) : !needs_float(s.op), "scalar program: ", to_string(s.op), " of ", t);
    }
  }
  for (int32_t r : p.results) last[size_t(r)] = count;
  std::vector<int32_t> free;
  for (size_t i = 0; i < count; ++i) {
    const ScalarNode& s = p.nodes[i];
    // Constants are filled once a run, so they keep their block. The result never takes the block of an operand: the
    // loops promise the compiler that they differ.
    if (free.empty() || s.op == ScalarOp::constant) {
      slot_[i] = slots_++;
    } else {
      slot_[i] = free.back();
      free.pop_back();
    }
    const int32_t operands[] = {s.a, s.b, s.c};
    for (int k = 0; k < operand_count(s.op); ++k) {
      const size_t o = size_t(operands[k]);
      const bool again = (k > 0 && operands[k] == s.a) || (k > 1 && operands[k] == s.b);
      if (last[o] == i && p.nodes[o].op != ScalarOp::constant && !again) free.push_back(slot_[o]);
    }
  }
}

void ScalarRunner::run(int64_t n, std::span<const void* const> in, std::span<const int64_t> stride,
                       std::span<void* const> out) {
  if (n <= 0) return;
  const auto& nodes = program_.nodes;
  const int64_t wanted = std::min(max_block, (n + lanes - 1) / lanes * lanes);
  const bool grown = wanted > block_;
  if (grown) {
    block_ = wanted;
    memory_.assign(size_t(slots_) * size_t(block_), 0);
  }
  // Operands and results that lie as registers do are used where they lie, in whole vectors.
  const auto in_place = [&](const ScalarNode& s) { return is_register_type(s.dtype); };
  int64_t first = 0;
  bool whole = false;
  const auto reg = [&](int32_t i) -> void* {
    const ScalarNode& s = nodes[size_t(i)];
    if (whole && s.op == ScalarOp::input && stride[size_t(s.a)] == 1 && in_place(s))
      return const_cast<std::byte*>(static_cast<const std::byte*>(in[size_t(s.a)])) + first * size_of(s.dtype);
    if (whole && program_.results.size() == 1 && program_.results[0] == i && s.op != ScalarOp::input &&
        s.op != ScalarOp::constant && in_place(s))
      return static_cast<std::byte*>(out[0]) + first * size_of(s.dtype);
    return memory_.data() + size_t(slot_[size_t(i)]) * size_t(block_);
  };
  if (grown)
    for (size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].op == ScalarOp::constant) fill_constant(nodes[i], reg(int32_t(i)), block_);
  for (int64_t at = 0; at < n; at += block_) {
    const int64_t here = std::min(block_, n - at), padded = (here + lanes - 1) / lanes * lanes;
    first = at;
    whole = here == padded;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const ScalarNode& s = nodes[i];
      if (s.op == ScalarOp::constant) continue;
      void* r = reg(int32_t(i));
      if (s.op == ScalarOp::input) {
        const int64_t by = stride[size_t(s.a)];
        if (whole && by == 1 && in_place(s)) continue;
        load_elements(s.dtype, r, static_cast<const std::byte*>(in[size_t(s.a)]) + at * by * size_of(s.dtype), by,
                      here);
        continue;
      }
      const DType from = nodes[size_t(s.op == ScalarOp::select ? s.b : s.a)].dtype;
      step(s, from, r, reg(s.a), s.b < 0 ? nullptr : reg(s.b), s.c < 0 ? nullptr : reg(s.c), padded);
    }
    for (size_t k = 0; k < program_.results.size(); ++k) {
      const int32_t r = program_.results[k];
      const DType t = nodes[size_t(r)].dtype;
      if (reg(r) == static_cast<std::byte*>(out[k]) + at * size_of(t)) continue;
      store_elements(t, static_cast<std::byte*>(out[k]) + at * size_of(t), reg(r), here);
    }
  }
}

void run_scalar_program(const ScalarProgram& p, int64_t n, std::span<const void* const> in,
                        std::span<const int64_t> stride, std::span<void* const> out) {
  ScalarRunner(p).run(n, in, stride, out);
}

}  // namespace neve
