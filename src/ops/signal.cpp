// Fourier transforms, windows and the mel scale. Complex numbers are a last axis of 2, as in ONNX.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/fft.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

/// The last axis of input 0 tells real (1) from complex (2).
int64_t complex_parts(Inferring& t) {
  t.require_float(0);
  const TensorType& x = t.in(0);
  t.require_shape(x.rank() >= 2 && (x.shape.back().is(1) || x.shape.back().is(2)), t.input_name(0), " is ", x,
                  " (its last axis must be 1 for real or 2 for complex numbers)");
  return x.shape.back().value();
}

Value scalar_like(Builder& b, Value length, DType t) {
  return b.cast(b.call("reshape", {length, b.constant(Tensor::empty(DType::i64, {0}))}), t);
}
Value real_part(Builder& b, Value x) { return b.call("slice", {x, b.ints({0}), b.ints({1}), b.ints({-1})}); }
/// Cuts or pads an axis at its end to the size it has in `like`.
Value fit_axis(Builder& b, Value x, int64_t axis, Value like) {
  const AttrList at = {{"start", axis}, {"end", axis + 1}};
  const Value more = b.call("sub", {b.call("shape", {like}, at), b.call("shape", {x}, at)});
  return reshape_like(
      b, b.call("pad", {x, b.call("concat", {b.ints({0}), more}, {{"axis", int64_t(0)}}), Value{}, b.ints({axis})}),
      like);
}

struct Dft {
  int64_t axis = -2;
  bool inverse = false, onesided = false;

  static constexpr OpInfo info{
      .name = "dft",
      .summary =
          "Discrete Fourier transform along an axis: y[k] = sum of x[n] exp(-2 pi i k n / N); inverse: + and / N.",
      .source = "ONNX DFT-20, axis as an attribute; onesided inverse as numpy.fft.irfft",
      .inputs = {{"input", "[.., n, .., 1 or 2]"},
                 {"dft_length", "N, one integer; default: n, or 2 (n - 1) for a onesided inverse", Arity::optional}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Dft::axis, "Axis to transform; not the last one."),
                                           attr("inverse", &Dft::inverse, "The inverse transform."),
                                           attr("onesided", &Dft::onesided,
                                                "Only the floor(N / 2) + 1 first frequencies: of the result, or of the "
                                                "input of an inverse, which then is real.")};

  void infer(Inferring& t) const {
    const int64_t parts = complex_parts(t);
    const TensorType& x = t.in(0);
    const size_t a = size_t(t.axis(axis, x.rank()));
    t.require(a + 1 < x.shape.size(), "axis ", axis, " is the one of real and imaginary part (another axis)");
    t.require(!(onesided && !inverse && parts == 2), "input is complex, ", x, " (onesided needs real numbers)");
    t.require(!(onesided && inverse && parts == 1), "input is real, ", x,
              " (a onesided inverse takes complex numbers)");
    Dim n = onesided && inverse ? (x.shape[a] - 1) * 2 : x.shape[a];
    if (t.has(1)) {
      require_indices(t, 1);
      require_single(t, 1);
      const auto given = single(t, 1);
      n = given ? *given : t.fresh("dft_length", 1);
    }
    t.require_at_least(n, 1, "length of the transform");
    Shape y = x.shape;
    y[a] = onesided && !inverse ? floordiv(n, 2) + 1 : n;
    y.back() = onesided && inverse ? 1 : 2;
    t.result(x.dtype, std::move(y));
  }

