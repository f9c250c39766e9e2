// If, Loop and Scan: subgraphs become regions, what they capture becomes inputs of their node.
#include "import/onnx/control.h"

#include <algorithm>
#include <functional>

#include "import/onnx/rules.h"
#include "op/registry.h"

namespace neve::import {

namespace {

constexpr int64_t most_unrolled = 1024;

void each_leaf(const Item& item, const std::function<void(const Item&)>& use) {
  if (item.kind == Item::Kind::tensor) return use(item);
  if (item.elements)
    for (const Item& e : *item.elements) each_leaf(e, use);
}

Item map_leaves(const Item& item, const std::function<Item(const Item&)>& make) {
  if (item.kind == Item::Kind::tensor) return make(item);
  if (!item.elements) return item;
  std::vector<Item> elements;
  for (const Item& e : *item.elements) elements.push_back(map_leaves(e, make));
  return item.kind == Item::Kind::sequence ? Item::sequence(std::move(elements)) : Item::optional(std::move(elements));
}

/// "t" for a tensor, "s(tt)" for a sequence of two: what two branches must agree in.
std::string structure(const Items& items) {
  std::string s;
  for (const Item& i : items) {
    s += i.kind == Item::Kind::tensor     ? 't'
         : i.kind == Item::Kind::sequence ? 's'
         : i.kind == Item::Kind::optional ? 'o'
                                          : '-';
    if (i.elements) s += "(" + structure(*i.elements) + ")";
  }
  return s;
}

Values leaves(Importer& importer, Frame& frame, const Items& items) {
  Values out;
  for (const Item& i : items) each_leaf(i, [&](const Item& leaf) { out.push_back(importer.value_of(leaf, frame)); });
  return out;
}

/// The same structure over other values.
Items rebuild(const Items& like, const Values& values) {
  size_t at = 0;
  Items out;
  for (const Item& i : like) out.push_back(map_leaves(i, [&](const Item&) { return Item::of(values[at++]); }));
  return out;
}

/// What the regions of one node take from outside.
class Captures {
 public:
  Captures(OnnxNode& n, std::initializer_list<const pb::GraphProto*> graphs) : n_(n) {
    for (const auto* g : graphs) {
      for (const std::string& name : n.importer.info(*g).captures) add(name);
      for (const LiteralRef& l : n.importer.region_weights(*g)) add(l);
    }
  }
  /// Further inputs of the node.
  const Values& values() const { return values_; }
  /// Makes the names visible in a region whose last parameters stand for values().
  void bind(Scope& region, std::span<const Value> parameters) const {
    parameters = parameters.subspan(parameters.size() - values_.size());
    const auto inside = [&](const Item& leaf) {
      if (leaf.literal) return leaf;  // made again where it is used; weights stand in frame.weights
      const auto at = std::find(values_.begin(), values_.end(), leaf.value) - values_.begin();
      return Item::of(parameters[size_t(at)]);
    };
    for (const auto& [name, item] : items_) region.items[name] = map_leaves(item, inside);
    for (const auto& [literal, value] : weights_)
      region.frame.weights[literal.get()] =
          parameters[size_t(std::find(values_.begin(), values_.end(), value) - values_.begin())];
  }

