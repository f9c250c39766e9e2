"""Signals that come while kernels run leave the heap alone (oneDNN's f32 products let the stack pointer point into it)."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys, time
import neve
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
end = time.monotonic() + 3
while time.monotonic() < end:
    neve.optimize(sys.argv[1], use_tactic_cache=False, gate=False)
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def convolutions(count):
    import numpy as np
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(1)
    nodes, weights, value, channels = [], [], "x", 3
    for i in range(count):
        out = 16 + 8 * (i % 7) + i
        weights.append(numpy_helper.from_array(rng.standard_normal((out, channels, 3, 3)).astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"v{i}"], pads=[1, 1, 1, 1]))
        value, channels = f"v{i}", out
    sizes = {"x": [1, 3, 14, 14], value: [1, channels, 14, 14]}
    ends = [helper.make_tensor_value_info(name, 1, s) for name, s in sizes.items()]
    graph = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_signals_while_kernels_are_timed(tmp_path):
    pytest.importorskip("onnx")
    path = tmp_path / "convolutions.onnx"
    path.write_bytes(convolutions(20).SerializeToString())
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True)
    assert done.returncode != -signal.SIGABRT, done.stderr
    assert (done.returncode, done.stderr) == (0, "")
