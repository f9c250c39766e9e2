// Fuzzes the ONNX reader: any bytes give a module or an Error.
#include <cstddef>
#include <cstdint>
#include <span>

#include "import/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    neve::import::parse_onnx(std::as_bytes(std::span(data, size)));
  } catch (const neve::Error&) {
  }
  return 0;
}
