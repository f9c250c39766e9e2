// Sessions that serve side by side, and a process that keeps the cores busy meanwhile: bench/serving.py starts both.
#include <neve/neve.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/impl.h"

namespace {
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
const char usage[] =
    "bench-serve ARCHIVE [--sessions N] [--seconds S] [--shape NAME=1x3x224x224[;NAME=...]]\n"
    "  N sessions of one engine, each in a thread of its own, call it for S seconds. Prints JSON: for each session "
    "its\n"
    "  calls, calls a second, and the median, 90th and 99th percentile of a call in ms. NEVE_NUM_THREADS: threads of "
    "a\n"
    "  session. --wait: begins when a line comes on standard input, after a line was written that all is ready.\n"
    "  --turns: the first session alone and all of them in turns; \"meanwhile\" has the calls of all together.\n"
    "  --warm N: in turns, nothing is done meanwhile, and the other sizes of the range (at most 64) are prepared in "
    "the\n"
    "  background: of the engine that is called, then of N copies of it, one after the other; \"meanwhile\" has the "
    "calls\n"
    "  at those times, \"prepared\" counts sizes.\n"
    "bench-serve --spin MS [--sessions N] [--seconds S]\n"
    "  The same of threads that multiply in registers for MS at a time: the tails that the machine itself has.\n"
    "bench-serve --busy N [--seconds S]\n"
    "  N threads compute for S seconds: the load beside which others are measured.\n";

struct Options {
  std::string archive, shape;
  int sessions = 1, busy = 0, warm = 0;
  double seconds = 2, spin = 0;
  bool wait = false, turns = false;
};

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--wait")
      o.wait = true;
    else if (a.rfind("--", 0) != 0 && o.archive.empty())
      o.archive = a;
    else if (a == "--turns")
      o.turns = true;
    else if (i + 1 == argc)
      return false;
    else if (a == "--sessions")
      o.sessions = std::atoi(argv[++i]);
    else if (a == "--busy")
      o.busy = std::atoi(argv[++i]);
    else if (a == "--spin")
      o.spin = std::atof(argv[++i]);
    else if (a == "--warm")
      o.warm = std::atoi(argv[++i]);
    else if (a == "--seconds")
      o.seconds = std::atof(argv[++i]);
    else if (a == "--shape")
      o.shape = argv[++i];
    else
      return false;
  }
  if (o.archive.empty() && (o.warm || !o.shape.empty())) return false;
  if (o.turns && (o.warm || o.busy)) return false;
  return o.sessions > 0 && o.seconds > 0 && (o.busy > 0) + (o.spin > 0) + !o.archive.empty() == 1;
}

void keep_busy(const Options& o) {
  const auto end = Clock::now() + std::chrono::duration<double>(o.seconds);
  std::vector<std::thread> threads;
  for (int t = 0; t < o.busy; ++t)
    threads.emplace_back([end] {
      volatile double x = 1;
      while (Clock::now() < end)
        for (int i = 0; i < 10000; ++i) x = x * 0.999 + 0.001;
    });
  for (std::thread& t : threads) t.join();
}

std::vector<neve::Sizes> sizes_of(const neve::jit::OptimizedModel& m, const std::string& text) {
  if (text.empty()) return m.ranges.ranges.at(0).opts.at(0);
  const neve::Range r = neve::parse_range(text);
  std::vector<neve::Sizes> sizes;
  for (const auto& p : m.core->inputs) sizes.push_back(r.min.at(p.name));
  return sizes;
}

// Sizes between the ends of the first range: every axis grows by one until it is at its end, the last when all are.
std::vector<neve::NamedSizes> others(const neve::jit::OptimizedModel& m) {
  const auto& range = m.ranges.ranges.at(0);
  std::vector<neve::NamedSizes> shapes;
  for (int k = 1; k <= 64; ++k) {
    neve::NamedSizes next;
    for (size_t i = 0; i < m.core->inputs.size(); ++i) {
      neve::Sizes s = range.min[i];
      for (size_t a = 0; a < s.size(); ++a) s[a] = std::min(s[a] + k, range.max[i][a]);
      next[m.core->inputs[i].name] = s;
    }
    if (!shapes.empty() && next == shapes.back()) break;
    shapes.push_back(std::move(next));
  }
  return shapes;
}

