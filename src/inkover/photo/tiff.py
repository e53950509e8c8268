"""TIFF: what its first directory says, and writing one that keeps every tag but those of the pixels."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction

import numpy as np

from inkover.photo.directory import LONG, RATIONAL, SHORT, UNDEFINED, Directory, Entry, block, parsed, serialised
from inkover.photo.photo import Array, Metadata

_ORIENTATION, _XMP, _ICC = 274, 700, 34675
_DEFLATE, _NONE = 8, 1
_PIXELS = frozenset(
    (254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292, 293, 317, 318)
    + (319, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 338, 339, 340, 341, 347)
    + (512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 37724)  # 37724: the layers before the edit
)
"""Tags that describe how the old pixels lie in the file; they are written anew or hold for those alone."""


def depth(directory: Directory) -> int:
    """Return the largest number of bits a channel."""
    return max(directory.numbers(258), default=1)


def strange(directory: Directory) -> str | None:
    """Say what a TIFF holds that could not come back as it was; None for plain colours, grey, and transparency."""
    kinds = {1: "whole numbers", 2: "signed numbers", 3: "floating point values", 4: "whole numbers"}
    kind = next((kinds.get(number, "complex numbers") for number in directory.numbers(339) if number not in (1, 4)), "")
    channels = directory.number(277, 1)
    further = channels - (3 if directory.number(262, 1) in (2, 6, 8) else 1)
    if kind:
        return kind
    if directory.number(262, 1) != 5 and (further > 1 or (further == 1 and directory.number(338, 2) not in (1, 2))):
        return f"{channels} channels, of which {further} are neither colour nor transparency"
    bits, apart = depth(directory), directory.number(284, 1) == 2
    if bits > 16 or (bits == 16 and apart and channels > 1):
        return f"{bits} bits a channel{' in separate planes' if apart else ''}"
    if apart and channels == 4 and directory.number(338, 2) == 1 and directory.number(259, _NONE) == _NONE:
        return "colours that are multiplied with their transparency, in separate planes"  # Pillow knows no such thing
    return None


def described(content: bytes) -> str:
    """Say in a few words what the pixels of a TIFF are, for one that nobody can open."""
    directory = parsed(content)
    if not directory.numbers(256) or not directory.numbers(257):
        return ""
    return strange(directory) or f"{directory.number(277, 1)} channels of {depth(directory)} bits"


def as_stored(content: bytes) -> bytes:
    """Return the file with its orientation stated as 1, for decoders that would turn the picture."""
    order, big = ("<" if content[:2] == b"II" else ">"), content[2:4] in (b"+\0", b"\0+")
    head, width = ("Q", 20) if big else ("H", 12)
    start = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)[0]
    count = struct.unpack_from(f"{order}{head}", content, start)[0]
    changed = bytearray(content)
    for at in range(start + struct.calcsize(f"{order}{head}"), len(content) - width + 1, width)[:count]:
        if struct.unpack_from(f"{order}H", content, at)[0] == _ORIENTATION:
            struct.pack_into(f"{order}H", changed, at + width - (8 if big else 4), 1)
    return bytes(changed)


def straight(stored: Array, directory: Directory) -> Array:  # (H, W, 1 to 4) uint16 as the file holds them
    """Return 16-bit channels in which white is the largest value and colours are not multiplied with transparency."""
    if directory.number(262, 1) == 0:
        stored = np.concatenate([np.uint16(65535) - stored[..., :1], stored[..., 1:]], axis=2)
    if stored.shape[2] in (2, 4) and directory.number(338, 2) == 1:
        alpha = stored[..., -1:]
        colours = np.minimum(np.rint(stored[..., :-1] * (65535.0 / np.maximum(alpha, 1))), 65535).astype(np.uint16)
        stored = np.concatenate([colours, alpha], axis=2)
    return stored


def orientation(directory: Directory) -> int:
    """Return the EXIF orientation of the stored pixels."""
    return directory.number(_ORIENTATION, 1)


def xmp(directory: Directory) -> bytes | None:
    """Return the XMP packet, None where there is none."""
    entry = directory.entries.get(_XMP)
    return entry.data if entry else None


def exif(directory: Directory) -> bytes | None:
    """Return the tags that are not about pixels as an EXIF block; None where there are none."""
    kept = {tag: entry for tag, entry in directory.entries.items() if tag not in _PIXELS | {_XMP, _ICC}}
    if not kept and not directory.below:
        return None
    return serialised(Directory(directory.order, kept, directory.below))


def encoded(stored: Array, metadata: Metadata, original: bytes | None) -> bytes:  # stored: (H, W, 1 to 4)
    """Write a classic TIFF of the stored pixels, with the tags of the original TIFF or of the metadata's EXIF.

    Compression is deflate with horizontal differences, or none where the original has none.
    """
    source = original or metadata.exif
    directory = parsed(source) if source else Directory("<")
    plain = original is not None and directory.number(259, _NONE) == _NONE
    strips, rows = _strips(stored, directory.order, plain)
    offsets = [8 + sum(len(strip) for strip in strips[:i]) for i in range(len(strips))]
    data = b"".join(strips)
    data += b"\0" * (len(data) % 2)
    kept = {tag: entry for tag, entry in directory.entries.items() if tag not in _PIXELS}
    made = _pixel_tags(stored, directory.order, plain, rows, offsets, [len(strip) for strip in strips])
    described = _described(metadata, directory.order, kept)
    start = 8 + len(data)
    head = (b"II" if directory.order == "<" else b"MM") + struct.pack(f"{directory.order}HI", 42, start)
    return head + data + block(Directory(directory.order, {**kept, **made, **described}, directory.below), start)


def _strips(stored: Array, order: str, plain: bool) -> tuple[list[bytes], int]:
    """Return the strips' bytes and the rows of each, about half a megabyte before compression."""
    height = stored.shape[0]
    rows = max(1, min(height, (1 << 19) // stored[0].nbytes))
    dtype = np.dtype(f"{order}u{stored.dtype.itemsize}")
    strips = []
    for first in range(0, height, rows):
        part = stored[first : first + rows]
        if not plain:
            part = np.concatenate([part[:, :1], part[:, 1:] - part[:, :-1]], axis=1)  # wraps round, as it should
        raw = part.astype(dtype).tobytes()
        strips.append(raw if plain else zlib.compress(raw, 5))
    return strips, rows


def _pixel_tags(
    stored: Array, order: str, plain: bool, rows: int, offsets: list[int], lengths: list[int]
) -> dict[int, Entry]:
    height, width, channels = stored.shape
    numbers = {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [8 * stored.dtype.itemsize] * channels),
        259: (SHORT, [_NONE if plain else _DEFLATE]),
        262: (SHORT, [1 if channels < 3 else 2]),
        273: (LONG, offsets),
        277: (SHORT, [channels]),
        278: (LONG, [rows]),
        279: (LONG, lengths),
        284: (SHORT, [1]),
    }
    if not plain:
        numbers[317] = (SHORT, [2])  # horizontal differences
    if channels in (2, 4):
        numbers[338] = (SHORT, [2])  # alpha that the colours were not multiplied with
    return {tag: _entry(order, kind, values) for tag, (kind, values) in numbers.items()}


def _described(metadata: Metadata, order: str, kept: dict[int, Entry]) -> dict[int, Entry]:
    """Return the tags of profile, XMP, orientation and resolution."""
    tags: dict[int, Entry] = {}
    if metadata.icc:
        tags[_ICC] = Entry(UNDEFINED, len(metadata.icc), metadata.icc)
    if metadata.xmp:
        tags[_XMP] = Entry(1, len(metadata.xmp), metadata.xmp)
    if _ORIENTATION in kept or metadata.orientation != 1:
        tags[_ORIENTATION] = _entry(order, SHORT, [metadata.orientation])
    if metadata.dpi and not {282, 283} <= set(kept):
        tags[282], tags[283] = (_ratio(order, value) for value in metadata.dpi)
        tags[296] = _entry(order, SHORT, [2])  # inches
    return tags


def _entry(order: str, kind: int, values: list[int]) -> Entry:
    return Entry(kind, len(values), struct.pack(f"{order}{len(values)}{'H' if kind == SHORT else 'I'}", *values))


def _ratio(order: str, value: float) -> Entry:
    ratio = Fraction(value).limit_denominator(10_000)
    return Entry(RATIONAL, 1, struct.pack(f"{order}II", ratio.numerator, ratio.denominator))
