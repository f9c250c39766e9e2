// Types of regions: signatures of the ops that have them, widening to a fixed point, and a Builder that only infers.
#include "op/regions.h"

#include <deque>

namespace neve {
namespace {

/// Infers and computes nothing.
class TypeBuilder final : public Builder {
 public:
  Value put(TensorType t, Facts f) {
    types_.push_back(std::move(t));
    facts_.push_back(std::move(f));
    return {uint32_t(types_.size()) - 1};
  }
  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions) override {
    std::vector<const TensorType*> types;
    std::vector<Facts> facts;
    for (Value v : in) {
      types.push_back(v.valid() ? &types_[v.id] : nullptr);
      facts.push_back(v.valid() ? facts_[v.id] : Facts{});
    }
    NodeTypes node = infer_node(op, attrs, types, facts, regions);
    Values out;
    for (size_t k = 0; k < node.out.size(); ++k) out.push_back(put(std::move(node.out[k]), std::move(node.facts[k])));
    return out;
  }
  const TensorType& type(Value v) const override { return types_[v.id]; }
  Facts facts(Value v) const override { return facts_[v.id]; }

 private:
  std::deque<TensorType> types_;  // references stay valid
  std::deque<Facts> facts_;
};

void add_parameters(RegionSignature& s, std::span<const TensorType* const> in, std::span<const Facts> facts,
                    size_t begin, size_t end, bool keep_facts) {
  for (size_t i = begin; i < end; ++i) {
    check(in[i], "region: input ", i, " is absent");
    s.parameters.push_back(*in[i]);
    s.facts.push_back(keep_facts && i < facts.size() ? facts[i] : Facts{});
  }
}

void require_inputs(const OpDef& op, size_t have, int64_t wanted) {
  if (wanted < 0 || have < size_t(wanted))
    fail(ErrorCode::invalid_argument, op.info.name, ": got ", have, " inputs (its attributes need at least ", wanted,
         ")");
}

RegionSignature loop_signature(const OpDef& op, const Attrs& attrs, std::span<const TensorType* const> in,
                               std::span<const Facts> facts) {
  const int64_t carried = attrs.get_int("carried");
  require_inputs(op, in.size(), carried < 0 ? -1 : 2 + carried);
  RegionSignature s;
  s.first_carried = 2, s.carried = size_t(carried), s.first_result = 1;
  s.parameters = {{DType::i64, {}}, {DType::boolean, {}}};
  s.facts.resize(2);
  add_parameters(s, in, facts, 2, 2 + s.carried, false);
  add_parameters(s, in, facts, 2 + s.carried, in.size(), true);
  return s;
}

RegionSignature scan_signature(const OpDef& op, const Attrs& attrs, std::span<const TensorType* const> in,
                               std::span<const Facts> facts) {
  const int64_t carried = attrs.get_int("carried"), scans = attrs.get_int("num_scan_inputs");
  require_inputs(op, in.size(), carried < 0 || scans < 1 ? -1 : carried + scans);
  const std::vector<int64_t> axes = attrs.get_ints("scan_input_axes");
  RegionSignature s;
  s.carried = size_t(carried);
  add_parameters(s, in, facts, 0, s.carried, false);
  for (size_t i = 0; i < size_t(scans); ++i) {
    check(in[s.carried + i], op.info.name, ": a scan input is absent");
    TensorType t = *in[s.carried + i];
    int64_t axis = i < axes.size() ? axes[i] : 0;
    if (axis < 0) axis += t.rank();
    if (axis < 0 || axis >= t.rank())
      fail(ErrorCode::invalid_argument, op.info.name, ": scan_input_axes[", i, "] is ", axis, " for an input of type ",
           t);
    t.shape.erase(t.shape.begin() + axis);
    s.parameters.push_back(std::move(t));
    s.facts.emplace_back();
  }
  add_parameters(s, in, facts, s.carried + size_t(scans), in.size(), true);
  return s;
}

}  // namespace

RegionSignature region_signature(const OpDef& op, const Attrs& attrs, size_t, std::span<const TensorType* const> in,
                                 std::span<const Facts> facts) {
  if (op.info.name == "loop") return loop_signature(op, attrs, in, facts);
  if (op.info.name == "scan") return scan_signature(op, attrs, in, facts);
  RegionSignature s;
  if (op.info.name == "if") require_inputs(op, in.size(), 1);
  add_parameters(s, in, facts, op.info.name == "if" ? 1 : 0, in.size(), true);
  return s;
}

bool widen(const OpDef& op, size_t carried, TensorType& before, const TensorType& after, std::vector<bool>& widened) {
  if (before.dtype != after.dtype || before.rank() != after.rank())
    fail(ErrorCode::type_mismatch, op.info.name, ": carried value ", carried, " is ", before,
         " before an iteration and ", after, " after it (dtype and rank must stay)");
  widened.resize(before.shape.size());
  bool changed = false;
  for (size_t j = 0; j < before.shape.size(); ++j) {
    if (before.shape[j] == after.shape[j] || widened[j]) continue;
    before.shape[j] = Dim::symbol(str("carried", carried, "_", j), 0, Dim::unbounded, 1,
                                  str(op.info.name, ": carried value ", carried, " axis ", j));
    widened[j] = changed = true;
  }
  return changed;
}

std::vector<TensorType> widen_region(const OpDef& op, RegionSignature& s,
                                     FunctionRef<std::vector<TensorType>(const RegionSignature&)> results) {
  std::vector<std::vector<bool>> widened(s.carried);
  // Each round widens at least one size or is the last.
  while (true) {
    std::vector<TensorType> out = results(s);
    if (out.size() < s.first_result + s.carried)
      fail(ErrorCode::invalid_argument, op.info.name, ": the region has ", out.size(),
           " results (its carried values need ", s.first_result + s.carried, ")");
    bool changed = false;
    for (size_t i = 0; i < s.carried; ++i)
      changed = widen(op, i, s.parameters[s.first_carried + i], out[s.first_result + i], widened[i]) || changed;
    if (!changed) return out;
  }
}

std::vector<TensorType> infer_region(const RegionFn& region, const RegionSignature& s) {
  TypeBuilder b;
  Values parameters;
  for (size_t i = 0; i < s.parameters.size(); ++i)
    parameters.push_back(b.put(s.parameters[i], i < s.facts.size() ? s.facts[i] : Facts{}));
  std::vector<TensorType> types;
  for (Value v : region(b, parameters)) types.push_back(b.type(v));
  return types;
}

NodeTypes infer_node(const OpDef& op, const Attrs& attrs, std::span<const TensorType* const> in,
                     std::span<const Facts> facts, std::span<const RegionFn> regions) {
  Inferring t(op.info, in);
  t.in_facts.assign(facts.begin(), facts.end());
  for (size_t k = 0; k < regions.size(); ++k) {
    RegionSignature s = region_signature(op, attrs, k, in, facts);
    t.regions_.push_back(
        widen_region(op, s, [&](const RegionSignature& now) { return infer_region(regions[k], now); }));
  }
  infer(op, attrs, t);
  NodeTypes node{std::move(t.out), {}, std::move(t.constraints)};
  for (size_t k = 0; k < node.out.size(); ++k)
    node.facts.push_back(k < t.out_content.size() && t.out_content[k] ? Facts::of(*t.out_content[k]) : Facts{});
  return node;
}

}  // namespace neve
