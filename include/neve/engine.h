// Models, engines and sessions: a saved model in, a checked fast engine out.
#pragma once
#include <neve/machine.h>
#include <neve/tensor.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace neve {

/// Sizes by input name, or by position as "0", "1", ...
using NamedSizes = std::map<std::string, Sizes>;
using NamedTensors = std::map<std::string, Tensor>;

/// Sizes that an engine serves. For every axis min <= opt <= max; inputs left out keep what the model says.
struct Range {
  NamedSizes min, max;
  std::vector<NamedSizes> opts = {};  ///< points that kernels are chosen for; none: one between min and max
};
/// "x=1x3x224x224..5x3x224x224;mask=1x16..2x64,8x256..8x512": inputs apart by ';', NAME=MIN..MAX or
/// NAME=MIN..OPT[,OPT...]..MAX.
/// @throws Error{invalid_argument} with the place
Range parse_range(const std::string& text);
std::string to_string(const Range& r);

/// Whether an engine is as right as it must be: |y - y0| <= relative * max|y0| + absolute, for every output element.
struct Tolerance {
  double relative = 1e-4, absolute = 1e-6;
};

struct OptimizeOptions {
  std::vector<Range> ranges = {};  ///< none: every size that the model allows
  std::string precision = "fp32";
  std::vector<NamedTensors> test_data = {};    ///< the gate runs these beside generated inputs
  std::vector<NamedTensors> calib_data = {};   ///< for int8
  std::vector<NamedTensors> warmup_data = {};  ///< ranges are learned from their sizes when none is given
  std::set<std::string, std::less<>> disable_passes = {};
  std::set<std::string, std::less<>> disable_ops = {};      ///< ops run by the reference only ("conv")
  std::set<std::string, std::less<>> float_ops = {};        ///< ops that stay in f32 under lower precision
  std::set<std::string, std::less<>> disable_kernels = {};  ///< "onednn", "onednn.conv", "loop"
  /// A kernel that is taken wherever it accepts ("native.winograd4", "loop", "reference"; "native.gemm.1" is its second
  /// variant only); elsewhere the usual choice. The report says where it was taken and where it refused. "": none.
  std::string tactic = "";
  int min_region = 1;  ///< fused regions of fewer nodes stay unfused
  int threads = 0;     ///< 0: affinity and quota
  bool tune = true;    ///< time tactics on this machine; false: the first that accepts
  bool use_tactic_cache = true;
  bool gate = true;                ///< check against the unfused model
  bool accept_inaccurate = false;  ///< hand over even if the gate says no; recorded in report and archive
  Tolerance tolerance = {};
  int64_t memory_budget = 0;  ///< bytes for packed weights and arena at max; 0: no bound
  std::string dump_ir = "";   ///< folder for the text of the graph after each pass
  /// Told of what is going on; `done` in 0..1. Return false to cancel: optimize throws Error{cancelled}.
  std::function<bool(double done, const std::string& phase)> progress = {};
};

/// An input or output as the model declares it. Sizes: a number, or a name such as "batch", or "?" .
struct PortInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::string> shape;
};

class Engine;

