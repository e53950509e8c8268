"""A control's schedule: parts of the steps, also word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkover.attention.schedule import active, within
from inkover.attention.words import Tokens
from inkover.errors import InkoverError

TOKENS = Tokens("a red ball", (0, 1, 2, 3, 4, 4), ((0, 0), (0, 1), (2, 5), (6, 10), (0, 0), (0, 0)))
PARTS = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda ends: tuple(end / 100 for end in sorted(ends)))


@given(PARTS, st.integers(1, 100))
def test_parts_that_follow_each_other_share_no_step_and_miss_none(part: tuple[float, float], steps: int) -> None:
    start, end = part
    for step in range(steps):
        inside = [within(step, steps, piece) for piece in ((0, start), (start, end), (end, 1))]
        assert sum(inside) == 1


def test_known_steps() -> None:
    assert [step for step in range(100) if within(step, 100, (0, 0.29))] == list(range(29))
    assert [step for step in range(10) if within(step, 10, (0.2, 0.8))] == [2, 3, 4, 5, 6, 7]
    assert not any(within(step, 50, (0, 0)) for step in range(50))


@pytest.mark.parametrize("part", [(0.5, 0.4), (-0.1, 1), (0, 1.1), (0, float("nan"))])
def test_a_part_that_is_none_is_refused(part: tuple[float, float]) -> None:
    with pytest.raises(InkoverError, match="two numbers from 0 to 1, in order"):
        within(0, 10, part)


def test_words_have_their_own_parts() -> None:
    found = [active(TOKENS, step, 10, (0, 0.5), {"red": (0, 0.1), "ball": (0.8, 1)}).tolist() for step in (0, 4, 9)]
    assert found == [
        [True, True, True, False, True, True],
        [True, True, False, False, True, True],
        [False, False, False, True, False, False],
    ]
    with pytest.raises(InkoverError, match="'cube' is not in the prompt"):
        active(TOKENS, 0, 10, (0, 1), {"cube": (0, 1)})
