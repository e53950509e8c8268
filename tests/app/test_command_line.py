"""A recipe told as a command: what is parsed of it is what the recipe says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkover import methods
from inkover.app import asked, cli, inputs
from inkover.app.cleanup import Cleanup
from inkover.app.command_line import command
from inkover.app.recipe import Change, File, Recipe, Weights
from inkover.app.request import Ask, Engine, Files, Manner, wish
from inkover.errors import InkoverError
from inkover.methods.settings import knobs
from small_photo import pixels

TABLETOP = Weights("tabletop", "tabletop", "0" * 64, None, "cpu", "bfloat16")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(pixels()).save(tmp_path / "photo.png")
    mask = np.zeros((96, 120), np.uint8)
    mask[30:60, 40:80] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path / "photo.png"


def recipe(photo: Path, method: str = "diffedit", **other: Any) -> Recipe:
    usual = {knob.name: knob.default for knob in knobs(methods.get(method).settings)}
    settings = usual | other.pop("settings", {})
    made = Recipe(File(str(photo), ""), TABLETOP, "a red ball", "a blue ball", method, settings, 0)
    return replace(made, **other)


def parsed(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> tuple[Ask, Engine, Files]:
    """Let the real command line read it, up to where it would begin to work."""
    from inkover.app import edit_command

    said = list[Any]()

    def run(ask: Ask, engine: Engine, wanted: Files, manner: Manner, again: Path | None) -> None:
        said.extend((ask, engine, wanted))

    monkeypatch.setattr(edit_command, "run", run)
    assert arguments[0] == "inkover" and cli.run(list(arguments[1:])) == 0
    return said[0], said[1], said[2]


def masked(photo: Path) -> dict[str, Any]:
    return {"mask": inputs.mask_file(photo.with_name("mask.png")), "grow": 3.0, "feather": 2.5}


RECIPES: dict[str, dict[str, Any]] = {
    "all usual": {},
    "knobs": {"settings": {"strength": 0.55, "guidance": 7.0, "threshold": 0.15, "steps": 20, "negative": "a mug"}},
    "seed and edges": {"seed": 7, "grow": -2.0, "feather": 4.4},
    "p2p": {"method": "p2p", "settings": {"cross": 0.5, "blend": "", "inversion": "null-text", "iterations": 5}},
    "true and false": {"method": "p2p", "settings": {"keep": True}},
    "a mask in words": {"where": 'grow(differs("a red ball, a", "a blue ball"), 2)'},
    "no source": {"method": "sdedit", "source": ""},
    "clean-up": {"cleanup": Cleanup(True, 0.25, 0.2)},
    "windows": {"windows": True},
}


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_parsed_is_what_the_recipe_says(name: str, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = recipe(photo, **dict(RECIPES[name]))
    output, record = photo.with_name("out.png"), photo.with_name("out.json")
    ask, engine, wanted = parsed(command(one, photo, output, record), monkeypatch)
    made, again = (
        wish(ask),
        asked.from_recipe(replace(one, feather=0.0 if one.feather < 1 else one.feather), ask_photo(ask)),
    )
    for part in ("method", "settings", "source", "target", "seed", "grow", "cleanup", "windows"):
        assert getattr(made, part) == getattr(again, part), part
    assert (made.where and made.where.text or "") == one.where
    assert made.feather == (one.feather or None)
    assert (engine.model, engine.dtype) == ("tabletop", "bfloat16")
    assert (wanted.output, wanted.record) == (output, record)


def ask_photo(ask: Ask) -> Any:
    return inputs.opened(ask.photo)


def test_a_mask_file_is_handed_on_and_the_automatic_masks_knobs_are_not(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recipe(photo, settings={"threshold": 0.15, "strength": 0.5}, **masked(photo))
    ask, _, _ = parsed(command(one, photo, photo.with_name("o.png"), photo.with_name("o.json")), monkeypatch)
    made = wish(ask)
    assert ask.mask == str(photo.with_name("mask.png")) and made.settings.strength == 0.5
    assert (made.grow, made.feather) == (3.0, 2.5)


def test_what_no_command_line_tells_is_an_error(photo: Path) -> None:
    several = recipe(photo, edits=(Change("a mug", False, "", {}, None),))
    for one in (several, recipe(photo, mask=File(None, "0"))):
        with pytest.raises(InkoverError):
            command(one, photo, Path("o.png"), Path("o.json"))


def test_every_method_has_its_usual_command(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in methods.names():
        if methods.get(name).several:
            continue
        said = command(recipe(photo, name), photo, Path("o.png"), Path("o.json"))
        assert "--set" not in said and "--strength" not in said and name in said
        assert wish(parsed(said, monkeypatch)[0]).method.name == name


def test_a_photo_whose_name_begins_as_an_option_is_still_a_photo(photo: Path) -> None:
    assert command(recipe(photo), Path("./-photo.png"), Path("-o.png"), Path("r.json"))[2] == "./-photo.png"
