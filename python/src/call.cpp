// Calls of captured programs without Python's part: arguments are compared with those of the capture, what the program
// read beside them with what it was, and the engine runs.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstring>
#include <memory>

#include "api/impl.h"
#include "base/cpu.h"
#include "base/file.h"
#include "capture.h"
#include "engine.h"
#include "program.h"

namespace neve::python {
namespace {

// ---- what a program read beside its arguments -----------------------------------------------------------------------

// CPython gives a dict a new number at every change, until 3.11 where everybody may look.
uint64_t version_of(PyObject* dict) {
#if PY_VERSION_HEX < 0x030C0000
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
#else
  (void)dict;
  return 0;
#endif
}
constexpr bool has_versions = PY_VERSION_HEX < 0x030C0000;

/// Things that must be the same objects as when the program was captured. Comparing them costs a load for each
/// dictionary while nothing was written to it.
class Watch {
 public:
  /// Some names of a dictionary; null where it has none of that name. `count`: its length, or -1 where that may change.
  /// A weak owner's dictionary is not kept alive.
  void names(nb::object owner, bool weak, nb::dict dict, nb::list named, Py_ssize_t count) {
    Group g;
    if (weak)
      g.owner = nb::steal(PyWeakref_NewRef(owner.ptr(), nullptr));
    else
      g.kept = dict;
    if (weak && !g.owner.is_valid()) throw nb::python_error();
    g.dict = dict.ptr();
    g.count = count;
    for (nb::handle entry : named) g.entries.push_back({nb::object(entry[0]), value_of(entry[1])});
    g.version = version_of(g.dict);
    groups_.push_back(std::move(g));
  }
  /// A closure's variable.
  void cell(nb::object cell, nb::object value) { cells_.push_back({std::move(cell), value_of(value)}); }
  /// What a list, dict or set holds.
  void content(nb::object container) {
    Content c;
    c.container = container;
    if (PyDict_Check(container.ptr())) {
      c.version = version_of(container.ptr());
      for (auto [k, v] : nb::borrow<nb::dict>(container))
        c.items.push_back(nb::borrow(k)), c.items.push_back(nb::borrow(v));
    } else if (PyAnySet_Check(container.ptr())) {
      c.items.push_back(nb::steal(PyFrozenSet_New(container.ptr())));
    } else {
      for (nb::handle h : nb::borrow<nb::sequence>(container)) c.items.push_back(nb::borrow(h));
    }
    contents_.push_back(std::move(c));
  }

  bool same() {
    for (Group& g : groups_)
      if (!same(g)) return false;
    for (const auto& [cell, value] : cells_)
      if (PyCell_GET(cell.ptr()) != value.ptr()) return false;
    for (Content& c : contents_)
      if (!same(c)) return false;
    return true;
  }

  /// What another one has.
  void take(Watch& other) {
    std::swap(groups_, other.groups_);
    std::swap(cells_, other.cells_);
    std::swap(contents_, other.contents_);
  }

  int traverse(visitproc visit, void* arg) {
    for (Group& g : groups_) {
      Py_VISIT(g.owner.ptr());
      Py_VISIT(g.kept.ptr());
      for (auto& [name, value] : g.entries) Py_VISIT(value.ptr());
    }
    for (auto& [cell, value] : cells_) {
      Py_VISIT(cell.ptr());
      Py_VISIT(value.ptr());
    }
    for (Content& c : contents_) {
      Py_VISIT(c.container.ptr());
      for (nb::object& o : c.items) Py_VISIT(o.ptr());
    }
    return 0;
  }
  void clear() {
    // Taken out first: letting go of them may run code that looks here.
    auto groups = std::move(groups_);
    auto cells = std::move(cells_);
    auto contents = std::move(contents_);
  }

 private:
  struct Group {
    nb::object owner, kept;  ///< a weak reference, or the dictionary itself
    PyObject* dict = nullptr;
    Py_ssize_t count = -1;
    uint64_t version = 0;
    std::vector<std::pair<nb::object, nb::object>> entries;  ///< name and value
  };
  struct Content {
    nb::object container;
    uint64_t version = 0;
    std::vector<nb::object> items;
  };

  static nb::object value_of(nb::handle h) {
    return PyTuple_Check(h.ptr()) && PyTuple_GET_SIZE(h.ptr()) == 0 ? nb::object() : nb::borrow(h[0]);
  }

