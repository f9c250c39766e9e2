// Machine code of one nest as an object file: made by LLVM, or found in the user's cache.
#pragma once
#include <string>

#include "base/cpu.h"
#include "plan/loop_nest.h"

namespace neve::loop {

/// What an object holds: for each part the kernel that runs whole rows, or a kernel for each stage.
enum class ObjectKind { rows, stages };

/// Identifies the machine code of a nest: its bytes, the instruction set, the versions of LLVM and of Neve.
std::string object_key(const LoopNest& nest, Isa isa, ObjectKind kind);
/// Name of the kernel of a part in the object; stage -1: the one that runs whole rows.
std::string kernel_name(const std::string& key, size_t part, int stage);
/// An ELF object with the kernels of the nest. Thread-safe. @throws Error{unsupported | internal}
std::string compile_object(const LoopNest& nest, Isa isa, ObjectKind kind, const std::string& key);

/// The cached object of a key, or "" when there is none or its digest does not fit.
std::string load_cached_object(const std::string& key);
/// Keeps an object; failing to is no error. The folder is kept below 64 MB, oldest files go first.
void save_cached_object(const std::string& key, const std::string& object);

}  // namespace neve::loop
