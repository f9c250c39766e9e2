"""Programs of autograd that run alike in PyTorch and in Neve: changes in place, views, hooks, graphs walked twice. Long because it is a table.

Each takes `L` (the library and how to make leaves) and returns tensors that are compared; those of REFUSED must raise.
"""

import numpy as np

PROGRAMS = {}
REFUSED = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


def refused(f):
    REFUSED[f.__name__] = f
    return f


class Library:
    """torch or neve, with leaves of f64 whose values follow from their number."""

    def __init__(self, lib, grad):
        self.lib, self.grad, self.made = lib, grad, 0
        self.f64 = getattr(lib, "float64", "f64")

    def plain(self, *shape):
        self.made += 1
        values = np.random.default_rng(self.made).uniform(0.5, 1.5, shape)
        return self.lib.tensor(values, dtype=self.f64)

    def leaf(self, *shape):
        t = self.plain(*shape)
        t.requires_grad = True
        return t


# ---- changes in place through views ----------------------------------------------------------------------------------


@program
def element_assigned(L):
    a, b = L.leaf(3), L.leaf()
    x = a * 2
    x[0] = b
    x.sum().backward()
    return a.grad, b.grad


@program
def slice_assigned(L):
    a, b = L.leaf(4), L.leaf(2)
    x = a * 2
    x[1:3] = b * b
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def slice_with_step_assigned(L):
    a, b = L.leaf(5), L.leaf(3)
    x = a * 2
    x[::2] = b
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def assignment_broadcasts(L):
    a, b = L.leaf(3, 4), L.leaf(4)
    x = a * 1
    x[1:] = b
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def number_assigned(L):
    a = L.leaf(3)
    x = a * 2
    x[1] = 5.0
    (x * x).sum().backward()
    return (a.grad,)


@program
def assigned_from_itself(L):
    a = L.leaf(4)
    x = a * 2
    x[0] = x[2] * 3
    x[1] = x[0] + x[3]
    (x * x).sum().backward()
    return (a.grad,)


@program
def overlapping_assignment(L):
    a = L.leaf(5)
    x = a * 1
    x[1:] = x[:-1].clone() * 2
    (x * x).sum().backward()
    return (a.grad,)


@program
def mask_assigned(L):
    a, b = L.leaf(4), L.leaf()
    x = a * 2
    x[a > 1.0] = b
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def integers_assigned(L):
    a, b = L.leaf(4, 2), L.leaf(2, 2)
    x = a * 2
    x[[3, 0]] = b
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def integers_and_slice_assigned(L):
    a, b = L.leaf(4, 3), L.leaf(2, 2)
    x = a * 2
    x[[3, 0], 1:] = b
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def view_multiplied(L):
    a = L.leaf(4)
    x = a * 2
    v = x[1:]
    v.mul_(3)
    (x * x).sum().backward()
    return (a.grad,)


@program
def view_multiplied_by_leaf(L):
    a, b = L.leaf(4), L.leaf(3)
    x = a * 2
    v = x[1:]
    v.mul_(b)
    (x * x).sum().backward()
    return a.grad, b.grad


@program
def view_of_view_changed(L):
    a, b = L.leaf(3, 4), L.leaf(2)
    x = a * 2
    v = x[1:][:, 1:3]
    v[1] += b
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def transposed_view_changed(L):
    a, b = L.leaf(3, 4), L.leaf(3)
    x = a * 2
    x.T[1] = b
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def reshaped_view_changed(L):
    a, b = L.leaf(3, 4), L.leaf(5)
    x = a * 2
    x.view(12)[2:7] *= b
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def unsqueezed_view_changed(L):
    a, b = L.leaf(3), L.leaf(1, 2)
    x = a * 2
    x.unsqueeze(0)[:, 1:].add_(b)
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def other_view_sees_the_change(L):
    a, b = L.leaf(4), L.leaf()
    x = a * 2
    first, second = x[:2], x[1:]
    first[1] = b
    (second * second).sum().backward()
    return a.grad, b.grad


@program
def view_sees_change_of_base(L):
    a, b = L.leaf(4), L.leaf(4)
    x = a * 2
    v = x[1:3]
    x.mul_(b)
    (v * v).sum().backward()
    return a.grad, b.grad


@program
def view_used_before_and_after(L):
    a = L.leaf(4)
    x = a * 2
    v = x[1:3]
    before = v.sum() * 3
    x.add_(1)
    (before + (v * v).sum()).backward()
    return (a.grad,)


