// Shapes and what only changes them: shape, size, reshape, squeeze, unsqueeze, flatten, expand, tile, sum_to.
#include <algorithm>
#include <limits>

#include "op/def.h"
#include "op/reference.h"
#include "op/registry.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

/// Copies the elements of the first input to output 0, which has another shape.
void evaluate_copy(Evaluating& e, const Sizes& shape) { copy_flat(e.in[0], output(e, 0, shape), e.threads); }

struct ShapeOf {
  int64_t start = 0, end = std::numeric_limits<int64_t>::max();

  static constexpr OpInfo info{.name = "shape",
                               .summary = "The sizes of x as an i64 vector, or those of the axes start..end.",
                               .source = "ONNX Shape-25",
                               .inputs = {{"data"}},
                               .outputs = {{"shape"}}};
  static constexpr auto attrs =
      std::tuple{attr("start", &ShapeOf::start, "First axis; negative counts from the end; clamped."),
                 attr("end", &ShapeOf::end, "Axis after the last; negative counts from the end; clamped.")};
  std::pair<int64_t, int64_t> bounds(int64_t rank) const {
    const int64_t s = std::clamp(start < 0 ? start + rank : start, int64_t(0), rank);
    const int64_t e = std::clamp(end < 0 ? end + rank : end, int64_t(0), rank);
    return {s, std::max(s, e)};
  }
  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    const auto [s, e] = bounds(int64_t(x.size()));
    t.result(DType::i64, {Dim(e - s)});
    t.result_content(0, Shape(x.begin() + s, x.begin() + e));
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const auto [s, n] = bounds(int64_t(x.size()));
    std::copy(x.begin() + s, x.begin() + n, output(e, 0, {n - s}).data_as<int64_t>());
  }
  double reads(size_t, std::span<const TensorType>, std::span<const TensorType>) const { return 0; }
  static std::vector<Sample> samples() {
    return {sample(ShapeOf{}, {in({2, 3, 4})}), sample(ShapeOf{.start = 1}, {in({2, 3, 4})}),
            sample(ShapeOf{.start = -3, .end = -1}, {in({2, 3, 4})}), sample(ShapeOf{}, {in({})}),
            sample(ShapeOf{.start = 2, .end = 1}, {in({2, 3})})};
  }
};

