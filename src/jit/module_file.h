// Modules as files: captured methods with their tensors, structures of arguments and results, guards and golden
// samples.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/capture.h"
#include "jit/model.h"

namespace neve::jit {

/// A captured program as those hold it who call it.
struct Program {
  ir::Graph graph;  ///< inputs: the caller's, then "state.NAME", "random.N.key", "random.N.counter"
  std::shared_ptr<ir::Weights> weights;                     ///< share the bytes of `seen`
  std::vector<std::pair<std::string, std::string>> guards;  ///< relation, place in the source
  std::vector<capture::State> states;
  std::vector<capture::Seen> seen;
  std::vector<size_t> changed_inputs;
};
/// One captured form of a method.
struct SavedForm {
  Program program;                  ///< weights and states are called as the module's tensors
  std::string arguments, results;   ///< structures as JSON; see check_structure
  std::string mode;                 ///< "train", "eval", or "" for both
  std::string autocast;             ///< dtype in force when it was captured; "" for none
  std::vector<int64_t> draws;       ///< random numbers a call takes, by generator
  std::vector<bool> own_generator;  ///< by generator: not the default one
  std::map<size_t, size_t> passed;  ///< results that are inputs
  /// What tensors decide beside the results: outputs after those, in this order. What is printed (see print.h), and by
  /// generator how many numbers are drawn (their `draws` are 0).
  std::string prints;  ///< "": nothing
  std::vector<size_t> counted;
  size_t effects() const { return counted.size() + !prints.empty(); }
  std::vector<std::pair<std::vector<Tensor>, std::vector<Tensor>>> golden;  ///< all inputs and outputs of the graph
};

struct SavedTensor {
  std::string name;  ///< "layer1.0.weight"; several names may have one tensor
  Tensor tensor;
  bool parameter = false, persistent = true;  ///< persistent: part of the state dict
};

/// A module: what a file holds.
struct SavedModule {
  SavedModule() = default;
  SavedModule(SavedModule&&) = default;
  SavedModule& operator=(SavedModule&&) = default;

  std::string type;  ///< name of the class or function
  bool training = false;
  std::vector<SavedTensor> tensors;
  std::string properties = "{}";  ///< JSON: numbers, texts, lists of them
  std::map<std::string, std::vector<SavedForm>, std::less<>> methods;
  /// By method: its parameters as JSON, a list of {"name", "kind", "default"}; none where nothing is known of them.
  std::map<std::string, std::string, std::less<>> signatures;

  /// The first name of a tensor; "" where there is none.
  std::string name_of(const Tensor& t) const;
  /// Another handle of a tensor: that which the user trains.
  void replace(const std::string& name, const Tensor& with);
  /// Adds a form whose program may call its tensors otherwise: they are named as in `tensors`, and those that are not
  /// there are added.
  void add(const std::string& method, SavedForm form);
};

/// A structure as JSON: {"t": number of the tensor}, {"c": null, bool, number or text}, {"f": "nan" | "inf" | "-inf"},
/// {"list" | "tuple": [...]}, {"dict": [[key, ...], ...]}, {"namedtuple" | "dataclass": name, "fields": [...], "items":
/// [...]}. Returns the number of tensors, which are numbered from 0 in order. @throws Error{corrupt_file} with `where`
size_t check_structure(const std::string& text, const std::string& where);

/// The constants of such a structure in order, as JSON; that of a number or text.
std::vector<std::string> constants_of(const std::string& text);
std::string number_text(double v);
std::string string_text(const std::string& s);

/// Writes one archive. Atomic. @throws Error{io}
void save_module(const SavedModule& m, const std::string& path);
/// Reads one and checks all of it; the golden samples once a machine. Tensors are copies. @throws Error{corrupt_file}
SavedModule load_module(const std::string& path);
/// Its method "forward", or the only one, in evaluation mode and in the form that was stored first, as a model.
/// @throws Error{unsupported} for one that changes buffers or draws random numbers
LoadedModel load_as_model(const std::string& path);
/// Whether the .neve archive at `path` holds a module. @throws Error{corrupt_file}
bool is_module_archive(const std::string& path);

/// The program as a model with the method "forward".
LoadedModel loaded_of(const Program& p, const std::string& name);
/// An engine for it: every size, the first kernels that accept, no gate.
std::shared_ptr<OptimizedModel> quick_engine(const Program& p, const std::string& name);

}  // namespace neve::jit
