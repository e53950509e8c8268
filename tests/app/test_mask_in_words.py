"""Masks in words on the command line, in Python and in recipes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import Editor, InkoverError
from small_photo import Outcome
from tiny import tiny_components

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.load(tiny_components(), device="cpu", remember=False)


@pytest.fixture
def run(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path) -> Callable[..., Outcome]:
    def call(command: str, *words: Any) -> Outcome:
        return inkover(command, photo, *words, "--model", tiny_folder, "--device", "cpu", "--quiet")

    return call


def values(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as opened:
        return np.asarray(opened)


def test_a_mask_of_boxes_and_files_is_the_one_that_was_painted(editor: Editor, tmp_path: Path) -> None:
    painted = np.zeros((64, 80), np.uint8)
    painted[16:48, 20:60] = 255
    Image.fromarray(painted).save(tmp_path / "m.png")
    said = f"box(25%, 25%, 75%, 75%) and not '{tmp_path / 'hole.png'}'"
    hole = np.zeros((64, 80), np.uint8)
    hole[20:30, 30:40] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    words: dict[str, Any] = {"source": "a red ball", "target": "a blue ball", "steps": 4}
    one = editor.edit(PIXELS, mask=said, **words)
    other = editor.edit(PIXELS, mask=np.minimum(painted, 255 - hole) / np.float32(255), **words)
    assert np.array_equal(one.photo.pixels, other.photo.pixels) and np.array_equal(one.mask, other.mask)
    assert one.samples["mask"] == 0


@pytest.mark.parametrize(
    "place, samples", [("words(red ball)", 4), ("noise(red ball)", 20), ("differs(red ball, grass)", 20)]
)
def test_the_model_is_asked_for_places(editor: Editor, place: str, samples: int) -> None:
    found = editor.mask(PIXELS, source="a red ball on grass", mask=place)
    assert found.samples["mask"] == samples and found.mask.any()
    rest = editor.mask(PIXELS, source="a red ball on grass", mask=f"not {place}")
    assert np.array_equal(rest.mask, 1 - found.mask)
    assert np.array_equal(editor.mask(PIXELS, source="a red ball on grass", mask=place).mask, found.mask)
    edited = editor.edit(PIXELS, source="a red ball on grass", target="a mug", mask=place, steps=4, feather=0)
    assert np.array_equal(edited.mask, found.mask) and edited.samples["mask"] == samples
    kept = found.mask == 0
    assert np.array_equal(edited.photo.pixels[kept], PIXELS[kept])
    assert not np.array_equal(edited.photo.pixels, PIXELS)


def test_differs_is_diffedits_own_mask(editor: Editor) -> None:
    words = {"source": "a red ball", "target": "a blue ball"}
    own = editor.mask(PIXELS, **words)  # type: ignore[arg-type]
    assert np.array_equal(editor.mask(PIXELS, mask="differs(a red ball, a blue ball)").mask, own.mask)
    assert np.array_equal(editor.mask(PIXELS, mask="found or found", **words).mask, own.mask)  # type: ignore[arg-type]


def test_a_recipe_makes_the_same_bytes_from_elsewhere(
    run: Callable[..., Outcome], tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Image.open(photo) as opened:
        painted = np.zeros(opened.size[::-1], np.uint8)
    painted[8:40, 8:40] = 255
    Image.fromarray(painted).save(tmp_path / "m.png")
    one, other, record = tmp_path / "one.png", tmp_path / "other.png", tmp_path / "edit.json"
    made = run("edit", "--to", "a ball", "--steps", 4, "--mask", f"{tmp_path / 'm.png'} or words(ball)",
               "-o", one, "--record", record, "--json")  # fmt: skip
    assert made.code == 0 and json.loads(made.out)["samples"]["mask"] == 4, made.err
    said = json.loads(record.read_text())
    assert said["where"] == '"m.png" or words(ball)' and said["places"][0]["file"] == "m.png"
    assert run("edit", "--recipe", record, "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()
    Image.fromarray(painted // 2).save(tmp_path / "m.png")
    again = run("edit", "--recipe", record, "-o", other, "--force")
    assert again.code == 2 and "is not the recipe's" in again.err
    kept = run("edit", "--to", "a ball", "--mask", f"not {tmp_path / 'm.png'}", "-o", tmp_path / "m.png", "--force")
    assert kept.code == 2 and "is an input" in kept.err


def test_the_command_writes_it(run: Callable[..., Outcome], tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    made = run("mask", "--mask", "not box(0, 0, 50%, 100%)", "-o", path)
    assert made.code == 0, made.err
    mask = values(path)
    assert not mask[:, : mask.shape[1] // 2].any() and (mask[:, mask.shape[1] // 2 + 1 :] == 255).all()
    assert run("mask", "--from", "a ball", "--mask", "words(ball)", "-o", path, "--force").code == 0


@pytest.mark.parametrize(
    "words, says",
    [
        (("--mask", "wrods(ball) or box(1,1,9,9)"), "no 'wrods'"),
        (("--mask", "not none.png"), "names 'none.png', which is no file"),
        (("--mask", "box(1,1,9,9)", "--from", "a ball"), "--from has no effect"),
        (("--mask", "box(1,1,9,9)", "--seed", 3), "--seed has no effect"),
        (("--mask", "box(900%, 0, 901%, 9)"), "holds no pixel"),
        (("--mask", "m.png"), "is no mask in words"),
        (("--mask", "found"), "--to"),
        (("--mask", "words(ball)", "--to", "a mug"), "makes no use of a target"),
        (("--mask", "words(ball)", "--set", "noises=3"), "--set has no effect"),
        (("--mask", "words(ball)", "--steps", 3), "steps has no effect"),
        (("--mask", "words(ball)", "--method", "ddim"), "method has no effect"),
        (("--mask", "found", "--to", "a mug", "--method", "ddim"), "ddim"),
    ],
)
def test_what_is_wrong_is_one_line(
    run: Callable[..., Outcome], tmp_path: Path, words: tuple[Any, ...], says: str
) -> None:
    made = run("mask", *words, "-o", tmp_path / "mask.png")
    assert made.code == 2 and says in made.err and made.err.count("\n") == 1, made.err
    assert not (tmp_path / "mask.png").exists()


def test_what_changes_find_together_is_one_mask(run: Callable[..., Outcome], tmp_path: Path) -> None:
    words = ("--change", "red ball -> blue ball", "--change", "grass -> sand", "--mask", "found and found")
    made = run("mask", *words, "-o", tmp_path / "one.png", "--json")
    assert made.code == 0 and json.loads(made.out)["samples"]["mask"] == 40, made.err  # asked for once
    assert values(tmp_path / "one.png").any()


def test_a_mask_that_selects_nothing_is_said(run: Callable[..., Outcome], tmp_path: Path) -> None:
    made = run("edit", "--to", "a ball", "--mask", "not box(0, 0, 100%, 100%)", "-o", tmp_path / "one.png")
    assert made.code == 0 and "selects nothing" in made.err
    assert "--mask is empty" in run("edit", "--to", "a ball", "--mask", " ", "-o", tmp_path / "two.png").err
    edit = run("edit", "--change", "ball -> mug:mask=words(ball)", "-o", tmp_path / "two.png")
    assert edit.code == 2 and "one edit's mask is a file" in edit.err


def test_a_method_that_finds_none_has_none_to_take(editor: Editor) -> None:
    with pytest.raises(InkoverError, match="finds no mask"):
        editor.edit(PIXELS, target="a ball", method="ddim", mask="not found")
    with pytest.raises(InkoverError, match="is no mask in words"):
        editor.mask(PIXELS, mask="m.png")
