"""What a user types of words: parts of the steps for some of them, and the words that a mask is made of."""

from __future__ import annotations

from collections.abc import Mapping

from inkover.attention.maps import Tokenwise
from inkover.attention.schedule import Part
from inkover.attention.words import Tokens, find
from inkover.errors import InkoverError

ARROW = "->"


def parts_of(text: str) -> Mapping[str, Part]:
    """Read ``ball:0.4, tall grass:0.2..0.8``: by word, from which to which part of the steps; one number is to where.

    InkoverError for anything else.
    """
    found = dict[str, Part]()
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        words, _, span = piece.rpartition(":")
        ends = span.split("..") if ".." in span else ["0", span]
        part = _numbers(ends)
        if not words.strip() or part is None:
            raise InkoverError(f"{piece!r} says no part of the steps: write ball:0.4, or ball:0.2..0.8, both in [0, 1]")
        if words.strip() in found:
            raise InkoverError(f"{words.strip()!r} is given two parts of the steps: give one")
        found[words.strip()] = part
    return found


def _numbers(ends: list[str]) -> Part | None:
    try:
        start, end = (float(number) for number in ends)
    except ValueError:
        return None
    return (start, end) if 0 <= start <= end <= 1 else None


def both_of(text: str) -> tuple[str, str]:
    """Read ``ball -> cube``, words of the source text and of the target's; without an arrow they are the same."""
    before, arrow, after = (piece.strip() for piece in text.partition(ARROW))
    if arrow and not (before and after):
        raise InkoverError(f"{text!r} leaves a side of the arrow empty: write ball -> cube, or the words of both texts")
    return before, after if arrow else before


def tokenwise(text: str, source: Tokens, target: Tokens) -> Tokenwise:
    """Return the tokens of such words in both texts, by row; InkoverError when one is not there."""
    if not text:
        return {}
    before, after = both_of(text)
    return {"source": _each(source, before), "target": _each(target, after)}


def _each(tokens: Tokens, words: str) -> tuple[int, ...]:
    """Return the tokens of words or phrases with commas between them."""
    phrases = [phrase.strip() for phrase in words.split(",")]
    return tuple(sorted({index for phrase in phrases for index in find(tokens, phrase)}))
