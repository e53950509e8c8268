"""New blocks in the middle of a JPEG's coded data: all bits before and behind them stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from inkover.photo import blocks, huffman
from inkover.photo.jpeg import DHT, SOS, ZIGZAG, Frame, Segment, is_coding
from inkover.photo.photo import Array

_WORTH = 1 << 20  # bytes; a smaller file is coded anew in less time than the compiled walk takes to load
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_SEQUENTIAL = (0xC0, 0xC1)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The one scan of a sequential JPEG."""

    frame: Frame
    owner: Array  # (blocks of an MCU,) the component of each
    tables: list[huffman.Table]  # of each component DC and AC
    intervals: list[bytes]

    @property
    def count(self) -> int:
        """How many MCUs there are."""
        down, across = self.frame.mcus
        return down * across

    def mcus(self, index: int) -> tuple[int, int]:
        """Return the first MCU of an interval and the one behind its last."""
        length = self.frame.restart or self.count
        return index * length, min((index + 1) * length, self.count)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the MCUs to be replaced lie in an interval."""

    data: Array  # uint8, without stuffed zeros
    start: int  # bits
    stop: int
    end: int
    means: Array  # (components,) the DC before the first


def pays(parts: list[Segment], frame: Frame) -> bool:
    """Say whether a JPEG is large enough, and of a kind that can be cut."""
    scans = [part for part in parts if part.marker == SOS]
    if frame.marker not in _SEQUENTIAL or len(scans) != 1 or len(scans[0].data) < _WORTH:
        return False
    every = bytes([len(frame.components)]) == scans[0].payload[:1]
    return every and (len(frame.components) > 1 or frame.most == (1, 1))


def coded(parts: list[Segment], frame: Frame, picture: Array, changed: Array) -> bytes | None:
    """Return the segments from the frame to the end of the scan, with the picture (H, W, 3) where it changed (H, W).

    None for damaged data, and where the file's own Huffman tables have no word for what is new.
    """
    box = blocks.touched_mcus(changed, frame)
    scan = _scan(parts, frame)
    if scan is None:
        return None
    intervals = scan.intervals if box is None else _replaced(scan, (box[0], box[2]), picture, changed)
    if intervals is None:
        return None
    pieces = [bytes((0xFF, 0xD0 + (i - 1) % 8)) * (i > 0) + one for i, one in enumerate(intervals)]
    new = [replace(part, data=b"".join(pieces)) if part.marker == SOS else part for part in parts if is_coding(part)]
    return b"".join(part.bytes() for part in new)


def _scan(parts: list[Segment], frame: Frame) -> _Scan | None:
    tables: dict[int, huffman.Table] = {}
    for part in parts:
        if part.marker == DHT:
            tables.update(_tables(part.payload))
    header = next(part for part in parts if part.marker == SOS)
    count = len(frame.components)
    named = [(header.payload[1 + 2 * i], header.payload[2 + 2 * i]) for i in range(count)]
    slots = [slot for _, both in named for slot in (both >> 4, 16 | both & 15)]
    if [name for name, _ in named] != [one.id for one in frame.components] or not set(slots) <= set(tables):
        return None
    owner = np.repeat(np.arange(count), [one.down * one.across for one in frame.components])
    intervals = _RESTART.split(header.data) if frame.restart else [header.data]
    scan = _Scan(frame, owner, [tables[slot] for slot in slots], intervals)
    return scan if len(scan.intervals) == -(-scan.count // (frame.restart or scan.count)) else None


def _tables(payload: bytes) -> Iterator[tuple[int, huffman.Table]]:
    """Yield the tables of a segment, each with its class (16 for AC) and slot."""
    position = 0
    while position + 17 <= len(payload):
        counts = tuple(payload[position + 1 : position + 17])
        end = position + 17 + sum(counts)
        yield payload[position], huffman.canonical(counts, payload[position + 17 : end])
        position = end


def _replaced(scan: _Scan, rows: tuple[int, int], picture: Array, changed: Array) -> list[bytes] | None:
    """Return the intervals with new rows of MCUs, and the MCU behind them, whose DC is coded against theirs."""
    width = scan.frame.mcus[1]
    first, last = rows[0] * width, min(rows[1] * width + 1, scan.count)
    kept = np.zeros((last - first, len(scan.owner), 64), np.int16)
    touched = [i for i in range(len(scan.intervals)) if scan.mcus(i)[0] < last and scan.mcus(i)[1] > first]
    found = [_found(scan, i, first, last, kept) for i in touched]
    high = 8 * scan.frame.most[0]
    here = slice(rows[0] * high, rows[1] * high)
    new = _edited(scan.frame, kept, rows[1] - rows[0], picture[here], changed[here])
    intervals = list(scan.intervals)
    for i, one in zip(touched, found, strict=True):
        low, end = scan.mcus(i)
        made = one and _joined(scan, one, new[max(low - first, 0) : end - first])
        if not made:
            return None
        intervals[i] = made.replace(b"\xff", b"\xff\0")
    return intervals


def _found(scan: _Scan, index: int, first: int, last: int, kept: Array) -> _Found | None:
    """Look for the MCUs first..last in an interval and copy their coefficients to ``kept``; None if it is damaged."""
    from inkover.photo.walk import LONGEST, walked

    raw = scan.intervals[index].replace(b"\xff\0", b"\xff")
    data = np.frombuffer(raw + bytes(LONGEST), np.uint8)
    low, end = scan.mcus(index)
    begin, stop = max(first, low), min(last, end)
    means = np.zeros(len(scan.frame.components), np.int64)
    codes = np.stack([_codes(table) for table in scan.tables])
    mcus = (begin - low, stop - low, end - low)
    bits = walked(data, 8 * len(raw), mcus, scan.owner, codes, kept[begin - first : stop - first], means)
    return None if bits[0] < 0 else _Found(data[: len(raw)], *bits, means)


def _codes(table: huffman.Table) -> Array:  # (65536,) uint16
    """Return of each 16 bits 256 * the length + the symbol of the word they begin with, 0 for none."""
    codes = np.zeros(1 << 16, np.uint16)
    for symbol in table.symbols:
        length = int(table.length[symbol])
        start = int(table.code[symbol]) << (16 - length)
        codes[start : start + (1 << (16 - length))] = length << 8 | symbol
    return codes


def _edited(frame: Frame, kept: Array, rows: int, picture: Array, changed: Array) -> Array:
    """Return the MCUs ``kept`` with new coefficients for their first rows."""
    band = replace(frame, height=len(picture))
    width, place, planes = frame.mcus[1], 0, []
    natural = np.argsort(ZIGZAG)
    for component in frame.components:
        down, across = component.down, component.across
        mine = kept[: rows * width, place : place + down * across, natural].reshape(rows, width, down, across, 64)
        tall, wide = band.blocks(component)
        plane = mine.swapaxes(1, 2).reshape(rows * down, width * across, 8, 8)
        planes.append(plane[:tall, :wide])
        place += down * across
    new = blocks.edited(tuple(planes), band, picture, changed)
    ordered = [huffman.in_order(plane, band, i, alone=False) for i, plane in enumerate(new)]
    return np.concatenate([np.concatenate(ordered, axis=1), kept[rows * width :]])


def _joined(scan: _Scan, found: _Found, mcus: Array) -> bytes | None:
    """Return an interval's bytes with MCUs in the place of those that were found; None where a table has no word."""
    tokens = huffman.tokens(mcus, scan.owner, scan.owner, found.means)
    lengths = np.stack([table.length for table in scan.tables])
    if not lengths[tokens.table, tokens.symbol].all():
        return None
    whole, left = divmod(found.start, 8)
    rest = int(found.data[whole]) >> (8 - left) if left else 0
    middle, rest, left = huffman.packed(tokens, scan.tables, rest, left)
    return found.data[:whole].tobytes() + middle + _shifted(found.data, found.stop, found.end, rest, left)


def _shifted(data: Array, start: int, end: int, rest: int, left: int) -> bytes:
    """Return the bits start..end of the data behind the ``left`` bits of ``rest``, the last byte filled with ones."""
    first, skipped = divmod(start, 8)
    tail = np.concatenate([data[first : -(-end // 8)], np.zeros(2, np.uint8)]).astype(np.uint16)
    aligned = ((tail[:-1] << 8 | tail[1:]) >> (8 - skipped)) & 0xFF
    before = np.concatenate([np.array([rest], np.uint16), aligned[:-1]])
    bits = left + end - start
    moved = ((before << 8 | aligned) >> left).astype(np.uint8)[: -(-bits // 8)]
    if bits % 8:
        moved[-1] |= (1 << (8 - bits % 8)) - 1
    return moved.tobytes()
