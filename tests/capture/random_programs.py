"""Programs made at random: branches and loops over tensors, sizes, flags and counters, nested, with every kind of exit."""

from __future__ import annotations

import random


class Maker:
    """Of one program: its lines so far."""

    def __init__(self, source: random.Random, rich: bool) -> None:
        self.r, self.rich = source, rich
        self.lines: list[str] = []
        self.count = 0
        forms = ["return {0}", "return {0}, s, k", "return {{'x': {0}, 's': x.sum() + s}}"]
        self.form = self.r.choice(forms + ["return ({0}, [s, k]), d['n']"] * rich)

    def result(self, value: str) -> str:
        return self.form.format(value)

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def number(self) -> str:
        return repr(round(self.r.uniform(-1.2, 1.2), 2))

    def tensor_condition(self) -> str:
        c = self.number()
        return self.r.choice(
            [f"x.sum() > {c}", f"x.mean() < {c}", f"x[0, 0] > {c}", f"x[-1].max() >= {c}", f"s > {c}", f"(x > {c}).any()",
             f"x.min() < {c} < x.max()", f"abs(s) < 2 * abs({c})"]
        )  # fmt: skip

    def plain_condition(self) -> str:
        return self.r.choice(
            ["flag", "not flag", "k % 2 == 0", f"k < {self.r.randint(1, 4)}", "x.shape[0] > 2", "x.shape[1] % 2 == 0",
             "x.shape[0] == x.shape[1]", "len(x) < 4", "mode == 'a'", "extra is None"]
        )  # fmt: skip

    def rich_condition(self) -> str:
        c, n = self.number(), self.r.randint(1, 5)
        return self.r.choice(
            [f"k > {n}", f"n >= {n}", "d['n'] < k", f"(m := x.mean()) > {c} and m < 1", f"name == '{self.r.choice('abc')}'",
             f"{n} in (k, n)", "best is None", "best is not None and best.sum() > s", f"len(seen) > {n // 2}", "not seen",
             f"x.shape[0] * 2 > n + {n}", f"k % {n} == 1", f"any(row.sum() > {c} for row in x)", "done",
             "int(x.sum()) % 2 == 0", f"float(s) < {c}", "helper(x) > 0"]
        )  # fmt: skip

    def condition(self) -> str:
        if self.rich and self.r.random() < 0.3:
            return self.rich_condition()
        kind = self.r.random()
        if kind < 0.45:
            return self.tensor_condition()
        if kind < 0.7:
            return self.plain_condition()
        a, b = self.r.choice([(self.tensor_condition(), self.plain_condition()), (self.plain_condition(), self.tensor_condition()),
                              (self.tensor_condition(), self.tensor_condition())])  # fmt: skip
        text = self.r.choice([f"{a} and {b}", f"{a} or {b}", f"not ({a}) and ({b})"])
        return text

    def rich_simple(self) -> str:
        c, n = self.number(), self.r.randint(1, 3)
        return self.r.choice(
            ["seen.append(x.mean())", "seen.append(s * 1.0 + x.sum() * 0)", "d['n'] += 1", f"d['s'] = d['s'] + x.max() * {c}",
             f"name = '{self.r.choice('abc')}'", "best = x[0] * 1", "best = None", f"n = n + {n}", f"n = n // {n}", "n -= k",
             f"k = max(k, {n})", "k = min(k, x.shape[0])", "done = not done", f"done = x.sum() > {c}", f"s = s + len(seen) * {c}",
             f"s = s + sum([r.mean() for r in x]) * {c}", "x = helper(x) + x", f"x = x + (k if k < {n} else n) * 0.1",
             "s = s + neve.stack(seen).sum() if len(seen) > 0 else s", f"y = x[:{n}]; y = y + 1; s = s + y.sum() * 0.01",
             f"x[:, 0] *= {c}", f"s = s / (1 + abs(n)) + {c}", "s = s + (best.mean() if best is not None else 0.5)",
             f"x = neve.concat([x, x[:1]]) if x.shape[0] < {n + 3} else x", f"x = x * math.sqrt(x.shape[1]) * {c}",
             "f = (lambda v: v * 0.5) if flag else helper; s = s + f(x).mean()", f"x = x + neve.rand(1) * {c}",
             f"a, b = k, n; k, n = b % 7, a; s = s + a * {c}", "s = s + seen[-1] if seen else s"]
        )  # fmt: skip

    def simple(self) -> str:
        if self.rich and self.r.random() < 0.45:
            return self.rich_simple()
        c, d = self.number(), self.number()
        return self.r.choice(
            [f"x = neve.tanh(x * {c} + {d})", f"x = x + {c}", f"s = s + x.mean() * {c}", "k += 1", "k = k + 2",
             f"x = x * {c}", "x = x / x.shape[0]", f"x = x + s * {c}", "s = x.sum() / (x.shape[0] * x.shape[1])",
             f"x[0] = x[0] * {c}", f"x[1:] += {c}", f"s = {c}", f"x = neve.where(x > {c}, x, {d})", "x = x - x.mean()",
             f"x += {c}", "n = x.shape[0] - 1; s = s + n * 0.1", f"y = x[: x.shape[0] // 2 + 1].sum(); s = s + neve.tanh(y) * {c}",
             "x = x.flip(0) * 1.1 if flag else x * 0.9", f"s = s * {c} if s > {d} else s - {d}"]
        )  # fmt: skip

    def block(self, depth: int, level: int, loop: bool) -> None:
        n = self.r.randint(1, 3)
        for _ in range(n):
            kind = self.r.random()
            if level <= 0 or kind < 0.45:
                self.emit(depth, self.simple())
            elif kind < 0.72:
                self.emit(depth, f"if {self.condition()}:")
                self.block(depth + 1, level - 1, loop)
                more = self.r.random()
                if more < 0.25:
                    self.emit(depth, f"elif {self.condition()}:")
                    self.block(depth + 1, level - 1, loop)
                if more < 0.65:
                    self.emit(depth, "else:")
                    self.block(depth + 1, level - 1, loop)
            elif kind < 0.86:
                self.loop(depth, level)
            else:
                self.emit(depth, f"if {self.condition()}:")
                exits = [self.result("x * 0.5"), self.result("x + s")] + (["break", "continue"] * 2 if loop else [])
                if self.r.random() < 0.4:
                    self.emit(depth + 1, self.simple())
                self.emit(depth + 1, self.r.choice(exits))

    def loop(self, depth: int, level: int) -> None:
        self.count += 1
        v = f"i{self.count}"
        kind = self.r.random()
        if kind < 0.35:
            self.emit(depth, f"{v} = 0")
            c = self.tensor_condition() if self.r.random() < 0.6 else self.plain_condition()
            self.emit(depth, f"while {v} < {self.r.randint(2, 4)} and ({c}):")
            self.emit(depth + 1, f"{v} += 1")
            self.block(depth + 1, level - 1, True)
        elif kind < 0.6:
            self.emit(depth, f"for {v} in range({self.r.randint(1, 4)}):")
            self.block(depth + 1, level - 1, True)
            if self.r.random() < 0.5:
                self.emit(depth + 1, f"s = s + {v} * 0.25")
        elif kind < 0.8:
            self.emit(depth, f"for {v} in range(x.shape[0]):")
            self.block(depth + 1, level - 1, True)
            self.emit(depth + 1, f"s = s + x[{v}].sum() * 0.1")
        else:
            self.emit(depth, f"for {v} in x:")
            self.emit(depth + 1, f"s = s + {v}.max() * 0.2")
            self.block(depth + 1, level - 1, True)
        if self.r.random() < 0.2:
            self.emit(depth, "else:")
            self.emit(depth + 1, self.simple())

    def program(self, name: str) -> str:
        self.emit(0, f"def {name}(x, flag=True, mode='a', extra=None):")
        self.emit(1, "s = 0.0")
        self.emit(1, "k = 0")
        if self.rich:
            for line in (
                "n = x.shape[0]",
                "seen = []",
                "best = None",
                "name = 'a'",
                "done = False",
                "d = {'n': 0, 's': 0.0}",
            ):
                self.emit(1, line)
            self.emit(1, "def helper(v):")
            self.emit(2, f"if v.mean() > {self.number()}:")
            self.emit(3, "return v.sum() * 0.1")
            self.emit(2, "return v.max()")
        self.block(1, 3, False)
        while len(self.lines) < 8:
            self.block(1, 3, False)
        self.emit(1, self.result("x + s"))
        return "\n".join(self.lines) + "\n"


def program(source: random.Random, rich: bool = True, name: str = "program") -> str:
    """The source of a function of x (f32 [n, m]), flag, mode, extra. rich: with lists, dicts, texts, helpers."""
    return "import math\n\nimport neve\n\n\n" + Maker(source, rich).program(name)
