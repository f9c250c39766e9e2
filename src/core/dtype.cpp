// Names of element types.
#include <neve/dtype.h>

#include <array>

namespace neve {
namespace {

constexpr std::array<std::string_view, dtype_count> names = {"f64", "f32", "bf16", "f16", "i64",  "i32", "i16", "i8",
                                                             "u8",  "u16", "u32",  "u64", "bool", "c64", "c128"};
constexpr std::array<std::string_view, dtype_count> numpy_names = {
    "float64", "float32", "bfloat16", "float16", "int64", "int32",     "int16",     "int8",
    "uint8",   "uint16",  "uint32",   "uint64",  "bool_", "complex64", "complex128"};

}  // namespace

std::string to_string(DType t) { return int(t) < dtype_count ? std::string(names[size_t(t)]) : "invalid dtype"; }

bool parse_dtype(std::string_view text, DType& out) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (text != names[i] && text != numpy_names[i]) continue;
    out = DType(i);
    return true;
  }
  return false;
}

}  // namespace neve
