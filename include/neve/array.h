// The rest of NumPy's functions on tensors: tests, statistics, running sums, order, scattering, small linear algebra.
// What models are mostly made of is in neve/functions.h. All of them are methods as well: x.cumsum(0), x.norm().
#pragma once
#include <neve/functions.h>

#include <tuple>
#include <vector>

namespace neve {

// ---- elementwise, with broadcasting and promotion ----------------------------------------------------------------

inline Tensor add(const Tensor& a, const Tensor& b) { return a + b; }
inline Tensor sub(const Tensor& a, const Tensor& b) { return a - b; }
inline Tensor mul(const Tensor& a, const Tensor& b) { return a * b; }
inline Tensor div(const Tensor& a, const Tensor& b) { return a / b; }
inline Tensor eq(const Tensor& a, const Tensor& b) { return a == b; }
inline Tensor ne(const Tensor& a, const Tensor& b) { return a != b; }
inline Tensor lt(const Tensor& a, const Tensor& b) { return a < b; }
inline Tensor le(const Tensor& a, const Tensor& b) { return a <= b; }
inline Tensor gt(const Tensor& a, const Tensor& b) { return a > b; }
inline Tensor ge(const Tensor& a, const Tensor& b) { return a >= b; }
Tensor floor_divide(const Tensor& a, const Tensor& b);  ///< towards minus infinity, as Python's //
Tensor fmod(const Tensor& a, const Tensor& b);          ///< a modulo b, with the sign of a
Tensor fmax(const Tensor& a, const Tensor& b);          ///< the larger one; where one is NaN, the other
Tensor fmin(const Tensor& a, const Tensor& b);
Tensor hypot(const Tensor& a, const Tensor& b);        ///< sqrt(a * a + b * b), without overflow between
Tensor logaddexp(const Tensor& a, const Tensor& b);    ///< log(exp(a) + exp(b)), without overflow
Tensor copysign(const Tensor& a, const Tensor& b);     ///< |a| with the sign of b
Tensor xlogy(const Tensor& a, const Tensor& b);        ///< a * log(b), 0 where a is 0
Tensor heaviside(const Tensor& a, const Tensor& b);    ///< 0 below 0, b at 0, 1 above
Tensor ldexp(const Tensor& a, const Tensor& b);        ///< a 2^b, as floats
Tensor float_power(const Tensor& a, const Tensor& b);  ///< a^b, computed in f64
/// The bits of integers moved up or down by b places; signed ones keep their sign.
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b);
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b);
Tensor lerp(const Tensor& start, const Tensor& end, const Tensor& weight);  ///< start + weight (end - start)
Tensor lerp(const Tensor& start, const Tensor& end, Number weight);
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, Number value = 1);  ///< x + value a b
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, Number value = 1);  ///< x + value a / b
inline Tensor add(const Tensor& a, Number b) { return a + b; }
inline Tensor sub(const Tensor& a, Number b) { return a - b; }
inline Tensor mul(const Tensor& a, Number b) { return a * b; }
inline Tensor div(const Tensor& a, Number b) { return a / b; }
inline Tensor eq(const Tensor& a, Number b) { return a == b; }
inline Tensor ne(const Tensor& a, Number b) { return a != b; }
inline Tensor lt(const Tensor& a, Number b) { return a < b; }
inline Tensor le(const Tensor& a, Number b) { return a <= b; }
inline Tensor gt(const Tensor& a, Number b) { return a > b; }
inline Tensor ge(const Tensor& a, Number b) { return a >= b; }
inline Tensor remainder(const Tensor& a, Number b) { return remainder(a, b.beside(a.dtype())); }
inline Tensor floor_divide(const Tensor& a, Number b) { return floor_divide(a, b.beside(a.dtype())); }
inline Tensor fmod(const Tensor& a, Number b) { return fmod(a, b.beside(a.dtype())); }
inline Tensor ldexp(const Tensor& a, Number b) { return ldexp(a, b.beside(a.dtype())); }
inline Tensor float_power(const Tensor& a, Number b) { return float_power(a, b.beside(DType::f64)); }
inline Tensor bitwise_left_shift(const Tensor& a, Number b) { return bitwise_left_shift(a, b.beside(a.dtype())); }
inline Tensor bitwise_right_shift(const Tensor& a, Number b) { return bitwise_right_shift(a, b.beside(a.dtype())); }
inline Tensor clamp(const Tensor& x, Number low, Number high) { return clip(x, low, high); }
Tensor square(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor erfc(const Tensor& x);     ///< 1 - erf(x)
Tensor frac(const Tensor& x);     ///< the fraction, with its sign
Tensor deg2rad(const Tensor& x);  ///< degrees as radians
Tensor rad2deg(const Tensor& x);
Tensor sinc(const Tensor& x);   ///< sin(pi x) / (pi x), 1 at 0
Tensor logit(const Tensor& x);  ///< log(x / (1 - x))
/// NaN and the infinities replaced; the infinities by the largest finite numbers where none are given.
Tensor nan_to_num(const Tensor& x, double nan = 0, std::optional<double> posinf = {},
                  std::optional<double> neginf = {});

// ---- tests: bool -------------------------------------------------------------------------------------------------

Tensor isnan(const Tensor& x);  ///< never of integers, as the four below
Tensor isinf(const Tensor& x);
Tensor isposinf(const Tensor& x);
Tensor isneginf(const Tensor& x);
Tensor isfinite(const Tensor& x);                      ///< neither infinite nor NaN
Tensor signbit(const Tensor& x);                       ///< whether the sign bit is set, of -0.0 too
Tensor logical_and(const Tensor& a, const Tensor& b);  ///< numbers count as true where they are not 0
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);
/// Whether |a - b| <= atol + rtol |b|; equal infinities are close.
Tensor isclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
/// Whether isclose holds everywhere.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);

