// Fuzzes the readers of .neve archives, of engines and of modules: any bytes are a model or a clean error.
#include <neve/engine.h>
#include <neve/error.h>
#include <neve/jit.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int file = memfd_create("fuzz.neve", 0);
  if (file < 0 || ftruncate(file, 0) != 0 || write(file, data, size) != static_cast<ssize_t>(size)) {
    std::perror("fuzz: no file in memory");
    std::exit(1);
  }
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  try {
    neve::load(path);
  } catch (const neve::Error&) {
  }
  try {
    neve::jit::load(path);
  } catch (const neve::Error&) {
  }
  close(file);
  return 0;
}
