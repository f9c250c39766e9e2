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

const std::vector<PortInfo>& Model::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Model::outputs() const { return impl_->outputs; }
const std::string& Model::format() const { return impl_->loaded.module.format; }
const std::string& Model::path() const { return impl_->loaded.module.path; }
const std::vector<std::string>& Model::warnings() const { return impl_->loaded.module.warnings; }
std::string Model::graph_text() const { return ir::print(impl_->loaded.module.methods.find("forward")->second); }
bool Model::has_engine() const { return impl_->engine != nullptr; }

Engine Model::engine() const {
  if (!impl_->engine) fail(ErrorCode::not_found, "model: '", path(), "' holds no engine (optimize the model first)");
  auto e = std::make_shared<Engine::Impl>();
  e->optimized = impl_->engine;
  e->inputs = impl_->inputs;
  e->outputs = impl_->outputs;
  return Engine(std::move(e));
}

std::vector<Tensor> Model::operator()(const std::vector<Tensor>& in) const {
  std::shared_ptr<runtime::EngineCore> core;
  {
    std::lock_guard lock(impl_->mutex);
    if (!impl_->baseline) {
      const ir::Graph& g = impl_->loaded.module.methods.find("forward")->second;
      std::vector<TensorType> types;
      std::vector<Sizes> sizes;
      for (Value v : g.inputs()) types.push_back(g.type(v));
      for (const Tensor& t : in) sizes.push_back(t.shape());
      bool fits = in.size() == types.size();
      for (size_t i = 0; fits && i < in.size(); ++i) fits = in[i].rank() == types[i].rank();
      impl_->baseline = jit::build_baseline(g, *impl_->loaded.module.weights, available_threads(),
                                            fits ? jit::point_of(types, sizes) : compile::Point{});
    }
    core = impl_->baseline;
  }
  runtime::SessionCore session(core);
  std::vector<Tensor> out;
  session.run(in, out);
  return out;
}

std::vector<Tensor> Model::run_reference(const std::vector<Tensor>& in) const {
  const ir::Graph& g = impl_->loaded.module.methods.find("forward")->second;
  return ir::run_reference(g, *impl_->loaded.module.weights, in, available_threads());
}

}  // namespace neve
