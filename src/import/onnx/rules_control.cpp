// Control flow, and sequences and optionals, which are resolved while the model is read.
#include <algorithm>

#include "import/onnx/control.h"
#include "import/onnx/rules.h"

namespace neve::import {
namespace {

const std::vector<Item>& elements(OnnxNode& n, size_t i) {
  const Item& item = n.item(i);
  if (item.kind != Item::Kind::sequence) n.fail(ErrorCode::type_mismatch, "input ", i, " is not a sequence");
  return *item.elements;
}

/// A position in a sequence of `count` elements, negative from the end.
int64_t position(OnnxNode& n, size_t i, int64_t count, int64_t last) {
  const auto v = n.ints(i);
  n.require(v.size() == 1, "a position of ", v.size(), " elements");
  const int64_t at = v[0] < 0 ? v[0] + count : v[0];
  if (at < 0 || at > last) n.fail(ErrorCode::invalid_argument, "position ", v[0], " in a sequence of ", count);
  return at;
}

Items sequence_construct(OnnxNode& n) {
  std::vector<Item> e;
  for (size_t i = 0; i < n.inputs(); ++i) e.push_back(n.item(i));
  return {Item::sequence(std::move(e))};
}

Items sequence_empty(OnnxNode& n) {
  n.ignore_attr("dtype");  // an empty sequence has no element whose type could differ
  return {Item::sequence({})};
}

/// The position of an element is computed at run time: all elements stacked, one taken.
Items sequence_at(OnnxNode& n) {
  const auto& e = elements(n, 0);
  if (n.content(1)) return {e[size_t(position(n, 1, int64_t(e.size()), int64_t(e.size()) - 1))]};
  Values stacked;
  for (const Item& i : e) {
    const Value v = n.importer.value_of(i, n.scope.frame);
    if (!stacked.empty() && n.g.type(v) != n.g.type(n.importer.value_of(e[0], n.scope.frame)))
      n.constant(1);  // elements of several types: the position must be known
    stacked.push_back(n.call("unsqueeze", {v}, {{"axes", std::vector<int64_t>{0}}}));
  }
  if (stacked.empty()) n.fail(ErrorCode::invalid_argument, "an element of an empty sequence");
  const Value index = n.g.reshape(n.in(1), {});
  return {
      Item::of(n.call("gather", {n.g.call("concat", stacked, {{"axis", int64_t(0)}}), index}, {{"axis", int64_t(0)}}))};
}

Items sequence_insert(OnnxNode& n) {
  std::vector<Item> e = elements(n, 0);
  const int64_t count = int64_t(e.size()), at = n.has(2) ? position(n, 2, count, count) : count;
  e.insert(e.begin() + at, n.item(1));
  return {Item::sequence(std::move(e))};
}

Items sequence_erase(OnnxNode& n) {
  std::vector<Item> e = elements(n, 0);
  const int64_t count = int64_t(e.size());
  if (!count) n.fail(ErrorCode::invalid_argument, "an empty sequence");
  e.erase(e.begin() + (n.has(1) ? position(n, 1, count, count - 1) : count - 1));
  return {Item::sequence(std::move(e))};
}

Items sequence_length(OnnxNode& n) {
  return {Item::of(n.importer.literal(Tensor::scalar_int(DType::i64, int64_t(elements(n, 0).size())), ""))};
}

Items split_to_sequence(OnnxNode& n) {
  const Value x = n.in(0);
  const Shape shape = n.g.type(x).shape;
  int64_t axis = n.attr_int("axis", 0);
  const int64_t rank = int64_t(shape.size());
  n.require(axis >= -rank && axis < rank, "axis ", axis, " of rank ", rank);
  axis = axis < 0 ? axis + rank : axis;
  const bool keepdims = n.attr_bool("keepdims", true);
  const Dim size = shape[size_t(axis)];
  std::vector<int64_t> sizes;
  bool single = false;
  if (n.has(1) && n.rank(1) == 1 && !n.content(1)) {
    std::vector<Item> parts;
    for (Value v : split_at_run_time(n, x, n.in(1), axis)) parts.push_back(Item::of(v));
    return {Item::sequence(std::move(parts))};
  }
  if (n.has(1)) {
    sizes = n.ints(1);
    single = n.rank(1) == 0;
  }
  if (!n.has(1) || single) {
    if (!size.is_constant())
      n.fail(ErrorCode::unsupported, "axis ", axis, " of size ", size, ": the number of elements must be known");
    const int64_t each = single ? sizes[0] : 1;
    if (each < 1) n.fail(ErrorCode::invalid_argument, "parts of size ", each);
    if (size.value() / each > 65536)
      n.fail(ErrorCode::unsupported, "a sequence of ", size.value() / each, " elements (at most 65536)");
    sizes.clear();
    for (int64_t at = 0; at < size.value(); at += each) sizes.push_back(std::min(each, size.value() - at));
  }
  std::vector<Item> e;
  if (sizes.empty()) return {Item::sequence({})};
  for (Value v : n.g.call_many("split", {x}, {{"axis", axis}, {"split", sizes}})) {
    // ONNX drops the axis only when it cuts into single slices itself.
    if (!n.has(1) && !keepdims) v = n.call("squeeze", {v}, {{"axes", std::vector<int64_t>{axis}}});
    e.push_back(Item::of(v));
  }
  return {Item::sequence(std::move(e))};
}

Items concat_from_sequence(OnnxNode& n) {
  const int64_t axis = n.attr_int("axis", 0);
  const bool make = n.attr_bool("new_axis", false);
  Values v;
  for (const Item& i : elements(n, 0)) {
    Value e = n.importer.value_of(i, n.scope.frame);
    if (make) e = n.call("unsqueeze", {e}, {{"axes", std::vector<int64_t>{axis}}});
    v.push_back(e);
  }
  if (v.empty()) n.fail(ErrorCode::invalid_argument, "an empty sequence");
  return {Item::of(n.g.call("concat", v, {{"axis", axis}}))};
}

Items make_optional(OnnxNode& n) {
  n.ignore_attr("type");  // of an absent element, which has no content whose type could differ
  if (!n.has(0)) return {Item::optional({})};
  return {Item::optional({n.item(0)})};
}

Items optional_has_element(OnnxNode& n) {
  bool has = n.has(0);
  if (has && n.item(0).kind == Item::Kind::optional) has = !n.item(0).elements->empty();
  return {Item::of(n.importer.literal(Tensor::scalar_int(DType::boolean, has), ""))};
}

Items optional_get_element(OnnxNode& n) {
  const Item& i = n.item(0);
  if (i.kind != Item::Kind::optional) return {i};
  if (i.elements->empty()) n.fail(ErrorCode::invalid_argument, "the optional is empty");
  return {(*i.elements)[0]};
}

constexpr Rule rules[] = {
    {"If", "if fail", nullptr, convert_if},
    {"Loop", "loop", nullptr, convert_loop},
    {"Scan", "scan", nullptr, convert_scan},
    {"SequenceMap", "identity", nullptr, convert_sequence_map},
    {"SequenceConstruct", "identity", nullptr, sequence_construct},
    {"SequenceEmpty", "identity", nullptr, sequence_empty},
    {"SequenceAt", "gather", nullptr, sequence_at},
    {"SequenceInsert", "identity", nullptr, sequence_insert},
    {"SequenceErase", "identity", nullptr, sequence_erase},
    {"SequenceLength", "constant", nullptr, sequence_length},
    {"SplitToSequence", "split", nullptr, split_to_sequence},
    {"ConcatFromSequence", "concat", nullptr, concat_from_sequence},
    {"Optional", "identity", nullptr, make_optional},
    {"OptionalHasElement", "constant", nullptr, optional_has_element},
    {"OptionalGetElement", "identity", nullptr, optional_get_element},
};

}  // namespace

std::span<const Rule> control_rules() { return rules; }

}  // namespace neve::import
