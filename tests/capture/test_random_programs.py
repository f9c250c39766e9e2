"""Programs that hypothesis makes: to_static gives eager's results as one graph for each flag; trace, or refuses."""

import importlib.util
import itertools
import os
import random

import capture_cases
import neve
import numpy as np
import random_constructs
import random_programs
import random_typed
import random_vectors
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from neve.jit import to_static

COUNT = int(os.environ.get("NEVE_CONTROL_FLOW_PROGRAMS", "12"))
QUICK = settings(
    max_examples=COUNT, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
_number = itertools.count()


def load(folder, text):
    name = f"made{next(_number)}"
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.program


def run(function, *args):
    neve.manual_seed(7)
    try:
        return function(*args), None
    except (
        UnboundLocalError, neve.Error, IndexError, ValueError, TypeError, ZeroDivisionError, OverflowError, AssertionError
    ) as e:  # fmt: skip
        return None, e


def check_static(program, flag, inputs):
    static, results = to_static(program), []
    for x in inputs:
        mine, theirs = neve.tensor(x), neve.tensor(x)
        want, error = run(program, theirs, flag)
        if error is not None:
            continue  # no program of its own for these inputs
        got = static_call(static, mine, flag)
        capture_cases.close(want, got)
        capture_cases.close(theirs, mine)
        results.append((want, got))
    for want, got in results:  # later calls changed nothing of them
        capture_cases.close(want, got)
    assert len(static.specialisations) <= 1, static.explain()


def static_call(static, *args):
    neve.manual_seed(7)
    return static(*args)


def check_trace(program, flag, inputs):
    try:
        neve.manual_seed(7)
        traced = neve.jit.trace(program, neve.tensor(inputs[0]), flag, check=False)
    except (neve.Error, UnboundLocalError, TypeError) as e:
        assert not isinstance(e, neve.Error) or ".py:" in str(e), e
        return
    for x in inputs:
        want, error = run(program, neve.tensor(x), flag)
        if error is not None:
            continue
        got, refusal = run(traced, neve.tensor(x), flag)
        if refusal is None:
            capture_cases.close(want, got)
        else:
            assert "captured for" in str(refusal) or "outside every range" in str(refusal), refusal


def check(folder, text):
    program = load(folder, text)
    inputs = list(capture_cases.matrices())
    with neve.no_grad():
        for flag in (True, False):
            try:
                check_static(program, flag, inputs)
                check_trace(program, flag, inputs)
            except BaseException as e:
                e.add_note(text)
                raise


def test_random_programs(tmp_path):
    @QUICK
    @given(st.integers(0, 1 << 30))
    def plain(seed):
        check(tmp_path, random_programs.program(random.Random(seed), False))

    plain()


def test_rich_programs(tmp_path):
    @QUICK
    @given(st.integers(0, 1 << 30))
    def rich(seed):
        check(tmp_path, random_programs.program(random.Random(seed), True))

    rich()


def test_programs_of_many_constructs(tmp_path):
    @QUICK
    @given(st.integers(0, 1 << 30))
    def many(seed):
        check(tmp_path, random_constructs.program(random.Random(seed)))

    many()


def test_typed_programs(tmp_path):
    @QUICK
    @given(st.integers(0, 1 << 30))
    def typed(seed):
        check(tmp_path, random_typed.program(random.Random(seed)))

    typed()


SIZES = ((3, 2), (1, 1), (4, 4), (2, 5), (7, 3))


def check_vectors(folder, source):
    text = random_vectors.program(source)
    program = load(folder, text)
    for flags in ({}, {"fast": True, "level": 2, "name": "tanh"}, {"level": 0, "opt": True}):
        static = to_static(program)
        for k, (n, m) in enumerate(SIZES):
            r = np.random.default_rng(k)
            arrays = r.standard_normal(n).astype("f"), r.standard_normal((n, m)).astype("f"), np.int64(k)

            def call(function, arrays=arrays, flags=flags):
                named = {**flags, **({"opt": neve.tensor(arrays[0] * 0.5)} if "opt" in flags else {})}
                return run(lambda: function(*map(neve.tensor, arrays), **named))

            want, error = call(program)
            if error is not None:
                continue
            got, refusal = call(static)
            if refusal is not None:
                raise refusal
            capture_cases.close(want, got)


def test_vector_programs(tmp_path):
    @QUICK
    @given(st.integers(0, 1 << 30))
    def vectors(seed):
        source = random.Random(seed)
        with neve.no_grad():
            try:
                check_vectors(tmp_path, source)
            except BaseException as e:
                e.add_note(f"seed {seed}")
                raise

    vectors()
