// Random numbers as functions of (key, counter): one counter value is one draw, of any size. Dropout is made of them.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/philox.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

constexpr Port key_port = {"key", "i64, one element: the seed"};
constexpr Port counter_port = {"counter", "i64, one element: the number of the draw"};
constexpr int64_t grain = 1 << 11;

void require_generator(Inferring& t, size_t first) {
  for (size_t i = first; i < first + 2; ++i) {
    require_single(t, i);
    t.require_type(t.in(i).dtype == DType::i64, t.input_name(i), " must be i64, got ", t.in(i));
  }
}

Shape drawn_shape(Inferring& t, size_t i) {
  require_index_vector(t, i);
  Shape y;
  if (const Shape* c = t.content(i)) {
    y = *c;
    for (Dim d : y) t.require_at_least(d, 0, "each size of the shape");
    return y;
  }
  for (int64_t k = 0, n = known_length(t, i); k < n; ++k) y.push_back(t.fresh(str("size", k)));
  return y;
}

Sizes given_shape(std::string_view op, const Tensor& t) {
  const Sizes s = t.to_ints();
  for (int64_t d : s)
    if (d < 0) fail(ErrorCode::invalid_argument, op, ": the shape is ", s, " (sizes are 0 or more)");
  return s;
}

SampleInput number(int64_t v) { return given(Tensor::scalar_int(DType::i64, v)); }

/// Fills y with f(block) -> two doubles for elements 2 block and 2 block + 1, rounded to the dtype of y.
template <class F>
void fill_pairs(const Tensor& y, int threads, F&& f) {
  const int64_t n = y.element_count();
  const Tensor wide = y.dtype() == DType::f64 ? y : Tensor::empty(DType::f64, y.shape());
  double* v = wide.data_as<double>();
  parallel_for((n + 1) / 2, grain, threads, [&](int64_t b, int64_t e, int) {
    for (int64_t i = b; i < e; ++i) {
      const auto [first, second] = f(uint64_t(i));
      v[2 * i] = first;
      if (2 * i + 1 < n) v[2 * i + 1] = second;
    }
  });
  if (wide.data() != y.data()) y.copy_from(wide.to(y.dtype()));
}

/// Bits of a number in [0, 1) such that no rounding to the dtype can give 1.
int unit_bits(DType t) { return t == DType::f64 ? 53 : t == DType::f32 ? 24 : t == DType::f16 ? 11 : 8; }
double shortened(double u, int bits) { return std::ldexp(std::floor(std::ldexp(u, bits)), -bits); }

struct RandomUniform {
  double low = 0, high = 1;
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "random_uniform",
                               .summary = "Numbers spread evenly over [low, high).",
                               .source = "ONNX RandomUniform-22; generator: Philox4x32-10",
                               .inputs = {key_port, counter_port, {"shape", "i64 [rank]"}},
                               .outputs = {{"output"}},
                               .random = true};
  static constexpr auto attrs =
      std::tuple{attr("low", &RandomUniform::low, "Smallest value."),
                 attr("high", &RandomUniform::high, "Bound that is not reached (but for rounding)."),
                 attr("dtype", &RandomUniform::dtype, "A float dtype.")};

  void infer(Inferring& t) const {
    require_generator(t, 0);
    t.require_type(is_float(dtype), "dtype is ", dtype, " (a float dtype)");
    t.result(dtype, drawn_shape(t, 2));
  }
  void eval(Evaluating& e) const {
    const uint64_t key = uint64_t(e.in[0].item_int()), counter = uint64_t(e.in[1].item_int());
    const int bits = unit_bits(dtype);
    const Tensor y = output(e, 0, given_shape(info.name, e.in[2]));
    if (dtype == DType::f32) {  // the same numbers: 24 bits are within the first word of each pair
      const int64_t n = y.element_count();
      float* v = y.data_as<float>();
      const bool unit = low == 0 && high == 1;
      parallel_for((n + 15) / 16, grain / 4, e.threads, [&](int64_t b, int64_t end, int) {
        std::array<uint32_t, 16> words;
        for (int64_t i = b; i < end; ++i) {
          philox_words(key, counter, uint64_t(i) * 8, words);
          float* to = v + 16 * i;
          const int64_t count = std::min<int64_t>(16, n - 16 * i);
          for (int64_t k = 0; unit && k < count; ++k) to[k] = float(int32_t(words[size_t(k)] >> 8)) * 0x1p-24f;
          for (int64_t k = 0; !unit && k < count; ++k)
            to[k] = float(low + (high - low) * (double(words[size_t(k)] >> 8) * 0x1p-24));
        }
      });
      return;
    }
    fill_pairs(y, e.threads, [&](uint64_t block) {
      const auto r = philox(key, counter, block);
      return std::pair(low + (high - low) * shortened(unit_double(r[0], r[1]), bits),
                       low + (high - low) * shortened(unit_double(r[2], r[3]), bits));
    });
  }
  static std::vector<Sample> samples() {
    return {sample(RandomUniform{}, {number(1), number(2), given_ints({3, 5})}),
            sample(RandomUniform{.low = -1, .high = 3, .dtype = DType::f16}, {number(1), number(2), given_ints({7})})};
  }
};

