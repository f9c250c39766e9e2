// Blocks of memory for tensors: small ones are kept by each thread, large ones by the process, to be used again.
#pragma once
#include <cstddef>

namespace neve {

/// At least `bytes`, 64-byte aligned (2 MiB for blocks of 4 MiB and more). Not initialised. Null when there is none.
/// `taken` is what free_block needs to know. Thread-safe.
void* allocate_block(size_t bytes, size_t& taken);
void free_block(void* block, size_t taken) noexcept;

/// Lets the process keep up to this many bytes of freed large blocks; 0 (at first) keeps none. Fresh pages cost more
/// than most operations on them, so immediate execution keeps some; engines plan their memory and need none.
void keep_blocks(size_t bytes);
/// Gives all kept large blocks back to the system.
void release_kept_blocks();
size_t kept_block_bytes();

}  // namespace neve
