// The error that a call ends with, as text.
#pragma once
#include <functional>
#include <string>

#include "base/error.h"

namespace neve::test {

/// "code: message", or "no error".
inline std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(to_string(e.code())) + ": " + e.message();
  }
  return "no error";
}

}  // namespace neve::test
