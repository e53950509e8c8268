"""``inkover methods`` and ``inkover models``: what there is, in plain words."""

from __future__ import annotations

import json as js
from collections.abc import Sequence
from typing import Any

from inkover import methods as index
from inkover.app import config
from inkover.errors import InkoverError
from inkover.methods.contract import Method
from inkover.methods.settings import Knob, knobs
from inkover.models.catalog import Entry, listing
from inkover.models.loading import find

NEXT = {
    "hub": "get a model for any photo: inkover models get HUB_ID",
    "use": "use one: inkover edit PHOTO --to TEXT --model NAME (or a folder, or a .safetensors file)",
}


def methods(name: str | None, json: bool) -> None:
    """Print all methods, or one with its knobs."""
    if name is not None:
        method = index.get(name)
        _print(_described(method), json, _knob_lines(method))
        return
    found = [index.get(name) for name in index.names()]
    lines = [line for method in found for line in _lines(method)] + ["", "Knobs of one: inkover methods NAME"]
    _print({"methods": [_described(method) for method in found]}, json, lines)


def models(json: bool) -> None:
    """Print all models that are on this machine or come with the package."""
    entries = listing()
    rows = [{"name": e.name, "kind": e.kind, "folder": str(e.folder), "present": e.present} for e in entries]
    default = config.defaults().model
    lines = [_model_line(entry, default) for entry in entries] + _unlisted(default, entries)
    _print({"models": rows, "default": default}, json, [*lines, "", *(f"To {line}" for line in NEXT.values())])


def _print(values: Any, json: bool, lines: list[str]) -> None:
    print(js.dumps(values) if json else "\n".join(lines))


def _described(method: Method) -> dict[str, Any]:
    """Return all that is known of a method."""
    return {
        "name": method.name,
        "summary": method.summary,
        "paper": method.paper,
        "finds_mask": method.find_mask is not None,
        "samples": dict(method.cost(method.settings())),
        "knobs": [_knob(knob) for knob in knobs(method.settings)],
    }


def _knob(knob: Knob) -> dict[str, Any]:
    bounds = {"low": knob.low, "high": knob.high, "choices": list(knob.choices)}
    return {"name": knob.name, "kind": knob.kind.__name__, "default": knob.default, "help": knob.help} | bounds


def _lines(method: Method) -> list[str]:
    """Say in plain words what a method does and costs."""
    default = "  (default)" if method.name == index.names()[0] else ""
    return [f"{method.name}{default}", f"  {method.summary}", f"  {_cost(method)}"]


def _cost(method: Method) -> str:
    """Say what a method costs at its defaults."""
    samples = {stage: number for stage, number in method.cost(method.settings()).items() if number}
    parts = ", ".join(f"{number} {stage}" for stage, number in samples.items())
    return f"{sum(samples.values())} network samples at its defaults ({parts})"


def _knob_lines(method: Method) -> list[str]:
    found = knobs(method.settings)
    width = max(len(knob.name) for knob in found)
    rows = [f"  {knob.name:<{width}}  {_typed(knob):<8}  {knob.help}{_range(knob)}" for knob in found]
    return [*_lines(method), f"  {method.paper}", "", "Knobs, with their defaults: --set NAME=VALUE", *rows]


def _typed(knob: Knob) -> str:
    """Return a knob's default as it is typed."""
    return str(knob.default).lower() if knob.kind is bool else str(knob.default)


def _range(knob: Knob) -> str:
    if knob.choices:
        return f" [{', '.join(knob.choices)}]"
    if knob.low is None and knob.high is None:
        return ""
    low, high = ("" if end is None else f"{end:g}" for end in (knob.low, knob.high))
    return f" [{low} to {high}]"


def _unlisted(default: str, entries: Sequence[Entry]) -> list[str]:
    """Name the default where it is a folder, a file, or something that is not on this machine."""
    if any(entry.name == default for entry in entries):
        return []
    try:
        return [f"{default}  (default)\n  {find(default)[1]}"]
    except InkoverError as error:
        return [f"{default}  (default)\n  {error}"]


def _model_line(entry: Entry, default: str) -> str:
    there = "" if entry.present else "  (not complete: get it again)"
    chosen = "  (default)" if entry.name == default else ""
    return f"{entry.name}  {entry.kind}{chosen}{there}\n  {entry.folder}"
