from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import (
    Analytic,
    Counted,
    Ledger,
    Straight,
    box_mask,
    gaussians,
    meant,
    picture,
    quick,
    read,
    tangled,
    task,
)
from inkover.diffusion import samplers, straight
from inkover.diffusion.level import Level, Levels, Prediction
from inkover.diffusion.schedule import KINDS, Spacing
from inkover.errors import InkoverError
from inkover.methods import parts
from inkover.methods.contract import Task
from inkover.methods.flowedit import METHOD, Settings, edit
from inkover.models.contract import Text
from tiny import tiny_backbone

SAME = "a red ball on grass"
OTHER = "a blue ball on grass"


@dataclass(frozen=True)
class Asked(Analytic):
    """A model that keeps every question: level, latents, rows."""

    questions: list[tuple[Level, Tensor, dict[str, Text]]] = field(default_factory=list)

    def predict(self, x: Tensor, level: Level, rows: Mapping[str, Text]) -> Prediction:  # type: ignore[override]
        self.questions.append((level, x, dict(rows)))
        return super().predict(x, level, rows)


@dataclass(frozen=True)
class Stretched(Analytic):
    """The same world and the same network, seen along the straight path."""

    def levels(self, steps: int, spacing: Spacing = Spacing()) -> Levels:  # noqa: B008 - frozen
        curved = super().levels(steps, spacing)
        return tuple(Level(one.time, 1 - straight.share(one), straight.share(one)) for one in curved)

    def predict(self, x: Tensor, level: Level, rows: Mapping[str, Text]) -> Prediction:  # type: ignore[override]
        length = (level.alpha**2 + level.sigma**2) ** 0.5
        curved = Level(level.time, level.alpha / length, level.sigma / length)
        return super().predict(x / length, curved, rows)


