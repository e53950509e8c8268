"""``inkover compare``: every method on one photo, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from inkover import methods
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError
from inkover.measure.grid import grid_command
from inkover.measure.grid.cells import Asked
from inkover.measure.grid.grid_command import Ask, Start
from inkover.measure.listed import split
from inkover.methods.settings import knobs


def run(ask: Ask, listed: Sequence[str], engine: Engine, manner: Manner) -> None:
    """Do the whole command."""
    names = _names(listed)
    _check_heeded(ask, names)
    start = grid_command.started(ask)
    grid_command.run(ask, start, [_cell(ask, start, name) for name in names], None, engine, manner)


def _names(listed: Sequence[str]) -> tuple[str, ...]:
    """Return the methods that are named, each once, or all there are; InkoverError for one that is none."""
    if not listed:
        return methods.names()
    names = split("--methods", listed, ",".join(methods.names()[:2]))
    return tuple(methods.get(name).name for name in names)


def _check_heeded(ask: Ask, names: Sequence[str]) -> None:
    """Refuse an option that none of the methods has."""
    for option in ask.given():
        if not any(_has(name, option) for name in names):
            raise InkoverError(f"--{option} has no effect: none of {', '.join(names)} has it, leave it out")


def _has(method: str, option: str) -> bool:
    return any(knob.name == option for knob in knobs(methods.get(method).settings))


def _cell(ask: Ask, start: Start, name: str) -> Asked:
    """Return what a method is asked: what was given, as far as it has knobs for it."""
    given = ask.given()
    left_out = tuple(f"--{option}" for option in given if not _has(name, option))
    own = {option: value for option, value in given.items() if _has(name, option)}
    return grid_command.cell(start, name, name, own, left_out)
