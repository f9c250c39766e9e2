// Gradients of pools as ops of their own, max_unpool, and adaptive average pooling.
#include <cmath>

#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/pool.h"

namespace neve::ops {
namespace {

struct MaxPoolGrad : PoolAttrs {
  static constexpr OpInfo info{.name = "max_pool_grad",
                               .summary = "The gradient of max_pool by x: dy goes to the place of each maximum.",
                               .source = "adjoint of ONNX MaxPool-22",
                               .inputs = {{"x", "[n, c, ...]"}, {"dy", "of the shape of max_pool(x)"}},
                               .outputs = {{"dx", "[n, c, ...]"}}};
  static constexpr auto attrs = pool_attr_fields;

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    const Shape y = pool_shape(t, *this, 0);
    require_rank(t, 1, t.in(0).rank());
    for (size_t i = 0; i < y.size(); ++i)
      t.require_equal(t.in(1).shape[i], y[i], "dy must have the shape of max_pool(x)");
    t.result(t.in(0));
  }

  void eval(Evaluating& e) const {
    const PoolGeometry g = pool_geometry(*this, e.in[0].shape(), e.in[1].shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T *x = in[0].data_as<T>(), *dy = in[1].data_as<T>();
      T* dx = out[0].data_as<T>();
      std::fill_n(dx, out[0].element_count(), T(0));
      g.windows(e.threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
        const T* from = x + plane * g.in_size();
        int64_t at = -1;
        g.taps(o, [&](int64_t p) {
          if (at < 0 || from[p] > from[at] || (from[p] != from[p] && from[at] == from[at])) at = p;
        });
        if (at >= 0) dx[plane * g.in_size() + at] += dy[plane * g.out_size() + index];
      });
    });
  }

  /// By dy: what stands at the places of the maxima.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    AttrList a = list();
    a.emplace_back("outputs", int64_t(2));
    const Value places = b.call_many("max_pool", {g.in[0]}, a)[1];
    const Value flat = b.call("reshape", {g.dy(), b.ints({-1})});
    return {Value{}, b.call("gather", {flat, places}, {{"axis", int64_t(0)}})};
  }

  static std::vector<Sample> samples() {
    return {sample(MaxPoolGrad{{.kernel_shape = {2, 3}, .strides = {2, 1}, .pads = {0, 1, 1, 0}}},
                   {in({1, 2, 4, 4}), in({1, 2, 2, 3})})};
  }
};

struct AveragePoolGrad : PoolAttrs {
  bool count_include_pad = false;

  static constexpr OpInfo info{.name = "average_pool_grad",
                               .summary = "The gradient of average_pool by x: dy / count, spread over each window.",
                               .source = "adjoint of ONNX AveragePool-22",
                               .inputs = {{"dy", "of the shape of average_pool(x)"}, {"shape", "of x, i64"}},
                               .outputs = {{"dx", "[n, c, ...]"}}};
  static constexpr auto attrs =
      std::tuple_cat(pool_attr_fields,
                     std::tuple{attr("count_include_pad", &AveragePoolGrad::count_include_pad, "As in average_pool.")});

  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(t.in(0).dtype, grad_shape(t));
  }

  /// Batch and channels of dy, spatial sizes from the content of `shape`.
  static Shape grad_shape(Inferring& t) {
    const TensorType &dy = t.in(0), &s = t.in(1);
    t.require_shape(dy.rank() >= 3, "dy is ", dy, " (expected rank 3 or more)");
    t.require_type(s.dtype == DType::i64 && s.rank() == 1, "shape is ", s, " (expected i64[", dy.rank(), "])");
    t.require_equal(s.shape[0], dy.rank(), "shape must have one value for each axis of dy");
    Shape x{dy.shape[0], dy.shape[1]};
    const Shape* content = t.content(1);
    for (size_t i = 2; i < size_t(dy.rank()); ++i)
      x.push_back(content ? (*content)[i] : t.fresh(str(t.op.name, "_", i)));
    return x;
  }

  void eval(Evaluating& e) const {
    const Sizes x = e.in[1].to_ints();
    e.allocate(0, x);
    const PoolGeometry g = pool_geometry(*this, x, e.in[0].shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* dy = in[0].data_as<T>();
      T* dx = out[0].data_as<T>();
      std::fill_n(dx, out[0].element_count(), T(0));
      g.windows(e.threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
        int64_t n = 0;
        if (count_include_pad)
          n = g.padded_taps(o);
        else
          g.taps(o, [&](int64_t) { ++n; });
        const T v = n ? dy[plane * g.out_size() + index] / T(n) : T(0);
        g.taps(o, [&](int64_t p) { dx[plane * g.in_size() + p] += v; });
      });
    });
  }

  Values grad(const Gradient& g) const {
    AttrList a = list();
    a.emplace_back("count_include_pad", count_include_pad);
    return {g.b.call("average_pool", {g.dy()}, a), Value{}};
  }

  static std::vector<Sample> samples() {
    return {sample(AveragePoolGrad{{.kernel_shape = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, true},
                   {in({1, 2, 2, 3}), given_ints({1, 2, 4, 5})}),
            sample(AveragePoolGrad{{.kernel_shape = {2}}}, {in({1, 2, 3}), given_ints({1, 2, 4})})};
  }
};

