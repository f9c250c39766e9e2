// The functions of neve/functions.h: ops with promotion, plain numbers, and sizes as lists.
#include <neve/functions.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "core/tensor_hooks.h"
#include "eager/arguments.h"
#include "eager/autograd.h"
#include "eager/index.h"
#include "eager/promote.h"
#include "eager/random.h"
#include "eager/stage.h"

namespace neve {
namespace {

using eager::call1;
using eager::list;
using eager::many_axes;
using eager::one_axis;
using eager::Operator;
using eager::reduce;
using eager::require;
using eager::text;

Tensor extreme(const char* call, const char* op, const Tensor& x, const Sizes& axes, bool keepdims) {
  require(call, x);
  const std::vector<int64_t> all = many_axes(call, axes, x.rank());
  for (int64_t a : all)
    if (!x.is_captured() && x.size(a) == 0)
      fail(ErrorCode::invalid_argument, call, ": axis ", a, " of ", type_text(x), " is empty (one element or more)");
  return reduce(op, x, all, keepdims);
}

Tensor place_of(const char* call, const char* op, const Tensor& x, int64_t axis, bool keepdims) {
  require(call, x);
  const int64_t a = one_axis(call, axis, x.rank());
  if (!x.is_captured() && x.size(a) == 0)
    fail(ErrorCode::invalid_argument, call, ": axis ", a, " of ", type_text(x), " is empty (one element or more)");
  return call1(op, {x.dtype() == DType::boolean ? x.to(DType::u8) : x}, {{"axis", a}, {"keepdims", keepdims}});
}

const Tensor& change(const char* op, const Tensor& a, const Tensor& b, bool kept_by_gradient) {
  Tensor x = a, y = b;
  // What the gradient may keep of the operands must not be written over.
  if (kept_by_gradient && is_grad_enabled() && (eager::needs_gradient(a) || eager::needs_gradient(b))) {
    x = a.clone();
    if (!b.is_captured() && !a.is_captured() && b.storage() == a.storage()) y = b.clone();
  }
  const Tensor made = std::string_view(op) == "div" ? eager::divide(x, y) : eager::binary(op, x, y);
  if (made.dtype() != a.dtype() && !(is_float(a.dtype()) && is_float(made.dtype())))
    fail(ErrorCode::type_mismatch, op, ": the result is ", to_string(made.dtype()), ", which ", type_text(a),
         " cannot hold in place");
  eager::assign(a, made, op);
  return a;
}

std::vector<eager::Index> converted(const std::vector<Index>& given) {
  std::vector<eager::Index> out;
  for (const Index& i : given) {
    eager::Index e;
    switch (i.kind) {
      case Index::Kind::integer:
        e.kind = eager::Index::integer;
        e.value = i.value;
        break;
      case Index::Kind::slice:
        e.begin = i.slice.begin;
        e.end = i.slice.end;
        e.step = i.slice.step;
        break;
      case Index::Kind::new_axis:
        e.kind = eager::Index::new_axis;
        break;
      case Index::Kind::rest:
        e.kind = eager::Index::ellipsis;
        break;
      case Index::Kind::tensor:
        e.kind = eager::Index::tensor;
        e.indices = i.tensor;
        break;
    }
    out.push_back(std::move(e));
  }
  return out;
}

template <class T>
Tensor copied(const std::vector<T>& values, const Sizes& shape, DType dtype) {
  const Tensor t = Tensor::empty(dtype, {int64_t(values.size())});
  if (!values.empty()) std::memcpy(t.data(), values.data(), values.size() * sizeof(T));
  return t.reshape(shape);
}

struct Generator {
  std::mutex mutex;
  int64_t seed = 0, drawn = 0;
};
constinit thread_local Generator* own_generator = nullptr;
Generator& generator() {
  static Generator g;
  return own_generator ? *own_generator : g;
}

}  // namespace

// ---- operators ---------------------------------------------------------------------------------------------------

Tensor Number::beside(DType t) const {
  using eager::NumberKind;
  const NumberKind as = kind == Kind::boolean   ? NumberKind::boolean
                        : kind == Kind::integer ? NumberKind::integer
                                                : NumberKind::real;
  const DType to = eager::promote_number(t, as);
  return kind == Kind::integer && is_int(to) ? Tensor::scalar_int(to, whole) : Tensor::scalar(to, real);
}

Tensor operator+(const Tensor& a, const Tensor& b) {
  static const Operator o("add");
  return eager::binary(o, a, b);
}
Tensor operator-(const Tensor& a, const Tensor& b) {
  static const Operator o("sub");
  return eager::binary(o, a, b);
}
Tensor operator*(const Tensor& a, const Tensor& b) {
  static const Operator o("mul");
  return eager::binary(o, a, b);
}
Tensor operator==(const Tensor& a, const Tensor& b) {
  static const Operator o("equal");
  return eager::binary(o, a, b);
}
Tensor operator<(const Tensor& a, const Tensor& b) {
  static const Operator o("less");
  return eager::binary(o, a, b);
}
Tensor operator<=(const Tensor& a, const Tensor& b) {
  static const Operator o("less_or_equal");
  return eager::binary(o, a, b);
}
Tensor operator>(const Tensor& a, const Tensor& b) {
  static const Operator o("greater");
  return eager::binary(o, a, b);
}
Tensor operator>=(const Tensor& a, const Tensor& b) {
  static const Operator o("greater_or_equal");
  return eager::binary(o, a, b);
}
Tensor maximum(const Tensor& a, const Tensor& b) {
  static const Operator o("max");
  return eager::binary(o, a, b);
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  static const Operator o("min");
  return eager::binary(o, a, b);
}
Tensor pow(const Tensor& a, const Tensor& b) {
  static const Operator o("pow");
  return eager::binary(o, a, b);
}
Tensor operator/(const Tensor& a, const Tensor& b) { return eager::divide(a, b); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return ops::not_(a == b); }
Tensor operator-(const Tensor& a) { return ops::neg(a); }
Tensor operator!(const Tensor& a) { return ops::not_(a); }
const Tensor& operator+=(const Tensor& a, const Tensor& b) { return change("add", a, b, false); }
const Tensor& operator-=(const Tensor& a, const Tensor& b) { return change("sub", a, b, false); }
const Tensor& operator*=(const Tensor& a, const Tensor& b) { return change("mul", a, b, true); }
const Tensor& operator/=(const Tensor& a, const Tensor& b) { return change("div", a, b, true); }

const Tensor& copy_into(const Tensor& x, const Tensor& value) {
  eager::Index all;
  all.kind = eager::Index::ellipsis;
  eager::set_item(x, std::span(&all, 1), value, "copy_into");
  return x;
}
const Tensor& fill(const Tensor& x, Number value) { return copy_into(x, value.beside(x.dtype())); }

Tensor pow(const Tensor& a, Number b) { return pow(a, b.beside(a.dtype())); }
Tensor remainder(const Tensor& a, const Tensor& b) { return eager::floor_modulo(a, b); }
Tensor maximum(const Tensor& a, Number b) { return maximum(a, b.beside(a.dtype())); }
Tensor minimum(const Tensor& a, Number b) { return minimum(a, b.beside(a.dtype())); }
Tensor clip(const Tensor& x, Number low, Number high) {
  return ops::clip(x, low.beside(x.dtype()).to(x.dtype()), high.beside(x.dtype()).to(x.dtype()));
}
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const DType t = eager::promote(a.dtype(), b.dtype());
  return ops::where(condition, a.to(t), b.to(t));
}
Tensor where(const Tensor& condition, const Tensor& a, Number b) { return where(condition, a, b.beside(a.dtype())); }
Tensor where(const Tensor& condition, Number a, const Tensor& b) { return where(condition, a.beside(b.dtype()), b); }

