// The shape program of a plan: symbols, steps that compute sizes, the constraints checked at every call.
#include <algorithm>

#include "base/error.h"
#include "compile/compiler.h"

namespace neve::compile {

int32_t Compiler::symbol_index(const Symbol& s) {
  const auto it = symbols_.find(s.id);
  if (it != symbols_.end()) return it->second;
  check(outer_, "compile: symbol '", s.name, "' (", s.origin, ") is used before it is defined");
  plan::PlanSymbol p{s.name, s.lo, s.hi, s.divisor, -1, -1, outer_->symbol_index(s)};
  plan_->symbols.push_back(p);
  const int32_t index = int32_t(plan_->symbols.size()) - 1;
  symbols_[s.id] = index;
  known_symbols_.insert(s.id);
  return index;
}

int32_t Compiler::step(Dim d) {
  const auto it = steps_.find(d.rep());
  if (it != steps_.end()) return it->second;
  const int32_t i = compile_dim(d, plan_->dim_code, [&](const Symbol& s) { return symbol_index(s); });
  steps_[d.rep()] = i;
  return i;
}

bool Compiler::known(Dim d) const {
  std::vector<Dim> symbols;
  collect_symbols(d, symbols);
  for (Dim s : symbols) {
    if (known_symbols_.count(s.as_symbol().id)) continue;
    if (!(outer_ && !symbols_.count(s.as_symbol().id) && outer_->known(s))) return false;
  }
  return true;
}

void Compiler::add_constraints() {
  constraint_done_.resize(g_.constraints.size());
  for (size_t i = 0; i < g_.constraints.size(); ++i) {
    const Constraint& c = g_.constraints[i];
    if (constraint_done_[i] || !known(c.a) || !known(c.b)) continue;
    constraint_done_[i] = true;
    plan_->constraints.push_back({c.kind, step(c.a), step(c.b), c.reason});
  }
}

// Sizes that arise inside, where a relation of the graph says what they must be: the channels of a convolution's input.
void Compiler::find_stated() {
  for (const Constraint& c : g_.constraints) {
    if (c.kind != Constraint::equal) continue;
    const Dim difference = c.a - c.b;
    std::vector<Dim> symbols;
    collect_symbols(difference, symbols);
    if (symbols.size() != 1 || point_.count(symbols[0].as_symbol().id)) continue;
    const Dim less = symbols[0] - difference, more = symbols[0] + difference;
    for (Dim n : {less, more})
      if (n.is_constant() && n.value() >= symbols[0].as_symbol().lo)
        stated_.emplace(symbols[0].as_symbol().id, n.value());
  }
}

int64_t Compiler::guess(Dim d, At at) const {
  return evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = point_.find(s.id);
    if (it == point_.end()) {
      if (const auto stated = stated_.find(s.id); stated != stated_.end()) return stated->second;
      // A size that arises inside: large enough to be more than one after the strides of a backbone.
      const int64_t wanted = std::max<int64_t>(s.lo, std::min<int64_t>(s.hi, 64));
      return std::max<int64_t>(s.lo, wanted / s.divisor * s.divisor);
    }
    if (at == At::low) return std::max<int64_t>(s.lo, std::min<int64_t>(1, s.hi));
    if (at == At::high && s.hi < Dim::unbounded) return s.hi;
    return it->second;
  });
}

Sizes Compiler::guess(const TensorType& t, At at) const {
  Sizes s;
  for (Dim d : t.shape) {
    try {
      s.push_back(guess(d, at));
    } catch (const Error&) {
      s.push_back(-1);
    }
  }
  return s;
}

}  // namespace neve::compile
