// Joins partial results of reductions.
#include "loop/combine.h"

namespace neve::loop {
namespace {

template <class T>
void combine(ReduceKind kind, T* total, const T* part, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const T x = part[i];
    T& y = total[i];
    switch (kind) {
      case ReduceKind::sum:
        y = T(y + x);
        break;
      case ReduceKind::prod:
        y = T(y * x);
        break;
      case ReduceKind::max:
        y = x > y || x != x ? x : y;
        break;
      case ReduceKind::min:
        y = x < y || x != x ? x : y;
        break;
    }
  }
}

}  // namespace

void combine(DType t, ReduceKind kind, std::byte* total, const std::byte* part, int64_t n) {
  const auto as = [&]<class T>(T) { combine(kind, reinterpret_cast<T*>(total), reinterpret_cast<const T*>(part), n); };
  switch (t) {
    case DType::f64:
      return as(double());
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return as(float());
    case DType::i64:
      return as(int64_t());
    case DType::u64:
      return as(uint64_t());
    case DType::i32:
      return as(int32_t());
    case DType::u32:
      return as(uint32_t());
    case DType::i16:
      return as(int16_t());
    case DType::u16:
      return as(uint16_t());
    case DType::i8:
      return as(int8_t());
    default:
      return as(uint8_t());  // u8, bool: 0 and 1 under max, min
  }
}

}  // namespace neve::loop
