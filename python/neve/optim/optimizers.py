"""The optimisers: SGD, Adam, AdamW, RMSprop, Adagrad, Lamb. Each update is one pass over parameter, gradient and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..nn._core import Tensor, full, value_error
from .optimizer import Optimizer, each, fused, number, zeros_like


class SGD(Optimizer):
    """g = grad + weight_decay p; b = momentum b + (1 - dampening) g; p -= lr b, or lr (g + momentum b) with nesterov.

    Source: torch.optim.SGD; Sutskever et al., 2013.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        number("SGD", "momentum", group["momentum"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            value_error(
                f"SGD: nesterov with momentum {group['momentum']!r} and dampening {group['dampening']!r} (momentum above 0, dampening 0)"
            )

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        if group["momentum"]:
            state["momentum_buffer"] = zeros_like(p)

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        momentum = group["momentum"]
        if momentum:
            for p, s in zip(params, states):  # momentum may have been switched on later
                if "momentum_buffer" not in s:
                    s["momentum_buffer"] = zeros_like(p)
        fused.fused_sgd(
            params, grads, each(states, "momentum_buffer") if momentum else None, lr=group["lr"], momentum=momentum,
            dampening=group["dampening"], weight_decay=group["weight_decay"], nesterov=group["nesterov"], first_step=step == 1,
            maximize=group["maximize"],
        )  # fmt: skip


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr m^ / (sqrt(v^) + eps), m^ and v^ corrected for their start at 0.

    weight_decay is added to the gradient. Source: Kingma & Ba, 2015; Reddi et al., 2018 (amsgrad); torch.optim.Adam.
    """

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        check_betas(type(self).__name__, group)

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["exp_avg"], state["exp_avg_sq"] = zeros_like(p), zeros_like(p)
        if group.get("amsgrad"):
            state["max_exp_avg_sq"] = zeros_like(p)

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        fused.fused_adam(
            params, grads, each(states, "exp_avg"), each(states, "exp_avg_sq"), each(states, "max_exp_avg_sq") if group["amsgrad"] else None,
            lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1], epsilon=group["eps"], weight_decay=group["weight_decay"],
            step=step, decoupled=self.decoupled, amsgrad=group["amsgrad"], maximize=group["maximize"],
        )  # fmt: skip


def check_betas(call: str, group: Mapping[str, Any]) -> None:
    betas = group["betas"]
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        value_error(f"{call}: betas is {betas!r} (a pair of numbers)")
    number(call, "betas[0]", betas[0], 0.0, 1.0)
    number(call, "betas[1]", betas[1], 0.0, 1.0)
    number(call, "eps", group["eps"])


class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient: p -= lr weight_decay p. Source: Loshchilov & Hutter, 2019."""

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps), with momentum on request. Source: Hinton; torch.optim.RMSprop."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        for name in ("alpha", "eps", "momentum"):
            number("RMSprop", name, group[name])

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["square_avg"] = zeros_like(p)
        if group["momentum"]:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        fused.fused_rmsprop(
            params, grads, each(states, "square_avg"), each(states, "momentum_buffer") if group["momentum"] else None,
            each(states, "grad_avg") if group["centered"] else None, lr=group["lr"], alpha=group["alpha"], epsilon=group["eps"],
            weight_decay=group["weight_decay"], momentum=group["momentum"], centered=group["centered"], maximize=group["maximize"],
        )  # fmt: skip


class Adagrad(Optimizer):
    """s += g^2; p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps). Source: Duchi et al., 2011; torch.optim.Adagrad."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "maximize": maximize,
            },
        )  # fmt: skip

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        for name in ("lr_decay", "eps", "initial_accumulator_value"):
            number("Adagrad", name, group[name])

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["sum"] = full(p.shape, group["initial_accumulator_value"], p.dtype)

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        fused.fused_adagrad(
            params, grads, each(states, "sum"), lr=group["lr"], lr_decay=group["lr_decay"], weight_decay=group["weight_decay"],
            epsilon=group["eps"], step=step, maximize=group["maximize"],
        )  # fmt: skip


class Lamb(Optimizer):
    """u = Adam's direction + weight_decay p; p -= lr |p| / |u| u, norms for each parameter (1 where one is 0).

    Source: You et al., 2020.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        *,
        bias_correction: bool = True,
    ) -> None:
        super().__init__(
            params,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "bias_correction": bias_correction},
        )

    def check(self, group: Mapping[str, Any]) -> None:
        super().check(group)
        check_betas("Lamb", group)

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["exp_avg"], state["exp_avg_sq"] = zeros_like(p), zeros_like(p)

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        fused.fused_lamb(
            params, grads, each(states, "exp_avg"), each(states, "exp_avg_sq"), lr=group["lr"], beta1=group["betas"][0],
            beta2=group["betas"][1], epsilon=group["eps"], weight_decay=group["weight_decay"], step=step, bias_correction=group["bias_correction"],
        )  # fmt: skip
