// Finds and opens libneve_loop.so, the library with the code generator.
#include "plan/code_provider.h"

#include <dlfcn.h>

#include "base/error.h"

namespace neve {
namespace {

struct Opened {
  CodeProvider* provider = nullptr;
  std::string reason;
};

Opened open_provider() {
  Opened result;
  Dl_info info{};
  if (!dladdr(reinterpret_cast<const void*>(&loop_code_provider), &info) || !info.dli_fname) {
    result.reason = "loops: the place of Neve's library is unknown, so libneve_loop.so cannot be looked for";
    return result;
  }
  const std::string self = info.dli_fname;
  const size_t slash = self.rfind('/');
  const std::string path = (slash == std::string::npos ? std::string() : self.substr(0, slash + 1)) + "libneve_loop.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    result.reason = str("loops: the code generator is not there: ", why ? why : path, " (built without LLVM?)");
    return result;
  }
  using Make = CodeProvider* (*)(const char* version, std::string* reason);
  const auto make = reinterpret_cast<Make>(dlsym(library, "neve_loop_code_provider"));
  if (!make) {
    result.reason = str("loops: ", path, " does not have neve_loop_code_provider (another version?)");
    return result;
  }
  result.provider = make(NEVE_VERSION, &result.reason);
  return result;
}

}  // namespace

CodeProvider* loop_code_provider(std::string* reason) {
  static const Opened opened = open_provider();
  if (reason) *reason = opened.reason;
  return opened.provider;
}

}  // namespace neve
