"""Random numbers that are functions of (key, counter): one counter value is one draw of any size.

The same seed gives the same numbers on any number of threads, since every element of a draw is computed from its place.
Generator: Philox4x32-10.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _neve
from ._base import (
    FLOATS,
    ArrayLike,
    Tensor,
    as_tensor,
    dtype_name,
    floating,
    ints,
    one_axis,
    ops,
    scalar,
    shape_error,
    sizes_of,
    text_of,
    type_error,
    value_error,
)

__all__ = [
    "Generator", "bernoulli", "choice", "default_generator", "dropout_mask", "exponential", "get_state", "initial_seed",
    "manual_seed", "multinomial", "normal", "permutation", "rand", "rand_like", "randint", "randn", "randn_like",
    "randperm", "seed", "set_state", "standard_normal", "uniform",
]  # fmt: skip


class Generator:
    """A key (the seed) and a counter (the number of the next draw); may be used from several threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Begins anew with a seed, an integer that counts modulo 2**64."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            type_error(f"manual_seed: the seed is {text_of(seed)} (an integer)")
        self._seed = int(seed)
        wrapped = (self._seed + 2**63) % 2**64 - 2**63
        with self._lock:
            self._key, self._counter = _neve.tensor(np.array([wrapped], dtype=np.int64)), 0
        return self

    seed = manual_seed

    def initial_seed(self) -> int:
        """The seed given last."""
        return self._seed

    @property
    def counter(self) -> int:
        """The number of the next draw."""
        return self._counter

    def draw(self) -> tuple[Tensor, Tensor]:
        """The (key, counter) of the next draw, as the random ops take them."""
        if _neve.is_capturing():
            from .jit._capture import current_draws

            draws = current_draws()
            if draws is not None:
                return draws.draw(self)
        with self._lock:
            self._counter += 1
            return self._key, _neve.tensor(np.array([self._counter - 1], dtype=np.int64))

    def advance(self, draws: int) -> list[Tensor]:
        """[key, counter] of the next draw; passes over as many draws as a captured program makes."""
        with self._lock:
            self._counter += draws
            return [self._key, _neve.tensor(np.array([self._counter - draws], dtype=np.int64))]

    def get_state(self) -> tuple[int, int]:
        """(seed, counter)."""
        return self._seed, self._counter

    def set_state(self, state: tuple[int, int]) -> None:
        """Continues where get_state was called."""
        if not isinstance(state, (tuple, list)) or len(state) != 2:
            type_error(f"set_state: the state is {text_of(state)} (what get_state gave)")
        self.manual_seed(state[0])
        self._counter = int(state[1])

    def __getstate__(self) -> dict[str, Any]:
        return {"state": self.get_state()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self.set_state(kept["state"])

    def __repr__(self) -> str:
        return f"neve.random.Generator(seed={self._seed}, counter={self._counter})"


default_generator = Generator(0)


def manual_seed(seed: int) -> Generator:
    """Seeds the process's generator, and returns it."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seeds the process's generator from the system's entropy; returns the seed."""
    value = int.from_bytes(os.urandom(8), "little") >> 1
    default_generator.manual_seed(value)
    return value


def initial_seed() -> int:
    """The seed that the process's generator was given last."""
    return default_generator.initial_seed()


def get_state() -> tuple[int, int]:
    """(seed, counter) of the process's generator."""
    return default_generator.get_state()


def set_state(state: tuple[int, int]) -> None:
    """Continues the process's generator from a state."""
    default_generator.set_state(state)


def _draw(generator: Generator | None) -> tuple[Tensor, Tensor]:
    return (generator or default_generator).draw()


def _float(call: str, dtype: Any) -> str:
    name = dtype_name(dtype)
    if name not in FLOATS:
        type_error(f"{call}: dtype is {name} (a float dtype)")
    return name


def _asked(t: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad:
        t.requires_grad = True
    return t


def rand(*shape: Any, dtype: Any = "f32", generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Numbers spread evenly over [0, 1): rand(2, 3) or rand((2, 3))."""
    return _asked(uniform(0.0, 1.0, sizes_of("rand", shape), dtype=dtype, generator=generator), requires_grad)


def uniform(
    low: float = 0.0, high: float = 1.0, size: Any = (), *, dtype: Any = "f32", generator: Generator | None = None
) -> Tensor:
    """Numbers spread evenly over [low, high). Source: numpy.random.uniform."""
    shape, dtype = sizes_of("uniform", size), _float("uniform", dtype)
    return ops.random_uniform(*_draw(generator), ints(shape), low=float(low), high=float(high), dtype=dtype)


def randn(*shape: Any, dtype: Any = "f32", generator: Generator | None = None, requires_grad: bool = False) -> Tensor:
    """Normally distributed numbers of mean 0 and standard deviation 1."""
    return _asked(normal(0.0, 1.0, sizes_of("randn", shape), dtype=dtype, generator=generator), requires_grad)


standard_normal = randn


def normal(
    mean: float = 0.0, std: float = 1.0, size: Any = (), *, dtype: Any = "f32", generator: Generator | None = None
) -> Tensor:
    """Normally distributed numbers. Raises Error{invalid_argument} for a negative std."""
    if std < 0:
        value_error(f"normal: std is {std} (0 or more)")
    shape, dtype = sizes_of("normal", size), _float("normal", dtype)
    return ops.random_normal(*_draw(generator), ints(shape), mean=float(mean), scale=float(std), dtype=dtype)


def rand_like(x: Tensor, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    """rand in the shape and the dtype of x."""
    return rand(x.shape, dtype=dtype or x.dtype, generator=generator)


def randn_like(x: Tensor, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    """randn in the shape and the dtype of x."""
    return randn(x.shape, dtype=dtype or x.dtype, generator=generator)


def randint(
    low: int, high: int | None = None, size: Any = (), *, dtype: Any = "i64", generator: Generator | None = None
) -> Tensor:
    """Integers from low to high - 1, or from 0 to low - 1; a span of at most 2**53. Source: numpy.random.randint."""
    if high is None:
        low, high = 0, low
    if not isinstance(high, (int, np.integer)) and isinstance(high, (tuple, list)):
        low, high, size = 0, low, high  # randint(10, (2, 3)), as PyTorch has it
    if not 0 < high - low <= 2**53:
        value_error(f"randint: the integers from {low} to {high} - 1 are none, or more than 2**53 (low < high)")
    u = ops.random_uniform(*_draw(generator), ints(sizes_of("randint", size)), dtype="f64")
    y = ops.floor(u * float(high - low))
    return (ops.min(y, scalar(float(high - low - 1), "f64")).astype("i64") + int(low)).astype(dtype_name(dtype))


def randperm(n: int, *, dtype: Any = "i64", generator: Generator | None = None) -> Tensor:
    """0 .. n - 1 in random order."""
    if n < 0:
        value_error(f"randperm: n is {n} (0 or more)")
    if n == 0:
        return _neve.empty([0], dtype_name(dtype))
    u = ops.random_uniform(*_draw(generator), ints([n]), dtype="f64")
    return ops.sort(u, axis=0)[1].astype(dtype_name(dtype))


def permutation(x: int | ArrayLike, *, axis: int = 0, generator: Generator | None = None) -> Tensor:
    """0 .. x - 1 in random order, or the slices of a tensor."""
    if isinstance(x, int):
        return randperm(x, generator=generator)
    t = as_tensor(x, "permutation")
    a = one_axis("permutation", axis, t.ndim)
    return ops.gather(t, randperm(t.shape[a], generator=generator), axis=a)


def bernoulli(p: ArrayLike, size: Any = None, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    """1 with the probability that p gives, else 0: in the shape of p, or in `size` where p is a number."""
    t = floating(as_tensor(p, "bernoulli", "p"))
    if size is not None:
        t = ops.expand(t, ints(sizes_of("bernoulli", size)))
    if t.size and not (t.min().item() >= 0 and t.max().item() <= 1):
        value_error(f"bernoulli: p reaches from {t.min().item()} to {t.max().item()} (probabilities from 0 to 1)")
    return ops.bernoulli(t.contiguous(), *_draw(generator), dtype=dtype_name(dtype or t.dtype))


def dropout_mask(shape: Sequence[int], p: float, *, dtype: Any = "bool", generator: Generator | None = None) -> Tensor:
    """What dropout with probability p keeps: 1 with probability 1 - p."""
    if not 0 <= p <= 1:
        value_error(f"dropout_mask: p is {p} (a probability from 0 to 1)")
    u = ops.random_uniform(*_draw(generator), ints(sizes_of("dropout_mask", shape)), dtype="f32")
    return ops.greater_or_equal(u, scalar(float(p), "f32")).astype(dtype_name(dtype))


def multinomial(
    input: ArrayLike,  # noqa: A002
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Classes drawn with probabilities in proportion to weights [.., classes] -> i64 [.., num_samples].

    Raises Error{invalid_argument} for weights that are negative or all 0, and for more draws than classes of a weight
    above 0 without replacement. Source: torch.multinomial.
    """
    t = floating(as_tensor(input, "multinomial", "input"))
    if t.ndim not in (1, 2) or not t.size:
        shape_error(f"multinomial: input is {text_of(t)} (weights of classes: a vector, or one row for each sample)")
    rows = t.reshape(-1, t.shape[-1]).detach()
    if not bool(ops.greater_or_equal(rows, scalar(0, t.dtype)).all()) or not bool(rows.isfinite().all()):
        value_error("multinomial: a weight is negative or not finite (finite weights of 0 or more)")
    n = int(ops.greater(rows, scalar(0, t.dtype)).astype("i64").sum(-1).min().item())
    if n == 0 or num_samples < 1 or (not replacement and num_samples > n):
        value_error(
            f"multinomial: {num_samples} draws of {n} classes with weights above 0 (replacement=True draws more)"
        )
    logs = ops.log(rows)
    if replacement:
        y = ops.multinomial(logs, *_draw(generator), sample_size=num_samples, dtype="i64")
    else:  # the k largest of log p + Gumbel noise are k draws without replacement
        u = ops.random_uniform(*_draw(generator), ints(rows.shape), low=1e-300, dtype="f64")
        noise = ops.neg(ops.log(ops.neg(ops.log(u))))
        y = ops.top_k(ops.add(logs.astype("f64"), noise), [num_samples], axis=1)[1]
    return y.reshape((*t.shape[:-1], num_samples))


def choice(
    a: int | ArrayLike,
    size: Any = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Elements of a vector (or of 0 .. a - 1), evenly or with probabilities p. Source: numpy.random.choice."""
    pool = None if isinstance(a, int) else as_tensor(a, "choice", "a")
    n = a if pool is None else pool.shape[0]
    shape = sizes_of("choice", size)
    count = int(np.prod(shape))
    if p is not None:
        at = multinomial(p, count, replace, generator=generator)
    elif replace:
        at = randint(n, None, (count,), generator=generator)
    elif count > n:
        value_error(f"choice: {count} of {n} without replacement (at most {n})")
    else:
        at = randperm(n, generator=generator)[:count]
    return (at if pool is None else ops.gather(pool, at, axis=0)).reshape(shape)


def exponential(
    scale: float = 1.0, size: Any = (), *, dtype: Any = "f32", generator: Generator | None = None
) -> Tensor:
    """Numbers of the exponential distribution with mean `scale`."""
    u = ops.random_uniform(*_draw(generator), ints(sizes_of("exponential", size)), dtype=_float("exponential", dtype))
    return ops.neg(ops.log1p(ops.neg(u))) * float(scale)
