"""Linear algebra under the array API's names."""

from ._creation import diagonal
from ._decompositions import (
    cholesky,
    cholesky_solve,
    cond,
    eigh,
    eigvalsh,
    lstsq,
    matrix_exp,
    matrix_rank,
    pinv,
    qr,
    solve,
    solve_triangular,
    svd,
    svdvals,
)
from ._linalg import (
    cross,
    det,
    inv,
    matmul,
    matrix_norm,
    matrix_power,
    multi_dot,
    norm,
    outer,
    slogdet,
    tensordot,
    trace,
    vecdot,
)
from ._reductions import vector_norm
from ._shape import matrix_transpose

__all__ = [
    "cholesky", "cholesky_solve", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "lstsq", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet",
    "solve", "solve_triangular", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