struct Size {
  static constexpr OpInfo info{.name = "size",
                               .summary = "The number of elements of x, i64 of rank 0.",
                               .source = "ONNX Size-25",
                               .inputs = {{"data"}},
                               .outputs = {{"size"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.result(DType::i64, {});
    t.result_content(0, {element_count(t.in(0).shape)});
  }
  void eval(Evaluating& e) const { *output(e, 0, {}).data_as<int64_t>() = e.in[0].element_count(); }
  double reads(size_t, std::span<const TensorType>, std::span<const TensorType>) const { return 0; }
  static std::vector<Sample> samples() {
    return {sample(Size{}, {in({2, 3, 4})}), sample(Size{}, {in({})}), sample(Size{}, {in({0, 3})})};
  }
};

struct Reshape {
  bool allowzero = false;

  static constexpr OpInfo info{
      .name = "reshape",
      .summary =
          "The elements of x in row-major order under another shape; one -1 is inferred, 0 copies the size of x.",
      .source = "ONNX Reshape-25",
      .inputs = {{"data"}, {"shape", "i64 [rank of the result]"}},
      .outputs = {{"reshaped"}}};
  static constexpr auto attrs =
      std::tuple{attr("allowzero", &Reshape::allowzero, "0 means size 0, as in NumPy, instead of the size of x.")};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    require_index_vector(t, 1);
    const Shape* c = t.content(1);
    if (c) {
      t.result(t.in(0).dtype, known(t, x, *c));
      if (const Shape* content = t.content(0)) t.result_content(0, *content);
      return;
    }
    const int64_t rank = known_length(t, 1);
    Shape y;
    if (rank == 1) {
      y.push_back(element_count(x));
    } else {
      for (int64_t i = 0; i < rank; ++i) y.push_back(t.fresh(str("reshape", i)));
    }
    t.result(t.in(0).dtype, std::move(y));
  }

  /// A symbolic size is a size, also where it turns out to be 0: only a literal 0 copies, only a literal -1 is
  /// inferred.
  Shape known(Inferring& t, const Shape& x, const Shape& c) const {
    Shape y;
    int64_t inferred = -1;
    bool zero = false;
    for (size_t i = 0; i < c.size(); ++i) {
      Dim d = c[i];
      if (d.is(-1)) {
        t.require(inferred < 0, "shape has two -1, got ", c, " (at most one size can be inferred)");
        inferred = int64_t(i);
        d = 1;
      } else if (d.is(0) && !allowzero) {
        t.require(i < x.size(), "shape ", c, " copies axis ", i, " of data, which has rank ", x.size());
        d = x[i];
      } else {
        zero |= d.is(0);
        if (lower_bound(d) < 0) t.require_at_least(d, 0, str("size ", i, " of the shape"));
      }
      y.push_back(d);
    }
    if (inferred < 0) {
      t.require_equal(element_count(x), element_count(y),
                      str("number of elements of data ", x, " and of the shape ", y));
      return y;
    }
    t.require(!zero, "shape ", c, " has both 0 and -1 (the inferred size is not determined)");
    y[size_t(inferred)] = inferred_size(t, x, y, size_t(inferred));
    return y;
  }

  void eval(Evaluating& e) const {
    if (e.out(0).defined()) return copy_flat(e.in[0], e.out(0), e.threads);
    const Sizes& x = e.in[0].shape();
    Sizes y = e.in[1].to_ints();
    int64_t known = 1, inferred = -1;
    for (size_t i = 0; i < y.size(); ++i) {
      if (y[i] == 0 && !allowzero) {
        if (i >= x.size())
          fail(ErrorCode::shape_mismatch, "reshape: shape ", y, " copies axis ", i, " of data, which has rank ",
               x.size());
        y[i] = x[i];
      }
      if (y[i] == -1 && inferred < 0) {
        inferred = int64_t(i);
      } else {
        if (y[i] < 0)
          fail(ErrorCode::shape_mismatch, "reshape: shape is ", y, " (sizes are 0 or more, and at most one is -1)");
        known *= y[i];
      }
    }
    const int64_t n = e.in[0].element_count();
    if (inferred >= 0) y[size_t(inferred)] = known ? n / known : 0;
    if (product(y, 0, y.size()) != n)
      fail(ErrorCode::shape_mismatch, "reshape: data ", type_text(e.in[0]), " has ", n, " elements, the shape ", y,
           " has ", product(y, 0, y.size()));
    evaluate_copy(e, y);
  }
  Values grad(const Gradient& g) const { return {reshape_like(g.b, g.dy(), g.in[0]), {}}; }
  static std::vector<Sample> samples() {
    return {sample(Reshape{}, {in({2, 3, 4}), given_ints({2, 12})}),
            sample(Reshape{}, {in({2, 3, 4}), given_ints({0, -1})}),
            sample(Reshape{}, {in({2, 3, 4}), given_ints({-1})}),
            sample(Reshape{}, {in({2, 3, 4}), given_ints({0, 0, 2, 2})}),
            sample(Reshape{}, {in({1}), given_ints({})}),
            sample(Reshape{.allowzero = true}, {in({0, 3}), given_ints({3, 0})}),
            sample(Reshape{}, {in(DType::i64, {4}, 0, 9), given_ints({2, 2})})};
  }
};

struct Squeeze {
  std::vector<int64_t> axes = {};

  static constexpr OpInfo info{.name = "squeeze",
                               .summary = "Removes axes of size 1.",
                               .source = "ONNX Squeeze-25",
                               .inputs = {{"data"}},
                               .outputs = {{"squeezed"}}};
  static constexpr auto attrs =
      std::tuple{attr("axes", &Squeeze::axes, "Axes to remove, in [-rank, rank); empty: all of size 1.")};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    std::vector<bool> gone(x.size());
    if (axes.empty()) {
      for (size_t i = 0; i < x.size(); ++i) {
        const Proof one = equal(x[i], 1);
        if (one == Proof::unknown)
          t.fail_with(ErrorCode::unsupported, str("size of axis ", i, " of data ", t.in(0),
                                                  " may be 1 or not, so the rank is open (give axes)"));
        gone[i] = proven(one);
      }
    }
    for (int64_t a : t.axes(axes, int64_t(x.size()))) {
      gone[size_t(a)] = true;
      t.require_equal(x[size_t(a)], 1, str("size of axis ", a, " of data, which is removed,"));
    }
    Shape y;
    for (size_t i = 0; i < x.size(); ++i)
      if (!gone[i]) y.push_back(x[i]);
    t.result(t.in(0).dtype, std::move(y));
    if (const Shape* c = t.content(0)) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const int64_t rank = int64_t(x.size());
    Sizes y;
    for (int64_t i = 0; i < rank; ++i) {
      const bool listed = std::find(axes.begin(), axes.end(), i) != axes.end() ||
                          std::find(axes.begin(), axes.end(), i - rank) != axes.end();
      if (axes.empty() ? x[size_t(i)] != 1 : !listed) y.push_back(x[size_t(i)]);
    }
    evaluate_copy(e, y);
  }
  Values grad(const Gradient& g) const { return {reshape_like(g.b, g.dy(), g.in[0])}; }
  static std::vector<Sample> samples() {
    SampleInput fixed = in({1, 3, 1});
    fixed.symbolic = false;
    return {sample(Squeeze{.axes = {1}}, {in({3, 1, 2})}), sample(Squeeze{.axes = {-1, 0}}, {in({1, 3, 1})}),
            sample(Squeeze{}, {fixed}), sample(Squeeze{.axes = {0}}, {in(DType::i64, {1}, 0, 9)})};
  }
};

