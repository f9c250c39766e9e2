// What Model, Engine and Session hold.
#pragma once
#include <neve/engine.h>

#include <mutex>

#include "base/error.h"
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
  std::mutex mutex;
  std::vector<Warming> warming;  ///< that goes on
};

/// Prepares an engine's sizes, in a thread of its own.
Warming start_warming(std::shared_ptr<runtime::EngineCore> core, std::vector<std::vector<Sizes>> points);

struct Session::Impl {
  explicit Impl(std::shared_ptr<jit::OptimizedModel> m) : optimized(std::move(m)), core(optimized->core) {}
  std::shared_ptr<jit::OptimizedModel> optimized;
  runtime::SessionCore core;
};

/// What stands behind a handle. @throws Error{invalid_argument} for one that was made empty.
template <class Impl>
Impl& of(const std::shared_ptr<Impl>& impl, const char* what) {
  if (!impl)
    fail(ErrorCode::invalid_argument, what, " is empty (load, optimize and Engine::session give one that is not)");
  return *impl;
}

}  // namespace neve
