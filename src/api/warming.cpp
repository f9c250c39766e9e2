// Preparing sizes in a thread of low priority.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <thread>

#include "api/impl.h"
#include "base/interrupt.h"

namespace neve {

/// One background warm. Engine and handles share it; the last of them ends it.
struct Warming::Work {
  std::shared_ptr<runtime::EngineCore> core;  ///< kept, whatever becomes of the engine
  std::vector<std::vector<Sizes>> points;
  std::atomic<bool> stop{false};
  const pid_t process = getpid();
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::optional<Error> error;
  std::mutex joining;
  std::thread thread;

  ~Work() { end(); }

  void run() noexcept;
  /// Stops at the next kernel and returns when the thread has ended.
  void end() noexcept {
    stop = true;
    const std::lock_guard lock(joining);
    if (!thread.joinable()) return;
    if (getpid() == process)
      thread.join();
    else
      thread.detach();  // a child of fork: the thread is not there
  }
};

namespace {

// Of a thread, not of the process, on Linux. Where it is refused the work goes on as it is.
void be_polite() {
  // A thread that wakes up takes the core from an idle one at once; from one that is only nice, newer kernels let it
  // wait for a turn.
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) setpriority(PRIO_PROCESS, id_t(gettid()), 19);
}

/// All that go on, so that none outlives what a process takes down when it exits.
struct Going {
  std::mutex mutex;
  std::vector<std::weak_ptr<Warming::Work>> works;
};
Going& going() {
  static Going* all = new Going;  // never destroyed: handlers at exit come later
  return *all;
}

void end_all() {
  std::vector<std::weak_ptr<Warming::Work>> works;
  {
    const std::lock_guard lock(going().mutex);
    works.swap(going().works);
  }
  for (const auto& w : works)
    if (const auto work = w.lock()) work->end();
}

void remember(const std::shared_ptr<Warming::Work>& work) {
  const std::lock_guard lock(going().mutex);
  std::erase_if(going().works, [](const auto& w) { return w.expired(); });
  // What the thread may use by now was made before: it is taken down after the handler has run.
  if (going().works.empty()) std::atexit(end_all);
  going().works.push_back(work);
}

}  // namespace

void Warming::Work::run() noexcept {
  be_polite();
  std::optional<Error> wrong;
  try {
    const InterruptScope interrupt([this] {
      if (stop) fail(ErrorCode::cancelled, "warm: cancelled");
    });
    runtime::SessionCore session(core);
    for (const auto& sizes : points) {
      if (stop) fail(ErrorCode::cancelled, "warm: cancelled");
      session.warm(sizes);
    }
  } catch (const Error& e) {
    wrong = e;
  } catch (const std::bad_alloc&) {
    wrong = Error(ErrorCode::out_of_memory, "warm: out of memory");
  } catch (const std::exception& e) {
    wrong = Error(ErrorCode::internal, str("warm: ", e.what()));
  }
  const std::lock_guard lock(mutex);
  error = std::move(wrong);
  done = true;
  ended.notify_all();
}

Warming start_warming(std::shared_ptr<runtime::EngineCore> core, std::vector<std::vector<Sizes>> points) {
  auto work = std::make_shared<Warming::Work>();
  work->core = std::move(core);
  work->points = std::move(points);
  remember(work);
  // Signals are for threads that have a stack for them (docs/design/runtime.md).
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::optional<std::system_error> refused;
  try {
    work->thread = std::thread([w = work.get()] { w->run(); });  // joined before *w goes
  } catch (const std::system_error& e) {
    refused = e;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (refused) fail(ErrorCode::out_of_memory, "warm: no thread could be started: ", refused->what());
  return Warming(std::move(work));
}

void Warming::wait() const {
  Work& w = of(work_, "Warming");
  std::unique_lock lock(w.mutex);
  w.ended.wait(lock, [&] { return w.done; });
  if (w.error) throw Error(*w.error);
}
bool Warming::wait_for(double seconds) const {
  Work& w = of(work_, "Warming");
  std::unique_lock lock(w.mutex);
  return w.ended.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return w.done; });
}
bool Warming::done() const {
  Work& w = of(work_, "Warming");
  const std::lock_guard lock(w.mutex);
  return w.done;
}
std::string Warming::error() const {
  Work& w = of(work_, "Warming");
  const std::lock_guard lock(w.mutex);
  return w.error ? w.error->message() : "";
}
void Warming::cancel() const { of(work_, "Warming").end(); }

}  // namespace neve