 private:
  void add(const std::string& name) {
    const Item& item = n_.importer.get(name, n_.scope);
    items_.emplace_back(name, item);
    each_leaf(item, [&](const Item& leaf) {
      if (!leaf.literal)
        add(leaf.value);
      else if (leaf.literal->weight)
        add(leaf.literal);
    });
  }
  void add(const LiteralRef& l) {
    const Value v = n_.importer.value_of(Item::of(l), n_.scope.frame);
    weights_.emplace_back(l, v);
    add(v);
  }
  void add(Value v) {
    if (std::find(values_.begin(), values_.end(), v) == values_.end()) values_.push_back(v);
  }
  OnnxNode& n_;
  std::vector<std::pair<std::string, Item>> items_;
  std::vector<std::pair<LiteralRef, Value>> weights_;
  Values values_;
};

ir::Graph& graph_of(Builder& b) {
  auto* g = dynamic_cast<ir::Graph*>(&b);
  check(g, "a region is built outside of a graph");
  return *g;
}

/// A region that runs `graph`; its inputs are the first parameters. `results` receives the structure.
RegionFn region(OnnxNode& n, const pb::GraphProto& graph, const Captures& captures, size_t own, Items& results) {
  return [&n, &graph, &captures, own, &results](Builder& b, std::span<const Value> parameters) -> Values {
    Frame frame(graph_of(b));
    Scope scope{frame, &n.scope, n.scope.opsets, n.scope.call};
    captures.bind(scope, parameters);
    n.require(size_t(graph.input_size()) <= own, "its body has ", graph.input_size(), " inputs, but gets ", own);
    for (int i = 0; i < graph.input_size(); ++i) scope.items[graph.input(i).name()] = Item::of(parameters[size_t(i)]);
    results = n.importer.convert_body(graph, scope);
    return leaves(n.importer, frame, results);
  };
}

/// Converts a subgraph in place, without a region.
Items inlined(OnnxNode& n, const pb::GraphProto& graph, const Items& inputs) {
  n.require(size_t(graph.input_size()) <= inputs.size(), "its body has ", graph.input_size(), " inputs, but gets ",
            inputs.size());
  Scope scope{n.scope.frame, &n.scope, n.scope.opsets, n.scope.call};
  for (int i = 0; i < graph.input_size(); ++i) scope.items[graph.input(i).name()] = inputs[size_t(i)];
  return n.importer.convert_body(graph, scope);
}

}  // namespace

std::optional<Relation> relation_of(const ir::Graph& g, Value v, int depth) {
  const ir::Node* n = g.def(v);
  if (!n || depth > 32) return {};
  const std::string_view op = n->op->info.name;
  if (op == "identity" || op == "reshape" || op == "squeeze" || op == "unsqueeze" || op == "cast" || op == "flatten")
    return relation_of(g, n->in[0], depth + 1);
  if (op == "logical_not" || op == "not") {
    auto r = relation_of(g, n->in[0], depth + 1);
    if (r) r->holds = !r->holds;
    return r;
  }
  if (op != "equal") return {};
  const Facts a = g.facts(n->in[0]), b = g.facts(n->in[1]);
  if (!a.known || !b.known || a.content.size() != 1 || b.content.size() != 1) return {};
  return Relation{a.content[0], b.content[0], true};
}

namespace {

bool does_not_fit(const Error& e) {
  return e.code() == ErrorCode::type_mismatch || e.code() == ErrorCode::shape_mismatch ||
         e.code() == ErrorCode::invalid_argument;
}

/// An If as a node with two regions.
struct Branches {
  OnnxNode& n;
  const Captures& captures;
  const Values& in;
  const pb::GraphProto* graphs[2];
  std::optional<Error> refused = {};  ///< why there is no such node
  int misfit = -1;                    ///< the branch whose ops refuse the sizes they get

