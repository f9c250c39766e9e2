// Fuzz target: the reader of the byte form of loop nests.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "plan/loop_nest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const neve::LoopNest nest = neve::loop_nest_from_bytes({reinterpret_cast<const char*>(data), size});
    if (neve::to_bytes(neve::loop_nest_from_bytes(neve::to_bytes(nest))) != neve::to_bytes(nest)) __builtin_trap();
    neve::to_string(nest);
  } catch (const neve::Error& e) {
    if (e.code() != neve::ErrorCode::corrupt_file) __builtin_trap();
  }
  return 0;
}
