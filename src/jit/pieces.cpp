// Compiles the pieces of eager execution: a small graph through the same fusion, kernels and run-time as a model.
#include <algorithm>
#include <mutex>

#include "base/cpu.h"
#include "compile/compile.h"
#include "eager/execute.h"
#include "eager/piece.h"
#include "kernels/kernel.h"
#include "loop/analyse.h"
#include "passes/fuse.h"
#include "passes/simplify.h"
#include "runtime/session.h"

namespace neve::jit {
namespace {

/// Memory that a frame may keep between calls; there is a frame for every kind of call, so it is little.
constexpr int64_t kept_bytes = 64 << 10;

class CompiledPiece final : public eager::Piece {
 public:
  struct Result {
    enum Kind : uint8_t { none, parameter, constant, output } kind = none;
    size_t index = 0;
    Tensor value;
  };
  std::shared_ptr<runtime::Program> program;  ///< null: nothing is computed
  std::vector<size_t> arguments;              ///< parameter of each program input
  std::vector<bool> read;                     ///< per parameter
  std::vector<Result> result;

  size_t results() const override { return result.size(); }
  bool has(size_t k) const override { return result[k].kind != Result::none; }
  bool reads(size_t i) const override { return read[i]; }

  void run(std::span<const Tensor> in, std::vector<Tensor>& out, int threads) const override {
    std::vector<Tensor> computed;
    if (program) {
      Lease lease(*this, threads);
      runtime::Frame& frame = *lease.frame;
      if (arguments.size() == in.size()) {
        frame.run(in, computed);
      } else {
        std::vector<Tensor> chosen;
        for (size_t i : arguments) chosen.push_back(in[i]);
        frame.run(chosen, computed);
      }
      if (frame.arena_bytes() > kept_bytes) frame.release_memory();
    }
    out.resize(result.size());
    for (size_t k = 0; k < result.size(); ++k) switch (result[k].kind) {
        case Result::none:
          out[k] = {};
          break;
        case Result::parameter:
          out[k] = in[result[k].index];
          break;
        case Result::constant:
          out[k] = result[k].value.clone();
          break;
        case Result::output:
          out[k] = std::move(computed[result[k].index]);
          break;
      }
  }

 private:
  using FramePtr = std::unique_ptr<runtime::Frame>;
  struct Idle {
    int threads;
    FramePtr frame;
  };
  /// A frame of this piece for the length of a call.
  struct Lease {
    Lease(const CompiledPiece& p, int threads) : piece(p), threads(threads) {
      {
        std::lock_guard lock(p.mutex_);
        for (size_t i = p.idle_.size(); i-- > 0 && !frame;)
          if (p.idle_[i].threads == threads) {
            frame = std::move(p.idle_[i].frame);
            p.idle_.erase(p.idle_.begin() + int64_t(i));
          }
      }
      if (!frame) {
        frame = std::make_unique<runtime::Frame>(p.program, threads);
        frame->reuse_outputs = false;
      }
    }
    ~Lease() {
      std::lock_guard lock(piece.mutex_);
      if (piece.idle_.size() < 8) piece.idle_.push_back({threads, std::move(frame)});
    }
    const CompiledPiece& piece;
    const int threads;
    FramePtr frame;
  };
  mutable std::mutex mutex_;
  mutable std::vector<Idle> idle_;
};

class Compiler final : public eager::PieceCompiler {
 public:
  eager::Way way(const OpDef& op) const override {
    // The last entry of every list is the reference.
    if (kernels::kernels_for(op).size() > 1) return eager::Way::sizes;
    if (op.is_composite() && op.flops) return eager::Way::sizes;  // a product is in it
    if (op.is_composite() || loop_role(op) != LoopRole::none) return eager::Way::symbols;
    return eager::Way::reference;
  }

  bool is_light(const OpDef& op, const Attrs& attrs, std::span<const eager::Parameter> operands) override {
    ir::Graph g;
    Values in;
    for (const eager::Parameter& p : operands)
      in.push_back(p.absent ? Value{} : p.content.defined() ? g.constant(p.content) : g.add_input("x", p.type));
    return consists_of_loops(g, op.lower(attrs.object(), g, in));
  }

