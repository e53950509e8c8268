"""Puts methods to exact edits of the little world and measures what came of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkover import methods
from inkover.app.edits import Edit as Asked
from inkover.errors import InkoverError, nearest
from inkover.measure.figures.judge import Picture, judge
from inkover.measure.figures.quality import iou, psnr, ssim
from inkover.measure.figures.scores import EQUAL, UNFOUND
from inkover.measure.figures.unchanged import identity
from inkover.measure.runs.shared import Cost, Tracings, edited
from inkover.measure.runs.variants import Variant
from inkover.photo import Photo
from inkover.tabletop.edits import EDITS, PAIRED, Edit, case
from inkover.tabletop.probe import Probe

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.result import Result
    from inkover.methods.contract import Method
    from inkover.tabletop.likeness import Likeness

KINDS = ("recolour", "refinish", "replace", "remove", "add", "surface", "background", "several", *PAIRED)
WITHOUT = {"mask_iou": UNFOUND, "identity": "the edit leaves no object alone"}
NOWHERE = "there are no such pixels"
UNTOUCHED, TRUTH = "untouched photo", "true edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of one variant of a method on one case, in numbers."""

    success: bool
    wanted: bool
    rest: bool
    psnr_changed: float
    ssim_changed: float
    psnr_outside: float
    mask_iou: float | None  # of two changes with a mask each: the mean
    samples: int  # of the network, alone
    evaluated: int  # of these in fact: less what a tracing took that another variant had made
    seconds: float  # alone
    identity: float | None  # of the objects that the edit does not touch; null where there is none


def reasons(figures: Figures) -> dict[str, str]:
    """Return why a measure has no finite number."""
    values = asdict(figures)
    missing = {name: WITHOUT[name] for name, value in values.items() if value is None}
    endless = {name: EQUAL for name, value in values.items() if value == math.inf}
    return missing | endless | {name: NOWHERE for name, value in values.items() if value != value}


@dataclass(frozen=True, slots=True)
class Shot:
    """The pictures of one trial, for the contact sheet, and its figures."""

    edit: Edit
    before: Picture
    true: Picture
    result: Picture
    mask: NDArray[np.float32]
    figures: Figures
    warnings: tuple[str, ...] = ()  # of the edit


@dataclass(frozen=True, slots=True)
class Judges:
    """The networks of the little world that judge an edit."""

    probe: Probe
    encoder: Likeness  # of the objects that the edit does not touch


def check(edits: Sequence[str]) -> None:
    """Refuse kinds of edit that words cannot ask for, and unknown ones."""
    for kind in edits:
        if kind in EDITS and kind not in KINDS:
            raise InkoverError(f"edit {kind!r} cannot be asked for in words: known: {', '.join(KINDS)}")
        if kind not in KINDS:
            raise InkoverError(f"no edit {kind!r}: {nearest(kind, KINDS)}")


@dataclass(frozen=True, slots=True)
class Scenes:
    """Which cases are drawn, and how."""

    edits: Sequence[str]
    cases: int  # of each kind of edit
    seed: int = 0  # of the scenes; with the case's number added that of the noise
    side: int = 128  # of the photos, in pixels
    things: int | None = None  # only scenes of so many objects
    unseen: bool = False  # only pairs of kind and colour never trained on

    def scene(self, kind: str, index: int) -> Scene:
        """Draw a case."""
        edit = case(kind, self.seed, index, self.things, self.unseen)
        return Scene(edit, *edit.truth(self.side))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A case with its pictures, (side, side, 3), and where they differ, (side, side)."""

    edit: Edit
    before: Picture
    true: Picture
    change: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One variant, or what stands beside the methods, on one case: not yet made."""

    method: str
    kind: str
    index: int
    shot: Callable[[], Shot]


