// Sampling at given places: grid_sample, its gradients, and affine_grid.
#include <algorithm>
#include <cmath>

#include "base/threads.h"
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"

namespace neve::ops {
namespace {

struct GridAttrs {
  std::string mode = "linear", padding_mode = "zeros";
  bool align_corners = false;
  AttrList list() const { return {{"mode", mode}, {"padding_mode", padding_mode}, {"align_corners", align_corners}}; }
};

constexpr auto grid_fields = std::tuple{
    attr("mode", &GridAttrs::mode, "linear, nearest or cubic."),
    attr("padding_mode", &GridAttrs::padding_mode, "Outside of x: zeros, border (repeat) or reflection."),
    attr("align_corners", &GridAttrs::align_corners, "-1 and 1 are the centres of the outer pixels, not their edges.")};

/// The elements of one axis that make a sample: index -1 stands for a zero outside. slope is the derivative of weight
/// by the normalised coordinate.
template <class T>
struct Taps {
  int count = 0;
  int64_t index[4];
  T weight[4], slope[4];
};

/// Reflects x at the borders until it lies within them; `sign` becomes the derivative.
template <class T>
T reflect(T x, T low, T high, T& sign) {
  const T range = high - low;
  sign = 1;
  if (range <= 0) {
    sign = 0;
    return low;
  }
  if (x >= low && x <= high) return x;
  const bool below = x < low;
  const T distance = below ? low - x : x - high;
  const T turns = std::floor(distance / range), rest = distance - turns * range;
  const bool even = std::fmod(turns, T(2)) == 0;
  // Below: even turns land above `low`, moving against x.
  if (below == even) {
    sign = below ? T(-1) : T(1);
    return low + rest;
  }
  sign = below ? T(1) : T(-1);
  return high - rest;
}

template <class T>
class Axis {
 public:
  Axis(const GridAttrs& a, int64_t size)
      : size_(size),
        nearest_(a.mode == "nearest"),
        cubic_(a.mode == "cubic"),
        border_(a.padding_mode == "border"),
        reflection_(a.padding_mode == "reflection"),
        low_(a.align_corners ? T(0) : T(-0.5)),
        high_(a.align_corners ? T(size - 1) : T(size) - T(0.5)) {}

  Taps<T> taps(T normalised) const {
    // -1 is `low`, 1 is `high`.
    T x = (normalised + 1) / 2 * (high_ - low_) + low_, dx = (high_ - low_) / 2;
    if (x != x) x = low_;  // not-a-number samples the first element
    if (reflection_) {
      T sign;
      x = reflect(x, low_, high_, sign);
      dx *= sign;
    }
    x = std::clamp(x, T(-1e9), T(1e9));  // so that it fits an integer; as far outside as can be
    Taps<T> t;
    if (nearest_) {
      t.count = 1;
      t.index[0] = place(int64_t(std::nearbyint(x)));
      t.weight[0] = 1, t.slope[0] = 0;
      return t;
    }
    const T base = std::floor(x), f = x - base;
    t.count = cubic_ ? 4 : 2;
    for (int k = 0; k < t.count; ++k) {
      const int offset = cubic_ ? k - 1 : k;
      t.index[k] = place(int64_t(base) + offset);
      weigh(f - T(offset), t.weight[k], t.slope[k]);
      t.slope[k] *= dx;
    }
    return t;
  }

 private:
  void weigh(T d, T& w, T& slope) const {
    const T a = T(-0.75), s = d < 0 ? T(-1) : T(1), x = std::abs(d);
    if (!cubic_) {
      w = 1 - x, slope = -s;
    } else if (x <= 1) {
      w = ((a + 2) * x - (a + 3)) * x * x + 1, slope = s * (3 * (a + 2) * x - 2 * (a + 3)) * x;
    } else {
      w = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a, slope = s * ((3 * a * x - 10 * a) * x + 8 * a);
    }
  }
  int64_t place(int64_t i) const {
    if (i >= 0 && i < size_) return i;
    if (border_) return std::clamp<int64_t>(i, 0, size_ - 1);
    if (!reflection_) return -1;
    T sign;
    return std::clamp<int64_t>(int64_t(reflect(T(i), low_, high_, sign)), 0, size_ - 1);
  }

  int64_t size_;
  bool nearest_, cubic_, border_, reflection_;
  T low_, high_;
};

/// Sizes of a sampling; spatial axes padded in front to 3, grid coordinates come innermost first.
template <class T>
struct Sampling {
  int64_t n, channels, points, dims, area = 1;
  int64_t size[3] = {1, 1, 1};
  std::vector<Axis<T>> axes;

