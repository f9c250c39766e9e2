// The one error type of Neve.
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace neve {

/// What kind of failure an Error is. The text says the rest.
enum class ErrorCode {
  invalid_argument,  ///< a value that no model or machine could make right
  type_mismatch,     ///< a dtype, rank or kind other than the one required
  shape_mismatch,    ///< sizes that do not fit together, or lie outside every range
  not_found,         ///< a name, file or op that does not exist
  unsupported,       ///< legal, but not built (yet); says what to do instead
  io,                ///< the operating system refused
  corrupt_file,      ///< bytes that are not what their format says
  out_of_memory,
  cancelled,
  internal,  ///< a defect of Neve itself
};

/// Text of a code, e.g. "shape_mismatch".
const char* to_string(ErrorCode code) noexcept;

/// `<op or call>: <what is wrong> (<what would be right>)`, then `at file:line`, then at most one `hint:`.
/// Thrown by the API and by compilation; Session::try_run returns it as a value.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  /// The same error with `\n  at <where>` or another line appended.
  Error with(const std::string& line) const { return {code_, message_ + "\n" + line}; }

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace neve
