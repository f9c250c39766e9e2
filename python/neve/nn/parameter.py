"""Parameter: a tensor that a Module trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import FLOATS, Tensor, _neve, text_of, type_error


class Parameter(Tensor):
    """A tensor that a Module finds as its parameter; shares the memory of `data` and asks for gradients.

    Raises Error{type_mismatch} where data is no tensor, or no float and requires_grad. Source: torch.nn.Parameter.
    """

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            type_error(f"Parameter: data is {text_of(data)} (a neve.Tensor; neve.tensor(...) makes one)")
        if requires_grad and data.dtype not in FLOATS:
            type_error(f"Parameter: data is {text_of(data)} (a float dtype, or requires_grad=False)")
        super().__init__(data.detach())
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if self.dtype == "bf16":  # NumPy has none: its bits travel as f32, which holds them exactly
            return _rebuild, (type(self), np.array(self.detach().astype("f32")), "bf16", self.requires_grad)
        return _rebuild, (type(self), np.array(self.detach()), self.dtype, self.requires_grad)


def _rebuild(cls: type[Parameter], data: np.ndarray, dtype: str, requires_grad: bool) -> Parameter:
    return cls(_neve.tensor(data, dtype=dtype), requires_grad)
