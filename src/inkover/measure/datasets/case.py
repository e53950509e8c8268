"""A case of a dataset: a photo and what is to be done to it, and whether all of it is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from inkover.errors import InkoverError

if TYPE_CHECKING:
    from inkover.measure.figures.scores import Mask

Runs = tuple[int, ...]
"""A mask as run lengths: start, length, start, length ..."""

Entries = Iterator[tuple[str, Callable[[], "Case"]]]
"""What a layout yields for a folder: where it says so, and what makes the case of it, or raises an InkoverError."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Case:
    """A photo and what is to be done to it."""

    id: str
    kind: str
    photo: Path
    source: str  # what the photo shows; may be empty
    target: str  # what it shall show
    mask: Path | Runs | None = None  # where the edit is to be
    truth: Path | None = None  # the photo as it shall be

    def read_mask(self, size: tuple[int, int]) -> Mask | None:  # size, result: (H, W); in [0, 1]
        """Return the mask of a photo of that size."""
        from inkover.masks.files import read_mask
        from inkover.measure.datasets import run_lengths

        if self.mask is None or isinstance(self.mask, Path):
            return None if self.mask is None else read_mask(self.mask, size)
        mask = run_lengths.decoded(self.mask)
        if mask.shape != size:
            (tall, wide), (height, width) = mask.shape, size
            raise InkoverError(f"{self.photo} is {width} x {height} px, its mask {wide} x {tall}: get the photo again")
        return mask


def problems(case: Case) -> Iterator[str]:
    """Yield what is wrong with each of a case's files, all of which are read."""
    from inkover.photo import read

    size = None
    try:
        size = read(case.photo).size
        case.read_mask(size)
    except InkoverError as error:
        yield str(error)
    more = [path for path in (case.mask if size is None else None, case.truth) if isinstance(path, Path)]
    for path in more:
        try:
            found = read(path).size
        except InkoverError as error:
            yield str(error)
            continue
        if path == case.truth and size is not None and found != size:
            (tall, wide), (height, width) = found, size
            yield f"{path}: the truth is {wide} x {tall} px, the photo {width} x {height}: resize the truth"


def text_of(path: Path, layout: str, expected: str) -> str:
    """Return what a dataset's list holds; InkoverError where the folder is of another layout.

    ``layout`` is what a folder is of: PIE-Bench, cases.
    """
    if not path.parent.is_dir():
        raise InkoverError(f"{path.parent} is no folder: give the folder of {layout}, with {expected}")
    if not path.is_file():
        raise InkoverError(
            f"{path.parent} is no folder of {layout}, it has no {path.name}: give the one with {expected}"
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise InkoverError(f"{path} cannot be read ({problem}): get it again") from problem


def json_of(path: Path, layout: str, expected: str) -> Any:
    """Return what a dataset's list of JSON holds."""
    text = text_of(path, layout, expected)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise InkoverError(f"{path} is no JSON ({problem}): get it again") from problem


def value(entry: Any, key: str, kind: type[T], expected: str) -> T:
    """Return what an entry says under a key; InkoverError where that is missing or of another type."""
    if not isinstance(entry, Mapping):
        raise InkoverError(f"{_short(entry)} came, expected an object with {key!r}")
    if key not in entry:
        raise InkoverError(f"{key!r} is missing, expected {expected}")
    found = entry[key]
    if not isinstance(found, kind):
        raise InkoverError(f"{key!r} is {_short(found)}, expected {expected}")
    return found


def file(entry: Any, key: str, folder: Path) -> Path:
    """Return the file of a folder that an entry names under a key; InkoverError where it names none."""
    name = value(entry, key, str, f"a file in {folder}")
    if not name.strip():
        raise InkoverError(f"{key!r} is {name!r}, expected a file in {folder}")
    return folder / name


def _short(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:37]}..."
