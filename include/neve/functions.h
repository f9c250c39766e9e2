// What one writes models with: operators, creation, shapes, sums, indexing and random numbers, by NumPy's rules.
#pragma once
#include <neve/ops.h>
#include <neve/tensor.h>

#include <concepts>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

namespace neve {

// ---- numbers and operators ---------------------------------------------------------------------------------------

/// A plain number beside a tensor. It never widens the tensor's dtype within its kind: f32 + 1.5 is f32, i32 + 1 is
/// i32, i32 + 1.5 is f32.
class Number {
 public:
  Number(bool v) : kind(Kind::boolean), real(v), whole(v) {}  // NOLINT: implicit on purpose
  template <std::integral T>
  Number(T v) : kind(Kind::integer), real(double(v)), whole(int64_t(v)) {}  // NOLINT
  template <std::floating_point T>
  Number(T v) : kind(Kind::real), real(double(v)), whole(0) {}  // NOLINT
  /// As a tensor of rank 0, in the dtype that it takes beside a tensor of dtype `beside`.
  Tensor beside(DType beside) const;

 private:
  enum class Kind : uint8_t { boolean, integer, real } kind;
  double real;
  int64_t whole;
};

/// Elementwise, with broadcasting and promotion (array API): bool < integers < floats < complex; of one kind, the
/// smallest dtype that holds both. Division of integers gives f32.
/// @throws Error{shape_mismatch} for shapes that do not broadcast
Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator==(const Tensor& a, const Tensor& b);  ///< bool, as those below
Tensor operator!=(const Tensor& a, const Tensor& b);
Tensor operator<(const Tensor& a, const Tensor& b);
Tensor operator<=(const Tensor& a, const Tensor& b);
Tensor operator>(const Tensor& a, const Tensor& b);
Tensor operator>=(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a);
Tensor operator!(const Tensor& a);  ///< of bools
inline Tensor operator+(const Tensor& a, Number b) { return a + b.beside(a.dtype()); }
inline Tensor operator-(const Tensor& a, Number b) { return a - b.beside(a.dtype()); }
inline Tensor operator*(const Tensor& a, Number b) { return a * b.beside(a.dtype()); }
inline Tensor operator/(const Tensor& a, Number b) { return a / b.beside(a.dtype()); }
inline Tensor operator==(const Tensor& a, Number b) { return a == b.beside(a.dtype()); }
inline Tensor operator!=(const Tensor& a, Number b) { return a != b.beside(a.dtype()); }
inline Tensor operator<(const Tensor& a, Number b) { return a < b.beside(a.dtype()); }
inline Tensor operator<=(const Tensor& a, Number b) { return a <= b.beside(a.dtype()); }
inline Tensor operator>(const Tensor& a, Number b) { return a > b.beside(a.dtype()); }
inline Tensor operator>=(const Tensor& a, Number b) { return a >= b.beside(a.dtype()); }
inline Tensor operator+(Number a, const Tensor& b) { return a.beside(b.dtype()) + b; }
inline Tensor operator-(Number a, const Tensor& b) { return a.beside(b.dtype()) - b; }
inline Tensor operator*(Number a, const Tensor& b) { return a.beside(b.dtype()) * b; }
inline Tensor operator/(Number a, const Tensor& b) { return a.beside(b.dtype()) / b; }

/// In place: every name of the tensor, and every view of it, sees the change. Recorded; the dtype stays.
/// @throws Error{invalid_argument} a leaf that asks for gradients, outside of NoGrad; Error{type_mismatch} where the
///     result has a dtype that the tensor cannot hold
const Tensor& operator+=(const Tensor& a, const Tensor& b);
const Tensor& operator-=(const Tensor& a, const Tensor& b);
const Tensor& operator*=(const Tensor& a, const Tensor& b);
const Tensor& operator/=(const Tensor& a, const Tensor& b);
inline const Tensor& operator+=(const Tensor& a, Number b) { return a += b.beside(a.dtype()); }
inline const Tensor& operator-=(const Tensor& a, Number b) { return a -= b.beside(a.dtype()); }
inline const Tensor& operator*=(const Tensor& a, Number b) { return a *= b.beside(a.dtype()); }
inline const Tensor& operator/=(const Tensor& a, Number b) { return a /= b.beside(a.dtype()); }
/// Puts the elements of `value`, converted and broadcast, in the place of those of x. As x[...] = value.
const Tensor& copy_into(const Tensor& x, const Tensor& value);
const Tensor& fill(const Tensor& x, Number value);

Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, Number b);
Tensor remainder(const Tensor& a, const Tensor& b);  ///< the sign of b, as Python's %
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, Number b);
Tensor minimum(const Tensor& a, Number b);
/// min(max(x, low), high); NaN stays NaN.
Tensor clip(const Tensor& x, Number low, Number high);
/// a where the condition holds, else b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, Number b);
Tensor where(const Tensor& condition, Number a, const Tensor& b);