  static bool same(Group& g) {
    if (g.owner.is_valid()) {
      PyObject* o = PyWeakref_GetObject(g.owner.ptr());
      if (!o || o == Py_None) return false;
      PyObject* now = PyObject_GenericGetDict(o, nullptr);
      Py_XDECREF(now);  // the owner holds it
      if (now != g.dict) return PyErr_Clear(), false;
    }
    const uint64_t version = version_of(g.dict);
    if (has_versions && version == g.version) return true;
    if (g.count >= 0 && PyDict_GET_SIZE(g.dict) != g.count) return false;
    for (const auto& [name, value] : g.entries) {
      PyObject* now = PyDict_GetItemWithError(g.dict, name.ptr());
      if (!now) PyErr_Clear();
      if (now != value.ptr()) return false;
    }
    g.version = version;
    return true;
  }
  static bool same(Content& c) {
    PyObject* o = c.container.ptr();
    if (PyList_Check(o)) {
      if (size_t(PyList_GET_SIZE(o)) != c.items.size()) return false;
      for (size_t i = 0; i < c.items.size(); ++i)
        if (PyList_GET_ITEM(o, Py_ssize_t(i)) != c.items[i].ptr()) return false;
      return true;
    }
    if (PyAnySet_Check(o)) return PyObject_RichCompareBool(o, c.items[0].ptr(), Py_EQ) == 1 || (PyErr_Clear(), false);
    if (!PyDict_Check(o)) return PyTuple_Check(o);  // tuples hold what they hold
    const uint64_t version = version_of(o);
    if (has_versions && version == c.version) return true;
    if (size_t(PyDict_GET_SIZE(o)) * 2 != c.items.size()) return false;
    PyObject *key, *value;
    Py_ssize_t at = 0;
    for (size_t i = 0; PyDict_Next(o, &at, &key, &value); i += 2)
      if (key != c.items[i].ptr() || value != c.items[i + 1].ptr()) return false;
    c.version = version;
    return true;
  }

  std::vector<Group> groups_;
  std::vector<std::pair<nb::object, nb::object>> cells_;
  std::vector<Content> contents_;
};

// ---- nested arguments and results -----------------------------------------------------------------------------------

/// A structure as python/neve/jit/_tree.py has it.
struct Tree {
  enum Kind { leaf, constant, dict, sequence, object } kind = leaf;
  nb::object type, value;  ///< of containers; of constants
  std::vector<nb::object> keys;
  std::vector<Tree> children;

  explicit Tree(nb::handle node) {
    const nb::module_ m = nb::module_::import_("neve.jit._tree");
    if (nb::isinstance(node, m.attr("Leaf"))) return;
    if (nb::isinstance(node, m.attr("Constant"))) {
      kind = constant;
      value = node.attr("value");
      return;
    }
    type = node.attr("kind");
    auto is = [&](PyTypeObject& t) { return PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()), &t); };
    kind = is(PyDict_Type) ? dict : is(PyList_Type) || is(PyTuple_Type) ? sequence : object;
    for (nb::handle k : node.attr("keys")) keys.push_back(nb::borrow(k));
    for (nb::handle c : node.attr("children")) children.emplace_back(c);
  }

  int traverse(visitproc visit, void* arg) {
    Py_VISIT(type.ptr());
    Py_VISIT(value.ptr());
    for (nb::object& k : keys) Py_VISIT(k.ptr());
    for (Tree& c : children)
      if (const int r = c.traverse(visit, arg)) return r;
    return 0;
  }
};

/// The tensors among arguments, and the objects that they are (the caller holds them).
struct Inputs {
  std::vector<Tensor> tensors;
  std::vector<PyObject*> objects;
};

bool same_constant(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {  // 0.0 and -0.0 differ, one nan is as good as another
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
  }
  PyObject* r = PyObject_RichCompare(a, b, Py_EQ);
  if (!r) return PyErr_Clear(), false;
  const bool same = r == Py_True;
  Py_DECREF(r);
  return same;
}

bool match(PyObject* v, const Tree& t, Inputs& out);