  std::shared_ptr<const eager::Piece> compile(std::span<const eager::Parameter> parameters,
                                              std::span<const std::pair<Dim, int64_t>> sizes,
                                              eager::Recipe recipe) override {
    ir::Graph g;
    Values values;
    std::vector<int64_t> position;  // parameter of each graph input
    for (size_t i = 0; i < parameters.size(); ++i) {
      const eager::Parameter& p = parameters[i];
      if (p.absent) {
        values.push_back({});
      } else if (p.content.defined()) {
        values.push_back(g.constant(p.content));
      } else {
        values.push_back(g.add_input(str("x", i), p.type));
        position.push_back(int64_t(i));
      }
    }
    const Values results = recipe(g, values);
    // What holds for some sizes only is compiled for those.
    if (!sizes.empty() && !g.constraints.empty())
      fail(ErrorCode::unsupported, "piece: not for all sizes: ", g.constraints.front().reason);

    auto piece = std::make_shared<CompiledPiece>();
    piece->read.assign(parameters.size(), false);
    piece->result.resize(results.size());
    std::vector<size_t> output_result;  // result of each graph output
    for (size_t k = 0; k < results.size(); ++k) {
      if (!results[k].valid()) continue;
      g.add_output(str("y", k), results[k]);
      output_result.push_back(k);
    }
    passes::PassContext context;
    passes::canonicalize(g, context);
    passes::fold_constants(g, context);
    passes::remove_common(g, context);
    passes::fold_transposes(g, context);
    passes::fuse_epilogues(g, context);
    compile::fuse_loops(g, 1, {});
    g.erase_dead();

    // What is no computation is taken from where it lies.
    for (size_t o = g.outputs().size(); o-- > 0;) {
      const Value v = g.outputs()[o];
      CompiledPiece::Result& r = piece->result[output_result[o]];
      const auto input = std::find(g.inputs().begin(), g.inputs().end(), v);
      if (input != g.inputs().end()) {
        r.kind = CompiledPiece::Result::parameter;
        r.index = size_t(position[size_t(input - g.inputs().begin())]);
        piece->read[r.index] = true;
      } else if (const Tensor* c = g.constant_of(v)) {
        r.kind = CompiledPiece::Result::constant;
        r.value = c->clone();
      } else {
        continue;
      }
      g.remove_output(o);
      output_result.erase(output_result.begin() + int64_t(o));
    }
    for (size_t o = 0; o < g.outputs().size(); ++o) {
      piece->result[output_result[o]].kind = CompiledPiece::Result::output;
      piece->result[output_result[o]].index = o;
    }
    if (g.outputs().empty()) return piece;

    compile::Point point;
    for (const auto& [symbol, value] : sizes) point[symbol.as_symbol().id] = value;
    compile::Options options;
    options.threads = eager::is_deterministic() ? eager::deterministic_parts : threads_;
    options.isa = cpu_info().isa;
    auto weights = std::make_shared<runtime::WeightPool>(std::make_shared<const runtime::WeightPool::Map>());
    piece->program = compile::compile_graph(g, weights, point, options).program;
    const plan::Plan& plan = piece->program->plan();
    std::vector<int32_t> input_of(plan.values.size(), -1);
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      piece->arguments.push_back(size_t(position[i]));
      input_of[size_t(plan.inputs[i].value)] = int32_t(i);
    }
    auto mark = [&](int32_t value) {
      if (value < 0) return;
      const int32_t input = input_of[size_t(piece->program->root(value))];
      if (input >= 0) piece->read[piece->arguments[size_t(input)]] = true;
    };
    for (const plan::Instr& instr : plan.instrs)
      for (int32_t v : instr.in) mark(v);
    for (const auto& output : plan.outputs) mark(output.value);
    return piece;
  }

 private:
  static bool consists_of_loops(ir::Graph& g, const Values& out) {
    for (Value v : out)
      if (v.valid()) g.add_output("y", v);
    g.erase_dead();
    for (ir::Node* n : g.nodes()) {
      if (n->is("constant")) continue;
      if (n->op->info.regions || n->op->info.random || kernels::kernels_for(*n->op).size() > 1) return false;
      if (n->op->lower) {
        ir::Graph inner;
        Values in;
        for (Value v : n->in) {
          const Tensor* c = v.valid() ? g.constant_of(v) : nullptr;
          in.push_back(!v.valid() ? Value{} : c ? inner.constant(*c) : inner.add_input("x", g.type(v), g.facts(v)));
        }
        if (!consists_of_loops(inner, n->op->lower(n->attrs.object(), inner, in))) return false;
      } else if (loop_role(*n->op) == LoopRole::none && !n->is("shape") && !n->is("size")) {
        return false;
      }
    }
    return true;
  }

  const int threads_ = available_threads();
};

}  // namespace
}  // namespace neve::jit

neve::eager::PieceCompiler& neve::eager::piece_compiler() {
  static jit::Compiler compiler;
  return compiler;
}