@program
def expanded_view_sees_change(L):
    a, b = L.leaf(3, 1), L.leaf()
    x = a * 2
    wide = x.expand(3, 4)
    x[1] = b
    (wide * L.plain(3, 4)).sum().backward()
    return a.grad, b.grad


@program
def buffer_filled(L):
    a = L.leaf(3)
    x = L.lib.zeros(3, 3, dtype=L.f64)
    for k in range(3):
        x[k] = a * (k + 1)
    (x * x).sum().backward()
    return (a.grad,)


@program
def view_of_buffer_filled(L):
    a, b = L.leaf(2), L.leaf(2)
    x = L.lib.zeros(3, 2, dtype=L.f64)
    x[0].add_(a)
    rest = x[1:]
    rest.copy_(b)
    (x**3).sum().backward()
    return a.grad, b.grad


@program
def view_asks_after_change_of_base(L):
    a = L.leaf(3)
    x = L.plain(3)
    v = x[1:]
    x.mul_(a)
    (v * v).sum().backward()
    return (a.grad,)


@program
def accumulated_in_loop(L):
    a = L.leaf(3)
    total = L.lib.zeros(3, dtype=L.f64)
    for k in range(4):
        total += a**k
    (total * total).sum().backward()
    return (a.grad,)


@program
def row_updated_in_loop(L):
    a = L.leaf(2, 3)
    x = a * 1
    for k in range(3):
        x[0] += x[1] * (k + 1)
        x[1] *= 2
    (x * x).sum().backward()
    return (a.grad,)


# ---- changes in place of whole tensors -------------------------------------------------------------------------------


@program
def chain_in_place(L):
    a, b = L.leaf(3), L.leaf(3)
    x = a * 2
    x.mul_(b).add_(a).sub_(0.5).div_(b).pow_(2)
    x.sum().backward()
    return a.grad, b.grad


@program
def multiplied_by_itself(L):
    a = L.leaf(3)
    x = a * 2
    x.mul_(x.clone())
    x *= x.clone()
    x.sum().backward()
    return (a.grad,)


@program
def operators_in_place(L):
    a, b = L.leaf(3), L.leaf(3)
    x = a * 2
    x += b
    x *= b
    x -= a
    x /= b
    x **= 2
    x.sum().backward()
    return a.grad, b.grad


@program
def functions_in_place(L):
    a = L.leaf(3)
    for name in "exp_ log_ sin_ cos_ sigmoid_ sqrt_ tanh_ abs_ neg_ reciprocal_ square_ rsqrt_".split():
        x = a * 0.5
        (getattr(x, name)() * a).sum().backward()
    return (a.grad,)


@program
def relu_and_clamp_in_place(L):
    a = L.leaf(4)
    x = a - 1
    x.relu_()
    y = a * 1
    y.clamp_(0.8, 1.2)
    (x + 2 * y).sum().backward()
    return (a.grad,)


@program
def filled_and_zeroed(L):
    a, b = L.leaf(3), L.leaf(3)
    x, y = a * 2, b * 3
    x.zero_()
    y.fill_(2.0)
    (x + y * b).sum().backward()
    return a.grad, b.grad


@program
def copied_over(L):
    a, b = L.leaf(3), L.leaf(3)
    x = a * 2
    x.copy_(b * b)
    (x * a).sum().backward()
    return a.grad, b.grad


@program
def masked_fill_in_place(L):
    a = L.leaf(4)
    x = a * 2
    x.masked_fill_(a > 1.0, 3.0)
    (x * x).sum().backward()
    return (a.grad,)


@program
def plain_becomes_recorded(L):
    a = L.leaf(3)
    x = L.plain(3)
    x.mul_(a)
    (x * x).sum().backward()
    return (a.grad,)


@program
def changed_after_use_that_keeps_nothing(L):
    a, b = L.leaf(3), L.leaf(3)
    x = a * 2
    y = x + b
    s = x.sum()
    x.mul_(3)
    (y.sum() + s * 2 + (x * x).sum()).backward()
    return a.grad, b.grad


@program
def factor_changed_that_needs_no_gradient(L):
    a, c = L.leaf(3), L.plain(3)
    y = a + c
    c.mul_(0)
    (y * y).sum().backward()
    return (a.grad,)


@program
def detached_copy_changed(L):
    a = L.leaf(3)
    x = a * 2
    y = x.detach().clone()
    y.mul_(5)
    (x * y).sum().backward()
    return (a.grad,)


@program
def changed_through_detach_before_use(L):
    a = L.leaf(3)
    x = a * 2
    x.detach().mul_(3)
    (x * a).sum().backward()
    return (a.grad,)


