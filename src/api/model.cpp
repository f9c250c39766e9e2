// Model: loading, running unoptimised.
#include <algorithm>
#include <filesystem>

#include "api/impl.h"
#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "import/onnx.h"
#include "ir/text.h"
#include "jit/module_file.h"
#include "op/reference.h"

namespace neve {

const char* version() { return "0.1.0"; }

namespace {

// Makes dims of the texts of input_shapes. Symbols are made once, so that reading the file again gives the same.
class ShapeTexts {
 public:
  ShapeTexts(const std::string& path, import::OnnxOptions& out) : file_(import::read_onnx_signature(path)), out_(out) {}

  /// Axes that say something: they also settle what the file's own name for that axis means.
  void settle(const std::string& name, const std::vector<std::string>& axes) {
    const std::vector<std::string>* said = said_of(name);
    if (said && said->size() != axes.size())
      fail(ErrorCode::shape_mismatch, "load: input_shapes: '", name, "' has ", axes.size(), " axes (the file says ",
           said->size(), ")");
    Shape& shape = out_.input_shapes[name];
    for (size_t a = 0; a < axes.size(); ++a) {
      shape.push_back(0);
      if (axes[a] == "?") continue;
      shape[a] = parse(name, a, axes[a]);
      if (said && is_name((*said)[a])) out_.symbols.try_emplace((*said)[a], shape[a]);
    }
  }

  /// Axes that keep what the file says.
  void keep(const std::string& name, const std::vector<std::string>& axes) {
    const std::vector<std::string>* said = said_of(name);
    Shape& shape = out_.input_shapes[name];
    for (size_t a = 0; a < axes.size(); ++a) {
      if (axes[a] != "?") continue;
      const std::string text = said ? (*said)[a] : "";
      shape[a] = is_name(text)  ? symbol(text, where(name, a))
                 : text.empty() ? Dim::symbol(str(name, "_", a), 0, Dim::unbounded, 1, where(name, a))
                                : parse(name, a, text);
    }
  }

 private:
  static bool is_name(const std::string& text) { return text.find_first_not_of("0123456789") != text.npos; }
  static std::string where(const std::string& name, size_t axis) { return str("input '", name, "' axis ", axis); }

  const std::vector<std::string>* said_of(const std::string& name) const {
    for (const import::OnnxPort& p : file_.inputs)
      if (p.name == name && p.shape) return &*p.shape;
    return nullptr;
  }

  Dim symbol(const std::string& name, const std::string& origin) {
    const auto [at, fresh] = out_.symbols.try_emplace(name);
    if (fresh) at->second = Dim::symbol(name, 0, Dim::unbounded, 1, origin);
    return at->second;
  }

  Dim parse(const std::string& name, size_t axis, const std::string& text) {
    Dim d;
    try {
      d = parse_dim(text, [&](std::string_view s) { return symbol(std::string(s), where(name, axis)); });
    } catch (const Error& e) {
      fail(ErrorCode::invalid_argument, "load: input_shapes: ", where(name, axis), ": '", text,
           "' is no size (a number, a name, an expression such as \"past + sequence\", or \"?\"): ", e.message());
    }
    if (d.is_constant() && d.value() < 0)
      fail(ErrorCode::invalid_argument, "load: input_shapes: ", where(name, axis), ": size ", d,
           " (0 or more is right)");
    return d;
  }

