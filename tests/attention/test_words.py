"""Words are found by where they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.attention.words import Tokens, at, find, last, words
from inkover.errors import InkoverError
from inkover.models.tokens import decoded, tokens_of
from tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()


def read(prompt: str, window: int = 24) -> Tokens:
    ids = TOKENIZER(prompt, padding="max_length", max_length=window).input_ids
    return tokens_of(TOKENIZER, prompt, tuple(ids))


@pytest.mark.parametrize(
    ("prompt", "phrase", "expected"),
    [
        ("a red ball on grass", "red", (2,)),
        ("a red ball on grass", "RED  Ball", (2, 3)),
        ("A  Red, ball's", "red,", (2, 3)),
        ("A  Red, ball's", "ball", (4,)),
        ("a pup", "pup", (2, 3, 4)),  # a word of three tokens
        ("red on red", "red", (1, 3)),  # wherever it stands
        ("redred red", "red", (4,)),  # a whole word, not a part
        ("a café ball", "ball", (7,)),  # é is two tokens
        ("a café", "café", (2, 3, 4, 5, 6)),
    ],
)
def test_a_phrase_is_found(prompt: str, phrase: str, expected: tuple[int, ...]) -> None:
    assert find(read(prompt), phrase) == expected


@pytest.mark.parametrize("phrase", ["blue", "re", "ball red", "", "grass a"])
def test_a_word_that_is_not_there_is_an_error_that_names_those_that_are(phrase: str) -> None:
    with pytest.raises(InkoverError, match="is not in the prompt 'a red ball, red': its words are a, red, ball$"):
        find(read("a red ball, red"), phrase)
    with pytest.raises(InkoverError, match="it has no words"):
        find(read(" "), phrase)


@given(st.text(max_size=12).filter(lambda text: text.isprintable()))
def test_spans_cover_the_prompt_in_order(prompt: str) -> None:
    tokens = read(prompt, 77)
    assert len(tokens) == len(tokens.ids) == len(tokens.spans) == 77
    content = [(start, end) for start, end in tokens.spans if start < end]
    assert content == sorted(content)
    covered = {index for start, end in content for index in range(start, end)}
    assert {index for index, letter in enumerate(prompt) if letter.isalnum()} <= covered
    for span in words(prompt):
        assert set(at(tokens, span)) <= set(range(1, last(tokens) + 1))


@given(st.text(st.sampled_from("ab c red ball ' , . é日🎈 Ä 12 "), max_size=15))
def test_a_tokenizer_without_offsets_is_read_by_decoding(prompt: str) -> None:
    fast = read(prompt, 77)
    assert tuple(decoded(TOKENIZER, prompt, fast.ids)) == fast.spans


class Slow:
    """A tokenizer that tells no offsets, as those written in Python do."""

    is_fast = False
    all_special_ids = TOKENIZER.all_special_ids
    decode = staticmethod(TOKENIZER.decode)


def test_a_slow_tokenizer_is_asked_for_nothing_it_cannot_do() -> None:
    fast = read("A red, ball")
    slow = tokens_of(Slow(), "A red, ball", fast.ids)  # type: ignore[arg-type]
    assert slow == fast


def test_tokens_that_cannot_be_placed_are_an_error_only_when_asked_for() -> None:
    tokens = tokens_of(Slow(), "a red", read("a red ball").ids)  # type: ignore[arg-type]  # it reads something else
    assert tokens.spans == () and len(tokens) == 24
    with pytest.raises(InkoverError, match="does not say which words of 'a red' its tokens are"):
        find(tokens, "red")


def test_the_embedded_models_tokenizer_places_its_words() -> None:
    from transformers import CLIPTokenizer

    from inkover.models.store import bundled

    folder = bundled("tabletop")
    assert folder is not None
    tokenizer = CLIPTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True)
    prompt = "A shiny purple Mushroom, beside two plain mugs on grass"
    ids = tokenizer(prompt, padding="max_length", max_length=32).input_ids
    tokens = tokens_of(tokenizer, prompt, tuple(ids))
    assert len(tokens) == 32
    for word in prompt.replace(",", "").split():
        for index in find(tokens, word):
            start, end = tokens.spans[index]
            piece = tokenizer.convert_ids_to_tokens(ids[index]).removesuffix("</w>")
            assert piece == prompt[start:end].lower() and piece in word.lower()
    assert tuple(decoded(tokenizer, prompt, ids)) == tokens.spans
