// Running programs: a Frame is the private state of one thread over one program; Session chooses the program by range.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace neve::runtime {

/// An instruction that ran. Wall time, in nanoseconds of the steady clock; that of a control instruction holds those
/// of its regions, which are told first.
struct StepEvent {
  const Program& program;
  int32_t instr;
  int64_t start, nanoseconds;
  int threads;                      ///< that it was given
  const Instance* instance;         ///< the sizes; null where an instruction is dynamic or control
  std::span<const Tensor> in, out;  ///< of such a one
};
/// Told of every instruction that ran: for profiles and traces, and to stop a long run.
using StepObserver = std::function<void(const StepEvent&)>;

/// Arena, pointers and nested frames for one program. One thread at a time.
class Frame {
 public:
  /// `arenas`: memory that this frame shares with others of its session, by segment (null: its own). Frames that share
  /// must not run at the same time, and the one that ran before must have forgotten it.
  Frame(std::shared_ptr<const Program> program, int threads, std::vector<Tensor>* arenas = nullptr);
  ~Frame();
  /// Runs. `in`: per plan input, contiguous, dtype and rank checked by the caller (sizes are checked here).
  /// `out`: per plan output; a defined tensor of the right type is written in place, others are made.
  /// @throws Error{shape_mismatch} naming input, axis and rule.
  void run(std::span<const Tensor> in, std::vector<Tensor>& out);
  /// Prepares everything that depends on these input sizes, without running (as far as sizes are known beforehand).
  void warm(std::span<const Sizes> in);
  int64_t arena_bytes() const;
  /// Another frame will use the shared arena: the next run starts from none.
  void forget_arena();
  const Program& program() const { return *program_; }
  StepObserver observer;
  /// Whether outputs that nobody holds any more are written again by later calls.
  bool reuse_outputs = true;
  /// Gives back arena and scratch; the next run takes new ones.
  void release_memory();
  /// Regions: the symbol values of the frame around this one, as they are now.
  void set_outer(std::span<const int64_t> symbols);

 private:
  struct Part;
  void bind_symbols(std::span<const Tensor> in);
  void check_sizes(std::span<const Tensor> in);
  void enter(size_t s);
  void run_steps(size_t segment);
  void run_dynamic(size_t segment, int32_t instr);  // the last instruction of the segment
  Tensor tensor_of(int32_t value);
  void provide_outputs(size_t s, std::vector<Tensor>& out);

  std::shared_ptr<const Program> program_;
  int threads_;
  std::vector<Tensor>* arenas_;
  std::vector<int64_t> symbols_, outer_;
  std::vector<const void*> pointer_;                          ///< by root value
  std::vector<Part> parts_;                                   ///< per segment
  std::vector<Tensor> dynamic_;                               ///< by value: dynamic values of this call
  std::vector<std::vector<std::unique_ptr<Frame>>> regions_;  ///< per instruction
  std::vector<Tensor> spare_;       ///< outputs of earlier calls, to be used again when nobody holds them
  std::vector<int64_t> shape_key_;  ///< input sizes of the last call, flattened
  bool primed_ = false;
  Tensor scratch_;
};

/// Sizes that one program serves, by input: checked before a program is chosen.
struct Range {
  std::vector<Sizes> min, max;                           ///< per input; empty: open
  std::vector<std::vector<Sizes>> opts;                  ///< per tuned point: sizes per input
  std::vector<std::shared_ptr<const Program>> programs;  ///< per tuned point
};

struct Port {
  std::string name;
  DType dtype = DType::f32;
  std::string shape;  ///< as declared, for messages: "[batch, 3, 224, 224]"
  int64_t rank = 0;
};

/// Everything that sessions share. Immutable.
struct EngineCore {
  std::vector<Port> inputs, outputs;
  std::vector<Range> ranges;
  std::shared_ptr<WeightPool> weights;
  int threads = 1;
};

/// The range and tuned point that serve these sizes: nearest opt wins, then the first declared.
/// @throws Error{shape_mismatch} listing the ranges when none does.
struct Choice {
  size_t range, point;
};
Choice choose(const EngineCore& engine, std::span<const Sizes> in);

/// One thread's way to run an engine.
class SessionCore {
 public:
  explicit SessionCore(std::shared_ptr<const EngineCore> engine);
  /// Inputs by position; any strides (row-major copies are made of others).
  void run(std::span<const Tensor> in, std::vector<Tensor>& out);
  void warm(std::span<const Sizes> in);
  const EngineCore& engine() const { return *engine_; }
  int64_t arena_bytes() const;
  void observe(StepObserver o);

 private:
  Frame& frame(Choice c);
  void enter(Frame& f);
  std::shared_ptr<const EngineCore> engine_;
  std::vector<Tensor> arenas_;  ///< by segment, shared by the frames
  std::vector<std::vector<std::unique_ptr<Frame>>> frames_;
  std::vector<Tensor> contiguous_;
  std::vector<int64_t> shape_key_;
  Frame *last_ = nullptr, *holder_ = nullptr;
  StepObserver observer_;
};

}  // namespace neve::runtime
