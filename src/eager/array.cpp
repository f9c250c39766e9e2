// The functions of neve/array.h, made of recorded ops.
#include <neve/array.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "eager/arguments.h"
#include "eager/promote.h"

namespace neve {
namespace {

using eager::list;
using eager::many_axes;
using eager::one_axis;
using eager::reduce;
using eager::require;
using eager::text;

constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor floating(const char* call, const Tensor& x) {
  require(call, x);
  return is_float(x.dtype()) || is_complex(x.dtype()) ? x : x.to(DType::f32);
}
std::pair<Tensor, Tensor> floats(const char* call, const Tensor& a, const Tensor& b) {
  const Tensor x = floating(call, a), y = floating(call, b);
  const DType t = eager::promote(x.dtype(), y.dtype());
  return {x.to(t), y.to(t)};
}
Tensor bools(const char* call, const Tensor& x) {
  require(call, x);
  return x.dtype() == DType::boolean ? x : x != 0;
}
// A result that is the same for every element of x, as integers are never NaN.
Tensor never(const Tensor& x) { return ops::not_equal(x, x); }

Tensor indices(const char* call, const Tensor& i) {
  if (!i.defined() || !is_int(i.dtype()))
    fail(ErrorCode::type_mismatch, call, ": index is ", text(i), " (a tensor of integers)");
  return i.dtype() == DType::i32 ? i : i.to(DType::i64);
}
void require_mask(const char* call, const Tensor& mask) {
  if (!mask.defined() || mask.dtype() != DType::boolean)
    fail(ErrorCode::type_mismatch, call, ": mask is ", text(mask), " (bool)");
}
Tensor shifted(const char* call, const Tensor& a, const Tensor& b, const char* direction) {
  require(call, a);
  require(call, b);
  const DType t = eager::promote(a.dtype(), b.dtype());
  return ops::bit_shift(a.to(t), b.to(t), direction);
}

}  // namespace

// ---- elementwise -------------------------------------------------------------------------------------------------

Tensor floor_divide(const Tensor& a, const Tensor& b) { return eager::floor_divide(a, b); }
Tensor fmod(const Tensor& a, const Tensor& b) {
  require("fmod", a);
  require("fmod", b);
  const DType t = eager::promote(a.dtype(), b.dtype());
  return ops::mod(a.to(t), b.to(t), true);
}
Tensor fmax(const Tensor& a, const Tensor& b) { return where(isnan(a), b, where(isnan(b), a, maximum(a, b))); }
Tensor fmin(const Tensor& a, const Tensor& b) { return where(isnan(a), b, where(isnan(b), a, minimum(a, b))); }
Tensor hypot(const Tensor& a, const Tensor& b) {
  const auto [x, y] = floats("hypot", a, b);
  const Tensor big = maximum(abs(x), abs(y)), small = minimum(abs(x), abs(y));
  const Tensor r = small / where(big == 0, 1.0, big);
  return where(ops::or_(isinf(x), isinf(y)), infinity, big * sqrt(r * r + 1));
}
Tensor logaddexp(const Tensor& a, const Tensor& b) {
  const auto [x, y] = floats("logaddexp", a, b);
  const Tensor high = maximum(x, y), low = minimum(x, y);
  return high + log1p(exp(where(low == high, 0.0, low - high)));  // equal: not inf - inf
}
Tensor copysign(const Tensor& a, const Tensor& b) {
  const auto [x, y] = floats("copysign", a, b);
  return where(signbit(y), -abs(x), abs(x));
}
Tensor xlogy(const Tensor& a, const Tensor& b) {
  const auto [x, y] = floats("xlogy", a, b);
  const Tensor none = logical_and(x == 0, !isnan(y));
  return where(none, 0.0, x * log(where(none, 1.0, y)));
}
Tensor heaviside(const Tensor& a, const Tensor& b) {
  const auto [x, y] = floats("heaviside", a, b);
  return where(isnan(x), x, where(x < 0, 0.0, where(x == 0, y, ones_like(x))));
}
Tensor ldexp(const Tensor& a, const Tensor& b) {
  const Tensor x = floating("ldexp", a);
  require("ldexp", b);
  return x * exp2(b.to(x.dtype()));
}
Tensor float_power(const Tensor& a, const Tensor& b) {
  require("float_power", a);
  require("float_power", b);
  return pow(a.to(DType::f64), b.to(DType::f64));
}
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b) { return shifted("bitwise_left_shift", a, b, "LEFT"); }
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b) { return shifted("bitwise_right_shift", a, b, "RIGHT"); }
Tensor lerp(const Tensor& start, const Tensor& end, const Tensor& weight) { return start + weight * (end - start); }
Tensor lerp(const Tensor& start, const Tensor& end, Number weight) { return start + weight * (end - start); }
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, Number value) { return x + a * b * value; }
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, Number value) { return x + a / b * value; }