  void eval(Evaluating& e) const {
    const Tensor& given = e.in[0];
    const DType wide = given.dtype() == DType::f64 ? DType::f64 : DType::f32;
    const Tensor x = given.to(wide);
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const int64_t parts = x.shape().back(), have = x.shape()[a];
    const int64_t n = e.has(1) ? e.in[1].item_int() : onesided && inverse ? 2 * (have - 1) : have;
    if (n < 1) fail(ErrorCode::invalid_argument, "dft: the length of the transform is ", n, " (1 or more)");
    const int64_t bins = onesided && !inverse ? n / 2 + 1 : n, parts_out = onesided && inverse ? 1 : 2;
    Sizes y = x.shape();
    y[a] = bins, y.back() = parts_out;
    const Tensor& out = output(e, 0, y);
    const Tensor target = out.dtype() == wide ? out : Tensor::empty(wide, y);
    const int64_t inner = product(x.shape(), a + 1, x.shape().size() - 1), lines = product(x.shape(), 0, a) * inner;
    const Fourier fourier(n, inverse);
    const double scale = inverse ? 1 / double(n) : 1;
    std::vector<std::vector<Complex>> line(size_t(std::max(1, e.threads)), std::vector<Complex>(size_t(n))),
        scratch(line.size());
    visit_wide(info.name, wide, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      parallel_for(lines, 1, e.threads, [&](int64_t b, int64_t end, int part) {
        Complex* v = line[size_t(part)].data();
        for (int64_t i = b; i < end; ++i) {
          const int64_t o = i / inner, r = i % inner;
          load(v, n, x.data_as<T>() + (o * have * inner + r) * parts, have, inner * parts, parts);
          fourier.run(v, scratch[size_t(part)]);
          T* to = target.data_as<T>() + (o * bins * inner + r) * parts_out;
          for (int64_t k = 0; k < bins; ++k) {
            to[k * inner * parts_out] = T(v[k].re * scale);
            if (parts_out == 2) to[k * inner * 2 + 1] = T(v[k].im * scale);
          }
        }
      });
    });
    if (target.data() != out.data()) out.copy_from(target.to(out.dtype()));
  }
  template <class T>
  void load(Complex* v, int64_t n, const T* x, int64_t have, int64_t step, int64_t parts) const {
    const bool half = onesided && inverse;
    const int64_t count = std::min(have, half ? n / 2 + 1 : n);
    std::fill(v, v + n, Complex{});
    for (int64_t k = 0; k < count; ++k) v[k] = {double(x[k * step]), parts == 2 ? double(x[k * step + 1]) : 0.0};
    if (!half) return;
    v[0].im = 0;
    if (n % 2 == 0) v[n / 2].im = 0;
    for (int64_t k = 1; k < (n + 1) / 2; ++k) v[n - k] = {v[k].re, -v[k].im};
  }

  /// The transposed map: the transform in the other direction, without its scale.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value x = g.in[0], dy = g.dy();
    const DType t = b.dtype(x);
    const int64_t a = axis < 0 ? axis + b.rank(x) : axis;
    const bool half = onesided && inverse;
    Value n = g.in.size() > 1 ? g.in[1] : Value{};
    if (!n.valid()) n = b.call("shape", {onesided && !inverse ? x : dy}, {{"start", a}, {"end", a + 1}});
    const Value length = scalar_like(b, n, t);
    const AttrList back = {{"axis", a}, {"inverse", !inverse}, {"onesided", half}};
    Value dx = b.call("dft", {dy, n}, back);
    dx = inverse ? b.call("div", {dx, length}) : b.call("mul", {dx, length});
    if (half) {  // all but the first and the middle frequency stand for two
      const Value one = b.scalar(t, 1), bins = b.call("shape", {dx}, {{"start", a}, {"end", a + 1}});
      const Value k = b.call("range", {b.scalar(t, 0), scalar_like(b, bins, t), one});
      const Value k2 = reshape_to(b, b.call("mul", {k, b.scalar(t, 2)}), bins);
      const Value single = b.call("or", {b.call("equal", {k2, b.scalar(t, 0)}), b.call("equal", {k2, length})});
      std::vector<int64_t> axes;
      for (int64_t i = 1; i < b.rank(x) - a; ++i) axes.push_back(i);
      dx = b.call("mul", {dx, b.call("unsqueeze", {b.call("where", {single, one, b.scalar(t, 2)})}, {{"axes", axes}})});
    }
    if (b.type(x).shape.back().is(1)) dx = real_part(b, dx);
    Values out(g.in.size());
    out[0] = fit_axis(b, dx, a, x);
    return out;
  }
  static std::vector<Sample> samples() {
    const auto n = [](int64_t v) { return given(Tensor::scalar_int(DType::i64, v)); };
    auto real = [](int64_t a, int64_t b, int64_t parts) {
      SampleInput s = in({a, b, parts});
      s.symbolic = false;  // the last axis must be known
      return s;
    };
    return {sample(Dft{}, {real(2, 6, 1)}),
            sample(Dft{.axis = 0, .onesided = true}, {real(5, 2, 1)}),
            sample(Dft{.inverse = true}, {real(2, 4, 2)}),
            sample(Dft{.axis = 1}, {real(2, 5, 2), n(8)}),
            sample(Dft{.axis = 1, .onesided = true}, {real(2, 7, 1), n(4)}),
            sample(Dft{.inverse = true, .onesided = true}, {real(2, 4, 2)}),
            sample(Dft{.inverse = true, .onesided = true}, {real(2, 4, 2), n(7)}),
            sample(Dft{.inverse = true}, {real(2, 3, 1), n(5)})};
  }
};

