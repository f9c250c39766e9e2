// Recurrent layers over whole sequences: rnn, gru, lstm.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/gemm.h"
#include "ops/detail/recurrent.h"

namespace neve::ops {
namespace {

/// An activation with its parameters.
struct Activation {
  enum Kind {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = tanh;
  double alpha = 0, beta = 0;

  template <class T>
  T operator()(T x) const {
    const T a = T(alpha), b = T(beta);
    switch (kind) {
      case relu:
        return x > 0 ? x : T(0);
      case tanh:
        return std::tanh(x);
      case sigmoid:
        return x >= 0 ? T(1) / (T(1) + std::exp(-x)) : std::exp(x) / (T(1) + std::exp(x));
      case affine:
        return a * x + b;
      case leaky_relu:
        return x >= 0 ? x : a * x;
      case thresholded_relu:
        return x >= a ? x : T(0);
      case scaled_tanh:
        return a * std::tanh(b * x);
      case hard_sigmoid:
        return std::min(std::max(a * x + b, T(0)), T(1));
      case elu:
        return x >= 0 ? x : a * std::expm1(x);
      case softsign:
        return x / (T(1) + std::abs(x));
      case softplus:
        return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
    }
    return x;
  }
};

struct ActivationInfo {
  std::string_view name;  // lower case
  Activation::Kind kind;
  int parameters;  // alpha, then beta
  double alpha, beta;
};
constexpr ActivationInfo kActivations[] = {
    {"relu", Activation::relu, 0, 0, 0},
    {"tanh", Activation::tanh, 0, 0, 0},
    {"sigmoid", Activation::sigmoid, 0, 0, 0},
    {"affine", Activation::affine, 2, 1, 0},
    {"leakyrelu", Activation::leaky_relu, 1, 0.01, 0},
    {"thresholdedrelu", Activation::thresholded_relu, 1, 1, 0},
    {"scaledtanh", Activation::scaled_tanh, 2, 1, 1},
    {"hardsigmoid", Activation::hard_sigmoid, 2, 0.2, 0.5},
    {"elu", Activation::elu, 1, 1, 0},
    {"softsign", Activation::softsign, 0, 0, 0},
    {"softplus", Activation::softplus, 0, 0, 0},
};

const ActivationInfo* find_activation(std::string_view name) {
  std::string lower;
  for (char c : name) lower += char(std::tolower(uint8_t(c)));
  for (const ActivationInfo& a : kActivations)
    if (a.name == lower) return &a;
  return nullptr;
}

/// What the three layers have in common.
struct RecurrentAttrs {
  int64_t hidden_size = 0;
  std::string direction = "forward";
  std::vector<std::string> activations = {};
  std::vector<double> activation_alpha = {}, activation_beta = {};
  double clip = 0;
  int64_t layout = 0;
  int64_t outputs = 1;

