// How a part of a loop nest is laid over kernels and threads, once its sizes are known: axes joined, addresses, blocks.
#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "plan/code_provider.h"
#include "plan/loop_nest.h"

namespace neve::loop {

/// What a kernel is called with. The generated code reads it as an array of pointers: keep the order.
struct KernelArgs {
  char* const* base;          ///< per access: address of the first point of this call
  const int64_t* strides;     ///< [access][slot], in bytes
  const int64_t* extents;     ///< per slot
  const int64_t* values;      ///< the value table
  std::byte* const* scratch;  ///< per scratch array (then per tile)
  int64_t* status;            ///< set to 1 when an index was out of range
  std::byte* registers;       ///< stage kernels: one register every register_stride bytes
};
using Kernel = void (*)(const KernelArgs*);

constexpr int max_accesses = 128;
constexpr int max_scratch = 32;
constexpr int64_t register_stride = 512;  ///< 64 lanes of 8 bytes
constexpr int64_t tile_rows = 32, tile_lanes = 64;

/// Loops that a kernel has: slot 0 is the row; then the lane axis where lanes run along an outer axis; then the inner
/// axes. Where lanes are inner, the last slot is the lane axis.
struct Slots {
  explicit Slots(const LoopPart& p) : inner(int(p.inner.size())), lanes_inner(p.lanes_inner) {}
  int inner;
  bool lanes_inner;
  int first_inner() const { return lanes_inner ? 1 : 2; }
  int lane() const { return lanes_inner ? inner : 1; }
  int count() const { return first_inner() + inner; }
};

/// Bytes of one element of a scratch array: f16 and bf16 are kept as f32.
int64_t scratch_element(DType t);
/// Whether another access is addressed by what this one reads. Such reads go one by one, and are not tiled.
bool is_index(const LoopPart& p, int32_t access);
/// Index of the tile of an access among the scratch pointers (after the scratch arrays), or -1 if it is not transposed.
int tile_of(const LoopNest& nest, const LoopPart& p, int access);
bool has_reduction(const LoopPart& p);

/// Code of a whole nest: what bind() needs.
class NestCode {
 public:
  explicit NestCode(LoopNest n) : nest(std::move(n)) {}
  virtual ~NestCode() = default;
  /// Kernels of a part that run one stage of one row, registers in memory. Few shapes need them (long rows, of which
  /// there are few), so they are made at the first call. Thread-safe. @throws Error
  virtual std::span<const Kernel> stages(size_t part) const = 0;

  const LoopNest nest;
  std::vector<Kernel> rows;  ///< per part: runs whole rows
  std::vector<int64_t>
      widths;  ///< per part: lanes of the widest vector, which is the element of scratch arrays when lanes are outer
};

/// @throws Error{internal} when the values do not fit the nest
std::shared_ptr<const BoundLoop> bind_nest(std::shared_ptr<const NestCode> code, std::span<const int64_t> values,
                                           int threads);

}  // namespace neve::loop
