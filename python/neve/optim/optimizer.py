"""Optimizer: parameters in groups, state for each, one update pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..nn._core import Tensor, _neve, fail, no_grad, tensor, text_of, type_error, value_error


class _State:
    """State by parameter; parameters are told apart by identity, since == of tensors compares elements."""

    def __init__(self) -> None:
        self.by_id: dict[int, dict[str, Any]] = {}

    def __getitem__(self, p: Tensor) -> dict[str, Any]:
        return self.by_id.setdefault(id(p), {})

    def __contains__(self, p: Tensor) -> bool:
        return id(p) in self.by_id

    def __len__(self) -> int:
        return len(self.by_id)


def number(call: str, name: str, value: Any, low: float = 0.0, high: float | None = None) -> None:
    """Refuses what is no number of [low, high)."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not value >= low
        or (high is not None and value >= high)
    ):
        value_error(
            f"{call}: {name} is {value!r} ({f'{low:g} or more' if high is None else f'from {low:g} to below {high:g}'})"
        )


def zeros_like(p: Tensor) -> Tensor:
    return tensor(p.detach()) * 0.0


class Optimizer:
    """Base of the optimisers: subclasses give defaults and _update.

    params: parameters, or (name, parameter) pairs, or groups {"params": [...], "lr": ...}, whose options stand above the
    defaults. Parameters of f16 and bf16 are updated through a copy in f32 that the state keeps. Source: torch.optim.Optimizer.
    """

    def __init__(self, params: Any, defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state = _State()
        call = type(self).__name__
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            type_error(f"{call}: params is {text_of(params)} (parameters in a list, as model.parameters() gives them)")
        given = list(params)
        if not given:
            value_error(f"{call}: params is empty (at least one parameter; a generator is used up after one walk)")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuses options that make no sense."""
        number(type(self).__name__, "lr", group["lr"])
        number(type(self).__name__, "weight_decay", group["weight_decay"])

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Adds parameters with options of their own."""
        call = type(self).__name__
        if not isinstance(group, Mapping) or "params" not in group:
            type_error(f"{call}: a parameter group is {text_of(group)} (a dict with 'params')")
        unknown = [k for k in group if k not in self.defaults and k not in ("params", "initial_lr", "name")]
        if unknown:
            fail("not_found", f"{call}: there is no option '{unknown[0]}' (it has: {', '.join(self.defaults)})")
        params = group["params"]
        params = [p[1] if isinstance(p, tuple) else p for p in ([params] if isinstance(params, Tensor) else params)]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                type_error(f"{call}: a parameter is {text_of(p)} (a tensor)")
            if not p.is_leaf:
                value_error(
                    f"{call}: a parameter {text_of(p)} was computed from others (a leaf: an nn.Parameter, or detach())"
                )
            if id(p) in known:
                value_error(f"{call}: a parameter {text_of(p)} is in two groups, or twice in one (once)")
            known.add(id(p))
        made = {**self.defaults, **group, "params": params}
        self.check(made)
        self.param_groups.append(made)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients; set_to_none=False: fills them with zeros."""
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if set_to_none:
                        p.grad = None
                    elif p.grad is not None:
                        p.grad.copy_(0.0)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters that have a gradient; closure: computes the loss first, which is returned."""
        loss = closure() if closure is not None else None
        with no_grad():
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        work: dict[Any, tuple[list[Tensor], list[Tensor], list[dict[str, Any]]]] = {}
        low: list[tuple[Tensor, Tensor]] = []
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            state = self.state[p]
            if p.dtype in ("bf16", "f16"):
                if "master" not in state:
                    state["master"] = p.detach().astype("f32")
                target = state["master"]
                low.append((p, target))
            else:
                target = p
            if g.dtype != target.dtype:
                g = g.astype(target.dtype)
            if "step" not in state:
                state["step"] = 0
                self._begin(group, target, state)
            state["step"] += 1
            ps, gs, states = work.setdefault(state["step"], ([], [], []))
            ps.append(target)
            gs.append(g)
            states.append(state)
        for step, (ps, gs, states) in work.items():
            self._update(group, step, ps, gs, states)
        for p, master in low:
            p.copy_(master.astype(p.dtype))

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        """Makes the state of a parameter at its first step."""

    def _update(
        self, group: dict[str, Any], step: int, params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        """One pass over parameters that are at the same step (from 1)."""
        fail("unsupported", f"{type(self).__name__}: _update is not written (a subclass of Optimizer defines it)")

    # ---- state ----

    def _numbered(self) -> Iterator[tuple[int, Tensor]]:
        return enumerate(p for g in self.param_groups for p in g["params"])

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {name: tensor or number}}, "param_groups": [options, with numbers for parameters]}."""
        numbers = {id(p): i for i, p in self._numbered()}
        groups = [
            {**{k: v for k, v in g.items() if k != "params"}, "params": [numbers[id(p)] for p in g["params"]]}
            for g in self.param_groups
        ]
        return {
            "state": {i: dict(self.state[p]) for i, p in self._numbered() if p in self.state},
            "param_groups": groups,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over state and options; parameters are matched by their order.

        Raises Error{invalid_argument} where groups or shapes differ; then nothing is changed.
        """
        call = "load_state_dict"
        if not isinstance(state_dict, Mapping) or "state" not in state_dict or "param_groups" not in state_dict:
            type_error(
                f"{call}: state_dict is {text_of(state_dict)} (a dict with 'state' and 'param_groups', as state_dict() gives it)"
            )
        groups = state_dict["param_groups"]
        sizes, own = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            value_error(f"{call}: the dict has groups of {sizes} parameters and the optimiser of {own} (the same)")
        params = dict(self._numbered())
        order = [n for g in groups for n in g["params"]]
        made: dict[int, dict[str, Any]] = {}
        for i, n in enumerate(order):
            if n not in state_dict["state"]:
                continue
            made[i] = {}
            for k, v in state_dict["state"][n].items():
                if isinstance(v, Tensor):
                    if v.ndim and v.shape != params[i].shape:
                        value_error(
                            f"{call}: '{k}' of parameter {i} is {text_of(v)} and the parameter {text_of(params[i])} (one shape)"
                        )
                    v = int(v.item()) if k == "step" else v.detach().clone()
                    if isinstance(v, Tensor):
                        v = v.astype(params[i].dtype if params[i].dtype == "f64" else "f32")
                made[i][k] = v
        for g, new in zip(self.param_groups, groups):
            g.update({k: v for k, v in new.items() if k != "params"})
        self.state = _State()
        for i, s in made.items():
            self.state[params[i]].update(s)

    def __repr__(self) -> str:
        lines = []
        for i, g in enumerate(self.param_groups):
            options = ", ".join(f"{k}={v}" for k, v in g.items() if k != "params")
            lines.append(f"  group {i}: {len(g['params'])} parameters, {options}")
        return f"{type(self).__name__}(\n" + "\n".join(lines) + "\n)"


def each(states: list[dict[str, Any]], name: str) -> list[Tensor]:
    return [s[name] for s in states]


fused = _neve