  int64_t directions() const { return direction == "bidirectional" ? 2 : 1; }
};

constexpr auto recurrent_fields =
    std::tuple{attr("hidden_size", &RecurrentAttrs::hidden_size, "Number of units; 0: as r tells."),
               attr("direction", &RecurrentAttrs::direction, "forward, reverse or bidirectional."),
               attr("activations", &RecurrentAttrs::activations,
                    "Names of the activations of each direction; empty: the usual ones."),
               attr("activation_alpha", &RecurrentAttrs::activation_alpha,
                    "First parameters of the activations that have one, in order."),
               attr("activation_beta", &RecurrentAttrs::activation_beta, "Second parameters, in order."),
               attr("clip", &RecurrentAttrs::clip, "Bound on the inputs of activations; 0: none."),
               attr("layout", &RecurrentAttrs::layout, "0: [sequence, batch, ...]; 1: [batch, sequence, ...]."),
               attr("outputs", &RecurrentAttrs::outputs, "Number of results.")};

/// `usual`: the default activations of one direction.
std::vector<Activation> activations_of(const RecurrentAttrs& a, std::initializer_list<std::string_view> usual) {
  std::vector<std::string_view> names;
  if (a.activations.empty())
    for (int64_t d = 0; d < a.directions(); ++d) names.insert(names.end(), usual);
  else
    names.assign(a.activations.begin(), a.activations.end());
  std::vector<Activation> r;
  size_t alpha = 0, beta = 0;
  for (std::string_view name : names) {
    const ActivationInfo* info = find_activation(name);
    check(info, "activation '", name, "' was not refused by infer");
    Activation f{info->kind, info->alpha, info->beta};
    if (info->parameters >= 1 && alpha < a.activation_alpha.size()) f.alpha = a.activation_alpha[alpha++];
    if (info->parameters >= 2 && beta < a.activation_beta.size()) f.beta = a.activation_beta[beta++];
    r.push_back(f);
  }
  return r;
}

/// Checks inputs x, w, r, b, sequence_lens, initial_h, which all three have, and gives the types of y and of a last
/// state.
void infer_recurrent(Inferring& t, const RecurrentAttrs& a, int64_t gates, size_t per_direction, int64_t max_outputs,
                     TensorType& y, TensorType& last) {
  t.require_float(0);
  for (size_t i : {0, 1, 2}) require_rank(t, i, 3);
  for (size_t i = 1; i < t.inputs(); ++i)
    if (t.has(i) && i != 4) t.require_same_dtype(0, i);
  t.require(a.direction == "forward" || a.direction == "reverse" || a.direction == "bidirectional", "direction is '",
            a.direction, "' (expected forward, reverse or bidirectional)");
  t.require(a.layout == 0 || a.layout == 1, "layout is ", a.layout, " (expected 0 or 1)");
  t.require(a.clip >= 0, "clip is ", a.clip, " (expected 0 or more)");
  t.require(a.outputs >= 1 && a.outputs <= max_outputs, "outputs is ", a.outputs, " (expected 1 to ", max_outputs, ")");
  const int64_t directions = a.directions();
  t.require(a.activations.empty() || a.activations.size() == per_direction * size_t(directions), "activations has ",
            a.activations.size(), " names (expected ", per_direction * size_t(directions), ")");
  for (const std::string& name : a.activations)
    t.require(find_activation(name), "activation '", name,
              "' is unknown (expected one of Relu, Tanh, Sigmoid, Affine, LeakyRelu, "
              "ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign, Softplus)");

  const Shape &x = t.in(0).shape, &w = t.in(1).shape, &r = t.in(2).shape;
  const Dim sequence = x[a.layout ? 1 : 0], batch = x[a.layout ? 0 : 1], hidden = r[2];
  if (a.hidden_size) t.require_equal(hidden, a.hidden_size, "hidden_size must be the last axis of r");
  t.require_equal(w[0], directions, "w must have one part for each direction");
  t.require_equal(r[0], directions, "r must have one part for each direction");
  t.require_equal(w[1], hidden * gates, "w must have the rows of all gates");
  t.require_equal(r[1], hidden * gates, "r must have the rows of all gates");
  t.require_equal(w[2], x[2], "the last axes of w and x must agree");
  if (t.has(3)) {
    require_rank(t, 3, 2);
    t.require_equal(t.in(3).shape[0], directions, "the bias must have one part for each direction");
    t.require_equal(t.in(3).shape[1], hidden * (2 * gates), "the bias must have two values for each row of w");
  }
  if (t.has(4)) {
    require_rank(t, 4, 1);
    t.require_type(t.in(4).dtype == DType::i32, "sequence_lens is ", t.in(4), " (expected i32)");
    t.require_equal(t.in(4).shape[0], batch, "sequence_lens must have one value for each sequence of the batch");
  }
  last = {t.in(0).dtype, a.layout ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden}};
  y = {t.in(0).dtype,
       a.layout ? Shape{batch, sequence, directions, hidden} : Shape{sequence, directions, batch, hidden}};
}

void require_state(Inferring& t, size_t i, const TensorType& state) {
  if (!t.has(i)) return;
  require_rank(t, i, 3);
  for (size_t k = 0; k < 3; ++k)
    t.require_equal(t.in(i).shape[k], state.shape[k], "an initial state must have the shape of the last one");
}

double recurrent_flops(std::span<const TensorType> in, int64_t gates) {
  const Shape &x = in[0].shape, &r = in[2].shape;
  return 2.0 * double(x[0].value()) * double(x[1].value()) * double(r[0].value()) * double(gates) *
         double(r[2].value()) * double(x[2].value() + r[2].value());
}

/// One direction of one layer while it runs.
template <class T>
struct Direction {
  int64_t steps, batch, inputs, hidden, gates, threads;
  int64_t directions, index, layout;  // index: which direction this is
  bool reverse;
  double clip;
  const T *w, *r, *bias, *peephole;  // parts of this direction; null where absent
  const int32_t* lengths;
  const Activation* f;
  std::vector<T> input;           // [rows, gates * hidden]: x w^T + bias, for all steps
  std::vector<T> h, c;            // [batch, hidden]
  std::vector<T> hidden_product;  // [batch, gates * hidden]: h r^T

