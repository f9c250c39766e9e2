// Captured programs that C++ calls.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jit/module_file.h"
#include "jit/print.h"
#include "jit/training.h"

namespace neve::jit {

/// A captured program with its compiled forms. Thread-safe; weights that changed are packed anew at the next call, and
/// buffers that the program changes are changed by calls.
class CapturedFunction {
 public:
  CapturedFunction(std::string name, SavedForm form);
  /// The caller's tensors in order; the results. Inside of a capture it becomes a part of that; with gradients asked
  /// for, forward and backward run compiled.
  /// @throws Error{invalid_argument | type_mismatch | shape_mismatch}
  std::vector<Tensor> call(std::span<const Tensor> in);
  /// Whether dtypes, ranks and sizes are among those that it was captured for.
  bool accepts(std::span<const Tensor> in) const;
  size_t arguments() const;  ///< the caller's inputs
  size_t results() const;

  /// What takes the texts that the program prints; empty: standard output. Not while it is called.
  void set_print(std::function<void(std::string_view)> print) { print_ = std::move(print); }

  const std::string name;
  SavedForm form;

 private:
  std::pair<Tensor, Tensor> key_and_counter(size_t generator) const;
  void do_effects(std::span<const Tensor> outputs) const;
  std::vector<Tensor> with_own(std::span<const Tensor> in) const;
  std::vector<Tensor> returned(std::span<const Tensor> in, std::vector<Tensor> out) const;
  std::vector<Tensor> replayed(std::span<const Tensor> in) const;
  Training& training();
  std::shared_ptr<Runner> runner();
  bool is_changed();

  mutable std::mutex mutex_;
  std::vector<Print> prints_;
  std::function<void(std::string_view)> print_;
  mutable std::vector<std::pair<int64_t, int64_t>> own_;  ///< (seed, next draw) by generator, of those not the default
  std::shared_ptr<Runner> runner_;
  std::unique_ptr<Training> training_;
};

/// What a C++ program does with tensors like these, as a graph.
/// @param dims  per input: a text an axis, a number or "" fixes it to the example's, a name opens it; fewer inputs or
///     no axes: all are open, but for those whose sizes the program reads as numbers, as guards say
/// @param modules  whose tensors are called by their names
SavedForm trace(const std::string& name, const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& program,
                std::span<const Tensor> examples, const std::vector<std::vector<std::string>>& dims,
                const std::vector<std::string>& names, const std::vector<std::pair<std::string, Tensor>>& tensors);

/// The structure of a call with so many tensors, then these values (as JSON).
std::string arguments_text(size_t tensors, std::span<const std::string> values = {});

/// Inputs and outputs of the graph for the caller's part of the inputs.
std::pair<std::vector<Tensor>, std::vector<Tensor>> golden_of(const SavedForm& form, std::span<const Tensor> in);

}  // namespace neve::jit
