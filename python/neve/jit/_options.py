"""What may be done to a captured program while it is built."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """What may be done to a captured program while it is built; explain(measure=True) says what each is worth here.

    fuse_loops: elementwise work, reductions and movement become loops. fuse_epilogues: bias, activation and residual go
    into convolutions and products. fuse_attention: softmax(q k^T) v is one operation. merge_products: products that
    share their left side are one. fold_into_convolutions: batch norm goes into weights, where nothing trains.
    reuse_memory: values that are not alive at the same time share memory. in_place: results go over operands that
    nobody reads later, sums of gradients among them. recompute: what is cheap is computed once more for the gradient
    instead of kept. Source: paddle.static.BuildStrategy.
    """

    fuse_loops: bool = True
    fuse_epilogues: bool = True
    fuse_attention: bool = True
    merge_products: bool = True
    fold_into_convolutions: bool = True
    reuse_memory: bool = True
    in_place: bool = True
    recompute: bool = True

    def build(self) -> dict[str, Any]:
        """As the builder takes it."""
        passes = {"merge_products": "merge_matmuls", "fold_into_convolutions": "fold_into_conv"}
        names = ("fuse_loops", "fuse_epilogues", "fuse_attention", "merge_products", "fold_into_convolutions")
        return {
            "disable_passes": [passes.get(n, n) for n in names if not getattr(self, n)],
            "reuse_memory": self.reuse_memory,
            "in_place": self.in_place,
            "recompute": self.recompute,
        }
