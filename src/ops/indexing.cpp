// Reading by index: gather, gather_elements, gather_nd, one_hot and array_feature_extractor.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/indices.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

/// Copies rows of `bytes` bytes: row i of `to` is row index[i] of `from`.
void copy_rows(std::byte* to, const std::byte* from, std::span<const int64_t> index, int64_t bytes, int threads) {
  parallel_for(int64_t(index.size()), std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(bytes, 1)), threads,
               [&](int64_t b, int64_t e, int) {
                 switch (bytes) {  // single elements: no call to memcpy
                   case 4:
                     for (int64_t i = b; i < e; ++i) std::memcpy(to + i * 4, from + index[size_t(i)] * 4, 4);
                     return;
                   case 8:
                     for (int64_t i = b; i < e; ++i) std::memcpy(to + i * 8, from + index[size_t(i)] * 8, 8);
                     return;
                   default:
                     for (int64_t i = b; i < e; ++i)
                       std::memcpy(to + i * bytes, from + index[size_t(i)] * bytes, size_t(bytes));
                 }
               });
}

struct Gather {
  int64_t axis = 0;

  static constexpr OpInfo info{
      .name = "gather",
      .summary = "Slices of x along an axis by index: y[.., i.., ..] = x[.., indices[i..], ..].",
      .source = "ONNX Gather-13",
      .inputs = {{"data"}, {"indices", "i64 or i32; negative counts from the end"}},
      .outputs = {{"output"}},
      .public_name = "take"};
  static constexpr auto attrs = std::tuple{attr("axis", &Gather::axis, "Axis to index, in [-rank, rank).")};

  void infer(Inferring& t) const {
    const Shape &x = t.in(0).shape, &i = t.in(1).shape;
    require_indices(t, 1);
    const int64_t a = t.axis(axis, int64_t(x.size()));
    Shape y(x.begin(), x.begin() + a);
    y.append(i.begin(), i.end());
    y.append(x.begin() + a + 1, x.end());
    t.result(t.in(0).dtype, std::move(y));
    const Shape* c = t.content(0);
    const auto index = t.ints(1);
    if (!c || !index || x.size() != 1) return;
    Shape content;
    const int64_t n = int64_t(c->size());
    for (int64_t k : *index) {
      t.require(k >= -n && k < n, "index ", k, " is out of range for axis 0 of size ", n, " (valid: ", -n, "..", n - 1,
                ")");
      content.push_back((*c)[size_t(k < 0 ? k + n : k)]);
    }
    t.result_content(0, std::move(content));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const Sizes& s = x.shape();
    const int64_t outer = product(s, 0, a), bytes = product(s, a + 1, s.size()) * size_of(x.dtype()), n = s[a];
    const std::vector<int64_t> index = positions("gather", e.in[1], n, int64_t(a));
    const int64_t m = int64_t(index.size());
    Sizes y(s.begin(), s.begin() + int64_t(a));
    y.insert(y.end(), e.in[1].shape().begin(), e.in[1].shape().end());
    y.insert(y.end(), s.begin() + int64_t(a) + 1, s.end());
    const Tensor& out = output(e, 0, y);
    if (out.element_count() == 0) return;
    if (m > outer) {
      for (int64_t o = 0; o < outer; ++o)
        copy_rows(out.data() + o * m * bytes, x.data() + o * n * bytes, index, bytes, e.threads);
      return;
    }
    parallel_for(outer, std::max<int64_t>(1, (1 << 14) / (m * bytes)), e.threads, [&](int64_t b, int64_t end, int) {
      for (int64_t o = b; o < end; ++o)
        copy_rows(out.data() + o * m * bytes, x.data() + o * n * bytes, index, bytes, 1);
    });
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Shape &x = b.type(g.in[0]).shape, &i = b.type(g.in[1]).shape;
    const int64_t a = axis < 0 ? axis + int64_t(x.size()) : axis;
    if (i.size() == 1) return {scatter_add_axis(b, g.dy(), g.in[1], a, g.in[0]), {}};
    Shape flat(x.begin(), x.begin() + a);
    flat.push_back(element_count(i));
    flat.append(x.begin() + a + 1, x.end());
    const Value sources[] = {g.in[0], g.in[1]};
    const Value dy = reshape_to(b, g.dy(), b.dims(std::span(flat.data(), flat.size()), sources));
    return {scatter_add_axis(b, dy, b.call("reshape", {g.in[1], b.ints({-1})}), a, g.in[0]), {}};
  }
  double reads(size_t i, std::span<const TensorType> in, std::span<const TensorType> out) const {
    return elements(i == 0 ? out[0] : in[i]);
  }
  static std::vector<Sample> samples() {
    return {sample(Gather{}, {in({4, 3}), given_ints({0, -1, 2, 0})}),
            sample(Gather{.axis = 1}, {in({2, 3, 2}), given(Tensor::of(DType::i32, {2, 2}, {0, 2, 1, 1}))}),
            sample(Gather{.axis = -1}, {in({2, 3}), given(Tensor::scalar_int(DType::i64, 1))}),
            sample(Gather{}, {in(DType::boolean, {4}, 0, 1), given_ints({})}),
            sample(Gather{}, {in(DType::i64, {3}, 0, 9), given_ints({2, 0})})};
  }
};

