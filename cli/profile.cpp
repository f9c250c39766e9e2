// Tables of what instructions take.
#include "profile.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace neve::cli {
namespace {
using Timing = Session::Timing;

struct Sum {
  double ms = 0, best = 0, flops = 0, bytes = 0;
  int count = 0;
  void add(const Timing& t) {
    ms += t.milliseconds, best += t.best_milliseconds, flops += t.flops, bytes += t.bytes;
    ++count;
  }
};

Sum sum_of(const std::vector<Timing>& timings) {
  Sum s;
  for (const Timing& t : timings) s.add(t);
  return s;
}

double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

// "GFLOP/s", or "GB/s" for what computes nothing.
std::string rate(const Timing& t) {
  char text[32];
  if (t.flops > 0)
    std::snprintf(text, sizeof text, "%7.1f GFLOP/s", t.gflops());
  else
    std::snprintf(text, sizeof text, "%7.1f GB/s   ", t.gb_per_s());
  return text;
}

std::string margin(const Timing& t) {
  if (t.tactics.size() < 2) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2fx", t.margin());
  return text;
}

bool counted(const std::string& op) { return op == "conv" || op == "matmul" || op == "conv_transpose"; }

}  // namespace

void print_machine(const MachinePeak& m) {
  std::printf("  machine: %s, %s, %d threads: %.1f GFLOP/s f32 (one thread %.1f)", m.cpu.c_str(), m.isa.c_str(),
              m.threads, m.gflops, m.gflops_one);
  for (const auto& l : m.levels) std::printf(", %s %.1f GB/s", l.name.c_str(), l.gb_per_s);
  std::printf(", triad %.1f GB/s; measured %s\n", m.triad_gb_per_s, m.measured.c_str());
}

void print_profile(const std::vector<Timing>& timings, const MachinePeak& machine, double median) {
  const Sum all = sum_of(timings);
  std::vector<Timing> sorted = timings;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Timing& a, const Timing& b) { return a.milliseconds > b.milliseconds; });
  print_machine(machine);
  std::printf("  %8s %6s %15s %8s %7s %6s  %-34s %-40s %s\n", "ms", "share", "rate", "GB/s", "of peak", "margin",
              "kernel", "ops", "node");
  for (const Timing& t : sorted)
    std::printf("  %8.4f %5.1f%% %15s %8.1f %6.1f%% %6s  %-34.34s %-40.40s %s%s%s\n", t.milliseconds,
                percent(t.milliseconds, all.ms), rate(t).c_str(), t.gb_per_s(), 100 * t.share_of_peak(),
                margin(t).c_str(), t.kernel.c_str(), t.ops.c_str(), t.name.c_str(), t.location.empty() ? "" : "  ",
                t.location.c_str());
  std::map<std::string, Sum> by_op;
  double library = 0;
  for (const Timing& t : timings) {
    const std::string first = t.ops.substr(0, t.ops.find('+'));
    by_op[counted(first) ? first : "other: " + first].add(t);
    if (counted(first)) library += t.milliseconds;
  }
  std::printf("  by op:\n");
  for (const auto& [op, s] : by_op)
    std::printf("  %8.4f %5.1f%% %7.1f GFLOP/s %8.1f %6.1f%%         %s (%d)\n", s.ms, percent(s.ms, all.ms),
                s.ms > 0 ? s.flops / s.ms * 1e-6 : 0, s.ms > 0 ? s.bytes / s.ms * 1e-6 : 0, percent(s.best, s.ms),
                op.c_str(), s.count);
  std::printf(
      "  outside convolution and matmul: %.1f%%; sum of instructions %.3f ms (at best %.3f ms), median of the whole "
      "call "
      "%.3f ms\n",
      percent(all.ms - library, all.ms), all.ms, all.best, median);
  std::printf(
      "  of peak: the least time that the measured peak and bandwidth allow, over the time taken; margin: the next "
      "best "
      "tactic's time over the chosen one's, when they were compared\n");
}

void print_tactics(const std::vector<Timing>& timings) {
  for (const Timing& t : timings) {
    std::printf("  %s%s%s%s%s\n", t.ops.c_str(), t.name.empty() ? "" : "  '", t.name.c_str(), t.name.empty() ? "" : "'",
                t.location.empty() ? "" : ("  " + t.location).c_str());
    std::printf("    runs: %-50s %10.4f ms\n", t.kernel.c_str(), t.milliseconds);
    if (t.tactics.empty())
      std::printf("    nothing was compared: %s\n",
                  t.refusals.empty() ? "one kernel is asked for it" : "the others refused");
    for (const auto& x : t.tactics)
      std::printf("    tried: %-49.49s %10.4f ms %6.2fx\n", x.kernel.c_str(), x.milliseconds,
                  t.tactics[0].milliseconds > 0 ? x.milliseconds / t.tactics[0].milliseconds : 1);
    for (const std::string& why : t.refusals) std::printf("    not %s\n", why.c_str());
  }
}

void print_roofline(const std::vector<Timing>& timings, const MachinePeak& m) {
  print_machine(m);
  std::printf("  %10s %10s %10s %10s %10s %10s %7s  %-10s %-40s %s\n", "MFLOP", "MB", "weights MB", "flop/byte",
              "at best ms", "time ms", "of peak", "limit", "ops", "node");
  auto line = [&](double flops, double bytes, double weights, double best, double ms, const char* limit,
                  const std::string& ops, const std::string& name) {
    std::printf("  %10.3f %10.3f %10.3f %10.2f %10.4f %10.4f %6.1f%%  %-10s %-40.40s %s\n", flops * 1e-6, bytes * 1e-6,
                weights * 1e-6, bytes > 0 ? flops / bytes : 0, best, ms, percent(best, ms), limit, ops.c_str(),
                name.c_str());
  };
  double weights = 0;
  bool open = false;
  for (const Timing& t : timings) {
    const bool arithmetic = t.flops / m.gflops * 1e-6 >= 0.999 * t.best_milliseconds;
    const char* limit = t.bytes == 0 ? "?" : arithmetic ? "arithmetic" : "bytes";
    line(t.flops, t.bytes, t.weight_bytes, t.best_milliseconds, t.milliseconds, limit,
         t.ops + (t.exact ? "" : " (part)"), t.name);
    weights += t.weight_bytes;
    open = open || !t.exact;
  }
  const Sum all = sum_of(timings);
  line(all.flops, all.bytes, weights, all.best, all.ms, "", "total", "");
  if (open)
    std::printf(
        "  (part): what depends on data or runs inside is not all counted; the time at best is lower than it could "
        "be\n");
}

}  // namespace neve::cli
