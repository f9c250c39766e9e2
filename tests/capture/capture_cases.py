"""What a control-flow program of these tests is: a function, its arguments beside x, and what must come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import neve
import numpy as np


def matrices(count: int = 8) -> Iterable[np.ndarray]:
    """Matrices of several sizes and magnitudes, which take every branch."""
    for k in range(count):
        r = np.random.default_rng(k)
        yield (r.standard_normal((2 + k % 4, 3 + k % 3)) * (0.3 + k % 3)).astype("f")


@dataclasses.dataclass
class Program:
    """A function f(x, *flags); `refused`: what to_static must say instead; `raises`: what a call may say, as eager."""

    function: Callable[..., Any]
    flags: tuple[tuple[Any, ...], ...] = ((),)
    inputs: Callable[[], Iterable[np.ndarray]] = matrices
    refused: str = ""
    raises: str = ""
    trace: bool = True
    graphs: int = 1  # for each flag: more only where the program asks for a size as a Python number

    @property
    def name(self) -> str:
        return self.function.__name__


PROGRAMS: list[Program] = []


def program(function: Any = None, **options: Any) -> Any:
    """Adds a function to the programs that are run; as a decorator with or without options."""
    if function is None:
        return lambda f: program(f, **options)
    PROGRAMS.append(Program(function, **options))
    return function


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """What a result holds, with the way to it."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, f"{path}[{k!r}]")]
    if isinstance(value, (tuple, list)):
        return [leaf for k, v in enumerate(value) for leaf in leaves(v, f"{path}[{k}]")]
    if dataclasses.is_dataclass(value):
        return [leaf for f in dataclasses.fields(value) for leaf in leaves(getattr(value, f.name), f"{path}.{f.name}")]
    return [(path, value)]


def same(want: Any, got: Any, tolerance: float = 1e-4) -> None:
    """Raises AssertionError where two results differ, in structure, types, shapes or numbers."""
    a, b = leaves(want), leaves(got)
    assert [p for p, _ in a] == [p for p, _ in b], f"{want} against {got}"
    for (path, x), (_, y) in zip(a, b):
        assert type(x) is type(y), f"{path}: {type(x)} is now {type(y)}"
        if not isinstance(x, neve.Tensor):
            ok = x == y or (isinstance(x, float) and np.isclose(x, y, rtol=tolerance, equal_nan=True))
            assert ok, f"{path}: {x} is now {y}"
            continue
        assert x.dtype == y.dtype and x.shape == y.shape, f"{path}: {x.dtype}{x.shape} is now {y.dtype}{y.shape}"
        p, q = np.array(x.detach(), dtype="f8"), np.array(y.detach(), dtype="f8")
        scale = np.abs(p[np.isfinite(p)]).max(initial=0.0)
        np.testing.assert_allclose(q, p, rtol=tolerance, atol=tolerance * scale + 1e-6, err_msg=path)


def close(want: Any, got: Any) -> None:
    """Like same, with wide tolerances where chaos makes errors grow."""
    a, b = leaves(want), leaves(got)
    assert [p for p, _ in a] == [p for p, _ in b], f"{want} against {got}"
    for (path, x), (_, y) in zip(a, b):
        assert type(x) is type(y), f"{path}: {type(x)} is now {type(y)}"
        p, q = (np.array(v.detach() if isinstance(v, neve.Tensor) else v, dtype="f8") for v in (x, y))
        assert p.shape == q.shape, f"{path}: {p.shape} is now {q.shape}"
        scale = np.abs(p[np.isfinite(p)]).max(initial=0.0)
        np.testing.assert_allclose(q, p, rtol=2e-3, atol=2e-4 * (1 + scale), err_msg=path)
