// The threads of parallel loops: a bound that leaves their split into parts, and so their results, as it is; their end.
#pragma once

namespace neve {

/// At most n threads work on the parts of one parallel_for of this process; 0: as many as there are parts.
void limit_threads(int n);
int thread_limit_now();

/// Ends the threads that the calling thread's parallel loops have started; its next one starts others (0.1 ms). For the
/// end of long work in a thread that may run no more: libgomp counts threads, asleep or not, and lets none wait busily
/// once there are more than cores.
void release_threads();
/// Does so when it is destroyed.
struct ReleaseThreads {
  ReleaseThreads() = default;
  ~ReleaseThreads() { release_threads(); }
  ReleaseThreads(const ReleaseThreads&) = delete;
  ReleaseThreads& operator=(const ReleaseThreads&) = delete;
};

}  // namespace neve
