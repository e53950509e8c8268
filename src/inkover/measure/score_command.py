"""``inkover score``: an edited photo measured beside the photo it was made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkover import photo as photos
from inkover.app.request import Manner
from inkover.errors import InkoverError
from inkover.masks.files import read_mask
from inkover.measure.scores import MEASURES, NEEDS, Measure, Pair, Scores, Values, score
from inkover.photo import Photo


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be measured; None where the command line says nothing."""

    before: Path | None
    after: Path | None
    mask: Path | None
    max_pixels: int


def run(ask: Ask, manner: Manner) -> None:
    """Do the whole command."""
    found = score(_pair(ask))
    if manner.json:
        print(json.dumps({**found.values, "reasons": found.reasons}, allow_nan=False))
    else:
        print("\n".join(_lines(found)))


def listed(ask: Ask, manner: Manner) -> None:
    """Print every measure in plain words."""
    if ask.before or ask.after or ask.mask:
        raise InkoverError("--list shows what there is and measures nothing: leave the photos and options out")
    if manner.json:
        print(json.dumps({"measures": [_described(measure) for measure in MEASURES]}))
        return
    for measure in MEASURES:
        needed = "".join(f"\n  needs {NEEDS[need]}" for need in measure.needs)
        print(f"{measure.name}  ({_better(measure)})\n  {measure.says}{needed}")


def _pair(ask: Ask) -> Pair:
    """Read the pictures and the mask; InkoverError where they do not fit."""
    if ask.before is None or ask.after is None:
        raise InkoverError("two pictures are compared: inkover score BEFORE AFTER (inkover score --list: the measures)")
    before, after = (photos.read(path, ask.max_pixels) for path in (ask.before, ask.after))
    if before.size != after.size:
        (height, width), (tall, wide) = before.size, after.size
        raise InkoverError(
            f"{ask.before} is {width} x {height} px and {ask.after} {wide} x {tall}: resize the edited one to the photo"
        )
    mask = None if ask.mask is None else read_mask(ask.mask, before.size)
    return Pair(_values(before), _values(after), mask)


def _values(photo: Photo) -> Values:
    """Return a photo's values, exact enough that 8 and 16 bits of one picture are equal."""
    return photo.pixels.astype(np.float64) / photo.top


def _lines(found: Scores) -> list[str]:
    """Return a table: measure, value and which way is better, or why there is none."""
    width = max(len(measure.name) for measure in MEASURES)
    return [f"{measure.name:<{width}}  {_cells(measure, found)}" for measure in MEASURES]


def _cells(measure: Measure, found: Scores) -> str:
    value = found.values[measure.name]
    return f"{'-':>12}  {found.reasons[measure.name]}" if value is None else f"{value:>12.6g}  {_better(measure)}"


def _better(measure: Measure) -> str:
    return "neither is better" if measure.better == "neither" else f"{measure.better} is better"


def _described(measure: Measure) -> dict[str, Any]:
    needs = {need: NEEDS[need] for need in measure.needs}
    return {"name": measure.name, "better": measure.better, "says": measure.says, "needs": needs}
