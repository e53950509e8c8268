from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st

from analytic import quick
from inkover.diffusion.schedule import KINDS, Kind, Spacing, cumulative, levels, scaled_linear, times
from inkover.errors import InkoverError

TABLE = cumulative(scaled_linear())
SD: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
kinds = st.sampled_from(KINDS)
peers_warning = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # with numpy 2


def test_the_table_has_the_golden_values() -> None:
    golden = {
        0: 0.999150,
        1: 0.998296,
        21: 0.980381,
        41: 0.960873,
        201: 0.752143,
        401: 0.422882,
        501: 0.274999,
        601: 0.159816,
        801: 0.036547,
        981: 0.005776,
        999: 0.004660,
    }
    for time, value in golden.items():
        assert TABLE[time] == pytest.approx(value, abs=5e-7)
    assert TABLE.dtype == np.float64


@pytest.mark.parametrize("kind", ["leading", "trailing"])
@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 5, 7, 10, 20, 28, 50, 333])
def test_grids_are_those_of_diffusers_ddim(kind: Kind, one: bool, steps: int) -> None:
    peer = DDIMScheduler(**SD, timestep_spacing=kind, set_alpha_to_one=one, clip_sample=False)
    peer.set_timesteps(steps)
    ours = levels(TABLE, steps, Spacing(kind, "one" if one else "first"))
    assert [level.time for level in ours[:-1]] == peer.timesteps.tolist()
    table = peer.alphas_cumprod.double().numpy()
    wanted = [*table[peer.timesteps.numpy()], float(peer.final_alpha_cumprod)]
    np.testing.assert_allclose([level.alpha**2 for level in ours], wanted, rtol=1e-5)


@peers_warning
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [2, 5, 7, 10, 20, 30, 50])
def test_grids_are_those_of_diffusers_euler(kind: Kind, steps: int) -> None:
    timed = "linspace" if kind == "karras" else kind
    peer = EulerDiscreteScheduler(**SD, timestep_spacing=timed, use_karras_sigmas=kind == "karras")
    peer.set_timesteps(steps)
    ours = levels(TABLE, steps, Spacing(kind, "one"))
    exact = 5e-3 if kind == "karras" else 1e-3  # the peer sums the betas in float32, and reads times off that
    np.testing.assert_allclose([level.time for level in ours[:-1]], peer.timesteps.numpy(), rtol=0, atol=exact)
    ratios = [level.sigma / level.alpha for level in ours]
    np.testing.assert_allclose(ratios, peer.sigmas.numpy(), rtol=2e-5, atol=1e-7)


@peers_warning
@quick
@given(steps=st.integers(5, 50), end=st.sampled_from(["first", "one"]))
def test_a_karras_grid_is_that_of_diffusers_multistep_whose_times_are_rounded(steps: int, end: Any) -> None:
    final = "sigma_min" if end == "first" else "zero"
    peer = DPMSolverMultistepScheduler(**SD, use_karras_sigmas=True, final_sigmas_type=final)
    peer.set_timesteps(steps)
    ours = levels(TABLE, steps, Spacing("karras", end))
    away = [level.time - time for level, time in zip(ours[:-1], peer.timesteps.tolist(), strict=True)]
    assert 0.05 < max(map(abs, away)) < 0.505  # rounded from a table in float32
    np.testing.assert_allclose([level.sigma / level.alpha for level in ours], peer.sigmas.numpy(), rtol=2e-5, atol=0)


@quick
@given(steps=st.integers(1, 400))
def test_a_karras_time_is_that_of_its_level(steps: int) -> None:
    inner = levels(TABLE, steps, Spacing("karras", "one"))[:-1]
    held = np.interp([level.time for level in inner], np.arange(len(TABLE)), np.log(1 / TABLE - 1) / 2)
    np.testing.assert_allclose(held, [np.log(level.sigma / level.alpha) for level in inner], atol=1e-9)
    seventh = [(level.sigma / level.alpha) ** (1 / 7) for level in inner]
    np.testing.assert_allclose(np.diff(seventh, 2), 0, atol=1e-9)


def test_a_trailing_grid_has_the_steps_it_was_asked_for() -> None:
    for steps in range(1, 130):
        peer = DDIMScheduler(**SD, timestep_spacing="trailing")
        peer.set_timesteps(steps)
        ours = times(1000, steps, "trailing")
        assert len(ours) == steps and ours[-1] >= 0
        assert peer.timesteps.tolist()[:steps] == ours.tolist()
        assert len(peer.timesteps) == steps or peer.timesteps[-1] == -1  # the peer's rounding: 62 for 61


def test_linspace_times_are_not_whole_and_their_levels_lie_between() -> None:
    first, second, *_ = levels(TABLE, 4, Spacing("linspace", "one"))[1:]
    assert first.time == pytest.approx(666.0) and second.time == pytest.approx(333.0)
    between = levels(TABLE, 3, Spacing("linspace", "one"))[1]
    assert between.time == 499.5
    assert TABLE[500] < between.alpha**2 < TABLE[499]


@quick
@given(steps=st.integers(1, 400), kind=kinds, end=st.sampled_from(["first", "one"]))
def test_a_grid_falls_strictly_and_lies_on_the_circle(steps: int, kind: Kind, end: Literal["first", "one"]) -> None:
    grid = levels(TABLE, steps, Spacing(kind, end))
    assert len(grid) == steps + 1
    sigmas = np.array([level.sigma for level in grid])
    falls = np.diff(sigmas)
    # all but leading reach the first time themselves; ending there again is a step of no length
    inner = falls if end == "one" or kind == "leading" else falls[:-1]
    assert (inner < 0).all() and (falls <= 0).all()
    assert all(abs(level.alpha**2 + level.sigma**2 - 1) < 1e-14 for level in grid)
    assert grid[-1].alpha ** 2 == pytest.approx(1 if end == "one" else TABLE[0], abs=1e-15)
    assert (grid[-1].sigma == 0) == (end == "one")


def test_the_offset_shifts_the_leading_grid_alone() -> None:
    assert times(1000, 50, "leading", 0).tolist() == [t - 1 for t in times(1000, 50, "leading", 1)]
    assert times(1000, 50, "trailing", 0).tolist() == times(1000, 50, "trailing", 1).tolist()


def test_one_linspace_step_starts_at_the_noisiest_time() -> None:
    assert times(1000, 1, "linspace").tolist() == [999]


@pytest.mark.parametrize(
    "steps, kind",
    [(0, "leading"), (1001, "trailing"), (1000, "leading"), (-1, "linspace"), (1001, "karras"), (0, "karras")],
)
def test_a_number_of_steps_that_does_not_fit_is_refused(steps: int, kind: Kind) -> None:
    with pytest.raises(InkoverError, match=f"{steps} steps"):
        levels(TABLE, steps, Spacing(kind))
