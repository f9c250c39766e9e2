// Who turns loop nests into code: the interface that the run-time knows, and how the library behind it is found.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "plan/loop_nest.h"

namespace neve {

/// Code of a nest with its sizes and thread count fixed. Immutable; run() may be called from several threads at once.
class BoundLoop {
 public:
  virtual ~BoundLoop() = default;
  /// Bytes of scratch (64-byte aligned) that one run() needs; often 0.
  virtual size_t scratch_bytes() const = 0;
  /// Runs. `buffers` as in LoopNest::buffers, each aligned to its element; `scratch` may be null when scratch_bytes()
  /// is 0. Uses the pool (parallel_for) for work above some microseconds; the result does not depend on the number of
  /// threads. Allocates nothing.
  /// @throws Error{invalid_argument} when an index read by a gather is out of range (outputs are then unspecified).
  virtual void run(void* const* buffers, std::byte* scratch) const = 0;
};

/// Code of a nest, for all sizes. Immutable, shared.
class LoopCode {
 public:
  virtual ~LoopCode() = default;
  /// Fixes the sizes: values[i] is entry i of the value table. About a microsecond; allocates.
  /// @throws Error{internal} when an access would leave its buffer, or the count of values is wrong.
  virtual std::shared_ptr<const BoundLoop> bind(std::span<const int64_t> values, int threads) const = 0;
};

struct LoopCompileOptions {
  bool disk_cache = true;    ///< keep and look for object code in cache_directory()/loops
  Isa isa = cpu_info().isa;  ///< instruction set to use, at most the CPU's
};

/// Thread-safe.
class CodeProvider {
 public:
  virtual ~CodeProvider() = default;
  /// Compiles all of them (one module for what is not known yet); equal nests share one LoopCode, also across calls
  /// while one lives.
  /// @throws Error{unsupported | internal}
  virtual std::vector<std::shared_ptr<const LoopCode>> compile(std::span<const LoopNest* const> nests,
                                                               const LoopCompileOptions& options = {}) = 0;
  std::shared_ptr<const LoopCode> compile(const LoopNest& nest, const LoopCompileOptions& options = {}) {
    const LoopNest* one = &nest;
    return compile(std::span<const LoopNest* const>(&one, 1), options)[0];
  }
  virtual std::string description() const = 0;  ///< "LLVM 19.1.7, avx512"
};

/// The provider of libneve_loop.so, which is looked for beside the library that holds this function and opened at the
/// first call. Null, with the reason in `reason` if given, when there is none: callers then run the fused piece through
/// the reference.
CodeProvider* loop_code_provider(std::string* reason = nullptr);

}  // namespace neve
