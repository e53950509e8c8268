"""Two changes of one photo: at once, one after the other, and by every rule, policy and mask that there is.

``python benchmarks/several.py [--study ways] [--kind two] [--cases N]`` recolours one object and puts another kind in
the place of a second, on held-out scenes of the little world, and prints a table: how often the probe finds each
change, both, and both with all else as it was (success); how well each change's mask fits its own true change; how
often a change landed on the other's object (astray); and what the network was asked. ``--kind touching`` takes scenes
in which the two objects meet. ``--skip`` leaves out the first cases, and ``--raw FILE`` adds every trial to a file, so
that two processes can share the work; ``--join FILE FILE`` prints the table of both.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

import inkover
from inkover import methods
from inkover.app.result import Result
from inkover.measure.figures.judge import Picture, astray, judge
from inkover.measure.figures.quality import psnr
from inkover.measure.runs.scenes import overlap, raw, said
from inkover.photo import Photo
from inkover.tabletop import folder, probe
from inkover.tabletop.edits import Edit, case

Way = Callable[[inkover.Editor, Edit, Picture, int], tuple[Result, Picture, int]]
"""An editor, an edit, the photo, a seed -> the last result, what was drawn before anything was laid over, samples."""


@dataclass(frozen=True)
class Trial:
    """One way on one case."""

    way: str
    first: bool
    second: bool
    success: bool
    iou: float | None
    astray: int  # of the two changes, how many landed on the other's object
    inside: float
    outside: float
    samples: int
    seconds: float


def at_once(method: str, **settings: Any) -> Way:
    """Make both changes with one call."""

    def run(editor: inkover.Editor, edit: Edit, before: Picture, seed: int) -> tuple[Result, Picture, int]:
        asked = said(edit, methods.get(method))
        result = editor.edit(Photo.from_array(before), method=method, seed=seed, **asked, **settings)
        return result, raw(result, before), sum(result.samples.values())

    return run


Told = Callable[[Edit], dict[str, Any]]
"""An edit of two changes -> how a method is told of them."""


def told_as(method: str, told: Told, **settings: Any) -> Way:
    """Make both changes with one call, told in other words than usual."""

    def run(editor: inkover.Editor, edit: Edit, before: Picture, seed: int) -> tuple[Result, Picture, int]:
        result = editor.edit(Photo.from_array(before), method=method, seed=seed, **told(edit), **settings)
        return result, raw(result, before), sum(result.samples.values())

    return run


def words_alone(edit: Edit) -> dict[str, Any]:
    """Tell each change by its own words, without the photo's caption."""
    told = (one.words.split(" -> ") for one in edit.parts)
    return {"edits": [inkover.Edit(after, source=before) for before, after in told]}


def coming_and_going(edit: Edit) -> dict[str, Any]:
    """Tell of each change what goes and what comes."""
    told = (one.words.split(" -> ") for one in edit.parts)
    return {
        "edits": [
            inkover.Edit(text, away=away) for both in told for text, away in zip(both, (True, False), strict=True)
        ]
    }


def in_turn(method: str, **settings: Any) -> Way:
    """Make one change, and the other in what came of it, as somebody without a way for both would."""

    def run(editor: inkover.Editor, edit: Edit, before: Picture, seed: int) -> tuple[Result, Picture, int]:
        shown, drawn, samples = before, before, 0
        captions = [edit.source, edit.parts[0].target, edit.target]
        for source, target in pairwise(captions):
            result = editor.edit(
                Photo.from_array(shown), method=method, source=source, target=target, seed=seed, **settings
            )
            drawn, shown = raw(result, drawn), result.photo.pixels
            samples += sum(result.samples.values())
        return result, drawn, samples

    return run