Tensor square(const Tensor& x) { return x * x; }
Tensor exp2(const Tensor& x) {
  const Tensor t = floating("exp2", x);
  return ops::pow(Tensor::scalar(t.dtype(), 2), t);
}
Tensor log2(const Tensor& x) { return log(floating("log2", x)) * (1 / std::numbers::ln2); }
Tensor log10(const Tensor& x) { return log(floating("log10", x)) * (1 / std::numbers::ln10); }
Tensor erfc(const Tensor& x) { return 1 - erf(floating("erfc", x)); }
Tensor frac(const Tensor& x) {
  const Tensor t = floating("frac", x);
  return t - trunc(t);
}
Tensor deg2rad(const Tensor& x) { return floating("deg2rad", x) * (std::numbers::pi / 180); }
Tensor rad2deg(const Tensor& x) { return floating("rad2deg", x) * (180 / std::numbers::pi); }
Tensor sinc(const Tensor& x) {
  const Tensor t = floating("sinc", x), zero = t == 0, p = where(zero, 1.0, t * std::numbers::pi);
  return where(zero, 1.0, sin(p) / p);
}
Tensor logit(const Tensor& x) {
  const Tensor t = floating("logit", x);
  return log(t / (1 - t));
}
Tensor nan_to_num(const Tensor& x, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  require("nan_to_num", x);
  if (!is_float(x.dtype())) return x.clone();
  const double big = x.dtype() == DType::f64   ? std::numeric_limits<double>::max()
                     : x.dtype() == DType::f32 ? double(std::numeric_limits<float>::max())
                     : x.dtype() == DType::f16 ? 65504.0
                                               : 3.3895313892515355e38;  // bf16
  const Tensor y = where(isposinf(x), posinf.value_or(big), where(isnan(x), nan, x));
  return where(isneginf(x), neginf.value_or(-big), y);
}

// ---- tests -------------------------------------------------------------------------------------------------------

Tensor isnan(const Tensor& x) {
  require("isnan", x);
  return is_float(x.dtype()) ? ops::is_nan(x) : never(x);
}
Tensor isinf(const Tensor& x) {
  require("isinf", x);
  return is_float(x.dtype()) ? ops::is_inf(x) : never(x);
}
Tensor isposinf(const Tensor& x) {
  require("isposinf", x);
  return is_float(x.dtype()) ? ops::is_inf(x, {.detect_negative = false}) : never(x);
}
Tensor isneginf(const Tensor& x) {
  require("isneginf", x);
  return is_float(x.dtype()) ? ops::is_inf(x, {.detect_positive = false}) : never(x);
}
Tensor isfinite(const Tensor& x) { return !ops::or_(isnan(x), isinf(x)); }
Tensor signbit(const Tensor& x) {
  require("signbit", x);
  if (is_unsigned_int(x.dtype()) || x.dtype() == DType::boolean) return never(x);
  if (!is_float(x.dtype())) return x < 0;
  const int64_t bytes = size_of(x.dtype());
  return ops::bit_cast(x, bytes == 8 ? DType::i64 : bytes == 4 ? DType::i32 : DType::i16) < 0;
}
Tensor logical_and(const Tensor& a, const Tensor& b) {
  return ops::and_(bools("logical_and", a), bools("logical_and", b));
}
Tensor logical_or(const Tensor& a, const Tensor& b) { return ops::or_(bools("logical_or", a), bools("logical_or", b)); }
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return ops::xor_(bools("logical_xor", a), bools("logical_xor", b));
}
Tensor logical_not(const Tensor& x) { return ops::not_(bools("logical_not", x)); }
Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  const auto [x, y] = floats("isclose", a, b);
  const Tensor near = ops::and_(abs(x - y) <= abs(y) * rtol + atol, isfinite(y)), close = ops::or_(x == y, near);
  return equal_nan ? ops::or_(close, ops::and_(isnan(x), isnan(y))) : close;
}
bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item() != 0;
}

