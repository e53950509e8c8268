"""The variants of a run: every method with every combination of the values that its knobs are turned through."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from inkover import methods
from inkover.errors import InkoverError, nearest
from inkover.knobs import knobs
from inkover.measure.runs import sweep_values
from inkover.measure.runs.sweep_values import Step, Swept
from inkover.methods import parts
from inkover.methods.contract import Method
from inkover.methods.settings import build

MOST = 1000
"""Values of a knob, and variants of a run."""
STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Variant:
    """A method with the knobs that are turned for it."""

    label: str  # method NAME=VALUE ...: of the knobs that have several values, in the order in which they were given
    method: str
    given: Mapping[str, Any]  # the knobs that are turned
    settings: Any  # an instance of the method's settings: all of its knobs
    left_out: tuple[str, ...] = ()  # knobs that are turned for others, and that this method does not have


def grid(
    names: Sequence[str], turned: Sequence[str] = (), steps: int | None = None, masked: bool = False
) -> tuple[Variant, ...]:
    """Return every variant once: ``turned`` are texts NAME=VALUES, ``steps`` those of every method.

    A method is run without the knobs that it lacks. InkoverError for a knob that none has, for a value that a method
    refuses, and for one that has no effect where masks are handed over (``masked``).
    """
    turned = [typed.strip() for typed in turned]
    wanted = [sweep_values.name(typed) for typed in turned]
    _check_names(names, wanted, steps)
    turned = turned if steps is None else [f"{STEPS}={steps}", *turned]
    found = dict[tuple[str, Any], Variant]()
    for name in names:
        method = methods.get(name)
        swept = [sweep_values.read(method, typed, MOST) for typed in turned if _has(method, sweep_values.name(typed))]
        _check_count(len(found) + math.prod(len(one.steps) for one in swept))
        left_out = tuple(knob for knob in wanted if not _has(method, knob))
        for values in product(*(one.steps for one in swept)):
            settings = _built(method, swept, values, steps is not None, masked)
            given = {one.name: step.value for one, step in zip(swept, values, strict=True)}
            variant = Variant(_label(name, swept, values), name, given, settings, left_out)
            found.setdefault((name, settings), variant)
    return tuple(found.values())


def described(variants: Sequence[Variant]) -> dict[str, Any]:
    """Return what a report says of the variants: their labels, all knobs of each, and what is left out where."""
    return {
        "methods": [one.label for one in variants],
        "knobs": {one.label: asdict(one.settings) for one in variants},
        "left_out": {one.label: [*one.left_out] for one in variants if one.left_out},
    }


def notes(variants: Sequence[Variant]) -> Iterator[str]:
    """Yield which method is run without which knobs."""
    lacking = {one.method: one.left_out for one in variants if one.left_out}
    for method, left_out in lacking.items():
        each = " or ".join(left_out)
        yield f"{method} has no knob {each}, and is run without"


def _check_names(names: Sequence[str], wanted: Sequence[str], steps: int | None) -> None:
    """Refuse a knob that is given twice, and one that none of the methods has."""
    if steps is not None and STEPS in wanted:
        raise InkoverError("--steps and --knob steps are both given: leave one out")
    known = list(dict.fromkeys(knob.name for name in names for knob in knobs(methods.get(name).settings)))
    for index, knob in enumerate(wanted):
        if knob not in known:
            raise InkoverError(f"--knob {knob}: none of {', '.join(names)} has it: {nearest(knob, known)}")
        if knob in wanted[:index]:
            raise InkoverError(f"knob {knob} is given twice: write all its values in one --knob")


def _check_count(count: int) -> None:
    if count > MOST:
        raise InkoverError(f"that is a run of {count} variants and more, and {MOST} are the most: give fewer values")


def _has(method: Method, name: str) -> bool:
    return any(knob.name == name for knob in knobs(method.settings))


def _built(method: Method, swept: Sequence[Swept], values: Sequence[Step], short: bool, masked: bool) -> Any:
    """Return a method's settings; InkoverError where it cannot have these values together."""
    try:
        settings = build(method, {one.name: step.value for one, step in zip(swept, values, strict=True)}, masked=masked)
        method.cost(settings)  # what its other knobs make of so few steps is said now
        _check_walked(method, settings.steps, settings.strength)
    except InkoverError as error:
        typed = " ".join(
            f"--steps {step.text}" if short and one.name == STEPS else f"--knob {one.name}={step.text}"
            for one, step in zip(swept, values, strict=True)
        )
        raise InkoverError(
            f"{typed} is not for method {method.name!r} ({error}): give others, or name methods without it"
        ) from error
    return settings


def _check_walked(method: Method, steps: int, strength: float) -> None:
    """Refuse a strength of which no step is left: every photo would stay as it is, and lead what is measured of it."""
    if parts.walked(steps, strength):
        return
    most = next(int(knob.high or steps) for knob in knobs(method.settings) if knob.name == STEPS)
    enough = next((count for count in range(steps + 1, most + 1) if parts.walked(count, strength)), None)
    fewest = "" if enough is None else f": {enough} steps are the fewest"
    raise InkoverError(
        f"strength {strength:g} of {steps} steps is no step, so that every photo would stay as it is{fewest}"
    )


def _label(name: str, swept: Sequence[Swept], values: Sequence[Step]) -> str:
    """Name a variant by what sets it apart, so that no two have one name; a value with spaces is in quotes."""
    pairs = zip(swept, values, strict=True)
    return " ".join([name, *(f"{one.name}={shlex.quote(step.text)}" for one, step in pairs if len(one.steps) > 1)])
