// The ONNX importer: how names become values, and what a rule sees of one node.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "import/onnx.h"
#include "import/onnx/schema.h"
#include "import/onnx/tensor_reader.h"
#include "ir/graph.h"

namespace neve::import {

/// A tensor that the file holds: an initializer, the value of a Constant node, a bound input.
struct Literal {
  Tensor data;
  std::string name;
  bool weight = false;  ///< becomes a `weight` node, unless a rule needs its content
};
using LiteralRef = std::shared_ptr<const Literal>;

/// What a name of the file stands for. Literals become nodes where they are first used; sequences and optionals exist
/// only here.
struct Item {
  enum class Kind : uint8_t { absent, tensor, sequence, optional } kind = Kind::absent;
  Value value;  ///< tensor that is not a literal
  LiteralRef literal;
  std::shared_ptr<const std::vector<Item>> elements;  ///< of a sequence; 0 or 1 of an optional
  int narrow = 0;  ///< ONNX type of the 2- and 4-bit integers, which are held in 8 bits
  static Item of(Value v, int narrow = 0) { return {Kind::tensor, v, nullptr, nullptr, narrow}; }
  static Item of(LiteralRef l, int narrow = 0) { return {Kind::tensor, {}, std::move(l), nullptr, narrow}; }
  static Item sequence(std::vector<Item> e) {
    return {Kind::sequence, {}, nullptr, std::make_shared<const std::vector<Item>>(std::move(e)), 0};
  }
  static Item optional(std::vector<Item> e) {
    return {Kind::optional, {}, nullptr, std::make_shared<const std::vector<Item>>(std::move(e)), 0};
  }
};
using Items = std::vector<Item>;

using Opsets = std::map<std::string, int64_t, std::less<>>;

/// A model-local function while its body is converted.
struct FunctionCall {
  const pb::FunctionProto* function = nullptr;
  std::map<std::string, const pb::AttributeProto*, std::less<>> attributes;  ///< what references resolve to
  const FunctionCall* caller = nullptr;
};

/// One graph under construction, and where literals stand in it.
struct Frame {
  explicit Frame(ir::Graph& g) : graph(g) {}
  ir::Graph& graph;
  std::map<const Literal*, Value> constants, weights;
  std::map<uint32_t, Tensor> folded;  ///< content of values, as far as it was asked for
};

/// Names visible at a place. A scope of another frame shows its literals only: regions see nothing else from outside.
struct Scope {
  Frame& frame;
  const Scope* parent = nullptr;
  const Opsets* opsets = nullptr;
  const FunctionCall* call = nullptr;
  std::unordered_map<std::string, Item> items = {};
};

class Importer;
class OnnxNode;
struct Rule;

/// A row of the rule table: an ONNX operator and how it becomes Neve ops. Without functions it is mechanical: same
/// inputs, same attributes.
struct Rule {
  std::string_view name;                  ///< ONNX's, "Conv"
  std::string_view op;                    ///< the Neve op; further ones that the function needs follow after spaces
  Values (*values)(OnnxNode&) = nullptr;  ///< results that are tensors
  Items (*items)(OnnxNode&) = nullptr;    ///< or anything
  std::string_view domain = "";
};
/// @returns null for an operator without a rule
const Rule* find_rule(std::string_view domain, std::string_view name);
std::span<const Rule> all_rules();

/// One node, as a rule sees it. Errors name the operator; the importer adds the node.
class OnnxNode {
 public:
  OnnxNode(Importer& importer, Scope& scope, const pb::NodeProto& proto, const Rule& rule, int64_t opset);
  Importer& importer;
  Scope& scope;
  ir::Graph& g;
  const pb::NodeProto& proto;
  const Rule& rule;
  const int64_t opset;  ///< of the node's domain
  std::string_view op() const { return rule.op.substr(0, rule.op.find(' ')); }
  const std::string& type_name() const { return proto.op_type(); }

