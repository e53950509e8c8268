"""A method's settings: from what the user gave to a checked, frozen object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from inkover.errors import InkoverError, nearest
from inkover.methods.contract import Method

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting as the user sees it; bounds are included, None is no bound."""

    name: str
    kind: type[Any]  # int, float, str or bool
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    stage: str  # what it belongs to, mask or edit, or ""


def knobs(settings: type[Any]) -> tuple[Knob, ...]:
    """Return the knobs of a settings class, in the order of its fields."""
    kinds = get_type_hints(settings)
    return tuple(Knob(f.name, kinds[f.name], f.default, **f.metadata) for f in fields(settings))


def build(method: Method, given: Mapping[str, Any], *, masked: bool = False, looking: bool = False) -> Any:
    """Return the method's settings with the given values in place of its defaults.

    ``masked`` says that the user gives the mask: then a knob that only shapes the automatic one is refused.
    ``looking`` says that only the mask is looked for: then a knob that only shapes the edit is refused.
    """
    values = {_named(method, name).name: value for name, value in given.items()}
    idle = [name for name in values if masked and _named(method, name).stage == "mask"]
    if idle:
        raise InkoverError(f"{idle[0]} shapes the automatic mask, but a mask is given: leave out one of the two")
    idle = [name for name in values if looking and _named(method, name).stage == "edit"]
    if idle:
        raise InkoverError(f"{idle[0]} shapes the edit and not the mask: leave it out, and give it to the edit")
    return method.settings(**values)


def parse(method: Method, assignments: Iterable[str]) -> dict[str, Any]:
    """Read texts NAME=VALUE into values of the knobs' types; a dash in a name stands for an underscore."""
    given: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise InkoverError(f"setting {text!r} has no value: write NAME=VALUE, such as {_example(method)}")
        knob = _named(method, name.strip())
        if knob.name in given:
            raise InkoverError(f"{knob.name} is set twice: give it once")
        given[knob.name] = _read(knob, value.strip())
    return given


def check(settings: Any) -> None:
    """Refuse a settings object with a value of another type or out of its knob's bounds or choices."""
    for knob in knobs(type(settings)):
        _check(knob, getattr(settings, knob.name))


def _named(method: Method, name: str) -> Knob:
    known = {knob.name: knob for knob in knobs(method.settings)}
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise InkoverError(f"method {method.name!r} has no setting {name!r}: {nearest(name, tuple(known))}")
    return found


def _example(method: Method) -> str:
    first = knobs(method.settings)[0]
    return f"{first.name}={first.default}"


def _read(knob: Knob, text: str) -> Any:
    try:
        return _WORDS[text.lower()] if knob.kind is bool else knob.kind(text)
    except (ValueError, KeyError):
        raise InkoverError(f"{knob.name}={text} is not {_KINDS[knob.kind]}: give {_wanted(knob)}") from None


def _check(knob: Knob, value: Any) -> None:
    allowed = (int, float) if knob.kind is float else (knob.kind,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and knob.kind is not bool):
        raise InkoverError(f"{knob.name} is {value!r}, not {_KINDS[knob.kind]}: give {_wanted(knob)}")
    if knob.choices and value not in knob.choices:
        raise InkoverError(f"no {knob.name} {value!r}: {nearest(str(value), knob.choices)}")
    if isinstance(value, str):
        return
    low = -math.inf if knob.low is None else knob.low
    high = math.inf if knob.high is None else knob.high
    if not (math.isfinite(value) and low <= value <= high):
        raise InkoverError(f"{knob.name} {value} is out of range: give {_wanted(knob)}")


def _wanted(knob: Knob) -> str:
    """Say in words what a knob takes."""
    if knob.choices:
        return "one of " + ", ".join(knob.choices)
    ends = [f"{word} {end:g}" for word, end in (("from", knob.low), ("up to", knob.high)) if end is not None]
    return " ".join([_KINDS[knob.kind], *ends])
