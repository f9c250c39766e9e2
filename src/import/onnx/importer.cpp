// The ONNX importer: one model into one graph.
#include "import/onnx/importer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/interrupt.h"
#include "op/registry.h"

namespace neve::import {

namespace {
constexpr int64_t newest_opset = 26;
constexpr int64_t most_nodes = int64_t(1) << 20;  // after inlining and unrolling; more is an attack or a mistake
constexpr int deepest_call = 64;
constexpr int most_attempts = 16;
}  // namespace

std::string describe(const pb::NodeProto& n) {
  std::string s = (n.domain().empty() || n.domain() == "ai.onnx") ? n.op_type() : str(n.domain(), "::", n.op_type());
  if (!n.name().empty()) return str(s, " node '", n.name(), "'");
  for (const std::string& o : n.output())
    if (!o.empty()) return str(s, " node that makes '", o, "'");
  return s + " node";
}

Importer::Importer(pb::ModelProto& model, const OnnxOptions& options, std::string folder, std::string file)
    : model_(model),
      options_(options),
      file_(std::move(file)),
      file_name_(std::filesystem::path(file_).filename().string()),
      external_(std::move(folder)) {}

ir::Module Importer::run() {
  if (!model_.has_graph()) fail(ErrorCode::corrupt_file, "onnx: '", file_, "' holds no graph (an ONNX model is right)");
  read_opsets();
  read_functions();
  check_operators();
  check_options();
  std::optional<Error> first;
  for (int attempt = 0;; ++attempt) {
    try {
      build();
      return std::move(module_);
    } catch (const Error& e) {
      if (!first) first = e;
      while (!answers_.empty() && !answers_.back()) answers_.pop_back();
      if (answers_.empty() || attempt >= most_attempts || e.code() == ErrorCode::corrupt_file) throw *first;
      answers_.back() = false;
    }
  }
}

bool Importer::decide() {
  if (asked_ == answers_.size()) answers_.push_back(true);
  return answers_[asked_++];
}

void Importer::build() {
  module_ = {};
  symbols_ = options_.symbols;
  widened_.clear();
  asked_ = 0;
  converted_ = call_depth_ = 0;
  ir::Graph graph;
  Frame frame(graph);
  Scope scope{frame, nullptr, &opsets_, nullptr};
  add_inputs(scope);
  const Items results = convert_body(model_.graph(), scope);
  add_outputs(scope, results);
  graph.location.reset();
  graph.erase_dead();
  check_widening(graph);
  module_.format = "onnx";
  module_.metadata["onnx.producer"] =
      str(model_.producer_name(), model_.producer_version().empty() ? "" : " ", model_.producer_version());
  module_.metadata["onnx.graph"] = model_.graph().name();
  for (const auto& [domain, version] : opsets_)
    module_.metadata[str("onnx.opset.", domain.empty() ? "ai.onnx" : domain)] = str(version);
  for (const auto& p : model_.metadata_props()) module_.metadata[p.key()] = p.value();
  module_.methods.emplace("forward", std::move(graph));
}

void Importer::read_opsets() {
  for (const auto& o : model_.opset_import()) {
    const std::string domain = o.domain() == "ai.onnx" ? "" : o.domain();
    if (const auto it = opsets_.find(domain); it != opsets_.end() && it->second != o.version())
      fail(ErrorCode::corrupt_file, "onnx: operator set '", o.domain(), "' is imported twice, as ", it->second, " and ",
           o.version());
    opsets_[domain] = o.version();
  }
  if (!opsets_.contains("")) opsets_[""] = 1;
  if (options_.opset) opsets_[""] = *options_.opset;
  if (opsets_[""] < 1 || opsets_[""] > newest_opset)
    fail(ErrorCode::unsupported, "onnx: operator set ", opsets_[""], " (1 to ", newest_opset, " are read)");
}

void Importer::read_functions() {
  for (const auto& f : model_.functions()) {
    const std::string domain = f.domain() == "ai.onnx" ? "" : f.domain();
    if (!functions_.emplace(str(domain, "::", f.name(), "::", f.overload()), &f).second)
      fail(ErrorCode::corrupt_file, "onnx: function '", f.name(), "' of domain '", f.domain(), "' is defined twice");
    Opsets& opsets = function_opsets_[&f] = opsets_;
    for (const auto& o : f.opset_import()) opsets[o.domain() == "ai.onnx" ? "" : o.domain()] = o.version();
  }
}

const pb::FunctionProto* Importer::find_function(const pb::NodeProto& n) const {
  if (functions_.empty()) return nullptr;
  const std::string domain = n.domain() == "ai.onnx" ? "" : n.domain();
  const auto it = functions_.find(str(domain, "::", n.op_type(), "::", n.overload()));
  return it == functions_.end() ? nullptr : it->second;
}

void Importer::scan(const pb::NodeProto& n, const Opsets& opsets) {
  for (const auto& a : n.attribute()) {
    if (a.has_g()) scan(a.g(), opsets);
    for (const auto& g : a.graphs()) scan(g, opsets);
  }
  const std::string domain = n.domain() == "ai.onnx" ? "" : n.domain();
  if (const pb::FunctionProto* f = find_function(n)) {
    int& state = function_state_[f];
    if (state == 1) fail(ErrorCode::corrupt_file, "onnx: function '", f->name(), "' calls itself");
    if (state == 2) return;
    state = 1;
    for (const auto& m : f->node()) scan(m, function_opsets_.at(f));
    function_state_[f] = 2;
    return;
  }
  const Rule* rule = find_rule(domain, n.op_type());
  if (rule) {
    std::string_view ops = rule->op;
    bool all = true;
    while (!ops.empty()) {
      const size_t space = ops.find(' ');
      all = all && find_op_or_null(ops.substr(0, space));
      ops = space == ops.npos ? "" : ops.substr(space + 1);
    }
    if (all) return;
  }
  const auto version = opsets.find(domain);
  Missing& m = missing_[domain + "::" + n.op_type()];
  if (!m.uses++) {
    m.text = str(n.op_type(), " (domain '", domain.empty() ? "ai.onnx" : domain, "', opset ",
                 version == opsets.end() ? std::string("not imported") : str(version->second));
    m.first_node =
        n.name().empty() && n.output_size() ? str("node that makes '", n.output(0), "'") : str("node '", n.name(), "'");
  }
}

void Importer::scan(const pb::GraphProto& g, const Opsets& opsets) {
  for (const auto& n : g.node()) scan(n, opsets);
}

void Importer::check_operators() {
  scan(model_.graph(), opsets_);
  if (missing_.empty()) return;
  std::string list;
  for (const auto& [key, m] : missing_)
    list += str(list.empty() ? "" : ", ", m.text, ", ", m.first_node,
                m.uses > 1 ? str(" and ", m.uses - 1, " more") : std::string(), ")");
  fail(ErrorCode::unsupported, "onnx: '", file_, "' needs ", missing_.size(),
       missing_.size() == 1 ? " operator" : " operators", " that Neve does not have: ", list);
}

void Importer::check_options() const {
  const auto& g = model_.graph();
  std::set<std::string_view> initialized;
  for (const auto& t : g.initializer()) initialized.insert(t.name());
  std::string names;
  std::set<std::string, std::less<>> inputs;
  for (const auto& v : g.input()) {
    if (initialized.contains(v.name())) continue;
    inputs.insert(v.name());
    names += str(names.empty() ? "" : ", ", "'", v.name(), "'");
  }
  const auto check = [&](const char* option, const std::string& name) {
    if (!inputs.contains(name))
      neve::fail(ErrorCode::not_found, "onnx: ", option, ": '", name, "' is not an input (the inputs are ", names, ")");
  };
  for (const auto& [name, x] : options_.input_shapes)
    check("input_shapes", name.substr(0, inputs.contains(name) ? name.npos : name.rfind('.')));
  for (const auto& [name, x] : options_.input_values) check("input_values", name);
  for (const auto& [name, x] : options_.sequence_lengths) check("sequence_lengths", name);
}

// ---- inputs and outputs --------------------------------------------------------------------------------------------

Dim Importer::file_dim(const pb::TensorShapeProto::Dimension& d, const std::string& input, int axis) {
  if (d.has_dim_value() && d.dim_value() != -1) {  // -1: how some exporters write an open size
    if (d.dim_value() < 0 || d.dim_value() > Dim::unbounded)
      fail(ErrorCode::corrupt_file, "onnx: input '", input, "' axis ", axis, ": size ", d.dim_value(),
           " (0 or more is right)");
    return d.dim_value();
  }
  if (d.has_dim_param() && !d.dim_param().empty() && d.dim_param() != "?") {
    const auto it = symbols_.find(d.dim_param());
    if (it != symbols_.end()) return it->second;
    return symbols_[d.dim_param()] =
               Dim::symbol(d.dim_param(), 0, Dim::unbounded, 1, str("input '", input, "' axis ", axis));
  }
  return Dim::symbol(str(input, "_", axis), 0, Dim::unbounded, 1, str("input '", input, "' axis ", axis));
}

Shape Importer::input_shape(const pb::ValueInfoProto& v, const pb::TensorShapeProto* shape) {
  const auto given = options_.input_shapes.find(v.name());
  if (given == options_.input_shapes.end()) {
    if (!shape)
      fail(ErrorCode::unsupported, "onnx: input '", v.name(),
           "' has no shape in the file, not even a rank (give one in input_shapes)");
    Shape s;
    for (int i = 0; i < shape->dim_size(); ++i) s.push_back(file_dim(shape->dim(i), v.name(), i));
    return s;
  }
  if (shape && shape->dim_size() != int(given->second.size()))
    fail(ErrorCode::shape_mismatch, "onnx: input '", v.name(), "': shape ", given->second,
         " given, but the file says rank ", shape->dim_size());
  for (int i = 0; shape && i < shape->dim_size(); ++i) {
    const auto& d = shape->dim(i);
    const Dim with = given->second[size_t(i)];
    if (d.has_dim_value() && d.dim_value() >= 0 && with.is_symbol() &&
        std::none_of(widened_.begin(), widened_.end(), [&](const Widened& w) { return w.symbol == with; }))
      widened_.push_back({with, d.dim_value(), v.name(), i});
  }
  return given->second;
}

TensorType Importer::declared_type(const pb::TypeProto& type, const std::string& name, std::optional<Shape> shape) {
  const auto& t = type.tensor_type();
  const DType dtype = require_onnx_dtype(t.elem_type(), str("onnx: '", name, "'"));
  if (shape) return {dtype, std::move(*shape)};
  if (!t.has_shape()) fail(ErrorCode::unsupported, "onnx: '", name, "' has no shape in the file, not even a rank");
  Shape s;
  for (int i = 0; i < t.shape().dim_size(); ++i) s.push_back(file_dim(t.shape().dim(i), name, i));
  return {dtype, std::move(s)};
}

namespace {

// A value given for an input, in the dtype and of the rank that the file says.
Tensor bound_value(const pb::ValueInfoProto& v, const Tensor& given) {
  const std::string what = str("onnx: input '", v.name(), "'");
  if (!v.type().has_tensor_type()) fail(ErrorCode::unsupported, what, ": a value can be given for a tensor only");
  const auto& type = v.type().tensor_type();
  const DType dtype = require_onnx_dtype(type.elem_type(), what);
  Tensor t = given;
  if (t.dtype() != dtype) {
    t = given.to(dtype);
    const Tensor a = t.to(DType::f64).contiguous(), b = given.to(DType::f64).contiguous();
    for (int64_t i = 0; i < a.element_count() && is_int(dtype); ++i)
      if (a.data_as<double>()[i] != b.data_as<double>()[i])
        fail(ErrorCode::type_mismatch, what, ": the value given has ", b.data_as<double>()[i], " (the file says ",
             dtype, ")");
  }
  if (!type.has_shape()) return t;
  const auto& shape = type.shape();
  bool fits = t.rank() == shape.dim_size();
  for (int i = 0; fits && i < shape.dim_size(); ++i)
    fits = !shape.dim(i).has_dim_value() || shape.dim(i).dim_value() < 0 ||
           shape.dim(i).dim_value() == t.shape()[size_t(i)];
  if (fits) return t;
  if (t.element_count() == 1 && t.rank() == 0) return t.reshape(Sizes(size_t(shape.dim_size()), 1));
  fail(ErrorCode::shape_mismatch, what, ": the value given has shape ", t.shape(), ", the file says otherwise");
}

}  // namespace

void Importer::add_input(const pb::ValueInfoProto& v, Scope& scope) {
  const std::string what = str("onnx: input '", v.name(), "'");
  if (const auto bound = options_.input_values.find(v.name()); bound != options_.input_values.end()) {
    scope.items[v.name()] =
        Item::of(literal(bound_value(v, bound->second), v.name()), narrow_type(v.type().tensor_type().elem_type()));
    return;
  }
  const auto tensor_shape = [](const pb::TypeProto& t) {
    return t.tensor_type().has_shape() ? &t.tensor_type().shape() : nullptr;
  };
  const pb::TypeProto& type = v.type();
  if (type.has_tensor_type()) {
    const DType dtype = require_onnx_dtype(type.tensor_type().elem_type(), what);
    const Shape shape = input_shape(v, tensor_shape(type));
    scope.items[v.name()] =
        Item::of(scope.frame.graph.add_input(v.name(), {dtype, shape}), narrow_type(type.tensor_type().elem_type()));
    return;
  }
  const bool sequence = type.has_sequence_type(), optional = type.has_optional_type();
  if (!sequence && !optional) fail(ErrorCode::unsupported, what, ": its type is not a tensor, sequence or optional");
  const pb::TypeProto& element = sequence ? type.sequence_type().elem_type() : type.optional_type().elem_type();
  const auto length = options_.sequence_lengths.find(v.name());
  if (length == options_.sequence_lengths.end())
    fail(ErrorCode::unsupported, what, sequence ? ": a sequence" : ": an optional",
         " of unknown length (give the number of its elements in sequence_lengths)");
  if (length->second < 0 || length->second > (optional ? 1 : 65536))
    fail(ErrorCode::invalid_argument, what, ": sequence length ", length->second);
  const pb::TypeProto& tensor = element.has_sequence_type() ? element.sequence_type().elem_type() : element;
  if (!tensor.has_tensor_type()) fail(ErrorCode::unsupported, what, ": its elements are not tensors");
  const bool nested = element.has_sequence_type();  // an optional sequence: its length is meant
  // Elements of one sequence may have other sizes each: a name in their type ties nothing.
  pb::TensorShapeProto any = tensor.tensor_type().shape();
  if (sequence || nested)
    for (auto& d : *any.mutable_dim()) d.clear_dim_param();
  std::vector<Item> elements;
  for (int64_t i = 0; i < length->second; ++i) {
    pb::ValueInfoProto e;
    e.set_name(str(v.name(), ".", i));
    const DType dtype = require_onnx_dtype(tensor.tensor_type().elem_type(), what);
    elements.push_back(Item::of(
        scope.frame.graph.add_input(e.name(), {dtype, input_shape(e, tensor_shape(tensor) ? &any : nullptr)})));
  }
  scope.items[v.name()] = sequence ? Item::sequence(elements)
                          : nested ? Item::optional({Item::sequence(elements)})
                                   : Item::optional(elements);
}

void Importer::add_inputs(Scope& scope) {
  const pb::GraphProto& g = model_.graph();
  std::set<std::string_view> initialized;
  for (const auto& t : g.initializer()) initialized.insert(t.name());
  for (const auto& t : g.sparse_initializer()) initialized.insert(t.values().name());
  // Sizes that the caller gives for a named dim hold wherever the file uses that name.
  for (const auto& v : g.input()) {
    const auto given = options_.input_shapes.find(v.name());
    if (given == options_.input_shapes.end() || !v.type().has_tensor_type()) continue;
    const auto& shape = v.type().tensor_type().shape();
    for (int i = 0; i < shape.dim_size() && i < int(given->second.size()); ++i)
      if (!shape.dim(i).dim_param().empty()) symbols_.emplace(shape.dim(i).dim_param(), given->second[size_t(i)]);
  }
  for (const auto& v : g.input())
    if (!initialized.contains(v.name()))
      add_input(v, scope);  // else: an initializer that is also an input is a default
}

void Importer::add_initializers(const pb::GraphProto& g, Scope& scope) {
  auto& m = const_cast<pb::GraphProto&>(g);  // decoding takes the bytes out of the message
  for (auto& t : *m.mutable_initializer())
    scope.items[t.name()] = Item::of(literal(t, t.name(), true), narrow_type(t.data_type()));
  for (auto& t : *m.mutable_sparse_initializer())
    scope.items[t.values().name()] = Item::of(literal(t, std::string(t.values().name())));
}

void Importer::add_outputs(Scope& scope, const Items& results) {
  const pb::GraphProto& g = model_.graph();
  ir::Graph& to = scope.frame.graph;
  const std::function<void(const std::string&, const Item&)> add = [&](const std::string& name, const Item& item) {
    if (item.kind == Item::Kind::tensor) {
      const Value v = value_of(item, scope.frame);
      if (to.name(v).empty()) to.set_name(v, name);
      return to.add_output(name, v);
    }
    if (item.kind == Item::Kind::absent) fail(ErrorCode::corrupt_file, "onnx: output '", name, "' is absent");
    for (size_t i = 0; i < item.elements->size(); ++i) add(str(name, ".", i), (*item.elements)[i]);
  };
  for (int i = 0; i < g.output_size(); ++i) {
    if (g.output(i).name().empty()) fail(ErrorCode::corrupt_file, "onnx: output ", i, " has no name");
    add(g.output(i).name(), results[size_t(i)]);
  }
}

// ---- nodes ---------------------------------------------------------------------------------------------------------

Items Importer::convert_body(const pb::GraphProto& g, Scope& scope) {
  const GraphInfo& known = info(g);
  add_initializers(g, scope);
  for (int i : known.order) convert_node(g.node(i), scope);
  Items out;
  for (const auto& o : g.output()) out.push_back(get(o.name(), scope));
  return out;
}

void Importer::convert_node(const pb::NodeProto& n, Scope& scope) {
  check_interrupt();
  if (++converted_ > most_nodes)
    fail(ErrorCode::unsupported, "onnx: more than ", most_nodes, " nodes after inlining functions and loops");
  ir::Graph& g = scope.frame.graph;
  const auto before = g.location;
  auto here = std::make_shared<ir::Location>();
  here->file = file_name_;
  here->name = !n.name().empty() ? n.name() : n.output_size() ? n.output(0) : n.op_type();
  g.location = here;
  Items out;
  try {
    if (const pb::FunctionProto* f = find_function(n)) {
      out = call_function(*f, n, scope);
    } else {
      const std::string domain = n.domain() == "ai.onnx" ? "" : n.domain();
      const Rule* rule = find_rule(domain, n.op_type());
      check(rule, "no rule for ", n.op_type());
      const auto opset = scope.opsets->find(domain);
      OnnxNode node(*this, scope, n, *rule, opset == scope.opsets->end() ? 1 : opset->second);
      if (rule->items) {
        out = rule->items(node);
      } else {
        const Values values = rule->values ? rule->values(node) : node.mechanical(node.op(), node.all_in());
        for (Value v : values) out.push_back(v.valid() ? Item::of(v) : Item{});
      }
      node.finish();
    }
  } catch (const Error& e) {
    g.location = before;
    const size_t at = e.message().find("\n  at ");
    if (at != std::string::npos && e.message().find(" node ", at) != std::string::npos) throw;
    const std::string text = e.message().substr(0, at);  // the IR's own "at" says less
    throw Error(e.code(), str(text, "\n  at ", describe(n), " of ", here->file));
  }
  for (int k = 0; k < n.output_size(); ++k) {
    if (n.output(k).empty()) continue;
    if (size_t(k) >= out.size())
      fail(ErrorCode::corrupt_file, n.op_type(), ": ", n.output_size(), " outputs, but it has ", out.size(), "\n  at ",
           describe(n), " of ", here->file);
    Item& item = out[size_t(k)];
    // Small integer tensors that hang on constants alone decide shapes further on, also where facts do not reach (rank
    // 2 and more: the pads of PyTorch's exporter go through a [n, 2] matrix).
    if (item.kind == Item::Kind::tensor && item.value.valid() && g.def(item.value) && !g.constant_of(item.value) &&
        is_int(g.dtype(item.value)) && g.rank(item.value) > 0 && !g.facts(item.value).known) {
      const Dim count = element_count(g.type(item.value).shape);
      if (count.is_constant() && count.value() <= 64)
        if (const auto t = fold(scope.frame, item.value)) item.value = g.constant(*t);
    }
    if (item.kind == Item::Kind::tensor && item.value.valid() && g.name(item.value).empty())
      g.set_name(item.value, n.output(k));
    scope.items[n.output(k)] = item;
  }
  g.location = before;
}

Items Importer::call_function(const pb::FunctionProto& f, const pb::NodeProto& n, Scope& scope) {
  if (++call_depth_ > deepest_call)
    fail(ErrorCode::unsupported, f.name(), ": functions call each other deeper than ", deepest_call);
  FunctionCall call{&f, {}, scope.call};
  for (const auto& a : f.attribute_proto()) call.attributes[a.name()] = &a;
  for (const auto& a : n.attribute()) {
    const pb::AttributeProto* actual = &a;
    if (!a.ref_attr_name().empty()) {  // an attribute of the function around this call
      if (!scope.call || !scope.call->attributes.contains(a.ref_attr_name())) continue;
      actual = scope.call->attributes.at(a.ref_attr_name());
    }
    call.attributes[a.name()] = actual;
  }
  if (n.input_size() > f.input_size())
    fail(ErrorCode::corrupt_file, f.name(), ": ", n.input_size(), " inputs for a function of ", f.input_size());
  Scope inner{scope.frame, nullptr, &function_opsets_.at(&f), &call};
  for (int i = 0; i < f.input_size(); ++i)
    inner.items[f.input(i)] = i < n.input_size() && !n.input(i).empty() ? get(n.input(i), scope) : Item{};
  // A body is like a graph; its message is borrowed for the order of nodes alone.
  for (const auto& m : f.node()) convert_node(m, inner);
  Items out;
  for (const auto& o : f.output()) out.push_back(get(o, inner));
  --call_depth_;
  return out;
}

void Importer::warn(std::string text) {
  if (std::find(module_.warnings.begin(), module_.warnings.end(), text) == module_.warnings.end())
    module_.warnings.push_back(std::move(text));
}

}  // namespace neve::import
