// Recurrent layers: RNN, LSTM, GRU.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {
namespace {

using Weights = Recurrent::Weights;
struct State {
  Tensor h, c;
};

int64_t gates_of(const std::string& mode) { return mode == "lstm" ? 4 : mode == "gru" ? 3 : 1; }

// A weight [gates * hidden, ...] with its gates in ONNX's order (i o f g, and z r n) and an axis for the direction.
Tensor in_onnx_order(const std::string& mode, const Tensor& t) {
  if (!t.defined()) return t;
  if (mode == "tanh") return unsqueeze(t, 0);
  const std::vector<Tensor> p = ops::split(t, {.num_outputs = gates_of(mode)});
  return unsqueeze(mode == "lstm" ? concat({p[0], p[3], p[1], p[2]}) : concat({p[1], p[0], p[2]}), 0);
}

// x [t, n, input] -> [t, n, hidden], by the op of the registry, which has no gradient.
Tensor whole(const std::string& mode, const Tensor& x, State& state, const Weights& w, bool reverse) {
  const Tensor w_ih = in_onnx_order(mode, w.w_ih), w_hh = in_onnx_order(mode, w.w_hh);
  const Tensor bias =
      w.b_ih.defined() ? concat({in_onnx_order(mode, w.b_ih), in_onnx_order(mode, w.b_hh)}, 1) : Tensor();
  const std::string direction = reverse ? "reverse" : "forward";
  const Tensor h0 = unsqueeze(state.h, 0);
  Tensor y;
  if (mode == "lstm") {
    const auto made =
        lstm(x, w_ih, w_hh, bias, {}, h0, unsqueeze(state.c, 0), {}, {.direction = direction, .outputs = 3});
    y = std::get<0>(made);
    state = {squeeze(std::get<1>(made), {0}), squeeze(std::get<2>(made), {0})};
  } else if (mode == "gru") {
    auto [all, h] =
        gru(x, w_ih, w_hh, bias, {}, h0, {.direction = direction, .outputs = 2, .linear_before_reset = true});
    y = all;
    state = {squeeze(h, {0}), {}};
  } else {
    auto [all, h] = rnn(x, w_ih, w_hh, bias, {}, h0, {.direction = direction, .activations = {"Tanh"}, .outputs = 2});
    y = all;
    state = {squeeze(h, {0}), {}};
  }
  return squeeze(y, {1});
}

// One step: gates of the input with their bias, the state before -> the state after.
State step(const std::string& mode, const Tensor& gates, const State& s, const Tensor& w_hh, const Tensor& b_hh) {
  const Tensor product = ops::matmul(s.h, w_hh);
  if (mode == "tanh") return {tanh(product + gates), {}};
  const int64_t size = s.h.size(1);
  if (mode == "lstm") {
    const std::vector<Tensor> p = ops::split(product + gates, {.axis = 1, .num_outputs = 4});
    const Tensor c = sigmoid(p[1]) * s.c + sigmoid(p[0]) * tanh(p[2]);
    return {sigmoid(p[3]) * tanh(c), c};
  }
  const std::vector<Tensor> in = split(gates, {2 * size, size}, 1);
  const std::vector<Tensor> hidden = split(b_hh.defined() ? product + b_hh : product, {2 * size, size}, 1);
  const std::vector<Tensor> rz = ops::split(sigmoid(in[0] + hidden[0]), {.axis = 1, .num_outputs = 2});
  const Tensor n = tanh(in[1] + rz[0] * hidden[1]);
  return {n + rz[1] * (s.h - n), {}};
}

// The same as whole, step by step in recorded ops.
Tensor unrolled(const std::string& mode, const Tensor& x, State& state, const Weights& w, bool reverse) {
  Tensor bias = w.b_ih;
  if (bias.defined() && mode != "gru") bias = bias + w.b_hh;  // of GRU the other one is inside of the reset gate
  const Tensor gates = linear(x, w.w_ih, bias);
  const Tensor w_hh = w.w_hh.transpose({1, 0}).contiguous();
  std::vector<Tensor> y(static_cast<size_t>(x.size(0)));
  for (size_t k = 0; k < y.size(); ++k) {
    const size_t t = reverse ? y.size() - 1 - k : k;
    state = step(mode, index(gates, {int64_t(t)}), state, w_hh, w.b_hh);
    y[t] = state.h;
  }
  return y.empty() ? Tensor::zeros(x.dtype(), {0, x.size(1), w.w_hh.size(1)}) : stack(y);
}

bool recorded(const Tensor& x, const State& s, const Weights& w) {
  if (!is_grad_enabled()) return false;
  for (const Tensor* t : {&x, &s.h, &s.c, &w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh})
    if (t->defined() && t->requires_grad()) return true;
  return false;
}

}  // namespace

