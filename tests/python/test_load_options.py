"""What a file leaves unsaid: shapes, values, lengths given to load and to the command."""

import os
import pathlib
import subprocess

import neve
import numpy as np
import pytest
from onnx import TensorProto, helper, save_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEVE = pathlib.Path(os.environ.get("NEVE_BUILD_DIR", ROOT / "build")) / "bin" / "neve"


def write(path, nodes, inputs, outputs, initializers=(), opset=17):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return str(path)


def tensor(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


@pytest.fixture
def tied(tmp_path):
    """Adds a mask of `total` columns to past and new tokens side by side."""
    nodes = [
        helper.make_node("Concat", ["past", "new"], ["both"], axis=1),
        helper.make_node("Add", ["both", "mask"], ["y"]),
    ]
    inputs = [tensor("past", ["b", "p"]), tensor("new", ["b", "s"]), tensor("mask", ["b", "total"])]
    return write(tmp_path / "tied.onnx", nodes, inputs, [tensor("y", None)])


def test_sizes_tied_to_others(tied):
    model = neve.load(tied, input_shapes={"mask": [None, "p + s"]})
    assert [shape for _, _, shape in model.inputs] == [("b", "p"), ("b", "s"), ("b", "p + s")]
    for engine in (neve.optimize(model), neve.optimize(model, ranges="past=1x1..4x16;new=1x1..4x8")):
        for p, s in ((3, 5), (16, 1), (1, 8)):
            past, new, mask = (
                np.ones((2, p), "f"),
                np.ones((2, s), "f"),
                np.arange(2 * (p + s), dtype="f").reshape(2, -1),
            )
            np.testing.assert_array_equal(np.asarray(engine(past, new, mask)), mask + 1)
        with pytest.raises(neve.Error, match="mask"):
            engine(np.ones((2, 3), "f"), np.ones((2, 4), "f"), np.ones((2, 8), "f"))


def test_fixed_and_opened_axes(tied, tmp_path):
    model = neve.load(tied, input_shapes={"past": [4, "p"], "mask": ["?", "t"]})
    assert [shape for _, _, shape in model.inputs] == [(4, "p"), (4, "s"), (4, "t")]
    with pytest.raises(neve.Error, match=r"load: input_shapes: 'past' has 1 axes \(the file says 2\)"):
        neve.load(tied, input_shapes={"past": ["a"]})
    with pytest.raises(neve.Error, match=r"'a \+' is no size"):
        neve.load(tied, input_shapes={"past": ["a +", 3]})
    with pytest.raises(neve.Error, match=r"'q' is not an input \(the inputs are 'past', 'new', 'mask'\)"):
        neve.load(tied, input_shapes={"q": [3]})


def test_rank_given(tmp_path):
    path = write(
        tmp_path / "any.onnx", [helper.make_node("Relu", ["x"], ["y"])], [tensor("x", None)], [tensor("y", None)]
    )
    with pytest.raises(neve.Error, match="give one in input_shapes"):
        neve.load(path)
    model = neve.load(path, input_shapes={"x": ["n", 3]})
    engine = neve.optimize(model)
    np.testing.assert_array_equal(np.asarray(engine(np.full((2, 3), -1, "f"))), np.zeros((2, 3)))


def test_values_leave_the_signature(tmp_path):
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)]
    inputs = [tensor("x", ["n", 3, 4]), tensor("axes", ["k"], TensorProto.INT64)]
    path = write(tmp_path / "sum.onnx", nodes, inputs, [tensor("y", None)])
    model = neve.load(path, input_values={"axes": [1]})
    assert [name for name, _, _ in model.inputs] == ["x"]
    x = np.arange(24, dtype="f").reshape(2, 3, 4)
    np.testing.assert_array_equal(np.asarray(neve.optimize(model)(x)), x.sum(1))
    with pytest.raises(neve.Error, match="has 1.5"):
        neve.load(path, input_values={"axes": [1.5]})


def test_sequences(tmp_path):
    element = helper.make_tensor_type_proto(TensorProto.FLOAT, ["n", 2])
    xs = helper.make_value_info("xs", helper.make_sequence_type_proto(element))
    path = write(
        tmp_path / "seq.onnx",
        [helper.make_node("ConcatFromSequence", ["xs"], ["y"], axis=0)],
        [xs],
        [tensor("y", None)],
    )
    with pytest.raises(neve.Error, match="sequence_lengths"):
        neve.load(path)
    model = neve.load(path, sequence_lengths={"xs": 3})
    assert [name for name, _, _ in model.inputs] == ["xs.0", "xs.1", "xs.2"]
    parts = [np.full((k + 1, 2), k, "f") for k in range(3)]
    engine = neve.optimize(model)
    np.testing.assert_array_equal(np.asarray(engine(*parts)), np.concatenate(parts))
    engine.save(tmp_path / "seq.neve")
    np.testing.assert_array_equal(np.asarray(neve.load(tmp_path / "seq.neve")(*parts)), np.concatenate(parts))
    with pytest.raises(neve.Error, match="is an archive, its signature is settled"):
        neve.load(tmp_path / "seq.neve", sequence_lengths={"xs": 3})


def test_command(tied, tmp_path):
    command = [NEVE]
    run = subprocess.run(
        [*command, "inspect", tied, "--input-shape", "mask=?,p + s"], capture_output=True, text=True, check=True
    )
    assert "mask: f32[b, p + s]" in run.stdout
    run = subprocess.run(
        [*command, "inspect", tied, "--input-shape", "mask=?,p + "], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0 and "is no size" in run.stderr


def test_open_sizes_that_no_node_ties(tmp_path):
    """A mask that is read at the positions of past and new tokens: too short a mask is refused only while running."""
    nodes = [
        helper.make_node("Concat", ["past", "new"], ["both"], axis=0),
        helper.make_node("Shape", ["both"], ["n"]),
        helper.make_node("Squeeze", ["n"], ["end"]),
        helper.make_node("Range", ["zero", "end", "one"], ["at"]),
        helper.make_node("Gather", ["mask", "at"], ["read"]),
        helper.make_node("Add", ["both", "read"], ["y"]),
    ]
    numbers = [helper.make_tensor(n, TensorProto.INT64, [], [v]) for n, v in (("zero", 0), ("one", 1))]
    inputs = [tensor("past", ["p"]), tensor("new", ["s"]), tensor("mask", ["t"])]
    path = write(tmp_path / "read.onnx", nodes, inputs, [tensor("y", None)], numbers)
    engine = neve.optimize(path)
    got = engine(np.zeros(2, "f"), np.zeros(1, "f"), np.arange(3, dtype="f"))
    np.testing.assert_array_equal(np.asarray(got), np.arange(3))
