// Recurrent layers: the products with the input of many steps at once, then step by step with the cell applied while a
// block of units is in cache. Directions and rows of the batch run on threads of their own; a single row shares its
// units instead.
#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {
namespace {

enum class Cell : uint8_t { rnn, gru, lstm };

/// Columns of a packed matrix: panels of `gates.size()` vectors, one panel for each block of units.
struct Section {
  std::vector<int> gates;
  int64_t offset = 0;  // in floats, within one direction
};

struct RnnPlan {
  Cell cell = Cell::lstm;
  int gates = 4;
  int directions = 1;
  bool reverse = false, batch_first = false, linear_before_reset = false, input_forget = false;
  float clip = 0;
  std::vector<Activation> activations;  // per direction, cell by cell
  std::array<int, 8> in{};              // x w r b lengths h c p: inputs of the piece, -1: absent
  std::array<int, 5> out{};             // y y_h y_c gates cells, -1: nobody reads it
  bool packed_w = false, packed_r = false;
  Isa isa = Isa::baseline;
};

constexpr int64_t least_overlapped = int64_t(1) << 14;  // recurrent weights that are no longer in the first-level cache
constexpr int64_t first_overlapped = 10, most_overlapped = 20;  // steps
constexpr int64_t least_positions = 64;  // of a part of a tile: its sums are loaded and stored once for each part

int per_direction(Cell c) { return c == Cell::lstm ? 3 : c == Cell::gru ? 2 : 1; }

/// Rows [gate, unit] of a matrix of one direction, as panels; `k`: its columns.
struct Packing {
  std::vector<Section> sections;
  int64_t lanes, units, k, gates;
  int64_t blocks() const { return (units + lanes - 1) / lanes; }
  int64_t floats() const {  // one direction
    int64_t n = 0;
    for (const Section& s : sections) n += int64_t(s.gates.size());
    return n * blocks() * lanes * k;
  }
  /// Blocks of `lanes` units from `first` to `last`; of one direction.
  void pack(const float* from, float* to, int64_t first, int64_t last) const {
    for (const Section& s : sections) {
      const int64_t stride = int64_t(s.gates.size()) * lanes;
      for (int64_t p = first; p < last; ++p)
        for (size_t g = 0; g < s.gates.size(); ++g)
          pack_transposed(from + (s.gates[g] * units + p * lanes) * k, k, 1, std::min(lanes, units - p * lanes), k,
                          lanes, stride, to + s.offset + p * stride * k + int64_t(g) * lanes);
    }
  }
};

Packing packing(std::vector<std::vector<int>> sections, int64_t lanes, int64_t units, int64_t k, int gates) {
  Packing p{{}, lanes, units, k, gates};
  int64_t offset = 0;
  for (auto& g : sections) {
    const int64_t n = int64_t(g.size()) * p.blocks() * lanes * k;
    p.sections.push_back({std::move(g), offset});
    offset += n;
  }
  return p;
}

Packing input_packing(const RnnPlan& p, int64_t units, int64_t k) {
  std::vector<int> all;
  for (int g = 0; g < p.gates; ++g) all.push_back(g);
  return packing({all}, simd_for(p.isa).lanes, units, k, p.gates);
}

Packing state_packing(const RnnPlan& p, int64_t units) {
  const int64_t lanes = simd_for(p.isa).lanes;
  if (p.cell == Cell::gru && !p.linear_before_reset) return packing({{0, 1}, {2}}, lanes, units, units, 3);
  return input_packing(p, units, units);
}

class BoundRnn final : public BoundKernel {
 public:
  BoundRnn(const RnnPlan& p, const BindSizes& sizes);
  size_t scratch_bytes() const override { return scratch_.size() + tasks() * task_bytes_; }
  void run(const RunArgs& args) const override;
  size_t bytes() const override { return sizeof(*this) + 512; }

 private:
  /// The product with the input of the block of steps behind the present one, as far as it is done: tiles of rows by
  /// panels, one after the other.
  struct Ahead {
    int64_t rows = 0, tiles = 0, tile = 0, position = 0;
    int64_t panels = 0;  // of the recurrent product that are still to come in this block
  };
  /// Pointers into the scratch memory of one task: some rows of the batch in one direction.
  struct Task {
    int64_t direction, first, rows;  // of the batch
    const float *w, *r, *bias, *recurrent_bias, *peephole;
    const int32_t* lengths;
    bool reverse;
    const Activation* f;
    float *h[2], *c, *z, *gated, *projected, *next, *product, *gates;
    const float** pointers;  // [block of steps * rows], [rows] of h, [rows] of gated, [rows] of input
    Ahead ahead;
  };

