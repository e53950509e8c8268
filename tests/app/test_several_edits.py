"""Several edits at once, on the command line, in Python and in recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import Edit, Editor, InkoverError
from inkover.app import edits
from inkover.methods import get
from small_photo import Outcome
from tiny import FLOWS, tiny_backbone, tiny_components

LEDITS = get("ledits++")
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.load(tiny_components(), device="cpu", remember=False)


@pytest.fixture
def edit(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path, tmp_path: Path) -> Callable[..., Outcome]:
    def call(*words: Any) -> Outcome:
        return inkover("edit", photo, *words, "--model", tiny_folder, "--device", "cpu", "--steps", 4, "--quiet")

    return call


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("a mushroom", Edit("a mushroom")),
        ("sunset:scale=8,warmup=4", Edit("sunset", settings={"guidance": 8.0, "warmup": 4})),
        ("a clock that says 12:30", Edit("a clock that says 12:30")),
        ("time (at 12:30): guidance=2", Edit("time (at 12:30)", settings={"guidance": 2.0})),
        ("a mug:mask=C:\\m.png,cooldown=9", Edit("a mug", settings={"cooldown": 9}, mask="C:\\m.png")),
        ("a sign, 12:30:scale=3", Edit("a sign, 12:30", settings={"guidance": 3.0})),
        ("a mug:mask=masks/1.png,cooldown=9", Edit("a mug", settings={"cooldown": 9}, mask="masks/1.png")),
    ],
)  # fmt: skip
def test_options_follow_the_last_colon_outside_parentheses(typed: str, expected: Edit) -> None:
    assert edits.parsed(typed, False, LEDITS) == expected


@pytest.mark.parametrize(
    "words, says",
    [
        (("--add", "a mug:sclae=3"), "no setting 'sclae'"),
        (("--add", "a mug:scale"), "a mug:scale"),
        (("--add", "a (mug:1.5)"), "cannot be weighed"),
        (("--add", "a mug", "--windows"), "each window would look only at itself"),
        (("--add", "a mug", "--set", "source_guidance=2"), "no effect without a text for the photo"),
        (("--add", "a mug:scale=much"), "guidance=much is not a number"),
        (("--add", "a mug:scale=1000"), "out of range"),
        (("--add", "a mug:steps=3"), "is one for all edits"),
        (("--add", "a (mug"), "opens a parenthesis that it never closes"),
        (("--add", "a mug)"), "closes a parenthesis at ')'"),
        (("--add", "a mug:warmup=4,cooldown=2"), "is not above warmup"),
        (("--add", "a mug:mask=1.png,mask=2.png"), "mask is given twice"),
        (("--add", ":scale=3"), "an edit has no words"),
        (("--add", "a mug", "--add", "A  mug"), "asked for twice"),
        (("--add", "a mug", "--remove", "a mug"), "is to come and to go"),
        (("--add", "a mug", "--to", "a ball"), "are both given"),
        (("--add", "a mug", "--method", "ddim"), "makes one change at a time"),
        (("--add", "a mug:mask=nowhere.png"), "nowhere.png"),
        (("--add", "a mug:mask="), "the mask's file is '', which is empty"),
        (("--add", "word " * 90), "tokens and this model reads"),
    ],
)
def test_what_is_wrong_is_one_line(edit: Callable[..., Outcome], words: tuple[str, ...], says: str) -> None:
    end = edit(*words)
    if "a mug:scale" == words[1]:  # without a value it is part of the words
        assert end.code == 0
        return
    assert end.code == 2 and says in end.err and end.err.count("\n") == 1 and not end.out


def test_each_edit_is_reported_and_a_recipe_makes_the_same_bytes(
    edit: Callable[..., Outcome], inkover: Callable[..., Outcome], photo: Path, tmp_path: Path
) -> None:
    height, width = np.asarray(Image.open(photo)).shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2] = 255
    Image.fromarray(mask).save(tmp_path / "half.png")
    words = ("--add", f"a mug:mask={tmp_path / 'half.png'},threshold=0.5", "--remove", "a ball:warmup=1,scale=2")
    files = ("-o", tmp_path / "one.png", "--record", tmp_path / "one.json")
    said = json.loads(edit(*words, *files, "--json").out)
    assert said["method"] == "ledits++" and said["samples"] == {"mask": 0, "inversion": 3, "edit": 8}
    first, second = said["edits"]
    assert (first["text"], first["samples"]) == ("a mug", 3) and (second["text"], second["samples"]) == ("a ball", 2)
    assert 0 < first["mask_area"] <= 0.5 and 0 < second["mask_area"] < 0.5
    again = inkover("edit", photo, "--recipe", tmp_path / "one.json", "-o", tmp_path / "two.png", "--device", "cpu")
    assert again.code == 0 and (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    Image.fromarray(255 - mask).save(tmp_path / "half.png")
    other = inkover("edit", photo, "--recipe", tmp_path / "one.json", "-o", tmp_path / "two.png", "--force")
    assert other.code == 2 and "is not the recipe's" in other.err
    beside = inkover("edit", photo, "--recipe", tmp_path / "one.json", "--add", "a pear", "-o", tmp_path / "two.png")
    assert beside.code == 2 and "--add and --recipe are both given" in beside.err


def test_the_same_in_python(editor: Editor) -> None:
    half = np.zeros((64, 80), np.float32)
    half[:32] = 1
    wanted = [Edit("a mug", settings={"scale": 3}), Edit("a ball", away=True, mask=half)]
    one = editor.edit(PIXELS, edits=wanted, steps=4)
    other = editor.edit(PIXELS, edits=wanted[::-1], steps=4)
    assert np.abs(one.photo.pixels.astype(int) - other.photo.pixels).max() <= 1
    assert [change.text for change in one.record.edits] == ["a mug", "a ball"] and one.record.target == ""
    assert not one.notes or all("never acts" not in note for note in one.notes)
    idle = editor.edit(PIXELS, edits=[Edit("a mug", settings={"warmup": 900})], steps=4)
    assert any("never acts" in note for note in idle.notes)
    with pytest.raises(InkoverError, match="target text is empty"):
        editor.edit(PIXELS)
    with pytest.raises(InkoverError, match="hand over inkover.Edit"):
        editor.edit(PIXELS, edits=["a mug"])  # type: ignore[list-item]


def test_a_mask_of_all_edits_keeps_the_rest_to_the_bit(editor: Editor) -> None:
    mask = np.zeros((64, 80), np.float32)
    mask[10:40, 20:60] = 1
    result = editor.edit(PIXELS, edits=[Edit("a mug"), Edit("sand")], mask=mask, steps=4, threshold=0.3)
    outside = result.mask == 0
    assert outside.any() and np.array_equal(result.photo.pixels[outside], PIXELS[outside])
    assert not np.array_equal(result.photo.pixels, PIXELS)


def test_things_turn_into_others(
    edit: Callable[..., Outcome], inkover: Callable[..., Outcome], photo: Path, tmp_path: Path
) -> None:
    words = (
        "--change",
        "a red ball -> a blue ball:rule=quantile,threshold=0.97",
        "--change",
        "grass -> sand:rule=quantile,threshold=0.7",
    )
    files = ("-o", tmp_path / "one.png", "--record", tmp_path / "one.json", "--save-mask", tmp_path / "mask.png")
    done = edit(*words, *files, "--json", "--set", "noises=2")
    said = json.loads(done.out)
    assert said["method"] == "multi-diffedit" and said["samples"]["mask"] == 8
    assert [one["text"] for one in said["edits"]] == ["a blue ball", "sand"]
    assert all(0 < one["mask_area"] < 1 for one in said["edits"])
    before, after, mask = (
        np.asarray(Image.open(file)) for file in (photo, tmp_path / "one.png", tmp_path / "mask.png")
    )
    assert np.array_equal(before[mask == 0], after[mask == 0]) and (mask == 0).any() and (mask > 0).any()
    again = inkover("edit", photo, "--recipe", tmp_path / "one.json", "-o", tmp_path / "two.png", "--device", "cpu")
    assert again.code == 0 and (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize(
    "words, says",
    [
        (("--change", "a ball"), "what turns into what"),
        (("--change", "a -> b -> c"), "what turns into what"),
        (("--change", " -> a ball"), "what turns into what"),
        (("--change", "a ball -> a  Ball"), "read the same"),
        (("--change", "a ball -> a mug", "--change", "a ball -> a mug"), "asked for twice"),
        (("--change", "a ball -> a mug", "--add", "a pear"), "they are of two methods"),
        (("--change", "a ball -> a mug", "--method", "ledits++"), "lets things come and go"),
        (("--add", "a mug", "--method", "multi-diffedit"), "turns things into others"),
        (("--change", "a ball -> a mug:rule=best"), "no rule 'best'"),
        (("--change", "a ball -> a mug:noises=3"), "is one for all edits"),
    ],
)
def test_what_is_wrong_with_a_change_is_one_line(
    edit: Callable[..., Outcome], words: tuple[str, ...], says: str
) -> None:
    end = edit(*words)
    assert end.code == 2 and says in end.err and end.err.count("\n") == 1 and not end.out


CHANGES = ("--change", "a red ball -> a blue ball", "--change", "grass -> sand")


@pytest.fixture
def look(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path) -> Callable[..., Outcome]:
    def call(*words: Any) -> Outcome:
        few = ("--steps", 4, "--set", "noises=2", "--set", "rule=quantile", "--quiet")
        return inkover("mask", photo, *words, "--model", tiny_folder, "--device", "cpu", *few)

    return call


def test_each_change_has_a_mask_to_look_at_and_to_hand_back(
    look: Callable[..., Outcome], edit: Callable[..., Outcome], photo: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "masks"
    said = json.loads(look(*CHANGES, "-o", folder, "--json").out)
    assert sorted(path.name for path in folder.iterdir()) == ["1.png", "2.png", "overlay.png"]
    assert [one["mask"] for one in said["edits"]] == [str(folder / "1.png"), str(folder / "2.png")]
    with Image.open(photo) as picture, Image.open(folder / "overlay.png") as overlay:
        size, shown = picture.size, overlay.size
    masks = [np.asarray(Image.open(folder / f"{k}.png")) for k in (1, 2)]
    assert all(mask.shape == size[::-1] and set(np.unique(mask)) == {0, 255} for mask in masks)
    assert shown[0] == size[0] and shown[1] > size[1]
    back = [f"a red ball -> a blue ball:mask={folder / '1.png'}", f"grass -> sand:mask={folder / '2.png'}"]
    handed = edit("--change", back[0], "--change", back[1], "-o", tmp_path / "one.png", "--json")
    found = json.loads(handed.out)
    assert found["samples"]["mask"] == 0
    again = look(*CHANGES, "-o", folder)
    assert again.code == 2 and "exists" in again.err
    assert look(*CHANGES, "-o", tmp_path / "one.png").err.count("give a folder") == 1
    assert "there is no folder" in look(*CHANGES, "-o", tmp_path / "a" / "b").err


def test_a_mask_that_selects_nothing_is_said(edit: Callable[..., Outcome], tmp_path: Path) -> None:
    twice = ("--change", "a ball -> a mug", "--change", "grass -> sand:rule=mean,threshold=90")
    end = edit(*twice, "-o", tmp_path / "one.png", "--set", "noises=2", "--set", "rule=quantile")
    assert end.code == 0 and "the mask of 'sand' is empty" in end.err and "lower its threshold" in end.err


def test_masks_in_python(editor: Editor, tmp_path: Path) -> None:
    wanted = [Edit("a blue ball", source="a red ball"), Edit("sand", source="grass")]
    found = editor.mask(PIXELS, edits=wanted, steps=4, noises=2, rule="quantile")
    assert len(found.each) == 2 and np.array_equal(np.maximum(*found.each), found.mask)
    assert not (found.each[0] * found.each[1]).any()
    found.save_overlay(tmp_path / "overlay.png")
    shown = np.asarray(Image.open(tmp_path / "overlay.png"))[:64]
    untouched = found.mask == 0
    assert np.array_equal(shown[untouched], PIXELS[untouched]) and not np.array_equal(shown, PIXELS)


def test_what_went_in_is_never_written_over(
    edit: Callable[..., Outcome], look: Callable[..., Outcome], editor: Editor, photo: Path, tmp_path: Path
) -> None:
    with Image.open(photo) as picture:
        size = picture.size
    mine = tmp_path / "1.png"
    Image.new("L", size, 255).save(mine)
    before = mine.read_bytes()
    change = ("--change", f"a ball -> a mug:mask={mine}")
    for end in (
        edit(*change, "--save-mask", mine, "-o", tmp_path / "a.png", "--force"),
        edit(*change, "-o", mine, "--force"),
        look(*change, *CHANGES[:2], "-o", tmp_path, "--force"),
    ):
        assert end.code == 2 and ("in use as another file" in end.err or "is an input of" in end.err)
    result = editor.edit(photo, edits=[Edit("a mug", source="a ball", mask=mine)], steps=4)
    for write in (result.save, result.save_mask):
        with pytest.raises(InkoverError, match="in use|input"):
            write(mine)
    found = editor.mask(photo, edits=[Edit("a mug", source="a ball")], steps=4, noises=2, rule="quantile")
    with pytest.raises(InkoverError, match="in use|png"):
        found.save_overlay(photo)
    assert mine.read_bytes() == before


def test_grow_and_feather_are_of_each_mask(editor: Editor) -> None:
    """One change is diffedit's, to the bit, also with its edges."""
    given = {"steps": 4, "noises": 2, "grow": 4, "feather": 2}
    one = editor.edit(PIXELS, edits=[Edit("a blue ball", source="a red ball")], **given)
    other = editor.edit(PIXELS, source="a red ball", target="a blue ball", method="diffedit", **given)
    assert np.array_equal(one.mask, other.mask) and np.array_equal(one.photo.pixels, other.photo.pixels)


