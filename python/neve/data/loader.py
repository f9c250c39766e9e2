"""DataLoader: batches of a data set, made here or by worker processes, in an order that follows from a seed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import wait
from typing import Any, cast

import numpy as np

from .. import _neve
from ..nn._core import Tensor, fail, positive, value_error
from . import worker as _worker
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler


def _stacked(batch: list[Any]) -> Any:
    """default_collate with arrays instead of tensors: what workers make."""
    first = batch[0]
    if isinstance(first, Tensor):
        batch = [b.detach().numpy() for b in batch]
        first = batch[0]
    if isinstance(first, (np.ndarray, np.generic)):
        shapes = {np.shape(b) for b in batch}
        if len(shapes) > 1:
            fail(
                "shape_mismatch", f"default_collate: samples have shapes {sorted(shapes)} (one shape, or a collate_fn)"
            )
        return np.stack(batch)
    if isinstance(first, bool):
        return np.array(batch)
    if isinstance(first, int):
        return np.array(batch, dtype=np.int64)
    if isinstance(first, float):
        return np.array(batch, dtype=np.float32)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {k: _stacked([b[k] for b in batch]) for k in first}
    if isinstance(first, (tuple, list)):
        if any(len(b) != len(first) for b in batch):
            fail("shape_mismatch", "default_collate: samples have unlike numbers of parts (the same number)")
        return _rebuilt(first, [_stacked(list(p)) for p in zip(*batch)])
    fail(
        "type_mismatch",
        f"default_collate: a sample holds {type(first).__name__} (arrays, numbers, texts; or a collate_fn)",
    )


def _rebuilt(like: Any, parts: list[Any]) -> Any:
    return type(like)(*parts) if hasattr(like, "_fields") else type(like)(parts)


def _tensors(value: Any) -> Any:
    """Arrays of numbers as tensors, in lists, tuples and dicts."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return _neve.from_numpy(value if value.flags.writeable else value.copy())
    if isinstance(value, dict):
        return {k: _tensors(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return _rebuilt(value, [_tensors(v) for v in value])
    return value


def default_collate(batch: list[Any]) -> Any:
    """One batch of samples: arrays and tensors are stacked, numbers become tensors (i64, f32), tuples and dicts are kept."""
    return _tensors(_stacked(batch))


def _fetch(source: Any, order: _worker.Order, collate: Callable[..., Any]) -> Any:
    """A batch by indices of a data set, or the next samples of an iterator; raises EndOfData behind the last ones."""
    if order.indices is None:
        try:
            samples = next(source)
        except StopIteration:
            raise _worker.EndOfData from None
    try:
        return collate(samples if order.indices is None else [source[i] for i in order.indices])
    except StopIteration as error:  # a defect of the data set or of collate, which must not look like the end
        raise RuntimeError("StopIteration was raised while a batch was made") from error


class _Batches:
    """Lists of samples of an iterable data set."""

    def __init__(self, dataset: Any, size: int, drop_last: bool) -> None:
        self.dataset, self.size, self.drop_last = dataset, size, drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        batch = []
        for sample in self.dataset:
            batch.append(sample)
            if len(batch) == self.size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch


class _Pool:
    """Worker processes with a pipe each."""

    def __init__(self, loader: DataLoader) -> None:
        context = multiprocessing.get_context("forkserver")
        try:
            raw = pickle.dumps((loader._source, loader._collate, loader.worker_init_fn), protocol=5)
        except Exception as error:
            value_error(
                f"DataLoader: the data set, collate_fn or worker_init_fn cannot go to a worker: {error} (things at the top of a module)"
            )
        self.workers: list[tuple[Any, Any]] = []
        for i in range(loader.num_workers):
            ours, theirs = context.Pipe()
            args = (theirs, os.getpid(), i, loader.num_workers, raw, _fetch)
            process = context.Process(target=_worker.main, args=args, daemon=True, name=f"neve-data-{i}")
            process.start()
            theirs.close()
            self.workers.append((process, ours))

    def close(self) -> None:
        """Ends the workers, and removes what they sent and nobody took."""
        for _, pipe in self.workers:
            with contextlib.suppress(OSError, ValueError):
                pipe.send(None)
        end = time.monotonic() + 1
        for process, pipe in self.workers:
            with contextlib.suppress(OSError, EOFError, ValueError):
                while True:
                    if pipe.poll(0.02):
                        pipe.recv()
                    elif not process.is_alive() or time.monotonic() > end:
                        break
            if process.is_alive():
                process.kill()
            process.join(5)
            pipe.close()
            _worker.remove_memory(process.pid)
        self.workers = []

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class DataLoader:
    """Batches of a data set; iterate over it, an epoch each time.

    With num_workers > 0 batches are made by processes of a fork server (so a script that makes loaders begins under
    `if __name__ == "__main__":`), prefetch_factor ahead each, and come in order. generator is the seed of shuffling and of the
    random numbers of Python, NumPy and Neve while a batch is made: these are seeded anew for every batch from (seed, epoch, batch),
    so that batches are the same for any number of workers. None draws a seed from Neve's generator (neve.manual_seed pins it); then
    random numbers are seeded in workers, and with num_workers=0 the data set draws from the generators of this process.
    Batches of an IterableDataset come from the workers in turn; each worker iterates over a copy of it (get_worker_info() tells
    which part is its own), and those that have ended are passed over: the order is the same in every run.
    collate_fn gets a list of samples; batch_size=None gives samples as they are. timeout: seconds to wait for a batch, 0 for ever.
    Raises Error: {internal} when a worker dies, naming it and its signal; {cancelled} after the timeout; an exception in a
    worker is raised here as Error{invalid_argument} with the worker's traceback in the text.
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool = False, sampler: Any = None, batch_sampler: Any = None,
        num_workers: int = 0, collate_fn: Callable[[list[Any]], Any] | None = None, drop_last: bool = False, timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None, *, generator: int | None = None, prefetch_factor: int = 2,
        persistent_workers: bool = False,
    ) -> None:  # fmt: skip
        positive("DataLoader", prefetch_factor=prefetch_factor)
        if not isinstance(num_workers, int) or num_workers < 0 or timeout < 0:
            value_error(f"DataLoader: num_workers is {num_workers!r}, timeout {timeout!r} (0 or more)")
        if batch_size is not None:
            positive("DataLoader", batch_size=batch_size)
        if persistent_workers and num_workers == 0:
            value_error("DataLoader: persistent_workers with num_workers=0 (one or more workers)")
        self.iterable = isinstance(dataset, IterableDataset)
        if self.iterable and (shuffle or sampler is not None or batch_sampler is not None):
            value_error("DataLoader: an IterableDataset has its own order (no shuffle, no sampler)")
        if (sampler is not None or batch_sampler is not None) and shuffle:
            value_error("DataLoader: shuffle with a sampler (one of them)")
        if batch_sampler is not None and (batch_size != 1 or sampler is not None or drop_last):
            value_error("DataLoader: batch_sampler with batch_size, sampler or drop_last (it stands for them)")
        self.dataset, self.num_workers, self.timeout = dataset, num_workers, timeout
        self.batch_size, self.drop_last, self.worker_init_fn = batch_size, drop_last, worker_init_fn
        self.prefetch_factor, self.persistent_workers = prefetch_factor, persistent_workers
        needed = shuffle or num_workers > 0
        self.seed = int(generator) if generator is not None else _worker.drawn_seed() if needed else 0
        self._pinned = generator is not None
        plain = _stacked if batch_size is not None or batch_sampler is not None else _first
        self._collate: Callable[..., Any] = plain if collate_fn is None else collate_fn
        self._finish: Callable[..., Any] = _tensors if collate_fn is None else _same
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._source = _Batches(dataset, batch_size or 1, drop_last) if self.iterable else dataset
        if not self.iterable and batch_sampler is None:
            if sampler is None:
                self.sampler = RandomSampler(dataset, generator=self.seed) if shuffle else SequentialSampler(dataset)
            if batch_size is not None:
                self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.epoch = 0
        self._pool: _Pool | None = None

    def __len__(self) -> int:
        if self.iterable:
            n, size = len(self.dataset), self.batch_size or 1
            return n // size if self.drop_last else -(-n // size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)

    def _orders(self) -> Iterator[Any]:
        while self.iterable:
            yield None
        yield from (self.batch_sampler if self.batch_sampler is not None else ([i] for i in self.sampler))

    def __iter__(self) -> Iterator[Any]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._with_workers(epoch) if self.num_workers else self._here(epoch)

    def _here(self, epoch: int) -> Iterator[Any]:
        source = iter(self._source) if self.iterable else self._source
        for number, indices in enumerate(self._orders()):
            seed = _worker.batch_seed(self.seed, epoch, number) if self._pinned else None
            try:
                with _worker.seeded(seed):
                    batch = _fetch(source, _worker.Order(epoch, number, indices, 0), self._collate)
            except _worker.EndOfData:
                return
            yield self._finish(batch)

    def _with_workers(self, epoch: int) -> Iterator[Any]:
        pool, self._pool = self._pool or _Pool(self), None
        whole = False
        try:
            yield from self._ordered(pool, epoch)
            whole = True
        finally:
            if whole and self.persistent_workers:
                self._pool = pool
            else:
                pool.close()

    def _ordered(self, pool: _Pool, epoch: int) -> Iterator[Any]:
        """Batch number k is made by worker k modulo their number, those skipped that have ended."""
        live, orders = list(range(len(pool.workers))), enumerate(self._orders())
        ready: dict[int, Any] = {}
        owner: dict[int, int] = {}
        turn, following = 0, 0
        try:
            while True:
                while live and len(owner) < self.prefetch_factor * len(live):
                    number, indices = next(orders, (-1, None))
                    if number < 0:
                        break
                    who = live[turn % len(live)]
                    turn += 1
                    self._send(
                        pool, who, _worker.Order(epoch, number, indices, _worker.batch_seed(self.seed, epoch, number))
                    )
                    owner[number] = who
                if following not in owner:
                    return
                while following not in ready:
                    self._receive(pool, owner[following], ready)
                kind, value = ready.pop(following)
                who = owner.pop(following)
                following += 1
                if kind == "end":
                    live = [i for i in live if i != who]
                elif kind == "error":
                    fail(
                        "invalid_argument",
                        f"DataLoader: {value[0]} in worker {who} at batch {following - 1}:\n{value[2]}",
                    )
                else:
                    yield self._finish(_worker.unpack(value))
        finally:
            for _, value in ready.values():
                _worker.discard(value)

    def _dead(self, pool: _Pool, who: int) -> None:
        process = pool.workers[who][0]
        process.join(2)
        code = process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
        fail(
            "internal",
            f"DataLoader: worker {who} (process {process.pid}) ended {how} (memory, perhaps; num_workers=0 shows more)",
        )

    def _send(self, pool: _Pool, who: int, order: _worker.Order) -> None:
        try:
            pool.workers[who][1].send(order)
        except OSError:
            self._dead(pool, who)

    def _receive(self, pool: _Pool, waited: int, ready: dict[int, Any]) -> None:
        pipes: dict[Any, int] = {pipe: i for i, (_, pipe) in enumerate(pool.workers)}
        got = wait(list(pipes), self.timeout or None)
        if not got:
            fail("cancelled", f"DataLoader: no batch from worker {waited} in {self.timeout} seconds (a larger timeout)")
        for pipe in got:
            try:
                _, number, kind, value = cast(Any, pipe).recv()
            except (EOFError, OSError):
                self._dead(pool, pipes[pipe])
            if number < 0:
                fail("invalid_argument", f"DataLoader: {value[0]} at the start of worker {pipes[pipe]}:\n{value[2]}")
            ready[number] = (kind, value)


def _first(batch: list[Any]) -> Any:
    return batch[0]


def _same(batch: Any) -> Any:
    return batch
