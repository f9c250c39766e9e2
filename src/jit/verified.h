// The machine remembers which archives passed their self-test.
#pragma once
#include <string>

#include "base/cache_trace.h"

namespace neve::jit {

/// What makes a whole check valid: the archive, this machine, this version.
KeyParts verified_parts(const std::string& manifest_digest);
bool is_verified(const KeyParts& parts);
void remember_verified(const KeyParts& parts);  ///< where it cannot be written: nothing happens

}  // namespace neve::jit
