// What a kernel is: it accepts a subgraph or refuses in words, is compiled once for a range of sizes, bound to each
// concrete size, and run. Ordered lists by op, fastest first, reference last.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "core/layout.h"
#include "op/def.h"
#include "op/subgraph.h"
#include "plan/code_provider.h"

namespace neve::kernels {

/// What is asked of a kernel: the piece of the graph, and the circumstances.
struct Request {
  const Subgraph* graph = nullptr;
  /// Layout in which each activation input would arrive without a reorder (a wish, not a duty: the kernel states what
  /// it takes).
  std::vector<Layout> offered;
  /// Concrete sizes of every value of the subgraph at the point tuned for; same indexing as graph->types. Values that
  /// cannot be known (data-dependent) have a negative size.
  std::vector<Sizes> sizes;
  /// The same at the ends of the range: what is fixed now (the packing of weights) should serve these too.
  std::vector<std::vector<Sizes>> ends;
  int threads = 1;
  Isa isa = Isa::baseline;
  bool plain_only = false;  ///< every input and output must be row-major
  /// The network's weights do not fit into the caches: those of a kernel come from memory in every run.
  bool cold_weights = false;
  /// What a kernel may be off beside the definition's sums in f32, of the largest result: for ways that round more.
  double most_error = 1e-5;
  /// Per input: its bytes are not needed after this kernel and may be written over.
  std::vector<bool> may_overwrite;
};

/// Sizes that a call has: of every input and output of the subgraph.
struct BindSizes {
  std::vector<Sizes> in, out;
  std::vector<int64_t> values;  ///< what the shape program computed for Kernel::shape_values
  int threads = 1;
};

/// What one session keeps for a bound kernel between calls (library handles that are not thread-safe).
class RunState {
 public:
  virtual ~RunState() = default;
};

struct RunArgs {
  const void* const* in;  ///< per input; weights packed as the kernel asked; absent optionals are not inputs
  void* const* out;
  std::byte* scratch;         ///< 64-byte aligned, BoundKernel::scratch_bytes()
  int threads;                ///< as bound
  RunState* state = nullptr;  ///< BoundKernel::make_state() of this session
};

/// A kernel with all sizes fixed. Immutable; shared between sessions and threads.
class BoundKernel {
 public:
  virtual ~BoundKernel() = default;
  virtual size_t scratch_bytes() const { return 0; }
  /// Made once a session; null where the kernel needs none.
  virtual std::unique_ptr<RunState> make_state() const { return nullptr; }
  /// Allocates nothing and takes no lock (library code called here may).
  virtual void run(const RunArgs& args) const = 0;
  /// Bound to one thread, it gives half of its work to the helper (base/helper.h) where there is one.
  virtual bool has_halves() const { return false; }
  /// Bytes this object holds, for the bound of the cache it lies in.
  virtual size_t bytes() const { return 256; }
};

/// Either a value or the reason why there is none.
template <class T>
struct Result {
  std::shared_ptr<const T> value;
  std::string reason;
  Result(std::shared_ptr<const T> v) : value(std::move(v)) {}  // NOLINT
  Result(std::string why) : reason(std::move(why)) {}          // NOLINT
  Result(const char* why) : reason(why) {}                     // NOLINT
  explicit operator bool() const { return value != nullptr; }
};

/// A kernel for one subgraph and all sizes of its range. Immutable.
class Kernel {
 public:
  virtual ~Kernel() = default;
  /// Which implementation this is, for reports: "onednn.conv brg_conv:avx512_core".
  virtual std::string description() const = 0;
  /// The layouts in which inputs are taken and outputs are given.
  virtual Layout input_layout(size_t) const { return {}; }
  virtual Layout output_layout(size_t) const { return {}; }

  /// Weight inputs only. "" : taken row-major as it is. Else a key that, with the weight's name, identifies the packed
  /// bytes: two kernels with one key share one packing.
  virtual std::string packing_key(size_t /*input*/) const { return ""; }
  virtual size_t packed_bytes(size_t /*input*/) const { return 0; }
  /// `packed` is 64-byte aligned; zero-filled where it is larger than the weight. Every element of the weight has a
  /// place in it.
  virtual void pack(size_t /*input*/, const Tensor& /*weight*/, void* /*packed*/, int /*threads*/) const {}

  /// Numbers that bind() wants beside the sizes, as expressions over the symbols of the subgraph's types.
  virtual std::span<const Dim> shape_values() const { return {}; }

  /// Output k may be written over input i (same bytes), if this is that input's last use: i, else -1.
  virtual int in_place(size_t /*output*/) const { return -1; }
  /// A weight is in no cache when it is used: the time of few multiplications is that of memory.
  virtual bool weights_from_memory() const { return false; }
  /// Input i is taken as an accumulator: output 0 must lie where input i lies. -1: none.
  virtual int accumulates(void) const { return -1; }

  /// Fixes the sizes. Microseconds to a few milliseconds. Refusal: the reference runs, if all is row-major.
  virtual Result<BoundKernel> bind(const BindSizes& sizes) const = 0;

  /// For ops whose output sizes are known only afterwards: run() is replaced by this one, which allocates.
  virtual bool dynamic_outputs() const { return false; }
  virtual std::vector<Tensor> run_dynamic(std::span<const Tensor> /*in*/, int /*threads*/) const { return {}; }
};

/// One entry of a list.
struct Entry {
  std::string_view name;  ///< "onednn.conv"; as in --disable-kernel and in plans
  /// May give several variants (tactics): `variant` counts from 0; refuse "no more variants" to end.
  Result<Kernel> (*accept)(const Request& request, int variant);
  bool leads = false;    ///< taken before a library's where nothing is timed
  bool rounded = false;  ///< its results have fewer digits than sums in f32; held against Request::most_error
};

/// The entries for the op that gives a subgraph its character (`anchor`), in order; the reference is always last.
std::span<const Entry> kernels_for(const OpDef& anchor);
const Entry* find_entry(std::string_view name);  ///< null if none

/// The node that gives a subgraph its character: the one with most work (convolution, matmul, ...), else the first.
const SubgraphNode& anchor(const Subgraph& g);

/// How many of `threads` are worth waking for a piece of these input and output sizes: one, where the work takes less
/// time than a wake-up. `graph` null: a copy. `kernel` null: any.
int useful_threads(const Subgraph* graph, const Kernel* kernel, std::span<const Sizes> in, std::span<const Sizes> out,
                   int threads);

/// Copies between layouts. Bound to sizes; dtype stays. Never refuses.
std::shared_ptr<const Kernel> make_reorder(DType dtype, size_t rank, const Layout& from, const Layout& to);

/// A loop nest compiled by `code`; `values` are the Dims of its value table; the layouts are those it was made for
/// (empty: row-major).
std::shared_ptr<const Kernel> make_loop_kernel(std::shared_ptr<const LoopNest> nest, std::vector<Dim> values,
                                               std::shared_ptr<const LoopCode> code, std::vector<Layout> inputs = {},
                                               std::vector<Layout> outputs = {});

/// The reference kernel: runs the subgraph by the definitions of its ops. Takes plain layouts. Never refuses.
std::shared_ptr<const Kernel> make_reference(const Subgraph& graph);

}  // namespace neve::kernels
