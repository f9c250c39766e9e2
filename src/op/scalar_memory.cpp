// Elements in memory to and from the blocks that scalar programs compute in.
#include "op/scalar_memory.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"

namespace neve {
namespace {

template <class S, class R, class F>
void load_as(R* r, const void* from, int64_t stride, int64_t n, F f) {
  const S* p = static_cast<const S*>(from);
  if (stride == 1)
    for (int64_t i = 0; i < n; ++i) r[i] = R(f(p[i]));
  else if (stride == 0)
    std::fill(r, r + n, R(f(p[0])));
  else
    for (int64_t i = 0; i < n; ++i) r[i] = R(f(p[i * stride]));
}
}  // namespace

void load_elements(DType t, void* r, const void* from, int64_t stride, int64_t n) {
  const auto same = [](auto x) { return x; };
  auto* f = static_cast<float*>(r);
  auto* i = static_cast<int64_t*>(r);
  switch (t) {
    case DType::f64:
      return load_as<double>(static_cast<double*>(r), from, stride, n, same);
    case DType::f32:
      return load_as<float>(f, from, stride, n, same);
    case DType::bf16:
      return load_as<uint16_t>(f, from, stride, n, bf16_to_float);
    case DType::f16:
      return load_as<uint16_t>(f, from, stride, n, half_to_float);
    case DType::u64:
    case DType::i64:
      return load_as<int64_t>(i, from, stride, n, same);
    case DType::i32:
      return load_as<int32_t>(i, from, stride, n, same);
    case DType::i16:
      return load_as<int16_t>(i, from, stride, n, same);
    case DType::i8:
      return load_as<int8_t>(i, from, stride, n, same);
    case DType::u8:
      return load_as<uint8_t>(i, from, stride, n, same);
    case DType::u16:
      return load_as<uint16_t>(i, from, stride, n, same);
    case DType::u32:
      return load_as<uint32_t>(i, from, stride, n, same);
    case DType::boolean:
      return load_as<uint8_t>(i, from, stride, n, [](uint8_t x) { return x != 0; });
    default:
      return;
  }
}

namespace {

template <class S, class R, class F>
void store_as(void* to, const R* r, int64_t n, F f) {
  S* p = static_cast<S*>(to);
  for (int64_t i = 0; i < n; ++i) p[i] = S(f(r[i]));
}
}  // namespace

void store_elements(DType t, void* to, const void* r, int64_t n) {
  const auto same = [](auto x) { return x; };
  const auto* f = static_cast<const float*>(r);
  const auto* i = static_cast<const int64_t*>(r);
  switch (t) {
    case DType::f64:
    case DType::u64:
    case DType::i64:
      std::memcpy(to, r, size_t(n) * 8);
      return;
    case DType::f32:
      std::memcpy(to, r, size_t(n) * 4);
      return;
    case DType::bf16:
      return store_as<uint16_t>(to, f, n, float_to_bf16);
    case DType::f16:
      return store_as<uint16_t>(to, f, n, float_to_half);
    case DType::i32:
      return store_as<int32_t>(to, i, n, same);
    case DType::i16:
    case DType::u16:
      return store_as<uint16_t>(to, i, n, same);
    case DType::i8:
    case DType::boolean:
    case DType::u8:
      return store_as<uint8_t>(to, i, n, same);
    case DType::u32:
      return store_as<uint32_t>(to, i, n, same);
    default:
      return;
  }
}

}  // namespace neve
