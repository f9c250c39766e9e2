// Engines as Python holds them.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "convert.h"
#include "jit/training.h"

namespace neve::python {

/// An engine with sessions that calls from several threads take and give back.
class PyEngine {
 public:
  explicit PyEngine(Engine e) : engine(std::move(e)) {}
  Engine engine;

  /// Runs without the interpreter's lock.
  std::vector<Tensor> run(const std::vector<Tensor>& in) {
    std::vector<Tensor> out;
    nb::gil_scoped_release free;
    Session s = take();
    try {
      s.run(in, out);
    } catch (...) {
      give(std::move(s));
      throw;
    }
    give(std::move(s));
    return out;
  }

 private:
  Session take() {
    std::lock_guard lock(mutex_);
    if (spare_.empty()) return engine.session();
    Session s = std::move(spare_.back());
    spare_.pop_back();
    return s;
  }
  void give(Session s) {
    std::lock_guard lock(mutex_);
    spare_.push_back(std::move(s));
  }
  std::mutex mutex_;
  std::vector<Session> spare_;
};

struct PyProgram;

/// A program without gradients, its weights packed; as compiled for to_static, without ranges and tactics.
class PyRunner {
 public:
  PyRunner(const PyProgram& p, const std::vector<Tensor>& in, nb::dict options);
  /// Runs without the interpreter's lock.
  std::vector<Tensor> run(const std::vector<Tensor>& in) {
    const nb::gil_scoped_release free;
    return runner_->run(in);
  }

 private:
  std::unique_ptr<jit::Runner> runner_;
};

}  // namespace neve::python
