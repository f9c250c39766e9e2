#!/usr/bin/env python3
"""Tensors: making, indexing, computing, gradients, NumPy in and out: python examples/01_tensor.py"""

import neve
import numpy as np

# Making tensors: from lists, from arrays, by function. The dtype is a short word.
a = neve.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
print(a)
print("shape, dtype:", a.shape, a.dtype)
print(
    "zeros:", neve.zeros(2, 3).shape, " arange:", neve.arange(5).numpy(), " from NumPy:", neve.tensor(np.eye(2)).dtype
)

# Indexing follows NumPy: integers, slices with steps, ellipsis, None, masks, and assignment through all of them.
print("second row:", a[1], " last column:", a[..., -1], " every other:", a[:, ::2].shape)
print("above 3:", a[a > 3])
b = a.clone()
b[b > 4] = 0.0
b[0, 1:] = neve.tensor([20.0, 30.0])
print("after assignment:", b.tolist())
view = b[0]  # a view shares memory
view[0] = -1.0
print("through the view:", b[0, 0].item())

# Computing: broadcasting, reductions, linear algebra; mixed dtypes follow the array API.
print("row means:", a.mean(axis=1), " product:", (a @ a.T).tolist())
print("promotion:", (neve.tensor([1, 2]) + 0.5).dtype, " einsum:", neve.einsum("ij,kj->ik", a, a).shape)

# Random numbers are a function of the seed, on any number of threads.
neve.manual_seed(3)
first = neve.randn(2, 3)
neve.manual_seed(3)
print("the same draw again:", bool((neve.randn(2, 3) == first).all()))

# Gradients: what is computed from a tensor that asks for one is recorded.
x = neve.tensor([0.5, -1.0, 2.0], requires_grad=True)
y = (neve.sin(x) * x).sum()
y.backward()
expected = np.cos(x.detach().numpy()) * x.detach().numpy() + np.sin(x.detach().numpy())
print("gradient is cos(x) x + sin(x):", np.allclose(x.grad.numpy(), expected, atol=1e-6))

# A gradient is a tensor again: differentiate twice.
(g,) = neve.grad((x**3).sum(), x, create_graph=True)
(h,) = neve.grad(g.sum(), x)
print("second derivative of x^3 is 6x:", np.allclose(h.numpy(), 6 * x.detach().numpy()))

# Fitting a line by hand: parameters move against their gradients.
points = neve.linspace(-1.0, 1.0, 50)
targets = 3.0 * points - 0.5
w = neve.tensor(0.0, requires_grad=True)
c = neve.tensor(0.0, requires_grad=True)
for _ in range(100):
    loss = ((w * points + c - targets) ** 2).mean()
    loss.backward()
    with neve.no_grad():
        for p in (w, c):
            p -= 0.5 * p.grad
            p.grad = None
print(f"line: {w.item():.3f} x {c.item():+.3f}")
