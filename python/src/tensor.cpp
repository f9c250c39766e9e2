// The class Tensor: operators, indexing, NumPy and DLPack, gradients; and ops by name.
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <unordered_map>

#include "capture.h"
#include "convert.h"
#include "core/tensor_hooks.h"
#include "eager/autograd.h"
#include "eager/index.h"
#include "eager/optimise.h"
#include "eager/promote.h"
#include "op/registry.h"

namespace neve::python {
namespace {

using eager::NumberKind;

// ---- arguments ----------------------------------------------------------------------------------------------------

/// A tensor of a Python number, in the dtype that it takes beside `beside`.
bool number_to_tensor(nb::handle h, DType beside, Tensor& out) {
  PyObject* p = h.ptr();
  if (PyBool_Check(p)) {
    out = Tensor::scalar(eager::promote_number(beside, NumberKind::boolean), p == Py_True);
  } else if (PyLong_Check(p)) {
    const DType t = eager::promote_number(beside, NumberKind::integer);
    if (is_float(t) || is_complex(t)) {
      out = Tensor::scalar(t, PyLong_AsDouble(p));
    } else {
      out = Tensor::scalar_int(t, PyLong_AsLongLong(p));
    }
    if (PyErr_Occurred()) throw nb::python_error();
  } else if (PyFloat_Check(p)) {
    out = Tensor::scalar(eager::promote_number(beside, NumberKind::real), PyFloat_AS_DOUBLE(p));
  } else {
    return false;
  }
  return true;
}

}  // namespace

Tensor as_tensor(nb::handle h, const char* what) {
  if (const Tensor* known = as_known(h)) return *known;
  Tensor t;
  if (PyFloat_Check(h.ptr()) || PyLong_Check(h.ptr()) || PyBool_Check(h.ptr())) {
    number_to_tensor(h, PyBool_Check(h.ptr()) ? DType::boolean : PyLong_Check(h.ptr()) ? DType::i64 : DType::f32, t);
    return t;
  }
  if (Tensor size; dim_tensor(h, size)) return size;
  const bool was = std::exchange(capturing, false);  // bytes are copied, that is no operation of a program
  std::vector<AnyArray> hold;
  try {
    t = tensor_from(h, hold, what).clone();
  } catch (...) {
    capturing = was;
    throw;
  }
  capturing = was;
  return was ? captured_constant(t) : t;
}

namespace {

/// The other operand of an operator; false for a type that is none of ours.
bool operand(nb::handle h, const Tensor& beside, Tensor& out) {
  if (const Tensor* known = as_known(h)) {
    out = *known;
    return true;
  }
  if (number_to_tensor(h, beside.dtype(), out)) return true;
  if (dim_tensor(h, out)) {
    out = out.to(eager::promote_number(beside.dtype(), NumberKind::integer));
    return true;
  }
  if (!nb::hasattr(h, "__array__") && !nb::hasattr(h, "__dlpack__")) return false;
  out = as_tensor(h, "operator");
  return true;
}

nb::object not_implemented() { return nb::borrow(Py_NotImplemented); }

/// Operators live as long as the process.
const eager::Operator& operator_of(const char* op) { return *new eager::Operator(op); }

template <bool reflected>
auto arithmetic(const char* op) {
  return [&o = operator_of(op)](const Tensor& a, nb::handle other) -> nb::object {
    if (const Tensor* known = as_known(other))
      return wrap(reflected ? eager::binary(o, *known, a) : eager::binary(o, a, *known));
    Tensor b;
    if (!operand(other, a, b)) return not_implemented();
    return wrap(reflected ? eager::binary(o, b, a) : eager::binary(o, a, b));
  };
}
template <bool reflected>
nb::object true_divide(const Tensor& a, nb::handle other) {
  Tensor b;
  if (!operand(other, a, b)) return not_implemented();
  return wrap(reflected ? eager::divide(b, a) : eager::divide(a, b));
}
template <bool reflected>
nb::object floor_divide(const Tensor& a, nb::handle other) {
  Tensor b;
  if (!operand(other, a, b)) return not_implemented();
  return wrap(reflected ? eager::floor_divide(b, a) : eager::floor_divide(a, b));
}
nb::object not_equal(const Tensor& a, nb::handle other) {
  Tensor b;
  if (!operand(other, a, b)) return not_implemented();
  return wrap(eager::call1("not", {eager::binary("equal", a, b)}));
}

auto in_place(const char* op) {
  return [op, &o = operator_of(op)](nb::handle self, nb::handle other) -> nb::object {
    const Tensor& a = nb::cast<const Tensor&>(self);
    Tensor b;
    if (!operand(other, a, b)) return not_implemented();
    // What the gradient may keep of the operand must not be written over.
    const bool kept = std::string_view(op) != "add" && std::string_view(op) != "sub" && is_grad_enabled() &&
                      (eager::needs_gradient(a) || eager::needs_gradient(b));
    const Tensor x = kept ? a.clone() : a;
    if (kept && b.storage() == a.storage()) b = b.clone();
    const Tensor y = std::string_view(op) == "div" ? eager::divide(x, b) : eager::binary(o, x, b);
    if (y.dtype() != a.dtype() && !(is_float(a.dtype()) && is_float(y.dtype())))
      throw Error(ErrorCode::type_mismatch, std::string(op) + ": the result is " + to_string(y.dtype()) + ", which " +
                                                type_text(a) + " cannot hold in place");
    eager::assign(a, y, op);
    return nb::borrow(self);
  };
}

// ---- indices ------------------------------------------------------------------------------------------------------

std::optional<int64_t> as_int(nb::handle h) {
  if (h.is_none()) return {};
  PyObject* i = PyNumber_Index(h.ptr());
  if (!i) throw nb::python_error();
  const int64_t v = PyLong_AsLongLong(i);
  Py_DECREF(i);
  if (v == -1 && PyErr_Occurred()) throw nb::python_error();
  return v;
}

eager::Index index_from(nb::handle h) {
  eager::Index i;
  if (h.is_none()) {
    i.kind = eager::Index::new_axis;
  } else if (h.ptr() == Py_Ellipsis) {
    i.kind = eager::Index::ellipsis;
  } else if (PySlice_Check(h.ptr())) {
    auto bound = [](nb::handle b, std::optional<int64_t>& number, Tensor& value) {
      if (const Tensor* t = as_known(b); t && t->is_captured())
        value = t->to(DType::i64);
      else if (!dim_tensor(b, value))
        number = as_int(b);
    };
    bound(h.attr("start"), i.begin, i.begin_value);
    bound(h.attr("stop"), i.end, i.end_value);
    i.step = as_int(h.attr("step")).value_or(1);
  } else if (PyLong_Check(h.ptr()) && !PyBool_Check(h.ptr())) {
    i.kind = eager::Index::integer;
    i.value = *as_int(h);
  } else {
    i.kind = eager::Index::tensor;
    if (PyList_Check(h.ptr()) && PyList_Size(h.ptr()) == 0) {
      i.indices = Tensor::empty(DType::i64, {0});
    } else {
      i.indices = as_tensor(h, "index");
    }
    if (i.indices.rank() == 0 && is_int(i.indices.dtype()) && !i.indices.is_captured()) {
      i.kind = eager::Index::integer;
      i.value = i.indices.item_int();
      i.indices = {};
    }
  }
  return i;
}
std::vector<eager::Index> indices_from(nb::handle h) {
  std::vector<eager::Index> index;
  if (PyTuple_Check(h.ptr())) {
    for (nb::handle e : nb::borrow<nb::tuple>(h)) index.push_back(index_from(e));
  } else {
    index.push_back(index_from(h));
  }
  return index;
}

/// Whether reading values is for the capture to allow: of a tensor of the program, or of one from outside, which the
/// program may have changed, or which may change after it (a parameter).
bool is_program(const Tensor& t) { return capturing || t.is_captured(); }

// ---- numbers and text ---------------------------------------------------------------------------------------------

nb::object item_of(const Tensor& t, int64_t k) {
  if (is_program(t)) {
    const Tensor content = captured_content(t, "item");
    const bool was = std::exchange(capturing, false);
    nb::object o = item_of(content, k);
    capturing = was;
    return o;
  }
  if (t.dtype() == DType::boolean) return nb::cast(t.item_int(k) != 0);
  if (is_int(t.dtype())) {
    if (t.dtype() == DType::u64) return nb::steal(PyLong_FromUnsignedLongLong(uint64_t(t.item_int(k))));
    return nb::cast(t.item_int(k));
  }
  return nb::cast(t.item(k));
}
void one_element(const Tensor& t, const char* what) {
  if (is_program(t)) {
    struct Pause {
      bool was = std::exchange(capturing, false);
      ~Pause() { capturing = was; }
    };
    const Tensor content = captured_content(t, what);
    const Pause pause;
    return one_element(content, what);
  }
  if (t.element_count() != 1)
    throw Error(ErrorCode::invalid_argument, std::string(what) + ": " + type_text(t) + " has " +
                                                 std::to_string(t.element_count()) + " elements (one would do)");
}

nb::tuple sizes_tuple(const Sizes& s) {
  nb::list l;
  for (int64_t n : s) l.append(n);
  return nb::tuple(l);
}

nb::tuple shape_tuple(const Tensor& t) {
  if (!t.is_captured()) return sizes_tuple(t.shape());
  nb::list l;
  for (size_t a = 0; a < size_t(t.rank()); ++a) l.append(dim_object(t, a));
  return nb::tuple(l);
}

DType dtype_of(nb::handle h) {
  DType t;
  std::string name;
  if (nb::isinstance<nb::str>(h)) {
    name = nb::cast<std::string>(h);
  } else if (h.ptr() == reinterpret_cast<PyObject*>(&PyFloat_Type)) {
    name = "f32";
  } else if (h.ptr() == reinterpret_cast<PyObject*>(&PyLong_Type)) {
    name = "i64";
  } else if (h.ptr() == reinterpret_cast<PyObject*>(&PyBool_Type)) {
    name = "bool";
  } else if (nb::hasattr(h, "name")) {
    name = nb::cast<std::string>(nb::str(h.attr("name")));
  } else if (nb::hasattr(h, "__name__")) {
    name = nb::cast<std::string>(nb::str(h.attr("__name__")));
  }
  if (!parse_dtype(name, t))
    throw Error(ErrorCode::type_mismatch,
                "dtype: " + nb::cast<std::string>(nb::repr(h)) + " is none (\"f32\", \"i64\", numpy.float32, ... are)");
  return t;
}

// ---- ops by name --------------------------------------------------------------------------------------------------

AttrValue attr_from(nb::handle h, const AttrInfo& info, const AttrValue& like, std::string_view op) {
  auto wrong = [&]() -> Error {
    static constexpr const char* kinds[] = {"a bool",         "an int",         "a float",
                                            "a str",          "a list of ints", "a list of floats",
                                            "a list of strs", "a dtype",        "a tensor"};
    return {ErrorCode::type_mismatch, std::string(op) + ": " + std::string(info.name) + " is " +
                                          nb::cast<std::string>(nb::repr(h)) + " (" + kinds[like.index()] + ")"};
  };
  try {
    switch (like.index()) {
      case 0:
        if (!PyBool_Check(h.ptr())) throw wrong();
        return h.ptr() == Py_True;
      case 1:
        return *as_int(h);
      case 2:
        return nb::cast<double>(h);
      case 3:
        return nb::cast<std::string>(h);
      case 4:
        if (PyLong_Check(h.ptr())) return std::vector<int64_t>{*as_int(h)};
        return nb::cast<std::vector<int64_t>>(h);
      case 5:
        return nb::cast<std::vector<double>>(h);
      case 6:
        return nb::cast<std::vector<std::string>>(h);
      case 7:
        return dtype_of(h);
      default:
        if (Tensor t = as_tensor(h, "attribute"); t.is_captured())
          return captured_content(t, std::string(info.name).c_str());
        else
          return t;
    }
  } catch (nb::python_error&) {
    throw wrong();
  } catch (nb::cast_error&) {
    throw wrong();
  }
}

/// An op of the registry as a callable; attributes are kept, so that equal calls find the same prepared code.
class PyOp {
 public:
  explicit PyOp(const std::string& name) : op_(find_op(name)), defaults_(op_.defaults()) {
    for (const AttrInfo& a : op_.attrs) likes_.push_back(a.get(defaults_.object()));
  }
  const OpDef& op() const { return op_; }

