from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import quick
from inkover.diffusion.noise import gaussian

LIKE = torch.zeros(1, 3, 8, 8)
keys = st.tuples(st.integers(0, 2**63), st.text(max_size=8), st.integers(0, 999))


@quick
@given(one=keys, other=keys)
def test_a_draw_is_its_key_and_nothing_else(one: tuple[int, str, int], other: tuple[int, str, int]) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = gaussian(LIKE, *one)
    assert torch.equal(gaussian(LIKE, *other), first) == (one == other)
    assert torch.equal(gaussian(LIKE, *one), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_draw_is_the_same_in_every_process_and_release() -> None:
    drawn = gaussian(LIKE, 0, "mask", 0).flatten()[:3].tolist()
    assert drawn == pytest.approx([-0.8673286, -0.3722371, 1.5371420], abs=1e-6)


def test_float64_sees_the_noise_of_float32() -> None:
    assert torch.equal(gaussian(LIKE.double(), 1, "x"), gaussian(LIKE, 1, "x").double())
    assert gaussian(LIKE.bfloat16(), 1, "x").dtype == torch.bfloat16


def test_draws_are_standard_normal_and_uncorrelated() -> None:
    many = torch.stack([gaussian(torch.zeros(4096), 11, "mask", index) for index in range(32)])
    assert abs(float(many.mean())) < 0.01 and abs(float(many.std()) - 1) < 0.01
    correlation = torch.corrcoef(many) - torch.eye(32)
    assert float(correlation.abs().max()) < 0.08