  Sampling(const GridAttrs& a, const Sizes& x, const Sizes& grid)
      : n(x[0]), channels(x[1]), points(product(grid, 1, grid.size() - 1)), dims(int64_t(x.size()) - 2) {
    for (int64_t i = 0; i < dims; ++i) {
      size[3 - dims + i] = x[size_t(2 + i)];
      area *= x[size_t(2 + i)];
      axes.emplace_back(a, x[size_t(2 + i)]);
    }
  }
  void taps(const T* grid, Taps<T> t[3]) const {
    for (int64_t i = 0; i < 3 - dims; ++i) t[i].count = 1, t[i].index[0] = 0, t[i].weight[0] = 1, t[i].slope[0] = 0;
    for (int64_t i = 0; i < dims; ++i) t[3 - dims + i] = axes[size_t(i)].taps(grid[dims - 1 - i]);
  }
  /// Calls f(offset in the plane, i, j, k) for each combination of taps inside.
  template <class F>
  void combine(const Taps<T> t[3], F&& f) const {
    for (int i = 0; i < t[0].count; ++i)
      for (int j = 0; j < t[1].count; ++j)
        for (int k = 0; k < t[2].count; ++k) {
          if (t[0].index[i] < 0 || t[1].index[j] < 0 || t[2].index[k] < 0) continue;
          f((t[0].index[i] * size[1] + t[1].index[j]) * size[2] + t[2].index[k], i, j, k);
        }
  }
};

/// Checks x and grid; gives [n, c, grid...].
Shape infer_sampling(Inferring& t, const GridAttrs& a) {
  t.require_float(0);
  t.require_same_dtype(0, 1);
  const TensorType &x = t.in(0), &grid = t.in(1);
  t.require_shape(x.rank() >= 3 && x.rank() <= 5, "x is ", x, " (expected [n, c, ...] with 1 to 3 spatial axes)");
  require_rank(t, 1, x.rank());
  t.require(a.mode == "linear" || a.mode == "nearest" || a.mode == "cubic", "mode is '", a.mode,
            "' (expected linear, nearest or cubic)");
  t.require(a.padding_mode == "zeros" || a.padding_mode == "border" || a.padding_mode == "reflection",
            "padding_mode is '", a.padding_mode, "' (expected zeros, border or reflection)");
  t.require_equal(x.shape[0], grid.shape[0], "batches of x and grid must agree");
  t.require_equal(grid.shape.back(), x.rank() - 2,
                  "the last axis of grid must have one coordinate for each spatial axis");
  for (size_t i = 2; i < x.shape.size(); ++i) t.require_at_least(x.shape[i], 1, "x must not be empty");
  Shape y{x.shape[0], x.shape[1]};
  y.append(grid.shape.begin() + 1, grid.shape.end() - 1);
  return y;
}

struct GridSample : GridAttrs {
  static constexpr OpInfo info{
      .name = "grid_sample",
      .summary = "Samples x at the places that grid names, in coordinates from -1 to 1.",
      .source = "ONNX GridSample-22; torch.nn.functional.grid_sample",
      .inputs = {{"x", "[n, c, ...]"}, {"grid", "[n, ..., coordinates, innermost axis first]"}},
      .outputs = {{"y", "[n, c, ...]"}}};
  static constexpr auto attrs = grid_fields;

  void infer(Inferring& t) const { t.result(t.in(0).dtype, infer_sampling(t, *this)); }

  void eval(Evaluating& e) const {
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const Sampling<T> s(*this, in[0].shape(), in[1].shape());
      const T *x = in[0].data_as<T>(), *grid = in[1].data_as<T>();
      T* y = out[0].data_as<T>();
      parallel_for(s.n * s.points, std::max<int64_t>(1, 512 / (s.channels + 1)), e.threads,
                   [&](int64_t begin, int64_t end, int) {
                     for (int64_t p = begin; p < end; ++p) {
                       const int64_t n = p / s.points;
                       Taps<T> t[3];
                       s.taps(grid + p * s.dims, t);
                       T* to = y + n * s.channels * s.points + p % s.points;
                       for (int64_t c = 0; c < s.channels; ++c) to[c * s.points] = 0;
                       s.combine(t, [&](int64_t at, int i, int j, int k) {
                         const T w = t[0].weight[i] * t[1].weight[j] * t[2].weight[k];
                         for (int64_t c = 0; c < s.channels; ++c)
                           to[c * s.points] += w * x[(n * s.channels + c) * s.area + at];
                       });
                     }
                   });
    });
  }

