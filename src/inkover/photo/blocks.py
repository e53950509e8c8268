"""The blocks of a JPEG: which ones an edit touches, and their new coefficients; all others stay as they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from inkover.errors import InkoverError
from inkover.photo.jpeg import Component, Frame, Segment, coding_only
from inkover.photo.photo import Array, Floats

_COLOURS = np.array(  # JFIF: luma and chroma of R, G, B
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.5],
        [0.5, -0.587 / 1.402, -0.114 / 1.402],
    ]
)
_COSINES = np.array(
    [[np.cos((2 * x + 1) * u * np.pi / 16) * (0.5 if u else np.sqrt(0.125)) for x in range(8)] for u in range(8)]
)
_FORWARD = np.kron(_COSINES, _COSINES)  # (64, 64): a block's samples, row by row, to its coefficients
_RANGE = -1024, 1023  # of eight bits
_AT_ONCE = 1 << 11  # blocks: what is worked on stays in the cache
_ROWS = 64  # compared at once


def coefficients(parts: list[Segment]) -> tuple[Array, ...]:
    """Read the quantised coefficients of each component: (rows, columns, 8, 8) int16."""
    import jpeglib

    try:
        with tempfile.TemporaryDirectory(prefix="inkover-") as folder:
            file = Path(folder, "photo.jpg")
            file.write_bytes(coding_only(parts))
            with jpeglib.version("turbo210"):
                read = jpeglib.read_dct(str(file))
                planes = [plane for plane in (read.Y, read.Cb, read.Cr) if plane is not None]
                return tuple(np.clip(plane, -2047, 2047) for plane in planes)  # damaged files hold others
    except OSError as problem:
        reason = problem.strerror or problem
        raise InkoverError(f"the photo's JPEG blocks cannot be read ({reason}): use -o NAME.png") from None


def edited(
    planes: tuple[Array, ...],  # of each component: (rows, columns, 8, 8) int16
    frame: Frame,
    stored: Array,  # (H, W, 3) uint8 RGB: the edited photo in the stored frame
    changed: Array,  # (H, W) bool: where it differs from the file
) -> tuple[Array, ...]:
    """Return new coefficients for the blocks with a changed pixel; samples without one keep their exact value."""
    mcus = touched_mcus(changed, frame)
    if mcus is None:
        return planes
    picture, moved = _padded(stored, frame, mcus), _padded(changed, frame, mcus)
    return tuple(
        _updated(plane, component, frame, _sampled(_plane(picture, i, frame), component, frame),
                 _sampled(moved.astype(np.float32), component, frame) > 0, mcus)
        for i, (plane, component) in enumerate(zip(planes, frame.components, strict=True))
    )  # fmt: skip


def differing(one: Array, other: Array) -> Array:  # (H, W, 3) twice -> (H, W) bool
    """Say at which pixels two pictures of one size differ; parts that are the same cost next to nothing."""
    changed = np.zeros(one.shape[:2], bool)
    for first in range(0, len(one) if one is not other else 0, _ROWS):
        rows = slice(first, first + _ROWS)
        if not np.array_equal(one[rows], other[rows]):
            changed[rows] = (one[rows] != other[rows]).any(axis=2)
    return changed


def touched_mcus(changed: Array, frame: Frame) -> tuple[int, int, int, int] | None:
    """Return the box of MCUs (y0, x0, y1, x1) that holds every changed pixel."""
    down, across = frame.most
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not rows.size:
        return None
    high, wide = 8 * down, 8 * across
    return (int(rows[0]) // high, int(columns[0]) // wide, int(rows[-1]) // high + 1, int(columns[-1]) // wide + 1)


def _padded(picture: Array, frame: Frame, mcus: tuple[int, int, int, int]) -> Array:
    """Cut out whole MCUs; beyond the photo's edge its last pixels go on."""
    down, across = frame.most
    y0, x0, y1, x1 = mcus
    cut = picture[8 * down * y0 : 8 * down * y1, 8 * across * x0 : 8 * across * x1]
    missing = 8 * down * (y1 - y0) - cut.shape[0], 8 * across * (x1 - x0) - cut.shape[1]
    around = [(0, missing[0]), (0, missing[1]), (0, 0)][: picture.ndim]
    return np.pad(cut, around, mode="edge") if any(missing) else cut


def _plane(picture: Array, index: int, frame: Frame) -> Floats:
    """Return one component of (H, W, 3) at full size, centred on 0."""
    if len(frame.components) == 1 or not frame.luminance:
        return picture[..., index].astype(np.float32) - 128
    mixed: Floats = (picture @ _COLOURS[index].astype(np.float32)).astype(np.float32)
    return mixed - 128 if index == 0 else mixed


def _sampled(plane: Floats, component: Component, frame: Frame) -> Floats:
    """Bring a plane to the component's own size by area means."""
    import cv2

    down, across = frame.most
    size = plane.shape[1] * component.across // across, plane.shape[0] * component.down // down
    if size == plane.shape[::-1]:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _updated(
    plane: Array, component: Component, frame: Frame, wanted: Floats, moved: Array, mcus: tuple[int, int, int, int]
) -> Array:
    """Quantise the wanted samples of the touched blocks of one component."""
    top, left = mcus[0] * component.down, mcus[1] * component.across
    rows, columns = frame.blocks(component)
    here = (slice(top, min(mcus[2] * component.down, rows)), slice(left, min(mcus[3] * component.across, columns)))
    tall, wide = here[0].stop - top, here[1].stop - left
    wanted, moved = _tiles(wanted)[:tall, :wide], _tiles(moved)[:tall, :wide]
    touched = np.argwhere(moved.any(axis=(2, 3)))
    result = plane.copy()
    for first in range(0, len(touched), _AT_ONCE):
        y, x = touched[first : first + _AT_ONCE].T
        samples, new = wanted[y, x].reshape(-1, 64).astype(np.float64), moved[y, x].reshape(-1, 64)
        partly = ~new.all(axis=1)
        old = plane[top + y[partly], left + x[partly]].astype(np.float64) * component.table
        samples[partly] = np.where(new[partly], samples[partly], old.reshape(-1, 64) @ _FORWARD)
        values = (samples @ _FORWARD.T).reshape(-1, 8, 8) / component.table
        result[top + y, left + x] = np.clip(np.rint(values), *_RANGE).astype(np.int16)
    return result


def _tiles(plane: Array) -> Array:
    """Cut (8 n, 8 m) into (n, m, 8, 8)."""
    return plane.reshape(plane.shape[0] // 8, 8, plane.shape[1] // 8, 8).swapaxes(1, 2)
