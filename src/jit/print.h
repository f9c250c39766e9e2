// What captured programs print: texts with values that are known only when the program runs.
#pragma once
#include <neve/tensor.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace neve::jit {

/// A piece of a print: a text, or a value with what Python's format() is told of it.
struct PrintPart {
  std::string text;
  bool is_value = false;
  std::string form;              ///< "int", "float", "bool" of a number, or the dtype of a tensor
  std::string conversion, spec;  ///< "", "s", "r" or "a"; "8.3f"
  int64_t rank = 0;              ///< of a tensor; -1 for a number
};
struct Print {
  std::vector<PrintPart> parts;
  std::string end;
};

/// Reads the prints of a form: [{"parts": ["text", {"form", "conversion", "spec", "rank"}, ...], "end": "\n"}, ...].
/// @throws Error{corrupt_file} with `where`
std::vector<Print> prints_of(const std::string& text, const std::string& where);
/// Hands on the entries of a log, in order: each the number of its print, then sizes and elements of its values.
/// Numbers are formatted as Python does, tensors as "tensor(" to_string(t) ")".
/// @throws Error{unsupported} for a format that only Python has; Error{invalid_argument} for a log that is none
void write_log(const std::vector<Print>& prints, const Tensor& log, const std::function<void(std::string_view)>& out);

/// format(value, spec) of Python for int (whole values), float and bool, and for a text.
std::string format_number(double value, const std::string& form, const std::string& spec);
std::string format_text(const std::string& text, const std::string& spec);

}  // namespace neve::jit
