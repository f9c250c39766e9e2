// Elementary functions on vectors of floats: polynomials after range reduction, within 2 ulp.
#pragma once
#include "loop/llvm/vector.h"

namespace neve::loop {

// All take and give float or <n x float>; special values as in C's functions. The coefficients are minimax fits
// (relative error of the result below 2^-27) made by tools/fit_math.py.
llvm::Value* emit_exp(const Emit& e, llvm::Value* x);
llvm::Value* emit_expm1(const Emit& e, llvm::Value* x);
llvm::Value* emit_log(const Emit& e, llvm::Value* x);
llvm::Value* emit_log1p(const Emit& e, llvm::Value* x);
llvm::Value* emit_tanh(const Emit& e, llvm::Value* x);
llvm::Value* emit_erf(const Emit& e, llvm::Value* x);
llvm::Value* emit_sigmoid(const Emit& e, llvm::Value* x);

/// a * b + c, in one rounding where the CPU can.
llvm::Value* emit_fma(const Emit& e, llvm::Value* a, llvm::Value* b, llvm::Value* c);
/// NaN if either is NaN; as the reference: x > y || isnan(x) ? x : y.
llvm::Value* emit_max(const Emit& e, llvm::Value* x, llvm::Value* y);
llvm::Value* emit_min(const Emit& e, llvm::Value* x, llvm::Value* y);

}  // namespace neve::loop
