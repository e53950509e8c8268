"""``inkover score`` on the command line: one JSON object, one table, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover.app.cli import run
from inkover.measure.figures.scores import EQUAL, MEASURES
from small_photo import pixels

NAMES = [measure.name for measure in MEASURES]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Put a photo, an edited copy, and masks into a folder."""
    before, mask = pixels(), np.zeros((96, 120), np.uint8)
    after, mask[30:60, 40:80] = before.copy(), 255
    after[30:60, 40:80] = 255 - after[30:60, 40:80]
    pictures = {"before": before, "after": after, "mask": mask, "full": mask | 255, "black": mask * 0}
    pictures |= {"small": before[:80, :70], "small-mask": mask[:80, :70]}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return tmp_path


def measured(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, Any]:
    """Run the command with --json and return the object, which must be all that it prints."""
    assert run(["score", *map(str, arguments), "--json"]) == 0

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    said = capsys.readouterr()
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out, parse_constant=refuse)
    return found


def test_json_is_one_object_with_every_measure(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, files / "before.png", files / "after.png", "--mask", files / "mask.png")
    assert [name for name in found if name in NAMES] == NAMES
    assert found["change_inside"] > 0.1 and found["change_outside"] == 0
    assert found["psnr"] > 0 and found["psnr_outside"] is None and found["reasons"]["psnr_outside"] == EQUAL
    assert {name for name in NAMES if found[name] is None} == found["reasons"].keys()


def test_without_a_mask_the_reason_says_what_to_give(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, files / "before.png", files / "after.png")
    assert found["pie_psnr"] is None and "--mask" in found["reasons"]["pie_psnr"]


def test_a_mask_that_is_white_all_over_is_a_reason(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, files / "before.png", files / "after.png", "--mask", files / "full.png")
    assert found["mse_outside"] is None and "nothing outside" in found["reasons"]["mse_outside"]


def test_a_mask_is_compared_with_the_true_one(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = np.zeros((96, 120), np.uint8)
    true[40:70, 50:90] = 200  # 20 x 30 px are in both, 1,200 in each
    Image.fromarray(true).save(files / "true.png")
    asked = (files / "before.png", files / "after.png", "--mask", files / "mask.png", "--true-mask")
    assert measured(capsys, *asked, files / "true.png")["mask_iou"] == pytest.approx(600 / 1800)
    assert measured(capsys, *asked, files / "mask.png")["mask_iou"] == 1
    assert "--true-mask" in measured(capsys, *asked[:-1])["reasons"]["mask_iou"]


def test_8_and_16_bits_of_one_picture_are_equal(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import tifffile

    tifffile.imwrite(files / "deep.tif", pixels().astype(np.uint16) * 257, photometric="rgb")
    assert measured(capsys, files / "before.png", files / "deep.tif")["mse"] == 0


def test_people_see_a_table(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", str(files / "before.png"), str(files / "after.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert lines[0].endswith("lower is better") and any("-  give --mask FILE" in line for line in lines)


def test_the_list_needs_no_photos(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "--list"]) == 0
    said = capsys.readouterr().out
    assert run(["score", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["measures"]
    assert [one["name"] for one in listed] == NAMES
    for measure in MEASURES:
        assert measure.says in said and f"{measure.name}  (" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "two pictures are compared"),
        (["before.png"], "two pictures are compared"),
        (["before.png", "gone.png"], "no such file"),
        (["before.png", "small.png"], "is 120 x 96 px and"),
        (["before.png", "after.png", "--mask", "gone.png"], "no such file"),
        (["before.png", "after.png", "--mask", "small-mask.png"], "the mask is 70 x 80 px, the photo 120 x 96"),
        (["before.png", "after.png", "--mask", "black.png"], "the mask is empty"),
        (["before.png", "after.png", "--max-pixels", "100"], "max-pixels"),
        (["before.png", "after.png", "--true-mask", "mask.png"], "--true-mask is compared with --mask"),
        (["before.png", "after.png", "--mask", "mask.png", "--true-mask", "gone.png"], "no such file"),
        (["before.png", "after.png", "--mask", "mask.png", "--true-mask", "small-mask.png"], "the mask is 70 x 80 px"),
        (["before.png", "after.png", "--drag", "1,1 -> 2,2"], "add --dino FOLDER"),
        (["before.png", "after.png", "--faces", "gone"], "--faces gone is not there"),
        (["before.png", "--list"], "--list"),
        (["--drag", "1,1 -> 2,2", "--list"], "--list"),
        (["--mask", "mask.png", "--list"], "--list"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_input_is_one_line(asked: list[str], said: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(files / word) if word.endswith(".png") else word for word in asked]
    assert run(["score", *arguments]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert said in told.err and len(told.err.splitlines()) == 1
