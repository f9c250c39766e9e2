"""How a backend case is run: the one place that knows the interfaces of Neve (and, to try the runner itself, of ONNX Runtime).

A loaded model is an object with run({name: array}) -> [array, ...].
"""

import importlib.util
import pathlib

import numpy as np


def available(backend):
    found = importlib.util.find_spec(backend)
    return found is not None and found.origin is not None  # a folder without __init__.py is no package


def build_folder():
    """The build that the imported package belongs to: build/python/neve -> build."""
    return pathlib.Path(importlib.util.find_spec("neve").origin).parent.parent.parent


def load(backend, path, mode, ranges=None):
    """mode is "compiled" or "reference"; ranges is None (the sizes of the file) or [{input: shape}, ...] to be covered by one engine."""
    return {"neve": NeveModel, "onnxruntime": OrtModel}[backend](path, mode, ranges)


class NeveModel:
    def __init__(self, path, mode, ranges):
        import neve

        module = neve.load(str(path))
        if mode == "reference":
            self.callable = module.run_reference
            return
        options = {"gate": False, "tune": False}  # the case itself is the check; choosing by time is not the subject
        if ranges:
            low = {n: tuple(int(s) for s in np.min([r[n] for r in ranges], axis=0)) for n in ranges[0]}
            high = {n: tuple(int(s) for s in np.max([r[n] for r in ranges], axis=0)) for n in ranges[0]}
            options["ranges"] = [neve.Range(min=low, max=high)]
        self.callable = neve.optimize(module, **options)

    def run(self, inputs):
        flat = {}
        for name, value in inputs.items():  # a sequence is an input for each element
            flat.update({f"{name}.{i}": v for i, v in enumerate(value)} if isinstance(value, list) else {name: value})
        result = self.callable(**flat)
        return [as_array(r) for r in (result if isinstance(result, (list, tuple)) else [result])]


class OrtModel:
    def __init__(self, path, mode, ranges):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        if mode == "reference":
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs):
        return self.session.run(None, inputs)


def as_array(value):
    if isinstance(value, (list, tuple)):
        return [as_array(v) for v in value]
    return np.asarray(value)


def tactics(path):
    """Names of all kernels that can be forced, as the error for an unknown one lists them."""
    import neve

    try:
        neve.optimize(neve.load(str(path)), tactic="?")
    except neve.Error as error:
        return str(error).split("there are: ")[1].split(";")[0].split(", ")
    raise AssertionError("an unknown tactic was taken")


class Engine:
    """An optimised engine with named inputs and outputs; what the tests of whole models use."""

    def __init__(self, path, low, high, **options):
        import neve

        self.engine = neve.optimize(neve.load(str(path)), ranges=[neve.Range(min=low, max=high)], **options)

    @classmethod
    def loaded(cls, path):
        import neve

        made = cls.__new__(cls)
        made.engine = neve.load(str(path))
        return made

    def run(self, inputs):
        result = self.engine(**inputs)
        values = result if isinstance(result, (list, tuple)) else [result]
        return {name: np.asarray(v) for name, v in zip(self.engine.output_names, values)}

    def save(self, path):
        self.engine.save(str(path))
