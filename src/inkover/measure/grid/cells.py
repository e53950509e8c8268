"""Several results on one photo, side by side: what is asked of each, and the cell that comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkover.app.meter import Meter
from inkover.errors import InkoverError
from inkover.measure.figures.scores import Pair, in_bytes, score, values

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.flow import Mask, Wish
    from inkover.app.progress import Show
    from inkover.app.recipe import File
    from inkover.app.result import Result
    from inkover.measure.figures.clip import Encoder, Views
    from inkover.photo import Photo

Picture = NDArray[np.uint8]  # (h, w, 3), as it is shown

FIGURES = ("change_inside", "change_outside", "psnr_outside")
CLIP_FIGURES = ("clip", "clip_direction")
SHOWN, SHOWN_OF_MANY, MANY = 768, 384, 12  # pixels of a side; in a grid of more than so many cells


@dataclass(frozen=True, slots=True)
class Asked:
    """What one cell is to show: a checked wish, or why there is none."""

    title: str
    method: str
    wish: Wish | None
    reason: str = ""
    left_out: tuple[str, ...] = ()  # options that the method does not have
    swept: Mapping[str, Any] | None = None  # the knobs that differ from cell to cell


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a wish; its pictures as they are shown."""

    picture: Picture
    mask: NDArray[np.uint8] | None  # (h, w), 255 = edited; None: the whole photo was
    settings: Mapping[str, Any]  # every knob
    figures: Mapping[str, float | None]
    reasons: Mapping[str, str]  # why a figure is None
    samples: Mapping[str, int]  # of the network, by stage
    remembered: bool  # the photo had been traced before
    seconds: float
    area: float  # of the mask, a part of the photo
    said: tuple[str, ...]  # warnings and notes


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a grid, or the reason why there is none."""

    asked: Asked
    made: Made | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything that a page or a sheet shows."""

    photo: Picture
    name: str  # of the photo's file
    source: str
    target: str
    model: str
    model_hash: str
    seed: int
    clip: str | None  # what CLIP is called, where it was given
    cells: tuple[Cell, ...]
    across: int | None  # cells of a row; None: as many as there is room for
    command: str  # that made it
    versions: Mapping[str, str]


def check_some(asked: Sequence[Asked]) -> None:
    """Refuse a grid in which nothing can be made."""
    if all(one.wish is None for one in asked):
        raise InkoverError(_nothing([(one.title, one.reason) for one in asked]))


def cells(
    editor: Editor, asked: Sequence[Asked], mask: Mask | None, file: File | None, clip: Encoder | None, show: Show
) -> tuple[Cell, ...]:
    """Make what is asked, one after the other; InkoverError where nothing can be made."""
    longest = side(len(asked))
    found = tuple(_cell(editor, one, mask, file, clip, show, longest) for one in asked)
    if all(cell.made is None for cell in found):
        raise InkoverError(_nothing([(cell.asked.title, cell.reason) for cell in found]))
    return found


def side(count: int) -> int:
    """Return how long a side of a picture may be in a grid of so many cells, in px."""
    return SHOWN if count <= MANY else SHOWN_OF_MANY


def _nothing(reasons: Sequence[tuple[str, str]]) -> str:
    """Say why nothing can be made: what all have in common, or what the first lacks."""
    title, first = reasons[0]
    same = all(reason == first for _, reason in reasons)
    return first if same else f"nothing here can make this edit, as {title}: {first}"


def _cell(
    editor: Editor, asked: Asked, mask: Mask | None, file: File | None, clip: Encoder | None, show: Show, longest: int
) -> Cell:
    if asked.wish is None:
        return Cell(asked, reason=asked.reason)
    try:
        result = editor.fulfil(asked.wish, mask, file, Meter(show))
    except InkoverError as problem:  # what only the model knows: that it lets nobody steer its attention, say
        return Cell(asked, reason=str(problem))
    return Cell(asked, _made(result, asked.wish, clip, longest))


def _made(result: Result, wish: Wish, clip: Encoder | None, longest: int) -> Made:
    before, after = values(result.original), values(result.photo)
    views = None if clip is None else _views(clip, result, wish)
    pair = Pair(before, after, result.mask, wish.source or None, wish.target, views)
    scores = score(pair, FIGURES if clip is None else (*FIGURES, *CLIP_FIGURES))
    traced = wish.method.cost(wish.settings)["inversion"]
    return Made(
        picture=shown(result.photo, longest),
        mask=None if (result.mask == 1).all() else small((result.mask * 255).astype(np.uint8), longest // 4),
        settings=asdict(wish.settings),
        figures=scores.values,
        reasons=scores.reasons,
        samples=dict(result.samples),
        remembered=bool(traced and not result.samples["inversion"] and result.mask.any()),
        seconds=sum(result.seconds.values()) - result.seconds["load"],
        area=result.mask_area,
        said=(*result.warnings, *result.notes),
    )


def _views(encoder: Encoder, result: Result, wish: Wish) -> Views:
    """Let CLIP look at both photos and read both texts; what is in the mask alone is not asked for."""
    from inkover.measure.figures import clip

    pictures = in_bytes(result.original), in_bytes(result.photo)
    return clip.views(encoder, *pictures, None, wish.source or None, wish.target)


def shown(photo: Photo, longest: int) -> Picture:
    """Return a photo as it is shown, (h, w, 3), a side at most ``longest`` px; what is transparent shows too."""
    return small(in_bytes(photo), longest)


def small(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture shrunk to sides of at most ``longest`` px; a smaller one as it is."""
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def row(cell: Cell) -> dict[str, Any]:
    """Return a cell as ``--json`` prints it."""
    asked, made = cell.asked, cell.made
    own: dict[str, Any] = {"title": asked.title, "method": asked.method, "left_out": list(asked.left_out)}
    if asked.swept is not None:
        own["knobs"] = dict(asked.swept)
    if made is None:
        return own | {"reason": cell.reason}
    told = {"mask_area": made.area, "samples": dict(made.samples), "remembered": made.remembered}
    told |= {"seconds": round(made.seconds, 4), "said": list(made.said)}
    return own | {"settings": dict(made.settings), "figures": dict(made.figures), "reasons": dict(made.reasons)} | told


def document(grid: Grid, output: str) -> str:
    """Return the grid as one JSON object."""
    told = {
        "output": output, "photo": grid.name, "source": grid.source, "target": grid.target, "model": grid.model,
        "model_hash": grid.model_hash, "seed": grid.seed, "clip": grid.clip, "command": grid.command,
        "versions": dict(grid.versions), "cells": [row(cell) for cell in grid.cells],
    }  # fmt: skip
    return json.dumps(told, allow_nan=False)
