// A loop nest with symbolic extents as plain data: what fused nodes become, what the code generator compiles once for
// all shapes.
#pragma once
#include <neve/dtype.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "op/def.h"
#include "op/scalar.h"

namespace neve {

// A nest reads and writes buffers through affine accesses. No size stands in it: extents, strides and offsets are
// numbers of entries of a *value table* that is given when the code is bound to a shape. Only strides known to be 0 or
// 1 are told apart, since they make other code. So nests that differ in sizes alone are equal and share code.
//
// A nest is a list of parts that run one after the other and write different elements (a concatenation has a part for
// each piece). A part is
//
//     for every point of `outer`:            (in any order, by several threads)
//       for every stage:
//         inner stage:  for every point of `inner`: operands -> program -> stores, scratch, accumulators
//         row stage:    once:                       operands -> program -> stores, registers
//
// Registers hold one value for each point of `outer` (a row): the accumulators of inner stages, and what row stages
// compute. Scratch arrays hold one value for each point of `inner` and live as long as the row. Elementwise work has no
// inner axes and one row stage.

/// A stride, in elements.
struct LoopStride {
  enum Kind : uint8_t { zero, one, value } kind = zero;
  int32_t stride = -1;      ///< value: number of the value table entry
  int32_t unless_one = -1;  ///< an entry: where it is 1 at run time the stride is 0 (a size that may be broadcast); -1:
                            ///< none. With kind one or value.
  bool operator==(const LoopStride&) const = default;
};

/// The address gets `stride` times an integer that is read elsewhere (gather). Negative ones count from `extent`. What
/// lies outside
/// [-extent, extent) makes run() throw Error{invalid_argument}; memory outside of the buffer is never touched.
struct LoopIndirect {
  int32_t access = -1;  ///< access of the part that reads the index: i32 or i64, itself without indirection
  LoopStride stride;
  int32_t extent = -1;  ///< entry: size of the axis that is indexed
  bool operator==(const LoopIndirect&) const = default;
};

struct LoopAccess {
  int32_t buffer = -1;
  int32_t offset = -1;              ///< entry: element at which the point 0 lies; -1: 0
  std::vector<LoopStride> strides;  ///< per axis of the part: outer, then inner
  std::vector<LoopIndirect> indirect;
  bool operator==(const LoopAccess&) const = default;
};

/// Where operand k of a stage's program (ScalarOp::input with a = k) comes from.
struct LoopOperand {
  enum Kind : uint8_t {
    access,   ///< load through access `index`
    reg,      ///< register `index`
    scratch,  ///< scratch array `index` at the inner point (inner stages only)
    size      ///< entry `index` of the value table, as i64
  } kind = access;
  int32_t index = 0;
  bool operator==(const LoopOperand&) const = default;
};

/// Where result k of a stage's program goes.
struct LoopResult {
  enum Kind : uint8_t {
    store,       ///< to an output through access `index`
    scratch,     ///< scratch array `index` (inner stages only)
    accumulate,  ///< register `index` = reduce(register, result), from the identity of `reduce` (inner stages only)
    reg          ///< register `index` (row stages only)
  } kind = store;
  int32_t index = 0;
  ReduceKind reduce = ReduceKind::sum;
  bool operator==(const LoopResult&) const = default;
};

struct LoopStage {
  bool inner = false;
  ScalarProgram program;
  std::vector<LoopOperand> operands;
  std::vector<LoopResult> results;
};

struct LoopPart {
  std::vector<int32_t> outer, inner;  ///< entries: extents, outermost first
  bool lanes_inner = false;           ///< vector lanes run along the last inner axis, else along the last outer one
  /// Outer axis along which transposed accesses are contiguous: it is blocked together with the lane axis; -1: none.
  int32_t tile_axis = -1;
  std::vector<LoopAccess> accesses;
  std::vector<DType> registers, scratch;
  std::vector<LoopStage> stages;
};

struct LoopBuffer {
  DType dtype = DType::f32;
  bool output = false;
  bool used = true;       ///< false: never touched, its pointer may be null (a constant that went into the programs)
  int32_t elements = -1;  ///< entry: number of elements of the memory; bind() checks every access against it
  bool operator==(const LoopBuffer&) const = default;
};

struct LoopNest {
  int32_t values = 0;               ///< size of the value table
  std::vector<LoopBuffer> buffers;  ///< the inputs of the fused piece, then its outputs
  std::vector<LoopPart> parts;
};

/// Throws Error{corrupt_file} unless everything that code generation relies on holds: numbers in range, dtypes of
/// programs consistent, registers defined before they are used. Cheap.
void validate(const LoopNest& nest);
/// Byte form, equal for equal nests (also the key under which code is shared).
std::string to_bytes(const LoopNest& nest);
/// Reads the byte form; every byte is hostile. @throws Error{corrupt_file}
LoopNest loop_nest_from_bytes(std::string_view bytes);
/// One line for each part, stage and access, for dumps and tests.
std::string to_string(const LoopNest& nest);

/// Whether output buffer `output` may be the same memory as input buffer `input`: each element is read before it is
/// written and nowhere else. (Sizes and dtypes agree where this is true.)
bool may_share_memory(const LoopNest& nest, int32_t input, int32_t output);

}  // namespace neve
