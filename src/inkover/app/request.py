"""What one command line asks for, in four handfuls."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkover.errors import InkoverError

if TYPE_CHECKING:
    from inkover.app.edits import Edit
    from inkover.app.flow import Wish
    from inkover.methods.contract import Method


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be done; None where the command line says nothing."""

    photo: Path
    to: str | None
    source: str | None
    method: str | None
    seed: int | None
    mask: str | None  # a file, or a mask in words
    grow: float | None
    feather: float | None
    cleanup: str | None
    named: Mapping[str, Any]  # knobs that have an option of their own
    knobs: tuple[str, ...]  # NAME=VALUE
    max_pixels: int
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    windows: bool = False
    several: tuple[Edit, ...] = ()  # that a file lists

    def given(self) -> list[str]:
        """Return the options that a recipe stands in place of, as far as they were given."""
        several = {"add": self.add, "remove": self.remove, "change": self.change, "windows": self.windows}
        own = {name: value or None for name, value in several.items()}
        own |= {"to": self.to, "from": self.source, "method": self.method, "seed": self.seed}
        edges = {"grow": self.grow, "feather": self.feather, "cleanup": self.cleanup, "set": self.knobs or None}
        return [f"--{name}" for name, value in (own | edges | dict(self.named)).items() if value is not None]


@dataclass(frozen=True, slots=True)
class Engine:
    """Which model, and how it runs."""

    model: str | None
    config: Path | None
    device: str | None
    dtype: str | None
    remember: bool = True  # inversions, on disk


@dataclass(frozen=True, slots=True)
class Files:
    """Where results go."""

    output: Path | None
    save_mask: Path | None
    save_overlay: Path | None
    record: Path | None
    count: int
    force: bool
    mark: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """How the command speaks."""

    json: bool
    quiet: bool

    def note(self, text: str) -> None:
        """Say something useful that is no problem."""
        if not self.quiet:
            print(f"inkover: note: {text}", file=sys.stderr)

    def warn(self, text: str) -> None:
        """Say something that the user should look at."""
        print(f"inkover: warning: {text}", file=sys.stderr)


def wish(ask: Ask, looking: bool = False) -> Wish:
    """Return what the command line asks for, checked; ``looking`` for the mask alone."""
    from inkover import methods, photo
    from inkover.app import asked, edits, where

    if ask.to is None and not (ask.add or ask.remove or ask.change or ask.several):
        raise InkoverError('say what the photo shall show: --to "a blue ball on grass" (or repeat: --recipe FILE)')
    turning = bool(ask.change) or any(edit.source for edit in ask.several)
    coming = bool(ask.add or ask.remove) or any(not edit.source for edit in ask.several)
    if turning and coming:
        raise InkoverError("--change and --add or --remove are both given: they are of two methods, give one kind")
    method = methods.get(ask.method or asked.usual(turning or coming, turning))
    settings = _settings(ask, method)
    several = [
        *(edits.parsed(text, False, method) for text in ask.add),
        *(edits.parsed(text, True, method) for text in ask.remove),
        *(edits.turned(text, method) for text in ask.change),
        *ask.several,
    ]
    source, target = asked.prompts(ask.source or "", ask.to or "", several)
    asked.weighed(method, source, target)
    opened = photo.read(ask.photo, ask.max_pixels)
    edges, masked = (ask.grow or 0.0, ask.feather, ask.cleanup or ""), ask.mask is not None
    place, seed = where.read(ask.mask), ask.seed or 0
    return asked.wish(
        opened, source, target, method.name, settings, seed, *edges, masked, looking, several, ask.windows, place
    )


def _settings(ask: Ask, method: Method) -> dict[str, Any]:
    """Return the knobs that the command line turns, from ``--set`` and from the options of their own."""
    from inkover.methods.settings import parse

    named = {name: value for name, value in ask.named.items() if value is not None}
    listed = parse(method, ask.knobs)
    twice = sorted(named.keys() & listed.keys())
    if twice:
        raise InkoverError(f"--{twice[0]} and --set {twice[0]} are both given: leave one out")
    return named | listed
