"""Grids of flows, against diffusers' own scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError
from inkover.models.flow_scheduler import flow_scheduler

EVEN, WHOLE = Spacing("trailing", "one"), Spacing("linspace", "one")
steps = st.integers(1, 100)
quick = settings(max_examples=25, deadline=None)


def same(ours: Any, theirs: FlowMatchEulerDiscreteScheduler) -> None:
    np.testing.assert_allclose([level.sigma for level in ours], theirs.sigmas.numpy(), rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose([level.time for level in ours[:-1]], theirs.timesteps.numpy(), rtol=2e-5, atol=1e-4)


@quick
@given(steps=steps, shift=st.sampled_from([1.0, 3.0, 6.0]))
def test_the_grid_of_stable_diffusion_3(steps: int, shift: float) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(steps)
    same(flow_scheduler("m", theirs.config).levels(steps, WHOLE, 4096), theirs)


@quick
@given(steps=steps, tokens=st.integers(16, 8192), kind=st.sampled_from(["exponential", "linear"]))
def test_the_grid_of_flux_grows_with_the_picture(steps: int, tokens: int, kind: Any) -> None:
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, time_shift_type=kind)
    ours = flow_scheduler("m", theirs.config)
    theirs.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps).tolist(), mu=calculate_shift(tokens))
    same(ours.levels(steps, EVEN, tokens), theirs)
    theirs.set_timesteps(steps, mu=calculate_shift(tokens))
    same(ours.levels(steps, WHOLE, tokens), theirs)


def test_golden_values() -> None:
    flux = flow_scheduler("m", {"use_dynamic_shifting": True, "shift": 3.0})
    assert [round(flux.shift(tokens), 4) for tokens in (256, 4096)] == [1.6487, 3.1582]
    three = flow_scheduler("m", {"shift": 3.0}).levels(50, WHOLE, 4096)
    assert [round(level.time, 2) for level in (three[0], three[17], three[-2])] == [1000.0, 850.14, 8.93]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"_class_name": "DDIMScheduler", "beta_start": 0.1},
            "its scheduler is DDIMScheduler, expected .* flow matching",
        ),
        ({}, "its scheduler is one without a shift, expected .* flow matching"),
        ({"shift": 1.0, "invert_sigmas": True}, "its scheduler's invert_sigmas is True, expected none"),
        ({"shift": 1.0, "shift_terminal": 0.1}, "its scheduler's shift_terminal is 0.1, expected none"),
        ({"use_dynamic_shifting": True, "time_shift_type": "odd"}, "time_shift_type is 'odd', expected exponential or"),
    ],
)
def test_what_is_not_of_this_kind_is_refused(config: dict[str, Any], said: str) -> None:
    with pytest.raises(InkoverError, match=said):
        flow_scheduler("m", config)
