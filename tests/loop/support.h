// What the loop tests share: graphs to nests, sizes to values, runs, comparisons.
#pragma once
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "core/dim.h"
#include "ir/graph.h"
#include "loop/analyse.h"
#include "op/subgraph.h"
#include "plan/code_provider.h"

namespace neve::test {

using SymbolValues = std::map<uint32_t, int64_t>;

/// A piece of nothing but primitives, built through the usual Builder.
struct Piece {
  ir::Graph graph;
  Value input(DType t, Shape shape) { return graph.add_input("", {t, std::move(shape)}); }
  Value call(std::string_view op, std::initializer_list<Value> in, const AttrList& attrs = {}) {
    return graph.call(op, in, attrs);
  }
  /// The first result of an op that may have several.
  Value call_many_first(std::string_view op, std::initializer_list<Value> in, const AttrList& attrs = {}) {
    return graph.call_many(op, in, attrs)[0];
  }
  Value scalar(DType t, double v) { return graph.scalar(t, v); }
  void output(Value v) { graph.add_output("", v); }
  /// Composites replaced by what they are made of; constants become inputs with that role.
  Subgraph primitives() const;
};

int64_t value_of(Dim d, const SymbolValues& symbols);
Sizes sizes_of(const Shape& s, const SymbolValues& symbols);
/// Random tensors for the inputs of a piece at these sizes; constants as they are. Integers lie in [0, below).
std::vector<Tensor> random_inputs(const Subgraph& g, const SymbolValues& symbols, std::mt19937& random,
                                  int64_t below = 5);

/// Compiled once, run at several sizes.
class CompiledPiece {
 public:
  /// @throws Error{unsupported} with the refusal
  explicit CompiledPiece(Subgraph g, const LoopLayout& layout = {}, Isa isa = cpu_info().isa);
  std::vector<Tensor> run(std::span<const Tensor> in, const SymbolValues& symbols, int threads = 1) const;
  const LoopNest& nest() const { return nest_; }
  const Subgraph& graph() const { return graph_; }
  std::vector<int64_t> values(const SymbolValues& symbols) const;
  const LoopCode& code() const { return *code_; }

 private:
  Subgraph graph_;
  LoopNest nest_;
  std::vector<Dim> values_;
  std::shared_ptr<const LoopCode> code_;
};

/// "" or what differs: |a - b| <= relative * max(1, |b|), NaN equals NaN; integers exactly.
std::string difference(const Tensor& got, const Tensor& want, double relative = 2e-5);
/// Compiles the piece and compares it with the reference at all sizes, with 1 and 2 threads (which must agree bit by
/// bit).
void expect_reference(const Subgraph& g, const std::vector<SymbolValues>& sizes, double relative = 2e-5,
                      int64_t below = 5, Isa isa = cpu_info().isa);

/// Id of a bare symbol, for SymbolValues.
inline uint32_t id(Dim d) { return d.as_symbol().id; }

}  // namespace neve::test
