"""Programs of autograd against PyTorch's results (tests/golden/autograd.npz), and what errors say of them."""

import gc
import re
import sys
import weakref
from pathlib import Path

import neve
import numpy as np
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
from autograd_programs import PROGRAMS, REFUSED, Library  # noqa: E402


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "autograd.npz") as f:
        return dict(f)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(golden, name):
    results = PROGRAMS[name](Library(neve, neve.autograd.grad))
    assert len(results) == sum(key.split("/")[0] == name for key in golden)
    for k, t in enumerate(results):
        np.testing.assert_allclose(t.detach().numpy(), golden[f"{name}/{k}"], rtol=1e-12, atol=1e-14, err_msg=str(k))


# Whole messages, but for the lines that name places.
MESSAGES = {
    "saved_operand_changed": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'add_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_operand_changed_through_view": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'index' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_operand_changed_through_detach": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'mul_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_operand_changed_without_recording": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'mul_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_result_changed": ("invalid_argument", "backward: the result of 'exp', f64[3], was changed in place by 'add_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_factor_changed": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'mul_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "saved_view_changed_through_base": ("invalid_argument", "backward: an operand of 'mul', f64[3], was changed in place by 'mul_' after it was saved for the gradient (version 1, saved at version 0; change a copy: clone())"),
    "leaf_changed": ("invalid_argument", 'add_: f64[3] is a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)'),
    "leaf_changed_by_operator": ("invalid_argument", 'mul: f64[3] is a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)'),
    "leaf_element_assigned": ("invalid_argument", 'index: f64[3] is a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)'),
    "view_of_leaf_changed": ("invalid_argument", 'mul_: f64[2] is a view of f64[3], a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)'),
    "transposed_leaf_changed": ("invalid_argument", 'copy_: f64[2, 3] is a view of f64[3, 2], a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)'),
    "view_made_without_recording_changed": ("invalid_argument", "mul_: f64[2] shares memory with another tensor in a way that is not recorded (a view made with recording off, or a result of a function of one's own), and cannot be changed in place by a recorded operation (clone() it)"),
    "expanded_changed": ("invalid_argument", 'add_: f64[3, 4] with strides [1, 0] shows elements more than once and cannot be changed in place (clone() first)'),
    "graph_was_freed": ("invalid_argument", "backward: the graph of 'mul' was freed by an earlier backward (retain_graph=true keeps it)"),
    "part_of_graph_was_freed": ("invalid_argument", "backward: the graph of 'exp' was freed by an earlier backward (retain_graph=true keeps it)"),
    "several_elements_without_gradient": ("invalid_argument", 'backward: f64[3] has more than one element, so its gradient must be given (a scalar loss would do without: mean() or sum())'),
    "gradient_of_other_shape": ("shape_mismatch", 'backward: a gradient of f64[4] for f64[3] (they must be alike)'),
    "nothing_recorded": ("invalid_argument", 'backward: f64[] was not computed from a tensor that asks for gradients (set_requires_grad() before computing, recording on)'),
    "input_has_no_part": ("invalid_argument", 'grad: the outputs do not depend on input 0, f64[3] (allow_unused=true gives an undefined tensor for it)'),
    "hook_of_other_shape": ("shape_mismatch", 'hook: returned f64[2] for a gradient of f64[3] (they must be alike)'),
    "gradients_of_integers": ("type_mismatch", 'set_requires_grad: a tensor of i64 has no gradient (a float dtype would)'),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(neve.Error) as caught:
        REFUSED[name](Library(neve, neve.autograd.grad))
    text, *places = str(caught.value).split("\n")
    assert (caught.value.code, text) == MESSAGES[name]
    assert all(re.fullmatch(r"  (saved|changed|recorded) at .*autograd_programs\.py:\d+", p) for p in places)
    assert len(places) == (2 if "was changed in place" in text else "was freed" in text)


def line_of(mark):
    with open(__file__) as lines:
        return next(i for i, line in enumerate(lines, 1) if f"# {mark}\n" in line)


def test_error_names_both_lines():
    a = neve.tensor([1.0, 2.0], requires_grad=True)
    x = a * 2
    y = neve.square(x) * x  # saved here
    x.add_(1)  # changed here
    with pytest.raises(neve.Error) as caught:
        y.sum().backward()
    text = str(caught.value)
    assert re.search(rf"saved at .*test_autograd_programs\.py:{line_of('saved here')}\b", text), text
    assert re.search(rf"changed at .*test_autograd_programs\.py:{line_of('changed here')}\b", text), text


def test_large_operations_know_their_line():
    a = neve.ones(300, 300, requires_grad=True)
    x = a * 2
    y = neve.exp(x)  # large saved
    y.mul_(2)  # large changed
    with pytest.raises(neve.Error) as caught:
        y.sum().backward(neve.tensor(1.0))
        (x * y).sum().backward()
    text = str(caught.value)
    assert f"py:{line_of('large saved')}" in text and f"py:{line_of('large changed')}" in text, text


def test_freed_graph_names_the_line():
    a = neve.tensor([1.0, 2.0], requires_grad=True)
    h = a.exp()  # recorded here
    h.sum().backward()
    with pytest.raises(neve.Error, match=f"recorded at .*py:{line_of('recorded here')}"):
        h.sum().backward()


def test_optimiser_step_between_forward_and_backward():
    w = neve.nn.Parameter(neve.ones(3, 2))
    optimiser = neve.optim.SGD([w], lr=0.1)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optimiser.step()  # stepped here
    with pytest.raises(neve.Error) as caught:
        loss.backward()
    assert "by 'an optimiser's step'" in str(caught.value) and f"py:{line_of('stepped here')}" in str(caught.value)


def test_more_than_the_reference_takes():
    """What PyTorch refuses and needs not be: operands that are the tensor itself, views of several results."""
    a = neve.tensor([1.0, 2.0], requires_grad=True)
    x = a * 2
    x *= x
    x.mul_(x)
    x.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 64 * np.array([1.0, 2.0]) ** 3)
    a.grad = None
    x = a * 2
    first, second = x.split(1)
    first.mul_(3)
    (x * x + second).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), [72, 16 + 2 + 2])
    a.grad = None
    x = neve.zeros(3, 2)
    top, rest = x[0], x[1:]
    top.add_(a)
    rest.copy_(a * a)
    (x**3).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 3 * np.array([1, 4]) + 12 * np.array([1.0, 2.0]) ** 5, rtol=1e-6)


