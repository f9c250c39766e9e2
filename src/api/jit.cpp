// Capturing, saving and loading for users of C++.
#include <neve/jit.h>

#include <algorithm>

#include "api/impl.h"
#include "ir/text.h"
#include "jit/choice.h"
#include "jit/function.h"

namespace neve::jit {

struct Module::Impl {
  SavedModule saved;  ///< without its methods
  std::map<std::string, Choice, std::less<>> methods;
  const Choice& method(const std::string& name) const;
};

// ---- functions --------------------------------------------------------------------------------------------------

std::vector<Tensor> Function::operator()(const std::vector<Tensor>& in) const {
  return of(impl_, "jit::Function").call(in);
}

Tensor Function::operator()(const Tensor& x) const {
  std::vector<Tensor> y = of(impl_, "jit::Function").call(std::span(&x, 1));
  if (y.size() != 1)
    fail(ErrorCode::invalid_argument, impl_->name, ": it has ", y.size(), " results (call it with a vector)");
  return y[0];
}

std::vector<PortInfo> Function::inputs() const {
  std::vector<PortInfo> ports = ports_of(of(impl_, "jit::Function").form.program.graph, false);
  ports.resize(impl_->arguments());
  return ports;
}
std::vector<Guard> Function::guards() const {
  std::vector<Guard> list;
  for (const auto& [relation, location] : of(impl_, "jit::Function").form.program.guards)
    list.push_back({relation, location});
  return list;
}
std::string Function::graph_text() const { return ir::print(of(impl_, "jit::Function").form.program.graph); }

Model Function::model() const {
  const SavedForm& f = of(impl_, "jit::Function").form;
  if (!f.program.states.empty() || !f.draws.empty() || !f.program.changed_inputs.empty() || f.effects())
    fail(ErrorCode::unsupported, "optimize: ", impl_->name,
         " changes buffers or inputs, draws random numbers or prints, which an engine cannot (capture it in evaluation "
         "mode)");
  auto impl = std::make_shared<Model::Impl>();
  impl->loaded = loaded_of(f.program, impl_->name);
  impl->inputs = ports_of(f.program.graph, false);
  impl->outputs = ports_of(f.program.graph, true);
  return Model(std::move(impl));
}

// ---- capturing --------------------------------------------------------------------------------------------------

namespace {

/// What a call may change, put back at the end.
class Kept {
 public:
  explicit Kept(const SavedForm& f) : random_(random_state()) {
    for (const capture::State& s : f.program.states) states_.emplace_back(s.tensor, s.tensor.detach().clone());
  }
  void put_back() const {
    for (const auto& [t, value] : states_) t.detach().copy_from(value);
    set_random_state(random_);
  }
  ~Kept() { put_back(); }

 private:
  std::vector<std::pair<Tensor, Tensor>> states_;
  std::pair<int64_t, int64_t> random_;
};

std::vector<Tensor> copies(const std::vector<Tensor>& in) {
  std::vector<Tensor> out;
  for (const Tensor& t : in) out.push_back(t.detach().clone());
  return out;
}

/// The examples with one more along every open axis.
std::vector<Tensor> grown(const CapturedFunction& f, const std::vector<Tensor>& in) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < in.size(); ++i) {
    Tensor t = in[i].detach();
    const ir::Graph& g = f.form.program.graph;
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a)
      if (shape[a].is_symbol() && t.size(int64_t(a)) > 0) t = concat({t, t.slice(int64_t(a), 0, 1)}, int64_t(a));
    out.push_back(t);
  }
  return out;
}

void compare_with(const TensorFunction& program, CapturedFunction& f, const std::vector<Tensor>& in,
                  const Tolerance& tolerance, bool example) {
  const Kept kept(f.form);
  std::vector<Tensor> want;
  if (example) {
    want = program(copies(in));
  } else {
    if (!f.accepts(in)) return;
    try {
      want = program(copies(in));
    } catch (const Error&) {  // not a call that the original allows
      return;
    }
  }
  want = copies(want);
  kept.put_back();
  const std::vector<Tensor> got = f.call(copies(in));
  std::string sizes;
  for (const Tensor& t : in) sizes += (sizes.empty() ? "" : ", ") + type_text(t);
  for (size_t k = 0; k < want.size(); ++k) {
    if (got[k].dtype() != want[k].dtype() || got[k].shape() != want[k].shape())
      fail(ErrorCode::internal, "trace: output ", k, " is ", type_text(got[k]), " where it should be ",
           type_text(want[k]), " for (", sizes, ")");
    const OutputVerdict v = compare(got[k].detach(), want[k], tolerance);
    if (!v.ok)
      fail(ErrorCode::internal, "trace: output ", k, " differs from the original by ", v.max_difference, " for (",
           sizes, ")");
  }
}

