// Derivatives of functions: jacobian and hessian, checks against central differences, checkpoints.
#include <neve/autograd.h>
#include <neve/functions.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "core/tensor_hooks.h"
#include "eager/arguments.h"

namespace neve::autograd {
namespace {

using eager::text;
using Tensors = std::vector<Tensor>;
using TensorsFunction = std::function<Tensors(std::span<const Tensor>)>;

// 1 for one element, 0 for the others.
Tensor unit(const Tensor& y, int64_t k) {
  std::vector<double> v(size_t(y.element_count()));
  v[size_t(k)] = 1;
  return Tensor::of(y.dtype(), y.shape(), v);
}
// The gradient of element k of y; undefined where it does not depend on x.
Tensor row(const Tensor& y, const Tensor& x, int64_t k, bool create_graph = false) {
  const Tensor seed = unit(y, k);
  return grad({&y, 1}, {&x, 1}, {&seed, 1}, {{.retain_graph = true, .create_graph = create_graph}, true})[0];
}

Tensors float_results(const TensorsFunction& f, std::span<const Tensor> inputs) {
  Tensors all;
  for (const Tensor& y : f(inputs))
    if (y.defined() && is_float(y.dtype())) all.push_back(y);
  return all;
}
bool asks(const Tensor& t) { return t.defined() && t.requires_grad(); }

// The elements of all results, one after the other, with input i moved by `step` at element k.
std::vector<double> values_beside(const TensorsFunction& f, std::span<const Tensor> inputs, size_t i, int64_t k,
                                  double step) {
  Tensors moved;
  for (const Tensor& t : inputs) {
    moved.push_back(t.defined() ? t.detach() : t);
    if (moved.size() == i + 1) {
      moved.back() = t.detach().clone();
      moved.back().data_as<double>()[k] += step;
    }
    if (asks(t)) moved.back().set_requires_grad();  // f may ask for gradients itself
  }
  std::vector<double> all;
  for (const Tensor& y : float_results(f, moved))
    for (int64_t e = 0; e < y.element_count(); ++e) all.push_back(y.item(e));
  return all;
}

bool agrees(const TensorsFunction& f, std::span<const Tensor> inputs, size_t i, const GradcheckOptions& o) {
  const int64_t n = inputs[i].element_count();
  std::vector<std::vector<double>> differences;  // by element of the input, then of the results
  for (int64_t k = 0; k < n; ++k) {
    differences.push_back(values_beside(f, inputs, i, k, o.eps));
    const std::vector<double> low = values_beside(f, inputs, i, k, -o.eps);
    for (size_t e = 0; e < low.size(); ++e) differences.back()[e] = (differences.back()[e] - low[e]) / (2 * o.eps);
  }
  size_t at = 0, j = 0;
  for (const Tensor& y : float_results(f, inputs)) {
    for (int64_t e = 0; e < y.element_count(); ++e, ++at) {
      const Tensor g = asks(y) ? row(y, inputs[i], e) : Tensor();
      for (int64_t k = 0; k < n; ++k) {
        const double got = g.defined() ? g.item(k) : 0, want = differences[size_t(k)][at];
        if (std::abs(got - want) <= o.atol + o.rtol * std::abs(want)) continue;  // a NaN never agrees
        if (!o.raise) return false;
        fail(ErrorCode::invalid_argument, "gradcheck: output ", j, "[", e, "] by input ", i, "[", k,
             "]: the gradient is ", got, ", differences give ", want, " (they must agree within ", o.atol, " + ",
             o.rtol, " of it)");
      }
    }
    ++j;
  }
  return true;
}

Tensors gradients_of_rerun(const TensorsFunction& f, const Tensors& inputs, std::span<const Tensor> gradients) {
  const EnableGrad on;
  Tensors again;
  for (const Tensor& t : inputs) {
    again.push_back(t.defined() ? t.detach() : t);
    if (asks(t)) again.back().set_requires_grad();
  }
  const Tensors y = f(again);
  Tensors outputs, given;
  for (size_t k = 0; k < y.size(); ++k)
    if (gradients[k].defined() && asks(y[k])) outputs.push_back(y[k]), given.push_back(gradients[k]);
  // Leaves that f holds itself (parameters of a module) get their part as from any backward.
  if (!outputs.empty()) backward(outputs, given);
  Tensors d(inputs.size() + 1);
  for (size_t i = 0; i < again.size(); ++i)
    if (asks(again[i])) d[i] = again[i].grad();
  return d;
}

// The state of the random generator as it was, for a while.
class Draws {
 public:
  explicit Draws(const std::optional<std::pair<int64_t, int64_t>>& state) : on_(state.has_value()) {
    if (!on_) return;
    before_ = random_state();
    set_random_state(*state);
  }
  ~Draws() {
    if (on_) set_random_state(before_);
  }
  Draws(const Draws&) = delete;
  Draws& operator=(const Draws&) = delete;

