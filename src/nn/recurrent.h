// One layer of a recurrent network in one direction: a whole sequence with its gradient, and one step.
#pragma once
#include <neve/nn.h>

#include <span>
#include <string>

namespace neve::nn::recurrent {

using Weights = Recurrent::Weights;
struct State {
  Tensor h, c;  ///< [n, hidden]; c of lstm only
};

/// Weights as the registry's ops take them: [directions, gates * hidden, ...], the gates in ONNX's order.
struct OnnxWeights {
  Tensor w_ih, w_hh, bias;  ///< bias [directions, 2 * gates * hidden]; undefined without
};
/// Those of one or two directions, copied. No gradient is recorded.
/// @cost  their bytes are read and written, in one parallel loop
OnnxWeights in_onnx_order(const std::string& mode, std::span<const Weights> all);

/// The sums of the input at the gates: x w_ih^T and the biases that do not depend on the state.
/// @param mode  "tanh", "relu", "lstm" or "gru", here and below
Tensor input_gates(const std::string& mode, const Tensor& x, const Weights& w);
/// One step in recorded ops: gates of the input, the state before -> the state after.
State step(const std::string& mode, const Tensor& gates, const State& s, const Weights& w);

/// x [t, n, input] and the state before -> [t, n, hidden], and the state after in its place. The registry's op runs the
/// sequence; where a gradient may be asked, it is that of sequence_gradient.
/// @cost  of the gradient: products over all steps at once, and the chain through time step by step
Tensor sequence(const std::string& mode, const Tensor& x, State& state, const Weights& w, bool reverse);

/// Whether both directions may be one call: no gradient may be asked, and nothing is captured.
bool in_one_call(const Tensor& x, const State& state, std::span<const Weights> w);
/// Both directions, each on a core of its own: x [t, n, input], states [2, n, hidden] and the weights of both -> [t, n,
/// 2 hidden], and the states after in their place.
Tensor both(const std::string& mode, const Tensor& x, State& state, std::span<const Weights> w);

}  // namespace neve::nn::recurrent
