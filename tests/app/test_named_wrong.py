"""What the command says of a name that promises another format, and where its figures come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import photo as photos
from small_photo import QUICK, WORDS, Outcome, array

Edit = Callable[..., Outcome]


def test_a_png_named_jpg_is_said_in_one_line(inkover: Edit, photo: Path, mask: Path, tiny_folder: Path) -> None:
    named = photo.rename(photo.with_name("photo.jpg"))
    call = ("edit", named, *WORDS, "--model", tiny_folder, "--device", "cpu", "--mask", mask, *QUICK[:2])
    done = inkover(*call)
    assert done.code == 0, done.err
    said = [line for line in done.err.splitlines() if "is named as" in line]
    assert len(said) == 1 and said[0].startswith("inkover: note: ")
    assert "photo.jpg is named as JPEG but holds PNG: " in said[0] and said[0].endswith("is written as JPEG")
    with Image.open(photo.with_name("photo.edited.jpg")) as result:
        assert result.format == "JPEG"
    assert "is named as" not in inkover(*call, "-o", photo.with_name("b.png"), "--quiet").err


def test_a_right_name_is_not_spoken_of(edit: Edit, mask: Path) -> None:
    assert "is named as" not in edit("--mask", mask, quick=QUICK[:2]).err


@pytest.mark.parametrize(("name", "again"), [("a.png", 0), ("a.tif", 0), ("a.webp", 0), ("a.jpg", 1)])
def test_figures_are_of_the_file_which_is_read_only_where_it_holds_other_pixels(
    edit: Edit, photo: Path, mask: Path, monkeypatch: pytest.MonkeyPatch, name: str, again: int
) -> None:
    output, read, count = photo.with_name(name), photos.read, []

    def counted(path: Any, *more: Any, **named: Any) -> photos.Photo:
        count.append(path)
        return read(path, *more, **named)

    monkeypatch.setattr(photos, "read", counted)
    used = photo.with_name("used.png")
    done = edit("--mask", mask, "--json", "-o", output, "--save-mask", used, quick=QUICK[:2])
    said = json.loads(done.out)
    assert count.count(output) == again
    apart = np.abs(array(output).astype(np.float64) - array(photo)).mean(2) / 255
    inside = array(used) > 0
    assert said["change_inside"] == pytest.approx(apart[inside].mean(), rel=1e-4)
    assert said["change_outside"] == pytest.approx(apart[~inside].mean(), rel=1e-4, abs=1e-12)