  size_t tasks() const { return size_t(p_.directions) * size_t(chunks_); }
  int64_t time(const Task& t, int64_t step, int64_t b) const {
    const int64_t n = t.lengths ? std::clamp<int64_t>(t.lengths[t.first + b], 0, steps_) : steps_;
    return step >= n ? -1 : t.reverse ? n - 1 - step : step;
  }
  int64_t state_row(const Task& t, int64_t b) const {
    b += t.first;
    return (p_.batch_first ? b * p_.directions + t.direction : t.direction * batch_ + b) * units_;
  }
  int64_t output_row(const Task& t, int64_t time, int64_t b) const {
    b += t.first;
    return (p_.batch_first ? (b * steps_ + time) * p_.directions + t.direction
                           : (time * p_.directions + t.direction) * batch_ + b) *
           units_;
  }
  void prepare(const RunArgs& args, const float*& w, const float*& r, float* bias) const;
  void run_task(const RunArgs& args, Task& t) const;
  void find_inputs(const RunArgs& args, const Task& t, int64_t first, int64_t count) const;
  void project(const Task& t, int64_t count) const;
  /// Steps of the block that begins at `first`; too few for a tile are not left behind it.
  int64_t block(int64_t first) const {
    const int64_t n = first ? block_steps_ : first_steps_, rest = steps_ - first;
    return overlaps_ && rest < n + simd_.rows_beside ? rest : std::min(n, rest);
  }
  void multiply_row(Task& t, const float* row, const float* panel, float* product) const;
  void step(Task& t, int64_t s, int64_t in_block, int now) const;
  void cell(const Task& t, int64_t block, const float* product, const float** input, int now, bool second) const;

