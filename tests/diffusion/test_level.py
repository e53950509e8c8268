from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import quick
from inkover.diffusion.level import Level, Prediction

angles = st.floats(0.01, math.pi / 2 - 0.01)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@quick
@given(angle=angles, seed=st.integers(0, 99))
def test_every_reading_of_an_answer_finds_the_same_line(angle: float, seed: int) -> None:
    level = Level(1.0, math.cos(angle), math.sin(angle))
    x0, eps = drawn(seed, 2, 3, 4, 5), drawn(seed + 100, 2, 3, 4, 5)
    x, v = level.noised(x0, eps), level.alpha * eps - level.sigma * x0
    answers = level.from_eps(x, eps), level.from_x0(x, x0), level.from_v(x, v), level.from_velocity(x, eps - x0)
    for read in answers:
        torch.testing.assert_close(read.x0, x0, atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(read.eps, eps, atol=1e-10, rtol=1e-10)


@quick
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_velocity_is_read_at_every_level_of_a_straight_path(share: float, seed: int) -> None:
    level = Level(1.0, 1 - share, share)
    x0, eps = drawn(seed, 2, 3, 4, 5), drawn(seed + 100, 2, 3, 4, 5)
    read = level.from_velocity(level.noised(x0, eps), eps - x0)
    torch.testing.assert_close(read.x0, x0, atol=1e-12, rtol=0)
    torch.testing.assert_close(read.eps, eps, atol=1e-12, rtol=0)


@quick
@given(angle=angles, weight=st.floats(-3, 15))
def test_guidance_stays_on_lines_through_x_and_is_linear(angle: float, weight: float) -> None:
    level, x = Level(1.0, math.cos(angle), math.sin(angle)), drawn(0, 1, 3, 4, 4)
    one, other = level.from_eps(x, drawn(1, 1, 3, 4, 4)), level.from_eps(x, drawn(2, 1, 3, 4, 4))
    moved = one.toward(other, weight)
    # one scalar bounds how much a division by a small alpha magnifies rounding
    size = float(moved.x0.abs().max() + moved.eps.abs().max())
    assert float((level.noised(moved.x0, moved.eps) - x).abs().max()) < 1e-12 * size + 1e-12
    torch.testing.assert_close(one.toward(other, 1.0).eps, other.eps)
    assert torch.equal(one.toward(other, 0.0).eps, one.eps)


def test_split_cuts_rows_in_order() -> None:
    x0, eps = drawn(0, 6, 1, 2, 2), drawn(1, 6, 1, 2, 2)
    first, second, third = Prediction(x0, eps).split(3)
    assert torch.equal(second.x0, x0[2:4]) and torch.equal(third.eps, eps[4:])
    assert torch.equal(torch.cat([first.x0, second.x0, third.x0]), x0)
