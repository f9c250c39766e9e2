// The plainest calls of the functions that models are full of, in one call outside of captures: None where the
// arguments are of another kind, or refused. What a function accepts, and its words for what it does not, stand in
// Python.
#include <neve/array.h>
#include <neve/functions.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "capture.h"
#include "convert.h"
#include "core/tensor_hooks.h"

namespace neve::python {
namespace {

/// Arguments of a call as Python hands them over.
struct Arguments {
  PyObject *positional, *named;

  Py_ssize_t count() const { return PyTuple_GET_SIZE(positional); }
  nb::handle at(Py_ssize_t i) const { return PyTuple_GET_ITEM(positional, i); }
  bool only_positional() const { return !PyDict_GET_SIZE(named); }
  /// `n` positional ones.
  bool are(Py_ssize_t n) const { return only_positional() && count() == n; }

  /// A tensor that is no part of a program; null for whatever else.
  const Tensor* tensor(Py_ssize_t i) const { return i < count() ? tensor_of(at(i)) : nullptr; }
  static const Tensor* tensor_of(nb::handle h) {
    const Tensor* t = capturing ? nullptr : as_known(h);
    return t && !t->is_captured() ? t : nullptr;
  }

  /// The axis at a position or by its name, in [0, rank), where no other argument follows it or is named; -1 for what
  /// is none.
  int64_t axis(Py_ssize_t position, int64_t rank, int64_t otherwise) const {
    int64_t a = otherwise;
    if (!only_positional()) {
      if (count() != position || PyDict_GET_SIZE(named) != 1) return -1;
      PyObject* v = PyDict_GetItemString(named, "dim");
      if (!v) v = PyDict_GetItemString(named, "axis");
      if (!v || !whole(v, -rank, a)) return -1;
    } else if (count() == position + 1) {
      if (!whole(at(position), -rank, a)) return -1;
    } else if (count() != position) {
      return -1;
    }
    if (a < -rank || a >= rank) return -1;
    return a < 0 ? a + rank : a;
  }

