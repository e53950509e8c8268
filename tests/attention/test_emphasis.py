"""Weights in a prompt are read, or refused; never guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.attention.emphasis import Weighted, parse, token_scales
from inkover.errors import InkoverError
from inkover.models.tokens import tokens_of
from tiny import tiny_tokenizer

PLAIN = st.text(st.sampled_from("ab ,.é:"), max_size=8)
PHRASES = st.text(st.sampled_from("ab é"), min_size=1, max_size=6).map(str.strip).filter(bool)


@pytest.mark.parametrize(
    ("prompt", "text", "weights"),
    [
        ("a red ball", "a red ball", ()),
        ("a (red:1.5) ball", "a red ball", (((2, 5), 1.5),)),
        ("( red ball : -2 )", "red ball", (((0, 8), -2.0),)),
        ("(a:0)(b:.5)", "ab", (((0, 1), 0.0), ((1, 2), 0.5))),
        ("a ball (on grass)", "a ball (on grass)", ()),
        (r"a \(red:1.5\) ball", "a (red:1.5) ball", ()),
        ("smile :) 3:1", "smile :) 3:1", ()),
        ("", "", ()),
    ],
)
def test_weights_are_read(prompt: str, text: str, weights: tuple[object, ...]) -> None:
    assert parse(prompt) == Weighted(text, weights)  # type: ignore[arg-type]


WRONG = (
    "(red:)",
    "(:1.5)",
    "(red:x)",
    "(red:1,5)",
    "(red:inf)",
    "(red:nan)",
    "( :2)",
    "(a:b:2)",
    "(red:1.5 ball",
    "(:)",
)
NESTED = ("((red:1.5))", "a (nice (red:1.5) ball:2)", "(a:1", "(red ball) and (blue:1.5")


@pytest.mark.parametrize("prompt", WRONG + NESTED)
def test_what_does_not_parse_is_an_error_that_says_how_to_write_it(prompt: str) -> None:
    with pytest.raises(InkoverError, match=r"write \(words:1\.5\), or \\\( and \\\) for parentheses$"):
        parse(prompt)


@given(st.lists(st.tuples(PLAIN, PHRASES, st.floats(-9, 9)), max_size=4), PLAIN)
def test_what_is_written_is_read_back(pieces: list[tuple[str, str, float]], end: str) -> None:
    found = parse("".join(f"{plain}({phrase}:{weight})" for plain, phrase, weight in pieces) + end)
    assert found.text == "".join(plain + phrase for plain, phrase, _ in pieces) + end
    assert [found.text[slice(*span)] for span, _ in found.weights] == [phrase for _, phrase, _ in pieces]
    assert [weight for _, weight in found.weights] == [weight for *_, weight in pieces]


def test_the_tokens_of_weighted_words_are_scaled() -> None:
    tokenizer, found = tiny_tokenizer(), parse("a (red pup:2) on (grass:0.5)")
    ids = tokenizer(found.text, padding="max_length", max_length=10).input_ids
    scales = token_scales(tokens_of(tokenizer, found.text, tuple(ids)), found.weights)
    assert scales.tolist() == [1, 1, 2, 2, 2, 2, 1, 0.5, 1, 1]
