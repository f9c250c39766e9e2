// The shared vector code for CPUs with AVX512.
#include "kernels/cpu/native/simd_body.h"

namespace neve::kernels::native {
const Simd& simd_avx512() { return functions; }
}  // namespace neve::kernels::native
