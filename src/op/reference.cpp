// The reference: every op run by its own definition.
#include "op/reference.h"

#include <algorithm>
#include <unordered_map>

#include "base/interrupt.h"
#include "op/loops.h"
#include "op/regions.h"

namespace neve {
namespace {

/// The regions of a node that runs: functions, or subgraphs.
struct Regions {
  virtual ~Regions() = default;
  virtual size_t count() const = 0;
  virtual std::vector<TensorType> types(const OpDef& op, size_t k, RegionSignature s) const = 0;
  virtual std::vector<Tensor> run(size_t k, std::span<const Tensor> arguments, int threads) const = 0;
};

struct FunctionRegions final : Regions {
  explicit FunctionRegions(std::span<const RegionFn> functions) : functions(functions) {}
  std::span<const RegionFn> functions;
  size_t count() const override { return functions.size(); }
  std::vector<TensorType> types(const OpDef& op, size_t k, RegionSignature s) const override {
    return widen_region(op, s, [&](const RegionSignature& now) { return infer_region(functions[k], now); });
  }
  std::vector<Tensor> run(size_t k, std::span<const Tensor> arguments, int threads) const override {
    ReferenceBuilder b(threads);
    Values parameters;
    for (const Tensor& t : arguments) parameters.push_back(b.put(t));
    std::vector<Tensor> results;
    for (Value v : functions[k](b, parameters)) results.push_back(b.get(v));
    return results;
  }
};

/// Values of symbols, as the sizes of tensors show them.
using Bindings = std::unordered_map<uint32_t, int64_t>;
void learn_sizes(Bindings& b, const TensorType& type, const Tensor& t) {
  if (!t.defined() || type.rank() != t.rank()) return;
  for (size_t i = 0; i < type.shape.size(); ++i)
    if (type.shape[i].is_symbol()) b.emplace(type.shape[i].as_symbol().id, t.shape()[i]);
}

struct GraphRegions final : Regions {
  GraphRegions(std::span<const std::shared_ptr<const Subgraph>> graphs, Bindings known)
      : graphs(graphs), known(std::move(known)) {}
  std::span<const std::shared_ptr<const Subgraph>> graphs;
  Bindings known;  ///< of the graph around: the types of a region may speak of its symbols
  size_t count() const override { return graphs.size(); }
  std::vector<TensorType> types(const OpDef&, size_t k, RegionSignature) const override {
    std::vector<TensorType> t;
    for (int32_t v : graphs[k]->outputs) {
      t.push_back(graphs[k]->types[size_t(v)]);
      for (Dim& d : t.back().shape)
        d = substitute(d, [&](const Symbol& s) -> std::optional<Dim> {
          const auto it = known.find(s.id);
          return it == known.end() ? std::nullopt : std::optional<Dim>(it->second);
        });
    }
    return t;
  }
  std::vector<Tensor> run(size_t k, std::span<const Tensor> arguments, int threads) const override {
    return evaluate(*graphs[k], arguments, threads);
  }
};

struct Running final : Evaluating {
  const Regions* regions = nullptr;
  std::vector<Tensor> region(size_t k, std::span<const Tensor> arguments) override {
    return regions && k < regions->count() ? regions->run(k, arguments, threads) : Evaluating::region(k, arguments);
  }
};

// Sizes that infer left open get the value they have; every other size must agree.
class SizeCheck {
 public:
  bool agrees(const TensorType& inferred, const Tensor& t) {
    if (!t.defined() || inferred.dtype != t.dtype() || inferred.rank() != t.rank()) return false;
    for (size_t i = 0; i < inferred.shape.size(); ++i)
      if (!agrees(inferred.shape[i], t.shape()[i])) return false;
    return true;
  }

