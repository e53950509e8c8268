"""The directories of TIFF and EXIF: read as they are, written again with every value in its own bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
EXIF, GPS, INTEROP = 34665, 34853, 40965
_POINTERS = (EXIF, GPS, INTEROP)


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag's value, in the byte order of its file."""

    type: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """The tags of one image, and the directories of tags they point to (EXIF, GPS, interoperability)."""

    order: str  # "<" or ">"
    entries: Mapping[int, Entry] = field(default_factory=dict)
    below: Mapping[int, Directory] = field(default_factory=dict)

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return a tag's whole numbers, none where the tag is missing or of another type."""
        entry = self.entries.get(tag)
        kind = {1: "B", SHORT: "H", LONG: "I", 16: "Q"}.get(entry.type) if entry else None
        return struct.unpack(f"{self.order}{entry.count}{kind}", entry.data) if entry and kind else ()

    def number(self, tag: int, default: int) -> int:
        """Return the first of a tag's whole numbers."""
        return next(iter(self.numbers(tag)), default)


def parsed(content: bytes) -> Directory:
    """Read the first directory of a TIFF structure (classic or BigTIFF); what lies outside the file is left out."""
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or len(content) < 8:
        raise ValueError("not a TIFF structure")
    big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
    start = struct.unpack_from(f"{order}Q", content, 8)[0] if big else struct.unpack_from(f"{order}I", content, 4)[0]
    return _directory(content, order, start, big, depth=0)


def _directory(content: bytes, order: str, start: int, big: bool, depth: int) -> Directory:
    head, one, inline = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    entries: dict[int, Entry] = {}
    below: dict[int, Directory] = {}
    width = struct.calcsize(f"{order}{one}") + inline
    position = start + struct.calcsize(f"{order}{head}")
    count = struct.unpack_from(f"{order}{head}", content, start)[0] if position <= len(content) else 0
    for at in range(position, position + width * min(count, 4096), width):
        if at + width > len(content):
            break
        tag, kind, number = struct.unpack_from(f"{order}{one}", content, at)
        length, value = SIZES.get(kind, 0) * number, at + width - inline
        if length > inline:
            value = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, value)[0]
        if not length or value + length > len(content) or tag in entries or tag in below:
            continue
        entry = Entry(kind, number, content[value : value + length])
        if tag in _POINTERS and depth < 3 and length in (4, 8):
            target = int.from_bytes(entry.data, "little" if order == "<" else "big")
            below[tag] = _directory(content, order, target, big, depth + 1)
        else:
            entries[tag] = entry
    return Directory(order, entries, below)


def serialised(directory: Directory) -> bytes:
    """Write a classic TIFF structure of one directory and those below it."""
    mark = b"II" if directory.order == "<" else b"MM"
    return mark + struct.pack(f"{directory.order}HI", 42, 8) + block(directory, 8)


def block(directory: Directory, offset: int) -> bytes:
    """Return the bytes of a directory that will lie at ``offset``: its table, its values, then those below."""
    order = directory.order
    tags = sorted([*directory.entries, *directory.below])
    table, values = b"", b""
    end = offset + 2 + 12 * len(tags) + 4
    for tag in tags:
        if tag in directory.below:
            at = end + len(values)
            values += block(directory.below[tag], at)
            table += struct.pack(f"{order}HHII", tag, LONG, 1, at)
            continue
        entry = _classic(directory.entries[tag], order)
        table += struct.pack(f"{order}HHI", tag, entry.type, entry.count)
        if len(entry.data) <= 4:
            table += entry.data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", end + len(values))
            values += entry.data + b"\0" * (len(entry.data) % 2)
    return struct.pack(f"{order}H", len(tags)) + table + b"\0\0\0\0" + values


def _classic(entry: Entry, order: str) -> Entry:
    """Turn a 64-bit whole number of BigTIFF into one of 32 bits."""
    if entry.type not in (16, 18):
        return entry
    numbers = struct.unpack(f"{order}{entry.count}Q", entry.data)
    return Entry(LONG, entry.count, struct.pack(f"{order}{entry.count}I", *(min(n, 0xFFFFFFFF) for n in numbers)))
