// Philox4x32-10: random numbers that are a function of a key and a counter, so that no state has to be kept.
#pragma once
#include <array>
#include <cstdint>

namespace neve::ops {

/// 128 random bits for block `block` of draw number `counter` under `key` (Salmon et al., "Parallel random numbers: as
/// easy as 1, 2, 3", 2011).
inline std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter, uint64_t block) {
  std::array<uint32_t, 4> c = {uint32_t(block), uint32_t(block >> 32), uint32_t(counter), uint32_t(counter >> 32)};
  uint32_t k0 = uint32_t(key), k1 = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * c[0], b = uint64_t(0xCD9E8D57u) * c[2];
    c = {uint32_t(b >> 32) ^ c[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ k1, uint32_t(a)};
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return c;
}

/// Words 0 and 2 of eight blocks from `first` on, block by block.
void philox_words(uint64_t key, uint64_t counter, uint64_t first, std::array<uint32_t, 16>& out);

/// In [0, 1), with 53 bits.
inline double unit_double(uint32_t high, uint32_t low) { return double((uint64_t(high) << 32 | low) >> 11) * 0x1p-53; }

}  // namespace neve::ops
