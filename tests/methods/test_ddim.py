from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analytic import Analytic, Counted, box_mask, deaf, gaussians, meant, picture, quick, read, tangled, task
from inkover.diffusion.schedule import KINDS
from inkover.errors import InkoverError
from inkover.methods import diffedit
from inkover.methods.ddim import METHOD, Settings, edit

SAME = "a red ball on grass"


@quick
@given(
    steps=st.integers(1, 40),
    strength=st.floats(0, 1),
    sampler=st.sampled_from(["ddim", "euler"]),
    spacing=st.sampled_from(["own", *KINDS]),
)
def test_a_network_that_does_not_hear_the_latent_gives_the_photo_back(
    steps: int, strength: float, sampler: str, spacing: str
) -> None:
    photo = picture(6, 7, dtype=torch.float64)
    found = edit(task(Analytic(deaf), photo, target=SAME), Settings(steps, strength, 1, sampler, spacing=spacing))
    torch.testing.assert_close(found, photo, atol=1e-10, rtol=0)


@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_rounds_bring_the_same_words_back_to_the_photo(sampler: str) -> None:
    photo = picture(dtype=torch.float64)
    job = task(Analytic(tangled()), photo, target=SAME)
    errors = [float((edit(job, Settings(20, 1.0, 1, sampler, rounds=r)) - photo).abs().max()) for r in (1, 2, 4, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-3 and errors[-1] < 1e-5


def test_the_way_there_and_back_moves_the_photo_to_the_targets_world() -> None:
    photo = picture(dtype=torch.float64)
    found = edit(task(Analytic(gaussians()), photo, source=SAME), Settings(200, 1.0, 1))
    red, blue = (meant(read(prompt), photo) for prompt in (SAME, "a blue ball on grass"))
    torch.testing.assert_close(found, photo - red + blue, atol=0.12, rtol=0)  # the flow of Gaussians is a shift
    assert float((found - (photo - red + blue)).abs().mean()) < 0.03


@quick
@given(steps=st.integers(2, 12), strength=st.floats(0, 1), guidance=st.sampled_from([1, 5.0]))
def test_inside_a_mask_it_is_diffedit(steps: int, strength: float, guidance: float) -> None:
    photo = picture()
    job = task(Analytic(tangled()), photo, mask=box_mask(photo))
    for said in ("source", "empty"):
        knobs: dict[str, Any] = {"steps": steps, "strength": strength, "guidance": guidance, "inversion_prompt": said}
        other = diffedit.edit(job, diffedit.Settings(**knobs, mask_strength=1.0, rescale=0.0))
        assert torch.equal(edit(job, Settings(**knobs)), other)


def test_tracing_without_words_is_refused_when_there_are_none() -> None:
    model = Counted(tangled())
    with pytest.raises(InkoverError, match="inversion_prompt empty has no effect without a source text"):
        edit(task(model, source=""), Settings(5, inversion_prompt="empty"))
    assert model.forwards == []


def test_the_cost_at_the_defaults() -> None:
    assert METHOD.cost(Settings()) == {"mask": 0, "inversion": 40, "edit": 80}
    assert METHOD.cost(Settings(50, 1.0)) == {"mask": 0, "inversion": 50, "edit": 100}
    assert METHOD.cost(Settings(50, 1.0, 1, rounds=3)) == {"mask": 0, "inversion": 150, "edit": 50}