// ---- creation ----------------------------------------------------------------------------------------------------

Tensor zeros(const Sizes& shape, DType dtype = DType::f32);
Tensor ones(const Sizes& shape, DType dtype = DType::f32);
Tensor full(const Sizes& shape, Number value, DType dtype = DType::f32);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
/// 0, 1 ... n - 1, i64.
Tensor arange(int64_t n);
/// start, start + step ... below stop. @throws Error{invalid_argument} for a step of 0
Tensor arange(double start, double stop, double step = 1, DType dtype = DType::f32);
Tensor eye(int64_t n, DType dtype = DType::f32);
/// A tensor with a copy of the values: from_vector(std::vector<float>{1, 2, 3, 4}, {2, 2}). No shape: a vector.
/// @throws Error{shape_mismatch} where the shape has another number of elements
Tensor from_vector(const std::vector<float>& values, const Sizes& shape = {-1});
Tensor from_vector(const std::vector<double>& values, const Sizes& shape = {-1});
Tensor from_vector(const std::vector<int64_t>& values, const Sizes& shape = {-1});
Tensor from_vector(const std::vector<int32_t>& values, const Sizes& shape = {-1});
Tensor from_vector(const std::vector<uint8_t>& values, const Sizes& shape = {-1});
/// An f32 vector from numbers: tensor({1, 2.5, 3}); with a dtype as wanted.
Tensor tensor(std::initializer_list<double> values, DType dtype = DType::f32);
/// An i64 vector, as ops take sizes: ops::tile(x, ints({2, 1})).
Tensor ints(const Sizes& values);
/// The elements in row-major order, converted (truncated for integers). @cost a copy
std::vector<float> to_vector(const Tensor& x);
std::vector<int64_t> to_int_vector(const Tensor& x);

// ---- random numbers ----------------------------------------------------------------------------------------------
// Draws are functions of (seed, number of the draw) by Philox4x32-10: the same on any number of threads, and those of
// Python's neve.random after the same seed and draws. One generator for the process; threads share it.

void manual_seed(int64_t seed);
/// (seed, number of the next draw), and going on from there.
std::pair<int64_t, int64_t> random_state();
void set_random_state(const std::pair<int64_t, int64_t>& state);
Tensor rand(const Sizes& shape, DType dtype = DType::f32);   ///< evenly over [0, 1)
Tensor randn(const Sizes& shape, DType dtype = DType::f32);  ///< normal: mean 0, deviation 1
Tensor uniform(double low, double high, const Sizes& shape, DType dtype = DType::f32);
Tensor normal(double mean, double deviation, const Sizes& shape, DType dtype = DType::f32);
/// Integers of [low, high), i64. @throws Error{invalid_argument} for an empty range
Tensor randint(int64_t low, int64_t high, const Sizes& shape);
/// 0 ... n - 1 in a random order, i64.
Tensor randperm(int64_t n);
/// (key, counter) of the next draw, i64[1] each, as the random ops take them: ops::random_uniform(key, counter, ...).
std::pair<Tensor, Tensor> next_draw();

// ---- shapes ------------------------------------------------------------------------------------------------------
// Views where bytes allow. Members of Tensor do the same: reshape, transpose, slice, to, clone, contiguous; all
// recorded.