struct LpPoolGrad : PoolAttrs {
  int64_t p = 2;

  static constexpr OpInfo info{.name = "lp_pool_grad",
                               .summary =
                                   "The gradient of y = lp_pool(x) by x: sum over windows of "
                                   "dy * sign(x) * (|x| / y)^(p-1).",
                               .source = "derivative of ONNX LpPool-22",
                               .inputs = {{"x", "[n, c, ...]"}, {"y", "lp_pool(x)"}, {"dy", "of the shape of y"}},
                               .outputs = {{"dx", "[n, c, ...]"}}};
  static constexpr auto attrs =
      std::tuple_cat(pool_attr_fields, std::tuple{attr("p", &LpPoolGrad::p, "Order of the norm.")});

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    t.require_same_dtype(0, 2);
    const Shape y = pool_shape(t, *this, 0);
    for (size_t k : {1, 2}) {
      require_rank(t, k, t.in(0).rank());
      for (size_t i = 0; i < y.size(); ++i)
        t.require_equal(t.in(k).shape[i], y[i], "y and dy must have the shape of lp_pool(x)");
    }
    t.result(t.in(0));
  }

  void eval(Evaluating& e) const {
    const PoolGeometry g = pool_geometry(*this, e.in[0].shape(), e.in[1].shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T *x = in[0].data_as<T>(), *y = in[1].data_as<T>(), *dy = in[2].data_as<T>();
      T* dx = out[0].data_as<T>();
      std::fill_n(dx, out[0].element_count(), T(0));
      g.windows(e.threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
        const int64_t at = plane * g.out_size() + index, base = plane * g.in_size();
        if (y[at] == T(0)) return;
        g.taps(o, [&](int64_t q) {
          const T v = x[base + q], r = std::abs(v) / y[at];
          const T slope = p == 1 ? T(1) : p == 2 ? r : std::pow(r, T(p - 1));
          dx[base + q] += dy[at] * (v > 0 ? slope : v < 0 ? -slope : T(0));
        });
      });
    });
  }

  static std::vector<Sample> samples() {
    return {
        sample(LpPoolGrad{{.kernel_shape = {2}}, 3}, {in({1, 2, 3}, 0.5, 1), in({1, 2, 2}, 0.5, 1), in({1, 2, 2})})};
  }
};

struct MaxUnpool {
  std::vector<int64_t> kernel_shape = {}, strides = {}, pads = {};

  static constexpr OpInfo info{
      .name = "max_unpool",
      .summary = "Puts each value at the place its index tells, zeros elsewhere: a partial inverse of max_pool.",
      .source = "ONNX MaxUnpool-22",
      .inputs = {{"x", "[n, c, ...]"},
                 {"indices", "i64, in the flattened input of the pool"},
                 {"output_shape", "i64, sizes of y", Arity::optional}},
      .outputs = {{"y", "[n, c, ...]"}}};
  static constexpr auto attrs = std::tuple{attr("kernel_shape", &MaxUnpool::kernel_shape, "Window of the pool."),
                                           attr("strides", &MaxUnpool::strides, "Strides of the pool; empty: 1."),
                                           attr("pads", &MaxUnpool::pads, "Padding of the pool; empty: 0.")};

  WindowSpec spec() const {
    WindowSpec s;
    s.kernel = Shape(kernel_shape.begin(), kernel_shape.end());
    s.strides = strides, s.pads = pads;
    return s;
  }

