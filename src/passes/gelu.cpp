// GELU in the forms in which exporters write it.
#include <cmath>
#include <optional>

#include "passes/simplify.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;

namespace {

constexpr double cubic = 0.044715, inv_sqrt_2 = 0.70710678118654752, sqrt_2_over_pi = 0.79788456080286536;

bool near(double a, double b) { return std::abs(a - b) < 1e-5 * std::abs(b); }

std::optional<double> number(const Graph& g, Value v) {
  const Tensor* c = g.constant_of(v);
  if (!c || c->element_count() != 1) return {};
  return c->item();
}

/// A product taken apart: a number, powers of x, and what else there is.
struct Factors {
  double number = 1;
  int x = 0;
  std::vector<Value> others;
};

void take_apart(const Graph& g, Value v, Value x, Factors& f, int depth = 0) {
  if (v == x) {
    ++f.x;
  } else if (const auto c = number(g, v)) {
    f.number *= *c;
  } else if (const Node* n = g.def(v); n && n->is("mul") && depth < 6) {
    for (Value operand : n->in) take_apart(g, operand, x, f, depth + 1);
  } else if (n && n->is("div") && number(g, n->in[1])) {
    f.number /= *number(g, n->in[1]);
    take_apart(g, n->in[0], x, f, depth + 1);
  } else if (n && n->is("pow") && n->in[0] == x && number(g, n->in[1]) == 3.0) {
    f.x += 3;
  } else {
    f.others.push_back(v);
  }
}

/// factor * x^power, and nothing else.
bool is_power(const Graph& g, Value v, Value x, double factor, int power) {
  Factors f;
  take_apart(g, v, x, f);
  return f.others.empty() && f.x == power && near(f.number, factor);
}

/// x of erf(x / sqrt(2)) or tanh(sqrt(2 / pi) (x + 0.044715 x^3)); none if `n` is neither.
Value argument(const Graph& g, const Node& n) {
  const Node* scaled = g.def(n.in[0]);
  if (!scaled || (!scaled->is("mul") && !scaled->is("div"))) return {};
  const Value inner = number(g, scaled->in[0]) ? scaled->in[1] : scaled->in[0];
  if (n.is("erf")) return is_power(g, n.in[0], inner, inv_sqrt_2, 1) ? inner : Value{};
  const Node* sum = g.def(inner);
  if (!n.is("tanh") || !sum || !sum->is("add") || !is_power(g, n.in[0], inner, sqrt_2_over_pi, 1)) return {};
  for (size_t i = 0; i < 2; ++i)
    if (is_power(g, sum->in[1 - i], sum->in[i], cubic, 3)) return sum->in[i];
  return {};
}

}  // namespace

Values make_gelu(Graph& g, Node& n) {
  if (!n.is("mul") || !is_float(g.dtype(n.out[0]))) return {};
  Factors all;
  take_apart(g, n.out[0], {}, all);
  for (Value shifted : all.others) {
    const Node* add = g.def(shifted);
    if (!add || !add->is("add") || g.use_count(shifted) != 1) continue;
    const size_t one = number(g, add->in[0]) ? 0 : 1;
    const Node* f = g.def(add->in[1 - one]);
    if (number(g, add->in[one]) != 1.0 || !f || f->in.size() != 1) continue;
    const Value x = argument(g, *f);
    if (!x.valid() || !(g.type(x) == g.type(n.out[0]))) continue;
    Factors rest;
    take_apart(g, n.out[0], x, rest);
    if (rest.x != 1 || rest.others != std::vector<Value>{shifted} || !near(rest.number, 0.5)) continue;
    return {g.call("gelu", {x}, {{"approximate", std::string(f->is("tanh") ? "tanh" : "none")}})};
  }
  return {};
}

}  // namespace neve::passes
