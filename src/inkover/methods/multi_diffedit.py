"""DiffEdit for several changes at once: a mask for each, one tracing, and one walk down over all regions.

After the multi-prompt extension of DiffEdit (Bar, Tuval and Gelvan), fused as in MultiDiffusion (Bar-Tal et al. 2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from inkover.diffusion import samplers
from inkover.errors import InkoverError
from inkover.inversions.ddim import INVERSION
from inkover.masks import overlap
from inkover.masks.rules import RULES
from inkover.methods import maps, parts, tracks
from inkover.methods.contract import Concept, Cut, Method, Task, knob
from inkover.methods.settings import check

OWN = -1.0
"""A threshold that says: the rule's own number."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of multi-prompt DiffEdit; each change may have its own rule and threshold."""

    steps: int = parts.steps_knob(40)
    strength: float = parts.strength_knob(1.0)
    guidance: float = parts.guidance_knob(3.0)
    sampler: str = parts.sampler_knob(parts.TRACEABLE)
    negative: str = parts.negative_knob()
    inversion_prompt: str = parts.inversion_prompt_knob("source")
    noises: int = maps.noises_knob("masks are")
    mask_strength: float = maps.mask_strength_knob("masks are")
    clamp: float = knob(
        maps.CLAMP, "rule fixed: part of the map that is no extreme; the rest is cut", low=0.5, high=1, stage="mask"
    )
    rule: str = knob("fixed", "how a mask is cut out of its map", choices=tuple(RULES), stage="mask")
    threshold: float = knob(OWN, "the rule's number; -1 is the one it brings along", low=-1, high=100, stage="mask")
    closing: int = maps.closing_knob("a mask")
    smallest: int = knob(0, "pieces of a mask of fewer cells are left out", low=0, high=4096, stage="mask")
    overlap: str = knob(
        "owner",
        "where masks overlap: who differs most there, both texts together, the first of the list, or an error",
        choices=overlap.POLICIES,
    )
    bootstrap: float = knob(
        0.0, "part of the walked steps in which a change sees the photo around its place, not the other changes", low=0,
        high=1, stage="edit",
    )  # fmt: skip
    fused: bool = knob(True, "all changes in one walk; false makes one after the other, for comparison", stage="edit")
    spacing: str = parts.spacing_knob()
    guidance_from: float = parts.guidance_from_knob()
    guidance_to: float = parts.guidance_to_knob()
    rescale: float = parts.rescale_knob(0.7)

    def __post_init__(self) -> None:
        parts.check_traceable(self.sampler)
        check(self)
        parts.check_guidance(self)
        maps.check_mask_strength(self)
        if self.threshold != OWN and self.threshold <= 0:
            raise InkoverError(f"threshold {self.threshold:g} selects everything: give more than 0, or -1")
        if self.rule in ("fixed", "quantile") and self.threshold > 1:
            raise InkoverError(f"threshold {self.threshold:g} of rule {self.rule} is a part: give 1 or less")
        if self.overlap == "combined" and not self.fused:
            raise InkoverError("overlap combined writes both texts in one walk: leave fused out, or overlap")
        if self.bootstrap and not self.fused:
            raise InkoverError("bootstrap has no effect where changes are made one after the other: leave it out")
        if self.bootstrap and not parts.walked(parts.walked(self.steps, self.strength), self.bootstrap):
            least = f"{1 / max(parts.walked(self.steps, self.strength), 1):.4g}"
            raise InkoverError(f"bootstrap {self.bootstrap:g} of the walked steps is none: give {least} or more")
        if self.rule != "fixed" and self.clamp != maps.CLAMP:
            raise InkoverError(f"clamp has no effect at rule {self.rule}: leave it out, or give rule=fixed")


