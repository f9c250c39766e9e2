"""Writes autograd.npz: what PyTorch gives for the programs of autograd_programs.py. Run with an interpreter that has torch."""

import os

import numpy as np
import torch
from autograd_programs import PROGRAMS, REFUSED, Library


def main():
    out = {}
    for name, program in PROGRAMS.items():
        for k, t in enumerate(program(Library(torch, torch.autograd.grad))):
            out[f"{name}/{k}"] = np.asarray(t.detach())
    for name, program in REFUSED.items():
        try:
            program(Library(torch, torch.autograd.grad))
        except RuntimeError:
            continue
        raise SystemExit(f"{name}: PyTorch does not refuse it")
    np.savez_compressed(os.path.join(os.path.dirname(__file__), "autograd.npz"), **out)
    print(len(PROGRAMS), "programs,", len(REFUSED), "refused")


main()
