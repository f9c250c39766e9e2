// Captured programs as models: relations that fix a size, or make two sizes one, are taken into the types.
#include "jit/program.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace neve::jit {
namespace {

// What a relation says one symbol is: `a == b` with a symbol alone on one side that the other does not contain, or a
// product or sum with one symbol and constants.
std::optional<std::pair<Symbol, Dim>> solved(const Constraint& c) {
  if (c.kind != Constraint::equal) return {};
  for (const auto& [x, y] : {std::pair(c.a, c.b), std::pair(c.b, c.a)}) {
    if (!x.is_symbol() || depends_on(y, x.as_symbol())) continue;
    return std::pair(x.as_symbol(), y);
  }
  const Dim difference = c.a - c.b;
  std::vector<Dim> symbols;
  collect_symbols(difference, symbols);
  if (symbols.size() != 1) return {};
  const Symbol& s = symbols[0].as_symbol();
  const auto at = [&](int64_t v) {
    return substitute(difference, [&](const Symbol& y) -> std::optional<Dim> {
      return y.id == s.id ? std::optional<Dim>(Dim(v)) : std::nullopt;
    });
  };
  const Dim k = at(0), slope = at(1) - k;
  if (!k.is_constant() || !slope.is_constant() || slope.is(0) || slope * symbols[0] + k != difference) return {};
  if (k.value() % slope.value() != 0 || -k.value() / slope.value() < 0) return {};
  return std::pair(s, Dim(-k.value() / slope.value()));
}

}  // namespace

std::vector<std::string> settle_symbols(ir::Graph& g) {
  std::vector<std::string> used;
  for (int round = 0; round < 16; ++round) {
    std::vector<TensorType> types;
    for (Value v : g.inputs()) types.push_back(g.type(v));
    bool changed = false;
    for (const Constraint& c : g.constraints) {
      const auto s = solved(c);
      if (!s) continue;
      const bool of_inputs = std::any_of(types.begin(), types.end(), [&](const TensorType& t) {
        return std::any_of(t.shape.begin(), t.shape.end(), [&](Dim d) { return depends_on(d, s->first); });
      });
      // Bounds that the other side does not have would be lost; a symbol in an expression stays as it is.
      const bool fits = s->second.is_constant() ? s->second.value() >= s->first.lo : s->second.is_symbol();
      if (!of_inputs || !fits) continue;
      for (TensorType& t : types)
        for (Dim& d : t.shape)
          d = substitute(d, [&](const Symbol& y) -> std::optional<Dim> {
            return y.id == s->first.id ? std::optional<Dim>(s->second) : std::nullopt;
          });
      used.push_back(to_string(c));
      changed = true;
      break;
    }
    if (!changed) break;
    g = g.with_input_types(types);
  }
  return used;
}

bool settle_types(std::vector<TensorType>& types, std::span<const Constraint> relations) {
  bool any = false;
  for (const Constraint& given : relations) {
    // What is settled already stands in the relation too: symbols are replaced as they are found.
    const auto s = solved(given);
    if (!s) continue;
    const bool fits = s->second.is_constant() ? s->second.value() >= s->first.lo : s->second.is_symbol();
    if (!fits) continue;
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
  for (const Constraint& c : g.constraints) {
    std::vector<Dim> symbols;
    collect_symbols(c.a, symbols);
    collect_symbols(c.b, symbols);
    if (std::any_of(symbols.begin(), symbols.end(), [&](Dim s) { return !values.count(s.as_symbol().id); })) continue;
    try {
      const int64_t a = evaluate(c.a, value), b = evaluate(c.b, value);
      const bool holds = c.kind == Constraint::equal      ? a == b
                         : c.kind == Constraint::at_least ? a >= b
                         : c.kind == Constraint::divides  ? b != 0 && a % b == 0
                                                          : a == b || a == 1 || b == 1;
      if (!holds) return false;
    } catch (const Error&) {
      return false;
    }
  }
  return true;
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
