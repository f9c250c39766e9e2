// A plan with its kernels: immutable, shared by sessions; and the instances that exist for concrete sizes.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "plan/plan.h"

namespace neve::runtime {

/// Weights of an engine: the originals by name, and the packed forms, one for each (source, packing).
class WeightPool {
 public:
  using Map = std::map<std::string, Tensor, std::less<>>;
  explicit WeightPool(std::shared_ptr<const Map> weights) : weights_(std::move(weights)) {}
  /// Row-major bytes of a weight. @throws Error{not_found}
  const Tensor& get(std::string_view name) const;
  /// Row-major bytes for the engine to keep.
  Tensor plain(const std::string& name);
  /// Takes one block of memory for packed forms of so many bytes in all that will be asked for next, so that they lie
  /// on large pages: a product of one row reads weights from those a fifth faster.
  void reserve(size_t bytes);
  /// Whether packed() has been asked for this one.
  bool has(const std::string& name, const std::string& packing) const;
  /// The packed form, made on first request. Thread-safe.
  Tensor packed(const std::string& name, const kernels::Kernel& kernel, size_t operand, int threads);
  /// Bytes of the packed forms.
  size_t packed_bytes() const;
  const Map& all() const { return *weights_; }
  /// Drops the original bytes; what is already taken stays. Later requests fail with not_found.
  void release_originals();

 private:
  Tensor take(size_t bytes);

  mutable std::mutex mutex_;
  std::shared_ptr<const Map> weights_;
  std::map<std::string, Tensor, std::less<>> packed_;
  Tensor block_;       // what was reserved,
  int64_t taken_ = 0;  // and how much of it is taken
};

/// A segment with all sizes fixed: bound kernels and the memory plan. Immutable.
struct Instance {
  std::vector<int64_t> symbols;  ///< key: symbol values known at its start (-1: not yet)
  int threads = 1;
  std::vector<int64_t> steps;  ///< values of the dim code
  struct Step {
    std::shared_ptr<const kernels::BoundKernel> kernel;
    int32_t instr = 0;
    int32_t threads = 1;    ///< that it was bound for
    int32_t first_arg = 0;  ///< into `args`: inputs, then outputs (root values)
    uint16_t inputs = 0, outputs = 0;
  };
  std::vector<Step> run;
  std::vector<int32_t> args;
  struct Slot {
    int32_t value;
    int64_t offset;
  };
  std::vector<Slot> slots;  ///< arena values of this segment
  struct Content {
    int64_t offset;
    int32_t value;
  };
  std::vector<Content> contents;  ///< content values first used here
  int64_t arena_bytes = 0, scratch_bytes = 0;
  bool has_halves = false;           ///< all of it runs on one thread, and there is work for a helper
  size_t bytes = 0;                  ///< what this object and its kernels hold
  std::vector<std::string> rebound;  ///< "instr: why the planned kernel refused", for the report
};

/// Plan, kernels and weights, ready to run.
class Program {
 public:
  /// `kernels[i]` belongs to plan.instrs[i] (null for control); `regions[i]` likewise.
  Program(std::shared_ptr<const plan::Plan> plan, std::vector<std::shared_ptr<const kernels::Kernel>> kernels,
          std::vector<std::vector<std::shared_ptr<Program>>> regions, std::shared_ptr<WeightPool> weights);

  const plan::Plan& plan() const { return *plan_; }
  const std::shared_ptr<const plan::Plan>& plan_ptr() const { return plan_; }
  const std::shared_ptr<const kernels::Kernel>& kernel(size_t instr) const { return kernels_[instr]; }
  const std::vector<std::shared_ptr<Program>>& regions(size_t instr) const { return regions_[instr]; }
  int32_t root(int32_t value) const { return root_[size_t(value)]; }
  /// Fixed addresses: weights and constants; null for others. By value.
  const std::vector<const void*>& fixed() const { return fixed_; }
  bool has_region_frames() const { return has_regions_; }

  /// The instance of segment `s` for these symbol values, made if need be. Thread-safe.
  std::shared_ptr<const Instance> instance(size_t s, const std::vector<int64_t>& symbols, int threads) const;
  Sizes sizes_of(int32_t value, std::span<const int64_t> steps) const;
  /// Bytes of the arena for these symbol values, where they are all known: for the report.
  size_t instance_count() const;
  void set_cache_bytes(size_t bytes) { cache_bytes_ = bytes; }

 private:
  std::shared_ptr<const Instance> make_instance(size_t s, const std::vector<int64_t>& symbols, int threads) const;
  void check_constraints(size_t s, std::span<const int64_t> steps) const;
  void plan_memory(size_t s, Instance& inst) const;

  std::shared_ptr<const plan::Plan> plan_;
  std::vector<std::shared_ptr<const kernels::Kernel>> kernels_;
  std::vector<std::vector<std::shared_ptr<Program>>> regions_;
  std::shared_ptr<WeightPool> weights_;
  std::vector<Tensor> weight_bytes_;  ///< per plan weight
  std::vector<int32_t> root_;
  std::vector<const void*> fixed_;
  std::vector<int32_t> def_segment_, def_instr_, last_segment_, last_instr_;  ///< per root value
  bool has_regions_ = false;
  size_t cache_bytes_ = size_t(256) << 20;

  mutable std::mutex mutex_;
  struct Entry {
    size_t segment;
    std::shared_ptr<const Instance> instance;
    uint64_t used;
  };
  mutable std::vector<Entry> cache_;
  mutable uint64_t clock_ = 0;
};

}  // namespace neve::runtime
