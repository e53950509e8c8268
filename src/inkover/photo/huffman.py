"""Huffman coding of JPEG coefficients (ITU-T T.81, annexes C, F and K), on whole arrays at a time."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from inkover.photo.jpeg import DHT, DRI, SOS, ZIGZAG, Frame, Segment
from inkover.photo.photo import Array

_SIXTEEN_ZEROS = 0xF0
_AT_ONCE = 1 << 15  # blocks turned into tokens in one go
_PACKED_AT_ONCE = 1 << 20  # tokens
_BITS_OF = np.array([value.bit_length() for value in range(1 << 12)], np.uint8)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Symbols in the order of coding, each with the bits that follow it; one restart interval."""

    table: Array  # uint8: 2 * (which pair of tables) + (0 DC, 1 AC)
    symbol: Array  # uint8
    bits: Array  # uint16
    length: Array  # uint8: how many bits


@dataclass(frozen=True, slots=True)
class Table:
    """A Huffman code."""

    counts: tuple[int, ...]  # how many codes of 1..16 bits
    symbols: bytes  # in the order of their codes
    code: Array  # (256,) uint64
    length: Array  # (256,) int64, 0 = no code


def coded(planes: tuple[Array, ...], frame: Frame) -> bytes:
    """Code coefficients (rows, columns, 8, 8) of each component in baseline scans, with the best tables for them.

    Returns the segments from the frame to the end of the last scan; restart markers come as the frame has them.
    """
    scans = [(group, list(_intervals(planes, frame, group))) for group in _groups(frame)]
    counts = np.zeros(4 * 256, np.int64)
    for _, intervals in scans:
        for part in intervals:
            counts += np.bincount(part.table.astype(np.int64) * 256 + part.symbol, minlength=4 * 256)
    tables = [table(count) for count in counts.reshape(4, 256)[: 4 if len(planes) > 1 else 2]]
    parts = [_frame_segment(frame), *(_table_segment(one, i) for i, one in enumerate(tables))]
    if frame.restart:
        parts.append(Segment(DRI, struct.pack(">H", frame.restart)))
    parts += [_scan_segment(frame, group, intervals, tables) for group, intervals in scans]
    return b"".join(part.bytes() for part in parts)


def _groups(frame: Frame) -> list[tuple[int, ...]]:
    """Return the components of each scan: all in one, unless an MCU would hold more than the ten blocks allowed."""
    everyone = tuple(range(len(frame.components)))
    blocks = sum(one.across * one.down for one in frame.components)
    return [everyone] if blocks <= 10 or len(everyone) == 1 else [(i,) for i in everyone]


def _intervals(planes: tuple[Array, ...], frame: Frame, group: tuple[int, ...]) -> Iterator[Tokens]:
    """Yield the tokens of each restart interval of a scan."""
    ordered = [in_order(planes[i], frame, i, alone=len(group) == 1) for i in group]  # (MCUs, blocks, 64)
    blocks = np.concatenate(ordered, axis=1)
    owner = np.repeat(np.arange(len(group)), [one.shape[1] for one in ordered])
    chroma = (np.array(group) > 0)[owner]  # the first component has tables of its own
    per_interval = frame.restart or len(blocks)
    for first in range(0, len(blocks), per_interval):
        yield tokens(blocks[first : first + per_interval], owner, chroma, np.zeros(len(group), np.int64))


def tokens(
    mcus: Array,  # (MCUs, blocks of an MCU, 64), zigzag
    owner: Array,  # (blocks of an MCU,) the component of each block, counted within the scan
    pair: Array,  # (blocks of an MCU,) its pair of tables
    means: Array,  # (components,) the DC that each component's first block is coded against
) -> Tokens:
    """Turn consecutive MCUs into tokens."""
    differences = _differences(mcus[..., 0], owner, means)
    flat = (mcus.reshape(-1, 64), differences.reshape(-1), np.broadcast_to(pair, differences.shape).reshape(-1))
    return _joined([_tokens(*(x[i : i + _AT_ONCE] for x in flat)) for i in range(0, len(flat[0]), _AT_ONCE)])


