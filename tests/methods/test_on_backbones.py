"""Every method on small networks of the real classes, eps and v, with photos that are not square."""

from __future__ import annotations

import pytest
import torch

from analytic import task
from inkover import methods
from inkover.methods import diffedit
from inkover.methods.settings import build, knobs
from inkover.models.contract import Model
from tiny import tiny_model


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def backbone(request: pytest.FixtureRequest) -> Model:
    return tiny_model(request.param)


ALLOWED = [
    (name, sampler)
    for name in methods.names()
    for knob in knobs(methods.get(name).settings)
    if knob.name == "sampler"
    for sampler in knob.choices
]


@pytest.mark.parametrize("name, sampler", ALLOWED)
def test_a_method_runs_on_a_real_network(backbone: Model, name: str, sampler: str) -> None:
    method = methods.get(name)
    # a random network's map is nearly flat: a mask from just below its mean
    lower = {"threshold": 0.3} if method.find_mask is not None else {}
    settings = build(method, {"steps": 4, "sampler": sampler} | lower)
    pixels = torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(0)) * 2 - 1
    job = task(backbone, backbone.encode(pixels))
    mask = torch.zeros_like(job.photo[:, :1])
    mask[..., 3:9, 5:15] = 1
    if method.find_mask is not None:
        found = method.find_mask(job, settings)
        assert found.shape == mask.shape and set(found.unique().tolist()) <= {0.0, 1.0} and found.any()
    masked = task(backbone, job.photo, mask=mask)
    once, again = method.edit(masked, settings), method.edit(masked, settings)
    kept = (mask == 0).expand_as(once)
    assert torch.equal(once, again) and once.isfinite().all() and once.dtype == torch.float32
    assert torch.equal(once[kept], job.photo[kept]) and not torch.equal(once[~kept], job.photo[~kept])


def test_the_same_words_select_nothing_on_a_real_network(backbone: Model) -> None:
    pixels = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    job = task(backbone, backbone.encode(pixels), "a red ball", "a red ball")
    assert not diffedit.find_mask(job, diffedit.Settings(threshold=0.01)).any()
