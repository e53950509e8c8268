"""Multi-prompt DiffEdit: its identities, on analytic worlds whose masks are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analytic import Counted, Ledger, box_mask, gaussians, picture, quick, tangled, task
from inkover import methods
from inkover.errors import InkoverError
from inkover.inversions.contract import Inversion, Subject
from inkover.masks import overlap
from inkover.methods import ddim, diffedit, multi_diffedit
from inkover.methods.contract import TRACK, Concept, Forgetful, Task
from inkover.methods.multi_diffedit import Settings
from inkover.methods.settings import build

RED = Concept("a blue ball on grass", source="a red ball on grass")
MUG = Concept("a sand mug", source="a mug")
GREY = Concept("a mug on grass", source="a red ball on grass")
SIDE = 16


def job(*changes: Concept, model: Any = None, **more: Any) -> Task:
    return replace(task(model or Counted(gaussians()), picture(SIDE, SIDE), **more), concepts=changes)


def found(of: Task, knobs: Settings) -> Task:
    """Find the masks and hand them back, as the editor does."""
    masks = multi_diffedit.find_masks(of, knobs)
    return replace(of, concepts=tuple(replace(one, mask=mask) for one, mask in zip(of.concepts, masks, strict=True)))


@quick
@given(
    steps=st.integers(4, 12), strength=st.floats(0.3, 1), guidance=st.sampled_from([1.0, 5.0]), rescale=st.floats(0, 1)
)
def test_one_change_is_diffedit_to_the_bit(steps: int, strength: float, guidance: float, rescale: float) -> None:
    led = {"rescale": rescale} if guidance != 1 else {}
    knobs = {"steps": steps, "strength": strength, "guidance": guidance, **led}
    alone = task(Counted(tangled()), picture(SIDE, SIDE))
    mask = diffedit.find_mask(alone, diffedit.Settings(**knobs))
    one = job(RED, model=Counted(tangled()))
    (same,) = multi_diffedit.find_masks(one, Settings(**knobs))
    assert torch.equal(mask, same)
    expected = diffedit.edit(replace(alone, mask=mask), diffedit.Settings(**knobs))
    assert torch.equal(multi_diffedit.edit(found(one, Settings(**knobs)), Settings(**knobs)), expected)
    assert torch.equal(multi_diffedit.edit(found(one, Settings(**knobs)), Settings(**knobs, fused=False)), expected)


@quick
@given(steps=st.integers(4, 12), strength=st.floats(0.3, 1), guidance=st.sampled_from([1.0, 4.0]), cut=st.floats(0, 1))
def test_one_full_region_is_plain_sampling_to_the_bit(steps: int, strength: float, guidance: float, cut: float) -> None:
    knobs: dict[str, Any] = {"steps": steps, "strength": strength, "guidance": guidance}
    of = task(Counted(tangled()), picture(SIDE, SIDE), source=RED.source, target=RED.text)
    rescale = 0.7 if guidance != 1 else 0.0
    plain = ddim.edit(of, ddim.Settings(**knobs, rescale=rescale))
    whole = torch.ones(1, 1, SIDE, SIDE)
    assert torch.equal(multi_diffedit.edit(replace(of, concepts=(replace(RED, mask=whole),)), Settings(**knobs)), plain)
    left = (torch.arange(SIDE) < cut * SIDE).float().expand(1, 1, SIDE, SIDE)
    halves = (replace(RED, mask=left), replace(RED, mask=1 - left))
    parted = multi_diffedit.edit(replace(of, concepts=halves), Settings(**knobs))
    torch.testing.assert_close(parted, plain, atol=1e-6, rtol=1e-6)


@quick
@given(order=st.permutations(range(3)), seed=st.integers(0, 9))
def test_the_order_of_changes_permutes_the_masks_and_leaves_the_owners(order: list[int], seed: int) -> None:
    changes, knobs = (RED, MUG, GREY), Settings(steps=6)
    one = found(job(*changes, seed=seed), knobs)
    other = found(job(*(changes[k] for k in order), seed=seed), knobs)
    for k, there in enumerate(order):
        assert torch.equal(one.concepts[there].mask, other.concepts[k].mask)  # type: ignore[arg-type]
    edited = [multi_diffedit.edit(each, knobs) for each in (one, other)]
    torch.testing.assert_close(edited[0], edited[1], atol=1e-5, rtol=1e-5)


@quick
@given(
    data=st.data(), policy=st.sampled_from(["owner", "combined", "priority"]), h=st.integers(1, 7), w=st.integers(1, 7)
)
def test_regions_share_no_place_and_the_rest_is_the_photo(data: Any, policy: str, h: int, w: int) -> None:
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 999)))
    photo = picture(h, w)
    masks = [(torch.rand(1, 1, h, w, generator=generator) > 0.5).float() for _ in range(3)]
    changes = [replace(one, mask=mask) for one, mask in zip((RED, MUG, GREY), masks, strict=True)]
    of = replace(task(Counted(tangled()), photo), concepts=tuple(changes))
    regions = multi_diffedit.laid_out(of, list(enumerate(changes)), Settings(overlap=policy))
    total = torch.stack([region.mask for region in regions] or [torch.zeros_like(masks[0])]).sum(0)
    assert torch.equal(total, torch.stack(masks).amax(0))
    edited = multi_diffedit.edit(of, Settings(steps=4, overlap=policy))
    outside = (total == 0).expand_as(photo)
    assert torch.equal(edited[outside], photo[outside])


def test_where_masks_overlap_the_policy_says_whose_it_is() -> None:
    left, right = box_mask(picture(4, 4), 0, 0, 1, 0.75), box_mask(picture(4, 4), 0, 0.25, 1, 1)
    maps = [left * 3 + right, right * 2 + left]  # in the middle 4 and 3, of means 3 and 2.25: a tie
    first, second = overlap.owned([left, right], maps)
    assert torch.equal(first + second, torch.ones_like(left)) and torch.equal(first, left)
    assert torch.equal(overlap.owned([left, right], [maps[0], 9 * maps[1]])[0], first)  # scale-free
    assert torch.equal(overlap.owned([right, left], [right * 5, left])[0], right)
    assert torch.equal(overlap.prior([left, right])[1], 1 - left)
    regions = dict(overlap.combined([left, right]))
    assert set(regions) == {(0,), (1,), (0, 1)} and torch.equal(regions[0, 1], left * right)
    assert overlap.overlapping([left, 1 - left, right]) == (0, 2) and overlap.overlapping([left, 1 - left]) is None
    soft = overlap.prior([left / 2, right / 2, torch.ones_like(left)])
    assert torch.allclose(torch.stack(soft).sum(0), torch.ones_like(left))


@pytest.mark.parametrize(
    "words, said, expected",
    [
        (("red ball", "blue ball"), "a red ball and a mug", ("a red ball and a mug", "a blue ball and a mug")),
        (("RED  ball", "cube"), "a red ball", ("a red ball", "a cube")),
        (("ball", "cube"), "a baseball", ("ball", "cube")),  # not a word of it
        (("ball", "cube"), "a ball and a ball", ("ball", "cube")),  # which one?
        (("ball", "cube"), "", ("ball", "cube")),
        (("", "cube"), "a ball", ("", "cube")),
    ],
)
def test_a_change_is_read_in_the_photos_text(words: tuple[str, str], said: str, expected: tuple[str, str]) -> None:
    change = multi_diffedit.in_context(Concept(words[1], source=words[0]), said)
    assert (change.source, change.text) == expected


def test_a_change_in_context_is_diffedit_on_both_texts() -> None:
    photo = "a red ball and a mug on grass"
    short = replace(job(Concept("blue ball", source="red ball")), source=photo)
    whole = replace(job(Concept("a blue ball and a mug on grass", source=photo)), source="")
    knobs = Settings(steps=6)
    assert torch.equal(multi_diffedit.edit(found(short, knobs), knobs), multi_diffedit.edit(found(whole, knobs), knobs))
    ones = torch.ones(1, 1, SIDE, SIDE)
    two = (Concept("blue ball", source="red ball", mask=ones), Concept("cube", source="mug", mask=ones))
    of = replace(job(*two), source=photo)
    (region,) = multi_diffedit.laid_out(of, list(enumerate(of.concepts)), Settings(overlap="combined"))
    assert region.text == "a blue ball and a cube on grass"


@pytest.mark.parametrize(
    "source, changes, said",
    [
        ("a red ball and a mug on grass", (RED, MUG), "a red ball and a mug on grass"),
        ("", (RED,), RED.source),  # the only one says it all
        ("", (RED, MUG), ""),
    ],
)
def test_the_photo_is_traced_with_its_own_text(source: str, changes: tuple[Concept, ...], said: str) -> None:
    heard = list[str]()

    class Heard(Forgetful):
        def recall(self, inversion: Inversion, knobs: Any, subject: Subject, part: str = TRACK) -> None:
            heard.append(subject.source)

    multi_diffedit.edit(replace(job(*changes), source=source, tracks=Heard()), Settings(steps=4))
    assert heard == [said]


def test_masks_that_overlap_can_be_forbidden() -> None:
    left = box_mask(picture(SIDE, SIDE), 0, 0, 1, 0.5)
    of, knobs = job(replace(RED, mask=left), replace(MUG, mask=torch.ones_like(left))), Settings(overlap="forbid")
    with pytest.raises(InkoverError, match="'a blue ball on grass' and 'a sand mug' overlap"):
        multi_diffedit.edit(of, knobs)
    apart = job(replace(RED, mask=left), replace(MUG, mask=1 - left))
    assert torch.equal(multi_diffedit.edit(apart, knobs), multi_diffedit.edit(apart, Settings()))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_more_changes_than_a_forward_holds_are_asked_in_several(most: int) -> None:
    changes = [replace(one, mask=mask) for one, mask in zip((RED, MUG, GREY), _thirds(), strict=True)]
    one = multi_diffedit.edit(job(*changes), Settings(steps=6))
    few = multi_diffedit.edit(job(*changes, model=replace(Counted(gaussians()), batch=most)), Settings(steps=6))
    torch.testing.assert_close(one, few, atol=1e-5, rtol=1e-5)


def _thirds() -> list[Tensor]:
    return [box_mask(picture(SIDE, SIDE), 0, k / 3, 1, (k + 1) / 3) for k in range(3)]


def test_both_texts_are_written_where_masks_overlap_and_are_combined() -> None:
    model = Counted(gaussians())
    half, whole = box_mask(picture(SIDE, SIDE), 0, 0, 1, 0.5), torch.ones(1, 1, SIDE, SIDE)
    of = job(replace(RED, mask=half), replace(MUG, mask=whole), model=model)
    regions = multi_diffedit.laid_out(of, list(enumerate(of.concepts)), Settings(overlap="combined"))
    assert [region.text for region in regions] == ["a sand mug", "a blue ball on grass, a sand mug"]
    assert [region.members for region in regions] == [(1,), (0, 1)]


@pytest.mark.parametrize("count, guidance", [(1, 5.0), (2, 5.0), (3, 5.0), (3, 1.0)])
def test_changes_share_noises_tracing_and_the_null_row(count: int, guidance: float) -> None:
    model, knobs = Counted(gaussians()), Settings(steps=10, strength=0.8, guidance=guidance)
    watch = Ledger(model)
    boxes = [box_mask(picture(SIDE, SIDE), 0.3 * k, 0, 0.3 * k + 0.3, 1) for k in range(count)]
    of = job(*(RED, MUG, GREY)[:count], model=model, watch=watch)
    multi_diffedit.find_masks(of, knobs)
    given = tuple(replace(one, mask=box) for one, box in zip(of.concepts, boxes, strict=True))
    multi_diffedit.edit(replace(of, concepts=given), knobs)
    null = 0 if guidance == 1 else 1
    assert watch.samples == {"mask": 2 * 10 * count, "inversion": 8, "edit": 8 * (count + null)}
    assert watch.taken == watch.announced
    if count == 1:
        assert watch.samples == multi_diffedit.cost(knobs)


@pytest.mark.parametrize("bootstrap, alone", [(0.5, 4), (1.0, 8)])
def test_in_the_bootstrap_a_change_does_not_see_the_others(bootstrap: float, alone: int) -> None:
    model, knobs = Counted(tangled()), Settings(steps=10, strength=0.8, bootstrap=bootstrap)
    half = box_mask(picture(SIDE, SIDE), 0, 0, 1, 0.5)
    changes = replace(RED, mask=half), replace(MUG, mask=1 - half)
    both = multi_diffedit.edit(job(*changes, model=model), knobs)
    assert model.samples == 8 + 8 * 3 + alone  # a null row of each
    plain = multi_diffedit.edit(job(*changes, model=Counted(tangled())), Settings(steps=10, strength=0.8))
    assert not torch.equal(both, plain)
    one = multi_diffedit.edit(job(changes[0], model=Counted(tangled())), knobs)
    same = multi_diffedit.edit(job(changes[0], model=Counted(tangled())), Settings(steps=10, strength=0.8))
    assert torch.equal(one, same)  # outside its place there is the photo anyway
    if bootstrap == 1:
        assert torch.equal(both * half, one * half)


def test_a_mask_that_is_given_is_not_looked_for() -> None:
    model = Counted(gaussians())
    mine = box_mask(picture(SIDE, SIDE), 0, 0, 0.2, 0.2)
    masks = multi_diffedit.find_masks(job(replace(RED, mask=mine), MUG, model=model), Settings(noises=4))
    assert torch.equal(masks[0], mine) and model.samples == 8


def test_the_same_change_twice_is_the_change_once() -> None:
    knobs = Settings(steps=6)
    once, twice = found(job(RED), knobs), found(job(RED, RED), knobs)
    assert not twice.concepts[1].mask.any()  # type: ignore[union-attr]
    assert torch.equal(multi_diffedit.edit(once, knobs), multi_diffedit.edit(twice, knobs))


def test_a_change_may_have_a_rule_and_a_threshold_of_its_own() -> None:
    knobs = Settings(rule="quantile", threshold=0.5)
    own = [replace(RED, knobs={}), replace(RED, knobs={"threshold": 0.9}), replace(RED, knobs={"rule": "otsu"})]
    masks = [multi_diffedit.find_masks(job(one, model=Counted(tangled())), knobs)[0] for one in own]
    assert masks[0].sum() > masks[1].sum() > 0 and not torch.equal(masks[0], masks[2])


TURNED: dict[str, dict[str, Any]] = {
    "strength": {"strength": 0.4},
    "guidance": {"guidance": 2.0},
    "sampler": {"sampler": "euler"},
    "negative": {"negative": "mug"},
    "noises": {"noises": 2},
    "mask_strength": {"mask_strength": 0.8},
    "clamp": {"clamp": 0.7},
    "rule": {"rule": "otsu"},
    "threshold": {"threshold": 0.8},
    "closing": {"closing": 0},
    "smallest": {"smallest": 40},
    "inversion_prompt": {"inversion_prompt": "empty"},
    "overlap": {"overlap": "priority"},
    "bootstrap": {"bootstrap": 0.5},
    "fused": {"fused": False},
    "spacing": {"spacing": "trailing"},
    "guidance_from": {"guidance_from": 0.5},
    "guidance_to": {"guidance_to": 0.5},
    "rescale": {"rescale": 0.3},
    "steps": {"steps": 9},
}


@pytest.mark.parametrize("name", TURNED)
def test_every_knob_changes_the_result(name: str) -> None:
    method = methods.get("multi-diffedit")
    base: dict[str, Any] = {"steps": 8} if name != "steps" else {}
    if name in ("closing", "smallest"):  # on masks of many pieces
        base |= {"rule": "quantile", "threshold": 0.7, "noises": 1, "closing": 0 if name == "smallest" else 2}

    def made(more: dict[str, Any]) -> Tensor:
        of = job(RED, replace(GREY, text="a sand mug"), model=Counted(tangled()))
        knobs = build(method, base | more)
        return method.edit(found(of, knobs), knobs)

    assert not torch.equal(made({}), made(TURNED[name])), name


@pytest.mark.parametrize(
    "given, says",
    [
        ({"threshold": 0.0}, "selects everything"),
        ({"rule": "quantile", "threshold": 2.0}, "is a part: give 1 or less"),
        ({"rule": "otsu", "clamp": 0.9}, "clamp has no effect at rule otsu"),
        ({"rule": "best"}, "no rule 'best'"),
        ({"overlap": "both"}, "no overlap 'both'"),
        ({"mask_strength": 0.01}, "is no step"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InkoverError, match=says):
        Settings(**given)
