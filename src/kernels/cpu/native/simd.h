// The vector code that the kernels of this folder share, compiled once for each instruction set and chosen at run time.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/cpu.h"

namespace neve::kernels::native {

/// An elementwise function of one argument.
struct Activation {
  enum Kind : uint8_t {
    none,
    relu,
    tanh,
    sigmoid,
    affine,            ///< alpha x + beta
    leaky_relu,        ///< x < 0 ? alpha x : x
    thresholded_relu,  ///< x >= alpha ? x : 0
    scaled_tanh,       ///< alpha tanh(beta x)
    hard_sigmoid,      ///< clip(alpha x + beta, 0, 1)
    hard_swish,        ///< x clip(alpha x + beta, 0, 1)
    swish,             ///< x sigmoid(alpha x)
    gelu,              ///< x (1 + erf(x / sqrt 2)) / 2
    gelu_tanh,         ///< its approximation with tanh
    elu,               ///< x < 0 ? alpha (e^x - 1) : x
    softsign,          ///< x / (1 + |x|)
    clip,              ///< min(max(x, alpha), beta)
    exp,
    abs,
    sqrt,
    requantize  ///< alpha (clip(round(x / alpha) + beta, low, high) - beta): to integers and back; NaN is the integer 0
  };
  Kind kind = none;
  float alpha = 0, beta = 0, low = 0, high = 0;
  /// A few instructions: kernels apply it to results in registers, the others to those in the first cache.
  bool is_short() const { return kind == none || kind == relu || kind == clip || kind == hard_swish; }
};

/// One step of an LSTM for one block of `lanes` units and some rows of the batch. Gates in the order i o f c.
struct LstmStep {
  int64_t rows;
  const float* product;       ///< [rows, 4 lanes]: h r^T
  const float* const* input;  ///< per row, [4 lanes]: x w^T + biases; null: the sequence has ended
  float* c;                   ///< rows at `stride`
  const float* h_before;      ///< rows at `stride`
  float* h;                   ///< rows at `stride`
  int64_t stride;
  const float* peephole[3];  ///< i o f, each [lanes]; null: none
  float clip;                ///< 0: none
  bool input_forget;
  Activation f, g, out;
  float* gates = nullptr;  ///< where the gates go, each at `gate_stride` behind the other; null: nowhere
  int64_t gates_stride = 0, gate_stride = 0;
};

/// One step of the gradient of an LSTM with the usual activations, for some rows of the batch. Gates as in LstmStep.
struct LstmGradStep {
  int64_t rows, units;
  const float* gates;        ///< [rows, 4 units], after their activations
  const float* cell;         ///< [rows, units], after the step
  const float* cell_before;  ///< [rows, units]
  const float* dy;           ///< [rows, units]; null: none
  const float* dh;           ///< [rows, units], from the step behind
  float* dc;                 ///< [rows, units], from the step behind; becomes that for the step before
  float* d_gates;            ///< [rows, 4 units], before their activations
};

/// Gates z and r of a GRU: z and r * h are stored (rows at `stride`).
struct GruGates {
  int64_t rows;
  const float* product;  ///< [rows, product_stride]: z, r (, h)
  int64_t product_stride;
  const float* const* input;  ///< per row: z, r, h, each [lanes]; null: the sequence has ended
  const float* h_before;
  float* z;
  float* gated;  ///< r * h; unused for linear_before_reset
  int64_t stride;
  float clip;
  Activation f;
};

/// The candidate of a GRU and the new state.
struct GruState {
  int64_t rows;
  const float* product;  ///< [rows, product_stride]: h r_h^T (of r * h, or of h where `reset` is given)
  int64_t product_stride;
  const float* const* input;  ///< as in GruGates
  const float* z;
  const float* h_before;
  float* h;
  int64_t stride;
  bool linear_before_reset;     ///< then `product` is [z r h], and the reset gate is computed here
  const float* recurrent_bias;  ///< [lanes]; linear_before_reset only
  float clip;
  Activation f, g;
};

/// h = f(product + input).
struct RnnStep {
  int64_t rows;
  const float* product;       ///< [rows, lanes]
  const float* const* input;  ///< per row; null: the sequence has ended
  const float* h_before;
  float* h;
  int64_t stride;
  float clip;
  Activation f;
};

/// A row of scores of attention, some keys at a time: x becomes exp(scale x + mask - max), the sums go on.
struct SoftmaxRow {
  float* x;
  int64_t n, width;  ///< x[n .. width) becomes 0; width is a multiple of lanes
  float scale;
  const float* mask;  ///< [n]; null: none
  float max, sum;     ///< before and after; at first minus infinity and 0
};

/// One row times a packed panel and, meanwhile, some positions of a tile of another product, whose multiplications fill
/// the time that the panel takes to come out of the second-level cache. Both are `vectors` wide.
struct RowAndTile {
  int vectors;  ///< 1 to 4
  const float* row;
  int64_t k;
  const float* panel;
  float* y;               ///< [width] = row of k times the panel
  int64_t positions;      ///< of the tile; 0: none
  const float* const* a;  ///< its rows, `Simd::rows_beside` of them
  const float* b;
  const float* start;  ///< [width], where the sums of every row of the tile start; null: from c
  float* c;
  int64_t c_stride;
};

/// A block of rows times a packed panel, b[i * width + j] with width = vectors * lanes, for positions i < k.
struct Product {
  int vectors;  ///< 1 to 4
  int64_t rows, k;
  const float* a;  ///< rows at `a_stride`
  int64_t a_stride;
  const float* b;
  /// Where the sums go, rows at `c_stride`.
  enum Mode : uint8_t { set, add, set_minus, subtract };
  static constexpr int most_terms = 4;
  struct Target {
    float* c;
    Mode mode;
  } to[most_terms];
  int targets;
  int64_t c_stride;
  /// Done meanwhile: the rows that will be written next, and those that will be read for it, come into the first caches
  /// (`vectors` of each, at `next_stride`; null: none),
  const float *next_written, *next_read;
  int64_t next_stride;
  /// a little with every position, lines of memory that are read next are fetched,
  const char* ahead;
  int64_t ahead_lines;
  /// and parts of another panel are added up.
  struct Sum {
    int terms;
    const float* part[most_terms];
    float sign[most_terms];  ///< 1 or -1
    float* to;
    int64_t n;  ///< a multiple of lanes
  } sum;
};

/// A block of rows times a packed panel (as in Product), and what follows, stored where it belongs: sums start at the
/// bias, the residual is added, then f.
struct FinishedProduct {
  int vectors;      ///< 1 to 4
  int64_t columns;  ///< that are stored, at most vectors * lanes, and more than (vectors - 1) * lanes
  int64_t rows, k;
  const float* a;  ///< rows at `a_stride`
  int64_t a_stride;
  /// [k]: where the positions of a row lie, from its beginning; null: in `runs` of k that lie one behind the other.
  const int32_t* taps;
  int64_t runs;  ///< 0 is 1
  /// [runs]: where they begin; null: at 0, there is one run.
  const int32_t* run_at;
  const float* b;
  const float* bias;      ///< [columns]; null: none
  const float* residual;  ///< rows at `c_stride`; null: none. It may be c.
  Activation f;
  float* c;  ///< rows at `c_stride`
  int64_t c_stride;
  const char* ahead;  ///< lines of memory that are fetched meanwhile
  int64_t ahead_lines;
};

/// Neighbouring results of a row of a depthwise convolution with channels last, for all channels.
struct Depthwise {
  int width, stride;  ///< taps of a row: 3, 5 or 7; along the row: 1 or 2
  int64_t height;     ///< rows of taps
  /// [height, (columns - 1) * stride + width], each [channels]; or, where `apart` is not 0, [height]: the first pixel
  /// of every row, from which the others lie so many floats apart.
  const float* const* pixels;
  int64_t apart;
  const float* w;     ///< [height, width, channels]
  const float* bias;  ///< [channels]; null: none
  int64_t channels;   ///< at least lanes
  int columns;        ///< 1, 4, 7 or 8
  float* y;           ///< [columns, channels]
  Activation f;       ///< a short one
};

/// A row of results of a convolution in groups, 3 taps wide, for one vector of channels: those of one group, or of
/// several that have as many inputs as results.
struct GroupedRow {
  /// `columns` of one vector; `rows` results that are neighbours, from `k` inputs each; `a`: the pixel under the first
  /// tap, neighbours at `a_stride`; `b`: [height, k, 3, lanes].
  FinishedProduct p;
  int stride;      ///< 1 or 2
  int64_t height;  ///< rows of taps
  int64_t line;    ///< floats from one of them to the next
  /// [lanes]: each lane's first input in a pixel, of which `lanes` floats may be read; null: all lanes have the same.
  const int32_t* spread;
};

enum class Combination : uint8_t { add, sub, mul, div, max, min };

struct Simd {
  int64_t lanes;
  /// c[m, j] = sum over i < k of a[m][i] * b[i * width + j], width = vectors * lanes, 1 <= vectors <= 4; c has rows at
  /// ldc.
  void (*panel)(int vectors, int64_t rows, int64_t k, const float* const* a, const float* b, float* c, int64_t ldc);
  /// The same where the panels lie one behind the other in memory, not in a cache: fetched ahead.
  void (*panel_from_memory)(int vectors, int64_t rows, int64_t k, const float* const* a, const float* b, float* c,
                            int64_t ldc);
  void (*product)(const Product&);
  int64_t rows_beside;  ///< 0: too few registers for two products at a time
  void (*row_and_tile)(const RowAndTile&);
  void (*finished_product)(const FinishedProduct&);
  /// to[i * stride + j] = from[j * row + i] for j < rows and i < columns.
  void (*transpose)(const float* from, int64_t row, int64_t rows, int64_t columns, float* to, int64_t stride);
  /// y[i] = sum over t < terms of signs[t] * x[t][i]. Any n.
  void (*signed_sum)(int terms, const float* const* x, const float* signs, float* y, int64_t n);
  /// z[i] = x[i] * y[i]. Any n.
  void (*multiply)(const float* x, const float* y, float* z, int64_t n);
  /// x[i] = x[i] op y[i]; a NaN in either is one in the largest and least. Any n.
  void (*combine)(Combination op, float* x, const float* y, int64_t n);
  /// x[i] = f(x[i]); n is a multiple of lanes.
  void (*activate)(const Activation& f, float* x, int64_t n);
  void (*lstm)(const LstmStep&);
  void (*lstm_grad)(const LstmGradStep&);
  void (*gru_gates)(const GruGates&);
  void (*gru_state)(const GruState&);
  void (*rnn)(const RnnStep&);
  /// y[i] = a[i] + w * (b[i] - a[i]) in the order of the weights given: wa a + wb b. Any n.
  void (*blend)(const float* a, const float* b, float wa, float wb, float* y, int64_t n);
  /// Returns the factor for what was summed with the maximum before.
  float (*softmax_row)(SoftmaxRow&);
  /// y[j] = dot(q, k + j stride) of size d, j < n.
  void (*dot_rows)(const float* q, const float* k, int64_t stride, int64_t n, int64_t d, float* y);
  /// y[r y_stride + j] = dot(a + r d, w + j d) of size d, r < rows, j < n: both factors lie row by row.
  void (*dots)(const float* a, int64_t rows, const float* w, int64_t n, int64_t d, float* y, int64_t y_stride);
  /// y[i] = factor y[i] + sum over j < n of p[j] v[j stride + i], i < e.
  void (*add_rows)(const float* p, const float* v, int64_t stride, int64_t n, int64_t e, float factor, float* y);
  /// Winograd's transforms of one tile for m = 2 or 4 results along an axis; n, the number of channels, is a multiple
  /// of lanes. In: (m + 2)^2 pixels by row (null: zeros); frequency f goes to v + f step.
  void (*winograd_input)(int m, const float* const* pixels, int64_t n, float* v, int64_t step);
  /// Out: frequency f at p + f step; result (i, j) goes to y + (i m + j) n.
  void (*winograd_output)(int m, const float* p, int64_t step, int64_t n, float* y);
  void (*depthwise)(const Depthwise&);
  void (*grouped_row)(const GroupedRow&);
  // To measure the machine with. `n` is a multiple of 128.
  int64_t flops_a_round;
  /// Independent chains of multiply-adds in registers; the result is a number that nobody needs.
  float (*multiply_adds)(int64_t rounds, float x);
  float (*sum)(const float* x, int64_t n);
  /// a = b + s c
  void (*triad)(float* a, const float* b, const float* c, float s, int64_t n);
};

constexpr int64_t most_lanes = 16;  ///< of all instruction sets

const Simd& simd_baseline();
const Simd& simd_avx2();
const Simd& simd_avx512();
inline const Simd& simd_for(Isa isa) {
  return isa == Isa::avx512 ? simd_avx512() : isa == Isa::avx2 ? simd_avx2() : simd_baseline();
}

}  // namespace neve::kernels::native
