"""DDIM, direct and negative-prompt inversion: what each promises of the photo's own row."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import Counted, picture, quick, read, tangled
from inkover import inversions
from inkover.diffusion.level import Prediction
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError
from inkover.inversions import ddim, direct, negative_prompt, proximal
from inkover.inversions.again import again
from inkover.inversions.contract import Retrace, Subject
from inkover.models.contract import Model
from tiny import tiny_model

SOURCE = "a red ball on grass"
SPACINGS = st.sampled_from([Spacing("leading", "first"), Spacing("linspace", "one")])
scales = st.floats(0, 20).filter(lambda scale: scale != 1)


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def backbone(request: pytest.FixtureRequest) -> Model:
    return tiny_model(request.param)


def subject(model: Model, steps: int = 6, spacing: Spacing = Spacing(), dtype: torch.dtype = torch.float32) -> Subject:  # noqa: B008 - frozen
    return Subject(model, picture(6, 9, dtype=dtype), SOURCE, model.levels(steps, spacing))


def latent(model: Model) -> torch.Tensor:
    return model.encode(torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def test_ddim_with_many_rounds_is_exact() -> None:
    job = subject(Counted(tangled()), 20, dtype=torch.float64)
    errors = []
    for rounds in (1, 4, 20):
        knobs = ddim.Settings(rounds=rounds)
        errors.append(float((again(ddim.INVERSION, knobs, job, ddim.run(job, knobs)) - job.photo).abs().max()))
    assert errors[0] > 1e-3 and errors[1] < 0.1 * errors[0] and errors[2] < 1e-7


@quick
@given(steps=st.integers(1, 12), spacing=SPACINGS, scale=scales)
def test_direct_ends_at_the_photo_to_the_bit(steps: int, spacing: Spacing, scale: float) -> None:
    model = Counted(tangled())
    job = subject(model, steps, spacing)
    track = direct.run(job, direct.Settings())
    asked = model.samples
    assert torch.equal(again(direct.INVERSION, direct.Settings(), job, track, scale), job.photo)
    assert model.samples == asked == track.samples  # what is pinned is not asked about
    assert isinstance(direct.INVERSION.use, Retrace) and direct.INVERSION.use.pinned


def test_a_pinned_row_is_the_papers_row_with_its_offset() -> None:
    model = Counted(tangled())
    job = subject(model, 12, dtype=torch.float64)
    track, text = direct.run(job, direct.Settings()), read(SOURCE)
    x = track.latents[0]
    for step, (here, there) in enumerate(pairwise(job.levels)):
        said = model.answer(x, here, read("")).toward(model.answer(x, here, text), 7.5)
        stepped = there.noised(said.x0, said.eps)
        offset = track.latents[step + 1] - stepped
        assert float(offset.abs().max()) > 1e-4
        x = stepped + offset
        torch.testing.assert_close(x, track.latents[step + 1], atol=1e-12, rtol=0)
    torch.testing.assert_close(x, again(direct.INVERSION, direct.Settings(), job, track, 7.5), atol=1e-12, rtol=0)


@quick
@given(steps=st.integers(1, 12), spacing=SPACINGS, scale=scales)
def test_away_from_its_own_words_a_photo_is_traced_back_as_without_guidance(
    steps: int, spacing: Spacing, scale: float
) -> None:
    model = Counted(tangled())
    job = subject(model, steps, spacing)
    track = negative_prompt.run(job, negative_prompt.Settings())
    plain = again(ddim.INVERSION, ddim.Settings(), job, ddim.run(job, ddim.Settings()), 1)
    model.forwards.clear()
    assert torch.equal(again(negative_prompt.INVERSION, negative_prompt.Settings(), job, track, scale), plain)
    assert model.samples == steps  # guidance from a text to itself is not evaluated
    guided = again(ddim.INVERSION, ddim.Settings(), job, track, scale)
    assert float((guided - plain).abs().max()) > 1e-4 * abs(scale - 1)


def test_on_a_real_network(backbone: Model) -> None:
    job = Subject(backbone, latent(backbone), SOURCE, backbone.levels(5))
    track = ddim.run(job, ddim.Settings())
    assert torch.equal(again(direct.INVERSION, direct.Settings(), job, track, 7.5), job.photo)
    plain = again(ddim.INVERSION, ddim.Settings(), job, track, 1)
    for scale in (0.0, 3.0, 7.5):
        assert torch.equal(again(negative_prompt.INVERSION, negative_prompt.Settings(), job, track, scale), plain)
    assert float((again(ddim.INVERSION, ddim.Settings(), job, track, 7.5) - plain).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["ddim", "direct", "negative-prompt"])
def test_the_cost_is_what_is_counted(name: str) -> None:
    inversion, model, told = inversions.get(name), Counted(tangled()), []
    for rounds, steps in ((1, 7), (3, 5)):
        knobs = inversion.settings(rounds=rounds)
        job = Subject(model, picture(4, 4), SOURCE, model.levels(steps), tell=lambda: told.append(1))
        model.forwards.clear()
        told.clear()
        track = inversion.run(job, knobs)
        cost = inversion.cost(knobs, steps)
        assert track.samples == model.samples == cost.samples == rounds * steps and len(told) == cost.steps
        assert {rows for rows, _ in model.forwards} == {("source",)}


def test_the_trajectory_of_a_shorter_walk_is_the_end_of_a_longer_one() -> None:
    model = Counted(tangled())
    levels = model.levels(9)
    whole = ddim.run(Subject(model, picture(), SOURCE, levels), ddim.Settings())
    part = ddim.run(Subject(model, picture(), SOURCE, levels[4:]), ddim.Settings())
    assert all(torch.equal(a, b) for a, b in zip(part.latents, whole.latents[4:], strict=True))


def predictions(seed: int = 0, rows: int = 2, dtype: torch.dtype = torch.float64) -> tuple[Prediction, Prediction]:
    """Draw what a network says of one latent with two texts."""
    generator = torch.Generator().manual_seed(seed)
    x, one, two = torch.randn(3, rows, 3, 5, 4, generator=generator, dtype=dtype)
    level = Counted().levels(10)[4]
    return level.from_eps(x, one), level.from_eps(x, two)


@quick
@given(seed=st.integers(0, 99), scale=st.floats(0, 15))
def test_proximal_guidance_ends_at_plain_guidance_and_at_none(seed: int, scale: float) -> None:
    away, towards = predictions(seed)
    plain = away.toward(towards, scale)
    for keep in (proximal.hard, proximal.soft):
        whole, none = (proximal.proximal(away, towards, scale, keep(q)) for q in (0.0, 1.0))
        torch.testing.assert_close((whole.x0, whole.eps), (plain.x0, plain.eps))
        assert torch.equal(none.x0, away.x0) and torch.equal(none.eps, away.eps)


@quick
@given(seed=st.integers(0, 99), quantile=st.floats(0.05, 0.95), scale=st.floats(1, 15))
def test_proximal_guidance_is_a_threshold_of_the_difference(seed: int, quantile: float, scale: float) -> None:
    away, towards = predictions(seed)
    change = towards.eps - away.eps
    edge = torch.quantile(change.abs().flatten(1), quantile, dim=1).view(-1, 1, 1, 1)
    kept = {
        proximal.hard: change * (change.abs() >= edge * (1 - 1e-12)),
        proximal.soft: change.sign() * (change.abs() - edge).clamp(min=0),
    }
    for keep, expected in kept.items():
        found = proximal.proximal(away, towards, scale, keep(quantile))
        torch.testing.assert_close(found.eps, away.eps + scale * expected, atol=1e-9, rtol=1e-9)
        dropped = float((expected == 0).float().mean())
        assert abs(dropped - quantile) < 0.05  # of 60 numbers a row
        level = Counted().levels(10)[4]
        torch.testing.assert_close(level.noised(found.x0, found.eps), level.noised(away.x0, away.eps))


def test_a_rows_threshold_is_its_own() -> None:
    away, towards = predictions(rows=3)
    together = proximal.proximal(away, towards, 7.5, proximal.soft(0.6))
    for row, (one, other) in enumerate(zip(away.split(3), towards.split(3), strict=True)):
        alone = proximal.proximal(one, other, 7.5, proximal.soft(0.6))
        assert torch.equal(together.x0[row : row + 1], alone.x0)


def test_equal_predictions_stay_equal() -> None:
    away, _ = predictions()
    for keep in (proximal.hard(0.7), proximal.soft(0.7), proximal.soft(0.0)):
        found = proximal.proximal(away, away, 7.5, keep)
        assert torch.equal(found.x0, away.x0) and torch.equal(found.eps, away.eps)


def test_negative_prompts_guidance_is_what_its_knobs_say() -> None:
    away, towards = predictions(dtype=torch.float32)
    plain = away.toward(towards, 5.0)
    assert torch.equal(negative_prompt.combine(negative_prompt.Settings())(away, towards, 5.0).x0, plain.x0)
    found = {}
    for name, keep in (("hard", proximal.hard), ("soft", proximal.soft)):
        combine = negative_prompt.combine(negative_prompt.Settings(quantile=0.7, threshold=name))
        found[name] = combine(away, towards, 5.0).x0
        assert torch.equal(found[name], proximal.proximal(away, towards, 5.0, keep(0.7)).x0)
    assert not torch.equal(found["hard"], found["soft"]) and not torch.equal(found["hard"], plain.x0)


def test_a_target_of_the_source_words_stays_on_the_photos_row_at_any_scale() -> None:
    model = Counted(tangled())
    levels, text = model.levels(8), read(SOURCE)
    track = negative_prompt.run(Subject(model, picture(), SOURCE, levels), negative_prompt.Settings())
    source = target = track.latents[0]
    for quantile in (0.0, 0.7):
        combine = negative_prompt.combine(negative_prompt.Settings(quantile=quantile))
        for step, (here, there) in enumerate(pairwise(levels)):
            away_text = negative_prompt.null(track, step, text, read(""))
            away, towards = model.answer(target, here, away_text), model.answer(target, here, text)
            said = combine(away, towards, 9.0)
            target = there.noised(said.x0, said.eps)
            row = model.answer(source, here, text)
            source = there.noised(row.x0, row.eps)
        assert torch.equal(source, target)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"quantile": 1.5}, {"threshold": "l0"}, {"quantile": "much"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InkoverError, match=next(iter(wrong))):
        negative_prompt.Settings(**wrong)  # type: ignore[arg-type]
