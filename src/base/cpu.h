// What the CPU can do, as used to choose kernels and to key caches.
#pragma once
#include <cstdint>
#include <string>

namespace neve {

/// Instruction sets in order: each includes those before it.
enum class Isa { baseline, avx2, avx512 };  // x86-64-v2; AVX2+FMA+F16C+BMI2; AVX-512 F/BW/DQ/VL/CD

struct CpuInfo {
  std::string model;  ///< brand text
  Isa isa;            ///< best level usable here, capped by $NEVE_MAX_ISA (baseline|avx2|avx512)
  bool vnni, bf16, amx;
  int64_t l1d, l2, l3;  ///< bytes; 0 if unknown
  int cores;            ///< as the system tells
  /// Bytes of l3 that these cores can count on: a virtual machine with a few cores of a large CPU is told the size of
  /// the whole, and the others' programs use most of it.
  int64_t l3_share;
};
const CpuInfo& cpu_info();
const char* to_string(Isa isa);

}  // namespace neve