def attempts(editor: Editor, judges: Judges, variants: Sequence[Variant], scenes: Scenes) -> Iterator[Attempt]:
    """Yield every trial before it is made: for each case the untouched photo, the true edit, then each variant."""
    for kind in scenes.edits:
        for index in range(scenes.cases):
            # rendered when it is asked for, and once; so is what is traced of it
            make, tracings, seed = cache(partial(scenes.scene, kind, index)), Tracings(), scenes.seed + index
            for name in (UNTOUCHED, TRUTH):
                yield Attempt(name, kind, index, partial(_beside, judges, name, make))
            for one in variants:
                yield Attempt(one.label, kind, index, partial(_shot, editor, judges, one, make, tracings, seed))


def _beside(judges: Judges, name: str, make: Callable[[], Scene]) -> Shot:
    """Return the trial of the untouched photo, or of the true edit."""
    scene = make()
    picture, blank = scene.before if name == UNTOUCHED else scene.true, np.zeros(scene.change.shape, np.float32)
    figures = _figures(judges, scene, picture, picture, None, Cost())
    return Shot(scene.edit, scene.before, scene.true, picture, blank, figures)


def _shot(
    editor: Editor, judges: Judges, variant: Variant, make: Callable[[], Scene], tracings: Tracings, seed: int
) -> Shot:
    scene = make()
    edit, before, true = scene.edit, scene.before, scene.true
    asked = said(edit, methods.get(variant.method)) | {"method": variant.method, "seed": seed, **variant.given}
    result, cost = edited(editor, tracings, Photo.from_array(before), **asked)
    picture, found = result.photo.pixels, overlap(result, edit, scene.change)
    figures = _figures(judges, scene, picture, raw(result, before), found, cost)
    return Shot(edit, before, true, picture, result.mask, figures, result.warnings)


def said(edit: Edit, method: Method) -> dict[str, Any]:
    """Return what is asked of a method: both captions, or of several changes each in words of its own.

    A method that turns things into others reads them in the photo's caption; another one is told what comes.
    """
    if not (edit.parts and method.several):
        return {"source": edit.source, "target": edit.target}
    told = [one.words.split(" -> ") for one in edit.parts]
    if method.compares:
        return {"source": edit.source, "edits": [Asked(after, source=before) for before, after in told]}
    return {"edits": [Asked(after) for _, after in told]}


def overlap(result: Result, edit: Edit, change: NDArray[np.bool_]) -> float | None:
    """Return how well the masks that were found fit the true change; of two changes, the mean of each."""
    if result.found is None:
        return None
    if not result.each:
        return iou(result.found > 0, change)
    truths = [one.truth(len(change))[2] for one in edit.parts]
    return float(np.mean([iou(one >= 1, truth) for one, truth in zip(result.each, truths, strict=True)]))


def raw(result: Result, before: Picture) -> Picture:
    """Return the photo with the decoded picture in its place, as if nothing had been laid over: what peers return."""
    if result.drawn is None:
        return before
    whole = before.copy()
    y0, x0, y1, x1 = result.drawn.canvas.box
    grown = result.drawn.canvas.grow_back(result.drawn.after)
    whole[y0:y1, x0:x1] = np.round(np.clip(grown, 0, 1) * 255).astype(np.uint8)
    return whole


def _figures(judges: Judges, scene: Scene, picture: Picture, raw: Picture, found: float | None, cost: Cost) -> Figures:
    edit, true, change = scene.edit, scene.true, scene.change
    verdict = judge(judges.probe, edit, scene.before, true, picture)
    return Figures(
        success=verdict.success,
        wanted=verdict.wanted,
        rest=verdict.rest,
        psnr_changed=psnr(picture, true, change),
        ssim_changed=ssim(picture, true, change),
        psnr_outside=psnr(raw, scene.before, ~change),
        mask_iou=found,
        samples=cost.samples,
        evaluated=cost.evaluated,
        seconds=cost.seconds,
        identity=identity(judges.encoder, edit, scene.before, picture),
    )