  int64_t row(int64_t time, int64_t b) const { return layout ? b * steps + time : time * batch + b; }
  int64_t length(int64_t b) const { return lengths ? std::clamp<int64_t>(lengths[b], 0, steps) : steps; }
  /// The time that step s works on, or -1 behind the end of the sequence.
  int64_t time(int64_t s, int64_t b) const {
    const int64_t n = length(b);
    return s >= n ? -1 : reverse ? n - 1 - s : s;
  }
  int64_t state_offset(int64_t b) const { return (layout ? b * directions + index : index * batch + b) * hidden; }
  int64_t output_offset(int64_t t, int64_t b) const {
    return layout ? ((b * steps + t) * directions + index) * hidden : ((t * directions + index) * batch + b) * hidden;
  }
  T bounded(T v) const { return clip > 0 ? std::clamp(v, T(-clip), T(clip)) : v; }

  void load(const Tensor& from, std::vector<T>& to) const {
    to.assign(size_t(batch * hidden), T(0));
    if (!from.defined()) return;
    for (int64_t b = 0; b < batch; ++b)
      std::copy_n(from.data_as<T>() + state_offset(b), hidden, to.data() + b * hidden);
  }
  void store(const std::vector<T>& from, const Tensor& to) const {
    for (int64_t b = 0; b < batch; ++b)
      std::copy_n(from.data() + b * hidden, hidden, to.data_as<T>() + state_offset(b));
  }
  /// All input products at once; the recurrent bias joins for the gates before `joined`.
  void project(const T* x, int64_t joined) {
    const int64_t width = gates * hidden, rows = steps * batch;
    input.resize(size_t(rows * width));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < width; ++j)
        input[size_t(i * width + j)] = bias ? bias[j] + (j < joined * hidden ? bias[width + j] : T(0)) : T(0);
    gemm<T>(rows, width, inputs, {x, inputs, 1}, {w, 1, inputs}, {input.data(), width, 1}, true, int(threads));
  }
  /// hidden_product[:, first gate..last gate) = state r^T.
  void recur(const T* state, int64_t first, int64_t last) {
    if (batch == 0) return;
    const int64_t width = gates * hidden;
    hidden_product.resize(size_t(batch * width));
    gemm<T>(batch, (last - first) * hidden, hidden, {state, hidden, 1}, {r + first * hidden * hidden, 1, hidden},
            {hidden_product.data() + first * hidden, width, 1}, false, int(threads));
  }
};

/// Makes the Direction of every direction and runs `steps` on it; y is cleared first, behind short sequences it stays
/// 0.
template <class T, class Steps>
void run_directions(const RecurrentAttrs& a, int64_t gates, int threads, std::span<const Tensor> in, const Tensor& y,
                    std::span<const Activation> f, size_t per_direction, Steps&& steps) {
  const Sizes &x = in[0].shape(), &r = in[2].shape();
  std::memset(y.data(), 0, size_t(y.bytes()));
  auto present = [&](size_t i) { return i < in.size() && in[i].defined(); };
  for (int64_t d = 0; d < a.directions(); ++d) {
    Direction<T> s{};
    s.steps = x[a.layout ? 1 : 0], s.batch = x[a.layout ? 0 : 1], s.inputs = x[2], s.hidden = r[2], s.gates = gates;
    s.threads = threads, s.directions = a.directions(), s.index = d, s.layout = a.layout, s.clip = a.clip;
    s.reverse = a.direction == "reverse" || d == 1;
    s.w = in[1].data_as<T>() + d * gates * s.hidden * s.inputs;
    s.r = in[2].data_as<T>() + d * gates * s.hidden * s.hidden;
    s.bias = present(3) ? in[3].data_as<T>() + d * 2 * gates * s.hidden : nullptr;
    s.lengths = present(4) ? in[4].data_as<int32_t>() : nullptr;
    s.peephole = present(7) ? in[7].data_as<T>() + d * 3 * s.hidden : nullptr;
    s.f = f.data() + size_t(d) * per_direction;
    s.load(present(5) ? in[5] : Tensor(), s.h);
    s.load(present(6) ? in[6] : Tensor(), s.c);
    steps(s);
  }
}

/// Refuses what the gradients of recurrent layers do not do.
void require_gradient(const RecurrentAttrs& a, const char* op, const Gradient& g, bool other, const char* others) {
  if (a.layout || a.clip != 0 || optional_input(g.in, 4).valid() || other)
    fail(ErrorCode::unsupported, "gradient: ", op, " with a batch-first layout, clip, sequence_lens, ", others,
         " has none");
}

struct Rnn : RecurrentAttrs {
  static constexpr OpInfo info{.name = "rnn",
                               .summary = "Simple recurrent layer: h = f(x w^T + h r^T + biases) at each step.",
                               .source = "ONNX RNN-22",
                               .inputs = {{"x", "[sequence, batch, inputs]"},
                                          {"w", "[directions, hidden, inputs]"},
                                          {"r", "[directions, hidden, hidden]"},
                                          {"b", "[directions, 2 * hidden]", Arity::optional},
                                          {"sequence_lens", "i32 [batch]", Arity::optional},
                                          {"initial_h", "[directions, batch, hidden]", Arity::optional}},
                               .outputs = {{"y", "[sequence, directions, batch, hidden]"},
                                           {"y_h", "[directions, batch, hidden]", Arity::optional}}};
  static constexpr auto attrs = recurrent_fields;

