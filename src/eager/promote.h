// Mixed dtypes: what the public functions make of them. Ops themselves are strict.
#pragma once
#include <neve/tensor.h>

#include <string_view>

#include "op/def.h"

namespace neve::eager {

/// The dtype that both convert to: the higher kind of bool < integer < float < complex decides; of one kind, the
/// smallest that holds both (u8 and i8: i16; u64 and a signed integer: f64; f16 and bf16: f32).
DType promote(DType a, DType b);
/// The dtype of a plain number beside a tensor: a number never widens within its kind.
enum class NumberKind : uint8_t { boolean, integer, real };
DType promote_number(DType tensor, NumberKind number);

/// What sums and products of elements of a dtype are added up in: 64 bits for integers and bool, floats as they are.
DType promote_sum(DType t);

/// An op with its attributes, found once.
class Operator {
 public:
  explicit Operator(std::string_view name);
  const OpDef& op;
  const Attrs attrs;
};

/// An op of two operands after promotion. @throws Error of the op's type rule
Tensor binary(const Operator& o, const Tensor& a, const Tensor& b);
Tensor binary(std::string_view op, const Tensor& a, const Tensor& b);
/// True division: integers become f32.
Tensor divide(const Tensor& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, const Tensor& b);  ///< Python's //: towards minus infinity
Tensor floor_modulo(const Tensor& a, const Tensor& b);  ///< Python's %: the sign of the divisor

}  // namespace neve::eager
