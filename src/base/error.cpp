// Texts of error codes, and the number format of messages.
#include "base/error.h"

#include <charconv>
#include <cmath>

namespace neve {

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::type_mismatch:
      return "type_mismatch";
    case ErrorCode::shape_mismatch:
      return "shape_mismatch";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
      return "io";
    case ErrorCode::corrupt_file:
      return "corrupt_file";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

std::string format_double(double v) {
  if (std::isnan(v)) return "nan";
  char buffer[40];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr};
}

}  // namespace neve