// ---- over axes ---------------------------------------------------------------------------------------------------

Tensor prod(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("prod", x);
  return reduce("reduce_prod", x.to(eager::promote_sum(x.dtype())), many_axes("prod", axes, x.rank()), keepdims);
}
Tensor any(const Tensor& x, const Sizes& axes, bool keepdims) {
  const Tensor b = bools("any", x);
  return reduce("reduce_sum", b.to(DType::i32), many_axes("any", axes, x.rank()), keepdims) > 0;
}
Tensor all(const Tensor& x, const Sizes& axes, bool keepdims) {
  const Tensor b = ops::not_(bools("all", x));
  return reduce("reduce_sum", b.to(DType::i32), many_axes("all", axes, x.rank()), keepdims) == 0;
}
Tensor count_nonzero(const Tensor& x, const Sizes& axes, bool keepdims) {
  return sum(bools("count_nonzero", x), axes, keepdims);
}
Tensor std(const Tensor& x, const Sizes& axes, double correction, bool keepdims) {
  return sqrt(var(x, axes, correction, keepdims));
}
Tensor logsumexp(const Tensor& x, const Sizes& axes, bool keepdims) {
  const Tensor t = floating("logsumexp", x);
  return reduce("reduce_log_sum_exp", t, many_axes("logsumexp", axes, x.rank()), keepdims);
}
Tensor ptp(const Tensor& x, const Sizes& axes, bool keepdims) {
  return max(x, axes, keepdims) - min(x, axes, keepdims);
}
Tensor nansum(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("nansum", x);
  return sum(is_float(x.dtype()) ? where(isnan(x), 0.0, x) : x, axes, keepdims);
}
Tensor nanmean(const Tensor& x, const Sizes& axes, bool keepdims) {
  const Tensor t = floating("nanmean", x);
  return nansum(t, axes, keepdims) / sum((!isnan(t)).to(t.dtype()), axes, keepdims);
}
Tensor nanmax(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("nanmax", x);
  if (!is_float(x.dtype())) return max(x, axes, keepdims);
  const Tensor nan = isnan(x), y = max(where(nan, -infinity, x), axes, keepdims);
  return where(all(nan, axes, keepdims), std::nan(""), y);
}
Tensor nanmin(const Tensor& x, const Sizes& axes, bool keepdims) {
  require("nanmin", x);
  return is_float(x.dtype()) ? -nanmax(-x, axes, keepdims) : min(x, axes, keepdims);
}
Tensor norm(const Tensor& x, double p, const Sizes& axes, bool keepdims) {
  const Tensor t = floating("norm", x), size = abs(t);
  const std::vector<int64_t> over = many_axes("norm", axes, x.rank());
  if (over.empty()) return size;
  if (p == infinity) return max(size, axes, keepdims);
  if (p == -infinity) return min(size, axes, keepdims);
  if (p == 0) return reduce("reduce_sum", (t != 0).to(t.dtype()), over, keepdims);
  if (p == 1) return reduce("reduce_sum", size, over, keepdims);
  if (p == 2) return reduce("reduce_l2", t, over, keepdims);
  return pow(reduce("reduce_sum", pow(size, p), over, keepdims), 1 / p);
}

Tensor quantile(const Tensor& x, double q, int64_t axis, bool keepdims) {
  const Tensor t = floating("quantile", x);
  if (!(q >= 0 && q <= 1)) fail(ErrorCode::invalid_argument, "quantile: q is ", q, " (a share from 0 to 1)");
  const int64_t a = one_axis("quantile", axis, t.rank()), n = t.size(a);
  if (n == 0)
    fail(ErrorCode::invalid_argument, "quantile: axis ", a, " of ", text(x), " is empty (one element or more)");
  const Tensor values = std::get<0>(ops::sort(t, {.axis = a}));
  const double at = q * double(n - 1);
  const int64_t low = int64_t(std::floor(at));
  Tensor y = narrow(values, a, low, 1);
  if (double(low) != at) y = y + (narrow(values, a, low + 1, 1) - y) * (at - double(low));
  y = where(any(isnan(t), {a}, true), std::nan(""), y);
  return keepdims ? y : squeeze(y, {a});
}
Tensor quantile(const Tensor& x, double q) {
  require("quantile", x);
  return quantile(ravel(x), q, 0);
}
Tensor median(const Tensor& x, int64_t axis, bool keepdims) { return quantile(x, 0.5, axis, keepdims); }
Tensor median(const Tensor& x) { return quantile(x, 0.5); }

