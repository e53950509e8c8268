"""A method's settings: from what the user gave to a checked, frozen object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inkover import knobs as shared
from inkover.errors import InkoverError
from inkover.knobs import Knob, check, knobs
from inkover.methods.contract import Method

__all__ = ["Knob", "build", "check", "knobs", "parse"]


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
    return shared.parse(_owner(method), method.settings, assignments)


def _named(method: Method, name: str) -> Knob:
    return shared.named(_owner(method), method.settings, name)


def _owner(method: Method) -> str:
    return f"method {method.name!r}"
