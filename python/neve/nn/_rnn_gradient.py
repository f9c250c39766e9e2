"""Gradients of whole recurrent sequences: only the chain through time goes step by step.

An LSTM keeps its gates for that, others compute them again, for all steps at once; ops of the registry follow the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._core import Tensor, _neve, concat, ops, reshape, sum_, value_error

# x [t, n, i], w_ih, w_hh, b_ih, b_hh (None without biases), h0 [n, h] (and c0): weights in torch's order of gates
Inputs = list[Any]


def recorded(
    mode: str,
    inputs: Inputs,
    results: tuple[Tensor, ...],
    unrolled: Callable[[], tuple[Tensor, ...]],
    saved: tuple[Tensor, ...] = (),
) -> tuple[Tensor, ...]:
    """Results y [t, n, h], h [n, h] (and c) of a sequence, with their gradient.

    unrolled: the same in recorded ops, for second derivatives. saved: what the forward pass kept for the gradient.
    """
    versions = [None if t is None else t._version for t in inputs]
    kept = [r.detach() for r in results] + list(saved)

    def backward(gradients: list[Tensor | None]) -> list[Tensor | None]:
        if any(t is not None and t._version != v for t, v in zip(inputs, versions)):
            value_error(
                f"backward: an operand of {mode} was changed in place after it was used (clone() before the change)"
            )
        if _neve.is_grad_enabled():
            asked = [t for t in inputs if t is not None and t.requires_grad]
            pairs = [(y, g) for y, g in zip(unrolled(), gradients) if g is not None]
            found = iter(
                _neve.grad([y for y, _ in pairs], asked, [g for _, g in pairs], create_graph=True, allow_unused=True)
            )
            return [next(found) if t is not None and t.requires_grad else None for t in inputs]
        all_ = _BACKWARD[mode](
            [None if t is None else t.detach() for t in inputs], kept, gradients, inputs[0].requires_grad
        )
        return [d if t is not None and t.requires_grad else None for t, d in zip(inputs, all_)]

    return tuple(_neve.custom(mode, inputs, list(results), backward))


def _before(first: Tensor, all_: Tensor) -> Tensor:
    """What stood before each step: the first state, then all but the last of [t, n, h]."""
    first = ops.unsqueeze(first, axes=[0])
    return first if all_.shape[0] == 1 else concat([first, ops.slice(all_, [0], [-1], [0], None)], 0)


def _product(t: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    """[t, n, i] times w^T plus b."""
    y = ops.gemm(reshape(t, (-1, t.shape[2])), w, b, transB=True)
    return reshape(y, (t.shape[0], t.shape[1], w.shape[0]))


def _weights(
    x: Tensor, before: Tensor, w_ih: Tensor, dx_gates: Tensor, dh_gates: Tensor, bias: bool, wants_x: bool
) -> list[Tensor | None]:
    """Gradients of x (if wants_x), w_ih, w_hh, b_ih, b_hh from those of the gates' two sums [t, n, gates * h]."""
    rows = x.shape[0] * x.shape[1]
    gx, gh = reshape(dx_gates, (rows, dx_gates.shape[2])), reshape(dh_gates, (rows, dh_gates.shape[2]))
    dx = reshape(ops.matmul(gx, w_ih), x.shape) if wants_x else None
    dw_ih = ops.gemm(gx, reshape(x, (rows, x.shape[2])), None, transA=True)
    dw_hh = ops.gemm(gh, reshape(before, (rows, before.shape[2])), None, transA=True)
    if not bias:
        return [dx, dw_ih, dw_hh, None, None]
    db = sum_(gx, (0,))
    return [dx, dw_ih, dw_hh, db, db if dh_gates is dx_gates else sum_(gh, (0,))]


def _rows(t: Tensor, order: tuple[int, ...]) -> Tensor:
    """The gates of a weight's rows in another order."""
    parts = ops.split(t, axis=0, num_outputs=len(order))
    return concat([parts[i] for i in order], 0)


def _lstm(inputs: Inputs, kept: list[Tensor], gradients: list[Tensor | None], wants_x: bool) -> list[Tensor | None]:
    x, _, _, b_ih, _, h0, c0 = inputs
    y, _, _, gates, cells, w, r = kept  # weights with the gates in ONNX's order, as the op has them
    d, dh0, dc0 = ops.lstm_grad(gates, cells, r, c0, *gradients)
    dx, *weights = _weights(x, _before(h0, y), w, d, d, b_ih is not None, wants_x)
    return [dx, *(None if t is None else _rows(t, (0, 2, 3, 1)) for t in weights), dh0, dc0]


def _gru(inputs: Inputs, kept: list[Tensor], gradients: list[Tensor | None], wants_x: bool) -> list[Tensor | None]:
    x, w_ih, w_hh, b_ih, b_hh, h0 = inputs
    y = kept[0]
    before = _before(h0, y)
    size = h0.shape[1]
    xr, xz, xn = ops.split(_product(x, w_ih, b_ih), axis=2, split=[size] * 3)
    hr, hz, hn = ops.split(_product(before, w_hh, b_hh), axis=2, split=[size] * 3)
    r, z = ops.sigmoid(xr + hr), ops.sigmoid(xz + hz)
    new = ops.tanh(xn + r * hn)
    of_n = (1 - z) * (1 - new * new)
    of_r, of_z = of_n * hn * r * (1 - r), (before - new) * z * (1 - z)
    of_h = concat([of_r, of_z, of_n * r], 2)
    dh, dh0 = ops.recurrent_grad(of_h, w_hh, z, gradients[0], gradients[1])
    each = concat([dh, dh, dh], 2)
    dx_gates, dh_gates = ops.mul(each, concat([of_r, of_z, of_n], 2)), ops.mul(each, of_h)
    return [*_weights(x, before, w_ih, dx_gates, dh_gates, b_ih is not None, wants_x), dh0]


def _rnn(
    slope: Callable[[Tensor], Tensor],
) -> Callable[[Inputs, list[Tensor], list[Tensor | None], bool], list[Tensor | None]]:
    def backward(
        inputs: Inputs, kept: list[Tensor], gradients: list[Tensor | None], wants_x: bool
    ) -> list[Tensor | None]:
        x, w_ih, w_hh, b_ih, _, h0 = inputs
        slopes = slope(kept[0])
        dh, dh0 = ops.recurrent_grad(slopes, w_hh, None, gradients[0], gradients[1])
        d = ops.mul(dh, slopes)
        return [*_weights(x, _before(h0, kept[0]), w_ih, d, d, b_ih is not None, wants_x), dh0]

    return backward


_BACKWARD = {
    "lstm": _lstm,
    "gru": _gru,
    "tanh": _rnn(lambda y: 1 - y * y),
    "relu": _rnn(lambda y: ops.sign(y)),
}