// ---- creation ----------------------------------------------------------------------------------------------------

Tensor full(const Sizes& shape, Number value, DType dtype) {
  for (int64_t n : shape)
    if (n < 0) fail(ErrorCode::invalid_argument, "full: the shape is ", list(shape), " (sizes of 0 or more)");
  const auto element = [&] {
    struct Pause {  // an attribute is no operation of a program that is captured
      bool was = std::exchange(capturing, false);
      ~Pause() { capturing = was; }
    } pause;
    return value.beside(dtype).to(dtype).reshape({1});
  };
  return ops::constant_of_shape(ints(shape), element());
}
Tensor zeros(const Sizes& shape, DType dtype) { return full(shape, 0, dtype); }
Tensor ones(const Sizes& shape, DType dtype) { return full(shape, 1, dtype); }
Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype()); }
Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype()); }

Tensor arange(int64_t n) {
  Tensor t = Tensor::empty(DType::i64, {std::max<int64_t>(n, 0)});
  for (int64_t i = 0; i < n; ++i) t.data_as<int64_t>()[i] = i;
  return t;
}
Tensor arange(double start, double stop, double step, DType dtype) {
  if (step == 0) fail(ErrorCode::invalid_argument, "arange: step is 0 (a number that is not 0)");
  std::vector<double> v;
  const int64_t n = std::max<int64_t>(int64_t(std::ceil((stop - start) / step)), 0);
  for (int64_t i = 0; i < n; ++i) v.push_back(start + double(i) * step);
  return Tensor::of(dtype, {n}, v);
}
Tensor eye(int64_t n, DType dtype) {
  if (n < 0) fail(ErrorCode::invalid_argument, "eye: n is ", n, " (0 or more)");
  std::vector<double> v(size_t(n * n), 0.0);
  for (int64_t i = 0; i < n; ++i) v[size_t(i * n + i)] = 1;
  return Tensor::of(dtype, {n, n}, v);
}
Tensor from_vector(const std::vector<float>& v, const Sizes& shape) { return copied(v, shape, DType::f32); }
Tensor from_vector(const std::vector<double>& v, const Sizes& shape) { return copied(v, shape, DType::f64); }
Tensor from_vector(const std::vector<int64_t>& v, const Sizes& shape) { return copied(v, shape, DType::i64); }
Tensor from_vector(const std::vector<int32_t>& v, const Sizes& shape) { return copied(v, shape, DType::i32); }
Tensor from_vector(const std::vector<uint8_t>& v, const Sizes& shape) { return copied(v, shape, DType::u8); }
Tensor tensor(std::initializer_list<double> values, DType dtype) {
  return Tensor::of(dtype, {int64_t(values.size())}, values);
}
Tensor ints(const Sizes& values) {
  return Tensor::of_ints(DType::i64, {int64_t(values.size())}, std::span<const int64_t>(values.data(), values.size()));
}
std::vector<float> to_vector(const Tensor& x) {
  const Tensor t = x.detach().to(DType::f32).contiguous();
  return {t.data_as<float>(), t.data_as<float>() + t.element_count()};
}
std::vector<int64_t> to_int_vector(const Tensor& x) {
  const Tensor t = x.detach().to(DType::i64).contiguous();
  return {t.data_as<int64_t>(), t.data_as<int64_t>() + t.element_count()};
}