  RnnPlan p_;
  const Simd& simd_;
  Packing in_, state_;
  int64_t steps_, batch_, inputs_, units_, padded_;  // padded_: units rounded up to whole vectors
  int64_t chunks_, chunk_rows_, block_steps_, first_steps_, most_steps_;
  bool overlaps_;  // the product with the input of a block of steps is made during the steps of the block before
  int threads_;
  ScratchPlan scratch_;
  size_t at_w_ = 0, at_r_ = 0, at_bias_ = 0;
  ScratchPlan part_;
  size_t task_bytes_ = 0;
  size_t at_h_, at_c_, at_z_, at_gated_, at_projected_, at_product_, at_gates_ = 0, at_pointers_;
};

BoundRnn::BoundRnn(const RnnPlan& p, const BindSizes& sizes) : p_(p), simd_(simd_for(p.isa)), threads_(sizes.threads) {
  const Sizes &x = sizes.in[size_t(p.in[0])], &r = sizes.in[size_t(p.in[2])];
  steps_ = x[p.batch_first ? 1 : 0], batch_ = x[p.batch_first ? 0 : 1], inputs_ = x[2], units_ = r[2];
  padded_ = round_up(units_, simd_.lanes);
  in_ = input_packing(p, units_, inputs_);
  state_ = state_packing(p, units_);
  // A row of the batch is the smallest part: what runs on one thread needs no waiting for the other at each step.
  chunks_ = std::max<int64_t>(1, std::min<int64_t>(batch_, threads_ / p.directions));
  chunk_rows_ = (batch_ + chunks_ - 1) / chunks_;
  const int64_t width = p.gates * padded_;
  block_steps_ = std::clamp<int64_t>((int64_t(1) << 16) / std::max<int64_t>(1, width * chunk_rows_), 1,
                                     std::max<int64_t>(steps_, 1));
  while (block_steps_ * chunk_rows_ < 12 && block_steps_ < steps_)
    ++block_steps_;  // enough rows to use the weights more than once
  // The weights of a single row come from the second-level cache in every step, and leave time for another product.
  overlaps_ = simd_.rows_beside && chunk_rows_ == 1 && (tasks() > 1 || threads_ == 1) && state_.sections.size() == 1 &&
              state_.floats() >= least_overlapped && steps_ > first_overlapped;
  first_steps_ = overlaps_ ? first_overlapped : block_steps_;
  if (overlaps_) block_steps_ = most_overlapped;
  most_steps_ = overlaps_ ? block_steps_ + simd_.rows_beside - 1 : block_steps_;
  if (!p.packed_w) at_w_ = scratch_.add_of<float>(p.directions * in_.floats());
  if (!p.packed_r) at_r_ = scratch_.add_of<float>(p.directions * state_.floats());
  at_bias_ = scratch_.add_of<float>(p.directions * (width + padded_ + 3 * padded_));
  at_h_ = part_.add_of<float>(2 * chunk_rows_ * padded_);
  at_c_ = part_.add_of<float>(chunk_rows_ * padded_);
  at_z_ = part_.add_of<float>(chunk_rows_ * padded_);
  at_gated_ = part_.add_of<float>(chunk_rows_ * padded_);
  at_projected_ = part_.add_of<float>((overlaps_ ? 2 : 1) * most_steps_ * chunk_rows_ * width);
  at_product_ = part_.add_of<float>(threads_ * chunk_rows_ * 4 * simd_.lanes);
  if (p.out[3] >= 0) at_gates_ = part_.add_of<float>(chunk_rows_ * 4 * padded_);
  at_pointers_ = part_.add_of<const float*>((most_steps_ + 2 + threads_) * chunk_rows_);
  task_bytes_ = part_.size();
}

/// What the weights need before the first step: packing, where the plan has not done it, and biases in the order of the
/// panels.
void BoundRnn::prepare(const RunArgs& args, const float*& w, const float*& r, float* bias) const {
  const int64_t n = units_, lanes = simd_.lanes, width = p_.gates * padded_;
  w = static_cast<const float*>(args.in[size_t(p_.in[1])]);
  r = static_cast<const float*>(args.in[size_t(p_.in[2])]);
  auto pack = [&](const Packing& q, const float*& m, size_t at) {
    float* to = reinterpret_cast<float*>(args.scratch + at);
    const int64_t grain = std::max<int64_t>(1, (1 << 15) / (q.gates * q.lanes * q.k + 1));
    for (int d = 0; d < p_.directions; ++d)
      parallel_for(q.blocks(), grain, threads_, [&](int64_t begin, int64_t end, int) {
        q.pack(m + d * p_.gates * n * q.k, to + d * q.floats(), begin, end);
      });
    m = to;
  };
  if (!p_.packed_w) pack(in_, w, at_w_);
  if (!p_.packed_r) pack(state_, r, at_r_);
  const float* b = p_.in[3] < 0 ? nullptr : static_cast<const float*>(args.in[size_t(p_.in[3])]);
  const float* p = p_.in[7] < 0 ? nullptr : static_cast<const float*>(args.in[size_t(p_.in[7])]);
  for (int64_t d = 0; d < p_.directions; ++d) {
    float* to = bias + d * (width + 4 * padded_);
    std::memset(to, 0, size_t(width + 4 * padded_) * sizeof(float));
    const float* from = b ? b + d * 2 * p_.gates * n : nullptr;
    for (int64_t u = 0; from && u < n; ++u)
      for (int64_t g = 0; g < p_.gates; ++g) {
        // The recurrent bias of the hidden gate stays inside the reset product.
        const bool apart = p_.cell == Cell::gru && p_.linear_before_reset && g == 2;
        to[(u / lanes * p_.gates + g) * lanes + u % lanes] =
            from[g * n + u] + (apart ? 0.f : from[(p_.gates + g) * n + u]);
        if (apart) to[width + u] = from[(p_.gates + g) * n + u];
      }
    for (int64_t g = 0; p && g < 3; ++g)
      std::memcpy(to + width + (1 + g) * padded_, p + (d * 3 + g) * n, size_t(n) * sizeof(float));
  }
}

void BoundRnn::run(const RunArgs& args) const {
  const float *w, *r;
  float* bias = reinterpret_cast<float*>(args.scratch + at_bias_);
  prepare(args, w, r, bias);
  for (size_t k : {0, 3, 4})
    if (p_.out[k] >= 0 && p_.in[4] >= 0)
      std::memset(args.out[size_t(p_.out[k])], 0,
                  size_t(steps_ * p_.directions * batch_ * units_) * (k == 3 ? 4 : 1) * sizeof(float));
  const int64_t width = p_.gates * padded_;
  auto at = [&](size_t task, size_t offset) { return args.scratch + scratch_.size() + task * task_bytes_ + offset; };
  const int64_t work = steps_ * chunk_rows_ * width * (inputs_ + units_);
  const int64_t grain = std::clamp<int64_t>(work_of_waking / std::max<int64_t>(work, 1), 1, int64_t(tasks()));
  parallel_for(int64_t(tasks()), grain, threads_, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      Task t{};
      t.direction = i / chunks_;
      t.first = i % chunks_ * chunk_rows_;
      t.rows = std::max<int64_t>(0, std::min(chunk_rows_, batch_ - t.first));
      if (t.rows == 0) continue;
      t.w = w + t.direction * in_.floats();
      t.r = r + t.direction * state_.floats();
      t.bias = bias + t.direction * (width + 4 * padded_);
      t.recurrent_bias = t.bias + width;
      t.peephole = p_.in[7] < 0 ? nullptr : t.bias + width + padded_;
      t.lengths = p_.in[4] < 0 ? nullptr : static_cast<const int32_t*>(args.in[size_t(p_.in[4])]);
      t.reverse = p_.reverse || t.direction == 1;
      t.f = p_.activations.data() + t.direction * per_direction(p_.cell);
      const size_t n = size_t(i);
      auto floats = [&](size_t offset) { return reinterpret_cast<float*>(at(n, offset)); };
      t.h[0] = floats(at_h_), t.h[1] = t.h[0] + chunk_rows_ * padded_;
      t.c = floats(at_c_), t.z = floats(at_z_), t.gated = floats(at_gated_);
      t.projected = floats(at_projected_), t.next = t.projected + (overlaps_ ? most_steps_ * width : 0);
      t.product = floats(at_product_);
      t.gates = p_.out[3] < 0 ? nullptr : floats(at_gates_);
      t.pointers = reinterpret_cast<const float**>(at(n, at_pointers_));
      run_task(args, t);
    }
  });
}

