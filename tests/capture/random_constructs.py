"""Programs made at random of what random_programs has, and of the rest of Python: match, try and with around control flow,
else of loops, state in dicts, tuples and closures, nonlocal, recursion, lambdas, unpacking, del, assert, prints."""

from __future__ import annotations

import random

from random_programs import Maker

_PRELUDE = """
n = x.shape[0]
seen = []
best = None
last = None
name = 'a'
done = False
d = {'n': 0, 's': 0.0, 'row': x[0] * 1.0}
t = (0.5, 1)
log = [0, 0, 0]
calls = 0
def helper(v):
    if v.mean() > C:
        return v.sum() * 0.1
    return v.max()
def count(v, by=1):
    nonlocal calls
    if v.sum() > C:
        calls += by
    elif calls > 2:
        return v * 0.5
    return v + calls * 0.1
def power(v, times):
    if times <= 0 or v.abs().max() > 9:
        return v
    return power(v * C + 0.1, times - 1)
def maybe(v):
    for row in v:
        if row.sum() > C:
            return row
def remember(v, into=[0.0]):
    total = into[0] + v
    return total if total > C else total * 0.5
choose = lambda v, w=C: v if v.mean() > w else w - v
"""


class _Constructs(Maker):
    def __init__(self, source: random.Random) -> None:
        super().__init__(source, True)
        self.form = self.r.choice(
            ["return {0}, s, k", "return {{'x': {0}, 's': x.sum() + s, 'n': d['n']}}", "return ({0}, [s, k]), d['n'], calls",
             "return {0}, t, log, d['s']"]
        )  # fmt: skip

    def rich_condition(self) -> str:
        c, n = self.number(), self.r.randint(0, 3)
        return self.r.choice(
            [f"0 < k <= {n} < n + 1", f"{c} < x.mean() < s < 2", f"(q := x.max()) > {c} and q < 2", f"bool(s > {c})",
             f"any(row.sum() > {c} for row in x)", f"all(v > {c} for v in (s, x.mean()))", "best is None", "last is not None",
             f"best is not None and best.max() > {c}", f"len(seen) > {n}", f"t[1] > {n}", f"d['n'] % 3 == {n}", "log[0] < log[1]",
             f"calls > {n}", f"int(x.sum()) > {n}", f"abs(int(s)) % 2 == {n % 2}", f"name in ('a', '{self.r.choice('bc')}')",
             "not done", "done is True", f"sum(r.max() for r in x) > {c}", f"k in (1, {n}, n)", f"max(s, {c}) > x.mean()",
             f"min(k, n) == {n}", f"(lambda v: v > {c})(x.mean())", f"x.shape != (2, {n})", "d['row'].sum() > s"]
        )  # fmt: skip

    def rich_simple(self) -> str:
        c, n = self.number(), self.r.randint(1, 3)
        return self.r.choice(
            [f"x[0] += {c}", f"x[1:, :2] *= {c}", f"x[k % n] = x[0] * {c}", f"x[:, -1] -= {c}", f"log[k % 3] += {n}",
             f"log[{n - 1}] = k", "d['n'] += 1", f"d['s'] = d['s'] * 0.5 + x.max() * {c}", "d['row'] = d['row'] + x[-1]",
             f"t = (t[0] * {c}, t[1] + 1)", "a, b = t; t = (b * 0.1, n)", f"a, *b = (k, {n}, s); s = s + b[1] * 0.1 + a",
             "*a, b = log; k = k + len(a) if k < 9 else b", "y = x[0]; del y", f"assert x.shape[1] > 0, '{n}'",
             "print(f'{k} {name}')", f"print('{n}', k, done, sep='-')", "best = x[-1] * 1.0", "last = x.sum(0)", "last = None",
             "last = maybe(x)", "s = s + (0.5 if last is None else last.mean())", f"best = x[0] if s > {c} else None",
             f"x = count(x, {n})", "x = count(x)", f"x = x + power(x[0], {n}) * 0.1", "x = power(x, len(log) - 2)",
             f"s = s + remember(x.mean()) * {c}", f"s = s + sum(v * v for v in (s, x.mean())) * {c}",
             f"s = s + sum(row.sum() * {c} for row in x if row.max() > {c})", f"x = choose(x, {c})", "s = choose(x).mean() + s",
             f"seen.append(x.mean() * {c})", "s = s + len(seen)", f"k = max(k, {n}) - min(n, {n})", "k = abs(k - 3)",
             f"k = int(x.sum()) % {n + 1}", "s = float(k) + s", f"done = bool(x.sum() > {c})", f"done = s > {c} or done",
             f"name = '{self.r.choice('abc')}'", f"name = 'b' if x.mean() > {c} else name", "k = len(x) - n + k",
             f"x = x * {c} if done else x + {c}", f"x = neve.where(x > {c}, x, -x)", "n = n + 1 if n < 9 else 2",
             "s = s + max([row.sum() for row in x])", f"k = k + sum(1 for v in log if v > {n})", f"s = round(k / 3, 1) * {c} + s",
             "s = s + [x.max(), x.min(), x.mean()][k % 3]", "k, n = n % 5, k + 1", "x = neve.stack([row * 0.5 for row in x]) + x",
             f"s = s + (lambda v: v * {c} if v > 0 else v)(x.sum())", f"k = sum(range(0, n, {n})) % 7", "s = abs(s) * 0.5"]
        )  # fmt: skip

    def block(self, depth: int, level: int, loop: bool) -> None:
        kind = self.r.random()
        if level > 0 and kind < 0.1:
            self.emit(depth, "try:")
            super().block(depth + 1, level - 1, loop)
            self.emit(depth, "finally:")
            self.emit(depth + 1, self.r.choice(["k += 1", "log[0] += 1", "s = s * 0.5", "d['n'] = d['n'] + 2"]))
        elif level > 0 and kind < 0.17:
            self.emit(depth, self.r.choice(["with neve.no_grad():", "with contextlib.nullcontext(k) as c:"]))
            super().block(depth + 1, level - 1, loop)
        elif level > 0 and kind < 0.3:
            self.match(depth, level, loop)
        super().block(depth, level, loop)

    def match(self, depth: int, level: int, loop: bool) -> None:
        c, n = self.number(), self.r.randint(0, 3)
        subject, cases = self.r.choice(
            [("k % 4", [f"{n}", "1 | 2", f"v if v > {n}", "v"]), ("name", ["'a'", "'b' | 'c'"]), ("x.shape", ["(2, _)", "(a, b) if a == b", "(a, b)"]),
             ("last", ["None", f"v if v.sum() > {c}"]), ("(done, k)", ["(True, 0)", f"(False, v) if v > {n}", "(_, 1 | 2)"]),
             ("d", [f"{{'n': {n}}}", "{'n': v, **rest} if v > 1"]), ("log", ["[0, *_]", f"[a, b, _] if a > {n}", "[*_, 0]"]),
             ("(x > 0).sum()", ["0", f"{n + 2} | {n + 3}", f"v if v > {n + 4}"])]
        )  # fmt: skip
        self.emit(depth, f"match {subject}:")
        for case in cases:
            self.emit(depth + 1, f"case {case}:")
            super().block(depth + 2, level - 1, loop)
        if self.r.random() < 0.4 and cases[-1] not in ("v", "(a, b)"):
            self.emit(depth + 1, "case _:")
            super().block(depth + 2, level - 1, loop)

    def loop(self, depth: int, level: int) -> None:
        if self.r.random() < 0.5:
            super().loop(depth, level)
            return
        self.count += 1
        v = f"i{self.count}"
        head, use = self.r.choice(
            [(f"for {v}, row in enumerate(x):", f"s = s + row.max() * {v}"), (f"for {v} in reversed(x):", f"s = s + {v}.mean()"),
             (f"for {v}, row in zip(range(n), x):", f"s = s + row.min() * {v} * 0.1"), (f"for {v} in range(n, 0, -1):", f"s = s + {v} * 0.1"),
             (f"for {v} in range(1, x.shape[0] + 2, 2):", f"k = k + {v} % 2"), (f"for {v} in (s, x.mean()):", f"s = s + {v} * 0.1"),
             (f"for {v} in ('a', 'b'):", f"name = {v} if s > 0 else name"), (f"for {v} in d:", "d['n'] += 1"),
             (f"for {v}, w in d.items():", "k = k + 1"), (f"for {v} in [r.sum() for r in x]:", f"s = s * 0.5 + {v}"),
             (f"while (q := x.abs().max()) > {abs(float(self.number())) + 0.3}:", "x = x * 0.6 - q * 0.05"),
             ("while True:", "k += 1"), (f"for {v} in range(int(x.max()) % 4):", f"s = s + {v}"), ("while k < n:", "k += 1"),
             (f"for {v} in range(calls % 3):", f"x = x + {v} * 0.1")]
        )  # fmt: skip
        counter = f"c{self.count}"
        self.emit(depth, f"{counter} = 0")
        self.emit(depth, head)
        self.emit(depth + 1, use)
        self.emit(depth + 1, f"{counter} += 1")
        self.emit(depth + 1, f"if {counter} > {self.r.randint(2, 4)}:")
        self.emit(depth + 2, "break")
        self.block(depth + 1, level - 1, True)
        if self.r.random() < 0.3:
            self.emit(depth, "else:")
            self.emit(depth + 1, self.simple())

    def program(self, name: str) -> str:
        self.emit(0, f"def {name}(x, flag=True, mode='a', extra=None):")
        for line in ("x = x * 1.0", "s = 0.0", "k = 0", *_PRELUDE.strip().split("\n")):
            self.emit(1, line.replace("C", self.number()))
        while len(self.lines) < 52:
            self.block(1, 3, False)
        self.emit(1, self.result("x + s"))
        return "\n".join(self.lines) + "\n"


def program(source: random.Random, name: str = "program") -> str:
    """The source of a function of x (f32 [n, m]), flag, mode, extra."""
    return "import contextlib\nimport math\n\nimport neve\n\n\n" + _Constructs(source).program(name)
