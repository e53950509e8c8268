"""A grid as one picture: a contact sheet with the figures under each photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkover.measure import grid_words as words
from inkover.measure.grid import Cell, Grid, Picture

CELL, GAP, LINE, FONT, HEAD, MASK, ACROSS = 288, 18, 18, 14, 20, 64, 4
INK, SOFT, FAULT = (25, 25, 25), (95, 95, 95), (170, 30, 20)

Line = tuple[str, tuple[int, int, int]]
"""A line of text and its colour."""


@dataclass(frozen=True, slots=True)
class Block:
    """What stands in one place of the sheet."""

    picture: Picture | None
    mask: NDArray[np.uint8] | None
    lines: tuple[Line, ...]

    @property
    def height(self) -> int:
        """Return how much of a column it takes, in px."""
        return CELL + 6 + LINE * len(self.lines) + (MASK + 6 if self.mask is not None else 0) + GAP


def sheet(grid: Grid) -> bytes:
    """Return the sheet as PNG."""
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    rows = _rows(grid, pen)
    across = max(len(row) for row in rows)
    width = max(across, 2) * (CELL + GAP) + GAP
    head, foot = _head(grid, pen, width - 2 * GAP), _foot(grid, pen, width - 2 * GAP)
    heights = [max(block.height for block in row) for row in rows]
    tall = GAP + len(head) * (HEAD + 6) + sum(heights) + len(foot) * LINE + GAP
    page = Image.new("RGB", (width, tall), "white")
    pen = ImageDraw.Draw(page)
    top = GAP
    for text, colour in head:
        pen.text((GAP, top), text, fill=colour, font_size=HEAD - 2)
        top += HEAD + 6
    for row, height in zip(rows, heights, strict=True):
        for k, block in enumerate(row):
            _put(page, pen, block, GAP + k * (CELL + GAP), top)
        top += height
    _write(pen, foot, GAP, top)
    file = BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _rows(grid: Grid, pen: ImageDraw.ImageDraw) -> list[Sequence[Block]]:
    """Return the places, row by row; where rows mean something, the photo has one of its own."""
    photo = Block(grid.photo, None, tuple(_wrapped(pen, ["the photo", grid.source], CELL, INK)))
    blocks = [_block(cell, pen) for cell in grid.cells]
    if grid.across is None:
        return _cut([photo, *blocks], ACROSS)
    return [[photo], *_cut(blocks, grid.across)]


def _cut(blocks: Sequence[Block], across: int) -> list[Sequence[Block]]:
    return [blocks[start : start + across] for start in range(0, len(blocks), across)]


def _block(cell: Cell, pen: ImageDraw.ImageDraw) -> Block:
    lines = list(_wrapped(pen, [cell.asked.title], CELL, INK))
    made = cell.made
    if made is None:
        lines += _wrapped(pen, [cell.reason], CELL, FAULT)
    else:
        lines += _wrapped(pen, [f"{label}: {value}" for label, value in words.facts(made)], CELL, SOFT)
    lines += _wrapped(pen, words.remarks(cell), CELL, SOFT)
    return Block(None if made is None else made.picture, None if made is None else made.mask, tuple(lines))


def _head(grid: Grid, pen: ImageDraw.ImageDraw, width: int) -> list[Line]:
    title = words.title(grid).replace("\u2192", "->")  # the font that comes with Pillow has no arrow
    return [*_wrapped(pen, [title], width, INK, HEAD - 2), *_wrapped(pen, [words.about(grid)], width, SOFT, HEAD - 2)]


def _foot(grid: Grid, pen: ImageDraw.ImageDraw, width: int) -> list[Line]:
    return [*_wrapped(pen, [grid.command, words.made_with(grid)], width, SOFT)]


def _put(page: Image.Image, pen: ImageDraw.ImageDraw, block: Block, left: int, top: int) -> None:
    """Draw a block: its picture, its lines, and its mask below them."""
    if block.picture is None:
        pen.rectangle((left, top, left + CELL - 1, top + CELL - 1), outline=(200, 200, 200))
    else:
        picture = _fitted(block.picture, CELL)
        page.paste(picture, (left + (CELL - picture.width) // 2, top + (CELL - picture.height) // 2))
    below = _write(pen, block.lines, left, top + CELL + 6)
    if block.mask is not None:
        mask = _fitted(block.mask, MASK).convert("RGB")
        page.paste(mask, (left, below + 6))
        pen.rectangle((left, below + 6, left + mask.width - 1, below + 5 + mask.height), outline=(200, 200, 200))


def _write(pen: ImageDraw.ImageDraw, lines: Sequence[Line], left: int, top: int) -> int:
    """Write lines below each other and return where the next one would be."""
    for text, colour in lines:
        pen.text((left, top), text, fill=colour, font_size=FONT)
        top += LINE
    return top


def _fitted(picture: NDArray[Any], side: int) -> Image.Image:
    """Return a picture whose longer side is ``side`` px."""
    image = Image.fromarray(picture)
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _wrapped(
    pen: ImageDraw.ImageDraw, texts: Any, width: int, colour: tuple[int, int, int], size: int = FONT
) -> Iterator[Line]:
    """Yield texts as lines of at most ``width`` px, broken between words, and in words that are longer."""
    for text in texts:
        line = ""
        for word in _words(pen, str(text), width, size):
            longer = f"{line} {word}" if line else word
            if line and pen.textlength(longer, font_size=size) > width:
                yield line, colour
                longer = word
            line = longer
        if line:
            yield line, colour


def _words(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> Iterator[str]:
    """Yield the words of a text; one that is wider than a line comes in pieces."""
    for word in text.encode("utf-8", "backslashreplace").decode().split():
        while len(word) > 1 and pen.textlength(word, font_size=size) > width:
            end = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or _fits(pen, word[:n], width, size))
            yield word[:end]
            word = word[end:]
        yield word


def _fits(pen: ImageDraw.ImageDraw, text: str, width: int, size: int) -> bool:
    return pen.textlength(text, font_size=size) <= width
