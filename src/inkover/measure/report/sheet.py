"""Contact sheets: source, truth, result and mask of each case side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

CELL, GAP, LINE = 128, 6, 30
CELLS = 4
GREY, GREEN, RED = (90, 90, 90), (0, 110, 0), (190, 0, 0)

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Entry:
    """One case on a sheet: its cells, and two lines of words."""

    cells: Image.Image
    source: str
    words: str
    success: bool | None  # None: nobody can tell


def cells(before: Picture, true: Picture | None, result: Picture, mask: NDArray[np.float32]) -> Image.Image:
    """Return source, truth, result and mask in a row; white where there is no truth."""
    row = Image.new("RGB", (CELLS * CELL, CELL), "white")
    for i, cell in enumerate((before, true, result, _grey(mask))):
        if cell is not None:
            fitted = ImageOps.pad(Image.fromarray(cell), (CELL, CELL), Image.Resampling.LANCZOS, color="white")
            row.paste(fitted, (i * CELL, 0))
    return row


def is_row(path: Path) -> bool:
    """Say whether a file holds such a row, whole."""
    try:
        with Image.open(path) as row:
            return row.size == (CELLS * CELL, CELL) and row.load() is not None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow says of damaged files
        return False


def parted(row: Image.Image) -> tuple[Image.Image, Image.Image | None, Image.Image, Image.Image | None]:
    """Return the source, truth, result and mask of ``cells``; None for what is white all over.

    Such a truth is not there, and such a mask is the whole photo.
    """
    source, truth, result, mask = (row.crop((i * CELL, 0, (i + 1) * CELL, CELL)) for i in range(CELLS))
    return source, None if _white(truth) else truth, result, None if _white(mask) else mask


def _white(picture: Image.Image) -> bool:
    return picture.convert("L").getextrema() == (255, 255)


def sheet(entries: Sequence[Entry], across: int = 3) -> Image.Image:
    """Return one picture: for each case its cells and its words, green for a success, red for a failure."""
    wide, tall = CELLS * CELL + GAP, CELL + LINE + GAP
    rows = -(-len(entries) // across)
    page = Image.new("RGB", (across * (wide + GAP), rows * tall + GAP), "white")
    pen = ImageDraw.Draw(page)
    for k, entry in enumerate(entries):
        x, y = (k % across) * (wide + GAP) + GAP, (k // across) * tall + GAP
        page.paste(entry.cells, (x, y + LINE))
        colour = GREY if entry.success is None else GREEN if entry.success else RED
        pen.text((x, y), entry.source[:88], fill=GREY, font_size=11)
        pen.text((x, y + 13), entry.words[:88], fill=colour, font_size=12)
    return page


def _grey(mask: NDArray[np.float32]) -> Picture:
    return np.repeat((np.clip(mask, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