Recurrent::Recurrent(std::string type, std::string mode, int64_t input, int64_t hidden, const RecurrentOptions& o)
    : Module(std::move(type)), mode_(std::move(mode)), input_(input), hidden_(hidden), options_(o) {
  const char* call = this->type().c_str();
  check_positive(call, "input", input);
  check_positive(call, "hidden", hidden);
  check_positive(call, "layers", o.layers);
  if (!(o.dropout >= 0 && o.dropout <= 1))
    fail(ErrorCode::invalid_argument, call, ": dropout is ", o.dropout, " (a probability from 0 to 1)");
  const int64_t rows = gates_of(mode_) * hidden;
  for (int64_t layer = 0; layer < o.layers; ++layer)
    for (int d = 0; d < (o.bidirectional ? 2 : 1); ++d) {
      const std::string suffix = str("_l", layer, d ? "_reverse" : "");
      const int64_t in = layer == 0 ? input : hidden * (o.bidirectional ? 2 : 1);
      Weights w;
      w.w_ih = add_parameter("weight_ih" + suffix, zeros({rows, in}, o.dtype));
      w.w_hh = add_parameter("weight_hh" + suffix, zeros({rows, hidden}, o.dtype));
      if (o.bias) {
        w.b_ih = add_parameter("bias_ih" + suffix, zeros({rows}, o.dtype));
        w.b_hh = add_parameter("bias_hh" + suffix, zeros({rows}, o.dtype));
      }
      weights_.push_back(w);
    }
  const double bound = 1 / std::sqrt(double(hidden));
  for (const Tensor& t : parameters()) init::uniform(t, -bound, bound);
}

Recurrent::Result Recurrent::forward(const Tensor& x, const Tensor& h0, const Tensor& c0) const {
  const char* call = type().c_str();
  check_float(call, "input", x);
  if (x.rank() != 3 || x.size(2) != input_)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([",
         options_.batch_first ? "batch, sequence" : "sequence, batch", ", ", input_, "])");
  check_one_dtype(call, x, weights_[0].w_ih);
  Tensor y = options_.batch_first ? x.transpose({1, 0, 2}) : x;
  const int64_t directions = options_.bidirectional ? 2 : 1;
  const Sizes shape{options_.layers * directions, y.size(1), hidden_};
  auto initial = [&](const char* name, const Tensor& given) {
    if (given.defined() && given.shape() != shape)
      fail(ErrorCode::shape_mismatch, call, ": ", name, " is ", type_text(given), " (", shape, ")");
    return given.defined() ? given : zeros(shape, x.dtype());
  };
  const bool lstm = mode_ == "lstm";
  if (c0.defined() && !lstm) fail(ErrorCode::invalid_argument, call, ": c0 is given (LSTM has a second state)");
  const Tensor h = initial("h0", h0), c = lstm ? initial("c0", c0) : Tensor();
  std::vector<Tensor> last_h, last_c;
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    std::vector<Tensor> parts;
    for (int64_t d = 0; d < directions; ++d) {
      const int64_t at = layer * directions + d;
      const Weights& w = weights_[size_t(at)];
      State s{index(h, {at}), lstm ? index(c, {at}) : Tensor()};
      parts.push_back(recorded(y, s, w) ? unrolled(mode_, y, s, w, d) : whole(mode_, y, s, w, d));
      last_h.push_back(s.h);
      if (lstm) last_c.push_back(s.c);
    }
    y = parts.size() == 1 ? parts[0] : concat(parts, 2);
    if (layer + 1 < options_.layers) y = dropout(y, options_.dropout, is_training());
  }
  return {options_.batch_first ? y.transpose({1, 0, 2}) : y, stack(last_h), lstm ? stack(last_c) : Tensor()};
}

}  // namespace neve::nn
