"""The command line. Heavy imports are inside the commands, so that ``--help`` comes at once."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from inkover.app import options as o
from inkover.errors import InkoverError

OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate")  # torch raises RuntimeErrors that say so

app = typer.Typer(add_completion=False, rich_markup_mode=None)
models_app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(models_app, name="models")
cache_app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.add_typer(cache_app, name="cache")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code: 2 for what the user can mend, 130 for Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name that the terminal cannot show is no fault
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; a problem is one line on standard error."""
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments or ["--help"], prog_name="inkover", standalone_mode=False, obj=tuple(arguments))
    except InkoverError as error:
        return _failed(str(error), 2)
    except typer.TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "inkover")
        return _failed(f"{error.format_message()} ({where} --help lists what there is)", 2)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if os.environ.get("INKOVER_DEBUG"):
            raise
        return _surprised(error)
    if code == 130:
        return _failed("stopped", 130)
    return code if isinstance(code, int) else 0


def _surprised(error: Exception) -> int:
    """Say in one line what nobody foresaw: the machine's limits, or a fault of ours."""
    kind, said = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY):
        return _failed("not enough memory for this: try --dtype bfloat16, a smaller model, or a smaller photo", 2)
    if isinstance(error, OSError):
        return _failed(f"{error.filename or 'the output'}: {error.strerror or said}: mend that, then again", 2)
    return _failed(f"a fault of Inkover itself, {kind}: {said} (INKOVER_DEBUG=1 shows where)", 1)


def _failed(message: str, code: int) -> int:
    print(f"inkover: {' '.join(message.split())}", file=sys.stderr)
    return code


@app.callback()
def about(
    version: o.Version = False,
) -> None:
    """Change a photo with words, and leave every other pixel alone."""


@app.command()
def edit(
    photo: o.PhotoFile,
    to: o.To = None,
    source: o.From = None,
    add: o.Add = [],  # noqa: B006 - typer reads the default and hands over a list of its own
    remove: o.Remove = [],  # noqa: B006 - as above
    change: o.Change = [],  # noqa: B006 - as above
    recipe: o.RecipeFile = None,
    output: o.Output = None,
    method: o.MethodName = None,
    count: o.Count = 1,
    mask: o.MaskFile = None,
    save_mask: o.SaveMask = None,
    save_overlay: o.SaveOverlay = None,
    grow: o.Grow = None,
    feather: o.Feather = None,
    negative: o.Negative = None,
    steps: o.Steps = None,
    strength: o.Strength = None,
    guidance: o.Guidance = None,
    sampler: o.Sampler = None,
    inversion: o.Inversion = None,
    set_: o.Set = [],  # noqa: B006 - as above
    cleanup: o.Cleanup = None,
    windows: o.Windows = False,
    record: o.Record = None,
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_mark: o.NoMark = False,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    force: o.Force = False,
) -> None:
    """Change a photo so that it shows what --to says."""
    from inkover.app import edit_command
    from inkover.app.request import Ask, Engine, Files, Manner

    named = {"negative": negative, "steps": steps, "strength": strength, "guidance": guidance, "sampler": sampler}
    named["inversion"] = inversion
    edit_command.run(
        Ask(
            photo=photo,
            to=to,
            source=source,
            method=method,
            seed=seed,
            mask=mask,
            grow=grow,
            feather=feather,
            cleanup=cleanup,
            named=named,
            knobs=tuple(set_),
            max_pixels=max_pixels,
            add=tuple(add),
            remove=tuple(remove),
            change=tuple(change),
            windows=windows,
        ),
        Engine(model, config, device, dtype, not no_cache),
        Files(output, save_mask, save_overlay, record, count, force, not no_mark),
        Manner(json, quiet),
        recipe,
    )


@app.command()
def explain(
    context: typer.Context,
    photo: o.PhotoFile,
    output: o.PageOutput,
    to: o.To = None,
    source: o.From = None,
    add: o.Add = [],  # noqa: B006 - as above
    remove: o.Remove = [],  # noqa: B006 - as above
    change: o.Change = [],  # noqa: B006 - as above
    save_result: o.SaveResult = None,
    method: o.MethodName = None,
    mask: o.MaskFile = None,
    grow: o.Grow = None,
    feather: o.Feather = None,
    negative: o.Negative = None,
    steps: o.Steps = None,
    strength: o.Strength = None,
    guidance: o.Guidance = None,
    sampler: o.Sampler = None,
    inversion: o.Inversion = None,
    set_: o.Set = [],  # noqa: B006 - as above
    cleanup: o.Cleanup = None,
    windows: o.Windows = False,
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_mark: o.NoMark = False,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    force: o.Force = False,
) -> None:
    """Make an edit, and a page that shows what happened in it: noise, words, mask, change and cost."""
    from inkover.app.request import Ask, Engine, Manner
    from inkover.measure.explain import command

    named = {"negative": negative, "steps": steps, "strength": strength, "guidance": guidance, "sampler": sampler}
    named["inversion"] = inversion
    ask = Ask(
        photo=photo,
        to=to,
        source=source,
        method=method,
        seed=seed,
        mask=mask,
        grow=grow,
        feather=feather,
        cleanup=cleanup,
        named=named,
        knobs=tuple(set_),
        max_pixels=max_pixels,
        add=tuple(add),
        remove=tuple(remove),
        change=tuple(change),
        windows=windows,
    )
    wanted = command.Wanted(output, save_result, force, not no_mark, context.obj)
    command.run(ask, Engine(model, config, device, dtype, not no_cache), wanted, Manner(json, quiet))


