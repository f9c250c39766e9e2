"""Linear algebra under the array API's names."""

from ._creation import diagonal
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
    solve,
    tensordot,
    trace,
    vecdot,
)
from ._reductions import vector_norm
from ._shape import matrix_transpose

__all__ = [
    "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_transpose", "multi_dot", "norm",
    "outer", "slogdet", "solve", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
