"""Every sampler walks as its counterpart in diffusers does, on the same nodes, with the same network and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from analytic import TABLE, quick
from inkover.diffusion import samplers
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.schedule import Kind, Spacing, levels

SD: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
START = gaussian(torch.zeros(1, 4, 6, 5), 0, "start")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # the peer's, numpy 2
answers = pytest.mark.parametrize("answer", ["epsilon", "v_prediction"])
many = st.integers(5, 50)


def raw(answer: str, x: Tensor, time: float) -> Tensor:
    """What a network answers in a world of unit variance, bent by its neighbours and the time."""
    bend = 0.3 * torch.tanh(1.3 * x.roll(1, -1) - 0.4 * x.roll(1, -2) + time / 700 - 0.5)
    noise = float(np.interp(time, np.arange(len(TABLE)), 1 - TABLE)) ** 0.5
    return noise * x + bend if answer == "epsilon" else bend


def network(answer: str) -> Callable[[Tensor, Level], Prediction]:
    reading = Level.from_eps if answer == "epsilon" else Level.from_v
    return lambda x, level: reading(level, x, raw(answer, x, level.time))


def drawn(steps: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(START.shape, generator=generator) for _ in range(steps)]


def walk(name: str, answer: str, grid: Levels, last_of_first_order: bool = False) -> Tensor:
    """Walk a grid with our sampler; the last step may be made without memory."""
    sampler, ask, x, memory = samplers.get(name), network(answer), START, None
    noises = drawn(len(grid) - 1)
    for k, (here, there) in enumerate(pairwise(grid)):
        if last_of_first_order and there is grid[-1]:
            memory = None
        x, memory = sampler.step(ask(x, here), here, there, memory, noises[k] if sampler.stochastic else None)
    return x


def close(ours: Tensor, peer: Tensor) -> None:
    assert ours.dtype == peer.dtype == torch.float32 and peer.isfinite().all()
    assert float((ours - peer).abs().max()) <= 1e-5 * max(1.0, float(peer.abs().max()))


def ddim(answer: str, steps: int, kind: Kind, end: str) -> Tensor:
    """Walk with the peer."""
    peer = DDIMScheduler(
        **SD, timestep_spacing=kind, set_alpha_to_one=end == "one", clip_sample=False, prediction_type=answer
    )
    peer.set_timesteps(steps)
    theirs = START
    for time in peer.timesteps:
        theirs = peer.step(raw(answer, theirs, float(time)), time, theirs).prev_sample
    return theirs


@answers
@quick
@given(steps=many, end=st.sampled_from(["first", "one"]))
def test_ddim(answer: str, steps: int, end: Any) -> None:
    grid = levels(TABLE, steps, Spacing("leading", end))
    close(walk("ddim", answer, grid), ddim(answer, steps, "leading", end))


@answers
@pytest.mark.parametrize("steps", [5, 8, 10, 20, 25, 40, 50])
def test_ddim_on_a_trailing_grid(answer: str, steps: int) -> None:
    grid = levels(TABLE, steps, Spacing("trailing", "one"))
    close(walk("ddim", answer, grid), ddim(answer, steps, "trailing", "one"))


@answers
@pytest.mark.parametrize("steps", [6, 7, 15, 30, 48])
def test_ddim_lands_on_the_next_node_where_the_peer_subtracts(answer: str, steps: int) -> None:
    """The peer steps to the time 1000 // steps below, which on a trailing grid is another than the one it asks next."""
    grid, ask, true = levels(TABLE, steps, Spacing("trailing", "one")), network(answer), START
    for here, there in pairwise(grid):
        prediction, kept = ask(true, here), 1.0 if there is grid[-1] else TABLE[int(there.time)]
        true = kept**0.5 * prediction.x0 + (1 - kept) ** 0.5 * prediction.eps
    close(walk("ddim", answer, grid), true)
    assert float((ddim(answer, steps, "trailing", "one") - true).abs().max()) > 1e-3


def k_diffusion(peer: Any, answer: str, steps: int) -> Tensor:
    """Walk with a peer that works in x / alpha."""
    peer.set_timesteps(steps)
    generator = torch.Generator().manual_seed(5)
    theirs = START * (peer.sigmas[0] ** 2 + 1) ** 0.5
    for time in peer.timesteps:
        seen = peer.scale_model_input(theirs, time)
        theirs = peer.step(raw(answer, seen, float(time)), time, theirs, generator=generator).prev_sample
    return theirs