bool match_dict(PyObject* v, const Tree& t, Inputs& out) {
  if (size_t(PyDict_GET_SIZE(v)) != t.keys.size()) return false;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  for (size_t i = 0; PyDict_Next(v, &at, &key, &value); ++i)
    if (!same_constant(key, t.keys[i].ptr()) || !match(value, t.children[i], out)) return false;
  return true;
}

/// Keyword arguments: in any order, unless the function sees it.
bool match_named(PyObject* v, const Tree& t, bool ordered, Inputs& out) {
  if (size_t(PyDict_GET_SIZE(v)) != t.keys.size()) return false;
  PyObject *key, *item;
  Py_ssize_t at = 0;
  for (size_t i = 0; ordered && PyDict_Next(v, &at, &key, &item); ++i)
    if (PyUnicode_Compare(key, t.keys[i].ptr()) != 0) return false;
  for (size_t i = 0; i < t.keys.size(); ++i) {
    PyObject* value = PyDict_GetItemWithError(v, t.keys[i].ptr());
    if (!value) return PyErr_Clear(), false;
    if (!match(value, t.children[i], out)) return false;
  }
  return true;
}

bool match_sequence(PyObject* v, const Tree& t, Inputs& out) {
  const Py_ssize_t n = PyTuple_Check(v) ? PyTuple_GET_SIZE(v) : PyList_GET_SIZE(v);
  if (size_t(n) != t.children.size()) return false;
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!match(PyTuple_Check(v) ? PyTuple_GET_ITEM(v, i) : PyList_GET_ITEM(v, i), t.children[size_t(i)], out))
      return false;
  return true;
}

/// Whether a value has the structure; its tensors, in order.
bool match(PyObject* v, const Tree& t, Inputs& out) {
  if (t.kind == Tree::leaf) {
    Tensor* known = as_known(v);
    if (!known) return false;
    out.tensors.push_back(*known);
    out.objects.push_back(v);
    return true;
  }
  if (t.kind == Tree::constant) return same_constant(v, t.value.ptr());
  if (reinterpret_cast<PyObject*>(Py_TYPE(v)) != t.type.ptr()) return false;
  if (t.kind == Tree::dict) return match_dict(v, t, out);
  if (t.kind == Tree::sequence) return match_sequence(v, t, out);
  for (size_t i = 0; i < t.keys.size(); ++i) {
    const nb::object field = nb::steal(PyObject_GetAttr(v, t.keys[i].ptr()));
    if (!field.is_valid()) return PyErr_Clear(), false;
    if (!match(field.ptr(), t.children[i], out)) return false;
  }
  return true;
}

nb::object build(const Tree& t, const std::vector<nb::object>& tensors, size_t& next) {
  if (t.kind == Tree::leaf) return tensors[next++];
  if (t.kind == Tree::constant) return t.value;
  if (t.kind == Tree::sequence && t.keys.empty()) {
    const Py_ssize_t n = Py_ssize_t(t.children.size());
    if (t.type.ptr() == reinterpret_cast<PyObject*>(&PyTuple_Type)) {
      nb::object r = nb::steal(PyTuple_New(n));
      for (Py_ssize_t i = 0; i < n; ++i)
        PyTuple_SET_ITEM(r.ptr(), i, build(t.children[size_t(i)], tensors, next).release().ptr());
      return r;
    }
    nb::list l;
    for (const Tree& c : t.children) l.append(build(c, tensors, next));
    return t.type.ptr() == reinterpret_cast<PyObject*>(&PyList_Type) ? nb::object(l) : t.type(l);
  }
  if (t.kind == Tree::sequence) {  // a named tuple
    nb::list parts;
    for (const Tree& c : t.children) parts.append(build(c, tensors, next));
    return t.type(*nb::tuple(parts));
  }
  nb::dict d;
  for (size_t i = 0; i < t.children.size(); ++i) d[t.keys[i]] = build(t.children[i], tensors, next);
  if (t.kind == Tree::object) return t.type(**d);
  if (t.type.ptr() == reinterpret_cast<PyObject*>(&PyDict_Type)) return d;
  nb::object made = t.type();
  made.attr("update")(d);
  return made;
}

// ---- the call -------------------------------------------------------------------------------------------------------

