// Where the values of a plan lie: constants, weights, aliases, the layouts that a value exists in.
#include "base/error.h"
#include "compile/compiler.h"
#include "op/constant.h"

namespace neve::compile {
using plan::Instr;
using plan::Place;
using plan::PlanValue;

int32_t Compiler::new_value(const TensorType& t, Place place, int32_t index, Layout layout, std::string name) {
  PlanValue v;
  v.dtype = t.dtype;
  for (Dim d : t.shape) v.dims.push_back(step(d));
  v.layout = std::move(layout);
  v.place = place;
  v.index = index;
  v.name = std::move(name);
  plan_->values.push_back(std::move(v));
  return int32_t(plan_->values.size()) - 1;
}

int32_t Compiler::root(int32_t v) const {
  while (plan_->values[size_t(v)].place == Place::alias) v = plan_->values[size_t(v)].index;
  return v;
}

void Compiler::remember(Value v, int32_t plan_value) {
  of_[v.id].push_back(plan_value);
  graph_values_[root(plan_value)].push_back(v.id);
}

// Small integer tensors whose content is known as plain numbers.
std::optional<Tensor> Compiler::known_content(Value v) const {
  const Facts f = g_.facts(v);
  const TensorType& t = g_.type(v);
  if (!f.known || !is_constant(f.content) || !is_constant(t.shape)) return {};
  std::vector<int64_t> values;
  for (Dim d : f.content) values.push_back(d.value());
  Sizes sizes;
  for (Dim d : t.shape) sizes.push_back(d.value());
  return Tensor::of_ints(t.dtype, sizes, values);
}

int32_t Compiler::base_value(Value v) {
  const auto it = of_.find(v.id);
  if (it != of_.end()) return it->second.front();
  const TensorType& t = g_.type(v);
  int32_t made = -1;
  auto constant = [&](const Tensor& c) {
    plan_->constants.push_back(c.contiguous());
    return new_value(t, Place::constant, int32_t(plan_->constants.size()) - 1, {}, g_.name(v));
  };
  if (const Tensor* c = g_.constant_of(v)) {
    made = constant(*c);
  } else if (auto c = known_content(v)) {
    made = constant(*c);
  } else if (g_.is_weight(v)) {
    const std::string& name = weight_attrs(g_.def(v)->attrs).name;
    const auto [w, fresh] = weight_index_.try_emplace({name, ""}, int32_t(plan_->weights.size()));
    if (fresh) plan_->weights.push_back({name, "", -1, -1});
    made = new_value(t, Place::weight, w->second, {}, name);
  } else if (g_.facts(v).known) {
    made = new_value(t, Place::content, -1, {}, g_.name(v));
    std::vector<int32_t> content;
    for (Dim d : g_.facts(v).content) content.push_back(step(d));
    plan_->values[size_t(made)].content = std::move(content);
  }
  check(made >= 0, "compile: value '", g_.name(v), "' of type ", t, " was not computed (",
        g_.def(v) ? g_.def(v)->op->info.name : "input", ")");
  remember(v, made);
  return made;
}

int32_t Compiler::add_reorder(int32_t from, Layout to) {  // by value: values move
  const PlanValue source = plan_->values[size_t(from)];
  PlanValue v = source;
  v.layout = to;
  v.place = Place::arena;
  v.index = -1;
  v.content.clear();
  plan_->values.push_back(v);
  const int32_t made = int32_t(plan_->values.size()) - 1;
  Instr instr;
  instr.in = {from};
  instr.out = {made};
  instr.choice = "reorder";
  instr.layouts = {source.layout, to};
  auto kernel = kernels::make_reorder(source.dtype, source.dims.size(), source.layout, to);
  instr.description = kernel->description();
  instr.name = source.name;
  plan_->instrs.push_back(std::move(instr));
  kernels_.push_back(std::move(kernel));
  regions_.emplace_back();
  if (reports_)
    reports_->push_back(
        {source.name, "reorder", "reorder", str(to_string(source.layout), " -> ", to_string(to)), {}, {}, false, ""});
  return made;
}

int32_t Compiler::value_in(Value v, const Layout& layout) {
  base_value(v);
  for (int32_t p : of_[v.id])
    if (plan_->values[size_t(p)].layout == layout) return p;
  for (int32_t p : of_[v.id])
    if (same_bytes(g_.type(v), plan_->values[size_t(p)].layout, layout)) {
      const int32_t made = new_value(g_.type(v), Place::alias, p, layout, g_.name(v));
      remember(v, made);
      return made;
    }
  const int32_t made = add_reorder(of_[v.id].front(), layout);
  remember(v, made);
  return made;
}

// Nothing after this node reads the bytes of a plan value, and they are ours to overwrite.
bool Compiler::last_use(Value v, int32_t plan_value) const {
  const int32_t r = root(plan_value);
  if (plan_->values[size_t(r)].place != Place::arena) return false;
  const auto it = graph_values_.find(r);
  if (it == graph_values_.end()) return false;
  for (uint32_t id : it->second) {
    const Value x{id};
    if (g_.is_output(x)) return false;
    for (const ir::Use& u : g_.uses(x))
      if (needed_.count(u.node) && position_.at(u.node) > now_) return false;
    // A value that is read twice by this very node is not one that it can overwrite.
    size_t here = 0;
    for (const ir::Use& u : g_.uses(x)) here += position_.at(u.node) == now_;
    if (here > 1 || (here == 1 && x.id != v.id)) return false;
  }
  return true;
}

}  // namespace neve::compile
