// Sizes that are no numbers, and captures.
#pragma once
#include "convert.h"

namespace neve::python {

/// A size of a captured tensor, in Python: a number where it is constant.
nb::object dim_object(const Tensor& t, size_t axis);
nb::object count_object(const Tensor& t);
/// Whether `h` is a neve.jit dim; then `out` is it as a captured scalar i64.
bool dim_tensor(nb::handle h, Tensor& out);
/// A list of numbers and dims as a captured i64 vector; false if none is a dim.
bool dims_tensor(nb::handle list, Tensor& out);
/// The content of a captured tensor where it follows from constants; else an error that says what asked for it.
Tensor captured_content(const Tensor& t, const char* what);
/// A tensor that the program makes from numbers, as a constant of the graph.
Tensor captured_constant(const Tensor& t);

void bind_capture(nb::module_& m);

}  // namespace neve::python