def test_function_results_that_share_memory_are_not_changed_in_place():
    class Both(neve.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            return y, y[:1]

        @staticmethod
        def backward(ctx, g, h):
            return g * 2

    y, h = Both.apply(neve.ones(2, requires_grad=True))
    with pytest.raises(neve.Error, match="a result of a function of one's own"):
        y.mul_(2)


def test_recurrent_layers_may_be_changed_in_place():
    layer = neve.nn.LSTM(3, 4, batch_first=True)
    y, (h, c) = layer(neve.ones(2, 5, 3))
    y[:, 0] = 0.0
    y.mul_(2)
    y.sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_nothing_leaks():
    def once():
        a = neve.tensor([1.0, 2.0, 3.0], requires_grad=True)
        x = a * 2
        v = x[1:]
        x *= a
        x.mul_(x)
        v.exp_()
        x[0] = v[0]
        x[1:] += v * v
        x.register_hook(lambda g: g * 2)
        return weakref.ref(a), neve.tensor(np.ones(100000)), x

    refs = []
    for _ in range(20):
        ref, _, x = once()
        refs.append(ref)
        del x
    gc.collect()
    assert not [r for r in refs if r() is not None]


def test_repr_of_views_and_versions():
    x = neve.zeros(3)
    v = x[1:]
    assert v.is_leaf and not v.requires_grad
    x.mul_(neve.ones(3, requires_grad=True))
    assert v.requires_grad and not v.is_leaf and "grad_fn=<view>" in repr(v)
    before = v._version
    v.add_(1)
    assert x._version == v._version == before + 1


@pytest.mark.parametrize("steps", [1, 4])
def test_gradient_of_lstm_is_that_of_central_differences(steps):
    generator = np.random.default_rng(3)
    layer = neve.nn.LSTM(3, 5, dtype="f64")
    x, h, c, scale = (
        neve.tensor(generator.standard_normal(s)) for s in ((steps, 2, 3), (1, 2, 5), (1, 2, 5), (steps, 2, 5))
    )
    leaves = [x, h, c, *layer.parameters()]
    for t in leaves:
        t.requires_grad = True

    def loss():
        y, (last, cell) = layer(x, (h, c))
        return (y * scale).sum() + (last * last).sum() + (cell * 2.0).sum()

    found = neve.autograd.grad(loss(), leaves)
    for t, d in zip(leaves, found):
        for at in generator.integers(0, t.size, 4):
            index, values = np.unravel_index(at, t.shape), []
            with neve.no_grad():
                for step in (1e-6, -2e-6):
                    t[tuple(int(i) for i in index)] += step
                    values.append(loss().item())
                t[tuple(int(i) for i in index)] += 1e-6
            assert (values[0] - values[1]) / 2e-6 == pytest.approx(
                d[tuple(int(i) for i in index)].item(), rel=1e-6, abs=1e-8
            )
