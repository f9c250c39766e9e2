// The helper thread: one word says whether it sleeps, waits, belongs to a caller or has work.
#include "base/helper.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/thread_limit.h"

namespace neve {
namespace {

using Clock = std::chrono::steady_clock;
using Body = FunctionRef<void(int)>;

constexpr auto close_calls = std::chrono::microseconds(20), most_waiting = std::chrono::microseconds(30);
constexpr int calls_to_wake = 32, calls_without = 1000, few_without = 4, enough_in_time = 64;
constexpr int probes = 32;           // between looks at the clock
constexpr int patient_turns = 1000;  // of waiting for the helper's half, before the core is offered to others

enum State : uint32_t { absent, asleep, waking, waiting, owned, offered, working };

struct Helper {
  std::atomic<uint32_t> state{absent};
  const Body* body = nullptr;  // of the one who owns it, while it is offered or worked on
};
// Of static storage without a destructor: the thread may outlive main.
Helper helper;

struct Caller {
  bool inside = false, owns = false;
  int close = 0;  // calls in a row that came closely; less than none: the helper came too late
  Clock::time_point end;
  int in_time = 0;            // halves that the helper took since it last came too late
  int without = few_without;  // calls that go without it when it comes too late the next time

  /// Once is chance, as when the hypervisor takes the core away for a moment; again and again, and its core has other
  /// work.
  void came_late() {
    without = in_time >= enough_in_time ? few_without : std::min(without * 4, calls_without);
    in_time = 0;
    close = -without;
  }
};
thread_local Caller caller;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

bool change(uint32_t from, uint32_t to) {
  return helper.state.compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}

void serve() {
  auto since = Clock::now();
  for (int n = 1;; ++n) {
    const uint32_t state = helper.state.load(std::memory_order_acquire);
    if (state == asleep) {
      helper.state.wait(asleep, std::memory_order_acquire);
    } else if (state == waking) {
      change(waking, waiting);  // not before it runs: nobody is to offer it work until then
      since = Clock::now();
    } else if (state == offered) {
      if (!change(offered, working)) continue;
      (*helper.body)(1);
      helper.state.store(owned, std::memory_order_release);
      since = Clock::now();
    } else {
      // Even if it belongs to a caller: one that was interrupted has no use for it.
      if (n % probes == 0 && Clock::now() - since > most_waiting) change(state, asleep);
      pause();
    }
  }
}

void wake() {
  if (change(absent, waking)) {
    static const int registered = pthread_atfork(nullptr, nullptr, [] {
      helper.state = absent;  // threads do not survive fork()
      caller.owns = false;
    });
    try {
      if (registered == 0) return std::thread(serve).detach();
    } catch (const std::system_error&) {  // as many threads as there may be
    }
    helper.state = absent;
    caller.close = -calls_without;
  }
  if (change(asleep, waking)) helper.state.notify_one();
}

}  // namespace

HelperScope::HelperScope(bool wanted) : outermost_(wanted && !caller.inside) {
  if (!outermost_) return;
  Caller& c = caller;
  c.inside = true;
  const bool close = Clock::now() - c.end < close_calls;
  c.close = close || c.close < 0 ? c.close + 1 : 0;
  if (c.close < calls_to_wake || thread_limit_now() == 1) return;
  c.close = calls_to_wake;
  c.owns = change(waiting, owned);
  if (!c.owns) wake();
}

HelperScope::~HelperScope() {
  if (!outermost_) return;
  Caller& c = caller;
  c.inside = false;
  if (c.owns) change(owned, waiting);
  c.owns = false;
  c.end = Clock::now();
}

void run_halves(Body body) {
  if (caller.owns) {
    helper.body = &body;
    if (change(owned, offered)) {
      body(0);
      if (change(offered, owned)) {  // its core has other work: without it for a while
        caller.came_late();
        return body(1);
      }
      ++caller.in_time;
      for (int n = 0; helper.state.load(std::memory_order_acquire) == working; ++n)
        n < patient_turns ? pause() : void(sched_yield());
      return;
    }
    caller.owns = false;  // it went to sleep
  }
  body(0);
  body(1);
}

}  // namespace neve
