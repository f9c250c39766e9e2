"""Programs made at random from expressions of known kinds (matrices, vectors, scalars, ints, floats, conditions): lists,
dicts, tuples, objects, None, counters of all kinds, helper functions, recursion, errors of ways that are not taken."""

from __future__ import annotations

import random
import re

# <X> is an expression one level down, <x> a simple one; <#> a number, <d> a digit, <q> the variable of a pool, <u> a name's end.
_EXPRESSIONS = {
    "M": """<M> * <#>|<M> + <S>|neve.tanh(<M>)|<M> + <V>|(<m> - <m>.mean())|<M>.flip(0)|neve.where(<m> > <#>, <m>, <M>)
        |(<m> if <C> else <M>)|<M> / (<I> % 5 + 1)|neve.roll(<m>, <I> % 3, 0)|neve.stack([row * <#> for row in <m>])
        |helper(<M>, <S>)|scaled(<m>, <d>)|neve.concat([<m>[1:], <m>[:1]])|<m>.reshape(-1).reshape(n, m)|neve.full((n, m), <#>)
        |mix(<m>, <M>)|(<m> * <I> * 0.1)|neve.stack([<v>] * n) * 0.5 + <m>|[<m>, <M>][<I> % 2]""",
    "V": """<m>[0]|<m>[-1]|<M>.mean(0)|<m>[<I> % n] * <#>|(<v> - <v>.mean())|(<v> if <C> else <m>[0])|first(<M>, <#>)|<v> * <S>
        |neve.stack([<S>] * m)""",
    "S": """<m>.sum() * 0.1|<M>.mean()|<m>[0, 0]|<m>[<I> % n].sum()|(<m> > <#>).sum() * 0.1|<s> * <#>|(<s> + <I> * 0.1)
        |max(<s>, <#>)|min(<s>, <S>)|(<s> if <C> else <#>)|(<s> * <F>)|sum([<s>, <#>])|(lambda t: t * <#> if t > 0 else t)(<S>)
        |<v>[<I> % m]|two(<m>, <I>)[0]|(<s>, <S>)[<I> % 2]|deep(<S>, <I> % 3)""",
    "I": """(<I> + <i>)|(<i> // 2)|(<I> % 3)|min(<i>, <I>)|abs(<i> - <I>)|divmod(<I>, 3)[0]|x.shape[0]|len(x)|(<i> ** 2 % 7)
        |(<i> if <C> else <I>)|int(<s>)|(4 - <i>)|int(<s> > <#>)|(<i> & 3)|(<i> << 1)|round(<i> / 2)|picked(<I>)|(<i> // (n - 1))
        |(<m> > 0).sum().item() % 4""",
    "F": """<#>|(<i> / 3)|float(<s>)|(<f> + 0.5)|<m>.sum().item()|(<f> if <C> else <#>)|math.sqrt(abs(<i>))""",
    "C": """<s> > <#>|<s> < <S>|float(<s>) > <#>|<#> < <s> < <#>|(<m> > <#>).any()|any(row.sum() > <#> for row in <m>)
        |<m>.sum().item() > <#>|int(<s> * 3) % 2 == 0|<I> > <d>|<I> == <i>|<I> % 2 == 1|n > m|x.shape[0] >= 3|<I> in (0, 2, <i>)
        |0 < <i> <= <I>|bool(<i> % 2)|<F> > <#>|flag|flag and <s> > <#>|(<C>) and (<C>)|(<C>) or (<C>)|not (<C>)
        |(w<u> := <S>) > <#> and w<u> < 2""",
}
# Of each pool: its first line, its variable, what it adds to expressions, statements that change it, what a return gives.
_POOLS = [
    ("lst = []", "lst", {"S": "sum(<q>)|(<q>[-1] if len(<q>) > 0 else <s>)|(neve.stack(<q>).mean() if <q> else <s>)", "I": "len(<q>)",
     "C": "len(<q>) > <d>|<q>|not <q>|any(t > <#> for t in <q>)"}, """<q>.append(<S>)|<q> += [<S>]|<q>.extend([<s>, <S>])|<q> = <q>[-3:]
     |<q> = [t for t in <q> if t > <#>]|<q>.append(acc)""", "(sum(lst) + acc * 0.0)"),
    ("ks = [1, 0, 2]", "ks", {"I": "<q>[<I> % 3]|sum(<q>)|max(<q>)", "C": "<q>[0] > <d>|<i> in <q>"},
     "<q>[<I> % 3] += 1|<q>[0] = <I>|<q> = [t + 1 for t in <q>]|<q>[0], <q>[1] = <q>[1], <q>[0]", "ks[1]"),
    ("dd = {'s': x.sum() * 0.1, 'k': 0, 'm': x * 0.5}", "dd", {"S": "<q>['s']", "I": "<q>['k']", "M": "<q>['m']"},
     "<q>['s'] = <q>['s'] * 0.5 + <S>|<q>['k'] += 1|<q>['m'][0] *= <#>|<q>.update(k=<I> % 5)|<q>['m'] += <S>", "dd['s']"),
    ("best = None", "best", {"S": "(<q>.sum() if <q> is not None else <s>)", "C": "<q> is None|<q> is not None and <q>.sum() > <#>"},
     "<q> = <V>|<q> = None|<q> = <V> if <C> else None|if <q> is None: <q> = <V>", "(0.0 if best is None else best.sum())"),
    ("tt = (x.max(), 1)", "tt", {"S": "<q>[0]", "I": "<q>[1]"},
     "<q> = (<q>[0] * 0.5, <q>[1] + 1)|<q> = (<S>, <I> % 5)|a<u>, b<u> = <q>; acc = acc + a<u> * b<u>", "tt[0]"),
    ("box = Box(x.mean())", "box", {"S": "<q>.s|<q>.get(<#>)", "I": "<q>.k", "C": "<q>.k > <d>"},
     "<q>.s = <S>|<q>.k += 1|<q>.s += <S>|<q>.push(<S>)", "box.s"),
    ("mode = 'a'", "mode", {"C": "<q> == 'b'|<q> in ('a', 'c')", "S": "{'a': 1.0, 'b': 2.0}.get(<q>, 3.0) * <s>"},
     "<q> = 'b' if <C> else 'c'|if <C>: <q> = 'c'", "(mode == 'b')"),
]  # fmt: skip
_STATEMENTS = """<m> *= <#>|<m> += <S>|<m>[0] += <#>|<m>[<I> % n] *= <#>|<m>[1:] -= <#>|<m>[<i> % n, <i> % m] = <S>|<m> = <M>
    |<s> = <s> * 0.5 + <S>|<s> += <S>|<s> = <S> if <C> else <S>|k += 1|k = k * 2 % 7|k //= 2|k = <I> % 6|f = <F>|k, e<u> = divmod(<I>, 3)
    |acc, k = two(<m>, k)|bump(<S>)|print(f'{<i>} {flag}')|assert n > 0, 'rows'|x, y = y, x|y = x|acc = acc + sum([row.mean() for row in <m>
    if row.sum() > <#>])|acc = acc + max([row.sum() for row in <m>])|row<u> = <m>[<i> % n]; row<u> *= <#>|y[0], y[-1] = y[-1] * 1.0, y[0] * 1.0
    |late = <S>|acc = acc + sum(v * j for v, j in zip(<v>, range(<I> % 3)))|p<u> = q<u> = <S>; acc = acc + p<u> - q<u> * 0.5"""
