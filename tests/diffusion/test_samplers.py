from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import TABLE, gaussians, meant, oracle, picture, quick, read, tangled
from inkover.diffusion import samplers
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.samplers import Memory, Sampler
from inkover.diffusion.schedule import KINDS, Spacing, levels
from inkover.errors import InkoverError

RED = read("a red ball on grass")
ALL = [samplers.get(name) for name in samplers.names()]
every = pytest.mark.parametrize("sampler", ALL, ids=samplers.names())
drawing = pytest.mark.parametrize("sampler", [s for s in ALL if s.stochastic], ids=lambda s: s.name)
second = pytest.mark.parametrize("sampler", [s for s in ALL if s.order == 2], ids=lambda s: s.name)
spacings = st.builds(Spacing, st.sampled_from(KINDS), st.sampled_from(["first", "one"]))


def walk(
    sampler: Sampler, denoise: Callable[[Tensor, Level], Prediction], x: Tensor, grid: Levels, seed: int = 0
) -> Tensor:
    memory = None
    for k, (here, there) in enumerate(pairwise(grid)):
        noise = gaussian(x, seed, "step", k) if sampler.stochastic else None
        x, memory = sampler.step(denoise(x, here), here, there, memory, noise)
    return x


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    like = torch.zeros(1, 3, 4, 5, dtype=torch.float64)
    return gaussian(like, seed, "x0"), gaussian(like, seed, "eps"), gaussian(like, seed, "noise")


def flow(time: float) -> Level:
    return Level(time, 1 - time, time)


def steps_down() -> st.SearchStrategy[tuple[Level, Level, Level]]:
    """Three neighbours of some grid of a table or of a flow, the last one never without noise."""
    table = st.builds(lambda steps, spacing: levels(TABLE, steps, spacing), st.integers(6, 60), spacings)
    straight = st.builds(lambda steps: tuple(flow(1 - k / steps) for k in range(steps)), st.integers(6, 60))
    return st.builds(lambda grid, k: grid[k : k + 3], table | straight, st.integers(0, 2))


@quick
@given(seed=st.integers(0, 99), nodes=steps_down())
def test_the_steps_are_those_of_the_papers(seed: int, nodes: tuple[Level, Level, Level]) -> None:
    """The updates of DPM-Solver++ as printed, in log-SNR, and DDIM's with eta 1, against ours without either."""
    before, t, s = nodes
    (m, eps, z), (previous, _, _) = drawn(seed), drawn(seed + 100)
    x, prediction = t.noised(m, eps), Prediction(m, eps)
    h = math.log(s.alpha / s.sigma) - math.log(t.alpha / t.sigma) if t.alpha else math.inf
    h0 = math.log(t.alpha / t.sigma) - math.log(before.alpha / before.sigma) if t.alpha and before.alpha else math.inf
    bent = m + (0.5 * (h / h0) * (m - previous) if h0 < math.inf else 0)
    ode, sde = s.alpha * (1 - math.exp(-h)), s.alpha * (1 - math.exp(-2 * h))
    noise = s.sigma * math.sqrt(1 - math.exp(-2 * h)) * z
    wanted = {
        "ddim": s.sigma / t.sigma * x + ode * m,
        "dpmpp-2m": s.sigma / t.sigma * x + ode * bent,
        "dpmpp-sde": s.sigma / t.sigma * math.exp(-h) * x + sde * m + noise,
        "dpmpp-2m-sde": s.sigma / t.sigma * math.exp(-h) * x + sde * bent + noise,
    }
    if t.alpha:
        up = s.sigma * math.sqrt(1 - (t.alpha * s.sigma / (s.alpha * t.sigma)) ** 2)  # eta 1
        wanted["euler-ancestral"] = s.alpha * m + math.sqrt(max(s.sigma**2 - up**2, 0)) * eps + up * z
    for name, value in wanted.items():
        sampler = samplers.get(name)
        memory = Memory(previous, before) if h0 < math.inf else None
        found, _ = sampler.step(prediction, t, s, memory, z if sampler.stochastic else None)
        torch.testing.assert_close(found, value, atol=1e-7, rtol=1e-7)  # 1 - exp(-2h) of the papers loses digits


@every
@quick
@given(seed=st.integers(0, 99), nodes=steps_down())
def test_the_step_to_no_noise_is_the_prediction(sampler: Sampler, seed: int, nodes: tuple[Level, Level, Level]) -> None:
    (m, eps, z), (previous, _, _) = drawn(seed), drawn(seed + 100)
    noise = z if sampler.stochastic else None
    for memory in (None, Memory(previous, nodes[0])):
        found, _ = sampler.step(Prediction(m, eps), nodes[1], Level(0.0, 1.0, 0.0), memory, noise)
        assert torch.equal(found, m)


@second
@quick
@given(seed=st.integers(0, 99), nodes=steps_down())
def test_memory_of_the_same_prediction_and_no_memory_are_the_step_of_first_order(
    sampler: Sampler, seed: int, nodes: tuple[Level, Level, Level]
) -> None:
    m, eps, z = drawn(seed)
    noise, prediction = z if sampler.stochastic else None, Prediction(m, eps)
    first = samplers.get("dpmpp-sde" if sampler.stochastic else "ddim").step(prediction, *nodes[1:], None, noise)[0]
    assert torch.equal(sampler.step(prediction, *nodes[1:], None, noise)[0], first)
    assert torch.equal(sampler.step(prediction, *nodes[1:], Memory(m, nodes[0]), noise)[0], first)
    other, memory = sampler.step(prediction, *nodes[1:], Memory(eps, nodes[0]), noise)
    assert memory == Memory(m, nodes[1])
    assert nodes[0].alpha == 0 or nodes[1].sigma == nodes[2].sigma or not torch.equal(other, first)


