// Whole recurrent sequences, and their gradients: only the chain through time goes step by step.
#include <neve/autograd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/threads.h"
#include "core/tensor_hooks.h"
#include "nn/recurrent.h"

namespace neve::nn::recurrent {
namespace {

Tensor time_slice(const Tensor& t, int64_t k) { return select(t, 0, k); }

// What stood before each step: the first state, then all but the last of [t, n, h].
Tensor before_each(const Tensor& first, const Tensor& all) {
  const Tensor one = unsqueeze(first, 0);
  return all.size(0) == 1 ? one : concat({one, narrow(all, 0, 0, all.size(0) - 1)}, 0);
}

// The gates of the rows of a weight in another order.
Tensor rows_in_order(const Tensor& t, const std::vector<size_t>& order) {
  const std::vector<Tensor> parts = ops::split(t, {.num_outputs = int64_t(order.size())});
  std::vector<Tensor> moved;
  for (size_t i : order) moved.push_back(parts[i]);
  return concat(moved, 0);
}

// Whose gate of PyTorch's order (i f g o, and r z n) stands where in ONNX's order (i o f g, and z r n).
const std::vector<size_t>& onnx_order(const std::string& mode) {
  static const std::map<std::string, std::vector<size_t>> orders{{"lstm", {0, 3, 1, 2}}, {"gru", {1, 0, 2}}};
  static const std::vector<size_t> one{0};
  const auto found = orders.find(mode);
  return found == orders.end() ? one : found->second;
}

// The same in ops, for programs that are captured.
Tensor staged_order(const std::string& mode, std::span<const Weights> weights, Tensor Weights::* which) {
  const std::vector<size_t>& order = onnx_order(mode);
  std::vector<Tensor> parts;
  for (const Weights& w : weights) {
    const Tensor& t = w.*which;
    if (!t.defined()) return t;
    if (order.size() == 1) {
      parts.push_back(t);
      continue;
    }
    const std::vector<Tensor> gates = ops::split(t, {.num_outputs = int64_t(order.size())});
    for (size_t i : order) parts.push_back(gates[i]);
  }
  const Tensor y = parts.size() == 1 ? parts[0] : concat(parts, 0);
  if (weights.size() == 1) return unsqueeze(y, 0);
  Sizes sizes = (weights[0].*which).shape();
  sizes.insert(sizes.begin(), int64_t(weights.size()));
  return y.reshape(sizes);
}

// Bytes that move, in one loop for all of them.
class Moves {
 public:
  // The gates of `from` in another order, to bytes of `to` from `at` on.
  void gates(const Tensor& from, const Tensor& to, int64_t at, const std::vector<size_t>& order) {
    const Tensor t = from.contiguous();
    const int64_t each = t.bytes() / int64_t(order.size());
    for (size_t g = 0; g < order.size(); ++g)
      add(t.data() + int64_t(order[g]) * each, to.data() + at + int64_t(g) * each, each);
    kept_.push_back(t);
  }
  void run() const {
    constexpr int64_t grain = 32;  // pieces: what is worth waking a thread for
    parallel_for(int64_t(pieces_.size()), grain, copy_threads(), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i)
        std::memcpy(pieces_[size_t(i)].to, pieces_[size_t(i)].from, size_t(pieces_[size_t(i)].bytes));
    });
  }

 private:
  struct Part {
    const std::byte* from;
    std::byte* to;
    int64_t bytes;
  };
  void add(const std::byte* from, std::byte* to, int64_t bytes) {
    constexpr int64_t most = int64_t(1) << 14;
    for (int64_t i = 0; i < bytes; i += most) pieces_.push_back({from + i, to + i, std::min(most, bytes - i)});
  }
  std::vector<Part> pieces_;
  std::vector<Tensor> kept_;
};

