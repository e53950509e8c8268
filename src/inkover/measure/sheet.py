"""Contact sheets: source, truth, result and mask of each case side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkover.measure.bench import Shot

CELL, GAP, LINE = 128, 6, 30


def sheet(shots: Sequence[Shot], across: int = 3) -> Image.Image:
    """Return one picture: for each case four cells and its words, green for a success, red for a failure."""
    wide, tall = 4 * CELL + GAP, CELL + LINE + GAP
    rows = -(-len(shots) // across)
    page = Image.new("RGB", (across * (wide + GAP), rows * tall + GAP), "white")
    pen = ImageDraw.Draw(page)
    for k, shot in enumerate(shots):
        x, y = (k % across) * (wide + GAP) + GAP, (k // across) * tall + GAP
        for i, cell in enumerate((shot.before, shot.true, shot.result, _grey(shot.mask))):
            page.paste(Image.fromarray(cell).resize((CELL, CELL), Image.Resampling.LANCZOS), (x + i * CELL, y + LINE))
        colour = (0, 110, 0) if shot.trial.success else (190, 0, 0)
        pen.text((x, y), shot.edit.source[:88], fill=(90, 90, 90), font_size=11)
        pen.text((x, y + 13), f"{shot.method}: {shot.edit.words}"[:88], fill=colour, font_size=12)
    return page


def _grey(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.repeat((np.clip(mask, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
