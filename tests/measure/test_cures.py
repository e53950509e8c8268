"""What advice turns: every cure changes the recipe the right way, and its command is one that the program reads."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from inkover import methods
from inkover.app.recipe import File, Recipe, Weights
from inkover.errors import InkoverError
from inkover.measure.advice import cures
from inkover.measure.advice.cures import Case, Cure
from inkover.measure.advice.phrasing import Phrasing
from inkover.measure.advice.signs import Signs
from inkover.methods.settings import build, knobs

SAID = Phrasing(tokens=5, window=38, unknown=(), vague=(), order="", telling=1.0)
NOTHING = Signs(**{one.name: None for one in fields(Signs)})  # type: ignore[arg-type]
ONE_TARGET = [name for name in methods.names() if not methods.get(name).several]


def recipe(method: str = "diffedit", **turned: Any) -> Recipe:
    usual = {knob.name: knob.default for knob in knobs(methods.get(method).settings)}
    model = Weights("tabletop", "tabletop", "0", None, "cpu", "float32")
    return Recipe(File("p.png", ""), model, "a red ball", "a blue ball", method, usual | turned, 0)


def cured(fault: str, one: Recipe, signs: Signs = NOTHING, said: Phrasing = SAID, mask: File | None = None) -> Cure:
    return cures.CURES[fault](Case(one, signs, said, 128, mask))


def knob(cure: Cure, name: str) -> Any:
    assert cure.recipe is not None
    return cure.recipe.settings[name]


@pytest.mark.parametrize(
    ("fault", "method", "name", "value"),
    [
        ("weak", "diffedit", "strength", 0.2),
        ("weak", "diffedit", "guidance", 1.0),
        ("weak", "sdedit", "guidance_from", 0.9),
        ("weak", "p2p", "cross", 1.0),
        ("weak", "ddpm-inversion", "strength", 0.2),
        ("drift", "sdedit", "strength", 1.0),
        ("drift", "p2p", "layout", 0.0),
        ("bleeding", "diffedit", "threshold", 0.02),
        ("bleeding", "diffedit", "closing", 40),
        ("artefacts", "diffedit", "guidance", 35.0),
        ("artefacts", "p2p", "steps", 3),
        ("artefacts", "p2p", "rescale", 0.0),
        ("unfaithful", "ddim", "steps", 4),
    ],
)
def test_a_knob_that_is_turned_too_far_comes_back_and_the_others_stay(
    fault: str, method: str, name: str, value: float
) -> None:
    before = recipe(method, **{name: value})
    cure = cured(fault, before)
    usual = recipe(method).settings
    assert knob(cure, name) == usual[name] and f"{name} {value!r} -> {usual[name]!r}" in cure.text
    assert cure.recipe is not None and {**cure.recipe.settings} == {**usual}


@pytest.mark.parametrize("method", ONE_TARGET)
@pytest.mark.parametrize("fault", ["weak", "drift", "bleeding", "artefacts", "unfaithful", "undrawable"])
def test_every_cure_of_every_method_at_its_defaults_changes_something_that_fits(fault: str, method: str) -> None:
    before = recipe(method)
    cure = cured(fault, before)
    assert cure.recipe is not None and replace(cure.recipe, feather=0.0) != before
    build(methods.get(cure.recipe.method), cure.recipe.settings)


def test_steps_that_are_fewer_than_usual_and_enough_stay() -> None:
    assert knob(cured("artefacts", recipe(steps=20, guidance=35.0)), "steps") == 20
    assert knob(cured("artefacts", recipe(steps=5, guidance=35.0)), "steps") == 40


def test_a_knob_goes_on_the_right_way_where_none_is_beyond_its_default() -> None:
    assert knob(cured("weak", recipe("sdedit")), "strength") == 1.0
    assert knob(cured("weak", recipe("p2p")), "guidance") > 4.0  # its strength is all there is
    assert knob(cured("artefacts", recipe()), "guidance") < 4.0


def test_an_inversion_is_changed_for_the_methods_best_and_takes_its_knobs_along() -> None:
    cure = cured("unfaithful", recipe("p2p", inversion="null-text", iterations=3))
    assert (knob(cure, "inversion"), knob(cure, "iterations")) == ("direct", 10)


def test_a_mask_that_misses_the_place_is_made_wider() -> None:
    missing = replace(NOTHING, missed=0.9)
    assert knob(cured("weak", recipe(threshold=0.9), missing), "threshold") == 0.3
    assert knob(cured("weak", recipe(), missing), "threshold") == 0.15
    shrunk = cured("weak", replace(recipe(), grow=-9.0)).recipe
    assert shrunk is not None and shrunk.grow == 0
    given = cured("weak", replace(recipe("sdedit"), mask=File("small.png", "0")), missing).recipe
    assert given is not None and given.mask is None and "differs(" in given.where


def test_a_mask_of_the_users_comes_before_one_by_the_texts() -> None:
    mine = File("mine.png", "0")
    for fault in ("drift", "bleeding"):
        cure = cured(fault, recipe("sdedit"), mask=mine).recipe
        assert cure is not None and cure.mask == mine and not cure.where


def test_what_drifts_gets_a_mask_and_what_bleeds_a_tighter_one() -> None:
    drifting = cured("drift", recipe("sdedit", strength=1.0)).recipe
    assert drifting is not None and drifting.where == 'grow(differs("a red ball", "a blue ball"), 2)'
    unknown = cured("drift", replace(recipe("sdedit"), source="")).recipe
    assert unknown is not None and unknown.where == 'grow(noise("a blue ball"), 2)'
    grown = cured("bleeding", replace(recipe(), grow=30.0)).recipe
    assert grown is not None and grown.grow == 0 and not grown.where


def test_weights_of_words_are_no_part_of_a_mask_in_words_and_windows_are_not_steered() -> None:
    weighed = cured("drift", replace(recipe("sdedit"), target="a (blue:1.5) ball")).recipe
    assert weighed is not None and weighed.where == 'grow(differs("a red ball", "a blue ball"), 2)'
    other = cured("undrawable", replace(recipe("sdedit"), windows=True)).recipe
    assert other is not None and other.method == "diffedit" and other.windows
    plain = cured("undrawable", replace(recipe("p2p"), target="a (blue:1.5) ball")).recipe
    assert plain is not None and (plain.method, plain.target) == ("diffedit", "a blue ball")  # which weighs no words


def test_texts_are_mended_in_words() -> None:
    order = cured("unclear", replace(recipe(), target="make the ball green")).recipe
    assert order is not None and order.target == "a green ball"
    vague = cured("unclear", replace(recipe(), target="make it nicer"))
    assert vague.recipe is None and not vague.arguments and "'a red ball'" in vague.text
    rambling = replace(recipe(), target="a blue ball on grass, " + "and a mug and a wall " * 6)
    short = cured("long", rambling, said=replace(SAID, tokens=36)).recipe
    assert short is not None and 4 <= len(short.target.split()) <= 19 and short.target.startswith("a blue ball")


def test_what_the_model_does_not_know_asks_for_another_model_and_what_it_does_for_another_method() -> None:
    unknown = cured("undrawable", recipe(), said=replace(SAID, unknown=("elephant",)))
    assert (
        unknown.recipe is None
        and unknown.arguments[:3] == ("inkover", "models", "get")
        and "'elephant'" in unknown.text
    )
    known = cured("undrawable", recipe(steps=20)).recipe
    assert known is not None and known.method == "p2p" and known.settings["steps"] == 20
    assert knob(cured("undrawable", recipe(strength=0.2)), "strength") == 1.0  # first as it is usual
    other = cured("undrawable", replace(recipe(), source="")).recipe
    assert other is not None and other.method == "ddpm-inversion"  # p2p reads the photo's own text


def test_settings_that_do_not_fit_together_any_more_become_the_methods_own() -> None:
    blended = recipe("p2p", blend="", layout=0.0, cross=0.0)
    cure = cured("drift", blended).recipe
    assert cure is not None
    build(methods.get("p2p"), cure.settings)
    with pytest.raises(InkoverError):
        build(methods.get("p2p"), dict(cure.settings) | {"blend": "", "blend_threshold": 0.5})


def test_no_cure_names_a_file() -> None:
    assert not any(Path(word).suffix == ".png" for word in cured("drift", recipe()).text.split())


def test_a_place_that_was_taken_already_is_not_advised_again() -> None:
    where = 'grow(differs("a red ball", "a blue ball"), 2)'
    masked = replace(recipe("sdedit"), where=where)
    calmer, stronger = cured("bleeding", masked).recipe, cured("weak", masked, replace(NOTHING, missed=0.9)).recipe
    assert calmer is not None and calmer.where == where and calmer.settings["strength"] < 0.8
    assert stronger is not None and stronger.where == where and stronger.settings["strength"] > 0.8


@pytest.mark.parametrize("leans", ["WEAK", "STRONG", "NARROW", "WIDE", "HARSH", "UNTRUE"])
def test_what_a_cure_turns_is_a_knob_of_some_method(leans: str) -> None:
    known = {knob.name for name in methods.names() for knob in knobs(methods.get(name).settings)}
    assert {name for name, _, _ in getattr(cures, leans)} <= known
    assert set(cures.MOST) <= known
