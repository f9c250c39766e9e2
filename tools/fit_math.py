"""Fits the polynomials of src/loop/llvm/math.cpp: least maximal error, by Lawson's iteration. Needs numpy and mpmath."""

import mpmath as mp
import numpy as np

mp.mp.dps = 40


def fit(function, terms, low, high, weight, points=400, rounds=60):
    """Coefficients c that make max |weight(x) * (sum of c[k] x^k - function(x))| over [low, high] small; returns (error, c)."""
    xs = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * points)) for i in range(points)]
    weights = [weight(x) for x in xs]
    matrix = np.array([[float(x**k * w) for k in range(terms)] for x, w in zip(xs, weights)], dtype=np.longdouble)
    wanted = np.array([np.longdouble(str(function(x) * w)) for x, w in zip(xs, weights)])
    importance = np.ones(points, dtype=np.longdouble) / points
    best = None
    for _ in range(rounds):
        root = np.sqrt(importance)
        q, r = np.linalg.qr((matrix * root[:, None]).astype(float))
        c = np.linalg.solve(r, q.T @ (wanted * root).astype(float))
        for _ in range(3):
            c = c + np.linalg.solve(r, q.T @ ((wanted - matrix @ c.astype(np.longdouble)) * root).astype(float))
        error = np.abs(wanted - matrix @ c.astype(np.longdouble))
        if best is None or error.max() < best[0]:
            best = (error.max(), c.copy())
        importance = importance * (error + 1e-30)
        importance /= importance.sum()
    return best


def show(name, result):
    print(f"{name}: error 2^{float(np.log2(result[0])):.1f}")
    print("  " + ", ".join(f"{c:.17g}" for c in result[1]))


def main():
    half = mp.log(2) / 2 * mp.mpf("1.01")
    tiny = mp.mpf("1e-12")

    def exp_tail(r):
        return (mp.e**r - 1 - r) / r**2 if r else mp.mpf(0.5)

    show("exp: e^r = 1 + r + r^2 p(r)", fit(exp_tail, 5, -half, half, lambda r: r**2 + tiny))
    show("expm1: e^r - 1 = r + r^2 p(r)", fit(exp_tail, 6, -half, half, lambda r: abs(r) + tiny))
    show(
        "log: log(1 + f) = f - f^2 / 2 + f^3 p(f)",
        fit(
            lambda f: (mp.log1p(f) - f + f * f / 2) / f**3 if f else mp.mpf(1) / 3,
            9,
            mp.sqrt(0.5) - 1 - mp.mpf("0.003"),
            mp.sqrt(2) - 1 + mp.mpf("0.003"),
            lambda f: f**2 + mp.mpf("1e-9"),
        ),
    )
    show(
        "tanh: tanh x = x + x t p(t), t = x^2 up to 0.42",
        fit(
            lambda t: (mp.tanh(mp.sqrt(t)) / mp.sqrt(t) - 1) / t if t > 1e-20 else mp.mpf(-1) / 3,
            6,
            mp.mpf(0),
            mp.mpf("0.42"),
            lambda t: t + tiny,
        ),
    )
    show(
        "erf: erf x = x + x p(t), t = x^2 up to 1",
        fit(
            lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t) - 1 if t > 1e-20 else 2 / mp.sqrt(mp.pi) - 1,
            7,
            mp.mpf(0),
            mp.mpf(1),
            lambda t: mp.mpf(1),
        ),
    )
    show(
        "erf: 1 - erf x = e^-p(x), x in [1, 3.93]",
        fit(lambda x: -mp.log(mp.erfc(x)), 8, mp.mpf("0.95"), mp.mpf("3.93"), mp.erfc),
    )


if __name__ == "__main__":
    main()
