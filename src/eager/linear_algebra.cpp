// Linear algebra of neve/array.h: products, diagonals, triangles.
#include <neve/array.h>

#include "base/error.h"
#include "eager/arguments.h"
#include "eager/promote.h"

namespace neve {
namespace {

using eager::one_axis;
using eager::require;
using eager::text;

void require_vector(const char* call, const Tensor& x) {
  require(call, x);
  if (x.rank() != 1) fail(ErrorCode::shape_mismatch, call, ": x is ", text(x), " (two vectors)");
}
std::pair<Tensor, Tensor> common(const char* call, const Tensor& a, const Tensor& b) {
  require(call, a);
  require(call, b);
  const DType t = eager::promote(a.dtype(), b.dtype());
  return {a.to(t), b.to(t)};
}

}  // namespace

Tensor dot(const Tensor& a, const Tensor& b) {
  require_vector("dot", a);
  require_vector("dot", b);
  return matmul(a, b);
}
Tensor vdot(const Tensor& a, const Tensor& b) {
  const auto [x, y] = common("vdot", a, b);
  return matmul(ravel(x), ravel(y));
}
Tensor inner(const Tensor& a, const Tensor& b) {
  const auto [x, y] = common("inner", a, b);
  if (!x.rank() || !y.rank()) return x * y;
  const int64_t k = x.size(-1);
  if (k != y.size(-1))
    fail(ErrorCode::shape_mismatch, "inner: a is ", text(a), " and b ", text(b), " (last axes of one size)");
  Sizes shape(x.shape().begin(), x.shape().end() - 1);
  for (int64_t i = 0; i + 1 < y.rank(); ++i) shape.push_back(y.size(i));
  const Tensor rows = flatten(unsqueeze(x, 0), 0, -2), others = flatten(unsqueeze(y, 0), 0, -2);
  return reshape(matmul(rows, swap_axes(others, 0, 1)), shape);
}
Tensor outer(const Tensor& a, const Tensor& b) {
  require_vector("outer", a);
  require_vector("outer", b);
  return unsqueeze(a, 1) * unsqueeze(b, 0);
}
Tensor kron(const Tensor& a, const Tensor& b) {
  const auto [x, y] = common("kron", a, b);
  const int64_t rank = std::max(x.rank(), y.rank());
  auto size = [&](const Tensor& t, int64_t i) { return i < rank - t.rank() ? 1 : t.size(i - rank + t.rank()); };
  Sizes left, right, shape;
  for (int64_t i = 0; i < rank; ++i) {
    for (int64_t n : {size(x, i), int64_t(1)}) left.push_back(n);
    for (int64_t n : {int64_t(1), size(y, i)}) right.push_back(n);
    shape.push_back(size(x, i) * size(y, i));
  }
  return reshape(reshape(x, left) * reshape(y, right), shape);
}
Tensor cross(const Tensor& a, const Tensor& b, int64_t axis) {
  const auto [x, y] = common("cross", a, b);
  if (x.size(one_axis("cross", axis, x.rank())) != 3 || y.size(one_axis("cross", axis, y.rank())) != 3)
    fail(ErrorCode::shape_mismatch, "cross: a is ", text(a), " and b ", text(b), " (size 3 along axis ", axis, ")");
  const std::vector<Tensor> p = unbind(x, axis), q = unbind(y, axis);
  const std::vector<Tensor> parts{p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]};
  return moveaxis(stack(parts, -1), -1, axis);
}
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b) { return x + matmul(a, b); }
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, Number beta, Number alpha) {
  return x * beta + matmul(a, b) * alpha;
}

namespace {
void require_batches(const Tensor& a, const Tensor& b) {
  require("baddbmm", a);
  require("baddbmm", b);
  if (a.rank() != 3 || b.rank() != 3)
    fail(ErrorCode::shape_mismatch, "baddbmm: ", text(a), " times ", text(b), " (two batches of matrices)");
}
}  // namespace

Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b) {
  require_batches(a, b);
  return x + matmul(a, b);
}
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, Number beta, Number alpha) {
  require_batches(a, b);
  return x * beta + matmul(a, b) * alpha;
}
Tensor matrix_power(const Tensor& x, int64_t n) {
  require("matrix_power", x);
  if (x.rank() < 2 || x.size(-1) != x.size(-2))
    fail(ErrorCode::shape_mismatch, "matrix_power: x is ", text(x), " (square matrices: [.., n, n])");
  Tensor t = n < 0 ? inverse(x) : x;
  Tensor y = expand(eye(t.size(-1), t.dtype()), t.shape());
  // Halved, not negated: the smallest number has no negative.
  for (uint64_t left = n < 0 ? uint64_t(0) - uint64_t(n) : uint64_t(n); left; left >>= 1) {
    if (left & 1) y = matmul(y, t);
    if (left > 1) t = matmul(t, t);
  }
  return y;
}
Tensor diagonal(const Tensor& x, int64_t offset, int64_t axis1, int64_t axis2) {
  require("diagonal", x);
  if (x.rank() < 2) fail(ErrorCode::shape_mismatch, "diagonal: x is ", text(x), " (rank 2 or more)");
  const Tensor t = moveaxis(x, {axis1, axis2}, {-2, -1});
  const int64_t rows = t.size(-2), columns = t.size(-1);
  const int64_t first = std::clamp<int64_t>(-offset, 0, rows), left = std::clamp<int64_t>(offset, 0, columns);
  const int64_t n = std::min(rows - first, columns - left);
  Sizes at = t.shape();
  at[at.size() - 2] = n;
  at[at.size() - 1] = 1;
  const Tensor part = narrow(narrow(t, -2, first, n), -1, left, n);
  return squeeze(take_along_axis(part, expand(unsqueeze(arange(n), 1), at), -1), {-1});
}
Tensor trace(const Tensor& x, int64_t offset, int64_t axis1, int64_t axis2) {
  return sum(diagonal(x, offset, axis1, axis2), {-1});
}
Tensor tril(const Tensor& x, int64_t k) {
  require("tril", x);
  return ops::trilu(x, ints({k}), false);
}
Tensor triu(const Tensor& x, int64_t k) {
  require("triu", x);
  return ops::trilu(x, ints({k}), true);
}

}  // namespace neve
