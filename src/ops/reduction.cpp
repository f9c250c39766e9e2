// Reductions over axes: sum, prod, max, min as primitives, and the ONNX family that is made of them.
#include <cmath>
#include <limits>

#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"

namespace neve::ops {
namespace {

constexpr std::string_view axes_doc = "Axes to reduce, in [-rank, rank); empty: all.";
constexpr std::string_view keepdims_doc = "Keep reduced axes with size 1.";

/// The axes of a reduction, ascending; an empty list stands for all.
std::vector<int64_t> reduced(std::span<const int64_t> axes, int64_t rank) {
  std::vector<bool> in(size_t(rank), axes.empty());
  for (int64_t a : axes) in[size_t(a < 0 ? a + rank : a)] = true;
  std::vector<int64_t> out;
  for (int64_t i = 0; i < rank; ++i)
    if (in[size_t(i)]) out.push_back(i);
  return out;
}

Shape reduced_shape(Inferring& t, std::span<const int64_t> axes, bool keepdims) {
  const Shape& x = t.in(0).shape;
  t.axes(axes, int64_t(x.size()));
  const std::vector<int64_t> gone = reduced(axes, int64_t(x.size()));
  Shape y;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool hit = std::find(gone.begin(), gone.end(), int64_t(i)) != gone.end();
    if (!hit)
      y.push_back(x[i]);
    else if (keepdims)
      y.push_back(1);
  }
  return y;
}

/// dy with the axes that were dropped put back as 1.
Value with_axes(Builder& b, Value v, Value x, std::span<const int64_t> axes, bool keepdims) {
  if (keepdims) return v;
  const std::vector<int64_t> gone = reduced(axes, b.rank(x));
  return gone.empty() ? v : b.call("unsqueeze", {v}, {{"axes", gone}});
}

/// Number of elements that one result is made of, rank 0, in dtype `t`.
Value reduced_count(Builder& b, Value x, std::span<const int64_t> axes, DType t) {
  const std::vector<int64_t> gone = reduced(axes, b.rank(x));
  Dim n = 1;
  for (int64_t a : gone) n *= b.type(x).shape[size_t(a)];
  if (n.is_constant()) return b.scalar(t, double(n.value()));
  const Value sizes = b.call("gather", {b.shape_of(x), b.ints(gone)});
  return b.cast(b.call("reduce_prod", {sizes}, {{"keepdims", false}}), t);
}

/// Product of all other elements of each reduced group: exclusive running products from both sides, so zeros are no
/// problem.
Value product_of_others(Builder& b, Value x, std::span<const int64_t> axes) {
  const Shape shape = b.type(x).shape;
  const std::vector<int64_t> gone = reduced(axes, int64_t(shape.size()));
  std::vector<int64_t> perm, back(shape.size());
  Shape moved, flat;
  Dim n = 1;
  for (int64_t i = 0; i < int64_t(shape.size()); ++i)
    if (std::find(gone.begin(), gone.end(), i) == gone.end()) perm.push_back(i), flat.push_back(shape[size_t(i)]);
  for (int64_t i : gone) perm.push_back(i), n *= shape[size_t(i)];
  flat.push_back(n);
  for (size_t i = 0; i < perm.size(); ++i) back[size_t(perm[i])] = int64_t(i), moved.push_back(shape[size_t(perm[i])]);
  const Value source[] = {x};
  Value v = perm.empty() ? x : b.call("transpose", {x}, {{"perm", perm}});
  v = reshape_to(b, v, b.dims(std::span(flat.data(), flat.size()), source));
  const int64_t last = int64_t(flat.size()) - 1;
  const Value before = b.call("cum_prod", {v}, {{"axis", last}, {"exclusive", true}});
  const Value after = b.call("cum_prod", {v}, {{"axis", last}, {"exclusive", true}, {"reverse", true}});
  v = reshape_to(b, b.call("mul", {before, after}), b.dims(std::span(moved.data(), moved.size()), source));
  return perm.empty() ? v : b.call("transpose", {v}, {{"perm", back}});
}

constexpr OpInfo primitive_info(ReduceKind k) {
  OpInfo i;
  i.inputs = {{"data"}};
  i.outputs = {{"reduced"}};
  switch (k) {
    case ReduceKind::sum:
      i.name = "reduce_sum", i.summary = "Sum over axes; of nothing: 0.", i.source = "ONNX ReduceSum-13",
      i.public_name = "sum";
      break;
    case ReduceKind::prod:
      i.name = "reduce_prod", i.summary = "Product over axes; of nothing: 1.", i.source = "ONNX ReduceProd-18",
      i.public_name = "prod";
      break;
    case ReduceKind::max:
      i.name = "reduce_max", i.source = "ONNX ReduceMax-20", i.public_name = "max";
      i.summary =
          "Largest value over axes (of bools: any); NaN if one is NaN; of nothing: -inf, or the smallest integer.";
      break;
    case ReduceKind::min:
      i.name = "reduce_min", i.source = "ONNX ReduceMin-20", i.public_name = "min";
      i.summary =
          "Smallest value over axes (of bools: all); NaN if one is NaN; of nothing: inf, or the largest integer.";
      break;
  }
  return i;
}

template <ReduceKind K>
struct Reduce {
  std::vector<int64_t> axes = {};
  bool keepdims = true;