// The weights of one direction are there, and are those of `first` in dtype and sizes.
void require_alike(const std::string& mode, const Weights& w, const Weights& first) {
  if (!w.w_ih.defined() || !w.w_hh.defined() || w.b_ih.defined() != w.b_hh.defined())
    fail(ErrorCode::invalid_argument, mode, ": a weight is not there (w_ih and w_hh, and both biases or none)");
  const int64_t gates = int64_t(onnx_order(mode).size());
  const auto require = [&](const char* name, const Tensor& t, const Tensor& like, int64_t rank) {
    if (!like.defined() && !t.defined()) return;
    if (!t.defined() || !like.defined() || t.dtype() != like.dtype() || t.shape() != like.shape())
      fail(ErrorCode::shape_mismatch, mode, ": ", name, " is ", t.defined() ? type_text(t) : "not there",
           " in one direction and ", like.defined() ? type_text(like) : "not there", " in the other (alike)");
    if (t.rank() != rank || t.size(0) % gates != 0)
      fail(ErrorCode::shape_mismatch, mode, ": ", name, " is ", type_text(t), " (rank ", rank, ", rows for ", gates,
           " gates)");
  };
  require("w_ih", w.w_ih, first.w_ih, 2);
  require("w_hh", w.w_hh, first.w_hh, 2);
  require("b_ih", w.b_ih, first.b_ih, 1);
  require("b_hh", w.b_hh, first.b_ih, 1);
}

struct Saved {
  Tensor gates, cells, w, r;  ///< of lstm: what its gradient wants, gates in ONNX's order
};

// The registry's op, which has no gradient of its own: states [directions, n, hidden] -> [t, directions, n, hidden].
Tensor whole(const std::string& mode, const Tensor& x, State& state, std::span<const Weights> w,
             const std::string& direction, Saved* saved) {
  const auto [w_ih, w_hh, bias] = in_onnx_order(mode, w);
  if (mode == "lstm") {
    const auto [y, h, c, gates, cells] =
        lstm(x, w_ih, w_hh, bias, {}, state.h, state.c, {}, {.direction = direction, .outputs = saved ? 5 : 3});
    if (saved) *saved = {squeeze(gates, {1}), squeeze(cells, {1}), squeeze(w_ih, {0}), squeeze(w_hh, {0})};
    state = {h, c};
    return y;
  }
  const std::vector<std::string> activations(w.size(), mode == "relu" ? "Relu" : "Tanh");
  const auto [y, h] =
      mode == "gru"
          ? gru(x, w_ih, w_hh, bias, {}, state.h, {.direction = direction, .outputs = 2, .linear_before_reset = true})
          : rnn(x, w_ih, w_hh, bias, {}, state.h, {.direction = direction, .activations = activations, .outputs = 2});
  state = {h, {}};
  return y;
}

// The same of one direction, without its axis.
Tensor one(const std::string& mode, const Tensor& x, State& state, const Weights& w, const std::string& direction,
           Saved* saved) {
  State s{unsqueeze(state.h, 0), state.c.defined() ? unsqueeze(state.c, 0) : Tensor()};
  const Tensor y = whole(mode, x, s, {&w, 1}, direction, saved);
  state = {squeeze(s.h, {0}), s.c.defined() ? squeeze(s.c, {0}) : Tensor()};
  return squeeze(y, {1});
}

// The same step by step in recorded ops: for second derivatives.
Tensor unrolled(const std::string& mode, const Tensor& x, State& state, const Weights& w) {
  const Tensor gates = input_gates(mode, x, w);
  std::vector<Tensor> y;
  for (int64_t t = 0; t < x.size(0); ++t) {
    state = step(mode, time_slice(gates, t), state, w);
    y.push_back(state.h);
  }
  return stack(y);
}

// ---- gradients ---------------------------------------------------------------------------------------------------

struct Given {
  Tensor y, h, c;  ///< gradients of the results; undefined: none
};
struct Gradients {
  Tensor x, w_ih, w_hh, b_ih, b_hh, h0, c0;
};

