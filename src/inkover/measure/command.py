"""``inkover bench``: the command line of the benchmark. Heavy imports are inside, so that ``--help`` comes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from inkover.app import options as o

WHICH = "tabletop, pie-bench, tedbench, tedbench++, cases; or tabletop-model: the model itself."

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bench(
    context: typer.Context,
    dataset: Annotated[str, o.text(metavar="DATASET", help=WHICH, needed=True)],
    folder: Annotated[Path | None, o.path(metavar="[FOLDER]", help="Where its photos are.")] = None,
    methods: o.Methods = [],  # noqa: B006 - typer reads the default and hands over a list of its own
    edits: Annotated[list[str], o.text("--edits", metavar="A,B", help="Which ones; all if not given.")] = [],  # noqa: B006
    cases: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, metavar="N", help="Of each kind of edit.  [default: 32, or all there are]"),
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
        list[str],
        o.text("--knob", metavar="NAME=VALUES", help="3,5,7.5 or START:END:STEP; again for more: all together."),
    ] = [],  # noqa: B006 - as above
    use_mask: Annotated[bool, typer.Option("--use-mask", help="Hand the dataset's masks to the methods.")] = False,
    clip: o.Clip = None,
    dino: o.Dino = None,
    lpips: o.Lpips = None,
    faces: o.Faces = None,
    output: Annotated[
        Path | None, o.path("-o", "--output", metavar="FOLDER", help="Trials, report and pictures.")
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
    from inkover.app.request import Engine, Manner
    from inkover.measure.runs import bench_command
    from inkover.measure.runs.plan import Place

    ask = bench_command.Ask(
        dataset=dataset,
        folder=folder,
        methods=tuple(methods),
        edits=tuple(edits),
        cases=cases,
        seed=seed,
        side=side,
        things=things,
        unseen=unseen,
        steps=steps,
        knobs=tuple(knob),
        use_mask=use_mask,
        networks=bench_command.Wanted(clip, dino, lpips, faces),
        command=() if output is None else _elsewhere(context, output),
    )
    engine = Engine(model, config, device, dtype, remember=False)
    bench_command.run(ask, Place(output, resume, force), engine, Manner(json, quiet))


def _elsewhere(context: typer.Context, output: Path) -> tuple[str, ...]:
    """Return the command that makes the same run in a folder that is not there yet: arguments, then options."""
    from inkover.app.files import unused

    typed = context.obj or ("bench",)
    given, _, order = context.command.make_parser(context).parse_args([*typed[1:]])
    words, options = [typed[0]], list[str]()
    for param in dict.fromkeys(order):
        name, value = param.name or "", given[param.name or ""]
        if param.param_type_name == "argument":
            words += [] if value is None else [f"./{value}" if value.startswith("-") else value]
        elif name not in ("output", "resume", "force"):
            options += _option(param.opts[-1], value)
    named = output if output.name.strip(".") else Path("run")  # . and .. have no name to put a number to
    return (*words, *options, "-o", str(next(unused(named))[0]))


def _option(name: str, value: Any) -> list[str]:
    """Return an option as it is typed; a list is one that is given again and again."""
    if value is True:
        return [name]
    return [word for one in (value if isinstance(value, list) else [value]) for word in (name, one)]