  Values grad(const Gradient& g) const { return g.b.call_many("grid_sample_grad", {g.in[0], g.in[1], g.dy()}, list()); }

  static std::vector<Sample> samples() {
    return {
        sample(GridSample{}, {in({1, 2, 4, 5}), in({1, 3, 2, 2}, -1.3, 1.3)}),
        sample(GridSample{{.mode = "cubic", .align_corners = true}}, {in({2, 1, 4, 5}), in({2, 2, 3, 2}, -1.3, 1.3)}),
        sample(GridSample{{.mode = "cubic", .padding_mode = "reflection"}},
               {in({1, 2, 3, 4}), in({1, 2, 3, 2}, -1.8, 1.8)}),
        sample(GridSample{{.padding_mode = "border"}}, {in({1, 2, 3, 4, 2}), in({1, 2, 3, 2, 3}, -1.3, 1.3)}),
        sample(GridSample{{.padding_mode = "reflection", .align_corners = true}},
               {in({1, 2, 5}), in({1, 4, 1}, -2.5, 2.5)}),
        sample(GridSample{{.mode = "nearest"}}, {in({1, 2, 4, 5}), in({1, 3, 2, 2}, -1.3, 1.3)})};
  }
};

struct GridSampleGrad : GridAttrs {
  static constexpr OpInfo info{.name = "grid_sample_grad",
                               .summary = "The gradients of grid_sample by x and by grid.",
                               .source = "derivative of ONNX GridSample-22",
                               .inputs = {{"x"}, {"grid"}, {"dy", "of the shape of grid_sample(x, grid)"}},
                               .outputs = {{"dx"}, {"dgrid"}}};
  static constexpr auto attrs = grid_fields;

  void infer(Inferring& t) const {
    const Shape y = infer_sampling(t, *this);
    t.require_same_dtype(0, 2);
    require_rank(t, 2, int64_t(y.size()));
    for (size_t i = 0; i < y.size(); ++i)
      t.require_equal(t.in(2).shape[i], y[i], "dy must have the shape of grid_sample(x, grid)");
    t.result(t.in(0));
    t.result(t.in(1));
  }

  void eval(Evaluating& e) const {
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const Sampling<T> s(*this, in[0].shape(), in[1].shape());
      const T *x = in[0].data_as<T>(), *grid = in[1].data_as<T>(), *dy = in[2].data_as<T>();
      T *dx = out[0].data_as<T>(), *dgrid = out[1].data_as<T>();
      std::fill_n(dx, out[0].element_count(), T(0));
      std::fill_n(dgrid, out[1].element_count(), T(0));
      parallel_for(s.n, 1, e.threads, [&](int64_t begin, int64_t end, int) {
        for (int64_t p = begin * s.points; p < end * s.points; ++p) {
          const int64_t n = p / s.points;
          Taps<T> t[3];
          s.taps(grid + p * s.dims, t);
          T slope[3] = {0, 0, 0};
          s.combine(t, [&](int64_t at, int i, int j, int k) {
            const T w = t[0].weight[i] * t[1].weight[j] * t[2].weight[k];
            T along = 0;  // the change of the result with the weight of this element
            for (int64_t c = 0; c < s.channels; ++c) {
              const T d = dy[(n * s.channels + c) * s.points + p % s.points];
              dx[(n * s.channels + c) * s.area + at] += w * d;
              along += d * x[(n * s.channels + c) * s.area + at];
            }
            slope[0] += along * t[0].slope[i] * t[1].weight[j] * t[2].weight[k];
            slope[1] += along * t[0].weight[i] * t[1].slope[j] * t[2].weight[k];
            slope[2] += along * t[0].weight[i] * t[1].weight[j] * t[2].slope[k];
          });
          for (int64_t i = 0; i < s.dims; ++i) dgrid[p * s.dims + s.dims - 1 - i] = slope[3 - s.dims + i];
        }
      });
    });
  }

  static std::vector<Sample> samples() {
    return {sample(GridSampleGrad{}, {in({1, 2, 4, 5}), in({1, 3, 2, 2}, -1.3, 1.3), in({1, 2, 3, 2})})};
  }
};

struct AffineGrid {
  bool align_corners = false;

