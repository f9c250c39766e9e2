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

/// A model, or an engine's graph, as part of the program that is being captured.
std::vector<Tensor> replay(const Model& model, const std::vector<Tensor>& in);
std::vector<Tensor> replay(const Engine& engine, const std::vector<Tensor>& in);
/// Whether this thread captures a program.
bool is_capturing();

void bind_capture(nb::module_& m);
/// Calls of captured programs without Python's part: what is compared at every call, and the call itself.
void bind_calls(nb::module_& m);

}  // namespace neve::python
