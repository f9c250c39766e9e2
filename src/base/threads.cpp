// The thread pool: OpenMP where built with it, else threads of our own (NEVE_THREADS_STD).
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/thread_limit.h"

#ifndef NEVE_THREADS_STD
#include <omp.h>
#else
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>
#endif

#ifndef NEVE_THREADS_STD
extern "C" void neve_wait_is_set();
#endif

namespace neve {
namespace {

#ifndef NEVE_THREADS_STD
[[maybe_unused]] const bool waiting = [] { return neve_wait_is_set(), true; }();  // libgomp is initialised by now
#endif

constexpr int max_threads = 1024;

int affinity_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  const long n = sysconf(_SC_NPROCESSORS_ONLN);  // more CPUs than the set holds
  return n > 0 ? int(n) : 1;
}

int quota_count() {
  double limit = 0;
  try {
    limit = cgroup_cpu_limit(read_file("/proc/self/cgroup"));
  } catch (const Error&) {  // no /proc: no limit that could be known
  }
  return limit > 0 ? std::max(int(std::ceil(limit)), 1) : max_threads;
}

/// The number in an environment variable, 0 if it is not set. OMP_NUM_THREADS may be a list, of which the first counts.
int environment_count(const char* name, bool strict) {
  const char* text = std::getenv(name);
  if (!text || !*text) return 0;
  const std::string_view v(text);
  int n = 0;
  const auto [end, status] = std::from_chars(v.data(), v.data() + v.size(), n);
  const bool whole = end == v.data() + v.size() || (!strict && *end == ',');
  if (status == std::errc() && whole && n >= 1 && n <= max_threads) return n;
  if (strict)
    fail(ErrorCode::invalid_argument, name, ": '", v, "' is not a number of threads (1 to ", max_threads, ")");
  return 0;  // OpenMP warns about its own variables
}

int count_available() {
  if (const int n = environment_count("NEVE_NUM_THREADS", true)) return n;
  if (const int n = environment_count("OMP_NUM_THREADS", false)) return n;
  return std::min({affinity_count(), quota_count(), max_threads});
}

/// Threads do not survive fork(), and the child would wait for them for ever: a child of a process that has used the
/// pool runs everything in the calling thread.
std::atomic<bool> pool_used{false}, forked{false};
std::atomic<int> thread_limit{0};

void note_use() {
  if (pool_used.load(std::memory_order_relaxed)) return;
  static const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });
  if (registered == 0) pool_used = true;
}

using Body = FunctionRef<void(int64_t, int64_t, int)>;
std::atomic<LoopObserver*> loop_observer{nullptr};

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// A loop cut into parts; the cut depends on n and parts alone.
struct Loop {
  int64_t n;
  int parts;
  Body body;
  std::pair<int64_t, int64_t> range(int part) const {
    const int64_t small = n / parts, larger = n % parts;
    const int64_t begin = part * small + std::min<int64_t>(part, larger);
    return {begin, begin + small + (part < larger)};
  }
  void run(int part) const {
    const auto [begin, end] = range(part);
    LoopObserver* observer = loop_observer.load(std::memory_order_acquire);
    const int64_t start = observer ? now() : 0;
    body(begin, end, part);
    if (observer) observer->part(start, now());
  }
  void run_all() const {
    for (int p = 0; p < parts; ++p) run(p);
  }
};

#ifndef NEVE_THREADS_STD

bool inside_loop() { return omp_in_parallel(); }

void run_parallel(const Loop& loop) {
  const int limit = thread_limit.load(std::memory_order_relaxed);
#pragma omp parallel num_threads(limit ? std::min(limit, loop.parts) : loop.parts)
  {
    const int threads = omp_get_num_threads();  // may be fewer than asked for
    for (int p = omp_get_thread_num(); p < loop.parts; p += threads) loop.run(p);
  }
}

void end_threads() { omp_pause_resource(omp_pause_soft, omp_get_initial_device()); }

int library_threads() { return omp_get_max_threads(); }
void set_library_threads(int n) { omp_set_num_threads(n); }

#else