struct RandomNormal {
  double mean = 0, scale = 1;
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "random_normal",
                               .summary = "Normally distributed numbers (Box-Muller).",
                               .source = "ONNX RandomNormal-22; generator: Philox4x32-10",
                               .inputs = {key_port, counter_port, {"shape", "i64 [rank]"}},
                               .outputs = {{"output"}},
                               .random = true};
  static constexpr auto attrs =
      std::tuple{attr("mean", &RandomNormal::mean, "Mean."), attr("scale", &RandomNormal::scale, "Standard deviation."),
                 attr("dtype", &RandomNormal::dtype, "A float dtype.")};

  void infer(Inferring& t) const {
    require_generator(t, 0);
    t.require_type(is_float(dtype), "dtype is ", dtype, " (a float dtype)");
    t.result(dtype, drawn_shape(t, 2));
  }
  void eval(Evaluating& e) const {
    const uint64_t key = uint64_t(e.in[0].item_int()), counter = uint64_t(e.in[1].item_int());
    fill_pairs(output(e, 0, given_shape(info.name, e.in[2])), e.threads, [&](uint64_t block) {
      const auto r = philox(key, counter, block);
      const double radius = scale * std::sqrt(-2 * std::log(1 - unit_double(r[0], r[1])));  // log of (0, 1]
      const double angle = 2 * std::numbers::pi * unit_double(r[2], r[3]);
      return std::pair(mean + radius * std::cos(angle), mean + radius * std::sin(angle));
    });
  }
  static std::vector<Sample> samples() {
    return {
        sample(RandomNormal{}, {number(1), number(2), given_ints({3, 5})}),
        sample(RandomNormal{.mean = 5, .scale = 0.5, .dtype = DType::f64}, {number(9), number(0), given_ints({4})})};
  }
};

struct Bernoulli {
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "bernoulli",
                               .summary = "1 with the probability that x gives, else 0.",
                               .source = "ONNX Bernoulli-22, dtype always given; generator: Philox4x32-10",
                               .inputs = {{"input", "probabilities"}, key_port, counter_port},
                               .outputs = {{"output"}},
                               .random = true};
  static constexpr auto attrs = std::tuple{attr("dtype", &Bernoulli::dtype, "Of the result.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    require_generator(t, 1);
    t.require_type(!is_complex(dtype), "dtype is ", dtype, " (a real dtype or bool)");
    t.result(dtype, t.in(0).shape);
  }
  void eval(Evaluating& e) const {
    const Tensor p = e.in[0].to(DType::f64).contiguous();
    const uint64_t key = uint64_t(e.in[1].item_int()), counter = uint64_t(e.in[2].item_int());
    const double* v = p.data_as<double>();
    const int64_t n = p.element_count();
    fill_pairs(output(e, 0, p.shape()), e.threads, [&](uint64_t block) {
      const auto r = philox(key, counter, block);
      const int64_t i = int64_t(2 * block);
      return std::pair(double(unit_double(r[0], r[1]) < v[i]),
                       double(unit_double(r[2], r[3]) < v[std::min(i + 1, n - 1)]));
    });
  }
  static std::vector<Sample> samples() {
    return {sample(Bernoulli{}, {in({4, 5}, 0, 1), number(3), number(1)}, 1e-5, "a draw is not differentiable", false),
            sample(Bernoulli{.dtype = DType::boolean}, {in(DType::f64, {9}, 0, 1), number(3), number(1)}, 1e-5,
                   "a draw is not differentiable", false)};
  }
};

struct Multinomial {
  int64_t sample_size = 1;
  DType dtype = DType::i32;