  static constexpr OpInfo info = primitive_info(K);
  static constexpr auto attrs =
      std::tuple{attr("axes", &Reduce::axes, axes_doc), attr("keepdims", &Reduce::keepdims, keepdims_doc)};
  static constexpr bool ordered = K == ReduceKind::max || K == ReduceKind::min;

  void infer(Inferring& t) const {
    const DType d = t.in(0).dtype;
    if (ordered)
      t.require_type(!is_complex(d), "data must have an order, got ", t.in(0), " (use a real dtype)");
    else
      t.require_type(d != DType::boolean, "data must be numbers, got ", t.in(0), " (cast to i64, or use reduce_max)");
    t.result(d, reduced_shape(t, axes, keepdims));
    const Shape* c = t.content(0);
    if (!c || t.in(0).rank() > 1) return;
    if (t.in(0).rank() == 0) return t.result_content(0, *c);
    if (ordered && c->empty()) return;
    computed_content(t, 0, [&]() -> Shape {
      Dim v = ordered ? c->front() : Dim(K == ReduceKind::sum ? 0 : 1);
      for (size_t i = ordered; i < c->size(); ++i) {
        const Dim x = (*c)[i];
        v = K == ReduceKind::sum ? v + x : K == ReduceKind::prod ? v * x : K == ReduceKind::max ? max(v, x) : min(v, x);
      }
      return {v};
    });
  }
  ReduceKind reduce() const { return K; }

  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value x = g.in[0], dy = expand_like(b, with_axes(b, g.dy(), x, axes, keepdims), x);
    if (K == ReduceKind::sum) return {dy};
    if (K == ReduceKind::prod) return {b.call("mul", {dy, product_of_others(b, x, axes)})};
    // Equal extremes share the gradient.
    const Value y = with_axes(b, g.out[0], x, axes, keepdims);
    const Value hit = b.cast(b.call("equal", {x, expand_like(b, y, x)}), b.dtype(x));
    const Value n = b.call("reduce_sum", {hit}, {{"axes", axes}, {"keepdims", true}});
    return {b.call("div", {b.call("mul", {dy, hit}), n})};
  }
  static std::vector<Sample> samples() {
    std::vector<Sample> s = {sample(Reduce{.axes = {1}}, {in({3, 4, 2})}),
                             sample(Reduce{.axes = {-1, 0}, .keepdims = false}, {in({3, 2, 4})}),
                             sample(Reduce{}, {in({2, 3})}),
                             sample(Reduce{.keepdims = false}, {in({})}),
                             sample(Reduce{.axes = {0}}, {in({0, 3})}),
                             sample(Reduce{.axes = {1}}, {in(DType::i32, {2, 3}, -5, 5)})};
    if (ordered) s.push_back(sample(Reduce{.axes = {1}}, {in(DType::boolean, {2, 3}, 0, 1)}));
    return s;
  }
};

// ---- composites -----------------------------------------------------------------------------------------------
enum class Kind { mean, l1, l2, log_sum, log_sum_exp, sum_square };

constexpr OpInfo composite_info(Kind k) {
  OpInfo i;
  i.inputs = {{"data"}};
  i.outputs = {{"reduced"}};
  switch (k) {
    case Kind::mean:
      i.name = "reduce_mean", i.summary = "Mean over axes: sum(x) / n; small floats are summed in f32.",
      i.source = "ONNX ReduceMean-18", i.public_name = "mean";
      break;
    case Kind::l1:
      i.name = "reduce_l1", i.summary = "L1 norm over axes: sum(|x|).", i.source = "ONNX ReduceL1-18";
      break;
    case Kind::l2:
      i.name = "reduce_l2", i.summary = "L2 norm over axes: sqrt(sum(x^2)).", i.source = "ONNX ReduceL2-18";
      break;
    case Kind::log_sum:
      i.name = "reduce_log_sum", i.summary = "log(sum(x)) over axes.", i.source = "ONNX ReduceLogSum-18";
      break;
    case Kind::log_sum_exp:
      i.name = "reduce_log_sum_exp", i.summary = "log(sum(exp(x))) over axes, without overflow.",
      i.source = "ONNX ReduceLogSumExp-18";
      break;
    case Kind::sum_square:
      i.name = "reduce_sum_square", i.summary = "sum(x^2) over axes.", i.source = "ONNX ReduceSumSquare-18";
      break;
  }
  return i;
}

template <Kind K>
struct Norm {
  std::vector<int64_t> axes = {};
  bool keepdims = true, noop_with_empty_axes = false;