void BoundRnn::run_task(const RunArgs& args, Task& t) const {
  const size_t row_bytes = size_t(units_) * sizeof(float);
  auto load = [&](int input, float* to) {
    std::memset(to, 0, size_t(t.rows * padded_) * sizeof(float));
    if (input < 0) return;
    const float* from = static_cast<const float*>(args.in[size_t(input)]);
    for (int64_t b = 0; b < t.rows; ++b) std::memcpy(to + b * padded_, from + state_row(t, b), row_bytes);
  };
  auto save = [&](int output, const float* from) {
    if (output < 0) return;
    float* to = static_cast<float*>(args.out[size_t(output)]);
    for (int64_t b = 0; b < t.rows; ++b) std::memcpy(to + state_row(t, b), from + b * padded_, row_bytes);
  };
  load(p_.in[5], t.h[0]);
  load(p_.in[6], t.c);
  auto sequence = [&](size_t k) { return p_.out[k] < 0 ? nullptr : static_cast<float*>(args.out[size_t(p_.out[k])]); };
  float *y = sequence(0), *gates = sequence(3), *cells = sequence(4);
  int now = 0;
  bool projected = false;
  for (int64_t first = 0, count = 0; first < steps_; first += count) {
    count = block(first);
    if (!projected) {
      find_inputs(args, t, first, count);
      project(t, count);
    }
    const int64_t rows = first + count < steps_ ? block(first + count) : 0;
    projected = overlaps_ && rows >= simd_.rows_beside;
    if (projected) {
      find_inputs(args, t, first + count, rows);
      t.ahead = {rows, in_.blocks() * ((rows + simd_.rows_beside - 1) / simd_.rows_beside), 0, 0,
                 count * state_.blocks()};
    }
    for (int64_t s = first; s < first + count; ++s, now ^= 1) {
      step(t, s, s - first, now);
      for (int64_t b = 0; b < t.rows; ++b) {
        const int64_t at = time(t, s, b);
        if (at < 0) continue;
        const int64_t to = output_row(t, at, b);
        if (y) std::memcpy(y + to, t.h[now ^ 1] + b * padded_, row_bytes);
        if (cells) std::memcpy(cells + to, t.c + b * padded_, row_bytes);
        for (int64_t g = 0; gates && g < 4; ++g)
          std::memcpy(gates + 4 * to + g * units_, t.gates + (b * 4 + g) * padded_, row_bytes);
      }
    }
    while (projected && t.ahead.tile < t.ahead.tiles) multiply_row(t, nullptr, nullptr, t.product);
    if (projected) std::swap(t.projected, t.next);
  }
  save(p_.out[1], t.h[now]);
  save(p_.out[2], t.c);
}

