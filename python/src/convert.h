// Arrays to tensors and back, for all of the module.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/detail/nb_list.h>
#include <neve/neve.h>

#include <utility>
#include <vector>

namespace nb = nanobind;

NAMESPACE_BEGIN(NB_NAMESPACE)
NAMESPACE_BEGIN(detail)
template <>
struct type_caster<neve::Sizes> : list_caster<neve::Sizes, int64_t> {};
NAMESPACE_END(detail)
NAMESPACE_END(NB_NAMESPACE)

namespace neve::python {

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

bool dtype_from(nb::dlpack::dtype t, DType& out);
nb::dlpack::dtype dtype_to(DType t);
/// A view of the array's memory; `hold` keeps it alive. Numbers and lists go through numpy.asarray. A neve.Tensor is
/// taken as it is.
Tensor tensor_from(nb::handle h, std::vector<AnyArray>& hold, const char* what);
/// Any value as a tensor: a Tensor is itself, an array is shared where it is writable for us, else copied.
Tensor as_tensor(nb::handle h, const char* what);
/// The tensor that this is; null for whatever else. (None, which nanobind casts to a null pointer, is none.)
Tensor* as_known(nb::handle h);
/// An int of `least` or more, and no other kind of number.
bool whole(nb::handle h, int64_t least, int64_t& v);
/// A tensor for Python.
inline nb::object wrap(Tensor t) { return nb::cast(std::move(t), nb::rv_policy::move); }
/// Elements of operands whose work is not worth letting go of the interpreter.
constexpr int64_t small_work = 4096;
/// A NumPy array over the tensor's memory.
nb::object array_from(const Tensor& t);

/// Keeps the line of the caller for what this thread records after it lets go of the interpreter.
void remember_place(bool always = false);
void bind_places(nb::module_& m);

/// Python's buffer protocol for Tensor.
PyType_Slot* buffer_slots();

/// Functions of layers.
void bind_layers(nb::module_& m);
/// The plainest calls of functions of tensors.
void bind_quick(nb::module_& m);
/// The class Tensor, and what works on it.
void bind_tensor(nb::module_& m);

}  // namespace neve::python
