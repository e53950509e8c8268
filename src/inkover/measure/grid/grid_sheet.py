"""A grid as one picture: a contact sheet with the figures under each photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkover.measure.grid import grid_words as words
from inkover.measure.grid.cells import Cell, Grid, Picture

CELL, GAP, LINE, FONT, HEAD, MASK, ACROSS = 288, 18, 18, 14, 20, 64, 4
INK, SOFT, FAULT, FRAME = (25, 25, 25), (95, 95, 95), (170, 30, 20), (200, 200, 200)

Line = tuple[str, tuple[int, int, int]]
"""A line of text and its colour."""


@dataclass(frozen=True, slots=True)
class Block:
    """What stands in one place of the sheet: a picture, or an empty frame, and what is below it."""

    size: tuple[int, int]  # of the picture: w, h
    picture: Picture | None
    mask: NDArray[np.uint8] | None
    lines: tuple[Line, ...]

    @property
    def height(self) -> int:
        """Return how much of a column it takes, in px."""
        return self.size[1] + 6 + LINE * len(self.lines) + (MASK + 6 if self.mask is not None else 0) + GAP


def sheet(grid: Grid) -> bytes:
    """Return the sheet as PNG."""
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    rows = _rows(grid, pen)
    across = max(len(row) for row in rows)
    width = max(across, 2) * (CELL + GAP) + GAP
    head, foot = _head(grid, pen, width - 2 * GAP), _foot(grid, pen, width - 2 * GAP)
    heights = [max(block.height for block in row) for row in rows]
    tall = 2 * GAP + len(head) * (HEAD + 6) + sum(heights) + len(foot) * LINE + GAP
    page = Image.new("RGB", (width, tall), "white")
    pen = ImageDraw.Draw(page)
    top = GAP
    for text, colour in head:
        pen.text((GAP, top), text, fill=colour, font_size=HEAD - 2)
        top += HEAD + 6
    top += GAP
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
    size = _size(grid.photo, CELL)
    photo = Block(size, grid.photo, None, tuple(_wrapped(pen, ["the photo", grid.source], CELL, INK)))
    blocks = [_block(cell, pen, size) for cell in grid.cells]
    if grid.across is None:
        rows = -(-(len(blocks) + 1) // ACROSS)
        return _cut([photo, *blocks], -(-(len(blocks) + 1) // rows))
    return [[photo], *_cut(blocks, grid.across)]


def _cut(blocks: Sequence[Block], across: int) -> list[Sequence[Block]]:
    return [blocks[start : start + across] for start in range(0, len(blocks), across)]


def _block(cell: Cell, pen: ImageDraw.ImageDraw, size: tuple[int, int]) -> Block:
    lines = list(_wrapped(pen, [cell.asked.title], CELL, INK))
    made = cell.made
    if made is None:
        lines += _wrapped(pen, [cell.reason], CELL, FAULT)
    else:
        lines += _wrapped(pen, [f"{label}: {value}" for label, value in words.facts(made)], CELL, SOFT)
    lines += _wrapped(pen, words.remarks(cell), CELL, SOFT)
    picture, mask = (None, None) if made is None else (made.picture, made.mask)
    return Block(size, picture, mask, tuple(lines))


def _head(grid: Grid, pen: ImageDraw.ImageDraw, width: int) -> list[Line]:
    title = words.title(grid).replace("\u2192", "->")  # the font that comes with Pillow has no arrow
    return [*_wrapped(pen, [title], width, INK, HEAD - 2), *_wrapped(pen, [words.about(grid)], width, SOFT, HEAD - 2)]


def _foot(grid: Grid, pen: ImageDraw.ImageDraw, width: int) -> list[Line]:
    return [*_wrapped(pen, [grid.command, words.made_with(grid)], width, SOFT)]


def _put(page: Image.Image, pen: ImageDraw.ImageDraw, block: Block, left: int, top: int) -> None:
    """Draw a block: its picture, its lines, and its mask below them."""
    if block.picture is None:
        _frame(pen, left, top, block.size)
    else:
        page.paste(_resized(block.picture, block.size), (left, top))
    below = _write(pen, block.lines, left, top + block.size[1] + 6) + 6
    if block.mask is not None:
        size = _size(block.mask, MASK)
        page.paste(_resized(block.mask, size).convert("RGB"), (left, below))
        _frame(pen, left, below, size)


def _frame(pen: ImageDraw.ImageDraw, left: int, top: int, size: tuple[int, int]) -> None:
    pen.rectangle((left, top, left + size[0] - 1, top + size[1] - 1), outline=FRAME)


def _write(pen: ImageDraw.ImageDraw, lines: Sequence[Line], left: int, top: int) -> int:
    """Write lines below each other and return where the next one would be."""
    for text, colour in lines:
        pen.text((left, top), text, fill=colour, font_size=FONT)
        top += LINE
    return top


def _size(picture: NDArray[Any], side: int) -> tuple[int, int]:
    """Return the width and height of a picture whose longer side is ``side`` px."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(picture: NDArray[Any], size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)


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