// Gradients of x and of the weights from those of the gates' two sums [t, n, gates * h].
Gradients of_weights(const Tensor& x, const Tensor& before, const Tensor& w_ih, const Tensor& dx_gates,
                     const Tensor& dh_gates, bool bias, bool wants_x) {
  const int64_t width = dx_gates.size(2);
  const Tensor gx = dx_gates.reshape({-1, width}), gh = dh_gates.reshape({-1, width});
  Gradients g;
  if (wants_x) g.x = ops::matmul(gx, w_ih).reshape(x.shape());
  g.w_ih = gemm(gx, x.reshape({-1, x.size(2)}), {}, {.transA = true});
  g.w_hh = gemm(gh, before.reshape({-1, before.size(2)}), {}, {.transA = true});
  if (bias) {
    g.b_ih = sum(gx, {0});
    g.b_hh = dx_gates.is(dh_gates) ? g.b_ih : sum(gh, {0});
  }
  return g;
}

Gradients lstm_gradient(const Tensor& x, const Tensor& y, const State& s, const Saved& saved, const Given& given,
                        bool bias, bool wants_x) {
  const auto [d, h0, c0] = lstm_grad(saved.gates, saved.cells, saved.r, s.c, given.y, given.h, given.c);
  Gradients g = of_weights(x, before_each(s.h, y), saved.w, d, d, bias, wants_x);
  for (Tensor* t : {&g.w_ih, &g.w_hh, &g.b_ih, &g.b_hh})
    if (t->defined()) *t = rows_in_order(*t, {0, 2, 3, 1});
  g.h0 = h0;
  g.c0 = c0;
  return g;
}

Tensor product(const Tensor& t, const Tensor& w, const Tensor& b) {
  return gemm(t.reshape({-1, t.size(2)}), w, b, {.transB = true}).reshape({t.size(0), t.size(1), w.size(0)});
}

Gradients gru_gradient(const Tensor& x, const Tensor& y, const State& s, const Weights& w, const Given& given,
                       bool wants_x) {
  const Tensor before = before_each(s.h, y);
  const std::vector<Tensor> in = ops::split(product(x, w.w_ih, w.b_ih), {.axis = 2, .num_outputs = 3});
  const std::vector<Tensor> hidden = ops::split(product(before, w.w_hh, w.b_hh), {.axis = 2, .num_outputs = 3});
  const Tensor r = sigmoid(in[0] + hidden[0]), z = sigmoid(in[1] + hidden[1]), made = tanh(in[2] + r * hidden[2]);
  const Tensor of_n = (1 - z) * (1 - made * made);
  const Tensor of_r = of_n * hidden[2] * r * (1 - r), of_z = (before - made) * z * (1 - z);
  const Tensor of_h = concat({of_r, of_z, of_n * r}, 2), of_x = concat({of_r, of_z, of_n}, 2);
  const auto [dh, h0] = ops::recurrent_grad(of_h, w.w_hh, z, given.y, given.h);
  const Tensor each = concat({dh, dh, dh}, 2);
  Gradients g = of_weights(x, before, w.w_ih, each * of_x, each * of_h, w.b_ih.defined(), wants_x);
  g.h0 = h0;
  return g;
}

Gradients rnn_gradient(const std::string& mode, const Tensor& x, const Tensor& y, const State& s, const Weights& w,
                       const Given& given, bool wants_x) {
  const Tensor slopes = mode == "relu" ? sign(y) : 1 - y * y;
  const auto [dh, h0] = ops::recurrent_grad(slopes, w.w_hh, {}, given.y, given.h);
  const Tensor d = dh * slopes;
  Gradients g = of_weights(x, before_each(s.h, y), w.w_ih, d, d, w.b_ih.defined(), wants_x);
  g.h0 = h0;
  return g;
}

bool asks(const Tensor& t) { return t.defined() && t.requires_grad(); }