  // ---- inputs ----
  size_t inputs() const { return size_t(proto.input_size()); }
  bool has(size_t i) const;
  const Item& item(size_t i) const;  ///< @throws Error{corrupt_file} if absent
  Value in(size_t i);                ///< @throws Error{corrupt_file} if absent, Error{type_mismatch} if not a tensor
  Value optional_in(size_t i) { return has(i) ? in(i) : Value{}; }
  Values all_in();              ///< absent ones as Value{}
  Value constant_in(size_t i);  ///< as in(), but a literal is never a weight (its content shapes the graph)
  TensorType type(size_t i) { return g.type(in(i)); }  ///< a copy: values move when a node is made
  int64_t rank(size_t i) { return type(i).rank(); }
  /// Content where it is known now; nothing if the input is absent or computed at run time.
  std::optional<Tensor> content(size_t i);
  /// Content of a small integer tensor as sizes, which may be symbolic.
  std::optional<Shape> sizes(size_t i);
  /// @throws Error{unsupported} if the content is not known
  std::vector<int64_t> ints(size_t i);
  Tensor constant(size_t i);

  // ---- outputs ----
  size_t outputs() const { return size_t(proto.output_size()); }
  bool wants(size_t i) const { return i < outputs() && !proto.output(int(i)).empty(); }

  // ---- attributes: the kind is checked, references of functions are resolved ----
  bool has_attr(std::string_view name) const;  ///< does not count as having looked at it
  int64_t attr_int(std::string_view name, int64_t otherwise);
  bool attr_bool(std::string_view name, bool otherwise) { return attr_int(name, otherwise) != 0; }
  double attr_float(std::string_view name, double otherwise);
  std::string attr_string(std::string_view name, std::string_view otherwise);
  std::vector<int64_t> attr_ints(std::string_view name, std::vector<int64_t> otherwise = {});
  std::vector<double> attr_floats(std::string_view name, std::vector<double> otherwise = {});
  std::vector<std::string> attr_strings(std::string_view name, std::vector<std::string> otherwise = {});
  const pb::GraphProto* attr_graph(std::string_view name);
  LiteralRef attr_tensor(std::string_view name, bool may_be_weight = false);    ///< null if absent
  void ignore_attr(std::string_view name) { used_.insert(std::string(name)); }  ///< say why where you call it
  const pb::AttributeProto* find_attr(std::string_view name) {
    return used_.insert(std::string(name)), peek_attr(name);
  }  ///< null if absent

  // ---- emission ----
  Value call(std::string_view op, std::initializer_list<Value> in, const AttrList& attrs = {}) {
    return g.call(op, in, attrs);
  }
  /// The op with these inputs; attributes of the node that `used` has not seen go over by name.
  Values mechanical(std::string_view op, std::span<const Value> in, const AttrList& extra = {});
  Values mechanical(std::string_view op, std::initializer_list<Value> in, const AttrList& extra = {}) {
    return mechanical(op, std::span<const Value>(in.begin(), in.size()), extra);
  }
  /// Checks that every attribute was looked at. @throws Error{unsupported}
  void finish() const;

  template <class... T>
  [[noreturn]] void fail(ErrorCode code, const T&... parts) const {
    throw Error(code, str(type_name(), ": ", parts...));
  }
  template <class... T>
  void require(bool ok, const T&... parts) const {
    if (!ok) fail(ErrorCode::corrupt_file, parts...);
  }

 private:
  const pb::AttributeProto* peek_attr(std::string_view name) const;
  AttrValue convert_attr(const pb::AttributeProto& a, const AttrValue& kind, std::string_view op);
  std::set<std::string, std::less<>> used_;
};

/// What is known of a graph of the file beyond its text.
struct GraphInfo {
  std::vector<int> order;             ///< nodes, topologically
  std::vector<std::string> captures;  ///< names used inside and defined outside, in order of first use
};

/// A size that the caller opened: `symbol` was `old` in the file.
struct Widened {
  Dim symbol;
  int64_t old = 1;
  std::string input;
  int axis = 0;
};

/// One import. Lives while the model is read.
class Importer {
 public:
  Importer(pb::ModelProto& model, const OnnxOptions& options, std::string folder, std::string file);
  ir::Module run();