namespace {
Tensor summable(const char* call, const Tensor& x) {
  require(call, x);
  if (is_unsigned_int(x.dtype())) return x.to(DType::u64);
  return is_int(x.dtype()) || x.dtype() == DType::boolean ? x.to(DType::i64) : x;
}
}  // namespace

Tensor cumsum(const Tensor& x, int64_t axis) {
  const Tensor t = summable("cumsum", x);
  return ops::cum_sum(t, {.axis = one_axis("cumsum", axis, t.rank())});
}
Tensor cumprod(const Tensor& x, int64_t axis) {
  const Tensor t = summable("cumprod", x);
  return ops::cum_prod(t, {.axis = one_axis("cumprod", axis, t.rank())});
}
Tensor diff(const Tensor& x, int64_t n, int64_t axis) {
  require("diff", x);
  const int64_t a = one_axis("diff", axis, x.rank());
  if (n < 0) fail(ErrorCode::invalid_argument, "diff: n is ", n, " (0 or more)");
  Tensor t = x;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t last = std::max<int64_t>(t.size(a) - 1, 0), first = std::min<int64_t>(1, t.size(a));
    const Tensor high = narrow(t, a, first, last), low = narrow(t, a, 0, last);
    t = t.dtype() == DType::boolean ? high != low : high - low;
  }
  return t;
}

// ---- shapes ------------------------------------------------------------------------------------------------------

