// Names, literals, and what is known of the content of values.
#include <algorithm>

#include "import/onnx/importer.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::import {

int narrow_type(int onnx_type) {
  switch (onnx_type) {
    case pb::TensorProto::INT4:
    case pb::TensorProto::UINT4:
    case pb::TensorProto::INT2:
    case pb::TensorProto::UINT2:
      return onnx_type;
    default:
      return 0;
  }
}

namespace {
constexpr int64_t largest_folded = 1 << 16;  // elements
constexpr int deepest_fold = 200;

/// Whether evaluating a node cannot take much memory: its results are small, or have at most as many elements as its
/// inputs.
bool small_results(const ir::Graph& g, const ir::Node& n) {
  static constexpr std::string_view shrinking[] = {"non_zero", "compress", "unique", "slice"};
  const bool shrinks = std::find(std::begin(shrinking), std::end(shrinking), n.op->info.name) != std::end(shrinking);
  for (Value o : n.out) {
    Dim count = 1;
    for (Dim d : g.type(o).shape) {
      if (!d.is_constant() && !shrinks) return false;
      count = d.is_constant() && d.value() <= largest_folded && count.value() <= largest_folded ? count * d
              : d.is_constant() ? Dim(largest_folded + 1)
                                : count;
    }
    if (count.value() > largest_folded) return false;
  }
  return true;
}
}  // namespace

const Item* Importer::find(const std::string& name, const Scope& scope) const {
  for (const Scope* s = &scope; s; s = s->parent) {
    const auto it = s->items.find(name);
    if (it == s->items.end()) continue;
    if (&s->frame != &scope.frame && it->second.kind == Item::Kind::tensor && !it->second.literal)
      fail(ErrorCode::internal, "internal: '", name, "' is used in a region that does not capture it");
    return &it->second;
  }
  return nullptr;
}

const Item& Importer::get(const std::string& name, const Scope& scope) const {
  if (const Item* i = find(name, scope)) return *i;
  fail(ErrorCode::corrupt_file, "onnx: '", name, "' is used, but nothing makes it");
}

LiteralRef Importer::literal(pb::TensorProto& t, const std::string& name, bool may_be_weight) {
  LiteralRef& l = literals_[&t];
  if (!l) {
    Tensor data = read_tensor(t, external_, str("onnx: tensor '", name, "'"));
    l = named_literal(std::move(data), name, may_be_weight);
  }
  return l;
}

LiteralRef Importer::named_literal(Tensor data, const std::string& name, bool may_be_weight) {
  // Single numbers stay constants, so that rules and passes see 0.5 where an exporter wrote [0.5].
  const bool weight = may_be_weight && is_float(data.dtype()) && data.rank() > 0 && data.element_count() > 1;
  std::string unique = name.empty() ? "constant" : name;
  for (int i = 1; weight && !literal_names_.insert(unique).second; ++i) unique = str(name, "#", i);
  return std::make_shared<const Literal>(Literal{std::move(data), std::move(unique), weight});
}

LiteralRef Importer::literal(pb::SparseTensorProto& t, const std::string& name) {
  LiteralRef& l = literals_[&t];
  if (!l) l = named_literal(read_sparse_tensor(t, external_, str("onnx: sparse tensor '", name, "'")), name, true);
  return l;
}

LiteralRef Importer::literal(Tensor t, std::string name) {
  return std::make_shared<const Literal>(Literal{std::move(t), std::move(name), false});
}

Value Importer::value_of(const Item& item, Frame& frame, bool as_constant) {
  if (item.kind != Item::Kind::tensor)
    fail(ErrorCode::type_mismatch, "onnx: a ",
         item.kind == Item::Kind::sequence   ? "sequence"
         : item.kind == Item::Kind::optional ? "optional"
                                             : "missing value",
         " stands where a tensor is needed");
  if (!item.literal) return item.value;
  const Literal& l = *item.literal;
  const bool weight = l.weight && !as_constant;
  auto& known = weight ? frame.weights : frame.constants;
  const auto it = known.find(&l);
  if (it != known.end()) return it->second;
  // A literal is made at the end of what exists: everything that uses it comes later.
  Value v;
  if (weight) {
    Shape shape(l.data.shape().begin(), l.data.shape().end());
    v = frame.graph.call(
        "weight", {}, {{"name", l.name}, {"dtype", l.data.dtype()}, {"shape", std::vector<int64_t>(l.data.shape())}});
    (*module_.weights)[l.name] = l.data;
  } else {
    v = frame.graph.constant(l.data);
  }
  if (frame.graph.name(v).empty()) frame.graph.set_name(v, l.name);
  keep_alive_.push_back(item.literal);
  known.emplace(&l, v);
  return v;
}

std::optional<Tensor> Importer::fold(Frame& frame, Value v, int depth) {
  const ir::Graph& g = frame.graph;
  if (!v.valid() || depth > deepest_fold) return {};
  if (const Tensor* c = g.constant_of(v)) return *c;
  if (const auto it = frame.folded.find(v.id); it != frame.folded.end()) return it->second;
  const Facts f = g.facts(v);
  if (f.known && is_constant(f.content)) {
    const TensorType& t = g.type(v);
    std::vector<int64_t> ints;
    for (Dim d : f.content) ints.push_back(d.value());
    Sizes shape;
    for (Dim d : t.shape) {
      if (!d.is_constant()) return {};
      shape.push_back(d.value());
    }
    return Tensor::of_ints(t.dtype, shape, ints);
  }
  const ir::Node* n = g.def(v);
  if (!n || !n->regions.empty() || n->op->info.random) return {};
  if (n->is(
          "weight")) {  // a list of numbers that the file holds, such as the scales of a resize before they are joined
    const auto it = module_.weights->find(n->attrs.get_string("name"));
    if (it == module_.weights->end() || it->second.element_count() > largest_folded) return {};
    return it->second;
  }
  if (!small_results(g, *n)) return {};
  std::vector<Tensor> in;
  for (Value i : n->in) {
    if (!i.valid()) {
      in.push_back({});
      continue;
    }
    auto t = fold(frame, i, depth + 1);
    if (!t || t->element_count() > largest_folded) return {};
    in.push_back(std::move(*t));
  }
  return frame.folded[v.id] = evaluate(*n->op, n->attrs, in)[g.result_index(v)];
}

std::optional<Tensor> Importer::content_of(const Item& item, Frame& frame) {
  if (item.kind != Item::Kind::tensor) return {};
  if (item.literal) return item.literal->data;
  return fold(frame, item.value);
}

Dim Importer::before_widening(Dim d) const {
  if (d.is_constant() || widened_.empty()) return d;
  return substitute(d, [&](const Symbol& s) -> std::optional<Dim> {
    for (const Widened& w : widened_)
      if (w.symbol.as_symbol().id == s.id) return Dim(w.old);
    return {};
  });
}

}  // namespace neve::import
