// What a rule sees of one node: inputs, attributes, emission.
#include <algorithm>

#include "import/onnx/importer.h"
#include "op/registry.h"

namespace neve::import {

OnnxNode::OnnxNode(Importer& importer, Scope& scope, const pb::NodeProto& proto, const Rule& rule, int64_t opset)
    : importer(importer), scope(scope), g(scope.frame.graph), proto(proto), rule(rule), opset(opset) {
  std::set<std::string_view> seen;
  for (const auto& a : proto.attribute())
    if (!seen.insert(a.name()).second) fail(ErrorCode::corrupt_file, "attribute '", a.name(), "' is there twice");
}

// ---- inputs --------------------------------------------------------------------------------------------------------

bool OnnxNode::has(size_t i) const {
  if (i >= inputs() || proto.input(int(i)).empty()) return false;
  return importer.get(proto.input(int(i)), scope).kind != Item::Kind::absent;
}

const Item& OnnxNode::item(size_t i) const {
  if (i >= inputs() || proto.input(int(i)).empty()) fail(ErrorCode::corrupt_file, "input ", i, " is missing");
  return importer.get(proto.input(int(i)), scope);
}

Value OnnxNode::in(size_t i) { return importer.value_of(item(i), scope.frame); }
Value OnnxNode::constant_in(size_t i) { return importer.value_of(item(i), scope.frame, true); }

Values OnnxNode::all_in() {
  Values v;
  for (size_t i = 0; i < inputs(); ++i) v.push_back(optional_in(i));
  while (!v.empty() && !v.back().valid()) v.pop_back();
  return v;
}

std::optional<Tensor> OnnxNode::content(size_t i) {
  if (!has(i)) return {};
  return importer.content_of(item(i), scope.frame);
}

std::optional<Shape> OnnxNode::sizes(size_t i) {
  if (!has(i)) return {};
  const Item& it = item(i);
  if (const auto t = importer.content_of(it, scope.frame)) {
    if (!is_int(t->dtype()) && t->dtype() != DType::boolean) return {};
    Shape s;
    for (int64_t v : t->to_ints()) s.push_back(v);
    return s;
  }
  const Facts f = g.facts(it.value);
  if (f.known) return f.content;
  return {};
}

Tensor OnnxNode::constant(size_t i) {
  item(i);
  if (auto t = content(i)) return *t;
  fail(ErrorCode::unsupported, "input ", i, " ('", proto.input(int(i)),
       "') must be known when the model is read, but it is computed at run time (if it is an input of the model, give "
       "it in input_values)");
}

std::vector<int64_t> OnnxNode::ints(size_t i) {
  const Tensor t = constant(i);
  if (!is_int(t.dtype())) fail(ErrorCode::type_mismatch, "input ", i, ": ", type_text(t), " (integers are right)");
  return t.to_ints();
}

// ---- attributes ----------------------------------------------------------------------------------------------------

const pb::AttributeProto* OnnxNode::peek_attr(std::string_view name) const {
  for (const auto& a : proto.attribute()) {
    if (a.name() != name) continue;
    if (a.ref_attr_name().empty()) return &a;
    if (!scope.call)
      fail(ErrorCode::corrupt_file, "attribute '", name, "' refers to '", a.ref_attr_name(), "' outside of a function");
    const auto it = scope.call->attributes.find(a.ref_attr_name());
    return it == scope.call->attributes.end() ? nullptr : it->second;
  }
  return nullptr;
}

namespace {
const char* kind_name(int kind) {
  static constexpr const char* names[] = {"undefined",      "float", "int",     "string",  "tensor", "graph",
                                          "floats",         "ints",  "strings", "tensors", "graphs", "sparse tensor",
                                          "sparse tensors", "type",  "types"};
  return kind >= 0 && kind < 15 ? names[kind] : "unknown";
}

/// The kind of an attribute; very old files do not say it.
int kind_of(const pb::AttributeProto& a) {
  if (a.type() != pb::AttributeProto::UNDEFINED) return a.type();
  if (a.has_f()) return pb::AttributeProto::FLOAT;
  if (a.has_i()) return pb::AttributeProto::INT;
  if (a.has_s()) return pb::AttributeProto::STRING;
  if (a.has_t()) return pb::AttributeProto::TENSOR;
  if (a.has_g()) return pb::AttributeProto::GRAPH;
  if (a.floats_size()) return pb::AttributeProto::FLOATS;
  if (a.strings_size()) return pb::AttributeProto::STRINGS;
  return pb::AttributeProto::INTS;
}

void require_kind(const OnnxNode& n, const pb::AttributeProto& a, int kind) {
  if (kind_of(a) != kind)
    n.fail(ErrorCode::corrupt_file, "attribute '", a.name(), "' is of kind ", kind_name(kind_of(a)), " (",
           kind_name(kind), " is right)");
}
}  // namespace

bool OnnxNode::has_attr(std::string_view name) const { return peek_attr(name) != nullptr; }

int64_t OnnxNode::attr_int(std::string_view name, int64_t otherwise) {
  const auto* a = find_attr(name);
  if (!a) return otherwise;
  require_kind(*this, *a, pb::AttributeProto::INT);
  return a->i();
}
double OnnxNode::attr_float(std::string_view name, double otherwise) {
  const auto* a = find_attr(name);
  if (!a) return otherwise;
  if (kind_of(*a) == pb::AttributeProto::INT) return double(a->i());
  require_kind(*this, *a, pb::AttributeProto::FLOAT);
  return a->f();
}
std::string OnnxNode::attr_string(std::string_view name, std::string_view otherwise) {
  const auto* a = find_attr(name);
  if (!a) return std::string(otherwise);
  require_kind(*this, *a, pb::AttributeProto::STRING);
  return a->s();
}
std::vector<int64_t> OnnxNode::attr_ints(std::string_view name, std::vector<int64_t> otherwise) {
  const auto* a = find_attr(name);
  if (!a) return otherwise;
  if (kind_of(*a) == pb::AttributeProto::INT) return {a->i()};
  require_kind(*this, *a, pb::AttributeProto::INTS);
  return {a->ints().begin(), a->ints().end()};
}
std::vector<double> OnnxNode::attr_floats(std::string_view name, std::vector<double> otherwise) {
  const auto* a = find_attr(name);
  if (!a) return otherwise;
  require_kind(*this, *a, pb::AttributeProto::FLOATS);
  return {a->floats().begin(), a->floats().end()};
}
std::vector<std::string> OnnxNode::attr_strings(std::string_view name, std::vector<std::string> otherwise) {
  const auto* a = find_attr(name);
  if (!a) return otherwise;
  require_kind(*this, *a, pb::AttributeProto::STRINGS);
  return {a->strings().begin(), a->strings().end()};
}
const pb::GraphProto* OnnxNode::attr_graph(std::string_view name) {
  const auto* a = find_attr(name);
  if (!a) return nullptr;
  require_kind(*this, *a, pb::AttributeProto::GRAPH);
  return &a->g();
}
LiteralRef OnnxNode::attr_tensor(std::string_view name, bool may_be_weight) {
  const auto* a = find_attr(name);
  if (!a) return nullptr;
  require_kind(*this, *a, pb::AttributeProto::TENSOR);
  const std::string of = outputs() ? proto.output(0) : proto.name();
  return importer.literal(const_cast<pb::TensorProto&>(a->t()), of, may_be_weight);  // decoding takes the bytes out
}

void OnnxNode::finish() const {
  for (const auto& a : proto.attribute())
    if (!used_.contains(a.name()) && !a.name().starts_with("_"))  // exporters put notes of their own behind _
      fail(ErrorCode::unsupported, "attribute '", a.name(), "' is not known (it would be ignored)");
}

// ---- emission ------------------------------------------------------------------------------------------------------

AttrValue OnnxNode::convert_attr(const pb::AttributeProto& a, const AttrValue& kind, std::string_view op) {
  const auto& name = a.name();
  if (std::holds_alternative<bool>(kind)) return attr_int(name, 0) != 0;
  if (std::holds_alternative<int64_t>(kind)) return attr_int(name, 0);
  if (std::holds_alternative<double>(kind)) return attr_float(name, 0);
  // A data type that may be left out is the name of a dtype, or nothing.
  if (std::holds_alternative<std::string>(kind) && kind_of(a) == pb::AttributeProto::INT) {
    const int type = int(attr_int(name, 0));
    return type ? to_string(require_onnx_dtype(type, str(type_name(), ": attribute '", name, "'"))) : std::string();
  }
  if (std::holds_alternative<std::string>(kind)) return attr_string(name, "");
  if (std::holds_alternative<std::vector<int64_t>>(kind)) return attr_ints(name);
  if (std::holds_alternative<std::vector<double>>(kind)) return attr_floats(name);
  if (std::holds_alternative<std::vector<std::string>>(kind)) return attr_strings(name);
  if (std::holds_alternative<DType>(kind))
    return require_onnx_dtype(int(attr_int(name, 0)), str(type_name(), ": attribute '", name, "'"));
  const LiteralRef l = attr_tensor(name);
  check(l != nullptr, op, ": attribute ", name);
  return l->data;
}

Values OnnxNode::mechanical(std::string_view op, std::span<const Value> in, const AttrList& extra) {
  const OpDef& def = find_op(op);
  const Attrs defaults = def.defaults();
  AttrList attrs = extra;
  const auto given = used_;
  const auto named = [&](std::string_view name) {
    return std::any_of(attrs.begin(), attrs.end(), [&](const auto& a) { return a.first == name; });
  };
  // Ops with optional results are told how many are wanted.
  if (!named("outputs") &&
      std::any_of(def.attrs.begin(), def.attrs.end(), [](const AttrInfo& i) { return i.name == "outputs"; })) {
    size_t wanted = outputs();
    while (wanted > 1 && !wants(wanted - 1)) --wanted;
    attrs.emplace_back("outputs", int64_t(std::max<size_t>(wanted, 1)));
  }
  for (const auto& proto_attr : proto.attribute()) {
    if (given.contains(proto_attr.name())) continue;
    const auto info = std::find_if(def.attrs.begin(), def.attrs.end(),
                                   [&](const AttrInfo& i) { return i.name == proto_attr.name(); });
    if (info == def.attrs.end()) continue;  // finish() complains
    const pb::AttributeProto* a = find_attr(proto_attr.name());
    if (!a) continue;
    attrs.emplace_back(info->name, convert_attr(proto_attr, info->get(defaults.object()), op));
  }
  return g.call_many(op, in, attrs);
}

}  // namespace neve::import
