// Transposes a block in registers: reads along rows, leaves it contiguous along lanes.
#pragma once
#include "loop/llvm/vector.h"

namespace neve::loop {

/// Element (row, lane) of the source lies at row * element + lane * lane_stride; of the target at (row * pitch + lane)
/// * element.
struct TileCopy {
  llvm::Value *source, *lane_stride;  ///< lane_stride in bytes
  llvm::Value* target;
  llvm::Value *rows, *lanes;
  llvm::Type* type;
  int64_t element;  ///< bytes
  int64_t pitch;    ///< elements
};
void emit_tile(const Emit& e, const TileCopy& t);

}  // namespace neve::loop
