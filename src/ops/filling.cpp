// Tensors made from sizes: range, constant_of_shape, eye_like.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

struct Range {
  static constexpr OpInfo info{
      .name = "range",
      .summary = "start, start + delta, ... up to limit (exclusive): max(ceil((limit - start) / delta), 0) elements.",
      .source = "ONNX Range-11",
      .inputs = {{"start", "one number"}, {"limit", "the same dtype"}, {"delta", "the same dtype, not 0"}},
      .outputs = {{"output"}},
      .public_name = "arange"};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    for (size_t i = 0; i < 3; ++i) {
      require_single(t, i);
      t.require_same_dtype(0, i);
    }
    const DType d = t.in(0).dtype;
    t.require_type(!is_complex(d) && d != DType::boolean, "start must be a real number, got ", t.in(0));
    const auto start = single(t, 0), limit = single(t, 1), delta = single(t, 2);
    if (delta) t.require(!delta->is(0), "delta is 0 (another number)");
    std::optional<Dim> n;
    if (start && limit && delta && delta->is_constant()) n = count(*start, *limit, delta->value());
    t.result(d, {n ? *n : t.fresh("range")});
    if (!n || !n->is_constant() || n->value() > 64) return;
    computed_content(t, 0, [&] {
      Shape content;
      for (int64_t i = 0; i < n->value(); ++i) content.push_back(*start + *delta * i);
      return content;
    });
  }
  /// Nothing where a bound is no size (a sentinel near the end of int64).
  static std::optional<Dim> count(Dim start, Dim limit, int64_t delta) {
    const auto sane = [](Dim d) { return !d.is_constant() || std::abs(d.value()) <= Dim::max_constant / 2; };
    if (!sane(start) || !sane(limit) || !sane(delta)) return {};
    return max(delta > 0 ? ceildiv(limit - start, delta) : ceildiv(start - limit, -delta), 0);
  }
  void eval(Evaluating& e) const {
    const Tensor start = widened(e.in[0]), limit = widened(e.in[1]), delta = widened(e.in[2]);
    visit_wide(info.name, start.dtype(), [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const T s = *start.data_as<T>(), l = *limit.data_as<T>(), d = *delta.data_as<T>();
      if (d == T(0)) fail(ErrorCode::invalid_argument, "range: delta is 0 (another number)");
      const bool up = d > T(0);
      double n = 0;
      if constexpr (std::is_floating_point_v<T>) {
        n = std::ceil((double(l) - double(s)) / double(d));
      } else if (up ? l > s : l < s) {
        const uint64_t width = up ? uint64_t(l) - uint64_t(s) : uint64_t(s) - uint64_t(l),
                       step = up ? uint64_t(d) : 0 - uint64_t(d);
        const uint64_t steps = width / step + (width % step != 0);
        n = double(steps);
      }
      if (std::isnan(n) || n > double(Dim::unbounded))
        fail(ErrorCode::invalid_argument, "range: from ", s, " to ", l, " by ", d, " has too many elements");
      const Tensor& out = output(e, 0, {std::max<int64_t>(0, int64_t(n))});
      const Tensor y = wide_target(out);
      parallel_for(y.element_count(), 1 << 13, e.threads, [&](int64_t b, int64_t end, int) {
        for (int64_t i = b; i < end; ++i)
          if constexpr (std::is_integral_v<T>)
            y.data_as<T>()[i] = T(uint64_t(s) + uint64_t(i) * uint64_t(d));
          else
            y.data_as<T>()[i] = s + T(i) * d;
      });
      store_wide(y, out);
    });
  }
  static std::vector<Sample> samples() {
    auto number = [](DType t, double v) { return given(Tensor::scalar(t, v)); };
    return {sample(Range{}, {number(DType::i64, 3), number(DType::i64, 10), number(DType::i64, 3)}),
            sample(Range{}, {number(DType::i32, 10), number(DType::i32, 4), number(DType::i32, -2)}),
            sample(Range{}, {number(DType::f32, 0), number(DType::f32, 1), number(DType::f32, 0.25)}),
            sample(Range{}, {number(DType::i64, 4), number(DType::i64, 4), number(DType::i64, 1)})};
  }
};

