// What the oneDNN kernels share: descriptors from layouts and back, execution without allocation, post-ops of fused
// pieces.
#pragma once
#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace neve::kernels::onednn {

const dnnl::engine& cpu_engine();
/// The stream of the calling thread.
const dnnl::stream& thread_stream();
std::optional<dnnl::memory::data_type> data_type(DType t);

/// Descriptor of a tensor in a layout; nothing where oneDNN has no name for the layout.
std::optional<dnnl::memory::desc> describe(DType t, const Sizes& sizes, const Layout& layout);
/// The layout of a descriptor; nothing for what Layout cannot say (padded outer dims, compensation).
std::optional<Layout> layout_of(const dnnl::memory::desc& md);
/// Text that two descriptors share exactly when their bytes mean the same.
std::string key_of(const dnnl::memory::desc& md);

/// Copies `from` (of descriptor from_md) to `to`.
void copy(const dnnl::memory::desc& from_md, const void* from, const dnnl::memory::desc& to_md, void* to);

/// One argument of a primitive and where its pointer comes from.
struct Argument {
  int id;  ///< DNNL_ARG_...
  dnnl::memory::desc md;
  enum Source : uint8_t { input, output, scratch } source;
  size_t index = 0;
};

/// A primitive with its arguments, as a bound kernel.
class BoundPrimitive final : public BoundKernel {
 public:
  BoundPrimitive(dnnl::primitive primitive, std::vector<Argument> arguments, size_t scratch)
      : primitive_(std::move(primitive)), arguments_(std::move(arguments)), scratch_(scratch) {}
  size_t scratch_bytes() const override { return scratch_; }
  std::unique_ptr<RunState> make_state() const override;
  void run(const RunArgs& args) const override;
  size_t bytes() const override { return 64 << 10; }  // code of a generated kernel, about

 private:
  dnnl::primitive primitive_;
  std::vector<Argument> arguments_;
  size_t scratch_;
};

/// Primitives one after the other, each with arguments of its own (scratch at the offsets they name).
class BoundSequence final : public BoundKernel {
 public:
  BoundSequence(std::vector<std::shared_ptr<const BoundPrimitive>> parts, size_t scratch)
      : parts_(std::move(parts)), scratch_(scratch) {}
  size_t scratch_bytes() const override { return scratch_; }
  std::unique_ptr<RunState> make_state() const override;
  void run(const RunArgs& args) const override;
  size_t bytes() const override { return parts_.size() * (64 << 10); }

 private:
  std::vector<std::shared_ptr<const BoundPrimitive>> parts_;
  size_t scratch_;
};

/// Whether an implementation is oneDNN's slow reference.
inline bool is_slow(const std::string& impl) { return impl.find("ref") != std::string::npos; }

/// What follows the anchor of a fused piece, as post-ops.
struct PostOps {
  struct Step {
    enum Kind : uint8_t { eltwise, sum, binary } kind;
    dnnl::algorithm algorithm = dnnl::algorithm::undef;
    float alpha = 0, beta = 0;
    size_t input = 0;         ///< sum, binary: input of the subgraph
    bool same_shape = false;  ///< binary: operand has the shape of the result; else one value a channel or one in all
    bool scalar = false;
  };
  std::vector<Step> steps;
  size_t bias = size_t(-1);  ///< input added per channel directly after the anchor
  std::string refusal;       ///< set when something does not fit
};
/// Reads nodes[1..] of a piece whose nodes[0] is the anchor. `channel_axis`: the axis of the result that bias and
/// per-channel operands follow. `allow_sum`: residuals may be accumulated in place where the request allows it.
PostOps read_post_ops(const Request& request, size_t channel_axis, bool allow_sum);

/// Unary elementwise ops that oneDNN has.
std::optional<PostOps::Step> eltwise_of(const Subgraph& g, const SubgraphNode& n);

/// The value of a one-element constant input of the piece.
std::optional<double> scalar_constant(const Subgraph& g, int32_t value);

/// Runs f, turning a dnnl::error into a refusal.
template <class F>
auto refuse_errors(const char* what, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const dnnl::error& e) {
    return std::string(what) + ": " + e.message;
  }
}

/// Whether some size is 0. oneDNN then does nothing: a result that has elements would stay as it was.
inline bool is_empty(const Sizes& s) { return std::find(s.begin(), s.end(), 0) != s.end(); }

/// An argument of a primitive that is row-major outside: reordered on the way in or out where the primitive wants
/// another layout.
struct PlainArgument {
  int id;
  dnnl::memory::desc wanted, plain;
  Argument::Source source;
  size_t index;
};
/// The primitive with its reorders before and behind it.
std::shared_ptr<const BoundKernel> with_reorders(const dnnl::primitive& primitive,
                                                 const std::vector<PlainArgument>& arguments,
                                                 const dnnl::memory::desc& scratchpad);

std::vector<Entry> conv_entries();
std::vector<Entry> deconv_entries();
std::vector<Entry> conv_input_grad_entries();
std::vector<Entry> conv_weight_grad_entries();
std::vector<Entry> matmul_entries();
std::vector<Entry> pool_entries();
std::vector<Entry> max_pool_grad_entries();

}  // namespace neve::kernels::onednn