thread_local bool in_loop = false;
thread_local int library_count = 0;  // 0: not set

bool inside_loop() { return in_loop; }

/// Workers that sleep between loops. The caller works on its own loop too, so that loops of several callers never wait
/// for each other.
class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;  // never destroyed: workers may outlive main
    return *pool;
  }

  void run(const Loop& loop) {
    Job job{&loop};
    {
      const std::lock_guard lock(mutex_);
      while (int(workers_) < loop.parts - 1) {
        std::thread([this] { work(); }).detach();
        ++workers_;
      }
      jobs_.push_back(&job);
    }
    wake_.notify_all();
    std::unique_lock lock(mutex_);
    while (job.next < loop.parts) step(job, lock);
    std::erase(jobs_, &job);
    done_.wait(lock, [&] { return job.finished == loop.parts; });
  }

 private:
  struct Job {
    const Loop* loop;
    int next = 0, finished = 0;
  };

  /// Runs one part, without the lock.
  void step(Job& job, std::unique_lock<std::mutex>& lock) {
    const int part = job.next++;
    const Loop& loop = *job.loop;
    lock.unlock();
    in_loop = true;
    loop.run(part);
    in_loop = false;
    lock.lock();
    if (++job.finished == loop.parts) done_.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto open = std::find_if(jobs_.begin(), jobs_.end(), [](const Job* j) { return j->next < j->loop->parts; });
      if (open == jobs_.end())
        wake_.wait(lock);
      else
        step(**open, lock);
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Job*> jobs_;
  size_t workers_ = 0;
};

void run_parallel(const Loop& loop) { Pool::instance().run(loop); }

void end_threads() {}  // those of the pool are everybody's

int library_threads() { return library_count; }
void set_library_threads(int n) { library_count = n; }

#endif

/// What a part of parallel_pieces has left: pieces [first, last) of a share, in one word.
struct Left {
  static constexpr int bits = 24;  // of a number of pieces; the rest is for the share
  static constexpr int64_t most = (int64_t(1) << bits) - 1;

  uint64_t share, first, last;
  explicit Left(uint64_t word)
      : share(word >> (2 * bits)), first(word >> bits & uint64_t(most)), last(word & uint64_t(most)) {}
  Left(uint64_t s, uint64_t f, uint64_t l) : share(s), first(f), last(l) {}
  uint64_t word() const { return share << (2 * bits) | first << bits | last; }
  uint64_t count() const { return last - first; }
};

/// A line of its own: others write to it only when they take over. Not initialised before it is used.
struct alignas(64) LeftWord {
  uint64_t word;
};

class Pieces {
 public:
  Pieces(const Loop& shares, int64_t each, int64_t least, LeftWord* left, FunctionRef<void(const Piece&)> body)
      : shares_(shares), each_(each), least_(uint64_t(std::max<int64_t>(least, 1))), left_(left), body_(body) {
    for (int p = 0; p < shares.parts; ++p) {
      const auto [begin, end] = shares.range(p);
      left_[p].word = Left(uint64_t(p), 0, uint64_t((end - begin) * each)).word();
    }
  }
  void run(int part) {
    do {
      for (std::optional<Left> own; (own = take(left_of(part)));) {
        const auto [begin, end] = shares_.range(int(own->share));
        body_({begin, end, int64_t(own->first), part});
      }
    } while (take_over(part));
  }

 private:
  std::atomic_ref<uint64_t> left_of(int part) const { return std::atomic_ref<uint64_t>(left_[part].word); }

