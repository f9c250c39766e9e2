// The list of our own kernels by op.
#include <algorithm>

#include "base/cpu.h"
#include "kernels/cpu/native/native.h"
#include "kernels/list.h"

namespace neve::kernels::native {

int input_number(const Subgraph& g, int32_t value) {
  if (value < 0) return -1;
  const auto it = std::find(g.inputs.begin(), g.inputs.end(), value);
  return it == g.inputs.end() ? -1 : int(it - g.inputs.begin());
}

int output_number(const Subgraph& g, int32_t value) {
  const auto it = std::find(g.outputs.begin(), g.outputs.end(), value);
  return it == g.outputs.end() ? -1 : int(it - g.outputs.begin());
}

const Tensor* constant_input(const Subgraph& g, int32_t value) {
  const int i = input_number(g, value);
  if (i < 0 || g.roles[size_t(i)] != InputRole::constant || !g.constants[size_t(i)].defined()) return nullptr;
  return &g.constants[size_t(i)];
}

int panel_vectors(int64_t n, Isa isa) {
  const int64_t lanes = simd_for(isa).lanes;
  int best = 4;
  for (int v = 3; v >= 1; --v)
    if (round_up(n, v * lanes) < round_up(n, best * lanes)) best = v;
  return best;
}

void pack_transposed(const float* from, int64_t row, int64_t column, int64_t rows, int64_t columns, int64_t width,
                     int64_t stride, float* to) {
  static const Simd& simd = simd_for(cpu_info().isa);  // bytes are moved: no cap changes what comes out
  constexpr int64_t block = 64;  // of columns: the lines that are written in parts stay in the first cache
  for (int64_t first = 0; first < columns; first += block) {
    const int64_t last = std::min(first + block, columns);
    if (column == 1) simd.transpose(from + first, row, rows, last - first, to + first * stride, stride);
    for (int64_t i = first; i < last; ++i) {
      for (int64_t j = 0; column != 1 && j < rows; ++j) to[i * stride + j] = from[j * row + i * column];
      for (int64_t j = rows; j < width; ++j) to[i * stride + j] = 0;
    }
  }
}

std::optional<std::string> not_single(const Subgraph& g) {
  if (g.nodes.size() == 1) return {};
  return str("nothing may follow in the same kernel, here ", g.nodes[1].op->info.name);
}

}  // namespace neve::kernels::native

namespace neve::kernels {

std::vector<OpEntries> native_entries() {
  return {{"conv", native::dots_conv_entries()},
          {"conv", native::gemv_conv_entries()},
          {"conv", native::depthwise_entries()},
          {"conv", native::pointwise_entries()},
          {"conv", native::direct_entries()},
          {"conv", native::grouped_entries()},
          {"conv", native::winograd_entries()},
          {"conv", native::inverted_residual_entries()},
          {"conv", native::expand_depthwise_entries()},
          {"conv", native::depthwise_pointwise_entries()},
          {"conv_transpose", native::conv_transpose_entries()},
          {"lstm", native::rnn_entries()},
          {"lstm_grad", native::lstm_grad_entries()},
          {"gru", native::rnn_entries()},
          {"rnn", native::rnn_entries()},
          {"pad", native::pad_entries()},
          {"resize", native::resize_entries()},
          {"matmul", native::dots_entries()},
          {"matmul", native::unpacked_matmul_entries()},
          {"matmul", native::gemv_entries()},
          {"matmul", native::matmul_entries()},
          {"matmul", native::matmul_tiles_entries()},
          {"scaled_dot_product_attention", native::attention_entries()}};
}

}  // namespace neve::kernels
