// Along one axis: running sums and products, and the place of the extreme.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

/// A tensor seen as [outer, n, inner] around one axis.
struct Lines {
  int64_t outer, n, inner;
  Lines(const Sizes& s, int64_t axis) {
    const size_t a = size_t(axis < 0 ? axis + int64_t(s.size()) : axis);
    outer = product(s, 0, a), n = s[a], inner = product(s, a + 1, s.size());
  }
  int64_t grain() const { return std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(n, 1)); }
};

constexpr OpInfo scan_info(bool sum) {
  OpInfo i;
  i.name = sum ? "cum_sum" : "cum_prod";
  i.summary = sum ? "Running sums along an axis." : "Running products along an axis.";
  i.source = sum ? "ONNX CumSum-14, axis as an attribute" : "ONNX CumProd-26, axis as an attribute";
  i.inputs = {{"x"}};
  i.public_name = sum ? "cumulative_sum" : "cumulative_prod";
  return i;
}

template <bool Sum>
struct Cumulative {
  int64_t axis = 0;
  bool exclusive = false, reverse = false;

  static constexpr OpInfo info = scan_info(Sum);
  static constexpr auto attrs = std::tuple{
      attr("axis", &Cumulative::axis, "Axis to run along, in [-rank, rank)."),
      attr("exclusive", &Cumulative::exclusive, "Leave out the element itself: the first result is that of nothing."),
      attr("reverse", &Cumulative::reverse, "Run from the end.")};

  void infer(Inferring& t) const {
    t.require_type(t.in(0).dtype != DType::boolean, "x must be numbers, got ", t.in(0), " (cast it)");
    t.axis(axis, t.in(0).rank());
    t.result(t.in(0));
    const Shape* c = t.content(0);
    if (!c) return;
    computed_content(t, 0, [&] {
      Shape content = *c;
      Dim total = Sum ? 0 : 1;
      for (size_t k = 0; k < c->size(); ++k) {
        const size_t i = reverse ? c->size() - 1 - k : k;
        const Dim with = Sum ? total + (*c)[i] : total * (*c)[i];
        content[i] = exclusive ? total : with;
        total = with;
      }
      return content;
    });
  }
  void eval(Evaluating& e) const {
    const Tensor x = widened(e.in[0]);
    const Tensor& out = output(e, 0, x.shape());
    const Tensor y = wide_target(out);
    const Lines l(x.shape(), axis);
    visit_wide(info.name, x.dtype(), [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      using A = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;  // integers wrap
      const T* from = x.data_as<T>();
      T* to = y.data_as<T>();
      parallel_for(l.outer * l.inner, l.grain(), e.threads, [&](int64_t b, int64_t end, int) {
        for (int64_t line = b; line < end; ++line) {
          const int64_t first = line / l.inner * l.n * l.inner + line % l.inner;
          A total = Sum ? 0 : 1;
          for (int64_t k = 0; k < l.n; ++k) {
            const int64_t at = first + (reverse ? l.n - 1 - k : k) * l.inner;
            const A with = Sum ? total + A(from[at]) : total * A(from[at]);
            to[at] = T(exclusive ? total : with);
            total = with;
          }
        }
      });
    });
    store_wide(y, out);
  }
  /// Of products: sum of dy * y over all results that x takes part in, by x; not finite where x is 0.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const AttrList back = {{"axis", axis}, {"exclusive", exclusive}, {"reverse", !reverse}};
    if (Sum) return {b.call("cum_sum", {g.dy()}, back)};
    return {b.call("div", {b.call("cum_sum", {b.call("mul", {g.dy(), g.out[0]})}, back), g.in[0]})};
  }
  static std::vector<Sample> samples() {
    const double lo = Sum ? -1.5 : 0.5;
    return {sample(Cumulative{}, {in({4, 3}, lo)}),
            sample(Cumulative{.axis = 1, .exclusive = true}, {in({2, 3, 2}, lo)}),
            sample(Cumulative{.axis = -1, .reverse = true}, {in({2, 4}, lo)}),
            sample(Cumulative{.exclusive = true, .reverse = true}, {in({5}, lo)}),
            sample(Cumulative{}, {in(DType::i64, {4}, 0, 5)})};
  }
};

