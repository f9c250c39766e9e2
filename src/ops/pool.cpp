// Pooling: maximum, average and Lp norm over windows, and over whole planes.
#include <cmath>
#include <limits>

#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/float_io.h"
#include "ops/detail/pool.h"

namespace neve::ops {

Shape pool_shape(Inferring& t, const PoolAttrs& a, size_t xi) {
  const TensorType& x = t.in(xi);
  t.require_shape(x.rank() >= 3 && x.rank() <= 5, t.input_name(xi), " is ", x,
                  " (expected [batch, channels, ...] with 1 to 3 spatial axes)");
  const WindowSpec s = a.spec();
  check_window(t, s, size_t(x.rank() - 2));
  Shape y{x.shape[0], x.shape[1]};
  const Window w = infer_window(t, s, std::span(x.shape.begin() + 2, x.shape.end()));
  y.append(w.out.begin(), w.out.end());
  return y;
}

PoolGeometry pool_geometry(const PoolAttrs& a, const Sizes& x, const Sizes& y) {
  PoolGeometry g;
  const WindowSpec s = a.spec();
  const Shape in(x.begin() + 2, x.end());
  const Window w = slide(s, in);
  const size_t spatial = in.size(), lead = 3 - spatial;
  g.planes = x[0] * x[1];
  for (size_t i = 0; i < spatial; ++i) {
    g.in[lead + i] = x[2 + i];
    g.out[lead + i] = y[2 + i];
    g.kernel[lead + i] = a.kernel_shape[i];
    g.stride[lead + i] = s.stride(i);
    g.dilation[lead + i] = s.dilation(i);
    g.pad[lead + i] = w.pad_begin[i].value();
    g.pad_end[lead + i] = w.pad_end[i].value();
  }
  return g;
}

namespace {

template <class T>
void max_pool_typed(const PoolGeometry& g, const T* x, T* y, int64_t* indices, bool column_major, int threads) {
  const int64_t in = g.in_size(), out = g.out_size();
  const T lowest =
      std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  g.windows(threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
    const T* from = x + plane * in;
    T best = lowest;
    int64_t at = -1;
    g.taps(o, [&](int64_t p) {
      // Not-a-number wins, the first one of equals wins.
      if (at < 0 || from[p] > best || (from[p] != from[p] && best == best)) best = from[p], at = p;
    });
    y[plane * out + index] = best;
    if (!indices) return;
    if (column_major && at >= 0) {
      const int64_t d = at / (g.in[1] * g.in[2]), h = at / g.in[2] % g.in[1], w = at % g.in[2];
      at = (w * g.in[1] + h) * g.in[0] + d;
    }
    indices[plane * out + index] = plane * in + std::max<int64_t>(at, 0);
  });
}

struct MaxPool : PoolAttrs {
  int64_t storage_order = 0;
  int64_t outputs = 1;

  static constexpr OpInfo info{
      .name = "max_pool",
      .summary = "Maximum over each window; padding does not count.",
      .source = "ONNX MaxPool-22",
      .inputs = {{"x", "[n, c, ...], a float, i8 or u8"}},
      .outputs = {{"y", "[n, c, ...]"}, {"indices", "i64, of the maxima in the flattened x", Arity::optional}}};
  static constexpr auto attrs = std::tuple_cat(
      pool_attr_fields, std::tuple{attr("storage_order", &MaxPool::storage_order,
                                        "Spatial part of indices: 0 row-major, 1 column-major."),
                                   attr("outputs", &MaxPool::outputs, "Number of results: 1 (y) or 2 (y, indices).")});

  void infer(Inferring& t) const {
    const DType d = t.in(0).dtype;
    t.require_type(is_float(d) || d == DType::i8 || d == DType::u8, "x is ", t.in(0), " (expected a float, i8 or u8)");
    t.require(storage_order == 0 || storage_order == 1, "storage_order is ", storage_order, " (expected 0 or 1)");
    t.require(outputs == 1 || outputs == 2, "outputs is ", outputs, " (expected 1 or 2)");
    const Shape y = pool_shape(t, *this, 0);
    t.result(d, y);
    if (outputs == 2) t.result(DType::i64, y);
  }

  void eval(Evaluating& e) const {
    const PoolGeometry g = pool_geometry(*this, e.in[0].shape(), e.out(0).shape());
    auto run = [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      max_pool_typed<T>(g, in[0].data_as<T>(), out[0].data_as<T>(), outputs == 2 ? out[1].data_as<int64_t>() : nullptr,
                        storage_order == 1, e.threads);
    };
    if (e.in[0].dtype() == DType::i8) return run.template operator()<int8_t>(e.in, e.out_);
    if (e.in[0].dtype() == DType::u8) return run.template operator()<uint8_t>(e.in, e.out_);
    eval_float(e, run);
  }

  Values grad(const Gradient& g) const { return {g.b.call("max_pool_grad", {g.in[0], g.dy()}, list())}; }