  /// The first of the pieces that are left.
  static std::optional<Left> take(std::atomic_ref<uint64_t> from) {
    uint64_t now = from.load(std::memory_order_relaxed);
    for (;;) {
      const Left l(now);
      if (!l.count()) return {};
      if (from.compare_exchange_weak(now, Left(l.share, l.first + 1, l.last).word(), std::memory_order_relaxed))
        return l;
    }
  }
  /// The later half of what another part has left becomes this part's own.
  bool take_over(int part) {
    for (int i = 1; i < shares_.parts; ++i) {
      const std::atomic_ref<uint64_t> from = left_of((part + i) % shares_.parts);
      uint64_t now = from.load(std::memory_order_relaxed);
      for (Left l(now); (l.count() + 1) / 2 >= least_; l = Left(now)) {
        const uint64_t middle = l.last - (l.count() + 1) / 2;
        if (!from.compare_exchange_weak(now, Left(l.share, l.first, middle).word(), std::memory_order_relaxed))
          continue;
        left_of(part).store(Left(l.share, middle, l.last).word(), std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }

  const Loop& shares_;
  int64_t each_;
  uint64_t least_;
  LeftWord* left_;
  FunctionRef<void(const Piece&)> body_;
};

constexpr int most_sharing = 64;  // parts: with more, nobody takes over anything

}  // namespace

namespace {
std::atomic<int> threads_of_copies{0};
}  // namespace

int copy_threads() {
  const int n = threads_of_copies.load(std::memory_order_relaxed);
  if (n) return n;
  const int found = available_threads();
  threads_of_copies.store(found, std::memory_order_relaxed);
  return found;
}
void set_copy_threads(int n) { threads_of_copies.store(n, std::memory_order_relaxed); }

int available_threads() {
  static const int count = count_available();
  return count;
}

namespace {
/// In how many parts a loop is cut.
int parts_of(int64_t n, int64_t grain, int threads) {
  const int64_t most = std::max<int64_t>(n / std::max<int64_t>(grain, 1), 1);
  return int(std::min<int64_t>(std::clamp(threads, 1, max_threads), most));
}
}  // namespace

void parallel_for(int64_t n, int64_t grain, int threads, Body body) {
  if (n <= 0) return;
  const Loop loop{n, parts_of(n, grain, threads), body};
  if (loop.parts == 1) return body(0, n, 0);
  if (thread_limit.load(std::memory_order_relaxed) == 1) return loop.run_all();
  if (inside_loop() || forked.load(std::memory_order_relaxed)) return loop.run_all();
  note_use();
  run_parallel(loop);
}

void parallel_pieces(const PieceLoop& loop, int threads, FunctionRef<void(const Piece&)> body) {
  const int64_t n = loop.items, each = loop.each;
  if (n <= 0 || each <= 0) return;
  const int parts = parts_of(n, loop.grain, threads);
  const auto alone = [&](int64_t begin, int64_t end, int part) {
    for (int64_t i = 0; i < (end - begin) * each; ++i) body({begin, end, i, part});
  };
  if (parts == 1 || parts > most_sharing || n > Left::most / each) return parallel_for(n, loop.grain, threads, alone);
  LeftWord left[most_sharing];
  const Loop shares{n, parts, alone};
  Pieces pieces(shares, each, loop.least, left, body);
  parallel_for(parts, 1, parts, [&](int64_t begin, int64_t end, int) {
    for (int64_t p = begin; p < end; ++p) pieces.run(int(p));
  });
}

LoopObserver* observe_loops(LoopObserver* observer) {
  return loop_observer.exchange(observer, std::memory_order_acq_rel);
}

void limit_threads(int n) { thread_limit.store(n, std::memory_order_relaxed); }
int thread_limit_now() { return thread_limit.load(std::memory_order_relaxed); }

void release_threads() {
  note_use();  // the library's loops have used it
  if (!inside_loop() && !forked.load(std::memory_order_relaxed)) end_threads();
}

void set_threads(int threads) {
  set_library_threads(forked.load(std::memory_order_relaxed) ? 1 : std::clamp(threads, 1, max_threads));
}

ThreadScope::ThreadScope(int threads) : before_(library_threads()) { set_threads(threads); }
ThreadScope::~ThreadScope() { set_library_threads(before_); }

}  // namespace neve

extern "C" void neve_parallel_for(int64_t n, int64_t grain, int32_t threads,
                                  void (*body)(void* context, int64_t begin, int64_t end, int32_t part),
                                  void* context) {
  neve::parallel_for(n, grain, threads, [&](int64_t begin, int64_t end, int part) { body(context, begin, end, part); });
}
