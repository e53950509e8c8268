"""Rows kept from an earlier forward, so that a pinned row need not be evaluated again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from inkover.attention.call import Call, Row, Site
from inkover.attention.control import Control, Wants

Memory = Mapping[str, Mapping[str, Row]]
"""By site name and row name, of one level."""


def remembered(note: Callable[[Site, Mapping[str, Row]], None], rows: Sequence[str], wants: Wants) -> Control:
    """Hand the wanted layers' queries, keys and values of some rows to ``note``, and change no bit."""

    def watch(call: Call) -> Tensor:
        note(call.site, {name: _own(call.row(name)) for name in rows})
        return call()

    return Control(wants, watch)


def _own(row: Row) -> Row:
    """Copy a row out of its batch, which would stay in memory for it."""
    return Row(row.q.clone(), row.k.clone(), None if row.v is None else row.v.clone())


def recalled(memory: Memory) -> Control:
    """Let the controls after this one in a chain take kept rows as if they were in the batch."""
    return Control(
        lambda site: site.name in memory,
        lambda call: replace(call, kept={**call.kept, **memory[call.site.name]})(),
    )
