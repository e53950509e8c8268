from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, Answer, Counted, box_mask, gaussians, picture, quick, read, tangled
from inkover.diffusion.level import Level, Prediction
from inkover.diffusion.noise import gaussian
from inkover.masks.difference import differences, filled, fixed, rescaled
from inkover.models.contract import Text

RED, BLUE = read("a red ball on grass"), read("a blue ball on grass")
sides = st.integers(1, 5).map(lambda k: 4 * k)


def mapped(
    model: Analytic, photo: Tensor, source: Text = RED, target: Text = BLUE, noises: int = 10, order: int = 1
) -> Tensor:
    drawn = [gaussian(photo, 0, "mask", index) for index in range(noises)][::order]
    level = model.levels(50)[25]
    return torch.cat(list(differences(model, photo, level, source, target, drawn))).mean(0, keepdim=True)


def shaken(answer: Answer, part: float) -> Answer:
    """An answer with rounding: a relative error of that size, other in each row."""

    def answered(x: Tensor, level: Level, text: Text) -> Prediction:
        eps = answer(x, level, text).eps
        return level.from_eps(x, eps * (1 + part * torch.randn(eps.shape, generator=dice, dtype=eps.dtype)))

    dice = torch.Generator().manual_seed(0)
    return answered


def scaled(answer: Answer, by: float) -> Answer:
    return lambda x, level, text: level.from_eps(x, by * answer(x, level, text).eps)


@quick
@given(h=sides, w=sides, part=st.floats(0.85, 1), at=st.floats(0.05, 0.5), noises=st.integers(1, 12))
def test_in_a_gaussian_world_the_map_is_the_box_where_the_texts_differ(
    h: int, w: int, part: float, at: float, noises: int
) -> None:
    photo = picture(h, w, dtype=torch.float64)
    found = fixed(at)(rescaled(mapped(Analytic(gaussians()), photo, noises=noises), part))
    assert torch.equal(found, box_mask(photo))


@quick
@given(prompt=st.text("abc ", max_size=12), noises=st.integers(1, 12), h=sides, w=sides)
def test_equal_texts_disagree_nowhere(prompt: str, noises: int, h: int, w: int) -> None:
    one = mapped(Analytic(tangled()), picture(h, w), read(prompt), read(prompt), noises)
    assert torch.equal(one, torch.zeros(1, 1, h, w))
    hard = fixed(0.01)(rescaled(one, 0.9))
    assert torch.equal(hard, torch.zeros(1, 1, h, w))


def test_rounding_is_no_disagreement_but_a_small_change_is() -> None:
    photo = picture()
    assert not mapped(Analytic(shaken(tangled(), 1e-5)), photo, RED, RED).any()
    assert mapped(Analytic(shaken(tangled(), 1e-2)), photo, RED, RED).any()


@quick
@given(low=st.floats(0.01, 1), high=st.floats(0.01, 1))
def test_a_lower_threshold_never_selects_less(low: float, high: float) -> None:
    low, high = sorted((low, high))
    map = rescaled(mapped(Analytic(tangled()), picture()), 0.9)
    assert (fixed(low)(map) >= fixed(high)(map)).all()


@quick
@given(by=st.floats(0.01, 100), noises=st.integers(1, 9))
def test_the_scaled_map_does_not_depend_on_the_networks_amplitude(by: float, noises: int) -> None:
    photo = picture(dtype=torch.float64)
    plain, loud = (
        rescaled(mapped(Analytic(answer), photo, noises=noises), 0.9) for answer in (tangled(), scaled(tangled(), by))
    )
    torch.testing.assert_close(plain, loud)
    torch.testing.assert_close(mapped(Analytic(scaled(tangled(), by)), photo), by * mapped(Analytic(tangled()), photo))


def test_the_map_does_not_depend_on_direction_or_order_or_batch() -> None:
    model, photo = Analytic(tangled()), picture(12, 20, dtype=torch.float64)
    plain = mapped(model, photo)
    assert torch.equal(plain, mapped(model, photo, BLUE, RED))
    torch.testing.assert_close(plain, mapped(model, photo, order=-1), rtol=1e-12, atol=1e-14)
    for batch in (1, 2, 3, 5, 20, 64):
        torch.testing.assert_close(plain, mapped(replace(model, batch=batch), photo), rtol=1e-12, atol=1e-14)


@quick
@given(batch=st.integers(1, 30), noises=st.integers(1, 24))
def test_two_rows_a_noise_and_never_more_than_a_batch(batch: int, noises: int) -> None:
    model = Counted(tangled(), batch=batch)
    mapped(model, picture(4, 4), noises=noises)
    assert model.samples == 2 * noises
    assert max(samples for _, samples in model.forwards) <= batch
    assert {name for names, _ in model.forwards for name in names} == {"source", "target"}
    pairs = max(1, batch // 2)
    assert len(model.forwards) == -(-noises // pairs) * (2 if batch == 1 else 1)


def test_every_noise_is_asked_about() -> None:
    photo, model = picture(), Analytic(tangled())
    level = model.levels(50)[25]
    noises = [gaussian(photo, 0, "mask", index) for index in range(10)]
    maps = list(differences(model, photo, level, RED, BLUE, noises))
    for noise, one in zip(noises, maps, strict=True):
        x = level.noised(photo, noise)
        apart = model.predict(x, level, {"": BLUE}).eps - model.predict(x, level, {"": RED}).eps
        torch.testing.assert_close(one, apart.abs().mean(1, keepdim=True))
    assert not any(torch.equal(one, other) for i, one in enumerate(maps) for other in maps[:i])


@quick
@given(seed=st.integers(0, 999), part=st.floats(0.5, 1), n=st.integers(1, 4))
def test_each_image_of_a_batch_is_rescaled_by_its_own_quantile(seed: int, part: float, n: int) -> None:
    dice = torch.Generator().manual_seed(seed)
    maps = torch.rand(n, 1, 6, 7, generator=dice) ** 4 * torch.tensor([1.0, 1e3, 0.0, 1e-3])[:n].view(n, 1, 1, 1)
    together = rescaled(maps, part)
    assert torch.equal(together, torch.cat([rescaled(one, part) for one in maps.split(1)]))
    assert together.isfinite().all() and (together >= 0).all() and (together <= 1).all()
    tops = torch.quantile(maps.flatten(1), part, dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(together * tops, maps.minimum(tops))


@pytest.mark.parametrize("at", [0.25, 0.5, 1.0])
def test_the_threshold_is_a_part_of_the_quantile(at: float) -> None:
    map = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 3
    wanted = map >= at * torch.quantile(map, 0.9)
    assert torch.equal(fixed(at)(rescaled(map, 0.9)) == 1, wanted) and wanted.any()


@quick
@given(seed=st.integers(0, 999), h=st.integers(1, 9), w=st.integers(1, 9))
def test_filling_takes_what_cannot_be_left_without_crossing_the_mask(seed: int, h: int, w: int) -> None:
    masks = (torch.rand(2, 1, h, w, generator=torch.Generator().manual_seed(seed)) > 0.4).float()
    before = masks.clone()
    whole = filled(masks)
    assert torch.equal(masks, before) and (whole >= masks).all()
    for mask, found in zip(masks[:, 0], whole[:, 0], strict=True):
        free = {(y, x) for y in range(h) for x in range(w) if mask[y, x] == 0}
        out = {(y, x) for y, x in free if y in (0, h - 1) or x in (0, w - 1)}
        while more := {(y, x) for y, x in free - out if {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & out}:
            out |= more
        assert {(y, x) for y in range(h) for x in range(w) if found[y, x] == 0} == out
