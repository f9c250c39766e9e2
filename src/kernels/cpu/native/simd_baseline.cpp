// The shared vector code for every CPU.
#include "kernels/cpu/native/simd_body.h"

namespace neve::kernels::native {
const Simd& simd_baseline() { return functions; }
}  // namespace neve::kernels::native
