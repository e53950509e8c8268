from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import TABLE, gaussians, meant, oracle, picture, quick, read, tangled
from inkover.diffusion import samplers
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.samplers import Sampler
from inkover.diffusion.schedule import Spacing, levels
from inkover.errors import InkoverError

SD: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
RED = read("a red ball on grass")
every = pytest.mark.parametrize("sampler", [samplers.get(name) for name in samplers.names()], ids=samplers.names())


def walk(sampler: Sampler, denoise: Callable[[Tensor, Level], Prediction], x: Tensor, grid: Levels) -> Tensor:
    for here, there in pairwise(grid):
        x = sampler.step(denoise(x, here), here, there)
    return x


def raw(x: Tensor, time: float) -> Tensor:
    """A network's answer as it comes, whatever it stands for."""
    return torch.tanh(1.3 * x.roll(1, -1) - 0.4 * x.roll(1, -2) + time / 700 - 0.5)


def close(ours: Tensor, peer: Tensor) -> None:
    assert float((ours - peer).abs().max()) <= 1e-5 * max(1.0, float(peer.abs().max()))


@pytest.mark.parametrize("steps", [5, 12, 20, 50])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_ddim_walks_as_diffusers_does(steps: int, kind: str) -> None:
    peer = DDIMScheduler(**SD, clip_sample=False, set_alpha_to_one=False, prediction_type=kind)
    peer.set_timesteps(steps)
    start = gaussian(torch.zeros(1, 4, 8, 6), 0, "start")
    theirs = start
    for time in peer.timesteps:
        theirs = peer.step(raw(theirs, float(time)), time, theirs).prev_sample
    close(walk(samplers.get("ddim"), network(kind), start, grid_of("ddim", steps)), theirs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # the peer's, with numpy 2
@pytest.mark.parametrize("steps", [5, 12, 20, 50])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_euler_walks_as_diffusers_does(steps: int, kind: str) -> None:
    peer = EulerDiscreteScheduler(**SD, prediction_type=kind)
    peer.set_timesteps(steps)
    start = gaussian(torch.zeros(1, 4, 8, 6), 0, "start")
    theirs = start * (peer.sigmas[0] ** 2 + 1) ** 0.5
    for time in peer.timesteps:
        seen = peer.scale_model_input(theirs, time)
        theirs = peer.step(raw(seen, float(time)), time, theirs).prev_sample
    close(walk(samplers.get("euler"), network(kind), start, grid_of("euler", steps)), theirs)


def network(kind: str) -> Callable[[Tensor, Level], Prediction]:
    reading = Level.from_eps if kind == "epsilon" else Level.from_v
    return lambda x, level: reading(level, x, raw(x, level.time))


def grid_of(name: str, steps: int) -> Levels:
    return levels(TABLE, steps, samplers.get(name).spacing)


@quick
@given(steps=st.integers(1, 60), kind=st.sampled_from(["leading", "trailing", "linspace"]), seed=st.integers(0, 99))
def test_euler_in_its_own_variables_is_the_same_walk(steps: int, kind: Any, seed: int) -> None:
    answer, grid = tangled(), levels(TABLE, steps, Spacing(kind, "one"))
    x = gaussian(picture(6, 5, dtype=torch.float64), seed, "start")
    ours = walk(samplers.get("euler"), lambda x, level: answer(x, level, RED), x, grid)
    scaled = x / grid[0].alpha
    for here, there in pairwise(grid):
        eps = answer(scaled * here.alpha, here, RED).eps
        scaled = scaled + (there.sigma / there.alpha - here.sigma / here.alpha) * eps
    torch.testing.assert_close(ours, scaled, atol=1e-10, rtol=1e-10)


@every
@quick
@given(steps=st.integers(1, 60), seed=st.integers(0, 99))
def test_an_oracle_leads_every_sampler_to_the_photo(sampler: Sampler, steps: int, seed: int) -> None:
    photo = picture(6, 6, seed, dtype=torch.float64)
    start = gaussian(photo, seed, "start")
    grid = levels(TABLE, steps, Spacing(sampler.spacing.kind, "one"))
    found = walk(sampler, lambda x, level: oracle(photo)(x, level, RED), grid[0].noised(photo, start), grid)
    torch.testing.assert_close(found, photo, atol=1e-10, rtol=0)


def test_the_walk_converges_to_the_known_flow_at_first_order() -> None:
    spread, x = 0.2, gaussian(picture(dtype=torch.float64), 0, "start")
    mean = meant(RED, x)

    def error(steps: int) -> float:
        grid = levels(TABLE, steps, Spacing("linspace", "first"))
        found = walk(samplers.get("euler"), lambda x, level: gaussians(spread)(x, level, RED), x, grid)
        ends = [math.hypot(level.alpha * spread, level.sigma) for level in (grid[0], grid[-1])]
        exact = grid[-1].alpha * mean + (x - grid[0].alpha * mean) * ends[1] / ends[0]
        return float((found - exact).abs().mean())

    order = math.log2(error(100) / error(200))
    assert 0.85 < order < 1.15
    assert error(200) < 0.01


def test_an_unknown_sampler_names_the_nearest() -> None:
    with pytest.raises(InkoverError, match=r"no sampler 'eular': did you mean 'euler'\?"):
        samplers.get("eular")
    with pytest.raises(InkoverError, match="known: ddim, euler"):
        samplers.get("")
