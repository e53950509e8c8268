"""Edit-friendly DDPM and SDE-DPM-Solver++ inversion: exact reconstruction, and what their noise maps are like."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, Counted, gaussians, picture, quick, read, tangled
from inkover import inversions
from inkover.diffusion.level import Prediction
from inkover.diffusion.schedule import Spacing
from inkover.inversions import ddpm, noise_maps, sde_dpmpp
from inkover.inversions.again import again
from inkover.inversions.contract import Subject
from inkover.inversions.track import NoiseTrack
from inkover.models.contract import Model
from inkover.models.loading import load
from tiny import tiny_components, tiny_model

SOURCE = "a red ball on grass"
EXACT = 1e-4  # latent, at most
SPACINGS = st.sampled_from([Spacing("leading", "first"), Spacing("linspace", "one"), Spacing("trailing", "one")])
both = pytest.mark.parametrize("name", ["ddpm", "sde-dpmpp"])


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def backbone(request: pytest.FixtureRequest) -> Model:
    return tiny_model(request.param)


def latent(model: Model) -> Tensor:
    return model.encode(torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def inverted(name: str, job: Subject, **knobs: Any) -> NoiseTrack:
    inversion = inversions.get(name)
    track = inversion.run(job, inversion.settings(**knobs))
    assert isinstance(track, NoiseTrack)
    return track


def error(name: str, job: Subject, track: NoiseTrack, **knobs: Any) -> float:
    inversion = inversions.get(name)
    return float((again(inversion, inversion.settings(**knobs), job, track) - job.photo).abs().max())


@both
@quick
@given(
    steps=st.sampled_from([5, 10, 14, 15, 20, 50]),
    part=st.floats(0, 0.99),
    spacing=SPACINGS,
    seed=st.integers(0, 9),
    scale=st.sampled_from([1.0, 3.5]),
)
def test_the_photo_comes_back(name: str, steps: int, part: float, spacing: Spacing, seed: int, scale: float) -> None:
    model = Counted(tangled())
    job = Subject(model, picture(5, 8), SOURCE, model.levels(steps, spacing)[int(part * steps) :], seed)
    track = inverted(name, job, source_guidance=scale)
    asked = model.samples
    assert error(name, job, track, source_guidance=scale) < EXACT
    assert asked == track.samples == model.samples - asked == (1 if scale == 1 else 2) * (len(job.levels) - 1)


@both
@pytest.mark.parametrize(("steps", "skip"), [(5, 4), (10, 1), (20, 6), (50, 0)])
def test_the_photo_comes_back_from_a_real_network(backbone: Model, name: str, steps: int, skip: int) -> None:
    job = Subject(backbone, latent(backbone), SOURCE, backbone.levels(steps)[skip:])
    track = inverted(name, job, source_guidance=1.0)
    assert error(name, job, track, source_guidance=1.0) < EXACT
    assert torch.equal(track.latents[-1], job.photo) and len(track.noises) == steps - skip


@both
def test_every_map_matters(name: str) -> None:
    model = Analytic(tangled())
    job = Subject(model, picture(), SOURCE, model.levels(6))
    track = inverted(name, job)
    for step in range(6):
        other = tuple(-noise if k == step else noise for k, noise in enumerate(track.noises))
        assert error(name, job, replace(track, noises=other)) > 10 * EXACT


@both
def test_other_words_or_another_guidance_give_another_picture(name: str) -> None:
    model = Analytic(tangled())
    job = Subject(model, picture(), SOURCE, model.levels(10))
    track, inversion = inverted(name, job), inversions.get(name)
    for other, scale in ((replace(job, source="a blue ball on sand"), 3.5), (job, 7.5)):
        assert float((again(inversion, inversion.settings(), other, track, scale) - job.photo).abs().max()) > 1e-2


@both
def test_two_seeds_give_two_tracks_and_one_photo(name: str) -> None:
    model = Analytic(tangled())
    jobs = [Subject(model, picture(), SOURCE, model.levels(10), seed) for seed in (0, 1)]
    tracks = [inverted(name, job) for job in jobs]
    assert all((a - b).abs().max() > 0.1 for a, b in zip(tracks[0].noises, tracks[1].noises, strict=True))
    assert all(error(name, job, track) < EXACT for job, track in zip(jobs, tracks, strict=True))
    again_ = inverted(name, jobs[0])
    assert all(torch.equal(a, b) for a, b in zip(again_.noises, tracks[0].noises, strict=True))


@pytest.mark.parametrize("eta", [0.1, 0.5, 1.0])
def test_any_eta_is_exact_and_keeps_the_noise_of_the_level(eta: float) -> None:
    model = Analytic(tangled())
    job = Subject(model, picture(dtype=torch.float64), SOURCE, model.levels(10))
    assert error("ddpm", job, inverted("ddpm", job, eta=eta), eta=eta) < 1e-9
    sampler = ddpm.sampler(ddpm.Settings(eta=eta))
    zero, one = torch.zeros(1, 1, 1, 1, dtype=torch.float64), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for here, there in pairwise(job.levels):  # of pure noise, the variances of what is kept and what is drawn add up
        kept = float(sampler.mean(Prediction(zero, one), here, there, None))
        drawn = sampler.spread(here, there) if sampler.spread else 0.0
        assert kept**2 + drawn**2 == pytest.approx(there.sigma**2)
        full = there.sigma / here.sigma * (1 - (here.alpha / there.alpha) ** 2) ** 0.5
        assert drawn == pytest.approx(eta * full)


@quick
@given(steps=st.integers(2, 30), spacing=SPACINGS)
def test_the_first_step_and_the_first_order_are_the_same_in_both(steps: int, spacing: Spacing) -> None:
    model = Analytic(tangled())
    levels = model.levels(steps, spacing)
    latents = noise_maps.drawn(picture(4, 5, dtype=torch.float64), levels, 0, "n")
    said = [model.answer(x, level, read(SOURCE)) for x, level in zip(latents[:-1], levels[:-1], strict=True)]
    first = replace(sde_dpmpp.sampler(sde_dpmpp.Settings()), order=1)
    one, _ = noise_maps.solved(latents, said, levels, ddpm.sampler(ddpm.Settings()))
    two, _ = noise_maps.solved(latents, said, levels, sde_dpmpp.sampler(sde_dpmpp.Settings()))
    same, _ = noise_maps.solved(latents, said, levels, first)
    torch.testing.assert_close(one, same, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(one[0], two[0], atol=1e-8, rtol=1e-8)
    assert steps == 2 or (one[1] - two[1]).abs().max() > 1e-6


@both
def test_a_shorter_walk_sees_the_latents_of_a_longer_one(name: str) -> None:
    model = Analytic(tangled())
    levels = model.levels(12)
    whole, part = (inverted(name, Subject(model, picture(), SOURCE, levels[skip:])) for skip in (0, 5))
    assert all(torch.equal(a, b) for a, b in zip(part.latents, whole.latents[5:], strict=True))
    later = 5 if name == "ddpm" else 6  # a walk of second order starts with one step of first
    assert all(torch.equal(a, b) for a, b in zip(part.noises[later - 5 :], whole.noises[later:], strict=True))


def test_the_end_without_noise_draws_none_and_leaves_the_rest_in_the_residual() -> None:
    model = Analytic(tangled())
    for name in ("ddpm", "sde-dpmpp"):
        job = Subject(model, picture(), SOURCE, model.levels(8, Spacing("linspace", "one")))
        track = inverted(name, job)
        assert not track.noises[-1].any() and float(track.residuals[-1].abs().max()) > 1e-2
        assert max(float(rest.abs().max()) for rest in track.residuals[:-1]) < 1e-5
        assert track.noises[-2].any() and error(name, job, track) < EXACT


@both
def test_the_maps_are_larger_than_noise_and_turn_against_their_neighbours(name: str) -> None:
    """Of higher variance, and neighbours negatively correlated (Huberman-Spiegelglas et al. 2024, section 3)."""
    model = Analytic(gaussians(spread=0.3))
    job = Subject(model, picture(48, 48, spread=0.3), SOURCE, model.levels(50))
    noises = torch.stack([noise.flatten() for noise in inverted(name, job, source_guidance=1.0).noises])
    inner = noises[10:40]
    assert float(inner.std(1).min()) > 1.1
    correlations = torch.stack([torch.corrcoef(pair)[0, 1] for pair in _pairs(inner)])
    assert float(correlations.max()) < -0.1
    apart = torch.stack([torch.corrcoef(torch.stack([inner[k], inner[k + 5]]))[0, 1] for k in range(20)])
    assert float(apart.abs().mean()) < 0.3 * float(correlations.abs().mean())


def _pairs(rows: Tensor) -> list[Tensor]:
    return [torch.stack(pair) for pair in pairwise(rows)]


@both
@pytest.mark.parametrize(("source", "scale", "rows"), [(SOURCE, 3.5, 2), (SOURCE, 1.0, 1), ("", 3.5, 1)])
def test_the_cost_is_what_is_counted(name: str, source: str, scale: float, rows: int) -> None:
    model, told = Counted(tangled()), list[int]()
    job = Subject(model, picture(), source, model.levels(7), tell=lambda: told.append(1))
    track = inverted(name, job, source_guidance=scale)
    inversion = inversions.get(name)
    cost = inversion.cost(inversion.settings(source_guidance=scale), 7)
    assert track.samples == model.samples == 7 * rows <= cost.samples and len(told) == cost.steps == 7
    assert cost.samples == 7 * (1 if scale == 1 else 2)


@both
@quick
@given(steps=st.integers(1, 30), batch=st.integers(1, 9), scale=st.sampled_from([1.0, 3.5]))
def test_latents_known_beforehand_are_asked_about_together(name: str, steps: int, batch: int, scale: float) -> None:
    model = Counted(tangled(), batch=batch)
    job = Subject(model, picture(4, 4), SOURCE, model.levels(steps))
    track, rows = inverted(name, job, source_guidance=scale), 1 if scale == 1 else 2
    most = max(1, batch // rows) if name == "ddpm" else 1
    assert len(model.forwards) == -(-steps // most) and model.samples == rows * steps == track.samples
    assert all(samples <= max(batch, rows) for _, samples in model.forwards)
    singly = inverted(name, replace(job, model=Analytic(tangled(), exact=False)), source_guidance=scale)
    torch.testing.assert_close(track.noises, singly.noises, atol=1e-3, rtol=1e-3)


def test_half_precision_is_asked_about_one_latent_at_a_time() -> None:
    model = Counted(tangled(), exact=False)
    inverted("ddpm", Subject(model, picture(4, 4), SOURCE, model.levels(7)))
    assert [samples for _, samples in model.forwards] == [2] * 7


@both
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_half_precision_stays_within_one_percent(kind: str, name: str) -> None:
    components = tiny_components(kind)
    components["unet"] = components["unet"].to(torch.bfloat16)
    model = load(components, device="cpu")
    job = Subject(model, latent(model), SOURCE, model.levels(15))
    track = inverted(name, job, source_guidance=1.0)
    assert track.latents[0].dtype == track.noises[0].dtype == torch.float32
    percent = 0.01 * float(job.photo.abs().max())
    assert error(name, job, track, source_guidance=1.0) < percent
    if kind == "epsilon":  # one rounding of the latent is a step of bfloat16 in what the network sees
        still = (*(torch.zeros_like(rest) for rest in track.residuals[:-1]), track.residuals[-1])
        assert error(name, job, replace(track, residuals=still), source_guidance=1.0) > percent
