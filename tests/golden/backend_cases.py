"""ONNX's own backend cases: finding them, reading their data, and making their input dims symbolic.

The cases lie inside the Python package `onnx` (onnx/backend/test/data); the goldens here are made for the version pinned below.
Shared by the script that makes the goldens and by the tests that use them; needs onnx and numpy only.
"""

import functools
import json
import pathlib

import numpy as np
import onnx
import onnx.backend.test
from onnx import TensorProto, numpy_helper

ONNX_VERSION = "1.21.0"
GROUPS = ("node", "simple", "pytorch-converted", "pytorch-operator")
HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(onnx.backend.test.__file__).parent / "data"

# Inputs that say a shape, an axis, a count: (operator, position). In a real file these are constants, so in the symbolic
# variant of a case they become initializers with the values of the case.
PARAMETER_INPUTS = {
    "AffineGrid": {1},
    "BlackmanWindow": {0},
    "CenterCropPad": {1},
    "Col2Im": {1, 2},
    "ConstantOfShape": {0},
    "CumProd": {1},
    "CumSum": {1},
    "DFT": {1, 2},
    "Dropout": {1, 2},
    "Expand": {1},
    "HammingWindow": {0},
    "HannWindow": {0},
    "MaxUnpool": {2},
    "MelWeightMatrix": {0, 1, 2, 3, 4},
    "NonMaxSuppression": {2, 3, 4},
    "OneHot": {1},
    "Pad": {1, 3},
    "Range": {0, 1, 2},
    "Reshape": {1},
    "Resize": {1, 2, 3},
    "STFT": {1, 3},
    "Slice": {1, 2, 3, 4},
    "Split": {1},
    "SplitToSequence": {1},
    "Squeeze": {1},
    "Tile": {1},
    "TopK": {1},
    "Trilu": {1},
    "Unsqueeze": {1},
    "Upsample": {1},
    **{
        "Reduce" + kind: {1}
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
    },
}
# Inputs that are weights in every real model: they stay inputs, with the sizes they have.
WEIGHT_INPUTS = {
    "BatchNormalization": {1, 2, 3, 4},
    "Conv": {1, 2},
    "ConvInteger": {1, 2, 3},
    "ConvTranspose": {1, 2},
    "DeformConv": {1, 3},
    "GRU": {1, 2, 3},
    "GroupNormalization": {1, 2},
    "InstanceNormalization": {1, 2},
    "LSTM": {1, 2, 3, 7},
    "OneHot": {2},
    "QLinearConv": {1, 2, 3, 4, 5, 6, 7, 8},
    "RNN": {1, 2, 3},
}


class Case:
    """One backend case: a model and its first data set."""

    def __init__(self, group, path):
        self.group, self.path, self.name = group, path, f"{group}/{path.name}"

    @functools.cached_property
    def model(self):
        return onnx.load(self.path / "model.onnx")

    @functools.cached_property
    def inputs(self):
        """List of (name, value); the value is an array, a list (sequence) or None (empty optional)."""
        values = graph_inputs(self.model)
        return [
            (v.name, read_value(self.path / "test_data_set_0" / f"input_{i}.pb", v.type)) for i, v in enumerate(values)
        ]

    @functools.cached_property
    def outputs(self):
        values = self.model.graph.output
        return [
            (v.name, read_value(self.path / "test_data_set_0" / f"output_{i}.pb", v.type)) for i, v in enumerate(values)
        ]

    @functools.cached_property
    def operators(self):
        """The operators in the model and in its functions and subgraphs, e.g. {"Conv", "ai.onnx.ml.LabelEncoder"}."""
        local = {(f.domain, f.name) for f in self.model.functions}
        nodes = [n for graph in all_graphs(self.model) for n in graph.node]
        return {
            (n.domain + "." if n.domain not in ("", "ai.onnx") else "") + n.op_type
            for n in nodes
            if (n.domain, n.op_type) not in local
        }


def all_cases(groups=GROUPS):
    """All cases of the installed package, in a fixed order."""
    if onnx.__version__ != ONNX_VERSION:
        raise RuntimeError(f"backend cases: onnx {onnx.__version__} is installed (the goldens are for {ONNX_VERSION})")
    return [Case(g, p) for g in groups for p in sorted((DATA / g).iterdir()) if (p / "model.onnx").exists()]


def find_case(name):
    group, directory = name.split("/")
    return Case(group, DATA / group / directory)


def graph_inputs(model):
    """The inputs that a caller must give: those without an initializer."""
    initial = {i.name for i in model.graph.initializer}
    return [v for v in model.graph.input if v.name not in initial]


def all_graphs(model):
    stack = [model.graph, *model.functions]
    while stack:
        graph = stack.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    stack.append(attribute.g)
                stack.extend(attribute.graphs)


