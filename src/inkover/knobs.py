"""Knobs: the settings that a user turns, from what was typed to a checked, frozen object."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from inkover.errors import InkoverError, nearest

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    stage: str = "",
) -> Any:
    """Declare one setting: a dataclass field with its plain words and its bounds (both included).

    ``stage`` names what it belongs to, where that is one thing: a setting of ``mask`` says nothing when the user gives
    the mask, one of ``edit`` says nothing when only the mask is looked for.
    """
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices, "stage": stage})


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


def defaults(settings: type[Any]) -> dict[str, Any]:
    """Return what each knob of a settings class is where nothing is said."""
    return {knob.name: knob.default for knob in knobs(settings)}


def turned(settings: Any, names: Iterable[str]) -> list[str]:
    """Return which of the named knobs of settings are not at their defaults."""
    usual = defaults(type(settings))
    return [name for name in names if getattr(settings, name) != usual[name]]


def named(owner: str, settings: type[Any], name: str) -> Knob:
    """Return the knob of that name; ``owner`` says whose settings they are, such as ``method 'ddim'``."""
    known = {knob.name: knob for knob in knobs(settings)}
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise InkoverError(f"{owner} has no setting {name!r}: {nearest(name, tuple(known))}")
    return found


def parse(owner: str, settings: type[Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Read texts NAME=VALUE into values of the knobs' types; a dash in a name stands for an underscore."""
    given: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise InkoverError(f"setting {text!r} has no value: write NAME=VALUE, such as {_example(settings)}")
        knob = named(owner, settings, name.strip())
        if knob.name in given:
            raise InkoverError(f"{knob.name} is set twice: give it once")
        given[knob.name] = _read(knob, value.strip())
    return given


def check(settings: Any) -> None:
    """Refuse a settings object with a value of another type or out of its knob's bounds or choices."""
    for knob in knobs(type(settings)):
        _check(knob, getattr(settings, knob.name))


def _example(settings: type[Any]) -> str:
    first = knobs(settings)[0]
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
    if not (_is_number(value) and low <= value <= high):
        raise InkoverError(f"{knob.name} {value} is out of range: give {_wanted(knob)}")


def _is_number(value: float) -> bool:
    """Tell whether a value is one that is calculated with: no infinity, no NaN, and no whole number beyond them."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _wanted(knob: Knob) -> str:
    """Say in words what a knob takes."""
    if knob.choices:
        return "one of " + ", ".join(knob.choices)
    ends = [f"{word} {end:g}" for word, end in (("from", knob.low), ("up to", knob.high)) if end is not None]
    return " ".join([_KINDS[knob.kind], *ends])