def find_masks(task: Task, knobs: Settings) -> tuple[Tensor, ...]:
    """Return a hard mask (1, 1, h, w) for each change, over the same noises; one that has its own keeps that.

    At overlap ``owner`` those that are found share no place.
    """
    at, noises = maps.level(task, knobs), maps.noises(task, knobs.noises)
    sought = {k: one for k, one in enumerate(_changes(task)) if one.mask is None}
    texts = {k: (task.model.text(one.source), task.model.text(one.text)) for k, one in sought.items()}
    with task.watch.stage("mask", len(sought) * knobs.noises):
        found = {k: maps.averaged(task, at, *both, noises) for k, both in texts.items()}
    cuts = {k: cut(one, knobs, sought[k].knobs) for k, one in found.items()}
    for k, one in cuts.items():
        task.watch.compared(k, one)
    masks = {k: one.mask for k, one in cuts.items()}
    if knobs.overlap == "owner" and masks:
        masks = dict(zip(masks, overlap.owned(list(masks.values()), list(found.values())), strict=True))
    return tuple(masks[k] if one.mask is None else one.mask for k, one in enumerate(_changes(task)))


def find_mask(task: Task, knobs: Settings) -> Tensor:
    """Return where anything is changed."""
    return torch.stack(find_masks(task, knobs)).amax(0)


def cut(found: Tensor, knobs: Settings, own: Mapping[str, Any]) -> Cut:
    """Cut one change's mask out of its map, by its own rule or that of all."""
    # a number that is meant for another rule says nothing of this one
    usual = OWN if own.get("rule", knobs.rule) != knobs.rule else knobs.threshold
    name, number = str(own.get("rule", knobs.rule)), float(own.get("threshold", usual))
    number = RULES[name][1] if number == OWN else number
    return maps.cut(found, knobs.clamp, number, knobs.closing, name=name, smallest=knobs.smallest)


def edit(task: Task, knobs: Settings) -> Tensor:
    """Return the clean latent of the changed photo; outside all masks it is the photo's, to the bit."""
    changes = tuple(enumerate(_changes(task)))
    if knobs.fused:
        return _walked(task, changes, knobs)
    if knobs.overlap == "priority":
        kept = overlap.prior([_mask(task, one) for _, one in changes])
        changes = tuple((k, replace(one, mask=mask)) for (k, one), mask in zip(changes, kept, strict=True))
    for change in changes:  # each on what the one before has made
        task = replace(task, photo=_walked(task, [change], knobs))
    return task.photo


def _walked(task: Task, changes: Sequence[tuple[int, Concept]], knobs: Settings) -> Tensor:
    """Trace once and walk down once: each region follows its own text, what is in none is the photo's at that level."""
    sampler, levels = samplers.get(knobs.sampler), parts.tail(parts.laid(task.model, knobs), knobs.strength)
    regions, null = laid_out(task, changes, knobs), task.model.text(knobs.negative)
    texts = [task.model.text(region.text) for region in regions]
    if not regions:
        return task.photo
    source = parts.traced_with(_source(task), knobs)
    photo = tracks.path(task, INVERSION, INVERSION.settings(), levels, source).latents
    x, rest = photo[0], 1 - torch.stack([region.mask for region in regions]).sum(0)
    members = sorted({member for region in regions for member in region.members})
    acting = {k: torch.stack([one.mask for one in regions if k in one.members]).sum(0) for k in members}
    alone = parts.walked(len(levels) - 1, knobs.bootstrap) if len(regions) > 1 else 0
    with task.watch.stage("edit", len(levels) - 1):
        denoise = parts.towards_each(task, texts, null, knobs, levels)
        for step, ((here, there), kept) in enumerate(zip(pairwise(levels), photo[1:], strict=True)):
            drawn = torch.zeros_like(x)
            shown = [parts.inside(one.mask, x, photo[step]) for one in regions] if step < alone else [x]
            for region, said in zip(regions, denoise(shown, here), strict=True):
                drawn = drawn + region.mask * sampler.step(said, here, there)[0]
            for member, mask in acting.items():
                task.watch.acted(member, mask)
            x = parts.inside(task.mask, drawn + rest * kept, kept)
    return x