Tensor moveaxis(const Tensor& x, const Sizes& from, const Sizes& to) {
  require("moveaxis", x);
  if (from.size() != to.size())
    fail(ErrorCode::invalid_argument, "moveaxis: ", list(from), " to ", list(to), " (as many axes as places)");
  if (from.empty()) return x;  // no axes would be all
  const std::vector<int64_t> f = many_axes("moveaxis", from, x.rank()), t = many_axes("moveaxis", to, x.rank());
  std::vector<int64_t> order, rest;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (std::find(f.begin(), f.end(), i) == f.end()) rest.push_back(i);
  for (int64_t i = 0, next = 0; i < x.rank(); ++i) {
    const auto k = std::find(t.begin(), t.end(), i) - t.begin();
    order.push_back(k < std::ssize(t) ? f[size_t(k)] : rest[size_t(next++)]);
  }
  return ops::transpose(x, order);
}
Tensor moveaxis(const Tensor& x, int64_t from, int64_t to) { return moveaxis(x, Sizes{from}, Sizes{to}); }
Tensor unflatten(const Tensor& x, int64_t axis, const Sizes& sizes) {
  require("unflatten", x);
  const int64_t a = one_axis("unflatten", axis, x.rank());
  int64_t known = 1, open = 0;
  for (int64_t n : sizes) n == -1 ? ++open : known *= n;
  const int64_t n = x.size(a);
  if (open > 1 || (open ? known <= 0 || n % known : known != n))
    fail(ErrorCode::shape_mismatch, "unflatten: sizes are ", list(sizes), " for axis ", a, " of ", text(x),
         " (sizes whose product is ", n, "; one may be -1)");
  Sizes shape;
  for (int64_t i = 0; i < x.rank(); ++i) {
    if (i != a) shape.push_back(x.size(i));
    if (i == a)
      for (int64_t k : sizes) shape.push_back(k == -1 ? n / known : k);
  }
  return x.reshape(shape);
}
std::vector<Tensor> chunk(const Tensor& x, int64_t parts, int64_t axis) {
  require("chunk", x);
  if (parts <= 0) fail(ErrorCode::invalid_argument, "chunk: parts is ", parts, " (1 or more)");
  const int64_t n = x.size(one_axis("chunk", axis, x.rank()));
  return split(x, std::max<int64_t>((n + parts - 1) / parts, 1), axis);
}
std::vector<Tensor> array_split(const Tensor& x, int64_t parts, int64_t axis) {
  require("array_split", x);
  const int64_t n = x.size(one_axis("array_split", axis, x.rank()));
  if (parts <= 0) fail(ErrorCode::invalid_argument, "array_split: parts is ", parts, " (1 or more)");
  Sizes cuts;
  for (int64_t i = 1; i < parts; ++i) cuts.push_back(i * (n / parts) + std::min(i, n % parts));
  return array_split(x, cuts, axis);
}
std::vector<Tensor> array_split(const Tensor& x, const Sizes& cuts, int64_t axis) {
  require("array_split", x);
  const int64_t a = one_axis("array_split", axis, x.rank()), n = x.size(a);
  std::vector<Tensor> all;
  int64_t begin = 0;
  auto put = [&](int64_t end) {
    all.push_back(narrow(x, a, begin, std::max<int64_t>(end - begin, 0)));
    begin = end;
  };
  for (int64_t c : cuts) put(std::clamp<int64_t>(c < 0 ? c + n : c, 0, n));
  put(n);
  return all;
}
std::vector<Tensor> unbind(const Tensor& x, int64_t axis) {
  require("unbind", x);
  const int64_t a = one_axis("unbind", axis, x.rank());
  std::vector<Tensor> all;
  for (int64_t i = 0; i < x.size(a); ++i) all.push_back(select(x, a, i));
  return all;
}
Tensor narrow(const Tensor& x, int64_t axis, int64_t begin, int64_t length) {
  require("narrow", x);
  const int64_t a = one_axis("narrow", axis, x.rank()), n = x.size(a), from = begin < 0 ? begin + n : begin;
  if (from < 0 || length < 0 || from + length > n)
    fail(ErrorCode::invalid_argument, "narrow: begin is ", begin, " and length ", length, " for axis ", a, " of ",
         text(x), " (a part of ", n, " elements)");
  return x.slice(a, from, from + length);
}
Tensor select(const Tensor& x, int64_t axis, int64_t at) {
  require("select", x);
  const int64_t a = one_axis("select", axis, x.rank()), n = x.size(a);
  if (at < -n || at >= n)
    fail(ErrorCode::invalid_argument, "select: the index is ", at, " for axis ", a, " of ", text(x),
         " (it must lie in [", -n, ", ", n, "))");
  return squeeze(narrow(x, a, at, 1), {a});
}
Tensor flip(const Tensor& x, const Sizes& axes) {
  require("flip", x);
  std::vector<Index> all(size_t(x.rank()), Slice{});
  for (int64_t a : many_axes("flip", axes, x.rank())) all[size_t(a)] = Slice{.step = -1};
  return index(x, all).clone();
}
Tensor rot90(const Tensor& x, int64_t times, int64_t a, int64_t b) {
  require("rot90", x);
  const int64_t i = one_axis("rot90", a, x.rank()), j = one_axis("rot90", b, x.rank());
  if (i == j) fail(ErrorCode::invalid_argument, "rot90: axes are ", a, " and ", b, " (two different ones)");
  switch (((times % 4) + 4) % 4) {
    case 1:
      return flip(swap_axes(x, i, j), {i});
    case 2:
      return flip(x, {i, j});
    case 3:
      return flip(swap_axes(x, i, j), {j});
    default:
      return x.clone();
  }
}
Tensor repeat_interleave(const Tensor& x, int64_t times, int64_t axis) {
  require("repeat_interleave", x);
  if (times < 0) fail(ErrorCode::invalid_argument, "repeat_interleave: times is ", times, " (0 or more)");
  const int64_t a = one_axis("repeat_interleave", axis, x.rank());
  Sizes wide = x.shape(), shape = x.shape();
  wide.insert(wide.begin() + a + 1, times);
  shape[size_t(a)] *= times;
  return expand(unsqueeze(x, a + 1), wide).reshape(shape);
}
Tensor tile(const Tensor& x, const Sizes& times) {
  require("tile", x);
  Tensor t = x;
  while (t.rank() < int64_t(times.size())) t = unsqueeze(t, 0);
  Sizes all(size_t(t.rank()) - times.size(), 1);
  for (int64_t n : times) all.push_back(n);
  return ops::tile(t, ints(all));
}

// ---- elements by index -------------------------------------------------------------------------------------------

Tensor take(const Tensor& x, const Tensor& at) {
  require("take", x);
  return ops::gather(ravel(x), indices("take", at), 0);
}
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& at) {
  require("index_select", x);
  return ops::gather(x, indices("index_select", at), one_axis("index_select", axis, x.rank()));
}
Tensor take_along_axis(const Tensor& x, const Tensor& at, int64_t axis) {
  require("take_along_axis", x);
  return ops::gather_elements(x, indices("take_along_axis", at), one_axis("take_along_axis", axis, x.rank()));
}

