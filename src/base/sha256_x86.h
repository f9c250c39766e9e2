// SHA-256 blocks with the SHA instructions of x86 CPUs.
#pragma once
#include <cstddef>
#include <cstdint>

namespace neve {

/// False on other CPUs; then sha256_blocks_x86 must not be called.
bool has_sha_instructions();
/// Takes `blocks` blocks of 64 bytes at p into the state; k are the 64 round constants.
void sha256_blocks_x86(uint32_t state[8], const uint8_t* p, size_t blocks, const uint32_t k[64]);

}  // namespace neve