/// A model as read from its file: shared, immutable. Calling it runs it op by op on library kernels (Neve's baseline).
class Model {
 public:
  Model() = default;
  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;
  const std::string& format() const;  ///< "onnx", "neve"
  const std::string& path() const;
  const std::vector<std::string>& warnings() const;
  std::string graph_text() const;  ///< the IR as read
  bool has_engine() const;         ///< a .neve file holds one
  Engine engine() const;           ///< it. @throws Error{not_found} otherwise
  /// Runs unoptimised. Thread-safe; slow on the first call of each size.
  std::vector<Tensor> operator()(const std::vector<Tensor>& in) const;
  /// Runs every op by its definition: the slowest and plainest way, for comparisons.
  std::vector<Tensor> run_reference(const std::vector<Tensor>& in) const;
  bool defined() const { return impl_ != nullptr; }
  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// What the file of a model leaves unsaid, or says otherwise than you want. For ONNX models; an archive has all
/// settled.
struct LoadOptions {
  /// Shapes by input name, one text an axis: "3" fixes it, a name opens it (equal names are equal sizes, those of the
  /// file included), "past + sequence" ties it to others, "?" keeps what the file says.
  std::map<std::string, std::vector<std::string>> input_shapes = {};
  /// Inputs that are the same at every call: they become constants and leave the signature.
  NamedTensors input_values = {};
  /// Elements of inputs that are sequences (0 or 1 of optionals); they become inputs "name.0", "name.1", ...
  std::map<std::string, int64_t> sequence_lengths = {};
  int64_t opset = 0;  ///< version of the default operator set; 0: what the file says
};

/// Reads a model file: .onnx or .neve, told by content, not by name.
/// @throws Error{not_found | io} for the file; Error{corrupt_file}; Error{unsupported} with everything that the model
/// needs and Neve lacks; Error{not_found | invalid_argument | shape_mismatch} for options that do not fit it.
Model load(const std::string& path, const LoadOptions& options = {});

/// One thread's way to run an engine: owns the arena. Not thread-safe; make one a thread. Keeps the engine alive.
class Session {
 public:
  /// By position. The results are the caller's; when all were dropped before the next call of the same sizes their
  /// memory is used again, and the call allocates nothing.
  std::vector<Tensor> run(const std::vector<Tensor>& in);
  /// So that `run({a, b})` means by position.
  std::vector<Tensor> run(std::initializer_list<Tensor> in) { return run(std::vector<Tensor>(in)); }
  std::vector<Tensor> run(const NamedTensors& in);
  /// As run, into `out`: tensors that fit are written in place. No allocation in the steady state.
  void run(const std::vector<Tensor>& in, std::vector<Tensor>& out);
  /// As run, without exceptions: false, with the error in `error`.
  bool try_run(const std::vector<Tensor>& in, std::vector<Tensor>& out, Error& error) noexcept;
  void warm(const std::vector<NamedSizes>& shapes);
  int64_t arena_bytes() const;
  /// What one instruction takes, and what it could take at best.
  struct Timing {
    std::string name, ops, kernel;
    std::string location;          ///< source line, where the model names one
    double milliseconds = 0;       ///< a run, without what runs inside it
    int64_t calls = 0;             ///< of all runs together
    int threads = 1;               ///< most that it was given
    double flops = 0;              ///< a run, as its ops define them; a multiply-add is two
    double bytes = 0;              ///< a run: what must be read and written at least once, weights included
    double weight_bytes = 0;       ///< of them: weights and constants
    double best_milliseconds = 0;  ///< no kernel can be faster on this machine: its peak, its bandwidth
    bool exact = true;             ///< false: what it computes inside was not counted (control flow, open sizes)
    struct Tactic {
      std::string kernel;
      double milliseconds;
    };
    std::vector<Tactic> tactics;        ///< compared when it was chosen, at the tuned sizes; fastest first
    std::vector<std::string> refusals;  ///< "kernel: why" of those that could not run it
    double gflops() const { return milliseconds > 0 ? flops / milliseconds * 1e-6 : 0; }
    double gb_per_s() const { return milliseconds > 0 ? bytes / milliseconds * 1e-6 : 0; }
    /// Of the machine's peak or bandwidth, whichever bounds it: 1 is as fast as can be.
    double share_of_peak() const { return milliseconds > 0 ? best_milliseconds / milliseconds : 0; }
    /// How many times as long the next best tactic took; 0 where there is none.
    double margin() const {
      return tactics.size() > 1 && tactics[0].milliseconds > 0 ? tactics[1].milliseconds / tactics[0].milliseconds : 0;
    }
  };
  /// Times every instruction, in the order of the plan; those of regions come before the node they belong to.
  /// @cost `runs` runs and one before, and machine_peak(), which measures on its first use
  std::vector<Timing> profile(const std::vector<Tensor>& in, int runs);
  /// Runs, and tells what every thread did when: JSON in the Trace Event Format, for Perfetto or chrome://tracing. One
  /// track a thread; instructions are named by their ops, with node, source line and kernel.
  std::string trace(const std::vector<Tensor>& in, int runs = 1);
  struct Impl;
  explicit Session(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

/// Sizes that a thread of low priority prepares. Copies stand for the same work. It goes on while the engine or a
/// handle lives, and ends early, at the next kernel, when both are gone or the process exits. Thread-safe.
class Warming {
 public:
  Warming() = default;
  void wait() const;  ///< until it has ended. @throws Error as Engine::warm, Error{cancelled} after cancel()
  bool wait_for(double seconds) const;  ///< whether it has ended by then; throws nothing
  bool done() const;                    ///< ended: all prepared, failed, or cancelled
  std::string error() const;            ///< what went wrong; "" where nothing did, or not yet
  void cancel() const;                  ///< stops it; returns when it has ended
  struct Work;
  explicit Warming(std::shared_ptr<Work> work) : work_(std::move(work)) {}
  const std::shared_ptr<Work>& work() const { return work_; }

 private:
  std::shared_ptr<Work> work_;
};

/// A compiled model: immutable, shared between threads.
class Engine {
 public:
  Engine() = default;
  Session session() const;
  const std::vector<PortInfo>& inputs() const;
  const std::vector<PortInfo>& outputs() const;
  int threads() const;
  /// Makes everything that depends on these sizes ahead of the first call, for all sessions.
  void warm(const std::vector<NamedSizes>& shapes) const;
  /// The same in a thread of low priority: calls go on meanwhile, at nearly their speed.
  /// @throws Error{not_found | shape_mismatch} for names and ranks that the model does not have
  Warming warm_in_background(const std::vector<NamedSizes>& shapes) const;
  std::string report_json() const;  ///< "schema": "neve.report/1"
  std::string report_html() const;  ///< self-contained page; runs the model a few times, for its roofline
  std::string graph_text() const;   ///< the optimised IR
  std::string plan_text() const;    ///< instructions, kernels, layouts
  /// Session::profile with generated inputs, at these sizes or the first point that kernels were chosen for.
  std::vector<Session::Timing> profile(const NamedSizes& sizes = {}, int runs = 3) const;
  /// Writes one archive. Atomic. @throws Error{io}
  void save(const std::string& path) const;
  bool defined() const { return impl_ != nullptr; }
  struct Impl;
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// A list of {"name", "ops", "kernel", "location", "ms", "calls", "threads", "flops", "bytes", "weight_bytes",
/// "best_ms", "exact", "margin", "tactics": [{"kernel", "ms"}], "refusals"}.
std::string to_json(const std::vector<Session::Timing>& timings);

/// Optimises. @throws Error{invalid_argument | shape_mismatch} for ranges that do not fit the model,
/// Error{unsupported} for an option that is not built, Error{cancelled}.
/// @cost seconds: kernels are timed; a second run of a like model takes the times from the cache.
Engine optimize(const Model& model, const OptimizeOptions& options = {});

/// Version of the library: "0.1.0".
const char* version();

}  // namespace neve
