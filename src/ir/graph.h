// The IR: a functional graph of typed nodes with regions, symbolic dims and source locations.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "op/builder.h"
#include "op/def.h"
#include "op/subgraph.h"

namespace neve::ir {

/// Where a node came from: the user's file and line, and the name that the source gave it.
struct Location {
  std::string file;
  int line = 0;
  std::string name;
  friend bool operator==(const Location&, const Location&) = default;
};
using LocationRef = std::shared_ptr<const Location>;
std::string to_string(const LocationRef& l);  ///< `"model.py":41 'conv1'`; "" when unknown

class Graph;

/// One operation. Owned by its graph, linked in execution order; addresses are stable.
struct Node {
  const OpDef* op = nullptr;
  Attrs attrs;
  Values in;  ///< Value{} where an optional input is absent
  Values out;
  std::vector<std::unique_ptr<Graph>> regions;
  LocationRef loc;
  Node *prev = nullptr, *next = nullptr;
  bool is(std::string_view name) const { return op->info.name == name; }
};

struct Use {
  Node* node;
  uint32_t operand;
};

/// A graph: inputs, nodes in topological order, outputs. Also a Builder that inserts nodes at the insertion point
/// (the end by default). Regions are graphs of their own: they see only their parameters. Not thread-safe.
class Graph final : public Builder {
 public:
  Graph();
  ~Graph() override;
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  Graph clone() const;

  // ---- values ----
  Value add_input(std::string name, TensorType type, Facts facts = {});
  const std::vector<Value>& inputs() const { return inputs_; }
  const std::vector<Value>& outputs() const { return outputs_; }
  const std::string& output_name(size_t i) const { return output_names_[i]; }
  void add_output(std::string name, Value v);
  void set_output(size_t i, Value v);
  void remove_output(size_t i);
  void remove_input(size_t i);  ///< @pre unused
  const TensorType& type(Value v) const override { return values_[v.id].type; }
  Facts facts(Value v) const override { return values_[v.id].facts; }
  /// Source name of a value; may be empty; not necessarily unique.
  const std::string& name(Value v) const { return values_[v.id].name; }
  void set_name(Value v, std::string name) { values_[v.id].name = std::move(name); }
  Node* def(Value v) const {
    return v.valid() ? values_[v.id].def : nullptr;
  }  ///< null for graph inputs and absent values
  uint32_t result_index(Value v) const { return values_[v.id].index; }
  const std::vector<Use>& uses(Value v) const { return values_[v.id].uses; }
  bool is_output(Value v) const;
  size_t use_count(Value v) const;                       ///< uses by nodes and graph outputs
  size_t value_count() const { return values_.size(); }  ///< ids are below it; some may be dead
  /// Narrows a type: same dtype and rank, dims that may replace the old ones. @throws Error{internal}
  void refine(Value v, TensorType t);
  void set_facts(Value v, Facts f) { values_[v.id].facts = std::move(f); }

  // ---- nodes ----
  Node* first() const { return first_; }
  Node* last() const { return last_; }
  size_t node_count() const { return node_count_; }
  std::vector<Node*> nodes() const;  ///< a snapshot, in order
  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions = {}) override;
  /// Emits a region op with regions already built (their parameter types must suit).
  Node* emit_node(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
                  std::vector<std::unique_ptr<Graph>> regions);
  /// Emits without inferring: the types are given (rewrites that keep a type; text and archive readers, which verify
  /// after).
  Node* emit_typed(const OpDef& op, const Attrs& attrs, std::span<const Value> in, std::vector<TensorType> out,
                   std::vector<std::unique_ptr<Graph>> regions = {});
  void insert_before(Node* n) { insertion_ = n; }  ///< null: at the end
  Node* insertion_point() const { return insertion_; }
  /// Replaces all uses of `old` (also as output). @throws Error{internal} when dtype or rank differ.
  void replace(Value old, Value with);
  void set_input(Node* n, size_t i, Value v);
  /// Removes a node whose results are unused. @throws Error{internal}
  void erase(Node* n);
  void move_before(Node* n, Node* at);
  /// Removes nodes without uses, regions included (results of region ops stay as they are). Returns how many.
  size_t erase_dead();

  /// Location given to nodes emitted from now on.
  LocationRef location;

  // ---- knowledge ----
  /// Relations that must hold when the graph is called.
  std::vector<Constraint> constraints;
  void add_constraint(Constraint c);  ///< keeps one of equal ones; drops proven ones
  /// The value of a `constant` node, else nullptr.
  const Tensor* constant_of(Value v) const;
  using Builder::constant;
  bool is_weight(Value v) const;  ///< result of a `weight` node
  /// Distinct symbols of all types, in first-use order.
  std::vector<Dim> symbols() const;

  /// A graph with the same nodes, types inferred anew from other input types (same count).
  /// @throws Error of the op that refuses, with the node's location.
  Graph with_input_types(std::span<const TensorType> types) const;

 private:
  struct ValueInfo {
    TensorType type;
    Facts facts;
    Node* def = nullptr;
    uint32_t index = 0;
    std::string name;
    std::vector<Use> uses;
  };
  Value new_value(TensorType t, Facts f, Node* def, uint32_t index);
  void link(Node* n);
  void add_uses(Node* n);
  void drop_use(Value v, Node* n, uint32_t operand);
  void infer_into(Inferring& t, const OpDef& op, const Attrs& attrs);
  std::unique_ptr<Graph> build_region(const OpDef& op, const Attrs& attrs, size_t k, std::span<const Value> in,
                                      const RegionFn& fn);

  std::vector<ValueInfo> values_;
  std::vector<Value> inputs_, outputs_;
  std::vector<std::string> output_names_;
  Node *first_ = nullptr, *last_ = nullptr, *insertion_ = nullptr;
  size_t node_count_ = 0;
};

/// Copies nodes of `from` into `to`, mapping values through `map` (graph inputs must be mapped already). `reinfer`:
/// types are inferred anew, else kept.
void copy_nodes(const Graph& from, Graph& to, std::map<uint32_t, Value>& map, bool reinfer);
/// Inlines a whole graph (e.g. a region) at the insertion point of `to`; returns the values of its outputs.
Values inline_graph(const Graph& from, Graph& to, std::span<const Value> arguments);
/// The graph as plain data. Values of constant nodes and weights that are inputs of the piece become inputs with their
/// role. `nodes` must be in order. `weight_name` of each weight input is appended to `weights` where given.
Subgraph to_subgraph(const Graph& g, std::span<Node* const> nodes, std::span<const Value> inputs,
                     std::span<const Value> outputs);
Subgraph to_subgraph(const Graph& g);  ///< whole graph; weight nodes stay nodes

/// Weights by name. Shared by all methods of a module.
using Weights = std::map<std::string, Tensor, std::less<>>;

/// A model in memory: methods over shared weights.
struct Module {
  std::map<std::string, Graph, std::less<>> methods;  ///< "forward" for single-method models
  std::shared_ptr<Weights> weights = std::make_shared<Weights>();
  std::string format;  ///< "onnx", "neve", ...
  std::string path, sha256;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> warnings;  ///< what the reader wants the user to know
};

/// Runs a graph op by op through the reference. `weights` supplies weight nodes.
std::vector<Tensor> run_reference(const Graph& g, const Weights& weights, std::span<const Tensor> in, int threads = 1);

}  // namespace neve::ir
