"""Whether the coded data of a JPEG is all there: a file cut short decodes in silence when it has an end marker."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np

from inkover.photo.jpeg import FRAMES, SOS, Segment, segments
from inkover.photo.photo import Array

_LUMA = np.array([0.299, 0.587, 0.114])
_MORE = 4096  # bytes, enough for hundreds of blocks to come out differently


def missing(content: bytes, stored: Array) -> str | None:  # stored: (H, W, 1 or 3), the picture decoded from it
    """Say what a JPEG lacks, None if it is whole.

    A decoder that runs out of data goes on with zeros. So a whole picture stays the same whatever is put behind its
    data, and one that was cut short does not. In a file of one sequential scan the last block of a cut picture is
    middle grey, which spares nearly all of them the second decoding.
    """
    parts = list(segments(content))
    frame = next(part for part in parts if part.marker in FRAMES).payload
    scans = [part.payload for part in parts if part.marker == SOS]
    begun = {scan[1 + 2 * i] for scan in scans for i in range(scan[0]) if scan[-3] == 0}
    if not begun >= {frame[6 + 3 * i] for i in range(frame[5])}:
        return "scans are missing"
    sequential = len(scans) == 1 and scans[0][-3:] == b"\0\x3f\0"
    if sequential and abs(_light(stored[-1, -1]) - 128) > 2.5:
        return None
    return None if np.array_equal(_decoded(_lengthened(parts), stored.shape[2]), stored) else "its last scan is cut"


def _light(pixel: Array) -> float:
    return float(pixel @ _LUMA) if len(pixel) == 3 else float(pixel[0])


def _lengthened(parts: list[Segment]) -> bytes:
    """Return the JPEG with more data behind its last scan, of a kind that no decoder takes for zeros."""
    more = np.random.default_rng(0).integers(0, 255, _MORE, np.uint8).tobytes()
    last = max(i for i, part in enumerate(parts) if part.marker == SOS)
    whole = [part.bytes() + (more if i == last else b"") for i, part in enumerate(parts)]
    return b"\xff\xd8" + b"".join(whole) + b"\xff\xd9"


def _decoded(content: bytes, channels: int) -> Array:
    from PIL import Image

    with warnings.catch_warnings(), Image.open(BytesIO(content), formats=("JPEG",)) as image:
        warnings.simplefilter("ignore")
        return np.asarray(image.convert("L" if channels == 1 else "RGB")).reshape(image.height, image.width, channels)