/// What gather_elements and scatter_elements check: equal ranks, indices not beyond data on the other axes.
int64_t infer_elements(Inferring& t, int64_t axis) {
  const TensorType &x = t.in(0), &i = t.in(1);
  require_indices(t, 1);
  t.require_type(i.rank() == x.rank(), "indices is ", i, ", data is ", x, " (ranks must be equal)");
  const int64_t a = t.axis(axis, x.rank());
  for (int64_t d = 0; d < x.rank(); ++d)
    if (d != a)
      t.require_at_least(x.shape[size_t(d)], i.shape[size_t(d)],
                         str("size of axis ", d, " of data, which must cover indices,"));
  return a;
}

struct GatherElements {
  int64_t axis = 0;

  static constexpr OpInfo info{.name = "gather_elements",
                               .summary = "y[i][j][k] = x[indices[i][j][k]][j][k] for axis 0, and so on.",
                               .source = "ONNX GatherElements-13",
                               .inputs = {{"data"}, {"indices", "i64 or i32; rank of data"}},
                               .outputs = {{"output"}},
                               .public_name = "take_along_axis"};
  static constexpr auto attrs = std::tuple{attr("axis", &GatherElements::axis, "Axis to index, in [-rank, rank).")};

  void infer(Inferring& t) const {
    infer_elements(t, axis);
    t.result(t.in(0).dtype, t.in(1).shape);
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const std::vector<int64_t> index = positions("gather_elements", e.in[1], x.shape()[a], int64_t(a));
    const Sizes& y = e.in[1].shape();
    const Tensor& out = output(e, 0, y);
    const int64_t bytes = size_of(x.dtype());
    Sizes strides = x.strides();
    const int64_t along = strides[a];
    strides[a] = 0;
    parallel_for(out.element_count(), 1 << 13, e.threads, [&](int64_t b, int64_t end, int) {
      Walk w(y, strides, b);
      for (int64_t k = b; k < end; ++k, w.next())
        std::memcpy(out.data() + k * bytes, x.data() + (w.offset() + index[size_t(k)] * along) * bytes, size_t(bytes));
    });
  }
  Values grad(const Gradient& g) const {
    return {g.b.call("scatter_elements", {zeros_like(g.b, g.in[0]), g.in[1], g.dy()},
                     {{"axis", axis}, {"reduction", std::string("add")}}),
            {}};
  }
  double reads(size_t i, std::span<const TensorType> in, std::span<const TensorType> out) const {
    return elements(i == 0 ? out[0] : in[i]);
  }
  static std::vector<Sample> samples() {
    return {sample(GatherElements{.axis = 1}, {in({2, 3}), given(Tensor::of(DType::i64, {2, 2}, {0, 0, -1, 1}))}),
            sample(GatherElements{}, {in({3, 3}), given(Tensor::of(DType::i32, {2, 3}, {1, 2, 0, 2, 0, 0}))}),
            sample(GatherElements{.axis = -1}, {in(DType::f16, {3}), given_ints({2, 2, 0, 1})})};
  }
};

struct GatherND {
  int64_t batch_dims = 0;

  static constexpr OpInfo info{.name = "gather_nd",
                               .summary = "Slices of x by tuples of indices, which are the last axis of `indices`.",
                               .source = "ONNX GatherND-13",
                               .inputs = {{"data"}, {"indices", "i64 [.., k]; negative counts from the end"}},
                               .outputs = {{"output"}}};
  static constexpr auto attrs =
      std::tuple{attr("batch_dims", &GatherND::batch_dims, "Leading axes that data and indices share.")};

