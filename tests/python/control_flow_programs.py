"""Programs made at random: branches and loops over tensors, sizes, flags and counters, nested, with every kind of exit."""

from __future__ import annotations

import random


class _Maker:
    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.lines: list[str] = []
        self.count = 0
        self.form = self.r.choice(["return {0}", "return {0}, s, k", "return {{'x': {0}, 's': x.sum() + s}}"])

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

    def condition(self) -> str:
        kind = self.r.random()
        if kind < 0.45:
            return self.tensor_condition()
        if kind < 0.7:
            return self.plain_condition()
        a, b = self.r.choice([(self.tensor_condition(), self.plain_condition()), (self.plain_condition(), self.tensor_condition()),
                              (self.tensor_condition(), self.tensor_condition())])  # fmt: skip
        text = self.r.choice([f"{a} and {b}", f"{a} or {b}", f"not ({a}) and ({b})"])
        return text

    def simple(self) -> str:
        c, d = self.number(), self.number()
        return self.r.choice(
            [f"x = neve.tanh(x * {c} + {d})", f"x = x + {c}", f"s = s + x.mean() * {c}", "k += 1", "k = k + 2",
             f"x = x * {c}", "x = x / x.shape[0]", f"x = x + s * {c}", "s = x.sum() / (x.shape[0] * x.shape[1])",
             f"x[0] = x[0] * {c}", f"x[1:] += {c}", f"s = {c}", f"x = neve.where(x > {c}, x, {d})", "x = x - x.mean()",
             f"x += {c}", "n = x.shape[0] - 1; s = s + n * 0.1", f"y = x[: x.shape[0] // 2 + 1].sum(); s = s + neve.tanh(y) * {c}",
             "x = x.flip(0) if flag else x * 0.9", f"s = s * {c} if s > {d} else s - {d}"]
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
        self.block(1, 3, False)
        while len(self.lines) < 8:
            self.block(1, 3, False)
        self.emit(1, self.result("x + s"))
        return "\n".join(self.lines) + "\n"


def program(seed: int, name: str = "program") -> str:
    """The source of a function of x (f32 [n, m]), flag, mode, extra."""
    return _Maker(seed).program(name)
