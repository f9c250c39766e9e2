// Views and changes in place: how gradients follow bytes that several tensors share.
#pragma once
#include <neve/tensor.h>

#include <span>

namespace neve::eager {

/// Results that share bytes with an operand become views of it. Where recording is off they are marked as views that
/// cannot be changed in place by recorded operations.
void mark_views(std::span<const Tensor> in, std::span<const Tensor> out);

/// Finds the history of a view whose base was changed in place since: a part of what the base is now.
void refresh_view(const Tensor& t);

/// Writes `value` over `target`, which is x or a part of its bytes. Recorded: x, what x is a view of, and every other
/// view of that go on with the gradient of the change.
/// @param value  of the shape and the dtype of target
/// @param replaces  value was computed from x as an operation in place: its history is that of target from here on
/// @param op  for messages; see lasting_name
/// @throws Error{invalid_argument} a leaf that asks for gradients, or a view of one; a view made with recording off;
///     a target that shows elements more than once; read-only bytes. Nothing is changed then.
void write(const Tensor& x, const Tensor& target, const Tensor& value, bool replaces, const char* op);

}  // namespace neve::eager
