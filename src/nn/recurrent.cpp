// Recurrent layers and cells: RNN, LSTM, GRU.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "nn/check.h"
#include "nn/recurrent.h"

namespace neve::nn {
namespace {

using recurrent::State;
using recurrent::Weights;

int64_t gates_of(const std::string& mode) { return mode == "lstm" ? 4 : mode == "gru" ? 3 : 1; }

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
  if ((x.rank() != 2 && x.rank() != 3) || x.size(-1) != input_)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([",
         options_.batch_first ? "batch, sequence" : "sequence, batch", ", ", input_, "], or without batch)");
  const bool single = x.rank() == 2;
  const Tensor in = lowered(x);
  check_one_dtype(call, in, lowered(weights_[0].w_ih));
  Tensor y = single ? unsqueeze(in, 1) : options_.batch_first ? in.transpose({1, 0, 2}) : in;
  if (y.size(0) == 0)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " with no time steps (one or more)");
  const int64_t directions = options_.bidirectional ? 2 : 1;
  const Sizes shape{options_.layers * directions, y.size(1), hidden_};
  const Sizes want = single ? Sizes{shape[0], hidden_} : shape;
  auto initial = [&](const char* name, const Tensor& given) {
    if (given.defined() && given.shape() != want)
      fail(ErrorCode::shape_mismatch, call, ": ", name, " is ", type_text(given), " (", want, ")");
    return given.defined() ? lowered(given).reshape(shape) : zeros(shape, in.dtype());
  };
  const bool lstm = mode_ == "lstm";
  if (c0.defined() && !lstm) fail(ErrorCode::invalid_argument, call, ": c0 is given (LSTM has a second state)");
  const Tensor h = initial("h0", h0), c = lstm ? initial("c0", c0) : Tensor();
  std::vector<Tensor> last_h, last_c;
  for (int64_t layer = 0; layer < options_.layers; ++layer) {
    std::vector<Weights> w;
    for (int64_t d = 0; d < directions; ++d) {
      const Weights& own = weights_[size_t(layer * directions + d)];
      w.push_back({lowered(own.w_ih), lowered(own.w_hh), lowered(own.b_ih), lowered(own.b_hh)});
    }
    const auto of_layer = [&](const Tensor& t) { return narrow(t, 0, layer * directions, directions); };
    State all{of_layer(h), lstm ? of_layer(c) : Tensor()};
    if (directions == 2 && recurrent::in_one_call(y, all, w)) {
      y = recurrent::both(mode_, y, all, w);
    } else {
      std::vector<Tensor> parts, after_h, after_c;
      for (int64_t d = 0; d < directions; ++d) {
        State s{index(all.h, {d}), lstm ? index(all.c, {d}) : Tensor()};
        parts.push_back(recurrent::sequence(mode_, y, s, w[size_t(d)], d == 1));
        after_h.push_back(s.h);
        if (lstm) after_c.push_back(s.c);
      }
      y = parts.size() == 1 ? parts[0] : concat(parts, 2);
      all = {stack(after_h), lstm ? stack(after_c) : Tensor()};
    }
    last_h.push_back(all.h);
    if (lstm) last_c.push_back(all.c);
    if (layer + 1 < options_.layers) y = dropout(y, options_.dropout, is_training());
  }
  const Tensor h_last = concat(last_h, 0), c_last = lstm ? concat(last_c, 0) : Tensor();
  if (single) return {squeeze(y, {1}), squeeze(h_last, {1}), lstm ? squeeze(c_last, {1}) : c_last};
  return {options_.batch_first ? y.transpose({1, 0, 2}) : y, h_last, c_last};
}

// ---- cells -------------------------------------------------------------------------------------------------------

Cell::Cell(std::string type, std::string mode, int64_t input, int64_t hidden, const CellOptions& o)
    : Module(std::move(type)), mode_(std::move(mode)), input_(input), hidden_(hidden) {
  const char* call = this->type().c_str();
  check_positive(call, "input", input);
  check_positive(call, "hidden", hidden);
  const int64_t rows = gates_of(mode_) * hidden;
  weight_ih = add_parameter("weight_ih", zeros({rows, input}, o.dtype));
  weight_hh = add_parameter("weight_hh", zeros({rows, hidden}, o.dtype));
  if (o.bias) {
    bias_ih = add_parameter("bias_ih", zeros({rows}, o.dtype));
    bias_hh = add_parameter("bias_hh", zeros({rows}, o.dtype));
  }
  const double bound = 1 / std::sqrt(double(hidden));
  for (const Tensor& t : parameters()) init::uniform(t, -bound, bound);
}

Cell::State Cell::step(const Tensor& x, const State& before) const {
  const char* call = type().c_str();
  check_float(call, "input", x);
  if ((x.rank() != 1 && x.rank() != 2) || x.size(-1) != input_)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([batch, ", input_, "], or without batch)");
  const bool single = x.rank() == 1;
  const Tensor in = lowered(single ? unsqueeze(x, 0) : x);
  const Sizes want = single ? Sizes{hidden_} : Sizes{in.size(0), hidden_};
  auto state = [&](const char* name, const Tensor& t) {
    if (t.defined() && t.shape() != want)
      fail(ErrorCode::shape_mismatch, call, ": ", name, " is ", type_text(t), " and the input ", type_text(x), " (",
           name, " of shape ", want, ")");
    return t.defined() ? lowered(single ? unsqueeze(t, 0) : t) : zeros({in.size(0), hidden_}, in.dtype());
  };
  const Weights w{lowered(weight_ih), lowered(weight_hh), lowered(bias_ih), lowered(bias_hh)};
  check_one_dtype(call, in, w.w_ih);
  const bool lstm = mode_ == "lstm";
  const recurrent::State s{state("h", before.h), lstm ? state("c", before.c) : Tensor()};
  const recurrent::State after = recurrent::step(mode_, recurrent::input_gates(mode_, in, w), s, w);
  auto out = [&](const Tensor& t) { return single && t.defined() ? squeeze(t, {0}) : t; };
  return {out(after.h), out(after.c)};
}

}  // namespace neve::nn
