"""EXIF blocks, changed in place: maker notes and all other tags stay where they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ORIENTATION, _THUMBNAIL, _THUMBNAIL_LENGTH = 274, 513, 514


def bare(block: bytes | None) -> bytes | None:
    """Return an EXIF block without the "Exif" signature that JPEG puts before it; None where there is none."""
    if not block:
        return None
    block = block[6:] if block[:6] in (b"Exif\0\0", b"Exif\0\xff") else block
    return block if block[:2] in (b"II", b"MM") and len(block) >= 8 else None


def with_orientation(block: bytes, orientation: int) -> bytes:
    """Set the orientation where the block states one."""
    order = _order(block)
    changed = bytearray(block)
    for tag, at in _entries(block, _first(block)):
        if tag == _ORIENTATION:
            struct.pack_into(f"{order}HIHH", changed, at + 2, 3, 1, orientation, 0)
    return bytes(changed)


def without_thumbnail(block: bytes) -> bytes:
    """Take out the thumbnail, which shows the photo before its edit: unlink its directory and wipe its bytes."""
    order, first = _order(block), _first(block)
    link = _after(block, first)
    second = struct.unpack_from(f"{order}I", block, link)[0] if link + 4 <= len(block) else 0
    if not second:
        return block
    found = {tag: struct.unpack_from(f"{order}I", block, at + 8)[0] for tag, at in _entries(block, second)}
    changed = bytearray(block)
    struct.pack_into(f"{order}I", changed, link, 0)
    start = found.get(_THUMBNAIL, 0)
    end = min(start + found.get(_THUMBNAIL_LENGTH, 0), len(block))
    if 8 <= start < end:
        changed[start:end] = bytes(end - start)
        if end == len(block):  # the usual case: nothing points behind it
            del changed[start:]
    return bytes(changed)


def _order(block: bytes) -> str:
    return "<" if block[:2] == b"II" else ">"


def _first(block: bytes) -> int:
    return int(struct.unpack_from(f"{_order(block)}I", block, 4)[0])


def _after(block: bytes, start: int) -> int:
    """Return where a directory keeps the offset of the next one."""
    if start + 2 > len(block):
        return len(block)
    return start + 2 + 12 * int(struct.unpack_from(f"{_order(block)}H", block, start)[0])


def _entries(block: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield each tag of a directory with the offset of its entry."""
    for at in range(start + 2, min(_after(block, start), len(block) - 11), 12):
        yield struct.unpack_from(f"{_order(block)}H", block, at)[0], at
