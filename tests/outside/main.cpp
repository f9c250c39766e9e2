// Uses an installed Neve: prints the version of the library and the types that the public headers give.
#include <neve/dtype.h>

#include <cstdio>

extern "C" const char* neve_version();

int main() {
  std::printf("neve %s, f32 has %d bytes\n", neve_version(), static_cast<int>(sizeof(float)));
  return 0;
}