std::vector<std::pair<std::string, Tensor>> tensors_of(const nn::Module& m) {
  std::vector<std::pair<std::string, Tensor>> all = m.named_parameters();
  for (auto& b : m.named_buffers()) all.push_back(std::move(b));
  return all;
}

SavedModule saved_of(const nn::Module& m) {
  SavedModule s;
  s.type = m.type(), s.training = m.is_training();
  const NamedTensors state = m.state_dict();
  const auto parameters = m.named_parameters();
  for (const auto& [name, t] : parameters) s.tensors.push_back({name, t, true, true});
  for (const auto& [name, t] : m.named_buffers()) s.tensors.push_back({name, t, false, state.count(name) > 0});
  for (const auto& [name, t] : state) {  // further names of a tensor
    const auto same = [&n = name](const SavedTensor& x) { return x.name == n; };
    if (std::any_of(s.tensors.begin(), s.tensors.end(), same)) continue;
    const auto at = std::find_if(s.tensors.begin(), s.tensors.end(), [&, &tensor = t](const SavedTensor& x) {
      return x.tensor.storage() == tensor.storage() && x.tensor.byte_offset() == tensor.byte_offset();
    });
    if (at != s.tensors.end()) s.tensors.push_back({name, at->tensor, at->parameter, true});
  }
  return s;
}

SavedForm copy_of(const SavedForm& f) {
  SavedForm c;
  c.program.graph = f.program.graph.clone();
  c.program.weights = f.program.weights, c.program.guards = f.program.guards, c.program.states = f.program.states;
  c.program.seen = f.program.seen, c.program.changed_inputs = f.program.changed_inputs;
  c.arguments = f.arguments, c.results = f.results, c.mode = f.mode, c.autocast = f.autocast;
  c.draws = f.draws, c.own_generator = f.own_generator, c.passed = f.passed;
  c.prints = f.prints, c.counted = f.counted;
  for (const auto& [in, out] : f.golden)  // the tensors may have changed since
    c.golden.push_back(golden_of(c, std::span(in).first(in.size() - c.program.states.size() - 2 * c.draws.size())));
  return c;
}

}  // namespace

Function trace(const TensorFunction& program, const std::vector<Tensor>& examples, const TraceOptions& options,
               const nn::Module* module) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  if (module) tensors = tensors_of(*module);
  SavedForm form = trace(module ? module->type() : "trace", program, examples, options.dims, options.names, tensors);
  auto f = std::make_shared<CapturedFunction>(module ? module->type() : "trace", std::move(form));
  const NoGrad off;
  if (options.check) {
    compare_with(program, *f, examples, options.tolerance, true);
    compare_with(program, *f, grown(*f, examples), options.tolerance, false);
  }
  f->form.golden.push_back(golden_of(f->form, examples));
  return Function(std::move(f));
}

// ---- files ------------------------------------------------------------------------------------------------------

void save(const Function& f, const std::string& path) {
  SavedModule s;
  s.type = of(f.impl(), "jit::Function").name;
  s.add("forward", copy_of(f.impl()->form));
  save_module(s, path);
}

void save(const nn::Module& module, const std::vector<Method>& methods, const std::string& path) {
  SavedModule s = saved_of(module);
  if (methods.empty()) fail(ErrorCode::invalid_argument, "jit.save: no method is given (one at least)");
  for (const Method& m : methods) {
    if (m.mode != "" && m.mode != "train" && m.mode != "eval")
      fail(ErrorCode::invalid_argument, "jit.save: mode '", m.mode, "' (\"train\", \"eval\" or \"\")");
    if (m.name.empty()) fail(ErrorCode::invalid_argument, "jit.save: a method has no name");
    SavedForm form = copy_of(of(m.function.impl(), "jit::Function").form);
    form.mode = m.mode;
    if (!m.constants.empty()) {
      std::vector<std::string> values;
      for (const Constant& c : m.constants) values.push_back(structure_of(c));
      form.arguments = arguments_text(m.function.impl()->arguments(), values);
    }
    s.add(m.name, std::move(form));
  }
  save_module(s, path);
}

