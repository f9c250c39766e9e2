// One random graph: the optimised engine against the reference, at several sizes through one engine.
#pragma once
#include "ir/text.h"
#include "ir/verify.h"
#include "jit/model.h"
#include "kernels/list.h"
#include "op/registry.h"
#include "random_graph.h"
#include "runtime/session.h"

namespace neve::test {

/// Runs one seed. Returns what is wrong, with the text of the graph; "" if nothing is.
inline std::string check_random_graph(uint64_t seed) {
  std::string text;
  const auto wrong = [&](const std::string& what) { return str("seed ", seed, ": ", what, "\n", text); };
  try {
    GraphMaker maker(seed, DType::f32), exact(seed, DType::f64);
    jit::LoadedModel model;
    ir::Graph g = maker.make(), wide = exact.make();
    text = ir::print(g);
    ir::verify(g, ir::Level::imported);
    // Symbols are numbered in the order in which they appear: sums and products may turn round once.
    const std::string again = ir::print(ir::parse(text));
    if (ir::print(ir::parse(again)) != again) return wrong("the text does not come back");
    *model.module.weights = maker.weights();
    model.module.methods.emplace("forward", g.clone());
    Random r(seed + 99);
    OptimizeOptions o;
    o.gate = o.tune = o.use_tactic_cache = false;
    o.threads = 1 + int(r.below(2));
    if (r.one_in(6)) o.disable_kernels = {"loop"};
    if (r.one_in(6)) o.disable_kernels = {"onednn"};
    if (r.one_in(4) && o.disable_kernels.empty()) {
      const std::vector<std::string> names = kernels::kernel_names();
      o.tactic = names[size_t(r.below(int64_t(names.size())))];
    }
    const auto optimized = jit::optimize(model, o);
    // oneDNN's relu makes 0 of NaN (docs/errors.md), and the mean of nothing is NaN.
    const bool may_lose_nan =
        o.disable_kernels.count("onednn") == 0 && ir::print(optimized->graph).find("\"epilogue\"") != std::string::npos;
    runtime::SessionCore session(optimized->core);
    const int64_t points[][2] = {{2, 3}, {1, 1}, {3, 8}, {0, 2}, {2, 3}, {5, 1}};
    for (const auto& p : points) {
      std::vector<Tensor> in, in64;
      for (Value v : g.inputs()) {
        Sizes s;
        for (Dim d : g.type(v).shape)
          s.push_back(evaluate(d, [&](const Symbol& x) {
            return x.name == "n" ? p[0] : x.name == "h" ? p[1] + 2 : p[1];
          }));
        in.push_back(random_tensor(DType::f32, s, seed * 31 + in.size()));
        in64.push_back(in.back().to(DType::f64));
      }
      const std::string at = str("at n=", p[0], " s=", p[1], ": ");
      std::vector<Tensor> y0, y64, y;
      std::string refused;
      try {
        y0 = ir::run_reference(g, maker.weights(), in);
        y64 = ir::run_reference(wide, exact.weights(), in64);
      } catch (const Error& e) {
        refused = e.message();
      }
      try {
        session.run(in, y);
      } catch (const Error& e) {
        if (refused.empty()) return wrong(at + "the engine refuses: " + e.message());
        continue;
      }
      if (!refused.empty()) return wrong(at + "the reference refuses, the engine does not: " + refused);
      for (size_t k = 0; k < y.size(); ++k) {
        if (y[k].shape() != y0[k].shape() || y[k].dtype() != y0[k].dtype())
          return wrong(str(at, "output ", k, " is ", type_text(y[k]), " for ", type_text(y0[k])));
        // How far f32 arithmetic may lie from the truth is measured, not guessed.
        const jit::OutputVerdict rounding = jit::compare(y0[k].to(DType::f64), y64[k], {1, 1});
        if (!std::isfinite(rounding.max_difference) || rounding.max_difference > 1e-2 * (1 + rounding.max_value))
          continue;
        const double allowed =
            !is_float(y[k].dtype()) ? 0 : 64 * rounding.max_difference + 2e-5 * std::max(1.0, rounding.max_value);
        const jit::OutputVerdict v = jit::compare(y[k], y0[k], {0, allowed});
        if (!v.ok && p[0] == 0 && std::isnan(v.expected) && may_lose_nan) continue;
        if (!v.ok)
          return wrong(str(at, "output ", k, " differs by ", v.max_difference, " at element ", v.worst_index, ": ",
                           v.got, " for ", v.expected, " (at most ", allowed, " is allowed)\noptimised:\n",
                           ir::print(optimized->graph)));
      }
    }
  } catch (const std::exception& e) {
    return wrong(e.what());
  }
  return "";
}

}  // namespace neve::test