// When something more went on beside the first session's calls, and when not, one after the other.
class Turns {
 public:
  explicit Turns(double seconds)
      : length_(std::clamp(seconds / 10, 0.05, 0.3)),
        end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(seconds))) {}
  bool over() const { return Clock::now() >= end_; }
  /// From now on something more goes on, or not.
  void begin(bool more) { from_.push_back({Clock::now(), more}); }
  void pass() const { std::this_thread::sleep_for(length_); }
  bool passed() const { return Clock::now() - from_.back().first >= length_; }
  /// 1: more went on for most of the time; 0: never; -1: for a part of it.
  int of(Clock::time_point start, Clock::time_point end) const {
    Clock::duration more{0};
    for (size_t i = 0; i < from_.size(); ++i) {
      const auto until = i + 1 < from_.size() ? from_[i + 1].first : end;
      if (from_[i].second) more += std::max(Clock::duration{0}, std::min(until, end) - std::max(from_[i].first, start));
    }
    return more == Clock::duration{0} ? 0 : 2 * more > end - start ? 1 : -1;
  }

 private:
  Seconds length_;
  Clock::time_point end_;
  std::vector<std::pair<Clock::time_point, bool>> from_;
};

// Nothing for a turn, then sizes are prepared for one, again and again, until no engine is left or the time is over.
int prepare_in_turns(const std::vector<neve::Engine>& engines, Turns& turns) {
  const auto shapes = others(*engines[0].impl()->optimized);
  int prepared = 0;
  for (size_t e = 0; e < engines.size() && !turns.over();) {
    turns.begin(false);
    turns.pass();
    turns.begin(true);
    for (; e < engines.size() && !turns.passed(); ++e) {
      engines[e].warm_in_background(shapes).wait();
      prepared += int(shapes.size());
    }
  }
  turns.begin(false);
  return prepared;
}

double multiply(int64_t count) {
  double x = 1;
  for (int64_t i = 0; i < count; ++i) {
    x = x * 0.999 + 0.001;
    asm volatile("" : "+x"(x));  // every one of them, none beside another
  }
  return x;
}

