from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Straight, gaussians, meant, oracle, picture, quick, read
from inkover.diffusion import samplers
from inkover.diffusion.guide import Denoiser
from inkover.diffusion.level import Level, Levels
from inkover.diffusion.noise import gaussian
from inkover.diffusion.schedule import Kind, Spacing
from inkover.diffusion.straight import levels, share, shifted, stretch
from inkover.diffusion.trajectory import trace
from inkover.errors import InkoverError

kinds = st.sampled_from(["leading", "trailing", "linspace"])
BOTH: tuple[Kind, ...] = ("trailing", "linspace")


def grid(steps: int, kind: Kind, shift: float = 3.0) -> Levels:
    return levels(shift, steps, Spacing(kind, "one"), 0.001, 1000)


def spoken(spread: float = 0.2, prompt: str = "a red ball on grass") -> Denoiser:
    answer, text = gaussians(spread), read(prompt)
    return lambda x, level: answer(x, level, text)


def walked(name: str, x: Tensor, levels: Levels, denoise: Denoiser, seed: int = 0) -> Tensor:
    sampler, memory = samplers.get(name), None
    for k, (here, there) in enumerate(pairwise(levels)):
        noise = gaussian(x, seed, "step", k) if sampler.stochastic else None
        x, memory = sampler.step(denoise(x, here), here, there, memory, noise)
    return x


@pytest.mark.parametrize("steps", [1, 2, 5, 28, 50])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_trailing_grid_is_that_of_diffusers_given_even_sigmas(steps: int, shift: float) -> None:
    peer = FlowMatchEulerDiscreteScheduler(shift=shift)
    peer.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps).tolist())
    ours = grid(steps, "trailing", shift)
    np.testing.assert_allclose([level.sigma for level in ours], peer.sigmas.numpy(), rtol=1e-6)
    np.testing.assert_allclose([level.time for level in ours[:-1]], peer.timesteps.numpy(), rtol=1e-6)


@quick
@given(steps=st.integers(1, 99), kind=kinds, end=st.sampled_from(["first", "one"]), shift=st.floats(0.5, 12))
def test_a_grid_falls_strictly_to_the_clean_latent_whatever_its_end_is_called(
    steps: int, kind: Kind, end: Literal["first", "one"], shift: float
) -> None:
    found = levels(shift, steps, Spacing(kind, end), 0.001, 1000)
    sigmas = [level.sigma for level in found]
    assert len(found) == steps + 1 and found[-1] == Level(0.0, 1.0, 0.0)
    assert all(after < before for before, after in pairwise(sigmas))
    assert (sigmas[0] == 1) == (kind != "leading")
    assert all(level.alpha == 1 - level.sigma and level.time == 1000 * level.sigma for level in found)


def test_a_leading_grid_is_even_and_leaves_noise_alone_out() -> None:
    shares = [level.sigma for level in grid(4, "leading", 1.0)]
    np.testing.assert_allclose(shares, [0.8, 0.6, 0.4, 0.2, 0.0])


def test_a_spacing_by_the_ratio_is_refused_with_the_reason() -> None:
    with pytest.raises(InkoverError, match="karras is even in a root of .* give spacing leading, trailing or linspace"):
        grid(10, "karras")
    with pytest.raises(InkoverError, match="0 steps: give 1 or more"):
        grid(0, "trailing")


@quick
@given(place=st.floats(0, 1), shift=st.floats(0.1, 20))
def test_a_shift_keeps_the_ends_and_the_order(place: float, shift: float) -> None:
    ends = shifted(np.array([0.0, place, 1.0]), shift)
    assert ends[0] == 0 and ends[2] == 1 and 0 <= ends[1] <= 1
    assert shifted(np.array([place]), 1.0)[0] == pytest.approx(place)
    assert (ends[1] >= place - 1e-12) if shift >= 1 else (ends[1] <= place + 1e-12)


@quick
@given(alpha=st.floats(0, 1), sigma=st.floats(0.01, 1))
def test_any_path_is_the_straight_one_stretched(alpha: float, sigma: float) -> None:
    level, x0, eps = Level(0.0, alpha, sigma), picture(4, 4, 0, dtype=torch.float64), picture(4, 4, 1).double()
    point = (1 - share(level)) * x0 + share(level) * eps
    torch.testing.assert_close(level.noised(x0, eps), stretch(level) * point)


@pytest.mark.parametrize("name", samplers.names())
@pytest.mark.parametrize("kind", ["leading", *BOTH])
def test_every_sampler_brings_a_flow_home(name: str, kind: Any) -> None:
    photo = picture(6, 7, dtype=torch.float64)
    found = walked(
        name, gaussian(photo, 1, "start"), grid(12, kind), lambda x, level: oracle(photo)(x, level, read(""))
    )
    torch.testing.assert_close(found, photo, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", samplers.names())
def test_every_sampler_keeps_the_distribution_of_a_flow_from_noise_alone(name: str) -> None:
    start = gaussian(torch.zeros(1, 3, 64, 64, dtype=torch.float64), 0, "start")
    off = walked(name, start, grid(200, "trailing"), spoken()) - meant(read("a red ball on grass"), start)
    assert abs(float(off.mean())) < 0.01
    assert float(off.std()) == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("euler", 1), ("dpmpp-2m", 2)])
def test_the_order_of_a_sampler_holds_on_a_flow(name: str, order: int) -> None:
    off, mean = gaussian(picture(8, 8).double(), 0, "start"), meant(read("a red ball on grass"), picture(8, 8).double())

    def error(steps: int) -> float:
        levels = tuple(Level(1000 * s, 1 - s, s) for s in np.linspace(0.9, 0.1, steps + 1).tolist())
        first, last = levels[0], levels[-1]
        spread = [np.hypot(0.2 * level.alpha, level.sigma) for level in (first, last)]
        true = last.alpha * mean + spread[1] / spread[0] * off  # the flow of a Gaussian is a scale around its mean
        return float((walked(name, first.alpha * mean + off, levels, spoken()) - true).abs().max())

    errors = [error(steps) for steps in (80, 160, 320)]
    assert [np.log2(before / after) for before, after in pairwise(errors)] == pytest.approx([order] * 2, abs=0.3)


@pytest.mark.parametrize("kind", ["leading", *BOTH])
def test_a_photo_is_traced_up_a_flow_and_rounds_make_it_exact(kind: Any) -> None:
    photo, denoise, levels = picture(dtype=torch.float64), spoken(), grid(25, kind)

    def error(rounds: int) -> float:
        return float((walked("euler", trace(denoise, photo, levels, rounds)[0], levels, denoise) - photo).abs().max())

    errors = [error(rounds) for rounds in (1, 2, 4, 60)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 1e-3 and errors[3] < 1e-6


def test_guidance_on_a_flow_is_finite_at_noise_alone() -> None:
    from inkover.diffusion.guide import guided

    model, level = Straight(), grid(4, "trailing")[0]
    x = gaussian(picture(dtype=torch.float64), 0, "start")
    said = guided(model, read("a blue ball"), read(""), 5.0, rescale=0.7)(x, level)
    assert said.x0.isfinite().all() and torch.equal(said.eps, x)
