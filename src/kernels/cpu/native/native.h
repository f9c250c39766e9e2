// Kernels of our own: what they share, and the entries that each file gives.
#pragma once
#include <optional>
#include <vector>

#include "kernels/cpu/native/simd.h"
#include "kernels/kernel.h"

namespace neve::kernels::native {

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// Number of the subgraph input that is this value; -1 if none (or `value` is -1).
int input_number(const Subgraph& g, int32_t value);
/// Number of the subgraph output that is this value; -1 if nobody wants it.
int output_number(const Subgraph& g, int32_t value);
/// The bytes of an input that is known now, or null.
const Tensor* constant_input(const Subgraph& g, int32_t value);
/// Vectors of the widest panel of `n` columns that wastes least, at most 4 (Simd::panel).
int panel_vectors(int64_t n, Isa isa);
/// A piece of a single node: nothing, or why it is not.
std::optional<std::string> not_single(const Subgraph& g);

/// The same random numbers in [-1, 1) every time: what the error of a kernel is measured with.
class Noise {
 public:
  float operator()() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return float(int32_t(state_ >> 33) - (1 << 30)) / float(1 << 30);
  }

 private:
  uint64_t state_ = 1;
};

/// Hands out parts of the scratch memory, each 64-byte aligned.
class ScratchPlan {
 public:
  size_t add(int64_t bytes) {
    const size_t at = size_;
    size_ += size_t(round_up(bytes, 64));
    return at;
  }
  template <class T>
  size_t add_of(int64_t n) {
    return add(n * int64_t(sizeof(T)));
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

/// Work that is worth waking another thread for, which costs microseconds: multiplications, or bytes from memory.
constexpr int64_t work_of_waking = 1 << 17, bytes_of_waking = 1 << 16;
/// With fewer the faster of two cores finds nothing to take over.
constexpr int64_t pieces_a_thread = 8;

/// Rows whose sums are made before they are written.
constexpr int64_t rows_at_once = 32;
/// With more rows of `depth` elements a second factor that lies as it comes is slower than one that is packed first.
constexpr int64_t most_rows_of_dots(int64_t depth) { return depth < 256 ? 4 : 8; }

/// to[i * stride + j] = from[j * row + i * column] for j < rows and i < columns; zeros from there to j < width.
void pack_transposed(const float* from, int64_t row, int64_t column, int64_t rows, int64_t columns, int64_t width,
                     int64_t stride, float* to);

std::vector<Entry> attention_entries();
std::vector<Entry> conv_transpose_entries();
std::vector<Entry> depthwise_entries();
std::vector<Entry> depthwise_pointwise_entries();
std::vector<Entry> direct_entries();
std::vector<Entry> expand_depthwise_entries();
std::vector<Entry> grouped_entries();
std::vector<Entry> gemv_conv_entries();
std::vector<Entry> gemv_entries();
std::vector<Entry> dots_entries();
std::vector<Entry> dots_conv_entries();
std::vector<Entry> inverted_residual_entries();
std::vector<Entry> lstm_grad_entries();
std::vector<Entry> matmul_entries();
std::vector<Entry> matmul_tiles_entries();
std::vector<Entry> pad_entries();
std::vector<Entry> pointwise_entries();
std::vector<Entry> resize_entries();
std::vector<Entry> rnn_entries();
std::vector<Entry> unpacked_matmul_entries();
std::vector<Entry> winograd_entries();

}  // namespace neve::kernels::native
