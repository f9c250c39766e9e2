"""All of ONNX's backend cases through Neve: compiled, by the reference, and compiled once with symbolic dims for three sizes.

What fails must stand in tests/golden/known_failures.txt with its reason; what stands there and passes fails the run. As a program
it runs a part and says why each case fails:

    python tests/python/test_backend_cases.py [--mode compiled|reference|symbolic ...] [--only SUBSTRING] [--jobs N]
"""

import argparse
import collections
import os
import pathlib
import re
import sys
import tempfile
import warnings

import numpy as np
import pytest

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
sys.path[:0] = [str(GOLDEN), str(pathlib.Path(__file__).resolve().parent)]

import backend_adapter  # noqa: E402
import case_pool  # noqa: E402

onnx = pytest.importorskip("onnx")
import backend_cases as bc  # noqa: E402

pytestmark = pytest.mark.skipif(not backend_adapter.available("neve"), reason="neve is not built")
MODES = ("compiled", "reference", "symbolic")
RTOL, ATOL = 1e-3, 1e-7  # those of onnx's own runner
# Where those cannot be asked for: (pattern of the case, rtol, atol, reason).
TOLERANCES = [
    (
        r"node/test_(i?dft|dft_.*|stft.*)$",
        1e-3,
        1e-3,
        "a float transform of values to 100: its exact zeros are roundings of 1e-4",
    ),
]
# What the counts must reach.
LEAST_NODE_CASES, LEAST_OPERATORS, LEAST_SYMBOLIC = 1100, 150, 500


NARROW = {"int2": np.int8, "int4": np.int8, "uint2": np.uint8, "uint4": np.uint8}


def tolerance(name):
    return next(((r, a) for pattern, r, a, _ in TOLERANCES if re.match(pattern, name)), (RTOL, ATOL))


def agree(result, expected, name):
    """None, or what is wrong; values may be arrays, lists of arrays, or None."""
    if expected is None or isinstance(expected, list):
        if type(result) is not type(expected):
            return f"{type(result).__name__} instead of {type(expected).__name__}"
        if expected is None:
            return None
        if len(result) != len(expected):
            return f"a sequence of {len(result)} instead of {len(expected)}"
        return next(
            (f"element {i}: {w}" for i, (r, e) in enumerate(zip(result, expected)) if (w := agree(r, e, name))), None
        )
    if str(expected.dtype) in NARROW:  # Neve holds these in a byte
        expected = expected.astype(NARROW[str(expected.dtype)])
    return bc.difference(result, expected, *tolerance(name))


def run_plain(backend, mode, name):
    case = bc.find_case(name)
    model = backend_adapter.load(backend, case.path / "model.onnx", mode)
    results = model.run({n: v for n, v in case.inputs})
    if len(results) != len(case.outputs):
        return None, f"{len(results)} outputs instead of {len(case.outputs)}"
    for (output, expected), result in zip(case.outputs, results):
        words = agree(result, expected, name)
        if words:
            return None, f"output '{output}': {words}"
    return model.reference_only(), None


_goldens = None


def run_symbolic(backend, name):
    global _goldens
    _goldens = _goldens or bc.load_symbolic_goldens()
    case, entry = bc.find_case(name), _goldens[name]
    own = {n: v for n, v in case.inputs if n not in entry["constants"]}
    sizes = [(f"at {s['symbols']}", bc.inputs_at(case, entry, s["symbols"]), s["outputs"]) for s in entry["sizes"]]
    shapes = [{n: v.shape for n, v in inputs.items()} for inputs in [own, *(s[1] for s in sizes)]]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        onnx.save(bc.symbolic_model(case, entry), path)
        model = backend_adapter.load(backend, path, "compiled", shapes)
        for (output, expected), result in zip(case.outputs, model.run(own)):
            words = agree(result, expected, name)
            if words:
                return None, f"at its own size: output '{output}': {words}"
        for where, inputs, outputs in sizes:
            for i, (result, expected) in enumerate(zip(model.run(inputs), outputs)):
                words = bc.same_as_golden(result, expected, *tolerance(name))
                if words:
                    return None, f"{where}: output {i}: {words}"
    return model.reference_only(), None


def run_item(item):
    """(backend, mode, case name) -> (item, operators that only the reference ran, words or None)."""
    backend, mode, name = item
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            used, words = run_symbolic(backend, name) if mode == "symbolic" else run_plain(backend, mode, name)
        return item, used, words
    except Exception as error:
        return item, None, f"{type(error).__name__}: {error}"


