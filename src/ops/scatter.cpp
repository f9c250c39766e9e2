// Writing by index: scatter_elements, scatter_nd, tensor_scatter.
#include <algorithm>
#include <cstring>

#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/indices.h"
#include "ops/support/strided.h"
#include "ops/support/wide.h"

namespace neve::ops {
namespace {

constexpr std::string_view reduction_doc =
    "What joins an update with what is there: none (replace), add, mul, max or min.";

enum class Join { none, add, mul, max, min };

Join join_of(std::string_view op, const std::string& reduction) {
  const std::string_view names[] = {"none", "add", "mul", "max", "min"};
  for (size_t i = 0; i < 5; ++i)
    if (reduction == names[i]) return Join(i);
  fail(ErrorCode::invalid_argument, op, ": reduction is '", reduction, "' (none, add, mul, max or min)");
}

template <class T>
T joined(Join j, T a, T b) {
  using U = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;  // integers wrap
  switch (j) {
    case Join::add:
      return T(U(a) + U(b));
    case Join::mul:
      return T(U(a) * U(b));
    case Join::max:
      return b > a || b != b ? b : a;
    case Join::min:
      return b < a || b != b ? b : a;
    case Join::none:
      break;
  }
  return b;
}

/// Applies updates to a copy of data: `run(at)` calls at(offset in y, offset in updates, number of elements).
template <class Run>
void scatter(std::string_view op, Evaluating& e, Join join, const Run& run) {
  const Tensor &x = e.in[0], &updates = e.in[2];
  const Tensor& out = output(e, 0, x.shape());
  if (join == Join::none) {
    copy_flat(x, out, e.threads);
    const int64_t bytes = size_of(x.dtype());
    run([&](int64_t to, int64_t from, int64_t n) {
      std::memcpy(out.data() + to * bytes, updates.data() + from * bytes, size_t(n * bytes));
    });
    return;
  }
  const Tensor y = wide_target(out), u = widened(updates);
  copy_flat(widened(x), y, e.threads);
  visit_wide(op, x.dtype(), [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    run([&](int64_t to, int64_t from, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        y.data_as<T>()[to + i] = joined(join, y.data_as<T>()[to + i], u.data_as<T>()[from + i]);
    });
  });
  store_wide(y, out);
}

/// Gradients of y = scatter(data, updates). `read(v)` gathers v at the indices, `write(base, u, reduction)` scatters u.
template <class Read, class Write>
Values scatter_grad(const Gradient& g, Join join, const Read& read, const Write& write) {
  Builder& b = g.b;
  const Value data = g.in[0], updates = g.in[2], y = g.out[0], dy = g.dy();
  switch (join) {
    case Join::none:
      return {g.needs[0] ? write(dy, zeros_like(b, updates), "none") : Value{}, {}, read(dy)};
    case Join::add:
      return {dy, {}, read(dy)};
    case Join::mul: {  // not finite where an update is 0
      const Value factors = write(full_like(b, data, 1), updates, "mul");
      return {b.call("mul", {dy, factors}), {}, b.call("div", {read(b.call("mul", {dy, y})), updates})};
    }
    default:
      break;
  }
  // Whoever equals the extreme shares the gradient.
  const DType t = b.dtype(dy);
  const Value hit_data = b.cast(b.call("equal", {y, data}), t),
              hit_updates = b.cast(b.call("equal", {read(y), updates}), t);
  const Value share = b.call("div", {dy, write(hit_data, hit_updates, "add")});
  return {b.call("mul", {share, hit_data}), {}, b.call("mul", {read(share), hit_updates})};
}

void require_joinable(Inferring& t, Join join) {
  t.require_same_dtype(0, 2);
  if (join != Join::none)
    t.require_type(!is_complex(t.in(0).dtype) && t.in(0).dtype != DType::boolean,
                   "data must be real numbers for this reduction, got ", t.in(0));
}

struct ScatterElements {
  int64_t axis = 0;
  std::string reduction = "none";