  double flops(std::span<const TensorType>, std::span<const TensorType> out) const {
    return elements(out[0]) * double(product(kernel_shape));
  }

  static std::vector<Sample> samples() {
    return {sample(MaxPool{{.kernel_shape = {2}}}, {in({1, 2, 5})}),
            sample(MaxPool{{.kernel_shape = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}}, {in({2, 3, 5, 6})}),
            sample(MaxPool{{.kernel_shape = {2, 2}, .strides = {2, 2}}, 1, 2}, {in({1, 2, 4, 5})}),
            sample(MaxPool{{.kernel_shape = {3, 2}, .strides = {2, 2}, .ceil_mode = true}}, {in({1, 1, 6, 5})}),
            sample(MaxPool{{.kernel_shape = {2, 2}, .dilations = {2, 1}}}, {in({1, 1, 4, 4})}),
            sample(MaxPool{{.kernel_shape = {3, 3}, .strides = {2, 2}, .auto_pad = "SAME_LOWER"}}, {in({1, 1, 5, 4})}),
            sample(MaxPool{{.kernel_shape = {2, 1, 2}}, 0, 2}, {in({1, 2, 3, 3, 3})}),
            sample(MaxPool{{.kernel_shape = {2}}}, {in(DType::u8, {1, 2, 5}, 0, 255)}, 0, "exact")};
  }
};

struct AveragePool : PoolAttrs {
  bool count_include_pad = false;

  static constexpr OpInfo info{.name = "average_pool",
                               .summary = "Mean over each window; padding counts (as zeros) if count_include_pad.",
                               .source = "ONNX AveragePool-22",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, ...]"}}};
  static constexpr auto attrs =
      std::tuple_cat(pool_attr_fields, std::tuple{attr("count_include_pad", &AveragePool::count_include_pad,
                                                       "Divide by all positions in the padded input.")});

  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(t.in(0).dtype, pool_shape(t, *this, 0));
  }

  void eval(Evaluating& e) const {
    const PoolGeometry g = pool_geometry(*this, e.in[0].shape(), e.out(0).shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* x = in[0].data_as<T>();
      T* y = out[0].data_as<T>();
      g.windows(e.threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
        T sum = 0;
        int64_t n = 0;
        g.taps(o, [&](int64_t p) { sum += x[plane * g.in_size() + p], ++n; });
        if (count_include_pad) n = g.padded_taps(o);
        y[plane * g.out_size() + index] = n ? sum / T(n) : T(0);
      });
    });
  }

  Values grad(const Gradient& g) const {
    AttrList a = list();
    a.emplace_back("count_include_pad", count_include_pad);
    return {g.b.call("average_pool_grad", {g.dy(), g.b.shape_of(g.in[0])}, a)};
  }

  double flops(std::span<const TensorType>, std::span<const TensorType> out) const {
    return elements(out[0]) * double(product(kernel_shape));
  }

  static std::vector<Sample> samples() {
    return {
        sample(AveragePool{{.kernel_shape = {2}}}, {in({1, 2, 5})}),
        sample(AveragePool{{.kernel_shape = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}}, {in({2, 3, 5, 6})}),
        sample(AveragePool{{.kernel_shape = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}, .ceil_mode = true}, true},
               {in({1, 1, 4, 5})}),
        sample(AveragePool{{.kernel_shape = {2, 2}, .dilations = {2, 1}}}, {in({1, 1, 4, 4})}),
        sample(AveragePool{{.kernel_shape = {3, 3}, .auto_pad = "SAME_UPPER"}}, {in({1, 1, 3, 4})}),
        sample(AveragePool{{.kernel_shape = {2, 1, 2}, .pads = {0, 0, 1, 1, 0, 0}}, true}, {in({1, 2, 3, 3, 3})})};
  }
};

/// sign(v) * |v|^p without pow for the usual p.
template <class T>
T power(T v, int64_t p) {
  v = std::abs(v);
  return p == 1 ? v : p == 2 ? v * v : std::pow(v, T(p));
}

struct LpPool : PoolAttrs {
  int64_t p = 2;

