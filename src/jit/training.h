// Captured programs that are differentiated: forward and backward run compiled.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "capture/capture.h"
#include "jit/model.h"
#include "passes/gradient.h"
#include "runtime/session.h"

namespace neve::jit {

/// An engine with idle sessions for whoever calls next.
class Runner {
 public:
  explicit Runner(std::shared_ptr<const runtime::EngineCore> core) : core_(std::move(core)) {}
  std::vector<Tensor> run(std::span<const Tensor> in);
  const runtime::EngineCore& core() const { return *core_; }

 private:
  std::shared_ptr<const runtime::EngineCore> core_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<runtime::SessionCore>> spare_;
};

/// A captured program as a function with a gradient. Its weights are read as they are at each call. Calls from several
/// threads are safe; compiling is done by one at a time.
class Training {
 public:
  /// `graph` with its weight nodes; `weights`: the tensors that they are, with their gradients, by name. `outputs`: how
  /// many outputs a gradient may come to; the rest (new values of buffers) has none.
  Training(std::string name, const ir::Graph& graph, std::map<std::string, Tensor, std::less<>> weights, size_t outputs,
           BuildOptions options = {});

  /// A call that has run and is not yet recorded.
  struct Ran {
    std::vector<Tensor> outputs;  ///< of the program
    std::vector<Tensor> kept;     ///< further outputs of the forward graph
    std::vector<Tensor> in;       ///< inputs and weights
    std::shared_ptr<struct TrainingVariant> variant;
  };
  /// Inputs by position. @throws Error{unsupported} naming an op without a gradient, at the first call of its kind
  Ran run(std::span<const Tensor> in);
  /// The outputs; those that depend on what asks for gradients have a history.
  std::vector<Tensor> record(Ran ran) const;

  /// Whether any of these, or of the weights, asks for a gradient.
  bool is_wanted(std::span<const Tensor> in) const;

  /// What was built, for people.
  struct Built {
    size_t forward_nodes = 0, backward_nodes = 0, kept = 0;
    double seconds = 0;
  };
  std::vector<Built> built() const;

 private:
  std::shared_ptr<TrainingVariant> variant(const std::vector<Tensor>& in);
  void compile_backward(const Ran& r) const;

  std::string name_;
  ir::Graph graph_;  ///< weights are inputs, after the others
  std::vector<Tensor> weights_;
  size_t arguments_ = 0, outputs_ = 0;
  BuildOptions options_;
  mutable std::mutex mutex_;
  std::map<std::vector<int64_t>, std::shared_ptr<TrainingVariant>> variants_;  ///< by what asks for gradients
};

}  // namespace neve::jit
