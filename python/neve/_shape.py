"""Functions of shape: reshape, permute, join, cut, repeat, pad. Results share memory where no element moves."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from . import _neve
from ._base import (
    ArrayLike,
    Axes,
    Tensor,
    as_tensor,
    common,
    ints,
    is_empty,
    many_axes,
    one_axis,
    ops,
    quick,
    scalar,
    shape_error,
    shape_of,
    text_of,
    value_error,
)


@quick(_neve.quick_reshape)
def reshape(x: ArrayLike, *shape: Any) -> Tensor:
    """The elements in row-major order under another shape; one -1 is inferred. A view where x is contiguous."""
    t = as_tensor(x, "reshape")
    to = shape_of("reshape", shape)
    if _neve.is_captured(t):  # sizes need not be numbers: the op's own rule proves or checks them
        return ops.reshape(t, ints(to), allowzero=-1 not in to)
    if (y := _neve.reshaped(t, to)) is not None:
        return y
    known = math.prod(n for n in to if n != -1)
    if to.count(-1) > 1 or builtins.any(n < -1 for n in to):
        value_error(f"reshape: the shape is {to} (sizes of 0 or more, at most one -1)")
    if (known != t.size) if -1 not in to else (known == 0 or t.size % known):
        shape_error(f"reshape: {text_of(t)} has {t.size} elements, which do not fit {to} (a shape of as many)")
    if -1 in to:
        to = tuple(t.size // known if n == -1 else n for n in to)
    return _neve.reshaped(t, to)


@quick(_neve.quick_view)
def view(x: Tensor, *shape: Any) -> Tensor:
    """reshape that never copies: Error{invalid_argument} where the memory would have to move; view(dtype) reads bytes anew."""
    if len(shape) == 1 and (isinstance(shape[0], (str, type)) or hasattr(shape[0], "kind")):
        return ops.bit_cast(x, to=shape[0])
    y = reshape(x, *shape)
    if not _neve.is_captured(y) and x.size and y.data_ptr() != x.data_ptr():
        value_error(f"view: {text_of(x)} with strides {x.strides} has no view as {y.shape} (reshape, which copies)")
    return y


def view_as(x: Tensor, other: Tensor) -> Tensor:
    """view in the shape of another tensor."""
    return view(x, other.shape)


def reshape_as(x: Tensor, other: Tensor) -> Tensor:
    """reshape to the shape of another tensor."""
    return reshape(x, other.shape)


@quick(_neve.quick_permute)
def permute_dims(x: ArrayLike, *axes: Any) -> Tensor:
    """Axis i of the result is axis axes[i] of x; a view. Source: array API permute_dims."""
    t = as_tensor(x, "permute")
    order = shape_of("permute", axes)
    if sorted(a + t.ndim if a < 0 else a for a in order) != list(range(t.ndim)):
        value_error(f"permute: the axes are {order} for {text_of(t)} (each of its {t.ndim} axes once)")
    if not t.ndim:
        return t
    perm = [a % t.ndim for a in order]
    return ops.transpose(t, perm=perm) if _neve.is_captured(t) else _neve.permuted(t, perm)


permute = permute_dims


@quick(_neve.quick_transpose)
def transpose(x: ArrayLike, *axes: Any) -> Tensor:
    """No axes: all reversed; two ints: those swapped (PyTorch); a tuple of all: permuted (NumPy). A view."""
    t = as_tensor(x, "transpose")
    if len(axes) == 2 and not isinstance(axes[0], (tuple, list)):
        return swapaxes(t, *axes)
    if not axes or axes == (None,):
        return ops.transpose(t, perm=list(range(t.ndim))[::-1]) if t.ndim > 1 else t
    return permute_dims(t, *axes)


@quick(_neve.quick_swap_axes)
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged; a view."""
    t = as_tensor(x, "swapaxes")
    a, b = (one_axis("swapaxes", v, t.ndim) for v in (axis1, axis2))
    perm = list(range(t.ndim))
    perm[a], perm[b] = perm[b], perm[a]
    return ops.transpose(t, perm=perm) if _neve.is_captured(t) else _neve.permuted(t, perm)