@program
def detach_ends_the_history(L):
    a = L.leaf(3)
    x = a * 2
    y = x.detach() * a
    y.sum().backward()
    return (a.grad,)


# ---- recording off ---------------------------------------------------------------------------------------------------


@program
def leaf_updated_without_recording(L):
    a = L.leaf(3)
    (a * a).sum().backward()
    with L.lib.no_grad():
        a -= 0.1 * a.grad
        a.grad.zero_()
    (a * a).sum().backward()
    return a.detach(), a.grad


@program
def leaf_rows_updated_without_recording(L):
    a = L.leaf(3, 2)
    with L.lib.no_grad():
        a[1] = 0.25
        a[2:].mul_(2)
    (a * a).sum().backward()
    return (a.grad,)


@program
def view_of_leaf_updated_without_recording(L):
    a = L.leaf(3, 2)
    v = a.view(6)
    with L.lib.no_grad():
        v.mul_(2)
    (v * v).sum().backward()
    return (a.grad,)


@program
def steps_of_training(L):
    w, b, x, y = L.leaf(4, 2), L.leaf(2), L.plain(5, 4), L.plain(5, 2)
    for _ in range(5):
        w.grad = b.grad = None
        e = (x @ w + b).tanh() - y
        (e * e).mean().backward()
        with L.lib.no_grad():
            for p in (w, b):
                p -= 0.3 * p.grad
    return w.detach(), b.detach()


@program
def changed_without_recording_before_use(L):
    a = L.leaf(3)
    x = a * 2
    with L.lib.no_grad():
        x.mul_(3)
    (x * x).sum().backward()
    return (a.grad,)


# ---- walks -----------------------------------------------------------------------------------------------------------


