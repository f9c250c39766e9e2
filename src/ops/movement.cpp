// Moving whole blocks: transpose, concat, split, slice and its reverse.
#include <algorithm>
#include <limits>

#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/slicing.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

struct Transpose {
  std::vector<int64_t> perm = {};

  static constexpr OpInfo info{.name = "transpose",
                               .summary = "Axis i of the result is axis perm[i] of x.",
                               .source = "ONNX Transpose-25",
                               .inputs = {{"data"}},
                               .outputs = {{"transposed"}},
                               .public_name = "permute_dims"};
  static constexpr auto attrs =
      std::tuple{attr("perm", &Transpose::perm, "A permutation of the axes; empty: reversed.")};

  std::vector<int64_t> order(int64_t rank) const {
    std::vector<int64_t> p = perm;
    if (p.empty())
      for (int64_t i = rank; i-- > 0;) p.push_back(i);
    for (int64_t& a : p) a = a < 0 ? a + rank : a;
    return p;
  }
  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    t.require(perm.empty() || perm.size() == x.size(), "perm ", perm, " has ", perm.size(), " axes, data ", t.in(0),
              " has ", x.size());
    t.axes(perm, int64_t(x.size()));
    Shape y;
    for (int64_t a : order(int64_t(x.size()))) y.push_back(x[size_t(a)]);
    t.result(t.in(0).dtype, std::move(y));
    if (const Shape* c = t.content(0)) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const Sizes own = contiguous_strides(x);
    Sizes y, from;
    for (int64_t a : order(int64_t(x.size()))) y.push_back(x[size_t(a)]), from.push_back(own[size_t(a)]);
    const Tensor& out = output(e, 0, y);
    strided_copy(size_of(out.dtype()), y, out.data(), contiguous_strides(y), e.in[0].data(), from, e.threads);
  }
  Values grad(const Gradient& g) const {
    const std::vector<int64_t> p = order(g.b.rank(g.in[0]));
    std::vector<int64_t> back(p.size());
    for (size_t i = 0; i < p.size(); ++i) back[size_t(p[i])] = int64_t(i);
    return {g.b.call("transpose", {g.dy()}, {{"perm", back}})};
  }
  static std::vector<Sample> samples() {
    return {sample(Transpose{}, {in({2, 3, 4})}),
            sample(Transpose{.perm = {0, 2, 1}}, {in({2, 3, 4})}),
            sample(Transpose{.perm = {2, 0, 3, 1}}, {in({2, 1, 3, 5})}),
            sample(Transpose{}, {in({})}),
            sample(Transpose{}, {in(DType::i8, {40, 36}, -9, 9)}),
            sample(Transpose{.perm = {1, 0}}, {in(DType::f64, {0, 3})})};
  }
};

struct Concat {
  int64_t axis = 0;