def moveaxis(x: ArrayLike, source: Axes, destination: Axes) -> Tensor:
    """Axes moved to other places, the others in their order; a view."""
    t = as_tensor(x, "moveaxis")
    src, dst = many_axes("moveaxis", source, t.ndim), many_axes("moveaxis", destination, t.ndim)
    if len(src) != len(dst):
        value_error(f"moveaxis: {source} to {destination} (as many axes as places)")
    perm = [a for a in range(t.ndim) if a not in src]
    for d, s in sorted(zip(dst, src)):
        perm.insert(d, s)
    return ops.transpose(t, perm=perm) if t.ndim else t


movedim = moveaxis


def matrix_transpose(x: ArrayLike) -> Tensor:
    """The last two axes exchanged; a view."""
    t = as_tensor(x, "matrix_transpose")
    if t.ndim < 2:
        shape_error(f"matrix_transpose: x is {text_of(t)} (rank 2 or more)")
    return swapaxes(t, -1, -2)


@quick(_neve.quick_squeeze)
def squeeze(x: ArrayLike, axis: Axes = None) -> Tensor:
    """Without axes of size 1: all, or those named, which must have size 1. A view."""
    t = as_tensor(x, "squeeze")
    if axis is not None and _neve.is_captured(t):
        return ops.squeeze(t, axes=many_axes("squeeze", axis, t.ndim))
    if axis is None:
        axes = [i for i, n in enumerate(t.shape) if n == 1]
    else:
        axes = many_axes("squeeze", axis, t.ndim)
        for a in axes:
            if t.shape[a] != 1:
                shape_error(f"squeeze: axis {a} of {text_of(t)} has size {t.shape[a]} (1)")
    return ops.squeeze(t, axes=axes) if axes else t


@quick(_neve.quick_expand_dims)
def expand_dims(x: ArrayLike, axis: Axes = 0) -> Tensor:
    """With new axes of size 1 at the places that they have in the result. A view."""
    t = as_tensor(x, "expand_dims")
    axes: list[Any] = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    rank = t.ndim + len(axes)
    return ops.unsqueeze(t, axes=many_axes("expand_dims", axes, rank)) if axes else t


unsqueeze = expand_dims


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape to which all broadcast. Raises Error{shape_mismatch}."""
    made: list[int] = []
    for i in range(1, max((len(s) for s in shapes), default=0) + 1):
        sizes = {s[-i] for s in shapes if len(s) >= i} - {1}
        if len(sizes) > 1:
            shape_error(f"broadcast: shapes {', '.join(map(str, shapes))} differ at axis -{i} (equal sizes, or 1)")
        made.append(sizes.pop() if sizes else 1)
    return tuple(made[::-1])


def broadcast_to(x: ArrayLike, *shape: Any) -> Tensor:
    """x repeated along axes of size 1 and new leading ones, by strides of 0: a view. -1 keeps a size."""
    t = as_tensor(x, "broadcast_to")
    to = shape_of("broadcast_to", shape)
    lead = len(to) - t.ndim
    full = tuple(t.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(to))
    if (
        lead < 0
        or builtins.any(m not in (1, n) for m, n in zip(t.shape, full[lead:]))
        or builtins.any(n < 0 for n in full)
    ):
        shape_error(f"broadcast_to: {text_of(t)} does not broadcast to {to} (sizes of x that are equal, or 1)")
    return ops.expand(t, ints(full))


expand = broadcast_to


def expand_as(x: Tensor, other: Tensor) -> Tensor:
    """x broadcast to the shape of another tensor."""
    return broadcast_to(x, other.shape)


def broadcast_tensors(*tensors: ArrayLike) -> list[Tensor]:
    """Tensors broadcast against each other; views."""
    ts = [as_tensor(t, "broadcast_tensors") for t in tensors]
    shape = broadcast_shapes(*(t.shape for t in ts))
    return [broadcast_to(t, shape) for t in ts]


broadcast_arrays = broadcast_tensors


def flatten(x: ArrayLike, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """Axes from start to end (inclusive) joined to one. Source: torch.flatten."""
    t = as_tensor(x, "flatten")
    if t.ndim == 0:
        return reshape(t, 1)
    a, b = one_axis("flatten", start_axis, t.ndim, "start_axis"), one_axis("flatten", end_axis, t.ndim, "end_axis")
    if a > b:
        value_error(f"flatten: axes {start_axis} to {end_axis} of {text_of(t)} (start_axis not behind end_axis)")
    return reshape(t, (*t.shape[:a], math.prod(t.shape[a : b + 1]), *t.shape[b + 1 :]))


def ravel(x: ArrayLike) -> Tensor:
    """One axis; a view where x is contiguous."""
    return reshape(as_tensor(x, "ravel"), -1) if as_tensor(x, "ravel").size else reshape(x, 0)


def unflatten(x: ArrayLike, axis: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several."""
    t = as_tensor(x, "unflatten")
    a = one_axis("unflatten", axis, t.ndim)
    return reshape(t, (*t.shape[:a], *sizes, *t.shape[a + 1 :]))


