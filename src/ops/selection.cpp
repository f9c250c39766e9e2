// What depends on the values: top_k, sort, unique, non_zero, compress, searchsorted, bincount.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/indices.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

constexpr int64_t flattened = std::numeric_limits<int64_t>::min();
constexpr std::string_view flattened_doc =
    "Axis, in [-rank, rank); the smallest integer (the default): x is flattened first.";

/// NaN is larger than every number, as NumPy sorts it.
template <class T>
bool less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (std::isnan(b) && !std::isnan(a));
  else
    return a < b;
}

/// All axes but `axis` outer to it: the offset of each line.
struct LineWalk {
  Sizes shape, strides;
  int64_t n, step, lines;
  LineWalk(const Sizes& s, size_t axis) : shape(s), strides(contiguous_strides(s)), n(s[axis]), step(strides[axis]) {
    shape.erase(shape.begin() + int64_t(axis));
    strides.erase(strides.begin() + int64_t(axis));
    lines = product(shape, 0, shape.size());
  }
};

struct TopK {
  int64_t axis = -1;
  bool largest = true, sorted = true;

  static constexpr OpInfo info{.name = "top_k",
                               .summary =
                                   "The k largest (or smallest) elements along an axis and where they are; of equal "
                                   "ones the first; NaN is largest.",
                               .source = "ONNX TopK-24",
                               .inputs = {{"X"}, {"K", "i64, one element"}},
                               .outputs = {{"Values"}, {"Indices", "i64"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &TopK::axis, "Axis to search, in [-rank, rank)."),
                 attr("largest", &TopK::largest, "The largest, else the smallest."),
                 attr("sorted", &TopK::sorted,
                      "Results in order; otherwise any order is right (and this one is in order as well).")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(!is_complex(x.dtype), "X must have an order, got ", x);
    require_indices(t, 1);
    require_single(t, 1);
    const size_t a = size_t(t.axis(axis, x.rank()));
    const auto k = single(t, 1);
    if (k) {
      t.require_at_least(*k, 0, "K");
      t.require_at_least(x.shape[a], *k, str("size of axis ", a, " of X, against K,"));
    }
    Shape y = x.shape;
    y[a] = k ? *k : t.fresh("k", 0, upper_bound(x.shape[a]));
    t.result(x.dtype, y);
    t.result(DType::i64, y);
  }
  void eval(Evaluating& e) const {
    const Tensor x = widened(e.in[0]);
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const int64_t k = e.in[1].item_int(), n = x.shape()[a];
    if (k < 0 || k > n)
      fail(ErrorCode::shape_mismatch, "top_k: K is ", k, ", axis ", a, " of X has size ", n, " (from 0 to it)");
    Sizes y = x.shape();
    y[a] = k;
    const Tensor &out = output(e, 0, y), values = wide_target(out), &index = output(e, 1, y);
    const LineWalk from(x.shape(), a), to(y, a);
    std::vector<std::vector<int64_t>> scratch(size_t(std::max(1, e.threads)), std::vector<int64_t>(size_t(n)));
    visit_wide(info.name, x.dtype(), [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      parallel_for(from.lines, std::max<int64_t>(1, (1 << 12) / std::max<int64_t>(n, 1)), e.threads,
                   [&](int64_t b, int64_t end, int part) {
                     std::vector<int64_t>& order = scratch[size_t(part)];
                     Walk wf(from.shape, from.strides, b), wt(to.shape, to.strides, b);
                     for (int64_t line = b; line < end; ++line, wf.next(), wt.next()) {
                       const T* p = x.data_as<T>() + wf.offset();
                       std::iota(order.begin(), order.end(), 0);
                       auto before = [&](int64_t i, int64_t j) {
                         const T u = p[i * from.step], v = p[j * from.step];
                         if (largest ? less(v, u) : less(u, v)) return true;
                         if (largest ? less(u, v) : less(v, u)) return false;
                         return i < j;
                       };
                       std::partial_sort(order.begin(), order.begin() + k, order.end(), before);
                       for (int64_t i = 0; i < k; ++i) {
                         values.data_as<T>()[wt.offset() + i * to.step] = p[order[size_t(i)] * from.step];
                         index.data_as<int64_t>()[wt.offset() + i * to.step] = order[size_t(i)];
                       }
                     }
                   });
    });
    store_wide(values, out);
  }
  Values grad(const Gradient& g) const {
    if (!g.dout[0].valid()) return {{}, {}};
    return {g.b.call("scatter_elements", {zeros_like(g.b, g.in[0]), g.out[1], g.dout[0]},
                     {{"axis", axis}, {"reduction", std::string("add")}}),
            {}};
  }
  static std::vector<Sample> samples() {
    return {sample(TopK{}, {in({3, 5}), given_ints({2})}),
            sample(TopK{.axis = 0, .largest = false}, {in({4, 2}), given(Tensor::scalar_int(DType::i64, 3))}),
            sample(TopK{.axis = 1, .sorted = false}, {in(DType::i8, {2, 6, 2}, 0, 3), given_ints({4})}),
            sample(TopK{}, {in(DType::f16, {4}), given_ints({0})})};
  }
};

struct Sort {
  int64_t axis = -1;
  bool descending = false;

