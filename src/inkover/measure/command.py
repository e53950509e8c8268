"""``inkover bench``: the command line of the benchmark."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkover.app import options as o
from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from inkover.app.editor import Editor
    from inkover.app.request import Engine
    from inkover.measure.plan import Plan

SIDE, CASES = 128, 32
DATASETS = ("tabletop", "tabletop-model")
ROWS = ("method", "edit", "cases", "success", "psnr_changed", "ssim_changed", "psnr_outside", "mask_iou", "samples",
        "seconds")  # fmt: skip

app = typer.Typer(add_completion=False, rich_markup_mode=None)
Words = Annotated[list[str], typer.Option(metavar="A,B", help="Which ones; all of them if not given.")]


@app.command()
def bench(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="tabletop, or tabletop-model: the model itself.")],
    methods: Words = [],  # noqa: B006 - typer reads the default and hands over a list of its own
    edits: Words = [],  # noqa: B006 - as above
    cases: Annotated[int, typer.Option(min=1, metavar="N", help="Cases for each kind of edit.")] = CASES,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Which held-out scenes.")] = 0,
    side: Annotated[int, typer.Option(min=64, max=4096, metavar="PX", help="Side of the photos.")] = SIDE,
    things: Annotated[int | None, typer.Option(min=1, max=3, metavar="N", help="Only scenes of N objects.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Only pairs of kind and colour never trained on.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Steps of every method.")] = None,
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
    """Run methods over edits whose right answer is known, and report what came of each."""
    if dataset not in DATASETS:
        raise InkoverError(f"no dataset {dataset!r}: {nearest(dataset, DATASETS)}")
    given = {"--methods": methods, "--edits": edits, "--side": side != SIDE, "--things": things, "--unseen": unseen,
             "--steps": steps, "--resume": resume, "--force": force}  # fmt: skip
    idle = [option for option, value in given.items() if value]
    if dataset == "tabletop-model" and idle:
        raise InkoverError(f"tabletop-model measures the model itself: leave {idle[0]} out, or say inkover bench "
                           "tabletop")  # fmt: skip
    from inkover.app.request import Engine
    from inkover.measure.plan import Place, carry_out

    engine = Engine(model, config, device, dtype, remember=False)
    if dataset == "tabletop-model":
        report = _model(engine, cases, seed, output, quiet)
    else:
        plan = _exact(_split(methods), _split(edits), cases, seed, side, things, unseen, steps)
        place = Place(output, resume, force)
        place.check(plan.settings())
        report = carry_out(plan, _editor(engine), place, quiet)
    print(json_.dumps(report)) if json else _show(report)


def _editor(engine: Engine) -> Editor:
    from inkover.app.editor import Editor

    return Editor.load(
        engine.model or "tabletop",
        device=engine.device or "auto",
        dtype=engine.dtype,
        config=engine.config,
        remember=engine.remember,
    )


def _exact(methods: list[str], edits: list[str], *rest: Any) -> Plan:
    from inkover.measure.exact import Exact

    plan = Exact(_methods(methods), _kinds(edits), *rest)
    plan.check()
    return plan


def _split(words: list[str]) -> list[str]:
    """Return the words in their order, each once."""
    return list(dict.fromkeys(word.strip() for given in words for word in given.split(",") if word.strip()))


def _methods(asked: list[str]) -> list[str]:
    from inkover import methods

    for name in asked:
        methods.get(name)
    return asked or list(methods.names())


def _kinds(asked: list[str]) -> list[str]:
    from inkover.measure import bench

    bench.check(asked)
    return asked or list(bench.KINDS)


def _model(engine: Engine, cases: int, seed: int, output: Path | None, quiet: bool) -> dict[str, Any]:
    """Measure the model itself; an older report in the folder is replaced."""
    from dataclasses import asdict

    from inkover.measure import embedded, plan
    from inkover.measure.journal import REPORT, make
    from inkover.photo.atomic import write_whole
    from inkover.tabletop import folder, likeness, probe

    if output is not None:
        make(output)
    model, judge = _editor(engine).model, probe.load(folder())
    with plan.progress(quiet) as progress:
        task = progress.add_task("the model itself", total=5 * cases)

        def tick() -> None:
            progress.advance(task)

        made = list(embedded.figures(model, judge, likeness.load(folder()), cases, seed, tick=tick))
    report = {"figures": [asdict(figure) for figure in made]}
    if output is not None:
        write_whole(output / REPORT, (json_.dumps(report, indent=2) + "\n").encode())
    return report


def _show(report: dict[str, Any]) -> None:
    for figure in report.get("figures", ()):
        print(f"{figure['name']:62} {figure['value']:8.3f} {figure['unit']:5} over {figure['cases']}")
    rows = report.get("rows", ())
    if rows:
        print(" ".join(f"{name:>15}" for name in ROWS))
    for row in rows:
        print(" ".join(f"{_cell(row[name]):>15}" for name in ROWS))
    for one in report.get("broken", ()):
        print(f"broken: {one['case']} {one['method']}: {one['message']}")


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
