"""Weights in a prompt: ``a (red:1.5) ball`` is "a red ball" with more weight on red."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inkover.attention.words import Span, Tokens, at
from inkover.errors import InkoverError


@dataclass(frozen=True, slots=True)
class Weighted:
    """A prompt without its weights, and where which weight stands in it."""

    text: str
    weights: tuple[tuple[Span, float], ...] = ()


HEAVIEST = 20

_PIECE = re.compile(r"\\([()])|\(([^()]*:[^()]*)\)|(.)", re.DOTALL)


def parse(prompt: str) -> Weighted:
    r"""Read ``(words:number)`` as a weight; parentheses without a colon, and ``\(`` and ``\)``, are themselves.

    InkoverError when something in parentheses with a colon is no words and a number.
    """
    text, weights = "", list[tuple[Span, float]]()
    for piece in _PIECE.finditer(prompt):
        escaped, group, plain = piece.groups()
        if group is None:
            _check_plain(prompt, piece.start(), plain)
            text += escaped or plain
            continue
        words, weight = _group(prompt, group)
        weights.append(((len(text), len(text) + len(words)), weight))
        text += words
    return Weighted(text, tuple(weights))


def token_scales(tokens: Tokens, weights: Sequence[tuple[Span, float]]) -> Tensor:  # (tokens,)
    """Return the factor of each token; 1 where no weight is."""
    scales = torch.ones(len(tokens))
    for span, weight in weights:
        scales[list(at(tokens, span))] = weight
    return scales


def _group(prompt: str, group: str) -> tuple[str, float]:
    words, _, number = group.rpartition(":")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if math.isfinite(weight) and abs(weight) > HEAVIEST:
        raise InkoverError(f"({group}) in {prompt!r} is too heavy: give a weight from -{HEAVIEST} to {HEAVIEST}")
    if not (words.strip() and math.isfinite(weight)) or ":" in words:
        raise InkoverError(f"({group}) in {prompt!r} is no weight: write (words:1.5), or \\( and \\) for parentheses")
    return words.strip(), weight


def _check_plain(prompt: str, start: int, plain: str | None) -> None:
    """Refuse a parenthesis that begins a weight and does not end as one: it is never closed, or holds another."""
    rest = prompt[start:]
    closed = rest.find(")")
    inside = rest[1:] if closed < 0 else rest[1 : _closing(rest)]
    if plain == "(" and re.search(r":\s*[-+.\d]", inside):
        problem = "is never closed" if closed < 0 else "holds further parentheses"
        raise InkoverError(
            f"the weight that begins at {rest[:20]!r} {problem}: write (words:1.5), or \\( and \\) for parentheses"
        )


def _closing(rest: str) -> int:
    """Return where the parenthesis that a text begins with is closed; its length where it is not."""
    depth = 0
    for index, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return index
    return len(rest)
