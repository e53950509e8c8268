"""A small photo, its mask, a small model's folder, and the command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from small_photo import QUICK, SIZE, WORDS, Outcome, ended, pixels


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(pixels()).save(path)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    values = np.zeros(SIZE, np.uint8)
    values[30:60, 40:80] = 255
    path = tmp_path / "mask.png"
    Image.fromarray(values).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tiny

    return tiny.tiny_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def inkover(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line here and return how it ended."""
    return partial(ended, capsys)


@pytest.fixture
def edit(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path) -> Callable[..., Outcome]:
    """Edit the small photo with the small model in few steps."""

    def call(*arguments: Any, quick: tuple[str, ...] = QUICK) -> Outcome:
        return inkover("edit", photo, *WORDS, "--model", tiny_folder, "--device", "cpu", *quick, *arguments)

    return call
