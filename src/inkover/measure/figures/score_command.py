"""``inkover score``: an edited photo measured beside the photo it was made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover import photo as photos
from inkover.app.request import Manner
from inkover.errors import InkoverError
from inkover.masks.files import read_mask
from inkover.measure.figures import seeing
from inkover.measure.figures.scores import MEASURES, NEEDS, Mask, Measure, Scores, score
from inkover.measure.figures.seeing import Networks
from inkover.photo import Photo

if TYPE_CHECKING:
    from inkover.measure.figures.clip import Encoder
    from inkover.measure.figures.drag import Drag


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be measured; None where the command line says nothing."""

    max_pixels: int
    before: Path | None = None
    after: Path | None = None
    mask: Path | None = None
    source: str | None = None
    target: str | None = None
    clip: str | None = None
    dino: Path | None = None
    lpips: Path | None = None
    faces: Path | None = None
    drags: tuple[str, ...] = ()
    true_mask: Path | None = None


def run(ask: Ask, manner: Manner) -> None:
    """Do the whole command."""
    _check(ask)
    assert ask.before is not None and ask.after is not None
    before, after, mask = read_pair(ask.before, ask.after, ask.mask, ask.max_pixels)
    true_mask = None if ask.true_mask is None else read_mask(ask.true_mask, before.size)
    drags = _drags(ask.drags, before.size)
    networks = seeing.load(ask.clip, ask.dino, ask.lpips, ask.faces)
    if networks.clip is not None:
        say_unread(networks.clip, ask.source, ask.target, manner)
    found = score(networks.pair(before, after, mask, ask.source, ask.target, true_mask, drags))
    if manner.json:
        rest = {"reasons": found.reasons, "models": _models(networks, found)}
        print(json.dumps({**found.values, **rest}, allow_nan=False))
    else:
        print("\n".join(_lines(found)))


def listed(ask: Ask, manner: Manner) -> None:
    """Print every measure in plain words."""
    if ask != Ask(ask.max_pixels):
        raise InkoverError("--list shows what there is and measures nothing: leave the photos and options out")
    if manner.json:
        print(json.dumps({"measures": [_described(measure) for measure in MEASURES]}))
        return
    for measure in MEASURES:
        needed = "".join(f"\n  needs {NEEDS[need]}" for need in measure.needs)
        print(f"{measure.name}  ({_better(measure)})\n  {measure.says}{needed}")


def _check(ask: Ask) -> None:
    """Refuse, before anything is read, what is not enough and what would change nothing."""
    if ask.before is None or ask.after is None:
        raise InkoverError("two pictures are compared: inkover score BEFORE AFTER (inkover score --list: the measures)")
    for option, text in (("--from", ask.source), ("--to", ask.target)):
        if text is not None and ask.clip is None:
            raise InkoverError(f"{option} is read by CLIP alone: add --clip FOLDER or --clip tabletop, or leave it out")
    if ask.drags and ask.dino is None:
        raise InkoverError("what was dragged is found again by DINO alone: add --dino FOLDER, or leave --drag out")
    if ask.true_mask is not None and ask.mask is None:
        raise InkoverError("--true-mask is compared with --mask: add --mask FILE, or leave it out")


def read_pair(one: Path, other: Path, mask: Path | None, max_pixels: int) -> tuple[Photo, Photo, Mask | None]:
    """Read a photo, its edited copy and a mask; InkoverError where they do not fit."""
    before, after = (photos.read(path, max_pixels) for path in (one, other))
    if before.size != after.size:
        (height, width), (tall, wide) = before.size, after.size
        raise InkoverError(
            f"{one} is {width} x {height} px and {other} {wide} x {tall}: resize the edited one to the photo"
        )
    return before, after, None if mask is None else read_mask(mask, before.size)


def _drags(typed: Sequence[str], size: tuple[int, int]) -> list[Drag]:
    if not typed:
        return []
    from inkover.measure.figures import drag

    return [drag.parse(one, size) for one in typed]


def read_clip(name: str, source: str | None, target: str | None, manner: Manner) -> Encoder:
    """Load a CLIP, and say what of the texts it does not read."""
    from inkover.measure.figures import clip

    encoder = clip.load(name)
    say_unread(encoder, source, target, manner)
    return encoder


def say_unread(encoder: Encoder, source: str | None, target: str | None, manner: Manner) -> None:
    """Say what of the texts CLIP does not read."""
    from inkover.measure.figures import clip

    for option, text in (("--from", source), ("--to", target)):
        if text is not None and (rest := clip.beyond(encoder, text)):
            manner.note(f"{option} is too long for CLIP by {rest} tokens, which are not read: shorten it")


def _models(networks: Networks, found: Scores) -> dict[str, str]:
    """Say of each figure that a network made which network it was."""
    return {
        measure.name: networks.names[need]
        for measure in MEASURES
        for need in measure.needs
        if need in networks.names and found.values[measure.name] is not None
    }


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