  import::OnnxSignature file_;
  import::OnnxOptions& out_;
};

import::OnnxOptions onnx_options(const std::string& path, const LoadOptions& given) {
  import::OnnxOptions out;
  for (const auto& [name, t] : given.input_values) out.input_values[name] = t;
  for (const auto& [name, n] : given.sequence_lengths) out.sequence_lengths[name] = n;
  if (given.opset) out.opset = given.opset;
  if (given.input_shapes.empty()) return out;
  ShapeTexts texts(path, out);
  for (const auto& [name, axes] : given.input_shapes) texts.settle(name, axes);
  for (const auto& [name, axes] : given.input_shapes) texts.keep(name, axes);
  return out;
}

}  // namespace

Model load(const std::string& path, const LoadOptions& options) {
  auto impl = std::make_shared<Model::Impl>();
  if (jit::is_archive(path)) {
    if (!options.input_shapes.empty() || !options.input_values.empty() || !options.sequence_lengths.empty() ||
        options.opset)
      fail(ErrorCode::invalid_argument, "load: '", path,
           "' is an archive, its signature is settled (options are for ONNX models)");
    if (jit::is_module_archive(path)) {
      impl->loaded = jit::load_as_model(path);
      const ir::Graph& g = impl->loaded.module.methods.find("forward")->second;
      impl->inputs = jit::ports_of(g, false);
      impl->outputs = jit::ports_of(g, true);
      return Model(std::move(impl));
    }
    impl->engine = jit::load_archive(path);
    impl->inputs = jit::ports_of(impl->engine->graph, false);
    impl->outputs = jit::ports_of(impl->engine->graph, true);
    impl->loaded.module.methods.emplace("forward", impl->engine->graph.clone());
    impl->loaded.module.weights = impl->engine->weights;
    impl->loaded.module.format = "neve";
    impl->loaded.module.path = path;
    return Model(std::move(impl));
  }
  const import::OnnxOptions read = onnx_options(path, options);
  impl->loaded.module = import::load_onnx(path, read);
  impl->loaded.reload = [path, read](const std::map<std::string, TensorType, std::less<>>& types) {
    import::OnnxOptions again = read;
    for (const auto& [name, t] : types) again.input_shapes[name] = t.shape;
    return import::load_onnx(path, again);
  };
  const ir::Graph& g = impl->loaded.module.methods.find("forward")->second;
  impl->inputs = jit::ports_of(g, false);
  impl->outputs = jit::ports_of(g, true);
  return Model(std::move(impl));
}

const std::vector<PortInfo>& Model::inputs() const { return of(impl_, "Model").inputs; }
const std::vector<PortInfo>& Model::outputs() const { return of(impl_, "Model").outputs; }
const std::string& Model::format() const { return of(impl_, "Model").loaded.module.format; }
const std::string& Model::path() const { return of(impl_, "Model").loaded.module.path; }
const std::vector<std::string>& Model::warnings() const { return of(impl_, "Model").loaded.module.warnings; }
std::string Model::graph_text() const {
  return ir::print(of(impl_, "Model").loaded.module.methods.find("forward")->second);
}
bool Model::has_engine() const { return of(impl_, "Model").engine != nullptr; }

Engine Model::engine() const {
  const Impl& impl = of(impl_, "Model");
  if (!impl.engine) fail(ErrorCode::not_found, "model: '", path(), "' holds no engine (optimize the model first)");
  auto e = std::make_shared<Engine::Impl>();
  e->optimized = impl.engine;
  e->inputs = impl.inputs;
  e->outputs = impl.outputs;
  return Engine(std::move(e));
}

std::vector<Tensor> Model::operator()(const std::vector<Tensor>& in) const {
  Impl& impl = of(impl_, "Model");
  std::shared_ptr<runtime::EngineCore> core;
  {
    std::lock_guard lock(impl.mutex);
    if (!impl.baseline) {
      const ir::Graph& g = impl.loaded.module.methods.find("forward")->second;
      std::vector<TensorType> types;
      std::vector<Sizes> sizes;
      for (Value v : g.inputs()) types.push_back(g.type(v));
      for (const Tensor& t : in) sizes.push_back(t.shape());
      bool fits = in.size() == types.size();
      for (size_t i = 0; fits && i < in.size(); ++i) fits = in[i].rank() == types[i].rank();
      impl.baseline = jit::build_baseline(g, *impl.loaded.module.weights, available_threads(),
                                          fits ? jit::point_of(types, sizes) : compile::Point{});
    }
    core = impl.baseline;
  }
  runtime::SessionCore session(core);
  std::vector<Tensor> out;
  session.run(in, out);
  return out;
}

std::vector<Tensor> Model::run_reference(const std::vector<Tensor>& in) const {
  const Impl& impl = of(impl_, "Model");
  const ir::Graph& g = impl.loaded.module.methods.find("forward")->second;
  return ir::run_reference(g, *impl.loaded.module.weights, in, available_threads());
}

}  // namespace neve
