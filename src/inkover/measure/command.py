"""``inkover bench``: the command line of the benchmark."""

from __future__ import annotations

import json as json_
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkover.app import options as o
from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.request import Engine, Manner
    from inkover.measure.bench import Scenes
    from inkover.measure.plan import Plan
    from inkover.measure.variants import Variant

SIDE, CASES = 128, 32
ALL_BROKEN = 3
"""The exit code of a run whose every edit broke."""

LITTLE_WORLD = ("tabletop", "tabletop-model")
WHICH = "tabletop, pie-bench, tedbench, tedbench++, cases; or tabletop-model: the model itself."
SCENES = ("--side", "--things", "--unseen")
PHOTOS = ("--use-mask", "--clip", "--dino", "--lpips", "--faces")

app = typer.Typer(add_completion=False, rich_markup_mode=None)
Words = Annotated[list[str], typer.Option(metavar="A,B", help="Which ones; all of them if not given.")]


@app.command()
def bench(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help=WHICH)],
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Where its photos are.")] = None,
    methods: Words = [],  # noqa: B006 - typer reads the default and hands over a list of its own
    edits: Words = [],  # noqa: B006 - as above
    cases: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of each kind of edit.  [default: 32, or all there are]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Of the noise; and which held-out scenes.")] = 0,
    side: Annotated[
        int | None, typer.Option(min=64, max=4096, metavar="PX", help="Side of rendered photos.  [default: 128]")
    ] = None,
    things: Annotated[int | None, typer.Option(min=1, max=3, metavar="N", help="Only scenes of N objects.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Only pairs of kind and colour never trained on.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Steps of every method: the same as --knob steps=N.")
    ] = None,
    knob: Annotated[
        list[str], typer.Option(metavar="NAME=VALUES", help="3,5,7.5 or START:END:STEP; again for more: all together.")
    ] = [],  # noqa: B006 - as above
    use_mask: Annotated[bool, typer.Option("--use-mask", help="Hand the dataset's masks to the methods.")] = False,
    clip: o.Clip = None,
    dino: o.Dino = None,
    lpips: o.Lpips = None,
    faces: o.Faces = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Trials, report and pictures.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Begin anew where the folder holds a run.")] = False,
    model: o.Model = "tabletop",
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Run methods over edits of a dataset, and report what came of each."""
    given = {"--methods": methods, "--edits": edits, "--side": side, "--things": things, "--unseen": unseen,
             "--steps": steps, "--knob": knob, "--use-mask": use_mask, "--clip": clip, "--dino": dino, "--lpips": lpips,
             "--faces": faces, "--resume": resume, "--force": force}  # fmt: skip
    _check(dataset, folder, [option for option, value in given.items() if value])
    from inkover.app.request import Engine, Manner
    from inkover.measure.bench import Scenes
    from inkover.measure.plan import Place, carry_out
    from inkover.measure.variants import notes

    engine = Engine(model, config, device, dtype, remember=False)
    if dataset == "tabletop-model":
        report = _model(engine, cases or CASES, seed, output, quiet)
        print(json_.dumps(report) if json else "\n".join(map(_figure, report["figures"])))
        return
    kinds = split("--edits", edits, "A,B")
    variants = _variants(split("--methods", methods, "diffedit,sdedit"), knob, steps, use_mask)
    if folder is None:
        scenes = Scenes(_kinds(kinds), cases or CASES, seed, side or SIDE, things, unseen)
        plan = _exact(variants, scenes)
    else:
        plan = _given(dataset, folder, variants, kinds, cases, seed, use_mask, clip, dino, lpips, faces)
    place = Place(output, resume, force)
    place.check(plan.settings())
    manner = Manner(json, quiet)
    for note in notes(variants):
        manner.note(note)
    report = carry_out(plan, _editor(engine), place, manner, _repeating(context.obj or ()))
    told = [*plan.table(report["rows"]), *_shared(report["samples"]), *map(_broken, report["broken"])]
    print(json_.dumps(report) if json else "\n".join(told))
    _check_some(plan, report, manner)


def _check_some(plan: Plan, report: Mapping[str, Any], manner: Manner) -> None:
    """End with an exit code of its own where every edit broke: there is a report, but nothing in it."""
    broken = [one for one in report["broken"] if one["method"] in plan.methods]
    if len(broken) == plan.total:
        manner.warn(f"every edit broke ({len(broken)} of {plan.total}), the first with: {broken[0]['message']}")
        raise typer.Exit(ALL_BROKEN)


def _check(dataset: str, folder: Path | None, given: list[str]) -> None:
    """Refuse an unknown dataset, a folder too many or too few, and options that have no effect on this one."""
    from inkover.measure import datasets

    known = (*LITTLE_WORLD, *datasets.names())
    if dataset not in known:
        raise InkoverError(f"no dataset {dataset!r}: {nearest(dataset, known)}")
    if dataset == "tabletop-model" and given:
        raise InkoverError(f"tabletop-model measures the model itself: leave {given[0]} out, or say inkover bench "
                           "tabletop")  # fmt: skip
    if dataset in LITTLE_WORLD and folder is not None:
        raise InkoverError(f"{dataset} renders its photos itself: leave {folder} out, or say -o {folder}")
    if dataset not in LITTLE_WORLD and folder is None:
        raise InkoverError(f"where are the photos of {dataset}? inkover bench {dataset} FOLDER")
    idle = [option for option in given if option in (PHOTOS if dataset in LITTLE_WORLD else SCENES)]
    if idle:
        raise InkoverError(f"{idle[0]} has no effect on {dataset}: leave it out")


def _repeating(typed: Sequence[str]) -> str:
    """Return the command line that repeats a run: as it was typed, but for what speaks of the run in the folder."""
    return shlex.join(["inkover", *(word for word in typed if word not in ("--resume", "--force"))])


def _editor(engine: Engine) -> Editor:
    from inkover.app.editor import Editor

    return Editor.load(
        engine.model or "tabletop",
        device=engine.device or "auto",
        dtype=engine.dtype,
        config=engine.config,
        remember=engine.remember,
    )


def _exact(variants: Sequence[Variant], scenes: Scenes) -> Plan:
    from inkover.measure.exact import Exact

    plan = Exact(variants, scenes)
    plan.check()
    return plan


def _given(
    dataset: str,
    folder: Path,
    variants: Sequence[Variant],
    kinds: list[str],
    count: int | None,
    seed: int,
    use_mask: bool,
    clip: str | None,
    dino: Path | None,
    lpips: Path | None,
    faces: Path | None,
) -> Plan:
    """Check the whole folder, then read the networks that measure."""
    from inkover.measure import datasets, seeing
    from inkover.measure.given import Given

    cases = datasets.chosen(datasets.load(dataset, folder), kinds, count)
    plan = Given(dataset, variants, cases, seed, use_mask, seeing.Networks())
    plan.check()
    return replace(plan, networks=seeing.load(clip, dino, lpips, faces))


def split(option: str, given: Sequence[str], such: str) -> list[str]:
    """Return the words in their order, each once; InkoverError, with ``such`` for an example, where none is named."""
    found = list(dict.fromkeys(word.strip() for one in given for word in one.split(",") if word.strip()))
    if given and not found:
        raise InkoverError(f"{option} names none: write {option} {such}, or leave it out")
    return found


def _variants(asked: list[str], turned: Sequence[str], steps: int | None, masked: bool) -> Sequence[Variant]:
    """Return every method that is named, or all, with all combinations of the values that its knobs are to have."""
    from inkover import methods
    from inkover.measure import variants

    names = [methods.get(name).name for name in asked] or methods.names()
    return variants.grid(names, turned, steps, masked)


def _kinds(asked: list[str]) -> list[str]:
    from inkover.measure import bench

    bench.check(asked)
    return asked or list(bench.KINDS)


def _model(engine: Engine, cases: int, seed: int, output: Path | None, quiet: bool) -> dict[str, Any]:
    """Measure the model itself; an older report of it in the folder is replaced, a run over edits is not."""
    from inkover.measure import embedded, plan
    from inkover.measure.journal import REPORT, TRIALS, make
    from inkover.photo.atomic import write_whole
    from inkover.tabletop import folder, likeness, probe

    if output is not None:
        if (output / TRIALS).exists():
            raise InkoverError(f"{output} holds a run of inkover bench ({TRIALS}): give another folder with -o")
        make(output)
    model, judge = _editor(engine).model, probe.load(folder())
    with plan.progress(quiet) as progress:
        task = progress.add_task("the model itself", total=5 * cases)

        def tick() -> None:
            progress.advance(task)

        made = list(embedded.figures(model, judge, likeness.load(folder()), cases, seed, tick=tick))
    report = {"figures": [asdict(one) | {"value": None if isnan(one.value) else one.value} for one in made]}
    if output is not None:
        write_whole(output / REPORT, (json_.dumps(report, indent=2) + "\n").encode())
    return report


def _figure(figure: dict[str, Any]) -> str:
    value = "-" if figure["value"] is None else f"{figure['value']:.3f}"
    return f"{figure['name']:62} {value:>8} {figure['unit']:5} over {figure['cases']}"


def _shared(samples: dict[str, int]) -> list[str]:
    """Say how much was spared, where anything was."""
    alone, evaluated = samples["alone"], samples["evaluated"]
    spared = f"{alone} network samples, of which {evaluated} were evaluated: tracings were shared within each case"
    return [spared] if evaluated < alone else []


def _broken(one: dict[str, str]) -> str:
    return f"broken: {one['case']} {one['method']}: {one['message']}"