@drawing
@quick
@given(nodes=steps_down(), seed=st.integers(0, 99))
def test_fresh_noise_takes_the_place_of_what_the_step_forgets(
    sampler: Sampler, nodes: tuple[Level, Level, Level], seed: int
) -> None:
    (m, eps, _), (_, here, there) = drawn(seed), nodes
    kept = (sampler.mean(Prediction(m, eps), here, there, None) - there.alpha * m) / eps
    assert sampler.spread is not None
    total = kept.square() + sampler.spread(here, there) ** 2
    torch.testing.assert_close(total, torch.full_like(total, there.sigma**2), atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name, noise", [("ddim", torch.zeros(1)), ("dpmpp-2m", torch.zeros(1)), ("dpmpp-sde", None)])
def test_noise_is_asked_for_where_it_is_drawn_and_nowhere_else(name: str, noise: Tensor | None) -> None:
    here, there, *_ = levels(TABLE, 5)
    with pytest.raises(ValueError, match=name):
        samplers.get(name).step(Prediction(torch.zeros(1), torch.zeros(1)), here, there, None, noise)


@quick
@given(steps=st.integers(1, 60), kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
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


def error(name: str, steps: int) -> float:
    """How far a walk is from the known flow of a Gaussian world."""
    spread, x = 0.2, gaussian(picture(8, 8, dtype=torch.float64), 0, "start")
    mean, grid = meant(RED, x), levels(TABLE, steps, Spacing("karras", "first"))
    found = walk(samplers.get(name), lambda x, level: gaussians(spread)(x, level, RED), x, grid)
    ends = [math.hypot(level.alpha * spread, level.sigma) for level in (grid[0], grid[-1])]
    exact = grid[-1].alpha * mean + (x - grid[0].alpha * mean) * ends[1] / ends[0]
    return float((found - exact).abs().mean())


@pytest.mark.parametrize("name, order", [("ddim", 1), ("euler", 1), ("dpmpp-2m", 2)])
def test_a_walk_converges_to_the_known_flow_at_its_order(name: str, order: int) -> None:
    assert samplers.get(name).order == order
    errors = [error(name, steps) for steps in (50, 100, 200)]
    assert all(abs(math.log2(before / after) - order) < 0.15 for before, after in pairwise(errors))
    assert errors[-1] < 0.002


def test_the_second_order_is_nearer_at_few_steps() -> None:
    assert all(error("dpmpp-2m", steps) < 0.4 * error("ddim", steps) for steps in (10, 20, 50))


def marginal(name: str, steps: int, spread: float = 0.5) -> float:
    """Return how far, in parts, a walk's standard deviation is from that of the world, without drawing anything.

    The walk is linear in the start and in the noises; so it walks their coefficients, one channel for each.
    """
    sampler, grid = samplers.get(name), levels(TABLE, steps, Spacing("karras", "first"))
    basis = torch.eye(steps + 1, dtype=torch.float64).view(steps + 1, 1, steps + 1, 1, 1)
    x, memory = basis[0] * math.hypot(grid[0].alpha * spread, grid[0].sigma), None
    for k, (here, there) in enumerate(pairwise(grid)):
        variance = (here.alpha * spread) ** 2 + here.sigma**2
        said = Prediction(here.alpha * spread**2 / variance * x, here.sigma / variance * x)
        x, memory = sampler.step(said, here, there, memory, basis[k + 1])
    return abs(float(x.norm()) / math.hypot(grid[-1].alpha * spread, grid[-1].sigma) - 1)


@drawing
def test_a_walk_with_noise_keeps_the_marginal_distribution_in_the_limit(sampler: Sampler) -> None:
    errors = [marginal(sampler.name, steps) for steps in (25, 50, 100, 200)]
    slopes = [math.log2(before / after) for before, after in pairwise(errors)]
    assert all(0.8 < slope < 2.3 for slope in slopes) and errors[-1] < 0.02


@drawing
def test_a_walk_with_noise_draws_pictures_of_the_world(sampler: Sampler) -> None:
    start = gaussian(picture(32, 32, dtype=torch.float64), 0, "start")
    grid, answer = levels(TABLE, 100, sampler.spacing), gaussians(0.5)
    off, other = (
        walk(sampler, lambda x, level: answer(x, level, RED), start, grid, seed) - meant(RED, start) for seed in (0, 1)
    )
    assert abs(float(off.mean())) < 0.03 and float(off.std()) == pytest.approx(0.5, rel=0.1)
    assert float((off - other).std()) > 0.4  # the noise decides, not the start


def test_an_unknown_sampler_names_the_nearest() -> None:
    with pytest.raises(InkoverError, match=r"no sampler 'eular': did you mean 'euler'\?"):
        samplers.get("eular")
    with pytest.raises(InkoverError, match="known: ddim, euler, euler-ancestral, dpmpp-2m, dpmpp-sde, dpmpp-2m-sde"):
        samplers.get("")