struct Stft {
  bool onesided = true;

  static constexpr OpInfo info{
      .name = "stft",
      .summary = "Fourier transforms of windowed frames of a signal.",
      .source = "ONNX STFT-17",
      .inputs = {{"signal", "[batch, length, 1 or 2]"},
                 {"frame_step", "one integer"},
                 {"window", "[frame_length], default ones", Arity::optional},
                 {"frame_length", "one integer, default that of window, or of the signal", Arity::optional}},
      .outputs = {{"output", "[batch, frames, frequencies, 2]"}}};
  static constexpr auto attrs = std::tuple{
      attr("onesided", &Stft::onesided, "Only the first floor(frame_length / 2) + 1 frequencies; for real signals.")};

  void infer(Inferring& t) const {
    const int64_t parts = complex_parts(t);
    const TensorType& x = t.in(0);
    t.require_type(x.rank() == 3, "signal must be [batch, length, 1 or 2], got ", x);
    t.require(!(onesided && parts == 2), "signal is complex, ", x, " (onesided needs real numbers)");
    for (size_t i : {1, 3}) {
      if (!t.has(i)) continue;
      require_indices(t, i);
      require_single(t, i);
    }
    Dim length = x.shape[1];
    bool computed = false;  // a frame_length that only the run tells: so are the sizes that follow from it
    if (t.has(2)) {
      t.require_same_dtype(0, 2);
      t.require_type(t.in(2).rank() == 1, "window must be a vector, got ", t.in(2));
      length = t.in(2).shape[0];
    }
    if (t.has(3)) {
      const auto given = single(t, 3);
      if (given && t.has(2)) t.require_equal(*given, length, "frame_length and the length of window");
      if (!t.has(2)) {
        computed = !given;
        if (given) length = *given;
      }
    }
    const auto step = single(t, 1);
    if (step) t.require_at_least(*step, 1, "frame_step");
    if (computed) {
      t.result(x.dtype, {x.shape[0], t.fresh("frames", 1), t.fresh("frequencies", 1), Dim(2)});
      return;
    }
    t.require_at_least(x.shape[1], length, "length of signal, against that of a frame,");
    const Dim frames = step ? floordiv(x.shape[1] - length, *step) + 1 : t.fresh("frames", 1);
    t.result(x.dtype, {x.shape[0], frames, onesided ? floordiv(length, 2) + 1 : length, Dim(2)});
  }
  static int64_t frame_length(const Evaluating& e) {
    return e.has(3) ? e.in[3].item_int() : e.has(2) ? e.in[2].element_count() : e.in[0].shape()[1];
  }
  void eval(Evaluating& e) const {
    const Tensor x = e.in[0].to(DType::f64), window = e.has(2) ? e.in[2].to(DType::f64) : Tensor();
    const int64_t batch = x.shape()[0], length = x.shape()[1], parts = x.shape()[2];
    const int64_t step = e.in[1].item_int(), n = frame_length(e);
    if (step < 1 || n < 1 || n > length || (e.has(2) && window.element_count() != n))
      fail(ErrorCode::invalid_argument, "stft: frame_step is ", step, ", frame_length ", n, " for a signal of ", length,
           " (from 1 on; frames lie inside, and window is as long)");
    const int64_t frames = (length - n) / step + 1, bins = onesided ? n / 2 + 1 : n;
    const Tensor& out = output(e, 0, {batch, frames, bins, 2});
    const Tensor target = Tensor::empty(DType::f64, out.shape());
    const Fourier fourier(n);
    std::vector<std::vector<Complex>> line(size_t(std::max(1, e.threads)), std::vector<Complex>(size_t(n))),
        scratch(line.size());
    parallel_for(batch * frames, 1, e.threads, [&](int64_t b, int64_t end, int part) {
      Complex* v = line[size_t(part)].data();
      for (int64_t i = b; i < end; ++i) {
        const double* from = x.data_as<double>() + (i / frames * length + i % frames * step) * parts;
        for (int64_t k = 0; k < n; ++k) {
          const double w = window.defined() ? window.data_as<double>()[k] : 1;
          v[k] = {w * from[k * parts], parts == 2 ? w * from[k * 2 + 1] : 0.0};
        }
        fourier.run(v, scratch[size_t(part)]);
        std::memcpy(target.data_as<double>() + i * bins * 2, v, size_t(bins) * sizeof(Complex));
      }
    });
    out.copy_from(target.to(out.dtype()));
  }
  /// Frames are a gather from the signal, so their gradient is spread back over it.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value x = g.in[0], window = g.in.size() > 2 ? g.in[2] : Value{};
    const DType t = b.dtype(x);
    const std::vector<int64_t> first = {0}, second = {1};
    auto number = [&](Value v) { return b.call("reshape", {v, b.constant(Tensor::empty(DType::i64, {0}))}); };
    auto size = [&](Value v, int64_t a) { return b.call("shape", {v}, {{"start", a}, {"end", a + 1}}); };
    const Value n = window.valid() ? size(window, 0) : g.in.size() > 3 && g.in[3].valid() ? g.in[3] : size(x, 1);
    Value dz =
        b.call("mul", {b.call("dft", {g.dy(), n}, {{"axis", int64_t(2)}, {"inverse", true}}), scalar_like(b, n, t)});
    if (b.type(x).shape.back().is(1)) dz = real_part(b, dz);  // [batch, frames, n, parts]
    const Value zero = b.constant(Tensor::scalar_int(DType::i64, 0)),
                one = b.constant(Tensor::scalar_int(DType::i64, 1));
    const Value starts =
        b.call("mul", {b.call("range", {zero, number(size(dz, 1)), one}), b.cast(number(g.in[1]), DType::i64)});
    const Value steps = b.call("range", {zero, number(b.cast(n, DType::i64)), one});
    const Value index = b.call(
        "add", {b.call("unsqueeze", {starts}, {{"axes", second}}), b.call("unsqueeze", {steps}, {{"axes", first}})});
    Values out(g.in.size());
    const Value flat = b.call("reshape", {index, b.ints({-1})});
    Value weighted = dz;
    if (window.valid()) weighted = b.call("mul", {dz, b.call("unsqueeze", {window}, {{"axes", second}})});
    const Value sizes = b.call("concat", {size(x, 0), size(flat, 0), size(x, 2)}, {{"axis", int64_t(0)}});
    if (g.needs[0]) out[0] = scatter_add_axis(b, reshape_to(b, weighted, sizes), flat, 1, x);
    if (window.valid() && g.needs[2]) {
      const Value frames = b.call("gather", {x, index}, {{"axis", int64_t(1)}});
      out[2] = reshape_like(b,
                            b.call("reduce_sum", {b.call("mul", {dz, frames})},
                                   {{"axes", std::vector<int64_t>{0, 1, 3}}, {"keepdims", false}}),
                            window);
    }
    return out;
  }
  static std::vector<Sample> samples() {
    auto signal = [](int64_t n, int64_t parts) {
      SampleInput s = in({2, n, parts});
      s.symbolic = false;
      return s;
    };
    const auto n = [](int64_t v) { return given(Tensor::scalar_int(DType::i64, v)); };
    return {sample(Stft{}, {signal(10, 1), n(3), in({4})}),
            sample(Stft{.onesided = false}, {signal(9, 2), n(2), absent(), n(5)}),
            sample(Stft{}, {signal(8, 1), n(4), absent(), n(4)})};
  }
};

