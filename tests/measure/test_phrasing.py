"""How a text reads: orders, words that are none to the model, and how one is made clearer or shorter."""

from __future__ import annotations

import pytest

from inkover.measure.advice import phrasing
from inkover.models.contract import Model
from inkover.models.loading import load


@pytest.fixture(scope="module")
def model() -> Model:
    return load("tabletop")


def read(model: Model, text: str) -> phrasing.Phrasing:
    return phrasing.read(model.text(text).tokens)


@pytest.mark.parametrize("text", ["a red ball on grass", "a shiny blue cube and a mug on wood at night", "a duck"])
def test_a_description_is_neither_order_nor_vague_nor_unknown(model: Model, text: str) -> None:
    said = read(model, text)
    assert (said.order, said.vague, said.unknown, said.telling) == ("", (), (), 1)
    assert said.tokens == len(text.split()) and said.window == 38


@pytest.mark.parametrize(("text", "order"), [("make it nicer", "make"), ("Please turn the ball blue!", "turn")])
def test_an_order_is_one(model: Model, text: str, order: str) -> None:
    assert read(model, text).order == order


def test_words_of_the_model_are_known_and_others_are_not(model: Model) -> None:
    assert read(model, "a red elephant on grass, with a helicopter").unknown == ("elephant", "helicopter")
    assert read(model, "bricks, snow; marble.").unknown == ()


def test_a_text_that_says_nothing_to_be_seen_tells_little(model: Model) -> None:
    assert read(model, "something better").telling == 0
    assert read(model, "a beautiful photo").telling == 0.5


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("turn the red ball into a blue cube", "a blue cube and a mug on grass"),
        ("please change the red ball to an orange duck.", "an orange duck and a mug on grass"),
        ("replace the mug with a star", "a red ball and a star on grass"),
        ("make the ball blue", "a blue ball and a mug on grass"),
        ("paint the mug orange", "a red ball and an orange mug on grass"),
        ("add a duck", "a duck and a red ball and a mug on grass"),
    ],
)
def test_an_order_becomes_a_description(order: str, text: str) -> None:
    assert phrasing.described("a red ball and a mug on grass", order) == text


@pytest.mark.parametrize(
    "order", ["make it nicer", "make the ball better", "turn the cat into a dog", "hello", "remove it"]
)
def test_what_cannot_be_made_a_description_is_none(order: str) -> None:
    assert phrasing.described("a red ball on grass", order) is None and phrasing.described("", order) is None


def test_a_text_is_cut_where_a_clause_ends_and_fits() -> None:
    def fits(text: str) -> bool:
        return len(text.split()) <= 8

    long = "a blue ball on grass at night, with a wall and snow, and sand, marble and bricks"
    assert phrasing.shortened(long, "a red ball on grass", fits) == "a blue ball on grass at night"
    assert len(phrasing.shortened("word " * 30, "", fits).split()) == 8


def test_of_what_fits_the_clauses_nearest_to_the_source_stay() -> None:
    long = "a pink cone on marble at night with snow , bricks , sand and sky , and a wall"
    source = "a pink mug on marble at night"
    assert phrasing.shortened(long, source, lambda text: len(text) < 60) == "a pink cone on marble at night"
    assert phrasing.shortened(long, "", lambda text: len(text) < 60).endswith("sand")


@pytest.mark.parametrize("kept", ["with a green hat on top", "that has turned blue"])
def test_what_is_new_stays_where_the_source_differs_in_capitals_or_small_words_alone(kept: str) -> None:
    long = f"The pink mug on a marble table, {kept}, and snow, and bricks, and sand, and a wall, and the sky"
    short = phrasing.shortened(long, "a pink mug on a marble table", lambda text: len(text.split()) <= 20)
    assert kept in short and "wall" not in short


def test_cutting_never_leaves_the_source_alone() -> None:
    long = "a red ball on grass, and a blue cube and snow and sand and a wall"
    short = phrasing.shortened(long, "a red ball on grass", lambda text: len(text.split()) <= 10)
    assert "blue cube" in short and len(short.split()) <= 10


def test_a_word_that_is_misspelled_is_put_right_and_a_strange_one_is_not() -> None:
    known = ("ball", "bottle", "purple")
    assert phrasing.respelled("a purpel botle, on grass", ("purpel", "botle"), known) == "a purple bottle, on grass"
    assert phrasing.respelled("a purpel elephant", ("purpel", "elephant"), known) is None
    assert phrasing.respelled("a botle", ("botle",), ()) is None
