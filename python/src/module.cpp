// The Python module: converts and forwards.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/set.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <neve/neve.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "capture.h"
#include "convert.h"
#include "engine.h"
#include "program.h"

using namespace neve;
using namespace neve::python;

namespace {

nb::object error_type;

nb::object results(const std::vector<Tensor>& out) {
  if (out.size() == 1) return array_from(out[0]);
  nb::list l;
  for (const Tensor& t : out) l.append(array_from(t));
  return nb::tuple(l);
}

nb::object tensors_of(const std::vector<Tensor>& out) {
  if (out.size() == 1) return nb::cast(out[0]);
  nb::list l;
  for (const Tensor& t : out) l.append(nb::cast(t));
  return nb::tuple(l);
}

/// A call inside of a program that is being captured: the graph becomes a part of that.
template <class M>
nb::object captured_call(const M& m, std::vector<Tensor> in) {
  for (Tensor& t : in)  // memory of arrays is lent for this call only: they are constants of the program
    if (!t.is_captured() && !t.storage()->writable()) t = captured_constant(t);
  return tensors_of(replay(m, in));
}

/// Positional and named arguments to tensors in the order of the inputs.
std::vector<Tensor> arguments(const std::vector<PortInfo>& ports, nb::args args, nb::kwargs kwargs,
                              std::vector<AnyArray>& hold) {
  // A single dict stands for names that are no Python identifiers.
  if (args.size() == 1 && kwargs.size() == 0 && PyDict_Check(args[0].ptr())) {
    nb::dict d = nb::borrow<nb::dict>(args[0]);
    nb::kwargs named = nb::borrow<nb::kwargs>(d);
    return arguments(ports, nb::args(nb::steal<nb::args>(PyTuple_New(0))), named, hold);
  }
  auto names = [&] {
    std::string s;
    for (const PortInfo& p : ports) s += (s.empty() ? "'" : ", '") + p.name + "'";
    return s;
  };
  if (args.size() + kwargs.size() != ports.size()) {
    // Say which name is unknown rather than that the count is wrong.
    for (auto [key, value] : kwargs) {
      const std::string name = nb::cast<std::string>(key);
      bool known = false;
      for (const PortInfo& p : ports) known = known || p.name == name;
      if (!known)
        throw Error(ErrorCode::not_found, "run: '" + name + "' is not an input (the model's inputs: " + names() + ")");
    }
    throw Error(ErrorCode::invalid_argument, "run: " + std::to_string(args.size() + kwargs.size()) +
                                                 " inputs given (the model takes " + std::to_string(ports.size()) +
                                                 ": " + names() + ")");
  }
  std::vector<Tensor> in;
  for (size_t i = 0; i < ports.size(); ++i) {
    if (i < args.size()) {
      in.push_back(tensor_from(args[i], hold, "run"));
      continue;
    }
    PyObject* v = PyDict_GetItemString(kwargs.ptr(), ports[i].name.c_str());
    if (!v)
      throw Error(ErrorCode::not_found,
                  "run: no input '" + ports[i].name + "' was given (the model's inputs: " + names() + ")");
    in.push_back(tensor_from(v, hold, "run"));
  }
  return in;
}

NamedTensors named_tensors(nb::handle h, const std::vector<PortInfo>& ports, const char* what) {
  std::vector<AnyArray> hold;
  NamedTensors out;
  auto put = [&](const std::string& name, nb::handle v) { out[name] = tensor_from(v, hold, what).clone(); };
  if (PyDict_Check(h.ptr())) {
    for (auto [key, value] : nb::borrow<nb::dict>(h)) put(nb::cast<std::string>(key), value);
  } else if (PyTuple_Check(h.ptr()) || PyList_Check(h.ptr())) {
    size_t i = 0;
    for (nb::handle v : nb::borrow<nb::sequence>(h)) {
      put(i < ports.size() ? ports[i].name : std::to_string(i), v);
      ++i;
    }
  } else {
    put(ports.empty() ? "0" : ports[0].name, h);
  }
  return out;
}

// ---- engines ----------------------------------------------------------------------------------------------------

nb::object call_engine(PyEngine& e, nb::args args, nb::kwargs kwargs) {
  std::vector<AnyArray> hold;
  const std::vector<Tensor> in = arguments(e.engine.inputs(), args, kwargs, hold);
  if (is_capturing()) return captured_call(e.engine, in);
  return results(e.run(in));
}

struct PySession {
  Session session;
  std::vector<PortInfo> inputs;
  nb::object call(nb::args args, nb::kwargs kwargs) {
    std::vector<AnyArray> hold;
    const std::vector<Tensor> in = arguments(inputs, args, kwargs, hold);
    std::vector<Tensor> out;
    {
      nb::gil_scoped_release free;
      session.run(in, out);
    }
    return results(out);
  }
};

nb::list ports_list(const std::vector<PortInfo>& ports) {
  nb::list l;
  for (const PortInfo& p : ports) {
    nb::list shape;
    for (const std::string& s : p.shape) {
      const bool number = !s.empty() && s.find_first_not_of("0123456789") == std::string::npos;
      if (number)
        shape.append(std::stoll(s));
      else
        shape.append(s);
    }
    l.append(nb::make_tuple(p.name, to_string(p.dtype), nb::tuple(shape)));
  }
  return l;
}

std::vector<std::string> names_of(const std::vector<PortInfo>& ports) {
  std::vector<std::string> v;
  for (const PortInfo& p : ports) v.push_back(p.name);
  return v;
}

OptimizeOptions options_from(const Model& m, const nb::dict& d) {
  OptimizeOptions o;
  auto strings = [](nb::handle v) {
    std::set<std::string, std::less<>> s;
    if (nb::isinstance<nb::str>(v))
      s.insert(nb::cast<std::string>(v));
    else
      for (nb::handle x : nb::borrow<nb::iterable>(v)) s.insert(nb::cast<std::string>(x));
    return s;
  };
  auto samples = [&](nb::handle v, const char* what) {
    std::vector<NamedTensors> out;
    for (nb::handle x : nb::borrow<nb::iterable>(v)) out.push_back(named_tensors(x, m.inputs(), what));
    return out;
  };
  for (auto [key, v] : d) {
    const std::string k = nb::cast<std::string>(key);
    if (k == "ranges") {
      for (nb::handle r : nb::borrow<nb::iterable>(v)) {
        if (nb::isinstance<nb::str>(r)) {
          o.ranges.push_back(parse_range(nb::cast<std::string>(r)));
          continue;
        }
        o.ranges.push_back({nb::cast<NamedSizes>(r.attr("min")), nb::cast<NamedSizes>(r.attr("max")),
                            nb::cast<std::vector<NamedSizes>>(r.attr("opts"))});
      }
    } else if (k == "precision")
      o.precision = nb::cast<std::string>(v);
    else if (k == "test_data")
      o.test_data = samples(v, "test_data");
    else if (k == "calib_data")
      o.calib_data = samples(v, "calib_data");
    else if (k == "warmup_data")
      o.warmup_data = samples(v, "warmup_data");
    else if (k == "disable_passes")
      o.disable_passes = strings(v);
    else if (k == "disable_ops")
      o.disable_ops = strings(v);
    else if (k == "float_ops")
      o.float_ops = strings(v);
    else if (k == "disable_kernels")
      o.disable_kernels = strings(v);
    else if (k == "tactic")
      o.tactic = nb::cast<std::string>(v);
    else if (k == "min_region")
      o.min_region = nb::cast<int>(v);
    else if (k == "threads")
      o.threads = nb::cast<int>(v);
    else if (k == "tune")
      o.tune = nb::cast<bool>(v);
    else if (k == "use_tactic_cache")
      o.use_tactic_cache = nb::cast<bool>(v);
    else if (k == "gate")
      o.gate = nb::cast<bool>(v);
    else if (k == "accept_inaccurate")
      o.accept_inaccurate = nb::cast<bool>(v);
    else if (k == "relative_tolerance")
      o.tolerance.relative = nb::cast<double>(v);
    else if (k == "absolute_tolerance")
      o.tolerance.absolute = nb::cast<double>(v);
    else if (k == "memory_budget")
      o.memory_budget = nb::cast<int64_t>(v);
    else if (k == "dump_ir")
      o.dump_ir = nb::cast<std::string>(v);
    else
      throw Error(ErrorCode::invalid_argument, "optimize: there is no option '" + k + "'");
  }
  return o;
}

/// Gives this thread, which is where the system delivers a process's signals by preference, a stack of its own for
/// handlers, as Python's are since 3.10: oneDNN's f32 products let the stack pointer point into the heap while they
/// run.
void give_signal_stack() {
  stack_t now;
  if (sigaltstack(nullptr, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
  const size_t bytes = size_t(std::max<long>(sysconf(_SC_SIGSTKSZ), 1 << 16));
  stack_t own{};
  own.ss_sp = new std::byte[bytes];  // never freed: it belongs to the thread from now on
  own.ss_size = bytes;
  sigaltstack(&own, nullptr);
}

}  // namespace

NB_MODULE(_neve, m) {
  give_signal_stack();
  // Tensors and graphs that the program still holds when Python ends are no leak, and a library does not print.
  nb::set_leak_warnings(false);
  error_type = nb::steal<nb::object>(PyErr_NewExceptionWithDoc(
      "neve.Error", "What went wrong, with values and types; `code` says what kind.", PyExc_RuntimeError, nullptr));
  m.attr("Error") = error_type;
  m.attr("on_refusal") = nb::none();  // called with each Error{unsupported} while something is captured
  nb::register_exception_translator(
      [](const std::exception_ptr& p, void*) {
        try {
          std::rethrow_exception(p);
        } catch (const Error& e) {
          if (PyErr_Occurred()) return;  // Ctrl-C, or an exception of a callback
          // A message may quote bytes of a damaged file.
          const std::string& text = e.message();
          nb::object x = error_type(nb::steal(PyUnicode_DecodeUTF8(text.data(), Py_ssize_t(text.size()), "replace")));
          x.attr("code") = std::string(to_string(e.code()));
          if (e.code() == ErrorCode::unsupported && is_capturing()) {
            const nb::handle note = nb::module_::import_("neve._neve").attr("on_refusal");
            if (!note.is_none()) note(x);
          }
          PyErr_SetObject(error_type.ptr(), x.ptr());
        }
      },
      nullptr);
  m.def("version", &version);
  m.def("machine_peak", [](int threads, bool again) {
    nb::gil_scoped_release free;
    return to_json(machine_peak(threads, again));
  });

  bind_tensor(m);
  bind_capture(m);
  bind_module_file(m);
  bind_calls(m);

  nb::class_<Model>(m, "Model")
      .def("__call__",
           [](const Model& m, nb::args a, nb::kwargs k) {
             std::vector<AnyArray> hold;
             const auto in = arguments(m.inputs(), a, k, hold);
             if (is_capturing()) return captured_call(m, in);
             std::vector<Tensor> out;
             {
               nb::gil_scoped_release free;
               out = m(in);
             }
             return results(out);
           })
      .def("run_reference",
           [](const Model& m, nb::args a, nb::kwargs k) {
             std::vector<AnyArray> hold;
             const auto in = arguments(m.inputs(), a, k, hold);
             std::vector<Tensor> out;
             {
               nb::gil_scoped_release free;
               out = m.run_reference(in);
             }
             return results(out);
           })
      .def("optimize",
           [](const Model& m, nb::dict options, std::optional<nb::callable> progress) {
             OptimizeOptions o = options_from(m, options);
             o.progress = [&](double done, const std::string& phase) {
               nb::gil_scoped_acquire hold;
               if (PyErr_CheckSignals() != 0) return false;
               if (progress) {
                 try {
                   (*progress)(done, phase);
                 } catch (nb::python_error& e) {
                   e.restore();
                   return false;
                 }
               }
               return true;
             };
             std::optional<Engine> e;
             {
               nb::gil_scoped_release free;
               e = optimize(m, o);
             }
             return new PyEngine(*e);
           })
      .def("engine", [](const Model& m) { return new PyEngine(m.engine()); })
      .def_prop_ro("has_engine", &Model::has_engine)
      .def_prop_ro("format", &Model::format)
      .def_prop_ro("path", &Model::path)
      .def_prop_ro("warnings", &Model::warnings)
      .def_prop_ro("graph", &Model::graph_text)
      .def_prop_ro("inputs", [](const Model& m) { return ports_list(m.inputs()); })
      .def_prop_ro("outputs", [](const Model& m) { return ports_list(m.outputs()); })
      .def_prop_ro("input_names", [](const Model& m) { return names_of(m.inputs()); })
      .def_prop_ro("output_names", [](const Model& m) { return names_of(m.outputs()); });

  nb::class_<PySession>(m, "Session")
      .def("__call__", &PySession::call)
      .def("run", &PySession::call)
      .def("warm", [](PySession& s, const std::vector<NamedSizes>& shapes) { s.session.warm(shapes); })
      .def_prop_ro("arena_bytes", [](const PySession& s) { return s.session.arena_bytes(); })
      .def("_profile",
           [](PySession& s, int runs, nb::args a, nb::kwargs k) {
             std::vector<AnyArray> hold;
             const auto in = arguments(s.inputs, a, k, hold);
             nb::gil_scoped_release free;
             return to_json(s.session.profile(in, runs));
           })
      .def("_trace", [](PySession& s, int runs, nb::args a, nb::kwargs k) {
        std::vector<AnyArray> hold;
        const auto in = arguments(s.inputs, a, k, hold);
        nb::gil_scoped_release free;
        return s.session.trace(in, runs);
      });

  nb::class_<Warming>(m, "Warming",
                      "Sizes that a thread of low priority prepares: Engine.warm(shapes, background=True).")
      .def(
          "wait",
          [](const Warming& w) {
            for (bool ended = false; !ended;) {
              {
                nb::gil_scoped_release free;
                ended = w.wait_for(0.05);
              }
              if (PyErr_CheckSignals() != 0) throw nb::python_error();
            }
            w.wait();
          },
          "Returns when all is prepared; raises Error where that failed or was cancelled.")
      .def("done", &Warming::done, "Whether it has ended: all prepared, failed, or cancelled.")
      .def_prop_ro(
          "error",
          [](const Warming& w) {
            const std::string text = w.error();
            return text.empty() ? nb::object(nb::none()) : nb::object(nb::str(text.c_str()));
          },
          "What went wrong, in words; None where nothing did, or not yet.")
      .def("cancel", &Warming::cancel, nb::call_guard<nb::gil_scoped_release>(),
           "Stops it; returns when it has ended.");

  nb::class_<PyEngine>(m, "Engine")
      .def("__call__", &call_engine)
      .def("_run", &PyEngine::run, "Tensors by position, as a list; what captured functions call.")
      .def("session", [](const PyEngine& e) { return new PySession{e.engine.session(), e.engine.inputs()}; })
      .def("_warm",
           [](const PyEngine& e, const std::vector<NamedSizes>& shapes) {
             nb::gil_scoped_release free;
             e.engine.warm(shapes);
           })
      .def("_warm_in_background",
           [](const PyEngine& e, const std::vector<NamedSizes>& shapes) { return e.engine.warm_in_background(shapes); })
      .def("save",
           [](const PyEngine& e, const std::string& path) {
             nb::gil_scoped_release free;
             e.engine.save(path);
           })
      .def("report_json", [](const PyEngine& e) { return e.engine.report_json(); })
      .def("report_html",
           [](const PyEngine& e) {
             nb::gil_scoped_release free;
             return e.engine.report_html();
           })
      .def("_profile",
           [](const PyEngine& e, const NamedSizes& sizes, int runs) {
             nb::gil_scoped_release free;
             return to_json(e.engine.profile(sizes, runs));
           })
      .def_prop_ro("threads", [](const PyEngine& e) { return e.engine.threads(); })
      .def_prop_ro("graph", [](const PyEngine& e) { return e.engine.graph_text(); })
      .def_prop_ro("plan", [](const PyEngine& e) { return e.engine.plan_text(); })
      .def_prop_ro("inputs", [](const PyEngine& e) { return ports_list(e.engine.inputs()); })
      .def_prop_ro("outputs", [](const PyEngine& e) { return ports_list(e.engine.outputs()); })
      .def_prop_ro("input_names", [](const PyEngine& e) { return names_of(e.engine.inputs()); })
      .def_prop_ro("output_names", [](const PyEngine& e) { return names_of(e.engine.outputs()); });

  m.def("load", [](const std::string& path, nb::dict shapes, nb::dict values, nb::dict lengths, int64_t opset) {
    LoadOptions o;
    for (auto [name, axes] : shapes) {
      auto& to = o.input_shapes[nb::cast<std::string>(name)];
      for (nb::handle axis : nb::borrow<nb::iterable>(axes))
        to.push_back(axis.is_none() ? "?" : nb::cast<std::string>(nb::str(axis)));
    }
    std::vector<AnyArray> hold;
    for (auto [name, value] : values)
      o.input_values[nb::cast<std::string>(name)] = tensor_from(value, hold, "load").clone();
    for (auto [name, n] : lengths) o.sequence_lengths[nb::cast<std::string>(name)] = nb::cast<int64_t>(n);
    o.opset = opset;
    nb::gil_scoped_release free;
    return load(path, o);
  });
}
