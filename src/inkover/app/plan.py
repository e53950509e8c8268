"""A recipe that somebody wrote: what the command line can say, in a file, for lists too long to type."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inkover.app.edits import MASK, Edit, arrowed
from inkover.app.recipe import fits
from inkover.app.request import Ask
from inkover.errors import InkoverError, nearest
from inkover.masks import algebra

_KINDS: Mapping[str, tuple[type, ...]] = {
    "from": (str,),
    "to": (str,),
    "method": (str,),
    "seed": (int,),
    "mask": (str,),
    "grow": (int, float),
    "feather": (int, float),
    "cleanup": (str,),
    "windows": (bool,),
    "settings": (dict,),
    "edits": (list,),
}
DOING = frozenset({"to", "edits"})
DOES = ("add", "remove", "change")


def read(path: Path, ask: Ask) -> Ask | None:
    """Return what a recipe that was written by hand asks for; None for one that was recorded.

    It is TOML where it is named so, else JSON. Files that it names are looked for in its own folder.
    """
    values = _values(path)
    if values is None or "recipe" in values or not (_is_toml(path) or DOING & values.keys()):
        return None
    for key, value in values.items():
        if key not in _KINDS:
            raise InkoverError(f"{path} has an unknown key {key!r}: {nearest(key, tuple(_KINDS))}")
        _typed(value, _KINDS[key], f"{path} has {key}", empty=key == "from")  # no text is one
    if not (DOING & values.keys()):
        raise InkoverError(f"{path} says nothing to do: give it a line to, or [[edits]] with add, remove or change")
    mask = values.get("mask")
    if mask is not None and ask.mask is not None:
        raise InkoverError("--mask and --recipe are both given: the recipe says it already, leave one out")
    if values.get("edits") == [] and "to" not in values:
        raise InkoverError(f"{path} lists no edits: give it [[edits]] with add, remove or change, or a line to")
    return replace(
        ask,
        to=values.get("to"),
        source=values.get("from", ""),
        method=values.get("method"),
        seed=values.get("seed"),
        mask=ask.mask if mask is None else _where(path, mask),
        grow=values.get("grow"),
        feather=values.get("feather"),
        cleanup=values.get("cleanup"),
        named=dict(values.get("settings", {})),
        windows=values.get("windows", False),
        several=tuple(_edit(path, number, one) for number, one in enumerate(values.get("edits", []), 1)),
    )


def _is_toml(path: Path) -> bool:
    return path.suffix.lower() == ".toml"


def _values(path: Path) -> dict[str, Any] | None:
    """Read a file's table; None where it is for the reader of recorded recipes to say what is wrong."""
    toml = _is_toml(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with its mark
        values = tomllib.loads(text) if toml else json.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InkoverError(f"{path} is no TOML ({error}): mend that line") from error
    except (OSError, ValueError, RecursionError) as error:
        if toml:
            raise InkoverError(f"{path} cannot be read as a recipe ({error}): hand a file of TOML") from error
        return None
    return values if isinstance(values, dict) else None


def _edit(path: Path, number: int, values: Any) -> Edit:
    """Read one of the edits: what it does, its mask, and knobs of its own."""
    where = f"{path}, edit {number}"
    _typed(values, (dict,), f"{where} is")
    does = [name for name in DOES if name in values]
    if len(does) != 1:
        raise InkoverError(f"{where} does {' and '.join(does) or 'nothing'}: give one of add, remove and change")
    text, mask = values[does[0]], values.get(MASK)
    _typed(text, (str,), f"{where} has {does[0]}")
    settings = {name: value for name, value in values.items() if name not in (does[0], MASK)}
    if mask is not None:
        _typed(mask, (str,), f"{where} has mask")
    if mask is not None and not algebra.is_expression(mask):  # words are refused where edits are checked
        mask = _beside(path, mask)
    edit = Edit(text.strip(), does[0] == "remove", "", settings, mask)
    return arrowed(edit, text) if does[0] == "change" else edit


def _where(path: Path, mask: str) -> str:
    """Return a mask, a file or in words, with its files beside the recipe."""
    if algebra.is_expression(mask):
        return algebra.renamed(mask, lambda name: str(_beside(path, name)))
    return str(_beside(path, mask))


def _beside(path: Path, file: str) -> Path:
    return path.parent / Path(file).expanduser()


def _typed(value: Any, kinds: tuple[type, ...], what: str, empty: bool = False) -> None:
    """Refuse a value of another type, and a text that is ``empty`` where it may not be."""
    if isinstance(value, str) and str in kinds and not (empty or value.strip()):
        raise InkoverError(f"{what} {value!r}, which is empty: write it, or leave that line out")
    if not fits(value, kinds):
        names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table",
                 list: "a list"}  # fmt: skip
        raise InkoverError(f"{what} {value!r}, expected {' or '.join(names[kind] for kind in kinds)}")