  static constexpr OpInfo info{
      .name = "affine_grid",
      .summary = "The grid of places that an affine map takes the points of an image to.",
      .source = "ONNX AffineGrid-20; torch.nn.functional.affine_grid",
      .inputs = {{"theta", "[n, 2, 3] or [n, 3, 4]"}, {"size", "i64, [n, c, h, w] or [n, c, d, h, w]"}},
      .outputs = {{"grid", "[n, h, w, 2] or [n, d, h, w, 3]"}}};
  static constexpr auto attrs = std::tuple{attr("align_corners", &AffineGrid::align_corners,
                                                "-1 and 1 are the centres of the outer pixels, not their edges.")};

  /// 2 or 3; from theta or, where that does not tell, from size.
  static int64_t dims(const TensorType& theta, const TensorType& size) {
    if (theta.shape[1].is_constant()) return theta.shape[1].value();
    return size.shape[0].is_constant() ? size.shape[0].value() - 2 : 0;
  }

  void infer(Inferring& t) const {
    t.require_float(0);
    require_rank(t, 0, 3);
    require_dtype(t, 1, DType::i64);
    require_rank(t, 1, 1);
    const TensorType& theta = t.in(0);
    const int64_t d = dims(theta, t.in(1));
    t.require_shape(d == 2 || d == 3, "theta is ", theta, " (expected [n, 2, 3] or [n, 3, 4])");
    t.require_equal(theta.shape[2], d + 1, "theta must be [n, 2, 3] or [n, 3, 4]");
    t.require_equal(t.in(1).shape[0], d + 2, "size must be [n, c, ...] with one size for each spatial axis");
    Shape y{theta.shape[0]};
    const Shape* size = t.content(1);
    if (size) t.require_equal((*size)[0], theta.shape[0], "size must have the batch of theta");
    for (int64_t i = 0; i < d; ++i) y.push_back(size ? (*size)[size_t(i + 2)] : t.fresh(str("affine_grid_", i)));
    y.push_back(d);
    t.result(theta.dtype, y);
  }

  /// Homogeneous points [1, product, d + 1] times theta transposed.
  Value lower(Builder& b, std::span<const Value> v) const {
    const TensorType theta = b.type(v[0]);
    const int64_t d = dims(theta, b.type(v[1]));
    const DType t = theta.dtype;
    auto size_at = [&](int64_t i) { return b.call("gather", {v[1], b.ints({i})}, {{"axis", int64_t(0)}}); };
    Values spatial;
    for (int64_t i = 0; i < d; ++i) spatial.push_back(size_at(i + 2));
    const Value grid_shape = b.call("concat", spatial, {{"axis", int64_t(0)}});
    Values coordinates;  // innermost first
    for (int64_t i = d - 1; i >= 0; --i) {
      const Value n = squeeze(b, spatial[size_t(i)], {0});
      const Value steps = b.cast(b.call("range", {b.scalar(DType::i64, 0), n, b.scalar(DType::i64, 1)}), t);
      const Value count = b.cast(n, t);
      Value x;
      if (align_corners) {
        const Value gaps = b.call("max", {add(b, count, -1), b.scalar(t, 1)});
        x = add(b, div(b, mul(b, steps, 2), gaps), -1);
      } else {
        x = add(b, div(b, add(b, mul(b, steps, 2), 1), count), -1);
      }
      x = unsqueeze(b, x, axes_from(1, d - i));
      coordinates.push_back(unsqueeze(b, b.call("expand", {x, grid_shape}), {d}));
    }
    coordinates.push_back(unsqueeze(b, b.call("expand", {b.scalar(t, 1), grid_shape}), {d}));
    const Value points = b.call("reshape", {b.call("concat", coordinates, {{"axis", d}}), b.ints({1, -1, d + 1})});
    const Value moved = b.call("matmul", {points, swap_last(b, v[0])});
    const Value n = b.dims(std::span(&theta.shape[0], 1), v.subspan(0, 1));
    const Value shape = b.call("concat", {n, grid_shape, b.ints({d})}, {{"axis", int64_t(0)}});
    return b.call("reshape", {moved, shape}, {{"allowzero", true}});
  }

  static std::vector<Sample> samples() {
    auto fixed = [](std::initializer_list<int64_t> s) {
      SampleInput x = in(s);
      x.symbolic = false;
      return x;
    };
    return {sample(AffineGrid{}, {fixed({2, 2, 3}), given_ints({2, 1, 3, 4})}),
            sample(AffineGrid{.align_corners = true}, {fixed({1, 3, 4}), given_ints({1, 1, 2, 3, 4})})};
  }
};

}  // namespace

OpList grid() { return {def<GridSample>(), def<GridSampleGrad>(), def<AffineGrid>()}; }

}  // namespace neve::ops