 private:
  bool on_;
  std::pair<int64_t, int64_t> before_;
};

}  // namespace

Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, bool create_graph) {
  eager::require("jacobian", x);
  const EnableGrad on;
  const Tensor at = create_graph && x.requires_grad() ? x : x.detach().set_requires_grad();
  const Tensor y = f(at);
  eager::require("jacobian", y);
  Sizes shape = y.shape();
  for (int64_t n : x.shape()) shape.push_back(n);
  Tensors rows;
  for (int64_t k = 0; k < y.element_count(); ++k) {
    const Tensor r = row(y, at, k, create_graph);
    rows.push_back(r.defined() ? r : zeros_like(x));
  }
  return rows.empty() ? zeros(shape, y.dtype()) : reshape(stack(rows), shape);
}

Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  auto slope = [&](const Tensor& v) {
    const Tensor y = f(v);
    if (!y.defined() || y.element_count() != 1)
      fail(ErrorCode::shape_mismatch, "hessian: the function gave ", text(y), " (one element)");
    return grad({&y, 1}, {&v, 1}, {}, {{.create_graph = true}})[0];
  };
  return jacobian(slope, x);
}

bool gradcheck(const TensorsFunction& f, std::span<const Tensor> inputs, const GradcheckOptions& o) {
  const EnableGrad on;
  bool any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!asks(inputs[i])) continue;
    any = true;
    if (inputs[i].dtype() != DType::f64)
      fail(ErrorCode::type_mismatch, "gradcheck: input ", i, " is ", text(inputs[i]),
           " (f64: differences need its precision)");
  }
  if (!any)
    fail(ErrorCode::invalid_argument, "gradcheck: no input asks for gradients (set_requires_grad() before the check)");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (asks(inputs[i]) && !agrees(f, inputs, i, o)) return false;
  return true;
}

bool gradgradcheck(const TensorsFunction& f, std::span<const Tensor> inputs, const GradcheckOptions& o) {
  auto slopes = [&](std::span<const Tensor> values) {
    Tensors made, seeds, asked, known;
    for (const Tensor& y : f(values)) {
      if (!asks(y)) continue;
      std::vector<double> v(size_t(y.element_count()));
      for (size_t k = 0; k < v.size(); ++k) v[k] = std::cos(double(k));  // no two alike
      made.push_back(y);
      seeds.push_back(Tensor::of(y.dtype(), y.shape(), v));
    }
    for (const Tensor& t : values)
      if (asks(t)) asked.push_back(t);
    for (const Tensor& g : grad(made, asked, seeds, {{.create_graph = true}, true}))
      if (g.defined()) known.push_back(g);
    return known;
  };
  return gradcheck(slopes, inputs, o);
}

Tensors checkpoint(TensorsFunction f, std::span<const Tensor> inputs, bool preserve_random_state) {
  if (capturing || !is_grad_enabled()) return f(inputs);
  std::optional<std::pair<int64_t, int64_t>> draws;
  if (preserve_random_state) draws = random_state();
  Tensors asking(inputs.begin(), inputs.end()), outputs;
  {
    const NoGrad off;
    outputs = f(inputs);
  }
  // Always recorded: f may hold weights that ask for gradients where no input does.
  asking.push_back(Tensor::zeros(DType::f32, {}).set_requires_grad());
  auto again = [f = std::move(f), kept = Tensors(inputs.begin(), inputs.end()),
                draws](std::span<const Tensor> gradients) {
    const Draws as_before(draws);
    return gradients_of_rerun(f, kept, gradients);
  };
  return custom("checkpoint", asking, std::move(outputs), std::move(again));
}

}  // namespace neve::autograd
