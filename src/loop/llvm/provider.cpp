// The code provider of libneve_loop.so: compiles nests, links their objects into the process, shares equal ones.
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/TargetSelect.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "base/cpu.h"
#include "base/error.h"
#include "base/threads.h"
#include "loop/llvm/object.h"
#include "loop/llvm/part.h"
#include "loop/llvm/scalar.h"
#include "loop/schedule.h"
#include "plan/code_provider.h"

namespace neve::loop {
namespace {

std::string text(llvm::Error e) { return llvm::toString(std::move(e)); }

/// The linker of the process; lives for ever, since code may be called until the end.
class Linker {
 public:
  Linker() {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    llvm::orc::JITTargetMachineBuilder builder{llvm::Triple("x86_64-unknown-linux-gnu")};
    auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(builder)).create();
    if (!jit) fail(ErrorCode::internal, "loops: LLVM's linker does not start: ", text(jit.takeError()));
    jit_ = std::move(*jit);
    llvm::orc::SymbolMap symbols;
    const auto add = [&](const std::string& name, void* address) {
      symbols[jit_->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(address),
                                              llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    };
    for (const auto& [name, address] : scalar_functions()) add(name, address);
    // What the back end itself may call.
    add("memcpy", reinterpret_cast<void*>(&::memcpy));
    add("memset", reinterpret_cast<void*>(&::memset));
    add("memmove", reinterpret_cast<void*>(&::memmove));
    if (auto e = jit_->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))))
      fail(ErrorCode::internal, "loops: ", text(std::move(e)));
  }

  /// Adds an object; the result keeps its code in memory.
  std::shared_ptr<const void> add(const std::string& object) {
    auto tracker = jit_->getMainJITDylib().createResourceTracker();
    if (auto e = jit_->addObjectFile(tracker, llvm::MemoryBuffer::getMemBufferCopy(object, "loop")))
      fail(ErrorCode::internal, "loops: an object does not link: ", text(std::move(e)));
    auto* owner = new llvm::orc::ResourceTrackerSP(tracker);
    return std::shared_ptr<const void>(owner, [](llvm::orc::ResourceTrackerSP* t) {
      llvm::consumeError((*t)->remove());
      delete t;
    });
  }
  Kernel find(const std::string& name) {
    auto address = jit_->lookup(name);
    if (!address) fail(ErrorCode::internal, "loops: ", text(address.takeError()));
    return address->toPtr<Kernel>();
  }

 private:
  std::unique_ptr<llvm::orc::LLJIT> jit_;
};

/// The object of a nest, from the cache or made now.
std::string get_object(const LoopNest& nest, Isa isa, ObjectKind kind, const KeyParts& parts, bool disk_cache) {
  std::string object = disk_cache ? load_cached_object(parts) : "";
  if (!object.empty()) return object;
  object = compile_object(nest, isa, kind, object_key(parts));
  if (disk_cache) save_cached_object(parts, object);
  return object;
}

class LlvmNest final : public NestCode {
 public:
  LlvmNest(LoopNest n, Isa isa, bool disk_cache, Linker& linker)
      : NestCode(std::move(n)), isa_(isa), disk_cache_(disk_cache), linker_(linker) {}

  void link_rows(const std::string& key, const std::string& object) {
    keep_ = linker_.add(object);
    for (size_t p = 0; p < nest.parts.size(); ++p) {
      rows.push_back(linker_.find(kernel_name(key, p, -1)));
      widths.push_back(widths_of(nest.parts[p], isa_).main);
    }
  }
  std::span<const Kernel> stages(size_t part) const override {
    const std::lock_guard lock(mutex_);
    if (stages_.empty()) {
      const KeyParts key_parts = object_parts(nest, isa_, ObjectKind::stages);
      const std::string key = object_key(key_parts);
      keep_stages_ = linker_.add(get_object(nest, isa_, ObjectKind::stages, key_parts, disk_cache_));
      std::vector<std::vector<Kernel>> all(nest.parts.size());
      for (size_t p = 0; p < nest.parts.size(); ++p)
        if (has_reduction(nest.parts[p]))
          for (size_t s = 0; s < nest.parts[p].stages.size(); ++s)
            all[p].push_back(linker_.find(kernel_name(key, p, int(s))));
      stages_ = std::move(all);
    }
    return stages_[part];
  }

 private:
  const Isa isa_;
  const bool disk_cache_;
  Linker& linker_;
  std::shared_ptr<const void> keep_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const void> keep_stages_;
  mutable std::vector<std::vector<Kernel>> stages_;
};

