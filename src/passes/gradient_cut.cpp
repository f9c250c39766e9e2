// Which values cross from the forward computation to its gradient.
#include "passes/gradient_cut.h"

#include <algorithm>

namespace neve::passes {

using ir::Graph;
using ir::Node;

Cut::Cut(const Graph& joint, size_t inputs, size_t outputs) : g_(joint), outputs_(outputs) {
  for (size_t i = inputs; i < g_.inputs().size(); ++i) late_.insert(g_.inputs()[i].id);
  for (Node* n = g_.first(); n; n = n->next)
    if (std::any_of(n->in.begin(), n->in.end(), [&](Value v) { return v.valid() && late_.count(v.id); }))
      for (Value v : n->out) late_.insert(v.id);
  std::vector<Value> open(g_.outputs().begin(), g_.outputs().begin() + int64_t(outputs));
  while (!open.empty()) {
    const Value v = open.back();
    open.pop_back();
    Node* n = g_.def(v);
    if (!n || !forward_.insert(n).second) continue;
    for (Value x : n->in)
      if (x.valid()) open.push_back(x);
  }
  for (size_t i = 0; i < inputs; ++i)
    for (Dim d : g_.type(g_.inputs()[i]).shape)
      if (d.is_symbol()) stated_.insert(d.as_symbol().id);
}

void Cut::decide(bool recompute) {
  std::vector<Value> read;  // of the forward computation, by the backward one
  std::unordered_set<uint32_t> seen;
  const auto note = [&](Value v) {
    if (v.valid() && !late_.count(v.id) && seen.insert(v.id).second) read.push_back(v);
  };
  for (size_t k = outputs_; k < g_.outputs().size(); ++k) note(g_.outputs()[k]);
  for (Node* n = g_.first(); n; n = n->next)
    if (is_late(*n))
      for (Value v : n->in) note(v);
  std::vector<Value> cheap;
  for (Value v : read) {
    if (is_free(v)) {
      anew(v);
    } else if (!recompute || is_made(v)) {
      keep(v);
    } else {
      cheap.push_back(v);
    }
  }
  // To keep it, the forward graph writes what it would not write otherwise; what it is made from is there anyhow.
  for (Value v : cheap) {
    if (cost_anew(v) > 1.5 * bytes(v))
      keep(v);
    else
      anew(v);
  }
  state_sizes();
}

// A size that arises in the forward computation and that the backward one mentions crosses with a tensor that has it.
void Cut::state_sizes() {
  std::set<uint32_t> given = stated_;
  const auto give = [&](Value v) {
    for (Dim d : g_.type(v).shape)
      if (d.is_symbol()) given.insert(d.as_symbol().id);
  };
  std::unordered_map<uint32_t, Value> first;  // by symbol: what brings it up
  for (Value v : g_.inputs())
    if (late_.count(v.id)) give(v);
  for (Value v : kept_order_) give(v);
  for (Node* n = g_.first(); n; n = n->next)
    for (Value v : n->out)
      for (Dim d : g_.type(v).shape)
        if (d.is_symbol()) first.emplace(d.as_symbol().id, v);
  for (Node* n = g_.first(); n; n = n->next) {
    if (!is_late(*n) && !is_anew(*n)) continue;
    for (Value v : n->out) {
      std::vector<Dim> symbols;
      for (Dim d : g_.type(v).shape) collect_symbols(d, symbols);
      for (Dim s : symbols) {
        const uint32_t id = s.as_symbol().id;
        if (given.count(id)) continue;
        const auto from = first.find(id);
        if (from == first.end()) continue;
        if (from->second != v && !late_.count(from->second.id)) keep(from->second);
        give(from->second);
      }
    }
  }
}

// Bytes that would have to be kept besides, for v to be computed anew.
double Cut::cost_anew(Value v) const {
  double cost = 0;
  std::unordered_set<uint32_t> counted;
  std::vector<Value> open{v};
  while (!open.empty()) {
    const Value x = open.back();
    open.pop_back();
    if (!counted.insert(x.id).second || is_free(x) || kept_.count(x.id)) continue;
    if (x != v && is_made(x)) {
      const Node* d = g_.def(x);
      cost += bytes(x) * (d && d->op->info.random ? 100 : 1);
      continue;
    }
    for (Value y : g_.def(x)->in)
      if (y.valid()) open.push_back(y);
  }
  return cost;
}

bool Cut::sizes_follow(const Node& n) const {
  if (!n.is("shape") || !g_.facts(n.out[0]).known) return false;
  std::vector<Dim> symbols;
  for (Dim d : g_.facts(n.out[0]).content) collect_symbols(d, symbols);
  return std::all_of(symbols.begin(), symbols.end(), [&](Dim s) { return stated_.count(s.as_symbol().id) > 0; });
}

// Inputs, constants, and sizes that follow from the inputs' cost nothing.
bool Cut::is_free(Value v) const {
  const Node* n = g_.def(v);
  return !n || n->is("constant") || sizes_follow(*n);
}

// Elementwise work and movement of data go into the loops of whoever reads them.
bool Cut::is_light(const Node& n) {
  static const std::set<std::string_view> movement{"reshape", "squeeze",  "unsqueeze", "flatten", "transpose",
                                                   "expand",  "slice",    "cast",      "shape",   "identity",
                                                   "size",    "constant", "sum_to",    "where"};
  return n.regions.empty() && (n.op->is_elementwise() || movement.count(n.op->info.name));
}

// Whether the forward graph has to write v to memory anyhow.
bool Cut::is_made(Value v) const {
  const Node* n = g_.def(v);
  if (!n || !is_light(*n)) return true;
  for (const ir::Use& u : g_.uses(v))
    if (forward_.count(u.node) && !is_light(*u.node)) return true;
  for (size_t k = 0; k < outputs_; ++k)
    if (g_.outputs()[k] == v) return true;
  return false;
}

double Cut::bytes(Value v) const {
  double n = double(size_of(g_.dtype(v)));
  for (Dim d : g_.type(v).shape)
    n *= double(std::max<int64_t>(
        1, evaluate(d, [](const Symbol& s) -> std::optional<int64_t> { return std::clamp<int64_t>(32, s.lo, s.hi); })));
  return n;
}

void Cut::keep(Value v) {
  if (kept_.insert(v.id).second) kept_order_.push_back(v);
}

void Cut::anew(Value v) {
  if (kept_.count(v.id)) return;
  const Node* n = g_.def(v);
  if (!n) {
    read_inputs_.insert(v.id);
    return;
  }
  if (!anew_.insert(n).second || sizes_follow(*n)) return;
  for (Value x : n->in) {
    if (!x.valid()) continue;
    if (!is_free(x) && is_made(x))
      keep(x);
    else
      anew(x);
  }
}

}  // namespace neve::passes