  void infer(Inferring& t) const {
    TensorType y, last;
    infer_recurrent(t, *this, 1, 1, 2, y, last);
    require_state(t, 5, last);
    t.result(y);
    if (outputs > 1) t.result(last);
  }

  void eval(Evaluating& e) const {
    const std::vector<Activation> f = activations_of(*this, {"tanh"});
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      run_directions<T>(*this, 1, e.threads, in, out[0], f, 1, [&](Direction<T>& d) {
        d.project(in[0].data_as<T>(), 1);
        T* y = out[0].data_as<T>();
        for (int64_t s = 0; s < d.steps; ++s) {
          d.recur(d.h.data(), 0, 1);
          for (int64_t b = 0; b < d.batch; ++b) {
            const int64_t t = d.time(s, b);
            if (t < 0) continue;
            const T *x = d.input.data() + d.row(t, b) * d.hidden, *p = d.hidden_product.data() + b * d.hidden;
            T* h = d.h.data() + b * d.hidden;
            for (int64_t j = 0; j < d.hidden; ++j) h[j] = d.f[0](d.bounded(x[j] + p[j]));
            std::copy_n(h, d.hidden, y + d.output_offset(t, b));
          }
        }
        if (outputs > 1) d.store(d.h, out[1]);
      });
    });
  }

  Values grad(const Gradient& g) const {
    const std::vector<Activation> f = activations_of(*this, {"tanh"});
    std::vector<bool> relu;
    bool other = false;
    for (const Activation& a : f) {
      relu.push_back(a.kind == Activation::relu);
      other = other || (a.kind != Activation::relu && a.kind != Activation::tanh);
    }
    require_gradient(*this, "rnn", g, other, "activations but tanh and relu");
    return rnn_gradient(g, direction, relu);
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const { return recurrent_flops(in, 1); }

  static std::vector<Sample> samples() {
    const char* none = "sequence_lens, layout, clip and other activations have no gradient";
    return {sample(Rnn{}, {in({3, 2, 4}), in({1, 5, 4}), in({1, 5, 5})}),
            sample(Rnn{{.direction = "bidirectional", .activations = {"Relu", "Tanh"}, .outputs = 2}},
                   {in({3, 2, 4}), in({2, 5, 4}), in({2, 5, 5}), in({2, 10}), absent(), in({2, 2, 5})}),
            sample(Rnn{{.direction = "bidirectional",
                        .activations = {"Relu", "ScaledTanh"},
                        .activation_alpha = {1.5},
                        .activation_beta = {0.5},
                        .clip = 0.8,
                        .outputs = 2}},
                   {in({3, 2, 4}), in({2, 5, 4}), in({2, 5, 5}), in({2, 10}),
                    given(Tensor::of(DType::i32, {2}, {3, 2})), in({2, 2, 5})},
                   1e-5, none, false),
            sample(Rnn{{.direction = "reverse", .layout = 1, .outputs = 2}},
                   {in({2, 3, 4}), in({1, 5, 4}), in({1, 5, 5})}, 1e-5, none, false)};
  }
};

