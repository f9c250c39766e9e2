// Decompositions of one dense matrix of doubles, row-major, by Eigen; false where one does not exist or not converge.
#pragma once
#include <cstdint>

namespace neve::ops::dense {

bool all_finite(const double* a, int64_t n);
/// l (n x n): a = l l^T; only the lower triangle of a is read.
bool cholesky(const double* a, double* l, int64_t n);
/// q (m x k), r (k x n) with k = min(m, n).
void qr(const double* a, double* q, double* r, int64_t m, int64_t n);
/// u (m x k), s (k, falling), vh (k x n).
bool svd(const double* a, double* u, double* s, double* vh, int64_t m, int64_t n);
/// w (n, rising), v (n x n, columns); only the lower triangle of a is read.
bool eigh(const double* a, double* w, double* v, int64_t n);
/// x (n x k) of a x = b; false where a is singular to the last bit.
bool solve(const double* a, const double* b, double* x, int64_t n, int64_t k);
/// The same with a triangular; elements beyond the triangle (and the diagonal, with `unit`) are not read.
void solve_triangular(const double* a, const double* b, double* x, int64_t n, int64_t k, bool lower, bool unit);
/// sign and log|det|; 0 and -infinity where a is singular.
void slogdet(const double* a, double* sign, double* logdet, int64_t n);

}  // namespace neve::ops::dense
