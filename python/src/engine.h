// An engine as Python holds it.
#pragma once
#include <mutex>
#include <vector>

#include "convert.h"

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

}  // namespace neve::python