struct ConstantOfShape {
  Tensor value = Tensor::zeros(DType::f32, {1});

  static constexpr OpInfo info{.name = "constant_of_shape",
                               .summary = "A tensor of the given shape with one value everywhere.",
                               .source = "ONNX ConstantOfShape-25",
                               .inputs = {{"input", "i64 [rank]: the shape"}},
                               .outputs = {{"output"}},
                               .public_name = "full"};
  static constexpr auto attrs =
      std::tuple{attr("value", &ConstantOfShape::value, "One element; its dtype is that of the result.")};

  void infer(Inferring& t) const {
    require_index_vector(t, 0);
    t.require(value.element_count() == 1, "value is ", type_text(value), " (one element)");
    Shape y;
    if (const Shape* c = t.content(0)) {
      y = *c;
      for (size_t i = 0; i < y.size(); ++i) t.require_at_least(y[i], 0, str("size ", i, " of the shape"));
    } else {
      for (int64_t i = 0, n = known_length(t, 0); i < n; ++i) y.push_back(t.fresh(str("size", i)));
    }
    const bool small = y.size() <= 1 && is_constant(y) && element_count(y).value() <= 64 &&
                       (is_int(value.dtype()) || value.dtype() == DType::boolean);
    const size_t n = small ? size_t(element_count(y).value()) : 0;
    t.result(value.dtype(), std::move(y));
    const int64_t v = small ? value.item_int() : 0;
    if (small && std::abs(v / 2) < Dim::max_constant / 2) t.result_content(0, Shape(n, Dim(v)));
  }
  void eval(Evaluating& e) const {
    const Sizes y = e.in[0].to_ints();
    for (int64_t d : y)
      if (d < 0) fail(ErrorCode::invalid_argument, "constant_of_shape: the shape is ", y, " (sizes are 0 or more)");
    const Tensor& out = output(e, 0, y);
    fill_elements(size_of(out.dtype()), out.data(), out.element_count(), value.contiguous().data(), e.threads);
  }
  static std::vector<Sample> samples() {
    return {sample(ConstantOfShape{}, {given_ints({2, 3})}),
            sample(ConstantOfShape{.value = Tensor::of(DType::i64, {1}, {7})}, {given_ints({4})}),
            sample(ConstantOfShape{.value = Tensor::scalar(DType::f16, 0.5)}, {given_ints({})}),
            sample(ConstantOfShape{}, {given_ints({0, 2})})};
  }
};

struct EyeLike {
  int64_t k = 0;
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "eye_like",
                               .summary = "A matrix of the shape of x with ones on a diagonal and zeros elsewhere.",
                               .source = "ONNX EyeLike-22; dtype is always given",
                               .inputs = {{"input", "a matrix"}},
                               .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("k", &EyeLike::k, "Diagonal: above the main one if positive."),
                                           attr("dtype", &EyeLike::dtype, "Of the result.")};

  void infer(Inferring& t) const {
    t.require_type(t.in(0).rank() == 2, "input must be a matrix, got ", t.in(0));
    t.result(dtype, t.in(0).shape);
  }
  void eval(Evaluating& e) const {
    const Sizes& s = e.in[0].shape();
    const Tensor &out = output(e, 0, s), one = Tensor::scalar(dtype, 1);
    std::memset(out.data(), 0, size_t(out.bytes()));
    const int64_t bytes = size_of(dtype), first = k < 0 ? std::max(k, -s[0]) : 0;
    for (int64_t row = -first; row < s[0] && row + k < s[1]; ++row)
      if (row + k >= 0) std::memcpy(out.data() + (row * s[1] + row + k) * bytes, one.data(), size_t(bytes));
  }
  static std::vector<Sample> samples() {
    return {sample(EyeLike{}, {in({3, 4})}), sample(EyeLike{.k = -1, .dtype = DType::i32}, {in({3, 2})}),
            sample(EyeLike{.k = 2, .dtype = DType::f64}, {in(DType::i8, {3, 5}, 0, 3)}),
            sample(EyeLike{.k = 9}, {in({2, 2})})};
  }
};

}  // namespace

OpList filling() { return {def<Range>(), def<ConstantOfShape>(), def<EyeLike>()}; }

}  // namespace neve::ops
