"""Recurrent layers and their cells: RNN, LSTM, GRU.

The registry's op runs a whole sequence; its gradient is in _rnn_gradient. Steps written out are the second derivative's way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

from . import init
from ._core import (
    Tensor,
    _neve,
    check_float,
    choice,
    concat,
    fail,
    lowered,
    no_grad,
    ops,
    positive,
    probability,
    recording,
    reshape,
    shape_error,
    text_of,
    type_error,
    zeros,
)
from ._f_basic import dropout, linear
from ._rnn_gradient import recorded
from .linear import parameter
from .module import Module

State = tuple[Tensor, ...]
Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]  # w_ih, w_hh, b_ih, b_hh


# ---- one step: gates of the input (with its bias, and that of h where they add up), the state before, w_hh^T -> the state after ---


def _step_rnn(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor, State, Tensor, Tensor | None], State]:
    def step(gates: Tensor, state: State, w_hh: Tensor, _: Tensor | None) -> State:
        return (activation(ops.add(ops.matmul(state[0], w_hh), gates)),)

    return step


def _step_lstm(gates: Tensor, state: State, w_hh: Tensor, _: Tensor | None) -> State:
    h, c = state
    i, f, g, o = ops.split(ops.add(ops.matmul(h, w_hh), gates), axis=1, num_outputs=4)
    c = ops.add(ops.mul(ops.sigmoid(f), c), ops.mul(ops.sigmoid(i), ops.tanh(g)))
    return ops.mul(ops.sigmoid(o), ops.tanh(c)), c


def _step_gru(gates: Tensor, state: State, w_hh: Tensor, b_hh: Tensor | None) -> State:
    h = state[0]
    size = h.shape[1]
    zr, n = ops.split(gates, axis=1, split=[2 * size, size])
    product = ops.matmul(h, w_hh)
    hzr, hn = ops.split(product if b_hh is None else ops.add(product, b_hh), axis=1, split=[2 * size, size])
    r, z = ops.split(ops.sigmoid(ops.add(zr, hzr)), axis=1, num_outputs=2)
    n = ops.tanh(ops.add(n, ops.mul(r, hn)))
    return (ops.add(n, ops.mul(z, ops.sub(h, n))),)


_STEPS: dict[str, Callable[[Tensor, State, Tensor, Tensor | None], State]] = {
    "tanh": _step_rnn(ops.tanh),
    "relu": _step_rnn(ops.relu),
    "lstm": _step_lstm,
    "gru": _step_gru,
}
_GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
# torch's gates i f g o and r z n in ONNX's order i o f g and z r n
_ORDER = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


def _input_gates(mode: str, x: Tensor, w: Weights) -> Tensor:
    bias = w[2]
    if bias is not None and w[3] is not None and mode != "gru":
        bias = ops.add(bias, w[3])
    return linear(x, w[0], bias)


def _unrolled(mode: str, x: Tensor, state: State, w: Weights, reverse: bool) -> tuple[Tensor, State]:
    """x [t, n, inputs] -> [t, n, hidden], step by step."""
    step = _STEPS[mode]
    gates = _input_gates(mode, x, w)
    parts = ops.split(gates, axis=0, num_outputs=x.shape[0]) if x.shape[0] > 1 else (gates,)
    outputs = []
    w_hh = ops.transpose(w[1], perm=[1, 0]).contiguous()  # once for all steps
    for g in reversed(parts) if reverse else parts:
        state = step(ops.squeeze(g, axes=[0]), state, w_hh, w[3])
        outputs.append(ops.unsqueeze(state[0], axes=[0]))
    return concat(outputs[::-1] if reverse else outputs, 0), state


def _onnx(mode: str, ts: Sequence[Tensor | None]) -> Tensor | None:
    """Weights [gates * hidden, ...] of one or two directions as one, with their gates in ONNX's order."""
    parts: list[Tensor] = []
    for t in ts:
        if t is None:
            return None
        gates = ops.split(t, axis=0, num_outputs=_GATES[mode]) if mode in _ORDER else (t,)
        parts += [gates[i] for i in _ORDER.get(mode, (0,))]
    y = concat(parts, 0) if len(parts) > 1 else parts[0]
    return ops.unsqueeze(y, axes=[0]) if len(ts) == 1 else reshape(y, (len(ts), y.shape[0] // len(ts), *y.shape[1:]))


def _whole(
    mode: str, x: Tensor, initial: State, weights: Sequence[Weights], direction: str, recorded: bool = False
) -> tuple[Tensor, State, State]:
    """x [t, n, inputs] -> [t, directions, n, hidden], the last states, and what the gradient wants to keep if recorded.

    States are [directions, n, hidden]; weights those of each direction.
    """
    if _neve.is_capturing():
        w_ih, w_hh, b_ih, b_hh = (_onnx(mode, ts) for ts in zip(*weights))
        bias = None if b_ih is None else concat([b_ih, cast(Tensor, b_hh)], 1)
    else:
        w_ih, w_hh, bias = _neve.recurrent_weights(mode, weights)
    options: dict[str, Any] = {"direction": direction}
    saved: State = ()
    if mode == "lstm":
        y, *last = ops.lstm(x, w_ih, w_hh, bias, None, *initial, outputs=5 if recorded else 3, **options)
        if recorded:
            saved = (*(ops.squeeze(t, axes=[1]) for t in last[2:]), *(ops.squeeze(t, axes=[0]) for t in (w_ih, w_hh)))
            last = last[:2]
    elif mode == "gru":
        y, *last = ops.gru(x, w_ih, w_hh, bias, None, *initial, outputs=2, linear_before_reset=True, **options)
    else:
        activations = [mode.capitalize()] * len(weights)
        y, *last = ops.rnn(x, w_ih, w_hh, bias, None, *initial, outputs=2, activations=activations, **options)
    return y, tuple(last), saved


def _one(
    mode: str, x: Tensor, state: State, w: Weights, direction: str, recorded: bool = False
) -> tuple[Tensor, State, State]:
    """The same of one direction, without its axis."""
    y, last, saved = _whole(mode, x, tuple(ops.unsqueeze(s, axes=[0]) for s in state), [w], direction, recorded)
    return ops.squeeze(y, axes=[1]), tuple(ops.squeeze(s, axes=[0]) for s in last), saved


def _sequence(mode: str, x: Tensor, state: State, w: Weights, reverse: bool) -> tuple[Tensor, State]:
    """x [t, n, inputs] -> [t, n, hidden] and the last state, with a gradient where one may be asked."""
    if _neve.is_capturing() or not recording(x, *state, *w):  # a captured op has its gradient in the graph
        return _one(mode, x, state, w, "reverse" if reverse else "forward")[:2]

    def backward_in_time(t: Tensor) -> Tensor:
        return ops.slice(t, [-1], [-(2**62)], [0], [-1]) if reverse else t

    x = backward_in_time(x)
    with no_grad():
        y, last, saved = _one(mode, x, state, w, "forward", recorded=True)

    def again() -> State:
        y, last = _unrolled(mode, x, state, w, False)
        return (y, *last)

    y, *after = recorded(mode, [x, *w, *state], (y, *last), again, saved)
    return backward_in_time(y), tuple(after)


def _both(mode: str, x: Tensor, states: State, weights: Sequence[Weights]) -> tuple[Tensor, State]:
    """Both directions in one call, each on a core of its own: x [t, n, inputs] -> [t, n, 2 * hidden]."""
    y, last, _ = _whole(mode, x, states, weights, "bidirectional")
    return reshape(ops.transpose(y, perm=[0, 2, 1, 3]), (*x.shape[:2], 2 * y.shape[3])), last


# ---- layers ----------------------------------------------------------------------------------------------------------


class RNNBase(Module):
    """What RNN, LSTM and GRU share: layers, directions, the weights' names and their initialisation."""

    mode = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        dtype: str | None = None,
    ) -> None:
        super().__init__()
        call = type(self).__name__
        positive(call, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        probability(call, dropout)
        if proj_size:
            fail(
                "unsupported",
                f"{call}: proj_size is {proj_size} (0: projections are not there yet; a Linear after the layer)",
            )
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        gates = _GATES[self.mode] * hidden_size
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                inputs = input_size if layer == 0 else hidden_size * (2 if bidirectional else 1)
                self.register_parameter(f"weight_ih_{suffix}", parameter((gates, inputs), dtype))
                self.register_parameter(f"weight_hh_{suffix}", parameter((gates, hidden_size), dtype))
                if bias:
                    self.register_parameter(f"bias_ih_{suffix}", parameter((gates,), dtype))
                    self.register_parameter(f"bias_hh_{suffix}", parameter((gates,), dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform of +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    def _weights(self, suffix: str) -> Weights:
        get = self.__dict__.get
        return (
            get(f"weight_ih_{suffix}"),
            get(f"weight_hh_{suffix}"),
            get(f"bias_ih_{suffix}"),
            get(f"bias_hh_{suffix}"),
        )  # type: ignore[return-value]

    def flatten_parameters(self) -> None:
        """Nothing: the weights need no common memory here."""

    def _initial(self, given: Any, x: Tensor, single: bool) -> list[Tensor]:
        """The initial states [layers * directions, n, hidden] (h, and c for lstm)."""
        count = 2 if self.mode == "lstm" else 1
        shape = (self.num_layers * (2 if self.bidirectional else 1), x.shape[1], self.hidden_size)
        if given is None:
            return [zeros(shape, x.dtype)] * count
        call = type(self).__name__
        states = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        if len(states) != count:
            type_error(
                f"{call}: there are {len(states)} initial states ({'a pair (h, c)' if count == 2 else 'one, h'})"
            )
        want = shape[:1] + shape[2:] if single else shape
        for name, s in zip("hc", states):
            if not isinstance(s, Tensor) or s.shape != want:
                shape_error(
                    f"{call}: the initial {name} is {text_of(s)} and the input's needs {list(want)} ([layers * directions, {'' if single else 'batch, '}hidden])"
                )
        return [ops.unsqueeze(s, axes=[1]) if single else s for s in states]

    def forward(self, x: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        """x [t, n, input_size] ([n, t, ...] with batch_first, [t, ...] without batch) and initial states, default zeros.

        Returns all hidden states of the last layer, and the last states [layers * directions, n, hidden].
        """
        call = type(self).__name__
        check_float(call, "input", x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "[batch, time, {}]" if self.batch_first else "[time, batch, {}]"
            shape_error(
                f"{call}: input is {text_of(x)} ({order.format(self.input_size)}, or without batch; input_size is {self.input_size})"
            )
        single, flip = x.ndim == 2, self.batch_first and x.ndim == 3
        x = ops.unsqueeze(x, axes=[1]) if single else ops.transpose(x, perm=[1, 0, 2]) if flip else x
        if x.shape[0] == 0:
            shape_error(f"{call}: input is {text_of(x)} with no time steps (one or more)")
        weight = self.weight_ih_l0
        if x.dtype != weight.dtype and lowered(x)[0].dtype == x.dtype:
            type_error(
                f"{call}: input is {text_of(x)} and the weights are {weight.dtype} (one dtype: input.astype('{weight.dtype}'), or module.to('{x.dtype}'))"
            )
        x = lowered(x)[0]
        states = [lowered(s)[0] for s in self._initial(hx, x, single)]
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = dropout(x, self.dropout)
            weights = [lowered(*self._weights(suffix)) for suffix in self._suffixes(layer)]
            if len(weights) == 2 and not _neve.is_capturing() and not recording(x, *states, *weights[0], *weights[1]):
                x, after = _both(
                    self.mode, x, tuple(ops.slice(s, [2 * layer], [2 * layer + 2], [0], None) for s in states), weights
                )
                last.append(after)
                continue
            outputs = []
            for d, w in enumerate(weights):
                k = layer * (2 if self.bidirectional else 1) + d
                before = tuple(ops.squeeze(ops.slice(s, [k], [k + 1], [0], None), axes=[0]) for s in states)
                y, after = _sequence(self.mode, x, before, w, d == 1)
                outputs.append(y)
                last.append(tuple(ops.unsqueeze(s, axes=[0]) for s in after))
            x = concat(outputs, 2) if len(outputs) > 1 else outputs[0]
        finals = [concat([s[i] for s in last], 0) for i in range(len(states))]
        if single:
            x, finals = ops.squeeze(x, axes=[1]), [ops.squeeze(s, axes=[1]) for s in finals]
        y = ops.transpose(x, perm=[1, 0, 2]) if flip else x
        return y, tuple(finals) if self.mode == "lstm" else finals[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(RNNBase):
    """h = tanh(x w_ih^T + h w_hh^T + biases), or relu. Source: torch.nn.RNN, also the names and order of its weights."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, *, dtype: str | None = None,
    ) -> None:  # fmt: skip
        choice("RNN", "nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = self.mode = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype=dtype)


class LSTM(RNNBase):
    """Long short-term memory; gates i f g o. Source: torch.nn.LSTM, also the names and order of its weights."""

    mode = "lstm"


class GRU(RNNBase):
    """Gated recurrent unit; gates r z n, the reset gate after the product. Source: torch.nn.GRU, also its weights' names."""

    mode = "gru"


# ---- cells -----------------------------------------------------------------------------------------------------------


class _Cell(Module):
    mode = ""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: str | None = None) -> None:
        super().__init__()
        positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = _GATES[self.mode] * hidden_size
        self.weight_ih = parameter((gates, input_size), dtype)
        self.weight_hh = parameter((gates, hidden_size), dtype)
        self.register_parameter("bias_ih", parameter((gates,), dtype) if bias else None)
        self.register_parameter("bias_hh", parameter((gates,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform of +-1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, x: Tensor, hx: Any = None) -> Any:
        """x [n, input_size] (or without batch) and the state before -> the state after (h, or (h, c) for LSTMCell)."""
        call = type(self).__name__
        check_float(call, "input", x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            shape_error(
                f"{call}: input is {text_of(x)} ([batch, {self.input_size}], or without batch; input_size is {self.input_size})"
            )
        single, count = x.ndim == 1, 2 if self.mode == "lstm" else 1
        x = ops.unsqueeze(x, axes=[0]) if single else x
        if hx is None:
            state: State = (zeros((x.shape[0], self.hidden_size), x.dtype),) * count
        else:
            given = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
            want = (self.hidden_size,) if single else (x.shape[0], self.hidden_size)
            if len(given) != count:
                type_error(f"{call}: there are {len(given)} states ({'a pair (h, c)' if count == 2 else 'one, h'})")
            for name, s in zip("hc", given):
                if s.shape != want:
                    shape_error(
                        f"{call}: {name} is {text_of(s)} and the input {text_of(x)} ({name} of shape {list(want)})"
                    )
            state = tuple(ops.unsqueeze(s, axes=[0]) if single else s for s in given)
        w: Weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        after = _STEPS[self.mode](_input_gates(self.mode, x, w), state, ops.transpose(w[1], perm=[1, 0]), w[3])
        after = tuple(ops.squeeze(s, axes=[0]) for s in after) if single else after
        return after if count == 2 else after[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of RNN. Source: torch.nn.RNNCell."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: str | None = None,
    ) -> None:
        choice("RNNCell", "nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = self.mode = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype=dtype)


class LSTMCell(_Cell):
    """One step of LSTM. Source: torch.nn.LSTMCell."""

    mode = "lstm"


class GRUCell(_Cell):
    """One step of GRU. Source: torch.nn.GRUCell."""

    mode = "gru"