// ---- over axes; none: all ----------------------------------------------------------------------------------------

Tensor prod(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);  ///< dtypes as of sum
inline Tensor amax(const Tensor& x, const Sizes& axes = {}, bool keepdims = false) { return max(x, axes, keepdims); }
inline Tensor amin(const Tensor& x, const Sizes& axes = {}, bool keepdims = false) { return min(x, axes, keepdims); }
Tensor any(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);  ///< of nothing false
Tensor all(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);  ///< of nothing true
Tensor count_nonzero(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor std(const Tensor& x, const Sizes& axes = {}, double correction = 0, bool keepdims = false);  ///< sqrt of var
Tensor logsumexp(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);  ///< without overflow
Tensor ptp(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);        ///< max - min
Tensor nansum(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);     ///< of what is not NaN
Tensor nanmean(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor nanmax(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor nanmin(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
/// Norm of vectors over axes: (sum |x|^p)^(1 / p); infinity: the largest, -infinity: the smallest, 0: how many not 0.
Tensor norm(const Tensor& x, double p = 2, const Sizes& axes = {}, bool keepdims = false);
/// The value below which the share q of the elements of an axis lies, interpolated; NaN if one is NaN.
/// @throws Error{invalid_argument} for q outside of [0, 1] and for an empty axis
Tensor quantile(const Tensor& x, double q, int64_t axis, bool keepdims = false);
Tensor quantile(const Tensor& x, double q);  ///< of all elements
Tensor median(const Tensor& x, int64_t axis, bool keepdims = false);
Tensor median(const Tensor& x);
Tensor cumsum(const Tensor& x, int64_t axis);  ///< running sums; dtypes as of sum
Tensor cumprod(const Tensor& x, int64_t axis);
Tensor diff(const Tensor& x, int64_t n = 1, int64_t axis = -1);  ///< of neighbours, n times

// ---- shapes ------------------------------------------------------------------------------------------------------

inline Tensor permute(const Tensor& x, const Sizes& permutation) { return transpose(x, permutation); }
inline Tensor swapaxes(const Tensor& x, int64_t a, int64_t b) { return swap_axes(x, a, b); }
inline Tensor view(const Tensor& x, const Sizes& shape) { return reshape(x, shape); }  ///< copies where it must
inline Tensor reshape_as(const Tensor& x, const Tensor& other) { return reshape(x, other.shape()); }
inline Tensor view_as(const Tensor& x, const Tensor& other) { return reshape(x, other.shape()); }
inline Tensor broadcast_to(const Tensor& x, const Sizes& shape) { return expand(x, shape); }
inline Tensor expand_as(const Tensor& x, const Tensor& other) { return expand(x, other.shape()); }
inline Tensor expand_dims(const Tensor& x, int64_t axis) { return unsqueeze(x, axis); }
inline Tensor ravel(const Tensor& x) { return reshape(x, {-1}); }
Tensor moveaxis(const Tensor& x, int64_t from, int64_t to);
/// Several axes to other places, the others in their order; view.
/// @throws Error{invalid_argument} for other numbers of axes and places
Tensor moveaxis(const Tensor& x, const Sizes& from, const Sizes& to);
inline Tensor movedim(const Tensor& x, int64_t from, int64_t to) { return moveaxis(x, from, to); }
inline Tensor movedim(const Tensor& x, const Sizes& from, const Sizes& to) { return moveaxis(x, from, to); }
Tensor unflatten(const Tensor& x, int64_t axis, const Sizes& sizes);  ///< one axis as several; one size may be -1
std::vector<Tensor> chunk(const Tensor& x, int64_t parts, int64_t axis = 0);  ///< at most `parts`, of one size
/// `parts` views of nearly one size, the first ones larger by one; or cut at the places given.
std::vector<Tensor> array_split(const Tensor& x, int64_t parts, int64_t axis = 0);
std::vector<Tensor> array_split(const Tensor& x, const Sizes& cuts, int64_t axis = 0);
inline std::vector<Tensor> tensor_split(const Tensor& x, int64_t parts, int64_t axis = 0) {
  return array_split(x, parts, axis);
}
inline std::vector<Tensor> tensor_split(const Tensor& x, const Sizes& cuts, int64_t axis = 0) {
  return array_split(x, cuts, axis);
}
std::vector<Tensor> unbind(const Tensor& x, int64_t axis = 0);                ///< the slices of an axis, without it
Tensor narrow(const Tensor& x, int64_t axis, int64_t begin, int64_t length);  ///< view
Tensor select(const Tensor& x, int64_t axis, int64_t at);                     ///< one slice of an axis, without it
Tensor flip(const Tensor& x, const Sizes& axes = {});                         ///< none: all; a new tensor
inline Tensor flipud(const Tensor& x) { return flip(x, {0}); }
inline Tensor fliplr(const Tensor& x) { return flip(x, {1}); }
Tensor rot90(const Tensor& x, int64_t times = 1, int64_t a = 0, int64_t b = 1);  ///< turned from axis a to axis b
Tensor repeat_interleave(const Tensor& x, int64_t times, int64_t axis);          ///< every slice `times` times
Tensor tile(const Tensor& x, const Sizes& times);                                ///< the whole repeated along each axis

// ---- elements by index -------------------------------------------------------------------------------------------

Tensor take(const Tensor& x, const Tensor& indices);                           ///< of the flat tensor
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& indices);     ///< slices of an axis
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int64_t axis);  ///< x[indices[i][j]][j] for axis 0
/// x with y[index[i][j]][j] = source[i][j] for axis 0; of repeated indices the last wins. As torch.scatter.
Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);
Tensor scatter_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);
/// @param reduce  "sum", "prod", "amax" or "amin"
Tensor scatter_reduce(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source,
                      const std::string& reduce);
Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);   ///< slices added
Tensor index_copy(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);  ///< slices put
Tensor index_fill(const Tensor& x, int64_t axis, const Tensor& index, Number value);
Tensor masked_fill(const Tensor& x, const Tensor& mask, Number value);  ///< value where the mask holds
Tensor masked_select(const Tensor& x, const Tensor& mask);              ///< where the mask holds, as a vector
Tensor argwhere(const Tensor& x);              ///< coordinates of what is not 0, one row each: i64 [n, rank]
std::vector<Tensor> nonzero(const Tensor& x);  ///< the same, a vector for each axis
/// (values, indices) of the k largest or smallest along an axis, in order.
std::tuple<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);
Tensor argsort(const Tensor& x, int64_t axis = -1, bool descending = false);  ///< stable; NaN last

