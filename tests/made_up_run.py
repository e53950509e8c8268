"""A run of the benchmark that nobody made: figures and pictures are drawn, so that thousands of trials take no time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inkover.measure.report import written as report
from inkover.measure.report.sheet import cells
from inkover.measure.runs import run_folder, summary
from inkover.measure.runs.columns import EXACT, View
from inkover.measure.runs.journal import Journal
from inkover.measure.runs.runner import kept
from inkover.measure.runs.scenes import TRUTH, UNTOUCHED
from inkover.measure.runs.summary import Group
from inkover.measure.runs.trial import Line

VERSIONS = {"inkover": "0"}
MODEL = {"name": "tabletop", "hash": "0" * 64, "device": "cpu", "dtype": "float32"}
NASTY = '</script><b onclick="alert(1)">"bold" & \'quoted\'</b>'
"""What a text may hold that is no mark-up."""


@dataclass(frozen=True)
class Drawn:
    """What a report asks of a plan."""

    methods: Sequence[str]
    edits: Sequence[str] = ()
    cases: int = 0
    view: View = EXACT

    def settings(self) -> dict[str, Any]:
        """Return some settings."""
        return {"dataset": "tabletop", "seed": 0, "methods": [*self.methods], "knobs": {"p2p": {"steps": 5}}}

    def rows(self, groups: Sequence[Group]) -> list[dict[str, Any]]:
        """Return no means."""
        return []


def figures(rng: np.random.Generator, skill: float) -> dict[str, Any]:
    """Draw a trial's figures; ``skill`` is how often it succeeds."""
    return {
        "success": bool(rng.random() < skill), "wanted": True, "rest": bool(rng.random() < 0.8),
        "psnr_changed": float(rng.normal(15, 3)), "ssim_changed": float(rng.random()),
        "psnr_outside": float(rng.normal(20 + 10 * skill, 2)), "mask_iou": None, "samples": 140, "evaluated": 140,
        "seconds": float(rng.gamma(9)),
    }  # fmt: skip


def lines(methods: Sequence[str], kinds: Sequence[str], cases: int, seed: int = 0) -> list[Line]:
    """Draw the trials of every method, each more skilled than the one before, and of what stands beside them."""
    rng, found = np.random.default_rng(seed), list[Line]()
    names = (UNTOUCHED, TRUTH, *methods)
    for kind in kinds:
        for k in range(cases):
            for place, name in enumerate(names):
                own = figures(rng, place / len(names))
                found.append(Line(f"{kind}-{k}", kind, name, own, f"a {kind} thing", f"number {k} of {kind}"))
    return found


def pictures(folder: Path, count: int = 4, noise: bool = False) -> list[Path]:
    """Draw some rows of small pictures; noise is the worst that a format can be given."""
    folder.mkdir()
    found = list[Path]()
    y, x = np.mgrid[:128, :128]
    for seed in range(count):
        rng = np.random.default_rng(seed)
        smooth = np.stack([x * 2, y * 2, x + y], -1) // (seed + 1)
        picture = (rng.integers(0, 256, (128, 128, 3)) if noise else smooth).astype(np.uint8)
        mask = (rng.random((128, 128)) if noise else (x > 64)).astype(np.float32)
        found.append(folder / f"{seed}.png")
        cells(picture, picture[::-1], picture[:, ::-1], mask).save(found[-1])
    return found


def kept_journal(folder: Path, own: Drawn, trials: Sequence[Line], drawn: Sequence[Path]) -> Journal:
    """Return a journal of the trials, with the pictures that a run of such a plan keeps."""
    made = Journal(folder, trials)
    run_folder.make(folder / run_folder.PICTURES)
    shown = {f"{kind}-{k}" for kind in own.edits for k in kept(range(own.cases), len(own.methods), len(own.edits))}
    for number, line in enumerate(trials):
        if line.method in own.methods and line.case in shown and line.figures is not None:
            os.link(drawn[number % len(drawn)], made.picture(line))
    return made


def written(own: Any, made: Journal, folder: Path, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the report of a run and return it as data."""
    given = (own.settings() if settings is None else settings) | {"model": MODEL}
    groups = summary.groups(made.lines, own.view)
    found = report.document(own, made.lines, groups, given, VERSIONS)
    report.write(own, made, groups, found, "inkover bench tabletop --edits 'a b'", folder)
    return found
