"""A walk over the Huffman-coded data of a JPEG scan, compiled: where each MCU lies, and what some of them hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from inkover.photo.photo import Array

LONGEST = 64 * 32 // 8 + 8
"""Bytes that a block can take, and some to look ahead: the data must have as many more at its end."""


def _walked(
    data: Array,  # uint8, without stuffed zeros, and LONGEST more bytes
    bits: int,  # of them
    mcus: tuple[int, int, int],  # first, last (left out) and all MCUs
    owner: Array,  # (blocks of an MCU,) the component of each block
    codes: Array,  # (2 * components, 65536) uint16: DC and AC; of the next 16 bits: 256 * length + symbol, 0 = no code
    kept: Array,  # (MCUs, blocks of an MCU, 64) int16, zeros: the first to the last MCU, zigzag
    means: Array,  # (components,) int64: the DC before the first MCU
) -> tuple[int, int, int]:
    """Fill ``kept`` and ``means``; return the first bit of first and last and the end, or -1s for damaged data."""
    dc = np.zeros(means.shape[0], np.int64)
    position, start, stop = 0, 0, 0
    first, last, count = mcus
    for mcu in range(count):
        inside = first <= mcu < last
        if mcu == first:
            start = position
            means[:] = dc
        if mcu == last:
            stop = position
        for block in range(owner.shape[0]):
            component = owner[block]
            k = 0
            while k < 64:
                at = position >> 3
                window = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]
                code = codes[2 * component + (k > 0), (window >> (16 - (position & 7))) & 0xFFFF]
                if code == 0:
                    return -1, -1, -1
                position += code >> 8
                run, size = (code >> 4) & 15, code & 15
                if k > 0:
                    if size == 0 and run < 15:
                        break
                    k += run
                if size:
                    at = position >> 3
                    window = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3]
                    value = (window >> (32 - (position & 7) - size)) & ((1 << size) - 1)
                    position += size
                    if value < (1 << (size - 1)):
                        value -= (1 << size) - 1
                    if k == 0:
                        dc[component] += value
                    elif k > 63:
                        return -1, -1, -1
                    elif inside:
                        kept[mcu - first, block, k] = value
                if k == 0 and inside:
                    kept[mcu - first, block, 0] = dc[component]
                k += 1
            if position > bits:
                return -1, -1, -1
    return start, (stop if last < count else position), position


def _compiled() -> Callable[..., tuple[int, int, int]]:
    try:
        kept: Callable[..., tuple[int, int, int]] = njit(cache=True)(_walked)
        return kept
    except RuntimeError:  # there is no folder to keep compiled code in
        made: Callable[..., tuple[int, int, int]] = njit(_walked)
        return made


walked = _compiled()
