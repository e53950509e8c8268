"""What is handed over: photos, masks, texts and seeds, each checked, and what a recipe says of them."""

from __future__ import annotations

import hashlib
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from inkover import photo as photos
from inkover.app.flow import Mask
from inkover.app.recipe import File
from inkover.errors import InkoverError
from inkover.masks.files import read_mask
from inkover.models.fingerprint import file_hash
from inkover.photo import Photo

if TYPE_CHECKING:
    from PIL import Image

Source = Union[str, Path, Photo, "Image.Image", NDArray[np.generic]]
"""A photo as a caller has it: a file, or pixels."""


def text(name: str, given: str) -> str:
    """Return a text without space around it; refuse what no model reads."""
    if not isinstance(given, str):
        raise InkoverError(f"the {name} text is {given!r}, expected words in quotes")
    if not given.strip().isprintable():
        raise InkoverError(f"{given!r} holds characters that no model reads: write it as one line of plain text")
    return given.strip()


def opened(photo: Source) -> Photo:
    """Read a photo from a file, or take the pixels that were handed over."""
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, str | Path):
        return photos.read(photo)
    return Photo.from_array(photo)


def mask(given: str | Path | NDArray[Any], size: tuple[int, int]) -> Mask:
    """Read a mask file, or check an array: (H, W) in [0, 1] or boolean, of the photo's size, not empty."""
    if isinstance(given, str) and not given.strip():
        raise InkoverError(f"the mask's file is {given!r}, which is empty: give a file, or leave the mask out")
    if isinstance(given, str | Path):
        return read_mask(given, size)
    try:
        array = np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        kind = type(given).__name__
        raise InkoverError(f"the mask is of type {kind}, expected a file or an array (H, W) in [0, 1]") from error
    if array.shape != size:
        raise InkoverError(f"the mask is {array.shape}, the photo {size} (height, width): make them one size")
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise InkoverError("the mask has values outside 0 to 1: divide an 8-bit mask by 255")
    if not array.any():
        raise InkoverError("the mask is empty: make the part to change 1, or leave the mask out")
    return array


def mask_file(given: str | Path | NDArray[Any] | None) -> File | None:
    """Return what a recipe says of a mask that was given."""
    if given is None:
        return None
    if isinstance(given, str | Path):
        return File(str(given), file_hash(Path(given)))
    return File(None, _array_hash(np.asarray(given, np.float32)))


def photo_file(photo: Photo) -> File:
    """Return what a recipe says of a photo."""
    if photo.path is not None and photo.content is not None and not photo.edited:
        return File(str(photo.path), hashlib.sha256(photo.content).hexdigest())
    return File(None, _array_hash(photo.pixels))


def seed(given: int) -> int:
    """Check a seed: any whole number from 0 on, of any library's type."""
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 0:
        raise InkoverError(f"the seed is {given!r}, expected a whole number from 0 on")
    return int(given)


def _array_hash(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array: its shape, its type and its values."""
    head = f"{array.shape} {array.dtype.str} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()