/// One specialisation with its engine. `slow`: called with the tensors instead of the engine, for programs that change
/// something or hand an input through; None for others. `ordered`: the order of keyword arguments matters. `trained`:
/// where gradients are recorded and a tensor that the program uses asks for one, it does not take the call.
class Call {
 public:
  Call(nb::object program, nb::object engine, nb::object watch, nb::handle arguments, nb::handle results,
       nb::object mode, nb::object slow, bool ordered, bool trained)
      : program_(std::move(program)),
        engine_(std::move(engine)),
        watch_(std::move(watch)),
        mode_(std::move(mode)),
        slow_(std::move(slow)),
        arguments_(arguments),
        results_(results),
        ordered_(ordered),
        trained_(trained),
        p_(nb::cast<PyProgram*>(program_)),
        w_(nb::cast<Watch*>(watch_)) {
    if (!nb::try_cast(engine_, e_)) r_ = nb::cast<PyRunner*>(engine_);
    const ir::Graph& g = p_->model.impl()->loaded.module.methods.find("forward")->second;
    for (Value v : g.inputs()) dtypes_.push_back(g.type(v).dtype);
  }

  /// Whether a call like this is one of the program's; its tensors.
  bool takes(PyObject* args, PyObject* kwargs, nb::handle mode, Inputs& in) {
    in.tensors.clear(), in.objects.clear();
    if (!p_ || !same_constant(mode.ptr(), mode_.ptr())) return false;
    if (!match(args, arguments_.children[0], in) || !match_named(kwargs, arguments_.children[1], ordered_, in))
      return false;
    for (size_t i = 0; i < in.tensors.size(); ++i)
      if (in.tensors[i].dtype() != dtypes_[i] || in.tensors[i].is_captured()) return false;
    return fits(in.tensors) && w_->same() && !p_->is_changed();
  }

  /// Whether a gradient is asked for that this call would lose.
  bool is_trained(const Inputs& in) const {
    if (!is_grad_enabled()) return false;
    const auto asks = [](const Tensor& t) { return t.requires_grad(); };
    return std::any_of(in.tensors.begin(), in.tensors.end(), asks) ||
           (trained_ &&
            std::any_of(p_->seen.begin(), p_->seen.end(), [&](const capture::Seen& s) { return asks(s.tensor); }));
  }

  nb::object run(const Inputs& in) {
    ++calls;
    if (!slow_.is_none()) {
      nb::list l;
      for (PyObject* o : in.objects) l.append(nb::handle(o));
      return slow_(l);
    }
    const std::vector<Tensor> out = e_ ? e_->run(in.tensors) : r_->run(in.tensors);
    std::vector<nb::object> made;
    made.reserve(out.size());
    for (const Tensor& t : out) made.push_back(nb::cast(t));
    size_t next = 0;
    return build(results_, made, next);
  }

  int traverse(visitproc visit, void* arg) {
    Py_VISIT(program_.ptr());
    Py_VISIT(engine_.ptr());
    Py_VISIT(watch_.ptr());
    Py_VISIT(mode_.ptr());
    Py_VISIT(slow_.ptr());
    if (const int r = arguments_.traverse(visit, arg)) return r;
    return results_.traverse(visit, arg);
  }
  void clear() {
    p_ = nullptr;
    auto program = std::move(program_), engine = std::move(engine_), watch = std::move(watch_), slow = std::move(slow_);
  }

  int64_t calls = 0;

 private:
  /// Sizes: those of the last calls are known to fit.
  bool fits(const std::vector<Tensor>& in) {
    sizes_.clear();
    for (const Tensor& t : in) {
      sizes_.push_back(t.rank());
      sizes_.insert(sizes_.end(), t.shape().begin(), t.shape().end());
    }
    for (const auto& r : recent_)
      if (!r.empty() && r == sizes_) return true;
    std::vector<Sizes> shapes;
    for (const Tensor& t : in) shapes.push_back(t.shape());
    if (!p_->accepts(shapes)) return false;
    recent_[next_++ % recent_.size()] = sizes_;
    return true;
  }

  nb::object program_, engine_, watch_, mode_, slow_;
  Tree arguments_, results_;
  bool ordered_, trained_;
  PyProgram* p_;
  PyEngine* e_ = nullptr;  ///< or a runner
  PyRunner* r_ = nullptr;
  Watch* w_;
  std::vector<DType> dtypes_;
  std::vector<int64_t> sizes_;
  std::array<std::vector<int64_t>, 8> recent_;
  size_t next_ = 0;
};