  void infer(Inferring& t) const {
    t.require_float(0);
    require_dtype(t, 1, DType::i64);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() >= 3 && t.in(1).rank() == x.rank(), "x is ", x, " and indices are ", t.in(1),
                    " (expected one shape of rank 3 or more)");
    for (size_t i = 0; i < x.shape.size(); ++i)
      t.require_equal(x.shape[i], t.in(1).shape[i], "x and indices must have one shape");
    check_window(t, spec(), x.shape.size() - 2);
    Shape y{x.shape[0], x.shape[1]};
    if (t.has(2)) {
      const Shape* content = t.content(2);
      require_dtype(t, 2, DType::i64);
      require_rank(t, 2, 1);
      t.require_equal(t.in(2).shape[0], x.rank(), "output_shape must have one value for each axis");
      for (size_t i = 2; i < x.shape.size(); ++i) y.push_back(content ? (*content)[i] : t.fresh(str("unpool_", i)));
    } else {
      for (Dim d : slide_transposed(spec(), std::span(x.shape.begin() + 2, x.shape.end()), {}, {}).out) y.push_back(d);
    }
    t.result(x.dtype, y);
  }

  /// Indices count in the input of the pool; a larger output_shape adds zeros at the ends.
  void eval(Evaluating& e) const {
    const Sizes& x = e.in[0].shape();
    const Shape in_dims(x.begin() + 2, x.end());
    Sizes pooled{x[0], x[1]};
    for (Dim d : slide_transposed(spec(), in_dims, {}, {}).out) pooled.push_back(d.value());
    const Sizes y = e.has(2) ? Sizes(e.in[2].to_ints()) : pooled;
    e.allocate(0, y);
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* from = in[0].data_as<T>();
      const int64_t* index = in[1].data_as<int64_t>();
      T* to = out[0].data_as<T>();
      std::fill_n(to, out[0].element_count(), T(0));
      const int64_t total = product(pooled);
      for (int64_t i = 0; i < in[0].element_count(); ++i) {
        if (index[i] < 0 || index[i] >= total)
          fail(ErrorCode::invalid_argument, "max_unpool: index ", index[i], " is out of range (expected 0 to ",
               total - 1, ")");
        int64_t rest = index[i], at = 0, run = 1;
        bool inside = true;
        for (size_t k = y.size(); k-- > 0;) {
          const int64_t p = rest % pooled[k];
          rest /= pooled[k];
          inside = inside && p < y[k];
          at += p * run, run *= y[k];
        }
        if (inside) to[at] = from[i];
      }
    });
  }

  static std::vector<Sample> samples() {
    const SampleInput places = given(Tensor::of(DType::i64, {1, 1, 2, 2}, {5, 7, 13, 15}));
    return {sample(MaxUnpool{.kernel_shape = {2, 2}, .strides = {2, 2}}, {in({1, 1, 2, 2}), places}),
            sample(MaxUnpool{.kernel_shape = {2, 2}, .strides = {2, 2}},
                   {in({1, 1, 2, 2}), places, given_ints({1, 1, 5, 5})})};
  }
};

/// Window i of an axis of size `in` cut into `out` parts: [i * in / out, ceil((i + 1) * in / out)).
int64_t part_begin(int64_t i, int64_t in, int64_t out) { return i * in / out; }
int64_t part_end(int64_t i, int64_t in, int64_t out) { return ((i + 1) * in + out - 1) / out; }

/// Calls f(plane, index, taps of the plane, count) for each window; axes padded to 3 in front.
template <class F>
void adaptive_windows(const Sizes& x, const Sizes& y, int threads, F&& f) {
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  const size_t spatial = x.size() - 2;
  for (size_t i = 0; i < spatial; ++i) in[3 - spatial + i] = x[2 + i], out[3 - spatial + i] = y[2 + i];
  parallel_for(x[0] * x[1], 1, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t plane = begin; plane < end; ++plane)
      for (int64_t index = 0; index < out[0] * out[1] * out[2]; ++index) {
        const int64_t o[3] = {index / (out[1] * out[2]), index / out[2] % out[1], index % out[2]};
        int64_t b[3], n[3];
        for (int i = 0; i < 3; ++i) b[i] = part_begin(o[i], in[i], out[i]), n[i] = part_end(o[i], in[i], out[i]) - b[i];
        auto taps = [&](auto&& g) {
          for (int64_t d = 0; d < n[0]; ++d)
            for (int64_t h = 0; h < n[1]; ++h)
              for (int64_t w = 0; w < n[2]; ++w)
                g((plane * in[0] + b[0] + d) * in[1] * in[2] + (b[1] + h) * in[2] + b[2] + w);
        };
        f(plane * out[0] * out[1] * out[2] + index, taps, n[0] * n[1] * n[2]);
      }
  });
}

