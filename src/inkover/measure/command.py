"""``inkover bench``: the command line of the benchmark."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inkover.app import options as o
from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    from rich.progress import Progress

    from inkover.app.editor import Editor
    from inkover.measure.bench import Shot

SIDE = 128
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
    cases: Annotated[int, typer.Option(min=1, metavar="N", help="Cases for each kind of edit.")] = 32,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Which held-out scenes.")] = 0,
    side: Annotated[int, typer.Option(min=64, max=4096, metavar="PX", help="Side of the photos.")] = SIDE,
    things: Annotated[int | None, typer.Option(min=1, max=3, metavar="N", help="Only scenes of N objects.")] = None,
    unseen: Annotated[bool, typer.Option("--unseen", help="Only pairs of kind and colour never trained on.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Report and pictures.")
    ] = None,
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
    if dataset == "tabletop-model" and (methods or edits or things or unseen or side != SIDE):
        raise InkoverError("tabletop-model measures the model itself: leave --methods, --edits, --side, --things and "
                           "--unseen out, or say inkover bench tabletop")  # fmt: skip
    from inkover.app.editor import Editor
    from inkover.tabletop import folder, probe

    chosen = _methods(split(methods)), _kinds(split(edits))
    _folder(output)
    editor = Editor.load(model or "tabletop", device=device or "auto", dtype=dtype, config=config, remember=False)
    judge = probe.load(folder())
    if dataset == "tabletop-model":
        report = _model(editor, judge, cases, seed, quiet)
    else:
        report = _edits(editor, judge, *chosen, cases, seed, side, things, unseen, output, quiet)
    if output is not None:
        (output / "report.json").write_text(json_.dumps(report, indent=2) + "\n")
    print(json_.dumps(report)) if json else _show(report)


def split(words: Sequence[str]) -> list[str]:
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


def _folder(output: Path | None) -> None:
    if output is None:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InkoverError(f"cannot make the folder {str(output)!r} ({error.strerror}): give another with -o") from None


def _edits(
    editor: Editor,
    judge: Any,
    methods: list[str],
    edits: list[str],
    cases: int,
    seed: int,
    side: int,
    things: int | None,
    unseen: bool,
    output: Path | None,
    quiet: bool,
) -> dict[str, Any]:
    from inkover.measure import bench

    shots: list[Shot] = []
    with _progress(quiet) as progress:
        task = progress.add_task("", total=len(methods) * len(edits) * cases)
        begun = [False]

        def tick(name: str) -> None:
            progress.update(task, description=name, advance=1 if begun[0] else 0)
            begun[0] = True

        for shot in bench.run(editor, judge, methods, edits, cases, seed, side, things, unseen, tick):
            shots.append(shot)
    if output is not None:
        _sheets(shots, output)
    return bench.document(bench.table([shot.trial for shot in shots]))


def _sheets(shots: list[Shot], output: Path) -> None:
    """Write one contact sheet a method and kind of edit, of at most 24 cases."""
    from inkover.measure.sheet import sheet

    groups: dict[tuple[str, str], list[Shot]] = {}
    for shot in shots:
        if shot.trial.samples:
            groups.setdefault((shot.method, shot.edit.kind), []).append(shot)
    for (method, kind), group in groups.items():
        sheet(group[:24]).save(output / f"{method}-{kind}.png")


def _model(editor: Editor, judge: Any, cases: int, seed: int, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from inkover.measure import embedded
    from inkover.tabletop import folder, likeness

    with _progress(quiet) as progress:
        task = progress.add_task("the model itself", total=5 * cases)

        def tick() -> None:
            progress.advance(task)

        made = list(embedded.figures(editor.model, judge, likeness.load(folder()), cases, seed, tick=tick))
    return {"figures": [asdict(figure) for figure in made]}


def _progress(quiet: bool) -> Progress:
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), transient=True)


def _show(report: dict[str, Any]) -> None:
    for figure in report.get("figures", ()):
        print(f"{figure['name']:62} {figure['value']:8.3f} {figure['unit']:5} over {figure['cases']}")
    rows = report.get("rows", ())
    if rows:
        print(" ".join(f"{name:>15}" for name in ROWS))
    for row in rows:
        print(" ".join(f"{_cell(row[name]):>15}" for name in ROWS))


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
