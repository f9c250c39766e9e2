// Model: loading, running unoptimised.
#include <filesystem>

#include "api/impl.h"
#include "base/error.h"
#include "base/file.h"
#include "base/threads.h"
#include "import/onnx.h"
#include "ir/text.h"
#include "op/reference.h"

namespace neve {

const char* version() { return "0.1.0"; }

Model load(const std::string& path) {
  auto impl = std::make_shared<Model::Impl>();
  if (jit::is_archive(path)) {
    impl->engine = jit::load_archive(path);
    impl->inputs = jit::ports_of(impl->engine->graph, false);
    impl->outputs = jit::ports_of(impl->engine->graph, true);
    impl->loaded.module.methods.emplace("forward", impl->engine->graph.clone());
    impl->loaded.module.weights = impl->engine->weights;
    impl->loaded.module.format = "neve";
    impl->loaded.module.path = path;
    return Model(std::move(impl));
  }
  impl->loaded.module = import::load_onnx(path);
  impl->loaded.reload = [path](const std::map<std::string, TensorType, std::less<>>& types) {
    import::OnnxOptions options;
    for (const auto& [name, t] : types) options.input_shapes[name] = t.shape;
    return import::load_onnx(path, options);
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