@app.command("mask")
def mask_(
    photo: o.PhotoFile,
    output: o.MaskOutput,
    to: o.To = None,
    source: o.From = None,
    change: o.Change = [],  # noqa: B006 - as above
    place: o.MaskWords = None,
    method: o.MethodName = None,
    grow: o.Grow = None,
    feather: o.Feather = None,
    steps: o.Steps = None,
    sampler: o.Sampler = None,
    set_: o.Set = [],  # noqa: B006 - as above
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    json: o.Json = False,
    quiet: o.Quiet = False,
    force: o.Force = False,
) -> None:
    """Write the automatic mask alone, or one in words: look at it, correct it, hand it back with edit --mask."""
    from inkover.app import mask_command
    from inkover.app.request import Ask, Engine, Manner

    named = {"steps": steps, "sampler": sampler}
    mask_command.run(
        Ask(
            photo=photo,
            to=to,
            source=source,
            method=method,
            seed=seed,
            mask=place,
            grow=grow,
            feather=feather or 0.0,
            cleanup=None,
            named=named,
            knobs=tuple(set_),
            max_pixels=max_pixels,
            change=tuple(change),
        ),
        Engine(model, config, device, dtype),
        Manner(json, quiet),
        output,
        force,
    )


@app.command()
def invert(
    photo: o.PhotoFile,
    source: o.From = None,
    inversion: Annotated[str, o.text("--inversion", metavar="NAME", help="ddim, null-text, ddpm ...")] = "ddim",
    steps: Annotated[int, typer.Option("--steps", metavar="N", help="Steps from picture to noise.")] = 50,
    strength: Annotated[float, typer.Option("--strength", metavar="R", help="How far it is traced, 0 to 1.")] = 1.0,
    guidance: Annotated[
        float | None, typer.Option("--guidance", metavar="W", help="On the way back.  [default: the inversion's own]")
    ] = None,
    set_: o.Set = [],  # noqa: B006 - as above
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Trace a photo into the model and back, and say how truly it comes back; nothing is written but the cache."""
    from inkover.app import invert_command
    from inkover.app.request import Engine, Manner

    invert_command.run(
        invert_command.Ask(
            photo, source or "", inversion, steps, strength, guidance, tuple(set_), seed or 0, max_pixels
        ),
        Engine(model, config, device, dtype, not no_cache),
        Manner(json, quiet),
    )


@app.command()
def score(
    before: o.Before = None,
    after: o.After = None,
    source: o.Was = None,
    to: o.To = None,
    mask: o.ScoreMask = None,
    clip: o.Clip = None,
    dino: o.Dino = None,
    lpips: o.Lpips = None,
    faces: o.Faces = None,
    drag: o.Drags = [],  # noqa: B006 - as above
    true_mask: o.TrueMask = None,
    list_: o.ListMeasures = False,
    max_pixels: o.MaxPixels = o.PIXELS,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Measure an edited photo beside the photo it was made of."""
    from inkover.app.request import Manner
    from inkover.measure.figures import score_command

    drags = tuple(drag)
    ask = score_command.Ask(max_pixels, before, after, mask, source, to, clip, dino, lpips, faces, drags, true_mask)
    (score_command.listed if list_ else score_command.run)(ask, Manner(json, quiet))


@app.command()
def advise(
    photo: o.Photo,
    edited: o.Edited,
    recipe: o.Recorded = None,
    mask: o.WantedMask = None,
    clip: o.Clip = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Say what went wrong with an edit, and the command that mends it."""
    from inkover.app.request import Engine, Manner
    from inkover.measure.advice import advise_command

    advise_command.run(
        advise_command.Ask(photo, edited, recipe, mask, clip, max_pixels),
        Engine(model, config, device, dtype, not no_cache),
        Manner(json, quiet),
    )


@app.command()
def compare(
    context: typer.Context,
    photo: o.PhotoFile,
    output: o.GridOutput,
    to: o.To = None,
    source: o.From = None,
    methods: o.Methods = [],  # noqa: B006 - as above
    mask: o.MaskFile = None,
    clip: o.Clip = None,
    negative: o.Negative = None,
    steps: o.Steps = None,
    strength: o.Strength = None,
    guidance: o.Guidance = None,
    sampler: o.Sampler = None,
    inversion: o.Inversion = None,
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    force: o.Force = False,
) -> None:
    """Show every method side by side on one photo, with what each costs."""
    from inkover.app.request import Engine, Manner
    from inkover.measure.grid import compare_command
    from inkover.measure.grid.grid_command import Ask

    named = {"negative": negative, "steps": steps, "strength": strength, "guidance": guidance, "sampler": sampler}
    named["inversion"] = inversion
    ask = Ask(photo, source or "", to, mask, clip, seed, named, max_pixels, output, force, context.obj)
    compare_command.run(ask, methods, Engine(model, config, device, dtype, not no_cache), Manner(json, quiet))


@app.command()
def sweep(
    context: typer.Context,
    photo: o.PhotoFile,
    output: o.GridOutput,
    knob: o.Knob = [],  # noqa: B006 - as above
    to: o.To = None,
    source: o.From = None,
    method: o.MethodName = None,
    mask: o.MaskFile = None,
    clip: o.Clip = None,
    negative: o.Negative = None,
    steps: o.Steps = None,
    strength: o.Strength = None,
    guidance: o.Guidance = None,
    sampler: o.Sampler = None,
    inversion: o.Inversion = None,
    set_: o.Set = [],  # noqa: B006 - as above
    seed: o.Seed = None,
    model: o.Model = None,
    config: o.Config = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    max_pixels: o.MaxPixels = o.PIXELS,
    no_cache: o.NoCache = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    force: o.Force = False,
) -> None:
    """Show one method over the values of one knob or two."""
    from inkover.app.request import Engine, Manner
    from inkover.measure.grid import sweep_command
    from inkover.measure.grid.grid_command import Ask

    named = {"negative": negative, "steps": steps, "strength": strength, "guidance": guidance, "sampler": sampler}
    named["inversion"] = inversion
    ask = Ask(photo, source or "", to, mask, clip, seed, named, max_pixels, output, force, context.obj)
    engine = Engine(model, config, device, dtype, not no_cache)
    sweep_command.run(ask, method, knob, set_, engine, Manner(json, quiet))


@app.command()
def methods(
    name: Annotated[str | None, o.text(metavar="[NAME]", help="Show this method's knobs.")] = None,
    json: o.Json = False,
) -> None:
    """List the methods, or one method's knobs, with what each costs."""
    from inkover.app import listing

    listing.methods(name, json)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, json: o.Json = False) -> None:
    """List the models, or get one."""
    if context.invoked_subcommand is None:
        from inkover.app import listing

        listing.models(json)


@models_app.command("get")
def get(
    hub_id: Annotated[str, o.text(metavar="HUB_ID", help="OWNER/NAME on the hub.", needed=True)],
    revision: Annotated[str | None, o.text("--revision", metavar="NAME", help="A branch, tag or commit.")] = None,
    variant: Annotated[str | None, o.text("--variant", metavar="NAME", help="fp16: half-precision weights.")] = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Get a model from the hub: safetensors only, revision pinned, hash recorded."""
    from inkover.app import get_command

    get_command.run(hub_id, revision, variant or "", json, quiet)


@cache_app.callback()
def cache() -> None:
    """List or clear the inversions that are kept on the disk."""


@cache_app.command("list")
def cache_list(json: o.Json = False) -> None:
    """List what is kept, the last used first."""
    from inkover.app import cache_command

    cache_command.listed(json)


@cache_app.command("clear")
def cache_clear(json: o.Json = False) -> None:
    """Throw away all that is kept, and say how much it was."""
    from inkover.app import cache_command

    cache_command.cleared(json)


@cache_app.command("path")
def cache_path(json: o.Json = False) -> None:
    """Print the folder: INKOVER_CACHE, or one of the platform's."""
    from inkover.app import cache_command

    cache_command.path(json)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def bench(context: typer.Context) -> None:
    """Measure methods over a dataset: a little world whose answers are known, PIE-Bench, photos of your own."""
    from inkover.measure.command import app as measures

    command = typer.main.get_command(measures)
    code = command.main(context.args, prog_name="inkover bench", standalone_mode=False, obj=context.obj)
    raise typer.Exit(code if isinstance(code, int) else 0)