struct Gru : RecurrentAttrs {
  bool linear_before_reset = false;

  static constexpr OpInfo info{
      .name = "gru",
      .summary = "Gated recurrent unit: z, r = f(x w^T + h r^T); n = g(x w^T + (r * h) r^T); h = (1 - z) * n + z * h.",
      .source = "ONNX GRU-22",
      .inputs = {{"x", "[sequence, batch, inputs]"},
                 {"w", "[directions, 3 * hidden, inputs], gates z r h"},
                 {"r", "[directions, 3 * hidden, hidden]"},
                 {"b", "[directions, 6 * hidden]", Arity::optional},
                 {"sequence_lens", "i32 [batch]", Arity::optional},
                 {"initial_h", "[directions, batch, hidden]", Arity::optional}},
      .outputs = {{"y", "[sequence, directions, batch, hidden]"},
                  {"y_h", "[directions, batch, hidden]", Arity::optional}}};
  static constexpr auto attrs = std::tuple_cat(
      recurrent_fields, std::tuple{attr("linear_before_reset", &Gru::linear_before_reset,
                                        "Multiply by the reset gate after the recurrent product of the hidden gate.")});

  void infer(Inferring& t) const {
    TensorType y, last;
    infer_recurrent(t, *this, 3, 2, 2, y, last);
    require_state(t, 5, last);
    t.result(y);
    if (outputs > 1) t.result(last);
  }

  template <class T>
  void step(Direction<T>& d, int64_t s, std::vector<T>& gated, T* y) const {
    const int64_t n = d.hidden, width = 3 * n;
    d.recur(d.h.data(), 0, linear_before_reset ? 3 : 2);
    T* p = d.hidden_product.data();
    for (int64_t b = 0; b < d.batch; ++b) {  // gates z and r, in the place of their products
      const int64_t t = std::max<int64_t>(d.time(s, b), 0);
      const T* x = d.input.data() + d.row(t, b) * width;
      for (int64_t j = 0; j < 2 * n; ++j) p[b * width + j] = d.f[0](d.bounded(x[j] + p[b * width + j]));
      for (int64_t j = 0; j < n; ++j) gated[size_t(b * n + j)] = p[b * width + n + j] * d.h[size_t(b * n + j)];
    }
    if (!linear_before_reset) d.recur(gated.data(), 2, 3);
    for (int64_t b = 0; b < d.batch; ++b) {
      const int64_t t = d.time(s, b);
      if (t < 0) continue;
      const T *x = d.input.data() + d.row(t, b) * width, *gate = p + b * width;
      const T* recurrent_bias = d.bias ? d.bias + width + 2 * n : nullptr;
      T* h = d.h.data() + b * n;
      for (int64_t j = 0; j < n; ++j) {
        T v = gate[2 * n + j];
        if (linear_before_reset) v = gate[n + j] * (v + (recurrent_bias ? recurrent_bias[j] : T(0)));
        const T candidate = d.f[1](d.bounded(x[2 * n + j] + v));
        h[j] = (T(1) - gate[j]) * candidate + gate[j] * h[j];
      }
      std::copy_n(h, n, y + d.output_offset(t, b));
    }
  }

  void eval(Evaluating& e) const {
    const std::vector<Activation> f = activations_of(*this, {"sigmoid", "tanh"});
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      run_directions<T>(*this, 3, e.threads, in, out[0], f, 2, [&](Direction<T>& d) {
        d.project(in[0].data_as<T>(), linear_before_reset ? 2 : 3);
        std::vector<T> gated(size_t(d.batch * d.hidden));
        for (int64_t s = 0; s < d.steps; ++s) step(d, s, gated, out[0].data_as<T>());
        if (outputs > 1) d.store(d.h, out[1]);
      });
    });
  }

  Values grad(const Gradient& g) const {
    require_gradient(*this, "gru", g, !linear_before_reset || !activations.empty(),
                     "activations of its own, the reset before the product");
    return gru_gradient(g, direction);
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const { return recurrent_flops(in, 3); }

  static std::vector<Sample> samples() {
    const char* none = "sequence_lens, layout, clip and the reset before the product have no gradient";
    return {sample(Gru{{.outputs = 2}, true}, {in({3, 2, 4}), in({1, 15, 4}), in({1, 15, 5}), in({1, 30})}),
            sample(Gru{{.direction = "bidirectional", .outputs = 2}, true},
                   {in({3, 2, 4}), in({2, 15, 4}), in({2, 15, 5}), absent(), absent(), in({2, 2, 5})}),
            sample(Gru{}, {in({3, 2, 4}), in({1, 15, 4}), in({1, 15, 5})}, 1e-5, none, false),
            sample(Gru{{.direction = "bidirectional", .outputs = 2}, true},
                   {in({3, 2, 4}), in({2, 15, 4}), in({2, 15, 5}), in({2, 30}),
                    given(Tensor::of(DType::i32, {2}, {1, 3})), in({2, 2, 5})},
                   1e-5, none, false),
            sample(Gru{{.direction = "reverse",
                        .activations = {"HardSigmoid", "Softsign"},
                        .clip = 0.5,
                        .layout = 1,
                        .outputs = 2}},
                   {in({2, 3, 4}), in({1, 15, 4}), in({1, 15, 5}), in({1, 30})}, 1e-5, none, false)};
  }
};