/// Where the inputs of `count` steps are.
void BoundRnn::find_inputs(const RunArgs& args, const Task& t, int64_t first, int64_t count) const {
  const float* x = static_cast<const float*>(args.in[size_t(p_.in[0])]);
  for (int64_t s = 0; s < count; ++s)
    for (int64_t b = 0; b < t.rows; ++b) {
      const int64_t at = std::max<int64_t>(0, time(t, first + s, b)), row = t.first + b;
      t.pointers[s * t.rows + b] = x + (p_.batch_first ? row * steps_ + at : at * batch_ + row) * inputs_;
    }
}

/// x w^T + bias of `count` steps: rows [step, batch], panel by panel as the cells want them.
void BoundRnn::project(const Task& t, int64_t count) const {
  const int64_t rows = count * t.rows, panel_width = p_.gates * simd_.lanes, width = p_.gates * padded_;
  const int64_t grain = std::max<int64_t>(1, work_of_waking / std::max<int64_t>(1, rows * panel_width * inputs_));
  parallel_for(in_.blocks(), grain, threads_, [&](int64_t begin, int64_t end, int) {
    for (int64_t p = begin; p < end; ++p) {
      float* to = t.projected + p * panel_width;
      simd_.panel(p_.gates, rows, inputs_, t.pointers, t.w + p * panel_width * inputs_, to, width);
      const float* bias = t.bias + p * panel_width;
      for (int64_t m = 0; m < rows; ++m) simd_.combine(Combination::add, to + m * width, bias, panel_width);
    }
  });
}

/// A row of the state times a panel, and its share of what is left of the product with the inputs of the next block;
/// the whole of a tile where there is no row.
void BoundRnn::multiply_row(Task& t, const float* row, const float* panel, float* product) const {
  Ahead& a = t.ahead;
  const int64_t panel_width = p_.gates * simd_.lanes, width = p_.gates * padded_, tile = simd_.rows_beside;
  const int64_t rest = inputs_ - a.position, left = (a.tiles - a.tile) * inputs_ - a.position;
  int64_t positions = a.tile == a.tiles ? 0 : rest;
  if (row && positions) {
    positions = std::min(rest, (left + a.panels - 1) / std::max<int64_t>(1, a.panels));
    if (positions < std::min(rest, least_positions)) positions = 0;  // the next ones take it
    --a.panels;
  }
  if (!positions) return simd_.panel(p_.gates, 1, units_, &row, panel, product, panel_width);
  // The last tile of a panel goes back over rows that are done, so that all are of one height.
  const int64_t tiles = (a.rows + tile - 1) / tile, p = a.tile / tiles,
                m = std::min(a.tile % tiles * tile, a.rows - tile);
  std::array<const float*, 8> rows;
  for (int64_t r = 0; r < tile; ++r) rows[size_t(r)] = t.pointers[m + r] + a.position;
  simd_.row_and_tile({p_.gates, row, row ? units_ : 0, panel, product, positions, rows.data(),
                      t.w + (p * inputs_ + a.position) * panel_width, a.position ? nullptr : t.bias + p * panel_width,
                      t.next + m * width + p * panel_width, width});
  a.position += positions;
  if (a.position == inputs_) a.position = 0, ++a.tile;
}

