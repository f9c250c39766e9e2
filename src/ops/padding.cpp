// More or less at the borders: pad, center_crop_pad.
#include <algorithm>
#include <cstring>

#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

/// The element of x that stands at position i, which may lie outside of [0, n).
int64_t source_index(std::string_view mode, int64_t i, int64_t n) {
  if (mode == "edge") return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == "wrap") return (i % n + n) % n;
  if (n == 1) return 0;  // reflect
  const int64_t period = 2 * (n - 1), p = (i % period + period) % period;
  return std::min(p, period - p);
}

/// Copies x into y so that x[i] comes to y[i + before[i]]; what has no place is cut off.
void place(const Tensor& x, const Tensor& y, const std::vector<int64_t>& before, int threads) {
  Sizes box;
  int64_t to = 0, from = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const int64_t begin = std::max<int64_t>(0, -before[i]), end = std::min(x.shape()[i], y.shape()[i] - before[i]);
    if (end <= begin) return;
    box.push_back(end - begin);
    from += begin * x.strides()[i];
    to += (begin + before[i]) * y.strides()[i];
  }
  const int64_t bytes = size_of(x.dtype());
  strided_copy(bytes, box, y.data() + to * bytes, y.strides(), x.data() + from * bytes, x.strides(), threads);
}

struct Pad {
  std::string mode = "constant";

