"""The values that a knob is turned through: ``3,5,7.5`` or ``0.4:0.9:0.1``, from what was typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any

from inkover.errors import InkoverError
from inkover.knobs import Knob, named
from inkover.methods.contract import Method
from inkover.methods.settings import parse


@dataclass(frozen=True, slots=True)
class Step:
    """One value of a knob: as it is shown, and as the method takes it."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Swept:
    """A knob and the values that it is turned through."""

    name: str
    steps: tuple[Step, ...]


def name(typed: str) -> str:
    """Return the name of the knob in ``NAME=VALUES``, as a method's settings have it."""
    return _halves(typed)[0].replace("-", "_")


def read(method: Method, typed: str, most: int) -> Swept:
    """Read ``NAME=VALUES``: values with commas between them, each also a range START:END:STEP that includes END.

    InkoverError for what is no knob of the method or no value of the knob; a value out of bounds is read.
    """
    own, values = _halves(typed)
    knob = named(f"method {method.name!r}", method.settings, own)
    texts = [text for piece in values.split(",") for text in _texts(knob, piece.strip(), most)]
    steps = tuple(Step(text, parse(method, [f"{knob.name}={text}"])[knob.name]) for text in texts)
    for k, step in enumerate(steps):
        if step.value in [before.value for before in steps[:k]]:
            raise InkoverError(f"--knob {knob.name} has {step.text} twice: leave one out")
    return Swept(knob.name, steps)


def _halves(typed: str) -> tuple[str, str]:
    name, equals, values = (piece.strip() for piece in typed.partition("="))
    if not equals or not name:
        raise InkoverError(f"--knob {typed!r} has no values: write --knob strength=0.4:0.9:0.1 or --knob guidance=3,5")
    return name, values


def _texts(knob: Knob, piece: str, most: int) -> Iterator[str]:
    """Yield the values of one piece, as texts."""
    if not piece:
        raise InkoverError(
            f"--knob {knob.name} has an empty value: leave out the comma beside it, or write {knob.name}=VALUE"
        )
    if knob.kind in (int, float) and ":" in piece:
        yield from _range(knob, piece, most)
    else:
        yield piece


def _range(knob: Knob, piece: str, most: int) -> Iterator[str]:
    """Yield START, START + STEP ... to END, in decimals as they were typed: 0.1 three times more than 0 is 0.3."""
    try:
        start, end, step = (Decimal(number.strip()) for number in piece.split(":"))
        count = (end - start) / step
    except (ValueError, DecimalException):
        raise InkoverError(
            f"--knob {knob.name}: {piece!r} is no range: write START:END:STEP, such as 0.4:0.9:0.1"
        ) from None
    if not count.is_finite() or count < 0:
        raise InkoverError(f"--knob {knob.name}: {piece!r} never comes to its end: give a step that leads to it")
    if count >= most:
        raise InkoverError(f"--knob {knob.name}: {piece!r} has more than {most} values: give a larger step")
    for index in range(int(count) + 1):
        yield _plain(start + index * step)


def _plain(number: Decimal) -> str:
    """Return a number without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