struct Lstm : RecurrentAttrs {
  bool input_forget = false;

  static constexpr OpInfo info{
      .name = "lstm",
      .summary = "Long short-term memory: i, o, f = f(x w^T + h r^T + p * c); c = f * c + i * g(...); h = o * h(c).",
      .source = "ONNX LSTM-22",
      .inputs = {{"x", "[sequence, batch, inputs]"},
                 {"w", "[directions, 4 * hidden, inputs], gates i o f c"},
                 {"r", "[directions, 4 * hidden, hidden]"},
                 {"b", "[directions, 8 * hidden]", Arity::optional},
                 {"sequence_lens", "i32 [batch]", Arity::optional},
                 {"initial_h", "[directions, batch, hidden]", Arity::optional},
                 {"initial_c", "[directions, batch, hidden]", Arity::optional},
                 {"p", "[directions, 3 * hidden], gates i o f", Arity::optional}},
      .outputs = {{"y", "[sequence, directions, batch, hidden]"},
                  {"y_h", "[directions, batch, hidden]", Arity::optional},
                  {"y_c", "[directions, batch, hidden]", Arity::optional},
                  {"gates", "[sequence, directions, batch, 4 * hidden], for lstm_grad: i o f c after their activations",
                   Arity::optional},
                  {"cells", "[sequence, directions, batch, hidden], for lstm_grad: the cell after each step",
                   Arity::optional}}};
  static constexpr auto attrs =
      std::tuple_cat(recurrent_fields,
                     std::tuple{attr("input_forget", &Lstm::input_forget, "The forget gate is 1 - the input gate.")});

  void infer(Inferring& t) const {
    TensorType y, last;
    infer_recurrent(t, *this, 4, 3, 5, y, last);
    require_state(t, 5, last);
    require_state(t, 6, last);
    if (t.has(7)) {
      require_rank(t, 7, 2);
      t.require_equal(t.in(7).shape[0], directions(), "p must have one part for each direction");
      t.require_equal(t.in(7).shape[1], t.in(2).shape[2] * 3, "p must have three values for each unit");
    }
    t.result(y);
    for (int64_t k = 1; k < std::min<int64_t>(outputs, 3); ++k) t.result(last);
    if (outputs > 3) {
      TensorType gates = y;
      gates.shape.back() = y.shape.back() * 4;
      t.result(gates);
    }
    if (outputs > 4) t.result(y);
  }

  /// The clip bounds gates, not the cell, as in ONNX Runtime.
  template <class T>
  void cell(const Direction<T>& d, const T* x, const T* p, T* h, T* c, T* gates) const {
    const int64_t n = d.hidden;
    for (int64_t j = 0; j < n; ++j) {
      T gi = x[j] + p[j], go = x[n + j] + p[n + j], gf = x[2 * n + j] + p[2 * n + j], gc = x[3 * n + j] + p[3 * n + j];
      if (d.peephole) gi += d.peephole[j] * c[j], gf += d.peephole[2 * n + j] * c[j];
      const T i = d.f[0](d.bounded(gi)), f = input_forget ? T(1) - i : d.f[0](d.bounded(gf));
      const T g = d.f[1](d.bounded(gc));
      c[j] = f * c[j] + i * g;
      if (d.peephole) go += d.peephole[n + j] * c[j];
      const T o = d.f[0](d.bounded(go));
      h[j] = o * d.f[2](c[j]);
      if (gates) gates[j] = i, gates[n + j] = o, gates[2 * n + j] = f, gates[3 * n + j] = g;
    }
  }

