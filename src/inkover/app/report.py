"""What a command says when it is done: a line for people, or one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inkover.app.flow import Mask
from inkover.app.meter import TIMED, Acts
from inkover.app.request import Manner
from inkover.app.result import Found, Result
from inkover.photo import Photo

Row = dict[str, Any]
"""One variation, as ``--json`` prints it."""


def row(
    result: Result,
    output: Path,
    mask: Path | None,
    overlay: Path | None,
    seconds: Mapping[str, float],
    landed: Photo | None,  # the file read back where it holds other pixels than the result: a lossy one
) -> Row:
    """Say all about one variation."""
    inside, outside = result.changes(landed)
    return {
        "output": str(output),
        "mask": None if mask is None else str(mask),
        **({} if overlay is None else {"overlay": str(overlay)}),
        **_made(result),
        "seconds": {name: round(seconds[name], 4) for name in TIMED},
        "mask_area": result.mask_area,
        "change_inside": inside,
        "change_outside": outside,
        **_edits(result),
    }


def _edits(result: Result) -> Row:
    """Say of each of several edits where it acted, on the mean over its steps, and what it took."""
    if not result.record.edits:
        return {}
    acts, part = [result.acted.get(k, Acts()) for k in range(len(result.record.edits))], _part(result)
    return {
        "edits": [
            {"text": edit.text, "mask_area": part * one.area / max(one.samples, 1), "samples": one.samples}
            for edit, one in zip(result.record.edits, acts, strict=True)
        ]
    }


def _part(result: Result) -> float:
    """Return how much of the photo was worked on."""
    if result.drawn is None:
        return 0.0
    (tall, wide), (height, width) = result.drawn.canvas.box_size, result.drawn.canvas.size
    return tall * wide / (height * width)


def mask_row(found: Found, output: Path, each: Sequence[Path] = ()) -> Row:
    """Say all about a mask that was found, and about each of several."""
    seconds = {name: round(found.seconds[name], 4) for name in TIMED}
    edits = [
        {"text": edit.text, "mask": str(path), "mask_area": _area(mask)}
        for edit, path, mask in zip(found.record.edits, each, found.each, strict=False)
    ]
    several = {"edits": edits} if edits else {}
    return {"mask": str(output), **_made(found), "seconds": seconds, "mask_area": _area(found.mask), **several}


def _area(mask: Mask) -> float:
    return float((mask > 0).mean())


def _made(result: Result | Found) -> Row:
    """Say what made a result: method, model, every knob, and the network evaluations."""
    record = result.record
    edges = {"grow": record.grow, "feather": record.feather, "cleanup": asdict(record.cleanup)}
    return {
        "method": record.method,
        "model": record.model.name,
        "model_hash": record.model.hash,
        "seed": record.seed,
        "settings": {**record.settings, **edges},
        "samples": dict(result.samples),
        "calls": dict(result.calls),
    }


def say(rows: Sequence[Row], manner: Manner) -> None:
    """Print one JSON object, the first variation with all of them under ``variations``; or a line for each."""
    if manner.json:
        more = {"variations": list(rows)} if len(rows) > 1 else {}
        print(json.dumps(rows[0] | more))  # in ASCII: any terminal and any file name
    elif not manner.quiet:
        for one in rows:
            print(f"{one['output']}  ({_cost(one)})")


def say_mask(one: Row, manner: Manner) -> None:
    """Print one JSON object, or a line."""
    if manner.json:
        print(json.dumps(one))
    elif not manner.quiet:
        print(f"{one['mask']}  ({one['mask_area']:.1%} of the photo, {_cost(one)})")


def _cost(one: Row) -> str:
    spent = sum(one["seconds"].values()) - one["seconds"]["load"]
    return f"seed {one['seed']}, {sum(one['samples'].values())} network samples, {spent:.1f} s"
