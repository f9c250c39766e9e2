// Arithmetic on sizes that several ops share.
#pragma once
#include "op/def.h"

namespace neve::ops {

/// Input i must be an i64 (or i32) vector of known length.
void require_index_vector(Inferring& t, size_t i);
/// Length of the vector input i, which must be constant. @throws Error{unsupported}: a rank that is only known at run time.
int64_t known_length(Inferring& t, size_t i);
/// Input i must be i64 or i32.
void require_indices(Inferring& t, size_t i);
/// Input i must be a scalar or a vector of one element.
void require_single(Inferring& t, size_t i);
/// The content of the single element of input i, where known.
std::optional<Dim> single(const Inferring& t, size_t i);

/// The size at `axis` of y that makes y hold as many elements as x. Factors that both have cancel, also where they may
/// be 0; what cannot be proven to divide becomes a constraint.
Dim inferred_size(Inferring& t, const Shape& x, const Shape& y, size_t axis);

}  // namespace neve::ops
