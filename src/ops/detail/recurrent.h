// Gradients of recurrent layers, written as products over all steps at once and one chain through time.
#pragma once
#include <string>

#include "op/def.h"

namespace neve::ops {

/// The gradient of one layer by all its inputs, from those of its directions. @pre whole sequences, layout 0, no clip,
/// the usual activations
Values lstm_gradient(const Gradient& g, const std::string& direction, const Values& outputs_with_gates);
Values gru_gradient(const Gradient& g, const std::string& direction);
/// `relu`: per direction; else tanh.
Values rnn_gradient(const Gradient& g, const std::string& direction, const std::vector<bool>& relu);

}  // namespace neve::ops