struct AdaptiveAvgPool {
  std::vector<int64_t> output_size = {};

  static constexpr OpInfo info{.name = "adaptive_avg_pool",
                               .summary = "Mean over windows that cut each spatial axis into output_size parts.",
                               .source = "torch.nn.functional.adaptive_avg_pool2d",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, output_size...]"}}};
  static constexpr auto attrs = std::tuple{attr("output_size", &AdaptiveAvgPool::output_size, "Spatial sizes of y.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    const TensorType& x = t.in(0);
    t.require_shape(x.rank() >= 3 && x.rank() <= 5, "x is ", x,
                    " (expected [batch, channels, ...] with 1 to 3 spatial axes)");
    t.require(int64_t(output_size.size()) == x.rank() - 2, "output_size has ", output_size.size(), " values (expected ",
              x.rank() - 2, ")");
    Shape y{x.shape[0], x.shape[1]};
    for (int64_t s : output_size) {
      t.require(s >= 1, "output_size has the value ", s, " (expected 1 or more)");
      y.push_back(s);
    }
    t.result(x.dtype, y);
  }

  void eval(Evaluating& e) const {
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* x = in[0].data_as<T>();
      T* y = out[0].data_as<T>();
      adaptive_windows(in[0].shape(), out[0].shape(), e.threads, [&](int64_t at, auto&& taps, int64_t n) {
        T sum = 0;
        taps([&](int64_t p) { sum += x[p]; });
        y[at] = sum / T(n);
      });
    });
  }

  Values grad(const Gradient& g) const { return {g.b.call("adaptive_avg_pool_grad", {g.dy(), g.b.shape_of(g.in[0])})}; }

  static std::vector<Sample> samples() {
    return {sample(AdaptiveAvgPool{{2, 3}}, {in({1, 2, 5, 4})}), sample(AdaptiveAvgPool{{1}}, {in({2, 2, 5})}),
            sample(AdaptiveAvgPool{{3, 1, 2}}, {in({1, 2, 2, 3, 4})})};
  }
};

struct AdaptiveAvgPoolGrad {
  static constexpr OpInfo info{.name = "adaptive_avg_pool_grad",
                               .summary = "The gradient of adaptive_avg_pool by x.",
                               .source = "adjoint of torch.nn.functional.adaptive_avg_pool2d",
                               .inputs = {{"dy", "[n, c, ...]"}, {"shape", "of x, i64"}},
                               .outputs = {{"dx", "[n, c, ...]"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(t.in(0).dtype, AveragePoolGrad::grad_shape(t));
  }

  void eval(Evaluating& e) const {
    e.allocate(0, e.in[1].to_ints());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* dy = in[0].data_as<T>();
      T* dx = out[0].data_as<T>();
      std::fill_n(dx, out[0].element_count(), T(0));
      adaptive_windows(out[0].shape(), in[0].shape(), e.threads,
                       [&](int64_t at, auto&& taps, int64_t n) { taps([&](int64_t p) { dx[p] += dy[at] / T(n); }); });
    });
  }

  Values grad(const Gradient& g) const {
    std::vector<int64_t> size;
    for (size_t i = 2; i < b_shape(g).size(); ++i) {
      if (!b_shape(g)[i].is_constant())
        fail(ErrorCode::unsupported, "adaptive_avg_pool_grad: its gradient needs constant spatial sizes of dy, got ",
             g.b.type(g.in[0]));
      size.push_back(b_shape(g)[i].value());
    }
    return {g.b.call("adaptive_avg_pool", {g.dy()}, {{"output_size", size}}), Value{}};
  }
  static const Shape& b_shape(const Gradient& g) { return g.b.type(g.in[0]).shape; }

  static std::vector<Sample> samples() {
    SampleInput dy = in({1, 2, 2, 3});
    dy.symbolic = false;
    return {sample(AdaptiveAvgPoolGrad{}, {dy, given_ints({1, 2, 5, 4})})};
  }
};

}  // namespace

OpList pool_grad() {
  return {def<MaxPoolGrad>(), def<AveragePoolGrad>(), def<LpPoolGrad>(),
          def<MaxUnpool>(),   def<AdaptiveAvgPool>(), def<AdaptiveAvgPoolGrad>()};
}

}  // namespace neve::ops
