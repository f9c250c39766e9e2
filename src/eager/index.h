// Indexing by NumPy's rules, as values and as targets.
#pragma once
#include <neve/tensor.h>

#include <optional>
#include <span>

namespace neve::eager {

struct Index {
  enum Kind : uint8_t { integer, range, new_axis, ellipsis, tensor } kind = range;
  int64_t value = 0;
  std::optional<int64_t> begin, end;
  int64_t step = 1;
  Tensor indices;                 ///< integers, or bool (a mask over as many axes as it has)
  Tensor begin_value, end_value;  ///< while capturing, where a bound is no number: i64[]
};

/// x[index]: a view where no tensor is among the indices, else a copy. Recorded.
/// @throws Error{invalid_argument} too many indices, a zero step, an integer out of range; Error{type_mismatch}
Tensor get_item(const Tensor& x, std::span<const Index> index);
/// x[index] = value, which is broadcast and converted. Recorded: x goes on as the result of the assignment.
/// @throws as get_item; Error{shape_mismatch}; Error{invalid_argument} for a leaf that asks for gradients
void set_item(const Tensor& x, std::span<const Index> index, const Tensor& value, const char* op = "index");
/// Puts the elements of `value` in the place of those of x, which goes on as `value` did: x += y is assign(x, x + y).
void assign(const Tensor& x, const Tensor& value, const char* op);

}  // namespace neve::eager