struct Unsqueeze {
  std::vector<int64_t> axes = {};

  static constexpr OpInfo info{.name = "unsqueeze",
                               .summary = "Inserts axes of size 1.",
                               .source = "ONNX Unsqueeze-25",
                               .inputs = {{"data"}},
                               .outputs = {{"expanded"}},
                               .public_name = "expand_dims"};
  static constexpr auto attrs = std::tuple{
      attr("axes", &Unsqueeze::axes, "Where the new axes are in the result, in [-rank, rank) of the result.")};

  template <class S, class D>
  S widened(const S& x, const std::vector<int64_t>& at, D one) const {
    S y;
    size_t next = 0;
    for (size_t i = 0; i < x.size() + at.size(); ++i)
      y.push_back(std::find(at.begin(), at.end(), int64_t(i)) != at.end() ? one : x[next++]);
    return y;
  }
  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    t.result(t.in(0).dtype, widened(x, t.axes(axes, int64_t(x.size() + axes.size())), Dim(1)));
    if (const Shape* c = t.content(0)) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    std::vector<int64_t> at = axes;
    for (int64_t& a : at) a = a < 0 ? a + int64_t(x.size() + at.size()) : a;
    evaluate_copy(e, widened(x, at, int64_t(1)));
  }
  Values grad(const Gradient& g) const { return {reshape_like(g.b, g.dy(), g.in[0])}; }
  static std::vector<Sample> samples() {
    return {sample(Unsqueeze{.axes = {0}}, {in({3, 2})}), sample(Unsqueeze{.axes = {-1, 1}}, {in({3, 2})}),
            sample(Unsqueeze{.axes = {0}}, {in({})}), sample(Unsqueeze{.axes = {0}}, {in(DType::i64, {}, 0, 9)})};
  }
};

struct Flatten {
  int64_t axis = 1;

  static constexpr OpInfo info{.name = "flatten",
                               .summary = "A matrix: axes before `axis` joined, the others joined.",
                               .source = "ONNX Flatten-25",
                               .inputs = {{"input"}},
                               .outputs = {{"output"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &Flatten::axis, "First axis of the columns, in [-rank, rank].")};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    const int64_t rank = int64_t(x.size());
    t.require(axis >= -rank && axis <= rank, "axis ", axis, " is out of range for input ", t.in(0), " (valid: ", -rank,
              "..", rank, ")");
    Dim rows = 1, columns = 1;
    for (int64_t i = 0; i < rank; ++i) (i < (axis < 0 ? axis + rank : axis) ? rows : columns) *= x[size_t(i)];
    t.result(t.in(0).dtype, {rows, columns});
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const size_t at = size_t(axis < 0 ? axis + int64_t(x.size()) : axis);
    evaluate_copy(e, {product(x, 0, at), product(x, at, x.size())});
  }
  Values grad(const Gradient& g) const { return {reshape_like(g.b, g.dy(), g.in[0])}; }
  static std::vector<Sample> samples() {
    return {sample(Flatten{}, {in({2, 3, 4})}), sample(Flatten{.axis = 0}, {in({2, 3})}),
            sample(Flatten{.axis = -1}, {in({2, 3, 4})}), sample(Flatten{.axis = 2}, {in({2, 3})}),
            sample(Flatten{.axis = 0}, {in({})})};
  }
};