_LOOPS = """for <n> in range(<R>):|for <n> in <m>:@acc = acc + <n>.sum() * <#>|for <n> in reversed(<m>):@acc = acc + <n>.mean()
    |for <n> in <v>:@acc = acc + <n> * <#>|for <n>, r<n> in enumerate(<m>, 1):@<m>[<n> % n] = r<n> * <#>
    |for <n>, r<n> in zip(range(n), <m>):@acc = acc + r<n>.sum() * <n>|for <n>, r<n> in zip((0.5, 1.5, 2.5), <m>):@acc = acc + r<n>.mean() * <n>
    |for <n> in [1, 2, 3]:@k = (k + <n>) % 7|for <n> in (x.sum(), x.mean()):@acc = acc + <n> * 0.1"""
_RANGES = "n|m|3|1, n|n - 1, -1, -1|0, m, 2|n // 2|max(n, m) - 1|<I> % 4|int(<s>) % 4|abs(n - m)"
_WHILES = """<n> = 0#while <n> < m:#<n> += 1|<n> = 0#while (<C>) and <n> < 3:#<n> += 1|<n> = neve.tensor(0)#while <n> < 3 and (<C>):#<n> += 1
    |<n> = n + m#while <n> > 0:#<n> //= 2|<n> = <S>#while abs(<n>) > 0.3:#<n> = <n> * 0.4|<n> = 0#while (<n> := <n> + 1) < 4:#pass"""
_HEAD = """import math

import neve


class Box:
    def __init__(self, s):
        self.s = s
        self.k = 0

    def push(self, v):
        if v > <#>:
            self.s = self.s + v * 0.1
        else:
            self.k += 1

    def get(self, c):
        return self.s if self.s > c else self.s * 0.5 + self.k


def helper(v, t):
    for _ in range(2):
        if v.mean() > t:
            return v * <#>
        v = v + <#>
    return neve.tanh(v)


def scaled(v, times):
    if times <= 0:
        return v
    return scaled(v * <#> + 0.1, times - 1)


def first(v, c):
    for row in v:
        if row.sum() > c:
            return row
    return v[-1]


def picked(k):
    if k > 2:
        return k - 1
    elif k < 0:
        return 0
    return k + 1


def two(v, k):
    while k < 3 and v.abs().max() > 0.7:
        k += 1
        v = v * 0.8
    return v.sum() * 0.1, k


def program(x, flag=True):
    n, m = x.shape
    x = x * 1.0
    acc = x.mean() * 0.5
    y = x + 1.0
    v = x[0] * 1.0
    k = 0
    f = 0.5
    calls = [0]
    def bump(t):
        if t > <#>:
            calls[0] += 1
    def mix(a, b):
        if a.sum() > b.sum() * <#>:
            return a * 0.5 + b * 0.5
        return a - b * <#>
    def deep(t, j):
        nonlocal acc
        for _ in range(j):
            if t > 1.0:
                return t * 0.5
            t = t + 0.4
            acc = acc * 0.9
        return t
"""


