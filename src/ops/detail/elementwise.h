// What elementwise ops share: dtypes they take, broadcasting, known content of small integer tensors.
#pragma once
#include "op/def.h"

namespace neve::ops {

/// Dtypes that an input may have. Complex numbers have no scalar steps.
enum class Takes : uint8_t { real, numbers, signed_numbers, floats, integers, booleans, any };
bool takes(Takes k, DType t);
/// @throws Error{type_mismatch} naming input i and what it must be.
void require_takes(const Inferring& t, size_t i, Takes k);

/// The shape that all inputs broadcast to.
Shape broadcast_inputs(Inferring& t);

/// Content of one element of the result from those of the operands; nothing where it is not known.
using ContentRule = std::optional<Dim> (*)(std::span<const Dim> operands);
/// States the content of result 0 when that of every input from `first` on is known and the rule knows every element.
/// What does not fit the result's dtype is not known. No rule: nothing is.
void fold_content(Inferring& t, ContentRule rule, size_t first = 0);

}  // namespace neve::ops