// ---- random numbers ----------------------------------------------------------------------------------------------

void eager::with_own_draws(int64_t seed, const std::function<void()>& f) {
  struct Own : Generator {
    Generator* before = std::exchange(own_generator, this);
    ~Own() { own_generator = before; }
  } own;
  own.seed = seed;
  f();
}
void manual_seed(int64_t seed) {
  Generator& g = generator();
  const std::lock_guard lock(g.mutex);
  g.seed = seed;
  g.drawn = 0;
}
std::pair<int64_t, int64_t> random_state() {
  Generator& g = generator();
  const std::lock_guard lock(g.mutex);
  return {g.seed, g.drawn};
}
void set_random_state(const std::pair<int64_t, int64_t>& state) {
  Generator& g = generator();
  const std::lock_guard lock(g.mutex);
  g.seed = state.first;
  g.drawn = state.second;
}
std::pair<Tensor, Tensor> next_draw() {
  if (capturing) return eager::stager()->draw();
  Generator& g = generator();
  const std::lock_guard lock(g.mutex);
  return {ints({g.seed}), ints({g.drawn++})};
}
Tensor uniform(double low, double high, const Sizes& shape, DType dtype) {
  const auto [key, counter] = next_draw();
  return ops::random_uniform(key, counter, ints(shape), {.low = low, .high = high, .dtype = dtype});
}
Tensor normal(double mean, double deviation, const Sizes& shape, DType dtype) {
  if (!(deviation >= 0)) fail(ErrorCode::invalid_argument, "normal: the deviation is ", deviation, " (0 or more)");
  const auto [key, counter] = next_draw();
  return ops::random_normal(key, counter, ints(shape), {.mean = mean, .scale = deviation, .dtype = dtype});
}
Tensor rand(const Sizes& shape, DType dtype) { return uniform(0, 1, shape, dtype); }
Tensor randn(const Sizes& shape, DType dtype) { return normal(0, 1, shape, dtype); }

