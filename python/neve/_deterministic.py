"""Results that do not depend on the number of threads."""

from __future__ import annotations

from . import _neve


class deterministic:
    """deterministic(True): the same program gives the same bits on any number of threads, from here on; False ends it.

    Work is split into four parts whatever `set_num_threads` says; that number bounds the threads of Neve's own loops only:
    products and convolutions (oneDNN) use four. With it off, the same seed and the same number of threads give the same
    bits. As a `with` block it ends with the block. For this process; pieces that were compiled before are compiled anew.
    Cost: on more than four CPUs large operations gain nothing beyond four; on fewer, the four threads of a product take turns,
    steps of training on two take 1.2 to 2.9 times as long.
    """

    def __init__(self, on: bool = True) -> None:
        self._before = _neve.is_deterministic()
        _neve.set_deterministic(bool(on))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _neve.set_deterministic(self._before)


def is_deterministic() -> bool:
    """Whether deterministic(True) is in force."""
    return _neve.is_deterministic()