def in_order(plane: Array, frame: Frame, index: int, alone: bool) -> Array:
    """Return a component's blocks as (MCUs, blocks of an MCU, 64), zigzag; blocks past the edge hold a mean only."""
    component = frame.components[index]
    down, across = (1, 1) if alone else (component.down, component.across)
    rows, columns = frame.blocks(component) if alone else frame.mcus
    have_rows, have_columns = plane.shape[:2]
    y = np.minimum(np.arange(rows * down), have_rows - 1)
    x = np.minimum(np.arange(columns * across), have_columns - 1)
    whole = plane.reshape(have_rows, have_columns, 64)[y[:, None], x][..., ZIGZAG]
    whole[have_rows:, :, 1:] = 0
    whole[:, have_columns:, 1:] = 0
    split = whole.reshape(rows, down, columns, across, 64).swapaxes(1, 2)
    ordered: Array = split.reshape(rows * columns, down * across, 64)
    return ordered


def _differences(means: Array, owner: Array, before: Array) -> Array:  # means: (MCUs, blocks of an MCU)
    """Return each block's DC less that of its component's block before it."""
    differences = means.astype(np.int64)
    for component in np.unique(owner):
        mine = means[:, owner == component].astype(np.int64)
        differences[:, owner == component] = np.diff(mine.reshape(-1), prepend=before[component]).reshape(mine.shape)
    return differences


def _tokens(blocks: Array, differences: Array, pair: Array) -> Tokens:
    """Turn blocks (n, 64) in zigzag order into tokens: DC, runs of zeros with a value each, end of block."""
    block, position = np.nonzero(blocks[:, 1:])
    value = blocks[block, position + 1].astype(np.int64)
    before = np.where(np.diff(block, prepend=-1) > 0, -1, np.roll(position, 1))
    run = position - before - 1
    pieces = (run >> 4) + 1  # a run over 15 takes tokens of sixteen zeros first
    inside = np.bincount(block, pieces, len(blocks)).astype(np.int64)
    last = np.full(len(blocks), -1)
    last[block] = position  # the positions of a block rise, the last one stays
    ends = last < 62
    count = 1 + inside + ends
    start = np.cumsum(count) - count
    at = start[block] + np.cumsum(pieces) - (np.cumsum(inside) - inside)[block]
    total = int(count.sum())
    table = np.repeat(pair.astype(np.uint8) * 2 + 1, count).astype(np.uint8)
    symbol, bits = np.full(total, _SIXTEEN_ZEROS, np.uint8), np.zeros(total, np.uint16)
    length = np.zeros(total, np.uint8)
    table[start] -= 1
    length[start], bits[start] = _sized(differences)
    length[at], bits[at] = _sized(value)
    symbol[start] = length[start]
    symbol[at] = ((run & 15) << 4) | length[at]
    symbol[(start + count - 1)[ends]] = 0
    return Tokens(table, symbol, bits, length)


def _sized(values: Array) -> tuple[Array, Array]:
    """Return how many bits each value takes, and those bits (T.81, F.1.2.1)."""
    sizes = _BITS_OF[np.abs(values)]
    bits = np.where(values < 0, values + (1 << sizes.astype(np.int64)) - 1, values)
    return sizes, bits.astype(np.uint16)


def _joined(parts: list[Tokens]) -> Tokens:
    return Tokens(
        np.concatenate([part.table for part in parts]),
        np.concatenate([part.symbol for part in parts]),
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.length for part in parts]),
    )


def table(counts: Array) -> Table:  # counts: (256,) how often each symbol comes
    """Make the shortest code whose words have at most 16 bits, none of them all ones (T.81, K.2)."""
    depth = _depths({symbol: int(n) for symbol, n in enumerate(counts) if n} | {256: 0})
    of_length = [0] * 64
    for bits in depth.values():
        of_length[bits] += 1
    for bits in range(63, 16, -1):
        while of_length[bits]:  # two words move up: one takes their parent's place, one a shorter word's side
            shorter = next(j for j in range(bits - 2, 0, -1) if of_length[j])
            of_length[bits] -= 2
            of_length[bits - 1] += 1
            of_length[shorter + 1] += 2
            of_length[shorter] -= 1
    longest = max(bits for bits in range(17) if of_length[bits])
    of_length[longest] -= 1  # the word of all ones, kept free by symbol 256
    symbols = sorted((symbol for symbol in depth if symbol < 256), key=lambda symbol: (depth[symbol], symbol))
    return canonical(tuple(of_length[1:17]), bytes(symbols))


