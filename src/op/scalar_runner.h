// Runs a scalar program many times: the analysis is done once, blocks of elements are interpreted step by step.
#pragma once
#include <cstddef>
#include <vector>

#include "op/scalar.h"

namespace neve {

/// Prepared form of a ScalarProgram. One object belongs to one thread; making one costs about a microsecond.
class ScalarRunner {
 public:
  /// @throws Error{unsupported} for a complex dtype.
  explicit ScalarRunner(const ScalarProgram& p);
  /// As run_scalar_program. Never throws.
  void run(int64_t n, std::span<const void* const> in, std::span<const int64_t> stride, std::span<void* const> out);

 private:
  const ScalarProgram& program_;
  std::vector<int32_t> slot_;  ///< register of each step
  int32_t slots_ = 0;
  std::vector<uint64_t> memory_;  ///< slots_ blocks, made by the first run for blocks of block_ elements
  int64_t block_ = 0;
};

}  // namespace neve
