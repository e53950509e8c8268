"""Edits of one photo that share their tracings, and what each would cost alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from inkover.app.cache_key import Key
from inkover.app.meter import Counted, Meter
from inkover.app.remembered import Memory
from inkover.methods.contract import Tensors

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.inputs import Source
    from inkover.app.result import Result

LIMIT = 2 * 1024**3  # bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """What an edit costs. Alone: as if nothing of its photo had been traced before."""

    samples: int = 0  # network samples, alone
    evaluated: int = 0  # of these in fact, less what a tracing took that was there
    seconds: float = 0.0  # alone: a tracing that was there counts as long as it took when it was made


class Tracings:
    """The tracings of one photo, kept in memory as long as this is held, each with what it took."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._memory, self._took, self._room = Memory(), dict[str, Cost](), limit

    def read(self, key: Key) -> tuple[Tensors, Cost] | None:
        """Return what was found by a tracing, and what that took; None where it was not kept."""
        found = self._memory.read(key)
        return None if found is None else (found, self._took[key.digest()])

    def write(self, key: Key, found: Mapping[str, Tensor], took: Cost) -> None:
        """Keep what was found, where it finds room: ``limit`` bytes are the most for all together."""
        size = sum(one.nbytes for one in found.values())
        if size <= self._room:
            self._room -= size
            self._memory.write(key, found)
            self._took[key.digest()] = took


class _Ledger:
    """The tracings as one edit sees them: notes what it finds there, and what it takes to make others."""

    def __init__(self, tracings: Tracings, meter: Meter) -> None:
        self.spared_samples, self.spared_seconds = 0, 0.0
        self._tracings, self._meter, self._begun = tracings, meter, dict[str, tuple[int, float]]()

    def read(self, key: Key) -> Tensors | None:
        kept = self._tracings.read(key)
        if kept is None:
            self._begun[key.digest()] = _evaluated(self._meter), time.perf_counter()
            return None
        found, took = kept
        self.spared_samples += took.samples
        self.spared_seconds += took.seconds
        return found

    def write(self, key: Key, tensors: Mapping[str, Tensor]) -> None:
        samples, start = self._begun[key.digest()]
        took = _evaluated(self._meter) - samples
        self._tracings.write(key, tensors, Cost(took, took, time.perf_counter() - start))


def edited(editor: Editor, tracings: Tracings, photo: Source, **asked: Any) -> tuple[Result, Cost]:
    """Make an edit, ``asked`` as of ``Editor.edit``, with the photo's tracings so far, and keep those that it makes."""
    meter = Meter()
    ledger = _Ledger(tracings, meter)
    own = replace(editor, model=Counted(editor.model, meter), memory=ledger)
    start = time.perf_counter()
    result = own.edit(photo, **asked)
    seconds, evaluated = time.perf_counter() - start, _evaluated(meter)
    return result, Cost(evaluated + ledger.spared_samples, evaluated, seconds + ledger.spared_seconds)


def _evaluated(meter: Meter) -> int:
    return sum(meter.samples.values())
