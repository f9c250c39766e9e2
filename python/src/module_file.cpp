// Files of modules, for neve.jit.save and load.
#include "jit/module_file.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "api/impl.h"
#include "program.h"

namespace neve::python {
namespace {

using jit::SavedForm;
using jit::SavedModule;

const SavedForm& form_of(const SavedModule& m, const std::string& method, size_t k) {
  const auto at = m.methods.find(method);
  if (at == m.methods.end() || k >= at->second.size()) throw nb::index_error("no such form");
  return at->second[k];
}

void add_form(SavedModule& m, const std::string& method, const PyProgram& p, const nb::dict& d,
              const std::vector<std::pair<std::vector<Tensor>, std::vector<Tensor>>>& golden) {
  const ir::Module& module = p.model.impl()->loaded.module;
  SavedForm f;
  f.program.graph = module.methods.find("forward")->second.clone();
  f.program.weights = module.weights;
  f.program.guards = p.guards, f.program.states = p.states, f.program.seen = p.seen;
  f.program.changed_inputs = p.changed_inputs;
  f.arguments = nb::cast<std::string>(d["arguments"]), f.results = nb::cast<std::string>(d["results"]);
  f.mode = nb::cast<std::string>(d["mode"]), f.autocast = nb::cast<std::string>(d["autocast"]);
  f.draws = nb::cast<std::vector<int64_t>>(d["draws"]);
  for (nb::handle own : nb::borrow<nb::iterable>(d["own_generator"])) f.own_generator.push_back(nb::cast<bool>(own));
  f.passed = nb::cast<std::map<size_t, size_t>>(d["passed"]);
  f.prints = nb::cast<std::string>(d["prints"]), f.counted = nb::cast<std::vector<size_t>>(d["counted"]);
  f.golden = golden;
  m.add(method, std::move(f));
}

nb::dict form_dict(const SavedModule& m, const std::string& method, size_t k) {
  const SavedForm& f = form_of(m, method, k);
  nb::dict d;
  d["arguments"] = f.arguments, d["results"] = f.results, d["mode"] = f.mode, d["autocast"] = f.autocast;
  d["draws"] = f.draws, d["passed"] = f.passed;
  d["prints"] = f.prints, d["counted"] = f.counted;
  nb::list own;
  for (bool b : f.own_generator) own.append(b);
  d["own_generator"] = own;
  nb::list samples;  // the caller's part of the golden samples
  const size_t states = f.program.states.size() + 2 * f.draws.size();
  for (const auto& [in, out] : f.golden)
    samples.append(nb::cast(std::vector<Tensor>(in.begin(), in.end() - int64_t(states))));
  d["samples"] = samples;
  return d;
}

PyProgram form_program(const SavedModule& m, const std::string& method, size_t k) {
  const jit::Program& p = form_of(m, method, k).program;
  auto impl = std::make_shared<Model::Impl>();
  impl->loaded = jit::loaded_of(p, method);
  const ir::Graph& g = impl->loaded.module.methods.find("forward")->second;
  impl->inputs = jit::ports_of(g, false);
  impl->outputs = jit::ports_of(g, true);
  return {Model(std::move(impl)), p.guards, p.states, p.seen, p.changed_inputs};
}

}  // namespace

void bind_module_file(nb::module_& m) {
  nb::class_<SavedModule>(m, "SavedModule")
      .def(nb::init<>())
      .def_rw("type", &SavedModule::type)
      .def_rw("training", &SavedModule::training)
      .def_rw("properties", &SavedModule::properties)
      .def("add_tensor", [](SavedModule& m, const std::string& name, const Tensor& t, bool parameter,
                            bool persistent) { m.tensors.push_back({name, t, parameter, persistent}); })
      .def("tensors",
           [](const SavedModule& m) {
             nb::list l;
             for (const jit::SavedTensor& t : m.tensors)
               l.append(nb::make_tuple(t.name, m.name_of(t.tensor), t.tensor, t.parameter, t.persistent));
             return l;
           })
      .def("replace", &SavedModule::replace)
      .def("add_form", &add_form)
      .def("set_signature",
           [](SavedModule& m, const std::string& method, const std::string& parameters) {
             if (!parameters.empty()) m.signatures[method] = parameters;
           })
      .def("signature",
           [](const SavedModule& m, const std::string& method) {
             const auto at = m.signatures.find(method);
             return at == m.signatures.end() ? std::string() : at->second;
           })
      .def("methods",
           [](const SavedModule& m) {
             nb::dict d;
             for (const auto& [name, forms] : m.methods) d[name.c_str()] = forms.size();
             return d;
           })
      .def("form", &form_dict)
      .def("program", &form_program)
      .def("save", [](const SavedModule& m, const std::string& path) {
        nb::gil_scoped_release free;
        jit::save_module(m, path);
      });
  m.def("load_module", [](const std::string& path) {
    nb::gil_scoped_release free;
    return jit::load_module(path);
  });
  m.def("is_module_archive", [](const std::string& path) { return jit::is_module_archive(path); });
}

}  // namespace neve::python
