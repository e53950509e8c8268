"""What ``inkover compare`` and ``inkover sweep`` share: the checks, the model, and writing the grid."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover import photo as photos
from inkover.app import asked, cache, config, files, inputs, loading, progress, where
from inkover.app.editor import Editor
from inkover.app.flow import Mask
from inkover.app.progress import Show
from inkover.app.recipe import File, versions
from inkover.app.remembered import Memory
from inkover.app.request import Engine, Manner
from inkover.app.where import Where
from inkover.errors import InkoverError
from inkover.measure.figures import score_command
from inkover.measure.grid import cells as grid
from inkover.measure.grid.cells import Asked, Cell, Grid
from inkover.photo import Photo

if TYPE_CHECKING:
    pass

KINDS = (".html", ".png")


@dataclass(frozen=True, slots=True)
class Ask:
    """What every cell has in common; None where the command line says nothing."""

    photo: Path
    source: str
    to: str | None
    mask: str | None  # a file, or a mask in words
    clip: str | None
    seed: int | None
    named: Mapping[str, Any]  # knobs that have an option of their own
    max_pixels: int
    output: Path
    force: bool
    command: tuple[str, ...]  # as it was typed

    def given(self) -> dict[str, Any]:
        """Return the knobs that were turned by their own options."""
        return {name: value for name, value in self.named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Start:
    """What every cell starts from, checked."""

    photo: Photo
    source: str
    target: str
    seed: int
    mask: Mask | None
    mask_file: File | None
    place: Where | None


def started(ask: Ask) -> Start:
    """Check what is one for all cells, the cheap things first; InkoverError for what is wrong with it."""
    if ask.to is None:
        raise InkoverError('say what the photo shall show: --to "a blue ball on grass"')
    source, target = asked.prompts(ask.source, ask.to)
    seed, place = inputs.seed(ask.seed or 0), where.read(ask.mask)
    photo = photos.read(ask.photo, ask.max_pixels)
    painted = None if ask.mask is None or place is not None else inputs.mask(ask.mask, photo.size)
    file = None if painted is None else inputs.mask_file(ask.mask)
    _check_output(ask, place)
    return Start(photo, source, target, seed, painted, file, place)


def _check_output(ask: Ask, place: Where | None) -> None:
    """Refuse a grid of another kind, or in place of what goes in."""
    kind = ask.output.suffix.lower()
    if kind not in KINDS:
        other = ask.output.with_suffix(".html") if ask.output.name else "grid.html"
        raise InkoverError(f"-o {ask.output} is neither .html, a page, nor .png, a picture: write -o {other}")
    masks = [Path(ask.mask)] if ask.mask is not None and place is None else []
    masks += [Path(file.file) for file in (place.files if place else ()) if file.file is not None]
    files.check_side_output(ask.output, "-o", kind, [ask.photo, *masks], ask.force)


def cell(
    start: Start,
    title: str,
    method: str,
    settings: Mapping[str, Any],
    left_out: tuple[str, ...] = (),
    swept: Mapping[str, Any] | None = None,
) -> Asked:
    """Return what a cell is to show, or why it cannot."""
    masked, edges = start.mask is not None or start.place is not None, (0.0, None, "")
    try:
        wish = asked.wish(
            start.photo, start.source, start.target, method, settings, start.seed, *edges, masked, place=start.place
        )
    except InkoverError as problem:
        return Asked(title, method, None, str(problem), left_out, swept)
    return Asked(title, method, wish, "", left_out, swept)


def run(ask: Ask, start: Start, cells: Sequence[Asked], across: int | None, engine: Engine, manner: Manner) -> None:
    """Make the cells and write the grid."""
    grid.check_some(cells)
    defaults = config.defaults()
    encoder = None if ask.clip is None else score_command.read_clip(ask.clip, start.source, start.target, manner)
    with progress.shown(manner.quiet) as show:
        editor = _editor(engine, defaults, show)
        loading.say_small_world(editor, manner)
        made = grid.cells(editor, cells, start.mask, start.mask_file, encoder, show)
    done = _grid(ask, start, made, across, editor)
    photos.write_whole(ask.output, _written(done, ask.output))
    _say(done, ask.output, manner)


def _editor(engine: Engine, defaults: config.Defaults, show: Show) -> Editor:
    """Load the model; where nothing is kept on the disk, its inversions are kept as long as the command runs."""
    editor = loading.editor(engine, defaults, None, show)
    return editor if engine.remember and cache.limit() else replace(editor, memory=Memory())


def _grid(ask: Ask, start: Start, cells: tuple[Cell, ...], across: int | None, editor: Editor) -> Grid:
    return Grid(
        photo=grid.shown(start.photo, grid.side(len(cells))),
        name=ask.photo.name,
        source=start.source,
        target=start.target,
        model=editor.model.name,
        model_hash=editor.weights.hash,
        seed=start.seed,
        clip=None if ask.clip is None else _clip_name(ask.clip),
        cells=cells,
        across=across,
        command=shlex.join(["inkover", *ask.command]),
        versions=versions(),
    )


def _clip_name(name: str) -> str:
    from inkover.measure.figures import clip

    return clip.named(name)


def _written(done: Grid, output: Path) -> bytes:
    """Return the file: a page or a sheet, as its name says."""
    if output.suffix.lower() == ".png":
        from inkover.measure.grid.grid_sheet import sheet

        return sheet(done)
    from inkover.measure.grid.grid_page import page

    return page(done)


def _say(done: Grid, output: Path, manner: Manner) -> None:
    """Print one JSON object, or a line; and a note of every cell that shows a reason."""
    for one in done.cells:
        if one.made is None:
            manner.note(f"{one.asked.title}: {one.reason}")
    if manner.json:
        print(grid.document(done, str(output)))
        return
    made = [one.made for one in done.cells if one.made is not None]
    samples, seconds = sum(sum(one.samples.values()) for one in made), sum(one.seconds for one in made)
    if not manner.quiet:
        count = f"{len(made)} of {len(done.cells)} made"
        print(f"{output}  ({count}, seed {done.seed}, {samples} network samples, {seconds:.1f} s)")
