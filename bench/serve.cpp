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
const char usage[] =
    "bench-serve ARCHIVE [--sessions N] [--seconds S] [--shape NAME=1x3x224x224[;NAME=...]]\n"
    "  N sessions of one engine, each in a thread of its own, call it for S seconds. Prints JSON: calls a second of "
    "all\n"
    "  together, and for each session the median, 90th and 99th percentile of a call in ms. NEVE_NUM_THREADS: threads "
    "of\n"
    "  a session. --wait: begins when a line comes on standard input, after a line was written that all is ready.\n"
    "  --warm N: in turns, nothing is done meanwhile, and the other sizes of the range (at most 64) are prepared in "
    "the\n"
    "  background: of the engine that is called, then of N copies of it, one after the other. The sessions' answers "
    "are\n"
    "  those of calls while nothing was done; \"meanwhile\" has those of the others, \"prepared\" counts sizes.\n"
    "bench-serve --spin MS [--sessions N] [--seconds S]\n"
    "  The same of threads that multiply in registers for MS at a time: the tails that the machine itself has.\n"
    "bench-serve --busy N [--seconds S]\n"
    "  N threads compute for S seconds: the load beside which others are measured.\n";

struct Options {
  std::string archive, shape;
  int sessions = 1, busy = 0, warm = 0;
  double seconds = 2, spin = 0;
  bool wait = false;
};

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--wait")
      o.wait = true;
    else if (a.rfind("--", 0) != 0 && o.archive.empty())
      o.archive = a;
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

// When sizes were prepared, and when they were not, one after the other; calls are told apart by it.
class Turns {
 public:
  void begin(bool prepared) { from_.push_back({Clock::now(), prepared}); }
  /// 1: sizes were prepared for most of the call; 0: not at all; -1: for a part of it.
  int of(Clock::time_point start, Clock::time_point end) const {
    Clock::duration busy{0};
    for (size_t i = 0; i < from_.size(); ++i) {
      const auto until = i + 1 < from_.size() ? from_[i + 1].first : end;
      if (from_[i].second) busy += std::max(Clock::duration{0}, std::min(until, end) - std::max(from_[i].first, start));
    }
    return busy == Clock::duration{0} ? 0 : 2 * busy > end - start ? 1 : -1;
  }

 private:
  std::vector<std::pair<Clock::time_point, bool>> from_;
};

// Quiet for a while, then sizes are prepared for as long, again and again, until no engine is left or the time is over.
int prepare_in_turns(const std::vector<neve::Engine>& engines, double seconds, Turns& turns) {
  const auto shapes = others(*engines[0].impl()->optimized);
  const std::chrono::duration<double> turn(std::clamp(seconds / 10, 0.05, 0.3));
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  int prepared = 0;
  for (size_t e = 0; e < engines.size() && Clock::now() < end;) {
    turns.begin(false);
    std::this_thread::sleep_for(turn);
    turns.begin(true);
    const auto start = Clock::now();
    for (; e < engines.size() && Clock::now() - start < turn; ++e) {
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

// What is printed of a session's calls.
std::string row(std::vector<double> ms) {
  if (ms.empty()) return "{\"n\": 0}";
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double q) { return ms[std::min(ms.size() - 1, size_t(q * double(ms.size())))]; };
  char text[200];
  std::snprintf(text, sizeof text, "{\"n\": %zu, \"median_ms\": %g, \"p90_ms\": %g, \"p99_ms\": %g}", ms.size(),
                at(0.5), at(0.9), at(0.99));
  return text;
}

void serve(const Options& o) {
  std::vector<neve::Engine> engines;
  for (int e = 0; e <= o.warm && o.spin <= 0; ++e) engines.push_back(neve::load(o.archive).engine());
  const int64_t count = o.spin > 0 ? multiplications(o.spin) : 0;
  std::vector<std::vector<Clock::time_point>> ends(size_t(o.sessions));  // the first is when the first call begins
  std::atomic<int> ready{0};
  std::atomic<bool> go{false}, over{false};
  std::vector<std::thread> threads;
  for (int s = 0; s < o.sessions; ++s)
    threads.emplace_back([&, s] {
      const Call call = engines.size() ? session_call(engines[0], o.shape, uint64_t(s)) : [count] { multiply(count); };
      for (int i = 0; i < 3; ++i) call();
      std::vector<Clock::time_point>& done = ends[size_t(s)];
      done.reserve(size_t(1) << 22);
      ++ready;
      while (!go) std::this_thread::sleep_for(std::chrono::microseconds(200));
      done.push_back(Clock::now());
      const auto end = done[0] + std::chrono::duration<double>(o.seconds);
      while (done.back() < end && !over && done.size() < size_t(1) << 22) {
        call();
        done.push_back(Clock::now());
      }
    });
  while (ready < o.sessions) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (o.wait) {
    std::puts("ready");
    std::fflush(stdout);
    if (std::getchar() == EOF) std::exit(1);
  }
  go = true;
  Turns turns;
  int prepared = 0;
  if (o.warm) {
    prepared = prepare_in_turns(engines, o.seconds, turns);
    over = true;
  }
  for (std::thread& t : threads) t.join();
  double rate = 0;
  std::string rows[2];
  for (const auto& done : ends) {
    std::vector<double> times[2];
    for (size_t i = 1; i < done.size(); ++i)
      if (const int turn = turns.of(done[i - 1], done[i]); turn >= 0)
        times[turn].push_back(std::chrono::duration<double, std::milli>(done[i] - done[i - 1]).count());
    double sum = 0;
    for (double x : times[0]) sum += x;
    if (sum > 0) rate += 1e3 * double(times[0].size()) / sum;
    for (int turn = 0; turn < 2; ++turn) rows[turn] += (rows[turn].empty() ? "" : ", ") + row(times[turn]);
  }
  std::printf("{\"threads\": %d, \"calls_per_s\": %g, \"prepared\": %d, \"sessions\": [%s], \"meanwhile\": [%s]}\n",
              engines.empty() ? 1 : engines[0].threads(), rate, prepared, rows[0].c_str(), rows[1].c_str());
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