// ---- linear algebra ----------------------------------------------------------------------------------------------

inline Tensor mm(const Tensor& a, const Tensor& b) { return matmul(a, b); }
inline Tensor bmm(const Tensor& a, const Tensor& b) { return matmul(a, b); }
inline Tensor mv(const Tensor& a, const Tensor& b) { return matmul(a, b); }
Tensor dot(const Tensor& a, const Tensor& b);                       ///< of two vectors
Tensor vdot(const Tensor& a, const Tensor& b);                      ///< of all elements
Tensor inner(const Tensor& a, const Tensor& b);                     ///< sums of products over the last axes of both
Tensor outer(const Tensor& a, const Tensor& b);                     ///< all products of two vectors
Tensor kron(const Tensor& a, const Tensor& b);                      ///< every element of a times b, side by side
Tensor cross(const Tensor& a, const Tensor& b, int64_t axis = -1);  ///< of vectors of 3 along an axis
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b);    ///< x + a b
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, Number beta, Number alpha);  ///< beta x + alpha a b
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b);                           ///< of batches [n, .., ..]
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, Number beta, Number alpha);  ///< of batches
/// Square matrices n times themselves; of negative n the inverse. @cost  about 2 log2(n) products
Tensor matrix_power(const Tensor& x, int64_t n);
inline Tensor inv(const Tensor& x) { return inverse(x); }
/// The elements [i, i + offset] of the matrices on two axes, as the last axis of the result.
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1);
Tensor trace(const Tensor& x, int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1);  ///< sum of the diagonal
Tensor tril(const Tensor& x, int64_t k = 0);                                              ///< zeros above diagonal k
Tensor triu(const Tensor& x, int64_t k = 0);                                              ///< zeros below diagonal k

}  // namespace neve
