// Module: parameters, buffers and inner modules under names; containers of modules.
#pragma once
#include <neve/tensor.h>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace neve {
using NamedTensors = std::map<std::string, Tensor>;
}

namespace neve::nn {

/// What load_state_dict could not match.
struct LoadResult {
  std::vector<std::string> missing, unexpected;
};

/// A piece of a model: parameters, buffers and inner modules, each under a name. Derive from it, and name what you add
/// as the member is called.
///
/// A Module is a handle, as a Tensor is: a copy is another name of the same parameters, inner modules and mode.
/// Not thread-safe while it is changed; forward in evaluation mode may run in several threads.
class Module {
 public:
  /// @param type  name of the class, for messages and summary()
  explicit Module(std::string type = "Module");

  /// All parameters of this module and those inside, each once, in the order in which they were added.
  std::vector<Tensor> parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_parameters() const;  ///< "layer1.0.conv1.weight"
  std::vector<std::pair<std::string, Tensor>> named_buffers() const;
  std::vector<std::pair<std::string, Module>> named_modules() const;  ///< this one first, as ""
  std::vector<std::pair<std::string, Module>> named_children() const;

  /// Training mode (dropout drops, batch norm measures) for this module and all inside; or evaluation. True at first.
  void train(bool on = true) const;
  void eval() const { train(false); }
  bool is_training() const;
  void zero_grad() const;                                         ///< forgets the gradients of the parameters
  void requires_grad(bool on = true) const;                       ///< whether the parameters ask for gradients
  void apply(const std::function<void(const Module&)>& f) const;  ///< on all inside, then on this one
  /// Converts parameters and buffers of float dtypes; members and optimisers go on with the same tensors, gradients are
  /// forgotten. @throws Error{type_mismatch} for a dtype that is no float
  void to(DType dtype) const;

  /// Name -> tensor of all parameters and saved buffers; they share memory with the module's.
  NamedTensors state_dict() const;
  /// Copies values by name, converting. Nothing is copied where something is wrong.
  /// @param strict  whether the names must be the same
  /// @throws Error{invalid_argument} whose text lists missing and unexpected names and unequal shapes
  LoadResult load_state_dict(const NamedTensors& state, bool strict = true) const;

  const std::string& type() const;
  /// A table of the modules inside with their numbers of parameters.
  std::string summary() const;

  /// Called by `layer(x)` before forward; what it returns, if defined, takes the place of x. Returns a number for
  /// remove_hook. Modules that take several tensors show the first.
  using BeforeHook = std::function<Tensor(const Module&, const Tensor& x)>;
  int64_t register_forward_pre_hook(BeforeHook hook) const;
  /// Called by `layer(x)` with the result y of forward; what it returns, if defined, takes the place of y. Of modules
  /// that give several tensors y is the first.
  using AfterHook = std::function<Tensor(const Module&, const Tensor& x, const Tensor& y)>;
  int64_t register_forward_hook(AfterHook hook) const;
  /// @throws Error{not_found} for a number that is no hook of this module
  void remove_hook(int64_t number) const;

  /// Adds an inner module under a name, and returns it: `nn::Linear fc = add("fc", nn::Linear(2, 3));`
  /// @throws Error{invalid_argument} for a name that is empty, has a dot, or is taken
  template <class M>
  M add(const std::string& name, M module) {
    add_child(name, module);
    return module;
  }
  /// Adds a tensor that is trained, and returns it, asking for gradients.
  Tensor add_parameter(const std::string& name, const Tensor& value);
  /// Adds a tensor that is state but not trained. @param saved  whether it is part of state_dict
  Tensor add_buffer(const std::string& name, const Tensor& value, bool saved = true);

 protected:
  [[noreturn]] void fail_unknown(const std::string& name) const;
  bool has_hooks() const;
  Tensor before_forward(Tensor x) const;
  Tensor after_forward(const Tensor& x, Tensor y) const;
  /// forward(x), with the hooks around it.
  template <class Forward>
  Tensor run(const Tensor& x, const Forward& forward) const {
    if (!has_hooks()) return forward(x);
    const Tensor in = before_forward(x);
    return after_forward(in, forward(in));
  }

