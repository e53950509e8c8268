"""Prompt-to-Prompt and MasaCtrl, whose photo walks beside the change: their identities, on a small real network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from analytic import Ledger, task
from counted import Counted
from inkover import methods
from inkover.errors import InkoverError
from inkover.inversions import direct
from inkover.methods import masactrl, p2p, tracks, wording
from inkover.methods.contract import Method, Task
from inkover.methods.settings import build, knobs
from inkover.models.contract import Model
from tiny import tiny_model

METHODS = [methods.get(name) for name in ("p2p", "masactrl")]
every = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
inverted = pytest.mark.parametrize("inversion", tracks.RETRACED)
FEW: Mapping[str, Any] = {"null-text": {"iterations": 1}, "negative-prompt": {}, "ddim": {}, "direct": {}}
TURNED: dict[str, dict[str, Any]] = {
    "steps": {"steps": 5},
    "strength": {"strength": 0.5},
    "guidance": {"guidance": 2.0},
    "sampler": {"sampler": "euler"},
    "negative": {"negative": "grass"},
    "inversion": {"inversion": "ddim"},
    "align": {"align": "refine"},
    "cross": {"cross": 0.3},
    "cross_words": {"cross_words": "ball:0.1..0.5"},
    "layout": {"layout": 0.8},
    "layout_side": {"layout_side": 7},
    "blend": {"blend": "ball", "blend_threshold": 0.99},
    "blend_threshold": {"blend": "ball", "blend_threshold": 0.97},
    "blend_from": {"blend": "ball", "blend_threshold": 0.99, "blend_from": 0.8},
    "inversion_prompt": {"inversion_prompt": "source"},
    "start": {"start": 0.5},
    "depth": {"depth": 0.0},
    "foreground": {"foreground": "ball", "inversion_prompt": "source", "foreground_threshold": 0.5},
    "foreground_threshold": {"foreground": "ball", "inversion_prompt": "source", "foreground_threshold": 0.9},
    "rounds": {"rounds": 3},
    "iterations": {"inversion": "null-text", "iterations": 3},
    "tolerance": {"inversion": "null-text", "iterations": 2, "tolerance": 1.0},
    "quantile": {"inversion": "negative-prompt", "inversion_prompt": "source", "quantile": 0.9},
    "threshold": {"inversion": "negative-prompt", "inversion_prompt": "source", "quantile": 0.9, "threshold": "hard"},
    "spacing": {"spacing": "trailing"},
    "guidance_from": {"guidance_from": 0.5},
    "guidance_to": {"guidance_to": 0.5},
    "rescale": {"rescale": 0.3},
}


CHEAPER = {"keep"}
"""Knobs that change what an edit costs, and its result by rounding at most."""

BESIDE: dict[str, dict[str, Any]] = {"blend": {}, "foreground": {"inversion_prompt": "source"}}
"""What a knob is compared with, where that is not the same without it."""


@pytest.fixture(scope="module")
def network() -> Model:
    return tiny_model()


def job(model: Any, source: str = "a red ball on grass", target: str = "a blue ball on grass", **more: Any) -> Task:
    pixels = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return task(model, model.encode(pixels), source, target, **more)


def own(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    names = {knob.name for knob in knobs(method.settings)}
    return {name: value for name, value in given.items() if name in names}


def traced(method: Method, inversion: str) -> dict[str, Any]:
    """Return the knobs that choose an inversion that makes sense for a method."""
    words = {"inversion_prompt": "source"} if inversion == "negative-prompt" else {}
    return own(method, {"inversion": inversion, **FEW[inversion], **words})


@every
def test_every_knob_changes_the_result(method: Method, network: Model) -> None:
    for knob in (knob for knob in knobs(method.settings) if knob.name not in CHEAPER):
        turned = own(method, TURNED[knob.name])
        rest = {name: value for name, value in turned.items() if name != knob.name}
        beside = own(method, BESIDE.get(knob.name, rest))
        one, other = (method.edit(job(network), build(method, {"steps": 4, **given})) for given in (beside, {**turned}))
        assert not torch.equal(one, other), knob.name


@every
@inverted
@pytest.mark.parametrize(
    "more", [{}, {"keep": True}, {"strength": 0.6}, {"guidance": 1}, {"guidance_from": 0.25, "guidance_to": 0.75}]
)
def test_the_cost_is_what_is_counted(method: Method, inversion: str, more: dict[str, Any], network: Model) -> None:
    if inversion == "null-text" and more.get("guidance") == 1 or "keep" in more and inversion != "direct":
        return  # has nothing to mend, or no row to keep: refused
    settings, model = build(method, {"steps": 5} | traced(method, inversion) | own(method, more)), Counted(network)
    watch = Ledger(model)  # type: ignore[arg-type]
    method.edit(job(model, watch=watch), settings)
    expected = dict(method.cost(settings))
    found = {"mask": 0, "inversion": 0, "edit": 0} | watch.samples
    assert watch.taken == watch.announced
    if inversion == "null-text":
        assert found["inversion"] <= expected["inversion"]
        found["inversion"] = expected["inversion"]
    assert found == expected


@dataclass
class Kept:
    """Remembers what it is given, whatever it is of."""

    parts: dict[str, Any] = field(default_factory=dict)

    def recall(self, inversion: Any, knobs: Any, subject: Any, part: str = "track") -> Any:
        return self.parts.get(part)

    def keep(self, inversion: Any, knobs: Any, subject: Any, found: Any, part: str = "track") -> None:
        self.parts[part] = found


@pytest.mark.parametrize("more", [{}, {"blend": "ball"}, {"cross": 0.5, "layout": 0.0}, {"layout_side": 2}])
def test_a_kept_photo_is_not_asked_again_and_changes_rounding_alone(more: dict[str, Any], network: Model) -> None:
    memory, counted = Kept(), Counted(network)
    plain = p2p.edit(job(network), p2p.Settings(steps=6, **more))
    remembering = replace(job(counted), tracks=memory)
    first, second = (p2p.edit(remembering, p2p.Settings(steps=6, keep=True, **more)) for _ in range(2))
    assert torch.equal(first, second) and set(memory.parts) == {
        "track",
        f"rows up to {more.get('layout_side', 16) ** 2}",
    }
    assert float((first - plain).abs().max()) < 1e-4 * float(plain.abs().max())
    assert counted.samples == 6 + 6 + 12 + 12
    assert all("source" not in rows for rows in counted.forwards[-6:])
    # they are of the photo alone: other words for the change, and a step in which nothing looks, use the same
    counted.asked.clear()
    other = p2p.Settings(steps=6, keep=True, **more | {"cross": 0.3})
    p2p.edit(replace(remembering, target="a red ball on sand"), other)
    assert counted.samples == 12


def test_the_published_walks_cost_at_most_what_they_are_known_for() -> None:
    costs = {name: sum(p2p.cost(p2p.Settings(inversion=name)).values()) for name in tracks.RETRACED}
    assert costs["ddim"] <= 250 and costs["negative-prompt"] <= 200 and costs["direct"] <= 200
    assert costs == {"direct": 200, "ddim": 250, "null-text": 50 * 13 + 200, "negative-prompt": 200}


@every
@inverted
def test_masks_keep_the_photo_to_the_bit(method: Method, inversion: str, network: Model) -> None:
    settings = build(method, {"steps": 4} | traced(method, inversion))
    photo = job(network).photo
    zeros, ones = torch.zeros_like(photo[:, :1]), torch.ones_like(photo[:, :1])
    half = zeros.clone()
    half[..., :4] = 1
    assert torch.equal(method.edit(job(network, mask=zeros), settings), photo)
    assert torch.equal(method.edit(job(network, mask=ones), settings), method.edit(job(network), settings))
    once = method.edit(job(network, mask=half), settings)
    kept = (half == 0).expand_as(photo)
    assert torch.equal(once[kept], photo[kept]) and not torch.equal(once[~kept], photo[~kept])


@every
def test_no_strength_is_the_photo_at_no_cost(method: Method, network: Model) -> None:
    model = Counted(network)
    found = job(model)
    assert method.edit(found, build(method, {"strength": 0})) is found.photo
    assert not model.forwards


@every
def test_guidance_one_asks_no_null_row(method: Method, network: Model) -> None:
    model = Counted(network)
    method.edit(job(model), build(method, {"steps": 4, "guidance": 1}))
    assert not any(name.endswith("/null") for rows in model.forwards for name in rows)


@pytest.mark.parametrize("inversion", ["ddim", "negative-prompt"])
@pytest.mark.parametrize(
    "given", [{}, {"cross": 1.0, "layout": 1.0}, {"cross": 0.0}, {"align": "refine", "cross": 0.5}]
)
def test_with_equal_texts_the_change_walks_as_the_photo_does(
    inversion: str, given: dict[str, Any], network: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[tuple[Tensor, Tensor]]()
    step = p2p.pair.Pair.step

    def noted(self: Any, *args: Any) -> tuple[Tensor, Tensor]:
        seen.append(step(self, *args))
        return seen[-1]

    monkeypatch.setattr(p2p.pair.Pair, "step", noted)
    settings = build(methods.get("p2p"), {"steps": 5, "inversion": inversion} | given | {"blend": "ball"})
    p2p.edit(job(network, target="a red ball on grass"), settings)
    assert len(seen) == 5 and all(torch.equal(x, y) for x, y in seen)


def test_the_blend_that_nobody_named_is_of_the_words_that_differ(network: Model) -> None:
    of = job(network)
    assert torch.equal(p2p.edit(of, p2p.Settings(steps=4)),
                       p2p.edit(of, p2p.Settings(steps=4, blend="red ball -> blue ball")))  # fmt: skip
    assert not torch.equal(p2p.edit(of, p2p.Settings(steps=4, blend_threshold=0.97)),
                           p2p.edit(of, p2p.Settings(steps=4, blend="")))  # fmt: skip


@pytest.mark.parametrize(
    "source, target, before, after",
    [
        ("a red ball on grass", "a blue ball on grass", "red ball", "blue ball"),
        ("a ball on grass", "a cube on grass", "ball", "cube"),
        ("a mug on grass", "A mug on Sand", "grass", "Sand"),
        ("a mug on grass", "a shiny mug on grass", "mug", "shiny mug"),
        ("a duck, and a pink cone", "a duck, and a green cone", "pink cone", "green cone"),
        ("a mug", "a mug", "", ""),
    ],
)
def test_words_that_differ_and_the_thing_that_they_are_of(source: str, target: str, before: str, after: str) -> None:
    spans = wording.differing(source, target)
    for text, found, expected in zip((source, target), spans, (before, after), strict=True):
        assert " ".join(text[start:end] for start, end in found) == expected


def test_with_no_control_prompt_to_prompt_is_a_plain_walk(network: Model) -> None:
    free = p2p.edit(job(network), p2p.Settings(steps=5, cross=0.0, layout=0.0, inversion="ddim", blend=""))
    plain = methods.get("ddim")
    # the one row in another batch: equal but for rounding
    expected = plain.edit(job(network), build(plain, {"steps": 5, "strength": 1.0, "guidance": 4.0, "rescale": 0.7}))
    torch.testing.assert_close(free, expected, rtol=1e-4, atol=1e-4)


def test_the_pinned_photo_ends_as_itself_to_the_bit(network: Model) -> None:
    found = job(network)
    levels = network.levels(5)
    track = tracks.path(found, direct.INVERSION, direct.Settings(), levels, found.source)
    assert torch.equal(track.latents[-1], found.photo)


def test_weights_of_words_move_the_change_and_one_is_none(network: Model) -> None:
    settings = p2p.Settings(steps=4)
    plain = p2p.edit(job(network), settings)
    span = (2, 6)  # of "blue"
    heavy, light = (
        p2p.edit(Task(*_fields(job(network)), weights=((span, weight),)), settings) for weight in (3.0, 1.0)
    )
    assert torch.equal(light, plain) and not torch.equal(heavy, plain)


def _fields(found: Task) -> tuple[Any, ...]:
    return found.model, found.photo, found.source, found.target, found.seed, found.watch


@pytest.mark.parametrize(
    "method, given, says",
    [
        ("p2p", {"inversion": "ddpm"}, "gives noise maps, and this method walks a path"),
        ("p2p", {"iterations": 3}, "iterations is a knob of inversion 'null-text', and 'direct' is chosen"),
        ("p2p", {"inversion": "negative-prompt", "negative": "mug"}, "negative has no effect"),
        ("p2p", {"inversion": "negative-prompt", "threshold": "hard"}, "no effect at quantile 0"),
        ("p2p", {"blend": "", "blend_threshold": 0.5}, "name its words too"),
        ("p2p", {"layout": 0, "layout_side": 8}, "no effect at layout 0"),
        ("p2p", {"keep": True, "inversion": "ddim"}, "inversion=direct"),
        ("p2p", {"keep": True, "cross": 0, "layout": 0, "blend": ""}, "raise cross or layout"),
        ("p2p", {"cross_words": "ball"}, "says no part of the steps"),
        ("p2p", {"blend": "ball ->"}, "leaves a side of the arrow empty"),
        ("p2p", {"sampler": "dpmpp-2m"}, "looks a step back"),
        ("masactrl", {"foreground": "ball"}, "give inversion_prompt=source"),
        ("masactrl", {"foreground_threshold": 0.4}, "name its words too"),
        ("masactrl", {"inversion": "negative-prompt"}, "inversion_prompt empty has none"),
        ("ddpm-inversion", {"inversion": "direct"}, "gives a path, and this method walks noise maps"),
        ("ddpm-inversion", {"inversion": "sde-dpmpp", "eta": 0.5}, "eta is a knob of inversion 'ddpm'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(method: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(InkoverError, match=says):
        build(methods.get(method), given)


@pytest.mark.parametrize(
    "source, given, says",
    [
        ("a red ball on grass", {"blend": "mug"}, "'mug' is not in the prompt"),
        ("a red ball on grass", {"cross_words": "mug:0.2"}, "'mug' is not in the prompt"),
        ("a ball on grass", {"align": "replace"}, "use refine"),
        ("", {}, "the photo has none"),
    ],
)
def test_words_that_are_not_there_are_refused_before_any_evaluation(
    source: str, given: dict[str, Any], says: str, network: Model
) -> None:
    model = Counted(network)
    with pytest.raises(InkoverError, match=says):
        p2p.edit(job(model, source), build(methods.get("p2p"), {"steps": 4} | given))
    assert not model.forwards


def test_masactrl_left_to_itself_is_a_plain_walk(network: Model) -> None:
    free = masactrl.edit(job(network), masactrl.Settings(steps=5, start=1.0, inversion="ddim"))
    deep = masactrl.edit(job(network), masactrl.Settings(steps=5, depth=1.0, inversion="ddim"))
    plain = methods.get("ddim")
    given = {"steps": 5, "strength": 1.0, "inversion_prompt": "empty"}
    expected = plain.edit(job(network), build(plain, given))
    assert torch.equal(free, deep)
    torch.testing.assert_close(free, expected, rtol=1e-4, atol=1e-4)
