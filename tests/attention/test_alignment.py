"""Two prompts are aligned so that what is common stays in place, whatever the words' token counts."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inkover.attention.alignment import Alignment, common, refined, replaced_words
from inkover.attention.words import Tokens, find
from inkover.errors import InkoverError
from inkover.models.tokens import tokens_of
from tiny import WORDS, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
PROMPTS = st.lists(st.sampled_from([*WORDS, "pup", "kitten,", "x"]), max_size=6).map(" ".join)


def read(prompt: str, window: int = 40) -> Tokens:
    ids = TOKENIZER(prompt, padding="max_length", max_length=window).input_ids
    return tokens_of(TOKENIZER, prompt, tuple(ids))


def moves(alignment: Alignment) -> list[int | None]:
    """Return where each target token's attention comes from, for one that is moved whole."""
    columns = alignment.matrix.T.tolist()
    assert all(sorted(column)[-2:] in ([0, 1], [0, 0]) for column in columns)
    return [column.index(1) if 1 in column else None for column in columns]


@given(PROMPTS)
def test_a_prompt_is_aligned_with_itself_token_by_token(prompt: str) -> None:
    tokens = read(prompt)
    for align in (replaced_words, refined):
        found = align(tokens, tokens)
        assert torch.equal(found.matrix, torch.eye(40)) and found.taken.all()


@given(PROMPTS, PROMPTS)
def test_replacing_deals_all_attention_out(before: str, after: str) -> None:
    count = min(len(before.split()), len(after.split()))
    source, target = (read(" ".join(prompt.split()[:count])) for prompt in (before, after))
    found = replaced_words(source, target)
    torch.testing.assert_close(found.matrix.sum(1), torch.ones(40))
    assert found.taken.all()
    weights = torch.rand(3, 40).softmax(-1)
    torch.testing.assert_close((weights @ found.matrix).sum(-1), torch.ones(3))


def test_replacing_a_word_by_a_longer_one_moves_what_follows() -> None:
    source, target = read("a red ball on grass", 12), read("a red kitten on grass", 12)
    found = replaced_words(source, target).matrix
    long = find(target, "kitten")
    assert long == (3, 4, 5, 6, 7, 8) and find(target, "grass") == (10,)
    assert torch.equal(found[3, 3:9], torch.full((6,), 1 / 6)) and found[3].sum() == pytest.approx(1)
    assert torch.equal(found[[0, 1, 2, 4, 5, 6], [0, 1, 2, 9, 10, 11]], torch.ones(6))  # on, grass and the end move
    assert torch.equal(found[6:, 11], torch.ones(6))  # padding there is no room for stays with the last token


def test_replacing_a_word_by_a_shorter_one_gathers_it() -> None:
    source, target = read("a kitten", 12), read("a ball", 12)
    found = replaced_words(source, target).matrix
    assert torch.equal(found[2:8, 2], torch.ones(6))
    assert torch.equal(found[[8, 9, 10], [3, 4, 5]], torch.ones(3))
    torch.testing.assert_close(found[11, 6:], torch.full((6,), 1 / 6))  # new padding shares the last token's


def test_words_of_as_many_tokens_are_replaced_one_by_one() -> None:
    found = replaced_words(read("a pup on grass", 12), read("a cat on grass", 12))
    assert torch.equal(found.matrix, torch.eye(12))


def test_replacing_with_more_words_says_to_use_refine() -> None:
    with pytest.raises(InkoverError, match="they have 2 and 3: use refine"):
        replaced_words(read("a ball"), read("a red ball"))


def test_refining_keeps_what_is_common() -> None:
    found = refined(read("a ball", 10), read("a red ball", 10))
    assert moves(found) == [0, 1, None, 2, 3, 4, 5, 6, 7, 8]


def test_refining_away_never_reads_a_word_as_padding() -> None:
    found = refined(read("a red ball on grass", 10), read("a ball", 10))
    assert moves(found) == [0, 1, 3, 6, 7, 8, 9, None, None, None]
    assert found.taken.tolist() == [True] * 7 + [False] * 3


def test_refining_a_full_window() -> None:
    found = refined(read("a red ball", 5), read("a blue ball", 5))
    assert moves(found) == [0, 1, None, 3, 4]


@given(PROMPTS, PROMPTS)
def test_refining_moves_tokens_whole_and_in_order(before: str, after: str) -> None:
    source, target = read(before), read(after)
    pairs = [(old, new) for new, old in enumerate(moves(refined(source, target))) if old is not None]
    assert pairs == sorted(pairs) and pairs[0] == (0, 0)
    assert len({old for old, _ in pairs}) == len(pairs)
    assert all(source.ids[old] == target.ids[new] for old, new in pairs)


@given(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 2), max_size=6))
def test_the_common_subsequence_is_a_longest_one(before: list[int], after: list[int]) -> None:
    pairs = common(before, after)
    assert all(before[i] == after[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in zip(pairs, pairs[1:], strict=False))
    subsequences = {tuple(part) for size in range(len(before) + 1) for part in combinations(before, size)}
    theirs = {tuple(part) for size in range(len(after) + 1) for part in combinations(after, size)}
    assert len(pairs) == max(len(part) for part in subsequences & theirs)