void BoundRnn::step(Task& t, int64_t s, int64_t in_block, int now) const {
  const int64_t width = p_.gates * padded_, panel_width = p_.gates * simd_.lanes;
  const float** h_rows = t.pointers + most_steps_ * chunk_rows_;
  const float** gated_rows = h_rows + chunk_rows_;
  const float** inputs = gated_rows + chunk_rows_;
  for (int64_t b = 0; b < t.rows; ++b) {
    h_rows[b] = t.h[now] + b * padded_;
    gated_rows[b] = t.gated + b * padded_;
  }
  for (size_t phase = 0; phase < state_.sections.size(); ++phase) {
    const Section& section = state_.sections[phase];
    const int vectors = int(section.gates.size());
    const float* weights = t.r + section.offset;
    const int64_t floats = vectors * simd_.lanes * units_;
    const int64_t grain = std::max<int64_t>(1, work_of_waking / std::max<int64_t>(1, t.rows * floats));
    const auto range = [&](int64_t begin, int64_t end, int part) {
      float* product = t.product + part * chunk_rows_ * 4 * simd_.lanes;
      const float** input = inputs + part * chunk_rows_;
      for (int64_t i = begin; i < end; ++i) {
        // Back and forth: what came last is still in the cache when the next step begins.
        const int64_t p = s % 2 ? begin + end - 1 - i : i;
        if (overlaps_)
          multiply_row(t, h_rows[0], weights + p * floats, product);
        else
          simd_.panel(vectors, t.rows, units_, phase ? gated_rows : h_rows, weights + p * floats, product,
                      vectors * simd_.lanes);
        for (int64_t b = 0; b < t.rows; ++b)
          input[b] = time(t, s, b) < 0 ? nullptr : t.projected + (in_block * t.rows + b) * width + p * panel_width;
        cell(t, p, product, input, now, phase > 0);
      }
    };
    if (overlaps_)
      range(0, state_.blocks(), 0);
    else
      parallel_for(state_.blocks(), grain, threads_, range);
  }
}

void BoundRnn::cell(const Task& t, int64_t block, const float* product, const float** input, int now,
                    bool second) const {
  const int64_t at = block * simd_.lanes;
  const float* before = t.h[now] + at;
  float* h = t.h[now ^ 1] + at;
  if (p_.cell == Cell::rnn) return simd_.rnn({t.rows, product, input, before, h, padded_, p_.clip, t.f[0]});
  if (p_.cell == Cell::gru) {
    const int64_t product_stride = (p_.linear_before_reset ? 3 : second ? 1 : 2) * simd_.lanes;
    if (!p_.linear_before_reset && !second)
      return simd_.gru_gates(
          {t.rows, product, product_stride, input, before, t.z + at, t.gated + at, padded_, p_.clip, t.f[0]});
    return simd_.gru_state({t.rows, product, product_stride, input, t.z + at, before, h, padded_,
                            p_.linear_before_reset, t.recurrent_bias + at, p_.clip, t.f[0], t.f[1]});
  }
  LstmStep s{t.rows,  product,         input,  t.c + at, before, h,       padded_, {nullptr, nullptr, nullptr},
             p_.clip, p_.input_forget, t.f[0], t.f[1],   t.f[2], nullptr, 0,       0};
  for (int64_t g = 0; t.peephole && g < 3; ++g) s.peephole[g] = t.peephole + g * padded_ + at;
  if (t.gates) s.gates = t.gates + at, s.gates_stride = 4 * padded_, s.gate_stride = padded_;
  simd_.lstm(s);
}

class RnnKernel final : public Kernel {
 public:
  RnnKernel(RnnPlan p, Sizes w, Sizes r) : p_(std::move(p)), w_(std::move(w)), r_(std::move(r)) {}
  std::string description() const override { return str("native recurrent ", p_.isa); }
  std::string packing_key(size_t i) const override {
    if (!is_packed(i)) return "";
    const Packing q = of(i);
    return str("native.rnn ", q.lanes, " lanes, ", p_.gates, " gates, ", q.sections.size(), " sections, ", q.units, "x",
               q.k);
  }
  size_t packed_bytes(size_t i) const override {
    return is_packed(i) ? size_t(p_.directions * of(i).floats()) * sizeof(float) : 0;
  }
  void pack(size_t i, const Tensor& weight, void* packed, int) const override {
    const Packing q = of(i);
    const float* from = weight.data_as<float>();
    for (int d = 0; d < p_.directions; ++d)
      q.pack(from + d * p_.gates * q.units * q.k, static_cast<float*>(packed) + d * q.floats(), 0, q.blocks());
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundRnn>(p_, sizes));
  }

 private:
  bool is_packed(size_t i) const { return (p_.packed_w && int(i) == p_.in[1]) || (p_.packed_r && int(i) == p_.in[2]); }
  Packing of(size_t i) const { return int(i) == p_.in[1] ? input_packing(p_, r_[2], w_[2]) : state_packing(p_, r_[2]); }

  RnnPlan p_;
  Sizes w_, r_;  // known where packed
};