  RegionFn branch(int k, Items& results) {
    return [this, k, inner = region(n, *graphs[k], captures, 0, results)](Builder& b, std::span<const Value> p) {
      try {
        return inner(b, p);
      } catch (const Error& e) {
        misfit = does_not_fit(e) ? k : -1;
        throw;
      }
    };
  }
  /// Nothing, with `refused` and `misfit`, where the regions cannot be those of one node.
  std::optional<Items> emit(const RegionFn& then, const RegionFn& otherwise, const Items& a, const Items& b) {
    const RegionFn regions[] = {then, otherwise};
    try {
      const Values out = n.g.emit(find_op("if"), find_op("if").defaults(), in, regions);
      if (structure(a) == structure(b)) return rebuild(a, out);
      refused.emplace(ErrorCode::unsupported, "If: its branches give sequences of other lengths");
    } catch (const Error& e) {
      if (!does_not_fit(e)) throw;
      refused = e;
    }
    return {};
  }
  std::optional<Items> both() {
    Items a, b;
    return emit(branch(0, a), branch(1, b), a, b);
  }
  /// Where one branch does not fit the sizes at hand and the other does: the other, and an error for when it is not
  /// taken.
  std::optional<Items> the_one_that_fits() {
    if (misfit < 0) return {};
    const Error why = *refused;
    const int bad = misfit, good = 1 - bad;
    Items a, b;
    const auto typed = emit(branch(good, a), branch(good, b), a, b);
    if (!typed) {
      refused = why;
      return {};
    }
    const std::string which = bad == 0 ? "then" : "else";
    const std::string text =
        str("If: its ", which, " branch does not fit the sizes that the model was read for: ", why.message());
    const Values types = leaves(n.importer, n.scope.frame, *typed);
    const RegionFn raise = [&](Builder& g, std::span<const Value> parameters) {
      Values out;
      for (Value v : types) out.push_back(failing(g, parameters, n.g.type(v), text));
      return out;
    };
    auto out = good == 0 ? emit(branch(0, a), raise, a, a) : emit(raise, branch(1, a), a, a);
    if (out) n.importer.warn(str(text, "\n  the model fails where that branch is taken"));
    return out;
  }

