// Running one op now: the way is found once for each kind of call and kept.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "eager/piece.h"
#include "op/def.h"

namespace neve::eager {

/// Threads of eager execution; at first, available_threads().
int threads();
void set_threads(int n);  ///< @throws Error{invalid_argument} below 1
int thread_setting();     ///< what set_threads was given

/// Results that do not depend on the number of threads: work is split into a fixed number of parts, whatever number is
/// set; library kernels (oneDNN) run on as many threads. For this process.
/// @cost  products and convolutions use deterministic_parts threads, no fewer and no more
constexpr int deterministic_parts = 4;
void set_deterministic(bool on);
bool is_deterministic();

/// Runs an op on tensors without recording gradients. Views (reshape, transpose, slice, ...) share the bytes of their
/// input; other results are new and contiguous. Absent optional inputs are undefined tensors.
/// @throws Error of the op's type rule: dtypes, shapes, and what would be right
/// @cost  tens of nanoseconds beside the work where the same kind of call was seen before; the first call of a kind
///     compiles (milliseconds)
void execute(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, std::vector<Tensor>& out);
/// One result.
Tensor execute1(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in);

/// The gradient of an op as a piece over (inputs..., results..., gradients of results...), compiled for tensors like
/// these. Null where the op has none.
struct GradientPiece {
  std::shared_ptr<const Piece> piece;
  size_t inputs = 0, outputs = 0;
};
GradientPiece gradient_piece(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                             std::span<const Tensor> out, uint64_t needs, uint64_t given);

/// Whether a composite is recorded as one operation, though it has no gradient of its own: see
/// PieceCompiler::is_light.
bool recorded_whole(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in);

/// Result of a view op (one that moves no element), sharing storage; false if `op` is none or cannot be one here.
bool make_view(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, std::vector<Tensor>& out);
/// An elementwise op on few elements; false if it is not that.
bool run_small(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, Tensor& out);

/// Numbers for tests and for the curious.
struct ExecuteCounts {
  uint64_t small = 0, views = 0, pieces = 0, references = 0, compiled = 0;
};
ExecuteCounts execute_counts();

}  // namespace neve::eager
