"""A recipe as the command that makes its picture: what is usual is left unsaid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkover import methods
from inkover.app.cleanup import USUAL
from inkover.app.recipe import Recipe
from inkover.errors import InkoverError
from inkover.knobs import Knob
from inkover.methods.settings import knobs

OPTIONS = ("negative", "steps", "strength", "guidance", "sampler", "inversion")
"""The knobs that have an option of their own."""


def command(recipe: Recipe, photo: Path, output: Path, record: Path) -> tuple[str, ...]:
    """Return ``inkover edit ...`` as a list of arguments; InkoverError for a recipe that no command line tells.

    What the recipe calls the model is said always: the reader's own default may be another.
    """
    if recipe.edits:
        raise InkoverError("the recipe makes several changes: ask about one of them, made alone with --from and --to")
    return (
        "inkover", "edit", _no_option(photo), *_texts(recipe), *_place(recipe), *_knobs(recipe), *_model(recipe),
        "-o", str(output), "--record", str(record), *([] if recipe.mark else ["--no-mark"]),
    )  # fmt: skip


def _no_option(file: Path) -> str:
    """Return a file's name as no command line takes it for an option."""
    return os.path.join(os.curdir, file) if str(file).startswith("-") else str(file)


def _texts(recipe: Recipe) -> Iterator[str]:
    if recipe.source:
        yield from ("--from", recipe.source)
    yield from ("--to", recipe.target, "--method", recipe.method)
    if recipe.seed:
        yield from ("--seed", str(recipe.seed))


def _place(recipe: Recipe) -> Iterator[str]:
    """Yield where it is edited; a soft edge is said as it was used, whoever chose it."""
    masked = bool(recipe.mask or recipe.where)
    if recipe.where:
        yield from ("--mask", recipe.where)
    elif recipe.mask is not None:
        if recipe.mask.file is None:
            raise InkoverError("the recipe's mask was no file: make the edit again with --mask FILE and --record")
        yield from ("--mask", recipe.mask.file)
    finds = methods.get(recipe.method).find_mask is not None
    if recipe.grow and (masked or finds):
        yield from ("--grow", _number(recipe.grow))
    if recipe.feather >= 1 and (masked or finds):
        yield from ("--feather", _number(recipe.feather))
    if recipe.windows:
        yield "--windows"
    clean = recipe.cleanup
    amounts = [f"{name}={_number(value)}" for name in USUAL if (value := getattr(clean, name))]
    if cleaned := ",".join([*(["color"] if clean.color else []), *amounts]):
        yield from ("--cleanup", cleaned)


def _knobs(recipe: Recipe) -> Iterator[str]:
    """Yield the knobs that are not at their defaults; a given mask leaves those of the automatic one no part."""
    masked = bool(recipe.mask or recipe.where)
    for knob in knobs(methods.get(recipe.method).settings):
        value = recipe.settings.get(knob.name, knob.default)
        if value == knob.default or (masked and knob.stage == "mask"):
            continue
        yield from _turned(knob, value)


def _turned(knob: Knob, value: Any) -> tuple[str, str]:
    said = _number(value) if knob.kind in (int, float) else str(value).lower() if knob.kind is bool else str(value)
    return (f"--{knob.name}", said) if knob.name in OPTIONS else ("--set", f"{knob.name}={said}")


def _model(recipe: Recipe) -> Iterator[str]:
    model = recipe.model
    if model.spec is not None:
        yield from ("--model", model.spec)
    if model.config is not None:
        yield from ("--config", model.config)
    if model.spec is not None and model.dtype not in ("", "float32"):
        yield from ("--dtype", model.dtype)


def _number(value: float) -> str:
    """Return a number as it is typed: every digit it has, and no more."""
    return repr(int(value)) if float(value).is_integer() else repr(float(value))
