"""The functions that converted code calls, under one name."""

from __future__ import annotations

from ._branches import assert_, if_, passing, raise_, trying
from ._calls import activated, active, call, forward_of
from ._logic import and_, choose, compare, not_, or_
from ._loops import for_, while_
from ._match import bound, match, matches
from ._state import container
from ._statements import (
    as_results,
    attribute,
    augment,
    augment_item,
    collect,
    del_item,
    is_open,
    item,
    listed,
    mapped,
    result,
    set_attribute,
    set_item,
    starred,
    unpacked,
    when,
)  # fmt: skip
from ._texts import percent, text
from ._values import Undefined, raw, raw_of, read

__all__ = [
    "Undefined", "activated", "active", "and_", "as_results", "assert_", "attribute", "augment", "augment_item", "bound", "call",
    "choose", "collect", "compare", "container", "del_item", "for_", "forward_of", "if_", "is_open", "item", "listed", "mapped", "match", "matches", "not_", "or_", "passing", "percent",
    "raise_",
    "raw", "raw_of", "read", "result", "set_attribute", "set_item", "starred", "text", "trying", "unpacked", "when", "while_",
]  # fmt: skip
