from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import DDIMInverseScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import TABLE, Answer, deaf, picture, quick, read, tangled
from inkover.diffusion import samplers
from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.noise import gaussian
from inkover.diffusion.schedule import Spacing, levels
from inkover.diffusion.trajectory import noised, trace
from inkover.errors import InkoverError

SPACINGS = st.builds(Spacing, st.sampled_from(["leading", "trailing", "linspace"]), st.sampled_from(["first", "one"]))
sizes = st.integers(3, 9)


def spoken(answer: Answer, prompt: str = "a red ball on grass") -> Denoiser:
    text = read(prompt)
    return lambda x, level: answer(x, level, text)


def down(denoise: Denoiser, x: Tensor, grid: Levels) -> Tensor:
    for here, there in pairwise(grid):
        x = samplers.deterministic(denoise(x, here), here, there)
    return x


@quick
@given(steps=st.integers(1, 60), spacing=SPACINGS, h=sizes, w=sizes, skip=st.integers(0, 60))
def test_a_network_that_does_not_hear_the_latent_is_inverted_exactly(
    steps: int, spacing: Spacing, h: int, w: int, skip: int
) -> None:
    grid = levels(TABLE, steps, spacing)[min(skip, steps) :]
    photo = picture(h, w, dtype=torch.float64)
    track = trace(spoken(deaf), photo, grid)
    assert len(track) == len(grid) and track[-1] is photo
    torch.testing.assert_close(down(spoken(deaf), track[0], grid), photo, atol=1e-10, rtol=0)


@quick
@given(steps=st.integers(1, 40), spacing=SPACINGS, rounds=st.integers(1, 4))
def test_the_network_is_asked_at_the_levels_of_generation_reversed(steps: int, spacing: Spacing, rounds: int) -> None:
    grid, asked = levels(TABLE, steps, spacing), []

    def denoise(x: Tensor, level: Level) -> Prediction:
        asked.append(level)
        return spoken(tangled())(x, level)

    trace(denoise, picture(4, 4), grid, rounds)
    assert asked == [level for level in reversed(grid[:-1]) for _ in range(rounds)]


@pytest.mark.parametrize("steps", [5, 20, 50])
def test_one_round_is_diffusers_inverse_scheduler(steps: int) -> None:
    config: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    peer = DDIMInverseScheduler(**config, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    peer.set_timesteps(steps)
    grid, photo = levels(TABLE, steps, Spacing("leading", "first")), picture(8, 6)
    answer = tangled()
    theirs = photo
    for time, level in zip(peer.timesteps, grid[-2::-1], strict=True):
        assert float(time) == level.time
        theirs = peer.step(answer(theirs, level, read("mug")).eps, time, theirs).prev_sample
    ours = trace(spoken(answer, "mug"), photo, grid)[0]
    assert float((ours - theirs).abs().max()) < 1e-5 * max(1.0, float(theirs.abs().max()))


def test_the_error_of_a_round_trip_falls_with_the_steps() -> None:
    photo, denoise = picture(dtype=torch.float64), spoken(tangled())

    def error(steps: int) -> float:
        grid = levels(TABLE, steps, Spacing("leading", "first"))
        return float((down(denoise, trace(denoise, photo, grid)[0], grid) - photo).abs().mean())

    errors = [error(steps) for steps in (10, 20, 40, 80)]
    assert all(after < 0.75 * before for before, after in pairwise(errors))
    assert errors[0] > 1e-3


@pytest.mark.parametrize("spacing", [Spacing("leading", "first"), Spacing("linspace", "one")])
def test_rounds_make_the_trace_an_exact_inverse(spacing: Spacing) -> None:
    photo, denoise, grid = picture(dtype=torch.float64), spoken(tangled()), levels(TABLE, 25, spacing)

    def error(rounds: int) -> float:
        return float((down(denoise, trace(denoise, photo, grid, rounds)[0], grid) - photo).abs().max())

    errors = [error(rounds) for rounds in (1, 2, 4, 60)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[0] > 1e-3 and errors[3] < 1e-10


def test_no_levels_above_the_end_trace_nothing() -> None:
    photo = picture()
    assert trace(spoken(tangled()), photo, levels(TABLE, 5)[-1:]) == (photo,)


def test_no_round_is_refused() -> None:
    with pytest.raises(InkoverError, match="0 rounds"):
        trace(spoken(tangled()), picture(), levels(TABLE, 5), 0)


@quick
@given(steps=st.integers(1, 40), spacing=SPACINGS)
def test_noised_is_one_noise_at_every_level_and_the_photo_at_the_end(steps: int, spacing: Spacing) -> None:
    photo, grid = picture(4, 4, dtype=torch.float64), levels(TABLE, steps, spacing)
    noise = gaussian(photo, 0, "n")
    track = noised(photo, noise, grid)
    assert len(track) == len(grid) and track[-1] is photo
    for latent, level in zip(track[:-1], grid[:-1], strict=True):
        torch.testing.assert_close((latent - level.alpha * photo) / level.sigma, noise)
