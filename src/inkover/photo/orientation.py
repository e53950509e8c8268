"""EXIF orientation: from the stored frame to the upright one and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inkover.photo.photo import Array

_TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_INVERSE = {6: 8, 8: 6}  # quarter turns; all others undo themselves


def upright(stored: Array, orientation: int) -> Array:
    """Turn a stored picture (H, W, ...) upright, a new contiguous array or the same one for orientation 1."""
    if orientation == 1:
        return stored
    return np.ascontiguousarray(_TURNS[orientation](stored))


def stored_view(upright_picture: Array, orientation: int) -> Array:
    """Return ``stored`` as a view of the upright picture: no pixel is copied."""
    turn = _TURNS.get(_INVERSE.get(orientation, orientation))
    return turn(upright_picture) if turn else upright_picture


def stored(upright_picture: Array, orientation: int) -> Array:
    """Turn an upright picture (H, W, ...) back into the frame the file stores."""
    return upright(upright_picture, _INVERSE.get(orientation, orientation))
