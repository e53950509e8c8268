"""Null-text inversion: guided sampling comes back to the photo, and nothing is evaluated for nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import CHANNELS, WINDOW, Counted, picture, quick, read
from inkover.diffusion.level import Level, Prediction
from inkover.errors import InkoverError
from inkover.inversions import ddim, null_text
from inkover.inversions.adam import adam, fresh
from inkover.inversions.again import again
from inkover.inversions.contract import Subject
from inkover.inversions.track import Track
from inkover.models.contract import Text
from tiny import tiny_model

SOURCE = "a red ball on grass"
SIDE = 4
BASIS = torch.randn(WINDOW * 7, CHANNELS * SIDE * SIDE, generator=torch.Generator().manual_seed(3)) / 4


def heard(x: Tensor, level: Level, text: Text) -> Prediction:
    """Answer with noise that every number of the prompt moves, smoothly: a network with gradients."""
    spoken = (text.hidden.flatten(1).to(x.dtype) @ BASIS.to(x.dtype)).view(1, CHANNELS, SIDE, SIDE)
    return level.from_eps(x, 0.9 * level.sigma * x + 0.3 * torch.tanh(x + spoken + level.time / 500 - 1))


def subject(model: Counted, steps: int = 10) -> Subject:
    return Subject(model, picture(SIDE, SIDE), SOURCE, model.levels(steps))


def off(track: Track, job: Subject, inversion: str = "null-text", scale: float = 7.5) -> float:
    """Return the mean distance to the photo after guided sampling."""
    chosen, knobs = (
        (null_text.INVERSION, null_text.Settings(guidance=scale))
        if inversion == "null-text"
        else (ddim.INVERSION, ddim.Settings())
    )
    return float((again(chosen, knobs, job, track, scale) - job.photo).abs().mean())


@pytest.mark.parametrize("steps", [5, 10, 30])
def test_guided_sampling_stays_on_the_trajectory(steps: int) -> None:
    job = subject(Counted(heard), steps)
    track = null_text.run(job, null_text.Settings(iterations=20))
    plain = ddim.run(job, ddim.Settings())
    assert all(torch.equal(a, b) for a, b in zip(track.latents, plain.latents, strict=True))
    assert off(track, job) < 0.1 * off(plain, job, "ddim")
    assert off(track, job) < 0.06 < 0.1 < off(plain, job, "ddim")


def test_every_evaluation_is_counted_and_none_is_made_twice() -> None:
    model, told = Counted(heard), list[int]()
    job = Subject(model, picture(SIDE, SIDE), SOURCE, model.levels(10), tell=lambda: told.append(1))
    knobs = null_text.Settings(iterations=6, tolerance=0.5)
    track = null_text.run(job, knobs)
    cost = null_text.cost(knobs, 10)
    assert track.samples == model.samples <= cost.samples and len(told) == cost.steps
    rows = [names for names, _ in model.forwards]
    assert rows.count(("source",)) == 10 + 10  # the trajectory, and once a step whatever the iterations
    assert rows.count(("source/null",)) == track.samples - 20 > 10
    most = null_text.run(job, null_text.Settings(iterations=6, tolerance=0.0))
    assert track.samples < most.samples


def test_the_bound_is_reached_where_nothing_is_near_enough() -> None:
    job = subject(Counted(heard), 1)
    knobs = null_text.Settings(iterations=3, tolerance=0.0)
    assert null_text.run(job, knobs).samples == null_text.cost(knobs, 1).samples == 1 + 1 + 3 + 1


def test_what_is_near_enough_is_left_as_it_is() -> None:
    model = Counted(heard)
    job = subject(model)
    track = null_text.run(job, null_text.Settings(guidance=1.5, tolerance=1.0))
    assert track.samples == model.samples == 10 + 2 * 10
    assert all(torch.equal(null, read("").hidden) for null in track.nulls)
    plain = ddim.run(job, ddim.Settings())
    assert off(track, job, scale=1.5) == off(plain, job, "ddim", 1.5)


def test_a_tighter_tolerance_costs_more_and_comes_nearer() -> None:
    job = subject(Counted(heard), 20)
    tracks = [null_text.run(job, null_text.Settings(tolerance=t, iterations=20)) for t in (1e-1, 1e-3, 1e-5)]
    samples, distances = [track.samples for track in tracks], [off(track, job) for track in tracks]
    assert samples[0] < samples[1] < samples[2] and distances[0] > distances[1] > distances[2]


def test_at_scale_one_there_is_nothing_to_find() -> None:
    job = subject(Counted(heard))
    here, there = job.levels[:2]
    landed, start = null_text.landing(job, 1.0, job.photo, here, there), read("").hidden
    found = null_text.settled(landed, start, torch.zeros_like(job.photo), iterations=4, rate=0.1, enough=0.0)
    assert torch.equal(found.hidden, start) and found.samples == 5
    with pytest.raises(InkoverError, match="guidance 1"):
        null_text.Settings(guidance=1)


@quick
@given(rate=st.sampled_from([1e-2, 1.0, 100.0]), iterations=st.integers(0, 6), seed=st.integers(0, 20))
def test_no_iteration_makes_it_worse(rate: float, iterations: int, seed: int) -> None:
    job = subject(Counted(heard))
    here, there = job.levels[3:5]
    landed, start = null_text.landing(job, 7.5, picture(SIDE, SIDE, seed), here, there), read("").hidden
    pivot = job.photo
    losses = [
        null_text.settled(landed, start, pivot, iterations=count, rate=rate, enough=0.0).loss
        for count in range(iterations + 1)
    ]
    assert all(after <= before for before, after in pairwise(losses))
    none = null_text.settled(landed, start, pivot, iterations=0, rate=rate, enough=0.0)
    assert torch.equal(none.hidden, start) and torch.equal(none.latent, landed(start)) and none.samples == 1


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_on_a_real_network_the_prompt_alone_gets_a_gradient(kind: str) -> None:
    model = tiny_model(kind)
    photo = model.encode(torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    job = Subject(model, photo, SOURCE, model.levels(4))
    with torch.no_grad():  # as a caller may have it: the gradients are the inversion's own affair
        track = null_text.run(job, null_text.Settings(iterations=2))
    empty = model.text("").hidden
    assert [null.shape for null in track.nulls] == [empty.shape] * 4
    assert not any(null.requires_grad for null in track.nulls) and not track.latents[0].requires_grad
    assert all((null - empty).abs().max() > 1e-3 for null in track.nulls)
    assert all(weight.grad is None for weight in model.parts.unet.parameters())  # type: ignore[attr-defined]
    assert torch.equal(model.text("").hidden, empty) and not empty.requires_grad
    here, there = job.levels[:2]
    landed = null_text.landing(job, 7.5, track.latents[0], here, there)
    before, after = (float(((landed(h) - track.latents[1]) ** 2).mean()) for h in (empty, track.nulls[0]))
    assert after < before


def test_adam_is_torchs() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(6, 3, 5, generator=generator, dtype=torch.float64)
    ours = start = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    theirs = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.03)
    moments = fresh(ours)
    for gradient in gradients:
        theirs.grad = gradient.clone()
        optimizer.step()
        ours, moments = adam(ours, gradient, moments, 0.03)
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-12, rtol=0)
    assert not torch.equal(ours, start)


def test_it_works_where_gradients_are_switched_off_for_good() -> None:
    model = tiny_model()
    job = Subject(model, model.encode(torch.zeros(1, 3, 32, 32)), SOURCE, model.levels(2))
    knobs = null_text.Settings(iterations=2)
    plain = null_text.run(job, knobs)
    other = tiny_model()
    with torch.inference_mode():  # texts are read in there too
        same = Subject(other, other.encode(torch.zeros(1, 3, 32, 32)), SOURCE, other.levels(2))
        found = null_text.run(same, knobs)
    assert all(torch.equal(a, b) for a, b in zip(plain.nulls, found.nulls, strict=True))