// Multiplications that take so long where nothing interrupts them.
int64_t multiplications(double ms) {
  constexpr int64_t some = 20000;
  double least = 1e9;
  for (int i = 0; i < 50; ++i) {
    const auto start = Clock::now();
    multiply(some);
    least = std::min(least, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  return std::max<int64_t>(1, int64_t(some * ms / least));
}

// What a thread calls again and again.
using Call = std::function<void()>;

Call session_call(const neve::Engine& engine, const std::string& shape, uint64_t seed) {
  const auto& m = *engine.impl()->optimized;
  auto session = std::make_shared<neve::Session>(engine.session());
  return [session, in = neve::jit::generate_inputs(m.graph, sizes_of(m, shape), seed),
          out = std::vector<neve::Tensor>()]() mutable { session->run(in, out); };
}

using Span = std::pair<Clock::time_point, Clock::time_point>;

// Threads that call, those after the first only while they may.
class Callers {
 public:
  Callers(int sessions, bool in_turns, const std::function<Call(int)>& make) : spans_(size_t(sessions)) {
    rest_ = in_turns;
    for (int s = 0; s < sessions; ++s) threads_.emplace_back([this, s, make] { run(s, make(s)); });
    while (ready_ < sessions) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  /// They end by themselves a little later than that, if nothing else does: real-time threads leave no core to others.
  void start(double seconds) {
    end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(2 * seconds));
    go_ = true;
  }
  void rest(bool rest) {
    rest_ = rest;
    while (rest && Clock::now() < end_ && resting_ + 1 < int(threads_.size())) std::this_thread::sleep_for(pause);
  }
  /// The calls of every session.
  const std::vector<std::vector<Span>>& stop() {
    over_ = true;
    for (std::thread& t : threads_) t.join();
    return spans_;
  }

 private:
  static constexpr std::chrono::microseconds pause{200};
  static constexpr size_t most = size_t(1) << 22;

  void run(int s, const Call& call) {
    for (int i = 0; i < 3; ++i) call();
    std::vector<Span>& spans = spans_[size_t(s)];
    spans.reserve(most);
    ++ready_;
    while (!go_) std::this_thread::sleep_for(pause);
    for (auto now = Clock::now(); !over_ && now < end_ && spans.size() < most;) {
      if (s && rest_) {
        ++resting_;
        while (rest_ && !over_ && Clock::now() < end_) std::this_thread::sleep_for(pause);
        --resting_;
        now = Clock::now();
        continue;
      }
      call();
      const auto then = Clock::now();
      spans.emplace_back(now, then);
      now = then;
    }
  }

  std::vector<std::vector<Span>> spans_;
  Clock::time_point end_;
  std::atomic<int> ready_{0}, resting_{0};
  std::atomic<bool> go_{false}, rest_{false}, over_{false};
  std::vector<std::thread> threads_;
};

// What is printed of a session's calls.
std::string row(std::vector<double> ms) {
  if (ms.empty()) return "{\"n\": 0}";
  double sum = 0;
  for (double x : ms) sum += x;
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double q) { return ms[std::min(ms.size() - 1, size_t(q * double(ms.size())))]; };
  char text[200];
  std::snprintf(text, sizeof text,
                "{\"n\": %zu, \"calls_per_s\": %g, \"median_ms\": %g, \"p90_ms\": %g, \"p99_ms\": %g}", ms.size(),
                1e3 * double(ms.size()) / sum, at(0.5), at(0.9), at(0.99));
  return text;
}

void serve(const Options& o) {
  std::vector<neve::Engine> engines;
  for (int e = 0; e <= o.warm && o.spin <= 0; ++e) engines.push_back(neve::load(o.archive).engine());
  const int64_t count = o.spin > 0 ? multiplications(o.spin) : 0;
  Callers callers(o.sessions, o.turns, [&](int s) -> Call {
    if (engines.empty()) return [count] { multiply(count); };
    return session_call(engines[0], o.shape, uint64_t(s));
  });
  if (o.wait) {
    std::puts("ready");
    std::fflush(stdout);
    if (std::getchar() == EOF) std::exit(1);
  }
  callers.start(o.seconds);
  Turns turns(o.seconds);
  int prepared = 0;
  if (o.warm) {
    prepared = prepare_in_turns(engines, turns);
  } else {
    for (bool alone = o.turns; !turns.over(); alone = o.turns && !alone) {
      callers.rest(alone);
      turns.begin(!alone && o.turns);
      turns.pass();
    }
    turns.begin(false);
  }
  std::string rows[2];
  for (const auto& spans : callers.stop()) {
    std::vector<double> times[2];
    for (const Span& s : spans)
      if (const int turn = turns.of(s.first, s.second); turn >= 0)
        times[turn].push_back(std::chrono::duration<double, std::milli>(s.second - s.first).count());
    for (int turn = 0; turn < 2; ++turn) rows[turn] += (rows[turn].empty() ? "" : ", ") + row(times[turn]);
  }
  std::printf("{\"threads\": %d, \"prepared\": %d, \"sessions\": [%s], \"meanwhile\": [%s]}\n",
              engines.empty() ? 1 : engines[0].threads(), prepared, rows[0].c_str(), rows[1].c_str());
}
}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (!parse(argc, argv, o)) return std::fputs(usage, stderr), 2;
  try {
    o.busy ? keep_busy(o) : serve(o);
  } catch (const neve::Error& e) {
    std::fprintf(stderr, "bench-serve: %s\n", e.what());
    return 1;
  }
}
