"""A model that is asked by windows: every cell is covered, and averaging answers is averaging steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import Analytic, Counted, gaussians, picture, quick, tangled
from inkover.attention.control import Control
from inkover.diffusion import samplers
from inkover.diffusion.noise import gaussian
from inkover.errors import InkoverError
from inkover.models.contract import Model
from inkover.models.windowed import Windowed, _hill, windowed

SIDE = 6


def seen(model: Model | None = None, side: int = SIDE, overlap: float = 0.5) -> Windowed:
    return Windowed(model or Analytic(tangled()), side, overlap)


@quick
@given(h=st.integers(1, 40), w=st.integers(1, 40), side=st.integers(2, 12), overlap=st.floats(0, 0.8))
def test_windows_hold_every_cell_and_end_at_the_edges(h: int, w: int, side: int, overlap: float) -> None:
    covered = torch.zeros(h, w)
    corners = list(seen(side=side, overlap=overlap).corners(h, w))
    for top, left in corners:
        assert 0 <= top <= max(h - side, 0) and 0 <= left <= max(w - side, 0)
        covered[top : top + side, left : left + side] += 1
    assert covered.min() >= 1 and len(set(corners)) == len(corners)
    tops = sorted({top for top, _ in corners})
    assert all(later - earlier <= max(1, round(side * (1 - overlap)) + 1) for earlier, later in pairwise(tops))


@pytest.mark.parametrize("size", [(SIDE, SIDE), (3, SIDE), (SIDE, 4)])
def test_one_window_is_the_model_to_the_bit(size: tuple[int, int]) -> None:
    model, x = Analytic(tangled()), picture(*size)
    rows, level = {"a": model.text("a red ball"), "b": model.text("")}, model.levels(5)[1]
    one, other = (each.predict(torch.cat([x, x]), level, rows) for each in (model, seen(model)))
    assert torch.equal(one.x0, other.x0) and torch.equal(one.eps, other.eps)


@quick
@given(h=st.integers(2, 20), w=st.integers(2, 20), n=st.integers(1, 3), batch=st.integers(1, 20))
def test_answers_that_do_not_depend_on_the_place_are_the_models(h: int, w: int, n: int, batch: int) -> None:
    """With a text that says nothing every cell is answered alone, so that windows must not be seen."""
    model = Analytic(gaussians(), batch=batch)
    x = torch.cat([picture(h, w, seed) for seed in range(2 * n)])
    rows, levels = {"a": model.text(""), "b": model.text("")}, model.levels(8)
    for at in (levels[2], levels[1 : 1 + n]):
        one, other = (each.predict(x, at, rows) for each in (model, seen(model)))
        torch.testing.assert_close(one.x0, other.x0, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one.eps, other.eps, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", samplers.names())
def test_averaging_answers_is_averaging_the_steps_of_all_windows(name: str) -> None:
    """The paper's fusion, with one solver state a window, written out."""
    model, sampler = Analytic(tangled()), samplers.get(name)
    view, text = seen(model), {"a": model.text("a red ball on grass")}
    levels = model.levels(5, sampler.spacing)
    weight = _hill(SIDE, SIDE).float()
    x = y = picture(9, 14)
    memory, memories = None, dict.fromkeys(view.corners(9, 14))
    for k, (here, there) in enumerate(pairwise(levels)):
        noise = gaussian(x, 0, "step", k) if sampler.stochastic else None
        x, memory = sampler.step(view.predict(x, here, text), here, there, memory, noise)
        total, weights = torch.zeros_like(y), torch.zeros_like(y)
        for top, left in memories:
            place = (..., slice(top, top + SIDE), slice(left, left + SIDE))
            own = None if noise is None else noise[place]
            step, memories[top, left] = sampler.step(
                model.predict(y[place], here, text), here, there, memories[top, left], own
            )
            total[place] += weight * step
            weights[place] += weight
        y = total / weights
        if sampler.order == 1:
            torch.testing.assert_close(x, y, atol=1e-4, rtol=1e-4)
    if sampler.order == 2:  # a window's own memory is of its own answers: the same to second order
        assert float((x - y).abs().max()) < 0.1 * float(y.abs().max())


def test_windows_are_asked_together_up_to_the_models_batch() -> None:
    model = Counted(tangled(), batch=8)
    rows = {"a": model.text("a ball"), "b": model.text("")}
    x = torch.cat([picture(12, 12)] * 2)
    seen(model).predict(x, model.levels(5)[1], rows)
    assert model.samples == 2 * 9 and all(samples <= 8 for _, samples in model.forwards)


def test_a_control_of_attention_is_refused() -> None:
    control = Control(lambda site: True, lambda call: call())
    with pytest.raises(InkoverError, match="cannot be steered through windows"):
        model: Any = Analytic(tangled())
        seen(model).predict(picture(12, 12), model.levels(5)[1], {"a": model.text("")}, control)


def test_a_models_window_is_what_it_was_trained_on() -> None:
    model = Analytic()
    assert windowed(model, 2).side == 16 and windowed(model, 2).fingerprint != model.fingerprint
