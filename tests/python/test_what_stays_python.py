"""What is left as Python while a program is captured, and what a captured program prints and asserts: how often, in which order."""

import importlib.util
import re

import neve
import numpy as np
import pytest
from neve import nn
from neve.jit import enable_to_static, ignore_module, not_to_static, to_static


def module_of(folder, name, source):
    """A module of the user's, from a file."""
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


LIBRARY = """
calls = []

def doubled(x, note=True):
    for _ in range(1 if note else 0):
        pass
    return x * 2

def decides(x):
    return x if x.sum() > 0 else -x
"""


@pytest.fixture
def nothing_ignored(monkeypatch):
    from neve.jit import _calls

    monkeypatch.setattr(_calls, "_ignored", set())


@pytest.mark.parametrize("by_name", [False, True])
def test_ignored_modules_run_as_they_are(tmp_path, nothing_ignored, by_name):
    library = module_of(tmp_path, f"library_{int(by_name)}", LIBRARY)

    def program(x, which):
        y = getattr(library, which)(x)
        return y + 1 if y.sum() > 0 else y - 1

    with neve.no_grad():
        before = to_static(program)
        for sign in (1, -1):
            x = sign * neve.ones(2)
            np.testing.assert_allclose(np.array(before(x, "decides")), np.array(program(x, "decides")))
        ignore_module([library.__name__ if by_name else library])
        after = to_static(program)
        for sign in (1, -1):  # its tensors are captured, and what calls it is converted
            x = sign * neve.ones(2)
            np.testing.assert_allclose(np.array(after(x, "doubled")), np.array(program(x, "doubled")))
        with pytest.raises(neve.Error, match=f"(?s)bool: the value.*library_{int(by_name)}.py:10"):
            after(neve.ones(2), "decides")
    assert len(after.specialisations) == 1


def test_modules_inside_of_an_ignored_one(nothing_ignored):
    from neve.jit._calls import is_ignored

    ignore_module("package")

    def named(name):
        def f():
            pass

        f.__module__ = name
        return f

    assert is_ignored(named("package")) and is_ignored(named("package.part")) and not is_ignored(named("packages"))
    with pytest.raises(neve.Error, match=r"ignore_module: 3 \(modules, or their names\)"):
        ignore_module([3])


def test_not_to_static_on_methods_and_modules():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.seen = nn.Linear(2, 2), []

        def forward(self, x):
            return self.kept(x) if x.sum() > 0 else self.layer(x)

        @not_to_static
        def kept(self, x):
            for k in [1, 2]:  # runs as Python: three times while it is captured, never after that
                x = x + k
            return x

    net = Net()
    static = to_static(Net())
    static.load_state_dict(net.state_dict())
    with neve.no_grad():
        for sign in (1, -1):
            x = neve.ones(3, 2) * sign
            np.testing.assert_allclose(np.array(static(x)), np.array(net(x)), rtol=1e-6)
    assert len(static.forward.specialisations) == 1
    assert net.kept(neve.ones(1)).tolist() == [4.0]
    # Of a method alone, too; the mark does not change what it computes.
    kept = to_static(net.kept)
    assert kept(neve.ones(1)).tolist() == [4.0] and kept.code == ""


def test_switched_off_and_on_again(capsys):
    @to_static
    def program(x):
        print("here")
        return x * 2 if x.sum() > 0 else x

    try:
        enable_to_static(False)
        for _ in range(2):
            assert program(neve.ones(1)).tolist() == [2.0]
        assert not program.specialisations and "2 calls ran the original: enable_to_static(False)" in program.explain()
        assert capsys.readouterr().out == "here\nhere\n"
    finally:
        enable_to_static(True)
    for _ in range(2):
        assert program(neve.ones(1)).tolist() == [2.0]
    assert len(program.specialisations) == 1 and program.specialisations[0].calls == 2
    assert capsys.readouterr().out == "here\nhere\n"


def talks(x, label="x"):
    print("start", label, sep=":")
    n = 0
    while x.sum() < 10:
        x = x * 2
        n = n + 1
        if x.max() > 2:
            print(f"pass {n}", x.max(), end=";\n")
        else:
            print("small")
    for i in range(x.shape[0]):
        print(i, x[i].sum(), f"{x[i].mean():.2f}", n > 2)
    print()
    return x


@pytest.mark.parametrize("training", [False, True])
def test_print_as_the_original_does(capsys, training):
    """Every call prints what the original prints, in its order, and the capture itself prints nothing."""
    static = to_static(talks)
    for rows, value, label in ((2, 1.0, "x"), (3, 0.5, "x"), (1, 100.0, "x"), (2, 1.0, "x"), (2, 3.0, "y")):
        out = []
        for function in (talks, static):
            x = neve.full((rows, 2), value)
            x.requires_grad = training
            with neve.enable_grad() if training else neve.no_grad():
                function(x, label)
            out.append(re.sub(r", (requires_grad=True|grad_fn=<\w+>)", "", capsys.readouterr().out))
        assert out[1] == out[0]
    assert len(static.specialisations) == 2
    # A loop that prints has no gradient: there the original runs, and explain() says so.
    assert ("ran the original" in static.explain()) == training


def test_print_beside_gradients(capsys):
    """Whether of values or not, it is no reason to train with the original."""

    @to_static
    def program(x):
        print("loss of", x.shape[0], "rows")
        print("once more")
        return (x * x).sum()

    for n in (2, 3):
        x = neve.ones(n, requires_grad=True)
        program(x).backward()
        assert x.grad.tolist() == [2.0] * n
        assert capsys.readouterr().out == f"loss of {n} rows\nonce more\n"
    assert "ran the original" not in program.explain()


def checks(x, limit=4.0):
    print("before")
    assert x.sum() < limit, f"the sum is over {limit}"
    print("between")
    for i in range(x.shape[0]):
        assert x[i] >= 0, "negative"
        print("row", i)
    return x + 1


def test_assert_as_the_original_does(capsys):
    static = to_static(checks)
    for values in ([1.0, 2.0], [3.0, 2.0], [1.0, -1.0, 2.0], [0.0]):
        errors = []
        for function in (checks, static):
            try:
                with neve.no_grad():
                    function(neve.tensor(values))
                errors.append("")
            except Exception as error:
                errors.append(str(error).splitlines()[0].removeprefix("AssertionError: "))
        want, got = errors
        assert want == got
        if not want:
            out = capsys.readouterr().out.splitlines()
            assert out[: len(out) // 2] == out[len(out) // 2 :]
        capsys.readouterr()
    assert len(static.specialisations) == 1
    with pytest.raises(neve.Error, match=r"(?s)AssertionError: negative\n  at .*test_what_stays_python.py:\d+"):
        with neve.no_grad():
            static(neve.tensor([-1.0]))


def test_sizes_and_files(capsys):
    import sys

    @to_static
    def program(x):
        print(x.shape[0], len(x), x.ndim, x.dtype)
        return x

    for n in (2, 5):
        program(neve.ones(n))
        assert capsys.readouterr().out == f"{n} {n} 1 f32\n"

    @to_static
    def to_a_file(x):
        print(x.shape[0], file=sys.stderr)
        return x

    with pytest.raises(
        neve.Error, match=r"print to a file of values that are known when .* \(print to the standard output\)"
    ):
        to_a_file(neve.ones(2))
