"""What runs in a worker process of a DataLoader, and how batches of arrays cross to the parent."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import pickle
import random
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import shared_memory
from typing import Any, NamedTuple

import numpy as np


class EndOfData(Exception):
    """An iterable data set has no further samples."""


class WorkerInfo(NamedTuple):
    """Which worker this is: id of num_workers, its seed in this epoch, and the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The worker that this code runs in; None in the parent."""
    return _info


class Order(NamedTuple):
    """What the parent asks for: the batch `number` of an epoch; indices is None for the next of an iterable data set."""

    epoch: int
    number: int
    indices: Any
    seed: int


def batch_seed(seed: int, epoch: int, number: int) -> int:
    """The seed of one batch: the same whichever worker makes it."""
    return int(np.random.SeedSequence([seed % 2**64, epoch, number]).generate_state(1, np.uint64)[0])


def seed_all(seed: int) -> None:
    """Seeds Python's and NumPy's global generators, and Neve's."""
    from ..random import manual_seed

    random.seed(seed)
    np.random.seed(seed % 2**32)
    manual_seed(seed % 2**63)


@contextlib.contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """seed_all within the block; the global generators go on afterwards as if nothing had been. None: nothing at all."""
    if seed is None:
        yield
        return
    from ..random import get_state, set_state

    before = random.getstate(), np.random.get_state(), get_state()
    seed_all(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        set_state(before[2])


def drawn_seed() -> int:
    """A seed from Neve's generator: neve.manual_seed pins the orders of loaders and samplers that get none of their own."""
    from ..random import randint

    return int(randint(0, 2**53, (1,), dtype="i64").item())


def pack(value: Any) -> tuple[bytes, str | None, list[tuple[int, int]]]:
    """A pickle whose large arrays lie in shared memory: (pickle, name of the memory, spans). The parent removes the memory."""
    buffers: list[pickle.PickleBuffer] = []
    raw = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [b.raw() for b in buffers]
    total, spans = 0, []
    for v in views:
        spans.append((total, v.nbytes))
        total += -(-v.nbytes // 64) * 64
    if not total:
        return raw, None, spans
    memory: Any = _new_memory(total)
    for v, (at, n) in zip(views, spans):
        memory.buf[at : at + n] = v
    name = memory.name
    memory.close()
    return raw, name, spans


def unpack(packed: tuple[bytes, str | None, list[tuple[int, int]]]) -> Any:
    """The value; its arrays are copied out of the shared memory, which is removed."""
    raw, name, spans = packed
    if name is None:
        return pickle.loads(raw, buffers=[bytearray() for _ in spans])
    memory: Any = _memory(name=name)
    try:
        return pickle.loads(raw, buffers=[bytearray(memory.buf[at : at + n]) for at, n in spans])
    finally:
        memory.close()
        _unlink(name)


def discard(packed: Any) -> None:
    """Removes the shared memory of a batch that nobody takes."""
    if isinstance(packed, tuple) and len(packed) == 3 and packed[1]:
        _unlink(packed[1])


_count = itertools.count()


def _new_memory(size: int) -> Any:
    # The process stands in the name: whatever ends it, its memory can be found.
    while True:
        with contextlib.suppress(FileExistsError):  # of a process of that number long ago
            return _memory(create=True, size=size, name=f"neve_{os.getpid()}_{next(_count)}")


def remove_memory(process: int) -> None:
    """Removes the shared memory that a worker made and nobody took. To be called when it has ended, or by itself."""
    for path in glob.glob(f"/dev/shm/neve_{process}_*"):
        _unlink(os.path.basename(path))


def _memory(**how: Any) -> shared_memory.SharedMemory:
    # The tracker of multiprocessing would remove the memory when the worker ends, and complain: it is told nothing.
    from multiprocessing import resource_tracker

    with _quiet:
        before = resource_tracker.register
        resource_tracker.register = lambda *_: None
        try:
            return shared_memory.SharedMemory(**how)
        finally:
            resource_tracker.register = before


_quiet = threading.Lock()


def _unlink(name: str) -> None:
    try:
        os.unlink(f"/dev/shm/{name}")
    except FileNotFoundError:
        pass


def _watch(parent: int) -> None:
    """Ends this process when the parent is gone, however it went."""
    import time

    while os.path.exists(f"/proc/{parent}"):
        time.sleep(1)
    remove_memory(os.getpid())
    os._exit(1)


def main(
    connection: Any, parent: int, worker: int, workers: int, dataset_raw: bytes, fetch: Callable[..., Any]
) -> None:
    """Takes orders until None comes: (kind, epoch, number, packed batch or error) goes back for each."""
    global _info
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends the workers
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    try:
        from .. import _neve

        _neve.set_num_threads(1)  # workers are parallel already
        dataset, collate, init = pickle.loads(dataset_raw)
        started = False
        epoch, iterator = -1, None
        while True:
            order = connection.recv()
            if order is None:
                return
            try:
                _info = WorkerInfo(worker, workers, order.seed, dataset)
                if not started and init is not None:
                    seed_all(order.seed)
                    init(worker)
                started = True
                seed_all(order.seed)
                if order.indices is None:
                    if epoch != order.epoch or iterator is None:
                        epoch, iterator = order.epoch, iter(dataset)
                    result = fetch(iterator, order, collate)
                else:
                    result = fetch(dataset, order, collate)
                answer: tuple[str, Any] = ("batch", pack(result))
            except EndOfData:
                answer = ("end", None)
            except Exception as error:
                answer = ("error", (type(error).__name__, str(error), traceback.format_exc()))
            connection.send((order.epoch, order.number, *answer))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:
        connection.send((-1, -1, "error", (type(error).__name__, str(error), traceback.format_exc())))
