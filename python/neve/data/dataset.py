"""Data sets: samples by index, or in a row."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..nn._core import Tensor, type_error, value_error


class Dataset:
    """Samples by index: write __getitem__ and __len__. Source: torch.utils.data.Dataset."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples in a row: write __iter__. With workers each runs it whole: get_worker_info() says which share is whose."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class TensorDataset(Dataset):
    """Samples are the slices of tensors (or arrays) along their first axis.

    They are kept as arrays, so that worker processes receive them; samples are arrays, and batches tensors.
    Raises Error{invalid_argument} for tensors of unlike lengths.
    """

    def __init__(self, *tensors: Tensor | np.ndarray) -> None:
        if not tensors:
            value_error("TensorDataset: there are no tensors (one or more)")
        for i, t in enumerate(tensors):
            if not isinstance(t, (Tensor, np.ndarray)) or t.ndim == 0:
                type_error(f"TensorDataset: argument {i} is {type(t).__name__} (a tensor or array with an axis)")
            if t.shape[0] != tensors[0].shape[0]:
                value_error(
                    f"TensorDataset: argument {i} has {t.shape[0]} rows, the first {tensors[0].shape[0]} (the same number)"
                )
        self.tensors = tuple(t.detach().numpy() if isinstance(t, Tensor) else t for t in tensors)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class ConcatDataset(Dataset):
    """Data sets one after another."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets or any(isinstance(d, IterableDataset) for d in self.datasets):
            value_error("ConcatDataset: it is made of data sets with an index, one or more")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: index {index} is outside of {len(self)} samples")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class Subset(Dataset):
    """The samples of a data set at some indices."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: int | None = 0) -> list[Subset]:
    """Splits a data set at random into parts of the given lengths, or of shares that sum to 1.

    generator: a seed; None draws one. Shares are rounded down, and what is left goes to the first parts.
    Raises Error{invalid_argument} for lengths that do not sum to that of the data set.
    """
    sizes: list[int] = []
    n = len(dataset)
    if lengths and abs(sum(lengths) - 1) < 1e-9 and not (n == 1 and all(isinstance(v, int) for v in lengths)):
        sizes = [int(n * share + 1e-9) for share in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(v) for v in lengths]
    if sum(sizes) != n or min(sizes, default=0) < 0:
        value_error(f"random_split: lengths are {list(lengths)} and the data set has {n} samples (the same sum, or 1)")
    order = np.random.default_rng(generator).permutation(n).tolist()
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends)]
