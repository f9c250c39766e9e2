#!/usr/bin/env python3
"""Makes symbolic_cases.json and symbolic_cases.npz: ONNX backend cases with symbolic input dims, and ONNX Runtime's results at two
other sizes each.

For every case the script finds which input dims may change together (dims of one size first, then dims of one axis, then single
dims), asks ONNX Runtime at which sizes the model still runs, and keeps a size only if ONNX's reference evaluator agrees with ONNX
Runtime there: a runtime that forgets to check its input must not become the measure. Inputs of other sizes are made from the
case's own (backend_cases.vary), so only results are stored. Deterministic; needs onnx 1.21.0 and onnxruntime.

    python tests/golden/make_symbolic_goldens.py [--jobs 2] [--only SUBSTRING]
"""

import argparse
import collections
import concurrent.futures
import contextlib
import io
import json
import sys
import warnings

import backend_cases as bc
import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

RTOL, ATOL = 1e-3, 1e-5
MAX_INPUT, MAX_STORED = 300_000, 500  # elements; longer outputs are stored as every step-th element
NUMERIC = {"float16", "float32", "float64", "bool"} | {f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)}


class Rejected(Exception):
    """The case cannot be used; the words say why."""


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Rejected("ONNX Runtime refuses the model: " + str(error).splitlines()[0][:150]) from None


class Prober:
    """Runs one case at any sizes, in ONNX Runtime and in the reference evaluator."""

    def __init__(self, case):
        self.case = case
        if any(not isinstance(a, np.ndarray) or str(a.dtype) not in NUMERIC for _, a in case.inputs + case.outputs):
            raise Rejected("not all inputs and outputs are numeric tensors")
        parameters = bc.consumed_as(case.model, bc.PARAMETER_INPUTS)
        weights = bc.consumed_as(case.model, bc.WEIGHT_INPUTS)
        self.constants = [n for n, _ in case.inputs if n in parameters]
        self.data = {n: a for n, a in case.inputs if n not in parameters and n not in weights and a.size}
        if not any(a.ndim for a in self.data.values()):
            raise Rejected("no input has a dim that could change")
        self.free = self.entry({(n, i): f"{n}_{i}" for n, a in self.data.items() for i in range(a.ndim)})
        model = bc.symbolic_model(case, self.free)
        self.ort = session(model)
        self.reference, self.reference_error = None, None
        with contextlib.redirect_stdout(io.StringIO()):
            self.reference = ReferenceEvaluator(model)
        original = {f"{n}_{i}": s for n, a in self.data.items() for i, s in enumerate(a.shape)}
        self.original = original
        got = self.run(original)
        if got is None:
            raise Rejected(f"does not run at its own size: {self.why}")
        for (_, expected), result in zip(case.outputs, got):
            words = bc.difference(result, expected, RTOL, ATOL)
            if words:
                raise Rejected("ONNX Runtime differs from the case itself: " + words)

    def entry(self, dims):
        table = collections.defaultdict(dict)
        for (name, axis), symbol in dims.items():
            table[name][str(axis)] = symbol
        return {"constants": self.constants, "dims": dict(table)}

    def run(self, sizes):
        """ONNX Runtime's outputs at these sizes, or None where it or the reference evaluator refuses, or they differ."""
        inputs = bc.inputs_at(self.case, self.free, sizes)
        if sum(a.size for a in inputs.values()) > MAX_INPUT:
            self.why = "too large"
            return None
        try:
            got = self.ort.run(None, inputs)
        except Exception as error:
            self.why = str(error).splitlines()[0][:150]
            return None
        if any(a.ndim != b.ndim for a, (_, b) in zip(got, self.case.outputs)):
            self.why = "the rank of an output changes"
            return None
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                expected = self.reference.run(None, inputs)
        except Exception as error:
            self.why = "reference: " + str(error)[:150]
            return None
        for a, b in zip(got, expected):
            words = bc.difference(a, b, RTOL, ATOL)
            if words:
                self.why = "reference differs: " + words
                return None
        return got

    def at(self, change):
        """Runs with {dim: size} instead of the original sizes."""
        return self.run({**self.original, **{f"{n}_{i}": s for (n, i), s in change.items()}})


def candidate_groups(data):
    """Sets of dims that may have to change together, coarse first: by size, by size and axis, single."""
    by_size, by_axis = collections.defaultdict(list), collections.defaultdict(list)
    for name, array in data.items():
        for axis, size in enumerate(array.shape):
            by_size[size].append((name, axis))
            by_axis[size, axis].append((name, axis))
    for size in sorted(by_size, reverse=True):
        coarse = [by_size[size]] if size > 1 else []
        axes = [dims for (s, _), dims in sorted(by_axis.items()) if s == size]
        singles = [[d] for d in by_size[size]]
        yield size, coarse, axes, singles


