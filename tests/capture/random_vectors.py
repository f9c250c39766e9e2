"""Programs made at random over a vector, a matrix and a count: views, changes in place, lists, dicts, helpers, numbers."""

from __future__ import annotations

import random
import re

HEAD = """
def program(x, w, steps, fast=False, level=1, name='relu', opt=None):
    x, w = x * 1.0, w * 1.0
    n, m = w.shape
    acc, total, k, cnt, out = 0.0, neve.tensor(0.0), 0, 1, []
    state = {'h': x * 0.1, 'c': 0}
    weights = [0.5, 1.5, -0.25]

    def helper(v, c):
        if v.mean() > c:
            return v * 0.9
        for _ in range(2):
            v = v + c
            if v.sum() > 4:
                break
        return v

    def helper2(v, j):
        while j > 0 and v.sum() > 1:
            v = v * 0.7
            j = j - 1
        return v.max() + j
"""
SCALARS = ["acc", "x.sum()", "x.mean()", "w.max()", "x[0]", "x[-1]", "(x * x).sum()", "x.abs().max()", "w.sum()", "total",
           "neve.dot(x, x)", "w[0].mean()", "x.min()"]  # fmt: skip
NUMBERS = ["n", "m", "k", "cnt", "level", "n - 1", "m // 2 + 1", "n % 3", "k + 1", "len(x)", "x.shape[0]", "w.shape[1]", "x.size",
           "w.ndim", "min(n, m)", "max(k, 2)", "cnt % 4", "steps"]  # fmt: skip
# C, D: random numbers; S: a scalar tensor; N: a whole number; B: a condition; R: 0, 1 or 2.
TENSOR_CONDITIONS = ["S > C", "float(S) < C", "S >= C", "bool(S > C)", "C < S <= 3", "neve.all(x > C)", "neve.any(w < C)",
                     "(x > C).sum() > R", "not S > C", "x.mean().item() > C", "int(x.sum()) > R", "steps > 2", "steps % 2 == 0",
                     "k < steps", "int(steps) > R"]  # fmt: skip
PLAIN_CONDITIONS = ["N > R", "N == R", "N % 3 == R", "N != N", "fast", "not fast", "level > 1", "name == 'relu'", "N <= N",
                    "name in ('tanh', 'relu')", "opt is None", "opt is not None", "fast or level", "level and fast"]  # fmt: skip
STATEMENTS = [
    "x = x * C", "x = x + C", "acc = acc + S * C", "acc += x[0]", "k += 1", "k = k + N if k < 20 else 0", "cnt = cnt + 1",
    "x = neve.relu(x)", "x = neve.clip(x, -0.5, 2.0)", "x = neve.where(x > C, x * D, x)", "w = w * C", "w = w + x.unsqueeze(1)",
    "x = x + w.mean(1)", "x = x + w[:, 0]", "x = w @ neve.ones((w.shape[1],)) * 0.1 + x", "acc = acc * 0.5 + N * 0.1",
    "x = x / (n + 1)", "x = x - x.mean()", "total = total + S", "total = S * C", "x = x.flip(0)", "x = x[::-1]",
    "x = neve.cumsum(x, 0) * 0.2", "acc, total = total, acc", "k, cnt = cnt, k", "out.append(x.sum())", "out.append(acc * 1.0)",
    "x = neve.roll(x, 1, 0)", "x = -x", "x = x ** 2 * 0.3", "x = neve.tanh(x)", "x = helper(x, C)", "acc = acc + helper2(x, k)",
    "state['h'] = state['h'] * 0.5 + x", "state['c'] += 1", "x = x + state['h']", "acc = acc + state['c'] * C", "x[0] = C",
    "x[-1] = x[0] * C", "x[: n // 2] = x[: n // 2] * C", "x[k % n] += C", "w[0] = w[0] + x[0]", "acc = acc + float(k)",
    "acc = acc + x[: k % n + 1].sum()", "acc = acc + x[n // 2 :].mean()", "acc = acc + max(k, cnt) * 0.01", "acc = max(acc, C)",
    "acc = min(acc, x.max())", "y = x * 2; y = y[::2]; acc = acc + y.sum()", "x = x + sum(range(k % 5)) * 0.1",
    "acc = acc + (1 if B else 2)", "x = x * (0.5 if B else 1.1)", "x = neve.reshape(x, (-1,))",
    "w = neve.reshape(w.T, (n, m)) * 0.5", "x = neve.concat([x[1:], x[:1]])", "x = neve.stack([x, x * C]).mean(0)",
    "acc = acc + neve.zeros((n,)).sum() + n", "acc = acc + neve.arange(n).sum() * 0.1", "a, b = x[0], x[-1]; acc = acc + a * b",
    "acc = acc + [x.sum(), x.max(), x.min()][R]", "acc = acc + sum(v * 0.1 for v in (x[0], x[-1]))", "acc = abs(acc)",
    "acc = round(k / 3, 2) + acc", "k = k * 2 % 7", "k = int(k / 2) + 1", "k = -k if k > 3 else k", "k = abs(k - 4)",
    "total = total + divmod(k, 3)[1]", "assert x.shape[0] == n", "acc = acc + len(out)", "x = neve.sort(x)",
    "flag = x.sum() > C; acc = acc + flag", "acc = acc + int(x[0] > C)", "cnt = cnt + int(x.sum()) % 3",
    "t = (k, acc); k, acc = t[0], t[1] + 1", "opt = x * 0.5 if opt is None else opt + 1", "row = w[0]; row *= C",
    "acc = acc + (opt.sum() if opt is not None else 0)", "acc = acc + weights[k % 3]", "x = (lambda v: v + k)(x)",
    "x = x + int(steps) * 0.1", "k = k + int(steps) % 3", "acc = acc + steps", "old = x; x = x * 1.0; old += C; acc = acc + old.sum()",
    "acc = acc + sum([v * C for v in x])", "acc = acc + sum(x[j] for j in range(n) if j % 2 == 0)",
]  # fmt: skip
# V: the variable of the loop; beside each what a pass adds up.
LOOPS = [
    ("while B:", ""), ("while True:", ""), ("while V < N and B:", ""), ("for V in range(N):", "V"), ("for V in range(int(steps)):", "V"),
    ("for V in range(steps):", "x[V % n]"), ("for V in range(1, n):", "x[V]"), ("for V in range(n - 1, -1, -1):", "x[V]"),
    ("for V in range(k, k + 3):", "V"), ("for V in x:", "V"), ("for V in w.T:", "V.sum()"), ("for V in x[1:]:", "V"),
    ("for V, row in enumerate(w):", "row.mean() * V"), ("for V, row in zip(x, w):", "row.mean() * V"), ("for V in weights:", "V"),
    ("for V in [x.sum(), x.max()]:", "V"),
]  # fmt: skip
RETURNS = ["x", "x, acc", "x + acc", "{'x': x, 'acc': acc + 0.0 * x.sum(), 'k': k}", "x.sum() + acc + total, w, k",
           "acc + total + x.sum(), (cnt, [w.sum()])"]  # fmt: skip


