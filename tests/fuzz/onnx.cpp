// Fuzzes the ONNX reader: any bytes are a graph that the verifier takes, or a clean error.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "import/onnx.h"
#include "ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  neve::ir::Module module;
  try {
    module = neve::import::parse_onnx({reinterpret_cast<const std::byte*>(data), size});
  } catch (const neve::Error&) {
    return 0;
  }
  for (const auto& [name, graph] : module.methods) {
    try {
      neve::ir::verify(graph, neve::ir::Level::imported);
    } catch (const neve::Error& e) {
      std::fprintf(stderr, "method %s was read but is not right: %s\n", name.c_str(), e.what());
      std::abort();
    }
  }
  return 0;
}