/// Strides that read x as if it had the shape y: 0 along broadcast axes.
Sizes broadcast_strides(const Sizes& x, const Sizes& y) {
  const Sizes own = contiguous_strides(x);
  Sizes s(y.size(), 0);
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i] != 1) s[y.size() - x.size() + i] = own[i];
  return s;
}

struct Expand {
  static constexpr OpInfo info{
      .name = "expand",
      .summary = "x broadcast with a tensor of the given shape (a size 1 in it leaves x as it is).",
      .source = "ONNX Expand-13",
      .inputs = {{"input"}, {"shape", "i64 [n]"}},
      .outputs = {{"output"}},
      .public_name = "broadcast_to"};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    require_index_vector(t, 1);
    if (const Shape* c = t.content(1)) {
      const Shape y = t.broadcast(x, *c);
      if (const Shape* v = t.content(0); v && y.size() <= 1) {
        if (y == x)
          t.result_content(0, *v);
        else if (v->size() == 1 && y[0].is_constant() && y[0].value() <= 64)
          t.result_content(0, Shape(size_t(y[0].value()), v->front()));
      }
      return t.result(t.in(0).dtype, y);
    }
    const size_t rank = size_t(std::max(known_length(t, 1), t.in(0).rank()));
    Shape y;
    for (size_t i = 0; i < rank; ++i) y.push_back(t.fresh(str("expand", i)));
    t.result(t.in(0).dtype, std::move(y));
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    Sizes y = e.in[1].to_ints();
    if (x.size() > y.size()) y.insert(y.begin(), x.size() - y.size(), 1);
    for (size_t i = 0, lead = y.size() - x.size(); i < x.size(); ++i) {
      int64_t& d = y[lead + i];
      if (d == 1)
        d = x[i];
      else if (x[i] != 1 && x[i] != d)
        fail(ErrorCode::shape_mismatch, "expand: input ", type_text(e.in[0]), " does not broadcast to ", y,
             " (each size must be equal or 1)");
    }
    const Tensor& out = output(e, 0, y);
    strided_copy(size_of(out.dtype()), y, out.data(), contiguous_strides(y), e.in[0].data(), broadcast_strides(x, y),
                 e.threads);
  }
  Values grad(const Gradient& g) const { return {sum_to_like(g.b, g.dy(), g.in[0]), {}}; }
  static std::vector<Sample> samples() {
    return {sample(Expand{}, {in({3, 1}), given_ints({2, 1, 4})}), sample(Expand{}, {in({3, 2}), given_ints({1, 1})}),
            sample(Expand{}, {in({}), given_ints({2, 3})}), sample(Expand{}, {in({1}), given_ints({0})}),
            sample(Expand{}, {in(DType::i64, {1}, 0, 9), given_ints({3})})};
  }
};

