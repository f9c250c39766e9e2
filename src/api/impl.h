// What Model, Engine and Session hold.
#pragma once
#include <neve/engine.h>

#include <mutex>

#include "jit/model.h"

namespace neve {

struct Model::Impl {
  jit::LoadedModel loaded;
  std::shared_ptr<jit::OptimizedModel> engine;  ///< of a .neve file
  std::vector<PortInfo> inputs, outputs;
  std::mutex mutex;
  std::shared_ptr<runtime::EngineCore> baseline;  ///< made at the first call
};

struct Engine::Impl {
  std::shared_ptr<jit::OptimizedModel> optimized;
  std::vector<PortInfo> inputs, outputs;
};

struct Session::Impl {
  explicit Impl(std::shared_ptr<jit::OptimizedModel> m) : optimized(std::move(m)), core(optimized->core) {}
  std::shared_ptr<jit::OptimizedModel> optimized;
  runtime::SessionCore core;
};

}  // namespace neve
