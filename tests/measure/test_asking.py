"""What a model says of an edit by itself: whether a photo comes back the way that its recipe traces it."""

from __future__ import annotations

from typing import Any

import pytest

import inkover
from inkover.app.recipe import File, Recipe, Weights
from inkover.measure.advice.asking import Back, back
from inkover.photo import Photo
from inkover.tabletop.edits import case

EDIT = case("recolour", 1, 0, 1)


@pytest.fixture(scope="module")
def editor() -> inkover.Editor:
    return inkover.Editor.load("tabletop", remember=False)


def traced(editor: inkover.Editor, source: str, method: str = "masactrl", **settings: Any) -> Back:
    photo = Photo.from_array(EDIT.truth(64)[0])
    weights = Weights("tabletop", "tabletop", "", None, "cpu", "float32")
    made = {"steps": 4, "guidance": 7.5, "inversion": "ddim"} | settings
    return back(editor, Recipe(File(None, ""), weights, source, EDIT.target, method, made, 0), photo)


def test_a_photo_is_traced_with_the_text_that_the_recipe_traces_it_with(editor: inkover.Editor) -> None:
    empty = traced(editor, EDIT.source)  # masactrl's default
    assert empty == traced(editor, EDIT.target) and empty.lost is not None
    worded = traced(editor, EDIT.source, inversion_prompt="source")
    assert worded.lost is not None and worded.lost > empty.lost  # it comes back guided, and from nowhere else


def test_what_comes_back_by_its_making_loses_nothing_and_what_is_not_traced_has_no_figure(
    editor: inkover.Editor,
) -> None:
    assert traced(editor, EDIT.source, inversion="direct") == Back(0.0)
    photo = Photo.from_array(EDIT.truth(64)[0])
    weights = Weights("tabletop", "tabletop", "", None, "cpu", "float32")
    assert back(editor, Recipe(File(None, ""), weights, "", "a ball", "sdedit", {}, 0), photo) == Back(None)