struct SumTo {
  static constexpr OpInfo info{
      .name = "sum_to",
      .summary = "x summed over the axes along which the given shape was broadcast to it: the reverse of expand.",
      .source = "JAX _unbroadcast; torch.Tensor.sum_to_size",
      .inputs = {{"x"}, {"shape", "i64 [n], n <= rank of x; broadcasts to the shape of x"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    t.require_type(t.in(0).dtype != DType::boolean, "x must be numbers, got ", t.in(0));
    require_index_vector(t, 1);
    const int64_t rank = known_length(t, 1);
    t.require_shape(rank <= t.in(0).rank(), "shape has ", rank, " sizes, x is ", t.in(0), " (at most its rank)");
    const size_t lead = x.size() - size_t(rank);
    Shape y;
    const Shape* c = t.content(1);
    for (size_t i = 0; i < size_t(rank); ++i) {
      y.push_back(c ? (*c)[i] : t.fresh(str("sum", i)));
      if (c && !y[i].is(1) && y[i].is_constant())
        t.require_equal(y[i], x[lead + i], str("size of axis ", lead + i, " of x"));
    }
    t.result(t.in(0).dtype, std::move(y));
  }
  void eval(Evaluating& e) const;
  Values grad(const Gradient& g) const { return {expand_like(g.b, g.dy(), g.in[0]), {}}; }
  static std::vector<Sample> samples() {
    return {sample(SumTo{}, {in({2, 3, 4}), given_ints({3, 1})}), sample(SumTo{}, {in({2, 3}), given_ints({2, 3})}),
            sample(SumTo{}, {in({2, 3}), given_ints({})}), sample(SumTo{}, {in({0, 3}), given_ints({1, 3})})};
  }
};

/// By way of the reduction itself, so that both round alike.
void SumTo::eval(Evaluating& e) const {
  const Sizes& x = e.in[0].shape();
  const Sizes want = e.in[1].to_ints();
  const size_t lead = x.size() - want.size();
  std::vector<int64_t> axes;
  for (size_t i = 0; i < x.size(); ++i) {
    if (i < lead || (want[i - lead] == 1 && x[i] != 1))
      axes.push_back(int64_t(i));
    else if (want[i - lead] != x[i])
      fail(ErrorCode::shape_mismatch, "sum_to: shape ", want, " does not broadcast to x ", type_text(e.in[0]),
           " (each size must be equal or 1)");
  }
  if (axes.empty()) return evaluate_copy(e, want);
  const OpDef& sum = find_op("reduce_sum");
  const Tensor input[] = {e.in[0]};
  const Tensor y = evaluate(sum, sum.defaults().with({{"axes", axes}}), input, e.threads)[0];
  copy_flat(y, output(e, 0, want), e.threads);
}

struct Tile {
  static constexpr OpInfo info{.name = "tile",
                               .summary = "x repeated along each axis.",
                               .source = "ONNX Tile-13",
                               .inputs = {{"input"}, {"repeats", "i64 [rank of input]"}},
                               .outputs = {{"output"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    require_index_vector(t, 1);
    t.require_equal(t.in(1).shape[0], t.in(0).rank(), str("length of repeats, for input ", t.in(0), ","));
    const Shape* r = t.content(1);
    Shape y;
    for (size_t i = 0; i < x.size(); ++i) {
      if (r) t.require_at_least((*r)[i], 0, str("repeats[", i, "]"));
      y.push_back(r ? x[i] * (*r)[i] : t.fresh(str("tile", i)));
    }
    const Shape* c = t.content(0);
    if (c && r && x.size() == 1 && (*r)[0].is_constant() && y[0].is_constant() && y[0].value() <= 64) {
      Shape content;
      for (int64_t i = 0; i < (*r)[0].value(); ++i) content.append(c->begin(), c->end());
      t.result_content(0, std::move(content));
    }
    t.result(t.in(0).dtype, std::move(y));
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const Sizes r = e.in[1].to_ints(), own = contiguous_strides(x);
    Sizes y, box, from;
    for (size_t i = 0; i < x.size(); ++i) {
      if (r[i] < 0) fail(ErrorCode::invalid_argument, "tile: repeats is ", r, " (0 or more)");
      y.push_back(x[i] * r[i]);
      box.insert(box.end(), {r[i], x[i]});
      from.insert(from.end(), {0, own[i]});
    }
    const Tensor& out = output(e, 0, y);
    strided_copy(size_of(out.dtype()), box, out.data(), contiguous_strides(box), e.in[0].data(), from, e.threads);
  }
  /// dy seen as [r0, n0, r1, n1, ...], summed over the r.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const int64_t rank = b.rank(g.in[0]);
    if (rank == 0) return {g.dy(), {}};
    const Value sizes = b.shape_of(g.in[0]);
    std::vector<Value> parts;
    std::vector<int64_t> repeat_axes;
    for (int64_t i = 0; i < rank; ++i) {
      parts.push_back(b.call("gather", {g.in[1], b.ints({i})}));
      parts.push_back(b.call("gather", {sizes, b.ints({i})}));
      repeat_axes.push_back(2 * i);
    }
    const Value split = reshape_to(b, g.dy(), b.call("concat", parts, {{"axis", int64_t(0)}}));
    return {reshape_like(b, b.call("reduce_sum", {split}, {{"axes", repeat_axes}, {"keepdims", false}}), g.in[0]), {}};
  }
  static std::vector<Sample> samples() {
    return {sample(Tile{}, {in({2, 3}), given_ints({2, 1})}), sample(Tile{}, {in({2, 1, 3}), given_ints({1, 3, 2})}),
            sample(Tile{}, {in({3}), given_ints({0})}), sample(Tile{}, {in(DType::i64, {2}, 0, 9), given_ints({2})})};
  }
};

}  // namespace

OpList shape() {
  return {def<ShapeOf>(), def<Size>(),   def<Reshape>(), def<Squeeze>(), def<Unsqueeze>(),
          def<Flatten>(), def<Expand>(), def<SumTo>(),   def<Tile>()};
}

}  // namespace neve::ops
