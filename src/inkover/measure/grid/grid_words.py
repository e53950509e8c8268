"""What stands under each picture of a grid, in words: the same on a page and on a sheet."""

from __future__ import annotations

from collections.abc import Iterator

from inkover.measure.figures.scores import EQUAL, NOTHING_OUTSIDE
from inkover.measure.grid.cells import Cell, Grid, Made

LABELS = {
    "change_inside": "change inside",
    "change_outside": "change outside",
    "psnr_outside": "PSNR outside, dB",
    "clip": "CLIP",
    "clip_direction": "CLIP direction",
}
STAGES = {"mask": "mask", "inversion": "tracing", "edit": "edit"}
SHORT = {EQUAL: "infinite: equal", NOTHING_OUTSIDE: "nothing is outside"}


def title(grid: Grid) -> str:
    """Return the heading: what is changed into what."""
    return f"{grid.source} \u2192 {grid.target}" if grid.source else grid.target


def about(grid: Grid) -> str:
    """Return what all cells have in common."""
    clip = "" if grid.clip is None else f", CLIP {grid.clip}"
    return f"{grid.name}, model {grid.model}, seed {grid.seed}{clip}"


def made_with(grid: Grid) -> str:
    """Return the versions of what the numbers depend on."""
    return ", ".join(f"{name} {version}" for name, version in grid.versions.items())


def facts(made: Made) -> Iterator[tuple[str, str]]:
    """Yield what is told of a result: a label and its value."""
    for name, label in LABELS.items():
        if name not in made.figures:
            continue
        value, reason = made.figures[name], made.reasons.get(name, "")
        yield label, f"{value:.4g}" if value is not None else SHORT.get(reason, reason)
    yield "mask", "the whole photo" if made.mask is None else f"{made.area:.1%} of the photo"
    yield "network samples", _samples(made)
    yield "seconds", f"{made.seconds:.1f}"


def _samples(made: Made) -> str:
    """Say how much was asked of the network, and in which stage."""
    stages = [f"{STAGES[name]} {count}" for name, count in made.samples.items() if count]
    if made.remembered:
        stages.append("traced before")
    return f"{sum(made.samples.values())}" + (f" ({', '.join(stages)})" if stages else "")


def remarks(cell: Cell) -> Iterator[str]:
    """Yield what else is to be known of a cell."""
    for option in cell.asked.left_out:
        yield f"{option} is left out: method {cell.asked.method} has no such knob"
    if cell.made is not None:
        yield from cell.made.said


def settings(made: Made) -> str:
    """Return every knob with its value, in a line; a text that is empty is none."""
    return ", ".join(f"{name} {value}" for name, value in made.settings.items() if value != "")


def alt(cell: Cell, grid: Grid) -> str:
    """Say in words what the picture of a cell is."""
    return f"{grid.name}, edited by {cell.asked.method} to show {grid.target}: {cell.asked.title}"