  static constexpr OpInfo info{
      .name = "sort",
      .summary = "x in order along an axis, and where each element was; stable; NaN is largest.",
      .source = "torch.sort(stable=True)",
      .inputs = {{"x"}},
      .outputs = {{"values"}, {"indices", "i64"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Sort::axis, "Axis, in [-rank, rank)."),
                                           attr("descending", &Sort::descending, "From the largest on.")};

  void infer(Inferring& t) const {
    t.require_type(!is_complex(t.in(0).dtype), "x must have an order, got ", t.in(0));
    t.axis(axis, t.in(0).rank());
    t.result(t.in(0));
    t.result(DType::i64, t.in(0).shape);
  }
  Values lower(Builder& b, std::span<const Value> in) const {
    const int64_t a = axis < 0 ? axis + b.rank(in[0]) : axis;
    const Value n = b.call("shape", {in[0]}, {{"start", a}, {"end", a + 1}});
    return b.call_many("top_k", {in[0], n}, {{"axis", a}, {"largest", descending}});
  }
  static std::vector<Sample> samples() {
    return {sample(Sort{}, {in({3, 5})}), sample(Sort{.axis = 0, .descending = true}, {in({4, 2})}),
            sample(Sort{}, {in(DType::i32, {6}, 0, 3)})};
  }
};

struct NonZero {
  static constexpr OpInfo info{
      .name = "non_zero",
      .summary = "Coordinates of the elements that are not 0, in row-major order, one column each.",
      .source = "ONNX NonZero-13",
      .inputs = {{"X"}},
      .outputs = {{"Y", "i64 [rank, n]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    Dim n;
    if (const auto c = t.ints(0))
      n = int64_t(c->size()) - std::count(c->begin(), c->end(), 0);
    else
      n = t.fresh("nonzero", 0, std::max<int64_t>(0, upper_bound(element_count(t.in(0).shape))));
    t.result(DType::i64, {Dim(t.in(0).rank()), n});
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const int64_t count = x.element_count();
    std::vector<int64_t> at;
    auto collect = [&](const Tensor& v, auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      for (int64_t k = 0; k < count; ++k)
        if (v.data_as<T>()[k] != T(0)) at.push_back(k);
    };
    if (is_complex(x.dtype())) {
      for (int64_t k = 0, half = size_of(x.dtype()) / 8; k < count; ++k)  // as pairs of f32 or f64
        if (half == 1 ? x.data_as<float>()[2 * k] != 0 || x.data_as<float>()[2 * k + 1] != 0
                      : x.data_as<double>()[2 * k] != 0 || x.data_as<double>()[2 * k + 1] != 0)
          at.push_back(k);
    } else if (x.dtype() == DType::boolean || x.dtype() == DType::u8) {
      collect(x, static_cast<uint8_t*>(nullptr));
    } else {
      visit_wide(info.name, x.dtype(), [&](auto* type) { collect(widened(x), type); });
    }
    const int64_t n = int64_t(at.size()), rank = x.rank();
    int64_t* y = output(e, 0, {rank, n}).data_as<int64_t>();
    for (int64_t k = 0; k < n; ++k) {
      int64_t rest = at[size_t(k)];
      for (int64_t d = rank; d-- > 0;) {
        y[d * n + k] = rest % x.shape()[size_t(d)];
        rest /= x.shape()[size_t(d)];
      }
    }
  }
  static std::vector<Sample> samples() {
    return {sample(NonZero{}, {in(DType::boolean, {3, 4}, 0, 1)}), sample(NonZero{}, {in({2, 2, 2})}),
            sample(NonZero{}, {in(DType::i32, {7}, -1, 1)}), sample(NonZero{}, {in({})})};
  }
};

struct Compress {
  int64_t axis = flattened;

  static constexpr OpInfo info{
      .name = "compress",
      .summary =
          "The slices of x along an axis where the condition holds; what the condition does not reach is dropped.",
      .source = "ONNX Compress-11",
      .inputs = {{"input"}, {"condition", "bool [n], n <= size of the axis"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Compress::axis, flattened_doc)};

  void infer(Inferring& t) const {
    const TensorType &x = t.in(0), &c = t.in(1);
    t.require_type(c.dtype == DType::boolean && c.rank() == 1, "condition must be bool of rank 1, got ", c);
    const Dim total = element_count(x.shape);
    const size_t a = axis == flattened ? 0 : size_t(t.axis(axis, x.rank()));
    Shape y = axis == flattened ? Shape{total} : x.shape;
    t.require_at_least(y[a], c.shape[0], "size of what is selected from, against the length of condition,");
    if (const auto known = t.ints(1))
      y[a] = std::count_if(known->begin(), known->end(), [](int64_t v) { return v != 0; });
    else
      y[a] = t.fresh("compress", 0, upper_bound(c.shape[0]));
    t.result(x.dtype, std::move(y));
  }
  std::vector<int64_t> chosen(const Tensor& condition) const {
    std::vector<int64_t> at;
    for (int64_t i = 0; i < condition.element_count(); ++i)
      if (condition.data_as<uint8_t>()[i]) at.push_back(i);
    return at;
  }
  void eval(Evaluating& e) const {
    const Tensor x = axis == flattened ? e.in[0].reshape({e.in[0].element_count()}) : e.in[0];
    const size_t a = axis == flattened ? 0 : size_t(axis < 0 ? axis + x.rank() : axis);
    const std::vector<int64_t> at = chosen(e.in[1]);
    if (e.in[1].element_count() > x.shape()[a])
      fail(ErrorCode::shape_mismatch, "compress: condition ", type_text(e.in[1]), " is longer than axis ", a, " of ",
           type_text(x));
    Sizes y = x.shape();
    y[a] = int64_t(at.size());
    const Tensor& out = output(e, 0, y);
    const int64_t outer = product(x.shape(), 0, a),
                  bytes = product(x.shape(), a + 1, x.shape().size()) * size_of(x.dtype());
    std::byte* to = out.data();
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i : at) {
        std::memcpy(to, x.data() + (o * x.shape()[a] + i) * bytes, size_t(bytes));
        to += bytes;
      }
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value index = b.call("squeeze", {b.call("non_zero", {g.in[1]})}, {{"axes", std::vector<int64_t>{0}}});
    // The number of chosen slices stands in both as a size of its own; give one the type of the other.
    const int64_t a = axis == flattened ? 0 : axis < 0 ? axis + b.rank(g.in[0]) : axis;
    const Value count = b.call("shape", {g.dy()}, {{"start", a}, {"end", a + 1}});
    const Value same = b.type(index).shape[0] == b.type(g.dy()).shape[size_t(a)] ? index : reshape_to(b, index, count);
    if (axis != flattened) return {scatter_add_axis(b, g.dy(), same, a, g.in[0]), {}};
    const Value flat = b.call("reshape", {g.in[0], b.ints({-1})});
    return {reshape_like(b, scatter_add_axis(b, g.dy(), same, 0, flat), g.in[0]), {}};
  }
  static std::vector<Sample> samples() {
    const Tensor c = Tensor::of(DType::boolean, {3}, {0, 1, 1});
    return {sample(Compress{.axis = 0}, {in({3, 2}), given(c)}), sample(Compress{.axis = -1}, {in({2, 4}), given(c)}),
            sample(Compress{}, {in({2, 2}), given(c)})};
  }
};

struct Unique {
  int64_t axis = flattened;
  bool sorted = true;

  static constexpr OpInfo info{
      .name = "unique",
      .summary =
          "The distinct elements (or slices along an axis), where each was first, which one each element is, and how "
          "often.",
      .source = "ONNX Unique-11",
      .inputs = {{"X"}},
      .outputs = {
          {"Y"}, {"indices", "i64 [n]"}, {"inverse_indices", "i64 [elements or slices of X]"}, {"counts", "i64 [n]"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &Unique::axis, flattened_doc),
                 attr("sorted", &Unique::sorted, "Ascending; otherwise in order of first appearance.")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(!is_complex(x.dtype), "X must have an order, got ", x);
    const size_t a = axis == flattened ? 0 : size_t(t.axis(axis, x.rank()));
    Shape y = axis == flattened ? Shape{element_count(x.shape)} : x.shape;
    const Dim of = y[a], n = t.fresh("unique", lower_bound(of) > 0 ? 1 : 0, upper_bound(of));
    y[a] = n;
    t.result(x.dtype, std::move(y));
    t.result(DType::i64, {n});
    t.result(DType::i64, {of});
    t.result(DType::i64, {n});
  }
  void eval(Evaluating& e) const {
    const Tensor given = axis == flattened ? e.in[0].reshape({e.in[0].element_count()}) : e.in[0];
    const size_t a = axis == flattened ? 0 : size_t(axis < 0 ? axis + given.rank() : axis);
    std::vector<int64_t> perm(given.shape().size());
    std::iota(perm.begin(), perm.end(), 0);
    std::rotate(perm.begin(), perm.begin() + int64_t(a), perm.begin() + int64_t(a) + 1);
    const Tensor slices = given.transpose(perm).contiguous(), x = widened(slices);
    const int64_t n = x.shape()[0], width = product(x.shape(), 1, x.shape().size());
    std::vector<int64_t> inverse(static_cast<size_t>(n)), first, counts;
    visit_wide(info.name, x.dtype(), [&](auto* type) {
      group(x.data_as<std::remove_pointer_t<decltype(type)>>(), n, width, inverse, first, counts);
    });

    const int64_t m = int64_t(first.size());
    Sizes y = given.shape();
    y[a] = m;
    const Tensor& out = output(e, 0, y);
    const int64_t bytes = size_of(given.dtype());
    Sizes box = slices.shape(), moved;
    const Sizes own = contiguous_strides(y);
    for (int64_t p : perm) moved.push_back(own[size_t(p)]);
    box[0] = 1;
    for (int64_t k = 0; k < m; ++k)
      strided_copy(bytes, box, out.data() + k * own[a] * bytes, moved, slices.data() + first[size_t(k)] * width * bytes,
                   slices.strides(), e.threads);
    auto write = [&](size_t port, const std::vector<int64_t>& v) {
      std::copy(v.begin(), v.end(), output(e, port, {int64_t(v.size())}).data_as<int64_t>());
    };
    write(1, first);
    write(2, inverse);
    write(3, counts);
  }
  template <class T>
  void group(const T* x, int64_t n, int64_t width, std::vector<int64_t>& inverse, std::vector<int64_t>& first,
             std::vector<int64_t>& counts) const {
    auto compare = [&](int64_t i, int64_t j) {  // -1, 0, 1
      for (int64_t k = 0; k < width; ++k) {
        if (less(x[i * width + k], x[j * width + k])) return -1;
        if (less(x[j * width + k], x[i * width + k])) return 1;
      }
      return 0;
    };
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) { return compare(i, j) < 0; });
    for (size_t k = 0; k < order.size(); ++k) {
      if (k == 0 || compare(order[k - 1], order[k]) != 0) first.push_back(order[k]), counts.push_back(0);
      inverse[size_t(order[k])] = int64_t(first.size()) - 1;
      ++counts.back();
    }
    if (sorted) return;
    std::vector<int64_t> by_appearance(first.size()), rank(first.size());
    std::iota(by_appearance.begin(), by_appearance.end(), 0);
    std::sort(by_appearance.begin(), by_appearance.end(),
              [&](int64_t i, int64_t j) { return first[size_t(i)] < first[size_t(j)]; });
    std::vector<int64_t> f, c;
    for (size_t k = 0; k < by_appearance.size(); ++k) {
      rank[size_t(by_appearance[k])] = int64_t(k);
      f.push_back(first[size_t(by_appearance[k])]);
      c.push_back(counts[size_t(by_appearance[k])]);
    }
    for (int64_t& i : inverse) i = rank[size_t(i)];
    first = std::move(f), counts = std::move(c);
  }
  static std::vector<Sample> samples() {
    return {sample(Unique{}, {in(DType::i64, {8}, 0, 3)}),
            sample(Unique{.sorted = false}, {in(DType::i32, {2, 5}, 0, 3)}),
            sample(Unique{.axis = 0}, {given(Tensor::of(DType::f32, {3, 2}, {1, 0, 0, 3, 1, 0}))}),
            sample(Unique{.axis = -1, .sorted = false}, {given(Tensor::of(DType::u8, {2, 3}, {4, 1, 4, 4, 2, 4}))})};
  }
};

struct SearchSorted {
  bool right = false;