@answers
@quick
@given(steps=many, kind=st.sampled_from(["leading", "trailing", "linspace", "karras"]))
def test_euler(answer: str, steps: int, kind: Kind) -> None:
    spacing = "linspace" if kind == "karras" else kind
    peer = EulerDiscreteScheduler(
        **SD, timestep_spacing=spacing, use_karras_sigmas=kind == "karras", prediction_type=answer
    )
    theirs = k_diffusion(peer, answer, steps)
    close(walk("euler", answer, levels(TABLE, steps, Spacing(kind, "one"))), theirs)


@answers
@quick
@given(steps=many, kind=st.sampled_from(["leading", "trailing", "linspace"]))
def test_euler_ancestral(answer: str, steps: int, kind: Kind) -> None:
    peer = EulerAncestralDiscreteScheduler(**SD, timestep_spacing=kind, prediction_type=answer)
    theirs = k_diffusion(peer, answer, steps)
    close(walk("euler-ancestral", answer, levels(TABLE, steps, Spacing(kind, "one"))), theirs)


DPM = {
    "ddim": ("dpmsolver++", 1),
    "dpmpp-2m": ("dpmsolver++", 2),
    "dpmpp-sde": ("sde-dpmsolver++", 1),
    "dpmpp-2m-sde": ("sde-dpmsolver++", 2),
}


def dpm_grid(peer: Any, kind: str, end: str) -> Levels:
    """Return the peer's nodes: our own grid where there is one of these nodes, else read off the peer.

    The peer rounds the times of a Karras grid and tells the network another time than that of the level it is at; ours
    are exact, so the peer's are taken here for the sake of the comparison. Its leading and linspace grids are none of
    ours: they lay one node more, at the first time, and leave it out.
    """
    steps = len(peer.timesteps)
    if kind == "trailing":
        return levels(TABLE, steps, Spacing(kind, end))  # type: ignore[arg-type]
    if kind == "karras":
        grid = levels(TABLE, steps, Spacing(kind, end))  # type: ignore[arg-type]
        told = [*peer.timesteps.tolist(), 0]
        return tuple(replace(level, time=float(time)) for level, time in zip(grid, told, strict=True))
    ratios = peer.sigmas.double().tolist()
    nodes = zip([*peer.timesteps.tolist(), 0], ratios, strict=True)
    return tuple(Level(float(time), (1 + r * r) ** -0.5, r * (1 + r * r) ** -0.5) for time, r in nodes)


@answers
@pytest.mark.parametrize("name", DPM)
@quick
@given(
    steps=many,
    kind=st.sampled_from(["leading", "trailing", "linspace", "karras"]),
    end=st.sampled_from(["first", "one"]),
    lower=st.booleans(),
)
@example(steps=14, kind="leading", end="first", lower=True)
@example(steps=14, kind="leading", end="first", lower=False)
@example(steps=15, kind="leading", end="first", lower=True)
@example(steps=20, kind="karras", end="one", lower=True)
def test_dpm_solver(name: str, answer: str, steps: int, kind: Any, end: Any, lower: bool) -> None:
    algorithm, order = DPM[name]
    peer = DPMSolverMultistepScheduler(
        **SD,
        algorithm_type=algorithm,
        solver_order=order,
        prediction_type=answer,
        timestep_spacing="linspace" if kind == "karras" else kind,
        use_karras_sigmas=kind == "karras",
        final_sigmas_type="sigma_min" if end == "first" else "zero",
        lower_order_final=lower,
    )
    if end == "first" and kind != "leading":
        return  # a last step of no length: the peer's 0 / 0
    peer.set_timesteps(steps)
    grid, theirs = dpm_grid(peer, kind, end), START
    for time, noise in zip(peer.timesteps, drawn(steps), strict=True):
        theirs = peer.step(raw(answer, theirs, float(time)), time, theirs, variance_noise=noise).prev_sample
    close(walk(name, answer, grid, lower and steps < 15), theirs)


def test_the_last_step_without_memory_is_another_than_with_it() -> None:
    grid = levels(TABLE, 10, Spacing("leading", "first"))
    for name in ("dpmpp-2m", "dpmpp-2m-sde"):
        apart = walk(name, "epsilon", grid) - walk(name, "epsilon", grid, True)
        assert float(apart.abs().max()) > 1e-4