def read_value(path, kind):
    data = path.read_bytes()
    which = kind.WhichOneof("value")
    if which == "sequence_type":
        sequence = onnx.SequenceProto.FromString(data)
        return numpy_helper.to_list(sequence)
    if which == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(TensorProto.FromString(data))


def consumed_as(model, table):
    """Names of the graph inputs that some node uses at a position that `table` lists."""
    return {
        node.input[i]
        for graph in all_graphs(model)
        for node in graph.node
        for i in table.get(node.op_type, ())
        if i < len(node.input) and node.input[i]
    }


def vary(array, shape):
    """The values of a case at another size: the array repeated (or cut), each repetition shifted by one and shrunk.

    Along every axis, element j is the old element (j + j // n) % n; floats are multiplied by 1 - r / 16, where r is the number of
    whole repetitions before j, summed over the axes, and cut to whole numbers where all were whole. So values stay inside the old
    ones' range and indices stay legal.
    """
    repeat, original = np.zeros(shape, np.int64), array
    for axis, new in enumerate(shape):
        old, j = array.shape[axis], np.arange(new)
        array = np.take(array, (j + j // old) % old, axis)
        repeat += (j // old).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    if array.dtype.kind == "f" and repeat.any():
        whole = np.array_equal(array, np.trunc(array))  # indices and such, given as floats
        array = array * (1 - repeat / 16)
        array = (np.trunc(array) if whole else array).astype(original.dtype)
    return np.ascontiguousarray(array)


def symbolic_model(case, entry):
    """The case's model with the dims of `entry["dims"]` named and the inputs of `entry["constants"]` made initializers.

    All other declared shapes of outputs and inner values are dropped: they hold for the original sizes only.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph, values = model.graph, dict(case.inputs)
    for name in entry["constants"]:
        graph.initializer.append(numpy_helper.from_array(values[name], name))
    kept = [v for v in graph.input if v.name not in entry["constants"]]
    del graph.input[:]
    graph.input.extend(kept)
    del graph.value_info[:]
    for value in graph.output:
        if value.type.WhichOneof("value") == "tensor_type":
            value.type.tensor_type.ClearField("shape")
    for value in graph.input:
        for axis, name in entry["dims"].get(value.name, {}).items():
            value.type.tensor_type.shape.dim[int(axis)].dim_param = name
    return model


def inputs_at(case, entry, sizes):
    """The case's inputs at the given sizes of its symbols, e.g. {"d0": 7}, as {name: array}."""
    result = {}
    for name, array in case.inputs:
        if name in entry["constants"]:
            continue
        dims = entry["dims"].get(name)
        if dims:
            array = vary(array, [sizes[dims[str(a)]] if str(a) in dims else n for a, n in enumerate(array.shape)])
        result[name] = array
    return result


def load_symbolic_goldens():
    """{case name: {"constants": [names], "dims": {input: {axis: symbol}}, "sizes": [{"symbols": {...}, "outputs": [...]}]}}.

    An output is {"dtype", "shape", "step", "values"}: every step-th element of the flattened result, from the first.
    """
    index = json.loads((HERE / "symbolic_cases.json").read_text())
    with np.load(HERE / "symbolic_cases.npz") as stored:
        pools = {k: stored[k] for k in stored.files}
    used = dict.fromkeys(pools, 0)
    for entry in index["cases"].values():
        for size in entry["sizes"]:
            for i, (kind, shape, step) in enumerate(size["outputs"]):
                start, count = used[kind], -(-int(np.prod(shape)) // step)
                used[kind] = start + count
                values = pools[kind][start : start + count]
                size["outputs"][i] = {"dtype": kind, "shape": shape, "step": step, "values": values}
    return index["cases"]


def same_as_golden(result, output, rtol, atol):
    """None when the array `result` agrees with the stored output, else a sentence."""
    result = np.asarray(result)
    if list(result.shape) != output["shape"]:
        return f"shape {list(result.shape)} instead of {output['shape']}"
    return difference(result.reshape(-1)[:: output["step"]], output["values"], rtol, atol)


def difference(result, expected, rtol, atol):
    """None when `result` agrees with `expected` as onnx's own runner compares, else a sentence with the worst place."""
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape:
        return f"shape {list(result.shape)} instead of {list(expected.shape)}"
    if result.dtype != expected.dtype:
        return f"dtype {result.dtype} instead of {expected.dtype}"
    if expected.dtype.kind in "OUS":
        return None if np.array_equal(result, expected) else "strings differ"
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    exact = expected.dtype.kind in "iub"
    if exact and np.array_equal(result, expected):
        return None
    a, b = result.astype(wide), expected.astype(wide)
    with np.errstate(all="ignore"):
        close = np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    gap = np.where(close, 0, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf))
    worst = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.ndim else ()
    return (
        f"{int((~close).sum())} of {close.size} values differ, worst at {[int(i) for i in worst]}: "
        f"{result[worst]} instead of {expected[worst]}"
    )
