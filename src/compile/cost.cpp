// Counting: the piece is walked with the types it has at these sizes, composites through their lowering.
#include "compile/cost.h"

#include <algorithm>
#include <deque>

#include "op/def.h"
#include "op/reference.h"

namespace neve::compile {
namespace {

TensorType type_at(DType dtype, const Sizes& sizes) {
  TensorType t{dtype, {}};
  for (int64_t n : sizes) t.shape.push_back(n);
  return t;
}

bool is_arithmetic(const ScalarNode& n) {
  return n.op != ScalarOp::input && n.op != ScalarOp::constant && n.op != ScalarOp::cast &&
         n.op != ScalarOp::cast_saturate;
}

/// A Builder that infers and counts, and computes nothing.
class CountingBuilder final : public Builder {
 public:
  double flops = 0;
  bool exact = true;

  Value add(TensorType t, Facts f) {
    types_.push_back(std::move(t));
    facts_.push_back(std::move(f));
    return {uint32_t(types_.size()) - 1};
  }
  const TensorType& type(Value v) const override { return types_[v.id]; }
  Facts facts(Value v) const override { return facts_[v.id]; }

  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions = {}) override {
    if (!regions.empty()) fail(ErrorCode::unsupported, op.info.name, ": its regions are not counted");
    std::vector<TensorType> types(in.size());
    std::vector<const TensorType*> pointers(in.size(), nullptr);
    std::vector<Facts> facts(in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      if (!in[i].valid()) continue;
      types[i] = types_[in[i].id], pointers[i] = &types[i], facts[i] = facts_[in[i].id];
    }
    Inferring t(op.info, pointers);
    t.in_facts = std::move(facts);
    infer(op, attrs, t);
    if (op.lower && !op.flops)
      op.lower(attrs.object(), *this, in);
    else
      count(op, attrs, types, t.out);
    Values out;
    for (size_t k = 0; k < t.out.size(); ++k) {
      const bool known = k < t.out_content.size() && t.out_content[k];
      out.push_back(add(t.out[k], known ? Facts::of(*t.out_content[k]) : Facts{}));
    }
    return out;
  }

  void set_type(Value v, TensorType t) { types_[v.id] = std::move(t); }

 private:
  void count(const OpDef& op, const Attrs& attrs, std::span<const TensorType> in, std::span<const TensorType> out) {
    auto known = [](const TensorType& t) { return is_constant(t.shape); };
    if (!op.flops && !op.scalar && !op.reduce) return;
    if (!std::all_of(in.begin(), in.end(), known) || !std::all_of(out.begin(), out.end(), known)) {
      exact = false;
    } else if (op.flops) {
      flops += op.flops(attrs.object(), in, out);
    } else if (op.scalar) {
      flops += steps_of(op, attrs, in) * elements(out[0]);
    } else {
      flops += elements(in[0]);
    }
  }
  static double elements(const TensorType& t) {
    double n = 1;
    for (Dim d : t.shape) n *= double(d.value());
    return n;
  }
  static double steps_of(const OpDef& op, const Attrs& attrs, std::span<const TensorType> in) {
    ScalarProgram p;
    std::vector<Scalar> operands;
    for (size_t i = 0; i < in.size(); ++i)
      operands.push_back({&p, p.add({.op = ScalarOp::input, .dtype = in[i].dtype, .a = int32_t(i)})});
    op.scalar(attrs.object(), operands);
    return double(std::count_if(p.nodes.begin(), p.nodes.end(), is_arithmetic));
  }

  std::deque<TensorType> types_;  // references stay valid while values are added
  std::deque<Facts> facts_;
};

double elements_of(const Sizes& s) {
  double n = 1;
  for (int64_t d : s) n *= double(d);
  return n;
}

/// Elements of graph input `v` that its users look at; all of them where the types inside are not known.
double elements_read(const Subgraph& g, int32_t v, double all, std::span<const TensorType> types,
                     const std::vector<bool>& known) {
  if (std::find(g.outputs.begin(), g.outputs.end(), v) != g.outputs.end()) return all;
  double read = 0;
  for (const SubgraphNode& n : g.nodes)
    for (size_t i = 0; i < n.in.size(); ++i) {
      if (n.in[i] != v) continue;
      const auto is_known = [&](int32_t x) { return x < 0 || known[size_t(x)]; };
      if (!n.op->reads || !std::all_of(n.in.begin(), n.in.end(), is_known) ||
          !std::all_of(n.out.begin(), n.out.end(), is_known))
        return all;
      std::vector<TensorType> in, out;
      for (int32_t x : n.in) in.push_back(x < 0 ? TensorType{} : types[size_t(x)]);
      for (int32_t x : n.out) out.push_back(x < 0 ? TensorType{} : types[size_t(x)]);
      read += n.op->reads(n.attrs.object(), i, in, out);
    }
  return std::min(read, all);
}

}  // namespace

Cost cost_of(const Subgraph& g, std::span<const Sizes> in, std::span<const Sizes> out) {
  Cost c;
  CountingBuilder b;
  std::vector<Value> value(g.types.size());
  std::vector<TensorType> types(g.types.size());
  std::vector<bool> known(g.types.size(), false);
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    const size_t v = size_t(g.inputs[i]);
    Facts facts;
    if (i < g.constants.size() && g.constants[i].defined()) facts = facts_of(g.constants[i]);
    types[v] = type_at(g.types[v].dtype, in[i]);
    value[v] = b.add(types[v], std::move(facts)), known[v] = true;
  }
  for (const SubgraphNode& n : g.nodes) {
    Values operands, results;
    for (int32_t v : n.in) operands.push_back(v < 0 ? Value{} : value[size_t(v)]);
    const bool ready = std::all_of(n.in.begin(), n.in.end(), [&](int32_t v) { return v < 0 || known[size_t(v)]; });
    try {
      if (ready && n.regions.empty()) results = b.emit(*n.op, n.attrs, operands);
    } catch (const Error&) {  // it needs what only a run tells
    }
    if (results.empty()) c.exact = false;
    for (size_t k = 0; k < n.out.size(); ++k) {
      if (n.out[k] < 0) continue;
      const size_t v = size_t(n.out[k]);
      const auto at = std::find(g.outputs.begin(), g.outputs.end(), n.out[k]);
      if (at != g.outputs.end()) {  // the call knows better than inference where sizes depend on data
        types[v] = type_at(g.types[v].dtype, out[size_t(at - g.outputs.begin())]);
        value[v] = k < results.size() ? results[k] : b.add(types[v], {});
        b.set_type(value[v], types[v]);
        known[v] = true;
      } else if (k < results.size()) {
        value[v] = results[k], types[v] = b.type(value[v]), known[v] = is_constant(types[v].shape);
      }
    }
  }
  c.flops = b.flops, c.exact = c.exact && b.exact;
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    const size_t v = size_t(g.inputs[i]);
    const double bytes =
        elements_read(g, g.inputs[i], elements_of(in[i]), types, known) * double(size_of(g.types[v].dtype));
    c.bytes += bytes;
    if (i < g.roles.size() && g.roles[i] != InputRole::activation) c.weight_bytes += bytes;
  }
  for (size_t k = 0; k < g.outputs.size(); ++k)
    c.bytes += elements_of(out[k]) * double(size_of(g.types[size_t(g.outputs[k])].dtype));
  return c;
}

}  // namespace neve::compile