  void eval(Evaluating& e) const {
    const std::vector<Activation> f = activations_of(*this, {"sigmoid", "tanh", "tanh"});
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      run_directions<T>(*this, 4, e.threads, in, out[0], f, 3, [&](Direction<T>& d) {
        d.project(in[0].data_as<T>(), 4);
        const int64_t n = d.hidden;
        T* gates = outputs > 3 ? out[3].data_as<T>() : nullptr;
        T* cells = outputs > 4 ? out[4].data_as<T>() : nullptr;
        if (gates && d.index == 0) std::fill_n(gates, out[3].element_count(), T(0));
        if (cells && d.index == 0) std::fill_n(cells, out[4].element_count(), T(0));
        for (int64_t s = 0; s < d.steps; ++s) {
          d.recur(d.h.data(), 0, 4);
          parallel_for(d.batch, std::max<int64_t>(1, 4096 / (n + 1)), e.threads, [&](int64_t begin, int64_t end, int) {
            for (int64_t b = begin; b < end; ++b) {
              const int64_t t = d.time(s, b);
              if (t < 0) continue;
              const int64_t at = d.output_offset(t, b);
              cell(d, d.input.data() + d.row(t, b) * 4 * n, d.hidden_product.data() + b * 4 * n, d.h.data() + b * n,
                   d.c.data() + b * n, gates ? gates + 4 * at : nullptr);
              std::copy_n(d.h.data() + b * n, n, out[0].data_as<T>() + at);
              if (cells) std::copy_n(d.c.data() + b * n, n, cells + at);
            }
          });
        }
        if (outputs > 1) d.store(d.h, out[1]);
        if (outputs > 2) d.store(d.c, out[2]);
      });
    });
  }

  Values grad(const Gradient& g) const {
    require_gradient(*this, "lstm", g, input_forget || !activations.empty() || optional_input(g.in, 7).valid(),
                     "input_forget, activations of its own, peepholes");
    Values all(g.out.begin(), g.out.end());
    if (all.size() < 5) {  // the gates and cells were not kept
      Lstm more = *this;
      more.outputs = 5;
      all = g.b.emit(*def<Lstm>(), attrs_of(more), g.in);
    }
    return lstm_gradient(g, direction, all);
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const { return recurrent_flops(in, 4); }

  static std::vector<Sample> samples() {
    const char* none = "sequence_lens, peepholes, clip and layout have no gradient";
    return {
        sample(Lstm{}, {in({3, 2, 4}), in({1, 20, 4}), in({1, 20, 5}), in({1, 40})}),
        sample(Lstm{{.direction = "bidirectional", .outputs = 3}},
               {in({3, 2, 4}), in({2, 20, 4}), in({2, 20, 5}), in({2, 40}), absent(), in({2, 2, 5}), in({2, 2, 5})}),
        sample(Lstm{{.direction = "reverse", .outputs = 5}}, {in({1, 2, 4}), in({1, 20, 4}), in({1, 20, 5})}, 1e-5,
               "gates and cells are for the gradient, and have none", false),
        sample(Lstm{}, {in({3, 2, 4}), in({1, 20, 4}), in({1, 20, 5})}),
        sample(Lstm{{.direction = "bidirectional", .outputs = 3}},
               {in({3, 2, 4}), in({2, 20, 4}), in({2, 20, 5}), in({2, 40}), given(Tensor::of(DType::i32, {2}, {2, 3})),
                in({2, 2, 5}), in({2, 2, 5}), in({2, 15})},
               1e-5, none, false),
        sample(Lstm{{.direction = "reverse", .clip = 0.7, .layout = 1, .outputs = 3}, true},
               {in({2, 3, 4}), in({1, 20, 4}), in({1, 20, 5}), in({1, 40})}, 1e-5, none, false),
        sample(Lstm{{.direction = "bidirectional", .outputs = 5}},
               {in({3, 2, 4}), in({2, 20, 4}), in({2, 20, 5}), in({2, 40}), given(Tensor::of(DType::i32, {2}, {2, 3}))},
               1e-5, none, false)};
  }
};

}  // namespace

OpList rnn() { return {def<Rnn>(), def<Gru>(), def<Lstm>()}; }

}  // namespace neve::ops
