// Size classes, the thread's own small blocks, and the process's large ones.
#include "base/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace neve {
namespace {

// The address sanitizer sees the ends of blocks, and uses of freed ones, only where nothing is rounded up or kept.
#if defined(__has_feature)
#define NEVE_HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define NEVE_HAS_ASAN 1
#else
#define NEVE_HAS_ASAN 0
#endif
constexpr bool exact_blocks = NEVE_HAS_ASAN;

constexpr size_t alignment = 64, huge_page = size_t(1) << 21, address_space = size_t(1) << 47;
constexpr size_t small_classes = 8;  // 64, 128, ... 8192 bytes
constexpr size_t small_limit = alignment << (small_classes - 1);
constexpr size_t kept_small = 64;

size_t small_class(size_t bytes) { return bytes <= alignment ? 0 : size_t(std::bit_width((bytes - 1) / alignment)); }

// Four classes for each power of two: at most a quarter is lost.
size_t round_large(size_t bytes) {
  const size_t step = std::max<size_t>(std::bit_floor(bytes) / 4, alignment);
  return (bytes + step - 1) / step * step;
}

struct ThreadBlocks {
  std::array<std::array<void*, kept_small>, small_classes> block;
  std::array<uint32_t, small_classes> count{};
  ~ThreadBlocks() {
    for (size_t c = 0; c < small_classes; ++c)
      while (count[c]) std::free(block[c][--count[c]]);
    alive = false;
  }
  static thread_local bool alive;
};
thread_local bool ThreadBlocks::alive = true;
ThreadBlocks& thread_blocks() {
  thread_local ThreadBlocks t;
  return t;
}

struct Kept {
  void* block;
  size_t bytes;
};
std::mutex kept_mutex;
std::atomic<size_t> kept_limit{0};
std::atomic<size_t> live_now{0}, live_most{0};  // of large blocks
// Kept blocks are bounded by what was in use at most, so that a process does not grow without need. A network's layers
// have results of many sizes, few of which serve for others: EfficientNet at batch 8 keeps 220 MB, and with 64 MB here
// took 300 MB of fresh pages at every call.
constexpr size_t least_room = size_t(256) << 20;
size_t room() { return std::min(kept_limit.load(std::memory_order_relaxed), least_room + live_most / 2); }

void count_live(size_t bytes) {
  const size_t now = live_now.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  size_t most = live_most.load(std::memory_order_relaxed);
  while (now > most && !live_most.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}
size_t kept_now = 0;
// Never destroyed: tensors of static lifetime are freed late.
std::vector<Kept>& kept() {
  static auto* list = new std::vector<Kept>;
  return *list;
}

/// The smallest kept block that fits, the last one freed of those; `bytes` becomes its size. Half as much again is not
/// too large: pages that are there already cost less than fresh ones.
void* take_kept(size_t& bytes) {
  if (!kept_limit.load(std::memory_order_relaxed)) return nullptr;
  std::lock_guard lock(kept_mutex);
  std::vector<Kept>& list = kept();
  const size_t most = bytes < huge_page ? bytes : bytes + bytes / 2;
  size_t best = list.size();
  for (size_t i = list.size(); i-- > 0;) {
    if (list[i].bytes < bytes || list[i].bytes > most) continue;
    if (best == list.size() || list[i].bytes < list[best].bytes) best = i;
    if (list[best].bytes == bytes) break;
  }
  if (best == list.size()) return nullptr;
  void* p = list[best].block;
  bytes = list[best].bytes;
  list.erase(list.begin() + std::ptrdiff_t(best));
  kept_now -= bytes;
  return p;
}

bool keep(void* block, size_t bytes) {
  const size_t limit = room();
  if (bytes > limit) return false;
  std::vector<void*> dropped;
  {
    std::lock_guard lock(kept_mutex);
    std::vector<Kept>& list = kept();
    size_t first = 0;
    for (; first < list.size() && kept_now + bytes > limit; ++first) {
      dropped.push_back(list[first].block);
      kept_now -= list[first].bytes;
    }
    list.erase(list.begin(), list.begin() + std::ptrdiff_t(first));
    list.push_back({block, bytes});
    kept_now += bytes;
  }
  for (void* p : dropped) std::free(p);
  return true;
}

bool try_keep(void* block, size_t bytes) noexcept {
  try {
    return keep(block, bytes);
  } catch (const std::bad_alloc&) {  // no memory for the list
    return false;
  }
}

}  // namespace

void* allocate_block(size_t bytes, size_t& taken) {
  if constexpr (exact_blocks) {
    taken = std::max<size_t>(bytes, 1);
    void* p = nullptr;
    return bytes < address_space && posix_memalign(&p, alignment, taken) == 0 ? p : nullptr;
  }
  if (bytes <= small_limit) {
    const size_t c = small_class(bytes);
    taken = alignment << c;
    if (ThreadBlocks::alive) {
      ThreadBlocks& t = thread_blocks();
      if (t.count[c]) return t.block[c][--t.count[c]];
    }
    return std::aligned_alloc(alignment, taken);
  }
  if (bytes >= address_space) return nullptr;
  taken = round_large(bytes);
  const bool huge = taken >= 2 * huge_page;
  if (huge) taken = (taken + huge_page - 1) / huge_page * huge_page;
  void* p = take_kept(taken);
  count_live(taken);
  if (p) return p;
  p = std::aligned_alloc(huge ? huge_page : alignment, taken);
  if (p && huge) ::madvise(p, taken, MADV_HUGEPAGE);  // fewer page faults; no matter if refused
  if (!p && kept_block_bytes()) {
    release_kept_blocks();
    p = std::aligned_alloc(huge ? huge_page : alignment, taken);
  }
  if (!p) live_now.fetch_sub(taken, std::memory_order_relaxed);
  return p;
}

void free_block(void* block, size_t taken) noexcept {
  if (!block) return;
  if constexpr (exact_blocks) return std::free(block);
  if (taken <= small_limit) {
    if (ThreadBlocks::alive) {
      ThreadBlocks& t = thread_blocks();
      const size_t c = small_class(taken);
      if (t.count[c] < kept_small) {
        t.block[c][t.count[c]++] = block;
        return;
      }
    }
  } else {
    live_now.fetch_sub(taken, std::memory_order_relaxed);
    if (kept_limit.load(std::memory_order_relaxed) && try_keep(block, taken)) return;
  }
  std::free(block);
}

void keep_blocks(size_t bytes) {
  kept_limit = bytes;
  if (!bytes) release_kept_blocks();
}

void release_kept_blocks() {
  std::vector<Kept> list;
  {
    std::lock_guard lock(kept_mutex);
    list.swap(kept());
    kept_now = 0;
  }
  for (const Kept& k : list) std::free(k.block);
}

size_t kept_block_bytes() {
  std::lock_guard lock(kept_mutex);
  return kept_now;
}

}  // namespace neve
