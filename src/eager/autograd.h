// The tape: what every recorded operation keeps so that its gradient can be computed.
#pragma once
#include <neve/autograd.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "eager/execute.h"

namespace neve {
namespace eager {

class Node;
using NodePtr = std::shared_ptr<Node>;

/// Where a gradient flows to: an operand of the operation that made the tensor.
struct Edge {
  NodePtr node;
  uint32_t index = 0;  ///< which result of that operation
};

/// A tensor kept for the gradient, with the version that it had.
struct Saved {
  Tensor tensor;
  uint64_t version = 0;
  Saved() = default;
  explicit Saved(Tensor t) : tensor(std::move(t)), version(tensor.defined() ? tensor.storage()->version() : 0) {}
};

/// Called with a gradient, in order; by number.
using Hooks = std::vector<std::pair<int64_t, std::function<Tensor(const Tensor&)>>>;

/// Hooks may replace a gradient, with one of the same type.
void run_hooks(const Hooks& hooks, Tensor& gradient);

/// One recorded operation.
class Node : public std::enable_shared_from_this<Node> {
 public:
  virtual ~Node();
  virtual std::string name() const = 0;
  /// Gradients by the operands, from those by the results (undefined: no influence). `record`: the computation is to be
  /// recorded itself.
  virtual std::vector<Tensor> apply(std::vector<Tensor> gradients, bool record) = 0;
  /// Of the leaf whose gradient is added up here; null for others.
  virtual const Hooks* leaf_hooks() const { return nullptr; }
  /// Forgets what was saved; a node that saved no tensor can be walked again.
  virtual void release() {}
  /// "\n  recorded at model.py:12", or nothing.
  std::string where() const;

  std::vector<Edge> next;  ///< per operand; null where none is needed
  uint32_t results = 1;
  uint64_t sequence = 0;            ///< later operations have higher ones
  uint32_t place = 0;               ///< of the call; see autograd::PlaceProvider
  std::map<uint32_t, Hooks> hooks;  ///< by result
};
}  // namespace eager

/// What autograd keeps of a tensor.
struct AutogradMeta {
  bool requires_grad = false;  ///< asked for, of a leaf
  Tensor grad;
  eager::NodePtr node;  ///< that computed it; null for a leaf
  uint32_t index = 0;
  std::weak_ptr<eager::Node> accumulate;  ///< leaf: where its gradient is added up
  eager::Hooks hooks;                     ///< leaf
  std::mutex mutex;
};

namespace eager {

bool needs_gradient(const Tensor& t);
/// The edge to what computed t, or to where its gradient is added up; none if it needs no gradient.
Edge gradient_edge(const Tensor& t);
AutogradMeta& meta_of(const Tensor& t);
AutogradMeta* find_meta(const Tensor& t);
/// Makes `t` result `index` of a node.
void set_history(const Tensor& t, NodePtr node, uint32_t index);
uint64_t next_sequence();
/// Where the caller is: a number, and "\n  WHAT at model.py:12" for it (nothing where it is unknown).
uint32_t current_place();
std::string place_text(const char* what, uint32_t place);
/// A copy of a name that lives as long as the process.
const char* lasting_name(std::string_view name);

/// Records `outputs` as a linear function of `inputs`: nothing is saved, so the graph is never used up.
std::vector<Tensor> linear(const char* name, std::span<const Tensor> inputs, std::vector<Tensor> outputs,
                           std::function<std::vector<Tensor>(std::span<const Tensor>)> backward);
/// A node of such a function, with its place in the order of recording.
NodePtr linear_node(const char* name, std::vector<Edge> next,
                    std::function<std::vector<Tensor>(std::span<const Tensor>)> backward);

/// Runs an op and records it if need be: what every public function calls. A composite without a gradient of its own is
/// recorded as the ops that it consists of.
std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in);
Tensor call1(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in);
Tensor call1(std::string_view op, std::initializer_list<Tensor> in, const AttrList& attrs = {});

/// Adds b to a, which may be written over when nobody else holds it.
Tensor add_gradients(Tensor a, const Tensor& b, bool record);

/// A Builder whose values are tensors and whose ops run at once, recorded as `call` does.
class EagerBuilder final : public Builder {
 public:
  Value put(Tensor t);
  const Tensor& get(Value v) const { return values_[v.id].tensor; }
  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions = {}) override;
  const TensorType& type(Value v) const override { return *values_[v.id].type; }
  Facts facts(Value v) const override;

 private:
  struct Entry {
    Tensor tensor;
    std::unique_ptr<TensorType> type;
  };
  std::vector<Entry> values_;
};

}  // namespace eager
}  // namespace neve
