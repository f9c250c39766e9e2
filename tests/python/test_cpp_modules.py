"""Modules that C++ saved are loaded by Python, and the reverse."""

import os
import pathlib
import subprocess

import neve
import numpy as np
import pytest
from neve import nn

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin" / "neve_test_jit"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(8, 1)
        self.heads = 3

    def forward(self, x):
        return self.fc2(self.drop(neve.relu(self.norm(self.fc1(x)))))

    @neve.jit.to_static
    def encode(self, x, scale: float):
        return self.fc1(x) * scale


class OfCpp(nn.Module):
    """The module of tests/jit/module_file.cpp."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 8)
        self.norm = nn.LayerNorm(8)
        self.drop = nn.Dropout(0.25)
        self.fc2 = nn.Linear(8, 1)

    def forward(self, x):
        return self.fc2(self.drop(neve.relu(self.norm(self.fc1(x)))))


@pytest.mark.skipif(not PROGRAM.exists(), reason="the C++ tests are not built")
def test_modules_go_both_ways(tmp_path):
    net, x = Net().eval(), neve.rand(5, 4)
    with neve.no_grad():
        expected = {"x": x, "forward": net(x), "encode_half": net.encode(x, 0.5), "encode_two": net.encode(x, 2.0)}
    neve.jit.save(net, tmp_path / "in.neve", {"forward": [neve.jit.InputSpec(("batch", 4))]})
    neve.save(expected, tmp_path / "in.neve.safetensors")
    environment = {
        **os.environ,
        "NEVE_TEST_MODULE_OUT": str(tmp_path / "out.neve"),
        "NEVE_TEST_MODULE_IN": str(tmp_path / "in.neve"),
    }
    done = subprocess.run(
        [PROGRAM, "--gtest_filter=ModuleFile.ExchangesWithPython"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

    neve.manual_seed(3)
    same, again = OfCpp(), neve.jit.load(tmp_path / "out.neve")
    assert list(again.state_dict()) != [] and set(again.state_dict()) == set(same.state_dict())
    for name, t in same.state_dict().items():
        assert np.array_equal(np.array(t), np.array(again.state_dict()[name])), name
    with neve.no_grad():
        assert again.training
        neve.manual_seed(8)
        want = np.array(same(x))
        neve.manual_seed(8)
        np.testing.assert_allclose(np.array(again(x)), want, atol=1e-5)
        np.testing.assert_allclose(np.array(again.eval()(x)), np.array(same.eval()(x)), atol=1e-5)