// ---- windows --------------------------------------------------------------------------------------------------
enum class WindowKind { hann, hamming, blackman };

constexpr OpInfo window_info(WindowKind k) {
  OpInfo i;
  i.inputs = {{"size", "one integer"}};
  i.outputs = {{"output"}};
  switch (k) {
    case WindowKind::hann:
      i.name = "hann_window", i.summary = "sin^2(pi i / N), N = size, or size - 1 if not periodic.",
      i.source = "ONNX HannWindow-17";
      break;
    case WindowKind::hamming:
      i.name = "hamming_window", i.summary = "25/46 - 21/46 cos(2 pi i / N), N = size, or size - 1 if not periodic.",
      i.source = "ONNX HammingWindow-17";
      break;
    case WindowKind::blackman:
      i.name = "blackman_window",
      i.summary = "0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N), N = size, or size - 1 if not periodic.",
      i.source = "ONNX BlackmanWindow-17";
      break;
  }
  return i;
}

template <WindowKind K>
struct WindowFunction {
  bool periodic = true;
  DType output_datatype = DType::f32;

  static constexpr OpInfo info = window_info(K);
  static constexpr auto attrs =
      std::tuple{attr("periodic", &WindowFunction::periodic, "Of a periodic signal: one period, without its end."),
                 attr("output_datatype", &WindowFunction::output_datatype, "Of the result.")};

