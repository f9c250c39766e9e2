// The one place that includes Eigen: matrices are mapped where they lie.
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_MPL2_ONLY
#include "ops/eigen/dense.h"

#include <Eigen/Dense>
#include <cmath>

namespace neve::ops::dense {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Plain = Eigen::MatrixXd;
using Map = Eigen::Map<Matrix>;
using ConstMap = Eigen::Map<const Matrix>;
using Vector = Eigen::Map<Eigen::VectorXd>;

constexpr int64_t small = 24;  ///< below, Jacobi's rotations are exact enough to be worth their time

template <class Svd>
bool take_svd(const Plain& a, double* u, double* s, double* vh) {
  const Svd d(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  if (d.info() != Eigen::Success) return false;
  const int64_t k = std::min(a.rows(), a.cols());
  Map(u, a.rows(), k) = d.matrixU();
  Vector(s, k) = d.singularValues();
  Map(vh, k, a.cols()) = d.matrixV().transpose();
  return true;
}

}  // namespace

bool all_finite(const double* a, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!std::isfinite(a[i])) return false;
  return true;
}

bool cholesky(const double* a, double* l, int64_t n) {
  const Eigen::LLT<Plain> d{Plain(ConstMap(a, n, n))};
  if (d.info() != Eigen::Success) return false;
  Map(l, n, n) = Plain(d.matrixL());
  return true;
}

void qr(const double* a, double* q, double* r, int64_t m, int64_t n) {
  const int64_t k = std::min(m, n);
  const Eigen::HouseholderQR<Plain> d{Plain(ConstMap(a, m, n))};
  Map(q, m, k) = d.householderQ() * Plain::Identity(m, k);
  Map(r, k, n) = Plain(d.matrixQR().topRows(k).triangularView<Eigen::Upper>());
}

bool svd(const double* a, double* u, double* s, double* vh, int64_t m, int64_t n) {
  const Plain x = ConstMap(a, m, n);
  return std::min(m, n) <= small ? take_svd<Eigen::JacobiSVD<Plain>>(x, u, s, vh)
                                 : take_svd<Eigen::BDCSVD<Plain>>(x, u, s, vh);
}

bool eigh(const double* a, double* w, double* v, int64_t n) {
  const Eigen::SelfAdjointEigenSolver<Plain> d{Plain(ConstMap(a, n, n))};
  if (d.info() != Eigen::Success) return false;
  Vector(w, n) = d.eigenvalues();
  Map(v, n, n) = d.eigenvectors();
  return true;
}

bool solve(const double* a, const double* b, double* x, int64_t n, int64_t k) {
  const Eigen::PartialPivLU<Plain> lu{Plain(ConstMap(a, n, n))};
  for (int64_t i = 0; i < n; ++i)
    if (lu.matrixLU()(i, i) == 0) return false;
  Map(x, n, k) = lu.solve(Plain(ConstMap(b, n, k)));
  return true;
}

void solve_triangular(const double* a, const double* b, double* x, int64_t n, int64_t k, bool lower, bool unit) {
  const ConstMap t(a, n, n);
  Plain y = ConstMap(b, n, k);
  if (lower && unit)
    t.triangularView<Eigen::UnitLower>().solveInPlace(y);
  else if (lower)
    t.triangularView<Eigen::Lower>().solveInPlace(y);
  else if (unit)
    t.triangularView<Eigen::UnitUpper>().solveInPlace(y);
  else
    t.triangularView<Eigen::Upper>().solveInPlace(y);
  Map(x, n, k) = y;
}

void slogdet(const double* a, double* sign, double* logdet, int64_t n) {
  *sign = 1, *logdet = 0;
  if (n == 0) return;
  const Eigen::PartialPivLU<Plain> lu{Plain(ConstMap(a, n, n))};
  double s = double(lu.permutationP().determinant()), l = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double d = lu.matrixLU()(i, i);
    s *= d > 0 ? 1 : d < 0 ? -1 : d;  // 0 and NaN stay
    l += std::log(std::abs(d));
  }
  *sign = s, *logdet = l;
}

}  // namespace neve::ops::dense