  static constexpr OpInfo info = composite_info(K);
  static constexpr auto attrs = std::tuple{
      attr("axes", &Norm::axes, axes_doc), attr("keepdims", &Norm::keepdims, keepdims_doc),
      attr("noop_with_empty_axes", &Norm::noop_with_empty_axes, "No axes means none: every element is its own group.")};
  static constexpr bool needs_float = K == Kind::l2 || K == Kind::log_sum || K == Kind::log_sum_exp;

  bool noop() const { return noop_with_empty_axes && axes.empty(); }

  void infer(Inferring& t) const {
    if (needs_float)
      t.require_float(0);
    else
      t.require_type(t.in(0).dtype != DType::boolean, "data must be numbers, got ", t.in(0), " (cast it)");
    if (K == Kind::mean && !is_float(t.in(0).dtype) && !is_int(t.in(0).dtype)) t.require_float(0);
    t.result(t.in(0).dtype, noop() ? t.in(0).shape : reduced_shape(t, axes, keepdims));
  }

  Value sum(Builder& b, Value x) const {
    return noop() ? x : b.call("reduce_sum", {x}, {{"axes", axes}, {"keepdims", keepdims}});
  }

  Value lower(Builder& b, std::span<const Value> in) const {
    const Value x = in[0];
    switch (K) {
      case Kind::mean: {
        if (noop()) return b.call("identity", {x});
        const DType t = b.dtype(x), w = t == DType::f16 || t == DType::bf16 ? DType::f32 : t;
        const Value s = sum(b, b.cast(x, w));
        return b.cast(b.call("div", {s, reduced_count(b, x, axes, w)}), t);
      }
      case Kind::l1:
        return sum(b, b.call("abs", {x}));
      case Kind::l2:
        return b.call("sqrt", {sum(b, b.call("mul", {x, x}))});
      case Kind::log_sum:
        return b.call("log", {sum(b, x)});
      case Kind::sum_square:
        return sum(b, b.call("mul", {x, x}));
      case Kind::log_sum_exp:
        break;
    }
    if (noop()) return b.call("identity", {x});
    // An infinite maximum is not subtracted: inf - inf is NaN.
    const Value m = b.call("reduce_max", {x}, {{"axes", axes}, {"keepdims", true}});
    const DType t = b.dtype(x);
    const Value infinite = b.call("equal", {b.call("abs", {m}), b.scalar(t, std::numeric_limits<double>::infinity())});
    const Value shift = b.call("where", {infinite, b.scalar(t, 0), m});
    const Value e = b.call("exp", {b.call("sub", {x, shift})});
    const Value s = b.call("log", {b.call("reduce_sum", {e}, {{"axes", axes}, {"keepdims", true}})});
    const Value y = b.call("add", {s, shift});
    const std::vector<int64_t> gone = reduced(axes, b.rank(x));
    return keepdims || gone.empty() ? y : b.call("squeeze", {y}, {{"axes", gone}});
  }

  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value x = g.in[0];
    auto spread = [&](Value v) { return noop() ? v : expand_like(b, with_axes(b, v, x, axes, keepdims), x); };
    const Value dy = spread(g.dy());
    switch (K) {
      case Kind::mean:
        return {noop() ? dy : b.call("div", {dy, reduced_count(b, x, axes, b.dtype(x))})};
      case Kind::l1:
        return {b.call("mul", {dy, b.call("sign", {x})})};
      case Kind::l2:
        return {b.call("div", {b.call("mul", {dy, x}), spread(g.out[0])})};
      case Kind::log_sum:
        return {b.call("div", {dy, spread(sum(b, x))})};
      case Kind::log_sum_exp:
        return {b.call("mul", {dy, b.call("exp", {b.call("sub", {x, spread(g.out[0])})})})};
      case Kind::sum_square:
        return {b.call("mul", {dy, b.call("mul", {x, b.scalar(b.dtype(x), 2)})})};
    }
    return {};
  }

  static std::vector<Sample> samples() {
    const double lo = K == Kind::log_sum ? 0.5 : -1.5;
    return {sample(Norm{.axes = {1}}, {in({3, 4, 2}, lo, 2)}),
            sample(Norm{.axes = {-1, 0}, .keepdims = false}, {in({3, 2, 4}, lo, 2)}),
            sample(Norm{}, {in({2, 3}, lo, 2)}), sample(Norm{.noop_with_empty_axes = true}, {in({2, 3}, 0.5, 2)}),
            sample(Norm{.keepdims = false}, {in({4}, lo, 2)})};
  }
};

}  // namespace

OpList reduction() {
  return {def<Reduce<ReduceKind::sum>>(), def<Reduce<ReduceKind::prod>>(), def<Reduce<ReduceKind::max>>(),
          def<Reduce<ReduceKind::min>>(), def<Norm<Kind::mean>>(),         def<Norm<Kind::l1>>(),
          def<Norm<Kind::l2>>(),          def<Norm<Kind::log_sum>>(),      def<Norm<Kind::log_sum_exp>>(),
          def<Norm<Kind::sum_square>>()};
}

}  // namespace neve::ops
