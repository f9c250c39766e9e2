// Small helpers over LLVM's builder.
#include "loop/llvm/vector.h"

namespace neve::loop {

llvm::Type* Emit::compute_type(DType t) const {
  switch (t) {
    case DType::f64:
      return b.getDoubleTy();
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return b.getFloatTy();
    case DType::boolean:
      return b.getInt1Ty();
    default:
      return b.getIntNTy(unsigned(size_of(t)) * 8);
  }
}

llvm::Type* Emit::memory_type(DType t) const {
  if (t == DType::f16) return has_half() ? b.getHalfTy() : b.getInt16Ty();
  if (t == DType::bf16) return b.getInt16Ty();
  if (t == DType::boolean) return b.getInt8Ty();
  return compute_type(t);
}

llvm::Value* Emit::constant(llvm::Type* type, double v) const { return llvm::ConstantFP::get(type, v); }
llvm::Value* Emit::constant_int(llvm::Type* type, int64_t v) const {
  return llvm::ConstantInt::get(type, uint64_t(v), true);
}

llvm::Value* Emit::slice(llvm::Value* v, unsigned from, unsigned count) const {
  if (from == 0 && count == lanes(v)) return v;
  if (count == 1) return b.CreateExtractElement(v, uint64_t(from));
  llvm::SmallVector<int, 64> mask;
  for (unsigned i = 0; i < count; ++i) mask.push_back(int(from + i));
  return b.CreateShuffleVector(v, mask);
}

llvm::Value* Emit::join(llvm::ArrayRef<llvm::Value*> parts) const {
  llvm::SmallVector<llvm::Value*, 8> level(parts.begin(), parts.end());
  while (level.size() > 1) {  // a power of two of equal parts
    llvm::SmallVector<llvm::Value*, 8> next;
    for (size_t i = 0; i < level.size(); i += 2) {
      llvm::SmallVector<int, 64> mask;
      for (unsigned k = 0; k < 2 * lanes(level[i]); ++k) mask.push_back(int(k));
      next.push_back(b.CreateShuffleVector(level[i], level[i + 1], mask));
    }
    level = std::move(next);
  }
  return level[0];
}

llvm::AllocaInst* Emit::variable(llvm::Type* type, const char* name) const {
  llvm::BasicBlock& entry = function->getEntryBlock();
  llvm::IRBuilder<> at(&entry, entry.begin());
  return at.CreateAlloca(type, nullptr, name);
}

void Emit::loop(llvm::Value* from, llvm::Value* to, int64_t step, const std::function<void(llvm::Value*)>& body) const {
  auto* before = b.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(context(), "loop", function);
  auto* after = llvm::BasicBlock::Create(context(), "after", function);
  b.CreateCondBr(b.CreateICmpSLT(from, to), head, after);
  b.SetInsertPoint(head);
  llvm::PHINode* i = b.CreatePHI(i64(), 2, "i");
  i->addIncoming(from, before);
  body(i);
  llvm::Value* next = b.CreateAdd(i, i64(step), "", false, true);
  i->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, to), head, after);
  b.SetInsertPoint(after);
}

void Emit::branch(llvm::Value* condition, const std::function<void()>& yes, const std::function<void()>& no) const {
  auto* then = llvm::BasicBlock::Create(context(), "then", function);
  auto* after = llvm::BasicBlock::Create(context(), "after", function);
  auto* other = no ? llvm::BasicBlock::Create(context(), "else", function) : after;
  b.CreateCondBr(condition, then, other);
  b.SetInsertPoint(then);
  yes();
  b.CreateBr(after);
  if (no) {
    b.SetInsertPoint(other);
    no();
    b.CreateBr(after);
  }
  b.SetInsertPoint(after);
}

}  // namespace neve::loop