  nb::object call(nb::args args, nb::kwargs kwargs) {
    const Attrs attrs = kwargs.size() ? attrs_from(kwargs) : defaults_;
    std::vector<Tensor> in;
    for (nb::handle a : args) in.push_back(argument(a));
    std::vector<Tensor> out;
    {
      int64_t elements = 0;
      for (const Tensor& t : in) elements += t.is_captured() ? 0 : t.element_count();
      if (elements > small_work) {
        remember_place();
        nb::gil_scoped_release free;
        out = eager::call(op_, attrs, in);
      } else {
        out = eager::call(op_, attrs, in);
      }
    }
    if (out.size() == 1) return wrap(std::move(out[0]));
    nb::list l;
    for (Tensor& t : out) l.append(t.defined() ? wrap(std::move(t)) : nb::none());
    return nb::tuple(l);
  }

 private:
  static Tensor argument(nb::handle a) {
    if (a.is_none()) return {};
    if (const Tensor* known = as_known(a)) return *known;
    if (PyTuple_Check(a.ptr()) || PyList_Check(a.ptr())) {  // sizes, axes
      std::vector<int64_t> v;
      bool ints = true;
      for (nb::handle e : nb::borrow<nb::sequence>(a)) {
        ints = ints && PyLong_Check(e.ptr()) && !PyBool_Check(e.ptr());
        if (ints) v.push_back(*as_int(e));
      }
      if (ints) return Tensor::of_ints(DType::i64, {int64_t(v.size())}, v);
      if (Tensor sizes; dims_tensor(a, sizes)) return sizes;
    }
    return as_tensor(a, "op");
  }

