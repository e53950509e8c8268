"""Masks put together from others in words: ``words("red ball") and not box(0, 0, 50%, 100%)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np

from inkover.errors import InkoverError, nearest
from inkover.masks import shape
from inkover.masks.shape import Mask
from inkover.photo import LONGEST

FILE, FOUND, BOX, WORDS, NOISE, DIFFERS = "file", "found", "box", "words", "noise", "differs"
TEXTS = {WORDS: 1, NOISE: 1, DIFFERS: 2}
"""What asks the model, and how many texts it takes."""
SHAPES = ("grow", "shrink", "feather")
CALLS = (BOX, *TEXTS, *SHAPES)
DEEPEST = 100
_TOKEN = re.compile(r"""\s*(?:(?P<mark>[(),])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s(),"']+))""")
_EXPRESSION = re.compile(
    rf"\b(?i:{'|'.join(CALLS)})\s*\(|(?:^|[\s(])(?:and|or|not)(?:[\s(]|$)|^\s*\(?\s*{FOUND}\s*\)?\s*$"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mask comes from: a file, a box, the words that a network looks at, or what the method finds."""

    kind: str
    texts: tuple[str, ...] = ()  # a file's name, or what the model is asked about
    edges: tuple[tuple[float, bool], ...] = ()  # of a box: left, top, right, bottom, and whether in percent


@dataclass(frozen=True, slots=True)
class Joined:
    """Masks put together: where all are, where any is, or where one is not; or one grown, shrunk or softened."""

    kind: str
    parts: tuple[Node, ...]
    px: float = 0.0


Node = Place | Joined


def is_expression(text: str) -> bool:
    """Tell an expression from the name of a file; a file that is there is one."""
    return _EXPRESSION.search(text) is not None and not _there(text)


def _there(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # no name that a file could have
        return False


def parse(text: str) -> Node:
    """Read an expression; InkoverError shows where it is not understood."""
    return _read(text)[0]


def _read(text: str) -> tuple[Node, list[_Token]]:
    """Read an expression; return it, and where it names files."""
    reader = _Reader(text, list(_tokens(text)))
    node = reader.either(0)
    if reader.at < len(reader.tokens):
        raise reader.wrong("nothing more")
    return node, reader.files


def places(node: Node) -> Iterator[Place]:
    """Yield what a mask is put together from, in the order it is written."""
    if isinstance(node, Place):
        yield node
    else:
        for part in node.parts:
            yield from places(part)


def files(node: Node) -> list[str]:
    """Return the names of the files, in the order they are written."""
    return [place.texts[0] for place in places(node) if place.kind == FILE]


def renamed(text: str, named: Callable[[str], str]) -> str:
    """Return an expression whose files are named another way; an empty one stays empty."""
    made, end = "", 0
    for token in _read(text)[1] if text else ():
        made += text[end : token.start] + _quoted(named(token.value))
        end = token.end
    return made + text[end:]


def _quoted(name: str) -> str:
    """Return a file's name in quotes that it does not hold itself."""
    for quote in "\"'":
        if quote not in name:
            return f"{quote}{name}{quote}"
    raise InkoverError(f"{name} has both kinds of quotes in its name, and a mask in words can hold one: rename it")


def joined(node: Node, size: tuple[int, int], of: Callable[[Place], Mask]) -> Mask:
    """Return the mask (H, W) in [0, 1] that an expression stands for; ``of`` gives those that are no boxes.

    Soft masks are joined as fuzzy sets are: ``and`` is the smaller value, ``or`` the larger, ``not`` the rest to 1.
    """
    if isinstance(node, Place):
        return box(node, size) if node.kind == BOX else of(node)
    parts = [joined(part, size, of) for part in node.parts]
    if node.kind == "and":
        return reduce(np.minimum, parts)
    if node.kind == "or":
        return reduce(np.maximum, parts)
    if node.kind == "not":
        return np.float32(1) - parts[0]
    if node.kind == "feather":
        return shape.feather(parts[0], node.px)[0]
    return shape.grow(parts[0], node.px if node.kind == "grow" else -node.px)


def box(place: Place, size: tuple[int, int]) -> Mask:
    """Return a box of photo pixels, its right and lower edges left out."""
    height, width = size
    left, top, right, bottom = (
        value * whole / 100 if percent else value
        for (value, percent), whole in zip(place.edges, (width, height, width, height), strict=True)
    )
    mask = np.zeros(size, np.float32)
    mask[max(round(top), 0) : max(round(bottom), 0), max(round(left), 0) : max(round(right), 0)] = 1
    if not mask.any():
        raise InkoverError(
            f"box({left:g}, {top:g}, {right:g}, {bottom:g}) holds no pixel of the photo of {width} x {height}: "
            "give left, top, right and bottom, in pixels or percent"
        )
    return mask


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    start: int
    end: int
    mark: bool = False
    quoted: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise InkoverError(f"the mask {text!r} opens a quote at {text[at:].strip()!r} that it never closes")
        kind = str(found.lastgroup)
        quoted = kind in ("double", "single")
        yield _Token(found[kind], found.start(kind) - quoted, found.end(), kind == "mark", quoted)
        at = found.end()


@dataclass(slots=True)
class _Reader:
    """Reads tokens from left to right: ``not`` binds closest, then ``and``, then ``or``."""

    text: str
    tokens: list[_Token]
    at: int = 0
    files: list[_Token] = field(default_factory=list[_Token])  # that name files

    def wrong(self, expected: str) -> InkoverError:
        rest = repr(self.text[self.tokens[self.at].start :]) if self.at < len(self.tokens) else "its end"
        return InkoverError(f"the mask {self.text!r} is not understood at {rest}: expected {expected}")

    def took(self, *values: str) -> str:
        """Take the next token where it is one of some words or marks that are not quoted; "" where not."""
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.value in values and not token.quoted:
                self.at += 1
                return token.value
        return ""

    def need(self, mark: str) -> None:
        if not self.took(mark):
            raise self.wrong(repr(mark))

    def either(self, depth: int) -> Node:
        parts = [self.both(depth)]
        while self.took("or"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def both(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.took("and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def one(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise InkoverError(f"the mask {self.text[:40]!r}... is nested more than {DEEPEST} deep: write it flatter")
        if self.took("not"):
            return Joined("not", (self.one(depth + 1),))
        if self.took("("):
            node = self.either(depth + 1)
            self.need(")")
            return node
        if self.at == len(self.tokens) or self.tokens[self.at].mark or self.took("and", "or"):
            raise self.wrong(f"a file, {FOUND}, not, or one of {', '.join(CALLS)}")
        token = self.tokens[self.at]
        self.at += 1
        if not token.quoted and self.took("("):
            return self.call(token.value, depth + 1)
        if token.value == FOUND and not token.quoted:
            return Place(FOUND)
        self.files.append(token)
        return Place(FILE, (token.value,))

    def call(self, name: str, depth: int) -> Node:
        if name not in CALLS:
            raise InkoverError(f"the mask {self.text!r} has no {name!r}: {nearest(name, CALLS)}")
        if name in SHAPES:
            part = self.either(depth)
            self.need(",")
            px, percent = self.number()
            if percent:
                raise InkoverError(f"{name} by {px:g}%: give pixels, such as {name}(..., 8)")
            if not 0 < px <= LONGEST:
                raise InkoverError(f"{name} by {px:g} pixels: give more than 0 and at most {LONGEST}")
            self.need(")")
            return Joined(name, (part,), px)
        if name == BOX:
            edges = [self.number()]
            while len(edges) < 4:
                self.need(",")
                edges.append(self.number())
            self.need(")")
            return Place(BOX, edges=tuple(edges))
        texts = [self.words()]
        while len(texts) < TEXTS[name]:
            self.need(",")
            texts.append(self.words())
        self.need(")")
        if len(set(texts)) < len(texts):
            raise InkoverError(f"{name} of {texts[0]!r} twice is nowhere: give two texts that differ")
        return Place(name, tuple(texts))

    def words(self) -> str:
        """Read words up to the next mark; quotes may be left out."""
        found = list[str]()
        while self.at < len(self.tokens) and not self.tokens[self.at].mark:
            found.append(self.tokens[self.at].value)
            self.at += 1
        text = " ".join(" ".join(found).split())
        if not text:
            raise self.wrong("words, such as words(red ball)")
        return text

    def number(self) -> tuple[float, bool]:
        """Read a number of pixels, or of percent."""
        if self.at == len(self.tokens):
            raise self.wrong("a number")
        typed = self.tokens[self.at].value
        try:
            value = float(typed.removesuffix("%"))
        except ValueError:
            raise self.wrong("a number of pixels or percent") from None
        if not -1e6 < value < 1e6:
            raise self.wrong("a number of pixels or percent")
        self.at += 1
        return value, typed.endswith("%")