  void infer(Inferring& t) const {
    const Shape &x = t.in(0).shape, &i = t.in(1).shape;
    require_indices(t, 1);
    const int64_t r = int64_t(x.size()), q = int64_t(i.size()), b = batch_dims;
    t.require_type(r >= 1 && q >= 1, "data is ", t.in(0), ", indices is ", t.in(1), " (ranks of 1 or more)");
    t.require(b >= 0 && b < std::min(r, q), "batch_dims is ", b, " for data ", t.in(0), " and indices ", t.in(1),
              " (valid: 0..", std::min(r, q) - 1, ")");
    if (!i.back().is_constant())
      t.fail_with(ErrorCode::unsupported, str("the length of the tuples, the last size of indices ", t.in(1),
                                              ", is not known, so the rank of the result is open"));
    const int64_t k = i.back().value();
    t.require(k >= 1 && k <= r - b, "tuples of indices have ", k, " elements, data is ", t.in(0), " (valid: 1..", r - b,
              ")");
    for (int64_t d = 0; d < b; ++d)
      t.require_equal(x[size_t(d)], i[size_t(d)], str("size of batch axis ", d, " of data and of indices"));
    Shape y(i.begin(), i.end() - 1);
    y.append(x.begin() + b + k, x.end());
    t.result(t.in(0).dtype, std::move(y));
  }
  void eval(Evaluating& e) const {
    const Tensor &x = e.in[0], &i = e.in[1];
    const size_t b = size_t(batch_dims), k = size_t(i.shape().back());
    Sizes y(i.shape().begin(), i.shape().end() - 1);
    y.insert(y.end(), x.shape().begin() + int64_t(b + k), x.shape().end());
    const Tensor& out = output(e, 0, y);
    if (out.element_count() == 0) return;
    const std::vector<int64_t> raw = i.to_ints();
    const int64_t tuples = int64_t(raw.size() / k), batches = product(x.shape(), 0, b);
    const int64_t row = product(x.shape(), b + k, x.shape().size());
    std::vector<int64_t> index(static_cast<size_t>(tuples));
    for (int64_t n = 0; n < tuples; ++n) {
      int64_t at = n / (tuples / batches);
      for (size_t d = 0; d < k; ++d) {
        const int64_t size = x.shape()[b + d], v = raw[size_t(n) * k + d];
        if (v < -size || v >= size)
          fail(ErrorCode::invalid_argument, "gather_nd: index ", v, " is out of range for axis ", b + d, " of size ",
               size, " (valid: ", -size, "..", size - 1, ")");
        at = at * size + (v < 0 ? v + size : v);
      }
      index[size_t(n)] = at;
    }
    copy_rows(out.data(), x.data(), index, row * size_of(x.dtype()), e.threads);
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    Value index = b.cast(g.in[1], DType::i64);
    // Batch axes become leading elements of the tuples.
    const int64_t q = b.rank(index);
    std::vector<Value> parts;
    const Value lead =
        batch_dims ? b.call("concat", {b.call("shape", {index}, {{"end", q - 1}}), b.ints({1})}, {{"axis", int64_t(0)}})
                   : Value{};
    for (int64_t d = 0; d < batch_dims; ++d) {
      const Value n = b.call("squeeze", {b.call("shape", {index}, {{"start", d}, {"end", d + 1}})},
                             {{"axes", std::vector<int64_t>{0}}});
      const Value zero = b.constant(Tensor::scalar_int(DType::i64, 0)),
                  one = b.constant(Tensor::scalar_int(DType::i64, 1));
      std::vector<int64_t> rest;
      for (int64_t a = 1; a < q - d; ++a) rest.push_back(a);
      parts.push_back(
          b.call("expand", {b.call("unsqueeze", {b.call("range", {zero, n, one})}, {{"axes", rest}}), lead}));
    }
    parts.push_back(index);
    if (parts.size() > 1) index = b.call("concat", parts, {{"axis", int64_t(-1)}});
    return {b.call("scatter_nd", {zeros_like(b, g.in[0]), index, g.dy()}, {{"reduction", std::string("add")}}), {}};
  }
  double reads(size_t i, std::span<const TensorType> in, std::span<const TensorType> out) const {
    return elements(i == 0 ? out[0] : in[i]);
  }
  static std::vector<Sample> samples() {
    return {sample(GatherND{}, {in({3, 4}), given(Tensor::of(DType::i64, {3, 2}, {0, 1, -1, 3, 0, 1}))}),
            sample(GatherND{}, {in({3, 2, 2}), given(Tensor::of(DType::i64, {2, 1}, {2, 0}))}),
            sample(GatherND{.batch_dims = 1}, {in({2, 3, 2}), given(Tensor::of(DType::i64, {2, 2, 1}, {2, 0, 1, 1}))})};
  }
};

struct OneHot {
  int64_t axis = -1;