def _parts(text: str) -> list[str]:
    return [" ".join(p.split()) for p in text.split("|")]


class _Typed:
    def __init__(self, source: random.Random) -> None:
        self.r, self.lines, self.count, self.loops = source, [], 0, 0
        self.variables = {"M": ["x", "y"], "V": ["v"], "S": ["acc"], "I": ["k", "n", "m", "1", "3"], "F": ["f"]}
        self.pools = [p for p in _POOLS if self.r.random() < 0.5]

    def emit(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def name(self) -> str:
        self.count += 1
        return f"i{self.count}"

    def expression(self, kind: str, depth: int) -> str:
        known = self.variables.get(kind, [])
        if known and (depth <= 0 or self.r.random() < 0.3):
            return self.r.choice(known)
        choices = [(t, "") for t in _parts(_EXPRESSIONS[kind])[: 14 if depth <= 0 else None]]
        choices += [(t, p[1]) for p in self.pools for t in _parts(p[2].get(kind, "")) if t]
        return self.fill(*self.r.choice(choices), depth)

    def fill(self, text: str, pool: str = "", depth: int = 2, loop: str = "") -> str:
        self.count += 1
        end = str(self.count)

        def one(match: re.Match[str]) -> str:
            what = match.group(1)
            fixed = {
                "q": pool,
                "u": end,
                "n": loop,
                "d": str(self.r.randint(0, 4)),
                "#": repr(round(self.r.uniform(-1.5, 1.5), 2)),
            }
            if what == "R":
                return self.fill(self.r.choice(_parts(_RANGES)), depth=1)
            return fixed[what] if what in fixed else self.expression(what.upper(), depth - 1 if what.isupper() else 0)

        return re.sub(r"<([A-Za-z#])>", one, text)

    def simple(self, depth: int) -> None:
        changes = [(t, p[1]) for p in self.pools for t in _parts(p[3])]
        plain = [(t, "") for t in _parts(_STATEMENTS)]
        self.emit(depth, self.fill(*self.r.choice(changes if changes and self.r.random() < 0.4 else plain)))

    def block(self, depth: int, level: int) -> None:
        for _ in range(self.r.randint(1, 3)):
            kind = self.r.random()
            if level <= 0 or kind < 0.45:
                self.simple(depth)
            elif kind < 0.65:
                self.emit(depth, f"if {self.expression('C', 2)}:")
                self.block(depth + 1, level - 1)
                if self.r.random() < 0.6:
                    self.emit(depth, self.r.choice(["else:", f"elif {self.expression('C', 2)}:"]))
                    self.block(depth + 1, level - 1)
            elif kind < 0.86:
                self.loop(depth, level)
            elif kind < 0.96:
                self.emit(depth, f"if {self.expression('C', 1)}:")
                leaves = self.loops and self.r.random() < 0.7
                self.emit(depth + 1, self.r.choice(["break", "continue"]) if leaves else self.result)
            else:
                self.emit(depth, "try:")
                self.block(depth + 1, level - 1)
                self.emit(depth, "finally:")
                self.simple(depth + 1)

    def loop(self, depth: int, level: int) -> None:
        if self.r.random() < 0.4:
            before, head, first = self.fill(self.r.choice(_parts(_WHILES)), loop=self.name()).split("#")
            self.emit(depth, before)
        else:
            head, _, first = self.fill(self.r.choice(_parts(_LOOPS)), loop=self.name(), depth=1).partition("@")
        self.emit(depth, head)
        self.emit(depth + 1, first or "pass")
        self.loops += 1
        self.block(depth + 1, level - 1)
        self.loops -= 1
        if self.r.random() < 0.12:
            self.emit(depth, "else:")
            self.simple(depth + 1)

    def program(self) -> str:
        self.lines += self.fill(_HEAD).rstrip("\n").split("\n")
        for p in self.pools:
            self.emit(1, p[0])
        results = self.r.sample(["x", "y", "acc", "k", "f", "calls[0]", *(p[4] for p in self.pools)], 5)
        self.result = "return " + self.r.choice(
            [", ".join(["x", *results]), "x + acc, [" + ", ".join(results[:2]) + "]", "x * 1.0"]
        )
        end = len(self.lines) + self.r.randint(20, 45)
        while len(self.lines) < end:
            self.block(1, 3)
        self.emit(1, self.result)
        return "\n".join(self.lines) + "\n"


def program(source: random.Random) -> str:
    """The source of a function of x (f32 [n, m]) and flag."""
    return _Typed(source).program()
