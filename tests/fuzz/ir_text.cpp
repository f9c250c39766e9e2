// Fuzzes the parser of the text IR: any text is a graph or a clean error, and what parses prints and parses to the same
// text again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ir/text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string first;
  try {
    first = neve::ir::print(neve::ir::parse(text));
  } catch (const neve::Error&) {
    return 0;
  }
  try {
    const std::string second = neve::ir::print(neve::ir::parse(first));
    if (second == first) return 0;
    std::fprintf(stderr, "printed:\n%s\nand again:\n%s\n", first.c_str(), second.c_str());
  } catch (const neve::Error& e) {
    std::fprintf(stderr, "printed:\n%s\ndoes not parse: %s\n", first.c_str(), e.what());
  }
  std::abort();
}
