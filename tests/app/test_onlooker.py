"""Looking on changes nothing: the same bytes for the same evaluations; and it keeps little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

import analytic
from counted import Counted
from inkover import Editor, methods
from inkover.app import asked
from inkover.app.edits import Edit
from inkover.app.flow import Wish
from inkover.app.meter import Meter
from inkover.app.onlooker import MOST, Onlooker, Walk, watched
from inkover.app.recipe import Weights
from inkover.app.remembered import Memory
from inkover.app.result import Result
from inkover.attention.maps import of_words
from inkover.diffusion.level import Level
from inkover.masks.difference import filled
from inkover.masks.rules import rule
from small_photo import pixels
from tiny import tiny_backbone, tiny_model

SOURCE, TARGET = "a red ball", "a blue cube"
TINY = tiny_model()


@dataclass(frozen=True)
class Done:
    result: Result
    onlooker: Onlooker
    forwards: list[tuple[str, ...]]
    asked: list[int]


def wished(method: str, **changes: Any) -> Wish:
    several = changes.pop("several", ())
    target = "" if several else TARGET
    windows = changes.pop("windows", False)
    given = (pixels(), SOURCE, target, method, {"steps": 4} | changes, 3, 0.0, None, "", False)
    return asked.wish(*given, several=several, windows=windows)


def done(wish: Wish, look: bool = True, model: Any = TINY, **more: Any) -> Done:
    inner = Counted(model)
    weights = Weights(None, "tiny", "0" * 64, None, "cpu", "")
    editor = replace(Editor(inner, weights, remember=False), **more)
    onlooker = Onlooker(listening=look and model.heard and not wish.windows)
    seen = replace(wish, method=watched(wish.method, onlooker)) if look else wish
    return Done(editor.fulfil(seen, None, None, Meter()), onlooker, inner.forwards, inner.asked)


CHANGES = [Edit("blue cube", source="red ball"), Edit("a photo", source="grass")]
COMING = [Edit("a cube"), Edit("a ball", away=True)]
CASES = {
    **{name: (name, {}) for name in methods.names()},
    "p2p kept": ("p2p", {"keep": True}),
    "p2p null-text": ("p2p", {"inversion": "null-text", "iterations": 2}),
    "p2p negative-prompt": ("p2p", {"inversion": "negative-prompt"}),
    "masactrl words": ("masactrl", {"foreground": "ball -> cube", "inversion_prompt": "source"}),
    "sde": ("ddpm-inversion", {"inversion": "sde-dpmpp"}),
    "several": ("multi-diffedit", {"several": CHANGES}),
    "one by one": ("multi-diffedit", {"several": CHANGES, "fused": False}),
    "coming": ("ledits++", {"several": COMING}),
    "windows": ("diffedit", {"windows": True}),
}


@pytest.mark.parametrize("method, changes", CASES.values(), ids=CASES)
def test_it_is_the_same_edit_to_the_bit_at_the_same_evaluations(method: str, changes: dict[str, Any]) -> None:
    wish = wished(method, **changes)
    plain, seen = done(wish, look=False), done(wish)
    assert np.array_equal(plain.result.photo.pixels, seen.result.photo.pixels)
    assert np.array_equal(plain.result.mask, seen.result.mask)
    assert (plain.forwards, plain.asked) == (seen.forwards, seen.asked)
    assert (plain.result.samples, plain.result.calls) == (seen.result.samples, seen.result.calls)
    assert (plain.result.notes, plain.result.warnings) == (seen.result.notes, seen.result.warnings)
    assert replace(plain.result.record, photo=seen.result.record.photo) == seen.result.record
    assert seen.onlooker.forwards == seen.result.calls["edit"] > 0
    assert bool(seen.onlooker.looked) != wish.windows


@pytest.mark.parametrize("kind", ["xl", "sd3-without-t5"])
def test_on_other_networks_too(kind: str) -> None:
    model = tiny_backbone(kind)
    plain, seen = (done(wished("diffedit", noises=2), look, model) for look in (False, True))
    assert np.array_equal(plain.result.photo.pixels, seen.result.photo.pixels) and plain.asked == seen.asked
    assert bool(seen.onlooker.looked) == model.heard


@pytest.mark.parametrize("steps", [1, 5, MOST, MOST + 1, 50, 999])
def test_few_states_are_kept_however_many_there_are(steps: int) -> None:
    walk, made = Walk(), list[int]()

    def state(number: int) -> Any:
        made.append(number)
        return number

    for k in range(steps):
        walk.see(Level(k, 1.0, k), True, state)
    numbers: list[Any] = list(walk.states.values())
    assert len(numbers) <= MOST and (steps <= MOST or len(numbers) > MOST // 2 - 1)
    assert numbers[0] == 1 and len(set(np.diff(numbers))) <= 1 and steps - numbers[-1] < walk.stride
    assert len(walk.order) == steps and len(made) <= MOST * (1 + np.log2(max(steps / MOST, 1)))


def test_the_way_back_is_what_the_network_was_given() -> None:
    walk = done(wished("ddim", strength=1.0)).onlooker.walks["edit"]
    states = list(walk.states.values())
    assert [state.number for state in states] == [1, 2, 3, 4] and all(state.text == TARGET for state in states)
    sigmas = [state.level.sigma for state in states]
    assert sigmas == sorted(sigmas, reverse=True)
    for state in states:
        assert state.clean is not None
        noise = (state.latent - state.level.alpha * state.clean) / state.level.sigma
        said = TINY.predict(state.latent, state.level, {"target": TINY.text(TARGET)})
        assert torch.allclose(state.clean, said.x0, atol=1e-5) and torch.allclose(noise, said.eps, atol=1e-4)


@pytest.mark.parametrize("method", ["ddim", "ddpm-inversion"])
def test_the_way_into_noise_is_the_track(method: str) -> None:
    seen = done(wished(method, strength=1.0))
    there, back = (seen.onlooker.walks[stage].states for stage in ("inversion", "edit"))
    assert len(there) == len(back) == 4 and seen.onlooker.inversion is not None
    first = next(iter(back))
    assert torch.equal(there[first].latent, back[first].latent)  # the edit starts where the tracing ended
    assert all(state.clean is not None and state.text == SOURCE and state.own for state in there.values())


def test_a_photo_that_was_traced_before_is_told_to_be() -> None:
    memory = Memory()
    first, second = (done(wished("ddim"), memory=memory) for _ in range(2))
    assert (first.onlooker.recalled, second.onlooker.recalled) == (False, True)
    assert second.result.samples["inversion"] == 0
    states = second.onlooker.walks["inversion"].states
    assert states and all(state.clean is None for state in states.values())
    for level, state in first.onlooker.walks["inversion"].states.items():
        assert torch.equal(state.latent, states[level].latent)


def test_a_method_without_a_tracing_has_none() -> None:
    for method in ("sdedit", "flowedit"):
        onlooker = done(wished(method)).onlooker
        assert onlooker.inversion is None and not onlooker.walks["inversion"].states
        assert not onlooker.steered and not onlooker.beside and not onlooker.cuts


def test_what_p2p_does_is_seen() -> None:
    seen = done(wished("p2p", layout=0.5, cross=0.5, blend="")).onlooker
    assert (seen.steered, seen.beside, seen.forwards, seen.apart) == (2, 2, 4, True)
    assert done(wished("p2p")).onlooker.acts[0].steps == 4  # the blend


def test_ledits_asks_all_texts_about_one_copy() -> None:
    seen = done(wished("ledits++", several=COMING)).onlooker
    assert seen.beside == seen.forwards and not seen.apart
    assert seen.texts == {SOURCE, "a cube", "a ball"}


@pytest.mark.parametrize("method, changes", [CASES["diffedit"], CASES["several"]], ids=["one", "several"])
def test_the_mask_is_the_map_cut_at_the_threshold(method: str, changes: dict[str, Any]) -> None:
    onlooker = done(wished(method, closing=0, **changes)).onlooker
    assert len(onlooker.cuts) == max(len(changes.get("several", ())), 1)
    for cut in onlooker.cuts.values():
        assert torch.equal(cut.mask, filled(rule(cut.rule, cut.number)(cut.found)))
        assert 0 < cut.mask.mean() < 1 and cut.found.max() == 1


def test_words_are_heard_where_they_are_read() -> None:
    looked = done(wished("diffedit", noises=6)).onlooker.looked
    assert {(stage, text): one.samples for (stage, text), one in looked.items()} == {
        ("mask", SOURCE): 6,
        ("mask", TARGET): 6,
        ("inversion", SOURCE): 4,
        ("edit", TARGET): 4,
    }
    for one in looked.values():
        maps = one.looks.maps["text"]
        total = of_words(maps, range(maps.shape[1])) / one.samples
        assert torch.allclose(total, torch.ones_like(total), atol=1e-4)  # shares of all attention


def test_a_network_without_words_is_looked_at_all_the_same() -> None:
    seen = done(wished("diffedit"), model=analytic.Analytic())
    assert seen.onlooker.walks["edit"].states and not seen.onlooker.looked
