// Sizes that are no numbers, and captures: programs that run on tensors without values.
#include "capture.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "api/impl.h"
#include "capture/replay.h"
#include "eager/autograd.h"
#include "eager/execute.h"
#include "engine.h"
#include "jit/choice.h"
#include "jit/program.h"
#include "jit/training.h"
#include "program.h"

namespace neve::python {
namespace {

/// A size in Python.
struct PyDim {
  Dim dim;
};

nb::object object_of(Dim d) { return d.is_constant() ? nb::cast(d.value()) : nb::cast(PyDim{d}); }

bool dim_from(nb::handle h, Dim& out) {
  PyDim* d;
  if (!h.is_none() && nb::try_cast(h, d)) {
    out = d->dim;
    return true;
  }
  if (!PyLong_Check(h.ptr()) || PyBool_Check(h.ptr())) return false;
  out = nb::cast<int64_t>(h);
  return true;
}

/// A size beside a fraction is a number of each call: a captured f32 scalar.
Tensor as_real(Dim d) { return capture::current("a size beside a fraction").dim(d).to(DType::f32); }
nb::object real_with(const PyDim& a, nb::handle other, const char* op, bool reflected) {
  Dim b;
  const nb::object x = nb::cast(as_real(a.dim)), y = dim_from(other, b) ? nb::cast(as_real(b)) : nb::borrow(other);
  const nb::module_ m = nb::module_::import_("operator");
  return reflected ? m.attr(op)(y, x) : m.attr(op)(x, y);
}

template <class F>
auto arithmetic(F f, bool reflected, const char* op) {
  return [f, reflected, op](const PyDim& a, nb::handle other) -> nb::object {
    Dim b;
    if (PyFloat_Check(other.ptr())) {
      const double v = PyFloat_AS_DOUBLE(other.ptr());
      if (v != double(int64_t(v))) return real_with(a, other, op, reflected);
      b = int64_t(v);
      return object_of(reflected ? f(b, a.dim) : f(a.dim, b));
    }
    if (!dim_from(other, b)) return nb::borrow(Py_NotImplemented);
    return object_of(reflected ? f(b, a.dim) : f(a.dim, b));
  };
}

// A fraction of a size is a number: that of the example.
nb::object multiply(const PyDim& a, nb::handle other) {
  Dim b;
  if (dim_from(other, b)) return object_of(a.dim * b);
  if (!PyFloat_Check(other.ptr())) return nb::borrow(Py_NotImplemented);
  const double v = PyFloat_AS_DOUBLE(other.ptr());
  if (v == double(int64_t(v))) return object_of(a.dim * int64_t(v));
  return real_with(a, other, "mul", false);
}

// Whether a function of the package asks, not the user's.
bool is_own_code() {
  PyObject* globals = PyEval_GetGlobals();
  PyObject* name = globals ? PyDict_GetItemString(globals, "__name__") : nullptr;
  const char* text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  return text && std::string_view(text).substr(0, 5) == "neve.";
}

bool decide(Constraint::Kind k, Dim a, Dim b) {
  const Proof p = prove({k, a, b, ""});
  if (p != Proof::unknown) return p == Proof::yes;
  capture::Capture& c = capture::current("a size that is no number is compared");
  const bool known = c.has_example(a) && c.has_example(b);
  if (!known && k == Constraint::equal && !a.is_constant() && !b.is_constant() && is_own_code()) {
    c.require({k, a, b, "sizes that must be equal"});  // the package's functions ask what they need: checked in a run
    return true;
  }
  return c.decide(k, a, b);
}

template <class F>
auto comparison(F f, bool otherwise_false = false) {
  return [f, otherwise_false](const PyDim& a, nb::handle other) -> nb::object {
    Dim b;
    if (!dim_from(other, b)) return otherwise_false ? nb::cast(false) : nb::borrow(Py_NotImplemented);
    return nb::cast(bool(f(a.dim, b)));
  };
}

/// A capture that Python holds; it must end in the thread where it began.
class PyCapture {
 public:
  explicit PyCapture(bool follow_lists) : capture_(std::make_unique<capture::Capture>()) {
    if (follow_lists) capture_->follow_lists();
  }

