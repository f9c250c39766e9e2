"""Schedules of the learning rate. Each rate is a function of the step, so a schedule resumes exactly from its state_dict."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..nn._core import choice, positive, type_error, value_error
from .optimizer import Optimizer, number


class LRScheduler:
    """Base: subclasses give rate(base, t), the rate of a group whose first one was `base`, at step t (from 0).

    step() goes on by one (call it after optimizer.step()); step(t) goes to t. The rates of step 0 are set at once.
    Source: the closed forms of torch.optim.lr_scheduler.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            type_error(f"{type(self).__name__}: optimizer is {type(optimizer).__name__} (a neve.optim.Optimizer)")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, base: float, t: int) -> float:
        raise NotImplementedError

    def rates(self, t: int) -> list[float]:
        """The rate of each group at step t."""
        return [self.rate(base, t) for base in self.base_lrs]

    def step(self, epoch: int | None = None) -> None:
        """Sets the rates of the next step, or of the step `epoch`."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        for group, lr in zip(self.optimizer.param_groups, self.rates(self.last_epoch)):
            group["lr"] = lr
        self._last_lr = self.get_last_lr()

    def get_last_lr(self) -> list[float]:
        """The rates now, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on; functions are left out."""
        return {k: v for k, v in self.__dict__.items() if k != "optimizer" and not callable(v) and k != "lr_lambdas"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on where the schedule of the state_dict was, and sets its rates."""
        self.__dict__.update(state_dict)
        for group, lr in zip(self.optimizer.param_groups, self._last_lr):
            group["lr"] = lr