// The gradients of the steps written out, themselves recorded.
std::vector<Tensor> recorded_gradients(const std::string& mode, const std::vector<Tensor>& in,
                                       std::span<const Tensor> given) {
  State state{in[5], in[6]};
  const Tensor y = unrolled(mode, in[0], state, {in[1], in[2], in[3], in[4]});
  std::vector<Tensor> outputs, gradients, asked;
  const Tensor made[] = {y, state.h, state.c};
  for (size_t k = 0; k < given.size(); ++k)
    if (given[k].defined()) {
      outputs.push_back(made[k]);
      gradients.push_back(given[k]);
    }
  for (const Tensor& t : in)
    if (asks(t)) asked.push_back(t);
  autograd::GradOptions o;
  o.create_graph = o.allow_unused = true;
  const std::vector<Tensor> found = autograd::grad(outputs, asked, gradients, o);
  std::vector<Tensor> all(in.size());
  for (size_t i = 0, k = 0; i < in.size(); ++i)
    if (asks(in[i])) all[i] = found[k++];
  return all;
}

// Tensors with the versions that their bytes had.
struct Unchanged {
  explicit Unchanged(std::vector<Tensor> all) : tensors(std::move(all)) {
    for (const Tensor& t : tensors) versions.push_back(t.defined() ? t.storage()->version() : 0);
  }
  void check(const std::string& mode) const {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].defined() && tensors[i].storage()->version() != versions[i])
        fail(ErrorCode::invalid_argument, "backward: an operand or a result of ", mode,
             " was changed in place after it was used (clone() before the change)");
  }
  std::vector<Tensor> tensors;
  std::vector<uint64_t> versions;
};

}  // namespace

OnnxWeights in_onnx_order(const std::string& mode, std::span<const Weights> all) {
  if (all.empty()) fail(ErrorCode::invalid_argument, mode, ": there are no weights (those of one or two directions)");
  const Weights& first = all[0];
  bool captured = false;
  for (const Weights& w : all)
    for (const Tensor* t : {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh}) captured = captured || t->is_captured();
  if (captured || capturing) {
    const Tensor b_ih = staged_order(mode, all, &Weights::b_ih), b_hh = staged_order(mode, all, &Weights::b_hh);
    return {staged_order(mode, all, &Weights::w_ih), staged_order(mode, all, &Weights::w_hh),
            b_ih.defined() ? concat({b_ih, b_hh}, 1) : Tensor()};
  }
  for (const Weights& w : all) require_alike(mode, w, first);
  const std::vector<size_t>& order = onnx_order(mode);
  const int64_t n = int64_t(all.size());
  const auto made = [&](const Tensor& t) { return Tensor::empty(t.dtype(), {n, t.size(0), t.size(1)}); };
  const bool biased = first.b_ih.defined();
  OnnxWeights w{made(first.w_ih), made(first.w_hh),
                biased ? Tensor::empty(first.b_ih.dtype(), {n, 2 * first.b_ih.size(0)}) : Tensor()};
  Moves moves;
  for (int64_t d = 0; d < n; ++d) {
    const Weights& from = all[size_t(d)];
    moves.gates(from.w_ih, w.w_ih, d * from.w_ih.bytes(), order);
    moves.gates(from.w_hh, w.w_hh, d * from.w_hh.bytes(), order);
    if (!biased) continue;
    moves.gates(from.b_ih, w.bias, 2 * d * from.b_ih.bytes(), order);
    moves.gates(from.b_hh, w.bias, (2 * d + 1) * from.b_ih.bytes(), order);
  }
  moves.run();
  return w;
}

Tensor input_gates(const std::string& mode, const Tensor& x, const Weights& w) {
  Tensor bias = w.b_ih;
  if (bias.defined() && mode != "gru") bias = bias + w.b_hh;  // of GRU the other one is inside of the reset gate
  return linear(x, w.w_ih, bias);
}