Tensor randint(int64_t low, int64_t high, const Sizes& shape) {
  if (high <= low || high - low > (int64_t(1) << 53))
    fail(ErrorCode::invalid_argument, "randint: the integers from ", low, " to ", high - 1,
         " are none, or more than 2**53 (low < high)");
  const double span = double(high - low);
  const Tensor y = ops::floor(uniform(0, 1, shape, DType::f64) * span);
  return minimum(y, span - 1).to(DType::i64) + low;
}
Tensor randperm(int64_t n) {
  if (n < 0) fail(ErrorCode::invalid_argument, "randperm: n is ", n, " (0 or more)");
  if (n == 0) return Tensor::empty(DType::i64, {0});
  return std::get<1>(ops::sort(uniform(0, 1, {n}, DType::f64), {.axis = 0}));
}

// ---- shapes ------------------------------------------------------------------------------------------------------

Tensor reshape(const Tensor& x, const Sizes& shape) { return x.reshape(shape); }
Tensor transpose(const Tensor& x, const Sizes& permutation) {
  require("transpose", x);
  return x.rank() ? ops::transpose(x, list(permutation)) : x;
}
Tensor swap_axes(const Tensor& x, int64_t a, int64_t b) {
  require("swap_axes", x);
  Sizes perm;
  for (int64_t i = 0; i < x.rank(); ++i) perm.push_back(i);
  std::swap(perm[size_t(one_axis("swap_axes", a, x.rank()))], perm[size_t(one_axis("swap_axes", b, x.rank()))]);
  return x.transpose(perm);
}
Tensor flatten(const Tensor& x, int64_t first, int64_t last) {
  require("flatten", x);
  if (x.rank() == 0) return x.reshape({1});
  const int64_t a = one_axis("flatten", first, x.rank()), b = one_axis("flatten", last, x.rank());
  if (a > b)
    fail(ErrorCode::invalid_argument, "flatten: axes ", first, " to ", last, " of ", type_text(x),
         " (the first not behind the last)");
  Sizes shape;
  for (int64_t i = 0; i < x.rank(); ++i) {
    if (i > a && i <= b)
      shape.back() *= x.size(i);
    else
      shape.push_back(x.size(i));
  }
  return x.reshape(shape);
}
Tensor unsqueeze(const Tensor& x, int64_t axis) { return ops::unsqueeze(x, {axis}); }
Tensor squeeze(const Tensor& x, const Sizes& axes) { return ops::squeeze(x, list(axes)); }
Tensor expand(const Tensor& x, const Sizes& shape) { return ops::expand(x, ints(shape)); }

namespace {
std::vector<Tensor> promoted(const char* call, const std::vector<Tensor>& tensors) {
  if (tensors.empty()) fail(ErrorCode::invalid_argument, call, ": there are no tensors (one or more)");
  for (const Tensor& t : tensors) require(call, t);
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) dtype = eager::promote(dtype, t.dtype());
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(t.to(dtype));
  return out;
}
}  // namespace

