"""LEDITS++: what it promises of reconstruction, masks, cost and order, on a small real network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Ledger, quick, task
from counted import Counted
from inkover import methods
from inkover.diffusion.guide import guided
from inkover.diffusion.level import Prediction
from inkover.errors import InkoverError
from inkover.inversions import noise_maps, sde_dpmpp
from inkover.inversions.contract import Subject
from inkover.inversions.track import NoiseTrack, from_tensors, to_tensors
from inkover.masks.implicit import smoothed, top
from inkover.methods import leditspp
from inkover.methods.contract import Concept, Task
from inkover.methods.leditspp import ORDERS, Settings
from inkover.methods.settings import build, knobs
from inkover.models.contract import Model
from tiny import tiny_model

EXACT = 1e-4
BALL, MUG, SAND = Concept("a blue ball"), Concept("a mug", away=True), Concept("sand", knobs={"threshold": 0.2})
TURNED: dict[str, dict[str, Any]] = {
    "steps": {"steps": 5},
    "strength": {"strength": 0.5},
    "guidance": {"guidance": 2.0},
    "sampler": {"sampler": "euler"},
    "negative": {"negative": "grass"},
    "source_guidance": {"source_guidance": 2.0},
    "threshold": {"threshold": 0.4},
    "warmup": {"warmup": 2},
    "cooldown": {"cooldown": 2},
    "inversion": {"inversion": "ddpm"},
    "masks": {"masks": "words"},
    "spacing": {"spacing": "trailing"},
}


@pytest.fixture(scope="module")
def network() -> Model:
    return tiny_model()


def job(model: Any, *concepts: Concept, source: str = "", **more: Any) -> Task:
    pixels = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return replace(task(model, model.encode(pixels), source, "a blue ball", **more), concepts=concepts)


def off(edited: Tensor, of: Task) -> float:
    return float((edited - of.photo).abs().max())


NOTHING = {
    "no guidance": (Concept("a ball", knobs={"guidance": 0}),),
    "warm-up past the end": (Concept("a ball", knobs={"warmup": 900, "cooldown": 999}),),
    "an empty mask": (Concept("a ball", mask=torch.zeros(1, 1, 8, 12)),),
}


@pytest.mark.parametrize("concepts", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("steps, strength", [(5, 1), (10, 0.8), (14, 0.5), (20, 1)])
def test_where_no_concept_acts_the_photo_comes_back(
    network: Model, concepts: tuple[Concept, ...], steps: int, strength: float
) -> None:
    model = Counted(network)
    asked = job(model, *concepts)
    assert off(leditspp.edit(asked, Settings(steps=steps, strength=strength)), asked) < EXACT
    assert model.samples == 2 * int(steps * strength)  # there and back: the network does run


@pytest.mark.parametrize("steps", [5, 20])
def test_steps_of_first_order_hold_the_photo_too(network: Model, steps: int) -> None:
    asked = job(network, *NOTHING["no guidance"])
    assert off(leditspp.edit(asked, Settings(steps=steps, inversion="ddpm")), asked) < EXACT
    first, second = (leditspp.edit(job(network, BALL), Settings(steps=6, inversion=one)) for one in ORDERS)
    assert not torch.equal(first, second)


@dataclass
class Disturbing:
    """Remembers a track, with one noise map of it turned round."""

    step: int | None
    found: Any = None

    def recall(self, inversion: Any, knobs: Any, subject: Any, part: str = "track") -> Any:
        if self.found is None or self.step is None:
            return self.found
        track = from_tensors(self.found)
        assert isinstance(track, NoiseTrack)
        noises = tuple(-noise if k == self.step else noise for k, noise in enumerate(track.noises))
        return to_tensors(replace(track, noises=noises))

    def keep(self, inversion: Any, knobs: Any, subject: Any, found: Any, part: str = "track") -> None:
        self.found = found


@pytest.mark.parametrize("step", range(6))
def test_every_noise_map_matters(network: Model, step: int) -> None:
    memory, settings = Disturbing(None), Settings(steps=6, strength=1)
    asked = replace(job(network, *NOTHING["no guidance"]), tracks=memory)
    assert off(leditspp.edit(asked, settings), asked) < EXACT
    memory.step = step
    assert off(leditspp.edit(asked, settings), asked) > 10 * EXACT


@pytest.mark.parametrize("words", [{"source": "a red ball on grass"}, {"source": "a red ball", "negative": "a mug"}])
def test_words_for_the_photo_do_not_break_it(network: Model, words: dict[str, str]) -> None:
    asked = job(network, *NOTHING["no guidance"], source=words["source"])
    given = Settings(steps=8, negative=words.get("negative", ""), source_guidance=2)
    assert off(leditspp.edit(asked, given), asked) < EXACT


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_of_concepts_does_not_matter(network: Model, order: tuple[int, ...]) -> None:
    concepts, settings = (BALL, MUG, SAND), Settings(steps=6)
    one = leditspp.edit(job(network, *concepts), settings)
    other = leditspp.edit(job(network, *(concepts[k] for k in order)), settings)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert not torch.equal(one, leditspp.edit(job(network, BALL, SAND), settings))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_more_concepts_than_a_forward_holds_are_asked_in_several(network: Any, most: int) -> None:
    one = leditspp.edit(job(network, BALL, MUG, SAND), Settings(steps=4))
    few = leditspp.edit(job(replace(network, batch=most), BALL, MUG, SAND), Settings(steps=4))
    torch.testing.assert_close(one, few, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("source, base", [("", 1), ("a red ball on grass", 2)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_step_takes_one_sample_a_concept_and_the_base(network: Model, source: str, base: int, count: int) -> None:
    model, settings = Counted(network), Settings(steps=7, strength=1)
    watch = Ledger(model)  # type: ignore[arg-type]
    leditspp.edit(job(model, *(BALL, MUG, SAND)[:count], source=source, watch=watch), settings)
    assert watch.samples == {"inversion": 7 * base, "edit": 7 * (base + count)} and watch.taken == watch.announced
    if count == 1 and source:
        assert leditspp.cost(settings) == {"mask": 0} | watch.samples


def test_a_concept_is_asked_about_only_between_warmup_and_cooldown(network: Model) -> None:
    model = Counted(network)
    early, late = replace(BALL, knobs={"cooldown": 2}), replace(MUG, knobs={"warmup": 3})
    leditspp.edit(job(model, early, late), Settings(steps=5, strength=1))
    rows = [("source", "0")] * 2 + [("source",)] + [("source", "1")] * 2
    assert model.forwards[-5:] == rows


def test_without_masks_a_concept_is_plain_guidance(network: Model) -> None:
    asked, settings = job(network, BALL), Settings(steps=6, strength=1, masks="none", guidance=4)
    subject = Subject(network, asked.photo, "", network.levels(6), asked.seed)
    track, own = sde_dpmpp.run(subject, sde_dpmpp.Settings(settings.source_guidance)), sde_dpmpp.Settings()
    denoiser = guided(network, network.text("a blue ball"), network.text(""), 4)
    expected = noise_maps.replayed(denoiser, track, sde_dpmpp.sampler(own))  # type: ignore[arg-type]
    torch.testing.assert_close(leditspp.edit(asked, settings), expected, atol=1e-3, rtol=1e-3)
    whole = leditspp.edit(asked, Settings(steps=6, strength=1, threshold=0, guidance=4))
    torch.testing.assert_close(whole, expected, atol=1e-3, rtol=1e-3)


def test_to_take_away_is_to_lead_the_other_way() -> None:
    away, towards = (Prediction(torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)) for _ in range(2))
    add, remove = (leditspp.pushed(Concept("a", gone), Settings(), away, towards) for gone in (False, True))
    assert torch.equal(add.eps, -remove.eps) and torch.equal(add.x0, -remove.x0)
    one, other = (leditspp.implicit(Concept("a"), Settings(masks="noise"), push.eps, None) for push in (add, remove))
    assert torch.equal(one, other)


@quick
@given(seed=st.integers(0, 99), part=st.floats(0, 0.999))
def test_outside_its_mask_a_concept_changes_no_bit(seed: int, part: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    before, push = (Prediction(*(torch.randn(1, 4, 6, 7, generator=generator) for _ in range(2))) for _ in range(2))
    mask = leditspp.implicit(Concept("a"), Settings(threshold=part), push.eps, torch.rand(1, 1, 6, 7))
    after = leditspp.added(before, push, mask)
    outside = (mask == 0).expand_as(push.eps)
    assert torch.equal(after.eps[outside], before.eps[outside]) and torch.equal(after.x0[outside], before.x0[outside])
    assert float(mask.mean()) <= 1 - part + 2 / 42


@quick
@given(seed=st.integers(0, 99), part=st.floats(0, 0.99), h=st.integers(1, 9), w=st.integers(1, 9))
def test_a_quantile_is_taken_inside_a_given_mask(seed: int, part: float, h: int, w: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    found = torch.rand(1, 1, h, w, generator=generator) * (torch.rand(1, 1, h, w, generator=generator) > 0.5)
    inside = (torch.rand(1, 1, h, w, generator=generator) > 0.7).float()
    mask = top(found, part, inside)
    assert not (mask * (1 - inside)).any() and bool(mask.any()) == bool(inside.any())
    if inside.any() and len(found[inside > 0].unique()) == int(inside.sum()):
        assert float(mask.sum()) <= (1 - part) * float(inside.sum()) + 1
    assert top(found, 0.0).all()
    assert torch.allclose(smoothed(torch.ones(1, 1, h, w)), torch.ones(1, 1, h, w), atol=1e-6)


def test_a_concept_stays_inside_its_own_mask_in_every_step(network: Model) -> None:
    """The prediction does; the picture around it may still answer to it later."""
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 2:5, 3:7] = 1
    push = torch.randn(1, 4, 8, 12)
    found = leditspp.implicit(replace(BALL, mask=mask), Settings(threshold=0.5), push, torch.rand(1, 1, 4, 6))
    assert found.any() and not (found * (1 - mask)).any()
    soft = leditspp.implicit(replace(BALL, mask=mask / 2), Settings(threshold=0.0), push, None)
    assert torch.equal(soft, mask / 2)
    asked, settings = job(network, replace(BALL, mask=mask)), Settings(steps=4)
    assert not torch.equal(leditspp.edit(asked, settings), leditspp.edit(job(network, BALL), settings))


def test_only_a_concepts_own_tokens_are_listened_to(network: Model) -> None:
    for prompt in ("a blue ball", "ball", "a shiny blue ball on grass"):
        text = network.text(prompt)
        own = leditspp._own_tokens(text)  # its beginning, end and padding are left out
        assert own == tuple(range(1, len(own) + 1)) and len(own) < 20 < len(text.tokens)


@pytest.mark.parametrize("knob", knobs(Settings), ids=lambda knob: knob.name)
def test_every_knob_changes_the_result(network: Model, knob: Any) -> None:
    asked = job(network, source="a red ball on grass")
    given = {"steps": 4, "strength": 1} | ({"negative": ""} if knob.name == "negative" else {})
    method = methods.get("ledits++")
    one, other = (method.edit(asked, build(method, given | more)) for more in ({}, TURNED[knob.name]))
    assert not torch.equal(one, other)


def test_a_negative_text_that_nothing_is_led_away_from_is_refused(network: Model) -> None:
    with pytest.raises(InkoverError, match="no effect at source_guidance 1"):
        leditspp.edit(job(network, BALL, source="a ball"), Settings(steps=4, negative="mug", source_guidance=1))


def test_a_mask_keeps_the_rest_of_the_photo_to_the_bit(network: Model) -> None:
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 2:5, 3:7] = 1
    asked = job(network, BALL, MUG, mask=mask)
    edited = leditspp.edit(asked, Settings(steps=5))
    kept = (mask == 0).expand_as(edited)
    assert torch.equal(edited[kept], asked.photo[kept]) and not torch.equal(edited, asked.photo)


@pytest.mark.parametrize(
    "given, says",
    [
        ({"masks": "none", "threshold": 0.5}, "threshold has no effect at masks none"),
        ({"warmup": 5, "cooldown": 5}, "is not above warmup 5"),
        ({"sampler": "dpmpp-2m"}, "looks a step back"),
        ({"threshold": 1.0}, "out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InkoverError, match=says):
        Settings(**given)
