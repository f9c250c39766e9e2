"""Runs many small jobs in worker processes that may crash or hang: a dead worker costs one case, not the run."""

import multiprocessing
import multiprocessing.connection
import os
import time


def _worker(function, pipe):
    while True:
        item = pipe.recv()
        if item is None:
            return
        try:
            pipe.send(function(item))
        except Exception as error:  # the function answers for its own errors; this is one that could not be sent
            pipe.send((item, None, f"{type(error).__name__}: {error}"))


class _Slot:
    def __init__(self, context, function):
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_worker, args=(function, other), daemon=True)
        self.process.start()
        other.close()
        self.item, self.started = None, 0.0

    def give(self, item):
        self.item, self.started = item, time.monotonic()
        self.pipe.send(item)

    def end(self):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.pipe.close()


def run_all(function, items, jobs=None, timeout=30.0):
    """Yields function(item) for every item in any order, or (item, None, "crashed …" / "took over …") for one that broke its worker.

    `function` must be importable; it returns (item, result, words or None).
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(items)[::-1]
    jobs = max(1, min(len(waiting), jobs or len(os.sched_getaffinity(0))))
    slots = [_Slot(context, function) for _ in range(jobs)]
    try:
        for slot in slots:
            slot.give(waiting.pop())
        while any(slot.item is not None for slot in slots):
            busy = [s for s in slots if s.item is not None]
            ready = multiprocessing.connection.wait([s.pipe for s in busy], timeout=1.0)
            for slot in busy:
                answer = None
                if slot.pipe in ready:
                    try:
                        answer = slot.pipe.recv()
                    except (EOFError, ConnectionResetError):
                        slot.process.join()
                        answer = (slot.item, None, f"crashed the process (exit status {slot.process.exitcode})")
                elif time.monotonic() - slot.started > timeout:
                    answer = (slot.item, None, f"took over {timeout:.0f} s")
                    slot.process.kill()
                if answer is None:
                    continue
                slot.item = None
                if not slot.process.is_alive():
                    slot.end()
                    slots[slots.index(slot)] = slot = _Slot(context, function)
                if waiting:
                    slot.give(waiting.pop())
                yield answer
    finally:
        for slot in slots:
            slot.end()