  // ---- for rules ----
  const Item* find(const std::string& name, const Scope& scope) const;
  const Item& get(const std::string& name, const Scope& scope) const;  ///< @throws Error{corrupt_file}
  Value value_of(const Item& item, Frame& frame, bool as_constant = false);
  std::optional<Tensor> content_of(const Item& item, Frame& frame);
  /// The content of a value computed from constants alone. Nothing if it is not, or too big.
  std::optional<Tensor> fold(Frame& frame, Value v, int depth = 0);
  LiteralRef literal(pb::TensorProto& t, const std::string& name, bool may_be_weight);
  LiteralRef literal(Tensor t, std::string name);
  LiteralRef literal(pb::SparseTensorProto& t, const std::string& name);
  const GraphInfo& info(const pb::GraphProto& g);
  /// Converts the nodes of a graph whose inputs stand in `scope` already; returns its outputs.
  Items convert_body(const pb::GraphProto& g, Scope& scope);
  /// Float literals of a graph, its subgraphs and the functions they call: weights stand outside of regions, which get
  /// them as parameters.
  std::vector<LiteralRef> region_weights(const pb::GraphProto& g);
  TensorType declared_type(const pb::TypeProto& type, const std::string& name, std::optional<Shape> shape = {});
  void warn(std::string text);
  const std::vector<Widened>& widened() const { return widened_; }
  /// d with every widened symbol at its old size.
  Dim before_widening(Dim d) const;
  /// The answer to a question that the file leaves open (which branch of an If over sizes): "equal" first; when the
  /// model then does not fit together, it is read again with the last answer turned.
  bool decide();

 private:
  friend class OnnxNode;
  void build();
  LiteralRef named_literal(Tensor data, const std::string& name, bool may_be_weight);
  void read_opsets();
  void read_functions();
  void check_operators();
  void scan(const pb::GraphProto& g, const Opsets& opsets);
  void scan(const pb::NodeProto& n, const Opsets& opsets);
  void add_inputs(Scope& scope);
  void add_input(const pb::ValueInfoProto& v, Scope& scope);
  Shape input_shape(const pb::ValueInfoProto& v, const pb::TensorShapeProto* shape);
  Dim file_dim(const pb::TensorShapeProto::Dimension& d, const std::string& input, int axis);
  void add_initializers(const pb::GraphProto& g, Scope& scope);
  void add_outputs(Scope& scope, const Items& results);
  void convert_node(const pb::NodeProto& n, Scope& scope);
  Items call_function(const pb::FunctionProto& f, const pb::NodeProto& n, Scope& scope);
  const pb::FunctionProto* find_function(const pb::NodeProto& n) const;
  void check_widening(const ir::Graph& g) const;
  void check_options() const;

  pb::ModelProto& model_;
  const OnnxOptions& options_;
  std::string file_, file_name_;
  ExternalData external_;
  ir::Module module_;
  Opsets opsets_;
  std::map<std::string, const pb::FunctionProto*> functions_;
  std::map<const pb::FunctionProto*, Opsets> function_opsets_;
  std::map<const pb::FunctionProto*, int> function_state_;  // 1: being scanned, 2: done
  struct Missing {
    std::string text, first_node;
    int uses = 0;
  };
  std::map<std::string, Missing> missing_;
  std::map<const void*, LiteralRef> literals_;
  std::set<std::string> literal_names_;
  std::vector<LiteralRef> keep_alive_;  // frames know literals by address
  std::map<const pb::GraphProto*, GraphInfo> infos_;
  std::map<std::string, Dim, std::less<>> symbols_;
  std::vector<Widened> widened_;
  int64_t converted_ = 0;
  std::vector<bool> answers_;
  size_t asked_ = 0;
  int call_depth_ = 0;
};

/// The type if it is one of the 2- and 4-bit integers, else 0.
int narrow_type(int onnx_type);
std::string describe(const pb::NodeProto& n);  ///< "Conv node 'conv1'"

}  // namespace neve::import
