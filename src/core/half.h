// Conversions between f32 and the 16-bit floats, round to nearest even.
#pragma once
#include <bit>
#include <cstdint>

namespace neve {

inline float bf16_to_float(uint16_t v) { return std::bit_cast<float>(uint32_t(v) << 16); }
inline uint16_t float_to_bf16(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return uint16_t((u >> 16) | 0x40);  // NaN stays NaN
  return uint16_t((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}
inline float half_to_float(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float sub = float(mantissa) * 5.9604644775390625e-8f;  // 2^-24
  return std::bit_cast<float>(std::bit_cast<uint32_t>(sub) | sign);
}
inline uint16_t float_to_half(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return uint16_t(sign | 0x7e00u);
  if (a >= 0x477ff000u) return uint16_t(sign | 0x7c00u);  // rounds to 65536 or more
  if (a < 0x38800000u) {                                  // subnormal half
    const float scaled = std::bit_cast<float>(a) + 0.5f;  // the addition rounds at 2^-24
    return uint16_t(sign | (std::bit_cast<uint32_t>(scaled) - 0x3f000000u));
  }
  return uint16_t(sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1)) >> 13));
}

}  // namespace neve