  static constexpr OpInfo info{.name = "searchsorted",
                               .summary = "Where each value would go into a sorted vector so that it stays sorted.",
                               .source = "numpy.searchsorted; torch.searchsorted",
                               .inputs = {{"sorted", "[n], ascending"}, {"values", "dtype of sorted"}},
                               .outputs = {{"index", "i64, shape of values"}}};
  static constexpr auto attrs =
      std::tuple{attr("right", &SearchSorted::right, "Behind equal elements, not before them.")};

  void infer(Inferring& t) const {
    t.require_same_dtype(0, 1);
    t.require_type(!is_complex(t.in(0).dtype) && t.in(0).rank() == 1, "sorted must be a real vector, got ", t.in(0));
    t.result(DType::i64, t.in(1).shape);
  }
  void eval(Evaluating& e) const {
    const Tensor s = widened(e.in[0]), v = widened(e.in[1]);
    int64_t* y = output(e, 0, v.shape()).data_as<int64_t>();
    visit_wide(info.name, s.dtype(), [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const T *first = s.data_as<T>(), *last = first + s.element_count(), *x = v.data_as<T>();
      parallel_for(v.element_count(), 1 << 10, e.threads, [&](int64_t b, int64_t end, int) {
        for (int64_t k = b; k < end; ++k)
          y[k] = (right ? std::upper_bound(first, last, x[k], less<T>) : std::lower_bound(first, last, x[k], less<T>)) -
                 first;
      });
    });
  }
  static std::vector<Sample> samples() {
    return {sample(SearchSorted{}, {given(Tensor::of(DType::f32, {4}, {-1, 0, 0, 1})), in({2, 3})}),
            sample(SearchSorted{.right = true}, {given_ints({1, 3, 3, 7}), given_ints({3, 0, 8})})};
  }
};

struct BinCount {
  int64_t minlength = 0;