State step(const std::string& mode, const Tensor& gates, const State& s, const Weights& w) {
  const Tensor product = ops::matmul(s.h, w.w_hh, {.transpose_b = true});
  if (mode == "tanh") return {tanh(product + gates), {}};
  if (mode == "relu") return {relu(product + gates), {}};
  const int64_t size = s.h.size(1);
  if (mode == "lstm") {
    const std::vector<Tensor> p = ops::split(product + gates, {.axis = 1, .num_outputs = 4});
    const Tensor c = sigmoid(p[1]) * s.c + sigmoid(p[0]) * tanh(p[2]);
    return {sigmoid(p[3]) * tanh(c), c};
  }
  const std::vector<Tensor> in = split(gates, Sizes{2 * size, size}, 1);
  const std::vector<Tensor> hidden = split(w.b_hh.defined() ? product + w.b_hh : product, Sizes{2 * size, size}, 1);
  const std::vector<Tensor> rz = ops::split(sigmoid(in[0] + hidden[0]), {.axis = 1, .num_outputs = 2});
  const Tensor n = tanh(in[1] + rz[0] * hidden[1]);
  return {n + rz[1] * (s.h - n), {}};
}

Tensor sequence(const std::string& mode, const Tensor& given_x, State& state, const Weights& w, bool reverse) {
  const Tensor x = reverse && is_grad_enabled() ? flip(given_x, {0}) : given_x;
  const std::vector<Tensor> in{x, w.w_ih, w.w_hh, w.b_ih, w.b_hh, state.h, state.c};
  bool recorded = false, captured = false;
  for (const Tensor& t : in) {
    recorded = recorded || asks(t);
    captured = captured || t.is_captured();
  }
  if (captured || !is_grad_enabled() || !recorded)
    return one(mode, given_x, state, w, reverse ? "reverse" : "forward", nullptr);

  const State first{state.h.detach(), state.c.defined() ? state.c.detach() : Tensor()};
  Saved saved;
  Tensor y;
  {
    const NoGrad off;
    y = one(mode, x, state, w, "forward", mode == "lstm" ? &saved : nullptr);
  }
  std::vector<Tensor> outputs{y, state.h};
  if (mode == "lstm") outputs.push_back(state.c);
  const Tensor kept = y.detach();
  std::vector<Tensor> watched = in;
  watched.push_back(kept);
  const Unchanged unchanged(std::move(watched));
  const auto backward = [=](std::span<const Tensor> g) {
    unchanged.check(mode);
    if (is_grad_enabled()) return recorded_gradients(mode, in, g);
    const Given given{g[0], g[1], g.size() > 2 ? g[2] : Tensor()};
    const bool bias = in[3].defined(), wants_x = asks(in[0]);
    const Gradients all = mode == "lstm"  ? lstm_gradient(in[0], kept, first, saved, given, bias, wants_x)
                          : mode == "gru" ? gru_gradient(in[0], kept, first, w, given, wants_x)
                                          : rnn_gradient(mode, in[0], kept, first, w, given, wants_x);
    std::vector<Tensor> found{all.x, all.w_ih, all.w_hh, all.b_ih, all.b_hh, all.h0, all.c0};
    for (size_t i = 0; i < in.size(); ++i)
      if (!asks(in[i])) found[i] = Tensor();
    return found;
  };
  const std::vector<Tensor> made = autograd::custom(mode, in, outputs, backward);
  state = {made[1], mode == "lstm" ? made[2] : Tensor()};
  return reverse ? flip(made[0], {0}) : made[0];
}

bool in_one_call(const Tensor& x, const State& state, std::span<const Weights> w) {
  const auto bars = [](const Tensor& t) { return t.defined() && (t.is_captured() || (is_grad_enabled() && asks(t))); };
  return !bars(x) && !bars(state.h) && !bars(state.c) && std::none_of(w.begin(), w.end(), [&](const Weights& d) {
    return bars(d.w_ih) || bars(d.w_hh) || bars(d.b_ih) || bars(d.b_hh);
  });
}

Tensor both(const std::string& mode, const Tensor& x, State& state, std::span<const Weights> w) {
  const Tensor y = whole(mode, x, state, w, "bidirectional", nullptr);
  return y.transpose({0, 2, 1, 3}).reshape({x.size(0), x.size(1), 2 * y.size(3)});
}

}  // namespace neve::nn::recurrent
