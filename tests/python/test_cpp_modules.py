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


class Regions(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)

    @neve.jit.inference(tune=False, gate=False)
    def forward(self, x, how=None, *, on=True):
        y = self.drop(self.fc(x))
        y = y if how is None else y * (how if not isinstance(how, str) else len(how))
        return y if on else -y

    @neve.jit.inference(tune=False, gate=False)
    def sizes(self, x):
        y = self.fc(x.astype("f32"))
        if len(x) in (3, 4):
            return y.reshape(int(x.shape[0]) * 2, -1)
        return y * 2


def talks(x):
    if x.sum() > 2:
        print("big", x.sum(), f"{float(x.sum()):.2f}|{int(x.sum()):>5d}|{x.shape[0]:03}", bool(x.sum() > 3))
        x = x + neve.rand(x.shape)
    i = 0
    while x.sum() < 20:
        print(f"step {i}: {float(x.sum())!r:>25}", end=";")
        x = x * 1.5 + neve.rand(x.shape) * 0.1
        i = i + 1
    return x


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


def run_cpp(test, **environment):
    done = subprocess.run(
        [PROGRAM, f"--gtest_filter=ModuleFile.{test}"],
        env={**os.environ, **{k: str(v) for k, v in environment.items()}},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "[  PASSED  ] 1 test" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(not PROGRAM.exists(), reason="the C++ tests are not built")
def test_prints_and_draws_in_branches(tmp_path, capfd):
    expected = {"a": neve.tensor([1.0, 2.0, 0.25]), "b": neve.tensor([0.125, 0.25])}
    path, static = tmp_path / "in.neve", neve.jit.to_static(talks)

    def all_of(f):
        capfd.readouterr()
        neve.manual_seed(3)
        results = {}
        for name in ("a", "b"):
            results[f"of_{name}"] = f(expected[name])
            results[f"drawn_{name}"] = neve.asarray(neve.random.default_generator.get_state()[1])
        return results, capfd.readouterr().out

    def same(f):
        results, text = all_of(f)
        assert text == said
        for name, t in results.items():
            np.testing.assert_allclose(np.array(t), np.array(expected[name]), rtol=1e-6)

    with neve.no_grad():
        results, said = all_of(talks)
        expected.update(results)
        assert said.count("step") > 5
        same(static)
        neve.jit.save(static, path)
        same(neve.jit.load(path))
        neve.save(expected, f"{path}.safetensors")
        run_cpp("PrintsAndDrawsAsPython", NEVE_TEST_PRINTS_IN=path)
        assert (tmp_path / "in.neve.out").read_text() == said
        same(neve.jit.load(f"{path}.again"))


@pytest.mark.skipif(not PROGRAM.exists(), reason="the C++ tests are not built")
def test_regions_are_called_with_their_guards(tmp_path):
    net, x = Regions(), neve.rand(5, 4)
    shapes = {"x3": neve.rand(3, 4), "x4": neve.rand(4, 4), "x6": neve.rand(6, 4)}
    calls = {"none": (None, True), "three": (3, True), "half": (0.5, True), "abc": ("abc", True)}
    expected = {"x": x, **shapes}
    with neve.no_grad():
        neve.manual_seed(4)
        expected["train"] = net(x, 3, on=True)
        net.eval()
        for name, (how, on) in calls.items():
            expected[name] = net(x, how, on=on)
        expected["abc_off"] = net(x, "abc", on=False)
        for name, t in shapes.items():
            expected[f"of_{name}"] = net.sizes(t)
        expected["f64"] = net.sizes(x.astype("f64"))
    with pytest.warns(UserWarning, match="training mode"):
        neve.jit.save(net.train(), tmp_path / "in.neve")
    neve.save(expected, tmp_path / "in.neve.safetensors")
    run_cpp("CallsRegionsOfPython", NEVE_TEST_REGIONS_IN=tmp_path / "in.neve")


@pytest.mark.skipif(not PROGRAM.exists(), reason="the C++ tests are not built")
def test_modules_go_both_ways(tmp_path):
    net, x = Net().eval(), neve.rand(5, 4)
    with neve.no_grad():
        expected = {"x": x, "forward": net(x), "encode_half": net.encode(x, 0.5), "encode_two": net.encode(x, 2.0)}
    neve.jit.save(net, tmp_path / "in.neve", {"forward": [neve.jit.InputSpec(("batch", 4))]})
    neve.save(expected, tmp_path / "in.neve.safetensors")
    run_cpp("ExchangesWithPython", NEVE_TEST_MODULE_OUT=tmp_path / "out.neve", NEVE_TEST_MODULE_IN=tmp_path / "in.neve")

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