  static constexpr OpInfo info{
      .name = "concat",
      .summary = "Inputs one after another along an axis.",
      .source = "ONNX Concat-13",
      .inputs = {{"inputs", "one dtype, one rank; equal sizes but for the axis", Arity::variadic}},
      .outputs = {{"concat_result"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &Concat::axis, "Axis to join, in [-rank, rank).")};

  void infer(Inferring& t) const {
    t.require(t.inputs() > 0, "has no inputs (one or more)");
    const int64_t rank = t.in(0).rank(), a = t.axis(axis, rank);
    Shape y = t.in(0).shape, content;
    bool known = rank == 1;
    for (size_t i = 0; i < t.inputs(); ++i) {
      const Shape& x = t.in(i).shape;
      if (i) {
        t.require_same_dtype(0, i);
        t.require_type(t.in(i).rank() == rank, "input ", i, " is ", t.in(i), ", input 0 is ", t.in(0),
                       " (ranks must be equal)");
        for (int64_t d = 0; d < rank; ++d) {
          if (d == a)
            y[size_t(d)] += x[size_t(d)];
          else
            y[size_t(d)] = t.require_equal(y[size_t(d)], x[size_t(d)], str("size of axis ", d, " of inputs 0 and ", i));
        }
      }
      const Shape* c = known ? t.content(i) : nullptr;
      known = known && (c || x[0].is(0));
      if (c) content.append(c->begin(), c->end());
    }
    t.result(t.in(0).dtype, std::move(y));
    if (known) t.result_content(0, std::move(content));
  }
  void eval(Evaluating& e) const {
    Sizes y = e.in[0].shape();
    const size_t a = size_t(axis < 0 ? axis + int64_t(y.size()) : axis);
    y[a] = 0;
    for (const Tensor& x : e.in) {
      for (size_t d = 0; d < y.size(); ++d)
        if (d != a && x.shape()[d] != y[d])
          fail(ErrorCode::shape_mismatch, "concat: inputs ", type_text(e.in[0]), " and ", type_text(x),
               " differ at axis ", d, " (equal but for axis ", a, ")");
      y[a] += x.shape()[a];
    }
    const Tensor& out = output(e, 0, y);
    const Sizes strides = contiguous_strides(y);
    int64_t at = 0;
    for (const Tensor& x : e.in) {
      strided_copy(size_of(out.dtype()), x.shape(), out.data() + at * strides[a] * size_of(out.dtype()), strides,
                   x.data(), x.strides(), e.threads);
      at += x.shape()[a];
    }
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const int64_t rank = b.rank(g.in[0]), a = axis < 0 ? axis + rank : axis;
    Values out;
    Value at = b.ints({0});
    for (size_t i = 0; i < g.in.size(); ++i) {
      const Value end = b.call("add", {at, b.call("shape", {g.in[i]}, {{"start", a}, {"end", a + 1}})});
      out.push_back(g.needs[i] ? reshape_like(b, b.call("slice", {g.dy(), at, end, b.ints({a})}), g.in[i]) : Value{});
      at = end;
    }
    return out;
  }
  static std::vector<Sample> samples() {
    return {sample(Concat{}, {in({2, 3}), in({1, 3}), in({0, 3})}),
            sample(Concat{.axis = -1}, {in({2, 3}), in({2, 2})}), sample(Concat{}, {in({3})}),
            sample(Concat{.axis = 1}, {in(DType::u8, {2, 2, 2}, 0, 9), in(DType::u8, {2, 1, 2}, 0, 9)}),
            sample(Concat{}, {in(DType::i64, {1}, 0, 9), given_ints({-1})})};
  }
};

struct Split {
  int64_t axis = 0, num_outputs = 0;
  std::vector<int64_t> split = {};

  static constexpr OpInfo info{.name = "split",
                               .summary = "x cut along an axis, into the given sizes or into equal parts.",
                               .source = "ONNX Split-18",
                               .inputs = {{"input"}},
                               .outputs = {{"outputs", "", Arity::variadic}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &Split::axis, "Axis to cut, in [-rank, rank)."),
                 attr("split", &Split::split, "Sizes of the parts; empty: equal parts."),
                 attr("num_outputs", &Split::num_outputs, "Number of equal parts, of which the last may be smaller.")};

  template <class D>
  std::vector<D> sizes(D n) const {
    if (!split.empty()) return std::vector<D>(split.begin(), split.end());
    const D part = equal_part(n);
    std::vector<D> out(size_t(num_outputs), part);
    out.back() = n - part * (num_outputs - 1);
    return out;
  }
  int64_t equal_part(int64_t n) const { return (n + num_outputs - 1) / num_outputs; }
  Dim equal_part(Dim n) const { return ceildiv(n, num_outputs); }

