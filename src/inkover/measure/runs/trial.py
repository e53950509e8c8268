"""A trial as a line: what came of one method on one case, written as JSON and read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

COUNTED = ("samples", "evaluated")
SECONDS, VERDICTS = "seconds", ("success", "wanted", "rest")
WORDS = {str(value): value for value in (math.inf, -math.inf, math.nan)}
"""What JSON has no numbers for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A trial: what came of one method on one case."""

    case: str
    kind: str
    method: str  # or what else its variant is called, which may be any text
    figures: Mapping[str, Any] | None  # None: broken
    source: str = ""  # what the photo shows
    words: str = ""  # the change
    broken: str = ""  # why there are no figures
    warnings: tuple[str, ...] = ()  # of the edit
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])  # why a measure has no finite number


def encoded(line: Line) -> bytes:
    """Return a trial as a line of JSON."""
    figures = None if line.figures is None else {name: _plain(value) for name, value in line.figures.items()}
    return as_line(asdict(line) | {"figures": figures})


def decoded(raw: bytes) -> Line | None:
    """Return the trial of a line; None where it is none."""
    try:
        values = json.loads(raw)
        given = values["figures"]
        figures = None if given is None else {name: _number(value) for name, value in given.items()}
        warnings, reasons = values.get("warnings", []), values.get("reasons", {})
        if not (isinstance(warnings, list) and isinstance(reasons, dict)):
            return None
        line = Line(**(values | {"figures": figures, "warnings": tuple(warnings)}))
        texts = (line.case, line.kind, line.method, line.source, line.words, line.broken, *warnings, *reasons.values())
        return line if all(isinstance(text, str) for text in texts) and _are_figures(figures) else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def as_line(values: Mapping[str, Any]) -> bytes:
    """Return plain data as a line of JSON."""
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _are_figures(figures: Mapping[str, Any] | None) -> bool:
    """Say whether these can be the figures of a trial: what every one has is there, and numbers are numbers."""
    if figures is None:
        return True
    counts, seconds = [figures[name] for name in COUNTED], figures[SECONDS]
    return (
        all(type(count) is int and count >= 0 for count in counts)
        and type(seconds) in (int, float)
        and 0 <= seconds < math.inf
        and all(value is None or isinstance(value, bool) == (name in VERDICTS) for name, value in figures.items())
    )


def _plain(value: Any) -> Any:
    """Return a figure as JSON has it, which knows neither infinity nor NaN."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    """Return a figure as a trial has it; ValueError, TypeError or OverflowError where it can be none."""
    if isinstance(value, str):
        return WORDS[value]
    if value is not None:
        float(value)
    return value
