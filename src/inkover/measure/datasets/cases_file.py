"""The layout of anybody's own photos: a folder with cases.jsonl, one object a line."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from inkover.errors import InkoverError, nearest
from inkover.measure.datasets.case import Case, Entries, file, text_of, value

LIST, KIND = "cases.jsonl", "edit"
KEYS = ("id", "photo", "from", "to", "mask", "truth", "kind")


def entries(folder: Path) -> Entries:
    """Yield the cases in the order of the lines; an empty line is none."""
    for number, line in enumerate(text_of(folder / LIST, "cases", LIST).split("\n"), 1):
        if line.strip():
            yield f"{LIST} line {number}", partial(_case, folder, line)


def _case(folder: Path, line: str) -> Case:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise InkoverError(f"is no JSON ({problem})") from problem
    photo = file(entry, "photo", folder)
    for key in entry:
        if key not in KEYS:
            raise InkoverError(f"has an unknown key {key!r}: {nearest(key, KEYS)}")
    mask, truth = (file(entry, key, folder) if key in entry else None for key in ("mask", "truth"))
    return Case(
        value(entry, "id", str, "a text"),
        value({"kind": KIND} | entry, "kind", str, "a text"),
        photo,
        value(entry, "from", str, "a text"),
        value(entry, "to", str, "a text"),
        mask,
        truth,
    )
