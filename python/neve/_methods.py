"""The functions as methods and properties of Tensor, in-place forms, pickling, NumPy's protocols."""

from __future__ import annotations

import copy
import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import _elementwise as e
from . import _indexing as i
from . import _linalg as la
from . import _neve, _printing, random
from . import _reductions as r
from . import _shape as s
from ._base import (
    Tensor,
    as_tensor,
    common,
    dtype_name,
    is_number,
    kind,
    ops,
    quick,
    text_of,
    type_error,
    value_error,
)
from ._creation import diag, diagonal, tril, triu

_ALIASES = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "unbiased": "correction", "other": "b"}


def _method(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    """f as a method; dim and keepdim are taken for axis and keepdims."""
    call = getattr(f, "_quick", None)
    if call is not None:
        f = f.__wrapped__  # type: ignore[attr-defined]

    @functools.wraps(f)
    def m(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {_ALIASES.get(k, k): int(v) if k == "unbiased" else v for k, v in kwargs.items()}
        return f(self, *args, **kwargs)

    if call is not None:
        m = quick(call)(m)

    m.__name__, m.__qualname__ = name, f"Tensor.{name}"
    return m


_UNARY = """exp expm1 exp2 log log1p log2 log10 sqrt rsqrt reciprocal erf erfc sin cos tan asin acos atan sinh cosh tanh asinh acosh
atanh arcsin arccos arctan arcsinh arccosh arctanh sigmoid relu floor ceil trunc fix frac round abs sign square deg2rad rad2deg sinc
logit nan_to_num positive clip clamp""".split()
_BINARY = """multiply divide true_divide subtract sub mul div add pow remainder fmod floor_divide maximum minimum fmax fmin atan2
arctan2 hypot copysign xlogy ldexp lerp addcmul addcdiv bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift
logaddexp heaviside float_power""".split()
_TESTS = """eq ne lt le gt ge equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not
bitwise_not isnan isinf isfinite isposinf isneginf isclose allclose signbit""".split()
_REDUCE = """sum prod mean max min amax amin any all var std argmax argmin count_nonzero logsumexp ptp nansum nanmean nanmax nanmin
median quantile cumsum cumprod diff softmax log_softmax bincount""".split()
_SHAPE = """reshape view view_as reshape_as permute transpose swapaxes moveaxis movedim squeeze unsqueeze expand_dims broadcast_to expand
expand_as flatten ravel unflatten split chunk array_split tensor_split unbind narrow select repeat_interleave tile roll flip fliplr
flipud rot90""".split()
_INDEX = """take index_select take_along_axis gather scatter scatter_add scatter_reduce index_add index_copy index_fill masked_fill
masked_select argwhere nonzero topk sort argsort unique searchsorted""".split()
_LINALG = "matmul dot inner vdot outer mv mm bmm addmm baddbmm det inv inverse slogdet matrix_power trace norm kron cross".split()
# Names whose first operand is not alike in place, or whose result has another dtype or shape, have no in-place form.
_IN_PLACE = (
    """exp expm1 exp2 log log1p log2 log10 sqrt rsqrt reciprocal erf erfc sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh
sigmoid relu floor ceil trunc fix frac round abs sign square deg2rad rad2deg sinc logit nan_to_num clip clamp""".split()
    + _BINARY
    + "scatter scatter_add scatter_reduce index_add index_copy index_fill masked_fill cumsum cumprod".split()
)


def _into(t: Tensor, value: Tensor, name: str) -> Tensor:
    """Writes a result over t, which must hold its dtype and have its shape."""
    if kind(value.dtype) > kind(t.dtype):
        type_error(f"{name}: the result is {value.dtype}, which {text_of(t)} cannot hold in place")
    if value.shape != t.shape:
        from ._base import shape_error

        shape_error(
            f"{name}: the result is {text_of(value)}, and {text_of(t)} keeps its shape (operands that broadcast to it)"
        )
    return t._become(value, name)


def _in_place(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def m(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        x = self
        if _neve.is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in (self, *args)):
            x = self.clone()  # what the gradient may keep of the operands must not be written over
            args = tuple(a.clone() if isinstance(a, Tensor) and a._shares(self) else a for a in args)
        return _into(self, f(x, *args, **{_ALIASES.get(k, k): v for k, v in kwargs.items()}), name)

    m.__name__, m.__qualname__ = name, f"Tensor.{name}"
    m.__doc__ = f"{name[:-1]}, written over this tensor; returns it. Error{{type_mismatch}} where the dtype cannot hold the result."
    return m


def _add(self: Tensor, b: Any, *, alpha: Any = 1) -> Tensor:
    """self + alpha * b."""
    return e.add(self, b if alpha == 1 else e.multiply(b, alpha))


def _sub(self: Tensor, b: Any, *, alpha: Any = 1) -> Tensor:
    """self - alpha * b."""
    return e.subtract(self, b if alpha == 1 else e.multiply(b, alpha))


def _div(self: Tensor, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    """self / b; rounding_mode None, "floor" or "trunc"."""
    if rounding_mode is None:
        return e.divide(self, b)
    if rounding_mode == "floor":
        return e.floor_divide(self, b)
    if rounding_mode == "trunc":
        return e.trunc(e.divide(self, b)) if kind(self.dtype) == 2 else ops.div(*common("div", self, b))
    value_error(f"div: rounding_mode is {rounding_mode!r} (None, 'floor' or 'trunc')")


def _fill_(self: Tensor, value: Any) -> Tensor:
    """One value everywhere, in place."""
    return self.copy_(value if is_number(value) else as_tensor(value, "fill_"))


def _zero_(self: Tensor) -> Tensor:
    """Zeros everywhere, in place."""
    return self.copy_(0)


def _masked_scatter_where(self: Tensor, condition: Any, other: Any) -> Tensor:
    """self where the condition holds, else other."""
    return e.where(condition, self, other)


def _uniform_(self: Tensor, low: float = 0.0, high: float = 1.0, *, generator: Any = None) -> Tensor:
    """Numbers spread evenly over [low, high), in place."""
    return self.copy_(random.uniform(low, high, self.shape, dtype=self.dtype, generator=generator))


def _normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Normally distributed numbers, in place."""
    return self.copy_(random.normal(mean, std, self.shape, dtype=self.dtype, generator=generator))


def _bernoulli_(self: Tensor, p: float = 0.5, *, generator: Any = None) -> Tensor:
    """1 with probability p, else 0, in place."""
    return self.copy_(random.bernoulli(p, self.shape, generator=generator))


def _repeat(self: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor repeated along each axis, as torch.Tensor.repeat (numpy.repeat is repeat_interleave here)."""
    times = s.shape_of("repeat", repeats)
    if len(times) < self.ndim:
        value_error(f"repeat: the repeats are {times} for {text_of(self)} (one for each axis, or more)")
    return s.tile(self, times)


def _to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **_: Any) -> Tensor:
    """In another dtype, or like another tensor; itself where nothing changes and copy is false. The device is the CPU."""
    for a in args:
        if isinstance(a, Tensor):
            dtype = a.dtype
        elif str(a).startswith("cpu"):
            device = a
        else:
            dtype = a
    if device is not None and not str(device).startswith("cpu"):
        value_error(f"to: device is {device!r} ('cpu')")
    to = self.dtype if dtype is None else dtype_name(dtype)
    return self.astype(to) if to != self.dtype else self.clone() if copy else self


def _converts(dtype: str) -> Callable[[Tensor], Tensor]:
    def m(self: Tensor) -> Tensor:
        return self if self.dtype == dtype else self.astype(dtype)

    m.__doc__ = f"As {dtype}."
    return m


def _new(value: int) -> Callable[..., Tensor]:
    def m(self: Tensor, *shape: Any, dtype: Any = None) -> Tensor:
        from ._creation import ones, zeros

        return (ones if value else zeros)(*shape, dtype=dtype or self.dtype)

    m.__doc__ = f"A tensor of {'ones' if value else 'zeros'} in the dtype of this one."
    return m


def _new_full(self: Tensor, shape: Any, fill_value: Any, *, dtype: Any = None) -> Tensor:
    """A tensor of one value in the dtype of this one."""
    from ._creation import full

    return full(shape, fill_value, dtype=dtype or self.dtype)


def _detach_(self: Tensor) -> Tensor:
    """Takes no part in gradients from here on; only of leaves."""
    if not self.is_leaf:
        value_error("detach_: the tensor was computed from others (detach(), which makes another name of its memory)")
    self.requires_grad = False
    return self


def _retain_grad(self: Tensor) -> None:
    """Backward sets `.grad` of this computed tensor as well. Source: torch.Tensor.retain_grad."""
    if self.is_leaf:
        return
    kept = weakref.ref(self)

    def keep(g: Tensor) -> None:
        t = kept()
        if t is not None:
            t.grad = g.detach().clone() if t.grad is None else t.grad + g.detach()

    self.register_hook(keep)


def _dim(self: Tensor) -> int:
    """The number of axes."""
    return self.ndim


def _numel(self: Tensor) -> int:
    """The number of elements."""
    return self.size


def _element_size(self: Tensor) -> int:
    """The bytes of an element."""
    return self.itemsize


def _is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is a float."""
    return kind(self.dtype) == 2


# ---- Python's and NumPy's protocols ----------------------------------------------------------------------------------


def _iter(self: Tensor) -> Iterator[Tensor]:
    if not self.ndim:
        raise TypeError("iteration over a tensor of rank 0")
    return (self[k] for k in range(self.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    return bool(r.any(e.equal(self, value)).item())


def _format(self: Tensor, spec: str) -> str:
    return format(self.item(), spec) if spec and self.size == 1 else format(str(self), spec)


def _round(self: Tensor, decimals: int | None = None) -> Tensor:
    return e.round(self, decimals or 0)


def _complex(self: Tensor) -> complex:
    return complex(self.item())


def _bits(t: Tensor) -> tuple[np.ndarray, str]:
    """The elements as an array that NumPy has, and the dtype; bf16 as the bits of u16."""
    d = t.detach()
    return (np.array(ops.bit_cast(d.contiguous(), to="u16")), "bf16") if t.dtype == "bf16" else (np.array(d), t.dtype)


def _rebuilt(data: np.ndarray, dtype: str, requires_grad: bool) -> Tensor:
    t = _neve.tensor(data)
    t = ops.bit_cast(t, to="bf16") if dtype == "bf16" else t
    if requires_grad:
        t.requires_grad = True
    return t


def _reduce_ex(self: Tensor, protocol: Any) -> Any:
    if not self.is_leaf:
        value_error(f"pickle: {text_of(self)} was computed from others (detach() first: the graph is not saved)")
    return _rebuilt, (*_bits(self), self.requires_grad)


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        value_error(f"deepcopy: {text_of(self)} was computed from others (detach() or clone() first)")
    t = self.detach().clone()
    if self.requires_grad:
        t.requires_grad = True
        if self.grad is not None:
            t.grad = copy.deepcopy(self.grad.detach(), memo)
    memo[id(self)] = t
    return t


_UFUNCS = {
    "absolute": "abs", "arctan2": "atan2", "power": "pow", "conjugate": "positive", "fabs": "abs",
    "invert": "bitwise_invert", "matmul": "matmul", "vecdot": "vecdot",
}  # fmt: skip


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """numpy.exp(tensor), array + tensor: the function of that name here, whose result is a Tensor. What Neve has not, or
    what is asked to write into an array, runs in NumPy and gives arrays."""
    name = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
    f = getattr(e, name, None) or getattr(la, name, None)
    if method == "__call__" and not kwargs and f is not None:
        return f(*(x if isinstance(x, Tensor) or is_number(x) else as_tensor(x, ufunc.__name__) for x in inputs))
    if any(isinstance(o, Tensor) for o in kwargs.get("out", ())):
        return NotImplemented
    return getattr(ufunc, method)(*(np.asarray(x) if isinstance(x, Tensor) else x for x in inputs), **kwargs)


def _property(f: Callable[[Tensor], Any], doc: str) -> property:
    return property(f, doc=doc)


def _install() -> None:
    for module, names in [(e, _UNARY + _BINARY + _TESTS), (r, _REDUCE), (s, _SHAPE), (i, _INDEX), (la, _LINALG)]:
        for name in names:
            setattr(Tensor, name, _method(getattr(module, name), name))
    named: dict[str, Any] = {
        "add": _add, "sub": _sub, "subtract": _sub, "div": _div, "divide": _div, "mul": e.multiply, "neg": e.negative,
        "negative": e.negative, "diag": diag, "diagonal": diagonal, "tril": tril, "triu": triu, "repeat": _repeat,
        "where": _masked_scatter_where, "absolute": e.abs, "multinomial": random.multinomial,
    }  # fmt: skip
    for name, f in named.items():
        setattr(Tensor, name, _method(f, name))
    for name in _IN_PLACE:
        setattr(Tensor, name + "_", _in_place(getattr(Tensor, name), name + "_"))
    for name, f in {
        "neg_": _in_place(e.negative, "neg_"), "fill_": _fill_, "zero_": _zero_, "uniform_": _uniform_, "normal_": _normal_,
        "bernoulli_": _bernoulli_, "tril_": _in_place(tril, "tril_"), "triu_": _in_place(triu, "triu_"), "detach_": _detach_, "retain_grad": _retain_grad,
        "to": _to, "type_as": _to, "float": _converts("f32"), "double": _converts("f64"), "half": _converts("f16"),
        "bfloat16": _converts("bf16"), "int": _converts("i32"), "long": _converts("i64"), "bool": _converts("bool"),
        "new_zeros": _new(0), "new_ones": _new(1), "new_full": _new_full, "cpu": _to, "dim": _dim,
        "numel": _numel, "element_size": _element_size, "is_floating_point": _is_floating_point,
        "__iter__": _iter, "__contains__": _contains, "__format__": _format, "__round__": _round, "__complex__": _complex,
        "__reduce_ex__": _reduce_ex, "__deepcopy__": _deepcopy, "__array_ufunc__": _array_ufunc, "__array_priority__": 1000.0,
        "__repr__": _printing.tensor_repr, "__pos__": e.positive, "__divmod__": e.divmod,
        "__rdivmod__": lambda self, b: e.divmod(b, self), "__lshift__": e.bitwise_left_shift, "__rshift__": e.bitwise_right_shift,
        "__rlshift__": lambda self, b: e.bitwise_left_shift(b, self), "__rrshift__": lambda self, b: e.bitwise_right_shift(b, self),
        "__imod__": _in_place(e.remainder, "remainder_"), "__ifloordiv__": _in_place(e.floor_divide, "floor_divide_"),
        "__iand__": _in_place(e.bitwise_and, "bitwise_and_"), "__ior__": _in_place(e.bitwise_or, "bitwise_or_"),
        "__ixor__": _in_place(e.bitwise_xor, "bitwise_xor_"),
    }.items():  # fmt: skip
        setattr(Tensor, name, f)
    for name, f, doc in [
        ("T", s.transpose, "All axes reversed; a view."),
        ("mT", s.matrix_transpose, "The last two axes exchanged; a view."),
        ("device", lambda self: "cpu", "Where the tensor is: 'cpu'."),
        ("data", lambda self: self.detach(), "The tensor without its part in gradients; the same memory."),
        ("real", lambda self: self, "The tensor itself: complex dtypes have no functions here."),
    ]:
        setattr(Tensor, name, _property(f, doc))


_install()