  static constexpr OpInfo info{
      .name = "multinomial",
      .summary = "Classes drawn with the probabilities softmax(x), for each row.",
      .source = "ONNX Multinomial-22; generator: Philox4x32-10",
      .inputs = {{"input", "[batch, classes]: logarithms of probabilities, up to a constant"}, key_port, counter_port},
      .outputs = {{"output", "[batch, sample_size]"}},
      .random = true};
  static constexpr auto attrs =
      std::tuple{attr("sample_size", &Multinomial::sample_size, "Number of draws for each row."),
                 attr("dtype", &Multinomial::dtype, "i32 or i64.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_type(t.in(0).rank() == 2, "input must be [batch, classes], got ", t.in(0));
    t.require_type(dtype == DType::i32 || dtype == DType::i64, "dtype is ", dtype, " (i32 or i64)");
    t.require(sample_size >= 0, "sample_size is ", sample_size, " (0 or more)");
    t.require_at_least(t.in(0).shape[1], 1, "number of classes");
    require_generator(t, 1);
    t.result(dtype, {t.in(0).shape[0], Dim(sample_size)});
  }
  void eval(Evaluating& e) const {
    const Tensor x = e.in[0].to(DType::f64).contiguous();
    const int64_t batch = x.shape()[0], classes = x.shape()[1];
    const uint64_t key = uint64_t(e.in[1].item_int()), counter = uint64_t(e.in[2].item_int());
    const Tensor& out = output(e, 0, {batch, sample_size});
    if (classes == 0) fail(ErrorCode::shape_mismatch, "multinomial: input ", type_text(x), " has no classes");
    std::vector<double> sums(static_cast<size_t>(classes));
    for (int64_t b = 0; b < batch; ++b) {
      const double* v = x.data_as<double>() + b * classes;
      const double most = *std::max_element(v, v + classes);
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) sums[size_t(c)] = sum += std::exp(v[c] - most);
      for (int64_t s = 0; s < sample_size; ++s) {
        const uint64_t at = uint64_t(b * sample_size + s);
        const auto r = philox(key, counter, at);
        const auto hit = std::upper_bound(sums.begin(), sums.end(), unit_double(r[0], r[1]) * sum);
        const int64_t c = std::min<int64_t>(hit - sums.begin(), classes - 1);
        if (dtype == DType::i64)
          out.data_as<int64_t>()[at] = c;
        else
          out.data_as<int32_t>()[at] = int32_t(c);
      }
    }
  }
  static std::vector<Sample> samples() {
    return {sample(Multinomial{.sample_size = 4}, {in({2, 3}), number(3), number(1)}, 1e-5,
                   "a draw is not differentiable", false),
            sample(Multinomial{.sample_size = 2, .dtype = DType::i64}, {in({3, 2}), number(3), number(2)}, 1e-5,
                   "a draw is not differentiable", false)};
  }
};

struct Dropout {
  static constexpr OpInfo info{
      .name = "dropout",
      .summary =
          "In training, elements zeroed with probability ratio and the others scaled by 1 / (1 - ratio); otherwise x. "
          "The mask tells what was kept.",
      .source = "ONNX Dropout-22; generator: Philox4x32-10",
      .inputs = {{"data"},
                 {"ratio", "one float, default 0.5", Arity::optional},
                 {"training_mode", "one bool, default false", Arity::optional},
                 {"key", "i64, one element; needed where training_mode may hold", Arity::optional},
                 {"counter", "i64, one element", Arity::optional}},
      .outputs = {{"output"}, {"mask", "bool"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_float(0);
    if (t.has(1)) {
      require_single(t, 1);
      t.require_float(1);
    }
    if (t.has(2)) {
      require_single(t, 2);
      t.require_type(t.in(2).dtype == DType::boolean, "training_mode must be bool, got ", t.in(2));
      const auto training = single(t, 2);
      t.require((training && training->is(0)) || (t.has(3) && t.has(4)),
                "training_mode may hold, but key and counter are absent (they are needed to draw)");
    }
    if (t.has(3) && t.has(4)) require_generator(t, 3);
    t.result(t.in(0));
    t.result(DType::boolean, t.in(0).shape);
  }
  Values lower(Builder& b, std::span<const Value> in) const {
    const Value x = in[0], training = in.size() > 2 ? in[2] : Value{};
    const DType t = b.dtype(x);
    const Facts known = training.valid() ? b.facts(training) : Facts::of({Dim(0)});
    if (known.known && known.content[0].is(0))
      return {b.call("identity", {x}), expand_like(b, b.scalar(DType::boolean, 1), x)};
    const std::vector<int64_t> scalar = {0};
    auto rank0 = [&](Value v) { return b.rank(v) ? b.call("squeeze", {v}, {{"axes", scalar}}) : v; };
    const DType w = t == DType::f64 ? t : DType::f32;
    const Value asked = in[1].valid() ? b.cast(rank0(in[1]), w) : b.scalar(w, 0.5);
    const Value ratio = b.call("where", {rank0(training), asked, b.scalar(w, 0)});
    const Value u = b.call("random_uniform", {in[3], in[4], b.shape_of(x)}, {{"dtype", w}});
    const Value mask = b.call("greater_or_equal", {u, ratio});
    const Value scale = b.call("div", {b.scalar(w, 1), b.call("sub", {b.scalar(w, 1), ratio})});
    const Value scaled = b.cast(b.call("mul", {b.cast(x, w), scale}), t);
    return {b.call("where", {mask, scaled, b.scalar(t, 0)}), mask};
  }
  static std::vector<Sample> samples() {
    auto flag = [](bool v) { return given(Tensor::scalar(DType::boolean, v)); };
    const SampleInput ratio = given(Tensor::scalar(DType::f32, 0.25));
    return {sample(Dropout{}, {in({3, 4})}), sample(Dropout{}, {in({3, 4}), ratio, flag(false)}),
            sample(Dropout{}, {in({3, 4}), ratio, flag(true), number(7), number(3)}),
            sample(Dropout{}, {in(DType::f16, {5}), absent(), flag(true), number(7), number(4)})};
  }
};

}  // namespace

OpList random() {
  return {def<RandomUniform>(), def<RandomNormal>(), def<Bernoulli>(), def<Multinomial>(), def<Dropout>()};
}

}  // namespace neve::ops
