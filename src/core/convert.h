// Conversion of one element between any two real dtypes: what Tensor::to and item do.
#pragma once
#include <neve/dtype.h>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/half.h"

namespace neve {

/// Storage types whose C++ type does not tell the dtype.
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};
struct Bool {
  uint8_t byte;
};

/// v as f32, rounded to odd: a second rounding to 16 bits then gives what one rounding would.
inline float round_to_odd(double v) {
  float f = float(v);
  if (double(f) == v || v != v) return f;
  uint32_t u = std::bit_cast<uint32_t>(f);
  if (std::fabs(double(f)) > std::fabs(v)) --u;  // toward zero
  return std::bit_cast<float>(u | 1);
}

/// float to integer truncates, saturates, and takes NaN to 0; integers wrap; everything but 0 is true.
template <class To, class From>
To convert_element(From v) {
  if constexpr (std::is_same_v<From, Bool>) {
    return convert_element<To>(uint8_t(v.byte != 0));
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert_element<To>(half_to_float(v.bits));
  } else if constexpr (std::is_same_v<From, Bfloat>) {
    return convert_element<To>(bf16_to_float(v.bits));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return Bool{uint8_t(v != From(0))};
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, Bfloat>) {
    float f;
    if constexpr (std::is_same_v<From, float>) {
      f = v;
    } else if constexpr (std::integral<From> && sizeof(From) == 8) {
      // Beyond 2^53 the low bits only say whether the value is exactly halfway between two results.
      constexpr From low = 0xfff;
      const bool big = v > (From(1) << 53) || (std::is_signed_v<From> && v < From(0) - (From(1) << 53));
      f = round_to_odd(double(big && (v & low) ? From((v & ~low) | 0x800) : v));
    } else {
      f = round_to_odd(double(v));
    }
    return To{std::is_same_v<To, Half> ? float_to_half(f) : float_to_bf16(f)};
  } else if constexpr (std::floating_point<From> && std::integral<To>) {
    // The limits are powers of two (or one less), so that the comparisons are exact.
    constexpr To half = std::numeric_limits<To>::max() / 2 + 1;
    constexpr From above = From(half) * 2;
    if (!(v == v)) return 0;
    if (v >= above) return std::numeric_limits<To>::max();
    if constexpr (std::is_signed_v<To>) {
      if (v < -above) return std::numeric_limits<To>::min();
    } else {
      if (v <= From(-1)) return 0;
    }
    return To(v);
  } else {
    return To(v);
  }
}

/// Calls f with a value of the storage type of a real dtype; returns false for complex ones.
template <class F>
bool with_storage_type(DType t, F&& f) {
  switch (t) {
    case DType::f64:
      f(double{});
      return true;
    case DType::f32:
      f(float{});
      return true;
    case DType::bf16:
      f(Bfloat{});
      return true;
    case DType::f16:
      f(Half{});
      return true;
    case DType::i64:
      f(int64_t{});
      return true;
    case DType::i32:
      f(int32_t{});
      return true;
    case DType::i16:
      f(int16_t{});
      return true;
    case DType::i8:
      f(int8_t{});
      return true;
    case DType::u8:
      f(uint8_t{});
      return true;
    case DType::u16:
      f(uint16_t{});
      return true;
    case DType::u32:
      f(uint32_t{});
      return true;
    case DType::u64:
      f(uint64_t{});
      return true;
    case DType::boolean:
      f(Bool{});
      return true;
    case DType::c64:
    case DType::c128:
      return false;
  }
  return false;
}

}  // namespace neve