def grown(size):
    return [n for n in dict.fromkeys((2 * size + 1, size + 1, size + 2, 2 * size, 3 * size, 4 * size)) if n != size]


def others(size):
    return [
        n
        for n in dict.fromkeys((size - 1, 1, size + 3, size + 1, 2 * size, 3 * size, 5 * size))
        if n >= 1 and n != size
    ]


def probe_group(prober, dims, size):
    """Two sizes at which these dims, changed together and alone, are accepted; None if there are not two."""
    first = next((n for n in grown(size) if prober.at({d: n for d in dims}) is not None), None)
    if first is None:
        return None
    second = next((n for n in others(size) if n != first and prober.at({d: n for d in dims}) is not None), None)
    return None if second is None else (dims, size, first, second)


def find_groups(prober):
    found = []
    for size, coarse, axes, singles in candidate_groups(prober.data):
        taken = set()
        for group in coarse + axes + singles:
            if taken & set(group):
                continue
            probed = probe_group(prober, group, size)
            if probed:
                found.append(probed)
                taken |= set(group)
    return found


def joint(prober, groups, which):
    change = {d: group[which] for group in groups for d in group[0]}
    return prober.at(change)


def symbolise(name):
    """Returns (name, entry, results of both sizes) or (name, reason, None)."""
    case = bc.find_case(name)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            prober = Prober(case)
            groups = find_groups(prober)
            if not groups:
                raise Rejected("no dim can change")
            if joint(prober, groups, 2) is None or joint(prober, groups, 3) is None:
                kept = []
                for group in groups:
                    if joint(prober, kept + [group], 2) is not None and joint(prober, kept + [group], 3) is not None:
                        kept.append(group)
                groups = kept
            if not groups:
                raise Rejected("no dim can change beside the others")
            entry = prober.entry({d: f"d{k}" for k, group in enumerate(groups) for d in group[0]})
            named = session(bc.symbolic_model(case, entry))  # the model that the test will load
            results = []
            for which in (2, 3):
                symbols = {f"d{k}": group[which] for k, group in enumerate(groups)}
                results.append((symbols, named.run(None, bc.inputs_at(case, entry, symbols))))
            return name, entry, results
    except Rejected as reason:
        return name, str(reason), None
    except Exception as error:  # a reference evaluator that breaks in its constructor, a file that numpy cannot hold
        return name, f"{type(error).__name__}: {str(error)[:150]}", None


def store(found, versions):
    pools, cases = collections.defaultdict(list), {}
    for name, entry, results in found:
        entry["sizes"] = []
        for symbols, outputs in results:
            described = []
            for array in outputs:
                kind, flat = str(array.dtype), np.ascontiguousarray(array).reshape(-1)
                step = max(1, -(-flat.size // MAX_STORED))
                pools[kind].append(flat[::step])
                described.append([kind, list(array.shape), step])
            entry["sizes"].append({"symbols": symbols, "outputs": described})
        cases[name] = entry
    lines = ",\n".join(f" {json.dumps(n)}: {json.dumps(e, separators=(',', ':'))}" for n, e in cases.items())
    (bc.HERE / "symbolic_cases.json").write_text(f'{{"made_with": {json.dumps(versions)}, "cases": {{\n{lines}\n}}}}\n')
    np.savez_compressed(bc.HERE / "symbolic_cases.npz", **{k: np.concatenate(v) for k, v in sorted(pools.items())})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="only cases with this in their name; stores nothing")
    parser.add_argument("--reasons", action="store_true", help="prints why each left-out case was left out")
    options = parser.parse_args()
    names = [c.name for c in bc.all_cases() if options.only in c.name]
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        results = list(pool.map(symbolise, names, chunksize=8))
    found = [r for r in results if r[2] is not None]
    left = [r for r in results if r[2] is None]
    if options.only or options.reasons:
        for name, reason, _ in left:
            print(f"{name}: {reason}")
    if options.only:
        for name, entry, sizes in found:
            print(name, json.dumps(entry), [s for s, _ in sizes])
        return 0
    store(found, {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__})
    operators = {o for name, _, _ in found for o in bc.find_case(name).operators}
    print(f"{len(found)} of {len(names)} cases, {len(operators)} operators")
    for reason, count in collections.Counter(r.split(":")[0] for _, r, _ in left).most_common():
        print(f"  left out {count:4}: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