class _Maker:
    def __init__(self, source: random.Random) -> None:
        self.r = source
        self.lines: list[str] = []
        self.loops = 0
        self.result = "return " + source.choice(RETURNS)

    def filled(self, text: str, variable: str = "") -> str:
        made = {
            "C": lambda: repr(round(self.r.uniform(-2, 2), 2)), "D": lambda: repr(round(self.r.uniform(-2, 2), 2)),
            "S": lambda: self.r.choice(SCALARS), "N": lambda: self.r.choice(NUMBERS), "R": lambda: str(self.r.randint(0, 2)),
            "B": self.condition, "V": lambda: variable,
        }  # fmt: skip
        return re.sub(r"\b[CDSNRBV]\b", lambda match: made[match.group()](), text)

    def condition(self) -> str:
        kind = self.r.random()
        if kind < 0.4:
            return self.filled(self.r.choice(TENSOR_CONDITIONS))
        if kind < 0.75:
            return self.filled(self.r.choice(PLAIN_CONDITIONS))
        form = self.r.choice(["({}) and ({})", "({}) or ({})", "not ({}) or ({})", "({}) and not ({})"])
        return form.format(self.condition(), self.condition())

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def block(self, depth: int, level: int, loop: bool) -> None:
        for _ in range(self.r.randint(1, 3)):
            kind = self.r.random()
            if level <= 0 or kind < 0.42:
                self.emit(depth, self.filled(self.r.choice(STATEMENTS)))
            elif kind < 0.64:
                self.emit(depth, f"if {self.condition()}:")
                self.block(depth + 1, level - 1, loop)
                more = self.r.random()
                if more < 0.3:
                    self.emit(depth, f"elif {self.condition()}:")
                    self.block(depth + 1, level - 1, loop)
                if more < 0.7:
                    self.emit(depth, "else:")
                    self.block(depth + 1, level - 1, loop)
            elif kind < 0.84:
                self.loop(depth, level)
            else:
                self.emit(depth, f"if {self.condition()}:")
                if self.r.random() < 0.4:
                    self.emit(depth + 1, self.filled(self.r.choice(STATEMENTS)))
                self.emit(depth + 1, self.r.choice([self.result] * 2 + ["break", "continue"] * (2 * loop)))

    def loop(self, depth: int, level: int) -> None:
        self.loops += 1
        v = f"i{self.loops}"
        head, part = self.r.choice(LOOPS)
        if head.startswith("while"):
            self.emit(depth, f"{v} = 0")
        self.emit(depth, self.filled(head, v))
        if head.startswith("while"):
            self.emit(depth + 1, f"{v} += 1")
            self.emit(depth + 1, f"if {v} > {self.r.randint(2, 5)}:")
            self.emit(depth + 2, "break")
        elif self.r.random() < 0.7:
            self.emit(depth + 1, self.filled(f"acc = acc + {part} * C", v))
        self.block(depth + 1, level - 1, True)
        if self.r.random() < 0.15:
            self.emit(depth, "else:")
            self.emit(depth + 1, self.filled(self.r.choice(STATEMENTS)))

    def program(self) -> str:
        while len(self.lines) < 6:
            self.block(1, 3, False)
        self.emit(1, self.result)
        return HEAD + "\n".join(self.lines) + "\n"


def program(source: random.Random) -> str:
    """The source of a function of x (f32 [n]), w (f32 [n, m]), steps (i64 []), fast, level, name, opt."""
    return "import neve\n\n" + _Maker(source).program()
