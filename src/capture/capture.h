// A capture: what a program does with tensors of this thread, as a graph. Sizes stay symbols; whatever becomes a plain
// number or a decision is kept with its place in the source, or refused.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eager/stage.h"
#include "ir/graph.h"

namespace neve::capture {

/// A decision that was taken about sizes because the example's sizes said so; the graph has it as a constraint.
struct Guard {
  Constraint relation;
  std::string location;  ///< "model.py:41"
};

/// A tensor from outside (a buffer such as a running mean) that the program changed: the graph has its old value as an
/// input and its new value as an output.
struct State {
  Tensor tensor;
  std::string name;
  size_t input = 0, output = 0;  ///< positions in the graph
};

/// Another tensor from outside, as it was seen.
struct Seen {
  Tensor tensor;
  std::string weight;    ///< name in Program::weights; "" for one that became a constant
  uint64_t version = 0;  ///< of its bytes
};

struct Program {
  ir::Graph graph;
  std::shared_ptr<ir::Weights> weights;  ///< share the bytes of the tensors they were
  std::vector<Guard> guards;
  std::vector<State> states;
  std::vector<Seen> seen;
};

/// From construction to finish() or destruction, all operations on tensors in this thread become nodes. Not copyable;
/// captures nest.
class Capture final : public eager::Stager {
 public:
  Capture();
  ~Capture() override;
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// An input. `example`: sizes that it has now; they decide what no proof can.
  Tensor input(const std::string& name, const TensorType& type, const Sizes& example);
  /// What a tensor from outside is called, if the program uses it.
  void name(const Tensor& t, const std::string& name);
  /// An i64 vector of sizes, or one size as a scalar.
  Tensor dims(std::span<const Dim> d);
  Tensor dim(Dim d);
  /// Whether the relation holds: by proof, else by the examples, which makes a guard.
  /// @throws Error{unsupported} for a size that is known only while running
  bool decide(Constraint::Kind relation, Dim a, Dim b);
  int64_t number(Dim d);  ///< its example's value; makes a guard
  /// The content of a tensor that follows from constants alone; undefined where it depends on inputs, weights or
  /// buffers, or has more than 65536 elements.
  Tensor known(const Tensor& t);
  /// A tensor that the program made itself, from numbers.
  Tensor constant(const Tensor& t);
  /// Ends the capture. @throws Error{unsupported} for an output that belongs to another capture
  Program finish(std::span<const Tensor> outputs, std::span<const std::string> names);

  // Stager
  std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) override;
  void assign(const Tensor& x, const Tensor& value, const char* op) override;
  TensorType type(const Tensor& t) override;
  std::string describe(const Tensor& t) override;

 private:
  struct Lifted {
    Tensor tensor;
    Value first, now;
    std::string name;
    uint64_t version = 0;
    bool weight = false, changed = false;
    bool buffer = false;  ///< named, neither weight nor constant: an input until the end says otherwise
  };
  Value value_of(const Tensor& t);
  Tensor evaluated(Value v);
  Lifted& lift(const Tensor& t);
  Tensor wrap(Value v, std::shared_ptr<CapturedValue> base = {});
  void note_sources(Value v);
  void locate();
  Value equal_types(Value v, const TensorType& as, const char* op);

  uint64_t id_;
  ir::Graph graph_;
  std::map<std::vector<int64_t>, Lifted> lifted_;
  std::map<std::vector<int64_t>, std::string> names_;
  std::map<uint32_t, int64_t> examples_;  ///< by symbol
  std::map<uint32_t, Tensor> evaluated_;  ///< by value; undefined: depends on more than constants
  std::vector<Value> sources_;            ///< values that state a symbol
  std::set<uint32_t> stated_;
  std::vector<Guard> guards_;
  eager::Stager* before_ = nullptr;
  bool ended_ = false;
};

/// Where the caller is in its source, "model.py:41"; "" where it is unknown.
std::string here();

/// That of this thread. @throws Error{invalid_argument} where nothing is captured
Capture& current(const char* call);
/// Null where nothing is captured.
Capture* current_or_null();

}  // namespace neve::capture
