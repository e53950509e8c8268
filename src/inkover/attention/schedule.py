"""When a control works: parts of the steps, for all of a prompt or for single words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from inkover.attention.words import Tokens, find
from inkover.errors import InkoverError

Part = tuple[float, float]
"""From which to which part of the steps, both in [0, 1]: (0, 0.8) is the first four fifths, (0, 0) never."""


def within(step: int, steps: int, part: Part) -> bool:
    """Tell whether a step, from 0, is in a part of the steps; InkoverError for a part that is none."""
    start, end = part
    if not 0 <= start <= end <= 1:
        raise InkoverError(f"a schedule from {start:g} to {end:g} is none: give two numbers from 0 to 1, in order")
    first, stop = (math.floor(share * steps + 1e-9) for share in part)  # 0.29 * 100 is 28.999... and means 29
    return first <= step < stop


def active(
    tokens: Tokens,
    step: int,
    steps: int,
    default: Part,
    parts: Mapping[str, Part] | None = None,  # by word or phrase of the prompt; the last one that names a token counts
) -> Tensor:  # (tokens,), bool
    """Return which tokens of a prompt a step controls; InkoverError for a word that is not in the prompt."""
    chosen = torch.full((len(tokens),), within(step, steps, default))
    for phrase, part in (parts or {}).items():
        chosen[list(find(tokens, phrase))] = within(step, steps, part)
    return chosen