@program
def walked_twice_retained(L):
    a = L.leaf(3)
    y = (a**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    return (a.grad,)


@program
def walked_twice_nothing_saved(L):
    a, b = L.leaf(3), L.leaf(3)
    y = (a + b - 2).sum()
    y.backward()
    y.backward()
    return a.grad, b.grad


@program
def shared_part_that_saves_nothing(L):
    a, b = L.leaf(3), L.leaf(3)
    h = (a + b).reshape(3, 1)
    h.sum().backward()
    (h * 2).sum().backward()
    return a.grad, b.grad


@program
def accumulates(L):
    a = L.leaf(3)
    for k in range(3):
        (a * k * a).sum().backward()
    return (a.grad,)


@program
def gradient_given(L):
    a = L.leaf(2, 3)
    (a * a).backward(L.plain(2, 3))
    return (a.grad,)


@program
def grad_leaves_leaves_alone(L):
    a, b = L.leaf(3), L.leaf(3)
    h = a * b
    d = L.grad((h * h).sum(), [h, b])
    return d[0], d[1], L.plain(1) * float(a.grad is None)


@program
def second_derivative(L):
    a = L.leaf(3)
    (g,) = L.grad((a**3).sum(), [a], create_graph=True)
    (g * g).sum().backward()
    return (a.grad,)


@program
def third_derivative(L):
    a = L.leaf(3)
    g = (a.sin() * a.exp()).sum()
    for _ in range(2):
        (g,) = L.grad(g.sum(), [a], create_graph=True)
    (g,) = L.grad(g.sum(), [a])
    return (g,)


@program
def second_derivative_through_assignment(L):
    a, b = L.leaf(4), L.leaf(2)
    x = a**2
    x[1:3] = b**3
    (g, d) = L.grad((x * x).sum(), [a, b], create_graph=True)
    ((g**2).sum() + (d**2).sum()).backward()
    return a.grad, b.grad


@program
def second_derivative_through_view(L):
    a, b = L.leaf(4), L.leaf(3)
    x = a**2
    v = x[1:]
    v.mul_(b)
    (g, d) = L.grad((x**2).sum() + (v**3).sum(), [a, b], create_graph=True)
    ((g**2).sum() + (g[1:] * d).sum()).backward()
    return a.grad, b.grad


@program
def gradient_penalty(L):
    w, x = L.leaf(3, 3), L.leaf(2, 3)
    y = (x @ w).tanh().sum()
    (g,) = L.grad(y, [x], create_graph=True)
    (((g * g).sum(1).sqrt() - 1) ** 2).sum().backward()
    return w.grad, x.grad


@program
def only_a_part_needs_gradients(L):
    a, b = L.leaf(3), L.plain(3)
    y = (a * b).sum() + (b * b).sum()
    y.backward()
    return a.grad, L.plain(1) * float(b.grad is None)


@program
def long_chain(L):
    a = L.leaf(2)
    x = a
    for _ in range(3000):
        x = x * 1.0001
    x.sum().backward()
    return (a.grad,)


@program
def diamond(L):
    a = L.leaf(3)
    h = a * a
    (h.exp() * h + h).sum().backward()
    return (a.grad,)


# ---- hooks -----------------------------------------------------------------------------------------------------------


@program
def hook_changes_gradient(L):
    a = L.leaf(3)
    h = a * 2
    h.register_hook(lambda g: g * 10)
    (h * h).sum().backward()
    return (a.grad,)


@program
def hook_of_leaf(L):
    a = L.leaf(3)
    a.register_hook(lambda g: g.clamp(max=1.0))
    (a * a).sum().backward()
    return (a.grad,)


@program
def hooks_in_order(L):
    a = L.leaf(3)
    h = a * 2
    h.register_hook(lambda g: g + 1)
    h.register_hook(lambda g: g * 3)
    (h * h).sum().backward()
    return (a.grad,)


@program
def hook_before_change_in_place(L):
    a = L.leaf(3)
    h = a * 2
    h.register_hook(lambda g: g * 10)
    h.mul_(3)
    h.sum().backward()
    return (a.grad,)


@program
def gradient_retained(L):
    a = L.leaf(3)
    h = a * 2
    h.retain_grad()
    (h * h).sum().backward()
    return a.grad, h.grad


# ---- programs that must be refused -----------------------------------------------------------------------------------


@refused
def saved_operand_changed(L):
    a = L.leaf(3)
    x = a * 2
    y = x * x
    x.add_(1)
    y.sum().backward()


@refused
def saved_operand_changed_through_view(L):
    a = L.leaf(3)
    x = a * 2
    y = x * x
    x[0] = 1.0
    y.sum().backward()


@refused
def saved_operand_changed_through_detach(L):
    a = L.leaf(3)
    x = a * 2
    y = x * x
    x.detach().mul_(2)
    y.sum().backward()


@refused
def saved_operand_changed_without_recording(L):
    a = L.leaf(3)
    y = a * a
    with L.lib.no_grad():
        a.mul_(2)
    y.sum().backward()


@refused
def saved_result_changed(L):
    a = L.leaf(3)
    y = a.exp()
    y.add_(1)
    y.sum().backward()


@refused
def saved_factor_changed(L):
    a, c = L.leaf(3), L.plain(3)
    y = a * c
    c.mul_(0)
    y.sum().backward()


@refused
def saved_view_changed_through_base(L):
    a = L.leaf(4)
    x = a * 2
    v = x[1:]
    y = (v * v).sum()
    x.mul_(2)
    y.backward()


@refused
def leaf_changed(L):
    a = L.leaf(3)
    a.add_(1)


@refused
def leaf_changed_by_operator(L):
    a = L.leaf(3)
    a *= 2


@refused
def leaf_element_assigned(L):
    a = L.leaf(3)
    a[0] = 1.0


@refused
def view_of_leaf_changed(L):
    a = L.leaf(3)
    a[1:].mul_(2)


@refused
def transposed_leaf_changed(L):
    a = L.leaf(3, 2)
    a.T.zero_()


@refused
def view_made_without_recording_changed(L):
    a = L.leaf(3)
    x = a * 2
    with L.lib.no_grad():
        v = x[1:]
    v.mul_(a[1:])


@refused
def expanded_changed(L):
    a = L.leaf(3, 1)
    x = (a * 2).expand(3, 4)
    x.add_(1)


@refused
def graph_was_freed(L):
    a = L.leaf(3)
    y = (a * a).sum()
    y.backward()
    y.backward()


@refused
def part_of_graph_was_freed(L):
    a = L.leaf(3)
    h = a.exp()
    h.sum().backward()
    (h * 2).sum().backward()


@refused
def several_elements_without_gradient(L):
    a = L.leaf(3)
    (a * 2).backward()


@refused
def gradient_of_other_shape(L):
    a = L.leaf(3)
    (a * 2).backward(L.plain(4))


@refused
def nothing_recorded(L):
    L.plain(3).sum().backward()


@refused
def input_has_no_part(L):
    a, b = L.leaf(3), L.leaf(3)
    L.grad((a * 2).sum(), [b])


@refused
def hook_of_other_shape(L):
    a = L.leaf(3)
    h = a * 2
    h.register_hook(lambda g: g[:2])
    h.sum().backward()


@refused
def gradients_of_integers(L):
    t = L.lib.tensor([1, 2, 3])
    t.requires_grad = True
