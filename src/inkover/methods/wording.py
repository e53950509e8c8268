"""What a user types of words: parts of the steps for some of them, and the words that a mask is made of."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher

from inkover.attention.maps import Tokenwise
from inkover.attention.schedule import Part
from inkover.attention.words import Span, Tokens, at, find, words
from inkover.errors import InkoverError

ARROW = "->"
AUTO = "auto"
SMALL = frozenset("a an the and or on in at of with under over by to from is are".split())


def parts_of(text: str) -> Mapping[str, Part]:
    """Read ``ball:0.4, tall grass:0.2..0.8``: by word, from which to which part of the steps; one number is to where.

    InkoverError for anything else.
    """
    found = dict[str, Part]()
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        named, _, span = piece.rpartition(":")
        ends = span.split("..") if ".." in span else ["0", span]
        part = _numbers(ends)
        if not named.strip() or part is None:
            raise InkoverError(f"{piece!r} says no part of the steps: write ball:0.4, or ball:0.2..0.8, both in [0, 1]")
        if named.strip() in found:
            raise InkoverError(f"{named.strip()!r} is given two parts of the steps: give one")
        found[named.strip()] = part
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
    """Return the tokens of such words in both texts, by row; InkoverError when one is not there.

    ``auto`` is the words in which the texts differ, in the rows that have some; nothing is none.
    """
    if not text:
        return {}
    if text == AUTO:
        spans = differing(source.prompt, target.prompt)
        rows = {"source": (source, spans[0]), "target": (target, spans[1])}
        found = {row: sorted({i for span in own for i in at(tokens, span)}) for row, (tokens, own) in rows.items()}
        return {row: tuple(indices) for row, indices in found.items() if indices}
    before, after = both_of(text)
    return {"source": _each(source, before), "target": _each(target, after)}


def differing(source: str, target: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the words in which two texts differ, each with the word after it where both texts go on with that one.

    A colour is looked at everywhere: the thing that has it is the next word, unless that is a small one.
    """
    texts = source, target
    spans = [words(text) for text in texts]
    heard = [[text[start:end].lower() for start, end in own] for text, own in zip(texts, spans, strict=True)]
    found: tuple[list[Span], list[Span]] = ([], [])
    for kind, *bounds in SequenceMatcher(None, heard[0], heard[1], autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for row, (start, end) in enumerate((bounds[:2], bounds[2:])):
            after = heard[row][end] if end < len(heard[row]) else ""
            end += bool(after.strip(",.;")) and after.strip(",.;") not in SMALL
            found[row].extend(spans[row][start:end])
    return tuple(found[0]), tuple(found[1])


def _each(tokens: Tokens, listed: str) -> tuple[int, ...]:
    """Return the tokens of words or phrases with commas between them."""
    phrases = [phrase.strip() for phrase in listed.split(",")]
    return tuple(sorted({index for phrase in phrases for index in find(tokens, phrase)}))