@dataclass(frozen=True, slots=True)
class Region:
    """What is written where."""

    members: tuple[int, ...]  # which changes
    text: str
    mask: Tensor  # (1, 1, h, w)


def laid_out(task: Task, changes: Sequence[tuple[int, Concept]], knobs: Settings) -> list[Region]:
    """Return regions that share no place, with the text of each. Empty ones are left out."""
    masks = [_mask(task, one) for _, one in changes]
    if knobs.overlap == "forbid" and (shared := overlap.overlapping(masks)):
        one, other = (repr(changes[k][1].text) for k in shared)
        raise InkoverError(f"the masks of {one} and {other} overlap: shrink one, or give --set overlap=owner")
    parted: list[tuple[tuple[int, ...], Tensor]] = [((k,), mask) for k, mask in enumerate(overlap.prior(masks))]
    if knobs.overlap == "combined":
        parted = overlap.combined(masks)
    return [
        Region(found := tuple(changes[k][0] for k in members), _told(task, found, dict(changes)), mask)
        for members, mask in parted
        if mask.any()
    ]


def _mask(task: Task, change: Concept) -> Tensor:
    return torch.ones_like(task.photo[:, :1]) if change.mask is None else change.mask


def _changes(task: Task) -> tuple[Concept, ...]:
    """Return the changes, read in the photo's own text where that has them; source and target alone are one."""
    if not task.concepts:
        return (Concept(task.target, source=task.source, mask=task.mask),)
    return tuple(in_context(one, task.source) for one in task.concepts)


def in_context(change: Concept, said: str) -> Concept:
    """Return a change with the whole text of the photo around its words, where they stand in it once.

    Words alone leave the network to guess what else is there, and it draws that over.
    """
    pattern = r"(?<!\w)" + r"\s+".join(re.escape(word) for word in change.source.split()) + r"(?!\w)"
    places = list(re.finditer(pattern, said, re.IGNORECASE)) if said and change.source else []
    if len(places) != 1:
        return change
    start, end = places[0].span()
    text = type(said)(said[:start] + change.text + said[end:])  # it is the photo's text still, to who notes that
    return replace(change, source=said, text=text)


def _source(task: Task) -> str:
    """Return what the photo shows: its own text, or that of the only change. Pieces of several make no text of it."""
    return task.source or (task.concepts[0].source if len(task.concepts) == 1 else "")


def _told(task: Task, members: Sequence[int], changes: Mapping[int, Concept]) -> str:
    """Return the text of a region: of several changes, all of them in the photo's text, or one after the other."""
    if len(members) == 1:
        return changes[members[0]].text
    said = task.source
    for k in members:
        made = in_context(task.concepts[k], said)
        if made is task.concepts[k]:
            return ", ".join(task.concepts[one].text for one in members)
        said = made.text
    return said


def cost(knobs: Settings) -> Mapping[str, int]:
    """Return the network samples of each stage for one change.

    Each other takes as many for its mask, and one more a step: the null row is shared but in the bootstrap. One after
    the other, all of it.
    """
    steps = parts.walked(knobs.steps, knobs.strength)
    return {"mask": 2 * knobs.noises, "inversion": steps, "edit": parts.guided_samples(knobs)}


METHOD = Method(
    name="multi-diffedit",
    summary="Finds a mask for each of several changes by itself, and makes them all in one walk.",
    paper="Couairon et al. 2023, arXiv:2210.11427, and Bar-Tal et al. 2023, MultiDiffusion, arXiv:2302.08113",
    settings=Settings,
    edit=edit,
    cost=cost,
    find_mask=find_mask,
    find_masks=find_masks,
    draws=("mask",),
    several=("rule", "threshold"),
    compares=True,
    reading=("inversion_prompt",),
)