RULES: dict[str, Way] = {
    f"{rule} {number:g}": at_once("multi-diffedit", rule=rule, threshold=number)
    for rule, numbers in {
        "fixed": (0.2, 0.3, 0.4), "mean": (1.5, 2.0), "median": (1.2, 2.0), "quantile": (0.8, 0.9), "otsu": (1.0, 0.8),
    }.items() for number in numbers
}  # fmt: skip
STUDIES: dict[str, dict[str, Way]] = {
    "ways": {
        "multi-diffedit": at_once("multi-diffedit"),
        "diffedit, one after the other": in_turn("diffedit"),
        "ledits++": at_once("ledits++"),
    },
    "words": {
        "multi-diffedit, in the photo's caption": at_once("multi-diffedit"),
        "multi-diffedit, its own words alone": told_as("multi-diffedit", words_alone),
        "ledits++, what comes": at_once("ledits++"),
        "ledits++, what goes and what comes": told_as("ledits++", coming_and_going),
    },
    "rules": RULES,
    "overlaps": {one: at_once("multi-diffedit", overlap=one) for one in ("owner", "combined", "priority")}
    | {"one after the other": at_once("multi-diffedit", fused=False)},
    "bootstrap": {f"bootstrap {one:g}": at_once("multi-diffedit", bootstrap=one) for one in (0, 0.2, 1)},
    "masks": {one: at_once("ledits++", masks=one) for one in ("words", "noise", "both", "none")},
    "order": {"2 (sde-dpmpp)": at_once("ledits++"), "1 (ddpm)": at_once("ledits++", inversion="ddpm")},
    "guidance": {f"guidance {one:g}": at_once("ledits++", guidance=one) for one in (3.0, 5.0, 8.0, 12.0)},
    "threshold": {f"threshold {one:g}": at_once("ledits++", threshold=one) for one in (0.7, 0.8, 0.9, 0.95)},
}


def trials(editor: inkover.Editor, ways: dict[str, Way], kind: str, numbers: range, seed: int) -> Iterator[Trial]:
    """Yield every way's trial on every case."""
    judging = probe.load(folder())
    for index in numbers:
        edit = case(kind, seed, index)
        before, true, change = edit.truth(128)
        for name, way in ways.items():
            start = time.perf_counter()
            result, drawn, samples = way(editor, edit, before, seed + index)
            seconds, picture = time.perf_counter() - start, result.photo.pixels
            verdict = judge(judging, edit, before, true, picture)
            fits = overlap(result, edit, change) if result.each else None
            lost = sum(astray(judging, edit, picture))
            apart = psnr(picture, true, change), psnr(drawn, before, ~change)
            first, second = verdict.each
            yield Trial(name, first, second, verdict.success, fits, lost, *apart, samples, seconds)


def shown(found: list[Trial]) -> str:
    """Return the table, as Markdown."""
    columns = ("way", "both", "first", "second", "success", "mask IoU", "astray", "inside", "outside", "samples", "s")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name in dict.fromkeys(trial.way for trial in found):
        mine = [trial for trial in found if trial.way == name]
        fits = [trial.iou for trial in mine if trial.iou is not None]
        share = [np.mean([getattr(one, part) for one in mine]) for part in ("first", "second", "success")]
        both = np.mean([one.first and one.second for one in mine])
        decibels = [np.mean([getattr(one, part) for one in mine]) for part in ("inside", "outside")]
        lines.append(
            f"| {name} | {both:.0%} | {share[0]:.0%} | {share[1]:.0%} | {share[2]:.0%} | "
            f"{f'{np.mean(fits):.2f}' if fits else '-'} | {np.mean([one.astray for one in mine]) / 2:.0%} | "
            f"{decibels[0]:.1f} dB | {decibels[1]:.1f} dB | {np.mean([one.samples for one in mine]):.0f} | "
            f"{np.median([one.seconds for one in mine]):.1f} |"
        )
    return "\n".join([f"{len(found) // max(1, len({one.way for one in found}))} cases", "", *lines])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", choices=tuple(STUDIES), default="ways")
    parser.add_argument("--ways", nargs="+", help="these of the study alone")
    parser.add_argument("--kind", choices=("two", "touching"), default="two")
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--raw", type=Path)
    parser.add_argument("--join", type=Path, nargs="+")
    given = parser.parse_args()
    if given.join:
        lines = [line for path in given.join for line in path.read_text().splitlines()]
        print(shown([Trial(**json.loads(line)) for line in lines]))
        return
    ways = STUDIES[given.study]
    if unknown := [name for name in given.ways or () if name not in ways]:
        parser.error(f"study {given.study} has no way {unknown[0]!r}: give some of {', '.join(map(repr, ways))}")
    torch.set_num_threads(given.threads)
    editor = inkover.Editor.load("tabletop", remember=False, dtype=given.dtype)
    found = list[Trial]()
    numbers = range(given.skip, given.skip + given.cases)
    chosen = {name: way for name, way in ways.items() if not given.ways or name in given.ways}
    for trial in trials(editor, chosen, given.kind, numbers, given.seed):
        found.append(trial)
        print(".", end="", file=sys.stderr, flush=True)
        if given.raw is not None:
            with given.raw.open("a") as file:
                file.write(json.dumps(asdict(trial)) + "\n")
    print(file=sys.stderr)
    print(shown(found))


if __name__ == "__main__":
    main()