  void infer(Inferring& t) const {
    require_indices(t, 0);
    require_single(t, 0);
    const auto n = single(t, 0);
    if (n) t.require_at_least(*n, 0, "size");
    t.require_type(!is_complex(output_datatype) && output_datatype != DType::boolean, "output_datatype is ",
                   output_datatype, " (real numbers)");
    t.result(output_datatype, {n ? *n : t.fresh("window")});
  }
  void eval(Evaluating& e) const {
    const int64_t n = e.in[0].item_int();
    if (n < 0 || n > Dim::unbounded) fail(ErrorCode::invalid_argument, info.name, ": size is ", n, " (0 or more)");
    const Tensor& out = output(e, 0, {n});
    const Tensor y = Tensor::empty(DType::f64, {n});
    const double period = double(std::max<int64_t>(1, periodic ? n : n - 1));
    for (int64_t i = 0; i < n; ++i) {
      const double a = 2 * std::numbers::pi * double(i) / period;
      y.data_as<double>()[i] = n == 1                     ? 1
                               : K == WindowKind::hann    ? 0.5 - 0.5 * std::cos(a)
                               : K == WindowKind::hamming ? 25.0 / 46 - 21.0 / 46 * std::cos(a)
                                                          : 0.42 - 0.5 * std::cos(a) + 0.08 * std::cos(2 * a);
    }
    out.copy_from(y.to(out.dtype()));
  }
  static std::vector<Sample> samples() {
    return {sample(WindowFunction{}, {given(Tensor::scalar_int(DType::i64, 8))}),
            sample(WindowFunction{.periodic = false, .output_datatype = DType::f64},
                   {given(Tensor::scalar_int(DType::i32, 7))})};
  }
};