def known_failures():
    """{(mode, case): reason}; a line is `case<TAB>reason` or `mode:case<TAB>reason`."""
    known = {}
    for number, line in enumerate((GOLDEN / "known_failures.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        case, tab, reason = line.partition("\t")
        if not tab or len(reason.split()) < 3 or "implemented" in reason.lower():
            raise ValueError(f"known_failures.txt:{number}: '{line}' gives no reason (case<TAB>why it cannot pass)")
        mode, colon, rest = case.partition(":")
        for m in (mode,) if colon else MODES:
            known[m, rest if colon else case] = reason
    return known


def cases_of(mode, only=""):
    names = list(bc.load_symbolic_goldens()) if mode == "symbolic" else [c.name for c in bc.all_cases()]
    return [n for n in names if only in n]


class Outcome:
    """What one mode gave: {case: words or None}, and the operators that only the reference ran."""

    def __init__(self, backend, mode, names, jobs):
        self.mode, self.words, self.reference_only = mode, {}, collections.Counter()
        for (_, _, name), used, words in case_pool.run_all(run_item, [(backend, mode, n) for n in names], jobs):
            self.words[name] = words
            self.reference_only.update(used or ())
        self.passed = {n for n, w in self.words.items() if w is None}
        self.failed = {n: w for n, w in self.words.items() if w is not None}

    def summary(self):
        groups = collections.Counter(n.split("/")[0] for n in self.words)
        good = collections.Counter(n.split("/")[0] for n in self.passed)
        return f"{self.mode}: " + ", ".join(f"{g} {good[g]} of {n}" for g, n in groups.items())

    def surprises(self, known):
        listed = {n for (m, n) in known if m == self.mode and n in self.words}
        new = [f"{n}: {w}" for n, w in sorted(self.failed.items()) if n not in listed]
        cured = [f"{n}: passes, but known_failures.txt lists it" for n in sorted(listed & self.passed)]
        return new + cured


def operators_of(names):
    return {o for n in names for o in bc.find_case(n).operators}


@pytest.fixture(scope="module")
def outcomes():
    """Runs a mode once and keeps what came out."""
    done = {}

    def get(mode):
        if mode not in done:
            done[mode] = Outcome("neve", mode, cases_of(mode), None)
        return done[mode]

    return get


@pytest.mark.parametrize("mode", MODES)
def test_cases(outcomes, mode, capsys):
    outcome = outcomes(mode)
    with capsys.disabled():
        print("\n  " + outcome.summary())
    surprises = outcome.surprises(known_failures())
    assert not surprises, f"{len(surprises)} surprises:\n  " + "\n  ".join(surprises[:60])


def test_counts(outcomes, capsys):
    """How far the operator set reaches; prints the operators that only the reference can run."""
    both = outcomes("compiled").passed & outcomes("reference").passed
    node = {n for n in both if n.startswith("node/")}
    operators = operators_of(node)
    reference_only = sorted(outcomes("compiled").reference_only)
    symbolic = len(outcomes("symbolic").passed)
    with capsys.disabled():
        print(f"\n  node cases both ways: {len(node)} over {len(operators)} operators; symbolic: {symbolic}")
        print(f"  only the reference runs ({len(reference_only)}): {' '.join(reference_only)}")
    assert len(node) >= LEAST_NODE_CASES
    assert len(operators) >= LEAST_OPERATORS
    assert symbolic >= LEAST_SYMBOLIC


def test_known_failures_exist():
    names = {c.name for c in bc.all_cases()}
    assert [n for _, n in known_failures() if n not in names] == []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument(
        "--backend", default="neve", choices=("neve", "onnxruntime"), help="onnxruntime tries the runner itself"
    )
    parser.add_argument(
        "--write-known", metavar="FILE", help="writes the failures as lines for known_failures.txt, to be given reasons"
    )
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failures = {}
    for mode in options.mode:
        outcome = Outcome(options.backend, mode, cases_of(mode, options.only), options.jobs)
        for name, words in sorted(outcome.failed.items()):
            print(f"{mode}: {name}: {words}")
            failures.setdefault(name, {})[mode] = words
        print(outcome.summary())
        print(
            f"{mode}: {len(operators_of(outcome.passed))} operators; only by the reference: {dict(outcome.reference_only)}"
        )
    if options.write_known:
        lines = []
        for name, modes in sorted(failures.items()):
            lines += [f"{mode}:{name}\t{' '.join(words.split())[:200]}" for mode, words in modes.items()]
        pathlib.Path(options.write_known).write_text("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