struct Name {
  std::string_view lower;
  Activation::Kind kind;
  int parameters;
  float alpha, beta;
};
// ONNX's names and defaults.
constexpr Name names[] = {{"relu", Activation::relu, 0, 0, 0},
                          {"tanh", Activation::tanh, 0, 0, 0},
                          {"sigmoid", Activation::sigmoid, 0, 0, 0},
                          {"affine", Activation::affine, 2, 1, 0},
                          {"leakyrelu", Activation::leaky_relu, 1, 0.01f, 0},
                          {"thresholdedrelu", Activation::thresholded_relu, 1, 1, 0},
                          {"scaledtanh", Activation::scaled_tanh, 2, 1, 1},
                          {"hardsigmoid", Activation::hard_sigmoid, 2, 0.2f, 0.5f},
                          {"elu", Activation::elu, 1, 1, 0},
                          {"softsign", Activation::softsign, 0, 0, 0}};

/// Fills p.activations; a refusal in words.
std::optional<std::string> read_activations(RnnPlan& p, const Attrs& attrs) {
  auto wanted = std::get<std::vector<std::string>>(attrs.get("activations"));
  const auto alphas = std::get<std::vector<double>>(attrs.get("activation_alpha"));
  const auto betas = std::get<std::vector<double>>(attrs.get("activation_beta"));
  if (wanted.empty())
    for (int d = 0; d < p.directions; ++d) {
      if (p.cell != Cell::rnn) wanted.push_back("sigmoid");
      wanted.push_back("tanh");
      if (p.cell == Cell::lstm) wanted.push_back("tanh");
    }
  size_t alpha = 0, beta = 0;
  for (std::string& name : wanted) {
    for (char& c : name) c = char(std::tolower(uint8_t(c)));
    const auto it = std::find_if(std::begin(names), std::end(names), [&](const Name& n) { return n.lower == name; });
    if (it == std::end(names)) return str("no vector code for activation '", name, "'");
    Activation f{it->kind, it->alpha, it->beta};
    if (it->parameters >= 1 && alpha < alphas.size()) f.alpha = float(alphas[alpha++]);
    if (it->parameters >= 2 && beta < betas.size()) f.beta = float(betas[beta++]);
    p.activations.push_back(f);
  }
  return {};
}

Result<Kernel> accept(const Request& request, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *request.graph;
  if (auto why = not_single(g)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& x = g.types[size_t(n.in[0])];
  if (x.dtype != DType::f32) return str("only f32, x is ", x);
  RnnPlan p;
  const std::string_view op = n.op->info.name;
  p.cell = op == "lstm" ? Cell::lstm : op == "gru" ? Cell::gru : Cell::rnn;
  p.gates = p.cell == Cell::lstm ? 4 : p.cell == Cell::gru ? 3 : 1;
  const std::string direction = n.attrs.get_string("direction");
  p.directions = direction == "bidirectional" ? 2 : 1;
  p.reverse = direction == "reverse";
  p.batch_first = n.attrs.get_int("layout") == 1;
  p.clip = float(n.attrs.get_float("clip"));
  p.linear_before_reset = p.cell == Cell::gru && n.attrs.get_bool("linear_before_reset");
  p.input_forget = p.cell == Cell::lstm && n.attrs.get_bool("input_forget");
  p.isa = request.isa;
  if (auto why = read_activations(p, n.attrs)) return *why;
  for (size_t i = 0; i < p.in.size(); ++i) p.in[i] = i < n.in.size() ? input_number(g, n.in[i]) : -1;
  for (size_t k = 0; k < p.out.size(); ++k) p.out[k] = k < n.out.size() ? output_number(g, n.out[k]) : -1;
  const Shape &w = g.types[size_t(n.in[1])].shape, &r = g.types[size_t(n.in[2])].shape;
  const bool fixed = is_constant(w) && is_constant(r);
  auto is_weight = [&](int i) { return fixed && g.roles[size_t(i)] == InputRole::weight; };
  p.packed_w = is_weight(p.in[1]);
  p.packed_r = is_weight(p.in[2]);
  if (p.in[1] == p.in[2]) p.packed_w = p.packed_r = false;  // one tensor for both has no packing of its own
  Sizes ws, rs;
  if (fixed)
    for (size_t i = 0; i < 3; ++i) ws.push_back(w[i].value()), rs.push_back(r[i].value());
  return std::shared_ptr<const Kernel>(std::make_shared<RnnKernel>(std::move(p), std::move(ws), std::move(rs)));
}

}  // namespace

std::vector<Entry> rnn_entries() { return {{"native.rnn", accept}}; }

}  // namespace neve::kernels::native
