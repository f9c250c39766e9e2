// Bursts of multiply-adds and of reading, to see what the machine reaches at most.
#include "kernels/machine.h"

#include <algorithm>
#include <chrono>

#include "base/interrupt.h"
#include "base/threads.h"
#include "core/tensor_type.h"
#include "kernels/cpu/native/simd.h"
#include "neve/tensor.h"

namespace neve::kernels {
namespace {

double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

// Seconds of the fastest of some bursts; each runs `work(part)` once in every thread.
template <class F>
double fastest(int threads, int bursts, F&& work) {
  double best = 1e30;
  for (int i = 0; i < bursts; ++i) {
    check_interrupt();
    const auto start = std::chrono::steady_clock::now();
    parallel_for(threads, 1, threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t part = begin; part < end; ++part) work(part);
    });
    best = std::min(best, seconds_since(start));
  }
  return best;
}

double multiply_adds(int threads, const native::Simd& simd) {
  constexpr int64_t rounds = 100'000;  // about a millisecond
  std::vector<float> sink(size_t(threads) * 16);
  const double seconds =
      fastest(threads, 40, [&](int64_t part) { sink[size_t(part) * 16] += simd.multiply_adds(rounds, 0.5f); });
  return double(threads) * double(rounds) * double(simd.flops_a_round) / seconds * 1e-9;
}

// Every thread reads its part of `bytes`, often enough for a burst to outlast the wake-up.
double reading(int threads, int64_t bytes, const native::Simd& simd, const float* data) {
  const int64_t part = bytes / threads / 4 / 128 * 128;
  const int64_t repeats = std::max<int64_t>(1, (int64_t(32) << 20) / bytes);
  std::vector<float> sink(size_t(threads) * 16);
  const int bursts = bytes > (int64_t(64) << 20) ? 6 : 20;
  const double seconds = fastest(threads, bursts, [&](int64_t t) {
    for (int64_t k = 0; k < repeats; ++k) sink[size_t(t) * 16] += simd.sum(data + t * part, part);
  });
  return double(threads) * double(part) * 4 * double(repeats) / seconds * 1e-9;
}

double triad(int threads, int64_t bytes, const native::Simd& simd, float* data) {
  const int64_t n = bytes / 12 / threads / 128 * 128;  // of each array, a thread
  const double seconds = fastest(threads, 6, [&](int64_t t) {
    float* at = data + t * 3 * n;
    simd.triad(at, at + n, at + 2 * n, 0.5f, n);
  });
  return double(threads) * double(n) * 12 / seconds * 1e-9;
}

}  // namespace

MachinePeak measure_machine(int threads, Isa isa) {
  const native::Simd& simd = native::simd_for(isa);
  const CpuInfo& cpu = cpu_info();
  MachinePeak m;
  m.cpu = cpu.model, m.isa = to_string(isa), m.threads = std::max(threads, 1);
  m.gflops_one = multiply_adds(1, simd);
  // Where others keep the cores busy the threads hardly ever run together: all of them do no less than one.
  m.gflops = m.threads == 1 ? m.gflops_one : std::max(m.gflops_one, multiply_adds(m.threads, simd));

  const int64_t l2 = cpu.l2 > 0 ? cpu.l2 : 256 << 10, l3 = cpu.l3_share;
  const int64_t large = std::clamp<int64_t>(4 * l3, int64_t(64) << 20, int64_t(256) << 20);
  const Tensor buffer = Tensor::zeros(DType::f32, {large / 4});
  float* data = buffer.data_as<float>();
  std::fill(data, data + large / 4, 0.25f);  // pages of their own, not the system's one page of zeros
  // Half of a cache is read: the rest of it is for what runs beside.
  auto level = [&](const char* name, int64_t fits, int64_t all, int64_t one) {
    const double single = reading(1, one, simd, data);
    const double together = m.threads == 1 ? single : reading(m.threads, all, simd, data);
    m.levels.push_back({name, fits, std::max(single, together), single});
  };
  if (cpu.l1d > 0) level("L1", cpu.l1d * m.threads, cpu.l1d / 2 * m.threads, cpu.l1d / 2);
  level("L2", l2 * m.threads, l2 / 2 * m.threads, l2 / 2);
  // The last level is shared; where it is not much larger than the others together it adds nothing.
  if (l3 >= 4 * l2 * m.threads) level("L3", l3, std::min(l3 / 2, large), std::min(l3 / 2, large));
  level("memory", 0, large, large);
  m.triad_gb_per_s = triad(m.threads, large, simd, data);
  return m;
}

}  // namespace neve::kernels
