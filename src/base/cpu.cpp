// Detecting the CPU: instruction sets, caches, cores.
#include "base/cpu.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace neve {
namespace {

#if defined(__x86_64__)

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t sub = 0) {
  Registers r;
  if (__get_cpuid_max(leaf & 0x80000000u, nullptr) >= leaf) __cpuid_count(leaf, sub, r.a, r.b, r.c, r.d);
  return r;
}

/// Which registers the system saves; without that an instruction set must not be used.
uint64_t saved_state() {
  if (!(cpuid(1).c & bit_OSXSAVE)) return 0;
  uint32_t lo, hi;
  __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return uint64_t(hi) << 32 | lo;
}

void detect_features(CpuInfo& info) {
  constexpr uint64_t avx_state = 0x6, avx512_state = 0xe6, amx_state = 0x60000;
  const Registers one = cpuid(1), seven = cpuid(7), seven1 = seven.a >= 1 ? cpuid(7, 1) : Registers{};
  const uint64_t state = saved_state();
  const auto has = [](uint32_t word, int bit) { return (word >> bit & 1) != 0; };
  const bool avx = (state & avx_state) == avx_state, wide = (state & avx512_state) == avx512_state;
  // AVX, FMA, F16C; AVX2, BMI1, BMI2
  const bool avx2 = avx && has(one.c, 28) && has(one.c, 12) && has(one.c, 29) && has(seven.b, 5) && has(seven.b, 3) &&
                    has(seven.b, 8);
  // F, DQ, CD, BW, VL
  const bool avx512 =
      avx2 && wide && has(seven.b, 16) && has(seven.b, 17) && has(seven.b, 28) && has(seven.b, 30) && has(seven.b, 31);
  info.isa = avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
  info.vnni = (avx512 && has(seven.c, 11)) || (avx2 && has(seven1.a, 4));  // in 512 bits, or as AVX-VNNI in 256
  info.bf16 = avx512 && has(seven1.a, 5);
  // AMX-TILE, and INT8 and BF16 on it
  info.amx = avx512 && (state & amx_state) == amx_state && has(seven.d, 24) && has(seven.d, 25) && has(seven.d, 22);
}

std::string brand() {
  char text[49] = {};
  if (cpuid(0x80000000u).a < 0x80000004u) return "x86-64";
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i);
    std::memcpy(text + 16 * i, &r, 16);
  }
  std::string_view v(text);
  while (!v.empty() && v.front() == ' ') v.remove_prefix(1);
  while (!v.empty() && v.back() == ' ') v.remove_suffix(1);
  return std::string(v);
}

/// Leaf 4 (Intel) or 0x8000001d (AMD): one sub-leaf a cache.
void caches_from_cpuid(CpuInfo& info) {
  const bool amd = cpuid(0).b == 0x68747541u;  // "Auth"
  for (uint32_t i = 0; i < 8; ++i) {
    const Registers r = cpuid(amd ? 0x8000001du : 4, i);
    const uint32_t type = r.a & 31, level = r.a >> 5 & 7;
    if (type == 0) break;
    const int64_t bytes = int64_t((r.b >> 22) + 1) * ((r.b >> 12 & 1023) + 1) * ((r.b & 4095) + 1) * (int64_t(r.c) + 1);
    if (level == 1 && type == 1) info.l1d = bytes;
    if (level == 2) info.l2 = bytes;
    if (level == 3) info.l3 = bytes;
  }
}

#else

void detect_features(CpuInfo&) {}
std::string brand() { return "unknown"; }
void caches_from_cpuid(CpuInfo&) {}

#endif

/// "48K" as bytes; 0 if there is no such file.
int64_t size_file(const std::string& path) {
  try {
    const std::string text = read_file(path);
    int64_t n = 0;
    const char* end = std::from_chars(text.data(), text.data() + text.size(), n).ptr;
    return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : n;
  } catch (const Error&) {
    return 0;
  }
}

std::string word_file(const std::string& path) {
  try {
    std::string text = read_file(path);
    return text.substr(0, text.find('\n'));
  } catch (const Error&) {
    return "";
  }
}

void caches_from_system(CpuInfo& info) {
  for (int i = 0; i < 8; ++i) {
    const std::string folder = str("/sys/devices/system/cpu/cpu0/cache/index", i, "/");
    const std::string level = word_file(folder + "level"), type = word_file(folder + "type");
    if (level.empty()) break;
    const int64_t bytes = size_file(folder + "size");
    if (level == "1" && type == "Data") info.l1d = bytes;
    if (level == "2") info.l2 = bytes;
    if (level == "3") info.l3 = bytes;
  }
}

/// $NEVE_MAX_ISA lowers what is used, for tests and for reproducing results of another machine.
void apply_cap(CpuInfo& info) {
  const char* text = std::getenv("NEVE_MAX_ISA");
  if (!text || !*text) return;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (std::string_view(text) != to_string(isa)) continue;
    info.isa = std::min(info.isa, isa);
    if (isa == Isa::baseline) info.vnni = false;
    if (isa != Isa::avx512) info.bf16 = false;
    info.amx = false;  // beyond all of them
    return;
  }
  fail(ErrorCode::invalid_argument, "NEVE_MAX_ISA: '", text, "' is no instruction set (baseline, avx2 or avx512)");
}

constexpr int64_t most_l3_of_core = int64_t(6) << 20;  // CPUs have 1 to 5 MiB a core, those with stacked caches more

CpuInfo detect() {
  CpuInfo info{};
  info.model = brand();
  info.isa = Isa::baseline;
  detect_features(info);
  caches_from_system(info);
  if (info.l1d == 0 && info.l2 == 0) caches_from_cpuid(info);
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  info.cores = cores > 0 ? int(cores) : 1;
  info.l3_share = std::min(info.l3, info.cores * most_l3_of_core);
  apply_cap(info);
  return info;
}

}  // namespace

const CpuInfo& cpu_info() {
  static const CpuInfo info = detect();
  return info;
}

const char* to_string(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

}  // namespace neve
