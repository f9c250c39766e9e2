"""All of ONNX's backend cases through Neve: compiled, by the reference, and compiled once with symbolic dims for three sizes.

The first two ways run in build/bin/onnx-check (seconds for all of them), the third in Python. What fails must stand in
tests/golden/known_failures.txt with its reason; what stands there and passes fails the run. As a program it runs a part and says why
each case fails:

    python tests/python/test_backend_cases.py [--mode compiled|reference|symbolic ...] [--only SUBSTRING] [--jobs N]
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
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
LEAST_NODE_CASES, LEAST_OPERATORS, LEAST_SYMBOLIC = 1500, 180, 1350
# Ops that are views of their input: they are instructions, and then the reference's, only where their sizes hang on content.
VIEWS = {"flatten", "identity", "reshape", "squeeze", "unsqueeze"}


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
        return f"{len(results)} outputs instead of {len(case.outputs)}"
    for (output, expected), result in zip(case.outputs, results):
        words = agree(result, expected, name)
        if words:
            return f"output '{output}': {words}"
    return None


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
                return f"at its own size: output '{output}': {words}"
        for where, inputs, outputs in sizes:
            for i, (result, expected) in enumerate(zip(model.run(inputs), outputs)):
                words = bc.same_as_golden(result, expected, *tolerance(name))
                if words:
                    return f"{where}: output {i}: {words}"
    return None


def run_item(item):
    """(backend, mode, case name) -> (item, None, words or None)."""
    backend, mode, name = item
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            words = run_symbolic(backend, name) if mode == "symbolic" else run_plain(backend, mode, name)
        return item, None, words
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


def onnx_check(mode, names, jobs):
    """{case: words or None}, the ops that kernels or loops ran, and those that the reference ran, from build/bin/onnx-check."""
    program = backend_adapter.build_folder() / "bin" / "onnx-check"
    command = [program, "--jobs", str(jobs or len(os.sched_getaffinity(0)))] + ["--compiled"] * (mode == "compiled")
    words, ops = {}, {"kernels or loops": set(), "the reference": set()}
    for rtol, atol in sorted({tolerance(n) for n in names}):
        folders = [bc.find_case(n).path for n in names if tolerance(n) == (rtol, atol)]
        done = subprocess.run(
            [*command, "--rtol", str(rtol), "--atol", str(atol), *folders], capture_output=True, text=True
        )
        for line in done.stdout.splitlines():
            if match := re.match(r"(PASS|FAIL) (\S+?)(?:: (.*))?$", line):
                words[match[2]] = None if match[1] == "PASS" else match[3]
            elif match := re.match("run by (.*?):(.*)", line):
                ops[match[1]].update(match[2].split())
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr[-2000:]}")
    return words, *ops.values()


class Outcome:
    """What one mode gave: {case: words or None}, and the ops that kernels or loops ran, and the reference."""

    def __init__(self, backend, mode, names, jobs):
        self.mode, self.words, self.kernels, self.reference = mode, {}, set(), set()
        if backend == "neve" and mode != "symbolic":
            self.words, self.kernels, self.reference = onnx_check(mode, names, jobs)
        else:
            for (_, _, name), _, words in case_pool.run_all(run_item, [(backend, mode, n) for n in names], jobs):
                self.words[name] = words
        missing = set(names) - set(self.words)
        assert not missing, f"no answer for {sorted(missing)[:5]}"
        self.passed = {n for n, w in self.words.items() if w is None}
        self.failed = {n: w for n, w in self.words.items() if w is not None}

    def reference_only(self):
        return self.reference - self.kernels - VIEWS

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
    reference_only = outcomes("compiled").reference_only()
    symbolic = len(outcomes("symbolic").passed)
    with capsys.disabled():
        print(f"\n  node cases both ways: {len(node)} over {len(operators)} operators; symbolic: {symbolic}")
        print(f"  only the reference runs ({len(reference_only)}): {' '.join(sorted(reference_only))}")
    assert len(node) >= LEAST_NODE_CASES
    assert len(operators) >= LEAST_OPERATORS
    assert symbolic >= LEAST_SYMBOLIC
    listed = {
        line.split("\t")[0] for line in (GOLDEN / "reference_only.txt").read_text().splitlines() if line[:1] != "#"
    }
    assert reference_only <= listed, "these run by the reference alone, but reference_only.txt does not list them"
    assert not listed & outcomes("compiled").kernels, "reference_only.txt lists these, but a kernel or loop ran them"


def test_each_tactic(capsys):
    """Each case again with each kernel forced that an op of it has, in all its variants."""
    program = backend_adapter.build_folder() / "bin" / "onnx-check"
    known = {n for m, n in known_failures() if m == "compiled"}
    names = [n for n in cases_of("compiled") if n not in known and tolerance(n) == (RTOL, ATOL)]
    command = [program, "--each-tactic", "--quiet", "--jobs", str(len(os.sched_getaffinity(0)))]
    done = subprocess.run([*command, *(bc.find_case(n).path for n in names)], capture_output=True, text=True)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert done.returncode == 0 and not failed, done.stderr[-2000:] + "\n".join(failed[:30])
    taken = dict(re.findall(r"^tactic (\S+) taken in (\d+) cases$", done.stdout, re.M))
    with capsys.disabled():
        print("\n  tactics: " + ", ".join(f"{name} {n}" for name, n in taken.items()))
    assert int(taken["reference"]) >= 1200 and int(taken["loop"]) >= 900 and int(taken["onednn.matmul.0"]) >= 50


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
        print(f"{mode}: {len(operators_of(outcome.passed))} operators")
        if mode == "compiled":
            print(f"only the reference runs: {' '.join(sorted(outcome.reference_only()))}")
    if options.write_known:
        lines = []
        for name, modes in sorted(failures.items()):
            lines += [f"{mode}:{name}\t{' '.join(words.split())[:200]}" for mode, words in modes.items()]
        pathlib.Path(options.write_known).write_text("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