/// Finds the specialisation that takes a call. NotImplemented where none does, or where Python must look.
class Dispatch {
 public:
  void add(nb::object call) { calls_.insert(calls_.begin(), std::move(call)); }
  void remove(nb::handle call) {
    std::erase_if(calls_, [&](const nb::object& c) { return c.is(call); });
  }

  /// The one that ran last; None where there is none.
  nb::object first() const { return calls_.empty() ? nb::object(nb::none()) : calls_.front(); }

  nb::object call(nb::tuple args, nb::dict kwargs, nb::object mode) {
    if (is_capturing()) return nb::borrow(Py_NotImplemented);
    Inputs in;
    for (size_t i = 0; i < calls_.size(); ++i) {
      const nb::object hold = calls_[i];  // comparing constants may run code that looks here, and so may other threads
      Call& c = *nb::inst_ptr<Call>(hold);
      if (!c.takes(args.ptr(), kwargs.ptr(), mode, in)) continue;
      if (c.is_trained(in)) return nb::borrow(Py_NotImplemented);
      if (i && i < calls_.size()) std::swap(calls_[i], calls_[0]);
      return c.run(in);
    }
    return nb::borrow(Py_NotImplemented);
  }

  int traverse(visitproc visit, void* arg) {
    for (nb::object& c : calls_) Py_VISIT(c.ptr());
    return 0;
  }
  void clear() { auto calls = std::move(calls_); }

 private:
  std::vector<nb::object> calls_;  ///< the last one that ran comes first
};

// Cycles through Python's objects: what these classes hold is shown to its collector.
template <class T>
int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<T>(self)->traverse(visit, arg) : 0;
}
template <class T>
int clear(PyObject* self) {
  if (nb::inst_ready(self)) nb::inst_ptr<T>(self)->clear();
  return 0;
}
template <class T>
PyType_Slot* collected() {
  static PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&traverse<T>)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear<T>)},
                                {0, nullptr}};
  return slots;
}

}  // namespace

void bind_calls(nb::module_& m) {
  m.def("isa", [] { return std::string(to_string(cpu_info().isa)); }, "The level of instructions that is used here.");
  m.def("cache_directory", &cache_directory, "The folder of the caches; empty where none can be made.");
  m.def(
      "weights_of",
      [](const PyProgram& p) {
        nb::list l;
        for (const capture::Seen& s : p.seen) l.append(nb::make_tuple(s.weight, s.tensor));
        return l;
      },
      nb::arg("program"), "Names and tensors from outside that a captured program uses.");
  nb::class_<Watch>(m, "Watch", "Things that must be the same objects as before.", nb::type_slots(collected<Watch>()))
      .def(nb::init<>())
      .def("names", &Watch::names, nb::arg("owner").none(), nb::arg("weak"), nb::arg("dict"), nb::arg("named"),
           nb::arg("count"))
      .def("cell", &Watch::cell, nb::arg("cell"), nb::arg("value"))
      .def("content", &Watch::content, nb::arg("container"))
      .def("take", &Watch::take, nb::arg("other"))
      .def("same", [](Watch& w) { return w.same(); });
  nb::class_<Call>(m, "Call", "A captured program with its engine.", nb::type_slots(collected<Call>()))
      .def(nb::init<nb::object, nb::object, nb::object, nb::handle, nb::handle, nb::object, nb::object, bool, bool>(),
           nb::arg("program"), nb::arg("engine"), nb::arg("watch"), nb::arg("arguments"), nb::arg("results"),
           nb::arg("mode").none(), nb::arg("slow").none(), nb::arg("ordered"), nb::arg("trained") = false)
      .def_rw("calls", &Call::calls);
  nb::class_<Dispatch>(m, "Dispatch", "Captured programs, tried one after the other.",
                       nb::type_slots(collected<Dispatch>()))
      .def(nb::init<>())
      .def("add", &Dispatch::add)
      .def("remove", &Dispatch::remove)
      .def_prop_ro("first", &Dispatch::first)
      .def("__call__", &Dispatch::call, nb::arg("args"), nb::arg("kwargs"), nb::arg("mode").none());
}

}  // namespace neve::python