 private:
  struct Body;
  void add_child(const std::string& name, const Module& module) const;
  std::shared_ptr<Body> body_;
};

/// Gives a module with `Tensor forward(const Tensor&) const` the call `layer(x)`, which runs the hooks. A class of your
/// own may derive from Layer<Net> instead of Module.
template <class Self>
struct Layer : Module {
  using Module::Module;
  Tensor operator()(const Tensor& x) const {
    return run(x, [this](const Tensor& in) { return static_cast<const Self&>(*this).forward(in); });
  }
};

// ---- containers --------------------------------------------------------------------------------------------------

/// Modules one after another, named "0", "1" ...: nn::Sequential{nn::Linear(8, 4), nn::ReLU(), nn::Linear(4, 2)}.
/// Takes every module with `Tensor forward(const Tensor&) const`. With braces they are made from left to right, and
/// draw their first weights in that order on every compiler; with parentheses C++ leaves the order open.
class Sequential : public Layer<Sequential> {
 public:
  template <class... M>
    requires(std::derived_from<M, Module> && ...)
  explicit Sequential(M... modules) : Layer("Sequential") {
    (push_back(std::move(modules)), ...);
  }
  template <class M>
  void push_back(const M& module) {
    add(std::to_string(steps_->size()), module);
    if constexpr (requires(const Tensor& x) { module(x); })
      steps_->push_back([module](const Tensor& x) { return Tensor(module(x)); });
    else
      steps_->push_back([module](const Tensor& x) { return module.forward(x); });
  }
  Tensor forward(const Tensor& x) const;
  size_t size() const { return steps_->size(); }

 private:
  std::shared_ptr<std::vector<std::function<Tensor(const Tensor&)>>> steps_ =
      std::make_shared<std::vector<std::function<Tensor(const Tensor&)>>>();
};

/// A list of modules of one class, named "0", "1" ...: `nn::ModuleList<Block> blocks = add("blocks",
/// nn::ModuleList<Block>());`, then blocks.push_back(Block(...)).
template <class M>
class ModuleList : public Module {
 public:
  ModuleList() : Module("ModuleList") {}
  void push_back(M module) { items_->push_back(add(std::to_string(items_->size()), std::move(module))); }
  size_t size() const { return items_->size(); }
  const M& operator[](size_t i) const { return items_->at(i); }
  auto begin() const { return items_->begin(); }
  auto end() const { return items_->end(); }

 private:
  std::shared_ptr<std::vector<M>> items_ = std::make_shared<std::vector<M>>();
};

/// Modules of one class by name, in the order in which they were put: `heads.put("a", nn::Linear(8, 2))`, heads["a"].
template <class M>
class ModuleDict : public Module {
 public:
  ModuleDict() : Module("ModuleDict") {}
  void put(const std::string& name, M module) { items_->emplace_back(name, add(name, std::move(module))); }
  size_t size() const { return items_->size(); }
  bool contains(const std::string& name) const { return find(name) != nullptr; }
  /// @throws Error{not_found} naming what there is
  const M& operator[](const std::string& name) const {
    const M* found = find(name);
    if (!found) fail_unknown(name);
    return *found;
  }
  auto begin() const { return items_->begin(); }  ///< of pairs (name, module)
  auto end() const { return items_->end(); }

 private:
  const M* find(const std::string& name) const {
    for (const auto& [known, module] : *items_)
      if (known == name) return &module;
    return nullptr;
  }
  std::shared_ptr<std::vector<std::pair<std::string, M>>> items_ =
      std::make_shared<std::vector<std::pair<std::string, M>>>();
};

/// A list of parameters, named "0", "1" ...
class ParameterList : public Module {
 public:
  ParameterList() : Module("ParameterList") {}
  explicit ParameterList(const std::vector<Tensor>& values) : ParameterList() {
    for (const Tensor& t : values) push_back(t);
  }
  void push_back(const Tensor& value) { items_->push_back(add_parameter(std::to_string(items_->size()), value)); }
  size_t size() const { return items_->size(); }
  const Tensor& operator[](size_t i) const { return items_->at(i); }
  auto begin() const { return items_->begin(); }
  auto end() const { return items_->end(); }

 private:
  std::shared_ptr<std::vector<Tensor>> items_ = std::make_shared<std::vector<Tensor>>();
};

/// Parameters by name.
class ParameterDict : public Module {
 public:
  ParameterDict() : Module("ParameterDict") {}
  void put(const std::string& name, const Tensor& value) { add_parameter(name, value); }
  size_t size() const { return named_parameters().size(); }
  /// @throws Error{not_found}
  Tensor operator[](const std::string& name) const {
    for (const auto& [known, t] : named_parameters())
      if (known == name) return t;
    fail_unknown(name);
  }
};

}  // namespace neve::nn
