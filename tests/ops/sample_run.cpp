// A sample of an op made concrete.
#include "ops/sample_run.h"

#include <cmath>

#include "op/reference.h"

namespace neve::test {
namespace {

Tensor draw_tensor(const SampleInput& s, uint64_t seed) {
  Sizes shape;
  for (Dim d : s.type.shape) shape.push_back(d.value());
  Draw draw(seed);
  const Tensor shell = Tensor::empty(s.type.dtype, shape);
  std::vector<double> values;
  const bool whole = !is_float(s.type.dtype);
  for (int64_t k = 0; k < shell.element_count(); ++k) {
    const double u = draw();
    values.push_back(whole ? std::min(s.hi, std::floor(s.lo + u * (s.hi - s.lo + 1))) : s.lo + u * (s.hi - s.lo));
  }
  return Tensor::of(s.type.dtype, shape, values);
}

void describe(SampleRun& run, size_t k) {
  run.types.clear();
  run.facts.clear();
  std::string inputs;
  for (const Tensor& t : run.in) {
    run.types.push_back(t.defined() ? type_of(t) : TensorType{});
    run.facts.push_back(facts_of(t));
    inputs += (inputs.empty() ? "" : ", ") + (t.defined() ? type_text(t) : std::string("none"));
  }
  run.text = str(run.op->info.name, " sample ", k, " ", attrs_text(run.attrs), " (", inputs, ")");
}

}  // namespace

std::vector<const TensorType*> SampleRun::type_pointers() const {
  std::vector<const TensorType*> p;
  for (size_t i = 0; i < in.size(); ++i) p.push_back(in[i].defined() ? &types[i] : nullptr);
  return p;
}

std::string attrs_text(const Attrs& attrs) {
  std::string s;
  for (const AttrInfo& a : attrs.op().attrs)
    s += str(s.empty() ? "" : ", ", a.name, "=", to_string(a.get(attrs.object())));
  return "{" + s + "}";
}

SampleRun make_run(const OpDef& op, const std::vector<Sample>& samples, size_t k) {
  SampleRun run;
  run.op = &op;
  run.sample = &samples[k];
  run.attrs = samples[k].attrs;
  for (size_t i = 0; i < samples[k].in.size(); ++i) {
    const SampleInput& s = samples[k].in[i];
    run.in.push_back(s.absent ? Tensor() : s.value.defined() ? s.value : draw_tensor(s, 100 * k + i));
    run.symbolic.push_back(s.symbolic && !s.absent);
  }
  describe(run, k);
  return run;
}

SampleRun in_f64(const SampleRun& run) {
  SampleRun r = run;
  for (const AttrInfo& a : run.op->attrs) {
    const AttrValue v = a.get(run.attrs.object());
    if (const auto* t = std::get_if<DType>(&v); t && is_float(*t)) r.attrs = r.attrs.with({{a.name, DType::f64}});
    if (const auto* t = std::get_if<Tensor>(&v); t && t->defined() && is_float(t->dtype()))
      r.attrs = r.attrs.with({{a.name, t->to(DType::f64)}});
  }
  for (Tensor& t : r.in)
    if (t.defined() && is_float(t.dtype())) t = t.to(DType::f64);
  const std::string text = run.text;
  describe(r, 0);
  r.text = text + " in f64";
  return r;
}

}  // namespace neve::test
