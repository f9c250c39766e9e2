// The part of a recurrent layer's gradient that goes step by step, back through time, for rnn and gru.
#include <algorithm>
#include <vector>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/gemm.h"

namespace neve::ops {
namespace {

/// Gradients of the states; those of weights and of x follow from them by products over all steps at once.
struct RecurrentGrad {
  static constexpr OpInfo info{
      .name = "recurrent_grad",
      .summary =
          "The gradient of a recurrence by its states: d_h[t] = dy[t] + d_h[t + 1] * keep[t + 1] + (d_h[t + 1] * "
          "factors[t + 1]) r, each gate with its factors.",
      .source = "adjoint of ONNX RNN-22 and GRU-22",
      .inputs = {{"factors", "[sequence, batch, gates * hidden]: the slope of a step's state by its gates' sums"},
                 {"r", "[gates * hidden, hidden]"},
                 {"keep", "[sequence, batch, hidden]: what a step takes over of the state before it", Arity::optional},
                 {"dy", "[sequence, batch, hidden]", Arity::optional},
                 {"dy_h", "[batch, hidden]", Arity::optional}},
      .outputs = {{"d_h", "[sequence, batch, hidden]: by the state after each step"},
                  {"d_initial_h", "[batch, hidden]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    const TensorType &factors = t.in(0), &r = t.in(1);
    t.require_shape(factors.rank() == 3 && r.rank() == 2, "factors is ", factors, " and r ", r,
                    " (expected ranks 3 and 2)");
    t.require_equal(factors.shape[2], r.shape[0], "the last axis of factors must be the first of r");
    const Shape states{factors.shape[0], factors.shape[1], r.shape[1]}, state{factors.shape[1], r.shape[1]};
    for (size_t i = 2; i < 5; ++i) {
      if (!t.has(i)) continue;
      const Shape& wanted = i == 4 ? state : states;
      t.require_same_dtype(0, i);
      t.require_shape(t.in(i).rank() == int64_t(wanted.size()), t.input_name(i), " is ", t.in(i), " (expected rank ",
                      wanted.size(), ")");
      for (size_t a = 0; a < wanted.size(); ++a)
        t.require_equal(t.in(i).shape[a], wanted[a], str(t.input_name(i), " must have the sizes of the states"));
    }
    t.result(factors.dtype, states);
    t.result(factors.dtype, state);
  }

  void eval(Evaluating& e) const {
    const Sizes s = e.in[0].shape();
    const int64_t steps = s[0], batch = s[1], width = s[2], n = e.in[1].shape()[1], state = batch * n;
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      auto part = [&](size_t i) {
        return i < in.size() && in[i].defined() ? in[i].data_as<T>() : static_cast<const T*>(nullptr);
      };
      T *all = out[0].data_as<T>(), *rest = out[1].data_as<T>();
      if (part(4))
        std::copy_n(part(4), state, rest);
      else
        std::fill_n(rest, state, T(0));
      std::vector<T> sums(size_t(batch * width));
      for (int64_t t = steps; t-- > 0;) {
        const T *factor = part(0) + t * batch * width, *keep = part(2) ? part(2) + t * state : nullptr;
        const T* dy = part(3) ? part(3) + t * state : nullptr;
        T* dh = all + t * state;
        parallel_for(batch, std::max<int64_t>(1, 8192 / (width + 1)), e.threads, [&](int64_t begin, int64_t end, int) {
          for (int64_t b = begin; b < end; ++b) {
            for (int64_t j = b * n; j < (b + 1) * n; ++j) {
              dh[j] = rest[j] + (dy ? dy[j] : T(0));
              rest[j] = keep ? dh[j] * keep[j] : T(0);
            }
            for (int64_t gate = 0; gate < width; gate += n)
              for (int64_t j = 0; j < n; ++j) {
                const int64_t at = b * width + gate + j;
                sums[size_t(at)] = dh[b * n + j] * factor[at];
              }
          }
        });
        gemm<T>(batch, n, width, {sums.data(), width, 1}, {part(1), n, 1}, {rest, n, 1}, true, e.threads);
      }
    });
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const {
    return 2 * elements(in[0]) * double(in[1].shape[1].value());
  }

  static std::vector<Sample> samples() {
    const char* why = "a gradient's own gradient is not claimed";
    return {sample(RecurrentGrad{}, {in({3, 2, 15}), in({15, 5}), in({3, 2, 5}), in({3, 2, 5}), in({2, 5})}, 1e-5, why,
                   false),
            sample(RecurrentGrad{}, {in({2, 3, 4}), in({4, 4}), absent(), in({2, 3, 4})}, 1e-5, why, false),
            sample(RecurrentGrad{}, {in({1, 3, 38}), in({38, 19}), in({1, 3, 19}), absent(), in({3, 19})}, 1e-5, why,
                   false)};
  }
};

}  // namespace

OpList recurrent_grad() { return {def<RecurrentGrad>()}; }

}  // namespace neve::ops
