"""A mask that is said in words: checked before the model is loaded, put together when it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inkover.app import inputs
from inkover.app.flow import Mask
from inkover.app.recipe import File
from inkover.errors import InkoverError
from inkover.masks import algebra
from inkover.masks.algebra import BOX, FILE, FOUND, TEXTS, Node, Place
from inkover.masks.files import read_mask
from inkover.methods.contract import Method


@dataclass(frozen=True, slots=True)
class Where:
    """A mask in words, and the files it is made from."""

    text: str
    node: Node
    files: tuple[File, ...]

    @property
    def finds(self) -> bool:
        """Whether it takes the mask that the method finds."""
        return any(place.kind == FOUND for place in algebra.places(self.node))

    @property
    def asks(self) -> bool:
        """Whether it asks the model anything."""
        return self.finds or any(place.kind in TEXTS for place in algebra.places(self.node))

    def check(self, method: Method, size: tuple[int, int]) -> None:
        """Check what needs no model: every file and box, the texts, and whether the method finds a mask."""
        if self.finds and method.find_mask is None:
            raise InkoverError(f"method {method.name!r} finds no mask, so {FOUND!r} is nothing: use words(TEXT)")
        for place in algebra.places(self.node):
            if place.kind == FILE:
                read_mask(place.texts[0], size)
            elif place.kind == BOX:
                algebra.box(place, size)
            for text in place.texts if place.kind in TEXTS else ():
                inputs.text("mask's", text)

    def mask(self, size: tuple[int, int], asked: Callable[[Place], Mask]) -> Mask:
        """Put the mask together; ``asked`` gives what the model says."""

        def of(place: Place) -> Mask:
            return read_mask(place.texts[0], size) if place.kind == FILE else asked(place)

        return algebra.joined(self.node, size, of)


def read(given: object) -> Where | None:
    """Return what a mask in words says; None for a file, an array, or nothing."""
    return read_as(given) if isinstance(given, str) and algebra.is_expression(given) else None


def read_as(given: str) -> Where:
    """Read a mask in words, and its files."""
    node = algebra.parse(given)
    for name in algebra.files(node):
        if not Path(name).is_file():
            raise InkoverError(f"the mask {given!r} names {name!r}, which is no file: check the name")
    files = [inputs.mask_file(Path(name)) for name in algebra.files(node)]
    return Where(given, node, tuple(file for file in files if file is not None))


def again(text: str, files: tuple[File, ...]) -> Where | None:
    """Return what a recipe's mask says; InkoverError where a file of it is another now."""
    if not text:
        return None
    found = read_as(text)
    now = found.files
    if len(now) != len(files):
        raise InkoverError(f"the recipe names {len(files)} files for its mask {text!r}: hand a file made by --record")
    for before, after in zip(files, now, strict=True):
        if before.sha256 != after.sha256:
            raise InkoverError(f"the mask {before.file} is not the recipe's: hand over the one it was made with")
    return Where(text, found.node, files)
