// A library of its own, initialised before GNU OpenMP's: bounds how long its threads wait busily for work.
//
// libgomp reads its settings once, when it is initialised, and without any it spins for several milliseconds before a
// thread sleeps, which takes the cores from everybody else. The setting is an environment variable. It is set here and
// taken away by libneve's own initialisation, which comes after libgomp's, so that the process and its children see
// none of it. Where the user has set one, or libgomp was there before us, nothing is changed. Once there are more
// threads than cores, libgomp tries a hundred times (2.5 microseconds), whatever it is told.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

namespace {

// More than a thread needs to start where a hypervisor gives the cores (30 microseconds): who waits for a loop's end
// waits busily for as long, and falls asleep as well if a thread starts later. Not much more: two threads that the
// kernel puts on one core, since the other is taken, lose as much at each loop.
constexpr double most_ns = 50000;
constexpr int probes = 256;

const char* const ours = "GOMP_SPINCOUNT";
const char* const theirs[] = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"};
bool set = false;

double now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * double(t.tv_sec) + double(t.tv_nsec);
}

// One turn of libgomp's waiting: a load and a pause, whose time differs tenfold between processors. The least of a few
// tries: a thread that was interrupted would seem to pause for long.
double turn_ns() {
  static volatile int word = 0;
  double least = 1e9;
  for (int round = 0; round < 4; ++round) {
    const double start = now_ns();
    for (int i = 0; i < probes && word == 0; ++i) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    const double took = (now_ns() - start) / probes;
    if (took < least) least = took;
  }
  return least < 1 ? 1 : least;
}

__attribute__((constructor)) void set_wait() {
  for (const char* name : theirs)
    if (getenv(name)) return;
  char turns[32];
  snprintf(turns, sizeof turns, "%d", int(most_ns / turn_ns()));
  set = setenv(ours, turns, 0) == 0;
}

}  // namespace

/// Takes away what was set. Called once, by what is initialised after libgomp.
extern "C" void neve_wait_is_set() {
  if (!set) return;
  unsetenv(ours);
  set = false;
}