Tensor concat(const std::vector<Tensor>& tensors, int64_t axis) {
  return ops::concat(promoted("concat", tensors), axis);
}
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis) {
  std::vector<Tensor> in = promoted("stack", tensors);
  for (const Tensor& t : in)
    if (t.shape() != in[0].shape())
      fail(ErrorCode::shape_mismatch, "stack: ", text(in[0]), " and ", text(t), " (one shape)");
  const int64_t a = one_axis("stack", axis, in[0].rank() + 1);
  for (Tensor& t : in) t = unsqueeze(t, a);
  return ops::concat(in, a);
}
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis) {
  require("split", x);
  if (size <= 0) fail(ErrorCode::invalid_argument, "split: the size is ", size, " (1 or more)");
  const int64_t a = one_axis("split", axis, x.rank()), n = x.size(a);
  Sizes sizes;
  for (int64_t at = 0; at < n; at += size) sizes.push_back(std::min(size, n - at));
  return sizes.size() <= 1 ? std::vector<Tensor>{x} : split(x, sizes, a);
}
std::vector<Tensor> split(const Tensor& x, const Sizes& sizes, int64_t axis) {
  return ops::split(x, {.axis = axis, .split = list(sizes)});
}

// ---- sums and products -------------------------------------------------------------------------------------------

Tensor sum(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("sum", x);
  return reduce("reduce_sum", x.to(eager::promote_sum(x.dtype())), many_axes("sum", axes, x.rank()), keepdims);
}
Tensor mean(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("mean", x);
  const Tensor f = is_float(x.dtype()) || is_complex(x.dtype()) ? x : x.to(DType::f32);
  return reduce("reduce_mean", f, many_axes("mean", axes, x.rank()), keepdims);
}
Tensor max(const Tensor& x, const Sizes& axes, bool keepdims) {
  return extreme("max", "reduce_max", x, axes, keepdims);
}
Tensor min(const Tensor& x, const Sizes& axes, bool keepdims) {
  return extreme("min", "reduce_min", x, axes, keepdims);
}
Tensor var(const Tensor& x, const Sizes& axes, double correction, bool keepdims) {
  const Tensor centred = x - mean(x, axes, true);
  int64_t n = 1;
  for (int64_t a : many_axes("var", axes, x.rank())) n *= x.size(a);
  return sum(centred * centred, axes, keepdims) / std::max(double(n) - correction, 0.0);
}
Tensor argmax(const Tensor& x, int64_t axis, bool keepdims) { return place_of("argmax", "arg_max", x, axis, keepdims); }
Tensor argmin(const Tensor& x, int64_t axis, bool keepdims) { return place_of("argmin", "arg_min", x, axis, keepdims); }

Tensor matmul(const Tensor& a, const Tensor& b) {
  require("matmul", a);
  require("matmul", b);
  if (!a.is_captured() && !b.is_captured() && (!a.rank() || !b.rank() || a.size(-1) != b.size(b.rank() > 1 ? -2 : -1)))
    fail(ErrorCode::shape_mismatch, "matmul: a is ", text(a), " and b ", text(b),
         " (a [.., m, k] and b [.., k, n], or vectors [k])");
  static const Operator o("matmul");
  return eager::binary(o, a, b);
}

// ---- indexing ----------------------------------------------------------------------------------------------------

Tensor Tensor::operator[](int64_t i) const { return neve::index(*this, {i}); }
Tensor index(const Tensor& x, const std::vector<Index>& index) { return eager::get_item(x, converted(index)); }
void set_index(const Tensor& x, const std::vector<Index>& index, const Tensor& value) {
  eager::set_item(x, converted(index), value, "set_index");
}
void set_index(const Tensor& x, const std::vector<Index>& index, Number value) {
  set_index(x, index, value.beside(x.dtype()));
}

}  // namespace neve
