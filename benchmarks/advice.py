"""Whether ``inkover advise`` finds what went wrong, and whether what it advises helps: edits made wrong on purpose.

``python benchmarks/advice.py [--cases N] [--seed S]`` draws held-out scenes of the little world, edits each as it
should be and then with one knob, mask or text made wrong, and keeps what came out as a case where the truth says so: a
good edit is one that the probe confirms, a wrong one counts only if what was made wrong spoilt it (see ``PRESENT``).
A quarter of the cases are good edits. Advice sees the two photos and the recipe, never the truth. It prints a
confusion table, the rate of false alarms, how often the diagnosis is right for faults that the limits were chosen on
and for those that they never saw, and how often the advised command mends the measure that it aims at.

``--raw FILE`` keeps every case with its measures, and its pictures beside it; a run that was ended goes on there, and
a finished one is read again: the table is made by the rules as they are now.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import inkover
from inkover import photo as photos
from inkover.masks.files import write_mask
from inkover.measure.judge import judge
from inkover.measure.quality import psnr
from inkover.photo import Photo
from inkover.tabletop import folder, probe
from inkover.tabletop.edits import Edit, case

Picture = NDArray[np.uint8]
Region = NDArray[np.bool_]

GOOD = "good"
SIDE, STEPS = 128, 20
LONGEST = 38  # tokens that the embedded model reads
TRIES = 12  # scenes that a wrong knob is tried on in vain before it is given up


@dataclass(frozen=True)
class Scene:
    """A photo, its true edit and where they differ."""

    edit: Edit
    before: Picture
    true: Picture
    change: Region
    seed: int


@dataclass(frozen=True)
class Asked:
    """How an edit is asked for."""

    method: str
    source: str
    target: str
    settings: Mapping[str, Any]
    mask: Region | None = None
    grow: float = 0.0


@dataclass(frozen=True)
class Way:
    """An edit as it should be."""

    name: str
    method: str
    masked: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool = False


@dataclass(frozen=True)
class Wrong:
    """One thing made wrong."""

    name: str
    fault: str
    ways: tuple[str, ...]
    spoil: Callable[[Asked, Scene], Asked]
    held_out: bool = False
    better: Mapping[str, Any] = field(default_factory=dict)  # what the way has in its place, where that is not its own


def turned(mask: bool | None = None, **settings: Any) -> Callable[[Asked, Scene], Asked]:
    """Turn knobs; ``mask`` False takes the mask away."""

    def spoil(asked: Asked, scene: Scene) -> Asked:
        kept = None if mask is False else asked.mask
        return replace(asked, settings=dict(asked.settings) | settings, mask=kept)

    return spoil


def grown(pixels: float) -> Callable[[Asked, Scene], Asked]:
    """Grow the mask, or shrink it."""
    return lambda asked, scene: replace(asked, grow=pixels)


def shrunk(asked: Asked, scene: Scene) -> Asked:
    """Hand over a mask of an eighth of the place."""
    inner, area = scene.change.astype(np.uint8), scene.change.sum()
    while inner.sum() > area / 8:
        inner = cv2.erode(inner, np.ones((3, 3), np.uint8))
    if not inner.any():
        rows, columns = np.nonzero(scene.change)
        inner[rows[len(rows) // 2], columns[len(columns) // 2]] = 1
        inner = cv2.dilate(inner, np.ones((3, 3), np.uint8))
    return replace(asked, mask=inner > 0)


def sprawling(asked: Asked, scene: Scene) -> Asked:
    """Hand over a box around the place that takes half of the photo and more."""
    rows, columns = np.nonzero(scene.change)
    y, x, half = int(rows.mean()), int(columns.mean()), int(0.4 * SIDE)
    mask = np.zeros_like(scene.change)
    mask[max(0, y - half) : y + half, max(0, x - half) : x + half] = True
    return replace(asked, mask=mask | scene.change)


def said(text: str) -> Callable[[Asked, Scene], Asked]:
    """Ask for it in other words."""
    return lambda asked, scene: replace(asked, target=text)


def rambling(more: str) -> Callable[[Asked, Scene], Asked]:
    """Say more and more beside what is to be shown, up to what the model still reads."""

    def spoil(asked: Asked, scene: Scene) -> Asked:
        words = f"{asked.target} {more}".replace(",", " ,").split()  # here every word is one token
        return replace(asked, target=" ".join(words[:LONGEST]))

    return spoil


def unknown(word: str) -> Callable[[Asked, Scene], Asked]:
    """Ask for a thing that the model has never seen, in the place of the one it would draw."""

    def spoil(asked: Asked, scene: Scene) -> Asked:
        return replace(asked, target=asked.target.replace(scene.edit.wanted, word, 1))

    return spoil


WAYS = (
    Way("diffedit", "diffedit"),
    Way("p2p", "p2p"),
    Way("sdedit in a mask", "sdedit", masked=True),
    Way("ddim in a mask", "ddim", masked=True),
    Way("ddpm-inversion in a mask", "ddpm-inversion", masked=True, held_out=True),
    Way("ddpm-inversion", "ddpm-inversion", held_out=True),
    Way("masactrl", "masactrl", held_out=True),
)
MASKED = ("sdedit in a mask", "ddim in a mask")
ANY = ("diffedit", "p2p", *MASKED)
WRONGS = (
    Wrong("strength 0.2", "weak", ("diffedit", *MASKED), turned(strength=0.2)),
    Wrong("guidance 1", "weak", ("diffedit", *MASKED), turned(guidance=1.0, rescale=0.0)),
    Wrong("mask too small", "weak", ("diffedit", *MASKED), shrunk),
    Wrong("threshold 0.95", "weak", ("diffedit",), turned(threshold=0.95, clamp=1.0)),
    Wrong("guidance at the end alone", "weak", ("diffedit", "p2p", *MASKED), turned(guidance_from=0.85), True),
    Wrong("everything held", "weak", ("p2p",), turned(cross=1.0, layout=1.0, guidance=1.5), True),
    Wrong("strength 0.3", "weak", ("p2p", "ddpm-inversion in a mask", "ddpm-inversion"), turned(strength=0.3), True),
    Wrong("mask shrunk", "weak", ("diffedit",), grown(-14.0), True),
    Wrong("strength 1 everywhere", "drift", MASKED, turned(mask=False, strength=1.0)),
    Wrong("guidance 12 everywhere", "drift", MASKED, turned(mask=False, guidance=12.0, strength=0.9)),
    Wrong("nothing held", "drift", ("p2p",), turned(cross=0.0, layout=0.0, blend="", align="auto"), True),
    Wrong("strength 1 in noise space", "drift", ("ddpm-inversion",), turned(strength=1.0), True),
    Wrong("mask too large", "bleeding", ("diffedit", *MASKED), sprawling),
    Wrong("threshold 0.01", "bleeding", ("diffedit",), turned(threshold=0.01)),
    Wrong("mask grown", "bleeding", ("diffedit", *MASKED), grown(30.0), True),
    Wrong("blend threshold 0.03", "bleeding", ("p2p",), turned(blend_threshold=0.03), True),
    Wrong("guidance 35", "artefacts", ("diffedit", "p2p", "sdedit in a mask"), turned(guidance=35.0, rescale=0.0)),
    Wrong("3 steps", "artefacts", ("diffedit", *MASKED), turned(steps=3)),
    Wrong("guidance 50, noise space", "artefacts", ("ddpm-inversion in a mask",), turned(guidance=50.0), True),
    Wrong("guidance 35 of ddim", "artefacts", ("ddim in a mask",), turned(guidance=35.0), True),
    Wrong("inversion ddim", "unfaithful", ("p2p",), turned(inversion="ddim", blend="", guidance=7.5), False,
          {"blend": "", "guidance": 7.5}),
    Wrong("4 steps of ddim", "unfaithful", ("p2p",), turned(inversion="ddim", blend="", steps=4), False, {"blend": ""}),
    Wrong("masactrl by ddim", "unfaithful", ("masactrl",), turned(inversion="ddim"), True),
    Wrong("make it nicer", "unclear", ANY, said("make it nicer")),
    Wrong("something better", "unclear", ANY, said("something better")),
    Wrong("improve the picture", "unclear", (*ANY, "ddpm-inversion"), said("please improve the picture a little"), True),
    Wrong("a beautiful photo", "unclear", ANY, said("a beautiful photo"), True),
    Wrong("rambling of light", "long", ANY, rambling("with snow , bricks , sand and sky , and a wall , a table , a "
          "night scene , a sunset , and marble and cloth of wood")),
    Wrong("rambling of things", "long", ANY, rambling("in the photo of a scene with a table and with the sky and of the "
          "night and the snow and sand"), True),
    Wrong("an elephant", "undrawable", ANY, unknown("elephant")),
    Wrong("a tartan", "undrawable", ANY, unknown("tartan")),
    Wrong("a castle", "undrawable", (*ANY, "ddpm-inversion"), unknown("castle"), True),
    Wrong("a helicopter", "undrawable", ANY, unknown("helicopter"), True),
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """What the truth says of a result."""

    wanted: bool  # the probe finds what was asked for
    success: bool  # and all else as it was, and the result nearer to the true edited photo than the photo is
    inside: float  # PSNR to the true edited photo inside the true change, dB
    untouched: float  # the photo's own
    still: float  # PSNR to the photo inside the true change, dB
    outside: float  # PSNR to the photo outside the true change and what is near it, dB


def figures(judging: probe.Probe, scene: Scene, result: Picture) -> Figures:
    """Judge a result by the truth."""
    verdict = judge(judging, scene.edit, scene.before, scene.true, result)
    far = cv2.dilate(scene.change.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    return Figures(
        verdict.wanted,
        verdict.success,
        psnr(result, scene.true, scene.change),
        psnr(scene.before, scene.true, scene.change),
        psnr(result, scene.before, scene.change),
        min(psnr(result, scene.before, far), 99.0),
    )


NEAR = 27.0
"""dB: what is outside is as it was. A good edit keeps to it, one that drifts or bleeds does not."""

Judged = Callable[[Figures, Figures], bool]  # of the edit as it should be, of the one that was made wrong

PRESENT: dict[str, Judged] = {
    "weak": lambda right, wrong: right.success and not wrong.wanted and wrong.still > wrong.inside,
    "drift": lambda right, wrong: wrong.outside < min(NEAR - 4, right.outside - 3),
    "bleeding": lambda right, wrong: wrong.outside < min(NEAR - 1, right.outside - 3),
    "artefacts": lambda right, wrong: right.success and wrong.inside < right.inside - 2,
    "unfaithful": lambda right, wrong: wrong.outside < min(NEAR - 1, right.outside - 3),
    "unclear": lambda right, wrong: not wrong.wanted,
    "long": lambda right, wrong: right.success and (not wrong.success or wrong.inside < right.inside - 1.5),
    "undrawable": lambda right, wrong: True,
}
"""When what was made wrong spoilt an edit: a weak one looks more like the photo than like the true edit, where the edit
as it should be succeeded; one that drifts, bleeds or does not come back true has lost what is outside the true change,
by at least 3 dB; artefacts cost 2 dB inside it; of texts, the probe does not find what was wanted."""


def good(right: Figures) -> bool:
    """Tell whether an edit is one that nobody would mend."""
    return right.success and right.outside > NEAR and right.inside > right.untouched + 1


def scene(seed: int, index: int) -> Scene:
    """Return a held-out scene: a colour or a kind is to be another."""
    edit = case(("recolour", "replace")[index % 2], 5000 + seed, index)
    return Scene(edit, *edit.truth(SIDE), seed=index)


@dataclass(frozen=True)
class Made:
    """An edit that was made, right or wrong, and what the truth says of it."""

    number: int  # of the scene
    way: str
    wrong: str  # "" for the edit as it should be
    fault: str  # what is to be found: GOOD, a fault, or "" where it is no case
    held_out: bool
    figures: Figures
    right: Figures

    @property
    def stem(self) -> str:
        """Return the name of its files."""
        return f"{self.number}-{self.wrong or 'right'}".replace(" ", "-").replace(",", "")


def asked(way: Way, scene: Scene) -> Asked:
    """Return an edit as it should be asked for: where there is a mask, it is the true one with a margin."""
    near = cv2.dilate(scene.change.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    settings = {"steps": STEPS, **way.settings}
    return Asked(way.method, scene.edit.source, scene.edit.target, settings, near if way.masked else None)


def made(editor: inkover.Editor, asked: Asked, scene: Scene, stem: Path) -> Picture:
    """Make an edit from files and into files, as somebody on the command line would."""
    photo, mask, edited = (stem.with_name(f"{stem.name}.{end}.png") for end in ("photo", "mask", "edited"))
    Photo.from_array(scene.before)
    cv2.imwrite(str(photo), scene.before[..., ::-1])
    if asked.mask is not None:
        write_mask(asked.mask.astype(np.float32), mask)
    result = editor.edit(
        photo, source=asked.source, target=asked.target, method=asked.method, seed=scene.seed,
        mask=None if asked.mask is None else mask, grow=asked.grow, **asked.settings,
    )  # fmt: skip
    result.save(edited).save(stem.with_name(f"{stem.name}.json"))
    return result.photo.pixels


def attempts(
    editor: inkover.Editor, judging: probe.Probe, count: int, seed: int, known: list[Made], pictures: Path
) -> Iterator[Made]:
    """Yield edits, right ones and wrong ones, until there are as many cases as wanted: known ones first."""
    quota = {GOOD: count // 4} | {fault: share for fault, share in _shares(count - count // 4)}
    have, used = dict.fromkeys(quota, 0), {wrong.name: 0 for wrong in WRONGS}
    earlier = {(one.number, one.wrong): one for one in known}
    number = 0
    while any(have[fault] < quota[fault] for fault in quota) and number < 4 * count:
        way, here = WAYS[number % len(WAYS)], scene(seed, number)
        plain = asked(way, here)

        def attempt(name: str, what: Asked, judged: Callable[[Figures], str], held: bool, right: Figures | None) -> Made:
            if (number, name) in earlier:
                old = earlier[number, name]
                return replace(old, right=right or old.figures, fault=judged(old.figures))
            one = Made(number, way.name, name, "", held, *(2 * (Figures(False, False, 0, 0, 0, 0),)))
            found = figures(judging, here, made(editor, what, here, pictures / one.stem))
            return replace(one, figures=found, right=right or found, fault=judged(found))

        right = attempt("", plain, lambda found: GOOD if good(found) and have[GOOD] < quota[GOOD] else "", way.held_out, None)
        have[GOOD] += right.fault == GOOD
        yield right
        for wrong in _next(way, right.right, have, quota, used):
            used[wrong.name] += 1
            base = right.right
            if wrong.better:
                better = replace(plain, settings=dict(plain.settings) | wrong.better)
                one = attempt(f"{wrong.name}, right", better, lambda found: "", wrong.held_out, None)
                yield one
                base = one.right
            what = wrong.spoil(plain, here)
            one = attempt(wrong.name, what, lambda found: wrong.fault if PRESENT[wrong.fault](base, found) else "", wrong.held_out or way.held_out, base)  # noqa: B023
            have[wrong.fault] += one.fault == wrong.fault
            used[wrong.name] += 2 * (one.fault == wrong.fault)
            yield one
        number += 1


def _shares(count: int) -> Iterator[tuple[str, int]]:
    """Share cases out among the faults, evenly."""
    for k, fault in enumerate(PRESENT):
        yield fault, count // len(PRESENT) + (k < count % len(PRESENT))


NEEDS_SUCCESS = ("weak", "artefacts", "long")


def _next(way: Way, right: Figures, have: dict[str, int], quota: dict[str, int], used: dict[str, int]) -> list[Wrong]:
    """Return what is tried on a scene: at most four wrongs of different faults, those first that lack most."""
    able = [w for w in WRONGS if way.name in w.ways and have[w.fault] < quota[w.fault]
            and (right.success or w.fault not in NEEDS_SUCCESS)]  # fmt: skip
    able.sort(key=lambda w: (have[w.fault] / quota[w.fault], used[w.name]))
    chosen = list[Wrong]()
    for wrong in able:
        if wrong.fault not in [one.fault for one in chosen]:
            chosen.append(wrong)
    return chosen[:4]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--raw", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pictures = given.raw.with_name(given.raw.name + ".pictures")
    pictures.mkdir(exist_ok=True)
    known = []
    if given.raw.exists():
        for line in given.raw.read_text().splitlines():
            v = json.loads(line)["made"]
            known.append(Made(**(v | {"figures": Figures(**v["figures"]), "right": Figures(**v["right"])})))
    editor = inkover.Editor.load("tabletop", remember=False, dtype="bfloat16")
    n = len(known)
    for k, one in enumerate(attempts(editor, probe.load(folder()), given.cases, given.seed, known, pictures)):
        if k >= n:
            with given.raw.open("a") as f:
                f.write(json.dumps({"made": asdict(one)}) + "\n")
            print(one.stem, one.way, one.fault, {k: (round(v, 1) if isinstance(v, float) else v) for k, v in asdict(one.figures).items()}, file=sys.stderr, flush=True)