 private:
  /// A value of this type that is an error when it is needed. Sizes that the region's parameters do not give are said
  /// to be 0: the result of the If then has sizes that are known when it has run.
  static Value failing(Builder& g, std::span<const Value> parameters, const TensorType& type, const std::string& text) {
    std::vector<Dim> known;
    for (Value p : parameters)
      for (Dim d : g.type(p).shape)
        if (d.is_symbol()) known.push_back(d);
    Shape shape;
    for (Dim d : type.shape) {
      std::vector<Dim> needed;
      collect_symbols(d, needed);
      const bool given = std::all_of(needed.begin(), needed.end(),
                                     [&](Dim s) { return std::find(known.begin(), known.end(), s) != known.end(); });
      shape.push_back(given ? d : Dim(0));
    }
    return g.call("fail", {g.dims(shape, parameters)}, {{"message", text}, {"dtype", type.dtype}});
  }
};

}  // namespace

Items convert_if(OnnxNode& n) {
  const auto *then = n.attr_graph("then_branch"), *otherwise = n.attr_graph("else_branch");
  n.require(then && otherwise, "needs then_branch and else_branch");
  if (const auto known = n.content(0)) {
    n.require(known->element_count() == 1, "the condition has ", known->element_count(), " elements");
    return inlined(n, known->item() != 0 ? *then : *otherwise, {});
  }
  const Value cond = n.in(0);
  std::optional<Error> refused;
  const auto relation = relation_of(n.g, cond);
  {
    const Captures captures(n, {then, otherwise});
    Values in{cond};
    in.insert(in.end(), captures.values().begin(), captures.values().end());
    Branches branches{n, captures, in, {then, otherwise}};
    if (auto out = branches.both()) return *out;
    if (!relation)
      if (auto out = branches.the_one_that_fits()) return *out;
    refused = branches.refused;
  }
  // The branches cannot be one value: a condition on sizes is decided here, and becomes a requirement.
  if (!relation) throw *refused;
  const bool equal = n.importer.decide();
  const std::string reason = str("If: the branch where ", relation->a, equal ? " is " : " is not ", relation->b,
                                 " was taken when the model was read");
  if (equal)
    n.g.add_constraint({Constraint::equal, relation->a, relation->b, reason});
  else
    n.g.add_constraint({Constraint::at_least, relation->a, relation->b + 1, reason});
  return inlined(n, equal == relation->holds ? *then : *otherwise, {});
}

namespace {

/// A loop whose length is known, step by step: for what a region cannot carry (sequences, changing ranks).
Items unrolled(OnnxNode& n, const pb::GraphProto& body, const std::string& why) {
  const auto trips = n.content(0);
  if (!trips || trips->element_count() != 1)
    n.fail(ErrorCode::unsupported, why, ", so the number of its iterations must be known when the model is read");
  const int64_t most = trips->item_int();
  if (most > most_unrolled)
    n.fail(ErrorCode::unsupported, why, ", and ", most, " iterations are too many to write out (at most ",
           most_unrolled, ")");
  bool go = true;
  if (n.has(1)) {
    const auto cond = n.content(1);
    if (!cond) n.fail(ErrorCode::unsupported, why, ", and its condition is computed at run time");
    go = cond->item() != 0;
  }
  Items carried;
  for (size_t i = 2; i < n.inputs(); ++i) carried.push_back(n.item(i));
  const size_t scans = n.outputs() > carried.size() ? n.outputs() - carried.size() : 0;
  std::vector<Values> stacked(scans);
  for (int64_t i = 0; i < most && go; ++i) {
    Items in{Item::of(n.importer.literal(Tensor::scalar_int(DType::i64, i), "")),
             Item::of(n.importer.literal(Tensor::scalar_int(DType::boolean, 1), ""))};
    in.insert(in.end(), carried.begin(), carried.end());
    const Items out = inlined(n, body, in);
    n.require(out.size() >= 1 + carried.size() + scans, "its body has ", out.size(), " outputs");
    const auto cond = n.importer.content_of(out[0], n.scope.frame);
    if (!cond) n.fail(ErrorCode::unsupported, why, ", and its condition is computed at run time");
    go = cond->item() != 0;
    for (size_t k = 0; k < carried.size(); ++k) carried[k] = out[1 + k];
    for (size_t k = 0; k < scans; ++k)
      stacked[k].push_back(n.call("unsqueeze", {n.importer.value_of(out[1 + carried.size() + k], n.scope.frame)},
                                  {{"axes", std::vector<int64_t>{0}}}));
  }
  for (const Values& s : stacked) {
    if (s.empty()) n.fail(ErrorCode::unsupported, why, ", and without an iteration its scan outputs have no type");
    carried.push_back(Item::of(n.g.call("concat", s, {{"axis", int64_t(0)}})));
  }
  return carried;
}

}  // namespace

Items convert_loop(OnnxNode& n) {
  const auto* body = n.attr_graph("body");
  n.require(body, "needs a body");
  const size_t carried = n.inputs() > 2 ? n.inputs() - 2 : 0;
  n.require(size_t(body->output_size()) >= 1 + carried, "its body has ", body->output_size(), " outputs (", 1 + carried,
            " or more are right)");
  const size_t scans = size_t(body->output_size()) - 1 - carried;
  for (size_t i = 2; i < n.inputs(); ++i)
    if (n.item(i).kind != Item::Kind::tensor) return unrolled(n, *body, "it carries a sequence");
  const Captures captures(n, {body});
  Values in{n.optional_in(0), n.optional_in(1)};
  if (in[0].valid()) in[0] = n.g.cast(in[0], DType::i64);
  for (size_t i = 2; i < n.inputs(); ++i) in.push_back(n.in(i));
  in.insert(in.end(), captures.values().begin(), captures.values().end());
  Items results;
  const RegionFn regions[] = {region(n, *body, captures, 2 + carried, results)};
  try {
    const OpDef& loop = find_op("loop");
    const Attrs attrs = loop.defaults().with({{"carried", int64_t(carried)}, {"scan_outputs", int64_t(scans)}});
    Items out;
    for (Value v : n.g.emit(loop, attrs, in, regions)) out.push_back(Item::of(v));
    return out;
  } catch (const Error& e) {
    if (e.code() != ErrorCode::type_mismatch || !n.content(0)) throw;
    return unrolled(n, *body, e.message());
  }
}

namespace {

Items emit_scan(OnnxNode& n, const pb::GraphProto& body, const Values& in, size_t carried, size_t scan_inputs,
                const AttrList& more) {
  const Captures captures(n, {&body});
  Values all = in;
  all.insert(all.end(), captures.values().begin(), captures.values().end());
  Items results;
  const RegionFn regions[] = {region(n, body, captures, in.size(), results)};
  AttrList attrs{{"carried", int64_t(carried)}, {"num_scan_inputs", int64_t(scan_inputs)}};
  attrs.insert(attrs.end(), more.begin(), more.end());
  const OpDef& scan = find_op("scan");
  Items out;
  for (Value v : n.g.emit(scan, scan.defaults().with(attrs), all, regions)) out.push_back(Item::of(v));
  return out;
}

/// Scan of operator set 8: batched, with an optional length per sample. Each sample is scanned by itself.
Items convert_scan_8(OnnxNode& n, const pb::GraphProto& body, size_t scan_inputs) {
  if (n.has(0)) n.fail(ErrorCode::unsupported, "sequence_lens of operator set 8 (export with operator set 9 or newer)");
  const auto directions = n.attr_ints("directions");
  const size_t inputs = n.inputs() - 1, carried = inputs - scan_inputs;
  const Dim batch = n.type(1).shape.empty() ? Dim(0) : n.type(1).shape[0];
  if (!batch.is_constant() || batch.value() < 1 || batch.value() > 64)
    n.fail(ErrorCode::unsupported, "a batch of ", batch,
           " in the form of operator set 8 (1 to 64; export with operator set 9 or newer)");
  std::vector<Values> samples;
  for (int64_t b = 0; b < batch.value(); ++b) {
    Values in;
    for (size_t i = 1; i <= inputs; ++i)
      in.push_back(
          n.call("gather", {n.in(i), n.g.constant(Tensor::scalar_int(DType::i64, b))}, {{"axis", int64_t(0)}}));
    const Items out = emit_scan(n, body, in, carried, scan_inputs, {{"scan_input_directions", directions}});
    samples.resize(out.size());
    for (size_t k = 0; k < out.size(); ++k)
      samples[k].push_back(n.call("unsqueeze", {out[k].value}, {{"axes", std::vector<int64_t>{0}}}));
  }
  Items out;
  for (const Values& s : samples) out.push_back(Item::of(n.g.call("concat", s, {{"axis", int64_t(0)}})));
  return out;
}

}  // namespace

Items convert_scan(OnnxNode& n) {
  const auto* body = n.attr_graph("body");
  n.require(body, "needs a body");
  const int64_t scan_inputs = n.attr_int("num_scan_inputs", 0), first = n.opset < 9 ? 1 : 0;
  n.require(scan_inputs >= 1 && scan_inputs <= int64_t(n.inputs()) - first, "num_scan_inputs is ", scan_inputs,
            " with ", n.inputs(), " inputs");
  if (n.opset < 9) return convert_scan_8(n, *body, size_t(scan_inputs));
  AttrList attrs;
  for (const char* name : {"scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"})
    attrs.emplace_back(name, n.attr_ints(name));
  Values in;
  for (size_t i = 0; i < n.inputs(); ++i) in.push_back(n.in(i));
  return emit_scan(n, *body, in, n.inputs() - size_t(scan_inputs), size_t(scan_inputs), attrs);
}

Items convert_sequence_map(OnnxNode& n) {
  const auto* body = n.attr_graph("body");
  n.require(body, "needs a body");
  const Item& first = n.item(0);
  n.require(first.kind == Item::Kind::sequence, "its first input is not a sequence");
  const size_t length = first.elements->size();
  std::vector<std::vector<Item>> out(static_cast<size_t>(body->output_size()));
  for (size_t i = 0; i < length; ++i) {
    Items in;
    for (size_t k = 0; k < n.inputs(); ++k) {
      const Item& item = n.item(k);
      if (item.kind != Item::Kind::sequence) {
        in.push_back(item);
        continue;
      }
      n.require(item.elements->size() == length, "sequences of ", length, " and ", item.elements->size(), " elements");
      in.push_back((*item.elements)[i]);
    }
    const Items results = inlined(n, *body, in);
    for (size_t k = 0; k < results.size(); ++k) out[k].push_back(results[k]);
  }
  Items sequences;
  for (auto& s : out) sequences.push_back(Item::sequence(std::move(s)));
  return sequences;
}

}  // namespace neve::import
