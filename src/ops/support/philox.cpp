// Many blocks of Philox at once, with the vector instructions that the CPU has.
#include "ops/support/philox.h"

#include "base/cpu.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"  // g++ 12's own _mm512_undefined_epi32() (GCC bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace neve::ops {
namespace {

constexpr uint32_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u, weyl0 = 0x9E3779B9u, weyl1 = 0xBB67AE85u;

#if defined(__x86_64__)
// A word stands in the lower half of its lane; what products leave in the upper half is never read.
__attribute__((target("avx512f,avx512dq"))) void words_avx512(uint64_t key, uint64_t counter, uint64_t first,
                                                              uint32_t* out) {
  const __m512i low = _mm512_set1_epi64(0xffffffff), m0 = _mm512_set1_epi64(multiplier0),
                m1 = _mm512_set1_epi64(multiplier1);
  const __m512i block = _mm512_add_epi64(_mm512_set1_epi64(int64_t(first)), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
  __m512i c0 = block, c1 = _mm512_srli_epi64(block, 32), c2 = _mm512_set1_epi64(int64_t(counter)),
          c3 = _mm512_srli_epi64(c2, 32);
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const __m512i a = _mm512_mul_epu32(c0, m0), b = _mm512_mul_epu32(c2, m1);
    c0 = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(b, 32), c1), _mm512_set1_epi64(k0));
    c2 = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(a, 32), c3), _mm512_set1_epi64(k1));
    c1 = b, c3 = a;
    k0 += weyl0, k1 += weyl1;
  }
  _mm512_storeu_si512(out, _mm512_or_si512(_mm512_and_si512(c0, low), _mm512_slli_epi64(c2, 32)));
}

__attribute__((target("avx2"))) void words_avx2(uint64_t key, uint64_t counter, uint64_t first, uint32_t* out) {
  const __m256i low = _mm256_set1_epi64x(0xffffffff), m0 = _mm256_set1_epi64x(multiplier0),
                m1 = _mm256_set1_epi64x(multiplier1);
  for (int part = 0; part < 2; ++part) {
    const __m256i block =
        _mm256_add_epi64(_mm256_set1_epi64x(int64_t(first) + 4 * part), _mm256_setr_epi64x(0, 1, 2, 3));
    __m256i c0 = block, c1 = _mm256_srli_epi64(block, 32), c2 = _mm256_set1_epi64x(int64_t(counter)),
            c3 = _mm256_srli_epi64(c2, 32);
    uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const __m256i a = _mm256_mul_epu32(c0, m0), b = _mm256_mul_epu32(c2, m1);
      c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(b, 32), c1), _mm256_set1_epi64x(k0));
      c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(a, 32), c3), _mm256_set1_epi64x(k1));
      c1 = b, c3 = a;
      k0 += weyl0, k1 += weyl1;
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 8 * part),
                        _mm256_or_si256(_mm256_and_si256(c0, low), _mm256_slli_epi64(c2, 32)));
  }
}
#endif

}  // namespace

void philox_words(uint64_t key, uint64_t counter, uint64_t first, std::array<uint32_t, 16>& out) {
#if defined(__x86_64__)
  static const Isa isa = cpu_info().isa;
  if (isa == Isa::avx512) return words_avx512(key, counter, first, out.data());
  if (isa == Isa::avx2) return words_avx2(key, counter, first, out.data());
#endif
  for (uint64_t i = 0; i < 8; ++i) {
    const auto r = philox(key, counter, first + i);
    out[2 * i] = r[0], out[2 * i + 1] = r[2];
  }
}

}  // namespace neve::ops
