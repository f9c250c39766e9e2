"""Every program of this folder: to_static makes one graph of it with eager's results; trace is right, or refuses."""

import contextlib
import importlib
import inspect
import io
import sys
from pathlib import Path

import capture_cases
import neve
import numpy as np
import pytest
from neve.jit import to_static

for file in sorted(Path(__file__).parent.glob("programs_*.py")):
    if file.stem == "programs_match" and sys.version_info < (3, 10):
        continue
    importlib.import_module(file.stem)

PROGRAMS = capture_cases.PROGRAMS
GOOD = [p for p in PROGRAMS if not p.refused]


def run(function, x, flags):
    """(result, error, x as it is afterwards, what was printed)."""
    neve.manual_seed(1)
    mine, text = neve.tensor(x), io.StringIO()
    with neve.no_grad(), contextlib.redirect_stdout(text):
        try:
            return function(mine, *flags), None, mine, text.getvalue
        except Exception as e:
            return None, e, mine, text.getvalue


@pytest.mark.parametrize("program", GOOD, ids=lambda p: p.name)
def test_static(program):
    with neve.no_grad():
        for flags in program.flags:
            static, results = to_static(program.function), []
            for x in program.inputs():
                want, error, changed, printed = run(program.function, x, flags)
                got, mine, also, text = run(static, x, flags)
                if error is not None:
                    assert program.raises and program.raises in str(error), error
                    assert mine is not None and program.raises in str(mine), mine
                    continue
                if mine is not None:
                    raise mine
                capture_cases.same(want, got)
                capture_cases.same(changed, also)
                assert text() == printed()
                results.append((want, got))
            for want, got in results:  # later calls changed nothing of them
                capture_cases.same(want, got)
            assert len(static.specialisations) <= program.graphs, static.explain()
            assert not static._eager


@pytest.mark.parametrize("program", [p for p in GOOD if p.trace], ids=lambda p: p.name)
def test_trace(program):
    """No example decides in silence: what trace cannot represent is an error with the line."""
    file = Path(inspect.getsourcefile(inspect.unwrap(program.function))).name
    for flags in program.flags:
        with neve.no_grad():
            try:
                traced = neve.jit.trace(
                    program.function, neve.tensor(next(iter(program.inputs()))), *flags, check=False
                )
            except neve.Error as e:
                assert f"{file}:" in str(e), e
                continue
        for x in program.inputs():
            want, error, _, _ = run(program.function, x, flags)
            got, refusal, _, _ = run(traced, x, flags)
            if refusal is None:
                assert error is None
                capture_cases.same(want, got)
            else:
                assert any(
                    t in str(refusal)
                    for t in (
                        "captured for sizes",
                        "outside every range",
                        "fixed in the model",
                        program.raises or "captured for",
                    )
                ), refusal


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.refused], ids=lambda p: p.name)
def test_refused(program):
    """The user's file and line, what is wrong, and the way out."""
    for flags in program.flags:
        with pytest.raises(neve.Error, match=program.refused) as e, neve.no_grad():
            to_static(program.function)(neve.tensor(next(iter(program.inputs()))), *flags)
        assert np.float32(neve.ones(2).sum()) == 2  # the capture has ended
        text = str(e.value)
        file = Path(inspect.getsourcefile(inspect.unwrap(program.function))).name
        assert f"{file}:" in text, text
