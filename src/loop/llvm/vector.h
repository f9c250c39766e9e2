// Small helpers over LLVM's builder: types by dtype and width, masks, loops.
#pragma once
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <neve/dtype.h>

#include <functional>

#include "base/cpu.h"

namespace neve::loop {

/// Where and for what code is generated. `b` stands at the insertion point.
struct Emit {
  llvm::Module& module;
  llvm::IRBuilder<>& b;
  Isa isa;
  llvm::Function* function = nullptr;

  bool has_fma() const { return isa >= Isa::avx2; }
  bool has_half() const { return isa >= Isa::avx2; }  ///< F16C; without it f16 is converted by integer arithmetic
  llvm::LLVMContext& context() const { return module.getContext(); }
  llvm::Type* i64() const { return b.getInt64Ty(); }
  llvm::Type* ptr() const { return b.getPtrTy(); }
  llvm::Value* i64(int64_t v) const { return b.getInt64(uint64_t(v)); }

  /// `t` for one lane, else a vector of it.
  static llvm::Type* vec(llvm::Type* t, unsigned lanes) {
    return lanes == 1 ? t : llvm::FixedVectorType::get(t, lanes);
  }
  static unsigned lanes(const llvm::Value* v) {
    const auto* t = llvm::dyn_cast<llvm::FixedVectorType>(v->getType());
    return t ? t->getNumElements() : 1;
  }
  /// The type in which values of a dtype are computed: f16 and bf16 as float, bool as i1.
  llvm::Type* compute_type(DType t) const;
  /// The type in memory; bf16 as i16, f16 as half or i16.
  llvm::Type* memory_type(DType t) const;

  llvm::Value* splat(llvm::Value* v, unsigned lanes) const { return lanes == 1 ? v : b.CreateVectorSplat(lanes, v); }
  /// A floating or integer constant of the type of `like`.
  llvm::Value* constant(llvm::Type* type, double v) const;
  llvm::Value* constant_int(llvm::Type* type, int64_t v) const;
  llvm::Value* intrinsic(llvm::Intrinsic::ID id, llvm::Value* x) const { return b.CreateUnaryIntrinsic(id, x); }
  llvm::Value* slice(llvm::Value* v, unsigned from, unsigned count) const;
  llvm::Value* join(llvm::ArrayRef<llvm::Value*> parts) const;

  /// Storage in the function's entry block.
  llvm::AllocaInst* variable(llvm::Type* type, const char* name = "") const;
  /// for (i = from; i < to; i += step) body(i)
  void loop(llvm::Value* from, llvm::Value* to, int64_t step, const std::function<void(llvm::Value* i)>& body) const;
  void branch(llvm::Value* condition, const std::function<void()>& yes, const std::function<void()>& no = {}) const;
  /// Byte address.
  llvm::Value* offset(llvm::Value* pointer, llvm::Value* bytes) const { return b.CreatePtrAdd(pointer, bytes); }
};

}  // namespace neve::loop
