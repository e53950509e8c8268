"""Which pictures of a run its page shows, and these as addresses that hold them: as many as a page can carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from inkover.measure.html import held
from inkover.measure.report.sheet import parted
from inkover.measure.runs.runner import PICTURES, spread
from inkover.measure.runs.trial import Line

BUDGET = 18_000_000
"""How many characters all pictures of a page may take, so that the page stays below 25 MB."""

QUALITY, MASK = 80, 64  # px a side
FEW = 10
AROUND = 800
"""How many characters the words around a picture take, about."""


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """A trial on the page: its result and its mask as addresses."""

    line: Line
    result: str
    mask: str | None  # None: the whole photo


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case on the page: its photo and the true edit as addresses, and what each method made of it."""

    photo: str
    truth: str | None
    trials: tuple[ShownTrial, ...]

    @property
    def size(self) -> int:
        """Return how many characters it takes, about."""
        own = len(self.photo) + len(self.truth or "")
        return own + sum(len(one.result) + len(one.mask or "") + AROUND for one in self.trials)


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a page shows of a run, kind by kind, and out of how much."""

    cases: tuple[ShownCase, ...]
    all_cases: int
    all_trials: int

    @property
    def trials(self) -> int:
        """Return how many trials are shown."""
        return sum(len(case.trials) for case in self.cases)


def gallery(lines: Sequence[Line], where: Callable[[Line], Path], budget: int = BUDGET) -> Gallery:
    """Return the cases that a page shows, of trials that did not break, evenly over the kinds of edit and their cases.

    A case is shown with every method that has a picture of it.
    """
    there = [line for line in lines if line.figures is not None and where(line).exists()]
    cases = _by_case(there)
    read = cache(lambda k: _case(cases[k], where))
    few = [read(k).size for k in spread(range(len(cases)), FEW)]  # tell how large the others will be, about
    fitting = budget * len(few) // max(sum(few), 1)
    most = max(1, min(fitting, PICTURES // max(map(len, cases), default=1)))
    while True:
        chosen = [read(k) for k in spread(range(len(cases)), most)]
        size = sum(case.size for case in chosen)
        if size <= budget or most == 1:
            return Gallery(tuple(chosen), len({line.case for line in lines}), len(lines))
        most = max(1, min(len(chosen) - 1, int(len(chosen) * budget / size)))


def _by_case(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the trials of each case, those of one kind of edit side by side."""
    kinds: dict[str, dict[str, list[Line]]] = {}
    for line in lines:
        kinds.setdefault(line.kind, {}).setdefault(line.case, []).append(line)
    return [case for kind in kinds.values() for case in kind.values()]


def _case(lines: Sequence[Line], where: Callable[[Line], Path]) -> ShownCase:
    rows = [_cells(where(line)) for line in lines]
    photo, truth, _, _ = rows[0]
    trials = (
        ShownTrial(line, _address(result), None if mask is None else _address(mask.resize((MASK, MASK))))
        for line, (_, _, result, mask) in zip(lines, rows, strict=True)
    )
    return ShownCase(_address(photo), None if truth is None else _address(truth), tuple(trials))


def _cells(path: Path) -> tuple[Image.Image, Image.Image | None, Image.Image, Image.Image | None]:
    with Image.open(path) as row:
        return parted(row.convert("RGB"))


def _address(picture: Image.Image) -> str:
    file = BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=2)  # half the time for a twentieth more
    return held("webp", file.getvalue())