def test_masks_that_are_all_given_leave_nothing_to_be_found(
    edit: Callable[..., Outcome], photo: Path, tmp_path: Path
) -> None:
    with Image.open(photo) as picture:
        Image.new("L", picture.size, 255).save(tmp_path / "m.png")
    change = ("--change", f"a ball -> a mug:mask={tmp_path / 'm.png'}")
    assert "shapes the automatic mask" in edit(*change, "--set", "noises=3").err
    assert "would make one picture 2 times" in edit(*change, "--count", 2).err
    assert "has its own" in edit("--change", f"a ball -> a mug:mask={tmp_path / 'm.png'},threshold=0.4").err
    held = edit("--change", "a ball -> a mug", "--mask", tmp_path / "m.png", "--count", 2, "--set", "noises=2", "--set",
                "rule=quantile", "-o", tmp_path / "out.png")  # fmt: skip
    assert held.code == 0 and (tmp_path / "out-2.png").exists()


@pytest.mark.parametrize(
    "wrong", [Edit("x"), "x", [Edit("x", settings=None)], [Edit("x", away="no")],  # type: ignore[arg-type]
              [Edit("x", settings={"scale": 8, "guidance": 9})]]
)  # fmt: skip
def test_edits_of_other_types_are_refused(editor: Editor, wrong: Any) -> None:
    with pytest.raises(InkoverError):
        editor.edit(PIXELS, edits=wrong, steps=4)


class Shown:
    """Writes down the stages that begin."""

    def __init__(self) -> None:
        self.stages = list[str]()

    def begin(self, stage: str, steps: int) -> None:
        self.stages.append(stage)

    def advance(self) -> None:
        pass

    def end(self) -> None:
        pass


@pytest.mark.parametrize("method", ["p2p", "ledits++"])
def test_a_model_whose_attention_is_not_heard_is_refused_before_anything_is_traced(editor: Editor, method: str) -> None:
    flow, shown = replace(editor, model=tiny_backbone(FLOWS[0])), Shown()
    with pytest.raises(InkoverError, match=f"cannot be steered, as method '{re.escape(method)}' does"):
        flow.edit(PIXELS, source="a ball", target="a mug", method=method, show=shown)
    assert not shown.stages
    flow.edit(PIXELS, source="a ball", target="a mug", method="sdedit", steps=4, show=shown)
    assert shown.stages
