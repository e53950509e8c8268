"""Noise tables and readings, against diffusers' own schedulers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.diffusion.level import Level
from inkover.errors import InkoverError
from inkover.models.scheduler import PURE_NOISE, scheduler


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["scaled_linear", "linear", "squaredcos_cap_v2"]),
    st.floats(1e-5, 1e-3),
    st.floats(5e-3, 3e-2),
    st.integers(50, 1000),
)
def test_table_equals_diffusers(shape: str, start: float, end: float, count: int) -> None:
    theirs = DDIMScheduler(beta_schedule=shape, beta_start=start, beta_end=end, num_train_timesteps=count)
    ours = scheduler("m", theirs.config)
    np.testing.assert_allclose(ours.table, theirs.alphas_cumprod.numpy(), rtol=2e-4)


def test_golden_values() -> None:
    """methods of the family agree on these: Stable Diffusion's cumulative alphas."""
    table = scheduler("m", {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}).table
    found = [round(float(table[t]), 6) for t in (0, 1, 501, 981, 999)]
    assert found == [0.999150, 0.998296, 0.274999, 0.005776, 0.004660]


def test_trained_betas_and_pure_noise() -> None:
    betas = np.linspace(1e-4, 2e-2, 100)
    np.testing.assert_allclose(scheduler("m", {"trained_betas": betas.tolist()}).table, np.cumprod(1 - betas))
    theirs = EulerDiscreteScheduler(beta_schedule="scaled_linear", rescale_betas_zero_snr=True)
    ours = scheduler("m", theirs.config)
    np.testing.assert_allclose(ours.table, theirs.alphas_cumprod.numpy(), rtol=1e-3, atol=1e-6)
    assert ours.table[-1] == PURE_NOISE


@pytest.mark.parametrize(
    ("kind", "reading"), [("epsilon", Level.from_eps), ("v_prediction", Level.from_v), ("sample", Level.from_x0)]
)
def test_reading(kind: str, reading: Any) -> None:
    assert scheduler("m", {"beta_schedule": "linear", "prediction_type": kind, "steps_offset": 1}).read is reading


def test_what_is_not_of_this_kind_is_refused() -> None:
    with pytest.raises(InkoverError, match="prediction_type is 'flow_prediction', expected one of epsilon"):
        scheduler("m", {"beta_schedule": "linear", "prediction_type": "flow_prediction"})
    with pytest.raises(InkoverError, match="beta_schedule is None, expected one of scaled_linear"):
        scheduler("m", {"_class_name": "FlowMatchEulerDiscreteScheduler"})