  void infer(Inferring& t) const {
    const Shape& x = t.in(0).shape;
    const size_t a = size_t(t.axis(axis, int64_t(x.size())));
    t.require(split.empty() != (num_outputs < 1), "split is ", split, " and num_outputs ", num_outputs,
              " (exactly one of them must be given)");
    const std::vector<Dim> parts = sizes<Dim>(x[a]);
    Dim sum = 0;
    for (Dim p : parts) sum += p;
    for (int64_t p : split) t.require(p >= 0, "split is ", split, " (sizes are 0 or more)");
    if (split.empty())
      t.require_at_least(parts.back(), 0, str("what ", num_outputs, " parts leave of axis ", a));
    else
      t.require_equal(sum, x[a], str("sum of split ", split, " and size of axis ", a, " of input ", t.in(0)));
    const Shape* c = t.content(0);
    int64_t at = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      Shape y = x;
      y[a] = parts[i];
      t.result(t.in(0).dtype, std::move(y));
      if (!c || !parts[i].is_constant() || at + parts[i].value() > int64_t(c->size())) continue;
      t.result_content(i, Shape(c->begin() + at, c->begin() + at + parts[i].value()));
      at += parts[i].value();
    }
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const std::vector<int64_t> parts = sizes<int64_t>(x.shape()[a]);
    int64_t sum = 0;
    for (int64_t p : parts) sum += p;
    if (sum != x.shape()[a] || parts.back() < 0)
      fail(ErrorCode::shape_mismatch, "split: axis ", a, " of input ", type_text(x), " cannot be cut into ", parts);
    int64_t at = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      Sizes y = x.shape();
      y[a] = parts[i];
      const Tensor& out = output(e, i, y);
      strided_copy(size_of(x.dtype()), y, out.data(), contiguous_strides(y),
                   x.data() + at * x.strides()[a] * size_of(x.dtype()), x.strides(), e.threads);
      at += parts[i];
    }
  }
  Values grad(const Gradient& g) const {
    Values parts;
    for (size_t i = 0; i < g.out.size(); ++i)
      parts.push_back(g.dout[i].valid() ? g.dout[i] : zeros_like(g.b, g.out[i]));
    return {reshape_like(g.b, g.b.call("concat", parts, {{"axis", axis}}), g.in[0])};
  }
  static std::vector<Sample> samples() {
    return {sample(Split{.axis = 1, .split = {1, 0, 3}}, {in({2, 4})}), sample(Split{.num_outputs = 2}, {in({4, 3})}),
            sample(Split{.axis = -1, .num_outputs = 3}, {in({2, 7})}),
            sample(Split{.num_outputs = 1}, {in(DType::i16, {3}, -9, 9)})};
  }
};