  /// Integers from a position on: f(2, 3), f((2, 3)) or f([2, 3]).
  std::optional<Sizes> sizes(Py_ssize_t from, int64_t least) const {
    if (!only_positional() || count() <= from) return {};
    PyObject* all = positional;
    if (count() == from + 1 && (PyTuple_CheckExact(at(from).ptr()) || PyList_CheckExact(at(from).ptr()))) {
      all = at(from).ptr();
      from = 0;
    }
    const bool tuple = PyTuple_CheckExact(all);
    const Py_ssize_t n = tuple ? PyTuple_GET_SIZE(all) : PyList_GET_SIZE(all);
    Sizes s;
    for (Py_ssize_t i = from; i < n; ++i) {
      int64_t v = 0;
      if (!whole(tuple ? PyTuple_GET_ITEM(all, i) : PyList_GET_ITEM(all, i), least, v)) return {};
      s.push_back(v);
    }
    return s;
  }
};

/// What `compute` gives; None where it is refused: Python says why.
template <class F>
nb::object computed(int64_t elements, F&& compute) {
  Tensor y;
  try {
    if (elements > small_work) {
      remember_place();
      nb::gil_scoped_release free;
      y = compute();
    } else {
      y = compute();
    }
  } catch (const Error&) {
    return nb::none();
  }
  return wrap(std::move(y));
}

nb::object view_as_sizes(const Arguments& a, bool copies) {
  const Tensor* t = a.tensor(0);
  if (!t || (!copies && !t->is_contiguous())) return nb::none();
  const auto to = a.sizes(1, -1);
  if (!to) return nb::none();
  return computed(copies && !t->is_contiguous() ? t->element_count() : 0, [&] { return t->reshape(*to); });
}
nb::object reshape(const Arguments& a) { return view_as_sizes(a, true); }
nb::object view(const Arguments& a) { return view_as_sizes(a, false); }

nb::object permuted(const Tensor& t, const Sizes& axes) {
  return computed(0, [&] { return t.transpose(axes); });
}
nb::object permute(const Arguments& a) {
  const Tensor* t = a.tensor(0);
  if (!t) return nb::none();
  auto axes = a.sizes(1, -t->rank());
  if (!axes || axes->empty()) return nb::none();
  for (int64_t& v : *axes) v += v < 0 ? t->rank() : 0;
  return permuted(*t, *axes);
}
nb::object swap_axes(const Arguments& a) {
  const Tensor* t = a.tensor(0);
  int64_t i = 0, j = 0;
  if (!t || !a.are(3) || !whole(a.at(1), -t->rank(), i) || !whole(a.at(2), -t->rank(), j)) return nb::none();
  if (i >= t->rank() || j >= t->rank()) return nb::none();
  Sizes axes;
  for (int64_t k = 0; k < t->rank(); ++k) axes.push_back(k);
  std::swap(axes[size_t(i < 0 ? i + t->rank() : i)], axes[size_t(j < 0 ? j + t->rank() : j)]);
  return permuted(*t, axes);
}
nb::object transpose(const Arguments& a) { return a.count() == 3 ? swap_axes(a) : nb::none(); }

/// Views of `each` positions of an axis, the last of what is left.
nb::object parts(const Tensor& t, int64_t axis, int64_t each) {
  const int64_t n = t.size(axis);
  const int64_t count = std::max<int64_t>((n + each - 1) / each, 1);
  nb::object made = nb::steal(PyTuple_New(Py_ssize_t(count)));
  for (int64_t i = 0; i < count; ++i)
    PyTuple_SET_ITEM(made.ptr(), Py_ssize_t(i),
                     wrap(t.slice(axis, i * each, std::min(n, (i + 1) * each))).release().ptr());
  return made;
}
nb::object split_or_chunk(const Arguments& a, bool chunks) {
  const Tensor* t = a.tensor(0);
  int64_t n = 0;
  if (!t || a.count() < 2 || !whole(a.at(1), 1, n)) return nb::none();
  const int64_t axis = a.axis(2, t->rank(), 0);
  if (axis < 0) return nb::none();
  if (!chunks) return parts(*t, axis, n);
  const int64_t size = t->size(axis);
  return parts(*t, axis, std::max<int64_t>(size / n + (size % n != 0), 1));
}
nb::object split(const Arguments& a) { return split_or_chunk(a, false); }
nb::object chunk(const Arguments& a) { return split_or_chunk(a, true); }

nb::object expand_dims(const Arguments& a) {
  const Tensor* t = a.tensor(0);
  if (!t || (a.count() < 2 && a.only_positional())) return nb::none();
  const int64_t axis = a.axis(1, t->rank() + 1, 0);
  return axis < 0 ? nb::none() : computed(0, [&] { return neve::unsqueeze(*t, axis); });
}
nb::object squeeze(const Arguments& a) {
  const Tensor* t = a.tensor(0);
  if (!t || (a.count() < 2 && a.only_positional())) return nb::none();
  const int64_t axis = a.axis(1, t->rank(), 0);
  return axis < 0 || t->size(axis) != 1 ? nb::none() : computed(0, [&] { return neve::squeeze(*t, {axis}); });
}

nb::object concat(const Arguments& a) {
  if (!a.count()) return nb::none();
  const nb::handle given = a.at(0);
  const bool tuple = PyTuple_CheckExact(given.ptr());
  if (!tuple && !PyList_CheckExact(given.ptr())) return nb::none();
  const Py_ssize_t n = tuple ? PyTuple_GET_SIZE(given.ptr()) : PyList_GET_SIZE(given.ptr());
  std::vector<Tensor> all;
  all.reserve(size_t(n));
  int64_t elements = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Tensor* t = Arguments::tensor_of(tuple ? PyTuple_GET_ITEM(given.ptr(), i) : PyList_GET_ITEM(given.ptr(), i));
    if (!t || (i && (t->dtype() != all[0].dtype() || t->rank() != all[0].rank()))) return nb::none();
    all.push_back(*t);
    elements += t->element_count();
  }
  if (all.empty()) return nb::none();
  const int64_t axis = a.axis(1, all[0].rank(), 0);
  return axis < 0 ? nb::none() : computed(elements, [&] { return neve::concat(all, axis); });
}

nb::object softmax(const Arguments& a) {
  const Tensor* t = a.tensor(0);
  if (!t || !is_float(t->dtype())) return nb::none();
  const int64_t axis = a.axis(1, t->rank(), -1);
  return axis < 0 ? nb::none() : computed(t->element_count(), [&] { return t->softmax(axis); });
}

nb::object matmul(const Arguments& a) {
  const Tensor *x = a.tensor(0), *y = a.tensor(1);
  if (!x || !y || !a.are(2) || x->dtype() != y->dtype()) return nb::none();
  return computed(x->element_count() + y->element_count(), [&] { return neve::matmul(*x, *y); });
}

}  // namespace

void bind_quick(nb::module_& m) {
  static constexpr struct {
    const char* name;
    nb::object (*call)(const Arguments&);
  } all[] = {{"reshape", reshape},     {"view", view},     {"permute", permute}, {"swap_axes", swap_axes},
             {"transpose", transpose}, {"split", split},   {"chunk", chunk},     {"expand_dims", expand_dims},
             {"squeeze", squeeze},     {"concat", concat}, {"softmax", softmax}, {"matmul", matmul}};
  for (const auto& q : all)
    m.def((std::string("quick_") + q.name).c_str(),
          [call = q.call](const nb::tuple& args, const nb::dict& kwargs) { return call({args.ptr(), kwargs.ptr()}); });
}

}  // namespace neve::python