  static constexpr OpInfo info{
      .name = "scatter_elements",
      .summary = "x with y[indices[i][j]][j] = updates[i][j] for axis 0, and so on.",
      .source = "ONNX ScatterElements-18; repeated indices with reduction none: the last wins",
      .inputs = {{"data"}, {"indices", "i64 or i32; rank of data"}, {"updates", "shape of indices"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("axis", &ScatterElements::axis, "Axis to index, in [-rank, rank)."),
                                           attr("reduction", &ScatterElements::reduction, reduction_doc)};

  void infer(Inferring& t) const {
    const TensorType &x = t.in(0), &i = t.in(1), &u = t.in(2);
    require_indices(t, 1);
    require_joinable(t, join_of(info.name, reduction));
    const int64_t a = t.axis(axis, x.rank());
    t.require_type(i.rank() == x.rank() && u.rank() == x.rank(), "data is ", x, ", indices ", i, ", updates ", u,
                   " (ranks must be equal)");
    for (int64_t d = 0; d < x.rank(); ++d) {
      const size_t k = size_t(d);
      t.require_equal(i.shape[k], u.shape[k], str("size of axis ", d, " of indices and updates"));
      if (d != a)
        t.require_at_least(x.shape[k], i.shape[k], str("size of axis ", d, " of data, which must cover indices,"));
    }
    t.result(x);
    const Shape *c = t.content(0), *v = t.content(2);
    const auto at = t.ints(1);
    if (!c || !v || !at || reduction != "none" || at->size() != v->size()) return;
    Shape content = *c;
    const int64_t n = int64_t(content.size());
    for (size_t k = 0; k < at->size(); ++k) {
      const int64_t p = (*at)[k] < 0 ? (*at)[k] + n : (*at)[k];
      if (p < 0 || p >= n) return;  // eval says it
      content[size_t(p)] = (*v)[k];
    }
    t.result_content(0, std::move(content));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const std::vector<int64_t> index = positions(info.name, e.in[1], x.shape()[a], int64_t(a));
    if (e.in[2].shape() != e.in[1].shape())
      fail(ErrorCode::shape_mismatch, "scatter_elements: indices is ", type_text(e.in[1]), ", updates ",
           type_text(e.in[2]), " (shapes must be equal)");
    Sizes strides = contiguous_strides(x.shape());
    const int64_t along = strides[a];
    strides[a] = 0;
    scatter(info.name, e, join_of(info.name, reduction), [&](auto&& at) {
      Walk w(e.in[1].shape(), strides);
      for (size_t k = 0; k < index.size(); ++k, w.next()) at(w.offset() + index[k] * along, int64_t(k), 1);
    });
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    return scatter_grad(
        g, join_of(info.name, reduction),
        [&](Value v) { return b.call("gather_elements", {v, g.in[1]}, {{"axis", axis}}); },
        [&](Value base, Value u, const char* how) {
          return b.call("scatter_elements", {base, g.in[1], u}, {{"axis", axis}, {"reduction", std::string(how)}});
        });
  }
  static std::vector<Sample> samples() {
    const Tensor once = Tensor::of(DType::i64, {2, 2}, {0, 2, -2, 0}),
                 twice = Tensor::of(DType::i32, {2, 2}, {1, 1, 1, -1});
    std::vector<Sample> s = {
        sample(ScatterElements{.axis = 1}, {in({2, 3}), given(once), in({2, 2})}),
        sample(ScatterElements{}, {in({3, 2}), given(twice), in({2, 2})}, 1e-5, "", false),
        sample(ScatterElements{.axis = -1}, {in(DType::i64, {3}, 0, 9), given_ints({1}), in(DType::i64, {1}, 0, 9)})};
    s[1].reason = "which of two updates wins is a choice";
    for (const char* how : {"add", "mul", "max", "min"})
      s.push_back(
          sample(ScatterElements{.axis = 1, .reduction = how}, {in({2, 3}, 0.5, 2), given(twice), in({2, 2}, 0.5, 2)}));
    return s;
  }
};

struct ScatterND {
  std::string reduction = "none";

  static constexpr OpInfo info{
      .name = "scatter_nd",
      .summary =
          "x with slices, named by the tuples on the last axis of `indices`, replaced by or joined with updates.",
      .source = "ONNX ScatterND-18; repeated indices with reduction none: the last wins",
      .inputs = {{"data"},
                 {"indices", "i64 [.., k]; negative counts from the end"},
                 {"updates", "indices.shape[:-1] + data.shape[k:]"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("reduction", &ScatterND::reduction, reduction_doc)};

  void infer(Inferring& t) const {
    const TensorType &x = t.in(0), &i = t.in(1), &u = t.in(2);
    require_indices(t, 1);
    require_joinable(t, join_of(info.name, reduction));
    t.require_type(x.rank() >= 1 && i.rank() >= 1, "data is ", x, ", indices is ", i, " (ranks of 1 or more)");
    if (!i.shape.back().is_constant())
      t.fail_with(ErrorCode::unsupported,
                  str("the length of the tuples, the last size of indices ", i, ", is not known"));
    const int64_t k = i.shape.back().value();
    t.require(k >= 1 && k <= x.rank(), "tuples of indices have ", k, " elements, data is ", x, " (valid: 1..", x.rank(),
              ")");
    Shape want(i.shape.begin(), i.shape.end() - 1);
    want.append(x.shape.begin() + k, x.shape.end());
    t.require_type(u.rank() == int64_t(want.size()), "updates is ", u, " (its shape must be ", want, ")");
    for (size_t d = 0; d < want.size(); ++d)
      t.require_equal(u.shape[d], want[d], str("size of axis ", d, " of updates and what indices and data make"));
    t.result(x);
  }
  void eval(Evaluating& e) const {
    const Tensor &x = e.in[0], &i = e.in[1];
    const size_t k = size_t(i.shape().back());
    const int64_t row = product(x.shape(), k, x.shape().size());
    const std::vector<int64_t> raw = i.to_ints();
    const size_t tuples = raw.size() / k;
    std::vector<int64_t> to(tuples);
    for (size_t n = 0; n < tuples; ++n)
      for (size_t d = 0; d < k; ++d) {
        const int64_t size = x.shape()[d], v = raw[n * k + d];
        if (v < -size || v >= size)
          fail(ErrorCode::invalid_argument, "scatter_nd: index ", v, " is out of range for axis ", d, " of size ", size,
               " (valid: ", -size, "..", size - 1, ")");
        to[n] = to[n] * size + (v < 0 ? v + size : v);
      }
    if (int64_t(tuples) * row != e.in[2].element_count())
      fail(ErrorCode::shape_mismatch, "scatter_nd: updates is ", type_text(e.in[2]), ", indices ", type_text(i),
           " and data ", type_text(x), " need ", int64_t(tuples) * row, " elements");
    scatter(info.name, e, join_of(info.name, reduction), [&](auto&& at) {
      for (size_t n = 0; n < tuples && row; ++n) at(to[n] * row, int64_t(n) * row, row);
    });
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    return scatter_grad(
        g, join_of(info.name, reduction), [&](Value v) { return b.call("gather_nd", {v, g.in[1]}); },
        [&](Value base, Value u, const char* how) {
          return b.call("scatter_nd", {base, g.in[1], u}, {{"reduction", std::string(how)}});
        });
  }
  static std::vector<Sample> samples() {
    const Tensor once = Tensor::of(DType::i64, {2, 1}, {2, 0}),
                 twice = Tensor::of(DType::i64, {3, 2}, {0, 1, -1, 1, 0, 1});
    std::vector<Sample> s = {sample(ScatterND{}, {in({3, 2}), given(once), in({2, 2})}),
                             sample(ScatterND{}, {in({3}), given(Tensor::of(DType::i32, {2, 1}, {0, -1})), in({2})})};
    for (const char* how : {"add", "mul", "max", "min"})
      s.push_back(sample(ScatterND{.reduction = how}, {in({2, 2}, 0.5, 2), given(twice), in({3}, 0.5, 2)}));
    return s;
  }
};

struct TensorScatter {
  int64_t axis = -2;
  std::string mode = "linear";

  static constexpr OpInfo info{
      .name = "tensor_scatter",
      .summary = "A cache with `update` written along its sequence axis, for each sample from its own position on.",
      .source = "ONNX TensorScatter-24",
      .inputs = {{"past_cache", "[batch, .., max_sequence, ..]"},
                 {"update", "[batch, .., sequence, ..]"},
                 {"write_indices", "i64 [batch], default 0", Arity::optional}},
      .outputs = {{"present_cache"}}};
  static constexpr auto attrs =
      std::tuple{attr("axis", &TensorScatter::axis, "Sequence axis; not 0."),
                 attr("mode", &TensorScatter::mode, "linear, or circular: positions wrap around.")};

  void infer(Inferring& t) const {
    const TensorType &x = t.in(0), &u = t.in(1);
    t.require_same_dtype(0, 1);
    t.require_type(u.rank() == x.rank(), "update is ", u, ", past_cache is ", x, " (ranks must be equal)");
    t.require(mode == "linear" || mode == "circular", "mode is '", mode, "' (linear or circular)");
    const int64_t a = t.axis(axis, x.rank());
    t.require(a != 0, "axis ", axis, " is the batch axis (the sequence axis comes after it)");
    for (int64_t d = 0; d < x.rank(); ++d) {
      const size_t k = size_t(d);
      if (d != a)
        t.require_equal(x.shape[k], u.shape[k], str("size of axis ", d, " of past_cache and update"));
      else
        t.require_at_least(x.shape[k], u.shape[k], "sequence length of past_cache, against that of update,");
    }
    if (t.has(2)) {
      require_index_vector(t, 2);
      t.require_equal(t.in(2).shape[0], x.shape[0], "length of write_indices and batch");
    }
    t.result(x);
  }
  void eval(Evaluating& e) const {
    const Tensor &x = e.in[0], &u = e.in[1];
    const size_t a = size_t(axis < 0 ? axis + x.rank() : axis);
    const int64_t batch = x.shape()[0], middle = product(x.shape(), 1, a), most = x.shape()[a], n = u.shape()[a];
    const int64_t bytes = product(x.shape(), a + 1, x.shape().size()) * size_of(x.dtype());
    const std::vector<int64_t> at = e.has(2) ? e.in[2].to_ints() : std::vector<int64_t>(size_t(batch), 0);
    for (int64_t p : at)
      if (p < 0 || (mode == "linear" && p + n > most))
        fail(ErrorCode::invalid_argument, "tensor_scatter: write index ", p, " and sequence ", n,
             " exceed the cache of ", most, " (from 0 to ", most - n, ")");
    const Tensor& out = output(e, 0, x.shape());
    copy_flat(x, out, e.threads);
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t m = 0; m < middle; ++m)
        for (int64_t i = 0; i < n; ++i)
          std::memcpy(out.data() + ((b * middle + m) * most + (at[size_t(b)] + i) % most) * bytes,
                      u.data() + ((b * middle + m) * n + i) * bytes, size_t(bytes));
  }
  static std::vector<Sample> samples() {
    return {sample(TensorScatter{}, {in({2, 2, 5, 3}), in({2, 2, 2, 3}), given_ints({1, 3})}),
            sample(TensorScatter{}, {in({2, 4, 3}), in({2, 2, 3})}),
            sample(TensorScatter{.axis = 1, .mode = "circular"}, {in({2, 4}), in({2, 3}), given_ints({2, 0})})};
  }
};

}  // namespace

OpList scatter() { return {def<ScatterElements>(), def<ScatterND>(), def<TensorScatter>()}; }

}  // namespace neve::ops
