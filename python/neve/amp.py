"""Mixed precision: autocast, and GradScaler for f16."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

from . import _neve
from .nn._core import Tensor, choice, no_grad, value_error
from .nn._core import autocast as _state
from .optim import Optimizer

F = TypeVar("F", bound=Callable[..., Any])


class autocast:
    """Products (linear, convolution, attention, recurrent layers) run in a small dtype inside; losses and norms stay in f32.

    with neve.amp.autocast("bf16"): ...   also a decorator. f64 is left alone. dtype: "bf16" or "f16"; enabled=False: as without.
    """

    def __init__(self, dtype: str = "bf16", *, enabled: bool = True) -> None:
        choice("autocast", "dtype", dtype, ("bf16", "f16"))
        self.dtype = dtype if enabled else None
        self.before: list[str | None] = []

    def __enter__(self) -> autocast:
        self.before.append(_state.dtype)
        _state.dtype = self.dtype
        return self

    def __exit__(self, *_: object) -> None:
        _state.dtype = self.before.pop()

    def __call__(self, f: F) -> F:
        @functools.wraps(f)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.dtype or "bf16", enabled=self.dtype is not None):
                return f(*args, **kwargs)

        return inside  # type: ignore[return-value]


class GradScaler:
    """Scales the loss so that small gradients survive in f16, and skips steps whose gradients are not finite.

    scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update(). To clip, scaler.unscale_(optimizer) first.
    Source: torch.amp.GradScaler.
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if growth_factor <= 1:
            value_error(f"GradScaler: growth_factor is {growth_factor!r} (above 1)")
        if not 0 < backoff_factor < 1:
            value_error(f"GradScaler: backoff_factor is {backoff_factor!r} (between 0 and 1)")
        self._scale, self.growth_factor, self.backoff_factor = float(init_scale), growth_factor, backoff_factor
        self.growth_interval, self.enabled, self._growth = growth_interval, enabled, 0
        self._found: dict[int, bool] = {}  # optimiser -> whether a gradient was not finite; there: unscaled already

    def get_scale(self) -> float:
        return self._scale if self.enabled else 1.0

    def scale(self, loss: Tensor) -> Tensor:
        """The loss times the scale."""
        return loss * self._scale if self.enabled else loss

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divides the gradients by the scale, in place; step() does it otherwise."""
        if not self.enabled:
            return
        if id(optimizer) in self._found:
            value_error("GradScaler: unscale_ was called twice since the last update() (once for each step)")
        grads = [p.grad for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
        with no_grad():
            for g in grads:
                g *= 1.0 / self._scale
        self._found[id(optimizer)] = bool(grads) and not math.isfinite(_neve.total_norm(grads))

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(), unless a gradient is not finite."""
        if not self.enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        return None if self._found[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Less scale after a gradient that was not finite, more after growth_interval good steps."""
        if not self.enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            value_error("GradScaler: update() before any step() (scale the loss, backward, step(optimizer), update())")
        elif any(self._found.values()):
            self._scale *= self.backoff_factor
            self._growth = 0
        else:
            self._growth += 1
            if self._growth == self.growth_interval:
                self._scale *= self.growth_factor
                self._growth = 0
        self._found = {}

    def state_dict(self) -> dict[str, Any]:
        return {"scale": self._scale, "growth_tracker": self._growth}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._scale, self._growth = float(state_dict["scale"]), int(state_dict["growth_tracker"])
