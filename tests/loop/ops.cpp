// The samples of every op as nests of their own: what the analysis accepts agrees with the reference.
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "op/reference.h"
#include "op/registry.h"
#include "support.h"

namespace neve::test {
namespace {

struct SampleRun {
  Subgraph graph;
  std::vector<Tensor> inputs;
  SymbolValues symbols;
};

/// The sample as a piece of primitives; with `symbolic`, every size that may be is a symbol.
SampleRun prepare(const OpDef& op, const Sample& sample, bool symbolic, std::mt19937& random) {
  Piece p;
  Values in;
  std::vector<Tensor> given;
  SampleRun run;
  for (const SampleInput& s : sample.in) {
    if (s.absent) {
      in.push_back({});
      continue;
    }
    if (s.value.defined()) {
      in.push_back(p.graph.constant(s.value));
      continue;
    }
    TensorType t = s.type;
    Sizes shape;
    for (Dim& d : t.shape) {
      shape.push_back(d.value());
      if (!symbolic || !s.symbolic) continue;
      const Dim symbol = Dim::symbol("s");
      run.symbols[symbol.as_symbol().id] = d.value();
      d = symbol;
    }
    in.push_back(p.graph.add_input("", t));
    std::uniform_real_distribution<double> draw(s.lo, s.hi);
    std::vector<double> v(static_cast<size_t>(Tensor::empty(DType::u8, shape).element_count()));
    for (double& x : v) x = is_float(t.dtype) ? draw(random) : std::floor(draw(random) + 0.5);
    given.push_back(Tensor::of(t.dtype, shape, v));
  }
  for (Value v : p.graph.emit(op, sample.attrs, in)) p.output(v);
  run.graph = p.primitives();
  for (size_t i = 0, k = 0; i < run.graph.inputs.size(); ++i)
    run.inputs.push_back(run.graph.constants[i].defined() ? run.graph.constants[i] : given[k++]);
  return run;
}

TEST(LoopOps, SamplesAgreeWithTheReference) {
  int accepted = 0, refused = 0;
  std::mt19937 random(11);
  const bool show = std::getenv("NEVE_SHOW_REFUSALS");
  for (const OpDef* op : all_ops()) {
    if (op->info.random || op->info.regions || !op->samples) continue;
    int number = -1;
    for (const Sample& sample : op->samples()) {
      ++number;
      for (bool symbolic : {false, true}) {
        SampleRun run;
        try {
          run = prepare(*op, sample, symbolic, random);
        } catch (const std::exception&) {
          continue;  // sizes that must be known
        }
        const LoopAnalysis a = make_loop_nest(run.graph);
        if (!a.nest) {
          ++refused;
          if (show)
            std::printf("%s sample %d%s: %s\n", std::string(op->info.name).c_str(), number,
                        symbolic ? " (symbolic)" : "", a.refusal.c_str());
          continue;
        }
        ++accepted;
        try {
          const std::vector<Tensor> want = evaluate(run.graph, run.inputs);
          const CompiledPiece piece(run.graph);
          const std::vector<Tensor> got = piece.run(run.inputs, run.symbols, 1);
          for (size_t k = 0; k < want.size(); ++k)
            EXPECT_EQ(difference(got[k], want[k],
                                 std::max(sample.tolerance * 2, want[k].dtype() == DType::f64 ? 1e-12 : 1e-5)),
                      "")
                << op->info.name << " sample " << number << (symbolic ? ", symbolic" : "") << "\n"
                << to_string(piece.nest());
        } catch (const std::exception& e) {
          ADD_FAILURE() << op->info.name << " sample " << number << ": " << e.what();
        }
      }
    }
  }
  std::printf("%d accepted, %d refused\n", accepted, refused);
  EXPECT_GT(accepted, 300);
}

}  // namespace
}  // namespace neve::test