def atleast_1d(x: ArrayLike) -> Tensor:
    """x with one axis or more."""
    t = as_tensor(x, "atleast_1d")
    return t if t.ndim else reshape(t, 1)


def atleast_2d(x: ArrayLike) -> Tensor:
    """x with two axes or more: a vector is a row."""
    t = atleast_1d(x)
    return t if t.ndim > 1 else expand_dims(t, 0)


def atleast_3d(x: ArrayLike) -> Tensor:
    """x with three axes or more: [n] is [1, n, 1], [m, n] is [m, n, 1]."""
    t = atleast_2d(x)
    return t if t.ndim > 2 else expand_dims(t, 2)


# ---- joining and cutting ---------------------------------------------------------------------------------------------


def _joined(call: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        tensors = unbind(tensors)
    ts = list(tensors)
    if not ts:
        value_error(f"{call}: no tensors were given (one or more)")
    return common(call, *(as_tensor(t, call, "a tensor") for t in ts))


@quick(_neve.quick_concat)
def concat(tensors: Sequence[ArrayLike], axis: int | None = 0) -> Tensor:
    """Tensors one after another along an axis (None: each flat first), in the dtype that they promote to."""
    ts = _joined("concat", tensors)
    if axis is None:
        ts, axis = [ravel(t) for t in ts], 0
    a = one_axis("concat", axis, ts[0].ndim)
    for t in ts[1:]:
        if t.ndim != ts[0].ndim or t.shape[:a] + t.shape[a + 1 :] != ts[0].shape[:a] + ts[0].shape[a + 1 :]:
            shape_error(f"concat: {text_of(ts[0])} and {text_of(t)} along axis {a} (equal sizes on every other axis)")
    return ops.concat(*ts, axis=a)


cat = concatenate = concat


def stack(tensors: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    ts = _joined("stack", tensors)
    for t in ts[1:]:
        if t.shape != ts[0].shape:
            shape_error(f"stack: {text_of(ts[0])} and {text_of(t)} (one shape)")
    a = one_axis("stack", axis, ts[0].ndim + 1)
    return ops.concat(*(ops.unsqueeze(t, axes=[a]) for t in ts), axis=a)


def vstack(tensors: Sequence[ArrayLike]) -> Tensor:
    """Rows below each other."""
    return concat([atleast_2d(t) for t in tensors], 0)


def hstack(tensors: Sequence[ArrayLike]) -> Tensor:
    """Side by side: along axis 1, of vectors along axis 0."""
    ts = [atleast_1d(t) for t in tensors]
    return concat(ts, 0 if ts and ts[0].ndim == 1 else 1)


def dstack(tensors: Sequence[ArrayLike]) -> Tensor:
    """Along axis 2."""
    return concat([atleast_3d(t) for t in tensors], 2)


def column_stack(tensors: Sequence[ArrayLike]) -> Tensor:
    """Vectors as columns beside each other."""
    ts = [as_tensor(t, "column_stack") for t in tensors]
    return concat([reshape(t, (-1, 1)) if t.ndim < 2 else t for t in ts], 1)


@quick(_neve.quick_split)
def split(x: ArrayLike, split_size_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Views: parts of one size, the last perhaps smaller, or of the sizes given. Source: torch.split."""
    t = as_tensor(x, "split")
    a = one_axis("split", axis, t.ndim)
    n, s = t.shape[a], split_size_or_sections
    if isinstance(s, int):
        if s < 1:
            value_error(f"split: the size of the parts is {s} (1 or more)")
        sizes = [min(s, n - i) for i in range(0, n, s)] or [0]
    else:
        sizes = [int(v) for v in s]
        if sum(sizes) != n or builtins.any(v < 0 for v in sizes):
            shape_error(f"split: sizes {sizes} of axis {a} of {text_of(t)} (sizes that add up to {n})")
    made, at = [], 0
    for size in sizes:
        made.append(narrow(t, a, at, size))
        at += size
    return tuple(made)


def array_split(x: ArrayLike, sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Views: a number of nearly equal parts, or cuts at the positions given. Source: numpy.array_split."""
    t = as_tensor(x, "array_split")
    a = one_axis("array_split", axis, t.ndim)
    n = t.shape[a]
    if isinstance(sections, int):
        if sections < 1:
            value_error(f"array_split: sections is {sections} (1 or more)")
        each, more = divmod(n, sections)
        cuts = [i * each + min(i, more) for i in range(sections + 1)]
    else:
        cuts = [0, *(range(n + 1)[min(max(c if c >= 0 else c + n, 0), n)] for c in sections), n]
    return tuple(narrow(t, a, b, max(e - b, 0)) for b, e in zip(cuts, cuts[1:]))


tensor_split = array_split


@quick(_neve.quick_chunk)
def chunk(x: ArrayLike, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of one size. Source: torch.chunk."""
    t = as_tensor(x, "chunk")
    a = one_axis("chunk", axis, t.ndim)
    if chunks < 1:
        value_error(f"chunk: chunks is {chunks} (1 or more)")
    n = t.shape[a]
    size = -(-n // chunks)
    if isinstance(n, _neve.Dim) and chunks > 1 and size * (chunks - 1) < n:  # sizes for which all parts are there
        return ops.split(t, axis=a, num_outputs=chunks)
    return split(t, max(int(size), 1), a)


def unbind(x: ArrayLike, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it; views."""
    t = as_tensor(x, "unbind")
    a = one_axis("unbind", axis, t.ndim)
    lead = (slice(None),) * a
    return tuple(t[(*lead, i)] for i in range(t.shape[a]))


unstack = unbind


def narrow(x: ArrayLike, axis: int, start: int, length: int) -> Tensor:
    """Positions start .. start + length - 1 of an axis; a view."""
    t = as_tensor(x, "narrow")
    a = one_axis("narrow", axis, t.ndim)
    n = t.shape[a]
    start = start + n if start < 0 else start
    if length < 0 or not 0 <= start <= n - length:
        value_error(f"narrow: {length} from {start} of axis {a} of {text_of(t)} (positions within 0..{n})")
    if _neve.is_captured(t):
        return t[(*(slice(None),) * a, slice(start, start + length))]
    return _neve.narrowed(t, a, start, length)


def select(x: ArrayLike, axis: int, index: int) -> Tensor:
    """One position of an axis, without the axis; a view."""
    t = as_tensor(x, "select")
    return t[(*(slice(None),) * one_axis("select", axis, t.ndim), index)]


# ---- repeating and moving --------------------------------------------------------------------------------------------


def repeat(x: ArrayLike, repeats: int | Sequence[int] | Tensor, axis: int | None = None) -> Tensor:
    """Each element (or slice) several times in a row; axis None: of the flat tensor. Source: numpy.repeat."""
    t = as_tensor(x, "repeat")
    if axis is None:
        t, axis = ravel(t), 0
    a = one_axis("repeat", axis, t.ndim)
    n = t.shape[a]
    times = repeats.tolist() if isinstance(repeats, Tensor) else repeats
    times = [times] * n if isinstance(times, int) else list(times)
    times = times * n if len(times) == 1 else times
    if len(times) != n or builtins.any(v < 0 for v in times):
        value_error(f"repeat: repeats is {repeats!r} for an axis of {n} (an integer of 0 or more, or {n} of them)")
    return ops.gather(t, ints(i for i, v in enumerate(times) for _ in range(v)), axis=a)


repeat_interleave = repeat


def tile(x: ArrayLike, *repetitions: Any) -> Tensor:
    """x repeated as a whole along each axis. Source: array API tile."""
    t = as_tensor(x, "tile")
    times = shape_of("tile", repetitions)
    if builtins.any(n < 0 for n in times):
        value_error(f"tile: the repetitions are {times} (0 or more)")
    rank = max(len(times), t.ndim)
    times = (1,) * (rank - len(times)) + times
    t = reshape(t, (1,) * (rank - t.ndim) + t.shape)
    return ops.tile(t, ints(times)) if rank else t.clone()


def roll(x: ArrayLike, shift: int | Sequence[int], axis: Axes = None) -> Tensor:
    """Elements moved along axes, those that leave come in at the other end; axis None: of the flat tensor."""
    t = as_tensor(x, "roll")
    shifts: list[Any] = list(shift) if isinstance(shift, (tuple, list)) else [shift]
    if not t.ndim or is_empty(t):
        return t.clone()
    if axis is None:
        return reshape(_rolled(ravel(t), sum(shifts), 0), t.shape)
    axes = [one_axis("roll", a, t.ndim) for a in (axis if isinstance(axis, (tuple, list)) else [axis])]
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    if len(shifts) != len(axes):
        value_error(f"roll: shift is {shift} and axis {axis} (as many of both)")
    for s, a in zip(shifts, axes):
        t = _rolled(t, s, a)
    return t


def _rolled(t: Tensor, shift: Any, axis: int) -> Tensor:
    if isinstance(shift, int):
        return ops.roll(t, shifts=[shift], axes=[axis])
    first = -shift % t.shape[axis]  # a size that differs from call to call
    before = (slice(None),) * axis
    return reshape(concat([t[(*before, slice(first, None))], t[(*before, slice(None, first))]], axis), t.shape)


def flip(x: ArrayLike, axis: Axes = None) -> Tensor:
    """The order along axes reversed (None: all), as a new tensor; x[::-1] is a view. Source: torch.flip."""
    t = as_tensor(x, "flip")
    axes = many_axes("flip", axis, t.ndim)
    return t[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(t.ndim))].clone()


def fliplr(x: ArrayLike) -> Tensor:
    """Axis 1 reversed."""
    return flip(x, 1)


def flipud(x: ArrayLike) -> Tensor:
    """Axis 0 reversed."""
    return flip(x, 0)


def rot90(x: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Turned by k quarters in the plane of two axes, from the first towards the second."""
    t = as_tensor(x, "rot90")
    a, b = many_axes("rot90", axes, t.ndim)
    k %= 4
    if k == 2:
        return flip(t, (a, b))
    if k == 1:
        return swapaxes(flip(t, b), a, b)
    return flip(swapaxes(t, a, b), b) if k else t.clone()


def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """Elements added at the borders: pad_width is n, (before, after), or a pair for each axis. Source: numpy.pad.

    mode: "constant", "reflect" (mirrored, the border once), "edge", "wrap".
    """
    t = as_tensor(x, "pad")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        value_error(f"pad: mode is {mode!r} ('constant', 'reflect', 'edge' or 'wrap')")
    w = pad_width
    if isinstance(w, int):
        pairs = [(w, w)] * t.ndim
    elif len(w) == 2 and isinstance(w[0], int):
        pairs = [(w[0], w[1])] * t.ndim
    else:
        pairs = [(p, p) if isinstance(p, int) else (p[0], p[-1]) for p in w]
        pairs = pairs * t.ndim if len(pairs) == 1 else pairs
    if len(pairs) != t.ndim or builtins.any(n < 0 for p in pairs for n in p):
        value_error(
            f"pad: pad_width is {pad_width} for {text_of(t)} (0 or more before and after each of {t.ndim} axes)"
        )
    if not t.ndim:
        return t.clone()
    width = ints([p[0] for p in pairs] + [p[1] for p in pairs])
    value = scalar(constant_values, t.dtype) if mode == "constant" else None
    return ops.pad(t, width, value, mode=mode)