Tensor reshape(const Tensor& x, const Sizes& shape);               ///< one size may be -1
Tensor transpose(const Tensor& x, const Sizes& permutation = {});  ///< none: axes reversed
Tensor swap_axes(const Tensor& x, int64_t a, int64_t b);
Tensor flatten(const Tensor& x, int64_t first = 0, int64_t last = -1);  ///< the axes first..last as one
Tensor unsqueeze(const Tensor& x, int64_t axis);                        ///< a new axis of size 1
Tensor squeeze(const Tensor& x, const Sizes& axes = {});                ///< without axes of size 1; none: all such
Tensor expand(const Tensor& x, const Sizes& shape);                     ///< broadcast
/// Along an axis that they have, in the dtype that they promote to. @throws Error{invalid_argument} of no tensors
Tensor concat(const std::vector<Tensor>& tensors, int64_t axis = 0);
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis = 0);  ///< along a new axis
/// Parts of `size` along an axis, the last one maybe smaller; or of the sizes given.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t axis = 0);
std::vector<Tensor> split(const Tensor& x, const Sizes& sizes, int64_t axis = 0);

// ---- sums and products -------------------------------------------------------------------------------------------

/// Over `axes` (negative ones count from the end); none: over all. Integers are summed as i64, their mean is f32.
/// @throws Error{invalid_argument} for an axis that x does not have, and for max and min of nothing
Tensor sum(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor mean(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor max(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Sizes& axes = {}, bool keepdims = false);
/// The mean squared distance from the mean. @param correction  1: divided by n - 1
Tensor var(const Tensor& x, const Sizes& axes = {}, double correction = 0, bool keepdims = false);
Tensor argmax(const Tensor& x, int64_t axis = -1, bool keepdims = false);  ///< i64; the first of equal ones
Tensor argmin(const Tensor& x, int64_t axis = -1, bool keepdims = false);
/// NumPy's @: vectors, matrices, and batches of them, which broadcast. @throws Error{shape_mismatch}
Tensor matmul(const Tensor& a, const Tensor& b);

// ---- indexing ----------------------------------------------------------------------------------------------------

/// begin:end:step of an axis; bounds may be negative or left out: Slice{1, 5}, Slice{.step = -1}, Slice{}.
struct Slice {
  std::optional<int64_t> begin = {}, end = {};
  int64_t step = 1;
};
struct NewAxis {};
struct Rest {};                       ///< NumPy's ellipsis
inline constexpr NewAxis new_axis{};  ///< index(x, {new_axis, 0})
inline constexpr Rest rest{};         ///< index(x, {rest, 0}): the first column of the last axis
/// One part of an index: an integer, a Slice, new_axis, rest, or a tensor of integers or bools (a mask).
class Index {
 public:
  Index(int value) : kind(Kind::integer), value(value) {}        // NOLINT: implicit on purpose
  Index(int64_t value) : kind(Kind::integer), value(value) {}    // NOLINT
  Index(Slice slice) : kind(Kind::slice), slice(slice) {}        // NOLINT
  Index(NewAxis) : kind(Kind::new_axis) {}                       // NOLINT
  Index(Rest) : kind(Kind::rest) {}                              // NOLINT
  Index(Tensor t) : kind(Kind::tensor), tensor(std::move(t)) {}  // NOLINT

  enum class Kind : uint8_t { integer, slice, new_axis, rest, tensor } kind;
  int64_t value = 0;
  Slice slice = {};
  Tensor tensor = {};
};
/// NumPy's x[index]: a view where no tensor is among the indices, else a copy. Recorded.
/// @throws Error{invalid_argument} too many indices, an integer out of range; Error{type_mismatch}
Tensor index(const Tensor& x, const std::vector<Index>& index);
/// NumPy's x[index] = value, which is broadcast and converted. Recorded.
void set_index(const Tensor& x, const std::vector<Index>& index, const Tensor& value);
void set_index(const Tensor& x, const std::vector<Index>& index, Number value);

}  // namespace neve
