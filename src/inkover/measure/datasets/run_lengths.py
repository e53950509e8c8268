"""PIE-Bench's masks: run lengths, row by row (Ju et al. 2023, arXiv:2310.01506)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inkover.errors import InkoverError
from inkover.measure.figures.scores import Mask

SIDE = 512
PIXELS = SIDE * SIDE


def check(runs: Sequence[Any]) -> None:
    """Refuse what is no list of starts and lengths, and runs of a larger mask.

    One that begins in the mask and goes past its end is cut, as PIE-Bench's own evaluation does.
    """
    wrong = [run for run in runs if type(run) is not int or run < 0]
    if wrong:
        raise InkoverError(f"the mask's run lengths hold {wrong[0]!r}, expected whole numbers from 0 on")
    if len(runs) % 2:
        raise InkoverError(f"the mask has {len(runs)} run lengths, expected pairs of a start and a length")
    pairs = enumerate(zip(runs[::2], runs[1::2], strict=True), 1)
    beyond = [number for number, (start, length) in pairs if start >= PIXELS or length > PIXELS]
    if beyond:
        raise InkoverError(
            f"run {beyond[0]} of the mask is not of {SIDE} x {SIDE} pixels, {PIXELS} in all: get the list again"
        )


def decoded(runs: Sequence[int]) -> Mask:
    """Return the mask (512, 512) of starts and lengths, 1 = edit; its border of 1 px is 1, as PIE-Bench has it."""
    check(runs)
    flat = np.zeros(PIXELS, np.float32)
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        flat[start : start + length] = 1
    mask: Mask = flat.reshape(SIDE, SIDE)
    mask[[0, -1]] = mask[:, [0, -1]] = 1
    return mask