struct MelWeightMatrix {
  DType output_datatype = DType::f32;

  static constexpr OpInfo info{
      .name = "mel_weight_matrix",
      .summary = "Triangular filters, even on the mel scale, that turn a spectrum into mel bins.",
      .source = "ONNX MelWeightMatrix-17",
      .inputs = {{"num_mel_bins", "one integer"},
                 {"dft_length", "one integer"},
                 {"sample_rate", "one integer"},
                 {"lower_edge_hertz", "one float"},
                 {"upper_edge_hertz", "one float"}},
      .outputs = {{"output", "[floor(dft_length / 2) + 1, num_mel_bins]"}}};
  static constexpr auto attrs =
      std::tuple{attr("output_datatype", &MelWeightMatrix::output_datatype, "Of the result.")};

  void infer(Inferring& t) const {
    for (size_t i = 0; i < 5; ++i) require_single(t, i);
    for (size_t i = 0; i < 3; ++i) require_indices(t, i);
    t.require_type(!is_complex(output_datatype) && output_datatype != DType::boolean, "output_datatype is ",
                   output_datatype, " (real numbers)");
    const auto bins = single(t, 0), length = single(t, 1);
    if (bins) t.require_at_least(*bins, 0, "num_mel_bins");
    if (length) t.require_at_least(*length, 0, "dft_length");
    t.result(output_datatype,
             {length ? floordiv(*length, 2) + 1 : t.fresh("spectrum"), bins ? *bins : t.fresh("mel_bins")});
  }
  void eval(Evaluating& e) const {
    const int64_t bins = e.in[0].item_int(), length = e.in[1].item_int(), rate = e.in[2].item_int();
    if (bins < 0 || length < 0 || rate < 1)
      fail(ErrorCode::invalid_argument, "mel_weight_matrix: num_mel_bins is ", bins, ", dft_length ", length,
           ", sample_rate ", rate, " (0 or more; the rate above 0)");
    const int64_t rows = length / 2 + 1;
    const Tensor& out = output(e, 0, {rows, bins});
    const Tensor y = Tensor::zeros(DType::f64, {rows, bins});
    auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = mel(e.in[3].item()), step = (mel(e.in[4].item()) - low) / double(bins + 2);
    auto edge = [&](int64_t i) {
      const double hertz = 700 * (std::pow(10, (double(i) * step + low) / 2595) - 1);
      const double row = std::floor(double(length + 1) * hertz / double(rate));
      return std::isnan(row) ? rows : int64_t(std::clamp(row, -1e9, 1e9));
    };
    for (int64_t i = 0; i < bins; ++i) {
      const int64_t left = edge(i), center = edge(i + 1), right = edge(i + 2);
      auto put = [&](int64_t row, double v) {
        if (row >= 0 && row < rows) y.data_as<double>()[row * bins + i] = v;
      };
      if (left == center)
        put(center, 1);
      else
        for (int64_t j = std::max<int64_t>(left, 0); j <= std::min(center, rows - 1); ++j)
          put(j, double(j - left) / double(center - left));
      for (int64_t j = std::max<int64_t>(center, 0); j < std::min(right, rows); ++j)
        put(j, double(right - j) / double(right - center));
    }
    out.copy_from(y.to(out.dtype()));
  }
  static std::vector<Sample> samples() {
    const auto n = [](int64_t v) { return given(Tensor::scalar_int(DType::i64, v)); };
    const auto f = [](double v) { return given(Tensor::scalar(DType::f32, v)); };
    return {sample(MelWeightMatrix{}, {n(4), n(16), n(8192), f(0), f(4096)})};
  }
};

}  // namespace

OpList signal() {
  return {def<Dft>(),
          def<Stft>(),
          def<WindowFunction<WindowKind::hann>>(),
          def<WindowFunction<WindowKind::hamming>>(),
          def<WindowFunction<WindowKind::blackman>>(),
          def<MelWeightMatrix>()};
}

}  // namespace neve::ops
