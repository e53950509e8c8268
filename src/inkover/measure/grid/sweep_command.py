"""``inkover sweep``: one method over the values of one or two knobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from inkover import methods
from inkover.app import asked
from inkover.app.request import Engine, Manner
from inkover.errors import InkoverError
from inkover.measure.grid import grid_command
from inkover.measure.grid.grid_command import Ask
from inkover.measure.runs import sweep_values
from inkover.measure.runs.sweep_values import Swept
from inkover.methods.contract import Method
from inkover.methods.settings import parse

LARGEST = 100
"""Cells of a grid."""
ACROSS = 5
"""Cells of a row where one knob is turned."""
EXAMPLE = "--knob strength=0.4:0.9:0.1 --knob guidance=3,5,7.5"


def run(
    ask: Ask, name: str | None, turned: Sequence[str], fixed: Sequence[str], engine: Engine, manner: Manner
) -> None:
    """Do the whole command."""
    method = methods.get(name or asked.usual(False, False))
    swept = _swept(method, turned)
    given = _fixed(ask, method, fixed, swept)
    start = grid_command.started(ask)
    cells = []
    for steps in product(*(one.steps for one in swept)):
        own = {one.name: step.value for one, step in zip(swept, steps, strict=True)}
        title = ", ".join(f"{one.name} {step.text}" for one, step in zip(swept, steps, strict=True))
        cells.append(grid_command.cell(start, title, method.name, {**given, **own}, swept=own))
    across = len(swept[-1].steps) if len(swept) > 1 else min(ACROSS, len(swept[0].steps))
    grid_command.run(ask, start, cells, across, engine, manner)


def _swept(method: Method, turned: Sequence[str]) -> list[Swept]:
    """Return the knobs that are turned, the one with fewer values last: its values are the columns."""
    if not turned:
        raise InkoverError(f"say which knob is turned, and through which values: {EXAMPLE}")
    if len(turned) > 2:
        raise InkoverError(
            f"{len(turned)} knobs are turned, and a grid has two sides: give one --knob or two, {EXAMPLE}"
        )
    swept = [sweep_values.read(method, text, LARGEST) for text in turned]
    if len(swept) == 2 and swept[0].name == swept[1].name:
        raise InkoverError(f"knob {swept[0].name} is given twice: write all its values in one --knob")
    cells = len(swept[0].steps) * len(swept[-1].steps) if len(swept) > 1 else len(swept[0].steps)
    if cells > LARGEST:
        raise InkoverError(f"that is a grid of {cells} cells, and {LARGEST} are the most: give fewer values")
    return sorted(swept, key=lambda one: -len(one.steps))


def _fixed(ask: Ask, method: Method, texts: Sequence[str], swept: Sequence[Swept]) -> Mapping[str, Any]:
    """Return the knobs that are the same in all cells; InkoverError where one is turned too, or set twice."""
    listed, named = parse(method, texts), ask.given()
    for name in listed.keys() & named.keys():
        raise InkoverError(f"--{name} and --set {name} are both given: leave one out")
    for one in swept:
        if one.name in listed or one.name in named:
            raise InkoverError(f"{one.name} is both turned, by --knob, and set: leave one of the two out")
    return {**listed, **named}