@quick
@given(
    steps=st.integers(1, 20),
    strength=st.floats(0, 1),
    guidance=st.sampled_from([1.0, 2.0, 13.5]),
    noises=st.integers(1, 3),
    sampler=st.sampled_from(["ddim", "euler"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_the_same_words_followed_alike_give_the_photo_back_to_the_bit(
    steps: int, strength: float, guidance: float, noises: int, sampler: str, dtype: torch.dtype
) -> None:
    photo = picture(6, 7, dtype=dtype)
    alike = {} if guidance == 1 or steps * strength < 1 else {"source_guidance": guidance}
    found = edit(
        task(Analytic(tangled()), photo, SAME, SAME), Settings(steps, strength, guidance, noises=noises, **alike)
    )
    assert torch.equal(found, photo)


def test_the_same_words_followed_more_strongly_do_not() -> None:
    photo = picture()
    assert not torch.equal(edit(task(Analytic(tangled()), photo, SAME, SAME), Settings(8)), photo)
    alike = Settings(8, guidance=3.5, negative="mug")
    assert not torch.equal(edit(task(Analytic(tangled()), photo, SAME, SAME), alike), photo)


@pytest.mark.parametrize("model", [Analytic(gaussians()), Straight(gaussians())])
@pytest.mark.parametrize("sampler", ["ddim", "euler"])
def test_a_world_of_gaussians_is_moved_by_the_difference_of_its_means(model: Analytic, sampler: str) -> None:
    photo = picture(dtype=torch.float64)
    found = edit(task(model, photo, SAME, OTHER), Settings(500, 1.0, 1, sampler=sampler))
    red, blue = (meant(read(prompt), photo) for prompt in (SAME, OTHER))
    torch.testing.assert_close(found, photo - red + blue, atol=0.03, rtol=0)
    outside = (box_mask(photo) == 0).expand_as(photo)  # where both texts say the same
    torch.testing.assert_close(found[outside], photo[outside], atol=1e-10, rtol=0)


def test_where_the_velocity_is_linear_the_noise_has_no_part() -> None:
    photo, model = picture(dtype=torch.float64), Straight(gaussians())
    knobs = Settings(10, 1.0, 5.0, spacing="trailing")
    one = edit(task(model, photo, seed=0), knobs)
    for other in (edit(task(model, photo, seed=1), knobs), edit(task(model, photo), replace(knobs, noises=5))):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)
    assert float((one - photo).abs().mean()) > 0.1


def test_averaging_over_noises_brings_seeds_together() -> None:
    model = Analytic(tangled())

    def apart(noises: int) -> float:
        one, other = (edit(task(model, seed=seed), Settings(10, noises=noises)) for seed in (0, 1))
        return float((one - other).abs().mean())

    few, many = apart(1), apart(16)
    assert many < 0.5 * few


@quick
@given(
    steps=st.integers(2, 12),
    strength=st.floats(0.2, 1),
    guidance=st.sampled_from([1.0, 5.0]),
    finish=st.sampled_from([0.0, 0.5]),
)
def test_a_curved_path_is_walked_as_the_straight_one_it_stands_for(
    steps: int, strength: float, guidance: float, finish: float
) -> None:
    photo, knobs = picture(6, 7, dtype=torch.float64), Settings(steps, strength, guidance)
    if int(steps * strength + 1e-9) > 1:
        knobs = replace(knobs, finish=finish)
    curved, same = (edit(task(kind(tangled()), photo), knobs) for kind in (Analytic, Stretched))
    torch.testing.assert_close(curved, same, atol=1e-9, rtol=0)


def test_both_texts_are_seen_under_one_noise_that_is_fresh_at_each_step() -> None:
    photo, model = picture(dtype=torch.float64), Asked(tangled())
    job = task(model, photo, SAME, OTHER)
    edit(job, Settings(10, 0.5, negative="mug"))
    target, source = model.questions[::2], model.questions[1::2]
    assert len(target) == len(source) == 5
    noises = []
    for (level, x, rows), (same, y, others) in zip(target, source, strict=True):
        assert level == same and list(rows) == ["target/null", "target"] and list(others) == ["source/null", "source"]
        assert torch.equal(rows["target/null"].hidden, read("mug").hidden)
        assert torch.equal(others["source/null"].hidden, read("").hidden)
        noises.append((y[:1] - level.alpha * photo) / level.sigma)
        assert torch.equal(x, y) == (not noises[1:])  # the first step starts at the photo
    for one, other in pairwise(noises):
        assert abs(float((one * other).mean())) < 0.2


def test_all_steps_of_the_finish_are_sdedit_from_that_level() -> None:
    photo, model = picture(dtype=torch.float64), Analytic(tangled())
    job, sampler = task(model, photo, mask=box_mask(photo)), samplers.get("euler")
    found = edit(job, Settings(10, 0.6, 1, sampler="euler", finish=1))
    levels = model.levels(10, sampler.spacing)[4:]
    noise = job.noise("flowedit")
    x = levels[0].noised(photo, noise)
    for here, there in pairwise(levels):
        x, _ = sampler.step(model.predict(x, here, {"target": read(OTHER)}), here, there)
        x = job.mask * x + (1 - job.mask) * (there.noised(photo, noise) if there.sigma else photo)
    assert torch.equal(found, x)


def test_the_finish_begins_where_the_walk_has_come_to() -> None:
    photo, model = picture(dtype=torch.float64), Asked(tangled())
    job = task(model, photo, SAME, OTHER)
    edit(job, Settings(10, 0.6, 1, finish=0.5))
    assert [list(rows) for _, _, rows in model.questions] == [["target"], ["source"]] * 3 + [["target"]] * 3
    moved = Asked(tangled())
    walk = replace(job, model=moved)
    edit(walk, Settings(10, 0.6, 1))
    level, x, _ = model.questions[6]
    level_moved, after, _ = moved.questions[6]
    before = moved.questions[7][1]
    assert level == level_moved
    noise = job.noise("flowedit", 3)
    torch.testing.assert_close(x, level.noised(photo, noise) + (after - before), atol=1e-12, rtol=0)


def test_the_walk_is_the_official_one_on_stable_diffusion_3() -> None:
    """FlowEditSD3 of fallenshock/FlowEdit at n_min 0, with our noises."""
    model: Any = tiny_backbone("sd3")
    pixels = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    job = task(model, model.encode(pixels), SAME, OTHER)
    texts = [model.text(prompt) for prompt in (SAME, OTHER, "")]
    sigmas = [level.sigma for level in model.levels(9, Spacing("linspace", "one"))]
    moved = job.photo.clone()
    for k, (here, there) in enumerate(pairwise(sigmas[3:])):
        noise = job.noise("flowedit", k)
        source = (1 - here) * job.photo + here * noise
        target = moved + source - job.photo
        four = torch.cat([source, source, target, target])
        rows = {"a": texts[2], "b": texts[0], "c": texts[2], "d": texts[1]}
        said = model.predict(four, Level(1000 * here, 1 - here, here), rows)
        a, b, c, d = (said.eps - said.x0).chunk(4)
        moved = moved + (there - here) * ((c + 13.5 * (d - c)) - (a + 3.5 * (b - a)))
    found = edit(job, Settings(9, 6 / 9, sampler="euler"))
    assert float((moved - job.photo).abs().max()) > 1e-3
    torch.testing.assert_close(found, moved, atol=2e-5, rtol=1e-4)


def steady(x: Tensor, level: Level, text: Text) -> Prediction:
    """Answer with a velocity that depends on the words alone."""
    return level.from_velocity(x, meant(text, x).expand_as(x))


@quick
@given(
    steps=st.integers(1, 20),
    strength=st.floats(0, 1),
    sampler=st.sampled_from(["ddim", "euler"]),
    spacing=st.sampled_from(["own", *KINDS]),
)
def test_the_walk_ends_clean_on_every_grid(steps: int, strength: float, sampler: str, spacing: str) -> None:
    photo, model = picture(6, 7, dtype=torch.float64), Analytic(steady)
    knobs = Settings(steps, strength, 1, sampler=sampler, spacing=spacing)
    walked = parts.tail(parts.laid(model, knobs), strength)
    reach = straight.share(walked[0]) if len(walked) > 1 else 0.0
    apart = meant(read(OTHER), photo) - meant(read(SAME), photo)
    found = edit(task(model, photo, SAME, OTHER), knobs)
    torch.testing.assert_close(found, photo - reach * apart, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    "given_, message",
    [
        ({"guidance": 1, "source_guidance": 2}, "source_guidance has no effect at guidance 1"),
        (
            {"finish": 1, "source_guidance": 2},
            "source_guidance has no effect where no step before the finish is guided",
        ),
        ({"finish": 0.5, "guidance_from": 0.6, "source_guidance": 2}, "where no step before the finish is guided"),
        ({"finish": 1, "noises": 2}, "noises has no effect where all steps are the finish"),
        ({"steps": 10, "strength": 0.5, "finish": 0.1}, "finish 0.1 of 5 walked steps is no step: give 0.2 or more"),
        ({"source_guidance": 0.5}, "source_guidance 0.5 is out of range"),
        ({"sampler": "dpmpp-2m"}, "no sampler 'dpmpp-2m': .*known: ddim, euler"),
    ],
)
def test_what_would_change_nothing_is_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InkoverError, match=message):
        Settings(**given_)


def test_following_no_words_more_strongly_is_refused() -> None:
    model = Counted(tangled())
    with pytest.raises(InkoverError, match="source_guidance has no effect without a source text"):
        edit(task(model, source=""), Settings(5, source_guidance=2))
    assert model.forwards == []
    edit(task(model, source=""), Settings(5))


def test_the_cost_at_the_papers_settings() -> None:
    assert METHOD.cost(Settings())["edit"] == 132  # Stable Diffusion 3
    assert METHOD.cost(Settings(28, 24 / 28, 1))["edit"] == 48  # Flux, whose guidance is inside
    style = Settings(50, 31 / 50, finish=15 / 31)
    assert METHOD.cost(style)["edit"] == 16 * 4 + 15 * 2


@quick
@given(
    steps=st.integers(2, 12),
    strength=st.floats(0.4, 1),
    guidance=st.sampled_from([1.0, 5.0]),
    source_guidance=st.sampled_from([1.0, 2.0, 3.5]),
    noises=st.integers(1, 3),
    finish=st.floats(0, 1),
    start=st.floats(0, 0.6),
)
def test_the_cost_is_what_is_counted(
    steps: int, strength: float, guidance: float, source_guidance: float, noises: int, finish: float, start: float
) -> None:
    try:
        knobs = Settings(
            steps,
            strength,
            guidance,
            source_guidance,
            noises=noises,
            finish=finish,
            guidance_from=start if guidance > 1 else 0.0,
        )
    except InkoverError:
        return
    model = Counted(tangled())
    watch = Ledger(model)
    job: Task = task(model, picture(4, 4), watch=watch)
    edit(job, knobs)
    assert watch.samples["edit"] == METHOD.cost(knobs)["edit"] and watch.taken == watch.announced