  Attrs attrs_from(const nb::kwargs& kwargs) {
    AttrList list;
    for (auto [key, value] : kwargs) {
      const std::string name = nb::cast<std::string>(key);
      size_t at = 0;
      for (; at < op_.attrs.size() && op_.attrs[at].name != name; ++at) {
      }
      if (at == op_.attrs.size()) {
        std::string names;
        for (const AttrInfo& a : op_.attrs) names += (names.empty() ? "" : ", ") + std::string(a.name);
        throw Error(ErrorCode::not_found, std::string(op_.info.name) + ": there is no attribute '" + name + "' (" +
                                              (names.empty() ? "it has none" : "it has: " + names) + ")");
      }
      list.emplace_back(op_.attrs[at].name, attr_from(value, op_.attrs[at], likes_[at], op_.info.name));
    }
    const Attrs made = defaults_.with(list);
    const uint64_t h = made.hash();
    const auto it = known_.find(h);
    if (it != known_.end() && it->second == made) return it->second;
    if (known_.size() > 256) known_.clear();
    known_[h] = made;
    return made;
  }

  const OpDef& op_;
  Attrs defaults_;
  std::vector<AttrValue> likes_;
  std::unordered_map<uint64_t, Attrs> known_;
};

/// A call back into Python from a thread that may not hold the interpreter.
std::function<Tensor(const Tensor&)> hook_from(nb::callable f) {
  auto kept = std::shared_ptr<nb::callable>(new nb::callable(std::move(f)), [](nb::callable* p) {
    nb::gil_scoped_acquire hold;
    delete p;
  });
  return [kept](const Tensor& g) -> Tensor {
    nb::gil_scoped_acquire hold;
    const nb::object r = (*kept)(g);
    return r.is_none() ? Tensor{} : as_tensor(r, "hook");
  };
}

std::vector<Tensor> tensors_of(nb::handle h, const char* what) {
  std::vector<Tensor> v;
  if (h.is_none()) return v;
  if (const Tensor* one = as_known(h)) return {*one};
  for (nb::handle e : nb::borrow<nb::sequence>(h)) v.push_back(e.is_none() ? Tensor{} : as_tensor(e, what));
  return v;
}

nb::list list_of(std::vector<Tensor> v) {
  nb::list l;
  for (Tensor& t : v) l.append(t.defined() ? wrap(std::move(t)) : nb::none());
  return l;
}

}  // namespace

void bind_tensor(nb::module_& m) {
  nb::class_<Tensor> c(m, "Tensor", nb::is_weak_referenceable(), nb::type_slots(buffer_slots()));
  c.def(nb::init<const Tensor&>(), "Another name of the same tensor: for classes derived from this one.")
      .def_prop_ro("shape", &shape_tuple)
      .def_prop_ro("strides", [](const Tensor& t) { return sizes_tuple(t.strides()); })
      .def_prop_ro("dtype", [](const Tensor& t) { return to_string(t.dtype()); })
      .def_prop_ro("ndim", &Tensor::rank)
      .def_prop_ro("size",
                   [](const Tensor& t) { return t.is_captured() ? count_object(t) : nb::cast(t.element_count()); })
      .def_prop_ro("nbytes", &Tensor::bytes)
      .def_prop_ro("itemsize", [](const Tensor& t) { return size_of(t.dtype()); })
      .def_prop_ro("is_leaf", &Tensor::is_leaf)
      .def_prop_ro("_version", [](const Tensor& t) { return t.storage()->version(); })
      .def_prop_rw("requires_grad", &Tensor::requires_grad, [](const Tensor& t, bool on) { t.set_requires_grad(on); })
      .def_prop_rw(
          "grad",
          [](const Tensor& t) -> nb::object {
            const Tensor g = t.grad();
            return g.defined() ? wrap(g) : nb::none();
          },
          [](const Tensor& t, nb::handle g) { t.set_grad(g.is_none() ? Tensor{} : as_tensor(g, "grad")); },
          nb::arg("g").none())
      .def(
          "requires_grad_",
          [](nb::handle self, bool on) {
            nb::cast<const Tensor&>(self).set_requires_grad(on);
            return nb::borrow(self);
          },
          nb::arg("on") = true)
      .def(
          "backward",
          [](const Tensor& t, nb::handle gradient, bool retain_graph, bool create_graph) {
            const Tensor g = gradient.is_none() ? Tensor{} : as_tensor(gradient, "backward");
            remember_place();
            nb::gil_scoped_release free;
            t.backward(g, retain_graph, create_graph);
          },
          nb::arg("gradient").none() = nb::none(), nb::arg("retain_graph") = false, nb::arg("create_graph") = false)
      .def("detach", &Tensor::detach)
      .def("clone", &Tensor::clone)
      .def("contiguous", &Tensor::contiguous)
      .def("is_contiguous", &Tensor::is_contiguous)
      .def("data_ptr", [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t.data()); })
      .def("register_hook", [](const Tensor& t, nb::callable f) { return t.register_hook(hook_from(std::move(f))); })
      .def("remove_hook", &Tensor::remove_hook)
      .def("astype", [](const Tensor& t, nb::handle d) { return t.to(dtype_of(d)); })
      .def("copy_",
           [](nb::handle self, nb::handle value) {
             const Tensor& t = nb::cast<const Tensor&>(self);
             eager::Index all;
             all.kind = eager::Index::ellipsis;
             eager::set_item(t, std::span(&all, 1), as_tensor(value, "copy_"), "copy_");
             return nb::borrow(self);
           })
      .def("_shares",
           [](const Tensor& t, const Tensor& o) {
             return !t.is_captured() && !o.is_captured() && t.storage() == o.storage();
           })
      .def("_become",  // value was computed from this tensor, of its shape: an operation in place of that name
           [](nb::handle self, const Tensor& value, const std::string& op) {
             eager::assign(nb::cast<const Tensor&>(self), value, eager::lasting_name(op));
             return nb::borrow(self);
           })
      .def("numpy",
           [](const Tensor& t) {
             if (t.requires_grad() && is_grad_enabled())
               throw Error(
                   ErrorCode::invalid_argument,
                   "numpy: " + type_text(t) + " takes part in gradients (detach() first: arrays are not recorded)");
             return array_from(is_program(t) ? captured_content(t, "numpy") : t);
           })
      .def(
          "__array__",
          [](const Tensor& given, nb::handle dtype, nb::handle copy) -> nb::object {
            const Tensor t = is_program(given) ? captured_content(given, "__array__") : given;
            const bool own = !copy.is_none() && nb::cast<bool>(nb::bool_(copy));
            nb::object a = array_from(own ? t.detach().clone() : t);
            return dtype.is_none() ? a : nb::object(a.attr("astype")(dtype, nb::arg("copy") = false));
          },
          nb::arg("dtype").none() = nb::none(), nb::arg("copy").none() = nb::none())
      .def("__dlpack__",
           [](const Tensor& t, nb::kwargs) {
             if (t.requires_grad() && is_grad_enabled())
               throw nb::buffer_error(
                   ("__dlpack__: " + type_text(t) + " takes part in gradients (detach() first)").c_str());
             Tensor* kept = new Tensor(t.detach());
             nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Tensor*>(p); });
             std::vector<size_t> shape(t.shape().begin(), t.shape().end());
             nb::ndarray<> a(t.data(), shape.size(), shape.data(), owner, t.strides().data(), dtype_to(t.dtype()));
             return nb::cast(a, nb::rv_policy::reference);
           })
      .def("__dlpack_device__", [](const Tensor&) { return nb::make_tuple(1, 0); })
      .def("item",
           [](const Tensor& t) {
             one_element(t, "item");
             return item_of(t, 0);
           })
      .def("tolist",
           [](const Tensor& t) {
             return array_from(is_program(t) ? captured_content(t, "tolist") : t).attr("tolist")();
           })
      .def("__len__",
           [](const Tensor& t) {
             if (t.rank() == 0) throw nb::type_error("len() of a tensor of rank 0");
             if (t.is_captured()) return nb::cast<int64_t>(nb::int_(dim_object(t, 0)));
             return t.shape()[0];
           })
      .def("__bool__",
           [](const Tensor& t) {
             one_element(t, "bool");
             return (is_program(t) ? captured_content(t, "bool") : t).item(0) != 0;
           })
      .def("__int__",
           [](const Tensor& t) {
             one_element(t, "int");
             return nb::steal(PyNumber_Long(item_of(t, 0).ptr()));
           })
      .def("__float__",
           [](const Tensor& t) {
             one_element(t, "float");
             return (is_program(t) ? captured_content(t, "float") : t).item(0);
           })
      .def("__index__",
           [](const Tensor& t) {
             // A TypeError: bytes(tensor) goes on to the buffer then.
             if (!is_int(t.dtype()) || t.element_count() != 1)
               throw nb::type_error(
                   ("index: " + type_text(t) + " is no index (integer tensors of one element are)").c_str());
             return item_of(t, 0);
           })
      .def("__repr__",
           [](const Tensor& t) {
             if (t.is_captured()) return "tensor of a captured program: " + type_text(t);
             std::string s = "tensor(" + to_string(t);
             if (t.dtype() != DType::f32 && t.dtype() != DType::i64 && t.dtype() != DType::boolean)
               s += ", dtype=" + to_string(t.dtype());
             const bool asks = eager::needs_gradient(t);
             const AutogradMeta* meta = asks ? eager::find_meta(t) : nullptr;
             if (meta && meta->node)
               s += ", grad_fn=<" + meta->node->name() + ">";
             else if (meta && meta->requires_grad)
               s += ", requires_grad=True";
             return s + ")";
           })
      .def("__hash__", [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t.body_pointer()) >> 4; })
      .def("is_same", [](const Tensor& t, const Tensor& o) { return t.is(o); })
      .def(
          "__getitem__", [](const Tensor& t, nb::handle i) { return eager::get_item(t, indices_from(i)); },
          nb::arg("index").none())
      .def(
          "__setitem__",
          [](const Tensor& t, nb::handle i, nb::handle v) {
            Tensor value;
            if (!number_to_tensor(v, t.dtype(), value)) value = as_tensor(v, "index");
            eager::set_item(t, indices_from(i), value);
          },
          nb::arg("index").none(), nb::arg("value"))
      .def("__neg__",
           [](const Tensor& t) {
             const bool is_unsigned = is_int(t.dtype()) && !is_signed_int(t.dtype());  // these wrap around
             return is_unsigned ? eager::call1("sub", {Tensor::scalar_int(t.dtype(), 0), t}) : eager::call1("neg", {t});
           })
      .def("__abs__", [](const Tensor& t) { return eager::call1("abs", {t}); })
      .def("__invert__",
           [](const Tensor& t) { return eager::call1(t.dtype() == DType::boolean ? "not" : "bitwise_not", {t}); })
      .def("__truediv__", &true_divide<false>)
      .def("__rtruediv__", &true_divide<true>)
      .def("__floordiv__", &floor_divide<false>)
      .def("__rfloordiv__", &floor_divide<true>)
      .def("__eq__", arithmetic<false>("equal"), nb::arg().none())
      .def("__ne__", &not_equal, nb::arg().none());
  struct {
    const char *name, *op;
  } constexpr operators[] = {{"add", "add"}, {"sub", "sub"}, {"mul", "mul"}, {"pow", "pow"}, {"matmul", "matmul"}};
  for (const auto& o : operators) {
    c.def((std::string("__") + o.name + "__").c_str(), arithmetic<false>(o.op));
    c.def((std::string("__r") + o.name + "__").c_str(), arithmetic<true>(o.op));
  }
  c.def("__lt__", arithmetic<false>("less"));
  c.def("__le__", arithmetic<false>("less_or_equal"));
  c.def("__gt__", arithmetic<false>("greater"));
  c.def("__ge__", arithmetic<false>("greater_or_equal"));
  c.def("__mod__", [](const Tensor& a, nb::handle o) -> nb::object {
    Tensor b;
    if (!operand(o, a, b)) return not_implemented();
    return wrap(eager::floor_modulo(a, b));
  });
  c.def("__rmod__", [](const Tensor& a, nb::handle o) -> nb::object {
    Tensor b;
    if (!operand(o, a, b)) return not_implemented();
    return wrap(eager::floor_modulo(b, a));
  });
  for (const char* name : {"and", "or", "xor"})
    for (bool reflected : {false, true})
      c.def((std::string(reflected ? "__r" : "__") + name + "__").c_str(),
            [name, reflected](const Tensor& a, nb::handle o) -> nb::object {
              Tensor b;
              if (!operand(o, a, b)) return not_implemented();
              const bool logical = a.dtype() == DType::boolean && b.dtype() == DType::boolean;
              const std::string op = logical ? name : std::string("bitwise_") + name;
              return wrap(reflected ? eager::binary(op, b, a) : eager::binary(op, a, b));
            });
  for (const auto& o : operators) c.def((std::string("__i") + o.name + "__").c_str(), in_place(o.op));
  c.def("__itruediv__", in_place("div"));

  m.def(
      "tensor",
      [](nb::handle data, nb::handle dtype, bool requires_grad) {
        Tensor t;
        if (const Tensor* known = as_known(data)) {
          t = known->detach().clone();  // while capturing: an operation of the program
        } else {
          const bool was = std::exchange(capturing, false);  // numbers, converted: one constant of a program
          try {
            if (PyFloat_Check(data.ptr()) && !dtype.is_none())
              t = Tensor::scalar(DType::f64, PyFloat_AS_DOUBLE(data.ptr()));  // rounded once, to what is asked for
            else
              t = as_tensor(data, "tensor");
            // Python's own floats are f32 here, as NumPy's are f64 where they say so.
            if (dtype.is_none() && t.dtype() == DType::f64 && !nb::hasattr(data, "dtype")) t = t.to(DType::f32);
            if (!dtype.is_none()) t = t.to(dtype_of(dtype));
          } catch (...) {
            capturing = was;
            throw;
          }
          capturing = was;
          if (was && !t.is_captured()) t = captured_constant(t);
        }
        if (!dtype.is_none()) t = t.to(dtype_of(dtype));
        if (requires_grad) t.set_requires_grad();
        return t;
      },
      nb::arg("data"), nb::arg("dtype").none() = nb::none(), nb::arg("requires_grad") = false);
  m.def("empty", [](const std::vector<int64_t>& shape, nb::handle d) { return Tensor::empty(dtype_of(d), shape); });
  m.def("from_numpy", [](nb::handle a) {  // shares the memory; the array lives as long as the tensor
    std::vector<AnyArray> hold;
    const Tensor t = tensor_from(a, hold, "from_numpy");
    auto* kept = new nb::object(nb::borrow(a));
    auto s = Storage::wrap(
        t.storage()->data(), t.storage()->size(),
        [kept] {
          nb::gil_scoped_acquire held;
          delete kept;
        },
        true);
    return t.element_count() ? Tensor::view(s, t.dtype(), t.shape(), t.strides(), t.byte_offset()) : t.clone();
  });

  nb::class_<PyOp>(m, "Op")
      .def(nb::init<const std::string&>())
      .def("__call__", &PyOp::call)
      .def_prop_ro("name", [](const PyOp& o) { return std::string(o.op().info.name); })
      .def_prop_ro("doc", [](const PyOp& o) { return std::string(o.op().info.summary); });
  m.def("op_names", [] {
    std::vector<std::string> names;
    for (const OpDef* op : all_ops()) names.emplace_back(op->info.name);
    return names;
  });

  m.def("is_grad_enabled", &is_grad_enabled);
  m.def("set_grad_enabled", [](bool on) {
    const bool before = is_grad_enabled();
    set_grad_enabled(on);
    return before;
  });
  m.def(
      "backward",
      [](nb::handle outputs, nb::handle gradients, bool retain_graph, bool create_graph) {
        const auto y = tensors_of(outputs, "backward"), g = tensors_of(gradients, "backward");
        remember_place();
        nb::gil_scoped_release free;
        autograd::backward(y, g, {retain_graph, create_graph});
      },
      nb::arg("outputs"), nb::arg("gradients").none() = nb::none(), nb::arg("retain_graph") = false,
      nb::arg("create_graph") = false);
  m.def(
      "grad",
      [](nb::handle outputs, nb::handle inputs, nb::handle gradients, bool retain_graph, bool create_graph,
         bool allow_unused) {
        const auto y = tensors_of(outputs, "grad"), x = tensors_of(inputs, "grad"), g = tensors_of(gradients, "grad");
        std::vector<Tensor> d;
        {
          remember_place();
          nb::gil_scoped_release free;
          d = autograd::grad(y, x, g, {{retain_graph, create_graph}, allow_unused});
        }
        return list_of(std::move(d));
      },
      nb::arg("outputs"), nb::arg("inputs"), nb::arg("gradients").none() = nb::none(), nb::arg("retain_graph") = false,
      nb::arg("create_graph") = false, nb::arg("allow_unused") = false);
  m.def("custom", [](const std::string& name, nb::handle inputs, nb::handle outputs, nb::callable backward) {
    auto kept = std::shared_ptr<nb::callable>(new nb::callable(std::move(backward)), [](nb::callable* p) {
      nb::gil_scoped_acquire hold;
      delete p;
    });
    std::vector<Tensor> y = tensors_of(outputs, "custom");
    return list_of(
        autograd::custom(name, tensors_of(inputs, "custom"), std::move(y), [kept](std::span<const Tensor> g) {
          nb::gil_scoped_acquire hold;
          const nb::object d = (*kept)(list_of({g.begin(), g.end()}));
          return tensors_of(d, "backward");
        }));
  });
  m.def("set_anomaly_mode", &autograd::set_anomaly_mode);
  m.def("anomaly_mode", &autograd::anomaly_mode);
  m.def("set_num_threads", &eager::set_threads);
  m.def("get_num_threads", &eager::thread_setting);
  m.def("set_deterministic", &eager::set_deterministic);
  m.def("is_deterministic", &eager::is_deterministic);
  // Updates in one pass; lists of tensors in step: parameters, gradients, state (may be empty lists).
  static auto updated = [](nb::handle p, nb::handle g, nb::handle a, nb::handle b, nb::handle c) {
    const auto ps = tensors_of(p, "step"), gs = tensors_of(g, "step"), as = tensors_of(a, "step"),
               bs = tensors_of(b, "step"), cs = tensors_of(c, "step");
    remember_place(true);
    std::vector<eager::Updated> u;
    auto at = [](const std::vector<Tensor>& v, size_t i) { return i < v.size() ? v[i].detach() : Tensor{}; };
    for (size_t i = 0; i < ps.size(); ++i)
      u.push_back({ps[i].detach(), at(gs, i).contiguous(), at(as, i), at(bs, i), at(cs, i)});
    return u;
  };
  m.def(
      "fused_sgd",
      [](nb::handle p, nb::handle g, nb::handle m1, double lr, double momentum, double dampening, double weight_decay,
         bool nesterov, bool first_step, bool maximize) {
        const auto u = updated(p, g, m1, nb::none(), nb::none());
        nb::gil_scoped_release free;
        eager::sgd(u, {lr, momentum, dampening, weight_decay, nesterov, first_step, maximize});
      },
      nb::arg("parameters"), nb::arg("gradients"), nb::arg("momentums").none(), nb::arg("lr"), nb::arg("momentum") = 0,
      nb::arg("dampening") = 0, nb::arg("weight_decay") = 0, nb::arg("nesterov") = false, nb::arg("first_step") = false,
      nb::arg("maximize") = false);
  m.def(
      "fused_adam",
      [](nb::handle p, nb::handle g, nb::handle m1, nb::handle m2, nb::handle m3, double lr, double beta1, double beta2,
         double epsilon, double weight_decay, int64_t step, bool decoupled, bool amsgrad, bool maximize) {
        const auto u = updated(p, g, m1, m2, m3);
        nb::gil_scoped_release free;
        eager::adam(u, {lr, beta1, beta2, epsilon, weight_decay, step, decoupled, amsgrad, maximize});
      },
      nb::arg("parameters"), nb::arg("gradients"), nb::arg("means"), nb::arg("squares"), nb::arg("largest").none(),
      nb::arg("lr"), nb::arg("beta1"), nb::arg("beta2"), nb::arg("epsilon"), nb::arg("weight_decay"), nb::arg("step"),
      nb::arg("decoupled") = false, nb::arg("amsgrad") = false, nb::arg("maximize") = false);
  m.def(
      "fused_rmsprop",
      [](nb::handle p, nb::handle g, nb::handle m1, nb::handle m2, nb::handle m3, double lr, double alpha,
         double epsilon, double weight_decay, double momentum, bool centered, bool maximize) {
        const auto u = updated(p, g, m1, m2, m3);
        nb::gil_scoped_release free;
        eager::rmsprop(u, {lr, alpha, epsilon, weight_decay, momentum, centered, maximize});
      },
      nb::arg("parameters"), nb::arg("gradients"), nb::arg("squares"), nb::arg("momentums").none(),
      nb::arg("means").none(), nb::arg("lr"), nb::arg("alpha"), nb::arg("epsilon"), nb::arg("weight_decay") = 0,
      nb::arg("momentum") = 0, nb::arg("centered") = false, nb::arg("maximize") = false);
  m.def(
      "fused_adagrad",
      [](nb::handle p, nb::handle g, nb::handle m1, double lr, double lr_decay, double weight_decay, double epsilon,
         int64_t step, bool maximize) {
        const auto u = updated(p, g, m1, nb::none(), nb::none());
        nb::gil_scoped_release free;
        eager::adagrad(u, {lr, lr_decay, weight_decay, epsilon, step, maximize});
      },
      nb::arg("parameters"), nb::arg("gradients"), nb::arg("sums"), nb::arg("lr"), nb::arg("lr_decay") = 0,
      nb::arg("weight_decay") = 0, nb::arg("epsilon") = 1e-10, nb::arg("step") = 1, nb::arg("maximize") = false);
  m.def(
      "fused_lamb",
      [](nb::handle p, nb::handle g, nb::handle m1, nb::handle m2, double lr, double beta1, double beta2,
         double epsilon, double weight_decay, int64_t step, bool bias_correction) {
        const auto u = updated(p, g, m1, m2, nb::none());
        nb::gil_scoped_release free;
        eager::lamb(u, {lr, beta1, beta2, epsilon, weight_decay, step, bias_correction});
      },
      nb::arg("parameters"), nb::arg("gradients"), nb::arg("means"), nb::arg("squares"), nb::arg("lr"),
      nb::arg("beta1"), nb::arg("beta2"), nb::arg("epsilon"), nb::arg("weight_decay"), nb::arg("step"),
      nb::arg("bias_correction") = true);
  m.def("total_norm", [](nb::handle t) { return eager::total_norm(tensors_of(t, "norm")); });
  // What the views of Python's functions come down to outside of captures, without the way through the ops' attributes.
  m.def("reshaped", [](const Tensor& t, const Sizes& to) -> nb::object {  // None: the sizes do not fit
    int64_t n = 1;
    for (int64_t k : to)
      if (k < 0 || __builtin_mul_overflow(n, k, &n)) return nb::none();
    return n == t.element_count() ? wrap(t.reshape(to)) : nb::none();
  });
  m.def("permuted", [](const Tensor& t, const Sizes& axes) { return wrap(t.transpose(axes)); });
  m.def("narrowed",
        [](const Tensor& t, int64_t axis, int64_t start, int64_t n) { return wrap(t.slice(axis, start, start + n)); });
  m.def("scale_", [](nb::handle t, double f) {
    std::vector<Tensor> v = tensors_of(t, "scale_");
    for (Tensor& x : v) x = x.detach();
    eager::scale(v, f);
  });
  bind_layers(m);
  bind_quick(m);
  bind_places(m);
  m.def("promote", [](nb::handle a, nb::handle b) { return to_string(eager::promote(dtype_of(a), dtype_of(b))); });
}

}  // namespace neve::python
