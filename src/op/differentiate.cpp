// Reverse mode over a recording of what a composition emitted.
#include "op/differentiate.h"

#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace neve {
namespace {

/// Passes everything on to another Builder and remembers it.
class Recorder final : public Builder {
 public:
  struct Step {
    const OpDef* op;
    Attrs attrs;
    Values in, out;
    bool regions;
  };
  explicit Recorder(Builder& b) : b_(b) {}
  Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
              std::span<const RegionFn> regions) override {
    Values out = b_.emit(op, attrs, in, regions);
    steps.push_back({&op, attrs, {in.begin(), in.end()}, out, !regions.empty()});
    return out;
  }
  const TensorType& type(Value v) const override { return b_.type(v); }
  Facts facts(Value v) const override { return b_.facts(v); }
  std::deque<Step> steps;

 private:
  Builder& b_;
};

bool differentiable(const TensorType& t) { return is_float(t.dtype) || is_complex(t.dtype); }

}  // namespace

Values differentiate(Builder& b, const std::function<Values(Builder&, std::span<const Value>)>& forward,
                     std::span<const Value> in, std::span<const Value> dout, std::span<const bool> needs) {
  Recorder recorder(b);
  const Values out = forward(recorder, in);
  std::unordered_set<uint32_t> active;  // values that depend on an input whose gradient is needed
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i].valid() && needs[i]) active.insert(in[i].id);
  for (const Recorder::Step& s : recorder.steps) {
    bool any = false;
    for (Value v : s.in) any = any || (v.valid() && active.count(v.id));
    if (any)
      for (Value v : s.out)
        if (v.valid() && differentiable(b.type(v))) active.insert(v.id);
  }
  std::unordered_map<uint32_t, Value> gradient;
  auto add = [&](Value v, Value d) {
    if (!v.valid() || !d.valid() || !active.count(v.id)) return;
    const auto [it, fresh] = gradient.try_emplace(v.id, d);
    if (!fresh) it->second = b.call("add", {it->second, d});
  };
  for (size_t k = 0; k < out.size() && k < dout.size(); ++k) add(out[k], dout[k]);
  for (auto s = recorder.steps.rbegin(); s != recorder.steps.rend(); ++s) {
    Values given(s->out.size());
    bool any = false;
    for (size_t k = 0; k < s->out.size(); ++k) {
      const auto it = s->out[k].valid() ? gradient.find(s->out[k].id) : gradient.end();
      if (it == gradient.end()) continue;
      given[k] = it->second;
      any = true;
    }
    if (!any) continue;
    if (s->regions) fail(ErrorCode::unsupported, "gradient: '", s->op->info.name, "' with regions has none");
    std::vector<char> needed(s->in.size());
    for (size_t i = 0; i < s->in.size(); ++i)
      needed[i] = s->in[i].valid() && active.count(s->in[i].id) && differentiable(b.type(s->in[i]));
    static_assert(sizeof(bool) == sizeof(char));
    const Gradient g{b, s->in, s->out, given, {reinterpret_cast<const bool*>(needed.data()), needed.size()}};
    const Values d = gradient_of(*s->op, s->attrs, g);
    for (size_t i = 0; i < d.size() && i < s->in.size(); ++i)
      if (needed[i]) add(s->in[i], d[i]);
  }
  Values result(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    const auto it = in[i].valid() && needs[i] ? gradient.find(in[i].id) : gradient.end();
    if (it != gradient.end()) result[i] = it->second;
  }
  return result;
}

Values gradient_of(const OpDef& op, const Attrs& attrs, const Gradient& g) {
  if (op.grad) return op.grad(attrs.object(), g);
  if (!op.lower) fail(ErrorCode::unsupported, "gradient: '", op.info.name, "' has none");
  return differentiate(
      g.b, [&](Builder& b, std::span<const Value> in) { return op.lower(attrs.object(), b, in); }, g.in, g.dout,
      g.needs);
}

}  // namespace neve