  Tensor input(const std::string& name, const std::string& dtype, nb::handle shape, const Sizes& example) {
    TensorType t;
    if (!parse_dtype(dtype, t.dtype)) throw Error(ErrorCode::type_mismatch, "capture: '" + dtype + "' is no dtype");
    for (nb::handle h : nb::borrow<nb::iterable>(shape)) {
      Dim d;
      if (!dim_from(h, d)) throw Error(ErrorCode::type_mismatch, "capture: a size is neither a number nor a Dim");
      t.shape.push_back(d);
    }
    return get().input(name, t, example);
  }
  void name(const Tensor& t, const std::string& name) { get().name(t, name); }
  bool met_listed() const { return capture_ && capture_->met_listed() && !capture_->follows_lists(); }
  nb::list learned() {
    nb::list l;
    if (!capture_) return l;
    std::vector<TensorType> types = capture_->input_types();
    jit::settle_types(types, capture_->relations());
    for (const TensorType& t : types) {
      nb::list shape;
      for (Dim d : t.shape) shape.append(object_of(d));
      l.append(nb::tuple(shape));
    }
    return l;
  }
  // For sizes that somebody made up: (size, number) for each comparison that did not find them equal, the last first.
  nb::list missed() {
    nb::list l;
    if (!capture_) return l;
    const std::vector<Constraint>& all = capture_->relations();
    for (size_t i = all.size(); i-- > 0;) {
      if (all[i].kind != Constraint::at_least) continue;
      const Dim zero = all[i].a - all[i].b + 1;
      std::vector<Dim> symbols;
      collect_symbols(zero, symbols);
      if (symbols.size() != 1) continue;
      const auto at = [&](int64_t n) { return evaluate(zero, [n](const Symbol&) { return std::optional(n); }); };
      try {
        const int64_t start = at(0), slope = at(1) - start;
        if (slope == 0 || start % slope != 0 || -start / slope < 1 || at(-start / slope) != 0) continue;
        l.append(nb::make_tuple(object_of(symbols[0]), -start / slope));
      } catch (const Error&) {
        continue;  // divides by 0 there: no comparison of a size and a number
      }
    }
    return l;
  }
  void cancel() { capture_.reset(); }
  capture::Capture& get() {
    if (!capture_) throw Error(ErrorCode::invalid_argument, "capture: it has ended");
    return *capture_;
  }

