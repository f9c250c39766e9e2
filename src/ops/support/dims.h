// Arithmetic on sizes that several ops share.
#pragma once
#include "op/def.h"

namespace neve::ops {

/// Input i must be an i64 (or i32) vector of known length.
void require_index_vector(Inferring& t, size_t i);
/// Length of the vector input i, which must be constant. @throws Error{unsupported}: a rank that is only known at run
/// time.
int64_t known_length(Inferring& t, size_t i);
/// Input i must be i64 or i32.
void require_indices(Inferring& t, size_t i);
/// Input i must be a scalar or a vector of one element.
void require_single(Inferring& t, size_t i);
/// The content of the single element of input i, where known.
std::optional<Dim> single(const Inferring& t, size_t i);

/// States the content of output k as computed by `make`, unless it would leave the range of the dtype or of Dim.
template <class F>
void computed_content(Inferring& t, size_t k, F&& make) {
  const DType d = t.out[k].dtype;
  if (d != DType::i64 && d != DType::i32) return;
  try {
    Shape c = make();
    for (Dim v : c)
      if (d == DType::i32 && v.is_constant() && v.value() != int32_t(v.value())) return;
    t.result_content(k, std::move(c));
  } catch (const Error&) {
    // Not a size that Dim can hold; the value is simply not known ahead.
  }
}

/// The size at `axis` of y that makes y hold as many elements as x. Factors that both have cancel, also where they may
/// be 0; what cannot be proven to divide becomes a constraint.
Dim inferred_size(Inferring& t, const Shape& x, const Shape& y, size_t axis);

/// Elements of a type whose dims are constant, for flops and reads.
inline double elements(const TensorType& t) {
  double n = 1;
  for (Dim d : t.shape) n *= double(d.value());
  return n;
}

}  // namespace neve::ops
