"""Samplers: the order in which samples are taken. Orders follow from a seed and the number of the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..nn._core import positive, value_error
from .worker import drawn_seed


class Sampler:
    """Indices in some order: write __iter__ and __len__."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__")


class SequentialSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class _Seeded(Sampler):
    """Every iteration is an epoch: its order follows from (seed, epoch)."""

    def __init__(self, generator: int | None) -> None:
        self.seed = drawn_seed() if generator is None else int(generator)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch that the next iteration is (after a checkpoint is loaded, say)."""
        self.epoch = epoch

    def rng(self) -> np.random.Generator:
        self.epoch += 1
        return np.random.default_rng([self.seed % 2**64, self.epoch - 1])


class RandomSampler(_Seeded):
    """A permutation anew in every epoch; with replacement=True independent draws. generator: a seed, None draws one."""

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: int | None = None
    ) -> None:
        super().__init__(generator)
        if num_samples is not None:
            positive("RandomSampler", num_samples=num_samples)
        self.data_source, self.replacement, self.count = data_source, replacement, num_samples

    def __iter__(self) -> Iterator[int]:
        n, rng, left = len(self.data_source), self.rng(), len(self)
        if n == 0:
            return
        if self.replacement:
            yield from rng.integers(0, n, left).tolist()
            return
        while left > 0:
            yield from rng.permutation(n)[:left].tolist()
            left -= n

    def __len__(self) -> int:
        return len(self.data_source) if self.count is None else self.count


class WeightedRandomSampler(_Seeded):
    """Indices drawn with probabilities in proportion to weights."""

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: int | None = None
    ) -> None:
        super().__init__(generator)
        positive("WeightedRandomSampler", num_samples=num_samples)
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
            value_error(
                "WeightedRandomSampler: weights are not finite numbers of 0 or more in a row with a positive sum"
            )
        if not replacement and num_samples > np.count_nonzero(w):
            value_error(
                f"WeightedRandomSampler: {num_samples} samples without replacement of {np.count_nonzero(w)} weights above 0 (at most so many)"
            )
        self.weights, self.num_samples, self.replacement = w / w.sum(), num_samples, replacement

    def __iter__(self) -> Iterator[int]:
        draws = self.rng().choice(len(self.weights), self.num_samples, self.replacement, self.weights)
        return iter(draws.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of batch_size indices of another sampler; drop_last leaves out a shorter last one."""

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:
        positive("BatchSampler", batch_size=batch_size)
        self.sampler, self.batch_size, self.drop_last = sampler, int(batch_size), drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