  static constexpr OpInfo info{.name = "lp_pool",
                               .summary = "Lp norm of each window: (sum |x|^p)^(1/p).",
                               .source = "ONNX LpPool-22",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, ...]"}}};
  static constexpr auto attrs =
      std::tuple_cat(pool_attr_fields, std::tuple{attr("p", &LpPool::p, "Order of the norm.")});

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require(p >= 1, "p is ", p, " (expected 1 or more)");
    t.result(t.in(0).dtype, pool_shape(t, *this, 0));
  }

  void eval(Evaluating& e) const {
    const PoolGeometry g = pool_geometry(*this, e.in[0].shape(), e.out(0).shape());
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      const T* x = in[0].data_as<T>();
      T* y = out[0].data_as<T>();
      g.windows(e.threads, [&](int64_t plane, int64_t index, const int64_t o[3]) {
        T sum = 0;
        g.taps(o, [&](int64_t at) { sum += power(x[plane * g.in_size() + at], p); });
        y[plane * g.out_size() + index] = p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, T(1) / T(p));
      });
    });
  }

  Values grad(const Gradient& g) const {
    AttrList a = list();
    a.emplace_back("p", p);
    return {g.b.call("lp_pool_grad", {g.in[0], g.out[0], g.dy()}, a)};
  }

  double flops(std::span<const TensorType>, std::span<const TensorType> out) const {
    return 2 * elements(out[0]) * double(product(kernel_shape));
  }

  static std::vector<Sample> samples() {
    return {sample(LpPool{{.kernel_shape = {2}}}, {in({1, 2, 5}, 0.5, 1.5)}),
            sample(LpPool{{.kernel_shape = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}}, 3},
                   {in({1, 2, 5, 6}, 0.5, 1.5)}),
            sample(LpPool{{.kernel_shape = {2, 2}, .dilations = {2, 2}}, 1}, {in({1, 1, 5, 4}, -1.5, -0.5)})};
  }
};

std::vector<int64_t> spatial_axes(Inferring& t) {
  t.require_shape(t.in(0).rank() >= 3, "x is ", t.in(0),
                  " (expected [batch, channels, ...] with 1 spatial axis or more)");
  return axes_from(2, t.in(0).rank());
}

/// The type of a reduction of all spatial axes to 1.
void infer_global(Inferring& t) {
  TensorType y = t.in(0);
  for (int64_t a : spatial_axes(t)) y.shape[size_t(a)] = 1;
  t.result(y);
}

struct GlobalAveragePool {
  static constexpr OpInfo info{.name = "global_average_pool",
                               .summary = "Mean over all spatial axes, kept with size 1.",
                               .source = "ONNX GlobalAveragePool-22",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, 1, ...]"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.require_float(0);
    infer_global(t);
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    return reduce_mean(b, v[0], axes_from(2, b.rank(v[0])), true);
  }
  static std::vector<Sample> samples() {
    return {sample(GlobalAveragePool{}, {in({2, 3, 4, 5})}), sample(GlobalAveragePool{}, {in({1, 2, 3})})};
  }
};

struct GlobalMaxPool {
  static constexpr OpInfo info{.name = "global_max_pool",
                               .summary = "Maximum over all spatial axes, kept with size 1.",
                               .source = "ONNX GlobalMaxPool-22",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, 1, ...]"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.require_float(0);
    infer_global(t);
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    return reduce(b, "reduce_max", v[0], axes_from(2, b.rank(v[0])), true);
  }
  static std::vector<Sample> samples() {
    return {sample(GlobalMaxPool{}, {in({2, 3, 4, 5})}), sample(GlobalMaxPool{}, {in({1, 2, 3})})};
  }
};

struct GlobalLpPool {
  int64_t p = 2;
  static constexpr OpInfo info{.name = "global_lp_pool",
                               .summary = "Lp norm over all spatial axes, kept with size 1.",
                               .source = "ONNX GlobalLpPool-22",
                               .inputs = {{"x", "[n, c, ...]"}},
                               .outputs = {{"y", "[n, c, 1, ...]"}}};
  static constexpr auto attrs = std::tuple{attr("p", &GlobalLpPool::p, "Order of the norm.")};
  void infer(Inferring& t) const {
    t.require_float(0);
    t.require(p >= 1, "p is ", p, " (expected 1 or more)");
    infer_global(t);
  }
  Value lower(Builder& b, std::span<const Value> v) const {
    const std::vector<int64_t> axes = axes_from(2, b.rank(v[0]));
    if (p == 1) return reduce_sum(b, b.call("abs", {v[0]}), axes, true);
    if (p == 2) return b.call("sqrt", {reduce_sum(b, mul(b, v[0], v[0]), axes, true)});
    const DType t = b.dtype(v[0]);
    const Value sum = reduce_sum(b, b.call("pow", {b.call("abs", {v[0]}), b.scalar(t, double(p))}), axes, true);
    return b.call("pow", {sum, b.scalar(t, 1.0 / double(p))});
  }
  static std::vector<Sample> samples() {
    return {sample(GlobalLpPool{}, {in({2, 3, 4, 5})}), sample(GlobalLpPool{.p = 1}, {in({1, 2, 3}, 0.5, 1)}),
            sample(GlobalLpPool{.p = 3}, {in({1, 2, 3}, 0.5, 1)})};
  }
};

}  // namespace

OpList pool() {
  return {def<MaxPool>(),           def<AveragePool>(),   def<LpPool>(),
          def<GlobalAveragePool>(), def<GlobalMaxPool>(), def<GlobalLpPool>()};
}

}  // namespace neve::ops
