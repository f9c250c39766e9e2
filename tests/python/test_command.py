"""The words of the neve command that other tests do not touch: cache, bench and its comparison."""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEVE = pathlib.Path(os.environ.get("NEVE_BUILD_DIR", ROOT / "build")) / "bin" / "neve"
DIGITS = ROOT / "examples" / "digits" / "digits.onnx"
RANGE = "x=1x1x8x8..4x1x8x8"

pytestmark = pytest.mark.skipif(not NEVE.exists(), reason="the neve command is not built")


@pytest.fixture
def neve(tmp_path):
    def run(*arguments, status=0, **environment):
        env = {**os.environ, "NEVE_CACHE_DIR": str(tmp_path / "cache"), "OMP_WAIT_POLICY": "passive", **environment}
        done = subprocess.run([NEVE, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


def counts(text):
    """{cache: (found, looked up)} of why-miss."""
    lines = [line.split(": ") for line in text.splitlines() if line.endswith(" found")]
    return {name: tuple(map(int, words.split(" found")[0].split(" of "))) for name, words in lines}


def test_why_miss(neve, tmp_path):
    before = counts(neve("cache", "why-miss", DIGITS, "--range", RANGE))
    assert all(found == 0 and wanted > 0 for found, wanted in before.values())
    assert set(before) >= {"kernel times"}
    assert not list((tmp_path / "cache").rglob("*.*")), "looking changed the cache"

    neve("optimize", DIGITS, "--range", RANGE, "-o", "digits.neve", "-q", "--threads", "1")
    after = counts(neve("cache", "why-miss", DIGITS, "--range", RANGE, "--threads", "1"))
    assert after == {name: (wanted, wanted) for name, (_, wanted) in before.items()}

    text = neve("cache", "why-miss", DIGITS, "--range", RANGE, "--threads", "2")
    assert "missed: threads: 2 wanted, 1 kept" in text
    text = neve("cache", "why-miss", DIGITS, "--range", RANGE, "--threads", "1", NEVE_MAX_ISA="baseline")
    assert "missed: instruction set: baseline wanted, " in text
    text = neve("cache", "why-miss", DIGITS, "--range", "x=3x1x8x8..3x1x8x8", "--threads", "1")
    assert "missed: kept for other sizes" in text


def test_why_miss_of_an_archive(neve):
    neve("optimize", DIGITS, "--range", RANGE, "-o", "digits.neve", "-q")
    text = neve("cache", "why-miss", "digits.neve")
    assert counts(text)["self-test"] == (0, 1)
    assert "missed: this archive was not tested yet" in text
    neve("inspect", "digits.neve")
    assert counts(neve("cache", "why-miss", "digits.neve"))["self-test"] == (1, 1)
    assert "instruction set: baseline wanted" in neve("cache", "why-miss", "digits.neve", NEVE_MAX_ISA="baseline")


def test_verify_and_gc(neve, tmp_path):
    neve("optimize", DIGITS, "--range", RANGE, "-o", "digits.neve", "-q")
    neve("inspect", "digits.neve")
    assert ", 0 damaged" in neve("cache", "verify")
    loops = sorted((tmp_path / "cache" / "loops").iterdir())
    loops[0].write_bytes(loops[0].read_bytes()[:-1])
    (tmp_path / "cache" / "tactics.json").write_text("{")
    left_over = tmp_path / "cache" / "tactics.json.1.2.tmp"
    left_over.write_text("")
    os.utime(left_over, (1e9, 1e9))  # gc leaves young ones alone: somebody may be writing them
    text = neve("cache", "verify", status=1)
    assert f"{loops[0].name}: its digest differs" in text
    assert "tactics.json: not JSON of kernel times" in text
    assert ".tmp: left over from a write that was interrupted" in text
    (tmp_path / "cache" / "tactics.json").write_text('{"format": "3"}')
    neve("optimize", DIGITS, "--range", RANGE, "-q")  # damaged entries are made again
    neve("cache", "gc", "--keep-mb", "0")
    assert "bytes in 0 files" in neve("cache", "ls")


def trace_of(path):
    """The events of a trace that are spans, after checking what a viewer needs."""
    events = json.loads(path.read_text())["traceEvents"]
    named = {e["tid"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X"]
    for e in spans:
        assert e["ts"] >= 0 and e["dur"] >= 0 and isinstance(e["pid"], int) and isinstance(e["args"], dict)
        assert e["tid"] in named and e["name"]
    return spans


def test_profile_and_machine(neve, tmp_path):
    arguments = ("bench", DIGITS, "--shape", "x=4x1x8x8", "--seconds", "0.05", "--threads", "1")
    text = neve(*arguments, "--profile", "--tactics", "--json", "b.json")
    assert "GFLOP/s f32" in text and "of peak" in text and "tried: " in text and "not onednn" in text
    report = json.loads((tmp_path / "b.json").read_text())
    nodes = report["runs"][0]["profile"]
    assert any("conv" in n["ops"] and n["flops"] > 0 and n["bytes"] > 0 and n["best_ms"] > 0 for n in nodes)
    assert any(len(n["tactics"]) > 1 and n["margin"] >= 1 for n in nodes)

    kept = tmp_path / "cache" / "machine.json"
    first = json.loads(kept.read_text())["machines"]
    assert [m["gflops"] for m in first.values()] == [report["machine"]["peak"]["gflops"]]
    neve(*arguments, "--profile")
    assert json.loads(kept.read_text())["machines"] == first, "measured once"
    neve(*arguments, "--measure-machine")
    assert json.loads(kept.read_text())["machines"] != first, "measured anew"
    # What was measured while others ran is kept for a while only.
    one = {**next(iter(first.values())), "disturbed": True, "measured": "2020-01-01T00:00:00Z", "gflops": 0.5}
    name = next(iter(first))
    for measured, anew in [
        ("2020-01-01T00:00:00Z", True),
        (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), False),
        ("soon", True),
    ]:
        kept.write_text(json.dumps({"format": 1, "machines": {name: {**one, "measured": measured}}}))
        neve(*arguments, "--profile")
        assert (json.loads(kept.read_text())["machines"][name]["gflops"] != 0.5) == anew
    for damaged in ("{", '{"format": 1, "machines": {"x": 1}}', kept.read_text().replace('"gflops"', '"flops"')):
        kept.write_text(damaged)
        neve("inspect", DIGITS, "--roofline", "--threads", "1")
        assert [m["threads"] for m in json.loads(kept.read_text())["machines"].values() if isinstance(m, dict)] == [1]
    kept.write_text("[]")
    assert "machine.json: not JSON of measured peaks" in neve("cache", "verify", status=1)


def test_an_archive_knows_what_else_was_tried(neve):
    neve("optimize", DIGITS, "--range", RANGE, "-o", "d.neve", "-q")
    text = neve("bench", "d.neve", "--seconds", "0.05", "--tactics")
    assert any(part.count("tried: ") > 2 for part in text.split("runs: "))


def test_roofline(neve):
    text = neve("inspect", DIGITS, "--roofline", "--shape", "x=2x1x8x8", "--threads", "1")
    assert "roofline at x=2x1x8x8:" in text
    lines = text.splitlines()
    heads, total = (next(line for line in lines if word in line) for word in ("flop/byte", "total"))
    assert "at best ms" in heads
    rows = [line.split() for line in lines[lines.index(heads) + 1 : lines.index(total)]]
    assert sum(float(r[0]) for r in rows) == pytest.approx(float(total.split()[0]), abs=1e-3 * len(rows))
    neve("optimize", DIGITS, "--range", RANGE, "-o", "digits.neve", "-q", "--html", "report.html")
    assert "roofline at the first tuned point" in neve("inspect", "digits.neve", "--roofline")


def test_trace(neve, tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.zeros((2, 1, 8, 8), numpy.float32))
    neve("run", DIGITS, "--input", "x=x.npy", "--trace", "run.json", "--threads", "2")
    spans = trace_of(tmp_path / "run.json")
    assert [e["name"] for e in spans if e["cat"] == "run"] == ["run 1"]
    assert any("conv" in e["name"] and e["args"]["kernel"] for e in spans)
    neve("bench", DIGITS, "--shape", "x=2x1x8x8", "--seconds", "0.05", "--trace", "bench.json")
    assert [e["name"] for e in trace_of(tmp_path / "bench.json") if e["cat"] == "run"] == ["run 1", "run 2", "run 3"]
    shapes = ("--shape", "x=1x1x8x8", "--shape", "x=2x1x8x8")
    neve("bench", DIGITS, *shapes, "--trace", "t.json", status=1)
    neve("run", DIGITS, "--input", "x=x.npy", "--trace", "nowhere/run.json", status=1)


FAKE = """
import time
__version__ = "0.0"
class SessionOptions:
    pass
class InferenceSession:
    def __init__(self, model, options, providers):
        assert options.intra_op_num_threads == 1
    def run(self, outputs, feed):
        assert feed["x"].shape == (2, 1, 8, 8)
        time.sleep(0.002)
"""


def test_compare(neve, tmp_path):
    """With a peer that takes 2 ms: what is tested is the way there and back, not the peer."""
    (tmp_path / "onnxruntime.py").write_text(FAKE)
    arguments = [
        "--shape",
        "x=2x1x8x8",
        "--compare",
        "onnxruntime",
        "--seconds",
        "0.1",
        "--threads",
        "1",
        "--json",
        "b.json",
    ]
    text = neve("bench", DIGITS, *arguments, "--python", sys.executable, PYTHONPATH=str(tmp_path))
    assert "onnxruntime 0.0" in text
    assert "times as fast" in text
    run = json.loads((tmp_path / "b.json").read_text())["runs"][0]
    assert run["peer"]["name"] == "onnxruntime 0.0"
    assert run["peer"]["median_ms"] >= 2
    assert run["ratio"] == run["peer"]["median_ms"] / run["median_ms"]
    neve("bench", DIGITS, *arguments, NEVE_PEERS_PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