 private:
  std::unique_ptr<capture::Capture> capture_;
};

struct PyBranch {
  std::shared_ptr<capture::Capture::Branch> branch;
};

PyProgram finish(PyCapture& c, const std::vector<Tensor>& outputs, const std::vector<std::string>& names,
                 const std::string& name) {
  capture::Program p = c.get().finish(outputs, names);
  c.cancel();
  auto impl = std::make_shared<Model::Impl>();
  impl->loaded = jit::model_of(p, name);
  const ir::Graph& g = impl->loaded.module.methods.find("forward")->second;
  impl->inputs = jit::ports_of(g, false);
  impl->outputs = jit::ports_of(g, true);
  std::vector<std::pair<std::string, std::string>> guards;
  for (const capture::Guard& at : p.guards) guards.emplace_back(to_string(at.relation), at.location);
  return {Model(std::move(impl)), std::move(guards), std::move(p.states), std::move(p.seen),
          std::move(p.changed_inputs)};
}

std::vector<Tensor> replay_program(const PyProgram& p, std::vector<Tensor> in) {
  std::map<std::string, Tensor, std::less<>> weights;
  for (const capture::Seen& s : p.seen)
    if (!s.weight.empty()) weights.emplace(s.weight, s.tensor);
  if (capture::Capture* c = capture::current_or_null()) {
    for (const capture::Seen& s : p.seen) c->name(s.tensor, s.weight.empty() ? "captured" : s.weight);
    for (const capture::State& s : p.states) c->name(s.tensor, s.name);
  }
  const ir::Module& m = p.model.impl()->loaded.module;
  const ir::Graph& g = m.methods.find("forward")->second;
  // What is written back afterwards: results are of what it was before.
  for (size_t i = 0; i < in.size() && i < g.inputs().size(); ++i)
    if (g.name(g.inputs()[i]).starts_with("state.") ||
        std::find(p.changed_inputs.begin(), p.changed_inputs.end(), i) != p.changed_inputs.end())
      in[i] = in[i].clone();
  return capture::replay(
      g,
      [&](const std::string& name) {
        const auto it = weights.find(name);
        return it != weights.end() ? it->second : m.weights->at(name);
      },
      in);
}

jit::BuildOptions build_options(nb::dict d) {
  jit::BuildOptions o;
  for (const auto& [key, value] : d) {
    const std::string k = nb::cast<std::string>(key);
    if (k == "disable_passes") {
      for (nb::handle name : nb::borrow<nb::iterable>(value)) o.disable_passes.insert(nb::cast<std::string>(name));
    } else if (k == "reuse_memory") {
      o.reuse_memory = nb::cast<bool>(value);
    } else if (k == "in_place") {
      o.in_place = nb::cast<bool>(value);
    } else if (k == "recompute") {
      o.recompute = nb::cast<bool>(value);
    } else {
      throw Error(ErrorCode::not_found, "build options: no option is named '" + k + "'");
    }
  }
  return o;
}

/// A program that is differentiated.
class PyTraining {
 public:
  PyTraining(const std::string& name, const PyProgram& p, size_t outputs, nb::dict options)
      : training_(name, graph_of(p), weights_of(p), outputs, build_options(options)) {}
  std::vector<Tensor> call(const std::vector<Tensor>& in) {
    jit::Training::Ran ran;
    {
      const nb::gil_scoped_release free;
      ran = training_.run(in);
    }
    return training_.record(std::move(ran));
  }
  bool wanted(const std::vector<Tensor>& in) const { return training_.is_wanted(in); }
  nb::list built() const {
    nb::list l;
    for (const jit::Training::Built& b : training_.built())
      l.append(nb::make_tuple(b.forward_nodes, b.backward_nodes, b.kept, b.seconds));
    return l;
  }

