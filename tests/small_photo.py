"""A small photo, words about it, and how a command line ended: for the tests of what people touch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIZE = (96, 120)  # H, W: more than the small model's 64 px, so that a close-up is another view
WORDS = ("--from", "a red ball", "--to", "a blue ball")
QUICK = ("--steps", "4", "--set", "noises=2")


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def ended(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Outcome:
    """Run the command line here and return how it ended."""
    from inkover.app.cli import run

    capsys.readouterr()
    code = run([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return Outcome(code, said.out, said.err)


def pixels(size: tuple[int, int] = SIZE, seed: int = 0) -> Any:
    """Draw something with slopes, edges and grain, (H, W, 3) uint8."""
    y, x = np.mgrid[: size[0], : size[1]]
    smooth = np.stack([x * 255 / size[1], y * 255 / size[0], 128 + 60 * np.sin(x / 9)], -1)
    grain = np.random.default_rng(seed).normal(0, 8, (*size, 3))
    return (smooth + grain).clip(0, 255).astype(np.uint8)


def array(path: Path) -> Any:
    """Return a picture file's values."""
    with Image.open(path) as image:
        return np.asarray(image)
