"""Weights that C++ wrote are those of the same model in Python after the same seed."""

import os
import pathlib
import subprocess

import neve
import numpy as np
import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin" / "neve_test_nn"


@pytest.mark.skipif(not PROGRAM.exists(), reason="the C++ tests are not built")
def test_weights_of_cpp(tmp_path):
    path = tmp_path / "layer.safetensors"
    environment = {**os.environ, "NEVE_TEST_WEIGHTS": str(path)}
    done = subprocess.run(
        [PROGRAM, "--gtest_filter=Golden.WritesForPython"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    neve.manual_seed(3)
    layer = neve.nn.TransformerEncoderLayer(8, 2, 16)
    other = neve.nn.TransformerEncoderLayer(8, 2, 16)
    other.load_state_dict(neve.load_weights(path))
    for (name, a), b in zip(layer.state_dict().items(), other.state_dict().values()):
        assert np.array_equal(np.array(a), np.array(b)), name