 private:
  static const ir::Graph& graph_of(const PyProgram& p) {
    return p.model.impl()->loaded.module.methods.find("forward")->second;
  }
  static std::map<std::string, Tensor, std::less<>> weights_of(const PyProgram& p) {
    std::map<std::string, Tensor, std::less<>> w;
    for (const capture::Seen& s : p.seen)
      if (!s.weight.empty()) w.emplace(s.weight, s.tensor);
    return w;
  }
  jit::Training training_;
};

}  // namespace

PyRunner::PyRunner(const PyProgram& p, const std::vector<Tensor>& in, nb::dict options) {
  const ir::Module& m = p.model.impl()->loaded.module;
  std::vector<Sizes> shapes;
  for (const Tensor& t : in) shapes.push_back(t.shape());
  const jit::BuildOptions o = build_options(options);
  const nb::gil_scoped_release free;
  runner_ = std::make_unique<jit::Runner>(
      jit::build_at(m.methods.find("forward")->second.clone(), *m.weights, eager::threads(), shapes, o));
}

bool PyProgram::accepts(std::span<const Sizes> shapes) const {
  return jit::accepts(model.impl()->loaded.module.methods.find("forward")->second, shapes);
}
bool PyProgram::is_changed() const {
  return std::any_of(seen.begin(), seen.end(),
                     [](const capture::Seen& s) { return s.tensor.storage()->version() != s.version; });
}

bool is_capturing() { return capture::current_or_null() != nullptr; }

static std::vector<Tensor> replay_graph(const ir::Graph& g, const ir::Weights& weights, const std::vector<Tensor>& in) {
  for (const auto& [name, t] : weights) capture::current("run").name(t, name);
  return capture::replay(g, [&](const std::string& name) { return weights.at(name); }, in);
}
std::vector<Tensor> replay(const Model& model, const std::vector<Tensor>& in) {
  const Model::Impl& impl = *model.impl();
  if (impl.engine) return replay_graph(impl.engine->graph, *impl.engine->weights, in);
  return replay_graph(impl.loaded.module.methods.begin()->second, *impl.loaded.module.weights, in);
}
std::vector<Tensor> replay(const Engine& engine, const std::vector<Tensor>& in) {
  return replay_graph(engine.impl()->optimized->graph, *engine.impl()->optimized->weights, in);
}

nb::object dim_object(const Tensor& t, size_t axis) { return object_of(capture::current("shape").type(t).shape[axis]); }
nb::object count_object(const Tensor& t) {
  Dim n = 1;
  for (Dim d : capture::current("size").type(t).shape) n *= d;
  return object_of(n);
}
bool dim_tensor(nb::handle h, Tensor& out) {
  PyDim* d;
  if (h.is_none() || !nb::try_cast(h, d)) return false;
  out = capture::current("a size that is no number").dim(d->dim);
  return true;
}
bool dims_tensor(nb::handle list, Tensor& out) {
  Shape shape;
  bool any = false;
  for (nb::handle h : nb::borrow<nb::sequence>(list)) {
    Dim d;
    if (!dim_from(h, d)) return false;
    any = any || !d.is_constant();
    shape.push_back(d);
  }
  if (!any) return false;
  out = capture::current("a size that is no number").dims(shape);
  return true;
}
Tensor captured_content(const Tensor& t, const char* what) {
  if (!capture::current_or_null())
    throw Error(ErrorCode::unsupported, std::string(what) + ": " + type_text(t) + " has no values");
  capture::Capture& c = capture::current(what);
  if (const Tensor known = c.known(t); known.defined()) return known;
  const std::string at = capture::here();
  const std::string_view call = what;
  const bool whole = call == "numpy" || call == "__array__" || call == "tolist";
  const char* way_out = whole ? "neve's functions in the place of NumPy's, or the array outside"
                              : "a condition over tensors: neve.where, or to_static";
  throw Error(ErrorCode::unsupported,
              std::string(what) + ": the value of " + c.describe(t) +
                  " is read while the program is captured: what follows would hold for this value only (" + way_out +
                  ")" + (at.empty() ? "" : "\n  at " + at));
}
Tensor captured_constant(const Tensor& t) { return capture::current("tensor").constant(t); }

void bind_capture(nb::module_& m) {
  nb::class_<PyDim>(m, "Dim", "A size that differs from call to call.")
      .def(
          "__init__",
          [](PyDim* d, const std::string& name, int64_t min, std::optional<int64_t> max, int64_t multiple_of) {
            if (name.empty() || min < 0 || multiple_of < 1 || (max && *max < min))
              throw Error(ErrorCode::invalid_argument, "Dim: name '" + name + "', min " + std::to_string(min) +
                                                           ", max " + (max ? std::to_string(*max) : "none") +
                                                           ", multiple_of " + std::to_string(multiple_of) +
                                                           " (a name, 0 <= min <= max, a multiple of 1 or more)");
            new (d) PyDim{Dim::symbol(name, min, max.value_or(Dim::unbounded), multiple_of, "Dim '" + name + "'")};
          },
          nb::arg("name"), nb::arg("min") = 0, nb::arg("max").none() = nb::none(), nb::arg("multiple_of") = 1)
      .def_prop_ro(
          "bounds",
          [](const PyDim& d) {
            const int64_t divisor = d.dim.is_symbol() ? d.dim.as_symbol().divisor : 1;
            return std::tuple(lower_bound(d.dim), upper_bound(d.dim), divisor);
          },
          "(least, most, multiple of)")
      .def("__repr__", [](const PyDim& d) { return to_string(d.dim); })
      .def("__str__", [](const PyDim& d) { return to_string(d.dim); })
      .def("__hash__", [](const PyDim& d) { return int64_t(d.dim.hash() >> 1); })
      .def("__add__", arithmetic([](Dim a, Dim b) { return a + b; }, false, "add"))
      .def("__radd__", arithmetic([](Dim a, Dim b) { return a + b; }, true, "add"))
      .def("__sub__", arithmetic([](Dim a, Dim b) { return a - b; }, false, "sub"))
      .def("__rsub__", arithmetic([](Dim a, Dim b) { return a - b; }, true, "sub"))
      .def("__mul__", &multiply)
      .def("__rmul__", &multiply)
      .def("__floordiv__", arithmetic([](Dim a, Dim b) { return floordiv(a, b); }, false, "floordiv"))
      .def("__rfloordiv__", arithmetic([](Dim a, Dim b) { return floordiv(a, b); }, true, "floordiv"))
      .def("__mod__", arithmetic([](Dim a, Dim b) { return mod(a, b); }, false, "mod"))
      .def("__rmod__", arithmetic([](Dim a, Dim b) { return mod(a, b); }, true, "mod"))
      .def("__truediv__",
           [](const PyDim& a, nb::handle other) -> nb::object {
             Dim b;
             if (dim_from(other, b) && b.is_constant() && b.value() > 0 && proven(divides(b.value(), a.dim)))
               return object_of(floordiv(a.dim, b));
             return real_with(a, other, "truediv", false);
           })
      .def("__rtruediv__",
           [](const PyDim& a, nb::handle other) -> nb::object { return real_with(a, other, "truediv", true); })
      .def("__neg__", [](const PyDim& a) { return object_of(Dim(0) - a.dim); })
      .def("__pos__", [](const PyDim& a) { return object_of(a.dim); })
      .def("__eq__", comparison([](Dim a, Dim b) { return decide(Constraint::equal, a, b); }, true), nb::arg().none())
      .def(
          "__ne__",
          [](const PyDim& a, nb::handle other) {
            Dim b;
            return !dim_from(other, b) || !decide(Constraint::equal, a.dim, b);
          },
          nb::arg().none())
      .def("__ge__", comparison([](Dim a, Dim b) { return decide(Constraint::at_least, a, b); }))
      .def("__le__", comparison([](Dim a, Dim b) { return decide(Constraint::at_least, b, a); }))
      .def("__gt__", comparison([](Dim a, Dim b) { return decide(Constraint::at_least, a, b + 1); }))
      .def("__lt__", comparison([](Dim a, Dim b) { return decide(Constraint::at_least, b, a + 1); }))
      .def("__bool__", [](const PyDim& a) { return !decide(Constraint::equal, a.dim, 0); })
      .def("__int__", [](const PyDim& a) { return capture::current("int of a size").number(a.dim); })
      .def("__index__", [](const PyDim& a) { return capture::current("a size as an index").number(a.dim); })
      .def("__float__", [](const PyDim& a) { return double(capture::current("float of a size").number(a.dim)); });
  m.attr("Dim").attr("max") = nb::cpp_function([](nb::handle a, nb::handle b) {
    Dim x, y;
    if (!dim_from(a, x) || !dim_from(b, y)) throw nb::type_error("Dim.max takes sizes");
    return object_of(max(x, y));
  });
  m.attr("Dim").attr("min") = nb::cpp_function([](nb::handle a, nb::handle b) {
    Dim x, y;
    if (!dim_from(a, x) || !dim_from(b, y)) throw nb::type_error("Dim.min takes sizes");
    return object_of(min(x, y));
  });
  m.def("capture_depth", [] {
    const capture::Capture* c = capture::current_or_null();
    return c ? int64_t(c->depth()) : -1;
  });
  static auto body_of = [](nb::callable f) -> capture::Capture::Body {
    return [f](std::span<const Tensor> parameters) {
      nb::list in;
      for (const Tensor& t : parameters) in.append(nb::cast(t));
      std::vector<Tensor> out;
      const nb::object made = f(in);
      for (nb::handle h : nb::borrow<nb::sequence>(made)) out.push_back(nb::cast<Tensor>(h));
      return out;
    };
  };
  m.def("stage_if", [](const Tensor& condition, nb::callable then_body, nb::callable else_body) {
    const capture::Capture::Body bodies[2] = {body_of(then_body), body_of(else_body)};
    return capture::current("if").branch(condition, bodies);
  });
  m.def(
      "stage_loop",
      [](nb::handle trips, const Tensor& condition, const std::vector<Tensor>& carried,
         const std::vector<std::pair<size_t, size_t>>& open, nb::callable body, const std::vector<size_t>& last) {
        std::vector<Tensor> fixed;
        fixed.push_back(trips.is_none() ? Tensor{} : nb::cast<Tensor>(trips));
        fixed.push_back(condition);
        fixed.insert(fixed.end(), carried.begin(), carried.end());
        const capture::Capture::Body b = body_of(body);
        std::vector<Tensor> out = capture::current("loop").loop(fixed, b, open, last);
        return out;
      },
      nb::arg("trips").none(), nb::arg("condition"), nb::arg("carried"), nb::arg("open"), nb::arg("body"),
      nb::arg("last"));
  nb::class_<PyBranch>(m, "Branch");
  m.def("stage_open", [](nb::callable body) { return PyBranch{capture::current("if").open(body_of(body))}; });
  m.def("stage_close", [](const Tensor& condition, const PyBranch& a, const PyBranch& b, nb::callable end_a,
                          nb::callable end_b, const std::vector<size_t>& last) {
    const std::shared_ptr<capture::Capture::Branch> branches[2] = {a.branch, b.branch};
    const capture::Capture::Body ends[2] = {body_of(end_a), body_of(end_b)};
    return capture::current("if").close(condition, branches, ends, true, last);
  });
  m.def("follows_lists", [] { return capture::current("list").follows_lists(); });
  m.def("met_listed", [] {
    const capture::Capture& c = capture::current("list");
    return c.met_listed() && !c.follows_lists();
  });
  m.def(
      "relate_rows",
      [](const Tensor& whole, const std::vector<Tensor>& parts, const std::vector<int>& kinds) {
        std::vector<capture::Capture::Part> as;
        for (int k : kinds) as.push_back(capture::Capture::Part(k));
        capture::current("list").relate_rows(whole, parts, as);
      },
      "kinds, of each part: 0 a tensor of its own, 1 what the whole shows.");
  m.def("note_listed", [](const Tensor& t) { capture::current("list").note_listed(t); });
  m.def("unrelated", [](const Tensor& t) { return capture::current("number").unrelated(t); });
  m.def("stage_probe", [](const std::vector<Tensor>& like, const std::vector<std::pair<size_t, size_t>>& open,
                          nb::callable body) { capture::current("probe").probe(like, open, body_of(body)); });
  m.def("prove_sizes", [](const std::string& kind, nb::handle a, nb::handle b) -> std::optional<bool> {
    Dim x, y;
    if (!dim_from(a, x) || !dim_from(b, y)) throw nb::type_error("prove_sizes: sizes");
    Proof p = Proof::unknown;
    bool opposite = false;
    if (kind == "eq" || kind == "ne") {
      p = equal(x, y);
      opposite = kind == "ne";
    } else if (kind == "ge" || kind == "lt") {
      p = at_least(x, y);
      opposite = kind == "lt";
    } else {
      p = at_least(y, x);
      opposite = kind == "gt";
    }
    if (p == Proof::unknown) return {};
    return (p == Proof::yes) != opposite;
  });
  m.def("has_example", [](nb::handle h) {
    Dim d;
    return dim_from(h, d) && capture::current("size").has_example(d);
  });
  m.def("is_stated", [](nb::handle h) {
    Dim d;
    return dim_from(h, d) && capture::current("size").is_stated(d);
  });
  m.def("is_capturing", &is_capturing);
  m.def("is_captured", [](const Tensor& t) { return t.is_captured(); });
  m.def("known_content", [](const Tensor& t) -> nb::object {
    const Tensor known = capture::current("known_content").known(t);
    return known.defined() ? array_from(known) : nb::none();
  });
  m.def("dims_tensor", [](nb::handle h) {
    Tensor t;
    if (!dims_tensor(h, t)) throw nb::type_error("a list of sizes with a Dim among them");
    return t;
  });
  m.def("dim_tensor", [](nb::handle h) {
    Tensor t;
    if (!dim_tensor(h, t)) throw nb::type_error("a Dim");
    return t;
  });

  nb::class_<PyProgram>(m, "Program")
      .def_ro("model", &PyProgram::model)
      .def_ro("changed_inputs", &PyProgram::changed_inputs)
      .def_prop_ro("guards",
                   [](const PyProgram& p) {
                     nb::list l;
                     for (const auto& [relation, location] : p.guards) l.append(nb::make_tuple(relation, location));
                     return l;
                   })
      .def_prop_ro("states",
                   [](const PyProgram& p) {
                     nb::list l;
                     for (const capture::State& s : p.states) l.append(nb::make_tuple(s.name, s.tensor));
                     return l;
                   })
      .def("accepts", [](const PyProgram& p, const std::vector<Sizes>& shapes) { return p.accepts(shapes); })
      .def("difference",
           [](const PyProgram& p, const std::vector<Tensor>& in) {
             return jit::difference_of_sizes(p.model.impl()->loaded.module.methods.find("forward")->second, p.guards,
                                             in);
           })
      .def("changed",
           [](const PyProgram& p) {
             std::vector<std::string> names;
             for (const capture::Seen& s : p.seen)
               if (s.tensor.storage()->version() != s.version) names.push_back(s.weight);
             return names;
           })
      .def("replay", &replay_program, nb::arg("inputs"),
           "The program op by op: recorded for gradients, or as nodes of the capture of this thread.")
      .def("note_versions", [](PyProgram& p) {
        for (capture::Seen& s : p.seen) s.version = s.tensor.storage()->version();
      });

  nb::class_<PyRunner>(m, "Runner", "A program that runs compiled, with its weights as they were when this was made.")
      .def(nb::init<const PyProgram&, const std::vector<Tensor>&, nb::dict>(), nb::arg("program"), nb::arg("inputs"),
           nb::arg("options"))
      .def("__call__", &PyRunner::run, "The outputs by position.");

  nb::class_<PyTraining>(m, "Training", "A program whose forward and backward graphs run compiled.")
      .def(nb::init<const std::string&, const PyProgram&, size_t, nb::dict>(), nb::arg("name"), nb::arg("program"),
           nb::arg("outputs"), nb::arg("options"))
      .def("__call__", &PyTraining::call, "The outputs, with a history where gradients can be asked.")
      .def("wanted", &PyTraining::wanted, "Whether any of these inputs, or a weight, asks for a gradient.")
      .def("built", &PyTraining::built, "(forward nodes, backward nodes, tensors kept, seconds) of each variant.");

  nb::class_<PyCapture>(m, "Capture")
      .def(nb::init<bool>(), nb::arg("follow_lists") = false)
      .def("met_listed", &PyCapture::met_listed,
           "Whether a tensor of a list was changed in place while such changes were not followed.")
      .def("input", &PyCapture::input, nb::arg("name"), nb::arg("dtype"), nb::arg("shape"), nb::arg("example"))
      .def("name", &PyCapture::name)
      .def("learned", &PyCapture::learned, "Shapes of the inputs with what the program fixed so far.")
      .def("missed", &PyCapture::missed, "(size, number) of comparisons that did not find them equal, the last first.")
      .def("cancel", &PyCapture::cancel)
      .def("finish", &finish, nb::arg("outputs"), nb::arg("names"), nb::arg("name"));
}

}  // namespace neve::python
