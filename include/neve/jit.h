// Dynamic to static in C++: programs captured as graphs, and modules as files that Python and C++ read.
//
//     jit::Function f = jit::trace(net, x);               // any size that the program does not fix
//     Tensor y = f(x);                                    // compiled
//     jit::save(net, {x}, "net.neve");                    // both modes, with all tensors
//     jit::Module again = jit::load("net.neve");          // also what Python's neve.jit.save wrote
//     Tensor z = again.forward(x);
#pragma once
#include <neve/engine.h>
#include <neve/nn.h>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace neve::jit {

/// A relation between sizes that the example's sizes decided; calls for which it does not hold are refused.
struct Guard {
  std::string relation, location;
};

class CapturedFunction;

/// A captured program. A handle; calls from several threads are safe. Parameters stay those of the original: when they
/// change, the next call sees it, and gradients flow to them. Buffers that the program changes are changed by calls.
class Function {
 public:
  Function() = default;
  /// @throws Error{invalid_argument | type_mismatch | shape_mismatch} for what it was not captured for
  /// @cost the first call compiles
  std::vector<Tensor> operator()(const std::vector<Tensor>& in) const;
  Tensor operator()(const Tensor& x) const;  ///< one input, one result. @throws Error{invalid_argument} otherwise
  std::vector<PortInfo> inputs() const;
  std::vector<Guard> guards() const;
  std::string graph_text() const;
  /// What neve::optimize takes. @throws Error{unsupported} for a program that changes buffers, draws random numbers or
  /// prints
  Model model() const;
  /// Who gets what the program prints, a text a print, when the call has run; empty: standard output, where the
  /// original printed. Numbers are formatted as Python does, tensors are tensor(to_string). Not while another thread
  /// calls it.
  void set_print(std::function<void(std::string_view)> print) const;
  bool defined() const { return impl_ != nullptr; }
  explicit Function(std::shared_ptr<CapturedFunction> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<CapturedFunction>& impl() const { return impl_; }

 private:
  std::shared_ptr<CapturedFunction> impl_;
};

struct TraceOptions {
  /// Per input a text an axis: a name opens it (equal names are equal sizes), a number or "" fixes it. Of inputs
  /// without, every axis is open that the program does not fix; one whose size it reads as a number is as in the
  /// example, and guards() says so. Finding those takes a run of the program for each axis.
  std::vector<std::vector<std::string>> dims = {};
  std::vector<std::string> names = {};  ///< of inputs; "x0", "x1", ... by default
  bool check = true;                    ///< compare with the original on the examples, and on other sizes
  Tolerance tolerance = {1e-4, 1e-5};
};

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// Captures what `program` does with tensors like these. Reading a value is an error, and so is reading a size that
/// `options` open. It may run several times.
/// @param module  whose parameters and buffers it uses, under their names; null: none, or they get names
/// @throws Error{unsupported} for what cannot be captured; Error{internal} naming the output that differs
Function trace(const TensorFunction& program, const std::vector<Tensor>& examples, const TraceOptions& options = {},
               const nn::Module* module = nullptr);
/// The forward of a module, or a function, of one tensor.
template <class F>
  requires requires(const F& f, const Tensor& x) {
    { f.forward(x) } -> std::convertible_to<Tensor>;
  }
Function trace(const F& module, const Tensor& example, const TraceOptions& options = {}) {
  return trace([&](const std::vector<Tensor>& in) { return std::vector<Tensor>{module.forward(in[0])}; }, {example},
               options, &module);
}
template <class F>
  requires requires(const F& f, const Tensor& x) {
    { f(x) } -> std::same_as<Tensor>;
  } && (!std::derived_from<F, nn::Module>)
Function trace(const F& f, const Tensor& example, const TraceOptions& options = {}) {
  return trace([&](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0])}; }, {example}, options);
}

/// A value among the arguments of a method that is no tensor.
using Constant = std::variant<std::monostate, bool, int64_t, double, std::string>;

/// A captured form of a method of a module that is saved.
struct Method {
  std::string name = "forward";
  Function function;
  std::string mode = "";  ///< "train", "eval", or "" where the mode makes no difference
  /// The values that it is for, beside its tensors: calls that give others take another form, or are refused. In Python
  /// they come after the tensors. None: those of `function`, if it was loaded.
  std::vector<Constant> constants = {};
};

/// Writes a captured program as one .neve file, for neve::jit::load and Python's neve.jit.load. Atomic.
/// @throws Error{io}
void save(const Function& f, const std::string& path);
/// Writes a module with all its tensors and these methods; the first of a name and mode that fits a call runs.
/// @throws Error{invalid_argument} for a mode or name that is none
void save(const nn::Module& module, const std::vector<Method>& methods, const std::string& path);
/// Writes a module: its forward in both modes where they differ, checked against the original. The mode stays as it
/// was.
template <class M>
  requires requires(const M& m, const Tensor& x) {
    { m.forward(x) } -> std::convertible_to<Tensor>;
  } && std::derived_from<M, nn::Module>
void save(const M& module, const Tensor& example, const std::string& path, const TraceOptions& options = {}) {
  const bool training = module.is_training();
  struct Restore {
    const nn::Module& m;
    bool training;
    ~Restore() { m.train(training); }
  } restore{module, training};
  module.eval();
  const Function eval = trace(module, example, options);
  module.train();
  const Function train = trace(module, example, options);
  module.train(training);
  if (eval.graph_text() == train.graph_text()) return save(module, {{"forward", eval, ""}}, path);
  save(module, {{"forward", eval, "eval"}, {"forward", train, "train"}}, path);
}

/// A module that was loaded: parameters and buffers under the original's names, its methods, both modes as train() and
/// eval() say. A handle.
class Module : public nn::Module {
 public:
  /// @throws Error{not_found} where "forward" was not saved, and those of call
  Tensor forward(const Tensor& x) const;
  std::vector<Tensor> forward(const std::vector<Tensor>& in) const { return call("forward", in); }
  /// The tensors among the arguments in order, those of dicts and lists included; the tensors among the results.
  /// @param constants  the other values among the arguments in order; may be left out where the file leaves no choice
  /// The first form runs whose mode, values, dtypes, ranks, sizes and relations of sizes fit; of those one that was
  /// captured under the autocast in force goes before others.
  /// @throws Error{not_found | unsupported | invalid_argument | type_mismatch | shape_mismatch} for what it was not
  /// saved for: with all forms there are, and the first guard of each that the call does not keep
  std::vector<Tensor> call(const std::string& method, const std::vector<Tensor>& in,
                           const std::vector<Constant>& constants = {}) const;
  std::vector<std::string> methods() const;
  /// The captured forms of a method, in the order in which they are tried.
  std::vector<Function> forms(const std::string& method) const;
  /// As Function::set_print, for all its methods.
  void set_print(const std::function<void(std::string_view)>& print) const;
  std::string properties() const;  ///< plain attributes of the original as JSON, by dotted name
  struct Impl;
  Module(const std::string& type, std::shared_ptr<Impl> impl) : nn::Module(type), impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// Reads what save, or Python's neve.jit.save, wrote. Every digest is checked, samples once a machine; nothing in a
/// file is run but graphs.
/// @throws Error{not_found | io}; Error{corrupt_file}; Error{unsupported} for a newer version
Module load(const std::string& path);
/// Writes a loaded module again, with what was learned since.
void save(const Module& module, const std::string& path);

}  // namespace neve::jit
