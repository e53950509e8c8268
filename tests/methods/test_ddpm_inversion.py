"""The photo's own noise maps: with its own words they lead back to it, at any number of steps."""

from __future__ import annotations

import pytest
import torch

from analytic import Analytic, picture, tangled, task
from inkover.methods import ddpm_inversion
from inkover.methods.ddpm_inversion import Settings
from inkover.models.contract import Model
from tiny import tiny_model

WORDS = "a red ball on grass"


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def network(request: pytest.FixtureRequest) -> Model:
    return tiny_model(request.param)


@pytest.mark.parametrize("inversion", ["ddpm", "sde-dpmpp"])
@pytest.mark.parametrize("steps", [5, 10, 20])
@pytest.mark.parametrize("strength", [1.0, 0.64, 0.2])
def test_its_own_words_at_its_own_scale_give_the_photo(
    inversion: str, steps: int, strength: float, network: Model
) -> None:
    pixels = torch.rand(1, 3, 48, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    job = task(network, network.encode(pixels), WORDS, WORDS)
    knobs = Settings(steps=steps, strength=strength, guidance=3.5, source_guidance=3.5, inversion=inversion)
    torch.testing.assert_close(ddpm_inversion.edit(job, knobs), job.photo, rtol=0, atol=1e-4)


def test_other_words_change_it_and_more_strength_changes_more() -> None:
    photo = picture(12, 10)
    apart = [
        float(
            (ddpm_inversion.edit(task(Analytic(tangled()), photo), Settings(steps=20, strength=s)) - photo).abs().mean()
        )
        for s in (0.0, 0.2, 0.6, 1.0)
    ]
    assert apart[0] == 0 and apart == sorted(apart) and len(set(apart)) == 4
