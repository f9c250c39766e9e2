// Element types.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace neve {

/// Element type of a tensor. Quantisation is not a dtype.
enum class DType : uint8_t { f64, f32, bf16, f16, i64, i32, i16, i8, u8, u16, u32, u64, boolean, c64, c128 };
inline constexpr int dtype_count = 15;

constexpr bool is_float(DType t) { return t <= DType::f16; }
constexpr bool is_complex(DType t) { return t >= DType::c64; }
constexpr bool is_signed_int(DType t) { return t >= DType::i64 && t <= DType::i8; }
constexpr bool is_unsigned_int(DType t) { return t >= DType::u8 && t <= DType::u64; }
constexpr bool is_int(DType t) { return is_signed_int(t) || is_unsigned_int(t); }
constexpr int64_t size_of(DType t) {
  constexpr int64_t bytes[] = {8, 4, 2, 2, 8, 4, 2, 1, 1, 2, 4, 8, 1, 8, 16};
  return bytes[int(t)];
}
/// "f32", "bf16", "i64", "bool", "c64" ...
std::string to_string(DType t);
/// The inverse; also takes NumPy's names ("float32"). Returns false for an unknown one.
bool parse_dtype(std::string_view text, DType& out);

}  // namespace neve
