// The rule table: one file a family.
#pragma once
#include <span>

#include "import/onnx/importer.h"

namespace neve::import {

std::span<const Rule> elementwise_rules();  ///< one element in, one out; broadcasting
std::span<const Rule> reduction_rules();    ///< reductions, normalisations, softmax
std::span<const Rule> tensor_rules();       ///< shapes, moving and indexing data, constants
std::span<const Rule> network_rules();      ///< matrix products, convolution, pooling, recurrent ops, attention, losses
std::span<const Rule> quant_rules();        ///< quantised forms
std::span<const Rule> control_rules();      ///< control flow, sequences, optionals
std::span<const Rule> contrib_rules();      ///< com.microsoft

/// x cut along an axis into parts whose sizes are computed at run time; their number must be known. Input 1 of the
/// node.
Values split_at_run_time(OnnxNode& n, Value x, Value sizes, int64_t axis);

}  // namespace neve::import