def _depths(counts: dict[int, int]) -> dict[int, int]:
    """Return the depth of each symbol in Huffman's tree; ties go so that symbol 256 is among the deepest."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [(n, -symbol, (symbol,)) for symbol, n in counts.items()]
    heapq.heapify(heap)
    depth = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in first[2] + second[2]:
            depth[symbol] += 1
        heapq.heappush(heap, (first[0] + second[0], min(first[1], second[1]), first[2] + second[2]))
    return depth


def canonical(counts: tuple[int, ...], symbols: bytes) -> Table:
    """Give each symbol its word: the next one of its length (T.81, C.2)."""
    code, length = np.zeros(256, np.uint64), np.zeros(256, np.int64)
    word, index = 0, 0
    for bits, count in enumerate(counts, start=1):
        for symbol in symbols[index : index + count]:
            code[symbol], length[symbol] = word, bits
            word += 1
        index += count
        word <<= 1
    return Table(counts, symbols, code, length)


def _scan_segment(frame: Frame, group: tuple[int, ...], intervals: list[Tokens], tables: list[Table]) -> Segment:
    selectors = b"".join(struct.pack("BB", frame.components[i].id, 0x11 if i else 0x00) for i in group)
    pieces = []
    for index, part in enumerate(intervals):
        pieces.append(filled(*packed(part, tables)).replace(b"\xff", b"\xff\0"))
        pieces.append(bytes((0xFF, 0xD0 + index % 8)))
    return Segment(SOS, bytes([len(group)]) + selectors + b"\0\x3f\0", b"".join(pieces[:-1]))


def filled(whole: bytes, rest: int, left: int) -> bytes:
    """Return whole bytes and the ``left`` bits of ``rest`` behind them, the last byte filled with ones."""
    return whole + bytes([(rest << (8 - left)) | ((1 << (8 - left)) - 1)]) if left else whole


def packed(tokens: Tokens, tables: list[Table], rest: int = 0, left: int = 0) -> tuple[bytes, int, int]:
    """Return the tokens' words and bits behind the ``left`` bits of ``rest``: whole bytes, and the new rest."""
    codes, lengths = np.stack([one.code for one in tables]), np.stack([one.length for one in tables])
    pieces = []
    for first in range(0, len(tokens.symbol), _PACKED_AT_ONCE):
        part = slice(first, first + _PACKED_AT_ONCE)
        which, symbol, extra = tokens.table[part], tokens.symbol[part], tokens.length[part].astype(np.int64)
        words = (codes[which, symbol] << extra.astype(np.uint64)) | tokens.bits[part].astype(np.uint64)
        whole, rest, left = _bytes(words, lengths[which, symbol] + extra, rest, left)
        pieces.append(whole)
    return b"".join(pieces), rest, left


def _bytes(words: Array, lengths: Array, rest: int, left: int) -> tuple[bytes, int, int]:
    """Pack words of up to 32 bits behind the ``left`` bits ``rest``; return whole bytes and the new rest."""
    words = np.concatenate([np.array([rest], np.uint64), words])
    lengths = np.concatenate([np.array([left], np.int64), lengths])
    ends = np.cumsum(lengths)
    starts, total = ends - lengths, int(ends[-1])
    shifted = words << (64 - lengths - (starts & 31)).astype(np.uint64)
    cell, cells = starts >> 5, total // 32 + 2
    # the bits of two words never meet, so a sum is their union; float64 holds 32 bits exactly
    sums = np.bincount(cell, (shifted >> np.uint64(32)).astype(np.float64), cells)
    sums += np.bincount(cell + 1, (shifted & np.uint64(0xFFFFFFFF)).astype(np.float64), cells)[:cells]
    data = sums.astype(">u4").tobytes()
    full, spare = divmod(total, 8)
    return data[:full], data[full] >> (8 - spare), spare


def _frame_segment(frame: Frame) -> Segment:
    wide = any(int(component.table.max()) > 255 for component in frame.components)
    return Segment(0xC1 if wide or frame.marker == 0xC1 else 0xC0, frame.header)


def _table_segment(one: Table, index: int) -> Segment:
    return Segment(DHT, bytes([(index % 2) << 4 | index // 2, *one.counts]) + one.symbols)