namespace {

Tensor scattered(const char* call, const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source,
                 const std::string& reduction) {
  require(call, x);
  const Tensor i = indices(call, index);
  require(call, source);
  const int64_t a = one_axis(call, axis, x.rank());
  Tensor s = source.to(x.dtype());
  if (s.rank() == 0) s = expand(s, i.shape());
  bool fits = i.rank() == x.rank() && s.rank() == x.rank();
  for (int64_t k = 0; fits && k < x.rank(); ++k) fits = s.size(k) >= i.size(k);
  if (!fits)
    fail(ErrorCode::shape_mismatch, call, ": x is ", text(x), ", index ", text(i), " and source ", text(source),
         " (one rank, source as large as index)");
  for (int64_t k = 0; k < x.rank(); ++k)
    if (s.size(k) != i.size(k)) s = narrow(s, k, 0, i.size(k));
  return ops::scatter_elements(x, i, s, {.axis = a, .reduction = reduction});
}

Tensor index_into(const char* call, const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source,
                  const std::string& reduction) {
  require(call, x);
  const Tensor i = indices(call, index);
  const int64_t a = one_axis(call, axis, x.rank());
  Sizes shape = x.shape(), row(size_t(x.rank()), 1);
  shape[size_t(a)] = row[size_t(a)] = i.element_count();
  if (source.rank() && source.shape() != shape)
    fail(ErrorCode::shape_mismatch, call, ": source is ", text(source), " (", shape, ", or one number)");
  return ops::scatter_elements(x, expand(i.reshape(row), shape), expand(source.to(x.dtype()), shape),
                               {.axis = a, .reduction = reduction});
}

}  // namespace

Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  return scattered("scatter", x, axis, index, source, "none");
}
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source) {
  return scattered("scatter_add", x, axis, index, source, "add");
}
Tensor scatter_reduce(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source,
                      const std::string& how) {
  const char* reduction = how == "sum" ? "add" : how == "prod" ? "mul" : how == "amax" ? "max" : "min";
  if (how != "sum" && how != "prod" && how != "amax" && how != "amin")
    fail(ErrorCode::invalid_argument, "scatter_reduce: reduce is '", how, "' ('sum', 'prod', 'amax' or 'amin')");
  return scattered("scatter_reduce", x, axis, index, source, reduction);
}
Tensor index_add(const Tensor& x, int64_t axis, const Tensor& at, const Tensor& source) {
  return index_into("index_add", x, axis, at, source, "add");
}
Tensor index_copy(const Tensor& x, int64_t axis, const Tensor& at, const Tensor& source) {
  return index_into("index_copy", x, axis, at, source, "none");
}
Tensor index_fill(const Tensor& x, int64_t axis, const Tensor& at, Number value) {
  require("index_fill", x);
  return index_into("index_fill", x, axis, at, value.beside(x.dtype()), "none");
}
Tensor masked_fill(const Tensor& x, const Tensor& mask, Number value) {
  require("masked_fill", x);
  require_mask("masked_fill", mask);
  return ops::where(mask, value.beside(x.dtype()).to(x.dtype()), x);
}
Tensor masked_select(const Tensor& x, const Tensor& mask) {
  require("masked_select", x);
  require_mask("masked_select", mask);
  const Tensor wide = where(mask, x, x), held = mask.shape() == wide.shape() ? mask : expand(mask, wide.shape());
  return ops::compress(ravel(wide), ravel(held), 0);
}
Tensor argwhere(const Tensor& x) { return ops::transpose(ops::non_zero(bools("argwhere", x)), {1, 0}); }
std::vector<Tensor> nonzero(const Tensor& x) {
  const Tensor b = bools("nonzero", x);
  if (!x.rank()) fail(ErrorCode::shape_mismatch, "nonzero: x is ", text(x), " (rank 1 or more)");
  return unbind(ops::non_zero(b), 0);
}
std::tuple<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  require("topk", x);
  const int64_t a = one_axis("topk", axis, x.rank());
  if (k < 0 || k > x.size(a))
    fail(ErrorCode::invalid_argument, "topk: k is ", k, " for axis ", a, " of ", text(x), " (0 to ", x.size(a), ")");
  return ops::top_k(x, ints({k}), {.axis = a, .largest = largest});
}
Tensor argsort(const Tensor& x, int64_t axis, bool descending) {
  require("argsort", x);
  return std::get<1>(ops::sort(x, {.axis = one_axis("argsort", axis, x.rank()), .descending = descending}));
}

}  // namespace neve