  static constexpr OpInfo info{
      .name = "pad",
      .summary = "x with elements added before and after its axes, or cut off where a pad is negative.",
      .source = "ONNX Pad-25",
      .inputs = {{"data"},
                 {"pads", "i64 [2 n]: before each axis, then after each"},
                 {"constant_value", "one element, default 0", Arity::optional},
                 {"axes", "i64 [n], default all", Arity::optional}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr(
      "mode", &Pad::mode,
      "What is added: constant, reflect (mirrored, the border once), edge (the border), wrap (from the other side).")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require(mode == "constant" || mode == "reflect" || mode == "edge" || mode == "wrap", "mode is '", mode,
              "' (constant, reflect, edge or wrap)");
    require_index_vector(t, 1);
    if (t.has(2)) {
      t.require_same_dtype(0, 2);
      require_single(t, 2);
    }
    if (t.has(3)) require_index_vector(t, 3);
    const Dim n = t.has(3) ? t.in(3).shape[0] : Dim(x.rank());
    t.require_equal(t.in(1).shape[0], n * 2, "length of pads, which must be twice the number of axes,");
    const auto axes = t.has(3) ? t.ints(3) : std::optional(all_axes(x.rank()));
    const Shape* pads = t.content(1);
    Shape y = x.shape;
    if (!axes) {
      for (size_t i = 0; i < y.size(); ++i) y[i] = t.fresh(str("pad", i));
    } else {
      const std::vector<int64_t> at = t.axes(*axes, x.rank());
      for (size_t k = 0; k < at.size(); ++k) {
        const size_t a = size_t(at[k]);
        y[a] = pads ? x.shape[a] + (*pads)[k] + (*pads)[k + at.size()] : t.fresh(str("pad", a));
        if (pads) t.require_at_least(y[a], 0, str("size of axis ", a, " after padding"));
        if (pads && mode != "constant" && y[a] != x.shape[a] && lower_bound(x.shape[a]) < 1)
          t.require_at_least(x.shape[a], 1, str("size of axis ", a, ", from which mode ", mode, " takes,"));
      }
    }
    t.result(x.dtype, std::move(y));
  }
  static std::vector<int64_t> all_axes(int64_t rank) {
    std::vector<int64_t> a;
    for (int64_t i = 0; i < rank; ++i) a.push_back(i);
    return a;
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const std::vector<int64_t> pads = e.in[1].to_ints(), axes = e.has(3) ? e.in[3].to_ints() : all_axes(x.rank());
    Sizes y = x.shape();
    std::vector<int64_t> before(y.size());
    for (size_t k = 0; k < axes.size(); ++k) {
      const int64_t axis = axes[k] < 0 ? axes[k] + x.rank() : axes[k];
      if (axis < 0 || axis >= x.rank())
        fail(ErrorCode::invalid_argument, "pad: axis ", axes[k], " is out of range for data ", type_text(x));
      const size_t a = size_t(axis);
      before[a] = pads[k];
      y[a] += pads[k] + pads[k + axes.size()];
      if (y[a] < 0)
        fail(ErrorCode::shape_mismatch, "pad: pads ", pads, " leave less than nothing of axis ", a, " of data ",
             type_text(x));
    }
    const Tensor& out = output(e, 0, y);
    if (out.element_count() == 0) return;
    if (mode == "constant") {
      const Tensor value = e.has(2) ? e.in[2] : Tensor::zeros(x.dtype(), {});
      fill_elements(size_of(x.dtype()), out.data(), out.element_count(), value.data(), e.threads);
      return place(x, out, before, e.threads);
    }
    // Axis by axis, from the innermost on: each makes its lines from lines of the same tensor.
    Tensor now = x;
    for (size_t a = y.size(); a-- > 0;)
      if (before[a] || y[a] != now.shape()[a]) now = extend(now, a, before[a], y[a]);
    copy_flat(now, out, e.threads);
  }
  Tensor extend(const Tensor& x, size_t a, int64_t before, int64_t n) const {
    Sizes s = x.shape();
    const int64_t size = s[a], outer = product(s, 0, a), bytes = product(s, a + 1, s.size()) * size_of(x.dtype());
    if (size == 0)
      fail(ErrorCode::shape_mismatch, "pad: axis ", a, " of data ", type_text(x), " is empty, mode ", mode,
           " takes from it");
    s[a] = n;
    const Tensor y = Tensor::empty(x.dtype(), s);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < n; ++i)
        std::memcpy(y.data() + (o * n + i) * bytes,
                    x.data() + (o * size + source_index(mode, i - before, size)) * bytes, size_t(bytes));
    return y;
  }

  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value x = g.in[0], pads = g.in[1], none{};
    const Value axes = g.in.size() > 3 ? g.in[3] : Value{};
    Values out(g.in.size());
    if (mode == "constant") {
      const Value back = b.call("pad", {g.dy(), b.call("neg", {pads}), none, axes});
      out[0] = reshape_like(b, back, x);
      if (g.in.size() > 2 && g.in[2].valid() && g.needs[2]) {
        // All of dy that did not fall on x.
        const AttrList scalar = {{"keepdims", false}};
        out[2] = reshape_like(
            b, b.call("sub", {b.call("reduce_sum", {g.dy()}, scalar), b.call("reduce_sum", {back}, scalar)}), g.in[2]);
      }
      return out;
    }
    // Padding the indices of an axis in the same way tells where each element came from. The last axis padded is undone
    // first.
    const Facts known = axes.valid() ? b.facts(axes) : Facts{};
    if (axes.valid() && !(known.known && is_constant(known.content)))
      fail(ErrorCode::unsupported, "pad: its gradient needs axes that are known ahead");
    std::vector<int64_t> at = all_axes(b.rank(x));
    if (axes.valid()) {
      at.clear();
      for (Dim d : known.content) at.push_back(d.value() < 0 ? d.value() + b.rank(x) : d.value());
    }
    Value dy = g.dy();
    const Value zero = b.constant(Tensor::scalar_int(DType::i64, 0)),
                one = b.constant(Tensor::scalar_int(DType::i64, 1));
    for (int64_t k = 0; k < int64_t(at.size()); ++k) {
      const int64_t a = at[size_t(k)];
      const std::vector<int64_t> first = {0};
      const Value extent = b.call("shape", {x}, {{"start", a}, {"end", a + 1}});
      const Value from = b.call("range", {zero, b.call("squeeze", {extent}, {{"axes", first}}), one});
      const Value ends = b.call("gather", {pads, b.ints({k, k + int64_t(at.size())})});
      const Value index = b.call("pad", {from, ends}, {{"mode", mode}});
      // What dy will look like with this axis as it was: the size of x here, those of dy elsewhere.
      const Value sizes = b.call("slice_scatter", {b.shape_of(dy), extent, b.ints({a}), b.ints({a + 1})});
      const Value like = b.call("expand", {b.scalar(b.dtype(dy), 0), sizes});
      const Value lengths = b.call("shape", {dy}, {{"start", a}, {"end", a + 1}});
      dy = scatter_add_axis(b, dy, reshape_to(b, index, lengths), a, like);
    }
    out[0] = reshape_like(b, dy, x);
    return out;
  }
  static std::vector<Sample> samples() {
    return {sample(Pad{}, {in({2, 3}), given_ints({0, 2, 1, 0})}),
            sample(Pad{}, {in({2, 4}), given_ints({1, -1, 0, -2}), in({})}),
            sample(Pad{}, {in({2, 3, 4}), given_ints({2, 1}), absent(), given_ints({-1})}),
            sample(Pad{.mode = "reflect"}, {in({3, 4}), given_ints({2, 0, 1, 3})}),
            sample(Pad{.mode = "edge"}, {in({3, 2}), given_ints({1, 2, 0, 1})}),
            sample(Pad{.mode = "wrap"}, {in({3, 2}), given_ints({4, 0, 1, 1})}),
            sample(Pad{.mode = "edge"}, {in(DType::u8, {3}, 0, 9), given_ints({-1, 2})})};
  }
};

