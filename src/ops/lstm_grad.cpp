// The part of an LSTM's gradient that goes step by step, back through time.
#include <algorithm>
#include <cmath>

#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/gemm.h"

namespace neve::ops {
namespace {

/// Gradients of the gates' sums; those of weights and of x follow from them by products over all steps at once.
struct LstmGrad {
  static constexpr OpInfo info{
      .name = "lstm_grad",
      .summary =
          "The gradient of lstm (one direction, the usual activations, whole sequences) by the sums inside its gates "
          "and by its first state.",
      .source = "adjoint of ONNX LSTM-22",
      .inputs = {{"gates", "[sequence, batch, 4 * hidden], i o f c: as lstm gives them"},
                 {"cells", "[sequence, batch, hidden]: as lstm gives them"},
                 {"r", "[4 * hidden, hidden]"},
                 {"initial_c", "[batch, hidden]"},
                 {"dy", "[sequence, batch, hidden]", Arity::optional},
                 {"dy_h", "[batch, hidden]", Arity::optional},
                 {"dy_c", "[batch, hidden]", Arity::optional}},
      .outputs = {{"d_gates", "[sequence, batch, 4 * hidden]: by the sums, before the activations"},
                  {"d_initial_h", "[batch, hidden]"},
                  {"d_initial_c", "[batch, hidden]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType &gates = t.in(0), &cells = t.in(1);
    t.require_shape(gates.rank() == 3 && cells.rank() == 3, "gates is ", gates, " and cells ", cells,
                    " (expected rank 3)");
    const Shape state{cells.shape[1], cells.shape[2]};
    const Dim width = cells.shape[2] * 4;
    for (size_t k = 0; k < 2; ++k)
      t.require_equal(gates.shape[k], cells.shape[k], "gates and cells must have the same steps and batch");
    t.require_equal(gates.shape[2], width, "gates must have four values for each unit of cells");
    auto require = [&](size_t i, const Shape& shape, const char* what) {
      if (!t.has(i)) return;
      t.require_same_dtype(0, i);
      t.require_shape(t.in(i).rank() == int64_t(shape.size()), t.input_name(i), " is ", t.in(i), " (expected rank ",
                      shape.size(), ")");
      for (size_t k = 0; k < shape.size(); ++k) t.require_equal(t.in(i).shape[k], shape[k], what);
    };
    require(1, cells.shape, "cells");
    require(2, {width, cells.shape[2]}, "r must be [4 * hidden, hidden]");
    require(3, state, "initial_c must be [batch, hidden]");
    require(4, cells.shape, "dy must have the shape of cells");
    require(5, state, "dy_h must be [batch, hidden]");
    require(6, state, "dy_c must be [batch, hidden]");
    t.result(gates);
    t.result(gates.dtype, state);
    t.result(gates.dtype, state);
  }

  template <class T>
  static void step(int64_t n, const T* gate, const T* c, const T* before, const T* dy, const T* dh, T* dc, T* to) {
    for (int64_t j = 0; j < n; ++j) {
      const T i = gate[j], o = gate[n + j], f = gate[2 * n + j], g = gate[3 * n + j], tc = std::tanh(c[j]);
      const T h = dh[j] + (dy ? dy[j] : T(0)), d = dc[j] + h * o * (1 - tc * tc);
      to[j] = d * g * i * (1 - i);
      to[n + j] = h * tc * o * (1 - o);
      to[2 * n + j] = d * before[j] * f * (1 - f);
      to[3 * n + j] = d * i * (1 - g * g);
      dc[j] = d * f;
    }
  }

  void eval(Evaluating& e) const {
    const Sizes s = e.in[1].shape();
    const int64_t steps = s[0], batch = s[1], n = s[2], state = batch * n;
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      auto part = [&](size_t i) {
        return i < in.size() && in[i].defined() ? in[i].data_as<T>() : static_cast<const T*>(nullptr);
      };
      T *d = out[0].data_as<T>(), *dh = out[1].data_as<T>(), *dc = out[2].data_as<T>();
      auto start = [&](const T* from, T* to) { from ? std::copy_n(from, state, to) : std::fill_n(to, state, T(0)); };
      start(part(5), dh);
      start(part(6), dc);
      for (int64_t t = steps; t-- > 0;) {
        const T *before = t ? part(1) + (t - 1) * state : part(3), *dy = part(4) ? part(4) + t * state : nullptr;
        T* to = d + t * 4 * state;
        for (int64_t b = 0; b < batch; ++b) {
          const int64_t at = b * n;
          step(n, part(0) + t * 4 * state + 4 * at, part(1) + t * state + at, before + at, dy ? dy + at : nullptr,
               dh + at, dc + at, to + 4 * at);
        }
        gemm<T>(batch, n, 4 * n, {to, 4 * n, 1}, {part(2), n, 1}, {dh, n, 1}, false, e.threads);
      }
    });
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const {
    return 2 * elements(in[0]) * double(in[1].shape[2].value());
  }

  static std::vector<Sample> samples() {
    return {
        sample(LstmGrad{}, {in({3, 2, 20}, 0, 1), in({3, 2, 5}), in({20, 5}), in({2, 5}), in({3, 2, 5})}, 1e-5,
               "a gradient's own gradient is not claimed", false),
        sample(LstmGrad{},
               {in({2, 7, 76}, 0, 1), in({2, 7, 19}), in({76, 19}), in({7, 19}), absent(), in({7, 19}), in({7, 19})},
               1e-5, "a gradient's own gradient is not claimed", false)};
  }
};

}  // namespace

OpList lstm_grad() { return {def<LstmGrad>()}; }

}  // namespace neve::ops
