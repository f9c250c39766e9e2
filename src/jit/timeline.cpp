// Traces: what every thread did when, in the Trace Event Format that Perfetto and chrome://tracing read.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"
#include "jit/profile.h"

namespace neve::jit {
using nlohmann::json;
using runtime::StepEvent;

namespace {

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int this_thread() { return int(syscall(SYS_gettid)); }

/// Time that a thread of this process was on a CPU; 0 for one that is gone.
int64_t cpu_ns(int thread) {
  // The kernel's number for "CPU time of that thread", which pthread_getcpuclockid gives for handles only.
  const auto clock = clockid_t((~unsigned(thread) << 3) | 6);
  timespec t{};
  return clock_gettime(clock, &t) == 0 ? int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec : 0;
}

/// Parts of parallel loops as their threads report them, while it lives.
class Parts final : public LoopObserver {
 public:
  struct Part {
    int thread;
    int64_t begin, end;
  };
  Parts() : before_(observe_loops(this)) {}
  ~Parts() override { observe_loops(before_); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  void part(int64_t begin, int64_t end) override {
    static thread_local const int thread = this_thread();
    const std::lock_guard lock(mutex_);
    if (parts_.size() < most) parts_.push_back({thread, begin, end});
  }
  std::vector<Part> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(parts_, {});
  }

 private:
  static constexpr size_t most = 1 << 20;  // a trace beyond that is of no use to anyone
  LoopObserver* before_;
  std::mutex mutex_;
  std::vector<Part> parts_;
};

/// A step that ran, and what the other threads' clocks went on meanwhile.
struct Step {
  const plan::Instr* instr;
  int64_t begin, end;
  int threads;
  std::vector<int64_t> cpu;  ///< per worker
};

class Timeline {
 public:
  explicit Timeline(int threads) : caller_(this_thread()), start_(now_ns()) { find_workers(threads); }

  void step(const StepEvent& e) {
    Step s{&e.program.plan().instrs[size_t(e.instr)], e.start, e.start + e.nanoseconds, e.threads, {}};
    for (size_t w = 0; w < workers_.size(); ++w) {
      const int64_t now = cpu_ns(workers_[w]);
      s.cpu.push_back(now - std::exchange(cpu_[w], now));
    }
    steps_.push_back(std::move(s));
  }
  void run(int64_t begin, int64_t end) { runs_.push_back({begin, end}); }

  std::string text() {
    std::vector<Parts::Part> parts = parts_.take();
    for (const Parts::Part& p : parts)
      if (p.thread != caller_ && std::find(workers_.begin(), workers_.end(), p.thread) == workers_.end())
        workers_.push_back(p.thread);
    header();
    for (size_t r = 0; r < runs_.size(); ++r)
      add(caller_, "run", str("run ", r + 1), runs_[r].first, runs_[r].second, json::object());
    // Told at their end: those that hold others come after them. A viewer wants the outer one first.
    std::stable_sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    });
    for (const Step& s : steps_) add(caller_, category(s), ops_text(*s.instr), s.begin, s.end, arguments(s));
    std::vector<bool> shared(steps_.size(), false);
    for (const Parts::Part& p : parts) add_part(p, shared);
    for (size_t i = 0; i < steps_.size(); ++i)
      if (!shared[i]) add_library_work(steps_[i]);
    return json{{"traceEvents", std::move(events_)}, {"displayTimeUnit", "ms"}}.dump(0, ' ', false,
                                                                                     json::error_handler_t::replace);
  }

 private:
  // The pool's threads, as a loop that takes long enough for all of them to have a part tells them.
  void find_workers(int threads) {
    parallel_for(threads, 1, threads, [&](int64_t, int64_t, int) {
      const int64_t until = now_ns() + 200'000;
      while (now_ns() < until) {
      }
    });
    for (const Parts::Part& p : parts_.take())
      if (p.thread != caller_ && std::find(workers_.begin(), workers_.end(), p.thread) == workers_.end())
        workers_.push_back(p.thread);
    for (int w : workers_) cpu_.push_back(cpu_ns(w));
  }