 private:
  bool agrees(Dim d, int64_t n) {
    if (d.is_constant()) return d.value() == n;
    if (d.is_symbol()) {
      const Symbol& s = d.as_symbol();
      return values_.emplace(s.id, n).first->second == n && n >= s.lo && n <= s.hi && n % s.divisor == 0;
    }
    std::vector<Dim> symbols;
    collect_symbols(d, symbols);
    for (Dim s : symbols)
      if (!values_.count(s.as_symbol().id)) return true;  // nothing to compare with
    return neve::evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> { return values_.at(s.id); }) == n;
  }
  std::unordered_map<uint32_t, int64_t> values_;
};

std::vector<Tensor> run_scalar(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, const TensorType& type,
                               int threads) {
  ScalarProgram p;
  std::vector<Scalar> operands;
  for (size_t i = 0; i < in.size(); ++i)
    operands.push_back({&p, p.add({.op = ScalarOp::input, .dtype = in[i].dtype(), .a = int32_t(i)})});
  const Scalar y = op.scalar(attrs.object(), operands);
  check(y.dtype() == type.dtype, op.info.name, ": its expression gives ", y.dtype(), ", infer said ", type);
  p.results = {y.id()};
  Sizes shape;
  for (Dim d : type.shape) shape.push_back(d.value());
  const std::vector<Tensor> out{Tensor::empty(type.dtype, shape)};
  run_elementwise(p, in, out, threads);
  return out;
}

std::vector<Tensor> run_reduction(const OpDef& op, const Attrs& attrs, const Tensor& x, const TensorType& type,
                                  int threads) {
  const std::vector<int64_t> axes = attrs.get_ints("axes");
  std::vector<bool> reduced(size_t(x.rank()), axes.empty());
  for (int64_t a : axes) reduced[size_t(a < 0 ? a + x.rank() : a)] = true;
  Sizes shape;
  for (Dim d : type.shape) shape.push_back(d.value());
  const Tensor y = Tensor::empty(type.dtype, shape);
  run_reduce(op.reduce(attrs.object()), x, reduced, y, threads);
  return {y};
}

std::vector<Tensor> run_lowering(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, int threads) {
  ReferenceBuilder b(threads);
  Values values;
  for (const Tensor& t : in) values.push_back(t.defined() ? b.put(t) : Value{});
  std::vector<Tensor> out;
  for (Value v : op.lower(attrs.object(), b, values)) out.push_back(b.get(v));
  return out;
}

std::vector<Tensor> run_eval(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                             const std::vector<TensorType>& types, int threads, const Regions& regions) {
  Running e;
  e.in = in;
  e.threads = threads;
  e.regions = &regions;
  e.out_types = types;
  for (const TensorType& t : types) {
    e.out_dtype_.push_back(t.dtype);
    e.out_.emplace_back();
    if (!is_constant(t.shape)) continue;
    Sizes shape;
    for (Dim d : t.shape) shape.push_back(d.value());
    e.out_.back() = Tensor::empty(t.dtype, shape);
  }
  op.eval(attrs.object(), e);
  return std::move(e.out_);
}

std::vector<Tensor> run_op(const OpDef& op, const Attrs& attrs, std::span<const Tensor> given, int threads,
                           const Regions& regions) {
  std::vector<Tensor> in(given.begin(), given.end());
  std::vector<TensorType> in_types(in.size());
  std::vector<const TensorType*> pointers(in.size(), nullptr);
  std::vector<Facts> facts(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined()) continue;
    in[i] = in[i].contiguous();
    in_types[i] = type_of(in[i]);
    pointers[i] = &in_types[i];
    facts[i] = facts_of(in[i]);
  }
  Inferring t(op.info, pointers);
  for (size_t k = 0; k < regions.count(); ++k)
    t.regions_.push_back(regions.types(op, k, region_signature(op, attrs, k, pointers, facts)));
  t.in_facts = std::move(facts);
  infer(op, attrs, t);

  const auto sizes_known = [&] {
    check(is_constant(t.out[0].shape), op.info.name, ": infer gave ", t.out[0], " for known sizes");
  };
  std::vector<Tensor> out;
  if (op.lower) {
    out = run_lowering(op, attrs, in, threads);
  } else if (op.scalar) {
    sizes_known();
    out = run_scalar(op, attrs, in, t.out[0], threads);
  } else if (op.reduce) {
    sizes_known();
    out = run_reduction(op, attrs, in[0], t.out[0], threads);
  } else {
    out = run_eval(op, attrs, in, t.out, threads, regions);
  }
  check(out.size() == t.out.size(), op.info.name, ": ", out.size(), " results, infer said ", t.out.size());
  SizeCheck sizes;
  for (size_t k = 0; k < out.size(); ++k)
    check(sizes.agrees(t.out[k], out[k]), op.info.name, ": result ", k, " is ",
          out[k].defined() ? type_text(out[k]) : "missing", ", infer said ", t.out[k]);
  return out;
}

}  // namespace