class LambdaLR(LRScheduler):
    """base * lr_lambda(t); one function, or one for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            value_error(
                f"LambdaLR: there are {len(self.lr_lambdas)} functions and {groups} parameter groups (one function, or one for each)"
            )
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        return [base * f(t) for base, f in zip(self.base_lrs, self.lr_lambdas)]


class StepLR(LRScheduler):
    """base * gamma^(t // step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        positive("StepLR", step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """base * gamma^(number of milestones that t has reached)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** bisect.bisect_right(self.milestones, t)


class ConstantLR(LRScheduler):
    """base * factor before total_iters, then base."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0 <= factor <= 1:
            value_error(f"ConstantLR: factor is {factor!r} (from 0 to 1)")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * (self.factor if t < self.total_iters else 1.0)


class LinearLR(LRScheduler):
    """base times a factor that goes from start_factor to end_factor in total_iters steps: also a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            value_error(f"LinearLR: start_factor is {start_factor!r} (above 0, up to 1)")
        if not 0 <= end_factor <= 1:
            value_error(f"LinearLR: end_factor is {end_factor!r} (from 0 to 1)")
        positive("LinearLR", total_iters=total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * (
            self.start_factor + (self.end_factor - self.start_factor) * min(t, self.total_iters) / self.total_iters
        )


class ExponentialLR(LRScheduler):
    """base * gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma**t


class PolynomialLR(LRScheduler):
    """base * (1 - t / total_iters)^power, 0 from total_iters on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        positive("PolynomialLR", total_iters=total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """From base to eta_min along half a cosine of T_max steps, and back. Source: Loshchilov & Hutter, 2017."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        positive("CosineAnnealingLR", T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine of T_0 steps, then again of T_0 T_mult, and so on. Source: Loshchilov & Hutter, 2017 (SGDR)."""

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        positive("CosineAnnealingWarmRestarts", T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        length, at = self.T_0, t
        while at >= length:
            at -= length
            length *= self.T_mult
            if self.T_mult == 1:
                at %= length
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * at / length)) / 2


class WarmupLR(LRScheduler):
    """base * t / warmup_steps up to base, then constant, linear to 0 or half a cosine to 0 until total_steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        total_steps: int | None = None,
        decay: str = "constant",
        last_epoch: int = -1,
    ) -> None:
        choice("WarmupLR", "decay", decay, ("constant", "linear", "cosine"))
        positive("WarmupLR", warmup_steps=warmup_steps)
        if decay != "constant" and (total_steps is None or total_steps <= warmup_steps):
            value_error(
                f"WarmupLR: total_steps is {total_steps!r} and warmup_steps {warmup_steps} (more steps in total, for decay {decay!r})"
            )
        self.warmup_steps, self.total_steps, self.decay = warmup_steps, total_steps, decay
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, t: int) -> float:
        if t < self.warmup_steps:
            return base * t / self.warmup_steps
        if self.decay == "constant" or self.total_steps is None:
            return base
        left = max(0.0, (self.total_steps - t) / (self.total_steps - self.warmup_steps))
        return base * (left if self.decay == "linear" else (1 - math.cos(math.pi * left)) / 2)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to initial / final_div_factor; momentum (or beta1) the other way.

    Source: Smith & Topin, 2018; torch.optim.lr_scheduler.OneCycleLR.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                value_error("OneCycleLR: the number of steps is not given (total_steps, or epochs and steps_per_epoch)")
            total_steps = epochs * steps_per_epoch
        positive("OneCycleLR", total_steps=total_steps)
        choice("OneCycleLR", "anneal_strategy", anneal_strategy, ("cos", "linear"))
        number("OneCycleLR", "pct_start", pct_start, 0.0, 1.0 + 1e-12)
        groups = optimizer.param_groups
        peaks = [max_lr] * len(groups) if isinstance(max_lr, (int, float)) else list(max_lr)
        if len(peaks) != len(groups):
            value_error(
                f"OneCycleLR: max_lr has {len(peaks)} rates and there are {len(groups)} parameter groups (one rate, or one for each)"
            )
        self.total_steps, self.anneal, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        up = float(pct_start * total_steps) - 1
        # (end of the phase, from which value, to which: 0 initial, 1 peak, 2 final)
        if three_phase:
            self.phases = [(up, 0, 1), (2 * up, 1, 0), (total_steps - 1, 0, 2)]
        else:
            self.phases = [(up, 0, 1), (total_steps - 1, 1, 2)]
        self.points = [(p / div_factor, p, p / div_factor / final_div_factor) for p in peaks]
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in groups):
            value_error("OneCycleLR: cycle_momentum and an optimiser without momentum or betas (cycle_momentum=False)")
        super().__init__(optimizer, last_epoch)

    def _at(self, points: tuple[float, float, float], t: int) -> float:
        begin = 0.0
        for end, a, b in self.phases:
            if t <= end or end == self.phases[-1][0]:
                share = (t - begin) / (end - begin) if end != begin else 1.0
                a_, b_ = points[a], points[b]
                return (
                    b_ + (a_ - b_) / 2 * (1 + math.cos(math.pi * share))
                    if self.anneal == "cos"
                    else a_ + (b_ - a_) * share
                )
            begin = end
        return points[2]

    def rates(self, t: int) -> list[float]:
        if t > self.total_steps:
            value_error(f"OneCycleLR: step {t} of {self.total_steps} (no more steps than total_steps)")
        if self.cycle_momentum:
            m = self._at((self.max_momentum, self.base_momentum, self.max_momentum), t)
            for g in self.optimizer.param_groups:
                if "betas" in g:
                    g["betas"] = (m, *g["betas"][1:])
                else:
                    g["momentum"] = m
        return [self._at(points, t) for points in self.points]


class SequentialLR(LRScheduler):
    """One schedule after another: schedulers[i + 1] begins, from its step 0, at milestones[i]."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            value_error(
                f"SequentialLR: there are {len(schedulers)} schedulers and milestones {list(milestones)} (one milestone less, ascending)"
            )
        if any(s.optimizer is not optimizer for s in schedulers):
            value_error("SequentialLR: a scheduler is of another optimiser (all of one)")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def rates(self, t: int) -> list[float]:
        i = bisect.bisect_right(self.milestones, t)
        scheduler = self.schedulers[i]
        scheduler.last_epoch = t - (self.milestones[i - 1] if i else 0)
        return scheduler.rates(scheduler.last_epoch)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        state["schedulers"] = [s.state_dict() for s in self.schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for s, inner in zip(self.schedulers, state_dict["schedulers"]):
            s.load_state_dict(inner)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "schedulers"})


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rates by factor when a metric has not improved for more than `patience` steps: step(metric).

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        choice("ReduceLROnPlateau", "mode", mode, ("min", "max"))
        choice("ReduceLROnPlateau", "threshold_mode", threshold_mode, ("rel", "abs"))
        if not factor < 1:
            value_error(f"ReduceLROnPlateau: factor is {factor!r} (below 1)")
        groups = len(optimizer.param_groups)
        self.min_lrs = [float(min_lr)] * groups if isinstance(min_lr, (int, float)) else list(min_lr)
        if len(self.min_lrs) != groups:
            value_error(
                f"ReduceLROnPlateau: min_lr has {len(self.min_lrs)} rates and there are {groups} parameter groups (one rate, or one for each)"
            )
        self.mode, self.factor, self.patience, self.threshold = mode, factor, patience, threshold
        self.threshold_mode, self.cooldown, self.eps = threshold_mode, cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        self.optimizer, self.last_epoch = optimizer, 0
        self._last_lr = self.get_last_lr()

    def _better(self, value: float) -> bool:
        if self.threshold_mode == "rel":
            return (
                value < self.best * (1 - self.threshold)
                if self.mode == "min"
                else value > self.best * (1 + self.threshold)
            )
        return value < self.best - self.threshold if self.mode == "min" else value > self.best + self.threshold

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        value = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs):
                lr = max(group["lr"] * self.factor, least)
                if group["lr"] - lr > self.eps:
                    group["lr"] = lr
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.get_last_lr()