  static constexpr OpInfo info{
      .name = "one_hot",
      .summary = "A new axis of length depth that holds values[1] at the index and values[0] elsewhere.",
      .source = "ONNX OneHot-11",
      .inputs = {{"indices", "numbers; outside [-depth, depth): all off"},
                 {"depth", "one number"},
                 {"values", "[2]: off, on"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &OneHot::axis, "Place of the new axis in the result, in [-rank - 1, rank].")};

  void infer(Inferring& t) const {
    const Shape& i = t.in(0).shape;
    require_single(t, 1);
    t.require_type(t.in(2).rank() == 1, "values must be [2] (off, on), got ", t.in(2));
    t.require_equal(t.in(2).shape[0], 2, "length of values");
    const int64_t a = t.axis(axis, int64_t(i.size()) + 1);
    const auto depth = single(t, 1);
    if (depth) t.require_at_least(*depth, 0, "depth");
    Shape y(i.begin(), i.begin() + a);
    y.push_back(depth ? *depth : t.fresh("depth"));
    y.append(i.begin() + a, i.end());
    t.result(t.in(2).dtype, std::move(y));
  }
  void eval(Evaluating& e) const {
    const Tensor index = e.in[0].to(DType::i64).contiguous();
    const int64_t depth = int64_t(e.in[1].item());
    if (depth < 0) fail(ErrorCode::invalid_argument, "one_hot: depth is ", depth, " (0 or more)");
    const size_t a = size_t(axis < 0 ? axis + index.rank() + 1 : axis);
    Sizes y = index.shape();
    y.insert(y.begin() + int64_t(a), depth);
    const Tensor& out = output(e, 0, y);
    const int64_t bytes = size_of(out.dtype()), inner = product(y, a + 1, y.size());
    fill_elements(bytes, out.data(), out.element_count(), e.in[2].data(), e.threads);
    for (int64_t k = 0; k < index.element_count(); ++k) {
      int64_t i = index.data_as<int64_t>()[k];
      if (i < -depth || i >= depth) continue;
      i = i < 0 ? i + depth : i;
      std::memcpy(out.data() + ((k / inner * depth + i) * inner + k % inner) * bytes, e.in[2].data() + bytes,
                  size_t(bytes));
    }
  }
  /// The on-value gets what stands at the indices, the off-value the rest.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const DType t = b.dtype(g.dy());
    const Value mask = b.call("one_hot", {g.in[0], g.in[1], b.constant(Tensor::of(t, {2}, {0, 1}))}, {{"axis", axis}});
    const Value dy = g.dy();
    const Value hot = reshape_like(b, mask, dy);
    const Value on = b.call("reduce_sum", {b.call("mul", {dy, hot})}, {{"keepdims", false}});
    const Value all = b.call("reduce_sum", {dy}, {{"keepdims", false}});
    const std::vector<int64_t> first = {0};
    const Value off = b.call("unsqueeze", {b.call("sub", {all, on})}, {{"axes", first}});
    return {{}, {}, b.call("concat", {off, b.call("unsqueeze", {on}, {{"axes", first}})}, {{"axis", int64_t(0)}})};
  }
  static std::vector<Sample> samples() {
    return {sample(OneHot{}, {given(Tensor::of(DType::i64, {2, 2}, {0, 2, -1, 5})), given_ints({3}), in({2})}),
            sample(OneHot{.axis = 0},
                   {given(Tensor::of(DType::i32, {3}, {1, 0, 1})), given(Tensor::scalar_int(DType::i64, 2)), in({2})}),
            sample(OneHot{.axis = 1},
                   {in({2, 3}, 0, 4), given(Tensor::of(DType::f32, {1}, {4})), in(DType::i32, {2}, -9, 9)})};
  }
};

struct ArrayFeatureExtractor {
  static constexpr OpInfo info{.name = "array_feature_extractor",
                               .summary = "Elements of the last axis by index.",
                               .source = "ONNX ai.onnx.ml ArrayFeatureExtractor-1",
                               .inputs = {{"X"}, {"Y", "i64; all its elements count as one list"}},
                               .outputs = {{"Z"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    require_indices(t, 1);
    t.require_type(t.in(0).rank() >= 1, "X must have an axis, got ", t.in(0));
    Shape y = t.in(0).shape;
    y.back() = element_count(t.in(1).shape);
    if (y.size() == 1) y.insert(y.begin(), 1);
    t.result(t.in(0).dtype, std::move(y));
  }
  Value lower(Builder& b, std::span<const Value> in) const {
    const Value y = b.call("gather", {in[0], b.call("reshape", {in[1], b.ints({-1})})}, {{"axis", int64_t(-1)}});
    return b.rank(y) == 1 ? b.call("unsqueeze", {y}, {{"axes", std::vector<int64_t>{0}}}) : y;
  }
  static std::vector<Sample> samples() {
    return {sample(ArrayFeatureExtractor{}, {in({2, 4}), given(Tensor::of(DType::i64, {1, 2}, {3, 0}))}),
            sample(ArrayFeatureExtractor{}, {in({3}), given_ints({1})})};
  }
};

}  // namespace

OpList indexing() {
  return {def<Gather>(), def<GatherElements>(), def<GatherND>(), def<OneHot>(), def<ArrayFeatureExtractor>()};
}

}  // namespace neve::ops
