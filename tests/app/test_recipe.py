"""A recipe comes back as it was written, and nothing else is read as one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.app.cleanup import Cleanup
from inkover.app.recipe import File, Recipe, Weights, versions
from inkover.errors import InkoverError
from inkover.models.fingerprint import file_hash

MODEL = Weights("tabletop", "tabletop", "ab" * 32, None, "cpu", "float32")
RECIPE = Recipe(
    photo=File("photo.jpg", "12" * 32),
    model=MODEL,
    source="a red ball",
    target="a blue ball",
    method="diffedit",
    settings={"steps": 50, "strength": 0.8, "sampler": "ddim"},
    seed=3,
    grow=-2.0,
    feather=7.25,
    mask=File("mask.png", "34" * 32),
    cleanup=Cleanup(True, 0.3, 0.0),
    mark=False,
    versions=versions(),
)


def altered(**changes: Any) -> str:
    return json.dumps(json.loads(RECIPE.to_json()) | changes)


def test_a_recipe_comes_back_as_it_was() -> None:
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE


@given(
    st.builds(
        Recipe,
        photo=st.builds(File, st.none() | st.text(), st.text()),
        model=st.just(MODEL),
        source=st.text(),
        target=st.text(),
        method=st.text(),
        settings=st.dictionaries(st.text(), st.integers() | st.floats(-9, 9) | st.text()),
        seed=st.integers(0),
        grow=st.floats(-9, 9),
        feather=st.floats(0, 99),
        mask=st.none() | st.builds(File, st.text(), st.text()),
        cleanup=st.builds(Cleanup, st.booleans(), st.floats(0, 1), st.floats(0, 1)),
        mark=st.booleans(),
    )
)
def test_any_recipe_comes_back_as_it_was(recipe: Recipe) -> None:
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_files_are_named_from_the_recipe_s_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    RECIPE.save("../there/recipe.json")
    written = json.loads(Path("../there/recipe.json").read_text())
    assert written["mask"]["file"] == os.path.join("..", "here", "mask.png")
    monkeypatch.chdir(tmp_path)
    again = Recipe.read("there/recipe.json")
    assert again.mask and again.mask.file and Path(again.mask.file).resolve() == tmp_path / "here" / "mask.png"


def test_a_model_that_is_a_file_is_named_from_the_recipe_s_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "models" / "small").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    given = replace(MODEL, spec="models/small", config="models/small")
    replace(RECIPE, model=given).save("../there/recipe.json")
    replace(RECIPE, model=given).save("beside.json")
    spec = json.loads(Path("beside.json").read_text())["model"]["spec"]
    assert spec == os.path.join(".", "models", "small")
    (tmp_path / "here").rename(tmp_path / "moved")
    (tmp_path / "here").symlink_to("moved")
    monkeypatch.chdir(tmp_path)
    for name in ("there/recipe.json", "moved/beside.json"):
        model = Recipe.read(name).model
        assert model.spec and model.spec.startswith(".") and Path(model.spec).samefile("moved/models/small")
        assert model.config and Path(model.config).samefile("moved/models/small")


def test_a_model_that_has_a_name_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tabletop").mkdir()  # the bundled model goes before a folder of its name
    for spec in ("tabletop", "somebody/something", None):
        replace(RECIPE, model=replace(MODEL, spec=spec)).save("recipe.json")
        assert Recipe.read("recipe.json").model == replace(MODEL, spec=spec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "is no recipe"),
        ("{}", "is no recipe"),
        ('{"recipe": 1}', "lacks photo"),
        (altered(recipe=2), "version 2"),
        (altered(colour="red"), "unknown key 'colour'"),
        (altered(seed="0"), "seed '0', expected int"),
        (altered(seed=True), "seed True, expected int"),
        (altered(seed=1.5), "seed 1.5, expected int"),
        (altered(mark=1), "mark 1, expected bool"),
        (altered(settings=[]), "settings [], expected dict"),
        (altered(photo="photo.jpg"), "photo 'photo.jpg', expected an object"),
        (altered(photo={"file": "a"}), "lacks sha256 in photo"),
        (altered(mask={"file": 1, "sha256": ""}), "mask.file 1, expected str or null"),
        (altered(model={**json.loads(RECIPE.to_json())["model"], "hash": None}), "model.hash None, expected str"),
        (altered(cleanup={"color": False, "sharpen": 2.0, "denoise": 0}), "cleanup sharpen is 2.0, expected 0 to 1"),
        (RECIPE.to_json().replace("7.25", "NaN"), "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InkoverError) as problem:
        Recipe.from_json(text)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_recipe_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InkoverError, match="no such recipe: .*gone.json"):
        Recipe.read(tmp_path / "gone.json")
    (tmp_path / "picture.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InkoverError, match="picture.json cannot be read as a recipe"):
        Recipe.read(tmp_path / "picture.json")
    (tmp_path / "old.json").write_text(altered(recipe=9))
    with pytest.raises(InkoverError, match="old.json is a recipe of version 9"):
        Recipe.read(tmp_path / "old.json")


def test_the_hash_is_the_files_own(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert file_hash(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
