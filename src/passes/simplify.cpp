// Constant folding, common subexpressions, dead code, canonical forms.
#include "passes/simplify.h"
#include "ir/prune.h"

#include <cmath>
#include <numeric>
#include <unordered_map>

#include "op/constant.h"
#include "op/reference.h"

namespace neve::passes {
using ir::Graph;
using ir::Node;
using ir::Rule;

namespace {

// Folding stops at results of this many bytes: a table that large is cheaper to compute than to store.
constexpr int64_t fold_limit = int64_t(1) << 24;

bool one_const_result(const Graph& g, const Node& n) {
  for (Value v : n.out)
    if (!is_constant(g.type(v).shape)) return false;
  return !n.out.empty();
}

Values fold_node(Graph& g, Node& n) {
  if (n.is("constant") || n.is("weight") || n.op->info.random || !n.regions.empty()) return {};
  // A result whose content is known as numbers needs no input at all.
  Values known(n.out.size());
  bool all_known = true;
  for (size_t k = 0; k < n.out.size(); ++k) {
    const Facts f = g.facts(n.out[k]);
    const TensorType& t = g.type(n.out[k]);
    if (!f.known || !is_constant(f.content) || !is_constant(t.shape)) {
      all_known = all_known && g.use_count(n.out[k]) == 0;
      continue;
    }
    std::vector<int64_t> values;
    for (Dim d : f.content) values.push_back(d.value());
    Sizes sizes;
    for (Dim d : t.shape) sizes.push_back(d.value());
    known[k] = g.constant(Tensor::of_ints(t.dtype, sizes, values));
  }
  if (all_known && !n.out.empty()) return known;
  if (!one_const_result(g, n) || n.in.empty()) return {};
  std::vector<Tensor> in;
  for (Value v : n.in) {
    if (!v.valid()) {
      in.emplace_back();
      continue;
    }
    const Tensor* c = g.constant_of(v);
    if (!c) return {};
    in.push_back(*c);
  }
  int64_t bytes = 0;
  for (Value v : n.out) {
    int64_t count = 1;
    for (Dim d : g.type(v).shape) count *= d.value();
    bytes += count * size_of(g.type(v).dtype);
  }
  if (bytes > fold_limit) return {};
  Values out;
  for (const Tensor& t : evaluate(*n.op, n.attrs, in)) out.push_back(g.constant(t));
  return out;
}

constexpr Rule fold_rules[] = {
    {"fold_constant",
     "A node whose inputs, or whose results, are known numbers becomes constants. Never reads a weight.", fold_node}};

std::string key_of(const Node& n) {
  std::string k = str(n.op->info.name, "|");
  for (Value v : n.in) k += str(v.id, ",");
  return k;
}

}  // namespace

int64_t fold_constants(Graph& g, PassContext& c) { return total(ir::rewrite(g, fold_rules, c.rewrite)); }

int64_t remove_common(Graph& g, PassContext& c) {
  int64_t count = 0;
  std::unordered_map<std::string, std::vector<Node*>> seen;
  for (Node* n : g.nodes()) {
    PassContext inner = c;
    for (auto& r : n->regions) {
      inner.rewrite.stop_after = c.rewrite.stop_after - count;
      count += remove_common(*r, inner);
    }
    if (count >= c.rewrite.stop_after) break;
    if (!n->regions.empty() || n->op->info.random || n->out.empty()) continue;
    auto& same = seen[key_of(*n)];
    Node* twin = nullptr;
    for (Node* m : same)
      if (m->op == n->op && m->in == n->in && m->attrs == n->attrs && m->out.size() == n->out.size()) twin = m;
    if (!twin) {
      same.push_back(n);
      continue;
    }
    for (size_t k = 0; k < n->out.size(); ++k) g.replace(n->out[k], twin->out[k]);
    g.erase(n);
    ++count;
  }
  return count;
}

int64_t remove_dead(Graph& g, PassContext&) {
  const size_t dead = g.erase_dead(), pruned = ir::prune_regions(g);
  return int64_t(dead + pruned + (pruned ? g.erase_dead() : 0));
}

int64_t total(const std::vector<ir::RewriteCount>& counts) {
  int64_t n = 0;
  for (const auto& c : counts) n += c.count;
  return n;
}

// ---- canonical forms --------------------------------------------------------------------------------------------

namespace {

Values lower(Graph& g, Node& n) { return n.op->lower(n.attrs.object(), g, n.in); }

bool same_type(const Graph& g, Value a, Value b) { return g.type(a) == g.type(b); }

// Sign of zero included: x - 0 is x, x - (-0) is not where x is -0.
bool is_constant_value(const Graph& g, Value v, double x) {
  const Tensor* c = g.constant_of(v);
  if (!c || c->element_count() == 0 || c->element_count() > 4096) return false;
  for (int64_t k = 0; k < c->element_count(); ++k)
    if (c->item(k) != x || std::signbit(c->item(k)) != std::signbit(x)) return false;
  return true;
}

// v = clip(x + 3, 0, 6): x, else nothing.
Value match_relu6_of_shift(const Graph& g, Value v) {
  const Node* clip = g.def(v);
  if (!clip || !clip->is("clip") || clip->in.size() < 3 || !clip->in[1].valid() || !clip->in[2].valid()) return {};
  if (!is_constant_value(g, clip->in[1], 0) || !is_constant_value(g, clip->in[2], 6)) return {};
  const Node* shift = g.def(clip->in[0]);
  if (!shift || !shift->is("add")) return {};
  for (size_t i = 0; i < 2; ++i)
    if (is_constant_value(g, shift->in[1 - i], 3) && same_type(g, shift->in[i], v)) return shift->in[i];
  return {};
}

Values make_hard_swish(Graph& g, Node& n) {
  if (n.in.size() != 2 || !is_float(g.dtype(n.out[0]))) return {};
  // a / 6 or a * (1/6): a = x * relu6, or x * (relu6 / 6).
  auto sixth = [&](const Node& m, Value& rest) {
    if (m.is("div") && is_constant_value(g, m.in[1], 6)) return rest = m.in[0], true;
    if (!m.is("mul")) return false;
    for (size_t i = 0; i < 2; ++i) {
      const Tensor* c = g.constant_of(m.in[1 - i]);
      if (c && c->element_count() == 1 && std::abs(c->item() - 1.0 / 6) < 1e-6) return rest = m.in[i], true;
    }
    return false;
  };
  Value rest;
  auto product = [&](Value a, Value b) {
    const Value x = match_relu6_of_shift(g, b);
    return x.valid() && x == a && same_type(g, x, n.out[0]) ? x : Value{};
  };
  if (sixth(n, rest)) {
    const Node* mul = g.def(rest);
    if (mul && mul->is("mul"))
      for (size_t i = 0; i < 2; ++i)
        if (const Value x = product(mul->in[i], mul->in[1 - i]); x.valid()) return {g.call("hard_swish", {x})};
  }
  if (n.is("mul"))
    for (size_t i = 0; i < 2; ++i) {
      const Node* d = g.def(n.in[1 - i]);
      if (d && sixth(*d, rest))
        if (const Value x = product(n.in[i], rest); x.valid()) return {g.call("hard_swish", {x})};
    }
  return {};
}

constexpr Rule canonical_rules[] = {
    {"drop_identity", "identity(x) -> x",
     [](Graph&, Node& n) -> Values { return n.is("identity") || n.is("stop_gradient") ? Values{n.in[0]} : Values{}; }},
    {"drop_dropout", "dropout(x) outside of training -> x, when its mask is not read",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("dropout") || n.out.size() < 1 || (n.out.size() > 1 && g.use_count(n.out[1]))) return {};
       if (n.in.size() > 2 && n.in[2].valid()) {
         const Tensor* training = g.constant_of(n.in[2]);
         if (!training || training->item() != 0) return {};
       }
       Values out(n.out.size());
       out[0] = n.in[0];
       return out;
     }},
    {"drop_cast", "cast(x) to the dtype of x -> x",
     [](Graph& g, Node& n) -> Values {
       return n.is("cast") && same_type(g, n.in[0], n.out[0]) ? Values{n.in[0]} : Values{};
     }},
    {"merge_casts", "cast(cast(x)) -> cast(x), where the inner one loses nothing",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("cast")) return {};
       const Node* inner = g.def(n.in[0]);
       if (!inner || !inner->is("cast")) return {};
       const DType from = g.dtype(inner->in[0]), middle = g.dtype(n.in[0]);
       const bool wider = (is_float(from) && (middle == DType::f64 || (middle == DType::f32 && from != DType::f64))) ||
                          (is_signed_int(from) && middle == DType::i64) ||
                          (is_unsigned_int(from) && from != DType::u64 && middle == DType::i64) ||
                          (from == DType::boolean);
       if (!wider || (from == DType::boolean && g.dtype(n.out[0]) == DType::boolean)) return {};
       return {g.emit(*n.op, n.attrs, std::span<const Value>(&inner->in[0], 1))[0]};
     }},
    {"drop_reshape", "a reshape, squeeze, unsqueeze, flatten or expand that keeps the shape -> its input",
     [](Graph& g, Node& n) -> Values {
       const bool view = n.is("reshape") || n.is("squeeze") || n.is("unsqueeze") || n.is("flatten") || n.is("expand");
       return view && same_type(g, n.in[0], n.out[0]) ? Values{n.in[0]} : Values{};
     }},
    {"merge_reshapes", "reshape(reshape(x)) -> reshape(x), where the target is known",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("reshape")) return {};
       const Node* inner = g.def(n.in[0]);
       if (!inner || !(inner->is("reshape") || inner->is("squeeze") || inner->is("unsqueeze") || inner->is("flatten")))
         return {};
       if (!(element_count(g.type(inner->in[0]).shape) == element_count(g.type(n.out[0]).shape))) return {};
       const Value source = inner->in[0];
       const Shape target = g.type(n.out[0]).shape;
       const Facts f = g.facts(n.in[1]);
       if (!f.known || !(f.content == target)) return {};
       return {g.call("reshape", {source, n.in[1]}, {{"allowzero", true}})};
     }},
    {"drop_transpose", "a transpose that moves nothing -> its input",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("transpose")) return {};
       const auto perm = n.attrs.get_ints("perm");
       const int64_t rank = g.rank(n.in[0]);
       if (perm.empty()) return rank < 2 ? Values{n.in[0]} : Values{};
       for (size_t i = 0; i < perm.size(); ++i)
         if ((perm[i] < 0 ? perm[i] + rank : perm[i]) != int64_t(i)) return {};
       return {n.in[0]};
     }},
    {"merge_transposes", "transpose(transpose(x)) -> transpose(x)",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("transpose")) return {};
       const Node* inner = g.def(n.in[0]);
       if (!inner || !inner->is("transpose")) return {};
       auto full = [&](const Node& m) {
         auto p = m.attrs.get_ints("perm");
         const int64_t rank = g.rank(m.in[0]);
         if (p.empty())
           for (int64_t i = rank; i-- > 0;) p.push_back(i);
         for (int64_t& x : p)
           if (x < 0) x += rank;
         return p;
       };
       const auto a = full(*inner), b = full(n);
       std::vector<int64_t> perm;
       for (int64_t i : b) perm.push_back(a[size_t(i)]);
       return {g.call("transpose", {inner->in[0]}, {{"perm", perm}})};
     }},
    {"lower_gemm", "gemm -> matmul, add",
     [](Graph& g, Node& n) -> Values { return n.is("gemm") ? lower(g, n) : Values{}; }},
    {"plain_matmul", "matmul that reads an operand transposed -> transpose, matmul",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("matmul")) return {};
       Values in = n.in;
       for (size_t i = 0; i < 2; ++i) {
         if (!n.attrs.get_bool(i ? "transpose_b" : "transpose_a")) continue;
         std::vector<int64_t> perm(size_t(g.rank(in[i])));
         std::iota(perm.begin(), perm.end(), 0);
         std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
         in[i] = g.call("transpose", {in[i]}, {{"perm", perm}});
       }
       return in == n.in ? Values{} : Values{g.call("matmul", in)};
     }},
    {"hard_tanh_is_clip",
     "hard_tanh(x) -> clip(x, min_val, max_val), which kernels take where a convolution or product ends",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("hard_tanh")) return {};
       const auto bound = [&](std::string_view name) {
         return g.constant(Tensor::scalar(g.dtype(n.in[0]), n.attrs.get_float(name)));
       };
       const Value lo = bound("min_val"), hi = bound("max_val");
       return {g.call("clip", {n.in[0], lo, hi})};
     }},
    {"drop_neutral", "x + 0, x - 0, x * 1, x / 1 -> x, where the shape stays (x + 0 not for floats: -0 + 0 is +0)",
     [](Graph& g, Node& n) -> Values {
       if (n.in.size() != 2 || n.out.size() != 1) return {};
       const bool commutes = n.is("add") || n.is("mul");
       const bool one = n.is("mul") || n.is("div");
       if (!one && !n.is("add") && !n.is("sub")) return {};
       if (n.is("add") && is_float(g.dtype(n.out[0]))) return {};
       for (size_t i = 0; i < 2; ++i) {
         const size_t other = 1 - i;
         if (i == 1 && !commutes) break;
         if (same_type(g, n.in[i], n.out[0]) && is_constant_value(g, n.in[other], one ? 1 : 0)) return {n.in[i]};
       }
       return {};
     }},
    {"make_hard_swish", "x * clip(x + 3, 0, 6) / 6, in the orders in which exporters write it -> hard_swish(x)",
     make_hard_swish},
    {"make_gelu", "x * (1 + erf(x / sqrt(2))) / 2, or its approximation with tanh, in any order -> gelu(x)", make_gelu},
    {"make_swish", "x * sigmoid(x) -> swish(x), where nobody else reads the sigmoid",
     [](Graph& g, Node& n) -> Values {
       if (!n.is("mul")) return {};
       for (size_t i = 0; i < 2; ++i) {
         const Node* s = g.def(n.in[1 - i]);
         if (s && s->is("sigmoid") && s->in[0] == n.in[i] && g.use_count(s->out[0]) == 1 && !g.is_output(s->out[0]))
           return {g.call("swish", {n.in[i]})};
       }
       return {};
     }},
    {"drop_single_concat", "concat of one tensor -> it; a slice, split or pad that takes all -> its input",
     [](Graph& g, Node& n) -> Values {
       if (n.is("concat") && n.in.size() == 1) return {n.in[0]};
       if (n.is("slice") && same_type(g, n.in[0], n.out[0])) {
         // Equal sizes with step 1 take everything; a negative step would reverse.
         if (n.in.size() < 5 || !n.in[4].valid()) return {n.in[0]};
         const Facts f = g.facts(n.in[4]);
         if (!f.known) return {};
         for (Dim d : f.content)
           if (!d.is(1)) return {};
         return {n.in[0]};
       }
       return {};
     }},
};

}  // namespace

int64_t canonicalize(Graph& g, PassContext& c) { return total(ir::rewrite(g, canonical_rules, c.rewrite)); }

}  // namespace neve::passes