struct CenterCropPad {
  std::vector<int64_t> axes = {};

  static constexpr OpInfo info{
      .name = "center_crop_pad",
      .summary = "The middle of x in the given size: cut where x is larger, padded with zeros where it is smaller.",
      .source = "ONNX CenterCropPad-18",
      .inputs = {{"input_data"}, {"shape", "i64, one size for each axis"}},
      .outputs = {{"output_data"}}};
  static constexpr auto attrs = std::tuple{attr("axes", &CenterCropPad::axes, "Axes that get a size; empty: all.")};

  std::vector<int64_t> which(int64_t rank) const {
    if (axes.empty()) return Pad::all_axes(rank);
    std::vector<int64_t> a = axes;
    for (int64_t& i : a) i = i < 0 ? i + rank : i;
    return a;
  }
  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    require_index_vector(t, 1);
    t.axes(axes, x.rank());
    const std::vector<int64_t> at = which(x.rank());
    t.require_equal(t.in(1).shape[0], int64_t(at.size()), "length of shape, which must be the number of axes,");
    const Shape* c = t.content(1);
    Shape y = x.shape;
    for (size_t k = 0; k < at.size(); ++k) {
      y[size_t(at[k])] = c ? (*c)[k] : t.fresh(str("crop", at[k]));
      if (c) t.require_at_least((*c)[k], 0, str("size ", k, " of the shape"));
    }
    t.result(x.dtype, std::move(y));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const std::vector<int64_t> at = which(x.rank()), want = e.in[1].to_ints();
    Sizes y = x.shape();
    for (size_t k = 0; k < at.size(); ++k) {
      if (want[k] < 0)
        fail(ErrorCode::invalid_argument, "center_crop_pad: the shape is ", want, " (sizes are 0 or more)");
      y[size_t(at[k])] = want[k];
    }
    std::vector<int64_t> before(y.size());
    for (size_t i = 0; i < y.size(); ++i)
      before[i] = y[i] >= x.shape()[i] ? (y[i] - x.shape()[i]) / 2 : -((x.shape()[i] - y[i]) / 2);
    const Tensor& out = output(e, 0, y);
    std::memset(out.data(), 0, size_t(out.bytes()));
    place(x, out, before, e.threads);
  }
  /// Undone by cutting or padding back to the size of x: what was cut first is padded on the same side.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value two = b.ints({2}), zero = b.ints({0});
    const Value from = b.shape_of(g.dy()), to = b.shape_of(g.in[0]);
    const Value grown = b.call("sub", {from, to});  // by how much y is larger
    const Value front_cut = b.call("div", {b.call("max", {grown, zero}), two});
    const Value front_pad = b.call("div", {b.call("max", {b.call("neg", {grown}), zero}), two});
    const Value begin = b.call("sub", {front_pad, front_cut});
    const Value end = b.call("sub", {b.call("neg", {grown}), begin});
    const Value pads = b.call("concat", {begin, end}, {{"axis", int64_t(0)}});
    return {reshape_like(b, b.call("pad", {g.dy(), pads}), g.in[0]), {}};
  }
  static std::vector<Sample> samples() {
    return {sample(CenterCropPad{}, {in({5, 4}), given_ints({2, 7})}),
            sample(CenterCropPad{.axes = {-1}}, {in({2, 5}), given_ints({8})}),
            sample(CenterCropPad{.axes = {1, 0}}, {in(DType::i16, {6, 5, 2}, -9, 9), given_ints({2, 3})})};
  }
};

}  // namespace

OpList padding() { return {def<Pad>(), def<CenterCropPad>()}; }

}  // namespace neve::ops
