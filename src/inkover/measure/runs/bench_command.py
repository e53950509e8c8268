"""What ``inkover bench`` does: the checks, the model, the run or the model's own figures, and what is printed."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from inkover import methods
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError, nearest
from inkover.measure.datasets import layouts
from inkover.measure.figures import seeing
from inkover.measure.listed import split
from inkover.measure.runs import model_figures, summary, variants
from inkover.measure.runs import plan as plans
from inkover.measure.runs import scenes as bench
from inkover.measure.runs.exact import Exact
from inkover.measure.runs.given import Given
from inkover.measure.runs.plan import Place, Plan, carry_out
from inkover.measure.runs.scenes import Scenes
from inkover.measure.runs.variants import Variant

SIDE, CASES = 128, 32
MODEL = model_figures.DATASET
LITTLE_WORLD = ("tabletop", MODEL)
ALL_BROKEN = 3
"""The exit code of a run whose every edit broke."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The networks that are to measure; None where the command line says nothing."""

    clip: str | None
    dino: Path | None
    lpips: Path | None
    faces: Path | None

    def given(self) -> dict[str, Any]:
        """Return them by their options."""
        return {"--clip": self.clip, "--dino": self.dino, "--lpips": self.lpips, "--faces": self.faces}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be run; None, or empty, where the command line says nothing."""

    dataset: str
    folder: Path | None
    methods: tuple[str, ...]
    edits: tuple[str, ...]
    cases: int | None  # of each kind of edit
    seed: int
    side: int | None
    things: int | None
    unseen: bool
    steps: int | None
    knobs: tuple[str, ...]  # NAME=VALUES
    use_mask: bool
    networks: Wanted
    command: tuple[str, ...]  # that makes the same run in another folder

    def of_scenes(self) -> dict[str, Any]:
        """Return the options that say which scenes are rendered."""
        return {"--side": self.side, "--things": self.things, "--unseen": self.unseen}

    def of_photos(self) -> dict[str, Any]:
        """Return the options that need photos."""
        return {"--use-mask": self.use_mask} | self.networks.given()

    def of_runs(self) -> dict[str, Any]:
        """Return the options that a run over edits heeds, and the model's own figures do not."""
        asked = {"--methods": self.methods, "--edits": self.edits, "--steps": self.steps, "--knob": self.knobs}
        return asked | self.of_scenes() | self.of_photos()


def run(ask: Ask, place: Place, engine: Engine, manner: Manner) -> None:
    """Do the whole command."""
    _check(ask, place)
    if ask.dataset == MODEL:
        model_figures.run(ask.cases or CASES, ask.seed, place, engine, manner)
        return
    plan = _plan(ask)
    place.check(plan.settings())
    for note in variants.notes(plan.variants):
        manner.note(note)
    report = carry_out(plan, plans.loaded(engine), place, manner, shlex.join(["inkover", *ask.command]))
    told = [*plan.table(report["rows"]), *_reasons(plan, report["reasons"]), *_shared(report["samples"])]
    told += [*_warned(report["warnings"]), *map(_broken, report["broken"])]
    print(json.dumps(report) if manner.json else "\n".join(told))
    _check_some(plan, report, manner)


def _check(ask: Ask, place: Place) -> None:
    """Refuse an unknown dataset, a folder too many or too few, and options that have no effect on this one."""
    known = (*LITTLE_WORLD, *layouts.names())
    if ask.dataset not in known:
        raise InkoverError(f"no dataset {ask.dataset!r}: {nearest(ask.dataset, known)}")
    if ask.dataset == MODEL:
        _check_model(ask, place)
    if ask.dataset in LITTLE_WORLD and ask.folder is not None:
        raise InkoverError(f"{ask.dataset} renders its photos itself: leave {ask.folder} out, or say -o {ask.folder}")
    if ask.dataset not in LITTLE_WORLD and ask.folder is None:
        raise InkoverError(f"where are the photos of {ask.dataset}? inkover bench {ask.dataset} FOLDER")
    idle = _given(ask.of_photos() if ask.dataset in LITTLE_WORLD else ask.of_scenes())
    if idle:
        raise InkoverError(f"{idle[0]} has no effect on {ask.dataset}: leave it out")


def _check_model(ask: Ask, place: Place) -> None:
    """Refuse what only a run over edits heeds: the model's own figures are made in one piece."""
    idle = _given(ask.of_runs() | {"--resume": place.resume})
    if idle:
        raise InkoverError(f"{MODEL} measures the model itself: leave {idle[0]} out, or say inkover bench tabletop")


def _given(options: Mapping[str, Any]) -> list[str]:
    return [option for option, value in options.items() if value]


def _plan(ask: Ask) -> Exact | Given:
    """Return what is to be run, all of it checked; the networks that measure are read last."""
    kinds, names = split("--edits", ask.edits, "A,B"), split("--methods", ask.methods, "diffedit,sdedit")
    chosen = [methods.get(name).name for name in names] or methods.names()
    turned = variants.grid(chosen, ask.knobs, ask.steps, ask.use_mask)
    return _exact(ask, turned, kinds) if ask.folder is None else _on_photos(ask, turned, kinds, ask.folder)


def _exact(ask: Ask, turned: Sequence[Variant], kinds: list[str]) -> Exact:
    bench.check(kinds)
    scenes = Scenes(kinds or list(bench.KINDS), ask.cases or CASES, ask.seed, ask.side or SIDE, ask.things, ask.unseen)
    plan = Exact(turned, scenes)
    plan.check()
    return plan


def _on_photos(ask: Ask, turned: Sequence[Variant], kinds: list[str], folder: Path) -> Given:
    """Check the whole folder, then read the networks that measure."""
    cases = layouts.chosen(layouts.load(ask.dataset, folder), kinds, ask.cases)
    plan = Given(ask.dataset, turned, cases, ask.seed, ask.use_mask, seeing.Networks())
    plan.check()
    wanted = ask.networks
    return replace(plan, networks=seeing.load(wanted.clip, wanted.dino, wanted.lpips, wanted.faces))


def _check_some(plan: Plan, report: Mapping[str, Any], manner: Manner) -> None:
    """End with an exit code of its own where every edit broke: there is a report, but nothing in it."""
    broken = [one for one in report["broken"] if one["method"] in plan.methods]
    if len(broken) == plan.total:
        manner.warn(f"every edit broke ({len(broken)} of {plan.total}), the first with: {broken[0]['message']}")
        raise typer.Exit(ALL_BROKEN)


def _reasons(plan: Plan, told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say why edits have no finite number of which measures."""
    for (message, count), measures in summary.reasons(told, plan.methods).items():
        yield f"no {', '.join(measures)} of {_edits(count)}: {message}"


def _warned(warnings: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Say of how many edits there is a warning, each once for a method."""
    for (method, message), count in Counter((one["method"], one["message"]) for one in warnings).items():
        yield f"warning: {method}, {_edits(count)}: {message}"


def _edits(count: int) -> str:
    return f"{count} edit{'' if count == 1 else 's'}"


def _shared(samples: Mapping[str, int]) -> list[str]:
    """Say how much was spared, where anything was."""
    alone, evaluated = samples["alone"], samples["evaluated"]
    spared = f"{alone} network samples, of which {evaluated} were evaluated: tracings were shared within each case"
    return [spared] if evaluated < alone else []


def _broken(one: Mapping[str, str]) -> str:
    return f"broken: {one['case']} {one['method']}: {one['message']}"