void save(const Module& module, const std::string& path) {
  const Module::Impl& impl = of(module.impl(), "jit::Module");
  SavedModule s = saved_of(module);
  s.properties = impl.saved.properties, s.signatures = impl.saved.signatures;
  for (const auto& [name, choice] : impl.methods)
    for (const Form& f : choice.forms()) s.add(name, copy_of(f.function()->form));
  save_module(s, path);
}

namespace {

void add_tensors(nn::Module& root, const SavedModule& saved, const std::string& path) {
  std::map<std::string, nn::Module> parts{{"", root}};
  for (const SavedTensor& t : saved.tensors) {
    const size_t dot = t.name.rfind('.');
    const std::string owner = dot == t.name.npos ? "" : t.name.substr(0, dot);
    if (std::count(t.name.begin(), t.name.end(), '.') > 100)
      fail(ErrorCode::corrupt_file, "load: '", path, "': a tensor lies deeper than 100 modules");
    try {
      for (size_t at = 0; !owner.empty() && at != owner.npos;) {
        const size_t end = owner.find('.', at + (at > 0));
        const std::string whole = owner.substr(0, end), above = at ? owner.substr(0, at) : "";
        if (!parts.count(whole))
          parts.emplace(whole, parts.at(above).add(whole.substr(at ? at + 1 : 0), nn::Module("Module")));
        at = end;
      }
      nn::Module& part = parts.at(owner);
      const std::string name = t.name.substr(dot == t.name.npos ? 0 : dot + 1);
      const bool trained = t.tensor.requires_grad();
      if (t.parameter)
        part.add_parameter(name, t.tensor).set_requires_grad(trained);
      else
        part.add_buffer(name, t.tensor, t.persistent);
    } catch (const Error& e) {
      fail(ErrorCode::corrupt_file, "load: '", path, "': tensor '", t.name.substr(0, 200), "': ", e.message());
    }
  }
}

}  // namespace

Module load(const std::string& path) {
  auto impl = std::make_shared<Module::Impl>();
  impl->saved = load_module(path);
  Module m(impl->saved.type, impl);
  add_tensors(m, impl->saved, path);
  for (auto& [name, forms] : impl->saved.methods)
    for (SavedForm& f : forms)
      impl->methods[name].add(std::make_shared<CapturedFunction>(str(impl->saved.type, ".", name), std::move(f)));
  impl->saved.methods.clear();
  m.train(impl->saved.training);
  return m;
}

// ---- loaded modules ---------------------------------------------------------------------------------------------

std::vector<std::string> Module::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, choice] : of(impl_, "jit::Module").methods) names.push_back(name);
  return names;
}

const Choice& Module::Impl::method(const std::string& name) const {
  const auto at = methods.find(name);
  if (at != methods.end()) return at->second;
  std::string names;
  for (const auto& [n, choice] : methods) names += (names.empty() ? "" : ", ") + n;
  fail(ErrorCode::not_found, saved.type, ".", name, ": it was not saved (saved were: ", names, ")");
}

std::vector<Function> Module::forms(const std::string& method) const {
  std::vector<Function> list;
  for (const Form& f : of(impl_, "jit::Module").method(method).forms()) list.emplace_back(f.function());
  return list;
}

void Function::set_print(std::function<void(std::string_view)> print) const {
  of(impl_, "jit::Function").set_print(std::move(print));
}

void Module::set_print(const std::function<void(std::string_view)>& print) const {
  for (const auto& [name, choice] : of(impl_, "jit::Module").methods)
    for (const Form& f : choice.forms()) f.function()->set_print(print);
}

std::string Module::properties() const { return of(impl_, "jit::Module").saved.properties; }

Tensor Module::forward(const Tensor& x) const {
  std::vector<Tensor> y = call("forward", {x});
  if (y.size() != 1)
    fail(ErrorCode::invalid_argument, type(), ".forward: it has ", y.size(), " results (call it with a vector)");
  return y[0];
}

std::vector<Tensor> Module::call(const std::string& method, const std::vector<Tensor>& in,
                                 const std::vector<Constant>& constants) const {
  return of(impl_, "jit::Module").method(method).call(in, constants, is_training());
}

}  // namespace neve::jit