constexpr OpInfo arg_info(bool largest) {
  OpInfo i;
  i.name = largest ? "arg_max" : "arg_min";
  i.summary = largest ? "Index of the largest element along an axis; a NaN counts as largest."
                      : "Index of the smallest element along an axis; a NaN counts as smallest.";
  i.source = largest ? "ONNX ArgMax-13" : "ONNX ArgMin-13";
  i.inputs = {{"data"}};
  i.outputs = {{"reduced"}};
  i.public_name = largest ? "argmax" : "argmin";
  return i;
}

template <class T>
bool is_nan(T v) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(v);
  return false;
}

template <bool Largest>
struct ArgReduce {
  int64_t axis = 0;
  bool keepdims = true, select_last_index = false;

  static constexpr OpInfo info = arg_info(Largest);
  static constexpr auto attrs = std::tuple{
      attr("axis", &ArgReduce::axis, "Axis to search, in [-rank, rank)."),
      attr("keepdims", &ArgReduce::keepdims, "Keep the axis with size 1."),
      attr("select_last_index", &ArgReduce::select_last_index, "Of equal elements the last, not the first.")};

  template <class S>
  S shape(S x, size_t a) const {
    if (keepdims)
      x[a] = 1;
    else
      x.erase(x.begin() + a);
    return x;
  }
  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(!is_complex(x.dtype), "data must have an order, got ", x, " (use a real dtype)");
    const size_t a = size_t(t.axis(axis, x.rank()));
    t.require_at_least(x.shape[a], 1, str("size of axis ", a, " of data, of which one element is chosen,"));
    t.result(DType::i64, shape(x.shape, a));
  }
  template <class T>
  bool better(T candidate, T best) const {
    if (is_nan(best)) return select_last_index && is_nan(candidate);
    if (is_nan(candidate)) return true;
    if (candidate == best) return select_last_index;
    return Largest ? candidate > best : candidate < best;
  }
  void eval(Evaluating& e) const {
    const Tensor x = widened(e.in[0]);
    const Lines l(x.shape(), axis);
    if (l.n == 0)
      fail(ErrorCode::shape_mismatch, info.name, ": axis ", axis, " of data ", type_text(e.in[0]),
           " is empty (it needs an element)");
    int64_t* to = output(e, 0, shape(x.shape(), size_t(axis < 0 ? axis + x.rank() : axis))).template data_as<int64_t>();
    visit_wide(info.name, x.dtype(), [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const T* from = x.data_as<T>();
      parallel_for(l.outer * l.inner, l.grain(), e.threads, [&](int64_t b, int64_t end, int) {
        for (int64_t line = b; line < end; ++line) {
          const T* p = from + line / l.inner * l.n * l.inner + line % l.inner;
          int64_t best = 0;
          for (int64_t k = 1; k < l.n; ++k)
            if (better(p[k * l.inner], p[best * l.inner])) best = k;
          to[line] = best;
        }
      });
    });
  }
  static std::vector<Sample> samples() {
    return {sample(ArgReduce{}, {in({3, 4})}), sample(ArgReduce{.axis = -1, .keepdims = false}, {in({2, 3, 4})}),
            sample(ArgReduce{.axis = 1, .select_last_index = true}, {in(DType::u8, {3, 8}, 0, 3)}),
            sample(ArgReduce{.axis = 0, .keepdims = false}, {in(DType::bf16, {5})})};
  }
};

}  // namespace

OpList cumulative() {
  return {def<Cumulative<true>>(), def<Cumulative<false>>(), def<ArgReduce<true>>(), def<ArgReduce<false>>()};
}

}  // namespace neve::ops