struct Slice {
  static constexpr OpInfo info{.name = "slice",
                               .summary =
                                   "Every step-th position from start to end (exclusive) of each axis named; negative "
                                   "bounds count from the end, bounds are clamped.",
                               .source = "ONNX Slice-13",
                               .inputs = {{"data"},
                                          {"starts", "i64 or i32 [n]"},
                                          {"ends", "[n]"},
                                          {"axes", "[n], default 0..n-1", Arity::optional},
                                          {"steps", "[n], not 0, default 1", Arity::optional}},
                               .outputs = {{"output"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.result(t.in(0).dtype, sliced_shape(t, t.in(0).shape, 1));
    const Shape* c = t.content(0);
    const auto s = t.ints(1), e = t.ints(2), k = t.has(4) ? t.ints(4) : std::optional(std::vector<int64_t>(1, 1));
    if (!c || t.in(0).rank() != 1 || !s || !e || !k || s->size() != 1) return;
    const SliceRange r = slice_range(int64_t(c->size()), (*s)[0], (*e)[0], (*k)[0]);
    Shape content;
    for (int64_t i = 0; i < r.count; ++i) content.push_back((*c)[size_t(r.start + i * r.step)]);
    t.result_content(0, std::move(content));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const std::vector<SliceRange> r = slice_ranges("slice", x.shape(), e.in[1], e.in[2], e.has(3) ? e.in[3] : Tensor(),
                                                   e.has(4) ? e.in[4] : Tensor());
    Sizes y, from;
    int64_t offset = 0;
    for (size_t i = 0; i < r.size(); ++i) {
      y.push_back(r[i].count);
      from.push_back(x.strides()[i] * r[i].step);
      offset += r[i].start * x.strides()[i];
    }
    const Tensor& out = output(e, 0, y);
    if (out.element_count() == 0) return;
    strided_copy(size_of(x.dtype()), y, out.data(), contiguous_strides(y), x.data() + offset * size_of(x.dtype()), from,
                 e.threads);
  }
  Values grad(const Gradient& g) const {
    std::vector<Value> in = {zeros_like(g.b, g.in[0]), g.dy()};
    in.insert(in.end(), g.in.begin() + 1, g.in.end());
    Values out(g.in.size());
    out[0] = g.b.call("slice_scatter", in);
    return out;
  }
  double reads(size_t i, std::span<const TensorType> in, std::span<const TensorType> out) const {
    return elements(i == 0 ? out[0] : in[i]);
  }
  static std::vector<Sample> samples() {
    constexpr int64_t end = std::numeric_limits<int64_t>::max();
    return {sample(Slice{}, {in({4, 5}), given_ints({1, 0}), given_ints({3, -1})}),
            sample(Slice{}, {in({4, 5}), given_ints({-3}), given_ints({end}), given_ints({1}), given_ints({2})}),
            sample(Slice{},
                   {in({4, 5}), given_ints({-1, 3}), given_ints({-end, 0}), given_ints({0, 1}), given_ints({-1, -2})}),
            sample(Slice{}, {in({3}), given_ints({7}), given_ints({9})}),
            sample(Slice{}, {in(DType::i64, {4}, 0, 9), given_ints({1}), given_ints({3})}),
            sample(Slice{}, {in({2, 6}), given_ints({2}), given_ints({4}), given_ints({-1})})};
  }
};

struct SliceScatter {
  static constexpr OpInfo info{.name = "slice_scatter",
                               .summary = "x with the slice (as `slice` takes it) replaced by `update`.",
                               .source = "torch.slice_scatter, bounds as ONNX Slice-13",
                               .inputs = {{"x"},
                                          {"update", "shape of the slice"},
                                          {"starts"},
                                          {"ends"},
                                          {"axes", "", Arity::optional},
                                          {"steps", "", Arity::optional}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_same_dtype(0, 1);
    const TensorType &x = t.in(0), &u = t.in(1);
    t.require_type(u.rank() == x.rank(), "update is ", u, ", x is ", x, " (ranks must be equal)");
    const bool known = t.content(2) && t.content(3);
    const Shape s = sliced_shape(t, x.shape, 2);
    for (size_t i = 0; known && i < s.size(); ++i)
      t.require_equal(u.shape[i], s[i], str("size of axis ", i, " of update and of the slice"));
    t.result(x);
  }
  void eval(Evaluating& e) const {
    const Tensor &x = e.in[0], &u = e.in[1];
    const std::vector<SliceRange> r = slice_ranges("slice_scatter", x.shape(), e.in[2], e.in[3],
                                                   e.has(4) ? e.in[4] : Tensor(), e.has(5) ? e.in[5] : Tensor());
    const Tensor& out = output(e, 0, x.shape());
    copy_flat(x, out, e.threads);
    Sizes box, to;
    int64_t offset = 0;
    for (size_t i = 0; i < r.size(); ++i) {
      box.push_back(r[i].count);
      to.push_back(out.strides()[i] * r[i].step);
      offset += r[i].start * out.strides()[i];
    }
    if (box != u.shape())
      fail(ErrorCode::shape_mismatch, "slice_scatter: update is ", type_text(u), ", the slice has shape ", box);
    if (u.element_count() == 0) return;
    strided_copy(size_of(x.dtype()), box, out.data() + offset * size_of(x.dtype()), to, u.data(), u.strides(),
                 e.threads);
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    Values out(g.in.size());
    std::vector<Value> in = {g.dy(), zeros_like(b, g.in[1])};
    in.insert(in.end(), g.in.begin() + 2, g.in.end());
    if (g.needs[0]) out[0] = b.call("slice_scatter", in);
    in.erase(in.begin() + 1);
    if (g.needs[1]) out[1] = reshape_like(b, b.call("slice", in), g.in[1]);
    return out;
  }
  static std::vector<Sample> samples() {
    return {sample(SliceScatter{}, {in({4, 5}), in({2, 4}), given_ints({1, 0}), given_ints({3, -1})}),
            sample(SliceScatter{},
                   {in({5}), in({2}), given_ints({-1}), given_ints({0}), given_ints({0}), given_ints({-2})})};
  }
};

}  // namespace

OpList movement() { return {def<Transpose>(), def<Concat>(), def<Split>(), def<Slice>(), def<SliceScatter>()}; }

}  // namespace neve::ops
