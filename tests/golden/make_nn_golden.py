"""Writes nn.npz, optim.npz and schedules.npz: what PyTorch gives for the cases of nn_cases.py. Needs torch; tests do not."""

import pathlib
import sys
import warnings

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import nn_cases  # noqa: E402


def to_tensor(a):
    return torch.from_numpy(np.array(a))


def to_array(t):
    return t.detach().numpy().copy()


def backward(pairs):
    torch.autograd.backward([r for r, _ in pairs], [w for _, w in pairs])


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    out = {}
    for case in nn_cases.cases():
        try:
            made = nn_cases.run(case, torch.nn, to_tensor, to_array, backward)
        except Exception as e:
            raise SystemExit(f"{nn_cases.key(case)}: {e}") from e
        out.update({f"{nn_cases.key(case)}|{k}": v for k, v in made.items()})
    write("nn.npz", out)
    out = {}
    for case in nn_cases.OPTIMISERS:
        made = nn_cases.steps_of(case, torch.optim, to_tensor, to_array)
        out.update({f"{nn_cases.key(case)}|{k}": v for k, v in made.items()})
    write("optim.npz", out)
    out = {}
    for case in nn_cases.schedules():
        params = [torch.zeros(2, requires_grad=True) for _ in range(2)]
        out[nn_cases.key(case)] = nn_cases.rates_of(case, torch.optim, torch.optim.lr_scheduler, params)
    write("schedules.npz", out)


def write(name, arrays):
    """One vector for each dtype and an index: thousands of small members would be larger than their content."""
    index, parts = [], {}
    for key, a in arrays.items():
        part = parts.setdefault(a.dtype.str, [])
        index.append((key, a.dtype.str, sum(p.size for p in part), a.shape))
        part.append(a.ravel())
    packed = {f"data{t}": np.concatenate(p) for t, p in parts.items()}
    np.savez_compressed(HERE / name, index=np.array(repr(index)), **packed)


if __name__ == "__main__":
    main()
