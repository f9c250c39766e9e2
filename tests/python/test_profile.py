"""Profiles, traces and the machine's peak from Python."""

import json
import pathlib

import neve
import numpy
import pytest

DIGITS = pathlib.Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"


@pytest.fixture(scope="module")
def engine():
    return neve.optimize(DIGITS, ranges=["x=1x1x8x8..8x1x8x8"], threads=2, gate=False)


def test_profile(engine):
    x = numpy.zeros((4, 1, 8, 8), numpy.float32)
    rows = engine.profile(x, runs=3)
    assert all(r["calls"] == 3 and r["bytes"] > 0 and r["best_ms"] > 0 for r in rows)
    assert engine.session().profile(3, x)[0]["flops"] == rows[0]["flops"]
    assert engine.session().profile(3, x=x)[0]["flops"] == rows[0]["flops"]
    twice = engine.profile(sizes={"x": (8, 1, 8, 8)}, runs=1)
    assert sum(r["flops"] for r in twice) == pytest.approx(2 * sum(r["flops"] for r in rows))
    assert len(engine.profile(runs=1)) == len(rows)
    with pytest.raises(TypeError, match="inputs or sizes, not both"):
        engine.profile(x, sizes={"x": (4, 1, 8, 8)})
    with pytest.raises(neve.Error, match="outside every range"):
        engine.profile(sizes={"x": (9, 1, 8, 8)})


def test_trace(engine, tmp_path):
    x = numpy.zeros((4, 1, 8, 8), numpy.float32)
    engine.trace(tmp_path / "trace.json", x, runs=2)
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert [e["name"] for e in spans if e["cat"] == "run"] == ["run 1", "run 2"]
    caller = next(e["tid"] for e in spans if e["cat"] == "run")
    steps = [e for e in spans if e["tid"] == caller and e["cat"] not in ("run", "part")]
    assert len(steps) == 2 * len(engine.profile(x, runs=1))
    engine.session().trace(tmp_path / "again.json", x=x)
    assert (tmp_path / "again.json").stat().st_size > 100


def test_machine_peak():
    peak = neve.machine_peak(2)
    assert peak["threads"] == 2 and peak["gflops"] > 0 and peak["gflops_one"] > 0
    assert peak["levels"][-1]["name"] == "memory" and all(level["gb_per_s"] > 0 for level in peak["levels"])
    assert neve.machine_peak(2) == peak
    with pytest.raises(neve.Error, match="-1 threads"):
        neve.machine_peak(-1)


def test_weights_of_branches_are_prepared_once(tmp_path):
    from onnx import TensorProto, helper, numpy_helper, save

    w = numpy.random.default_rng(0).standard_normal((5, 7)).astype(numpy.float32)

    def branch(name, op):
        nodes = [
            helper.make_node("Transpose", ["w"], [f"{name}_t"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", f"{name}_t"], [f"{name}_p"]),
            helper.make_node(op, [f"{name}_p"], [f"{name}_y"]),
        ]
        return helper.make_graph(
            nodes, name, [], [helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, ["n", 5])]
        )

    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch("a", "Relu"), else_branch=branch("b", "Neg"))],
        "g",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 7]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(w, "w")],
    )
    path = tmp_path / "branches.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    engine = neve.optimize(path)
    ran = {
        c: [
            t["ops"] for t in engine.session().profile(1, {"c": numpy.array(c), "x": numpy.ones((3, 7), numpy.float32)})
        ]
        for c in (True, False)
    }
    assert ran == {True: ["matmul+relu", "if"], False: ["matmul", "neg", "if"]}
    x = numpy.random.default_rng(1).standard_normal((3, 7)).astype(numpy.float32)
    for c in (True, False):
        y = numpy.array(engine.session().run({"c": numpy.array(c), "x": x}))
        p = x @ w.T
        numpy.testing.assert_allclose(y, numpy.maximum(p, 0) if c else -p, rtol=1e-5, atol=1e-5)
