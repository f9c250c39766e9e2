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
