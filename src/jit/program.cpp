// Captured programs as models: relations that fix a size, or make two sizes one, are taken into the types.
#include "jit/program.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace neve::jit {
namespace {

// Whether every value of `by` is one that the symbol allows: what the caller declared of it is not lost.
bool allows(const Symbol& s, Dim by) {
  if (by.is_constant()) return by.value() >= s.lo && by.value() <= s.hi && by.value() % s.divisor == 0;
  if (!by.is_symbol()) return false;
  const Symbol& o = by.as_symbol();
  return o.lo >= s.lo && o.hi <= s.hi && o.divisor % s.divisor == 0;
}

// What a relation says one symbol is: another symbol or a number on the other side, or the root of an equation with one
// symbol, of first degree.
std::optional<std::pair<Symbol, Dim>> solved(const Constraint& c) {
  if (c.kind != Constraint::equal) return {};
  for (const auto& [x, y] : {std::pair(c.a, c.b), std::pair(c.b, c.a)})
    if (x.is_symbol() && !depends_on(y, x.as_symbol()) && allows(x.as_symbol(), y)) return std::pair(x.as_symbol(), y);
  const Dim difference = c.a - c.b;
  std::vector<Dim> symbols;
  collect_symbols(difference, symbols);
  if (symbols.size() != 1) return {};
  const Symbol& s = symbols[0].as_symbol();
  const auto at = [&](int64_t v) -> std::optional<Dim> {
    try {
      return substitute(difference, [&](const Symbol& y) -> std::optional<Dim> {
        return y.id == s.id ? std::optional<Dim>(Dim(v)) : std::nullopt;
      });
    } catch (const Error&) {
      return {};  // divides by 0 there: not of first degree
    }
  };
  const std::optional<Dim> zeroth = at(0), first = at(1);
  if (!zeroth || !first) return {};
  const Dim k = *zeroth, slope = *first - k;
  if (!k.is_constant() || !slope.is_constant() || slope.is(0) || slope * symbols[0] + k != difference) return {};
  if (k.value() % slope.value() != 0 || !allows(s, -k.value() / slope.value())) return {};
  return std::pair(s, Dim(-k.value() / slope.value()));
}

}  // namespace

bool settle_types(std::vector<TensorType>& types, std::span<const Constraint> relations) {
  bool any = false;
  for (const Constraint& given : relations) {
    const auto s = solved(given);
    if (!s) continue;
    for (TensorType& t : types)
      for (Dim& d : t.shape) {
        const Dim now = substitute(d, [&](const Symbol& y) -> std::optional<Dim> {
          return y.id == s->first.id ? std::optional<Dim>(s->second) : std::nullopt;
        });
        any = any || now != d;
        d = now;
      }
  }
  return any;
}

void settle_symbols(ir::Graph& g) {
  for (int round = 0; round < 64; ++round) {
    std::vector<TensorType> types;
    for (Value v : g.inputs()) types.push_back(g.type(v));
    if (!settle_types(types, g.constraints)) break;
    g = g.with_input_types(types);
  }
}

bool accepts(const ir::Graph& g, std::span<const Sizes> sizes) {
  std::map<uint32_t, int64_t> values;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Shape& shape = g.type(g.inputs()[i]).shape;
    if (shape.size() != sizes[i].size()) return false;
    for (size_t a = 0; a < shape.size(); ++a) {
      const int64_t n = sizes[i][a];
      if (shape[a].is_constant()) {
        if (shape[a].value() != n) return false;
      } else if (shape[a].is_symbol()) {
        const Symbol& s = shape[a].as_symbol();
        if (n < s.lo || n > s.hi || n % s.divisor != 0) return false;
        if (!values.emplace(s.id, n).second && values[s.id] != n) return false;
      }
    }
  }
  const auto value = [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = values.find(s.id);
    return it == values.end() ? std::nullopt : std::optional<int64_t>(it->second);
  };
  return std::none_of(g.constraints.begin(), g.constraints.end(),
                      [&](const Constraint& c) { return is_broken(c, value); });
}

LoadedModel model_of(capture::Program& p, const std::string& name) {
  settle_symbols(p.graph);
  LoadedModel m;
  m.module.format = "captured";
  m.module.path = name;
  m.module.weights = p.weights;
  m.module.methods.emplace("forward", p.graph.clone());
  return m;
}

}  // namespace neve::jit
