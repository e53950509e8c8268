from __future__ import annotations

import math

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, Counted, picture, quick, read, tangled
from inkover.diffusion.guide import guided, steered
from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.noise import gaussian

prompts = st.sampled_from(["", "a red ball", "a blue ball on sand", "mug", "seven green pears"])
scales = st.floats(-2, 20)


@quick
@given(text=prompts, null=prompts, n=st.integers(1, 3))
def test_scale_one_is_the_text_alone_in_one_row(text: str, null: str, n: int) -> None:
    model = Counted(tangled())
    x = torch.cat([picture(seed=i) for i in range(n)])
    level = model.levels(20)[7]
    found = guided(model, read(text), read(null), 1, "source")(x, level)
    assert model.forwards == [(("source",), n)]
    assert torch.equal(found.eps, Analytic(tangled()).predict(x, level, {"t": read(text)}).eps)


@quick
@given(text=prompts, null=prompts, scale=scales.filter(lambda scale: scale != 1), n=st.integers(1, 3))
def test_other_scales_ask_two_named_rows_in_one_forward(text: str, null: str, scale: float, n: int) -> None:
    model = Counted(tangled())
    x = torch.cat([picture(seed=i, dtype=torch.float64) for i in range(n)])
    level = model.levels(20)[7]
    found = guided(model, read(text), read(null), scale)(x, level)
    assert model.forwards == [(("target/null", "target"), 2 * n)]
    away, towards = (model.predict(x, level, {"": read(prompt)}).eps for prompt in (null, text))
    torch.testing.assert_close(found.eps, away + scale * (towards - away))
    torch.testing.assert_close(level.noised(found.x0, found.eps), x)


@quick
@given(scale=scales)
def test_the_same_text_on_both_sides_makes_the_scale_void(scale: float) -> None:
    model, x = Analytic(tangled()), picture(dtype=torch.float64)
    level, text = model.levels(10)[3], read("a red ball")
    one, other = guided(model, text, text, scale)(x, level), guided(model, text, text, 1)(x, level)
    torch.testing.assert_close(one.x0, other.x0)


@pytest.mark.parametrize("scale", [0.0, 3.0, 7.5])
def test_each_latent_of_a_block_is_guided_as_if_alone(scale: float) -> None:
    model = Analytic(tangled())
    block = torch.cat([picture(seed=i) for i in range(4)])
    denoise = guided(model, read("mug"), read(""), scale)
    level = model.levels(10)[3]
    together = denoise(block, level).x0
    for i in range(4):
        torch.testing.assert_close(together[i : i + 1], denoise(block[i : i + 1], level).x0)


@quick
@given(scale=scales.filter(lambda scale: scale != 1), rescale=st.floats(0, 1), k=st.integers(0, 9))
def test_a_level_that_is_left_out_asks_the_text_alone(scale: float, rescale: float, k: int) -> None:
    model, x = Counted(tangled()), picture()
    grid, text, null = model.levels(10), read("mug"), read("")
    within = frozenset(grid[3:7])
    part = guided(model, text, null, scale, rescale=rescale, where=within.__contains__)
    found = part(x, grid[k])
    assert model.forwards == [(("target/null", "target"), 2) if 3 <= k < 7 else (("target",), 1)]
    same = guided(model, text, null, scale if 3 <= k < 7 else 1, rescale=rescale)(x, grid[k])
    assert torch.equal(found.x0, same.x0) and torch.equal(found.eps, same.eps)


@quick
@given(scale=scales, k=st.integers(0, 9))
def test_a_rescale_of_none_is_plain_guidance_to_the_bit(scale: float, k: int) -> None:
    model, x = Analytic(tangled()), picture()
    level, text, null = model.levels(10)[k], read("mug"), read("")
    plain, off = guided(model, text, null, scale)(x, level), guided(model, text, null, scale, rescale=0)(x, level)
    assert torch.equal(plain.x0, off.x0) and torch.equal(plain.eps, off.eps)


levels_of_both = st.one_of(
    st.integers(0, 19).map(lambda k: Analytic().levels(20)[k]),
    st.floats(0, 1).map(lambda time: Level(time, 1 - time, time)),
)


def two(seed: int, level: Level) -> tuple[Tensor, Prediction, Prediction]:
    """Return two latents (2, 3, 5, 4), and two predictions there."""
    like = torch.zeros(2, 3, 5, 4, dtype=torch.float64)
    x0, eps, turn = (gaussian(like, seed, name) for name in ("x0", "eps", "turn"))
    other = Prediction(x0 - level.sigma * turn, eps + level.alpha * turn)
    return level.noised(x0, eps), Prediction(x0, eps), other


@quick
@given(seed=st.integers(0, 99), level=levels_of_both, scale=st.floats(1.5, 20), rescale=st.floats(0, 1))
def test_rescale_takes_contrast_back_and_leaves_the_latent(
    seed: int, level: Level, scale: float, rescale: float
) -> None:
    x, away, towards = two(seed, level)
    plain, whole, part = (steered(away, towards, level, scale, phi) for phi in (0.0, 1.0, rescale))

    def velocity(said: Prediction) -> Tensor:
        return level.alpha * said.eps - level.sigma * said.x0

    for phi, said in ((1.0, whole), (rescale, part)):
        torch.testing.assert_close(level.noised(said.x0, said.eps), x)
        known = phi * velocity(towards).std((1, 2, 3)) + (1 - phi) * velocity(plain).std((1, 2, 3))
        torch.testing.assert_close(velocity(said).std((1, 2, 3)), known)  # each latent its own
        torch.testing.assert_close(said.x0, plain.toward(whole, phi).x0)


@quick
@given(seed=st.integers(0, 99), k=st.integers(0, 19), scale=st.floats(1.5, 20), rescale=st.floats(0, 1))
def test_rescale_of_an_answer_that_is_v_is_diffusers(seed: int, k: int, scale: float, rescale: float) -> None:
    level = Analytic().levels(20)[k]
    x, away, towards = two(seed, level)
    before, after = (level.alpha * said.eps - level.sigma * said.x0 for said in (away, towards))
    theirs = level.from_v(x, rescale_noise_cfg(before + scale * (after - before), after, rescale))
    ours = steered(away, towards, level, scale, rescale)
    torch.testing.assert_close(ours.x0, theirs.x0)
    torch.testing.assert_close(ours.eps, theirs.eps)


def test_rescale_of_a_flat_answer_is_finite() -> None:
    level, flat = Analytic().levels(20)[4], torch.zeros(1, 3, 4, 4)
    said = steered(Prediction(flat, flat), Prediction(flat, flat), level, 7.5, 1.0)
    assert torch.equal(said.x0, flat) and torch.equal(said.eps, flat)


@quick
@given(seed=st.integers(0, 99), level=levels_of_both, scale=st.floats(1.5, 20))
def test_rescale_is_the_same_for_the_same_noise_whatever_the_amplitudes(seed: int, level: Level, scale: float) -> None:
    size = math.hypot(level.alpha, level.sigma)
    circle = Level(level.time, level.alpha / size, level.sigma / size)
    _, away, towards = two(seed, level)
    one, other = (steered(away, towards, there, scale, 0.7) for there in (level, circle))
    torch.testing.assert_close(one.x0, other.x0)
