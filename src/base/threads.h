// The one thread pool: every parallel loop of Neve, of its JIT code and of oneDNN runs on it (helper.h is beside it,
// for what is not worth waking a thread). A thread without work waits busily for 50 microseconds at most, then it
// sleeps (with GNU OpenMP, unless the user sets GOMP_SPINCOUNT or OMP_WAIT_POLICY, or another library has brought it
// along before: see openmp/wait.cpp).
#pragma once
#include <cstdint>
#include <type_traits>

namespace neve {

/// CPUs this process may use: affinity, then cgroup v1/v2 quota (rounded up), then NEVE_NUM_THREADS / OMP_NUM_THREADS
/// where set. >= 1.
int available_threads();

/// How many threads copies between strided layouts use, which are asked for without a number of threads; at first
/// as many as there are cores for this process.
int copy_threads();
void set_copy_threads(int n);

/// A non-owning reference to a callable; valid while the callable lives.
template <class F>
class FunctionRef;
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f)  // NOLINT: implicit on purpose
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* o, A... a) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(o))(static_cast<A>(a)...);
        }) {}
  R operator()(A... a) const { return call_(object_, static_cast<A>(a)...); }

 private:
  void* object_;
  R (*call_)(void*, A...);
};

/// Splits [0, n) into at most `threads` contiguous parts of at least `grain` and runs `body(begin, end, part)` on them,
/// part in [0, threads). Runs in the calling thread when one part is enough. The body must not throw. The split depends
/// on n, grain and threads alone, so results do not depend on timing. Nested calls run serially.
void parallel_for(int64_t n, int64_t grain, int threads, FunctionRef<void(int64_t begin, int64_t end, int part)> body);

/// One of the pieces of a loop, and what it belongs to.
struct Piece {
  int64_t begin, end;  ///< a share of the items: those that follow each other, as parallel_for gives them to a part
  int64_t index;       ///< of the piece in the share: [0, (end - begin) * pieces of an item)
  int part;            ///< who runs it: no other piece of this part runs at the same time
};

struct PieceLoop {
  int64_t items;
  int64_t each = 1;   ///< pieces of an item
  int64_t grain = 1;  ///< items of a share, at least
  int64_t least = 1;  ///< pieces that are worth being taken over
};

/// Splits the items into shares as parallel_for does, and runs `body` on the pieces of all of them. A thread begins
/// with its own share, in order; when that is done, it takes over the later half of what another has left, if that half
/// is `least` pieces or more: the cores of a shared machine are rarely of one speed. What a piece computes must not
/// depend on who runs it or on what ran before. Costs some 20 nanoseconds a piece. The body must not throw.
void parallel_pieces(const PieceLoop& loop, int threads, FunctionRef<void(const Piece&)> body);

/// Told of every part of a parallel loop that was split, by the thread that ran it, when it has. For traces.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;
  /// Times are nanoseconds of the steady clock. Called by several threads at once; must not throw.
  virtual void part(int64_t begin, int64_t end) = 0;
};
/// One observer a process, null for none; the one before. It must live until it was replaced and no loop runs.
LoopObserver* observe_loops(LoopObserver* observer);

/// Sets how many threads library code (oneDNN) uses when called from this thread. A few nanoseconds.
void set_threads(int threads);
/// Sets how many threads library code (oneDNN) uses when called from this thread, until it is destroyed.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace neve

/// What JIT-compiled code calls: as parallel_for, with a plain function and its context.
extern "C" void neve_parallel_for(int64_t n, int64_t grain, int32_t threads,
                                  void (*body)(void* context, int64_t begin, int64_t end, int32_t part), void* context);
