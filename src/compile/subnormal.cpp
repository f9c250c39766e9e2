// Subnormal numbers in weights. Training with weight decay leaves them where channels have died, and some CPUs take a
// hundred times as long for a product with one of them: a layer of a real detector ran at 3% of the peak. Where a
// weight is only multiplied with and summed up, zero in its place changes no result by more than 1e-38 a term.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <vector>

#include "base/threads.h"
#include "compile/compile.h"
#include "op/constant.h"

namespace neve::compile {
using ir::Graph;
using ir::Node;

namespace {

bool is_linear(const Node& n) {
  for (const char* name : {"conv", "conv_transpose", "matmul", "lstm", "gru", "rnn"})
    if (n.is(name)) return true;
  return false;
}

/// Whether all that reads the value multiplies and sums, or adds to such sums.
bool only_in_sums(const Graph& g, Value v) {
  if (g.is_output(v) || g.uses(v).empty()) return false;
  for (const ir::Use& u : g.uses(v)) {
    const Node& n = *u.node;
    if (n.is("fused")) {
      const Graph& inside = *n.regions[0];
      if (!only_in_sums(inside, inside.inputs()[u.operand])) return false;
    } else if (n.is("add")) {
      const Node* other = g.def(n.in[1 - u.operand]);
      if (!other || !is_linear(*other)) return false;
    } else if (!is_linear(n)) {
      return false;
    }
  }
  return true;
}

bool is_subnormal(float x) { return x != 0 && std::fabs(x) < std::numeric_limits<float>::min(); }

bool has_subnormal(const float* x, int64_t n, int threads) {
  std::vector<uint8_t> found(size_t(threads), 0);
  parallel_for(n, int64_t(1) << 20, threads, [&](int64_t begin, int64_t end, int part) {
    bool any = false;
    for (int64_t i = begin; i < end; ++i) any |= is_subnormal(x[i]);
    found[size_t(part)] |= uint8_t(any);
  });
  return std::find(found.begin(), found.end(), 1) != found.end();
}

class Flush {
 public:
  Flush(ir::Weights& weights, int threads) : weights_(weights), threads_(threads) {}

  size_t graph(Graph& g) {
    size_t count = 0;
    for (Node* n : g.nodes()) {
      if (!n->is("fused"))
        for (auto& r : n->regions) count += graph(*r);
      if (n->is("weight") && n->out.size() == 1 && g.dtype(n->out[0]) == DType::f32 && only_in_sums(g, n->out[0]))
        count += weight(g, *n);
    }
    if (count) g.erase_dead();
    return count;
  }

 private:
  size_t weight(Graph& g, Node& n) {
    const std::string& name = weight_attrs(n.attrs).name;
    const auto [it, fresh] = flushed_.try_emplace(name);
    if (fresh) it->second = flushed(name);
    if (it->second.empty()) return 0;
    g.insert_before(&n);
    g.location = n.loc;
    const Tensor& t = weights_.at(it->second);
    const Value w = g.call("weight", {}, {{"name", it->second}, {"dtype", t.dtype()}, {"shape", Sizes(t.shape())}});
    g.insert_before(nullptr);
    g.replace(n.out[0], w);
    return 1;
  }

  /// The name of a copy without subnormal numbers; empty: there are none.
  std::string flushed(const std::string& name) {
    const auto it = weights_.find(name);
    if (it == weights_.end()) return {};
    const Tensor plain = it->second.contiguous();
    const int64_t n = plain.bytes() / int64_t(sizeof(float));
    if (!has_subnormal(plain.data_as<float>(), n, threads_)) return {};
    Tensor copy = plain.clone();
    float* x = copy.data_as<float>();
    for (int64_t i = 0; i < n; ++i)
      if (is_subnormal(x[i])) x[i] = std::copysign(0.f, x[i]);
    std::string to = name + "#normal";
    for (int i = 0; weights_.count(to); ++i) to = str(name, "#normal", i);
    weights_[to] = std::move(copy);
    return to;
  }

  ir::Weights& weights_;
  int threads_;
  std::unordered_map<std::string, std::string> flushed_;
};

}  // namespace

size_t flush_subnormal(Graph& g, ir::Weights& weights, int threads) {
  const size_t count = Flush(weights, threads).graph(g);
  if (count) drop_unused(g, weights);
  return count;
}

}  // namespace neve::compile
