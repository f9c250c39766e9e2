"""The functions over tensors, by family: NumPy's and the array API's names. The methods of Tensor are the same functions."""

from __future__ import annotations

from . import _creation, _elementwise, _indexing, _linalg, _methods, _reductions, _shape
from ._creation import *  # noqa: F403
from ._decompositions import solve  # noqa: F401
from ._elementwise import *  # noqa: F403
from ._indexing import *  # noqa: F403
from ._linalg import *  # noqa: F403
from ._printing import get_printoptions, printoptions, set_printoptions  # noqa: F401
from ._reductions import *  # noqa: F403
from ._shape import *  # noqa: F403

_HELPERS = {
    "Any", "ArrayLike", "Axes", "Number", "Tensor", "Sequence", "Callable", "Unary", "Binary", "NamedTuple", "TopK", "Unique",
    "annotations", "as_tensor", "builtins", "math", "np", "ops", "common", "clip_unit", "kind", "scalar", "floating", "ints",
}  # fmt: skip


def _public() -> list[str]:
    names = {"set_printoptions", "get_printoptions", "printoptions", "solve"}
    for module in (_creation, _elementwise, _reductions, _shape, _indexing, _linalg):
        for name, value in vars(module).items():
            if not name.startswith("_") and name not in _HELPERS and callable(value):
                home = getattr(value, "__module__", "")
                if home == module.__name__:
                    names.add(name)
    return sorted(names)


__all__ = _public()
del _methods
