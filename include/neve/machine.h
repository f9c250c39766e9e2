// What a machine reaches at most, measured: the bounds that profiles and rooflines are held against.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace neve {

/// Rates of this machine: f32 multiply-adds in registers, and bytes read from each level of memory.
struct MachinePeak {
  std::string cpu, isa;
  int threads = 1;
  double gflops = 0;      ///< f32, with all `threads`; a multiply-add counts as two
  double gflops_one = 0;  ///< with one thread
  /// Reading, from data of up to `bytes` in all.
  struct Level {
    std::string name;         ///< "L1", "L2", "L3", "memory"
    int64_t bytes;            ///< what fits, for all threads together; 0: any size
    double gb_per_s, gb_one;  ///< all threads; one
  };
  std::vector<Level> levels;  ///< nearest first; the last is memory
  double triad_gb_per_s = 0;  ///< a = b + s c in memory, all threads, 12 bytes an element
  std::string measured;       ///< when, UTC
  bool disturbed = false;     ///< others took the cores away meanwhile, so that the figures are too small
  /// Bytes a second of the nearest level that holds so many bytes, all threads.
  double bandwidth(double bytes) const;
};

/// Measures on first use (a second or less), then takes it from machine.json in the cache folder, which is kept by CPU,
/// instruction set and number of threads and is safe to delete. `threads` 0: those this process may use. `again`:
/// measures anew. What else runs on the machine meanwhile makes the figures smaller: where that is seen (`disturbed`),
/// they are kept for ten minutes.
MachinePeak machine_peak(int threads = 0, bool again = false);

/// {"cpu", "isa", "threads", "gflops", "gflops_one", "levels": [{"name", "bytes", "gb_per_s", "gb_one"}],
/// "triad_gb_per_s", "measured", "disturbed"}
std::string to_json(const MachinePeak& m);

}  // namespace neve
