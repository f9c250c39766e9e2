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
#include <optional>
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
    "  --warm N: meanwhile N other sizes of the range are prepared in the background; ends when they are, \"warm_s\" "
    "later.\n"
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

// Sizes between the ends of the first range: every axis grows by one until it is at its end.
std::vector<neve::NamedSizes> others(const neve::jit::OptimizedModel& m, int count) {
  const auto& range = m.ranges.ranges.at(0);
  std::vector<neve::NamedSizes> shapes;
  for (int k = 1; k <= count; ++k)
    for (size_t i = 0; i < m.core->inputs.size(); ++i) {
      neve::Sizes s = range.min[i];
      for (size_t a = 0; a < s.size(); ++a) s[a] = std::min(s[a] + k, range.max[i][a]);
      if (i == 0) shapes.emplace_back();
      shapes.back()[m.core->inputs[i].name] = s;
    }
  return shapes;
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

void serve(const Options& o) {
  const std::optional<neve::Engine> engine = o.spin > 0 ? std::nullopt : std::optional(neve::load(o.archive).engine());
  const int64_t count = o.spin > 0 ? multiplications(o.spin) : 0;
  std::vector<std::vector<double>> times(size_t(o.sessions));
  std::atomic<int> ready{0};
  std::atomic<bool> go{false}, warmed{false};
  std::vector<std::thread> threads;
  for (int s = 0; s < o.sessions; ++s)
    threads.emplace_back([&, s] {
      const Call call = engine ? session_call(*engine, o.shape, uint64_t(s)) : [count] { multiply(count); };
      for (int i = 0; i < 3; ++i) call();
      times[size_t(s)].reserve(size_t(1) << 22);
      ++ready;
      while (!go) std::this_thread::sleep_for(std::chrono::microseconds(200));
      const auto end = Clock::now() + std::chrono::duration<double>(o.seconds);
      for (auto now = Clock::now(); now < end && !warmed && times[size_t(s)].size() < size_t(1) << 22;) {
        call();
        const auto then = Clock::now();
        times[size_t(s)].push_back(std::chrono::duration<double, std::milli>(then - now).count());
        now = then;
      }
    });
  while (ready < o.sessions) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (o.wait) {
    std::puts("ready");
    std::fflush(stdout);
    if (std::getchar() == EOF) std::exit(1);
  }
  go = true;
  const auto start = Clock::now();
  double warm_seconds = 0;
  if (o.warm) {
    const neve::Warming w = engine->warm_in_background(others(*engine->impl()->optimized, o.warm));
    warmed = w.wait_for(o.seconds);
    warm_seconds = std::chrono::duration<double>(Clock::now() - start).count();
    w.cancel();
  }
  for (std::thread& t : threads) t.join();
  double rate = 0;
  std::string rows;
  for (auto& t : times) {
    double sum = 0;
    for (double x : t) sum += x;
    rate += 1e3 * double(t.size()) / sum;
    std::sort(t.begin(), t.end());
    const auto at = [&](double q) { return t[std::min(t.size() - 1, size_t(q * double(t.size())))]; };
    char row[200];
    std::snprintf(row, sizeof row, "%s{\"n\": %zu, \"median_ms\": %g, \"p90_ms\": %g, \"p99_ms\": %g}",
                  rows.empty() ? "" : ", ", t.size(), at(0.5), at(0.9), at(0.99));
    rows += row;
  }
  std::printf("{\"threads\": %d, \"calls_per_s\": %g, \"warm_s\": %g, \"sessions\": [%s]}\n",
              engine ? engine->threads() : 1, rate, warm_seconds, rows.c_str());
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
