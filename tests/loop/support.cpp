// What the loop tests share.
#include "support.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "core/half.h"
#include "op/reference.h"

namespace neve::test {

Subgraph Piece::primitives() const {
  ir::Graph now = graph.clone();
  for (bool again = true; again;) {
    again = false;
    ir::Graph next;
    std::map<uint32_t, Value> map;
    for (Value v : now.inputs()) map[v.id] = next.add_input("", now.type(v), now.facts(v));
    for (ir::Node* n : now.nodes()) {
      Values in;
      for (Value v : n->in) in.push_back(v.valid() ? map[v.id] : Value{});
      again = again || n->op->is_composite();
      const Values out = n->op->lower ? n->op->lower(n->attrs.object(), next, in) : next.emit(*n->op, n->attrs, in);
      for (size_t k = 0; k < n->out.size(); ++k) map[n->out[k].id] = out[k];
    }
    for (Value v : now.outputs()) next.add_output("", map[v.id]);
    next.erase_dead();
    now = std::move(next);
  }
  // Constants of several elements become inputs.
  std::vector<ir::Node*> nodes;
  std::vector<Value> inputs = now.inputs();
  std::vector<Tensor> constants(inputs.size());
  for (ir::Node* n : now.nodes()) {
    if (const Tensor* t = now.constant_of(n->out[0])) {
      inputs.push_back(n->out[0]);
      constants.push_back(*t);
    } else {
      nodes.push_back(n);
    }
  }
  Subgraph g = ir::to_subgraph(now, nodes, inputs, now.outputs());
  g.constants = constants;
  g.roles.assign(inputs.size(), InputRole::activation);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (constants[i].defined()) g.roles[i] = InputRole::constant;
  return g;
}

int64_t value_of(Dim d, const SymbolValues& symbols) {
  return evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = symbols.find(s.id);
    return it == symbols.end() ? std::nullopt : std::optional(it->second);
  });
}
Sizes sizes_of(const Shape& s, const SymbolValues& symbols) {
  Sizes out;
  for (Dim d : s) out.push_back(value_of(d, symbols));
  return out;
}

std::vector<Tensor> random_inputs(const Subgraph& g, const SymbolValues& symbols, std::mt19937& random, int64_t below) {
  std::vector<Tensor> in;
  for (size_t i = 0; i < g.inputs.size(); ++i) {
    if (i < g.constants.size() && g.constants[i].defined()) {
      in.push_back(g.constants[i]);
      continue;
    }
    const TensorType& t = g.types[size_t(g.inputs[i])];
    const Sizes shape = sizes_of(t.shape, symbols);
    int64_t n = 1;
    for (int64_t s : shape) n *= s;
    if (is_float(t.dtype)) {
      std::normal_distribution<double> d(0, 1.5);
      std::vector<double> v(static_cast<size_t>(n));
      for (double& x : v) x = d(random);
      in.push_back(Tensor::of(t.dtype, shape, v));
    } else {
      std::uniform_int_distribution<int64_t> d(0, t.dtype == DType::boolean ? 1 : below - 1);
      std::vector<int64_t> v(static_cast<size_t>(n));
      for (int64_t& x : v) x = d(random);
      in.push_back(Tensor::of_ints(t.dtype, shape, v));
    }
  }
  return in;
}

CompiledPiece::CompiledPiece(Subgraph g, const LoopLayout& layout, Isa isa) : graph_(std::move(g)) {
  LoopAnalysis a = make_loop_nest(graph_, layout);
  if (!a.nest) fail(ErrorCode::unsupported, a.refusal);
  // What a plan stores is what runs.
  nest_ = loop_nest_from_bytes(to_bytes(*a.nest));
  values_ = std::move(a.values);
  std::string reason;
  CodeProvider* provider = loop_code_provider(&reason);
  if (!provider) fail(ErrorCode::unsupported, reason);
  code_ = provider->compile(nest_, {.disk_cache = false, .isa = isa});
}

std::vector<int64_t> CompiledPiece::values(const SymbolValues& symbols) const {
  std::vector<int64_t> v;
  for (Dim d : values_) v.push_back(value_of(d, symbols));
  return v;
}

std::vector<Tensor> CompiledPiece::run(std::span<const Tensor> in, const SymbolValues& symbols, int threads) const {
  std::vector<Tensor> out;
  std::vector<void*> buffers;
  for (const Tensor& t : in) buffers.push_back(t.data());
  for (int32_t v : graph_.outputs) {
    out.push_back(Tensor::empty(graph_.types[size_t(v)].dtype, sizes_of(graph_.types[size_t(v)].shape, symbols)));
    if (out.back().bytes()) std::memset(out.back().data(), 0x5a, size_t(out.back().bytes()));
    buffers.push_back(out.back().data());
  }
  const auto bound = code_->bind(values(symbols), threads);
  const auto scratch = Storage::allocate(std::max<size_t>(64, bound->scratch_bytes()));
  bound->run(buffers.data(), scratch->data());
  return out;
}

std::string difference(const Tensor& got, const Tensor& want, double relative) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return "is " + type_text(got) + ", not " + type_text(want);
  double worst = 0;
  std::string text;
  for (int64_t i = 0; i < want.element_count(); ++i) {
    if (!is_float(want.dtype())) {
      if (got.item_int(i) != want.item_int(i))
        return str("element ", i, " is ", got.item_int(i), ", not ", want.item_int(i));
      continue;
    }
    const double a = got.item(i), b = want.item(i);
    if (std::isnan(a) && std::isnan(b)) continue;
    if (a == b) continue;
    const double apart = std::fabs(a - b) / std::max(1.0, std::fabs(b));
    if (apart <= relative) continue;
    if (text.empty() || apart > worst) text = str("element ", i, " is ", a, ", not ", b);
    worst = std::max(worst, apart);
  }
  return text;
}

void expect_reference(const Subgraph& g, const std::vector<SymbolValues>& sizes, double relative, int64_t below,
                      Isa isa) {
  std::mt19937 random(7);
  std::unique_ptr<CompiledPiece> piece;
  try {
    piece = std::make_unique<CompiledPiece>(g, LoopLayout{}, isa);
  } catch (const Error& e) {
    FAIL() << e.what();
  }
  for (const SymbolValues& s : sizes) {
    const std::vector<Tensor> in = random_inputs(g, s, random, below);
    const std::vector<Tensor> want = evaluate(g, in);
    const std::vector<Tensor> got = piece->run(in, s, 1), two = piece->run(in, s, 2);
    for (size_t k = 0; k < want.size(); ++k) {
      const std::string d = difference(got[k], want[k], relative);
      EXPECT_EQ(d, "") << "output " << k << " " << type_text(want[k]) << "\n" << to_string(piece->nest());
      EXPECT_EQ(got[k].bytes(), two[k].bytes());
      EXPECT_TRUE(got[k].bytes() == 0 || std::memcmp(got[k].data(), two[k].data(), size_t(got[k].bytes())) == 0)
          << "1 and 2 threads differ";
      if (!d.empty()) return;
    }
  }
}

}  // namespace neve::test
