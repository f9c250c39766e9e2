"""Makes tests/golden/weights: tiny files as PyTorch writes them, and as Paddle does. Needs PyTorch; run once, in the development environment."""

import collections
import pathlib
import pickle

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent / "weights"


def state():
    ramp = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return collections.OrderedDict(
        ramp=ramp, turned=ramp.t(), part=ramp[1:3, 2:5], half=(ramp / 7).half(), brain=(ramp / 8).bfloat16(),
        long=torch.arange(5), flag=torch.tensor([True, False]), one=torch.tensor(2.5), empty=torch.zeros(0, 3),
        byte=torch.arange(4, dtype=torch.uint8), double=torch.tensor([1e-300], dtype=torch.float64),
        weight=torch.nn.Parameter(torch.ones(2, 2)),
    )  # fmt: skip


def main():
    HERE.mkdir(exist_ok=True)
    torch.save(state(), HERE / "state.pt")
    torch.save(state(), HERE / "state_legacy.pt", _use_new_zipfile_serialization=False)
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    for i, p in enumerate(module.parameters()):
        torch.nn.init.constant_(p, i + 0.5)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.25)
    module(torch.arange(12.0).reshape(4, 3)).square().sum().backward()
    optimizer.step()
    torch.save({"model": module.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, HERE / "checkpoint.pt")
    arrays = {"fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "fc.bias": np.array([1, 2], np.float32)}
    for protocol in (2, 4):
        saved = {**arrays, "StructuredToParameterName@@": {k: k for k in arrays}}
        (HERE / f"paddle{protocol}.pdparams").write_bytes(pickle.dumps(saved, protocol=protocol))


main()
