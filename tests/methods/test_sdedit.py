from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Analytic, box_mask, gaussians, meant, oracle, picture, quick, read, tangled, task
from inkover.diffusion import samplers
from inkover.diffusion.guide import guided
from inkover.diffusion.level import Level, Prediction
from inkover.methods.sdedit import METHOD, Settings, edit


@dataclass(frozen=True)
class Seen(Analytic):
    """A model that keeps every latent it is asked about."""

    latents: list[tuple[Level, Tensor]] = field(default_factory=list)

    def predict(self, x: Tensor, level: Level, rows: object) -> Prediction:  # type: ignore[override]
        self.latents.append((level, x))
        return super().predict(x, level, rows)  # type: ignore[arg-type]


@quick
@given(
    steps=st.integers(1, 60),
    strength=st.floats(0, 1),
    seed=st.integers(0, 99),
    sampler=st.sampled_from([name for name in samplers.names() if name != "ddim"]),
)
def test_a_network_that_knows_the_photo_returns_it_from_any_strength(
    steps: int, strength: float, seed: int, sampler: str
) -> None:
    photo = picture(6, 7, dtype=torch.float64)
    job = task(Analytic(oracle(photo)), photo, seed=seed)
    found = edit(job, Settings(steps, strength, sampler=sampler))
    torch.testing.assert_close(found, photo, atol=1e-10, rtol=0)


def test_at_the_first_level_the_end_keeps_that_levels_noise() -> None:
    photo = picture(dtype=torch.float64)
    job, end = task(Analytic(oracle(photo)), photo), Analytic().levels(20)[-1]
    torch.testing.assert_close(edit(job, Settings(20)), end.noised(photo, job.noise("sdedit")))


def test_the_mask_is_blended_with_one_noise_at_every_level() -> None:
    photo = picture(dtype=torch.float64)
    model, mask = Seen(tangled()), box_mask(photo)
    job = task(model, photo, mask=mask)
    edit(job, Settings(10, 0.7, guidance=1))
    kept = (mask == 0).expand_as(photo)
    assert len(model.latents) == 7
    for level, x in model.latents:
        assert torch.equal(x[kept], level.noised(photo, job.noise("sdedit"))[kept])


def test_the_seed_and_the_strength_decide_what_is_left_of_the_photo() -> None:
    photo, model = picture(), Analytic(tangled())
    one, other = (edit(task(model, photo, seed=seed), Settings(8)) for seed in (0, 1))
    assert not torch.equal(one, other)
    apart = [
        float((edit(task(Analytic(gaussians()), photo), Settings(50, s, guidance=1)) - photo).abs().mean())
        for s in (0.1, 0.3, 0.6, 1.0)
    ]
    assert apart == sorted(apart)


def test_from_far_enough_the_result_is_of_the_targets_world() -> None:
    photo = picture(64, 64, dtype=torch.float64)
    found = edit(task(Analytic(gaussians(0.2)), photo), Settings(200, 1.0, guidance=1))
    off = found - meant(read("a blue ball on grass"), found)
    assert abs(float(off.mean())) < 0.02
    assert float(off.std()) == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("name", samplers.names())
def test_the_walk_is_the_samplers_with_a_noise_for_each_step(name: str) -> None:
    sampler, photo, model = samplers.get(name), picture(dtype=torch.float64), Analytic(tangled())
    job = task(model, photo)
    levels = model.levels(10, sampler.spacing)[3:]
    denoise = guided(model, read(job.target), read(""), 3)
    x, memory = levels[0].noised(photo, job.noise("sdedit")), None
    for k, (here, there) in enumerate(pairwise(levels)):
        noise = job.noise("step", k) if sampler.stochastic else None
        x, memory = sampler.step(denoise(x, here), here, there, memory, noise)
    assert torch.equal(edit(job, Settings(10, 0.7, 3, name)), x)


def test_samplers_that_differ_lead_elsewhere() -> None:
    job, karras = task(Analytic(tangled())), {"spacing": "karras"}
    found = [edit(job, Settings(10, sampler=name, **karras)) for name in samplers.names()]
    different = {tuple(one.flatten().tolist()) for one in found}
    # on one grid, and to one end, the two without noise of first order are one, and so are the two with
    assert len(found) == 6 and len(different) == 4


def test_the_second_order_is_nearer_to_where_many_steps_lead() -> None:
    job = task(Analytic(gaussians()), picture(dtype=torch.float64))
    true = edit(job, Settings(400, 1.0, 1, "dpmpp-2m"))
    apart = [
        float((edit(job, Settings(20, 1.0, 1, name, spacing="karras")) - true).abs().mean())
        for name in ("dpmpp-2m", "euler")
    ]
    assert apart[0] < 0.5 * apart[1]


def test_the_cost_at_the_defaults() -> None:
    assert METHOD.cost(Settings()) == {"mask": 0, "inversion": 0, "edit": 80}
    assert METHOD.cost(Settings(100, 0.29, 1)) == {"mask": 0, "inversion": 0, "edit": 29}
    assert METHOD.cost(Settings(50, guidance_from=0.1, guidance_to=0.6))["edit"] == 60
