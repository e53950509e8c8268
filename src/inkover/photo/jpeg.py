"""JPEG as a file: its segments, its frame, and the same file with other coefficients in it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from inkover.errors import InkoverError
from inkover.photo.photo import Array, Metadata

SIGNATURE = b"\xff\xd8\xff"
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_OUTDATED = (b"MPF\0", b"JFXX\0")  # further pictures behind this one, a thumbnail: both show the old photo
DHT, EOI, SOS, DQT, DRI, COM = 0xC4, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE
APP0, APP1, APP11, APP14 = 0xE0, 0xE1, 0xEB, 0xEE
FRAMES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)  # a marker inside coded data that is not part of it
LARGEST = 65533  # bytes a segment can hold


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker and its payload; after a start of scan also the coded data up to the next marker."""

    marker: int
    payload: bytes
    data: bytes = b""

    def bytes(self) -> bytes:
        """Return the segment as it lies in a file."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.payload) + 2) + self.payload + self.data


@dataclass(frozen=True, slots=True)
class Component:
    """One colour component of a frame: its sampling factors and its quantisation table."""

    id: int
    across: int
    down: int
    table: Array  # (8, 8) of whole numbers


@dataclass(frozen=True, slots=True)
class Frame:
    """What a JPEG says about its picture."""

    marker: int
    header: bytes  # the payload of its segment
    height: int
    width: int
    components: tuple[Component, ...]
    restart: int  # MCUs between restart markers, 0 = none
    luminance: bool  # the first of three components is luma, the others chroma; else they are R, G, B

    @property
    def most(self) -> tuple[int, int]:
        """The largest sampling factors, down and across."""
        return max(c.down for c in self.components), max(c.across for c in self.components)

    @property
    def mcus(self) -> tuple[int, int]:
        """How many minimum coded units there are, down and across."""
        down, across = self.most
        return -(-self.height // (8 * down)), -(-self.width // (8 * across))

    def blocks(self, component: Component) -> tuple[int, int]:
        """How many blocks of a component hold part of the picture, down and across."""
        down, across = self.most
        rows, columns = -(-self.height * component.down // down), -(-self.width * component.across // across)
        return -(-rows // 8), -(-columns // 8)


def segments(content: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG, from the one after its start to the last before its end."""
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:  # stray bytes, which every decoder steps over
            following = _NEXT.search(content, position)
            position = following.start() if following else len(content)
            continue
        marker = content[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == EOI:
            return
        end = position + 2 + struct.unpack_from(">H", content, position + 2)[0]
        payload = content[position + 4 : end]
        position = end
        if marker == SOS:
            following = _NEXT.search(content, end)
            position = following.start() if following else len(content)
        yield Segment(marker, payload, content[end:position])


def check(content: bytes, size: tuple[int, int], name: str) -> None:
    """Raise for the rare kinds of JPEG whose blocks could not be kept, and for one that contradicts itself."""
    parts = list(segments(content))
    marker = next((part.marker for part in parts if part.marker in (*FRAMES, *_OTHER_FRAMES)), None)
    if marker not in FRAMES:
        raise InkoverError(f"{name} is a lossless or arithmetic JPEG: convert it to PNG, or with jpegtran, first")
    found = frame(parts)
    whole = all(component.table.all() for component in found.components)  # a step of 0 would divide by it
    if (found.height, found.width) != size or len(found.components) not in (1, 3) or not whole:
        raise ValueError("its header contradicts its picture")


def frame(parts: list[Segment]) -> Frame:
    """Read the frame out of a JPEG's segments."""
    tables: dict[int, Array] = {}
    restart, adobe, jfif = 0, None, False
    start = next(part for part in parts if part.marker in FRAMES)
    for part in parts:
        if part.marker == SOS:
            break
        if part.marker == DQT:
            tables.update(_tables(part.payload))
        elif part.marker == DRI:
            restart = struct.unpack(">H", part.payload[:2])[0]
        elif part.marker == APP14 and part.payload[:5] == b"Adobe" and len(part.payload) >= 12:
            adobe = part.payload[11]
        elif part.marker == APP0 and part.payload[:5] == b"JFIF\0":
            jfif = True
    _, height, width, count = struct.unpack_from(">BHHB", start.payload)
    raw = [start.payload[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    components = tuple(Component(one[0], one[1] >> 4, one[1] & 15, tables[one[2]]) for one in raw)
    ids = bytes(component.id for component in components)
    luminance = jfif or (adobe == 1 if adobe is not None else ids != b"RGB")
    return Frame(start.marker, start.payload, height, width, components, restart, luminance)


def natural(zigzag: Array) -> Array:
    """Turn (..., 64) in zigzag order into (..., 8, 8)."""
    return zigzag[..., np.argsort(ZIGZAG)].reshape(*zigzag.shape[:-1], 8, 8)


ZIGZAG = np.array(
    sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8))), dtype=np.int64
)
"""Where in a block, row by row, each coefficient of the file's order lies."""


def _tables(payload: bytes) -> Iterator[tuple[int, Array]]:
    position = 0
    while position < len(payload):
        wide, slot = payload[position] >> 4, payload[position] & 15
        kind, size = (">u2", 128) if wide else ("u1", 64)
        values = np.frombuffer(payload, kind, 64, position + 1).astype(np.int64)
        yield slot, natural(values)
        position += 1 + size


def reassembled(parts: list[Segment], metadata: Metadata, coded: bytes) -> bytes:
    """Write a JPEG of the old file's metadata segments, with the metadata's EXIF and XMP, and newly coded data.

    ``coded`` runs from the frame to the last scan; the old quantisation tables stand before it.
    """
    kept = [part for part in parts if _is_metadata(part) and not part.payload.startswith((EXIF, XMP))]
    first = [part for part in kept if part.marker == APP0]
    rest = [part for part in kept if part.marker != APP0]
    tables = [part for part in parts[: _first_scan(parts)] if part.marker == DQT]
    whole = [*first, *described(metadata), *rest, *tables]
    return b"\xff\xd8" + b"".join(part.bytes() for part in whole) + coded + b"\xff\xd9"


def described(metadata: Metadata) -> list[Segment]:
    """Return the segments of EXIF and XMP."""
    made = []
    if metadata.exif:
        made.append(Segment(APP1, EXIF + metadata.exif))
    if metadata.xmp:
        made.append(Segment(APP1, XMP + metadata.xmp))
    for part in made:
        if len(part.payload) > LARGEST:
            what = "EXIF" if part.payload.startswith(EXIF) else "XMP"
            raise InkoverError(f"{what} of {len(part.payload)} bytes does not fit into a JPEG: use -o NAME.png")
    return made


def coding_only(parts: list[Segment]) -> bytes:
    """Return the same picture without any metadata."""
    return b"\xff\xd8" + b"".join(part.bytes() for part in parts if not _is_metadata(part)) + b"\xff\xd9"


def is_coding(part: Segment) -> bool:
    """Say whether a segment is of the frame, its Huffman tables, restart intervals or scans."""
    return part.marker in (*FRAMES, DHT, DRI, SOS)


def _is_metadata(part: Segment) -> bool:
    if part.marker == APP11 or part.payload.startswith(_OUTDATED):  # APP11: a signature over the old pixels
        return False
    return 0xE0 <= part.marker <= 0xEF or part.marker == COM


def _first_scan(parts: list[Segment]) -> int:
    return next(i for i, part in enumerate(parts) if part.marker == SOS)