Value ReferenceBuilder::put(Tensor t) {
  types_.push_back(type_of(t));
  tensors_.push_back(std::move(t));
  return {uint32_t(tensors_.size()) - 1};
}

Values ReferenceBuilder::emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
                              std::span<const RegionFn> regions) {
  std::vector<Tensor> tensors;
  for (Value v : in) tensors.push_back(v.valid() ? tensors_[v.id] : Tensor());
  Values out;
  for (Tensor& t : evaluate(op, attrs, tensors, threads_, regions)) out.push_back(put(std::move(t)));
  return out;
}

Facts ReferenceBuilder::facts(Value v) const { return facts_of(tensors_[v.id]); }

std::vector<Tensor> evaluate(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, int threads,
                             std::span<const RegionFn> regions) {
  return run_op(op, attrs, in, threads, FunctionRegions(regions));
}

std::vector<Tensor> evaluate(const Subgraph& g, std::span<const Tensor> in, int threads) {
  if (in.size() != g.inputs.size())
    fail(ErrorCode::invalid_argument, "evaluate: got ", in.size(), " tensors (the subgraph has ", g.inputs.size(),
         " inputs)");
  std::vector<Tensor> values(g.types.size()), given;
  for (size_t i = 0; i < in.size(); ++i) {
    const bool constant = !in[i].defined() && i < g.constants.size() && g.constants[i].defined();
    given.push_back(constant ? g.constants[i] : in[i]);
    values[size_t(g.inputs[i])] = given.back();
  }
  std::vector<size_t> last(g.types.size(), 0);
  for (size_t n = 0; n < g.nodes.size(); ++n)
    for (int32_t v : g.nodes[n].in)
      if (v >= 0) last[size_t(v)] = n;
  for (int32_t v : g.outputs) last[size_t(v)] = g.nodes.size();

  std::vector<Tensor> arguments;
  for (size_t n = 0; n < g.nodes.size(); ++n) {
    const SubgraphNode& node = g.nodes[n];
    check_interrupt();
    arguments.clear();
    for (int32_t v : node.in) arguments.push_back(v < 0 ? Tensor() : values[size_t(v)]);
    try {
      Bindings known;
      if (!node.regions.empty()) {
        for (size_t i = 0; i < g.inputs.size(); ++i) learn_sizes(known, g.types[size_t(g.inputs[i])], given[i]);
        for (int32_t v : node.in)
          if (v >= 0) learn_sizes(known, g.types[size_t(v)], values[size_t(v)]);
      }
      std::vector<Tensor> out =
          run_op(*node.op, node.attrs, arguments, threads, GraphRegions(node.regions, std::move(known)));
      for (size_t k = 0; k < node.out.size(); ++k)
        if (node.out[k] >= 0) values[size_t(node.out[k])] = std::move(out[k]);
    } catch (const Error& e) {
      throw node.name.empty() ? e : e.with(str("  at node '", node.name, "'"));
    }
    for (int32_t v : node.in)
      if (v >= 0 && last[size_t(v)] == n) values[size_t(v)] = {};
  }
  std::vector<Tensor> results;
  for (int32_t v : g.outputs) results.push_back(values[size_t(v)]);
  return results;
}

Facts facts_of(const Tensor& t) {
  if (!t.defined() || t.rank() > 1 || t.element_count() > 64 || !(is_int(t.dtype()) || t.dtype() == DType::boolean))
    return {};
  Shape content;
  for (int64_t k = 0; k < t.element_count(); ++k) {
    const int64_t v = t.item_int(k);
    if (t.dtype() == DType::u64 && v < 0) return {};  // above what a Dim can hold
    constexpr int64_t lowest = INT64_MIN + (int64_t(1) << 32) + 1;
    content.push_back(std::max(v, lowest));
  }
  return Facts::of(std::move(content));
}

TensorType type_of(const Tensor& t) {
  TensorType type{t.dtype(), {}};
  for (int64_t n : t.shape()) type.shape.push_back(n);
  return type;
}

}  // namespace neve
