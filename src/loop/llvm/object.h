// Machine code of one nest as an object file: made by LLVM, or found in the user's cache.
#pragma once
#include <string>

#include "base/cache_trace.h"
#include "base/cpu.h"
#include "plan/loop_nest.h"

namespace neve::loop {

/// What an object holds: for each part the kernel that runs whole rows, or a kernel for each stage.
enum class ObjectKind { rows, stages };

/// Digest of the sources of the code generator (written by the build): other code, another digest.
const char* generator_digest();
/// What the machine code of a nest hangs on: its bytes, the instruction set, LLVM, Neve, the code generator's sources.
KeyParts object_parts(const LoopNest& nest, Isa isa, ObjectKind kind);
/// Digest of the parts.
std::string object_key(const KeyParts& parts);
inline std::string object_key(const LoopNest& nest, Isa isa, ObjectKind kind) {
  return object_key(object_parts(nest, isa, kind));
}
/// Name of the kernel of a part in the object; stage -1: the one that runs whole rows.
std::string kernel_name(const std::string& key, size_t part, int stage);
/// An ELF object with the kernels of the nest. Thread-safe. @throws Error{unsupported | internal}
std::string compile_object(const LoopNest& nest, Isa isa, ObjectKind kind, const std::string& key);

/// The cached object of a key, or "" when there is none or its digest does not fit.
std::string load_cached_object(const KeyParts& parts);
/// Keeps an object; failing to is no error. The folder is kept below 64 MB, oldest files go first.
void save_cached_object(const KeyParts& parts, const std::string& object);

}  // namespace neve::loop