  void header() {
    auto name = [&](const char* what, int thread, const std::string& text) {
      events_.push_back(
          {{"ph", "M"}, {"name", what}, {"pid", getpid()}, {"tid", thread}, {"ts", 0}, {"args", {{"name", text}}}});
    };
    name("process_name", caller_, "neve");
    name("thread_name", caller_, "caller");
    for (size_t w = 0; w < workers_.size(); ++w) name("thread_name", workers_[w], str("worker ", w + 1));
  }

  void add(int thread, const std::string& category, const std::string& name, int64_t begin, int64_t end, json args) {
    events_.push_back({{"ph", "X"},
                       {"name", name},
                       {"cat", category},
                       {"pid", getpid()},
                       {"tid", thread},
                       {"ts", double(begin - start_) * 1e-3},
                       {"dur", double(end - begin) * 1e-3},
                       {"args", std::move(args)}});
  }

  static std::string category(const Step& s) {
    const std::string& choice = s.instr->choice;
    return choice.substr(0, choice.find('.'));
  }
  static json arguments(const Step& s) {
    json a = {{"kernel", s.instr->description.empty() ? s.instr->choice : s.instr->description},
              {"threads", s.threads}};
    if (!s.instr->name.empty()) a["node"] = s.instr->name;
    if (!s.instr->location.empty()) a["source"] = s.instr->location;
    return a;
  }

  // The innermost step that was running at a time.
  size_t step_at(int64_t t) const {
    size_t found = steps_.size();
    auto it = std::upper_bound(steps_.begin(), steps_.end(), t, [](int64_t x, const Step& s) { return x < s.begin; });
    for (int back = 0; it != steps_.begin() && back < 64; ++back) {
      --it;
      if (t < it->end) {
        found = size_t(it - steps_.begin());
        break;
      }
    }
    return found;
  }

  void add_part(const Parts::Part& p, std::vector<bool>& shared) {
    const size_t i = step_at(p.begin);
    if (i == steps_.size()) return;  // before or after the runs
    if (p.thread != caller_) shared[i] = true;
    const bool own = p.thread == caller_;
    add(p.thread, own ? "part" : category(steps_[i]), own ? "part" : ops_text(*steps_[i].instr), p.begin, p.end,
        own ? json::object() : arguments(steps_[i]));
  }

  // A library splits its work by itself and tells nobody; that a thread was on a CPU meanwhile can be seen.
  void add_library_work(const Step& s) {
    if (s.threads < 2) return;
    for (size_t w = 0; w < s.cpu.size(); ++w) {
      if (s.cpu[w] * 20 < s.end - s.begin) continue;
      json a = arguments(s);
      a["cpu_us"] = double(s.cpu[w]) * 1e-3;
      a["note"] = "inside the library; cpu_us is what the thread was on a CPU, waiting for the others included";
      add(workers_[w], category(s), ops_text(*s.instr), s.begin, s.end, std::move(a));
    }
  }

  Parts parts_;
  int caller_;
  int64_t start_;
  std::vector<int> workers_;
  std::vector<int64_t> cpu_;  // of the workers, at the end of the last step
  std::vector<Step> steps_;
  std::vector<std::pair<int64_t, int64_t>> runs_;
  json events_ = json::array();
};

}  // namespace

std::string trace_text(runtime::SessionCore& session, std::span<const Tensor> in, int runs) {
  if (runs < 1) fail(ErrorCode::invalid_argument, "trace: ", runs, " runs (1 or more)");
  static std::mutex one_at_a_time;  // the pool has one observer
  const std::lock_guard lock(one_at_a_time);
  std::vector<Tensor> out;
  session.run(in, out);
  const ThreadScope scope(session.engine().threads);
  Timeline line(session.engine().threads);
  struct Observing {
    runtime::SessionCore& session;
    ~Observing() { session.observe({}); }
  } observing{session};
  session.observe([&](const StepEvent& e) {
    check_interrupt();
    line.step(e);
  });
  for (int r = 0; r < runs; ++r) {
    const int64_t begin = now_ns();
    session.run(in, out);
    line.run(begin, now_ns());
  }
  return line.text();
}

}  // namespace neve::jit
