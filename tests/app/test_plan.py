"""Recipes that somebody wrote: TOML or JSON in place of a long command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from small_photo import Outcome

Ask = Callable[..., Outcome]


@pytest.fixture
def edit(inkover: Callable[..., Outcome], photo: Path, tiny_folder: Path) -> Ask:
    def call(*words: Any) -> Outcome:
        return inkover("edit", photo, *words, "--model", tiny_folder, "--device", "cpu", "--quiet", "--force")

    return call


def files(folder: Path, text: str, name: str = "plan.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_and_the_command_line_say_the_same(edit: Ask, tmp_path: Path, photo: Path) -> None:
    with Image.open(photo) as opened:
        mask = np.zeros(opened.size[::-1], np.uint8)
    mask[10:40, 20:60] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    plan = files(tmp_path, """
        from = "a red ball on grass"
        seed = 3
        settings = {steps = 4, strength = 0.9}
        [[edits]]
        add = "a mushroom"
        scale = 8
        mask = "m.png"
        [[edits]]
        remove = "a mug"
        warmup = 1
    """)  # fmt: skip
    said = ("--add", f"a mushroom:scale=8,mask={tmp_path / 'm.png'}", "--remove", "a mug:warmup=1", "--seed", 3,
            "--steps", 4, "--strength", 0.9, "--from", "a red ball on grass")  # fmt: skip
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    assert edit("--recipe", plan, "-o", one, "--record", tmp_path / "one.json").code == 0
    assert edit(*said, "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()
    assert edit("--recipe", tmp_path / "one.json", "-o", other).code == 0
    assert one.read_bytes() == other.read_bytes()


def test_json_will_do_and_so_will_one_change(edit: Ask, tmp_path: Path) -> None:
    plan = files(tmp_path, json.dumps({"to": "a ball", "method": "sdedit", "settings": {"steps": 4}}), "plan.json")
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    assert edit("--recipe", plan, "--count", 2, "-o", one).code == 0
    assert edit("--to", "a ball", "--method", "sdedit", "--steps", 4, "-o", other).code == 0
    assert (tmp_path / "one-1.png").read_bytes() == other.read_bytes() != (tmp_path / "one-2.png").read_bytes()


def test_changes_have_arrows(edit: Ask, tmp_path: Path) -> None:
    plan = files(tmp_path, 'settings = {steps = 4}\n[[edits]]\nchange = "red ball -> blue ball"\nthreshold = 0.2')
    made = edit("--recipe", plan, "-o", tmp_path / "one.png", "--json")
    assert [one["text"] for one in json.loads(made.out)["edits"]] == ["blue ball"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("to = 3", "to 3, expected a text"),
        ("to = 'a ball'\nmethod = ''", "method '', which is empty"),
        ("to = 'a ball'\nmask = ''", "mask '', which is empty"),
        ("to = 'a ball'\ncleanup = ' '", "cleanup ' ', which is empty"),
        ("to = ''\n[[edits]]\nadd = 'a mug'", "to '', which is empty"),
        ("[[edits]]\nadd = 'a mug'\nmask = ''", "edit 1 has mask '', which is empty"),
        ("seed = true\nto = 'a'", "seed True, expected a whole number"),
        ("too = 'a ball'", "unknown key 'too'"),
        ("seed = 3", "says nothing to do"),
        ("to = ", "is no TOML"),
        ("edits = 'a ball'", "expected a list"),
        ("edits = ['a ball']", "edit 1 is 'a ball', expected a table"),
        ("[[edits]]\nscale = 3", "edit 1 does nothing"),
        ("[[edits]]\nadd = 'a'\nremove = 'b'", "edit 1 does add and remove"),
        ("[[edits]]\nadd = 'a'\nsclae = 3", "no setting 'sclae'"),
        ("[[edits]]\nadd = 'a'\nmask = 3", "edit 1 has mask 3, expected a text"),
        ("[[edits]]\nadd = 'a'\nmask = 'none.png'", "none.png"),
        ("[[edits]]\nadd = 'a'\n[[edits]]\nchange = 'a -> b'", "are of two methods"),
        ("[[edits]]\nchange = 'a'", "does not say what turns into what"),
        ("[[edits]]\nadd = 'a ball'\n[settings]\nguidance = 'much'", "guidance is 'much'"),
        ("[[edits]]\nadd = 'a ball'\n[settings]\nguidance = nan", "guidance nan"),
        ("[[edits]]\nadd = 'a ball'\n[settings]\nstart = 2026-01-01", "no setting 'start'"),
    ],
)
def test_what_is_wrong_is_one_line(edit: Ask, tmp_path: Path, text: str, says: str) -> None:
    made = edit("--recipe", files(tmp_path, text), "-o", tmp_path / "one.png")
    assert made.code == 2 and says in made.err and made.err.count("\n") == 1, made.err
    assert not (tmp_path / "one.png").exists()


def test_what_a_file_says_is_not_said_again(edit: Ask, tmp_path: Path) -> None:
    plan = files(tmp_path, "to = 'a ball'")
    assert "--seed and --recipe are both given" in edit("--recipe", plan, "--seed", 3).err
    masked = files(tmp_path, "to = 'a ball'\nmask = 'm.png'", "masked.toml")
    assert "--mask and --recipe are both given" in edit("--recipe", masked, "--mask", tmp_path / "n.png").err
    assert "lists no edits" in edit("--recipe", files(tmp_path, '{"edits": []}', "none.json")).err
    made = edit("--recipe", plan, "-o", plan)
    assert made.code == 2 and plan.read_text() == "to = 'a ball'"


def test_an_overlay_of_the_edits_is_written(edit: Ask, tmp_path: Path, photo: Path) -> None:
    words = ("--change", "red ball -> blue ball", "--change", "grass -> sand", "--steps", 4)
    made = edit(*words, "-o", tmp_path / "one.png", "--save-overlay", tmp_path / "seen.png", "--json")
    assert json.loads(made.out)["overlay"] == str(tmp_path / "seen.png")
    with Image.open(photo) as before, Image.open(tmp_path / "seen.png") as shown:
        assert shown.width == before.width and shown.height > before.height  # a legend below
    assert edit("--to", "a ball", "--save-overlay", photo).code == 2
