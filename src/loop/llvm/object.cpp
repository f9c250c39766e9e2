// Machine code of one nest as an object file.
#include "loop/llvm/object.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Pass.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Scalar.h>
#include <llvm/Transforms/Utils.h>

#include <cstdlib>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "loop/llvm/part.h"
#include "loop/schedule.h"

namespace neve::loop {
namespace {

constexpr const char* triple = "x86_64-unknown-linux-gnu";

std::unique_ptr<llvm::TargetMachine> make_target(Isa isa) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string why;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, why);
  check(target, "LLVM has no X86 target: ", why);
  const char* cpu = isa == Isa::avx512 ? "x86-64-v4" : isa == Isa::avx2 ? "x86-64-v3" : "x86-64-v2";
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, "", options, llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default, true));
}

}  // namespace

KeyParts object_parts(const LoopNest& nest, Isa isa, ObjectKind kind) {
  return {{"nest", sha256_hex(to_bytes(nest))},   {"kernels", kind == ObjectKind::rows ? "rows" : "stages"},
          {"instruction set", to_string(isa)},    {"Neve", NEVE_VERSION},
          {"code generator", generator_digest()}, {"LLVM", LLVM_VERSION_STRING}};
}

std::string object_key(const KeyParts& parts) { return sha256_hex("neve loop\n" + key_text(parts)); }

std::string kernel_name(const std::string& key, size_t part, int stage) {
  std::string name = str("neve_loop_", key.substr(0, 32), "_", part);
  return stage < 0 ? name : str(name, "_", stage);
}

std::string compile_object(const LoopNest& nest, Isa isa, ObjectKind kind, const std::string& key) {
  llvm::LLVMContext context;
  llvm::Module module("loop", context);
  const std::unique_ptr<llvm::TargetMachine> target = make_target(isa);
  module.setTargetTriple(triple);
  module.setDataLayout(target->createDataLayout());
  for (size_t p = 0; p < nest.parts.size(); ++p) {
    const LoopPart& part = nest.parts[p];
    if (kind == ObjectKind::rows) emit_rows(module, nest, part, isa, kernel_name(key, p, -1));
    if (kind == ObjectKind::rows || !has_reduction(part)) continue;
    for (size_t s = 0; s < part.stages.size(); ++s) emit_stage(module, nest, part, s, isa, kernel_name(key, p, int(s)));
  }
  std::string problem;
  llvm::raw_string_ostream problem_stream(problem);
  check(!llvm::verifyModule(module, &problem_stream), "loop code: ", problem_stream.str());

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  // Without it masked loads and stores become a branch for every lane: no pass would know that this CPU has them.
  passes.add(llvm::createTargetTransformInfoWrapperPass(target->getTargetIRAnalysis()));
  passes.add(llvm::createSROAPass());
  passes.add(llvm::createEarlyCSEPass());
  passes.add(llvm::createCFGSimplificationPass());
  passes.add(llvm::createLICMPass());
  check(!target->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile),
        "LLVM cannot write objects for this target");
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}

}  // namespace neve::loop
