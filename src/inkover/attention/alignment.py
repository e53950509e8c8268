"""Which tokens of two prompts mean the same thing (Hertz et al. 2023, Prompt-to-Prompt)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inkover.attention.words import Tokens, at, last, words
from inkover.errors import InkoverError


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a source prompt's attention becomes a target prompt's: ``source weights @ matrix`` where ``taken``."""

    matrix: Tensor  # (source tokens, target tokens), float32, not negative
    taken: Tensor  # (target tokens,), bool: who gets attention from the source at all


def replaced_words(source: Tokens, target: Tokens) -> Alignment:
    """Align word by word. InkoverError when the prompts have different numbers of words.

    A word of another token count deals its whole attention out in equal parts, and what follows moves with it, so that
    every row of the matrix sums to one: a position's attention still sums to one after the change.
    """
    before, after = words(source.prompt), words(target.prompt)
    if len(before) != len(after):
        raise InkoverError(
            f"replace needs as many words in both prompts, and they have {len(before)} and {len(after)}: use refine"
        )
    matrix = torch.zeros(len(source), len(target))
    for old, new in zip(before, after, strict=True):
        _deal(matrix, at(source, old), at(target, new))
    for theirs, ours in zip(_ends(source), _ends(target), strict=True):
        _deal_in_order(matrix, theirs, ours)
    return Alignment(matrix, matrix.any(0))


def refined(source: Tokens, target: Tokens) -> Alignment:
    """Align what the prompts have in common, in order: the longest common subsequence of their tokens.

    Tokens that the source lacks, and padding that it lacks, keep their own attention.
    """
    used_before, used_after = _used(source), _used(target)
    pairs = common(source.ids[:used_before], target.ids[:used_after])
    padding = zip(range(used_before, len(source)), range(used_after, len(target)), strict=False)
    matrix = torch.zeros(len(source), len(target))
    for old, new in [*pairs, *padding]:
        matrix[old, new] = 1
    return Alignment(matrix, matrix.any(0))


def common(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places of a longest common subsequence, in order."""
    longest = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(after))):
            same = before[i] == after[j]
            longest[i][j] = longest[i + 1][j + 1] + 1 if same else max(longest[i + 1][j], longest[i][j + 1])
    pairs, i, j = list[tuple[int, int]](), 0, 0
    while i < len(before) and j < len(after):
        if before[i] == after[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _used(tokens: Tokens) -> int:
    """Return how many tokens are no padding: up to the last word, and the one that closes the prompt."""
    return min(max(last(tokens), 0) + 2, len(tokens))


def _ends(tokens: Tokens) -> tuple[range, range]:
    """Return the tokens before the first word and those after the last."""
    content = [index for index, (start, end) in enumerate(tokens.spans) if start < end]
    first = content[0] if content else 0
    return range(first), range(last(tokens) + 1, len(tokens))


def _deal(matrix: Tensor, old: Sequence[int], new: Sequence[int]) -> None:
    """Write one word's part of a matrix under construction."""
    if len(old) == len(new):
        matrix[list(old), list(new)] = 1
    else:
        for index in old:
            matrix[index, list(new)] = 1 / len(new)


def _deal_in_order(matrix: Tensor, old: Sequence[int], new: Sequence[int]) -> None:
    """Write the part of what opens or closes the prompts: one by one, what is left over with the last."""
    both = min(len(old), len(new))
    if not both:
        return
    _deal(matrix, old[: both - 1], new[: both - 1])
    _deal(matrix, old[both - 1 :], new[both - 1 :])
