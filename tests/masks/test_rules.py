"""Rules that cut masks out of maps, and what tidies them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu
from torch import Tensor

from analytic import quick
from inkover.masks import rules

sides = st.integers(2, 12)


def random_map(h: int, w: int, seed: int) -> Tensor:
    return torch.rand(2, 1, h, w, generator=torch.Generator().manual_seed(seed))


@quick
@given(h=sides, w=sides, seed=st.integers(0, 99))
def test_the_median_selects_half_of_a_map_without_ties(h: int, w: int, seed: int) -> None:
    found = random_map(h, w, seed)
    assert rules.median(0.0)(found).sum((1, 2, 3)).tolist() == [(h * w - 1) // 2] * 2
    background = torch.where(found > 0.9, found, 0.01 * found)
    assert torch.equal(rules.median(1.5)(background), rules.mean(1.5)(background))


@quick
@given(low=st.floats(0.05, 0.9), seed=st.integers(0, 99), share=st.integers(1, 30))
def test_otsu_parts_two_values_exactly(low: float, seed: int, share: int) -> None:
    high = torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed)).flatten().argsort()[:share]
    found = torch.full((1, 1, 6, 8), low)
    found.view(-1)[high] = low + 0.1
    assert torch.equal(rules.otsu()(found), (found > low + 0.05).float())


@quick
@given(h=st.integers(6, 16), w=st.integers(6, 16), seed=st.integers(0, 99))
def test_otsu_is_that_of_scikit_image(h: int, w: int, seed: int) -> None:
    found = random_map(h, w, seed)[:1] ** 2
    theirs = float(threshold_otsu(found[0, 0].double().numpy(), nbins=rules.BINS))
    mine = rules.otsu()(found)
    width = float(found.max() - found.min()) / rules.BINS
    sure = (found - theirs).abs() > 3 * width  # they name the bin's centre, and the first of equals
    assert torch.equal(mine[sure], (found > theirs).float()[sure])


@pytest.mark.parametrize("name", rules.RULES)
def test_a_map_of_one_value_is_no_mask_and_each_image_has_its_own_cut(name: str) -> None:
    rule = rules.rule(name, rules.RULES[name][1])
    assert not rule(torch.zeros(1, 1, 4, 5)).any()
    found = random_map(7, 9, 3)
    both = rule(found * torch.tensor([1.0, 1.0]).view(2, 1, 1, 1))
    assert torch.equal(both[:1], rule(found[:1])) and torch.equal(both[1:], rule(found[1:]))
    assert set(both.unique().tolist()) == {0.0, 1.0} and both.dtype == found.dtype


@quick
@given(name=st.sampled_from(["mean", "median", "otsu"]), by=st.floats(0.01, 50), seed=st.integers(0, 99))
def test_the_scale_of_a_map_does_not_matter(name: str, by: float, seed: int) -> None:
    found = random_map(8, 8, seed).double()
    rule = rules.rule(name, 1.1)
    assert (rule(found) != rule(found * by)).float().mean() < 0.02  # but for values at the cut itself


@quick
@given(name=st.sampled_from(["mean", "quantile", "fixed"]), seed=st.integers(0, 99), low=st.floats(0.1, 0.9))
def test_a_lower_number_never_selects_less(name: str, seed: int, low: float) -> None:
    found = random_map(8, 8, seed)
    wide, narrow = rules.rule(name, low)(found), rules.rule(name, min(low + 0.1, 1.0))(found)
    assert bool((wide >= narrow).all())


def test_gaps_are_closed_and_small_pieces_go() -> None:
    mask = torch.zeros(1, 1, 9, 11)
    mask[..., 1:8, 1:4] = mask[..., 1:8, 5:8] = 1  # two bars, one cell apart
    assert torch.equal(rules.tidied(mask, 0, 0), mask)
    closed = rules.tidied(mask, 1, 0)
    assert closed[..., 2:7, 4].all() and bool((closed >= mask).all())
    mask[0, 0, 0, 10] = 1
    assert not rules.tidied(mask, 0, 2)[0, 0, 0, 10] and rules.tidied(mask, 0, 1)[0, 0, 0, 10]
    assert not rules.tidied(mask, 0, 22).any()


@quick
@given(h=sides, w=sides, seed=st.integers(0, 99), closing=st.integers(0, 3))
def test_closing_only_adds_and_twice_is_once(h: int, w: int, seed: int, closing: int) -> None:
    mask = (random_map(h, w, seed) > 0.5).float()
    closed = rules.tidied(mask, closing, 0)
    assert bool((closed >= mask).all()) and np.isin(closed.numpy(), (0, 1)).all()