class LlvmCode final : public LoopCode {
 public:
  explicit LlvmCode(std::shared_ptr<const NestCode> code) : code_(std::move(code)) {}
  std::shared_ptr<const BoundLoop> bind(std::span<const int64_t> values, int threads) const override {
    return bind_nest(code_, values, threads);
  }

 private:
  std::shared_ptr<const NestCode> code_;
};

class LlvmProvider final : public CodeProvider {
 public:
  LlvmProvider() : isa_(cpu_info().isa) {}

  using CodeProvider::compile;
  std::vector<std::shared_ptr<const LoopCode>> compile(std::span<const LoopNest* const> nests,
                                                       const LoopCompileOptions& options) override {
    struct Job {
      const LoopNest* nest;
      KeyParts parts;
      std::string key, object, error;
    };
    std::vector<Job> jobs;
    std::vector<std::string> keys;
    std::vector<std::shared_ptr<const LoopCode>> result(nests.size());
    const Isa isa = std::min(options.isa, isa_);
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(known_, [](const auto& k) { return k.second.expired(); });
      for (size_t i = 0; i < nests.size(); ++i) {
        validate(*nests[i]);
        require_limits(*nests[i]);
        KeyParts parts = object_parts(*nests[i], isa, ObjectKind::rows);
        keys.push_back(object_key(parts));
        if ((result[i] = known_[keys[i]].lock())) continue;
        bool again = false;
        for (const Job& j : jobs) again |= j.key == keys[i];
        if (!again) jobs.push_back({nests[i], std::move(parts), keys[i], {}, {}});
      }
    }
    // Each in a context of its own, so that they can be made side by side.
    parallel_for(int64_t(jobs.size()), 1, available_threads(), [&](int64_t begin, int64_t end, int) {
      for (int64_t k = begin; k < end; ++k) {
        Job& j = jobs[size_t(k)];
        try {
          j.object = get_object(*j.nest, isa, ObjectKind::rows, j.parts, options.disk_cache);
        } catch (const std::exception& e) {
          j.error = e.what();
        }
      }
    });
    const std::lock_guard lock(mutex_);
    for (const Job& j : jobs) {
      if (!j.error.empty()) fail(ErrorCode::unsupported, j.error);
      link(*j.nest, isa, j.key, j.object, options.disk_cache);
    }
    for (size_t i = 0; i < nests.size(); ++i)
      if (!result[i]) result[i] = known_[keys[i]].lock();
    keep_.clear();
    return result;
  }
  std::string description() const override { return str("LLVM ", LLVM_VERSION_STRING, ", ", to_string(isa_)); }

 private:
  static void require_limits(const LoopNest& nest) {
    for (const LoopPart& p : nest.parts) {
      if (p.accesses.size() > size_t(max_accesses))
        fail(ErrorCode::unsupported, "loops: ", p.accesses.size(), " accesses in a part (at most ", max_accesses, ")");
      if (p.scratch.size() > size_t(max_scratch))
        fail(ErrorCode::unsupported, "loops: ", p.scratch.size(), " scratch arrays in a part (at most ", max_scratch,
             ")");
    }
  }

  void link(const LoopNest& nest, Isa isa, const std::string& key, const std::string& object, bool disk_cache) {
    if (auto there = known_[key].lock()) {  // another thread was faster
      keep_.push_back(std::move(there));
      return;
    }
    if (!linker_) linker_ = std::make_unique<Linker>();
    auto code = std::make_shared<LlvmNest>(nest, isa, disk_cache, *linker_);
    code->link_rows(key, object);
    auto made = std::make_shared<LlvmCode>(std::move(code));
    known_[key] = made;
    keep_.push_back(std::move(made));
  }

  const Isa isa_;
  std::mutex mutex_;
  std::unique_ptr<Linker> linker_;
  std::map<std::string, std::weak_ptr<const LoopCode>> known_;
  std::vector<std::shared_ptr<const LoopCode>> keep_;  // while compile() collects its results
};

}  // namespace
}  // namespace neve::loop

/// The one symbol of this library: its provider, or null with the reason. `version`: of the caller.
extern "C" neve::CodeProvider* neve_loop_code_provider(const char* version, std::string* reason) {
  if (std::string_view(version) != NEVE_VERSION) {
    *reason = neve::str("loops: libneve_loop.so is version ", NEVE_VERSION, ", libneve.so ", version);
    return nullptr;
  }
  try {
    static auto* provider = new neve::loop::LlvmProvider;  // never deleted: code may run until the process ends
    return provider;
  } catch (const std::exception& e) {
    *reason = e.what();
    return nullptr;
  }
}
