// The shared vector code for CPUs with AVX2.
#include "kernels/cpu/native/simd_body.h"

namespace neve::kernels::native {
const Simd& simd_avx2() { return functions; }
}  // namespace neve::kernels::native
