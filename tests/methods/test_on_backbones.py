"""Every method on small networks of the real classes, eps, v and flows, with photos that are not square."""

from __future__ import annotations

import pytest
import torch

from analytic import task
from inkover import methods
from inkover.errors import InkoverError
from inkover.methods import diffedit, flowedit
from inkover.methods.settings import build, knobs
from inkover.models.contract import Model
from tiny import BACKBONES, FLOWS, tiny_backbone


@pytest.fixture(scope="module", params=["epsilon", "v_prediction", "xl"])
def backbone(request: pytest.FixtureRequest) -> Model:
    return tiny_backbone(request.param)


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


# flows: those that steer no attention run on them as they are

UNSTEERED = [(name, sampler) for name, sampler in ALLOWED if name in ("diffedit", "sdedit", "ddim", "flowedit")]


@pytest.fixture(scope="module", params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Model:
    return tiny_backbone(request.param)


def pixels(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("name, sampler", UNSTEERED)
@pytest.mark.parametrize("spacing, strength", [("own", 0.75), ("leading", 1), ("trailing", 1), ("linspace", 0.5)])
def test_a_method_runs_on_a_flow(flow: Model, name: str, sampler: str, spacing: str, strength: float) -> None:
    method = methods.get(name)
    settings = build(method, {"steps": 4, "sampler": sampler, "spacing": spacing, "strength": strength})
    job = task(flow, flow.encode(pixels(32, 48)))
    mask = torch.zeros_like(job.photo[:, :1])
    mask[..., 2:6, 3:10] = 1
    masked = task(flow, job.photo, mask=mask)
    if spacing == "own" and sampler.startswith("dpmpp"):
        with pytest.raises(InkoverError, match="karras .* give spacing leading, trailing or linspace"):
            method.edit(masked, settings)
        return
    once, again = method.edit(masked, settings), method.edit(masked, settings)
    kept = (mask == 0).expand_as(once)
    assert torch.equal(once, again) and once.isfinite().all() and once.dtype == torch.float32
    assert torch.equal(once[kept], job.photo[kept]) and not torch.equal(once[~kept], job.photo[~kept])


@pytest.mark.parametrize("kind", BACKBONES)
@pytest.mark.parametrize("size", [(32, 32), (32, 48), (48, 32)])
@pytest.mark.parametrize("guidance", [1, 4.0])
def test_the_same_words_followed_alike_give_the_photo_back_to_the_bit(
    kind: str, size: tuple[int, int], guidance: float
) -> None:
    model = NETWORKS[kind]
    alike = {} if guidance == 1 else {"source_guidance": guidance}
    job = task(model, model.encode(pixels(*size)), "a red ball", "a red ball")
    settings = flowedit.Settings(4, 1.0, guidance, spacing="trailing", noises=2, **alike)
    assert torch.equal(flowedit.edit(job, settings), job.photo)
    other = task(model, job.photo, "a red ball", "a blue cube")
    found = flowedit.edit(other, settings)
    assert found.isfinite().all() and not torch.equal(found, job.photo)


NETWORKS = {kind: tiny_backbone(kind) for kind in BACKBONES}
