"""Whether ``inkover advise`` finds what went wrong, and whether what it advises helps: edits made wrong on purpose.

``python benchmarks/advice.py [--cases N] [--seed S]`` draws held-out scenes of the little world, edits each as it
should be and then with one knob, mask or text made wrong, and keeps what came out as a case where the truth says so: a
good edit is one that the probe confirms, a wrong one counts only if what was made wrong spoilt it (see ``PRESENT``).
A quarter of the cases are good edits. Advice sees the two photos and the recipe, never the truth. It prints a
confusion table, the rate of false alarms, how often the diagnosis is right for faults that the limits were chosen on
and for those that they never saw, and how often the advised command mends the measure that it aims at.

``--raw FILE`` keeps every case with its measures, and its pictures beside it; a run that was ended goes on there, and
a finished one is read again: the table is made by the rules as they are now. ``--parts N`` shares cases and scenes out
among parts that need nothing of each other: N processes can make them, each with a ``--part`` of its own and the same
FILE. Without ``--part`` all are made or read, and the table is of all.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import inkover
from inkover import photo as photos
from inkover.app import cli
from inkover.masks.files import write_mask
from inkover.measure.advice import advised as advice
from inkover.measure.advice import cures, phrasing
from inkover.measure.advice.advised import Advice, Edited, Piece, Targets
from inkover.measure.advice.phrasing import Phrasing
from inkover.measure.advice.signs import Signs
from inkover.measure.figures import clip
from inkover.measure.figures.clip import Encoder
from inkover.measure.figures.judge import judge
from inkover.measure.figures.quality import psnr
from inkover.tabletop import folder, probe
from inkover.tabletop.captions import WORDS
from inkover.tabletop.edits import Edit, case

Picture = NDArray[np.uint8]
Region = NDArray[np.bool_]

GOOD = "good"
SIDE, STEPS = 128, 20
LONGEST = 38  # tokens that the embedded model reads
MOST = 4  # wrong edits of one scene


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
    held_out: bool = False


@dataclass(frozen=True)
class Wrong:
    """One thing made wrong."""

    name: str
    fault: str
    ways: tuple[str, ...]
    spoil: Callable[[Asked, Scene], Asked]
    held_out: bool = False
    instead: Callable[[Asked, Scene], Asked] | None = None  # what is made wrong, where that is not the way itself


def turned(mask: bool | None = None, **settings: Any) -> Callable[[Asked, Scene], Asked]:
    """Turn knobs; ``mask`` False takes the mask away."""

    def spoil(asked: Asked, scene: Scene) -> Asked:
        kept = None if mask is False else asked.mask
        return replace(asked, settings=dict(asked.settings) | settings, mask=kept)

    return spoil


def repainted(**settings: Any) -> Callable[[Asked, Scene], Asked]:
    """Make the whole photo by p2p, with some knobs turned."""

    def instead(asked: Asked, scene: Scene) -> Asked:
        return replace(asked, method="p2p", settings={"steps": STEPS, **settings}, mask=None)

    return instead


def grown(pixels: float) -> Callable[[Asked, Scene], Asked]:
    """Grow the mask, or shrink it."""
    return lambda asked, scene: replace(asked, grow=pixels)


def shrunk(asked: Asked, scene: Scene) -> Asked:
    """Hand over a mask of an eighth of the place."""
    inner: np.ndarray = scene.change.astype(np.uint8)
    area = scene.change.sum()
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
    Way("ddpm-inversion in a mask", "ddpm-inversion", masked=True),
    Way("ddpm-inversion", "ddpm-inversion"),
    Way("masactrl", "masactrl", held_out=True),
    Way("flowedit in a mask", "flowedit", masked=True, held_out=True),
    Way("flowedit", "flowedit", held_out=True),
)
MASKED = ("sdedit in a mask", "ddim in a mask")
ANY = ("diffedit", "p2p", *MASKED)
NOISE_SPACE = ("ddpm-inversion in a mask", "ddpm-inversion")
NEW = ("flowedit in a mask",)
WRONGS = (
    Wrong("strength 0.2", "weak", ("diffedit", *MASKED), turned(strength=0.2)),
    Wrong("guidance 1", "weak", ("diffedit", *MASKED), turned(guidance=1.0, rescale=0.0)),
    Wrong("mask too small", "weak", ("diffedit", *MASKED), shrunk),
    Wrong("mask shrunk", "weak", ("diffedit",), grown(-14.0)),
    Wrong("threshold 0.95", "weak", ("diffedit",), turned(threshold=0.95, clamp=1.0)),
    Wrong("guidance at the end alone", "weak", ("diffedit", "p2p", *MASKED), turned(guidance_from=0.85)),
    Wrong("strength 0.3", "weak", ("p2p", *NOISE_SPACE), turned(strength=0.3)),
    Wrong("3 steps, half made", "weak", ("diffedit", *MASKED), turned(steps=3)),
    Wrong("everything held", "weak", ("p2p",), turned(cross=1.0, layout=1.0, guidance=1.5), True),
    Wrong("guidance at the beginning alone", "weak", ("diffedit", "p2p", *MASKED), turned(guidance_to=0.1), True),
    Wrong("strength 0.2 of a flow", "weak", NEW, turned(strength=0.2), True),
    Wrong("strength 1 everywhere", "drift", MASKED, turned(mask=False, strength=1.0)),
    Wrong("guidance 12 everywhere", "drift", MASKED, turned(mask=False, guidance=12.0, strength=0.9)),
    Wrong("nothing held", "drift", ("p2p",), turned(cross=0.0, layout=0.0, blend="", align="auto")),
    Wrong("strength 1 in noise space", "drift", ("ddpm-inversion",), turned(strength=1.0)),
    Wrong("strength 1 of a flow", "drift", ("flowedit", *NEW), turned(mask=False, strength=1.0), True),
    Wrong("masactrl left to itself", "drift", ("masactrl",), turned(start=1.0), True),
    Wrong("mask too large", "bleeding", ("diffedit", *MASKED), sprawling),
    Wrong("threshold 0.01", "bleeding", ("diffedit",), turned(threshold=0.01)),
    Wrong("mask grown", "bleeding", ("diffedit", *MASKED), grown(30.0)),
    Wrong("blend threshold 0.03", "bleeding", ("p2p",), turned(blend_threshold=0.03), True),
    Wrong("clamp 0.5", "bleeding", ("diffedit",), turned(clamp=0.5, threshold=0.1), True),
    Wrong("mask of a flow too large", "bleeding", NEW, sprawling, True),
    Wrong("guidance 35", "artefacts", ("diffedit", "p2p", "sdedit in a mask"), turned(guidance=35.0, rescale=0.0)),
    Wrong("guidance 35 of ddim", "artefacts", ("ddim in a mask",), turned(guidance=35.0)),
    Wrong("guidance 50 in noise space", "artefacts", ("ddpm-inversion in a mask",), turned(guidance=50.0)),
    Wrong("3 steps", "artefacts", ("diffedit", *MASKED), turned(steps=3)),
    Wrong("guidance 50 of a flow", "artefacts", NEW, turned(guidance=50.0), True),
    Wrong("5 steps at guidance 15", "artefacts", ("p2p", *MASKED), turned(steps=5, guidance=15.0), True),
    Wrong("inversion ddim", "unfaithful", ANY, turned(inversion="ddim"), instead=repainted(blend="", guidance=7.5)),
    Wrong("4 steps of ddim", "unfaithful", ANY, turned(inversion="ddim", steps=4), instead=repainted(blend="")),
    Wrong("masactrl by ddim", "unfaithful", ("masactrl",), turned(inversion="ddim"), True),
    Wrong("null-text of 4 steps", "unfaithful", ANY, turned(inversion="null-text", steps=4, iterations=1), True,
          instead=repainted(blend="")),
    Wrong("make it nicer", "unclear", ANY, said("make it nicer")),
    Wrong("something better", "unclear", ANY, said("something better")),
    Wrong("improve the picture", "unclear", (*ANY, "ddpm-inversion"), said("please improve the picture a little")),
    Wrong("a beautiful photo", "unclear", ANY, said("a beautiful photo")),
    Wrong("do it again", "unclear", ANY, said("do it again in a cool way"), True),
    Wrong("the same but different", "unclear", (*ANY, *NEW), said("something different"), True),
    Wrong("rambling of light", "long", ANY, rambling("with snow , bricks , sand and sky , and a wall , a table , "
          "a night scene , a sunset , and marble and cloth of wood")),
    Wrong("rambling of things", "long", ANY, rambling("in the photo of a scene with a table and with the sky and of "
          "the night and the snow and sand")),
    Wrong("rambling of places", "long", (*ANY, *NEW), rambling("at night with the wall and the bricks and the grass "
          "and a sky of the sunset with the sand on the table of wood , and a scene of snow"), True),
    Wrong("an elephant", "undrawable", ANY, unknown("elephant")),
    Wrong("a tartan", "undrawable", ANY, unknown("tartan")),
    Wrong("a castle", "undrawable", (*ANY, "ddpm-inversion"), unknown("castle")),
    Wrong("a giraffe", "undrawable", (*ANY, *NEW), unknown("giraffe"), True),
    Wrong("a violin", "undrawable", ANY, unknown("violin"), True),
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


def _weak(right: Figures, wrong: Figures) -> bool:
    return right.success and not wrong.wanted and wrong.still > right.still + 3


PRESENT: dict[str, Judged] = {
    "weak": _weak,
    "drift": lambda right, wrong: wrong.outside < min(NEAR - 4, right.outside - 3),
    "bleeding": lambda right, wrong: wrong.outside < min(NEAR - 1, right.outside - 3),
    "artefacts": lambda right, wrong: right.success and wrong.inside < right.inside - 3 and not _weak(right, wrong),
    "unfaithful": lambda right, wrong: wrong.outside < min(NEAR - 1, right.outside - 3),
    "unclear": lambda right, wrong: not wrong.wanted,
    "long": lambda right, wrong: right.success and (not wrong.success or wrong.inside < right.inside - 1.5),
    "undrawable": lambda right, wrong: True,
}
"""When what was made wrong spoilt an edit. Weak: the edit as it should be succeeds, and of this one the probe does not
find what was wanted, and it left the place nearer to the photo, by 3 dB. Drifting, bleeding, or not coming back true:
what is outside the true change is lost, by 3 dB and more. Artefacts: 3 dB inside it are lost, and it is not weak. Of
texts: the probe does not find what was wanted, or 1.5 dB are lost inside. A thing that the model never saw it cannot
draw, whatever comes out."""


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
    right: Figures  # of the edit as it should be

    @property
    def stem(self) -> str:
        """Return the name of its files."""
        return f"{self.number}-{self.wrong or 'right'}".replace(" ", "-").replace(",", "")


@dataclass(frozen=True)
class Advised:
    """What advice saw in a case: all measures, so that the rules can be asked again."""

    stem: str
    signs: Signs
    phrasing: Phrasing


@dataclass(frozen=True)
class Mended:
    """What came of the command that was advised."""

    stem: str
    command: tuple[str, ...]
    aim: str
    before: float | None
    after: float | None
    figures: Figures


@dataclass
class Raw:
    """What is known of a run, and the file that it is kept in."""

    file: Path
    made: dict[tuple[int, str], Made]
    advised: dict[str, Advised]
    mended: dict[tuple[str, tuple[str, ...]], Mended]

    @classmethod
    def read(cls, file: Path) -> Raw:
        """Read what an earlier run kept."""
        raw = cls(file, {}, {}, {})
        for line in file.read_text().splitlines() if file.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):  # a line that broke off is done again
                for kind, value in json.loads(line).items():
                    raw.add(READERS[kind](value))
        return raw

    def add(self, one: Made | Advised | Mended) -> None:
        """Remember one thing."""
        if isinstance(one, Made):
            self.made[one.number, one.wrong] = one
        elif isinstance(one, Advised):
            self.advised[one.stem] = one
        else:
            self.mended[one.stem, one.command] = one

    def keep(self, one: Made | Advised | Mended) -> None:
        """Remember one thing, also on disk."""
        self.add(one)
        with self.file.open("a") as file:
            file.write("\n" + json.dumps({type(one).__name__.lower(): asdict(one)}))  # at once: others write here too


def _made(value: dict[str, Any]) -> Made:
    return Made(**value | {"figures": Figures(**value["figures"]), "right": Figures(**value["right"])})


def _advised(value: dict[str, Any]) -> Advised:
    said = value["phrasing"]
    lists = {name: tuple(said[name]) for name in ("unknown", "vague")}
    return Advised(value["stem"], Signs(**value["signs"]), Phrasing(**said | lists))


def _mended(value: dict[str, Any]) -> Mended:
    return Mended(**value | {"command": tuple(value["command"]), "figures": Figures(**value["figures"])})


READERS: dict[str, Callable[[dict[str, Any]], Made | Advised | Mended]] = {
    "made": _made, "advised": _advised, "mended": _mended,
}  # fmt: skip


def asked(way: Way, scene: Scene) -> Asked:
    """Return an edit as it should be asked for: where there is a mask, it is the true one with a margin."""
    near = cv2.dilate(scene.change.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return Asked(way.method, scene.edit.source, scene.edit.target, {"steps": STEPS}, near if way.masked else None)


def made(editor: inkover.Editor, asked: Asked, scene: Scene, files: Path) -> Picture:
    """Make an edit from files and into files, as somebody on the command line would."""
    photo, mask, edited = (files.with_name(f"{files.name}.{end}.png") for end in ("photo", "mask", "edited"))
    cv2.imwrite(str(photo), scene.before[..., ::-1])
    if asked.mask is not None:
        write_mask(asked.mask.astype(np.float32), mask)
    result = editor.edit(
        photo, source=asked.source, target=asked.target, method=asked.method, seed=scene.seed,
        mask=None if asked.mask is None else mask, grow=asked.grow, **asked.settings,
    )  # fmt: skip
    result.save(edited).save(files.with_name(f"{files.name}.json"))
    return result.photo.pixels


@dataclass
class Maker:
    """Makes edits, right ones and wrong ones, until there are as many cases of each kind as wanted."""

    editor: inkover.Editor
    judging: probe.Probe
    raw: Raw
    pictures: Path
    quota: dict[str, int]
    have: Counter[str]
    used: Counter[str]

    def scene(self, number: int, here: Scene) -> Iterator[Made]:
        """Yield the cases of one scene."""
        way = WAYS[number % len(WAYS)]
        plain = asked(way, here)
        right = self.figures(number, way, "", plain, here, way.held_out, None)
        yield from self._case(right, self._right(right.figures))
        for wrong in self._next(way, right.figures):
            held, base, what = wrong.held_out or way.held_out, right.figures, plain
            if wrong.instead is not None:
                what = wrong.instead(plain, here)
                base = self.figures(number, way, f"{wrong.name}, right", what, here, held, None).figures
            one = self.figures(number, way, wrong.name, wrong.spoil(what, here), here, held, base)
            present = PRESENT[wrong.fault](base, one.figures)
            self.used[wrong.name] += 3 if present else 1
            yield from self._case(one, wrong.fault if present else "")

    def figures(
        self, number: int, way: Way, wrong: str, what: Asked, here: Scene, held: bool, right: Figures | None
    ) -> Made:
        """Make one edit, unless it is known, and judge it."""
        if (number, wrong) not in self.raw.made:
            none = Figures(False, False, 0, 0, 0, 0)
            one = Made(number, way.name, wrong, "", held, none, none)
            found = figures(self.judging, here, made(self.editor, what, here, self.pictures / one.stem))
            self.raw.keep(replace(one, figures=found, right=right or found))
            print(".", end="", file=sys.stderr, flush=True)
        return self.raw.made[number, wrong]

    def _case(self, one: Made, fault: str) -> Iterator[Made]:
        if fault and self.have[fault] < self.quota[fault]:
            self.have[fault] += 1
            yield replace(one, fault=fault)

    def _right(self, found: Figures) -> str:
        """Tell what an edit is that was made as it should be: good, too hard for the model, or no case."""
        if good(found):
            return GOOD
        if found.wanted or found.outside < NEAR or self.used[HARD] >= self.quota["undrawable"] // HARD_PART:
            return ""
        self.used[HARD] += 1
        return "undrawable"

    def _next(self, way: Way, right: Figures) -> list[Wrong]:
        """Return what is tried on a scene: wrongs of different faults, those first that lack most."""
        able = [
            wrong for wrong in WRONGS
            if way.name in wrong.ways and self.have[wrong.fault] < self.quota[wrong.fault]
            and (right.success or wrong.fault not in NEEDS_SUCCESS)
        ]  # fmt: skip
        able.sort(key=lambda wrong: (self.have[wrong.fault] / self.quota[wrong.fault], self.used[wrong.name]))
        chosen = {wrong.fault: wrong for wrong in reversed(able)}
        return [wrong for wrong in able if chosen[wrong.fault] is wrong][:MOST]


HARD, HARD_PART = "as it should be, but too hard", 3
NEEDS_SUCCESS = ("weak", "artefacts", "long")


def quotas(count: int) -> dict[str, int]:
    """Share cases out: a quarter good ones, the others evenly among the faults."""
    rest = count - count // 4
    return {GOOD: count // 4} | {
        fault: rest // len(PRESENT) + (k < rest % len(PRESENT)) for k, fault in enumerate(PRESENT)
    }


def part_of(quota: Mapping[str, int], part: int, parts: int) -> dict[str, int]:
    """Return a part's own share of the cases."""
    return {fault: wanted // parts + (part < wanted % parts) for fault, wanted in quota.items()}


def cases(maker: Maker, count: int, seed: int, part: int, parts: int) -> Iterator[Made]:
    """Yield the cases of a part, in the order of their scenes; in each of its blocks are all ways and edits."""
    for number in range(8 * count):
        if all(maker.have[fault] >= wanted for fault, wanted in maker.quota.items()):
            return
        if number // (2 * len(WAYS)) % parts == part:
            yield from maker.scene(number, scene(seed, number))


def looked(editor: inkover.Editor, encoder: Encoder, one: Made, pictures: Path) -> Advised:
    """Let advice see a case: the two photos and the recipe, no more."""
    said = seen(editor, encoder, pictures / f"{one.stem}.photo.png", pictures / f"{one.stem}.edited.png",
                pictures / f"{one.stem}.json")  # fmt: skip
    return Advised(one.stem, said.signs, said.phrasing)


def seen(editor: inkover.Editor, encoder: Encoder, photo: Path, edited: Path, record: Path) -> Advice:
    """Return the advice on files."""
    recipe, before, after = inkover.Recipe.read(record), photos.read(photo), photos.read(edited)
    edit = Edited(recipe, before, after)
    return advice.advise(editor, edit, repeat(Targets(photo, edited, record)), encoder)


def told(editor: inkover.Editor, one: Made, known: Advised, pictures: Path) -> tuple[Piece, ...]:
    """Return the advice by the rules as they are now, from the measures that were kept."""

    def count(text: str) -> int:
        return phrasing.read(editor.model.text(text).tokens).tokens

    files = pictures / one.stem
    photo, output, record = (files.with_name(f"{one.stem}.{end}") for end in ("photo.png", "mended.png", "mended.json"))
    targets = repeat(Targets(photo, output, record))
    recipe = inkover.Recipe.read(files.with_name(f"{one.stem}.json"))
    return tuple(advice.pieces(cures.Case(recipe, known.signs, known.phrasing, SIDE, None, count, WORDS), targets))


def mended(
    editor: inkover.Editor, encoder: Encoder, judging: probe.Probe, one: Made, known: Advised, piece: Piece, here: Scene
) -> Mended:
    """Run the command that was advised as it stands, and measure again."""
    assert piece.command is not None
    command = piece.command
    output, record = (Path(command[command.index(option) + 1]) for option in ("-o", "--record"))
    code = cli.run([*command[1:], "--force", "--quiet", "--no-cache", "--json"])
    if code:
        raise RuntimeError(f"{advice.typed(command)}: exit code {code}")
    again = seen(editor, encoder, Path(command[2]), output, record)
    aim = piece.found.aim[0]
    before = advice.measures(known.signs, known.phrasing)[aim]
    return Mended(one.stem, command, aim, before, again.measures[aim],
                  figures(judging, here, photos.read(output).pixels))  # fmt: skip


OUTSIDE = ("drift", "bleeding", "unfaithful")


def helped(piece: Piece, one: Mended) -> bool:
    """Tell whether the measure that was aimed at went where it was to go."""
    if one.before is None or one.after is None:
        return False
    return one.after > one.before if piece.found.aim[1] == "above" else one.after < one.before


def nearer(case: Made, one: Mended) -> bool:
    """Tell whether the truth says so too: nearer to the true edit inside, or to the photo outside."""
    if case.fault in OUTSIDE:
        return one.figures.outside > case.figures.outside
    return one.figures.inside > case.figures.inside


@dataclass(frozen=True)
class Row:
    """A case with what was found."""

    case: Made
    found: str  # the first fault, or GOOD
    listed: tuple[str, ...]
    edits: bool  # an edit was advised
    helped: bool | None
    nearer: bool | None


def share(rows: Sequence[Row], right: Callable[[Row], bool | None]) -> str:
    """Return how many rows are right, in percent and of how many."""
    return f"{np.mean([bool(right(row)) for row in rows]):.0%} of {len(rows)}" if rows else "-"


def shown(rows: list[Row]) -> str:
    """Return the tables, as Markdown."""
    kinds = (GOOD, *PRESENT)
    lines = ["| is \\ found | " + " | ".join(kinds) + " | right |", "|---" * (len(kinds) + 2) + "|"]
    for kind in kinds:
        mine = [row for row in rows if row.case.fault == kind]
        counts = Counter(row.found for row in mine)
        lines.append(
            f"| {kind} | " + " | ".join(str(counts[one] or "") for one in kinds) + f" | {share(mine, _right)} |"
        )
    wrong = [row for row in rows if row.case.fault != GOOD]
    fine = [row for row in rows if row.case.fault == GOOD]
    kept, unseen = ([row for row in wrong if row.case.held_out is held] for held in (False, True))
    mended = [row for row in wrong if row.edits]
    lines += [
        "",
        f"right diagnosis: {share(rows, _right)}; of faulty edits {share(wrong, _right)}, of knobs and methods "
        f"that the limits were chosen on {share(kept, _right)}, of others {share(unseen, _right)}",
        f"the fault is among those told: {share(wrong, lambda row: row.case.fault in row.listed)} faulty edits",
        f"false alarms: {share(fine, lambda row: row.found != GOOD)} good edits",
        f"an edit is advised: {share(wrong, lambda row: row.edits)} faulty edits",
        f"it improves the measure that it aims at: {share(mended, lambda row: row.helped)}; it is nearer to the truth: "
        f"{share(mended, lambda row: row.nearer)}",
        "",
        "| fault | an edit is advised | it improves its measure | nearer to the truth |",
        "|---|---|---|---|",
    ]
    for kind in PRESENT:
        mine = [row for row in wrong if row.case.fault == kind]
        edits = [row for row in mine if row.edits]
        lines.append(f"| {kind} | {share(mine, lambda row: row.edits)} | {share(edits, lambda row: row.helped)} | "
                     f"{share(edits, lambda row: row.nearer)} |")  # fmt: skip
    names = dict.fromkeys(wrong.name for wrong in WRONGS) | {"": None}
    lines += ["", "| made wrong | fault | limits never saw it | right |", "|---|---|---|---|"]
    for name in names:
        mine = [row for row in wrong if row.case.wrong == name]
        if mine:
            held = "yes" if all(row.case.held_out for row in mine) else "in part" if any(
                row.case.held_out for row in mine) else ""  # fmt: skip
            lines.append(f"| {name or HARD} | {mine[0].case.fault} | {held} | {share(mine, _right)} |")
    return "\n".join(lines)


def _right(row: Row) -> bool:
    return row.found == row.case.fault


def rows(given: argparse.Namespace, raw: Raw, pictures: Path) -> Iterator[Row]:
    """Make the cases, ask for advice on each, and do what it says."""
    editor = inkover.Editor.load("tabletop", remember=False, dtype="bfloat16")
    judging, encoder = probe.load(folder()), clip.load("tabletop")

    def part(number: int) -> Iterator[Made]:
        quota = part_of(quotas(given.cases), number, given.parts)
        maker = Maker(editor, judging, raw, pictures, quota, Counter(), Counter())
        return cases(maker, given.cases, given.seed, number, given.parts)

    for one in chain.from_iterable(map(part, range(given.parts) if given.part is None else [given.part])):
        if one.stem not in raw.advised:
            raw.keep(looked(editor, encoder, one, pictures))
            print("a", end="", file=sys.stderr, flush=True)
        known = raw.advised[one.stem]
        pieces = told(editor, one, known, pictures)
        listed = tuple(piece.found.rule.fault for piece in pieces)
        piece = next((piece for piece in pieces[:1] if piece.command and piece.command[1] == "edit"), None)
        better = None
        if piece is not None and piece.command and one.fault != GOOD and not given.no_mending:
            known_mended = raw.mended.get((one.stem, piece.command))
            if known_mended is None or known_mended.aim != piece.found.aim[0]:
                here = scene(given.seed, one.number)
                raw.keep(mended(editor, encoder, judging, one, known, piece, here))
                print("m", end="", file=sys.stderr, flush=True)
            better = raw.mended[one.stem, piece.command]
        yield Row(
            one, listed[0] if listed else GOOD, listed, piece is not None,
            None if better is None or piece is None else helped(piece, better),
            None if better is None else nearer(one, better),
        )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--raw", type=Path, help="keep what was made, and go on there")
    parser.add_argument("--parts", type=int, default=1, help="into how many parts the cases are shared out")
    parser.add_argument("--part", type=int, help="from 0: make this one alone")
    parser.add_argument("--no-mending", action="store_true", help="leave the advised commands alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wrong", action="store_true", help="list every case that was told wrongly")
    given = parser.parse_args()
    if given.parts < 1 or given.part not in (None, *range(given.parts)):
        parser.error(f"part {given.part} of {given.parts}: give --parts from 1, and --part from 0 to one less")
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as away:
        raw = Raw.read(given.raw or Path(away) / "raw.jsonl")
        pictures = raw.file.with_name(raw.file.name + ".pictures")
        pictures.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):  # what the advised commands print
            found = list(rows(given, raw, pictures))
    print(file=sys.stderr)
    for row in found if given.wrong else ():
        if not _right(row):
            print(row.case.stem, row.case.way, row.case.fault, "->", row.listed, file=sys.stderr)
    print(shown(found))


if __name__ == "__main__":
    main()