  static constexpr OpInfo info{.name = "bincount",
                               .summary = "How often each of 0, 1, 2, ... stands in x.",
                               .source = "numpy.bincount",
                               .inputs = {{"x", "integers of rank 1, 0 or more"}},
                               .outputs = {{"counts", "i64 [max(x) + 1, at least minlength]"}}};
  static constexpr auto attrs = std::tuple{attr("minlength", &BinCount::minlength, "Smallest length of the result.")};

  void infer(Inferring& t) const {
    t.require_type(is_int(t.in(0).dtype) && t.in(0).rank() == 1, "x must be integers of rank 1, got ", t.in(0));
    t.require(minlength >= 0, "minlength is ", minlength, " (0 or more)");
    t.result(DType::i64, {t.fresh("bins", minlength)});
  }
  void eval(Evaluating& e) const {
    const std::vector<int64_t> x = e.in[0].to_ints();
    int64_t n = minlength;
    for (int64_t v : x) {
      if (v < 0 || v >= Dim::unbounded)
        fail(ErrorCode::invalid_argument, "bincount: x holds ", v, " (from 0 to ", Dim::unbounded - 1, ")");
      n = std::max(n, v + 1);
    }
    const Tensor& out = output(e, 0, {n});
    int64_t* y = out.data_as<int64_t>();
    std::fill(y, y + n, 0);
    for (int64_t v : x) ++y[v];
  }
  static std::vector<Sample> samples() {
    return {sample(BinCount{}, {given_ints({1, 0, 3, 1})}), sample(BinCount{.minlength = 6}, {given_ints({2})})};
  }
};

}  // namespace

OpList selection() {
  return {def<TopK>(),   def<Sort>(),         def<NonZero>(), def<Compress>(),
          def<Unique>(), def<SearchSorted>(), def<BinCount>()};
}

}  // namespace neve::ops
